/* SPDX-License-Identifier: Apache-2.0
 *
 * A policy's grace for machines that are out of date (EVD-067): before its date, at it and behind
 * it; each status that there is, and the flavours that no grace reaches.
 */
#include "attest/forge.h"

static forge house;

#define UNTIL (FORGE_NOW + FORGE_DAY)

/* The status that all levels together have: the one level of the folder's TCB info, renamed. */
static void with_status(bend *b, const char *status) {
    char level[96];
    (void)snprintf(level, sizeof level, "\"tcbStatus\":\"%s\"", status);
    edit_tcb_info(b, "\"tcbStatus\":\"UpToDate\"", level, 0);
}

static const struct {
    const char *status;
    bool grace, strict, wide; /* accepted: in grace; by UpToDate; by SWHardeningNeeded */
} STATUSES[] = {
    {"UpToDate", true, true, true},
    {"SWHardeningNeeded", false, false, true},
    {"ConfigurationNeeded", false, false, false},
    {"ConfigurationAndSWHardeningNeeded", false, false, false},
    {"OutOfDate", true, false, false},
    {"OutOfDateConfigurationNeeded", false, false, false},
    {"TDRelaunchAdvised", false, false, false},
    {"TDRelaunchAdvisedConfigurationNeeded", false, false, false},
    {"Revoked", false, false, false},
    {"", false, false, false},
    {"outofdate", false, false, false},
    {"OutOfDateX", false, false, false},
};

static void grace_judge(bend *b, const sw_claims *good, const char *status, int64_t at_ms,
                        bool accepted) {
    sw_claims claims = *good;
    sw_error err = {0};
    memset(claims.tcb_status, 0, sizeof claims.tcb_status);
    (void)snprintf(claims.tcb_status, sizeof claims.tcb_status, "%s", status);
    claims.judged_ms = at_ms;
    bool found = sw_policy_check(&b->policy, &claims, NULL, &err) == SW_OK;
    if (found != accepted) fail_msg("%s at %lld: %d", status, (long long)at_ms, found);
    assert_string_equal(claims.tcb_status, status);
    if (!accepted) assert_non_null(strstr(err.message, "does not accept"));
}

static void test_grace_statuses(void **state) {
    (void)state;
    bend b;
    sw_claims good;
    bend_start(&b, &house);
    assert_int_equal(bend_judge(&b, bend_encode(&b), &good, NULL), SW_OK);
    for (size_t i = 0; i < COUNT(STATUSES); i++) {
        const char *status = STATUSES[i].status;
        for (int wide = 0; wide < 2; wide++) {
            b.policy.up_to_date_only = wide == 0;
            bool without = wide == 0 ? STATUSES[i].strict : STATUSES[i].wide;
            b.policy.has_grace = false;
            b.policy.grace_until_ms = UNTIL; /* a date without a grace is none */
            grace_judge(&b, &good, status, UNTIL - 1, without);
            b.policy.has_grace = true;
            grace_judge(&b, &good, status, INT64_MIN, STATUSES[i].grace || without);
            grace_judge(&b, &good, status, UNTIL - 1, STATUSES[i].grace || without);
            grace_judge(&b, &good, status, UNTIL, without);
            grace_judge(&b, &good, status, UNTIL + 1, without);
        }
    }
    bend_end(&b);
}

/* The whole way, by the time that evidence is judged at; claims keep the true status. */
static void test_grace_evidence(void **state) {
    (void)state;
    static const struct {
        const char *status;
        int64_t after_ms;
        bool accepted;
    } table[] = {
        {"OutOfDate", -1, true}, {"OutOfDate", 0, false},
        {"OutOfDate", 1, false}, {"OutOfDateConfigurationNeeded", -1, false},
        {"Revoked", -1, false},  {"UpToDate", 1, true},
    };
    for (size_t i = 0; i < COUNT(table); i++) {
        bend b;
        sw_claims claims;
        sw_error err = {0};
        bend_start(&b, &house);
        with_status(&b, table[i].status);
        b.policy.has_grace = true;
        b.policy.grace_until_ms = UNTIL;
        b.at_ms = UNTIL + table[i].after_ms;
        sw_status status = bend_judge(&b, bend_encode(&b), &claims, &err);
        if ((status == SW_OK) != table[i].accepted)
            fail_msg("%s %lld: %s", table[i].status, (long long)table[i].after_ms, err.message);
        if (status == SW_OK) assert_string_equal(claims.tcb_status, table[i].status);
        bend_end(&b);
    }
}

int main(void) {
    forge_open(&house);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_grace_statuses),
        cmocka_unit_test(test_grace_evidence),
    };
    int failed = cmocka_run_group_tests_name("grace", tests, NULL, NULL);
    forge_close(&house);
    return failed;
}
