/* SPDX-License-Identifier: Apache-2.0
 *
 * Sending: each way in which a transaction ends other than well has its word and a sentence, and a
 * node that asks for too much is not paid. A node that is away, cuts or floods is an outage.
 */
#include "ledger/rpc_internal.h"
#include "ledger/toy.h"

typedef struct scene {
    chain_people c;
    toy t;
    sw_rpc *r;
    sw_hash x;
    const char *on_sent, *on_mined; /* questions to the toy at that moment, "method params;..." */
    int64_t now_ms;
    bool jumps; /* the clock: the time is over at the first look */
    sw_buffer heard;
} scene;

static void start(scene *s, uint64_t seed, const char *const *options, size_t count) {
    *s = (scene){.heard = SW_BUFFER(4096), .x = named_hash('x')};
    make_people(&s->c, seed, 3);
    toy_start_for(&s->t, &s->c, options, count);
    s->r = toy_node(&s->t);
}

static void end(scene *s) {
    sw_rpc_close(&s->r);
    toy_stop(&s->t);
    part(&s->c.p);
    sw_buffer_free(&s->heard);
}

static void ask_all(const toy *t, const char *questions) {
    while (questions != NULL && *questions != 0) {
        char method[64], params[64];
        size_t size = strcspn(questions, ";");
        assert_int_equal(sscanf(questions, "%63[^ ] %63[^;]", method, params), 2);
        toy_ask(t, method, params);
        questions += size + (questions[size] == ';');
    }
}

static void hear(void *context, const char *sentence) {
    scene *s = context;
    sw_put_format(&s->heard, "%s\n", sentence);
    if (strncmp(sentence, "sent", 4) == 0) ask_all(&s->t, s->on_sent);
    if (strncmp(sentence, "mined", 5) == 0) ask_all(&s->t, s->on_mined);
}

static int64_t tell_time(void *context) {
    scene *s = context;
    return s->now_ms += s->jumps ? 1000000 : 1;
}

static sw_status send(scene *s, const sw_chain_key *key, sw_bytes call, sw_error *err) {
    const sw_clock clock = {tell_time, tell_time, s};
    const sw_rpc_progress progress = {s, hear};
    sw_rpc_sent sent;
    const sw_rpc_order o = {.chain = s->c.p.genesis.chain.chain,
                            .key = key,
                            .to = &s->c.p.genesis.chain.contract,
                            .data = call,
                            .clock = &clock,
                            .wait_ms = 40,
                            .progress = &progress};
    *err = (sw_error){0};
    return sw_rpc_send(s->r, &o, &sent, err);
}

/* The call of the owner at `place`, signed by `signer`. */
static void put_call(const scene *s, const sw_app_say *said, uint8_t place,
                     const sw_chain_key *signer, sw_buffer *call) {
    uint8_t signature[SW_SECP256K1_SIG_BYTES];
    sw_hash digest;
    sw_app_say_digest(&digest, &s->c.p.genesis.chain, said);
    assert_int_equal(sw_chain_key_sign(signer, &digest, signature, NULL), SW_OK);
    sw_app_say_call(call, said, place, signature);
}

static sw_status say(scene *s, const sw_app_say *said, uint8_t place, const sw_chain_key *signer,
                     sw_error *err) {
    SW_SCOPED(sw_buffer) call = SW_BUFFER(4096);
    put_call(s, said, place, signer, &call);
    return send(s, &s->c.stranger, bytes_of(&call), err);
}

static void expect(sw_status status, const sw_error *err, const char *word, const char *text) {
    if (status == SW_OK || strcmp(err->word, word) != 0 || strstr(err->message, text) == NULL)
        fail_msg("%s: %s, not %s: %s", err->word, err->message, word, text);
}

/* ---- the contract's reasons ---- */

static const sw_app_say approval = {.act = SW_ACT_APPROVE, .app_round = 1, .sequence = 1};

