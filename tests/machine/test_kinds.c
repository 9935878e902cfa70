/* SPDX-License-Identifier: Apache-2.0
 *
 * The kinds tdx and dstack from boot to evidence, over a kernel, a guest agent and a provisioning
 * service of the test's own; quotes and collateral are a software machine's (MCH-090 to MCH-114).
 */
#include "attest/forge.h"
#include "machine/agent.h"
#include "machine/pcs.h"
#include "machine/td_forged.h"
#include "sys/files.h"

static forge house;
static pcs service;
static agent guest;
static td td_guest;
static td_quoter quoter = {.house = &house};
static const kernel PLAN = {.quote = td_forged_quote, .quote_context = &quoter};
static void *sim; /* behind the guest agent */
static char address[64], where[128];
static sw_collateral_source source;
static sw_machine_places places;
static int64_t now_ms;

static int64_t wall(void *context) {
    (void)context;
    return now_ms;
}
static const sw_clock CLOCK = {wall, wall, NULL};

/* ---- the world ---- */
static void init_runs(const sw_event *events, size_t count) {
    td_boot(&td_guest, &PLAN, events, count);
}

static const char *info_compose;  /* NULL: Info says nothing of it */
static const char *info_provider; /* JSON; NULL: likewise */
#define LOCAL_PROVIDER "\"{\\\"id\\\":\\\"00ff\\\",\\\"name\\\":\\\"local-sgx\\\"}\""
static bool other_report, other_log;

static void guest_quotes(sw_bytes body, sw_buffer *answer) {
    sw_report_data report;
    static const char before[] = "{\"report_data\":\"";
    if (body.size != sizeof before - 1 + 128 + 2) return;
    if (sw_hex_decode(report.b, 64, SW_BYTES(body.data + sizeof before - 1, 128), false, NULL) !=
        SW_OK)
        return;
    if (other_report) report.b[0] ^= 1;
    if (sw_machine_sim.quote(sim, &report, answer, NULL) != SW_OK) sw_buffer_reset(answer);
}

static void answer(agent *a, const char *method, sw_bytes body, sw_buffer *raw) {
    SW_SCOPED(sw_buffer) json = SW_BUFFER((size_t)8 << 20);
    (void)a;
    if (strcmp(method, "GetQuote") == 0)
        guest_quotes(body, &json);
    else if (strcmp(method, "Info") == 0 && info_compose != NULL)
        sw_put_format(&json, "{\"app_id\":\"00\",\"compose_hash\":\"%s\"}", info_compose);
    else if (strcmp(method, "Info") == 0 && info_provider != NULL)
        sw_put_format(&json, "{\"app_id\":\"00\",\"key_provider_info\":%s}", info_provider);
    else if (strcmp(method, "Info") == 0)
        sw_put_text(&json, "{}");
    else if (strcmp(method, "GetKey") == 0)
        sw_put_format(&json, "{\"key\":\"%064x\",\"signature_chain\":[]}", 0x1234);
    sw_put_u8(&json, 0);
    if (json.size == 1) {
        agent_put(raw, "400 Bad Request", SW_LITERAL("{\"error\":\"no\"}"));
        return;
    }
    if (other_log) { /* the payload of the event storage-fs */
        char *at = strstr((char *)json.data, "65787434");
        assert_non_null(at);
        at[1] = '6';
    }
    agent_put(raw, "200 OK", SW_BYTES(json.data, json.size - 1));
}

static void places_fresh(void) {
    now_ms = FORGE_NOW;
    info_compose = info_provider = NULL;
    other_report = other_log = quoter.no_mr_config = false;
    (void)snprintf(address, sizeof address, "https://127.0.0.1:%u/good", service.port);
    source = (sw_collateral_source){.pcs_url = address,
                                    .ca_file = service.ca,
                                    .anchors = &house.policy,
                                    .timeout_ms = 20000,
                                    .clock = CLOCK};
    places = (sw_machine_places){.tsm = &td_guest.tsm,
                                 .events_path = td_guest.events_path,
                                 .clocksource_path = td_guest.clock_path,
                                 .collateral = &source};
    td_write(td_guest.clock_path, SW_LITERAL("tsc\n"));
    init_runs(house.good.events, house.good.event_count);
    (void)pcs_asked(&service);
}

