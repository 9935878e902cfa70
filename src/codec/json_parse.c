/* SPDX-License-Identifier: Apache-2.0
 *
 * JSON reader (RFC 8259) without recursion: one loop, an explicit stack of open containers.
 * Invariants: every count is bounded before memory is taken; text is valid UTF-8; no object has two
 * members of one name; every value's span is its exact bytes in the input.
 */
#include "codec/json_internal.h"
#include "codec/text.h"

#include <stdlib.h>
#include <string.h>

enum { DEFAULT_BYTES = 16 << 20, DEFAULT_DEPTH = 32, DEFAULT_NODES = 200000, FEW_MEMBERS = 8 };

typedef struct parser {
    sw_arena *arena;
    sw_bytes input;
    size_t at;
    sw_json_limits limits;
    size_t nodes, depth;
    sw_json *open[SW_JSON_DEPTH_MAX];
    sw_json *root;
    sw_bytes key; /* of the member whose value comes next */
    sw_error *err;
} parser;

static sw_status malformed(const parser *p, size_t at, const char *what) {
    return sw_fail(p->err, SW_MALFORMED, "format", "JSON byte %zu: %s", at, what);
}

static sw_status no_memory(const parser *p) {
    return sw_fail(p->err, SW_MEMORY, "memory", "no memory for a JSON document");
}

/* The byte at the cursor; 0 at the end (a NUL in the input is refused wherever it stands). */
static uint8_t peek(const parser *p) {
    return p->at < p->input.size ? p->input.data[p->at] : 0;
}

static void skip_space(parser *p) {
    for (uint8_t c = peek(p); c == ' ' || c == '\t' || c == '\n' || c == '\r'; c = peek(p)) p->at++;
}

static sw_bytes slice(const parser *p, size_t from) {
    return SW_BYTES(p->input.data + from, p->at - from);
}

/* ---- strings ---- */

static int hex_digit(uint8_t c) {
    if (c >= '0' && c <= '9') return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Four hex digits at `at`; -1 when there are none. */
static int32_t read_unit(sw_bytes in, size_t at) {
    int32_t unit = 0;
    if (in.size < 4 || at > in.size - 4) return -1;
    for (size_t i = 0; i < 4; i++) {
        int digit = hex_digit(in.data[at + i]);
        if (digit < 0) return -1;
        unit = unit << 4 | digit;
    }
    return unit;
}

static size_t put_utf8(uint8_t *out, uint32_t code) {
    if (code < 0x80) {
        out[0] = (uint8_t)code;
        return 1;
    }
    size_t size = code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    static const uint8_t lead[5] = {0, 0, 0xc0, 0xe0, 0xf0};
    for (size_t i = size - 1; i > 0; i--, code >>= 6) out[i] = (uint8_t)(0x80 | (code & 0x3f));
    out[0] = (uint8_t)(lead[size] | code);
    return size;
}

/* A \u escape whose first digit is at `at`; returns the digits and escapes consumed, 0 if bad. */
static size_t unicode_escape(sw_bytes raw, size_t at, uint32_t *code) {
    int32_t high = read_unit(raw, at);
    if (high < 0 || (high >= 0xdc00 && high <= 0xdfff)) return 0;
    *code = (uint32_t)high;
    if (high < 0xd800 || high > 0xdfff) return 4;
    if (at + 6 > raw.size || raw.data[at + 4] != '\\' || raw.data[at + 5] != 'u') return 0;
    int32_t low = read_unit(raw, at + 6);
    if (low < 0xdc00 || low > 0xdfff) return 0;
    *code = 0x10000 + ((uint32_t)(high - 0xd800) << 10) + (uint32_t)(low - 0xdc00);
    return 10;
}

static uint8_t simple_escape(uint8_t c) {
    static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
    const char *found = c == 0 ? NULL : strchr(from, c);
    return found == NULL ? 0 : (uint8_t)to[found - from];
}

/* Decodes the escapes of `raw` (which starts at input offset `base`) into the arena. */
static sw_status unescape(parser *p, sw_bytes raw, size_t base, sw_bytes *out) {
    uint8_t *to = sw_arena_alloc(p->arena, raw.size, 1);
    if (to == NULL) return no_memory(p);
    size_t size = 0;
    for (size_t i = 0; i < raw.size;) {
        if (raw.data[i] != '\\') {
            to[size++] = raw.data[i++];
            continue;
        }
        uint8_t kind = raw.data[i + 1]; /* the scanner saw to it that there is one */
        uint32_t code = simple_escape(kind);
        size_t more = kind == 'u' ? unicode_escape(raw, i + 2, &code) : 0;
        if (kind == 'u' ? more == 0 : code == 0) return malformed(p, base + i, "bad escape");
        size += put_utf8(to + size, code);
        i += 2 + more;
    }
    *out = SW_BYTES(to, size);
    return SW_OK;
}

static sw_status parse_string(parser *p, sw_bytes *out) {
    size_t from = ++p->at;
    bool escapes = false;
    for (; p->at < p->input.size && p->input.data[p->at] != '"'; p->at++) {
        uint8_t c = p->input.data[p->at];
        if (c < 0x20) return malformed(p, p->at, "control character in a string");
        if (c != '\\') continue;
        escapes = true;
        p->at++; /* what is escaped does not end the string */
    }
    if (p->at >= p->input.size) return malformed(p, p->input.size, "a string does not end");
    sw_bytes raw = slice(p, from);
    p->at++;
    if (!sw_utf8_valid(raw)) return malformed(p, from, "a string is not UTF-8");
    if (escapes) return unescape(p, raw, from, out);
    *out = raw;
    return SW_OK;
}

/* ---- numbers and words ---- */

static bool skip_digits(parser *p) {
    size_t from = p->at;
    while (peek(p) >= '0' && peek(p) <= '9') p->at++;
    return p->at > from;
}

static bool skip_number(parser *p) {
    if (peek(p) == '-') p->at++;
    if (peek(p) == '0')
        p->at++;
    else if (!skip_digits(p))
        return false;
    if (peek(p) == '.') {
        p->at++;
        if (!skip_digits(p)) return false;
    }
    if (peek(p) != 'e' && peek(p) != 'E') return true;
    p->at++;
    if (peek(p) == '+' || peek(p) == '-') p->at++;
    return skip_digits(p);
}

static sw_status parse_number(parser *p, sw_json *node) {
    size_t from = p->at;
    double v;
    if (!skip_number(p)) return malformed(p, p->at, "bad number");
    if (!sw_json_number_parse(slice(p, from), &v))
        return malformed(p, from, "a number is not a finite double or has too many digits");
    node->type = SW_JSON_NUMBER;
    sw_json_set_number(node, v);
    return SW_OK;
}

static sw_status parse_word(parser *p, sw_json *node) {
    static const struct {
        const char *text;
        sw_json_type type;
        bool boolean;
    } words[] = {{"true", SW_JSON_BOOL, true},
                 {"false", SW_JSON_BOOL, false},
                 {"null", SW_JSON_NULL, false}};
    sw_bytes rest = SW_BYTES(p->input.data + p->at, p->input.size - p->at);
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (!sw_bytes_starts(rest, sw_text(words[i].text))) continue;
        node->type = words[i].type;
        node->boolean = words[i].boolean;
        p->at += strlen(words[i].text);
        return SW_OK;
    }
    return malformed(p, p->at, "expected a value");
}

