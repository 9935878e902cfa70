/* SPDX-License-Identifier: Apache-2.0
 *
 * Bytes: views, checked sums, the one reader and the one writer.
 * Invariants: a failed reader consumes nothing more and yields zeros; a failed buffer keeps what it
 * held and takes nothing more; bytes that a buffer outgrows are wiped before they are freed.
 */
#include "base/bytes.h"

#include "base/secret.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

sw_bytes sw_text(const char *text) {
    return text == NULL ? (sw_bytes){NULL, 0} : SW_BYTES(text, strlen(text));
}

bool sw_bytes_equal(sw_bytes a, sw_bytes b) {
    return a.size == b.size && (a.size == 0 || memcmp(a.data, b.data, a.size) == 0);
}

bool sw_bytes_is(sw_bytes a, const char *text) {
    return sw_bytes_equal(a, sw_text(text));
}

int sw_bytes_compare(sw_bytes a, sw_bytes b) {
    size_t common = a.size < b.size ? a.size : b.size;
    int order = common == 0 ? 0 : memcmp(a.data, b.data, common);
    if (order != 0) return order < 0 ? -1 : 1;
    return a.size == b.size ? 0 : a.size < b.size ? -1 : 1;
}

bool sw_bytes_starts(sw_bytes a, sw_bytes prefix) {
    return a.size >= prefix.size && sw_bytes_equal((sw_bytes){a.data, prefix.size}, prefix);
}

bool sw_hash_equal(const sw_hash *a, const sw_hash *b) {
    return memcmp(a->b, b->b, SW_HASH_BYTES) == 0;
}

bool sw_hash_zero(const sw_hash *a) {
    uint8_t any = 0;
    for (size_t i = 0; i < SW_HASH_BYTES; i++) any |= a->b[i];
    return any == 0;
}

bool sw_add_size(size_t a, size_t b, size_t *out) {
    size_t sum;
    if (__builtin_add_overflow(a, b, &sum)) return false;
    *out = sum;
    return true;
}

bool sw_mul_size(size_t a, size_t b, size_t *out) {
    size_t product;
    if (__builtin_mul_overflow(a, b, &product)) return false;
    *out = product;
    return true;
}

/* ---- reader ---- */

sw_reader sw_reader_of(sw_bytes input) {
    return (sw_reader){.rest = input};
}

sw_bytes sw_read_bytes(sw_reader *r, size_t count) {
    if (r->failed || count > r->rest.size) {
        r->failed = true;
        return (sw_bytes){NULL, 0};
    }
    sw_bytes out = {r->rest.data, count};
    if (count > 0) r->rest.data += count;
    r->rest.size -= count;
    r->offset += count;
    return out;
}

void sw_read_into(sw_reader *r, void *out, size_t count) {
    sw_bytes got = sw_read_bytes(r, count);
    if (count == 0) return;
    if (got.size == count)
        memcpy(out, got.data, count);
    else
        memset(out, 0, count);
}

static uint64_t read_le(sw_reader *r, size_t count) {
    sw_bytes got = sw_read_bytes(r, count);
    uint64_t value = 0;
    for (size_t i = got.size; i > 0; i--) value = value << 8 | got.data[i - 1];
    return value;
}

static uint64_t read_be(sw_reader *r, size_t count) {
    sw_bytes got = sw_read_bytes(r, count);
    uint64_t value = 0;
    for (size_t i = 0; i < got.size; i++) value = value << 8 | got.data[i];
    return value;
}

uint8_t sw_read_u8(sw_reader *r) {
    return (uint8_t)read_le(r, 1);
}
uint16_t sw_read_u16le(sw_reader *r) {
    return (uint16_t)read_le(r, 2);
}
uint32_t sw_read_u32le(sw_reader *r) {
    return (uint32_t)read_le(r, 4);
}
uint64_t sw_read_u64le(sw_reader *r) {
    return read_le(r, 8);
}
uint16_t sw_read_u16be(sw_reader *r) {
    return (uint16_t)read_be(r, 2);
}
uint32_t sw_read_u32be(sw_reader *r) {
    return (uint32_t)read_be(r, 4);
}
uint64_t sw_read_u64be(sw_reader *r) {
    return read_be(r, 8);
}

sw_bytes sw_read_field(sw_reader *r, size_t limit) {
    uint32_t size = sw_read_u32be(r);
    if (size > limit) r->failed = true;
    return sw_read_bytes(r, size);
}

sw_status sw_reader_finish(const sw_reader *r, const char *what, sw_error *err) {
    if (r->failed)
        return sw_fail(err, SW_MALFORMED, "format", "%s ends early or is out of range at byte %zu",
                       what, r->offset);
    if (r->rest.size != 0)
        return sw_fail(err, SW_MALFORMED, "format", "%s has %zu bytes too many at byte %zu", what,
                       r->rest.size, r->offset);
    return SW_OK;
}

/* ---- writer ---- */

sw_buffer sw_buffer_over(void *storage, size_t size) {
    return (sw_buffer){.data = storage, .capacity = size, .limit = size, .borrowed = true};
}

