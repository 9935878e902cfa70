/* SPDX-License-Identifier: Apache-2.0
 *
 * The evidence object and the event log: form, replay, facts; every flip, cut and extension of a
 * good object; machine policies; report data of this exchange.
 */
#include "attest/forge.h"
#include "attest/measure_internal.h"

static forge house;

#define SAMPLES 3000 /* flipped bits, spread over the object */

static void expect_json(bend *b, sw_bytes json, const char *word, const char *sentence) {
    sw_claims claims;
    sw_error err = {0};
    if (bend_judge(b, json, &claims, &err) == SW_OK) fail_msg("accepted: %s", sentence);
    if (strstr(err.message, sentence) == NULL)
        fail_msg("\"%s\" is not in \"%s\"", sentence, err.message);
    assert_string_equal(err.word, word);
}

static void expect(bend *b, const char *word, const char *sentence) {
    expect_json(b, bend_encode(b), word, sentence);
}

/* ---- the object as text ---- */
static void test_form(void **state) {
    (void)state;
    static const struct {
        const char *old, *new, *sentence;
    } table[] = {
        {"sealwright/evidence/v1", "sealwright/evidence/v2", "evidence.kind is not"},
        {"\"platform\":\"sim\"", "\"platform\":\"tdx\"", "another platform"},
        {"\"platform\":\"sim\"", "\"platform\":\"sev\"", "neither sim nor tdx"},
        {"\"platform\":\"sim\"", "\"platform\":null", "platform"},
        {"\"gpu\":[]", "\"gpu\":[{}]", "gpu[]"},
        {"\"collateral\":{", "\"collateral\":{\"gpu_ocsp\":[],", "gpu_ocsp"},
        {"\"collateral\":{", "\"collateral\":{\"gpu_rims\":[],", "gpu_rims"},
        {"\"gpu\":[]", "\"gpu\":{}", "gpu"},
        {"\"gpu\":[],", "", "gpu"},
        {"\"gpu\":[]", "\"gpu\":[],\"gpus\":[]", "gpus"},
        {"\"gpu\":[]", "\"gpu\": []", "RFC 8785"},
        {"\"imr\":3", "\"imr\":2", "another register than RTMR3"},
        {"\"imr\":3", "\"imr\":\"3\"", "imr"},
        {"\"event_type\":134217729", "\"event_type\":10", "not a runtime event"},
        {"\"imr\":3", "\"imr\":3,\"version\":1", "neither left out nor 2"},
        {"\"imr\":3", "\"imr\":3,\"version\":2", "digest is not that of its name and payload"},
        {"\"event\":\"app-id\"", "\"event\":\"app-ie\"", "digest is not that"},
        {"\"event\":\"app-id\"", "\"event\":\"app:id\"", "holds a colon"},
        {"\"event\":\"app-id\"", "\"event\":\"app\\u0000d\"", "control character"},
        {"\"event\":\"app-id\"", "\"event\":\"\"", "name has not 1 to"},
        {"\"event_payload\":\"a9a9", "\"event_payload\":\"A9a9", "hex"},
        {"\"event_payload\":\"a9a9", "\"event_payload\":\"a9a", "hex"},
        {"\"event_payload\":\"a9a9", "\"event_payload\":\"a8a9", "digest is not that"},
        {"\"quote\":\"BAAC", "\"quote\":\"", "quote"},
        {"\"quote\":\"BAAC", "\"quote\":\"BAA", "base64"},
        {"\"quote\":\"BAAC", "\"quote\":\"BAA-", "base64"},
        {"\"pck_crl\":\"M", "\"pck_crl\":\"N", "PCK revocation list"},
        {"\"tcb_info\":", "\"tcb_inf0\":", "tcb_inf0"},
        {"\\\"id\\\":\\\"TDX\\\"", "\\\"id\\\":\\\"TDY\\\"", "TCB info's signature"},
    };
    for (size_t i = 0; i < COUNT(table); i++) {
        bend b;
        bend_start(&b, &house);
        expect_json(&b, replaced(&b.arena, bend_encode(&b), table[i].old, table[i].new, 0),
                    "evidence", table[i].sentence);
        bend_end(&b);
    }
}

