/* SPDX-License-Identifier: Apache-2.0
 *
 * Methods of text and objects, and the functions of the environment (TPL-042, TPL-043).
 */
#include "tokenizer/jinja_internal.h"

#include <string.h>

#define FUNCTION(name)                                                                             \
    static sw_status name(sw_jinja_run *run, const sw_jinja_node *node,                            \
                          const sw_jinja_arguments *a, sw_jinja_value *out)
#define UNUSED(x) ((void)(x))

/* ---- text ---- */

sw_status sw_jinja_keep(sw_jinja_run *run, const sw_buffer *text, sw_jinja_value *out) {
    SW_TRY(sw_buffer_check(text, "a text", run->err));
    SW_TRY(sw_jinja_spend(run, text->size));
    sw_bytes copy = sw_arena_copy(&run->arena, sw_buffer_bytes(text));
    if (!copy.data && text->size) return sw_jinja_no_memory(run);
    *out = sw_jinja_of_text(copy);
    return SW_OK;
}

/* Beyond ASCII Python's case rules change lengths and with Unicode's versions: refused. */
sw_status sw_jinja_recase(sw_jinja_run *run, sw_bytes text, sw_jinja_case to, sw_jinja_value *out) {
    SW_TRY(sw_jinja_spend(run, text.size));
    uint8_t *copy = sw_jinja_alloc(run, text.size, 1);
    if (!copy) return sw_jinja_no_memory(run);
    bool inside = false; /* of a word, for title */
    for (size_t i = 0; i < text.size; i++) {
        uint8_t c = text.data[i];
        if (c >= 0x80) return sw_jinja_fail(run, "the case of letters beyond ASCII");
        bool lower = c >= 'a' && c <= 'z', upper = c >= 'A' && c <= 'Z';
        bool up = to == SW_JINJA_UPPER || (to == SW_JINJA_TITLE && !inside);
        copy[i] = (uint8_t)(lower && up ? c - 32 : upper && !up ? c + 32 : c);
        inside = lower || upper;
    }
    *out = sw_jinja_of_text(SW_BYTES(copy, text.size));
    return SW_OK;
}

sw_status sw_jinja_replace(sw_jinja_run *run, sw_bytes text, sw_bytes from, sw_bytes to,
                           sw_jinja_value *out) {
    SW_SCOPED(sw_buffer) result = SW_BUFFER(SW_JINJA_OUTPUT_LIMIT);
    if (!from.size) return sw_jinja_fail(run, "replace of an empty text");
    for (size_t at = 0;;) {
        size_t found = sw_jinja_search(text, from, at);
        size_t end = found == SIZE_MAX ? text.size : found;
        sw_put_bytes(&result, SW_BYTES(text.data + at, end - at));
        if (found == SIZE_MAX) break;
        sw_put_bytes(&result, to);
        at = found + from.size;
    }
    return sw_jinja_keep(run, &result, out);
}

/* The operand of a method of text, and its arguments that were given. */
static sw_status want_text(const sw_jinja_run *run, const sw_jinja_node *node,
                           const sw_jinja_arguments *a, unsigned count) {
    for (unsigned i = 0; i <= count; i++)
        if ((i == 0 || a->given[i]) && a->value[i].type != SW_JINJA_STRING)
            return sw_jinja_fail(run, "%s of or with %s", node->callable->name,
                                 sw_jinja_type_name(&a->value[i]));
    return SW_OK;
}

static sw_status stripped(sw_jinja_run *run, const sw_jinja_node *node, const sw_jinja_arguments *a,
                          unsigned sides, sw_jinja_value *out) {
    bool set = a->given[1] && a->value[1].type != SW_JINJA_NONE;
    SW_TRY(want_text(run, node, a, set ? 1 : 0));
    sw_bytes text = a->value[0].text;
    SW_TRY(sw_jinja_spend(run, text.size + (set ? text.size * a->value[1].text.size : 0)));
    *out = sw_jinja_of_text(sw_jinja_strip(text, set ? &a->value[1].text : NULL, sides));
    return SW_OK;
}

