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
/* Pairs of a strip of bf16 as f32: 16 odd members, then their 16 even ones. */
void sw_widen_strip(float *restrict out, const sw_bf16 *b, size_t pairs);
#endif
