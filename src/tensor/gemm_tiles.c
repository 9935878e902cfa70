/* SPDX-License-Identifier: Apache-2.0
 *
 * A part of C by TDPBF16PS, which multiplies a tile of 16 rows by 32 k with one of 32 k by 16
 * columns and adds as NUM-017 says: 32 rows by 32 columns are summed at a time in four tiles, over
 * all of k, so a sum is written once.
 *
 * A tile of B lies in a packed strip as the instruction wants it, and so do rows of A that fill
 * tiles and do not all want the same lines of the first cache. Other rows of A are laid out once
 * for all strips: block of k by block, 16 rows side by side, zero beyond the end. A block of B that
 * k does not fill is copied too. Where A is too deep for the second cache, or for the lane's stack,
 * it goes through in portions, with the sums of all strips beside them.
 */
#include "tensor/gemm_internal.h"
#include <assert.h>
#include <immintrin.h>
#include <stdalign.h>
#include <string.h>

#define NATIVE                                                                                     \
    static inline __attribute__((always_inline, target("avx512f,avx512bw,avx512vl,avx512bf16")))
#define ENTRY        static __attribute__((target("avx512f,avx512bw,avx512vl,avx512bf16"), noinline))
#define SIDE         16                     /* rows, or columns, of a tile */
#define DEPTH        SW_TILES_DEPTH         /* k of a tile */
#define TILE         ((size_t)SIDE * DEPTH) /* elements */
#define LINE         64                     /* bytes of memory at once: a row of a tile */
#define CROWDED      2048                   /* rows so many bytes apart lie in 2 of its 64 sets */
#define GROUP        SW_TILES_GROUP         /* rows of a block of sums, and its columns */
#define ROOM         512                    /* tiles of A that are laid out: 512 KiB */
#define MOST_ROWS    256                    /* of a part */
#define LEAST_ROWS   64                     /* of one that goes through at once */
#define DEEP_ROWS    64                     /* of a part that goes through in portions */
#define DEEP_STRIPS  32                     /* of it at most, even */
#define BLOCK        ((size_t)GROUP * GROUP)
#define BLOCK_STRIDE ((size_t)GROUP * sizeof(float))

/* ---- what is summed at a time ---- */

typedef struct span { /* of one term's k */
    const sw_gemm_term *term;
    size_t k, depth, blocks;
    const sw_bf16 *a;       /* its first tile of the part's first row: as it lies, or laid out */
    size_t row_bytes;       /* from row to row of a tile */
    size_t step, tile_rows; /* elements from tile to tile: of k, and of rows */
} span;

typedef struct portion {
    span spans[SW_GEMM_TERMS];
    size_t count, blocks; /* of all spans */
} portion;

typedef struct place {
    size_t term, k;
} place;

/* As many tiles in depth as there is room for, from `at` on, which moves behind them. */
static portion portion_from(const sw_gemm *g, place *at, size_t room) {
    portion p = {0};
    while (at->term < g->term_count) {
        const sw_gemm_term *t = &g->terms[at->term];
        size_t depth = sw_least(t->k - at->k, (room - p.blocks) * DEPTH);
        if (at->k == t->k) {
            *at = (place){.term = at->term + 1};
            continue;
        }
        if (!depth) break;
        p.spans[p.count] =
            (span){.term = t, .k = at->k, .depth = depth, .blocks = sw_parts(depth, DEPTH)};
        p.blocks += p.spans[p.count++].blocks;
        at->k += depth;
    }
    return p;
}

sw_extent sw_tiles_extent(const sw_work *w) {
    size_t blocks = 0;
    for (size_t i = 0; i < w->g.term_count; i++) blocks += sw_parts(w->g.terms[i].k, DEPTH);
    size_t rows = blocks ? ROOM / blocks * SIDE / GROUP * GROUP : MOST_ROWS;
    if (rows < LEAST_ROWS) return (sw_extent){.rows = DEEP_ROWS, .strips = DEEP_STRIPS};
    return (sw_extent){.rows = sw_least(rows, MOST_ROWS), .strips = SIZE_MAX};
}

/* ---- operands ---- */

