/* SPDX-License-Identifier: Apache-2.0
 *
 * P-256: points, scalars, ECDH (RFC 5903 8.1), ECDSA (RFC 6979 A.2.5), and golden_p256.h, made in
 * plain Python integers.
 */
#include "crypto/crypto_internal.h"
#include "crypto/golden_p256.h"
#include "crypto/vector.h"

#include <string.h>

#define ORDER "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551"
#define GENERATOR                                                                                  \
    "046b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296"                           \
    "4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5"

static sw_p256_public point_of(const char *hex) {
    sw_arena arena = {0};
    sw_p256_public made;
    sw_bytes bytes = unhex(&arena, hex);
    assert_int_equal(bytes.size, sizeof made.b);
    memcpy(made.b, bytes.data, sizeof made.b);
    sw_arena_free(&arena);
    return made;
}

static void scalar_of(uint8_t out[32], const char *hex) {
    sw_arena arena = {0};
    memcpy(out, unhex(&arena, hex).data, 32);
    sw_arena_free(&arena);
}

/* ---- points and scalars ---- */
static void test_points(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT(golden_points); i++) {
        const golden_point *c = &golden_points[i];
        sw_error err;
        sw_p256_public key = point_of(c->bytes), out;
        sw_status expected = c->on_curve ? SW_OK : SW_MALFORMED;
        if (sw_p256_check(&key, &err) != expected) fail_msg("%s", c->name);
        SW_SCOPED(sw_buffer) spki = SW_BUFFER(128);
        sw_p256_spki(&spki, &key);
        assert_int_equal(sw_p256_from_spki(sw_buffer_bytes(&spki), &out, &err), expected);
        if (!c->on_curve) assert_string_equal(err.word, "key");
        if (c->on_curve) assert_true(sw_p256_equal(&out, &key));
    }
}

static void test_every_flip_leaves_the_curve(void **state) {
    (void)state;
    sw_p256_public key = point_of(golden_public);
    SW_SCOPED(sw_buffer) spki = SW_BUFFER(128);
    sw_p256_spki(&spki, &key);
    assert_int_equal(spki.size, 91);
    for (size_t bit = 0; bit < spki.size * 8; bit++) {
        sw_p256_public out = {{9}}, before = out;
        spki.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
        assert_int_equal(sw_p256_from_spki(sw_buffer_bytes(&spki), &out, NULL), SW_MALFORMED);
        assert_true(sw_p256_equal(&out, &before));
        spki.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    for (size_t size = 0; size < spki.size; size++) {
        sw_p256_public out;
        assert_int_equal(sw_p256_from_spki(SW_BYTES(spki.data, size), &out, NULL), SW_MALFORMED);
    }
    sw_put_u8(&spki, 0);
    sw_p256_public out;
    assert_int_equal(sw_p256_from_spki(sw_buffer_bytes(&spki), &out, NULL), SW_MALFORMED);
}

typedef struct scalar_case {
    const char *secret;
    const char *public; /* NULL: out of range */
} scalar_case;

static const scalar_case scalar_cases[] = {
    {"0000000000000000000000000000000000000000000000000000000000000001", GENERATOR},
    {"ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632550",
     "046b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296"
     "b01cbd1c01e58065711814b583f061e9d431cca994cea1313449bf97c840ae0a"},
    {golden_secret, golden_public},
    {"0000000000000000000000000000000000000000000000000000000000000000", NULL},
    {ORDER, NULL},
    {"ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632552", NULL},
    {"ffffffff00000001000000000000000000000000ffffffffffffffffffffffff", NULL},
    {"ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff", NULL},
};

static void test_scalars(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT(scalar_cases); i++) {
        const scalar_case *c = &scalar_cases[i];
        uint8_t secret[32], der[SW_ECDSA_DER_LIMIT] = {0}, raw[64] = {0};
        size_t size = 77;
        sw_p256_public out = {{9}};
        scalar_of(secret, c->secret);
        sw_status expected = c->public == NULL ? SW_MALFORMED : SW_OK;
        assert_int_equal(sw_p256_derive(secret, &out, NULL), expected);
        assert_int_equal(sw_p256_sign(secret, SW_LITERAL("m"), der, &size, NULL), expected);
        assert_int_equal(sw_p256_sign_raw(secret, SW_LITERAL("m"), raw, NULL), expected);
        if (c->public != NULL) {
            assert_hex(out.b, sizeof out.b, c->public);
        } else { /* outputs untouched */
            assert_int_equal(out.b[0], 9);
            assert_int_equal(size, 77);
            assert_int_equal(der[0] | raw[0], 0);
        }
    }
}

/* ---- generation ---- */
typedef struct scripted {
    uint8_t first; /* byte that fills the first draws */
    int bad_draws, draws;
} scripted;

