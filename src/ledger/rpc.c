/* SPDX-License-Identifier: Apache-2.0
 *
 * JSON-RPC 2.0: one question, one answer. docs/formats/chain.md, CHN-200 to CHN-204.
 *
 * An answer is whole, of this question's id, and holds a result or an error and nothing else. What
 * a node says in words reaches a person escaped and cut.
 */
#include "codec/text.h"
#include "http/fetch.h"
#include "ledger/rpc_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ANSWER_DEPTH = 8, ANSWER_NODES = 200000, REVERT_LIMIT = 1024 };
#define QUESTION_LIMIT ((size_t)256 << 10)

struct sw_rpc {
    sw_rpc_carrier carrier;
    uint64_t last_id;
    int64_t timeout_ms;
    char *url, *ca_file, *proxy; /* owned */
};

/* ---- over HTTP ---- */

static sw_status carry_http(void *context, sw_bytes question, sw_buffer *answer, sw_error *err) {
    const sw_rpc *r = context;
    sw_fetch_reply reply = {0};
    const sw_fetch_request q = {.url = r->url,
                                .loopback = true,
                                .hide_path = true, /* of many providers it is the customer's key */
                                .ca_file = r->ca_file,
                                .proxy = r->proxy,
                                .content_type = "application/json",
                                .body = question,
                                .body_limit = SW_RPC_ANSWER_LIMIT,
                                .timeout_ms = r->timeout_ms};
    SW_TRY(sw_http_fetch(&q, &reply, err));
    sw_status status = SW_OK;
    if (reply.status != 200)
        status = sw_fail(err, SW_UNAVAILABLE, "unavailable", "the node answers with HTTP status %d",
                         reply.status);
    else
        sw_put_bytes(answer, sw_buffer_bytes(&reply.body));
    sw_fetch_reply_free(&reply);
    return status;
}

static bool keep(char **out, const char *text) {
    if (text != NULL) *out = strdup(text);
    return text == NULL || *out != NULL;
}

sw_status sw_rpc_open(const sw_rpc_options *o, sw_rpc **out, sw_error *err) {
    SW_TRY(sw_fetch_check_url(o->url, true, err));
    sw_rpc *r = calloc(1, sizeof *r);
    if (r == NULL) return sw_fail(err, SW_MEMORY, "memory", "no memory for a node");
    r->carrier = (sw_rpc_carrier){carry_http, r};
    r->timeout_ms = o->timeout_ms > 0 ? o->timeout_ms : SW_RPC_TIMEOUT_MS;
    if (!keep(&r->url, o->url) || !keep(&r->ca_file, o->ca_file) || !keep(&r->proxy, o->proxy)) {
        sw_rpc_close(&r);
        return sw_fail(err, SW_MEMORY, "memory", "no memory for a node");
    }
    *out = r;
    return SW_OK;
}

sw_status sw_rpc_open_over(const sw_rpc_carrier *carrier, sw_rpc **out, sw_error *err) {
    sw_rpc *r = calloc(1, sizeof *r);
    if (r == NULL) return sw_fail(err, SW_MEMORY, "memory", "no memory for a node");
    r->carrier = *carrier;
    *out = r;
    return SW_OK;
}

void sw_rpc_close(sw_rpc **r) {
    if (*r == NULL) return;
    free((*r)->url);
    free((*r)->ca_file);
    free((*r)->proxy);
    free(*r);
    *r = NULL;
}

/* ---- question and answer ---- */

void sw_rpc_refusal_free(sw_rpc_refusal *f) {
    sw_buffer_free(&f->reverts);
}

static sw_status put_question(sw_arena *a, uint64_t id, const char *method, sw_json *params,
                              sw_buffer *out, sw_error *err) {
    sw_json *root = sw_json_make(a, SW_JSON_OBJECT);
    sw_json_add_text(a, root, "jsonrpc", SW_LITERAL("2.0"));
    sw_json_add_integer(a, root, "id", (int64_t)id);
    sw_json_add_text(a, root, "method", sw_text(method));
    (void)sw_json_add(root, "params", params);
    sw_json_encode(out, root);
    return sw_buffer_check(out, "a question to the node", err);
}

/* Printable ASCII, anything else as a question mark, cut. */
static void escape(char *out, size_t room, sw_bytes text) {
    size_t i = 0;
    for (; i < text.size && i + 1 < room; i++)
        out[i] = text.data[i] >= ' ' && text.data[i] <= '~' ? (char)text.data[i] : '?';
    out[i] = 0;
}

