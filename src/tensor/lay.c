/* SPDX-License-Identifier: Apache-2.0
 *
 * Rows of A for the portable kernel: six rows side by side, so that one stream of memory feeds all
 * broadcasts of a block. Turned eight by eight; two of the eight lanes are beyond the group, and
 * what they store is written over by the next k.
 */
#include "tensor/kernels.h"
#include "tensor/lanes.h"
#include <assert.h>
#include <string.h>

#define INLINE     static inline __attribute__((always_inline))
#define GROUP      SW_ROW_GROUP
#define TURNED     8  /* rows, and 32-bit members of each, at a time */
#define LINE       64 /* bytes of memory that are read at once */
#define STRETCH    16 /* of k, even */
#define TILE_PAIRS (SW_TILES_DEPTH / 2)

static_assert(SW_TILE_ROWS % GROUP == 0, "a tile is whole groups");

typedef struct group {
    const uint8_t *row[TURNED];
    size_t next; /* bytes from a row to its like in the group behind; 0 in the last group */
} group;

/* How members of 32 bits are laid out: one f32 each, or pairs of bf16 by one of the rules. */
typedef enum form { ALONE, ODD_FIRST, BY_TILES } form;

typedef struct spots { /* where the members of a pair go, counted in k */
    size_t even, odd;
} spots;

INLINE spots spots_of(size_t pair, size_t pairs, form f) {
    if (f == ODD_FIRST) return (spots){.even = 2 * pair + 1, .odd = 2 * pair};
    size_t tile = pair / TILE_PAIRS * TILE_PAIRS, even = tile + pair;
    return (spots){.even = even, .odd = even + sw_least(pairs - tile, TILE_PAIRS)};
}

/* One k of a group. */
INLINE void store_group(float *out, __m256 values) {
    _mm_storeu_ps(out, _mm256_castps256_ps128(values));
    _mm_storel_pi((__m64 *)(void *)(out + 4), _mm256_extractf128_ps(values, 1));
}

/* Member `at` of `count`: what is stored beyond the group is written over by the next one, unless
 * that is there already. */
INLINE void store_line(float *out, size_t at, size_t count, __m256 line, form f) {
    if (f == ALONE) {
        _mm256_storeu_ps(out + at * GROUP, line);
        return;
    }
    const __m256 odd_mask = _mm256_castsi256_ps(_mm256_set1_epi32((int)0xffff0000u));
    __m256 even = _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_castps_si256(line), 16));
    spots to = spots_of(at, count, f);
    _mm256_storeu_ps(out + to.odd * GROUP, _mm256_and_ps(line, odd_mask));
    if (f == BY_TILES) {
        store_group(out + to.even * GROUP, even);
    } else {
        _mm256_storeu_ps(out + to.even * GROUP, even);
    }
}

/* `count` 32-bit members of each row: values of f32, or pairs of bf16 that become two. */
INLINE void lay_group(float *out, const group *g, size_t count, form f) {
    size_t at = 0;
    for (; at + TURNED <= count; at += TURNED) {
        __m256 r[TURNED], line[TURNED];
        for (size_t i = 0; i < TURNED; i++) {
            const uint8_t *from = g->row[i] + 4 * at;
            r[i] = _mm256_loadu_ps((const float *)(const void *)from);
            if (i < GROUP && at % (LINE / 4) == 0) __builtin_prefetch(from + g->next);
        }
        sw_turn_eight(line, r);
        for (size_t p = 0; p < TURNED; p++) store_line(out, at + p, count, line[p], f);
    }
    for (; at < count; at++) {
        spots to = {.odd = at};
        if (f != ALONE) to = spots_of(at, count, f);
        for (size_t r = 0; r < GROUP; r++) {
            uint32_t both;
            memcpy(&both, g->row[r] + 4 * at, sizeof both);
            uint32_t odd = f == ALONE ? both : both & 0xffff0000u, even = both << 16;
            memcpy(out + to.odd * GROUP + r, &odd, sizeof odd);
            if (f != ALONE) memcpy(out + to.even * GROUP + r, &even, sizeof even);
        }
    }
}

INLINE void lay(float *out, const void *a, size_t stride_bytes, size_t rows, size_t count, form f) {
    for (size_t first = 0; first < rows; first += GROUP) {
        group g = {.next = first + 2 * GROUP <= rows ? GROUP * stride_bytes : 0};
        for (size_t r = 0; r < TURNED; r++) {
            size_t row = first + (r < GROUP ? r : 0);
            g.row[r] = (const uint8_t *)a + (row < rows ? row : rows - 1) * stride_bytes;
        }
        lay_group(out + first * (f == ALONE ? 1 : 2) * count, &g, count, f);
    }
}

void sw_lay_rows(float *out, const void *a, size_t stride, size_t rows, size_t k) {
    lay(out, a, stride * sizeof(float), rows, k, ALONE);
}

