/* SPDX-License-Identifier: Apache-2.0
 *
 * A trained weight packed as both right sides of its Linear after every step, in one reading: a
 * block of 16 rows is rounded once, in the first cache, and emitted both ways from there. What made
 * the rows runs right before, while they are near.
 */
#include "tensor/gemm.h"
#include "tensor/lanes.h"
#include <stdalign.h>
#include <string.h>

#define STRIP   SW_GEMM_COLUMNS
#define STRIPS  2   /* of rows in a job: what it writes to a strip of n is then a page's quarter */
#define COLUMNS 128 /* of a block, whole strips */
#define LINES   8   /* of memory, that a block's 16 by 16 make: pairs of k by 16 */

typedef struct both_job {
    sw_bf16 *t, *n;
    const float *w;
    size_t out, in;
    sw_rows_visit visit; /* NULL: the rows are there */
    void *context;
} both_job;

static void round_block(sw_bf16 block[STRIP][COLUMNS], const both_job *job, size_t row,
                        size_t column, size_t columns) {
    for (size_t r = 0; r < STRIP; r++) {
        const float *from = job->w + (row + r) * job->in + column;
        for (size_t i = 0; i < columns; i += STRIP) {
            __m256i v = sw_round_sixteen(_mm256_loadu_ps(from + i), _mm256_loadu_ps(from + i + 8));
            _mm256_storeu_si256((__m256i *)(void *)&block[r][i], v);
        }
    }
}

/* Lines that a product reads in the next step: they pass by the caches, where `out` is aligned. */
static void leave(sw_bf16 *out, const sw_bf16 lines[LINES][2 * STRIP]) {
    if ((uintptr_t)out % sizeof(__m256i) != 0) {
        memcpy(out, lines, LINES * sizeof *lines);
        return;
    }
    __m256i *to = (__m256i *)(void *)out;
    const __m256i *from = (const __m256i *)(const void *)lines;
    for (size_t i = 0; i < 2 * LINES; i++) _mm256_stream_si256(to + i, _mm256_load_si256(from + i));
}

/* The block's rows are one strip of t, its columns are pairs of k. */
static void emit_t(const both_job *job, sw_bf16 block[STRIP][COLUMNS], size_t row, size_t column,
                   size_t columns) {
    sw_bf16 *out = job->t + row / STRIP * sw_pack_strip(job->in) + column * STRIP;
    for (size_t i = 0; i < columns; i += STRIP, out += STRIP * STRIP) {
        alignas(64) sw_bf16 lines[LINES][2 * STRIP];
        sw_turn_pairs(lines[0], 2 * STRIP, &block[0][i], COLUMNS);
        sw_turn_pairs(lines[0] + STRIP, 2 * STRIP, &block[STRIP / 2][i], COLUMNS);
        leave(out, lines);
    }
}

/* Its columns are strips of n, its rows are pairs of k. */
static void emit_n(const both_job *job, sw_bf16 block[STRIP][COLUMNS], size_t row, size_t column,
                   size_t columns) {
    for (size_t i = 0; i < columns; i += STRIP) {
        sw_bf16 *out = job->n + (column + i) / STRIP * sw_pack_strip(job->out) + row * STRIP;
        alignas(64) sw_bf16 lines[LINES][2 * STRIP];
        for (size_t r = 0; r < STRIP; r += 2) {
            sw_interleave_sixteen(lines[r / 2], &block[r][i], &block[r + 1][i]);
        }
        leave(out, lines);
    }
}

static void visit_rows(void *context, size_t index, size_t lane) {
    (void)lane;
    const both_job *job = context;
    size_t first = index * STRIPS * STRIP;
    job->visit(job->context, first, sw_least(job->out - first, STRIPS * STRIP));
}

static void pack_strips(void *context, size_t index, size_t lane) {
    const both_job *job = context;
    size_t first = index * STRIPS * STRIP, end = sw_least(first + STRIPS * STRIP, job->out);
    if (job->visit) visit_rows(context, index, lane);
    sw_bf16 block[STRIP][COLUMNS];
    for (size_t column = 0; column < job->in; column += COLUMNS) {
        size_t columns = sw_least(job->in - column, COLUMNS);
        for (size_t row = first; row < end; row += STRIP) {
            round_block(block, job, row, column, columns);
            if (job->t) emit_t(job, block, row, column, columns);
            if (job->n) emit_n(job, block, row, column, columns);
        }
    }
    _mm_sfence(); /* before another lane is told */
}

void sw_pack_both_behind(const sw_compute *c, const sw_both_sides *b, sw_rows_visit visit,
                         void *context) {
    both_job job = {.t = b->t,
                    .n = b->n,
                    .w = b->w,
                    .out = b->out,
                    .in = b->in,
                    .visit = visit,
                    .context = context};
    size_t jobs = sw_parts(b->out, STRIPS * STRIP);
    if (c->dtype == SW_DTYPE_BF16 && b->out % STRIP == 0 && b->in % STRIP == 0) {
        sw_compute_run(c, jobs, pack_strips, &job);
        return;
    }
    if (visit) sw_compute_run(c, jobs, visit_rows, &job);
    sw_source source = {.data = b->w, .dtype = SW_DTYPE_F32, .stride = b->in};
    if (b->t) sw_pack(c, b->t, &source, true, b->in, b->out);
    if (b->n) sw_pack(c, b->n, &source, false, b->out, b->in);
}

void sw_pack_both(const sw_compute *c, const sw_both_sides *b) {
    sw_pack_both_behind(c, b, NULL, NULL);
}
