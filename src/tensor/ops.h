/* SPDX-License-Identifier: Apache-2.0
 *
 * The operators of a Llama block, forward and hand-written backward, the loss, and the optimiser.
 *
 * Rows are tokens. `E` is the operand type of the profile. Everything runs over all lanes of
 * `compute`; every sum has a fixed order (docs/formats/numerics.md). No function allocates.
 */
#ifndef SW_TENSOR_OPS_H
#define SW_TENSOR_OPS_H
#include "tensor/dynamic.h"
#include "tensor/gemm.h"

/* ---- RMSNorm: out = x * rstd * weight, rstd = 1 / sqrt(mean(x^2) + eps) ---- */
typedef struct sw_norm {
    const float *x;      /* (T, C) */
    const float *weight; /* (C) */
    float *rstd;         /* (T), written by forward, read by the others */
    size_t rows, columns;
    float epsilon;
} sw_norm;
void sw_norm_forward(const sw_compute *c, const sw_norm *n, void *out); /* out (T, C) E */
void sw_norm_again(const sw_compute *c, const sw_norm *n, void *out);   /* from the saved rstd */
/* dx (T, C) += gradient through the norm of dy (T, C); dweight (C) += when not NULL. */
void sw_norm_backward(const sw_compute *c, const sw_norm *n, const float *dy, float *dx,
                      float *dweight);

/* ---- RoPE, halves: element i turns with element i + D/2 ---- */
/* How frequencies are stretched for longer texts (NUM-025, NUM-027). */
typedef enum sw_rope_kind { SW_ROPE_DEFAULT, SW_ROPE_LINEAR, SW_ROPE_LLAMA3 } sw_rope_kind;
typedef struct sw_rope_settings {
    double theta;
    sw_rope_kind kind;
    double factor;                            /* linear and llama3 */
    double low_freq_factor, high_freq_factor; /* llama3: low < high */
    uint32_t original_max_position_embeddings;
} sw_rope_settings;
/* out (D/2): radians per position. */
void sw_rope_frequencies(float *out, size_t head_dim, const sw_rope_settings *s);
/* cosine, sine (positions, D/2); head_dim is at most SW_ROPE_HEAD_LIMIT. */
#define SW_ROPE_HEAD_LIMIT 512
void sw_rope_table(float *cosine, float *sine, size_t positions, size_t head_dim,
                   const sw_rope_settings *s);
typedef struct sw_rope {
    const float *cosine, *sine;
    const uint32_t *position; /* (T), each below the table's positions */
    size_t rows, heads, head_dim;
} sw_rope;
/* out E = in, both (T, heads * D), turned by the position, or back when `inverse`. */
void sw_rope_turn(const sw_compute *c, const sw_rope *r, const float *in, void *out, bool inverse);

/* ---- SwiGLU: h = silu(gate) * up ---- */
void sw_swiglu_forward(const sw_compute *c, const void *gate, const void *up, void *h,
                       size_t count); /* all E */
/* dgate, dup E from dh f32; h E again when not NULL. */
typedef struct sw_swiglu_grad {
    const void *gate, *up;
    const float *dh;
    void *dgate, *dup, *h;
    size_t count;
} sw_swiglu_grad;
void sw_swiglu_backward(const sw_compute *c, const sw_swiglu_grad *g);

/* ---- attention: causal, block diagonal by segment, grouped query heads ---- */
/* Query i of a segment sees its keys up to key i + (key_count - query_count), of these the last
 * `window`. */
typedef struct sw_segment {
    size_t query, query_count, key, key_count; /* first row and rows; key_count >= query_count */
} sw_segment;
typedef struct sw_attention {
    size_t heads, kv_heads, head_dim; /* heads a multiple of kv_heads, head_dim even */
    const sw_segment *segments;
    size_t segment_count;
    size_t query_rows;     /* of all segments: stride of lse */
    size_t longest;        /* most keys of a segment: sizes the scratch */
    size_t window;         /* 0: all keys */
    const void *q, *k, *v; /* E, row strides heads * head_dim and kv_heads * head_dim */
    void *out;             /* E, (T, heads * head_dim) */
    float *lse;            /* (H, T) log of the sum of exponentials, written by forward */
    void *packs;           /* sw_attention_pack_bytes */
    void *scratch;         /* lanes * sw_attention_scratch_bytes */
} sw_attention;
/* Reads sizes, longest and segment_count only. backward_lanes: 0 for forward alone. */
size_t sw_attention_pack_bytes(sw_dtype dtype, const sw_attention *a, size_t key_rows,
                               size_t backward_lanes);
size_t sw_attention_scratch_bytes(sw_dtype dtype, size_t longest);
void sw_attention_forward(const sw_compute *c, const sw_attention *a);
typedef struct sw_attention_grad {
    const void *dout;    /* E */
    float *dq, *dk, *dv; /* f32, written; strides as q, k, v */
} sw_attention_grad;
/* After forward of the same `a`. Every segment has as many keys as queries, and head_dim is at most
 * SW_ROPE_HEAD_LIMIT. */
