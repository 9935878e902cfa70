/* SPDX-License-Identifier: Apache-2.0
 *
 * The engine of one model: its Linears with their packed weights and adapters, and every buffer of
 * a micro-batch. Training, logits and generation are three ways to drive it.
 *
 * All numeric memory is one mapping: sw_engine_layout runs once over an empty slab to measure and
 * once over the mapping to assign, so nothing is allocated while the engine works.
 */
#ifndef SW_TRAIN_ENGINE_H
#define SW_TRAIN_ENGINE_H
#include "tensor/ops.h"
#include "train/train.h"

/* ---- slab: a measured piece of memory handed out front to back ---- */
typedef struct sw_slab {
    uint8_t *base; /* NULL while measuring */
    size_t used;
    bool overflow;
    sw_train_budget *budget; /* NULL, or where parts are counted by name */
} sw_slab;
#define SW_SLAB_ALIGNMENT 64
/* plan.c: adds to the part of that name; what has no place of its own any more, to the last. */
void sw_budget_add(sw_train_budget *b, const char *name, size_t bytes);
void sw_budget_sort(sw_train_budget *b); /* largest first */
void *sw_slab_take(sw_slab *s, const char *name, size_t count, size_t element_bytes);

/* ---- what is trained ---- */
#define SW_PARAMETER_NAME_BYTES 128
typedef struct sw_parameter {
    char name[SW_PARAMETER_NAME_BYTES]; /* as in the output file */
    size_t rows, columns;
    bool decay, coded;           /* coded: its moments rest in 8 bits */
    bool whole;                  /* the first micro-batch writes its gradient, others add to it */
    float *value, *grad, *m, *v; /* (rows, columns); m and v NULL when coded */
    sw_moments8 moments;         /* else this is empty */
    void *packed_t, *packed_n;   /* of a Linear's or the head's: its right sides, else NULL */
} sw_parameter;
/* Elements from which on a parameter's moments are coded under adamw_bnb_8bit (NUM-055). */
#define SW_CODED_ELEMENTS 4096

typedef enum sw_module {
    SW_MODULE_Q,
    SW_MODULE_K,
    SW_MODULE_V,
    SW_MODULE_O,
    SW_MODULE_GATE,
    SW_MODULE_UP,
    SW_MODULE_DOWN,
    SW_MODULE_COUNT
} sw_module;
const char *sw_module_path(sw_module m); /* "self_attn.q_proj" */

/* y = x W^T + scale (drop(x) A^T) B^T + bias; with DoRA the rows of W + scale B A have magnitudes
 * of their own (NUM-070) */
typedef struct sw_linear {
    size_t in, out, rank, rank_stride; /* rank 0: no adapter; the stride is even */
    const sw_tensor_view *view;        /* frozen weight (out, in) */
    const sw_tensor_view *bias_view;   /* (out); NULL: the Linear has no bias */
    sw_parameter *weight, *bias;       /* NULL when not trained */
    sw_parameter *a, *b, *magnitude;   /* the same; the magnitude (1, out) with DoRA alone */
    const sw_adapter_pair *fixed;      /* an adapter that is only read */
    float scale;
    bool dora;
    uint32_t number;             /* of the module in the model: names its dropout stream */
    void *w_t, *w_n;             /* packed for x W^T and dy W; NULL when the weight lies */
    sw_nf4 nf4;                  /* the frozen weight of a quantised base, */
    void *held;                  /* or its rows as E, where the file has f32 and E is bf16; */
    sw_source lying;             /* as products read it, from there or from the file */
    void *a_t, *a_n, *b_t, *b_n; /* packed for x A^T, du A, u B^T, dy B */
    void *bias_n;                /* packed as one row */
    float *norm, *gain;          /* DoRA, (out): ||W + scale B A|| of each row, magnitude / norm */
    float *bias_value;           /* DoRA, (out): the bias */
} sw_linear;

typedef struct sw_norm_weight {
    const sw_tensor_view *view;
    sw_parameter *parameter; /* NULL when frozen */
    float *value;            /* (C); the parameter's own value when trained */
} sw_norm_weight;

/* What a layer keeps for its backward pass; with `recompute` all layers share one set but for x. */
typedef struct sw_kept {
    float *middle;        /* (T, C) residual stream after attention; all layers share it but in full
                           * training, and o's product is made again in the backward pass */
    float *rstd1, *rstd2; /* (T) */
    float *lse;           /* (H, T) */
    void *q, *k, *v, *attn;   /* E */
    void *gate, *up;          /* E (T, F) */
    void *u[SW_MODULE_COUNT]; /* E (T, rank_stride): scale * drop(x) A^T */
} sw_kept;

