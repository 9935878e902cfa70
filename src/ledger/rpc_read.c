/* SPDX-License-Identifier: Apache-2.0
 *
 * Reading a chain through a node: headers by their hash, values by their proofs.
 * docs/formats/chain.md, CHN-210 to CHN-215.
 *
 * What is handed out is what the pure judge of views accepted (chain_view.h): this file only brings
 * bytes together. How many owners there are is asked as the genesis has it, and once more when the
 * node says that there are more.
 */
#include "ledger/rpc_internal.h"

#include <stdio.h>
#include <string.h>

/* ---- headers ---- */

static sw_status ask_block(sw_rpc *r, sw_arena *a, const char *method, sw_json *params,
                           sw_buffer *rlp, sw_block *out, sw_error *err) {
    const sw_json *block = NULL;
    sw_json_add_flag(a, params, NULL, false);
    SW_TRY(sw_rpc_ask(r, a, method, params, &block, NULL, err));
    if (block->type == SW_JSON_NULL)
        return sw_fail(err, SW_MISSING, "missing", "the node does not have the block");
    return sw_rpc_read_header(block, "block", rlp, out, err);
}

sw_status sw_rpc_final(sw_rpc *r, sw_head *out, int64_t *made_ms, sw_error *err) {
    SW_SCOPED(sw_arena) a = {0};
    sw_block block;
    sw_json *params = sw_json_make(&a, SW_JSON_ARRAY);
    sw_json_add_text(&a, params, NULL, SW_LITERAL("finalized"));
    sw_status status = ask_block(r, &a, "eth_getBlockByNumber", params, NULL, &block, err);
    if (status == SW_MISSING)
        return sw_fail(err, SW_UNAVAILABLE, "unavailable", "the node shows no finalised block yet");
    SW_TRY(status);
    *out = (sw_head){.index = block.number, .hash = block.hash};
    if (made_ms != NULL) *made_ms = sw_block_ms(&block);
    return SW_OK;
}

sw_status sw_rpc_header(sw_rpc *r, const sw_hash *hash, sw_buffer *rlp, sw_block *out,
                        sw_error *err) {
    SW_SCOPED(sw_arena) a = {0};
    SW_SCOPED(sw_buffer) bytes = SW_BUFFER(SW_CHAIN_HEADER_LIMIT);
    sw_block block;
    sw_json *params = sw_json_make(&a, SW_JSON_ARRAY);
    sw_rpc_add_bytes(&a, params, NULL, SW_BYTES_OF(hash->b));
    SW_TRY(ask_block(r, &a, "eth_getBlockByHash", params, &bytes, &block, err));
    if (!sw_hash_equal(&block.hash, hash))
        return sw_fail(err, SW_UNAUTHENTIC, "proof", "the node shows another block than asked for");
    if (rlp != NULL) sw_put_bytes(rlp, sw_buffer_bytes(&bytes));
    if (rlp != NULL) SW_TRY(sw_buffer_check(rlp, "a block's header", err));
    *out = block;
    return SW_OK;
}

sw_status sw_rpc_block_at(sw_rpc *r, uint64_t number, sw_block *out, sw_error *err) {
    SW_SCOPED(sw_arena) a = {0};
    sw_block block;
    sw_json *params = sw_json_make(&a, SW_JSON_ARRAY);
    sw_rpc_add_u64(&a, params, NULL, number);
    SW_TRY(ask_block(r, &a, "eth_getBlockByNumber", params, NULL, &block, err));
    if (block.number != number)
        return sw_fail(err, SW_UNAUTHENTIC, "proof", "the node shows another block than asked for");
    *out = block;
    return SW_OK;
}

static sw_status not_seen(const sw_head *seen, const char *instead, sw_error *err) {
    sw_status status = sw_fail(err, SW_UNAUTHENTIC, "rollback",
                               "block %llu was seen as final before, and the node %s",
                               (unsigned long long)seen->index, instead);
    sw_error_hint(err, "the node lags behind or shows another chain: ask another one");
    return status;
}

