/* SPDX-License-Identifier: Apache-2.0
 *
 * Attacks on quote, chains and collateral of a software machine: each is bent in one place, signed
 * again where a forger with that key could, and must meet its own refusal.
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

/* ---- what is true is accepted ---- */
static void test_good(void **state) {
    (void)state;
    bend b;
    sw_claims c;
    bend_start(&b, &house);
    expect_ok(&b, &c);
    assert_int_equal(c.platform, SW_PLATFORM_SIM);
    assert_true(sw_hash_equal(&c.anchor, &house.policy.anchors[0]));
    assert_true(sw_hash_equal(&c.device, &house.policy.devices[0]));
    assert_true(sw_hash_equal(&c.compose, &house.compose));
    assert_memory_equal(c.app_id, house.app_id, 20);
    assert_memory_equal(c.report_data.b, house.report.b, 64);
    assert_memory_equal(c.mrtd, house.policy.images[0].mrtd, 48);
    assert_string_equal(c.tcb_status, "UpToDate");
    assert_string_equal(c.image, "sim");
    assert_string_equal(c.advisories, "");
    assert_int_equal(c.tcb_evaluation_number, 1);
    assert_int_equal(c.qe_evaluation_number, 1);
    assert_int_equal(c.trailing_bytes, 0);
    assert_true(c.valid_from_ms <= FORGE_NOW && c.valid_until_ms > FORGE_NOW + 3000 * FORGE_DAY);
    bend_end(&b);
}

/* Harmless forms: zeros behind the quote, a NUL behind the chain. */
static void test_tolerated(void **state) {
    (void)state;
    bend b;
    sw_claims c;
    bend_start(&b, &house);
    b.quote_size += 70;
    expect_ok(&b, &c);
    assert_int_equal(c.trailing_bytes, 70);
    b.quote[b.quote_size - 1] = 1;
    expect(&b, "evidence", "other than zeros");
    bend_end(&b);
    bend_start(&b, &house);
    set_lengths(&b, b.quote_size - AT_CHAIN + 1);
    expect_ok(&b, &c);
    set_lengths(&b, b.quote_size - AT_CHAIN + 1);
    expect(&b, "evidence", "PCK chain");
    bend_end(&b);
}

/* ---- bytes of the quote ---- */
typedef struct patch {
    size_t at, size;
    uint32_t xor ; /* into the little-endian value there */
    enum { UNSIGNED, QUOTE_SIGNED, QE_SIGNED } signing;
    const char *sentence;
} patch;