/* ---- containers ---- */

static int by_key(const void *a, const void *b) {
    const sw_json *const *left = a, *const *right = b;
    return sw_bytes_compare((*left)->key, (*right)->key);
}

static const sw_json *repeated_among_few(const sw_json *object) {
    for (const sw_json *a = object->first; a != NULL; a = a->next)
        for (const sw_json *b = a->next; b != NULL; b = b->next)
            if (sw_bytes_equal(a->key, b->key)) return b;
    return NULL;
}

/* Pairs for a few members, sorting for many, so that no input makes this quadratic. */
static sw_status refuse_repeated_key(parser *p, const sw_json *object) {
    const sw_json *repeated = NULL;
    if (object->count <= FEW_MEMBERS) {
        repeated = repeated_among_few(object);
    } else {
        sw_arena_place before = sw_arena_mark(p->arena);
        const sw_json **sorted = SW_ARENA_NEW(p->arena, const sw_json *, object->count);
        if (sorted == NULL) return no_memory(p);
        size_t n = 0;
        for (const sw_json *m = object->first; m != NULL; m = m->next) sorted[n++] = m;
        qsort(sorted, n, sizeof *sorted, by_key);
        for (size_t i = 1; i < n && repeated == NULL; i++)
            if (sw_bytes_equal(sorted[i - 1]->key, sorted[i]->key)) repeated = sorted[i];
        sw_arena_rewind(p->arena, before);
    }
    if (repeated == NULL) return SW_OK;
    return malformed(p, (size_t)(repeated->span.data - p->input.data), "a member is repeated");
}

static sw_status parse_key(parser *p) {
    skip_space(p);
    if (peek(p) != '"') return malformed(p, p->at, "expected a member name");
    SW_TRY(parse_string(p, &p->key));
    skip_space(p);
    if (peek(p) != ':') return malformed(p, p->at, "expected ':'");
    p->at++;
    return SW_OK;
}

static sw_status open_container(parser *p, sw_json *node) {
    node->type = peek(p) == '{' ? SW_JSON_OBJECT : SW_JSON_ARRAY;
    if (p->depth == p->limits.depth)
        return sw_fail(p->err, SW_LIMIT, "limit", "JSON byte %zu: deeper than %zu", p->at,
                       p->limits.depth);
    p->open[p->depth++] = node;
    p->at++;
    return SW_OK;
}

static sw_status close_container(parser *p) {
    sw_json *node = p->open[--p->depth];
    p->at++;
    node->span.size = (size_t)(p->input.data + p->at - node->span.data);
    return node->type == SW_JSON_OBJECT ? refuse_repeated_key(p, node) : SW_OK;
}

