/* SPDX-License-Identifier: Apache-2.0
 *
 * Attention against a naive f64 reference and finite differences of it (numerics.md NUM-030 to
 * NUM-033): segments, grouped heads, any order of jobs, kept keys.
 */
#include "support.h"

enum { HEADS = 4, KV = 2, D = 6, ROWS = 75, Q = ROWS * HEADS * D, K = ROWS * KV * D };
static const sw_segment SEGMENTS[] = {{0, 5, 0, 5}, {5, 1, 5, 1}, {6, 69, 6, 69}};

/* in: q, k, v. */
static void attention_reference(const double *in, double *out, const void *context) {
    (void)context;
    const double *q = in, *k = in + Q, *v = in + Q + K;
    for (size_t s = 0; s < 3; s++) {
        size_t first = SEGMENTS[s].query, count = SEGMENTS[s].query_count;
        for (size_t i = first; i < first + count; i++) {
            for (size_t h = 0; h < HEADS; h++) {
                size_t kv = h / (HEADS / KV);
                double p[ROWS], sum = 0, *o = out + (i * HEADS + h) * D;
                for (size_t j = first; j <= i; j++) {
                    double dot = 0;
                    for (size_t d = 0; d < D; d++) {
                        dot += q[(i * HEADS + h) * D + d] * k[(j * KV + kv) * D + d];
                    }
                    sum += p[j] = exp(dot / sqrt(D));
                }
                for (size_t d = 0; d < D; d++) {
                    o[d] = 0;
                    for (size_t j = first; j <= i; j++) {
                        o[d] += p[j] / sum * v[(j * KV + kv) * D + d];
                    }
                }
            }
        }
    }
}

typedef struct attended {
    float out[Q], lse[HEADS * ROWS], delta[HEADS * ROWS], dq[Q], dk[K], dv[K];
} attended;

/* in and dout as f32; everything the operator gives, as f32. */
static void attend(const sw_compute *c, const float *in, const float *dout, attended *r) {
    void *q = operands(c, in, Q), *k = operands(c, in + Q, K), *v = operands(c, in + Q + K, K);
    void *d = operands(c, dout, Q), *out = calloc(Q, sizeof(float));
    sw_attention a = {.heads = HEADS,
                      .kv_heads = KV,
                      .head_dim = D,
                      .segments = SEGMENTS,
                      .segment_count = 3,
                      .query_rows = ROWS,
                      .longest = 69,
                      .q = q,
                      .k = k,
                      .v = v,
                      .out = out,
                      .lse = r->lse};
    a.packs = calloc(1, sw_attention_pack_bytes(c->dtype, &a, ROWS, true));
    a.scratch = calloc(c->parallel.lanes, sw_attention_scratch_bytes(c->dtype, a.longest));
    sw_attention_grad g = {.dout = d, .delta = r->delta, .dq = r->dq, .dk = r->dk, .dv = r->dv};
    sw_attention_forward(c, &a);
    sw_attention_backward(c, &a, &g);
    sw_elements_load(r->out, out, c->dtype, Q);
    free(q);
    free(k);
    free(v);
    free(d);
    free(out);
    free(a.packs);
    free(a.scratch);
}

static void test_attention(void **state) {
    (void)state;
    float *in = noise_floats(6, Q + 2 * K, 1.5f), *dout = noise_floats(7, Q, 1);
    double *wide = widen(in, Q + 2 * K), *weight = widen(dout, Q);
    static double expected[Q], grad[Q + 2 * K];
    static attended r;
    attention_reference(wide, expected, NULL);
    differences(attention_reference, NULL, wide, Q + 2 * K, weight, Q, grad);
    sw_compute c = compute_f32();
    attend(&c, in, dout, &r);
    check_close("attention", r.out, expected, Q, 1e-5);
    check_close("dq", r.dq, grad, Q, 1e-5);
    check_close("dk", r.dk, grad + Q, K, 1e-5);
    check_close("dv", r.dv, grad + Q + K, K, 1e-5);
    c = compute_bf16(false);
    attend(&c, in, dout, &r);
    check_close("bf16 attention", r.out, expected, Q, 2e-2);
    check_close("bf16 dq", r.dq, grad, Q, 3e-2);
    check_close("bf16 dk", r.dk, grad + Q, K, 3e-2);
    check_close("bf16 dv", r.dv, grad + Q + K, K, 3e-2);
    free(in);
    free(dout);
    free(wide);
    free(weight);
}

static void test_attention_order_of_jobs(void **state) {
    (void)state;
    float *in = noise_floats(6, Q + 2 * K, 1.5f), *dout = noise_floats(7, Q, 1);
    static attended one, other;
    size_t lanes = 3;
    sw_compute c = compute_bf16(sw_tensor_has_bf16_instructions()), d = compute_bf16(false);
    d.parallel = (sw_parallel){.pool = &lanes, .run = backwards_run, .lanes = lanes};
    attend(&c, in, dout, &one);
    attend(&d, in, dout, &other);
    assert_memory_equal(&one, &other, sizeof one);
    free(in);
    free(dout);
}

/* Queries that come later see the keys that are already kept. */
static void test_attention_with_kept_keys(void **state) {
    (void)state;
    sw_compute c = compute_f32();
    float *in = noise_floats(6, Q + 2 * K, 1.5f);
    double *wide = widen(in, Q + 2 * K);
    static double expected[Q];
    attention_reference(wide, expected, NULL);
    float out[3 * HEADS * D], lse[3 * HEADS];
    sw_segment late = {.query_count = 3, .key_count = 69};
    sw_attention a = {.heads = HEADS,
                      .kv_heads = KV,
                      .head_dim = D,
                      .segments = &late,
                      .segment_count = 1,
                      .query_rows = 3,
                      .longest = 69,
                      .q = in + 72 * HEADS * D,
                      .k = in + Q + 6 * KV * D,
                      .v = in + Q + K + 6 * KV * D,
                      .out = out,
                      .lse = lse};
    a.packs = calloc(1, sw_attention_pack_bytes(c.dtype, &a, 69, false));
    a.scratch = calloc(1, sw_attention_scratch_bytes(c.dtype, a.longest));
    sw_attention_forward(&c, &a);
    check_close("late queries", out, expected + 72 * HEADS * D, 3 * HEADS * D, 1e-5);
    free(a.packs);
    free(a.scratch);
    free(in);
    free(wide);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_attention),
                                       cmocka_unit_test(test_attention_order_of_jobs),
                                       cmocka_unit_test(test_attention_with_kept_keys)};
    return cmocka_run_group_tests_name("attention", tests, NULL, NULL);
}