/* A node's own words. */
static sw_status tell_refusal(const char *method, const sw_json *error, sw_rpc_refusal *out,
                              sw_error *err) {
    static const char *const names[] = {"code", "?data", "message", NULL};
    sw_rpc_refusal told = {.refused = true, .reverts = SW_BUFFER(REVERT_LIMIT)};
    sw_bytes text = {0};
    SW_TRY(sw_json_expect(error, "error", names, err));
    const sw_json *code = sw_json_member(error, "code"), *data = sw_json_member(error, "data");
    SW_TRY(sw_json_text(error, "error", "message", &text, err));
    if (code->type != SW_JSON_NUMBER || !code->integral)
        return sw_fail(err, SW_MALFORMED, "format", "error.code is not an integer");
    told.code = code->integer;
    escape(told.text, sizeof told.text, text);
    if (out != NULL && data != NULL && data->type == SW_JSON_STRING)
        if (sw_rpc_data(data, "error.data", REVERT_LIMIT, &told.reverts, NULL) != SW_OK)
            sw_buffer_reset(&told.reverts);
    if (out != NULL) *out = told;
    return sw_fail(err, SW_UNAVAILABLE, "unavailable", "the node refuses %s: %s (code %lld)",
                   method, told.text, (long long)told.code);
}

static sw_status read_answer(sw_arena *a, uint64_t id, const char *method, sw_bytes answer,
                             const sw_json **result, sw_rpc_refusal *refusal, sw_error *err) {
    static const char *const names[] = {"?error", "id", "jsonrpc", "?result", NULL};
    const sw_json_limits limits = {
        .bytes = SW_RPC_ANSWER_LIMIT, .depth = ANSWER_DEPTH, .nodes = ANSWER_NODES};
    sw_json *root;
    sw_bytes version = {0};
    uint64_t same;
    SW_TRY(sw_json_parse(a, answer, &limits, &root, err));
    SW_TRY(sw_json_expect(root, "answer", names, err));
    SW_TRY(sw_json_text(root, "answer", "jsonrpc", &version, err));
    if (!sw_bytes_is(version, "2.0"))
        return sw_fail(err, SW_MALFORMED, "format", "answer.jsonrpc is not 2.0");
    SW_TRY(sw_json_u64(root, "answer", "id", UINT64_C(1) << 53, &same, err));
    if (same != id)
        return sw_fail(err, SW_MALFORMED, "format", "the answer is to question %llu, not %llu",
                       (unsigned long long)same, (unsigned long long)id);
    const sw_json *error = sw_json_member(root, "error"), *got = sw_json_member(root, "result");
    if ((error == NULL) == (got == NULL))
        return sw_fail(err, SW_MALFORMED, "format",
                       "the answer has not exactly one of result and error");
    if (error != NULL) return tell_refusal(method, error, refusal, err);
    *result = got;
    return SW_OK;
}

sw_status sw_rpc_ask(sw_rpc *r, sw_arena *a, const char *method, sw_json *params,
                     const sw_json **result, sw_rpc_refusal *refusal, sw_error *err) {
    SW_SCOPED(sw_buffer) question = SW_BUFFER(QUESTION_LIMIT);
    SW_SCOPED(sw_buffer) answer = SW_BUFFER(SW_RPC_ANSWER_LIMIT);
    uint64_t id = ++r->last_id;
    SW_TRY(put_question(a, id, method, params, &question, err));
    SW_TRY(r->carrier.carry(r->carrier.context, sw_buffer_bytes(&question), &answer, err));
    SW_TRY(sw_buffer_check(&answer, "the node's answer", err));
    sw_bytes kept = sw_arena_copy(a, sw_buffer_bytes(&answer));
    if (kept.size != answer.size)
        return sw_fail(err, SW_MEMORY, "memory", "no memory for a node's answer");
    sw_status status = read_answer(a, id, method, kept, result, refusal, err);
    if (status == SW_MALFORMED || status == SW_LIMIT)
        sw_error_prefix(err, "the node's answer to %s", method);
    return status;
}

/* ---- values ---- */

bool sw_rpc_absent(const sw_json *v) {
    return v == NULL || v->type == SW_JSON_NULL;
}

/* The digits behind 0x. */
static sw_status digits_of(const sw_json *v, const char *where, sw_bytes *out, sw_error *err) {
    if (v == NULL || v->type != SW_JSON_STRING || v->text.size < 2 || v->text.data[0] != '0' ||
        v->text.data[1] != 'x')
        return sw_fail(err, SW_MALFORMED, "format", "%s is not 0x and hex digits", where);
    *out = SW_BYTES(v->text.data + 2, v->text.size - 2);
    return SW_OK;
}

