/* SPDX-License-Identifier: Apache-2.0
 *
 * A transaction: asked for its price, signed, sent, waited for. docs/formats/chain.md, CHN-052,
 * CHN-220 to CHN-226.
 *
 * The node says what gas costs, which nonce is next and whether something was mined. A lie makes
 * the command fail or wait, and costs at most the order's bound: the signature covers chain, nonce,
 * contract and call, and no value is ever sent.
 */
#include "codec/text.h"
#include "ledger/rpc_internal.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

enum { GAS_LEAST = 21000 }; /* of any transaction: G_transaction of the yellow paper */

#define GWEI        UINT64_C(1000000000)
#define TIP_DEFAULT GWEI
enum { POLL_FIRST_MS = 50, POLL_LAST_MS = 4000, OVERDUE_COUNT = 3, TEXT_LIMIT = 512 };

typedef struct sending {
    sw_rpc *r;
    const sw_rpc_order *o;
    sw_address from;
    sw_transaction t;
    sw_rpc_sent sent;
    bool mined;       /* sent.block is where */
    unsigned overdue; /* looks in a row at which its number was used and nobody had its receipt */
} sending;

__attribute__((format(printf, 2, 3))) static void say(const sending *s, const char *format, ...) {
    char text[TEXT_LIMIT];
    va_list args;
    if (s->o->progress == NULL) return;
    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args);
    va_end(args);
    s->o->progress->say(s->o->progress->context, text);
}

/* ---- a node's refusals, as what they mean for the owner ---- */

static sw_status reverted(sw_bytes data, sw_error *err) {
    SW_SCOPED(sw_buffer) why = SW_BUFFER(TEXT_LIMIT);
    sw_app_revert_text(&why, data);
    sw_put_u8(&why, 0);
    if (why.failed) return sw_fail(err, SW_REFUSED, "reverted", "the contract refuses");
    return sw_fail(err, SW_REFUSED, "reverted", "the contract refuses: %s", (const char *)why.data);
}

static sw_status no_gas(const sending *s, sw_error *err) {
    char address[43];
    sw_address_text(address, &s->from);
    sw_status status =
        sw_fail(err, SW_REFUSED, "gas", "the account %s cannot pay for the transaction", address);
    sw_error_hint(err, "send it some of the chain's coin, or let somebody else send the signed "
                       "call (--relay-out FILE, `app relay FILE`)");
    return status;
}

/* Clients agree on code 3 with the reason's bytes for a revert, and on little else but words. */
static sw_status explain(const sending *s, sw_status status, const sw_rpc_refusal *f,
                         sw_error *err) {
    if (!f->refused) return status;
    if (f->code == 3 || f->reverts.size > 0 || strstr(f->text, "revert") != NULL)
        return reverted(sw_buffer_bytes(&f->reverts), err);
    if (strstr(f->text, "nsufficient funds") != NULL) return no_gas(s, err);
    if (strstr(f->text, "nonce too low") != NULL || strstr(f->text, "underpriced") != NULL) {
        status = sw_fail(err, SW_REFUSED, "dropped",
                         "another transaction of this account came before: %s", f->text);
        sw_error_hint(err, "wait until it is mined, then try again");
    }
    return status;
}

/* ---- what it will cost ---- */

static sw_json *add_call(sw_arena *a, sw_json *params, const sending *s) {
    sw_json *call = sw_json_add_object(a, params, NULL);
    sw_rpc_add_bytes(a, call, "from", SW_BYTES_OF(s->from.b));
    if (s->o->to != NULL) sw_rpc_add_bytes(a, call, "to", SW_BYTES_OF(s->o->to->b));
    sw_rpc_add_bytes(a, call, "data", s->o->data);
    return call;
}

/* A number that one question without or with an account gives. */
static sw_status ask_number(const sending *s, const char *method, bool account, const char *block,
                            sw_word *out, sw_error *err) {
    SW_SCOPED(sw_arena) a = {0};
    const sw_json *result = NULL;
    sw_json *params = sw_json_make(&a, SW_JSON_ARRAY);
    if (account) sw_rpc_add_bytes(&a, params, NULL, SW_BYTES_OF(s->from.b));
    if (block != NULL) sw_json_add_text(&a, params, NULL, sw_text(block));
    SW_TRY(sw_rpc_ask(s->r, &a, method, params, &result, NULL, err));
    return sw_rpc_word(result, method, out, err);
}

static uint64_t low64(const sw_word *w) {
    uint64_t v = 0;
    for (size_t i = sizeof w->b - 8; i < sizeof w->b; i++) v = v << 8 | w->b[i];
    return v;
}

