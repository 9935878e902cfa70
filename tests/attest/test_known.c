/* SPDX-License-Identifier: Apache-2.0
 *
 * What a verifier keeps between quotes (EVD-086): what was parsed before is judged as if it were
 * new, what did not hold is not kept, and one other byte is another part.
 */
#include "attest/forge.h"
#include "attest/tdx_internal.h"

static forge house;

static void accept(bend *b) {
    sw_claims claims;
    sw_error err = {0};
    if (bend_judge(b, bend_encode(b), &claims, &err) != SW_OK) fail_msg("%s", err.message);
}

static void refuse(bend *b, const char *sentence) {
    sw_claims claims;
    sw_error err = {0};
    if (bend_judge(b, bend_encode(b), &claims, &err) == SW_OK) fail_msg("accepted: %s", sentence);
    if (strstr(err.message, sentence) == NULL)
        fail_msg("\"%s\" is not in \"%s\"", sentence, err.message);
}

/* ---- what is kept ---- */
static bool keeps(const bend *b, sw_part_kind kind, sw_bytes text) {
    sw_part *found = sw_part_find(b->verifier, kind, text);
    bool there = found != NULL;
    sw_part_drop(&found);
    return there;
}

static sw_bytes chain_of(const bend *b) {
    return SW_BYTES(b->quote + AT_CHAIN, b->quote_size - AT_CHAIN);
}

/* How many of the parts of this evidence are kept. */
static size_t kept(const bend *b) {
    const sw_collateral *c = &b->e.collateral;
    return keeps(b, SW_PART_PCK_CHAIN, chain_of(b)) +
           keeps(b, SW_PART_ISSUER_CHAIN, c->tcb_info.issuer_chain) +
           keeps(b, SW_PART_LIST, c->pck_crl) + keeps(b, SW_PART_LIST, c->root_crl) +
           keeps(b, SW_PART_TCB_INFO, c->tcb_info.text) +
           keeps(b, SW_PART_QE_IDENTITY, c->qe_identity.text);
}
enum { PARTS = 6 };

/* A bend over a verifier that has seen the good evidence. */
static void start_known(bend *b) {
    bend_start(b, &house);
    assert_int_equal(sw_verifier_open(NULL, &b->verifier, NULL), SW_OK);
    assert_int_equal(kept(b), 0);
    accept(b);
    assert_int_equal(kept(b), PARTS);
}

static void end_known(bend *b) {
    sw_verifier_close(&b->verifier);
    bend_end(b);
}

static void test_kept_by_all_bytes(void **state) {
    (void)state;
    bend b;
    start_known(&b);
    for (size_t i = 0; i < 3; i++) accept(&b);
    const sw_collateral *c = &b.e.collateral;
    sw_bytes info = c->tcb_info.text;
    assert_false(keeps(&b, SW_PART_TCB_INFO, SW_BYTES(info.data, info.size - 1)));
    assert_false(keeps(&b, SW_PART_QE_IDENTITY, info)); /* of its own kind alone */
    assert_false(keeps(&b, SW_PART_PCK_CHAIN, c->tcb_info.issuer_chain));
    assert_false(keeps(&b, SW_PART_LIST, (sw_bytes){0}));
    sw_part *part = sw_part_find(b.verifier, SW_PART_PCK_CHAIN, chain_of(&b));
    const sw_cert *certs[] = {house.pck, house.ca, house.root};
    for (size_t i = 0; i < 3; i++)
        assert_true(sw_bytes_equal(sw_cert_der(part->certs[i]), sw_cert_der(certs[i])));
    end_known(&b); /* a hold of one's own outlives the verifier */
    assert_true(part->path_held && part->holds == 1);
    sw_part_drop(&part);
}

/* More lists and documents than there is room for: what was not used for longest makes room, what
 * is used stays, and nothing is judged otherwise. */
static void test_room(void **state) {
    (void)state;
    enum { OTHERS = 20 };
    bend b;
    start_known(&b);
    for (size_t i = 0; i < OTHERS; i++) {
        char issued[32];
        (void)snprintf(issued, sizeof issued, "\"issueDate\":\"2026-08-%02zu", i + 1);
        b.e.collateral = house.good.collateral;
        edit_tcb_info(&b, "\"issueDate\":\"2026-08-22", issued, 0);
        b.e.collateral.pck_crl = make_list(&b, house.ca, house.ca_key, (list_plan){0});
        accept(&b);
        assert_int_equal(kept(&b), PARTS);
    }
    b.e.collateral = house.good.collateral;
    assert_int_equal(kept(&b), PARTS - 2); /* TCB info and the PCK list */
    accept(&b);
    assert_int_equal(kept(&b), PARTS);
    end_known(&b);
}

