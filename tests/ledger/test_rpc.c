/* SPDX-License-Identifier: Apache-2.0
 *
 * A node that lies: every member of every answer is altered in turn, and what the client then says
 * is either a refusal with a sentence or, bit for bit, what the honest answers gave. Answers that
 * decide nothing are listed by cause. docs/formats/chain.md, CHN-051, CHN-200 on.
 */
#include "ledger/rpc_internal.h"
#include "ledger/toy.h"

/* ---- recorded conversations ---- */

enum { EXCHANGE_LIMIT = 32 };
typedef struct exchange {
    char *question, *answer;
} exchange;
typedef struct tape {
    toy *node; /* while recording */
    exchange list[EXCHANGE_LIMIT];
    size_t count, at;
    size_t altered; /* SIZE_MAX: none */
    sw_bytes lie;   /* the answer instead */
} tape;

static char *text_of(sw_bytes b) {
    char *text = malloc(b.size + 1);
    assert_non_null(text);
    memcpy(text, b.data, b.size);
    text[b.size] = 0;
    return text;
}

static sw_status record(void *context, sw_bytes question, sw_buffer *answer, sw_error *err) {
    tape *t = context;
    SW_TRY(toy_carry(t->node, question, answer, err));
    assert_true(t->count < EXCHANGE_LIMIT);
    t->list[t->count++] = (exchange){text_of(question), text_of(sw_buffer_bytes(answer))};
    return SW_OK;
}

/* The recorded answer to this question, or the lie. What was never asked is not answered. */
static sw_status replay(void *context, sw_bytes question, sw_buffer *answer, sw_error *err) {
    tape *t = context;
    if (t->at >= t->count || !sw_bytes_is(question, t->list[t->at].question))
        return sw_fail(err, SW_UNAVAILABLE, "unavailable", "nobody answers");
    sw_put_bytes(answer, t->at == t->altered ? t->lie : sw_text(t->list[t->at].answer));
    t->at++;
    return SW_OK;
}

static void tape_free(tape *t) {
    for (size_t i = 0; i < t->count; i++) {
        free(t->list[i].question);
        free(t->list[i].answer);
    }
}

/* ---- what is asked ---- */

typedef struct scene {
    chain_people c;
    sw_head at;
    sw_chain_ask ask;
    sw_hash x;
    sw_chain_opening opening;
    int64_t now_ms; /* of a clock that jumps */
    sw_buffer call;
} scene;
typedef sw_status (*deed)(scene *s, sw_rpc *r, sw_buffer *out, sw_error *err);

static sw_status ask_final(scene *s, sw_rpc *r, sw_buffer *out, sw_error *err) {
    sw_head head;
    (void)s;
    SW_TRY(sw_rpc_final(r, &head, NULL, err));
    sw_put_u64be(out, head.index);
    sw_put_bytes(out, SW_BYTES_OF(head.hash.b));
    return SW_OK;
}

static sw_status ask_header(scene *s, sw_rpc *r, sw_buffer *out, sw_error *err) {
    sw_block block;
    SW_TRY(sw_rpc_header(r, &s->at.hash, out, &block, err));
    sw_put_u64be(out, block.number);
    sw_put_u64be(out, block.time_s);
    return SW_OK;
}

static sw_status ask_chain(scene *s, sw_rpc *r, sw_buffer *out, sw_error *err) {
    (void)out;
    (void)s;
    return sw_rpc_check_chain(r, TOY_CHAIN, err);
}

static sw_status ask_view(scene *s, sw_rpc *r, sw_buffer *out, sw_error *err) {
    sw_ledger *l = NULL;
    SW_TRY(sw_rpc_view(r, &s->c.p.genesis, &s->at, &s->ask, out, &l, err));
    sw_status status = sw_ledger_show(l, true, out, err);
    sw_ledger_close(&l);
    return status;
}

