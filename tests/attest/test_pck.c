/* SPDX-License-Identifier: Apache-2.0
 *
 * The PCK certificate's SGX extension: any order of members, each once, none else, nothing cut.
 */
#include "attest/tdx_internal.h"
#include "codec/der.h"
#include "crypto/vector.h"
#include "machine/sim_internal.h"

#include <string.h>

enum { MEMBERS = 7, PARTS = 18 };
static const uint8_t PPID[16] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16};

static sw_bytes good(sw_arena *a) {
    SW_SCOPED(sw_buffer) der = SW_BUFFER(8192);
    assert_int_equal(sw_sim_pck_extension_make(PPID, &der, NULL), SW_OK);
    return sw_arena_copy(a, sw_buffer_bytes(&der));
}

/* The contents of a SEQUENCE's members, themselves SEQUENCEs. */
static size_t split(sw_bytes der, sw_bytes *out, size_t most) {
    sw_reader r = sw_reader_of(der);
    sw_reader list = sw_der_enter(&r, SW_DER_SEQUENCE);
    size_t count = 0;
    while (list.rest.size > 0 && count < most) out[count++] = sw_der_read(&list, SW_DER_SEQUENCE);
    assert_false(list.failed);
    return count;
}

static sw_bytes join(sw_arena *a, const sw_bytes *members, size_t count) {
    SW_SCOPED(sw_buffer) body = SW_BUFFER(8192);
    SW_SCOPED(sw_buffer) der = SW_BUFFER(8192);
    for (size_t i = 0; i < count; i++) sw_der_put(&body, SW_DER_SEQUENCE, members[i]);
    sw_der_put(&der, SW_DER_SEQUENCE, sw_buffer_bytes(&body));
    return sw_arena_copy(a, sw_buffer_bytes(&der));
}

/* The TCB member with other parts. */
static sw_bytes tcb_of(sw_arena *a, sw_bytes old, const sw_bytes *parts, size_t count) {
    SW_SCOPED(sw_buffer) made = SW_BUFFER(8192);
    sw_reader r = sw_reader_of(old);
    sw_der_put(&made, SW_DER_OID, sw_der_read(&r, SW_DER_OID));
    sw_put_bytes(&made, join(a, parts, count));
    return sw_arena_copy(a, sw_buffer_bytes(&made));
}

static size_t parts_of(sw_bytes tcb, sw_bytes *out) {
    sw_reader r = sw_reader_of(tcb);
    (void)sw_der_read(&r, SW_DER_OID);
    return split(r.rest, out, PARTS + 1);
}

static void refused(sw_bytes der, const char *sentence) {
    sw_pck pck = {.pce_svn = 77};
    sw_error err = {0};
    if (sw_pck_parse(der, &pck, &err) == SW_OK) fail_msg("accepted: %s", sentence);
    if (strstr(err.message, sentence) == NULL)
        fail_msg("\"%s\" is not in \"%s\"", sentence, err.message);
    assert_int_equal(pck.pce_svn, 77);
}

static void test_fields(void **state) {
    (void)state;
    SW_SCOPED(sw_arena) a = {0};
    sw_pck pck;
    assert_int_equal(sw_pck_parse(good(&a), &pck, NULL), SW_OK);
    assert_memory_equal(pck.ppid, PPID, sizeof PPID);
    assert_memory_equal(pck.component, sw_sim_platform.component, 16);
    assert_int_equal(pck.component[7], 255); /* two bytes as an INTEGER */
    assert_int_equal(pck.pce_svn, sw_sim_platform.pce_svn);
    assert_memory_equal(pck.fmspc, sw_sim_platform.fmspc, 6);
    assert_true(pck.platform);
}

