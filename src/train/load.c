/* SPDX-License-Identifier: Apache-2.0
 *
 * Weights into the engine: frozen ones are packed once, trained ones after every step; initial
 * values of adapters as PEFT draws them (docs/formats/numerics.md NUM-060).
 */
#include "tensor/numbers.h"
#include "tensor/random.h"
#include "train/engine.h"

static sw_source view_source(const sw_tensor_view *v, size_t columns) {
    return (sw_source){.data = v->data.data, .dtype = v->dtype, .stride = columns};
}

static sw_source value_source(const float *value, size_t columns) {
    return (sw_source){.data = value, .dtype = SW_DTYPE_F32, .stride = columns};
}

/* W (out, in) as both right sides: of x W^T and of dy W. */
static void pack_both(sw_engine *e, const sw_source *w, size_t out, size_t in, void *t, void *n) {
    if (t) sw_pack(&e->compute, t, w, true, in, out);
    if (n) sw_pack(&e->compute, n, w, false, out, in);
}

static void load_norm(sw_engine *e, sw_norm_weight *n) {
    if (n->parameter) return;
    sw_elements_load(n->value, n->view->data.data, n->view->dtype, e->config->hidden_size);
}

static void pack_adapter(sw_engine *e, sw_linear *l, const float *a, const float *b) {
    sw_pack_both(&e->compute, &(sw_both_sides){a, l->rank, l->in, l->a_t, l->a_n});
    sw_pack_both(&e->compute, &(sw_both_sides){b, l->out, l->rank, l->b_t, l->b_n});
}

/* NUM-071: after every change of A and B. */
static void load_gain(sw_engine *e, sw_linear *l, const float *a, const float *b,
                      const float *magnitude) {
    sw_row_norms n = {.w = view_source(l->view, l->in),
                      .a = a,
                      .b = b,
                      .scale = l->scale,
                      .rank = l->rank,
                      .rows = l->out,
                      .columns = l->in};
    sw_row_norms_find(&e->compute, &n, l->norm);
    for (size_t i = 0; i < l->out; i++) l->gain[i] = magnitude[i] / l->norm[i];
}

static void each_linear(sw_engine *e, void (*visit)(sw_engine *e, sw_linear *l)) {
    for (size_t i = 0; i < e->layer_count; i++) {
        for (int m = 0; m < SW_MODULE_COUNT; m++) visit(e, &e->layers[i].linear[m]);
    }
}

static void quantise(sw_engine *e, sw_linear *l) {
    sw_nf4_quantise(&e->compute, &l->nf4, l->view->data.data, l->view->dtype, e->scratch.absmax);
    l->lying = (sw_source){.nf4 = &l->nf4, .stride = l->in};
}

/* A frozen matrix that products read as it lies: in the file, or in `held`, which is written. */
static sw_source lie(sw_engine *e, const sw_source *file, void *held, size_t count) {
    if (!held) return *file;
    sw_convert(&e->compute, held, file->data, count);
    return (sw_source){.data = held, .dtype = e->compute.dtype, .stride = file->stride};
}

static void load_frozen_weight(sw_engine *e, sw_linear *l) {
    sw_source w = view_source(l->view, l->in);
    bool again = l->dora; /* its norms are found from it after every step */
    if (e->quantised) {
        quantise(e, l);
    } else if (sw_engine_weights_lie(e)) {
        l->lying = lie(e, &w, l->held, l->out * l->in);
        again |= !l->held;
    } else {
        pack_both(e, &w, l->out, l->in, l->w_t, l->w_n);
    }
    if (!again && e->host && e->host->release) e->host->release(e->host->context, l->view->data);
}

static void load_frozen_linear(sw_engine *e, sw_linear *l) {
    if (!l->weight) load_frozen_weight(e, l);
    if (l->bias_view && !l->bias) {
        sw_source bias = view_source(l->bias_view, l->out);
        sw_pack(&e->compute, l->bias_n, &bias, false, 1, l->out);
    }
    if (l->dora && l->bias_view) {
        sw_elements_load(l->bias_value, l->bias_view->data.data, l->bias_view->dtype, l->out);
    }
    if (!l->fixed) return;
    pack_adapter(e, l, l->fixed->a, l->fixed->b);
    if (l->dora) load_gain(e, l, l->fixed->a, l->fixed->b, l->fixed->magnitude);
}

static void load_ones(sw_engine *e) {
    const float one[2] = {1, 0};
    sw_source column = value_source(one, 0);
    sw_convert(&e->compute, e->one, one, 2);
    if (e->ones) sw_pack(&e->compute, e->ones, &column, false, e->capacity.tokens, 1);
}

