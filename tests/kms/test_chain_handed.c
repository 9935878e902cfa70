/* SPDX-License-Identifier: Apache-2.0
 *
 * Revocations that owners of an app on a chain hand to the key service: docs/formats/chain.md,
 * CHN-304 and CHN-305, against the service without sockets and a toy chain.
 */
#include "kms/chain_world.h"

static answer hand_over(chain_world *c, sw_bytes call) {
    sw_p256_public peer = new_peer(c->w);
    return tell(c->w, "POST", app_path(c->w, "/ledger"), call, &peer);
}

static void approve_again(chain_world *c) {
    act(c, 0, SW_ACT_APPROVE);
    act(c, 1, SW_ACT_APPROVE);
}

/* The chain gets what owner 2 had handed over, and her lift. */
static void send_and_lift(chain_world *c, sw_bytes call) {
    (void)send_call(c, &c->w->p.genesis.chain.contract, call);
    act(c, 2, SW_ACT_LIFT);
    approve_again(c);
}

/* The chain passes all numbers of owner 2 up to this one, by other words of hers. */
static void pass_over(chain_world *c, uint64_t sequence) {
    act_of(c, 2, (sw_app_say){.act = SW_ACT_REVOKE, .everything = true, .sequence = sequence});
    act_of(c, 2, (sw_app_say){.act = SW_ACT_LIFT, .everything = true});
    approve_again(c);
}

static void test_handed_over(void **state) {
    (void)state;
    chain_world *c = chain_ready();
    const char *name = c->w->p.genesis.owners[2].name;
    SW_SCOPED(sw_buffer) call = SW_BUFFER(1 << 12);
    sw_grant g = keys_granted(c->w, (ask){0});
    put_call(c, 2, (sw_app_say){.act = SW_ACT_REVOKE}, &call);
    expect(hand_over(c, bytes_of(&call)), "");
    audit_says(c, "\"event\":\"revocation\"");
    expect(hand_over(c, bytes_of(&call)), ""); /* once more is the same */
    refused_saying(c, (ask){.renew = g.number}, "revoked", name);
    refused_saying(c, (ask){0}, "revoked", "told this key service directly");
    tell_node(c, "proxy_silence", "[true]"); /* no node is asked for this */
    refused_saying(c, (ask){0}, "revoked", name);
    tell_node(c, "proxy_silence", "[false]");
    send_and_lift(c, bytes_of(&call));
    unlock_all_now(c);
    pass_time(c->w, CACHE_MS + 1);
    refused_saying(c, (ask){0}, "revoked", name); /* as long as the process lives */
    restart_kms(c->w);
    unlock_all_now(c);
    (void)keys_granted(c->w, (ask){0});
    expect(hand_over(c, bytes_of(&call)), "ledger"); /* anyone can read it on the chain */
    (void)keys_granted(c->w, (ask){0});
    chain_free(c);
}

/* While no node answers it counts; when one does, what the chain had passed is dropped. */
static void test_handed_over_in_silence(void **state) {
    (void)state;
    chain_world *c = chain_ready();
    SW_SCOPED(sw_buffer) old = SW_BUFFER(1 << 12);
    SW_SCOPED(sw_buffer) fresh = SW_BUFFER(1 << 12);
    put_call(c, 2, (sw_app_say){.act = SW_ACT_REVOKE}, &old);
    send_and_lift(c, bytes_of(&old));
    put_call(c, 2, (sw_app_say){.act = SW_ACT_REVOKE, .everything = true, .sequence = 9}, &fresh);
    unlock_all_now(c);
    restart_kms(c->w);
    unlock_all_now(c);
    tell_node(c, "proxy_lie", "[\"eth_getBlockByNumber/stateRoot\"]");
    expect(hand_over(c, bytes_of(&old)), "");
    refused_saying(c, (ask){0}, "proof", "node of chain");
    tell_node(c, "proxy_lie", "[]");
    (void)keys_granted(c->w, (ask){0});
    tell_node(c, "proxy_lie", "[\"eth_getBlockByNumber/stateRoot\"]");
    pass_time(c->w, CACHE_MS + 1);
    expect(hand_over(c, bytes_of(&fresh)), "");
    tell_node(c, "proxy_lie", "[]");
    refused_saying(c, (ask){0}, "revoked", "directly");
    refused_saying(c, (ask){0}, "revoked", "directly");
    chain_free(c);
}

