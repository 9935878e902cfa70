/* SPDX-License-Identifier: Apache-2.0
 *
 * The document behind a MRCONFIGID of the third kind: as a member of evidence (EVD-150 to EVD-152),
 * beside others' quotes (EVD-153), and in a host's configuration (MSR-084, MSR-085).
 */
#include "attest/document_forge.h"
#include "attest/standalone.h"
#include "machine/machine_internal.h"

static forge house;

static void expect_json(bend *b, sw_bytes json, const char *sentence) {
    sw_claims claims = {.memory_bytes = 77};
    sw_error err = {0};
    if (bend_judge(b, json, &claims, &err) == SW_OK) fail_msg("accepted: %s", sentence);
    if (strstr(err.message, sentence) == NULL)
        fail_msg("\"%s\" is not in \"%s\"", sentence, err.message);
    assert_string_equal(err.word, "evidence");
    assert_int_equal(claims.memory_bytes, 77);
}

static void expect(bend *b, const char *sentence) {
    expect_json(b, bend_encode(b), sentence);
}

/* ---- as a member of evidence ---- */
static void test_member(void **state) {
    (void)state;
    bend b;
    sw_claims claims;
    sw_error err = {0};
    SW_SCOPED(sw_arena) a = {0};
    sw_evidence again;
    documented_start(&b, &house);
    sw_bytes json = bend_encode(&b);
    if (bend_judge(&b, json, &claims, &err) != SW_OK) fail_msg("%s", err.message);
    assert_int_equal(claims.mr_config_id[0], 3);
    assert_int_equal(sw_evidence_parse(&a, json, &again, NULL), SW_OK);
    assert_true(sw_bytes_equal(again.mr_config, b.e.mr_config));
    b.e.mr_config = (sw_bytes){0};
    expect(&b, "its document is not there");
    bend_end(&b);
    bend_start(&b, &house); /* of the first kind */
    b.e.mr_config = document_of(&b);
    expect(&b, "MRCONFIGID is of version 1, and a document of version 3 is here");
    bend_end(&b);
}

static void test_contradictions(void **state) {
    (void)state;
    static const struct {
        const char *old, *new, *sentence;
    } table[] = {
        {"\"app_id\":\"a9", "\"app_id\":\"a8", "another app_id"},
        {"\"compose_hash\":\"", "\"compose_hash\":\"0", "another compose_hash"},
        {"\"gpu_policy_hash\":\"", "\"gpu_policy_hash\":\"0", "another gpu_policy_hash"},
        {"\"instance_id\":\"", "\"instance_id\":\"0", "another instance_id"},
        {"\"none\"", "\"kms\"", "another key_provider"},
        {"\"none\",", "\"none\",\"key_provider_id\":\"00\",", "another key_provider_id"},
        {"\"instance_id\"", "\"init_script_hashes\":[\"00\"],\"instance_id\"",
         "init_script_hashes"},
        {"\"version\":3", "\"version\":4", "not of version 3"},
        {"\"version\":3", "\"version\":3,\"z\":0", "z is not known"},
        {"\"version\":3", "\"version\": 3", "RFC 8785"},
        {"\"version\":3}", "\"version\":3", "JSON"},
    };
    for (size_t i = 0; i < COUNT(table); i++) {
        bend b;
        documented_start(&b, &house);
        sw_bytes good = b.e.mr_config;
        b.e.mr_config = replaced(&b.arena, good, table[i].old, table[i].new, 0);
        expect(&b, "not that of its document");
        commit_to(&b, b.e.mr_config); /* a host that commits to a lie */
        expect(&b, table[i].sentence);
        bend_end(&b);
    }
}

/* The member as JSON: its type, its size, and no bit of it is free. */
static void test_form(void **state) {
    (void)state;
    static char large[SW_CONFIG_DOCUMENT_LIMIT + 1];
    bend b;
    sw_claims claims;
    documented_start(&b, &house);
    sw_bytes json = bend_encode(&b);
    const char *text = (const char *)json.data;
    const char *at = strstr(text, "\"mr_config\":"), *end = strstr(text, ",\"platform\"");
    assert_true(at != NULL && end != NULL);
    for (const char *c = at; c < end; c++)
        for (unsigned bit = 0; bit < 8; bit++) {
            uint8_t *byte = (uint8_t *)(uintptr_t)c;
            *byte ^= (uint8_t)(1U << bit);
            assert_int_not_equal(bend_judge(&b, json, &claims, NULL), SW_OK);
            *byte ^= (uint8_t)(1U << bit);
        }
    memset(large, 'x', sizeof large);
    b.e.mr_config = SW_BYTES_OF(large);
    expect(&b, "mr_config has more than 8192 bytes");
    b.e.mr_config = (sw_bytes){0};
    json = bend_encode(&b);
    static const struct {
        const char *member, *sentence;
    } table[] = {{"\"mr_config\":\"\",", "mr_config is empty"},
                 {"\"mr_config\":{},", "mr_config"},
                 {"\"mr_config\":null,", "mr_config"}};
    for (size_t i = 0; i < COUNT(table); i++) {
        char with[64];
        (void)snprintf(with, sizeof with, "%s\"platform\"", table[i].member);
        expect_json(&b, replaced(&b.arena, json, "\"platform\"", with, 0), table[i].sentence);
    }
    bend_end(&b);
}

