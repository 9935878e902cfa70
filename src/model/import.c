/* SPDX-License-Identifier: Apache-2.0
 *
 * A GGUF file of a known architecture as a Hugging Face folder (MODEL-060 to MODEL-064).
 *
 * The metadata becomes config.json; an entry of the architecture that is not read here is refused,
 * since it would change what is computed. Nothing reaches the sink before everything is made.
 */
#include "model/model_internal.h"

#include <stdio.h>

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

#define KEY_BYTES 64

typedef struct reader {
    const sw_gguf *g;
    const sw_model_family *family;
    sw_error *err;
} reader;

/* The whole key of an entry of the architecture. */
static const char *key_of(const reader *r, char out[KEY_BYTES], const char *name) {
    (void)snprintf(out, KEY_BYTES, "%s.%s", r->family->gguf, name);
    return out;
}

static sw_status find_family(reader *r) {
    const sw_gguf_entry *e = sw_gguf_find(r->g, "general.architecture");
    char shown[SW_SHOWN_NAME_BYTES];
    if (e == NULL || e->kind != SW_GGUF_TEXT)
        return malformed(r->err, "general.architecture", "is missing");
    r->family = sw_model_family_find(e->text, true);
    if (r->family != NULL) return SW_OK;
    return sw_fail(r->err, SW_REFUSED, "unsupported", "GGUF: architecture %s is not supported",
                   sw_shown_name(shown, e->text));
}

static sw_status read_count(const reader *r, const char *name, uint32_t fallback, uint32_t limit,
                            uint32_t *out) {
    char key[KEY_BYTES];
    const sw_gguf_entry *e = sw_gguf_find(r->g, key_of(r, key, name));
    if (e == NULL && fallback == 0) return malformed(r->err, key, "is missing");
    if (e == NULL) {
        *out = fallback;
        return SW_OK;
    }
    if (e->kind != SW_GGUF_INTEGER || e->integer < 1)
        return malformed(r->err, key, "is not a positive whole number");
    if (e->integer > limit)
        return sw_fail(r->err, SW_LIMIT, "limit", "GGUF: %s is above %u", key, limit);
    *out = (uint32_t)e->integer;
    return SW_OK;
}

static sw_status read_real(const reader *r, const char *name, double low, double high,
                           double *out) {
    char key[KEY_BYTES];
    const sw_gguf_entry *e = sw_gguf_find(r->g, key_of(r, key, name));
    if (e == NULL && *out != 0) return SW_OK;
    if (e == NULL) return malformed(r->err, key, "is missing");
    if (e->kind != SW_GGUF_REAL || !(e->real >= low) || !(e->real <= high))
        return malformed(r->err, key, "is not a number in its range");
    *out = e->real;
    return SW_OK;
}

static sw_status read_id(const reader *r, const char *key, uint32_t vocab, uint32_t *out) {
    const sw_gguf_entry *e = sw_gguf_find(r->g, key);
    *out = UINT32_MAX;
    if (e == NULL) return SW_OK;
    if (e->kind != SW_GGUF_INTEGER || e->integer < 0 || e->integer >= vocab)
        return malformed(r->err, key, "is no token's id");
    *out = (uint32_t)e->integer;
    return SW_OK;
}

#define SCALING_TYPE   "rope.scaling.type"
#define SCALING_FACTOR "rope.scaling.factor"

/* Every entry of the architecture is one that is read here, or 0 (a feature that is off). */
static sw_status check_entries(const reader *r) {
    static const char *const known[] = {
        "block_count",          "context_length",
        "embedding_length",     "feed_forward_length",
        "attention.head_count", "attention.head_count_kv",
        "attention.key_length", "attention.value_length",
        "rope.freq_base",       "rope.dimension_count",
        "vocab_size",           "attention.layer_norm_rms_epsilon",
        SCALING_TYPE,           SCALING_FACTOR,
    };
    char key[KEY_BYTES];
    for (size_t i = 0; i < r->g->entry_count; i++) {
        const sw_gguf_entry *e = &r->g->entries[i];
        bool found = !sw_bytes_starts(e->key, sw_text(key_of(r, key, ""))) ||
                     (e->kind == SW_GGUF_INTEGER && e->integer == 0);
        for (size_t k = 0; k < sizeof known / sizeof known[0] && !found; k++)
            found = sw_bytes_is(e->key, key_of(r, key, known[k]));
        if (!found) return refused(r->err, e->key);
    }
    return SW_OK;
}

