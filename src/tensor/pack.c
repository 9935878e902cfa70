/* SPDX-License-Identifier: Apache-2.0
 *
 * Packing of B into strips of 16 columns (tensor/gemm.h), and transposition of A.
 *
 * Source rows are staged block by block as E in the lane's stack, so that any dtype and alignment
 * can be packed; then the pairs are interleaved.
 */
#include "tensor/kernels.h"
#include "tensor/lanes.h"
#include <immintrin.h>
#include <string.h>

#define INLINE    static inline __attribute__((always_inline))
#define STRIP     SW_GEMM_COLUMNS
#define GROUP     4 /* strips of a job: what is read of a row is a line of memory */
#define STAGE_K   128
#define STRETCH_K (4 * STAGE_K) /* of a job */

size_t sw_pack_strip(size_t k) {
    return sw_round_up(k, 2) * STRIP;
}

size_t sw_pack_elements(size_t k, size_t n) {
    return sw_parts(n, STRIP) * sw_pack_strip(k);
}

/* count elements of row `row` from column `column` on, as E. */
static void stage(void *out, const sw_source *in, sw_dtype dtype, size_t row, size_t column,
                  size_t count) {
    if (in->nf4) {
        sw_nf4_load(out, in->nf4, dtype, in->first + row * in->stride + column, count);
        return;
    }
    const void *from = sw_elements_at(in->data, row * in->stride + column, in->dtype);
    if (in->dtype == dtype) {
        memcpy(out, from, count * sw_dtype_bytes(dtype));
        return;
    }
    float values[STAGE_K];
    sw_elements_load(values, from, in->dtype, count);
    sw_elements_store(out, values, dtype, count);
}

typedef struct pack_job {
    void *out;
    const sw_source *b;
    sw_dtype dtype;
    bool transposed;
    size_t k, n;
} pack_job;

/* Where element k0 of a strip is packed to. */
static size_t place(const pack_job *job, size_t strip, size_t k0) {
    return strip * sw_pack_strip(job->k) + k0 * STRIP;
}

/* Eight pairs of eight columns from `column` on, into the strip from `pair` on. */
INLINE void turn_pairs(sw_bf16 *strip, size_t pair, size_t column, const sw_bf16 *rows,
                       size_t stride) {
    sw_turn_pairs(strip + pair * 2 * STRIP + 2 * column, 2 * STRIP, rows, stride);
}

static void emit_bf16_columns(sw_bf16 *out, sw_bf16 block[STRIP][STAGE_K], size_t pairs) {
    size_t p = 0;
    for (; p + 8 <= pairs; p += 8) {
        turn_pairs(out, p, 0, &block[0][2 * p], STAGE_K);
        turn_pairs(out, p, STRIP / 2, &block[STRIP / 2][2 * p], STAGE_K);
    }
    for (out += p * 2 * STRIP; p < pairs; p++, out += 2 * STRIP) {
        for (size_t c = 0; c < STRIP; c++) memcpy(out + 2 * c, &block[c][2 * p], 4);
    }
}

/* Whole strips of columns that are bf16 already: no stage. The rows of the strip behind are next.
 */
static void turn_columns(sw_bf16 *out, const sw_source *b, size_t k0, size_t depth, size_t column) {
    const sw_bf16 *from = (const sw_bf16 *)b->data + column * b->stride + k0;
    for (size_t k = 0; k < depth; k += 16) {
        if (k % 32 == 0) {
            for (size_t c = 0; c < STRIP; c++)
                __builtin_prefetch(from + (STRIP + c) * b->stride + k);
        }
        turn_pairs(out, k / 2, 0, from + k, b->stride);
        turn_pairs(out, k / 2, STRIP / 2, from + STRIP / 2 * b->stride + k, b->stride);
    }
}

static void emit_bf16_rows(sw_bf16 *out, sw_bf16 block[STAGE_K][STRIP], size_t pairs) {
    for (size_t p = 0; p < pairs; p++, out += 2 * STRIP) {
        for (size_t c = 0; c < STRIP; c++) {
            out[2 * c] = block[2 * p][c];
            out[2 * c + 1] = block[2 * p + 1][c];
        }
    }
}

/* Whole strips of rows that are bf16 already: no stage. */
static void interleave_rows(sw_bf16 *out, const sw_source *b, size_t k0, size_t pairs,
                            size_t column) {
    const sw_bf16 *row = (const sw_bf16 *)b->data + k0 * b->stride + column;
    for (size_t p = 0; p < pairs; p++, row += 2 * b->stride, out += 2 * STRIP) {
        sw_interleave_sixteen(out, row, row + b->stride);
    }
}

