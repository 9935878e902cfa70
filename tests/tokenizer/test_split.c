/* SPDX-License-Identifier: Apache-2.0
 *
 * Splits against PCRE2 running the expressions that they stand for: every code point, and random
 * texts of what matters to them.
 *
 * PCRE2's \s has U+180E besides and its tables are those of Unicode 14, so white space is spelled
 * out, and what Unicode 15 to 17 added stands beside \p{L} and \p{N}.
 */
#define PCRE2_CODE_UNIT_WIDTH 8
#include "tokenizer/files.h"
#include "tokenizer/tokenizer_internal.h"

#include <pcre2.h>

#define WS                                                                                         \
    "\\t-\\r\\x{20}\\x{85}\\x{A0}\\x{1680}\\x{2000}-\\x{200A}\\x{2028}\\x{2029}\\x{202F}"          \
    "\\x{205F}\\x{3000}"
#define L                                                                                          \
    "\\p{L}\\x{1C89}-\\x{1C8A}\\x{A7CB}-\\x{A7CD}\\x{A7DA}-\\x{A7DC}\\x{105C0}-\\x{105F3}"         \
    "\\x{10D4A}-\\x{10D65}\\x{10D6F}-\\x{10D85}\\x{10EC2}-\\x{10EC4}\\x{1123F}-\\x{11240}"         \
    "\\x{11380}-\\x{11389}\\x{1138B}\\x{1138E}\\x{11390}-\\x{113B5}\\x{113B7}\\x{113D1}"           \
    "\\x{113D3}\\x{11BC0}-\\x{11BE0}\\x{11F02}\\x{11F04}-\\x{11F10}\\x{11F12}-\\x{11F33}"          \
    "\\x{1342F}\\x{13441}-\\x{13446}\\x{13460}-\\x{143FA}\\x{16100}-\\x{1611D}"                    \
    "\\x{16D40}-\\x{16D6C}\\x{18CFF}\\x{1B132}\\x{1B155}\\x{1DF25}-\\x{1DF2A}"                     \
    "\\x{1E030}-\\x{1E06D}\\x{1E4D0}-\\x{1E4EB}\\x{1E5D0}-\\x{1E5ED}\\x{1E5F0}\\x{2B739}"          \
    "\\x{2EBF0}-\\x{2EE5D}\\x{31350}-\\x{323AF}"
#define N                                                                                          \
    "\\p{N}\\x{10D40}-\\x{10D49}\\x{116D0}-\\x{116E3}\\x{11BF0}-\\x{11BF9}\\x{11F50}-\\x{11F59}"   \
    "\\x{16130}-\\x{16139}\\x{16D70}-\\x{16D79}\\x{1CCF0}-\\x{1CCF9}\\x{1D2C0}-\\x{1D2D3}"         \
    "\\x{1E4F0}-\\x{1E4F9}\\x{1E5F1}-\\x{1E5FA}"
#define N17    N "\\x{11DE0}-\\x{11DE9}\\x{16FF4}-\\x{16FF6}"
#define SPACES "[" WS "]+(?![^" WS "])|[" WS "]+"
#define MODERN(digits)                                                                             \
    "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n" L N "]?[" L "]+|" digits "| ?[^" WS L N "]+[\\r\\n]*"  \
    "|[" WS "]*[\\r\\n]+|" SPACES

static const char *const expressions[] = {
    [SW_SPLIT_GPT2] = "'s|'t|'re|'ve|'m|'ll|'d| ?[" L "]+| ?[" N "]+| ?[^" WS L N "]+|" SPACES,
    [SW_SPLIT_LLAMA3] = MODERN("[" N "]{1,3}"),
    [SW_SPLIT_QWEN2] = MODERN("[" N "]"),
    [SW_SPLIT_DIGIT] = "[" N17 "]|[^" N17 "]+",
    [SW_SPLIT_DIGITS] = "[" N17 "]+|[^" N17 "]+",
};

