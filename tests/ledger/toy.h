/* SPDX-License-Identifier: Apache-2.0
 *
 * Starts and ends tests/ledger/toy_chain.py, and an app of several owners on it. Tests that say
 * nothing but what any node understands may run on another one: SEALWRIGHT_TEST_RPC is its address.
 */
#ifndef SW_TESTS_LEDGER_TOY_H
#define SW_TESTS_LEDGER_TOY_H
#include "http/fetch.h"
#include "ledger/people.h"
#include "ledger/rpc.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

enum { TOY_CHAIN = 31337, TOY_OPTIONS = 32 };
typedef struct toy {
    pid_t pid;
    char url[64];
    bool other; /* another node: it mines when it is told to */
} toy;

static inline void toy_start(toy *t, const char *const *options, size_t count) {
    const char *words[TOY_OPTIONS] = {"python3", "tests/ledger/toy_chain.py"};
    int output[2];
    unsigned port = 0;
    *t = (toy){0};
    assert_true(count + 3 < TOY_OPTIONS);
    for (size_t i = 0; i < count; i++) words[i + 2] = options[i];
    assert_int_equal(pipe(output), 0);
    t->pid = fork();
    if (t->pid == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (dup2(output[1], 1) < 0) _exit(1);
        (void)close(output[0]);
        (void)execvp(words[0], (char *const *)words);
        _exit(1);
    }
    (void)close(output[1]);
    FILE *said = fdopen(output[0], "r");
    assert_non_null(said);
    assert_int_equal(fscanf(said, "%u", &port), 1);
    (void)fclose(said);
    (void)snprintf(t->url, sizeof t->url, "http://127.0.0.1:%u", port);
}

static inline void toy_stop(toy *t) {
    if (t->other) return;
    (void)kill(t->pid, SIGTERM);
    (void)waitpid(t->pid, NULL, 0);
}

static inline sw_status toy_carry(void *context, sw_bytes question, sw_buffer *answer,
                                  sw_error *err) {
    const toy *t = context;
    sw_fetch_reply reply = {0};
    const sw_fetch_request q = {.url = t->url,
                                .loopback = true,
                                .content_type = "application/json",
                                .body = question,
                                .body_limit = SW_RPC_ANSWER_LIMIT,
                                .timeout_ms = 60000};
    SW_TRY(sw_http_fetch(&q, &reply, err));
    sw_put_bytes(answer, sw_buffer_bytes(&reply.body));
    sw_fetch_reply_free(&reply);
    return SW_OK;
}

/* One question beside the client's, such as evm_mine with "[]". */
static inline void toy_ask(const toy *t, const char *method, const char *params) {
    SW_SCOPED(sw_buffer) question = SW_BUFFER(4096);
    SW_SCOPED(sw_buffer) answer = SW_BUFFER(SW_RPC_ANSWER_LIMIT);
    sw_put_format(&question, "{\"id\":1,\"jsonrpc\":\"2.0\",\"method\":\"%s\",\"params\":%s}",
                  method, params);
    assert_int_equal(toy_carry((void *)t, sw_buffer_bytes(&question), &answer, NULL), SW_OK);
    sw_put_u8(&answer, 0);
    assert_non_null(strstr((const char *)answer.data, "result"));
}

static inline sw_rpc *toy_node(const toy *t) {
    sw_rpc *r = NULL;
    sw_error err = {0};
    const sw_rpc_options o = {.url = t->url, .timeout_ms = 60000};
    assert_int_equal(sw_rpc_open(&o, &r, &err), SW_OK);
    return r;
}

/* ---- owners with chain keys ---- */

typedef struct chain_people {
    people p;
    sw_chain_key chain_keys[PEOPLE_LIMIT]; /* in the genesis' order, as p.keys */
    sw_chain_key stranger;                 /* rich, and no owner */
} chain_people;

static inline sw_address address_of(const sw_chain_key *key) {
    sw_secp256k1_public public;
    sw_address a;
    assert_int_equal(sw_chain_key_public(key, &public, NULL), SW_OK);
    assert_int_equal(sw_secp256k1_address(&public, a.b, NULL), SW_OK);
    return a;
}

