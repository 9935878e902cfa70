/* SPDX-License-Identifier: Apache-2.0
 *
 * Answers of real guest agents, from ../shared/vectors/dstack, given again by an agent of the
 * test's own: GetQuote of 0.3/0.4 (Tappd), 0.5 and 0.6. Report data and RTMR3's log must hold; the
 * app-compose is known for one of them, and of the others the compose alone may be what is refused.
 * Without the vectors the program says so.
 */
#include "cmocka_plain.h"

#include "codec/text.h"
#include "machine/agent.h"
#include "machine/machine_internal.h"
#include "sys/files.h"

#define VECTORS "../shared/vectors/dstack"

static agent guest;
static char where[128], clock_path[96];
static sw_buffer recorded;

static int64_t wall(void *context) {
    (void)context;
    return INT64_C(1790000000) * 1000;
}
static const sw_clock CLOCK = {wall, wall, NULL};
static const sw_collateral_source OFFLINE = {.offline = true, .clock = CLOCK};

static void answer(agent *a, const char *method, sw_bytes body, sw_buffer *raw) {
    (void)a;
    (void)body;
    if (strcmp(method, "GetQuote") == 0)
        agent_put(raw, "200 OK", sw_buffer_bytes(&recorded));
    else if (strcmp(method, "Info") == 0)
        agent_ok(raw, "{}");
    else
        agent_put(raw, "400 Bad Request", SW_LITERAL("{\"error\":\"no\"}"));
}

static bool load(const char *name, sw_buffer *out) {
    char path[256];
    (void)snprintf(path, sizeof path, VECTORS "/%s", name);
    sw_buffer_free(out);
    *out = SW_BUFFER((size_t)8 << 20);
    return sw_file_read(path, (size_t)8 << 20, out, NULL) == SW_OK;
}

/* The report data that the recorded quote holds. */
static void report_of(sw_report_data *out) {
    SW_SCOPED(sw_arena) a = {0};
    sw_json *root;
    sw_bytes hex;
    assert_int_equal(sw_json_parse(&a, sw_buffer_bytes(&recorded), NULL, &root, NULL), SW_OK);
    assert_int_equal(sw_json_text(root, "", "quote", &hex, NULL), SW_OK);
    assert_int_equal(sw_hex_decode(out->b, 64, SW_BYTES(hex.data + 2 * 568, 128), false, NULL),
                     SW_OK);
}

static sw_status evidence(sw_bytes compose, const sw_report_data *report, sw_error *err) {
    const sw_machine_places places = {.clocksource_path = clock_path, .collateral = &OFFLINE};
    const sw_entropy entropy = sw_entropy_system();
    uint8_t app_id[20] = {0};
    sw_machine *m = NULL;
    SW_SCOPED(sw_buffer) json = SW_BUFFER(SW_EVIDENCE_LIMIT);
    assert_int_equal(sw_machine_boot_at(&places, where, compose, app_id, &entropy, &CLOCK, &m, err),
                     SW_OK);
    sw_status status = sw_machine_evidence(m, report, &json, err);
    sw_machine_close(&m);
    return status;
}

static void test_recorded(void **state) {
    (void)state;
    static const struct {
        const char *name, *compose;
    } table[] = {
        {"phala-prod-quote.json", NULL},
        {"tdx-lite-getquote.json", NULL},
        {"quote-report.json", NULL},
        {"examples-rtmr3-report.json", "examples-rtmr3-app-compose.json"},
    };
    size_t judged = 0;
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        SW_SCOPED(sw_buffer) compose = SW_BUFFER(1);
        sw_report_data report;
        sw_error err = {0};
        if (!load(table[i].name, &recorded)) continue;
        report_of(&report);
        assert_int_equal(evidence(SW_LITERAL("{}"), &report, &err), SW_REFUSED);
        if (strcmp(err.word, "compose") != 0) fail_msg("%s: %s", table[i].name, err.message);
        report.b[5] ^= 1;
        assert_int_equal(evidence(SW_LITERAL("{}"), &report, &err), SW_REFUSED);
        assert_non_null(strstr(err.message, "other report data"));
        report.b[5] ^= 1;
        judged++;
        if (table[i].compose == NULL || !load(table[i].compose, &compose)) continue;
        /* Everything but collateral, of which there is none. */
        assert_int_equal(evidence(sw_buffer_bytes(&compose), &report, &err), SW_USAGE);
        assert_non_null(strstr(err.message, "without a cache"));
        judged++;
    }
    assert_true(judged >= 5);
}

static int setup(void **state) {
    (void)state;
    guest.answer = answer;
    if (!agent_start(&guest)) return -1;
    (void)snprintf(where, sizeof where, "dstack:%s", guest.path);
    (void)snprintf(clock_path, sizeof clock_path, "%s/clock", guest.folder);
    return sw_file_write(clock_path, SW_LITERAL("tsc\n"), 0600, SW_WRITE_NEW, NULL) == SW_OK ? 0
                                                                                             : -1;
}

static int teardown(void **state) {
    (void)state;
    (void)unlink(clock_path);
    agent_stop(&guest);
    sw_buffer_free(&recorded);
    return 0;
}

int main(void) {
    if (!sw_path_is_folder(VECTORS)) {
        (void)puts("1..0 # SKIP no folder " VECTORS);
        return 0;
    }
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_recorded)};
    return cmocka_run_group_tests_name("recorded agents", tests, setup, teardown);
}
