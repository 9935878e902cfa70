/* SPDX-License-Identifier: Apache-2.0
 *
 * Tokens of a template, with white space taken away as jinja2's lexer does it under trim_blocks and
 * lstrip_blocks (TPL-010 to TPL-014).
 *
 * Line ends become line feeds first and one at the end is dropped. A text before a tag loses what a
 * minus asks for, or the blanks of its last line before a block; behind a tag, a minus takes all
 * white space and a block its line feed.
 */
#include "codec/text.h"
#include "tokenizer/jinja_internal.h"

#include <string.h>

enum { NEST_LIMIT = SW_JINJA_DEPTH_LIMIT };

typedef struct lexer {
    sw_arena *arena;
    sw_bytes source;
    size_t at;
    uint32_t line;
    bool line_starts; /* nothing but what was trimmed stands before `at` on its line */
    sw_jinja_token *tokens;
    size_t count;
    sw_error *err;
} lexer;

static sw_status malformed(const lexer *l, const char *what) {
    return sw_fail(l->err, SW_MALFORMED, "template", "chat_template, line %u: %s",
                   (unsigned)l->line, what);
}

static bool follows(const lexer *l, size_t at, const char *text) {
    size_t size = strlen(text);
    return size <= l->source.size - at && memcmp(l->source.data + at, text, size) == 0;
}

/* Moves on and counts lines. */
static void advance(lexer *l, size_t to) {
    for (; l->at < to; l->at++) l->line += l->source.data[l->at] == '\n';
    l->line_starts = to > 0 && l->source.data[to - 1] == '\n';
}

static void put_token(lexer *l, sw_jinja_token_kind kind, sw_bytes text) {
    l->tokens[l->count++] = (sw_jinja_token){kind, l->line, text};
}

static void skip_space(lexer *l) {
    size_t at = l->at;
    while (at < l->source.size) {
        size_t next = at;
        if (!sw_jinja_space(sw_utf8_next(l->source, &next))) break;
        at = next;
    }
    if (at > l->at) advance(l, at);
}

/* Line ends as line feeds, without the last one. */
static sw_status normalise(lexer *l, sw_bytes text) {
    uint8_t *out = sw_arena_alloc(l->arena, text.size + 1, 1);
    if (!out) return sw_fail(l->err, SW_MEMORY, "memory", "no memory for a template");
    size_t size = 0;
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] == '\r' && i + 1 < text.size && text.data[i + 1] == '\n') continue;
        out[size++] = text.data[i] == '\r' ? '\n' : text.data[i];
    }
    if (size > 0 && out[size - 1] == '\n') size--;
    l->source = SW_BYTES(out, size);
    return SW_OK;
}

/* ---- strings ---- */

static bool hex_digits(sw_bytes text, size_t at, size_t count, uint32_t *out) {
    uint32_t v = 0;
    if (count > text.size - at) return false;
    for (size_t i = at; i < at + count; i++) {
        uint8_t c = text.data[i];
        uint32_t digit = c >= '0' && c <= '9'   ? c - (uint32_t)'0'
                         : c >= 'a' && c <= 'f' ? c - (uint32_t)'a' + 10
                         : c >= 'A' && c <= 'F' ? c - (uint32_t)'A' + 10
                                                : 16;
        if (digit == 16 || v >> 24) return false;
        v = v << 4 | digit;
    }
    *out = v;
    return v <= 0x10ffff && (v < 0xd800 || v > 0xdfff);
}

static size_t put_utf8(uint8_t *out, uint32_t c) {
    if (c < 0x80) {
        out[0] = (uint8_t)c;
        return 1;
    }
    size_t more = c < 0x800 ? 1 : c < 0x10000 ? 2 : 3;
    static const uint8_t leads[] = {0, 0xc0, 0xe0, 0xf0};
    out[0] = (uint8_t)(leads[more] | c >> 6 * more);
    for (size_t i = 1; i <= more; i++) out[i] = (uint8_t)(0x80 | (c >> 6 * (more - i) & 0x3f));
    return more + 1;
}

/* The escape at *at, behind its backslash; one that Python does not know stays as it is. No escape
 * is longer than what stands for it. */
static bool unescape(sw_bytes raw, size_t *at, uint8_t *out, size_t *size) {
    static const char letters[] = "nrtabfv'\"\\", values[] = "\n\r\t\a\b\f\v'\"\\";
    uint8_t c = raw.data[(*at)++];
    const char *known = c ? strchr(letters, c) : NULL;
    size_t digits = c == 'x' ? 2 : c == 'u' ? 4 : c == 'U' ? 8 : 0;
    if (known) {
        out[(*size)++] = (uint8_t)values[known - letters];
    } else if (digits) {
        uint32_t v;
        if (!hex_digits(raw, *at, digits, &v)) return false;
        *at += digits;
        *size += put_utf8(out + *size, v);
    } else if (c >= 0x80 || c == 'N' || (c >= '0' && c <= '7')) {
        return false;
    } else if (c != '\n') {
        out[(*size)++] = '\\';
        out[(*size)++] = c;
    }
    return true;
}

