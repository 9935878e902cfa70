/* SPDX-License-Identifier: Apache-2.0
 *
 * Eight rows of eight 32-bit members turned into columns: what packing of either side is made of.
 */
#ifndef SW_TENSOR_TURN_H
#define SW_TENSOR_TURN_H
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
#endif