static sw_status ask_app(scene *s, sw_rpc *r, sw_buffer *out, sw_error *err) {
    sw_rpc_app app;
    SW_TRY(sw_rpc_app_at(r, &s->c.p.genesis, &s->at, &s->x, &app, err));
    sw_put_format(out, "%u %u %u %llu %llu", app.head.active, app.head.places, app.head.quorum,
                  (unsigned long long)app.head.round, (unsigned long long)app.compose.round);
    for (size_t i = 0; i < app.head.places; i++) {
        sw_put_bytes(out, SW_BYTES_OF(app.owners[i].account.b));
        sw_put_u64be(out, app.owners[i].sequence);
    }
    return SW_OK;
}

static sw_status ask_what(scene *s, sw_rpc *r, sw_buffer *out, sw_error *err) {
    SW_SCOPED(sw_arena) a = {0};
    sw_chain_ask found;
    bool more;
    SW_TRY(sw_rpc_discover(r, &s->c.p.genesis, &s->at, &a, &found, &more, err));
    for (size_t i = 0; i < found.compose_count; i++)
        sw_put_bytes(out, SW_BYTES_OF(found.composes[i].b));
    for (size_t i = 0; i < found.opening_count; i++) {
        sw_put_bytes(out, SW_BYTES_OF(found.openings[i].manifest.b));
        sw_put_bytes(out, SW_BYTES_OF(found.openings[i].recipient.b));
    }
    sw_put_u8(out, more);
    assert_true(found.compose_count + found.opening_count <= SW_RPC_FOUND_COUNT);
    return SW_OK;
}

static int64_t jump(void *context) {
    return *(int64_t *)context += 1000000;
}

static sw_status send_call(scene *s, sw_rpc *r, sw_buffer *out, sw_error *err) {
    sw_rpc_sent sent;
    const sw_clock clock = {jump, jump, &s->now_ms};
    const sw_rpc_order o = {.chain = TOY_CHAIN,
                            .key = &s->c.stranger,
                            .to = &s->c.p.genesis.chain.contract,
                            .data = sw_buffer_bytes(&s->call),
                            .clock = &clock};
    SW_TRY(sw_rpc_send(r, &o, &sent, err));
    sw_put_bytes(out, SW_BYTES_OF(sent.transaction.b));
    sw_put_u64be(out, sent.block.index);
    sw_put_bytes(out, SW_BYTES_OF(sent.block.hash.b));
    return SW_OK;
}

/* ---- lies ---- */

/* The n-th node in order, and its way from the top: ".result.storageProof[].key". */
static sw_json *find(sw_json *node, size_t *n, sw_json **parent, char *path, size_t room) {
    if ((*n)-- == 0) return node;
    size_t used = strlen(path);
    for (sw_json *child = node->first; child != NULL; child = child->next) {
        if (node->type == SW_JSON_ARRAY)
            (void)snprintf(path + used, room - used, "[]");
        else
            (void)snprintf(path + used, room - used, ".%.*s", (int)child->key.size,
                           (const char *)child->key.data);
        *parent = node;
        sw_json *found = find(child, n, parent, path, room);
        if (found != NULL) return found;
        path[used] = 0;
    }
    return NULL;
}

static void drop(sw_json *parent, const sw_json *node) {
    sw_json **at = &parent->first, *last = NULL;
    for (; *at != node; at = &(*at)->next) last = *at;
    *at = node->next;
    if (parent->last == node) parent->last = last;
    parent->count--;
}

static void set_text(sw_arena *a, sw_json *node, const char *format, sw_bytes text) {
    SW_SCOPED(sw_buffer) made = SW_BUFFER(1 << 20);
    sw_put_format(&made, format, (int)text.size, (const char *)text.data);
    node->text = sw_arena_copy(a, sw_buffer_bytes(&made));
}

