/* SPDX-License-Identifier: Apache-2.0
 *
 * Hex, base64 (RFC 4648 section 10), UTF-8 and PEM.
 */
#include "cmocka_plain.h"
#include "codec/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

static void hex_goes_both_ways(void **state) {
    (void)state;
    uint8_t all[256], back[256];
    char text[513];
    for (int i = 0; i < 256; i++) all[i] = (uint8_t)i;
    sw_hex_text(text, SW_BYTES_OF(all));
    assert_memory_equal(text, "000102", 6);
    assert_string_equal(text + 506, "fdfeff");
    assert_int_equal(sw_hex_decode(back, 256, sw_text(text), false, NULL), SW_OK);
    assert_memory_equal(back, all, 256);
    SW_SCOPED(sw_buffer) out = SW_BUFFER(1000);
    sw_hex_encode(&out, SW_BYTES_OF(all));
    assert_true(sw_bytes_is(sw_buffer_bytes(&out), text));
    sw_buffer_reset(&out);
    assert_int_equal(sw_hex_append(&out, sw_text("0aF0"), true, NULL), SW_OK);
    assert_true(sw_bytes_is(sw_buffer_bytes(&out), "\x0a\xf0"));
}

static void hex_of_exactly_these_bytes(void **state) {
    (void)state;
    static const uint8_t bytes[] = {0x0a, 0xf0};
    assert_true(sw_hex_is(sw_text("0af0"), SW_BYTES_OF(bytes)));
    assert_true(sw_hex_is(sw_text(""), (sw_bytes){0}));
    static const char *const others[] = {"", "0a", "0af", "0af00", "0af0 ", "0aF0", "0af1", "1af0"};
    for (size_t i = 0; i < COUNT(others); i++)
        assert_false(sw_hex_is(sw_text(others[i]), SW_BYTES_OF(bytes)));
}

static void bad_hex_is_refused(void **state) {
    (void)state;
    static const struct {
        const char *text;
        bool upper;
    } cases[] = {{"0", false},  {"000", false}, {"0g", false},      {"g0", false},
                 {"AB", false}, {"aB", false},  {"0x", false},      {" 0", false},
                 {"0 ", false}, {"/0", false},  {":0", false},      {"`0", false},
                 {"@0", true},  {"G0", true},   {"\xff\xff", true}, {"0\n", true}};
    for (size_t i = 0; i < COUNT(cases); i++) {
        SW_SCOPED(sw_buffer) out = SW_BUFFER(100);
        uint8_t byte[1] = {7};
        sw_put_u8(&out, 1);
        sw_bytes text = sw_text(cases[i].text);
        assert_int_equal(sw_hex_append(&out, text, cases[i].upper, NULL), SW_MALFORMED);
        assert_int_equal(out.size, 1);
        assert_int_equal(sw_hex_decode(byte, 1, text, cases[i].upper, NULL), SW_MALFORMED);
        assert_int_equal(byte[0], 7);
    }
    uint8_t two[2];
    assert_int_equal(sw_hex_decode(two, 2, sw_text("00"), false, NULL), SW_MALFORMED);
    assert_int_equal(sw_hex_decode(two, 2, sw_text("000000"), false, NULL), SW_MALFORMED);
    assert_int_equal(sw_hex_decode(two, 0, sw_text(""), false, NULL), SW_OK);
    SW_SCOPED(sw_buffer) small = SW_BUFFER(1);
    assert_int_equal(sw_hex_append(&small, sw_text("0000"), false, NULL), SW_LIMIT);
}