static const patch PATCHES[] = {
    {0, 2, 4 ^ 3, UNSIGNED, "version 3, neither 4 nor 5"},
    {0, 2, 4 ^ 6, QUOTE_SIGNED, "version 6, neither 4 nor 5"},
    {0, 2, 4 ^ 5, QUOTE_SIGNED, "body is of type"}, /* there is no descriptor: MRSEAM's bytes */
    {2, 2, 2 ^ 3, QUOTE_SIGNED, "type 3, not ECDSA P-256"},
    {4, 4, 0x81, QUOTE_SIGNED, "TEE type 0x0, not TDX"},
    {8, 2, 1, QUOTE_SIGNED, "reserved header words"},
    {10, 2, 0x100, QUOTE_SIGNED, "reserved header words"},
    {12, 1, 1, QUOTE_SIGNED, "vendor is not Intel"},
    {28, 1, 1, UNSIGNED, "quote's signature does not hold"},
    {AT_REPORT_DATA, 1, 1, UNSIGNED, "quote's signature does not hold"},
    {AT_MRTD, 1, 1, UNSIGNED, "quote's signature does not hold"},
    {AT_TD_ATTRIBUTES, 1, 1, UNSIGNED, "quote's signature does not hold"},
    {AT_RTMR3, 1, 1, UNSIGNED, "quote's signature does not hold"},
    {AT_TEE_TCB_SVN, 1, 1, UNSIGNED, "quote's signature does not hold"},
    {AT_MR_SEAM, 1, 1, UNSIGNED, "quote's signature does not hold"},
    {AT_SIGNATURE, 1, 1, UNSIGNED, "quote's signature does not hold"},
    {AT_SIGNATURE + 63, 1, 0x80, UNSIGNED, "quote's signature does not hold"},
    {AT_ATTESTATION_KEY, 1, 1, UNSIGNED, "not the one that the quoting enclave reports"},
    {AT_ATTESTATION_KEY + 63, 1, 1, UNSIGNED, "not the one that the quoting enclave reports"},
    {AT_AUTH, 1, 1, UNSIGNED, "not the one that the quoting enclave reports"},
    {AT_QE_REPORT, 1, 1, UNSIGNED, "not signed by the PCK key"},
    {AT_QE_REPORT + 383, 1, 1, UNSIGNED, "not signed by the PCK key"},
    {AT_QE_SIGNATURE, 1, 1, UNSIGNED, "not signed by the PCK key"},
    {AT_OUTER_TYPE, 2, 6 ^ 5, UNSIGNED, "outer certification data are of type 5"},
    {AT_OUTER_SIZE, 4, 1, UNSIGNED, "certification data is not what is there"},
    {AT_AUTH_SIZE, 2, 32 ^ 0xffff, UNSIGNED, "certification data are cut short"},
    {AT_INNER_TYPE, 2, 5 ^ 7, UNSIGNED, "inner certification data are of type 7"},
    {AT_INNER_SIZE, 4, 1, UNSIGNED, "PCK chain is not what is there"},
    {AT_SIGNATURE_SIZE, 4, 0xffff0000, UNSIGNED, "ends inside its signature data"},
    {AT_SIGNATURE_SIZE, 4, 1, UNSIGNED, " data"},
    /* the quoting enclave, signed by its PCK key */
    {AT_QE_REPORT + 16, 4, 1, QE_SIGNED, "MISCSELECT"},
    {AT_QE_REPORT + 48, 1, 2, QE_SIGNED, "quoting enclave's attributes"},
    {AT_QE_REPORT + 128, 1, 1, QE_SIGNED, "signer (MRSIGNER)"},
    {AT_QE_REPORT + 256, 2, 3, QE_SIGNED, "product id"},
    {AT_QE_REPORT + 258, 2, 6 ^ 5, QE_SIGNED, "quoting enclave's version is not supported"},
    {AT_QE_REPORT + 320, 1, 1, QE_SIGNED, "not the one that the quoting enclave reports"},
    {AT_QE_REPORT + 352, 1, 1, QE_SIGNED, "not the one that the quoting enclave reports"},
    /* the TD, signed by the attestation key */
    {AT_MR_SIGNER_SEAM, 1, 1, QUOTE_SIGNED, "MRSIGNERSEAM"},
    {AT_SEAM_ATTRIBUTES, 1, 1, QUOTE_SIGNED, "SEAMATTRIBUTES"},
    {AT_TEE_TCB_SVN, 1, 5 ^ 4, QUOTE_SIGNED, "TDX module's version is not supported"},
    {AT_TEE_TCB_SVN + 1, 1, 1 ^ 3, QUOTE_SIGNED, "module identity TDX_03"},
    {AT_TD_ATTRIBUTES, 1, 0x01, QUOTE_SIGNED, "DEBUG"},
    {AT_TD_ATTRIBUTES, 1, 0x02, QUOTE_SIGNED, "DEBUG"},
    {AT_TD_ATTRIBUTES, 1, 0x80, QUOTE_SIGNED, "DEBUG"},
    {AT_TD_ATTRIBUTES + 3, 1, 0x20, QUOTE_SIGNED, "MIGRATABLE"},
    {AT_TD_ATTRIBUTES + 1, 1, 0x01, QUOTE_SIGNED, "attribute bits that are not known"},
    {AT_TD_ATTRIBUTES + 5, 1, 0x10, QUOTE_SIGNED, "attribute bits that are not known"},
    {AT_TD_ATTRIBUTES + 7, 1, 0x40, QUOTE_SIGNED, "attribute bits that are not known"},
    {AT_TD_ATTRIBUTES + 3, 1, 0x10, QUOTE_SIGNED, "SEPT_VE_DISABLE"},
    {AT_XFAM, 1, 0x01, QUOTE_SIGNED, "XFAM"},
    {AT_XFAM + 7, 1, 0x01, QUOTE_SIGNED, "XFAM"},
    {AT_MR_CONFIG_ID, 1, 1 ^ 2, QUOTE_SIGNED,
     "MRCONFIGID is not that of compose hash, app id and key provider"},
    {AT_MR_CONFIG_ID, 1, 1, QUOTE_SIGNED, "MRCONFIGID"},
    {AT_MR_CONFIG_ID + 32, 1, 1, QUOTE_SIGNED, "MRCONFIGID"},
    {AT_MR_CONFIG_ID + 47, 1, 1, QUOTE_SIGNED, "MRCONFIGID"},
    {AT_RTMR3, 1, 1, QUOTE_SIGNED, "does not replay to the quote's RTMR3"},
    {AT_REPORT_DATA + 63, 1, 0x80, QUOTE_SIGNED, "report data are not those of this exchange"},
    {AT_REPORT_DATA, 1, 1, QUOTE_SIGNED, "report data are not those of this exchange"},
};

