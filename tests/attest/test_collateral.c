/* SPDX-License-Identifier: Apache-2.0
 *
 * TCB info, QE identity and what levels come to: each document is edited and signed again by the
 * TCB signer, so that only the rule itself can refuse it. Intel's own documents know two statuses;
 * here every one has its turn.
 */
#include "attest/forge.h"

static forge house;

typedef struct edit {
    enum { TCB_INFO, QE_IDENTITY } document;
    const char *old, *new;
    size_t n; /* which occurrence */
    const char *word, *sentence;
} edit;

#define UP        "\"tcbStatus\":\"UpToDate\""
#define STATUS(s) "\"tcbStatus\":\"" s "\""
#define ISV5      "{\"tcb\":{\"isvsvn\":5},\"tcbDate\":\"2026-01-01T00:00:00Z\"," UP "}"
#define MODULE1                                                                                    \
    "{\"attributes\":\"0000000000000000\",\"id\":\"tdx_01\",\"mrsigner\":\"" ZEROS48 ZEROS48       \
    "\",\"tcbLevels\":[]}"
#define ZEROS48 "000000000000000000000000000000000000000000000000"
enum { PLATFORM_LEVEL = 0, MODULE_LEVEL = 1 };

static void apply(bend *b, const edit *e) {
    if (e->document == TCB_INFO)
        edit_tcb_info(b, e->old, e->new, e->n);
    else
        edit_qe_identity(b, e->old, e->new, e->n);
}

