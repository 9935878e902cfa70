/* SPDX-License-Identifier: Apache-2.0
 *
 * The order of rows, and micro-batches: rows laid one behind the other without padding.
 *
 * Epoch e is torch.randperm(rows) of a generator seeded with seed + e (NUM-061); a micro-batch is
 * the next per_device_train_batch_size rows of it, the last one possibly short.
 */
#include "tensor/random.h"
#include "train/engine.h"

static size_t most(size_t a, size_t b) {
    return a > b ? a : b;
}

static uint64_t row_start(const sw_rows *r, size_t row) {
    return row ? r->ends[row - 1] : 0;
}

void sw_order_shuffle(sw_order *o, uint64_t epoch) {
    if (o->epoch == epoch) return;
    sw_mt19937 g;
    sw_mt19937_seed(&g, o->seed + epoch);
    sw_randperm(&g, o->index, o->rows->count);
    o->epoch = epoch;
}

size_t sw_order_rows(const sw_order *o, uint64_t i, size_t *first) {
    *first = (size_t)i * o->batch_rows;
    size_t left = o->rows->count - *first;
    return left < o->batch_rows ? left : o->batch_rows;
}

size_t sw_order_labels(const sw_order *o, uint64_t i) {
    size_t first, count = sw_order_rows(o, i, &first), labels = 0;
    for (size_t r = first; r < first + count; r++) {
        uint32_t row = o->index[r];
        for (uint64_t t = row_start(o->rows, row); t < o->rows->ends[row]; t++) {
            labels += o->rows->target[t];
        }
    }
    return labels;
}

static void fill_row(const sw_rows *rows, size_t row, sw_batch *b) {
    uint64_t start = row_start(rows, row), end = rows->ends[row];
    b->segments[b->segment_count++] = (sw_segment){
        .query = b->tokens, .query_count = end - start, .key = b->tokens, .key_count = end - start};
    for (uint64_t t = start; t < end; t++, b->tokens++) {
        b->ids[b->tokens] = rows->ids[t];
        b->position[b->tokens] = (uint32_t)(t - start);
        if (!rows->target[t]) continue;
        b->labelled[b->label_count] = (uint32_t)b->tokens - 1;
        b->target[b->label_count++] = rows->ids[t];
    }
}

void sw_order_fill(const sw_order *o, uint64_t i, sw_batch *out) {
    size_t first, count = sw_order_rows(o, i, &first);
    out->tokens = out->segment_count = out->label_count = 0;
    for (size_t r = first; r < first + count; r++) fill_row(o->rows, o->index[r], out);
}

void sw_order_capacity(sw_order *o, uint64_t epochs, sw_capacity *out) {
    uint64_t batches = (o->rows->count + o->batch_rows - 1) / o->batch_rows;
    for (uint64_t epoch = 0; epoch < epochs; epoch++) {
        sw_order_shuffle(o, epoch);
        for (uint64_t i = 0; i < batches; i++) {
            size_t first, count = sw_order_rows(o, i, &first), tokens = 0;
            for (size_t r = first; r < first + count; r++) {
                uint32_t row = o->index[r];
                size_t length = (size_t)(o->rows->ends[row] - row_start(o->rows, row));
                tokens += length;
                out->longest = most(out->longest, length);
            }
            out->tokens = most(out->tokens, tokens);
            out->labels = most(out->labels, sw_order_labels(o, i));
            out->segments = most(out->segments, count);
        }
    }
    out->keys = out->tokens;
    out->positions = out->longest;
}
