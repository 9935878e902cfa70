/* SPDX-License-Identifier: Apache-2.0
 *
 * HPKE (RFC 9180): modes base and PSK, DHKEM(P-256, HKDF-SHA256) 0x0010, HKDF-SHA256 0x0001,
 * AES-256-GCM 0x0002. Single message per context.
 *
 * The schedule is exposed as (key, base_nonce) because the key service answers exactly that (RFC
 * 9180 5.1) and never sees what it opens.
 */
#ifndef SW_CRYPTO_HPKE_H
#define SW_CRYPTO_HPKE_H
#include "crypto/crypto.h"

#define SW_HPKE_ENC_BYTES 65
typedef struct sw_hpke_keys {
    uint8_t key[32], base_nonce[12];
} sw_hpke_keys; /* secret: keep in sw_secret memory, wipe */
static inline sw_hpke_keys *sw_hpke_keys_new(void) {
    return (sw_hpke_keys *)sw_secret_alloc(sizeof(sw_hpke_keys));
}
static inline void sw_hpke_keys_drop(sw_hpke_keys **k) {
    sw_secret_release(*k);
    *k = NULL;
}

typedef struct sw_hpke_info {
    sw_bytes info;
    sw_bytes psk,
        psk_id; /* both empty: mode base; both given: mode PSK (psk >= 32 bytes); else SW_USAGE */
} sw_hpke_info;

SW_NODISCARD sw_status sw_hpke_setup_sender(const sw_entropy *e, const sw_p256_public *to,
                                            const sw_hpke_info *info,
                                            uint8_t enc[SW_HPKE_ENC_BYTES], sw_hpke_keys *out,
                                            sw_error *err);
/* Validates the point. `recipient` is the 32-byte scalar of a role. */
SW_NODISCARD sw_status sw_hpke_setup_receiver(const uint8_t recipient[32],
                                              const uint8_t enc[SW_HPKE_ENC_BYTES],
                                              const sw_hpke_info *info, sw_hpke_keys *out,
                                              sw_error *err);
/* As sw_hpke_setup_sender with the ephemeral key derived from ikm (RFC 9180 7.1.3 DeriveKeyPair):
 * for test vectors alone. */
SW_NODISCARD sw_status sw_hpke_setup_sender_from(sw_bytes ikm, const sw_p256_public *to,
                                                 const sw_hpke_info *info,
                                                 uint8_t enc[SW_HPKE_ENC_BYTES], sw_hpke_keys *out,
                                                 sw_error *err);
SW_NODISCARD sw_status sw_hpke_derive_key_pair(sw_bytes ikm, uint8_t secret[32],
                                               sw_p256_public *out, sw_error *err);
/* Sequence number 0 only. */
SW_NODISCARD sw_status sw_hpke_seal(const sw_hpke_keys *k, sw_bytes aad, sw_bytes plain,
                                    uint8_t *out /* +16 */, sw_error *err);
SW_NODISCARD sw_status sw_hpke_unseal(const sw_hpke_keys *k, sw_bytes aad, sw_bytes sealed,
                                      uint8_t *out /* -16 */, sw_error *err);
#endif