typedef struct sw_layer {
    sw_linear linear[SW_MODULE_COUNT];
    sw_norm_weight input_norm, post_norm;
    float *x; /* (T, C) residual stream at the input */
    sw_kept kept;
} sw_layer;

typedef struct sw_batch { /* one micro-batch, padding-free */
    uint32_t *ids, *position;
    size_t tokens;
    sw_segment *segments;
    size_t segment_count;
    uint32_t *labelled; /* token whose next token counts */
    uint32_t *target;   /* that next token */
    size_t label_count;
    uint64_t stream; /* names the micro-batch for dropout */
    bool first;      /* of its window: `whole` gradients are written */
} sw_batch;

typedef struct sw_scratch { /* shared by all layers */
    /* Up to `attention` a layer's, and from `head_x` on the loss's: they lie in the same place. */
    void *norm, *h, *dy, *dgate, *dup, *dattn, *dqkv[3]; /* E */
    float *q, *k;                                        /* before RoPE */
    float *dnorm, *dh, *dq, *dk, *dv;
    void *dropped;              /* E */
    float *dropped_grad;        /* (T, widest) f32, with dropout alone */
    float *directed;            /* (T, widest) f32, with DoRA alone: a product before its gain */
    void *gained[3];            /* (T, widest) E, the same: gain dy */
    void *packed_x, *packed_dy; /* E; the first also of the loss when the table is trained */
    void *transposed;           /* E; the same */
    float *transposed_grad;     /* (rank, widest) */
    void *attention_packs, *attention;
    float *head_x, *head_dx, *head_dnorm, *head_rstd;
    float *logits;   /* and dlogits over them, as E */
    void *head_norm; /* E */
    /* of both */
    float *dx;
    void *du[3];          /* E */
    const void *plain[3]; /* dy of the modules whose dx is being collected */
    void *panels;         /* see sw_gemm */
    float *absmax;        /* of one matrix, while it is quantised */
    double *row_loss, *partial;
} sw_scratch;

typedef struct sw_capacity { /* of a micro-batch */
    size_t tokens, labels, segments, longest, positions, head_rows;
    bool backward, recompute;
    bool in_place; /* frozen matrices are read as they lie, and packed for each product */
    size_t keys;   /* key rows of attention: tokens, or the whole sequence when generating */
    bool cache;    /* keys and values kept per layer */
} sw_capacity;

#define SW_HEAD_ROWS 192 /* labelled rows of one chunk of the loss (NUM-034) */
/* Tokens of a micro-batch from which on packing a matrix costs little beside its product. */
#define SW_IN_PLACE_TOKENS 512

typedef struct sw_engine {
    sw_compute compute;
    const sw_model *model;
    const sw_model_config *config;
    const sw_training *settings; /* NULL outside training */
    const sw_train_host *host;   /* the same */
    double dropout;
    size_t heads, kv_heads, head_dim, width, kv_width; /* width: H * D */
    sw_layer *layers;
    size_t layer_count;
    sw_norm_weight final_norm;
    bool full, dora;                /* every matrix is trained; a Linear has DoRA */
    bool quantised;                 /* frozen Linears in NF4 */
    sw_parameter *embedding, *head; /* NULL when not trained; full and tied: the embedding alone */
    sw_parameter *table;            /* the one that the head multiplies with; NULL: it is frozen */
    void *head_t, *head_n;          /* packed; NULL when sw_engine_head_lies */
    void *head_held;                /* as sw_linear.held */
    sw_source head_lying;
    sw_parameter *parameters; /* in module order: the order of initialisation */
    sw_parameter **by_name;   /* the same in byte order of their names */
    size_t parameter_count, parameter_floats;
    size_t coded_elements, coded_blocks; /* of parameters whose moments are coded */
    void *one;                           /* E (1, 2) {1, 0}: what a bias is multiplied with */
    void *ones;                          /* packed (T, 1), when biases are trained */
    float *cosine, *sine;
    float *final_x; /* (T, C) residual stream behind the last layer */
    size_t past;    /* generation: tokens whose keys and values are already kept */
    sw_batch batch;
    sw_scratch scratch;
    sw_capacity capacity;
    const sw_adapter *fixed; /* an adapter that is only read; NULL for none */
    /* state image: see state.c */
    sw_buffer prefix;
    uint8_t *image;
    size_t image_bytes;
    float *grads;
} sw_engine;