static void test_patches(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT(PATCHES); i++) {
        const patch *p = &PATCHES[i];
        bend b;
        bend_start(&b, &house);
        for (size_t k = 0; k < p->size; k++) b.quote[p->at + k] ^= (uint8_t)(p->xor >> (8 * k));
        if (p->signing == QUOTE_SIGNED) sign_quote(&b);
        if (p->signing == QE_SIGNED) sign_qe(&b);
        expect(&b, "evidence", p->sentence);
        bend_end(&b);
    }
}

/* A quoting enclave that vouches for a key that is none. */
static void test_no_point(void **state) {
    (void)state;
    bend b;
    sw_hash bound;
    bend_start(&b, &house);
    b.quote[AT_ATTESTATION_KEY + 63] ^= 1;
    sw_bytes parts[2] = {SW_BYTES(b.quote + AT_ATTESTATION_KEY, 64),
                         SW_BYTES(b.quote + AT_AUTH, 32)};
    sw_sha256_parts(&bound, parts, 2);
    memcpy(b.quote + AT_QE_REPORT + 320, bound.b, sizeof bound.b);
    sign_qe(&b);
    expect(&b, "evidence", "attestation key is not a point of P-256");
    bend_end(&b);
}

static void test_cuts(void **state) {
    (void)state;
    static const struct {
        size_t from, until;
        const char *sentence;
    } table[] = {
        {1, 48, "ends inside its header"},
        {48, 632, "ends inside its TD report"},
        {632, 4000, "ends inside its signature data"},
    };
    bend b;
    bend_start(&b, &house);
    size_t whole = b.quote_size;
    for (size_t i = 0; i < COUNT(table); i++)
        for (size_t size = table[i].from; size < table[i].until && size < whole; size += 7) {
            b.quote_size = size;
            expect(&b, "evidence", table[i].sentence);
        }
    b.quote_size = AT_CHAIN;
    put_le(b.quote + AT_SIGNATURE_SIZE, 129, 4);
    expect(&b, "evidence", "signature data are cut short");
    bend_end(&b);
}

/* Another image than the policy's: the right RTMR3 is not enough. */
static void test_other_images(void **state) {
    (void)state;
    static const size_t places[] = {AT_MRTD, AT_RTMR0, AT_RTMR0 + 48, AT_RTMR0 + 96 + 47};
    for (size_t i = 0; i < COUNT(places); i++) {
        bend b;
        bend_start(&b, &house);
        b.quote[places[i]] ^= 1;
        sign_quote(&b);
        expect(&b, "policy", "an image that the machine policy does not name");
        bend_end(&b);
    }
}

