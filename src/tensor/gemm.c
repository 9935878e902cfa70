/* SPDX-License-Identifier: Apache-2.0
 *
 * The driver of matrix products: cuts C into tiles, runs terms and panels in order, stores.
 *
 * A tile is summed in the lane's stack and written once, so terms (a weight and its adapter, or the
 * gradients through q, k and v) meet before any rounding. See tensor/gemm.h for the bit rule. A B
 * that lies unpacked is packed for a block of columns, multiplied, and forgotten.
 */
#include "tensor/kernels.h"
#include <string.h>

#define TILE_ROWS    96
#define TILE_COLUMNS (SW_TILE_STRIPS * SW_GEMM_COLUMNS)

static size_t least(size_t a, size_t b) {
    return a < b ? a : b;
}

static void panel(const sw_compute *c, const sw_tile *t) {
    if (c->dtype == SW_DTYPE_F32) {
        sw_tile_f32(t);
    } else if (c->native) {
        sw_tile_bf16_native(t);
    } else {
        sw_tile_bf16_portable(t);
    }
}

static const void *offset(const void *base, size_t elements, sw_dtype dtype) {
    return (const uint8_t *)base + elements * sw_dtype_bytes(dtype);
}

static void store_f32(const sw_gemm *g, const float *restrict tile, size_t at, size_t columns) {
    float *out = (float *)g->c + at;
    if (g->add) {
        const float *base = g->add + at;
        for (size_t i = 0; i < columns; i++) out[i] = base[i] + tile[i] * g->scale;
    } else {
        for (size_t i = 0; i < columns; i++) out[i] = tile[i] * g->scale;
    }
}

static void store_bf16(const sw_gemm *g, const float *restrict tile, size_t at, size_t columns) {
    float scaled[TILE_COLUMNS];
    for (size_t i = 0; i < columns; i++) scaled[i] = tile[i] * g->scale;
    sw_elements_store((sw_bf16 *)g->c + at, scaled, SW_DTYPE_BF16, columns);
}

static void store_rows(const sw_gemm *g, const float *tile, size_t row, size_t column,
                       size_t rows) {
    size_t columns = least(g->n - column, TILE_COLUMNS);
    for (size_t r = 0; r < rows; r++, tile += TILE_COLUMNS) {
        size_t at = (row + r) * g->c_stride + column;
        if (g->c_dtype == SW_DTYPE_F32) {
            store_f32(g, tile, at, columns);
        } else {
            store_bf16(g, tile, at, columns);
        }
    }
}

static void tile_sum(const sw_compute *c, const sw_gemm *g, size_t row, size_t column) {
    float tile[TILE_ROWS * TILE_COLUMNS];
    size_t rows = least(g->m - row, TILE_ROWS), strip = column / SW_GEMM_COLUMNS;
    size_t strips = (least(g->n - column, TILE_COLUMNS) + SW_GEMM_COLUMNS - 1) / SW_GEMM_COLUMNS;
    bool add = false;
    if (g->term_count == 0 || g->terms[0].k == 0) memset(tile, 0, sizeof tile);
    for (size_t i = 0; i < g->term_count; i++) {
        const sw_gemm_term *term = &g->terms[i];
        for (size_t k = 0; k < term->k; k += SW_GEMM_PANEL) {
            size_t b_at = strip * term->b_strip + k * SW_GEMM_COLUMNS;
            sw_tile t = {.a = offset(term->a, row * term->a_stride + k, c->dtype),
                         .a_stride = term->a_stride,
                         .b = offset(term->b, b_at, c->dtype),
                         .b_strip = term->b_strip,
                         .k = least(term->k - k, SW_GEMM_PANEL),
                         .out = tile,
                         .out_stride = TILE_COLUMNS,
                         .rows = rows,
                         .strips = strips,
                         .add = add};
            panel(c, &t);
            add = true;
        }
    }
    store_rows(g, tile, row, column, rows);
}

typedef struct gemm_job {
    const sw_compute *compute;
    const sw_gemm *gemm;
    size_t row_tiles;
} gemm_job;

static void tile_job(void *context, size_t index, size_t lane) {
    (void)lane;
    const gemm_job *job = context;
    tile_sum(job->compute, job->gemm, index % job->row_tiles * TILE_ROWS,
             index / job->row_tiles * TILE_COLUMNS);
}

static void run_packed(const sw_compute *c, const sw_gemm *g) {
    gemm_job job = {.compute = c, .gemm = g, .row_tiles = (g->m + TILE_ROWS - 1) / TILE_ROWS};
    size_t column_tiles = (g->n + TILE_COLUMNS - 1) / TILE_COLUMNS;
    sw_compute_run(c, job.row_tiles * column_tiles, tile_job, &job);
}

/* The columns from `first` on of one term's B: packed now, or as they are packed. Returns the rest
 * of the scratch. */
static void *take_columns(const sw_compute *c, sw_gemm_term *t, size_t first, size_t n, void *to) {
    if (!t->lying) {
        t->b = offset(t->b, first / SW_GEMM_COLUMNS * t->b_strip, c->dtype);
        return to;
    }
    sw_source b = *t->lying;
    size_t skipped = t->transposed ? first * b.stride : first;
    if (b.nf4) {
        b.first += skipped;
    } else {
        b.data = offset(b.data, skipped, b.dtype);
    }
    sw_pack(c, to, &b, t->transposed, t->k, n);
    t->b = to;
    return (uint8_t *)to + sw_pack_elements(t->k, n) * sw_dtype_bytes(c->dtype);
}

static void run_in_blocks(const sw_compute *c, const sw_gemm *g) {
    for (size_t first = 0; first < g->n; first += SW_GEMM_BLOCK) {
        sw_gemm part = *g;
        void *to = g->panels;
        part.n = least(g->n - first, SW_GEMM_BLOCK);
        part.c = (uint8_t *)g->c + first * sw_dtype_bytes(g->c_dtype);
        if (g->add) part.add = g->add + first;
        for (size_t i = 0; i < g->term_count; i++) {
            to = take_columns(c, &part.terms[i], first, part.n, to);
        }
        run_packed(c, &part);
    }
}

void sw_gemm_run(const sw_compute *c, const sw_gemm *g) {
    if (g->panels) {
        run_in_blocks(c, g);
    } else {
        run_packed(c, g);
    }
}

void sw_gemm_alone(const sw_compute *c, const sw_gemm *g) {
    for (size_t column = 0; column < g->n; column += TILE_COLUMNS) {
        for (size_t row = 0; row < g->m; row += TILE_ROWS) tile_sum(c, g, row, column);
    }
}
