/* SPDX-License-Identifier: Apache-2.0
 *
 * Machine policy and KMS reference as JSON: there and back, and every way to leave something out.
 */
#include "crypto/vector.h"
#include "recipe/policy.h"

#include <stdio.h>
#include <string.h>

#define HASH_A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define HASH_B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define INTEL  "44a0196b2b99f889b8e149e95b807a350e7424964399e885a7cbb8ccfab674d3"
#define MR(d)  d d d d d d d d d d d d /* 12 times 8 digits */
#define IMAGE(name, d)                                                                             \
    "{\"mrtd\":\"" MR(d) "\",\"name\":\"" name "\",\"rtmr0\":\"" MR(                               \
        "00000000") "\",\"rtmr1\":\"" MR("11111111") "\",\"rtmr2\":\"" MR("22222222") "\"}"

static const char GOOD[] =
    "{\"anchors\":[\"" HASH_A "\"],\"devices\":[\"" HASH_B
    "\"],\"gpu\":\"none\",\"images\":[" IMAGE(
        "sim", "deadbeef") "],\"minimum_tcb\":{\"evaluation_data_number\":1,\"status\":"
                           "\"UpToDate\"},\"platform\":\"sim\"}";

static sw_status read(sw_bytes json, sw_policy *out, sw_error *err) {
    SW_SCOPED(sw_arena) a = {0};
    sw_json *root;
    SW_TRY(sw_json_parse(&a, json, NULL, &root, err));
    return sw_policy_from_json(root, "policy", out, err);
}

static void test_round(void **state) {
    (void)state;
    static const char *const changes[][2] = {
        {"sim", "sim"},
        {"[\"" HASH_B "\"]", "\"any\""},
        {"\"UpToDate\"", "\"SWHardeningNeeded\""},
        {IMAGE("sim", "deadbeef"), IMAGE("sim", "deadbeef") "," IMAGE("b", "deadbeee")},
    };
    for (size_t i = 0; i < COUNT(changes); i++) {
        SW_SCOPED(sw_arena) a = {0};
        SW_SCOPED(sw_buffer) text = SW_BUFFER(65536);
        char json[8192];
        const char *hit = strstr(GOOD, changes[i][0]);
        (void)snprintf(json, sizeof json, "%.*s%s%s", (int)(hit - GOOD), GOOD, changes[i][1],
                       hit + strlen(changes[i][0]));
        sw_policy p;
        sw_error err = {0};
        if (read(sw_text(json), &p, &err) != SW_OK) fail_msg("%s", err.message);
        sw_json *root = sw_json_make(&a, SW_JSON_OBJECT);
        sw_policy_to_json(&a, root, "p", &p);
        sw_json_encode(&text, root);
        assert_true(sw_buffer_check(&text, "policy", NULL) == SW_OK);
        assert_int_equal(text.size, strlen(json) + 6);
        assert_memory_equal(text.data + 5, json, strlen(json));
    }
}

static const struct {
    const char *old, *new, *sentence;
} REFUSED[] = {
    {"\"platform\":\"sim\"", "\"platform\":\"tdx\"", "not exactly Intel's root"},
    {"\"platform\":\"sim\"", "\"platform\":\"sev\"", "\"sim\" or \"tdx\""},
    {"\"platform\":\"sim\"", "\"platform\":1", "platform"},
    {",\"platform\":\"sim\"", "", "platform"},
    {HASH_A, INTEL, "says sim and names Intel's root"},
    {"[\"" HASH_A "\"]", "[]", "names no anchor"},
    {"[\"" HASH_A "\"]", "[\"" HASH_A "\",\"" HASH_A "\"]", "an anchor twice"},
    {"[\"" HASH_A "\"]", "[\"" HASH_A "0\"]", "anchors[0] is not 64 hex digits"},
    {"[\"" HASH_A "\"]", "[1]", "anchors[0] is not 64 hex digits"},
    {"[\"" HASH_A "\"]", "\"any\"", "anchors"},
    {"\"anchors\":[\"" HASH_A "\"],", "", "anchors"},
    {"[\"" HASH_B "\"]", "[]", "names no device and does not say any"},
    {"[\"" HASH_B "\"]", "\"all\"", "a list or \"any\""},
    {"[\"" HASH_B "\"]", "null", "devices"},
    {"[\"" HASH_B "\"]", "[\"" HASH_B "\",\"" HASH_B "\"]", "a device twice"},
    {"\"devices\":[\"" HASH_B "\"],", "", "devices"},
    {"\"none\"", "\"any\"", "gpu"},
    {"\"none\"", "2", "a number alone does not say which GPUs"},
    {"\"none\"", "{}", "gpu"},
    {"\"gpu\":\"none\",", "", "gpu"},
    {IMAGE("sim", "deadbeef"), "", "names no image"},
    {IMAGE("sim", "deadbeef"), "{}", "images"},
    {IMAGE("sim", "deadbeef"), "\"any\"", "images"},
    {"\"name\":\"sim\"", "\"name\":\"\"", "name"},
    {"\"name\":\"sim\"", "\"name\":\"a b\"", "name"},
    {"\"name\":\"sim\"", "\"name\":\"a\\u0000b\"", "name"},
    {MR("deadbeef"), MR("00000000"), "MRTD of zeros"},
    {MR("deadbeef"), "00", "mrtd"},
    {IMAGE("sim", "deadbeef"), IMAGE("sim", "deadbeef") "," IMAGE("b", "deadbeef"),
     "an image twice"},
    {IMAGE("sim", "deadbeef"), IMAGE("sim", "deadbeef") "," IMAGE("sim", "deadbeee"),
     "an image twice"},
    {"\"evaluation_data_number\":1", "\"evaluation_data_number\":0", "evaluation number is 0"},
    {"\"evaluation_data_number\":1", "\"evaluation_data_number\":-1", "whole number"},
    {"\"evaluation_data_number\":1", "\"evaluation_data_number\":4294967296", "number"},
    {"\"evaluation_data_number\":1,", "", "evaluation_data_number"},
    {"\"UpToDate\"", "\"OutOfDate\"", "UpToDate or SWHardeningNeeded"},
    {"\"UpToDate\"", "\"Revoked\"", "UpToDate or SWHardeningNeeded"},
    {"\"platform\":\"sim\"", "\"platform\":\"sim\",\"debug\":true", "debug"},
};