static void test_cut_and_extended(void **state) {
    (void)state;
    bend b;
    sw_claims claims;
    bend_start(&b, &house);
    sw_bytes json = bend_encode(&b);
    for (size_t size = 0; size < json.size; size++)
        assert_int_not_equal(bend_judge(&b, SW_BYTES(json.data, size), &claims, NULL), SW_OK);
    uint8_t *longer = sw_arena_alloc(&b.arena, json.size + 1, 1);
    memcpy(longer, json.data, json.size);
    for (unsigned c = 0; c < 256; c++) {
        longer[json.size] = (uint8_t)c;
        assert_int_not_equal(bend_judge(&b, SW_BYTES(longer, json.size + 1), &claims, NULL), SW_OK);
    }
    bend_end(&b);
}

/* No flip is accepted: the object is of our own format, and nothing in it is unsigned slack. */
static void test_flips(void **state) {
    (void)state;
    bend b;
    sw_claims claims;
    bend_start(&b, &house);
    sw_bytes json = bend_encode(&b);
    uint8_t *bytes = (uint8_t *)(uintptr_t)json.data;
    size_t bits = 8 * json.size, step = bits / SAMPLES;
    for (size_t bit = 0; bit < bits; bit += step | 1) {
        bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
        if (bend_judge(&b, json, &claims, NULL) == SW_OK) fail_msg("bit %zu went unseen", bit);
        bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    assert_int_equal(bend_judge(&b, json, &claims, NULL), SW_OK);
    bend_end(&b);
}

/* Every bit of the quote's tail, where no signature reaches the spaces between certificates. */
static void test_quote_flips(void **state) {
    (void)state;
    bend b;
    sw_claims claims;
    bend_start(&b, &house);
    b.quote_size += 8;
    for (size_t bit = 8 * AT_SIGNATURE_SIZE; bit < 8 * b.quote_size; bit += 11) {
        b.quote[bit / 8] ^= (uint8_t)(1 << bit % 8);
        if (bend_judge(&b, bend_encode(&b), &claims, NULL) == SW_OK)
            fail_msg("bit %zu of the quote went unseen", bit);
        b.quote[bit / 8] ^= (uint8_t)(1 << bit % 8);
        if (bit % 8 == 0) { /* the arena holds every encoding: start anew */
            bend_end(&b);
            bend_start(&b, &house);
            b.quote_size += 8;
        }
    }
    bend_end(&b);
}

/* ---- event log ---- */
typedef void (*change)(bend *b);

static void swap_two(bend *b) {
    size_t i = find_event(b, "app-id");
    sw_event held = b->events[i];
    b->events[i] = b->events[i + 1];
    b->events[i + 1] = held;
}
static void drop_first(bend *b) {
    drop_event(b, 0);
}
static void drop_last(bend *b) {
    drop_event(b, b->e.event_count - 1);
}
static void drop_compose(bend *b) {
    drop_event(b, find_event(b, "compose-hash"));
}
static void drop_app(bend *b) {
    drop_event(b, find_event(b, "app-id"));
}
static void drop_ready(bend *b) {
    drop_event(b, find_event(b, "system-ready"));
}
static void double_last(bend *b) {
    insert_event(b, b->e.event_count, b->events[b->e.event_count - 1]);
}
static void double_compose(bend *b) {
    size_t i = find_event(b, "compose-hash");
    insert_event(b, i, b->events[i]);
}
static void second_compose(bend *b) {
    static const uint8_t other[32] = {7};
    sw_event event = {SW_LITERAL("compose-hash"), SW_BYTES_OF(other), false};
    insert_event(b, find_event(b, "storage-fs"), event);
}
static void second_app(bend *b) {
    static const uint8_t other[20] = {7};
    sw_event event = {SW_LITERAL("app-id"), SW_BYTES_OF(other), false};
    insert_event(b, find_event(b, "app-id"), event);
}
static void short_compose(bend *b) {
    b->events[find_event(b, "compose-hash")].payload.size = 31;
}
static void short_app(bend *b) {
    b->events[find_event(b, "app-id")].payload.size = 19;
}
static void short_instance(bend *b) {
    b->events[find_event(b, "instance-id")].payload.size = 19;
}
static void other_compose(bend *b) {
    static const uint8_t other[32] = {7};
    b->events[find_event(b, "compose-hash")].payload = SW_BYTES_OF(other);
}
static void late_compose(bend *b) {
    sw_event held = b->events[find_event(b, "compose-hash")];
    drop_compose(b);
    insert_event(b, b->e.event_count, held);
}
static void other_compose_and_config(bend *b) {
    other_compose(b);
    memcpy(b->quote + AT_MR_CONFIG_ID + 1, b->events[find_event(b, "compose-hash")].payload.data,
           32);
}

static const struct {
    change change;
    bool replayed; /* RTMR3 and signature follow the events */
    const char *sentence;
} LOGS[] = {
    {swap_two, false, "does not replay"},
    {drop_first, false, "does not replay"},
    {drop_last, false, "does not replay"},
    {drop_compose, false, "does not replay"},
    {double_last, false, "does not replay"},
    {double_compose, false, "does not replay"},
    {second_compose, false, "does not replay"},
    {other_compose, false, "does not replay"},
    {drop_compose, true, "has no compose-hash before system-ready"},
    {late_compose, true, "has no compose-hash before system-ready"},
    {drop_app, true, "has no app-id before system-ready"},
    {drop_ready, true, "has no system-ready"},
    {double_compose, true, "compose-hash stands twice before system-ready"},
    {second_compose, true, "compose-hash stands twice before system-ready"},
    {second_app, true, "app-id stands twice before system-ready"},
    {short_compose, true, "compose-hash has not 32 bytes"},
    {short_app, true, "app-id has not 20 bytes"},
    {short_instance, true, "instance-id has neither 0 nor 20 bytes"},
    {other_compose, true, "MRCONFIGID is not that of the compose hash"},
    {other_compose_and_config, true, "another compose than the one in question"},
};

static void test_logs(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT(LOGS); i++) {
        bend b;
        bend_start(&b, &house);
        LOGS[i].change(&b);
        if (LOGS[i].replayed) replay_events(&b);
        expect(&b, "evidence", LOGS[i].sentence);
        bend_end(&b);
    }
}

