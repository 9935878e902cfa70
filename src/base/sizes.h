/* SPDX-License-Identifier: Apache-2.0
 *
 * Sizes: the smaller and the larger of two, and how often one goes into another.
 */
#ifndef SW_BASE_SIZES_H
#define SW_BASE_SIZES_H
#include <stddef.h>

static inline size_t sw_least(size_t a, size_t b) {
    return a < b ? a : b;
}

static inline size_t sw_most(size_t a, size_t b) {
    return a > b ? a : b;
}

/* Parts of `size` that hold `count`, the last one perhaps not full. */
static inline size_t sw_parts(size_t count, size_t size) {
    return count / size + (count % size != 0);
}

/* `count` up to whole parts; wraps where that is more than a size_t holds. */
static inline size_t sw_round_up(size_t count, size_t size) {
    return sw_parts(count, size) * size;
}
#endif
