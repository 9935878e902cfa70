/* SPDX-License-Identifier: Apache-2.0
 *
 * What real dstack machines wrote, from ../shared/vectors/dstack: attestations to the last byte,
 * answers of agents from 0.3 to 0.6, the simulator's key chains, digests of contract signatures,
 * and one production answer from its certificates to its registers. Without the vectors the program
 * says so.
 */
#include "attest/dstack_support.h"

#define JUDGED_MS (INT64_C(1761955200) * 1000) /* 2025-11-01 */

/* ---- attestations ---- */
static sw_bytes attestation_file(sw_arena *a, const char *name) {
    sw_bytes file = load(a, name);
    sw_json *root;
    if (strstr(name, ".json") == NULL) return file;
    assert_int_equal(sw_json_parse(a, file, NULL, &root, NULL), SW_OK);
    const sw_json *member = sw_json_member(root, "attestation");
    uint8_t *bytes = sw_arena_alloc(a, member->text.size / 2, 1);
    assert_int_equal(sw_hex_decode(bytes, member->text.size / 2, member->text, false, NULL), SW_OK);
    return SW_BYTES(bytes, member->text.size / 2);
}

static void test_attestations(void **state) {
    (void)state;
    static const struct {
        const char *file;
        size_t events, runtime;
        bool whole_log;    /* of all registers */
        const char *parse; /* why it is refused, NULL when it is not */
    } cases[] = {
        {"simulator-attestation.bin", 33, 9, true, "dstack's public simulator"},
        {"guest-agent-attestation.bin", 33, 9, true, "dstack's public simulator"},
        {"tdx-lite-attestation.json", 12, 9, false, NULL},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        SW_SCOPED(sw_arena) a = {0};
        SW_SCOPED(sw_buffer) again = SW_BUFFER(MADE_MAX);
        sw_dstack_attestation t;
        sw_tdx_quote quote;
        uint8_t rtmr[4][48];
        bool seen[4];
        sw_error err = {0};
        sw_bytes bytes = attestation_file(&a, cases[i].file);
        if (sw_dstack_attestation_decode(&a, bytes, &t, &err) != SW_OK ||
            sw_dstack_attestation_encode(&t, &again, &err) != SW_OK ||
            sw_tdx_quote_parse(t.quote, &quote, &err) != SW_OK ||
            sw_log_replay(&t.log, rtmr, seen, &err) != SW_OK)
            fail_msg("%s: %s", cases[i].file, err.message);
        assert_true(sw_bytes_equal(sw_buffer_bytes(&again), bytes));
        assert_int_equal(t.log.count, cases[i].events);
        assert_int_equal(t.runtime_count, cases[i].runtime);
        for (size_t r = cases[i].whole_log ? 0 : 3; r < 4; r++)
            assert_memory_equal(rtmr[r], quote.td.rtmr[r], 48);
        sw_status status = sw_dstack_attestation_parse(&a, bytes, &t, &err);
        assert_int_equal(status, cases[i].parse == NULL ? SW_OK : SW_REFUSED);
        if (cases[i].parse != NULL) assert_non_null(strstr(err.message, cases[i].parse));
    }
    SW_SCOPED(sw_arena) a = {0};
    sw_dstack_attestation t;
    sw_error err = {0};
    assert_int_equal(
        sw_dstack_attestation_parse(&a, attestation_file(&a, "sev-snp-attestation.json"), &t, &err),
        SW_REFUSED);
    assert_non_null(strstr(err.message, "is of dstack-amd-sev-snp"));
}

/* ---- answers ---- */
static void test_answers(void **state) {
    (void)state;
    static const char *const files[] = {"quote-report.json", "tdx-lite-getquote.json",
                                        "phala-prod-quote.json", "examples-rtmr3-report.json"};
    for (size_t i = 0; i < COUNT(files); i++) {
        SW_SCOPED(sw_arena) a = {0};
        sw_dstack_quote q;
        sw_tdx_quote quote;
        uint8_t rtmr[4][48];
        bool seen[4];
        sw_error err = {0};
        if (sw_dstack_quote_parse(&a, load(&a, files[i]), &q, &err) != SW_OK ||
            sw_tdx_quote_parse(q.quote, &quote, &err) != SW_OK ||
            sw_log_replay(&q.log, rtmr, seen, &err) != SW_OK)
            fail_msg("%s: %s", files[i], err.message);
        for (size_t r = 0; r < 4; r++) assert_memory_equal(rtmr[r], quote.td.rtmr[r], 48);
        assert_int_equal(q.has_report_data, i < 2);
    }
}

