/* SPDX-License-Identifier: Apache-2.0
 *
 * OCSP answers of every kind, made with OpenSSL over a PKI whose keys are in the test's hands, on
 * either curve.
 */
#ifndef SW_TESTS_CRYPTO_OCSP_MAKER_H
#define SW_TESTS_CRYPTO_OCSP_MAKER_H
#include "crypto/vector.h"

#include "codec/der.h"
#include "crypto/crypto_internal.h"
#include "crypto/ocsp.h"
#include "crypto/openssl.h"
#include "crypto/x509_internal.h"

#include <openssl/ocsp.h>
#include <string.h>

#define DAY ((int64_t)86400 * 1000)
#define NOW (INT64_C(1790000000) * 1000) /* 2026-09-21T14:13:20Z */

typedef struct signer {
    bool p384;
    uint8_t secret[SW_P384_SECRET_BYTES];
    sw_p256_public p256_key;
    sw_p384_public p384_key;
    EVP_PKEY *evp;
    sw_cert *cert;
} signer;

static uint64_t ocsp_seed = 6960;

static inline void signer_open(signer *s, bool p384, const sw_cert_plan *plan,
                               const signer *issuer) {
    SW_SCOPED(sw_buffer) der = SW_BUFFER(4096);
    const sw_entropy entropy = {.fill = fill_from_seed, .context = &ocsp_seed};
    const signer *by = issuer == NULL ? s : issuer;
    const sw_cert *by_cert = issuer == NULL ? NULL : issuer->cert;
    sw_error err = {0};
    s->p384 = p384;
    sw_status status = p384 ? sw_p384_generate(&entropy, s->secret, &s->p384_key, &err)
                            : sw_p256_generate(&entropy, s->secret, &s->p256_key, &err);
    if (status == SW_OK)
        status = p384 ? sw_p384_evp_secret(s->secret, &s->evp, &err)
                      : sw_p256_evp_pair(s->secret, &s->evp, &err);
    if (status == SW_OK)
        status = p384 ? sw_cert_make_p384(plan, &s->p384_key, by_cert, by->secret, &der, &err)
                      : sw_cert_make(plan, &s->p256_key, by_cert, by->secret, &der, &err);
    if (status != SW_OK || sw_cert_parse(sw_buffer_bytes(&der), &s->cert, &err) != SW_OK)
        fail_msg("%s", err.message);
}

static inline void signer_close(signer *s) {
    EVP_PKEY_free(s->evp);
    sw_cert_free(&s->cert);
}

/* An authority, what it certified, and what others certified. */
typedef struct ocsp_house {
    signer root, issuer, leaf, other;        /* other: another leaf of the issuer's */
    signer delegate, plain, old, wrong, sub; /* wrong: certified for servers; sub: a CA */
    signer twin, stranger, second_delegate;  /* twin: of the issuer's name; stranger: by it */
} ocsp_house;

#define OCSP_SIGNING "\x30\x0a\x06\x08\x2b\x06\x01\x05\x05\x07\x03\x09"
#define SERVER_AUTH  "\x30\x0a\x06\x08\x2b\x06\x01\x05\x05\x07\x03\x01"

static inline void house_open(ocsp_house *h, bool p384) {
    const sw_cert_plan root = {.common_name = "Root",
                               .serial = 1,
                               .not_before_ms = NOW - 900 * DAY,
                               .not_after_ms = NOW + 900 * DAY,
                               .ca = true};
    sw_cert_plan ca = root, leaf = root, responder = root;
    ca.common_name = "Answering CA";
    ca.serial = 2;
    leaf.common_name = "Asked about";
    leaf.serial = 77;
    leaf.ca = false;
    responder.common_name = "Responder";
    responder.serial = 5;
    responder.ca = false;
    signer_open(&h->root, p384, &root, NULL);
    signer_open(&h->issuer, p384, &ca, &h->root);
    signer_open(&h->twin, p384, &ca, &h->root);
    signer_open(&h->leaf, p384, &leaf, &h->issuer);
    leaf.serial = 78;
    signer_open(&h->other, p384, &leaf, &h->issuer);
    signer_open(&h->plain, p384, &responder, &h->issuer);
    responder.extension_oid = "2.5.29.37";
    responder.extension = SW_LITERAL(SERVER_AUTH);
    signer_open(&h->wrong, p384, &responder, &h->issuer);
    responder.extension = SW_LITERAL(OCSP_SIGNING);
    signer_open(&h->delegate, p384, &responder, &h->issuer);
    signer_open(&h->second_delegate, p384, &responder, &h->issuer);
    signer_open(&h->stranger, p384, &responder, &h->twin);
    responder.ca = true;
    signer_open(&h->sub, p384, &responder, &h->issuer);
    responder.ca = false;
    responder.not_after_ms = NOW - DAY;
    signer_open(&h->old, p384, &responder, &h->issuer);
}

