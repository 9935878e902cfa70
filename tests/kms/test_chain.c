/* SPDX-License-Identifier: Apache-2.0
 *
 * A key service whose app's ledger is on a chain: the rules of docs/formats/chain.md (CHN-060,
 * CHN-061, CHN-300 to CHN-303) one by one, against the service without sockets and a toy chain.
 * After every refusal the right request is granted, so that nothing else was wrong.
 */
#include "kms/chain_world.h"

/* The views of a granted answer, as JSON, in the arena. */
static sw_json *views_granted(chain_world *c, sw_arena *a, ask q, sw_grant *grant) {
    sw_json *list;
    answer got = ask_keys(c->w, &q);
    if (got.http != 200) print_message("# %s: %s\n", got.refusal.word, got.refusal.message);
    open_answer(c->w, &q, &got, grant);
    sw_reader r = sw_reader_of(bytes_of(&got.body));
    for (size_t i = 0; i < 4; i++) (void)sw_read_field(&r, SW_HTTP_BODY_LIMIT);
    sw_bytes views = sw_arena_copy(a, sw_read_field(&r, SW_KMS_VIEWS_LIMIT));
    assert_int_equal(sw_reader_finish(&r, "answer", NULL), SW_OK);
    const sw_json_limits limits = {0, 8, SW_KMS_VIEWS_NODES};
    assert_int_equal(sw_json_parse_canonical(a, views, &limits, &list, NULL), SW_OK);
    answer_free(&got);
    return list;
}

/* KMS-083: each block's view lies beside the log under its digest, and proves what that block says
 * of the compose. `allowed` is what all of them say. */
static void audit_proves(chain_world *c, size_t blocks, bool allowed) {
    SW_SCOPED(sw_arena) arena = {0};
    SW_SCOPED(sw_buffer) payload = SW_BUFFER(1 << 16);
    sw_json *root;
    const sw_json_limits limits = {0, 8, 100000};
    audit_newest(c, &payload);
    const sw_bytes text = SW_BYTES(payload.data, payload.size - 1);
    assert_int_equal(sw_json_parse(&arena, text, &limits, &root, NULL), SW_OK);
    const sw_json *list = sw_json_member(root, "blocks");
    bool says = true;
    assert_true(list != NULL && list->count == blocks);
    for (const sw_json *b = list->first; b != NULL; b = b->next) {
        SW_SCOPED(sw_buffer) view = SW_BUFFER(SW_CHAIN_VIEW_LIMIT);
        const sw_chain_ask about = {.composes = &c->w->x, .compose_count = 1};
        sw_ledger *ledger;
        sw_hash named, found;
        sw_head at;
        char path[256], name[2 * SW_HASH_BYTES + 1];
        assert_int_equal(sw_json_hash(b, "block", "view", &named, NULL), SW_OK);
        assert_int_equal(sw_json_hash(b, "block", "hash", &at.hash, NULL), SW_OK);
        assert_int_equal(sw_json_u64(b, "block", "index", UINT32_MAX, &at.index, NULL), SW_OK);
        sw_hex_text(name, SW_BYTES_OF(named.b));
        (void)snprintf(path, sizeof path, "%s/views/%s.json", c->w->dir, name);
        assert_int_equal(sw_file_read(path, SW_CHAIN_VIEW_LIMIT, &view, NULL), SW_OK);
        sw_sha256(&found, bytes_of(&view));
        assert_true(sw_hash_equal(&found, &named));
        assert_int_equal(
            sw_chain_view_verify(&c->w->p.genesis, &at, bytes_of(&view), &about, &ledger, NULL),
            SW_OK);
        says &= sw_ledger_check_run(ledger, &c->w->x, NULL) == SW_OK;
        sw_ledger_close(&ledger);
    }
    assert_int_equal(says, allowed);
}