/* What a node shows as newest may be of a chain that it made up: in it the owner's number is
 * passed, and the revocation counts all the same until a block that she has named says so. */
static void test_handed_over_against_the_node(void **state) {
    (void)state;
    chain_world *c = chain_ready();
    const char *name = c->w->p.genesis.owners[2].name;
    SW_SCOPED(sw_buffer) call = SW_BUFFER(1 << 12);
    put_call(c, 2, (sw_app_say){.act = SW_ACT_REVOKE}, &call);
    pass_over(c, 9);
    pass_time(c->w, CACHE_MS + 1);
    (void)keys_granted(c->w, (ask){0});
    expect(hand_over(c, bytes_of(&call)), "");
    refused_saying(c, (ask){0}, "revoked", name);
    refused_saying(c, (ask){0}, "revoked", "directly");
    const sw_head now = final_of(c);
    unlock_at(c, 0, &now);
    refused_saying(c, (ask){0}, "revoked", name); /* another owner's word says nothing of it */
    unlock_at(c, 2, &now);
    (void)keys_granted(c->w, (ask){0});
    expect(hand_over(c, bytes_of(&call)), "ledger");
    chain_free(c);
}

/* A request that is not about her shard leaves her revocation alone, whatever newest block the node
 * shows: she has named a block, and it has not passed. */
static void test_handed_over_and_another_recipe(void **state) {
    (void)state;
    chain_world *c = chain_ready();
    const char *name = c->w->p.genesis.owners[2].name;
    const recipe_plan another = {.name = "another", .shards = 2};
    SW_SCOPED(sw_buffer) call = SW_BUFFER(1 << 12);
    put_call(c, 2, (sw_app_say){.act = SW_ACT_REVOKE}, &call);
    pass_over(c, 9);
    use_recipe(c->w, &another);
    approve_again(c);
    const sw_head now = final_of(c);
    unlock_at(c, 0, &now);
    unlock_at(c, 1, &now);
    pass_time(c->w, CACHE_MS + 1);
    expect(hand_over(c, bytes_of(&call)), "");
    for (size_t i = 0; i < 2; i++) {
        use_recipe(c->w, &(recipe_plan){0});
        boot_machine(c->w);
        refused_saying(c, (ask){0}, "revoked", name);
        use_recipe(c->w, &another);
        boot_machine(c->w);
        (void)keys_granted(c->w, (ask){0});
    }
    unlock_at(c, 2, &now);
    (void)keys_granted(c->w, (ask){0}); /* nor is her shard asked for when her word has passed it */
    expect(hand_over(c, bytes_of(&call)), "ledger");
    use_recipe(c->w, &(recipe_plan){0});
    boot_machine(c->w);
    (void)keys_granted(c->w, (ask){0});
    chain_free(c);
}

/* Of an owner who has named no block the node's word alone drops nothing either: every block that
 * another owner has named must have passed it. */
