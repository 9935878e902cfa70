/* SPDX-License-Identifier: Apache-2.0
 *
 * Evidence of one run after the other, each told by what it does not share with the one before it
 * (MAN-006 to MAN-009).
 *
 * From grant to grant collateral, certificates, event log and names are the same, and reports and
 * quote are not. A value that is the same, at the same place of the tree, is written as null, which
 * no evidence holds. What is restored is canonical JSON again and so the very bytes that were
 * judged. There is one way to shorten, and only that one is restored.
 */
#include "manifest/manifest_internal.h"

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

static sw_status shorter(sw_arena *a, const sw_json *now, const sw_json *before, bool *descend,
                         sw_json **out, sw_error *err) {
    if (now->type == SW_JSON_NULL)
        return sw_fail(err, SW_MALFORMED, "evidence", "evidence holds a null");
    bool same = before != NULL && sw_bytes_equal(now->span, before->span);
    *descend = *descend && !same;
    *out = same       ? sw_json_make(a, SW_JSON_NULL)
           : *descend ? sw_json_make(a, now->type)
                      : sw_json_copy(a, now);
    return SW_OK;
}

static sw_status longer(sw_arena *a, const sw_json *now, const sw_json *before, bool *descend,
                        sw_json **out, sw_error *err) {
    bool same = now->type == SW_JSON_NULL;
    if (same && before == NULL)
        return sw_fail(err, SW_MALFORMED, "evidence",
                       "evidence leaves out what the evidence before it does not hold");
    *out = *descend ? sw_json_make(a, now->type) : sw_json_copy(a, same ? before : now);
    return SW_OK;
}

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
