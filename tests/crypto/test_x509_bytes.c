/* SPDX-License-Identifier: Apache-2.0
 *
 * Bytes of certificates and lists: cut, extended, spelled otherwise, too large, every bit flipped.
 */
#include "crypto/pki.h"

#include <string.h>

static void test_cut_and_extended(void **state) {
    (void)state;
    uint8_t bytes[2048];
    sw_bytes good = sw_cert_der(house.leaf.cert);
    sw_cert *cert = NULL;
    sw_crl *crl = NULL;
    for (size_t size = 0; size < good.size; size++)
        assert_int_equal(sw_cert_parse(SW_BYTES(good.data, size), &cert, NULL), SW_MALFORMED);
    memcpy(bytes, good.data, good.size);
    for (int last = 0; last < 256; last++) {
        bytes[good.size] = (uint8_t)last;
        assert_int_equal(sw_cert_parse(SW_BYTES(bytes, good.size + 1), &cert, NULL), SW_MALFORMED);
    }
    SW_SCOPED(sw_buffer) der = SW_BUFFER(4096);
    const uint64_t revoked[] = {8, 9};
    assert_int_equal(
        sw_crl_make(house.mid.cert, house.mid.secret, 0, 1000, 1, revoked, 2, &der, NULL), SW_OK);
    for (size_t size = 0; size < der.size; size++)
        assert_int_equal(sw_crl_parse(SW_BYTES(der.data, size), &crl, NULL), SW_MALFORMED);
    sw_put_u8(&der, 0);
    assert_int_equal(sw_crl_parse(sw_buffer_bytes(&der), &crl, NULL), SW_MALFORMED);
    assert_int_equal(sw_crl_parse(good, &crl, NULL), SW_MALFORMED); /* a certificate */
    assert_null(cert);
    assert_null(crl);
}

/* BER that OpenSSL would take: a length in more bytes than it needs, and an open one. */
static void respell(sw_buffer *out, sw_bytes der, bool open) {
    size_t count = der.data[1] & 0x7f; /* bytes of length */
    assert_true(der.data[1] > 0x80);
    sw_put_u8(out, der.data[0]);
    sw_put_u8(out, open ? 0x80 : (uint8_t)(der.data[1] + 1));
    if (!open) sw_put_u8(out, 0);
    size_t from = open ? 2 + count : 2;
    sw_put_bytes(out, SW_BYTES(der.data + from, der.size - from));
    if (open) sw_put_u16be(out, 0);
}

static void test_other_spellings(void **state) {
    (void)state;
    SW_SCOPED(sw_buffer) list = SW_BUFFER(4096);
    const uint64_t revoked[] = {8, 9};
    assert_int_equal(
        sw_crl_make(house.mid.cert, house.mid.secret, 0, 1000, 1, revoked, 2, &list, NULL), SW_OK);
    for (int open = 0; open < 2; open++) {
        SW_SCOPED(sw_buffer) bent = SW_BUFFER(4096);
        SW_SCOPED(sw_buffer) bent_list = SW_BUFFER(4096);
        sw_cert *cert = NULL;
        sw_crl *crl = NULL;
        respell(&bent, sw_cert_der(house.leaf.cert), open != 0);
        respell(&bent_list, sw_buffer_bytes(&list), open != 0);
        assert_int_equal(sw_cert_parse(sw_buffer_bytes(&bent), &cert, NULL), SW_MALFORMED);
        assert_int_equal(sw_crl_parse(sw_buffer_bytes(&bent_list), &crl, NULL), SW_MALFORMED);
    }
}