/* ---- chains ---- */
static void test_chain_shapes(void **state) {
    (void)state;
    const sw_cert *l = house.pck, *c = house.ca, *r = house.root;
    const struct {
        const sw_cert *certs[4];
        size_t count;
        const char *sentence;
    } table[] = {
        {{l, r}, 2, "has 2 certificates, not 3"},
        {{l, c}, 2, "has 2 certificates, not 3"},
        {{l, l, c, r}, 4, "more PEM blocks than 3"},
        {{c, l, r}, 3, "PCK certificate is not named"},
        {{l, r, c}, 3, "a root that the machine policy does not name"},
        {{r, c, l}, 3, "a root that the machine policy does not name"},
        {{l, l, r}, 3, "neither the platform nor the processor CA"},
        {{l, house.tcb, r}, 3, "neither the platform nor the processor CA"},
        {{house.tcb, c, r}, 3, "PCK certificate is not named"},
        {{l}, 1, "has 1 certificates, not 3"},
    };
    for (size_t i = 0; i < COUNT(table); i++) {
        bend b;
        bend_start(&b, &house);
        set_pck_text(&b, chain_text(&b, table[i].certs, table[i].count));
        expect(&b, "evidence", table[i].sentence);
        bend_end(&b);
    }
}

static void test_chain_text(void **state) {
    (void)state;
    static const struct {
        const char *old, *new, *sentence;
    } table[] = {
        {"-----\n-----", "-----\n\n-----", "not written in the one PEM form"},
        {"-----\n-----", "-----\r\n-----", "not written in the one PEM form"},
        {"-----\n-----", "-----\nx-----", "PCK chain"},
        {"BEGIN", "BEGUN", "PCK chain"},
        {"CATE-----\nMII", "CATE-----\nMIJ", "PCK chain"},
    };
    for (size_t i = 0; i < COUNT(table); i++) {
        bend b;
        bend_start(&b, &house);
        sw_bytes old = SW_BYTES(house.good.quote.data + AT_CHAIN, house.good.quote.size - AT_CHAIN);
        set_pck_text(&b, replaced(&b.arena, old, table[i].old, table[i].new, 0));
        expect(&b, "evidence", table[i].sentence);
        bend_end(&b);
    }
    bend b;
    bend_start(&b, &house);
    set_pck_text(&b, (sw_bytes){0});
    expect(&b, "evidence", "PCK chain");
    bend_end(&b);
}

/* Certificates issued anew by the right keys: names, dates, the SGX extension. */
typedef struct reissue_case {
    enum { LEAF, CA, SIGNER } which;
    sw_cert_plan plan;
    const char *sentence;
} reissue_case;

static const uint8_t EMPTY_SEQUENCE[] = {0x30, 0x00};
static const reissue_case REISSUES[] = {
    {LEAF, {.common_name = "Intel SGX PCK Certificat"}, "PCK certificate is not named"},
    {LEAF, {.not_before_ms = FORGE_NOW + FORGE_DAY}, "PCK certificate is not valid yet"},
    {LEAF, {.not_after_ms = FORGE_NOW - FORGE_DAY}, "PCK certificate is no longer valid"},
    {LEAF, {.extension_oid = "1.2.3.4", .extension = {EMPTY_SEQUENCE, 2}}, "lacks the extension"},
    {LEAF,
     {.extension_oid = "1.2.840.113741.1.13.1", .extension = {EMPTY_SEQUENCE, 2}},
     "extension lacks a member"},
    {LEAF,
     {.extension_oid = "1.2.840.113741.1.13.1", .extension = {EMPTY_SEQUENCE, 1}},
     "not of its form"},
    {LEAF, {.ca = true}, "PCK certificate is a CA's"},
    {LEAF, {.key_usage = "critical,keyAgreement"}, "PCK certificate's key usage is not to sign"},
    {CA,
     {.common_name = "Intel SGX PCK Processor CA", .ca = true},
     "SGX extension does not fit its issuer"},
    {CA, {.common_name = "Some CA", .ca = true}, "neither the platform nor the processor CA"},
    {CA, {.ca = false}, "PCK chain"},
    {CA, {.ca = true, .not_before_ms = FORGE_NOW + FORGE_DAY}, "CA's certificate is not valid yet"},
    {CA, {.ca = true, .not_after_ms = FORGE_NOW - 1000}, "CA's certificate is no longer valid"},
    {SIGNER, {.common_name = "Intel SGX PCK Certificate"}, "collateral's signer is not named"},
    {SIGNER, {.not_before_ms = FORGE_NOW + 1000}, "TCB signing certificate is not valid yet"},
    {SIGNER, {.not_after_ms = FORGE_NOW}, "TCB signing certificate is no longer valid"},
    {SIGNER, {.ca = true}, "TCB signing certificate is a CA's"},
    {SIGNER,
     {.key_usage = "critical,keyEncipherment"},
     "TCB signing certificate's key usage is not to sign"},
};

