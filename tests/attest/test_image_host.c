/* SPDX-License-Identifier: Apache-2.0
 *
 * What a host says of its OS image beside a quote: a machine makes it a part of its evidence, and
 * others' quotes are judged with it, only when it measures to the quote (EVD-118, EVD-119).
 */
#include "attest/image_forge.h"
#include "attest/standalone.h"
#include "machine/machine_internal.h"

static forge house;

/* ---- a host's answer ---- */
typedef struct answered {
    booted m;
    const char *acpi_name; /* of the second ACPI event */
    size_t acpi_count;
    sw_bytes vm_config;
} answered;

static const char *host_names = "of the host's liking"; /* os_image_hash */

static sw_bytes vm_config_of(sw_arena *a, const sw_evidence_image *image) {
    SW_SCOPED(sw_buffer) text = SW_BUFFER(1 << 20);
    sw_json *root = sw_json_make(a, SW_JSON_OBJECT);
    sw_json_add_integer(a, root, "cpu_count", 8);
    sw_json_add_integer(a, root, "memory_size", (int64_t)image->machine.memory_bytes);
    sw_json_add_text(a, root, "os_image_hash", sw_text(host_names));
    sw_json *files = sw_json_add_object(a, root, "tdx_measurement");
    sw_json_add_base64(a, files, "checksum_file", image->files.checksum_file);
    sw_json_add_base64(a, files, "measurement", image->files.measurement);
    sw_json_encode(&text, root);
    return sw_arena_copy(a, sw_buffer_bytes(&text));
}

static void answered_start(answered *h) {
    *h = (answered){.acpi_name = "acpi-rsdp", .acpi_count = SW_ACPI_COUNT};
    booted_start(&h->m, &house);
    h->vm_config = vm_config_of(&h->m.b.arena, &h->m.image);
}

static void log_put(answered *h, sw_buffer *out) {
    const char *const names[] = {"acpi-loader", h->acpi_name, "acpi-tables"};
    const bend *b = &h->m.b;
    sw_put_text(out, "[");
    for (size_t i = 0; i < h->acpi_count; i++) {
        sw_put_text(out, i == 0 ? "{\"imr\":0,\"event_type\":10,\"digest\":\""
                                : ",{\"imr\":0,\"event_type\":10,\"digest\":\"");
        sw_hex_encode(out, SW_BYTES_OF(h->m.image.machine.acpi[i]));
        sw_put_format(out, "\",\"event\":\"%s\",\"event_payload\":\"\"}", names[i]);
    }
    for (size_t i = 0; i < b->e.event_count; i++) {
        sw_put_text(out, i + h->acpi_count == 0 ? "{" : ",{");
        sw_put_text(out, "\"imr\":3,\"event_type\":134217729,\"digest\":\"\",\"event\":\"");
        sw_put_bytes(out, b->events[i].name);
        sw_put_text(out, "\",\"event_payload\":\"");
        sw_hex_encode(out, b->events[i].payload);
        sw_put_text(out, "\"}");
    }
    sw_put_text(out, "]");
}

/* GetQuote's answer, read as a machine reads it. */
static void answer_read(answered *h, sw_evidence *out) {
    SW_SCOPED(sw_buffer) log = SW_BUFFER(1 << 20);
    SW_SCOPED(sw_buffer) json = SW_BUFFER(1 << 20);
    bend *b = &h->m.b;
    sw_arena *a = &b->arena;
    sw_error err = {0};
    log_put(h, &log);
    sw_json *root = sw_json_make(a, SW_JSON_OBJECT);
    sw_json_add_hex(a, root, "quote", SW_BYTES(b->quote, b->quote_size));
    sw_json_add_text(a, root, "event_log", sw_buffer_bytes(&log));
    if (h->vm_config.data != NULL) sw_json_add_text(a, root, "vm_config", h->vm_config);
    sw_json_encode(&json, root);
    *out = b->e;
    out->image = NULL;
    sw_bytes answer = sw_arena_copy(a, sw_buffer_bytes(&json));
    if (sw_answer_read(a, answer, &house.report, &house.compose, out, &err) != SW_OK)
        fail_msg("%s", err.message);
}

