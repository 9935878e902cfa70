/* SPDX-License-Identifier: Apache-2.0
 *
 * One Llama block, forward and backward, and the walk over all of them.
 *
 *   middle = x + o(attention(rope(q(n1)), rope(k(n1)), v(n1))),  n1 = norm1(x)
 *   next   = middle + down(silu(gate(n2)) up(n2)),               n2 = norm2(middle)
 *
 * The residual stream is f32 (NUM-005); operands are E. Norm outputs, silu(gate) up and, where o is
 * frozen, `middle` are computed again in the backward pass instead of being kept.
 */
#include "train/engine.h"
#include <string.h>

static sw_norm norm_of(const sw_engine *e, const float *x, const sw_norm_weight *w, float *rstd) {
    return (sw_norm){.x = x,
                     .weight = w->value,
                     .rstd = rstd,
                     .rows = e->batch.tokens,
                     .columns = e->config->hidden_size,
                     .epsilon = (float)e->config->rms_norm_eps};
}

static sw_rope rope_of(const sw_engine *e, size_t heads) {
    return (sw_rope){.cosine = e->cosine,
                     .sine = e->sine,
                     .position = e->batch.position,
                     .rows = e->batch.tokens,
                     .heads = heads,
                     .head_dim = e->head_dim};
}

static sw_attention attention_of(const sw_engine *e, const sw_layer *l) {
    return (sw_attention){.heads = e->heads,
                          .kv_heads = e->kv_heads,
                          .head_dim = e->head_dim,
                          .segments = e->batch.segments,
                          .segment_count = e->batch.segment_count,
                          .query_rows = e->batch.tokens,
                          .longest = e->capacity.longest,
                          .window = e->config->sliding_window,
                          .q = l->kept.q,
                          .k = l->kept.k,
                          .v = l->kept.v,
                          .out = l->kept.attn,
                          .lse = l->kept.lse,
                          .packs = e->scratch.attention_packs,
                          .scratch = e->scratch.attention};
}

static void module_forward(sw_engine *e, sw_layer *l, sw_module m, const void *x, void *y,
                           sw_dtype dtype, const float *add) {
    sw_linear_io io = {.x = x, .u = l->kept.u[m], .y = y, .y_dtype = dtype, .add = add};
    sw_linear_forward(e, &l->linear[m], &io);
}

/* Up to the residual stream in the middle of the block. */
static void attention_half(sw_engine *e, sw_layer *l) {
    sw_scratch *s = &e->scratch;
    sw_kept *k = &l->kept;
    sw_dtype dtype = e->compute.dtype;
    size_t kept_bytes = e->past * e->kv_width * sw_dtype_bytes(dtype);
    sw_norm norm = norm_of(e, l->x, &l->input_norm, k->rstd1);
    sw_norm_forward(&e->compute, &norm, s->norm);
    module_forward(e, l, SW_MODULE_Q, s->norm, s->q, SW_DTYPE_F32, NULL);
    module_forward(e, l, SW_MODULE_K, s->norm, s->k, SW_DTYPE_F32, NULL);
    module_forward(e, l, SW_MODULE_V, s->norm, (uint8_t *)k->v + kept_bytes, dtype, NULL);
    sw_rope rope = rope_of(e, e->heads);
    sw_rope_turn(&e->compute, &rope, s->q, k->q, false);
    rope.heads = e->kv_heads;
    sw_rope_turn(&e->compute, &rope, s->k, (uint8_t *)k->k + kept_bytes, false);
    sw_attention attention = attention_of(e, l);
    sw_attention_forward(&e->compute, &attention);
    module_forward(e, l, SW_MODULE_O, k->attn, k->middle, SW_DTYPE_F32, l->x);
}

