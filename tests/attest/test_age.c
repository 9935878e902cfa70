/* SPDX-License-Identifier: Apache-2.0
 *
 * How old collateral may be (EVD-068): by its oldest part, whichever that is; at the edge; without
 * a bound; and what a tool without evidence of ours is told.
 */
#include "attest/forge.h"
#include "attest/platform.h"
#include "attest/quote.h"

static forge house;

#define HOUR   INT64_C(3600000)
#define ISSUED (FORGE_NOW - 30 * FORGE_DAY) /* of everything in the forge's folder */

static void judge(bend *b, int64_t at_ms, int64_t max_age_ms, bool accepted) {
    sw_claims claims;
    sw_error err = {0};
    b->at_ms = at_ms;
    b->policy.collateral_max_age_ms = max_age_ms;
    sw_status status = bend_judge(b, bend_encode(b), &claims, &err);
    if ((status == SW_OK) != accepted) fail_msg("%d %s", status, err.message);
    if (accepted) return;
    assert_string_equal(err.word, "policy");
    assert_non_null(strstr(err.message, "older than the machine policy accepts"));
}

static void test_edge(void **state) {
    (void)state;
    bend b;
    bend_start(&b, &house);
    judge(&b, ISSUED + HOUR, HOUR, true);
    judge(&b, ISSUED + HOUR + 1, HOUR, false);
    judge(&b, FORGE_NOW, 30 * FORGE_DAY, true);
    judge(&b, FORGE_NOW + 1, 30 * FORGE_DAY, false);
    judge(&b, ISSUED + 365 * FORGE_DAY, 0, true);
    b.policy.collateral_max_age_ms = HOUR - 1;
    sw_claims claims;
    sw_error err = {0};
    assert_int_equal(bend_judge(&b, bend_encode(&b), &claims, &err), SW_REFUSED);
    assert_non_null(strstr(err.message, "not between an hour and 366 days"));
    bend_end(&b);
}

/* Each of the three parts alone makes the whole old. */
static void age_part(bend *b, int part) {
    static const char day[] = "\"issueDate\":\"2026-08-22", before[] = "\"issueDate\":\"2026-08-19";
    const list_plan plan = {.from_ms = ISSUED - 3 * FORGE_DAY};
    if (part == 0) edit_tcb_info(b, day, before, 0);
    if (part == 1) edit_qe_identity(b, day, before, 0);
    if (part == 2) b->e.collateral.pck_crl = make_list(b, b->f->ca, b->f->ca_key, plan);
}

static void test_oldest(void **state) {
    (void)state;
    for (int part = 0; part < 3; part++) {
        bend b;
        sw_collateral_facts facts;
        sw_error err = {0};
        bend_start(&b, &house);
        age_part(&b, part);
        judge(&b, FORGE_NOW, 32 * FORGE_DAY, false);
        judge(&b, FORGE_NOW, 33 * FORGE_DAY, true);
        if (sw_collateral_judge(SW_BYTES(b.quote, b.quote_size), &b.e.collateral, &b.policy,
                                FORGE_NOW, &facts, &err) != SW_OK)
            fail_msg("%s", err.message);
        assert_true(facts.issued_ms == ISSUED - 3 * FORGE_DAY);
        assert_true(facts.until_ms > FORGE_NOW && facts.from_ms <= FORGE_NOW);
        assert_int_equal(facts.tcb_evaluation_number, sw_sim_platform.evaluation_number);
        bend_end(&b);
    }
}

int main(void) {
    forge_open(&house);
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_edge), cmocka_unit_test(test_oldest)};
    int failed = cmocka_run_group_tests_name("age", tests, NULL, NULL);
    forge_close(&house);
    return failed;
}