/* What applications write behind system-ready changes nothing; version 2 is computed as well. */
static void test_logs_accepted(void **state) {
    (void)state;
    static const uint8_t other[32] = {7};
    bend b;
    sw_claims claims;
    bend_start(&b, &house);
    sw_event event = {SW_LITERAL("compose-hash"), SW_BYTES_OF(other), false};
    insert_event(&b, b.e.event_count, event);
    insert_event(&b, b.e.event_count, (sw_event){SW_LITERAL("mine"), {0}, true});
    replay_events(&b);
    assert_int_equal(bend_judge(&b, bend_encode(&b), &claims, NULL), SW_OK);
    assert_true(sw_hash_equal(&claims.compose, &house.compose));
    b.events[0].v2 = true; /* the same event under the other digest: another RTMR3 */
    expect(&b, "evidence", "does not replay");
    replay_events(&b);
    assert_int_equal(bend_judge(&b, bend_encode(&b), &claims, NULL), SW_OK);
    bend_end(&b);
}

static void test_log_limits(void **state) {
    (void)state;
    static uint8_t large[SW_EVENT_PAYLOAD_LIMIT + 1];
    bend b;
    sw_claims claims;
    uint8_t digest[48];
    bend_start(&b, &house);
    while (b.e.event_count < SW_EVENT_LIMIT)
        insert_event(&b, b.e.event_count, (sw_event){SW_LITERAL("mine"), {0}, false});
    replay_events(&b);
    sw_bytes json = bend_encode(&b);
    assert_int_equal(bend_judge(&b, json, &claims, NULL), SW_OK);
    json = replaced(&b.arena, json, "\"event_log\":[", "\"event_log\":[{},", 0);
    expect_json(&b, json, "evidence", "event_log");
    sw_event event = {SW_LITERAL("mine"), SW_BYTES(large, SW_EVENT_PAYLOAD_LIMIT), false};
    assert_int_equal(sw_event_digest(&event, digest, NULL), SW_OK);
    event.payload.size++;
    assert_int_equal(sw_event_digest(&event, digest, NULL), SW_LIMIT);
    bend_end(&b);
}

