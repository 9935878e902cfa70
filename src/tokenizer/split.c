/* SPDX-License-Identifier: Apache-2.0
 *
 * Splits: the regular expressions that pre-tokenisers are known by, run by PCRE2.
 *
 * A file's expression is recognised by its exact text and never compiled: what runs is our own
 * spelling of it. HF tokenizers runs Oniguruma with Unicode 16, where \s is White_Space; PCRE2's \s
 * has U+180E besides and its tables may be older. So white space is spelled out, and the letters
 * and numbers that Unicode 15 to 16 added stand beside \p{L} and \p{N}. Digits are split by Rust's
 * char::is_numeric with Unicode 17. The ranges were found by asking HF tokenizers 0.23.3 about
 * every code point (tests/parity/unicode_ranges.py).
 */
#include "tokenizer/tokenizer_internal.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <stdlib.h>

struct sw_pattern {
    pcre2_code *code;
    pcre2_match_data *match;
    pcre2_match_context *context;
};

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
#define MODERN_TEXT(digits)                                                                        \
    "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|" digits                           \
    "| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"

/* By sw_split: how files spell it (NULL: not as an expression), and what runs. */
static const struct {
    const char *regex, *pcre;
} splits[] = {
    [SW_SPLIT_GPT2] = {"'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+"
                       "|\\s+(?!\\S)|\\s+",
                       "'s|'t|'re|'ve|'m|'ll|'d| ?[" L "]+| ?[" N "]+| ?[^" WS L N "]+|" SPACES},
    [SW_SPLIT_LLAMA3] = {MODERN_TEXT("\\p{N}{1,3}"), MODERN("[" N "]{1,3}")},
    [SW_SPLIT_QWEN2] = {MODERN_TEXT("\\p{N}"), MODERN("[" N "]")},
    [SW_SPLIT_DIGIT] = {NULL, "[" N17 "]"},
    [SW_SPLIT_DIGITS] = {NULL, "[" N17 "]+"},
    [SW_SPLIT_WORD] = {NULL, "\\A[\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}\\p{Join_Control}]"},
};
enum { SPLIT_COUNT = sizeof splits / sizeof splits[0] };

bool sw_split_recognise(sw_bytes regex, sw_split *out) {
    for (size_t i = 0; i < SPLIT_COUNT; i++) {
        if (splits[i].regex == NULL || !sw_bytes_is(regex, splits[i].regex)) continue;
        *out = (sw_split)i;
        return true;
    }
    return false;
}

const char *sw_split_regex(sw_split split) {
    return splits[split].regex;
}

void sw_pattern_close(sw_pattern **pattern) {
    if (*pattern == NULL) return;
    pcre2_match_context_free((*pattern)->context);
    pcre2_match_data_free((*pattern)->match);
    pcre2_code_free((*pattern)->code);
    free(*pattern);
    *pattern = NULL;
}

sw_status sw_pattern_open(sw_split split, sw_pattern **out, sw_error *err) {
    int code = 0;
    PCRE2_SIZE offset = 0;
    sw_pattern *p = calloc(1, sizeof *p);
    if (p == NULL) return sw_fail(err, SW_MEMORY, "memory", "no memory for a pattern");
    p->code = pcre2_compile((PCRE2_SPTR)splits[split].pcre, PCRE2_ZERO_TERMINATED,
                            PCRE2_UTF | PCRE2_UCP | PCRE2_NEVER_BACKSLASH_C, &code, &offset, NULL);
    p->match = pcre2_match_data_create(1, NULL);
    p->context = pcre2_match_context_create(NULL);
    if (p->code == NULL || p->match == NULL || p->context == NULL) {
        bool memory = p->code != NULL;
        sw_pattern_close(&p);
        if (memory) return sw_fail(err, SW_MEMORY, "memory", "no memory for a pattern");
        return sw_fail(err, SW_INTERNAL, "internal", "PCRE2 error %d at %zu of split %d", code,
                       (size_t)offset, (int)split);
    }
    /* The patterns are linear in the text, however often they step back inside one run. */
    (void)pcre2_set_match_limit(p->context, UINT32_MAX);
    *out = p;
    return SW_OK;
}

sw_status sw_pattern_find(sw_pattern *p, sw_bytes text, size_t from, bool *found, size_t *start,
                          size_t *stop, sw_error *err) {
    int code = pcre2_match(p->code, (PCRE2_SPTR)text.data, text.size, from, PCRE2_NO_UTF_CHECK,
                           p->match, p->context);
    if (code == PCRE2_ERROR_NOMATCH) {
        *found = false;
        return SW_OK;
    }
    if (code < 0)
        return sw_fail(err, SW_LIMIT, "limit", "a text does not split within PCRE2's limits (%d)",
                       code);
    const PCRE2_SIZE *span = pcre2_get_ovector_pointer(p->match);
    SW_CHECK(err, span[1] > span[0] && span[1] <= text.size);
    *start = span[0];
    *stop = span[1];
    *found = true;
    return SW_OK;
}
