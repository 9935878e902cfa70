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
#define FEW_ROWS  4  /* at a time, in a tile of few rows */
#define WIDE_FROM 12 /* rows that pay for writing a panel out: measured, near one half at 6 */
#define ROWS      SW_ROW_GROUP /* at a time in f32: 12 sums, 2 columns, 1 row in 16 registers */
#define UNROLLED  4            /* of k: a loop of one k is slower by a quarter, as measured */
#define STRETCH   256          /* of k: 16 KiB of a strip, half of a first cache */
#define COLUMNS   SW_GEMM_COLUMNS
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
    const float *a, *b;  /* rows as sw_lay_rows writes them */
    const uint8_t *next; /* the B that comes after this */
    size_t next_step;    /* bytes of it for UNROLLED k */
    size_t k, rows;
    float *part; /* (rows, COLUMNS) */
    float *out;  /* of the tile */
    size_t out_stride;
    bool first, last, add;
} stretch;

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

INLINE void f32_block(const stretch *s, size_t row, int rows) {
    const float *a = s->a + row * SW_GEMM_PANEL, *b = s->b;
    const uint8_t *next = s->next + row / ROWS * (s->k / UNROLLED) * s->next_step;
    float *part = s->part + row * COLUMNS;
    __m256 acc[ROWS][2];
    for (int r = 0; r < rows; r++) {
        for (int h = 0; h < 2; h++) {
            acc[r][h] = s->first ? _mm256_setzero_ps() : _mm256_load_ps(part + r * COLUMNS + 8 * h);
        }
    }
    size_t k = 0, next_step = s->next_step;
    for (; k + UNROLLED <= s->k; k += UNROLLED, a += UNROLLED * ROWS, b += UNROLLED * COLUMNS) {
        __builtin_prefetch(next, 0, 2);
        next += next_step;
#pragma GCC unroll 4
        for (int i = 0; i < UNROLLED; i++) f32_step(acc, a + i * ROWS, b + i * COLUMNS, rows);
    }
    for (; k < s->k; k++, a += ROWS, b += COLUMNS) f32_step(acc, a, b, rows);
    float *out = s->last ? s->out + row * s->out_stride : part;
    size_t stride = s->last ? s->out_stride : COLUMNS;
    for (int r = 0; r < rows; r++) {
        store_row(out + (size_t)r * stride, acc[r][0], acc[r][1], s->last && s->add);
    }
}

static void f32_rows(const stretch *s) {
    size_t row = 0;
    for (; row + ROWS <= s->rows; row += ROWS) f32_block(s, row, ROWS);
    switch (s->rows - row) {
    case 1:
        f32_block(s, row, 1);
        break;
    case 2:
        f32_block(s, row, 2);
        break;
    case 3:
        f32_block(s, row, 3);
        break;
    case 4:
        f32_block(s, row, 4);
        break;
    case 5:
        f32_block(s, row, 5);
        break;
    default:
        break;
    }
}

/* One strip of f32 over the whole panel. */
static void strip_sum(const sw_tile *t, const float *a, const float *b, size_t k, const float *next,
                      float *out) {
    alignas(64) float part[SW_TILE_ROWS * COLUMNS];
    for (size_t at = 0; at < k || at == 0; at += STRETCH) {
        bool last = k - at <= STRETCH;
        stretch s = {.a = a + at * ROWS,
                     .b = b + at * COLUMNS,
                     .next = (const uint8_t *)(last ? next : b + (at + STRETCH) * COLUMNS),
                     .next_step = UNROLLED * COLUMNS * sizeof *b / ((t->rows + ROWS - 1) / ROWS),
                     .k = last ? k - at : STRETCH,
                     .rows = t->rows,
                     .part = part,
                     .out = out,
                     .out_stride = t->out_stride,
                     .first = at == 0,
                     .last = last,
                     .add = t->add};
        f32_rows(&s);
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
    alignas(64) float a[SW_ROW_ELEMENTS];
    sw_lay_rows(a, t->a, t->a_stride, t->rows, t->k);
    for (size_t s = 0; s < t->strips; s++) {
        const float *b = (const float *)t->b + s * t->b_strip;
        strip_sum(t, a, b, t->k, s + 1 < t->strips ? b + t->b_strip : b, t->out + s * COLUMNS);
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
    alignas(64) float a[SW_ROW_ELEMENTS], b[COLUMNS * SW_GEMM_PANEL];
    size_t k = (t->k + 1) / 2 * 2;
    sw_widen_rows(a, t->a, t->a_stride, t->rows, t->k);
    for (size_t s = 0; s < t->strips; s++) {
        const float *strip = b, *next = b;
        if (t->wide) {
            strip = (const float *)t->b + s * t->b_strip;
            next = s + 1 < t->strips ? strip + t->b_strip : strip;
        } else {
            sw_widen_strip(b, (const sw_bf16 *)t->b + s * t->b_strip, k / 2);
        }
        strip_sum(t, a, strip, k, next, t->out + s * COLUMNS);
    }
}

void sw_tile_bf16_portable(const sw_tile *t) {
    if (t->rows < WIDE_FROM && !t->wide) {
        few_rows(t);
    } else {
        many_rows(t);
    }
}