static int setup(void **state) {
    (void)state;
    forge_open(&house);
    if (!pcs_start(&service, house.folder)) return -1;
    td_place(&td_guest, service.work);
    static const sw_machine_places none;
    const sw_boot boot = {house.compose_text, house.app_id, &house.entropy, &house.clock, &none};
    if (sw_sim_boot(house.folder, &boot, &sim, NULL) != SW_OK) return -1;
    guest.answer = answer;
    if (!agent_start(&guest)) return -1;
    (void)snprintf(where, sizeof where, "dstack:%s", guest.path);
    return 0;
}

static int teardown(void **state) {
    (void)state;
    agent_stop(&guest);
    sw_machine_sim.close(sim);
    pcs_stop(&service);
    forge_close(&house);
    return 0;
}

static int fresh(void **state) {
    (void)state;
    places_fresh();
    return 0;
}

static sw_status boot(const char *kind, sw_machine **m, sw_error *err) {
    return sw_machine_boot_at(&places, kind, house.compose_text, house.app_id, &house.entropy,
                              &CLOCK, m, err);
}

static sw_machine *booted(const char *kind) {
    sw_machine *m = NULL;
    sw_error err = {0};
    if (boot(kind, &m, &err) != SW_OK) fail_msg("%s: %s", kind, err.message);
    return m;
}

/* ---- evidence ---- */
static void evidence_holds(sw_machine *m) {
    SW_SCOPED(sw_arena) a = {0};
    SW_SCOPED(sw_buffer) json = SW_BUFFER(SW_EVIDENCE_LIMIT);
    sw_evidence e;
    sw_error err = {0};
    sw_collateral_facts facts;
    if (sw_machine_evidence(m, &house.report, &json, &err) != SW_OK) fail_msg("%s", err.message);
    assert_int_equal(sw_evidence_parse(&a, sw_buffer_bytes(&json), &e, NULL), SW_OK);
    assert_int_equal(e.platform, SW_PLATFORM_TDX);
    assert_int_equal(e.event_count, house.good.event_count);
    assert_memory_equal(e.quote.data + AT_REPORT_DATA, house.report.b, 64);
    assert_int_equal(
        sw_collateral_judge(e.quote, &e.collateral, &house.policy, FORGE_NOW, &facts, NULL), SW_OK);
}

static void test_evidence(void **state) {
    (void)state;
    const char *const kinds[] = {"tdx", where};
    for (size_t i = 0; i < 2; i++) {
        sw_machine *m = booted(kinds[i]);
        assert_int_equal(sw_machine_platform(m), SW_PLATFORM_TDX);
        assert_int_equal(sw_machine_counter_ms(m), now_ms);
        evidence_holds(m);
        assert_int_equal(pcs_asked(&service), 4);
        evidence_holds(m); /* collateral in hand is used while it is valid */
        assert_int_equal(pcs_asked(&service), 0);
        sw_machine_close(&m);
    }
}

static void test_collateral_ends(void **state) {
    (void)state;
    sw_machine *m = booted("tdx");
    SW_SCOPED(sw_buffer) json = SW_BUFFER(SW_EVIDENCE_LIMIT);
    sw_error err = {0};
    evidence_holds(m);
    (void)pcs_asked(&service);
    now_ms += 5000 * FORGE_DAY;
    assert_int_equal(sw_machine_evidence(m, &house.report, &json, &err), SW_REFUSED);
    assert_int_equal(pcs_asked(&service), 4); /* asked again, and what came was as old */
    assert_int_equal(json.size, 0);
    now_ms = FORGE_NOW;
    evidence_holds(m); /* what was in hand was not lost */
    sw_machine_close(&m);
}