static void base64_goes_both_ways(void **state) {
    (void)state;
    static const struct {
        const char *plain, *text;
    } cases[] = {{"", ""},
                 {"f", "Zg=="},
                 {"fo", "Zm8="},
                 {"foo", "Zm9v"},
                 {"foob", "Zm9vYg=="},
                 {"fooba", "Zm9vYmE="},
                 {"foobar", "Zm9vYmFy"},
                 {"\xfb\xff\xfe", "+//+"}};
    for (size_t i = 0; i < COUNT(cases); i++) {
        SW_SCOPED(sw_buffer) out = SW_BUFFER(100);
        sw_base64_encode(&out, sw_text(cases[i].plain));
        assert_true(sw_bytes_is(sw_buffer_bytes(&out), cases[i].text));
        sw_buffer_reset(&out);
        assert_int_equal(sw_base64_decode(&out, sw_text(cases[i].text), NULL), SW_OK);
        assert_true(sw_bytes_is(sw_buffer_bytes(&out), cases[i].plain));
    }
    SW_SCOPED(sw_buffer) out = SW_BUFFER(100);
    assert_int_equal(sw_base64_decode_any(&out, sw_text("-__-"), NULL), SW_OK);
    assert_int_equal(sw_base64_decode_any(&out, sw_text("+//+"), NULL), SW_OK);
    assert_true(sw_bytes_is(sw_buffer_bytes(&out), "\xfb\xff\xfe\xfb\xff\xfe"));
}

static void bad_base64_is_refused(void **state) {
    (void)state;
    static const char *const cases[] = {
        "Z",      "Zg",       "Zg=",  "Zg===", "====",     "=",          "==",      "Zh==",
        "Zm9=",   "Zm8=Zm8=", "Z===", "Z=g=",  "=Zg=",     "Zg==\n",     "Zg= =",   " Zg==",
        "Zm9v\n", "Zm9!",     "-__-", "-/+_",  "Zm9v====", "\xc3\xa9Zg", "Zm\x80v",
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        SW_SCOPED(sw_buffer) out = SW_BUFFER(100);
        sw_error err = {0};
        assert_int_equal(sw_base64_decode(&out, sw_text(cases[i]), &err), SW_MALFORMED);
        assert_string_equal(err.word, "format");
        assert_int_equal(out.size, 0);
    }
    SW_SCOPED(sw_buffer) out = SW_BUFFER(2);
    assert_int_equal(sw_base64_decode_any(&out, sw_text("-/+_"), NULL), SW_MALFORMED);
    assert_int_equal(sw_base64_decode(&out, sw_text("Zm9v"), NULL), SW_LIMIT);
}

/* Every bit of an encoding, flipped, is refused or decodes to other bytes. */
static void no_flip_of_base64_decodes_to_the_same(void **state) {
    (void)state;
    char text[] = "Zm9vYg==";
    for (size_t bit = 0; bit < 64; bit++) {
        SW_SCOPED(sw_buffer) out = SW_BUFFER(100);
        text[bit / 8] ^= (char)(1 << bit % 8);
        if (sw_base64_decode(&out, SW_BYTES(text, 8), NULL) == SW_OK)
            assert_false(sw_bytes_is(sw_buffer_bytes(&out), "foob"));
        text[bit / 8] ^= (char)(1 << bit % 8);
    }
}

static void utf8_is_well_formed(void **state) {
    (void)state;
    static const struct {
        const char *text;
        bool valid;
    } cases[] = {
        {"", true},
        {"abc", true},
        {"\x7f", true},
        {"\xc2\x80", true},
        {"\xdf\xbf", true},
        {"\xe0\xa0\x80", true},
        {"\xed\x9f\xbf", true},
        {"\xee\x80\x80", true},
        {"\xef\xbf\xbf", true},
        {"\xf0\x90\x80\x80", true},
        {"\xf4\x8f\xbf\xbf", true},
        {"\x80", false},
        {"\xbf", false},
        {"\xc0\x80", false},
        {"\xc1\xbf", false},
        {"\xc2", false},
        {"\xc2\x41", false},
        {"\xc2\xc2", false},
        {"\xe0\x9f\xbf", false},
        {"\xe1\x80", false},
        {"\xe1\x80\x41", false},
        {"\xed\xa0\x80", false},
        {"\xed\xbf\xbf", false},
        {"\xf0\x8f\xbf\xbf", false},
        {"\xf0\x90\x80", false},
        {"\xf4\x90\x80\x80", false},
        {"\xf5\x80\x80\x80", false},
        {"\xff", false},
        {"a\xfe", false},
    };
    for (size_t i = 0; i < COUNT(cases); i++)
        assert_int_equal(sw_utf8_valid(sw_text(cases[i].text)), cases[i].valid);
}

