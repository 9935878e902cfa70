/* SPDX-License-Identifier: Apache-2.0
 *
 * Models: HF folders in memory (config.json, *.safetensors, tokenizer.json, tokenizer_config.json),
 * GGUF import, safetensors and PEFT out.
 *
 * No file is opened here: bytes come in from the caller, bytes go out to a sink. Every shape is
 * checked against config.json before use; a missing, surplus or ill-shaped tensor is named. Nothing
 * is copied: tensors are views into the caller's bytes.
 */
#ifndef SW_MODEL_H
#define SW_MODEL_H
#include "recipe/training.h"
#include "tensor/ops.h"
#include "tokenizer/tokenizer.h"

#define SW_MODEL_FILE_LIMIT 64
typedef struct sw_model_file {
    const char *name; /* base name, no folder */
    sw_bytes bytes;
} sw_model_file;

/* ---- safetensors ---- */
#define SW_TENSOR_DIMS 4
typedef struct sw_tensor_view {
    sw_bytes name;
    sw_dtype dtype;
    size_t dims[SW_TENSOR_DIMS], dim_count;
    sw_bytes data; /* row-major, little-endian */
} sw_tensor_view;
/* All tensors of one file in file order; refuses holes, overlap, unknown dtypes, duplicate names
 * (docs/formats/model.md). */
SW_NODISCARD sw_status sw_safetensors_parse(sw_arena *arena, sw_bytes file, sw_tensor_view **out,
                                            size_t *count, sw_error *err);
/* Byte for byte what the safetensors library writes for the same content with metadata
 * {"format":"pt"}. */
SW_NODISCARD sw_status sw_safetensors_encode(sw_buffer *out, const sw_tensor_view *tensors,
                                             size_t count, sw_error *err);

/* ---- one model of the Llama architecture or one of its families ---- */
typedef struct sw_model_family {
    const char *model_type, *architecture; /* of config.json: its name and transformers' class */
    const char *gguf;   /* general.architecture; NULL: GGUF has no name of its own for it */
    bool permuted;      /* GGUF holds rows of q and k in the order of interleaved rotation */
    bool qkv_bias;      /* q, k and v have biases */
    const char *off[2]; /* members of config.json that must be absent, null or false */
    /* The class's value for an absent member; where null says: none. */
    uint32_t max_position_embeddings;
    uint32_t num_key_value_heads; /* 0: as num_attention_heads, as null says */
    uint32_t sliding_window;      /* 0: the class has no such member */
} sw_model_family;
#define SW_MODEL_END_LIMIT 64
typedef struct sw_token_ends { /* the tokens at any of which an answer ends */
    uint32_t ids[SW_MODEL_END_LIMIT];
    uint32_t count; /* 0: none is named */
    bool listed;    /* written as a list, not as a number */
} sw_token_ends;
typedef struct sw_model_config {
    const sw_model_family *family;
    uint32_t hidden_size, intermediate_size, num_hidden_layers, num_attention_heads,
        num_key_value_heads, head_dim, vocab_size, max_position_embeddings;
    uint32_t sliding_window; /* keys that a query sees; 0: all */
    double rms_norm_eps;
    sw_rope_settings rope;
    bool tie_word_embeddings;
    uint32_t bos_token_id, eos_token_id, pad_token_id; /* UINT32_MAX when absent */
    sw_token_ends ends; /* eos_token_id whole; above the first of them */
} sw_model_config;
SW_NODISCARD sw_status sw_model_config_parse(sw_bytes config_json, sw_model_config *out,
                                             sw_error *err);

/* Where an answer ends: `eos_token_id` of generation_config.json; where the file is missing
 * (empty), config's (MODEL-026). A file that names none means none, as to transformers. */
SW_NODISCARD sw_status sw_model_ends(sw_bytes generation_config_json, const sw_model_config *config,
                                     sw_token_ends *out, sw_error *err);

