/* SPDX-License-Identifier: Apache-2.0
 *
 * Evidence of one run after the other, each told by what it does not share with the one before it
 * (MAN-006 to MAN-009).
 *
 * From grant to grant collateral, certificates, event log and names are the same; of reports and
 * quote it is nonces and signatures that differ, at places that stay where they are. A value that
 * is the same, at the same place of the tree, is written as null, which no evidence holds; a long
 * string of the same length as the list of its parts, numbers for so many bytes that are the same.
 * What is restored is canonical JSON again and so the very bytes that were judged. There is one way
 * to shorten, and only that one is restored.
 */
#include "manifest/manifest_internal.h"

#include <string.h>

enum { NODE_LIMIT = 16384 };

/* Both trees are walked at once, member by member and item by item. Below this many levels a value
 * is the same or written whole; no evidence is as deep. */
enum { LEVELS = 6 };
typedef struct level {
    const sw_json *now, *before; /* next child; next item of the other, or its object */
    sw_json *out;
} level;

static bool nests(const sw_json *a, const sw_json *b) {
    return b != NULL && a->type == b->type &&
           (a->type == SW_JSON_OBJECT || a->type == SW_JSON_ARRAY);
}

static const sw_json *member_of(const sw_json *object, sw_bytes key) {
    for (const sw_json *m = object->first; m != NULL; m = m->next)
        if (sw_bytes_equal(m->key, key)) return m;
    return NULL;
}

/* The child that stands where `now` does; items are taken in their order. */
static const sw_json *counterpart(level *l) {
    if (l->out->type == SW_JSON_OBJECT) return member_of(l->before, l->now->key);
    const sw_json *item = l->before;
    if (item != NULL) l->before = item->next;
    return item;
}

static level level_of(const sw_json *now, const sw_json *before, sw_json *out) {
    bool object = now->type == SW_JSON_OBJECT;
    return (level){now->first, object ? before : before->first, out};
}

static void append(sw_json *parent, sw_bytes key, sw_json *child) {
    sw_json *made = sw_json_add(parent, key.data == NULL ? NULL : "", child);
    if (made != NULL) made->key = key;
}

/* What is written for one child; *descend comes in as whether it may be walked, and goes out as
 * whether it shall be. */
typedef sw_status (*choose_fn)(sw_arena *a, const sw_json *now, const sw_json *before,
                               bool *descend, sw_json **out, sw_error *err);

static sw_status walk(sw_arena *a, const sw_json *now, const sw_json *before, choose_fn choose,
                      sw_json *root, sw_error *err) {
    level levels[LEVELS] = {level_of(now, before, root)};
    size_t depth = 1;
    while (depth > 0) {
        level *l = &levels[depth - 1];
        const sw_json *child = l->now;
        if (child == NULL) {
            depth--;
            continue;
        }
        const sw_json *other = counterpart(l);
        bool descend = depth < LEVELS && nests(child, other);
        sw_json *made = NULL;
        SW_TRY(choose(a, child, other, &descend, &made, err));
        l->now = child->next;
        append(l->out, child->key, made);
        if (descend && made != NULL) levels[depth++] = level_of(child, other, made);
    }
    return SW_OK;
}

/* ---- strings in parts ---- */
/* A shorter run of the same bytes costs more as a number than it saves. Reports and quotes are
 * base64, so no character is ever cut. */
enum { STRING_LEAST = 256, RUN_LEAST = 32, PART_LIMIT = 64 };

static bool plain_ascii(sw_bytes text) {
    for (size_t i = 0; i < text.size; i++)
        if (text.data[i] < 0x20 || text.data[i] > 0x7e) return false;
    return true;
}

static bool in_parts(const sw_json *now, const sw_json *before) {
    return before != NULL && now->type == SW_JSON_STRING && before->type == SW_JSON_STRING &&
           now->text.size == before->text.size && now->text.size >= STRING_LEAST &&
           plain_ascii(now->text) && plain_ascii(before->text);
}

static size_t run_at(sw_bytes now, sw_bytes before, size_t at) {
    size_t end = at;
    while (end < now.size && now.data[end] == before.data[end]) end++;
    return end - at;
}

/* NULL when hardly anything is the same. */
static sw_json *parts_of(sw_arena *a, sw_bytes now, sw_bytes before) {
    sw_json *parts = sw_json_make(a, SW_JSON_ARRAY);
    size_t literal = 0, same = 0; /* where the bytes begin that are not told yet */
    for (size_t at = 0; parts != NULL && at < now.size;) {
        size_t run = run_at(now, before, at);
        if (run >= RUN_LEAST) {
            if (at > literal)
                sw_json_add_text(a, parts, NULL, SW_BYTES(now.data + literal, at - literal));
            sw_json_add_integer(a, parts, NULL, (int64_t)run);
            same += run;
            literal = at + run;
        }
        at += run > 0 ? run : 1;
    }
    if (parts != NULL && literal < now.size)
        sw_json_add_text(a, parts, NULL, SW_BYTES(now.data + literal, now.size - literal));
    return parts != NULL && same > 0 && parts->count <= PART_LIMIT ? parts : NULL;
}

