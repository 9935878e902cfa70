/* SPDX-License-Identifier: Apache-2.0
 *
 * ECDSA over P-256 with SHA-256 (FIPS 186-5).
 *
 * A signature travels as DER (RFC 3279 2.2.3) or as raw r||s; both are parsed here into two numbers
 * in 1..n-1 before OpenSSL sees them. One value has one encoding: DER must equal its own
 * re-encoding. We sign with s <= n/2 and demand it of our own signatures, because (r, n-s) verifies
 * as well and would give a signed file a second spelling.
 */
#include "crypto/crypto_internal.h"

#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <string.h>

/* ---- the numbers ---- */
/* As 32 bytes; false unless 0 < number < n. */
static bool number_bytes(const BIGNUM *number, uint8_t out[32]) {
    return !BN_is_negative(number) && BN_bn2binpad(number, out, 32) == 32 && sw_p256_in_range(out);
}

/* Both numbers in range and, with low_s, s at most (n-1)/2. */
static bool numbers_valid(const ECDSA_SIG *sig, bool low_s) {
    uint8_t r[32], s[32];
    return number_bytes(ECDSA_SIG_get0_r(sig), r) && number_bytes(ECDSA_SIG_get0_s(sig), s) &&
           (!low_s || sw_p256_is_low(s));
}

/* Replaces s by n - s when s is above n/2. */
static bool lower_s(ECDSA_SIG *sig) {
    uint8_t s[32];
    if (!number_bytes(ECDSA_SIG_get0_s(sig), s)) return false;
    if (sw_p256_is_low(s)) return true;
    sw_p256_negate(s);
    BIGNUM *low = BN_bin2bn(s, sizeof s, NULL), *r = BN_dup(ECDSA_SIG_get0_r(sig));
    if (low != NULL && r != NULL && ECDSA_SIG_set0(sig, r, low) == 1) return true;
    BN_free(low);
    BN_free(r);
    return false;
}

/* DER of at most SW_ECDSA_DER_LIMIT bytes; 0 on failure. */
static size_t signature_encode(const ECDSA_SIG *sig, uint8_t out[SW_ECDSA_DER_LIMIT]) {
    int size = i2d_ECDSA_SIG(sig, NULL);
    if (size <= 0 || size > SW_ECDSA_DER_LIMIT) return 0;
    uint8_t *end = out;
    return i2d_ECDSA_SIG(sig, &end) == size ? (size_t)size : 0;
}

/* NULL unless `der` is exactly one signature in its only encoding. ECDSA_SIG_free. */
static ECDSA_SIG *signature_parse(sw_bytes der) {
    uint8_t again[SW_ECDSA_DER_LIMIT];
    if (der.size == 0 || der.size > sizeof again) return NULL;
    const uint8_t *at = der.data;
    ECDSA_SIG *sig = d2i_ECDSA_SIG(NULL, &at, (long)der.size);
    if (sig == NULL) return NULL;
    if (at == der.data + der.size && signature_encode(sig, again) == der.size &&
        memcmp(again, der.data, der.size) == 0)
        return sig;
    ECDSA_SIG_free(sig);
    return NULL;
}

/* ---- signing ---- */
static ECDSA_SIG *sign(EVP_PKEY *key, sw_bytes message) {
    uint8_t der[SW_ECDSA_DER_LIMIT];
    size_t size = sizeof der;
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    bool good = ctx != NULL && EVP_DigestSignInit(ctx, NULL, EVP_sha256(), NULL, key) == 1 &&
                EVP_DigestSign(ctx, der, &size, message.data, message.size) == 1;
    EVP_MD_CTX_free(ctx);
    const uint8_t *at = der;
    ECDSA_SIG *sig = good ? d2i_ECDSA_SIG(NULL, &at, (long)size) : NULL;
    if (sig != NULL && lower_s(sig)) return sig;
    ECDSA_SIG_free(sig);
    return NULL;
}

static sw_status sign_numbers(const uint8_t secret[32], sw_bytes message, ECDSA_SIG **out,
                              sw_error *err) {
    EVP_PKEY *key = NULL;
    SW_TRY(sw_p256_evp_secret(secret, &key, err));
    ECDSA_SIG *sig = sign(key, message);
    EVP_PKEY_free(key);
    if (sig == NULL) return sw_openssl_failed(err, "ECDSA");
    *out = sig;
    return SW_OK;
}