/* ---- keys ---- */
static const sw_json *at(const sw_json *object, const char *name) {
    const sw_json *member = sw_json_member(object, name);
    if (member == NULL) fail_msg("no member %s", name);
    return member;
}

static void bytes_at(const sw_json *object, const char *name, void *out, size_t size) {
    assert_int_equal(sw_hex_decode(out, size, at(object, name)->text, false, NULL), SW_OK);
}

static sw_json *derived(sw_arena *a) {
    sw_json *root;
    assert_int_equal(sw_json_parse(a, load(a, "derived-vectors.json"), NULL, &root, NULL), SW_OK);
    return root;
}

static void test_simulator_keys(void **state) {
    (void)state;
    SW_SCOPED(sw_arena) a = {0};
    const sw_json *getkey = at(derived(&a), "getkey_simulator");
    uint8_t app_id[20];
    sw_secp256k1_public app, root, got;
    sw_dstack_key_chain chain;
    sw_hash digest;
    sw_error err = {0};
    size_t count = 0;
    bytes_at(getkey, "app_id", app_id, sizeof app_id);
    bytes_at(getkey, "app_pubkey", app.b, sizeof app.b);
    bytes_at(getkey, "kms_root_pubkey_recovered", root.b, sizeof root.b);
    bytes_at(getkey, "k256_signature", chain.link[1], sizeof chain.link[1]);
    const sw_bytes issued[] = {at(getkey, "kms_message_prefix_ascii")->text, SW_BYTES_OF(app_id),
                               SW_BYTES_OF(app.b)};
    sw_keccak256_parts(&digest, issued, COUNT(issued));
    assert_int_equal(sw_secp256k1_recover(&digest, chain.link[1], &got, NULL), SW_OK);
    assert_memory_equal(got.b, root.b, sizeof got.b);
    for (const sw_json *k = at(getkey, "keys")->first; k != NULL; k = k->next, count++) {
        sw_bytes pub = at(k, "pubkey")->text;
        chain.purpose = at(k, "purpose")->text;
        chain.public_key = SW_BYTES(sw_arena_alloc(&a, pub.size / 2, 1), pub.size / 2);
        bytes_at(k, "pubkey", (uint8_t *)chain.public_key.data, pub.size / 2);
        bytes_at(k, "sig_rfc6979_lowS", chain.link[0], sizeof chain.link[0]);
        sw_keccak256(&digest, at(k, "message_ascii")->text);
        assert_int_equal(sw_secp256k1_recover(&digest, chain.link[0], &got, NULL), SW_OK);
        assert_memory_equal(got.b, app.b, sizeof got.b);
        assert_int_equal(sw_dstack_key_verify(&chain, app_id, &root, &err), SW_REFUSED);
        assert_non_null(strstr(err.message, "dstack's public simulator"));
    }
    assert_true(count >= 5);
    assert_int_equal(sw_dstack_deny_app(app_id, NULL), SW_REFUSED);
    assert_int_equal(sw_dstack_deny_key(&app, NULL), SW_REFUSED);
}

/* The KMS's signature over an app's environment key: the same two primitives. */
static void test_env_key(void **state) {
    (void)state;
    SW_SCOPED(sw_arena) a = {0};
    const sw_json *env = at(derived(&a), "env_pubkey_sig_legacy");
    uint8_t app_id[20], key[32], signature[65], signer[33];
    sw_hash digest;
    sw_secp256k1_public got;
    bytes_at(env, "app_id", app_id, sizeof app_id);
    bytes_at(env, "pubkey", key, sizeof key);
    bytes_at(env, "signature", signature, sizeof signature);
    bytes_at(env, "signer", signer, sizeof signer);
    const sw_bytes parts[] = {SW_LITERAL("dstack-env-encrypt-pubkey:"), SW_BYTES_OF(app_id),
                              SW_BYTES_OF(key)};
    sw_keccak256_parts(&digest, parts, COUNT(parts));
    assert_int_equal(sw_secp256k1_recover(&digest, signature, &got, NULL), SW_OK);
    assert_memory_equal(got.b, signer, sizeof signer);
}

