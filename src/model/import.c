/* SPDX-License-Identifier: Apache-2.0
 *
 * A GGUF file of the llama architecture as a Hugging Face folder (MODEL-060 to MODEL-064).
 *
 * The metadata becomes config.json; an entry of the architecture that is not read here is refused,
 * since it would change what is computed. Nothing reaches the sink before everything is made.
 */
#include "model/model_internal.h"

#define ARCHITECTURE "llama"
#define KEY          ARCHITECTURE "."

enum { JSON_LIMIT = 4 << 20, TOKENIZER_LIMIT = 64 << 20 };

static sw_status malformed(sw_error *err, const char *key, const char *what) {
    return sw_fail(err, SW_MALFORMED, "format", "GGUF: %s %s", key, what);
}

static sw_status refused(sw_error *err, sw_bytes what) {
    char shown[SW_SHOWN_NAME_BYTES];
    return sw_fail(err, SW_REFUSED, "unsupported", "GGUF: %s is not supported",
                   sw_shown_name(shown, what));
}

/* ---- configuration ---- */

static sw_status check_architecture(const sw_gguf *g, sw_error *err) {
    const sw_gguf_entry *e = sw_gguf_find(g, "general.architecture");
    char shown[SW_SHOWN_NAME_BYTES];
    if (e == NULL || e->kind != SW_GGUF_TEXT)
        return malformed(err, "general.architecture", "is missing");
    if (sw_bytes_is(e->text, ARCHITECTURE)) return SW_OK;
    return sw_fail(err, SW_REFUSED, "unsupported", "GGUF: architecture %s is not supported",
                   sw_shown_name(shown, e->text));
}

static sw_status read_count(const sw_gguf *g, const char *key, uint32_t fallback, uint32_t limit,
                            uint32_t *out, sw_error *err) {
    const sw_gguf_entry *e = sw_gguf_find(g, key);
    if (e == NULL && fallback == 0) return malformed(err, key, "is missing");
    if (e == NULL) {
        *out = fallback;
        return SW_OK;
    }
    if (e->kind != SW_GGUF_INTEGER || e->integer < 1)
        return malformed(err, key, "is not a positive whole number");
    if (e->integer > limit)
        return sw_fail(err, SW_LIMIT, "limit", "GGUF: %s is above %u", key, limit);
    *out = (uint32_t)e->integer;
    return SW_OK;
}

static sw_status read_real(const sw_gguf *g, const char *key, double low, double high, double *out,
                           sw_error *err) {
    const sw_gguf_entry *e = sw_gguf_find(g, key);
    if (e == NULL) return SW_OK;
    if (e->kind != SW_GGUF_REAL || !(e->real >= low) || !(e->real <= high))
        return malformed(err, key, "is not a number in its range");
    *out = e->real;
    return SW_OK;
}

static sw_status read_id(const sw_gguf *g, const char *key, uint32_t vocab, uint32_t *out,
                         sw_error *err) {
    const sw_gguf_entry *e = sw_gguf_find(g, key);
    *out = UINT32_MAX;
    if (e == NULL) return SW_OK;
    if (e->kind != SW_GGUF_INTEGER || e->integer < 0 || e->integer >= vocab)
        return malformed(err, key, "is no token's id");
    *out = (uint32_t)e->integer;
    return SW_OK;
}

/* Every entry of the architecture is one that is read here, or 0 (a feature that is off). */
static sw_status check_entries(const sw_gguf *g, sw_error *err) {
    static const char *const known[] = {
        KEY "block_count",          KEY "context_length",
        KEY "embedding_length",     KEY "feed_forward_length",
        KEY "attention.head_count", KEY "attention.head_count_kv",
        KEY "attention.key_length", KEY "attention.value_length",
        KEY "rope.freq_base",       KEY "rope.dimension_count",
        KEY "vocab_size",           KEY "attention.layer_norm_rms_epsilon",
    };
    for (size_t i = 0; i < g->entry_count; i++) {
        const sw_gguf_entry *e = &g->entries[i];
        bool found = !sw_bytes_starts(e->key, SW_LITERAL(KEY)) ||
                     (e->kind == SW_GGUF_INTEGER && e->integer == 0);
        for (size_t k = 0; k < sizeof known / sizeof known[0] && !found; k++)
            found = sw_bytes_is(e->key, known[k]);
        if (!found && sw_bytes_is(e->key, KEY "rope.scaling.type"))
            found = e->kind == SW_GGUF_TEXT && sw_bytes_is(e->text, "none");
        if (!found) return refused(err, e->key);
    }
    return SW_OK;
}

