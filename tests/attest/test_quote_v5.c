/* SPDX-License-Identifier: Apache-2.0
 *
 * Quotes of version 5: the body's type and size, what TD report 1.5 adds, and its second judgement
 * by TEE_TCB_SVN2. The forge makes them from the software machine's own evidence.
 */
#include "attest/forge.h"

static forge house;

static void expect(bend *b, const char *word, const char *sentence) {
    sw_claims claims;
    sw_error err = {0};
    sw_status status = bend_judge(b, bend_encode(b), &claims, &err);
    if (status == SW_OK) fail_msg("accepted: %s", sentence);
    if (strstr(err.message, sentence) == NULL)
        fail_msg("\"%s\" is not in \"%s\"", sentence, err.message);
    assert_string_equal(err.word, word);
}

static void expect_ok(bend *b, sw_claims *claims) {
    sw_error err = {0};
    if (bend_judge(b, bend_encode(b), claims, &err) != SW_OK) fail_msg("%s", err.message);
}

static void v5_start(bend *b, unsigned type) {
    bend_start(b, &house);
    make_v5(b, type);
}

/* ---- what is true is accepted, and says the same as version 4 ---- */
static void test_both_bodies(void **state) {
    (void)state;
    for (unsigned type = 2; type <= 3; type++) {
        bend b;
        sw_claims c;
        v5_start(&b, type);
        b.quote_size += 70; /* zeros behind */
        expect_ok(&b, &c);
        assert_memory_equal(c.report_data.b, house.report.b, 64);
        assert_memory_equal(c.mrtd, house.policy.images[0].mrtd, 48);
        assert_memory_equal(c.rtmr[3], house.good.quote.data + AT_RTMR3, 48);
        assert_string_equal(c.tcb_status, "UpToDate");
        assert_int_equal(c.trailing_bytes, 70);
        bend_end(&b);
    }
}

/* ---- layout ---- */
static void test_body_types(void **state) {
    (void)state;
    static const struct {
        unsigned type, says, size;
        const char *sentence;
    } table[] = {
        {2, 1, 384, "body is an SGX report"},
        {3, 1, 648, "body is an SGX report"},
        {3, 4, 885, "body is of type 4 (TD 1.5 extended)"},
        {3, 4, 648, "body is of type 4 (TD 1.5 extended)"},
        {2, 0, 584, "body is of type 0, which is not known"},
        {3, 5, 648, "body is of type 5, which is not known"},
        {2, 0x102, 584, "body is of type 258, which is not known"},
        {2, 2, 648, "type 2 claims 648 bytes, not 584"},
        {2, 2, 583, "type 2 claims 583 bytes, not 584"},
        {3, 3, 584, "type 3 claims 584 bytes, not 648"},
        {3, 3, 0xffffffff, "type 3 claims 4294967295 bytes, not 648"},
        {3, 3, 0, "type 3 claims 0 bytes, not 648"},
        {2, 3, 648, " data"}, /* the other kind's head: the lengths behind no longer fit */
        {3, 2, 584, "ends inside its signature data"},
    };
    for (size_t i = 0; i < COUNT(table); i++) {
        bend b;
        v5_start(&b, table[i].type);
        put_le(b.quote + V5_BODY_TYPE, table[i].says, 2);
        put_le(b.quote + V5_BODY_SIZE, table[i].size, 4);
        sign_quote(&b);
        expect(&b, "evidence", table[i].sentence);
        bend_end(&b);
    }
}

/* Body type and size are signed: no byte of the first 702 can change. */
static void test_signed_part(void **state) {
    (void)state;
    bend b;
    v5_start(&b, 3);
    for (size_t at = 28; at < V5_FRONT_15; at += at == 47 ? 7 : 1) { /* user data, body */
        b.quote[at] ^= 0x10;
        expect(&b, "evidence", at < 54 + 120 ? "" : "quote's signature does not hold");
        b.quote[at] ^= 0x10;
    }
    sw_claims claims;
    expect_ok(&b, &claims);
    bend_end(&b);
    v5_start(&b, 3); /* signed without the body's type and size */
    uint8_t front[V5_FRONT_15 - V5_LEAD];
    memcpy(front, b.quote, AT_BODY);
    memcpy(front + AT_BODY, b.quote + AT_BODY + V5_LEAD, 648);
    assert_int_equal(sw_p256_sign_raw(house.attestation_key, SW_BYTES_OF(front),
                                      behind_body(&b, AT_SIGNATURE), NULL),
                     SW_OK);
    expect(&b, "evidence", "quote's signature does not hold");
    bend_end(&b);
}

