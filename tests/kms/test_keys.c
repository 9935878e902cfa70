/* SPDX-License-Identifier: Apache-2.0
 *
 * Who gets keys and who does not: the rules of docs/formats/kms.md (KMS-051) one by one, against
 * the service without sockets. After every refusal the right request is granted, so that nothing
 * else was wrong.
 */
#include "kms/world.h"

#define MINUTES(n) ((int64_t)(n)*60000)
#define HOURS(n)   ((int64_t)(n)*3600000)

static void pass_time(world *w, int64_t ms) {
    w->time.wall += ms;
    w->time.steady += ms;
}

/* ---- what works ---- */
static void test_granted(void **state) {
    (void)state;
    world *w = world_ready();
    SW_SCOPED(sw_buffer) evidence = SW_BUFFER(SW_EVIDENCE_LIMIT);
    sw_hash digest;
    pass_time(w, MINUTES(5));
    sw_grant g = keys_granted(w, (ask){.evidence = &evidence});
    sw_sha256(&digest, bytes_of(&evidence));
    assert_true(sw_hash_equal(&g.genesis, &w->p.genesis.hash));
    assert_true(sw_hash_equal(&g.compose, &w->x));
    assert_int_equal(g.purpose, SW_PURPOSE_TRAIN);
    assert_int_equal(g.dataset_count, OWNERS);
    for (size_t i = 0; i < OWNERS; i++) assert_true(sw_hash_equal(&g.datasets[i], &w->datasets[i]));
    assert_true(sw_p256_equal(&g.machine, &w->manifest_public));
    assert_true(sw_hash_equal(&g.evidence, &digest));
    assert_int_equal(g.number, 1);
    assert_int_equal(g.renewal, 0);
    assert_int_equal(g.lease_ms, MINUTES(10));
    assert_int_equal(g.granted_ms, w->time.wall);
    assert_true(g.simulated);
    sw_head ledger = ledger_head(w), audit = head_of(w, "/v1/audit/1");
    assert_true(sw_head_equal(&g.ledger, &ledger));
    assert_true(sw_head_equal(&g.audit, &audit)); /* the decision's own entry */
    static const sw_purpose purposes[] = {SW_PURPOSE_RESUME, SW_PURPOSE_REPLAY};
    for (size_t i = 0; i < COUNT(purposes); i++) {
        g = keys_granted(w, (ask){.purpose = purposes[i]});
        assert_int_equal(g.purpose, purposes[i]);
        assert_int_equal(g.number, 2 + i);
    }
    world_free(w);
}

/* ---- the challenge ---- */
static void test_challenges(void **state) {
    (void)state;
    world *w = world_ready();
    sw_p256_public peer = new_peer(w), other = new_peer(w);
    sw_hash made_up = named_hash('c');
    keys_refused(w, (ask){.challenge = &made_up, .peer = &peer}, "evidence");
    sw_hash used = take_challenge(w, &peer);
    (void)keys_granted(w, (ask){.challenge = &used, .peer = &peer});
    keys_refused(w, (ask){.challenge = &used, .peer = &peer}, "evidence"); /* replayed */
    sw_hash foreign = take_challenge(w, &other);
    keys_refused(w, (ask){.challenge = &foreign, .peer = &peer}, "evidence");
    (void)keys_granted(w, (ask){.challenge = &foreign, .peer = &other}); /* still its own peer's */
    keys_refused(w, (ask){.wait_ms = SW_KMS_LEAST_MS + 1}, "evidence");
    (void)keys_granted(w, (ask){.wait_ms = SW_KMS_LEAST_MS});
    sw_hash spent = take_challenge(w, &peer); /* a refused request uses it up, too */
    keys_refused(w, (ask){.challenge = &spent, .peer = &peer, .other_response = true}, "evidence");
    keys_refused(w, (ask){.challenge = &spent, .peer = &peer}, "evidence");
    world_free(w);
}

/* 256 others may take challenges; the oldest makes room, the newest stays good. */
static void test_challenges_are_bounded(void **state) {
    (void)state;
    world *w = world_ready();
    sw_p256_public peer = new_peer(w);
    sw_hash first = take_challenge(w, &peer);
    w->time.steady++;
    for (size_t i = 0; i < 256; i++) {
        sw_p256_public other = new_peer(w);
        (void)take_challenge(w, &other);
    }
    sw_hash last = take_challenge(w, &peer);
    keys_refused(w, (ask){.challenge = &first, .peer = &peer}, "evidence");
    (void)keys_granted(w, (ask){.challenge = &last, .peer = &peer});
    world_free(w);
}

