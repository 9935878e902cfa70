/* SPDX-License-Identifier: Apache-2.0
 *
 * Inside the model room: the families, the table of a layer's tensors, GGUF as parsed, and small
 * shared parts.
 */
#ifndef SW_MODEL_INTERNAL_H
#define SW_MODEL_INTERNAL_H

#include "codec/json.h"
#include "codec/shown.h"
#include "model/model.h"

/* Limits of docs/formats/model.md, MODEL-005. */
#define SW_SAFETENSORS_HEADER_LIMIT ((size_t)16 << 20)
#define SW_MODEL_TENSOR_LIMIT       ((size_t)65536) /* of all files of a model together */
#define SW_MODEL_NAME_LIMIT         ((size_t)256)   /* bytes of a tensor's name */
#define SW_MODEL_CONFIG_LIMIT       ((size_t)1 << 20)
#define SW_MODEL_SIZE_LIMIT         ((size_t)1 << 20) /* of one dimension */
#define SW_MODEL_LAYER_LIMIT        1024
#define SW_GGUF_ENTRY_LIMIT         ((size_t)4096)
#define SW_GGUF_TEXT_LIMIT          ((size_t)1 << 20)
#define SW_GGUF_ARRAY_LIMIT         ((size_t)1 << 21)
#define SW_ADAPTER_PAIR_LIMIT       ((size_t)16384)
#define SW_ADAPTER_RANK_LIMIT       4096

/* ---- names and files ---- */
const sw_model_file *sw_model_file_find(const sw_model_file *files, size_t count, const char *name);
void sw_put_json_text(sw_buffer *out, sw_bytes text); /* quoted and escaped */
/* The shortest decimal that reads back as this f32, or this double, as Python writes it. */
void sw_put_json_single(sw_buffer *out, double value);
void sw_put_json_double(sw_buffer *out, double value);

/* ---- safetensors, in parts ---- */
int sw_tensor_name_compare(const void *a, const void *b); /* of two const sw_tensor_view */
/* Elements and bytes of a shape; false on overflow. */
bool sw_tensor_size(const sw_tensor_view *t, size_t *elements, size_t *bytes);
/* Sorts into the order of a file: by type, then by name. */
void sw_safetensors_sort(sw_tensor_view *tensors, size_t count);
/* Length and header of a file with these tensors, sorted; their data need not be there. *data_bytes
 * is what must follow. */
SW_NODISCARD sw_status sw_safetensors_put_header(sw_buffer *out, const sw_tensor_view *sorted,
                                                 size_t count, size_t *data_bytes, sw_error *err);

/* ---- the families and their tensors ---- */
/* By model_type of config.json, or by general.architecture of GGUF; NULL when it is not known. */
const sw_model_family *sw_model_family_find(sw_bytes name, bool gguf);
typedef enum sw_model_size {
    SW_SIZE_NONE,
    SW_SIZE_C,
    SW_SIZE_F,
    SW_SIZE_Q,
    SW_SIZE_K,
    SW_SIZE_V
} sw_model_size;
typedef struct sw_tensor_plan {
    const char *hf, *gguf; /* behind the layer's prefix; whole names for the ends */
    sw_model_size out, in; /* in NONE: a vector of `out` */
    size_t place;          /* offset of its view in sw_model_layer or sw_model */
    bool permuted;         /* GGUF holds its rows in the order of interleaved rotation */
} sw_tensor_plan;
#define SW_LAYER_TENSORS 12
#define SW_LAYER_BIASES  3 /* the last ones, which not every family has */
#define SW_END_TENSORS   3 /* embed_tokens, norm, lm_head: the last is absent when tied */
extern const sw_tensor_plan sw_layer_plan[SW_LAYER_TENSORS];
extern const sw_tensor_plan sw_end_plan[SW_END_TENSORS];
/* How many of these, from the first on, a model has. */
size_t sw_layer_tensors(const sw_model_config *config);
size_t sw_end_tensors(const sw_model_config *config);
void sw_plan_shape(const sw_tensor_plan *plan, const sw_model_config *config,
                   sw_tensor_view *out); /* sets dims */
/* Refuses sizes that contradict each other. */
SW_NODISCARD sw_status sw_model_config_check(const sw_model_config *config, sw_error *err);

/* ---- GGUF ---- */
typedef enum sw_gguf_kind {
    SW_GGUF_INTEGER,
    SW_GGUF_REAL,
    SW_GGUF_FLAG,
    SW_GGUF_TEXT,
    SW_GGUF_ARRAY
} sw_gguf_kind;
typedef struct sw_gguf_entry {
    sw_bytes key;
    sw_gguf_kind kind;
    int64_t integer;
    double real;
    bool flag;
    sw_bytes text;
    sw_gguf_kind items_kind; /* of an array */
    size_t count;
    const sw_bytes *texts;   /* array of texts */
    const int64_t *integers; /* array of whole numbers */
    const double *reals;     /* array of reals; an array of flags is not kept */
} sw_gguf_entry;
typedef struct sw_gguf_type sw_gguf_type;
typedef struct sw_gguf_tensor {
    sw_bytes name;
    const sw_gguf_type *type;
    size_t dims[SW_TENSOR_DIMS], dim_count; /* fastest first, as in the file */
    sw_bytes data;
} sw_gguf_tensor;
typedef struct sw_gguf {
    sw_gguf_entry *entries; /* in file order */
    size_t entry_count;
    sw_gguf_tensor *tensors; /* sorted by name */
    size_t tensor_count;
} sw_gguf;
SW_NODISCARD sw_status sw_gguf_parse(sw_arena *arena, sw_bytes file, sw_gguf *out, sw_error *err);
const sw_gguf_entry *sw_gguf_find(const sw_gguf *g, const char *key);
const sw_gguf_tensor *sw_gguf_find_tensor(const sw_gguf *g, const char *name);

struct sw_gguf_type {
    uint32_t id;
    const char *name;
    size_t block_elements, block_bytes;
    void (*dequantise)(float *out, const uint8_t *block);
};
/* The type of an id; NULL when it is not known. *name is the name of a type that is known and not
 * read, or NULL. */
const sw_gguf_type *sw_gguf_type_of(uint32_t id, const char **name);
/* One row; `in` is row_elements / block_elements blocks. */
void sw_gguf_dequantise(const sw_gguf_type *type, float *out, const uint8_t *in,
                        size_t row_elements);

/* The factors by which a GGUF slows each frequency; told in config.json by its rope settings. */
#define SW_GGUF_ROPE_FACTORS "rope_freqs.weight"
/* Appends model.safetensors. Refuses a tensor that is missing, surplus, ill-shaped or not finite.
 */
SW_NODISCARD sw_status sw_gguf_write_weights(sw_arena *arena, const sw_gguf *g,
                                             const sw_model_config *config, sw_dtype dtype,
                                             sw_buffer *out, sw_error *err);

/* tokenizer.json and tokenizer_config.json of a GGUF's tokeniser. */
SW_NODISCARD sw_status sw_gguf_write_tokenizer(const sw_gguf *g, const sw_model_config *config,
                                               sw_buffer *tokenizer, sw_buffer *settings,
                                               sw_error *err);
#endif