static void test_cuts(void **state) {
    (void)state;
    static const struct {
        size_t from, until;
        const char *sentence;
    } table[] = {
        {1, 48, "ends inside its header"},
        {48, 54, "ends inside its body's type and size"},
        {54, V5_FRONT_15, "ends inside its TD report"},
        {V5_FRONT_15, 4000, "ends inside its signature data"},
    };
    bend b;
    v5_start(&b, 3);
    size_t whole = b.quote_size;
    for (size_t i = 0; i < COUNT(table); i++)
        for (size_t size = table[i].from; size < table[i].until && size < whole;
             size += size < 60 ? 1 : 13) {
            b.quote_size = size;
            expect(&b, "evidence", table[i].sentence);
        }
    bend_end(&b);
}

static void test_service_td(void **state) {
    (void)state;
    for (size_t i = 0; i < 48; i += 47) {
        bend b;
        v5_start(&b, 3);
        in_body(&b, AT_MR_SERVICE_TD)[i] = 1;
        expect(&b, "evidence", "quote's signature does not hold");
        sign_quote(&b);
        expect(&b, "evidence", "bound to a service TD (MRSERVICETD)");
        bend_end(&b);
    }
}

/* ---- report data, for whoever made the quote ---- */
static void test_report_data(void **state) {
    (void)state;
    static const size_t ends[] = {632, 638, 702}; /* of v4, body type 2, body type 3 */
    for (unsigned type = 1; type <= 3; type++) {
        bend b;
        sw_bytes view = {0};
        bend_start(&b, &house);
        if (type > 1) make_v5(&b, type);
        assert_int_equal(sw_quote_report_data(SW_BYTES(b.quote, b.quote_size), &view, NULL), SW_OK);
        assert_true(sw_bytes_equal(view, SW_BYTES_OF(house.report.b)));
        assert_ptr_equal(view.data, in_body(&b, AT_REPORT_DATA));
        size_t end = ends[type - 1];
        assert_int_equal(sw_quote_report_data(SW_BYTES(b.quote, end), &view, NULL), SW_OK);
        view = (sw_bytes){0};
        assert_int_equal(sw_quote_report_data(SW_BYTES(b.quote, end - 1), &view, NULL),
                         SW_MALFORMED);
        assert_null(view.data);
        bend_end(&b);
    }
}

/* ---- the second judgement ---- */
#define UP        "\"tcbStatus\":\"UpToDate\""
#define STATUS(s) "\"tcbStatus\":\"" s "\""

/* Platform levels of the forge's TCB info ask for TEE_TCB_SVN bytes 2.. only; the first (highest)
 * asks for 3 in byte 2, the second for 0: a byte 2 below 3 stands on the second. */
static void set_status(bend *b, size_t level, const char *status) {
    char text[80];
    const char *was = level == 0 ? UP : STATUS("OutOfDate");
    (void)snprintf(text, sizeof text, STATUS("%s"), status);
    edit_tcb_info(b, was, text, 0);
}

static void expect_status(bend *b, const char *status) {
    sw_claims claims;
    sw_error err = {0};
    if (sw_evidence_verify(bend_encode(b), &b->policy, b->at_ms, NULL, &claims, &err) != SW_OK)
        fail_msg("%s: %s", status, err.message);
    assert_string_equal(claims.tcb_status, status);
}