static pcre2_code *compile(const char *expression) {
    int code = 0;
    PCRE2_SIZE offset = 0;
    pcre2_code *p = pcre2_compile((PCRE2_SPTR)expression, PCRE2_ZERO_TERMINATED,
                                  PCRE2_UTF | PCRE2_UCP, &code, &offset, NULL);
    if (p == NULL) fail_msg("PCRE2 error %d at %zu", code, (size_t)offset);
    return p;
}

/* The end of the match at `at`, or `at`. */
static size_t match_at(const pcre2_code *code, pcre2_match_data *match, sw_bytes text, size_t at) {
    int found = pcre2_match(code, (PCRE2_SPTR)text.data, text.size, at,
                            PCRE2_NO_UTF_CHECK | PCRE2_ANCHORED, match, NULL);
    return found < 0 ? at : pcre2_get_ovector_pointer(match)[1];
}

static size_t pieces_agree(sw_bytes text) {
    size_t pieces = 0;
    pcre2_match_data *match = pcre2_match_data_create(1, NULL);
    for (size_t i = 0; i < COUNT(expressions); i++) {
        static pcre2_code *codes[COUNT(expressions)];
        if (codes[i] == NULL) codes[i] = compile(expressions[i]);
        for (size_t at = 0, stop; at < text.size; at = stop, pieces++) {
            stop = sw_split_stop((sw_split)i, text, at);
            size_t wanted = match_at(codes[i], match, text, at);
            if (stop != wanted)
                fail_msg("split %zu of %.*s at %zu: %zu, not %zu", i,
                         (int)(text.size < 200 ? text.size : 200), (const char *)text.data, at,
                         stop, wanted);
        }
    }
    pcre2_match_data_free(match);
    return pieces;
}

static void put_character(sw_buffer *b, uint32_t c) {
    if (c < 0x80) {
        sw_put_u8(b, (uint8_t)c);
        return;
    }
    int more = c < 0x800 ? 1 : c < 0x10000 ? 2 : 3;
    uint32_t lead = 0xff00u >> (more + 1); /* in its low byte: 110, 1110 or 11110 */
    sw_put_u8(b, (uint8_t)(lead | c >> 6 * more));
    while (more-- > 0) sw_put_u8(b, (uint8_t)(0x80 | (c >> 6 * more & 0x3f)));
}

static bool surrogate(uint32_t c) {
    return c >= 0xd800 && c <= 0xdfff;
}

static void every_character_is_of_its_classes(void **state) {
    (void)state;
    static const struct {
        unsigned class;
        const char *expression;
    } cases[] = {{SW_CLASS_SPACE, "[" WS "]"},
                 {SW_CLASS_LETTER, "[" L "]"},
                 {SW_CLASS_NUMBER, "[" N "]"},
                 {SW_CLASS_DIGIT, "[" N17 "]"}};
    pcre2_match_data *match = pcre2_match_data_create(1, NULL);
    for (size_t i = 0; i < COUNT(cases); i++) {
        pcre2_code *code = compile(cases[i].expression);
        for (uint32_t c = 0; c < 0x110000; c++) {
            SW_SCOPED(sw_buffer) text = SW_BUFFER(8);
            if (surrogate(c)) continue;
            put_character(&text, c);
            bool wanted = match_at(code, match, sw_buffer_bytes(&text), 0) > 0;
            if (((sw_character_class(c) & cases[i].class) != 0) != wanted)
                fail_msg("U+%04X: class %u", c, cases[i].class);
        }
        pcre2_code_free(code);
    }
    pcre2_match_data_free(match);
}

/* The others are known from HF tokenizers alone. */
static void word_characters_are_letters_digits_marks_and_joiners(void **state) {
    (void)state;
    static const uint32_t yes[] = {'a', '0', '_', 0xe9, 0x301, 0x203f, 0x200d, 0x661, 0x4e00};
    static const uint32_t no[] = {' ', '-', '\'', 0xbd, 0xb2, 0x200b, 0x1f642, 0x2014, 0};
    for (size_t i = 0; i < COUNT(yes); i++) assert_true(sw_character_class(yes[i]) & SW_CLASS_WORD);
    for (size_t i = 0; i < COUNT(no); i++) assert_false(sw_character_class(no[i]) & SW_CLASS_WORD);
}

