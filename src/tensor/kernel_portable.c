/* SPDX-License-Identifier: Apache-2.0
 *
 * AVX2 micro-kernels: bf16 with the bits of VDPBF16PS, and f32.
 *
 * f32: one chain in ascending k (NUM-011). bf16: for every pair first the odd, then the even
 * element, one fused multiply-add each, with denormals read as zero and flushed by the mode that
 * sw_compute_run sets (NUM-012). So a bf16 panel whose pairs are written out as f32, odd before
 * even, goes through the f32 kernel; where a tile has too few rows to pay for that, the pairs are
 * widened in registers.
 *
 * Six rows by one strip are summed at a time, a stretch of k small enough for the strip's share of
 * B to stay in the first cache while all rows of the tile pass. A chain that is cut there rests in
 * memory as it is and goes on from the same bits.
 */
#include "tensor/kernels.h"
#include <immintrin.h>
#include <stdalign.h>
#include <string.h>

#define INLINE    static inline __attribute__((always_inline))
#define FEW_ROWS  4   /* at a time, in a tile of few rows */
#define WIDE_FROM 12  /* rows that pay for writing a panel out: measured, near one half at 6 */
#define ROWS      6   /* at a time in f32: 12 sums, 2 columns, 1 row in 16 registers */
#define STRETCH   256 /* of k: 16 KiB of a strip, half of a first cache */
#define COLUMNS   SW_GEMM_COLUMNS
#define AHEAD     2                    /* rows of A, when a panel of it is written out */
#define A_STRIDE  (SW_GEMM_PANEL + 16) /* rows that do not all fall on the same lines of a cache */

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
    __m256 acc[FEW_ROWS][2];
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

/* One stretch of k of a strip: chains that begin at 0 or go on from `part`, and end in `part` or in
 * the tile. */
typedef struct stretch {
    const float *a, *b;
    size_t a_stride, k, rows;
    float *part; /* (rows, COLUMNS) */
    float *out;  /* of the tile */
    size_t out_stride;
    bool first, last, add;
} stretch;

INLINE void f32_block(const stretch *s, size_t row, size_t a_stride, int rows) {
    const float *a = s->a + row * a_stride, *b = s->b;
    float *part = s->part + row * COLUMNS;
    __m256 acc[ROWS][2];
    for (int r = 0; r < rows; r++) {
        for (int h = 0; h < 2; h++) {
            acc[r][h] = s->first ? _mm256_setzero_ps() : _mm256_load_ps(part + r * COLUMNS + 8 * h);
        }
    }
    for (size_t k = 0; k < s->k; k++, a++, b += COLUMNS) {
        __builtin_prefetch(b + 24 * COLUMNS);
        __m256 low = _mm256_loadu_ps(b), high = _mm256_loadu_ps(b + 8);
#pragma GCC unroll 6
        for (int r = 0; r < rows; r++) {
            __m256 v = _mm256_broadcast_ss(a + (size_t)r * a_stride);
            acc[r][0] = _mm256_fmadd_ps(v, low, acc[r][0]);
            acc[r][1] = _mm256_fmadd_ps(v, high, acc[r][1]);
        }
    }
    float *out = s->last ? s->out + row * s->out_stride : part;
    size_t stride = s->last ? s->out_stride : COLUMNS;
    for (int r = 0; r < rows; r++) {
        store_row(out + (size_t)r * stride, acc[r][0], acc[r][1], s->last && s->add);
    }
}

INLINE void f32_rows(const stretch *s, size_t a_stride) {
    size_t row = 0;
    for (; row + ROWS <= s->rows; row += ROWS) f32_block(s, row, a_stride, ROWS);
    switch (s->rows - row) {
    case 1:
        f32_block(s, row, a_stride, 1);
        break;
    case 2:
        f32_block(s, row, a_stride, 2);
        break;
    case 3:
        f32_block(s, row, a_stride, 3);
        break;
    case 4:
        f32_block(s, row, a_stride, 4);
        break;
    case 5:
        f32_block(s, row, a_stride, 5);
        break;
    default:
        break;
    }
}

