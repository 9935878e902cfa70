/* SPDX-License-Identifier: Apache-2.0
 *
 * One Linear, with or without an adapter and a bias, forward and backward.
 *
 * y = x W^T + u B^T + 1 bias with u = s drop(x) A^T. With du = s dy B: dB = dy^T u, dA = du^T
 * drop(x), dx = dy W + du A (masked by dropout), dbias = dy^T 1. W and the adapter are terms of one
 * product, so they meet in f32. Of dB and dA one is transposed at the end, whichever side of
 * the product the small rank is on (rank_gradients).
 *
 * DoRA (NUM-070 to NUM-075): z = W x + s B A x before the gain g = m / ||W + s B A||, which is a
 * constant but for m: y = g z + bias, dm = sum of dy z / norm, and g dy is what W and the adapter
 * see. With dropout the adapter's half sees drop(x) everywhere: y = W x + g z(drop x) - W drop(x) +
 * bias.
 */
#include "train/engine.h"

bool sw_linear_is_trained(const sw_linear *l) {
    return l->weight || l->a;
}

static sw_dropout dropout_of(const sw_engine *e, const sw_linear *l) {
    return (sw_dropout){
        .seed = e->settings->seed, .stream = e->batch.stream << 16 | l->number, .p = e->dropout};
}

static bool drops(const sw_engine *e, const sw_linear *l) {
    return e->dropout > 0 && l->a;
}

static const void *dropped(sw_engine *e, const sw_linear *l, const void *x) {
    if (!drops(e, l)) return x;
    sw_dropout d = dropout_of(e, l);
    sw_dropout_apply(&e->compute, &d, x, e->scratch.dropped, e->batch.tokens * l->in);
    return e->scratch.dropped;
}

static sw_gemm product(size_t m, size_t n, void *c, sw_dtype dtype) {
    return (sw_gemm){.m = m, .n = n, .scale = 1, .c = c, .c_stride = n, .c_dtype = dtype};
}

static void add_term(sw_gemm *g, const void *a, size_t a_stride, const void *b, size_t k) {
    g->terms[g->term_count++] =
        (sw_gemm_term){.a = a, .a_stride = a_stride, .b = b, .b_strip = sw_pack_strip(k), .k = k};
}

/* W as the right side of x W^T, or of dy W. */
static void add_weight(sw_gemm *g, const void *a, const sw_linear *l, bool forward) {
    size_t k = forward ? l->in : l->out;
    add_term(g, a, k, forward ? l->w_t : l->w_n, k);
    if (l->w_t) return;
    g->terms[g->term_count - 1].lying = &l->lying;
    g->terms[g->term_count - 1].transposed = forward;
}

static void run(sw_engine *e, sw_gemm *g) {
    g->panels = e->scratch.panels;
    sw_gemm_run(&e->compute, g);
}

/* scratch.directed = z of what the adapter sees. */
static void direct(sw_engine *e, const sw_linear *l, const void *seen, const void *u) {
    sw_gemm z = product(e->batch.tokens, l->out, e->scratch.directed, SW_DTYPE_F32);
    add_weight(&z, seen, l, true);
    add_term(&z, u, l->rank_stride, l->b_t, l->rank);
    run(e, &z);
}

/* out = scratch.directed + sign W x. */
static void add_base(sw_engine *e, const sw_linear *l, const void *x, float sign, float *out) {
    sw_gemm base = product(e->batch.tokens, l->out, out, SW_DTYPE_F32);
    base.scale = sign;
    base.add = e->scratch.directed;
    add_weight(&base, x, l, true);
    run(e, &base);
}

static void dora_forward(sw_engine *e, const sw_linear *l, const sw_linear_io *io,
                         const void *seen) {
    float *z = e->scratch.directed;
    bool drop = drops(e, l), wide = io->y_dtype == SW_DTYPE_F32;
    direct(e, l, seen, io->u);
    sw_gains g = {.in = z,
                  .in_dtype = SW_DTYPE_F32,
                  .gain = l->gain,
                  .bias = l->bias_value,
                  .add = io->add,
                  .out = drop ? z : io->y,
                  .out_dtype = drop ? SW_DTYPE_F32 : io->y_dtype,
                  .rows = e->batch.tokens,
                  .columns = l->out};
    sw_gains_apply(&e->compute, &g);
    if (!drop) return;
    add_base(e, l, io->x, 1, z);
    add_base(e, l, seen, -1, wide ? io->y : z);
    if (!wide) sw_convert(&e->compute, io->y, z, g.rows * g.columns);
}