/* ---- in a host's configuration ---- */
static const struct {
    const char *config, *document, *sentence;
} CONFIGS[] = {
    {"{}", "", NULL},
    {"{\"mr_config\":\"D\"}", "D", NULL},
    {"{\"mr_config\":\"D\",\"vm_config\":\"{}\"}", "D", NULL},
    {"{\"mr_config\":\"\",\"vm_config\":\"{\\\"mr_config\\\":\\\"D\\\"}\"}", "D", NULL},
    {"{\"mr_config\":null,\"vm_config\":\"{\\\"mr_config\\\":\\\"D\\\"}\"}", "D", NULL},
    {"{\"mr_config\":\"D\",\"vm_config\":\"{\\\"mr_config\\\":\\\"D\\\"}\"}", "D", NULL},
    {"{\"mr_config\":\"D\",\"vm_config\":\"{\\\"mr_config\\\":\\\"E\\\"}\"}", NULL, "they differ"},
    {"{\"mr_config\":{}}", NULL, "mr_config"},
    {"{\"mr_config\":3}", NULL, "mr_config"},
    {"{\"vm_config\":\"[]\"}", NULL, "not an object"},
    {"{\"vm_config\":\"{\"}", NULL, "JSON"},
    {"{\"mr_config\":\"D\",\"mr_config\":\"D\"}", NULL, "a member is repeated"},
    {"[]", NULL, "not an object"},
    {"", NULL, "JSON"},
};

static void test_configurations(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT(CONFIGS); i++) {
        SW_SCOPED(sw_arena) a = {0};
        sw_error err = {0};
        sw_bytes out = SW_LITERAL("untouched");
        sw_status status = sw_config_document_read(&a, sw_text(CONFIGS[i].config), &out, &err);
        if (CONFIGS[i].document != NULL) {
            if (status != SW_OK) fail_msg("%zu: %s", i, err.message);
            assert_true(sw_bytes_is(out, CONFIGS[i].document));
            continue;
        }
        assert_int_not_equal(status, SW_OK);
        assert_true(sw_bytes_is(out, "untouched"));
        if (strstr(err.message, CONFIGS[i].sentence) == NULL)
            fail_msg("%zu: \"%s\" is not in \"%s\"", i, CONFIGS[i].sentence, err.message);
    }
}

/* ---- beside others' quotes ---- */
static sw_bytes config_with(bend *b, sw_bytes document) {
    SW_SCOPED(sw_buffer) text = SW_BUFFER(1 << 16);
    sw_json *root = sw_json_make(&b->arena, SW_JSON_OBJECT);
    sw_json_add_text(&b->arena, root, "mr_config", document);
    sw_json_add_text(&b->arena, root, "vm_config", SW_LITERAL("{\"cpu_count\":8}"));
    sw_json_encode(&text, root);
    return sw_arena_copy(&b->arena, sw_buffer_bytes(&text));
}

static sw_status judge_quote(bend *b, sw_bytes document, sw_bytes config, unsigned *version,
                             sw_error *err) {
    sw_log_event events[64];
    sw_standalone_claims claims;
    for (size_t i = 0; i < b->e.event_count; i++)
        events[i] = (sw_log_event){.imr = 3,
                                   .type = SW_RUNTIME_EVENT_TYPE,
                                   .name = b->events[i].name,
                                   .payload = b->events[i].payload};
    /* RTMR0 to RTMR2 as a stripped log leaves them: dstack's three of ACPI, and no others. */
    const sw_event_log log = {events, b->e.event_count};
    const sw_standalone s = {.quote = SW_BYTES(b->quote, b->quote_size),
                             .collateral = &b->e.collateral,
                             .log = &log,
                             .document = document,
                             .vm_config = config,
                             .policy = &b->policy,
                             .wall_ms = b->at_ms};
    sw_status status = sw_standalone_verify(&s, NULL, &claims, err);
    if (status == SW_OK) *version = claims.config_version;
    return status;
}