static const edit REFUSED[] = {
    {TCB_INFO, "\"id\":\"TDX\"", "\"id\":\"SGX\"", 0, "evidence", "tcbInfo.id is not TDX"},
    {TCB_INFO, "\"version\":3", "\"version\":2", 0, "evidence", "tcbInfo.version is not 3"},
    {TCB_INFO, "\"tcbType\":0", "\"tcbType\":1", 0, "evidence", "tcbType is not 0"},
    {TCB_INFO, "\"fmspc\":\"53", "\"fmspc\":\"54", 0, "evidence", "another FMSPC"},
    {TCB_INFO, "\"fmspc\":\"53", "\"fmspc\":\"5", 0, "evidence",
     "fmspc: hex has 11 digits, not 12"},
    {TCB_INFO, "\"pceId\":\"0000", "\"pceId\":\"0001", 0, "evidence", "another PCE id"},
    {TCB_INFO, "\"issueDate\":\"2026", "\"issueDate\":\"2027", 0, "evidence",
     "TCB info is not valid yet"},
    {TCB_INFO, "\"nextUpdate\":\"2036", "\"nextUpdate\":\"2025", 0, "evidence",
     "TCB info is no longer valid"},
    {TCB_INFO, "\"issueDate\":\"2026", "\"issueDate\":\"20-6", 0, "evidence",
     "issueDate is not a time"},
    {TCB_INFO, "\"nextUpdate\"", "\"nextupdate\"", 0, "evidence", "nextUpdate is missing"},
    {TCB_INFO, "\"tcbLevels\"", "\"levels\"", 0, "evidence", "tcbLevels is missing"},
    {TCB_INFO, "\"fmspc\"", "\"id\":\"TDX\",\"fmspc\"", 0, "evidence", ""}, /* a name twice */
    {TCB_INFO, "\"TDX_01\"", "\"TDX_02\"", 0, "evidence", "module identity TDX_01"},
    {TCB_INFO, "\"TDX_01\"", "\"TDX_1\"", 0, "evidence", "TDX_ and two hex digits"},
    {TCB_INFO, "\"TDX_01\"", "\"TDX_00\"", 0, "evidence", "TDX_ and two hex digits"},
    {TCB_INFO, "\"mrsigner\":\"0", "\"mrsigner\":\"1", 1, "evidence", "MRSIGNERSEAM"},
    {TCB_INFO, "\"attributes\":\"0", "\"attributes\":\"1", 1, "evidence", "SEAMATTRIBUTES"},
    {TCB_INFO, "\"tdxModuleIdentities\":[", "\"tdxModuleIdentities\":[],\"old\":[", 0, "evidence",
     "module identity TDX_01"},
    {TCB_INFO, "{\"svn\":7},", "", 0, "evidence", "has not 16 members"},
    {TCB_INFO, "{\"svn\":7}", "{\"svn\":256}", 0, "evidence", "svn"},
    {TCB_INFO, "{\"svn\":7}", "{\"svn\":-1}", 0, "evidence", "svn"},
    {TCB_INFO, "{\"svn\":7}", "{\"svn\":0},{\"svn\":7}", 0, "evidence", "sgxtcbcomponents"},
    {TCB_INFO, UP, STATUS("Fine"), PLATFORM_LEVEL, "evidence", "tcbStatus is not one"},
    {TCB_INFO, UP, STATUS("TDRelaunchAdvised"), PLATFORM_LEVEL, "evidence", "tcbStatus is not one"},
    {TCB_INFO, UP, STATUS("SWHardeningNeeded"), MODULE_LEVEL, "evidence", "tcbStatus is not one"},
    {TCB_INFO, "\"tcbLevels\":[{\"tcb\":{\"isvsvn\":5}", "\"tcbLevels\":[{\"tcb\":{\"isvsvn\":6}",
     0, "evidence", "TDX module's version is not supported"},
    {TCB_INFO, "\"tcbEvaluationDataNumber\":1", "\"tcbEvaluationDataNumber\":0", 0, "policy",
     "TCB info's evaluation number is below"},
    {QE_IDENTITY, "\"id\":\"TD_QE\"", "\"id\":\"QE\"", 0, "evidence",
     "enclaveIdentity.id is not TD_QE"},
    {QE_IDENTITY, "\"version\":2", "\"version\":3", 0, "evidence",
     "enclaveIdentity.version is not 2"},
    {QE_IDENTITY, "\"issueDate\":\"2026", "\"issueDate\":\"2027", 0, "evidence",
     "QE identity is not valid yet"},
    {QE_IDENTITY, "\"nextUpdate\":\"2036", "\"nextUpdate\":\"2025", 0, "evidence",
     "QE identity is no longer valid"},
    {QE_IDENTITY, "\"miscselect\":\"00", "\"miscselect\":\"01", 0, "evidence", "MISCSELECT"},
    {QE_IDENTITY, "\"attributes\":\"11", "\"attributes\":\"13", 0, "evidence",
     "quoting enclave's attributes"},
    {QE_IDENTITY, "\"attributesMask\":\"fb", "\"attributesMask\":\"ff", 0, "evidence",
     "quoting enclave's attributes"},
    {QE_IDENTITY, "\"isvprodid\":2", "\"isvprodid\":1", 0, "evidence", "product id"},
    {QE_IDENTITY, "\"isvsvn\":6", "\"isvsvn\":7", 0, "evidence",
     "quoting enclave's version is not supported"},
    {QE_IDENTITY, UP, STATUS("SWHardeningNeeded"), 0, "evidence", "tcbStatus is not one"},
    {QE_IDENTITY, "\"mrsigner\":\"", "\"mrsigner\":\"00", 0, "evidence",
     "mrsigner: hex has 66 digits, not 64"},
    {QE_IDENTITY, "\"tcbEvaluationDataNumber\":1", "\"tcbEvaluationDataNumber\":0", 0, "policy",
     "QE identity's evaluation number is below"},
    {TCB_INFO, "\"tcbLevels\":[{\"tcb\":{\"isvsvn\":5}",
     "\"tcbLevels\":[" ISV5 ",{\"tcb\":{\"isvsvn\":5}", 0, "evidence", "two levels of one isvsvn"},
    {QE_IDENTITY, "\"tcbLevels\":[", "\"tcbLevels\":[" ISV5 "," ISV5 ",", 0, "evidence",
     "two levels of one isvsvn"},
    {TCB_INFO, "\"tdxModuleIdentities\":[", "\"tdxModuleIdentities\":[" MODULE1 ",", 0, "evidence",
     "one TDX module identity twice"},
    /* statuses, accepted by nobody */
    {TCB_INFO, UP, STATUS("SWHardeningNeeded"), PLATFORM_LEVEL, "policy",
     "TCB status is SWHardeningNeeded"},
    {TCB_INFO, UP, STATUS("ConfigurationNeeded"), PLATFORM_LEVEL, "policy",
     "TCB status is ConfigurationNeeded"},
    {TCB_INFO, UP, STATUS("ConfigurationAndSWHardeningNeeded"), PLATFORM_LEVEL, "policy",
     "is ConfigurationAndSWHardeningNeeded"},
    {TCB_INFO, UP, STATUS("OutOfDate"), PLATFORM_LEVEL, "policy", "TCB status is OutOfDate,"},
    {TCB_INFO, UP, STATUS("OutOfDateConfigurationNeeded"), PLATFORM_LEVEL, "policy",
     "is OutOfDateConfigurationNeeded"},
    {TCB_INFO, UP, STATUS("Revoked"), PLATFORM_LEVEL, "policy", "TCB status is Revoked"},
    {TCB_INFO, UP, STATUS("OutOfDate"), MODULE_LEVEL, "policy", "TCB status is OutOfDate,"},
    {TCB_INFO, UP, STATUS("Revoked"), MODULE_LEVEL, "policy", "TCB status is Revoked"},
    {QE_IDENTITY, UP, STATUS("OutOfDate"), 0, "policy", "TCB status is OutOfDate,"},
    {QE_IDENTITY, UP, STATUS("ConfigurationNeeded"), 0, "policy",
     "TCB status is ConfigurationNeeded"},
    {QE_IDENTITY, UP, STATUS("OutOfDateConfigurationNeeded"), 0, "policy",
     "is OutOfDateConfigurationNeeded"},
    {QE_IDENTITY, UP, STATUS("Revoked"), 0, "policy", "TCB status is Revoked"},
};

