/* SPDX-License-Identifier: Apache-2.0
 *
 * Reading recipe.yaml strictly: one accessor a type. Every refusal names file, line, column and the
 * dotted key; an unknown key or word names the nearest known one. docs/formats/recipe.md, RCP-001
 * to RCP-008.
 */
#include "codec/text.h"
#include "recipe/recipe_internal.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { SHOWN_BYTES = 40, KEY_LIMIT = 48 };

sw_status sw_recipe_refuse(const sw_recipe_reader *r, const sw_yaml *node, const char *where,
                           const char *format, ...) {
    char text[SW_ERROR_MESSAGE_BYTES];
    va_list args;
    va_start(args, format);
    int length = vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (length < 0) text[0] = 0;
    return sw_fail(r->err, SW_REFUSED, "recipe", "%s:%zu:%zu: %s%s%s", r->file, node->line,
                   node->column, where, where[0] == 0 ? "" : ".", text);
}

/* What stands in the file, when it is short and printable. */
static void show(char out[SHOWN_BYTES + 1], sw_bytes text) {
    bool plain = text.size > 0 && text.size <= SHOWN_BYTES;
    for (size_t i = 0; plain && i < text.size; i++)
        plain = text.data[i] > 0x20 && text.data[i] < 0x7f;
    if (plain)
        (void)snprintf(out, SHOWN_BYTES + 1, "%.*s", (int)text.size, (const char *)text.data);
    else
        (void)snprintf(out, SHOWN_BYTES + 1, "(unprintable)");
}

/* `names` without the marks of optional ones, for the search of the nearest. */
static const char *nearest(sw_bytes text, const char *const *names) {
    const char *bare[KEY_LIMIT + 1];
    size_t count = 0;
    for (; count < KEY_LIMIT && names[count] != NULL; count++)
        bare[count] = names[count][0] == '?' ? names[count] + 1 : names[count];
    bare[count] = NULL;
    return sw_nearest_name(text, bare);
}

static void list_words(char *out, size_t size, const char *const *words) {
    size_t used = 0;
    out[0] = 0;
    for (size_t i = 0; words[i] != NULL && used < size; i++) {
        const char *word = words[i][0] == '?' ? words[i] + 1 : words[i];
        int length = snprintf(out + used, size - used, "%s%s", i == 0 ? "" : ", ", word);
        used += length > 0 ? (size_t)length : 0;
    }
}

/* What was meant, or what there is. */
static void hint_names(sw_error *err, sw_bytes text, const char *const *names) {
    char all[SW_ERROR_HINT_BYTES - 32];
    const char *near = nearest(text, names);
    list_words(all, sizeof all, names);
    if (near != NULL)
        sw_error_hint(err, "did you mean %s?", near);
    else
        sw_error_hint(err, "known here: %s", all);
}

static bool is_among(sw_bytes key, const char *const *names) {
    for (; *names != NULL; names++)
        if (sw_bytes_is(key, **names == '?' ? *names + 1 : *names)) return true;
    return false;
}

sw_status sw_recipe_expect(const sw_recipe_reader *r, const sw_yaml *map, const char *where,
                           const char *const *names) {
    const char *called = where[0] == 0 ? "the recipe" : where;
    if (map->type != SW_YAML_MAP)
        return sw_recipe_refuse(r, map, "", "%s must be a map of keys and values", called);
    for (const sw_yaml *m = map->first; m != NULL; m = m->next) {
        if (is_among(m->key, names)) continue;
        char shown[SHOWN_BYTES + 1];
        show(shown, m->key);
        const sw_yaml at = {.line = m->key_line, .column = m->key_column};
        sw_status status = sw_recipe_refuse(r, &at, where, "%s is not known", shown);
        hint_names(r->err, m->key, names);
        return status;
    }
    for (; *names != NULL; names++)
        if (**names != '?' && sw_yaml_member(map, *names) == NULL)
            return sw_recipe_refuse(r, map, where, "%s is missing", *names);
    return SW_OK;
}

/* The member, or NULL after refusing. */
static const sw_yaml *member(const sw_recipe_reader *r, const sw_yaml *map, const char *where,
                             const char *key, sw_yaml_type type, const char *what) {
    const sw_yaml *m = sw_yaml_member(map, key);
    if (m == NULL) (void)sw_recipe_refuse(r, map, where, "%s is missing", key);
    if (m == NULL || m->type == type) return m;
    (void)sw_recipe_refuse(r, m, where, "%s must be %s", key, what);
    return NULL;
}

bool sw_recipe_is_plain_text(sw_bytes text) { /* RCP-004 */
    return text.size > 0 && sw_utf8_plain(text);
}

sw_status sw_recipe_text(const sw_recipe_reader *r, const sw_yaml *map, const char *where,
                         const char *key, size_t limit, char *out) {
    const sw_yaml *m = member(r, map, where, key, SW_YAML_SCALAR, "text");
    if (m == NULL) return SW_REFUSED;
    if (m->text.size > limit)
        return sw_recipe_refuse(r, m, where, "%s is longer than %zu bytes", key, limit);
    if (!sw_recipe_is_plain_text(m->text))
        return sw_recipe_refuse(
            r, m, where, "%s must be text, not empty and without control or invisible characters",
            key);
    memcpy(out, m->text.data, m->text.size);
    out[m->text.size] = 0;
    return SW_OK;
}

