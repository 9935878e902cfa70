/* SPDX-License-Identifier: Apache-2.0
 *
 * Owners with keys, their app, and entries by them: what the ledger's tests share.
 */
#ifndef SW_TESTS_LEDGER_PEOPLE_H
#define SW_TESTS_LEDGER_PEOPLE_H
#include "crypto/vector.h"
#include "ledger/ledger.h"

#include <stdio.h>
#include <string.h>

enum { PEOPLE_LIMIT = 8 };

typedef struct people {
    uint64_t seed;
    sw_entropy entropy; /* points at seed: do not copy */
    size_t count;
    sw_identity_key keys[PEOPLE_LIMIT];    /* in the genesis' order */
    sw_chain_key chain_keys[PEOPLE_LIMIT]; /* of an app on a chain */
    sw_owner owners[PEOPLE_LIMIT];
    sw_genesis genesis;
    sw_buffer envelope; /* complete */
    uint64_t sequences[PEOPLE_LIMIT];
} people;

static inline sw_bytes bytes_of(const sw_buffer *b) {
    return sw_buffer_bytes(b);
}

static inline void make_owner(people *p, size_t i, const char *name) {
    sw_error err = {0};
    uint8_t other[32];
    sw_owner *o = &p->owners[i];
    (void)snprintf(o->name, sizeof o->name, "%s", name);
    assert_int_equal(sw_p256_generate(&p->entropy, p->keys[i].b, &o->identity_key, &err), SW_OK);
    assert_int_equal(sw_p256_generate(&p->entropy, other, &o->encryption_key, &err), SW_OK);
    sw_key_id(&o->id, &o->identity_key);
}

/* Keys in the order of the genesis, so that people->keys[i] is the key of genesis.owners[i]. */
static inline void sort_people(people *p) {
    for (size_t i = 1; i < p->count; i++)
        for (size_t k = i; k > 0 && memcmp(p->owners[k - 1].id.b, p->owners[k].id.b, 32) > 0; k--) {
            sw_owner owner = p->owners[k];
            sw_identity_key key = p->keys[k];
            sw_chain_key chain_key = p->chain_keys[k];
            p->owners[k] = p->owners[k - 1];
            p->keys[k] = p->keys[k - 1];
            p->chain_keys[k] = p->chain_keys[k - 1];
            p->owners[k - 1] = owner;
            p->keys[k - 1] = key;
            p->chain_keys[k - 1] = chain_key;
        }
}

/* The draft, signed by the first `signers` owners. */
static inline void sign_genesis(people *p, sw_bytes payload, size_t signers, sw_buffer *out) {
    sw_error err = {0};
    SW_SCOPED(sw_buffer) held = SW_BUFFER(1 << 16);
    assert_int_equal(sw_envelope_sign(SW_PAYLOAD_JOIN, payload, p->keys[0].b, &held, &err), SW_OK);
    for (size_t i = 1; i < signers; i++) {
        SW_SCOPED(sw_buffer) next = SW_BUFFER(1 << 16);
        assert_int_equal(
            sw_envelope_cosign(bytes_of(&held), SW_PAYLOAD_JOIN, p->keys[i].b, &next, &err), SW_OK);
        held.size = 0;
        sw_put_bytes(&held, bytes_of(&next));
    }
    sw_put_bytes(out, bytes_of(&held));
}

static inline void make_address(people *p, size_t i) {
    sw_error err = {0};
    sw_secp256k1_public public;
    assert_int_equal(sw_chain_key_make(&p->entropy, &p->chain_keys[i], &err), SW_OK);
    assert_int_equal(sw_chain_key_public(&p->chain_keys[i], &public, &err), SW_OK);
    assert_int_equal(sw_secp256k1_address(&public, p->owners[i].address.b, &err), SW_OK);
}

/* `chain` NULL: on a local ledger. */
static inline void found_app_on(people *p, uint64_t seed, size_t count, uint32_t quorum,
                                const sw_genesis_chain *chain) {
    static const char *const names[PEOPLE_LIMIT] = {"Anna", "Bert", "Cleo", "Dora",
                                                    "Emil", "Fay",  "Gus",  "Hal"};
    sw_error err = {0};
    SW_SCOPED(sw_arena) arena = {0};
    SW_SCOPED(sw_buffer) payload = SW_BUFFER(1 << 16);
    *p = (people){.seed = seed, .count = count, .envelope = SW_BUFFER(1 << 16)};
    p->entropy = (sw_entropy){fill_from_seed, &p->seed};
    for (size_t i = 0; i < count; i++) make_owner(p, i, names[i]);
    for (size_t i = 0; chain != NULL && i < count; i++) make_address(p, i);
    sort_people(p);
    assert_int_equal(
        sw_genesis_draft("an app", quorum, p->owners, count, chain, &p->entropy, &payload, &err),
        SW_OK);
    sign_genesis(p, bytes_of(&payload), count, &p->envelope);
    assert_int_equal(sw_genesis_open(&arena, bytes_of(&p->envelope), true, &p->genesis, &err),
                     SW_OK);
}

static inline void found_app(people *p, uint64_t seed, size_t count, uint32_t quorum) {
    found_app_on(p, seed, count, quorum, NULL);
}

static inline void part(people *p) {
    sw_buffer_free(&p->envelope);
}

static inline sw_hash named_hash(char name) {
    sw_hash h;
    memset(h.b, name, sizeof h.b);
    return h;
}

/* An entry by owner i about `target` ('*': everything), to be signed. */
static inline sw_entry entry_about(const people *p, size_t i, sw_payload_kind kind, char target) {
    sw_entry e = {.kind = kind,
                  .genesis = p->genesis.hash,
                  .owner = p->genesis.owners[i].id,
                  .sequence = p->sequences[i] + 1,
                  .everything = target == '*'};
    if (!e.everything) e.compose = named_hash(target);
    return e;
}

/* Opening of manifest `manifest`, which came of compose 'x', to the first owner. */
static inline sw_entry opening_of(const people *p, size_t i, char manifest) {
    sw_entry e = entry_about(p, i, SW_PAYLOAD_OPEN, 'x');
    e.manifest = named_hash(manifest);
    e.recipient = p->genesis.owners[0].encryption_key;
    return e;
}

static inline void sign_entry(const people *p, const sw_entry *e, size_t i, sw_buffer *out) {
    sw_error err = {0};
    assert_int_equal(sw_entry_sign(e, &p->keys[i], out, &err), SW_OK);
}

/* Checks, then applies as the next entry; an accepted one moves the owner's sequence. */
static inline sw_status put(people *p, sw_ledger *l, const sw_entry *e, size_t i, sw_error *err) {
    SW_SCOPED(sw_buffer) envelope = SW_BUFFER(1 << 14);
    sign_entry(p, e, i, &envelope);
    sw_head at = sw_ledger_head(l);
    at.index++;
    memset(at.hash.b, (int)at.index & 0xff, sizeof at.hash.b);
    sw_status checked = sw_ledger_check(l, bytes_of(&envelope), NULL);
    sw_status status = sw_ledger_apply(l, &at, bytes_of(&envelope), err);
    assert_int_equal(checked, status);
    if (status == SW_OK) p->sequences[i] = e->sequence;
    return status;
}
#endif
