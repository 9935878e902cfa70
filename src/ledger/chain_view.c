/* SPDX-License-Identifier: Apache-2.0
 *
 * Views (CHN-040 to CHN-043): the proofs of one block as canonical JSON, written and judged. The
 * chain of evidence is block hash, header, state root, account, code hash and storage root, words;
 * each link is the hash of the next, and nothing is believed that hangs on no link.
 */
#include "ledger/chain_view.h"

#include "codec/json.h"
#include "codec/text.h"
#include "ledger/chain_internal.h"
#include <assert.h>
#include <stdlib.h>

#define KIND "sealwright/chain-view/v1"

/* A slot is an object, its name, an array and the nodes; then the account's and five more. */
#define NODES_LIMIT                                                                                \
    ((size_t)SW_CHAIN_SLOT_COUNT * (3 + SW_CHAIN_PROOF_COUNT) + SW_CHAIN_PROOF_COUNT + 8)
static const sw_json_limits limits = {
    .bytes = SW_CHAIN_VIEW_LIMIT, .depth = 5, .nodes = NODES_LIMIT};

/* ---- which slots ---- */

static int by_slot(const void *a, const void *b) {
    return sw_word_compare(a, b);
}

/* Ascending; what stands twice stands once. */
static size_t sort_slots(sw_word *list, size_t count) {
    size_t kept = 0;
    qsort(list, count, sizeof *list, by_slot);
    for (size_t i = 0; i < count; i++)
        if (kept == 0 || sw_word_compare(&list[kept - 1], &list[i]) != 0) list[kept++] = list[i];
    return kept;
}

sw_status sw_chain_slots(const sw_chain_ask *ask, size_t places, sw_word *out, size_t *count,
                         sw_error *err) {
    enum { ALL = 1 + SW_PLACE_LIMIT + 3 * SW_CHAIN_ASK_COUNT };
    sw_word list[ALL] = {{{0}}}; /* the first is slot 0 */
    size_t n = 1;
    if (places > SW_PLACE_LIMIT || ask->compose_count > SW_CHAIN_ASK_COUNT ||
        ask->opening_count > SW_CHAIN_ASK_COUNT)
        return sw_fail(err, SW_LIMIT, "limit", "a view is asked about more than it may hold");
    for (size_t i = 0; i < places; i++) sw_slot_of_place(&list[n++], (uint8_t)i);
    for (size_t i = 0; i < ask->compose_count; i++)
        sw_slot_of_compose(&list[n++], &ask->composes[i]);
    for (size_t i = 0; i < ask->opening_count; i++) {
        const sw_chain_opening *o = &ask->openings[i];
        sw_hash id;
        sw_opening_id(&id, &o->compose, &o->manifest, &o->recipient);
        sw_slot_of_opening(&list[n++], &id);
        sw_slot_of_compose(&list[n++], &o->compose);
    }
    n = sort_slots(list, n);
    if (n > SW_CHAIN_SLOT_COUNT)
        return sw_fail(err, SW_LIMIT, "limit", "a view of %zu slots is asked for, above %d", n,
                       SW_CHAIN_SLOT_COUNT);
    for (size_t i = 0; i < n; i++) out[i] = list[i];
    *count = n;
    return SW_OK;
}

/* ---- writing ---- */

static sw_status check_proof(const sw_bytes *nodes, size_t count, sw_error *err) {
    if (count > SW_CHAIN_PROOF_COUNT)
        return sw_fail(err, SW_LIMIT, "limit", "a proof has more than %d nodes",
                       SW_CHAIN_PROOF_COUNT);
    for (size_t i = 0; i < count; i++)
        if (nodes[i].size == 0 || nodes[i].size > SW_CHAIN_NODE_LIMIT)
            return sw_fail(err, SW_LIMIT, "limit", "a proof's node is not 1 to 1,024 bytes");
    return SW_OK;
}

static void add_nodes(sw_arena *a, sw_json *parent, const char *key, const sw_bytes *nodes,
                      size_t count) {
    sw_json *list = sw_json_add_array(a, parent, key);
    for (size_t i = 0; i < count; i++) sw_json_add_hex(a, list, NULL, nodes[i]);
}