/* Keccak of every signature of dstack's contracts: a selector's four bytes, an event's whole. */
static size_t check_digests(const sw_json *table, size_t size) {
    size_t count = 0;
    for (const sw_json *m = table->first; m != NULL; m = m->next, count++) {
        sw_hash got;
        uint8_t expected[32];
        sw_bytes hex = m->text;
        if (sw_bytes_starts(hex, SW_LITERAL("0x"))) hex = SW_BYTES(hex.data + 2, hex.size - 2);
        assert_int_equal(sw_hex_decode(expected, size, hex, false, NULL), SW_OK);
        sw_keccak256(&got, m->key);
        assert_memory_equal(got.b, expected, size);
    }
    return count;
}

static void test_contract_digests(void **state) {
    (void)state;
    SW_SCOPED(sw_arena) a = {0};
    const sw_json *abi = at(derived(&a), "abi");
    assert_true(check_digests(at(abi, "selectors"), 4) >= 30);
    assert_true(check_digests(at(abi, "event_topics"), 32) >= 15);
}

/* ---- one production answer, from its certificates to its registers ---- */
typedef struct production {
    sw_arena arena;
    sw_bytes info_json, quote_json, pem, intel_root;
    sw_dstack_info info;
    sw_ratls_anchor anchor;
} production;

/* What is proven, everything that was compared with each other included. */
typedef struct proven {
    uint8_t app_id[20], instance_id[20], report_data[64], mrtd[48], rtmr[4][48];
    sw_hash compose, aggregated, device;
    uint8_t ppid[16];
} proven;

static sw_status note(sw_error *err, bool good, const char *what) {
    return good ? SW_OK : sw_fail(err, SW_REFUSED, "evidence", "%s", what);
}

typedef struct pck_chain {
    sw_cert *certs[3];
    size_t count;
} pck_chain;

static sw_status pck_add(void *context, sw_bytes der, sw_error *err) {
    pck_chain *c = context;
    SW_TRY(sw_cert_parse(der, &c->certs[c->count], err));
    c->count++;
    return SW_OK;
}

static sw_status pck_judge(const sw_tdx_quote *q, sw_bytes intel, const pck_chain *c, proven *out,
                           sw_error *err) {
    sw_bytes extension;
    sw_p256_public key;
    sw_pck pck;
    sw_hash bound;
    SW_TRY(note(err, c->count == 3, "no three certificates"));
    SW_TRY(sw_chain_verify_path(c->certs, 3, intel, JUDGED_MS, err));
    SW_TRY(sw_cert_extension(c->certs[0], SW_PCK_EXTENSION_OID, &extension, err));
    SW_TRY(sw_pck_parse(extension, &pck, err));
    SW_TRY(sw_cert_key(c->certs[0], &key, err));
    SW_TRY(sw_p256_verify_raw(&key, q->qe.raw, q->qe_signature, err));
    const sw_bytes parts[] = {SW_BYTES(q->attestation_key.b + 1, 64), q->auth_data};
    sw_sha256_parts(&bound, parts, 2);
    SW_TRY(note(err, memcmp(bound.b, q->qe.report_data, 32) == 0, "QE binding"));
    memcpy(out->ppid, pck.ppid, sizeof out->ppid);
    return sw_p256_verify_raw(&q->attestation_key, q->signed_part, q->signature, err);
}

