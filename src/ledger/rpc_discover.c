/* SPDX-License-Identifier: Apache-2.0
 *
 * What the contract's events speak of: hints for what to ask proofs about. docs/formats/chain.md,
 * CHN-218 and CHN-219.
 *
 * Newest blocks first, in bounded ranges: a node that refuses a range is asked for a quarter of it.
 * The walk ends where the contract was not there yet, at the first block, when the lists are full,
 * or after a fixed number of questions. A node that invents or withholds events changes what is
 * asked about, never what is proven.
 */
#include "ledger/rpc_internal.h"

#include <string.h>

enum { RANGE_FIRST = 1 << 20, RANGE_LEAST = 256, QUESTION_COUNT = 200, LOG_LIMIT = 100000 };
enum { EVENT_COUNT = 4, OPENED = 1 };
static const char *const events[EVENT_COUNT] = {
    "Approved(bytes32,uint8,uint64,uint64,uint64)", "Opened(bytes32,bytes32,bytes32,uint8,uint64)",
    "Revoked(bytes32,bool,uint8,uint64)", "Lifted(bytes32,bool,uint8,uint64)"};

typedef struct finding {
    sw_rpc *r;
    const sw_genesis *g;
    sw_hash topics[EVENT_COUNT];
    sw_hash *composes;
    sw_chain_opening *openings;
    size_t compose_count, opening_count;
    bool more, full;
} finding;

static bool has_room(const finding *f, size_t wanted) {
    return f->compose_count + f->opening_count + wanted <= SW_RPC_FOUND_COUNT;
}

static bool has_compose(const finding *f, const sw_hash *compose) {
    for (size_t i = 0; i < f->compose_count; i++)
        if (sw_hash_equal(&f->composes[i], compose)) return true;
    return false;
}

static void add_compose(finding *f, const sw_hash *compose) {
    if (sw_hash_zero(compose) || has_compose(f, compose)) return; /* zero: everything */
    if (has_room(f, 1))
        f->composes[f->compose_count++] = *compose;
    else
        f->full = true;
}

/* An event names the recipient by the hash of the key: only owners' keys are known here. */
static void add_opening(finding *f, const sw_hash *compose, const sw_hash *manifest,
                        const sw_hash *recipient) {
    sw_chain_opening o = {.compose = *compose, .manifest = *manifest};
    bool known = false;
    for (size_t i = 0; i < f->g->owner_count && !known; i++) {
        sw_hash id;
        sw_key_id(&id, &f->g->owners[i].encryption_key);
        known = sw_hash_equal(&id, recipient);
        if (known) o.recipient = f->g->owners[i].encryption_key;
    }
    if (!known) f->more = true;
    for (size_t i = 0; i < f->opening_count && known; i++)
        known = !(sw_hash_equal(&f->openings[i].compose, compose) &&
                  sw_hash_equal(&f->openings[i].manifest, manifest) &&
                  sw_p256_equal(&f->openings[i].recipient, &o.recipient));
    if (!known) return;
    if (has_room(f, has_compose(f, compose) ? 1 : 2)) {
        add_compose(f, compose);
        f->openings[f->opening_count++] = o;
    } else {
        f->full = true;
    }
}

static sw_status read_log(finding *f, const sw_json *log, sw_error *err) {
    sw_address address;
    sw_hash topics[3] = {0}, recipient = {0};
    size_t count = 0;
    const sw_json *list;
    SW_SCOPED(sw_buffer) data = SW_BUFFER(1024);
    SW_TRY(sw_rpc_bytes(sw_json_member(log, "address"), "log.address", address.b, sizeof address.b,
                        err));
    SW_TRY(sw_json_array(log, "log", "topics", 4, &list, err));
    for (const sw_json *t = list->first; t != NULL && count < 3; t = t->next, count++)
        SW_TRY(sw_rpc_bytes(t, "log.topics[]", topics[count].b, SW_HASH_BYTES, err));
    SW_TRY(sw_rpc_data(sw_json_member(log, "data"), "log.data", 1024, &data, err));
    if (memcmp(address.b, f->g->chain.contract.b, sizeof address.b) != 0)
        return sw_fail(err, SW_MALFORMED, "format", "log.address is another contract's");
    if (count < 2) return sw_fail(err, SW_MALFORMED, "format", "log.topics are too few");
    if (!sw_hash_equal(&topics[0], &f->topics[OPENED])) {
        add_compose(f, &topics[1]);
        return SW_OK;
    }
    if (count < 3 || data.size < sizeof recipient.b)
        return sw_fail(err, SW_MALFORMED, "format", "log.data or log.topics are too short");
    memcpy(recipient.b, data.data, sizeof recipient.b);
    add_opening(f, &topics[1], &topics[2], &recipient);
    return SW_OK;
}

