/* SPDX-License-Identifier: Apache-2.0
 *
 * Quotes and collateral of Intel's own machines, from ../shared/vectors/tdx. They are not
 * committed: a program that needs them says so and ends well when they are missing.
 */
#ifndef SW_TESTS_ATTEST_INTEL_H
#define SW_TESTS_ATTEST_INTEL_H
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

#define COUNT_OF(list) (sizeof(list) / sizeof(list)[0])
#define VECTORS        "../shared/vectors/tdx"
#define INTEL_ROOT     "44a0196b2b99f889b8e149e95b807a350e7424964399e885a7cbb8ccfab674d3"
#define GOOD           "v4-b0c06f-uptodate-2025-06-dcapqvl"
#define GOOD_V5        "v5-90c06f-uptodate-2026-02-gotdxguest"
#define FILE_BYTES     ((size_t)256 << 10)
#define DAY_MS         ((int64_t)86400 * 1000)

typedef struct vector {
    sw_arena arena;
    sw_bytes quote;
    sw_collateral collateral;
    sw_json *notes;          /* expected.json; NULL when there is none */
    const sw_json *expected; /* its member of that name */
    int64_t at_ms;
} vector;

static sw_policy intel; /* its anchor alone is used here */

/* False, with the line that skips a program, when there are no vectors. */
static inline bool intel_open(void) {
    DIR *folder = opendir(VECTORS);
    if (folder == NULL) {
        (void)puts("1..0 # SKIP no folder " VECTORS);
        return false;
    }
    (void)closedir(folder);
    intel.platform = SW_PLATFORM_TDX;
    intel.anchor_count = 1;
    return sw_hex_decode(intel.anchors[0].b, 32, sw_text(INTEL_ROOT), false, NULL) == SW_OK;
}

/* Empty when there is no such file. */
static inline sw_bytes load(sw_arena *a, const char *folder, const char *name) {
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

static inline const char *text_of(sw_arena *a, const sw_json *object, const char *name) {
    const sw_json *m = sw_json_member(object, name);
    return m == NULL || m->type != SW_JSON_STRING ? NULL : sw_arena_text(a, m->text);
}

static inline int64_t number_of(const sw_json *object, const char *name) {
    const sw_json *m = sw_json_member(object, name);
    return m == NULL || !m->integral ? -1 : m->integer;
}

static inline bool is_text(const sw_json *object, const char *name, const char *text) {
    const sw_json *m = sw_json_member(object, name);
    return m != NULL && m->type == SW_JSON_STRING && sw_bytes_is(m->text, text);
}

static inline void answer_load(sw_arena *a, const char *folder, const char *name,
                               const char *member, sw_signed_json *out) {
    sw_error err = {0};
    sw_bytes json = load(a, folder, name);
    if (json.size > 0 && sw_pcs_parse(json, member, out, &err) != SW_OK)
        fail_msg("%s/%s: %s", folder, name, err.message);
}

/* What is not there stays empty; false without a quote. */
static inline bool open_vector(vector *v, const char *folder) {
    memset(v, 0, sizeof *v);
    v->quote = load(&v->arena, folder, "quote.bin");
    sw_bytes notes = load(&v->arena, folder, "expected.json");
    if (notes.size > 0) {
        assert_int_equal(sw_json_parse(&v->arena, notes, NULL, &v->notes, NULL), SW_OK);
        v->expected = sw_json_member(v->notes, "expected");
        v->at_ms = number_of(sw_json_member(v->notes, "verify_at"), "unix") * 1000;
    }
    sw_collateral *c = &v->collateral;
    c->pck_crl = load(&v->arena, folder, "pck_crl.der");
    c->root_crl = load(&v->arena, folder, "root_ca_crl.der");
    c->tcb_info.issuer_chain = load(&v->arena, folder, "tcb_signing_chain.pem");
    c->qe_identity.issuer_chain = c->tcb_info.issuer_chain;
    answer_load(&v->arena, folder, "tcb_info.json", "tcbInfo", &c->tcb_info);
    answer_load(&v->arena, folder, "qe_identity.json", "enclaveIdentity", &c->qe_identity);
    return v->quote.size > 0;
}

static inline void close_vector(vector *v) {
    sw_arena_free(&v->arena);
}

static inline sw_status judge(const vector *v, int64_t at_ms, sw_tdx_verdict *out, sw_error *err) {
    const sw_judge by = {.policy = &intel, .wall_ms = at_ms};
    sw_tdx_quote quote;
    return sw_tdx_verify(v->quote, &v->collateral, &by, &quote, out, err);
}

static inline void check_refused(const vector *v, int64_t at_ms, const char *sentence) {
    sw_tdx_verdict verdict;
    sw_error err = {0};
    if (judge(v, at_ms, &verdict, &err) == SW_OK) fail_msg("accepted: %s", sentence);
    if (strstr(err.message, sentence) == NULL)
        fail_msg("\"%s\" is not in \"%s\"", sentence, err.message);
}
#endif
