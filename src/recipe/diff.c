/* SPDX-License-Identifier: Apache-2.0
 *
 * What changed between two recipes: their trees of facts, compared breadth first without recursion.
 * Shards are matched by dataset, files and images by name, so that a shard put between two others
 * is one line; a changed order is a line of its own, because the order decides.
 */
#include "recipe/recipe_internal.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define DIFF_LIMIT  ((size_t)1 << 20)
#define PATH_LIMIT  1024 /* a file of a command has a long name */
#define SHOWN_BYTES 16

typedef struct pair {
    const char *path;
    const sw_json *a, *b;
    struct pair *next;
} pair;

typedef struct diff {
    sw_arena *arena;
    sw_buffer *out;
    pair *first, *last;
    size_t differences;
    bool failed;
} diff;

__attribute__((format(printf, 4, 5))) static void push(diff *d, const sw_json *a, const sw_json *b,
                                                       const char *format, ...) {
    char path[PATH_LIMIT];
    va_list args;
    va_start(args, format);
    int length = vsnprintf(path, sizeof path, format, args);
    va_end(args);
    pair *p = SW_ARENA_NEW(d->arena, pair, 1);
    const char *copy = length < 0 ? NULL : sw_arena_text(d->arena, sw_text(path));
    if (p == NULL || copy == NULL) {
        d->failed = true;
        return;
    }
    *p = (pair){.path = copy, .a = a, .b = b};
    if (d->last == NULL)
        d->first = p;
    else
        d->last->next = p;
    d->last = p;
}

static void put_value(sw_buffer *out, const sw_json *v) {
    sw_json_encode(out, v);
}

static void put_line(diff *d, char mark, const pair *p) {
    sw_put_format(d->out, "%c %s: ", mark, p->path);
    if (p->a != NULL) put_value(d->out, p->a);
    if (p->a != NULL && p->b != NULL) sw_put_text(d->out, " -> ");
    if (p->b != NULL) put_value(d->out, p->b);
    sw_put_text(d->out, "\n");
    d->differences++;
}

static bool same(const sw_json *a, const sw_json *b) {
    SW_SCOPED(sw_buffer) x = SW_BUFFER(DIFF_LIMIT);
    SW_SCOPED(sw_buffer) y = SW_BUFFER(DIFF_LIMIT);
    sw_json_encode(&x, a);
    sw_json_encode(&y, b);
    return !x.failed && !y.failed && sw_bytes_equal(sw_buffer_bytes(&x), sw_buffer_bytes(&y));
}

/* By what an element of a list is known: a shard's dataset, another object's name, a value itself.
 */
static sw_bytes identity(const sw_json *element) {
    const sw_json *id = sw_json_member(element, "dataset");
    if (id == NULL) id = sw_json_member(element, "name");
    if (id == NULL && element->type == SW_JSON_STRING) id = element;
    return id == NULL ? (sw_bytes){NULL, 0} : id->text;
}

static const sw_json *find(const sw_json *list, sw_bytes id) {
    for (const sw_json *e = list->first; e != NULL; e = e->next)
        if (sw_bytes_equal(identity(e), id)) return e;
    return NULL;
}

/* The order of the elements that both lists have. */
static bool same_order(const sw_json *a, const sw_json *b) {
    const sw_json *y = b->first;
    for (const sw_json *x = a->first; x != NULL; x = x->next) {
        if (find(b, identity(x)) == NULL) continue;
        while (y != NULL && find(a, identity(y)) == NULL) y = y->next;
        if (y == NULL || !sw_bytes_equal(identity(x), identity(y))) return false;
        y = y->next;
    }
    return true;
}

static void push_element(diff *d, const char *path, const sw_json *a, const sw_json *b) {
    const sw_json *name = sw_json_member(a != NULL ? a : b, "name");
    sw_bytes id = identity(a != NULL ? a : b), shown = name == NULL ? id : name->text;
    bool both = name != NULL && !sw_bytes_equal(id, shown);
    push(d, a, b, "%s[%.*s%s%.*s]", path, (int)shown.size, (const char *)shown.data,
         both ? " " : "", both ? SHOWN_BYTES : 0, both ? (const char *)id.data : "");
}

/* Whether elements can be told apart by what they are known by; lists of others (numbers, lists,
 * the patterns of which the first that matches decides) are compared whole, and so are a command's
 * arguments, where one may stand twice and the place decides. */
static bool known_by_identity(const char *path, const sw_json *list) {
    if (strcmp(path, "trainer.command") == 0) return false;
    for (const sw_json *e = list->first; e != NULL; e = e->next)
        if (identity(e).data == NULL) return false;
    return true;
}

static void compare_lists(diff *d, const pair *p) {
    for (const sw_json *e = p->a->first; e != NULL; e = e->next)
        push_element(d, p->path, e, find(p->b, identity(e)));
    for (const sw_json *e = p->b->first; e != NULL; e = e->next)
        if (find(p->a, identity(e)) == NULL) push_element(d, p->path, NULL, e);
    if (same_order(p->a, p->b)) return;
    sw_put_format(d->out, "~ %s: the order changed\n", p->path);
    d->differences++;
}

static void compare_objects(diff *d, const pair *p) {
    const char *dot = p->path[0] == 0 ? "" : ".";
    for (const sw_json *m = p->a->first; m != NULL; m = m->next) {
        const sw_json *other = p->b->first;
        while (other != NULL && !sw_bytes_equal(other->key, m->key)) other = other->next;
        push(d, m, other, "%s%s%.*s", p->path, dot, (int)m->key.size, (const char *)m->key.data);
    }
    for (const sw_json *m = p->b->first; m != NULL; m = m->next) {
        const sw_json *other = p->a->first;
        while (other != NULL && !sw_bytes_equal(other->key, m->key)) other = other->next;
        if (other == NULL)
            push(d, NULL, m, "%s%s%.*s", p->path, dot, (int)m->key.size, (const char *)m->key.data);
    }
}

static void compare(diff *d, const pair *p) {
    if (p->a == NULL || p->b == NULL)
        put_line(d, p->a == NULL ? '+' : '-', p);
    else if (p->a->type == SW_JSON_OBJECT && p->b->type == SW_JSON_OBJECT)
        compare_objects(d, p);
    else if (p->a->type == SW_JSON_ARRAY && p->b->type == SW_JSON_ARRAY &&
             known_by_identity(p->path, p->a) && known_by_identity(p->path, p->b))
        compare_lists(d, p);
    else if (!same(p->a, p->b))
        put_line(d, '~', p);
}

sw_status sw_recipe_diff(const sw_recipe *a, const sw_recipe *b, sw_buffer *out,
                         size_t *differences, sw_error *err) {
    SW_SCOPED(sw_arena) arena = {0};
    SW_SCOPED(sw_buffer) text = SW_BUFFER(DIFF_LIMIT);
    const sw_json *left = sw_recipe_facts(&arena, a), *right = sw_recipe_facts(&arena, b);
    diff d = {.arena = &arena, .out = &text};
    if (left == NULL || right == NULL)
        return sw_fail(err, SW_MEMORY, "memory", "no memory to compare recipes");
    push(&d, left, right, "%s", "");
    for (const pair *p = d.first; p != NULL; p = p->next) compare(&d, p);
    if (d.failed) return sw_fail(err, SW_MEMORY, "memory", "no memory to compare recipes");
    SW_TRY(sw_buffer_check(&text, "the comparison", err));
    sw_put_bytes(out, sw_buffer_bytes(&text));
    SW_TRY(sw_buffer_check(out, "the comparison", err));
    *differences = d.differences;
    return SW_OK;
}
