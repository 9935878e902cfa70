/* SPDX-License-Identifier: Apache-2.0
 *
 * What the driver of matrix products, its three ways to sum a part of C, and the store share.
 */
#ifndef SW_TENSOR_GEMM_INTERNAL_H
#define SW_TENSOR_GEMM_INTERNAL_H
#include "tensor/kernels.h"

/* A product, or a block of its columns. */
typedef struct sw_work {
    const sw_compute *compute;
    sw_gemm g;
    bool resumed; /* C holds the sums of the panels before */
} sw_work;

/* A part of C that one lane sums and stores; the last strip is cut at the end of C. */
typedef struct sw_extent {
    size_t row, rows, strip, strips;
} sw_extent;

/* The largest extent that each way takes. */
sw_extent sw_native_extent(void);
sw_extent sw_portable_extent(const sw_work *w);
void sw_native_sum(const sw_work *w, const sw_extent *e);
sw_extent sw_tiles_extent(const sw_work *w);
void sw_tiles_sum(const sw_work *w, const sw_extent *e);
void sw_portable_sum(const sw_work *w, const sw_extent *e);

/* Sums (rows, columns of the strips), `stride` floats from row to row, into C; and back out of it
 * where they rest. */
void sw_gemm_store(const sw_gemm *g, const float *sums, size_t stride, const sw_extent *e);
void sw_gemm_load(const sw_gemm *g, float *sums, size_t stride, const sw_extent *e);
#endif
