/* SPDX-License-Identifier: Apache-2.0
 *
 * Values: making them, and truth, equality, order, arithmetic and str() as Python has them
 * (TPL-030 to TPL-036).
 */
#include "tokenizer/jinja_internal.h"

#include <math.h>
#include <string.h>

#define WHOLE_LIMIT INT64_C(9007199254740991)

sw_jinja_value sw_jinja_of_bool(bool v) {
    return (sw_jinja_value){.type = SW_JINJA_BOOL, .integer = v};
}

sw_jinja_value sw_jinja_of_text(sw_bytes text) {
    if (!text.data) text.data = (const uint8_t *)"";
    return (sw_jinja_value){.type = SW_JINJA_STRING, .text = text};
}

const char *sw_jinja_type_name(const sw_jinja_value *v) {
    static const char *const names[] = {
        "an undefined value", "none",        "a truth value", "a number",
        "a number",           "a text",      "a list",        "a tuple or a view",
        "an object",          "a generator", "a namespace",   "loop",
        "a function"};
    return names[v->type];
}

static sw_status of_whole(sw_jinja_run *run, int64_t v, sw_jinja_value *out) {
    if (v > WHOLE_LIMIT || v < -WHOLE_LIMIT)
        return sw_jinja_fail(run, "a whole number beyond 2^53 - 1");
    *out = (sw_jinja_value){.type = SW_JINJA_INTEGER, .integer = v};
    return SW_OK;
}

sw_status sw_jinja_of_list(sw_jinja_run *run, const sw_jinja_value *items, size_t count,
                           sw_jinja_type type, sw_jinja_value *out) {
    uint32_t depth = 0;
    SW_TRY(sw_jinja_spend(run, 8 * count));
    for (size_t i = 0; i < count; i++)
        if (items[i].depth > depth) depth = items[i].depth;
    if (depth >= SW_JINJA_DEPTH_LIMIT)
        return sw_fail(run->err, SW_LIMIT, "limit",
                       "chat_template, line %u: a value is nested "
                       "deeper than %d",
                       (unsigned)run->line, SW_JINJA_DEPTH_LIMIT);
    *out = (sw_jinja_value){.type = type, .depth = depth + 1, .count = count, .items = items};
    return SW_OK;
}

sw_status sw_jinja_generate(sw_jinja_run *run, const sw_jinja_value *items, size_t count,
                            sw_jinja_value *out) {
    sw_jinja_generator *generator = sw_jinja_alloc(run, 1, sizeof *generator);
    if (!generator) return sw_jinja_no_memory(run);
    *generator = (sw_jinja_generator){items, count};
    *out = (sw_jinja_value){.type = SW_JINJA_GENERATOR, .generator = generator};
    return SW_OK;
}

/* Pairs of a dict, as a view or as a generator. */
sw_status sw_jinja_of_items(sw_jinja_run *run, const sw_jinja_value *dict, sw_jinja_type type,
                            sw_jinja_value *out) {
    sw_jinja_value *pairs = sw_jinja_alloc(run, dict->count, 3 * sizeof *pairs);
    if (!pairs) return sw_jinja_no_memory(run);
    sw_jinja_value *halves = pairs + dict->count;
    for (size_t i = 0; i < dict->count; i++) {
        halves[2 * i] = sw_jinja_of_text(dict->entries[i].key);
        halves[2 * i + 1] = dict->entries[i].value;
        SW_TRY(sw_jinja_of_list(run, halves + 2 * i, 2, SW_JINJA_VIEW, &pairs[i]));
    }
    if (type == SW_JINJA_GENERATOR) return sw_jinja_generate(run, pairs, dict->count, out);
    return sw_jinja_of_list(run, pairs, dict->count, type, out);
}

/* ---- from JSON ---- */

static sw_status of_number(sw_jinja_run *run, const sw_json *json, sw_jinja_value *out) {
    bool real = false; /* a number that was built, not read, has no span */
    for (size_t i = 0; json->span.data != NULL && i < json->span.size && !real; i++)
        real = memchr(".eE", json->span.data[i], 3) != NULL;
    if (!real && json->integral) return of_whole(run, json->integer, out);
    if (!real && json->span.size) return sw_jinja_fail(run, "a whole number beyond 2^53 - 1");
    *out = (sw_jinja_value){.type = SW_JINJA_FLOAT, .number = json->number};
    return SW_OK;
}