enum { LIES = 9 };
/* false: this lie says the same as the truth, or cannot be told here. */
static bool tell_lie(sw_arena *a, sw_json *parent, sw_json *node, int lie) {
    static const sw_json_type types[] = {SW_JSON_NULL, SW_JSON_NUMBER, SW_JSON_STRING,
                                         SW_JSON_ARRAY, SW_JSON_OBJECT};
    if (lie == 0 && parent == NULL) return false;
    if (lie == 0) drop(parent, node);
    if (lie == 1 && node->type == SW_JSON_STRING && node->text.size > 0) {
        uint8_t *copy = (uint8_t *)sw_arena_copy(a, node->text).data;
        uint8_t *digit = &copy[node->text.size - 1];
        *digit = *digit == '1' ? '2' : '1';
        node->text.data = copy;
    } else if (lie == 1 && node->type == SW_JSON_NUMBER) {
        node->integer++;
        node->number += 1;
    } else if (lie == 1 && node->type == SW_JSON_BOOL) {
        node->boolean = !node->boolean;
    } else if (lie == 1) {
        return false;
    }
    if (lie == 2 && node->type != SW_JSON_STRING) return false;
    if (lie == 2)
        set_text(a, node,
                 "%.*s00000000000000000000000000000000000000000000000000000"
                 "00000000000000000000000000000000000000000000000000000000",
                 node->text);
    if (lie == 3 && (node->type != SW_JSON_ARRAY || node->count == 0)) return false;
    if (lie == 3)
        for (int i = 0; i < 200; i++) (void)sw_json_add(node, NULL, sw_json_copy(a, node->first));
    if (lie >= 4) {
        sw_json_type type = types[lie - 4];
        if (node->type == type) return false;
        sw_json *made = sw_json_make(a, type);
        node->type = type;
        node->first = node->last = NULL;
        node->count = 0;
        node->text = SW_LITERAL("x");
        node->integral = type == SW_JSON_NUMBER;
        node->integer = 7;
        node->number = 7;
        node->boolean = made->boolean;
    }
    return true;
}

/* Members that decide nothing, by cause. */
static const char *const silent[] = {
    /* what a block's header does not hold */
    "eth_getBlock.result.transactions", "eth_getBlock.result.uncles", "eth_getBlock.result.size",
    "eth_getBlock.result.withdrawals",
    /* what the account's proof shows */
    "eth_getProof.result.address", "eth_getProof.result.balance", "eth_getProof.result.nonce",
    "eth_getProof.result.codeHash", "eth_getProof.result.storageHash",
    /* what the slot's proof shows; of slot 0 the number of places is taken as a hint */
    "eth_getProof.result.storageProof[].value",
    /* a receipt's members beside transaction, block and status */
    "eth_getTransactionReceipt.result.transactionIndex", "eth_getTransactionReceipt.result.from",
    "eth_getTransactionReceipt.result.to", "eth_getTransactionReceipt.result.contractAddress",
    "eth_getTransactionReceipt.result.type", "eth_getTransactionReceipt.result.cumulativeGasUsed",
    "eth_getTransactionReceipt.result.gasUsed",
    "eth_getTransactionReceipt.result.effectiveGasPrice",
    "eth_getTransactionReceipt.result.logsBloom", "eth_getTransactionReceipt.result.logs",
    /* enough money is enough; a price's other members */
    "eth_getBalance.result", "eth_feeHistory.result.oldestBlock",
    "eth_feeHistory.result.gasUsedRatio", "eth_feeHistory.result.baseFeePerGas"};

enum { SILENT = sizeof silent / sizeof *silent };
static size_t silent_seen[SILENT];

static bool is_silent(const char *method, const char *path) {
    char name[256];
    const char *common = strncmp(method, "eth_getBlock", 12) == 0 ? "eth_getBlock" : method;
    (void)snprintf(name, sizeof name, "%s%s", common, path);
    for (size_t i = 0; i < SILENT; i++)
        if (strncmp(name, silent[i], strlen(silent[i])) == 0) {
            silent_seen[i]++;
            return true;
        }
    return false;
}

static void method_of(const char *question, char out[64]) {
    const char *at = strstr(question, "\"method\":\"");
    assert_non_null(at);
    at += strlen("\"method\":\"");
    size_t size = strcspn(at, "\"");
    assert_true(size < 64);
    memcpy(out, at, size);
    out[size] = 0;
}

typedef struct tally {
    size_t refused, same, hints;
} tally;

