/* SPDX-License-Identifier: Apache-2.0
 *
 * Who watches a verdict being made: every check by name, in order, each begun once and held once;
 * the one that fails is begun and not held.
 */
#include "attest/forge.h"

static forge house;

/* ---- a watcher ---- */
typedef struct watcher {
    size_t begun, held;
    const char *names[64];
    char values[64][1280];
    bool broken; /* a check was begun before the last one held, or held twice */
} watcher;

static void on_begin(void *context, const char *check) {
    watcher *w = context;
    if (w->begun != w->held) w->broken = true;
    assert_true(w->begun < 64);
    w->names[w->begun++] = check;
}

static void on_held(void *context, const char *value) {
    watcher *w = context;
    if (w->begun != w->held + 1) w->broken = true;
    (void)snprintf(w->values[w->held++], sizeof w->values[0], "%s", value);
}

static watcher seen;
static const sw_check_log watching = {
    .begun = on_begin, .held = on_held, .left = on_held, .context = &seen};

static void watch_start(bend *b) {
    memset(&seen, 0, sizeof seen);
    assert_int_equal(sw_verifier_open(&watching, &b->verifier, NULL), SW_OK);
}

static const char *value_of(const char *check) {
    for (size_t i = 0; i < seen.held; i++)
        if (strcmp(seen.names[i], check) == 0) return seen.values[i];
    fail_msg("no check \"%s\" held", check);
    return "";
}

static const char *const QUOTE_CHECKS[] = {"evidence object",
                                           "quote layout",
                                           "PCK chain",
                                           "anchor",
                                           "PCK certificates",
                                           "revocation lists",
                                           "TCB info signature",
                                           "QE identity signature",
                                           "TCB info content",
                                           "QE identity content",
                                           "collateral dates",
                                           "FMSPC",
                                           "TDX module",
                                           "QE report signature",
                                           "attestation key binding",
                                           "QE identity",
                                           "quote signature",
                                           "TCB level"};
static const char *const EVIDENCE_CHECKS[] = {"TD attributes",
                                              "RTMR3 replay",
                                              "app",
                                              "MRCONFIGID",
                                              "policy: platform",
                                              "policy: image",
                                              "policy: device",
                                              "policy: TCB status",
                                              "policy: evaluation numbers",
                                              "policy: collateral age",
                                              "policy: GPUs",
                                              "report data",
                                              "compose hash"};

/* ---- the checks of good evidence ---- */
static void test_all_checks(void **state) {
    (void)state;
    bend b;
    sw_claims claims;
    bend_start(&b, &house);
    watch_start(&b);
    sw_bytes json = bend_encode(&b);
    for (int again = 0; again < 2; again++) { /* what is known is told just the same */
        memset(&seen, 0, sizeof seen);
        assert_int_equal(bend_judge(&b, json, &claims, NULL), SW_OK);
        size_t first = COUNT(QUOTE_CHECKS), second = COUNT(EVIDENCE_CHECKS);
        assert_int_equal(seen.begun, first + second);
        assert_int_equal(seen.held, seen.begun);
        assert_false(seen.broken);
        for (size_t i = 0; i < first; i++) assert_string_equal(seen.names[i], QUOTE_CHECKS[i]);
        for (size_t i = 0; i < second; i++)
            assert_string_equal(seen.names[first + i], EVIDENCE_CHECKS[i]);
        for (size_t i = 0; i < seen.held; i++) {
            assert_true(seen.values[i][0] != 0);
            assert_null(strchr(seen.values[i], '\n'));
        }
        assert_non_null(strstr(value_of("TCB level"), "UpToDate (platform UpToDate, module "));
        assert_non_null(strstr(value_of("quote layout"), "version 4, TD report 1.0, 0 zeros"));
        assert_non_null(strstr(value_of("collateral dates"), "evaluation numbers 1 and 1"));
        assert_string_equal(value_of("policy: image"), "sim");
        assert_int_equal(strlen(value_of("anchor")), 64);
    }
    sw_verifier_close(&b.verifier);
    bend_end(&b);
}

/* ---- the check that fails ---- */
typedef struct spoil {
    const char *check;
    void (*make)(bend *b);
} spoil;

