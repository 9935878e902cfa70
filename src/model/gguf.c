/* SPDX-License-Identifier: Apache-2.0
 *
 * GGUF, versions 2 and 3, little-endian: metadata entries, tensor records, aligned tensor data
 * (MODEL-040 to MODEL-049).
 *
 * Invariants of what is parsed: keys and tensor names are unique; every count was bounded by a
 * named limit and by the bytes that remained before memory was taken; tensors lie one behind the
 * other, each at the next multiple of the alignment, and fill the file.
 */
#include "model/model_internal.h"

#include <stdlib.h>
#include <string.h>

enum {
    VALUE_U8,
    VALUE_I8,
    VALUE_U16,
    VALUE_I16,
    VALUE_U32,
    VALUE_I32,
    VALUE_F32,
    VALUE_BOOL,
    VALUE_STRING,
    VALUE_ARRAY,
    VALUE_U64,
    VALUE_I64,
    VALUE_F64,
    VALUE_COUNT
};
enum { DEFAULT_ALIGNMENT = 32, ALIGNMENT_LIMIT = 1 << 16 };

static const uint8_t value_bytes[VALUE_COUNT] = {1, 1, 2, 2, 4, 4, 4, 1, 8, 12, 8, 8, 8};

typedef struct parser {
    sw_arena *arena;
    sw_reader r;
    size_t alignment;
    sw_error *err;
} parser;

static sw_status malformed(const parser *p, const char *what) {
    return sw_fail(p->err, SW_MALFORMED, "format", "GGUF byte %zu: %s", p->r.offset, what);
}

static sw_status bad_tensor(const parser *p, const sw_gguf_tensor *t, const char *what) {
    char shown[SW_SHOWN_NAME_BYTES];
    return sw_fail(p->err, SW_MALFORMED, "format", "GGUF tensor %s %s",
                   sw_shown_name(shown, t->name), what);
}

static sw_status no_memory(const parser *p) {
    return sw_fail(p->err, SW_MEMORY, "memory", "no memory for a GGUF file's tables");
}

static sw_status read_text(parser *p, size_t limit, sw_bytes *out) {
    uint64_t size = sw_read_u64le(&p->r);
    if (!p->r.failed && size > limit)
        return sw_fail(p->err, SW_LIMIT, "limit", "GGUF byte %zu: a text is longer than %zu",
                       p->r.offset, limit);
    *out = sw_read_bytes(&p->r, (size_t)size);
    return p->r.failed ? malformed(p, "the file ends inside a text") : SW_OK;
}

/* ---- values ---- */

static sw_status read_integer(parser *p, uint32_t type, int64_t *out) {
    uint64_t u = 0;
    switch (type) {
    case VALUE_U8:
        u = sw_read_u8(&p->r);
        break;
    case VALUE_I8:
        u = (uint64_t)(int64_t)(int8_t)sw_read_u8(&p->r);
        break;
    case VALUE_U16:
        u = sw_read_u16le(&p->r);
        break;
    case VALUE_I16:
        u = (uint64_t)(int64_t)(int16_t)sw_read_u16le(&p->r);
        break;
    case VALUE_U32:
        u = sw_read_u32le(&p->r);
        break;
    case VALUE_I32:
        u = (uint64_t)(int64_t)(int32_t)sw_read_u32le(&p->r);
        break;
    default:
        u = sw_read_u64le(&p->r);
        break;
    }
    if (type == VALUE_U64 && u > INT64_MAX) return malformed(p, "a number is too large");
    *out = (int64_t)u;
    return SW_OK;
}

static double read_real(parser *p, uint32_t type) {
    if (type == VALUE_F64) {
        uint64_t bits = sw_read_u64le(&p->r);
        double v;
        memcpy(&v, &bits, sizeof v);
        return v;
    }
    uint32_t bits = sw_read_u32le(&p->r);
    float v;
    memcpy(&v, &bits, sizeof v);
    return v;
}

