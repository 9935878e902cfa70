/* SPDX-License-Identifier: Apache-2.0
 *
 * A tile of C by the bf16 instructions: all strips of a panel, panel by panel, into the lane's
 * stack.
 */
#include "tensor/gemm_internal.h"
#include <stdalign.h>
#include <string.h>

#define TILE_COLUMNS (SW_TILE_STRIPS * SW_GEMM_COLUMNS)

sw_extent sw_native_extent(void) {
    return (sw_extent){.rows = SW_TILE_ROWS, .strips = SW_TILE_STRIPS};
}

/* All panels of one term into the tile. */
static void add_term(const sw_gemm_term *term, sw_tile *t, const sw_extent *e) {
    t->a_stride = term->a_stride;
    t->b_strip = term->b_strip;
    for (size_t k = 0; k < term->k; k += SW_GEMM_PANEL) {
        t->a = sw_elements_at(term->a, e->row * term->a_stride + k, SW_DTYPE_BF16);
        t->b =
            sw_elements_at(term->b, e->strip * term->b_strip + k * SW_GEMM_COLUMNS, SW_DTYPE_BF16);
        t->k = sw_least(term->k - k, SW_GEMM_PANEL);
        sw_tile_bf16_native(t);
        t->add = true;
    }
}

void sw_native_sum(const sw_work *w, const sw_extent *e) {
    alignas(64) float tile[SW_TILE_ROWS * TILE_COLUMNS];
    sw_tile t = {.out = tile,
                 .out_stride = TILE_COLUMNS,
                 .rows = e->rows,
                 .strips = e->strips,
                 .add = w->resumed};
    if (w->resumed) sw_gemm_load(&w->g, tile, TILE_COLUMNS, e);
    for (size_t i = 0; i < w->g.term_count; i++) add_term(&w->g.terms[i], &t, e);
    if (!t.add) memset(tile, 0, sizeof tile);
    sw_gemm_store(&w->g, tile, TILE_COLUMNS, e);
}