static size_t put_character(char *out, uint32_t c) {
    size_t size = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    for (size_t i = size; i-- > 1; c >>= 6) out[i] = (char)(0x80 | (c & 0x3f));
    static const uint8_t leads[] = {0, 0, 0xc0, 0xe0, 0xf0};
    out[0] = (char)(leads[size] | c);
    return size;
}

/* RCP-004: the ends of every range that is not seen, and what stands beside them. */
static void what_nobody_sees_is_not_plain(void **state) {
    (void)state;
    static const uint32_t unseen[] = {
        0x00,    0x09,    0x1f,    0x7f,    0x80,    0x9f,    0xad,    0x34f,   0x600,
        0x605,   0x61c,   0x6dd,   0x70f,   0x890,   0x891,   0x8e2,   0x115f,  0x1160,
        0x17b4,  0x17b5,  0x180b,  0x180e,  0x180f,  0x200b,  0x200c,  0x200d,  0x200e,
        0x200f,  0x2028,  0x2029,  0x202a,  0x202e,  0x2060,  0x2064,  0x2065,  0x2066,
        0x2069,  0x206f,  0x3164,  0xfe00,  0xfe0f,  0xfeff,  0xffa0,  0xfff0,  0xfff9,
        0xfffb,  0x110bd, 0x110cd, 0x13430, 0x1343f, 0x1bca0, 0x1bca3, 0x1d173, 0x1d17a,
        0xe0000, 0xe0001, 0xe0020, 0xe0041, 0xe007f, 0xe0100, 0xe01ef, 0xe0fff};
    static const uint32_t seen[] = {
        0x20,    0x7e,    0xa0,    0xac,    0xae,    0x34e,   0x350,   0x606,   0x61b,
        0x61d,   0x6dc,   0x6de,   0x70e,   0x710,   0x8e1,   0x8e3,   0x115e,  0x1161,
        0x17b3,  0x17b6,  0x180a,  0x1810,  0x200a,  0x2010,  0x2027,  0x202f,  0x205f,
        0x2070,  0x3163,  0x3165,  0xfdff,  0xfe10,  0xfefe,  0xff00,  0xff9f,  0xffa1,
        0xffef,  0xfffc,  0xfffd,  0x110bc, 0x110be, 0x110cc, 0x110ce, 0x1342f, 0x13440,
        0x1bc9f, 0x1bca4, 0x1d172, 0x1d17b, 0x1f512, 0xdffff, 0xe1000, 0x10ffff};
    for (size_t i = 0; i < COUNT(unseen) + COUNT(seen); i++) {
        bool plain = i >= COUNT(unseen);
        uint32_t c = plain ? seen[i - COUNT(unseen)] : unseen[i];
        char text[16] = "Anna";
        size_t size = 4 + put_character(text + 4, c);
        text[size++] = 'x';
        assert_true(sw_utf8_valid(SW_BYTES(text, size)));
        if (sw_utf8_plain(SW_BYTES(text, size)) != plain) fail_msg("U+%04X", c);
    }
    assert_true(sw_utf8_plain(SW_LITERAL("Klinik S\xc3\xbc\x64, \xe6\x9d\xb1\xe4\xba\xac")));
    assert_true(sw_utf8_plain(SW_LITERAL("")));
    assert_false(sw_utf8_plain(SW_LITERAL("a\xed\xa0\x80")));
    assert_false(sw_utf8_plain(SW_LITERAL("a\xff")));
}

/* ---- PEM ---- */

typedef struct seen {
    size_t blocks, bytes;
    sw_status answer;
} seen;

static sw_status visit(void *context, sw_bytes der, sw_error *err) {
    seen *s = context;
    s->blocks++;
    s->bytes += der.size;
    return s->answer == SW_OK ? SW_OK : sw_fail(err, s->answer, "policy", "no");
}

