/* SPDX-License-Identifier: Apache-2.0
 *
 * The loss over the vocabulary, and its gradient (NUM-034).
 */
#include "tensor/numbers.h"
#include "tensor/ops.h"
#include <string.h>

#define BLOCK 512 /* logits staged at once */

typedef struct nll_job {
    const sw_nll *n;
    sw_dtype dtype;
} nll_job;

static void nll_row(void *context, size_t row, size_t lane) {
    (void)lane;
    const nll_job *job = context;
    const sw_nll *n = job->n;
    float *x = n->logits + row * n->logits_stride;
    float top = sw_max32(x, n->vocab), label = x[n->target[row]];
    for (size_t i = 0; i < n->vocab; i++) x[i] = sw_exp32(x[i] - top);
    float sum = sw_sum32(x, n->vocab);
    n->loss[row] = sw_log64((double)sum) - ((double)label - (double)top);
    if (!n->dlogits) return;
    float factor = n->scale / sum;
    for (size_t i = 0; i < n->vocab; i++) x[i] *= factor;
    x[n->target[row]] -= n->scale;
    size_t size = sw_dtype_bytes(job->dtype);
    uint8_t *out = (uint8_t *)n->dlogits + row * n->dlogits_stride * size;
    float block[BLOCK]; /* what is written over x stays behind what is read of it */
    for (size_t at = 0; at < n->vocab; at += BLOCK) {
        size_t count = sw_least(n->vocab - at, BLOCK);
        memcpy(block, x + at, count * sizeof *x);
        sw_elements_store(out + at * size, block, job->dtype, count);
    }
    if (n->vocab % 2) memset(out + n->vocab * size, 0, size);
}

void sw_nll_rows(const sw_compute *c, const sw_nll *n) {
    nll_job job = {.n = n, .dtype = c->dtype};
    sw_compute_run(c, n->rows, nll_row, &job);
}