static void test_described(void **state) {
    (void)state;
    answered h;
    sw_evidence e;
    sw_claims claims;
    sw_error err = {0};
    answered_start(&h);
    answer_read(&h, &e);
    assert_non_null(e.image);
    assert_int_equal(e.event_count, h.m.b.e.event_count); /* ACPI's events do not travel */
    SW_SCOPED(sw_buffer) json = SW_BUFFER(SW_EVIDENCE_LIMIT);
    assert_int_equal(sw_evidence_encode(&e, &json, NULL), SW_OK);
    sw_bytes direct = bend_encode(&h.m.b);
    assert_true(sw_bytes_equal(direct, sw_buffer_bytes(&json)));
    if (bend_judge(&h.m.b, sw_buffer_bytes(&json), &claims, &err) != SW_OK)
        fail_msg("%s", err.message);
    assert_string_equal(claims.image, "dstack-0.6");
    booted_end(&h.m);
}

/* ---- hints that do not hold ---- */
static void no_config(answered *h) {
    h->vm_config = (sw_bytes){0};
}
static void empty_config(answered *h) {
    h->vm_config = SW_LITERAL("{}");
}
static void broken_config(answered *h) {
    h->vm_config.size--;
}
static void other_memory(answered *h) {
    h->m.image.machine.memory_bytes *= 2;
    h->vm_config = vm_config_of(&h->m.b.arena, &h->m.image);
}
static void other_image(answered *h) {
    h->m.image.files.measurement = unhex(&h->m.b.arena, GOLDEN_LITE_V3);
    h->m.image.files.checksum_file = SW_LITERAL(GOLDEN_LITE_V3_CHECKSUMS);
    h->m.image.machine.memory_bytes = 2 * GIB;
    h->vm_config = vm_config_of(&h->m.b.arena, &h->m.image);
}
static void other_files(answered *h) {
    h->m.image.files.measurement = unhex(&h->m.b.arena, GOLDEN_LITE_V3);
    h->vm_config = vm_config_of(&h->m.b.arena, &h->m.image);
}
static void other_acpi(answered *h) {
    h->m.image.machine.acpi[2][0] ^= 1;
}
static void misnamed_acpi(answered *h) {
    h->acpi_name = "acpi-rsdq";
}
static void missing_acpi(answered *h) {
    h->acpi_count = 2;
}
static void no_acpi(answered *h) {
    h->acpi_count = 0;
}

static const struct {
    void (*change)(answered *h);
    const char *sentence; /* to a policy that asks for a hash */
    bool silent;          /* no image is described, so nothing is checked */
} DROPPED[] = {
    {no_config, "does not say which OS image it is", true},
    {empty_config, "does not say which OS image it is", true},
    {broken_config, "JSON", false},
    {other_memory, "RTMR0 is not that of the image", false},
    {other_image, "is not that of the image", false},
    {other_files, "not the one that the checksum file lists", false},
    {other_acpi, "RTMR0 is not that of the image", false},
    {misnamed_acpi, "not named acpi-rsdp", false},
    {missing_acpi, "has not its three ACPI digests", false},
    {no_acpi, "has not its three ACPI digests", false},
};

/* A machine leaves out what would be refused: its evidence is that of a machine without. */
static void test_dropped(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT(DROPPED); i++) {
        answered h;
        sw_evidence e;
        answered_start(&h);
        DROPPED[i].change(&h);
        answer_read(&h, &e);
        if (e.image != NULL) fail_msg("%zu: an image that does not measure is kept", i);
        booted_end(&h.m);
    }
}

/* ---- others' quotes ---- */
static size_t begun, held;
static char last_value[1280];
static void on_begin(void *context, const char *check) {
    *(const char **)context = check;
    assert_int_equal(begun++, held);
}
static void on_held(void *context, const char *value) {
    held++;
    if (strcmp(*(const char **)context, "OS image") == 0)
        (void)snprintf(last_value, sizeof last_value, "%s", value);
}

static bool image_left; /* the last image was neither held nor refused */
static bool host_left;  /* the host named another than the log */
static void on_left(void *context, const char *reason) {
    if (strcmp(*(const char **)context, "host's OS image hash") == 0) host_left = true;
    if (strcmp(*(const char **)context, "OS image") == 0) image_left = true;
    on_held(context, reason);
}

static sw_status judge(answered *h, const sw_policy *policy, sw_standalone_claims *claims,
                       sw_error *err) {
    SW_SCOPED(sw_buffer) text = SW_BUFFER(1 << 20);
    const char *last = "";
    const sw_check_log watching = {
        .begun = on_begin, .held = on_held, .left = on_left, .context = &last};
    sw_verifier *v = NULL;
    sw_event_log log;
    bend *b = &h->m.b;
    begun = held = 0;
    image_left = host_left = false;
    last_value[0] = 0;
    log_put(h, &text);
    sw_bytes json = sw_arena_copy(&b->arena, sw_buffer_bytes(&text));
    assert_int_equal(sw_log_from_json(&b->arena, json, &log, NULL), SW_OK);
    const sw_standalone asked = {.quote = SW_BYTES(b->quote, b->quote_size),
                                 .collateral = &b->e.collateral,
                                 .log = &log,
                                 .vm_config = h->vm_config,
                                 .policy = policy,
                                 .wall_ms = FORGE_NOW};
    assert_int_equal(sw_verifier_open(&watching, &v, NULL), SW_OK);
    sw_status status = sw_standalone_verify(&asked, v, claims, err);
    assert_int_equal(begun, status == SW_OK ? held : held + 1);
    sw_verifier_close(&v);
    return status;
}

