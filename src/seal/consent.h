/* SPDX-License-Identifier: Apache-2.0
 *
 * Consent: one owner addresses one dataset to one compose hash, and run keys: what follows from all
 * data keys together. Docs: docs/formats/seal.md.
 *
 * A .consent file is canonical JSON {"consent": envelope, "kind":"sealwright/consent/v1", "shard":
 * envelope}. The agent keeps the consent, the KMS sees the shard envelope alone: G, owner id,
 * dataset id, X, root key hash, enc, SHA-256(wrapped key).
 */
#ifndef SW_SEAL_CONSENT_H
#define SW_SEAL_CONSENT_H
#include "crypto/hpke.h"
#include "envelope/envelope.h"

#define SW_CONSENT_LIMIT ((size_t)16 << 10)

typedef struct sw_wrap_context {
    sw_hash genesis, compose, owner, dataset;
} sw_wrap_context;
/* The exact HPKE inputs (DESIGN section 3, "wrap stanza"): info = fields("sealwright/wrap/v1", G,
 * X, owner, dataset); psk_id = fields(G, owner). */
void sw_wrap_info(sw_buffer *out, const sw_wrap_context *c);
void sw_wrap_psk_id(sw_buffer *out, const sw_hash *genesis, const sw_hash *owner);

typedef struct sw_shard_word { /* what the owner signed for the KMS's eyes */
    sw_wrap_context context;
    sw_hash root_key_hash; /* SHA-256(root public key, SEC1) */
    uint8_t enc[SW_HPKE_ENC_BYTES];
    sw_hash wrapped_key_hash;
} sw_shard_word;
SW_NODISCARD sw_status sw_shard_open(sw_arena *arena, sw_bytes envelope,
                                     const sw_p256_public *owner, sw_shard_word *out,
                                     sw_error *err);

typedef struct sw_consent {
    sw_shard_word word;
    uint8_t wrapped_key[48];
    sw_bytes shard_envelope; /* for the KMS; view into the arena */
} sw_consent;
SW_NODISCARD sw_status sw_consent_make(const sw_wrap_context *c, const sw_p256_public *root,
                                       const sw_unlock_secret *psk, const sw_data_key *key,
                                       const sw_identity_key *owner, const sw_entropy *e,
                                       sw_buffer *out, sw_error *err);
/* Canonical only; verifies both envelopes under `owner` and that they agree with each other. */
SW_NODISCARD sw_status sw_consent_open(sw_arena *arena, sw_bytes file, const sw_p256_public *owner,
                                       sw_consent *out, sw_error *err);
/* As above for reading before the owner's key is known: *owner_id is the claimed one. Verify with
 * sw_consent_open afterwards. */
SW_NODISCARD sw_status sw_consent_owner(sw_arena *arena, sw_bytes file, sw_hash *owner_id,
                                        sw_error *err);
/* The agent's side: the KMS's answer opens the wrapped key. */
SW_NODISCARD sw_status sw_consent_unwrap(const sw_consent *c, const sw_hpke_keys *keys,
                                         sw_data_key *out, sw_error *err);

/* Run key = HKDF-SHA256(ikm: data keys in the recipe's order, salt X, info
 * fields("sealwright/run/v1")); subkeys by label. */
typedef enum sw_subkey_label {
    SW_SUBKEY_CHECKPOINT,
    SW_SUBKEY_OUTPUT,
    SW_SUBKEY_NOISE,
    SW_SUBKEY_COMMIT
} sw_subkey_label;
SW_NODISCARD sw_status sw_run_key_derive(const sw_data_key *const *keys, size_t count,
                                         const sw_hash *compose, sw_run_key *out, sw_error *err);
SW_NODISCARD sw_status sw_subkey_derive(const sw_run_key *run, sw_subkey_label label,
                                        sw_subkey *out, sw_error *err);
#endif