static void mlp_half(sw_engine *e, sw_layer *l, float *next) {
    sw_scratch *s = &e->scratch;
    sw_norm norm = norm_of(e, l->kept.middle, &l->post_norm, l->kept.rstd2);
    sw_norm_forward(&e->compute, &norm, s->norm);
    module_forward(e, l, SW_MODULE_GATE, s->norm, l->kept.gate, e->compute.dtype, NULL);
    module_forward(e, l, SW_MODULE_UP, s->norm, l->kept.up, e->compute.dtype, NULL);
    sw_swiglu_forward(&e->compute, l->kept.gate, l->kept.up, s->h,
                      e->batch.tokens * e->config->intermediate_size);
    module_forward(e, l, SW_MODULE_DOWN, s->h, next, SW_DTYPE_F32, l->kept.middle);
}

static sw_source embedding_of(const sw_engine *e) {
    size_t c = e->config->hidden_size;
    const sw_tensor_view *frozen = &e->model->embed_tokens;
    const float *value = e->embedding ? e->embedding->value : NULL;
    if (e->fixed) value = e->fixed->embed_tokens.values;
    if (value) return (sw_source){.data = value, .dtype = SW_DTYPE_F32, .stride = c};
    return (sw_source){.data = frozen->data.data, .dtype = frozen->dtype, .stride = c};
}

void sw_engine_forward(sw_engine *e) {
    size_t c = e->config->hidden_size;
    sw_source table = embedding_of(e);
    sw_embed_forward(&e->compute, &table, e->batch.ids, e->batch.tokens, c, e->layers[0].x);
    for (size_t i = 0; i < e->layer_count; i++) {
        float *next = i + 1 < e->layer_count ? e->layers[i + 1].x : e->final_x;
        attention_half(e, &e->layers[i]);
        mlp_half(e, &e->layers[i], next);
    }
}

/* ---- backward: scratch.dx holds the gradient of the block's output, then of its input ---- */

static void module_backward(sw_engine *e, sw_layer *l, sw_module m, const void *x, const void *dy,
                            size_t slot, sw_gemm *dx) {
    sw_linear_grad g = {.x = x, .u = l->kept.u[m], .dy = dy, .slot = slot};
    sw_linear_backward(e, &l->linear[m], &g, dx);
}

/* The normed input of modules that are trained, packed for their gradients. */
static void norm_input_again(sw_engine *e, const sw_norm *norm, const sw_linear *const *modules,
                             size_t count) {
    bool trained = false;
    for (size_t i = 0; i < count; i++) trained |= sw_linear_is_trained(modules[i]);
    if (!trained) return;
    sw_norm_again(&e->compute, norm, e->scratch.norm);
    sw_linear_pack_input(e, e->scratch.norm, e->config->hidden_size);
}

static float *norm_grad(const sw_norm_weight *w) {
    return w->parameter ? w->parameter->grad : NULL;
}

static void mlp_backward(sw_engine *e, sw_layer *l) {
    sw_scratch *s = &e->scratch;
    size_t t = e->batch.tokens, c = e->config->hidden_size, f = e->config->intermediate_size;
    if (sw_engine_shares_middle(e) && !e->capacity.recompute)
        module_forward(e, l, SW_MODULE_O, l->kept.attn, l->kept.middle, SW_DTYPE_F32, l->x);
    const sw_linear *down = &l->linear[SW_MODULE_DOWN];
    sw_convert(&e->compute, s->dy, s->dx, t * c);
    sw_gemm dh = {0};
    if (sw_linear_is_trained(down)) {
        sw_swiglu_forward(&e->compute, l->kept.gate, l->kept.up, s->h, t * f);
        sw_linear_pack_input(e, s->h, f);
    }
    module_backward(e, l, SW_MODULE_DOWN, s->h, s->dy, 0, &dh);
    sw_linear_finish(e, &dh, s->dh, &down, 1);
    sw_swiglu_grad g = {.gate = l->kept.gate,
                        .up = l->kept.up,
                        .dh = s->dh,
                        .dgate = s->dgate,
                        .dup = s->dup,
                        .count = t * f};
    sw_swiglu_backward(&e->compute, &g);
    sw_norm norm = norm_of(e, l->kept.middle, &l->post_norm, l->kept.rstd2);
    sw_gemm dnorm = {0};
    const sw_linear *both[] = {&l->linear[SW_MODULE_GATE], &l->linear[SW_MODULE_UP]};
    norm_input_again(e, &norm, both, 2);
    module_backward(e, l, SW_MODULE_GATE, s->norm, s->dgate, 0, &dnorm);
    module_backward(e, l, SW_MODULE_UP, s->norm, s->dup, 1, &dnorm);
    sw_linear_finish(e, &dnorm, s->dnorm, both, 2);
    sw_norm_backward(&e->compute, &norm, s->dnorm, s->dx, norm_grad(&l->post_norm));
}

