/* SPDX-License-Identifier: Apache-2.0
 *
 * The contract's storage, word by word (CHN-010). solc packs members from the right: the first one
 * is the lowest, and what is left over on the left is zero.
 */
#include "chain/chain_internal.h"

/* Takes members from the right of a word; sticky in what it has found wrong. */
typedef struct unpacker {
    const sw_word *word;
    size_t left; /* bytes not taken yet */
    bool bad;
} unpacker;

static uint64_t take(unpacker *u, size_t bytes) {
    uint64_t v = 0;
    u->left -= bytes;
    for (size_t i = 0; i < bytes; i++) v = v << 8 | u->word->b[u->left + i];
    return v;
}

static bool take_flag(unpacker *u) {
    uint64_t v = take(u, 1);
    if (v > 1) u->bad = true;
    return v == 1;
}

static sw_status finish(const unpacker *u, const char *what, sw_error *err) {
    bool bad = u->bad;
    for (size_t i = 0; i < u->left; i++) bad = bad || u->word->b[i] != 0;
    if (!bad) return SW_OK;
    return sw_fail(err, SW_UNAUTHENTIC, "proof", "the contract's word of %s is none", what);
}

sw_status sw_word_parse(sw_bytes value, sw_word *out, sw_error *err) {
    sw_rlp_item item = {0};
    sw_bytes rest = value;
    sw_word w = {{0}};
    if (value.size == 0) { /* nothing stands there */
        *out = w;
        return SW_OK;
    }
    if (sw_rlp_next(&rest, &item, NULL) != SW_OK || rest.size != 0 || item.list ||
        item.payload.size == 0 || item.payload.size > sizeof w.b || item.payload.data[0] == 0)
        return sw_fail(err, SW_UNAUTHENTIC, "proof",
                       "what a proof shows is not a word without leading zeros");
    memcpy(w.b + sizeof w.b - item.payload.size, item.payload.data, item.payload.size);
    *out = w;
    return SW_OK;
}

sw_status sw_app_head_read(const sw_word *w, sw_app_head *out, sw_error *err) {
    unpacker u = {.word = w, .left = sizeof w->b};
    sw_app_head h;
    h.active = (uint32_t)take(&u, 4);
    h.everything = (uint32_t)take(&u, 4);
    h.places = (uint8_t)take(&u, 1);
    h.quorum = (uint8_t)take(&u, 1);
    h.round = take(&u, 8);
    h.changes = take(&u, 8);
    h.allow_any_device = take_flag(&u);
    h.require_tcb_up_to_date = take_flag(&u);
    SW_TRY(finish(&u, "its head", err));
    *out = h;
    return SW_OK;
}

sw_status sw_app_owner_read(const sw_word *w, sw_app_owner *out, sw_error *err) {
    unpacker u = {.word = w, .left = sizeof w->b - SW_ADDRESS_BYTES};
    sw_app_owner o;
    memcpy(o.account.b, w->b + u.left, sizeof o.account.b);
    o.sequence = take(&u, 8);
    SW_TRY(finish(&u, "an owner", err));
    *out = o;
    return SW_OK;
}

sw_status sw_app_compose_read(const sw_word *w, sw_app_decision *out, sw_error *err) {
    unpacker u = {.word = w, .left = sizeof w->b};
    sw_app_decision d;
    d.approvals = (uint32_t)take(&u, 4);
    d.revocations = (uint32_t)take(&u, 4);
    d.app_round = take(&u, 8);
    d.round = take(&u, 8);
    SW_TRY(finish(&u, "a compose hash", err));
    *out = d;
    return SW_OK;
}

sw_status sw_app_opening_read(const sw_word *w, sw_app_decision *out, sw_error *err) {
    unpacker u = {.word = w, .left = sizeof w->b};
    sw_app_decision d = {0};
    d.approvals = (uint32_t)take(&u, 4);
    d.app_round = take(&u, 8);
    d.round = take(&u, 8);
    SW_TRY(finish(&u, "an opening", err));
    *out = d;
    return SW_OK;
}

/* There is no earlier release. */
bool sw_chain_code_known(const sw_hash *code_hash) {
    return sw_hash_equal(code_hash, &sw_chain_code_hash);
}

void sw_slot_of_place(sw_word *out, uint8_t place) {
    *out = sw_word_u64((uint64_t)SW_SLOT_OWNERS + place);
}

/* A mapping's member stands at Keccak-256(key, the mapping's slot). */
static void member_slot(sw_word *out, const sw_hash *key, uint64_t slot) {
    sw_word at = sw_word_u64(slot);
    sw_hash made;
    sw_bytes parts[] = {SW_BYTES_OF(key->b), SW_BYTES_OF(at.b)};
    sw_keccak256_parts(&made, parts, 2);
    *out = sw_word_hash(&made);
}

void sw_slot_of_compose(sw_word *out, const sw_hash *compose) {
    member_slot(out, compose, SW_SLOT_COMPOSES);
}

void sw_slot_of_opening(sw_word *out, const sw_hash *opening) {
    member_slot(out, opening, SW_SLOT_OPENINGS);
}

void sw_opening_id(sw_hash *out, const sw_hash *compose, const sw_hash *manifest,
                   const sw_p256_public *recipient) {
    sw_hash key;
    sw_sha256(&key, SW_BYTES_OF(recipient->b));
    sw_bytes parts[] = {SW_BYTES_OF(compose->b), SW_BYTES_OF(manifest->b), SW_BYTES_OF(key.b)};
    sw_keccak256_parts(out, parts, 3);
}