static void pack_block(const pack_job *job, sw_bf16 *out, size_t strip, size_t k0, size_t depth) {
    size_t columns = sw_least(job->n - strip * STRIP, STRIP), pairs = (depth + 1) / 2;
    bool plain = job->b->dtype == SW_DTYPE_BF16 && !job->b->nf4;
    if (!job->transposed && plain && columns == STRIP && depth % 2 == 0) {
        interleave_rows(out, job->b, k0, pairs, strip * STRIP);
    } else if (job->transposed) {
        sw_bf16 block[STRIP][STAGE_K];
        if (columns < STRIP || (depth & 1)) memset(block, 0, sizeof block);
        for (size_t c = 0; c < columns; c++) {
            stage(block[c], job->b, job->dtype, strip * STRIP + c, k0, depth);
        }
        emit_bf16_columns(out, block, pairs);
    } else {
        sw_bf16 block[STAGE_K][STRIP];
        if (columns < STRIP || (depth & 1)) memset(block, 0, sizeof block);
        for (size_t k = 0; k < depth; k++) {
            stage(block[k], job->b, job->dtype, k0 + k, strip * STRIP, columns);
        }
        emit_bf16_rows(out, block, pairs);
    }
}

static void pack_bf16(const pack_job *job, size_t strip, size_t k0, size_t depth) {
    bool plain = job->b->dtype == SW_DTYPE_BF16 && !job->b->nf4;
    sw_bf16 *out = (sw_bf16 *)job->out + place(job, strip, k0);
    if (job->transposed && plain && (strip + 1) * STRIP <= job->n && depth % 16 == 0) {
        turn_columns(out, job->b, k0, depth, strip * STRIP);
    } else {
        pack_block(job, out, strip, k0, depth);
    }
}

static void pack_f32(const pack_job *job, size_t strip, size_t k0, size_t depth) {
    size_t columns = sw_least(job->n - strip * STRIP, STRIP), padded = sw_round_up(depth, 2);
    float *out = (float *)job->out + place(job, strip, k0);
    memset(out, 0, padded * STRIP * sizeof *out);
    if (job->transposed) {
        for (size_t c = 0; c < columns; c++) {
            float row[STAGE_K];
            stage(row, job->b, job->dtype, strip * STRIP + c, k0, depth);
            for (size_t k = 0; k < depth; k++) out[k * STRIP + c] = row[k];
        }
    } else {
        for (size_t k = 0; k < depth; k++) {
            stage(out + k * STRIP, job->b, job->dtype, k0 + k, strip * STRIP, columns);
        }
    }
}

/* One job: a group of strips, which lie side by side in the source's rows, and a stretch of k. */
static size_t stretches(const pack_job *job) {
    return sw_parts(job->k, STRETCH_K);
}

static size_t jobs(const pack_job *job) {
    return sw_parts(job->n, GROUP * STRIP) * stretches(job);
}

/* Rows of NF4 for a whole group: read a block of the code at a time, then interleaved. */
static void pack_nf4_rows(const pack_job *job, size_t first, size_t k0, size_t depth) {
    sw_bf16 rows[STAGE_K][GROUP * STRIP];
    sw_source staged = {.data = rows, .dtype = SW_DTYPE_BF16, .stride = GROUP * STRIP};
    for (size_t k = 0; k < depth; k++) {
        stage(rows[k], job->b, job->dtype, k0 + k, first * STRIP, GROUP * STRIP);
    }
    for (size_t s = 0; s < GROUP; s++) {
        sw_bf16 *out = (sw_bf16 *)job->out + place(job, first + s, k0);
        interleave_rows(out, &staged, 0, depth / 2, s * STRIP);
    }
}

static void pack_group(void *context, size_t index, size_t lane) {
    (void)lane;
    const pack_job *job = context;
    size_t first = index / stretches(job) * GROUP, begin = index % stretches(job) * STRETCH_K;
    size_t last = sw_least(first + GROUP, sw_parts(job->n, STRIP));
    size_t end = sw_least(begin + STRETCH_K, job->k);
    bool whole = (first + GROUP) * STRIP <= job->n && job->dtype == SW_DTYPE_BF16;
    for (size_t k0 = begin; k0 < end; k0 += STAGE_K) {
        size_t depth = sw_least(job->k - k0, STAGE_K);
        if (job->b->nf4 && !job->transposed && whole && depth % 2 == 0) {
            pack_nf4_rows(job, first, k0, depth);
            continue;
        }
        for (size_t strip = first; strip < last; strip++) {
            if (job->dtype == SW_DTYPE_F32) {
                pack_f32(job, strip, k0, depth);
            } else {
                pack_bf16(job, strip, k0, depth);
            }
        }
    }
}

