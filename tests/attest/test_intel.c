/* SPDX-License-Identifier: Apache-2.0
 *
 * Quotes and collateral of Intel's own machines, from ../shared/vectors/tdx: each must come to the
 * verdict that an independent evaluator (Python, OpenSSL's bindings) wrote beside it, under Intel's
 * root as the policy's anchor, and to a refusal when anything is bent. Without the vectors the
 * program says so.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "attest/tdx_internal.h"
#include "codec/text.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define VECTORS    "../shared/vectors/tdx"
#define GOOD       "v4-b0c06f-uptodate-2025-06-dcapqvl"
#define FILE_BYTES ((size_t)256 << 10)
#define DAY_MS     ((int64_t)86400 * 1000)

typedef struct vector {
    sw_arena arena;
    sw_bytes quote;
    sw_collateral collateral;
    sw_json *expected;
    int64_t at_ms;
} vector;

static sw_policy intel; /* its anchor alone is used here */

static sw_bytes load(sw_arena *a, const char *folder, const char *name) {
    char path[512];
    (void)snprintf(path, sizeof path, "%s/%s/%s", VECTORS, folder, name);
    FILE *file = fopen(path, "rb");
    if (file == NULL) return (sw_bytes){0};
    uint8_t *bytes = sw_arena_alloc(a, FILE_BYTES, 1);
    assert_non_null(bytes);
    size_t size = fread(bytes, 1, FILE_BYTES, file);
    (void)fclose(file);
    return SW_BYTES(bytes, size);
}

static const char *text_of(sw_arena *a, const sw_json *object, const char *name) {
    const sw_json *m = sw_json_member(object, name);
    return m == NULL || m->type != SW_JSON_STRING ? NULL : sw_arena_text(a, m->text);
}

static int64_t number_of(const sw_json *object, const char *name) {
    const sw_json *m = sw_json_member(object, name);
    return m == NULL || !m->integral ? -1 : m->integer;
}

static bool open_vector(vector *v, const char *folder) {
    memset(v, 0, sizeof *v);
    v->quote = load(&v->arena, folder, "quote.bin");
    sw_bytes notes = load(&v->arena, folder, "expected.json");
    sw_bytes info = load(&v->arena, folder, "tcb_info.json");
    if (v->quote.size == 0 || notes.size == 0 || info.size == 0) return false;
    sw_collateral *c = &v->collateral;
    c->pck_crl = load(&v->arena, folder, "pck_crl.der");
    c->root_crl = load(&v->arena, folder, "root_ca_crl.der");
    c->tcb_info.issuer_chain = load(&v->arena, folder, "tcb_signing_chain.pem");
    c->qe_identity.issuer_chain = c->tcb_info.issuer_chain;
    sw_error err = {0};
    if (sw_pcs_parse(info, "tcbInfo", &c->tcb_info, &err) != SW_OK ||
        sw_pcs_parse(load(&v->arena, folder, "qe_identity.json"), "enclaveIdentity",
                     &c->qe_identity, &err) != SW_OK ||
        sw_json_parse(&v->arena, notes, NULL, &v->expected, &err) != SW_OK)
        fail_msg("%s: %s", folder, err.message);
    v->at_ms = number_of(sw_json_member(v->expected, "verify_at"), "unix") * 1000;
    return true;
}

static sw_status judge(const vector *v, int64_t at_ms, sw_tdx_verdict *out, sw_error *err) {
    const sw_judge by = {&intel, at_ms, NULL};
    sw_tdx_quote quote;
    return sw_tdx_verify(v->quote, &v->collateral, &by, &quote, out, err);
}

static void check_refused(const vector *v, int64_t at_ms, const char *sentence) {
    sw_tdx_verdict verdict;
    sw_error err = {0};
    assert_int_not_equal(judge(v, at_ms, &verdict, &err), SW_OK);
    if (strstr(err.message, sentence) == NULL)
        fail_msg("\"%s\" is not in \"%s\"", sentence, err.message);
}

