/* SPDX-License-Identifier: Apache-2.0
 *
 * A TDX-lite image's registers against Python's hashlib and struct (golden_boot.py): both versions
 * of the measurement file, sizes of memory on both sides of QEMU's split, and every way to be
 * wrong.
 */
#include "attest/golden_boot.h"
#include "attest/measure_internal.h"
#include "crypto/vector.h"

#include <stdio.h>
#include <string.h>

#define MIB (UINT64_C(1) << 20)

typedef struct fixture {
    sw_arena arena;
    sw_lite_image image;
    sw_lite_machine machine;
} fixture;

static sw_event_log golden_log(sw_arena *a) {
    sw_event_log log;
    assert_int_equal(sw_log_from_json(a, SW_LITERAL(GOLDEN_JSON_EMPTY), &log, NULL), SW_OK);
    return log;
}

static void fixture_start(fixture *f, const char *measurement, const char *checksums) {
    *f = (fixture){.machine.memory_bytes = 2048 * MIB};
    sw_event_log log = golden_log(&f->arena);
    assert_int_equal(sw_lite_acpi(&log, f->machine.acpi, NULL), SW_OK);
    f->image.measurement = unhex(&f->arena, measurement);
    f->image.checksum_file = sw_text(checksums);
}

static sw_status measure(fixture *f, sw_lite_values *out, sw_error *err) {
    sw_lite_values before = {.os_image = {{9}}};
    *out = before;
    sw_status status = sw_lite_measure(&f->image, &f->machine, out, err);
    if (status != SW_OK) assert_memory_equal(out, &before, sizeof before);
    return status;
}

static void expect_refused(fixture *f, const char *sentence) {
    sw_lite_values values;
    sw_error err = {0};
    assert_int_not_equal(measure(f, &values, &err), SW_OK);
    if (strstr(err.message, sentence) == NULL)
        fail_msg("\"%s\" is not in \"%s\"", sentence, err.message);
}

static const struct {
    const char *measurement, *checksums;
    bool any_memory;
} IMAGES[] = {{GOLDEN_LITE_V3, GOLDEN_LITE_V3_CHECKSUMS, false},
              {GOLDEN_LITE_V3_NORMALIZED, GOLDEN_LITE_V3_NORMALIZED_CHECKSUMS, true},
              {GOLDEN_LITE_V4, GOLDEN_LITE_V4_CHECKSUMS, true}};
static const struct {
    uint64_t mib;
    const char *rtmr0;
} SIZES[] = {{1024, GOLDEN_LITE_RTMR0_1024},
             {2048, GOLDEN_LITE_RTMR0_2048},
             {2816, GOLDEN_LITE_RTMR0_2816},
             {4096, GOLDEN_LITE_RTMR0_4096},
             {65536, GOLDEN_LITE_RTMR0_65536}};

static void test_golden(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT(IMAGES); i++) {
        fixture f;
        fixture_start(&f, IMAGES[i].measurement, IMAGES[i].checksums);
        for (size_t m = 0; m < COUNT(SIZES); m++) {
            sw_lite_values v;
            sw_hash name;
            sw_error err = {0};
            f.machine.memory_bytes = SIZES[m].mib * MIB;
            if (SIZES[m].mib == 1024 && !IMAGES[i].any_memory) {
                expect_refused(&f, "neither 2 GiB nor at least 2816 MiB");
                continue;
            }
            if (measure(&f, &v, &err) != SW_OK) fail_msg("%s", err.message);
            sw_sha256(&name, f.image.checksum_file);
            assert_true(sw_hash_equal(&v.os_image, &name));
            assert_hex(v.mrtd[0], 48, GOLDEN_LITE_MRTD_SINGLE);
            assert_hex(v.mrtd[1], 48, GOLDEN_LITE_MRTD_TWO);
            assert_hex(v.rtmr[0], 48, SIZES[m].rtmr0);
            assert_hex(v.rtmr[1], 48, GOLDEN_LITE_RTMR1);
            assert_hex(v.rtmr[2], 48, GOLDEN_LITE_RTMR2);
        }
        sw_arena_free(&f.arena);
    }
}

