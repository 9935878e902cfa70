/* SPDX-License-Identifier: Apache-2.0
 *
 * RMSNorm, forward and backward. y = x r w with r = 1/sqrt(mean(x^2) + eps); with g = dy w:
 * dx = r g - x r^3 mean(g x). The weight's gradient sums dy x r over rows in ascending order.
 */
#include "tensor/numbers.h"
#include "tensor/ops.h"

#define ROWS    16  /* of one job */
#define BLOCK   256 /* columns staged at once */
#define COLUMNS 16  /* of one job of the weight gradient */

typedef struct norm_job {
    const sw_norm *n;
    uint8_t *out;
    const float *dy;
    float *dx, *dweight;
    sw_dtype dtype;
    bool again;
} norm_job;

static void scale_row(const norm_job *job, size_t row) {
    const sw_norm *n = job->n;
    const float *x = n->x + row * n->columns;
    uint8_t *out = job->out + row * n->columns * sw_dtype_bytes(job->dtype);
    float rstd = n->rstd[row], block[BLOCK];
    for (size_t at = 0; at < n->columns; at += BLOCK) {
        size_t count = sw_least(n->columns - at, BLOCK);
        for (size_t i = 0; i < count; i++) block[i] = x[at + i] * rstd * n->weight[at + i];
        sw_elements_store(out + at * sw_dtype_bytes(job->dtype), block, job->dtype, count);
    }
}

static void forward_rows(void *context, size_t index, size_t lane) {
    (void)lane;
    const norm_job *job = context;
    const sw_norm *n = job->n;
    for (size_t row = index * ROWS; row < sw_least((index + 1) * ROWS, n->rows); row++) {
        const float *x = n->x + row * n->columns;
        if (!job->again) {
            float mean = sw_dot32(x, x, n->columns) / (float)n->columns;
            n->rstd[row] = 1.0f / __builtin_sqrtf(mean + n->epsilon);
        }
        scale_row(job, row);
    }
}

static void run_forward(const sw_compute *c, const sw_norm *n, void *out, bool again) {
    norm_job job = {.n = n, .out = out, .dtype = c->dtype, .again = again};
    sw_compute_run(c, sw_parts(n->rows, ROWS), forward_rows, &job);
}

void sw_norm_forward(const sw_compute *c, const sw_norm *n, void *out) {
    run_forward(c, n, out, false);
}

void sw_norm_again(const sw_compute *c, const sw_norm *n, void *out) {
    run_forward(c, n, out, true);
}

static void backward_row(const norm_job *job, size_t row) {
    const sw_norm *n = job->n;
    const float *x = n->x + row * n->columns, *dy = job->dy + row * n->columns;
    float *dx = job->dx + row * n->columns, rstd = n->rstd[row];
    float lane[SW_SUM_LANES] = {0};
    size_t i = 0;
    for (; i + SW_SUM_LANES <= n->columns; i += SW_SUM_LANES) {
        for (size_t l = 0; l < SW_SUM_LANES; l++) {
            lane[l] = __builtin_fmaf(dy[i + l] * n->weight[i + l], x[i + l], lane[l]);
        }
    }
    for (size_t l = 0; i < n->columns; i++, l++) {
        lane[l] = __builtin_fmaf(dy[i] * n->weight[i], x[i], lane[l]);
    }
    float mean = sw_lanes_sum(lane) / (float)n->columns, pull = rstd * rstd * mean;
    for (i = 0; i < n->columns; i++) {
        dx[i] += rstd * (dy[i] * n->weight[i] - x[i] * pull);
    }
}

static void backward_rows(void *context, size_t index, size_t lane) {
    (void)lane;
    const norm_job *job = context;
    for (size_t row = index * ROWS; row < sw_least((index + 1) * ROWS, job->n->rows); row++) {
        backward_row(job, row);
    }
}

static void weight_columns(void *context, size_t index, size_t lane) {
    (void)lane;
    const norm_job *job = context;
    const sw_norm *n = job->n;
    size_t first = index * COLUMNS, count = sw_least(n->columns - first, COLUMNS);
    float sum[COLUMNS] = {0};
    for (size_t row = 0; row < n->rows; row++) {
        const float *x = n->x + row * n->columns + first;
        const float *dy = job->dy + row * n->columns + first;
        for (size_t i = 0; i < count; i++) sum[i] += dy[i] * x[i] * n->rstd[row];
    }
    for (size_t i = 0; i < count; i++) job->dweight[first + i] += sum[i];
}

void sw_norm_backward(const sw_compute *c, const sw_norm *n, const float *dy, float *dx,
                      float *dweight) {
    norm_job job = {.n = n, .dy = dy, .dx = dx, .dweight = dweight};
    sw_compute_run(c, sw_parts(n->rows, ROWS), backward_rows, &job);
    if (dweight) sw_compute_run(c, sw_parts(n->columns, COLUMNS), weight_columns, &job);
}