/* ---- every vector against its note ---- */
static void check_status(sw_arena *a, const sw_json *expected, const char *name, unsigned status) {
    const char *text = text_of(a, expected, name);
    if (text != NULL) assert_string_equal(sw_tcb_status_name(status), text);
}

static void check_advisories(const sw_json *expected, const char *list) {
    const sw_json *array = sw_json_member(expected, "advisories");
    size_t count = list[0] == 0 ? 0 : 1;
    for (const char *c = list; *c != 0; c++) count += *c == ',';
    assert_int_equal(count, array->count);
    for (const sw_json *item = array->first; item != NULL; item = item->next) {
        char id[64];
        (void)snprintf(id, sizeof id, "%.*s", (int)item->text.size, (const char *)item->text.data);
        assert_non_null(strstr(list, id));
    }
}

static void check_window(const vector *v, const sw_tdx_verdict *verdict) {
    const sw_json *window = sw_json_member(v->expected, "valid_window");
    char text[21];
    sw_time_text(text, verdict->valid_from_ms);
    assert_true(sw_bytes_is(sw_json_member(window, "not_before")->text, text));
    sw_time_text(text, verdict->valid_until_ms);
    assert_true(sw_bytes_is(sw_json_member(window, "not_after")->text, text));
}

static void check_flags(const vector *v, const sw_json *expected) {
    static const struct {
        const char *flag, *sentence;
    } table[] = {{"DEBUG", "DEBUG"},
                 {"no_SEPT_VE_DISABLE", "SEPT_VE_DISABLE"},
                 {"MRSERVICETD", "MRSERVICETD"}};
    const sw_json *flags = sw_json_member(expected, "policy_flags");
    sw_tdx_quote quote;
    assert_int_equal(sw_tdx_quote_parse(v->quote, &quote, NULL), SW_OK);
    for (const sw_json *f = flags->first; f != NULL; f = f->next)
        for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
            sw_error err = {0};
            if (!sw_bytes_is(f->text, table[i].flag)) continue;
            assert_int_equal(sw_td_attributes_check(&quote.td, NULL, &err), SW_REFUSED);
            assert_non_null(strstr(err.message, table[i].sentence));
        }
}

static void check_pck(vector *v, const sw_tdx_verdict *verdict) {
    const sw_json *quote = sw_json_member(v->expected, "quote");
    const sw_json *svns = sw_json_member(quote, "sgx_tcb_comp_svns");
    char hex[64];
    sw_hex_text(hex, SW_BYTES_OF(verdict->pck.ppid));
    assert_string_equal(hex, text_of(&v->arena, quote, "ppid"));
    sw_hex_text(hex, SW_BYTES_OF(verdict->pck.fmspc));
    assert_string_equal(hex, text_of(&v->arena, quote, "fmspc"));
    sw_hex_text(hex, SW_BYTES_OF(verdict->pck.cpu_svn));
    assert_string_equal(hex, text_of(&v->arena, quote, "cpusvn"));
    assert_int_equal(verdict->pck.pce_svn, number_of(quote, "pce_svn"));
    size_t i = 0;
    for (const sw_json *s = svns->first; s != NULL; s = s->next)
        assert_int_equal(verdict->pck.component[i++], s->integer);
}

