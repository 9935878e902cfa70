/* SPDX-License-Identifier: Apache-2.0
 *
 * ECDSA over P-384 with SHA-384 (FIPS 186-5), raw r||s: the signatures of NVIDIA's devices and of
 * reference manifests.
 *
 * None of our own keys is of this curve; the software machine's devices alone sign with it. Points
 * from outside are checked to lie on the curve, numbers to lie in 1..n-1, before either is used.
 */
#include "crypto/crypto_internal.h"

#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/param_build.h>
#include <string.h>

enum { NUMBER = SW_P384_SECRET_BYTES, DER_LIMIT = 104, GENERATE_TRIES = 16 };

/* The group's order n (SP 800-186 3.2.1.4). */
static const uint8_t order[NUMBER] = {
    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xc7, 0x63, 0x4d, 0x81, 0xf4, 0x37, 0x2d, 0xdf,
    0x58, 0x1a, 0x0d, 0xb2, 0x48, 0xb0, 0xa7, 0x7a, 0xec, 0xec, 0x19, 0x6a, 0xcc, 0xc5, 0x29, 0x73};
static const char curve_name[] = "P-384";

static bool in_range(const uint8_t number[NUMBER]) {
    uint8_t any = 0;
    for (size_t i = 0; i < NUMBER; i++) any |= number[i];
    return any != 0 && memcmp(number, order, NUMBER) < 0; /* of public numbers, and of fresh ones */
}

/* ---- OpenSSL objects from plain bytes ---- */
static sw_status key_make(const sw_p384_public *point, const BIGNUM *scalar, EVP_PKEY **out,
                          sw_error *err) {
    OSSL_PARAM_BLD *builder = OSSL_PARAM_BLD_new();
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
    EVP_PKEY *made = NULL;
    bool good =
        builder != NULL && ctx != NULL &&
        OSSL_PARAM_BLD_push_utf8_string(builder, OSSL_PKEY_PARAM_GROUP_NAME, curve_name, 0) == 1 &&
        OSSL_PARAM_BLD_push_octet_string(builder, OSSL_PKEY_PARAM_PUB_KEY, point->b,
                                         sizeof point->b) == 1 &&
        (scalar == NULL ||
         OSSL_PARAM_BLD_push_BN_pad(builder, OSSL_PKEY_PARAM_PRIV_KEY, scalar, NUMBER) == 1);
    OSSL_PARAM *params = good ? OSSL_PARAM_BLD_to_param(builder) : NULL;
    int selection = scalar == NULL ? EVP_PKEY_PUBLIC_KEY : EVP_PKEY_KEYPAIR;
    good = params != NULL && EVP_PKEY_fromdata_init(ctx) == 1 &&
           EVP_PKEY_fromdata(ctx, &made, selection, params) == 1;
    OSSL_PARAM_free(params);
    OSSL_PARAM_BLD_free(builder);
    EVP_PKEY_CTX_free(ctx);
    if (!good) return sw_openssl_refused(err, SW_MALFORMED, "key", "a P-384 key is not a point");
    *out = made;
    return SW_OK;
}

sw_status sw_p384_evp_public(const sw_p384_public *key, EVP_PKEY **out, sw_error *err) {
    if (key->b[0] != 0x04)
        return sw_fail(err, SW_MALFORMED, "key", "a P-384 key is not an uncompressed point");
    EVP_PKEY *made = NULL;
    SW_TRY(key_make(key, NULL, &made, err));
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, made, NULL);
    /* In range, on the curve, not infinity: the group's order is prime and its cofactor 1, so every
     * such point has that order, and the full check would only take as long as a verification. */
    bool good = ctx != NULL && EVP_PKEY_public_check_quick(ctx) == 1;
    EVP_PKEY_CTX_free(ctx);
    if (good) {
        *out = made;
        return SW_OK;
    }
    EVP_PKEY_free(made);
    return sw_openssl_refused(err, SW_MALFORMED, "key", "a P-384 key is not on the curve");
}

sw_status sw_p384_evp_secret(const uint8_t secret[SW_P384_SECRET_BYTES], EVP_PKEY **out,
                             sw_error *err) {
    sw_p384_public point;
    BIGNUM *scalar = BN_secure_new();
    sw_status status = sw_p384_derive(secret, &point, err);
    if (status == SW_OK && (scalar == NULL || BN_bin2bn(secret, NUMBER, scalar) == NULL))
        status = sw_openssl_failed(err, "P-384");
    if (status == SW_OK) status = key_make(&point, scalar, out, err);
    BN_clear_free(scalar);
    return status;
}

