/* SPDX-License-Identifier: Apache-2.0
 *
 * Parts of values: iteration, length, attributes, subscripts and slices (TPL-031 to TPL-034).
 *
 * What would be a bound method in Python is refused: no method is a value here.
 */
#include "tokenizer/jinja_internal.h"

#include <string.h>

static sw_status undefined_used(const sw_jinja_run *run) {
    return sw_jinja_fail(run, "an undefined value is used");
}

/* ---- iteration ---- */

static sw_status characters(sw_jinja_run *run, sw_bytes text, const sw_jinja_value **items,
                            size_t *count) {
    *count = sw_jinja_characters(text);
    sw_jinja_value *list = sw_jinja_alloc(run, *count, sizeof *list);
    if (!list) return sw_jinja_no_memory(run);
    for (size_t i = 0, at = 0; at < text.size; i++) {
        size_t start = at;
        (void)sw_utf8_next(text, &at);
        list[i] = sw_jinja_of_text(SW_BYTES(text.data + start, at - start));
    }
    *items = list;
    return SW_OK;
}

static sw_status keys(sw_jinja_run *run, const sw_jinja_value *dict, const sw_jinja_value **items,
                      size_t *count) {
    sw_jinja_value *list = sw_jinja_alloc(run, dict->count, sizeof *list);
    if (!list) return sw_jinja_no_memory(run);
    for (size_t i = 0; i < dict->count; i++) list[i] = sw_jinja_of_text(dict->entries[i].key);
    *items = list;
    *count = dict->count;
    return SW_OK;
}

sw_status sw_jinja_iterate(sw_jinja_run *run, const sw_jinja_value *v, const sw_jinja_value **items,
                           size_t *count) {
    switch (v->type) {
    case SW_JINJA_UNDEFINED:
        *items = NULL;
        *count = 0;
        return SW_OK;
    case SW_JINJA_STRING:
        SW_TRY(sw_jinja_spend(run, v->text.size * sizeof *v));
        return characters(run, v->text, items, count);
    case SW_JINJA_DICT:
        SW_TRY(sw_jinja_spend(run, v->count * sizeof *v));
        return keys(run, v, items, count);
    case SW_JINJA_LIST:
    case SW_JINJA_VIEW:
        *items = v->items;
        *count = v->count;
        return SW_OK;
    case SW_JINJA_GENERATOR:
        *items = v->generator->items;
        *count = v->generator->count;
        v->generator->count = 0;
        return SW_OK;
    default:
        return sw_jinja_fail(run, "%s is not iterated", sw_jinja_type_name(v));
    }
}

sw_status sw_jinja_length(sw_jinja_run *run, const sw_jinja_value *v, size_t *out) {
    switch (v->type) {
    case SW_JINJA_UNDEFINED:
        *out = 0;
        return SW_OK;
    case SW_JINJA_STRING:
        SW_TRY(sw_jinja_spend(run, v->text.size));
        *out = sw_jinja_characters(v->text);
        return SW_OK;
    case SW_JINJA_LIST:
    case SW_JINJA_VIEW:
    case SW_JINJA_DICT:
        *out = v->count;
        return SW_OK;
    default:
        return sw_jinja_fail(run, "%s has no length", sw_jinja_type_name(v));
    }
}

/* ---- attributes ---- */

/* What Python's own types carry under a name. */
static bool is_python_attribute(sw_jinja_type type, sw_bytes name) {
    static const char text[] =
        " capitalize casefold center count encode endswith expandtabs find format format_map index "
        "isalnum isalpha isascii isdecimal isdigit isidentifier islower isnumeric isprintable "
        "isspace istitle isupper join ljust lower lstrip maketrans partition removeprefix "
        "removesuffix replace rfind rindex rjust rpartition rsplit rstrip split splitlines "
        "startswith strip swapcase title translate upper zfill ",
                      dict[] = " clear copy fromkeys get items keys pop popitem setdefault update "
                               "values ",
                      list[] = " append clear copy count extend index insert pop remove reverse "
                               "sort mapping isdisjoint ",
                      number[] = " real imag numerator denominator conjugate bit_length bit_count "
                                 "to_bytes from_bytes as_integer_ratio is_integer hex fromhex "
                                 "from_number ";
    const char *all = type == SW_JINJA_STRING                           ? text
                      : type == SW_JINJA_DICT                           ? dict
                      : type == SW_JINJA_LIST || type == SW_JINJA_VIEW  ? list
                      : type >= SW_JINJA_BOOL && type <= SW_JINJA_FLOAT ? number
                                                                        : "";
    char padded[24] = " ";
    if (name.size > sizeof padded - 3 || memchr(name.data, 0, name.size)) return false;
    memcpy(padded + 1, name.data, name.size);
    padded[name.size + 1] = ' ';
    return strstr(all, padded) != NULL;
}