sw_status sw_rpc_check_seen(sw_rpc *r, const sw_head *seen, const sw_head *final, sw_error *err) {
    sw_block there;
    if (seen->index == 0) return SW_OK;
    if (final->index < seen->index) return not_seen(seen, "has not come so far", err);
    sw_status status = sw_rpc_block_at(r, seen->index, &there, err);
    if (status == SW_MISSING) return not_seen(seen, "does not have it", err);
    SW_TRY(status);
    if (sw_hash_equal(&there.hash, &seen->hash)) return SW_OK;
    return not_seen(seen, "has another block there", err);
}

/* ---- proofs ---- */

typedef struct proofs { /* in the arena */
    sw_bytes *account;
    size_t account_count, slot_count;
    sw_chain_proof slots[SW_CHAIN_SLOT_COUNT];
    uint8_t places; /* as the node says: how much to ask for, no more */
} proofs;

static sw_status read_nodes(sw_arena *a, const sw_json *list, const char *where, sw_bytes **out,
                            size_t *count, sw_error *err) {
    size_t at = 0;
    if (list == NULL || list->type != SW_JSON_ARRAY)
        return sw_fail(err, SW_MALFORMED, "format", "%s is not an array", where);
    if (list->count > SW_CHAIN_PROOF_COUNT)
        return sw_fail(err, SW_LIMIT, "limit", "%s has more than %d nodes", where,
                       SW_CHAIN_PROOF_COUNT);
    sw_bytes *nodes = SW_ARENA_NEW(a, sw_bytes, list->count + 1);
    if (nodes == NULL) return sw_fail(err, SW_MEMORY, "memory", "no memory for a proof");
    for (const sw_json *node = list->first; node != NULL; node = node->next) {
        SW_SCOPED(sw_buffer) bytes = SW_BUFFER(SW_CHAIN_NODE_LIMIT);
        SW_TRY(sw_rpc_data(node, where, SW_CHAIN_NODE_LIMIT, &bytes, err));
        nodes[at] = sw_arena_copy(a, sw_buffer_bytes(&bytes));
        if (nodes[at++].size != bytes.size)
            return sw_fail(err, SW_MEMORY, "memory", "no memory for a proof");
    }
    *out = nodes;
    *count = list->count;
    return SW_OK;
}

/* A slot's name comes back as it was sent (32 bytes) or as a number. */
static sw_status read_key(const sw_json *v, const char *where, sw_word *out, sw_error *err) {
    if (v != NULL && v->type == SW_JSON_STRING && v->text.size == 2 + 2 * sizeof out->b)
        return sw_rpc_bytes(v, where, out->b, sizeof out->b, err);
    return sw_rpc_word(v, where, out, err);
}

static sw_status read_slot(sw_arena *a, const sw_json *node, const sw_word *slot, size_t i,
                           proofs *out, sw_error *err) {
    char where[64];
    sw_word key;
    sw_bytes *nodes = NULL;
    (void)snprintf(where, sizeof where, "storageProof[%zu]", i);
    if (node->type != SW_JSON_OBJECT)
        return sw_fail(err, SW_MALFORMED, "format", "%s is not an object", where);
    SW_TRY(read_key(sw_json_member(node, "key"), where, &key, err));
    if (memcmp(key.b, slot->b, sizeof key.b) != 0)
        return sw_fail(err, SW_UNAUTHENTIC, "proof", "%s is of another slot than asked for", where);
    out->slots[i].slot = *slot;
    SW_TRY(read_nodes(a, sw_json_member(node, "proof"), where, &nodes, &out->slots[i].count, err));
    out->slots[i].nodes = nodes;
    if (i == SW_SLOT_HEAD) {
        sw_word head;
        sw_app_head parsed;
        SW_TRY(sw_rpc_word(sw_json_member(node, "value"), where, &head, err));
        SW_TRY(sw_app_head_read(&head, &parsed, err));
        out->places = parsed.places;
    }
    return SW_OK;
}

