/* SPDX-License-Identifier: Apache-2.0
 *
 * The key service's small world with its ledger on a toy chain (tests/ledger/toy_chain.py), which
 * is reached through a proxy that can lie, stand still, forget and fall silent. Both are child
 * processes on ports of the system's choice, ended by their pids.
 */
#ifndef SW_TESTS_KMS_CHAIN_WORLD_H
#define SW_TESTS_KMS_CHAIN_WORLD_H
#include "kms/world.h"

#include "ledger/chain_judge.h"
#include "ledger/rpc_internal.h"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#define TOY_CHAIN UINT64_C(31337)
#define CACHE_MS  10000
typedef struct chain_world {
    world *w;
    pid_t toy, proxy;
    char url[64]; /* of the proxy */
    sw_kms_node_place place;
    sw_rpc *node;
    sw_chain_key payer, keys[OWNERS]; /* in the genesis' order */
} chain_world;

/* ---- processes ---- */
/* Runs `script` with one argument; *port is what it prints. */
static inline pid_t start_python(const char *script, const char *option, const char *value,
                                 unsigned *port) {
    int ready[2];
    char line[16] = "";
    assert_int_equal(pipe(ready), 0);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL); /* a test that fails leaves nothing behind */
        (void)dup2(ready[1], STDOUT_FILENO);
        (void)close(ready[0]);
        (void)execlp("python3", "python3", script, option, value, (char *)NULL);
        _exit(127);
    }
    (void)close(ready[1]);
    for (size_t i = 0; i + 1 < sizeof line && read(ready[0], &line[i], 1) == 1; i++)
        if (line[i] == '\n') break;
    (void)close(ready[0]);
    assert_int_equal(sscanf(line, "%u", port), 1);
    return pid;
}

static inline void end_python(pid_t pid) {
    int status;
    (void)kill(pid, SIGKILL);
    assert_int_equal(waitpid(pid, &status, 0), pid);
}

/* ---- asking it ---- */
/* `params` is JSON. */
static inline void tell_node(chain_world *c, const char *method, const char *params) {
    SW_SCOPED(sw_arena) a = {0};
    sw_error err = {0};
    sw_json *list;
    const sw_json *result;
    assert_int_equal(sw_json_parse(&a, sw_text(params), NULL, &list, &err), SW_OK);
    sw_status status = sw_rpc_ask(c->node, &a, method, list, &result, NULL, &err);
    if (status != SW_OK) print_message("# %s: %s\n", method, err.message);
    assert_int_equal(status, SW_OK);
}

static inline void mine(chain_world *c, size_t blocks) {
    for (size_t i = 0; i < blocks; i++) tell_node(c, "evm_mine", "[]");
}

static inline sw_head final_of(chain_world *c) {
    sw_head head;
    assert_int_equal(sw_rpc_final(c->node, &head, NULL, NULL), SW_OK);
    return head;
}

static inline sw_address address_of(const sw_chain_key *key) {
    sw_secp256k1_public public;
    sw_address a;
    assert_int_equal(sw_chain_key_public(key, &public, NULL), SW_OK);
    assert_int_equal(sw_secp256k1_address(&public, a.b, NULL), SW_OK);
    return a;
}

static inline sw_rpc_sent send_call(chain_world *c, const sw_address *to, sw_bytes data) {
    const sw_clock clock = sw_clock_system();
    const sw_rpc_order order = {.chain = TOY_CHAIN,
                                .key = &c->payer,
                                .to = to,
                                .data = data,
                                .clock = &clock,
                                .wait_ms = 60000};
    sw_rpc_sent sent;
    sw_error err = {0};
    sw_status status = sw_rpc_send(c->node, &order, &sent, &err);
    if (status != SW_OK) print_message("# %s: %s\n", err.word, err.message);
    assert_int_equal(status, SW_OK);
    return sent;
}

/* ---- owners' words ---- */
static inline sw_chain_turn turn_of(chain_world *c, size_t i, const sw_hash *compose) {
    SW_SCOPED(sw_buffer) view = SW_BUFFER(SW_CHAIN_VIEW_LIMIT);
    const sw_head at = final_of(c);
    const sw_chain_ask about = {.composes = compose, .compose_count = 1};
    sw_ledger *l = NULL;
    sw_chain_turn turn;
    sw_error err = {0};
    sw_status status = sw_rpc_view(c->node, &c->w->p.genesis, &at, &about, &view, &l, &err);
    if (status != SW_OK) print_message("# %s: %s\n", err.word, err.message);
    assert_int_equal(status, SW_OK);
    assert_int_equal(sw_chain_turn_of(l, &c->w->p.genesis.owners[i].address, compose, &turn, &err),
                     SW_OK);
    sw_ledger_close(&l);
    return turn;
}