/* One connection that asks without end takes nobody's challenge or look. */
static void test_a_peer_has_two_challenges(void **state) {
    (void)state;
    world *w = world_ready();
    sw_p256_public peer = new_peer(w), owner = new_peer(w), other = new_peer(w);
    sw_hash honest = take_challenge(w, &peer), taken[3];
    look(w, &owner);
    for (size_t i = 0; i < 300; i++) {
        w->time.steady++;
        taken[i % 3] = take_challenge(w, &other);
        look(w, &other);
    }
    (void)keys_granted(w, (ask){.challenge = &honest, .peer = &peer});
    sw_unlock_statement s = statement_of(w, 0);
    expect(send_unlock(w, &s, 0, &owner), "");
    keys_refused(w, (ask){.challenge = &taken[0], .peer = &other}, "evidence"); /* its third */
    (void)keys_granted(w, (ask){.challenge = &taken[1], .peer = &other});
    (void)keys_granted(w, (ask){.challenge = &taken[2], .peer = &other});
    world_free(w);
}

/* ---- what the evidence names ---- */
static void test_evidence_names_the_request(void **state) {
    (void)state;
    world *w = world_ready();
    keys_refused(w, (ask){.other_response = true}, "evidence");
    keys_refused(w, (ask){.other_manifest_key = true}, "evidence");
    keys_refused(w, (ask){.report_purpose = SW_PURPOSE_REPLAY}, "evidence");
    keys_refused(w, (ask){.purpose = SW_PURPOSE_REPLAY, .report_purpose = SW_PURPOSE_TRAIN},
                 "evidence");
    sw_p256_public tls = w->self.tls;
    w->self.tls = new_peer(w); /* evidence that was made for another server */
    keys_refused(w, (ask){0}, "evidence");
    w->self.tls = tls;
    (void)keys_granted(w, (ask){0});
    world_free(w);
}

static void test_other_images_and_machines(void **state) {
    (void)state;
    world *w = world_ready();
    sw_error err = {0};
    assert_int_equal(sw_sim_add_image(w->sim, "other", true, &w->p.entropy, &err), SW_OK);
    boot_machine(w); /* the right RTMR3, another MRTD and RTMR0-2 */
    keys_refused(w, (ask){0}, "evidence");
    char sim[96];
    (void)snprintf(sim, sizeof sim, "%s/sim2", w->folder);
    assert_int_equal(sw_sim_init(sim, &w->p.entropy, w->time.wall, &err), SW_OK);
    (void)snprintf(w->where, sizeof w->where, "sim:%s", sim);
    boot_machine(w); /* another root, another device */
    keys_refused(w, (ask){0}, "evidence");
    world_free(w);
}

/* The machine booted one recipe and asks with another: keys follow what was measured. */
static void test_another_recipe_than_measured(void **state) {
    (void)state;
    world *w = world_ready();
    use_recipe(w, &(recipe_plan){.name = "changed"});
    keys_refused(w, (ask){0}, "evidence");
    boot_machine(w); /* measured now, approved by nobody */
    keys_refused(w, (ask){0}, "quorum");
    use_recipe(w, &(recipe_plan){0});
    boot_machine(w);
    (void)keys_granted(w, (ask){0});
    world_free(w);
}

/* A compose without images cannot be made; one that somebody wrote by hand is refused. */
static void test_a_policy_without_images(void **state) {
    (void)state;
    world *w = world_ready();
    SW_SCOPED(sw_arena) arena = {0};
    SW_SCOPED(sw_buffer) yaml = SW_BUFFER(1 << 16);
    SW_SCOPED(sw_buffer) made = SW_BUFFER(SW_COMPOSE_LIMIT);
    sw_error err = {0};
    sw_json *root;
    put_recipe(w, &(recipe_plan){.without_images = true}, &yaml);
    assert_int_not_equal(sw_compose_make(bytes_of(&yaml), "recipe.yaml", bytes_of(&w->model_lock),
                                         bytes_of(&w->trainer_lock), &made, &err),
                         SW_OK);
    assert_int_equal(sw_json_parse(&arena, bytes_of(&w->compose), NULL, &root, &err), SW_OK);
    sw_json *recipe = (sw_json *)sw_json_member(sw_json_member(root, "sealwright"), "recipe");
    assert_non_null(recipe);
    recipe->text = bytes_of(&yaml);
    sw_json_encode(&made, root);
    w->compose.size = 0;
    sw_put_bytes(&w->compose, bytes_of(&made));
    boot_machine(w);
    keys_refused(w, (ask){0}, "compose");
    world_free(w);
}

