/* SPDX-License-Identifier: Apache-2.0
 *
 * DSSE envelopes: the protocol's own vector, then everything that must be refused (ENV-001 ...).
 */
#include "seal/support.h"

static const char PAYLOAD[] = "{\"kind\":\"test\"}";

/* DSSE protocol.md, test vectors: the key is
 * 97358161215184420915383655311931858321456579547487070936769975997791359926199. */
static const char VECTOR_SECRET[] =
    "d73ec437fd6346e3619c5ebfdfff0f6916804955ad32ac9ac492b0ede1f6ffb7";
static const char VECTOR_SIGNATURE[] =
    "A3JqsQGtVsJ2O2xqrI5IcnXip5GToJ3F+FnZ+O88SjtR6rDAajabZKciJTfUiHqJPcIAriEGAHTVeCUjW2JIZA==";

static void test_protocol_vector(void **state) {
    (void)state;
    SW_SCOPED(sw_buffer) pae = SW_BUFFER(256);
    SW_SCOPED(sw_buffer) raw = SW_BUFFER(64);
    sw_arena arena = {0};
    sw_p256_public key;
    sw_envelope_pae(&pae, SW_LITERAL("http://example.com/HelloWorld"), SW_LITERAL("hello world"));
    assert_true(sw_bytes_is(sw_buffer_bytes(&pae),
                            "DSSEv1 29 http://example.com/HelloWorld 11 hello world"));
    assert_int_equal(sw_base64_decode(&raw, sw_text(VECTOR_SIGNATURE), NULL), SW_OK);
    assert_int_equal(sw_p256_derive(unhex(&arena, VECTOR_SECRET).data, &key, NULL), SW_OK);
    assert_int_equal(sw_p256_verify_raw(&key, sw_buffer_bytes(&pae), raw.data, NULL), SW_OK);
    sw_arena_free(&arena);
}

typedef struct fixture {
    chance c;
    sw_arena arena;
    key_pair owner, other;
    sw_buffer one; /* signed by owner, kind approve */
} fixture;

static fixture *start(void) {
    fixture *f = calloc(1, sizeof *f);
    assert_non_null(f);
    chance_start(&f->c, 11);
    f->owner = make_key_pair(&f->c);
    f->other = make_key_pair(&f->c);
    f->one = SW_BUFFER(SW_ENVELOPE_LIMIT);
    assert_int_equal(
        sw_envelope_sign(SW_PAYLOAD_APPROVE, sw_text(PAYLOAD), f->owner.secret, &f->one, NULL),
        SW_OK);
    return f;
}

static void end(fixture *f) {
    sw_buffer_free(&f->one);
    sw_arena_free(&f->arena);
    free(f);
}

static sw_status open_as(fixture *f, sw_bytes bytes, sw_payload_kind kind, const key_pair *key) {
    sw_bytes payload = {0};
    sw_status status = sw_envelope_open(&f->arena, bytes, kind, &key->public, &payload, NULL);
    if (status == SW_OK)
        assert_true(sw_bytes_is(payload, PAYLOAD));
    else
        assert_null(payload.data);
    return status;
}

static void test_sign_and_open(void **state) {
    (void)state;
    fixture *f = start();
    sw_bytes one = sw_buffer_bytes(&f->one);
    assert_int_equal(open_as(f, one, SW_PAYLOAD_APPROVE, &f->owner), SW_OK);
    assert_int_equal(open_as(f, one, SW_PAYLOAD_APPROVE, &f->other), SW_UNAUTHENTIC);
    for (int kind = 0; kind < SW_PAYLOAD_KIND_COUNT; kind++)
        if (kind != SW_PAYLOAD_APPROVE)
            assert_int_equal(open_as(f, one, (sw_payload_kind)kind, &f->owner), SW_UNAUTHENTIC);
    end(f);
}

static void test_payload_types_differ(void **state) {
    (void)state;
    for (int a = 0; a < SW_PAYLOAD_KIND_COUNT; a++)
        for (int b = 0; b < a; b++)
            assert_string_not_equal(sw_payload_type((sw_payload_kind)a),
                                    sw_payload_type((sw_payload_kind)b));
    assert_string_equal(sw_payload_type(SW_PAYLOAD_STATEMENT), "application/vnd.in-toto+json");
    assert_string_equal(sw_payload_type(SW_PAYLOAD_KIND_COUNT), "");
}

