/* SPDX-License-Identifier: Apache-2.0
 *
 * Views of a chain (CHN-040 to CHN-043, CHN-100 to CHN-104): the same answers as a local ledger to
 * the same stories; owners added and removed; and everything that must not pass, from words that no
 * contract has to every cut and flip of the bytes.
 */
#include "ledger/chain_world.h"

#include <stdlib.h>

enum { STEPS = 150, COMPOSES = 3, MANIFESTS = 2 };

static chain_world world;

static sw_status verify(const chain_world *w, const sw_head *at, sw_bytes view,
                        const sw_chain_ask *ask, sw_ledger **l, sw_error *err) {
    return sw_chain_view_verify(&w->p.genesis, at, view, ask, l, err);
}

static sw_ledger *look(chain_world *w, const sw_chain_ask *ask) {
    SW_SCOPED(sw_buffer) view = SW_BUFFER(SW_CHAIN_VIEW_LIMIT);
    sw_head at, head;
    sw_ledger *l = NULL;
    sw_error err = {0};
    world_view(w, ask, &at, &view);
    if (verify(w, &at, bytes_of(&view), ask, &l, &err) != SW_OK) fail_msg("%s", err.message);
    head = sw_ledger_head(l);
    assert_true(sw_head_equal(&head, &at));
    assert_int_equal(sw_chain_view_head(bytes_of(&view), &head, &err), SW_OK);
    assert_true(sw_head_equal(&head, &at));
    return l;
}

/* ---- the same answers as a local ledger ---- */

typedef struct questions {
    sw_hash composes[COMPOSES];
    sw_chain_opening openings[COMPOSES * MANIFESTS];
    sw_chain_ask ask;
} questions;

static void ask_all(const people *p, questions *q) {
    size_t n = 0;
    for (size_t c = 0; c < COMPOSES; c++) {
        q->composes[c] = named_hash((char)('x' + c));
        for (size_t m = 0; m < MANIFESTS; m++)
            q->openings[n++] = (sw_chain_opening){q->composes[c], named_hash((char)('m' + m)),
                                                  p->genesis.owners[0].encryption_key};
    }
    q->ask = (sw_chain_ask){q->composes, COMPOSES, q->openings, n};
}

static sw_entry random_entry(people *p, size_t owner) {
    static const sw_payload_kind kinds[] = {
        SW_PAYLOAD_APPROVE, SW_PAYLOAD_APPROVE, SW_PAYLOAD_APPROVE, SW_PAYLOAD_OPEN,
        SW_PAYLOAD_OPEN,    SW_PAYLOAD_REVOKE,  SW_PAYLOAD_LIFT,    SW_PAYLOAD_LIFT};
    sw_payload_kind kind = kinds[next_random(&p->seed) % COUNT(kinds)];
    bool ends = kind == SW_PAYLOAD_REVOKE || kind == SW_PAYLOAD_LIFT;
    char target = (char)('x' + next_random(&p->seed) % COMPOSES);
    if (ends && next_random(&p->seed) % 4 == 0) target = '*';
    sw_entry e = entry_about(p, owner, kind, target);
    e.manifest = named_hash((char)('m' + next_random(&p->seed) % MANIFESTS));
    e.recipient = p->genesis.owners[0].encryption_key;
    if (kind == SW_PAYLOAD_REVOKE) e.sequence += next_random(&p->seed) % 5;
    return e;
}

