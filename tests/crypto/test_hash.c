/* SPDX-License-Identifier: Apache-2.0
 *
 * Hashes (FIPS 180-4 examples), HMAC (RFC 4231), HKDF (RFC 5869 appendix A), the binding encoding
 * (CRYPTO-001).
 */
#include "crypto/vector.h"

#include <string.h>

/* ---- hashes ---- */
typedef struct hash_case {
    const char *in; /* text */
    const char *sha256, *sha384, *sha512;
} hash_case;

static const hash_case hash_cases[] = {
    {"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
     "38b060a751ac96384cd9327eb1b1e36a21fdb71114be07434c0cc7bf63f6e1da"
     "274edebfe76f65fbd51ad2f14898b95b",
     "cf83e1357eefb8bdf1542850d66d8007d620e4050b5715dc83f4a921d36ce9ce"
     "47d0d13c5d85f2b0ff8318d2877eec2f63b931bd47417a81a538327af927da3e"},
    {"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
     "cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed"
     "8086072ba1e7cc2358baeca134c825a7",
     "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
     "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f"},
    {"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
     "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1",
     "3391fdddfc8dc7393707a65b1b4709397cf8b1d162af05abfe8f450de5f36bc6"
     "b0455a8520bc4e6f5fe95b1fe3c8452b",
     "204a8fc6dda82f0a0ced7beb8e08a41657c16ef468b228a8279be331a703c335"
     "96fd15c13b1b07f9aa1d3bea57789ca031ad85c7a71dd70354ec631238ca3445"},
};

static void test_hashes(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT(hash_cases); i++) {
        const hash_case *c = &hash_cases[i];
        sw_hash h;
        uint8_t h384[SW_SHA384_BYTES], h512[SW_SHA512_BYTES];
        sw_sha256(&h, sw_text(c->in));
        sw_sha384(h384, sw_text(c->in));
        sw_sha512(h512, sw_text(c->in));
        assert_hex(h.b, sizeof h.b, c->sha256);
        assert_hex(h384, sizeof h384, c->sha384);
        assert_hex(h512, sizeof h512, c->sha512);
    }
}

static void test_stream_of_a_million(void **state) {
    (void)state;
    static const char million[] =
        "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0";
    uint8_t piece[1000];
    memset(piece, 'a', sizeof piece);
    sw_hash h;
    sw_sha256_stream *s = sw_sha256_open();
    assert_non_null(s);
    sw_sha384_stream *longer = sw_sha384_open();
    assert_non_null(longer);
    for (int i = 0; i < 1000; i++) {
        sw_sha256_add(s, SW_BYTES_OF(piece));
        sw_sha384_add(longer, SW_BYTES_OF(piece));
    }
    uint8_t h384[SW_SHA384_BYTES];
    sw_sha384_close(&longer, h384);
    assert_null(longer);
    assert_hex(h384, sizeof h384,
               "9d0e1809716474cb086e834e310a4a1ced149e9c00f248527972cec5704c2a5b07b8b3dc38ecc4eb"
               "ae97ddd87f3d8985");
    sw_sha256_close(&s, &h);
    assert_null(s);
    assert_hex(h.b, sizeof h.b, million);
    s = sw_sha256_open();
    sw_sha256_close(&s, NULL); /* discarded */
    assert_null(s);
}

static void test_a_missing_stream_equals_nothing(void **state) {
    (void)state;
    sw_hash a, b;
    sw_sha256_stream *none = NULL;
    sw_sha256_close(&none, &a);
    sw_sha256_close(&none, &b);
    assert_false(sw_hash_equal(&a, &b));
    assert_false(sw_hash_zero(&a));
}

static void test_parts_are_concatenated(void **state) {
    (void)state;
    sw_bytes parts[] = {SW_LITERAL("a"), SW_LITERAL(""), SW_LITERAL("bc")};
    sw_hash h;
    sw_sha256_parts(&h, parts, COUNT(parts));
    assert_hex(h.b, sizeof h.b, hash_cases[1].sha256);
    sw_sha256_parts(&h, NULL, 0);
    assert_hex(h.b, sizeof h.b, hash_cases[0].sha256);
}