static void test_reverts(void **state) {
    static scene s;
    sw_error err;
    (void)state;
    start(&s, 11, NULL, 0);
    found_chain_app(&s.c, &s.t, s.r, 2);
    const sw_chain_key *keys = s.c.chain_keys;
    sw_app_say a = approval;
    a.compose = s.x;
    expect(say(&s, &a, 3, &keys[0], &err), &err, "reverted", "nobody has this place");
    expect(say(&s, &a, 1, &keys[0], &err), &err, "reverted", "signature is not that of the owner");
    a.sequence = 2;
    expect(say(&s, &a, 0, &keys[0], &err), &err, "reverted", "last sequence number is 0");
    a = (sw_app_say){SW_ACT_APPROVE, .compose = s.x, .app_round = 2, .sequence = 1};
    expect(say(&s, &a, 0, &keys[0], &err), &err, "reverted", "another round");
    a.app_round = 1;
    assert_int_equal(say(&s, &a, 0, &keys[0], &err), SW_OK);
    a.sequence = 2;
    expect(say(&s, &a, 0, &keys[0], &err), &err, "reverted", "has approved this already");
    a = (sw_app_say){SW_ACT_LIFT, .compose = s.x, .sequence = 2};
    expect(say(&s, &a, 0, &keys[0], &err), &err, "reverted", "no revocation of this owner's");
    a.act = SW_ACT_REVOKE;
    assert_int_equal(say(&s, &a, 0, &keys[0], &err), SW_OK);
    a.sequence = 5;
    expect(say(&s, &a, 0, &keys[0], &err), &err, "reverted", "revocation stands already");
    end(&s);
}

static sw_status change(scene *s, const sw_app_change *c, size_t signers, sw_error *err) {
    SW_SCOPED(sw_buffer) call = SW_BUFFER(8192);
    uint8_t places[PEOPLE_LIMIT], signatures[PEOPLE_LIMIT][SW_SECP256K1_SIG_BYTES];
    sw_hash digest;
    sw_app_change_digest(&digest, &s->c.p.genesis.chain, c);
    for (size_t i = 0; i < signers; i++) {
        places[i] = (uint8_t)i;
        assert_int_equal(sw_chain_key_sign(&s->c.chain_keys[i], &digest, signatures[i], NULL),
                         SW_OK);
    }
    sw_app_change_call(&call, c, places, (const uint8_t(*)[SW_SECP256K1_SIG_BYTES])signatures,
                       signers);
    return send(s, &s->c.stranger, bytes_of(&call), err);
}

static void test_changes(void **state) {
    static scene s;
    static const uint8_t last[] = {2};
    sw_error err;
    (void)state;
    start(&s, 12, NULL, 0);
    found_chain_app(&s.c, &s.t, s.r, 2);
    sw_app_change c = {.remove = last, .remove_count = 1, .quorum = 2, .change = 1};
    expect(change(&s, &c, 1, &err), &err, "reverted", "1 owners have signed the change, 2 must");
    c.quorum = 3;
    expect(change(&s, &c, 2, &err), &err, "reverted", "does not fit the app");
    c.quorum = 2;
    assert_int_equal(change(&s, &c, 2, &err), SW_OK);
    sw_app_say a = approval;
    a.compose = s.x;
    a.app_round = 2;
    expect(say(&s, &a, 2, &s.c.chain_keys[2], &err), &err, "reverted", "is not active");
    end(&s);
}

/* ---- other ends ---- */

static void test_wrong_chain(void **state) {
    static scene s;
    static const char *const other[] = {"--chain", "5"};
    sw_error err;
    (void)state;
    start(&s, 13, other, COUNT(other));
    s.c.p.genesis.chain.chain = TOY_CHAIN;
    expect(send(&s, &s.c.stranger, SW_LITERAL("x"), &err), &err, "chain", "chain 5");
    assert_non_null(strstr(err.hint, "31337"));
    end(&s);
}