static sw_status lex_string(lexer *l) {
    uint8_t quote = l->source.data[l->at];
    size_t start = l->at + 1, end = start;
    while (end < l->source.size && l->source.data[end] != quote)
        end += l->source.data[end] == '\\' ? 2 : 1;
    if (end >= l->source.size) return malformed(l, "a string is not closed");
    sw_bytes raw = SW_BYTES(l->source.data + start, end - start);
    uint8_t *out = sw_arena_alloc(l->arena, raw.size, 1);
    if (!out) return sw_fail(l->err, SW_MEMORY, "memory", "no memory for a template");
    size_t size = 0;
    for (size_t at = 0; at < raw.size;) {
        if (raw.data[at] != '\\') {
            out[size++] = raw.data[at++];
            continue;
        }
        at++;
        if (!unescape(raw, &at, out, &size))
            return malformed(l, "an escape in a string is not one that is known here");
    }
    put_token(l, SW_JINJA_QUOTED, SW_BYTES(out, size));
    advance(l, end + 1);
    return SW_OK;
}

/* ---- inside a tag ---- */

static bool digit(uint8_t c) {
    return c >= '0' && c <= '9';
}

static bool letter(uint8_t c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static uint8_t byte_at(const lexer *l, size_t at) {
    return at < l->source.size ? l->source.data[at] : 0;
}

static size_t digits_end(const lexer *l, size_t at) {
    while (digit(byte_at(l, at))) at++;
    return at;
}

static sw_status lex_number(lexer *l) {
    size_t end = digits_end(l, l->at);
    bool real = byte_at(l, end) == '.' && digit(byte_at(l, end + 1));
    if (real) end = digits_end(l, end + 1);
    if (byte_at(l, end) == 'e' || byte_at(l, end) == 'E') {
        size_t exponent = end + 1;
        if (byte_at(l, exponent) == '+' || byte_at(l, exponent) == '-') exponent++;
        if (digit(byte_at(l, exponent))) {
            real = true;
            end = digits_end(l, exponent);
        }
    }
    if (letter(byte_at(l, end)) || (!real && l->source.data[l->at] == '0' && end > l->at + 1))
        return malformed(l, "a number in a form that is not known here");
    put_token(l, real ? SW_JINJA_REAL : SW_JINJA_WHOLE,
              SW_BYTES(l->source.data + l->at, end - l->at));
    advance(l, end);
    return SW_OK;
}

static sw_status lex_operator(lexer *l, char closers[NEST_LIMIT], size_t *open) {
    static const char pairs[][3] = {"//", "**", "==", "!=", ">=", "<="};
    uint8_t c = l->source.data[l->at];
    size_t size = 1;
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++)
        if (follows(l, l->at, pairs[i])) size = 2;
    if (size == 1 && (!c || !strchr("+-/*%~[](){}<>=.:|,;", c)))
        return malformed(l, "a character that means nothing here");
    if (c == '(' || c == '[' || c == '{') {
        if (*open == NEST_LIMIT)
            return sw_fail(l->err, SW_LIMIT, "limit",
                           "chat_template, line %u: brackets deeper than %d", (unsigned)l->line,
                           NEST_LIMIT);
        closers[(*open)++] = c == '(' ? ')' : c == '[' ? ']' : '}';
    }
    if (c == ')' || c == ']' || c == '}') {
        if (*open == 0 || closers[--*open] != (char)c)
            return malformed(l, "a bracket closes nothing");
    }
    put_token(l, SW_JINJA_OPERATOR, SW_BYTES(l->source.data + l->at, size));
    advance(l, l->at + size);
    return SW_OK;
}

/* Takes the end of a tag when it stands here. */
static bool tag_end(lexer *l, const char *end, bool block) {
    char signed_end[4] = {'-', end[0], end[1], 0};
    if (follows(l, l->at, signed_end)) {
        put_token(l, block ? SW_JINJA_BLOCK_END : SW_JINJA_OUTPUT_END, (sw_bytes){0});
        advance(l, l->at + 3);
        skip_space(l);
        return true;
    }
    signed_end[0] = '+';
    bool keep = block && follows(l, l->at, signed_end);
    if (!keep && !follows(l, l->at, end)) return false;
    put_token(l, block ? SW_JINJA_BLOCK_END : SW_JINJA_OUTPUT_END, (sw_bytes){0});
    advance(l, l->at + (keep ? 3 : 2));
    if (block && !keep && byte_at(l, l->at) == '\n') advance(l, l->at + 1);
    return true;
}

