/* SPDX-License-Identifier: Apache-2.0
 *
 * The order of sequences, and micro-batches: their pieces laid one behind the other without
 * padding, each a segment that sees itself alone, with positions from 0.
 *
 * Epoch e is torch.randperm(sequences) of a generator seeded with seed + e (NUM-061); a micro-batch
 * is the next per_device_train_batch_size of it, the last one possibly short.
 */
#include "tensor/random.h"
#include "train/engine.h"
#include <stdlib.h>

void sw_order_shuffle(sw_order *o, uint64_t epoch) {
    if (o->epoch == epoch) return;
    sw_mt19937 g;
    sw_mt19937_seed(&g, o->seed + epoch);
    sw_randperm(&g, o->index, o->sequences->count);
    o->epoch = epoch;
}

/* Places in the order. */
static size_t first_of(const sw_order *o, uint64_t i) {
    return (size_t)i * o->batch_rows;
}

static size_t behind(const sw_order *o, uint64_t i) {
    size_t left = o->sequences->count - first_of(o, i);
    return first_of(o, i) + (left < o->batch_rows ? left : o->batch_rows);
}

static const sw_piece *pieces_of(const sw_order *o, size_t place, const sw_piece **end) {
    const sw_sequences *s = o->sequences;
    uint32_t i = o->index[place];
    *end = s->piece + s->ends[i];
    return s->piece + (i ? s->ends[i - 1] : 0);
}

size_t sw_order_labels(const sw_order *o, uint64_t i) {
    size_t labels = 0;
    for (size_t place = first_of(o, i); place < behind(o, i); place++) {
        const sw_piece *end, *p = pieces_of(o, place, &end);
        for (; p < end; p++)
            for (uint64_t t = 1; t < p->length; t++) labels += o->rows->target[p->start + t];
    }
    return labels;
}

static void fill_piece(const sw_rows *rows, const sw_piece *p, sw_batch *b) {
    b->segments[b->segment_count++] = (sw_segment){
        .query = b->tokens, .query_count = p->length, .key = b->tokens, .key_count = p->length};
    for (uint64_t t = 0; t < p->length; t++, b->tokens++) {
        uint32_t id = rows->ids[p->start + t];
        b->ids[b->tokens] = id;
        b->position[b->tokens] = (uint32_t)t;
        if (t == 0 || !rows->target[p->start + t]) continue;
        b->labelled[b->label_count] = (uint32_t)b->tokens - 1;
        b->target[b->label_count++] = id;
    }
}

void sw_order_fill(const sw_order *o, uint64_t i, sw_batch *out) {
    out->tokens = out->segment_count = out->label_count = 0;
    for (size_t place = first_of(o, i); place < behind(o, i); place++) {
        const sw_piece *end, *p = pieces_of(o, place, &end);
        for (; p < end; p++) fill_piece(o->rows, p, out);
    }
}

static void widen(const sw_order *o, uint64_t i, sw_capacity *out) {
    size_t tokens = 0, segments = 0;
    for (size_t place = first_of(o, i); place < behind(o, i); place++) {
        const sw_piece *end, *p = pieces_of(o, place, &end);
        for (; p < end; p++, segments++) {
            tokens += p->length;
            out->longest = sw_most(out->longest, p->length);
        }
    }
    out->tokens = sw_most(out->tokens, tokens);
    out->segments = sw_most(out->segments, segments);
    out->labels = sw_most(out->labels, sw_order_labels(o, i));
}

static void walk(sw_order *o, uint64_t epochs, sw_capacity *out) {
    for (uint64_t epoch = 0; epoch < epochs; epoch++) {
        sw_order_shuffle(o, epoch);
        for (uint64_t i = 0; first_of(o, i) < o->sequences->count; i++) widen(o, i, out);
    }
}

static int larger_first(const void *a, const void *b) {
    size_t x = *(const size_t *)a, y = *(const size_t *)b;
    return x < y ? 1 : x > y ? -1 : 0;
}

/* The sum of the `batch_rows` largest. */
static size_t largest_batch(const sw_order *o, size_t *values) {
    size_t count = o->sequences->count, sum = 0;
    qsort(values, count, sizeof *values, larger_first);
    for (size_t i = 0; i < count && i < o->batch_rows; i++) sum += values[i];
    return sum;
}

/* Of any order: a micro-batch of the largest sequences, by each measure alone (PLN-008). */
static sw_status bound(const sw_order *o, sw_capacity *out, sw_error *err) {
    SW_SCOPED(sw_arena) arena = {0};
    size_t count = o->sequences->count, *measures[3];
    for (int m = 0; m < 3; m++) sw_arena_allow(&arena, count * sizeof(size_t));
    sw_order each = *o; /* every sequence as a micro-batch of its own */
    each.batch_rows = 1;
    for (int m = 0; m < 3; m++) {
        measures[m] = SW_ARENA_NEW(&arena, size_t, count);
        if (!measures[m]) return sw_fail(err, SW_MEMORY, "memory", "no memory for the row order");
    }
    for (size_t i = 0; i < count; i++) {
        sw_capacity one = {0};
        widen(&each, i, &one);
        out->longest = sw_most(out->longest, one.longest);
        measures[0][i] = one.tokens;
        measures[1][i] = one.segments;
        measures[2][i] = one.labels;
    }
    out->tokens = largest_batch(o, measures[0]);
    out->segments = largest_batch(o, measures[1]);
    out->labels = largest_batch(o, measures[2]);
    return SW_OK;
}

/* Every epoch has the same one micro-batch, or all of them are walked in a moment, or there are
 * few. */
static bool walks(const sw_order *o, uint64_t *epochs) {
    uint64_t visits = o->sequences->count + o->rows->token_count;
    if (o->sequences->count <= o->batch_rows && *epochs > 1) *epochs = 1;
    return *epochs <= SW_ORDER_EPOCHS || *epochs <= SW_ORDER_VISITS / visits;
}

sw_status sw_order_capacity(sw_order *o, uint64_t epochs, sw_capacity *out, sw_error *err) {
    if (walks(o, &epochs)) {
        walk(o, epochs, out);
    } else {
        sw_order_shuffle(o, 0);
        SW_TRY(bound(o, out, err));
    }
    if (out->labels == 0)
        return sw_fail(err, SW_REFUSED, "rows", "there is no row with anything to predict");
    out->keys = out->tokens;
    out->positions = out->longest;
    return SW_OK;
}
