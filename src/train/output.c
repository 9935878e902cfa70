/* SPDX-License-Identifier: Apache-2.0
 *
 * Outputs: a PEFT adapter, or a whole model (config.json, model.safetensors) in f32, the trained
 * state as it is (RCP-034), beside it the base's files that a folder needs to be loaded (MAN-043).
 * No time, path or random id in any byte.
 */
#include "train/output.h"
#include "codec/json.h"
#include <stdio.h>
#include <string.h>

#define CONFIG_LIMIT 65536

static sw_adapter_table table_of(const sw_parameter *p) {
    if (!p) return (sw_adapter_table){0};
    return (sw_adapter_table){.rows = p->rows, .columns = p->columns, .values = p->value};
}

static sw_status adapter(sw_arena *arena, const sw_engine *e, const sw_train_job *job,
                         const sw_model_sink *sink, sw_error *err) {
    sw_adapter a = {.lora = job->settings->lora,
                    .embed_tokens = table_of(e->embedding),
                    .lm_head = table_of(e->head)};
    a.pairs = SW_ARENA_NEW(arena, sw_adapter_pair, e->layer_count * SW_MODULE_COUNT);
    if (!a.pairs) return sw_fail(err, SW_MEMORY, "memory", "no memory for the adapter's list");
    for (size_t i = 0; i < e->layer_count; i++) {
        for (int m = 0; m < SW_MODULE_COUNT; m++) {
            const sw_linear *l = &e->layers[i].linear[m];
            if (!l->a) continue;
            sw_adapter_pair *p = &a.pairs[a.pair_count++];
            *p = (sw_adapter_pair){.in = l->in,
                                   .out = l->out,
                                   .a = l->a->value,
                                   .b = l->b->value,
                                   .magnitude = l->magnitude ? l->magnitude->value : NULL};
            snprintf(p->module, sizeof p->module, "model.layers.%zu.%s", i,
                     sw_module_path((sw_module)m));
        }
    }
    return sw_adapter_write(&a, job->base_model_name, sink, err);
}

static void add_sizes(sw_arena *a, sw_json *o, const sw_model_config *c) {
    sw_json_add_integer(a, o, "hidden_size", c->hidden_size);
    sw_json_add_integer(a, o, "intermediate_size", c->intermediate_size);
    sw_json_add_integer(a, o, "num_hidden_layers", c->num_hidden_layers);
    sw_json_add_integer(a, o, "num_attention_heads", c->num_attention_heads);
    sw_json_add_integer(a, o, "num_key_value_heads", c->num_key_value_heads);
    sw_json_add_integer(a, o, "head_dim", c->head_dim);
    sw_json_add_integer(a, o, "vocab_size", c->vocab_size);
    sw_json_add_integer(a, o, "max_position_embeddings", c->max_position_embeddings);
    sw_json_add_number(a, o, "rms_norm_eps", c->rms_norm_eps);
    sw_json_add_number(a, o, "rope_theta", c->rope.theta);
    sw_json_add_flag(a, o, "tie_word_embeddings", c->tie_word_embeddings);
}

static void add_scaling(sw_arena *a, sw_json *o, const sw_rope_settings *rope) {
    if (rope->kind == SW_ROPE_DEFAULT) return;
    bool linear = rope->kind == SW_ROPE_LINEAR;
    sw_json *scaling = sw_json_add_object(a, o, "rope_scaling");
    sw_json_add_text(a, scaling, "rope_type", sw_text(linear ? "linear" : "llama3"));
    sw_json_add_number(a, scaling, "factor", rope->factor);
    if (linear) return;
    sw_json_add_number(a, scaling, "low_freq_factor", rope->low_freq_factor);
    sw_json_add_number(a, scaling, "high_freq_factor", rope->high_freq_factor);
    sw_json_add_integer(a, scaling, "original_max_position_embeddings",
                        rope->original_max_position_embeddings);
}

/* What the family's class reads beside the sizes. */
static void add_family(sw_arena *a, sw_json *o, const sw_model_config *c) {
    const sw_model_family *f = c->family;
    for (size_t i = 0; i < sizeof f->off / sizeof f->off[0]; i++)
        if (f->off[i]) sw_json_add_flag(a, o, f->off[i], false);
    if (c->sliding_window) sw_json_add_integer(a, o, "sliding_window", c->sliding_window);
    if (f->sliding_window && !c->sliding_window) sw_json_add_null(a, o, "sliding_window");
    add_scaling(a, o, &c->rope);
}

