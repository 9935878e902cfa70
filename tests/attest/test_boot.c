/* SPDX-License-Identifier: Apache-2.0
 *
 * Boots of real TDs, from ../shared/vectors/dstack: logs of dstack 0.3 to 0.6 and a raw CCEL replay
 * to all four registers of the quotes beside them, MRCONFIGIDs hold, what dstack derives is what
 * was derived elsewhere, and a TDX-lite image gives the registers that its machine has. Without the
 * vectors the program says so.
 */
#include "attest/measure.h"
#include "attest/tdx_internal.h"
#include "crypto/vector.h"

#include <stdio.h>
#include <string.h>

#define VECTORS    "../shared/vectors/dstack"
#define FILE_BYTES ((size_t)1 << 20)

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

static const sw_json *parsed(sw_arena *a, sw_bytes text) {
    sw_json *root;
    assert_int_equal(sw_json_parse(a, text, NULL, &root, NULL), SW_OK);
    return root;
}

static sw_bytes hex_of(sw_arena *a, const sw_json *object, const char *name) {
    sw_bytes text = sw_json_member(object, name)->text;
    uint8_t *bytes = sw_arena_alloc(a, text.size / 2 + 1, 1);
    assert_int_equal(sw_hex_decode(bytes, text.size / 2, text, false, NULL), SW_OK);
    return SW_BYTES(bytes, text.size / 2);
}

/* ---- one agent's answer ---- */
typedef struct answer {
    sw_tdx_quote quote;
    sw_td_measurements td;
    sw_event_log log;
    const sw_event *events;
    size_t event_count;
    sw_bytes vm_config; /* empty for none */
} answer;

static void measurements_of(const sw_tdx_quote *q, sw_td_measurements *out) {
    memcpy(out->mrtd, q->td.mrtd, 48);
    memcpy(out->rtmr, q->td.rtmr, sizeof out->rtmr);
    memcpy(out->mr_config_id, q->td.mr_config_id, 48);
    memcpy(out->mr_owner, q->td.mr_owner, 48);
    memcpy(out->mr_owner_config, q->td.mr_owner_config, 48);
}

static void answer_read(sw_arena *a, const char *file, answer *out) {
    sw_error err = {0};
    const sw_json *root = parsed(a, load(a, file));
    if (sw_tdx_quote_parse(hex_of(a, root, "quote"), &out->quote, &err) != SW_OK ||
        sw_log_from_json(a, sw_json_member(root, "event_log")->text, &out->log, &err) != SW_OK ||
        sw_log_runtime(a, &out->log, &out->events, &out->event_count, &err) != SW_OK)
        fail_msg("%s: %s", file, err.message);
    measurements_of(&out->quote, &out->td);
    const sw_json *config = sw_json_member(root, "vm_config");
    out->vm_config = config == NULL ? (sw_bytes){0} : config->text;
}

static const struct {
    const char *file;
    unsigned config_id; /* the version */
    size_t events;
} ANSWERS[] = {{"quote-report.json", 0, 28},
               {"tdx-lite-getquote.json", 1, 29},
               {"phala-prod-quote.json", 1, 29},
               {"examples-rtmr3-report.json", 0, 28}};

static void test_answers_replay(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT(ANSWERS); i++) {
        SW_SCOPED(sw_arena) a = {0};
        answer g;
        uint8_t rtmr[4][48];
        bool seen[4];
        sw_error err = {0};
        answer_read(&a, ANSWERS[i].file, &g);
        assert_int_equal(g.log.count, ANSWERS[i].events);
        if (sw_log_replay(&g.log, rtmr, seen, &err) != SW_OK) fail_msg("%s", err.message);
        assert_memory_equal(rtmr, g.td.rtmr, sizeof rtmr);
        assert_true(seen[0] && seen[1] && seen[2] && seen[3]);
    }
}

