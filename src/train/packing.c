/* SPDX-License-Identifier: Apache-2.0
 *
 * Packing: which pieces of rows share a sequence, as TRL 1.16 lays them
 * (docs/formats/training.md, ROW-030 to ROW-036).
 *
 * A pure function of the rows' lengths and the settings. No token is copied: a piece is a span of
 * them. Rows are packed in windows of a thousand, so the work for a row does not grow with the
 * rows.
 */
#include "tensor/random.h"
#include "train/engine.h"
#include <stdlib.h>
#include <string.h>

#define WINDOW 1000 /* rows; TRL packs each batch of so many by itself */

static uint64_t row_start(const sw_rows *r, size_t row) {
    return row ? r->ends[row - 1] : 0;
}

static uint64_t pieces_of(uint64_t tokens, uint64_t limit) {
    return tokens / limit + (tokens % limit != 0);
}

/* An open sequence. */
typedef struct bin {
    uint64_t space;
    size_t since, sequence; /* since: the piece with which it got to that space */
} bin;

typedef struct packer {
    sw_sequences out;
    uint64_t limit;   /* tokens of a sequence */
    sw_piece *fitted; /* of one window, longest first */
    size_t *place;    /* the sequence of each of them */
    bin open[WINDOW]; /* only pieces below the limit leave a sequence open: one of each row */
} packer;

static void add_piece(packer *p, uint64_t start, uint64_t length) {
    p->out.piece[p->out.piece_count++] = (sw_piece){start, length};
}

static void cut(packer *p, uint64_t start, uint64_t end) {
    for (; end - start > p->limit; start += p->limit) add_piece(p, start, p->limit);
    if (end > start) add_piece(p, start, end - start);
}

/* Every piece since `first` is a sequence of its own. */
static void close_each(packer *p, size_t first) {
    for (size_t i = first; i < p->out.piece_count; i++) p->out.ends[p->out.count++] = i + 1;
}

static int longest_first(const void *a, const void *b) {
    const sw_piece *x = a, *y = b;
    if (x->length != y->length) return x->length < y->length ? 1 : -1;
    return x->start < y->start ? -1 : x->start > y->start;
}

/* The open sequence with the least space that takes `length`, among equals the one that has had
 * that space longest; `count` when none takes it. */
static size_t best_fit(const bin *open, size_t count, uint64_t length) {
    size_t found = count;
    for (size_t i = 0; i < count; i++) {
        if (open[i].space < length) continue;
        bool better = found == count || open[i].space < open[found].space ||
                      (open[i].space == open[found].space && open[i].since < open[found].since);
        if (better) found = i;
    }
    return found;
}

/* Gives each fitted piece its place; how many sequences that makes. */
static size_t place_pieces(packer *p, size_t count) {
    size_t open = 0, made = 0;
    for (size_t i = 0; i < count; i++) {
        size_t at = best_fit(p->open, open, p->fitted[i].length);
        if (at == open) p->open[open++] = (bin){.space = p->limit, .sequence = made++};
        bin *b = &p->open[at];
        b->space -= p->fitted[i].length;
        b->since = i;
        p->place[i] = b->sequence;
        if (b->space == 0) *b = p->open[--open];
    }
    return made;
}

/* The pieces since `first`, sequence by sequence, in the order in which they were placed. */
static void fit(packer *p, size_t first) {
    size_t count = p->out.piece_count - first, behind = first;
    uint64_t *ends = p->out.ends + p->out.count; /* zero so far */
    memcpy(p->fitted, p->out.piece + first, count * sizeof *p->fitted);
    qsort(p->fitted, count, sizeof *p->fitted, longest_first);
    size_t made = place_pieces(p, count);
    for (size_t i = 0; i < count; i++) ends[p->place[i]]++;
    for (size_t s = 0; s < made; s++) {
        size_t size = ends[s];
        ends[s] = behind;
        behind += size;
    }
    for (size_t i = 0; i < count; i++) p->out.piece[ends[p->place[i]]++] = p->fitted[i];
    p->out.count += made;
}

static void lay_window(packer *p, const sw_rows *rows, const sw_training *t, size_t first,
                       size_t last) {
    size_t before = p->out.piece_count;
    bool wrapped = t->packing && t->packing_strategy == SW_PACKING_WRAPPED;
    if (wrapped) cut(p, row_start(rows, first), rows->ends[last - 1]);
    for (size_t row = first; row < last && !wrapped; row++) {
        uint64_t start = row_start(rows, row), end = rows->ends[row];
        bool whole = t->packing_strategy != SW_PACKING_BFD || end - start <= p->limit;
        cut(p, start, whole ? end : start + p->limit);
    }
    if (t->packing && !wrapped)
        fit(p, before);
    else
        close_each(p, before);
}

/* The most pieces that a window can have. */
static size_t widest_window(const sw_rows *rows, uint64_t limit) {
    size_t widest = 0;
    for (size_t row = 0; row < rows->count;) {
        size_t count = 0;
        for (size_t last = sw_least(rows->count, row + WINDOW); row < last; row++)
            count += pieces_of(rows->ends[row] - row_start(rows, row), limit);
        if (count > widest) widest = count;
    }
    return widest;
}

sw_status sw_rows_pack(sw_arena *arena, const sw_rows *rows, const sw_training *t,
                       sw_sequences *out, sw_error *err) {
    size_t room = rows->count + (sw_training_cuts(t) ? 0 : rows->token_count / t->max_length);
    size_t widest = t->packing ? widest_window(rows, t->max_length) : 0;
    if (room > SW_RANDPERM_MOST) return sw_fail(err, SW_LIMIT, "limit", "rows: too many");
    SW_SCOPED(sw_arena) scratch = {0};
    sw_arena_allow(arena, room * sizeof(sw_piece));
    sw_arena_allow(arena, room * sizeof(uint64_t));
    packer *p = SW_ARENA_NEW(&scratch, packer, 1);
    if (!p) return sw_fail(err, SW_MEMORY, "memory", "no memory to pack the rows");
    p->limit = t->packing ? t->max_length : UINT64_MAX; /* without packing nothing is cut */
    p->fitted = SW_ARENA_NEW(&scratch, sw_piece, widest + 1);
    p->place = SW_ARENA_NEW(&scratch, size_t, widest + 1);
    p->out.piece = SW_ARENA_NEW(arena, sw_piece, room);
    p->out.ends = SW_ARENA_NEW(arena, uint64_t, room);
    if (!p->fitted || !p->place || !p->out.piece || !p->out.ends)
        return sw_fail(err, SW_MEMORY, "memory", "no memory to pack the rows");
    for (size_t row = 0; row < rows->count; row += WINDOW)
        lay_window(p, rows, t, row, sw_least(rows->count, row + WINDOW));
    p->out.room = room;
    *out = p->out;
    return SW_OK;
}

sw_status sw_rows_check_lengths(const sw_rows *r, const sw_sequences *s, const sw_training *t,
                                const sw_model_config *config, sw_error *err) {
    for (size_t i = 0; i < r->count; i++) SW_TRY(sw_rows_check_row(r, i, i + 1, t, config, err));
    for (size_t i = 0; i < s->piece_count; i++)
        if (s->piece[i].length > config->max_position_embeddings)
            return sw_fail(err, SW_REFUSED, "rows",
                           "max_length is %u, and the model has %u positions", t->max_length,
                           config->max_position_embeddings);
    return SW_OK;
}
