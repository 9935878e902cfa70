/* SPDX-License-Identifier: Apache-2.0
 *
 * Chains of RA-TLS certificates with keys of our own, to a named root: what holds, every flipped
 * bit, what is refused and why, and the simulator's root.
 */
#include "attest/ratls_forge.h"
#include "crypto/x509_unkeyed.h"

typedef struct made_chain {
    cert_plan plan[3]; /* leaf, CA, root */
    size_t count;
    bool of_spki, wrong_anchor;
    int64_t at_ms;
} made_chain;

static made_chain good_chain(const pki *k) {
    return (made_chain){{leaf_plan(k), ca_plan(k), root_plan(k)}, 3, true, false, NOW_MS};
}

static sw_status chain_judge(sw_arena *a, const made_chain *m, sw_bytes *pem, sw_ratls_chain *out,
                             sw_error *err) {
    sw_bytes certs[3], kept[3];
    size_t n = 0;
    uint8_t spki[SW_DSTACK_SPKI_BYTES];
    sw_p256_public root;
    for (size_t i = 0; i < 3; i++) certs[i] = make_cert(a, &m->plan[i]);
    for (size_t i = 0; i < 3; i++)
        if (m->count == 3 || i != 1) kept[n++] = certs[i];
    *pem = to_pem(a, kept, n);
    sw_ratls_anchor anchor = {.of_spki = m->of_spki};
    key_point(m->plan[2].key, &root);
    sw_ratls_spki(spki, &root);
    sw_sha256(&anchor.hash, m->of_spki ? SW_BYTES_OF(spki) : certs[2]);
    if (m->wrong_anchor) anchor.hash.b[0] ^= 1;
    return sw_ratls_chain_verify(a, *pem, &anchor, m->at_ms, out, err);
}

static void test_chain(void **state) {
    (void)state;
    pki k;
    pki_open(&k);
    for (int of_spki = 0; of_spki < 2; of_spki++)
        for (size_t count = 2; count <= 3; count++) {
            SW_SCOPED(sw_arena) a = {0};
            made_chain m = good_chain(&k);
            sw_ratls_chain chain;
            sw_ratls_facts facts;
            sw_bytes pem;
            sw_error err = {0};
            m.of_spki = of_spki != 0;
            m.count = count;
            if (count == 2) {
                m.plan[0].issuer_name = "KMS CA";
                m.plan[0].issuer_key = k.root;
                m.plan[0].ext[2].value = SW_LITERAL("kms:rpc");
            }
            if (chain_judge(&a, &m, &pem, &chain, &err) != SW_OK) fail_msg("%s", err.message);
            assert_int_equal(chain.count, count);
            assert_true(chain.has_app_id);
            assert_memory_equal(chain.app_id, k.app_id, 20);
            assert_true(sw_bytes_is(chain.usage, count == 2 ? "kms:rpc" : "app:custom"));
            if (sw_ratls_read(&a, chain.certs[0], &facts, &err) != SW_OK)
                fail_msg("%s", err.message);
            uint8_t spki[SW_DSTACK_SPKI_BYTES];
            sw_p256_public root;
            key_point(k.root, &root);
            sw_ratls_spki(spki, &root);
            assert_memory_equal(chain.root_spki, spki, sizeof spki);
            SW_SCOPED(sw_buffer) own = SW_BUFFER(128);
            sw_p256_spki(&own, &root);
            assert_true(sw_bytes_equal(sw_buffer_bytes(&own), SW_BYTES_OF(spki)));
            sw_ratls_chain_free(&chain);
            write_seed("ratls", count == 2 ? "chain-2" : "chain-3", pem);
        }
    pki_close(&k);
}

/* ---- beside the machine's log ---- */
static void log_of(sw_arena *a, const char *app, const char *provider, sw_dstack_attestation *out) {
    made_event events[COUNT(made_boot)];
    memcpy(events, made_boot, sizeof events);
    for (size_t i = 0; i < COUNT(events); i++) {
        if (strcmp(events[i].name, "app-id") == 0) events[i].payload = app;
        if (strcmp(events[i].name, "key-provider") == 0) events[i].payload = provider;
    }
    make_log(a, events, COUNT(events), out);
}

