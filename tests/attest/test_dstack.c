/* SPDX-License-Identifier: Apache-2.0
 *
 * Answers of real dstack guest agents (0.3 to 0.6), from ../shared/vectors/dstack: their event logs
 * replay to the RTMR3 of the quotes beside them. Without the vectors the program says so.
 */
#include "attest/attest_internal.h"
#include "crypto/vector.h"

#include <stdio.h>
#include <string.h>

#define VECTORS    "../shared/vectors/dstack"
#define FILE_BYTES ((size_t)1 << 20)

typedef struct agent {
    const char *file, *compose; /* its first eight digits, where they are known */
    size_t events;
} agent;
static const agent AGENTS[] = {
    {"quote-report.json", NULL, 8},
    {"tdx-lite-getquote.json", "86b0e55f", 9},
    {"phala-prod-quote.json", "62dd36d2", 9},
    {"examples-rtmr3-report.json", "06768e6d", 8},
};

static sw_bytes load(sw_arena *a, const char *name) {
    char path[512];
    (void)snprintf(path, sizeof path, "%s/%s", VECTORS, name);
    FILE *file = fopen(path, "rb");
    if (file == NULL) return (sw_bytes){0};
    uint8_t *bytes = sw_arena_alloc(a, FILE_BYTES, 1);
    assert_non_null(bytes);
    size_t size = fread(bytes, 1, FILE_BYTES, file);
    (void)fclose(file);
    return SW_BYTES(bytes, size);
}

static void check_agent(const agent *g) {
    SW_SCOPED(sw_arena) a = {0};
    sw_json *root;
    const sw_event *events;
    sw_tdx_quote quote;
    sw_boot_facts facts;
    size_t count;
    unsigned version;
    uint8_t rtmr3[48];
    sw_error err = {0};
    assert_int_equal(sw_json_parse(&a, load(&a, g->file), NULL, &root, NULL), SW_OK);
    sw_bytes hex = sw_json_member(root, "quote")->text;
    uint8_t *bytes = sw_arena_alloc(&a, hex.size / 2, 1);
    assert_int_equal(sw_hex_decode(bytes, hex.size / 2, hex, false, NULL), SW_OK);
    if (sw_tdx_quote_parse(SW_BYTES(bytes, hex.size / 2), &quote, &err) != SW_OK ||
        sw_events_from_guest(&a, sw_json_member(root, "event_log")->text, &events, &count, &err) !=
            SW_OK ||
        sw_events_replay(events, count, rtmr3, &err) != SW_OK ||
        sw_events_read(events, count, &facts, &err) != SW_OK ||
        sw_td_attributes_check(&quote.td, false, NULL, &err) != SW_OK ||
        sw_app_verify(&a, &(sw_app_log){events, count, {0}}, quote.td.mr_config_id, NULL, &facts,
                      &version, &err) != SW_OK)
        fail_msg("%s: %s", g->file, err.message);
    assert_int_equal(count, g->events);
    assert_memory_equal(rtmr3, quote.td.rtmr[3], 48);
    assert_int_equal(quote.trailing_bytes, 70);
    char text[65];
    sw_hex_text(text, SW_BYTES_OF(facts.compose.b));
    if (g->compose != NULL) assert_memory_equal(text, g->compose, 8);
}

static void test_agents(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT(AGENTS); i++) check_agent(&AGENTS[i]);
}

/* A digest that is there and wrong is refused, also where it would not be needed. */
static void test_wrong_digest(void **state) {
    (void)state;
    SW_SCOPED(sw_arena) a = {0};
    sw_json *root;
    const sw_event *events;
    size_t count;
    sw_error err = {0};
    assert_int_equal(sw_json_parse(&a, load(&a, "quote-report.json"), NULL, &root, NULL), SW_OK);
    sw_bytes log = sw_arena_copy(&a, sw_json_member(root, "event_log")->text);
    uint8_t *hit = memmem(log.data, log.size, "f9974020", 8);
    assert_non_null(hit);
    hit[0] = 'e';
    assert_int_equal(sw_events_from_guest(&a, log, &events, &count, &err), SW_REFUSED);
    assert_non_null(strstr(err.message, "digest is not that"));
}

int main(void) {
    sw_arena a = {0};
    bool there = load(&a, AGENTS[0].file).size > 0;
    sw_arena_free(&a);
    if (!there) {
        (void)puts("1..0 # SKIP no folder ../shared/vectors/dstack");
        return 0;
    }
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_agents),
                                       cmocka_unit_test(test_wrong_digest)};
    return cmocka_run_group_tests_name("dstack", tests, NULL, NULL);
}