/* `depth` elements of one row, even, into its place in each of its tiles; zero behind them. */
NATIVE void lay_row(sw_bf16 *out, const sw_bf16 *row, size_t depth) {
    size_t k = 0;
    for (; k + DEPTH <= depth; k += DEPTH, out += TILE)
        _mm512_store_si512(out, _mm512_loadu_si512(row + k));
    if (k == depth) return;
    __mmask32 there = (__mmask32)((UINT32_C(1) << (depth - k)) - 1);
    _mm512_store_si512(out, _mm512_maskz_loadu_epi16(there, row + k));
}

NATIVE void lay_zeros(sw_bf16 *out, size_t blocks) {
    for (size_t i = 0; i < blocks; i++) _mm512_store_si512(out + i * TILE, _mm512_setzero_si512());
}

static const sw_bf16 *rows_of(const span *s, const sw_extent *e) {
    return (const sw_bf16 *)s->term->a + e->row * s->term->a_stride + s->k;
}

/* Whole tiles, each row of them one line of memory, and few of which share a set of the first
 * cache.
 */
static bool lies_well(const span *s, const sw_extent *e) {
    size_t bytes = s->term->a_stride * sizeof(sw_bf16);
    return e->rows % SIDE == 0 && s->depth % DEPTH == 0 && bytes % LINE == 0 &&
           (uintptr_t)rows_of(s, e) % LINE == 0 && bytes % CROWDED != 0;
}

ENTRY void lay_span(sw_bf16 *out, const span *s, const sw_extent *e) {
    const sw_bf16 *a = rows_of(s, e);
    for (size_t row = 0; row < sw_round_up(e->rows, SIDE); row++) {
        sw_bf16 *to = out + row / SIDE * s->tile_rows + row % SIDE * DEPTH;
        if (row < e->rows) {
            lay_row(to, a + row * s->term->a_stride, sw_round_up(s->depth, 2));
        } else {
            lay_zeros(to, s->blocks);
        }
    }
}

static void take_rows(portion *p, const sw_extent *e, sw_bf16 *room) {
    for (span *s = p->spans; s < p->spans + p->count; s++) {
        if (lies_well(s, e)) {
            s->a = rows_of(s, e);
            s->row_bytes = s->term->a_stride * sizeof *s->a;
            s->step = DEPTH;
            s->tile_rows = SIDE * s->term->a_stride;
        } else {
            s->a = room;
            s->row_bytes = LINE;
            s->step = TILE;
            s->tile_rows = s->blocks * TILE;
            lay_span(room, s, e);
            room += sw_parts(e->rows, SIDE) * s->tile_rows;
        }
    }
}

/* The last tiles of B, of two strips, in spans that do not fill them. */
typedef struct ends {
    alignas(64) sw_bf16 tile[SW_GEMM_TERMS][2][TILE];
} ends;

static const sw_bf16 *strip_of(const span *s, size_t strip) {
    return (const sw_bf16 *)s->term->b + strip * s->term->b_strip + s->k * SIDE;
}

static void copy_ends(ends *out, const portion *p, size_t strip, size_t strips) {
    for (size_t i = 0; i < p->count; i++) {
        const span *s = &p->spans[i];
        size_t whole = s->depth / DEPTH * DEPTH, left = sw_round_up(s->depth - whole, 2) * SIDE;
        for (size_t j = 0; left && j < strips; j++) {
            sw_bf16 *to = out->tile[i][j];
            memcpy(to, strip_of(s, strip + j) + whole * SIDE, left * sizeof *to);
            memset(to + left, 0, (TILE - left) * sizeof *to);
        }
    }
}

/* ---- the tiles themselves: sums in 0 to 3, A in 4 and 5, B in 6 and 7 ---- */