static void compare(const people *local_people, const sw_ledger *local, const chain_world *w,
                    const sw_ledger *l, const questions *q) {
    static sw_recipe r;
    for (size_t i = 0; i < q->ask.compose_count; i++) {
        sw_approval a, b;
        sw_error ea = {0}, eb = {0};
        sw_ledger_approval(local, &q->composes[i], &a);
        sw_ledger_approval(l, &q->composes[i], &b);
        assert_int_equal(a.approvals, b.approvals);
        assert_int_equal(a.approver_count, b.approver_count);
        assert_int_equal(a.revoker_count, b.revoker_count);
        assert_int_equal(a.approved, b.approved);
        assert_int_equal(a.quorum, b.quorum);
        assert_int_equal(sw_ledger_check_run(local, &q->composes[i], &ea),
                         sw_ledger_check_run(l, &q->composes[i], &eb));
        assert_string_equal(ea.message, eb.message);
    }
    for (size_t i = 0; i < q->ask.opening_count; i++) {
        const sw_chain_opening *o = &q->openings[i];
        r = (sw_recipe){.shard_count = w->p.count, .open_quorum = (uint32_t)(i % 3)};
        for (size_t k = 0; k < w->p.count; k++)
            r.shards[k].owner = local_people->genesis.owners[k].id;
        sw_error ea = {0}, eb = {0};
        r.genesis = local_people->genesis.hash;
        sw_status a =
            sw_ledger_check_open(local, &r, &o->compose, &o->manifest, &o->recipient, &ea);
        r.genesis = w->p.genesis.hash;
        sw_status b = sw_ledger_check_open(l, &r, &o->compose, &o->manifest, &o->recipient, &eb);
        assert_int_equal(a, b);
        assert_string_equal(ea.message, eb.message);
    }
    for (size_t i = 0; i < w->p.count; i++)
        assert_true(sw_ledger_sequence(local, &w->p.genesis.owners[i].id) ==
                    sw_ledger_sequence(l, &w->p.genesis.owners[i].id));
}

static void test_as_a_local_ledger(void **state) {
    static questions q;
    (void)state;
    size_t accepted = 0, runs = 0;
    for (uint64_t seed = 1; seed <= 3; seed++) {
        people p;
        sw_ledger *local = NULL;
        print_message("# seed %llu\n", (unsigned long long)seed);
        found_world(&world, seed, 3, 2);
        found_app(&p, seed, 3, 2);
        /* The same owners as on the chain; the keys are drawn first, so they are the same. */
        for (size_t i = 0; i < 3; i++)
            assert_true(sw_hash_equal(&p.owners[i].id, &world.p.owners[i].id));
        ask_all(&p, &q);
        assert_int_equal(sw_ledger_open(&p.genesis, &local, NULL), SW_OK);
        for (size_t step = 0; step < STEPS; step++) {
            size_t owner = next_random(&p.seed) % 3;
            sw_entry e = random_entry(&p, owner);
            if (put(&p, local, &e, owner, NULL) == SW_OK) {
                world_act(&world, owner, &e);
                accepted++;
            }
            sw_ledger *l = look(&world, &q.ask);
            compare(&p, local, &world, l, &q);
            runs += sw_ledger_check_run(l, &q.composes[0], NULL) == SW_OK;
            sw_ledger_close(&l);
        }
        sw_ledger_close(&local);
        part(&p);
        leave_world(&world);
    }
    assert_true(accepted > STEPS && runs > 20);
}

/* ---- one compose hash, approved by two of three, and one opening ---- */

static const char X = 'x';

static void approved_world(sw_chain_ask *ask) {
    static sw_hash x;
    static sw_chain_opening opening;
    found_world(&world, 0xa11, 3, 2);
    for (size_t i = 0; i < 2; i++) {
        sw_entry e = entry_about(&world.p, i, SW_PAYLOAD_APPROVE, X),
                 o = opening_of(&world.p, i, 'm');
        o.sequence++;
        world_act(&world, i, &e);
        world_act(&world, i, &o);
    }
    x = named_hash(X);
    opening = (sw_chain_opening){x, named_hash('m'), world.p.genesis.owners[0].encryption_key};
    *ask = (sw_chain_ask){&x, 1, &opening, 1};
}

static const char *run_word(const sw_ledger *l, char compose) {
    static sw_error err;
    sw_hash x = named_hash(compose);
    err = (sw_error){0};
    return sw_ledger_check_run(l, &x, &err) == SW_OK ? "" : err.word;
}

static sw_recipe *recipe_of(const people *p) {
    static sw_recipe r;
    r = (sw_recipe){.genesis = p->genesis.hash, .shard_count = 2};
    for (size_t i = 0; i < 2; i++) r.shards[i].owner = p->genesis.owners[i].id;
    return &r;
}

static const char *open_word(const sw_ledger *l) {
    static sw_error err;
    sw_hash x = named_hash(X), m = named_hash('m');
    err = (sw_error){0};
    sw_status status = sw_ledger_check_open(l, recipe_of(&world.p), &x, &m,
                                            &world.p.genesis.owners[0].encryption_key, &err);
    return status == SW_OK ? "" : err.word;
}