void sw_attention_backward(const sw_compute *c, const sw_attention *a, const sw_attention_grad *g);

/* ---- loss of the next token over the vocabulary ---- */
typedef struct sw_nll {
    float *logits;          /* (rows, V), stride logits_stride */
    const uint32_t *target; /* (rows), each below vocab */
    size_t rows, vocab, logits_stride;
    double *loss;          /* (rows) negative log likelihood */
    float scale;           /* of the gradient: 1 / tokens of the window */
    void *dlogits;         /* (rows, V) E, or NULL; may begin where `logits` does, */
    size_t dlogits_stride; /* with rows that begin where those of the logits do. At least V rounded
                              up to even: an added column is zero, as products want it */
} sw_nll;
void sw_nll_rows(const sw_compute *c, const sw_nll *n);

/* ---- rows of a table, sums over rows ---- */
/* out (count, columns) f32 = rows of a table, not in NF4, by ids below its number of rows. */
void sw_embed_forward(const sw_compute *c, const sw_source *table, const uint32_t *ids,
                      size_t count, size_t columns, float *out);
/* dtable (V, C) f32: row ids[t] += dx row t, in ascending t. */
void sw_embed_backward(const sw_compute *c, const uint32_t *ids, const float *dx, size_t count,
                       size_t columns, float *dtable);
/* out (columns, rows) += transpose of in (rows, columns). */
void sw_transpose_add(const sw_compute *c, float *out, const float *in, size_t rows,
                      size_t columns);

/* ---- DoRA: the norms of a matrix's rows, and gains by column (NUM-070 to NUM-075) ---- */
typedef struct sw_row_norms {
    sw_source w;        /* (rows, columns), not in NF4 */
    const float *a, *b; /* (rank, columns), (rows, rank); not read when rank is 0 */
    float scale;
    size_t rank, rows, columns;
} sw_row_norms;
/* norm (rows): the length of each row of W + scale B A. */
void sw_row_norms_find(const sw_compute *c, const sw_row_norms *n, float *norm);
typedef struct sw_gains {
    const void *in; /* (rows, columns) */
    sw_dtype in_dtype;
    const float *gain, *bias; /* (columns); bias NULL: none */
    const float *add;         /* (rows, columns), or NULL */
    void *out;                /* (rows, columns); may be `in` when the types are one */
    sw_dtype out_dtype;
    size_t rows, columns;
} sw_gains;
/* out = add + (in gain + bias). */
void sw_gains_apply(const sw_compute *c, const sw_gains *g);
typedef struct sw_gains_grad {
    const void *dy;    /* (rows, columns) E */
    const float *z;    /* (rows, columns) */
    const float *norm; /* (columns) */
    float *dm;         /* (columns) */
    size_t rows, columns;
} sw_gains_grad;
/* dm += sum over rows in order of dy z, divided by the norm. */
void sw_gains_backward(const sw_compute *c, const sw_gains_grad *g);

/* ---- dropout: element i of a stream is kept by Philox4x32-10, and scaled by 1/(1 - p) ---- */
typedef struct sw_dropout {
    uint64_t seed, stream; /* stream: step, micro-batch and module in one number */
    double p;
} sw_dropout;
void sw_dropout_apply(const sw_compute *c, const sw_dropout *d, const void *in, void *out,
                      size_t count); /* E to E */
/* out f32 += mask * in. */
void sw_dropout_add(const sw_compute *c, const sw_dropout *d, const float *in, float *out,
                    size_t count);

/* ---- optimiser ---- */
typedef struct sw_adamw {
    double beta1, beta2, epsilon, weight_decay, learning_rate;
    uint64_t step; /* from 1 */
    float clip;    /* every gradient is multiplied by it first */
} sw_adamw;
/* A parameter, its gradient and its moments: as many elements each. */
typedef struct sw_adamw_values {
    float *p;
    const float *g;
    float *m, *v;
} sw_adamw_values;
void sw_adamw_step(const sw_compute *c, const sw_adamw *o, const sw_adamw_values *of, size_t count);
/* Of a Linear's weight, which is packed on the way: `b` is of `of`'s p. */
void sw_adamw_step_packed(const sw_compute *c, const sw_adamw *o, const sw_adamw_values *of,
                          const sw_both_sides *b);

/* AdamW whose moments rest in 8 bits, as bitsandbytes keeps them: m with signed codes, v with
 * unsigned ones (NUM-054). Zeros are the state before the first step. */
typedef struct sw_moments8 {
    uint8_t *m, *v;             /* (count) codes */
    float *m_absmax, *v_absmax; /* (sw_dynamic_blocks(count)) */
} sw_moments8;
void sw_adamw8_step(const sw_compute *c, const sw_adamw *o, float *p, const float *g,
                    const sw_moments8 *s, size_t count);

/* Sum of squares in f64: chunks of 4096 summed in order. partial: (count + 4095) / 4096 values. */
double sw_squares(const sw_compute *c, const float *g, size_t count, double *partial);
#endif