static void test_no_collateral(void **state) {
    (void)state;
    SW_SCOPED(sw_buffer) json = SW_BUFFER(SW_EVIDENCE_LIMIT);
    sw_error err = {0};
    source.pcs_url = "https://127.0.0.1:1";
    sw_machine *m = booted(where);
    assert_int_equal(sw_machine_evidence(m, &house.report, &json, &err), SW_UNAVAILABLE);
    assert_int_equal(json.size, 0);
    sw_machine_close(&m);
}

/* ---- boots that are refused ---- */
static void boot_refused(const char *kind, sw_status status, const char *sentence) {
    sw_machine *m = NULL;
    sw_error err = {0};
    sw_status found = boot(kind, &m, &err);
    if (found != status || strstr(err.message, sentence) == NULL)
        fail_msg("%s: %d %s", kind, found, err.message);
    assert_null(m);
}

static void test_clock(void **state) {
    (void)state;
    static const char *const clocks[] = {"kvm-clock\n", "tsc", "", "tsc\ntsc\n", "hyperv_clock\n"};
    for (size_t i = 0; i < sizeof clocks / sizeof clocks[0]; i++) {
        td_write(td_guest.clock_path, sw_text(clocks[i]));
        boot_refused("tdx", SW_REFUSED, "does not come from the TSC");
        boot_refused(where, SW_REFUSED, "does not come from the TSC");
    }
    places.clocksource_path = "/nowhere";
    boot_refused("tdx", SW_MISSING, "/nowhere");
}

/* The kernel takes another source behind the boot, and the TSC again: what was missed is unknown.
 */
static void test_clock_lost(void **state) {
    (void)state;
    const char *const kinds[] = {"tdx", where};
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        sw_machine *m = NULL;
        td_write(td_guest.clock_path, SW_LITERAL("tsc\n"));
        assert_int_equal(boot(kinds[i], &m, NULL), SW_OK);
        assert_true(sw_machine_counter_ms(m) < SW_COUNTER_LOST);
        td_write(td_guest.clock_path, SW_LITERAL("kvm-clock\n"));
        assert_true(sw_machine_counter_ms(m) == SW_COUNTER_LOST);
        td_write(td_guest.clock_path, SW_LITERAL("tsc\n"));
        assert_true(sw_machine_counter_ms(m) == SW_COUNTER_LOST);
        sw_machine_close(&m);
    }
}

static void test_log(void **state) {
    (void)state;
    const sw_event more = {.name = SW_LITERAL("later")};
    sw_event swapped[32];
    size_t count = house.good.event_count;
    places.events_path = "/nowhere";
    boot_refused("tdx", SW_MISSING, "/nowhere");
    places.events_path = td_guest.events_path;
    td_write(td_guest.events_path, SW_LITERAL("{}\n"));
    boot_refused("tdx", SW_MALFORMED, "line 1");
    init_runs(house.good.events, count);
    assert_int_equal(sw_tsm_extend(&td_guest.tsm, &more, NULL), SW_OK);
    boot_refused("tdx", SW_REFUSED, "does not replay to its RTMR3");
    memcpy(swapped, house.good.events, count * sizeof *swapped);
    init_runs(swapped, count - 1); /* without system-ready */
    boot_refused("tdx", SW_REFUSED, "no system-ready");
    swapped[2].payload = SW_LITERAL("another app-compose's 32 bytes..");
    init_runs(swapped, count);
    boot_refused("tdx", SW_REFUSED, "another app-compose");
    init_runs(NULL, 0);
    boot_refused("tdx", SW_REFUSED, "no system-ready");
}