static void test_check(void **state) {
    (void)state;
    fixture f;
    sw_lite_values v;
    sw_error err = {0};
    fixture_start(&f, GOLDEN_LITE_V4, GOLDEN_LITE_V4_CHECKSUMS);
    assert_int_equal(measure(&f, &v, &err), SW_OK);
    sw_td_measurements td = {0};
    memcpy(td.rtmr, v.rtmr, sizeof v.rtmr);
    for (size_t pass = 0; pass < 2; pass++) {
        memcpy(td.mrtd, v.mrtd[pass], 48);
        assert_int_equal(sw_lite_check(&v, &td, NULL, 0, &err), SW_OK);
    }
    td.mrtd[47] ^= 1;
    assert_int_equal(sw_lite_check(&v, &td, NULL, 0, &err), SW_REFUSED);
    assert_non_null(strstr(err.message, "MRTD is none of the image's two"));
    td.mrtd[47] ^= 1;
    for (size_t r = 0; r < 3; r++) {
        char sentence[64];
        (void)snprintf(sentence, sizeof sentence, "RTMR%zu is not that of the image", r);
        td.rtmr[r][0] ^= 1;
        assert_int_equal(sw_lite_check(&v, &td, NULL, 0, &err), SW_REFUSED);
        assert_non_null(strstr(err.message, sentence));
        td.rtmr[r][0] ^= 1;
    }
    /* a log that names an image names this one; behind system-ready nothing counts */
    sw_event events[2] = {0};
    events[0].name = SW_LITERAL("os-image-hash");
    events[0].payload = SW_BYTES_OF(v.os_image.b);
    events[1].name = SW_LITERAL("system-ready");
    assert_int_equal(sw_lite_check(&v, &td, events, 2, &err), SW_OK);
    events[0].payload.size--;
    assert_int_equal(sw_lite_check(&v, &td, events, 2, &err), SW_REFUSED);
    assert_non_null(strstr(err.message, "os-image-hash names another image"));
    events[0].name = SW_LITERAL("system-ready");
    events[1].name = SW_LITERAL("os-image-hash");
    assert_int_equal(sw_lite_check(&v, &td, events, 2, &err), SW_OK);
    sw_arena_free(&f.arena);
}

/* ---- the checksum file ---- */
#define HEX "8c9e955f0b577cc8945a891a34ccfa5b8e08bb5e5d249992603e64dd14870e3c"
static const struct {
    const char *file, *sentence;
} CHECKSUMS[] = {
    {"", "does not list measurement.tdx.cbor"},
    {HEX "  bzImage\n", "does not list measurement.tdx.cbor"},
    {HEX "  measurement.tdx.cbor\n", "not the one that the checksum file lists"},
    {HEX "  measurement.tdx.cbor", "last line does not end"},
    {"\n", "line 1 of the checksum file is no SHA-256"},
    {HEX "  a\n\n", "line 2 of the checksum file is no SHA-256"},
    {HEX " *a\n", "line 1 of the checksum file is no SHA-256"},
    {HEX "  \n", "line 1 of the checksum file is no SHA-256"},
    {HEX "0  a\n", "line 1 of the checksum file is no SHA-256"},
    {"8C9e955f0b577cc8945a891a34ccfa5b8e08bb5e5d249992603e64dd14870e3c  a\n",
     "line 1 of the checksum file is no SHA-256"},
    {HEX "   a\n", "no plain file name"},
    {HEX "  ./a\n", "no plain file name"},
    {HEX "  .a\n", "no plain file name"},
    {HEX "  -a\n", "no plain file name"},
    {HEX "  a b\n", "no plain file name"},
    {HEX "  a\r\n", "no plain file name"},
    {HEX "  sha256sum.txt\n", "no plain file name"},
    {HEX "  a\n" HEX "  a\n", "line 2 of the checksum file repeats a name"},
};

