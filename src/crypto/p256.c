/* SPDX-License-Identifier: Apache-2.0
 *
 * P-256 keys (FIPS 186-5, SEC 1): points, scalars, ECDH, SubjectPublicKeyInfo.
 *
 * A public key is 65 plain bytes and a secret 32; OpenSSL's objects exist only within one call.
 * Every point from outside is checked to lie on the curve before use; the curve's cofactor is 1, so
 * that is full validation (SP 800-56A 5.6.2.3.3). The curve itself is made once a process and never
 * changes: making it anew for every key costs more than signing.
 */
#include "crypto/crypto_internal.h"
#include "crypto/openssl.h"

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/obj_mac.h>
#include <openssl/param_build.h>
#include <pthread.h>
#include <string.h>

/* A random scalar is out of range once in 2^32 tries. */
#define GENERATE_TRIES 16

/* SEQUENCE { SEQUENCE { OID ecPublicKey, OID prime256v1 }, BIT STRING (66 bytes, none unused) };
 * the point follows. RFC 5480 2. */
static const uint8_t spki_head[26] = {0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48,
                                      0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48,
                                      0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00};
#define SPKI_BYTES (sizeof spki_head + SW_P256_BYTES)

/* The group's order n and (n - 1) / 2 (FIPS 186-5, SP 800-186 3.2.1.3). */
static const uint8_t order[32] = {0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0x00, 0x00, 0xff, 0xff, 0xff,
                                  0xff, 0xff, 0xff, 0xff, 0xff, 0xbc, 0xe6, 0xfa, 0xad, 0xa7, 0x17,
                                  0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51};
static const uint8_t half_order[32] = {
    0x7f, 0xff, 0xff, 0xff, 0x80, 0x00, 0x00, 0x00, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
    0xde, 0x73, 0x7d, 0x56, 0xd3, 0x8b, 0xcf, 0x42, 0x79, 0xdc, 0xe5, 0x61, 0x7e, 0x31, 0x92, 0xa8};

bool sw_p256_equal(const sw_p256_public *a, const sw_p256_public *b) {
    return memcmp(a->b, b->b, sizeof a->b) == 0;
}

/* ---- numbers ---- */
/* out = a - b modulo 2^256, in constant time; true when a < b. `out` may be `a` or `b`. */
static bool subtract(const uint8_t a[32], const uint8_t b[32], uint8_t out[32]) {
    unsigned borrow = 0;
    for (size_t i = 32; i-- > 0;) {
        unsigned digit = (unsigned)a[i] - b[i] - borrow;
        out[i] = (uint8_t)digit;
        borrow = digit >> 8 & 1;
    }
    return borrow != 0;
}

bool sw_p256_in_range(const uint8_t number[32]) {
    uint8_t rest[32], any = 0;
    bool below = subtract(number, order, rest);
    sw_wipe(rest, sizeof rest);
    for (size_t i = 0; i < 32; i++) any |= number[i];
    return below && any != 0;
}

bool sw_p256_is_low(const uint8_t number[32]) {
    uint8_t rest[32];
    return !subtract(half_order, number, rest);
}

void sw_p256_negate(uint8_t number[32]) {
    (void)subtract(order, number, number);
}

/* ---- the curve ---- */
static EC_GROUP *curve;     /* NULL: OpenSSL had no memory when it was first needed */
static EVP_PKEY *generator; /* as a public key: what others are copied from */
static pthread_once_t curve_once = PTHREAD_ONCE_INIT;

static EVP_PKEY *key_from_params(OSSL_PARAM *params, int selection) {
    EVP_PKEY *key = NULL;
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
    if (ctx == NULL || EVP_PKEY_fromdata_init(ctx) != 1 ||
        EVP_PKEY_fromdata(ctx, &key, selection, params) != 1)
        key = NULL;
    EVP_PKEY_CTX_free(ctx);
    return key;
}

static void curve_make(void) {
    char name[] = "P-256";
    uint8_t point[SW_P256_BYTES];
    EC_GROUP *group = EC_GROUP_new_by_curve_name(NID_X9_62_prime256v1);
    if (group == NULL ||
        EC_POINT_point2oct(group, EC_GROUP_get0_generator(group), POINT_CONVERSION_UNCOMPRESSED,
                           point, sizeof point, NULL) != sizeof point) {
        EC_GROUP_free(group);
        return;
    }
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, name, 0),
        OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, point, sizeof point),
        OSSL_PARAM_construct_end()};
    generator = key_from_params(params, EVP_PKEY_PUBLIC_KEY);
    curve = group;
}

