/* SPDX-License-Identifier: Apache-2.0
 *
 * Chains and revocation lists that Intel issued, from ../shared/vectors/tdx: each must verify to
 * Intel's root at the time its note names, and must not at other times or without its lists.
 * Without the vectors the program says so.
 */
#include "codec/json.h"
#include "crypto/vector.h"
#include "crypto/x509.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define VECTORS   "../shared/vectors/tdx"
#define NOT_YET   "v4-90c06f-pck-not-yet-valid"
#define DAY_MS    ((int64_t)86400 * 1000)
#define CERTS_MAX 4

static sw_bytes load_file(sw_arena *arena, const char *folder, const char *name) {
    char path[512];
    (void)snprintf(path, sizeof path, "%s/%s/%s", VECTORS, folder, name);
    FILE *file = fopen(path, "rb");
    if (file == NULL) return (sw_bytes){0};
    uint8_t *bytes = sw_arena_alloc(arena, 1 << 20, 1);
    assert_non_null(bytes);
    size_t size = fread(bytes, 1, 1 << 20, file);
    (void)fclose(file);
    return SW_BYTES(bytes, size);
}

typedef struct vector {
    sw_arena arena;
    sw_cert *pck[CERTS_MAX], *tcb[CERTS_MAX];
    size_t pck_count, tcb_count;
    sw_crl *crls[2]; /* root, platform */
    sw_bytes anchor;
    int64_t at_ms;
} vector;

typedef struct collecting {
    sw_cert **certs;
    size_t count;
} collecting;

static sw_status collect(void *context, sw_bytes der, sw_error *err) {
    collecting *c = context;
    return sw_cert_parse(der, &c->certs[c->count++], err);
}

static size_t load_chain(sw_bytes text, sw_cert **certs) {
    collecting c = {certs, 0};
    sw_error err;
    if (sw_pem_decode(text, "CERTIFICATE", CERTS_MAX, collect, &c, &err) != SW_OK)
        fail_msg("%s", err.message);
    return c.count;
}

/* The PEM chain is the last thing in a quote. */
static sw_bytes chain_in_quote(sw_bytes quote) {
    const uint8_t *at = memmem(quote.data, quote.size, "-----BEGIN CERTIFICATE", 22);
    return at == NULL ? (sw_bytes){0} : SW_BYTES(at, quote.size - (size_t)(at - quote.data));
}

static int64_t time_of(sw_arena *arena, sw_bytes text) {
    sw_json *root = NULL;
    assert_int_equal(sw_json_parse(arena, text, NULL, &root, NULL), SW_OK);
    const sw_json *unix_time = sw_json_member(sw_json_member(root, "verify_at"), "unix");
    return unix_time == NULL || !unix_time->integral ? 0 : unix_time->integer * 1000;
}

static bool load(vector *v, const char *folder) {
    memset(v, 0, sizeof *v);
    sw_bytes root_crl = load_file(&v->arena, folder, "root_ca_crl.der");
    sw_bytes pck_crl = load_file(&v->arena, folder, "pck_crl.der");
    if (root_crl.size == 0 || pck_crl.size == 0) return false;
    assert_int_equal(sw_crl_parse(root_crl, &v->crls[0], NULL), SW_OK);
    assert_int_equal(sw_crl_parse(pck_crl, &v->crls[1], NULL), SW_OK);
    v->pck_count = load_chain(chain_in_quote(load_file(&v->arena, folder, "quote.bin")), v->pck);
    v->tcb_count = load_chain(load_file(&v->arena, folder, "tcb_signing_chain.pem"), v->tcb);
    sw_cert *root = NULL;
    assert_int_equal(load_chain(load_file(&v->arena, "roots", "intel_sgx_root_ca.pem"), &root), 1);
    v->anchor = sw_arena_copy(&v->arena, sw_cert_der(root));
    sw_cert_free(&root);
    v->at_ms = time_of(&v->arena, load_file(&v->arena, folder, "expected.json"));
    return v->at_ms != 0;
}