static void test_checksum_refusals(void **state) {
    (void)state;
    fixture f;
    fixture_start(&f, GOLDEN_LITE_V3, GOLDEN_LITE_V3_CHECKSUMS);
    for (size_t i = 0; i < COUNT(CHECKSUMS); i++) {
        f.image.checksum_file = sw_text(CHECKSUMS[i].file);
        expect_refused(&f, CHECKSUMS[i].sentence);
    }
    SW_SCOPED(sw_buffer) file = SW_BUFFER(SW_CHECKSUM_LIMIT + 1);
    for (int i = 0; i < 65; i++) sw_put_format(&file, HEX "  a%d\n", i);
    f.image.checksum_file = sw_buffer_bytes(&file);
    expect_refused(&f, "more than 64 lines");
    while (file.size <= SW_CHECKSUM_LIMIT) sw_put_u8(&file, 'a');
    f.image.checksum_file = sw_buffer_bytes(&file);
    expect_refused(&f, "more than 16384 bytes");
    static uint8_t large[SW_MEASUREMENT_LIMIT + 1];
    f.image.checksum_file = sw_text(GOLDEN_LITE_V3_CHECKSUMS);
    f.image.measurement = SW_BYTES_OF(large);
    expect_refused(&f, "the measurement file has more than 16384 bytes");
    sw_arena_free(&f.arena);
}

/* ---- the measurement file ---- */
/* The image's files around these bytes: what a prover can mint for itself. */
static void mint(fixture *f, sw_bytes measurement) {
    char hex[65];
    sw_hash hash;
    sw_sha256(&hash, measurement);
    sw_hex_text(hex, SW_BYTES_OF(hash.b));
    char *file = sw_arena_alloc(&f->arena, 128, 1);
    (void)snprintf(file, 128, "%s  measurement.tdx.cbor\n", hex);
    f->image = (sw_lite_image){sw_text(file), measurement};
}

static sw_bytes replaced(fixture *f, sw_bytes in, const char *from, const char *to) {
    sw_bytes old = unhex(&f->arena, from), new = unhex(&f->arena, to);
    const uint8_t *hit = memmem(in.data, in.size, old.data, old.size);
    assert_non_null(hit);
    size_t before = (size_t)(hit - in.data), after = in.size - before - old.size;
    uint8_t *out = sw_arena_alloc(&f->arena, in.size + new.size, 1);
    memcpy(out, in.data, before);
    memcpy(out + before, new.data, new.size);
    memcpy(out + before + new.size, hit + old.size, after);
    return SW_BYTES(out, before + new.size + after);
}

