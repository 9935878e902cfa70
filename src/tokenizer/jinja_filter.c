/* SPDX-License-Identifier: Apache-2.0
 *
 * Filters and tests (TPL-040, TPL-041). Operand and arguments come evaluated; names of arguments
 * are jinja2's and transformers'.
 */
#include "tokenizer/jinja_internal.h"

#include <string.h>

#define FUNCTION(name)                                                                             \
    static sw_status name(sw_jinja_run *run, const sw_jinja_node *node,                            \
                          const sw_jinja_arguments *a, sw_jinja_value *out)
#define UNUSED(x) ((void)(x))

/* ---- tests ---- */

enum {
    IS_SEQUENCE =
        1 << SW_JINJA_UNDEFINED | 1 << SW_JINJA_STRING | 1 << SW_JINJA_LIST | 1 << SW_JINJA_DICT
};
static const struct {
    const char *name;
    unsigned types; /* a bit for each sw_jinja_type */
} kinds[] = {
    {"undefined", 1 << SW_JINJA_UNDEFINED},
    {"defined", ~(1U << SW_JINJA_UNDEFINED)},
    {"none", 1 << SW_JINJA_NONE},
    {"boolean", 1 << SW_JINJA_BOOL},
    {"integer", 1 << SW_JINJA_INTEGER},
    {"float", 1 << SW_JINJA_FLOAT},
    {"number", 1 << SW_JINJA_BOOL | 1 << SW_JINJA_INTEGER | 1 << SW_JINJA_FLOAT},
    {"string", 1 << SW_JINJA_STRING},
    {"mapping", 1 << SW_JINJA_DICT},
    {"sequence", IS_SEQUENCE},
    {"iterable", IS_SEQUENCE | 1 << SW_JINJA_VIEW | 1 << SW_JINJA_GENERATOR | 1 << SW_JINJA_LOOP},
};

FUNCTION(test_kind) {
    unsigned i = 0;
    while (strcmp(kinds[i].name, node->inner ? node->inner->name : node->callable->name) != 0) i++;
    if (a->value[0].type == SW_JINJA_VIEW && strcmp(kinds[i].name, "sequence") == 0)
        return sw_jinja_fail(run, "%s is sequence", sw_jinja_type_name(&a->value[0]));
    *out = sw_jinja_of_bool(kinds[i].types >> a->value[0].type & 1);
    return SW_OK;
}

FUNCTION(test_true) {
    UNUSED(run), UNUSED(node);
    *out = sw_jinja_of_bool(a->value[0].type == SW_JINJA_BOOL && a->value[0].integer);
    return SW_OK;
}

FUNCTION(test_false) {
    UNUSED(run), UNUSED(node);
    *out = sw_jinja_of_bool(a->value[0].type == SW_JINJA_BOOL && !a->value[0].integer);
    return SW_OK;
}

static sw_status compared(sw_jinja_run *run, sw_jinja_operator op, const sw_jinja_arguments *a,
                          sw_jinja_value *out) {
    bool holds;
    SW_TRY(sw_jinja_compare(run, op, &a->value[0], &a->value[1], &holds));
    *out = sw_jinja_of_bool(holds);
    return SW_OK;
}

FUNCTION(test_equal) {
    UNUSED(node);
    return compared(run, SW_JINJA_EQ, a, out);
}

FUNCTION(test_unequal) {
    UNUSED(node);
    return compared(run, SW_JINJA_NE, a, out);
}

FUNCTION(test_in) {
    UNUSED(node);
    return compared(run, SW_JINJA_IN, a, out);
}

static const sw_jinja_callable tests[] = {
    {"defined", test_kind, 0, {NULL}},   {"undefined", test_kind, 0, {NULL}},
    {"none", test_kind, 0, {NULL}},      {"string", test_kind, 0, {NULL}},
    {"mapping", test_kind, 0, {NULL}},   {"iterable", test_kind, 0, {NULL}},
    {"sequence", test_kind, 0, {NULL}},  {"number", test_kind, 0, {NULL}},
    {"integer", test_kind, 0, {NULL}},   {"float", test_kind, 0, {NULL}},
    {"boolean", test_kind, 0, {NULL}},   {"true", test_true, 0, {NULL}},
    {"false", test_false, 0, {NULL}},    {"equalto", test_equal, 1, {"", NULL}},
    {"eq", test_equal, 1, {"", NULL}},   {"==", test_equal, 1, {"", NULL}},
    {"ne", test_unequal, 1, {"", NULL}}, {"!=", test_unequal, 1, {"", NULL}},
    {"in", test_in, 1, {"", NULL}},
};