static void test_size_limits(void **state) {
    (void)state;
    static uint8_t zeros[(4 << 20) + 1];
    sw_cert *cert = NULL;
    sw_crl *crl = NULL;
    assert_int_equal(sw_cert_parse(SW_BYTES(zeros, (64 << 10) + 1), &cert, NULL), SW_LIMIT);
    assert_int_equal(sw_cert_parse(SW_BYTES(zeros, 64 << 10), &cert, NULL), SW_MALFORMED);
    assert_int_equal(sw_crl_parse(SW_BYTES(zeros, (4 << 20) + 1), &crl, NULL), SW_LIMIT);
    assert_int_equal(sw_crl_parse(SW_BYTES(zeros, 4 << 20), &crl, NULL), SW_MALFORMED);
}

/* What a list names, in its order. */
static void test_entries(void **state) {
    (void)state;
    SW_SCOPED(sw_buffer) der = SW_BUFFER(4096);
    const uint64_t revoked[] = {8, 0x1234};
    char name[32];
    sw_crl_entry entry;
    sw_crl *crl = NULL;
    assert_int_equal(
        sw_crl_make(house.mid.cert, house.mid.secret, 5000, 9000, 1, revoked, 2, &der, NULL),
        SW_OK);
    assert_int_equal(sw_crl_parse(sw_buffer_bytes(&der), &crl, NULL), SW_OK);
    assert_int_equal(sw_crl_count(crl), 2);
    assert_int_equal(sw_crl_entry_read(crl, 0, &entry, NULL), SW_OK);
    assert_int_equal(entry.serial_bytes, 1);
    assert_int_equal(entry.serial[0], 8);
    assert_int_equal(entry.revoked_ms, 5000);
    assert_int_equal(sw_crl_entry_read(crl, 1, &entry, NULL), SW_OK);
    assert_int_equal(entry.serial_bytes, 2);
    assert_memory_equal(entry.serial, "\x12\x34", 2);
    assert_int_equal(sw_crl_issuer_name(crl, name, sizeof name, NULL), SW_OK);
    char subject[32];
    assert_int_equal(sw_cert_common_name(house.mid.cert, subject, sizeof subject, NULL), SW_OK);
    assert_string_equal(name, subject);
    assert_int_equal(sw_crl_issuer_name(crl, name, 2, NULL), SW_LIMIT);
    sw_crl_free(&crl);
}

/* A serial number that is none is shown to nobody, and no place behind the last. */
static void test_entry_out_of_range(void **state) {
    (void)state;
    SW_SCOPED(sw_buffer) der = SW_BUFFER(4096);
    sw_crl_entry entry;
    sw_crl *crl = NULL;
    const uint64_t none[] = {0}; /* RFC 5280: serial numbers are positive */
    sw_error err = {0};
    assert_int_equal(sw_crl_make(house.mid.cert, house.mid.secret, 0, 9000, 1, none, 1, &der, NULL),
                     SW_OK);
    assert_int_equal(sw_crl_parse(sw_buffer_bytes(&der), &crl, NULL), SW_OK);
    assert_int_equal(sw_crl_entry_read(crl, 0, &entry, &err), SW_MALFORMED);
    assert_non_null(strstr(err.message, "serial number in a revocation list is out of range"));
    assert_int_equal(sw_crl_entry_read(crl, 1, &entry, NULL), SW_INTERNAL);
    sw_crl_free(&crl);
}

/* No bit of any certificate or list in the chain can be flipped. */
static void test_every_flip_is_refused(void **state) {
    (void)state;
    uint8_t bytes[2048];
    for (size_t which = 0; which < 3; which++) {
        request q = straight();
        sw_bytes good = sw_cert_der(q.chain[which]);
        for (size_t bit = 0; bit < good.size * 8; bit++) {
            memcpy(bytes, good.data, good.size);
            bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
            sw_cert *bent = NULL;
            if (sw_cert_parse(SW_BYTES(bytes, good.size), &bent, NULL) != SW_OK) continue;
            q.chain[which] = bent;
            if (sw_chain_verify(q.chain, q.count, q.anchor, q.crls, q.crl_count, q.at, NULL) ==
                SW_OK)
                fail_msg("certificate %zu, bit %zu", which, bit);
            sw_cert_free(&bent);
        }
    }
}