static void pem_goes_both_ways(void **state) {
    (void)state;
    uint8_t der[200];
    for (size_t size = 1; size < sizeof der; size++) {
        SW_SCOPED(sw_buffer) text = SW_BUFFER(2000);
        seen s = {0};
        memset(der, (int)size, size);
        sw_pem_encode(&text, "CERTIFICATE", SW_BYTES(der, size));
        sw_pem_encode(&text, "CERTIFICATE", SW_BYTES(der, size));
        for (size_t i = 0, column = 0; i < text.size; i++) {
            column = text.data[i] == '\n' ? 0 : column + 1;
            assert_true(column <= 64);
        }
        sw_put_u8(&text, 0); /* as Intel's chains end */
        assert_int_equal(sw_pem_decode(sw_buffer_bytes(&text), "CERTIFICATE", 2, visit, &s, NULL),
                         SW_OK);
        assert_int_equal(s.blocks, 2);
        assert_int_equal(s.bytes, 2 * size);
    }
}

/* Others' spellings of two blocks become ours; what is no PEM stays as it was. */
static void pem_is_brought_into_one_form(void **state) {
    (void)state;
    static const char form[] = "-----BEGIN CERTIFICATE-----\nMAMKAQY=\n-----END CERTIFICATE-----\n"
                               "-----BEGIN CERTIFICATE-----\nMAMKAQU=\n-----END CERTIFICATE-----\n";
    static const char *const spellings[] = {
        form,
        "-----BEGIN CERTIFICATE-----\r\nMAMKAQY=\r\n-----END CERTIFICATE-----\r\n-----BEGIN "
        "CERTIFICATE-----\r\nMAMKAQU=\r\n"
        "-----END CERTIFICATE-----",
        "\n-----BEGIN CERTIFICATE-----\nMAM\nKAQY=\n-----END CERTIFICATE-----\n\n \t-----BEGIN "
        "CERTIFICATE----- MAMKAQU= "
        "-----END CERTIFICATE-----\n"};
    for (size_t i = 0; i < COUNT(spellings); i++) {
        SW_SCOPED(sw_arena) a = {0};
        sw_bytes text = sw_text(spellings[i]);
        assert_int_equal(sw_pem_normalise_chain(&a, &text, NULL), SW_OK);
        assert_true(sw_bytes_is(text, form));
    }
    static const char *const others[] = {
        "", "x", "-----BEGIN B-----\nMAMKAQY=\n-----END B-----\n",
        "-----BEGIN CERTIFICATE-----\nMAMKAQY\n-----END CERTIFICATE-----\n"};
    for (size_t i = 0; i < COUNT(others); i++) {
        SW_SCOPED(sw_arena) a = {0};
        sw_bytes text = sw_text(others[i]), before = text;
        assert_int_equal(sw_pem_normalise_chain(&a, &text, NULL), SW_OK);
        assert_true(text.data == before.data && text.size == before.size);
    }
    char nine[9 * 72 + 1] = ""; /* more than a chain has */
    for (size_t i = 0; i < 9; i++)
        (void)strcat(nine, "-----BEGIN CERTIFICATE-----\nMAMKAQY=\n-----END CERTIFICATE-----\r\n");
    SW_SCOPED(sw_arena) many = {0};
    sw_bytes long_chain = sw_text(nine);
    assert_int_equal(sw_pem_normalise_chain(&many, &long_chain, NULL), SW_OK);
    assert_ptr_equal(long_chain.data, nine);
    SW_SCOPED(sw_arena) none = {.limit_bytes = 8};
    sw_bytes good = sw_text(form);
    assert_int_equal(sw_pem_normalise_chain(&none, &good, NULL), SW_MEMORY);
    SW_SCOPED(sw_buffer) out = SW_BUFFER(1000);
    size_t count = 77;
    assert_int_equal(sw_pem_rewrite(sw_text(form), "CERTIFICATE", 1, &out, &count, NULL), SW_LIMIT);
    assert_int_equal(count, 77);
}

