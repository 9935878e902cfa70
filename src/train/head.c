/* SPDX-License-Identifier: Apache-2.0
 *
 * The output head and the loss: only rows whose next token counts, in chunks of SW_HEAD_ROWS rows,
 * so that the logits of a whole batch never exist (NUM-034).
 */
#include "train/engine.h"
#include <string.h>

static sw_norm head_norm(const sw_engine *e, size_t rows) {
    return (sw_norm){.x = e->scratch.head_x,
                     .weight = e->final_norm.value,
                     .rstd = e->scratch.head_rstd,
                     .rows = rows,
                     .columns = e->config->hidden_size,
                     .epsilon = (float)e->config->rms_norm_eps};
}

bool sw_engine_head_lies(const sw_engine *e) {
    return (e->quantised || e->capacity.in_place) && !e->table;
}

static const void *norm_row(const sw_engine *e, size_t row) {
    size_t bytes = e->config->hidden_size * sw_dtype_bytes(e->compute.dtype);
    return (const uint8_t *)e->scratch.head_norm + row * bytes;
}

static sw_gemm product(size_t m, size_t n, void *c, const void *a, const void *b, size_t k) {
    return (sw_gemm){
        .m = m,
        .n = n,
        .term_count = 1,
        .terms =
            {{.a = a, .a_stride = (k + 1) / 2 * 2, .b = b, .b_strip = sw_pack_strip(k), .k = k}},
        .scale = 1,
        .c = c,
        .c_stride = n,
        .c_dtype = SW_DTYPE_F32};
}

/* A product with the head: normed rows with its transpose, or dlogits with itself. */
static void run_with_head(sw_engine *e, sw_gemm *g, bool forward) {
    if (sw_engine_head_lies(e)) {
        g->terms[0].lying = &e->head_lying;
        g->terms[0].transposed = forward;
    }
    g->panels = e->scratch.panels;
    sw_gemm_run(&e->compute, g);
}

static void chunk_logits(sw_engine *e, size_t first, size_t rows, float *out, size_t stride) {
    sw_gemm g = product(rows, e->config->vocab_size, out, norm_row(e, first), e->head_t,
                        e->config->hidden_size);
    g.c_stride = stride;
    run_with_head(e, &g, true);
}

size_t sw_engine_logits_stride(const sw_engine *e) {
    return ((size_t)e->config->vocab_size + 1) / 2 * 2;
}

/* Elements from row to row of dlogits, which lie over the logits. */
static size_t dlogits_stride(const sw_engine *e) {
    return sw_engine_logits_stride(e) * sizeof *e->scratch.logits /
           sw_dtype_bytes(e->compute.dtype);
}

/* The table's gradient: dlogits^T (V, rows) times the normed rows. */
static void table_gradient(sw_engine *e, size_t first, size_t rows) {
    sw_scratch *s = &e->scratch;
    size_t c = e->config->hidden_size, vocab = e->config->vocab_size;
    sw_source normed = {.data = norm_row(e, first), .dtype = e->compute.dtype, .stride = c};
    sw_pack(&e->compute, s->packed_x, &normed, false, rows, c);
    sw_gemm g = {.m = vocab,
                 .n = c,
                 .term_count = 1,
                 .terms = {sw_engine_turned(e, s->logits, rows, vocab, dlogits_stride(e))},
                 .scale = 1,
                 .c = e->table->grad,
                 .c_stride = c,
                 .c_dtype = SW_DTYPE_F32,
                 .add = e->batch.first && first == 0 ? NULL : e->table->grad,
                 .leaves = true};
    g.terms[0].b = s->packed_x;
    g.terms[0].b_strip = sw_pack_strip(rows);
    sw_gemm_run(&e->compute, &g);
}

static void chunk(sw_engine *e, size_t first, size_t rows, float scale) {
    sw_scratch *s = &e->scratch;
    size_t c = e->config->hidden_size;
    chunk_logits(e, first, rows, s->logits, sw_engine_logits_stride(e));
    sw_nll nll = {.logits = s->logits,
                  .target = e->batch.target + first,
                  .rows = rows,
                  .vocab = e->config->vocab_size,
                  .logits_stride = sw_engine_logits_stride(e),
                  .loss = s->row_loss + first,
                  .scale = scale,
                  .dlogits = scale > 0 ? s->logits : NULL,
                  .dlogits_stride = dlogits_stride(e)};
    sw_nll_rows(&e->compute, &nll);
    if (scale <= 0) return;
    sw_gemm g = product(rows, c, s->head_dnorm + first * c, s->logits, e->head_n, nll.vocab);
    g.terms[0].a_stride = nll.dlogits_stride;
    run_with_head(e, &g, false);
    if (e->table) table_gradient(e, first, rows);
}

static void clear_table_gradient(sw_engine *e) { /* no chunk writes it */
    const sw_parameter *p = e->table;
    memset(p->grad, 0, p->rows * p->columns * sizeof *p->grad);
}

static void scatter(sw_engine *e) {
    sw_scratch *s = &e->scratch;
    size_t c = e->config->hidden_size, labels = e->batch.label_count;
    sw_norm norm = head_norm(e, labels);
    float *dweight = e->final_norm.parameter ? e->final_norm.parameter->grad : NULL;
    memset(s->head_dx, 0, labels * c * sizeof *s->head_dx);
    sw_norm_backward(&e->compute, &norm, s->head_dnorm, s->head_dx, dweight);
    memset(s->dx, 0, e->batch.tokens * c * sizeof *s->dx);
    for (size_t i = 0; i < labels; i++) {
        memcpy(s->dx + e->batch.labelled[i] * c, s->head_dx + i * c, c * sizeof *s->dx);
    }
}

double sw_engine_loss(sw_engine *e, float scale) {
    sw_scratch *s = &e->scratch;
    size_t c = e->config->hidden_size, labels = e->batch.label_count;
    for (size_t i = 0; i < labels; i++) {
        memcpy(s->head_x + i * c, e->final_x + e->batch.labelled[i] * c, c * sizeof *s->head_x);
    }
    sw_norm norm = head_norm(e, labels);
    sw_norm_forward(&e->compute, &norm, s->head_norm);
    for (size_t first = 0; first < labels; first += SW_HEAD_ROWS) {
        chunk(e, first, sw_least(labels - first, SW_HEAD_ROWS), scale);
    }
    if (scale > 0) {
        if (labels == 0 && e->table && e->batch.first) clear_table_gradient(e);
        scatter(e);
    }
    double sum = 0;
    for (size_t i = 0; i < labels; i++) sum += s->row_loss[i];
    return sum;
}

void sw_engine_logits(sw_engine *e, size_t first, size_t count, float *out) {
    sw_scratch *s = &e->scratch;
    size_t c = e->config->hidden_size;
    memcpy(s->head_x, e->final_x + first * c, count * c * sizeof *s->head_x);
    sw_norm norm = head_norm(e, count);
    sw_norm_forward(&e->compute, &norm, s->head_norm);
    chunk_logits(e, 0, count, out, e->config->vocab_size);
}