/* ---- filters of lists ---- */

FUNCTION(filter_length) {
    UNUSED(node);
    size_t count;
    SW_TRY(sw_jinja_length(run, &a->value[0], &count));
    *out = (sw_jinja_value){.type = SW_JINJA_INTEGER, .integer = (int64_t)count};
    return SW_OK;
}

FUNCTION(filter_list) {
    UNUSED(node);
    const sw_jinja_value *items;
    size_t count;
    SW_TRY(sw_jinja_iterate(run, &a->value[0], &items, &count));
    return sw_jinja_of_list(run, items, count, SW_JINJA_LIST, out);
}

FUNCTION(filter_first) {
    UNUSED(node);
    sw_jinja_value v = a->value[0];
    const sw_jinja_value *items;
    size_t count;
    if (v.type == SW_JINJA_GENERATOR) { /* takes one, leaves the others */
        *out = v.generator->count ? *v.generator->items : SW_JINJA_NOTHING;
        v.generator->items += v.generator->count > 0;
        v.generator->count -= v.generator->count > 0;
        return SW_OK;
    }
    SW_TRY(sw_jinja_iterate(run, &v, &items, &count));
    *out = count ? items[0] : SW_JINJA_NOTHING;
    return SW_OK;
}

FUNCTION(filter_last) {
    UNUSED(node);
    const sw_jinja_value *items;
    size_t count;
    if (a->value[0].type == SW_JINJA_GENERATOR)
        return sw_jinja_fail(run, "the last of a generator");
    SW_TRY(sw_jinja_iterate(run, &a->value[0], &items, &count));
    *out = count ? items[count - 1] : SW_JINJA_NOTHING;
    return SW_OK;
}

FUNCTION(filter_items) {
    UNUSED(node);
    if (a->value[0].type == SW_JINJA_UNDEFINED) return sw_jinja_generate(run, NULL, 0, out);
    if (a->value[0].type != SW_JINJA_DICT)
        return sw_jinja_fail(run, "items of %s", sw_jinja_type_name(&a->value[0]));
    return sw_jinja_of_items(run, &a->value[0], SW_JINJA_GENERATOR, out);
}

FUNCTION(filter_join) {
    UNUSED(node);
    SW_SCOPED(sw_buffer) text = SW_BUFFER(SW_JINJA_OUTPUT_LIMIT);
    const sw_jinja_value *items;
    size_t count;
    sw_bytes between = {0}, piece;
    if (a->given[1]) SW_TRY(sw_jinja_str(run, &a->value[1], &between));
    SW_TRY(sw_jinja_iterate(run, &a->value[0], &items, &count));
    for (size_t i = 0; i < count; i++) {
        SW_TRY(sw_jinja_str(run, &items[i], &piece));
        SW_TRY(sw_jinja_spend(run, piece.size + between.size));
        if (i > 0) sw_put_bytes(&text, between);
        sw_put_bytes(&text, piece);
    }
    SW_TRY(sw_buffer_check(&text, "join", run->err));
    return sw_jinja_keep(run, &text, out);
}

/* ---- select and its kin ---- */

/* "a.b.0" as jinja2's attribute getter walks it: by subscripts. */
static sw_status walk(sw_jinja_run *run, sw_jinja_value v, const sw_jinja_value *path,
                      sw_jinja_value *out) {
    if (path->type != SW_JINJA_STRING) return sw_jinja_fail(run, "an attribute that is no text");
    for (size_t at = 0; at <= path->text.size;) {
        size_t dot = sw_jinja_search(path->text, SW_LITERAL("."), at);
        size_t end = dot == SIZE_MAX ? path->text.size : dot;
        sw_jinja_value key = sw_jinja_of_text(SW_BYTES(path->text.data + at, end - at));
        bool place = key.text.size > 0 && key.text.size < 10;
        int64_t number = 0;
        for (size_t i = 0; place && i < key.text.size; i++) {
            place = key.text.data[i] >= '0' && key.text.data[i] <= '9';
            number = number * 10 + key.text.data[i] - '0';
        }
        if (place) key = (sw_jinja_value){.type = SW_JINJA_INTEGER, .integer = number};
        SW_TRY(sw_jinja_subscript(run, &v, &key, &v));
        at = end + 1;
    }
    *out = v;
    return SW_OK;
}

