/* SPDX-License-Identifier: Apache-2.0
 *
 * The micro-kernels behind tensor/gemm.h: one k panel of a tile, or of a strip.
 */
#ifndef SW_TENSOR_KERNELS_H
#define SW_TENSOR_KERNELS_H
#include "tensor/gemm.h"

#define SW_TILE_ROWS   96 /* at most, of a tile or a strip; whole groups */
#define SW_TILE_STRIPS 16 /* at most, of a tile */
#define SW_ROW_GROUP   6
#define SW_TILES_DEPTH 32 /* k of a panel of SW_RULE_TILES */
#define SW_TILES_GROUP 32 /* rows whose tiles are summed at a time */

/* With VDPBF16PS, only where the CPU has it: tile (rows, strips * 16) f32 = or += A (rows, k) times
 * `strips` strips of B. */
typedef struct sw_tile {
    const sw_bf16 *a; /* at the panel's first k */
    size_t a_stride;
    const sw_bf16 *b; /* at the panel's first k in the first strip */
    size_t b_strip;
    size_t k; /* of the panel */
    float *out;
    size_t out_stride, rows, strips;
    bool add;
} sw_tile;
void sw_tile_bf16_native(const sw_tile *t);

/* The bits of either instruction from AVX2 FMA, and f32: out (rows, 16) = or += A (rows, k) times
 * one strip. */
typedef struct sw_strip {
    const float *a;       /* as laid out below */
    const float *b;       /* at the panel's first k; or, in bf16, */
    const sw_bf16 *pairs; /* as it is packed */
    size_t k, rows;       /* k even with pairs */
    sw_rule rule;         /* of pairs */
    float *out;           /* aligned to 32 bytes */
    bool add;
    const uint8_t *target; /* where `out` will be stored: its rows are fetched meanwhile */
    size_t target_stride;  /* bytes */
} sw_strip;
void sw_strip_sum(const sw_strip *s);
/* With rows of A that are bf16, as they lie: for few rows. s->a does not count. */
void sw_strip_direct(const sw_strip *s, const sw_bf16 *a, size_t a_stride);

/* Rows of A (rows, k) laid out for sw_strip_sum: groups of SW_ROW_GROUP rows, side by side for
 * every k; what the last group lacks is filled with its last row. `out` has room for 2 floats more
 * than that. sw_widen_rows: bf16 as f32, k rounded up to even; of each pair the odd member first,
 * or (SW_RULE_TILES) of every SW_TILES_DEPTH k first the even ones, then the odd ones. */
void sw_lay_rows(float *out, const void *a, size_t stride, size_t rows, size_t k);
void sw_widen_rows(float *out, const void *a, size_t stride, size_t rows, size_t k, sw_rule rule);
/* The same of rows that lie as columns: (k, rows), `stride` from k to k; what the last group lacks
 * is zero. */
void sw_lay_columns(float *out, const void *a, size_t stride, size_t rows, size_t k);
void sw_widen_columns(float *out, const void *a, size_t stride, size_t rows, size_t k,
                      sw_rule rule);
#endif
