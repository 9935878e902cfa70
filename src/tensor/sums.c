/* SPDX-License-Identifier: Apache-2.0
 *
 * Sums over whole gradients: of their squares, and of a transposed matrix into another.
 */
#include "tensor/numbers.h"
#include "tensor/ops.h"

#define CHUNK   4096
#define COLUMNS 512 /* of one job */

typedef struct squares_job {
    const float *g;
    size_t count;
    double *partial;
} squares_job;

static void squares_chunk(void *context, size_t index, size_t lane) {
    (void)lane;
    const squares_job *job = context;
    size_t at = index * CHUNK;
    job->partial[index] = sw_square_sum64(job->g + at, sw_least(job->count - at, CHUNK));
}

double sw_squares(const sw_compute *c, const float *g, size_t count, double *partial) {
    squares_job job = {.g = g, .count = count, .partial = partial};
    size_t chunks = sw_parts(count, CHUNK);
    sw_compute_run(c, chunks, squares_chunk, &job);
    double sum = 0;
    unsigned mode = sw_flush_begin();
    for (size_t i = 0; i < chunks; i++) sum += partial[i];
    sw_flush_restore(mode);
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
    size_t end = sw_least((index + 1) * COLUMNS, job->columns);
    for (size_t column = index * COLUMNS; column < end; column++) {
        for (size_t row = 0; row < job->rows; row++) {
            job->out[column * job->rows + row] += job->in[row * job->columns + column];
        }
    }
}

void sw_transpose_add(const sw_compute *c, float *out, const float *in, size_t rows,
                      size_t columns) {
    transpose_job job = {.out = out, .in = in, .rows = rows, .columns = columns};
    sw_compute_run(c, sw_parts(columns, COLUMNS), transpose_add_columns, &job);
}