/* One lie in one answer; false when there is no n-th node. */
static bool try_lie(scene *s, deed act, tape *t, size_t which, size_t n, int lie,
                    const sw_buffer *honest, bool hints, tally *count) {
    SW_SCOPED(sw_arena) a = {0};
    SW_SCOPED(sw_buffer) told = SW_BUFFER((size_t)8 << 20);
    SW_SCOPED(sw_buffer) got = SW_BUFFER((size_t)2 << 20);
    char path[160] = "", method[64];
    sw_json *root = NULL, *parent = NULL;
    sw_error err = {0};
    sw_rpc *r = NULL;
    assert_int_equal(sw_json_parse(&a, sw_text(t->list[which].answer), NULL, &root, NULL), SW_OK);
    sw_json *node = find(root, &n, &parent, path, sizeof path);
    if (node == NULL) return false;
    if (!tell_lie(&a, parent, node, lie)) return true;
    sw_json_encode(&told, root);
    assert_false(told.failed);
    t->at = 0;
    t->altered = which;
    t->lie = sw_buffer_bytes(&told);
    const sw_rpc_carrier carrier = {replay, t};
    assert_int_equal(sw_rpc_open_over(&carrier, &r, NULL), SW_OK);
    sw_status status = act(s, r, &got, &err);
    sw_rpc_close(&r);
    method_of(t->list[which].question, method);
    bool equal = status == SW_OK && sw_bytes_equal(sw_buffer_bytes(&got), sw_buffer_bytes(honest));
    if (status != SW_OK && (err.message[0] == 0 || err.word[0] == 0)) fail_msg("no reason");
    if (status == SW_OK && !equal && !hints) fail_msg("believed: %s%s, lie %d", method, path, lie);
    if (equal && !hints && !is_silent(method, path))
        fail_msg("unheard: %s%s, lie %d", method, path, lie);
    count->refused += status != SW_OK;
    count->same += equal;
    count->hints += status == SW_OK && !equal;
    return true;
}

static void lie_about(scene *s, toy *node, const char *name, deed act, bool hints) {
    tape t = {.node = node, .altered = SIZE_MAX};
    tally count = {0};
    SW_SCOPED(sw_buffer) honest = SW_BUFFER((size_t)2 << 20);
    SW_SCOPED(sw_buffer) again = SW_BUFFER((size_t)2 << 20);
    sw_error err = {0};
    sw_rpc *r = NULL;
    const sw_rpc_carrier live = {record, &t}, dead = {replay, &t};
    assert_int_equal(sw_rpc_open_over(&live, &r, NULL), SW_OK);
    sw_status status = act(s, r, &honest, &err);
    if (status != SW_OK) print_error("%s: %s\n", name, err.message);
    assert_int_equal(status, SW_OK);
    sw_rpc_close(&r);
    assert_int_equal(sw_rpc_open_over(&dead, &r, NULL), SW_OK);
    assert_int_equal(act(s, r, &again, &err), SW_OK);
    sw_rpc_close(&r);
    assert_true(sw_bytes_equal(sw_buffer_bytes(&again), sw_buffer_bytes(&honest)));
    for (size_t which = 0; which < t.count; which++)
        for (int lie = 0; lie < LIES; lie++)
            for (size_t n = 0; try_lie(s, act, &t, which, n, lie, &honest, hints, &count); n++) {
            }
    print_message("# %s: %zu answers, %zu lies refused, %zu decide nothing, %zu change a hint\n",
                  name, t.count, count.refused, count.same, count.hints);
    assert_true(count.refused > 0);
    tape_free(&t);
}

/* ---- the scene: three owners, two have approved x, one an opening ---- */

static void say(scene *s, toy *t, sw_rpc *r, size_t place, sw_app_say said) {
    SW_SCOPED(sw_buffer) call = SW_BUFFER(4096);
    uint8_t signature[SW_SECP256K1_SIG_BYTES];
    sw_hash digest;
    sw_rpc_sent sent;
    const sw_genesis *g = &s->c.p.genesis;
    sw_app_say_digest(&digest, &g->chain, &said);
    assert_int_equal(sw_chain_key_sign(&s->c.chain_keys[place], &digest, signature, NULL), SW_OK);
    sw_app_say_call(&call, &said, (uint8_t)place, signature);
    assert_int_equal(
        toy_send(t, r, &s->c.stranger, &g->chain.contract, bytes_of(&call), &sent, NULL), SW_OK);
}