static void test_owners_change(void **state) {
    sw_chain_ask ask;
    sw_error err = {0};
    (void)state;
    approved_world(&ask);
    sw_ledger *l = look(&world, &ask);
    assert_string_equal(run_word(l, X), "");
    assert_string_equal(open_word(l), "");
    assert_int_equal(sw_ledger_check_owners(l, recipe_of(&world.p), &err), SW_OK);
    sw_ledger_close(&l);
    /* The second one goes, a fourth comes, the quorum is 3: all approvals are void. */
    world.head.active = 0xd;
    world.head.places = 4;
    world.head.quorum = 3;
    world.head.changes = 1;
    world.head.round++;
    memset(world.owners[3].account.b, 0xd4, SW_ADDRESS_BYTES);
    l = look(&world, &ask);
    assert_string_equal(run_word(l, X), "quorum");
    assert_string_equal(open_word(l), "removed");
    assert_int_equal(sw_ledger_check_owners(l, recipe_of(&world.p), &err), SW_REFUSED);
    assert_string_equal(err.word, "removed");
    assert_non_null(strstr(err.message, world.p.genesis.owners[1].name));
    sw_ledger_close(&l);
    /* All three who are active approve, the fourth among them. */
    sw_app_decision *c = world_compose(&world, &ask.composes[0]);
    *c = (sw_app_decision){.approvals = 0xd, .app_round = world.head.round};
    l = look(&world, &ask);
    assert_string_equal(run_word(l, X), "");
    sw_approval a;
    sw_ledger_approval(l, &ask.composes[0], &a);
    assert_int_equal(a.approver_count, 3);
    assert_hex(a.approvers[2].b, 32,
               "000000000000000000000000d4d4d4d4d4d4d4d4d4d4d4d4d4d4d4d4d4d4d4d4");
    sw_ledger_close(&l);
    /* An approval of one who is not active counts nothing. */
    *c = (sw_app_decision){.approvals = 0x7, .app_round = world.head.round};
    l = look(&world, &ask);
    assert_string_equal(run_word(l, X), "quorum");
    sw_ledger_close(&l);
    /* A revocation of one who is gone stands. */
    *c = (sw_app_decision){.approvals = 0xd, .revocations = 2, .app_round = world.head.round};
    l = look(&world, &ask);
    assert_string_equal(run_word(l, X), "revoked");
    sw_ledger_close(&l);
    *c = (sw_app_decision){.approvals = 0xd, .revocations = 8, .app_round = world.head.round};
    l = look(&world, &ask);
    assert_int_equal(sw_ledger_check_run(l, &ask.composes[0], &err), SW_REFUSED);
    char address[43];
    sw_address_text(address, &world.owners[3].account);
    assert_non_null(strstr(err.message, address));
    sw_ledger_close(&l);
    leave_world(&world);
}

static void test_rounds(void **state) {
    sw_chain_ask ask;
    (void)state;
    approved_world(&ask);
    sw_app_decision *c = world_compose(&world, &ask.composes[0]),
                    *o = world_opening(&world, &ask.openings[0]), good = *c, open = *o;
    static const struct {
        int64_t head, compose_app, compose, opening_app, opening;
        const char *run, *opened;
    } cases[] = {
        {0, 0, 0, 0, 0, "", ""},        {1, 0, 0, 0, 0, "quorum", "quorum"},
        {1, 1, 0, 1, 0, "", ""},        {1, 1, 0, 0, 0, "", "quorum"},
        {0, 0, 1, 0, 0, "", "quorum"},  {0, 0, 1, 0, 1, "", ""},
        {0, 1, 0, 0, 0, "quorum", ""},  {0, -1, 0, 0, 0, "quorum", ""},
        {0, 0, 0, 1, 0, "", "quorum"},  {0, 0, 0, 0, 1, "", "quorum"},
        {0, 0, 0, -1, 0, "", "quorum"},
    };
    uint64_t round = world.head.round;
    for (size_t i = 0; i < COUNT(cases); i++) {
        *c = good;
        *o = open;
        world.head.round = round + (uint64_t)cases[i].head;
        c->app_round += (uint64_t)cases[i].compose_app;
        c->round += (uint64_t)cases[i].compose;
        o->app_round += (uint64_t)cases[i].opening_app;
        o->round += (uint64_t)cases[i].opening;
        sw_ledger *l = look(&world, &ask);
        if (strcmp(run_word(l, X), cases[i].run) != 0 || strcmp(open_word(l), cases[i].opened) != 0)
            fail_msg("case %zu: %s, %s", i, run_word(l, X), open_word(l));
        sw_ledger_close(&l);
    }
    leave_world(&world);
}

