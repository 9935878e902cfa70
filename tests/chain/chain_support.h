/* SPDX-License-Identifier: Apache-2.0
 *
 * Hex of golden_chain.h as the types of this room.
 */
#ifndef SW_TESTS_CHAIN_SUPPORT_H
#define SW_TESTS_CHAIN_SUPPORT_H
#include "chain/golden_chain.h"
#include "crypto/vector.h"

#include <string.h>

/* Exactly `size` bytes. */
static inline void take(void *out, size_t size, const char *hex) {
    assert_int_equal(sw_hex_decode(out, size, sw_text(hex), false, NULL), SW_OK);
}

/* Any number of bytes, in the arena; *count is how many elements of `element` bytes they are. */
static inline const void *take_list(sw_arena *a, const char *hex, size_t element, size_t *count) {
    sw_bytes bytes = unhex(a, hex);
    assert_int_equal(bytes.size % element, 0);
    *count = bytes.size / element;
    return bytes.data;
}
#endif