/* {"id": hex, "name": kind} as the event's payload in hex. */
static const char *provider_of(sw_arena *a, const uint8_t *spki, size_t size, const char *kind) {
    SW_SCOPED(sw_buffer) text = SW_BUFFER(1024);
    SW_SCOPED(sw_buffer) hex = SW_BUFFER(2048);
    sw_put_text(&text, "{\"id\":\"");
    sw_hex_encode(&text, SW_BYTES(spki, size));
    sw_put_format(&text, "\",\"name\":\"%s\"}", kind);
    sw_hex_encode(&hex, sw_buffer_bytes(&text));
    return sw_arena_text(a, sw_buffer_bytes(&hex));
}

/* DSK-047: neither a KMS that the machine never asked nor another app's CA. */
static void test_machine(void **state) {
    (void)state;
    SW_SCOPED(sw_arena) a = {0};
    static const char names_kms[] = "does not name the chain's root as the KMS";
    pki k;
    pki_open(&k);
    made_chain m = good_chain(&k);
    sw_ratls_chain chain;
    sw_bytes pem;
    char app[41];
    assert_int_equal(chain_judge(&a, &m, &pem, &chain, NULL), SW_OK);
    sw_hex_text(app, SW_BYTES_OF(chain.app_id));
    uint8_t other[SW_DSTACK_SPKI_BYTES];
    memcpy(other, chain.root_spki, sizeof other);
    other[sizeof other - 1] ^= 1;
    const struct {
        const char *app, *provider, *sentence;
    } table[] = {
        {app, provider_of(&a, chain.root_spki, sizeof other, "kms"), NULL},
        {app, provider_of(&a, other, sizeof other, "kms"), names_kms},
        {app, provider_of(&a, chain.root_spki, sizeof other - 1, "kms"), names_kms},
        {app, provider_of(&a, chain.root_spki, sizeof other, "tpm"), names_kms},
        {app, provider_of(&a, other, 0, "none"), names_kms},
        {app, "", names_kms},
        {app, "7b7d", "key-provider"},
        {"00112233445566778899aabbccddeeff00112233",
         provider_of(&a, chain.root_spki, sizeof other, "kms"), "of another app"},
    };
    for (size_t i = 0; i < COUNT(table); i++) {
        sw_dstack_attestation t = {0};
        sw_error err = {0};
        log_of(&a, table[i].app, table[i].provider, &t);
        sw_status status = sw_ratls_chain_machine_check(&a, &chain, &t.log, &err);
        if ((status == SW_OK) != (table[i].sentence == NULL)) fail_msg("%zu: %s", i, err.message);
        if (status != SW_OK && strstr(err.message, table[i].sentence) == NULL)
            fail_msg("%zu: %s", i, err.message);
    }
    sw_ratls_chain_free(&chain);
    pki_close(&k);
}

static void chain_refused(const made_chain *m, const char *sentence) {
    SW_SCOPED(sw_arena) a = {0};
    sw_ratls_chain chain, before;
    sw_bytes pem;
    sw_error err = {0};
    memset(&chain, 0xa5, sizeof chain);
    memcpy(&before, &chain, sizeof chain);
    sw_status status = chain_judge(&a, m, &pem, &chain, &err);
    if (status == SW_OK || strstr(err.message, sentence) == NULL)
        fail_msg("%d \"%s\", not \"%s\"", status, err.message, sentence);
    assert_memory_equal(&chain, &before, sizeof chain);
}