/* Before Linux 6.16 no register can be read: the quote tells. */
static void test_old_kernel(void **state) {
    (void)state;
    SW_SCOPED(sw_buffer) json = SW_BUFFER(SW_EVIDENCE_LIMIT);
    const sw_event more = {.name = SW_LITERAL("later")};
    sw_error err = {0};
    td_guest.kernel.no_registers = true;
    sw_machine *m = booted("tdx");
    evidence_holds(m);
    sw_machine_close(&m);
    td_guest.kernel.no_registers = false;
    assert_int_equal(sw_tsm_extend(&td_guest.tsm, &more, NULL), SW_OK);
    td_guest.kernel.no_registers = true;
    m = booted("tdx");
    assert_int_equal(sw_machine_evidence(m, &house.report, &json, &err), SW_REFUSED);
    assert_non_null(strstr(err.message, "does not replay to its RTMR3"));
    sw_machine_close(&m);
}

/* ---- no agent: the recipe stands in RTMR3 and nowhere else (MCH-104) ---- */
enum { EVENTS = 32 };

/* Boots with so many of these events measured, by the command's own function. */
static void measure(const sw_event *events, size_t count) {
    sw_error err = {0};
    quoter.no_mr_config = true;
    td_reset(&td_guest, &PLAN);
    for (size_t i = 0; i < count; i++)
        if (sw_machine_extend(&places, "tdx", &events[i], &td_guest.tsm.entropy, &CLOCK, &err) !=
            SW_OK)
            fail_msg("%s", err.message);
}

/* As a verifier judges it; the forged root is a software machine's, so the word is `sim`. */
static sw_status judge_as_sim(sw_evidence *e, sw_error *err) {
    SW_SCOPED(sw_buffer) json = SW_BUFFER(SW_EVIDENCE_LIMIT);
    const sw_question question = {.report = &house.report, .compose = &house.compose};
    sw_claims claims;
    e->platform = SW_PLATFORM_SIM;
    if (sw_evidence_encode(e, &json, err) != SW_OK) return err->status;
    return sw_attest(sw_buffer_bytes(&json), &house.policy, FORGE_NOW, &question, &claims, err);
}

static void test_recipe_measured(void **state) {
    (void)state;
    SW_SCOPED(sw_arena) a = {0};
    SW_SCOPED(sw_buffer) json = SW_BUFFER(SW_EVIDENCE_LIMIT);
    sw_evidence e;
    sw_error err = {0};
    measure(house.good.events, house.good.event_count);
    sw_machine *m = booted("tdx");
    if (sw_machine_evidence(m, &house.report, &json, &err) != SW_OK ||
        sw_evidence_parse(&a, sw_buffer_bytes(&json), &e, &err) != SW_OK ||
        judge_as_sim(&e, &err) != SW_OK)
        fail_msg("%s", err.message);
    sw_machine_close(&m);
}

/* Events as a log that lies has them: `place` moved to the end, or left out, or said twice. */
typedef enum lie { TRUE_LOG, LEFT_OUT, BEHIND_READY, SAID_TWICE, OTHER_COMPOSE } lie;
static size_t bend_log(lie how, sw_event out[EVENTS]) {
    const size_t count = house.good.event_count;
    size_t n = 0;
    for (size_t i = 0; i < count; i++) {
        sw_event event = house.good.events[i];
        bool compose = sw_bytes_is(event.name, "compose-hash");
        if (compose && (how == LEFT_OUT || how == BEHIND_READY)) continue;
        if (compose && how == OTHER_COMPOSE)
            event.payload = SW_LITERAL("another app-compose's 32 bytes..");
        out[n++] = event;
        if (compose && how == SAID_TWICE) out[n++] = event;
    }
    for (size_t i = 0; i < count && how == BEHIND_READY; i++)
        if (sw_bytes_is(house.good.events[i].name, "compose-hash")) out[n++] = house.good.events[i];
    return n;
}