static void prepare_call(scene *s) { /* Cleo approves, not sent yet */
    uint8_t signature[SW_SECP256K1_SIG_BYTES];
    sw_hash digest;
    const sw_app_say said = {.act = SW_ACT_APPROVE, .compose = s->x, .app_round = 1, .sequence = 1};
    sw_app_say_digest(&digest, &s->c.p.genesis.chain, &said);
    assert_int_equal(sw_chain_key_sign(&s->c.chain_keys[2], &digest, signature, NULL), SW_OK);
    s->call = SW_BUFFER(4096);
    sw_app_say_call(&s->call, &said, 2, signature);
}

static void set_scene(scene *s, toy *t) {
    make_people(&s->c, 5, 3);
    toy_start_for(t, &s->c, NULL, 0);
    sw_rpc *r = toy_node(t);
    found_chain_app(&s->c, t, r, 2);
    s->x = named_hash('x');
    say(s, t, r, 0, (sw_app_say){SW_ACT_APPROVE, .compose = s->x, .app_round = 1, .sequence = 1});
    say(s, t, r, 1, (sw_app_say){SW_ACT_APPROVE, .compose = s->x, .app_round = 1, .sequence = 1});
    sw_hash recipient;
    s->opening = (sw_chain_opening){s->x, named_hash('m'), s->c.p.owners[0].encryption_key};
    sw_key_id(&recipient, &s->opening.recipient);
    say(s, t, r, 1,
        (sw_app_say){SW_ACT_OPEN, s->x, s->opening.manifest, recipient, .app_round = 1,
                     .sequence = 2});
    s->ask = (sw_chain_ask){&s->x, 1, &s->opening, 1};
    s->at = final_of(r);
    prepare_call(s);
    sw_rpc_close(&r);
}

static void test_lies(void **state) {
    static scene s;
    toy t;
    (void)state;
    set_scene(&s, &t);
    lie_about(&s, &t, "the chain", ask_chain, false);
    lie_about(&s, &t, "the final block", ask_final, false);
    lie_about(&s, &t, "a header", ask_header, false);
    lie_about(&s, &t, "a view", ask_view, false);
    lie_about(&s, &t, "the contract's words", ask_app, false);
    lie_about(&s, &t, "events", ask_what, true);
    lie_about(&s, &t, "a transaction", send_call, false);
    for (size_t i = 0; i < SILENT; i++) print_message("# %s: %zu\n", silent[i], silent_seen[i]);
    sw_buffer_free(&s.call);
    part(&s.c.p);
    toy_stop(&t);
}

/* ---- what was seen before ---- */
typedef struct gap { /* a node that has no block at this number */
    toy *node;
    const char *missing;
} gap;

static sw_status carry_gap(void *context, sw_bytes question, sw_buffer *answer, sw_error *err) {
    const gap *g = context;
    if (memmem(question.data, question.size, g->missing, strlen(g->missing)) == NULL)
        return toy_carry(g->node, question, answer, err);
    const char *id = memmem(question.data, question.size, "\"id\":", 5);
    assert_non_null(id);
    sw_put_format(answer, "{\"id\":%d,\"jsonrpc\":\"2.0\",\"result\":null}", atoi(id + 5));
    return SW_OK;
}

