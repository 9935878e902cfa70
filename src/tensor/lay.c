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

#define INLINE static inline __attribute__((always_inline))
#define GROUP  SW_ROW_GROUP
#define TURNED 8  /* rows, and 32-bit members of each, at a time */
#define LINE   64 /* bytes of memory that are read at once */

static_assert(SW_TILE_ROWS % GROUP == 0, "a tile is whole groups");

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

void sw_lay_rows(float *out, const float *a, size_t stride, size_t rows, size_t k) {
    lay(out, a, stride * sizeof *a, rows, k, false);
}

void sw_widen_rows(float *out, const sw_bf16 *a, size_t stride, size_t rows, size_t k) {
    lay(out, a, stride * sizeof *a, rows, (k + 1) / 2, true);
}