/* ---- what works ---- */
static void test_granted(void **state) {
    (void)state;
    chain_world *c = chain_ready();
    SW_SCOPED(sw_arena) a = {0};
    sw_grant grant;
    const sw_head final = final_of(c);
    sw_json *views = views_granted(c, &a, (ask){0}, &grant);
    assert_int_equal(views->count, 1); /* all named one block, and it is the newest */
    assert_true(sw_head_equal(&grant.ledger, &final));
    audit_proves(c, 1, true);
    mine(c, 3);
    unlock_at(c, 1, &(sw_head){.index = final.index, .hash = final.hash});
    const sw_head later = final_of(c);
    unlock_at(c, 2, &later);
    views = views_granted(c, &a, (ask){0}, &grant);
    assert_int_equal(views->count, 2);
    assert_true(sw_head_equal(&grant.ledger, &later));
    mine(c, 1);
    pass_time(c->w, CACHE_MS + 1);
    const sw_head newest = final_of(c);
    views = views_granted(c, &a, (ask){.purpose = SW_PURPOSE_RESUME}, &grant);
    assert_int_equal(views->count, 3);
    assert_true(sw_head_equal(&grant.ledger, &newest));
    for (const sw_json *v = views->first; v != NULL; v = v->next) { /* each proves it again */
        const sw_chain_question q = {
            .genesis = &c->w->p.genesis, .recipe = &c->w->recipe, .compose = &c->w->x};
        sw_head at;
        assert_int_equal(sw_chain_view_head(v->span, &at, NULL), SW_OK);
        assert_int_equal(sw_chain_question_judge(&q, &at, v->span, NULL, NULL, NULL), SW_OK);
    }
    chain_free(c);
}

/* The node may show an older block as the newest; owners' words and the past stand against it. */
static void test_the_newest_never_goes_back(void **state) {
    (void)state;
    chain_world *c = chain_ready();
    SW_SCOPED(sw_arena) a = {0};
    sw_grant grant;
    tell_node(c, "proxy_stand", "[true]");
    const sw_head stood = final_of(c);
    (void)views_granted(c, &a, (ask){0}, &grant);
    assert_true(sw_head_equal(&grant.ledger, &stood));
    mine(c, 2);
    tell_node(c, "proxy_stand", "[false]");
    const sw_head later = final_of(c);
    tell_node(c, "proxy_stand", "[true]");
    unlock_at(c, 0, &later);
    pass_time(c->w, CACHE_MS + 1);
    (void)views_granted(c, &a, (ask){0}, &grant);
    assert_true(sw_head_equal(&grant.ledger, &later)); /* what an owner has seen is newer */
    chain_free(c);
}

/* ---- approval ---- */
static void test_approval(void **state) {
    (void)state;
    chain_world *c = chain_new();
    unlock_all_now(c);
    refused_saying(c, (ask){0}, "quorum", "the newest final one");
    act(c, 0, SW_ACT_APPROVE);
    act(c, 1, SW_ACT_APPROVE);
    refused_saying(c, (ask){0}, "quorum", "the newest final one"); /* kept for 10 s */
    pass_time(c->w, CACHE_MS + 1);
    answer a = ask_keys(c->w, &(ask){0});
    assert_string_equal(a.refusal.word, "quorum"); /* younger than the owners' words */
    char number[128];
    (void)snprintf(number, sizeof number, "at block %llu, which %s named",
                   (unsigned long long)c->w->named.index, c->w->p.genesis.owners[0].name);
    assert_non_null(strstr(a.refusal.message, number));
    assert_non_null(strstr(a.refusal.hint, "kms unlock"));
    answer_free(&a);
    audit_proves(c, 2, false); /* the newest allows it, the one that she named does not */
    const sw_head now = final_of(c);
    unlock_at(c, 0, &now);
    unlock_at(c, 1, &now);
    refused_saying(c, (ask){0}, "quorum", c->w->p.genesis.owners[2].name);
    unlock_at(c, 2, &now);
    (void)keys_granted(c->w, (ask){0});
    chain_free(c);
}

