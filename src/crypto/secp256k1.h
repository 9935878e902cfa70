/* SPDX-License-Identifier: Apache-2.0
 *
 * Keccak-256 and secp256k1 with recovery: how dstack's key service and Ethereum sign. Verification
 * alone; none of our own keys is of this curve. One thin layer over libsecp256k1.
 */
#ifndef SW_CRYPTO_SECP256K1_H
#define SW_CRYPTO_SECP256K1_H
#include "crypto/crypto.h"

/* The Keccak of Ethereum: padding 0x01, not the 0x06 of FIPS 202. */
void sw_keccak256(sw_hash *out, sw_bytes in);
void sw_keccak256_parts(sw_hash *out, const sw_bytes *parts, size_t count); /* concatenated */

#define SW_SECP256K1_BYTES     33 /* SEC1 compressed */
#define SW_SECP256K1_SIG_BYTES 65 /* r || s || v, v 0 or 1 */
typedef struct sw_secp256k1_public {
    uint8_t b[SW_SECP256K1_BYTES];
} sw_secp256k1_public;
/* The key that made `signature` over this digest. Refuses r or s out of range, s > n/2, v above 1:
 * one signature has one spelling. SW_UNAUTHENTIC "signature". */
SW_NODISCARD sw_status sw_secp256k1_recover(const sw_hash *digest,
                                            const uint8_t signature[SW_SECP256K1_SIG_BYTES],
                                            sw_secp256k1_public *out, sw_error *err);
/* From 33 or 65 bytes, checked to be a point of the curve; SW_MALFORMED "key". */
SW_NODISCARD sw_status sw_secp256k1_parse(sw_bytes sec1, sw_secp256k1_public *out, sw_error *err);
/* Last 20 bytes of keccak-256 over x || y. */
SW_NODISCARD sw_status sw_secp256k1_address(const sw_secp256k1_public *key, uint8_t out[20],
                                            sw_error *err);
#endif