/* The signed call of owner i about the recipe in hand; `say` has what is not about the turn. */
static inline void put_call(chain_world *c, size_t i, sw_app_say say, sw_buffer *call) {
    const sw_chain_turn turn = turn_of(c, i, &c->w->x);
    uint8_t signature[SW_SECP256K1_SIG_BYTES];
    sw_hash digest;
    if (!say.everything) say.compose = c->w->x;
    say.app_round = turn.app_round;
    say.round = turn.round;
    if (say.sequence == 0) say.sequence = turn.sequence;
    sw_app_say_digest(&digest, &c->w->p.genesis.chain, &say);
    assert_int_equal(sw_chain_key_sign(&c->keys[i], &digest, signature, NULL), SW_OK);
    sw_app_say_call(call, &say, (uint8_t)i, signature);
    assert_false(call->failed);
}

static inline void act_of(chain_world *c, size_t i, sw_app_say say) {
    SW_SCOPED(sw_buffer) call = SW_BUFFER(1 << 12);
    put_call(c, i, say, &call);
    (void)send_call(c, &c->w->p.genesis.chain.contract, bytes_of(&call));
}

static inline void act(chain_world *c, size_t i, sw_app_act what) {
    act_of(c, i, (sw_app_say){.act = what});
}

/* The first two sign. */
static inline void change(chain_world *c, const uint8_t *remove, size_t remove_count) {
    const sw_chain_turn turn = turn_of(c, 0, &c->w->x);
    const sw_app_change change = {.remove = remove,
                                  .remove_count = remove_count,
                                  .quorum = 2,
                                  .allow_any_device = true,
                                  .change = turn.changes + 1};
    static const uint8_t places[] = {0, 1};
    uint8_t signatures[2][SW_SECP256K1_SIG_BYTES];
    sw_hash digest;
    SW_SCOPED(sw_buffer) call = SW_BUFFER(1 << 14);
    sw_app_change_digest(&digest, &c->w->p.genesis.chain, &change);
    for (size_t i = 0; i < 2; i++)
        assert_int_equal(sw_chain_key_sign(&c->keys[i], &digest, signatures[i], NULL), SW_OK);
    sw_app_change_call(&call, &change, places, signatures, 2);
    assert_false(call.failed);
    (void)send_call(c, &c->w->p.genesis.chain.contract, bytes_of(&call));
}

/* ---- beginning and end ---- */
static int64_t toy_born_s; /* when its first block was made; 0: now, by this machine's clock */
static inline void start_chain(chain_world *c) {
    char rich[64] = "", born[32], port[16];
    unsigned number;
    sw_address payer = address_of(&c->payer);
    (void)snprintf(rich, sizeof rich, "--rich=0x");
    for (size_t i = 0; i < sizeof payer.b; i++)
        (void)snprintf(rich + 9 + 2 * i, 3, "%02x", payer.b[i]);
    if (toy_born_s != 0) (void)snprintf(born, sizeof born, "--born=%lld", (long long)toy_born_s);
    c->toy =
        start_python("tests/ledger/toy_chain.py", rich, toy_born_s != 0 ? born : NULL, &number);
    (void)snprintf(port, sizeof port, "%u", number);
    c->proxy = start_python("tests/ledger/proxy_node.py", port, NULL, &number);
    (void)snprintf(c->url, sizeof c->url, "http://127.0.0.1:%u", number);
    const sw_rpc_options o = {.url = c->url};
    assert_int_equal(sw_rpc_open(&o, &c->node, NULL), SW_OK);
}

