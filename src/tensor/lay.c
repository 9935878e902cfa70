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

#define INLINE  static inline __attribute__((always_inline))
#define GROUP   SW_ROW_GROUP
#define TURNED  8  /* rows, and 32-bit members of each, at a time */
#define LINE    64 /* bytes of memory that are read at once */
#define STRETCH 16 /* of k, even */

static_assert(SW_TILE_ROWS % GROUP == 0, "a tile is whole groups");

static size_t least(size_t a, size_t b) {
    return a < b ? a : b;
}

typedef struct group {
    const uint8_t *row[TURNED];
    size_t next; /* bytes from a row to its like in the group behind; 0 in the last group */
} group;

INLINE void store_line(float *out, size_t at, __m256 line, bool wide) {
    if (!wide) {
        _mm256_storeu_ps(out + at * GROUP, line);
        return;
    }
    const __m256 odd_mask = _mm256_castsi256_ps(_mm256_set1_epi32((int)0xffff0000u));
    __m256 even = _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_castps_si256(line), 16));
    _mm256_storeu_ps(out + 2 * at * GROUP, _mm256_and_ps(line, odd_mask));
    _mm256_storeu_ps(out + (2 * at + 1) * GROUP, even);
}

/* `count` 32-bit members of each row: values of f32, or pairs of bf16 that become two. */
INLINE void lay_group(float *out, const group *g, size_t count, bool wide) {
    size_t at = 0;
    for (; at + TURNED <= count; at += TURNED) {
        __m256 r[TURNED], line[TURNED];
        for (size_t i = 0; i < TURNED; i++) {
            const uint8_t *from = g->row[i] + 4 * at;
            r[i] = _mm256_loadu_ps((const float *)(const void *)from);
            if (i < GROUP && at % (LINE / 4) == 0) __builtin_prefetch(from + g->next);
        }
        sw_turn_eight(line, r);
        for (size_t p = 0; p < TURNED; p++) store_line(out, at + p, line[p], wide);
    }
    for (; at < count; at++) {
        float *to = out + (wide ? 2 : 1) * at * GROUP;
        for (size_t r = 0; r < GROUP; r++) {
            uint32_t both;
            memcpy(&both, g->row[r] + 4 * at, sizeof both);
            uint32_t odd = wide ? both & 0xffff0000u : both, even = both << 16;
            memcpy(to + r, &odd, sizeof odd);
            if (wide) memcpy(to + GROUP + r, &even, sizeof even);
        }
    }
}

INLINE void lay(float *out, const void *a, size_t stride_bytes, size_t rows, size_t count,
                bool wide) {
    for (size_t first = 0; first < rows; first += GROUP) {
        group g = {.next = first + 2 * GROUP <= rows ? GROUP * stride_bytes : 0};
        for (size_t r = 0; r < TURNED; r++) {
            size_t row = first + (r < GROUP ? r : 0);
            g.row[r] = (const uint8_t *)a + (row < rows ? row : rows - 1) * stride_bytes;
        }
        lay_group(out + first * (wide ? 2 : 1) * count, &g, count, wide);
    }
}

void sw_lay_rows(float *out, const void *a, size_t stride, size_t rows, size_t k) {
    lay(out, a, stride * sizeof(float), rows, k, false);
}

void sw_widen_rows(float *out, const void *a, size_t stride, size_t rows, size_t k) {
    lay(out, a, stride * sizeof(sw_bf16), rows, (k + 1) / 2, true);
}

/* One k of a group. */
INLINE void store_group(float *out, __m256 values) {
    _mm_storeu_ps(out, _mm256_castps256_ps128(values));
    _mm_storel_pi((__m64 *)(void *)(out + 4), _mm256_extractf128_ps(values, 1));
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

INLINE void lay_columns_bf16(float *out, const sw_bf16 *a, size_t stride, size_t count, size_t k0,
                             size_t end) {
    for (size_t k = k0; k < end; k += 2) {
        __m256 odd = _mm256_setzero_ps();
        if (k + 1 < end) odd = group_of_bf16(a + (k + 1) * stride, count);
        store_group(out + k * GROUP, odd);
        store_group(out + (k + 1) * GROUP, group_of_bf16(a + k * stride, count));
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
        end = least(k0 + STRETCH, k);
        expect(a, stride * sizeof(float), rows * sizeof(float), end, least(end + STRETCH, k));
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

void sw_widen_columns(float *out, const void *a, size_t stride, size_t rows, size_t k) {
    size_t depth = (k + 1) / 2 * 2;
    for (size_t k0 = 0, end; k0 < k; k0 = end) {
        end = least(k0 + STRETCH, k);
        expect(a, stride * sizeof(sw_bf16), rows * sizeof(sw_bf16), end, least(end + STRETCH, k));
        for (size_t r = 0; r < rows; r += GROUP) {
            const sw_bf16 *from = (const sw_bf16 *)a + r;
            if (r + TURNED <= rows) {
                lay_columns_bf16(out + r * depth, from, stride, TURNED, k0, end);
            } else {
                lay_columns_bf16(out + r * depth, from, stride, rows - r, k0, end);
            }
        }
    }
}
