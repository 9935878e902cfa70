/* SPDX-License-Identifier: Apache-2.0
 *
 * Certificates and revocation lists that we issue: the software machine's PKI and self-signed TLS
 * certificates.
 *
 * They carry what strict verification demands (RFC 5280 4.2.1, 5.2): critical basicConstraints and
 * keyUsage, subject and authority key identifiers, list numbers; ECDSA with SHA-256 on P-256, with
 * SHA-384 on P-384. Whoever signs must hold the issuer's key: that is checked before signing.
 */
#include "crypto/crypto_internal.h"
#include "crypto/openssl.h"
#include "crypto/x509_internal.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <string.h>

#define COMMON_NAME_MAX 64 /* RFC 5280 ub-common-name */
#define REVOKED_MAX     4096

static int64_t seconds_of(int64_t ms) {
    return ms / 1000 - (ms % 1000 < 0);
}

/* ---- extensions ---- */
static bool add_word(X509 *x, const X509 *issuer, int nid, const char *value) {
    X509V3_CTX ctx;
    X509V3_set_ctx_nodb(&ctx);
    X509V3_set_ctx(&ctx, (X509 *)issuer, x, NULL, NULL, 0);
    X509_EXTENSION *ext = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
    bool good = ext != NULL && X509_add_ext(x, ext, -1) == 1;
    X509_EXTENSION_free(ext);
    return good;
}

static bool add_value(X509 *x, const char *oid, sw_bytes der) {
    ASN1_OBJECT *object = OBJ_txt2obj(oid, 1);
    ASN1_OCTET_STRING *value = ASN1_OCTET_STRING_new();
    X509_EXTENSION *ext = NULL;
    if (object != NULL && value != NULL && der.size <= SW_CERT_MAX_BYTES &&
        ASN1_OCTET_STRING_set(value, der.data, (int)der.size) == 1)
        ext = X509_EXTENSION_create_by_OBJ(NULL, object, 0, value);
    bool good = ext != NULL && X509_add_ext(x, ext, -1) == 1;
    X509_EXTENSION_free(ext);
    ASN1_OCTET_STRING_free(value);
    ASN1_OBJECT_free(object);
    return good;
}

static bool add_extensions(X509 *x, const X509 *issuer, const sw_cert_plan *plan) {
    const char *usage = plan->ca ? "critical,keyCertSign,cRLSign" : "critical,digitalSignature";
    bool good = add_word(x, issuer, NID_basic_constraints,
                         plan->ca ? "critical,CA:TRUE" : "critical,CA:FALSE") &&
                add_word(x, issuer, NID_key_usage, plan->key_usage ? plan->key_usage : usage) &&
                add_word(x, issuer, NID_subject_key_identifier, "hash") &&
                add_word(x, issuer, NID_authority_key_identifier, "keyid:always");
    if (good && plan->extension_oid != NULL)
        good = add_value(x, plan->extension_oid, plan->extension);
    return good;
}

/* ---- certificates ---- */
static bool add_name(X509 *x, const char *common_name) {
    return X509_NAME_add_entry_by_NID(X509_get_subject_name(x), NID_commonName, MBSTRING_UTF8,
                                      (const unsigned char *)common_name, -1, -1, 0) == 1;
}

/* A certificate's key and how its issuer signs. */
typedef struct kind {
    int curve;      /* of the subject's key */
    sw_bytes point; /* uncompressed */
    EVP_PKEY *signer;
    const EVP_MD *digest;
} kind;

/* As bytes: X509_set_pubkey encodes a key object and reads it back, which takes OpenSSL 3 longer
 * than signing. The object does not know its key; only its DER leaves this file. */
static bool add_key(X509 *x, const kind *k) {
    unsigned char *point = OPENSSL_memdup(k->point.data, k->point.size);
    if (point == NULL) return false;
    if (X509_PUBKEY_set0_param(X509_get_X509_PUBKEY(x), OBJ_nid2obj(NID_X9_62_id_ecPublicKey),
                               V_ASN1_OBJECT, OBJ_nid2obj(k->curve), point,
                               (int)k->point.size) == 1)
        return true;
    OPENSSL_free(point);
    return false;
}

static bool fill_fields(X509 *x, const sw_cert_plan *plan, const kind *k) {
    return X509_set_version(x, X509_VERSION_3) == 1 &&
           ASN1_INTEGER_set_uint64(X509_get_serialNumber(x), plan->serial) == 1 &&
           ASN1_TIME_set(X509_getm_notBefore(x), (time_t)seconds_of(plan->not_before_ms)) != NULL &&
           ASN1_TIME_set(X509_getm_notAfter(x), (time_t)seconds_of(plan->not_after_ms)) != NULL &&
           add_name(x, plan->common_name) && add_key(x, k);
}

