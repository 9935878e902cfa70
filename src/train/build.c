/* SPDX-License-Identifier: Apache-2.0
 *
 * Building an engine: which matrices exist, which are trained and under which names.
 *
 * Parameters are listed in the order in which PEFT and torch visit modules, because initial values
 * are drawn in that order; a second list sorts them by name, because state and outputs are in name
 * order.
 */
#include "train/engine.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const PATHS[SW_MODULE_COUNT] = {
    "self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj", "self_attn.o_proj",
    "mlp.gate_proj",    "mlp.up_proj",      "mlp.down_proj"};

const char *sw_module_path(sw_module m) {
    return PATHS[m];
}

sw_parameter *sw_engine_add(sw_engine *e, size_t rows, size_t columns, bool decay,
                            const char *name) {
    sw_parameter *p = &e->parameters[e->parameter_count++];
    snprintf(p->name, sizeof p->name, "%s", name);
    p->rows = rows;
    p->columns = columns;
    p->decay = decay;
    e->parameter_floats += rows * columns;
    return p;
}

sw_compute sw_train_compute(sw_profile profile) {
    return (sw_compute){.parallel = sw_parallel_serial(),
                        .dtype = profile == SW_PROFILE_FP32_REF ? SW_DTYPE_F32 : SW_DTYPE_BF16,
                        .rule = profile == SW_PROFILE_BF16_AMX ? SW_RULE_TILES : SW_RULE_PAIRS};
}

static void shape_linears(const sw_engine *e, const sw_model_layer *from, sw_layer *l) {
    size_t c = e->config->hidden_size, f = e->config->intermediate_size;
    const sw_tensor_view *views[SW_MODULE_COUNT] = {
        &from->q_proj,    &from->k_proj,  &from->v_proj,   &from->o_proj,
        &from->gate_proj, &from->up_proj, &from->down_proj};
    const sw_tensor_view *biases[SW_MODULE_COUNT] = {&from->q_bias, &from->k_bias, &from->v_bias};
    const size_t ins[SW_MODULE_COUNT] = {c, c, c, e->width, c, c, f};
    const size_t outs[SW_MODULE_COUNT] = {e->width, e->kv_width, e->kv_width, c, f, f, c};
    for (int m = 0; m < SW_MODULE_COUNT; m++) {
        bool has_bias = biases[m] && biases[m]->dim_count > 0;
        l->linear[m] = (sw_linear){.in = ins[m],
                                   .out = outs[m],
                                   .view = views[m],
                                   .bias_view = has_bias ? biases[m] : NULL};
    }
    l->input_norm.view = &from->input_layernorm;
    l->post_norm.view = &from->post_attention_layernorm;
}

/* Full: every matrix, bias and norm, in the order of HF's modules. */
static void add_weights(sw_engine *e) {
    size_t c = e->config->hidden_size, vocab = e->config->vocab_size;
    e->embedding = sw_engine_add(e, vocab, c, true, "model.embed_tokens.weight");
    for (size_t i = 0; i < e->layer_count; i++) {
        sw_layer *l = &e->layers[i];
        char name[SW_PARAMETER_NAME_BYTES];
        for (int m = 0; m < SW_MODULE_COUNT; m++) {
            sw_linear *linear = &l->linear[m];
            snprintf(name, sizeof name, "model.layers.%zu.%s.weight", i, PATHS[m]);
            linear->weight = sw_engine_add(e, linear->out, linear->in, true, name);
            linear->weight->whole = true;
            if (!linear->bias_view) continue;
            snprintf(name, sizeof name, "model.layers.%zu.%s.bias", i, PATHS[m]);
            linear->bias = sw_engine_add(e, 1, linear->out, false, name);
        }
        snprintf(name, sizeof name, "model.layers.%zu.input_layernorm.weight", i);
        l->input_norm.parameter = sw_engine_add(e, 1, c, false, name);
        snprintf(name, sizeof name, "model.layers.%zu.post_attention_layernorm.weight", i);
        l->post_norm.parameter = sw_engine_add(e, 1, c, false, name);
    }
    e->final_norm.parameter = sw_engine_add(e, 1, c, false, "model.norm.weight");
    if (!e->config->tie_word_embeddings) {
        e->head = sw_engine_add(e, vocab, c, true, "lm_head.weight");
    }
    e->table = e->head ? e->head : e->embedding;
    e->table->whole = true;
    e->full = true;
}

static int by_name(const void *a, const void *b) {
    const sw_parameter *const *x = a, *const *y = b;
    return strcmp((*x)->name, (*y)->name);
}

static sw_status refuse_size(const char *member, uint32_t value, const char *wanted,
                             sw_error *err) {
    return sw_fail(err, SW_REFUSED, "model", "%s is %u, and the engine needs %s", member, value,
                   wanted);
}

