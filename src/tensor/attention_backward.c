/* SPDX-License-Identifier: Apache-2.0
 *
 * Attention backward, without stored probabilities: P = exp(S - lse) again from q, k and lse.
 *
 * With delta = rowsum(dO o O) and dS = P o (dO V^T - delta) scale: dQ = dS K, dK = dS^T Q,
 * dV = P^T dO. Every output has one owner. A job per 48 queries of a head finds their P and dS,
 * keeps them as E and writes dQ; then a job per 48 keys of a key/value head sums dK and dV over its
 * query heads in order. What is kept is bounded: the queries of one panel of k (NUM-010) of each
 * row, and of as many heads as there is room for, at a time.
 */
#include "tensor/attention_internal.h"

#define PANEL        SW_GEMM_PANEL
#define BLOCK        SW_ATTENTION_BLOCK
#define PANEL_BLOCKS ((PANEL + BLOCK - 1) / BLOCK) /* of keys: none lies in two panels */
#define SHARES       32                            /* at a time */

/* One panel of a segment's queries, for one key/value head. */
typedef struct share {
    size_t segment, kv, first, queries;
    size_t skipped, keys; /* of the segment's keys: those that the queries see, and the end */
    size_t stride;
    uint8_t *p, *ds; /* (heads of the group, queries, stride) E: of the keys from `skipped` on */
} share;

typedef struct backward {
    sw_attention_job j;
    size_t group;  /* query heads of a key/value head */
    size_t size;   /* bytes of E */
    uint8_t *kept; /* P and dS of all shares */
    share shares[SHARES];
    size_t count;
} backward;

typedef struct scratch {
    float *p, *dp; /* (block, stride) */
    void *operand;
    size_t stride;
} scratch;

static scratch scratch_of(const sw_attention_job *j, size_t lane) {
    uint8_t *base =
        (uint8_t *)j->a->scratch + lane * sw_attention_scratch_bytes(j->c->dtype, j->a->longest);
    size_t stride = sw_attention_round(j->a->longest);
    float *p = (float *)(void *)base, *dp = p + BLOCK * stride;
    return (scratch){.p = p, .dp = dp, .operand = dp + BLOCK * stride, .stride = stride};
}

/* Row `query`, counted in the share, of one of its heads, from key `skipped` on. */
static uint8_t *kept_row(const backward *b, const share *s, uint8_t *of, size_t head,
                         size_t query) {
    return of + (head % b->group * s->queries + query) * s->stride * b->size;
}