static void expect(bend *b, const char *word, const char *sentence) {
    sw_claims claims;
    sw_error err = {0};
    if (bend_judge(b, bend_encode(b), &claims, &err) == SW_OK) fail_msg("accepted: %s", sentence);
    if (strstr(err.message, sentence) == NULL)
        fail_msg("\"%s\" is not in \"%s\"", sentence, err.message);
    assert_string_equal(err.word, word);
}

static void test_refused(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT(REFUSED); i++) {
        bend b;
        bend_start(&b, &house);
        apply(&b, &REFUSED[i]);
        expect(&b, REFUSED[i].word, REFUSED[i].sentence);
        bend_end(&b);
    }
}

static void test_unsigned(void **state) {
    (void)state;
    bend b;
    bend_start(&b, &house);
    sw_collateral *c = &b.e.collateral;
    const sw_collateral good = *c;
    c->tcb_info.text = replaced(&b.arena, c->tcb_info.text, "\"pcesvn\":11", "\"pcesvn\":10", 0);
    expect(&b, "evidence", "TCB info's signature does not hold");
    *c = good;
    c->qe_identity.text =
        replaced(&b.arena, c->qe_identity.text, "\"isvsvn\":6", "\"isvsvn\":5", 0);
    expect(&b, "evidence", "QE identity's signature does not hold");
    *c = good;
    memcpy(c->tcb_info.signature, good.qe_identity.signature, 64);
    expect(&b, "evidence", "TCB info's signature does not hold");
    *c = good;
    memcpy(c->qe_identity.signature, good.tcb_info.signature, 64);
    expect(&b, "evidence", "QE identity's signature does not hold");
    *c = good;
    sw_signed_json swap = c->tcb_info;
    c->tcb_info = c->qe_identity;
    c->qe_identity = swap;
    expect(&b, "evidence", "tcbInfo.id is not TDX");
    *c = good;
    assert_int_equal(sw_p256_sign_raw(house.pck_key, c->tcb_info.text, c->tcb_info.signature, NULL),
                     SW_OK);
    expect(&b, "evidence", "TCB info's signature does not hold");
    bend_end(&b);
}

