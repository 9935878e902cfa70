/* SPDX-License-Identifier: Apache-2.0
 *
 * Attention against a naive f64 reference and finite differences of it (numerics.md NUM-030 to
 * NUM-035): segments, grouped heads, windows, any order of jobs, kept keys.
 */
#include "attend.h"

/* in: q, k, v; context: the window, 0 for none. */
static void attention_reference(const double *in, double *out, const void *context) {
    size_t window = *(const size_t *)context;
    const double *q = in, *k = in + Q, *v = in + Q + K;
    for (size_t s = 0; s < 3; s++) {
        size_t first = SEGMENTS[s].query, count = SEGMENTS[s].query_count;
        for (size_t i = first; i < first + count; i++) {
            for (size_t h = 0; h < HEADS; h++) {
                size_t kv = h / (HEADS / KV);
                size_t seen = window && i + 1 > first + window ? i + 1 - window : first;
                double p[ROWS], sum = 0, *o = out + (i * HEADS + h) * D;
                for (size_t j = seen; j <= i; j++) {
                    double dot = 0;
                    for (size_t d = 0; d < D; d++) {
                        dot += q[(i * HEADS + h) * D + d] * k[(j * KV + kv) * D + d];
                    }
                    sum += p[j] = exp(dot / sqrt(D));
                }
                for (size_t d = 0; d < D; d++) {
                    o[d] = 0;
                    for (size_t j = seen; j <= i; j++) {
                        o[d] += p[j] / sum * v[(j * KV + kv) * D + d];
                    }
                }
            }
        }
    }
}

static void check_attention(const size_t *window) {
    float *in = noise_floats(6, Q + 2 * K, 1.5f), *dout = noise_floats(7, Q, 1);
    double *wide = widen(in, Q + 2 * K), *weight = widen(dout, Q);
    static double expected[Q], grad[Q + 2 * K];
    static attended r;
    attention_reference(wide, expected, window);
    differences(attention_reference, window, wide, Q + 2 * K, weight, Q, grad);
    sw_compute c = compute_f32();
    attend(&c, (rows){SEGMENTS, 3, *window}, in, dout, &r);
    check_close("attention", r.out, expected, Q, 1e-5);
    check_close("dq", r.dq, grad, Q, 1e-5);
    check_close("dk", r.dk, grad + Q, K, 1e-5);
    check_close("dv", r.dv, grad + Q + K, K, 1e-5);
    c = compute_bf16(false);
    attend(&c, (rows){SEGMENTS, 3, *window}, in, dout, &r);
    check_close("bf16 attention", r.out, expected, Q, 2e-2);
    check_close("bf16 dq", r.dq, grad, Q, 3e-2);
    check_close("bf16 dk", r.dk, grad + Q, K, 3e-2);
    check_close("bf16 dv", r.dv, grad + Q + K, K, 3e-2);
    free(in);
    free(dout);
    free(wide);
    free(weight);
}

static void test_attention(void **state) {
    (void)state;
    for (size_t i = 0; i < WINDOW_COUNT; i++) check_attention(&WINDOWS[i]);
}

static void test_attention_order_of_jobs(void **state) {
    (void)state;
    float *in = noise_floats(6, Q + 2 * K, 1.5f), *dout = noise_floats(7, Q, 1);
    static attended one, other;
    size_t lanes = 3;
    for (size_t i = 0; i < 2 * WINDOW_COUNT; i++) {
        sw_compute c = compute_best(i % 2), d = c;
        d.native = false;
        d.parallel = (sw_parallel){.pool = &lanes, .run = backwards_run, .lanes = lanes};
        attend(&c, (rows){SEGMENTS, 3, WINDOWS[i / 2]}, in, dout, &one);
        attend(&d, (rows){SEGMENTS, 3, WINDOWS[i / 2]}, in, dout, &other);
        assert_memory_equal(&one, &other, sizeof one);
    }
    free(in);
    free(dout);
}

