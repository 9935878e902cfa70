/* SPDX-License-Identifier: Apache-2.0
 *
 * Attention backward, without stored probabilities: P = exp(S - lse) again from q, k and lse.
 *
 * With delta = rowsum(dO o O) and dS = P o (dO V^T - delta) scale: dQ = dS K, dK = dS^T Q,
 * dV = P^T dO. Two passes, so that every output has one owner: a job per 48 queries of a head
 * writes dQ; a job per 48 keys of a key/value head sums dK and dV over its query heads in order.
 */
#include "tensor/attention_internal.h"

typedef struct scratch {
    float *p, *dp; /* (block, stride) */
    void *operand;
    size_t stride;
} scratch;

static scratch scratch_of(const sw_attention_job *j, size_t lane) {
    uint8_t *base =
        (uint8_t *)j->a->scratch + lane * sw_attention_scratch_bytes(j->c->dtype, j->a->longest);
    size_t stride = sw_attention_stride(j->a->longest);
    float *p = (float *)(void *)base, *dp = p + SW_ATTENTION_BLOCK * stride;
    return (scratch){
        .p = p, .dp = dp, .operand = dp + SW_ATTENTION_BLOCK * stride, .stride = stride};
}

static void delta_rows(void *context, size_t row, size_t lane) {
    (void)lane;
    const sw_attention_job *j = context;
    const sw_attention *a = j->a;
    float out[SW_GEMM_PANEL], dout[SW_GEMM_PANEL];
    for (size_t h = 0; h < a->heads; h++) {
        sw_elements_load(out, sw_attention_row(j, a->out, a->heads, h, row), j->c->dtype,
                         a->head_dim);
        sw_elements_load(dout, sw_attention_row(j, j->g->dout, a->heads, h, row), j->c->dtype,
                         a->head_dim);
        j->g->delta[h * a->query_rows + row] = sw_dot32(out, dout, a->head_dim);
    }
}

static sw_gemm product(size_t m, size_t n, float scale, void *c, size_t c_stride,
                       sw_gemm_term term) {
    return (sw_gemm){.m = m,
                     .n = n,
                     .term_count = 1,
                     .terms = {term},
                     .scale = scale,
                     .c = c,
                     .c_stride = c_stride,
                     .c_dtype = SW_DTYPE_F32};
}

/* dS of one query row over its `seen` keys, zero up to `width`, as E. */
static void query_row(const sw_attention_job *j, const scratch *s, size_t r, size_t seen,
                      size_t width, float lse, float delta) {
    float *p = s->p + r * s->stride, *dp = s->dp + r * s->stride;
    for (size_t i = 0; i < seen; i++) {
        p[i] = sw_exp32(p[i] - lse) * (dp[i] - delta) * j->scale;
    }
    for (size_t i = seen; i < width; i++) p[i] = 0;
    sw_elements_store((uint8_t *)s->operand + r * s->stride * sw_dtype_bytes(j->c->dtype), p,
                      j->c->dtype, width);
}

static void query_block(void *context, size_t index, size_t lane) {
    const sw_attention_job *j = context;
    const sw_attention *a = j->a;
    sw_attention_place at = sw_attention_place_of(a, a->heads, false, index);
    const sw_segment *seg = &a->segments[at.segment];
    scratch s = scratch_of(j, lane);
    size_t kv = at.head / (a->heads / a->kv_heads), row = seg->query + at.first;
    size_t seen = at.first + 1, keys = at.first + at.rows, stride = a->heads * a->head_dim;
    sw_gemm g =
        product(at.rows, keys, j->scale, s.p, s.stride,
                sw_attention_term(j, &j->k_t, at.segment, kv,
                                  sw_attention_row(j, a->q, a->heads, at.head, row), stride));
    sw_gemm_alone(j->c, &g);
    g = product(at.rows, keys, 1, s.dp, s.stride,
                sw_attention_term(j, &j->v_t, at.segment, kv,
                                  sw_attention_row(j, j->g->dout, a->heads, at.head, row), stride));
    sw_gemm_alone(j->c, &g);
    for (size_t r = 0; r < at.rows; r++) {
        size_t statistic = at.head * a->query_rows + row + r;
        query_row(j, &s, r, seen + r, keys + (keys & 1), a->lse[statistic], j->g->delta[statistic]);
    }
    g = product(at.rows, a->head_dim, 1, j->g->dq + (row * a->heads + at.head) * a->head_dim,
                stride, sw_attention_term(j, &j->k_n, at.segment, kv, s.operand, s.stride));
    g.terms[0].k = keys;
    sw_gemm_alone(j->c, &g);
}

/* A packed operand of all queries of a head, from query `first` (even, a multiple of 16) on. */
static sw_gemm_term from_query(const sw_attention_job *j, const sw_head_pack *p, size_t segment,
                               size_t head, size_t first, const void *a, size_t a_stride) {
    sw_gemm_term term = sw_attention_term(j, p, segment, head, a, a_stride);
    size_t skip = p->transposed ? first / SW_GEMM_COLUMNS * term.b_strip : first * SW_GEMM_COLUMNS;
    term.b = (const uint8_t *)term.b + skip * sw_dtype_bytes(j->c->dtype);
    if (!p->transposed) term.k -= first;
    return term;
}