/* ENV-005, ENV-010: no flip passes. */
static void test_every_flip_is_refused(void **state) {
    (void)state;
    fixture *f = start();
    for (size_t bit = 0; bit < f->one.size * 8; bit++) {
        f->one.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
        assert_int_not_equal(open_as(f, sw_buffer_bytes(&f->one), SW_PAYLOAD_APPROVE, &f->owner),
                             SW_OK);
        f->one.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
        sw_arena_free(&f->arena);
    }
    end(f);
}

static void test_every_cut_and_extension_is_refused(void **state) {
    (void)state;
    fixture *f = start();
    for (size_t size = 0; size < f->one.size; size++) {
        sw_bytes cut = SW_BYTES(f->one.data, size);
        assert_int_equal(open_as(f, cut, SW_PAYLOAD_APPROVE, &f->owner), SW_MALFORMED);
    }
    static const char *const tails[] = {" ", "\n", "}", "{}", "x"};
    for (size_t i = 0; i < COUNT(tails); i++) {
        SW_SCOPED(sw_buffer) longer = SW_BUFFER(4096);
        sw_put_bytes(&longer, sw_buffer_bytes(&f->one));
        sw_put_text(&longer, tails[i]);
        assert_int_equal(open_as(f, sw_buffer_bytes(&longer), SW_PAYLOAD_APPROVE, &f->owner),
                         SW_MALFORMED);
    }
    end(f);
}

#define ID "00000000000000000000000000000000000000000000000000000000000000"
#define S  "MEQCIAAAAAAAAAAA"
static const char *const malformed[] = {
    "",
    "null",
    "[]",
    "{}",
    "{\"payload\":\"\",\"payloadType\":\"a\",\"signatures\":[]}",
    "{\"payload\":\"\",\"payloadType\":\"\",\"signatures\":[{\"keyid\":\"" ID "11\",\"sig\":\"" S
    "\"}]}",
    "{\"payload\":\"\",\"payloadType\":\"a b\",\"signatures\":[{\"keyid\":\"" ID "11\",\"sig\":\"" S
    "\"}]}",
    "{\"payload\":\"\",\"payloadType\":\"a\\n\",\"signatures\":[{\"keyid\":\"" ID
    "11\",\"sig\":\"" S "\"}]}",
    "{\"payload\":\"\",\"payloadType\":1,\"signatures\":[{\"keyid\":\"" ID "11\",\"sig\":\"" S
    "\"}]}",
    "{\"payload\":\"=\",\"payloadType\":\"a\",\"signatures\":[{\"keyid\":\"" ID "11\",\"sig\":\"" S
    "\"}]}",
    "{\"payload\":\"YR==\",\"payloadType\":\"a\",\"signatures\":[{\"keyid\":\"" ID
    "11\",\"sig\":\"" S "\"}]}",
    "{\"payload\":\"_w==\",\"payloadType\":\"a\",\"signatures\":[{\"keyid\":\"" ID
    "11\",\"sig\":\"" S "\"}]}",
    "{\"payload\":\"\",\"payloadType\":\"a\",\"signatures\":[{\"keyid\":\"" ID "00\",\"sig\":\"" S
    "\"}]}",
    "{\"payload\":\"\",\"payloadType\":\"a\",\"signatures\":[{\"keyid\":\"" ID "1\",\"sig\":\"" S
    "\"}]}",
    "{\"payload\":\"\",\"payloadType\":\"a\",\"signatures\":[{\"keyid\":\"" ID "AB\",\"sig\":\"" S
    "\"}]}",
    "{\"payload\":\"\",\"payloadType\":\"a\",\"signatures\":[{\"keyid\":\"" ID
    "11\",\"sig\":\"\"}]}",
    "{\"payload\":\"\",\"payloadType\":\"a\",\"signatures\":[{\"keyid\":\"" ID
    "11\",\"sig\":\"AAAAAAAA\"}]}",
    "{\"payload\":\"\",\"payloadType\":\"a\",\"signatures\":[{\"sig\":\"" S "\"}]}",
    "{\"payload\":\"\",\"payloadType\":\"a\",\"signatures\":[{\"keyid\":\"" ID "11\",\"sig\":\"" S
    "\",\"x\":1}]}",
    "{\"payload\":\"\",\"payloadType\":\"a\",\"signatures\":[{\"keyid\":\"" ID "11\",\"sig\":\"" S
    "\"},{\"keyid\":\"" ID "11\",\"sig\":\"" S "\"}]}",
    "{\"payload\":\"\",\"payloadType\":\"a\",\"signatures\":[{\"keyid\":\"" ID "12\",\"sig\":\"" S
    "\"},{\"keyid\":\"" ID "11\",\"sig\":\"" S "\"}]}",
    "{\"payload\":\"\",\"payloadType\":\"a\",\"signatures\":[{\"keyid\":\"" ID "11\",\"sig\":\"" S
    "\"}],\"x\":1}",
    "{\"payload\":\"\", \"payloadType\":\"a\",\"signatures\":[{\"keyid\":\"" ID "11\",\"sig\":\"" S
    "\"}]}",
    "{\"payloadType\":\"a\",\"payload\":\"\",\"signatures\":[{\"keyid\":\"" ID "11\",\"sig\":\"" S
    "\"}]}",
    "{\"payload\":\"\",\"payloadType\":\"\\u0061\",\"signatures\":[{\"keyid\":\"" ID
    "11\",\"sig\":\"" S "\"}]}",
};