static const EC_GROUP *curve_of(void) {
    (void)pthread_once(&curve_once, curve_make);
    return curve;
}

/* ---- OpenSSL objects from plain bytes ---- */
/* Refuses coordinates from p upwards and what is not on the curve. EC_POINT_free. */
static sw_status point_parse(const sw_p256_public *key, EC_POINT **out, sw_error *err) {
    if (key->b[0] != 0x04)
        return sw_fail(err, SW_MALFORMED, "key", "a P-256 key is not an uncompressed point");
    const EC_GROUP *group = curve_of();
    EC_POINT *made = group == NULL ? NULL : EC_POINT_new(group);
    if (made == NULL) return sw_openssl_failed(err, "P-256");
    if (EC_POINT_oct2point(group, made, key->b, sizeof key->b, NULL) != 1) {
        EC_POINT_free(made);
        return sw_openssl_refused(err, SW_MALFORMED, "key", "a P-256 key is not on the curve");
    }
    *out = made;
    return SW_OK;
}

sw_status sw_p256_evp_public(const sw_p256_public *key, EVP_PKEY **out, sw_error *err) {
    SW_TRY(sw_p256_check(key, err));
    EVP_PKEY *made = generator == NULL ? NULL : EVP_PKEY_dup(generator);
    if (made == NULL || EVP_PKEY_set1_encoded_public_key(made, key->b, sizeof key->b) != 1) {
        EVP_PKEY_free(made);
        return sw_openssl_failed(err, "P-256");
    }
    *out = made;
    return SW_OK;
}

/* The scalar as a number that OpenSSL treats in constant time; NULL without memory. BN_clear_free.
 */
static BIGNUM *scalar_from(const uint8_t secret[32]) {
    BIGNUM *scalar = BN_secure_new();
    if (scalar != NULL && BN_bin2bn(secret, 32, scalar) != NULL) {
        BN_set_flags(scalar, BN_FLG_CONSTTIME);
        return scalar;
    }
    BN_clear_free(scalar);
    return NULL;
}

static sw_status out_of_range(sw_error *err) {
    return sw_fail(err, SW_MALFORMED, "key", "a P-256 secret is out of range");
}

/* `public` may be NULL: signing and ECDH do without. */
static EVP_PKEY *key_from_scalar(const BIGNUM *scalar, const sw_p256_public *public) {
    OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
    OSSL_PARAM *params = NULL;
    if (build != NULL &&
        OSSL_PARAM_BLD_push_utf8_string(build, OSSL_PKEY_PARAM_GROUP_NAME, "P-256", 0) == 1 &&
        OSSL_PARAM_BLD_push_BN_pad(build, OSSL_PKEY_PARAM_PRIV_KEY, scalar, 32) == 1 &&
        (public == NULL || OSSL_PARAM_BLD_push_octet_string(build, OSSL_PKEY_PARAM_PUB_KEY,
                                                            public->b, sizeof public->b) == 1))
        params = OSSL_PARAM_BLD_to_param(build);
    EVP_PKEY *key = params == NULL ? NULL : key_from_params(params, EVP_PKEY_KEYPAIR);
    OSSL_PARAM *secret =
        params == NULL ? NULL : OSSL_PARAM_locate(params, OSSL_PKEY_PARAM_PRIV_KEY);
    if (secret != NULL) sw_wipe(secret->data, secret->data_size);
    OSSL_PARAM_free(params);
    OSSL_PARAM_BLD_free(build);
    return key;
}

static sw_status evp_of(const uint8_t secret[32], const sw_p256_public *public, EVP_PKEY **out,
                        sw_error *err) {
    if (!sw_p256_in_range(secret)) return out_of_range(err);
    BIGNUM *scalar = scalar_from(secret);
    EVP_PKEY *made = scalar == NULL ? NULL : key_from_scalar(scalar, public);
    BN_clear_free(scalar);
    if (made == NULL) return sw_openssl_failed(err, "P-256");
    *out = made;
    return SW_OK;
}

sw_status sw_p256_evp_secret(const uint8_t secret[32], EVP_PKEY **out, sw_error *err) {
    return evp_of(secret, NULL, out, err);
}

sw_status sw_p256_evp_pair(const uint8_t secret[32], EVP_PKEY **out, sw_error *err) {
    sw_p256_public public;
    SW_TRY(sw_p256_derive(secret, &public, err));
    return evp_of(secret, &public, out, err);
}

