/* SPDX-License-Identifier: Apache-2.0
 *
 * Evidence that describes its OS image, judged by policies that name one by its hash: what must
 * measure, what a policy may leave to the host, and every way to be wrong (EVD-110 to EVD-117).
 */
#include "attest/image_forge.h"

static forge house;

static void start(booted *m) {
    booted_start(m, &house);
}

static void expect_json(booted *m, sw_bytes json, const char *word, const char *sentence) {
    sw_claims claims = {.memory_bytes = 77};
    sw_error err = {0};
    if (bend_judge(&m->b, json, &claims, &err) == SW_OK) fail_msg("accepted: %s", sentence);
    if (strstr(err.message, sentence) == NULL)
        fail_msg("\"%s\" is not in \"%s\"", sentence, err.message);
    assert_string_equal(err.word, word);
    assert_int_equal(claims.memory_bytes, 77);
}

static void expect(booted *m, const char *word, const char *sentence) {
    expect_json(m, bend_encode(&m->b), word, sentence);
}

static void holds(booted *m, sw_claims *claims) {
    sw_error err = {0};
    if (bend_judge(&m->b, bend_encode(&m->b), claims, &err) != SW_OK) fail_msg("%s", err.message);
}

/* ---- what holds ---- */
static void test_named_by_hash(void **state) {
    (void)state;
    booted m;
    sw_claims claims;
    start(&m);
    holds(&m, &claims);
    assert_string_equal(claims.image, "dstack-0.6");
    assert_true(claims.has_os_image);
    assert_true(sw_hash_equal(&claims.os_image, &m.values.os_image));
    assert_memory_equal(claims.acpi, m.image.machine.acpi, sizeof claims.acpi);
    assert_int_equal(claims.memory_bytes, 4 * GIB);
    assert_int_equal(claims.judged_ms, FORGE_NOW);
    /* both ways of QEMU to make the same MRTD */
    memcpy(in_body(&m.b, AT_MRTD), m.values.mrtd[0], 48);
    sign_quote(&m.b);
    holds(&m, &claims);
    /* every constraint named */
    sw_image *image = &m.b.policy.images[0];
    image->any_acpi = image->any_memory = false;
    image->acpi_count = image->memory_count = 2;
    memcpy(image->acpi[1], m.image.machine.acpi, sizeof image->acpi[1]);
    image->memory_bytes[0] = 2 * GIB;
    image->memory_bytes[1] = 4 * GIB;
    holds(&m, &claims);
    booted_end(&m);
}

/* A policy of registers judges as before, with the member and without. */
static void test_named_by_registers(void **state) {
    (void)state;
    booted m;
    sw_claims claims;
    start(&m);
    sw_image *image = &m.b.policy.images[0];
    *image = (sw_image){.name = "registers"};
    memcpy(image->mrtd, m.values.mrtd[1], 48);
    memcpy(image->rtmr, m.values.rtmr, sizeof image->rtmr);
    holds(&m, &claims);
    assert_string_equal(claims.image, "registers");
    assert_true(claims.has_os_image);
    m.b.e.image = NULL;
    holds(&m, &claims);
    assert_false(claims.has_os_image);
    /* beside an image by hash the first that matches is the one named */
    m.b.policy.images[1] = m.b.policy.images[0];
    m.b.policy.images[0] = (sw_image){.name = "other", .by_hash = true, .os_image = {{7}}};
    m.b.policy.images[0].any_acpi = m.b.policy.images[0].any_memory = true;
    m.b.policy.image_count = 2;
    holds(&m, &claims);
    assert_string_equal(claims.image, "registers");
    booted_end(&m);
}

/* ---- the policy does not match ---- */
static void other_hash(booted *m) {
    m->b.policy.images[0].os_image.b[31] ^= 1;
}
static void no_member(booted *m) {
    m->b.e.image = NULL;
}
static void other_acpi(booted *m) {
    sw_image *image = &m->b.policy.images[0];
    image->any_acpi = false;
    image->acpi_count = 1;
    memcpy(image->acpi[0], m->image.machine.acpi, sizeof image->acpi[0]);
    image->acpi[0][2][47] ^= 1;
}
static void acpi_in_another_order(booted *m) {
    sw_image *image = &m->b.policy.images[0];
    other_acpi(m);
    for (size_t i = 0; i < 3; i++) memcpy(image->acpi[0][i], m->image.machine.acpi[2 - i], 48);
}
static void other_memory(booted *m) {
    sw_image *image = &m->b.policy.images[0];
    image->any_memory = false;
    image->memory_count = 1;
    image->memory_bytes[0] = 8 * GIB;
}
static void other_registers(booted *m) {
    m->b.policy.images[0] = house.policy.images[0];
}
static void hash_as_registers(booted *m) {
    m->b.policy.images[0].by_hash = false;
    m->b.policy.images[0].mrtd[0] = 1;
}