static void test_revoked_since(void **state) {
    (void)state;
    static const struct {
        bool of_root;
        uint64_t serial;
    } cases[] = {{false, 3}, {true, 2}, {true, 4}}; /* PCK certificate, its CA, the signer */
    for (size_t i = 0; i < COUNT(cases); i++) {
        bend b;
        start_known(&b);
        const list_plan plan = {.revoked = cases[i].serial};
        if (cases[i].of_root)
            b.e.collateral.root_crl = make_list(&b, house.root, house.root_key, plan);
        else
            b.e.collateral.pck_crl = make_list(&b, house.ca, house.ca_key, plan);
        refuse(&b, "revoked");
        end_known(&b);
    }
}

/* Lists that are known, from this machine or beside them, and a chain that is known: what held
 * under some of them is asked anew under others. */
static void test_known_under_other_lists(void **state) {
    (void)state;
    bend b;
    start_known(&b);
    sw_bytes pck[3] = {b.e.collateral.pck_crl}, root[3] = {b.e.collateral.root_crl};
    for (size_t i = 1; i < 3; i++) {
        const list_plan plan = {.revoked = 1000 + i}; /* somebody else's */
        b.e.collateral.pck_crl = pck[i] = make_list(&b, house.ca, house.ca_key, plan);
        b.e.collateral.root_crl = root[i] = make_list(&b, house.root, house.root_key, plan);
        accept(&b);
    }
    for (size_t i = 0; i < 9; i++) {
        b.e.collateral.pck_crl = pck[i % 3];
        b.e.collateral.root_crl = root[i / 3];
        accept(&b);
        b.e.collateral.pck_crl = make_list(&b, house.ca, house.ca_key, (list_plan){.revoked = 3});
        refuse(&b, "revoked");
        b.e.collateral.pck_crl = pck[i % 3];
        b.e.collateral.root_crl =
            make_list(&b, house.root, house.root_key, (list_plan){.revoked = 2 + 2 * (i % 2)});
        refuse(&b, "revoked");
        b.e.collateral.root_crl = pck[i % 3]; /* a known list in another one's place */
        refuse(&b, "not of this root");
        b.e.collateral.root_crl = root[i / 3];
        b.e.collateral.pck_crl = root[i / 3];
        refuse(&b, "not of the PCK certificate's issuer");
    }
    end_known(&b);
}

/* Each certificate is kept while it is valid, and refused when it has ended or not begun. */
static void test_ended_since(void **state) {
    (void)state;
    static const char *const names[] = {"PCK certificate", "PCK CA's certificate",
                                        "TCB signing certificate"};
    const sw_cert_plan ends = {.not_before_ms = FORGE_NOW - FORGE_DAY,
                               .not_after_ms = FORGE_NOW + FORGE_DAY};
    sw_cert_plan ca_ends = ends;
    ca_ends.ca = true;
    sw_cert *made[] = {reissue(&house, house.pck, ends, house.ca, house.ca_key),
                       reissue(&house, house.ca, ca_ends, house.root, house.root_key),
                       reissue(&house, house.tcb, ends, house.root, house.root_key)};
    for (size_t i = 0; i < COUNT(made); i++) {
        bend b;
        char sentence[96];
        start_known(&b);
        set_pck_chain(&b, i == 0 ? made[0] : house.pck, i == 1 ? made[1] : house.ca, house.root);
        const sw_cert *signer[2] = {i == 2 ? made[2] : house.tcb, house.root};
        b.e.collateral.tcb_info.issuer_chain = chain_text(&b, signer, 2);
        b.e.collateral.qe_identity.issuer_chain = b.e.collateral.tcb_info.issuer_chain;
        accept(&b);
        assert_int_equal(kept(&b), PARTS);
        b.at_ms = FORGE_NOW + FORGE_DAY;
        (void)snprintf(sentence, sizeof sentence, "the %s is no longer valid", names[i]);
        refuse(&b, sentence);
        b.at_ms = FORGE_NOW - FORGE_DAY - 1;
        (void)snprintf(sentence, sizeof sentence, "the %s is not valid yet", names[i]);
        refuse(&b, sentence);
        b.at_ms = FORGE_NOW;
        accept(&b);
        end_known(&b);
    }
    for (size_t i = 0; i < COUNT(made); i++) sw_cert_free(&made[i]);
}