static void attention_backward(sw_engine *e, sw_layer *l) {
    sw_scratch *s = &e->scratch;
    size_t t = e->batch.tokens;
    const sw_linear *o = &l->linear[SW_MODULE_O];
    sw_convert(&e->compute, s->dy, s->dx, t * e->config->hidden_size);
    sw_gemm dattn = {0};
    if (sw_linear_is_trained(o)) sw_linear_pack_input(e, l->kept.attn, e->width);
    module_backward(e, l, SW_MODULE_O, l->kept.attn, s->dy, 0, &dattn);
    sw_linear_finish(e, &dattn, s->dq, &o, 1);
    sw_convert(&e->compute, s->dattn, s->dq, t * e->width);
    sw_attention attention = attention_of(e, l);
    sw_attention_grad g = {.dout = s->dattn, .dq = s->dq, .dk = s->dk, .dv = s->dv};
    sw_attention_backward(&e->compute, &attention, &g);
    sw_rope rope = rope_of(e, e->heads);
    sw_rope_turn(&e->compute, &rope, s->dq, s->dqkv[0], true);
    rope.heads = e->kv_heads;
    sw_rope_turn(&e->compute, &rope, s->dk, s->dqkv[1], true);
    sw_convert(&e->compute, s->dqkv[2], s->dv, t * e->kv_width);
}

static void projections_backward(sw_engine *e, sw_layer *l, bool below) {
    sw_scratch *s = &e->scratch;
    sw_norm norm = norm_of(e, l->x, &l->input_norm, l->kept.rstd1);
    sw_gemm dnorm = {0};
    const sw_linear *three[] = {&l->linear[SW_MODULE_Q], &l->linear[SW_MODULE_K],
                                &l->linear[SW_MODULE_V]};
    norm_input_again(e, &norm, three, 3);
    for (size_t i = 0; i < 3; i++) {
        module_backward(e, l, (sw_module)(SW_MODULE_Q + i), s->norm, s->dqkv[i], i, &dnorm);
    }
    if (!below) return; /* nothing under this layer is trained */
    sw_linear_finish(e, &dnorm, s->dnorm, three, 3);
    sw_norm_backward(&e->compute, &norm, s->dnorm, s->dx, norm_grad(&l->input_norm));
}

/* Where the padding token stands it teaches its own row nothing, as in torch's Embedding (NUM-036):
 * models whose padding token ends turns have it in the middle of rows. */
static void leave_padding_out(sw_engine *e) {
    size_t c = e->config->hidden_size;
    for (size_t t = 0; t < e->batch.tokens; t++) {
        if (e->batch.ids[t] != e->config->pad_token_id) continue;
        memset(e->scratch.dx + t * c, 0, c * sizeof *e->scratch.dx);
    }
}

void sw_engine_backward(sw_engine *e) {
    for (size_t i = e->layer_count; i-- > 0;) {
        sw_layer *l = &e->layers[i];
        if (e->capacity.recompute) {
            attention_half(e, l);
            mlp_half(e, l, e->scratch.dnorm);
        }
        mlp_backward(e, l);
        attention_backward(e, l);
        projections_backward(e, l, i > 0 || e->embedding);
    }
    if (e->embedding) {
        leave_padding_out(e);
        sw_embed_backward(&e->compute, e->batch.ids, e->scratch.dx, e->batch.tokens,
                          e->config->hidden_size, e->embedding->grad);
    }
}