static void spoil_object(bend *b) {
    b->e.platform = SW_PLATFORM_TDX;
}
static void spoil_layout(bend *b) {
    b->quote[0] = 7;
}
static void spoil_chain(bend *b) {
    b->quote[AT_CHAIN] ^= 1;
}
static void spoil_anchor(bend *b) {
    b->policy.anchors[0].b[0] ^= 1;
}
static void spoil_certificates(bend *b) { /* a leaf that the CA did not sign */
    SW_SCOPED(sw_buffer) pem = SW_BUFFER(FORGE_TEXT_MAX);
    sw_bytes der = sw_arena_copy(&b->arena, sw_cert_der(house.pck));
    ((uint8_t *)(uintptr_t)der.data)[der.size - 1] ^= 1;
    sw_pem_encode(&pem, "CERTIFICATE", der);
    sw_pem_encode(&pem, "CERTIFICATE", sw_cert_der(house.ca));
    sw_pem_encode(&pem, "CERTIFICATE", sw_cert_der(house.root));
    set_pck_text(b, sw_buffer_bytes(&pem));
}
static void spoil_lists(bend *b) {
    b->e.collateral.pck_crl = make_list(b, house.ca, house.ca_key, (list_plan){.revoked = 3});
}
static void spoil_info(bend *b) {
    b->e.collateral.tcb_info.signature[5] ^= 1;
}
static void spoil_identity(bend *b) {
    b->e.collateral.qe_identity.signature[5] ^= 1;
}
static void spoil_dates(bend *b) {
    edit_qe_identity(b, "\"nextUpdate\":\"2036", "\"nextUpdate\":\"2025", 0);
}
static void spoil_platform(bend *b) {
    edit_tcb_info(b, "\"fmspc\":\"53", "\"fmspc\":\"54", 0);
}
static void spoil_module(bend *b) {
    b->quote[AT_MR_SIGNER_SEAM] ^= 1;
}
static void spoil_qe(bend *b) {
    b->quote[AT_QE_REPORT] ^= 1;
}
static void spoil_binding(bend *b) {
    b->quote[AT_AUTH] ^= 1;
}
static void spoil_qe_identity(bend *b) {
    edit_qe_identity(b, "\"isvprodid\":2", "\"isvprodid\":1", 0);
}
static void spoil_signature(bend *b) {
    b->quote[AT_REPORT_DATA] ^= 1;
}
static void spoil_level(bend *b) {
    edit_qe_identity(b, "\"isvsvn\":6", "\"isvsvn\":7", 0);
}
static void spoil_attributes(bend *b) {
    b->quote[AT_TD_ATTRIBUTES] ^= 1;
    sign_quote(b);
}
static void spoil_replay(bend *b) {
    b->quote[AT_RTMR3] ^= 1;
    sign_quote(b);
}
static void spoil_app(bend *b) {
    drop_event(b, find_event(b, "system-ready"));
    replay_events(b);
}
static void spoil_config(bend *b) {
    b->quote[AT_MR_CONFIG_ID + 1] ^= 1;
    sign_quote(b);
}
static void spoil_image(bend *b) {
    b->policy.images[0].mrtd[0] ^= 1;
}
static void spoil_device(bend *b) {
    b->policy.devices[0].b[0] ^= 1;
}
static void spoil_status(bend *b) {
    edit_qe_identity(b, "UpToDate", "OutOfDate", 0);
}
static void spoil_age(bend *b) {
    b->policy.collateral_max_age_ms = 3600000; /* all of the folder is an hour old */
    b->at_ms += 1;
}
static void spoil_numbers(bend *b) {
    b->policy.minimum_evaluation_number = 2;
}
static void spoil_report(bend *b) {
    b->expected.b[0] ^= 1;
}
static void spoil_compose(bend *b) {
    b->compose.b[0] ^= 1;
}

static const spoil SPOILS[] = {
    {"evidence object", spoil_object},
    {"quote layout", spoil_layout},
    {"PCK chain", spoil_chain},
    {"anchor", spoil_anchor},
    {"PCK certificates", spoil_certificates},
    {"revocation lists", spoil_lists},
    {"TCB info signature", spoil_info},
    {"QE identity signature", spoil_identity},
    {"collateral dates", spoil_dates},
    {"FMSPC", spoil_platform},
    {"TDX module", spoil_module},
    {"QE report signature", spoil_qe},
    {"attestation key binding", spoil_binding},
    {"QE identity", spoil_qe_identity},
    {"quote signature", spoil_signature},
    {"TCB level", spoil_level},
    {"TD attributes", spoil_attributes},
    {"RTMR3 replay", spoil_replay},
    {"app", spoil_app},
    {"MRCONFIGID", spoil_config},
    {"policy: image", spoil_image},
    {"policy: device", spoil_device},
    {"policy: TCB status", spoil_status},
    {"policy: evaluation numbers", spoil_numbers},
    {"policy: collateral age", spoil_age},
    {"report data", spoil_report},
    {"compose hash", spoil_compose},
};

static void test_each_failure(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT(SPOILS); i++) {
        bend b;
        sw_claims claims;
        sw_error watched = {0}, alone = {0};
        bend_start(&b, &house);
        watch_start(&b);
        SPOILS[i].make(&b);
        sw_bytes json = bend_encode(&b);
        sw_status status = bend_judge(&b, json, &claims, &watched);
        assert_int_not_equal(status, SW_OK);
        assert_int_equal(seen.begun, seen.held + 1);
        assert_false(seen.broken);
        assert_string_equal(seen.names[seen.held], SPOILS[i].check);
        sw_verifier_close(&b.verifier); /* a watcher sees and never decides */
        assert_int_equal(bend_judge(&b, json, &claims, &alone), status);
        assert_string_equal(watched.message, alone.message);
        bend_end(&b);
    }
}

int main(void) {
    forge_open(&house);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_checks),
        cmocka_unit_test(test_each_failure),
    };
    int failed = cmocka_run_group_tests_name("watch", tests, NULL, NULL);
    forge_close(&house);
    return failed;
}