static sw_status check_parts(sw_bytes header, const sw_chain_proof *storage, size_t count,
                             sw_error *err) {
    if (header.size == 0 || header.size > SW_CHAIN_HEADER_LIMIT || count > SW_CHAIN_SLOT_COUNT)
        return sw_fail(err, SW_LIMIT, "limit", "a view's header or number of slots is too large");
    for (size_t i = 0; i < count; i++) {
        SW_TRY(check_proof(storage[i].nodes, storage[i].count, err));
        if (i > 0 && sw_word_compare(&storage[i - 1].slot, &storage[i].slot) >= 0)
            return sw_fail(err, SW_USAGE, "usage", "a view's slots are not in ascending order");
    }
    return SW_OK;
}

sw_status sw_chain_view_encode(sw_bytes header, const sw_bytes *account, size_t account_count,
                               const sw_chain_proof *storage, size_t storage_count, sw_buffer *out,
                               sw_error *err) {
    SW_SCOPED(sw_arena) a = {0};
    SW_SCOPED(sw_buffer) made = SW_BUFFER(SW_CHAIN_VIEW_LIMIT);
    SW_TRY(check_proof(account, account_count, err));
    SW_TRY(check_parts(header, storage, storage_count, err));
    sw_json *root = sw_json_make(&a, SW_JSON_OBJECT);
    add_nodes(&a, root, "account", account, account_count);
    sw_json_add_hex(&a, root, "header", header);
    sw_json_add_text(&a, root, "kind", SW_LITERAL(KIND));
    sw_json *list = sw_json_add_array(&a, root, "storage");
    for (size_t i = 0; i < storage_count; i++) {
        sw_json *slot = sw_json_add_object(&a, list, NULL);
        add_nodes(&a, slot, "proof", storage[i].nodes, storage[i].count);
        sw_json_add_hex(&a, slot, "slot", SW_BYTES_OF(storage[i].slot.b));
    }
    sw_json_encode(&made, root);
    SW_TRY(sw_buffer_check(&made, "a view of the chain", err));
    sw_put_bytes(out, sw_buffer_bytes(&made));
    return sw_buffer_check(out, "a view of the chain", err);
}

/* ---- reading ---- */

typedef struct view { /* in the arena */
    sw_bytes header;
    const sw_bytes *account;
    size_t account_count, slot_count;
    const sw_chain_proof *slots;
} view;

static sw_status read_hex(sw_arena *a, const sw_json *node, const char *where, size_t limit,
                          sw_bytes *out, sw_error *err) {
    if (node == NULL || node->type != SW_JSON_STRING || node->text.size == 0 ||
        node->text.size % 2 != 0 || node->text.size / 2 > limit)
        return sw_fail(err, SW_MALFORMED, "format", "%s is not 1 to %zu bytes in hex", where,
                       limit);
    size_t size = node->text.size / 2;
    uint8_t *bytes = SW_ARENA_NEW(a, uint8_t, size);
    if (bytes == NULL) return sw_fail(err, SW_MEMORY, "memory", "no memory for a view");
    SW_TRY(sw_hex_decode(bytes, size, node->text, false, err));
    *out = SW_BYTES(bytes, size);
    return SW_OK;
}

static sw_status read_nodes(sw_arena *a, const sw_json *parent, const char *where, const char *name,
                            const sw_bytes **out, size_t *count, sw_error *err) {
    const sw_json *list = NULL;
    size_t n = 0;
    SW_TRY(sw_json_array(parent, where, name, SW_CHAIN_PROOF_COUNT, &list, err));
    sw_bytes *nodes = SW_ARENA_NEW(a, sw_bytes, list->count + 1);
    if (nodes == NULL) return sw_fail(err, SW_MEMORY, "memory", "no memory for a view");
    for (const sw_json *node = list->first; node != NULL; node = node->next)
        SW_TRY(read_hex(a, node, "a proof's node", SW_CHAIN_NODE_LIMIT, &nodes[n++], err));
    *out = nodes;
    *count = n;
    return SW_OK;
}