static sw_status loop_attribute(sw_jinja_run *run, const sw_jinja_loop *loop, sw_bytes name,
                                sw_jinja_value *out) {
    const struct {
        const char *name;
        size_t value;
    } numbers[] = {{"index", loop->index + 1},
                   {"index0", loop->index},
                   {"length", loop->count},
                   {"revindex", loop->count - loop->index},
                   {"revindex0", loop->count - loop->index - 1}};
    bool first = loop->index == 0, last = loop->index + 1 == loop->count;
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        if (!sw_bytes_is(name, numbers[i].name)) continue;
        *out = (sw_jinja_value){.type = SW_JINJA_INTEGER, .integer = (int64_t)numbers[i].value};
        return SW_OK;
    }
    *out = SW_JINJA_NOTHING;
    if (sw_bytes_is(name, "first"))
        *out = sw_jinja_of_bool(first);
    else if (sw_bytes_is(name, "last"))
        *out = sw_jinja_of_bool(last);
    else if (sw_bytes_is(name, "previtem"))
        *out = first ? SW_JINJA_NOTHING : loop->items[loop->index - 1];
    else if (sw_bytes_is(name, "nextitem"))
        *out = last ? SW_JINJA_NOTHING : loop->items[loop->index + 1];
    else
        return sw_jinja_fail(run, "an attribute of loop that is not known here");
    return SW_OK;
}

static sw_status namespace_attribute(sw_jinja_run *run, const sw_jinja_value *v, sw_bytes name,
                                     sw_jinja_value *out) {
    if (run->in_condition)
        return sw_jinja_fail(run, "a namespace in the condition of a for is not known here");
    *out = SW_JINJA_NOTHING;
    for (const sw_jinja_namespace *n = v->names->next; n; n = n->next)
        if (sw_bytes_equal(n->name, name)) *out = n->value;
    return SW_OK;
}

sw_status sw_jinja_attribute(sw_jinja_run *run, const sw_jinja_value *v, sw_bytes name,
                             sw_jinja_value *out) {
    switch (v->type) {
    case SW_JINJA_UNDEFINED:
        return undefined_used(run);
    case SW_JINJA_LOOP:
        return loop_attribute(run, v->loop, name, out);
    case SW_JINJA_NAMESPACE:
        return namespace_attribute(run, v, name, out);
    case SW_JINJA_GENERATOR:
    case SW_JINJA_FUNCTION:
        return sw_jinja_fail(run, "an attribute of %s", sw_jinja_type_name(v));
    default:
        break;
    }
    if (is_python_attribute(v->type, name))
        return sw_jinja_fail(run, "the method %.*s is used as a value", (int)name.size,
                             (const char *)name.data);
    SW_TRY(sw_jinja_spend(run, 8 * v->count));
    const sw_jinja_value *found = v->type == SW_JINJA_DICT ? sw_jinja_find(v, name) : NULL;
    *out = found ? *found : SW_JINJA_NOTHING;
    return SW_OK;
}

/* ---- subscripts ---- */

static sw_status text_subscript(sw_jinja_run *run, const sw_jinja_value *v, sw_bytes key,
                                sw_jinja_value *out) {
    const sw_jinja_value *found = NULL;
    if (v->type == SW_JINJA_DICT) {
        SW_TRY(sw_jinja_spend(run, 8 * v->count));
        found = sw_jinja_find(v, key);
    }
    *out = found ? *found : SW_JINJA_NOTHING;
    if (found || (!is_python_attribute(v->type, key) && !sw_bytes_starts(key, SW_LITERAL("__"))))
        return SW_OK;
    return sw_jinja_fail(run, "a subscript that names a method");
}

static sw_status place_subscript(sw_jinja_run *run, const sw_jinja_value *v, int64_t place,
                                 sw_jinja_value *out) {
    size_t count;
    SW_TRY(sw_jinja_length(run, v, &count));
    if (place < 0) place += (int64_t)count;
    *out = SW_JINJA_NOTHING;
    if (place < 0 || (uint64_t)place >= count) return SW_OK;
    if (v->type == SW_JINJA_LIST)
        *out = v->items[place];
    else
        *out = sw_jinja_of_text(sw_jinja_between(v->text, (size_t)place, (size_t)place + 1));
    return SW_OK;
}

