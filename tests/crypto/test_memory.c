/* SPDX-License-Identifier: Apache-2.0
 *
 * With the locked heap on, private keys lie in it while they are in use and are gone afterwards.
 */
#include "crypto/crypto_internal.h"
#include "crypto/hpke.h"
#include "crypto/vector.h"

#include <openssl/crypto.h>

static void test_private_keys_lie_in_the_locked_heap(void **state) {
    (void)state;
    uint64_t seed = 9;
    sw_entropy e = {fill_from_seed, &seed};
    uint8_t secret[32];
    sw_p256_public public;
    EVP_PKEY *key = NULL;
    assert_int_equal(sw_crypto_lock_heap(NULL), SW_OK);
    assert_int_equal(sw_crypto_lock_heap(NULL), SW_OK);
    assert_int_equal(sw_p256_generate(&e, secret, &public, NULL), SW_OK);
    size_t before = CRYPTO_secure_used();
    assert_int_equal(sw_p256_evp_secret(secret, &key, NULL), SW_OK);
    assert_true(CRYPTO_secure_used() > before);
    EVP_PKEY_free(key);
    assert_int_equal(CRYPTO_secure_used(), before);
}

static void use_everything(uint64_t *seed) {
    sw_entropy e = {fill_from_seed, seed};
    const uint8_t zero[32] = {0};
    uint8_t secret[32], enc[SW_HPKE_ENC_BYTES], der[SW_ECDSA_DER_LIMIT];
    size_t size = 0;
    sw_p256_public public;
    sw_hpke_keys keys;
    sw_hpke_info info = {0};
    assert_int_equal(sw_p256_generate(&e, secret, &public, NULL), SW_OK);
    assert_int_equal(sw_hpke_setup_sender(&e, &public, &info, enc, &keys, NULL), SW_OK);
    assert_int_equal(sw_hpke_setup_receiver(secret, enc, &info, &keys, NULL), SW_OK);
    assert_int_equal(sw_hpke_setup_receiver(zero, enc, &info, &keys, NULL), SW_MALFORMED);
    enc[64] ^= 1;
    assert_int_equal(sw_hpke_setup_receiver(secret, enc, &info, &keys, NULL), SW_MALFORMED);
    assert_int_equal(sw_p256_sign(secret, SW_LITERAL("m"), der, &size, NULL), SW_OK);
    assert_int_equal(sw_p256_sign(zero, SW_LITERAL("m"), der, &size, NULL), SW_MALFORMED);
}

/* Nothing piles up over many operations, refused ones among them. */
static void test_the_heap_does_not_grow(void **state) {
    (void)state;
    uint64_t seed = 9;
    assert_int_equal(sw_crypto_lock_heap(NULL), SW_OK);
    use_everything(&seed); /* OpenSSL's random generator moves in and stays */
    size_t before = CRYPTO_secure_used();
    for (int i = 0; i < 300; i++) use_everything(&seed);
    assert_int_equal(CRYPTO_secure_used(), before);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_private_keys_lie_in_the_locked_heap),
        cmocka_unit_test(test_the_heap_does_not_grow),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