/* ---- the member does not measure ---- */
static void acpi_flipped(booted *m) {
    m->image.machine.acpi[1][0] ^= 1;
}
static void more_memory(booted *m) {
    m->image.machine.memory_bytes += 4096;
}
static void odd_memory(booted *m) {
    m->image.machine.memory_bytes++;
}
static void no_memory(booted *m) {
    m->image.machine.memory_bytes = 0;
}
static void other_file(booted *m) {
    m->image.files.measurement = unhex(&m->b.arena, GOLDEN_LITE_V3);
}
static void other_image(booted *m) {
    other_file(m);
    m->image.files.checksum_file = SW_LITERAL(GOLDEN_LITE_V3_CHECKSUMS);
    m->image.machine.memory_bytes = 2 * GIB;
}
static void cut_file(booted *m) {
    m->image.files.checksum_file.size--;
}
static void other_mrtd(booted *m) {
    in_body(&m->b, AT_MRTD)[5] ^= 1;
    sign_quote(&m->b);
}
static void other_rtmr(booted *m) {
    in_body(&m->b, AT_RTMR0)[2 * 48] ^= 1;
    sign_quote(&m->b);
}
static void named_image(booted *m, const sw_hash *name) {
    sw_bytes payload = sw_arena_copy(&m->b.arena, SW_BYTES_OF(name->b));
    sw_event event = {SW_LITERAL("os-image-hash"), payload, false};
    insert_event(&m->b, find_event(&m->b, "app-id"), event);
    replay_events(&m->b);
}
static void log_names_another(booted *m) {
    static const sw_hash other = {{7}};
    named_image(m, &other);
}
static void log_unreplayed(booted *m) {
    acpi_flipped(m); /* the log is judged before the image */
    drop_event(&m->b, 0);
}
static void of_registers(booted *m) { /* refused even where nobody asks for a hash */
    other_registers(m);
    memcpy(m->b.policy.images[0].mrtd, m->values.mrtd[1], 48);
    memcpy(m->b.policy.images[0].rtmr, m->values.rtmr, 3 * 48);
    acpi_flipped(m);
}
static void plain_evidence(booted *m) { /* a machine that booted another image */
    memcpy(m->b.quote, house.good.quote.data, m->b.quote_size);
    other_registers(m);
}

static const struct {
    void (*change)(booted *m);
    const char *word, *sentence;
} REFUSED[] = {
    {other_hash, "policy", "does not name (MRTD, RTMR0-2, OS image hash)"},
    {no_member, "policy", "its evidence does not say which OS image it is"},
    {other_acpi, "policy", "ACPI tables are none of those that the machine policy names"},
    {acpi_in_another_order, "policy", "ACPI tables are none of those"},
    {other_memory, "policy", "memory of 4294967296 bytes is none of the sizes"},
    {other_registers, "policy", "does not name (MRTD, RTMR0-2)"},
    {hash_as_registers, "policy", "does not name (MRTD, RTMR0-2)"},
    {acpi_flipped, "evidence", "RTMR0 is not that of the image"},
    {more_memory, "evidence", "RTMR0 is not that of the image"},
    {odd_memory, "evidence", "not a number of pages"},
    {no_memory, "evidence", "not a number of pages"},
    {other_file, "evidence", "not the one that the checksum file lists"},
    {other_image, "evidence", "is not that of the image"},
    {cut_file, "evidence", "last line does not end"},
    {other_mrtd, "evidence", "MRTD is none of the image's two"},
    {other_rtmr, "evidence", "RTMR2 is not that of the image"},
    {log_names_another, "evidence", "os-image-hash names another image"},
    {log_unreplayed, "evidence", "does not replay"},
    {of_registers, "evidence", "RTMR0 is not that of the image"},
    {plain_evidence, "evidence", "MRTD is none of the image's two"},
};

