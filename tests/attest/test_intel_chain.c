/* SPDX-License-Identifier: Apache-2.0
 *
 * Intel's own chain tests of 2018 (a private PKI; one fault a case) and Intel's synthetic sample
 * quote, each under its own root as the policy's anchor. What Intel refused is refused here, with
 * the sentence that names the fault; what Intel took then and a rule of today does not take is
 * listed as such.
 */
#include "attest/intel.h"

#define CHAINS "intel-pckchain"

/* ---- PEM as DER ---- */
typedef struct blocks {
    sw_arena *arena;
    sw_bytes der[4];
    size_t count;
} blocks;

static sw_status block_keep(void *context, sw_bytes der, sw_error *err) {
    blocks *b = context;
    (void)err;
    b->der[b->count++] = sw_arena_copy(b->arena, der);
    return SW_OK;
}

static blocks decode(sw_arena *a, const char *folder, const char *name, const char *label) {
    blocks b = {.arena = a};
    assert_int_equal(sw_pem_decode(load(a, folder, name), label, 4, block_keep, &b, NULL), SW_OK);
    return b;
}

/* Leaf first in the one PEM form, or as the file has it: root first. */
static sw_bytes encode(sw_arena *a, const blocks *b, bool leaf_first) {
    SW_SCOPED(sw_buffer) pem = SW_BUFFER(SW_QUOTE_LIMIT);
    for (size_t i = 0; i < b->count; i++)
        sw_pem_encode(&pem, "CERTIFICATE", b->der[leaf_first ? b->count - 1 - i : i]);
    return sw_arena_copy(a, sw_buffer_bytes(&pem));
}

static sw_status roots_judge(sw_bytes chain, const sw_collateral *c, const sw_policy *policy,
                             int64_t at_ms, sw_error *err) {
    const sw_judge by = {.policy = policy, .wall_ms = at_ms};
    SW_SCOPED(sw_tdx_ground) g = {.by = &by, .window = {at_ms, INT64_MIN, INT64_MAX}};
    return sw_tdx_roots_verify(chain, c, &g, err);
}

/* ---- the cases of 2018 ---- */
typedef struct chain_case {
    const char *folder;
    bool taken_by_intel;
    const char *sentence; /* ours; NULL: accepted */
} chain_case;
static const chain_case CASES[] = {
    {"InChainRoot_InvalidExtensions", false, "(the root): Missing Subject Key Identifier"},
    {"InChainRoot_InvalidIssuer", false, "certificate 2 (the root)"},
    {"InChainRoot_InvalidSubject", false, "root is not named \"Intel SGX Root CA\""},
    {"InChainRoot_InvalidValidityPeriod", false, "root certificate is not valid yet"},
    {"Intermediate_InvalidExtensions", false, "(an intermediate): invalid CA certificate"},
    {"Intermediate_InvalidIssuerCantVerifySignature", false,
     "(an intermediate): certificate signature failure"},
    {"Intermediate_InvalidSubject", false, "(the leaf) names another issuer than certificate 1"},
    {"Intermediate_InvalidValidityPeriod", false, "PCK CA's certificate is not valid yet"},
    {"Pck_InvalidExtensions", false, "(the leaf): Missing Authority Key Identifier"},
    {"Pck_InvalidIssuer", false, "(the leaf) names another issuer than certificate 1"},
    {"Pck_InvalidSubject", false, NULL}, /* of the subject the common name alone counts (EVD-030) */
    {"Pck_InvalidValidityPeriod", false, "PCK certificate is not valid yet"},
    {"Positive_PlatformAsIntermediate", true, NULL},
    {"Revoked_Intermediate", false, "(an intermediate): certificate revoked"},
    {"Revoked_IntermediateUnknownIssuer", false, "not of the PCK certificate's issuer"},
    {"Revoked_PCK", false, "(the leaf): certificate revoked"},
    {"Revoked_PckFewEntriesNoneMatch", true, NULL},
    {"TrustedRoot_InvalidSubject", false, "a root that the machine policy does not name"},
};

