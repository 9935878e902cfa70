/* SPDX-License-Identifier: Apache-2.0
 *
 * Sums of a part of C on their way into C, and back where a deep product rests (tensor/gemm.h).
 */
#include "tensor/gemm_internal.h"
#include "tensor/lanes.h"
#include <string.h>

static size_t columns_of(const sw_gemm *g, const sw_extent *e) {
    return sw_least(g->n - e->strip * SW_GEMM_COLUMNS, e->strips * SW_GEMM_COLUMNS);
}

static void store_f32(const sw_gemm *g, const float *restrict sums, size_t at, size_t columns) {
    float *out = (float *)g->c + at;
    if (g->add) {
        const float *base = g->add + at;
        for (size_t i = 0; i < columns; i++) out[i] = base[i] + sums[i] * g->scale;
    } else {
        for (size_t i = 0; i < columns; i++) out[i] = sums[i] * g->scale;
    }
}

static void store_bf16(const sw_gemm *g, const float *restrict sums, size_t at, size_t columns) {
    float scaled[SW_GEMM_COLUMNS];
    for (size_t first = 0; first < columns; first += SW_GEMM_COLUMNS) {
        size_t count = sw_least(columns - first, SW_GEMM_COLUMNS);
        for (size_t i = 0; i < count; i++) scaled[i] = sums[first + i] * g->scale;
        sw_elements_store((sw_bf16 *)g->c + at + first, scaled, SW_DTYPE_BF16, count);
    }
}

/* A row of a whole strip. */
static void store_strip(const sw_gemm *g, const float *sums, size_t at) {
    __m256 scale = _mm256_set1_ps(g->scale);
    __m256 low = _mm256_mul_ps(_mm256_load_ps(sums), scale);
    __m256 high = _mm256_mul_ps(_mm256_load_ps(sums + 8), scale);
    if (g->c_dtype == SW_DTYPE_BF16) {
        __m256i both = sw_round_sixteen(low, high);
        _mm256_storeu_si256((__m256i *)(void *)((sw_bf16 *)g->c + at), both);
        return;
    }
    float *to = (float *)g->c + at;
    if (g->add) {
        low = _mm256_add_ps(_mm256_loadu_ps(g->add + at), low);
        high = _mm256_add_ps(_mm256_loadu_ps(g->add + at + 8), high);
    } else if (g->leaves && (uintptr_t)to % sizeof low == 0) {
        _mm256_stream_ps(to, low);
        _mm256_stream_ps(to + 8, high);
        return;
    }
    _mm256_storeu_ps(to, low);
    _mm256_storeu_ps(to + 8, high);
}

void sw_gemm_store(const sw_gemm *g, const float *sums, size_t stride, const sw_extent *e) {
    size_t columns = columns_of(g, e);
    for (size_t r = 0; r < e->rows; r++, sums += stride) {
        size_t at = (e->row + r) * g->c_stride + e->strip * SW_GEMM_COLUMNS;
        if (columns == SW_GEMM_COLUMNS) {
            store_strip(g, sums, at);
        } else if (g->c_dtype == SW_DTYPE_F32) {
            store_f32(g, sums, at, columns);
        } else {
            store_bf16(g, sums, at, columns);
        }
    }
}

void sw_gemm_load(const sw_gemm *g, float *sums, size_t stride, const sw_extent *e) {
    for (size_t r = 0; r < e->rows; r++, sums += stride) {
        size_t at = (e->row + r) * g->c_stride + e->strip * SW_GEMM_COLUMNS;
        memcpy(sums, (const float *)g->c + at, columns_of(g, e) * sizeof *sums);
    }
}
