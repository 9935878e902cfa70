/* SPDX-License-Identifier: Apache-2.0
 *
 * Attention forward: causal, block diagonal by segment, grouped heads, over all keys or a window.
 *
 * One job owns 48 queries of one head: scores against every key they may see, softmax over whole
 * rows, then the product with V. No T x T matrix of a head is ever whole; the log of each row's
 * sum of exponentials is kept for the backward pass. NUM-030 to NUM-035.
 */
#include "tensor/attention_internal.h"

typedef struct forward_scratch {
    float *scores;
    void *weights;
    size_t stride;
} forward_scratch;

static forward_scratch scratch_of(const sw_attention_job *j, size_t lane) {
    size_t bytes = sw_attention_scratch_bytes(j->c->dtype, j->a->longest);
    uint8_t *base = (uint8_t *)j->a->scratch + lane * bytes;
    size_t stride = sw_attention_round(j->a->longest);
    return (forward_scratch){.scores = (float *)(void *)base,
                             .weights = base + 2 * SW_ATTENTION_BLOCK * stride * sizeof(float),
                             .stride = stride};
}

/* Row of scores -> probabilities over its keys from `hidden` to `seen`, zero elsewhere up to
 * `width`; returns lse. */
static float softmax_row(const sw_compute *c, float *score, size_t hidden, size_t seen,
                         size_t width, void *out) {
    float top = sw_max32(score + hidden, seen - hidden);
    for (size_t i = 0; i < hidden; i++) score[i] = 0;
    for (size_t i = hidden; i < seen; i++) score[i] = sw_exp32(score[i] - top);
    float sum = sw_sum32(score, seen), inverse = 1.0f / sum;
    for (size_t i = 0; i < seen; i++) score[i] *= inverse;
    for (size_t i = seen; i < width; i++) score[i] = 0;
    sw_elements_store(out, score, c->dtype, width);
    return top + (float)sw_log64((double)sum);
}

static void forward_block(void *context, size_t index, size_t lane) {
    const sw_attention_job *j = context;
    const sw_attention *a = j->a;
    sw_attention_place at = sw_attention_place_of(a, index);
    const sw_segment *s = &a->segments[at.segment];
    forward_scratch scratch = scratch_of(j, lane);
    size_t kv = at.head / (a->heads / a->kv_heads), row = s->query + at.first;
    size_t seen = s->key_count - s->query_count + at.first + 1;
    size_t skipped = sw_attention_skipped(a, seen), keys = seen + at.rows - 1 - skipped;
    sw_gemm scores = {.m = at.rows,
                      .n = keys,
                      .term_count = 1,
                      .scale = j->scale,
                      .c = scratch.scores,
                      .c_stride = scratch.stride,
                      .c_dtype = SW_DTYPE_F32};
    scores.terms[0] = sw_attention_term(j, &j->k_t, at.segment, kv, skipped,
                                        sw_attention_row(j, a->q, a->heads, at.head, row),
                                        a->heads * a->head_dim);
    sw_gemm_alone(j->c, &scores);
    size_t width = keys + (keys & 1), size = sw_dtype_bytes(j->c->dtype);
    for (size_t r = 0; r < at.rows; r++) {
        a->lse[at.head * a->query_rows + row + r] = softmax_row(
            j->c, scratch.scores + r * scratch.stride, sw_attention_hidden(a, seen + r) - skipped,
            seen + r - skipped, width, (uint8_t *)scratch.weights + r * scratch.stride * size);
    }
    sw_gemm sum = {.m = at.rows,
                   .n = a->head_dim,
                   .term_count = 1,
                   .scale = 1,
                   .c = (uint8_t *)a->out + (row * a->heads + at.head) * a->head_dim * size,
                   .c_stride = a->heads * a->head_dim,
                   .c_dtype = j->c->dtype};
    sum.terms[0] =
        sw_attention_term(j, &j->v_n, at.segment, kv, skipped, scratch.weights, scratch.stride);
    sum.terms[0].k = keys;
    sw_gemm_alone(j->c, &sum);
}

void sw_attention_forward(const sw_compute *c, const sw_attention *a) {
    sw_attention_job j;
    uint8_t *next = a->packs;
    sw_attention_begin(&j, c, a);
    sw_attention_claim(&j, &j.k_t, a->k, a->kv_heads, true, true, &next);
    sw_attention_claim(&j, &j.v_n, a->v, a->kv_heads, true, false, &next);
    j.packing[0] = &j.k_t;
    j.packing[1] = &j.v_n;
    sw_attention_pack(&j);
    sw_compute_run(c, sw_attention_places(a), forward_block, &j);
}