void sw_buffer_free(sw_buffer *b) {
    if (b == NULL) return;
    if (b->data != NULL) sw_wipe(b->data, b->capacity);
    if (!b->borrowed) free(b->data);
    *b = (sw_buffer){.limit = b->limit};
}

void sw_buffer_reset(sw_buffer *b) {
    if (b->size > 0) sw_wipe(b->data, b->size);
    b->size = 0;
    b->failed = false;
    b->cause = SW_OK;
}

void sw_buffer_fail(sw_buffer *b, sw_status cause) {
    if (!b->failed) b->cause = cause;
    b->failed = true;
}

static bool grow(sw_buffer *b, size_t need) {
    if (b->borrowed) return false;
    size_t capacity = b->capacity < 64 ? 64 : b->capacity;
    while (capacity < need) capacity = capacity > SIZE_MAX / 2 ? need : capacity * 2;
    if (capacity > b->limit) capacity = b->limit;
    uint8_t *data = malloc(capacity > 0 ? capacity : 1);
    if (data == NULL) return false;
    if (b->data != NULL) memcpy(data, b->data, b->size);
    if (b->data != NULL) sw_wipe(b->data, b->capacity);
    free(b->data);
    b->data = data;
    b->capacity = capacity;
    return true;
}

uint8_t *sw_put_space(sw_buffer *b, size_t count) {
    size_t need;
    if (b->failed) return NULL;
    if (!sw_add_size(b->size, count, &need) || need > b->limit) {
        sw_buffer_fail(b, SW_LIMIT);
        return NULL;
    }
    if ((need > b->capacity || b->data == NULL) && !grow(b, need)) {
        sw_buffer_fail(b, SW_MEMORY);
        return NULL;
    }
    uint8_t *out = b->data + b->size;
    b->size = need;
    return out;
}

static void put_le(sw_buffer *b, uint64_t v, size_t count) {
    uint8_t *out = sw_put_space(b, count);
    if (out == NULL) return;
    for (size_t i = 0; i < count; i++) out[i] = (uint8_t)(v >> (8 * i));
}

static void put_be(sw_buffer *b, uint64_t v, size_t count) {
    uint8_t *out = sw_put_space(b, count);
    if (out == NULL) return;
    for (size_t i = 0; i < count; i++) out[i] = (uint8_t)(v >> (8 * (count - 1 - i)));
}

void sw_put_u8(sw_buffer *b, uint8_t v) {
    put_le(b, v, 1);
}
void sw_put_u16le(sw_buffer *b, uint16_t v) {
    put_le(b, v, 2);
}
void sw_put_u32le(sw_buffer *b, uint32_t v) {
    put_le(b, v, 4);
}
void sw_put_u64le(sw_buffer *b, uint64_t v) {
    put_le(b, v, 8);
}
void sw_put_u16be(sw_buffer *b, uint16_t v) {
    put_be(b, v, 2);
}
void sw_put_u32be(sw_buffer *b, uint32_t v) {
    put_be(b, v, 4);
}
void sw_put_u64be(sw_buffer *b, uint64_t v) {
    put_be(b, v, 8);
}

void sw_put_bytes(sw_buffer *b, sw_bytes v) {
    uint8_t *out = sw_put_space(b, v.size);
    if (out != NULL && v.size > 0) memcpy(out, v.data, v.size);
}

void sw_put_text(sw_buffer *b, const char *text) {
    sw_put_bytes(b, sw_text(text));
}

void sw_put_format(sw_buffer *b, const char *format, ...) {
    char local[512], *text = local;
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    int length = vsnprintf(local, sizeof local, format, args);
    if (length >= (int)sizeof local) {
        text = malloc((size_t)length + 1);
        if (text != NULL) (void)vsnprintf(text, (size_t)length + 1, format, again);
    }
    va_end(again);
    va_end(args);
    if (length < 0 || text == NULL)
        sw_buffer_fail(b, text == NULL ? SW_MEMORY : SW_INTERNAL);
    else
        sw_put_bytes(b, SW_BYTES(text, length));
    if (text != NULL && length > 0) sw_wipe(text, text == local ? sizeof local : (size_t)length);
    if (text != local) free(text);
}

void sw_put_field(sw_buffer *b, sw_bytes v) {
    if (v.size > UINT32_MAX) {
        sw_buffer_fail(b, SW_LIMIT);
        return;
    }
    sw_put_u32be(b, (uint32_t)v.size);
    sw_put_bytes(b, v);
}

sw_bytes sw_buffer_bytes(const sw_buffer *b) {
    return (sw_bytes){b->data, b->size};
}

sw_status sw_buffer_check(const sw_buffer *b, const char *what, sw_error *err) {
    if (!b->failed) return SW_OK;
    if (b->cause == SW_MEMORY) return sw_fail(err, SW_MEMORY, "memory", "no memory for %s", what);
    if (b->cause == SW_LIMIT || b->cause == SW_OK)
        return sw_fail(err, SW_LIMIT, "limit", "%s is larger than %zu bytes", what, b->limit);
    return sw_fail(err, b->cause, "internal", "%s holds a value that cannot be encoded", what);
}