static void reissue_signer(bend *b, const reissue_case *r) {
    sw_cert *made = reissue(&house, house.tcb, r->plan, house.root, house.root_key);
    const sw_cert *certs[2] = {made, house.root};
    b->e.collateral.tcb_info.issuer_chain = chain_text(b, certs, 2);
    b->e.collateral.qe_identity.issuer_chain = b->e.collateral.tcb_info.issuer_chain;
    sw_cert_free(&made);
}

static void reissue_pck(bend *b, const reissue_case *r) {
    sw_cert *ca = NULL, *leaf = NULL;
    if (r->which == CA) {
        ca = reissue(&house, house.ca, r->plan, house.root, house.root_key);
        leaf = reissue(&house, house.pck, (sw_cert_plan){0}, ca, house.ca_key);
        b->e.collateral.pck_crl = make_list(b, ca, house.ca_key, (list_plan){0});
    } else {
        leaf = reissue(&house, house.pck, r->plan, house.ca, house.ca_key);
    }
    set_pck_chain(b, leaf, ca == NULL ? house.ca : ca, house.root);
    sw_cert_free(&ca);
    sw_cert_free(&leaf);
}

static void test_reissued(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT(REISSUES); i++) {
        bend b;
        bend_start(&b, &house);
        if (REISSUES[i].which == SIGNER)
            reissue_signer(&b, &REISSUES[i]);
        else
            reissue_pck(&b, &REISSUES[i]);
        expect(&b, "evidence", REISSUES[i].sentence);
        bend_end(&b);
    }
}

/* A root of the same name: another machine's evidence under this policy. */
static void test_other_root(void **state) {
    (void)state;
    forge other;
    bend b;
    forge_open(&other);
    bend_start(&b, &other);
    b.policy = house.policy;
    expect(&b, "evidence", "a root that the machine policy does not name");
    /* our PCK chain, their collateral, and the other way round */
    bend_end(&b);
    bend_start(&b, &house);
    b.e.collateral.tcb_info = other.good.collateral.tcb_info;
    expect(&b, "evidence", "does not end in the root of the PCK chain");
    b.e.collateral.tcb_info = house.good.collateral.tcb_info;
    b.e.collateral.qe_identity = other.good.collateral.qe_identity;
    expect(&b, "evidence", "QE identity's issuer chain does not end in the root");
    b.e.collateral = house.good.collateral;
    b.e.collateral.root_crl = other.good.collateral.root_crl;
    expect(&b, "evidence", "PCK chain");
    b.e.collateral = house.good.collateral;
    b.e.collateral.pck_crl = other.good.collateral.pck_crl;
    expect(&b, "evidence", "PCK chain");
    bend_end(&b);
    forge_close(&other);
}

/* The root's own dates count as well: the same key and name, issued again and named by the policy.
 */