/* MODEL-027. The vocabulary may be odd: a base with one token added has such a one. */
static sw_status check_shape(const sw_model_config *c, sw_error *err) {
    const struct {
        const char *member;
        uint32_t value;
        bool even;
    } sizes[] = {{"hidden_size", c->hidden_size, true},
                 {"intermediate_size", c->intermediate_size, true},
                 {"head_dim", c->head_dim, true},
                 {"vocab_size", c->vocab_size, false},
                 {"num_hidden_layers", c->num_hidden_layers, false},
                 {"num_key_value_heads", c->num_key_value_heads, false}};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        if (!sizes[i].value) return refuse_size(sizes[i].member, 0, "at least 1", err);
        if (sizes[i].even && sizes[i].value % 2)
            return refuse_size(sizes[i].member, sizes[i].value, "an even number", err);
    }
    if (c->head_dim > SW_ROPE_HEAD_LIMIT)
        return sw_fail(err, SW_REFUSED, "model", "head_dim is %u, and the engine takes %d at most",
                       c->head_dim, SW_ROPE_HEAD_LIMIT);
    if (c->num_attention_heads % c->num_key_value_heads)
        return refuse_size("num_attention_heads", c->num_attention_heads,
                           "a multiple of num_key_value_heads", err);
    if (c->rope.theta >= 1) return SW_OK;
    return sw_fail(err, SW_REFUSED, "model", "rope_theta is below 1");
}

/* As HF and bitsandbytes: small parameters and the table of embeddings keep f32 (NUM-055). */
static void choose_coded(sw_engine *e) {
    if (e->settings->optim != SW_OPTIMISER_ADAMW_8BIT) return;
    for (size_t i = 0; i < e->parameter_count; i++) {
        sw_parameter *p = &e->parameters[i];
        size_t count = p->rows * p->columns;
        p->coded = p != e->embedding && count >= SW_CODED_ELEMENTS;
        if (!p->coded) continue;
        e->coded_elements += count;
        e->coded_blocks += sw_dynamic_blocks(count);
    }
}

static sw_status build_trained(sw_arena *arena, const sw_engine_plan *plan, sw_engine *e,
                               sw_error *err) {
    const sw_training *t = plan->settings;
    size_t limit = e->layer_count * SW_ADAPTED_PARAMETERS * SW_MODULE_COUNT + 3;
    e->parameters = SW_ARENA_NEW(arena, sw_parameter, limit);
    e->by_name = SW_ARENA_NEW(arena, sw_parameter *, limit);
    if (!e->parameters || !e->by_name) {
        return sw_fail(err, SW_MEMORY, "memory", "no memory for the list of parameters");
    }
    if (sw_training_adapts(t)) {
        SW_TRY(sw_engine_add_adapters(e, &t->lora, err));
        e->dropout = t->lora.lora_dropout;
        e->quantised = t->method == SW_METHOD_QLORA;
    } else {
        add_weights(e);
    }
    choose_coded(e);
    for (size_t i = 0; i < e->parameter_count; i++) e->by_name[i] = &e->parameters[i];
    qsort(e->by_name, e->parameter_count, sizeof *e->by_name, by_name);
    return SW_OK;
}

sw_status sw_engine_build(sw_arena *arena, const sw_engine_plan *plan, sw_engine *out,
                          sw_error *err) {
    const sw_model_config *c = &plan->model->config;
    SW_TRY(check_shape(c, err));
    sw_engine e = {.model = plan->model,
                   .config = c,
                   .settings = plan->settings,
                   .heads = c->num_attention_heads,
                   .kv_heads = c->num_key_value_heads,
                   .head_dim = c->head_dim,
                   .width = (size_t)c->num_attention_heads * c->head_dim,
                   .kv_width = (size_t)c->num_key_value_heads * c->head_dim,
                   .layer_count = c->num_hidden_layers};
    e.compute = sw_train_compute(plan->profile);
    e.layers = SW_ARENA_NEW(arena, sw_layer, e.layer_count);
    if (!e.layers) return sw_fail(err, SW_MEMORY, "memory", "no memory for the list of layers");
    for (size_t i = 0; i < e.layer_count; i++) {
        shape_linears(&e, &plan->model->layers[i], &e.layers[i]);
        for (int m = 0; m < SW_MODULE_COUNT; m++) {
            e.layers[i].linear[m].number = (uint32_t)(i * SW_MODULE_COUNT) + (uint32_t)m;
        }
    }
    e.final_norm.view = &plan->model->norm;
    if (plan->settings) SW_TRY(build_trained(arena, plan, &e, err));
    if (plan->adapter) SW_TRY(sw_engine_attach(&e, plan->adapter, err));
    *out = e;
    return SW_OK;
}
