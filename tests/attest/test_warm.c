/* SPDX-License-Identifier: Apache-2.0
 *
 * A verifier that has seen a quote's chain and collateral judges the next quote, and the next
 * evidence object with its event log and GPUs, without taking anything from the allocator
 * (EVD-106).
 */
#include "attest/forge.h"
#include "attest/quote.h"
#include "attest/requests.h"

static forge house, pair; /* without GPUs, with two */

/* ---- bare quotes ---- */
static size_t requests_of(const bend *b, sw_verifier *v, sw_quote_claims *out) {
    sw_error err = {0};
    size_t before = requests;
    sw_status status = sw_quote_verify(SW_BYTES(b->quote, b->quote_size), &b->e.collateral,
                                       &b->policy, b->at_ms, v, out, &err);
    size_t taken = requests - before;
    if (status != SW_OK) fail_msg("%s", err.message);
    return taken;
}

/* Another quote of the same machine, at another time. */
static void next_quote(bend *b, uint8_t i) {
    in_body(b, AT_REPORT_DATA)[i] ^= 0xa5;
    sign_quote(b);
    b->at_ms += 1000;
}

static void test_quotes(void **state) {
    (void)state;
    for (unsigned type = 1; type <= 3; type++) {
        bend b;
        sw_quote_claims c;
        sw_verifier *v = NULL;
        bend_start(&b, &house);
        if (type > 1) make_v5(&b, type);
        assert_int_equal(sw_verifier_open(NULL, &v, NULL), SW_OK);
        size_t cold = requests_of(&b, v, &c);
        print_message("# the first quote of its kind: %zu requests\n", cold);
        assert_true(cold > 10); /* the count counts */
        for (uint8_t i = 0; i < 50; i++) {
            next_quote(&b, i);
            assert_int_equal(requests_of(&b, v, &c), 0);
            assert_memory_equal(c.td.report_data, in_body(&b, AT_REPORT_DATA), 64);
        }
        assert_true(requests_of(&b, NULL, &c) > 10);
        sw_verifier_close(&v);
        bend_end(&b);
    }
}

/* ---- evidence objects ---- */
static size_t requests_of_evidence(bend *b, sw_verifier *v) {
    static sw_claims c;
    sw_error err = {0};
    sw_bytes json = bend_encode(b);
    size_t before = requests;
    sw_status status = sw_evidence_verify(json, &b->policy, b->at_ms, v, &c, &err);
    size_t taken = requests - before;
    if (status != SW_OK) fail_msg("%s", err.message);
    assert_memory_equal(c.report_data.b, in_body(b, AT_REPORT_DATA), 64);
    assert_int_equal(c.gpu_count, b->e.gpu_count);
    return taken;
}

static void warm_evidence(bend *b) {
    sw_verifier *v = NULL;
    assert_int_equal(sw_verifier_open(NULL, &v, NULL), SW_OK);
    size_t cold = requests_of_evidence(b, v);
    print_message("# the first evidence of its kind: %zu requests\n", cold);
    assert_true(cold > 10);
    for (uint8_t i = 0; i < 50; i++) {
        next_quote(b, i);
        assert_int_equal(requests_of_evidence(b, v), 0);
    }
    sw_verifier_close(&v);
}

static void test_evidence(void **state) {
    (void)state;
    forge *const of[] = {&house, &pair};
    for (size_t i = 0; i < COUNT(of); i++) {
        bend b;
        bend_start(&b, of[i]);
        warm_evidence(&b);
        assert_true(requests_of_evidence(&b, NULL) > 10);
        bend_end(&b);
    }
}

/* A log of 64 KiB events in version 2 takes more, once; what comes after it is judged as before,
 * without a request. */
static void test_after_much(void **state) {
    (void)state;
    enum { EVENTS = 28 };
    static uint8_t payload[EVENTS][SW_EVENT_PAYLOAD_LIMIT];
    bend b;
    sw_verifier *v = NULL;
    bend_start(&b, &house);
    assert_int_equal(sw_verifier_open(NULL, &v, NULL), SW_OK);
    (void)requests_of_evidence(&b, v);
    size_t count = b.e.event_count;
    for (size_t i = 0; i < EVENTS; i++)
        b.events[count + i] =
            (sw_event){SW_LITERAL("later"), SW_BYTES(payload[i], sizeof payload[i] - i), true};
    b.e.event_count = count + EVENTS;
    replay_events(&b);
    assert_true(requests_of_evidence(&b, v) > 0);
    b.e.event_count = count;
    replay_events(&b);
    for (uint8_t i = 0; i < 3; i++) assert_int_equal(requests_of_evidence(&b, v), 0);
    sw_verifier_close(&v);
    bend_end(&b);
}

int main(void) {
    if (!requests_begin()) return 1;
    forge_open(&house);
    forge_open_gpus(&pair, 2);
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_quotes),
                                       cmocka_unit_test(test_evidence),
                                       cmocka_unit_test(test_after_much)};
    int failed = cmocka_run_group_tests_name("warm", tests, NULL, NULL);
    forge_close(&pair);
    forge_close(&house);
    return failed;
}