static void test_every_flip_of_a_list_is_refused(void **state) {
    (void)state;
    SW_SCOPED(sw_buffer) der = SW_BUFFER(4096);
    const uint64_t revoked[] = {8, 9};
    assert_int_equal(sw_crl_make(house.mid.cert, house.mid.secret, usual.from, usual.until, 1,
                                 revoked, 2, &der, NULL),
                     SW_OK);
    for (size_t bit = 0; bit < der.size * 8; bit++) {
        request q = straight();
        sw_crl *bent = NULL;
        der.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
        sw_status parsed = sw_crl_parse(sw_buffer_bytes(&der), &bent, NULL);
        der.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
        if (parsed != SW_OK) continue;
        q.crls[1] = bent;
        if (sw_chain_verify(q.chain, q.count, q.anchor, q.crls, q.crl_count, q.at, NULL) == SW_OK)
            fail_msg("bit %zu", bit);
        sw_crl_free(&bent);
    }
}

/* ---- certificates that were parsed before ---- */
static sw_cert *numbered(uint64_t serial) {
    sw_cert_plan plan = root_plan;
    plan.serial = serial;
    return make_cert(&plan, &house.root, NULL, house.root.secret);
}

static void test_known_certificates(void **state) {
    (void)state;
    enum { MADE = SW_CERT_CACHE_LIMIT + 3 };
    sw_cert_cache known = {0};
    SW_SCOPED(sw_buffer) der = SW_BUFFER(4096);
    sw_cert *made[MADE], *found;
    assert_null(sw_cert_cache_find(&known, sw_cert_der(house.root.cert)));
    for (size_t i = 0; i < MADE; i++) {
        made[i] = numbered(i + 1);
        sw_cert_cache_keep(&known, made[i]);
        sw_cert_cache_keep(&known, made[i]); /* the same bytes: once */
        assert_int_equal(known.kept, i + 1);
    }
    for (size_t i = 0; i < MADE; i++) {
        found = sw_cert_cache_find(&known, sw_cert_der(made[i]));
        assert_ptr_equal(found, i < 3 ? NULL : made[i]); /* the oldest made room */
        sw_cert_free(&found);
    }
    sw_put_bytes(&der, sw_cert_der(made[MADE - 1]));
    for (size_t i = 0; i < der.size; i++) {
        der.data[i] ^= 1;
        assert_null(sw_cert_cache_find(&known, sw_buffer_bytes(&der)));
        der.data[i] ^= 1;
    }
    assert_null(sw_cert_cache_find(&known, SW_BYTES(der.data, der.size - 1)));
    assert_null(sw_cert_cache_find(&known, (sw_bytes){0}));
    for (size_t i = 0; i < MADE; i++) sw_cert_free(&made[i]);
    found = sw_cert_cache_find(&known, sw_buffer_bytes(&der)); /* it holds on by itself */
    assert_non_null(found);
    sw_cert_cache_free(&known);
    assert_true(sw_bytes_equal(sw_cert_der(found), sw_buffer_bytes(&der)));
    assert_null(sw_cert_cache_find(&known, sw_buffer_bytes(&der)));
    assert_null(sw_cert_cache_find(NULL, sw_buffer_bytes(&der)));
    sw_cert_cache_keep(NULL, found);
    sw_cert_free(&found);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cut_and_extended),
        cmocka_unit_test(test_other_spellings),
        cmocka_unit_test(test_size_limits),
        cmocka_unit_test(test_entries),
        cmocka_unit_test(test_entry_out_of_range),
        cmocka_unit_test(test_every_flip_is_refused),
        cmocka_unit_test(test_every_flip_of_a_list_is_refused),
        cmocka_unit_test(test_known_certificates),
    };
    return cmocka_run_group_tests(tests, build, tear);
}
