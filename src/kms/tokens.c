/* SPDX-License-Identifier: Apache-2.0
 *
 * Challenges and looks: a value, the TLS key it was given to, and the counter when. Format:
 * docs/formats/kms.md (KMS-012, KMS-013, KMS-042).
 *
 * Invariant: a token answers once, to its own peer, for SW_KMS_LEAST_MS. The table never grows: a
 * peer's third token replaces its oldest, and beyond the table the oldest of all makes room. So a
 * flood of connections costs somebody a retry, one of requests nobody but its maker.
 */
#include "kms/kms_internal.h"

/* Which of the two makes room: a free one, else the older one. */
static sw_kms_token *older(sw_kms_token *before, sw_kms_token *other) {
    if (before == NULL) return other;
    if (!before->live || (other->live && other->made_ms >= before->made_ms)) return before;
    return other;
}

void sw_kms_token_add(sw_kms_tokens *t, const sw_hash *value, const sw_p256_public *peer,
                      int64_t now_ms) {
    sw_kms_token *slot = NULL, *own = NULL; /* of all, and of this peer's */
    size_t held = 0;
    for (size_t i = 0; i < SW_KMS_CHALLENGE_LIMIT; i++) {
        sw_kms_token *other = &t->slots[i];
        slot = older(slot, other);
        if (!other->live || !sw_p256_equal(&other->peer, peer)) continue;
        own = older(own, other);
        held++;
    }
    if (held >= SW_KMS_PEER_TOKENS) slot = own;
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