static inline void make_people(chain_people *c, uint64_t seed, size_t count) {
    static const char *const names[PEOPLE_LIMIT] = {"Anna", "Bert", "Cleo", "Dora",
                                                    "Emil", "Fay",  "Gus",  "Hal"};
    *c = (chain_people){.p = {.seed = seed, .count = count, .envelope = SW_BUFFER(1 << 16)}};
    c->p.entropy = (sw_entropy){fill_from_seed, &c->p.seed};
    for (size_t i = 0; i < count; i++) make_owner(&c->p, i, names[i]);
    sort_people(&c->p);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(sw_chain_key_make(&c->p.entropy, &c->chain_keys[i], NULL), SW_OK);
        c->p.owners[i].address = address_of(&c->chain_keys[i]);
    }
    assert_int_equal(sw_chain_key_make(&c->p.entropy, &c->stranger, NULL), SW_OK);
}

/* Another node than the toy knows nobody: these people are made rich there. */
static inline void make_rich(const toy *t, const sw_address *a) {
    char text[2 * SW_ADDRESS_BYTES + 1], params[128];
    sw_hex_text(text, SW_BYTES_OF(a->b));
    (void)snprintf(params, sizeof params, "[\"0x%s\",\"0x56bc75e2d63100000\"]", text);
    toy_ask(t, "anvil_setBalance", params);
}

/* A toy on which these people are rich; `more` options may follow. */
static inline void toy_start_for(toy *t, const chain_people *c, const char *const *more,
                                 size_t more_count) {
    const char *options[TOY_OPTIONS], *other = getenv("SEALWRIGHT_TEST_RPC");
    char texts[PEOPLE_LIMIT + 1][2 + 2 * SW_ADDRESS_BYTES + 1];
    size_t count = 0;
    *t = (toy){.other = other != NULL};
    if (t->other) (void)snprintf(t->url, sizeof t->url, "%s", other);
    for (size_t i = 0; i <= c->p.count; i++) {
        sw_address a = i < c->p.count ? c->p.owners[i].address : address_of(&c->stranger);
        if (t->other) make_rich(t, &a);
        memcpy(texts[i], "0x", 2);
        sw_hex_text(texts[i] + 2, SW_BYTES_OF(a.b));
        options[count++] = "--rich";
        options[count++] = texts[i];
    }
    for (size_t i = 0; i < more_count; i++) options[count++] = more[i];
    if (!t->other) toy_start(t, options, count);
}

static inline void mine_when(void *context, const char *sentence) {
    const toy *t = context;
    if (t->other && strncmp(sentence, "mined", 5) == 0)
        for (int i = 0; i < 2; i++) toy_ask(t, "evm_mine", "[]");
}

static inline sw_status toy_send(toy *t, sw_rpc *r, const sw_chain_key *key, const sw_address *to,
                                 sw_bytes data, sw_rpc_sent *sent, sw_error *err) {
    const sw_clock clock = sw_clock_system();
    const sw_rpc_progress progress = {t, mine_when};
    const sw_rpc_order o = {.chain = TOY_CHAIN,
                            .key = key,
                            .to = to,
                            .data = data,
                            .clock = &clock,
                            .wait_ms = 120000,
                            .progress = &progress};
    return sw_rpc_send(r, &o, sent, err);
}

/* Deploys the contract and makes the complete genesis that names it. */
static inline void found_chain_app(chain_people *c, toy *t, sw_rpc *r, uint32_t quorum) {
    sw_error err = {0};
    SW_SCOPED(sw_arena) arena = {0};
    SW_SCOPED(sw_buffer) code = SW_BUFFER(1 << 17);
    SW_SCOPED(sw_buffer) payload = SW_BUFFER(1 << 16);
    sw_address addresses[PEOPLE_LIMIT];
    sw_rpc_sent sent;
    people *p = &c->p;
    for (size_t i = 0; i < p->count; i++) addresses[i] = p->owners[i].address;
    sw_app_deploy_code(&code, addresses, p->count, (uint8_t)quorum, true, NULL, 0, false);
    if (toy_send(t, r, &c->stranger, NULL, bytes_of(&code), &sent, &err) != SW_OK)
        fail_msg("%s", err.message);
    const sw_genesis_chain chain = {{TOY_CHAIN, sent.contract}, sw_chain_code_hash};
    assert_int_equal(sw_genesis_draft("an app", quorum, p->owners, p->count, &chain, &p->entropy,
                                      &payload, &err),
                     SW_OK);
    sign_genesis(p, bytes_of(&payload), p->count, &p->envelope);
    assert_int_equal(sw_genesis_open(&arena, bytes_of(&p->envelope), true, &p->genesis, &err),
                     SW_OK);
}

static inline sw_head final_of(sw_rpc *r) {
    sw_head at;
    sw_error err = {0};
    sw_status status = sw_rpc_final(r, &at, NULL, &err);
    if (status != SW_OK) print_error("%s\n", err.message);
    assert_int_equal(status, SW_OK);
    return at;
}
#endif