/* A quote under Intel's root, as far as it goes without collateral: chain, QE report, signature. */
static sw_status quote_judge(sw_bytes quote, sw_bytes intel, sw_tdx_quote *q, proven *out,
                             sw_error *err) {
    pck_chain c = {0};
    SW_TRY(sw_tdx_quote_parse(quote, q, err));
    sw_status status = sw_pem_decode(q->pck_chain, "CERTIFICATE", 3, pck_add, &c, err);
    if (status == SW_OK) status = pck_judge(q, intel, &c, out, err);
    for (size_t i = 0; i < 3; i++) sw_cert_free(&c.certs[i]);
    return status;
}

/* Log against all four registers, and what RTMR3 says. */
static sw_status log_judge(sw_arena *a, const sw_event_log *log, const sw_tdx_quote *q,
                           bool whole_log, proven *out, sw_error *err) {
    uint8_t rtmr[4][48];
    bool seen[4];
    const sw_event *events;
    size_t count;
    sw_boot_facts facts;
    sw_td_measurements m;
    SW_TRY(sw_log_replay(log, rtmr, seen, err));
    for (size_t r = whole_log ? 0 : 3; r < 4; r++)
        SW_TRY(note(err, memcmp(rtmr[r], q->td.rtmr[r], 48) == 0, "replay"));
    SW_TRY(sw_log_runtime(a, log, &events, &count, err));
    SW_TRY(sw_events_read(events, count, &facts, err));
    memcpy(out->app_id, facts.app_id, 20);
    memcpy(out->instance_id, facts.instance_id, 20);
    out->compose = facts.compose;
    memcpy(out->mrtd, q->td.mrtd, 48);
    memcpy(out->rtmr, q->td.rtmr, sizeof out->rtmr);
    memcpy(out->report_data, q->td.report_data, 64);
    memcpy(m.mrtd, q->td.mrtd, 48);
    memcpy(m.rtmr, q->td.rtmr, sizeof m.rtmr);
    memcpy(m.mr_config_id, q->td.mr_config_id, 48);
    memcpy(m.mr_owner, q->td.mr_owner, 48);
    memcpy(m.mr_owner_config, q->td.mr_owner_config, 48);
    sw_mr_aggregated(&out->aggregated, &m);
    sw_hash by_ppid;
    sw_device_ids(out->ppid, q->user_data, &by_ppid, &out->device);
    return SW_OK;
}

/* The key-provider event names the root of the certificates. */
static sw_status provider_judge(sw_arena *a, const sw_event_log *log, const uint8_t root_spki[91],
                                sw_error *err) {
    const sw_event *events;
    size_t count;
    sw_config_facts facts;
    SW_TRY(sw_log_runtime(a, log, &events, &count, err));
    SW_TRY(sw_config_facts_read(a, events, count, &facts, err));
    SW_TRY(note(err, facts.provider == SW_KEY_PROVIDER_KMS, "no KMS"));
    return note(err, sw_bytes_equal(facts.provider_id, SW_BYTES(root_spki, 91)), "another KMS");
}

static void open_production(production *p) {
    memset(p, 0, sizeof *p);
    sw_error err = {0};
    p->info_json = load(&p->arena, "phala-prod-info.json");
    p->quote_json = load(&p->arena, "phala-prod-quote.json");
    p->pem = load(&p->arena, "phala-prod-app-cert-chain.pem");
    p->intel_root = load(&p->arena, "dcap-qvl-intel-sgx-root-ca.der");
    if (sw_dstack_info_parse(&p->arena, p->info_json, &p->info, &err) != SW_OK)
        fail_msg("%s", err.message);
    /* The anchor is what the key-provider event names; policy would pin it. */
    const char *hex = strstr(sw_arena_text(&p->arena, p->info.key_provider), "3059");
    sw_bytes spki = unhex(&p->arena, sw_arena_text(&p->arena, SW_BYTES(hex, 182)));
    p->anchor.of_spki = true;
    sw_sha256(&p->anchor.hash, spki);
}

