/* SPDX-License-Identifier: Apache-2.0
 *
 * Reports of GPUs and switches as bytes (GPU-001 to GPU-025): what is read, what is refused and in
 * which words, cut at every byte, lengthened, and bent in every byte under its signature.
 */
#include "attest/gpu_forge.h"

enum { RECORD = 45, GPU_RECORD_BYTES = 3520, OPAQUE_AT = RECORD + GPU_RECORD_BYTES + 32 };

static const gpu_plan gpu_usual = {.serial = 11, .feature = -1, .nonce = 0x21};
static const gpu_plan switch_usual = {
    .serial = 12, .is_switch = true, .feature = -1, .nonce = 0x22, .more = {NULL, 0}};

/* A switch names itself; the report's field, type and length in front. */
#define OWN_PDI SW_LITERAL("\x16\0\x08\0\1\2\3\4\5\6\7\x08")

static void make(gpu_plan plan, gpu_made *m) {
    if (plan.is_switch && plan.more.size == 0) plan.more = OWN_PDI;
    memset(m, 0, sizeof *m);
    gpu_key(&m->leaf);
    memset(m->fwid, 0x5f, sizeof m->fwid);
    gpu_report_make(&plan, m);
}

static void check_refused(sw_bytes report, const char *sentence) {
    static sw_gpu_report out, before;
    sw_error err = {0};
    memset(&out, 0x5a, sizeof out);
    memset(&before, 0x5a, sizeof before);
    if (sw_gpu_report_parse(report, &out, &err) == SW_OK)
        fail_msg("taken, not refused: \"%s\"", sentence);
    assert_memory_equal(&out, &before, sizeof out);
    assert_string_equal(err.word, "evidence");
    if (strstr(err.message, sentence) == NULL)
        fail_msg("\"%s\" is not in \"%s\"", sentence, err.message);
}

static void check_plan(const gpu_plan *plan, const char *sentence) {
    gpu_made m;
    make(*plan, &m);
    check_refused(sw_buffer_bytes(&m.report), sentence);
    gpu_made_free(&m);
}

/* ---- what is read ---- */
static void test_gpu_fields(void **state) {
    (void)state;
    gpu_made m;
    sw_gpu_report r;
    gpu_plan plan = gpu_usual;
    plan.feature = 1;
    plan.trailing = 3;
    make(plan, &m);
    assert_int_equal(sw_gpu_report_parse(sw_buffer_bytes(&m.report), &r, NULL), SW_OK);
    assert_string_equal(r.driver, "570.00.1");
    assert_string_equal(r.vbios, "96.00.CF.00.02");
    assert_string_equal(r.project, "G520");
    assert_string_equal(r.project_sku, "0280");
    assert_string_equal(r.chip_sku, "895");
    assert_string_equal(r.chip_info, "");
    assert_true(r.has_fwid && r.nvdec0_disabled && r.has_feature && !r.is_switch);
    assert_int_equal(r.feature, 1);
    assert_int_equal(r.block_count, 64);
    assert_int_equal(r.trailing_bytes, 3);
    assert_int_equal(r.signed_part.size + 96 + 3, m.report.size);
    assert_memory_equal(r.fwid, m.fwid, sizeof r.fwid);
    assert_int_equal(r.nonce[31], 0x21);
    assert_int_equal(r.responder_nonce[0], 0x77);
    for (size_t i = 0; i < 64; i++) assert_int_equal(r.blocks[i][47], 0x40 + i);
    const sw_gpu_opaque *unknown = sw_gpu_field(&r, 200);
    assert_non_null(unknown);
    assert_true(sw_bytes_is(unknown->value, "of no known type"));
    assert_int_equal(sw_p384_verify_raw(&m.leaf.key, r.signed_part, r.signature, NULL), SW_OK);
    gpu_made_free(&m);
}

static void test_switch_fields(void **state) {
    (void)state;
    gpu_made m;
    sw_gpu_report r;
    make(switch_usual, &m);
    assert_int_equal(sw_gpu_report_parse(sw_buffer_bytes(&m.report), &r, NULL), SW_OK);
    assert_true(r.is_switch && !r.has_fwid && !r.has_feature);
    assert_string_equal(r.driver, "");
    assert_string_equal(r.vbios, "96.10.55.00.01");
    assert_int_equal(r.block_count, 31);
    assert_false(r.present[31]);
    gpu_made_free(&m);
}

