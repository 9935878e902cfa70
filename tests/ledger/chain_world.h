/* SPDX-License-Identifier: Apache-2.0
 *
 * An app on a chain without a chain: its contract's words as CHN-010 to CHN-025 say, changed by a
 * plain model of the contract, and blocks that prove them.
 */
#ifndef SW_TESTS_LEDGER_CHAIN_WORLD_H
#define SW_TESTS_LEDGER_CHAIN_WORLD_H
#include "chain/trie_maker.h"
#include "ledger/chain_view.h"
#include "ledger/people.h"

enum { WORLD_COMPOSES = 64, WORLD_OPENINGS = 64, WORLD_HEADER_ITEMS = 21, WORLD_CHAIN = 31337 };

typedef struct chain_world {
    people p;
    sw_app_head head;
    sw_app_owner owners[SW_PLACE_LIMIT];
    struct {
        sw_hash compose;
        sw_app_decision d;
    } composes[WORLD_COMPOSES];
    struct {
        sw_chain_opening o;
        sw_app_decision d;
    } openings[WORLD_OPENINGS];
    size_t compose_count, opening_count;
    uint64_t number, time_s; /* of the newest block */
    sw_hash code_hash;       /* of what stands at the contract's address */
    trie_maker storage, state;
} chain_world;

static inline void found_world(chain_world *w, uint64_t seed, size_t count, uint32_t quorum) {
    sw_genesis_chain chain = {.at = {.chain = WORLD_CHAIN}, .code_hash = sw_chain_code_hash};
    memset(chain.at.contract.b, 0xc0, sizeof chain.at.contract.b);
    *w = (chain_world){.number = 7, .time_s = 0x692a5b10, .code_hash = sw_chain_code_hash};
    found_app_on(&w->p, seed, count, quorum, &chain);
    w->p.entropy.context = &w->p.seed;
    w->head = (sw_app_head){.active = (uint32_t)((UINT64_C(1) << count) - 1),
                            .places = (uint8_t)count,
                            .quorum = (uint8_t)quorum,
                            .round = 1};
    for (size_t i = 0; i < count; i++) w->owners[i].account = w->p.genesis.owners[i].address;
}

static inline void leave_world(chain_world *w) {
    maker_free(&w->storage);
    maker_free(&w->state);
    part(&w->p);
}

/* ---- the contract ---- */

static inline sw_app_decision *world_compose(chain_world *w, const sw_hash *compose) {
    for (size_t i = 0; i < w->compose_count; i++)
        if (sw_hash_equal(&w->composes[i].compose, compose)) return &w->composes[i].d;
    assert_true(w->compose_count < WORLD_COMPOSES);
    w->composes[w->compose_count].compose = *compose;
    return &w->composes[w->compose_count++].d;
}

static inline sw_app_decision *world_opening(chain_world *w, const sw_chain_opening *o) {
    for (size_t i = 0; i < w->opening_count; i++)
        if (memcmp(&w->openings[i].o, o, sizeof *o) == 0) return &w->openings[i].d;
    assert_true(w->opening_count < WORLD_OPENINGS);
    w->openings[w->opening_count].o = *o;
    return &w->openings[w->opening_count++].d;
}

/* What the contract does with an accepted entry. */
static inline void world_act(chain_world *w, size_t place, const sw_entry *e) {
    uint32_t bit = UINT32_C(1) << place;
    sw_app_decision *c = e->everything ? NULL : world_compose(w, &e->compose);
    w->owners[place].sequence = e->sequence;
    if (e->kind == SW_PAYLOAD_APPROVE) {
        c->approvals = (c->app_round == w->head.round ? c->approvals : 0) | bit;
        c->app_round = w->head.round;
    } else if (e->kind == SW_PAYLOAD_OPEN) {
        sw_chain_opening o = {e->compose, e->manifest, e->recipient};
        sw_app_decision *d = world_opening(w, &o);
        bool same = d->app_round == w->head.round && d->round == c->round;
        *d = (sw_app_decision){.approvals = (same ? d->approvals : 0) | bit,
                               .app_round = w->head.round,
                               .round = c->round};
    } else if (c == NULL) {
        w->head.everything ^= bit;
        w->head.round++;
    } else {
        *c = (sw_app_decision){.revocations = c->revocations ^ bit, .round = c->round + 1};
    }
}

/* ---- words ---- */

/* Members from the right: value and bytes of each. */
typedef struct world_packer {
    sw_word word;
    size_t left;
} world_packer;

static inline void world_pack(world_packer *p, uint64_t v, size_t bytes) {
    for (size_t i = 0; i < bytes; i++) p->word.b[--p->left] = (uint8_t)(v >> 8 * i);
}

static inline sw_word world_head_word(const sw_app_head *h) {
    world_packer p = {.left = 32};
    world_pack(&p, h->active, 4);
    world_pack(&p, h->everything, 4);
    world_pack(&p, h->places, 1);
    world_pack(&p, h->quorum, 1);
    world_pack(&p, h->round, 8);
    world_pack(&p, h->changes, 8);
    world_pack(&p, h->allow_any_device, 1);
    world_pack(&p, h->require_tcb_up_to_date, 1);
    return p.word;
}

static inline sw_word world_owner_word(const sw_app_owner *o) {
    world_packer p = {.left = 12};
    memcpy(p.word.b + 12, o->account.b, 20);
    world_pack(&p, o->sequence, 8);
    return p.word;
}

