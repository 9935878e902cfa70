/* SPDX-License-Identifier: Apache-2.0
 *
 * Intel's own collateral, from ../shared/vectors/tdx, through a provisioning service on loopback:
 * fetched at the time that each vector names, it must be given exactly when it proves the vector's
 * quote, and must then be the published bytes. Without the vectors the program says so.
 */
#include "cmocka_plain.h"

#include "codec/json.h"
#include "machine/collect.h"
#include "machine/pcs.h"
#include "sys/files.h"

#include <dirent.h>

#define VECTORS "../shared/vectors/tdx"

static pcs service;
static int64_t now_ms;

static int64_t wall(void *context) {
    (void)context;
    return now_ms;
}

static bool load(sw_arena *a, const char *folder, const char *name, sw_bytes *out) {
    SW_SCOPED(sw_buffer) file = SW_BUFFER((size_t)4 << 20);
    char path[512];
    (void)snprintf(path, sizeof path, VECTORS "/%s/%s", folder, name);
    if (sw_file_read(path, (size_t)4 << 20, &file, NULL) != SW_OK) return false;
    *out = sw_arena_copy(a, sw_buffer_bytes(&file));
    return out->data != NULL;
}

typedef struct vector {
    sw_arena arena;
    sw_bytes quote;
    sw_collateral published;
} vector;

/* False for a folder that is no quote with all of its collateral. */
static bool vector_open(vector *v, const char *folder) {
    static const char *const names[] = {
        "quote.bin",   "expected.json",   "tcb_info.json",        "qe_identity.json",
        "pck_crl.der", "root_ca_crl.der", "tcb_signing_chain.pem"};
    sw_bytes files[7];
    sw_json *notes;
    *v = (vector){0};
    for (size_t i = 0; i < 7; i++)
        if (!load(&v->arena, folder, names[i], &files[i])) return false;
    v->quote = files[0];
    sw_collateral *c = &v->published;
    c->pck_crl = files[4];
    c->root_crl = files[5];
    c->tcb_info.issuer_chain = c->qe_identity.issuer_chain = files[6];
    if (sw_pcs_parse(files[2], "tcbInfo", &c->tcb_info, NULL) != SW_OK ||
        sw_pcs_parse(files[3], "enclaveIdentity", &c->qe_identity, NULL) != SW_OK ||
        sw_json_parse(&v->arena, files[1], NULL, &notes, NULL) != SW_OK)
        return false;
    const sw_json *at = sw_json_member(sw_json_member(notes, "verify_at"), "unix");
    now_ms = at != NULL && at->integral ? at->integer * 1000 : 0;
    return at != NULL;
}

static const sw_policy *intel(void) {
    static sw_policy p = {.platform = SW_PLATFORM_TDX, .anchor_count = 1};
    SW_SCOPED(sw_buffer) root = SW_BUFFER(4096);
    assert_int_equal(
        sw_file_read("../shared/vectors/dstack/dcap-qvl-intel-sgx-root-ca.der", 4096, &root, NULL),
        SW_OK);
    sw_sha256(&p.anchors[0], sw_buffer_bytes(&root));
    return &p;
}

/* Whether it was given. */
static bool fetched(vector *v, const char *folder) {
    char address[256];
    (void)snprintf(address, sizeof address, "https://127.0.0.1:%u/good+%s", service.port, folder);
    const sw_collateral_source s = {.pcs_url = address,
                                    .ca_file = service.ca,
                                    .timeout_ms = 20000,
                                    .clock = {wall, wall, NULL}};
    const sw_collateral *p = &v->published;
    sw_collateral c = {0};
    sw_collateral_facts facts;
    sw_error err = {0};
    sw_status judged = sw_collateral_judge(v->quote, p, intel(), now_ms, &facts, NULL);
    sw_status status = sw_collateral_fetch(&s, &v->arena, v->quote, &c, NULL, &err);
    if ((status == SW_OK) != (judged == SW_OK)) fail_msg("%s: %s", folder, err.message);
    if (status != SW_OK) return false;
    assert_true(sw_bytes_equal(c.tcb_info.text, p->tcb_info.text));
    assert_true(sw_bytes_equal(c.qe_identity.text, p->qe_identity.text));
    assert_true(sw_bytes_equal(c.pck_crl, p->pck_crl));
    assert_true(sw_bytes_equal(c.root_crl, p->root_crl));
    return true;
}

static void test_vectors(void **state) {
    (void)state;
    SW_SCOPED(sw_arena) a = {0};
    const char **names;
    size_t count, held = 0, refused = 0;
    assert_int_equal(sw_folder_list(&a, VECTORS, 1000, &names, &count, NULL), SW_OK);
    for (size_t i = 0; i < count; i++) {
        vector v;
        if (vector_open(&v, names[i])) {
            if (fetched(&v, names[i]))
                held++;
            else
                refused++;
        }
        sw_arena_free(&v.arena);
    }
    print_message("# %zu given, %zu refused\n", held, refused);
    assert_true(held >= 31);
    assert_true(refused >= 2);
}

static int setup(void **state) {
    (void)state;
    return pcs_start(&service, VECTORS) ? 0 : -1;
}

static int teardown(void **state) {
    (void)state;
    pcs_stop(&service);
    return 0;
}

int main(void) {
    if (!sw_path_is_folder(VECTORS)) {
        (void)puts("1..0 # SKIP no folder " VECTORS);
        return 0;
    }
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_vectors)};
    return cmocka_run_group_tests_name("collateral of Intel", tests, setup, teardown);
}