/* Launch on the lower level, now on the higher one, or the other way round. */
static void test_two_statuses(void **state) {
    (void)state;
    static const char *const statuses[] = {"UpToDate",
                                           "SWHardeningNeeded",
                                           "ConfigurationNeeded",
                                           "ConfigurationAndSWHardeningNeeded",
                                           "OutOfDate",
                                           "OutOfDateConfigurationNeeded",
                                           "Revoked"};
#define RELAUNCH "TDRelaunchAdvised"
    static const char *const table[7][7] = {
        /* [launch][now] */
        {"UpToDate", "SWHardeningNeeded", "ConfigurationNeeded",
         "ConfigurationAndSWHardeningNeeded", "OutOfDate", "OutOfDateConfigurationNeeded",
         "Revoked"},
        {"SWHardeningNeeded", "SWHardeningNeeded", "ConfigurationAndSWHardeningNeeded",
         "ConfigurationAndSWHardeningNeeded", "OutOfDate", "OutOfDateConfigurationNeeded",
         "Revoked"},
        {"ConfigurationNeeded", "ConfigurationAndSWHardeningNeeded", "ConfigurationNeeded",
         "ConfigurationAndSWHardeningNeeded", "OutOfDateConfigurationNeeded",
         "OutOfDateConfigurationNeeded", "Revoked"},
        {"ConfigurationAndSWHardeningNeeded", "ConfigurationAndSWHardeningNeeded",
         "ConfigurationAndSWHardeningNeeded", "ConfigurationAndSWHardeningNeeded",
         "OutOfDateConfigurationNeeded", "OutOfDateConfigurationNeeded", "Revoked"},
        {RELAUNCH, RELAUNCH, RELAUNCH "ConfigurationNeeded", RELAUNCH "ConfigurationNeeded",
         "OutOfDate", "OutOfDateConfigurationNeeded", "Revoked"},
        {RELAUNCH "ConfigurationNeeded", RELAUNCH "ConfigurationNeeded",
         RELAUNCH "ConfigurationNeeded", RELAUNCH "ConfigurationNeeded",
         "OutOfDateConfigurationNeeded", "OutOfDateConfigurationNeeded", "Revoked"},
        {"Revoked", "Revoked", "Revoked", "Revoked", "Revoked", "Revoked", "Revoked"},
    };
    for (size_t launch = 0; launch < 7; launch++)
        for (size_t now = 0; now < 7; now++)
            for (int high_first = 0; high_first < 2; high_first++) {
                bend b;
                v5_start(&b, 3);
                /* the level that is edited first must not be met by the second edit */
                set_status(&b, 1, statuses[high_first ? now : launch]);
                set_status(&b, 0, statuses[high_first ? launch : now]);
                in_body(&b, high_first ? AT_TEE_TCB_SVN2 : AT_TEE_TCB_SVN)[2] = 0;
                sign_quote(&b);
                expect_status(&b, table[launch][now]);
                bend_end(&b);
            }
}

static void test_no_policy_accepts_relaunch(void **state) {
    (void)state;
    bend b;
    v5_start(&b, 3);
    b.policy.up_to_date_only = false;
    in_body(&b, AT_TEE_TCB_SVN)[2] = 0;
    sign_quote(&b);
    expect(&b, "policy", "TCB status is TDRelaunchAdvised,");
    bend_end(&b);
}

/* The module's level and the QE's. */
static void test_second_module(void **state) {
    (void)state;
    static const char low[] = "\"tcbLevels\":[{\"tcb\":{\"isvsvn\":2},\"tcbDate\":"
                              "\"2020-01-01T00:00:00Z\",\"tcbStatus\":\"OutOfDate\","
                              "\"advisoryIDs\":[\"SA-OLD\"]},{\"tcb\":{\"isvsvn\":5}";
    static const char high[] = "\"tcbLevels\":[{\"tcb\":{\"isvsvn\":5}";
    static const char other[] =
        "\"tdxModuleIdentities\":[{\"attributes\":\"0000000000000000\",\"id\":\"TDX_03\","
        "\"mrsigner\":\"000000000000000000000000000000000000000000000000"
        "000000000000000000000000000000000000000000000000\",\"tcbLevels\":[{\"tcb\":{"
        "\"isvsvn\":0},\"tcbDate\":\"2026-01-01T00:00:00Z\",\"tcbStatus\":\"UpToDate\"}]},";
    bend b;
    sw_claims claims;
    v5_start(&b, 3);
    edit_tcb_info(&b, high, low, 0);
    in_body(&b, AT_TEE_TCB_SVN)[0] = 2;
    sign_quote(&b);
    expect_status(&b, "TDRelaunchAdvised");
    assert_int_equal(sw_evidence_verify(bend_encode(&b), &b.policy, b.at_ms, NULL, &claims, NULL),
                     SW_OK);
    assert_string_equal(claims.advisories, "SA-OLD");
    assert_int_equal(claims.tcb_date_ms, INT64_C(1577836800000));
    edit_qe_identity(&b, UP, STATUS("OutOfDate"), 0); /* a relaunch does not cure the QE */
    expect_status(&b, "OutOfDate");
    in_body(&b, AT_TEE_TCB_SVN2)[0] = 1; /* now below every level */
    sign_quote(&b);
    expect(&b, "evidence", "by TEE_TCB_SVN2: the TDX module's version is not supported");
    bend_end(&b);
    v5_start(&b, 3); /* now on a module of another line */
    in_body(&b, AT_TEE_TCB_SVN2)[1] = 3;
    sign_quote(&b);
    expect(&b, "evidence", "by TEE_TCB_SVN2: the TCB info does not know");
    edit_tcb_info(&b, "\"tdxModuleIdentities\":[", other, 0);
    expect_ok(&b, &claims);
    bend_end(&b);
}

