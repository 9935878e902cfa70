/* SPDX-License-Identifier: Apache-2.0
 *
 * AES-256-GCM: test cases 13 to 16 of the GCM specification (McGrew and Viega), then every way of
 * damaging a message.
 */
#include "crypto/vector.h"

#include <string.h>

typedef struct gcm_case {
    const char *key, *nonce, *aad, *plain, *sealed;
} gcm_case;

#define KEY_0  "0000000000000000000000000000000000000000000000000000000000000000"
#define KEY_FE "feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308"

static const gcm_case gcm_cases[] = {
    {KEY_0, "000000000000000000000000", "", "", "530f8afbc74536b9a963b4f1c4cb738b"},
    {KEY_0, "000000000000000000000000", "", "00000000000000000000000000000000",
     "cea7403d4d606b6e074ec5d3baf39d18d0d1c8a799996bf0265b98b5d48ab919"},
    {KEY_FE, "cafebabefacedbaddecaf888", "",
     "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72"
     "1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b391aafd255",
     "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa"
     "8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662898015ad"
     "b094dac5d93471bdec1a502270e3cc6c"},
    {KEY_FE, "cafebabefacedbaddecaf888", "feedfacedeadbeeffeedfacedeadbeefabaddad2",
     "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72"
     "1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39",
     "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa"
     "8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662"
     "76fc6ece0f4e1768cddf8853bb2d551b"},
};

typedef struct message {
    sw_arena arena;
    sw_gcm *g;
    sw_bytes nonce, aad, plain, sealed;
} message;

static void load(message *m, const gcm_case *c) {
    memset(m, 0, sizeof *m);
    assert_int_equal(sw_gcm_open(unhex(&m->arena, c->key).data, &m->g, NULL), SW_OK);
    m->nonce = unhex(&m->arena, c->nonce);
    m->aad = unhex(&m->arena, c->aad);
    m->plain = unhex(&m->arena, c->plain);
    m->sealed = unhex(&m->arena, c->sealed);
}

static void drop(message *m) {
    sw_gcm_close(&m->g);
    assert_null(m->g);
    sw_arena_free(&m->arena);
}

static void test_specification(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT(gcm_cases); i++) {
        message m;
        uint8_t out[128];
        load(&m, &gcm_cases[i]);
        for (int again = 0; again < 3; again++) { /* one context serves many messages */
            assert_int_equal(sw_gcm_seal(m.g, m.nonce.data, m.aad, m.plain, out, NULL), SW_OK);
            assert_memory_equal(out, m.sealed.data, m.sealed.size);
            memset(out, 0x55, sizeof out);
            assert_int_equal(sw_gcm_unseal(m.g, m.nonce.data, m.aad, m.sealed, out, NULL), SW_OK);
            assert_memory_equal(out, m.plain.data, m.plain.size);
            assert_int_equal(out[m.plain.size], 0x55); /* nothing behind it is touched */
        }
        drop(&m);
    }
}

static void test_in_place(void **state) {
    (void)state;
    message m;
    uint8_t both[128];
    load(&m, &gcm_cases[3]);
    memcpy(both, m.plain.data, m.plain.size);
    sw_bytes plain = SW_BYTES(both, m.plain.size), sealed = SW_BYTES(both, m.sealed.size);
    assert_int_equal(sw_gcm_seal(m.g, m.nonce.data, m.aad, plain, both, NULL), SW_OK);
    assert_memory_equal(both, m.sealed.data, m.sealed.size);
    assert_int_equal(sw_gcm_unseal(m.g, m.nonce.data, m.aad, sealed, both, NULL), SW_OK);
    assert_memory_equal(both, m.plain.data, m.plain.size);
    drop(&m);
}

static void refuse(message *m, const uint8_t *nonce, sw_bytes aad, sw_bytes sealed,
                   sw_status expected) {
    static const uint8_t zero[128];
    uint8_t out[128];
    sw_error err;
    memset(out, 0xaa, sizeof out);
    assert_int_equal(sw_gcm_unseal(m->g, nonce, aad, sealed, out, &err), expected);
    assert_int_equal(err.status, expected);
    if (expected == SW_UNAUTHENTIC) /* not one byte of the plaintext is left */
        assert_memory_equal(out, zero, sealed.size - SW_GCM_TAG_BYTES);
}

