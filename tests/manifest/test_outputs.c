/* SPDX-License-Identifier: Apache-2.0
 *
 * model.sealed, sealed metrics and the opened folder beside a manifest that holds
 * (docs/formats/manifest.md, MAN-070, MAN-071, MAN-076).
 */
#include "manifest/forged_walk.h"

/* ---- files beside the statement ---- */

static int fd_of(forge *f, const sw_seal_plan *plan, size_t size) {
    sw_hash root;
    int fd = forge_container(f, plan, size, &root);
    assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
    return fd;
}

static void test_sealed_files(void **state) {
    forge *f = *state;
    forge_plan(f);
    forge_make(f);
    sw_manifest_input in = forge_input(f);
    in.model_fd = -1;
    refused(&in, "no model.sealed", "model.sealed", "not in the folder");
    const sw_seal_plan same = output_plan(f), metrics = metrics_plan(f, 1);
    in = forge_input(f);
    in.model_fd = fd_of(f, &same, SIZE); /* another sealing of the same content */
    refused(&in, "another sealing", "model.sealed", "not the output");
    (void)close(in.model_fd);
    in = forge_input(f);
    in.model_fd = f->metrics_fds[0];
    refused(&in, "metrics as the model", "model.sealed", "not the output");
    int others[OWNERS] = {f->metrics_fds[0], -1, -1};
    in = forge_input(f);
    in.metrics_fds = others;
    sw_manifest_verdict v;
    accepted(&in, &v); /* MAN-076: those that are not there are their owners' */
    others[0] = fd_of(f, &metrics, 100);
    in = forge_input(f);
    in.metrics_fds = others;
    refused(&in, "another's metrics", "metrics", "not those");
    (void)close(others[0]);
    int more[OWNERS + 1] = {-1, -1, -1, f->metrics_fds[0]};
    in = forge_input(f);
    in.metrics_fds = more;
    in.metrics_count = OWNERS + 1;
    refused(&in, "metrics for nobody", "metrics", "does not name");
}

/* A container of the right root whose binding or size is wrong. */
static void test_sealed_bindings(void **state) {
    forge *f = *state;
    const struct {
        const char *name, *sentence;
        size_t size;
        uint64_t step;
        char compose, previous;
    } cases[] = {{"another size", "size", SIZE - 1, 4, 0, 0},
                 {"another step", "bound", SIZE, 3, 0, 0},
                 {"another recipe", "bound", SIZE, 4, 'x', 0},
                 {"another checkpoint", "bound", SIZE, 4, 0, 'p'}};
    for (size_t i = 0; i < COUNT(cases); i++) {
        sw_hash root;
        sw_seal_plan plan = output_plan(f);
        plan.binding.step = cases[i].step;
        if (cases[i].compose) plan.binding.compose = named_hash(cases[i].compose);
        if (cases[i].previous) plan.binding.previous_root = named_hash(cases[i].previous);
        int fd = forge_container(f, &plan, cases[i].size, &root);
        assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
        forge_plan(f);
        f->facts.output_root = root;
        forge_make(f);
        sw_manifest_input in = forge_input(f);
        in.model_fd = fd;
        refused(&in, cases[i].name, "model.sealed", cases[i].sentence);
        (void)close(fd);
    }
}

/* ---- the opened folder ---- */

static void test_opened(void **state) {
    forge *f = *state;
    static const char *const names[] = {"adapter.bin", "sealwright.json", "model.sig"};
    forge_plan(f);
    forge_make(f);
    for (size_t i = 0; i < FILES; i++) { /* one file missing; one changed in each bit */
        sw_oms_file files[FILES];
        sw_manifest_input in = forge_input(f);
        size_t count = 0;
        for (size_t k = 0; k < FILES; k++)
            if (k != i) files[count++] = f->model[k];
        in.model = forge_hashed(files, count);
        in.model_count = count;
        refused(&in, names[i], "model", "");
        SW_SCOPED(sw_buffer) copy = SW_BUFFER(1 << 16);
        sw_put_bytes(&copy, f->model[i].content);
        memcpy(files, f->model, sizeof files);
        files[i].content = bytes_of(&copy);
        for (size_t bit = 0; bit < copy.size * 8; bit += copy.size < 100 ? 1 : 37) {
            in = forge_input(f);
            copy.data[bit / 8] ^= (uint8_t)(1U << bit % 8);
            in.model = forge_hashed(files, FILES);
            refused(&in, names[i], "model", "");
            copy.data[bit / 8] ^= (uint8_t)(1U << bit % 8);
        }
    }
}