sw_status sw_recipe_name(const sw_recipe_reader *r, const sw_yaml *map, const char *where,
                         const char *key, size_t limit, char *out) {
    SW_TRY(sw_recipe_text(r, map, where, key, limit, out));
    if (sw_utf8_name(sw_text(out))) return SW_OK;
    return sw_recipe_refuse(r, sw_yaml_member(map, key), where,
                            "%s must be a name: single spaces within it, and no other space", key);
}

sw_status sw_recipe_hex(const sw_recipe_reader *r, const sw_yaml *map, const char *where,
                        const char *key, void *out, size_t size) {
    const sw_yaml *m = member(r, map, where, key, SW_YAML_SCALAR, "hex");
    if (m == NULL) return SW_REFUSED;
    if (sw_hex_decode(out, size, m->text, false, NULL) != SW_OK)
        return sw_recipe_refuse(r, m, where, "%s must be %zu lower-case hex digits", key, 2 * size);
    return SW_OK;
}

sw_status sw_recipe_whole(const sw_recipe_reader *r, const sw_yaml *map, const char *where,
                          const char *key, uint64_t min, uint64_t max, uint64_t *out) {
    uint64_t value;
    const sw_yaml *m = member(r, map, where, key, SW_YAML_SCALAR, "a whole number");
    if (m == NULL) return SW_REFUSED;
    if (!sw_yaml_u64(m, &value) || value < min || value > max)
        return sw_recipe_refuse(r, m, where, "%s must be a whole number from %llu to %llu", key,
                                (unsigned long long)min, (unsigned long long)max);
    *out = value;
    return SW_OK;
}

sw_status sw_recipe_number(const sw_recipe_reader *r, const sw_yaml *map, const char *where,
                           const char *key, double *out) {
    const sw_yaml *m = member(r, map, where, key, SW_YAML_SCALAR, "a number");
    if (m == NULL) return SW_REFUSED;
    if (!sw_yaml_number(m, out)) return sw_recipe_refuse(r, m, where, "%s must be a number", key);
    return SW_OK;
}

sw_status sw_recipe_flag(const sw_recipe_reader *r, const sw_yaml *map, const char *where,
                         const char *key, bool *out) {
    const sw_yaml *m = member(r, map, where, key, SW_YAML_SCALAR, "true or false");
    if (m == NULL) return SW_REFUSED;
    if (!sw_yaml_flag(m, out))
        return sw_recipe_refuse(r, m, where, "%s must be true or false", key);
    return SW_OK;
}

sw_status sw_recipe_choice(const sw_recipe_reader *r, const sw_yaml *map, const char *where,
                           const char *key, const char *const *words, uint64_t *out) {
    const sw_yaml *m = member(r, map, where, key, SW_YAML_SCALAR, "one word");
    if (m == NULL) return SW_REFUSED;
    for (uint64_t i = 0; words[i] != NULL; i++) {
        if (!sw_bytes_is(m->text, words[i])) continue;
        *out = i;
        return SW_OK;
    }
    char all[160];
    list_words(all, sizeof all, words);
    sw_status status = sw_recipe_refuse(r, m, where, "%s must be one of: %s", key, all);
    hint_names(r->err, m->text, words);
    return status;
}

sw_status sw_recipe_day(const sw_recipe_reader *r, const sw_yaml *map, const char *where,
                        const char *key, uint64_t *out) {
    sw_date day;
    const sw_yaml *m = member(r, map, where, key, SW_YAML_SCALAR, "a day");
    if (m == NULL) return SW_REFUSED;
    if (!sw_date_parse(m->text, &day))
        return sw_recipe_refuse(r, m, where, "%s must be a day, YYYY-MM-DD", key);
    *out = sw_date_number(&day);
    return SW_OK;
}

sw_status sw_recipe_map(const sw_recipe_reader *r, const sw_yaml *map, const char *where,
                        const char *key, const sw_yaml **out) {
    const sw_yaml *m = member(r, map, where, key, SW_YAML_MAP, "a map of keys and values");
    if (m == NULL) return SW_REFUSED;
    *out = m;
    return SW_OK;
}

sw_status sw_recipe_list(const sw_recipe_reader *r, const sw_yaml *map, const char *where,
                         const char *key, size_t limit, const sw_yaml **out) {
    const sw_yaml *m = member(r, map, where, key, SW_YAML_SEQUENCE, "a list");
    if (m == NULL) return SW_REFUSED;
    if (m->count == 0) return sw_recipe_refuse(r, m, where, "%s is empty", key);
    if (m->count > limit)
        return sw_recipe_refuse(r, m, where, "%s holds more than %zu", key, limit);
    *out = m;
    return SW_OK;
}
