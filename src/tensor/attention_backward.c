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

typedef struct span {
    size_t first, end; /* columns of a row that count; the others are zero */
} span;

/* dS of one query row over the keys that it sees, as E. */
static void query_row(const sw_attention_job *j, const scratch *s, size_t r, span keys,
                      size_t width, float lse, float delta) {
    float *p = s->p + r * s->stride, *dp = s->dp + r * s->stride;
    for (size_t i = 0; i < keys.first; i++) p[i] = 0;
    for (size_t i = keys.first; i < keys.end; i++) {
        p[i] = sw_exp32(p[i] - lse) * (dp[i] - delta) * j->scale;
    }
    for (size_t i = keys.end; i < width; i++) p[i] = 0;
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
    size_t seen = at.first + 1, stride = a->heads * a->head_dim;
    size_t skipped = sw_attention_skipped(a, seen), keys = at.first + at.rows - skipped;
    const void *q = sw_attention_row(j, a->q, a->heads, at.head, row);
    const void *dout = sw_attention_row(j, j->g->dout, a->heads, at.head, row);
    sw_gemm g = product(at.rows, keys, j->scale, s.p, s.stride,
                        sw_attention_term_from(j, &j->k_t, at.segment, kv, skipped, q, stride));
    sw_gemm_alone(j->c, &g);
    g = product(at.rows, keys, 1, s.dp, s.stride,
                sw_attention_term_from(j, &j->v_t, at.segment, kv, skipped, dout, stride));
    sw_gemm_alone(j->c, &g);
    for (size_t r = 0; r < at.rows; r++) {
        size_t statistic = at.head * a->query_rows + row + r;
        span visible = {sw_attention_hidden(a, seen + r) - skipped, seen + r - skipped};
        query_row(j, &s, r, visible, keys + (keys & 1), a->lse[statistic], j->g->delta[statistic]);
    }
    g = product(at.rows, a->head_dim, 1, j->g->dq + (row * a->heads + at.head) * a->head_dim,
                stride,
                sw_attention_term_from(j, &j->k_n, at.segment, kv, skipped, s.operand, s.stride));
    g.terms[0].k = keys;
    sw_gemm_alone(j->c, &g);
}

/* P^T (kept in p) and dS^T (kept in dp) of one key row over the queries that see it. */
static void key_row(const sw_attention_job *j, const scratch *s, size_t r, span queries,
                    size_t width, const float *lse, const float *delta) {
    float *p = s->p + r * s->stride, *dp = s->dp + r * s->stride;
    for (size_t i = 0; i < queries.first; i++) p[i] = dp[i] = 0;
    for (size_t i = queries.first; i < queries.end; i++) {
        p[i] = sw_exp32(p[i] - lse[i]);
        dp[i] = p[i] * (dp[i] - delta[i]) * j->scale;
    }
    for (size_t i = queries.end; i < width; i++) p[i] = dp[i] = 0;
}

static void operand_rows(const sw_attention_job *j, const scratch *s, const float *from,
                         size_t rows, size_t width) {
    size_t size = sw_dtype_bytes(j->c->dtype);
    for (size_t r = 0; r < rows; r++) {
        sw_elements_store((uint8_t *)s->operand + r * s->stride * size, from + r * s->stride,
                          j->c->dtype, width);
    }
}

static size_t least(size_t a, size_t b) {
    return a < b ? a : b;
}

/* One query head's share of dK and dV of a block of keys. */
static void key_head(const sw_attention_job *j, const sw_attention_place *at, const scratch *s,
                     size_t head, bool add) {
    const sw_attention *a = j->a;
    const sw_segment *seg = &a->segments[at->segment];
    size_t queries = seg->query_count - at->first; /* from the block's first key on */
    size_t reach = a->window ? a->window : queries;
    queries = least(queries, reach + at->rows - 1);
    size_t width = queries + (queries & 1);
    size_t row = seg->key + at->first, stride = a->kv_heads * a->head_dim;
    size_t statistic = head * a->query_rows + seg->query + at->first;
    const void *k = sw_attention_row(j, a->k, a->kv_heads, at->head, row);
    const void *v = sw_attention_row(j, a->v, a->kv_heads, at->head, row);
    sw_gemm g =
        product(at->rows, queries, j->scale, s->p, s->stride,
                sw_attention_term_from(j, &j->q_t, at->segment, head, at->first, k, stride));
    sw_gemm_alone(j->c, &g);
    g = product(at->rows, queries, 1, s->dp, s->stride,
                sw_attention_term_from(j, &j->do_t, at->segment, head, at->first, v, stride));
    sw_gemm_alone(j->c, &g);
    for (size_t r = 0; r < at->rows; r++) {
        span visible = {least(r, queries), least(r + reach, queries)};
        key_row(j, s, r, visible, width, a->lse + statistic, j->g->delta + statistic);
    }
    size_t out = (row * a->kv_heads + at->head) * a->head_dim;
    const sw_head_pack *packs[] = {&j->do_n, &j->q_n};
    const float *rows[] = {s->p, s->dp};
    float *const sums[] = {j->g->dv + out, j->g->dk + out};
    for (size_t i = 0; i < 2; i++) {
        operand_rows(j, s, rows[i], at->rows, width);
        g = product(at->rows, a->head_dim, 1, sums[i], stride,
                    sw_attention_term_from(j, packs[i], at->segment, head, at->first, s->operand,
                                           s->stride));
        g.terms[0].k = queries;
        g.add = add ? sums[i] : NULL;
        sw_gemm_alone(j->c, &g);
    }
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