/* A node lists logs in the chain's order: read backward, the newest come first. */
static sw_status read_logs(finding *f, sw_arena *a, const sw_json *list, sw_error *err) {
    size_t i = 0;
    if (list->type != SW_JSON_ARRAY)
        return sw_fail(err, SW_MALFORMED, "format", "the logs are not an array");
    if (list->count > LOG_LIMIT)
        return sw_fail(err, SW_LIMIT, "limit", "the node lists more than %d logs", LOG_LIMIT);
    const sw_json **logs = SW_ARENA_NEW(a, const sw_json *, list->count + 1);
    if (logs == NULL) return sw_fail(err, SW_MEMORY, "memory", "no memory for logs");
    for (const sw_json *log = list->first; log != NULL; log = log->next) logs[i++] = log;
    while (i > 0 && !f->full) SW_TRY(read_log(f, logs[--i], err));
    return SW_OK;
}

static sw_status ask_range(finding *f, uint64_t from, uint64_t to, sw_rpc_refusal *refusal,
                           sw_error *err) {
    SW_SCOPED(sw_arena) a = {0};
    const sw_json *result = NULL;
    sw_json *params = sw_json_make(&a, SW_JSON_ARRAY);
    sw_json *filter = sw_json_add_object(&a, params, NULL);
    sw_rpc_add_bytes(&a, filter, "address", SW_BYTES_OF(f->g->chain.contract.b));
    sw_rpc_add_u64(&a, filter, "fromBlock", from);
    sw_rpc_add_u64(&a, filter, "toBlock", to);
    sw_json *any = sw_json_add_array(&a, sw_json_add_array(&a, filter, "topics"), NULL);
    for (size_t i = 0; i < EVENT_COUNT; i++)
        sw_rpc_add_bytes(&a, any, NULL, SW_BYTES_OF(f->topics[i].b));
    SW_TRY(sw_rpc_ask(f->r, &a, "eth_getLogs", params, &result, refusal, err));
    return read_logs(f, &a, result, err);
}

/* No code at this block: nothing of the contract's lies before it. Silence says nothing. */
static bool is_before(finding *f, uint64_t number) {
    SW_SCOPED(sw_arena) a = {0};
    const sw_json *code = NULL;
    sw_json *params = sw_json_make(&a, SW_JSON_ARRAY);
    sw_rpc_add_bytes(&a, params, NULL, SW_BYTES_OF(f->g->chain.contract.b));
    sw_rpc_add_u64(&a, params, NULL, number);
    return sw_rpc_ask(f->r, &a, "eth_getCode", params, &code, NULL, NULL) == SW_OK &&
           code->type == SW_JSON_STRING && sw_bytes_is(code->text, "0x");
}

static sw_status walk(finding *f, uint64_t to, sw_error *err) {
    uint64_t range = RANGE_FIRST;
    for (int asked = 0; asked < QUESTION_COUNT; asked++) {
        SW_SCOPED(sw_rpc_refusal) refusal = {0};
        uint64_t from = to >= range ? to - range + 1 : 0;
        sw_status status = ask_range(f, from, to, &refusal, err);
        bool smaller = refusal.refused || status == SW_LIMIT;
        if (smaller && range > RANGE_LEAST) {
            range /= 4;
            continue;
        }
        SW_TRY(status);
        if (f->full || from == 0 || is_before(f, from - 1)) return SW_OK;
        to = from - 1;
    }
    f->more = true;
    return SW_OK;
}

sw_status sw_rpc_discover(sw_rpc *r, const sw_genesis *g, const sw_head *at, sw_arena *arena,
                          sw_chain_ask *out, bool *more, sw_error *err) {
    finding f = {.r = r, .g = g};
    f.composes = SW_ARENA_NEW(arena, sw_hash, SW_RPC_FOUND_COUNT);
    f.openings = SW_ARENA_NEW(arena, sw_chain_opening, SW_RPC_FOUND_COUNT);
    if (f.composes == NULL || f.openings == NULL)
        return sw_fail(err, SW_MEMORY, "memory", "no memory for what was found");
    for (size_t i = 0; i < EVENT_COUNT; i++) sw_keccak256(&f.topics[i], sw_text(events[i]));
    SW_TRY(walk(&f, at->index, err));
    *out = (sw_chain_ask){f.composes, f.compose_count, f.openings, f.opening_count};
    *more = f.more || f.full;
    return SW_OK;
}
