/* SPDX-License-Identifier: Apache-2.0
 *
 * AVX2 micro-kernels: bf16 with the bits of VDPBF16PS, and f32.
 *
 * f32: one chain in ascending k (NUM-011). bf16: for every pair first the odd, then the even
 * element, one fused multiply-add each, with denormals read as zero and flushed by the mode that
 * sw_compute_run sets (NUM-012). So a bf16 panel whose pairs are written out as f32, odd before
 * even, goes through the f32 kernel; where there are too few rows to pay for that, the pairs are
 * widened in registers.
 *
 * Six rows by one strip are summed at a time over a whole panel. Rows of A come from one stream
 * (lay.c); the strip comes from the second cache for every group of rows, which is fast enough.
 */
#include "tensor/kernels.h"
#include <immintrin.h>
#include <stdalign.h>
#include <string.h>

#define INLINE   static inline __attribute__((always_inline))
#define FEW_ROWS 4            /* at a time, in a tile of few rows */
#define ROWS     SW_ROW_GROUP /* at a time in f32: 12 sums, 2 columns, 1 row in 16 registers */
#define UNROLLED 4            /* of k: a loop of one k is slower by a quarter, as measured */
#define STRETCH  256
#define COLUMNS  SW_GEMM_COLUMNS
INLINE void store_row(float *out, __m256 low, __m256 high, bool add) {
    if (add) {
        low = _mm256_add_ps(_mm256_loadu_ps(out), low);
        high = _mm256_add_ps(_mm256_loadu_ps(out + 8), high);
    }
    _mm256_storeu_ps(out, low);
    _mm256_storeu_ps(out + 8, high);
}

INLINE __m256 broadcast_bits(uint32_t bits) {
    return _mm256_castsi256_ps(_mm256_set1_epi32((int)bits));
}

INLINE void bf16_block(const sw_strip *s, size_t row, const sw_bf16 *a, size_t a_stride,
                       const sw_bf16 *b, int rows) {
    const __m256i odd_mask = _mm256_set1_epi32((int)0xffff0000u);
    __m256 acc[FEW_ROWS][2];
    for (int r = 0; r < rows; r++) acc[r][0] = acc[r][1] = _mm256_setzero_ps();
    for (size_t p = 0; p < (s->k + 1) / 2; p++, a += 2, b += 32) {
        __m256i low = _mm256_loadu_si256((const __m256i *)b);
        __m256i high = _mm256_loadu_si256((const __m256i *)(b + 16));
        __m256 odd[2] = {_mm256_castsi256_ps(_mm256_and_si256(low, odd_mask)),
                         _mm256_castsi256_ps(_mm256_and_si256(high, odd_mask))};
        __m256 even[2] = {_mm256_castsi256_ps(_mm256_slli_epi32(low, 16)),
                          _mm256_castsi256_ps(_mm256_slli_epi32(high, 16))};
#pragma GCC unroll 4
        for (int r = 0; r < rows; r++) {
            uint32_t pair;
            memcpy(&pair, a + (size_t)r * a_stride, sizeof pair);
            __m256 a_odd = broadcast_bits(pair & 0xffff0000u), a_even = broadcast_bits(pair << 16);
            for (int h = 0; h < 2; h++) {
                acc[r][h] = _mm256_fmadd_ps(a_odd, odd[h], acc[r][h]);
                acc[r][h] = _mm256_fmadd_ps(a_even, even[h], acc[r][h]);
            }
        }
    }
    for (int r = 0; r < rows; r++) {
        store_row(s->out + (row + (size_t)r) * COLUMNS, acc[r][0], acc[r][1], s->add);
    }
}

void sw_strip_direct(const sw_strip *s, const sw_bf16 *a, size_t a_stride, const sw_bf16 *b) {
    for (size_t row = 0; row < s->rows; row += FEW_ROWS) {
        const sw_bf16 *from = a + row * a_stride;
        switch (s->rows - row) {
        case 1:
            bf16_block(s, row, from, a_stride, b, 1);
            break;
        case 2:
            bf16_block(s, row, from, a_stride, b, 2);
            break;
        case 3:
            bf16_block(s, row, from, a_stride, b, 3);
            break;
        default:
            bf16_block(s, row, from, a_stride, b, FEW_ROWS);
        }
    }
}

