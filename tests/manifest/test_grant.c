/* SPDX-License-Identifier: Apache-2.0
 *
 * Unlock statements and grant receipts: what is signed comes back, and nothing else does
 * (docs/formats/kms.md, KMS-040, KMS-070).
 */
#include "ledger/people.h"

#include "manifest/grant.h"

typedef struct paper {
    people p;
    sw_session_key receipt;
    sw_p256_public receipt_public, root;
} paper;

static void paper_make(paper *t) {
    found_app(&t->p, 41, 3, 2);
    uint8_t root[32];
    assert_int_equal(sw_p256_generate(&t->p.entropy, t->receipt.b, &t->receipt_public, NULL),
                     SW_OK);
    assert_int_equal(sw_p256_generate(&t->p.entropy, root, &t->root, NULL), SW_OK);
}

static sw_unlock_statement statement(const paper *t) {
    return (sw_unlock_statement){.genesis = t->p.genesis.hash,
                                 .owner = t->p.genesis.owners[1].id,
                                 .boot_nonce = named_hash('b'),
                                 .root = t->root,
                                 .receipt = t->receipt_public,
                                 .ledger = {7, named_hash('l')},
                                 .audit = {9, named_hash('a')},
                                 .time_ms = 1795408892000,
                                 .sequence = 12};
}

static sw_grant grant_for(const paper *t, sw_purpose purpose) {
    sw_grant g = {.genesis = t->p.genesis.hash,
                  .compose = named_hash('x'),
                  .purpose = purpose,
                  .dataset_count = 2,
                  .datasets = {named_hash('1'), named_hash('2')},
                  .machine = t->root,
                  .evidence = named_hash('e'),
                  .ledger = {7, named_hash('l')},
                  .audit = {9, named_hash('a')},
                  .number = 3,
                  .renewal = 4,
                  .lease_ms = 600000,
                  .granted_ms = 1795408892000,
                  .simulated = true};
    if (purpose == SW_PURPOSE_OPEN) {
        g.open_manifest = named_hash('m');
        g.open_recipient = t->p.genesis.owners[0].encryption_key;
    }
    return g;
}

static void test_statement_comes_back(void **state) {
    (void)state;
    paper t;
    paper_make(&t);
    SW_SCOPED(sw_buffer) envelope = SW_BUFFER(1 << 14);
    SW_SCOPED(sw_arena) arena = {0};
    sw_unlock_statement s = statement(&t), back;
    assert_int_equal(sw_unlock_sign(&s, &t.p.keys[1], &envelope, NULL), SW_OK);
    assert_int_equal(sw_unlock_open(&arena, bytes_of(&envelope), &t.p.genesis, &back, NULL), SW_OK);
    assert_true(sw_hash_equal(&s.genesis, &back.genesis));
    assert_true(sw_hash_equal(&s.owner, &back.owner));
    assert_true(sw_hash_equal(&s.boot_nonce, &back.boot_nonce));
    assert_true(sw_p256_equal(&s.root, &back.root));
    assert_true(sw_p256_equal(&s.receipt, &back.receipt));
    assert_true(sw_head_equal(&s.ledger, &back.ledger));
    assert_true(sw_head_equal(&s.audit, &back.audit));
    assert_int_equal(back.time_ms, s.time_ms);
    assert_int_equal(back.sequence, s.sequence);
    part(&t.p);
}

static void test_statements_refused(void **state) {
    (void)state;
    paper t;
    paper_make(&t);
    people others;
    found_app(&others, 42, 3, 2);
    sw_unlock_statement back = {.sequence = 77};
    SW_SCOPED(sw_arena) arena = {0};
    enum { OTHER_APP, OTHER_KEY, NOBODY, CASES };
    static const char *const words[CASES] = {"statement", "signature", "signature"};
    for (int i = 0; i < CASES; i++) {
        SW_SCOPED(sw_buffer) envelope = SW_BUFFER(1 << 14);
        sw_unlock_statement s = statement(&t);
        sw_error err = {0};
        if (i == NOBODY) s.owner = named_hash('n');
        assert_int_equal(sw_unlock_sign(&s, &t.p.keys[i == OTHER_KEY ? 2 : 1], &envelope, NULL),
                         SW_OK);
        const sw_genesis *g = i == OTHER_APP ? &others.genesis : &t.p.genesis;
        assert_int_not_equal(sw_unlock_open(&arena, bytes_of(&envelope), g, &back, &err), SW_OK);
        assert_string_equal(err.word, words[i]);
        assert_int_equal(back.sequence, 77); /* untouched */
    }
    sw_unlock_statement s = statement(&t);
    SW_SCOPED(sw_buffer) none = SW_BUFFER(1 << 14);
    s.time_ms = -1;
    assert_int_equal(sw_unlock_sign(&s, &t.p.keys[1], &none, NULL), SW_USAGE);
    s.time_ms = 0;
    s.sequence = (uint64_t)1 << 53;
    assert_int_equal(sw_unlock_sign(&s, &t.p.keys[1], &none, NULL), SW_USAGE);
    assert_int_equal(none.size, 0);
    part(&others);
    part(&t.p);
}

