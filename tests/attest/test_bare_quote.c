/* SPDX-License-Identifier: Apache-2.0
 *
 * A bare quote, judged without an evidence object: its claims, its refusals, the kinds of platform
 * that the software machine is not, and flips and cuts of all that goes in.
 */
#include "attest/forge.h"
#include "attest/quote.h"
#include "codec/der.h"

static forge house;

static sw_status bare(const bend *b, sw_quote_claims *out, sw_error *err) {
    return sw_quote_verify(SW_BYTES(b->quote, b->quote_size), &b->e.collateral, &b->policy,
                           b->at_ms, b->verifier, out, err);
}

static void test_bare_quote(void **state) {
    (void)state;
    bend b;
    sw_quote_claims c;
    sw_hash device;
    bend_start(&b, &house);
    make_v5(&b, 3);
    in_body(&b, AT_TEE_TCB_SVN)[2] = 0; /* launched on the lower level */
    sign_quote(&b);
    b.quote_size += 9;
    b.quote[b.quote_size - 9] = 'x'; /* nobody signed it, and a bare quote is whatever was kept */
    assert_int_equal(bare(&b, &c, NULL), SW_OK);
    assert_int_equal(c.trailing_bytes, 9);
    assert_false(c.trailing_zeros);
    b.quote[b.quote_size - 9] = 0;
    assert_int_equal(bare(&b, &c, NULL), SW_OK);
    assert_true(c.trailing_zeros);
    assert_int_equal(c.version, 5);
    assert_int_equal(c.td.kind, SW_TD15);
    assert_memory_equal(c.td.report_data, house.report.b, 64);
    assert_memory_equal(c.td.rtmr[3], in_body(&b, AT_RTMR3), 48);
    assert_int_equal(c.trailing_bytes, 9);
    assert_true(sw_hash_equal(&c.anchor, &house.policy.anchors[0]));
    assert_true(sw_hash_equal(&c.device, &house.policy.devices[0]));
    sw_sha256(&device, SW_BYTES_OF(c.ppid));
    assert_true(sw_hash_equal(&c.device, &device));
    assert_true(c.platform_ca && c.pce_svn == 11 && c.sgx_svn[7] == 255);
    assert_int_equal(c.qe_isv_prod_id, 2);
    assert_int_equal(c.qe_isv_svn, 6);
    assert_string_equal(c.tcb_status, "TDRelaunchAdvised");
    assert_string_equal(c.platform_status, "OutOfDate");
    assert_string_equal(c.module_status, "UpToDate");
    assert_string_equal(c.now_platform, "UpToDate");
    assert_string_equal(c.now_module, "UpToDate");
    assert_string_equal(c.qe_status, "UpToDate");
    assert_true(c.valid_from_ms <= FORGE_NOW && c.valid_until_ms > FORGE_NOW);
    assert_int_equal(sw_td_attributes_check(&c.td, false, NULL, NULL), SW_OK);
    c.td.td_attributes &= ~(UINT64_C(1) << 28); /* SEPT_VE_DISABLE: a machine policy's matter */
    sw_error err = {0};
    assert_int_equal(sw_td_attributes_check(&c.td, true, NULL, NULL), SW_OK);
    assert_int_equal(sw_td_attributes_check(&c.td, false, NULL, &err), SW_REFUSED);
    assert_non_null(strstr(err.message, "without SEPT_VE_DISABLE"));
    bend_end(&b);
}

/* Only the anchors of a policy count, the attributes are another call, and what fails leaves the
 * claims alone and says "evidence". */