/* NULL when OpenSSL fails; X509_free. */
static X509 *build(const sw_cert_plan *plan, const sw_cert *issuer, const kind *k) {
    X509 *x = X509_new();
    bool good = x != NULL && fill_fields(x, plan, k);
    X509 *by = issuer == NULL ? x : issuer->x509;
    good = good && X509_set_issuer_name(x, X509_get_subject_name(by)) == 1 &&
           add_extensions(x, by, plan) && X509_sign(x, k->signer, k->digest) > 0;
    if (good) return x;
    X509_free(x);
    return NULL;
}

static sw_status check_plan(const sw_cert_plan *plan, sw_error *err) {
    size_t length = strlen(plan->common_name);
    if (length == 0 || length > COMMON_NAME_MAX)
        return sw_fail(err, SW_USAGE, "usage", "a common name has 1 to %d bytes", COMMON_NAME_MAX);
    if (plan->serial == 0) return sw_fail(err, SW_USAGE, "usage", "a serial number is not 0");
    if (plan->not_before_ms > plan->not_after_ms)
        return sw_fail(err, SW_USAGE, "usage", "a certificate would end before it begins");
    return SW_OK;
}

/* The key that signs must be the one that verifiers will use. */
static sw_status check_signer(const uint8_t secret[32], const sw_p256_public *expected,
                              sw_error *err) {
    sw_p256_public own;
    SW_TRY(sw_p256_derive(secret, &own, err));
    if (!sw_p256_equal(&own, expected))
        return sw_fail(err, SW_USAGE, "usage", "the signing key is not the issuer's");
    return SW_OK;
}

sw_status sw_p384_evp_signer(const uint8_t secret[SW_P384_SECRET_BYTES],
                             const sw_p384_public *expected, EVP_PKEY **out, sw_error *err) {
    sw_p384_public own;
    SW_TRY(sw_p384_derive(secret, &own, err));
    if (memcmp(own.b, expected->b, sizeof own.b) != 0)
        return sw_fail(err, SW_USAGE, "usage", "the signing key is not the issuer's");
    return sw_p384_evp_secret(secret, out, err);
}

static sw_status append(sw_buffer *der, uint8_t *bytes, int size, sw_error *err) {
    if (size <= 0) return sw_openssl_failed(err, "encoding X.509");
    sw_put_bytes(der, SW_BYTES(bytes, (size_t)size));
    OPENSSL_free(bytes);
    return sw_buffer_check(der, "X.509", err);
}

/* Takes the signer. */
static sw_status make(const sw_cert_plan *plan, const sw_cert *issuer, const kind *k,
                      sw_buffer *der, sw_error *err) {
    uint8_t *bytes = NULL;
    X509 *made = build(plan, issuer, k);
    int size = made == NULL ? 0 : i2d_X509(made, &bytes);
    X509_free(made);
    EVP_PKEY_free(k->signer);
    return append(der, bytes, size, err);
}

sw_status sw_cert_make(const sw_cert_plan *plan, const sw_p256_public *subject,
                       const sw_cert *issuer, const uint8_t secret[32], sw_buffer *der,
                       sw_error *err) {
    sw_p256_public signing = *subject;
    SW_TRY(check_plan(plan, err));
    SW_TRY(sw_p256_check(subject, err));
    if (issuer != NULL) SW_TRY(sw_cert_key(issuer, &signing, err));
    SW_TRY(check_signer(secret, &signing, err));
    kind k = {NID_X9_62_prime256v1, SW_BYTES_OF(subject->b), NULL, EVP_sha256()};
    SW_TRY(sw_p256_evp_secret(secret, &k.signer, err));
    return make(plan, issuer, &k, der, err);
}

sw_status sw_cert_make_p384(const sw_cert_plan *plan, const sw_p384_public *subject,
                            const sw_cert *issuer, const uint8_t secret[SW_P384_SECRET_BYTES],
                            sw_buffer *der, sw_error *err) {
    sw_p384_public signing = *subject;
    EVP_PKEY *checked = NULL;
    SW_TRY(check_plan(plan, err));
    SW_TRY(sw_p384_evp_public(subject, &checked, err));
    EVP_PKEY_free(checked);
    if (issuer != NULL) SW_TRY(sw_cert_key_p384(issuer, &signing, err));
    kind k = {NID_secp384r1, SW_BYTES_OF(subject->b), NULL, EVP_sha384()};
    SW_TRY(sw_p384_evp_signer(secret, &signing, &k.signer, err));
    return make(plan, issuer, &k, der, err);
}