static void test_left_out(void **state) {
    (void)state;
    gpu_made m;
    sw_gpu_report r;
    gpu_plan plan = gpu_usual;
    plan.left_out = 9;
    make(plan, &m);
    assert_int_equal(sw_gpu_report_parse(sw_buffer_bytes(&m.report), &r, NULL), SW_OK);
    assert_int_equal(r.block_count, 63);
    assert_true(r.present[7] && !r.present[8] && r.present[9]);
    gpu_made_free(&m);
}

static void test_names(void **state) {
    (void)state;
    static const struct {
        sw_gpu_report r;
        const char *driver, *vbios;
    } table[] = {
        {{.driver = "570.172.08",
          .vbios = "96.00.CF.00.02",
          .project = "G520",
          .project_sku = "0280",
          .chip_sku = "895"},
         "NV_GPU_DRIVER_GH100_570.172.08",
         "NV_GPU_VBIOS_G520_0280_895_9600CF0002"},
        {{.driver = "575.32",
          .vbios = "97.00.88.00.0f",
          .project = "G525",
          .project_sku = "0220",
          .chip_sku = "886"},
         "NV_GPU_CC_DRIVER_GB100_575.32",
         "NV_GPU_VBIOS_G525_0220_886_970088000F"},
        {{.driver = "580.1",
          .vbios = "98.02.00.00.01",
          .project = "G1",
          .project_sku = "0",
          .chip_sku = "9",
          .chip_info = "GB202"},
         "NV_GPU_CC_DRIVER_GB202_580.1",
         "NV_GPU_VBIOS_G1_0_9_9802000001"},
        {{.is_switch = true, .vbios = "96.10.55.00.01"},
         "",
         "NV_SWITCH_BIOS_5612_0002_890_9610550001"},
    };
    for (size_t i = 0; i < COUNT(table); i++) {
        char driver[128], vbios[128];
        sw_gpu_rim_names(&table[i].r, driver, vbios);
        assert_string_equal(driver, table[i].driver);
        assert_string_equal(vbios, table[i].vbios);
    }
}

/* ---- what is refused ---- */
static void test_one_byte(void **state) {
    (void)state;
    static const struct {
        size_t at;
        uint8_t value;
        const char *sentence;
    } table[] = {
        {0, 0x12, "does not begin with GET_MEASUREMENTS of SPDM 1.1"},
        {1, 0xe1, "does not begin with GET_MEASUREMENTS of SPDM 1.1"},
        {2, 0, "did not ask for a signature"},
        {3, 1, "did not ask for every measurement"},
        {36, 1, "of slot 1, not 0"},
        {37, 0x10, "is not MEASUREMENTS of SPDM 1.1"},
        {38, 0x61, "is not MEASUREMENTS of SPDM 1.1"},
        {39, 1, "parameters other than 0"},
        {40, 1, "parameters other than 0"},
        {41, 0, "has 0 measurements, not 1 to 64"},
        {41, 65, "has 65 measurements, not 1 to 64"},
        {41, 63, "63 measurements take 3465 bytes, not 3520"},
        {42, 0xc1, "64 measurements take 3520 bytes, not 3521"},
        {42, 0xbf, "64 measurements take 3520 bytes, not 3519"},
        {44, 1, "ends inside its measurements"},
        {RECORD, 0, "has index 0, not 1 to 64"},
        {RECORD, 65, "has index 65, not 1 to 64"},
        {RECORD, 2, "measurement 2 does not come before measurement 2"},
        {RECORD + 55, 1, "measurement 1 does not come before measurement 1"},
        {RECORD + 1, 2, "measurement 1 is not a SHA-384 digest of DMTF's form"},
        {RECORD + 2, 50, "measurement 1 is not a SHA-384 digest"},
        {RECORD + 3, 1, "measurement 1 is not a SHA-384 digest"},
        {RECORD + 4, 0x81, "measurement 1 is not a SHA-384 digest"},
        {RECORD + 5, 32, "measurement 1 is not a SHA-384 digest"},
        {RECORD + 6, 1, "measurement 1 is not a SHA-384 digest"},
        {OPAQUE_AT + 1, 0xff, "ends inside its opaque data"},
        {OPAQUE_AT + 4, 9, "VBIOS version"}, /* its own length */
        {OPAQUE_AT + 5, 0xff, "end inside a field"},
    };
    gpu_made m;
    make(gpu_usual, &m);
    for (size_t i = 0; i < COUNT(table); i++) {
        uint8_t was = m.report.data[table[i].at];
        m.report.data[table[i].at] = table[i].value;
        check_refused(sw_buffer_bytes(&m.report), table[i].sentence);
        m.report.data[table[i].at] = was;
    }
    gpu_made_free(&m);
}