static sw_status read_slots(sw_arena *a, const sw_json *root, view *out, sw_error *err) {
    static const char *const names[] = {"proof", "slot", NULL};
    static const char where[] = "view.storage[]";
    const sw_json *list = NULL;
    size_t n = 0;
    SW_TRY(sw_json_array(root, "view", "storage", SW_CHAIN_SLOT_COUNT, &list, err));
    sw_chain_proof *slots = SW_ARENA_NEW(a, sw_chain_proof, list->count + 1);
    if (slots == NULL) return sw_fail(err, SW_MEMORY, "memory", "no memory for a view");
    for (const sw_json *node = list->first; node != NULL; node = node->next, n++) {
        sw_chain_proof *slot = &slots[n];
        SW_TRY(sw_json_expect(node, where, names, err));
        SW_TRY(sw_json_hex(node, where, "slot", slot->slot.b, sizeof slot->slot.b, err));
        SW_TRY(read_nodes(a, node, where, "proof", &slot->nodes, &slot->count, err));
        if (n > 0 && sw_word_compare(&slots[n - 1].slot, &slot->slot) >= 0)
            return sw_fail(err, SW_MALFORMED, "format",
                           "view.storage is not in ascending order of slots");
    }
    out->slots = slots;
    out->slot_count = n;
    return SW_OK;
}

static sw_status parse(sw_arena *a, sw_bytes bytes, view *out, sw_error *err) {
    static const char *const names[] = {"account", "header", "kind", "storage", NULL};
    sw_json *root = NULL;
    sw_bytes kind = {0};
    SW_TRY(sw_json_parse_canonical(a, bytes, &limits, &root, err));
    SW_TRY(sw_json_expect(root, "view", names, err));
    SW_TRY(sw_json_text(root, "view", "kind", &kind, err));
    if (!sw_bytes_is(kind, KIND))
        return sw_fail(err, SW_MALFORMED, "format", "view.kind is not " KIND);
    SW_TRY(read_hex(a, sw_json_member(root, "header"), "view.header", SW_CHAIN_HEADER_LIMIT,
                    &out->header, err));
    SW_TRY(read_nodes(a, root, "view", "account", &out->account, &out->account_count, err));
    return read_slots(a, root, out, err);
}

sw_status sw_chain_view_block(sw_bytes bytes, sw_block *out, sw_error *err) {
    SW_SCOPED(sw_arena) a = {0};
    view v = {0};
    SW_TRY(parse(&a, bytes, &v, err));
    return sw_block_parse(v.header, out, err);
}

sw_status sw_chain_view_head(sw_bytes bytes, sw_head *out, sw_error *err) {
    sw_block block;
    SW_TRY(sw_chain_view_block(bytes, &block, err));
    *out = (sw_head){.index = block.number, .hash = block.hash};
    return SW_OK;
}

/* ---- judging ---- */

static sw_status check_block(const view *v, const sw_head *at, sw_block *out, sw_error *err) {
    SW_TRY(sw_block_parse(v->header, out, err));
    if (!sw_hash_equal(&out->hash, &at->hash))
        return sw_fail(err, SW_UNAUTHENTIC, "proof",
                       "the view is of another block than the one named, %llu",
                       (unsigned long long)at->index);
    if (out->number != at->index)
        return sw_fail(err, SW_UNAUTHENTIC, "proof", "the block named as %llu is block %llu",
                       (unsigned long long)at->index, (unsigned long long)out->number);
    return SW_OK;
}

static sw_status check_account(const view *v, const sw_genesis *g, const sw_block *block,
                               sw_account *out, sw_error *err) {
    sw_bytes value = {0};
    sw_status status = sw_trie_prove(&block->state_root, SW_BYTES_OF(g->chain.contract.b),
                                     v->account, v->account_count, &value, err);
    if (status != SW_OK) {
        sw_error_prefix(err, "the contract's account");
        return status;
    }
    if (value.size == 0)
        return sw_fail(err, SW_UNAUTHENTIC, "proof",
                       "at block %llu there is nothing at the contract's address",
                       (unsigned long long)block->number);
    if (sw_account_parse(value, out, NULL) != SW_OK)
        return sw_fail(err, SW_UNAUTHENTIC, "proof", "the contract's account is none");
    if (!sw_hash_equal(&out->code_hash, &g->code_hash))
        return sw_fail(err, SW_UNAUTHENTIC, "proof",
                       "the contract's code is not the one that the genesis names");
    return SW_OK;
}