FUNCTION(method_strip) {
    return stripped(run, node, a, SW_JINJA_LEFT | SW_JINJA_RIGHT, out);
}

FUNCTION(method_lstrip) {
    return stripped(run, node, a, SW_JINJA_LEFT, out);
}

FUNCTION(method_rstrip) {
    return stripped(run, node, a, SW_JINJA_RIGHT, out);
}

FUNCTION(method_startswith) {
    SW_TRY(want_text(run, node, a, 1));
    *out = sw_jinja_of_bool(sw_bytes_starts(a->value[0].text, a->value[1].text));
    return SW_OK;
}

FUNCTION(method_endswith) {
    SW_TRY(want_text(run, node, a, 1));
    sw_bytes text = a->value[0].text, end = a->value[1].text;
    *out = sw_jinja_of_bool(
        end.size <= text.size &&
        sw_bytes_equal(SW_BYTES(text.data + (text.size - end.size), end.size), end));
    return SW_OK;
}

FUNCTION(method_replace) {
    SW_TRY(want_text(run, node, a, 2));
    return sw_jinja_replace(run, a->value[0].text, a->value[1].text, a->value[2].text, out);
}

FUNCTION(method_upper) {
    SW_TRY(want_text(run, node, a, 0));
    return sw_jinja_recase(run, a->value[0].text, SW_JINJA_UPPER, out);
}

FUNCTION(method_lower) {
    SW_TRY(want_text(run, node, a, 0));
    return sw_jinja_recase(run, a->value[0].text, SW_JINJA_LOWER, out);
}

FUNCTION(method_title) {
    SW_TRY(want_text(run, node, a, 0));
    return sw_jinja_recase(run, a->value[0].text, SW_JINJA_TITLE, out);
}

/* ---- split ---- */

typedef struct splitter {
    sw_bytes text;
    const sw_bytes *by; /* NULL: runs of white space, none at the ends */
    int64_t most;       /* cuts; below 0 as many as there are */
} splitter;

static size_t skip(sw_bytes text, size_t at, bool space) {
    while (at < text.size) {
        size_t next = at;
        if (sw_jinja_space(sw_utf8_next(text, &next)) != space) break;
        at = next;
    }
    return at;
}

/* Counts the pieces, and stores them when `out` is not NULL. */
static size_t split_words(const splitter *s, sw_jinja_value *out) {
    size_t count = 0;
    for (size_t at = skip(s->text, 0, true); at < s->text.size;) {
        bool rest = s->most >= 0 && count == (size_t)s->most;
        size_t end = rest ? s->text.size : skip(s->text, at, false);
        if (out) out[count] = sw_jinja_of_text(SW_BYTES(s->text.data + at, end - at));
        count++;
        at = skip(s->text, end, true);
    }
    return count;
}

static size_t split_by(const splitter *s, sw_jinja_value *out) {
    size_t count = 0;
    for (size_t at = 0;;) {
        bool rest = s->most >= 0 && count == (size_t)s->most;
        size_t found = rest ? SIZE_MAX : sw_jinja_search(s->text, *s->by, at);
        size_t end = found == SIZE_MAX ? s->text.size : found;
        if (out) out[count] = sw_jinja_of_text(SW_BYTES(s->text.data + at, end - at));
        count++;
        if (found == SIZE_MAX) return count;
        at = found + s->by->size;
    }
}

FUNCTION(method_split) {
    splitter s = {.text = a->value[0].text, .most = -1};
    bool by = a->given[1] && a->value[1].type != SW_JINJA_NONE;
    SW_TRY(want_text(run, node, a, by ? 1 : 0));
    if (by) s.by = &a->value[1].text;
    if (by && !s.by->size) return sw_jinja_fail(run, "split by an empty text");
    if (a->given[2] && !sw_jinja_whole(&a->value[2], &s.most))
        return sw_jinja_fail(run, "split with a count that is no whole number");
    SW_TRY(sw_jinja_spend(run, 2 * s.text.size));
    size_t count = by ? split_by(&s, NULL) : split_words(&s, NULL);
    sw_jinja_value *list = sw_jinja_alloc(run, count, sizeof *list);
    if (!list) return sw_jinja_no_memory(run);
    count = by ? split_by(&s, list) : split_words(&s, list);
    return sw_jinja_of_list(run, list, count, SW_JINJA_LIST, out);
}

