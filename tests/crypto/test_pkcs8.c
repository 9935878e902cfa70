/* SPDX-License-Identifier: Apache-2.0
 *
 * Private keys at rest: what the `openssl` command wrote (golden_pkcs8.h), what we write, and what
 * is refused.
 */
#include "codec/der.h"
#include "crypto/golden_pkcs8.h"
#include "crypto/vector.h"

#include <string.h>

#define PLAIN (&golden_pkcs8_cases[0])
#define TINY  (&golden_pkcs8_cases[3]) /* scrypt 2 1 1: cheap enough to try often */

static const uint8_t untouched[32] = {0x77};

static sw_status decode(const char *pem, const char *passphrase, uint8_t secret[32],
                        sw_error *err) {
    memcpy(secret, untouched, 32);
    return sw_pkcs8_decode(sw_text(pem), sw_text(passphrase), secret, err);
}

static void test_golden(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT(golden_pkcs8_cases); i++) {
        const golden_pkcs8 *c = &golden_pkcs8_cases[i];
        uint8_t secret[32];
        sw_error err = {0};
        sw_status got = decode(c->pem, c->passphrase, secret, &err);
        if (got != c->status) fail_msg("%s: %d %s", c->name, got, err.message);
        if (got == SW_OK) assert_hex(secret, sizeof secret, golden_pkcs8_secret);
        if (got != SW_OK) assert_memory_equal(secret, untouched, sizeof secret);
        if (got == SW_REFUSED || got == SW_UNAUTHENTIC) assert_string_equal(err.word, "passphrase");
        bool encrypted = strstr(c->pem, "ENCRYPTED") != NULL;
        assert_int_equal(sw_pkcs8_is_encrypted(sw_text(c->pem)), encrypted);
    }
}

/* What we write plain is byte for byte what OpenSSL writes. */
static void test_plain_encoding(void **state) {
    (void)state;
    sw_arena arena = {0};
    uint64_t seed = 3;
    sw_entropy e = {fill_from_seed, &seed};
    const uint8_t *secret = unhex(&arena, golden_pkcs8_secret).data;
    SW_SCOPED(sw_buffer) out = SW_BUFFER(4096);
    assert_int_equal(sw_pkcs8_encode(&out, secret, (sw_bytes){0}, &e, NULL), SW_OK);
    assert_true(sw_bytes_is(sw_buffer_bytes(&out), PLAIN->pem));
    sw_arena_free(&arena);
}

static void test_encrypted_round_trip(void **state) {
    (void)state;
    uint64_t seed = 3;
    sw_entropy e = {fill_from_seed, &seed};
    uint8_t secret[32], again[32];
    sw_p256_public public;
    assert_int_equal(sw_p256_generate(&e, secret, &public, NULL), SW_OK);
    SW_SCOPED(sw_buffer) first = SW_BUFFER(4096);
    SW_SCOPED(sw_buffer) second = SW_BUFFER(4096);
    assert_int_equal(sw_pkcs8_encode(&first, secret, SW_LITERAL("open sesame"), &e, NULL), SW_OK);
    assert_int_equal(sw_pkcs8_encode(&second, secret, SW_LITERAL("open sesame"), &e, NULL), SW_OK);
    assert_false(sw_bytes_equal(sw_buffer_bytes(&first), sw_buffer_bytes(&second)));
    assert_true(sw_pkcs8_is_encrypted(sw_buffer_bytes(&first)));
    assert_int_equal(
        sw_pkcs8_decode(sw_buffer_bytes(&first), SW_LITERAL("open sesame"), again, NULL), SW_OK);
    assert_memory_equal(again, secret, sizeof secret);
    assert_int_equal(sw_pkcs8_decode(sw_buffer_bytes(&first), SW_LITERAL("open"), again, NULL),
                     SW_UNAUTHENTIC);
}

static void test_encode_refusals(void **state) {
    (void)state;
    const uint8_t zero[32] = {0}, good[32] = {1};
    uint64_t seed = 3;
    sw_entropy e = {fill_from_seed, &seed};
    SW_SCOPED(sw_buffer) out = SW_BUFFER(4096);
    SW_SCOPED(sw_buffer) small = SW_BUFFER(100);
    assert_int_equal(sw_pkcs8_encode(&out, zero, (sw_bytes){0}, &e, NULL), SW_MALFORMED);
    assert_int_equal(out.size, 0);
    assert_int_equal(sw_pkcs8_encode(&small, good, (sw_bytes){0}, &e, NULL), SW_LIMIT);
}

/* ---- damage ---- */
typedef struct der_copy {
    const char *label;
    uint8_t bytes[512];
    size_t size;
} der_copy;

static sw_status keep(void *context, sw_bytes der, sw_error *err) {
    der_copy *d = context;
    (void)err;
    assert_in_range(der.size, 1, sizeof d->bytes - 1);
    memcpy(d->bytes, der.data, der.size);
    d->size = der.size;
    return SW_OK;
}