static void test_refused(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT(REFUSED); i++) {
        booted m;
        start(&m);
        REFUSED[i].change(&m);
        expect(&m, REFUSED[i].word, REFUSED[i].sentence);
        booted_end(&m);
    }
}

static void test_log_names_it(void **state) {
    (void)state;
    booted m;
    sw_claims claims;
    start(&m);
    named_image(&m, &m.values.os_image);
    holds(&m, &claims);
    booted_end(&m);
}

/* A hash in claims that say that they have none is no hash. */
static void test_foreign_claims(void **state) {
    (void)state;
    booted m;
    sw_claims claims;
    sw_error err = {0};
    start(&m);
    holds(&m, &claims);
    assert_int_equal(sw_policy_check(&m.b.policy, &claims, NULL, NULL), SW_OK);
    claims.has_os_image = false;
    assert_int_equal(sw_policy_check(&m.b.policy, &claims, NULL, &err), SW_REFUSED);
    assert_non_null(strstr(err.message, "does not say which OS image it is"));
    booted_end(&m);
}

/* ---- the member as text ---- */
static void test_form(void **state) {
    (void)state;
    static const struct {
        const char *old, *new, *sentence;
    } table[] = {
        {"\"image\":{", "\"image\":{\"a\":1,", "a is not known"},
        {"\"image\":{\"acpi\":[\"", "\"image\":{\"acpi\":[\"\",\"", "acpi"},
        {"\"image\":{\"acpi\":[\"23", "\"image\":{\"acpi\":[\"2", "three digests of 96 hex digits"},
        {"\"image\":{\"acpi\":[\"23b", "\"image\":{\"acpi\":[\"23B",
         "three digests of 96 hex digits"},
        {"\"image\":{\"acpi\":[", "\"image\":{\"acpi\":[7,", "acpi"},
        {"\"checksum_file\":\"", "\"checksum_file\":\"=", "image.checksum_file"},
        {"\"measurement\":\"", "\"measurement\":\"A", "image.measurement"},
        {"\"measurement\":", "\"measurements\":", "measurement"},
        {"\"memory_bytes\":4294967296", "\"memory_bytes\":-1", "image.memory_bytes"},
        {"\"memory_bytes\":4294967296", "\"memory_bytes\":70368744177665", "image.memory_bytes"},
        {"\"memory_bytes\":4294967296", "\"memory_bytes\":0.5", "image.memory_bytes"},
        {"\"memory_bytes\":4294967296", "\"memory_bytes\":\"4294967296\"", "image.memory_bytes"},
        {"\"memory_bytes\":4294967296", "\"memory_bytes\":4294967296.0", "RFC 8785"},
        {"\"image\":{", "\"image\":[],\"imagf\":{", "imagf"},
    };
    booted m;
    start(&m);
    sw_bytes good = bend_encode(&m.b);
    for (size_t i = 0; i < COUNT(table); i++)
        expect_json(&m, replaced(&m.b.arena, good, table[i].old, table[i].new, 0), "evidence",
                    table[i].sentence);
    static const char *const others[] = {"null", "[]", "{}", "7", "\"\""};
    const uint8_t *from = memmem(good.data, good.size, "\"image\":{", 9),
                  *to = memmem(good.data, good.size, ",\"kind\"", 7);
    for (size_t i = 0; i < COUNT(others); i++) {
        SW_SCOPED(sw_buffer) json = SW_BUFFER(SW_EVIDENCE_LIMIT);
        sw_put_bytes(&json, SW_BYTES(good.data, (size_t)(from - good.data) + 8));
        sw_put_text(&json, others[i]);
        sw_put_bytes(&json, SW_BYTES(to, good.size - (size_t)(to - good.data)));
        expect_json(&m, sw_buffer_bytes(&json), "evidence", "image");
    }
    booted_end(&m);
}

