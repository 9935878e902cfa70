/* SPDX-License-Identifier: Apache-2.0
 *
 * The driver of matrix products: cuts C into tiles, runs terms and panels in order, stores.
 *
 * A tile is summed in the lane's stack and written once, so terms (a weight and its adapter, or the
 * gradients through q, k and v) meet before any rounding. See tensor/gemm.h for the bit rule.
 *
 * With scratch, C is made in blocks of columns: what a block needs of every B is written there in
 * the form that the kernel takes, once for all rows, multiplied, and forgotten. A product of one
 * term that is deeper than the scratch is wide goes through in stretches of whole panels, whose
 * sums rest in C meanwhile: sums are added in the same order as in the tile.
 */
#include "tensor/kernels.h"
#include <stdalign.h>
#include <string.h>

#define TILE_COLUMNS  (SW_TILE_STRIPS * SW_GEMM_COLUMNS)
#define PANEL_BYTES   ((size_t)4 << 20) /* of scratch, where a block is not too narrow for it */
#define LEAST_COLUMNS 64                /* of a block */
#define DEEP          ((size_t)8 * SW_GEMM_PANEL) /* a stretch of a product of one term */
#define JOBS_PER_LANE 8                           /* so that lanes end at about the same time */

static size_t least(size_t a, size_t b) {
    return a < b ? a : b;
}

static size_t parts(size_t count, size_t size) {
    return (count + size - 1) / size;
}

static size_t even(size_t k) {
    return (k + 1) / 2 * 2;
}

/* A product, or a block of its columns, as it is cut into jobs. */
typedef struct work {
    const sw_compute *compute;
    sw_gemm g;
    bool wide[SW_GEMM_TERMS]; /* this term's B is there as sw_pack_wide writes it */
    bool resumed;             /* C holds the sums of the panels before */
    size_t row_tiles, strips, job_strips;
} work;

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

/* Rows and columns of C that a tile stands for. */
typedef struct extent {
    size_t row, rows, column, columns;
} extent;

static void store_rows(const sw_gemm *g, const float *tile, const extent *e) {
    for (size_t r = 0; r < e->rows; r++, tile += TILE_COLUMNS) {
        size_t at = (e->row + r) * g->c_stride + e->column;
        if (g->c_dtype == SW_DTYPE_F32) {
            store_f32(g, tile, at, e->columns);
        } else {
            store_bf16(g, tile, at, e->columns);
        }
    }
}

static void load_rows(const sw_gemm *g, float *tile, const extent *e) {
    for (size_t r = 0; r < e->rows; r++, tile += TILE_COLUMNS) {
        memcpy(tile, (const float *)g->c + (e->row + r) * g->c_stride + e->column,
               e->columns * sizeof *tile);
    }
}

/* All panels of one term into the tile. */
static void add_term(const work *w, size_t index, sw_tile *t, size_t row, size_t strip) {
    const sw_gemm_term *term = &w->g.terms[index];
    sw_dtype dtype = w->compute->dtype, b_dtype = w->wide[index] ? SW_DTYPE_F32 : dtype;
    t->a_stride = term->a_stride;
    t->b_strip = term->b_strip;
    t->wide = w->wide[index];
    for (size_t k = 0; k < term->k; k += SW_GEMM_PANEL) {
        t->a = offset(term->a, row * term->a_stride + k, dtype);
        t->b = offset(term->b, strip * term->b_strip + k * SW_GEMM_COLUMNS, b_dtype);
        t->k = least(term->k - k, SW_GEMM_PANEL);
        panel(w->compute, t);
        t->add = true;
    }
}

static void tile_sum(const work *w, size_t row, size_t strip, size_t strips) {
    alignas(64) float tile[SW_TILE_ROWS * TILE_COLUMNS];
    const sw_gemm *g = &w->g;
    extent e = {.row = row, .rows = least(g->m - row, SW_TILE_ROWS)};
    e.column = strip * SW_GEMM_COLUMNS;
    e.columns = least(g->n - e.column, strips * SW_GEMM_COLUMNS);
    sw_tile t = {.out = tile,
                 .out_stride = TILE_COLUMNS,
                 .rows = e.rows,
                 .strips = strips,
                 .add = w->resumed};
    if (w->resumed) load_rows(g, tile, &e);
    for (size_t i = 0; i < g->term_count; i++) add_term(w, i, &t, row, strip);
    if (!t.add) memset(tile, 0, sizeof tile);
    store_rows(g, tile, &e);
}

static void tile_job(void *context, size_t index, size_t lane) {
    (void)lane;
    const work *w = context;
    size_t strip = index / w->row_tiles * w->job_strips;
    tile_sum(w, index % w->row_tiles * SW_TILE_ROWS, strip,
             least(w->strips - strip, w->job_strips));
}

/* Wide jobs, since each writes out its rows of A once; but enough of them for all lanes. */
static void run_tiles(work *w) {
    size_t wanted = w->compute->parallel.lanes * JOBS_PER_LANE;
    w->row_tiles = parts(w->g.m, SW_TILE_ROWS);
    w->strips = parts(w->g.n, SW_GEMM_COLUMNS);
    if (w->row_tiles == 0 || w->strips == 0) return;
    size_t groups = parts(w->strips, SW_TILE_STRIPS);
    groups =
        least(w->strips, groups * w->row_tiles < wanted ? parts(wanted, w->row_tiles) : groups);
    w->job_strips = parts(w->strips, groups);
    sw_compute_run(w->compute, w->row_tiles * parts(w->strips, w->job_strips), tile_job, w);
}