static void add_token(sw_arena *a, sw_json *o, const char *name, uint32_t id) {
    if (id != UINT32_MAX) sw_json_add_integer(a, o, name, id);
}

static void add_ends(sw_arena *a, sw_json *o, const sw_token_ends *ends) {
    if (!ends->listed && ends->count) sw_json_add_integer(a, o, "eos_token_id", ends->ids[0]);
    if (!ends->listed) return;
    sw_json *list = sw_json_add_array(a, o, "eos_token_id");
    for (uint32_t i = 0; i < ends->count; i++) sw_json_add_integer(a, list, NULL, ends->ids[i]);
}

static sw_status config(sw_arena *a, const sw_engine *e, const sw_model_sink *sink, sw_error *err) {
    const sw_model_config *c = e->config;
    sw_json *o = sw_json_make(a, SW_JSON_OBJECT);
    sw_json *architectures = sw_json_add_array(a, o, "architectures");
    sw_json_add_text(a, architectures, NULL, sw_text(c->family->architecture));
    sw_json_add_text(a, o, "model_type", sw_text(c->family->model_type));
    sw_json_add_text(a, o, "hidden_act", SW_LITERAL("silu"));
    sw_json_add_text(a, o, "torch_dtype", SW_LITERAL("float32"));
    add_family(a, o, c);
    add_sizes(a, o, c);
    add_token(a, o, "bos_token_id", c->bos_token_id);
    add_ends(a, o, &c->ends);
    add_token(a, o, "pad_token_id", c->pad_token_id);
    SW_SCOPED(sw_buffer) text = SW_BUFFER(CONFIG_LIMIT);
    sw_json_encode(&text, o);
    SW_TRY(sw_buffer_check(&text, "config.json", err));
    return sink->file(sink->context, "config.json", sw_buffer_bytes(&text), err);
}

/* As the list below has them, whatever their order in the folder. */
static const char *const copied[] = {"generation_config.json", "tokenizer.json",
                                     "tokenizer_config.json", "special_tokens_map.json",
                                     "chat_template.jinja"};
#define COPIED (sizeof copied / sizeof copied[0])

bool sw_train_copies(const char *name) {
    for (size_t i = 0; i < COPIED; i++)
        if (strcmp(name, copied[i]) == 0) return true;
    return false;
}

static sw_status copies(const sw_train_job *job, const sw_model_sink *sink, sw_error *err) {
    for (size_t i = 0; i < COPIED; i++)
        for (size_t f = 0; f < job->file_count; f++)
            if (strcmp(job->files[f].name, copied[i]) == 0)
                SW_TRY(sink->file(sink->context, copied[i], job->files[f].bytes, err));
    return SW_OK;
}

static sw_status weights(sw_arena *arena, const sw_engine *e, const sw_model_sink *sink,
                         sw_error *err) {
    SW_SCOPED(sw_buffer) file = SW_BUFFER(e->parameter_floats * sizeof(float) + (1u << 24));
    sw_tensor_view *views = SW_ARENA_NEW(arena, sw_tensor_view, e->parameter_count);
    if (!views) return sw_fail(err, SW_MEMORY, "memory", "no memory for the model");
    for (size_t i = 0; i < e->parameter_count; i++) {
        const sw_parameter *p = e->by_name[i];
        views[i] = (sw_tensor_view){
            .name = sw_text(p->name),
            .dtype = SW_DTYPE_F32,
            .dims = {p->rows, p->columns},
            .dim_count = 2,
            .data = SW_BYTES((const uint8_t *)p->value, p->rows * p->columns * sizeof *p->value)};
        if (p->rows == 1) { /* a norm or a bias */
            views[i].dims[0] = p->columns;
            views[i].dim_count = 1;
        }
    }
    SW_TRY(sw_safetensors_encode(&file, views, e->parameter_count, err));
    SW_TRY(sw_buffer_check(&file, "model.safetensors", err));
    return sink->file(sink->context, "model.safetensors", sw_buffer_bytes(&file), err);
}

sw_status sw_train_output(sw_arena *arena, const sw_engine *e, const sw_train_job *job,
                          const sw_train_host *host, sw_error *err) {
    sw_model_sink sink = {.context = host->context, .file = host->output};
    if (!e->full) return adapter(arena, e, job, &sink, err);
    SW_TRY(config(arena, e, &sink, err));
    SW_TRY(copies(job, &sink, err));
    return weights(arena, e, &sink, err);
}
