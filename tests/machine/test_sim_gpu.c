/* SPDX-License-Identifier: Apache-2.0
 *
 * Simulated GPUs: what lies in the folder, what a report says, what the one verifier of GPUs makes
 * of one, two and sixteen of them, and a gpus.json that is none. docs/formats/gpu-policy.md,
 * GPU-230 on.
 */
#include "attest/forge.h"
#include "sys/files.h"

#include <sys/stat.h>

/* ---- a machine of so many, verified ---- */
static void ask(const forge *f, sw_arena *a, sw_sim_gpus *g, const sw_hash *nonce,
                sw_gpu_device devices[SW_GPU_LIMIT]) {
    sw_error err = {0};
    if (sw_sim_gpus_load(a, f->folder, g, &err) != SW_OK) fail_msg("%s", err.message);
    for (size_t i = 0; i < g->facts.count; i++) {
        SW_SCOPED(sw_buffer) report = SW_BUFFER(SW_GPU_REPORT_LIMIT);
        if (sw_sim_gpu_report_make(g, i, nonce, &f->entropy, &report, &err) != SW_OK)
            fail_msg("%s", err.message);
        devices[i] = (sw_gpu_device){sw_arena_copy(a, sw_buffer_bytes(&report)), g->chains[i]};
    }
}

static void test_verified(void **state) {
    (void)state;
    static const size_t counts[] = {1, 2, SW_GPU_LIMIT};
    const sw_hash nonce = {{7, 7, 7}};
    for (size_t i = 0; i < COUNT(counts); i++) {
        static forge f;
        static sw_sim_gpus g;
        static sw_gpu_claims claims[SW_GPU_LIMIT];
        sw_gpu_device devices[SW_GPU_LIMIT];
        SW_SCOPED(sw_arena) a = {0};
        sw_error err = {0};
        forge_open_gpus(&f, counts[i]);
        memset(&g, 0, sizeof g);
        ask(&f, &a, &g, &nonce, devices);
        assert_int_equal(sw_sim_gpus_answer(&g, FORGE_NOW, FORGE_DAY, &err), SW_OK);
        assert_int_equal(g.collateral.ocsp_count, counts[i] + 5);
        assert_int_equal(f.policy.gpu.count, counts[i]);
        assert_int_equal(sw_policy_complete(&f.policy, NULL), SW_OK);
        if (sw_gpu_verify(devices, counts[i], &g.collateral, &f.policy.gpu, FORGE_NOW, NULL, claims,
                          &err) != SW_OK ||
            sw_gpu_fresh(claims, counts[i], &nonce, &err) != SW_OK ||
            sw_gpu_policy_check(&f.policy.gpu, claims, counts[i], FORGE_NOW, NULL, &err) != SW_OK)
            fail_msg("%zu: %s", counts[i], err.message);
        assert_int_equal(claims[0].feature, counts[i] > 1);
        assert_true(claims[0].revocation_checked);
        sw_sim_gpus_free(&g);
        forge_close(&f);
    }
}

/* ---- what the authorities answer (GPU-235) ---- */
static void answered(sw_sim_gpus *g, int64_t wall_ms, int64_t max_age_ms, sw_arena *a,
                     sw_bytes *out) {
    sw_error err = {0};
    if (sw_sim_gpus_answer(g, wall_ms, max_age_ms, &err) != SW_OK) fail_msg("%s", err.message);
    assert_int_equal(g->collateral.ocsp_count, 6);
    *out = sw_arena_copy(a, g->collateral.ocsp[0]);
}

/* Kept until they are half as old as accepted; begun a little earlier than they are made. */
static void test_answers(void **state) {
    (void)state;
    static forge f;
    static sw_sim_gpus g;
    static sw_gpu_claims claims[1];
    sw_gpu_device devices[SW_GPU_LIMIT];
    const sw_hash nonce = {{5}};
    const int64_t minute = 60000, hour = 60 * minute;
    SW_SCOPED(sw_arena) a = {0};
    sw_bytes first, same, next;
    forge_open_gpus(&f, 1);
    ask(&f, &a, &g, &nonce, devices);
    answered(&g, FORGE_NOW, FORGE_DAY, &a, &first);
    const int64_t from = g.answered_ms;
    assert_true(from < FORGE_NOW - minute && from > FORGE_NOW - 10 * minute);
    answered(&g, from + 12 * hour - 1, FORGE_DAY, &a, &same);
    assert_true(sw_bytes_equal(first, same));
    answered(&g, from + 12 * hour - 1, 366 * FORGE_DAY, &a, &same);
    assert_true(sw_bytes_equal(first, same));
    answered(&g, from + hour, 2 * hour, &a, &next);
    assert_false(sw_bytes_equal(first, next));
    assert_true(g.answered_ms > from);
    answered(&g, from + 14 * hour, 366 * FORGE_DAY, &a, &same); /* no older than their own end */
    assert_false(sw_bytes_equal(next, same));
    answered(&g, FORGE_NOW, FORGE_DAY, &a, &next); /* a clock that was put back */
    assert_int_equal(g.answered_ms, from);
    const int64_t ends[] = {from, from + FORGE_DAY - 1};
    for (size_t i = 0; i < COUNT(ends); i++)
        assert_int_equal(
            sw_gpu_verify(devices, 1, &g.collateral, &f.policy.gpu, ends[i], NULL, claims, NULL),
            SW_OK);
    assert_int_equal(claims[0].ocsp_from_ms, from);
    assert_int_equal(sw_gpu_verify(devices, 1, &g.collateral, &f.policy.gpu, from + FORGE_DAY, NULL,
                                   claims, NULL),
                     SW_REFUSED);
    sw_sim_gpus_free(&g);
    forge_close(&f);
}