/* ---- the quoting enclave under a mask ---- */
static void expect_status(bend *b, const char *status, const char *advisories);

/* MISCSELECT is written as its bytes stand in the report, the lowest first (EVD-156). */
static void test_misc_select(void **state) {
    (void)state;
    bend b;
    bend_start(&b, &house);
    b.quote[AT_QE_REPORT + 16] = 1;
    sign_qe(&b);
    const sw_signed_json good = b.e.collateral.qe_identity;
    edit_qe_identity(&b, "\"miscselect\":\"00000000", "\"miscselect\":\"01000000", 0);
    expect_status(&b, "UpToDate", "");
    b.e.collateral.qe_identity = good;
    edit_qe_identity(&b, "\"miscselect\":\"00000000", "\"miscselect\":\"00000001", 0);
    expect(&b, "evidence", "MISCSELECT");
    b.e.collateral.qe_identity = good;
    edit_qe_identity(&b, "\"miscselectMask\":\"ff", "\"miscselectMask\":\"fe", 0);
    expect_status(&b, "UpToDate", "");
    bend_end(&b);
}

/* No mask makes a quoting enclave under DEBUG one that vouches for keys (EVD-157). */
static void test_qe_debug(void **state) {
    (void)state;
    bend b;
    bend_start(&b, &house);
    b.quote[AT_QE_REPORT + 48] |= 2;
    sign_qe(&b);
    edit_qe_identity(&b, "\"attributesMask\":\"fb", "\"attributesMask\":\"f9", 0);
    expect(&b, "evidence", "quoting enclave runs under DEBUG");
    bend_end(&b);
}

/* ---- levels ---- */
static void expect_status(bend *b, const char *status, const char *advisories) {
    sw_claims claims;
    sw_error err = {0};
    if (sw_evidence_verify(bend_encode(b), &b->policy, b->at_ms, NULL, &claims, &err) != SW_OK)
        fail_msg("%s", err.message);
    assert_string_equal(claims.tcb_status, status);
    assert_string_equal(claims.advisories, advisories);
}

/* Convergence: platform, module and QE together. */
static void test_convergence(void **state) {
    (void)state;
    static const char *const table[][4] = {
        {"UpToDate", "UpToDate", "UpToDate", "UpToDate"},
        {"SWHardeningNeeded", "UpToDate", "UpToDate", "SWHardeningNeeded"},
        {"SWHardeningNeeded", "OutOfDate", "UpToDate", "OutOfDate"},
        {"SWHardeningNeeded", "UpToDate", "OutOfDate", "OutOfDate"},
        {"ConfigurationNeeded", "OutOfDate", "UpToDate", "OutOfDateConfigurationNeeded"},
        {"ConfigurationAndSWHardeningNeeded", "UpToDate", "OutOfDate",
         "OutOfDateConfigurationNeeded"},
        {"OutOfDateConfigurationNeeded", "OutOfDate", "OutOfDate", "OutOfDateConfigurationNeeded"},
        {"OutOfDate", "UpToDate", "UpToDate", "OutOfDate"},
        {"UpToDate", "UpToDate", "ConfigurationNeeded", "ConfigurationNeeded"},
        {"SWHardeningNeeded", "UpToDate", "ConfigurationNeeded",
         "ConfigurationAndSWHardeningNeeded"},
        {"UpToDate", "OutOfDate", "ConfigurationNeeded", "OutOfDateConfigurationNeeded"},
        {"Revoked", "UpToDate", "UpToDate", "Revoked"},
        {"ConfigurationNeeded", "Revoked", "OutOfDate", "Revoked"},
        {"OutOfDate", "OutOfDate", "Revoked", "Revoked"},
    };
    for (size_t i = 0; i < COUNT(table); i++) {
        bend b;
        char text[80];
        bend_start(&b, &house);
        (void)snprintf(text, sizeof text, STATUS("%s"), table[i][1]);
        edit_tcb_info(&b, UP, text, MODULE_LEVEL);
        (void)snprintf(text, sizeof text, STATUS("%s"), table[i][0]);
        edit_tcb_info(&b, UP, text, PLATFORM_LEVEL);
        (void)snprintf(text, sizeof text, STATUS("%s"), table[i][2]);
        edit_qe_identity(&b, UP, text, 0);
        expect_status(&b, table[i][3], "");
        bend_end(&b);
    }
}

