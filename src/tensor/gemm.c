/* SPDX-License-Identifier: Apache-2.0
 *
 * The driver of matrix products: cuts C into parts, and has each summed in one of three ways.
 *
 * A part is summed in the lane's stack and written once, so terms (a weight and its adapter, or the
 * gradients through q, k and v) meet before any rounding. See tensor/gemm.h for the bit rule.
 *
 * Where a B lies unpacked, C is made in blocks of columns: what a block needs of it is packed into
 * scratch, once for all rows, multiplied, and forgotten. A product of one such term that is deeper
 * than the scratch is wide goes through in stretches of whole panels, whose sums rest in C
 * meanwhile: they are added in the same order as in the stack.
 */
#include "tensor/gemm_internal.h"
#include <immintrin.h>

#define PANEL_BYTES   ((size_t)4 << 20) /* of scratch, where a block is not too narrow for it */
#define LEAST_COLUMNS 64                /* of a block */
#define DEEP          ((size_t)7 * SW_GEMM_PANEL) /* a stretch of a product of one term */
#define JOBS_PER_LANE 4                           /* so that lanes end at about the same time */

/* A product, or a block of its columns, as it is cut into jobs. */
typedef struct plan {
    sw_work w;
    void (*sum)(const sw_work *w, const sw_extent *e);
    size_t group, row_groups, row_parts, strips, job_strips; /* group: rows, at the least */
} plan;

static bool is_native(const sw_compute *c) {
    return c->native && c->dtype == SW_DTYPE_BF16;
}

bool sw_gemm_turns(const sw_compute *c) {
    return !is_native(c);
}

static plan plan_of(const sw_work *w, sw_extent *largest) {
    plan p = {.w = *w, .sum = sw_portable_sum, .group = SW_ROW_GROUP};
    if (!is_native(w->compute)) {
        *largest = sw_portable_extent(w);
    } else if (w->compute->rule == SW_RULE_PAIRS) {
        *largest = sw_native_extent();
        p.sum = sw_native_sum;
    } else {
        *largest = sw_tiles_extent(w);
        p.sum = sw_tiles_sum;
        p.group = SW_TILES_GROUP;
    }
    p.row_groups = sw_parts(w->g.m, p.group);
    p.row_parts = sw_parts(p.row_groups, largest->rows / p.group);
    p.strips = sw_parts(w->g.n, SW_GEMM_COLUMNS);
    return p;
}

/* Parts of equal rows, but for one group: lanes take as much work each. */
static void sum_part(const plan *p, size_t row_part, size_t strip, size_t strips) {
    size_t first = row_part * p->row_groups / p->row_parts * p->group;
    size_t end = (row_part + 1) * p->row_groups / p->row_parts * p->group;
    sw_extent e = {.row = first,
                   .rows = sw_least(end, p->w.g.m) - first,
                   .strip = strip,
                   .strips = sw_least(p->strips - strip, strips)};
    p->sum(&p->w, &e);
    if (p->w.g.leaves) _mm_sfence(); /* before another lane is told */
}

static void part_job(void *context, size_t index, size_t lane) {
    (void)lane;
    const plan *p = context;
    sum_part(p, index % p->row_parts, index / p->row_parts * p->job_strips, p->job_strips);
}

/* Wide jobs, since each lays out its rows of A once; but enough of them for all lanes. */
static void run_parts(const sw_work *w) {
    sw_extent largest;
    plan p = plan_of(w, &largest);
    if (p.row_parts == 0 || p.strips == 0) return;
    size_t lanes = w->compute->parallel.lanes, wanted = lanes * JOBS_PER_LANE;
    if (p.row_parts >= lanes) p.row_parts = sw_least(sw_round_up(p.row_parts, lanes), p.row_groups);
    size_t wide = largest.strips ? sw_least(largest.strips, p.strips) : p.strips;
    size_t groups = sw_parts(p.strips, wide);
    if (groups * p.row_parts < wanted) groups = sw_parts(wanted, p.row_parts);
    p.job_strips = sw_parts(p.strips, sw_least(groups, p.strips));
    sw_compute_run(w->compute, p.row_parts * sw_parts(p.strips, p.job_strips), part_job, &p);
}

/* ---- what is not packed ---- */

static size_t columns_of(sw_dtype dtype, size_t k) {
    size_t columns = PANEL_BYTES / sw_dtype_bytes(dtype) / (k ? k : 1);
    return columns < LEAST_COLUMNS ? LEAST_COLUMNS : columns / LEAST_COLUMNS * LEAST_COLUMNS;
}