/* What the view was not asked about stands at nothing (CHN-042, CHN-101). */
static void test_not_asked(void **state) {
    sw_chain_ask ask, none = {0}, opening;
    (void)state;
    approved_world(&ask);
    SW_SCOPED(sw_buffer) view = SW_BUFFER(SW_CHAIN_VIEW_LIMIT);
    SW_SCOPED(sw_buffer) small = SW_BUFFER(SW_CHAIN_VIEW_LIMIT);
    sw_head at, small_at;
    sw_ledger *l = NULL;
    sw_error err = {0};
    world_view(&world, &ask, &at, &view);
    assert_int_equal(verify(&world, &at, bytes_of(&view), &none, &l, NULL), SW_OK);
    assert_string_equal(run_word(l, X), "quorum");
    assert_string_equal(open_word(l), "quorum");
    sw_ledger_close(&l);
    opening = (sw_chain_ask){NULL, 0, ask.openings, 1};
    assert_int_equal(verify(&world, &at, bytes_of(&view), &opening, &l, NULL), SW_OK);
    assert_string_equal(run_word(l, X), "");
    assert_string_equal(open_word(l), "");
    sw_ledger_close(&l);
    world_view(&world, &none, &small_at, &small);
    assert_int_equal(verify(&world, &small_at, bytes_of(&small), &none, &l, NULL), SW_OK);
    assert_string_equal(run_word(l, 'y'), "quorum");
    sw_ledger_close(&l);
    assert_int_equal(verify(&world, &small_at, bytes_of(&small), &ask, &l, &err), SW_UNAUTHENTIC);
    assert_non_null(strstr(err.message, "does not say what stands of a compose hash"));
    assert_null(l);
    leave_world(&world);
}

/* An opening asked about alone hears of the revocation of its compose hash. */
static void test_opening_revoked(void **state) {
    sw_chain_ask ask;
    (void)state;
    approved_world(&ask);
    world_compose(&world, &ask.composes[0])->revocations = 4; /* and nothing else changes */
    ask.compose_count = 0;
    sw_ledger *l = look(&world, &ask);
    assert_string_equal(open_word(l), "revoked");
    sw_ledger_close(&l);
    leave_world(&world);
}

static void test_turn(void **state) {
    sw_chain_ask ask;
    sw_chain_turn turn = {0};
    sw_error err = {0};
    sw_hash y = named_hash('y');
    (void)state;
    approved_world(&ask);
    world.head.active = 5;
    world.head.changes = 9;
    world_compose(&world, &ask.composes[0])->round = 3;
    sw_ledger *l = look(&world, &ask);
    const sw_owner *o = world.p.genesis.owners;
    assert_int_equal(sw_chain_turn_of(l, &o[0].address, &ask.composes[0], &turn, &err), SW_OK);
    assert_true(turn.place == 0 && turn.active && turn.sequence == 3 && turn.app_round == 1 &&
                turn.round == 3 && turn.changes == 9);
    assert_int_equal(sw_chain_turn_of(l, &o[1].address, NULL, &turn, &err), SW_OK);
    assert_true(turn.place == 1 && !turn.active && turn.sequence == 3 && turn.round == 0);
    assert_int_equal(sw_chain_turn_of(l, &o[2].address, NULL, &turn, &err), SW_OK);
    assert_true(turn.place == 2 && turn.active && turn.sequence == 1);
    assert_int_equal(sw_chain_turn_of(l, &world.p.genesis.chain.contract, NULL, &turn, &err),
                     SW_REFUSED);
    assert_string_equal(err.word, "owner");
    assert_int_equal(sw_chain_turn_of(l, &o[0].address, &y, &turn, &err), SW_USAGE);
    sw_ledger_close(&l);
    leave_world(&world);
}

/* ---- words that no contract has ---- */

typedef void (*spoiler)(chain_world *w);