static void der_is_told_from_its_text(void **state) {
    (void)state;
    static const struct {
        const char *text;
        sw_status status;
    } cases[] = {{"MAMKAQY=", SW_OK},   {"3003 0a", SW_MALFORMED}, {"30030A0106", SW_OK},
                 {"30030a0106", SW_OK}, {"MAMKAQ", SW_MALFORMED},  {"", SW_MALFORMED},
                 {"xx", SW_MALFORMED},  {"MA==x", SW_MALFORMED},   {"300", SW_MALFORMED}};
    for (size_t i = 0; i < COUNT(cases); i++) {
        SW_SCOPED(sw_buffer) out = SW_BUFFER(16);
        assert_int_equal(sw_der_text_decode(&out, sw_text(cases[i].text), NULL), cases[i].status);
        if (cases[i].status == SW_OK)
            assert_true(sw_bytes_is(sw_buffer_bytes(&out), "\x30\x03\x0a\x01\x06"));
    }
}

static void bad_pem_is_refused(void **state) {
    (void)state;
    static const struct {
        const char *text;
        sw_status status;
    } cases[] = {
        {"", SW_MALFORMED},
        {" \n", SW_MALFORMED},
        {"Zm9v", SW_MALFORMED},
        {"-----BEGIN A-----\n-----END A-----\n", SW_MALFORMED},
        {"-----BEGIN A-----\nZm9v\n", SW_MALFORMED},
        {"-----BEGIN A-----\nZm9v\n-----END A----", SW_MALFORMED},
        {"-----BEGIN A-----\nZm9v\n-----END B-----\n", SW_MALFORMED},
        {"-----BEGIN B-----\nZm9v\n-----END B-----\n", SW_MALFORMED},
        {"-----BEGIN A-----\nZm9\n-----END A-----\n", SW_MALFORMED},
        {"-----BEGIN A-----\nProc-Type: 4\n\nZm9v\n-----END A-----\n", SW_MALFORMED},
        {"x\n-----BEGIN A-----\nZm9v\n-----END A-----\n", SW_MALFORMED},
        {"-----BEGIN A-----\nZm9v\n-----END A-----\nx", SW_MALFORMED},
        {"-----BEGIN A-----\nZm9v\n-----END A-----\n-----BEGIN A-----\n", SW_MALFORMED},
        {"-----BEGIN AA-----\nZm9v\n-----END AA-----\n", SW_MALFORMED},
        {"-----BEGIN A-----\nZm9v\n-----END A-----\n-----BEGIN A-----\nZm9v\n-----END A-----\n"
         "-----BEGIN A-----\nZm9v\n-----END A-----\n",
         SW_LIMIT},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        seen s = {0};
        sw_error err = {0};
        sw_status status = sw_pem_decode(sw_text(cases[i].text), "A", 2, visit, &s, &err);
        if (status != cases[i].status) fail_msg("case %zu gives %d", i, (int)status);
    }
    seen s = {.answer = SW_REFUSED};
    sw_bytes good = SW_LITERAL("-----BEGIN A-----\nZm9v\n-----END A-----\n");
    assert_int_equal(sw_pem_decode(good, "A", 2, visit, &s, NULL), SW_REFUSED);
    for (size_t size = 0; size < good.size - 1; size++)
        assert_int_equal(sw_pem_decode(SW_BYTES(good.data, size), "A", 2, visit, &s, NULL),
                         SW_MALFORMED);
    assert_int_equal(sw_pem_decode(good, "A", 0, visit, &s, NULL), SW_LIMIT);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hex_goes_both_ways),
        cmocka_unit_test(hex_of_exactly_these_bytes),
        cmocka_unit_test(bad_hex_is_refused),
        cmocka_unit_test(base64_goes_both_ways),
        cmocka_unit_test(bad_base64_is_refused),
        cmocka_unit_test(no_flip_of_base64_decodes_to_the_same),
        cmocka_unit_test(utf8_is_well_formed),
        cmocka_unit_test(what_nobody_sees_is_not_plain),
        cmocka_unit_test(pem_goes_both_ways),
        cmocka_unit_test(pem_is_brought_into_one_form),
        cmocka_unit_test(der_is_told_from_its_text),
        cmocka_unit_test(bad_pem_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