static sw_gguf_kind kind_of(uint32_t type) {
    switch (type) {
    case VALUE_F32:
    case VALUE_F64:
        return SW_GGUF_REAL;
    case VALUE_BOOL:
        return SW_GGUF_FLAG;
    case VALUE_STRING:
        return SW_GGUF_TEXT;
    case VALUE_ARRAY:
        return SW_GGUF_ARRAY;
    default:
        return SW_GGUF_INTEGER;
    }
}

static sw_status read_texts(parser *p, sw_gguf_entry *e) {
    sw_bytes *texts = SW_ARENA_NEW(p->arena, sw_bytes, e->count);
    if (texts == NULL) return no_memory(p);
    for (size_t i = 0; i < e->count; i++) SW_TRY(read_text(p, SW_GGUF_TEXT_LIMIT, &texts[i]));
    e->texts = texts;
    return SW_OK;
}

static sw_status read_integers(parser *p, uint32_t type, sw_gguf_entry *e) {
    int64_t *integers = SW_ARENA_NEW(p->arena, int64_t, e->count);
    if (integers == NULL) return no_memory(p);
    for (size_t i = 0; i < e->count; i++) SW_TRY(read_integer(p, type, &integers[i]));
    e->integers = integers;
    return SW_OK;
}

static sw_status read_reals(parser *p, uint32_t type, sw_gguf_entry *e) {
    double *reals = SW_ARENA_NEW(p->arena, double, e->count);
    if (reals == NULL) return no_memory(p);
    for (size_t i = 0; i < e->count; i++) reals[i] = read_real(p, type);
    e->reals = reals;
    return SW_OK;
}

static sw_status read_array(parser *p, sw_gguf_entry *e) {
    uint32_t type = sw_read_u32le(&p->r);
    uint64_t count = sw_read_u64le(&p->r);
    if (p->r.failed || type >= VALUE_COUNT || type == VALUE_ARRAY)
        return malformed(p, "an array holds an unknown type");
    if (count > SW_GGUF_ARRAY_LIMIT)
        return sw_fail(p->err, SW_LIMIT, "limit", "GGUF byte %zu: an array of more than %zu",
                       p->r.offset, SW_GGUF_ARRAY_LIMIT);
    if (count > p->r.rest.size / value_bytes[type])
        return malformed(p, "an array is longer than the file");
    e->count = (size_t)count;
    e->items_kind = kind_of(type);
    if (type == VALUE_STRING) return read_texts(p, e);
    if (e->items_kind == SW_GGUF_REAL) return read_reals(p, type, e);
    if (e->items_kind == SW_GGUF_INTEGER) return read_integers(p, type, e);
    (void)sw_read_bytes(&p->r, e->count * value_bytes[type]);
    return SW_OK;
}

static sw_status read_value(parser *p, sw_gguf_entry *e) {
    uint32_t type = sw_read_u32le(&p->r);
    uint8_t flag;
    if (p->r.failed || type >= VALUE_COUNT) return malformed(p, "a value has an unknown type");
    e->kind = kind_of(type);
    switch (e->kind) {
    case SW_GGUF_INTEGER:
        return read_integer(p, type, &e->integer);
    case SW_GGUF_TEXT:
        return read_text(p, SW_GGUF_TEXT_LIMIT, &e->text);
    case SW_GGUF_ARRAY:
        return read_array(p, e);
    case SW_GGUF_REAL:
        e->real = read_real(p, type);
        return SW_OK;
    case SW_GGUF_FLAG:
        break;
    }
    flag = sw_read_u8(&p->r);
    if (flag > 1) return malformed(p, "a flag is neither 0 nor 1");
    e->flag = flag == 1;
    return SW_OK;
}

static int by_key(const void *a, const void *b) {
    const sw_gguf_entry *const *left = a, *const *right = b;
    return sw_bytes_compare((*left)->key, (*right)->key);
}

static sw_status refuse_repeated_key(parser *p, const sw_gguf_entry *entries, size_t count) {
    const sw_gguf_entry **sorted = SW_ARENA_NEW(p->arena, const sw_gguf_entry *, count);
    if (sorted == NULL) return no_memory(p);
    for (size_t i = 0; i < count; i++) sorted[i] = &entries[i];
    qsort(sorted, count, sizeof *sorted, by_key);
    for (size_t i = 1; i < count; i++)
        if (sw_bytes_equal(sorted[i - 1]->key, sorted[i]->key))
            return malformed(p, "a key stands there twice");
    return SW_OK;
}

