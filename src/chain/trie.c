/* SPDX-License-Identifier: Apache-2.0
 *
 * Proofs in a Merkle-Patricia trie (yellow paper, appendix D; CHN-041).
 *
 * A walk from the root along the 64 nibbles of the hashed key. Each node is the preimage of the
 * hash that its parent names, or stands inside the parent when it is shorter than a hash. It ends
 * at a leaf, at an empty slot, or where a leaf or an extension leads elsewhere; the last two say
 * that nothing stands there. Every step takes at least one nibble, so the walk ends.
 * All keys are hashes and have the same length: no branch holds a value, and what is shaped in a
 * way that no trie of such keys has is refused, although no such node can hang under a true root.
 */
#include "chain/chain_internal.h"

enum {
    NIBBLES = 64,
    SLOTS = 16,
    BRANCH_ITEMS = 17, /* the slots and a value */
    PAIR_ITEMS = 2,    /* a leaf or an extension: path and value or child */
    ODD = 1,           /* hex-prefix: what the first nibble says */
    LEAF = 2,
    FLAG_LIMIT = 4
};

typedef struct walk {
    uint8_t path[NIBBLES];
    size_t at; /* nibbles taken */
    const sw_bytes *nodes;
    size_t count, used;
    sw_hash next;    /* what the next node hashes to, */
    sw_bytes inside; /* or, when not empty, the node itself */
    bool after_extension, done;
    sw_bytes value;
} walk;

typedef struct node {
    sw_rlp_item items[BRANCH_ITEMS];
    size_t count;
} node;

static sw_status refuse(const walk *w, sw_error *err, const char *what) {
    return sw_fail(err, SW_UNAUTHENTIC, "proof", "node %zu of a proof %s", w->used, what);
}

/* ---- one node ---- */

static sw_status read_items(const walk *w, sw_bytes bytes, node *out, sw_error *err) {
    sw_rlp_item list;
    sw_bytes rest = bytes;
    if (sw_rlp_next(&rest, &list, NULL) != SW_OK || rest.size != 0 || !list.list)
        return refuse(w, err, "is not one RLP list");
    rest = list.payload;
    out->count = 0;
    while (rest.size > 0) {
        if (out->count == BRANCH_ITEMS) return refuse(w, err, "has more than 17 items");
        if (sw_rlp_next(&rest, &out->items[out->count++], NULL) != SW_OK)
            return refuse(w, err, "holds what is no RLP");
    }
    if (out->count != BRANCH_ITEMS && out->count != PAIR_ITEMS)
        return refuse(w, err, "has neither 2 nor 17 items");
    return SW_OK;
}

/* The bytes of the next node: the embedded one, or the next of the list, by its hash. */
static sw_status next_bytes(walk *w, sw_bytes *out, sw_error *err) {
    sw_hash hash;
    if (w->inside.size > 0) {
        *out = w->inside;
        return SW_OK;
    }
    if (w->used == w->count)
        return sw_fail(err, SW_UNAUTHENTIC, "proof", "a proof ends after node %zu, too early",
                       w->used);
    sw_bytes bytes = w->nodes[w->used++];
    if (bytes.size == 0 || bytes.size > SW_CHAIN_NODE_LIMIT)
        return refuse(w, err, "is not 1 to 1,024 bytes");
    sw_keccak256(&hash, bytes);
    if (!sw_hash_equal(&hash, &w->next)) return refuse(w, err, "is not the one that is due there");
    if (w->used > 1 && bytes.size < SW_HASH_BYTES)
        return refuse(w, err, "is so short that it belongs inside its parent");
    *out = bytes;
    return SW_OK;
}

/* A child is a hash, or a node shorter than one. */
static bool is_child(const sw_rlp_item *item) {
    return item->list ? item->span.size < SW_HASH_BYTES : item->payload.size == SW_HASH_BYTES;
}

static bool is_empty(const sw_rlp_item *item) {
    return !item->list && item->payload.size == 0;
}

static void descend(walk *w, const sw_rlp_item *child) {
    w->inside = (sw_bytes){0};
    if (child->list)
        w->inside = child->span;
    else
        memcpy(w->next.b, child->payload.data, sizeof w->next.b);
}

/* ---- the three kinds ---- */