/* Written as instructions: the compiler's own names do not say that they read memory. */
#define LOAD(tile, at, stride)                                                                     \
    __asm__ volatile("tileloadd (%0,%1,1), %%tmm" #tile : : "r"(at), "r"(stride) : "memory")
#define STORE(tile, at, stride)                                                                    \
    __asm__ volatile("tilestored %%tmm" #tile ", (%0,%1,1)" : : "r"(at), "r"(stride) : "memory")
#define ZERO(tile)     __asm__ volatile("tilezero %%tmm" #tile : : :)
#define ADD(sum, a, b) __asm__ volatile("tdpbf16ps %%tmm" #b ", %%tmm" #a ", %%tmm" #sum : : :)

static void begin_tiles(void) {
    struct {
        uint8_t palette, start, reserved[14];
        uint16_t bytes[16];
        uint8_t rows[16];
    } all = {.palette = 1};
    static_assert(sizeof all == 64, "as the instruction reads it");
    for (int i = 0; i < 8; i++) all.bytes[i] = 64, all.rows[i] = SIDE;
    __asm__ volatile("ldtilecfg %0" : : "m"(all));
}

static void end_tiles(void) {
    __asm__ volatile("tilerelease" : : :);
}

typedef struct operands {
    const sw_bf16 *a[2], *b[2];
    size_t row_bytes; /* of A */
} operands;

static inline __attribute__((always_inline)) void multiply(const operands *o, int rows,
                                                           int strips) {
    const size_t line = LINE;
    LOAD(4, o->a[0], o->row_bytes);
    LOAD(6, o->b[0], line);
    ADD(0, 4, 6);
    if (strips > 1) {
        LOAD(7, o->b[1], line);
        ADD(1, 4, 7);
    }
    if (rows > 1) {
        LOAD(5, o->a[1], o->row_bytes);
        ADD(2, 5, 6);
        if (strips > 1) ADD(3, 5, 7);
    }
}

static inline __attribute__((always_inline)) void
add_block(const portion *p, const ends *last, size_t row, size_t strip, int rows, int strips) {
    for (size_t i = 0; i < p->count; i++) {
        const span *s = &p->spans[i];
        operands o = {.a = {s->a + row / SIDE * s->tile_rows}, .row_bytes = s->row_bytes};
        if (rows > 1) o.a[1] = o.a[0] + s->tile_rows;
        for (int j = 0; j < strips; j++) o.b[j] = strip_of(s, strip + (size_t)j);
        for (size_t k = 0; k < s->blocks; k++) {
            if ((k + 1) * DEPTH > s->depth)
                for (int j = 0; j < strips; j++) o.b[j] = last->tile[i][j];
            multiply(&o, rows, strips);
            for (int j = 0; j < rows; j++) o.a[j] += s->step;
            for (int j = 0; j < strips; j++) o.b[j] += TILE;
        }
    }
}

static inline __attribute__((always_inline)) void sum_block(const portion *p, const ends *last,
                                                            size_t row, size_t strip, float *out,
                                                            bool add, int rows, int strips) {
    if (add) {
        LOAD(0, out, BLOCK_STRIDE);
        if (strips > 1) LOAD(1, out + SIDE, BLOCK_STRIDE);
        if (rows > 1) LOAD(2, out + SIDE * GROUP, BLOCK_STRIDE);
        if (rows > 1 && strips > 1) LOAD(3, out + SIDE * GROUP + SIDE, BLOCK_STRIDE);
    } else {
        ZERO(0);
        ZERO(1);
        ZERO(2);
        ZERO(3);
    }
    add_block(p, last, row, strip, rows, strips);
    STORE(0, out, BLOCK_STRIDE);
    if (strips > 1) STORE(1, out + SIDE, BLOCK_STRIDE);
    if (rows > 1) STORE(2, out + SIDE * GROUP, BLOCK_STRIDE);
    if (rows > 1 && strips > 1) STORE(3, out + SIDE * GROUP + SIDE, BLOCK_STRIDE);
}

static void sum_any(const portion *p, const ends *last, size_t row, size_t strip, float *out,
                    bool add, size_t rows, size_t strips) {
    if (rows > SIDE && strips > 1) {
        sum_block(p, last, row, strip, out, add, 2, 2);
    } else if (rows > SIDE) {
        sum_block(p, last, row, strip, out, add, 2, 1);
    } else if (strips > 1) {
        sum_block(p, last, row, strip, out, add, 1, 2);
    } else {
        sum_block(p, last, row, strip, out, add, 1, 1);
    }
}

/* ---- a part ---- */

/* Into C, or out of it, strip by strip: columns end with C. */
static void each_strip(const sw_gemm *g, float *block, const sw_extent *e,
                       void (*fn)(const sw_gemm *g, float *sums, const sw_extent *one)) {
    for (size_t i = 0; i < e->strips; i++) {
        const sw_extent one = {e->row, e->rows, e->strip + i, 1};
        fn(g, block + i * SIDE, &one);
    }
}

static void store_one(const sw_gemm *g, float *sums, const sw_extent *one) {
    sw_gemm_store(g, sums, GROUP, one);
}

static void load_one(const sw_gemm *g, float *sums, const sw_extent *one) {
    sw_gemm_load(g, sums, GROUP, one);
}

/* Two whole strips of a row at a time; the bits of sw_gemm_store (in the lane's mode no value is
 * denormal once it is scaled, so the instruction rounds as NUM-001 says). */
NATIVE void store_row(const sw_gemm *g, const float *sums, size_t at, __m512 scale) {
    __m512 low = _mm512_mul_ps(_mm512_load_ps(sums), scale);
    __m512 high = _mm512_mul_ps(_mm512_load_ps(sums + SIDE), scale);
    if (g->c_dtype == SW_DTYPE_BF16) {
        __m512i both = (__m512i)_mm512_cvtne2ps_pbh(high, low);
        _mm512_storeu_si512((sw_bf16 *)g->c + at, both);
        return;
    }
    float *to = (float *)g->c + at;
    if (g->add) {
        low = _mm512_add_ps(_mm512_loadu_ps(g->add + at), low);
        high = _mm512_add_ps(_mm512_loadu_ps(g->add + at + SIDE), high);
    } else if (g->leaves && (uintptr_t)to % LINE == 0) {
        _mm512_stream_ps(to, low);
        _mm512_stream_ps(to + SIDE, high);
        return;
    }
    _mm512_storeu_ps(to, low);
    _mm512_storeu_ps(to + SIDE, high);
}

ENTRY void store_rows(const sw_gemm *g, const float *sums, const sw_extent *e) {
    __m512 scale = _mm512_set1_ps(g->scale);
    for (size_t r = 0; r < e->rows; r++, sums += GROUP)
        store_row(g, sums, (e->row + r) * g->c_stride + e->strip * SIDE, scale);
}

static void store_block(const sw_gemm *g, float *block, const sw_extent *e) {
    if (e->strips == 2 && (e->strip + 2) * SIDE <= g->n) {
        store_rows(g, block, e);
    } else {
        each_strip(g, block, e, store_one);
    }
}

typedef struct turn {        /* which portion of a part this is */
    bool first, last, rests; /* sums of all blocks are kept from portion to portion */
} turn;

static void sum_strips(const sw_work *w, const sw_extent *e, const portion *p, turn t,
                       float *sums) {
    ends last;
    for (size_t strip = 0; strip < e->strips; strip += 2) {
        size_t strips = sw_least(e->strips - strip, 2);
        copy_ends(&last, p, e->strip + strip, strips);
        for (size_t row = 0; row < e->rows; row += GROUP) {
            const sw_extent own = {e->row + row, sw_least(e->rows - row, GROUP), e->strip + strip,
                                   strips};
            size_t index = strip / 2 * sw_parts(e->rows, GROUP) + row / GROUP;
            float *block = sums + (t.rests ? index * BLOCK : 0);
            if (t.first && w->resumed) {
                memset(block, 0, BLOCK * sizeof *block); /* what no element of C fills */
                each_strip(&w->g, block, &own, load_one);
            }
            sum_any(p, &last, row, own.strip, block, !t.first || w->resumed, own.rows, strips);
            if (t.last) store_block(&w->g, block, &own);
        }
    }
}

void sw_tiles_sum(const sw_work *w, const sw_extent *e) {
    alignas(64) sw_bf16 a[ROOM * TILE];
    alignas(64) float sums[DEEP_ROWS / GROUP * DEEP_STRIPS / 2 * BLOCK];
    size_t room = ROOM / sw_parts(e->rows, SIDE);
    turn t = {.first = true};
    begin_tiles();
    for (place at = {0}; !t.last; t.first = false) {
        portion p = portion_from(&w->g, &at, room);
        t.last = at.term == w->g.term_count;
        t.rests = !t.first || !t.last;
        take_rows(&p, e, a);
        sum_strips(w, e, &p, t, sums);
    }
    end_tiles();
}
