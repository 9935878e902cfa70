/* SPDX-License-Identifier: Apache-2.0
 *
 * P-384: the printed example of RFC 6979 (A.2.6, SHA-384), every bit of it flipped, numbers out of
 * range, points off the curve, what we sign ourselves, and certificates made over it.
 */
#include "crypto/vector.h"
#include "crypto/x509.h"

#include <string.h>

#define SECRET                                                                                     \
    "6b9d3dad2e1b8c1c05b19875b6659f4de23c3b667bf297ba9aa47740787137d896d5724e4c70a825f872c9ea60d2" \
    "edf5"
#define PUBLIC                                                                                     \
    "04ec3a4e415b4e19a4568618029f427fa5da9a8bc4ae92e02e06aae5286b300c64def8f0ea9055866064a2545154" \
    "80bc138015d9b72d7d57244ea8ef9ac0c621896708a59367f9dfb9f54ca84b3f1c9db1288b231c3ae0d4fe7344fd" \
    "2533264720"
#define SIGNATURE                                                                                  \
    "94edbb92a5ecb8aad4736e56c691916b3f88140666ce9fa73d64c4ea95ad133c81a648152e44acf96e36dd1e80fa" \
    "be4699ef4aeb15f178cea1fe40db2603138f130e740a19624526203b6351d0a3a94fa329c145786e679e7b82c71a" \
    "38628ac8"
#define ORDER                                                                                      \
    "ffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77aecec196accc5" \
    "2973"

static void put(uint8_t *out, size_t size, const char *text) {
    assert_int_equal(sw_hex_decode(out, size, sw_text(text), false, NULL), SW_OK);
}

static const sw_bytes sample = {(const uint8_t *)"sample", 6};