void sw_widen_rows(float *out, const void *a, size_t stride, size_t rows, size_t k, sw_rule rule) {
    if (rule == SW_RULE_TILES) {
        lay(out, a, stride * sizeof(sw_bf16), rows, (k + 1) / 2, BY_TILES);
    } else {
        lay(out, a, stride * sizeof(sw_bf16), rows, (k + 1) / 2, ODD_FIRST);
    }
}

/* A group's elements of one row of the source, of which `count` are there. */
INLINE __m256 group_of_f32(const float *a, size_t count) {
    if (count >= TURNED) return _mm256_loadu_ps(a);
    float some[TURNED] = {0};
    memcpy(some, a, (count < GROUP ? count : GROUP) * sizeof *a);
    return _mm256_loadu_ps(some);
}

INLINE __m256 group_of_bf16(const sw_bf16 *a, size_t count) {
    __m128i bits;
    if (count >= TURNED) {
        bits = _mm_loadu_si128((const __m128i *)(const void *)a);
    } else if (count >= GROUP) {
        int32_t last;
        memcpy(&last, a + 4, sizeof last);
        bits = _mm_insert_epi32(_mm_loadl_epi64((const __m128i *)(const void *)a), last, 2);
    } else {
        sw_bf16 some[TURNED] = {0};
        memcpy(some, a, count * sizeof *a);
        bits = _mm_loadu_si128((const __m128i *)(const void *)some);
    }
    return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(bits), 16));
}

/* The columns of one group from k0 to `end`. */
INLINE void lay_columns_f32(float *out, const float *a, size_t stride, size_t count, size_t k0,
                            size_t end) {
    for (size_t k = k0; k < end; k++) {
        store_group(out + k * GROUP, group_of_f32(a + k * stride, count));
    }
}

typedef struct stretch { /* of k, and of how much in all */
    size_t first, end, all;
    form form;
} stretch;

INLINE void lay_columns_bf16(float *out, const sw_bf16 *a, size_t stride, size_t count,
                             const stretch *s) {
    for (size_t k = s->first; k < s->end; k += 2) {
        __m256 odd = _mm256_setzero_ps();
        spots to = spots_of(k / 2, (s->all + 1) / 2, s->form);
        if (k + 1 < s->end) odd = group_of_bf16(a + (k + 1) * stride, count);
        store_group(out + to.odd * GROUP, odd);
        store_group(out + to.even * GROUP, group_of_bf16(a + k * stride, count));
    }
}

/* What the next stretch of k will read. */
INLINE void expect(const uint8_t *a, size_t stride_bytes, size_t row_bytes, size_t k, size_t end) {
    for (; k < end; k++) {
        for (size_t at = 0; at < row_bytes; at += LINE) {
            __builtin_prefetch(a + k * stride_bytes + at);
        }
    }
}

/* A stretch of k for all groups, and then the next one: what is read of the source stays in the
 * first cache meanwhile. */
void sw_lay_columns(float *out, const void *a, size_t stride, size_t rows, size_t k) {
    for (size_t k0 = 0, end; k0 < k; k0 = end) {
        end = sw_least(k0 + STRETCH, k);
        expect(a, stride * sizeof(float), rows * sizeof(float), end, sw_least(end + STRETCH, k));
        for (size_t r = 0; r < rows; r += GROUP) {
            const float *from = (const float *)a + r;
            if (r + TURNED <= rows) {
                lay_columns_f32(out + r * k, from, stride, TURNED, k0, end);
            } else {
                lay_columns_f32(out + r * k, from, stride, rows - r, k0, end);
            }
        }
    }
}

INLINE void widen_columns(float *out, const sw_bf16 *a, size_t stride, size_t rows, size_t k,
                          form f) {
    size_t depth = sw_round_up(k, 2);
    stretch s = {.all = k, .form = f};
    for (; s.first < k; s.first = s.end) {
        s.end = sw_least(s.first + STRETCH, k);
        expect((const uint8_t *)a, stride * sizeof *a, rows * sizeof *a, s.end,
               sw_least(s.end + STRETCH, k));
        for (size_t r = 0; r < rows; r += GROUP) {
            if (r + TURNED <= rows) {
                lay_columns_bf16(out + r * depth, a + r, stride, TURNED, &s);
            } else {
                lay_columns_bf16(out + r * depth, a + r, stride, rows - r, &s);
            }
        }
    }
}

void sw_widen_columns(float *out, const void *a, size_t stride, size_t rows, size_t k,
                      sw_rule rule) {
    if (rule == SW_RULE_TILES) {
        widen_columns(out, a, stride, rows, k, BY_TILES);
    } else {
        widen_columns(out, a, stride, rows, k, ODD_FIRST);
    }
}