/* Info answers hold the same log as an array, unstripped. */
static void test_info_replays(void **state) {
    (void)state;
    SW_SCOPED(sw_arena) a = {0};
    const sw_json *info = parsed(&a, load(&a, "phala-prod-info.json"));
    const sw_json *tcb = sw_json_member(info, "tcb_info");
    if (tcb->type == SW_JSON_STRING) tcb = parsed(&a, tcb->text);
    static const char *const names[] = {"rtmr0", "rtmr1", "rtmr2", "rtmr3"};
    sw_event_log log;
    uint8_t rtmr[4][48];
    bool seen[4];
    sw_error err = {0};
    if (sw_log_from_json(&a, sw_json_member(tcb, "event_log")->span, &log, &err) != SW_OK ||
        sw_log_replay(&log, rtmr, seen, &err) != SW_OK)
        fail_msg("%s", err.message);
    for (size_t i = 0; i < 4; i++) assert_memory_equal(rtmr[i], hex_of(&a, tcb, names[i]).data, 48);
    sw_td_measurements td = {0};
    sw_hash aggregated;
    memcpy(td.rtmr, rtmr, sizeof rtmr);
    memcpy(td.mrtd, hex_of(&a, tcb, "mrtd").data, 48);
    td.mr_config_id[0] = 1;
    memcpy(td.mr_config_id + 1, hex_of(&a, tcb, "compose_hash").data, 32);
    sw_mr_aggregated(&aggregated, &td);
    assert_memory_equal(aggregated.b, hex_of(&a, tcb, "mr_aggregated").data, 32);
}

static void test_derived(void **state) {
    (void)state;
    SW_SCOPED(sw_arena) a = {0};
    const sw_json *root = parsed(&a, load(&a, "derived-vectors.json"));
    for (size_t i = 0; i < COUNT(ANSWERS); i++) {
        answer g;
        sw_hash hash;
        sw_bytes provider = {0};
        sw_error err = {0};
        answer_read(&a, ANSWERS[i].file, &g);
        const sw_json *known = sw_json_member(sw_json_member(root, "quotes"), ANSWERS[i].file);
        const sw_json *full = sw_json_member(known, "full");
        for (size_t e = 0; e < g.event_count; e++)
            if (sw_bytes_is(g.events[e].name, "key-provider")) provider = g.events[e].payload;
        sw_mr_system(&hash, &g.td, provider);
        assert_memory_equal(hash.b, hex_of(&a, full, "mr_system").data, 32);
        sw_mr_aggregated(&hash, &g.td);
        assert_memory_equal(hash.b, hex_of(&a, full, "mr_aggregated").data, 32);
        const sw_json *boot = sw_json_member(known, "boottime");
        sw_td_measurements early = g.td;
        if (sw_rtmr3_at_boot(&g.log, early.rtmr[3], &err) != SW_OK) fail_msg("%s", err.message);
        sw_mr_system(&hash, &early, (sw_bytes){0});
        assert_memory_equal(hash.b, hex_of(&a, boot, "mr_system").data, 32);
        sw_mr_aggregated(&hash, &early);
        assert_memory_equal(hash.b, hex_of(&a, boot, "mr_aggregated").data, 32);
    }
    const sw_json *device = sw_json_member(root, "device_id_v055");
    sw_hash by_ppid, by_user_data;
    sw_device_ids((const uint8_t[16]){0}, hex_of(&a, device, "header_user_data").data, &by_ppid,
                  &by_user_data);
    assert_memory_equal(by_user_data.b, hex_of(&a, device, "device_id").data, 32);
}