static void test_chain_refused(void **state) {
    (void)state;
    pki k;
    pki_open(&k);
    EVP_PKEY *other = new_key("P-256"), *wide = new_key("P-384");
    static uint8_t other_app[20];
    made_chain m = good_chain(&k);
    m.wrong_anchor = true;
    chain_refused(&m, "ends in another root");
    m.of_spki = false;
    chain_refused(&m, "ends in another root");
    m = good_chain(&k);
    m.count = 2; /* the leaf names the CA */
    chain_refused(&m, "names another issuer");
    m = good_chain(&k);
    m.plan[0].issuer_key = other;
    chain_refused(&m, "certificate 0 (the leaf): certificate signature failure");
    m = good_chain(&k);
    m.plan[1].issuer_key = other;
    chain_refused(&m, "certificate 1 (an intermediate): certificate signature failure");
    m = good_chain(&k);
    m.plan[0].issuer_name = "app ca";
    chain_refused(&m, "certificate 0 (the leaf) names another issuer");
    m = good_chain(&k);
    m.at_ms = NOW_MS - 101 * DAY_S * 1000;
    chain_refused(&m, "not yet valid");
    m.at_ms = NOW_MS + 266 * DAY_S * 1000;
    chain_refused(&m, "has expired");
    for (size_t i = 0; i < 3; i++) {
        m = good_chain(&k);
        m.plan[i].until_s = NOW_S - 1;
        chain_refused(&m, "has expired");
    }
    m = good_chain(&k);
    m.plan[1].ca_without_flag = true;
    chain_refused(&m, "invalid CA certificate");
    m = good_chain(&k);
    m.plan[2].path_length = 0;
    chain_refused(&m, "path length constraint exceeded");
    m = good_chain(&k);
    m.plan[1].no_key_usage = true;
    chain_refused(&m, "certificate 1");
    m = good_chain(&k);
    m.plan[1].key = m.plan[0].issuer_key = wide;
    chain_refused(&m, "");
    m = good_chain(&k);
    m.plan[1].ext[0].value = SW_BYTES_OF(other_app);
    chain_refused(&m, "issued a certificate for another app");
    m = good_chain(&k);
    m.plan[1].ext[1].value = SW_LITERAL("app:custom");
    chain_refused(&m, "between leaf and root is no app's CA");
    m = good_chain(&k);
    m.plan[1].ext[0] = m.plan[1].ext[1];
    m.plan[1].ext[1].oid = NULL;
    chain_refused(&m, "between leaf and root is no app's CA");
    m = good_chain(&k);
    m.plan[0].ext[2].value = SW_LITERAL("app:ca");
    chain_refused(&m, "begins with an app's CA");
    EVP_PKEY_free(other);
    EVP_PKEY_free(wide);
    pki_close(&k);
}

/* dstack's certificates lack what RFC 5280 demands: the strict judgement says so, the other one
 * passes over just that. An identifier that is there must be right. */
static void test_key_identifiers(void **state) {
    (void)state;
    pki k;
    pki_open(&k);
    made_chain m = good_chain(&k);
    sw_cert *certs[3];
    sw_error err = {0};
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(sw_cert_parse(make_cert(&k.arena, &m.plan[i]), &certs[i], NULL), SW_OK);
    sw_bytes root = sw_cert_der(certs[2]);
    assert_int_equal(sw_chain_verify_unkeyed(certs, 3, root, NOW_MS, &err), SW_OK);
    assert_int_equal(sw_chain_verify_path(certs, 3, root, NOW_MS, &err), SW_REFUSED);
    assert_non_null(strstr(err.message, "Missing Authority Key Identifier"));
    for (size_t i = 0; i < 3; i++) sw_cert_free(&certs[i]);
    uint8_t wrong[24] = {0x30, 0x16, 0x80, 0x14, 1, 2, 3};
    m.plan[0].ext[3] = (cert_ext){"2.5.29.35", SW_BYTES_OF(wrong), true};
    chain_refused(&m, "certificate 0 (the leaf)");
    pki_close(&k);
}

/* The simulator's authority, whose secret everybody has: here as a self-signed root's key would be,
 * so the check must come before any signature. */