/* A revocation ends leases at the next renewal, and an owner's old word does not outlive it. */
static void test_revoked_on_the_chain(void **state) {
    (void)state;
    chain_world *c = chain_ready();
    sw_grant g = keys_granted(c->w, (ask){0});
    act(c, 2, SW_ACT_REVOKE);
    (void)keys_granted(c->w, (ask){.renew = g.number}); /* the newest block is kept for 10 s */
    pass_time(c->w, CACHE_MS + 1);
    refused_saying(c, (ask){.renew = g.number}, "revoked", c->w->p.genesis.owners[2].name);
    refused_saying(c, (ask){0}, "revoked", "the newest final one");
    const sw_head revoked = final_of(c);
    act(c, 2, SW_ACT_LIFT);
    act(c, 0, SW_ACT_APPROVE);
    act(c, 1, SW_ACT_APPROVE);
    unlock_at(c, 1, &revoked); /* whoever still names the block in between */
    pass_time(c->w, CACHE_MS + 1);
    refused_saying(c, (ask){0}, "revoked", c->w->p.genesis.owners[1].name);
    unlock_all_now(c);
    (void)keys_granted(c->w, (ask){0});
    chain_free(c);
}

static void test_everything_revoked(void **state) {
    (void)state;
    chain_world *c = chain_ready();
    act_of(c, 2, (sw_app_say){.act = SW_ACT_REVOKE, .everything = true});
    refused_saying(c, (ask){0}, "revoked", c->w->p.genesis.owners[2].name);
    chain_free(c);
}

static void test_removed(void **state) {
    (void)state;
    static const uint8_t last[] = {2};
    chain_world *c = chain_ready();
    (void)keys_granted(c->w, (ask){0});
    change(c, last, 1);
    act(c, 0, SW_ACT_APPROVE); /* a change begins a round */
    act(c, 1, SW_ACT_APPROVE);
    pass_time(c->w, CACHE_MS + 1);
    refused_saying(c, (ask){0}, "removed", "the newest final one");
    unlock_all_now(c);
    refused_saying(c, (ask){0}, "removed", c->w->p.genesis.owners[2].name);
    use_recipe(c->w, &(recipe_plan){.shards = 2}); /* one without that owner's shard */
    boot_machine(c->w);
    act(c, 0, SW_ACT_APPROVE);
    act(c, 1, SW_ACT_APPROVE);
    unlock_all_now(c);
    pass_time(c->w, CACHE_MS + 1);
    (void)keys_granted(c->w, (ask){0});
    chain_free(c);
}

static void test_opening(void **state) {
    (void)state;
    chain_world *c = chain_ready();
    sw_hash manifest = named_hash('m'), recipient_hash;
    sw_p256_public recipient = c->w->p.genesis.owners[0].encryption_key;
    const ask q = {.purpose = SW_PURPOSE_OPEN, .manifest = &manifest, .recipient = &recipient};
    sw_sha256(&recipient_hash, SW_BYTES_OF(recipient.b));
    refused_saying(c, q, "quorum", "opening");
    for (size_t i = 0; i < 2; i++)
        act_of(c, i,
               (sw_app_say){.act = SW_ACT_OPEN, .manifest = manifest, .recipient = recipient_hash});
    unlock_all_now(c);
    pass_time(c->w, CACHE_MS + 1);
    (void)keys_granted(c->w, q);
    sw_p256_public other = c->w->p.genesis.owners[1].encryption_key;
    ask to_another = q;
    to_another.recipient = &other;
    refused_saying(c, to_another, "quorum", "opening");
    act(c, 2, SW_ACT_REVOKE);
    pass_time(c->w, CACHE_MS + 1);
    refused_saying(c, q, "revoked", "the newest final one");
    chain_free(c);
}

/* ---- owners name blocks ---- */
static answer name_block(chain_world *c, size_t i, const sw_head *named) {
    sw_p256_public peer = new_peer(c->w);
    look(c->w, &peer);
    c->w->named = *named;
    sw_unlock_statement s = statement_of(c->w, i);
    return send_unlock(c->w, &s, i, &peer);
}

