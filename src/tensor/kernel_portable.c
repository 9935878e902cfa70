/* SPDX-License-Identifier: Apache-2.0
 *
 * AVX2 micro-kernels: bf16 with the bits of VDPBF16PS, and f32.
 *
 * bf16: for every pair first the odd, then the even element, one fused multiply-add each, with
 * denormals read as zero and flushed by the mode that sw_compute_run sets (NUM-012). f32: one chain
 * in ascending k (NUM-011).
 */
#include "tensor/kernels.h"
#include <immintrin.h>
#include <string.h>

#define INLINE    static inline __attribute__((always_inline))
#define BF16_ROWS 4
#define F32_ROWS  6

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

INLINE void bf16_block(const sw_tile *t, size_t row, size_t strip, int rows) {
    const sw_bf16 *a = (const sw_bf16 *)t->a + row * t->a_stride;
    const sw_bf16 *b = (const sw_bf16 *)t->b + strip * t->b_strip;
    const __m256i odd_mask = _mm256_set1_epi32((int)0xffff0000u);
    __m256 acc[BF16_ROWS][2];
    for (int r = 0; r < rows; r++) acc[r][0] = acc[r][1] = _mm256_setzero_ps();
    for (size_t p = 0; p < (t->k + 1) / 2; p++, a += 2, b += 32) {
        __m256i low = _mm256_loadu_si256((const __m256i *)b);
        __m256i high = _mm256_loadu_si256((const __m256i *)(b + 16));
        __m256 odd[2] = {_mm256_castsi256_ps(_mm256_and_si256(low, odd_mask)),
                         _mm256_castsi256_ps(_mm256_and_si256(high, odd_mask))};
        __m256 even[2] = {_mm256_castsi256_ps(_mm256_slli_epi32(low, 16)),
                          _mm256_castsi256_ps(_mm256_slli_epi32(high, 16))};
#pragma GCC unroll 4
        for (int r = 0; r < rows; r++) {
            uint32_t pair;
            memcpy(&pair, a + (size_t)r * t->a_stride, sizeof pair);
            __m256 a_odd = broadcast_bits(pair & 0xffff0000u), a_even = broadcast_bits(pair << 16);
            for (int h = 0; h < 2; h++) {
                acc[r][h] = _mm256_fmadd_ps(a_odd, odd[h], acc[r][h]);
                acc[r][h] = _mm256_fmadd_ps(a_even, even[h], acc[r][h]);
            }
        }
    }
    float *out = t->out + row * t->out_stride + 16 * strip;
    for (int r = 0; r < rows; r++) {
        store_row(out + (size_t)r * t->out_stride, acc[r][0], acc[r][1], t->add);
    }
}

INLINE void f32_block(const sw_tile *t, size_t row, size_t strip, int rows) {
    const float *a = (const float *)t->a + row * t->a_stride;
    const float *b = (const float *)t->b + strip * t->b_strip;
    __m256 acc[F32_ROWS][2];
    for (int r = 0; r < rows; r++) acc[r][0] = acc[r][1] = _mm256_setzero_ps();
    for (size_t k = 0; k < t->k; k++, a++, b += 16) {
        __m256 low = _mm256_loadu_ps(b), high = _mm256_loadu_ps(b + 8);
#pragma GCC unroll 6
        for (int r = 0; r < rows; r++) {
            __m256 v = _mm256_broadcast_ss(a + (size_t)r * t->a_stride);
            acc[r][0] = _mm256_fmadd_ps(v, low, acc[r][0]);
            acc[r][1] = _mm256_fmadd_ps(v, high, acc[r][1]);
        }
    }
    float *out = t->out + row * t->out_stride + 16 * strip;
    for (int r = 0; r < rows; r++) {
        store_row(out + (size_t)r * t->out_stride, acc[r][0], acc[r][1], t->add);
    }
}

void sw_tile_bf16_portable(const sw_tile *t) {
    for (size_t strip = 0; strip < t->strips; strip++) {
        for (size_t row = 0; row < t->rows; row += BF16_ROWS) {
            switch (t->rows - row) {
            case 1:
                bf16_block(t, row, strip, 1);
                break;
            case 2:
                bf16_block(t, row, strip, 2);
                break;
            case 3:
                bf16_block(t, row, strip, 3);
                break;
            default:
                bf16_block(t, row, strip, BF16_ROWS);
            }
        }
    }
}

void sw_tile_f32(const sw_tile *t) {
    for (size_t strip = 0; strip < t->strips; strip++) {
        for (size_t row = 0; row < t->rows; row += F32_ROWS) {
            switch (t->rows - row) {
            case 1:
                f32_block(t, row, strip, 1);
                break;
            case 2:
                f32_block(t, row, strip, 2);
                break;
            case 3:
                f32_block(t, row, strip, 3);
                break;
            case 4:
                f32_block(t, row, strip, 4);
                break;
            case 5:
                f32_block(t, row, strip, 5);
                break;
            default:
                f32_block(t, row, strip, F32_ROWS);
            }
        }
    }
}