static sw_status read_sizes(const sw_gguf *g, sw_model_config *c, sw_error *err) {
    const uint32_t size = SW_MODEL_SIZE_LIMIT;
    uint32_t rotated, value;
    SW_TRY(read_count(g, KEY "embedding_length", 0, size, &c->hidden_size, err));
    SW_TRY(read_count(g, KEY "feed_forward_length", 0, size, &c->intermediate_size, err));
    SW_TRY(read_count(g, KEY "block_count", 0, SW_MODEL_LAYER_LIMIT, &c->num_hidden_layers, err));
    SW_TRY(read_count(g, KEY "attention.head_count", 0, 4096, &c->num_attention_heads, err));
    SW_TRY(read_count(g, KEY "attention.head_count_kv", c->num_attention_heads, 4096,
                      &c->num_key_value_heads, err));
    uint32_t head = c->hidden_size / c->num_attention_heads;
    SW_TRY(read_count(g, KEY "attention.key_length", head, 4096, &c->head_dim, err));
    SW_TRY(read_count(g, KEY "attention.value_length", head, 4096, &value, err));
    SW_TRY(read_count(g, KEY "rope.dimension_count", c->head_dim, 4096, &rotated, err));
    SW_TRY(read_count(g, KEY "context_length", 0, UINT32_MAX, &c->max_position_embeddings, err));
    if (value != c->head_dim)
        return malformed(err, KEY "attention.value_length", "is not the key's");
    if (rotated != c->head_dim) return refused(err, SW_LITERAL(KEY "rope.dimension_count"));
    return SW_OK;
}

static sw_status read_config(const sw_gguf *g, sw_model_config *out, sw_error *err) {
    sw_model_config c = {.model_type = "llama", .rms_norm_eps = 0, .rope_theta = 10000};
    SW_TRY(check_architecture(g, err));
    SW_TRY(check_entries(g, err));
    SW_TRY(read_sizes(g, &c, err));
    const sw_gguf_tensor *embedding = sw_gguf_find_tensor(g, "token_embd.weight");
    if (embedding == NULL || embedding->dim_count != 2 || embedding->dims[1] > SW_MODEL_SIZE_LIMIT)
        return malformed(err, "token_embd.weight", "is missing or ill-shaped");
    SW_TRY(read_count(g, KEY "vocab_size", (uint32_t)embedding->dims[1], SW_MODEL_SIZE_LIMIT,
                      &c.vocab_size, err));
    SW_TRY(read_real(g, KEY "attention.layer_norm_rms_epsilon", 1e-30, 1, &c.rms_norm_eps, err));
    if (c.rms_norm_eps == 0)
        return malformed(err, KEY "attention.layer_norm_rms_epsilon", "is missing");
    SW_TRY(read_real(g, KEY "rope.freq_base", 1, 1e12, &c.rope_theta, err));
    c.tie_word_embeddings = sw_gguf_find_tensor(g, "output.weight") == NULL;
    SW_TRY(read_id(g, "tokenizer.ggml.bos_token_id", c.vocab_size, &c.bos_token_id, err));
    SW_TRY(read_id(g, "tokenizer.ggml.eos_token_id", c.vocab_size, &c.eos_token_id, err));
    SW_TRY(read_id(g, "tokenizer.ggml.padding_token_id", c.vocab_size, &c.pad_token_id, err));
    SW_TRY(sw_model_config_check(&c, err));
    *out = c;
    return SW_OK;
}

static void put_id(sw_buffer *out, const char *name, uint32_t id) {
    if (id == UINT32_MAX)
        sw_put_format(out, "  \"%s\": null,\n", name);
    else
        sw_put_format(out, "  \"%s\": %u,\n", name, id);
}

