/* SPDX-License-Identifier: Apache-2.0
 *
 * What comes beside a bare quote: the firmware's log and RTMR3's, one by one and joined (EVD-148,
 * MSR-034), and the values that dstack derives from all of it (EVD-149).
 */
#include "attest/document_forge.h"
#include "attest/golden_boot.h"
#include "attest/standalone.h"

static forge house;

typedef struct beside {
    bend b;
    sw_event_log whole; /* the golden CCEL, which has an event of RTMR3 too */
    sw_event_log firmware, runtime, joined;
} beside;

/* A TD whose RTMR0 to RTMR2 are the golden CCEL's. */
static void start(beside *s) {
    static const char *const golden[3] = {GOLDEN_CCEL_RTMR0, GOLDEN_CCEL_RTMR1, GOLDEN_CCEL_RTMR2};
    bend_start(&s->b, &house);
    sw_arena *a = &s->b.arena;
    assert_int_equal(sw_log_from_ccel(a, unhex(a, GOLDEN_CCEL), &s->whole, NULL), SW_OK);
    sw_log_event *below = SW_ARENA_NEW(a, sw_log_event, s->whole.count);
    s->firmware = (sw_event_log){below, 0};
    for (size_t i = 0; i < s->whole.count; i++)
        if (s->whole.events[i].imr < 3) below[s->firmware.count++] = s->whole.events[i];
    sw_log_event *events = SW_ARENA_NEW(a, sw_log_event, s->b.e.event_count);
    for (size_t i = 0; i < s->b.e.event_count; i++)
        events[i] = (sw_log_event){.imr = 3,
                                   .type = SW_RUNTIME_EVENT_TYPE,
                                   .name = s->b.events[i].name,
                                   .payload = s->b.events[i].payload};
    s->runtime = (sw_event_log){events, s->b.e.event_count};
    assert_int_equal(sw_log_join(a, &s->firmware, &s->runtime, &s->joined, NULL), SW_OK);
    for (size_t i = 0; i < 3; i++)
        memcpy(in_body(&s->b, AT_RTMR0 + 48 * (int)i), unhex(a, golden[i]).data, 48);
    memcpy(s->b.policy.images[0].mrtd, in_body(&s->b, AT_MRTD), 48);
    memcpy(s->b.policy.images[0].rtmr, in_body(&s->b, AT_RTMR0), sizeof(uint8_t[3][48]));
    s->b.policy.image_count = 1;
    sign_quote(&s->b);
}

static sw_status judge(beside *s, const sw_event_log *log, bool firmware_only,
                       sw_standalone_claims *claims, sw_error *err) {
    const sw_standalone asked = {.quote = SW_BYTES(s->b.quote, s->b.quote_size),
                                 .collateral = &s->b.e.collateral,
                                 .log = log,
                                 .firmware_log = firmware_only,
                                 .policy = &s->b.policy,
                                 .wall_ms = s->b.at_ms};
    return sw_standalone_verify(&asked, NULL, claims, err);
}

static void refused(beside *s, const sw_event_log *log, bool firmware_only, const char *sentence) {
    sw_standalone_claims claims = {.memory_bytes = 77};
    sw_error err = {0};
    if (judge(s, log, firmware_only, &claims, &err) == SW_OK) fail_msg("accepted: %s", sentence);
    if (strstr(err.message, sentence) == NULL)
        fail_msg("\"%s\" is not in \"%s\"", sentence, err.message);
    assert_int_equal(claims.memory_bytes, 77);
}

/* Both logs: every register replays, and the app is RTMR3's. */
static void test_both(void **state) {
    (void)state;
    beside s;
    sw_standalone_claims claims;
    sw_error err = {0};
    start(&s);
    if (judge(&s, &s.joined, false, &claims, &err) != SW_OK) fail_msg("%s", err.message);
    assert_true(claims.has_log && sw_hash_equal(&claims.compose, &house.compose));
    for (unsigned r = 0; r < 4; r++) assert_true(claims.replayed[r]);
    refused(&s, &s.firmware, false, "has no event of RTMR3");
    for (unsigned r = 0; r < 4; r++) { /* any register that is not the log's */
        in_body(&s.b, AT_RTMR0 + 48 * (int)r)[7] ^= 1;
        sign_quote(&s.b);
        char sentence[64];
        (void)snprintf(sentence, sizeof sentence, "does not replay to the quote's RTMR%u", r);
        refused(&s, &s.joined, false, sentence);
        in_body(&s.b, AT_RTMR0 + 48 * (int)r)[7] ^= 1;
        sign_quote(&s.b);
    }
    bend_end(&s.b);
}