static void test_simulator_root(void **state) {
    (void)state;
    static const char pem[] = "-----BEGIN CERTIFICATE-----\n"
                              "MIIBmzCCAUCgAwIBAgIUU7801+krCs2OpIdne3t6OWrJ2fMwCgYIKoZIzj0EAwIw\n"
                              "KTEPMA0GA1UECgwGRHN0YWNrMRYwFAYDVQQDDA1Ec3RhY2sgS01TIENBMB4XDTc1\n"
                              "MDEwMTAwMDAwMFoXDTM1MTIxOTAyNTEzOVowKTEPMA0GA1UECgwGRHN0YWNrMRYw\n"
                              "FAYDVQQDDA1Ec3RhY2sgS01TIENBMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE\n"
                              "GbJFfdm4qmRG2YDxNv/3gS7NbHd0DusOKLENVsDAACiltuWdzqMH1YO9H3B2npwR\n"
                              "bfK8+xdYqV2GE+feHISCwKNGMEQwDwYDVR0PAQH/BAUDAweGADAdBgNVHQ4EFgQU\n"
                              "evjJ+VZPvDxHJ2ejjeIaUYMMcEcwEgYDVR0TAQH/BAgwBgEB/wIBATAKBggqhkjO\n"
                              "PQQDAgNJADBGAiEAvAYUOGbU5QC23zzQtJqm7/hGzVK5SlI0P7yGDii+/4ACIQCN\n"
                              "bKkagb0uncr6sUKlhKrpHhID+WWTvqJj0TrkvbVdCg==\n"
                              "-----END CERTIFICATE-----\n";
    pki k;
    pki_open(&k);
    SW_SCOPED(sw_arena) a = {0};
    SW_SCOPED(sw_buffer) both = SW_BUFFER(MADE_MAX);
    cert_plan p = leaf_plan(&k);
    sw_bytes leaf = make_cert(&a, &p);
    sw_put_bytes(&both, to_pem(&a, &leaf, 1));
    sw_put_text(&both, pem);
    sw_ratls_chain chain;
    sw_error err = {0};
    const sw_ratls_anchor anchor = {0};
    assert_int_equal(
        sw_ratls_chain_verify(&a, sw_buffer_bytes(&both), &anchor, NOW_MS, &chain, &err),
        SW_REFUSED);
    assert_non_null(strstr(err.message, "authority is that of dstack's public simulator"));
    pki_close(&k);
}

/* Every bit of the two authorities, each seventh of the long leaf, and every cut of the PEM:
 * refused, each. */
static void test_chain_flips(void **state) {
    (void)state;
    pki k;
    pki_open(&k);
    SW_SCOPED(sw_arena) a = {0};
    made_chain m = good_chain(&k);
    sw_bytes certs[3];
    for (size_t i = 0; i < 3; i++) certs[i] = make_cert(&a, &m.plan[i]);
    sw_ratls_anchor anchor = {.of_spki = false};
    sw_sha256(&anchor.hash, certs[2]);
    size_t refusals = 0;
    for (size_t i = 0; i < 3; i++)
        for (size_t bit = 0; bit < 8 * certs[i].size; bit += i == 0 ? 7 : 1) {
            SW_SCOPED(sw_arena) b = {0};
            sw_ratls_chain chain;
            uint8_t *at = (uint8_t *)certs[i].data + bit / 8;
            *at ^= (uint8_t)(1 << bit % 8);
            if (sw_ratls_chain_verify(&b, to_pem(&b, certs, 3), &anchor, NOW_MS, &chain, NULL) ==
                SW_OK)
                fail_msg("certificate %zu, bit %zu", i, bit);
            refusals++;
            *at ^= (uint8_t)(1 << bit % 8);
        }
    sw_bytes pem = to_pem(&a, certs, 3);
    for (size_t cut = 0; cut + 1 < pem.size; cut++) { /* the last line end may be missing */
        SW_SCOPED(sw_arena) b = {0};
        sw_ratls_chain chain;
        if (sw_ratls_chain_verify(&b, SW_BYTES(pem.data, cut), &anchor, NOW_MS, &chain, NULL) ==
            SW_OK)
            fail_msg("cut to %zu of %zu", cut, pem.size);
    }
    print_message("# %zu flips refused\n", refusals);
    pki_close(&k);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_chain),         cmocka_unit_test(test_machine),
        cmocka_unit_test(test_chain_refused), cmocka_unit_test(test_simulator_root),
        cmocka_unit_test(test_chain_flips),   cmocka_unit_test(test_key_identifiers),
    };
    return cmocka_run_group_tests_name("ratls chain", tests, NULL, NULL);
}
