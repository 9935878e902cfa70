/* SPDX-License-Identifier: Apache-2.0
 *
 * bf16 micro-kernel on VDPBF16PS: 12 rows by 32 columns in 24 accumulators.
 *
 * A pair of A is broadcast, a strip of B holds its pairs side by side, so one instruction does the
 * two multiply-adds of 16 columns. The instruction reads denormals as zero, flushes, and adds the
 * odd element first (NUM-012); kernel_portable.c does the same with ordinary FMAs.
 */
#include "tensor/kernels.h"
#include <immintrin.h>
#include <string.h>

#define NATIVE                                                                                     \
    static inline __attribute__((always_inline, target("avx512f,avx512bw,avx512vl,avx512bf16")))
#define ENTRY static __attribute__((target("avx512f,avx512bw,avx512vl,avx512bf16")))
#define ROWS  12

NATIVE __m512bh pair_of(const sw_bf16 *a) {
    int v;
    memcpy(&v, a, sizeof v);
    return (__m512bh)_mm512_set1_epi32(v);
}

NATIVE void store_block(const __m512 acc[ROWS][2], float *out, size_t stride, int rows, int strips,
                        bool add) {
#pragma GCC unroll 12
    for (int r = 0; r < rows; r++) {
#pragma GCC unroll 2
        for (int s = 0; s < strips; s++) {
            float *at = out + (size_t)r * stride + 16 * s;
            _mm512_storeu_ps(at, add ? _mm512_add_ps(_mm512_loadu_ps(at), acc[r][s]) : acc[r][s]);
        }
    }
}

NATIVE void block(const sw_tile *t, size_t row, size_t strip, int rows, int strips) {
    const sw_bf16 *a = t->a + row * t->a_stride;
    const sw_bf16 *b = t->b + strip * t->b_strip;
    __m512 acc[ROWS][2];
#pragma GCC unroll 12
    for (int r = 0; r < rows; r++) {
        for (int s = 0; s < strips; s++) acc[r][s] = _mm512_setzero_ps();
    }
    for (size_t p = 0; p < (t->k + 1) / 2; p++, a += 2, b += 32) {
        __m512bh columns[2];
        for (int s = 0; s < strips; s++) {
            columns[s] = (__m512bh)_mm512_loadu_si512(b + (size_t)s * t->b_strip);
        }
#pragma GCC unroll 12
        for (int r = 0; r < rows; r++) {
            __m512bh pair = pair_of(a + (size_t)r * t->a_stride);
            for (int s = 0; s < strips; s++) {
                acc[r][s] = _mm512_dpbf16_ps(acc[r][s], pair, columns[s]);
            }
        }
    }
    store_block(acc, t->out + row * t->out_stride + 16 * strip, t->out_stride, rows, strips,
                t->add);
}

#define BLOCK(rows)                                                                                \
    ENTRY void block_##rows##_1(const sw_tile *t, size_t row, size_t strip) {                      \
        block(t, row, strip, rows, 1);                                                             \
    }                                                                                              \
    ENTRY void block_##rows##_2(const sw_tile *t, size_t row, size_t strip) {                      \
        block(t, row, strip, rows, 2);                                                             \
    }
BLOCK(1)
BLOCK(2)
BLOCK(3)
BLOCK(4)
BLOCK(5)
BLOCK(6)
BLOCK(7)
BLOCK(8)
BLOCK(9)
BLOCK(10)
BLOCK(11)
BLOCK(12)

typedef void (*block_fn)(const sw_tile *t, size_t row, size_t strip);
#define BOTH(rows)                                                                                 \
    { block_##rows##_1, block_##rows##_2 }
static const block_fn BLOCKS[ROWS][2] = {BOTH(1), BOTH(2), BOTH(3), BOTH(4),  BOTH(5),  BOTH(6),
                                         BOTH(7), BOTH(8), BOTH(9), BOTH(10), BOTH(11), BOTH(12)};

void sw_tile_bf16_native(const sw_tile *t) {
    for (size_t strip = 0; strip < t->strips; strip += 2) {
        size_t strips = t->strips - strip < 2 ? 1 : 2;
        for (size_t row = 0; row < t->rows; row += ROWS) {
            size_t rows = t->rows - row < ROWS ? t->rows - row : ROWS;
            BLOCKS[rows - 1][strips - 1](t, row, strip);
        }
    }
}