static void test_members(void **state) {
    (void)state;
    SW_SCOPED(sw_arena) a = {0};
    sw_bytes m[MEMBERS + 1], n[MEMBERS + 1];
    sw_pck pck, again;
    assert_int_equal(sw_pck_parse(good(&a), &pck, NULL), SW_OK);
    assert_int_equal(split(good(&a), m, COUNT(m)), MEMBERS);
    for (size_t i = 0; i < MEMBERS; i++) n[i] = m[MEMBERS - 1 - i];
    assert_int_equal(sw_pck_parse(join(&a, n, MEMBERS), &again, NULL), SW_OK);
    assert_memory_equal(&pck, &again, sizeof pck);
    assert_int_equal(sw_pck_parse(join(&a, m, 5), &again, NULL), SW_OK);
    assert_false(again.platform); /* as from the processor CA */
    refused(join(&a, m, 6), "lacks a member");
    refused(join(&a, m, 0), "lacks a member");
    for (size_t i = 0; i < MEMBERS; i++) {
        memcpy(n, m, MEMBERS * sizeof *m);
        n[MEMBERS] = m[i];
        refused(join(&a, n, MEMBERS + 1), "not of its form"); /* twice */
        n[i] = m[MEMBERS - 1];
        if (i + 1 < MEMBERS) refused(join(&a, n, MEMBERS - 1), "lacks a member");
    }
}

static void test_parts(void **state) {
    (void)state;
    SW_SCOPED(sw_arena) a = {0};
    sw_bytes m[MEMBERS + 1], p[PARTS + 2];
    assert_int_equal(split(good(&a), m, COUNT(m)), MEMBERS);
    const sw_bytes tcb = m[1];
    assert_int_equal(parts_of(tcb, p), PARTS);
    for (size_t i = 0; i < PARTS; i++) {
        sw_bytes held = p[i];
        p[i] = p[(i + 1) % PARTS]; /* one missing, another twice */
        m[1] = tcb_of(&a, tcb, p, PARTS);
        refused(join(&a, m, MEMBERS), "not of its form");
        p[i] = held;
    }
    m[1] = tcb_of(&a, tcb, p, PARTS - 1);
    refused(join(&a, m, MEMBERS), "not of its form");
    m[1] = tcb_of(&a, tcb, p, 0);
    refused(join(&a, m, MEMBERS), "not of its form");
}

/* A value with another tag, size or sign. */
static void test_values(void **state) {
    (void)state;
    static const char *const values[] = {"0200",   "020100ff", "02020100", "0202ff00",  "0201ff",
                                         "040107", "0202007f", "0a0107",   "02030000ff"};
    SW_SCOPED(sw_arena) a = {0};
    sw_bytes m[MEMBERS + 1], p[PARTS + 1];
    assert_int_equal(split(good(&a), m, COUNT(m)), MEMBERS);
    const sw_bytes tcb = m[1];
    assert_int_equal(parts_of(tcb, p), PARTS);
    for (size_t i = 0; i < COUNT(values); i++) {
        SW_SCOPED(sw_buffer) part = SW_BUFFER(256);
        sw_reader r = sw_reader_of(p[0]);
        sw_der_put(&part, SW_DER_OID, sw_der_read(&r, SW_DER_OID));
        sw_put_bytes(&part, unhex(&a, values[i]));
        sw_bytes held = p[0];
        p[0] = sw_buffer_bytes(&part);
        m[1] = tcb_of(&a, tcb, p, PARTS);
        refused(join(&a, m, MEMBERS), "not of its form");
        p[0] = held;
    }
}

static void test_cut_and_flipped(void **state) {
    (void)state;
    SW_SCOPED(sw_arena) a = {0};
    sw_pck pck;
    sw_bytes der = good(&a);
    for (size_t size = 0; size < der.size; size++)
        assert_int_not_equal(sw_pck_parse(SW_BYTES(der.data, size), &pck, NULL), SW_OK);
    uint8_t *longer = sw_arena_alloc(&a, der.size + 1, 1);
    memcpy(longer, der.data, der.size);
    refused(SW_BYTES(longer, der.size + 1), "not of its form");
    size_t accepted = 0;
    for (size_t bit = 0; bit < 8 * der.size;
         bit++) { /* values are the certificate's to vouch for */
        longer[bit / 8] ^= (uint8_t)(1 << bit % 8);
        accepted += sw_pck_parse(SW_BYTES(longer, der.size), &pck, NULL) == SW_OK;
        longer[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    assert_in_range(accepted, 400, 1200); /* the bits of values, no more */
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fields),          cmocka_unit_test(test_members),
        cmocka_unit_test(test_parts),           cmocka_unit_test(test_values),
        cmocka_unit_test(test_cut_and_flipped),
    };
    return cmocka_run_group_tests_name("pck", tests, NULL, NULL);
}
