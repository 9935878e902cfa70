/* SPDX-License-Identifier: Apache-2.0
 *
 * RA-TLS certificates with keys of our own: every form of the extensions, what binds a certificate
 * to its quote, chains to a named root, every flipped bit of a chain, and what is refused and why.
 */
#include "attest/ratls_forge.h"
#include "crypto/x509_unkeyed.h"

typedef struct pki {
    EVP_PKEY *root, *ca, *leaf;
    sw_arena arena;
    uint8_t app_id[20];
    sw_p256_public leaf_key;
    sw_dstack_attestation attestation; /* of the leaf's key */
    sw_bytes v0, quote, log_json;
} pki;

static void pki_open(pki *k) {
    memset(k, 0, sizeof *k);
    k->root = new_key("P-256");
    k->ca = new_key("P-256");
    k->leaf = new_key("P-256");
    assert_int_equal(sw_hex_decode(k->app_id, 20, sw_text(MADE_APP), false, NULL), SW_OK);
    key_point(k->leaf, &k->leaf_key);
    sw_report_data report;
    sw_ratls_report(&report, &k->leaf_key);
    k->attestation = make_attestation(&k->arena, report.b, made_boot, COUNT(made_boot));
    k->quote = k->attestation.quote;
    SW_SCOPED(sw_buffer) v0 = SW_BUFFER(MADE_MAX);
    assert_int_equal(sw_dstack_attestation_encode(&k->attestation, &v0, NULL), SW_OK);
    k->v0 = sw_arena_copy(&k->arena, sw_buffer_bytes(&v0));
    SW_SCOPED(sw_buffer) json = SW_BUFFER(MADE_MAX);
    sw_put_text(&json, "[");
    for (size_t i = 0; i < COUNT(made_boot); i++)
        sw_put_format(&json,
                      "%s{\"imr\":3,\"event_type\":134217729,\"digest\":\"\",\"event\":\"%s\","
                      "\"event_payload\":\"%s\"}",
                      i == 0 ? "" : ",", made_boot[i].name, made_boot[i].payload);
    sw_put_text(&json, "]");
    k->log_json = sw_arena_copy(&k->arena, sw_buffer_bytes(&json));
}

static void pki_close(pki *k) {
    EVP_PKEY_free(k->root);
    EVP_PKEY_free(k->ca);
    EVP_PKEY_free(k->leaf);
    sw_arena_free(&k->arena);
}

static cert_plan root_plan(const pki *k) {
    return (cert_plan){.name = "KMS CA",
                       .issuer_name = "KMS CA",
                       .key = k->root,
                       .issuer_key = k->root,
                       .path_length = 1};
}

static cert_plan ca_plan(const pki *k) {
    return (cert_plan){
        .name = "App CA",
        .issuer_name = "KMS CA",
        .key = k->ca,
        .issuer_key = k->root,
        .ext = {{ARC "3", SW_BYTES_OF(k->app_id), false}, {ARC "4", SW_LITERAL("app:ca"), false}}};
}

static cert_plan leaf_plan(const pki *k) {
    return (cert_plan){.name = "leaf",
                       .issuer_name = "App CA",
                       .key = k->leaf,
                       .issuer_key = k->ca,
                       .path_length = -1,
                       .ext = {{ARC "8", k->v0, false},
                               {ARC "3", SW_BYTES_OF(k->app_id), false},
                               {ARC "4", SW_LITERAL("app:custom"), false}}};
}

/* ---- one certificate ---- */
static sw_status read_cert(sw_arena *a, sw_bytes der, sw_ratls_facts *out, sw_error *err) {
    sw_cert *cert = NULL;
    assert_int_equal(sw_cert_parse(der, &cert, NULL), SW_OK);
    sw_status status = sw_ratls_read(a, cert, out, err);
    sw_cert_free(&cert); /* facts outlive it */
    return status;
}