static sw_status chain_judge(const chain_case *k, bool leaf_first, sw_error *err) {
    SW_SCOPED(sw_arena) a = {0};
    char folder[128];
    int64_t at_ms;
    sw_policy policy = {.anchor_count = 1};
    (void)snprintf(folder, sizeof folder, CHAINS "/%s", k->folder);
    blocks chain = decode(&a, folder, "IntelSGXCertificateChain.pem", "CERTIFICATE");
    blocks root = decode(&a, folder, "IntelSGXRootCACertificate.pem", "CERTIFICATE");
    const sw_collateral c = {.pck_crl =
                                 decode(&a, folder, "intermediateCaCrl.pem", "X509 CRL").der[0],
                             .root_crl = decode(&a, folder, "rootCaCrl.pem", "X509 CRL").der[0]};
    sw_sha256(&policy.anchors[0], root.der[0]);
    assert_int_equal(sw_time_parse(SW_LITERAL("2019-01-01T00:00:00Z"), &at_ms, NULL), SW_OK);
    return roots_judge(encode(&a, &chain, leaf_first), &c, &policy, at_ms, err);
}

static void test_chains(void **state) {
    (void)state;
    size_t accepted = 0, refused = 0;
    for (size_t i = 0; i < COUNT_OF(CASES); i++) {
        const chain_case *k = &CASES[i];
        sw_error err = {0};
        sw_status status = chain_judge(k, true, &err);
        if (k->taken_by_intel) assert_null(k->sentence);
        if ((status == SW_OK) != (k->sentence == NULL)) fail_msg("%s: %s", k->folder, err.message);
        if (k->sentence != NULL && strstr(err.message, k->sentence) == NULL)
            fail_msg("%s: %s", k->folder, err.message);
        accepted += status == SW_OK;
        refused += status != SW_OK;
        assert_int_not_equal(chain_judge(k, false, &err), SW_OK); /* root first */
    }
    print_message("# chains of 2018: %zu refused, %zu accepted\n", refused, accepted);
    assert_int_equal(accepted + refused, 18);
    assert_int_equal(accepted, 3);
}

/* No quote can hang from a leaf of 2018: its SGX extension had another form. */
static void test_extensions_of_2018(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT_OF(CASES); i++) {
        SW_SCOPED(sw_arena) a = {0};
        char folder[128];
        sw_cert *leaf = NULL;
        sw_bytes extension;
        sw_pck pck;
        sw_error err = {0};
        (void)snprintf(folder, sizeof folder, CHAINS "/%s", CASES[i].folder);
        blocks chain = decode(&a, folder, "IntelSGXCertificateChain.pem", "CERTIFICATE");
        assert_int_equal(sw_cert_parse(chain.der[2], &leaf, NULL), SW_OK);
        sw_status status = sw_cert_extension(leaf, SW_PCK_EXTENSION_OID, &extension, &err);
        if (status == SW_OK) status = sw_pck_parse(extension, &pck, &err);
        assert_int_not_equal(status, SW_OK);
        sw_cert_free(&leaf);
    }
}

/* ---- Intel's synthetic sample ---- */
#define SAMPLE "synthetic-intel-qvl-sample"
enum { V4_AUTH_SIZE = 1218, V4_AUTH = 1220, V4_SIGNATURE_SIZE = 632, V4_OUTER_SIZE = 766 };

static void put_u32le(uint8_t *at, size_t value) {
    for (size_t i = 0; i < 4; i++) at[i] = (uint8_t)(value >> (8 * i));
}

