/* SPDX-License-Identifier: Apache-2.0
 *
 * What a run keeps (WRK-045, WRK-047, WRK-053): what cannot be kept is noticed at the plan, what
 * can is written and read back however much it is, and renewals leave room for the grant of a
 * resume.
 */
#include "codec/text.h"
#include "run/command_stage.h"

#define MANY 100000000

/* ---- states and step records ---- */

static uint64_t planned;
static void plans(void) {
    hello();
    plan(planned);
}

static void test_plan(void **unused) {
    (void)unused;
    static const struct {
        uint64_t steps, save_steps, interval;
        bool fits;
    } cases[] = {
        {100000, 1, 1, true},     {100001, 1, 1, false},    {200000, 2, 1, true},
        {200001, 2, 1, false},    {300000, 0, 1, true},     {300001, 0, 1, false},
        {600001, 0, 2, true},     {600002, 0, 2, false},    {MANY, 0, 1000, true},
        {MANY, 999, 1000, false}, {MANY, 1000, 1000, true},
    };
    stage s;
    open_stage(&s);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        sw_error err = {0};
        sw_agent *a = open_agent(&s);
        a->recipe->command.max_steps = MANY;
        a->save_steps = cases[i].save_steps;
        a->recipe->metrics_interval = cases[i].interval;
        planned = cases[i].steps;
        (void)listen_to(a, plans, &err);
        assert_int_equal(a->plan_seen, cases[i].fits);
        if (!cases[i].fits) assert_string_equal(err.word, "limit");
        close_agent(&s, &a);
    }
    close_stage(&s);
}

static void test_chain(void **unused) {
    (void)unused;
    const sw_hash state = {{7}};
    stage s;
    open_stage(&s);
    sw_agent *a = open_agent(&s);
    for (uint64_t i = 1; i <= SW_RECIPE_STATE_LIMIT; i++)
        assert_int_equal(sw_agent_extend_chain(a, i, &state, NULL), SW_OK);
    assert_int_equal(sw_agent_extend_chain(a, SW_RECIPE_STATE_LIMIT + 1, &state, NULL), SW_LIMIT);
    close_agent(&s, &a);
    close_stage(&s);
}

/* All that a plan may have. */
static void fill(sw_agent *a) {
    assert_int_equal(sw_agent_metric_room(a, SW_RECIPE_RECORD_LIMIT, NULL), SW_OK);
    for (uint64_t i = 0; i < SW_RECIPE_STATE_LIMIT; i++) {
        a->links[i] = (sw_manifest_link){MANY - SW_RECIPE_STATE_LIMIT + i, {{(uint8_t)i}}};
        a->checkpoints[i] = (sw_manifest_link){MANY - SW_RECIPE_STATE_LIMIT + i, {{(uint8_t)i}}};
    }
    for (uint64_t i = 0; i < SW_RECIPE_RECORD_LIMIT; i++)
        a->metrics[i] = (sw_manifest_metric){MANY - SW_RECIPE_RECORD_LIMIT + i, 4.563152790069580};
    a->link_count = a->checkpoint_count = SW_RECIPE_STATE_LIMIT;
    a->metric_count = SW_RECIPE_RECORD_LIMIT;
}

static void test_record(void **unused) {
    (void)unused;
    stage s;
    SW_SCOPED(sw_buffer) text = SW_BUFFER(SW_AGENT_RECORD_LIMIT);
    open_stage(&s);
    sw_agent *a = open_agent(&s);
    fill(a);
    assert_int_equal(sw_agent_encode_record(a, MANY, &text, NULL), SW_OK);
    close_agent(&s, &a);
    assert_true(text.size < SW_AGENT_RECORD_LIMIT - SW_AGENT_GRANT_BYTES / 3 * 4);
    a = open_agent(&s);
    a->grants = SW_ARENA_NEW(&a->arena, sw_agent_grant, 1); /* none of this start, none read */
    assert_non_null(a->grants);
    assert_int_equal(sw_agent_decode_record(a, sw_buffer_bytes(&text), NULL), SW_OK);
    assert_int_equal(a->link_count, SW_RECIPE_STATE_LIMIT);
    assert_int_equal(a->checkpoint_count, SW_RECIPE_STATE_LIMIT);
    assert_int_equal(a->metric_count, SW_RECIPE_RECORD_LIMIT);
    close_agent(&s, &a);
    close_stage(&s);
}