/* The firmware's log alone: three registers, RTMR3 untouched, and no app. */
static void test_firmware(void **state) {
    (void)state;
    beside s;
    sw_standalone_claims claims;
    sw_error err = {0};
    static const sw_event_log nothing;
    start(&s);
    refused(&s, &s.firmware, true, "has no event of RTMR3");
    memset(in_body(&s.b, AT_RTMR3), 0, 48);
    sign_quote(&s.b);
    if (judge(&s, &s.firmware, true, &claims, &err) != SW_OK) fail_msg("%s", err.message);
    assert_true(!claims.has_log && claims.replayed[0] && claims.replayed[2]);
    assert_true(!claims.replayed[3] && sw_hash_zero(&claims.compose));
    refused(&s, &nothing, true, "has no event of RTMR0");
    refused(&s, &s.firmware, false, "no system-ready"); /* a log of dstack's has an app */
    memcpy(in_body(&s.b, AT_RTMR3), unhex(&s.b.arena, GOLDEN_CCEL_RTMR3).data, 48);
    sign_quote(&s.b);
    assert_int_equal(judge(&s, &s.whole, true, &claims, NULL), SW_OK);
    assert_true(claims.replayed[3]);
    bend_end(&s.b);
}

static void test_join(void **state) {
    (void)state;
    beside s;
    sw_event_log out = {NULL, 99};
    sw_error err = {0};
    start(&s);
    assert_int_equal(s.joined.count, s.firmware.count + s.runtime.count);
    assert_int_equal(sw_log_join(&s.b.arena, &s.joined, &s.runtime, &out, &err), SW_REFUSED);
    assert_non_null(strstr(err.message, "both event logs have events of RTMR3"));
    assert_int_equal(sw_log_join(&s.b.arena, &s.firmware, &s.firmware, &out, &err), SW_REFUSED);
    const sw_event_log large = {s.joined.events, SW_LOG_EVENT_LIMIT};
    assert_int_equal(sw_log_join(&s.b.arena, &large, &s.runtime, &out, &err), SW_LIMIT);
    assert_int_equal(out.count, 99);
    bend_end(&s.b);
}

/* SHA-256 over plain concatenations, written once more. */
static void values_of(const beside *s, sw_bytes provider, sw_hash *aggregated, sw_hash *system) {
    const uint8_t *mrtd = in_body(&s->b, AT_MRTD), *rtmr = in_body(&s->b, AT_RTMR0);
    sw_hash k = {{0}};
    if (provider.size > 0) sw_sha256(&k, provider);
    const sw_bytes of_system[] = {SW_BYTES(mrtd, 48), SW_BYTES(rtmr, 3 * 48), SW_BYTES_OF(k.b)};
    const sw_bytes of_all[] = {SW_BYTES(mrtd, 48), SW_BYTES(rtmr, 4 * 48),
                               SW_BYTES(mrtd + 48, 3 * 48)};
    sw_sha256_parts(system, of_system, 3);
    sw_sha256_parts(aggregated, of_all, 3);
}

static void test_values(void **state) {
    (void)state;
    beside s;
    sw_standalone_claims claims;
    sw_claims own;
    sw_hash aggregated, system;
    start(&s);
    values_of(&s, s.b.events[find_event(&s.b, "key-provider")].payload, &aggregated, &system);
    assert_int_equal(judge(&s, &s.joined, false, &claims, NULL), SW_OK);
    assert_true(sw_hash_equal(&claims.mr_aggregated, &aggregated));
    assert_true(sw_hash_equal(&claims.mr_system, &system));
    assert_int_equal(bend_judge(&s.b, bend_encode(&s.b), &own, NULL), SW_OK);
    assert_true(sw_hash_equal(&own.mr_aggregated, &aggregated));
    assert_true(sw_hash_equal(&own.mr_system, &system));
    assert_int_equal(judge(&s, NULL, false, &claims, NULL), SW_OK);
    assert_true(sw_hash_equal(&claims.mr_aggregated, &aggregated));
    assert_true(sw_hash_zero(&claims.mr_system)); /* no log says which key provider */
    drop_event(&s.b, find_event(&s.b, "key-provider"));
    replay_events(&s.b);
    values_of(&s, (sw_bytes){0}, &aggregated, &system);
    assert_int_equal(bend_judge(&s.b, bend_encode(&s.b), &own, NULL), SW_OK);
    assert_true(sw_hash_equal(&own.mr_system, &system));
    bend_end(&s.b);
}

static int setup(void **state) {
    (void)state;
    forge_open(&house);
    return 0;
}

static int teardown(void **state) {
    (void)state;
    forge_close(&house);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_both), cmocka_unit_test(test_firmware),
                                       cmocka_unit_test(test_join), cmocka_unit_test(test_values)};
    return cmocka_run_group_tests_name("beside", tests, setup, teardown);
}
