/* SPDX-License-Identifier: Apache-2.0
 *
 * What DoRA adds to LoRA: the rows of W + s B A have magnitudes of their own (docs/formats/
 * numerics.md NUM-070 to NUM-075). A row of norms, a row of gains and a column of sums each belong
 * to one lane.
 */
#include "tensor/numbers.h"
#include "tensor/ops.h"
#include <assert.h>
#include <string.h>

#define BLOCK   512 /* columns staged at once: a multiple of the lanes of a sum */
#define ROWS    8   /* of one job */
#define COLUMNS 16  /* of one job of the sums */
static_assert(BLOCK % SW_SUM_LANES == 0, "a block ends where a round of lanes ends");

/* ---- norms ---- */

typedef struct norms_job {
    const sw_row_norms *n;
    float *norm;
} norms_job;

/* Columns at .. at + count - 1 of a row of W + s B A. */
static void stage_row(const sw_row_norms *n, size_t row, size_t at, size_t count, float *out) {
    float share[BLOCK] = {0};
    sw_elements_load(out, sw_elements_at(n->w.data, row * n->w.stride + at, n->w.dtype), n->w.dtype,
                     count);
    for (size_t r = 0; r < n->rank; r++) {
        const float *a = n->a + r * n->columns + at, b = n->b[row * n->rank + r];
        for (size_t i = 0; i < count; i++) share[i] = __builtin_fmaf(b, a[i], share[i]);
    }
    for (size_t i = 0; i < count && n->rank; i++) {
        out[i] = __builtin_fmaf(n->scale, share[i], out[i]);
    }
}

static float row_norm(const sw_row_norms *n, size_t row) {
    float block[BLOCK], lane[SW_SUM_LANES] = {0};
    for (size_t at = 0; at < n->columns; at += BLOCK) {
        size_t count = sw_least(n->columns - at, BLOCK);
        memset(block, 0, sizeof block);
        stage_row(n, row, at, count, block);
        for (size_t i = 0; i < count; i += SW_SUM_LANES) { /* zeros behind the end change nothing */
            for (size_t l = 0; l < SW_SUM_LANES; l++) {
                lane[l] = __builtin_fmaf(block[i + l], block[i + l], lane[l]);
            }
        }
    }
    return __builtin_sqrtf(sw_lanes_sum(lane));
}

static void norm_rows(void *context, size_t index, size_t lane) {
    (void)lane;
    const norms_job *job = context;
    for (size_t row = index * ROWS; row < sw_least((index + 1) * ROWS, job->n->rows); row++) {
        job->norm[row] = row_norm(job->n, row);
    }
}

void sw_row_norms_find(const sw_compute *c, const sw_row_norms *n, float *norm) {
    norms_job job = {.n = n, .norm = norm};
    sw_compute_run(c, sw_parts(n->rows, ROWS), norm_rows, &job);
}

/* ---- gains ---- */

static void gain_block(const sw_gains *g, size_t row, size_t at) {
    size_t count = sw_least(g->columns - at, BLOCK), place = row * g->columns + at;
    float block[BLOCK];
    sw_elements_load(block, sw_elements_at(g->in, place, g->in_dtype), g->in_dtype, count);
    for (size_t i = 0; i < count; i++) block[i] *= g->gain[at + i];
    for (size_t i = 0; i < count && g->bias; i++) block[i] += g->bias[at + i];
    for (size_t i = 0; i < count && g->add; i++) block[i] = g->add[place + i] + block[i];
    void *out = (uint8_t *)g->out + place * sw_dtype_bytes(g->out_dtype);
    sw_elements_store(out, block, g->out_dtype, count);
}

static void gain_rows(void *context, size_t index, size_t lane) {
    (void)lane;
    const sw_gains *g = context;
    for (size_t row = index * ROWS; row < sw_least((index + 1) * ROWS, g->rows); row++) {
        for (size_t at = 0; at < g->columns; at += BLOCK) gain_block(g, row, at);
    }
}

void sw_gains_apply(const sw_compute *c, const sw_gains *g) {
    sw_gains job = *g;
    sw_compute_run(c, sw_parts(g->rows, ROWS), gain_rows, &job);
}

/* ---- gradient of the magnitudes ---- */

typedef struct dots_job {
    const sw_gains_grad *g;
    sw_dtype dtype;
} dots_job;

static void dot_columns(void *context, size_t index, size_t lane) {
    (void)lane;
    const dots_job *job = context;
    const sw_gains_grad *g = job->g;
    size_t first = index * COLUMNS, count = sw_least(g->columns - first, COLUMNS);
    float sum[COLUMNS] = {0}, dy[COLUMNS];
    for (size_t row = 0; row < g->rows; row++) {
        size_t at = row * g->columns + first;
        sw_elements_load(dy, sw_elements_at(g->dy, at, job->dtype), job->dtype, count);
        for (size_t i = 0; i < count; i++) sum[i] = __builtin_fmaf(dy[i], g->z[at + i], sum[i]);
    }
    for (size_t i = 0; i < count; i++) g->dm[first + i] += sum[i] / g->norm[first + i];
}

void sw_gains_backward(const sw_compute *c, const sw_gains_grad *g) {
    dots_job job = {.g = g, .dtype = c->dtype};
    sw_compute_run(c, sw_parts(g->columns, COLUMNS), dot_columns, &job);
}