static void put_config(sw_buffer *out, const sw_model_config *c, sw_dtype dtype) {
    sw_put_text(out, "{\n  \"architectures\": [\n    \"LlamaForCausalLM\"\n  ],\n"
                     "  \"attention_bias\": false,\n  \"attention_dropout\": 0.0,\n");
    put_id(out, "bos_token_id", c->bos_token_id);
    put_id(out, "eos_token_id", c->eos_token_id);
    sw_put_format(out,
                  "  \"head_dim\": %u,\n  \"hidden_act\": \"silu\",\n  \"hidden_size\": %u,\n"
                  "  \"initializer_range\": 0.02,\n  \"intermediate_size\": %u,\n"
                  "  \"max_position_embeddings\": %u,\n  \"mlp_bias\": false,\n"
                  "  \"model_type\": \"llama\",\n  \"num_attention_heads\": %u,\n"
                  "  \"num_hidden_layers\": %u,\n  \"num_key_value_heads\": %u,\n",
                  c->head_dim, c->hidden_size, c->intermediate_size, c->max_position_embeddings,
                  c->num_attention_heads, c->num_hidden_layers, c->num_key_value_heads);
    put_id(out, "pad_token_id", c->pad_token_id);
    sw_put_text(out, "  \"rms_norm_eps\": ");
    sw_put_json_single(out, c->rms_norm_eps);
    sw_put_text(out, ",\n  \"rope_scaling\": null,\n  \"rope_theta\": ");
    sw_put_json_single(out, c->rope_theta);
    sw_put_format(out,
                  ",\n  \"tie_word_embeddings\": %s,\n  \"torch_dtype\": \"%s\",\n"
                  "  \"use_cache\": true,\n  \"vocab_size\": %u\n}\n",
                  c->tie_word_embeddings ? "true" : "false",
                  dtype == SW_DTYPE_BF16 ? "bfloat16" : "float32", c->vocab_size);
}

/* Members that are absent are left out: null would silence the defaults of config.json. */
static void put_generation_config(sw_buffer *out, const sw_model_config *c) {
    sw_put_text(out, "{\n");
    if (c->bos_token_id != UINT32_MAX) put_id(out, "bos_token_id", c->bos_token_id);
    if (c->eos_token_id != UINT32_MAX) put_id(out, "eos_token_id", c->eos_token_id);
    if (c->pad_token_id != UINT32_MAX) put_id(out, "pad_token_id", c->pad_token_id);
    sw_put_text(out, "  \"use_cache\": true\n}\n");
}

/* ---- the folder ---- */

typedef struct made {
    sw_buffer config, generation, weights, tokenizer, settings;
} made;

static void made_free(made *m) {
    sw_buffer_free(&m->config);
    sw_buffer_free(&m->generation);
    sw_buffer_free(&m->weights);
    sw_buffer_free(&m->tokenizer);
    sw_buffer_free(&m->settings);
}

static sw_status make_all(sw_arena *arena, sw_bytes gguf, sw_dtype dtype, made *m, sw_error *err) {
    sw_gguf g;
    sw_model_config config;
    SW_TRY(sw_gguf_parse(arena, gguf, &g, err));
    SW_TRY(read_config(&g, &config, err));
    SW_TRY(sw_gguf_write_tokenizer(&g, &config, &m->tokenizer, &m->settings, err));
    put_config(&m->config, &config, dtype);
    put_generation_config(&m->generation, &config);
    SW_TRY(sw_buffer_check(&m->config, "config.json", err));
    SW_TRY(sw_buffer_check(&m->generation, "generation_config.json", err));
    return sw_gguf_write_weights(arena, &g, &config, dtype, &m->weights, err);
}

static sw_status emit(const sw_model_sink *sink, const made *m, sw_error *err) {
    const struct {
        const char *name;
        const sw_buffer *content;
    } files[] = {{"config.json", &m->config},
                 {"generation_config.json", &m->generation},
                 {"model.safetensors", &m->weights},
                 {"tokenizer.json", &m->tokenizer},
                 {"tokenizer_config.json", &m->settings}};
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++)
        SW_TRY(sink->file(sink->context, files[i].name, sw_buffer_bytes(files[i].content), err));
    return SW_OK;
}

sw_status sw_gguf_import(sw_bytes gguf, sw_dtype dtype, const sw_model_sink *sink, sw_error *err) {
    SW_SCOPED(sw_arena) arena = {0};
    SW_SCOPED(made)
    m = {SW_BUFFER(JSON_LIMIT), SW_BUFFER(JSON_LIMIT), SW_BUFFER(SIZE_MAX),
         SW_BUFFER(TOKENIZER_LIMIT), SW_BUFFER(JSON_LIMIT)};
    if (dtype != SW_DTYPE_BF16 && dtype != SW_DTYPE_F32)
        return sw_fail(err, SW_USAGE, "usage", "a model is imported as bf16 or f32");
    SW_TRY(make_all(&arena, gguf, dtype, &m, err));
    return emit(sink, &m, err);
}