static sw_gemm product(size_t m, size_t n, float scale, float *c, size_t c_stride,
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

/* ---- queries: P, dS and dQ ---- */

typedef struct block {
    const share *s;
    size_t head, first, rows; /* queries of the segment */
    size_t skipped, keys;     /* as in the share, of this block */
    size_t row;               /* of q, dO and out */
} block;

static float delta_of(const sw_attention_job *j, size_t head, size_t row) {
    float out[SW_ROPE_HEAD_LIMIT], dout[SW_ROPE_HEAD_LIMIT];
    const sw_attention *a = j->a;
    sw_elements_load(out, sw_attention_row(j, a->out, a->heads, head, row), j->c->dtype,
                     a->head_dim);
    sw_elements_load(dout, sw_attention_row(j, j->g->dout, a->heads, head, row), j->c->dtype,
                     a->head_dim);
    return sw_dot32(out, dout, a->head_dim);
}

/* P and dS of query r of the block, from scores and dP: zero but for the keys that it sees, up to
 * the end of every block of keys that begins before it ends. */
static void keep_row(const backward *b, const block *q, const scratch *s, size_t r) {
    const sw_attention *a = b->j.a;
    const share *own = q->s;
    float *p = s->p + r * s->stride, *dp = s->dp + r * s->stride;
    float lse = a->lse[q->head * a->query_rows + q->row + r];
    float delta = delta_of(&b->j, q->head, q->row + r), scale = b->j.scale;
    size_t seen = q->first + r + 1, from = sw_attention_hidden(a, seen) - q->skipped;
    size_t before = q->skipped - own->skipped, count = seen - q->skipped;
    size_t width = sw_least(own->stride - before, q->keys + BLOCK - q->skipped);
    for (size_t i = 0; i < from; i++) p[i] = dp[i] = 0;
    for (size_t i = from; i < count; i++) {
        p[i] = sw_exp32(p[i] - lse);
        dp[i] = p[i] * (dp[i] - delta) * scale;
    }
    size_t query = q->first - own->first + r;
    for (size_t i = count; i < width; i++) p[i] = dp[i] = 0;
    uint8_t *rows[] = {kept_row(b, own, own->p, q->head, query),
                       kept_row(b, own, own->ds, q->head, query)};
    const float *values[] = {p, dp};
    for (size_t i = 0; i < 2; i++) {
        memset(rows[i], 0, before * b->size);
        sw_elements_store(rows[i] + before * b->size, values[i], b->j.c->dtype, width);
    }
}

static void query_block(const backward *b, const block *q, size_t lane) {
    const sw_attention_job *j = &b->j;
    const sw_attention *a = j->a;
    scratch s = scratch_of(j, lane);
    size_t stride = a->heads * a->head_dim, keys = q->keys - q->skipped, kv = q->s->kv;
    const void *query = sw_attention_row(j, a->q, a->heads, q->head, q->row);
    const void *dout = sw_attention_row(j, j->g->dout, a->heads, q->head, q->row);
    sw_gemm g =
        product(q->rows, keys, j->scale, s.p, s.stride,
                sw_attention_term(j, &j->k_t, q->s->segment, kv, q->skipped, query, stride));
    sw_gemm_alone(j->c, &g);
    g = product(q->rows, keys, 1, s.dp, s.stride,
                sw_attention_term(j, &j->v_t, q->s->segment, kv, q->skipped, dout, stride));
    sw_gemm_alone(j->c, &g);
    for (size_t r = 0; r < q->rows; r++) keep_row(b, q, &s, r);
    const uint8_t *ds = kept_row(b, q->s, q->s->ds, q->head, q->first - q->s->first) +
                        (q->skipped - q->s->skipped) * b->size;
    g = product(q->rows, a->head_dim, 1, j->g->dq + (q->row * a->heads + q->head) * a->head_dim,
                stride,
                sw_attention_term(j, &j->k_n, q->s->segment, kv, q->skipped, ds, q->s->stride));
    g.terms[0].k = keys;
    sw_gemm_alone(j->c, &g);
}

/* The last blocks of a share come first, since they are the largest. */
static void query_job(void *context, size_t index, size_t lane) {
    const backward *b = context;
    const sw_attention *a = b->j.a;
    const share *s = b->shares;
    for (; index >= sw_parts(s->queries, BLOCK) * b->group; s++) {
        index -= sw_parts(s->queries, BLOCK) * b->group;
    }
    size_t at = (sw_parts(s->queries, BLOCK) - 1 - index / b->group) * BLOCK;
    block q = {.s = s,
               .head = s->kv * b->group + index % b->group,
               .first = s->first + at,
               .rows = sw_least(s->queries - at, BLOCK)};
    q.skipped = sw_attention_skipped(a, q.first + 1);
    q.keys = q.first + q.rows;
    q.row = a->segments[s->segment].query + q.first;
    query_block(b, &q, lane);
}

/* ---- keys: dK and dV ---- */

/* The kept rows' columns as the left side of a product over queries. */
static const void *turned(const backward *b, const uint8_t *rows, const share *s, size_t queries,
                          size_t keys, void *room, size_t *stride) {
    *stride = s->stride;
    if (sw_gemm_turns(b->j.c)) return rows;
    sw_source in = {.data = rows, .dtype = b->j.c->dtype, .stride = s->stride};
    *stride = sw_round_up(queries, 2);
    sw_transpose_alone(b->j.c, room, *stride, &in, queries, keys);
    return room;
}

typedef struct span {
    size_t first, end;
} span;

/* out (keys, D) = or += one head's rows of P or dS, turned, times its rows of dO or q. */
static void key_head(const backward *b, const share *s, size_t head, uint8_t *of,
                     const sw_head_pack *pack, span keys, span queries, float *out, size_t lane) {
    const sw_attention *a = b->j.a;
    size_t count = queries.end - queries.first, stride, rows = keys.end - keys.first;
    const uint8_t *kept =
        kept_row(b, s, of, head, queries.first - s->first) + (keys.first - s->skipped) * b->size;
    const void *left = turned(b, kept, s, count, rows, scratch_of(&b->j, lane).operand, &stride);
    sw_gemm g =
        product(rows, a->head_dim, 1, out, a->kv_heads * a->head_dim,
                sw_attention_term(&b->j, pack, s->segment, head, queries.first, left, stride));
    g.terms[0].k = count;
    g.terms[0].turned = sw_gemm_turns(b->j.c);
    bool begun = head % b->group > 0 || keys.first / PANEL < s->first / PANEL;
    g.add = begun ? out : NULL;
    sw_gemm_alone(b->j.c, &g);
}

static size_t key_blocks(const share *s) {
    size_t keys = s->keys - s->skipped;
    return keys / PANEL * PANEL_BLOCKS + sw_parts(keys % PANEL, BLOCK);
}

static void key_job(void *context, size_t index, size_t lane) {
    const backward *b = context;
    const sw_attention_job *j = &b->j;
    const sw_attention *a = j->a;
    const share *s = b->shares;
    for (; index >= key_blocks(s); s++) index -= key_blocks(s);
    size_t panel = s->skipped + index / PANEL_BLOCKS * PANEL;
    span keys = {.first = panel + index % PANEL_BLOCKS * BLOCK};
    keys.end = sw_least(sw_least(keys.first + BLOCK, panel + PANEL), s->keys);
    span queries = {.first = keys.first > s->first ? keys.first : s->first,
                    .end = s->first + s->queries};
    if (a->window) queries.end = sw_least(queries.end, keys.end - 1 + a->window);
    if (queries.first >= queries.end) return;
    size_t at = (a->segments[s->segment].key + keys.first) * a->kv_heads + s->kv;
    for (size_t h = s->kv * b->group; h < (s->kv + 1) * b->group; h++) {
        key_head(b, s, h, s->p, &j->do_n, keys, queries, j->g->dv + at * a->head_dim, lane);
        key_head(b, s, h, s->ds, &j->q_n, keys, queries, j->g->dk + at * a->head_dim, lane);
    }
}

/* ---- shares ---- */

/* Share `index` of that panel of all segments; without queries where a segment is shorter. */
static share share_of(const sw_attention *a, size_t panel, size_t index) {
    share s = {.segment = index / a->kv_heads, .kv = index % a->kv_heads, .first = panel * PANEL};
    size_t count = a->segments[s.segment].query_count;
    if (count <= s.first) return s;
    s.queries = sw_least(count - s.first, PANEL);
    s.skipped = sw_attention_skipped(a, s.first + 1);
    s.keys = s.first + s.queries;
    s.stride = sw_attention_round(s.keys - s.skipped);
    return s;
}

/* Takes shares of a panel from `index` on, as many as there is room for; the first that is left. */
static size_t take_shares(backward *b, size_t panel, size_t index) {
    const sw_attention *a = b->j.a;
    size_t used = 0, room = b->j.c->parallel.lanes * SW_ATTENTION_KEPT_BYTES;
    for (b->count = 0; index < a->segment_count * a->kv_heads && b->count < SHARES; index++) {
        share s = share_of(a, panel, index);
        size_t bytes = b->group * s.queries * s.stride * b->size;
        if (!bytes) continue;
        if (b->count && used + 2 * bytes > room) break;
        s.p = b->kept + used;
        s.ds = s.p + bytes;
        used += 2 * bytes;
        b->shares[b->count++] = s;
    }
    return index;
}

static void run_shares(const backward *b) {
    size_t queries = 0, keys = 0;
    for (size_t i = 0; i < b->count; i++) {
        queries += sw_parts(b->shares[i].queries, BLOCK) * b->group;
        keys += key_blocks(&b->shares[i]);
    }
    sw_compute_run(b->j.c, queries, query_job, (void *)(uintptr_t)b);
    sw_compute_run(b->j.c, keys, key_job, (void *)(uintptr_t)b);
}

/* A panel of a row adds to dK and dV of the panels before it, so they come one after the other. */
static void run_panels(backward *b) {
    const sw_attention *a = b->j.a;
    size_t longest = 0;
    for (size_t i = 0; i < a->segment_count; i++) {
        if (a->segments[i].query_count > longest) longest = a->segments[i].query_count;
    }
    for (size_t panel = 0; panel * PANEL < longest; panel++) {
        for (size_t index = 0; index < a->segment_count * a->kv_heads;) {
            index = take_shares(b, panel, index);
            run_shares(b);
        }
    }
}

void sw_attention_backward(const sw_compute *c, const sw_attention *a, const sw_attention_grad *g) {
    backward b = {.group = a->heads / a->kv_heads, .size = sw_dtype_bytes(c->dtype)};
    sw_attention_job *j = &b.j;
    uint8_t *next = a->packs;
    sw_attention_begin(j, c, a);
    j->g = g;
    sw_attention_claim(j, &j->k_t, a->k, a->kv_heads, true, true, &next);
    sw_attention_claim(j, &j->k_n, a->k, a->kv_heads, true, false, &next);
    sw_attention_claim(j, &j->v_t, a->v, a->kv_heads, true, true, &next);
    sw_attention_claim(j, &j->q_n, a->q, a->heads, false, false, &next);
    sw_attention_claim(j, &j->do_n, g->dout, a->heads, false, false, &next);
    const sw_head_pack *all[] = {&j->k_t, &j->k_n, &j->v_t, &j->q_n, &j->do_n};
    memcpy(j->packing, all, sizeof all);
    sw_attention_pack(j);
    b.kept = next;
    run_panels(&b);
}