static sw_status selected(sw_jinja_run *run, const sw_jinja_node *node, const sw_jinja_arguments *a,
                          const sw_jinja_value *item, bool attribute, bool *out) {
    sw_jinja_arguments inner = {.value = {*item}, .given = {true}};
    unsigned place = attribute ? 3 : 2; /* of the test's argument */
    sw_jinja_value answer;
    if (attribute) SW_TRY(walk(run, *item, &a->value[1], &inner.value[0]));
    if (place <= SW_JINJA_ARGUMENTS && a->given[place]) inner.value[1] = a->value[place];
    answer = inner.value[0];
    if (node->inner) SW_TRY(node->inner->function(run, node, &inner, &answer));
    *out = sw_jinja_truth(&answer);
    return SW_OK;
}

static sw_status select_items(sw_jinja_run *run, const sw_jinja_node *node,
                              const sw_jinja_arguments *a, bool attribute, bool wanted,
                              sw_jinja_value *out) {
    const sw_jinja_value *items;
    size_t count, kept = 0;
    SW_TRY(sw_jinja_iterate(run, &a->value[0], &items, &count));
    sw_jinja_value *list = sw_jinja_alloc(run, count, sizeof *list);
    if (!list) return sw_jinja_no_memory(run);
    for (size_t i = 0; i < count; i++) {
        bool holds;
        SW_TRY(sw_jinja_spend(run, 0));
        SW_TRY(selected(run, node, a, &items[i], attribute, &holds));
        if (holds == wanted) list[kept++] = items[i];
    }
    return sw_jinja_generate(run, list, kept, out);
}

FUNCTION(filter_select) {
    return select_items(run, node, a, false, true, out);
}

FUNCTION(filter_reject) {
    return select_items(run, node, a, false, false, out);
}

FUNCTION(filter_selectattr) {
    return select_items(run, node, a, true, true, out);
}

FUNCTION(filter_rejectattr) {
    return select_items(run, node, a, true, false, out);
}

FUNCTION(filter_map) {
    UNUSED(node);
    const sw_jinja_value *items;
    size_t count;
    SW_TRY(sw_jinja_iterate(run, &a->value[0], &items, &count));
    sw_jinja_value *list = sw_jinja_alloc(run, count, sizeof *list);
    if (!list) return sw_jinja_no_memory(run);
    for (size_t i = 0; i < count; i++) {
        SW_TRY(sw_jinja_spend(run, 0));
        SW_TRY(walk(run, items[i], &a->value[1], &list[i]));
    }
    return sw_jinja_generate(run, list, count, out);
}

/* ---- filters of text and of anything ---- */

FUNCTION(filter_trim) {
    UNUSED(node);
    sw_bytes text;
    bool set = a->given[1] && a->value[1].type != SW_JINJA_NONE;
    if (set && a->value[1].type != SW_JINJA_STRING)
        return sw_jinja_fail(run, "trim by %s", sw_jinja_type_name(&a->value[1]));
    SW_TRY(sw_jinja_str(run, &a->value[0], &text));
    SW_TRY(sw_jinja_spend(run, text.size + (set ? text.size * a->value[1].text.size : 0)));
    *out = sw_jinja_of_text(
        sw_jinja_strip(text, set ? &a->value[1].text : NULL, SW_JINJA_LEFT | SW_JINJA_RIGHT));
    return SW_OK;
}

FUNCTION(filter_string) {
    UNUSED(node);
    sw_bytes text;
    SW_TRY(sw_jinja_str(run, &a->value[0], &text));
    *out = sw_jinja_of_text(text);
    return SW_OK;
}

static sw_status cased(sw_jinja_run *run, const sw_jinja_arguments *a, sw_jinja_case to,
                       sw_jinja_value *out) {
    sw_bytes text;
    SW_TRY(sw_jinja_str(run, &a->value[0], &text));
    return sw_jinja_recase(run, text, to, out);
}