static void test_config_ids(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT(ANSWERS); i++) {
        SW_SCOPED(sw_arena) a = {0};
        answer g;
        sw_config_facts facts;
        unsigned version = 99;
        sw_error err = {0};
        answer_read(&a, ANSWERS[i].file, &g);
        if (sw_config_facts_read(&a, g.events, g.event_count, &facts, &err) != SW_OK ||
            sw_config_id_verify(&a, g.td.mr_config_id, &facts, &version, &err) != SW_OK)
            fail_msg("%s: %s", ANSWERS[i].file, err.message);
        assert_int_equal(version, ANSWERS[i].config_id);
        assert_int_equal(facts.provider, i == 0 ? SW_KEY_PROVIDER_LOCAL : SW_KEY_PROVIDER_KMS);
        assert_int_equal(facts.provider_id.size, i == 0 ? 32 : 91);
    }
}

/* ---- a raw CCEL ---- */
static void test_ccel(void **state) {
    (void)state;
    SW_SCOPED(sw_arena) a = {0};
    answer g;
    sw_event_log log;
    uint8_t rtmr[4][48];
    bool seen[4];
    sw_error err = {0};
    if (sw_log_from_ccel(&a, load(&a, "ccel.bin"), &log, &err) != SW_OK ||
        sw_log_replay(&log, rtmr, seen, &err) != SW_OK)
        fail_msg("%s", err.message);
    assert_int_equal(log.count, 18);
    assert_true(seen[0] && seen[1] && !seen[2] && !seen[3]);
    /* the machine shape is that of this answer, whose kernel is another */
    answer_read(&a, "examples-rtmr3-report.json", &g);
    assert_memory_equal(rtmr[0], g.td.rtmr[0], 48);
    for (size_t i = 0; i < log.count; i++) {
        assert_int_equal(log.events[i].type, g.log.events[i < 16 ? i : i + 2].type);
        if (log.events[i].imr == 0)
            assert_memory_equal(log.events[i].digest, g.log.events[i].digest, 48);
    }
}

/* ---- TDX-lite ---- */
static void test_lite(void **state) {
    (void)state;
    SW_SCOPED(sw_arena) a = {0};
    answer g;
    sw_lite_hints hints;
    sw_lite_values values;
    sw_error err = {0};
    answer_read(&a, "tdx-lite-getquote.json", &g);
    if (sw_lite_hints_read(&a, g.vm_config, &hints, &err) != SW_OK) fail_msg("%s", err.message);
    sw_lite_machine machine = {.memory_bytes = hints.memory_bytes};
    assert_int_equal(sw_lite_acpi(&g.log, machine.acpi, &err), SW_OK);
    if (sw_lite_measure(&hints.image, &machine, &values, &err) != SW_OK)
        fail_msg("%s", err.message);
    assert_memory_equal(values.os_image.b,
                        hex_of(&a, parsed(&a, g.vm_config), "os_image_hash").data, 32);
    assert_memory_equal(values.rtmr, g.td.rtmr, sizeof values.rtmr);
    assert_memory_equal(values.mrtd[1], g.td.mrtd, 48); /* QEMU 8: two passes */
    /* the image was described anew after the capture: its log names the old description */
    assert_int_equal(sw_lite_check(&values, &g.td, g.events, g.event_count, &err), SW_REFUSED);
    assert_non_null(strstr(err.message, "os-image-hash names another image"));
    machine.memory_bytes *= 2;
    assert_int_equal(sw_lite_measure(&hints.image, &machine, &values, &err), SW_OK);
    assert_int_equal(sw_lite_check(&values, &g.td, g.events, g.event_count, &err), SW_REFUSED);
    assert_non_null(strstr(err.message, "RTMR0 is not that of the image"));
}

int main(void) {
    sw_arena a = {0};
    bool there = load(&a, ANSWERS[0].file).size > 0;
    sw_arena_free(&a);
    if (!there) {
        (void)puts("1..0 # SKIP no folder ../shared/vectors/dstack");
        return 0;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_answers_replay), cmocka_unit_test(test_info_replays),
        cmocka_unit_test(test_derived),        cmocka_unit_test(test_config_ids),
        cmocka_unit_test(test_ccel),           cmocka_unit_test(test_lite)};
    return cmocka_run_group_tests_name("boot", tests, NULL, NULL);
}