static void test_named_blocks(void **state) {
    (void)state;
    chain_world *c = chain_new();
    mine(c, 2);
    const sw_head older = final_of(c);
    mine(c, 2);
    const sw_head final = final_of(c);
    sw_head wrong = final;
    wrong.index++;
    expect(name_block(c, 0, &wrong), "rollback"); /* another number than the header's */
    wrong = final;
    wrong.hash.b[0] ^= 1;
    expect(name_block(c, 0, &wrong), "unavailable"); /* no block that the node knows */
    expect(name_block(c, 0, &final), "");
    expect(name_block(c, 0, &older), "rollback");
    expect(name_block(c, 0, &final), ""); /* the same again is no step back */
    expect(name_block(c, 1, &older), ""); /* another owner's word is of its own */
    tell_node(c, "proxy_lie", "[\"eth_getBlockByHash/stateRoot\"]");
    expect(name_block(c, 2, &final), "proof");
    tell_node(c, "proxy_lie", "[]");
    expect(name_block(c, 2, &final), "");
    restart_kms(c->w);
    act(c, 0, SW_ACT_APPROVE);
    act(c, 1, SW_ACT_APPROVE);
    refused_saying(c, (ask){0}, "locked", c->w->p.genesis.owners[0].name);
    unlock_all_now(c);
    (void)keys_granted(c->w, (ask){0});
    chain_free(c);
}

/* ---- the node ---- */
static void test_lies(void **state) {
    (void)state;
    static const char *const lies[] = {
        "[\"eth_getBlockByNumber/stateRoot\"]",
        "[\"eth_getBlockByNumber/number\"]",
        "[\"eth_getBlockByNumber/hash\"]",
        "[\"eth_getBlockByHash/stateRoot\"]",
        "[\"eth_getBlockByHash/parentHash\"]",
        "[\"eth_getProof/accountProof\"]",
        "[\"eth_getProof/accountProof/0\"]",
        "[\"eth_getProof/storageProof\"]",
        "[\"eth_getProof/storageProof/0/proof\"]",
        "[\"eth_getProof/storageProof/0/proof/0\"]",
        "[\"eth_getProof/storageProof/1/proof/0\"]",
        "[\"eth_getProof/storageProof/1/key\"]",
        "[\"eth_chainId\"]",
    };
    chain_world *c = chain_ready();
    for (size_t i = 0; i < sizeof lies / sizeof *lies; i++) {
        restart_kms(c->w); /* it has kept nothing */
        tell_node(c, "proxy_lie", "[]");
        unlock_all_now(c);
        tell_node(c, "proxy_lie", lies[i]);
        answer a = ask_keys(c->w, &(ask){0});
        bool of_chain = strstr(lies[i], "chainId") != NULL; /* was asked before */
        if ((a.http == 200) != of_chain) print_message("# believed: %s\n", lies[i]);
        assert_true((a.http == 200) == of_chain);
        if (!of_chain) assert_int_equal(a.http, 503);           /* nothing was decided */
        assert_string_not_equal(a.refusal.word, "unavailable"); /* it did answer */
        answer_free(&a);
        tell_node(c, "proxy_lie", "[]");
        (void)keys_granted(c->w, (ask){0});
    }
    chain_free(c);
}

static void test_no_answer(void **state) {
    (void)state;
    chain_world *c = chain_ready();
    pid_t proxy = c->proxy;
    (void)keys_granted(c->w, (ask){0});
    end_python(proxy);
    c->proxy = 0;
    (void)keys_granted(c->w, (ask){0}); /* all of it is kept, for 10 s */
    pass_time(c->w, CACHE_MS + 1);
    refused_saying(c, (ask){0}, "unavailable", "node of chain 31337");
    expect(tell(c->w, "GET", "/v1/audit/1", (sw_bytes){0}, NULL), ""); /* the rest goes on */
    chain_free(c);
}

