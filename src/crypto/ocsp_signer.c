/* SPDX-License-Identifier: Apache-2.0
 *
 * Who may sign an OCSP answer, and whether they did (RFC 6960 4.2.2.2; GPU-153, GPU-154).
 *
 * There are two: the issuer of the certificate in question, and one to whom it gave a certificate
 * for signing OCSP answers. The latter's certificate is in the answer; nothing else is, but the
 * issuer's own.
 */
#include "crypto/crypto_internal.h"
#include "crypto/ocsp_internal.h"

#include <openssl/err.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>
#include <string.h>

#define REFUSE(err, ...) sw_fail((err), SW_REFUSED, "evidence", __VA_ARGS__)

/* 128-bit security, as of every chain here (x509_verify.c). */
#define AUTH_LEVEL 3

enum { SHA1_BYTES = 20 };

/* ---- who ---- */
/* ResponderID: by name, or by the SHA-1 of the key. */
static bool responder_is(const OCSP_BASICRESP *basic, const X509 *x) {
    const ASN1_OCTET_STRING *key = NULL;
    const X509_NAME *name = NULL;
    uint8_t digest[EVP_MAX_MD_SIZE];
    unsigned size = 0;
    if (OCSP_resp_get0_id(basic, &key, &name) != 1) return false;
    if (name != NULL) return sw_name_equal(name, X509_get_subject_name(x));
    return key != NULL && X509_pubkey_digest(x, EVP_sha1(), digest, &size) == 1 &&
           size == SHA1_BYTES &&
           sw_bytes_equal(SW_BYTES(digest, size),
                          SW_BYTES(ASN1_STRING_get0_data(key), (size_t)ASN1_STRING_length(key)));
}

static bool same_bytes(X509 *x, const sw_cert *cert) {
    uint8_t *der = NULL;
    int size = i2d_X509(x, &der);
    bool same = size > 0 && sw_bytes_equal(SW_BYTES(der, (size_t)size), sw_cert_der(cert));
    OPENSSL_free(der);
    return same;
}

/* NULL in *out: none but the issuer's own. */
static sw_status delegate_find(const sw_ocsp_question *q, X509 **out, sw_error *err) {
    const STACK_OF(X509) *certs = OCSP_resp_get0_certs(q->basic);
    bool issuer = false;
    X509 *delegate = NULL;
    if (certs != NULL && sk_X509_num(certs) == 0)
        return REFUSE(err, "an OCSP answer carries an empty list of certificates");
    for (int i = 0; certs != NULL && i < sk_X509_num(certs); i++) {
        X509 *x = sk_X509_value(certs, i);
        bool own = same_bytes(x, q->issuer);
        if (own ? issuer : delegate != NULL)
            return REFUSE(err, "an OCSP answer carries more certificates than its signer's");
        if (own)
            issuer = true;
        else
            delegate = x;
    }
    *out = delegate;
    return SW_OK;
}

/* ---- by whose leave ---- */
static sw_status purpose_check(X509 *x, sw_error *err) {
    uint32_t flags = X509_get_extension_flags(x);
    if ((flags & EXFLAG_XKUSAGE) == 0 || (X509_get_extended_key_usage(x) & XKU_OCSP_SIGN) == 0)
        return REFUSE(err, "the signer of an OCSP answer is not certified for OCSP signing");
    if ((flags & EXFLAG_CA) != 0)
        return REFUSE(err, "the signer of an OCSP answer is certified as an authority");
    if ((flags & EXFLAG_KUSAGE) != 0 && (X509_get_key_usage(x) & KU_DIGITAL_SIGNATURE) == 0)
        return REFUSE(err, "the signer of an OCSP answer is not certified for signatures");
    return SW_OK;
}

static int64_t seconds_of(int64_t ms) {
    return ms / 1000 - (ms % 1000 < 0);
}

