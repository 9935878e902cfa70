/* SPDX-License-Identifier: Apache-2.0
 *
 * The micro-kernels behind tensor/gemm.h: one k panel of one tile.
 */
#ifndef SW_TENSOR_KERNELS_H
#define SW_TENSOR_KERNELS_H
#include "tensor/gemm.h"

#define SW_TILE_ROWS   96 /* at most, of a tile */
#define SW_TILE_STRIPS 16 /* the same */

/* tile (rows, strips * 16) f32 = or += A (rows, k) times `strips` strips of B. */
typedef struct sw_tile {
    const void *a; /* E, at the panel's first k */
    size_t a_stride;
    const void *b; /* E, at the panel's first k in the first strip */
    size_t b_strip;
    size_t k; /* of the panel */
    float *out;
    size_t out_stride, rows, strips;
    bool add;
    bool wide; /* B is f32, odd member of each pair first (sw_pack_wide): portable kernel alone */
} sw_tile;

void sw_tile_bf16_native(const sw_tile *t);   /* VDPBF16PS: only where the CPU has it */
void sw_tile_bf16_portable(const sw_tile *t); /* the same bits from AVX2 FMA */
void sw_tile_f32(const sw_tile *t);

/* Rows of A (rows, k) as the portable kernel takes them: groups of SW_ROW_GROUP rows, a group's
 * SW_GEMM_PANEL places of k apart, side by side for every k; what the last group lacks is filled
 * with its last row. `out` has room for SW_ROW_ELEMENTS. sw_widen_rows: bf16 as f32, of each pair
 * the odd member first. */
#define SW_ROW_GROUP    6
#define SW_ROW_ELEMENTS (SW_TILE_ROWS * SW_GEMM_PANEL + 8)
void sw_lay_rows(float *out, const float *a, size_t stride, size_t rows, size_t k);
void sw_widen_rows(float *out, const sw_bf16 *a, size_t stride, size_t rows, size_t k);
/* Pairs of a strip of bf16 as f32: 16 odd members, then their 16 even ones. */
void sw_widen_strip(float *restrict out, const sw_bf16 *b, size_t pairs);
#endif