static sw_status answer_judge(sw_arena *a, const production *p, sw_bytes quote_json,
                              const uint8_t root_spki[91], proven *out, sw_error *err) {
    sw_dstack_quote q;
    sw_tdx_quote quote;
    proven made = {0};
    SW_TRY(sw_dstack_quote_parse(a, quote_json, &q, err));
    SW_TRY(quote_judge(q.quote, p->intel_root, &quote, &made, err));
    SW_TRY(log_judge(a, &q.log, &quote, true, &made, err));
    SW_TRY(provider_judge(a, &q.log, root_spki, err));
    *out = made;
    return SW_OK;
}

static void check_against_info(const production *p, const proven *v) {
    assert_memory_equal(v->app_id, p->info.app_id, 20);
    assert_true(p->info.has_instance_id);
    assert_memory_equal(v->instance_id, p->info.instance_id, 20);
    assert_true(sw_hash_equal(&v->compose, &p->info.compose));
    assert_true(p->info.has_mr_aggregated);
    assert_true(sw_hash_equal(&v->aggregated, &p->info.mr_aggregated));
    assert_true(p->info.has_device);
    assert_true(sw_hash_equal(&v->device, &p->info.device)); /* the rule until 0.5.5 */
    assert_memory_equal(v->mrtd, p->info.mrtd, 48);
    assert_memory_equal(v->rtmr, p->info.rtmr, sizeof v->rtmr);
}

static void test_production(void **state) {
    (void)state;
    production p;
    proven of_answer, of_leaf = {0};
    sw_ratls_chain chain;
    sw_ratls_facts leaf;
    sw_tdx_quote quote;
    sw_error err = {0};
    open_production(&p);
    /* the certificates: to the root that RTMR3 names; the leaf's own quote and its binding */
    assert_true(sw_bytes_equal(p.info.app_cert, p.pem));
    if (sw_ratls_chain_verify(&p.arena, p.pem, &p.anchor, JUDGED_MS, &chain, &err) != SW_OK ||
        sw_ratls_read(&p.arena, chain.certs[0], &leaf, &err) != SW_OK ||
        quote_judge(leaf.attestation.quote, p.intel_root, &quote, &of_leaf, &err) != SW_OK ||
        log_judge(&p.arena, &leaf.attestation.log, &quote, true, &of_leaf, &err) != SW_OK ||
        provider_judge(&p.arena, &leaf.attestation.log, chain.root_spki, &err) != SW_OK)
        fail_msg("%s", err.message);
    assert_int_equal(chain.count, 3);
    assert_memory_equal(chain.app_id, p.info.app_id, 20);
    assert_true(leaf.has_app_id);
    assert_true(sw_bytes_is(chain.usage, "app:custom"));
    check_against_info(&p, &of_leaf);
    /* GetQuote's answer of the same machine */
    if (answer_judge(&p.arena, &p, p.quote_json, chain.root_spki, &of_answer, &err) != SW_OK)
        fail_msg("%s", err.message);
    check_against_info(&p, &of_answer);
    assert_memory_equal(of_answer.ppid, of_leaf.ppid, 16);
    /* the log that Info shows is the same machine's; its app-compose was taken out of the file */
    uint8_t rtmr[4][48];
    bool seen[4];
    assert_int_equal(sw_log_replay(&p.info.log, rtmr, seen, NULL), SW_OK);
    assert_memory_equal(rtmr, of_answer.rtmr, sizeof rtmr);
    assert_int_equal(sw_dstack_info_compose_check(&p.info, &err), SW_REFUSED);
    sw_ratls_chain_free(&chain);
    sw_arena_free(&p.arena);
}

/* Another root, another time, another leaf's place. */
static void test_production_chain_refused(void **state) {
    (void)state;
    production p;
    sw_ratls_chain chain;
    sw_error err = {0};
    open_production(&p);
    sw_ratls_anchor other = p.anchor;
    other.hash.b[0] ^= 1;
    assert_int_equal(sw_ratls_chain_verify(&p.arena, p.pem, &other, JUDGED_MS, &chain, &err),
                     SW_REFUSED);
    other = p.anchor;
    other.of_spki = false;
    assert_int_equal(sw_ratls_chain_verify(&p.arena, p.pem, &other, JUDGED_MS, &chain, &err),
                     SW_REFUSED);
    const int64_t in_2036 = INT64_C(2082758400) * 1000;
    assert_int_equal(sw_ratls_chain_verify(&p.arena, p.pem, &p.anchor, in_2036, &chain, &err),
                     SW_REFUSED);
    assert_non_null(strstr(err.message, "expired"));
    const char *text = sw_arena_text(&p.arena, p.pem);
    const char *ca = strstr(text + 1, "-----BEGIN");
    assert_int_not_equal(
        sw_ratls_chain_verify(&p.arena, sw_text(ca), &p.anchor, JUDGED_MS, &chain, &err),
        SW_OK); /* the CA as leaf */
    assert_non_null(strstr(err.message, "begins with an app's CA"));
    sw_arena_free(&p.arena);
}