/* Whatever a machine without scruples sends, it is refused unless this recipe was measured. */
static void test_recipe_unmeasured(void **state) {
    (void)state;
    static const struct {
        lie log, measured;
        bool none_measured;
        const char *sentence;
    } table[] = {
        {TRUE_LOG, TRUE_LOG, true, "does not replay to the quote's RTMR3"},
        {TRUE_LOG, OTHER_COMPOSE, false, "does not replay to the quote's RTMR3"},
        {TRUE_LOG, BEHIND_READY, false, "does not replay to the quote's RTMR3"},
        {OTHER_COMPOSE, OTHER_COMPOSE, false, "another compose than the one in question"},
        {LEFT_OUT, LEFT_OUT, false, "compose-hash"},
        {BEHIND_READY, BEHIND_READY, false, "compose-hash"},
        {SAID_TWICE, SAID_TWICE, false, "twice"},
    };
    SW_SCOPED(sw_arena) a = {0};
    SW_SCOPED(sw_buffer) json = SW_BUFFER(SW_EVIDENCE_LIMIT);
    sw_evidence e;
    measure(house.good.events, house.good.event_count);
    sw_machine *m = booted("tdx");
    assert_int_equal(sw_machine_evidence(m, &house.report, &json, NULL), SW_OK);
    assert_int_equal(sw_evidence_parse(&a, sw_buffer_bytes(&json), &e, NULL), SW_OK);
    for (size_t i = 0; i < COUNT(table); i++) {
        SW_SCOPED(sw_buffer) quote = SW_BUFFER(FORGE_QUOTE_MAX);
        sw_event measured[EVENTS], told[EVENTS];
        sw_error err = {0};
        size_t count = bend_log(table[i].measured, measured);
        measure(measured, table[i].none_measured ? 0 : count);
        td_forged_quote(&td_guest.kernel, house.report.b, &quote);
        e.quote = sw_buffer_bytes(&quote);
        e.events = told;
        e.event_count = bend_log(table[i].log, told);
        if (judge_as_sim(&e, &err) != SW_REFUSED || strstr(err.message, table[i].sentence) == NULL)
            fail_msg("%zu: %s", i, err.message);
        if (table[i].log != table[i].measured || table[i].log == TRUE_LOG) continue;
        sw_machine *honest = NULL; /* and our own machine sends nothing of the kind */
        assert_int_equal(boot("tdx", &honest, &err), SW_REFUSED);
        assert_null(honest);
        assert_true(table[i].log == OTHER_COMPOSE || strstr(err.hint, "attest extend") != NULL);
    }
    sw_machine_close(&m);
}

static void test_guest(void **state) {
    (void)state;
    char text[65];
    SW_SCOPED(sw_buffer) json = SW_BUFFER(SW_EVIDENCE_LIMIT);
    sw_error err = {0};
    info_compose = "0000000000000000000000000000000000000000000000000000000000000000";
    boot_refused(where, SW_REFUSED, "another app-compose");
    sw_hex_text(text, SW_BYTES_OF(house.compose.b));
    info_compose = text;
    sw_machine *m = booted(where);
    evidence_holds(m);
    other_report = true;
    assert_int_equal(sw_machine_evidence(m, &house.report, &json, &err), SW_REFUSED);
    assert_non_null(strstr(err.message, "other report data"));
    other_report = false;
    other_log = true;
    assert_int_equal(sw_machine_evidence(m, &house.report, &json, &err), SW_REFUSED);
    assert_non_null(strstr(err.message, "does not replay to its RTMR3"));
    assert_int_equal(json.size, 0);
    sw_machine_close(&m);
    boot_refused("dstack:/nowhere.sock", SW_MISSING, "/nowhere.sock");
}