/* What a level asks for is met one by one, and the highest that is met counts, wherever it stands.
 */
static void test_levels(void **state) {
    (void)state;
    bend b;
    bend_start(&b, &house);
    edit_tcb_info(&b, "{\"svn\":7}", "{\"svn\":8}", 0);
    expect_status(&b, "OutOfDate", ""); /* an SGX component too low */
    bend_end(&b);
    bend_start(&b, &house);
    edit_tcb_info(&b, "\"pcesvn\":11", "\"pcesvn\":12", 0);
    expect_status(&b, "OutOfDate", "");
    bend_end(&b);
    bend_start(&b, &house);
    edit_tcb_info(&b, "\"tdxtcbcomponents\":[{\"svn\":5},{\"svn\":1},{\"svn\":3}",
                  "\"tdxtcbcomponents\":[{\"svn\":5},{\"svn\":1},{\"svn\":4}", 0);
    expect_status(&b, "OutOfDate", ""); /* byte 2 counts */
    bend_end(&b);
    bend_start(&b, &house);
    edit_tcb_info(&b, "\"tdxtcbcomponents\":[{\"svn\":5},{\"svn\":1}",
                  "\"tdxtcbcomponents\":[{\"svn\":9},{\"svn\":9}", 0);
    expect_status(&b, "UpToDate", ""); /* bytes 0 and 1 do not: the module's identity judges them */
    bend_end(&b);
    bend_start(&b, &house);
    edit_tcb_info(&b, "{\"svn\":255}", "{\"svn\":254}", 0);
    expect_status(&b, "UpToDate", ""); /* 255 is more than 254, not -1 */
    bend_end(&b);
}

/* The two levels in the other order, twice the same, and both too high. */
static void test_level_lists(void **state) {
    (void)state;
    bend b;
    bend_start(&b, &house);
    sw_signed_json *s = &b.e.collateral.tcb_info;
    const uint8_t *from = memmem(s->text.data, s->text.size, "\"tcbLevels\":[", 13);
    const uint8_t *between =
        memmem(from, s->text.size - (size_t)(from - s->text.data), "\"},{\"tcb\"", 9);
    const uint8_t *end =
        memmem(between, s->text.size - (size_t)(between - s->text.data), "\"}],\"tcbType\"", 13);
    assert_true(from != NULL && between != NULL && end != NULL);
    sw_bytes first = SW_BYTES(from + 13, (size_t)(between + 2 - from - 13));
    sw_bytes second = SW_BYTES(between + 3, (size_t)(end + 2 - between - 3));
    char was[8192], swapped[8192], twice[8192];
    (void)snprintf(was, sizeof was, "%.*s,%.*s", (int)first.size, (const char *)first.data,
                   (int)second.size, (const char *)second.data);
    (void)snprintf(swapped, sizeof swapped, "%.*s,%.*s", (int)second.size,
                   (const char *)second.data, (int)first.size, (const char *)first.data);
    (void)snprintf(twice, sizeof twice, "%.*s,%.*s", (int)first.size, (const char *)first.data,
                   (int)first.size, (const char *)first.data);
    const sw_signed_json good = *s;
    edit_tcb_info(&b, was, swapped, 0);
    expect_status(&b, "UpToDate", "");
    *s = good;
    edit_tcb_info(&b, was, twice, 0);
    expect(&b, "evidence", "two platform levels of one version");
    *s = good;
    edit_tcb_info(&b, "\"pcesvn\":11", "\"pcesvn\":12", 0);
    edit_tcb_info(&b, "\"pcesvn\":0", "\"pcesvn\":13", 0);
    expect(&b, "evidence", "TCB is not supported");
    *s = good;
    edit_tcb_info(&b, was, "", 0);
    expect(&b, "evidence", "TCB is not supported");
    bend_end(&b);
}