static void check_facts(pki *k, sw_bytes der, sw_ratls_facts *f) {
    sw_error err = {0};
    if (read_cert(&k->arena, der, f, &err) != SW_OK) fail_msg("%s", err.message);
    assert_true(sw_bytes_equal(f->attestation.quote, k->quote));
    assert_int_equal(f->attestation.runtime_count, COUNT(made_boot));
    assert_memory_equal(f->attestation.report_data, k->attestation.report_data, 64);
    assert_memory_equal(f->key.b, k->leaf_key.b, sizeof f->key.b);
}

static void test_forms(void **state) {
    (void)state;
    pki k;
    sw_ratls_facts f;
    pki_open(&k);
    for (int bare = 0; bare < 2; bare++) {
        cert_plan p = leaf_plan(&k);
        for (size_t i = 0; i < 3; i++) p.ext[i].bare = bare != 0;
        sw_bytes der = make_cert(&k.arena, &p);
        check_facts(&k, der, &f);
        assert_true(f.has_app_id);
        assert_memory_equal(f.app_id, k.app_id, 20);
        assert_true(sw_bytes_is(f.usage, "app:custom"));
        assert_true(same_attestation(&f.attestation, &k.attestation));
        write_seed("ratls", bare != 0 ? "bare" : "wrapped", der);
        /* until 0.5.8 */
        p.ext[0] = (cert_ext){ARC "1", k.quote, bare != 0};
        p.ext[3] = (cert_ext){ARC "2", k.log_json, bare != 0};
        der = make_cert(&k.arena, &p);
        check_facts(&k, der, &f);
        assert_int_equal(f.attestation.config.size, 0);
        write_seed("ratls", bare != 0 ? "old-bare" : "old-wrapped", der);
        /* nothing but the attestation */
        p.ext[0] = (cert_ext){SW_RATLS_ATTESTATION_OID, k.v0, bare != 0};
        p.ext[1].oid = NULL;
        check_facts(&k, make_cert(&k.arena, &p), &f);
        assert_false(f.has_app_id);
        assert_false(f.has_app_info);
        assert_int_equal(f.usage.size, 0);
    }
    pki_close(&k);
}

/* 20 bare bytes that are a whole OCTET STRING of 18. */
static void test_bare_app_id(void **state) {
    (void)state;
    pki k;
    sw_ratls_facts f;
    pki_open(&k);
    static const char app[] = "0412a3a4a5a6a7a8a9aaabacadaeafb0b1b2b3b4";
    made_event boot[COUNT(made_boot)];
    memcpy(boot, made_boot, sizeof boot);
    boot[1].payload = app;
    sw_dstack_attestation t =
        make_attestation(&k.arena, k.attestation.report_data, boot, COUNT(boot));
    SW_SCOPED(sw_buffer) v0 = SW_BUFFER(MADE_MAX);
    assert_int_equal(sw_dstack_attestation_encode(&t, &v0, NULL), SW_OK);
    cert_plan p = leaf_plan(&k);
    p.ext[0].value = sw_buffer_bytes(&v0);
    p.ext[1] = (cert_ext){ARC "3", unhex(&k.arena, app), true};
    assert_int_equal(read_cert(&k.arena, make_cert(&k.arena, &p), &f, NULL), SW_OK);
    assert_hex(f.app_id, 20, app);
    pki_close(&k);
}

