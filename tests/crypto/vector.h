/* SPDX-License-Identifier: Apache-2.0
 *
 * Hex vectors for the tests of this room. A test that gives bad hex fails at once.
 */
#ifndef SW_TESTS_CRYPTO_VECTOR_H
#define SW_TESTS_CRYPTO_VECTOR_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>

#include "codec/text.h"
#include "crypto/crypto.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* Bytes of a hex text, in the arena; an empty text gives a pointer to nothing that may be read. */
static inline sw_bytes unhex(sw_arena *arena, const char *text) {
    sw_bytes hex = sw_text(text);
    uint8_t *bytes = sw_arena_alloc(arena, hex.size / 2 + 1, 1);
    assert_non_null(bytes);
    assert_int_equal(sw_hex_decode(bytes, hex.size / 2, hex, true, NULL), SW_OK);
    return SW_BYTES(bytes, hex.size / 2);
}

static inline void assert_hex(const void *actual, size_t size, const char *expected) {
    sw_arena arena = {0};
    sw_bytes bytes = unhex(&arena, expected);
    assert_int_equal(size, bytes.size);
    assert_memory_equal(actual, bytes.data, size);
    sw_arena_free(&arena);
}

/* The n-th byte of a stream that depends on the seed alone: xorshift64*. */
static inline uint64_t next_random(uint64_t *state) {
    *state ^= *state >> 12;
    *state ^= *state << 25;
    *state ^= *state >> 27;
    return *state * 0x2545f4914f6cdd1dULL;
}

/* Entropy that a test owns. */
static inline sw_status fill_from_seed(void *context, void *out, size_t size, sw_error *err) {
    (void)err;
    for (size_t i = 0; i < size; i++) ((uint8_t *)out)[i] = (uint8_t)(next_random(context) >> 32);
    return SW_OK;
}

#endif