/* Silence is waited for once, and then the node rests. */
static void test_silence(void **state) {
    (void)state;
    chain_world *c = chain_ready();
    const sw_clock clock = sw_clock_system();
    c->w->options.clock.steady_ms = clock.steady_ms; /* real time, for the waiting */
    c->w->options.clock.context = clock.context;
    c->w->options.clock.wall_ms = clock.wall_ms;
    c->w->time.wall = clock.wall_ms(clock.context);
    restart_kms(c->w);
    boot_machine(c->w);
    unlock_all_now(c);
    tell_node(c, "proxy_silence", "[true]");
    int64_t begun = clock.steady_ms(clock.context);
    refused_saying(c, (ask){0}, "unavailable", "node of chain 31337");
    int64_t first = clock.steady_ms(clock.context) - begun;
    assert_in_range(first, 1000, 4000);
    begun = clock.steady_ms(clock.context);
    refused_saying(c, (ask){0}, "unavailable", "a moment ago");
    assert_in_range(clock.steady_ms(clock.context) - begun, 0, 1000);
    chain_free(c);
}

/* The owners unlock again and again, and their node shows what it showed long ago: a veto since is
 * not heard, so the chain's last block bounds their words (CHN-060). */
static void test_a_chain_that_stands_still(void **state) {
    (void)state;
    enum { DAY_S = 86400 }; /* the recipe's max_silence */
    toy_born_s = START_MS / 1000;
    chain_world *c = chain_ready();
    toy_born_s = 0;
    sw_block last;
    assert_int_equal(sw_rpc_block_at(c->node, final_of(c).index, &last, NULL), SW_OK);
    pass_time(c->w, ((int64_t)last.time_s + DAY_S) * 1000 - c->w->time.wall);
    unlock_all_now(c);
    SW_SCOPED(sw_arena) a = {0};
    sw_grant grant;
    (void)views_granted(c, &a, (ask){0}, &grant); /* to the day */
    pass_time(c->w, 1);
    refused_saying(c, (ask){0}, "silence", "is older than the recipe's max_silence");
    refused_saying(c, (ask){.renew = grant.number}, "silence", "named of the chain");
    pass_time(c->w, 1000);
    unlock_all_now(c); /* their word is new, and what they know is not */
    refused_saying(c, (ask){0}, "silence", "is older than the recipe's max_silence");
    mine(c, 1);
    pass_time(c->w, CACHE_MS + 1); /* the block is 12 s younger */
    unlock_all_now(c);
    (void)views_granted(c, &a, (ask){0}, &grant);
    chain_free(c);
}

/* Nodes forget old states; what an owner named is read while it is young. */
static void test_forgotten_states(void **state) {
    (void)state;
    char before[64];
    chain_world *c = chain_ready();
    (void)keys_granted(c->w, (ask){0});
    mine(c, 3);
    const sw_head named = final_of(c);
    for (size_t i = 0; i < OWNERS; i++) unlock_at(c, i, &named);
    mine(c, 5);
    (void)snprintf(before, sizeof before, "[%llu]", (unsigned long long)named.index + 1);
    tell_node(c, "proxy_forget", before);
    pass_time(c->w, CACHE_MS + 1);
    (void)keys_granted(c->w, (ask){0}); /* this compose hash was asked for before */
    restart_kms(c->w);
    for (size_t i = 0; i < OWNERS; i++) unlock_at(c, i, &named);
    refused_saying(c, (ask){0}, "unavailable", "proof window");
    chain_free(c);
}

static size_t files_of_views(const chain_world *c) {
    SW_SCOPED(sw_arena) a = {0};
    char path[160];
    const char **names;
    size_t count = 0;
    (void)snprintf(path, sizeof path, "%s/views", c->w->dir);
    assert_int_equal(sw_folder_list(&a, path, 1000, &names, &count, NULL), SW_OK);
    return count;
}

/* Anybody has a machine and a recipe that lists the owners: what no newest block has approved takes
 * no place among the views and compose hashes that are kept, and none on the disk. */