static bool above64(const sw_word *w) {
    uint8_t any = 0;
    for (size_t i = 0; i < sizeof w->b - 8; i++) any |= w->b[i];
    return any != 0;
}

static sw_status ask_u64(const sending *s, const char *method, bool account, const char *block,
                         uint64_t *out, sw_error *err) {
    sw_word word;
    SW_TRY(ask_number(s, method, account, block, &word, err));
    if (above64(&word))
        return sw_fail(err, SW_LIMIT, "limit", "the node's answer to %s has more than 64 bits",
                       method);
    *out = low64(&word);
    return SW_OK;
}

static sw_status estimate(sending *s, sw_error *err) {
    SW_SCOPED(sw_arena) a = {0};
    SW_SCOPED(sw_rpc_refusal) refusal = {0};
    const sw_json *result = NULL;
    uint64_t gas;
    sw_json *params = sw_json_make(&a, SW_JSON_ARRAY);
    (void)add_call(&a, params, s);
    sw_status status = sw_rpc_ask(s->r, &a, "eth_estimateGas", params, &result, &refusal, err);
    if (status != SW_OK) return explain(s, status, &refusal, err);
    SW_TRY(sw_rpc_u64(result, "eth_estimateGas", &gas, err));
    if (gas < GAS_LEAST)
        return sw_fail(err, SW_MALFORMED, "format",
                       "the node asks for %" PRIu64 " gas, and no transaction takes less than %d",
                       gas, GAS_LEAST);
    if (gas > SW_RPC_GAS_LIMIT)
        return sw_fail(err, SW_REFUSED, "gas",
                       "the node asks for %" PRIu64 " gas; the limit is %" PRIu64, gas,
                       SW_RPC_GAS_LIMIT);
    gas += gas / 4; /* others may come between and make storage cold again */
    s->t.gas = gas > SW_RPC_GAS_LIMIT ? SW_RPC_GAS_LIMIT : gas;
    return SW_OK;
}

/* The next block's base fee; nodes without fee history say a price. */
static sw_status ask_base_fee(sending *s, uint64_t *out, sw_error *err) {
    SW_SCOPED(sw_arena) a = {0};
    SW_SCOPED(sw_rpc_refusal) refusal = {0};
    const sw_json *result = NULL, *fees;
    sw_json *params = sw_json_make(&a, SW_JSON_ARRAY);
    sw_rpc_add_u64(&a, params, NULL, 1);
    sw_json_add_text(&a, params, NULL, SW_LITERAL("latest"));
    (void)sw_json_add_array(&a, params, NULL);
    sw_status status = sw_rpc_ask(s->r, &a, "eth_feeHistory", params, &result, &refusal, err);
    if (refusal.refused) return ask_u64(s, "eth_gasPrice", false, NULL, out, err);
    SW_TRY(status);
    SW_TRY(sw_json_array(result, "eth_feeHistory", "baseFeePerGas", 8, &fees, err));
    if (fees->count == 0)
        return sw_fail(err, SW_MALFORMED, "format", "eth_feeHistory.baseFeePerGas is empty");
    return sw_rpc_u64(fees->last, "eth_feeHistory.baseFeePerGas", out, err);
}

static sw_status price(sending *s, sw_error *err) {
    uint64_t base, tip, bound = s->o->max_cost_gwei;
    if (bound == 0) bound = SW_RPC_MAX_COST_GWEI;
    if (bound > SW_RPC_COST_LIMIT_GWEI) bound = SW_RPC_COST_LIMIT_GWEI;
    SW_TRY(ask_base_fee(s, &base, err));
    sw_status status = ask_u64(s, "eth_maxPriorityFeePerGas", false, NULL, &tip, err);
    if (status == SW_UNAVAILABLE) tip = TIP_DEFAULT;
    if (status != SW_UNAVAILABLE) SW_TRY(status);
    unsigned __int128 fee = (unsigned __int128)base * 2 + tip, limit = bound;
    limit = limit * GWEI / s->t.gas;
    if (fee > limit) {
        status = sw_fail(err, SW_REFUSED, "gas",
                         "the node asks for a fee of %" PRIu64 " gwei a gas and %" PRIu64
                         " gas: more than %" PRIu64 " gwei in all",
                         (uint64_t)(fee / GWEI), s->t.gas, bound);
        sw_error_hint(err, "if that is the price today, raise --max-cost-gwei");
        return status;
    }
    s->t.max_fee = (uint64_t)fee;
    s->t.max_priority_fee = tip;
    return SW_OK;
}