static void test_root_dates(void **state) {
    (void)state;
    const struct {
        sw_cert_plan plan;
        const char *sentence;
    } table[] = {
        {{.ca = true}, NULL},
        {{.ca = true, .not_before_ms = FORGE_NOW + 1000}, "root certificate is not valid yet"},
        {{.ca = true, .not_after_ms = FORGE_NOW}, "root certificate is no longer valid"},
        {{.ca = true, .common_name = "Intel SGX Root"}, "root is not named"},
    };
    for (size_t i = 0; i < COUNT(table); i++) {
        bend b;
        sw_claims claims;
        bend_start(&b, &house);
        sw_cert *root = reissue(&house, house.root, table[i].plan, NULL, house.root_key);
        const sw_cert *signers[2] = {house.tcb, root};
        sw_sha256(&b.policy.anchors[0], sw_cert_der(root));
        set_pck_chain(&b, house.pck, house.ca, root);
        b.e.collateral.tcb_info.issuer_chain = chain_text(&b, signers, 2);
        b.e.collateral.qe_identity.issuer_chain = b.e.collateral.tcb_info.issuer_chain;
        if (table[i].sentence == NULL)
            expect_ok(&b, &claims);
        else
            expect(&b, "evidence", table[i].sentence);
        sw_cert_free(&root);
        bend_end(&b);
    }
}

/* TCB info and QE identity may have signers of their own; each is judged. */
static void test_two_signers(void **state) {
    (void)state;
    bend b;
    sw_claims claims;
    bend_start(&b, &house);
    const reissue_case good = {SIGNER, {0}, NULL},
                       stale = {SIGNER, {.not_after_ms = FORGE_NOW}, NULL};
    sw_signed_json *info = &b.e.collateral.tcb_info, *identity = &b.e.collateral.qe_identity;
    sw_bytes first = info->issuer_chain;
    reissue_signer(&b, &good);
    info->issuer_chain = first;
    expect_ok(&b, &claims);
    reissue_signer(&b, &stale);
    info->issuer_chain = first;
    expect(&b, "evidence", "TCB signing certificate is no longer valid");
    info->issuer_chain = identity->issuer_chain;
    identity->issuer_chain = first;
    expect(&b, "evidence", "TCB signing certificate is no longer valid");
    info->issuer_chain = first;
    const sw_cert *one[1] = {house.tcb}, *wrong[2] = {house.tcb, house.ca};
    identity->issuer_chain = chain_text(&b, one, 1);
    expect(&b, "evidence", "issuer chain has 1 certificates, not 2");
    identity->issuer_chain = chain_text(&b, wrong, 2);
    expect(&b, "evidence", "does not end in the root of the PCK chain");
    bend_end(&b);
}

/* ---- revocation lists ---- */
static void test_lists(void **state) {
    (void)state;
    enum { OF_ROOT, OF_CA };
    const struct {
        int which;
        list_plan plan;
        const char *sentence;
    } table[] = {
        {OF_CA, {0, 0, 3}, "revoked"},   /* the PCK certificate's serial */
        {OF_ROOT, {0, 0, 2}, "revoked"}, /* the platform CA's */
        {OF_ROOT, {0, 0, 4}, "revoked"}, /* the TCB signer's */
        {OF_CA, {0, 0, 77}, NULL},
        {OF_CA, {FORGE_NOW + 1000, 0, 0}, "PCK revocation list is not valid yet"},
        {OF_CA, {0, FORGE_NOW - 1000, 0}, "PCK revocation list is no longer valid"},
        {OF_CA, {0, FORGE_NOW, 0}, "PCK revocation list is no longer valid"},
        {OF_ROOT, {FORGE_NOW + 1000, 0, 0}, "root's revocation list is not valid yet"},
        {OF_ROOT, {0, FORGE_NOW - 1000, 0}, "root's revocation list is no longer valid"},
    };
    for (size_t i = 0; i < COUNT(table); i++) {
        bend b;
        sw_claims claims;
        bend_start(&b, &house);
        sw_collateral *c = &b.e.collateral;
        if (table[i].which == OF_CA)
            c->pck_crl = make_list(&b, house.ca, house.ca_key, table[i].plan);
        else
            c->root_crl = make_list(&b, house.root, house.root_key, table[i].plan);
        if (table[i].sentence == NULL)
            expect_ok(&b, &claims);
        else
            expect(&b, "evidence", table[i].sentence);
        bend_end(&b);
    }
}