static sw_status of_children(sw_jinja_run *run, const sw_json *json, unsigned depth,
                             sw_jinja_value *out) {
    bool object = json->type == SW_JSON_OBJECT;
    sw_jinja_value *items = sw_jinja_alloc(run, json->count, sizeof *items);
    sw_jinja_entry *entries = object ? sw_jinja_alloc(run, json->count, sizeof *entries) : NULL;
    if (!items || (object && !entries)) return sw_jinja_no_memory(run);
    size_t count = 0;
    for (const sw_json *child = json->first; child; child = child->next, count++) {
        SW_TRY(sw_jinja_of_json(run, child, depth + 1, &items[count]));
        if (object) entries[count] = (sw_jinja_entry){child->key, items[count]};
    }
    SW_TRY(sw_jinja_of_list(run, items, count, object ? SW_JINJA_DICT : SW_JINJA_LIST, out));
    if (object) out->entries = entries;
    return SW_OK;
}

sw_status sw_jinja_of_json(sw_jinja_run *run, const sw_json *json, unsigned depth,
                           sw_jinja_value *out) {
    if (depth >= SW_JINJA_DEPTH_LIMIT)
        return sw_fail(run->err, SW_LIMIT, "limit", "a message or tool is nested deeper than %d",
                       SW_JINJA_DEPTH_LIMIT);
    SW_TRY(sw_jinja_spend(run, 0));
    switch (json->type) {
    case SW_JSON_NULL:
        *out = (sw_jinja_value){.type = SW_JINJA_NONE};
        return SW_OK;
    case SW_JSON_BOOL:
        *out = sw_jinja_of_bool(json->boolean);
        return SW_OK;
    case SW_JSON_NUMBER:
        return of_number(run, json, out);
    case SW_JSON_STRING:
        *out = sw_jinja_of_text(json->text);
        return SW_OK;
    default:
        return of_children(run, json, depth, out);
    }
}

/* ---- questions ---- */

bool sw_jinja_whole(const sw_jinja_value *v, int64_t *out) {
    if (v->type != SW_JINJA_INTEGER && v->type != SW_JINJA_BOOL) return false;
    *out = v->integer;
    return true;
}

bool sw_jinja_real(const sw_jinja_value *v, double *out) {
    int64_t whole;
    if (v->type == SW_JINJA_FLOAT)
        *out = v->number;
    else if (sw_jinja_whole(v, &whole))
        *out = (double)whole; /* exact: within 2^53 */
    else
        return false;
    return true;
}

bool sw_jinja_truth(const sw_jinja_value *v) {
    switch (v->type) {
    case SW_JINJA_UNDEFINED:
    case SW_JINJA_NONE:
        return false;
    case SW_JINJA_BOOL:
    case SW_JINJA_INTEGER:
        return v->integer != 0;
    case SW_JINJA_FLOAT:
        return v->number != 0;
    case SW_JINJA_STRING:
        return v->text.size > 0;
    case SW_JINJA_LIST:
    case SW_JINJA_VIEW:
    case SW_JINJA_DICT:
        return v->count > 0;
    default:
        return true;
    }
}

const sw_jinja_value *sw_jinja_find(const sw_jinja_value *dict, sw_bytes key) {
    for (size_t i = 0; i < dict->count; i++)
        if (sw_bytes_equal(dict->entries[i].key, key)) return &dict->entries[i].value;
    return NULL;
}

static sw_status equal_dicts(sw_jinja_run *run, const sw_jinja_value *a, const sw_jinja_value *b,
                             bool *out) {
    *out = a->count == b->count;
    for (size_t i = 0; *out && i < a->count; i++) {
        SW_TRY(sw_jinja_spend(run, 8 * b->count));
        const sw_jinja_value *other = sw_jinja_find(b, a->entries[i].key);
        *out = other != NULL;
        if (other) SW_TRY(sw_jinja_equal(run, &a->entries[i].value, other, out));
    }
    return SW_OK;
}

static sw_status equal_lists(sw_jinja_run *run, const sw_jinja_value *a, const sw_jinja_value *b,
                             bool *out) {
    *out = a->count == b->count;
    for (size_t i = 0; *out && i < a->count; i++)
        SW_TRY(sw_jinja_equal(run, &a->items[i], &b->items[i], out));
    return SW_OK;
}