size_t sw_gemm_panel_bytes(sw_dtype dtype, size_t k, size_t n) {
    size_t column = (k + SW_GEMM_TERMS) * sw_dtype_bytes(dtype);
    size_t largest = LEAST_COLUMNS * column;
    if (largest < PANEL_BYTES) largest = PANEL_BYTES;
    return sw_least(largest, sw_round_up(n, LEAST_COLUMNS) * column);
}

/* The columns from `first` on of a term's B: packed now, or as they are. Returns the rest of the
 * scratch. */
static void *take_columns(const sw_compute *c, sw_gemm_term *t, size_t first, size_t n, void *to) {
    if (!t->lying) {
        t->b = sw_elements_at(t->b, first / SW_GEMM_COLUMNS * t->b_strip, c->dtype);
        return to;
    }
    sw_source b = *t->lying;
    size_t skipped = t->transposed ? first * b.stride : first;
    if (b.nf4) {
        b.first += skipped;
    } else {
        b.data = sw_elements_at(b.data, skipped, b.dtype);
    }
    sw_pack(c, to, &b, t->transposed, t->k, n);
    t->b = to;
    t->b_strip = sw_pack_strip(t->k);
    return (uint8_t *)to + sw_pack_elements(t->k, n) * sw_dtype_bytes(c->dtype);
}

static void run_in_blocks(const sw_compute *c, const sw_gemm *g, bool resumed) {
    size_t depth = 0;
    for (size_t i = 0; i < g->term_count; i++)
        if (g->terms[i].lying) depth += sw_round_up(g->terms[i].k, 2);
    size_t columns = columns_of(c->dtype, depth);
    for (size_t first = 0; first < g->n; first += columns) {
        sw_work w = {.compute = c, .g = *g, .resumed = resumed};
        void *to = g->panels;
        w.g.n = sw_least(g->n - first, columns);
        w.g.c = (uint8_t *)g->c + first * sw_dtype_bytes(g->c_dtype);
        if (g->add) w.g.add = g->add + first;
        for (size_t i = 0; i < g->term_count; i++)
            to = take_columns(c, &w.g.terms[i], first, w.g.n, to);
        run_parts(&w);
    }
}

/* A term that lies, from k on. */
static void skip_depth(const sw_compute *c, sw_gemm_term *t, sw_source *lying, size_t k) {
    t->a = sw_elements_at(t->a, t->turned ? k * t->a_stride : k, c->dtype);
    *lying = *t->lying;
    size_t skipped = t->transposed ? k : k * lying->stride;
    if (lying->nf4) {
        lying->first += skipped;
    } else {
        lying->data = sw_elements_at(lying->data, skipped, lying->dtype);
    }
    t->lying = lying;
}

/* Only where a sum may rest in C as it is. */
static bool goes_deep(const sw_gemm *g) {
    return g->term_count == 1 && g->terms[0].k > DEEP && g->c_dtype == SW_DTYPE_F32 && !g->add &&
           g->scale == 1;
}

static bool lies(const sw_gemm *g) {
    for (size_t i = 0; i < g->term_count; i++)
        if (g->terms[i].lying) return true;
    return false;
}

void sw_gemm_run(const sw_compute *c, const sw_gemm *g) {
    if (!lies(g)) {
        sw_work w = {.compute = c, .g = *g};
        run_parts(&w);
        return;
    }
    size_t step = goes_deep(g) ? DEEP : SIZE_MAX;
    for (size_t k = 0, depth = g->term_count ? g->terms[0].k : 0;; k += step) {
        sw_gemm part = *g;
        sw_source lying;
        if (step <= depth) {
            skip_depth(c, &part.terms[0], &lying, k);
            part.terms[0].k = sw_least(depth - k, step);
        }
        run_in_blocks(c, &part, k > 0);
        if (depth - k <= step) return;
    }
}

void sw_gemm_alone(const sw_compute *c, const sw_gemm *g) {
    const sw_work w = {.compute = c, .g = *g};
    sw_extent largest;
    plan p = plan_of(&w, &largest);
    size_t strips = sw_least(p.strips, largest.strips);
    for (size_t strip = 0; strip < p.strips; strip += strips) {
        for (size_t i = 0; i < p.row_parts; i++) sum_part(&p, i, strip, strips);
    }
}
