/* SPDX-License-Identifier: Apache-2.0
 *
 * What the files of this room share: OpenSSL objects made from our plain bytes, and the one way to
 * report that OpenSSL failed.
 *
 * OpenSSL's error queue belongs to the thread and confuses TLS when it is left filled, so every
 * failure empties it.
 */
#ifndef SW_CRYPTO_INTERNAL_H
#define SW_CRYPTO_INTERNAL_H
#include "crypto/crypto.h"

#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/evp.h>

/* Empties the error queue and fails with SW_INTERNAL "internal": `operation` of OpenSSL did not
 * work. */
SW_NODISCARD sw_status sw_openssl_failed(sw_error *err, const char *operation);
/* Empties the error queue and fails as sw_fail with a plain sentence. */
SW_NODISCARD sw_status sw_openssl_refused(sw_error *err, sw_status status, const char *word,
                                          const char *sentence);

/* HMAC-SHA256 over parts, in order. */
SW_NODISCARD sw_status sw_hmac_parts(uint8_t out[32], sw_bytes key, const sw_bytes *parts,
                                     size_t count, sw_error *err);
/* RFC 5869 Expand with `info` given in at most 8 parts. */
SW_NODISCARD sw_status sw_hkdf_expand_parts(void *out, size_t size, const uint8_t prk[32],
                                            const sw_bytes *info, size_t count, sw_error *err);

/* The cipher without an allocation of our own, for one message; sw_gcm_stop wipes it. */
struct sw_gcm {
    EVP_CIPHER_CTX *sealing, *unsealing;
};
SW_NODISCARD sw_status sw_gcm_start(sw_gcm *g, const uint8_t key[SW_GCM_KEY_BYTES], sw_error *err);
void sw_gcm_stop(sw_gcm *g);

/* P-256's scalars, 32 bytes big-endian, in constant time: 0 < number < n; number <= (n-1)/2;
 * number = n - number, of one in range. */
bool sw_p256_in_range(const uint8_t number[32]);
bool sw_p256_is_low(const uint8_t number[32]);
void sw_p256_negate(uint8_t number[32]);

/* A key that verifies or is a peer in ECDH; refuses what is not a point of the curve (SW_MALFORMED
 * "key"). EVP_PKEY_free. */
SW_NODISCARD sw_status sw_p256_evp_public(const sw_p256_public *key, EVP_PKEY **out, sw_error *err);
/* A key that signs and derives; refuses 0 and values from n upwards (SW_MALFORMED "key"). */
SW_NODISCARD sw_status sw_p256_evp_secret(const uint8_t secret[32], EVP_PKEY **out, sw_error *err);
/* The same of P-384. */
SW_NODISCARD sw_status sw_p384_evp_public(const sw_p384_public *key, EVP_PKEY **out, sw_error *err);
SW_NODISCARD sw_status sw_p384_evp_secret(const uint8_t secret[SW_P384_SECRET_BYTES],
                                          EVP_PKEY **out, sw_error *err);
/* Takes the key. SW_UNAUTHENTIC "signature" when this DER ECDSA-Sig-Value is not one of it. */
SW_NODISCARD sw_status sw_evp_verify(EVP_PKEY *key, const EVP_MD *digest, sw_bytes message,
                                     sw_bytes der, sw_error *err);
/* ECDH: the x coordinate (RFC 9180 7.1.1). */
SW_NODISCARD sw_status sw_p256_ecdh(const uint8_t secret[32], const sw_p256_public *peer,
                                    uint8_t shared[32], sw_error *err);

#endif