/* A guest agent's log: other registers pass by, digests may be missing, nothing may be wrong. */
static void test_guest_logs(void **state) {
    (void)state;
#define EVENT(rest) "[{\"imr\":3,\"event_type\":134217729,\"digest\":\"\"," rest "}]"
    static const struct {
        const char *log, *sentence;
    } table[] = {
        {"[]", NULL},
        {"[{\"imr\":0}]", "digest is missing"},
        {EVENT("\"event\":\"a\",\"event_payload\":\"00\""), NULL},
        {EVENT("\"event\":\"a\",\"event_payload\":\"00\",\"version\":2"), NULL},
        {EVENT("\"event\":\"a\",\"event_payload\":\"00\",\"version\":1"), "neither left out nor 2"},
        {EVENT("\"event\":\"a:b\",\"event_payload\":\"00\""), "holds a colon"},
        {EVENT("\"event\":\"a\",\"event_payload\":\"0\""), "hex"},
        {EVENT("\"event\":\"a\""), "event_payload"},
        {EVENT("\"event_payload\":\"00\""), "event"},
        {"[{\"imr\":3,\"event_type\":134217729,\"digest\":\"00\",\"event\":\"a\",\"event_payload\":"
         "\"\"}]",
         "hex"},
        {"[{\"imr\":3,\"event_type\":1,\"digest\":\"\",\"event\":\"a\",\"event_payload\":\"\"}]",
         "not a runtime event"},
        {"[{}]", "digest is missing"},
        {"[3]", "not an object"},
        {"{}", "not a list"},
        {"\"\"", "not a list"},
        {"", "JSON"},
    };
    for (size_t i = 0; i < COUNT(table); i++) {
        SW_SCOPED(sw_arena) a = {0};
        const sw_event *events = NULL;
        size_t count = 99;
        sw_error err = {0};
        sw_status status = sw_events_from_guest(&a, sw_text(table[i].log), &events, &count, &err);
        if (table[i].sentence == NULL) {
            assert_int_equal(status, SW_OK);
            assert_true(count <= 1);
            continue;
        }
        assert_int_not_equal(status, SW_OK);
        assert_int_equal(count, 99);
        if (strstr(err.message, table[i].sentence) == NULL)
            fail_msg("\"%s\" is not in \"%s\"", table[i].sentence, err.message);
    }
}

/* Constants of dstack's reference implementation. */
static void test_event_digests(void **state) {
    (void)state;
    static const struct {
        const char *name, *payload;
        bool v2;
        const char *digest;
    } table[] = {
        {"system-preparing", "", false,
         "f9974020ef507068183313d0ca808e0d1ca9b2d1ad0c61f5784e7157c362c06536f5ddacdad4451693f48fcc"
         "72fff624"},
        {"system-ready", "", false,
         "1a76b2a80a0be71eae59f80945d876351a7a3fb8e9fd1ff1cede5734aa84ea11fd72b4edfbb6f04e5a85edd1"
         "14c751bd"},
        {"app-id", "deadbeef", false,
         "67b4be4efed0893cfa2bb1d35dca209ad8348b4c97f980807bcde8b9a0f26398dd0923d6eccb5aa2096d9804"
         "6da8740f"},
        {"compose-hash", "abcd", true,
         "9dde1673f544faa94b921825209593ddde08d0baf9cd6990175dffaf3081f1bb10311d56de189491feb33842"
         "a050ad7b"},
    };
    for (size_t i = 0; i < COUNT(table); i++) {
        SW_SCOPED(sw_arena) a = {0};
        uint8_t digest[48];
        sw_event event = {sw_text(table[i].name), unhex(&a, table[i].payload), table[i].v2};
        assert_int_equal(sw_event_digest(&event, digest, NULL), SW_OK);
        assert_hex(digest, sizeof digest, table[i].digest);
    }
}