static void test_second_not_supported(void **state) {
    (void)state;
    bend b;
    v5_start(&b, 3);
    edit_tcb_info(&b, "\"tcbStatus\":\"OutOfDate\"", "\"tcbStatus\":\"Revoked\"", 0);
    in_body(&b, AT_TEE_TCB_SVN2)[2] = 2;
    sign_quote(&b);
    expect(&b, "policy", "TCB status is Revoked");
    bend_end(&b);
    v5_start(&b, 2); /* a TD report 1.0 in version 5 is judged once */
    expect_status(&b, "UpToDate");
    bend_end(&b);
}

/* ---- for people ---- */
static void test_explained(void **state) {
    (void)state;
    for (unsigned type = 2; type <= 3; type++) {
        bend b;
        SW_SCOPED(sw_buffer) text = SW_BUFFER(SW_EVIDENCE_LIMIT);
        v5_start(&b, type);
        if (type == 3) in_body(&b, AT_TEE_TCB_SVN2)[0] = 0x2a;
        sw_bytes json = bend_encode(&b);
        assert_int_equal(sw_evidence_explain(json, &text, NULL), SW_OK);
        sw_put_u8(&text, 0);
        const char *said = (const char *)text.data;
        assert_non_null(strstr(said, type == 2 ? "of version 5 with a TD report 1.0"
                                               : "of version 5 with a TD report 1.5"));
        assert_int_equal(strstr(said, "TEE_TCB_SVN2             2a01") != NULL, type == 3);
        assert_int_equal(strstr(said, "MRSERVICETD              00") != NULL, type == 3);
        bend_end(&b);
    }
}

/* ---- seeds for the fuzz targets ---- */
static void write_file(const char *folder, const char *name, sw_bytes content) {
    char path[512];
    (void)snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(content.data, 1, content.size, file), content.size);
    assert_int_equal(fclose(file), 0);
}

static int write_seeds(const char *quotes, const char *evidence) {
    for (unsigned type = 2; type <= 3; type++) {
        bend b;
        char name[32];
        v5_start(&b, type);
        (void)snprintf(name, sizeof name, "good_v5_type%u", type);
        write_file(quotes, name, SW_BYTES(b.quote, b.quote_size));
        if (type == 3) write_file(evidence, "good_v5", bend_encode(&b));
        bend_end(&b);
    }
    return 0;
}

/* Without arguments the tests; `--write QUOTES EVIDENCE` writes seeds into these folders. */
int main(int argc, char **argv) {
    forge_open(&house);
    if (argc == 4 && strcmp(argv[1], "--write") == 0) {
        int status = write_seeds(argv[2], argv[3]);
        forge_close(&house);
        return status;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_both_bodies),   cmocka_unit_test(test_body_types),
        cmocka_unit_test(test_signed_part),   cmocka_unit_test(test_cuts),
        cmocka_unit_test(test_service_td),    cmocka_unit_test(test_report_data),
        cmocka_unit_test(test_two_statuses),  cmocka_unit_test(test_no_policy_accepts_relaunch),
        cmocka_unit_test(test_second_module), cmocka_unit_test(test_second_not_supported),
        cmocka_unit_test(test_explained),
    };
    int failed = cmocka_run_group_tests_name("quote_v5", tests, NULL, NULL);
    forge_close(&house);
    return failed;
}