static void test_refused(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT(REFUSED); i++) {
        char json[8192];
        const char *hit = strstr(GOOD, REFUSED[i].old);
        assert_non_null(hit);
        (void)snprintf(json, sizeof json, "%.*s%s%s", (int)(hit - GOOD), GOOD, REFUSED[i].new,
                       hit + strlen(REFUSED[i].old));
        sw_policy p = {.gpu.count = 77};
        sw_error err = {0};
        if (read(sw_text(json), &p, &err) == SW_OK) fail_msg("accepted: %s", REFUSED[i].sentence);
        if (strstr(err.message, REFUSED[i].sentence) == NULL)
            fail_msg("\"%s\" is not in \"%s\"", REFUSED[i].sentence, err.message);
        assert_int_equal(p.gpu.count, 77);
    }
}

static void test_too_many(void **state) {
    (void)state;
    SW_SCOPED(sw_arena) a = {0};
    sw_policy p;
    assert_int_equal(read(sw_text(GOOD), &p, NULL), SW_OK);
    sw_policy more = p;
    more.image_count = SW_IMAGE_LIMIT + 1;
    assert_int_equal(sw_policy_complete(&more, NULL), SW_REFUSED);
    more = p;
    more.anchor_count = SW_ANCHOR_LIMIT + 1;
    assert_int_equal(sw_policy_complete(&more, NULL), SW_REFUSED);
    more = p;
    more.device_count = SW_DEVICE_LIMIT + 1;
    assert_int_equal(sw_policy_complete(&more, NULL), SW_REFUSED);
    more = p;
    memset(more.images[0].name, 'a', sizeof more.images[0].name); /* no end */
    assert_int_equal(sw_policy_complete(&more, NULL), SW_REFUSED);
    more = p;
    more.gpu.count = 65;
    assert_int_equal(sw_policy_complete(&more, NULL), SW_REFUSED);
    more = p;
    more.platform = (sw_platform)2;
    assert_int_equal(sw_policy_complete(&more, NULL), SW_REFUSED);
}

/* ---- KMS reference ---- */
static void test_reference(void **state) {
    (void)state;
    SW_SCOPED(sw_buffer) text = SW_BUFFER(65536);
    SW_SCOPED(sw_buffer) again = SW_BUFFER(65536);
    sw_kms_reference r, back;
    memset(&r, 0, sizeof r);
    r.compose.b[3] = 9;
    assert_int_equal(read(sw_text(GOOD), &r.policy, NULL), SW_OK);
    assert_int_equal(sw_kms_reference_encode(&r, &text, NULL), SW_OK);
    assert_int_equal(sw_kms_reference_parse(sw_buffer_bytes(&text), &back, NULL), SW_OK);
    assert_int_equal(sw_kms_reference_encode(&back, &again, NULL), SW_OK);
    assert_true(sw_bytes_equal(sw_buffer_bytes(&text), sw_buffer_bytes(&again)));
    assert_true(sw_hash_equal(&back.compose, &r.compose));
    for (size_t size = 0; size < text.size; size++)
        assert_int_not_equal(sw_kms_reference_parse(SW_BYTES(text.data, size), &back, NULL), SW_OK);
    sw_put_u8(&text, '\n');
    assert_int_not_equal(sw_kms_reference_parse(sw_buffer_bytes(&text), &back, NULL), SW_OK);
    r.policy.image_count = 0;
    assert_int_equal(sw_kms_reference_encode(&r, &again, NULL), SW_REFUSED);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_too_many),
        cmocka_unit_test(test_reference),
    };
    return cmocka_run_group_tests_name("policy", tests, NULL, NULL);
}