static void test_seen(void **state) {
    static scene s;
    toy t;
    sw_rpc *r = NULL;
    char missing[32];
    sw_error err = {0};
    sw_head final;
    int64_t made_ms = 0;
    (void)state;
    set_scene(&s, &t);
    gap g = {&t, missing};
    (void)strcpy(missing, "nothing");
    assert_int_equal(sw_rpc_open_over(&(sw_rpc_carrier){carry_gap, &g}, &r, NULL), SW_OK);
    assert_int_equal(sw_rpc_final(r, &final, &made_ms, NULL), SW_OK);
    assert_true(made_ms > 0 && made_ms % 1000 == 0 && final.index > 2);
    sw_block before;
    assert_int_equal(sw_rpc_block_at(r, final.index - 1, &before, NULL), SW_OK);
    sw_head seen = {.index = before.number, .hash = before.hash};
    assert_int_equal(sw_rpc_check_seen(r, &seen, &final, NULL), SW_OK);
    assert_int_equal(sw_rpc_check_seen(r, &(sw_head){0}, &final, NULL), SW_OK);
    assert_int_equal(sw_rpc_check_seen(r, &final, &seen, &err), SW_UNAUTHENTIC);
    assert_non_null(strstr(err.message, "has not come so far"));
    (void)snprintf(missing, sizeof missing, "\"0x%llx\"", (unsigned long long)seen.index);
    assert_int_equal(sw_rpc_check_seen(r, &seen, &final, &err), SW_UNAUTHENTIC);
    assert_string_equal(err.word, "rollback");
    assert_non_null(strstr(err.message, "does not have it"));
    (void)strcpy(missing, "nothing");
    seen.hash.b[0] ^= 1;
    assert_int_equal(sw_rpc_check_seen(r, &seen, &final, &err), SW_UNAUTHENTIC);
    assert_non_null(strstr(err.message, "has another block there"));
    sw_rpc_close(&r);
    sw_buffer_free(&s.call);
    part(&s.c.p);
    toy_stop(&t);
}

/* ---- numbers and bytes ---- */

static void test_spellings(void **state) {
    static const struct {
        const char *json;
        sw_status word, bytes;
    } cases[] = {
        {"\"0x0\"", SW_OK, SW_MALFORMED},
        {"\"0x1\"", SW_OK, SW_MALFORMED},
        {"\"0xff\"", SW_OK, SW_OK},
        {"\"0x\"", SW_MALFORMED, SW_MALFORMED},
        {"\"0x00\"", SW_MALFORMED, SW_OK},
        {"\"0x01\"", SW_MALFORMED, SW_OK},
        {"\"0X1\"", SW_MALFORMED, SW_MALFORMED},
        {"\"1\"", SW_MALFORMED, SW_MALFORMED},
        {"1", SW_MALFORMED, SW_MALFORMED},
        {"\"0x1g\"", SW_MALFORMED, SW_MALFORMED},
        {"\"0xFF\"", SW_MALFORMED, SW_OK},
        {"null", SW_MALFORMED, SW_MALFORMED},
        {"\"-0x1\"", SW_MALFORMED, SW_MALFORMED},
        {"\"0x 1\"", SW_MALFORMED, SW_MALFORMED},
        {"\"\"", SW_MALFORMED, SW_MALFORMED},
        {"[\"0x1\"]", SW_MALFORMED, SW_MALFORMED},
        {"\"0x1ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff\"", SW_MALFORMED,
         SW_MALFORMED},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        SW_SCOPED(sw_arena) a = {0};
        sw_json *v = NULL;
        sw_word word;
        uint8_t one;
        assert_int_equal(sw_json_parse(&a, sw_text(cases[i].json), NULL, &v, NULL), SW_OK);
        assert_int_equal(sw_rpc_word(v, "it", &word, NULL), cases[i].word);
        assert_int_equal(sw_rpc_bytes(v, "it", &one, 1, NULL), cases[i].bytes);
    }
}

static void test_addresses(void **state) {
    static const struct {
        const char *url;
        bool good;
    } cases[] = {
        {"https://node.example/key", true},
        {"http://127.0.0.1:8545", true},
        {"http://localhost:8545/", true},
        {"http://[::1]:8545", true},
        {"http://127.0.0.1", true},
        {"http://node.example:8545", false},
        {"http://127.0.0.1.example/", false},
        {"http://localhost.example", false},
        {"http://127.0.0.1@node.example", false},
        {"http://127.0.0.2:1", false},
        {"ws://127.0.0.1:8545", false},
        {"127.0.0.1:8545", false},
        {"https://", false},
        {"file:///tmp/x", false},
        {"http://user@127.0.0.1", false},
        {"http://127.0.0.1\\.example", false},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        sw_rpc *r = NULL;
        const sw_rpc_options o = {.url = cases[i].url};
        assert_int_equal(sw_rpc_open(&o, &r, NULL), cases[i].good ? SW_OK : SW_USAGE);
        sw_rpc_close(&r);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_spellings),
        cmocka_unit_test(test_addresses),
        cmocka_unit_test(test_lies),
        cmocka_unit_test(test_seen),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
