/* SPDX-License-Identifier: Apache-2.0
 *
 * Pieces of AVX2 that several files share: rows turned into columns, pairs of rows interleaved, and
 * rounding to bf16.
 */
#ifndef SW_TENSOR_LANES_H
#define SW_TENSOR_LANES_H
#include "tensor/tensor.h"
#include <immintrin.h>

/* Member p of row i becomes member i of line p. */
static inline __attribute__((always_inline)) void sw_turn_eight(__m256 line[8], const __m256 r[8]) {
    __m256 s[8];
    for (int i = 0; i < 8; i += 4) { /* pairs of rows, then fours */
        __m256 a = _mm256_unpacklo_ps(r[i], r[i + 1]), b = _mm256_unpackhi_ps(r[i], r[i + 1]);
        __m256 c = _mm256_unpacklo_ps(r[i + 2], r[i + 3]);
        __m256 d = _mm256_unpackhi_ps(r[i + 2], r[i + 3]);
        s[i] = _mm256_shuffle_ps(a, c, 0x44), s[i + 1] = _mm256_shuffle_ps(a, c, 0xee);
        s[i + 2] = _mm256_shuffle_ps(b, d, 0x44), s[i + 3] = _mm256_shuffle_ps(b, d, 0xee);
    }
    for (int p = 0; p < 4; p++) {
        line[p] = _mm256_permute2f128_ps(s[p], s[p + 4], 0x20);
        line[p + 4] = _mm256_permute2f128_ps(s[p], s[p + 4], 0x31);
    }
}

/* NUM-001, eight values in the low halves of 32 bits. */
static inline __attribute__((always_inline)) __m256i sw_round_eight(__m256 v) {
    __m256i bits = _mm256_castps_si256(v);
    __m256i last = _mm256_and_si256(_mm256_srli_epi32(bits, 16), _mm256_set1_epi32(1));
    __m256i up = _mm256_add_epi32(bits, _mm256_add_epi32(last, _mm256_set1_epi32(0x7fff)));
    __m256i magnitude = _mm256_and_si256(bits, _mm256_set1_epi32(0x7fffffff));
    __m256i nan = _mm256_cmpgt_epi32(magnitude, _mm256_set1_epi32(0x7f800000));
    __m256i quiet = _mm256_or_si256(bits, _mm256_set1_epi32(0x400000));
    return _mm256_srli_epi32(_mm256_blendv_epi8(up, quiet, nan), 16);
}

/* Sixteen values as bf16. */
static inline __attribute__((always_inline)) __m256i sw_round_sixteen(__m256 low, __m256 high) {
    __m256i both = _mm256_packus_epi32(sw_round_eight(low), sw_round_eight(high));
    return _mm256_permute4x64_epi64(both, 0xd8);
}

/* Eight pairs of eight rows, turned: line p gets pair p of each row. `stride` and `step` in
 * elements, from row to row and from line to line. */
static inline __attribute__((always_inline)) void
sw_turn_pairs(sw_bf16 *out, size_t step, const sw_bf16 *rows, size_t stride) {
    __m256 r[8], line[8];
    for (size_t i = 0; i < 8; i++) {
        r[i] = _mm256_loadu_ps((const float *)(const void *)(rows + i * stride));
    }
    sw_turn_eight(line, r);
    for (size_t p = 0; p < 8; p++) {
        _mm256_storeu_ps((float *)(void *)(out + p * step), line[p]);
    }
}

/* Sixteen elements of two rows, each beside its like: 32 elements. */
static inline __attribute__((always_inline)) void
sw_interleave_sixteen(sw_bf16 *out, const sw_bf16 *even_row, const sw_bf16 *odd_row) {
    __m256i even = _mm256_loadu_si256((const __m256i *)(const void *)even_row);
    __m256i odd = _mm256_loadu_si256((const __m256i *)(const void *)odd_row);
    __m256i low = _mm256_unpacklo_epi16(even, odd), high = _mm256_unpackhi_epi16(even, odd);
    _mm256_storeu_si256((__m256i *)(void *)out, _mm256_permute2x128_si256(low, high, 0x20));
    _mm256_storeu_si256((__m256i *)(void *)(out + 16), _mm256_permute2x128_si256(low, high, 0x31));
}
#endif