#define VERSION "6776657273696f6e" /* the key, then its value */
static const struct {
    const char *from, *to, *sentence;
} DOCUMENTS[] = {
    {"a3" VERSION, "a2" VERSION, "the measurement file has not 3 members"},
    {"a3" VERSION, "b803" VERSION, "not in its shortest form"},
    {"a3" VERSION, "bf" VERSION, "no definite length"},
    {"a3" VERSION, "83" VERSION, "not of its type"},
    {"a3" VERSION, "c1a3" VERSION, "not of its type"},
    {"a3" VERSION, "bbffffffffffffffff" VERSION, "more members than bytes"},
    {VERSION "04", VERSION "05", "neither 3 nor 4"},
    {VERSION "04", VERSION "1804", "not in its shortest form"},
    {VERSION "04", VERSION "24", "not of its type"},
    {VERSION "04", VERSION "1b0000000100000000", "out of range"},
    {VERSION "04", VERSION "03", "is not cmdline_sha384"},
    {"6776657273696f6e", "6776657273696f6f", "is not version"},
    {"65696d616765a4", "65696d616765a5", "image has not its three members"},
    {"65696d616765a4", "65696d616765a3", "is not initrd_sha384"},
    {"65696d616765a4", "65696d616766a4", "is not image"},
    {"636f6e736f6c65", "636f6e736f6c0a", "not printable ASCII"},
    {"636f6e736f6c65", "636f6e736f6cff", "not UTF-8"},
    {"6b65726e656c5f61757468656e7469636f64655830", "6b65726e656c5f61757468656e7469636f6465582f",
     "kernel_authenticode has not 48 bytes"},
    {"6b65726e656c5f61757468656e7469636f64655830", "6b65726e656c5f61757468656e7469636f64655831",
     "kernel_authenticode has more than 48 bytes"},
    {"6b65726e656c5f61757468656e7469636f64655830", "6b65726e656c5f61757468656e7469636f64657830",
     "not of its type"},
    {"6e6f726d616c697a6564f5", "6e6f726d616c697a6564f4", "written and false"},
    {"6e6f726d616c697a6564f5", "6e6f726d616c697a6564f6", "neither true nor false"},
    {"6e6f726d616c697a6564f5", "6e6f726d616c697a656401", "not of its type"},
    {"6474647666a3", "6474647666a2", "tdvf has not 3 members"},
    {"69707265323032353035", "69707265323032353036", "firmware whose events are not known"},
    {"646d727464a2", "646d727464a3", "mrtd has not 2 members"},
    {"6b73696e676c655f70617373", "6b73696e676c655f70617374", "is not single_pass"},
    {"6874776f5f70617373", "6874776f5f70617374", "is not two_pass"},
    {"6674645f686f624c", "6674645f686f634c", "is not td_hob"},
    {"6674645f686f624c", "6674645f686f625b00000000ffffffff", "not in its shortest form"},
    {"6674645f686f624c", "6674645f686f625b0000000100000000", "td_hob has more than 1024 bytes"},
    {"6674645f686f624c", "6674645f686f624b", "1 bytes too many"},
};

static void test_document_refusals(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT(DOCUMENTS); i++) {
        fixture f;
        fixture_start(&f, GOLDEN_LITE_V4, GOLDEN_LITE_V4_CHECKSUMS);
        mint(&f, replaced(&f, f.image.measurement, DOCUMENTS[i].from, DOCUMENTS[i].to));
        expect_refused(&f, DOCUMENTS[i].sentence);
        sw_arena_free(&f.arena);
    }
}

/* With a checksum file that fits, each cut is refused and each flip refused or seen in a value. */
static void test_cut_and_flips(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT(IMAGES); i++) {
        fixture f;
        sw_lite_values golden, other;
        sw_error err = {0};
        fixture_start(&f, IMAGES[i].measurement, IMAGES[i].checksums);
        f.machine.memory_bytes = 4096 * MIB;
        assert_int_equal(measure(&f, &golden, &err), SW_OK);
        size_t size = f.image.measurement.size;
        uint8_t *bytes = sw_arena_alloc(&f.arena, size + 1, 1);
        memcpy(bytes, f.image.measurement.data, size);
        for (size_t bit = 0; bit < 8 * size; bit++) {
            bytes[bit / 8] ^= (uint8_t)(1U << bit % 8);
            f.image.measurement = SW_BYTES(bytes, size);
            f.image.checksum_file = sw_text(IMAGES[i].checksums);
            assert_int_equal(measure(&f, &other, &err), SW_REFUSED);
            mint(&f, SW_BYTES(bytes, size));
            if (measure(&f, &other, &err) == SW_OK &&
                memcmp(other.mrtd, golden.mrtd, sizeof golden.mrtd) == 0 &&
                memcmp(other.rtmr, golden.rtmr, sizeof golden.rtmr) == 0)
                fail_msg("image %zu: a flip of bit %zu changes no value", i, bit);
            bytes[bit / 8] ^= (uint8_t)(1U << bit % 8);
        }
        for (size_t n = 0; n <= size + 1; n++) {
            if (n == size) continue;
            mint(&f, SW_BYTES(bytes, n));
            assert_int_not_equal(measure(&f, &other, &err), SW_OK);
        }
        sw_arena_free(&f.arena);
    }
}