static void test_malformed_is_refused(void **state) {
    (void)state;
    static const char good[] =
        "{\"payload\":\"\",\"payloadType\":\"a\",\"signatures\":[{\"keyid\":\"" ID
        "11\",\"sig\":\"" S "\"}]}";
    sw_arena arena = {0};
    sw_envelope e;
    assert_int_equal(sw_envelope_parse(&arena, sw_text(good), &e, NULL), SW_OK);
    for (size_t i = 0; i < COUNT(malformed); i++)
        assert_int_not_equal(sw_envelope_parse(&arena, sw_text(malformed[i]), &e, NULL), SW_OK);
    sw_arena_free(&arena);
}

static void test_limits(void **state) {
    (void)state;
    SW_SCOPED(sw_buffer) big = SW_BUFFER(2 * SW_ENVELOPE_LIMIT);
    SW_SCOPED(sw_buffer) out = SW_BUFFER(2 * SW_ENVELOPE_LIMIT);
    fixture *f = start();
    uint8_t *space = sw_put_space(&big, SW_ENVELOPE_LIMIT);
    assert_non_null(space);
    memset(space, 'x', SW_ENVELOPE_LIMIT);
    assert_int_equal(
        sw_envelope_sign(SW_PAYLOAD_AUDIT, sw_buffer_bytes(&big), f->owner.secret, &out, NULL),
        SW_LIMIT);
    assert_int_equal(out.size, 0);
    sw_envelope e;
    assert_int_not_equal(sw_envelope_parse(&f->arena, sw_buffer_bytes(&big), &e, NULL), SW_OK);
    end(f);
}

/* ---- several signatures (ENV-012, ENV-015) ---- */