/* The contract of w->p's owners, and the genesis that all sign. */
static inline void found_on_chain(chain_world *c) {
    people *p = &c->w->p;
    sw_address addresses[OWNERS];
    SW_SCOPED(sw_buffer) code = SW_BUFFER(1 << 16);
    SW_SCOPED(sw_buffer) payload = SW_BUFFER(1 << 16);
    SW_SCOPED(sw_arena) arena = {0};
    sw_error err = {0};
    for (size_t i = 0; i < OWNERS; i++) {
        addresses[i] = address_of(&c->keys[i]);
        p->owners[i].address = addresses[i];
    }
    sw_app_deploy_code(&code, addresses, OWNERS, 2, true, NULL, 0, false);
    const sw_rpc_sent sent = send_call(c, NULL, bytes_of(&code));
    const sw_genesis_chain chain = {.at = {.chain = TOY_CHAIN, .contract = sent.contract},
                                    .code_hash = sw_chain_code_hash};
    assert_int_equal(
        sw_genesis_draft("on a chain", 2, p->owners, OWNERS, &chain, &p->entropy, &payload, &err),
        SW_OK);
    p->envelope.size = 0;
    sign_genesis(p, bytes_of(&payload), OWNERS, &p->envelope);
    assert_int_equal(sw_genesis_open(&arena, bytes_of(&p->envelope), true, &p->genesis, &err),
                     SW_OK);
}

static inline void chain_keys(chain_world *c) {
    assert_int_equal(sw_chain_key_make(&c->w->p.entropy, &c->payer, NULL), SW_OK);
    for (size_t i = 0; i < OWNERS; i++)
        assert_int_equal(sw_chain_key_make(&c->w->p.entropy, &c->keys[i], NULL), SW_OK);
}

/* Everything in place but approval and unlock. */
static inline chain_world *chain_new(void) {
    chain_world *c = calloc(1, sizeof *c);
    assert_non_null(c);
    c->w = world_begin();
    chain_keys(c);
    start_chain(c);
    found_on_chain(c);
    c->place = (sw_kms_node_place){.chain = TOY_CHAIN, .url = c->url};
    c->w->options.nodes = &c->place;
    c->w->options.node_count = 1;
    world_found(c->w);
    return c;
}

static inline void unlock_at(chain_world *c, size_t i, const sw_head *named) {
    c->w->named = *named;
    unlock(c->w, i);
}

static inline void unlock_all_now(chain_world *c) {
    const sw_head now = final_of(c);
    for (size_t i = 0; i < OWNERS; i++) unlock_at(c, i, &now);
}

/* And with approval by two and the word of all. */
static inline chain_world *chain_ready(void) {
    chain_world *c = chain_new();
    act(c, 0, SW_ACT_APPROVE);
    act(c, 1, SW_ACT_APPROVE);
    unlock_all_now(c);
    return c;
}

static inline void pass_time(world *w, int64_t ms) {
    w->time.wall += ms;
    w->time.steady += ms;
}

/* ---- what it says ---- */
/* The refusal's word, and a part of its message. */
static inline void refused_saying(chain_world *c, ask q, const char *word, const char *part) {
    answer a = ask_keys(c->w, &q);
    if (a.http == 200 || strstr(a.refusal.message, part) == NULL)
        print_message("# %d %s: %s\n", a.http, a.refusal.word, a.refusal.message);
    assert_int_not_equal(a.http, 200);
    assert_string_equal(a.refusal.word, word);
    assert_non_null(strstr(a.refusal.message, part));
    answer_free(&a);
}

/* What the newest audit entry says, with a NUL behind it. */
static inline void audit_newest(chain_world *c, sw_buffer *payload) {
    sw_head head = head_of(c->w, "/v1/audit/1");
    char path[64];
    (void)snprintf(path, sizeof path, "/v1/audit/%llu", (unsigned long long)head.index);
    answer a = tell(c->w, "GET", path, (sw_bytes){0}, NULL);
    SW_SCOPED(sw_arena) arena = {0};
    sw_json *root;
    sw_envelope e;
    const sw_json_limits limits = {0, 8, 100000};
    assert_int_equal(sw_json_parse(&arena, bytes_of(&a.body), &limits, &root, NULL), SW_OK);
    const sw_json *entry = sw_json_member(root, "entries")->first;
    assert_int_equal(sw_envelope_parse(&arena, entry->span, &e, NULL), SW_OK);
    sw_put_bytes(payload, e.payload);
    sw_put_u8(payload, 0);
    answer_free(&a);
}

/* Does the newest audit entry hold this text? */
static inline void audit_says(chain_world *c, const char *text) {
    SW_SCOPED(sw_buffer) payload = SW_BUFFER(1 << 16);
    audit_newest(c, &payload);
    if (strstr((const char *)payload.data, text) == NULL)
        print_message("# %s\n", (const char *)payload.data);
    assert_non_null(strstr((const char *)payload.data, text));
}

static inline void chain_free(chain_world *c) {
    sw_rpc_close(&c->node);
    if (c->proxy > 0) end_python(c->proxy);
    if (c->toy > 0) end_python(c->toy);
    world_free(c->w);
    free(c);
}
#endif