/* The size of the opaque data, one too small and one too large. */
static void test_opaque_size(void **state) {
    (void)state;
    gpu_made m;
    make(gpu_usual, &m);
    m.report.data[OPAQUE_AT]--;
    check_refused(sw_buffer_bytes(&m.report), "end inside a field");
    m.report.data[OPAQUE_AT] += 2;
    check_refused(sw_buffer_bytes(&m.report), "end inside a field");
    gpu_made_free(&m);
}

static void test_opaque_fields(void **state) {
    (void)state;
    static const struct {
        sw_bytes more;
        const char *sentence;
    } table[] = {
        {{(const uint8_t *)"\x03\0\1\0x", 5}, "two opaque fields of type 3"},
        {{(const uint8_t *)"\xc8\0\0\0", 4}, "two opaque fields of type 200"},
        {{(const uint8_t *)"\xff\0\0\0", 4}, "of type 255, which is none"},
        {{(const uint8_t *)"\x24\0\1\0\0", 5}, "feature flag has 1 bytes"},
        {{(const uint8_t *)"\x24\0\2\0\3\0", 6}, "feature flag is 3, which is not known"},
        {{(const uint8_t *)"\x24\0\2\0\0\1", 6}, "feature flag is 256, which is not known"},
        {{(const uint8_t *)"\x22\0\2\0\2\0", 6}, "opaque data version is 2"},
        {{(const uint8_t *)"\x22\0\3\0\0\0\0", 7}, "opaque data version has 3 bytes"},
        {{(const uint8_t *)"\x23\0\0\0", 4}, "chip info has 0 bytes"},
        {{(const uint8_t *)"\x23\0\2\0\0\0", 6}, "chip info is empty"},
        {{(const uint8_t *)"\x23\0\2\0A\n", 6}, "chip info holds something other than a version"},
        {{(const uint8_t *)"\x23\0\3\0A\0B", 7}, "chip info holds something other than a version"},
        {{(const uint8_t *)"\x23\0\x10\0"
                           "ABCDEFGHIJKLMNOP",
          20},
         "chip info is longer than 15 characters"},
        {{(const uint8_t *)"\x16\0\7\0\0\0\0\0\0\0\0", 11}, "switch identifiers has 7 bytes"},
        {{(const uint8_t *)"\x15\0\2\0\0\0", 6}, "protected PCIe status has 2 bytes"},
        {{(const uint8_t *)"\x0c\0\3\0\0\0\0", 7}, "measurement counts has 3 bytes"},
        {{(const uint8_t *)"\x24\0\2", 3}, "end inside a field"},
    };
    gpu_plan plan = gpu_usual;
    for (size_t i = 0; i < COUNT(table); i++) {
        plan.more = table[i].more;
        check_plan(&plan, table[i].sentence);
    }
}

static void test_kinds(void **state) {
    (void)state;
    gpu_plan plan = gpu_usual;
    plan.driver = "";
    check_plan(&plan, "driver version is empty");
    plan.driver = "570 1";
    check_plan(&plan, "driver version holds something other than a version");
    plan.driver = "570.570.570.570.570.570.570.570";
    gpu_made m;
    sw_gpu_report r;
    make(plan, &m);
    assert_int_equal(sw_gpu_report_parse(sw_buffer_bytes(&m.report), &r, NULL), SW_OK);
    gpu_made_free(&m);
    plan = switch_usual;
    plan.more = SW_LITERAL("\x03\0\1\0x\x16\0\x08\0\1\2\3\4\5\6\7\x08");
    check_plan(&plan, "is of a switch and names a driver version");
    plan.more = SW_LITERAL("\xc8\0\0\0");
    check_plan(&plan, "is of a switch and does not name it");
    plan.more = SW_LITERAL("\x16\0\x10\0\1\2\3\4\5\6\7\x08\1\2\3\4\5\6\7\x08");
    check_plan(&plan, "is of a switch and does not name it");
}