static void test_receipts_come_back(void **state) {
    (void)state;
    paper t;
    paper_make(&t);
    for (int p = SW_PURPOSE_TRAIN; p <= SW_PURPOSE_OPEN; p++) {
        SW_SCOPED(sw_buffer) envelope = SW_BUFFER(1 << 15);
        SW_SCOPED(sw_arena) arena = {0};
        sw_grant g = grant_for(&t, (sw_purpose)p), back;
        assert_int_equal(sw_grant_sign(&g, &t.receipt, &envelope, NULL), SW_OK);
        assert_int_equal(sw_grant_open(&arena, bytes_of(&envelope), &t.receipt_public, &back, NULL),
                         SW_OK);
        assert_int_equal(back.purpose, p);
        assert_int_equal(back.dataset_count, 2);
        assert_true(sw_hash_equal(&back.datasets[1], &g.datasets[1]));
        assert_true(sw_hash_equal(&back.compose, &g.compose));
        assert_true(sw_hash_equal(&back.evidence, &g.evidence));
        assert_true(sw_p256_equal(&back.machine, &g.machine));
        assert_true(sw_head_equal(&back.ledger, &g.ledger));
        assert_true(sw_head_equal(&back.audit, &g.audit));
        assert_int_equal(back.number, 3);
        assert_int_equal(back.renewal, 4);
        assert_int_equal(back.lease_ms, 600000);
        assert_int_equal(back.granted_ms, g.granted_ms);
        assert_true(back.simulated);
        assert_true(sw_hash_equal(&back.open_manifest, &g.open_manifest));
        assert_true(sw_p256_equal(&back.open_recipient, &g.open_recipient));
        assert_int_not_equal(sw_grant_open(&arena, bytes_of(&envelope), &t.root, &back, NULL),
                             SW_OK);
    }
    part(&t.p);
}