static void drop(vector *v) {
    for (size_t i = 0; i < v->pck_count; i++) sw_cert_free(&v->pck[i]);
    for (size_t i = 0; i < v->tcb_count; i++) sw_cert_free(&v->tcb[i]);
    for (size_t i = 0; i < 2; i++) sw_crl_free(&v->crls[i]);
    sw_arena_free(&v->arena);
}

static void check_refused(const vector *v, size_t crl_count, int64_t at_ms) {
    sw_error err;
    assert_int_equal(
        sw_chain_verify(v->pck, v->pck_count, v->anchor, v->crls, crl_count, at_ms, &err),
        SW_REFUSED);
    assert_string_equal(err.word, "evidence");
}

static void check_fields(const vector *v) {
    char name[64];
    sw_p256_public key;
    sw_bytes sgx;
    assert_int_equal(sw_cert_common_name(v->pck[0], name, sizeof name, NULL), SW_OK);
    assert_string_equal(name, "Intel SGX PCK Certificate");
    assert_int_equal(sw_cert_common_name(v->tcb[0], name, sizeof name, NULL), SW_OK);
    assert_string_equal(name, "Intel SGX TCB Signing");
    assert_int_equal(sw_cert_key(v->pck[0], &key, NULL), SW_OK);
    assert_int_equal(sw_cert_extension(v->pck[0], "1.2.840.113741.1.13.1", &sgx, NULL), SW_OK);
    assert_in_range(sgx.size, 100, 1000);
    assert_int_equal(sw_cert_extension(v->tcb[0], "1.2.840.113741.1.13.1", &sgx, NULL), SW_MISSING);
    assert_true(sw_crl_issued_by(v->crls[0], v->pck[2]));
    assert_true(sw_crl_issued_by(v->crls[1], v->pck[1]));
    assert_false(sw_crl_issued_by(v->crls[1], v->pck[2]));
}

static void check_vector(const vector *v, const char *folder) {
    sw_error err = {0};
    sw_status pck = sw_chain_verify(v->pck, v->pck_count, v->anchor, v->crls, 2, v->at_ms, &err);
    if (strcmp(folder, NOT_YET) == 0) {
        assert_int_equal(pck, SW_REFUSED);
        assert_non_null(strstr(err.message, "not yet valid"));
    } else if (pck != SW_OK) {
        fail_msg("%s: %s", folder, err.message);
    }
    sw_status tcb = sw_chain_verify(v->tcb, v->tcb_count, v->anchor, v->crls, 2, v->at_ms, &err);
    if (tcb != SW_OK) fail_msg("%s: TCB signing: %s", folder, err.message);
    assert_int_equal(sw_chain_verify(v->tcb, v->tcb_count, v->anchor, v->crls, 1, v->at_ms, NULL),
                     SW_OK); /* the root's list covers it */
    check_refused(v, 0, v->at_ms);
    check_refused(v, 1, v->at_ms);
    check_refused(v, 2, v->at_ms + 60 * DAY_MS);
    check_refused(v, 2, v->at_ms - 60 * DAY_MS);
    check_fields(v);
}

static void test_intel_chains(void **state) {
    (void)state;
    struct dirent **names = NULL;
    int count = scandir(VECTORS, &names, NULL, alphasort), seen = 0;
    assert_true(count > 0);
    for (int i = 0; i < count; i++) {
        vector v;
        if (names[i]->d_name[0] == 'v' && load(&v, names[i]->d_name)) {
            check_vector(&v, names[i]->d_name);
            drop(&v);
            seen++;
        }
        free(names[i]);
    }
    free(names);
    print_message("%d chains\n", seen);
    assert_in_range(seen, 30, 1000);
}

int main(void) {
    FILE *root = fopen(VECTORS "/roots/intel_sgx_root_ca.pem", "rb");
    if (root == NULL) {
        puts("1..0 # SKIP no vectors at " VECTORS);
        return 0;
    }
    (void)fclose(root);
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_intel_chains)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