/* More rows than the backward pass takes at a time: each has the gradients that it has alone. */
static void check_many_rows(sw_compute c) {
    enum { MANY = 25, EACH = ROWS / MANY };
    float *in = noise_floats(6, Q + 2 * K, 1.5f), *dout = noise_floats(7, Q, 1);
    static attended together, alone;
    sw_segment many[MANY];
    for (size_t i = 0; i < MANY; i++) many[i] = (sw_segment){i * EACH, EACH, i * EACH, EACH};
    attend(&c, (rows){many, MANY, 0}, in, dout, &together);
    for (size_t i = 0; i < MANY; i++) attend(&c, (rows){&many[i], 1, 0}, in, dout, &alone);
    assert_memory_equal(together.dq, alone.dq, sizeof alone.dq);
    assert_memory_equal(together.dk, alone.dk, sizeof alone.dk);
    assert_memory_equal(together.dv, alone.dv, sizeof alone.dv);
    free(in);
    free(dout);
}

static void test_attention_of_many_rows(void **state) {
    (void)state;
    check_many_rows(compute_best(SW_RULE_PAIRS));
    check_many_rows(compute_best(SW_RULE_TILES));
}

/* Queries that come later see the keys that are already kept. */
static void check_kept_keys(const size_t *window) {
    sw_compute c = compute_f32();
    float *in = noise_floats(6, Q + 2 * K, 1.5f);
    double *wide = widen(in, Q + 2 * K);
    static double expected[Q];
    attention_reference(wide, expected, window);
    float out[3 * HEADS * D], lse[3 * HEADS];
    sw_segment late = {.query_count = 3, .key_count = 69};
    sw_attention a = {.heads = HEADS,
                      .kv_heads = KV,
                      .head_dim = D,
                      .segments = &late,
                      .segment_count = 1,
                      .query_rows = 3,
                      .longest = 69,
                      .window = *window,
                      .q = in + 72 * HEADS * D,
                      .k = in + Q + 6 * KV * D,
                      .v = in + Q + K + 6 * KV * D,
                      .out = out,
                      .lse = lse};
    a.packs = calloc(1, sw_attention_pack_bytes(c.dtype, &a, 69, 0));
    a.scratch = calloc(1, sw_attention_scratch_bytes(c.dtype, a.longest));
    sw_attention_forward(&c, &a);
    check_close("late queries", out, expected + 72 * HEADS * D, 3 * HEADS * D, 1e-5);
    free(a.packs);
    free(a.scratch);
    free(in);
    free(wide);
}

static void test_attention_with_kept_keys(void **state) {
    (void)state;
    for (size_t i = 0; i < WINDOW_COUNT; i++) check_kept_keys(&WINDOWS[i]);
}

/* ---- a row of several panels; with a window whole panels of keys are left out ---- */

static void long_reference(const double *in, size_t window, double *out) {
    const double *q = in, *k = in + LONG * WIDTH, *v = k + LONG * WIDTH;
    for (size_t i = 0; i < LONG; i++) {
        double p[LONG], sum = 0, *o = out + i * WIDTH;
        size_t seen = window && i >= window ? i + 1 - window : 0;
        memset(o, 0, WIDTH * sizeof *o);
        for (size_t j = seen; j <= i; j++) {
            double dot = 0;
            for (size_t d = 0; d < WIDTH; d++) dot += q[i * WIDTH + d] * k[j * WIDTH + d];
            sum += p[j] = exp(dot / sqrt(WIDTH));
        }
        for (size_t j = seen; j <= i; j++) {
            for (size_t d = 0; d < WIDTH; d++) o[d] += p[j] / sum * v[j * WIDTH + d];
        }
    }
}

enum { PROBES = 6 };

/* Central differences at some elements of q, k and v, of the last ones too. */
static void check_probes(double *wide, size_t window, const float *dout, const long_row *r) {
    static double out[LONG * WIDTH];
    for (size_t which = 0; which < 3; which++) {
        for (size_t i = 0; i < PROBES; i++) {
            size_t at = LONG * WIDTH - 1 - i * 877;
            double side[2], *x = &wide[which * LONG * WIDTH + at], kept = *x;
            for (int s = 0; s < 2; s++) {
                *x = kept + (s ? -STEP : STEP);
                long_reference(wide, window, out);
                side[s] = 0;
                for (size_t j = 0; j < LONG * WIDTH; j++) side[s] += dout[j] * out[j];
            }
            *x = kept;
            double expected = (side[0] - side[1]) / (2 * STEP);
            assert_true(fabs(r->grad[which][at] - expected) < 1e-5);
        }
    }
}