static void test_no_gas(void **state) {
    static scene s;
    sw_error err;
    sw_chain_key poor;
    SW_SCOPED(sw_buffer) call = SW_BUFFER(4096);
    (void)state;
    start(&s, 14, NULL, 0);
    found_chain_app(&s.c, &s.t, s.r, 2);
    sw_app_say a = approval;
    a.compose = s.x;
    put_call(&s, &a, 0, &s.c.chain_keys[0], &call);
    assert_int_equal(sw_chain_key_make(&s.c.p.entropy, &poor, NULL), SW_OK);
    expect(send(&s, &poor, bytes_of(&call), &err), &err, "gas", "cannot pay");
    assert_non_null(strstr(err.hint, "relay"));
    end(&s);
}

/* What becomes of a transaction that the node took. */
static void test_fates(void **state) {
    static const struct {
        const char *name, *before, *on_sent, *on_mined, *word, *text;
    } cases[] = {
        {"not mined", "evm_setAutomine [false]", NULL, NULL, "waiting", "not mined in time"},
        {"dropped", "evm_setAutomine [false]", "toy_drop []", NULL, "dropped", "has dropped"},
        {"not final", "evm_setAutomine [false]", "evm_mine []", NULL, "waiting",
         "not final in time"},
        {"final at last", "evm_setAutomine [false]", "evm_mine []", "evm_mine [];evm_mine []", "",
         ""},
        {"reorganised", "evm_setAutomine [false]", "evm_mine []", "toy_reorganise [1]", "dropped",
         "has dropped"},
    };
    static scene s;
    sw_error err;
    (void)state;
    start(&s, 15, NULL, 0);
    found_chain_app(&s.c, &s.t, s.r, 2);
    for (size_t i = 0; i < COUNT(cases); i++) {
        print_message("# %s\n", cases[i].name);
        ask_all(&s.t, "toy_drop []");
        ask_all(&s.t, cases[i].before);
        s.on_sent = cases[i].on_sent;
        s.on_mined = cases[i].on_mined;
        sw_buffer_reset(&s.heard);
        sw_app_say a = approval;
        a.compose = named_hash((char)('a' + i));
        a.sequence = i == 4 ? 3 : i == 3 ? 2 : 1; /* "not final" counts in the end */
        sw_status status = say(&s, &a, 0, &s.c.chain_keys[0], &err);
        if (*cases[i].word == 0)
            assert_int_equal(status, SW_OK);
        else
            expect(status, &err, cases[i].word, cases[i].text);
        sw_put_u8(&s.heard, 0);
        if (i == 4) assert_non_null(strstr((char *)s.heard.data, "reorganised"));
        if (i == 2) ask_all(&s.t, "evm_mine [];evm_mine []");
    }
    end(&s);
}

/* Two send the same signed call: the second one is refused where it is mined. */
static void test_second(void **state) {
    static scene s;
    sw_error err;
    SW_SCOPED(sw_buffer) call = SW_BUFFER(4096);
    (void)state;
    start(&s, 16, NULL, 0);
    found_chain_app(&s.c, &s.t, s.r, 2);
    sw_app_say a = approval;
    a.compose = s.x;
    put_call(&s, &a, 0, &s.c.chain_keys[0], &call);
    toy_ask(&s.t, "evm_setAutomine", "[false]");
    expect(send(&s, &s.c.chain_keys[1], bytes_of(&call), &err), &err, "waiting", "not mined");
    s.on_sent = "evm_mine [];evm_mine [];evm_mine []";
    expect(send(&s, &s.c.chain_keys[2], bytes_of(&call), &err), &err, "reverted", "came before it");
    end(&s);
}

