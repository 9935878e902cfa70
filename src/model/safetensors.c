/* SPDX-License-Identifier: Apache-2.0
 *
 * safetensors: u64 header length, a JSON header, then the tensors' bytes (MODEL-010 to MODEL-019).
 *
 * Reading is stricter than the library's: names and metadata may not repeat, and a tensor has at
 * most four dimensions. Writing gives the library's bytes: tensors by descending type, then by
 * name; compact JSON; metadata first; the header padded with spaces to eight bytes.
 */
#include "model/model_internal.h"

#include <stdlib.h>
#include <string.h>

/* In the library's order of types, the highest first. */
static const struct {
    sw_dtype dtype;
    const char *name;
} types[] = {{SW_DTYPE_F32, "F32"}, {SW_DTYPE_BF16, "BF16"}, {SW_DTYPE_F16, "F16"}};
enum { TYPE_COUNT = sizeof types / sizeof types[0] };

static size_t rank_of(sw_dtype dtype) {
    size_t i = 0;
    while (i + 1 < TYPE_COUNT && types[i].dtype != dtype) i++;
    return i;
}

bool sw_tensor_size(const sw_tensor_view *t, size_t *elements, size_t *bytes) {
    size_t product = 1;
    for (size_t i = 0; i < t->dim_count; i++)
        if (!sw_mul_size(product, t->dims[i], &product)) return false;
    *elements = product;
    return sw_mul_size(product, sw_dtype_bytes(t->dtype), bytes);
}

/* ---- reading ---- */

static sw_status wrong(sw_error *err, sw_bytes name, const char *what) {
    char shown[SW_SHOWN_NAME_BYTES];
    return sw_fail(err, SW_MALFORMED, "format", "safetensors: tensor %s %s",
                   sw_shown_name(shown, name), what);
}

static sw_status read_dtype(const sw_json *entry, sw_dtype *out, sw_error *err) {
    sw_bytes text;
    char shown[SW_SHOWN_NAME_BYTES], other[SW_SHOWN_NAME_BYTES];
    SW_TRY(sw_json_text(entry, "safetensors", "dtype", &text, err));
    for (size_t i = 0; i < TYPE_COUNT; i++) {
        if (!sw_bytes_is(text, types[i].name)) continue;
        *out = types[i].dtype;
        return SW_OK;
    }
    return sw_fail(err, SW_REFUSED, "unsupported",
                   "safetensors: tensor %s has type %s, which is not supported",
                   sw_shown_name(shown, entry->key), sw_shown_name(other, text));
}

static bool whole(const sw_json *v, size_t *out) {
    if (v == NULL || v->type != SW_JSON_NUMBER || !v->integral || v->integer < 0) return false;
    *out = (size_t)v->integer;
    return true;
}

/* One entry; `data` is everything behind the header. */
static sw_status read_entry(const sw_json *entry, sw_bytes data, sw_tensor_view *out,
                            sw_error *err) {
    static const char *const names[] = {"dtype", "shape", "data_offsets", NULL};
    const sw_json *shape, *offsets;
    size_t begin = 0, end = 0, elements, bytes;
    sw_tensor_view t = {.name = entry->key};
    SW_TRY(sw_json_expect(entry, "safetensors", names, err));
    SW_TRY(read_dtype(entry, &t.dtype, err));
    SW_TRY(sw_json_array(entry, "safetensors", "shape", SW_TENSOR_DIMS, &shape, err));
    SW_TRY(sw_json_array(entry, "safetensors", "data_offsets", 2, &offsets, err));
    if (t.name.size == 0 || t.name.size > SW_MODEL_NAME_LIMIT)
        return wrong(err, t.name, "has a name that is empty or too long");
    for (const sw_json *d = shape->first; d != NULL; d = d->next)
        if (!whole(d, &t.dims[t.dim_count++])) return wrong(err, t.name, "has a bad shape");
    if (offsets->count != 2 || !whole(offsets->first, &begin) || !whole(offsets->last, &end) ||
        begin > end || end > data.size)
        return wrong(err, t.name, "has bad data_offsets");
    if (!sw_tensor_size(&t, &elements, &bytes) || bytes != end - begin)
        return wrong(err, t.name, "has a shape that is not its data's");
    t.data = SW_BYTES(data.data + begin, bytes);
    *out = t;
    return SW_OK;
}