static void test_handed_over_by_one_who_named_none(void **state) {
    (void)state;
    chain_world *c = chain_new();
    SW_SCOPED(sw_buffer) call = SW_BUFFER(1 << 12);
    use_recipe(c->w, &(recipe_plan){.shards = 2});
    boot_machine(c->w);
    approve_again(c);
    const sw_head before = final_of(c);
    for (size_t i = 0; i < 2; i++) unlock_at(c, i, &before);
    (void)keys_granted(c->w, (ask){0});
    put_call(c, 2, (sw_app_say){.act = SW_ACT_REVOKE}, &call);
    pass_over(c, 9);
    const sw_head now = final_of(c);
    pass_time(c->w, CACHE_MS + 1);
    expect(hand_over(c, bytes_of(&call)), "");
    refused_saying(c, (ask){0}, "revoked", "directly");
    unlock_at(c, 0, &now);
    refused_saying(c, (ask){0}, "revoked", "directly");
    unlock_at(c, 1, &now);
    (void)keys_granted(c->w, (ask){0});
    expect(hand_over(c, bytes_of(&call)), "ledger");
    chain_free(c);
}

/* Removing an owner lifts nothing that was handed over before, and who was removed revokes no more.
 */
static void test_handed_over_by_one_who_was_removed(void **state) {
    (void)state;
    static const uint8_t last[] = {2};
    chain_world *c = chain_ready();
    SW_SCOPED(sw_buffer) call = SW_BUFFER(1 << 12);
    use_recipe(c->w, &(recipe_plan){.shards = 2});
    boot_machine(c->w);
    put_call(c, 2, (sw_app_say){.act = SW_ACT_REVOKE, .sequence = 5}, &call);
    expect(hand_over(c, bytes_of(&call)), "");
    change(c, last, 1);
    approve_again(c);
    const sw_head now = final_of(c);
    for (size_t i = 0; i < 2; i++) unlock_at(c, i, &now);
    pass_time(c->w, CACHE_MS + 1);
    refused_saying(c, (ask){0}, "revoked", c->w->p.genesis.owners[2].name);
    restart_kms(c->w);
    for (size_t i = 0; i < 2; i++) unlock_at(c, i, &now);
    (void)keys_granted(c->w, (ask){0});
    expect(hand_over(c, bytes_of(&call)), "ledger");
    (void)keys_granted(c->w, (ask){0});
    chain_free(c);
}

/* A revocation of some other recipe. */
static void hand_over_other(chain_world *c, size_t owner, uint64_t sequence, const char *word) {
    SW_SCOPED(sw_buffer) call = SW_BUFFER(1 << 12);
    const sw_hash x = c->w->x;
    sw_sha256(&c->w->x, SW_BYTES(&sequence, sizeof sequence));
    put_call(c, owner, (sw_app_say){.act = SW_ACT_REVOKE, .sequence = sequence}, &call);
    c->w->x = x;
    expect(hand_over(c, bytes_of(&call)), word);
}

/* Her room for others' recipes is full: what the same words say again, and what revokes everything,
 * is taken all the same. */
static void test_each_owner_has_room(void **state) {
    (void)state;
    enum { MOST = 256 / OWNERS };
    chain_world *c = chain_ready();
    SW_SCOPED(sw_buffer) again = SW_BUFFER(1 << 12);
    for (uint64_t i = 0; i <= MOST; i++) hand_over_other(c, 2, 9 + i, i < MOST ? "" : "limit");
    hand_over_other(c, 2, 9, "");
    hand_over_other(c, 1, 9, "");
    restart_kms(c->w); /* which holds them all */
    unlock_all_now(c);
    for (uint64_t i = 0; i <= MOST; i++) hand_over_other(c, 2, 9 + i, i < MOST ? "" : "limit");
    (void)keys_granted(c->w, (ask){0});
    for (uint64_t i = 0; i < 40; i++) {
        again.size = 0;
        put_call(c, 2, (sw_app_say){.act = SW_ACT_REVOKE, .everything = true, .sequence = 9 + i},
                 &again);
        expect(hand_over(c, bytes_of(&again)), "");
    }
    refused_saying(c, (ask){0}, "revoked", "directly");
    chain_free(c);
}

/* The transaction is held back, the service is restarted and all owners' programs unlock it: what
 * was handed over counts, until the chain has it and her lift. */