/* P^T (kept in p) and dS^T (kept in dp) of one key row; queries before it are zero. */
static void key_row(const sw_attention_job *j, const scratch *s, size_t r, size_t queries,
                    const float *lse, const float *delta) {
    float *p = s->p + r * s->stride, *dp = s->dp + r * s->stride;
    for (size_t i = 0; i < r && i < queries; i++) p[i] = dp[i] = 0;
    for (size_t i = r; i < queries; i++) {
        p[i] = sw_exp32(p[i] - lse[i]);
        dp[i] = p[i] * (dp[i] - delta[i]) * j->scale;
    }
    for (size_t i = queries; i < queries + (queries & 1); i++) p[i] = dp[i] = 0;
}

static void operand_rows(const sw_attention_job *j, const scratch *s, const float *from,
                         size_t rows, size_t width) {
    size_t size = sw_dtype_bytes(j->c->dtype);
    for (size_t r = 0; r < rows; r++) {
        sw_elements_store((uint8_t *)s->operand + r * s->stride * size, from + r * s->stride,
                          j->c->dtype, width);
    }
}

/* One query head's share of dK and dV of a block of keys. */
static void key_head(const sw_attention_job *j, const sw_attention_place *at, const scratch *s,
                     size_t head, bool add) {
    const sw_attention *a = j->a;
    const sw_segment *seg = &a->segments[at->segment];
    size_t queries = seg->query_count - at->first, width = queries + (queries & 1);
    size_t row = seg->key + at->first, stride = a->kv_heads * a->head_dim;
    size_t statistic = head * a->query_rows + seg->query + at->first;
    const void *k = sw_attention_row(j, a->k, a->kv_heads, at->head, row);
    const void *v = sw_attention_row(j, a->v, a->kv_heads, at->head, row);
    sw_gemm g = product(at->rows, queries, j->scale, s->p, s->stride,
                        from_query(j, &j->q_t, at->segment, head, at->first, k, stride));
    sw_gemm_alone(j->c, &g);
    g = product(at->rows, queries, 1, s->dp, s->stride,
                from_query(j, &j->do_t, at->segment, head, at->first, v, stride));
    sw_gemm_alone(j->c, &g);
    for (size_t r = 0; r < at->rows; r++) {
        key_row(j, s, r, queries, a->lse + statistic, j->g->delta + statistic);
    }
    size_t out = (row * a->kv_heads + at->head) * a->head_dim;
    operand_rows(j, s, s->p, at->rows, width);
    g = product(at->rows, a->head_dim, 1, j->g->dv + out, stride,
                from_query(j, &j->do_n, at->segment, head, at->first, s->operand, s->stride));
    g.add = add ? j->g->dv + out : NULL;
    sw_gemm_alone(j->c, &g);
    operand_rows(j, s, s->dp, at->rows, width);
    g = product(at->rows, a->head_dim, 1, j->g->dk + out, stride,
                from_query(j, &j->q_n, at->segment, head, at->first, s->operand, s->stride));
    g.add = add ? j->g->dk + out : NULL;
    sw_gemm_alone(j->c, &g);
}

static void key_block(void *context, size_t index, size_t lane) {
    const sw_attention_job *j = context;
    sw_attention_place at = sw_attention_place_of(j->a, j->a->kv_heads, true, index);
    scratch s = scratch_of(j, lane);
    size_t group = j->a->heads / j->a->kv_heads;
    for (size_t h = 0; h < group; h++) key_head(j, &at, &s, at.head * group + h, h > 0);
}

void sw_attention_backward(const sw_compute *c, const sw_attention *a, const sw_attention_grad *g) {
    sw_attention_job j = {
        .c = c, .a = a, .g = g, .scale = 1.0f / __builtin_sqrtf((float)a->head_dim)};
    uint8_t *next = a->packs;
    sw_attention_claim(&j, &j.k_t, a->k, a->kv_heads, true, true, &next);
    sw_attention_claim(&j, &j.k_n, a->k, a->kv_heads, true, false, &next);
    sw_attention_claim(&j, &j.v_t, a->v, a->kv_heads, true, true, &next);
    sw_attention_claim(&j, &j.q_t, a->q, a->heads, false, true, &next);
    sw_attention_claim(&j, &j.q_n, a->q, a->heads, false, false, &next);
    sw_attention_claim(&j, &j.do_t, g->dout, a->heads, false, true, &next);
    sw_attention_claim(&j, &j.do_n, g->dout, a->heads, false, false, &next);
    const sw_head_pack *all[] = {&j.k_t, &j.k_n, &j.v_t, &j.q_t, &j.q_n, &j.do_t, &j.do_n};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) sw_attention_pack(&j, all[i]);
    sw_compute_run(c, a->query_rows, delta_rows, &j);
    sw_compute_run(c, sw_attention_places(a, a->heads, false), query_block, &j);
    sw_compute_run(c, sw_attention_places(a, a->kv_heads, true), key_block, &j);
}