static sw_status parts_join(sw_arena *a, const sw_json *parts, sw_bytes before, sw_json **out,
                            sw_error *err) {
    uint8_t *made = sw_arena_alloc(a, before.size + 1, 1);
    size_t at = 0;
    if (made == NULL) return sw_fail(err, SW_MEMORY, "memory", "no memory for evidence");
    for (const sw_json *p = parts->first; p != NULL; p = p->next) {
        bool run = p->type == SW_JSON_NUMBER && p->integral && p->integer > 0;
        size_t size = run ? (size_t)p->integer : p->text.size;
        if ((!run && p->type != SW_JSON_STRING) || size > before.size - at)
            return sw_fail(err, SW_MALFORMED, "evidence",
                           "evidence tells a string in parts that are none of the one before it");
        memcpy(made + at, run ? before.data + at : p->text.data, size);
        at += size;
    }
    if (at != before.size)
        return sw_fail(err, SW_MALFORMED, "evidence",
                       "evidence tells a string in parts and not to its end");
    *out = sw_json_make(a, SW_JSON_STRING);
    if (*out != NULL) (*out)->text = SW_BYTES(made, at);
    return SW_OK;
}

/* ---- values ---- */
static bool told_in_parts(const sw_json *now, const sw_json *before) {
    return before != NULL && now->type == SW_JSON_ARRAY && before->type == SW_JSON_STRING;
}

static sw_status shorter(sw_arena *a, const sw_json *now, const sw_json *before, bool *descend,
                         sw_json **out, sw_error *err) {
    if (now->type == SW_JSON_NULL)
        return sw_fail(err, SW_MALFORMED, "evidence", "evidence holds a null");
    if (told_in_parts(now, before))
        return sw_fail(err, SW_MALFORMED, "evidence",
                       "evidence holds a list where the evidence before it holds a string");
    if (before != NULL && sw_bytes_equal(now->span, before->span)) {
        *descend = false;
        *out = sw_json_make(a, SW_JSON_NULL);
        return SW_OK;
    }
    *out = in_parts(now, before) ? parts_of(a, now->text, before->text) : NULL;
    if (*out == NULL) *out = *descend ? sw_json_make(a, now->type) : sw_json_copy(a, now);
    return SW_OK;
}

static sw_status longer(sw_arena *a, const sw_json *now, const sw_json *before, bool *descend,
                        sw_json **out, sw_error *err) {
    bool same = now->type == SW_JSON_NULL;
    if (same && before == NULL)
        return sw_fail(err, SW_MALFORMED, "evidence",
                       "evidence leaves out what the evidence before it does not hold");
    if (told_in_parts(now, before)) return parts_join(a, now, before->text, out, err);
    *out = *descend ? sw_json_make(a, now->type) : sw_json_copy(a, same ? before : now);
    return SW_OK;
}

/* ---- both ways ---- */
static sw_status parse(sw_arena *a, sw_bytes text, const sw_json **out, sw_error *err) {
    const sw_json_limits limits = {.bytes = SW_EVIDENCE_LIMIT, .depth = 8, .nodes = NODE_LIMIT};
    sw_json *root;
    SW_TRY(sw_json_parse_canonical(a, text, &limits, &root, err));
    if (root->type != SW_JSON_OBJECT)
        return sw_fail(err, SW_MALFORMED, "evidence", "evidence is not an object");
    *out = root;
    return SW_OK;
}

/* The first of a run stands beside nothing. */
static sw_status transform(sw_bytes before, sw_bytes text, choose_fn choose, sw_buffer *out,
                           sw_error *err) {
    SW_SCOPED(sw_arena) a = {.limit_bytes = 16 * SW_EVIDENCE_LIMIT};
    SW_SCOPED(sw_buffer) made = SW_BUFFER(SW_EVIDENCE_LIMIT);
    const sw_json *now, *other;
    SW_TRY(parse(&a, before.size == 0 ? SW_LITERAL("{}") : before, &other, err));
    SW_TRY(parse(&a, text, &now, err));
    sw_json *root = sw_json_make(&a, SW_JSON_OBJECT);
    if (root == NULL) return sw_fail(err, SW_MEMORY, "memory", "no memory for evidence");
    SW_TRY(walk(&a, now, other, choose, root, err));
    sw_json_encode(&made, root);
    SW_TRY(sw_buffer_check(&made, "evidence", err));
    sw_put_bytes(out, sw_buffer_bytes(&made));
    return sw_buffer_check(out, "evidence", err);
}

sw_status sw_manifest_shorten(sw_bytes before, sw_bytes evidence, sw_buffer *out, sw_error *err) {
    return transform(before, evidence, shorter, out, err);
}

sw_status sw_manifest_restore(sw_bytes before, sw_bytes shortened, sw_buffer *out, sw_error *err) {
    SW_SCOPED(sw_buffer) whole = SW_BUFFER(SW_EVIDENCE_LIMIT);
    SW_SCOPED(sw_buffer) again = SW_BUFFER(SW_EVIDENCE_LIMIT);
    SW_TRY(transform(before, shortened, longer, &whole, err));
    SW_TRY(sw_manifest_shorten(before, sw_buffer_bytes(&whole), &again, err));
    if (!sw_bytes_equal(sw_buffer_bytes(&again), shortened))
        return sw_fail(err, SW_MALFORMED, "evidence",
                       "evidence repeats what the evidence before it holds");
    sw_put_bytes(out, sw_buffer_bytes(&whole));
    return sw_buffer_check(out, "evidence", err);
}