static sw_status step_branch(walk *w, const node *n, sw_error *err) {
    size_t taken = 0;
    if (w->at == NIBBLES) return refuse(w, err, "is a branch below the end of its path");
    for (size_t i = 0; i < SLOTS; i++) {
        if (is_empty(&n->items[i])) continue;
        if (!is_child(&n->items[i])) return refuse(w, err, "has a slot that holds no node");
        taken++;
    }
    if (!is_empty(&n->items[SLOTS]))
        return refuse(w, err, "is a branch with a value, which no key is short enough for");
    if (taken < 2) return refuse(w, err, "is a branch of fewer than two nodes");
    const sw_rlp_item *child = &n->items[w->path[w->at++]];
    w->after_extension = false;
    w->done = is_empty(child);
    if (!w->done) descend(w, child);
    return SW_OK;
}

/* The nibbles of a hex-prefix path; *flag is its first nibble. */
static sw_status read_path(const walk *w, const sw_rlp_item *item, uint8_t out[NIBBLES],
                           size_t *count, uint8_t *flag, sw_error *err) {
    sw_bytes p = item->payload;
    if (item->list || p.size == 0 || p.size > 1 + NIBBLES / 2)
        return refuse(w, err, "has a path that is none");
    uint8_t first = p.data[0] >> 4, low = p.data[0] & 15;
    bool odd = (first & ODD) != 0;
    if (first >= FLAG_LIMIT || (!odd && low != 0))
        return refuse(w, err, "has a path with another prefix than it must have");
    size_t n = 0;
    if (odd) out[n++] = low;
    if (n + 2 * (p.size - 1) > NIBBLES - w->at)
        return refuse(w, err, "has a path longer than a key");
    for (size_t i = 1; i < p.size; i++) {
        out[n++] = p.data[i] >> 4;
        out[n++] = p.data[i] & 15;
    }
    *count = n;
    *flag = first;
    return SW_OK;
}

static sw_status step_leaf(walk *w, const node *n, bool same, size_t count, sw_error *err) {
    if (w->after_extension) return refuse(w, err, "is a leaf where a branch must be");
    if (w->at + count != NIBBLES) return refuse(w, err, "is a leaf whose path does not end");
    if (n->items[1].list || n->items[1].payload.size == 0)
        return refuse(w, err, "is a leaf without a value");
    w->done = true;
    if (same) w->value = n->items[1].payload;
    return SW_OK;
}

static sw_status step_extension(walk *w, const node *n, bool same, size_t count, sw_error *err) {
    if (w->after_extension) return refuse(w, err, "is an extension where a branch must be");
    if (count == 0 || w->at + count >= NIBBLES)
        return refuse(w, err, "is an extension by nothing, or to the end of its path");
    if (!is_child(&n->items[1])) return refuse(w, err, "is an extension that leads to no node");
    w->done = !same;
    if (!same) return SW_OK;
    w->at += count;
    w->after_extension = true;
    descend(w, &n->items[1]);
    return SW_OK;
}

static sw_status step(walk *w, sw_error *err) {
    sw_bytes bytes = {0};
    uint8_t path[NIBBLES], flag;
    size_t count;
    node n;
    SW_TRY(next_bytes(w, &bytes, err));
    SW_TRY(read_items(w, bytes, &n, err));
    if (n.count == BRANCH_ITEMS) return step_branch(w, &n, err);
    SW_TRY(read_path(w, &n.items[0], path, &count, &flag, err));
    bool same = memcmp(path, w->path + w->at, count) == 0;
    return (flag & LEAF) != 0 ? step_leaf(w, &n, same, count, err)
                              : step_extension(w, &n, same, count, err);
}

/* Keccak-256 of the empty string's RLP: a trie of nothing. */
static bool is_empty_root(const sw_hash *root) {
    sw_hash empty;
    sw_keccak256(&empty, SW_LITERAL("\x80"));
    return sw_hash_equal(root, &empty);
}

sw_status sw_trie_prove(const sw_hash *root, sw_bytes key, const sw_bytes *nodes, size_t count,
                        sw_bytes *value, sw_error *err) {
    sw_hash hashed;
    walk w = {.nodes = nodes, .count = count, .next = *root};
    if (count > SW_CHAIN_PROOF_COUNT)
        return sw_fail(err, SW_UNAUTHENTIC, "proof", "a proof has more than %d nodes",
                       SW_CHAIN_PROOF_COUNT);
    sw_keccak256(&hashed, key);
    for (size_t i = 0; i < NIBBLES; i++) w.path[i] = hashed.b[i / 2] >> (i % 2 == 0 ? 4 : 0) & 15;
    w.done = is_empty_root(root);
    while (!w.done) SW_TRY(step(&w, err));
    if (w.used != count)
        return sw_fail(err, SW_UNAUTHENTIC, "proof", "node %zu of a proof leads nowhere",
                       w.used + 1);
    *value = w.value;
    return SW_OK;
}