static sw_status fill_scripted(void *context, void *out, size_t size, sw_error *err) {
    scripted *s = context;
    memset(out, s->draws < s->bad_draws ? s->first : 0x42, size);
    s->draws++;
    if (s->bad_draws < 0) return sw_fail(err, SW_IO, "io", "no entropy");
    return SW_OK;
}

static void test_generate(void **state) {
    (void)state;
    const struct {
        scripted script;
        sw_status status;
        int draws;
    } cases[] = {
        {{0x00, 0, 0}, SW_OK, 1},           {{0xff, 1, 0}, SW_OK, 2},
        {{0x00, 3, 0}, SW_OK, 4},           {{0xff, 1000, 0}, SW_INTERNAL, 16},
        {{0x00, 1000, 0}, SW_INTERNAL, 16}, {{0x00, -1, 0}, SW_IO, 1},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        scripted s = cases[i].script;
        sw_entropy e = {fill_scripted, &s};
        uint8_t secret[32] = {0};
        sw_p256_public out = {{9}}, derived;
        assert_int_equal(sw_p256_generate(&e, secret, &out, NULL), cases[i].status);
        assert_int_equal(s.draws, cases[i].draws);
        if (cases[i].status == SW_OK) {
            assert_int_equal(secret[0], 0x42);
            assert_int_equal(sw_p256_derive(secret, &derived, NULL), SW_OK);
            assert_true(sw_p256_equal(&derived, &out));
        } else {
            assert_int_equal(secret[0], 0);
            assert_int_equal(out.b[0], 9);
        }
    }
}

/* ---- ECDH, RFC 5903 8.1 ---- */
static void test_ecdh(void **state) {
    (void)state;
    uint8_t i[32], r[32], shared[32];
    scalar_of(i, "c88f01f510d9ac3f70a292daa2316de544e9aab8afe84049c62a9c57862d1433");
    scalar_of(r, "c6ef9c5d78ae012a011164acb397ce2088685d8f06bf9be0b283ab46476bee53");
    sw_p256_public gi =
        point_of("04dad0b65394221cf9b051e1feca5787d098dfe637fc90b9ef945d0c3772581180"
                 "5271a0461cdb8252d61f1c456fa3e59ab1f45b33accf5f58389e0577b8990bb3");
    sw_p256_public gr =
        point_of("04d12dfb5289c8d4f81208b70270398c342296970a0bccb74c736fc7554494bf63"
                 "56fbf3ca366cc23e8157854c13c58d6aac23f046ada30f8353e74f33039872ab");
    static const char expected[] =
        "d6840f6b42f6edafd13116e0e12565202fef8e9ece7dce03812464d04b9442de";
    assert_int_equal(sw_p256_ecdh(i, &gr, shared, NULL), SW_OK);
    assert_hex(shared, sizeof shared, expected);
    assert_int_equal(sw_p256_ecdh(r, &gi, shared, NULL), SW_OK);
    assert_hex(shared, sizeof shared, expected);
    for (size_t k = 0; k < COUNT(golden_points); k++) {
        sw_p256_public peer = point_of(golden_points[k].bytes);
        sw_status status = golden_points[k].on_curve ? SW_OK : SW_MALFORMED;
        assert_int_equal(sw_p256_ecdh(i, &peer, shared, NULL), status);
    }
}

/* ---- ECDSA ---- */
static void test_golden_signatures(void **state) {
    (void)state;
    sw_arena arena = {0};
    sw_p256_public key = point_of(golden_public);
    sw_bytes message = sw_text(golden_message);
    for (size_t i = 0; i < COUNT(golden_der); i++) {
        const golden_signature *c = &golden_der[i];
        sw_bytes sig = unhex(&arena, c->bytes);
        sw_error err;
        sw_status any = sw_p256_verify(&key, message, sig, false, &err);
        sw_status low = sw_p256_verify(&key, message, sig, true, &err);
        if (any != (c->holds ? SW_OK : SW_UNAUTHENTIC)) fail_msg("%s", c->name);
        if (low != (c->holds_low_s ? SW_OK : SW_UNAUTHENTIC)) fail_msg("%s, low s", c->name);
        if (low != SW_OK) assert_string_equal(err.word, "signature");
    }
    for (size_t i = 0; i < COUNT(golden_raw); i++) {
        const golden_signature *c = &golden_raw[i];
        sw_status got = sw_p256_verify_raw(&key, message, unhex(&arena, c->bytes).data, NULL);
        if (got != (c->holds ? SW_OK : SW_UNAUTHENTIC)) fail_msg("raw: %s", c->name);
    }
    sw_arena_free(&arena);
}

