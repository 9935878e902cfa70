/* SPDX-License-Identifier: Apache-2.0
 *
 * Challenges and looks: a value, the TLS key it was given to, and the counter when. Format:
 * docs/formats/kms.md (KMS-012, KMS-013, KMS-042).
 *
 * Invariant: a token answers once, to its own peer, for SW_KMS_LEAST_MS. The table never grows; the
 * oldest token makes room, so a flood costs somebody a retry and nobody memory.
 */
#include "kms/kms_internal.h"

void sw_kms_token_add(sw_kms_tokens *t, const sw_hash *value, const sw_p256_public *peer,
                      int64_t now_ms) {
    sw_kms_token *slot = &t->slots[0];
    for (size_t i = 0; i < SW_KMS_CHALLENGE_LIMIT; i++) {
        sw_kms_token *other = &t->slots[i];
        if (!other->live) {
            slot = other;
            break;
        }
        if (other->made_ms < slot->made_ms) slot = other;
    }
    *slot = (sw_kms_token){.live = true, .value = *value, .peer = *peer, .made_ms = now_ms};
}

/* The newest of those that fit. */
static sw_kms_token *find(sw_kms_tokens *t, const sw_hash *value, const sw_p256_public *peer) {
    sw_kms_token *found = NULL;
    for (size_t i = 0; i < SW_KMS_CHALLENGE_LIMIT; i++) {
        sw_kms_token *slot = &t->slots[i];
        bool fits = slot->live && (value == NULL ? sw_p256_equal(&slot->peer, peer)
                                                 : sw_hash_equal(&slot->value, value));
        if (fits && (found == NULL || slot->made_ms > found->made_ms)) found = slot;
    }
    return found;
}

sw_status sw_kms_token_take(sw_kms_tokens *t, const sw_hash *value, const sw_p256_public *peer,
                            int64_t now_ms, int64_t *made_ms, sw_error *err) {
    sw_kms_token *found = find(t, value, peer);
    if (found == NULL)
        return sw_fail(err, SW_UNAUTHENTIC, "evidence",
                       "the challenge is not one of ours, or was used before");
    if (!sw_p256_equal(&found->peer, peer)) /* stays good for its own peer */
        return sw_fail(err, SW_UNAUTHENTIC, "evidence",
                       "the challenge was given to another connection");
    found->live = false;
    if (now_ms - found->made_ms > SW_KMS_LEAST_MS)
        return sw_fail(err, SW_UNAUTHENTIC, "evidence", "the challenge is older than %d s",
                       SW_KMS_LEAST_MS / 1000);
    *made_ms = found->made_ms;
    return SW_OK;
}