static void check_verified(vector *v, const char *folder, const sw_json *expected) {
    sw_tdx_verdict verdict;
    sw_error err = {0};
    if (judge(v, v->at_ms, &verdict, &err) != SW_OK) fail_msg("%s: %s", folder, err.message);
    check_status(&v->arena, expected, "tcb_status", verdict.tcb.all);
    check_status(&v->arena, expected, "platform_status", verdict.tcb.platform);
    check_status(&v->arena, expected, "module_status", verdict.tcb.module);
    check_status(&v->arena, expected, "qe_status", verdict.tcb.qe);
    assert_int_equal(verdict.tcb.module_level, text_of(&v->arena, expected, "module_id") != NULL);
    check_advisories(expected, verdict.tcb.advisories);
    check_window(v, &verdict);
    check_pck(v, &verdict);
    const sw_json *numbers = sw_json_member(v->expected, "tcb_evaluation_data_number");
    assert_int_equal(verdict.tcb_evaluation_number, number_of(numbers, "tcb_info"));
    assert_int_equal(verdict.qe_evaluation_number, number_of(numbers, "qe_identity"));
    check_refused(v, verdict.valid_from_ms - 1, "is not valid yet");
    check_refused(v, verdict.valid_until_ms, "is no longer valid");
    check_refused(v, v->at_ms - 4000 * DAY_MS, "is not valid yet");
}

static bool check_vector(const char *folder) {
    vector v;
    bool there = open_vector(&v, folder);
    const sw_json *expected = there ? sw_json_member(v.expected, "expected") : NULL;
    if (there && v.collateral.root_crl.size == 0) {
        check_refused(&v, v.at_ms, "root's revocation list"); /* nothing can be left out */
    } else if (expected != NULL) {
        bool verified = sw_bytes_is(sw_json_member(expected, "verdict")->text, "VERIFIED");
        bool early = sw_json_member(expected, "errors")->count > 0;
        if (verified)
            check_verified(&v, folder, expected);
        else
            check_refused(&v, v.at_ms, early ? "is not valid yet" : "is not supported");
        check_flags(&v, expected);
    }
    sw_arena_free(&v.arena);
    return expected != NULL;
}

static void test_notes(void **state) {
    (void)state;
    size_t count = 0;
    DIR *folder = opendir(VECTORS);
    assert_non_null(folder);
    for (struct dirent *entry = readdir(folder); entry != NULL; entry = readdir(folder))
        if (entry->d_name[0] == 'v') count += check_vector(entry->d_name);
    (void)closedir(folder);
    assert_true(count >= 35);
}

/* ---- parts of other bundles ---- */
static void test_swapped_parts(void **state) {
    (void)state;
    vector v;
    assert_true(open_vector(&v, GOOD));
    const sw_collateral good = v.collateral;
    v.collateral.pck_crl = load(&v.arena, "pool", "pck_crl_processor_2026-02-14.der");
    check_refused(&v, v.at_ms, "not of the PCK certificate's issuer");
    v.collateral = good;
    v.collateral.root_crl = good.pck_crl;
    check_refused(&v, v.at_ms, "not of this root");
    v.collateral = good;
    sw_bytes other = load(&v.arena, "pool", "tcb_c0806f000000_eval17_2024-09-02.json");
    assert_int_equal(sw_pcs_parse(other, "tcbInfo", &v.collateral.tcb_info, NULL), SW_OK);
    check_refused(&v, v.at_ms, "is no longer valid");
    memcpy(v.collateral.tcb_info.signature, good.qe_identity.signature, 64);
    check_refused(&v, v.at_ms, "TCB info's signature does not hold");
    v.collateral = good;
    memcpy(v.collateral.qe_identity.signature, good.tcb_info.signature, 64);
    check_refused(&v, v.at_ms, "QE identity's signature does not hold");
    v.collateral = good;
    v.collateral.tcb_info = good.qe_identity;
    check_refused(&v, v.at_ms, "tcbInfo.id is not TDX");
    sw_arena_free(&v.arena);
}

static void test_other_fmspc(void **state) {
    (void)state;
    vector v, other;
    assert_true(open_vector(&v, "v4-b0c06f-uptodate-near-2026-03"));
    assert_true(open_vector(&other, "v4-90c06f-aztdx-uptodate-2026-03-live"));
    v.collateral.tcb_info = other.collateral.tcb_info;
    check_refused(&v, v.at_ms, "another FMSPC");
    sw_arena_free(&v.arena);
    sw_arena_free(&other.arena);
}