static inline sw_word world_decision_word(const sw_app_decision *d, bool opening) {
    world_packer p = {.left = 32};
    world_pack(&p, d->approvals, 4);
    if (!opening) world_pack(&p, d->revocations, 4);
    world_pack(&p, d->app_round, 8);
    world_pack(&p, d->round, 8);
    return p.word;
}

/* ---- blocks ---- */

/* How many places have a slot: a head may say anything. */
static inline size_t world_places(const chain_world *w) {
    return w->head.places < SW_PLACE_LIMIT ? w->head.places : SW_PLACE_LIMIT;
}

static inline void world_put(chain_world *w, sw_word slot, sw_word word) {
    maker_put_word(&w->storage, &slot, &word);
}

static inline void world_store(chain_world *w) {
    sw_word slot = {{0}};
    maker_free(&w->storage);
    world_put(w, slot, world_head_word(&w->head));
    for (uint8_t i = 0; i < world_places(w); i++) {
        sw_slot_of_place(&slot, i);
        world_put(w, slot, world_owner_word(&w->owners[i]));
    }
    for (size_t i = 0; i < w->compose_count; i++) {
        sw_slot_of_compose(&slot, &w->composes[i].compose);
        world_put(w, slot, world_decision_word(&w->composes[i].d, false));
    }
    for (size_t i = 0; i < w->opening_count; i++) {
        const sw_chain_opening *o = &w->openings[i].o;
        sw_hash id;
        sw_opening_id(&id, &o->compose, &o->manifest, &o->recipient);
        sw_slot_of_opening(&slot, &id);
        world_put(w, slot, world_decision_word(&w->openings[i].d, true));
    }
}

static inline sw_bytes world_account(trie_maker *m, const sw_hash *storage, const sw_hash *code) {
    sw_bytes items[] = {maker_string(m, SW_LITERAL("\x01")), maker_string(m, SW_LITERAL("")),
                        maker_string(m, maker_copy(m, storage->b, 32)),
                        maker_string(m, maker_copy(m, code->b, 32))};
    return maker_list(m, items, 4);
}

/* Its account and some others. */
static inline sw_hash world_state_root(chain_world *w) {
    sw_hash storage = maker_root(&w->storage);
    maker_free(&w->state);
    for (uint8_t i = 1; i <= 20; i++) {
        sw_hash other = named_hash((char)i);
        maker_put(&w->state, SW_BYTES(other.b, 20), world_account(&w->state, &other, &other));
    }
    maker_put(&w->state, SW_BYTES_OF(w->p.genesis.chain.contract.b),
              world_account(&w->state, &storage, &w->code_hash));
    return maker_root(&w->state);
}

static inline sw_bytes world_number(trie_maker *m, uint64_t v) {
    uint8_t number[8];
    for (size_t i = 0; i < 8; i++) number[i] = (uint8_t)(v >> 8 * (7 - i));
    return maker_number(m, number, 8);
}

/* A header of the shape that blocks have since 2025 (21 items). */
static inline sw_bytes world_header(chain_world *w) {
    static const uint8_t sizes[WORLD_HEADER_ITEMS] = {32, 32, 20, 32, 32, 32, 0, 0, 8,  8, 8,
                                                      8,  5,  32, 8,  8,  32, 8, 8, 32, 32};
    static const uint8_t zero[256];
    trie_maker *m = &w->state;
    sw_hash root = world_state_root(w);
    sw_bytes items[WORLD_HEADER_ITEMS];
    for (size_t i = 0; i < WORLD_HEADER_ITEMS; i++) {
        uint8_t bytes[32];
        memset(bytes, (int)(i + 1), sizeof bytes);
        items[i] = maker_string(m, maker_copy(m, bytes, sizes[i]));
    }
    items[3] = maker_string(m, maker_copy(m, root.b, 32));
    items[6] = maker_string(m, maker_copy(m, zero, 256));
    items[8] = world_number(m, w->number);
    items[11] = world_number(m, w->time_s);
    return maker_list(m, items, WORLD_HEADER_ITEMS);
}

/* A view of the next block for `asked`, and where it is. */
static inline void world_view(chain_world *w, const sw_chain_ask *asked, sw_head *at,
                              sw_buffer *view) {
    static maker_proof proofs[SW_CHAIN_SLOT_COUNT];
    sw_word slots[SW_CHAIN_SLOT_COUNT];
    sw_chain_proof storage[SW_CHAIN_SLOT_COUNT];
    size_t count;
    maker_proof account;
    sw_error err = {0};
    w->number++;
    world_store(w);
    sw_bytes header = world_header(w);
    sw_keccak256(&at->hash, header);
    at->index = w->number;
    maker_prove(&w->state, SW_BYTES_OF(w->p.genesis.chain.contract.b), &account);
    assert_int_equal(sw_chain_slots(asked, world_places(w), slots, &count, &err), SW_OK);
    for (size_t i = 0; i < count; i++) {
        maker_prove(&w->storage, SW_BYTES_OF(slots[i].b), &proofs[i]);
        storage[i] = (sw_chain_proof){slots[i], proofs[i].nodes, proofs[i].count};
    }
    assert_int_equal(
        sw_chain_view_encode(header, account.nodes, account.count, storage, count, view, &err),
        SW_OK);
}
#endif