/* A query alone, as in generation, has the bits that it has among others (NUM-035); the order of
 * jobs changes none. */
static void check_long_bits(sw_compute c, size_t window, const float *in, const float *dout) {
    static long_row whole, other;
    size_t lanes = 3;
    attend_long(&c, window, in, dout, LONG, &whole);
    for (size_t queries = 1; queries < 60; queries += 13) {
        attend_long(&c, window, in, dout, queries, &other);
        size_t from = (LONG - queries) * WIDTH;
        assert_memory_equal(other.out + from, whole.out + from, queries * WIDTH * sizeof(float));
    }
    c.parallel = (sw_parallel){.pool = &lanes, .run = backwards_run, .lanes = lanes};
    c.native = c.dtype == SW_DTYPE_BF16 && sw_tensor_has_instructions(c.rule);
    attend_long(&c, window, in, dout, LONG, &other);
    assert_memory_equal(&other, &whole, sizeof whole);
}

static void test_attention_over_a_long_row(void **state) {
    (void)state;
    sw_compute c = compute_f32();
    float *in = noise_floats(8, 3 * LONG * WIDTH, 1.5f), *dout = noise_floats(9, LONG * WIDTH, 1);
    double *wide = widen(in, 3 * LONG * WIDTH);
    static double expected[LONG * WIDTH];
    static long_row whole;
    for (size_t i = 0; i < LONG_WINDOW_COUNT; i++) {
        size_t window = LONG_WINDOWS[i];
        long_reference(wide, window, expected);
        attend_long(&c, window, in, dout, LONG, &whole);
        check_close("long row", whole.out, expected, LONG * WIDTH, 1e-5);
        check_probes(wide, window, dout, &whole);
        check_long_bits(c, window, in, dout);
        check_long_bits(compute_bf16(false), window, in, dout);
        check_long_bits(compute_tiles(false), window, in, dout);
    }
    free(in);
    free(dout);
    free(wide);
}

/* ---- grouped heads in two rows of several panels ---- */

enum {
    MANY_HEADS = 4,
    MANY_KV = 2,
    MANY_D = 4,
    MANY_ROWS = 1700,
    MANY_Q = MANY_ROWS * MANY_HEADS * MANY_D,
    MANY_K = MANY_ROWS * MANY_KV * MANY_D
};
static const sw_segment TWO_ROWS[] = {{0, 600, 0, 600}, {600, 1100, 600, 1100}};

typedef struct many {
    float out[MANY_Q], lse[MANY_HEADS * MANY_ROWS], dq[MANY_Q], dk[MANY_K], dv[MANY_K];
} many;

static void attend_many(const sw_compute *c, size_t window, const float *in, const float *dout,
                        many *r) {
    sw_attention a = {.heads = MANY_HEADS,
                      .kv_heads = MANY_KV,
                      .head_dim = MANY_D,
                      .segments = TWO_ROWS,
                      .segment_count = 2,
                      .query_rows = MANY_ROWS,
                      .longest = 1100,
                      .window = window};
    const float *const parts[] = {in, in + MANY_Q, in + MANY_Q + MANY_K};
    const answers all = {r->out, r->lse, r->dq, r->dk, r->dv};
    attend_all(c, a, MANY_ROWS, parts, dout, &all);
}

typedef struct exact { /* in f64 */
    double out[MANY_Q], dq[MANY_Q], dk[MANY_K], dv[MANY_K];
} exact;

/* One query of one head, of all heads of all queries, and the keys from `first` to `last` that it
 * sees. */
typedef struct probe {
    const double *q, *k, *v, *dout;
    size_t query, kv, first, last;
} probe;

static double dot_of(const double *a, const double *b) {
    double sum = 0;
    for (size_t d = 0; d < MANY_D; d++) sum += a[d] * b[d];
    return sum;
}