static sw_status read_sizes(const reader *r, sw_model_config *c) {
    const uint32_t size = SW_MODEL_SIZE_LIMIT;
    uint32_t rotated, value;
    char key[KEY_BYTES];
    SW_TRY(read_count(r, "embedding_length", 0, size, &c->hidden_size));
    SW_TRY(read_count(r, "feed_forward_length", 0, size, &c->intermediate_size));
    SW_TRY(read_count(r, "block_count", 0, SW_MODEL_LAYER_LIMIT, &c->num_hidden_layers));
    SW_TRY(read_count(r, "attention.head_count", 0, 4096, &c->num_attention_heads));
    SW_TRY(read_count(r, "attention.head_count_kv", c->num_attention_heads, 4096,
                      &c->num_key_value_heads));
    uint32_t head = c->hidden_size / c->num_attention_heads;
    SW_TRY(read_count(r, "attention.key_length", head, 4096, &c->head_dim));
    SW_TRY(read_count(r, "attention.value_length", head, 4096, &value));
    SW_TRY(read_count(r, "rope.dimension_count", c->head_dim, 4096, &rotated));
    SW_TRY(read_count(r, "context_length", 0, UINT32_MAX, &c->max_position_embeddings));
    if (value != c->head_dim)
        return malformed(r->err, key_of(r, key, "attention.value_length"), "is not the key's");
    if (rotated != c->head_dim)
        return refused(r->err, sw_text(key_of(r, key, "rope.dimension_count")));
    return SW_OK;
}

/* rope.scaling.type none or linear; llama3 is told by a tensor of factors instead. */
static sw_status read_scaling(const reader *r, sw_rope_settings *rope) {
    char key[KEY_BYTES], other[KEY_BYTES];
    const sw_gguf_entry *type = sw_gguf_find(r->g, key_of(r, key, SCALING_TYPE));
    if (type != NULL && type->kind == SW_GGUF_TEXT && sw_bytes_is(type->text, "linear")) {
        rope->kind = SW_ROPE_LINEAR;
        return read_real(r, SCALING_FACTOR, 1, 1e9, &rope->factor);
    }
    if (type != NULL && (type->kind != SW_GGUF_TEXT || !sw_bytes_is(type->text, "none")))
        return refused(r->err, sw_text(key));
    if (sw_gguf_find(r->g, key_of(r, other, SCALING_FACTOR)) != NULL)
        return refused(r->err, sw_text(other));
    return SW_OK;
}

/* A GGUF of a Llama 3.1 or later holds by how much each frequency is slowed, and not why: the
 * slowest is slowed by the whole factor, and the rest must be what Llama 3's other three numbers
 * give. */
static sw_status read_rope_factors(sw_arena *arena, const reader *r, sw_model_config *c) {
    const char *name = SW_GGUF_ROPE_FACTORS;
    const sw_gguf_tensor *t = sw_gguf_find_tensor(r->g, name);
    size_t half = c->head_dim / 2;
    if (t == NULL) return SW_OK;
    if (c->rope.kind != SW_ROPE_DEFAULT) return refused(r->err, t->name);
    if (t->dim_count != 1 || t->dims[0] != half || t->type->block_elements != 1)
        return malformed(r->err, name, "has another shape or type than its head implies");
    float *factors = SW_ARENA_NEW(arena, float, half);
    float *plain = SW_ARENA_NEW(arena, float, half), *slowed = SW_ARENA_NEW(arena, float, half);
    if (factors == NULL || plain == NULL || slowed == NULL)
        return sw_fail(r->err, SW_MEMORY, "memory", "no memory for factors");
    sw_gguf_dequantise(t->type, factors, t->data.data, half);
    sw_rope_settings scaled = {.theta = c->rope.theta,
                               .kind = SW_ROPE_LLAMA3,
                               .factor = (double)factors[half - 1],
                               .low_freq_factor = 1,
                               .high_freq_factor = 4,
                               .original_max_position_embeddings = 8192};
    if (!(scaled.factor >= 1 && scaled.factor <= 1e6)) return refused(r->err, t->name);
    sw_rope_frequencies(plain, c->head_dim, &c->rope);
    sw_rope_frequencies(slowed, c->head_dim, &scaled);
    for (size_t i = 0; i < half; i++) {
        double error = (double)factors[i] * (double)slowed[i] / (double)plain[i] - 1;
        if (!(error < 1e-5 && error > -1e-5)) return refused(r->err, t->name);
    }
    c->rope = scaled;
    return SW_OK;
}

