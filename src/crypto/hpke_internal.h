/* SPDX-License-Identifier: Apache-2.0
 *
 * HPKE taken apart for its vectors: RFC 9180 prints P-256 with AES-128-GCM only, so the schedule is
 * open in the AEAD and its key size. The house itself uses sw_hpke_aes256gcm and nothing else.
 */
#ifndef SW_CRYPTO_HPKE_INTERNAL_H
#define SW_CRYPTO_HPKE_INTERNAL_H
#include "crypto/hpke.h"

typedef struct sw_hpke_aead {
    uint16_t id;      /* RFC 9180 7.3 */
    size_t key_bytes; /* Nk, at most 32 */
} sw_hpke_aead;
extern const sw_hpke_aead sw_hpke_aes128gcm, sw_hpke_aes256gcm;

/* Everything KeySchedule computes (RFC 9180 5.1). Secret: keep in sw_secret memory. */
typedef struct sw_hpke_schedule {
    uint8_t context[65]; /* key_schedule_context: mode, psk_id_hash, info_hash */
    uint8_t secret[32];
    uint8_t key[32]; /* the first Nk bytes */
    uint8_t base_nonce[12];
    uint8_t exporter_secret[32];
} sw_hpke_schedule;

SW_NODISCARD sw_status sw_hpke_derive_schedule(const sw_hpke_aead *aead, const uint8_t shared[32],
                                               const sw_hpke_info *info, sw_hpke_schedule *out,
                                               sw_error *err);

/* DHKEM (RFC 9180 4.1): Encap with a given ephemeral pair, and Decap. */
SW_NODISCARD sw_status sw_hpke_encap(const uint8_t ephemeral[32], const sw_p256_public *enc,
                                     const sw_p256_public *to, uint8_t shared[32], sw_error *err);
SW_NODISCARD sw_status sw_hpke_decap(const uint8_t recipient[32], const sw_p256_public *enc,
                                     uint8_t shared[32], sw_error *err);

#endif