static void test_limits(void **state) {
    (void)state;
    static uint8_t large[SW_CHECKSUM_LIMIT + 1];
    booted m;
    start(&m);
    m.image.files.checksum_file = SW_BYTES_OF(large);
    expect(&m, "evidence", "image.checksum_file");
    m.image.files.checksum_file = SW_LITERAL("a");
    m.image.files.measurement = SW_BYTES_OF(large);
    expect(&m, "evidence", "image.measurement");
    m.image.files.measurement.size = SW_MEASUREMENT_LIMIT;
    m.image.files.checksum_file = SW_BYTES(large, SW_CHECKSUM_LIMIT);
    expect(&m, "evidence", "checksum file"); /* of its size, and not one */
    booted_end(&m);
}

/* Evidence without the member has the bytes that it always had. */
static void test_absent(void **state) {
    (void)state;
    bend b;
    bend_start(&b, &house);
    sw_bytes json = bend_encode(&b);
    assert_null(memmem(json.data, json.size, "\"image\"", 7));
    assert_true(sw_bytes_equal(json, sw_buffer_bytes(&house.json)));
    bend_end(&b);
}

/* No flip of the member is accepted where a policy asks for the hash: it names every byte of the
 * files, and RTMR0 holds the rest. */
static void test_flips(void **state) {
    (void)state;
    booted m;
    sw_claims claims;
    start(&m);
    sw_bytes json = bend_encode(&m.b);
    uint8_t *bytes = (uint8_t *)(uintptr_t)json.data;
    const uint8_t *from = memmem(json.data, json.size, "\"image\":{", 9),
                  *to = memmem(json.data, json.size, ",\"kind\"", 7);
    assert_true(from != NULL && to != NULL);
    size_t first = 8 * (size_t)(from - json.data), end = 8 * (size_t)(to - json.data), flips = 0;
    for (size_t bit = first; bit < end; bit += 3, flips++) {
        bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
        if (bend_judge(&m.b, json, &claims, NULL) == SW_OK) fail_msg("bit %zu went unseen", bit);
        bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    assert_true(flips > 2000);
    assert_int_equal(bend_judge(&m.b, json, &claims, NULL), SW_OK);
    booted_end(&m);
}

/* ---- watched and explained ---- */
static size_t images_begun;
static char image_value[128];
static void on_begin(void *context, const char *check) {
    *(const char **)context = check;
    images_begun += strcmp(check, "OS image") == 0;
}
static void on_held(void *context, const char *value) {
    if (strcmp(*(const char **)context, "OS image") == 0)
        (void)snprintf(image_value, sizeof image_value, "%s", value);
}

static void test_watched(void **state) {
    (void)state;
    booted m;
    const char *last = "";
    const sw_check_log log = {
        .begun = on_begin, .held = on_held, .left = on_held, .context = &last};
    sw_claims claims;
    char hex[65];
    SW_SCOPED(sw_buffer) text = SW_BUFFER(1 << 20);
    start(&m);
    images_begun = 0;
    assert_int_equal(sw_verifier_open(&log, &m.b.verifier, NULL), SW_OK);
    holds(&m, &claims);
    sw_hex_text(hex, SW_BYTES_OF(m.values.os_image.b));
    assert_int_equal(images_begun, 1);
    assert_string_equal(image_value, hex);
    acpi_flipped(&m);
    expect(&m, "evidence", "RTMR0");
    assert_string_equal(last, "OS image"); /* begun, and not held */
    sw_verifier_close(&m.b.verifier);
    assert_int_equal(sw_evidence_explain(bend_encode(&m.b), &text, NULL), SW_OK);
    sw_put_u8(&text, 0);
    assert_non_null(strstr((const char *)text.data, "OS image, as the prover describes it"));
    assert_non_null(strstr((const char *)text.data, hex));
    assert_non_null(strstr((const char *)text.data, "4294967296 bytes"));
    booted_end(&m);
}

int main(void) {
    forge_open(&house);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_named_by_hash), cmocka_unit_test(test_named_by_registers),
        cmocka_unit_test(test_refused),       cmocka_unit_test(test_log_names_it),
        cmocka_unit_test(test_form),          cmocka_unit_test(test_limits),
        cmocka_unit_test(test_absent),        cmocka_unit_test(test_flips),
        cmocka_unit_test(test_watched),       cmocka_unit_test(test_foreign_claims),
    };
    int failed = cmocka_run_group_tests_name("image", tests, NULL, NULL);
    forge_close(&house);
    return failed;
}