static void test_bare_refusals(void **state) {
    (void)state;
    bend b;
    sw_quote_claims c, before;
    sw_error err = {0};
    bend_start(&b, &house);
    b.policy = (sw_policy){.anchor_count = 1, .anchors = {house.policy.anchors[0]}};
    b.quote[AT_TD_ATTRIBUTES] ^= 1;
    sign_quote(&b);
    assert_int_equal(bare(&b, &c, NULL), SW_OK);
    assert_int_equal(c.version, 4);
    assert_null(c.now_platform);
    assert_int_equal(sw_td_attributes_check(&c.td, true, NULL, &err), SW_REFUSED);
    assert_non_null(strstr(err.message, "DEBUG"));
    memset(&c, 0x5a, sizeof c);
    before = c;
    b.quote_size--;
    assert_int_equal(bare(&b, &c, &err), SW_MALFORMED);
    assert_string_equal(err.word, "evidence");
    assert_memory_equal(&c, &before, sizeof c);
    b.quote_size++;
    b.policy.anchor_count = 0;
    assert_int_equal(bare(&b, &c, &err), SW_REFUSED);
    assert_non_null(strstr(err.message, "does not name"));
    assert_memory_equal(&c, &before, sizeof c);
    bend_end(&b);
}

/* ---- platforms of other kinds ---- */
/* The forge's SGX extension without the two members that the platform CA alone writes. */
static sw_bytes processor_extension(sw_arena *a) {
    SW_SCOPED(sw_buffer) body = SW_BUFFER(FORGE_TEXT_MAX);
    SW_SCOPED(sw_buffer) der = SW_BUFFER(FORGE_TEXT_MAX);
    sw_bytes whole;
    assert_int_equal(sw_cert_extension(house.pck, "1.2.840.113741.1.13.1", &whole, NULL), SW_OK);
    sw_reader r = sw_reader_of(whole);
    sw_reader list = sw_der_enter(&r, SW_DER_SEQUENCE);
    for (int i = 0; i < 5; i++)
        sw_der_put(&body, SW_DER_SEQUENCE, sw_der_read(&list, SW_DER_SEQUENCE));
    sw_der_put(&der, SW_DER_SEQUENCE, sw_buffer_bytes(&body));
    return sw_arena_copy(a, sw_buffer_bytes(&der));
}

static void test_processor_ca(void **state) {
    (void)state;
    bend b;
    sw_quote_claims c;
    sw_error err = {0};
    bend_start(&b, &house);
    const sw_cert_plan of_ca = {.common_name = "Intel SGX PCK Processor CA", .ca = true};
    const sw_cert_plan of_leaf = {.extension_oid = "1.2.840.113741.1.13.1",
                                  .extension = processor_extension(&b.arena)};
    sw_cert *ca = reissue(&house, house.ca, of_ca, house.root, house.root_key);
    sw_cert *leaf = reissue(&house, house.pck, of_leaf, ca, house.ca_key);
    set_pck_chain(&b, leaf, ca, house.root);
    b.e.collateral.pck_crl = make_list(&b, ca, house.ca_key, (list_plan){0});
    if (bare(&b, &c, &err) != SW_OK) fail_msg("%s", err.message);
    assert_false(c.platform_ca);
    assert_true(sw_hash_equal(&c.device, &house.policy.devices[0]));
    b.e.collateral.pck_crl = house.good.collateral.pck_crl; /* the platform CA's */
    assert_int_equal(bare(&b, &c, &err), SW_REFUSED);
    assert_non_null(strstr(err.message, "not of the PCK certificate's issuer"));
    sw_cert *other = reissue(&house, house.pck, of_leaf, house.ca, house.ca_key);
    set_pck_chain(&b, other, house.ca, house.root); /* five members under the platform CA */
    assert_int_equal(bare(&b, &c, &err), SW_REFUSED);
    assert_non_null(strstr(err.message, "does not fit its issuer"));
    sw_cert_free(&ca);
    sw_cert_free(&leaf);
    sw_cert_free(&other);
    bend_end(&b);
}