/* Every code point before a letter and behind a space. */
static void every_character_splits_as_pcre2_splits(void **state) {
    (void)state;
    SW_SCOPED(sw_buffer) text = SW_BUFFER(1 << 12);
    for (uint32_t first = 0; first < 0x110000; first += 64) {
        sw_buffer_reset(&text);
        for (uint32_t c = first; c < first + 64 && !surrogate(first); c++) {
            put_character(&text, c);
            sw_put_text(&text, "a ");
        }
        (void)pieces_agree(sw_buffer_bytes(&text));
    }
}

static uint64_t next_random(uint64_t *state) {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    return *state ^= *state << 17;
}

static void random_texts_split_as_pcre2_splits(void **state) {
    (void)state;
    static const char *const parts[] = {" ",
                                        "  ",
                                        "\n",
                                        "\r",
                                        "\r\n",
                                        "\t",
                                        "a",
                                        "B",
                                        "\xc3\xa9",
                                        "1",
                                        "23",
                                        "'",
                                        "'s",
                                        "'S",
                                        "'\xc5\xbf",
                                        "'ll",
                                        "'lL",
                                        "'re",
                                        "'V",
                                        "e",
                                        "'d",
                                        "'m",
                                        ".",
                                        "!?",
                                        "-",
                                        "_",
                                        "\xcc\x81",
                                        "s",
                                        "t",
                                        "l",
                                        "\xc2\xa0",
                                        "\xe3\x80\x80",
                                        "\xc2\x85",
                                        "\xf0\x9f\x99\x82",
                                        "\xd9\xa1",
                                        "\xc2\xbd",
                                        "\x7f",
                                        "\xe4\xbd\xa0",
                                        "\xe2\x80\xa8",
                                        "\v"};
    uint64_t r = 88172645463325252u;
    size_t pieces = 0;
    SW_SCOPED(sw_buffer) text = SW_BUFFER(1 << 12);
    for (size_t i = 0; i < 20000; i++) {
        sw_buffer_reset(&text);
        for (size_t left = 1 + next_random(&r) % 24; left > 0; left--)
            sw_put_text(&text, parts[next_random(&r) % COUNT(parts)]);
        pieces += pieces_agree(sw_buffer_bytes(&text));
    }
    assert_true(pieces > 500000);
}

/* What HF tokenizers 0.23.3's NFC gives (MODEL-074). */
static void nfc_is_hfs(void **state) {
    (void)state;
    static const struct {
        const char *text, *composed;
    } cases[] = {
        {"\uac00\u11a7", "\uac00\u11a7"},
        {"\uac00\u11a8", "\uac01"},
        {"\uac00\u11a7\u11a8", "\uac00\u11a7\u11a8"},
        {"e\u0301\u11a7e\u0301", "\u00e9\u11a7\u00e9"},
        {"\u11a7", "\u11a7"},
        {"a\u0301\u0323", "\u1ea1\u0301"},
        {"e\u0899\u0301", "e\u0899\u0301"},
        {"a\u1df9\u0323", "a\u1df9\u0323"},
        {"a\u0d3b\u0334", "a\u0d3b\u0334"},
    };
    sw_scratch scratch = {0};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        sw_bytes out = sw_text(cases[i].text);
        assert_int_equal(sw_text_compose(&scratch, out, &out, NULL), SW_OK);
        if (!sw_bytes_is(out, cases[i].composed)) fail_msg("case %zu", i);
    }
    sw_scratch_free(&scratch);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nfc_is_hfs),
        cmocka_unit_test(every_character_is_of_its_classes),
        cmocka_unit_test(word_characters_are_letters_digits_marks_and_joiners),
        cmocka_unit_test(every_character_splits_as_pcre2_splits),
        cmocka_unit_test(random_texts_split_as_pcre2_splits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
