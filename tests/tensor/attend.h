/* SPDX-License-Identifier: Apache-2.0
 *
 * Attention forward and backward over a few short rows, and over one of several panels.
 */
#ifndef SW_TESTS_TENSOR_ATTEND_H
#define SW_TESTS_TENSOR_ATTEND_H
#include "support.h"

typedef struct answers { /* as f32; gradients are left out where dq is NULL */
    float *out, *lse, *dq, *dk, *dv;
} answers;

/* `a` with its sizes, segments and window; q, k, v and dout as f32. */
static inline void attend_all(const sw_compute *c, sw_attention a, size_t key_rows,
                              const float *const in[3], const float *dout, const answers *r) {
    size_t query = a.query_rows * a.heads * a.head_dim, key = key_rows * a.kv_heads * a.head_dim;
    void *q = operands(c, in[0], query), *k = operands(c, in[1], key);
    void *v = operands(c, in[2], key), *d = operands(c, dout, query);
    a.q = q, a.k = k, a.v = v, a.lse = r->lse;
    a.out = calloc(query, sizeof(float));
    a.packs = calloc(1, sw_attention_pack_bytes(c->dtype, &a, key_rows, c->parallel.lanes));
    a.scratch = calloc(c->parallel.lanes, sw_attention_scratch_bytes(c->dtype, a.longest));
    sw_attention_forward(c, &a);
    sw_attention_grad g = {.dout = d, .dq = r->dq, .dk = r->dk, .dv = r->dv};
    if (r->dq) sw_attention_backward(c, &a, &g);
    sw_elements_load(r->out, a.out, c->dtype, query);
    void *const taken[] = {q, k, v, d, a.out, a.packs, a.scratch};
    for (size_t i = 0; i < sizeof taken / sizeof *taken; i++) free(taken[i]);
}

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
    sw_attention a = {.heads = HEADS,
                      .kv_heads = KV,
                      .head_dim = D,
                      .segments = of.segments,
                      .segment_count = of.count,
                      .query_rows = ROWS,
                      .longest = 69,
                      .window = of.window};
    const float *const parts[] = {in, in + Q, in + Q + K};
    const answers all = {r->out, r->lse, r->dq, r->dk, r->dv};
    attend_all(c, a, ROWS, parts, dout, &all);
}

/* None; less than a block of queries; all keys but one of the longest row's last query. */
static const size_t WINDOWS[] = {0, 17, 68};
#define WINDOW_COUNT (sizeof WINDOWS / sizeof *WINDOWS)

/* ---- a row of several panels; with a window whole panels of keys are left out ---- */

enum { LONG = 1300, WIDTH = 4 };
static const size_t LONG_WINDOWS[] = {0, 90, 600};
#define LONG_WINDOW_COUNT (sizeof LONG_WINDOWS / sizeof *LONG_WINDOWS)

typedef struct long_row {
    float out[LONG * WIDTH], lse[LONG], grad[3][LONG * WIDTH];
} long_row;

/* The last `queries` alone, with all gradients when they are all. */
static inline void attend_long(const sw_compute *c, size_t window, const float *in,
                               const float *dout, size_t queries, long_row *r) {
    size_t count = LONG * WIDTH, late = (LONG - queries) * WIDTH;
    sw_segment all = {.query_count = queries, .key_count = LONG};
    sw_attention a = {.heads = 1,
                      .kv_heads = 1,
                      .head_dim = WIDTH,
                      .segments = &all,
                      .segment_count = 1,
                      .query_rows = queries,
                      .longest = LONG,
                      .window = window};
    const float *const parts[] = {in + late, in + count, in + 2 * count};
    answers found = {.out = r->out + late, .lse = r->lse};
    if (queries == LONG) found.dq = r->grad[0], found.dk = r->grad[1], found.dv = r->grad[2];
    attend_all(c, a, LONG, parts, dout, &found);
}

#endif