/* CRYPTO-001: u32be length and bytes of the label and of every field. */
static void test_binding_encoding(void **state) {
    (void)state;
    sw_bytes fields[] = {SW_LITERAL("one"), SW_LITERAL(""), SW_LITERAL("three")};
    static const uint8_t plain[] = "\0\0\0\x12sealwright/test/v1\0\0\0\3one\0\0\0\0\0\0\0\5three";
    sw_hash bound, expected;
    uint8_t bound512[SW_SHA512_BYTES], expected512[SW_SHA512_BYTES];
    sw_bind_sha256(&bound, "sealwright/test/v1", fields, COUNT(fields));
    sw_sha256(&expected, SW_BYTES(plain, sizeof plain - 1));
    assert_memory_equal(bound.b, expected.b, sizeof bound.b);
    sw_bind_sha512(bound512, "sealwright/test/v1", fields, COUNT(fields));
    sw_sha512(expected512, SW_BYTES(plain, sizeof plain - 1));
    assert_memory_equal(bound512, expected512, sizeof bound512);
}

/* No way of moving bytes between fields gives the same hash. */
static void test_binding_is_injective(void **state) {
    (void)state;
    const sw_bytes splits[][3] = {
        {SW_LITERAL("ab"), SW_LITERAL("c"), SW_LITERAL("")},
        {SW_LITERAL("a"), SW_LITERAL("bc"), SW_LITERAL("")},
        {SW_LITERAL("abc"), SW_LITERAL(""), SW_LITERAL("")},
        {SW_LITERAL(""), SW_LITERAL("abc"), SW_LITERAL("")},
        {SW_LITERAL(""), SW_LITERAL(""), SW_LITERAL("abc")},
    };
    sw_hash seen[COUNT(splits) + 2];
    for (size_t i = 0; i < COUNT(splits); i++) sw_bind_sha256(&seen[i], "x", splits[i], 3);
    sw_bind_sha256(&seen[COUNT(splits)], "x", splits[2], 1);
    sw_bind_sha256(&seen[COUNT(splits) + 1], "xabc", splits[2] + 1, 2);
    for (size_t i = 0; i < COUNT(seen); i++)
        for (size_t k = 0; k < i; k++) assert_false(sw_hash_equal(&seen[i], &seen[k]));
}

/* ---- two messages at once, against one after the other ---- */
static uint8_t pair_bytes[2][(1 << 20) + 64];

static void expect_pair(size_t a_size, size_t b_size, size_t offset) {
    static const uint8_t prefix = 0x5a;
    const sw_bytes a = SW_BYTES(pair_bytes[0] + offset, a_size),
                   b = SW_BYTES(pair_bytes[1] + offset, b_size);
    const sw_bytes first[] = {SW_BYTES(&prefix, 1), a}, second[] = {SW_BYTES(&prefix, 1), b};
    sw_hash got[2], expected[2];
    sw_sha256_pair(got, prefix, a, b);
    sw_sha256_parts(&expected[0], first, 2);
    sw_sha256_parts(&expected[1], second, 2);
    if (!sw_hash_equal(&got[0], &expected[0]) || !sw_hash_equal(&got[1], &expected[1]))
        fail_msg("sizes %zu and %zu at %zu", a_size, b_size, offset);
}

static void test_pairs(void **state) {
    (void)state;
    uint32_t random = 1;
    for (size_t i = 0; i < sizeof pair_bytes; i++) {
        random = random * 1664525 + 1013904223;
        pair_bytes[i & 1][i / 2] = (uint8_t)(random >> 24);
    }
    for (size_t size = 0; size <= 400; size++) expect_pair(size, size, size % 17);
    for (size_t size = 0; size < 200; size++) expect_pair(size, 199 - size, 0);
    expect_pair(1 << 20, 1 << 20, 0);
    expect_pair((1 << 20) + 16, (1 << 20) + 16, 3);
}

/* ---- HMAC, RFC 4231 ---- */
typedef struct hmac_case {
    const char *key, *message, *mac; /* hex */
} hmac_case;

static const hmac_case hmac_cases[] = {
    {"0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b", "4869205468657265",
     "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"},
    {"4a656665", "7768617420646f2079612077616e7420666f72206e6f7468696e673f",
     "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"},
    {"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
     "dddddddddddddddddddddddddddddddddddddddddddddddddd"
     "dddddddddddddddddddddddddddddddddddddddddddddddddd",
     "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe"},
    /* a key longer than a block */
    {"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
     "aaaaaaaaa"
     "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
     "aaaaaaaaa"
     "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
     "54657374205573696e67204c6172676572205468616e20426c6f636b2d53697a"
     "65204b6579202d2048617368204b6579204669727374",
     "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"},
    /* empty key, empty message (HMAC of nothing, as Python's hmac gives it) */
    {"", "", "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad"},
};