typedef struct sw_engine_plan {
    const sw_model *model;
    const sw_training *settings; /* training, or NULL */
    const sw_adapter *adapter;   /* only read; NULL for none */
    sw_profile profile;
} sw_engine_plan;

/* build.c: structures in the arena, nothing numeric yet. */
SW_NODISCARD sw_status sw_engine_build(sw_arena *arena, const sw_engine_plan *plan, sw_engine *out,
                                       sw_error *err);
sw_parameter *sw_engine_add(sw_engine *e, size_t rows, size_t columns, bool decay,
                            const char *name); /* the next parameter; its list has room */
/* adapt.c: what LoRA trains, in module order, and adapters that are only read. */
#define SW_ADAPTED_PARAMETERS 3 /* of one Linear at most */
SW_NODISCARD sw_status sw_engine_add_adapters(sw_engine *e, const sw_lora_settings *lora,
                                              sw_error *err);
SW_NODISCARD sw_status sw_engine_attach(sw_engine *e, const sw_adapter *adapter, sw_error *err);
void sw_engine_layout(sw_engine *e, sw_slab *slab, size_t lanes);
SW_NODISCARD sw_status sw_engine_map(sw_engine *e, size_t lanes, size_t *bytes, void **mapping,
                                     sw_error *err);
void sw_engine_unmap(void *mapping, size_t bytes); /* wipes */
/* Wipes and gives back what no output is made of; only the parameters' values stay. */
void sw_engine_keep_values(const sw_engine *e, void *mapping, size_t *bytes);

/* load.c: packs what is frozen; packs what is trained; of that, after each step, what is no weight
 * that the step packed. */
void sw_engine_load_frozen(sw_engine *e);
void sw_engine_load_trained(sw_engine *e);
void sw_engine_load_stepped(sw_engine *e);
void sw_engine_init_trained(sw_engine *e, uint64_t seed);

/* linear.c */
typedef struct sw_linear_io {
    const void *x; /* (T, in) E */
    void *u;       /* (T, rank_stride) E */
    void *y;       /* (T, out) */
    sw_dtype y_dtype;
    const float *add; /* (T, out) f32 added to y, or NULL */
} sw_linear_io;
void sw_linear_forward(sw_engine *e, const sw_linear *l, const sw_linear_io *io);
bool sw_linear_is_trained(const sw_linear *l); /* its weight or its adapter */
/* x (T, columns) packed as the right side of dy^T x, for the modules that read it. */
void sw_linear_pack_input(sw_engine *e, const void *x, size_t columns);
/* left^T, where `left` is (rows, columns) E, as the left side of a product over the rows; until the
 * next call. Its right side is the caller's. */
sw_gemm_term sw_engine_turned(sw_engine *e, const void *left, size_t rows, size_t columns,
                              size_t stride);
typedef struct sw_linear_grad {
    const void *x; /* (T, in) E; its packed form is in scratch.packed_x */
    const void *u;
    const void *dy; /* (T, out) E */
    size_t slot;    /* 0..2: which du buffer */
} sw_linear_grad;
/* Gradients of l's trained matrices, and dy's share of dx as terms of `dx`. */
void sw_linear_backward(sw_engine *e, const sw_linear *l, const sw_linear_grad *g, sw_gemm *dx);
/* dx (T, in) f32 from the collected terms, plus what dropout keeps of the adapters' share. */
void sw_linear_finish(sw_engine *e, sw_gemm *dx, float *out, const sw_linear *const *modules,
                      size_t count);

/* layer.c, head.c */
void sw_engine_forward(sw_engine *e);
void sw_engine_backward(sw_engine *e);
/* Sum of the negative log likelihoods of the batch; with `scale` > 0 also the gradients, into
 * scratch.dx for all tokens. */
