/* SPDX-License-Identifier: Apache-2.0
 *
 * AVX2 micro-kernels: bf16 with the bits of VDPBF16PS or of TDPBF16PS, and f32.
 *
 * f32: one chain in ascending k (NUM-011). bf16 in pairs: for every pair first the odd, then the
 * even element, one fused multiply-add each, with denormals read as zero and flushed by the mode
 * that sw_compute_run sets (NUM-012). So the f32 kernel takes bf16 too, when rows of A are laid out
 * as f32 with the odd member of each pair first, and the strip's pairs are taken apart in
 * registers, which costs it some 1.5 %; a strip of a panel then fits into half of the first cache.
 *
 * bf16 by tiles: for every 32 k a chain of the even and one of the odd elements, added, and their
 * sum added to what is there (NUM-017). Rows of A are laid out so that each chain reads one stream.
 *
 * Six rows by one strip are summed at a time over a whole panel. Rows of A come from one stream
 * (lay.c). Few rows are not worth laying out: for them both sides are taken apart in registers.
 */
#include "tensor/kernels.h"
#include <immintrin.h>
#include <stdalign.h>
#include <string.h>

#define INLINE     static inline __attribute__((always_inline))
#define FEW_ROWS   4 /* at a time, in a tile of few rows */
#define PAIR_ROWS  2 /* the same by SW_RULE_TILES, which has two chains to a sum */
#define TILE_PAIRS (SW_TILES_DEPTH / 2)
#define ROWS       SW_ROW_GROUP /* at a time in f32: 12 sums, 2 columns, 1 row in 16 registers */
#define UNROLLED   8            /* of k: a loop of one k is slower by a quarter, as measured */
#define COLUMNS    SW_GEMM_COLUMNS
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

/* The odd members of eight pairs: read again for the even ones, since the sums leave no register.
 */
INLINE __m256 odd_members(const sw_bf16 *pairs) {
    const __m256 mask = _mm256_castsi256_ps(_mm256_set1_epi32((int)0xffff0000u));
    __m256 odd;
    __asm__("vandps %2, %1, %0"
            : "=x"(odd)
            : "x"(mask), "m"(*(const __m256_u *)(const void *)pairs));
    return odd;
}

INLINE __m256 even_members(const sw_bf16 *pairs) {
    __m256i both = _mm256_loadu_si256((const __m256i *)(const void *)pairs);
    return _mm256_castsi256_ps(_mm256_slli_epi32(both, 16));
}