static void registers_instead(answered *h) {
    sw_image *image = &h->m.b.policy.images[0];
    *image = (sw_image){.name = "registers"};
    memcpy(image->mrtd, h->m.values.mrtd[1], 48);
    memcpy(image->rtmr, h->m.values.rtmr, sizeof image->rtmr);
}

static void test_others(void **state) {
    (void)state;
    answered h;
    sw_standalone_claims claims;
    sw_error err = {0};
    char hex[65];
    answered_start(&h);
    if (judge(&h, &h.m.b.policy, &claims, &err) != SW_OK) fail_msg("%s", err.message);
    assert_string_equal(claims.image, "dstack-0.6");
    assert_true(claims.has_os_image);
    assert_int_equal(claims.memory_bytes, 4 * GIB);
    sw_hex_text(hex, SW_BYTES_OF(h.m.values.os_image.b));
    assert_string_equal(last_value, hex);
    registers_instead(&h);
    assert_int_equal(judge(&h, &h.m.b.policy, &claims, &err), SW_OK);
    assert_true(claims.has_os_image && !image_left);
    assert_string_equal(claims.image, "registers");
    booted_end(&h.m);
}

/* Another hash than the log's is told, and changes no verdict. */
static void test_host_names(void **state) {
    (void)state;
    answered h;
    sw_standalone_claims claims;
    char logged[65], other[65];
    answered_start(&h);
    const sw_bytes image = SW_BYTES_OF(h.m.values.os_image.b);
    insert_event(&h.m.b, find_event(&h.m.b, "system-ready"),
                 (sw_event){SW_LITERAL("os-image-hash"), image, false});
    replay_events(&h.m.b);
    sw_hex_text(logged, image);
    (void)memcpy(other, logged, sizeof other);
    other[0] = other[0] == '0' ? '1' : '0';
    const char *const names[] = {logged, other, "", "of the host's liking"};
    for (size_t i = 0; i < COUNT(names); i++) {
        host_names = names[i];
        h.vm_config = vm_config_of(&h.m.b.arena, &h.m.image);
        assert_int_equal(judge(&h, &h.m.b.policy, &claims, NULL), SW_OK);
        assert_int_equal(host_left, i == 1);
    }
    booted_end(&h.m);
}

/* What does not measure is refused by whoever asked for a hash, and no image for anybody else. */
static void test_others_dropped(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT(DROPPED); i++) {
        answered h;
        sw_standalone_claims claims;
        sw_error err = {0};
        answered_start(&h);
        DROPPED[i].change(&h);
        if (judge(&h, &h.m.b.policy, &claims, &err) == SW_OK) fail_msg("accepted: %zu", i);
        if (strstr(err.message, DROPPED[i].sentence) == NULL)
            fail_msg("\"%s\" is not in \"%s\"", DROPPED[i].sentence, err.message);
        assert_string_equal(err.word, DROPPED[i].silent ? "policy" : "evidence");
        assert_false(image_left);
        registers_instead(&h);
        if (judge(&h, &h.m.b.policy, &claims, &err) != SW_OK) fail_msg("%zu: %s", i, err.message);
        assert_false(claims.has_os_image);
        assert_int_equal(image_left, !DROPPED[i].silent);
        if (!DROPPED[i].silent && strstr(last_value, DROPPED[i].sentence) == NULL)
            fail_msg("\"%s\" is not in \"%s\"", DROPPED[i].sentence, last_value);
        assert_int_equal(last_value[0] == 0, DROPPED[i].silent);
        booted_end(&h.m);
    }
}

int main(void) {
    forge_open(&house);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_described),      cmocka_unit_test(test_dropped),
        cmocka_unit_test(test_others),         cmocka_unit_test(test_host_names),
        cmocka_unit_test(test_others_dropped),
    };
    int failed = cmocka_run_group_tests_name("image_host", tests, NULL, NULL);
    forge_close(&house);
    return failed;
}
