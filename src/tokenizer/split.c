/* SPDX-License-Identifier: Apache-2.0
 *
 * Splits: the regular expressions that pre-tokenisers are known by, each as the function that finds
 * what it would match.
 *
 * A file's expression is recognised by its exact text and never compiled. Each of them matches at
 * every place of every text, so the pieces lie side by side and a function needs only the place
 * where a piece begins. tests/tokenizer/test_split.c compares them with PCRE2 running the
 * expressions. What looks ahead looks at most over one run of white space, and at most two pieces
 * look over the same run: time is linear in the text.
 */
#include "tokenizer/tokenizer_internal.h"

#include <string.h>

#define SPACE    SW_CLASS_SPACE
#define LETTER   SW_CLASS_LETTER
#define NUMBER   SW_CLASS_NUMBER
#define OF_WORDS (SPACE | LETTER | NUMBER)

#define MODERN_TEXT(digits)                                                                        \
    "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|" digits                           \
    "| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"

/* By sw_split: how files spell it; NULL: not as an expression. */
static const char *const regexes[] = {
    [SW_SPLIT_GPT2] = "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+"
                      "|\\s+(?!\\S)|\\s+",
    [SW_SPLIT_LLAMA3] = MODERN_TEXT("\\p{N}{1,3}"),
    [SW_SPLIT_QWEN2] = MODERN_TEXT("\\p{N}"),
    [SW_SPLIT_DIGIT] = NULL,
    [SW_SPLIT_DIGITS] = NULL,
};
enum { SPLIT_COUNT = sizeof regexes / sizeof regexes[0] };

bool sw_split_recognise(sw_bytes regex, sw_split *out) {
    for (size_t i = 0; i < SPLIT_COUNT; i++) {
        if (regexes[i] == NULL || !sw_bytes_is(regex, regexes[i])) continue;
        *out = (sw_split)i;
        return true;
    }
    return false;
}

const char *sw_split_regex(sw_split split) {
    return regexes[split];
}

/* ---- steps ---- */

/* The classes of the character at `at`, 0 at the text's end; *behind is where the next begins. */
static unsigned class_at(sw_bytes text, size_t at, size_t *behind) {
    *behind = at;
    return at < text.size ? sw_character_class(sw_utf8_next(text, behind)) : 0;
}

/* Behind the run of characters, from `at` on, whose classes in `mask` are `wanted`: at most `limit`
 * of them. */
static size_t skip(sw_bytes text, size_t at, unsigned mask, unsigned wanted, size_t limit) {
    while (at < text.size && limit-- > 0) {
        size_t behind;
        if ((class_at(text, at, &behind) & mask) != wanted) break;
        at = behind;
    }
    return at;
}

static bool line_end(uint8_t byte) {
    return byte == '\r' || byte == '\n';
}

/* The end of 's, 't, 're, 've, 'm, 'll or 'd at `at`, or `at`. In any case the letter may also be
 * U+017F, which folds to s. */
static size_t skip_contraction(sw_bytes text, size_t at, bool any_case) {
    static const char *const endings[] = {"s", "t", "re", "ve", "m", "ll", "d"};
    const uint8_t *p = text.data + at;
    size_t left = text.size - at;
    if (left < 2 || p[0] != '\'') return at;
    for (size_t i = 0; i < sizeof endings / sizeof endings[0]; i++) {
        size_t size = strlen(endings[i]);
        if (left <= size) continue;
        bool same = true;
        for (size_t k = 0; k < size; k++)
            same = same && (p[1 + k] == (uint8_t)endings[i][k] ||
                            (any_case && (p[1 + k] | 0x20) == (uint8_t)endings[i][k]));
        if (same) return at + 1 + size;
    }
    return any_case && left > 2 && p[1] == 0xc5 && p[2] == 0xbf ? at + 3 : at;
}

/* \s+(?!\S)|\s+ : the run up to its last character when more text follows, one character at least.
 */
static size_t skip_spaces(sw_bytes text, size_t at, size_t run_end) {
    size_t last = run_end;
    if (run_end == text.size) return run_end;
    (void)sw_utf8_previous(text, &last);
    return last > at ? last : run_end;
}

static size_t stop_gpt2(sw_bytes text, size_t at) {
    size_t behind, stop = skip_contraction(text, at, false);
    if (stop > at) return stop;
    size_t start = at + (text.data[at] == ' ');
    unsigned class = class_at(text, start, &behind) & OF_WORDS;
    if (start < text.size && class != SPACE) return skip(text, behind, OF_WORDS, class, SIZE_MAX);
    return skip_spaces(text, at, skip(text, at, SPACE, SPACE, SIZE_MAX));
}

/* White space: \s*[\r\n]+ reaches behind the last line end of the run. */
static size_t stop_modern_space(sw_bytes text, size_t at) {
    size_t run_end = skip(text, at, SPACE, SPACE, SIZE_MAX), line = run_end;
    while (line > at && !line_end(text.data[line - 1])) line--;
    return line > at ? line : skip_spaces(text, at, run_end);
}

static size_t stop_modern(sw_bytes text, size_t at, size_t digits) {
    size_t behind, stop = skip_contraction(text, at, true);
    if (stop > at) return stop;
    unsigned class = class_at(text, at, &behind) & OF_WORDS;
    if (class == LETTER) return skip(text, behind, LETTER, LETTER, SIZE_MAX);
    if (class == NUMBER) return skip(text, at, NUMBER, NUMBER, digits);
    if (!line_end(text.data[at])) {
        stop = skip(text, behind, LETTER, LETTER, SIZE_MAX);
        if (stop > behind) return stop;
    }
    size_t start = at + (text.data[at] == ' ');
    stop = skip(text, start, OF_WORDS, 0, SIZE_MAX);
    if (stop == start) return stop_modern_space(text, at);
    while (stop < text.size && line_end(text.data[stop])) stop++;
    return stop;
}

static size_t stop_digits(sw_bytes text, size_t at, size_t limit) {
    size_t behind;
    unsigned class = class_at(text, at, &behind) & SW_CLASS_DIGIT;
    return skip(text, at, SW_CLASS_DIGIT, class, class != 0 ? limit : SIZE_MAX);
}

size_t sw_split_stop(sw_split split, sw_bytes text, size_t at) {
    switch (split) {
    case SW_SPLIT_GPT2:
        return stop_gpt2(text, at);
    case SW_SPLIT_LLAMA3:
        return stop_modern(text, at, 3);
    case SW_SPLIT_QWEN2:
        return stop_modern(text, at, 1);
    case SW_SPLIT_DIGIT:
        return stop_digits(text, at, 1);
    case SW_SPLIT_DIGITS:
    default:
        return stop_digits(text, at, SIZE_MAX);
    }
}