/* The same number twice: what was sent first has gone, another one took its place. */
static void test_replaced(void **state) {
    static scene s, other;
    sw_error err;
    (void)state;
    start(&s, 17, NULL, 0);
    found_chain_app(&s.c, &s.t, s.r, 2);
    sw_app_say a = approval;
    a.compose = s.x;
    toy_ask(&s.t, "evm_setAutomine", "[false]");
    expect(say(&s, &a, 0, &s.c.chain_keys[0], &err), &err, "waiting", "not mined");
    toy_ask(&s.t, "toy_drop", "[]");
    other = s;
    other.on_sent = "toy_drop [];toy_spend []";
    other.heard = SW_BUFFER(4096);
    expect(say(&other, &a, 0, &s.c.chain_keys[0], &err), &err, "dropped", "was replaced");
    sw_buffer_free(&other.heard);
    end(&s);
}

/* ---- greed ---- */

static void test_prices(void **state) {
    static const struct {
        const char *lie, *word, *text;
    } cases[] = {
        {"eth_estimateGas=0x0", "format", "no transaction takes less than 21000"},
        {"eth_estimateGas=0x5207", "format", "no transaction takes less than 21000"},
        {"eth_estimateGas=0x1000001", "gas", "the limit is 16777216"},
        {"eth_estimateGas=0xffffffffffffffff", "gas", "the limit is"},
        {"eth_maxPriorityFeePerGas=0x1000000000000", "gas", "more than 100000000 gwei"},
        {"eth_maxPriorityFeePerGas=0xffffffffffffffff", "gas", "more than 100000000 gwei"},
        {"eth_feeHistory/baseFeePerGas/1=0xffffffffffffffff", "gas", "more than 100000000 gwei"},
        {"eth_getTransactionCount=0x10000000000000000", "limit", "more than 64 bits"},
        {"eth_chainId=0x1", "chain", "chain 1"},
        {"eth_sendRawTransaction=0x11", "format", "64 hex digits"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        static scene s;
        const char *const lie[] = {"--lie", cases[i].lie};
        sw_error err;
        start(&s, 18, lie, COUNT(lie));
        s.c.p.genesis.chain = (sw_app_place){TOY_CHAIN, {{1}}};
        print_message("# %s\n", cases[i].lie);
        expect(send(&s, &s.c.stranger, SW_LITERAL("x"), &err), &err, cases[i].word, cases[i].text);
        end(&s);
    }
}

/* ---- outages ---- */

static void test_outages(void **state) {
    static const struct {
        const char *how;
        sw_status status;
        const char *word;
    } cases[] = {
        {"cut", SW_UNAVAILABLE, "unavailable"},
        {"silent", SW_UNAVAILABLE, "unavailable"},
        {"big", SW_LIMIT, "limit"},
        {"status", SW_UNAVAILABLE, "unavailable"},
        {"text", SW_MALFORMED, "format"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        const char *const how[] = {"--broken", cases[i].how};
        toy t;
        sw_error err = {0};
        sw_rpc *r = NULL;
        sw_head head;
        toy_start(&t, how, COUNT(how));
        const sw_rpc_options o = {.url = t.url,
                                  .timeout_ms = strcmp(cases[i].how, "silent") == 0 ? 300 : 60000};
        assert_int_equal(sw_rpc_open(&o, &r, &err), SW_OK);
        assert_int_equal(sw_rpc_final(r, &head, NULL, &err), cases[i].status);
        assert_string_equal(err.word, cases[i].word);
        toy_stop(&t);
        assert_int_equal(sw_rpc_final(r, &head, NULL, &err),
                         SW_UNAVAILABLE); /* nobody listens now */
        sw_rpc_close(&r);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reverts),     cmocka_unit_test(test_changes),
        cmocka_unit_test(test_wrong_chain), cmocka_unit_test(test_no_gas),
        cmocka_unit_test(test_fates),       cmocka_unit_test(test_second),
        cmocka_unit_test(test_replaced),    cmocka_unit_test(test_prices),
        cmocka_unit_test(test_outages),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
