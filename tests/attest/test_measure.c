/* SPDX-License-Identifier: Apache-2.0
 *
 * Replay and the values that dstack derives from registers, against Python's hashlib
 * (golden_boot.py).
 */
#include "attest/golden_boot.h"
#include "attest/measure.h"
#include "crypto/vector.h"

#include <string.h>

static sw_td_measurements golden_registers(sw_arena *a) {
    sw_td_measurements m;
    assert_int_equal(sizeof m, 8 * 48);
    memcpy(&m, unhex(a, GOLDEN_MR).data, sizeof m);
    return m;
}

static void test_aggregates(void **state) {
    (void)state;
    SW_SCOPED(sw_arena) a = {0};
    sw_td_measurements m = golden_registers(&a);
    sw_hash hash;
    sw_mr_system(&hash, &m, SW_LITERAL("{\"name\":\"kms\",\"id\":\"00\"}"));
    assert_hex(hash.b, 32, GOLDEN_MR_SYSTEM);
    sw_mr_system(&hash, &m, (sw_bytes){0});
    assert_hex(hash.b, 32, GOLDEN_MR_SYSTEM_BARE);
    memset(m.mr_config_id, 0, 48);
    memset(m.mr_owner, 0, 48);
    sw_mr_aggregated(&hash, &m); /* one of the three is enough */
    assert_hex(hash.b, 32, GOLDEN_MR_AGGREGATED_OWNED);
    memset(m.mr_owner_config, 0, 48);
    sw_mr_aggregated(&hash, &m);
    assert_hex(hash.b, 32, GOLDEN_MR_AGGREGATED);
}

static void test_identities(void **state) {
    (void)state;
    uint8_t app_id[20], ppid[16], instance[20];
    sw_hash by_ppid, by_user_data;
    for (uint8_t i = 0; i < 20; i++) app_id[i] = i;
    for (uint8_t i = 0; i < 16; i++) ppid[i] = i;
    sw_instance_id(instance, SW_LITERAL("seed"), app_id);
    assert_hex(instance, 20, GOLDEN_INSTANCE_ID);
    sw_device_ids(ppid, app_id, &by_ppid, &by_user_data);
    assert_hex(by_ppid.b, 32, GOLDEN_BY_PPID);
    assert_hex(by_user_data.b, 32, GOLDEN_BY_USER_DATA);
}

static void test_boot_time(void **state) {
    (void)state;
    SW_SCOPED(sw_arena) a = {0};
    sw_event_log log;
    sw_error err = {0};
    uint8_t rtmr3[48] = {9};
    assert_int_equal(sw_log_from_json(&a, SW_LITERAL(GOLDEN_JSON_EMPTY), &log, &err), SW_OK);
    assert_int_equal(sw_rtmr3_at_boot(&log, rtmr3, &err), SW_OK);
    assert_hex(rtmr3, 48, GOLDEN_RTMR3_AT_BOOT);
    log.count = 7 + 4; /* up to instance-id */
    memset(rtmr3, 9, sizeof rtmr3);
    assert_int_equal(sw_rtmr3_at_boot(&log, rtmr3, &err), SW_MISSING);
    assert_non_null(strstr(err.message, "no boot-mr-done"));
    assert_int_equal(rtmr3[0], 9);
}

/* Logs that come from elsewhere than JSON are judged by the same rules. */
static void test_replay_judges(void **state) {
    (void)state;
    static const sw_log_event runtime = {
        .imr = 3, .type = SW_RUNTIME_EVENT_TYPE, .name = {(const uint8_t *)"a", 1}};
    static const struct {
        unsigned imr;
        uint32_t type;
        bool has_digest;
        const char *name, *sentence;
    } table[] = {
        {3, SW_RUNTIME_EVENT_TYPE, false, "a", NULL},
        {3, SW_RUNTIME_EVENT_TYPE, true, "a", "digest is not that of its name"},
        {3, SW_RUNTIME_EVENT_TYPE, false, "a:", "holds a colon"},
        {3, SW_RUNTIME_EVENT_TYPE, false, "", "has not 1 to 128"},
        {0, 10, true, "", NULL},
        {0, 10, false, "", "has no digest"},
        {4, 10, true, "", "beyond RTMR3"},
    };
    for (size_t i = 0; i < COUNT(table); i++) {
        const sw_log_event events[2] = {runtime,
                                        {.imr = table[i].imr,
                                         .type = table[i].type,
                                         .has_digest = table[i].has_digest,
                                         .name = sw_text(table[i].name)}};
        const sw_event_log log = {events, 2};
        uint8_t rtmr[4][48] = {{7}};
        bool seen[4] = {false};
        sw_error err = {0};
        sw_status status = sw_log_replay(&log, rtmr, seen, &err);
        if (table[i].sentence == NULL) {
            assert_int_equal(status, SW_OK);
            assert_true(seen[3] && !seen[1]);
            continue;
        }
        assert_int_not_equal(status, SW_OK);
        assert_int_equal(rtmr[0][0], 7);
        assert_false(seen[3]);
        if (strstr(err.message, table[i].sentence) == NULL) fail_msg("%s", err.message);
    }
}

static void test_runtime(void **state) {
    (void)state;
    SW_SCOPED(sw_arena) a = {0};
    static sw_log_event many[SW_EVENT_LIMIT + 1];
    sw_event_log log;
    const sw_event *events = NULL;
    size_t count = 99;
    sw_error err = {0};
    assert_int_equal(sw_log_from_json(&a, SW_LITERAL(GOLDEN_JSON_V2), &log, &err), SW_OK);
    assert_int_equal(sw_log_runtime(&a, &log, &events, &count, &err), SW_OK);
    assert_int_equal(count, 8);
    assert_true(events[7].v2 && sw_bytes_is(events[7].name, "mine"));
    for (size_t i = 0; i < COUNT(many); i++)
        many[i] = (sw_log_event){.imr = 3, .type = SW_RUNTIME_EVENT_TYPE};
    log = (sw_event_log){many, SW_EVENT_LIMIT};
    assert_int_equal(sw_log_runtime(&a, &log, &events, &count, &err), SW_OK);
    log.count++;
    assert_int_equal(sw_log_runtime(&a, &log, &events, &count, &err), SW_LIMIT);
    many[1].type = 6;
    assert_int_equal(sw_log_runtime(&a, &log, &events, &count, &err), SW_REFUSED);
    assert_non_null(strstr(err.message, "event 1 of RTMR3 is not a runtime event"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_aggregates), cmocka_unit_test(test_identities),
        cmocka_unit_test(test_boot_time), cmocka_unit_test(test_replay_judges),
        cmocka_unit_test(test_runtime)};
    return cmocka_run_group_tests_name("measure", tests, NULL, NULL);
}