/* Bytes of one report as another would have them: no VBIOS, no driver, another NVDEC0 status. */
static void test_missing_fields(void **state) {
    (void)state;
    gpu_made m;
    make(gpu_usual, &m);
    uint8_t *opaque = m.report.data + OPAQUE_AT + 2;
    assert_int_equal(opaque[0], SW_GPU_FIELD_VBIOS);
    opaque[0] = 201;
    check_refused(sw_buffer_bytes(&m.report), "names no VBIOS version");
    opaque[0] = SW_GPU_FIELD_VBIOS;
    uint8_t *driver = memmem(opaque, 200,
                             "\x03\0\x09\0"
                             "570",
                             7);
    assert_non_null(driver);
    driver[0] = 202;
    check_refused(sw_buffer_bytes(&m.report), "names no driver version");
    driver[0] = SW_GPU_FIELD_DRIVER;
    uint8_t *nvdec0 = memmem(opaque, 200, "\x0b\0\1\0\x55", 5);
    assert_non_null(nvdec0);
    nvdec0[4] = 0x56;
    check_refused(sw_buffer_bytes(&m.report), "NVDEC0 status is 0x56");
    gpu_made_free(&m);
}

static void test_many_fields(void **state) {
    (void)state;
    SW_SCOPED(sw_buffer) more = SW_BUFFER(4096);
    gpu_plan plan = gpu_usual;
    for (uint16_t i = 0; i < SW_GPU_OPAQUE_LIMIT; i++)
        put_field(&more, (uint16_t)(1000 + i), SW_LITERAL(""));
    plan.more = sw_buffer_bytes(&more);
    check_plan(&plan, "more than 64 opaque fields");
}

static void test_lengths(void **state) {
    (void)state;
    gpu_made m;
    make(gpu_usual, &m);
    for (size_t size = 0; size < m.report.size; size++)
        check_refused(SW_BYTES(m.report.data, size), "ends inside its");
    sw_put_u8(&m.report, 1);
    check_refused(sw_buffer_bytes(&m.report), "something other than zeros stands behind");
    m.report.data[m.report.size - 1] = 0;
    sw_put_u8(&m.report, 1);
    check_refused(sw_buffer_bytes(&m.report), "something other than zeros stands behind");
    while (m.report.size <= SW_GPU_REPORT_LIMIT) sw_put_u8(&m.report, 0);
    check_refused(sw_buffer_bytes(&m.report), "more than 16384 bytes");
    gpu_made_free(&m);
}

/* ---- no flip passes ---- */
static void test_flips(void **state) {
    (void)state;
    gpu_made m;
    gpu_plan plan = switch_usual;
    plan.trailing = 2;
    make(plan, &m);
    size_t parsed = 0, held = 0;
    for (size_t at = 0; at < m.report.size; at++) {
        sw_gpu_report r;
        uint8_t bit = (uint8_t)(1 << at % 8);
        m.report.data[at] ^= bit;
        if (sw_gpu_report_parse(sw_buffer_bytes(&m.report), &r, NULL) == SW_OK) {
            parsed++;
            held += sw_p384_verify_raw(&m.leaf.key, r.signed_part, r.signature, NULL) == SW_OK;
        }
        m.report.data[at] ^= bit;
    }
    assert_int_equal(held, 0);
    assert_true(parsed > 1500);
    gpu_made_free(&m);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_gpu_fields),     cmocka_unit_test(test_switch_fields),
        cmocka_unit_test(test_left_out),       cmocka_unit_test(test_names),
        cmocka_unit_test(test_one_byte),       cmocka_unit_test(test_opaque_size),
        cmocka_unit_test(test_opaque_fields),  cmocka_unit_test(test_kinds),
        cmocka_unit_test(test_missing_fields), cmocka_unit_test(test_many_fields),
        cmocka_unit_test(test_lengths),        cmocka_unit_test(test_flips),
    };
    gpu_maker.seed = 1;
    return cmocka_run_group_tests_name("gpu report", tests, NULL, NULL);
}
