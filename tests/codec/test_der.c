/* SPDX-License-Identifier: Apache-2.0
 *
 * DER: one form for each value; everything else is refused.
 */
#include "cmocka_plain.h"
#include "codec/der.h"

#include <stdlib.h>
#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

static void integers_have_one_form(void **state) {
    (void)state;
    static const struct {
        uint64_t value;
        sw_bytes der;
    } cases[] = {
        {0, SW_LITERAL("\x02\x01\x00")},
        {127, SW_LITERAL("\x02\x01\x7f")},
        {128, SW_LITERAL("\x02\x02\x00\x80")},
        {255, SW_LITERAL("\x02\x02\x00\xff")},
        {256, SW_LITERAL("\x02\x02\x01\x00")},
        {0x7fffffffffffffff, SW_LITERAL("\x02\x08\x7f\xff\xff\xff\xff\xff\xff\xff")},
        {UINT64_MAX, SW_LITERAL("\x02\x09\x00\xff\xff\xff\xff\xff\xff\xff\xff")},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        SW_SCOPED(sw_buffer) out = SW_BUFFER(100);
        sw_reader r = sw_reader_of(cases[i].der);
        assert_true(sw_der_read_u64(&r, SW_DER_INTEGER) == cases[i].value);
        assert_int_equal(sw_reader_finish(&r, "integer", NULL), SW_OK);
        sw_der_put_u64(&out, SW_DER_INTEGER, cases[i].value);
        assert_true(sw_bytes_equal(sw_buffer_bytes(&out), cases[i].der));
    }
}

static void bad_integers_are_refused(void **state) {
    (void)state;
    static const sw_bytes cases[] = {
        SW_LITERAL(""),
        SW_LITERAL("\x02"),
        SW_LITERAL("\x02\x00"),
        SW_LITERAL("\x02\x01"),
        SW_LITERAL("\x02\x02\x01"),
        SW_LITERAL("\x03\x01\x00"),
        SW_LITERAL("\x02\x01\x80"),                     /* negative */
        SW_LITERAL("\x02\x02\x00\x7f"),                 /* padded */
        SW_LITERAL("\x02\x02\xff\x80"),                 /* negative and padded */
        SW_LITERAL("\x02\x81\x01\x00"),                 /* long form of a short length */
        SW_LITERAL("\x02\x80\x00\x00"),                 /* indefinite */
        SW_LITERAL("\x02\x82\x00\x01\x00"),             /* length with a leading zero */
        SW_LITERAL("\x02\x85\x00\x00\x00\x00\x01\x00"), /* length of five bytes */
        SW_LITERAL("\x02\xff\x00"),
        SW_LITERAL("\x02\x84\xff\xff\xff\xff\x00"),
        SW_LITERAL("\x02\x09\x01\xff\xff\xff\xff\xff\xff\xff\xff"), /* 65 bits */
        SW_LITERAL("\x02\x0a\x00\xff\xff\xff\xff\xff\xff\xff\xff\xff"),
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        uint8_t *exact = malloc(cases[i].size + 1);
        memcpy(exact, cases[i].data, cases[i].size);
        sw_reader r = sw_reader_of(SW_BYTES(exact, cases[i].size));
        (void)sw_der_read_u64(&r, SW_DER_INTEGER);
        if (!r.failed) fail_msg("case %zu is accepted", i);
        free(exact);
    }
}

static void lengths_have_one_form(void **state) {
    (void)state;
    static const size_t sizes[] = {0, 1, 127, 128, 255, 256, 65535, 65536, 70000};
    static const size_t heads[] = {2, 2, 2, 3, 3, 4, 4, 5, 5};
    uint8_t *content = calloc(1, 70000);
    for (size_t i = 0; i < COUNT(sizes); i++) {
        SW_SCOPED(sw_buffer) out = SW_BUFFER(100000);
        sw_der_put(&out, SW_DER_OCTETS, SW_BYTES(content, sizes[i]));
        assert_int_equal(out.size, sizes[i] + heads[i]);
        sw_reader r = sw_reader_of(sw_buffer_bytes(&out));
        assert_int_equal(sw_der_read(&r, SW_DER_OCTETS).size, sizes[i]);
        assert_int_equal(sw_reader_finish(&r, "octets", NULL), SW_OK);
    }
    free(content);
}

static void sequences_nest(void **state) {
    (void)state;
    SW_SCOPED(sw_buffer) inner = SW_BUFFER(100);
    SW_SCOPED(sw_buffer) out = SW_BUFFER(100);
    sw_der_put_u64(&inner, SW_DER_INTEGER, 5);
    sw_der_put_u64(&inner, SW_DER_ENUMERATED, 6);
    sw_der_put(&out, SW_DER_SEQUENCE, sw_buffer_bytes(&inner));
    for (size_t size = 0; size <= out.size; size++) {
        uint8_t *exact = malloc(size + 1);
        memcpy(exact, out.data, size);
        sw_reader r = sw_reader_of(SW_BYTES(exact, size));
        sw_reader s = sw_der_enter(&r, SW_DER_SEQUENCE);
        uint64_t sum = sw_der_read_u64(&s, SW_DER_INTEGER) + sw_der_read_u64(&s, SW_DER_ENUMERATED);
        assert_int_equal(sw_der_peek(&s), 0);
        bool whole = size == out.size;
        assert_int_equal(sum, whole ? 11 : 0);
        assert_int_equal(sw_reader_finish(&s, "sequence", NULL), whole ? SW_OK : SW_MALFORMED);
        assert_int_equal(sw_reader_finish(&r, "outer", NULL), whole ? SW_OK : SW_MALFORMED);
        if (whole) assert_int_equal(s.offset, size);
        free(exact);
    }
}

static void names_of_objects(void **state) {
    (void)state;
    static const struct {
        const char *dotted;
        sw_bytes der;
    } cases[] = {
        {"1.2.840.10045.2.1", SW_LITERAL("\x2a\x86\x48\xce\x3d\x02\x01")},
        {"1.2.840.113741.1.13.1", SW_LITERAL("\x2a\x86\x48\x86\xf8\x4d\x01\x0d\x01")},
        {"2.5.29.15", SW_LITERAL("\x55\x1d\x0f")},
        {"2.999", SW_LITERAL("\x88\x37")},
        {"0.0", SW_LITERAL("\x00")},
        {"1.39.4294967215", SW_LITERAL("\x4f\x8f\xff\xff\xff\x2f")},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        SW_SCOPED(sw_buffer) out = SW_BUFFER(100);
        assert_true(sw_der_oid(&out, cases[i].dotted));
        assert_true(sw_bytes_equal(sw_buffer_bytes(&out), cases[i].der));
    }
    static const char *const bad[] = {"",
                                      "1",
                                      "1.",
                                      ".1",
                                      "3.1",
                                      "1.40",
                                      "0.40",
                                      "1..2",
                                      "1.2.",
                                      "1.02.3",
                                      "1.2.x",
                                      "1,2",
                                      "1.2 ",
                                      "-1.2",
                                      "1.2.4294967296",
                                      "1.2.99999999999999999999"};
    for (size_t i = 0; i < COUNT(bad); i++) {
        SW_SCOPED(sw_buffer) out = SW_BUFFER(100);
        assert_false(sw_der_oid(&out, bad[i]));
        assert_int_equal(out.size, 0);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(integers_have_one_form), cmocka_unit_test(bad_integers_are_refused),
        cmocka_unit_test(lengths_have_one_form),  cmocka_unit_test(sequences_nest),
        cmocka_unit_test(names_of_objects),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