static inline void house_close(ocsp_house *h) {
    signer *all[] = {&h->root, &h->issuer, &h->leaf, &h->other, &h->delegate, &h->plain,
                     &h->old,  &h->wrong,  &h->sub,  &h->twin,  &h->stranger, &h->second_delegate};
    for (size_t i = 0; i < COUNT(all); i++) signer_close(all[i]);
}

/* ---- answers ---- */
typedef struct answer {
    const sw_cert *about, *issuer; /* of the id */
    const EVP_MD *id_hash;
    int status, reason;
    int64_t from, until, revoked; /* until 0: none */
    const signer *by;
    const EVP_MD *hash;
    unsigned long flags;         /* OCSP_NOCERTS, OCSP_RESPID_KEY */
    const sw_cert *extra[2];     /* certificates besides the signer's */
    const sw_cert *second_about; /* a second single response */
    int extension;               /* 0 none, 1 a nonce, 2 a critical one, 3 one on the single */
    int response_status;
    bool nobody; /* no single response */
} answer;

static inline answer usual_answer(const ocsp_house *h) {
    return (answer){.about = h->leaf.cert,
                    .issuer = h->issuer.cert,
                    .id_hash = EVP_sha256(),
                    .status = V_OCSP_CERTSTATUS_GOOD,
                    .reason = -1,
                    .from = NOW - DAY,
                    .until = NOW + DAY,
                    .revoked = NOW - 30 * DAY,
                    .by = &h->issuer,
                    .hash = h->issuer.p384 ? EVP_sha384() : EVP_sha256(),
                    .flags = OCSP_NOCERTS};
}

static inline void add_single(OCSP_BASICRESP *basic, const answer *a, const sw_cert *about) {
    ASN1_GENERALIZEDTIME *from = ASN1_GENERALIZEDTIME_set(NULL, (time_t)(a->from / 1000));
    ASN1_GENERALIZEDTIME *until =
        a->until == 0 ? NULL : ASN1_GENERALIZEDTIME_set(NULL, (time_t)(a->until / 1000));
    ASN1_GENERALIZEDTIME *revoked = ASN1_GENERALIZEDTIME_set(NULL, (time_t)(a->revoked / 1000));
    OCSP_CERTID *id = OCSP_cert_to_id(a->id_hash, about->x509, a->issuer->x509);
    OCSP_SINGLERESP *single =
        OCSP_basic_add1_status(basic, id, a->status, a->reason, revoked, from, until);
    assert_non_null(single);
    if (a->extension == 3) {
        ASN1_OCTET_STRING *value = ASN1_OCTET_STRING_new();
        assert_int_equal(ASN1_OCTET_STRING_set(value, (const uint8_t *)"\x05\x00", 2), 1);
        X509_EXTENSION *e =
            X509_EXTENSION_create_by_NID(NULL, NID_id_pkix_OCSP_archiveCutoff, 1, value);
        assert_int_equal(OCSP_SINGLERESP_add_ext(single, e, -1), 1);
        X509_EXTENSION_free(e);
        ASN1_OCTET_STRING_free(value);
    }
    OCSP_CERTID_free(id);
    ASN1_GENERALIZEDTIME_free(from);
    ASN1_GENERALIZEDTIME_free(until);
    ASN1_GENERALIZEDTIME_free(revoked);
}

static inline void add_nonce(OCSP_BASICRESP *basic, int critical) {
    ASN1_OCTET_STRING *value = ASN1_OCTET_STRING_new();
    assert_int_equal(ASN1_OCTET_STRING_set(value, (const uint8_t *)"\x04\x02xy", 4), 1);
    X509_EXTENSION *e = X509_EXTENSION_create_by_NID(NULL, NID_id_pkix_OCSP_Nonce, critical, value);
    assert_int_equal(OCSP_BASICRESP_add_ext(basic, e, -1), 1);
    X509_EXTENSION_free(e);
    ASN1_OCTET_STRING_free(value);
}

static inline void answer_make(const answer *a, sw_buffer *out) {
    OCSP_BASICRESP *basic = OCSP_BASICRESP_new();
    STACK_OF(X509) *extra = sk_X509_new_null();
    uint8_t *der = NULL;
    if (!a->nobody) add_single(basic, a, a->about);
    if (a->second_about != NULL) add_single(basic, a, a->second_about);
    if (a->extension == 1 || a->extension == 2) add_nonce(basic, a->extension == 2);
    for (size_t i = 0; i < COUNT(a->extra); i++)
        if (a->extra[i] != NULL) (void)sk_X509_push(extra, a->extra[i]->x509);
    assert_int_equal(
        OCSP_basic_sign(basic, a->by->cert->x509, a->by->evp, a->hash, extra, a->flags), 1);
    OCSP_RESPONSE *response =
        OCSP_response_create(a->response_status, a->response_status == 0 ? basic : NULL);
    int size = i2d_OCSP_RESPONSE(response, &der);
    assert_true(size > 0);
    sw_buffer_reset(out);
    sw_put_bytes(out, SW_BYTES(der, (size_t)size));
    OPENSSL_free(der);
    OCSP_RESPONSE_free(response);
    OCSP_BASICRESP_free(basic);
    sk_X509_free(extra);
}
#endif