void sw_pack(const sw_compute *c, void *out, const sw_source *b, bool transposed, size_t k,
             size_t n) {
    pack_job job = {
        .out = out, .b = b, .dtype = c->dtype, .transposed = transposed, .k = k, .n = n};
    sw_compute_run(c, jobs(&job), pack_group, &job);
}

void sw_pack_alone(const sw_compute *c, void *out, const sw_source *b, bool transposed, size_t k,
                   size_t n) {
    pack_job job = {
        .out = out, .b = b, .dtype = c->dtype, .transposed = transposed, .k = k, .n = n};
    for (size_t i = 0; i < jobs(&job); i++) pack_group(&job, i, 0);
}

typedef struct transpose_job {
    uint8_t *out;
    size_t out_stride;
    const sw_source *in;
    sw_dtype dtype;
    size_t k, n;
} transpose_job;

/* Eight rows of a strip of bf16, turned: lines c and c + 8 share a vector. */
INLINE void turn_strip(__m256i line[8], const __m256i r[8]) {
    __m256i twos[8], fours[8];
    for (int i = 0; i < 8; i += 2) {
        twos[i] = _mm256_unpacklo_epi16(r[i], r[i + 1]);
        twos[i + 1] = _mm256_unpackhi_epi16(r[i], r[i + 1]);
    }
    for (int i = 0; i < 8; i += 4) {
        for (int j = 0; j < 2; j++) {
            fours[i + 2 * j] = _mm256_unpacklo_epi32(twos[i + j], twos[i + 2 + j]);
            fours[i + 2 * j + 1] = _mm256_unpackhi_epi32(twos[i + j], twos[i + 2 + j]);
        }
    }
    for (int p = 0; p < 4; p++) {
        line[2 * p] = _mm256_unpacklo_epi64(fours[p], fours[p + 4]);
        line[2 * p + 1] = _mm256_unpackhi_epi64(fours[p], fours[p + 4]);
    }
}

/* A whole strip of columns that are bf16 already, eight k at a time; the first k that is left. */
static size_t transpose_eights(const transpose_job *job, size_t first) {
    const sw_bf16 *in = (const sw_bf16 *)job->in->data + first;
    sw_bf16 *out = (sw_bf16 *)(void *)job->out + first * job->out_stride;
    size_t k = 0;
    for (; k + 8 <= job->k; k += 8) {
        __m256i r[8], line[8];
        for (size_t i = 0; i < 8; i++) {
            const sw_bf16 *row = in + (k + i) * job->in->stride;
            r[i] = _mm256_loadu_si256((const __m256i *)(const void *)row);
        }
        turn_strip(line, r);
        for (size_t c = 0; c < 8; c++) {
            sw_bf16 *low = out + c * job->out_stride + k, *high = low + 8 * job->out_stride;
            _mm_storeu_si128((__m128i *)(void *)low, _mm256_castsi256_si128(line[c]));
            _mm_storeu_si128((__m128i *)(void *)high, _mm256_extracti128_si256(line[c], 1));
        }
    }
    return k;
}

/* One job: 16 columns of the source, which are 16 rows of the result. */
static void transpose_strip(void *context, size_t index, size_t lane) {
    (void)lane;
    const transpose_job *job = context;
    size_t first = index * STRIP, columns = sw_least(job->n - first, STRIP);
    size_t size = sw_dtype_bytes(job->dtype), padded = sw_round_up(job->k, 2);
    bool plain = job->dtype == SW_DTYPE_BF16 && job->in->dtype == SW_DTYPE_BF16 && !job->in->nf4;
    for (size_t k = plain && columns == STRIP ? transpose_eights(job, first) : 0; k < padded; k++) {
        float block[STRIP] = {0};
        if (k < job->k) stage(block, job->in, job->dtype, k, first, columns);
        for (size_t c = 0; c < columns; c++) {
            memcpy(job->out + ((first + c) * job->out_stride + k) * size,
                   (const uint8_t *)block + c * size, size);
        }
    }
}

void sw_transpose(const sw_compute *c, void *out, size_t out_stride, const sw_source *in, size_t k,
                  size_t n) {
    transpose_job job = {
        .out = out, .out_stride = out_stride, .in = in, .dtype = c->dtype, .k = k, .n = n};
    sw_compute_run(c, sw_parts(n, STRIP), transpose_strip, &job);
}

void sw_transpose_alone(const sw_compute *c, void *out, size_t out_stride, const sw_source *in,
                        size_t k, size_t n) {
    transpose_job job = {
        .out = out, .out_stride = out_stride, .in = in, .dtype = c->dtype, .k = k, .n = n};
    for (size_t i = 0; i < sw_parts(n, STRIP); i++) transpose_strip(&job, i, 0);
}