void sw_engine_load_frozen(sw_engine *e) {
    size_t c = e->config->hidden_size;
    load_ones(e);
    each_linear(e, load_frozen_linear);
    for (size_t i = 0; i < e->layer_count; i++) {
        load_norm(e, &e->layers[i].input_norm);
        load_norm(e, &e->layers[i].post_norm);
    }
    load_norm(e, &e->final_norm);
    bool saved = e->fixed && e->fixed->lm_head.values;
    e->head_lying =
        saved ? value_source(e->fixed->lm_head.values, c) : view_source(&e->model->lm_head, c);
    if (e->head_held) {
        e->head_lying = lie(e, &e->head_lying, e->head_held, e->config->vocab_size * c);
    }
    if (!e->table && !sw_engine_head_lies(e)) {
        pack_both(e, &e->head_lying, e->config->vocab_size, c, e->head_t, e->head_n);
    }
    sw_rope_table(e->cosine, e->sine, e->capacity.positions, e->head_dim, &e->config->rope);
}

static void load_stepped_linear(sw_engine *e, sw_linear *l) {
    if (l->bias) {
        sw_source bias = value_source(l->bias->value, l->out);
        sw_pack(&e->compute, l->bias_n, &bias, false, 1, l->out);
    }
    if (!l->a) return;
    pack_adapter(e, l, l->a->value, l->b->value);
    if (l->dora) load_gain(e, l, l->a->value, l->b->value, l->magnitude->value);
}

void sw_engine_load_stepped(sw_engine *e) {
    each_linear(e, load_stepped_linear);
}

void sw_engine_load_trained(sw_engine *e) {
    for (size_t i = 0; i < e->parameter_count; i++) {
        const sw_parameter *p = &e->parameters[i];
        if (!p->packed_t) continue;
        const sw_both_sides both = {p->value, p->rows, p->columns, p->packed_t, p->packed_n};
        sw_pack_both(&e->compute, &both);
    }
    sw_engine_load_stepped(e);
}

/* nn.Linear draws for A and for B, then A is drawn again as kaiming_uniform(a = sqrt 5), and B is
 * zero: the order in which PEFT uses torch's generator. */
static void draw_adapter(sw_mt19937 *g, sw_linear *l) {
    double root5 = __builtin_sqrt(5.0), gain = __builtin_sqrt(2.0 / (1.0 + root5 * root5));
    double bound = __builtin_sqrt(3.0) * (gain / __builtin_sqrt((double)l->in));
    size_t a = l->rank * l->in, b = l->out * l->rank;
    for (size_t i = 0; i < a + b; i++) sw_mt19937_next(g);
    sw_uniform_fill(g, l->a->value, a, -bound, bound);
    for (size_t i = 0; i < b; i++) l->b->value[i] = 0;
}

/* The rows' norms of the frozen weight: B is zero. */
static void start_magnitude(sw_engine *e, sw_linear *l) {
    sw_row_norms n = {.w = view_source(l->view, l->in), .rows = l->out, .columns = l->in};
    if (l->magnitude) sw_row_norms_find(&e->compute, &n, l->magnitude->value);
}

/* Of a model that is trained whole nothing in the file is read again. */
static void copy_view(const sw_engine *e, const sw_parameter *p, const sw_tensor_view *v) {
    sw_elements_load(p->value, v->data.data, v->dtype, p->rows * p->columns);
    if (e->full && e->host && e->host->release) e->host->release(e->host->context, v->data);
}

static void copy_weights(sw_engine *e) {
    copy_view(e, e->final_norm.parameter, e->final_norm.view);
    for (size_t i = 0; i < e->layer_count; i++) {
        sw_layer *l = &e->layers[i];
        for (int m = 0; m < SW_MODULE_COUNT; m++) {
            copy_view(e, l->linear[m].weight, l->linear[m].view);
            if (l->linear[m].bias) copy_view(e, l->linear[m].bias, l->linear[m].bias_view);
        }
        copy_view(e, l->input_norm.parameter, l->input_norm.view);
        copy_view(e, l->post_norm.parameter, l->post_norm.view);
    }
}

void sw_engine_init_trained(sw_engine *e, uint64_t seed) {
    if (e->embedding) copy_view(e, e->embedding, &e->model->embed_tokens);
    if (e->head) copy_view(e, e->head, &e->model->lm_head);
    if (e->full) {
        copy_weights(e);
        return;
    }
    sw_mt19937 g;
    sw_mt19937_seed(&g, seed);
    each_linear(e, start_magnitude);
    for (size_t i = 0; i < e->layer_count; i++) {
        for (int m = 0; m < SW_MODULE_COUNT; m++) {
            if (e->layers[i].linear[m].a) draw_adapter(&g, &e->layers[i].linear[m]);
        }
    }
}
