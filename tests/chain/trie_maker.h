/* SPDX-License-Identifier: Apache-2.0
 *
 * Makes Merkle-Patricia tries and proofs in them, plainly: items sorted by their hashed keys, every
 * node encoded anew from the range of items below it (yellow paper, appendix D). It shares no code
 * with what it tests but Keccak-256.
 */
#ifndef SW_TESTS_CHAIN_TRIE_MAKER_H
#define SW_TESTS_CHAIN_TRIE_MAKER_H
#include "chain/chain.h"
#include "crypto/vector.h"

#include <stdlib.h>
#include <string.h>

enum { MAKER_ITEMS = 4096, MAKER_NIBBLES = 64 };

typedef struct maker_item {
    sw_hash path; /* the key's hash */
    sw_bytes value;
} maker_item;
typedef struct trie_maker {
    sw_arena arena;
    maker_item items[MAKER_ITEMS];
    size_t count;
} trie_maker;
typedef struct maker_proof {
    sw_bytes nodes[SW_CHAIN_PROOF_COUNT];
    size_t count, embedded; /* nodes on the way that lie inside others */
} maker_proof;

static inline void maker_free(trie_maker *m) {
    sw_arena_free(&m->arena);
    m->count = 0;
}

static inline sw_bytes maker_copy(trie_maker *m, const void *data, size_t size) {
    uint8_t *copy = sw_arena_alloc(&m->arena, size + 1, 1);
    assert_non_null(copy);
    if (size > 0) memcpy(copy, data, size);
    return SW_BYTES(copy, size);
}

/* ---- RLP, as a second hand writes it ---- */

static inline sw_bytes maker_wrap(trie_maker *m, uint8_t kind, sw_bytes payload) {
    uint8_t prefix[9];
    size_t size = 0;
    if (payload.size <= 55) {
        prefix[size++] = (uint8_t)(kind + payload.size);
    } else if (payload.size < 256) {
        prefix[size++] = (uint8_t)(kind + 56);
        prefix[size++] = (uint8_t)payload.size;
    } else {
        prefix[size++] = (uint8_t)(kind + 57);
        prefix[size++] = (uint8_t)(payload.size >> 8);
        prefix[size++] = (uint8_t)payload.size;
    }
    uint8_t *out = sw_arena_alloc(&m->arena, size + payload.size + 1, 1);
    assert_non_null(out);
    assert_true(payload.size < 65536);
    memcpy(out, prefix, size);
    if (payload.size > 0) memcpy(out + size, payload.data, payload.size);
    return SW_BYTES(out, size + payload.size);
}

static inline sw_bytes maker_string(trie_maker *m, sw_bytes s) {
    return s.size == 1 && s.data[0] < 0x80 ? s : maker_wrap(m, 0x80, s);
}

static inline sw_bytes maker_list(trie_maker *m, const sw_bytes *items, size_t count) {
    size_t size = 0;
    for (size_t i = 0; i < count; i++) size += items[i].size;
    uint8_t *joined = sw_arena_alloc(&m->arena, size + 1, 1);
    assert_non_null(joined);
    size = 0;
    for (size_t i = 0; i < count; i++) {
        if (items[i].size > 0) memcpy(joined + size, items[i].data, items[i].size);
        size += items[i].size;
    }
    return maker_wrap(m, 0xc0, SW_BYTES(joined, size));
}

/* A number without leading zeros. */
static inline sw_bytes maker_number(trie_maker *m, const uint8_t *bytes, size_t size) {
    while (size > 0 && *bytes == 0) bytes++, size--;
    return maker_string(m, maker_copy(m, bytes, size));
}

/* ---- items ---- */

static inline void maker_put_path(trie_maker *m, const sw_hash *path, sw_bytes value) {
    size_t at = 0;
    while (at < m->count && memcmp(m->items[at].path.b, path->b, 32) < 0) at++;
    bool there = at < m->count && sw_hash_equal(&m->items[at].path, path);
    if (!there) {
        assert_true(m->count < MAKER_ITEMS);
        memmove(&m->items[at + 1], &m->items[at], (m->count - at) * sizeof m->items[0]);
        m->count++;
    }
    m->items[at] = (maker_item){*path, maker_copy(m, value.data, value.size)};
}

/* `value` is what stands in the leaf. */
static inline void maker_put(trie_maker *m, sw_bytes key, sw_bytes value) {
    sw_hash path;
    sw_keccak256(&path, key);
    maker_put_path(m, &path, value);
}

/* A storage word; one of zero is not there. */
static inline void maker_put_word(trie_maker *m, const sw_word *slot, const sw_word *word) {
    sw_bytes value = maker_number(m, word->b, sizeof word->b);
    if (!sw_bytes_is(value, "\x80")) maker_put(m, SW_BYTES_OF(slot->b), value);
}

