/* SPDX-License-Identifier: Apache-2.0
 *
 * Certificates as dstack issues them (no authority key identifiers, extensions of its own), made
 * with OpenSSL and keys of the test's.
 */
#ifndef SW_TESTS_ATTEST_RATLS_FORGE_H
#define SW_TESTS_ATTEST_RATLS_FORGE_H
#include "attest/dstack_support.h"
#include "codec/der.h"

#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/x509v3.h>

#define NOW_S     INT64_C(1790000000)
#define NOW_MS    (NOW_S * 1000)
#define DAY_S     INT64_C(86400)
#define ARC       "1.3.6.1.4.1.62397.1."
#define EXT_LIMIT 6

typedef struct cert_ext {
    const char *oid; /* NULL: no more */
    sw_bytes value;
    bool bare; /* not inside an OCTET STRING of its own */
} cert_ext;
typedef struct cert_plan {
    const char *name, *issuer_name;
    EVP_PKEY *key, *issuer_key;
    int path_length; /* -1: no CA */
    bool ca_without_flag, no_key_usage;
    int64_t from_s, until_s; /* 0: a year around */
    cert_ext ext[EXT_LIMIT];
} cert_plan;

static inline EVP_PKEY *new_key(const char *curve) {
    EVP_PKEY *key = EVP_EC_gen(curve);
    assert_non_null(key);
    return key;
}

static inline void key_point(EVP_PKEY *key, sw_p256_public *out) {
    size_t size = 0;
    assert_int_equal(EVP_PKEY_get_octet_string_param(key, "pub", out->b, sizeof out->b, &size), 1);
    assert_int_equal(size, sizeof out->b);
}

static inline void add_known(X509 *x, int nid, const char *value) {
    X509V3_CTX ctx;
    X509V3_set_ctx_nodb(&ctx);
    X509V3_set_ctx(&ctx, x, x, NULL, NULL, 0);
    X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
    assert_non_null(e);
    assert_int_equal(X509_add_ext(x, e, -1), 1);
    X509_EXTENSION_free(e);
}

static inline void add_own(X509 *x, const cert_ext *ext) {
    SW_SCOPED(sw_buffer) inner = SW_BUFFER(MADE_MAX);
    if (ext->bare)
        sw_put_bytes(&inner, ext->value);
    else
        sw_der_put(&inner, SW_DER_OCTETS, ext->value);
    ASN1_OBJECT *oid = OBJ_txt2obj(ext->oid, 1);
    ASN1_OCTET_STRING *value = ASN1_OCTET_STRING_new();
    assert_int_equal(ASN1_OCTET_STRING_set(value, inner.data, (int)inner.size), 1);
    X509_EXTENSION *e = X509_EXTENSION_create_by_OBJ(NULL, oid, 0, value);
    assert_int_equal(X509_add_ext(x, e, -1), 1);
    X509_EXTENSION_free(e);
    ASN1_OCTET_STRING_free(value);
    ASN1_OBJECT_free(oid);
}

static inline void set_name(X509_NAME *name, const char *text) {
    assert_int_equal(X509_NAME_add_entry_by_txt(name, "O", MBSTRING_UTF8,
                                                (const unsigned char *)"dstack", -1, -1, 0),
                     1);
    assert_int_equal(X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8,
                                                (const unsigned char *)text, -1, -1, 0),
                     1);
}

static inline void add_usual(X509 *x, const cert_plan *p) {
    char flag[64];
    bool ca = p->path_length >= 0;
    if (!p->no_key_usage)
        add_known(x, NID_key_usage,
                  ca ? "critical,digitalSignature,keyCertSign,cRLSign"
                     : "critical,digitalSignature");
    if (!ca || p->ca_without_flag) return;
    add_known(x, NID_subject_key_identifier, "hash");
    (void)snprintf(flag, sizeof flag, "critical,CA:TRUE,pathlen:%d", p->path_length);
    add_known(x, NID_basic_constraints, flag);
}