static void test_rfc6979(void **state) {
    (void)state;
    static const struct {
        const char *message, *signature;
    } cases[] = {
        {"sample", "efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716"
                   "f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8"},
        {"test", "f1abb023518351cd71d881567b1ea663ed3efcf6c5132b354f28d3b0b7d38367"
                 "019f4113742a2b14bd25926b49c649155f267e60d3814b4c0cc84250e46f0083"},
    };
    sw_arena arena = {0};
    uint8_t secret[32];
    sw_p256_public key;
    scalar_of(secret, "c9afa9d845ba75166b5c215767b1d6934e50c3db36e89b127b8a622b120f6721");
    assert_int_equal(sw_p256_derive(secret, &key, NULL), SW_OK);
    assert_hex(key.b, sizeof key.b,
               "0460fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb6"
               "7903fe1008b8bc99a41ae9e95628bc64f2f1b20c2d7e9f5177a3c294d4462299");
    for (size_t i = 0; i < COUNT(cases); i++) {
        const uint8_t *sig = unhex(&arena, cases[i].signature).data;
        assert_int_equal(sw_p256_verify_raw(&key, sw_text(cases[i].message), sig, NULL), SW_OK);
        assert_int_equal(sw_p256_verify_raw(&key, sw_text(cases[1 - i].message), sig, NULL),
                         SW_UNAUTHENTIC);
    }
    sw_arena_free(&arena);
}

static void test_what_we_sign(void **state) {
    (void)state;
    static uint8_t text[70000];
    uint64_t seed = 1;
    for (int i = 0; i < 200; i++) {
        uint8_t secret[32], der[SW_ECDSA_DER_LIMIT], raw[64];
        size_t size = 0;
        sw_p256_public key;
        sw_entropy e = {fill_from_seed, &seed};
        sw_bytes message = SW_BYTES(text, i == 0 ? 0 : (size_t)next_random(&seed) % sizeof text);
        assert_int_equal(sw_p256_generate(&e, secret, &key, NULL), SW_OK);
        assert_int_equal(sw_p256_sign(secret, message, der, &size, NULL), SW_OK);
        assert_in_range(size, 8, SW_ECDSA_DER_LIMIT);
        assert_int_equal(sw_p256_verify(&key, message, SW_BYTES(der, size), true, NULL), SW_OK);
        assert_int_equal(sw_p256_sign_raw(secret, message, raw, NULL), SW_OK);
        assert_int_equal(sw_p256_verify_raw(&key, message, raw, NULL), SW_OK);
        assert_true(raw[32] < 0x80);
    }
}

static void test_every_flip_and_cut_is_refused(void **state) {
    (void)state;
    sw_arena arena = {0};
    sw_p256_public key = point_of(golden_public);
    sw_bytes message = sw_text(golden_message), good = unhex(&arena, golden_der[0].bytes);
    uint8_t bent[SW_ECDSA_DER_LIMIT + 1] = {0};
    for (size_t bit = 0; bit < good.size * 8; bit++) {
        memcpy(bent, good.data, good.size);
        bent[bit / 8] ^= (uint8_t)(1 << bit % 8);
        assert_int_equal(sw_p256_verify(&key, message, SW_BYTES(bent, good.size), false, NULL),
                         SW_UNAUTHENTIC);
    }
    for (size_t size = 0; size < good.size; size++)
        assert_int_equal(sw_p256_verify(&key, message, SW_BYTES(good.data, size), false, NULL),
                         SW_UNAUTHENTIC);
    for (size_t size = 0; size < message.size; size++)
        assert_int_equal(sw_p256_verify(&key, SW_BYTES(message.data, size), good, false, NULL),
                         SW_UNAUTHENTIC);
    for (size_t size = 0; size < message.size * 8; size++) {
        uint8_t other[64];
        memcpy(other, message.data, message.size);
        other[size / 8] ^= (uint8_t)(1 << size % 8);
        assert_int_equal(sw_p256_verify(&key, SW_BYTES(other, message.size), good, false, NULL),
                         SW_UNAUTHENTIC);
    }
    for (size_t i = 0; i < COUNT(golden_points); i++) { /* other keys, and none */
        sw_p256_public other = point_of(golden_points[i].bytes);
        if (sw_p256_equal(&other, &key)) continue;
        assert_int_not_equal(sw_p256_verify(&other, message, good, false, NULL), SW_OK);
    }
    sw_arena_free(&arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_points),
        cmocka_unit_test(test_every_flip_leaves_the_curve),
        cmocka_unit_test(test_scalars),
        cmocka_unit_test(test_generate),
        cmocka_unit_test(test_ecdh),
        cmocka_unit_test(test_golden_signatures),
        cmocka_unit_test(test_rfc6979),
        cmocka_unit_test(test_what_we_sign),
        cmocka_unit_test(test_every_flip_and_cut_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