/* The sample with another certification text in the place of its DER certificates. */
static sw_bytes with_chain(sw_arena *a, sw_bytes quote, sw_bytes pem) {
    size_t inner = V4_AUTH + quote.data[V4_AUTH_SIZE] + 2;
    uint8_t *made = sw_arena_alloc(a, inner + 4 + pem.size, 1);
    memcpy(made, quote.data, inner);
    memcpy(made + inner + 4, pem.data, pem.size);
    put_u32le(made + inner, pem.size);
    put_u32le(made + V4_OUTER_SIZE, inner + 4 + pem.size - (V4_OUTER_SIZE + 4));
    put_u32le(made + V4_SIGNATURE_SIZE, inner + 4 + pem.size - (V4_SIGNATURE_SIZE + 4));
    return SW_BYTES(made, inner + 4 + pem.size);
}

static void test_sample(void **state) {
    (void)state;
    SW_SCOPED(sw_arena) a = {0};
    SW_SCOPED(sw_buffer) signers = SW_BUFFER(SW_QUOTE_LIMIT);
    sw_policy policy = {.anchor_count = 1};
    sw_collateral c = {.pck_crl = load(&a, SAMPLE, "intermediateCaCrl.der"),
                       .root_crl = load(&a, SAMPLE, "rootCaCrl.der")};
    blocks root = decode(&a, SAMPLE, "trustedRootCaCert.pem", "CERTIFICATE");
    blocks pck = decode(&a, SAMPLE, "pckCert.pem", "CERTIFICATE");
    blocks chain = decode(&a, SAMPLE, "pckSignChain.pem", "CERTIFICATE");
    blocks tcb = decode(&a, SAMPLE, "tcbSignChain.pem", "CERTIFICATE");
    const sw_judge by = {.policy = &policy,
                         .wall_ms = INT64_C(1700000000) * 1000}; /* November 2023 */
    sw_quote_claims claims;
    sw_error err = {0};
    sw_sha256(&policy.anchors[0], root.der[0]);
    bool root_first = sw_bytes_equal(chain.der[0], root.der[0]);
    const blocks whole = {.der = {root.der[0], chain.der[root_first ? 1 : 0], pck.der[0]},
                          .count = 3};
    root_first = sw_bytes_equal(tcb.der[0], root.der[0]);
    sw_pem_encode(&signers, "CERTIFICATE", tcb.der[root_first ? 1 : 0]);
    sw_pem_encode(&signers, "CERTIFICATE", root.der[0]);
    answer_load(&a, SAMPLE, "tcbInfo.json", "tcbInfo", &c.tcb_info);
    answer_load(&a, SAMPLE, "qeIdentity.json", "enclaveIdentity", &c.qe_identity);
    c.tcb_info.issuer_chain = c.qe_identity.issuer_chain = sw_buffer_bytes(&signers);

    sw_bytes quote = load(&a, SAMPLE, "quote.dat");
    assert_int_equal(sw_quote_verify(quote, &c, &policy, by.wall_ms, NULL, &claims, &err),
                     SW_MALFORMED);
    assert_non_null(strstr(err.message, "PCK chain: expected a PEM block"));
    sw_bytes other = with_chain(&a, quote, encode(&a, &whole, true));
    sw_status status = sw_quote_verify(other, &c, &policy, by.wall_ms, NULL, &claims, &err);
    assert_int_equal(status, SW_MALFORMED); /* chains, lists, both signatures and dates held */
    assert_non_null(strstr(err.message, "tcbLevels[].tcb.svn is above 255"));
    c.tcb_info.signature[0] ^= 1;
    status = sw_quote_verify(other, &c, &policy, by.wall_ms, NULL, &claims, &err);
    assert_int_equal(status, SW_REFUSED);
    assert_non_null(strstr(err.message, "TCB info's signature does not hold"));
    print_message(
        "# the synthetic sample is refused: as it is for its DER chain, with PEM for SVNs "
        "above 255\n");
}

int main(void) {
    if (!intel_open()) return 0;
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_chains),
                                       cmocka_unit_test(test_extensions_of_2018),
                                       cmocka_unit_test(test_sample)};
    return cmocka_run_group_tests_name("intel_chain", tests, NULL, NULL);
}