/* A copy whose signature does not hold. */
static sw_bytes spoilt(bend *b, sw_bytes der) {
    sw_bytes copy = sw_arena_copy(&b->arena, der);
    ((uint8_t *)(uintptr_t)copy.data)[copy.size - 1] ^= 1;
    return copy;
}

static void test_foreign_lists(void **state) {
    (void)state;
    bend b;
    bend_start(&b, &house);
    sw_collateral *c = &b.e.collateral;
    c->pck_crl = house.good.collateral.root_crl;
    expect(&b, "evidence", "not of the PCK certificate's issuer");
    c->pck_crl = house.good.collateral.pck_crl;
    c->root_crl = house.good.collateral.pck_crl;
    expect(&b, "evidence", "not of this root");
    c->root_crl = spoilt(&b, house.good.collateral.root_crl);
    expect(&b, "evidence", "PCK chain");
    c->root_crl = house.good.collateral.root_crl;
    c->pck_crl = spoilt(&b, house.good.collateral.pck_crl);
    expect(&b, "evidence", "PCK chain");
    c->pck_crl = (sw_bytes){0};
    expect(&b, "evidence", "pck_crl is empty");
    c->pck_crl = SW_LITERAL("x");
    expect(&b, "evidence", "PCK revocation list: ");
    bend_end(&b);
}

/* ---- files for test_openssl.sh ---- */
static void write_part(const char *folder, const char *name, sw_bytes content) {
    char path[512];
    (void)snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(content.data, 1, content.size, file), content.size);
    assert_int_equal(fclose(file), 0);
}

static int write_parts(const char *folder) {
    const sw_collateral *c = &house.good.collateral;
    write_part(folder, "quote.bin", house.good.quote);
    write_part(folder, "pck_crl.der", c->pck_crl);
    write_part(folder, "root_crl.der", c->root_crl);
    write_part(folder, "signers.pem", c->tcb_info.issuer_chain);
    write_part(folder, "tcb_info", c->tcb_info.text);
    write_part(folder, "tcb_info.raw", SW_BYTES_OF(c->tcb_info.signature));
    write_part(folder, "qe_identity", c->qe_identity.text);
    write_part(folder, "qe_identity.raw", SW_BYTES_OF(c->qe_identity.signature));
    (void)printf("%lld\n", (long long)(FORGE_NOW / 1000));
    return 0;
}

/* Without arguments the tests; `--write FOLDER` writes one evidence's parts and prints a time at
 * which they hold. */
int main(int argc, char **argv) {
    forge_open(&house);
    if (argc == 3 && strcmp(argv[1], "--write") == 0) {
        int status = write_parts(argv[2]);
        forge_close(&house);
        return status;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good),         cmocka_unit_test(test_tolerated),
        cmocka_unit_test(test_patches),      cmocka_unit_test(test_no_point),
        cmocka_unit_test(test_cuts),         cmocka_unit_test(test_other_images),
        cmocka_unit_test(test_chain_shapes), cmocka_unit_test(test_chain_text),
        cmocka_unit_test(test_reissued),     cmocka_unit_test(test_other_root),
        cmocka_unit_test(test_root_dates),   cmocka_unit_test(test_two_signers),
        cmocka_unit_test(test_lists),        cmocka_unit_test(test_foreign_lists),
    };
    int failed = cmocka_run_group_tests_name("quote", tests, NULL, NULL);
    forge_close(&house);
    return failed;
}