/* ---- hand-off blocks and ACPI ---- */
static const struct {
    const char *witness;
    uint64_t memory_bytes;
    const char *sentence;
} HOBS[] = {
    {"801009040006090202021010", 2048 * MIB, "not in order"},
    {"801009010006", 2048 * MIB, NULL},
    {"801009020006", 2048 * MIB, "ends within a number"},
    {"801009010006", 0, "not a number of pages"},
    {"801009010006", 2048 * MIB + 1, "not a number of pages"},
    {"801009010006", (UINT64_C(1) << 46) + 4096, "not a number of pages"},
    {"801009010006", UINT64_C(1) << 46, NULL},
    {"801009010006", 8 * MIB + 6 * 4096, NULL},
    {"801009010006", 8 * MIB + 5 * 4096, "beyond memory"},
    {"80800109010006", 4096 * MIB, NULL},            /* below the split's 2 GiB */
    {"80802009010006", 4096 * MIB, "beyond memory"}, /* at 2 GiB and more */
    {"80100901000600", 2048 * MIB, "1 bytes too many"},
    {"801009010000", 2048 * MIB, "empty"},
    {"80100900", 2048 * MIB, "not 1 to 64 pieces"},
    {"80100941", 2048 * MIB, "not 1 to 64 pieces"},
    {"80900009010006", 2048 * MIB, "zero too many"},
    {"8010ffffffffffff7f010006", 2048 * MIB, "2^36 pages"},
    {"ffffffffffffffffff01", 2048 * MIB, "2^36 pages"},
    {"80", 2048 * MIB, "ends within a number"},
    {"", 2048 * MIB, "ends within a number"},
};

static void test_hobs(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT(HOBS); i++) {
        SW_SCOPED(sw_arena) a = {0};
        uint8_t digest[48] = {9};
        sw_error err = {0};
        sw_status status =
            sw_td_hob_digest(unhex(&a, HOBS[i].witness), HOBS[i].memory_bytes, digest, &err);
        if (HOBS[i].sentence == NULL) {
            if (status != SW_OK) fail_msg("%s: %s", HOBS[i].witness, err.message);
            continue;
        }
        assert_int_not_equal(status, SW_OK);
        assert_int_equal(digest[0], 9);
        if (strstr(err.message, HOBS[i].sentence) == NULL)
            fail_msg("%s: \"%s\" is not in \"%s\"", HOBS[i].witness, HOBS[i].sentence, err.message);
    }
}

static void expect_acpi(const sw_event_log *log, const char *sentence) {
    uint8_t acpi[SW_ACPI_COUNT][48] = {{9}};
    sw_error err = {0};
    sw_status status = sw_lite_acpi(log, acpi, &err);
    if (sentence == NULL) {
        assert_int_equal(status, SW_OK);
        assert_int_not_equal(acpi[0][0], 9);
        return;
    }
    assert_int_equal(status, SW_REFUSED);
    assert_int_equal(acpi[0][0], 9);
    if (strstr(err.message, sentence) == NULL) fail_msg("%s", err.message);
}

static void test_acpi(void **state) {
    (void)state;
    SW_SCOPED(sw_arena) a = {0};
    sw_log_event events[4];
    sw_event_log golden = golden_log(&a), log = {events, 3};
    memcpy(events, golden.events + 1, 3 * sizeof events[0]);
    events[3] = events[0];
    expect_acpi(&golden, NULL);
    expect_acpi(&log, NULL); /* a stripped log has these alone */
    log.count = 4;
    expect_acpi(&log, "more than three ACPI digests");
    log.count = 2;
    expect_acpi(&log, "not its three ACPI digests");
    log.count = 3;
    events[1] = events[2];
    expect_acpi(&log, "is not named acpi-rsdp");
    events[1].name = events[2].name = events[0].name = (sw_bytes){0}; /* before 0.6 */
    expect_acpi(&log, NULL);
    events[2].imr = 1;
    expect_acpi(&log, "not its three ACPI digests");
    events[2].imr = 0;
    events[2].has_digest = false;
    expect_acpi(&log, "has no digest");
}

