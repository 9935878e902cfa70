/* SPDX-License-Identifier: Apache-2.0
 *
 * A chain to one pinned root at an explicit time (RFC 5280 6), with revocation for every
 * certificate below the root.
 *
 * OpenSSL builds and judges the path; here it is given one trust anchor, no default paths, the
 * strict flag, and every list. What it found must then be the very chain that was given,
 * certificate by certificate. On top of OpenSSL: names must link byte for byte (X.509 comparison
 * folds case and white space), and the anchor must be the pinned bytes, not merely a certificate of
 * the same name and key.
 */
#include "crypto/crypto_internal.h"
#include "crypto/x509_internal.h"
#include "crypto/x509_unkeyed.h"

#include <openssl/err.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>

/* 128-bit security: P-256 and SHA-256 upwards (SSL_CTX_set_security_level(3) lists the same). */
#define AUTH_LEVEL 3

typedef struct request {
    sw_cert *const *chain;
    size_t count;
    sw_crl *const *crls;
    size_t crl_count;
    bool lists; /* every issuer's list must be there; false: nothing is said of revocation */
    bool below; /* the last one is an intermediate that was judged with what stands above it */
    int64_t wall_ms;
    bool unkeyed; /* an authority key identifier may be missing */
} request;

static const char *role_of(size_t index, size_t count) {
    return index + 1 == count ? "the root" : index == 0 ? "the leaf" : "an intermediate";
}

/* ---- what OpenSSL does not look at ---- */
static bool crl_for(const request *q, const sw_cert *issuer) {
    for (size_t i = 0; i < q->crl_count; i++)
        if (sw_crl_issued_by(q->crls[i], issuer)) return true;
    return false;
}

static sw_status check_shape(const request *q, sw_bytes anchor, sw_error *err) {
    if (q->count < 2 || q->count > SW_CHAIN_MAX)
        return sw_fail(err, SW_REFUSED, "evidence", "a chain has %zu certificates, not 2 to %d",
                       q->count, SW_CHAIN_MAX);
    if (q->crl_count > SW_CRL_MAX)
        return sw_fail(err, SW_REFUSED, "evidence", "more than %d revocation lists", SW_CRL_MAX);
    if (!sw_bytes_equal(sw_cert_der(q->chain[q->count - 1]), anchor))
        return sw_fail(err, SW_REFUSED, "evidence", "the chain does not end in the pinned root");
    for (size_t i = 0; i + 1 < q->count; i++) {
        const sw_cert *issuer = q->chain[i + 1];
        if (!sw_name_equal(X509_get_issuer_name(q->chain[i]->x509),
                           X509_get_subject_name(issuer->x509)))
            return sw_fail(err, SW_REFUSED, "evidence",
                           "certificate %zu (%s) names another issuer than certificate %zu", i,
                           role_of(i, q->count), i + 1);
        if (q->lists && !crl_for(q, issuer))
            return sw_fail(err, SW_REFUSED, "evidence",
                           "no revocation list of the issuer of certificate %zu (%s)", i,
                           role_of(i, q->count));
    }
    return SW_OK;
}

/* RFC 5280 5.2: a list carries its number and its issuer's key identifier, and is complete: a delta
 * says nothing of what its base holds. */
static sw_status check_crl_extensions(const request *q, sw_error *err) {
    for (size_t i = 0; i < q->crl_count; i++) {
        const X509_CRL *crl = q->crls[i]->crl;
        if (X509_CRL_get_ext_by_NID(crl, NID_crl_number, -1) < 0 ||
            X509_CRL_get_ext_by_NID(crl, NID_authority_key_identifier, -1) < 0)
            return sw_fail(err, SW_REFUSED, "evidence",
                           "revocation list %zu lacks its number or its issuer's key identifier",
                           i);
        if (X509_CRL_get_ext_by_NID(crl, NID_delta_crl, -1) >= 0)
            return sw_fail(err, SW_REFUSED, "evidence", "revocation list %zu is a delta", i);
    }
    return SW_OK;
}

/* ---- OpenSSL's judgement ---- */
static X509_STORE *store_of(const request *q) {
    X509_STORE *store = X509_STORE_new();
    if (store == NULL) return NULL;
    bool good = X509_STORE_add_cert(store, q->chain[q->count - 1]->x509) == 1;
    for (size_t i = 0; good && i < q->crl_count; i++)
        good = X509_STORE_add_crl(store, q->crls[i]->crl) == 1;
    if (good) return store;
    X509_STORE_free(store);
    return NULL;
}

static STACK_OF(X509) * intermediates_of(const request *q) {
    STACK_OF(X509) *stack = sk_X509_new_null();
    for (size_t i = 1; stack != NULL && i + 1 < q->count; i++)
        if (sk_X509_push(stack, q->chain[i]->x509) == 0) {
            sk_X509_free(stack);
            return NULL;
        }
    return stack;
}

static int64_t seconds_of(int64_t ms) {
    return ms / 1000 - (ms % 1000 < 0);
}

/* Goes on after one finding alone: an authority key identifier that is missing. The path is given,
 * so nothing needs it to find an issuer. */
static int pass_unkeyed(int good, X509_STORE_CTX *ctx) {
    if (good == 0 && X509_STORE_CTX_get_error(ctx) == X509_V_ERR_MISSING_AUTHORITY_KEY_IDENTIFIER) {
        X509_STORE_CTX_set_error(ctx, X509_V_OK);
        return 1;
    }
    return good;
}

