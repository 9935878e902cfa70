/* SPDX-License-Identifier: Apache-2.0
 *
 * What attention forward and backward share: where packed operands lie, and how jobs are numbered.
 */
#ifndef SW_TENSOR_ATTENTION_INTERNAL_H
#define SW_TENSOR_ATTENTION_INTERNAL_H
#include "tensor/numbers.h"
#include "tensor/ops.h"

#define SW_ATTENTION_BLOCK 48 /* rows of one job; a multiple of SW_GEMM_COLUMNS */
#define SW_ATTENTION_PACKS 5  /* at most, at a time */

/* Rows of x (heads side by side, stride heads * D) of every (segment, head), packed either as the
 * right side of A x^T (`transposed`) or of A x. */
typedef struct sw_head_pack {
    const void *x;
    uint8_t *packed;
    size_t heads;
    bool keys, transposed; /* keys: rows are a segment's keys, else its queries */
} sw_head_pack;

typedef struct sw_attention_job {
    const sw_compute *c;
    const sw_attention *a;
    const sw_attention_grad *g;
    sw_head_pack k_t, k_n, v_t, v_n, q_n, do_n;
    const sw_head_pack *packing[SW_ATTENTION_PACKS]; /* what is packed now; then NULL */
    float scale;
} sw_attention_job;

/* Which block of queries of which head of which segment a job is. */
typedef struct sw_attention_place {
    size_t segment, head, first, rows;
} sw_attention_place;

/* Nothing is packed yet. */
void sw_attention_begin(sw_attention_job *j, const sw_compute *c, const sw_attention *a);
/* Up to whole strips of columns: rows and depth of what is packed, elements of a row of scores. */
size_t sw_attention_round(size_t count);
size_t sw_attention_places(const sw_attention *a);
sw_attention_place sw_attention_place_of(const sw_attention *a, size_t index);
const void *sw_attention_row(const sw_attention_job *j, const void *x, size_t heads, size_t head,
                             size_t row);
/* The packed operand of one (segment, head) from row `first` on, a multiple of SW_GEMM_COLUMNS (and
 * so even), as a term: a (rows, k) times it. */
sw_gemm_term sw_attention_term(const sw_attention_job *j, const sw_head_pack *p, size_t segment,
                               size_t head, size_t first, const void *a, size_t a_stride);
/* Of the first `seen` keys of a segment, how many lie before the window of the query that sees
 * them.
 */
size_t sw_attention_hidden(const sw_attention *a, size_t seen);
/* The same of the first query of a block, in whole panels: keys that its job leaves out (NUM-035).
 */
size_t sw_attention_skipped(const sw_attention *a, size_t seen);
void sw_attention_pack(const sw_attention_job *j); /* all of `packing` */
/* Assigns the next piece of a->packs to p. */
void sw_attention_claim(sw_attention_job *j, sw_head_pack *p, const void *x, size_t heads,
                        bool keys, bool transposed, uint8_t **next);
/* The backward pass keeps P and dS of some queries behind the packed operands: of one panel of a
 * row's queries and one key/value head at least, of others besides while there is room, so that all
 * lanes have work. */
#define SW_ATTENTION_KEPT_BYTES ((size_t)5 << 20) /* a lane */
#endif