/* Another app of the same names: its compose is not this app's. */
static void test_another_genesis_of_the_same_names(void **state) {
    (void)state;
    world *w = world_ready();
    people others;
    found_app(&others, 99, OWNERS, 2);
    use_recipe(w, &(recipe_plan){.app = &others.genesis.hash});
    boot_machine(w);
    keys_refused(w, (ask){0}, "app");
    sw_p256_public peer = new_peer(w);
    char path[SW_KMS_PATH_BYTES], hex[65];
    sw_hex_text(hex, SW_BYTES_OF(others.genesis.hash.b));
    (void)snprintf(path, sizeof path, "/v1/apps/%s/keys", hex);
    expect(tell(w, "POST", path, (sw_bytes){0}, &peer), "missing"); /* and it is not known here */
    part(&others);
    world_free(w);
}

/* ---- shards ---- */
static void test_all_listed_shards_or_none(void **state) {
    (void)state;
    world *w = world_ready();
    keys_refused(w, (ask){.shards = 2}, "shard");
    keys_refused(w, (ask){.shards = 1}, "shard");
    keys_refused(w, (ask){.shards = 4}, "shard");
    sw_bytes swapped[OWNERS] = {w->consents[1].shard_envelope, w->consents[0].shard_envelope,
                                w->consents[2].shard_envelope};
    keys_refused(w, (ask){.envelopes = swapped}, "consent");
    sw_bytes twice[OWNERS] = {w->consents[0].shard_envelope, w->consents[0].shard_envelope,
                              w->consents[2].shard_envelope};
    keys_refused(w, (ask){.envelopes = twice}, "consent");
    sw_bytes empty[OWNERS] = {w->consents[0].shard_envelope, {0}, w->consents[2].shard_envelope};
    keys_refused(w, (ask){.envelopes = empty}, "consent");
    (void)keys_granted(w, (ask){0});
    world_free(w);
}

/* A consent by the right owner that is for something else in one respect. */
static void test_consents_for_something_else(void **state) {
    (void)state;
    world *w = world_ready();
    sw_hash other_dataset = named_hash('d'), other_x = named_hash('x');
    sw_p256_public other_root = new_peer(w);
    const struct {
        const sw_hash *x, *dataset;
        const sw_p256_public *root;
        const char *word;
    } table[] = {
        {&w->x, &other_dataset, &w->self.root, "shard"}, /* an older shard of this owner's */
        {&other_x, &w->datasets[1], &w->self.root, "consent"},
        {&w->x, &w->datasets[1], &other_root, "consent"}};
    for (size_t i = 0; i < COUNT(table); i++) {
        SW_SCOPED(sw_buffer) file = SW_BUFFER(SW_CONSENT_LIMIT);
        SW_SCOPED(sw_arena) arena = {0};
        sw_consent c;
        consent_to(w, 1, table[i].x, table[i].dataset, table[i].root, &file);
        assert_int_equal(sw_consent_open(&arena, bytes_of(&file),
                                         &w->p.genesis.owners[1].identity_key, &c, NULL),
                         SW_OK);
        sw_bytes envelopes[OWNERS] = {w->consents[0].shard_envelope, c.shard_envelope,
                                      w->consents[2].shard_envelope};
        keys_refused(w, (ask){.envelopes = envelopes}, table[i].word);
    }
    (void)keys_granted(w, (ask){0});
    world_free(w);
}

/* ---- quorum and revocation ---- */
static void test_quorum(void **state) {
    (void)state;
    world *w = world_new();
    unlock_all(w);
    keys_refused(w, (ask){0}, "quorum");
    enter(w, 2, SW_PAYLOAD_APPROVE);
    keys_refused(w, (ask){0}, "quorum");
    enter(w, 0, SW_PAYLOAD_APPROVE);
    (void)keys_granted(w, (ask){0});
    world_free(w);
}