/* Written as the instruction: left to choose its form, the compiler moves sums about and spills. */
INLINE void multiply_add(__m256 *sum, __m256 a, __m256 b) {
    __asm__("vfmadd231ps %2, %1, %0" : "+x"(*sum) : "x"(a), "x"(b));
}

/* One k. */
INLINE void f32_step(__m256 acc[ROWS][2], const float *a, const float *b, int rows) {
    __m256 low = _mm256_loadu_ps(b), high = _mm256_loadu_ps(b + 8);
#pragma GCC unroll 6
    for (int r = 0; r < rows; r++) {
        __m256 v = _mm256_broadcast_ss(a + r);
        multiply_add(&acc[r][0], v, low);
        multiply_add(&acc[r][1], v, high);
    }
}

/* A group of rows. `next` is what will be read of B after this strip: every group fetches its share
 * of it into the second cache. */
INLINE void f32_block(const sw_strip *s, size_t row, const uint8_t *next, size_t next_step,
                      int rows) {
    const float *a = s->a + row * s->k, *b = s->b;
    __m256 acc[ROWS][2];
    for (int r = 0; r < rows; r++) {
        acc[r][0] = acc[r][1] = _mm256_setzero_ps();
        __builtin_prefetch(s->target + (row + (size_t)r) * s->target_stride, 1);
    }
    size_t k = 0;
    for (; k + UNROLLED <= s->k; k += UNROLLED, a += UNROLLED * ROWS, b += UNROLLED * COLUMNS) {
        __builtin_prefetch(next, 0, 2);
        next += next_step;
#pragma GCC unroll 4
        for (int i = 0; i < UNROLLED; i++) f32_step(acc, a + i * ROWS, b + i * COLUMNS, rows);
    }
    for (; k < s->k; k++, a += ROWS, b += COLUMNS) f32_step(acc, a, b, rows);
    for (int r = 0; r < rows; r++) {
        store_row(s->out + (row + (size_t)r) * COLUMNS, acc[r][0], acc[r][1], s->add);
    }
}

void sw_strip_sum(const sw_strip *s) {
    size_t groups = (s->rows + ROWS - 1) / ROWS, row = 0;
    size_t step = UNROLLED * COLUMNS * sizeof *s->b / groups, share = s->k / UNROLLED * step;
    const uint8_t *next = (const uint8_t *)(s->b + s->k * COLUMNS);
    for (; row + ROWS <= s->rows; row += ROWS, next += share) f32_block(s, row, next, step, ROWS);
    switch (s->rows - row) {
    case 1:
        f32_block(s, row, next, step, 1);
        break;
    case 2:
        f32_block(s, row, next, step, 2);
        break;
    case 3:
        f32_block(s, row, next, step, 3);
        break;
    case 4:
        f32_block(s, row, next, step, 4);
        break;
    case 5:
        f32_block(s, row, next, step, 5);
        break;
    default:
        break;
    }
}

void sw_widen_strip(float *restrict out, const sw_bf16 *b, size_t pairs) {
    const __m256i odd_mask = _mm256_set1_epi32((int)0xffff0000u);
    for (size_t p = 0; p < pairs; p++, b += 2 * COLUMNS, out += 2 * COLUMNS) {
        for (int h = 0; h < 2; h++) {
            __m256i both = _mm256_loadu_si256((const __m256i *)(b + 16 * h));
            _mm256_storeu_si256((__m256i *)(out + 8 * h), _mm256_and_si256(both, odd_mask));
            _mm256_storeu_si256((__m256i *)(out + COLUMNS + 8 * h), _mm256_slli_epi32(both, 16));
        }
    }
}