/* DER, in the arena. */
static inline sw_bytes make_cert(sw_arena *a, const cert_plan *p) {
    static long serial = 1;
    X509 *x = X509_new();
    uint8_t *der = NULL;
    assert_non_null(x);
    X509_set_version(x, X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(x), serial++);
    ASN1_TIME_set(X509_getm_notBefore(x), p->from_s != 0 ? p->from_s : NOW_S - 100 * DAY_S);
    ASN1_TIME_set(X509_getm_notAfter(x), p->until_s != 0 ? p->until_s : NOW_S + 265 * DAY_S);
    set_name(X509_get_subject_name(x), p->name);
    set_name(X509_get_issuer_name(x), p->issuer_name);
    assert_int_equal(X509_set_pubkey(x, p->key), 1);
    add_usual(x, p);
    for (size_t i = 0; i < EXT_LIMIT && p->ext[i].oid != NULL; i++) add_own(x, &p->ext[i]);
    assert_true(X509_sign(x, p->issuer_key, EVP_sha256()) > 0);
    int size = i2d_X509(x, &der);
    assert_true(size > 0);
    sw_bytes out = sw_arena_copy(a, SW_BYTES(der, (size_t)size));
    OPENSSL_free(der);
    X509_free(x);
    return out;
}

static inline sw_bytes to_pem(sw_arena *a, const sw_bytes *certs, size_t count) {
    SW_SCOPED(sw_buffer) pem = SW_BUFFER(MADE_MAX);
    for (size_t i = 0; i < count; i++) sw_pem_encode(&pem, "CERTIFICATE", certs[i]);
    return sw_arena_copy(a, sw_buffer_bytes(&pem));
}

/* ---- three keys and what hangs from them ---- */
typedef struct pki {
    EVP_PKEY *root, *ca, *leaf;
    sw_arena arena;
    uint8_t app_id[20];
    sw_p256_public leaf_key;
    sw_dstack_attestation attestation; /* of the leaf's key */
    sw_bytes v0, quote, log_json;
} pki;

static inline void pki_open(pki *k) {
    memset(k, 0, sizeof *k);
    k->root = new_key("P-256");
    k->ca = new_key("P-256");
    k->leaf = new_key("P-256");
    assert_int_equal(sw_hex_decode(k->app_id, 20, sw_text(MADE_APP), false, NULL), SW_OK);
    key_point(k->leaf, &k->leaf_key);
    sw_report_data report;
    sw_ratls_report(&report, &k->leaf_key);
    k->attestation = make_attestation(&k->arena, report.b, made_boot, COUNT(made_boot));
    k->quote = k->attestation.quote;
    SW_SCOPED(sw_buffer) v0 = SW_BUFFER(MADE_MAX);
    assert_int_equal(sw_dstack_attestation_encode(&k->attestation, &v0, NULL), SW_OK);
    k->v0 = sw_arena_copy(&k->arena, sw_buffer_bytes(&v0));
    SW_SCOPED(sw_buffer) json = SW_BUFFER(MADE_MAX);
    sw_put_text(&json, "[");
    for (size_t i = 0; i < COUNT(made_boot); i++)
        sw_put_format(&json,
                      "%s{\"imr\":3,\"event_type\":134217729,\"digest\":\"\",\"event\":\"%s\","
                      "\"event_payload\":\"%s\"}",
                      i == 0 ? "" : ",", made_boot[i].name, made_boot[i].payload);
    sw_put_text(&json, "]");
    k->log_json = sw_arena_copy(&k->arena, sw_buffer_bytes(&json));
}

static inline void pki_close(pki *k) {
    EVP_PKEY_free(k->root);
    EVP_PKEY_free(k->ca);
    EVP_PKEY_free(k->leaf);
    sw_arena_free(&k->arena);
}

static inline cert_plan root_plan(const pki *k) {
    return (cert_plan){.name = "KMS CA",
                       .issuer_name = "KMS CA",
                       .key = k->root,
                       .issuer_key = k->root,
                       .path_length = 1};
}

static inline cert_plan ca_plan(const pki *k) {
    return (cert_plan){
        .name = "App CA",
        .issuer_name = "KMS CA",
        .key = k->ca,
        .issuer_key = k->root,
        .ext = {{ARC "3", SW_BYTES_OF(k->app_id), false}, {ARC "4", SW_LITERAL("app:ca"), false}}};
}

static inline cert_plan leaf_plan(const pki *k) {
    return (cert_plan){.name = "leaf",
                       .issuer_name = "App CA",
                       .key = k->leaf,
                       .issuer_key = k->ca,
                       .path_length = -1,
                       .ext = {{ARC "8", k->v0, false},
                               {ARC "3", SW_BYTES_OF(k->app_id), false},
                               {ARC "4", SW_LITERAL("app:custom"), false}}};
}
#endif