static void test_revocation_stands(void **state) {
    (void)state;
    world *w = world_ready();
    sw_grant g = keys_granted(w, (ask){0});
    enter(w, 2, SW_PAYLOAD_REVOKE);
    keys_refused(w, (ask){0}, "revoked");
    keys_refused(w, (ask){.renew = g.number}, "revoked"); /* a running lease is not renewed */
    sw_entry lift = entry_of(w, 0, SW_PAYLOAD_LIFT);      /* nobody else lifts it */
    expect(submit(w, &lift, 0), "ledger");
    sw_entry again = entry_of(w, 0, SW_PAYLOAD_APPROVE);
    answer a = submit(w, &again, 0); /* nor does approving anew outvote it */
    answer_free(&a);
    keys_refused(w, (ask){0}, "revoked");
    enter(w, 2, SW_PAYLOAD_LIFT);
    keys_refused(w, (ask){0}, "quorum"); /* earlier approvals do not count again */
    enter(w, 1, SW_PAYLOAD_APPROVE);
    enter(w, 2, SW_PAYLOAD_APPROVE);
    (void)keys_granted(w, (ask){0});
    world_free(w);
}

static void test_revocation_of_everything(void **state) {
    (void)state;
    world *w = world_ready();
    sw_entry all = entry_of(w, 1, SW_PAYLOAD_REVOKE);
    all.everything = true;
    all.compose = (sw_hash){0};
    all.sequence += 7; /* a revocation may skip ahead: nobody races it out */
    expect(submit(w, &all, 1), "");
    keys_refused(w, (ask){0}, "revoked");
    world_free(w);
}

/* ---- the owners' words ---- */
static void test_each_owner_must_unlock(void **state) {
    (void)state;
    world *w = world_new();
    enter(w, 0, SW_PAYLOAD_APPROVE);
    enter(w, 1, SW_PAYLOAD_APPROVE);
    for (size_t i = 0; i < OWNERS; i++) {
        keys_refused(w, (ask){0}, "locked");
        unlock(w, i);
    }
    (void)keys_granted(w, (ask){0});
    restart_kms(w);
    keys_refused(w, (ask){0}, "locked"); /* a restart knows nobody's word */
    unlock(w, 0);
    unlock(w, 2);
    keys_refused(w, (ask){0}, "locked");
    unlock(w, 1);
    (void)keys_granted(w, (ask){0});
    world_free(w);
}

static void test_silence(void **state) {
    (void)state;
    world *w = world_ready();
    pass_time(w, HOURS(24));
    sw_grant g = keys_granted(w, (ask){0});
    pass_time(w, 1);
    keys_refused(w, (ask){0}, "silence");
    keys_refused(w, (ask){.renew = g.number}, "silence");
    unlock(w, 0);
    unlock(w, 1);
    keys_refused(w, (ask){0}, "silence"); /* every listed owner counts */
    unlock(w, 2);
    (void)keys_granted(w, (ask){0});
    world_free(w);
}

/* Time is the owners' time and the machine's counter: the host's wall clock decides nothing. */
static void test_host_clock_decides_nothing(void **state) {
    (void)state;
    world *w = world_ready();
    w->time.wall -= HOURS(24 * 365 * 5);
    sw_grant g = keys_granted(w, (ask){0});
    assert_int_equal(g.granted_ms, START_MS);
    w->time.steady += HOURS(25);
    keys_refused(w, (ask){0}, "silence");
    world_free(w);
}

/* Collateral must be valid at each listed owner's time; one owner cannot vouch for another's. */
static void test_collateral_at_every_owners_time(void **state) {
    (void)state;
    world *w = world_new();
    enter(w, 0, SW_PAYLOAD_APPROVE);
    enter(w, 1, SW_PAYLOAD_APPROVE);
    unlock(w, 0);
    unlock(w, 1);
    sw_p256_public peer = new_peer(w);
    look(w, &peer);
    sw_unlock_statement s = statement_of(w, 2);
    s.time_ms += HOURS(24 * 365 * 11); /* beyond the collateral's ten years */
    expect(send_unlock(w, &s, 2, &peer), "");
    keys_refused(w, (ask){0}, "evidence");
    world_free(w);
    w = world_new();
    enter(w, 0, SW_PAYLOAD_APPROVE);
    enter(w, 1, SW_PAYLOAD_APPROVE);
    unlock(w, 0);
    unlock(w, 1);
    peer = new_peer(w);
    look(w, &peer);
    s = statement_of(w, 2);
    s.time_ms -= HOURS(24 * 365); /* before it began */
    expect(send_unlock(w, &s, 2, &peer), "");
    keys_refused(w, (ask){0}, "evidence");
    world_free(w);
}