static void test_every_flip_is_refused(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT(gcm_cases); i++) {
        message m;
        uint8_t bent[128];
        load(&m, &gcm_cases[i]);
        for (size_t bit = 0; bit < m.sealed.size * 8; bit++) {
            memcpy(bent, m.sealed.data, m.sealed.size);
            bent[bit / 8] ^= (uint8_t)(1 << bit % 8);
            refuse(&m, m.nonce.data, m.aad, SW_BYTES(bent, m.sealed.size), SW_UNAUTHENTIC);
        }
        for (size_t bit = 0; bit < m.aad.size * 8; bit++) {
            memcpy(bent, m.aad.data, m.aad.size);
            bent[bit / 8] ^= (uint8_t)(1 << bit % 8);
            refuse(&m, m.nonce.data, SW_BYTES(bent, m.aad.size), m.sealed, SW_UNAUTHENTIC);
        }
        for (size_t bit = 0; bit < SW_GCM_NONCE_BYTES * 8; bit++) {
            memcpy(bent, m.nonce.data, m.nonce.size);
            bent[bit / 8] ^= (uint8_t)(1 << bit % 8);
            refuse(&m, bent, m.aad, m.sealed, SW_UNAUTHENTIC);
        }
        drop(&m);
    }
}

static void test_every_cut_and_extension_is_refused(void **state) {
    (void)state;
    message m;
    uint8_t longer[128] = {0};
    load(&m, &gcm_cases[3]);
    for (size_t size = 0; size < m.sealed.size; size++)
        refuse(&m, m.nonce.data, m.aad, SW_BYTES(m.sealed.data, size),
               size < SW_GCM_TAG_BYTES ? SW_MALFORMED : SW_UNAUTHENTIC);
    for (size_t size = 0; size < m.aad.size; size++)
        refuse(&m, m.nonce.data, SW_BYTES(m.aad.data, size), m.sealed, SW_UNAUTHENTIC);
    memcpy(longer, m.sealed.data, m.sealed.size);
    refuse(&m, m.nonce.data, m.aad, SW_BYTES(longer, m.sealed.size + 1), SW_UNAUTHENTIC);
    drop(&m);
}

static void test_another_key_is_refused(void **state) {
    (void)state;
    message m;
    load(&m, &gcm_cases[3]);
    for (size_t bit = 0; bit < 256; bit++) {
        uint8_t key[SW_GCM_KEY_BYTES];
        message other = m;
        memcpy(key, unhex(&m.arena, KEY_FE).data, sizeof key);
        key[bit / 8] ^= (uint8_t)(1 << bit % 8);
        assert_int_equal(sw_gcm_open(key, &other.g, NULL), SW_OK);
        refuse(&other, m.nonce.data, m.aad, m.sealed, SW_UNAUTHENTIC);
        sw_gcm_close(&other.g);
    }
    drop(&m);
}

/* A refusal leaves the context usable. */
static void test_good_after_bad(void **state) {
    (void)state;
    message m;
    uint8_t out[128];
    load(&m, &gcm_cases[2]);
    refuse(&m, m.nonce.data, SW_LITERAL("other"), m.sealed, SW_UNAUTHENTIC);
    assert_int_equal(sw_gcm_unseal(m.g, m.nonce.data, m.aad, m.sealed, out, NULL), SW_OK);
    assert_memory_equal(out, m.plain.data, m.plain.size);
    drop(&m);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_specification),
        cmocka_unit_test(test_in_place),
        cmocka_unit_test(test_every_flip_is_refused),
        cmocka_unit_test(test_every_cut_and_extension_is_refused),
        cmocka_unit_test(test_another_key_is_refused),
        cmocka_unit_test(test_good_after_bad),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