static sw_status read_proofs(sw_arena *a, const sw_json *answer, const sw_word *slots, size_t count,
                             proofs *out, sw_error *err) {
    size_t i = 0;
    const sw_json *list;
    if (answer->type != SW_JSON_OBJECT)
        return sw_fail(err, SW_MALFORMED, "format", "the proof is not an object");
    SW_TRY(read_nodes(a, sw_json_member(answer, "accountProof"), "accountProof", &out->account,
                      &out->account_count, err));
    SW_TRY(sw_json_array(answer, "the proof", "storageProof", SW_CHAIN_SLOT_COUNT, &list, err));
    if (list->count != count)
        return sw_fail(err, SW_MALFORMED, "format", "the proof has %zu slots, not %zu", list->count,
                       count);
    for (const sw_json *node = list->first; node != NULL; node = node->next, i++)
        SW_TRY(read_slot(a, node, &slots[i], i, out, err));
    out->slot_count = count;
    return SW_OK;
}

/* By the block's hash (EIP-1898); a node that does not know that form is asked by number: what it
 * proves is judged under the same header. */
static sw_status ask_proof(sw_rpc *r, sw_arena *a, const sw_genesis *g, const sw_head *at,
                           const sw_word *slots, size_t count, const sw_json **out, sw_error *err) {
    sw_status status = SW_UNAVAILABLE;
    for (int by_number = 0; by_number < 2; by_number++) {
        sw_rpc_refusal refusal = {0};
        sw_json *params = sw_json_make(a, SW_JSON_ARRAY);
        sw_rpc_add_bytes(a, params, NULL, SW_BYTES_OF(g->chain.contract.b));
        sw_json *list = sw_json_add_array(a, params, NULL);
        for (size_t i = 0; i < count; i++) sw_rpc_add_bytes(a, list, NULL, SW_BYTES_OF(slots[i].b));
        if (by_number == 1)
            sw_rpc_add_u64(a, params, NULL, at->index);
        else
            sw_rpc_add_bytes(a, sw_json_add_object(a, params, NULL), "blockHash",
                             SW_BYTES_OF(at->hash.b));
        status = sw_rpc_ask(r, a, "eth_getProof", params, out, &refusal, err);
        bool refused = refusal.refused;
        sw_rpc_refusal_free(&refusal);
        if (status == SW_OK || !refused) return status;
    }
    sw_error_hint(err, "the node must keep the state of finalised blocks and answer eth_getProof");
    return status;
}

static sw_status gather(sw_rpc *r, sw_arena *a, const sw_genesis *g, const sw_head *at,
                        const sw_chain_ask *ask, proofs *out, sw_error *err) {
    size_t places = g->owner_count;
    for (int tries = 0; tries < 2; tries++) {
        sw_word slots[SW_CHAIN_SLOT_COUNT];
        size_t count = 0;
        const sw_json *answer = NULL;
        SW_TRY(sw_chain_slots(ask, places, slots, &count, err));
        SW_TRY(ask_proof(r, a, g, at, slots, count, &answer, err));
        SW_TRY(read_proofs(a, answer, slots, count, out, err));
        if (out->places <= places || out->places > SW_PLACE_LIMIT) return SW_OK;
        places = out->places;
    }
    return SW_OK;
}

sw_status sw_rpc_view(sw_rpc *r, const sw_genesis *g, const sw_head *at, const sw_chain_ask *ask,
                      sw_buffer *view, sw_ledger **ledger, sw_error *err) {
    SW_SCOPED(sw_arena) a = {0};
    SW_SCOPED(sw_buffer) header = SW_BUFFER(SW_CHAIN_HEADER_LIMIT);
    SW_SCOPED(sw_buffer) made = SW_BUFFER(SW_CHAIN_VIEW_LIMIT);
    sw_block block;
    sw_ledger *judged = NULL;
    proofs *p = SW_ARENA_NEW(&a, proofs, 1);
    if (p == NULL) return sw_fail(err, SW_MEMORY, "memory", "no memory for a proof");
    SW_TRY(sw_rpc_header(r, &at->hash, &header, &block, err));
    if (block.number != at->index)
        return sw_fail(err, SW_UNAUTHENTIC, "proof", "block %llu has the hash of block %llu",
                       (unsigned long long)block.number, (unsigned long long)at->index);
    SW_TRY(gather(r, &a, g, at, ask, p, err));
    SW_TRY(sw_chain_view_encode(sw_buffer_bytes(&header), p->account, p->account_count, p->slots,
                                p->slot_count, &made, err));
    SW_TRY(sw_chain_view_verify(g, at, sw_buffer_bytes(&made), ask, &judged, err));
    sw_put_bytes(view, sw_buffer_bytes(&made));
    sw_status status = sw_buffer_check(view, "a view of the chain", err);
    if (status == SW_OK && ledger != NULL)
        *ledger = judged;
    else
        sw_ledger_close(&judged);
    return status;
}