/* ---- leases ---- */
static void test_renewal(void **state) {
    (void)state;
    world *w = world_ready();
    sw_grant g = keys_granted(w, (ask){0});
    for (uint64_t i = 1; i <= 4; i++) {
        pass_time(w, MINUTES(9));
        sw_grant again = keys_granted(w, (ask){.renew = g.number});
        assert_int_equal(again.number, g.number);
        assert_int_equal(again.renewal, i);
    }
    keys_refused(w, (ask){.renew = g.number + 1}, "lease"); /* unknown */
    keys_refused(w, (ask){.renew = g.number, .purpose = SW_PURPOSE_RESUME}, "lease");
    sw_p256_public mine = w->manifest_public;
    w->manifest_public = new_peer(w);
    keys_refused(w, (ask){.renew = g.number}, "lease"); /* another machine's key */
    w->manifest_public = mine;
    pass_time(w, MINUTES(10));
    keys_refused(w, (ask){.renew = g.number}, "lease"); /* it has ended */
    sw_grant next = keys_granted(w, (ask){.purpose = SW_PURPOSE_RESUME});
    assert_int_equal(next.number, 2); /* renewals were not counted */
    assert_int_equal(keys_granted(w, (ask){0}).number, 3);
    (void)keys_granted(w, (ask){.renew = 2, .purpose = SW_PURPOSE_RESUME});
    assert_int_equal(keys_granted(w, (ask){0}).number, 4); /* nor set the count back */
    world_free(w);
}

static void test_renewal_after_a_restart(void **state) {
    (void)state;
    world *w = world_ready();
    sw_grant g = keys_granted(w, (ask){0});
    restart_kms(w);
    keys_refused(w, (ask){.renew = g.number}, "locked");
    unlock_all(w);
    ask q = {.renew = g.number};
    answer a = ask_keys(w, &q);
    assert_string_equal(a.refusal.word, "lease");
    assert_non_null(strstr(a.refusal.hint, "resumes"));
    answer_free(&a);
    sw_grant next = keys_granted(w, (ask){.purpose = SW_PURPOSE_RESUME});
    assert_int_equal(next.number, 2);
    world_free(w);
}

static void test_renewal_of_another_recipes_grant(void **state) {
    (void)state;
    world *w = world_ready();
    sw_grant g = keys_granted(w, (ask){0});
    sw_p256_public mine = w->manifest_public;
    use_recipe(w, &(recipe_plan){.name = "second"});
    boot_machine(w);
    w->manifest_public = mine; /* so that nothing but the recipe differs */
    enter(w, 0, SW_PAYLOAD_APPROVE);
    enter(w, 1, SW_PAYLOAD_APPROVE);
    keys_refused(w, (ask){.renew = g.number}, "lease");
    (void)keys_granted(w, (ask){0});
    world_free(w);
}

/* ---- the number of grants ---- */
static void test_grants_are_counted_across_restarts(void **state) {
    (void)state;
    world *w = world_new();
    use_recipe(w, &(recipe_plan){.grants = 3});
    boot_machine(w);
    enter(w, 0, SW_PAYLOAD_APPROVE);
    enter(w, 1, SW_PAYLOAD_APPROVE);
    unlock_all(w);
    assert_int_equal(keys_granted(w, (ask){0}).number, 1);
    keys_refused(w, (ask){.shards = 1}, "shard"); /* refusals are not counted */
    assert_int_equal(keys_granted(w, (ask){.purpose = SW_PURPOSE_REPLAY}).number, 2);
    restart_kms(w);
    unlock_all(w);
    assert_int_equal(keys_granted(w, (ask){.purpose = SW_PURPOSE_RESUME}).number, 3);
    keys_refused(w, (ask){0}, "grants");
    keys_refused(w, (ask){.purpose = SW_PURPOSE_REPLAY}, "grants");
    (void)keys_granted(w, (ask){.renew = 3, .purpose = SW_PURPOSE_RESUME});
    restart_kms(w);
    unlock_all(w);
    keys_refused(w, (ask){0}, "grants");
    world_free(w);
}