sw_status sw_jinja_subscript(sw_jinja_run *run, const sw_jinja_value *v, const sw_jinja_value *key,
                             sw_jinja_value *out) {
    int64_t place;
    switch (v->type) {
    case SW_JINJA_UNDEFINED:
        return undefined_used(run);
    case SW_JINJA_VIEW:
    case SW_JINJA_GENERATOR:
    case SW_JINJA_FUNCTION:
    case SW_JINJA_LOOP:
        return sw_jinja_fail(run, "a subscript of %s", sw_jinja_type_name(v));
    case SW_JINJA_NAMESPACE:
        if (key->type == SW_JINJA_STRING) return namespace_attribute(run, v, key->text, out);
        break;
    default:
        if (key->type == SW_JINJA_STRING) return text_subscript(run, v, key->text, out);
        bool counted = v->type == SW_JINJA_LIST || v->type == SW_JINJA_STRING;
        if (counted && sw_jinja_whole(key, &place)) return place_subscript(run, v, place, out);
        break;
    }
    *out = SW_JINJA_NOTHING;
    return SW_OK;
}

/* ---- slices ---- */

/* A bound as Python's slice.indices reads it. */
static int64_t bound(const sw_jinja_value *v, int64_t absent, int64_t low, int64_t count) {
    int64_t at;
    if (!sw_jinja_whole(v, &at)) return absent;
    if (at < 0) at += count;
    return at < low ? low : at > count + low ? count + low : at;
}

/* Where Python raises a TypeError, so does jinja2 while it renders (of constants alone it makes
 * undefined, beforehand; here they are refused too). */
static sw_status slice_check(sw_jinja_run *run, const sw_jinja_value *v,
                             const sw_jinja_value bounds[3]) {
    if (v->type != SW_JINJA_LIST && v->type != SW_JINJA_STRING)
        return sw_jinja_fail(run, "a slice of %s", sw_jinja_type_name(v));
    for (unsigned i = 0; i < 3; i++) {
        int64_t whole;
        if (bounds[i].type != SW_JINJA_NONE && !sw_jinja_whole(&bounds[i], &whole))
            return sw_jinja_fail(run, "a slice by %s", sw_jinja_type_name(&bounds[i]));
    }
    return SW_OK;
}

static sw_status pick(sw_jinja_run *run, const sw_jinja_value *v, const int64_t at[3],
                      sw_jinja_value *out) {
    const sw_jinja_value *items = NULL;
    size_t count, picked = 0;
    SW_TRY(sw_jinja_iterate(run, v, &items, &count));

    sw_jinja_value *list = sw_jinja_alloc(run, count, sizeof *list);
    if (!list) return sw_jinja_no_memory(run);
    SW_TRY(sw_jinja_spend(run, count * sizeof *list));
    for (int64_t i = at[0]; items != NULL && (at[2] > 0 ? i < at[1] : i > at[1]); i += at[2])
        list[picked++] = items[i];
    if (v->type == SW_JINJA_LIST) return sw_jinja_of_list(run, list, picked, SW_JINJA_LIST, out);
    uint8_t *text = sw_jinja_alloc(run, v->text.size, 1);
    if (!text) return sw_jinja_no_memory(run);
    size_t size = 0;
    for (size_t i = 0; i < picked; size += list[i++].text.size)
        memcpy(text + size, list[i].text.data, list[i].text.size);
    *out = sw_jinja_of_text(SW_BYTES(text, size));
    return SW_OK;
}

sw_status sw_jinja_slice(sw_jinja_run *run, const sw_jinja_value *v, const sw_jinja_value bounds[3],
                         sw_jinja_value *out) {
    size_t size = 0;
    int64_t at[3] = {0, 0, 1};
    if (v->type == SW_JINJA_UNDEFINED) return undefined_used(run);
    SW_TRY(slice_check(run, v, bounds));
    SW_TRY(sw_jinja_length(run, v, &size));
    int64_t count = (int64_t)size;
    if (sw_jinja_whole(&bounds[2], &at[2]) && at[2] == 0)
        return sw_jinja_fail(run, "a slice with a step of zero");
    if (at[2] > count) at[2] = count + 1; /* a step beyond the end, whatever its size */
    if (at[2] < -count) at[2] = -count - 1;
    bool forward = at[2] > 0;
    int64_t low = forward ? 0 : -1;
    at[0] = bound(&bounds[0], forward ? 0 : count - 1, low, count);
    at[1] = bound(&bounds[1], forward ? count : -1, low, count);
    if (at[2] != 1) return pick(run, v, at, out);
    size_t start = (size_t)at[0], stop = at[1] > at[0] ? (size_t)at[1] : start;
    if (v->type == SW_JINJA_STRING) {
        *out = sw_jinja_of_text(sw_jinja_between(v->text, start, stop));
        return SW_OK;
    }
    return sw_jinja_of_list(run, v->items + start, stop - start, SW_JINJA_LIST, out);
}