INLINE void bf16_block(const sw_strip *s, size_t row, const sw_bf16 *a, size_t a_stride, int rows) {
    const sw_bf16 *b = s->pairs;
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

/* ---- rows of bf16 as they lie, by SW_RULE_TILES ---- */

typedef struct chains { /* of one row: even and odd k of a tile */
    __m256 even[2], odd[2];
} chains;

/* Chains of a tile that is not full go on over zeros: that is, what is -0 becomes 0. */
INLINE __m256 ended(__m256 chain, bool full) {
    return full ? chain : _mm256_add_ps(chain, _mm256_setzero_ps());
}

INLINE void add_tile(float *out, const chains *c, bool full) {
    for (int h = 0; h < 2; h++) {
        __m256 sum = _mm256_add_ps(ended(c->even[h], full), ended(c->odd[h], full));
        _mm256_storeu_ps(out + 8 * h, _mm256_add_ps(_mm256_loadu_ps(out + 8 * h), sum));
    }
}

/* One tile of k of some rows; `pairs` of it are there. */
INLINE void direct_tile(const sw_bf16 *b, const sw_bf16 *a, size_t a_stride, size_t pairs,
                        float *out, int rows) {
    chains c[PAIR_ROWS] = {0};
    for (size_t p = 0; p < pairs; p++, a += 2, b += 2 * COLUMNS) {
#pragma GCC unroll 2
        for (int r = 0; r < rows; r++) {
            uint32_t pair;
            memcpy(&pair, a + (size_t)r * a_stride, sizeof pair);
            __m256 a_odd = broadcast_bits(pair & 0xffff0000u), a_even = broadcast_bits(pair << 16);
#pragma GCC unroll 2
            for (int h = 0; h < 2; h++) {
                const sw_bf16 *half = b + COLUMNS * h;
                c[r].even[h] = _mm256_fmadd_ps(a_even, even_members(half), c[r].even[h]);
                c[r].odd[h] = _mm256_fmadd_ps(a_odd, odd_members(half), c[r].odd[h]);
            }
        }
    }
    for (int r = 0; r < rows; r++) add_tile(out + r * COLUMNS, &c[r], pairs == TILE_PAIRS);
}

INLINE void direct_tiles(const sw_strip *s, size_t row, const sw_bf16 *a, size_t a_stride,
                         int rows) {
    float *out = s->out + row * COLUMNS;
    if (!s->add) memset(out, 0, (size_t)rows * COLUMNS * sizeof *out);
    for (size_t k = 0; k < s->k; k += SW_TILES_DEPTH) {
        size_t pairs = (s->k - k + 1) / 2;
        direct_tile(s->pairs + k * COLUMNS, a + k, a_stride,
                    pairs < TILE_PAIRS ? pairs : TILE_PAIRS, out, rows);
    }
}

static void direct_by_tiles(const sw_strip *s, const sw_bf16 *a, size_t a_stride) {
    size_t row = 0;
    for (; row + PAIR_ROWS <= s->rows; row += PAIR_ROWS)
        direct_tiles(s, row, a + row * a_stride, a_stride, PAIR_ROWS);
    if (row < s->rows) direct_tiles(s, row, a + row * a_stride, a_stride, 1);
}

void sw_strip_direct(const sw_strip *s, const sw_bf16 *a, size_t a_stride) {
    if (s->rule == SW_RULE_TILES) {
        direct_by_tiles(s, a, a_stride);
        return;
    }
    for (size_t row = 0; row < s->rows; row += FEW_ROWS) {
        const sw_bf16 *from = a + row * a_stride;
        switch (s->rows - row) {
        case 1:
            bf16_block(s, row, from, a_stride, 1);
            break;
        case 2:
            bf16_block(s, row, from, a_stride, 2);
            break;
        case 3:
            bf16_block(s, row, from, a_stride, 3);
            break;
        default:
            bf16_block(s, row, from, a_stride, FEW_ROWS);
        }
    }
}

/* Written as the instruction: left to choose its form, the compiler moves sums about and spills. */
INLINE void multiply_add(__m256 *sum, __m256 a, __m256 b) {
    __asm__("vfmadd231ps %2, %1, %0" : "+x"(*sum) : "x"(a), "x"(b));
}

/* One k. */
INLINE void step(__m256 acc[ROWS][2], const float *a, __m256 low, __m256 high, int rows) {
#pragma GCC unroll 6
    for (int r = 0; r < rows; r++) {
        __m256 v = _mm256_broadcast_ss(a + r);
        multiply_add(&acc[r][0], v, low);
        multiply_add(&acc[r][1], v, high);
    }
}

/* Two k of the strip. */
INLINE void two_steps(__m256 acc[ROWS][2], const sw_strip *s, const float *a, size_t k, int rows,
                      bool pairs) {
    if (pairs) {
        const sw_bf16 *b = s->pairs + k * COLUMNS;
        step(acc, a, odd_members(b), odd_members(b + 16), rows);
        step(acc, a + ROWS, even_members(b), even_members(b + 16), rows);
    } else {
        const float *b = s->b + k * COLUMNS;
        step(acc, a, _mm256_loadu_ps(b), _mm256_loadu_ps(b + 8), rows);
        step(acc, a + ROWS, _mm256_loadu_ps(b + 16), _mm256_loadu_ps(b + 24), rows);
    }
}

typedef struct ahead { /* what will be read of B after this strip, into the second cache */
    const uint8_t *next;
    size_t step; /* bytes for every UNROLLED k of a group */
} ahead;

/* A group of rows from `row` on. */
INLINE void block(const sw_strip *s, size_t row, ahead *next, int rows, bool pairs) {
    const float *a = s->a + row * s->k;
    __m256 acc[ROWS][2];
    for (int r = 0; r < rows; r++) {
        acc[r][0] = acc[r][1] = _mm256_setzero_ps();
        __builtin_prefetch(s->target + (row + (size_t)r) * s->target_stride, 1);
    }
    size_t k = 0;
    for (; k + UNROLLED <= s->k; k += UNROLLED, a += UNROLLED * ROWS) {
        __builtin_prefetch(next->next, 0, 2);
        next->next += next->step;
#pragma GCC unroll 4
        for (size_t i = 0; i < UNROLLED; i += 2) {
            two_steps(acc, s, a + i * ROWS, k + i, rows, pairs);
        }
    }
    for (; k + 2 <= s->k; k += 2, a += 2 * ROWS) two_steps(acc, s, a, k, rows, pairs);
    if (k < s->k) { /* in f32 alone */
        const float *b = s->b + k * COLUMNS;
        step(acc, a, _mm256_loadu_ps(b), _mm256_loadu_ps(b + 8), rows);
    }
    for (int r = 0; r < rows; r++) {
        store_row(s->out + (row + (size_t)r) * COLUMNS, acc[r][0], acc[r][1], s->add);
    }
}

/* ---- rows laid out, by SW_RULE_TILES ---- */

/* The even or the odd k of a tile: one chain a sum, from 0. */
INLINE void chain(__m256 acc[ROWS][2], const float *a, const sw_bf16 *b, size_t pairs, int rows,
                  bool odd) {
    for (int r = 0; r < rows; r++) acc[r][0] = acc[r][1] = _mm256_setzero_ps();
#pragma GCC unroll 8
    for (size_t p = 0; p < pairs; p++, a += ROWS, b += 2 * COLUMNS) {
        if (odd) {
            step(acc, a, odd_members(b), odd_members(b + COLUMNS), rows);
        } else {
            step(acc, a, even_members(b), even_members(b + COLUMNS), rows);
        }
    }
}

/* One tile of k: the even chains rest in memory while the odd ones are summed. */
INLINE void tile(const float *a, const sw_bf16 *b, size_t pairs, float *out, int rows) {
    __m256 acc[ROWS][2], even[ROWS][2];
    bool full = pairs == TILE_PAIRS;
    chain(acc, a, b, pairs, rows, false);
    for (int r = 0; r < rows; r++) even[r][0] = acc[r][0], even[r][1] = acc[r][1];
    __asm__("" : "+m"(even)); /* in memory: the registers are wanted, and would spill in the loop */
    chain(acc, a + pairs * ROWS, b, pairs, rows, true);
    for (int r = 0; r < rows; r++) {
        chains c = {.even = {even[r][0], even[r][1]}, .odd = {acc[r][0], acc[r][1]}};
        add_tile(out + r * COLUMNS, &c, full);
    }
}

/* Rows of one group from `row` on. */
INLINE void tiles(const sw_strip *s, size_t row, ahead *next, int rows) {
    const float *a = s->a + row / ROWS * ROWS * s->k + row % ROWS;
    const sw_bf16 *b = s->pairs;
    float *out = s->out + row * COLUMNS;
    if (!s->add) memset(out, 0, (size_t)rows * COLUMNS * sizeof *out);
    for (int r = 0; r < rows; r++)
        __builtin_prefetch(s->target + (row + (size_t)r) * s->target_stride, 1);
    for (size_t k = 0; k < s->k; k += SW_TILES_DEPTH) {
        size_t pairs = (s->k - k) / 2 < TILE_PAIRS ? (s->k - k) / 2 : TILE_PAIRS;
        for (size_t i = 0; i < SW_TILES_DEPTH; i += UNROLLED) {
            __builtin_prefetch(next->next, 0, 2);
            next->next += next->step;
        }
        if (pairs == TILE_PAIRS) {
            tile(a, b, TILE_PAIRS, out, rows);
        } else {
            tile(a, b, pairs, out, rows);
        }
        a += 2 * pairs * ROWS;
        b += 2 * pairs * COLUMNS;
    }
}

static void sum_by_tiles(const sw_strip *s) {
    size_t groups = sw_parts(s->rows, ROWS), row = 0;
    ahead next = {(const uint8_t *)(s->pairs + s->k * COLUMNS),
                  UNROLLED * COLUMNS * sizeof *s->pairs / groups};
    for (; row + ROWS <= s->rows; row += ROWS) tiles(s, row, &next, ROWS);
    for (; row < s->rows; row++) tiles(s, row, &next, 1);
}

INLINE void sum(const sw_strip *s, bool pairs) {
    size_t groups = sw_parts(s->rows, ROWS), row = 0, size = pairs ? 2 : 4;
    const uint8_t *b = pairs ? (const uint8_t *)s->pairs : (const uint8_t *)s->b;
    ahead next = {b + s->k * COLUMNS * size, UNROLLED * COLUMNS * size / groups};
    for (; row + ROWS <= s->rows; row += ROWS) block(s, row, &next, ROWS, pairs);
    switch (s->rows - row) {
    case 1:
        block(s, row, &next, 1, pairs);
        break;
    case 2:
        block(s, row, &next, 2, pairs);
        break;
    case 3:
        block(s, row, &next, 3, pairs);
        break;
    case 4:
        block(s, row, &next, 4, pairs);
        break;
    case 5:
        block(s, row, &next, 5, pairs);
        break;
    default:
        break;
    }
}

void sw_strip_sum(const sw_strip *s) {
    if (s->pairs && s->rule == SW_RULE_TILES) {
        sum_by_tiles(s);
    } else if (s->pairs) {
        sum(s, true);
    } else {
        sum(s, false);
    }
}