static void spoil_places_few(chain_world *w) {
    w->head.places = 2;
}
static void spoil_places_many(chain_world *w) {
    w->head.places = 33;
}
static void spoil_active(chain_world *w) {
    w->head.active |= 8;
}
static void spoil_everything(chain_world *w) {
    w->head.everything = 8;
}
static void spoil_quorum_none(chain_world *w) {
    w->head.quorum = 0;
}
static void spoil_quorum_many(chain_world *w) {
    w->head.changes = 1;
    w->head.quorum = 4;
}
static void spoil_quorum_idle(chain_world *w) {
    w->head.changes = 1;
    w->head.active = 1;
}
static void spoil_round(chain_world *w) {
    w->head.round = 0;
}
static void spoil_quorum_unchanged(chain_world *w) {
    w->head.quorum = 1;
}
static void spoil_active_unchanged(chain_world *w) {
    w->head.active = 3;
}
static void spoil_places_unchanged(chain_world *w) {
    w->head.places = 4;
    w->head.active = 15;
    memset(w->owners[3].account.b, 4, 20);
}
static void spoil_address(chain_world *w) {
    w->owners[1].account.b[19] ^= 1;
}
static void spoil_owners_exchanged(chain_world *w) {
    sw_address a = w->owners[0].account;
    w->owners[0].account = w->owners[1].account;
    w->owners[1].account = a;
}
static void spoil_nobody(chain_world *w) {
    w->head.changes = 1;
    w->head.places = 4;
    w->owners[3].sequence = 1;
}
static void spoil_twice(chain_world *w) {
    w->head.changes = 1;
    w->head.places = 4;
    w->owners[3].account = w->owners[1].account;
}
static void spoil_sequence(chain_world *w) {
    w->owners[2].sequence = UINT64_C(1) << 53;
}
static void spoil_approval(chain_world *w) {
    w->composes[0].d.approvals |= 8;
}
static void spoil_revocation(chain_world *w) {
    w->composes[0].d.revocations |= 1u << 31;
}
static void spoil_opening(chain_world *w) {
    w->openings[0].d.approvals |= 8;
}
static void spoil_code(chain_world *w) {
    w->code_hash.b[7] ^= 1;
}
static void test_spoiled_words(void **state) {
    static const struct {
        spoiler spoil;
        const char *sentence;
    } cases[] = {
        {spoil_places_few, "number of owners"},
        {spoil_places_many, "number of owners"},
        {spoil_active, "a place that nobody has"},
        {spoil_everything, "a place that nobody has"},
        {spoil_quorum_none, "quorum that cannot be met"},
        {spoil_quorum_many, "quorum that cannot be met"},
        {spoil_quorum_idle, "quorum that cannot be met"},
        {spoil_round, "the round 0"},
        {spoil_quorum_unchanged, "nothing has changed them"},
        {spoil_active_unchanged, "nothing has changed them"},
        {spoil_places_unchanged, "nothing has changed them"},
        {spoil_address, "place 1 has another address"},
        {spoil_owners_exchanged, "place 0 has another address"},
        {spoil_nobody, "a place without an owner"},
        {spoil_twice, "an address at two places"},
        {spoil_sequence, "2^53"},
        {spoil_approval, "a place that nobody has"},
        {spoil_revocation, "a place that nobody has"},
        {spoil_opening, "a place that nobody has"},
        {spoil_code, "code is not the one"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        SW_SCOPED(sw_buffer) view = SW_BUFFER(SW_CHAIN_VIEW_LIMIT);
        sw_chain_ask ask;
        sw_head at;
        sw_ledger *l = NULL;
        sw_error err = {0};
        approved_world(&ask);
        cases[i].spoil(&world);
        world_view(&world, &ask, &at, &view);
        sw_status status = verify(&world, &at, bytes_of(&view), &ask, &l, &err);
        if (status != SW_UNAUTHENTIC || strstr(err.message, cases[i].sentence) == NULL)
            fail_msg("case %zu: %d %s", i, status, err.message);
        assert_null(l);
        leave_world(&world);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_as_a_local_ledger),
        cmocka_unit_test(test_owners_change),
        cmocka_unit_test(test_rounds),
        cmocka_unit_test(test_not_asked),
        cmocka_unit_test(test_opening_revoked),
        cmocka_unit_test(test_turn),
        cmocka_unit_test(test_spoiled_words),
    };
    return cmocka_run_group_tests_name("chain views", tests, NULL, NULL);
}
