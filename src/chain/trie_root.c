/* SPDX-License-Identifier: Apache-2.0
 *
 * The root of a storage trie that holds certain words and nothing else (CHN-105). From below: the
 * sorted items whose paths part last become one branch, which takes their place, until one is left.
 * There is no recursion, and every node is encoded once.
 */
#include "chain/chain_internal.h"

#include <stdlib.h>

enum { NIBBLES = 64, SLOTS = 16, PART_BYTES = 544 /* a branch of 16 hashes */, LEAF = 2, ODD = 1 };

/* A leaf's value, or a whole branch, and the path to it. */
typedef struct part {
    sw_hash path;
    size_t depth; /* where the branch stands; NIBBLES: a leaf */
    uint8_t bytes[PART_BYTES];
    size_t size;
} part;

static uint8_t nibble(const sw_hash *path, size_t at) {
    return path->b[at / 2] >> (at % 2 == 0 ? 4 : 0) & 15;
}

static int by_path(const void *a, const void *b) {
    return memcmp(((const part *)a)->path.b, ((const part *)b)->path.b, SW_HASH_BYTES);
}

static size_t shared(const part *a, const part *b) {
    size_t n = 0;
    while (n < NIBBLES && nibble(&a->path, n) == nibble(&b->path, n)) n++;
    return n;
}

static void put_path(sw_buffer *out, const part *p, size_t from) {
    uint8_t bytes[1 + NIBBLES / 2];
    size_t size = 1, at = from;
    bool odd = (p->depth - from) % 2 == 1;
    bytes[0] = (uint8_t)((p->depth == NIBBLES ? LEAF : 0) + (odd ? ODD : 0)) << 4;
    if (odd) bytes[0] |= nibble(&p->path, at++);
    for (; at < p->depth; at += 2)
        bytes[size++] = (uint8_t)(nibble(&p->path, at) << 4 | nibble(&p->path, at + 1));
    sw_rlp_put_string(out, SW_BYTES(bytes, size));
}

/* A node as its parent holds it. */
static void put_reference(sw_buffer *out, sw_bytes node) {
    sw_hash hash;
    if (node.size < SW_HASH_BYTES) {
        sw_put_bytes(out, node);
        return;
    }
    sw_keccak256(&hash, node);
    sw_rlp_put_string(out, SW_BYTES_OF(hash.b));
}

/* The node that begins at depth `from` and leads to this part. */
static void put_node(sw_buffer *out, const part *p, size_t from) {
    SW_SCOPED(sw_buffer) items = SW_BUFFER(SW_CHAIN_NODE_LIMIT);
    if (p->depth == from && p->depth < NIBBLES) {
        sw_put_bytes(out, SW_BYTES(p->bytes, p->size));
        return;
    }
    put_path(&items, p, from);
    if (p->depth == NIBBLES)
        sw_rlp_put_string(&items, SW_BYTES(p->bytes, p->size));
    else
        put_reference(&items, SW_BYTES(p->bytes, p->size));
    if (items.failed) sw_buffer_fail(out, items.cause);
    sw_rlp_put_list(out, sw_buffer_bytes(&items));
}

/* The parts `first` to `end` part at `depth`: they become a branch, in the first one's place. */
static sw_status join(part *list, size_t first, size_t end, size_t depth, sw_error *err) {
    SW_SCOPED(sw_buffer) items = SW_BUFFER(SW_CHAIN_NODE_LIMIT);
    SW_SCOPED(sw_buffer) made = SW_BUFFER(PART_BYTES);
    size_t next = first;
    for (size_t slot = 0; slot < SLOTS; slot++) {
        SW_SCOPED(sw_buffer) node = SW_BUFFER(SW_CHAIN_NODE_LIMIT);
        if (next == end || nibble(&list[next].path, depth) != slot) {
            sw_rlp_put_string(&items, (sw_bytes){0});
            continue;
        }
        put_node(&node, &list[next++], depth + 1);
        SW_TRY(sw_buffer_check(&node, "a node", err));
        put_reference(&items, sw_buffer_bytes(&node));
    }
    sw_rlp_put_string(&items, (sw_bytes){0}); /* the value */
    SW_TRY(sw_buffer_check(&items, "a node", err));
    sw_rlp_put_list(&made, sw_buffer_bytes(&items));
    SW_TRY(sw_buffer_check(&made, "a node", err));
    list[first].depth = depth;
    list[first].size = made.size;
    memcpy(list[first].bytes, made.data, made.size);
    return SW_OK;
}

/* Joins those that part last until one is left. */
static sw_status join_all(part *list, size_t count, sw_error *err) {
    while (count > 1) {
        size_t first = 0, deepest = 0;
        for (size_t i = 0; i + 1 < count; i++) {
            size_t depth = shared(&list[i], &list[i + 1]);
            if (depth == NIBBLES)
                return sw_fail(err, SW_USAGE, "usage", "a slot stands twice in one storage");
            if (depth < deepest || (depth == deepest && i > 0)) continue;
            first = i;
            deepest = depth;
        }
        size_t end = first + 1;
        while (end < count && shared(&list[first], &list[end]) == deepest) end++;
        SW_TRY(join(list, first, end, deepest, err));
        memmove(&list[first + 1], &list[end], (count - end) * sizeof *list);
        count -= end - first - 1;
    }
    return SW_OK;
}

static sw_status fill(part *out, const sw_stored_word *w, sw_error *err) {
    SW_SCOPED(sw_buffer) value = SW_BUFFER(1 + sizeof w->value.b);
    size_t zeros = 0;
    while (zeros < sizeof w->value.b && w->value.b[zeros] == 0) zeros++;
    sw_rlp_put_string(&value, SW_BYTES(w->value.b + zeros, sizeof w->value.b - zeros));
    SW_TRY(sw_buffer_check(&value, "a word", err));
    sw_keccak256(&out->path, SW_BYTES_OF(w->slot.b));
    out->depth = NIBBLES;
    out->size = value.size;
    memcpy(out->bytes, value.data, value.size);
    return SW_OK;
}

static bool is_zero(const sw_word *w) {
    static const sw_word zero;
    return memcmp(w->b, zero.b, sizeof zero.b) == 0;
}

static sw_status root_of(part *list, const sw_stored_word *words, size_t count, sw_hash *root,
                         sw_error *err) {
    SW_SCOPED(sw_buffer) node = SW_BUFFER(SW_CHAIN_NODE_LIMIT);
    size_t n = 0;
    for (size_t i = 0; i < count; i++)
        if (!is_zero(&words[i].value)) SW_TRY(fill(&list[n++], &words[i], err));
    qsort(list, n, sizeof *list, by_path);
    SW_TRY(join_all(list, n, err));
    if (n == 0)
        sw_rlp_put_string(&node, (sw_bytes){0});
    else
        put_node(&node, &list[0], 0);
    SW_TRY(sw_buffer_check(&node, "a node", err));
    sw_keccak256(root, sw_buffer_bytes(&node));
    return SW_OK;
}

sw_status sw_storage_root(const sw_stored_word *words, size_t count, sw_hash *root, sw_error *err) {
    if (count > SW_STORED_LIMIT)
        return sw_fail(err, SW_LIMIT, "limit", "a storage of %zu words is above %d", count,
                       SW_STORED_LIMIT);
    part *list = calloc(count + 1, sizeof *list);
    if (list == NULL) return sw_fail(err, SW_MEMORY, "memory", "no memory for a storage");
    sw_status status = root_of(list, words, count, root, err);
    free(list);
    return status;
}