static void test_made_extension(void **state) {
    (void)state;
    pki k;
    sw_ratls_facts f;
    pki_open(&k);
    /* a log with more than a certificate keeps: a boot event, and digests that are written */
    sw_log_event *events = SW_ARENA_NEW(&k.arena, sw_log_event, k.attestation.log.count + 1);
    memcpy(events + 1, k.attestation.log.events, k.attestation.log.count * sizeof *events);
    events[0] = (sw_log_event){.imr = 1, .type = 4, .has_digest = true};
    for (size_t i = 4; i < k.attestation.log.count + 1; i++) {
        assert_int_equal(sw_event_digest(&k.attestation.runtime[i - 4], events[i].digest, NULL),
                         SW_OK);
        events[i].has_digest = true;
    }
    sw_dstack_attestation full = k.attestation;
    full.log = (sw_event_log){events, k.attestation.log.count + 1};
    SW_SCOPED(sw_buffer) value = SW_BUFFER(MADE_MAX);
    assert_int_equal(sw_ratls_extension_make(&full, &value, NULL), SW_OK);
    cert_plan p = leaf_plan(&k);
    p.ext[0] = (cert_ext){SW_RATLS_ATTESTATION_OID, sw_buffer_bytes(&value), true};
    check_facts(&k, make_cert(&k.arena, &p), &f);
    /* digests of a stripped log read as zeros that nobody wrote */
    assert_int_equal(f.attestation.log.count, k.attestation.log.count);
    assert_true(same_attestation(&f.attestation, &k.attestation));
    /* and a certificate of our own making */
    SW_SCOPED(sw_buffer) der = SW_BUFFER(MADE_MAX);
    uint8_t secret[32];
    sw_p256_public key;
    const sw_entropy entropy = sw_entropy_system();
    assert_int_equal(sw_p256_generate(&entropy, secret, &key, NULL), SW_OK);
    sw_report_data report;
    sw_ratls_report(&report, &key);
    sw_dstack_attestation own = make_attestation(&k.arena, report.b, made_boot, COUNT(made_boot));
    sw_buffer_reset(&value);
    assert_int_equal(sw_ratls_extension_make(&own, &value, NULL), SW_OK);
    const sw_cert_plan plan = {.common_name = "own",
                               .serial = 7,
                               .not_before_ms = NOW_MS,
                               .not_after_ms = NOW_MS + 1000,
                               .extension_oid = SW_RATLS_ATTESTATION_OID,
                               .extension = sw_buffer_bytes(&value)};
    assert_int_equal(sw_cert_make(&plan, &key, NULL, secret, &der, NULL), SW_OK);
    assert_int_equal(read_cert(&k.arena, sw_buffer_bytes(&der), &f, NULL), SW_OK);
    assert_true(same_attestation(&f.attestation, &own));
    pki_close(&k);
}

static void cert_refused(const cert_plan *p, sw_status status, const char *sentence) {
    SW_SCOPED(sw_arena) a = {0};
    sw_ratls_facts f, before;
    sw_error err = {0};
    memset(&f, 0xa5, sizeof f);
    memcpy(&before, &f, sizeof f);
    sw_status got = read_cert(&a, make_cert(&a, p), &f, &err);
    if (got != status || strstr(err.message, sentence) == NULL)
        fail_msg("%d \"%s\", not %d \"%s\"", got, err.message, status, sentence);
    assert_memory_equal(&f, &before, sizeof f);
}