/* ---- revocation lists ---- */
static bool add_revoked(X509_CRL *crl, uint64_t serial, const ASN1_TIME *when) {
    X509_REVOKED *entry = X509_REVOKED_new();
    ASN1_INTEGER *number = ASN1_INTEGER_new();
    bool good = entry != NULL && number != NULL && ASN1_INTEGER_set_uint64(number, serial) == 1 &&
                X509_REVOKED_set_serialNumber(entry, number) == 1 &&
                X509_REVOKED_set_revocationDate(entry, (ASN1_TIME *)when) == 1 &&
                X509_CRL_add0_revoked(crl, entry) == 1;
    ASN1_INTEGER_free(number);
    if (!good) X509_REVOKED_free(entry);
    return good;
}

static bool add_crl_extensions(X509_CRL *crl, const sw_cert *issuer, uint64_t number) {
    X509V3_CTX ctx;
    X509V3_set_ctx_nodb(&ctx);
    X509V3_set_ctx(&ctx, issuer->x509, NULL, NULL, crl, 0);
    X509_EXTENSION *key =
        X509V3_EXT_conf_nid(NULL, &ctx, NID_authority_key_identifier, "keyid:always");
    ASN1_INTEGER *value = ASN1_INTEGER_new();
    bool good = key != NULL && value != NULL && ASN1_INTEGER_set_uint64(value, number) == 1 &&
                X509_CRL_add_ext(crl, key, -1) == 1 &&
                X509_CRL_add1_ext_i2d(crl, NID_crl_number, value, 0, 0) == 1;
    ASN1_INTEGER_free(value);
    X509_EXTENSION_free(key);
    return good;
}

typedef struct crl_plan {
    const sw_cert *issuer;
    int64_t this_update_ms, next_update_ms;
    uint64_t number;
    const uint64_t *revoked;
    size_t revoked_count;
} crl_plan;

static bool fill_crl(X509_CRL *crl, const crl_plan *plan) {
    ASN1_TIME *from = ASN1_TIME_set(NULL, (time_t)seconds_of(plan->this_update_ms));
    ASN1_TIME *until = ASN1_TIME_set(NULL, (time_t)seconds_of(plan->next_update_ms));
    bool good =
        from != NULL && until != NULL && X509_CRL_set_version(crl, X509_CRL_VERSION_2) == 1 &&
        X509_CRL_set_issuer_name(crl, X509_get_subject_name(plan->issuer->x509)) == 1 &&
        X509_CRL_set1_lastUpdate(crl, from) == 1 && X509_CRL_set1_nextUpdate(crl, until) == 1 &&
        add_crl_extensions(crl, plan->issuer, plan->number);
    for (size_t i = 0; good && i < plan->revoked_count; i++)
        good = add_revoked(crl, plan->revoked[i], from);
    ASN1_TIME_free(from);
    ASN1_TIME_free(until);
    return good && X509_CRL_sort(crl) == 1;
}

static sw_status make_crl(const crl_plan *plan, EVP_PKEY *signer, sw_buffer *der, sw_error *err) {
    X509_CRL *crl = X509_CRL_new();
    uint8_t *bytes = NULL;
    int size = 0;
    if (crl != NULL && fill_crl(crl, plan) && X509_CRL_sign(crl, signer, EVP_sha256()) > 0)
        size = i2d_X509_CRL(crl, &bytes);
    X509_CRL_free(crl);
    return append(der, bytes, size, err);
}

sw_status sw_crl_make(const sw_cert *issuer, const uint8_t secret[32], int64_t this_update_ms,
                      int64_t next_update_ms, uint64_t number, const uint64_t *revoked,
                      size_t revoked_count, sw_buffer *der, sw_error *err) {
    crl_plan plan = {issuer, this_update_ms, next_update_ms, number, revoked, revoked_count};
    if (this_update_ms > next_update_ms)
        return sw_fail(err, SW_USAGE, "usage", "a revocation list would end before it begins");
    if (revoked_count > REVOKED_MAX)
        return sw_fail(err, SW_USAGE, "usage", "more than %d revoked certificates", REVOKED_MAX);
    sw_p256_public signing;
    SW_TRY(sw_cert_key(issuer, &signing, err));
    SW_TRY(check_signer(secret, &signing, err));
    EVP_PKEY *signer = NULL;
    SW_TRY(sw_p256_evp_secret(secret, &signer, err));
    sw_status status = make_crl(&plan, signer, der, err);
    EVP_PKEY_free(signer);
    return status;
}
