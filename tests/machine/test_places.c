/* SPDX-License-Identifier: Apache-2.0
 *
 * A key service and a run on machines behind a guest agent ask the provisioning service that their
 * options name (MCH-120). Agent and service are the test's, quotes and collateral a software
 * machine's that was booted with the app-compose in question.
 */
#include "cmocka_plain.h"

#include "codec/text.h"
#include "kms/kms_internal.h"
#include "machine/agent.h"
#include "machine/machine_internal.h"
#include "machine/pcs.h"
#include "run/agent.h"
#include "sys/files.h"

#define NOW_MS INT64_C(1795408892000)
#define DAY_MS (INT64_C(24) * 3600 * 1000)

static pcs service;
static agent guest;
static void *sim; /* behind the guest agent */
static char folder[64], box[80], address[64], clock_path[96], kms_folder[96], where[128];
static sw_entropy entropy;
static sw_policy policy;
static sw_collateral_source source;
static sw_machine_places places;

static int64_t wall(void *context) {
    (void)context;
    return NOW_MS;
}
static const sw_clock CLOCK = {wall, wall, NULL};

/* ---- the guest agent ---- */
static void guest_quotes(sw_bytes body, sw_buffer *json) {
    sw_report_data report;
    static const char before[] = "{\"report_data\":\"";
    if (body.size == sizeof before - 1 + 128 + 2 &&
        sw_hex_decode(report.b, 64, SW_BYTES(body.data + sizeof before - 1, 128), false, NULL) ==
            SW_OK &&
        sw_machine_sim.quote(sim, &report, json, NULL) != SW_OK)
        sw_buffer_reset(json);
}

static void answer(agent *a, const char *method, sw_bytes body, sw_buffer *raw) {
    SW_SCOPED(sw_buffer) json = SW_BUFFER((size_t)8 << 20);
    (void)a;
    if (strcmp(method, "GetQuote") == 0)
        guest_quotes(body, &json);
    else if (strcmp(method, "GetKey") == 0)
        sw_put_format(&json, "{\"key\":\"%064x\",\"signature_chain\":[]}", 0x1234);
    else
        sw_put_text(&json, "{}");
    agent_put(raw, "200 OK", sw_buffer_bytes(&json));
}

static void sim_booted(sw_bytes compose) {
    static const sw_machine_places none;
    sw_hash hash;
    sw_sha256(&hash, compose);
    const sw_boot boot = {compose, hash.b, &entropy, &CLOCK, &none};
    if (sim != NULL) sw_machine_sim.close(sim);
    assert_int_equal(sw_sim_boot(box, &boot, &sim, NULL), SW_OK);
}

/* ---- the world ---- */
static int setup(void **state) {
    (void)state;
    entropy = sw_entropy_system();
    (void)snprintf(folder, sizeof folder, "/tmp/sealwright-test-XXXXXX");
    if (mkdtemp(folder) == NULL) return -1;
    (void)snprintf(box, sizeof box, "%s/sim", folder);
    if (sw_sim_init(box, &entropy, NOW_MS - 30 * DAY_MS, NULL) != SW_OK ||
        sw_sim_policy(box, &policy, NULL) != SW_OK || !pcs_start(&service, box))
        return -1;
    guest.answer = answer;
    if (!agent_start(&guest)) return -1;
    (void)snprintf(where, sizeof where, "dstack:%s", guest.path);
    (void)snprintf(clock_path, sizeof clock_path, "%s/clocksource", service.work);
    (void)snprintf(kms_folder, sizeof kms_folder, "%s/kms", service.work);
    (void)snprintf(address, sizeof address, "https://127.0.0.1:%u/good", service.port);
    source = (sw_collateral_source){
        .ca_file = service.ca, .anchors = &policy, .timeout_ms = 20000, .clock = CLOCK};
    places = (sw_machine_places){.clocksource_path = clock_path, .collateral = &source};
    return sw_file_write(clock_path, SW_LITERAL("tsc\n"), 0600, SW_WRITE_NEW, NULL) == SW_OK ? 0
                                                                                             : -1;
}