void sw_linear_forward(sw_engine *e, const sw_linear *l, const sw_linear_io *io) {
    size_t t = e->batch.tokens;
    if (l->rank) {
        const void *seen = dropped(e, l, io->x);
        sw_gemm u = product(t, l->rank, io->u, e->compute.dtype);
        u.scale = l->scale;
        u.c_stride = l->rank_stride;
        add_term(&u, seen, l->in, l->a_t, l->in);
        run(e, &u);
        if (l->dora) {
            dora_forward(e, l, io, seen);
            return;
        }
    }
    sw_gemm y = product(t, l->out, io->y, io->y_dtype);
    y.add = io->add;
    add_weight(&y, io->x, l, true);
    if (l->rank) add_term(&y, io->u, l->rank_stride, l->b_t, l->rank);
    if (l->bias_view) add_term(&y, e->one, 0, l->bias_n, 1);
    run(e, &y);
}

static void pack_rows(sw_engine *e, void *out, const void *x, size_t columns) {
    sw_source source = {.data = x, .dtype = e->compute.dtype, .stride = columns};
    sw_pack(&e->compute, out, &source, false, e->batch.tokens, columns);
}

void sw_linear_pack_input(sw_engine *e, const void *x, size_t columns) {
    if (e->full || !sw_gemm_turns(&e->compute)) pack_rows(e, e->scratch.packed_x, x, columns);
}

sw_gemm_term sw_engine_turned(sw_engine *e, const void *left, size_t rows, size_t columns,
                              size_t stride) {
    sw_gemm_term term = {.a = left, .a_stride = stride, .turned = true, .k = rows};
    if (sw_gemm_turns(&e->compute)) return term;
    sw_source source = {.data = left, .dtype = e->compute.dtype, .stride = stride};
    sw_transpose(&e->compute, e->scratch.transposed, sw_round_up(rows, 2), &source, rows, columns);
    return (sw_gemm_term){.a = e->scratch.transposed, .a_stride = sw_round_up(rows, 2), .k = rows};
}

static sw_gemm_term turned(sw_engine *e, const void *left, size_t columns, size_t stride) {
    return sw_engine_turned(e, left, e->batch.tokens, columns, stride);
}

/* out (rows, n) = or += the term. */
static void outer(sw_engine *e, const sw_gemm_term *term, size_t rows, size_t n, float *out,
                  bool add) {
    sw_gemm g = product(rows, n, out, SW_DTYPE_F32);
    g.add = add ? out : NULL;
    g.terms[g.term_count++] = *term;
    run(e, &g);
}

static void outer_packed(sw_engine *e, sw_gemm_term left, size_t rows, size_t n, const void *packed,
                         float *out, bool add) {
    left.b = packed;
    left.b_strip = sw_pack_strip(left.k);
    outer(e, &left, rows, n, out, add);
}

/* A wide matrix turned, times a thin one. */
static void outer_thin(sw_engine *e, const void *wide, size_t columns, const void *thin,
                       const sw_linear *l, float *out, bool add) {
    sw_source lying = {.data = thin, .dtype = e->compute.dtype, .stride = l->rank_stride};
    sw_gemm_term left = turned(e, wide, columns, columns);
    left.lying = &lying;
    outer(e, &left, columns, l->rank, out, add);
}

/* dB = dy^T u and dA = du^T drop(x). Where A may lie turned, the wide side is the left one: no
 * packing, and the thin side fills a strip. Where it may not, the thin side is turned instead. */
static void rank_gradients(sw_engine *e, const sw_linear *l, const sw_linear_grad *g,
                           const void *du) {
    sw_scratch *s = &e->scratch;
    if (sw_gemm_turns(&e->compute)) {
        outer_thin(e, g->dy, l->out, g->u, l, l->b->grad, true);
        outer_thin(e, dropped(e, l, g->x), l->in, du, l, s->transposed_grad, false);
        sw_transpose_add(&e->compute, l->a->grad, s->transposed_grad, l->in, l->rank);
        return;
    }
    pack_rows(e, s->packed_dy, g->dy, l->out);
    outer_packed(e, turned(e, g->u, l->rank, l->rank_stride), l->rank, l->out, s->packed_dy,
                 s->transposed_grad, false);
    sw_transpose_add(&e->compute, l->b->grad, s->transposed_grad, l->rank, l->out);
    sw_gemm_term left = turned(e, du, l->rank, l->rank_stride);
    const void *packed_x = s->packed_x;
    if (drops(e, l)) { /* the adapter saw its own masked input */
        pack_rows(e, s->packed_dy, dropped(e, l, g->x), l->in);
        packed_x = s->packed_dy;
    }
    outer_packed(e, left, l->rank, l->in, packed_x, l->a->grad, true);
}

