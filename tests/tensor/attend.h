/* SPDX-License-Identifier: Apache-2.0
 *
 * Attention forward and backward over a few short rows, and over one of several panels.
 */
#ifndef SW_TESTS_TENSOR_ATTEND_H
#define SW_TESTS_TENSOR_ATTEND_H
#include "support.h"

enum { HEADS = 4, KV = 2, D = 6, ROWS = 75, Q = ROWS * HEADS * D, K = ROWS * KV * D };
static const sw_segment SEGMENTS[] = {{0, 5, 0, 5}, {5, 1, 5, 1}, {6, 69, 6, 69}};

typedef struct attended {
    float out[Q], lse[HEADS * ROWS], dq[Q], dk[K], dv[K];
} attended;

typedef struct rows { /* of one call */
    const sw_segment *segments;
    size_t count, window;
} rows;

/* in and dout as f32; everything the operator gives, as f32. */
static inline void attend(const sw_compute *c, rows of, const float *in, const float *dout,
                          attended *r) {
    void *q = operands(c, in, Q), *k = operands(c, in + Q, K), *v = operands(c, in + Q + K, K);
    void *d = operands(c, dout, Q), *out = calloc(Q, sizeof(float));
    sw_attention a = {.heads = HEADS,
                      .kv_heads = KV,
                      .head_dim = D,
                      .segments = of.segments,
                      .segment_count = of.count,
                      .query_rows = ROWS,
                      .longest = 69,
                      .window = of.window,
                      .q = q,
                      .k = k,
                      .v = v,
                      .out = out,
                      .lse = r->lse};
    a.packs = calloc(1, sw_attention_pack_bytes(c->dtype, &a, ROWS, c->parallel.lanes));
    a.scratch = calloc(c->parallel.lanes, sw_attention_scratch_bytes(c->dtype, a.longest));
    sw_attention_grad g = {.dout = d, .dq = r->dq, .dk = r->dk, .dv = r->dv};
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

/* None; less than a block of queries; all keys but one of the longest row's last query. */
static const size_t WINDOWS[] = {0, 17, 68};
#define WINDOW_COUNT (sizeof WINDOWS / sizeof *WINDOWS)

/* ---- a row of several panels; with a window whole panels of keys are left out ---- */

enum { LONG = 1300, WIDTH = 4, LONG_WINDOW = 90 };

typedef struct long_row {
    float out[LONG * WIDTH], lse[LONG], grad[3][LONG * WIDTH];
} long_row;

static inline void attend_long(const sw_compute *c, size_t window, const float *in,
                               const float *dout, size_t queries, long_row *r) {
    size_t count = LONG * WIDTH, late = (LONG - queries) * WIDTH;
    void *q = operands(c, in + late, queries * WIDTH), *k = operands(c, in + count, count);
    void *v = operands(c, in + 2 * count, count), *d = operands(c, dout, count);
    void *out = calloc(count, sizeof(float));
    sw_segment all = {.query_count = queries, .key_count = LONG};
    sw_attention a = {.heads = 1,
                      .kv_heads = 1,
                      .head_dim = WIDTH,
                      .segments = &all,
                      .segment_count = 1,
                      .query_rows = queries,
                      .longest = LONG,
                      .window = window,
                      .q = q,
                      .k = k,
                      .v = v,
                      .out = out,
                      .lse = r->lse};
    a.packs = calloc(1, sw_attention_pack_bytes(c->dtype, &a, LONG, c->parallel.lanes));
    a.scratch = calloc(c->parallel.lanes, sw_attention_scratch_bytes(c->dtype, LONG));
    sw_attention_grad g = {.dout = d, .dq = r->grad[0], .dk = r->grad[1], .dv = r->grad[2]};
    sw_attention_forward(c, &a);
    if (queries == LONG) sw_attention_backward(c, &a, &g);
    sw_elements_load(r->out + late, out, c->dtype, queries * WIDTH);
    void *const taken[] = {q, k, v, d, out, a.packs, a.scratch};
    for (size_t i = 0; i < sizeof taken / sizeof *taken; i++) free(taken[i]);
}

#endif