/* ---- the contract's words ---- */

static sw_status prove_account(const sw_genesis *g, const sw_block *block, const proofs *p,
                               sw_account *out, sw_error *err) {
    sw_bytes value = {0};
    SW_TRY(sw_trie_prove(&block->state_root, SW_BYTES_OF(g->chain.contract.b), p->account,
                         p->account_count, &value, err));
    if (value.size == 0)
        return sw_fail(err, SW_REFUSED, "chain", "there is no contract at the app's address");
    SW_TRY(sw_account_parse(value, out, err));
    if (sw_hash_equal(&out->code_hash, &g->code_hash)) return SW_OK;
    return sw_fail(err, SW_UNAUTHENTIC, "proof",
                   "the code at the app's address is not that of the genesis");
}

static sw_status prove_word(const sw_account *account, const proofs *p, const sw_word *slot,
                            sw_word *out, sw_error *err) {
    sw_bytes value = {0};
    size_t i = 0;
    while (i < p->slot_count && memcmp(p->slots[i].slot.b, slot->b, sizeof slot->b) != 0) i++;
    if (i == p->slot_count)
        return sw_fail(err, SW_UNAUTHENTIC, "proof", "a slot of the contract is not proven");
    SW_TRY(sw_trie_prove(&account->storage_root, SW_BYTES_OF(slot->b), p->slots[i].nodes,
                         p->slots[i].count, &value, err));
    return sw_word_parse(value, out, err);
}

static sw_status prove_app(const sw_account *account, const proofs *p, const sw_hash *compose,
                           sw_rpc_app *out, sw_error *err) {
    sw_word slot = {0}, word;
    SW_TRY(prove_word(account, p, &slot, &word, err));
    SW_TRY(sw_app_head_read(&word, &out->head, err));
    if (out->head.places > SW_PLACE_LIMIT)
        return sw_fail(err, SW_UNAUTHENTIC, "proof", "the contract has more than %d places",
                       SW_PLACE_LIMIT);
    for (uint8_t i = 0; i < out->head.places; i++) {
        sw_slot_of_place(&slot, i);
        SW_TRY(prove_word(account, p, &slot, &word, err));
        SW_TRY(sw_app_owner_read(&word, &out->owners[i], err));
    }
    if (compose == NULL) return SW_OK;
    sw_slot_of_compose(&slot, compose);
    SW_TRY(prove_word(account, p, &slot, &word, err));
    return sw_app_compose_read(&word, &out->compose, err);
}

sw_status sw_rpc_app_at(sw_rpc *r, const sw_genesis *g, const sw_head *at, const sw_hash *compose,
                        sw_rpc_app *out, sw_error *err) {
    SW_SCOPED(sw_arena) a = {0};
    sw_block block;
    sw_account account;
    sw_rpc_app app = {0};
    const sw_chain_ask ask = {.composes = compose, .compose_count = compose == NULL ? 0 : 1};
    proofs *p = SW_ARENA_NEW(&a, proofs, 1);
    if (p == NULL) return sw_fail(err, SW_MEMORY, "memory", "no memory for a proof");
    SW_TRY(sw_rpc_header(r, &at->hash, NULL, &block, err));
    SW_TRY(gather(r, &a, g, at, &ask, p, err));
    SW_TRY(prove_account(g, &block, p, &account, err));
    SW_TRY(prove_app(&account, p, compose, &app, err));
    *out = app;
    return SW_OK;
}