static sw_status prove_words(const view *v, const sw_account *account, sw_stored_word *out,
                             sw_error *err) {
    for (size_t i = 0; i < v->slot_count; i++) {
        const sw_chain_proof *slot = &v->slots[i];
        sw_bytes value = {0};
        out[i].slot = slot->slot;
        sw_status status = sw_trie_prove(&account->storage_root, SW_BYTES_OF(slot->slot.b),
                                         slot->nodes, slot->count, &value, err);
        if (status == SW_OK) status = sw_word_parse(value, &out[i].value, err);
        if (status != SW_OK) {
            sw_error_prefix(err, "slot %zu of the view", i + 1);
            return status;
        }
    }
    return SW_OK;
}

/* What a view's proofs show; words has room for SW_CHAIN_SLOT_COUNT. */
typedef struct shown {
    sw_account account;
    size_t count;
    sw_stored_word words[SW_CHAIN_SLOT_COUNT];
} shown;

static sw_status prove_all(const sw_genesis *g, const sw_head *at, sw_bytes bytes, shown *out,
                           sw_error *err) {
    SW_SCOPED(sw_arena) a = {0};
    view v = {0};
    sw_block block;
    if (g->backend != SW_LEDGER_ETHEREUM)
        return sw_fail(err, SW_REFUSED, "ledger", "this app's ledger is on no chain");
    SW_TRY(parse(&a, bytes, &v, err));
    SW_TRY(check_block(&v, at, &block, err));
    SW_TRY(check_account(&v, g, &block, &out->account, err));
    SW_TRY(prove_words(&v, &out->account, out->words, err));
    out->count = v.slot_count;
    return SW_OK;
}

sw_status sw_chain_view_verify(const sw_genesis *g, const sw_head *at, sw_bytes bytes,
                               const sw_chain_ask *ask, sw_ledger **out, sw_error *err) {
    shown s;
    SW_TRY(prove_all(g, at, bytes, &s, err));
    return sw_chain_fold(g, at, ask, s.words, s.count, out, err);
}

/* ---- a new contract (CHN-105) ---- */

/* Head and owners as they are proven, the devices, and nothing else. */
static sw_status only_words(const shown *s, const sw_genesis *g, const sw_hash *devices,
                            size_t device_count, sw_hash *root, sw_error *err) {
    enum { ALL = 1 + SW_OWNER_LIMIT + SW_CHAIN_DEVICE_COUNT };
    static_assert(ALL <= SW_STORED_LIMIT, "they fit");
    sw_stored_word list[ALL];
    size_t n = 0;
    /* Slots 0 on, which the fold has found there, are the first ones of the view. */
    for (size_t i = 0; i <= g->owner_count; i++) list[n++] = s->words[i];
    for (size_t i = 0; i < device_count; i++, n++) {
        sw_slot_of_device(&list[n].slot, &devices[i]);
        list[n].value = (sw_word){{[31] = 1}};
    }
    return sw_storage_root(list, n, root, err);
}

sw_status sw_chain_view_check_new(const sw_genesis *g, const sw_head *at, sw_bytes bytes,
                                  const sw_hash *devices, size_t device_count, sw_error *err) {
    static const sw_chain_ask nothing;
    shown s;
    sw_hash root;
    sw_ledger *l = NULL;
    if (device_count > SW_CHAIN_DEVICE_COUNT)
        return sw_fail(err, SW_LIMIT, "limit", "a new contract has more than %d devices",
                       SW_CHAIN_DEVICE_COUNT);
    SW_TRY(prove_all(g, at, bytes, &s, err));
    SW_TRY(sw_chain_fold(g, at, &nothing, s.words, s.count, &l, err));
    bool used = l->changes != 0 || l->app_round != 1 || l->everything != 0;
    for (size_t i = 0; i < l->places; i++) used = used || l->sequences[i] != 0;
    sw_ledger_close(&l);
    if (used)
        return sw_fail(err, SW_REFUSED, "ledger",
                       "the contract is not new: its owners have decided something already");
    SW_TRY(only_words(&s, g, devices, device_count, &root, err));
    if (sw_hash_equal(&root, &s.account.storage_root)) return SW_OK;
    return sw_fail(err, SW_UNAUTHENTIC, "proof",
                   "the contract holds more than its owners and devices: whoever made it has "
                   "written into it");
}