/* A path of two: the signer, and the issuer as the only trust. */
static sw_status path_judge(X509_STORE_CTX *ctx, const sw_ocsp_question *q, sw_error *err) {
    X509_VERIFY_PARAM *param = X509_STORE_CTX_get0_param(ctx);
    X509_VERIFY_PARAM_set_flags(param, X509_V_FLAG_X509_STRICT | X509_V_FLAG_PARTIAL_CHAIN);
    X509_VERIFY_PARAM_set_time(param, (time_t)seconds_of(q->wall_ms));
    X509_VERIFY_PARAM_set_depth(param, 0);
    X509_VERIFY_PARAM_set_auth_level(param, AUTH_LEVEL);
    bool good = X509_verify_cert(ctx) == 1;
    int cause = X509_STORE_CTX_get_error(ctx);
    const STACK_OF(X509) *path = X509_STORE_CTX_get0_chain(ctx);
    good = good && path != NULL && sk_X509_num(path) == 2 &&
           same_bytes(sk_X509_value(path, 1), q->issuer);
    ERR_clear_error();
    if (good) return SW_OK;
    return REFUSE(err, "the signer of an OCSP answer is not certified by the issuer: %s",
                  X509_verify_cert_error_string(cause));
}

static sw_status path_check(const sw_ocsp_question *q, X509 *delegate, sw_error *err) {
    X509_STORE *store = X509_STORE_new();
    X509_STORE_CTX *ctx = X509_STORE_CTX_new();
    bool ready = store != NULL && ctx != NULL && X509_STORE_add_cert(store, q->issuer->x509) == 1 &&
                 X509_STORE_CTX_init(ctx, store, delegate, NULL) == 1;
    sw_status status =
        ready ? path_judge(ctx, q, err) : sw_openssl_failed(err, "building a certificate store");
    X509_STORE_CTX_free(ctx);
    X509_STORE_free(store);
    return status;
}

static sw_status signer_find(const sw_ocsp_question *q, X509 **out, sw_error *err) {
    X509 *delegate = NULL;
    SW_TRY(delegate_find(q, &delegate, err));
    if (delegate == NULL) {
        if (!responder_is(q->basic, q->issuer->x509))
            return REFUSE(err, "an OCSP answer is not the issuer's, and without its signer's "
                               "certificate");
        *out = q->issuer->x509;
        return SW_OK;
    }
    if (!responder_is(q->basic, delegate))
        return REFUSE(err, "an OCSP answer carries a certificate that is not its signer's");
    SW_TRY(purpose_check(delegate, err));
    SW_TRY(path_check(q, delegate, err));
    *out = delegate;
    return SW_OK;
}

/* ---- and did they ---- */
static bool algorithm_known(const X509_ALGOR *algorithm) {
    const ASN1_OBJECT *object = NULL;
    int parameters = 0;
    X509_ALGOR_get0(&object, &parameters, NULL, algorithm);
    int nid = OBJ_obj2nid(object);
    return parameters == V_ASN1_UNDEF &&
           (nid == NID_ecdsa_with_SHA256 || nid == NID_ecdsa_with_SHA384);
}

static void signer_dates(const sw_ocsp_question *q, X509 *signer, int64_t *from_ms,
                         int64_t *until_ms) {
    const sw_cert delegate = {.x509 = signer};
    *from_ms = INT64_MIN;
    *until_ms = INT64_MAX;
    if (signer != q->issuer->x509) sw_cert_validity(&delegate, from_ms, until_ms);
}

sw_status sw_ocsp_signature_verify(const sw_ocsp_question *q, int64_t *from_ms, int64_t *until_ms,
                                   sw_error *err) {
    X509 *signer = NULL;
    const X509_ALGOR *algorithm = OCSP_resp_get0_tbs_sigalg(q->basic);
    SW_TRY(signer_find(q, &signer, err));
    if (!algorithm_known(algorithm))
        return REFUSE(err, "an OCSP answer is not signed by ECDSA with SHA-256 or SHA-384");
    signer_dates(q, signer, from_ms, until_ms);
    EVP_PKEY *key = X509_get0_pubkey(signer);
    if (key != NULL && ASN1_item_verify(ASN1_ITEM_rptr(OCSP_RESPDATA), algorithm,
                                        OCSP_resp_get0_signature(q->basic),
                                        OCSP_resp_get0_respdata(q->basic), key) == 1)
        return SW_OK;
    return sw_openssl_refused(err, SW_REFUSED, "evidence",
                              "an OCSP answer's signature does not hold");
}
