/* SPDX-License-Identifier: Apache-2.0
 *
 * Matrix products: C = scale * sum over terms of A_t B_t, every output tile owned by one lane.
 *
 * Numerics (docs/formats/numerics.md NUM-010 to NUM-017): k is cut into panels of SW_GEMM_PANEL;
 * inside a panel one chain of fused multiply-adds per element, in bf16 the odd member of each pair
 * first; or by SW_RULE_TILES into panels of 32, in each a chain of the even and one of the odd k.
 * Panels and terms are added in ascending order. Nothing depends on how C is cut or on lanes.
 */
#ifndef SW_TENSOR_GEMM_H
#define SW_TENSOR_GEMM_H
#include "tensor/nf4.h"

#define SW_GEMM_PANEL   512 /* of k */
#define SW_GEMM_COLUMNS 16  /* of a packed strip of B */
#define SW_GEMM_TERMS   6

/* A matrix as it lies in memory, any dtype: row-major with `stride` elements from row to row. */
typedef struct sw_source {
    const void *data;
    sw_dtype dtype;
    size_t stride;
    const sw_nf4 *nf4; /* instead of data and dtype: row 0 begins at its element `first` */
    size_t first;
} sw_source;

/* B (k, n) packed for products: strips of 16 columns, each strip k rounded up to even; in bf16 the
 * two elements of a k pair lie side by side. Columns and k beyond the end are zero. */
size_t sw_pack_strip(size_t k);              /* elements of one strip */
size_t sw_pack_elements(size_t k, size_t n); /* elements of E */
/* From B as it lies, (k, n); `transposed`: it lies as (n, k), like a Linear's weight for x W^T. */
void sw_pack(const sw_compute *c, void *out, const sw_source *b, bool transposed, size_t k,
             size_t n);
void sw_pack_alone(const sw_compute *c, void *out, const sw_source *b, bool transposed, size_t k,
                   size_t n); /* in the calling lane and its mode */
/* A weight as both right sides of a Linear: t of x W^T, (in, out) transposed, and n of dy W,
 * (out, in). Either may be NULL. */
typedef struct sw_both_sides {
    const float *w; /* (out, in), rows without gaps */
    size_t out, in;
    void *t, *n; /* sw_pack_elements of E, written */
} sw_both_sides;
void sw_pack_both(const sw_compute *c, const sw_both_sides *b);
/* The same of rows that `visit` makes, a few at a time and each once, in any lane. */
typedef void (*sw_rows_visit)(void *context, size_t first, size_t rows);
void sw_pack_both_behind(const sw_compute *c, const sw_both_sides *b, sw_rows_visit visit,
                         void *context);
/* out (n, k rounded up to even, stride `out_stride`) E = transpose of (k, n); the added column is
 * zero. */
void sw_transpose(const sw_compute *c, void *out, size_t out_stride, const sw_source *in, size_t k,
                  size_t n);
void sw_transpose_alone(const sw_compute *c, void *out, size_t out_stride, const sw_source *in,
                        size_t k, size_t n); /* in the calling lane and its mode */

/* One product. A's rows are E, readable up to k rounded up to even, and zero beyond k; or A is
 * `turned` where sw_gemm_turns says so: its columns lie as rows, (k, m), a_stride from k to k. */
typedef struct sw_gemm_term {
    const void *a; /* (m, k) E */
    size_t a_stride;
    const void *b;  /* packed (k, n) E */
    size_t b_strip; /* sw_pack_strip of the packed k */
    size_t k;
    const sw_source *lying; /* instead of b, as sw_pack takes it; needs sw_gemm.panels */
    bool transposed;
    bool turned; /* A */
} sw_gemm_term;

typedef struct sw_gemm {
    size_t m, n, term_count;
    sw_gemm_term terms[SW_GEMM_TERMS];
    float scale;
    void *c; /* (m, n), row-major */
    size_t c_stride;
    sw_dtype c_dtype; /* F32 or BF16 */
    const float *add; /* (m, n), stride c_stride: C = add + sum; may be C itself; F32 only */
    /* C is read so late that no cache would have it. Whole strips of f32 that is not added then
     * pass by the caches, aligned to 32 bytes where a strip is stored alone and to 64 where two are
     * (by tiles); by VDPBF16PS, whose strips are stored together, those of a job of one strip
     * alone. */
    bool leaves;
    /* Scratch of sw_gemm_run, sw_gemm_panel_bytes of the sum of all terms' k: a B that lies
     * unpacked needs it. The bits are those of a packed one. */
    void *panels;
} sw_gemm;

/* The bf16 instructions read pairs of k, so they need rows. */
bool sw_gemm_turns(const sw_compute *c);
/* Of products into n columns; monotonic. For one term into f32 with scale 1 and no base k = 4096 is
 * enough, however deep it is. */
size_t sw_gemm_panel_bytes(sw_dtype dtype, size_t k, size_t n);
void sw_gemm_run(const sw_compute *c, const sw_gemm *g); /* over all lanes */
/* In the calling lane and its mode (sw_flush_begin). Every B is packed: `lying` and `panels` are
 * not looked at. */
void sw_gemm_alone(const sw_compute *c, const sw_gemm *g);
#endif