/* The node's word: it saves a question with a bad end, and decides nothing. */
static sw_status check_balance(sending *s, sw_error *err) {
    sw_word balance;
    SW_TRY(ask_number(s, "eth_getBalance", true, "latest", &balance, err));
    unsigned __int128 most = (unsigned __int128)s->t.gas * s->t.max_fee, have = 0;
    for (size_t i = 16; i < sizeof balance.b; i++) have = have << 8 | balance.b[i];
    for (size_t i = 0; i < 16; i++)
        if (balance.b[i] != 0) return SW_OK;
    return have >= most ? SW_OK : no_gas(s, err);
}

/* ---- sending ---- */

static sw_status submit(sending *s, sw_error *err) {
    SW_SCOPED(sw_arena) a = {0};
    SW_SCOPED(sw_rpc_refusal) refusal = {0};
    SW_SCOPED(sw_buffer) raw = SW_BUFFER((size_t)256 << 10);
    const sw_json *result = NULL;
    sw_hash said;
    SW_TRY(sw_transaction_sign(&s->t, s->o->key, &raw, &s->sent.transaction, err));
    sw_json *params = sw_json_make(&a, SW_JSON_ARRAY);
    sw_rpc_add_bytes(&a, params, NULL, sw_buffer_bytes(&raw));
    sw_status status =
        sw_rpc_ask(s->r, &a, "eth_sendRawTransaction", params, &result, &refusal, err);
    if (status != SW_OK) return explain(s, status, &refusal, err);
    SW_TRY(sw_rpc_bytes(result, "eth_sendRawTransaction", said.b, sizeof said.b, err));
    if (!sw_hash_equal(&said, &s->sent.transaction))
        return sw_fail(err, SW_UNAUTHENTIC, "proof",
                       "the node names another transaction than the one it was sent");
    return SW_OK;
}

/* ---- waiting ---- */

/* Runs the call again where it was mined, for its reason. */
static sw_status tell_revert(sending *s, const sw_head *at, sw_error *err) {
    SW_SCOPED(sw_arena) a = {0};
    SW_SCOPED(sw_rpc_refusal) refusal = {0};
    const sw_json *result = NULL;
    sw_json *params = sw_json_make(&a, SW_JSON_ARRAY);
    (void)add_call(&a, params, s);
    sw_rpc_add_u64(&a, params, NULL, at->index - (at->index > 0 ? 1 : 0));
    if (sw_rpc_ask(s->r, &a, "eth_call", params, &result, &refusal, NULL) == SW_OK)
        return sw_fail(err, SW_REFUSED, "reverted",
                       "the contract refused; another call came before it");
    return reverted(sw_buffer_bytes(&refusal.reverts), err);
}

/* *found: the node says that it was mined, in s->sent.block. */
static sw_status look(sending *s, bool *found, sw_error *err) {
    SW_SCOPED(sw_arena) a = {0};
    const sw_json *receipt = NULL;
    uint64_t good;
    sw_hash named;
    sw_head at;
    sw_json *params = sw_json_make(&a, SW_JSON_ARRAY);
    sw_rpc_add_bytes(&a, params, NULL, SW_BYTES_OF(s->sent.transaction.b));
    *found = false;
    SW_TRY(sw_rpc_ask(s->r, &a, "eth_getTransactionReceipt", params, &receipt, NULL, err));
    if (receipt->type == SW_JSON_NULL) return SW_OK;
    const sw_json *where = sw_json_member(receipt, "blockHash");
    if (receipt->type == SW_JSON_OBJECT && sw_rpc_absent(where)) return SW_OK; /* pending */
    SW_TRY(sw_rpc_bytes(sw_json_member(receipt, "transactionHash"), "receipt.transactionHash",
                        named.b, sizeof named.b, err));
    SW_TRY(sw_rpc_bytes(where, "receipt.blockHash", at.hash.b, sizeof at.hash.b, err));
    SW_TRY(
        sw_rpc_u64(sw_json_member(receipt, "blockNumber"), "receipt.blockNumber", &at.index, err));
    SW_TRY(sw_rpc_u64(sw_json_member(receipt, "status"), "receipt.status", &good, err));
    if (!sw_hash_equal(&named, &s->sent.transaction) || good > 1)
        return sw_fail(err, SW_MALFORMED, "format", "the receipt is of another transaction");
    if (good == 0) return tell_revert(s, &at, err);
    s->sent.block = at;
    *found = true;
    return SW_OK;
}

/* Final when the finalised chain reaches its block and has that block there. */
static sw_status look_final(sending *s, bool *final, sw_error *err) {
    sw_head head;
    sw_block block;
    *final = false;
    SW_TRY(sw_rpc_final(s->r, &head, NULL, err));
    if (head.index < s->sent.block.index) return SW_OK;
    SW_TRY(sw_rpc_block_at(s->r, s->sent.block.index, &block, err));
    *final = sw_hash_equal(&block.hash, &s->sent.block.hash);
    return SW_OK;
}