static void test_advisories(void **state) {
    (void)state;
    bend b;
    bend_start(&b, &house);
    edit_tcb_info(&b, UP, UP ",\"advisoryIDs\":[\"SA-1\",\"SA-2\"]", MODULE_LEVEL);
    edit_tcb_info(&b, UP, UP ",\"advisoryIDs\":[\"SA-3\",\"SA-2\"]", PLATFORM_LEVEL);
    edit_qe_identity(&b, UP, UP ",\"advisoryIDs\":[\"SA-1\",\"SA-11\"]", 0);
    expect_status(&b, "UpToDate", "SA-3,SA-2,SA-1,SA-11");
    edit_tcb_info(&b, "SA-3", "SA 3", 0);
    expect(&b, "evidence", "advisory id");
    bend_end(&b);
}

/* A relaxed policy takes SWHardeningNeeded, and nothing below. */
static void test_relaxed(void **state) {
    (void)state;
    bend b;
    sw_claims claims;
    bend_start(&b, &house);
    b.policy.up_to_date_only = false;
    edit_tcb_info(&b, UP, STATUS("SWHardeningNeeded"), PLATFORM_LEVEL);
    assert_int_equal(bend_judge(&b, bend_encode(&b), &claims, NULL), SW_OK);
    edit_qe_identity(&b, UP, STATUS("ConfigurationNeeded"), 0);
    expect(&b, "policy", "is ConfigurationAndSWHardeningNeeded");
    bend_end(&b);
    bend_start(&b, &house);
    b.policy.minimum_evaluation_number = 2;
    edit_tcb_info(&b, "\"tcbEvaluationDataNumber\":1", "\"tcbEvaluationDataNumber\":3", 0);
    expect(&b, "policy", "QE identity's evaluation number");
    edit_qe_identity(&b, "\"tcbEvaluationDataNumber\":1", "\"tcbEvaluationDataNumber\":2", 0);
    assert_int_equal(bend_judge(&b, bend_encode(&b), &claims, NULL), SW_OK);
    assert_int_equal(claims.tcb_evaluation_number, 3);
    assert_int_equal(claims.qe_evaluation_number, 2);
    bend_end(&b);
}

/* The joint window is that of the part that ends first. */
static void test_window(void **state) {
    (void)state;
    bend b;
    sw_claims claims;
    bend_start(&b, &house);
    b.e.collateral.pck_crl =
        make_list(&b, house.ca, house.ca_key, (list_plan){FORGE_NOW - 2000, FORGE_NOW + 3000, 0});
    sw_bytes json = bend_encode(&b);
    assert_int_equal(bend_judge(&b, json, &claims, NULL), SW_OK);
    assert_int_equal(claims.valid_from_ms, FORGE_NOW - 2000);
    assert_int_equal(claims.valid_until_ms, FORGE_NOW + 3000);
    b.at_ms = FORGE_NOW + 2999;
    assert_int_equal(bend_judge(&b, json, &claims, NULL), SW_OK);
    b.at_ms = FORGE_NOW + 3000;
    expect(&b, "evidence", "no longer valid");
    b.at_ms = FORGE_NOW - 2001;
    expect(&b, "evidence", "not valid yet");
    b.at_ms = 0;
    expect(&b, "evidence", "not valid yet");
    b.at_ms = INT64_MAX;
    expect(&b, "evidence", "no longer valid");
    bend_end(&b);
}

int main(void) {
    forge_open(&house);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_refused),     cmocka_unit_test(test_unsigned),
        cmocka_unit_test(test_misc_select), cmocka_unit_test(test_qe_debug),
        cmocka_unit_test(test_convergence), cmocka_unit_test(test_levels),
        cmocka_unit_test(test_level_lists), cmocka_unit_test(test_advisories),
        cmocka_unit_test(test_relaxed),     cmocka_unit_test(test_window),
    };
    int failed = cmocka_run_group_tests_name("collateral", tests, NULL, NULL);
    forge_close(&house);
    return failed;
}