static void test_judged_anew(void **state) {
    (void)state;
    bend b;
    start_known(&b);
    b.e.collateral.pck_crl =
        make_list(&b, house.ca, house.ca_key, (list_plan){.until_ms = FORGE_NOW});
    refuse(&b, "PCK revocation list is no longer valid");
    sw_bytes list = sw_arena_copy(&b.arena, house.good.collateral.pck_crl);
    ((uint8_t *)list.data)[list.size - 1] ^= 1;
    b.e.collateral.pck_crl = list;
    refuse(&b, "CRL signature");
    b.e.collateral = house.good.collateral;
    b.policy.anchors[0].b[0] ^= 1;
    refuse(&b, "root that the machine policy does not name");
    b.policy = house.policy;
    b.policy.devices[0].b[0] ^= 1;
    refuse(&b, "device is not among those");
    b.policy = house.policy;
    b.expected.b[0] ^= 1;
    refuse(&b, "not those of this exchange");
    b.expected = house.report;
    b.quote[AT_SIGNATURE] ^= 1;
    refuse(&b, "quote's signature does not hold");
    b.quote[AT_SIGNATURE] ^= 1;
    b.quote[AT_QE_SIGNATURE] ^= 1;
    refuse(&b, "not signed by the PCK key");
    b.quote[AT_QE_SIGNATURE] ^= 1;
    set_pck_chain(&b, house.ca, house.pck, house.root); /* known ones in other places */
    refuse(&b, "not named");
    set_pck_chain(&b, house.pck, house.ca, house.root);
    accept(&b);
    assert_int_equal(kept(&b), PARTS);
    end_known(&b);
}

/* That a signature held is known for one text, one key and one signature. */
static void test_signatures_are_known_by_key(void **state) {
    (void)state;
    bend b;
    start_known(&b);
    sw_collateral *c = &b.e.collateral;
    c->tcb_info.signature[63] ^= 1;
    refuse(&b, "TCB info's signature does not hold");
    memcpy(c->tcb_info.signature, c->qe_identity.signature, 64);
    refuse(&b, "TCB info's signature does not hold");
    sign_json(&b, &c->tcb_info); /* another one that holds: ECDSA has many */
    accept(&b);
    const sw_cert_plan plan = {.common_name = "Intel SGX TCB Signing",
                               .extension_oid = "1.2.3.4",
                               .extension = SW_LITERAL("x")};
    sw_cert *other = reissue(&house, house.pck, plan, house.root, house.root_key);
    const sw_cert *chain[2] = {other, house.root};
    *c = house.good.collateral;
    c->qe_identity.issuer_chain = chain_text(&b, chain, 2);
    refuse(&b, "QE identity's signature does not hold");
    c->tcb_info.issuer_chain = c->qe_identity.issuer_chain;
    refuse(&b, "TCB info's signature does not hold");
    sw_cert_free(&other);
    end_known(&b);
}

/* The chain in the quote, a bit in every few bytes: never the certificate that is known. */
static void test_every_flip_is_refused(void **state) {
    (void)state;
    bend b;
    sw_claims claims;
    start_known(&b);
    for (size_t at = AT_CHAIN; at < b.quote_size; at += 5) {
        uint8_t bit = (uint8_t)(1 << at % 7);
        b.quote[at] ^= bit;
        if (bend_judge(&b, bend_encode(&b), &claims, NULL) == SW_OK)
            fail_msg("the flip at %zu is accepted", at);
        b.quote[at] ^= bit;
    }
    assert_int_equal(kept(&b), PARTS);
    end_known(&b);
}

/* Whoever has proven nothing puts nothing in. */
static void test_what_does_not_hold_is_not_kept(void **state) {
    (void)state;
    bend b;
    bend_start(&b, &house);
    assert_int_equal(sw_verifier_open(NULL, &b.verifier, NULL), SW_OK);
    b.quote[AT_SIGNATURE] ^= 1;
    refuse(&b, "quote's signature does not hold");
    b.quote[AT_SIGNATURE] ^= 1;
    b.at_ms = 0;
    refuse(&b, "not valid yet");
    b.at_ms = FORGE_NOW;
    b.policy.anchors[0].b[0] ^= 1;
    refuse(&b, "root that the machine policy does not name");
    b.policy = house.policy;
    b.e.collateral.pck_crl = make_list(&b, house.ca, house.ca_key, (list_plan){.revoked = 3});
    refuse(&b, "revoked");
    b.e.collateral = house.good.collateral;
    assert_int_equal(kept(&b), 0);
    accept(&b);
    assert_int_equal(kept(&b), PARTS);
    end_known(&b);
}

static int open_house(void **state) {
    (void)state;
    forge_open(&house);
    return 0;
}

static int close_house(void **state) {
    (void)state;
    forge_close(&house);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_kept_by_all_bytes),
        cmocka_unit_test(test_room),
        cmocka_unit_test(test_revoked_since),
        cmocka_unit_test(test_known_under_other_lists),
        cmocka_unit_test(test_ended_since),
        cmocka_unit_test(test_judged_anew),
        cmocka_unit_test(test_signatures_are_known_by_key),
        cmocka_unit_test(test_every_flip_is_refused),
        cmocka_unit_test(test_what_does_not_hold_is_not_kept),
    };
    return cmocka_run_group_tests_name("known", tests, open_house, close_house);
}
