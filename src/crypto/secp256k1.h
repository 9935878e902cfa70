/* SPDX-License-Identifier: Apache-2.0
 *
 * Keccak-256 and secp256k1 with recovery: how dstack's key service and Ethereum sign. Of our own
 * keys only an owner's chain key is of this curve. One thin layer over libsecp256k1.
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

/* ---- an owner's chain key ---- */
/* sw_chain_key: the scalar, big-endian, in locked memory (base/secret.h). */
SW_NODISCARD sw_status sw_chain_key_make(const sw_entropy *e, sw_chain_key *out, sw_error *err);
/* SW_MALFORMED "key" for 0 and for what is not below the group's order. */
SW_NODISCARD sw_status sw_chain_key_check(const sw_chain_key *key, sw_error *err);
SW_NODISCARD sw_status sw_chain_key_public(const sw_chain_key *key, sw_secp256k1_public *out,
                                           sw_error *err);
/* RFC 6979, low s, v 0 or 1. The computation is blinded by the system's entropy, which changes
 * nothing in the signature. */
SW_NODISCARD sw_status sw_chain_key_sign(const sw_chain_key *key, const sw_hash *digest,
                                         uint8_t signature[SW_SECP256K1_SIG_BYTES], sw_error *err);
/* At rest as sw_pkcs8_encode's, for this curve (the public key beside it compressed). */
SW_NODISCARD sw_status sw_chain_key_encode(sw_buffer *out, const sw_chain_key *key,
                                           sw_bytes passphrase, const sw_entropy *e, sw_error *err);
SW_NODISCARD sw_status sw_chain_key_decode(sw_bytes pem, sw_bytes passphrase, sw_chain_key *out,
                                           sw_error *err);
#endif