/* TDX 1.0: no module level, and all sixteen versions count. */
static void test_line_0(void **state) {
    (void)state;
    static const char was[] = "\"tdxtcbcomponents\":[{\"svn\":5},{\"svn\":1}",
                      now[] = "\"tdxtcbcomponents\":[{\"svn\":5},{\"svn\":0}";
    bend b;
    sw_quote_claims c;
    sw_error err = {0};
    bend_start(&b, &house);
    make_v5(&b, 3);
    edit_tcb_info(&b, was, now, 0);
    in_body(&b, AT_TEE_TCB_SVN)[1] = 0;
    sign_quote(&b);
    if (bare(&b, &c, &err) != SW_OK) fail_msg("%s", err.message);
    assert_null(c.module_status);
    assert_string_equal(c.now_module, "UpToDate");
    in_body(&b, AT_TEE_TCB_SVN2)[1] = 0;
    sign_quote(&b);
    if (bare(&b, &c, &err) != SW_OK) fail_msg("%s", err.message);
    assert_null(c.now_module);
    assert_string_equal(c.now_platform, "UpToDate");
    in_body(&b, AT_TEE_TCB_SVN2)[0] = 4; /* byte 0 counts here */
    sign_quote(&b);
    assert_int_equal(bare(&b, &c, &err), SW_REFUSED);
    assert_non_null(strstr(err.message, "by TEE_TCB_SVN2: the platform's TCB is not supported"));
    bend_end(&b);
}

/* ---- flips and cuts ---- */
/* Every n-th bit; a verifier that knows the good one is no easier to fool. */
static void flip_each(bend *b, sw_bytes text, size_t step, const char *part) {
    sw_quote_claims c;
    uint8_t *bytes = (uint8_t *)(uintptr_t)text.data;
    for (size_t bit = 0; bit < 8 * text.size; bit += step) {
        bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
        if (bare(b, &c, NULL) == SW_OK) fail_msg("bit %zu of the %s went unseen", bit, part);
        bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
}

static void test_flips(void **state) {
    (void)state;
    for (int known = 0; known < 2; known++) {
        bend b;
        sw_quote_claims c;
        bend_start(&b, &house);
        make_v5(&b, 3);
        sw_collateral *k = &b.e.collateral;
        sw_bytes *const texts[] = {&k->tcb_info.text, &k->qe_identity.text, &k->pck_crl,
                                   &k->root_crl, &k->tcb_info.issuer_chain};
        for (size_t i = 0; i < COUNT(texts); i++) *texts[i] = sw_arena_copy(&b.arena, *texts[i]);
        if (known) assert_int_equal(sw_verifier_open(NULL, &b.verifier, NULL), SW_OK);
        assert_int_equal(bare(&b, &c, NULL), SW_OK);
        flip_each(&b, SW_BYTES(b.quote, b.quote_size), 61, "quote");
        for (size_t i = 0; i < COUNT(texts); i++) flip_each(&b, *texts[i], 61, "collateral");
        flip_each(&b, SW_BYTES_OF(k->tcb_info.signature), 7, "TCB info's signature");
        flip_each(&b, SW_BYTES_OF(k->qe_identity.signature), 7, "QE identity's signature");
        assert_int_equal(bare(&b, &c, NULL), SW_OK);
        sw_verifier_close(&b.verifier);
        bend_end(&b);
    }
}

static void test_cuts(void **state) {
    (void)state;
    for (unsigned type = 1; type <= 3; type++) {
        bend b;
        sw_quote_claims c;
        bend_start(&b, &house);
        if (type > 1) make_v5(&b, type);
        size_t whole = b.quote_size;
        for (b.quote_size = 0; b.quote_size < whole; b.quote_size++)
            assert_int_not_equal(bare(&b, &c, NULL), SW_OK);
        assert_int_equal(bare(&b, &c, NULL), SW_OK);
        bend_end(&b);
    }
}

int main(void) {
    forge_open(&house);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bare_quote),   cmocka_unit_test(test_bare_refusals),
        cmocka_unit_test(test_processor_ca), cmocka_unit_test(test_line_0),
        cmocka_unit_test(test_flips),        cmocka_unit_test(test_cuts),
    };
    int failed = cmocka_run_group_tests_name("bare_quote", tests, NULL, NULL);
    forge_close(&house);
    return failed;
}