static void test_strangers_take_no_place(void **state) {
    (void)state;
    enum { MORE = 45 };
    char before[64], name[32];
    chain_world *c = chain_ready();
    (void)keys_granted(c->w, (ask){0});
    const size_t files = files_of_views(c);
    const sw_head named = final_of(c);
    mine(c, 5);
    pass_time(c->w, CACHE_MS + 1);
    for (size_t i = 0; i < MORE; i++) {
        (void)snprintf(name, sizeof name, "stranger-%zu", i);
        use_recipe(c->w, &(recipe_plan){.name = name});
        boot_machine(c->w);
        refused_saying(c, (ask){0}, "quorum", "the newest final one");
        if (i == 0) audit_says(c, "\"view\":\"\"");
    }
    assert_int_equal(files_of_views(c), files);
    use_recipe(c->w, &(recipe_plan){0});
    boot_machine(c->w);
    (void)snprintf(before, sizeof before, "[%llu]", (unsigned long long)named.index + 1);
    tell_node(c, "proxy_forget", before);
    (void)keys_granted(c->w, (ask){0}); /* by the views that were kept */
    const sw_head now = final_of(c);
    for (size_t i = 0; i < OWNERS; i++) unlock_at(c, i, &now);
    mine(c, 5);
    (void)snprintf(before, sizeof before, "[%llu]", (unsigned long long)now.index + 1);
    tell_node(c, "proxy_forget", before);
    pass_time(c->w, CACHE_MS + 1);
    (void)keys_granted(c->w, (ask){0}); /* and its compose hash was read ahead */
    restart_kms(c->w);                  /* the log is read again */
    chain_free(c);
}

static void test_without_a_node(void **state) {
    (void)state;
    chain_world *c = chain_ready();
    sw_p256_public peer = new_peer(c->w);
    c->w->options.node_count = 0;
    restart_kms(c->w); /* it holds the app, and judges nothing about it */
    expect(name_block(c, 0, &c->w->named), "unavailable");
    char path[128];
    (void)snprintf(path, sizeof path, "%s/apps", c->w->dir);
    c->place.chain = TOY_CHAIN + 1;
    c->w->options.node_count = 1;
    restart_kms(c->w);
    expect(name_block(c, 0, &c->w->named), "unavailable");
    expect(tell(c->w, "GET", app_path(c->w, "/ledger/1"), (sw_bytes){0}, &peer), "missing");
    c->place.chain = 0; /* any */
    restart_kms(c->w);
    unlock_all_now(c);
    (void)keys_granted(c->w, (ask){0});
    chain_free(c);
}

static void test_founding_needs_a_node(void **state) {
    (void)state;
    chain_world *c = calloc(1, sizeof *c);
    assert_non_null(c);
    c->w = world_begin();
    chain_keys(c);
    start_chain(c);
    found_on_chain(c);
    start_kms(c->w);
    sw_p256_public peer = new_peer(c->w);
    expect(tell(c->w, "POST", "/v1/apps", bytes_of(&c->w->p.envelope), &peer), "chain");
    c->place = (sw_kms_node_place){.url = c->url};
    c->w->options.nodes = &c->place;
    c->w->options.node_count = 1;
    restart_kms(c->w);
    expect(tell(c->w, "POST", "/v1/apps", bytes_of(&c->w->p.envelope), &peer), "");
    chain_free(c);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_granted),
        cmocka_unit_test(test_the_newest_never_goes_back),
        cmocka_unit_test(test_approval),
        cmocka_unit_test(test_revoked_on_the_chain),
        cmocka_unit_test(test_everything_revoked),
        cmocka_unit_test(test_removed),
        cmocka_unit_test(test_opening),
        cmocka_unit_test(test_named_blocks),
        cmocka_unit_test(test_lies),
        cmocka_unit_test(test_no_answer),
        cmocka_unit_test(test_silence),
        cmocka_unit_test(test_a_chain_that_stands_still),
        cmocka_unit_test(test_forgotten_states),
        cmocka_unit_test(test_strangers_take_no_place),
        cmocka_unit_test(test_without_a_node),
        cmocka_unit_test(test_founding_needs_a_node),
    };
    return cmocka_run_group_tests_name("kms/chain", tests, NULL, NULL);
}
