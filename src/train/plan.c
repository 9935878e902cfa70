/* SPDX-License-Identifier: Apache-2.0
 *
 * The plan of a run: parts by name, operations, and what would make it fit
 * (docs/formats/training.md, PLN-001 to PLN-007).
 */
#include "train/engine.h"
#include <stdlib.h>
#include <string.h>

void sw_budget_add(sw_train_budget *b, const char *name, size_t bytes) {
    size_t i = 0;
    while (i < b->part_count && strcmp(b->parts[i].name, name) != 0) i++;
    if (i == SW_TRAIN_PARTS) i--;
    if (i == b->part_count) b->parts[b->part_count++] = (sw_train_part){.name = name};
    b->parts[i].bytes += bytes;
    b->bytes += bytes;
}

static int larger_first(const void *a, const void *b) {
    const sw_train_part *x = a, *y = b;
    if (x->bytes != y->bytes) return x->bytes < y->bytes ? 1 : -1;
    return strcmp(x->name, y->name);
}

void sw_budget_sort(sw_train_budget *b) {
    qsort(b->parts, b->part_count, sizeof *b->parts, larger_first);
}

/* ---- operations ---- */

/* Of one token: forward, gradient of the input, gradient of what is trained. */
static double linear_operations(const sw_linear *l) {
    double weights = (double)l->in * (double)l->out;
    double adapter = (double)l->rank * (double)(l->in + l->out);
    double times = 2 + 2 + (l->weight ? 2 : 0) + (l->dora ? 2 : 0);
    return times * weights + 6 * adapter;
}

/* The same of what is computed a second time: everything, or o's product. */
static double operations_again(const sw_engine *e, const sw_linear *l, sw_module m) {
    bool o = m == SW_MODULE_O && sw_engine_shares_middle(e);
    if (!e->capacity.recompute && !o) return 0;
    return 2 * ((double)l->in * (double)l->out + (double)l->rank * (double)(l->in + l->out));
}

double sw_engine_operations(const sw_engine *e, const sw_rows *rows, const sw_sequences *s,
                            double *tokens) {
    double per_token = 0, count = 0, pairs = 0, labels = 0;
    for (size_t i = 0; i < e->layer_count; i++)
        for (int m = 0; m < SW_MODULE_COUNT; m++)
            per_token += linear_operations(&e->layers[i].linear[m]) +
                         operations_again(e, &e->layers[i].linear[m], (sw_module)m);
    for (size_t i = 0; i < s->piece_count; i++) {
        const sw_piece *p = &s->piece[i];
        count += (double)p->length;
        pairs += (double)p->length * (double)p->length;
        for (uint64_t t = p->start + 1; t < p->start + p->length; t++) labels += rows->target[t];
    }
    double attention = 2 * (double)e->width * (double)e->layer_count;
    double head = 2 * (double)e->config->hidden_size * (double)e->config->vocab_size;
    *tokens = count;
    return per_token * count + attention * pairs * (e->capacity.recompute ? 4.5 : 3.5) +
           head * labels * (e->table ? 3 : 2);
}

/* ---- what would fit ---- */

static bool fits(const sw_train_job *job, size_t lanes, size_t limit_bytes, sw_train_budget *out) {
    return sw_train_plan(job, lanes, true, out, NULL) == SW_OK && out->bytes <= limit_bytes;
}

/* The next smaller micro-batch of which a whole number makes the step, at most half. */
static uint32_t next_batch(uint64_t rows, uint32_t batch) {
    for (batch /= 2; rows % batch != 0; batch--) continue;
    return batch;
}

/* The same step in smaller micro-batches, until they fit. */
static bool smaller_batch(const sw_train_job *job, size_t lanes, size_t limit_bytes, sw_training *t,
                          sw_train_budget *out) {
    uint64_t rows = (uint64_t)t->per_device_train_batch_size * t->gradient_accumulation_steps;
    sw_train_job smaller = *job;
    smaller.settings = t;
    while (!fits(&smaller, lanes, limit_bytes, out)) {
        if (t->per_device_train_batch_size == 1) return false;
        t->per_device_train_batch_size = next_batch(rows, t->per_device_train_batch_size);
        t->gradient_accumulation_steps = (uint32_t)(rows / t->per_device_train_batch_size);
    }
    return true;
}

static void hint_at(const sw_train_job *job, size_t lanes, size_t limit_bytes, sw_error *err) {
    sw_training t = *job->settings;
    sw_train_budget budget;
    bool small = smaller_batch(job, lanes, limit_bytes, &t, &budget);
    if (!small && t.method == SW_METHOD_FULL) {
        sw_training usual;
        sw_training_defaults(&usual);
        t = *job->settings;
        t.method = SW_METHOD_LORA;
        t.lora = usual.lora;
        small = smaller_batch(job, lanes, limit_bytes, &t, &budget);
    }
    if (!small) {
        sw_error_hint(err, "shorter rows (max_length), a smaller base model, or more memory");
        return;
    }
    sw_error_hint(err,
                  "with %sper_device_train_batch_size: %u and gradient_accumulation_steps: %u it "
                  "takes %zu MiB",
                  t.method == job->settings->method ? "" : "method: lora, ",
                  t.per_device_train_batch_size, t.gradient_accumulation_steps,
                  (budget.bytes >> 20) + 1);
}

sw_status sw_train_fit(const sw_train_job *job, size_t lanes, size_t limit_bytes,
                       sw_train_budget *out, sw_error *err) {
    sw_train_budget budget;
    SW_TRY(sw_train_plan(job, lanes, false, &budget, err));
    if (budget.bytes > limit_bytes && !budget.recompute)
        SW_TRY(sw_train_plan(job, lanes, true, &budget, err));
    if (budget.bytes <= limit_bytes) {
        *out = budget;
        return SW_OK;
    }
    sw_status status = sw_fail(err, SW_MEMORY, "memory",
                               "training takes %zu MiB, and there are %zu MiB; the largest part, "
                               "%s, takes %zu MiB",
                               (budget.bytes >> 20) + 1, limit_bytes >> 20, budget.parts[0].name,
                               (budget.parts[0].bytes >> 20) + 1);
    hint_at(job, lanes, limit_bytes, err);
    return status;
}