static void adapter_gradients(sw_engine *e, const sw_linear *l, const sw_linear_grad *g, void *du) {
    sw_gemm product_du = product(e->batch.tokens, l->rank, du, e->compute.dtype);
    product_du.scale = l->scale;
    product_du.c_stride = l->rank_stride;
    add_term(&product_du, g->dy, l->out, l->b_n, l->out);
    run(e, &product_du);
    rank_gradients(e, l, g, du);
}

/* dm from dy and z, which is computed again; gain dy into the slot's buffer. */
static const void *dora_backward(sw_engine *e, const sw_linear *l, const sw_linear_grad *g) {
    sw_scratch *s = &e->scratch;
    size_t t = e->batch.tokens;
    direct(e, l, dropped(e, l, g->x), g->u);
    const sw_gains_grad grad = {g->dy, s->directed, l->norm, l->magnitude->grad, t, l->out};
    sw_gains_backward(&e->compute, &grad);
    sw_gains gains = {.in = g->dy,
                      .in_dtype = e->compute.dtype,
                      .gain = l->gain,
                      .out = s->gained[g->slot],
                      .out_dtype = e->compute.dtype,
                      .rows = t,
                      .columns = l->out};
    sw_gains_apply(&e->compute, &gains);
    return s->gained[g->slot];
}

/* The first micro-batch writes it, and it is read when all of them are through. */
static void weight_gradient(sw_engine *e, const sw_linear *l, sw_gemm_term dy) {
    sw_gemm g = product(l->out, l->in, l->weight->grad, SW_DTYPE_F32);
    g.add = e->batch.first ? NULL : l->weight->grad;
    g.leaves = true;
    dy.b = e->scratch.packed_x;
    dy.b_strip = sw_pack_strip(dy.k);
    g.terms[g.term_count++] = dy;
    run(e, &g);
}

void sw_linear_backward(sw_engine *e, const sw_linear *l, const sw_linear_grad *g, sw_gemm *dx) {
    if (l->weight) {
        sw_gemm_term dy = turned(e, g->dy, l->out, l->out);
        weight_gradient(e, l, dy);
        if (l->bias) outer_packed(e, dy, l->out, 1, e->ones, l->bias->grad, true);
    }
    sw_linear_grad own = *g;
    if (l->dora) own.dy = dora_backward(e, l, g);
    e->scratch.plain[g->slot] = g->dy;
    add_weight(dx, drops(e, l) ? g->dy : own.dy, l, false);
    if (!l->a) return;
    void *du = e->scratch.du[g->slot];
    adapter_gradients(e, l, &own, du);
    if (!drops(e, l)) add_term(dx, du, l->rank_stride, l->a_n, l->rank);
}

/* What went through drop(x), before the mask. */
static void dropped_share(sw_engine *e, const sw_linear *l, size_t slot) {
    sw_scratch *s = &e->scratch;
    sw_gemm share = product(e->batch.tokens, l->in, s->dropped_grad, SW_DTYPE_F32);
    if (l->dora) add_weight(&share, s->gained[slot], l, false);
    add_term(&share, s->du[slot], l->rank_stride, l->a_n, l->rank);
    run(e, &share);
    if (!l->dora) return;
    sw_gemm base = product(e->batch.tokens, l->in, s->dropped_grad, SW_DTYPE_F32);
    base.scale = -1;
    base.add = s->dropped_grad;
    add_weight(&base, s->plain[slot], l, false);
    run(e, &base);
}

void sw_linear_finish(sw_engine *e, sw_gemm *dx, float *out, const sw_linear *const *modules,
                      size_t count) {
    size_t t = e->batch.tokens, in = modules[0]->in;
    dx->m = t;
    dx->n = dx->c_stride = in;
    dx->scale = 1;
    dx->c = out;
    dx->c_dtype = SW_DTYPE_F32;
    run(e, dx);
    for (size_t i = 0; i < count; i++) {
        const sw_linear *l = modules[i];
        if (!drops(e, l)) continue;
        dropped_share(e, l, i);
        sw_dropout d = dropout_of(e, l);
        sw_dropout_add(&e->compute, &d, e->scratch.dropped_grad, out, t * in);
    }
}