sw_status sw_p256_sign(const uint8_t secret[32], sw_bytes message, uint8_t out[SW_ECDSA_DER_LIMIT],
                       size_t *size, sw_error *err) {
    ECDSA_SIG *sig = NULL;
    SW_TRY(sign_numbers(secret, message, &sig, err));
    uint8_t der[SW_ECDSA_DER_LIMIT];
    size_t made = signature_encode(sig, der);
    ECDSA_SIG_free(sig);
    if (made == 0) return sw_openssl_failed(err, "ECDSA");
    memcpy(out, der, made);
    *size = made;
    return SW_OK;
}

sw_status sw_p256_sign_raw(const uint8_t secret[32], sw_bytes message, uint8_t signature[64],
                           sw_error *err) {
    ECDSA_SIG *sig = NULL;
    SW_TRY(sign_numbers(secret, message, &sig, err));
    uint8_t raw[64];
    bool good = BN_bn2binpad(ECDSA_SIG_get0_r(sig), raw, 32) == 32 &&
                BN_bn2binpad(ECDSA_SIG_get0_s(sig), raw + 32, 32) == 32;
    ECDSA_SIG_free(sig);
    if (!good) return sw_openssl_failed(err, "ECDSA");
    memcpy(signature, raw, sizeof raw);
    return SW_OK;
}

/* ---- verifying ---- */
sw_status sw_evp_verify(EVP_PKEY *key, const EVP_MD *digest, sw_bytes message, sw_bytes der,
                        sw_error *err) {
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    bool ready = ctx != NULL && EVP_DigestVerifyInit(ctx, NULL, digest, NULL, key) == 1;
    bool holds =
        ready && EVP_DigestVerify(ctx, der.data, der.size, message.data, message.size) == 1;
    EVP_MD_CTX_free(ctx);
    EVP_PKEY_free(key);
    if (holds) return SW_OK;
    if (!ready) return sw_openssl_failed(err, "ECDSA");
    return sw_openssl_refused(err, SW_UNAUTHENTIC, "signature", "a signature does not hold");
}

static sw_status verify_numbers(const sw_p256_public *key, sw_bytes message, const ECDSA_SIG *sig,
                                sw_error *err) {
    uint8_t der[SW_ECDSA_DER_LIMIT];
    size_t size = signature_encode(sig, der);
    if (size == 0) return sw_openssl_failed(err, "ECDSA");
    EVP_PKEY *evp = NULL;
    SW_TRY(sw_p256_evp_public(key, &evp, err));
    return sw_evp_verify(evp, EVP_sha256(), message, SW_BYTES(der, size), err);
}

sw_status sw_p256_verify(const sw_p256_public *key, sw_bytes message, sw_bytes der_signature,
                         bool low_s, sw_error *err) {
    ECDSA_SIG *sig = signature_parse(der_signature);
    if (sig == NULL)
        return sw_openssl_refused(err, SW_UNAUTHENTIC, "signature",
                                  "a signature is not a DER ECDSA-Sig-Value");
    sw_status status = numbers_valid(sig, low_s)
                           ? verify_numbers(key, message, sig, err)
                           : sw_openssl_refused(err, SW_UNAUTHENTIC, "signature",
                                                "a signature has numbers out of range");
    ECDSA_SIG_free(sig);
    return status;
}

sw_status sw_p256_verify_raw(const sw_p256_public *key, sw_bytes message,
                             const uint8_t signature[64], sw_error *err) {
    ECDSA_SIG *sig = ECDSA_SIG_new();
    BIGNUM *r = BN_bin2bn(signature, 32, NULL), *s = BN_bin2bn(signature + 32, 32, NULL);
    if (sig == NULL || r == NULL || s == NULL || ECDSA_SIG_set0(sig, r, s) != 1) {
        BN_free(r);
        BN_free(s);
        ECDSA_SIG_free(sig);
        return sw_openssl_failed(err, "ECDSA");
    }
    sw_status status = numbers_valid(sig, false)
                           ? verify_numbers(key, message, sig, err)
                           : sw_openssl_refused(err, SW_UNAUTHENTIC, "signature",
                                                "a signature has numbers out of range");
    ECDSA_SIG_free(sig);
    return status;
}
