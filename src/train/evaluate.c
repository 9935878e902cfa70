/* SPDX-License-Identifier: Apache-2.0
 *
 * The loss of held-out rows: the forward half of a training step, without dropout, packed as for
 * training, in the rows' own order.
 */
#include "train/engine.h"

typedef struct evaluation {
    const sw_evaluate_job *job;
    sw_arena arena;
    sw_engine engine;
    sw_sequences sequences;
    sw_order order;
    void *mapping;
    size_t mapping_bytes;
} evaluation;

static sw_status prepare(evaluation *v, size_t lanes, sw_error *err) {
    const sw_evaluate_job *job = v->job;
    sw_engine_plan plan = {
        .model = job->model, .adapter = job->adapter, .profile = job->settings->profile};
    if (job->rows->count == 0)
        return sw_fail(err, SW_REFUSED, "rows", "there is no row with anything to predict");
    SW_TRY(sw_rows_check(job->rows, job->settings, job->model->config.vocab_size, err));
    SW_TRY(sw_rows_pack(&v->arena, job->rows, job->settings, &v->sequences, err));
    SW_TRY(
        sw_rows_check_lengths(job->rows, &v->sequences, job->settings, &job->model->config, err));
    SW_TRY(sw_engine_build(&v->arena, &plan, &v->engine, err));
    size_t count = v->sequences.count;
    v->order = (sw_order){.rows = job->rows,
                          .sequences = &v->sequences,
                          .index = SW_ARENA_NEW(&v->arena, uint32_t, count),
                          .batch_rows = job->settings->per_device_train_batch_size};
    if (!v->order.index) return sw_fail(err, SW_MEMORY, "memory", "no memory for the row order");
    for (size_t i = 0; i < count; i++) v->order.index[i] = (uint32_t)i;
    sw_capacity *c = &v->engine.capacity;
    /* epoch 0 is in place: nothing is shuffled */
    SW_TRY(sw_order_capacity(&v->order, 1, c, err));
    c->head_rows = c->labels < SW_HEAD_ROWS ? c->labels : SW_HEAD_ROWS;
    c->in_place = c->tokens >= SW_IN_PLACE_TOKENS;
    v->engine.compute.parallel = job->parallel;
    v->engine.compute.native = sw_tensor_has_instructions(v->engine.compute.rule);
    SW_TRY(sw_engine_map(&v->engine, lanes, &v->mapping_bytes, &v->mapping, err));
    sw_engine_load_frozen(&v->engine);
    return SW_OK;
}

static sw_status measure(evaluation *v, sw_evaluation *out, sw_error *err) {
    sw_engine *e = &v->engine;
    sw_evaluation sum = {.rows = v->job->rows->count};
    for (uint64_t i = 0; i * v->order.batch_rows < v->sequences.count; i++) {
        sw_order_fill(&v->order, i, &e->batch);
        sw_engine_forward(e);
        sum.loss += sw_engine_loss(e, 0);
        sum.targets += e->batch.label_count;
        sum.tokens += e->batch.tokens;
    }
    sum.loss /= (double)sum.targets;
    if (!__builtin_isfinite(sum.loss))
        return sw_fail(err, SW_REFUSED, "diverged", "the loss is no number");
    *out = sum;
    return SW_OK;
}

sw_status sw_evaluate(const sw_evaluate_job *job, sw_evaluation *out, sw_error *err) {
    evaluation v = {.job = job};
    unsigned mode = sw_flush_begin();
    sw_status status = prepare(&v, job->parallel.lanes, err);
    if (status == SW_OK) status = measure(&v, out, err);
    sw_flush_restore(mode);
    sw_engine_unmap(v.mapping, v.mapping_bytes);
    sw_arena_free(&v.arena);
    return status;
}