/* ---- replay ---- */
/* KMS-056: judged as a run is, and no lease of one renews a lease of the other. */
static void test_replay(void **state) {
    (void)state;
    const ask replay = {.purpose = SW_PURPOSE_REPLAY};
    world *w = world_new();
    keys_refused(w, replay, "locked");
    unlock_all(w);
    keys_refused(w, replay, "quorum");
    enter(w, 0, SW_PAYLOAD_APPROVE);
    enter(w, 1, SW_PAYLOAD_APPROVE);
    const uint64_t run = keys_granted(w, (ask){0}).number, again = keys_granted(w, replay).number;
    assert_int_equal(again, run + 1);
    keys_refused(w, (ask){.purpose = SW_PURPOSE_REPLAY, .renew = run}, "lease");
    keys_refused(w, (ask){.renew = again}, "lease");
    (void)keys_granted(w, (ask){.purpose = SW_PURPOSE_REPLAY, .renew = again});
    keys_refused(w, (ask){.purpose = SW_PURPOSE_REPLAY, .shards = 1}, "shard");
    pass_time(w, HOURS(24) + 1);
    keys_refused(w, replay, "silence");
    unlock_all(w);
    (void)keys_granted(w, replay);
    enter(w, 2, SW_PAYLOAD_REVOKE);
    keys_refused(w, replay, "revoked");
    keys_refused(w, (ask){.purpose = SW_PURPOSE_REPLAY, .renew = again + 1}, "revoked");
    world_free(w);
}

/* ---- opening ---- */
static void test_opening(void **state) {
    (void)state;
    world *w = world_ready();
    sw_hash manifest = named_hash('m'), other = named_hash('o');
    sw_p256_public to = w->p.genesis.owners[0].encryption_key, stranger = new_peer(w);
    ask q = {.purpose = SW_PURPOSE_OPEN, .manifest = &manifest, .recipient = &to};
    keys_refused(w, q, "quorum"); /* approval to run is none to open */
    expect(submit_open(w, 0, &manifest, &to), "");
    keys_refused(w, q, "quorum");
    expect(submit_open(w, 1, &manifest, &to), "");
    sw_grant g = keys_granted(w, q);
    assert_int_equal(g.purpose, SW_PURPOSE_OPEN);
    assert_true(sw_hash_equal(&g.open_manifest, &manifest));
    assert_true(sw_p256_equal(&g.open_recipient, &to));
    keys_refused(w, (ask){.purpose = SW_PURPOSE_OPEN, .manifest = &other, .recipient = &to},
                 "quorum");
    keys_refused(w,
                 (ask){.purpose = SW_PURPOSE_OPEN, .manifest = &manifest, .recipient = &stranger},
                 "quorum");
    keys_refused(
        w, (ask){.purpose = SW_PURPOSE_OPEN, .manifest = &other, .recipient = &to, .renew = 1},
        "quorum");
    enter(w, 2, SW_PAYLOAD_REVOKE);
    keys_refused(w, q, "revoked");
    world_free(w);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_granted),
        cmocka_unit_test(test_challenges),
        cmocka_unit_test(test_challenges_are_bounded),
        cmocka_unit_test(test_a_peer_has_two_challenges),
        cmocka_unit_test(test_evidence_names_the_request),
        cmocka_unit_test(test_other_images_and_machines),
        cmocka_unit_test(test_another_recipe_than_measured),
        cmocka_unit_test(test_a_policy_without_images),
        cmocka_unit_test(test_another_genesis_of_the_same_names),
        cmocka_unit_test(test_all_listed_shards_or_none),
        cmocka_unit_test(test_consents_for_something_else),
        cmocka_unit_test(test_quorum),
        cmocka_unit_test(test_revocation_stands),
        cmocka_unit_test(test_revocation_of_everything),
        cmocka_unit_test(test_each_owner_must_unlock),
        cmocka_unit_test(test_silence),
        cmocka_unit_test(test_host_clock_decides_nothing),
        cmocka_unit_test(test_collateral_at_every_owners_time),
        cmocka_unit_test(test_renewal),
        cmocka_unit_test(test_renewal_after_a_restart),
        cmocka_unit_test(test_renewal_of_another_recipes_grant),
        cmocka_unit_test(test_grants_are_counted_across_restarts),
        cmocka_unit_test(test_replay),
        cmocka_unit_test(test_opening),
    };
    return cmocka_run_group_tests_name("kms/keys", tests, NULL, NULL);
}