static sw_status lex_tag(lexer *l, bool block) {
    char closers[NEST_LIMIT];
    size_t open = 0;
    for (;;) {
        skip_space(l);
        if (l->at == l->source.size) return malformed(l, "a tag is not closed");
        if (open == 0 && tag_end(l, block ? "%}" : "}}", block)) return SW_OK;
        uint8_t c = l->source.data[l->at];
        if (letter(c)) {
            size_t end = l->at;
            while (letter(byte_at(l, end)) || digit(byte_at(l, end))) end++;
            put_token(l, SW_JINJA_NAME, SW_BYTES(l->source.data + l->at, end - l->at));
            advance(l, end);
        } else if (digit(c)) {
            SW_TRY(lex_number(l));
        } else if (c == '"' || c == '\'') {
            SW_TRY(lex_string(l));
        } else {
            SW_TRY(lex_operator(l, closers, &open));
        }
    }
}

static sw_status lex_comment(lexer *l) {
    const uint8_t *end = l->at < l->source.size
                             ? memmem(l->source.data + l->at, l->source.size - l->at, "#}", 2)
                             : NULL;
    if (!end) return malformed(l, "a comment is not closed");
    size_t at = (size_t)(end - l->source.data);
    uint8_t sign = at > l->at ? end[-1] : 0;
    advance(l, at + 2);
    if (sign == '-') skip_space(l);
    if (sign != '-' && sign != '+' && byte_at(l, l->at) == '\n') advance(l, l->at + 1);
    return SW_OK;
}

/* ---- text ---- */

static size_t tag_start(const lexer *l) {
    for (size_t i = l->at; i + 1 < l->source.size; i++)
        if (l->source.data[i] == '{' && strchr("%{#", l->source.data[i + 1]) &&
            l->source.data[i + 1])
            return i;
    return l->source.size;
}

/* Without the blanks of its last line, when there is nothing else on it (TPL-012). */
static sw_bytes without_indent(const lexer *l, sw_bytes text) {
    size_t line = text.size;
    while (line > 0 && text.data[line - 1] != '\n') line--;
    if (line == 0 && !l->line_starts) return text;
    sw_bytes last = SW_BYTES(text.data + line, text.size - line);
    return sw_jinja_strip(last, NULL, SW_JINJA_LEFT).size ? text : SW_BYTES(text.data, line);
}

static sw_status lex_all(lexer *l) {
    while (l->at < l->source.size) {
        size_t tag = tag_start(l);
        sw_bytes text = SW_BYTES(l->source.data + l->at, tag - l->at);
        bool ends = tag == l->source.size;
        uint8_t kind = byte_at(l, tag + 1), sign = byte_at(l, tag + 2);
        if (!ends && sign == '-')
            text = sw_jinja_strip(text, NULL, SW_JINJA_RIGHT);
        else if (!ends && sign != '+' && kind != '{')
            text = without_indent(l, text);
        if (text.size) put_token(l, SW_JINJA_TEXT, text);
        advance(l, tag);
        if (ends) break;
        if (kind != '#')
            put_token(l, kind == '%' ? SW_JINJA_BLOCK_BEGIN : SW_JINJA_OUTPUT_BEGIN, (sw_bytes){0});
        advance(l, tag + (sign == '-' || sign == '+' ? 3 : 2));
        SW_TRY(kind == '#' ? lex_comment(l) : lex_tag(l, kind == '%'));
    }
    put_token(l, SW_JINJA_END, (sw_bytes){0});
    return SW_OK;
}

sw_status sw_jinja_lex(sw_arena *arena, sw_bytes text, const sw_jinja_token **out, sw_error *err) {
    lexer l = {.arena = arena, .line = 1, .line_starts = true, .err = err};
    if (text.size > SW_JINJA_TEXT_LIMIT)
        return sw_fail(err, SW_LIMIT, "limit", "chat_template is longer than %zu bytes",
                       SW_JINJA_TEXT_LIMIT);
    if (!sw_utf8_valid(text))
        return sw_fail(err, SW_MALFORMED, "template", "chat_template is not UTF-8");
    SW_TRY(normalise(&l, text));
    l.tokens = SW_ARENA_NEW(arena, sw_jinja_token, l.source.size + 2); /* one a byte, at most */
    if (!l.tokens) return sw_fail(err, SW_MEMORY, "memory", "no memory for a template");
    SW_TRY(lex_all(&l));
    *out = l.tokens;
    return SW_OK;
}