/* ---- nodes ---- */

static inline uint8_t maker_nibble(const sw_hash *path, size_t at) {
    return path->b[at / 2] >> (at % 2 == 0 ? 4 : 0) & 15;
}

/* How many nibbles from `depth` on the items low to high share. */
static inline size_t maker_shared(const trie_maker *m, size_t low, size_t high, size_t depth) {
    size_t n = 0;
    while (depth + n < MAKER_NIBBLES && maker_nibble(&m->items[low].path, depth + n) ==
                                            maker_nibble(&m->items[high - 1].path, depth + n))
        n++;
    return n;
}

static inline sw_bytes maker_hex_prefix(trie_maker *m, const sw_hash *path, size_t from,
                                        size_t count, bool leaf) {
    uint8_t out[33];
    size_t size = 0, at = from;
    out[size++] =
        (uint8_t)((leaf ? 0x20 : 0) + (count % 2 == 1 ? 0x10 + maker_nibble(path, at++) : 0));
    for (; at < from + count; at += 2)
        out[size++] = (uint8_t)(maker_nibble(path, at) << 4 | maker_nibble(path, at + 1));
    return maker_string(m, maker_copy(m, out, size));
}

static inline sw_bytes maker_node(trie_maker *m, size_t low, size_t high, size_t depth);

/* As a parent holds it: the node itself when short, else its hash. */
static inline sw_bytes maker_child(trie_maker *m, size_t low, size_t high, size_t depth) {
    sw_hash hash;
    sw_bytes node = maker_node(m, low, high, depth);
    if (node.size < 32) return node;
    sw_keccak256(&hash, node);
    return maker_string(m, maker_copy(m, hash.b, sizeof hash.b));
}

static inline size_t maker_end(const trie_maker *m, size_t low, size_t high, size_t depth,
                               uint8_t nibble) {
    while (low < high && maker_nibble(&m->items[low].path, depth) == nibble) low++;
    return low;
}

static inline sw_bytes maker_branch(trie_maker *m, size_t low, size_t high, size_t depth) {
    sw_bytes items[17];
    for (uint8_t i = 0; i < 16; i++) {
        size_t end = maker_end(m, low, high, depth, i);
        items[i] = end == low ? maker_copy(m, "\x80", 1) : maker_child(m, low, end, depth + 1);
        low = end;
    }
    items[16] = maker_copy(m, "\x80", 1);
    return maker_list(m, items, 17);
}

static inline sw_bytes maker_node(trie_maker *m, size_t low, size_t high, size_t depth) {
    const maker_item *first = &m->items[low];
    if (high - low == 1) {
        sw_bytes leaf[] = {maker_hex_prefix(m, &first->path, depth, MAKER_NIBBLES - depth, true),
                           maker_string(m, first->value)};
        return maker_list(m, leaf, 2);
    }
    size_t shared = maker_shared(m, low, high, depth);
    if (shared == 0) return maker_branch(m, low, high, depth);
    sw_bytes extension[] = {maker_hex_prefix(m, &first->path, depth, shared, false),
                            maker_child(m, low, high, depth + shared)};
    return maker_list(m, extension, 2);
}

static inline sw_hash maker_root(trie_maker *m) {
    sw_hash root;
    sw_keccak256(&root, m->count == 0 ? SW_LITERAL("\x80") : maker_node(m, 0, m->count, 0));
    return root;
}

/* The nodes from the root towards `path`, whether or not something stands there. */
static inline void maker_prove_path(trie_maker *m, const sw_hash *path, maker_proof *out) {
    size_t low = 0, high = m->count, depth = 0;
    *out = (maker_proof){0};
    while (low < high) {
        sw_bytes node = maker_node(m, low, high, depth);
        if (out->count == 0 || node.size >= 32)
            out->nodes[out->count++] = node;
        else
            out->embedded++;
        if (high - low == 1) return;
        size_t shared = maker_shared(m, low, high, depth), same = 0;
        while (same < shared &&
               maker_nibble(path, depth + same) == maker_nibble(&m->items[low].path, depth + same))
            same++;
        if (same < shared) return;
        depth += shared;
        if (shared > 0) continue;
        uint8_t nibble = maker_nibble(path, depth++);
        while (low < high && maker_nibble(&m->items[low].path, depth - 1) < nibble) low++;
        high = maker_end(m, low, high, depth - 1, nibble);
    }
}

static inline void maker_prove(trie_maker *m, sw_bytes key, maker_proof *out) {
    sw_hash path;
    sw_keccak256(&path, key);
    maker_prove_path(m, &path, out);
}
#endif