/* An agent that says nothing of its compose, and quotes for another. */
static void test_guest_compose(void **state) {
    (void)state;
    sw_machine *m = NULL;
    SW_SCOPED(sw_buffer) json = SW_BUFFER(SW_EVIDENCE_LIMIT);
    sw_error err = {0};
    assert_int_equal(sw_machine_boot_at(&places, where, SW_LITERAL("{ }"), house.app_id,
                                        &house.entropy, &CLOCK, &m, &err),
                     SW_OK);
    assert_int_equal(sw_machine_evidence(m, &house.report, &json, &err), SW_REFUSED);
    assert_string_equal(err.word, "compose");
    sw_machine_close(&m);
}

/* Keys of any other provider are every program's of the app, or end with the boot. */
static void test_no_sealing_key(void **state) {
    (void)state;
    static const char *const others[] = {NULL,
                                         "null",
                                         "\"\"",
                                         "7",
                                         "\"{}\"",
                                         "\"local-sgx\"",
                                         "\"{\\\"id\\\":\\\"00\\\",\\\"name\\\":\\\"kms\\\"}\"",
                                         "\"{\\\"id\\\":\\\"\\\",\\\"name\\\":\\\"none\\\"}\"",
                                         "\"{\\\"id\\\":\\\"00\\\",\\\"name\\\":\\\"tpm\\\"}\"",
                                         "\"{\\\"id\\\":\\\"00\\\",\\\"name\\\":\\\"local\\\"}\""};
    sw_file_key *key = sw_file_key_new();
    for (size_t i = 0; i < COUNT(others); i++) {
        sw_error err = {0};
        info_provider = others[i];
        sw_machine *m = booted(where);
        assert_false(sw_machine_seals(m));
        assert_int_equal(sw_machine_sealing_key(m, key, &err), SW_MISSING);
        sw_machine_close(&m);
    }
    sw_file_key_drop(&key);
}

static void test_sealing_key(void **state) {
    (void)state;
    info_provider = LOCAL_PROVIDER;
    sw_machine *t = booted("tdx"), *a = booted(where), *b = NULL;
    sw_file_key *one = sw_file_key_new(), *two = sw_file_key_new(), *other = sw_file_key_new();
    sw_error err = {0};
    assert_int_equal(sw_machine_sealing_key(t, one, &err), SW_MISSING);
    assert_true(sw_machine_seals(a) && !sw_machine_seals(t));
    assert_int_equal(sw_machine_sealing_key(a, one, NULL), SW_OK);
    assert_int_equal(sw_machine_sealing_key(a, two, NULL), SW_OK);
    assert_memory_equal(one->b, two->b, 32);
    assert_int_equal(sw_machine_boot_at(&places, where, SW_LITERAL("{ }"), house.app_id,
                                        &house.entropy, &CLOCK, &b, NULL),
                     SW_OK);
    assert_int_equal(sw_machine_sealing_key(b, other, NULL), SW_OK);
    assert_memory_not_equal(one->b, other->b, 32);
    sw_machine_close(&t);
    sw_machine_close(&a);
    sw_machine_close(&b);
    sw_file_key_drop(&one);
    sw_file_key_drop(&two);
    sw_file_key_drop(&other);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_evidence, fresh),
        cmocka_unit_test_setup(test_collateral_ends, fresh),
        cmocka_unit_test_setup(test_no_collateral, fresh),
        cmocka_unit_test_setup(test_clock, fresh),
        cmocka_unit_test_setup(test_clock_lost, fresh),
        cmocka_unit_test_setup(test_log, fresh),
        cmocka_unit_test_setup(test_old_kernel, fresh),
        cmocka_unit_test_setup(test_recipe_measured, fresh),
        cmocka_unit_test_setup(test_recipe_unmeasured, fresh),
        cmocka_unit_test_setup(test_guest, fresh),
        cmocka_unit_test_setup(test_guest_compose, fresh),
        cmocka_unit_test_setup(test_no_sealing_key, fresh),
        cmocka_unit_test_setup(test_sealing_key, fresh),
    };
    return cmocka_run_group_tests_name("kinds", tests, setup, teardown);
}