/* ---- keys ---- */
sw_status sw_p384_derive(const uint8_t secret[SW_P384_SECRET_BYTES], sw_p384_public *out,
                         sw_error *err) {
    if (!in_range(secret))
        return sw_fail(err, SW_MALFORMED, "key", "a P-384 secret is out of range");
    EC_GROUP *group = EC_GROUP_new_by_curve_name(NID_secp384r1);
    EC_POINT *point = group == NULL ? NULL : EC_POINT_new(group);
    BIGNUM *scalar = BN_secure_new();
    sw_p384_public made;
    bool good = point != NULL && scalar != NULL && BN_bin2bn(secret, NUMBER, scalar) != NULL;
    if (good) BN_set_flags(scalar, BN_FLG_CONSTTIME);
    good = good && EC_POINT_mul(group, point, scalar, NULL, NULL, NULL) == 1 &&
           EC_POINT_point2oct(group, point, POINT_CONVERSION_UNCOMPRESSED, made.b, sizeof made.b,
                              NULL) == sizeof made.b;
    BN_clear_free(scalar);
    EC_POINT_free(point);
    EC_GROUP_free(group);
    if (!good) return sw_openssl_failed(err, "P-384");
    *out = made;
    return SW_OK;
}

sw_status sw_p384_generate(const sw_entropy *e, uint8_t secret[SW_P384_SECRET_BYTES],
                           sw_p384_public *out, sw_error *err) {
    for (int i = 0; i < GENERATE_TRIES; i++) {
        SW_TRY(sw_entropy_fill(e, secret, NUMBER, err));
        if (in_range(secret)) return sw_p384_derive(secret, out, err);
    }
    return sw_fail(err, SW_INTERNAL, "internal", "no random number was a P-384 secret");
}

/* ---- signatures ---- */
sw_status sw_p384_sign_raw(const uint8_t secret[SW_P384_SECRET_BYTES], sw_bytes message,
                           uint8_t signature[SW_P384_SIGNATURE_BYTES], sw_error *err) {
    EVP_PKEY *key = NULL;
    SW_TRY(sw_p384_evp_secret(secret, &key, err));
    uint8_t der[DER_LIMIT], raw[SW_P384_SIGNATURE_BYTES];
    size_t size = sizeof der;
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    bool good = ctx != NULL && EVP_DigestSignInit(ctx, NULL, EVP_sha384(), NULL, key) == 1 &&
                EVP_DigestSign(ctx, der, &size, message.data, message.size) == 1;
    EVP_MD_CTX_free(ctx);
    EVP_PKEY_free(key);
    const uint8_t *at = der;
    ECDSA_SIG *sig = good ? d2i_ECDSA_SIG(NULL, &at, (long)size) : NULL;
    good = sig != NULL && BN_bn2binpad(ECDSA_SIG_get0_r(sig), raw, NUMBER) == NUMBER &&
           BN_bn2binpad(ECDSA_SIG_get0_s(sig), raw + NUMBER, NUMBER) == NUMBER;
    ECDSA_SIG_free(sig);
    if (!good) return sw_openssl_failed(err, "ECDSA");
    memcpy(signature, raw, sizeof raw);
    return SW_OK;
}

/* DER of r||s; 0 when OpenSSL has no memory. */
static size_t signature_encode(const uint8_t raw[SW_P384_SIGNATURE_BYTES], uint8_t der[DER_LIMIT]) {
    ECDSA_SIG *sig = ECDSA_SIG_new();
    BIGNUM *r = BN_bin2bn(raw, NUMBER, NULL), *s = BN_bin2bn(raw + NUMBER, NUMBER, NULL);
    if (sig == NULL || r == NULL || s == NULL || ECDSA_SIG_set0(sig, r, s) != 1) {
        BN_free(r);
        BN_free(s);
        ECDSA_SIG_free(sig);
        return 0;
    }
    int size = i2d_ECDSA_SIG(sig, NULL);
    uint8_t *end = der;
    bool good = size > 0 && size <= DER_LIMIT && i2d_ECDSA_SIG(sig, &end) == size;
    ECDSA_SIG_free(sig);
    return good ? (size_t)size : 0;
}

sw_status sw_p384_verify_raw(const sw_p384_public *key, sw_bytes message,
                             const uint8_t signature[SW_P384_SIGNATURE_BYTES], sw_error *err) {
    if (!in_range(signature) || !in_range(signature + NUMBER))
        return sw_fail(err, SW_UNAUTHENTIC, "signature", "a signature has numbers out of range");
    uint8_t der[DER_LIMIT];
    size_t size = signature_encode(signature, der);
    if (size == 0) return sw_openssl_failed(err, "ECDSA");
    EVP_PKEY *evp = NULL;
    SW_TRY(sw_p384_evp_public(key, &evp, err));
    return sw_evp_verify(evp, EVP_sha384(), message, SW_BYTES(der, size), err);
}