/* ---- one report ---- */
static void test_report(void **state) {
    (void)state;
    static forge f;
    static sw_sim_gpus g;
    sw_gpu_device first[SW_GPU_LIMIT], second[SW_GPU_LIMIT];
    static sw_gpu_report r, again;
    const sw_hash nonce = {{1, 2, 3}};
    char driver[128], vbios[128];
    uint8_t expected[SW_SHA384_BYTES];
    SW_SCOPED(sw_arena) a = {0};
    forge_open_gpus(&f, 1);
    ask(&f, &a, &g, &nonce, first);
    sw_sim_gpus_free(&g);
    ask(&f, &a, &g, &nonce, second);
    assert_int_equal(sw_gpu_report_parse(first[0].report, &r, NULL), SW_OK);
    assert_int_equal(sw_gpu_report_parse(second[0].report, &again, NULL), SW_OK);
    assert_memory_equal(r.nonce, nonce.b, sizeof nonce.b);
    assert_memory_not_equal(r.responder_nonce, again.responder_nonce, sizeof r.responder_nonce);
    assert_int_equal(r.block_count, SW_GPU_BLOCK_LIMIT);
    assert_int_equal(r.trailing_bytes, 0);
    assert_false(r.is_switch || r.nvdec0_disabled);
    assert_string_equal(r.driver, "570.172.08");
    assert_string_equal(r.vbios, "96.00.CF.00.02");
    sw_gpu_rim_names(&r, driver, vbios);
    assert_string_equal(driver, "NV_GPU_DRIVER_GH100_570.172.08");
    assert_string_equal(vbios, "NV_GPU_VBIOS_1010_0200_882_9600CF0002");
    for (size_t i = 0; i < SW_GPU_BLOCK_LIMIT; i++) {
        assert_true(r.present[i]);
        sw_sim_gpu_measurement(&g.facts, i, expected);
        assert_memory_equal(r.blocks[i], expected, sizeof expected);
        assert_false(sw_sim_gpu_measures(SW_RIM_DRIVER, i) && sw_sim_gpu_measures(SW_RIM_VBIOS, i));
        for (size_t k = 0; k < i; k++)
            assert_memory_not_equal(r.blocks[i], r.blocks[k], sizeof r.blocks[i]);
    }
    sw_sim_gpus_free(&g);
    forge_close(&f);
}

/* A folder whose authorities cannot answer: what is wrong, and in which file. */
static void no_answer(const forge *f, const char *sentence) {
    static sw_sim_gpus g;
    SW_SCOPED(sw_arena) a = {0};
    sw_error err = {0};
    memset(&g, 0, sizeof g);
    assert_int_equal(sw_sim_gpus_load(&a, f->folder, &g, NULL), SW_OK);
    assert_int_equal(sw_sim_gpus_answer(&g, FORGE_NOW, FORGE_DAY, &err), SW_MALFORMED);
    if (strstr(err.message, sentence) == NULL)
        fail_msg("\"%s\" is not in \"%s\"", sentence, err.message);
    assert_int_equal(g.collateral.ocsp_count, 0);
    sw_sim_gpus_free(&g);
}

/* ---- the folder ---- */
static char *path_in(const forge *f, const char *name) {
    static char path[160];
    (void)snprintf(path, sizeof path, "%s/%s", f->folder, name);
    return path;
}

static void test_without(void **state) {
    (void)state;
    static forge f;
    static const sw_gpu_policy none;
    forge_open(&f);
    assert_false(sw_path_exists(path_in(&f, "gpus.json")));
    assert_false(sw_path_exists(path_in(&f, "keys/gpu-device-root")));
    assert_false(sw_path_exists(path_in(&f, "gpu_driver_rim.xml")));
    assert_memory_equal(&f.policy.gpu, &none, sizeof none);
    forge_close(&f);
}

static void test_keys(void **state) {
    (void)state;
    static forge f;
    static const char *const names[] = {
        "keys/gpu-device-root", "keys/gpu-family", "keys/gpu-provisioner",
        "keys/gpu-rim-root",    "keys/gpu-rim-ca", "keys/gpu-rim-issuer",
        "keys/gpu-rim-signer",  "keys/gpu-0-rom",  "keys/gpu-0-leaf"};
    forge_open_gpus(&f, 1);
    for (size_t i = 0; i < COUNT(names); i++) {
        struct stat s;
        assert_int_equal(stat(path_in(&f, names[i]), &s), 0);
        assert_int_equal(s.st_mode & 0777, 0600);
        assert_int_equal(s.st_size, SW_P384_SECRET_BYTES);
    }
    assert_false(sw_path_exists(path_in(&f, "keys/gpu-1-leaf")));
    forge_close(&f);
}

