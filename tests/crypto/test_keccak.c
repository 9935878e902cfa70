/* SPDX-License-Identifier: Apache-2.0
 *
 * Keccak-256 against PyCryptodome 4.4.0 (Crypto.Hash.keccak, digest_bits=256): every length from 0
 * to 999 of the bytes (7i + 3) mod 256, whose thousand digests are hashed once more; the lengths
 * around a block; and the same bytes handed over in parts.
 */
#include "crypto/secp256k1.h"
#include "crypto/vector.h"

#include <string.h>

enum { LENGTHS = 1000 };

static void fill(uint8_t out[LENGTHS]) {
    for (size_t i = 0; i < LENGTHS; i++) out[i] = (uint8_t)(7 * i + 3);
}

static void test_texts(void **state) {
    (void)state;
    static const struct {
        const char *text, *digest;
    } cases[] = {
        {"", "c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470"},
        {"abc", "4e03657aea45a94fc7d47ba826c8d667c0d1e6e33a64a036ec44f58fa12d6c45"},
        {"The quick brown fox jumps over the lazy dog",
         "4d741b6f1eb29cb2a9b9911c82f56fa8d73b04959d3d9d222895df6c0b28aa15"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        sw_hash got;
        sw_keccak256(&got, sw_text(cases[i].text));
        assert_hex(got.b, sizeof got.b, cases[i].digest);
    }
}

static void test_blocks(void **state) {
    (void)state;
    static const struct {
        size_t size;
        const char *digest;
    } cases[] = {
        {135, "00ef96af9cf4b24c7f269d922294444a197d0a33638c2e56634c57e892103a8f"},
        {136, "742061bcad767ed4c4f5883b1dcb1aad11afdcc140dc469d953759b127b9f9ed"},
        {137, "e3371f61e770abf254c34239c3b0099ad90594507415bc81dd0a10b9692bbf2a"},
    };
    uint8_t bytes[LENGTHS];
    fill(bytes);
    for (size_t i = 0; i < COUNT(cases); i++) {
        sw_hash got;
        sw_keccak256(&got, SW_BYTES(bytes, cases[i].size));
        assert_hex(got.b, sizeof got.b, cases[i].digest);
    }
}

static void test_every_length(void **state) {
    (void)state;
    uint8_t bytes[LENGTHS];
    static sw_hash digests[LENGTHS];
    sw_hash all;
    fill(bytes);
    for (size_t n = 0; n < LENGTHS; n++) sw_keccak256(&digests[n], SW_BYTES(bytes, n));
    sw_keccak256(&all, SW_BYTES_OF(digests));
    assert_hex(all.b, sizeof all.b,
               "6bad3a0521b173bb46fdd99877e7b81f1b83b2e8782994b03db758777f9d4ab9");
}

static void test_parts(void **state) {
    (void)state;
    uint8_t bytes[LENGTHS];
    sw_hash whole, parted;
    fill(bytes);
    for (size_t n = 0; n < 300; n += 7) {
        sw_keccak256(&whole, SW_BYTES(bytes, n));
        for (size_t cut = 0; cut <= n; cut++) {
            sw_bytes parts[] = {SW_BYTES(bytes, cut), {NULL, 0}, SW_BYTES(bytes + cut, n - cut)};
            sw_keccak256_parts(&parted, parts, COUNT(parts));
            assert_true(sw_hash_equal(&whole, &parted));
        }
    }
    sw_keccak256_parts(&parted, NULL, 0);
    sw_keccak256(&whole, (sw_bytes){NULL, 0});
    assert_true(sw_hash_equal(&whole, &parted));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_texts),
        cmocka_unit_test(test_blocks),
        cmocka_unit_test(test_every_length),
        cmocka_unit_test(test_parts),
    };
    return cmocka_run_group_tests_name("keccak", tests, NULL, NULL);
}