static der_copy der_of(const golden_pkcs8 *c) {
    der_copy d = {.label = sw_pkcs8_is_encrypted(sw_text(c->pem)) ? "ENCRYPTED PRIVATE KEY"
                                                                  : "PRIVATE KEY"};
    assert_int_equal(sw_pem_decode(sw_text(c->pem), d.label, 1, keep, &d, NULL), SW_OK);
    return d;
}

static sw_status decode_der(const der_copy *d, const char *passphrase) {
    SW_SCOPED(sw_buffer) pem = SW_BUFFER(4096);
    uint8_t secret[32];
    memcpy(secret, untouched, sizeof secret);
    sw_pem_encode(&pem, d->label, SW_BYTES(d->bytes, d->size));
    sw_status got = sw_pkcs8_decode(sw_buffer_bytes(&pem), sw_text(passphrase), secret, NULL);
    if (got != SW_OK) assert_memory_equal(secret, untouched, sizeof secret);
    return got;
}

static void damage(const golden_pkcs8 *c) {
    der_copy good = der_of(c);
    assert_int_equal(decode_der(&good, c->passphrase), SW_OK);
    for (size_t bit = 0; bit < good.size * 8; bit++) {
        der_copy bent = good;
        bent.bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
        if (decode_der(&bent, c->passphrase) == SW_OK) fail_msg("%s: bit %zu", c->name, bit);
    }
    for (size_t size = 0; size < good.size; size++) {
        der_copy cut = good;
        cut.size = size;
        assert_int_not_equal(decode_der(&cut, c->passphrase), SW_OK);
    }
    der_copy longer = good;
    longer.bytes[longer.size++] = 0;
    assert_int_equal(decode_der(&longer, c->passphrase), SW_MALFORMED);
}

static void test_damage_to_plain(void **state) {
    (void)state;
    damage(PLAIN);
}

static void test_damage_to_encrypted(void **state) {
    (void)state;
    damage(TINY);
}

/* Two blocks, text around them, the wrong label, nothing. */
static void test_pem_refusals(void **state) {
    (void)state;
    static const char *const cases[] = {
        "",
        "\n",
        "-----BEGIN PRIVATE KEY-----\n-----END PRIVATE KEY-----\n",
        "-----BEGIN ENCRYPTED PRIVATE KEY-----\n-----END ENCRYPTED PRIVATE KEY-----\n",
        "-----BEGIN ENCRYPTED PRIVATE KEY-----\nMAA=\n-----END ENCRYPTED PRIVATE KEY-----\n",
        "-----BEGIN PRIVATE KEY-----\nMAA=\n-----END PRIVATE KEY-----\n",
        "-----BEGIN PRIVATE KEY-----\n****\n-----END PRIVATE KEY-----\n",
        "-----BEGIN PUBLIC KEY-----\nMAA=\n-----END PUBLIC KEY-----\n",
        "not a key"};
    uint8_t secret[32];
    for (size_t i = 0; i < COUNT(cases); i++)
        assert_int_equal(decode(cases[i], "x", secret, NULL), SW_MALFORMED);
    SW_SCOPED(sw_buffer) two = SW_BUFFER(4096);
    sw_put_text(&two, PLAIN->pem);
    sw_put_text(&two, PLAIN->pem);
    assert_int_equal(sw_pkcs8_decode(sw_buffer_bytes(&two), (sw_bytes){0}, secret, NULL), SW_LIMIT);
    for (size_t size = 0; size + 1 < strlen(PLAIN->pem); size++)
        assert_int_not_equal(
            sw_pkcs8_decode(SW_BYTES(PLAIN->pem, size), (sw_bytes){0}, secret, NULL), SW_OK);
}

/* ---- costs ---- */
typedef struct cost_case {
    uint64_t n, r, p;
    size_t salt;
    sw_status status;
} cost_case;

/* Refusals of parameters come before the passphrase is asked for; a lawful file then asks
 * (SW_REFUSED), computing nothing. */
static const cost_case cost_cases[] = {
    {1 << 17, 8, 1, 16, SW_REFUSED},
    {1 << 20, 8, 1, 16, SW_REFUSED},
    {1 << 17, 8, 8, 8, SW_REFUSED},
    {2, 1, 1, 64, SW_REFUSED},
    {1 << 21, 8, 1, 16, SW_LIMIT},
    {1 << 21, 1, 1, 16, SW_LIMIT},
    {1 << 20, 9, 1, 16, SW_LIMIT},
    {1 << 20, 8, 2, 16, SW_LIMIT},
    {1 << 17, 8, 9, 16, SW_LIMIT},
    {2, 1 << 23, 1, 16, SW_LIMIT},
    {2, 1, UINT64_MAX, 16, SW_LIMIT},
    {2, UINT64_MAX, 1, 16, SW_LIMIT},
    {(uint64_t)1 << 63, UINT64_MAX, UINT64_MAX, 16, SW_LIMIT},
    {0, 8, 1, 16, SW_MALFORMED},
    {1, 8, 1, 16, SW_MALFORMED},
    {3, 8, 1, 16, SW_MALFORMED},
    {(1 << 17) + 1, 8, 1, 16, SW_MALFORMED},
    {1 << 17, 0, 1, 16, SW_MALFORMED},
    {1 << 17, 8, 0, 16, SW_MALFORMED},
    {1 << 17, 8, 1, 7, SW_MALFORMED},
    {1 << 17, 8, 1, 0, SW_MALFORMED},
    {1 << 17, 8, 1, 65, SW_MALFORMED},
};