/* A new node in its place: the root, or the last child of the innermost open container. */
static sw_status place_node(parser *p, sw_json **out) {
    if (p->nodes++ == p->limits.nodes)
        return sw_fail(p->err, SW_LIMIT, "limit", "JSON byte %zu: more than %zu values", p->at,
                       p->limits.nodes);
    sw_json *node = SW_ARENA_NEW(p->arena, sw_json, 1), *parent;
    if (node == NULL) return no_memory(p);
    *out = node;
    if (p->depth == 0) {
        p->root = node;
        return SW_OK;
    }
    parent = p->open[p->depth - 1];
    if (parent->type == SW_JSON_OBJECT) node->key = p->key;
    if (parent->last == NULL)
        parent->first = node;
    else
        parent->last->next = node;
    parent->last = node;
    parent->count++;
    return SW_OK;
}

static sw_status parse_value(parser *p) {
    sw_json *node = NULL;
    skip_space(p);
    SW_TRY(place_node(p, &node));
    size_t from = p->at;
    uint8_t c = peek(p);
    node->span = SW_BYTES(p->input.data + from, 0);
    if (c == '{' || c == '[') return open_container(p, node);
    if (c == '"') {
        node->type = SW_JSON_STRING;
        SW_TRY(parse_string(p, &node->text));
    } else if (c == '-' || (c >= '0' && c <= '9')) {
        SW_TRY(parse_number(p, node));
    } else {
        SW_TRY(parse_word(p, node));
    }
    node->span = slice(p, from);
    return SW_OK;
}

/* After a value or an opening bracket: closes what closes here; *more when another value follows.
 */
static sw_status climb(parser *p, bool *more) {
    *more = false;
    while (p->depth > 0) {
        sw_json *parent = p->open[p->depth - 1];
        bool object = parent->type == SW_JSON_OBJECT;
        bool fresh = parent->count == 0; /* just opened: no comma yet */
        skip_space(p);
        if (peek(p) == (object ? '}' : ']')) {
            SW_TRY(close_container(p));
            continue;
        }
        if (!fresh && peek(p) != ',') return malformed(p, p->at, "expected ',' or a bracket");
        if (!fresh) p->at++;
        *more = true;
        return object ? parse_key(p) : SW_OK;
    }
    return SW_OK;
}

static sw_status parse_document(parser *p) {
    bool more = true;
    while (more) {
        SW_TRY(parse_value(p));
        SW_TRY(climb(p, &more));
    }
    skip_space(p);
    if (p->at != p->input.size) return malformed(p, p->at, "something follows the value");
    return SW_OK;
}

static sw_json_limits limits_of(const sw_json_limits *given) {
    sw_json_limits l = {DEFAULT_BYTES, DEFAULT_DEPTH, DEFAULT_NODES};
    if (given == NULL) return l;
    if (given->bytes != 0) l.bytes = given->bytes;
    if (given->depth != 0) l.depth = given->depth;
    if (given->nodes != 0) l.nodes = given->nodes;
    if (l.depth > SW_JSON_DEPTH_MAX) l.depth = SW_JSON_DEPTH_MAX;
    return l;
}

sw_status sw_json_parse(sw_arena *arena, sw_bytes input, const sw_json_limits *limits,
                        sw_json **out, sw_error *err) {
    parser p = {.arena = arena, .input = input, .limits = limits_of(limits), .err = err};
    if (input.size > p.limits.bytes)
        return sw_fail(err, SW_LIMIT, "limit", "JSON of %zu bytes is larger than %zu", input.size,
                       p.limits.bytes);
    if (input.size == 0) return malformed(&p, 0, "empty");
    SW_TRY(parse_document(&p));
    *out = p.root;
    return SW_OK;
}

static sw_status canonical_check(sw_arena *arena, sw_bytes input, const sw_json *root,
                                 sw_error *err) {
    sw_buffer again = sw_buffer_over(sw_arena_alloc(arena, input.size, 1), input.size);
    if (again.data == NULL) return sw_fail(err, SW_MEMORY, "memory", "no memory for JSON");
    sw_json_encode(&again, root);
    if (again.failed && again.cause == SW_MEMORY) return sw_buffer_check(&again, "JSON", err);
    if (again.failed || !sw_bytes_equal(input, sw_buffer_bytes(&again)))
        return sw_fail(err, SW_MALFORMED, "format", "JSON is not in its RFC 8785 form");
    return SW_OK;
}

sw_status sw_json_parse_canonical(sw_arena *arena, sw_bytes input, const sw_json_limits *limits,
                                  sw_json **out, sw_error *err) {
    sw_json *root;
    SW_TRY(sw_json_parse(arena, input, limits, &root, err));
    sw_arena_place before = sw_arena_mark(arena);
    sw_status status = canonical_check(arena, input, root, err);
    sw_arena_rewind(arena, before);
    if (status == SW_OK) *out = root;
    return status;
}