static void test_handed_over_before_a_restart(void **state) {
    (void)state;
    chain_world *c = chain_ready();
    const char *name = c->w->p.genesis.owners[2].name;
    SW_SCOPED(sw_buffer) call = SW_BUFFER(1 << 12);
    put_call(c, 2, (sw_app_say){.act = SW_ACT_REVOKE}, &call);
    expect(hand_over(c, bytes_of(&call)), "");
    for (int i = 0; i < 2; i++) {
        restart_kms(c->w);
        unlock_all_now(c);
        refused_saying(c, (ask){0}, "revoked", name);
        refused_saying(c, (ask){0}, "revoked", "told this key service directly");
    }
    send_and_lift(c, bytes_of(&call));
    restart_kms(c->w);
    unlock_all_now(c);
    (void)keys_granted(c->w, (ask){0});
    chain_free(c);
}

/* Whoever has the service restarts it, has its node show a chain in which her number is passed, and
 * hands over something else of hers: while nobody has named a block the node's word drops nothing.
 */
static void test_handed_over_and_nobody_has_spoken(void **state) {
    (void)state;
    chain_world *c = chain_ready();
    SW_SCOPED(sw_buffer) call = SW_BUFFER(1 << 12);
    const sw_head before = final_of(c);
    put_call(c, 2, (sw_app_say){.act = SW_ACT_REVOKE}, &call);
    expect(hand_over(c, bytes_of(&call)), "");
    pass_over(c, 9);
    restart_kms(c->w);
    pass_time(c->w, CACHE_MS + 1);
    hand_over_other(c, 2, 5, "");
    for (size_t i = 0; i < OWNERS; i++) unlock_at(c, i, &before);
    refused_saying(c, (ask){0}, "revoked", "directly");
    chain_free(c);
}

/* She is told that it holds, so it is in the log, also where the same words were held already. */
static void test_the_same_words_with_a_higher_number(void **state) {
    (void)state;
    chain_world *c = chain_ready();
    SW_SCOPED(sw_buffer) first = SW_BUFFER(1 << 12);
    SW_SCOPED(sw_buffer) later = SW_BUFFER(1 << 12);
    put_call(c, 2, (sw_app_say){.act = SW_ACT_REVOKE, .sequence = 9}, &first);
    put_call(c, 2, (sw_app_say){.act = SW_ACT_REVOKE, .sequence = 600}, &later);
    expect(hand_over(c, bytes_of(&first)), "");
    refused_saying(c, (ask){0}, "revoked", "directly"); /* it was compared */
    pass_over(c, 20);
    expect(hand_over(c, bytes_of(&later)), "");
    restart_kms(c->w);
    unlock_all_now(c);
    refused_saying(c, (ask){0}, "revoked", "directly");
    chain_free(c);
}

/* A log has more of one owner than were ever held at a time, since the chain passed some: those
 * that it has not passed are what a later start holds. */
static void test_a_log_of_more_than_there_is_room(void **state) {
    (void)state;
    enum { MOST = 256 / OWNERS };
    chain_world *c = chain_ready();
    SW_SCOPED(sw_buffer) call = SW_BUFFER(1 << 12);
    for (uint64_t i = 0; i < MOST; i++) hand_over_other(c, 2, 9 + i, "");
    pass_over(c, 500);
    restart_kms(c->w); /* those were compared, and hold until then */
    unlock_all_now(c);
    put_call(c, 2, (sw_app_say){.act = SW_ACT_REVOKE, .sequence = 600}, &call);
    expect(hand_over(c, bytes_of(&call)), "");
    for (uint64_t i = 1; i < MOST; i++) hand_over_other(c, 2, 600 + i, "");
    restart_kms(c->w);
    unlock_all_now(c);
    refused_saying(c, (ask){0}, "revoked", "directly");
    hand_over_other(c, 2, 700, "limit");
    chain_free(c);
}