double sw_engine_loss(sw_engine *e, float scale);
/* Frozen matrices of the layers, or the head, are read as they lie: no packed copies. */
bool sw_engine_weights_lie(const sw_engine *e);
bool sw_engine_head_lies(const sw_engine *e);
/* `middle` is not kept for every layer: o's product is cheap beside the rest of a frozen layer. */
bool sw_engine_shares_middle(const sw_engine *e);
/* They are held as E besides, for the file has them twice as wide. */
bool sw_engine_holds(const sw_engine *e);
/* Bytes of the model's file that every micro-batch reads. */
size_t sw_engine_file_bytes(const sw_engine *e);
/* Elements from row to row of the loss's logits: V rounded up to even. */
size_t sw_engine_logits_stride(const sw_engine *e);
/* Logits (count, V) f32 of tokens first .. first + count - 1, at most SW_HEAD_ROWS. */
void sw_engine_logits(sw_engine *e, size_t first, size_t count, float *out);

/* state.c: the image is prefix | values | moments | checksum; see docs/formats/training.md. */
typedef struct sw_state_sizes {
    size_t values, coded, blocks; /* elements of all parameters, of those coded, and their blocks */
} sw_state_sizes;
sw_state_sizes sw_state_sizes_of(const sw_engine *e);
size_t sw_state_numbers_bytes(const sw_state_sizes *s); /* of values and moments */
SW_NODISCARD sw_status sw_state_prefix(sw_engine *e, const sw_train_job *job, sw_error *err);
sw_bytes sw_state_image(sw_engine *e, uint64_t step); /* complete, valid until the next step */
sw_bytes sw_state_values(const sw_engine *e);
/* Checks an image against the expected prefix; *step and the view of its numbers are set on
 * success. */
SW_NODISCARD sw_status sw_state_parse(sw_bytes prefix, const sw_state_sizes *sizes, sw_bytes image,
                                      uint64_t *step, sw_bytes *numbers, sw_error *err);

bool sw_state_is_finite(const sw_engine *e); /* values and both moments */

/* Every token is in the vocabulary (SW_REFUSED "rows"), and without packing the first of each row
 * is no target (SW_MALFORMED "rows"). Rows are counted from 1. */
SW_NODISCARD sw_status sw_rows_check(const sw_rows *r, const sw_training *t, uint32_t vocab,
                                     sw_error *err);

/* packing.c: what the sampler orders and micro-batches are made of. Without packing each row is a
 * sequence of one piece. */
typedef struct sw_piece {
    uint64_t start, length; /* tokens of the rows that see each other; the first is no target */
} sw_piece;
typedef struct sw_sequences {
    sw_piece *piece;
    uint64_t *ends;                  /* ends[i]: index behind sequence i's last piece */
    size_t count, piece_count, room; /* room: what both arrays could take */
} sw_sequences;
/* In the arena, whatever its limit. SW_LIMIT when rows and the pieces that packing may cut them
 * into are more than SW_RANDPERM_MOST (NUM-061). */
SW_NODISCARD sw_status sw_rows_pack(sw_arena *arena, const sw_rows *rows, const sw_training *t,
                                    sw_sequences *out, sw_error *err);
/* ROW-009 of every row, counted from 1, and of pieces that packing made longer than a row. */
SW_NODISCARD sw_status sw_rows_check_lengths(const sw_rows *r, const sw_sequences *s,
                                             const sw_training *t, const sw_model_config *config,
                                             sw_error *err);

/* plan.c: operations of one pass over all sequences, forward and backward, and their tokens. */
double sw_engine_operations(const sw_engine *e, const sw_rows *rows, const sw_sequences *s,
                            double *tokens);

/* batch.c: the order of sequences, and micro-batches from them. */
typedef struct sw_order {
    const sw_rows *rows;
    const sw_sequences *sequences;
    uint64_t seed, epoch; /* epoch of `index`; UINT64_MAX before the first */
    uint32_t *index;      /* (sequences) */
    size_t batch_rows;    /* sequences of a micro-batch */
} sw_order;
void sw_order_shuffle(sw_order *o, uint64_t epoch);
size_t sw_order_labels(const sw_order *o, uint64_t i); /* of micro-batch i of the epoch */
void sw_order_fill(const sw_order *o, uint64_t i, sw_batch *out);
/* At least the largest micro-batch over the first `epochs` epochs (PLN-008): exactly it for so few
 * epochs, or so few rows and tokens to visit in all of them. */
#define SW_ORDER_EPOCHS 16
#define SW_ORDER_VISITS ((uint64_t)1 << 28)
/* SW_REFUSED "rows" when none has anything to predict. */
SW_NODISCARD sw_status sw_order_capacity(sw_order *o, uint64_t epochs, sw_capacity *out,
                                         sw_error *err);
#endif