static void test_cosign(void **state) {
    (void)state;
    enum { SIGNERS = 8 };
    chance c;
    chance_start(&c, 5);
    key_pair keys[SIGNERS];
    SW_SCOPED(sw_buffer) now = SW_BUFFER(SW_ENVELOPE_LIMIT);
    sw_arena arena = {0};
    for (size_t i = 0; i < SIGNERS; i++) keys[i] = make_key_pair(&c);
    assert_int_equal(
        sw_envelope_sign(SW_PAYLOAD_JOIN, sw_text(PAYLOAD), keys[0].secret, &now, NULL), SW_OK);
    for (size_t i = 1; i < SIGNERS; i++) {
        SW_SCOPED(sw_buffer) next = SW_BUFFER(SW_ENVELOPE_LIMIT);
        sw_envelope e;
        assert_int_equal(
            sw_envelope_cosign(sw_buffer_bytes(&now), SW_PAYLOAD_JOIN, keys[i].secret, &next, NULL),
            SW_OK);
        assert_int_equal(sw_envelope_parse(&arena, sw_buffer_bytes(&next), &e, NULL), SW_OK);
        assert_int_equal(e.signature_count, i + 1);
        for (size_t k = 0; k < SIGNERS; k++)
            assert_int_equal(sw_envelope_verify(&e, SW_PAYLOAD_JOIN, &keys[k].public, NULL),
                             k <= i ? SW_OK : SW_UNAUTHENTIC);
        sw_buffer_reset(&now);
        sw_put_bytes(&now, sw_buffer_bytes(&next));
    }
    SW_SCOPED(sw_buffer) none = SW_BUFFER(SW_ENVELOPE_LIMIT);
    sw_bytes payload, all = sw_buffer_bytes(&now);
    assert_int_equal(sw_envelope_cosign(all, SW_PAYLOAD_JOIN, keys[3].secret, &none, NULL),
                     SW_EXISTS);
    assert_int_equal(sw_envelope_cosign(all, SW_PAYLOAD_LIFT, keys[3].secret, &none, NULL),
                     SW_REFUSED);
    assert_int_equal(
        sw_envelope_open(&arena, all, SW_PAYLOAD_JOIN, &keys[0].public, &payload, NULL),
        SW_UNAUTHENTIC);
    assert_int_equal(none.size, 0);
    sw_arena_free(&arena);
}

/* A signature under another owner's keyid counts for neither. */
static void test_swapped_hint_is_refused(void **state) {
    (void)state;
    fixture *f = start();
    sw_envelope e;
    assert_int_equal(sw_envelope_parse(&f->arena, sw_buffer_bytes(&f->one), &e, NULL), SW_OK);
    e.signatures[0].key_id = f->other.id;
    assert_int_equal(sw_envelope_verify(&e, SW_PAYLOAD_APPROVE, &f->owner.public, NULL),
                     SW_UNAUTHENTIC);
    assert_int_equal(sw_envelope_verify(&e, SW_PAYLOAD_APPROVE, &f->other.public, NULL),
                     SW_UNAUTHENTIC);
    end(f);
}

/* ---- envelopes of others (ENV-030) ---- */

static void test_foreign(void **state) {
    (void)state;
    fixture *f = start();
    sw_envelope e;
    SW_SCOPED(sw_buffer) text = SW_BUFFER(8192);
    assert_int_equal(sw_envelope_parse(&f->arena, sw_buffer_bytes(&f->one), &e, NULL), SW_OK);
    sw_put_text(&text, " {\"x\": [1], \"signatures\": [{\"sig\": \"");
    sw_base64_encode(&text, e.signatures[0].der);
    sw_put_text(&text, "\"}, {\"keyid\": \"k\", \"sig\": \"" S "\"}], \"payloadType\": \"");
    sw_put_bytes(&text, e.payload_type);
    sw_put_text(&text, "\", \"payload\": \"");
    sw_base64_encode(&text, e.payload);
    sw_put_text(&text, "\"}\n");
    assert_int_not_equal(sw_envelope_parse(&f->arena, sw_buffer_bytes(&text), &e, NULL), SW_OK);
    assert_int_equal(sw_envelope_parse_any(&f->arena, sw_buffer_bytes(&text), &e, NULL), SW_OK);
    assert_int_equal(sw_envelope_verify(&e, SW_PAYLOAD_APPROVE, &f->owner.public, NULL), SW_OK);
    assert_int_equal(sw_envelope_verify(&e, SW_PAYLOAD_APPROVE, &f->other.public, NULL),
                     SW_UNAUTHENTIC);
    assert_int_equal(sw_envelope_verify(&e, SW_PAYLOAD_REVOKE, &f->owner.public, NULL),
                     SW_UNAUTHENTIC);
    end(f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_protocol_vector),
        cmocka_unit_test(test_sign_and_open),
        cmocka_unit_test(test_payload_types_differ),
        cmocka_unit_test(test_every_flip_is_refused),
        cmocka_unit_test(test_every_cut_and_extension_is_refused),
        cmocka_unit_test(test_malformed_is_refused),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_cosign),
        cmocka_unit_test(test_swapped_hint_is_refused),
        cmocka_unit_test(test_foreign),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