static void test_opened_names(void **state) {
    forge *f = *state;
    sw_oms_file files[FILES + 1];
    forge_plan(f);
    forge_make(f);
    memcpy(files, f->model, sizeof f->model);
    sw_manifest_input in = forge_input(f);
    files[0].name = "adapter.bim"; /* the root digest stays the same */
    in.model = forge_hashed(files, FILES);
    refused(&in, "renamed", "model", "not in the opened folder");
    files[0].name = "../adapter.bin";
    in = forge_input(f);
    in.model = forge_hashed(files, FILES);
    refused(&in, "a path", "model", "name");
    files[0] = f->model[0];
    files[FILES] = (sw_oms_file){"more.bin", SW_LITERAL("weights")};
    in = forge_input(f);
    in.model = forge_hashed(files, FILES + 1);
    in.model_count = FILES + 1;
    refused(&in, "one file more", "model", "no file that the run made");
    files[FILES].name = "adapter.bin";
    in = forge_input(f);
    in.model = forge_hashed(files, FILES + 1);
    in.model_count = FILES + 1;
    refused(&in, "a file twice", "model", "one name");
}

/* Facts that the commitment and the signature cover, and that are wrong all the same. */
static void test_opened_facts(void **state) {
    forge *f = *state;
    static const struct {
        const char *from, *to, *sentence;
    } cases[] = {{"sealwright/model/v1", "sealwright/model/v2", "another kind"},
                 {"\"compose_hash\":\"", "\"compose_hash\":\"0", ""},
                 {"\"size\":7", "\"size\":8", "not the file"},
                 {"\"name\":\"adapter.bin\"", "\"name\":\"adapter.bim\"", "not in"},
                 {"\"name\":\"adapter.bin\"", "\"more\":1,\"name\":\"adapter.bin\"", ""},
                 {"\"salt\":\"", "\"salt\":\"0", ""},
                 {",\"simulated\":true", "", "whether it is simulated"},
                 {"\"simulated\":true", "\"simulated\":false", "whether it is simulated"},
                 {"\"simulated\":true", "\"simulated\":1", ""},
                 {"{\"compose_hash\"", "{\"a\":1,\"compose_hash\"", ""}};
    for (size_t i = 0; i < COUNT(cases); i++) {
        sw_error err = {0};
        sw_oms_file files[FILES];
        sw_hash root;
        SW_SCOPED(sw_buffer) facts = SW_BUFFER(1 << 16);
        SW_SCOPED(sw_buffer) signature = SW_BUFFER(1 << 16);
        forge_plan(f);
        sw_put_bytes(&facts, bytes_of(&f->files[1]));
        f->from = cases[i].from;
        f->to = cases[i].to;
        forge_edit(f, &facts);
        f->from = NULL;
        memcpy(files, f->model, sizeof files);
        files[1].content = bytes_of(&facts);
        must(sw_oms_root(files, 2, &root, &err), &err);
        sw_model_commitment(&f->facts.model_commitment, &f->salt, &root);
        must(sw_oms_sign("forged", files, 2, &f->machines[1], &signature, &err), &err);
        files[2].content = bytes_of(&signature);
        forge_make(f);
        sw_manifest_input in = forge_input(f);
        in.model = forge_hashed(files, FILES);
        refused(&in, cases[i].to, "model", cases[i].sentence);
    }
}

static void test_opened_count(void **state) {
    forge *f = *state;
    static char names[100][8];
    sw_oms_file files[100 + FILES];
    forge_plan(f);
    forge_make(f);
    memcpy(files, f->model, sizeof f->model);
    for (size_t i = 0; i < COUNT(names); i++) {
        (void)snprintf(names[i], sizeof names[i], "f%zu", i);
        files[FILES + i] = (sw_oms_file){names[i], SW_LITERAL("x")};
    }
    sw_manifest_input in = forge_input(f);
    in.model = forge_hashed(files, FILES);
    in.model_count = COUNT(files);
    refused(&in, "a hundred files", "model", "at most 64");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sealed_files), cmocka_unit_test(test_sealed_bindings),
        cmocka_unit_test(test_opened),       cmocka_unit_test(test_opened_names),
        cmocka_unit_test(test_opened_facts), cmocka_unit_test(test_opened_count)};
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