sw_status sw_jinja_equal(sw_jinja_run *run, const sw_jinja_value *a, const sw_jinja_value *b,
                         bool *out) {
    double x, y;
    SW_TRY(sw_jinja_spend(run, a->type == SW_JINJA_STRING ? a->text.size : 0));
    for (int i = 0; i < 2; i++) {
        const sw_jinja_value *v = i == 0 ? a : b;
        if (v->type == SW_JINJA_VIEW || v->type > SW_JINJA_DICT)
            return sw_jinja_fail(run, "%s in a comparison", sw_jinja_type_name(v));
    }
    if (sw_jinja_real(a, &x) && sw_jinja_real(b, &y)) {
        *out = x == y;
        return SW_OK;
    }
    *out = a->type == b->type;
    if (!*out) return SW_OK;
    if (a->type == SW_JINJA_STRING) *out = sw_bytes_equal(a->text, b->text);
    if (a->type == SW_JINJA_LIST) return equal_lists(run, a, b, out);
    if (a->type == SW_JINJA_DICT) return equal_dicts(run, a, b, out);
    return SW_OK;
}

sw_status sw_jinja_contains(sw_jinja_run *run, const sw_jinja_value *in, const sw_jinja_value *what,
                            bool *out) {
    *out = false;
    bool text = what->type == SW_JINJA_STRING;
    switch (in->type) {
    case SW_JINJA_UNDEFINED:
        return SW_OK;
    case SW_JINJA_STRING:
        if (!text) break;
        SW_TRY(sw_jinja_spend(run, in->text.size));
        *out = !what->text.size || sw_jinja_search(in->text, what->text, 0) != SIZE_MAX;
        return SW_OK;
    case SW_JINJA_DICT:
        if (what->type >= SW_JINJA_LIST) break;
        SW_TRY(sw_jinja_spend(run, 8 * in->count));
        *out = text && sw_jinja_find(in, what->text) != NULL;
        return SW_OK;
    case SW_JINJA_LIST:
    case SW_JINJA_VIEW:
        for (size_t i = 0; !*out && i < in->count; i++)
            SW_TRY(sw_jinja_equal(run, &in->items[i], what, out));
        return SW_OK;
    default:
        break;
    }
    return sw_jinja_fail(run, "%s in %s", sw_jinja_type_name(what), sw_jinja_type_name(in));
}

static sw_status order(sw_jinja_run *run, const sw_jinja_value *a, const sw_jinja_value *b,
                       int *out) {
    double x, y;
    if (a->type == SW_JINJA_STRING && b->type == SW_JINJA_STRING) {
        SW_TRY(sw_jinja_spend(run, a->text.size));
        *out = sw_bytes_compare(a->text, b->text); /* UTF-8 keeps the order of code points */
        return SW_OK;
    }
    if (!sw_jinja_real(a, &x) || !sw_jinja_real(b, &y))
        return sw_jinja_fail(run, "%s cannot be ordered with %s", sw_jinja_type_name(a),
                             sw_jinja_type_name(b));
    *out = x < y ? -1 : x > y;
    return SW_OK;
}

sw_status sw_jinja_compare(sw_jinja_run *run, sw_jinja_operator op, const sw_jinja_value *a,
                           const sw_jinja_value *b, bool *out) {
    bool negated = op == SW_JINJA_NE || op == SW_JINJA_NOT_IN;
    if (op == SW_JINJA_EQ || op == SW_JINJA_NE || op == SW_JINJA_IN || op == SW_JINJA_NOT_IN) {
        bool in = op == SW_JINJA_IN || op == SW_JINJA_NOT_IN, holds = false;
        SW_TRY(in ? sw_jinja_contains(run, b, a, &holds) : sw_jinja_equal(run, a, b, &holds));
        *out = holds != negated;
        return SW_OK;
    }
    int sign = 0;
    SW_TRY(order(run, a, b, &sign));
    *out = op == SW_JINJA_LT   ? sign < 0
           : op == SW_JINJA_LE ? sign <= 0
           : op == SW_JINJA_GT ? sign > 0
                               : sign >= 0;
    return SW_OK;
}

/* ---- arithmetic ---- */

