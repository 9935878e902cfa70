/* SPDX-License-Identifier: Apache-2.0
 *
 * JSON writer, RFC 8785: members by UTF-16 code units, ECMAScript numbers, the fewest escapes.
 * No recursion: a frame per open container. Members that already stand in order (ours usually do)
 * are walked as they stand, others through a sorted array. A tree that has no encoding (a failed
 * allocation while building, a number that is not finite, two members of one name, bad UTF-8) fails
 * the buffer.
 */
#include "codec/json_internal.h"
#include "codec/text.h"

#include <math.h>
#include <stdlib.h>

typedef struct frame {
    const sw_json *container;
    const sw_json *next;    /* when `sorted` is NULL */
    const sw_json **sorted; /* owned */
    size_t index;
} frame;

/* UTF-8 order is code point order. UTF-16 differs only where a surrogate pair (4 bytes, lead F0 and
 * up) meets U+E000..U+FFFF (lead EE or EF): the pair comes first. */
int sw_json_key_compare(sw_bytes a, sw_bytes b) {
    size_t common = a.size < b.size ? a.size : b.size;
    for (size_t i = 0; i < common; i++) {
        uint8_t x = a.data[i], y = b.data[i];
        if (x == y) continue;
        if (x >= 0xf0 && y >= 0xee && y < 0xf0) return -1;
        if (y >= 0xf0 && x >= 0xee && x < 0xf0) return 1;
        return x < y ? -1 : 1;
    }
    return a.size == b.size ? 0 : a.size < b.size ? -1 : 1;
}

static void put_escaped(sw_buffer *out, uint8_t c) {
    static const char names[] = "btn\0fr"; /* 08 09 0a 0b 0c 0d; 0b has no name */
    uint8_t name = c;
    if (c < 0x20) name = c >= 0x08 && c <= 0x0d ? (uint8_t)names[c - 0x08] : 0;
    const uint8_t escape[] = {'\\', name};
    if (name != 0)
        sw_put_bytes(out, SW_BYTES_OF(escape));
    else
        sw_put_format(out, "\\u%04x", c);
}

void sw_json_encode_text(sw_buffer *out, sw_bytes text) {
    if (!sw_utf8_valid(text)) {
        sw_buffer_fail(out, SW_INTERNAL);
        return;
    }
    sw_put_u8(out, '"');
    size_t from = 0;
    for (size_t i = 0; i < text.size; i++) {
        uint8_t c = text.data[i];
        if (c >= 0x20 && c != '"' && c != '\\') continue;
        sw_put_bytes(out, SW_BYTES(text.data + from, i - from));
        put_escaped(out, c);
        from = i + 1;
    }
    if (from < text.size) sw_put_bytes(out, SW_BYTES(text.data + from, text.size - from));
    sw_put_u8(out, '"');
}

static void put_scalar(sw_buffer *out, const sw_json *v) {
    switch (v->type) {
    case SW_JSON_NULL:
        sw_put_text(out, "null");
        return;
    case SW_JSON_BOOL:
        sw_put_text(out, v->boolean ? "true" : "false");
        return;
    case SW_JSON_STRING:
        sw_json_encode_text(out, v->text);
        return;
    case SW_JSON_NUMBER:
        if (isfinite(v->number))
            sw_json_number_encode(out, v->number);
        else
            sw_buffer_fail(out, SW_INTERNAL);
        return;
    case SW_JSON_ARRAY:
    case SW_JSON_OBJECT:
        break;
    }
    sw_buffer_fail(out, SW_INTERNAL);
}

static bool in_order(const sw_json *object) {
    for (const sw_json *m = object->first; m != NULL && m->next != NULL; m = m->next)
        if (sw_json_key_compare(m->key, m->next->key) >= 0) return false;
    return true;
}

static int by_key(const void *a, const void *b) {
    const sw_json *const *left = a, *const *right = b;
    return sw_json_key_compare((*left)->key, (*right)->key);
}

/* The members of `object` in order; NULL fails the buffer. */
static const sw_json **sort_members(sw_buffer *out, const sw_json *object) {
    const sw_json **sorted = calloc(object->count, sizeof(sw_json *));
    if (sorted == NULL) {
        sw_buffer_fail(out, SW_MEMORY);
        return NULL;
    }
    size_t n = 0;
    for (const sw_json *m = object->first; m != NULL && n < object->count; m = m->next)
        sorted[n++] = m;
    qsort(sorted, n, sizeof *sorted, by_key);
    for (size_t i = 1; i < n; i++)
        if (sw_bytes_equal(sorted[i - 1]->key, sorted[i]->key)) sw_buffer_fail(out, SW_INTERNAL);
    return sorted;
}

static frame open_frame(sw_buffer *out, const sw_json *container) {
    frame f = {.container = container, .next = container->first};
    bool object = container->type == SW_JSON_OBJECT;
    sw_put_u8(out, object ? '{' : '[');
    if (object && !in_order(container)) f.sorted = sort_members(out, container);
    return f;
}

/* The next child, with its comma and name written; NULL after the last, with the bracket written.
 */
static const sw_json *step(sw_buffer *out, frame *f) {
    const sw_json *child = f->next;
    if (f->sorted != NULL) child = f->index < f->container->count ? f->sorted[f->index] : NULL;
    bool object = f->container->type == SW_JSON_OBJECT;
    if (child == NULL) {
        sw_put_u8(out, object ? '}' : ']');
        return NULL;
    }
    if (f->index++ > 0) sw_put_u8(out, ',');
    f->next = child->next;
    if (!object) return child;
    sw_json_encode_text(out, child->key);
    sw_put_u8(out, ':');
    return child;
}

void sw_json_encode(sw_buffer *out, const sw_json *value) {
    frame frames[SW_JSON_DEPTH_MAX];
    size_t depth = 0;
    if (value == NULL) sw_buffer_fail(out, SW_MEMORY);
    while (value != NULL && !out->failed) {
        bool container = value->type == SW_JSON_ARRAY || value->type == SW_JSON_OBJECT;
        if (value->broken)
            sw_buffer_fail(out, SW_MEMORY);
        else if (container && depth == SW_JSON_DEPTH_MAX)
            sw_buffer_fail(out, SW_LIMIT);
        else if (container)
            frames[depth++] = open_frame(out, value);
        else
            put_scalar(out, value);
        value = NULL;
        while (depth > 0 && value == NULL && !out->failed) {
            value = step(out, &frames[depth - 1]);
            if (value == NULL) free(frames[--depth].sorted);
        }
    }
    while (depth > 0) free(frames[--depth].sorted);
}