static int by_place(const void *a, const void *b) {
    const sw_tensor_view *left = a, *right = b;
    if (left->data.data != right->data.data) return left->data.data < right->data.data ? -1 : 1;
    if (left->data.size != right->data.size) return left->data.size < right->data.size ? -1 : 1;
    return sw_bytes_compare(left->name, right->name);
}

/* No hole, no overlap, nothing behind. */
static sw_status check_places(const sw_tensor_view *tensors, size_t count, sw_bytes data,
                              sw_error *err) {
    const uint8_t *at = data.data;
    for (size_t i = 0; i < count; i++) {
        if (tensors[i].data.data != at)
            return wrong(err, tensors[i].name, "does not begin where the one before it ends");
        at += tensors[i].data.size;
    }
    if (at != data.data + data.size)
        return sw_fail(err, SW_MALFORMED, "format", "safetensors: %zu bytes belong to no tensor",
                       (size_t)(data.data + data.size - at));
    return SW_OK;
}

static sw_status check_metadata(const sw_json *metadata, sw_error *err) {
    if (metadata == NULL) return SW_OK;
    bool map = metadata->type == SW_JSON_OBJECT;
    for (const sw_json *m = map ? metadata->first : NULL; m != NULL; m = m->next)
        map = map && m->type == SW_JSON_STRING;
    if (map) return SW_OK;
    return sw_fail(err, SW_MALFORMED, "format",
                   "safetensors: __metadata__ is not a map from text to text");
}

static sw_status split_file(sw_bytes file, sw_bytes *header, sw_bytes *data, sw_error *err) {
    sw_reader r = sw_reader_of(file);
    uint64_t size = sw_read_u64le(&r);
    if (r.failed) return sw_fail(err, SW_MALFORMED, "format", "safetensors: shorter than 8 bytes");
    if (size > SW_SAFETENSORS_HEADER_LIMIT)
        return sw_fail(err, SW_LIMIT, "limit",
                       "safetensors: the header's length is above %zu bytes",
                       SW_SAFETENSORS_HEADER_LIMIT);
    *header = sw_read_bytes(&r, (size_t)size);
    if (r.failed || size == 0 || header->data[0] != '{')
        return sw_fail(err, SW_MALFORMED, "format",
                       "safetensors: the header is cut short or no JSON object");
    *data = r.rest;
    return SW_OK;
}

sw_status sw_safetensors_parse(sw_arena *arena, sw_bytes file, sw_tensor_view **out,
                               size_t *out_count, sw_error *err) {
    const sw_json_limits limits = {SW_SAFETENSORS_HEADER_LIMIT, 4, 10 * SW_MODEL_TENSOR_LIMIT};
    sw_bytes header = {NULL, 0}, data = {NULL, 0};
    sw_json *root;
    SW_TRY(split_file(file, &header, &data, err));
    SW_TRY(sw_json_parse(arena, header, &limits, &root, err));
    const sw_json *metadata = sw_json_member(root, "__metadata__");
    SW_TRY(check_metadata(metadata, err));
    size_t count = root->count - (metadata != NULL);
    if (count > SW_MODEL_TENSOR_LIMIT)
        return sw_fail(err, SW_LIMIT, "limit", "safetensors: %zu tensors", count);
    sw_tensor_view *tensors = SW_ARENA_NEW(arena, sw_tensor_view, count);
    if (tensors == NULL) return sw_fail(err, SW_MEMORY, "memory", "no memory for tensors");
    size_t i = 0;
    for (const sw_json *e = root->first; e != NULL; e = e->next)
        if (e != metadata) SW_TRY(read_entry(e, data, &tensors[i++], err));
    if (count > 0) qsort(tensors, count, sizeof *tensors, by_place);
    SW_TRY(check_places(tensors, count, data, err));
    *out = tensors;
    *out_count = count;
    return SW_OK;
}

/* ---- writing ---- */

static int by_type_and_name(const void *a, const void *b) {
    const sw_tensor_view *left = a, *right = b;
    size_t l = rank_of(left->dtype), r = rank_of(right->dtype);
    return l != r ? (l < r ? -1 : 1) : sw_bytes_compare(left->name, right->name);
}