static void add_probe(const probe *p, exact *e) {
    static double share[MANY_ROWS];
    const double *q = p->q + p->query * MANY_D, *dout = p->dout + p->query * MANY_D;
    double sum = 0, *out = e->out + p->query * MANY_D, *dq = e->dq + p->query * MANY_D;
    for (size_t j = p->first; j <= p->last; j++) {
        sum += share[j] = exp(dot_of(q, p->k + (j * MANY_KV + p->kv) * MANY_D) / sqrt(MANY_D));
    }
    for (size_t j = p->first; j <= p->last; j++) {
        share[j] /= sum;
        for (size_t d = 0; d < MANY_D; d++)
            out[d] += share[j] * p->v[(j * MANY_KV + p->kv) * MANY_D + d];
    }
    for (size_t j = p->first; j <= p->last; j++) {
        size_t key = (j * MANY_KV + p->kv) * MANY_D;
        double ds = share[j] * (dot_of(dout, p->v + key) - dot_of(dout, out)) / sqrt(MANY_D);
        for (size_t d = 0; d < MANY_D; d++) {
            dq[d] += ds * p->k[key + d];
            e->dk[key + d] += ds * q[d];
            e->dv[key + d] += share[j] * dout[d];
        }
    }
}

static void find_exact(const double *in, const double *dout, size_t window, exact *e) {
    memset(e, 0, sizeof *e);
    for (size_t s = 0; s < 2; s++) {
        size_t first = TWO_ROWS[s].query, end = first + TWO_ROWS[s].query_count;
        for (size_t i = MANY_HEADS * first; i < MANY_HEADS * end; i++) {
            probe p = {.q = in, .k = in + MANY_Q, .v = in + MANY_Q + MANY_K, .dout = dout};
            p.query = i;
            p.kv = i % MANY_HEADS / (MANY_HEADS / MANY_KV);
            p.last = i / MANY_HEADS;
            p.first = window && p.last + 1 > first + window ? p.last + 1 - window : first;
            add_probe(&p, e);
        }
    }
}

static void check_many(const sw_compute *c, size_t window, const float *in, const float *dout,
                       const exact *e) {
    static many found, other;
    double tolerance = c->dtype == SW_DTYPE_F32 ? 1e-5 : 3e-2;
    size_t lanes = 3;
    attend_many(c, window, in, dout, &found);
    check_close("out", found.out, e->out, MANY_Q, tolerance);
    check_close("dq", found.dq, e->dq, MANY_Q, tolerance);
    check_close("dk", found.dk, e->dk, MANY_K, tolerance);
    check_close("dv", found.dv, e->dv, MANY_K, tolerance);
    sw_compute d = *c;
    d.parallel = (sw_parallel){.pool = &lanes, .run = backwards_run, .lanes = lanes};
    attend_many(&d, window, in, dout, &other);
    assert_memory_equal(&found, &other, sizeof found);
}

/* Over all keys, and with windows that are shorter and longer than a panel. */
static void test_grouped_heads_over_long_rows(void **state) {
    (void)state;
    static exact e;
    static const size_t windows[] = {0, 130, 530};
    float *in = noise_floats(14, MANY_Q + 2 * MANY_K, 1.5f), *dout = noise_floats(15, MANY_Q, 1);
    double *wide = widen(in, MANY_Q + 2 * MANY_K), *wide_dout = widen(dout, MANY_Q);
    sw_compute f32 = compute_f32(), pairs = compute_bf16(false), tiles = compute_tiles(false);
    for (size_t i = 0; i < sizeof windows / sizeof *windows; i++) {
        find_exact(wide, wide_dout, windows[i], &e);
        check_many(&f32, windows[i], in, dout, &e);
        check_many(&pairs, windows[i], in, dout, &e);
        check_many(&tiles, windows[i], in, dout, &e);
    }
    free(in);
    free(dout);
    free(wide);
    free(wide_dout);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_attention),
                                       cmocka_unit_test(test_attention_order_of_jobs),
                                       cmocka_unit_test(test_attention_of_many_rows),
                                       cmocka_unit_test(test_attention_with_kept_keys),
                                       cmocka_unit_test(test_attention_over_a_long_row),
                                       cmocka_unit_test(test_grouped_heads_over_long_rows)};
    return cmocka_run_group_tests_name("attention", tests, NULL, NULL);
}