FUNCTION(method_items) {
    UNUSED(node);
    if (a->value[0].type != SW_JINJA_DICT)
        return sw_jinja_fail(run, "items of %s", sw_jinja_type_name(&a->value[0]));
    return sw_jinja_of_items(run, &a->value[0], SW_JINJA_VIEW, out);
}

static const sw_jinja_callable methods[] = {
    {"strip", method_strip, 0, {"", NULL}},
    {"lstrip", method_lstrip, 0, {"", NULL}},
    {"rstrip", method_rstrip, 0, {"", NULL}},
    {"split", method_split, 0, {"sep", "maxsplit", NULL}},
    {"startswith", method_startswith, 1, {"", NULL}},
    {"endswith", method_endswith, 1, {"", NULL}},
    {"replace", method_replace, 2, {"", "", NULL}},
    {"upper", method_upper, 0, {NULL}},
    {"lower", method_lower, 0, {NULL}},
    {"title", method_title, 0, {NULL}},
    {"items", method_items, 0, {NULL}},
};

/* ---- functions ---- */

/* What the template spells out is shown, escaped and cut; a sentence that it puts together may hold
 * a message's text and is not. */
FUNCTION(call_raise) {
    UNUSED(a), UNUSED(out);
    enum { SHOWN = 160 };
    const sw_jinja_node *sentence = node->part[1];
    char text[SHOWN + 1] = {0};
    if (sentence->kind != SW_JINJA_CONSTANT || sentence->constant.type != SW_JINJA_STRING)
        return sw_jinja_fail(run, "the template refuses this conversation");
    sw_bytes said = sentence->constant.text;
    for (size_t i = 0; i < said.size && i < SHOWN; i++)
        text[i] = (char)(said.data[i] >= 0x20 && said.data[i] < 0x7f ? said.data[i] : '?');
    return sw_jinja_fail(run, "the template refuses this conversation: %s", text);
}

FUNCTION(call_strftime) {
    SW_TRY(want_text(run, node, &(sw_jinja_arguments){.value = {a->value[1]}}, 0));
    return sw_jinja_date(run, a->value[1].text, out);
}

FUNCTION(call_namespace) {
    UNUSED(a);
    sw_jinja_namespace *head = sw_jinja_alloc(run, 1, sizeof *head), *last = head;
    if (!head) return sw_jinja_no_memory(run);
    for (const sw_jinja_node *n = node->part[0]; n; n = n->next) {
        last->next = sw_jinja_alloc(run, 1, sizeof *head);
        if (!last->next) return sw_jinja_no_memory(run);
        last = last->next;
        last->name = n->text;
        SW_TRY(sw_jinja_eval(run, n->part[0], &last->value));
    }
    *out = (sw_jinja_value){.type = SW_JINJA_NAMESPACE, .names = head};
    return SW_OK;
}

static const sw_jinja_callable functions[] = {
    {"raise_exception", call_raise, 1, {"message", NULL}},
    {"strftime_now", call_strftime, 1, {"format", NULL}},
    {"namespace", call_namespace, 0, {NULL}},
};

const sw_jinja_callable *sw_jinja_method_find(sw_bytes name) {
    return sw_jinja_callable_find(methods, sizeof methods / sizeof methods[0], name);
}

const sw_jinja_callable *sw_jinja_global_find(sw_bytes name) {
    return sw_jinja_callable_find(functions, sizeof functions / sizeof functions[0], name);
}

bool sw_jinja_is_namespace(const sw_jinja_callable *global) {
    return global->function == call_namespace;
}