static sw_status read_vocabulary(const reader *r, sw_model_config *c) {
    const sw_gguf_tensor *embedding = sw_gguf_find_tensor(r->g, "token_embd.weight");
    if (embedding == NULL || embedding->dim_count != 2 || embedding->dims[1] > SW_MODEL_SIZE_LIMIT)
        return malformed(r->err, "token_embd.weight", "is missing or ill-shaped");
    SW_TRY(read_count(r, "vocab_size", (uint32_t)embedding->dims[1], SW_MODEL_SIZE_LIMIT,
                      &c->vocab_size));
    c->tie_word_embeddings = sw_gguf_find_tensor(r->g, "output.weight") == NULL;
    SW_TRY(read_id(r, "tokenizer.ggml.bos_token_id", c->vocab_size, &c->bos_token_id));
    SW_TRY(read_id(r, "tokenizer.ggml.eos_token_id", c->vocab_size, &c->eos_token_id));
    return read_id(r, "tokenizer.ggml.padding_token_id", c->vocab_size, &c->pad_token_id);
}

static sw_status read_config(sw_arena *arena, const sw_gguf *g, sw_model_config *out,
                             sw_error *err) {
    reader r = {.g = g, .err = err};
    sw_model_config c = {.rope = {.theta = 10000}};
    SW_TRY(find_family(&r));
    c.family = r.family;
    SW_TRY(check_entries(&r));
    SW_TRY(read_sizes(&r, &c));
    SW_TRY(read_vocabulary(&r, &c));
    SW_TRY(read_real(&r, "attention.layer_norm_rms_epsilon", 1e-30, 1, &c.rms_norm_eps));
    SW_TRY(read_real(&r, "rope.freq_base", 1, 1e12, &c.rope.theta));
    SW_TRY(read_scaling(&r, &c.rope));
    SW_TRY(sw_model_config_check(&c, err));
    SW_TRY(read_rope_factors(arena, &r, &c));
    *out = c;
    return SW_OK;
}

static void put_id(sw_buffer *out, const char *name, uint32_t id) {
    if (id == UINT32_MAX)
        sw_put_format(out, "  \"%s\": null,\n", name);
    else
        sw_put_format(out, "  \"%s\": %u,\n", name, id);
}

static void put_rope(sw_buffer *out, const sw_rope_settings *rope) {
    sw_put_text(out, ",\n  \"rope_scaling\": ");
    if (rope->kind == SW_ROPE_DEFAULT) {
        sw_put_text(out, "null");
    } else {
        sw_put_text(out, "{\n    \"factor\": ");
        sw_put_json_single(out, rope->factor);
        if (rope->kind == SW_ROPE_LLAMA3) {
            sw_put_text(out, ",\n    \"high_freq_factor\": ");
            sw_put_json_single(out, rope->high_freq_factor);
            sw_put_text(out, ",\n    \"low_freq_factor\": ");
            sw_put_json_single(out, rope->low_freq_factor);
            sw_put_format(out, ",\n    \"original_max_position_embeddings\": %u",
                          rope->original_max_position_embeddings);
        }
        sw_put_format(out, ",\n    \"rope_type\": \"%s\"\n  }",
                      rope->kind == SW_ROPE_LINEAR ? "linear" : "llama3");
    }
    sw_put_text(out, ",\n  \"rope_theta\": ");
    sw_put_json_single(out, rope->theta);
}

static void put_sizes(sw_buffer *out, const sw_model_config *c) {
    bool biases_named = !c->family->qkv_bias; /* a class that has them has no word for them */
    sw_put_format(out,
                  "  \"head_dim\": %u,\n  \"hidden_act\": \"silu\",\n  \"hidden_size\": %u,\n"
                  "  \"initializer_range\": 0.02,\n  \"intermediate_size\": %u,\n"
                  "  \"max_position_embeddings\": %u,\n%s"
                  "  \"model_type\": \"%s\",\n  \"num_attention_heads\": %u,\n"
                  "  \"num_hidden_layers\": %u,\n  \"num_key_value_heads\": %u,\n",
                  c->head_dim, c->hidden_size, c->intermediate_size, c->max_position_embeddings,
                  biases_named ? "  \"mlp_bias\": false,\n" : "", c->family->model_type,
                  c->num_attention_heads, c->num_hidden_layers, c->num_key_value_heads);
}

static void put_config(sw_buffer *out, const sw_model_config *c, sw_dtype dtype) {
    sw_put_format(out, "{\n  \"architectures\": [\n    \"%s\"\n  ],\n%s", c->family->architecture,
                  c->family->qkv_bias ? "" : "  \"attention_bias\": false,\n");
    sw_put_text(out, "  \"attention_dropout\": 0.0,\n");
    put_id(out, "bos_token_id", c->bos_token_id);
    put_id(out, "eos_token_id", c->eos_token_id);
    put_sizes(out, c);
    put_id(out, "pad_token_id", c->pad_token_id);
    sw_put_text(out, "  \"rms_norm_eps\": ");
    sw_put_json_single(out, c->rms_norm_eps);
    put_rope(out, &c->rope);
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
    SW_TRY(read_config(arena, &g, &config, err));
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
