/* SPDX-License-Identifier: Apache-2.0
 *
 * The loss over the vocabulary, AdamW, and the sums that training needs.
 *
 * AdamW follows torch: decay of the weight first, epsilon outside the root and after the bias
 * correction, everything f32 with the step's constants computed in f64 and rounded once (NUM-050).
 */
#include "tensor/numbers.h"
#include "tensor/ops.h"

#define CHUNK 4096
#define BLOCK 512

static size_t least(size_t a, size_t b) {
    return a < b ? a : b;
}

/* ---- loss ---- */

typedef struct nll_job {
    const sw_nll *n;
    sw_dtype dtype;
} nll_job;

static void nll_row(void *context, size_t row, size_t lane) {
    (void)lane;
    const nll_job *job = context;
    const sw_nll *n = job->n;
    float *x = n->logits + row * n->vocab;
    float top = sw_max32(x, n->vocab), label = x[n->target[row]];
    for (size_t i = 0; i < n->vocab; i++) x[i] = sw_exp32(x[i] - top);
    float sum = sw_sum32(x, n->vocab);
    n->loss[row] = sw_log64((double)sum) - ((double)label - (double)top);
    if (!n->dlogits) return;
    float factor = n->scale / sum;
    for (size_t i = 0; i < n->vocab; i++) x[i] *= factor;
    x[n->target[row]] -= n->scale;
    sw_elements_store((uint8_t *)n->dlogits + row * n->vocab * sw_dtype_bytes(job->dtype), x,
                      job->dtype, n->vocab);
}

void sw_nll_rows(const sw_compute *c, const sw_nll *n) {
    nll_job job = {.n = n, .dtype = c->dtype};
    sw_compute_run(c, n->rows, nll_row, &job);
}

/* ---- AdamW ---- */

typedef struct adamw_job {
    float *p, *m, *v;
    const float *g;
    size_t count;
    float keep1, beta2, keep2, decay, step_size, root_correction, epsilon, clip;
} adamw_job;

static void adamw_chunk(void *context, size_t index, size_t lane) {
    (void)lane;
    const adamw_job *job = context;
    size_t end = least((index + 1) * CHUNK, job->count);
    for (size_t i = index * CHUNK; i < end; i++) {
        float g = job->g[i] * job->clip;
        float p = job->p[i] * job->decay;
        float m = __builtin_fmaf(job->keep1, g - job->m[i], job->m[i]);
        float v = __builtin_fmaf(job->keep2 * g, g, job->v[i] * job->beta2);
        float root = __builtin_sqrtf(v) / job->root_correction + job->epsilon;
        job->p[i] = p - job->step_size * (m / root);
        job->m[i] = m;
        job->v[i] = v;
    }
}

void sw_adamw_step(const sw_compute *c, const sw_adamw *o, float *p, const float *g, float *m,
                   float *v, size_t count) {
    double correction1 = 1 - sw_power64(o->beta1, o->step);
    double correction2 = 1 - sw_power64(o->beta2, o->step);
    adamw_job job = {.p = p,
                     .m = m,
                     .v = v,
                     .g = g,
                     .count = count,
                     .keep1 = (float)(1 - o->beta1),
                     .beta2 = (float)o->beta2,
                     .keep2 = (float)(1 - o->beta2),
                     .decay = (float)(1 - o->learning_rate * o->weight_decay),
                     .step_size = (float)(o->learning_rate / correction1),
                     .root_correction = (float)__builtin_sqrt(correction2),
                     .epsilon = (float)o->epsilon,
                     .clip = o->clip};
    sw_compute_run(c, (count + CHUNK - 1) / CHUNK, adamw_chunk, &job);
}

/* ---- sums ---- */

typedef struct squares_job {
    const float *g;
    size_t count;
    double *partial;
} squares_job;

static void squares_chunk(void *context, size_t index, size_t lane) {
    (void)lane;
    const squares_job *job = context;
    size_t at = index * CHUNK;
    job->partial[index] = sw_square_sum64(job->g + at, least(job->count - at, CHUNK));
}

double sw_squares(const sw_compute *c, const float *g, size_t count, double *partial) {
    squares_job job = {.g = g, .count = count, .partial = partial};
    size_t chunks = (count + CHUNK - 1) / CHUNK;
    sw_compute_run(c, chunks, squares_chunk, &job);
    double sum = 0;
    for (size_t i = 0; i < chunks; i++) sum += partial[i];
    return sum;
}

typedef struct transpose_job {
    float *out;
    const float *in;
    size_t rows, columns;
} transpose_job;

static void transpose_add_columns(void *context, size_t index, size_t lane) {
    (void)lane;
    const transpose_job *job = context;
    size_t end = least((index + 1) * BLOCK, job->columns);
    for (size_t column = index * BLOCK; column < end; column++) {
        for (size_t row = 0; row < job->rows; row++) {
            job->out[column * job->rows + row] += job->in[row * job->columns + column];
        }
    }
}

void sw_transpose_add(const sw_compute *c, float *out, const float *in, size_t rows,
                      size_t columns) {
    transpose_job job = {.out = out, .in = in, .rows = rows, .columns = columns};
    sw_compute_run(c, (columns + BLOCK - 1) / BLOCK, transpose_add_columns, &job);
}