sw_status sw_rpc_word(const sw_json *v, const char *where, sw_word *out, sw_error *err) {
    char padded[2 * sizeof out->b];
    sw_bytes digits = {0};
    sw_word word;
    SW_TRY(digits_of(v, where, &digits, err));
    if (digits.size == 0 || digits.size > sizeof padded ||
        (digits.data[0] == '0' && digits.size > 1))
        return sw_fail(err, SW_MALFORMED, "format",
                       "%s is not a number of at most 256 bits without leading zeros", where);
    memset(padded, '0', sizeof padded);
    memcpy(padded + sizeof padded - digits.size, digits.data, digits.size);
    if (sw_hex_decode(word.b, sizeof word.b, SW_BYTES_OF(padded), false, NULL) != SW_OK)
        return sw_fail(err, SW_MALFORMED, "format", "%s is not 0x and lower-case hex digits",
                       where);
    *out = word;
    return SW_OK;
}

sw_status sw_rpc_u64(const sw_json *v, const char *where, uint64_t *out, sw_error *err) {
    sw_word word;
    uint64_t low = 0;
    SW_TRY(sw_rpc_word(v, where, &word, err));
    for (size_t i = 0; i < sizeof word.b; i++) {
        if (i < sizeof word.b - 8 && word.b[i] != 0)
            return sw_fail(err, SW_LIMIT, "limit", "%s has more than 64 bits", where);
        low = low << 8 | word.b[i];
    }
    *out = low;
    return SW_OK;
}

sw_status sw_rpc_bytes(const sw_json *v, const char *where, void *out, size_t size, sw_error *err) {
    sw_bytes digits = {0};
    SW_TRY(digits_of(v, where, &digits, err));
    if (sw_hex_decode(out, size, digits, true, NULL) == SW_OK) return SW_OK;
    return sw_fail(err, SW_MALFORMED, "format", "%s is not 0x and %zu hex digits", where, 2 * size);
}

sw_status sw_rpc_data(const sw_json *v, const char *where, size_t limit, sw_buffer *out,
                      sw_error *err) {
    sw_bytes digits = {0};
    SW_TRY(digits_of(v, where, &digits, err));
    if (digits.size > 2 * limit)
        return sw_fail(err, SW_LIMIT, "limit", "%s has more than %zu bytes", where, limit);
    if (sw_hex_append(out, digits, false, NULL) != SW_OK)
        return sw_fail(err, SW_MALFORMED, "format", "%s is not 0x and pairs of hex digits", where);
    return sw_buffer_check(out, where, err);
}

void sw_rpc_add_u64(sw_arena *a, sw_json *parent, const char *key, uint64_t v) {
    char text[2 + 16 + 1];
    (void)snprintf(text, sizeof text, "0x%llx", (unsigned long long)v);
    sw_json_add_text(a, parent, key, sw_text(text));
}

void sw_rpc_add_bytes(sw_arena *a, sw_json *parent, const char *key, sw_bytes v) {
    SW_SCOPED(sw_buffer) text = SW_BUFFER(QUESTION_LIMIT);
    sw_put_text(&text, "0x");
    sw_hex_encode(&text, v);
    if (text.failed && parent != NULL) parent->broken = true;
    sw_json_add_text(a, parent, key, sw_buffer_bytes(&text));
}

/* ---- which chain ---- */

sw_status sw_rpc_chain(sw_rpc *r, uint64_t *chain, sw_error *err) {
    SW_SCOPED(sw_arena) a = {0};
    const sw_json *result = NULL;
    SW_TRY(sw_rpc_ask(r, &a, "eth_chainId", sw_json_make(&a, SW_JSON_ARRAY), &result, NULL, err));
    return sw_rpc_u64(result, "the chain id", chain, err);
}

sw_status sw_rpc_check_chain(sw_rpc *r, uint64_t chain, sw_error *err) {
    uint64_t here;
    SW_TRY(sw_rpc_chain(r, &here, err));
    if (here == chain) return SW_OK;
    sw_status status =
        sw_fail(err, SW_REFUSED, "chain", "the node is on chain %llu and the app on chain %llu",
                (unsigned long long)here, (unsigned long long)chain);
    sw_error_hint(err, "give --rpc a node of chain %llu", (unsigned long long)chain);
    return status;
}