/* ---- grants ---- */

/* When half of the lease is over; nobody is there to be asked. */
static void renewal_refused(sw_agent *a) {
    a->renew_at_ms = 0;
    assert_false(sw_agent_lease_holds(a));
    assert_string_equal(a->lease_error.word, "limit");
    assert_int_equal(sw_agent_hold_lease(a, NULL), SW_LIMIT);
}

static void test_grants(void **unused) {
    (void)unused;
    static uint8_t large[1 << 20];
    stage s;
    open_stage(&s);
    sw_agent *a = open_agent(&s);
    a->grants = SW_ARENA_NEW(&a->arena, sw_agent_grant, SW_MANIFEST_GRANT_LIMIT);
    assert_non_null(a->grants);
    a->grant_count = SW_MANIFEST_GRANT_LIMIT - SW_AGENT_RESUMES;
    sw_agent_weigh_grants(a);
    renewal_refused(a);
    close_agent(&s, &a);

    a = open_agent(&s); /* few, and large */
    a->grants = SW_ARENA_NEW(&a->arena, sw_agent_grant, SW_MANIFEST_GRANT_LIMIT);
    assert_non_null(a->grants);
    a->grant_count = SW_AGENT_GRANT_BYTES / sizeof large + 1 - SW_AGENT_RESUMES;
    for (size_t i = 0; i < a->grant_count; i++) a->grants[i].view.evidence = SW_BYTES_OF(large);
    sw_agent_weigh_grants(a);
    renewal_refused(a);
    close_agent(&s, &a);
    close_stage(&s);
}

/* ---- the salt of what was put out (MAN-040) ---- */

static void put_out(sw_agent *a, const char *text, sw_hash *salt, sw_hash *commitment) {
    static const char said[] = "\"salt\":\"";
    sw_agent_model m = {0};
    sw_hash root, again;
    a->outputs[0] = SW_BUFFER(100);
    sw_put_text(&a->outputs[0], text);
    (void)strcpy(a->output_names[0], "m");
    a->output_count = 1;
    assert_int_equal(sw_agent_make_model(a, &m, NULL), SW_OK);
    const uint8_t *at = memmem(m.facts.data, m.facts.size, said, sizeof said - 1);
    assert_non_null(at);
    assert_int_equal(
        sw_hex_decode(salt->b, sizeof salt->b, SW_BYTES(at + sizeof said - 1, 64), false, NULL),
        SW_OK);
    assert_int_equal(sw_oms_root(m.files, m.count, &root, NULL), SW_OK);
    sw_model_commitment(&again, salt, &root);
    assert_memory_equal(again.b, m.commitment.b, sizeof again.b);
    *commitment = m.commitment;
    sw_buffer_free(&m.facts);
    sw_buffer_free(&a->outputs[0]);
    a->output_count = 0;
}

/* Whoever opened one run of a recipe has its salt, and nothing to try another's outputs with. */
static void test_salt(void **unused) {
    (void)unused;
    stage s;
    sw_hash salts[3], commitments[3];
    open_stage(&s);
    sw_agent *a = open_agent(&s);
    put_out(a, "0", &salts[0], &commitments[0]);
    put_out(a, "1", &salts[1], &commitments[1]);
    put_out(a, "0", &salts[2], &commitments[2]); /* the same again: after an interruption, say */
    assert_memory_not_equal(salts[0].b, salts[1].b, sizeof salts[0].b);
    assert_memory_equal(salts[0].b, salts[2].b, sizeof salts[0].b);
    assert_memory_equal(commitments[0].b, commitments[2].b, sizeof commitments[0].b);
    close_agent(&s, &a);
    close_stage(&s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plan),   cmocka_unit_test(test_chain), cmocka_unit_test(test_record),
        cmocka_unit_test(test_grants), cmocka_unit_test(test_salt),
    };
    return cmocka_run_group_tests_name("run/run_room", tests, NULL, NULL);
}