/* Payloads that the right key signed and that are still no receipt. */
static void test_payloads_refused(void **state) {
    (void)state;
    paper t;
    paper_make(&t);
    SW_SCOPED(sw_buffer) good = SW_BUFFER(1 << 15);
    SW_SCOPED(sw_arena) arena = {0};
    sw_grant g = grant_for(&t, SW_PURPOSE_TRAIN), back = {.number = 77};
    sw_envelope e;
    assert_int_equal(sw_grant_sign(&g, &t.receipt, &good, NULL), SW_OK);
    assert_int_equal(sw_envelope_parse(&arena, bytes_of(&good), &e, NULL), SW_OK);
    static const struct {
        const char *from, *to;
    } table[] = {
        {"\"number\":3", "\"number\":3.5"},
        {"\"number\":3", "\"number\":-3"},
        {"\"number\":3", "\"number\":\"3\""},
        {"\"number\":3,", ""},
        {"\"renewal\":4", "\"renewal\":9007199254740992"},
        {"\"purpose\":\"train\"", "\"purpose\":\"none\""},
        {"\"purpose\":\"train\"", "\"purpose\":\"Train\""},
        {"\"purpose\":\"train\"", "\"purpose\":\"open\""},
        {"\"open_manifest\":\"\"", "\"open_manifest\":\"00\""},
        {"\"open_recipient\":\"\"", "\"open_recipient\":\"04\""},
        {"\"simulated\":true", "\"simulated\":1"},
        {"\"simulated\":true", "\"simulated\":true,\"x\":1"},
        {"\"simulated\":true", "\"simulated\": true"},
        {"/grant/v1", "/grant/v2"},
        {"\"datasets\":[", "\"datasets\":[\"00\","},
        {"\"datasets\":[", "\"datasets\":[1,"},
        {"\"machine\":\"04", "\"machine\":\"05"},
        {"\"machine\":\"04", "\"machine\":\"0400"},
    };
    for (size_t i = 0; i < COUNT(table); i++) {
        const uint8_t *at =
            memmem(e.payload.data, e.payload.size, table[i].from, strlen(table[i].from));
        assert_non_null(at);
        SW_SCOPED(sw_buffer) payload = SW_BUFFER(1 << 15);
        SW_SCOPED(sw_buffer) envelope = SW_BUFFER(1 << 16);
        size_t before = (size_t)(at - e.payload.data), skip = before + strlen(table[i].from);
        sw_put_bytes(&payload, SW_BYTES(e.payload.data, before));
        sw_put_text(&payload, table[i].to);
        sw_put_bytes(&payload, SW_BYTES(e.payload.data + skip, e.payload.size - skip));
        assert_int_equal(
            sw_envelope_sign(SW_PAYLOAD_GRANT, bytes_of(&payload), t.receipt.b, &envelope, NULL),
            SW_OK);
        sw_status status =
            sw_grant_open(&arena, bytes_of(&envelope), &t.receipt_public, &back, NULL);
        if (status != SW_MALFORMED) print_message("# row %zu\n", i);
        assert_int_equal(status, SW_MALFORMED);
        assert_int_equal(back.number, 77);
    }
    SW_SCOPED(sw_buffer)
    other_kind = SW_BUFFER(1 << 15); /* a payload of another kind of envelope */
    assert_int_equal(sw_envelope_sign(SW_PAYLOAD_AUDIT, e.payload, t.receipt.b, &other_kind, NULL),
                     SW_OK);
    assert_int_equal(sw_grant_open(&arena, bytes_of(&other_kind), &t.receipt_public, &back, NULL),
                     SW_UNAUTHENTIC);
    part(&t.p);
}

/* Each bit, each cut, and one byte more. */
static void test_no_flip_passes(void **state) {
    (void)state;
    paper t;
    paper_make(&t);
    SW_SCOPED(sw_buffer) receipt = SW_BUFFER(1 << 15);
    SW_SCOPED(sw_buffer) word = SW_BUFFER(1 << 15);
    sw_grant g = grant_for(&t, SW_PURPOSE_OPEN), back_grant;
    sw_unlock_statement s = statement(&t), back_word;
    assert_int_equal(sw_grant_sign(&g, &t.receipt, &receipt, NULL), SW_OK);
    assert_int_equal(sw_unlock_sign(&s, &t.p.keys[1], &word, NULL), SW_OK);
    for (int which = 0; which < 2; which++) {
        sw_buffer *b = which == 0 ? &receipt : &word;
        size_t bits = b->size * 8, cuts = b->size;
        for (size_t i = 0; i <= bits + cuts; i++) {
            bool flip = i < bits;
            if (i == bits + cuts) sw_put_u8(b, ' ');
            size_t size = flip || i == bits + cuts ? b->size : i - bits;
            if (flip) b->data[i / 8] ^= (uint8_t)(1 << i % 8);
            SW_SCOPED(sw_arena) arena = {0};
            sw_bytes bytes = SW_BYTES(b->data, size);
            sw_status status =
                which == 0 ? sw_grant_open(&arena, bytes, &t.receipt_public, &back_grant, NULL)
                           : sw_unlock_open(&arena, bytes, &t.p.genesis, &back_word, NULL);
            if (status == SW_OK) print_message("# %s: case %zu\n", which ? "word" : "receipt", i);
            assert_int_not_equal(status, SW_OK);
            if (flip) b->data[i / 8] ^= (uint8_t)(1 << i % 8);
        }
    }
    part(&t.p);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_statement_comes_back), cmocka_unit_test(test_statements_refused),
        cmocka_unit_test(test_receipts_come_back),   cmocka_unit_test(test_payloads_refused),
        cmocka_unit_test(test_no_flip_passes),
    };
    return cmocka_run_group_tests_name("manifest/grant", tests, NULL, NULL);
}