static sw_status read_entries(parser *p, sw_gguf *g) {
    g->entries = SW_ARENA_NEW(p->arena, sw_gguf_entry, g->entry_count);
    if (g->entries == NULL) return no_memory(p);
    for (size_t i = 0; i < g->entry_count; i++) {
        SW_TRY(read_text(p, SW_MODEL_NAME_LIMIT, &g->entries[i].key));
        SW_TRY(read_value(p, &g->entries[i]));
        if (p->r.failed) return malformed(p, "the file ends inside its metadata");
    }
    return refuse_repeated_key(p, g->entries, g->entry_count);
}

static sw_status read_alignment(parser *p, const sw_gguf *g) {
    const sw_gguf_entry *e = sw_gguf_find(g, "general.alignment");
    p->alignment = DEFAULT_ALIGNMENT;
    if (e == NULL) return SW_OK;
    bool power = e->kind == SW_GGUF_INTEGER && e->integer >= 8 && e->integer <= ALIGNMENT_LIMIT &&
                 (e->integer & (e->integer - 1)) == 0;
    if (!power) return malformed(p, "general.alignment is no power of two from 8 to 65536");
    p->alignment = (size_t)e->integer;
    return SW_OK;
}

/* ---- tensors ---- */

#define TOO_LARGE "has a shape that is too large"

static sw_status read_type(parser *p, sw_gguf_tensor *t) {
    char shown[SW_SHOWN_NAME_BYTES];
    const char *name = NULL;
    uint32_t id = sw_read_u32le(&p->r);
    t->type = sw_gguf_type_of(id, &name);
    if (t->type != NULL) return SW_OK;
    return sw_fail(p->err, SW_REFUSED, "unsupported",
                   "GGUF tensor %s has type %s (%u), which is not supported",
                   sw_shown_name(shown, t->name), name == NULL ? "of no known name" : name, id);
}

static sw_status tensor_bytes(const parser *p, const sw_gguf_tensor *t, size_t *out) {
    size_t blocks = t->dims[0] / t->type->block_elements;
    if (t->dims[0] % t->type->block_elements != 0)
        return bad_tensor(p, t, "has rows that are no whole number of blocks");
    for (size_t i = 1; i < t->dim_count; i++)
        if (!sw_mul_size(blocks, t->dims[i], &blocks)) return bad_tensor(p, t, TOO_LARGE);
    if (!sw_mul_size(blocks, t->type->block_bytes, out)) return bad_tensor(p, t, TOO_LARGE);
    return SW_OK;
}

/* One record. `expected` is where its data must begin; moved behind it. */
static sw_status read_tensor(parser *p, sw_gguf_tensor *t, size_t *offset, size_t *bytes) {
    SW_TRY(read_text(p, SW_MODEL_NAME_LIMIT, &t->name));
    uint32_t dim_count = sw_read_u32le(&p->r);
    if (p->r.failed || dim_count < 1 || dim_count > SW_TENSOR_DIMS)
        return bad_tensor(p, t, "has no or too many dimensions");
    t->dim_count = dim_count;
    for (size_t i = 0; i < dim_count; i++) {
        uint64_t size = sw_read_u64le(&p->r);
        if (size < 1 || size > UINT32_MAX) return bad_tensor(p, t, "has a bad dimension");
        t->dims[i] = (size_t)size;
    }
    SW_TRY(read_type(p, t));
    uint64_t at = sw_read_u64le(&p->r);
    SW_TRY(tensor_bytes(p, t, bytes));
    if (p->r.failed || at != *offset)
        return bad_tensor(p, t, "does not begin where the one before it ends");
    size_t next, mask = p->alignment - 1;
    if (!sw_add_size(*offset, *bytes, &next) || !sw_add_size(next, mask, &next))
        return bad_tensor(p, t, TOO_LARGE);
    *offset = next & ~mask;
    return SW_OK;
}