/* Of any size the second digest is that of the text that travels as `preimage`. */
static void test_v2_digests(void **state) {
    (void)state;
    static uint8_t payload[1030];
    for (size_t i = 0; i < sizeof payload; i++) payload[i] = (uint8_t)(i * 7);
    for (size_t size = 0; size <= sizeof payload; size = size < 600 ? size + 1 : size + 43) {
        SW_SCOPED(sw_buffer) text = SW_BUFFER(4096);
        uint8_t digest[48], expected[48];
        const sw_event event = {SW_LITERAL("a \"name\" \\ \xc3\xa9"), SW_BYTES(payload, size),
                                true};
        sw_event_v2_text(&text, &event);
        sw_sha384(expected, sw_buffer_bytes(&text));
        assert_int_equal(sw_event_digest(&event, digest, NULL), SW_OK);
        assert_memory_equal(digest, expected, sizeof digest);
    }
    uint8_t digest[48] = {7};
    const sw_event broken = {SW_LITERAL("\xff"), {0}, true};
    assert_int_not_equal(sw_event_digest(&broken, digest, NULL), SW_OK);
    assert_int_equal(digest[0], 7);
}

/* ---- this exchange ---- */
static void test_exchange(void **state) {
    (void)state;
    for (size_t bit = 0; bit < 512; bit += 37) {
        bend b;
        bend_start(&b, &house);
        b.expected.b[bit / 8] ^= (uint8_t)(1 << bit % 8);
        expect(&b, "evidence", "report data are not those of this exchange");
        bend_end(&b);
    }
    bend b;
    bend_start(&b, &house);
    b.compose.b[0] ^= 1;
    expect(&b, "evidence", "another compose than the one in question");
    bend_end(&b);
}

/* ---- policies ---- */
static void no_images(sw_policy *p) {
    p->image_count = 0;
}
static void no_anchor(sw_policy *p) {
    p->anchor_count = 0;
}
static void no_device(sw_policy *p) {
    p->device_count = 0;
}
static void no_number(sw_policy *p) {
    p->minimum_evaluation_number = 0;
}
static void says_tdx(sw_policy *p) {
    p->platform = SW_PLATFORM_TDX;
}
static void intel_root(sw_policy *p) {
    static const char hex[] = "44a0196b2b99f889b8e149e95b807a350e7424964399e885a7cbb8ccfab674d3";
    assert_int_equal(sw_hex_decode(p->anchors[0].b, 32, sw_text(hex), false, NULL), SW_OK);
}
static void intel_tdx(sw_policy *p) {
    intel_root(p);
    says_tdx(p);
}
static void zero_mrtd(sw_policy *p) {
    memset(p->images[0].mrtd, 0, 48);
}
static void other_mrtd(sw_policy *p) {
    p->images[0].mrtd[0] ^= 1;
}
static void other_rtmr2(sw_policy *p) {
    p->images[0].rtmr[2][47] ^= 1;
}
static void other_device(sw_policy *p) {
    p->devices[0].b[0] ^= 1;
}
static void other_anchor(sw_policy *p) {
    p->anchors[0].b[0] ^= 1;
}
static void higher_number(sw_policy *p) {
    p->minimum_evaluation_number = 2;
}
static void wants_gpu(sw_policy *p) {
    p->gpu = (sw_gpu_policy){.count = 1,
                             .device_root = {{1}},
                             .rim_root = {{2}},
                             .any_device = true,
                             .any_driver = true};
}
static void any_and_named(sw_policy *p) {
    p->any_device = true;
}
static void image_twice(sw_policy *p) {
    p->images[p->image_count++] = p->images[0];
}
static void anchor_twice(sw_policy *p) {
    p->anchors[p->anchor_count++] = p->anchors[0];
}
static void bad_name(sw_policy *p) {
    p->images[0].name[0] = ' ';
}

static const struct {
    void (*change)(sw_policy *p);
    const char *word, *sentence;
} POLICIES[] = {
    {no_images, "policy", "incomplete: it names no image"},
    {no_anchor, "policy", "names no anchor"},
    {no_device, "policy", "incomplete: it names no device"},
    {no_number, "policy", "incomplete: its least evaluation number"},
    {says_tdx, "policy", "not exactly Intel's root"},
    {intel_root, "policy", "says sim and names Intel's root"},
    {intel_tdx, "evidence", "another platform"},
    {zero_mrtd, "policy", "MRTD of zeros"},
    {any_and_named, "policy", "says any device and names devices"},
    {image_twice, "policy", "names an image twice"},
    {anchor_twice, "policy", "names an anchor twice"},
    {bad_name, "policy", "image's name"},
    {other_anchor, "evidence", "a root that the machine policy does not name"},
    {other_mrtd, "policy", "an image that the machine policy does not name"},
    {other_rtmr2, "policy", "an image that the machine policy does not name"},
    {other_device, "policy", "device is not among those"},
    {higher_number, "policy", "TCB info's evaluation number is below"},
    {wants_gpu, "policy", "the machine shows 0 GPUs, and the machine policy says 1"},
};