/* One strip of f32 over the whole panel. */
static void strip_sum(const sw_tile *t, const float *a, size_t a_stride, const float *b, size_t k,
                      float *out) {
    alignas(64) float part[SW_TILE_ROWS * COLUMNS];
    for (size_t at = 0; at < k || at == 0; at += STRETCH) {
        stretch s = {.a = a + at,
                     .b = b + at * COLUMNS,
                     .a_stride = a_stride,
                     .k = k - at < STRETCH ? k - at : STRETCH,
                     .rows = t->rows,
                     .part = part,
                     .out = out,
                     .out_stride = t->out_stride,
                     .first = at == 0,
                     .last = k - at <= STRETCH,
                     .add = t->add};
        if (a_stride == A_STRIDE) {
            f32_rows(&s, A_STRIDE); /* known: rows need no addresses of their own */
        } else {
            f32_rows(&s, a_stride);
        }
    }
}

static void few_rows(const sw_tile *t) {
    for (size_t strip = 0; strip < t->strips; strip++) {
        for (size_t row = 0; row < t->rows; row += FEW_ROWS) {
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
                bf16_block(t, row, strip, FEW_ROWS);
            }
        }
    }
}

void sw_tile_f32(const sw_tile *t) {
    for (size_t s = 0; s < t->strips; s++) {
        strip_sum(t, t->a, t->a_stride, (const float *)t->b + s * t->b_strip, t->k,
                  t->out + s * COLUMNS);
    }
}

INLINE void widen_eight(float *out, const sw_bf16 *a) {
    __m256i eight = _mm256_cvtepu16_epi32(_mm_loadu_si128((const __m128i *)a));
    __m256 values = _mm256_castsi256_ps(_mm256_slli_epi32(eight, 16));
    _mm256_storeu_ps(out, _mm256_permute_ps(values, 0xb1));
}

/* Pairs as f32, odd member first. `ahead` is a row that will be read soon. */
static void widen_row(float *restrict out, const sw_bf16 *a, const sw_bf16 *ahead, size_t pairs) {
    for (; pairs >= 16; pairs -= 16, a += 32, ahead += 32, out += 32) {
        __builtin_prefetch(ahead);
        for (int i = 0; i < 32; i += 8) widen_eight(out + i, a + i);
    }
    for (; pairs >= 4; pairs -= 4, a += 8, out += 8) widen_eight(out, a);
    for (; pairs > 0; pairs--, a += 2, out += 2) {
        out[0] = sw_bf16_to_float(a[1]);
        out[1] = sw_bf16_to_float(a[0]);
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

static void many_rows(const sw_tile *t) {
    alignas(64) float a[SW_TILE_ROWS * A_STRIDE], b[COLUMNS * SW_GEMM_PANEL];
    size_t pairs = (t->k + 1) / 2;
    for (size_t r = 0; r < t->rows; r++) {
        const sw_bf16 *row = (const sw_bf16 *)t->a + r * t->a_stride;
        size_t ahead = r + AHEAD < t->rows ? AHEAD * t->a_stride : 0;
        widen_row(a + r * A_STRIDE, row, row + ahead, pairs);
    }
    for (size_t s = 0; s < t->strips; s++) {
        const float *strip = b;
        if (t->wide) {
            strip = (const float *)t->b + s * t->b_strip;
        } else {
            sw_widen_strip(b, (const sw_bf16 *)t->b + s * t->b_strip, pairs);
        }
        strip_sum(t, a, A_STRIDE, strip, 2 * pairs, t->out + s * COLUMNS);
    }
}

void sw_tile_bf16_portable(const sw_tile *t) {
    if (t->rows < WIDE_FROM && !t->wide) {
        few_rows(t);
    } else {
        many_rows(t);
    }
}