static void test_cert_refused(void **state) {
    (void)state;
    pki k;
    pki_open(&k);
    static uint8_t other_app[20], long_usage[SW_DSTACK_TEXT_LIMIT + 1];
    memset(long_usage, 'x', sizeof long_usage);
    const struct {
        cert_ext ext[4];
        sw_status status;
        const char *sentence;
    } cases[] = {
        {{{NULL, {0}, false}}, SW_MISSING, "carries no attestation"},
        {{{ARC "3", SW_BYTES_OF(k.app_id), false}}, SW_MISSING, "carries no attestation"},
        {{{ARC "1", k.quote, false}}, SW_REFUSED, "a quote and no event log"},
        {{{ARC "2", k.log_json, false}}, SW_REFUSED, "an event log and no quote"},
        {{{ARC "8", k.v0, false}, {ARC "1", k.quote, false}, {ARC "2", k.log_json, false}},
         SW_REFUSED,
         "its attestation in two forms"},
        {{{ARC "8", k.v0, false}, {ARC "2", k.log_json, false}}, SW_REFUSED, "in two forms"},
        {{{ARC "8", k.v0, false}, {ARC "8", k.v0, false}}, SW_MALFORMED, "twice"},
        {{{ARC "8", k.v0, false},
          {ARC "3", SW_BYTES_OF(k.app_id), false},
          {ARC "3", SW_BYTES_OF(k.app_id), false}},
         SW_MALFORMED,
         "twice"},
        {{{ARC "8", SW_LITERAL(""), false}},
         SW_MALFORMED,
         "extension 1.3.6.1.4.1.62397.1.8 is empty"},
        {{{ARC "8", SW_LITERAL(""), true}},
         SW_MALFORMED,
         "extension 1.3.6.1.4.1.62397.1.8 is empty"},
        {{{ARC "8", k.quote, false}}, SW_REFUSED, "begins with 0x04"},
        {{{ARC "1", k.quote, false}, {ARC "2", SW_LITERAL("ELGZv1\x1f\x8b"), false}},
         SW_REFUSED,
         "event log is compressed"},
        {{{ARC "1", k.quote, false}, {ARC "2", SW_LITERAL("[]x"), false}},
         SW_MALFORMED,
         "JSON byte"},
        {{{ARC "1", k.log_json, false}, {ARC "2", k.log_json, false}}, SW_REFUSED, "quote"},
        {{{ARC "8", k.v0, false}, {ARC "3", SW_BYTES_OF(other_app), false}},
         SW_REFUSED,
         "app id is not that of its event log"},
        {{{ARC "8", k.v0, false}, {ARC "3", SW_BYTES(k.app_id, 19), false}},
         SW_MALFORMED,
         "app id has 19 bytes, not 20"},
        {{{ARC "8", k.v0, false}, {ARC "4", SW_LITERAL("a\nb"), false}},
         SW_MALFORMED,
         "usage is not plain text"},
        {{{ARC "8", k.v0, false}, {ARC "4", SW_BYTES_OF(long_usage), false}},
         SW_MALFORMED,
         "usage is not plain text"},
        {{{ARC "8", k.v0, false}, {ARC "9", SW_LITERAL("\x91\xc0"), false}},
         SW_MALFORMED,
         "app info is not a list"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        cert_plan p = leaf_plan(&k);
        memset(p.ext, 0, sizeof p.ext);
        memcpy(p.ext, cases[i].ext, sizeof cases[i].ext);
        cert_refused(&p, cases[i].status, cases[i].sentence);
    }
    pki_close(&k);
}

/* Another key, one bit more, and keys of other kinds. */
static void test_binding(void **state) {
    (void)state;
    pki k;
    pki_open(&k);
    cert_plan p = leaf_plan(&k);
    p.key = k.ca;
    cert_refused(&p, SW_REFUSED, "quote was made for another key");
    p.key = new_key("P-384");
    cert_refused(&p, SW_MALFORMED, "");
    EVP_PKEY_free(p.key);
    uint8_t report[64];
    memcpy(report, k.attestation.report_data, sizeof report);
    report[63] ^= 1;
    sw_dstack_attestation t = make_attestation(&k.arena, report, made_boot, COUNT(made_boot));
    SW_SCOPED(sw_buffer) v0 = SW_BUFFER(MADE_MAX);
    assert_int_equal(sw_dstack_attestation_encode(&t, &v0, NULL), SW_OK);
    p = leaf_plan(&k);
    p.ext[0].value = sw_buffer_bytes(&v0);
    cert_refused(&p, SW_REFUSED, "quote was made for another key");
    pki_close(&k);
}

/* ---- chains ---- */
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
        cmocka_unit_test(test_forms),          cmocka_unit_test(test_bare_app_id),
        cmocka_unit_test(test_made_extension), cmocka_unit_test(test_cert_refused),
        cmocka_unit_test(test_binding),        cmocka_unit_test(test_chain),
        cmocka_unit_test(test_chain_refused),  cmocka_unit_test(test_simulator_root),
        cmocka_unit_test(test_chain_flips),    cmocka_unit_test(test_key_identifiers),
    };
    return cmocka_run_group_tests_name("ratls", tests, NULL, NULL);
}