static void test_hmac(void **state) {
    (void)state;
    sw_arena arena = {0};
    for (size_t i = 0; i < COUNT(hmac_cases); i++) {
        sw_hash mac;
        sw_hmac_sha256(&mac, unhex(&arena, hmac_cases[i].key),
                       unhex(&arena, hmac_cases[i].message));
        assert_hex(mac.b, sizeof mac.b, hmac_cases[i].mac);
    }
    sw_hash mac; /* no key at all is the empty key */
    sw_hmac_sha256(&mac, (sw_bytes){0}, (sw_bytes){0});
    assert_hex(mac.b, sizeof mac.b, hmac_cases[COUNT(hmac_cases) - 1].mac);
    sw_arena_free(&arena);
}

/* ---- HKDF, RFC 5869 A.1 to A.3 ---- */
typedef struct hkdf_case {
    const char *ikm, *salt, *info, *prk, *okm;
} hkdf_case;

static const hkdf_case hkdf_cases[] = {
    {"0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b", "000102030405060708090a0b0c",
     "f0f1f2f3f4f5f6f7f8f9", "077709362c2e32df0ddc3f0dc47bba6390b6c73bb50f9c3122ec844ad7c2b3e5",
     "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865"},
    {"000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f202122232425262728292a2b2c2d2"
     "e2f"
     "303132333435363738393a3b3c3d3e3f404142434445464748494a4b4c4d4e4f",
     "606162636465666768696a6b6c6d6e6f707172737475767778797a7b7c7d7e7f808182838485868788898a8b8c8d8"
     "e8f"
     "909192939495969798999a9b9c9d9e9fa0a1a2a3a4a5a6a7a8a9aaabacadaeaf",
     "b0b1b2b3b4b5b6b7b8b9babbbcbdbebfc0c1c2c3c4c5c6c7c8c9cacbcccdcecfd0d1d2d3d4d5d6d7d8d9dadbdcddd"
     "edf"
     "e0e1e2e3e4e5e6e7e8e9eaebecedeeeff0f1f2f3f4f5f6f7f8f9fafbfcfdfeff",
     "06a6b88c5853361a06104c9ceb35b45cef760014904671014a193f40c15fc244",
     "b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c59045a99cac7827271cb41c65e590"
     "e09"
     "da3275600c2f09b8367793a9aca3db71cc30c58179ec3e87c14c01d5c1f3434f1d87"},
    {"0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b", "", "",
     "19ef24a32c717b167f33a91d6f648bdf96596776afdb6377ac434c1c293ccb04",
     "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8"},
};

static void test_hkdf(void **state) {
    (void)state;
    sw_arena arena = {0};
    for (size_t i = 0; i < COUNT(hkdf_cases); i++) {
        const hkdf_case *c = &hkdf_cases[i];
        sw_bytes ikm = unhex(&arena, c->ikm), salt = unhex(&arena, c->salt);
        sw_bytes info = unhex(&arena, c->info), okm = unhex(&arena, c->okm);
        uint8_t prk[32], out[128];
        sw_hkdf_extract(prk, salt, ikm);
        assert_hex(prk, sizeof prk, c->prk);
        for (size_t size = 0; size <= okm.size; size++) { /* every length is a prefix */
            assert_int_equal(sw_hkdf_expand(out, size, prk, info, NULL), SW_OK);
            assert_memory_equal(out, okm.data, size);
        }
        assert_int_equal(sw_hkdf(out, okm.size, ikm, salt, info, NULL), SW_OK);
        assert_memory_equal(out, okm.data, okm.size);
    }
    sw_arena_free(&arena);
}

static void test_hkdf_length_limit(void **state) {
    (void)state;
    static uint8_t out[8162], before[8162];
    uint8_t prk[32] = {1};
    sw_error err;
    assert_int_equal(sw_hkdf_expand(out, 8160, prk, SW_LITERAL("x"), NULL), SW_OK);
    memcpy(before, out, sizeof out);
    assert_int_equal(sw_hkdf_expand(out, 8161, prk, SW_LITERAL("y"), &err), SW_USAGE);
    assert_string_equal(err.word, "usage");
    assert_memory_equal(out, before, sizeof out);
    assert_int_equal(sw_hkdf(out, 8161, SW_LITERAL("k"), SW_LITERAL(""), SW_LITERAL(""), NULL),
                     SW_USAGE);
    assert_memory_equal(out, before, sizeof out);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hashes),
        cmocka_unit_test(test_stream_of_a_million),
        cmocka_unit_test(test_a_missing_stream_equals_nothing),
        cmocka_unit_test(test_parts_are_concatenated),
        cmocka_unit_test(test_pairs),
        cmocka_unit_test(test_binding_encoding),
        cmocka_unit_test(test_binding_is_injective),
        cmocka_unit_test(test_hmac),
        cmocka_unit_test(test_hkdf),
        cmocka_unit_test(test_hkdf_length_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
