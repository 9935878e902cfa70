/* SPDX-License-Identifier: Apache-2.0
 *
 * GPUs in evidence: the object's form with them and without (GPU-210 on), what report data commit
 * to, and evidence that was bent after its quote was made.
 */
#include "attest/forge.h"

static forge house;

/* ---- a device of any bytes: the object's form does not look inside ---- */
#define LITERAL(text)                                                                              \
    { (const uint8_t *)(text), sizeof(text) - 1 }
static const sw_gpu_device PAIR[2] = {{LITERAL("first report"), LITERAL("first chain\n")},
                                      {LITERAL("second report"), LITERAL("second chain\n")}};
static const sw_bytes RIMS[2] = {LITERAL("<a b=\"c\"/>"), LITERAL("<d/>")};
static const sw_bytes OCSP[1] = {LITERAL("0\x03\n\x01\x01")};

#define PAIR_TEXT                                                                                  \
    "[{\"chain\":\"first chain\\n\",\"report\":\"Zmlyc3QgcmVwb3J0\"},"                             \
    "{\"chain\":\"second chain\\n\",\"report\":\"c2Vjb25kIHJlcG9ydA==\"}]"
#define COLLATERAL_TEXT "\"gpu_ocsp\":[\"MAMKAQE=\"],\"gpu_rims\":[\"<a b=\\\"c\\\"/>\",\"<d/>\"],"

static void equip(bend *b) {
    b->e.gpus = PAIR;
    b->e.gpu_count = 2;
    b->e.gpu_collateral =
        (sw_gpu_collateral){.rims = RIMS, .rim_count = 2, .ocsp = OCSP, .ocsp_count = 1};
}

static void expect_parse(bend *b, sw_bytes json, const char *sentence) {
    sw_evidence e = {.gpu_count = 77};
    sw_error err = {0};
    if (sw_evidence_parse(&b->arena, json, &e, &err) == SW_OK) fail_msg("accepted: %s", sentence);
    if (strstr(err.message, sentence) == NULL)
        fail_msg("\"%s\" is not in \"%s\"", sentence, err.message);
    assert_int_equal(e.gpu_count, 77);
}

/* ---- form ---- */
static void test_round(void **state) {
    (void)state;
    SW_SCOPED(sw_buffer) again = SW_BUFFER(SW_EVIDENCE_LIMIT);
    bend b;
    sw_evidence e;
    bend_start(&b, &house);
    sw_bytes without = bend_encode(&b);
    assert_non_null(memmem(without.data, without.size, "\"gpu\":[],", 9));
    assert_null(memmem(without.data, without.size, "gpu_", 4));
    assert_int_equal(sw_evidence_parse(&b.arena, without, &e, NULL), SW_OK);
    assert_int_equal(e.gpu_count + e.gpu_collateral.rim_count + e.gpu_collateral.ocsp_count, 0);
    equip(&b);
    sw_bytes json = bend_encode(&b);
    assert_non_null(memmem(json.data, json.size, PAIR_TEXT, sizeof PAIR_TEXT - 1));
    assert_non_null(memmem(json.data, json.size, COLLATERAL_TEXT, sizeof COLLATERAL_TEXT - 1));
    assert_int_equal(json.size - without.size,
                     sizeof PAIR_TEXT - 1 - 2 + sizeof COLLATERAL_TEXT - 1);
    assert_int_equal(sw_evidence_parse(&b.arena, json, &e, NULL), SW_OK);
    assert_int_equal(e.gpu_count, 2);
    for (size_t i = 0; i < 2; i++) {
        assert_true(sw_bytes_equal(e.gpus[i].chain, PAIR[i].chain));
        assert_true(sw_bytes_equal(e.gpus[i].report, PAIR[i].report));
        assert_true(sw_bytes_equal(e.gpu_collateral.rims[i], RIMS[i]));
    }
    assert_int_equal(sw_evidence_encode(&e, &again, NULL), SW_OK);
    assert_true(sw_bytes_equal(sw_buffer_bytes(&again), json));
    bend_end(&b);
}

/* What report data hash is the member as it stands in the object, and nothing for no device. */
static void test_list(void **state) {
    (void)state;
    SW_SCOPED(sw_buffer) text = SW_BUFFER(SW_EVIDENCE_LIMIT);
    assert_int_equal(sw_gpu_list_encode(NULL, 0, &text, NULL), SW_OK);
    assert_int_equal(text.size, 0);
    assert_int_equal(sw_gpu_list_encode(PAIR, 2, &text, NULL), SW_OK);
    assert_true(sw_bytes_is(sw_buffer_bytes(&text), PAIR_TEXT));
}