/* ---- hints ---- */
#define FILES "\"tdx_measurement\":{\"checksum_file\":\"YQ==\",\"measurement\":\"\"}"
static const struct {
    const char *config, *sentence;
} HINTS[] = {
    {"{" FILES ",\"memory_size\":4096}", NULL},
    {"{" FILES ",\"memory_size\":4096,\"os_image_hash\":7,\"more\":[]}", NULL},
    {"{\"vm_config\":\"{\\\"memory_size\\\":4096,\\\"tdx_measurement\\\":{\\\"checksum_file\\\":"
     "\\\"YQ==\\\",\\\"measurement\\\":\\\"\\\"}}\"}",
     NULL},
    {"{\"memory_size\":4096}", "describes no TDX-lite image"},
    {"{\"vm_config\":{" FILES ",\"memory_size\":4096}}", "describes no TDX-lite image"},
    {"{\"vm_config\":\"[]\"}", "not an object"},
    {"{\"vm_config\":\"\"}", "JSON"},
    {"[]", "not an object"},
    {"{" FILES "}", "memory_size"},
    {"{" FILES ",\"memory_size\":\"4096\"}", "memory_size"},
    {"{" FILES ",\"memory_size\":70368744177665}", "memory_size"},
    {"{" FILES "," FILES ",\"memory_size\":4096}", "repeated"},
    {"{\"tdx_measurement\":{\"checksum_file\":\"\",\"measurement\":\"\",\"more\":1},\"memory_"
     "size\":1}",
     "more is not known"},
    {"{\"tdx_measurement\":7,\"memory_size\":4096}", "tdx_measurement"},
    {"{\"tdx_measurement\":{\"measurement\":\"\"},\"memory_size\":4096}", "checksum_file"},
    {"{\"tdx_measurement\":{\"checksum_file\":\"YR==\",\"measurement\":\"\"},\"memory_size\":1}",
     "vm_config.tdx_measurement.checksum_file"},
};

static void test_hints(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT(HINTS); i++) {
        SW_SCOPED(sw_arena) a = {0};
        sw_lite_hints hints = {.memory_bytes = 9};
        sw_error err = {0};
        sw_status status = sw_lite_hints_read(&a, sw_text(HINTS[i].config), &hints, &err);
        if (HINTS[i].sentence == NULL) {
            if (status != SW_OK) fail_msg("%s: %s", HINTS[i].config, err.message);
            assert_true(sw_bytes_is(hints.image.checksum_file, "a"));
            assert_int_equal(hints.image.measurement.size, 0);
            assert_int_equal(hints.memory_bytes, 4096);
            continue;
        }
        assert_int_not_equal(status, SW_OK);
        assert_int_equal(hints.memory_bytes, 9);
        if (strstr(err.message, HINTS[i].sentence) == NULL)
            fail_msg("%s: \"%s\" is not in \"%s\"", HINTS[i].config, HINTS[i].sentence,
                     err.message);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_golden),
                                       cmocka_unit_test(test_check),
                                       cmocka_unit_test(test_checksum_refusals),
                                       cmocka_unit_test(test_document_refusals),
                                       cmocka_unit_test(test_cut_and_flips),
                                       cmocka_unit_test(test_hobs),
                                       cmocka_unit_test(test_acpi),
                                       cmocka_unit_test(test_hints)};
    return cmocka_run_group_tests_name("lite", tests, NULL, NULL);
}