static void demand(X509_STORE_CTX *ctx, const request *q) {
    if (q->unkeyed) X509_STORE_CTX_set_verify_cb(ctx, pass_unkeyed);
    X509_VERIFY_PARAM *param = X509_STORE_CTX_get0_param(ctx);
    X509_VERIFY_PARAM_set_flags(param, X509_V_FLAG_X509_STRICT);
    if (q->below) X509_VERIFY_PARAM_set_flags(param, X509_V_FLAG_PARTIAL_CHAIN);
    if (q->lists)
        X509_VERIFY_PARAM_set_flags(param, X509_V_FLAG_CRL_CHECK | X509_V_FLAG_CRL_CHECK_ALL);
    X509_VERIFY_PARAM_set_time(param, (time_t)seconds_of(q->wall_ms));
    X509_VERIFY_PARAM_set_depth(param, (int)q->count - 2); /* intermediates alone count */
    X509_VERIFY_PARAM_set_auth_level(param, AUTH_LEVEL);
}

/* The path that OpenSSL found is the path that was given. */
static bool same_path(X509_STORE_CTX *ctx, const request *q) {
    STACK_OF(X509) *found = X509_STORE_CTX_get0_chain(ctx);
    if (found == NULL || (size_t)sk_X509_num(found) != q->count) return false;
    for (size_t i = 0; i < q->count; i++)
        if (X509_cmp(sk_X509_value(found, (int)i), q->chain[i]->x509) != 0) return false;
    return true;
}

static sw_status judge(X509_STORE_CTX *ctx, const request *q, sw_error *err) {
    demand(ctx, q);
    int verdict = X509_verify_cert(ctx);
    int cause = X509_STORE_CTX_get_error(ctx), depth = X509_STORE_CTX_get_error_depth(ctx);
    bool same = verdict == 1 && same_path(ctx, q);
    ERR_clear_error();
    if (same && cause == X509_V_OK) return SW_OK;
    if (verdict == 1)
        return sw_fail(err, SW_REFUSED, "evidence", "another path leads from leaf to root");
    size_t index = depth < 0 ? 0 : (size_t)depth;
    return sw_fail(err, SW_REFUSED, "evidence", "certificate %zu (%s): %s", index,
                   role_of(index, q->count), X509_verify_cert_error_string(cause));
}

static sw_status verify_path(const request *q, sw_error *err) {
    X509_STORE *store = store_of(q);
    STACK_OF(X509) *intermediates = intermediates_of(q);
    X509_STORE_CTX *ctx = X509_STORE_CTX_new();
    bool ready = store != NULL && intermediates != NULL && ctx != NULL &&
                 X509_STORE_CTX_init(ctx, store, q->chain[0]->x509, intermediates) == 1;
    sw_status status =
        ready ? judge(ctx, q, err) : sw_openssl_failed(err, "building a certificate store");
    X509_STORE_CTX_free(ctx);
    sk_X509_free(intermediates);
    X509_STORE_free(store);
    return status;
}

/* A list that names the certificate in any way refuses it: OpenSSL passes over entries "removed"
 * and over all but one list in force. */
static sw_status check_unlisted(const request *q, sw_error *err) {
    for (size_t i = 0; i + 1 < q->count; i++)
        for (size_t k = 0; k < q->crl_count; k++) {
            X509_REVOKED *entry = NULL;
            ASN1_INTEGER *serial = X509_get_serialNumber(q->chain[i]->x509);
            if (sw_crl_issued_by(q->crls[k], q->chain[i + 1]) &&
                X509_CRL_get0_by_serial(q->crls[k]->crl, &entry, serial) != 0)
                return sw_fail(err, SW_REFUSED, "evidence",
                               "certificate %zu (%s) is listed in revocation list %zu", i,
                               role_of(i, q->count), k);
        }
    return SW_OK;
}

sw_status sw_chain_verify(sw_cert *const *chain, size_t count, sw_bytes anchor_der,
                          sw_crl *const *crls, size_t crl_count, int64_t wall_ms, sw_error *err) {
    request q = {.chain = chain,
                 .count = count,
                 .crls = crls,
                 .crl_count = crl_count,
                 .lists = true,
                 .wall_ms = wall_ms};
    SW_TRY(check_shape(&q, anchor_der, err));
    SW_TRY(check_crl_extensions(&q, err));
    SW_TRY(verify_path(&q, err));
    return check_unlisted(&q, err);
}

sw_status sw_chain_verify_path(sw_cert *const *chain, size_t count, sw_bytes anchor_der,
                               int64_t wall_ms, sw_error *err) {
    request q = {.chain = chain, .count = count, .wall_ms = wall_ms};
    SW_TRY(check_shape(&q, anchor_der, err));
    return verify_path(&q, err);
}

sw_status sw_chain_verify_unkeyed(sw_cert *const *chain, size_t count, sw_bytes anchor_der,
                                  int64_t wall_ms, sw_error *err) {
    request q = {.chain = chain, .count = count, .wall_ms = wall_ms, .unkeyed = true};
    SW_TRY(check_shape(&q, anchor_der, err));
    return verify_path(&q, err);
}

bool sw_cert_constrains_names(const sw_cert *cert) {
    return X509_get_ext_by_NID(cert->x509, NID_name_constraints, -1) >= 0;
}

sw_status sw_chain_verify_below(sw_cert *const *chain, size_t count, int64_t wall_ms,
                                sw_error *err) {
    request q = {.chain = chain, .count = count, .below = true, .wall_ms = wall_ms};
    if (count < 2 || sw_cert_constrains_names(chain[count - 1]))
        return sw_fail(err, SW_REFUSED, "evidence", "this part of a path is not judged by itself");
    SW_TRY(check_shape(&q, sw_cert_der(chain[count - 1]), err));
    return verify_path(&q, err);
}