/* Where something more than the format allows is put: the optional keyLength among the costs, a
 * NULL elsewhere. */
typedef enum extra {
    NOTHING,
    IN_COSTS,
    IN_KDF,
    IN_CIPHER,
    IN_SCHEMES,
    IN_ALGORITHM,
    IN_WHOLE
} extra;

static void put_tagged(sw_buffer *out, uint8_t tag, sw_buffer *content, bool with_null) {
    if (with_null) sw_der_put(content, 0x05, (sw_bytes){0});
    sw_der_put(out, tag, sw_buffer_bytes(content));
}

static void put_oid(sw_buffer *out, const char *dotted) {
    SW_SCOPED(sw_buffer) oid = SW_BUFFER(64);
    assert_true(sw_der_oid(&oid, dotted));
    sw_der_put(out, SW_DER_OID, sw_buffer_bytes(&oid));
}

static void put_costs(sw_buffer *out, const cost_case *c, extra where) {
    static const uint8_t salt[65];
    SW_SCOPED(sw_buffer) costs = SW_BUFFER(512);
    SW_SCOPED(sw_buffer) kdf = SW_BUFFER(512);
    sw_der_put(&costs, SW_DER_OCTETS, SW_BYTES(salt, c->salt));
    sw_der_put_u64(&costs, SW_DER_INTEGER, c->n);
    sw_der_put_u64(&costs, SW_DER_INTEGER, c->r);
    sw_der_put_u64(&costs, SW_DER_INTEGER, c->p);
    if (where == IN_COSTS) sw_der_put_u64(&costs, SW_DER_INTEGER, 32);
    put_oid(&kdf, "1.3.6.1.4.1.11591.4.11");
    put_tagged(&kdf, SW_DER_SEQUENCE, &costs, false);
    put_tagged(out, SW_DER_SEQUENCE, &kdf, where == IN_KDF);
}

static der_copy with_costs(const cost_case *c, extra where) {
    static const uint8_t iv[16], sealed[144];
    der_copy d = {.label = "ENCRYPTED PRIVATE KEY"};
    SW_SCOPED(sw_buffer) cipher = SW_BUFFER(512);
    SW_SCOPED(sw_buffer) schemes = SW_BUFFER(512);
    SW_SCOPED(sw_buffer) algorithm = SW_BUFFER(512);
    SW_SCOPED(sw_buffer) whole = SW_BUFFER(512);
    SW_SCOPED(sw_buffer) der = SW_BUFFER(512);
    put_oid(&cipher, "2.16.840.1.101.3.4.1.42");
    sw_der_put(&cipher, SW_DER_OCTETS, SW_BYTES_OF(iv));
    put_costs(&schemes, c, where);
    put_tagged(&schemes, SW_DER_SEQUENCE, &cipher, where == IN_CIPHER);
    put_oid(&algorithm, "1.2.840.113549.1.5.13");
    put_tagged(&algorithm, SW_DER_SEQUENCE, &schemes, where == IN_SCHEMES);
    put_tagged(&whole, SW_DER_SEQUENCE, &algorithm, where == IN_ALGORITHM);
    sw_der_put(&whole, SW_DER_OCTETS, SW_BYTES_OF(sealed));
    put_tagged(&der, SW_DER_SEQUENCE, &whole, where == IN_WHOLE);
    assert_false(der.failed);
    (void)keep(&d, sw_buffer_bytes(&der), NULL);
    return d;
}

static void test_cost_limits(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT(cost_cases); i++) {
        der_copy d = with_costs(&cost_cases[i], NOTHING);
        sw_status got = decode_der(&d, "");
        if (got != cost_cases[i].status) fail_msg("case %zu: %d", i, got);
    }
}

static void test_nothing_more_than_the_format(void **state) {
    (void)state;
    for (extra where = NOTHING; where <= IN_WHOLE; where++) {
        der_copy d = with_costs(&cost_cases[3], where);
        assert_int_equal(decode_der(&d, ""), where == NOTHING ? SW_REFUSED : SW_MALFORMED);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_golden),
        cmocka_unit_test(test_plain_encoding),
        cmocka_unit_test(test_encrypted_round_trip),
        cmocka_unit_test(test_encode_refusals),
        cmocka_unit_test(test_damage_to_plain),
        cmocka_unit_test(test_damage_to_encrypted),
        cmocka_unit_test(test_pem_refusals),
        cmocka_unit_test(test_cost_limits),
        cmocka_unit_test(test_nothing_more_than_the_format),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
