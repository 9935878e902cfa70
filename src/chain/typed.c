/* SPDX-License-Identifier: Apache-2.0
 *
 * What owners sign (CHN-020): EIP-712 digests. A struct's hash is Keccak-256 of its type's hash and
 * its members as words; an array's is that of its elements' words. The digest binds it to the
 * domain: this chain, this contract.
 */
#include "chain/chain_internal.h"

#define DOMAIN "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
#define CHANGE                                                                                     \
    "Change(address[] add,uint8[] remove,uint8 quorum,bool allowAnyDevice,bytes32[] addDevices,"   \
    "bytes32[] removeDevices,bool requireTcbUpToDate,uint64 change)"

enum { WORDS_LIMIT = 9 }; /* a type's hash and the members of the longest struct */

typedef struct words {
    sw_word list[WORDS_LIMIT];
    size_t count;
} words;

static void add(words *w, sw_word word) {
    w->list[w->count++] = word;
}

static void add_text(words *w, const char *text) {
    sw_hash hash;
    sw_keccak256(&hash, sw_text(text));
    add(w, sw_word_hash(&hash));
}

static void hash_words(sw_hash *out, const sw_word *list, size_t count) {
    sw_keccak256(out, SW_BYTES(list, count * sizeof *list));
}

/* Keccak-256(0x19 0x01, domain, struct). */
static void digest(sw_hash *out, const sw_app_place *at, const words *w) {
    words domain = {0};
    sw_hash hashed_domain, hashed_struct;
    add_text(&domain, DOMAIN);
    add_text(&domain, "SealwrightApp");
    add_text(&domain, "1");
    add(&domain, sw_word_u64(at->chain));
    add(&domain, sw_word_address(&at->contract));
    hash_words(&hashed_domain, domain.list, domain.count);
    hash_words(&hashed_struct, w->list, w->count);
    sw_bytes parts[] = {SW_LITERAL("\x19\x01"), SW_BYTES_OF(hashed_domain.b),
                        SW_BYTES_OF(hashed_struct.b)};
    sw_keccak256_parts(out, parts, 3);
}

static void add_target(words *w, const sw_app_say *say) {
    static const sw_hash none;
    add(w, sw_word_hash(say->everything ? &none : &say->compose));
    add(w, sw_word_u64(say->everything));
}

void sw_app_say_digest(sw_hash *out, const sw_app_place *at, const sw_app_say *say) {
    static const char *const types[] = {
        [SW_ACT_APPROVE] = "Approve(bytes32 composeHash,uint64 appRound,uint64 round,"
                           "uint64 sequence)",
        [SW_ACT_OPEN] = "Open(bytes32 composeHash,bytes32 manifest,bytes32 recipient,"
                        "uint64 appRound,uint64 round,uint64 sequence)",
        [SW_ACT_REVOKE] = "Revoke(bytes32 composeHash,bool everything,uint64 sequence)",
        [SW_ACT_LIFT] = "Lift(bytes32 composeHash,bool everything,uint64 sequence)",
    };
    words w = {0};
    add_text(&w, types[say->act]);
    if (say->act == SW_ACT_REVOKE || say->act == SW_ACT_LIFT) {
        add_target(&w, say);
    } else {
        add(&w, sw_word_hash(&say->compose));
        if (say->act == SW_ACT_OPEN) {
            add(&w, sw_word_hash(&say->manifest));
            add(&w, sw_word_hash(&say->recipient));
        }
        add(&w, sw_word_u64(say->app_round));
        add(&w, sw_word_u64(say->round));
    }
    add(&w, sw_word_u64(say->sequence));
    digest(out, at, &w);
}

/* ---- a change ---- */

static void add_list(words *w, const sw_word *list, size_t count) {
    sw_hash hash;
    hash_words(&hash, list, count);
    add(w, sw_word_hash(&hash));
}

static void add_hashes(words *w, const sw_hash *list, size_t count) {
    sw_hash hash;
    sw_keccak256(&hash, SW_BYTES(list, count * sizeof *list));
    add(w, sw_word_hash(&hash));
}

void sw_app_change_digest(sw_hash *out, const sw_app_place *at, const sw_app_change *c) {
    sw_word added[SW_PLACE_LIMIT], removed[SW_PLACE_LIMIT];
    words w = {0};
    if (c->add_count > SW_PLACE_LIMIT || c->remove_count > SW_PLACE_LIMIT) {
        *out = (sw_hash){{0}};
        return;
    }
    for (size_t i = 0; i < c->add_count; i++) added[i] = sw_word_address(&c->add[i]);
    for (size_t i = 0; i < c->remove_count; i++) removed[i] = sw_word_u64(c->remove[i]);
    add_text(&w, CHANGE);
    add_list(&w, added, c->add_count);
    add_list(&w, removed, c->remove_count);
    add(&w, sw_word_u64(c->quorum));
    add(&w, sw_word_u64(c->allow_any_device));
    add_hashes(&w, c->add_devices, c->add_device_count);
    add_hashes(&w, c->remove_devices, c->remove_device_count);
    add(&w, sw_word_u64(c->require_tcb_up_to_date));
    add(&w, sw_word_u64(c->change));
    digest(out, at, &w);
}