/* ---- keys ---- */
sw_status sw_p256_check(const sw_p256_public *key, sw_error *err) {
    EC_POINT *point = NULL;
    SW_TRY(point_parse(key, &point, err));
    EC_POINT_free(point);
    return SW_OK;
}

sw_status sw_p256_derive(const uint8_t secret[32], sw_p256_public *out, sw_error *err) {
    if (!sw_p256_in_range(secret)) return out_of_range(err);
    const EC_GROUP *group = curve_of();
    if (group == NULL) return sw_openssl_failed(err, "P-256");
    BIGNUM *scalar = scalar_from(secret);
    EC_POINT *point = EC_POINT_new(group);
    sw_p256_public made;
    bool good = scalar != NULL && point != NULL &&
                EC_POINT_mul(group, point, scalar, NULL, NULL, NULL) == 1 &&
                EC_POINT_point2oct(group, point, POINT_CONVERSION_UNCOMPRESSED, made.b,
                                   sizeof made.b, NULL) == sizeof made.b;
    BN_clear_free(scalar);
    EC_POINT_clear_free(point);
    if (!good) return sw_openssl_failed(err, "P-256");
    *out = made;
    return SW_OK;
}

/* FIPS 186-5 A.2.2: candidates are tested, not reduced. */
sw_status sw_p256_generate(const sw_entropy *e, uint8_t secret[32], sw_p256_public *out,
                           sw_error *err) {
    SW_SCOPED_SECRET(sw_session_key) candidate = sw_session_key_new();
    if (candidate == NULL)
        return sw_fail(err, SW_MEMORY, "memory", "no locked memory for a secret key");
    for (int i = 0; i < GENERATE_TRIES; i++) {
        SW_TRY(sw_entropy_fill(e, candidate->b, sizeof candidate->b, err));
        sw_p256_public made;
        sw_status status = sw_p256_derive(candidate->b, &made, err);
        if (status == SW_MALFORMED) continue;
        if (status != SW_OK) return status;
        memcpy(secret, candidate->b, sizeof candidate->b);
        *out = made;
        return SW_OK;
    }
    return sw_fail(err, SW_INTERNAL, "internal", "the source of entropy yields no P-256 secret");
}

/* The product's x coordinate; false when OpenSSL fails. */
static bool multiply(const EC_GROUP *group, const BIGNUM *scalar, const EC_POINT *peer,
                     uint8_t shared[32]) {
    uint8_t made[SW_P256_BYTES];
    EC_POINT *product = EC_POINT_new(group);
    bool good = product != NULL && EC_POINT_mul(group, product, NULL, peer, scalar, NULL) == 1 &&
                EC_POINT_point2oct(group, product, POINT_CONVERSION_UNCOMPRESSED, made, sizeof made,
                                   NULL) == sizeof made; /* not infinity, which has one byte */
    if (good) memcpy(shared, made + 1, 32);
    sw_wipe(made, sizeof made);
    EC_POINT_clear_free(product);
    return good;
}

sw_status sw_p256_ecdh(const uint8_t secret[32], const sw_p256_public *peer, uint8_t shared[32],
                       sw_error *err) {
    EC_POINT *other = NULL;
    if (!sw_p256_in_range(secret)) return out_of_range(err);
    SW_TRY(point_parse(peer, &other, err));
    BIGNUM *scalar = scalar_from(secret);
    bool good = scalar != NULL && multiply(curve, scalar, other, shared);
    BN_clear_free(scalar);
    EC_POINT_free(other);
    return good ? SW_OK : sw_openssl_failed(err, "ECDH");
}

/* ---- SubjectPublicKeyInfo ---- */
void sw_p256_spki(sw_buffer *out, const sw_p256_public *key) {
    sw_put_bytes(out, SW_BYTES_OF(spki_head));
    sw_put_bytes(out, SW_BYTES_OF(key->b));
}

sw_status sw_p256_from_spki(sw_bytes der, sw_p256_public *out, sw_error *err) {
    if (der.size != SPKI_BYTES || memcmp(der.data, spki_head, sizeof spki_head) != 0)
        return sw_fail(err, SW_MALFORMED, "key",
                       "a public key is not a P-256 SubjectPublicKeyInfo");
    sw_p256_public made;
    memcpy(made.b, der.data + sizeof spki_head, sizeof made.b);
    SW_TRY(sw_p256_check(&made, err));
    *out = made;
    return SW_OK;
}