/* Views into the caller's bytes, all of one dtype (bf16 or f32). */
typedef struct sw_model_layer {
    sw_tensor_view input_layernorm, q_proj, k_proj, v_proj, o_proj, post_attention_layernorm,
        gate_proj, up_proj, down_proj;
    sw_tensor_view q_bias, k_bias, v_bias; /* without dimensions when the family has none */
} sw_model_layer;
typedef struct sw_model {
    sw_model_config config;
    sw_dtype dtype;
    sw_tensor_view embed_tokens, norm, lm_head; /* lm_head == embed_tokens when tied */
    sw_model_layer *layers;                     /* config.num_hidden_layers */
} sw_model;
SW_NODISCARD sw_status sw_model_open(sw_arena *arena, const sw_model_file *files, size_t count,
                                     sw_model *out, sw_error *err);
/* Whether a file of a folder with this model.safetensors.index.json (empty: without one) is left
 * aside: one of weights that the index does not name (MODEL-034). None is beside an index that
 * cannot be read, and model.safetensors never: sw_model_open refuses it there. */
bool sw_model_leaves_aside(sw_bytes index, const char *name);
/* Every weight is a number: SW_REFUSED "model" naming the file, the tensor and the element. */
typedef struct sw_finite_check {
    const sw_model *model;
    const sw_model_file *files; /* those that the model was opened from */
    size_t file_count;
    const sw_parallel *parallel;
    void (*release)(void *context, sw_bytes tensor); /* after each tensor; NULL for nobody */
    void *context;
} sw_finite_check;
SW_NODISCARD sw_status sw_model_check_finite(const sw_finite_check *c, sw_error *err);

/* ---- GGUF to an HF folder ---- */
typedef struct sw_model_sink {
    void *context;
    sw_status (*file)(void *context, const char *name, sw_bytes bytes, sw_error *err);
} sw_model_sink;
/* Writes config.json, generation_config.json, model.safetensors, tokenizer.json,
 * tokenizer_config.json. dtype BF16 (rounding the exact f32 value) or F32. Refuses architectures,
 * tensor types and pre-tokenisers that it does not know, by name. */
SW_NODISCARD sw_status sw_gguf_import(sw_bytes gguf, sw_dtype dtype, const sw_model_sink *sink,
                                      sw_error *err);

/* ---- PEFT adapter: adapter_config.json, adapter_model.safetensors ---- */
typedef struct sw_adapter_pair {
    char module[96]; /* "model.layers.0.self_attn.q_proj" */
    size_t in, out;
    const float *a, *b;     /* (r, in), (out, r) f32; r as sw_lora_rank says */
    const float *magnitude; /* (out) f32, with use_dora alone */
} sw_adapter_pair;
typedef struct sw_adapter_table { /* of modules_to_save: trained whole */
    size_t rows, columns;
    const float *values; /* (rows, columns) f32; NULL: not saved */
} sw_adapter_table;
typedef struct sw_adapter {
    sw_lora_settings lora;
    sw_adapter_pair *pairs;
    size_t pair_count;
    sw_adapter_table embed_tokens, lm_head;
} sw_adapter;
/* Which of the two modules that an adapter can save a name of modules_to_save means. */
typedef enum sw_saved_module {
    SW_SAVED_NONE,
    SW_SAVED_EMBED_TOKENS,
    SW_SAVED_LM_HEAD
} sw_saved_module;
sw_saved_module sw_adapter_saves(const char *name);
#define SW_ADAPTER_PREFIX       "base_model.model."
#define SW_ADAPTER_SUFFIX_A     ".lora_A.weight"
#define SW_ADAPTER_SUFFIX_B     ".lora_B.weight"
#define SW_ADAPTER_SUFFIX_M     ".lora_magnitude_vector"
#define SW_ADAPTER_EMBED_TOKENS SW_ADAPTER_PREFIX "model.embed_tokens.weight"
#define SW_ADAPTER_LM_HEAD      SW_ADAPTER_PREFIX "lm_head.weight"
SW_NODISCARD sw_status sw_adapter_write(const sw_adapter *adapter, const char *base_model_name,
                                        const sw_model_sink *sink, sw_error *err);
/* Reads an adapter folder back (for generate and merge); what it points to lives in the arena. */
SW_NODISCARD sw_status sw_adapter_read(sw_arena *arena, const sw_model_file *files, size_t count,
                                       sw_adapter *out, sw_error *err);
#endif