/* Whoever has the folder takes the app from it, to found it anew without what was handed over. */
static void test_a_restart_without_the_app(void **state) {
    (void)state;
    chain_world *c = chain_ready();
    world *w = c->w;
    char hex[65], path[256];
    sw_error err = {0};
    SW_SCOPED(sw_buffer) call = SW_BUFFER(1 << 12);
    put_call(c, 2, (sw_app_say){.act = SW_ACT_REVOKE}, &call);
    expect(hand_over(c, bytes_of(&call)), "");
    sw_kms_close(&w->kms);
    sw_hex_text(hex, SW_BYTES_OF(w->p.genesis.hash.b));
    (void)snprintf(path, sizeof path, "%s/apps/%s.genesis", w->dir, hex);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(sw_kms_open(&w->options, &w->kms, &err), SW_UNAUTHENTIC);
    assert_string_equal(err.word, "rollback");
    assert_non_null(strstr(err.message, hex));
    assert_int_equal(sw_file_write(path, bytes_of(&w->p.envelope), 0600, SW_WRITE_NEW, NULL),
                     SW_OK);
    start_kms(w);
    unlock_all_now(c);
    refused_saying(c, (ask){0}, "revoked", "directly");
    chain_free(c);
}

/* While no node answers, anybody hands over what her own block has passed already: it is dropped by
 * what is kept of that block, and takes no room from what she says now. */
static void test_old_ones_take_no_room(void **state) {
    (void)state;
    enum { MOST = 256 / OWNERS };
    chain_world *c = chain_ready();
    SW_SCOPED(sw_buffer) fresh = SW_BUFFER(1 << 12);
    pass_over(c, 500);
    unlock_all_now(c);
    pass_time(c->w, CACHE_MS + 1);
    (void)keys_granted(c->w, (ask){0});
    put_call(c, 2, (sw_app_say){.act = SW_ACT_REVOKE}, &fresh);
    SW_SCOPED(sw_buffer) old = SW_BUFFER(1 << 16);
    sw_bytes calls[MOST + 1];
    size_t size = 0;
    for (uint64_t i = 0; i <= MOST; i++) {
        const sw_hash x = c->w->x;
        sw_sha256(&c->w->x, SW_BYTES(&i, sizeof i));
        put_call(c, 2, (sw_app_say){.act = SW_ACT_REVOKE, .sequence = 9 + i}, &old);
        c->w->x = x;
    }
    size = old.size / (MOST + 1);
    for (size_t i = 0; i <= MOST; i++) calls[i] = SW_BYTES(old.data + i * size, size);
    pass_time(c->w, CACHE_MS + 1);
    tell_node(c, "proxy_lie", "[\"eth_getBlockByNumber/stateRoot\"]");
    for (size_t i = 0; i <= MOST; i++) expect(hand_over(c, calls[i]), "ledger");
    expect(hand_over(c, bytes_of(&fresh)), "");
    tell_node(c, "proxy_lie", "[]");
    refused_saying(c, (ask){0}, "revoked", "directly");
    chain_free(c);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_handed_over),
        cmocka_unit_test(test_handed_over_in_silence),
        cmocka_unit_test(test_handed_over_against_the_node),
        cmocka_unit_test(test_handed_over_and_another_recipe),
        cmocka_unit_test(test_handed_over_by_one_who_named_none),
        cmocka_unit_test(test_handed_over_by_one_who_was_removed),
        cmocka_unit_test(test_each_owner_has_room),
        cmocka_unit_test(test_old_ones_take_no_room),
        cmocka_unit_test(test_handed_over_before_a_restart),
        cmocka_unit_test(test_handed_over_and_nobody_has_spoken),
        cmocka_unit_test(test_the_same_words_with_a_higher_number),
        cmocka_unit_test(test_a_log_of_more_than_there_is_room),
        cmocka_unit_test(test_a_restart_without_the_app),
    };
    return cmocka_run_group_tests_name("kms/chain_handed", tests, NULL, NULL);
}
