/* SPDX-License-Identifier: Apache-2.0
 *
 * Packed operands of attention: every (segment, head) packed by one job; the numbering of jobs; and
 * the sizes of what it works in.
 *
 * Sizes do not depend on how rows fall into segments: a piece per segment and head of its rows
 * rounded up to 16, times D rounded up to 16.
 */
#include "tensor/attention_internal.h"

void sw_attention_begin(sw_attention_job *j, const sw_compute *c, const sw_attention *a) {
    *j = (sw_attention_job){.c = c, .a = a};
    unsigned mode = sw_flush_begin(); /* as in a lane */
    j->scale = 1.0f / __builtin_sqrtf((float)a->head_dim);
    sw_flush_restore(mode);
}

size_t sw_attention_round(size_t count) {
    return sw_round_up(count, SW_GEMM_COLUMNS);
}

static size_t segment_rows(const sw_segment *s, bool keys) {
    return keys ? s->key_count : s->query_count;
}

size_t sw_attention_places(const sw_attention *a) {
    size_t count = 0;
    for (size_t s = 0; s < a->segment_count; s++) {
        count += a->heads * sw_parts(a->segments[s].query_count, SW_ATTENTION_BLOCK);
    }
    return count;
}

sw_attention_place sw_attention_place_of(const sw_attention *a, size_t index) {
    size_t segment = 0, blocks = 1, rows = 0;
    for (; segment < a->segment_count; segment++) {
        rows = a->segments[segment].query_count;
        blocks = sw_parts(rows, SW_ATTENTION_BLOCK);
        if (index < a->heads * blocks) break;
        index -= a->heads * blocks;
    }
    size_t first = index % blocks * SW_ATTENTION_BLOCK;
    return (sw_attention_place){.segment = segment,
                                .head = index / blocks,
                                .first = first,
                                .rows = sw_least(rows - first, SW_ATTENTION_BLOCK)};
}

const void *sw_attention_row(const sw_attention_job *j, const void *x, size_t heads, size_t head,
                             size_t row) {
    size_t at = (row * heads + head) * j->a->head_dim;
    return sw_elements_at(x, at, j->c->dtype);
}

static size_t piece_elements(const sw_attention_job *j, const sw_head_pack *p, size_t segment,
                             size_t head) {
    size_t before = 0, depth = sw_attention_round(j->a->head_dim);
    for (size_t s = 0; s < segment; s++) {
        before += sw_attention_round(segment_rows(&j->a->segments[s], p->keys));
    }
    size_t own = sw_attention_round(segment_rows(&j->a->segments[segment], p->keys));
    return (before * p->heads + head * own) * depth;
}

sw_gemm_term sw_attention_term(const sw_attention_job *j, const sw_head_pack *p, size_t segment,
                               size_t head, size_t first, const void *a, size_t a_stride) {
    size_t rows = segment_rows(&j->a->segments[segment], p->keys);
    size_t k = p->transposed ? j->a->head_dim : rows, strip = sw_pack_strip(k);
    size_t skip = p->transposed ? first / SW_GEMM_COLUMNS * strip : first * SW_GEMM_COLUMNS;
    size_t at = piece_elements(j, p, segment, head) + skip;
    return (sw_gemm_term){.a = a,
                          .a_stride = a_stride,
                          .b = sw_elements_at(p->packed, at, j->c->dtype),
                          .b_strip = strip,
                          .k = p->transposed ? k : rows - first};
}

size_t sw_attention_hidden(const sw_attention *a, size_t seen) {
    return a->window && seen > a->window ? seen - a->window : 0;
}

size_t sw_attention_skipped(const sw_attention *a, size_t seen) {
    return sw_attention_hidden(a, seen) / SW_GEMM_PANEL * SW_GEMM_PANEL;
}

static void pack_piece(const sw_attention_job *j, const sw_head_pack *p, size_t index) {
    size_t segment = index / p->heads, head = index % p->heads;
    const sw_segment *s = &j->a->segments[segment];
    size_t rows = segment_rows(s, p->keys), first = p->keys ? s->key : s->query;
    size_t k = p->transposed ? j->a->head_dim : rows, n = p->transposed ? rows : j->a->head_dim;
    sw_source source = {.data = sw_attention_row(j, p->x, p->heads, head, first),
                        .dtype = j->c->dtype,
                        .stride = p->heads * j->a->head_dim};
    size_t at = piece_elements(j, p, segment, head) * sw_dtype_bytes(j->c->dtype);
    sw_pack_alone(j->c, p->packed + at, &source, p->transposed, k, n);
}

static void pack_any(void *context, size_t index, size_t lane) {
    (void)lane;
    const sw_attention_job *j = context;
    const sw_head_pack *const *p = j->packing;
    for (; index >= j->a->segment_count * (*p)->heads; p++) {
        index -= j->a->segment_count * (*p)->heads;
    }
    pack_piece(j, *p, index);
}

void sw_attention_pack(const sw_attention_job *j) {
    size_t heads = 0;
    for (size_t i = 0; i < SW_ATTENTION_PACKS && j->packing[i]; i++) heads += j->packing[i]->heads;
    sw_compute_run(j->c, j->a->segment_count * heads, pack_any, (void *)(uintptr_t)j);
}

void sw_attention_claim(sw_attention_job *j, sw_head_pack *p, const void *x, size_t heads,
                        bool keys, bool transposed, uint8_t **next) {
    *p = (sw_head_pack){
        .x = x, .packed = *next, .heads = heads, .keys = keys, .transposed = transposed};
    size_t rows = 0;
    for (size_t s = 0; s < j->a->segment_count; s++) {
        rows += sw_attention_round(segment_rows(&j->a->segments[s], keys));
    }
    *next += rows * heads * sw_attention_round(j->a->head_dim) * sw_dtype_bytes(j->c->dtype);
}

/* Of P and dS: those of all queries, or as many as there is room for, or of one panel. */
static size_t kept_bytes(size_t size, const sw_attention *a, size_t rows, size_t lanes) {
    size_t row = 2 * sw_attention_round(a->longest) * size, all = a->heads * rows * row;
    size_t panel = sw_least(a->longest, SW_GEMM_PANEL);
    return sw_most(a->heads / a->kv_heads * panel * row,
                   sw_least(all, lanes * SW_ATTENTION_KEPT_BYTES));
}

size_t sw_attention_pack_bytes(sw_dtype dtype, const sw_attention *a, size_t key_rows,
                               size_t backward_lanes) {
    size_t rows = key_rows + a->segment_count * (SW_GEMM_COLUMNS - 1), size = sw_dtype_bytes(dtype);
    size_t heads = backward_lanes ? 3 * a->kv_heads + 2 * a->heads : 2 * a->kv_heads;
    size_t packed = rows * heads * sw_attention_round(a->head_dim) * size;
    return packed + (backward_lanes ? kept_bytes(size, a, key_rows, backward_lanes) : 0);
}

/* Two blocks of scores in f32 and one operand block. */
size_t sw_attention_scratch_bytes(sw_dtype dtype, size_t longest) {
    return SW_ATTENTION_BLOCK * sw_attention_round(longest) *
           (2 * sizeof(float) + sw_dtype_bytes(dtype));
}
