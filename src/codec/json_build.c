/* SPDX-License-Identifier: Apache-2.0
 *
 * Building a tree in an arena. What cannot be added marks its parent as broken, so that the one
 * check at the end (the encoder's) sees it.
 */
#include "codec/json_internal.h"
#include "codec/text.h"

sw_json *sw_json_make(sw_arena *a, sw_json_type type) {
    sw_json *made = SW_ARENA_NEW(a, sw_json, 1);
    if (made != NULL) made->type = type;
    return made;
}

static sw_json *append(sw_json *parent, sw_bytes key, sw_json *child) {
    if (parent == NULL) return NULL;
    bool object = parent->type == SW_JSON_OBJECT, array = parent->type == SW_JSON_ARRAY;
    if (child == NULL || (!object && !array) || object != (key.data != NULL)) {
        parent->broken = true;
        return NULL;
    }
    child->key = key;
    child->next = NULL;
    if (parent->last == NULL)
        parent->first = child;
    else
        parent->last->next = child;
    parent->last = child;
    parent->count++;
    return child;
}

sw_json *sw_json_add(sw_json *parent, const char *key, sw_json *child) {
    return append(parent, sw_text(key), child);
}

/* A new child of `type` under a copy of `key`. */
static sw_json *add_new(sw_arena *a, sw_json *parent, const char *key, sw_json_type type) {
    if (parent == NULL) return NULL;
    const char *copy = key == NULL ? NULL : sw_arena_text(a, sw_text(key));
    bool lost = key != NULL && copy == NULL;
    return append(parent, sw_text(copy), lost ? NULL : sw_json_make(a, type));
}

sw_json *sw_json_add_object(sw_arena *a, sw_json *parent, const char *key) {
    return add_new(a, parent, key, SW_JSON_OBJECT);
}

sw_json *sw_json_add_array(sw_arena *a, sw_json *parent, const char *key) {
    return add_new(a, parent, key, SW_JSON_ARRAY);
}

/* A string of `size` bytes for the caller to fill; NULL when there is nothing to fill. */
static uint8_t *add_space(sw_arena *a, sw_json *parent, const char *key, size_t size) {
    sw_json *made = add_new(a, parent, key, SW_JSON_STRING);
    if (made == NULL || size == 0) return NULL;
    uint8_t *space = sw_arena_alloc(a, size, 1);
    if (space == NULL) made->broken = true;
    if (space != NULL) made->text = (sw_bytes){space, size};
    return space;
}

void sw_json_add_text(sw_arena *a, sw_json *parent, const char *key, sw_bytes text) {
    uint8_t *space = add_space(a, parent, key, text.size);
    for (size_t i = 0; space != NULL && i < text.size; i++) space[i] = text.data[i];
}

/* What `encode` makes of `bytes`, as a string. */
static void add_encoded(sw_arena *a, sw_json *parent, const char *key, sw_bytes bytes,
                        void (*encode)(sw_buffer *, sw_bytes)) {
    SW_SCOPED(sw_buffer) text = SW_BUFFER(SIZE_MAX / 2);
    encode(&text, bytes);
    if (text.failed && parent != NULL)
        parent->broken = true;
    else
        sw_json_add_text(a, parent, key, sw_buffer_bytes(&text));
}

void sw_json_add_hex(sw_arena *a, sw_json *parent, const char *key, sw_bytes bytes) {
    add_encoded(a, parent, key, bytes, sw_hex_encode);
}

void sw_json_add_base64(sw_arena *a, sw_json *parent, const char *key, sw_bytes bytes) {
    add_encoded(a, parent, key, bytes, sw_base64_encode);
}

void sw_json_add_number(sw_arena *a, sw_json *parent, const char *key, double v) {
    sw_json *made = add_new(a, parent, key, SW_JSON_NUMBER);
    if (made != NULL) sw_json_set_number(made, v);
}

/* Beyond 2^53 a double no longer holds every integer: such a number has no exact encoding. */
void sw_json_add_integer(sw_arena *a, sw_json *parent, const char *key, int64_t v) {
    sw_json *made = add_new(a, parent, key, SW_JSON_NUMBER);
    if (made == NULL) return;
    sw_json_set_number(made, (double)v);
    if (!made->integral) made->broken = true;
}

void sw_json_add_flag(sw_arena *a, sw_json *parent, const char *key, bool v) {
    sw_json *made = add_new(a, parent, key, SW_JSON_BOOL);
    if (made != NULL) made->boolean = v;
}

void sw_json_add_null(sw_arena *a, sw_json *parent, const char *key) {
    (void)add_new(a, parent, key, SW_JSON_NULL);
}

/* ---- copying ---- */

static bool copy_bytes(sw_arena *a, sw_bytes in, sw_bytes *out) {
    *out = sw_arena_copy(a, in);
    if (in.data != NULL && in.size == 0) *out = SW_LITERAL("");
    return in.size == 0 || out->data != NULL;
}

static sw_json *copy_node(sw_arena *a, const sw_json *value) {
    sw_json *made = sw_json_make(a, value->type);
    if (made == NULL) return NULL;
    made->boolean = value->boolean;
    made->integral = value->integral;
    made->integer = value->integer;
    made->number = value->number;
    made->broken = value->broken;
    return copy_bytes(a, value->text, &made->text) ? made : NULL;
}

typedef struct copy_frame {
    const sw_json *next;
    sw_json *into;
} copy_frame;

sw_json *sw_json_copy(sw_arena *a, const sw_json *value) {
    copy_frame frames[SW_JSON_DEPTH_MAX];
    sw_json *root = value == NULL ? NULL : copy_node(a, value);
    if (root == NULL) return NULL;
    size_t depth = 1;
    frames[0] = (copy_frame){value->first, root};
    while (depth > 0) {
        copy_frame *f = &frames[depth - 1];
        const sw_json *from = f->next;
        if (from == NULL) {
            depth--;
            continue;
        }
        f->next = from->next;
        sw_bytes key;
        if (!copy_bytes(a, from->key, &key)) return NULL;
        sw_json *made = append(f->into, key, copy_node(a, from));
        if (made == NULL || (from->first != NULL && depth == SW_JSON_DEPTH_MAX)) return NULL;
        if (from->first != NULL) frames[depth++] = (copy_frame){from->first, made};
    }
    return root;
}