FUNCTION(filter_upper) {
    UNUSED(node);
    return cased(run, a, SW_JINJA_UPPER, out);
}

FUNCTION(filter_lower) {
    UNUSED(node);
    return cased(run, a, SW_JINJA_LOWER, out);
}

FUNCTION(filter_replace) {
    UNUSED(node);
    sw_bytes text, from, to;
    SW_TRY(sw_jinja_str(run, &a->value[0], &text));
    SW_TRY(sw_jinja_str(run, &a->value[1], &from));
    SW_TRY(sw_jinja_str(run, &a->value[2], &to));
    return sw_jinja_replace(run, text, from, to, out);
}

FUNCTION(filter_default) {
    UNUSED(run), UNUSED(node);
    bool absent = a->value[0].type == SW_JINJA_UNDEFINED ||
                  (sw_jinja_truth(&a->value[2]) && !sw_jinja_truth(&a->value[0]));
    sw_jinja_value fallback = a->given[1] ? a->value[1] : sw_jinja_of_text((sw_bytes){0});
    *out = absent ? fallback : a->value[0];
    return SW_OK;
}

FUNCTION(filter_tojson) {
    UNUSED(node);
    enum { INDENT_LIMIT = 64 };
    SW_SCOPED(sw_buffer) text = SW_BUFFER(SW_JINJA_OUTPUT_LIMIT);
    int64_t indent = -1;
    bool indented = a->given[2] && a->value[2].type != SW_JINJA_NONE;
    if (indented && !sw_jinja_whole(&a->value[2], &indent))
        return sw_jinja_fail(run, "an indent that is no whole number");
    if (indented && (indent < 0 || indent > INDENT_LIMIT))
        return sw_jinja_fail(run, "an indent that is not from 0 to %d", INDENT_LIMIT);
    SW_TRY(sw_jinja_put_json(run, &text, &a->value[0], sw_jinja_truth(&a->value[1]), indent));
    return sw_jinja_keep(run, &text, out);
}

static const sw_jinja_callable filters[] = {
    {"trim", filter_trim, 0, {"chars", NULL}},
    {"tojson", filter_tojson, 0, {"ensure_ascii", "indent", NULL}},
    {"length", filter_length, 0, {NULL}},
    {"count", filter_length, 0, {NULL}},
    {"upper", filter_upper, 0, {NULL}},
    {"lower", filter_lower, 0, {NULL}},
    {"join", filter_join, 0, {"d", NULL}},
    {"default", filter_default, 0, {"default_value", "boolean", NULL}},
    {"d", filter_default, 0, {"default_value", "boolean", NULL}},
    {"list", filter_list, 0, {NULL}},
    {"first", filter_first, 0, {NULL}},
    {"last", filter_last, 0, {NULL}},
    {"replace", filter_replace, 2, {"old", "new", NULL}},
    {"string", filter_string, 0, {NULL}},
    {"items", filter_items, 0, {NULL}},
    {"select", filter_select, 0, {"", "", NULL}},
    {"reject", filter_reject, 0, {"", "", NULL}},
    {"selectattr", filter_selectattr, 1, {"", "", ""}},
    {"rejectattr", filter_rejectattr, 1, {"", "", ""}},
    {"map", filter_map, 1, {"=attribute", NULL}},
};

const sw_jinja_callable *sw_jinja_callable_find(const sw_jinja_callable *all, size_t count,
                                                sw_bytes name) {
    for (size_t i = 0; i < count; i++)
        if (sw_bytes_is(name, all[i].name)) return &all[i];
    return NULL;
}

const sw_jinja_callable *sw_jinja_filter_find(sw_bytes name) {
    return sw_jinja_callable_find(filters, sizeof filters / sizeof filters[0], name);
}

const sw_jinja_callable *sw_jinja_test_find(sw_bytes name) {
    return sw_jinja_callable_find(tests, sizeof tests / sizeof tests[0], name);
}

bool sw_jinja_selects(const sw_jinja_callable *filter, unsigned *test_place) {
    bool attribute = filter->function == filter_selectattr || filter->function == filter_rejectattr;
    *test_place = attribute ? 2 : 1;
    return attribute || filter->function == filter_select || filter->function == filter_reject;
}