static int teardown(void **state) {
    char command[128];
    (void)state;
    agent_stop(&guest);
    sw_machine_sim.close(sim);
    pcs_stop(&service);
    (void)snprintf(command, sizeof command, "rm -r %s", folder);
    return system(command);
}

/* ---- a key service ---- */
static void compose_made(sw_bytes program) {
    SW_SCOPED(sw_buffer) compose = SW_BUFFER(16384);
    assert_int_equal(sw_kms_compose_make(program, &compose, NULL), SW_OK);
    sim_booted(sw_buffer_bytes(&compose));
}

static int looked(sw_kms *k) {
    static const uint8_t nonce[32] = {7};
    sw_http_request q = {.method = "POST",
                         .path = "/v1/look",
                         .body = SW_BYTES_OF(nonce),
                         .connection = 1,
                         .has_peer = true};
    sw_http_reply reply = {.body = SW_BUFFER(SW_HTTP_BODY_LIMIT)};
    sw_kms_answer(k, &q, &reply);
    sw_buffer_free(&reply.body);
    return reply.status;
}

static void test_key_service(void **state) {
    (void)state;
    sw_kms_options o = {.folder = kms_folder,
                        .machine = where,
                        .places = &places,
                        .entropy = entropy,
                        .clock = CLOCK,
                        .program = SW_LITERAL("the program's bytes")};
    sw_error err = {0};
    sw_hash compose;
    compose_made(o.program);
    if (sw_kms_init(&o, &compose, &err) != SW_OK) fail_msg("%s", err.message);
    for (size_t i = 0; i < 2; i++) {
        sw_kms *k = NULL;
        source.pcs_url = i == 0 ? "https://127.0.0.1:1" : address;
        if (sw_kms_open(&o, &k, &err) != SW_OK) fail_msg("%s", err.message);
        (void)pcs_asked(&service);
        assert_int_equal(looked(k) == 200, i == 1);
        assert_int_equal(pcs_asked(&service), i == 0 ? 0 : 4);
        sw_kms_close(&k);
    }
}

/* ---- a run ---- */
static void test_run(void **state) {
    (void)state;
    static const sw_report_data report = {{5}};
    static sw_genesis genesis;
    static sw_recipe recipe;
    sw_run_options o = {.app_compose = SW_LITERAL("{}"),
                        .machine = where,
                        .places = &places,
                        .entropy = entropy,
                        .clock = CLOCK};
    sim_booted(o.app_compose);
    for (size_t i = 0; i < 3; i++) { /* the last by a recipe that demands more than there is */
        SW_SCOPED(sw_buffer) json = SW_BUFFER(SW_EVIDENCE_LIMIT);
        sw_error err = {0};
        sw_agent *a = sw_agent_new(&o);
        assert_non_null(a);
        a->genesis = &genesis;
        a->recipe = &recipe;
        source.pcs_url = i == 0 ? "https://127.0.0.1:1" : address;
        recipe.policy.minimum_evaluation_number = i == 2 ? 2 : 1;
        if (sw_agent_boot(a, &err) != SW_OK) fail_msg("%s", err.message);
        (void)pcs_asked(&service);
        sw_status status = sw_machine_evidence(a->machine, &report, &json, &err);
        const sw_status expected[] = {SW_UNAVAILABLE, SW_OK, SW_REFUSED};
        if (status != expected[i]) fail_msg("%d %s", status, err.message);
        if (i == 2) assert_non_null(strstr(err.message, "the machine policy demands 2"));
        assert_int_equal(pcs_asked(&service), i == 0 ? 0 : 4);
        sw_agent_drop(&a);
    }
    places.clocksource_path = "/nowhere"; /* a place of the options, at the boot itself */
    sw_agent *a = sw_agent_new(&o);
    a->genesis = &genesis;
    a->recipe = &recipe;
    assert_int_equal(sw_agent_boot(a, NULL), SW_MISSING);
    sw_agent_drop(&a);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_key_service),
                                       cmocka_unit_test(test_run)};
    return cmocka_run_group_tests_name("places", tests, setup, teardown);
}
