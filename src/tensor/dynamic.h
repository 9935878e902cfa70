/* SPDX-License-Identifier: Apache-2.0
 *
 * Numbers in 8 bits: the dynamic codes of bitsandbytes (docs/formats/numerics.md NUM-053). Moments
 * of the optimiser rest in them, and the scales of a base in four bits. But for sw_dynamic_make all
 * runs in the calling lane and its mode.
 */
#ifndef SW_TENSOR_DYNAMIC_H
#define SW_TENSOR_DYNAMIC_H
#include "tensor/tensor.h"

#define SW_DYNAMIC_CODES  256
#define SW_DYNAMIC_BLOCK  256  /* numbers that share one absmax */
#define SW_DYNAMIC_STARTS 2945 /* magnitudes from 2^-23 to 1 by their first 7 digits */
typedef struct sw_dynamic {
    float value[SW_DYNAMIC_CODES];       /* of each code: ascending, the last is 1 */
    float middle[SW_DYNAMIC_CODES];      /* between neighbours; the last is infinite */
    uint8_t start[2][SW_DYNAMIC_STARTS]; /* where the search begins, by sign and magnitude */
} sw_dynamic;
void sw_dynamic_make(sw_dynamic *out, bool is_signed);
/* How many of the middles are smaller than x, which is no more than 1 in magnitude. Of a number
 * that is none the code says nothing. */
uint8_t sw_dynamic_code(const sw_dynamic *d, float x);
/* One block of at most SW_DYNAMIC_BLOCK finite numbers, none negative when the codes have no sign:
 * writes the nearest code of each number's share of the block's absmax, which is returned. Of
 * numbers that overflowed the codes say nothing, and the absmax is infinite. */
float sw_dynamic_encode(const sw_dynamic *d, const float *x, size_t count, uint8_t *code);
void sw_dynamic_decode(const sw_dynamic *d, const uint8_t *code, size_t count, float absmax,
                       float *x);
static inline size_t sw_dynamic_blocks(size_t count) {
    return sw_parts(count, SW_DYNAMIC_BLOCK);
}
#endif
