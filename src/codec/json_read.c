/* SPDX-License-Identifier: Apache-2.0
 *
 * Reading an object strictly: every accessor names the place in its refusal. Names that come from
 * outside are shown only when they are short and printable.
 */
#include "codec/json.h"
#include "codec/text.h"

#include <stdio.h>
#include <string.h>

enum { SHOWN_NAME_BYTES = 40 };

const sw_json *sw_json_member(const sw_json *object, const char *name) {
    if (object == NULL || object->type != SW_JSON_OBJECT) return NULL;
    sw_bytes wanted = sw_text(name);
    for (const sw_json *m = object->first; m != NULL; m = m->next)
        if (sw_bytes_equal(m->key, wanted)) return m;
    return NULL;
}

static sw_status wrong(sw_error *err, const char *where, const char *name, const char *what) {
    return sw_fail(err, SW_MALFORMED, "format", "%s%s%s %s", where, where[0] == 0 ? "" : ".", name,
                   what);
}

static void show_name(char out[SHOWN_NAME_BYTES + 1], sw_bytes name) {
    bool plain = name.size > 0 && name.size <= SHOWN_NAME_BYTES;
    for (size_t i = 0; plain && i < name.size; i++)
        plain = name.data[i] > 0x20 && name.data[i] < 0x7f && name.data[i] != '%';
    if (plain)
        (void)snprintf(out, SHOWN_NAME_BYTES + 1, "%.*s", (int)name.size, (const char *)name.data);
    else
        (void)snprintf(out, SHOWN_NAME_BYTES + 1, "(a member)");
}

static bool is_named(sw_bytes key, const char *const *names) {
    for (; *names != NULL; names++)
        if (sw_bytes_is(key, **names == '?' ? *names + 1 : *names)) return true;
    return false;
}

sw_status sw_json_expect(const sw_json *object, const char *where, const char *const *names,
                         sw_error *err) {
    if (object == NULL || object->type != SW_JSON_OBJECT)
        return sw_fail(err, SW_MALFORMED, "format", "%s is not an object",
                       where[0] == 0 ? "the document" : where);
    for (const sw_json *m = object->first; m != NULL; m = m->next) {
        char shown[SHOWN_NAME_BYTES + 1];
        if (is_named(m->key, names)) continue;
        show_name(shown, m->key);
        return wrong(err, where, shown, "is not known here");
    }
    for (; *names != NULL; names++)
        if (**names != '?' && sw_json_member(object, *names) == NULL)
            return wrong(err, where, *names, "is missing");
    return SW_OK;
}

static sw_status member_of(const sw_json *object, const char *where, const char *name,
                           sw_json_type type, const char *what, const sw_json **out,
                           sw_error *err) {
    const sw_json *m = sw_json_member(object, name);
    if (m == NULL) return wrong(err, where, name, "is missing");
    if (m->type != type) return wrong(err, where, name, what);
    *out = m;
    return SW_OK;
}

sw_status sw_json_text(const sw_json *object, const char *where, const char *name, sw_bytes *out,
                       sw_error *err) {
    const sw_json *m;
    SW_TRY(member_of(object, where, name, SW_JSON_STRING, "is not a string", &m, err));
    *out = m->text;
    return SW_OK;
}

sw_status sw_json_u64(const sw_json *object, const char *where, const char *name, uint64_t max,
                      uint64_t *out, sw_error *err) {
    const sw_json *m;
    SW_TRY(member_of(object, where, name, SW_JSON_NUMBER, "is not a number", &m, err));
    if (!m->integral || m->integer < 0) return wrong(err, where, name, "is not a whole number");
    if ((uint64_t)m->integer > max)
        return sw_fail(err, SW_MALFORMED, "format", "%s%s%s is above %llu", where,
                       where[0] == 0 ? "" : ".", name, (unsigned long long)max);
    *out = (uint64_t)m->integer;
    return SW_OK;
}

sw_status sw_json_flag(const sw_json *object, const char *where, const char *name, bool *out,
                       sw_error *err) {
    const sw_json *m;
    SW_TRY(member_of(object, where, name, SW_JSON_BOOL, "is not true or false", &m, err));
    *out = m->boolean;
    return SW_OK;
}

/* ---- hex ---- */
static sw_status hex_text(const sw_json *object, const char *where, const char *name,
                          const sw_hex_rule *rule, sw_bytes *out, sw_error *err) {
    const sw_json *m = sw_json_member(object, name);
    *out = (sw_bytes){0};
    if (rule->may_lack && (m == NULL || m->type == SW_JSON_NULL)) return SW_OK;
    return sw_json_text(object, where, name, out, err);
}

static sw_status hex_decode(const char *where, const char *name, const sw_hex_rule *rule,
                            sw_bytes text, void *out, size_t size, sw_error *err) {
    sw_status status = sw_hex_decode(out, size, text, rule->upper, err);
    if (status != SW_OK) sw_error_prefix(err, "%s%s%s", where, where[0] == 0 ? "" : ".", name);
    return status;
}

sw_status sw_json_hex_exact(const sw_json *object, const char *where, const char *name,
                            const sw_hex_rule *rule, void *out, bool *there, sw_error *err) {
    sw_bytes text;
    SW_TRY(hex_text(object, where, name, rule, &text, err));
    bool found = text.size > 0 || !rule->may_lack;
    if (found) SW_TRY(hex_decode(where, name, rule, text, out, rule->bytes, err));
    *there = found;
    return SW_OK;
}

sw_status sw_json_hex_bytes(sw_arena *a, const sw_json *object, const char *where, const char *name,
                            const sw_hex_rule *rule, sw_bytes *out, sw_error *err) {
    sw_bytes text;
    SW_TRY(hex_text(object, where, name, rule, &text, err));
    size_t size = text.size / 2;
    if (size > rule->bytes)
        return sw_fail(err, SW_LIMIT, "limit", "%s%s%s has more than %zu bytes", where,
                       where[0] == 0 ? "" : ".", name, rule->bytes);
    uint8_t *space = sw_arena_alloc(a, size + 1, 1);
    if (space == NULL) return sw_fail(err, SW_MEMORY, "memory", "no memory for %s", name);
    SW_TRY(hex_decode(where, name, rule, text, space, size, err));
    *out = SW_BYTES(space, size);
    return SW_OK;
}

sw_status sw_json_hex(const sw_json *object, const char *where, const char *name, void *out,
                      size_t size, sw_error *err) {
    const sw_hex_rule rule = {.bytes = size};
    bool there;
    return sw_json_hex_exact(object, where, name, &rule, out, &there, err);
}

sw_status sw_json_hash(const sw_json *object, const char *where, const char *name, sw_hash *out,
                       sw_error *err) {
    return sw_json_hex(object, where, name, out->b, sizeof out->b, err);
}

sw_status sw_json_array(const sw_json *object, const char *where, const char *name, size_t limit,
                        const sw_json **out, sw_error *err) {
    const sw_json *m;
    SW_TRY(member_of(object, where, name, SW_JSON_ARRAY, "is not an array", &m, err));
    if (m->count > limit)
        return sw_fail(err, SW_LIMIT, "limit", "%s%s%s has %zu elements, more than %zu", where,
                       where[0] == 0 ? "" : ".", name, m->count, limit);
    *out = m;
    return SW_OK;
}

sw_status sw_json_object(const sw_json *object, const char *where, const char *name,
                         const sw_json **out, sw_error *err) {
    return member_of(object, where, name, SW_JSON_OBJECT, "is not an object", out, err);
}