void sw_safetensors_sort(sw_tensor_view *tensors, size_t count) {
    if (count > 0) qsort(tensors, count, sizeof *tensors, by_type_and_name);
}

static void put_entry(sw_buffer *out, const sw_tensor_view *t, size_t begin, size_t end) {
    sw_put_u8(out, ',');
    sw_put_json_text(out, t->name);
    sw_put_format(out, ":{\"dtype\":\"%s\",\"shape\":[", types[rank_of(t->dtype)].name);
    for (size_t d = 0; d < t->dim_count; d++)
        sw_put_format(out, d == 0 ? "%zu" : ",%zu", t->dims[d]);
    sw_put_format(out, "],\"data_offsets\":[%zu,%zu]}", begin, end);
}

sw_status sw_safetensors_put_header(sw_buffer *out, const sw_tensor_view *sorted, size_t count,
                                    size_t *data_bytes, sw_error *err) {
    SW_SCOPED(sw_buffer) json = SW_BUFFER(SW_SAFETENSORS_HEADER_LIMIT);
    size_t at = 0, elements, bytes, end;
    sw_put_text(&json, "{\"__metadata__\":{\"format\":\"pt\"}");
    for (size_t i = 0; i < count; i++) {
        if (i > 0 && sw_bytes_equal(sorted[i - 1].name, sorted[i].name))
            return sw_fail(err, SW_USAGE, "usage", "safetensors: two tensors have one name");
        if (!sw_tensor_size(&sorted[i], &elements, &bytes) || !sw_add_size(at, bytes, &end))
            return sw_fail(err, SW_USAGE, "usage", "safetensors: a shape is too large");
        put_entry(&json, &sorted[i], at, end);
        at = end;
    }
    sw_put_u8(&json, '}');
    while (json.size % 8 != 0 && !json.failed) sw_put_u8(&json, ' ');
    SW_TRY(sw_buffer_check(&json, "a safetensors header", err));
    sw_put_u64le(out, json.size);
    sw_put_bytes(out, sw_buffer_bytes(&json));
    *data_bytes = at;
    return SW_OK;
}

static sw_status encode_sorted(sw_buffer *out, const sw_tensor_view *sorted, size_t count,
                               sw_error *err) {
    SW_SCOPED(sw_buffer) header = SW_BUFFER(SW_SAFETENSORS_HEADER_LIMIT + 8);
    size_t data_bytes, elements, bytes;
    SW_TRY(sw_safetensors_put_header(&header, sorted, count, &data_bytes, err));
    SW_TRY(sw_buffer_check(&header, "a safetensors header", err));
    for (size_t i = 0; i < count; i++)
        if (!sw_tensor_size(&sorted[i], &elements, &bytes) || bytes != sorted[i].data.size)
            return sw_fail(err, SW_USAGE, "usage", "safetensors: data does not fill its shape");
    size_t room;
    if (!sw_add_size(header.size, data_bytes, &room) || room > out->limit ||
        out->size > out->limit - room)
        return sw_fail(err, SW_LIMIT, "limit", "a safetensors file is larger than %zu bytes",
                       out->limit);
    uint8_t *to = sw_put_space(out, room);
    SW_TRY(sw_buffer_check(out, "a safetensors file", err));
    memcpy(to, header.data, header.size);
    to += header.size;
    for (size_t i = 0; i < count; i++) {
        if (sorted[i].data.size > 0) memcpy(to, sorted[i].data.data, sorted[i].data.size);
        to += sorted[i].data.size;
    }
    return SW_OK;
}

sw_status sw_safetensors_encode(sw_buffer *out, const sw_tensor_view *tensors, size_t count,
                                sw_error *err) {
    sw_tensor_view *sorted = calloc(count + 1, sizeof *sorted);
    if (sorted == NULL) return sw_fail(err, SW_MEMORY, "memory", "no memory for tensors");
    if (count > 0) memcpy(sorted, tensors, count * sizeof *sorted);
    sw_safetensors_sort(sorted, count);
    sw_status status = encode_sorted(out, sorted, count, err);
    free(sorted);
    return status;
}
