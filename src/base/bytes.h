/* SPDX-License-Identifier: Apache-2.0
 *
 * Bytes: views, the one reader and the one writer.
 *
 * sw_bytes is a view that owns nothing. The reader is sticky: a short read yields zero and marks it
 * failed, so a parser reads like its format's table and ends with sw_reader_finish, which also
 * demands that nothing is left over. The writer (sw_buffer) grows up to a named limit and is sticky
 * in the same way; bytes it outgrows are wiped before they are freed.
 */
#ifndef SW_BASE_BYTES_H
#define SW_BASE_BYTES_H

#include "base/status.h"

typedef struct sw_bytes {
    const uint8_t *data;
    size_t size;
} sw_bytes;

#define SW_BYTES(pointer, count) ((sw_bytes){(const uint8_t *)(pointer), (count)})
#define SW_BYTES_OF(array)       ((sw_bytes){(const uint8_t *)(array), sizeof(array)})
#define SW_LITERAL(text)                                                                           \
    ((sw_bytes){(const uint8_t *)("" text), sizeof(text) - 1}) /* without its NUL */
sw_bytes
sw_text(const char *text); /* view of a C string without its NUL; NULL gives an empty view */

bool sw_bytes_equal(sw_bytes a, sw_bytes b);    /* public data only; secrets: sw_secret_equal */
bool sw_bytes_is(sw_bytes a, const char *text); /* equal to a C string */
int sw_bytes_compare(sw_bytes a, sw_bytes b);   /* memcmp order, shorter first on a tie */
bool sw_bytes_starts(sw_bytes a, sw_bytes prefix);

/* A public 256-bit value: a hash, an id, a nonce. */
#define SW_HASH_BYTES 32
typedef struct sw_hash {
    uint8_t b[SW_HASH_BYTES];
} sw_hash;
bool sw_hash_equal(const sw_hash *a, const sw_hash *b);
bool sw_hash_zero(const sw_hash *a); /* true when all bytes are zero */

/* Checked arithmetic: false on overflow, *out untouched then. */
bool sw_add_size(size_t a, size_t b, size_t *out);
bool sw_mul_size(size_t a, size_t b, size_t *out);

/* ---- reader ---- */
typedef struct sw_reader {
    sw_bytes rest;
    size_t offset; /* bytes consumed so far: for messages */
    bool failed;
} sw_reader;

sw_reader sw_reader_of(sw_bytes input);
uint8_t sw_read_u8(sw_reader *r);
uint16_t sw_read_u16le(sw_reader *r);
uint32_t sw_read_u32le(sw_reader *r);
uint64_t sw_read_u64le(sw_reader *r);
uint16_t sw_read_u16be(sw_reader *r);
uint32_t sw_read_u32be(sw_reader *r);
uint64_t sw_read_u64be(sw_reader *r);
sw_bytes sw_read_bytes(sw_reader *r, size_t count);       /* view into the input */
void sw_read_into(sw_reader *r, void *out, size_t count); /* zero-fills on a short read */
sw_bytes sw_read_field(sw_reader *r,
                       size_t limit); /* u32be length, then bytes; fails above `limit` */
/* OK when nothing failed and nothing is left; else SW_MALFORMED "format" naming `what` and the
 * offset. */
SW_NODISCARD sw_status sw_reader_finish(const sw_reader *r, const char *what, sw_error *err);

/* ---- writer ---- */
typedef struct sw_buffer {
    uint8_t *data; /* owned unless borrowed */
    size_t size, capacity, limit;
    bool failed;     /* out of memory, above limit, or given something that has no encoding */
    bool borrowed;   /* `data` is another's: sw_buffer_over */
    sw_status cause; /* of the first failure */
} sw_buffer;

#define SW_BUFFER(max) ((sw_buffer){.limit = (max)})
/* Over storage of the caller's, which is all that it may hold and outlives it: takes nothing from
 * the allocator. */
sw_buffer sw_buffer_over(void *storage, size_t size);
void sw_buffer_free(sw_buffer *b);  /* wipes, frees, resets; use with SW_SCOPED(buffer) */
void sw_buffer_reset(sw_buffer *b); /* wipes the content, keeps the capacity */
void sw_buffer_fail(sw_buffer *b, sw_status cause); /* for encoders: marks the buffer failed */
void sw_put_u8(sw_buffer *b, uint8_t v);
void sw_put_u16le(sw_buffer *b, uint16_t v);
void sw_put_u32le(sw_buffer *b, uint32_t v);
void sw_put_u64le(sw_buffer *b, uint64_t v);
void sw_put_u16be(sw_buffer *b, uint16_t v);
void sw_put_u32be(sw_buffer *b, uint32_t v);
void sw_put_u64be(sw_buffer *b, uint64_t v);
void sw_put_bytes(sw_buffer *b, sw_bytes v); /* v does not point into b */
void sw_put_text(sw_buffer *b, const char *text);
__attribute__((format(printf, 2, 3))) void sw_put_format(sw_buffer *b, const char *format, ...);
void sw_put_field(sw_buffer *b,
                  sw_bytes v); /* the one binding encoding: u32be length, then bytes */
uint8_t *sw_put_space(sw_buffer *b,
                      size_t count); /* `count` uninitialised bytes to fill, or NULL when failed */
sw_bytes sw_buffer_bytes(const sw_buffer *b); /* view, valid until the next write */
SW_NODISCARD sw_status sw_buffer_check(const sw_buffer *b, const char *what,
                                       sw_error *err); /* SW_LIMIT or SW_MEMORY when failed */

/* Scope exit: SW_SCOPED(sw_buffer) b = SW_BUFFER(1 << 20); needs a function NAME_free(NAME *). */
#define SW_SCOPED(type) __attribute__((cleanup(type##_free))) type

#endif