static void test_beside(void **state) {
    (void)state;
    bend b;
    unsigned version = 0;
    sw_error err = {0};
    documented_start(&b, &house);
    sw_bytes document = b.e.mr_config, config = config_with(&b, document);
    sw_bytes other = config_with(&b, SW_LITERAL("{}"));
    if (judge_quote(&b, document, (sw_bytes){0}, &version, &err) != SW_OK)
        fail_msg("%s", err.message);
    assert_int_equal(version, 3);
    assert_int_equal(judge_quote(&b, (sw_bytes){0}, config, &version, NULL), SW_OK);
    assert_int_equal(judge_quote(&b, document, other, &version, NULL), SW_OK);
    assert_int_equal(judge_quote(&b, (sw_bytes){0}, other, &version, &err), SW_REFUSED);
    assert_non_null(strstr(err.message, "not that of its document"));
    assert_int_equal(judge_quote(&b, (sw_bytes){0}, (sw_bytes){0}, &version, &err), SW_REFUSED);
    assert_non_null(strstr(err.message, "its document is not there"));
    assert_int_not_equal(judge_quote(&b, (sw_bytes){0}, SW_LITERAL("{"), &version, &err), SW_OK);
    assert_string_equal(err.word, "evidence");
    sw_arena kept = b.arena; /* document and config are in it */
    bend_start(&b,
               &house); /* of the first kind: a host's words are left alone, a document is not */
    assert_int_equal(judge_quote(&b, (sw_bytes){0}, config, &version, NULL), SW_OK);
    assert_int_equal(version, 1);
    assert_int_equal(judge_quote(&b, document, (sw_bytes){0}, &version, &err), SW_REFUSED);
    assert_non_null(strstr(err.message, "is of version 1"));
    bend_end(&b);
    sw_arena_free(&kept);
}

/* ---- what a machine makes of its agent's answer ---- */
static sw_status answer_read(bend *b, sw_bytes vm_config, sw_evidence *out, sw_error *err) {
    SW_SCOPED(sw_buffer) json = SW_BUFFER(1 << 20);
    const sw_answer made = {.quote = SW_BYTES(b->quote, b->quote_size),
                            .report = &house.report,
                            .events = b->events,
                            .event_count = b->e.event_count,
                            .vm_config = vm_config};
    *out = b->e;
    out->mr_config = (sw_bytes){0};
    assert_int_equal(sw_answer_put(&made, &json, NULL), SW_OK);
    sw_bytes answer = sw_arena_copy(&b->arena, sw_buffer_bytes(&json));
    return sw_answer_read(&b->arena, answer, &house.report, &house.compose, out, err);
}

static void test_answer(void **state) {
    (void)state;
    bend b;
    sw_evidence e;
    sw_error err = {0};
    documented_start(&b, &house);
    sw_bytes document = b.e.mr_config, config = config_with(&b, document);
    if (answer_read(&b, config, &e, &err) != SW_OK) fail_msg("%s", err.message);
    assert_true(sw_bytes_equal(e.mr_config, document));
    assert_int_equal(answer_read(&b, SW_LITERAL("{}"), &e, &err), SW_REFUSED);
    assert_non_null(strstr(err.message, "its document is not there"));
    assert_int_equal(answer_read(&b, (sw_bytes){0}, &e, &err), SW_REFUSED);
    in_body(&b, AT_MR_CONFIG_ID)[5] ^= 1;
    assert_int_equal(answer_read(&b, config, &e, &err), SW_REFUSED);
    assert_non_null(strstr(err.message, "not that of its document"));
    sw_arena kept = b.arena; /* document and config are in it */
    bend_start(&b, &house);
    assert_int_equal(answer_read(&b, config, &e, NULL), SW_OK);
    assert_int_equal(e.mr_config.size, 0);
    in_body(&b, AT_MR_CONFIG_ID)[5] ^= 1; /* what a verifier would refuse is refused here */
    assert_int_equal(answer_read(&b, config, &e, &err), SW_REFUSED);
    bend_end(&b);
    sw_arena_free(&kept);
}

static int setup(void **state) {
    (void)state;
    forge_open(&house);
    return 0;
}

static int teardown(void **state) {
    (void)state;
    forge_close(&house);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_member), cmocka_unit_test(test_contradictions),
        cmocka_unit_test(test_form),   cmocka_unit_test(test_configurations),
        cmocka_unit_test(test_beside), cmocka_unit_test(test_answer),
    };
    return cmocka_run_group_tests_name("document", tests, setup, teardown);
}