/* ---- what is not packed, or not in the kernel's form ---- */

static size_t columns_of(size_t k) {
    size_t columns = PANEL_BYTES / sizeof(float) / (k ? k : 1) / LEAST_COLUMNS * LEAST_COLUMNS;
    return columns ? columns : LEAST_COLUMNS;
}

size_t sw_gemm_panel_bytes(size_t k, size_t n) {
    size_t depth = k + SW_GEMM_TERMS, columns = parts(n, LEAST_COLUMNS) * LEAST_COLUMNS;
    size_t largest = LEAST_COLUMNS * sizeof(float) * depth;
    if (largest < PANEL_BYTES) largest = PANEL_BYTES;
    return least(largest, columns * sizeof(float) * depth);
}

/* In the portable kernel each lane would widen a packed B for itself, for every tile of rows. */
static bool widens(const work *w) {
    return w->compute->dtype == SW_DTYPE_BF16 && !w->compute->native;
}

/* The columns from `first` on of term `index`'s B: packed now, widened now, or as they are packed.
 * Returns the rest of the scratch. */
static void *take_columns(work *w, size_t index, size_t first, void *to) {
    const sw_compute *c = w->compute;
    sw_gemm_term *t = &w->g.terms[index];
    size_t n = w->g.n;
    bool wide = widens(w);
    if (!t->lying) {
        const void *packed = offset(t->b, first / SW_GEMM_COLUMNS * t->b_strip, c->dtype);
        t->b = packed;
        if (!wide || w->g.m < SW_TILE_ROWS) return to;
        sw_pack_widen(c, to, packed, t->b_strip, t->k, n);
    } else {
        sw_source b = *t->lying;
        size_t skipped = t->transposed ? first * b.stride : first;
        if (b.nf4) {
            b.first += skipped;
        } else {
            b.data = offset(b.data, skipped, b.dtype);
        }
        (wide ? sw_pack_wide : sw_pack)(c, to, &b, t->transposed, t->k, n);
    }
    w->wide[index] = wide;
    t->b = to;
    t->b_strip = sw_pack_strip(t->k);
    return (uint8_t *)to +
           parts(n, SW_GEMM_COLUMNS) * t->b_strip * sw_dtype_bytes(wide ? SW_DTYPE_F32 : c->dtype);
}

static void run_in_blocks(const sw_compute *c, const sw_gemm *g, bool resumed) {
    size_t depth = 0;
    for (size_t i = 0; i < g->term_count; i++) depth += even(g->terms[i].k);
    size_t columns = columns_of(depth);
    for (size_t first = 0; first < g->n; first += columns) {
        work w = {.compute = c, .g = *g, .resumed = resumed};
        void *to = g->panels;
        w.g.n = least(g->n - first, columns);
        w.g.c = (uint8_t *)g->c + first * sw_dtype_bytes(g->c_dtype);
        if (g->add) w.g.add = g->add + first;
        for (size_t i = 0; i < g->term_count; i++) to = take_columns(&w, i, first, to);
        run_tiles(&w);
    }
}

/* Term 0 from k on. */
static void skip_depth(const sw_compute *c, sw_gemm_term *t, sw_source *lying, size_t k) {
    t->a = offset(t->a, k, c->dtype);
    if (!t->lying) {
        t->b = offset(t->b, k * SW_GEMM_COLUMNS, c->dtype);
        return;
    }
    *lying = *t->lying;
    size_t skipped = t->transposed ? k : k * lying->stride;
    if (lying->nf4) {
        lying->first += skipped;
    } else {
        lying->data = offset(lying->data, skipped, lying->dtype);
    }
    t->lying = lying;
}

/* Only where a sum may rest in C as it is. */
static bool goes_deep(const sw_gemm *g) {
    return g->term_count == 1 && g->terms[0].k > DEEP && g->c_dtype == SW_DTYPE_F32 && !g->add &&
           g->scale == 1;
}

void sw_gemm_run(const sw_compute *c, const sw_gemm *g) {
    if (!g->panels) {
        work w = {.compute = c, .g = *g};
        run_tiles(&w);
        return;
    }
    size_t step = goes_deep(g) ? DEEP : SIZE_MAX;
    for (size_t k = 0, depth = g->term_count ? g->terms[0].k : 0;; k += step) {
        sw_gemm part = *g;
        sw_source lying;
        if (step <= depth) {
            skip_depth(c, &part.terms[0], &lying, k);
            part.terms[0].k = least(depth - k, step);
        }
        run_in_blocks(c, &part, k > 0);
        if (depth - k <= step) return;
    }
}

void sw_gemm_alone(const sw_compute *c, const sw_gemm *g) {
    const work w = {.compute = c, .g = *g};
    size_t strips = parts(g->n, SW_GEMM_COLUMNS);
    for (size_t strip = 0; strip < strips; strip += SW_TILE_STRIPS) {
        size_t count = least(strips - strip, SW_TILE_STRIPS);
        for (size_t row = 0; row < g->m; row += SW_TILE_ROWS) tile_sum(&w, row, strip, count);
    }
}