static int by_name(const void *a, const void *b) {
    const sw_gguf_tensor *left = a, *right = b;
    return sw_bytes_compare(left->name, right->name);
}

static sw_status place_data(parser *p, sw_gguf *g, const size_t *bytes) {
    size_t padding = (p->alignment - p->r.offset % p->alignment) % p->alignment;
    (void)sw_read_bytes(&p->r, padding);
    for (size_t i = 0; i < g->tensor_count; i++) {
        g->tensors[i].data = sw_read_bytes(&p->r, bytes[i]);
        bool last = i + 1 == g->tensor_count;
        padding = (p->alignment - bytes[i] % p->alignment) % p->alignment;
        if (!last || p->r.rest.size == padding) (void)sw_read_bytes(&p->r, padding);
    }
    if (p->r.failed) return malformed(p, "the file ends inside its tensors");
    if (p->r.rest.size > 0) return malformed(p, "something follows the last tensor");
    return SW_OK;
}

static sw_status read_tensors(parser *p, sw_gguf *g) {
    size_t offset = 0;
    size_t *bytes = SW_ARENA_NEW(p->arena, size_t, g->tensor_count);
    g->tensors = SW_ARENA_NEW(p->arena, sw_gguf_tensor, g->tensor_count);
    if (g->tensors == NULL || bytes == NULL) return no_memory(p);
    for (size_t i = 0; i < g->tensor_count; i++)
        SW_TRY(read_tensor(p, &g->tensors[i], &offset, &bytes[i]));
    SW_TRY(place_data(p, g, bytes));
    qsort(g->tensors, g->tensor_count, sizeof *g->tensors, by_name);
    for (size_t i = 1; i < g->tensor_count; i++)
        if (sw_bytes_equal(g->tensors[i - 1].name, g->tensors[i].name))
            return bad_tensor(p, &g->tensors[i], "stands there twice");
    return SW_OK;
}

/* ---- the file ---- */

static sw_status read_front(parser *p, sw_gguf *g) {
    sw_bytes magic = sw_read_bytes(&p->r, 4);
    uint32_t version = sw_read_u32le(&p->r);
    uint64_t tensors = sw_read_u64le(&p->r), entries = sw_read_u64le(&p->r);
    if (p->r.failed || !sw_bytes_is(magic, "GGUF")) return malformed(p, "this is no GGUF file");
    if (version != 2 && version != 3)
        return sw_fail(p->err, SW_REFUSED, "unsupported", "GGUF version %u is not supported",
                       version);
    if (tensors > SW_MODEL_TENSOR_LIMIT || entries > SW_GGUF_ENTRY_LIMIT)
        return sw_fail(p->err, SW_LIMIT, "limit", "GGUF: more than %zu tensors or %zu entries",
                       SW_MODEL_TENSOR_LIMIT, SW_GGUF_ENTRY_LIMIT);
    g->tensor_count = (size_t)tensors;
    g->entry_count = (size_t)entries;
    if (tensors == 0 || entries == 0) return malformed(p, "no tensors or no metadata");
    return SW_OK;
}

sw_status sw_gguf_parse(sw_arena *arena, sw_bytes file, sw_gguf *out, sw_error *err) {
    parser p = {.arena = arena, .r = sw_reader_of(file), .err = err};
    sw_gguf g = {0};
    SW_TRY(read_front(&p, &g));
    SW_TRY(read_entries(&p, &g));
    SW_TRY(read_alignment(&p, &g));
    SW_TRY(read_tensors(&p, &g));
    *out = g;
    return SW_OK;
}

const sw_gguf_entry *sw_gguf_find(const sw_gguf *g, const char *key) {
    for (size_t i = 0; i < g->entry_count; i++)
        if (sw_bytes_is(g->entries[i].key, key)) return &g->entries[i];
    return NULL;
}

const sw_gguf_tensor *sw_gguf_find_tensor(const sw_gguf *g, const char *name) {
    size_t low = 0, high = g->tensor_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = sw_bytes_compare(g->tensors[middle].name, sw_text(name));
        if (order == 0) return &g->tensors[middle];
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}