static void test_form(void **state) {
    (void)state;
    static const struct {
        const char *old, *new, *sentence;
    } table[] = {
        {PAIR_TEXT, "[]", "gpu_ocsp"},
        {PAIR_TEXT, "{}", "gpu is not an array"},
        {PAIR_TEXT, "[1]", "gpu[]"},
        {PAIR_TEXT, "[{}]", "gpu[].chain"},
        {"\"report\":\"Zmlyc3QgcmVwb3J0\"", "\"report\":\"\"", "gpu[].report is empty"},
        {"\"report\":\"Zmlyc3QgcmVwb3J0\"", "\"report\":\"Zmlyc3QgcmVwb3J\"", "gpu[].report"},
        {"\"report\":\"Zmlyc3QgcmVwb3J0\"", "\"report\":null", "gpu[].report"},
        {"\"report\":\"Zmlyc3QgcmVwb3J0\"", "\"report\":\"Zmlyc3QgcmVwb3J0\",\"x\":1", "gpu[].x"},
        {"\"chain\":\"first chain\\n\",", "", "gpu[].chain"},
        {"\"chain\":\"first chain\\n\"", "\"chain\":[]", "gpu[].chain"},
        {COLLATERAL_TEXT, "", "gpu_ocsp"},
        {"\"gpu_ocsp\":[\"MAMKAQE=\"],", "", "gpu_ocsp"},
        {"\"gpu_rims\":[\"<a b=\\\"c\\\"/>\",\"<d/>\"],", "", "gpu_rims"},
        {"[\"MAMKAQE=\"]", "\"MAMKAQE=\"", "gpu_ocsp"},
        {"[\"MAMKAQE=\"]", "[1]", "gpu_ocsp[0] is not a text"},
        {"[\"MAMKAQE=\"]", "[\"\"]", "gpu_ocsp[0] is not a text"},
        {"[\"MAMKAQE=\"]", "[\"MAMKAQF=\"]", "base64"},
        {"[\"MAMKAQE=\"]", "[\"MAMKAQE=\",\"MAMKAQE=\"]", "gpu_ocsp[1] stands there twice"},
        {",\"<d/>\"]", ",{}]", "gpu_rims[1] is not a text"},
        {"\"<d/>\"", "\"<a b=\\\"c\\\"/>\"", "gpu_rims[1] stands there twice"},
        {"\"<d/>\"", "\"\\u003cd/>\"", "RFC 8785"},
    };
    for (size_t i = 0; i < COUNT(table); i++) {
        bend b;
        bend_start(&b, &house);
        equip(&b);
        expect_parse(&b, replaced(&b.arena, bend_encode(&b), table[i].old, table[i].new, 0),
                     table[i].sentence);
        bend_end(&b);
    }
}

/* ---- limits: the last that passes, and one more ---- */
static sw_bytes filled(bend *b, size_t size, uint8_t first) {
    uint8_t *space = sw_arena_alloc(&b->arena, size, 1);
    assert_non_null(space);
    memset(space, 'x', size);
    space[0] = first;
    return SW_BYTES(space, size);
}

static void test_limits(void **state) {
    (void)state;
    sw_gpu_device many[SW_GPU_LIMIT + 1];
    sw_bytes rims[SW_GPU_RIM_COUNT + 1], ocsp[SW_GPU_OCSP_COUNT + 1];
    for (unsigned over = 0; over < 7; over++) {
        static const char *const sentences[] = {"",
                                                "gpu has 17",
                                                "gpu[].chain has more",
                                                "gpu[].re",
                                                "gpu_rims has",
                                                "gpu_rims has more",
                                                "gpu_ocsp has"};
        bend b;
        sw_evidence e;
        bend_start(&b, &house);
        equip(&b);
        for (size_t i = 0; i <= SW_GPU_LIMIT; i++) many[i] = PAIR[0];
        for (size_t i = 0; i <= SW_GPU_RIM_COUNT; i++) rims[i] = filled(&b, 100, (uint8_t)(i + 64));
        for (size_t i = 0; i <= SW_GPU_OCSP_COUNT; i++) ocsp[i] = filled(&b, 100, (uint8_t)i);
        many[0].chain = filled(&b, SW_GPU_CHAIN_LIMIT + (over == 2), 'c');
        many[0].report = filled(&b, SW_GPU_REPORT_LIMIT + (over == 3), 'r');
        rims[0] = filled(&b, SW_RIM_LIMIT + (over == 5), 'm');
        b.e.gpus = many;
        b.e.gpu_count = SW_GPU_LIMIT + (over == 1);
        b.e.gpu_collateral = (sw_gpu_collateral){.rims = rims,
                                                 .rim_count = SW_GPU_RIM_COUNT + (over == 4),
                                                 .ocsp = ocsp,
                                                 .ocsp_count = SW_GPU_OCSP_COUNT + (over == 6)};
        sw_bytes json = bend_encode(&b);
        if (over == 0)
            assert_int_equal(sw_evidence_parse(&b.arena, json, &e, NULL), SW_OK);
        else
            expect_parse(&b, json, sentences[over]);
        bend_end(&b);
    }
}

int main(void) {
    forge_open(&house);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round),
        cmocka_unit_test(test_list),
        cmocka_unit_test(test_form),
        cmocka_unit_test(test_limits),
    };
    int failed = cmocka_run_group_tests_name("GPUs in evidence", tests, NULL, NULL);
    forge_close(&house);
    return failed;
}