static void put(const forge *f, const char *name, sw_bytes content, mode_t mode) {
    assert_int_equal(sw_file_write(path_in(f, name), content, mode, SW_WRITE_REPLACE, NULL), SW_OK);
}

static void refused(const forge *f, const char *sentence) {
    SW_SCOPED(sw_arena) a = {0};
    sw_machine *m = NULL;
    sw_error err = {0};
    if (sw_machine_boot(f->machine, f->compose_text, f->app_id, &f->entropy, &f->clock, &m, &err) ==
        SW_OK)
        fail_msg("booted: %s", sentence);
    if (strstr(err.message, sentence) == NULL)
        fail_msg("\"%s\" is not in \"%s\"", sentence, err.message);
    assert_null(m);
}

#define ROOT "0303030303030303030303030303030303030303030303030303030303030303"
#define GOOD                                                                                       \
    "{\"count\":1,\"driver\":\"1.2\",\"kind\":\"sealwright/sim-gpus/v1\",\"rim_root\":\"" ROOT     \
    "\",\"vbios\":\"0011223344556677\"}"

static void test_bad_folder(void **state) {
    (void)state;
    static const struct {
        const char *old, *new, *sentence;
    } table[] = {
        {"\"count\":1", "\"count\":0", "gpus.json is not that of a machine"},
        {"\"count\":1", "\"count\":17", "count"},
        {"\"count\":1", "\"count\":2", "gpu_1_chain.pem"},
        {"\"count\":1,", "", "count"},
        {"\"1.2\"", "\"\"", "gpus.json is not that of a machine"},
        {"1.2", "12345678901234567890123456789012", "gpus.json is not that of a machine"},
        {"sim-gpus/v1", "sim-gpus/v2", "gpus.json is not that of a machine"},
        {ROOT, "03", "rim_root"},
        {"0011223344556677", "00112233445566", "vbios"},
        {"\"driver\"", "\"drivers\"", "drivers"},
        {":1,", ": 1,", "RFC 8785"},
    };
    static forge f;
    forge_open_gpus(&f, 1);
    for (size_t i = 0; i < COUNT(table); i++) {
        SW_SCOPED(sw_arena) a = {0};
        put(&f, "gpus.json", replaced(&a, SW_LITERAL(GOOD), table[i].old, table[i].new, 0), 0600);
        refused(&f, table[i].sentence);
    }
    put(&f, "gpus.json", SW_LITERAL(GOOD), 0600);
    put(&f, "keys/gpu-0-leaf", SW_LITERAL("too short"), 0600);
    refused(&f, "keys/gpu-0-leaf has not 48 bytes");
    put(&f, "keys/gpu-0-leaf", SW_LITERAL("too open"), 0644);
    refused(&f, "keys/gpu-0-leaf");
    forge_close(&f);
}

static void test_bad_authorities(void **state) {
    (void)state;
    static forge f;
    SW_SCOPED(sw_arena) a = {0};
    sw_bytes chain, key;
    forge_open_gpus(&f, 1);
    assert_int_equal(sw_sim_read(&a, f.folder, "gpu_rim_chain.pem", &chain, NULL), SW_OK);
    assert_int_equal(sw_sim_read(&a, f.folder, "keys/gpu-rim-root", &key, NULL), SW_OK);
    put(&f, "gpu_rim_chain.pem", SW_BYTES(chain.data, chain.size / 2), 0644);
    no_answer(&f, "gpu_rim_chain.pem: ");
    const uint8_t *second = memmem(chain.data + 1, chain.size - 1, "-----BEGIN", 10);
    assert_non_null(second);
    put(&f, "gpu_rim_chain.pem", SW_BYTES(second, (size_t)(chain.data + chain.size - second)),
        0644);
    no_answer(&f, "gpu_rim_chain.pem: a GPU's chain has 3 certificates, not 4");
    put(&f, "gpu_rim_chain.pem", chain, 0644);
    put(&f, "keys/gpu-family", key, 0600);
    no_answer(&f, "gpu_0_chain.pem: keys/gpu-family is not the key of the certificate above it");
    forge_close(&f);
}

/* A machine has as many as its limit, never more. */
static void test_too_many(void **state) {
    (void)state;
    const sw_entropy entropy = sw_entropy_system();
    sw_error err = {0};
    assert_int_equal(
        sw_sim_init_gpus("/tmp/sealwright-test-many", SW_GPU_LIMIT + 1, &entropy, FORGE_NOW, &err),
        SW_USAGE);
    assert_false(sw_path_exists("/tmp/sealwright-test-many"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_verified),
        cmocka_unit_test(test_answers),
        cmocka_unit_test(test_report),
        cmocka_unit_test(test_without),
        cmocka_unit_test(test_keys),
        cmocka_unit_test(test_bad_folder),
        cmocka_unit_test(test_bad_authorities),
        cmocka_unit_test(test_too_many),
    };
    return cmocka_run_group_tests_name("simulated GPUs", tests, NULL, NULL);
}