static void test_policies(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT(POLICIES); i++) {
        bend b;
        bend_start(&b, &house);
        POLICIES[i].change(&b.policy);
        expect(&b, POLICIES[i].word, POLICIES[i].sentence);
        bend_end(&b);
    }
}

/* Claims that were never verified under this policy do not pass it. */
static void test_foreign_claims(void **state) {
    (void)state;
    bend b;
    sw_claims claims, other;
    sw_error err = {0};
    bend_start(&b, &house);
    assert_int_equal(bend_judge(&b, bend_encode(&b), &claims, NULL), SW_OK);
    other = claims;
    other.anchor.b[0] ^= 1;
    assert_int_equal(sw_policy_check(&b.policy, &other, NULL, &err), SW_REFUSED);
    assert_non_null(strstr(err.message, "another platform or anchor"));
    other = claims;
    other.platform = SW_PLATFORM_TDX;
    assert_int_equal(sw_policy_check(&b.policy, &other, NULL, &err), SW_REFUSED);
    assert_non_null(strstr(err.message, "another platform or anchor"));
    assert_int_equal(sw_policy_check(&b.policy, &claims, NULL, &err), SW_OK);
    bend_end(&b);
}

/* More than is needed is no harm: other anchors, images and devices beside the right ones. */
static void test_wider_policies(void **state) {
    (void)state;
    bend b;
    sw_claims claims;
    bend_start(&b, &house);
    sw_policy *p = &b.policy;
    p->anchors[1] = p->anchors[0];
    p->anchors[0].b[5] ^= 1;
    p->anchor_count = 2;
    p->images[1] = p->images[0];
    p->images[0].rtmr[0][0] ^= 1;
    (void)strcpy(p->images[0].name, "older");
    p->image_count = 2;
    p->any_device = true;
    p->device_count = 0;
    assert_int_equal(bend_judge(&b, bend_encode(&b), &claims, NULL), SW_OK);
    assert_string_equal(claims.image, "sim");
    bend_end(&b);
}

static void test_explain(void **state) {
    (void)state;
    bend b;
    SW_SCOPED(sw_buffer) text = SW_BUFFER(1 << 20);
    bend_start(&b, &house);
    sw_bytes json = bend_encode(&b);
    assert_int_equal(sw_evidence_explain(json, &text, NULL), SW_OK);
    sw_put_u8(&text, 0);
    static const char *const parts[] = {"SIMULATED", "MRTD", "compose-hash", "SEPT_VE_DISABLE",
                                        "Intel SGX PCK Platform CA"};
    for (size_t i = 0; i < COUNT(parts); i++)
        assert_non_null(strstr((const char *)text.data, parts[i]));
    size_t before = text.size;
    assert_int_not_equal(sw_evidence_explain(SW_BYTES(json.data, json.size - 1), &text, NULL),
                         SW_OK);
    assert_int_equal(text.size, before);
    bend_end(&b);
}

int main(void) {
    forge_open(&house);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_form),           cmocka_unit_test(test_cut_and_extended),
        cmocka_unit_test(test_flips),          cmocka_unit_test(test_quote_flips),
        cmocka_unit_test(test_logs),           cmocka_unit_test(test_logs_accepted),
        cmocka_unit_test(test_log_limits),     cmocka_unit_test(test_event_digests),
        cmocka_unit_test(test_v2_digests),     cmocka_unit_test(test_guest_logs),
        cmocka_unit_test(test_exchange),       cmocka_unit_test(test_policies),
        cmocka_unit_test(test_wider_policies), cmocka_unit_test(test_foreign_claims),
        cmocka_unit_test(test_explain),
    };
    int failed = cmocka_run_group_tests_name("evidence", tests, NULL, NULL);
    forge_close(&house);
    return failed;
}