/* No flip in GetQuote's answer changes what is proven: refused, or the very same. What is the same
 * lies in what no register measures: types, names and payloads of boot events, and what stands
 * behind the quote's signature data. */
static void test_production_flips(void **state) {
    (void)state;
    production p;
    proven good, v;
    uint8_t spki[91];
    size_t refusals = 0, same = 0, behind = 0;
    sw_error err = {0};
    sw_tdx_quote quote;
    open_production(&p);
    const char *hex = strstr(sw_arena_text(&p.arena, p.info.key_provider), "3059");
    assert_int_equal(sw_hex_decode(spki, 91, SW_BYTES(hex, 182), false, NULL), SW_OK);
    if (answer_judge(&p.arena, &p, p.quote_json, spki, &good, &err) != SW_OK)
        fail_msg("%s", err.message);
    sw_json *root;
    assert_int_equal(sw_json_parse(&p.arena, p.quote_json, NULL, &root, NULL), SW_OK);
    sw_bytes log = at(root, "event_log")->span, text = at(root, "quote")->span;
    const uint8_t *end = text.data + text.size - 1; /* the quotation mark */
    uint8_t *bytes = sw_arena_alloc(&p.arena, text.size / 2, 1);
    assert_int_equal(sw_hex_decode(bytes, text.size / 2 - 1, SW_BYTES(text.data + 1, text.size - 2),
                                   false, NULL),
                     SW_OK);
    assert_int_equal(sw_tdx_quote_parse(SW_BYTES(bytes, text.size / 2 - 1), &quote, NULL), SW_OK);
    const uint8_t *tail = end - 2 * quote.trailing_bytes;
    uint8_t *work = (uint8_t *)sw_arena_copy(&p.arena, p.quote_json).data;
    for (size_t bit = 0; bit < 8 * p.quote_json.size; bit += 23) {
        SW_SCOPED(sw_arena) a = {0};
        work[bit / 8] ^= (uint8_t)(1 << bit % 8);
        if (answer_judge(&a, &p, SW_BYTES(work, p.quote_json.size), spki, &v, NULL) == SW_OK) {
            const uint8_t *where = p.quote_json.data + bit / 8;
            assert_memory_equal(&v, &good, sizeof v);
            bool in_tail = where >= tail && where < end;
            assert_true(in_tail || (where > log.data && where < log.data + log.size));
            behind += in_tail;
            same += !in_tail;
        } else {
            refusals++;
        }
        work[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    print_message("# %zu flips refused, %zu in what no register measures, %zu behind the quote\n",
                  refusals, same, behind);
    assert_true(refusals > 20 * same);
    sw_arena_free(&p.arena);
}

int main(void) {
    sw_arena a = {0};
    bool there = load(&a, "derived-vectors.json").size > 0;
    sw_arena_free(&a);
    if (!there) {
        (void)puts("1..0 # SKIP no folder ../shared/vectors/dstack");
        return 0;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_attestations),
        cmocka_unit_test(test_answers),
        cmocka_unit_test(test_simulator_keys),
        cmocka_unit_test(test_env_key),
        cmocka_unit_test(test_contract_digests),
        cmocka_unit_test(test_production),
        cmocka_unit_test(test_production_chain_refused),
        cmocka_unit_test(test_production_flips),
    };
    return cmocka_run_group_tests_name("dstack vectors", tests, NULL, NULL);
}
