/* SPDX-License-Identifier: Apache-2.0
 *
 * NF4 with double quantisation, as bitsandbytes defines it: a frozen matrix in about 4.13 bits a
 * weight (docs/formats/numerics.md NUM-080 to NUM-086).
 *
 * Elements are taken in row-major order. A block of 64 shares a scale, its largest magnitude;
 * scales are 8-bit numbers of their own, 256 of which share a second scale. Products read such a
 * matrix through an sw_source, a panel at a time (tensor/gemm.h).
 */
#ifndef SW_TENSOR_NF4_H
#define SW_TENSOR_NF4_H
#include "tensor/dynamic.h"

#define SW_NF4_BLOCK ((size_t)64)  /* elements of one scale */
#define SW_NF4_NEST  ((size_t)256) /* scales of one second scale */

typedef struct sw_nf4 {
    size_t count;    /* elements */
    uint8_t *codes;  /* (count / 2 rounded up); the earlier element in the high nibble */
    uint8_t *scales; /* one a block: indices of the dynamic 8-bit code */
    float *nested;   /* one a nest of blocks */
    float offset;    /* the mean of all scales */
    float scale_value[SW_DYNAMIC_CODES]; /* what a scale's code stands for */
} sw_nf4;
size_t sw_nf4_codes(size_t count);  /* bytes of codes */
size_t sw_nf4_blocks(size_t count); /* scales */
size_t sw_nf4_nests(size_t count);  /* second scales */

/* `out` names its count and its memory; codes, scales, nested, offset and scale_value are written
 * from `count` elements at `in`, any dtype. `absmax` (sw_nf4_blocks) is scratch. A matrix with a
 * NaN or an infinity becomes NaN as a whole, so that a loss shows it. */
void sw_nf4_quantise(const sw_compute *c, sw_nf4 *out, const void *in, sw_dtype dtype,
                     float *absmax);
/* Elements first .. first + count - 1 as E = `dtype` (F32 or BF16): E(code · scale). In the calling
 * lane and its mode of denormals. */
void sw_nf4_load(void *out, const sw_nf4 *w, sw_dtype dtype, size_t first, size_t count);
#endif