/* Not mined: has another transaction taken its number? Nodes show a receipt a little later than the
 * state behind it, so this is believed when it is seen again and again. */
static sw_status look_replaced(sending *s, sw_error *err) {
    uint64_t next;
    SW_TRY(ask_u64(s, "eth_getTransactionCount", true, "latest", &next, err));
    s->overdue = next > s->t.nonce ? s->overdue + 1 : 0;
    if (s->overdue < OVERDUE_COUNT) return SW_OK;
    sw_status status = sw_fail(err, SW_REFUSED, "dropped",
                               "the transaction was replaced by another one of this account");
    sw_error_hint(err, "`sealwright app show` says what stands; then try again");
    return status;
}

static sw_status step(sending *s, bool *done, sw_error *err) {
    bool found;
    SW_TRY(look(s, &found, err));
    if (found && !s->mined)
        say(s, "mined in block %" PRIu64 "; waiting until it is final", s->sent.block.index);
    if (!found && s->mined) say(s, "the chain was reorganised; waiting again");
    s->mined = found;
    if (!found) return look_replaced(s, err);
    s->overdue = 0;
    return look_final(s, done, err);
}

/* At the end of the time: is it mined, does the node still hold it? */
static sw_status tell_late(sending *s, sw_error *err) {
    SW_SCOPED(sw_arena) a = {0};
    const sw_json *known = NULL;
    sw_json *params = sw_json_make(&a, SW_JSON_ARRAY);
    sw_rpc_add_bytes(&a, params, NULL, SW_BYTES_OF(s->sent.transaction.b));
    sw_status status = SW_OK;
    if (s->mined)
        status = sw_fail(err, SW_UNAVAILABLE, "waiting",
                         "the transaction is in block %" PRIu64 ", which is not final in time",
                         s->sent.block.index);
    if (s->mined) sw_error_hint(err, "it counts when it is final: `sealwright app show`");
    if (status != SW_OK) return status;
    if (sw_rpc_ask(s->r, &a, "eth_getTransactionByHash", params, &known, NULL, NULL) == SW_OK &&
        known->type == SW_JSON_NULL)
        return sw_fail(err, SW_REFUSED, "dropped", "the node has dropped the transaction");
    status = sw_fail(err, SW_UNAVAILABLE, "waiting", "the transaction is not mined in time");
    sw_error_hint(err, "it may be mined yet: `sealwright app show` says what stands");
    return status;
}

static void nap(int64_t ms) {
    const struct timespec t = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};
    (void)nanosleep(&t, NULL);
}

/* A node that is away for a moment is asked again until the time is over. */
static sw_status wait_final(sending *s, sw_error *err) {
    const sw_clock *clock = s->o->clock;
    int64_t end = clock->steady_ms(clock->context) + s->o->wait_ms, pause = POLL_FIRST_MS;
    for (;;) {
        bool done = false;
        sw_status status = step(s, &done, err);
        if (status == SW_OK && done) return SW_OK;
        if (status != SW_OK && status != SW_UNAVAILABLE && status != SW_MISSING) return status;
        int64_t left = end - clock->steady_ms(clock->context);
        if (left <= 0) return status == SW_OK ? tell_late(s, err) : status;
        nap(pause < left ? pause : left);
        pause = pause * 2 > POLL_LAST_MS ? POLL_LAST_MS : pause * 2;
    }
}

sw_status sw_rpc_send(sw_rpc *r, const sw_rpc_order *o, sw_rpc_sent *out, sw_error *err) {
    sending s = {.r = r, .o = o};
    sw_secp256k1_public public;
    char text[2 * SW_HASH_BYTES + 1];
    SW_TRY(sw_rpc_check_chain(r, o->chain, err));
    SW_TRY(sw_chain_key_public(o->key, &public, err));
    SW_TRY(sw_secp256k1_address(&public, s.from.b, err));
    s.t = (sw_transaction){.chain = o->chain, .to = o->to, .data = o->data};
    SW_TRY(ask_u64(&s, "eth_getTransactionCount", true, "pending", &s.t.nonce, err));
    SW_TRY(estimate(&s, err));
    SW_TRY(price(&s, err));
    SW_TRY(check_balance(&s, err));
    SW_TRY(submit(&s, err));
    sw_hex_text(text, SW_BYTES_OF(s.sent.transaction.b));
    say(&s, "sent transaction 0x%s", text);
    SW_TRY(wait_final(&s, err));
    if (o->to == NULL) sw_contract_address(&s.sent.contract, &s.from, s.t.nonce);
    say(&s, "final in block %" PRIu64, s.sent.block.index);
    *out = s.sent;
    return SW_OK;
}
