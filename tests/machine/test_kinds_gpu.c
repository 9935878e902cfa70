/* SPDX-License-Identifier: Apache-2.0
 *
 * A TDX machine with GPUs, end to end: NVIDIA's library (a fake of it), the kernel and all services
 * are the test's, reports and quotes a software machine's. Evidence for a channel holds the GPUs'
 * reports over the channel's nonce, with manifests and OCSP answers that the verifier takes
 * (MCH-094).
 */
#include "machine/gpu_service.h"

#include "machine/fake_nvml.h"
#include "machine/machine_internal.h"
#include "machine/td.h"

#include <dlfcn.h>

static const uint8_t APP_ID[20] = {1};
static void *held, *sim;
static fake_plan *plan;
static char library[128];
static td td_guest;
static sw_entropy entropy;
static const sw_clock CLOCK = {wall, wall, NULL};
static sw_collateral_source source;
static sw_machine_places places;

/* ---- what the machine's parts give ---- */
static uint32_t give_report(unsigned index, const uint8_t asked[32], uint8_t out[0x2000]) {
    SW_SCOPED(sw_buffer) report = SW_BUFFER(0x2000);
    sw_hash n;
    memcpy(n.b, asked, sizeof n.b);
    assert_int_equal(sw_sim_gpu_report_make(&gpus, index, &n, &entropy, &report, NULL), SW_OK);
    memcpy(out, report.data, report.size);
    return (uint32_t)report.size;
}

static uint32_t give_chain(unsigned index, uint8_t out[0x1400]) {
    assert_true(gpus.chains[index].size <= 0x1400);
    memcpy(out, gpus.chains[index].data, gpus.chains[index].size);
    return (uint32_t)gpus.chains[index].size;
}

/* The software machine quotes in a guest agent's form; the kernel gives the quote alone. */
static sw_bytes sim_answer(sw_arena *a, const char *member, const uint8_t data[64]) {
    SW_SCOPED(sw_buffer) json = SW_BUFFER((size_t)4 << 20);
    sw_report_data asked;
    sw_json *root;
    sw_bytes text;
    memcpy(asked.b, data, sizeof asked.b);
    assert_int_equal(sw_machine_sim.quote(sim, &asked, &json, NULL), SW_OK);
    sw_bytes kept = sw_arena_copy(a, sw_buffer_bytes(&json));
    assert_int_equal(sw_json_parse(a, kept, NULL, &root, NULL), SW_OK);
    assert_int_equal(sw_json_text(root, "", member, &text, NULL), SW_OK);
    return text;
}

static void give_quote(kernel *k, const uint8_t data[64], sw_buffer *out) {
    SW_SCOPED(sw_arena) a = {0};
    (void)k;
    assert_int_equal(sw_hex_append(out, sim_answer(&a, "quote", data), false, NULL), SW_OK);
}

static void init_runs(void) {
    SW_SCOPED(sw_arena) a = {0};
    static const uint8_t zeros[64];
    const sw_event *events;
    size_t count;
    assert_int_equal(
        sw_events_from_guest(&a, sim_answer(&a, "event_log", zeros), &events, &count, NULL), SW_OK);
    td_boot(&td_guest, &(kernel){.quote = give_quote}, events, count);
}

/* ---- the machine ---- */
static bool library_open(void) {
    char command[512];
    (void)snprintf(library, sizeof library, "%s/libnvidia-ml.so.1", service.work);
    (void)snprintf(command, sizeof command,
                   "gcc -std=c2x -shared -fPIC -o %s tests/machine/fake_nvml.c", library);
    if (system(command) != 0) return false;
    held = dlopen(library, RTLD_NOW | RTLD_LOCAL);
    plan = held == NULL ? NULL : dlsym(held, "plan");
    if (plan == NULL) return false;
    *plan = (fake_plan){
        .fails = -1, .devices = GPU_COUNT, .cc = 1, .report = give_report, .chain = give_chain};
    return true;
}

/* One folder publishes for Intel and for NVIDIA. */
static bool publish_intel(void) {
    char command[512];
    (void)snprintf(command, sizeof command, "cp %s/*.json %s/*.der %s/*.pem %s/fresh", gpu_machine,
                   gpu_machine, gpu_machine, published);
    return system(command) == 0;
}

static int setup(void **state) {
    (void)state;
    static const sw_machine_places none;
    entropy = sw_entropy_system();
    if (!service_open() || !library_open() || !publish_intel()) return -1;
    source = source_of("good+fresh");
    source.pcs_url = base;
    const sw_boot boot = {SW_LITERAL("{}"), APP_ID, &entropy, &CLOCK, &none};
    if (sw_sim_boot(gpu_machine, &boot, &sim, NULL) != SW_OK) return -1;
    td_place(&td_guest, service.work);
    init_runs();
    places = (sw_machine_places){.tsm = &td_guest.tsm,
                                 .events_path = td_guest.events_path,
                                 .clocksource_path = td_guest.clock_path,
                                 .collateral = &source,
                                 .nvml_library = library};
    return 0;
}

static int teardown(void **state) {
    (void)state;
    sw_machine_sim.close(sim);
    (void)dlclose(held);
    service_close();
    return 0;
}

static sw_machine *booted(void) {
    sw_machine *m = NULL;
    sw_error err = {0};
    if (sw_machine_boot_at(&places, "tdx", SW_LITERAL("{}"), APP_ID, &entropy, &CLOCK, &m, &err) !=
        SW_OK)
        fail_msg("%s", err.message);
    return m;
}