static void test_other_anchor(void **state) {
    (void)state;
    vector v;
    assert_true(open_vector(&v, GOOD));
    intel.anchors[0].b[31] ^= 1;
    check_refused(&v, v.at_ms, "a root that the machine policy does not name");
    intel.anchors[0].b[31] ^= 1;
    sw_arena_free(&v.arena);
    assert_true(open_vector(&v, "v5-10806f-untrusted-root-gotdxguest") || v.quote.size > 0);
    sw_arena_free(&v.arena);
}

static void test_broken_quotes(void **state) {
    (void)state;
    static const char *const folders[] = {"neg-v4-corrupt-pem", "neg-v4-truncated-632"};
    static const char *const sentences[] = {"PCK chain", "ends inside its signature data"};
    vector v;
    assert_true(open_vector(&v, GOOD));
    for (size_t i = 0; i < 2; i++) {
        v.quote = load(&v.arena, folders[i], "quote.bin");
        assert_true(v.quote.size > 0);
        check_refused(&v, v.at_ms, sentences[i]);
    }
    sw_arena_free(&v.arena);
}

/* ---- bytes behind, bytes bent ---- */
static void test_trailing(void **state) {
    (void)state;
    vector v;
    sw_tdx_quote quote;
    sw_error err = {0};
    assert_true(open_vector(&v, "v4-00806f-cos113-uptodate-2025-05"));
    v.quote = load(&v.arena, "v4-00806f-cos113-uptodate-2025-05", "quote_as_published.bin");
    sw_tdx_verdict verdict;
    assert_int_equal(judge(&v, v.at_ms, &verdict, &err), SW_OK);
    assert_int_equal(sw_tdx_quote_parse(v.quote, &quote, &err), SW_OK);
    assert_int_equal(quote.trailing_bytes, 8000 - 4935);
    ((uint8_t *)(uintptr_t)v.quote.data)[7999] = 1;
    check_refused(&v, v.at_ms, "other than zeros");
    sw_arena_free(&v.arena);
}

static void test_cuts_and_flips(void **state) {
    (void)state;
    vector v;
    assert_true(open_vector(&v, GOOD));
    sw_tdx_verdict verdict;
    sw_bytes whole = v.quote;
    uint8_t *bytes = (uint8_t *)(uintptr_t)whole.data;
    for (size_t size = 0; size < whole.size; size++) {
        v.quote = SW_BYTES(bytes, size);
        assert_int_not_equal(judge(&v, v.at_ms, &verdict, NULL), SW_OK);
    }
    v.quote = whole;
    for (size_t bit = 0; bit < 8 * whole.size; bit += 13) {
        bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
        if (judge(&v, v.at_ms, &verdict, NULL) == SW_OK) fail_msg("bit %zu went unseen", bit);
        bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    assert_int_equal(judge(&v, v.at_ms, &verdict, NULL), SW_OK);
    sw_arena_free(&v.arena);
}

int main(void) {
    static const char root[] = "44a0196b2b99f889b8e149e95b807a350e7424964399e885a7cbb8ccfab674d3";
    DIR *folder = opendir(VECTORS);
    if (folder == NULL) {
        (void)puts("1..0 # SKIP no folder ../shared/vectors/tdx");
        return 0;
    }
    (void)closedir(folder);
    intel.platform = SW_PLATFORM_TDX;
    intel.anchor_count = 1;
    if (sw_hex_decode(intel.anchors[0].b, 32, sw_text(root), false, NULL) != SW_OK) return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_notes),          cmocka_unit_test(test_swapped_parts),
        cmocka_unit_test(test_other_fmspc),    cmocka_unit_test(test_other_anchor),
        cmocka_unit_test(test_broken_quotes),  cmocka_unit_test(test_trailing),
        cmocka_unit_test(test_cuts_and_flips),
    };
    return cmocka_run_group_tests_name("intel", tests, NULL, NULL);
}