static void test_printed_example(void **state) {
    (void)state;
    sw_p384_public key, made;
    uint8_t secret[48], signature[96];
    put(key.b, sizeof key.b, PUBLIC);
    put(secret, sizeof secret, SECRET);
    put(signature, sizeof signature, SIGNATURE);
    assert_int_equal(sw_p384_verify_raw(&key, sample, signature, NULL), SW_OK);
    assert_int_equal(sw_p384_derive(secret, &made, NULL), SW_OK);
    assert_memory_equal(made.b, key.b, sizeof key.b);
    for (size_t bit = 0; bit < 8 * sizeof signature; bit++) {
        signature[bit / 8] ^= (uint8_t)(1 << bit % 8);
        assert_int_equal(sw_p384_verify_raw(&key, sample, signature, NULL), SW_UNAUTHENTIC);
        signature[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    for (size_t bit = 0; bit < 8 * sizeof key.b; bit += 5) {
        key.b[bit / 8] ^= (uint8_t)(1 << bit % 8);
        assert_int_not_equal(sw_p384_verify_raw(&key, sample, signature, NULL), SW_OK);
        key.b[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    assert_int_equal(sw_p384_verify_raw(&key, SW_BYTES(sample.data, 5), signature, NULL),
                     SW_UNAUTHENTIC);
}

static void test_numbers(void **state) {
    (void)state;
    sw_p384_public key;
    uint8_t signature[96];
    sw_error err = {0};
    put(key.b, sizeof key.b, PUBLIC);
    for (size_t half = 0; half < 2; half++) {
        put(signature, sizeof signature, SIGNATURE);
        memset(signature + 48 * half, 0, 48);
        assert_int_equal(sw_p384_verify_raw(&key, sample, signature, &err), SW_UNAUTHENTIC);
        assert_non_null(strstr(err.message, "out of range"));
        put(signature + 48 * half, 48, ORDER);
        assert_int_equal(sw_p384_verify_raw(&key, sample, signature, &err), SW_UNAUTHENTIC);
        assert_non_null(strstr(err.message, "out of range"));
    }
    uint8_t secret[48] = {0};
    assert_int_equal(sw_p384_derive(secret, &key, NULL), SW_MALFORMED);
    put(secret, sizeof secret, ORDER);
    assert_int_equal(sw_p384_derive(secret, &key, NULL), SW_MALFORMED);
}

static void test_own_signatures(void **state) {
    (void)state;
    const sw_entropy entropy = sw_entropy_system();
    for (int round = 0; round < 20; round++) {
        sw_p384_public key, other;
        uint8_t secret[48], signature[96];
        assert_int_equal(sw_p384_generate(&entropy, secret, &key, NULL), SW_OK);
        assert_int_equal(sw_p384_sign_raw(secret, sample, signature, NULL), SW_OK);
        assert_int_equal(sw_p384_verify_raw(&key, sample, signature, NULL), SW_OK);
        assert_int_equal(sw_p384_generate(&entropy, secret, &other, NULL), SW_OK);
        assert_int_equal(sw_p384_verify_raw(&other, sample, signature, NULL), SW_UNAUTHENTIC);
    }
}

/* ---- certificates ---- */
#define NOW (INT64_C(1780000000) * 1000)
#define DAY ((int64_t)86400 * 1000)
typedef struct party {
    uint8_t secret[48];
    sw_p384_public key;
    sw_cert *cert;
} party;

static const sw_cert_plan root_plan = {.common_name = "Root",
                                       .serial = 1,
                                       .not_before_ms = NOW - DAY,
                                       .not_after_ms = NOW + 9 * DAY,
                                       .ca = true};
static const sw_cert_plan leaf_plan = {.common_name = "Leaf",
                                       .serial = 2,
                                       .not_before_ms = NOW - DAY,
                                       .not_after_ms = NOW + DAY,
                                       .extension_oid = "1.3.6.1.4.1.55555.1.2",
                                       .extension = {(const uint8_t *)"\5\0", 2}};

static void make_party(party *p, const sw_cert_plan *plan, const party *issuer) {
    const sw_entropy entropy = sw_entropy_system();
    SW_SCOPED(sw_buffer) der = SW_BUFFER(4096);
    sw_error err = {0};
    assert_int_equal(sw_p384_generate(&entropy, p->secret, &p->key, NULL), SW_OK);
    if (sw_cert_make_p384(plan, &p->key, issuer == NULL ? NULL : issuer->cert,
                          issuer == NULL ? p->secret : issuer->secret, &der, &err) != SW_OK ||
        sw_cert_parse(sw_buffer_bytes(&der), &p->cert, &err) != SW_OK)
        fail_msg("%s", err.message);
}

static void test_certificates(void **state) {
    (void)state;
    party root = {0}, twin = {0}, leaf = {0};
    sw_p384_public key;
    sw_p256_public small;
    sw_bytes extension;
    make_party(&root, &root_plan, NULL);
    make_party(&twin, &root_plan, NULL);
    make_party(&leaf, &leaf_plan, &root);
    sw_bytes anchor = sw_cert_der(root.cert), other = sw_cert_der(twin.cert);
    sw_cert *chain[] = {leaf.cert, root.cert}, *wrong[] = {leaf.cert, twin.cert};
    assert_int_equal(sw_cert_key_p384(leaf.cert, &key, NULL), SW_OK);
    assert_memory_equal(key.b, leaf.key.b, sizeof key.b);
    assert_int_equal(sw_cert_key(leaf.cert, &small, NULL), SW_MALFORMED);
    assert_int_equal(sw_cert_extension(leaf.cert, leaf_plan.extension_oid, &extension, NULL),
                     SW_OK);
    assert_int_equal(extension.size, 2);
    assert_int_equal(sw_chain_verify_path(chain, 2, anchor, NOW, NULL), SW_OK);
    assert_int_equal(sw_chain_verify_path(chain, 2, anchor, NOW + 2 * DAY, NULL), SW_REFUSED);
    assert_int_equal(sw_chain_verify_path(wrong, 2, other, NOW, NULL), SW_REFUSED);
    party *all[] = {&root, &twin, &leaf};
    for (size_t i = 0; i < COUNT(all); i++) sw_cert_free(&all[i]->cert);
}

static void test_certificate_refusals(void **state) {
    (void)state;
    party root = {0}, other = {0};
    SW_SCOPED(sw_buffer) der = SW_BUFFER(4096);
    sw_cert_plan bad = leaf_plan;
    make_party(&root, &root_plan, NULL);
    make_party(&other, &root_plan, NULL);
    const uint8_t zero[48] = {0};
    sw_p384_public off = root.key;
    off.b[96] ^= 1;
    assert_int_equal(sw_cert_make_p384(&leaf_plan, &other.key, root.cert, other.secret, &der, NULL),
                     SW_USAGE);
    assert_int_equal(sw_cert_make_p384(&root_plan, &other.key, NULL, root.secret, &der, NULL),
                     SW_USAGE);
    assert_int_equal(sw_cert_make_p384(&leaf_plan, &off, root.cert, root.secret, &der, NULL),
                     SW_MALFORMED);
    assert_int_equal(sw_cert_make_p384(&leaf_plan, &other.key, root.cert, zero, &der, NULL),
                     SW_MALFORMED);
    bad.serial = 0;
    assert_int_equal(sw_cert_make_p384(&bad, &other.key, root.cert, root.secret, &der, NULL),
                     SW_USAGE);
    assert_int_equal(der.size, 0);
    sw_cert_free(&root.cert);
    sw_cert_free(&other.cert);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_printed_example),      cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_own_signatures),       cmocka_unit_test(test_certificates),
        cmocka_unit_test(test_certificate_refusals),
    };
    return cmocka_run_group_tests_name("p384", tests, NULL, NULL);
}