static sw_channel_binding binding(void) {
    sw_channel_binding b = {.role = SW_ROLE_MACHINE, .purpose = SW_PURPOSE_TRAIN};
    b.challenge.b[0] = 9;
    b.own_tls.b[0] = b.peer_tls.b[0] = 4;
    return b;
}

static void test_channel(void **state) {
    (void)state;
    SW_SCOPED(sw_arena) a = {0};
    SW_SCOPED(sw_buffer) json = SW_BUFFER(SW_EVIDENCE_LIMIT);
    sw_machine *m = booted();
    sw_channel_binding b = binding();
    sw_gpu_claims claims[GPU_COUNT];
    sw_evidence e;
    sw_error err = {0};
    sw_hash expected;
    sw_collateral_facts facts;
    if (sw_machine_channel_evidence(m, &b, &policy.gpu, &json, &err) != SW_OK ||
        sw_evidence_parse(&a, sw_buffer_bytes(&json), &e, &err) != SW_OK)
        fail_msg("%s", err.message);
    assert_int_equal(e.platform, SW_PLATFORM_TDX);
    assert_int_equal(e.gpu_count, GPU_COUNT);
    if (sw_gpu_verify(e.gpus, e.gpu_count, &e.gpu_collateral, &policy.gpu, NOW, NULL, claims,
                      &err) != SW_OK ||
        sw_gpu_policy_check(&policy.gpu, claims, e.gpu_count, NOW, NULL, &err) != SW_OK ||
        sw_collateral_judge(e.quote, &e.collateral, &policy, NOW, &facts, &err) != SW_OK)
        fail_msg("%s", err.message);
    sw_gpu_nonce(&expected, &b.challenge, &b.own_tls);
    for (size_t i = 0; i < GPU_COUNT; i++) {
        assert_true(claims[i].revocation_checked);
        assert_memory_equal(claims[i].nonce, expected.b, sizeof expected.b);
    }
    sw_machine_close(&m);
}

static void refused(sw_machine *m, size_t count, sw_status status, const char *sentence) {
    SW_SCOPED(sw_buffer) json = SW_BUFFER(SW_EVIDENCE_LIMIT);
    sw_channel_binding b = binding();
    sw_error err = {0};
    const sw_gpu_policy asked = {.count = (uint32_t)count};
    sw_status found = sw_machine_channel_evidence(m, &b, &asked, &json, &err);
    if (found != status || strstr(err.message, sentence) == NULL)
        fail_msg("%d %s", found, err.message);
    assert_int_equal(json.size, 0);
}

static void test_refusals(void **state) {
    (void)state;
    sw_machine *m = booted();
    refused(m, GPU_COUNT - 1, SW_REFUSED, "asks for 1 GPUs and this machine has 2");
    plan->devtools = 1;
    refused(m, GPU_COUNT, SW_REFUSED, "devtools");
    plan->devtools = 0;
    plan->fails = FAKE_REPORT;
    refused(m, GPU_COUNT, SW_UNAVAILABLE, "attestation report");
    plan->fails = -1;
    sw_machine_close(&m);
    places.nvml_library = "/nowhere.so";
    m = booted();
    refused(m, GPU_COUNT, SW_MISSING, "no NVIDIA driver");
    sw_machine_close(&m);
    places.nvml_library = library;
    source.rim_url = "https://127.0.0.1:1";
    m = booted();
    refused(m, GPU_COUNT, SW_UNAVAILABLE, "does not answer");
    sw_machine_close(&m);
    source.rim_url = base;
}

/* No evidence without answers (MCH-124), and none that lacks one is taken. */
static void test_silent(void **state) {
    (void)state;
    SW_SCOPED(sw_arena) a = {0};
    SW_SCOPED(sw_buffer) json = SW_BUFFER(SW_EVIDENCE_LIMIT);
    sw_channel_binding b = binding();
    sw_gpu_claims claims[GPU_COUNT];
    sw_evidence e;
    sw_error err = {0};
    source.ocsp_url = "https://127.0.0.1:1";
    sw_machine *m = booted();
    refused(m, GPU_COUNT, SW_UNAVAILABLE, "does not answer");
    sw_machine_close(&m);
    source.ocsp_url = base;
    m = booted();
    if (sw_machine_channel_evidence(m, &b, &policy.gpu, &json, &err) != SW_OK ||
        sw_evidence_parse(&a, sw_buffer_bytes(&json), &e, &err) != SW_OK)
        fail_msg("%s", err.message);
    assert_int_equal(e.gpu_collateral.ocsp_count, OCSP_EXPECTED);
    e.gpu_collateral.ocsp_count--;
    if (sw_gpu_verify(e.gpus, e.gpu_count, &e.gpu_collateral, &policy.gpu, NOW, NULL, claims,
                      &err) != SW_OK)
        fail_msg("%s", err.message);
    assert_int_equal(sw_gpu_policy_check(&policy.gpu, claims, e.gpu_count, NOW, NULL, &err),
                     SW_REFUSED);
    assert_non_null(strstr(err.message, "has no OCSP answer"));
    sw_machine_close(&m);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_channel),
                                       cmocka_unit_test(test_refusals),
                                       cmocka_unit_test(test_silent)};
    return cmocka_run_group_tests_name("kinds with GPUs", tests, setup, teardown);
}