static sw_status joined(sw_jinja_run *run, const sw_jinja_value *a, const sw_jinja_value *b,
                        sw_jinja_value *out) {
    bool text = a->type == SW_JINJA_STRING;
    size_t first = text ? a->text.size : a->count, second = text ? b->text.size : b->count;
    size_t size = text ? 1 : sizeof(sw_jinja_value), count;
    if (!sw_add_size(first, second, &count)) return sw_jinja_no_memory(run);
    SW_TRY(sw_jinja_spend(run, count * size));
    uint8_t *sum = sw_jinja_alloc(run, count, size);
    if (!sum) return sw_jinja_no_memory(run);
    const void *left = text ? (const void *)a->text.data : a->items;
    const void *right = text ? (const void *)b->text.data : b->items;
    if (first) memcpy(sum, left, first * size);
    if (second) memcpy(sum + first * size, right, second * size);
    if (!text)
        return sw_jinja_of_list(run, (const sw_jinja_value *)(void *)sum, count, SW_JINJA_LIST,
                                out);
    *out = sw_jinja_of_text(SW_BYTES(sum, count));
    return SW_OK;
}

/* Python's remainder has the divisor's sign. */
static sw_status whole_arithmetic(sw_jinja_run *run, sw_jinja_operator op, int64_t a, int64_t b,
                                  sw_jinja_value *out) {
    int64_t v = 0;
    if (op == SW_JINJA_MODULO && b == 0) return sw_jinja_fail(run, "a remainder by zero");
    if (op == SW_JINJA_MODULO) v = (a % b + b) % b;
    if (op == SW_JINJA_ADD) v = a + b;
    if (op == SW_JINJA_SUBTRACT) v = a - b;
    if (op == SW_JINJA_MULTIPLY && __builtin_mul_overflow(a, b, &v)) v = INT64_MAX;
    return of_whole(run, v, out);
}

sw_status sw_jinja_arithmetic(sw_jinja_run *run, sw_jinja_operator op, const sw_jinja_value *a,
                              const sw_jinja_value *b, sw_jinja_value *out) {
    int64_t i, j;
    double x, y;
    bool same = a->type == b->type && (a->type == SW_JINJA_STRING || a->type == SW_JINJA_LIST);
    if (op == SW_JINJA_ADD && same) return joined(run, a, b, out);
    if (sw_jinja_whole(a, &i) && sw_jinja_whole(b, &j)) return whole_arithmetic(run, op, i, j, out);
    if (!sw_jinja_real(a, &x) || !sw_jinja_real(b, &y) || op == SW_JINJA_MODULO)
        return sw_jinja_fail(run, "%s and %s do not go together in + - * %%", sw_jinja_type_name(a),
                             sw_jinja_type_name(b));
    double v = op == SW_JINJA_ADD ? x + y : op == SW_JINJA_SUBTRACT ? x - y : x * y;
    if (!isfinite(v)) return sw_jinja_fail(run, "a number that is not finite");
    *out = (sw_jinja_value){.type = SW_JINJA_FLOAT, .number = v};
    return SW_OK;
}

/* ---- as text ---- */

sw_status sw_jinja_str(sw_jinja_run *run, const sw_jinja_value *v, sw_bytes *out) {
    switch (v->type) {
    case SW_JINJA_UNDEFINED:
        *out = (sw_bytes){(const uint8_t *)"", 0};
        return SW_OK;
    case SW_JINJA_NONE:
        *out = SW_LITERAL("None");
        return SW_OK;
    case SW_JINJA_BOOL:
        *out = v->integer ? SW_LITERAL("True") : SW_LITERAL("False");
        return SW_OK;
    case SW_JINJA_STRING:
        *out = v->text;
        return SW_OK;
    case SW_JINJA_INTEGER:
    case SW_JINJA_FLOAT:
        break;
    default:
        return sw_jinja_fail(run, "%s is not printed here", sw_jinja_type_name(v));
    }
    SW_SCOPED(sw_buffer) text = SW_BUFFER(64);
    if (v->type == SW_JINJA_INTEGER)
        sw_put_format(&text, "%lld", (long long)v->integer);
    else
        sw_jinja_put_float(&text, v->number);
    SW_TRY(sw_buffer_check(&text, "a number", run->err));
    *out = sw_arena_copy(&run->arena, sw_buffer_bytes(&text));
    return out->data ? SW_OK : sw_jinja_no_memory(run);
}
