/* SPDX-License-Identifier: Apache-2.0
 *
 * A part of C without the bf16 instructions, and in f32: rows of A are laid out once, for as many
 * panels as the lane's stack holds, and then strip after strip passes over them.
 *
 * Where all panels of all terms fit, a strip's sums stay in the first cache until they are stored;
 * a deeper product goes through in portions, with the sums of all its strips beside them.
 */
#include "tensor/gemm_internal.h"
#include <stdalign.h>
#include <string.h>

#define COLUMNS     SW_GEMM_COLUMNS
#define ROOM        65536 /* floats of laid out rows: half of a second cache of 512 KiB */
#define DEEP_ROWS   48    /* of a part that goes through in portions */
#define DEEP_STRIPS 36    /* of it at most */
#define DIRECT_ROWS 12    /* fewer rows do not pay for being laid out in bf16: measured */

/* One panel of one term; `term` is the number of terms behind the last. */
typedef struct piece {
    size_t term, k, depth;
} piece;

/* The piece at or behind this place. */
static piece piece_at(const sw_work *w, size_t term, size_t k) {
    while (term < w->g.term_count && k >= w->g.terms[term].k) term++, k = 0;
    piece p = {.term = term, .k = k};
    if (term == w->g.term_count) return p;
    p.depth = sw_least(w->g.terms[term].k - k, SW_GEMM_PANEL);
    if (w->compute->dtype == SW_DTYPE_BF16) p.depth = sw_round_up(p.depth, 2);
    return p;
}

static piece after(const sw_work *w, const piece *p) {
    return piece_at(w, p->term, p->k + SW_GEMM_PANEL);
}

/* Few rows of bf16 are multiplied as they lie. */
static bool is_direct(const sw_work *w, const piece *p, size_t rows) {
    return rows < DIRECT_ROWS && w->compute->dtype == SW_DTYPE_BF16 && !w->g.terms[p->term].turned;
}

static size_t laid(size_t rows) {
    return sw_round_up(rows, SW_ROW_GROUP);
}

sw_extent sw_portable_extent(const sw_work *w) {
    size_t depth = 0;
    for (piece p = piece_at(w, 0, 0); p.term < w->g.term_count; p = after(w, &p)) depth += p.depth;
    size_t rows = depth ? ROOM / depth / SW_ROW_GROUP * SW_ROW_GROUP : SW_TILE_ROWS;
    if (rows < DEEP_ROWS - SW_ROW_GROUP)
        return (sw_extent){.rows = DEEP_ROWS, .strips = DEEP_STRIPS};
    return (sw_extent){.rows = sw_least(rows, SW_TILE_ROWS), .strips = SIZE_MAX};
}

static const void *rows_of(const sw_work *w, const piece *p, const sw_extent *e) {
    const sw_gemm_term *t = &w->g.terms[p->term];
    size_t at = t->turned ? p->k * t->a_stride + e->row : e->row * t->a_stride + p->k;
    return sw_elements_at(t->a, at, w->compute->dtype);
}

static void lay_piece(const sw_work *w, const piece *p, const sw_extent *e, float *out) {
    const sw_gemm_term *t = &w->g.terms[p->term];
    const void *a = rows_of(w, p, e);
    bool wide = w->compute->dtype == SW_DTYPE_F32;
    size_t count = sw_least(t->k - p->k, SW_GEMM_PANEL);
    if (is_direct(w, p, e->rows)) return;
    if (wide && t->turned) {
        sw_lay_columns(out, a, t->a_stride, e->rows, count);
    } else if (wide) {
        sw_lay_rows(out, a, t->a_stride, e->rows, p->depth);
    } else if (t->turned) {
        sw_widen_columns(out, a, t->a_stride, e->rows, count, w->compute->rule);
    } else {
        sw_widen_rows(out, a, t->a_stride, e->rows, p->depth, w->compute->rule);
    }
}

/* Pieces that are laid out at once: from `from` to before `end`, at `a`. */
typedef struct portion {
    piece from, end;
    const float *a;
} portion;

/* Lays out pieces from `from` on while there is room; the first that is left. */
static piece lay(const sw_work *w, piece from, const sw_extent *e, float *out) {
    size_t left = ROOM, rows = laid(e->rows);
    piece p = from;
    while (p.term < w->g.term_count && rows * p.depth <= left) {
        lay_piece(w, &p, e, out);
        out += rows * p.depth;
        left -= rows * p.depth;
        p = after(w, &p);
    }
    return p;
}

/* A portion of one strip, added to its sums or in their place. */
static void add_pieces(const sw_work *w, const portion *all, const sw_extent *e, float *sums,
                       bool add) {
    const sw_gemm *g = &w->g;
    bool wide = w->compute->dtype == SW_DTYPE_F32;
    sw_strip s = {.a = all->a, .rows = e->rows, .out = sums, .add = add, .rule = w->compute->rule};
    s.target = sw_elements_at(g->c, e->row * g->c_stride + e->strip * COLUMNS, g->c_dtype);
    s.target_stride = g->c_stride * sw_dtype_bytes(g->c_dtype);
    if (g->leaves && !g->add) s.target = (const uint8_t *)sums, s.target_stride = 0;
    for (piece p = all->from; p.term != all->end.term || p.k != all->end.k; p = after(w, &p)) {
        const sw_gemm_term *t = &g->terms[p.term];
        const void *b =
            sw_elements_at(t->b, e->strip * t->b_strip + p.k * COLUMNS, w->compute->dtype);
        s.b = wide ? b : NULL;
        s.pairs = wide ? NULL : b;
        s.k = p.depth;
        if (is_direct(w, &p, e->rows)) {
            sw_strip_direct(&s, rows_of(w, &p, e), t->a_stride);
        } else {
            sw_strip_sum(&s);
        }
        s.a += laid(e->rows) * p.depth;
        s.add = true;
    }
}

void sw_portable_sum(const sw_work *w, const sw_extent *e) {
    alignas(64) float a[ROOM + 8], sums[DEEP_ROWS * DEEP_STRIPS * COLUMNS];
    portion p = {.from = piece_at(w, 0, 0), .a = a};
    bool add = w->resumed, last = false;
    for (size_t turn = 0; !last; turn++, p.from = p.end) {
        p.end = lay(w, p.from, e, a);
        last = p.end.term == w->g.term_count;
        bool rests = turn > 0 || !last; /* sums of all strips, until the last portion */
        for (size_t i = 0; i < e->strips; i++) {
            float *own = &sums[rests ? i * e->rows * COLUMNS : 0];
            sw_extent one = {.row = e->row, .rows = e->rows, .strip = e->strip + i, .strips = 1};
            if (turn == 0 && w->resumed) sw_gemm_load(&w->g, own, COLUMNS, &one);
            if (w->g.term_count == p.from.term) memset(own, 0, e->rows * COLUMNS * sizeof *own);
            add_pieces(w, &p, &one, own, add);
            if (last) sw_gemm_store(&w->g, own, COLUMNS, &one);
        }
        add = true;
    }
}
