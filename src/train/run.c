/* SPDX-License-Identifier: Apache-2.0
 *
 * The training run: plan, map, load or resume, then steps until the end or until asked to stop.
 *
 * A step is one window of micro-batches: the loss and every gradient are divided by the number of
 * targets in the window, the gradients clipped by their global norm, then AdamW. Inside the loop
 * nothing is allocated.
 */
#include "recipe/training.h"
#include "tensor/numbers.h"
#include "train/curve.h"
#include "train/engine.h"
#include "train/output.h"
#include "train/schedule.h"
#include <string.h>

typedef struct run {
    const sw_train_job *job;
    const sw_train_host *host;
    sw_arena arena;
    sw_engine engine;
    sw_sequences sequences;
    sw_order order;
    uint64_t total, done, batches, windows; /* micro-batches and steps of an epoch */
    void *mapping;
    size_t mapping_bytes;
} run;

static void run_free(run *r) {
    sw_engine_unmap(r->mapping, r->mapping_bytes);
    sw_buffer_free(&r->engine.prefix);
    sw_arena_free(&r->arena);
}

/* The job's sequences and how many steps they make. */
static sw_status count_steps(sw_arena *arena, const sw_train_job *job, sw_sequences *sequences,
                             uint64_t *steps, sw_error *err) {
    SW_TRY(sw_training_check(job->settings, err));
    if (job->rows->count == 0) {
        return sw_fail(err, SW_REFUSED, "rows", "there is no row with anything to predict");
    }
    SW_TRY(sw_rows_pack(arena, job->rows, job->settings, sequences, err));
    *steps = sw_training_steps(job->settings, sequences->count);
    return SW_OK;
}

sw_status sw_train_steps(const sw_train_job *job, uint64_t *steps, sw_error *err) {
    SW_SCOPED(sw_arena) arena = {0};
    sw_sequences sequences;
    return count_steps(&arena, job, &sequences, steps, err);
}

static sw_status check_ids(const sw_rows *r, size_t row, size_t row_number, uint32_t vocab,
                           sw_error *err) {
    uint32_t greatest = 0;
    for (uint64_t at = row ? r->ends[row - 1] : 0; at < r->ends[row]; at++)
        greatest = r->ids[at] > greatest ? r->ids[at] : greatest;
    if (greatest < vocab) return SW_OK;
    sw_status status = sw_fail(err, SW_REFUSED, "rows",
                               "row %zu holds token %u, and config.json's vocab_size is %u",
                               row_number, greatest, vocab);
    sw_error_hint(err, "tokenizer.json is another model's, or has tokens for which the embedding "
                       "was not made larger");
    return status;
}

sw_status sw_rows_check(const sw_rows *r, const sw_training *t, uint32_t vocab, sw_error *err) {
    for (size_t row = 0; row < r->count; row++) {
        SW_TRY(check_ids(r, row, row + 1, vocab, err));
        if (!t->packing && r->target[row ? r->ends[row - 1] : 0])
            return sw_fail(err, SW_MALFORMED, "rows", "the targets of row %zu are not well formed",
                           row + 1);
    }
    return SW_OK;
}

sw_status sw_rows_check_row(const sw_rows *r, size_t row, size_t row_number, const sw_training *t,
                            const sw_model_config *config, sw_error *err) {
    SW_TRY(check_ids(r, row, row_number, config->vocab_size, err));
    uint64_t tokens = r->ends[row] - (row ? r->ends[row - 1] : 0);
    if (!sw_training_cuts(t) && tokens > t->max_length) tokens = t->max_length;
    if (tokens <= config->max_position_embeddings) return SW_OK;
    sw_status status =
        sw_fail(err, SW_REFUSED, "rows", "row %zu has %llu tokens, and the model has %u positions",
                row_number, (unsigned long long)tokens, config->max_position_embeddings);
    sw_error_hint(err, "set max_length to %u or less", config->max_position_embeddings);
    return status;
}

static size_t planned_bytes(sw_engine *e, size_t lanes) {
    sw_slab slab = {0};
    sw_engine_layout(e, &slab, lanes);
    return slab.used;
}

/* Keeps activations when they are small enough, else computes them again (bits are equal). */
static void choose_recompute(sw_engine *e, size_t lanes, bool asked) {
    size_t kept = planned_bytes(e, lanes);
    e->capacity.recompute = true;
    size_t lean = planned_bytes(e, lanes);
    e->capacity.recompute = asked || (kept > lean && kept - lean > SW_TRAIN_KEPT_BYTES);
}

sw_status sw_train_check_files(const sw_training *settings, const sw_model_config *config,
                               const sw_model_file *files, size_t count, sw_error *err) {
    sw_token_ends ends;
    if (settings->method != SW_METHOD_FULL) return SW_OK;
    for (size_t i = 0; i < count; i++)
        if (strcmp(files[i].name, "generation_config.json") == 0)
            SW_TRY(sw_model_ends(files[i].bytes, config, &ends, err));
    return SW_OK;
}

/* As far as a state is judged: all but how much there is at once. */
static sw_status prepare_state(run *r, sw_error *err) {
    const sw_train_job *job = r->job;
    const sw_training *t = job->settings;
    SW_TRY(count_steps(&r->arena, job, &r->sequences, &r->total, err));
    SW_TRY(sw_rows_check(job->rows, t, job->model->config.vocab_size, err));
    SW_TRY(sw_rows_check_lengths(job->rows, &r->sequences, t, &job->model->config, err));
    SW_TRY(sw_train_check_files(t, &job->model->config, job->files, job->file_count, err));
    sw_engine_plan plan = {.model = job->model, .settings = t, .profile = t->profile};
    SW_TRY(sw_engine_build(&r->arena, &plan, &r->engine, err));
    return sw_state_prefix(&r->engine, job, err);
}

static sw_status prepare(run *r, size_t lanes, bool recompute, sw_error *err) {
    const sw_training *t = r->job->settings;
    SW_TRY(prepare_state(r, err));
    r->batches = sw_parts(r->sequences.count, t->per_device_train_batch_size);
    r->windows = sw_parts(r->batches, t->gradient_accumulation_steps);
    sw_arena_allow(&r->arena, r->sequences.count * sizeof(uint32_t));
    r->order = (sw_order){.rows = r->job->rows,
                          .sequences = &r->sequences,
                          .seed = t->seed,
                          .epoch = UINT64_MAX,
                          .index = SW_ARENA_NEW(&r->arena, uint32_t, r->sequences.count),
                          .batch_rows = t->per_device_train_batch_size};
    if (!r->order.index) return sw_fail(err, SW_MEMORY, "memory", "no memory for the row order");
    sw_capacity *c = &r->engine.capacity;
    c->backward = true;
    SW_TRY(sw_order_capacity(&r->order, sw_parts(r->total, r->windows), c, err));
    c->head_rows = c->labels < SW_HEAD_ROWS ? c->labels : SW_HEAD_ROWS;
    c->in_place = c->tokens >= SW_IN_PLACE_TOKENS;
    choose_recompute(&r->engine, lanes, recompute);
    return SW_OK;
}

/* What lies beside the slab: the rows, what is read of the model's file again and again, and at the
 * end the output as a file, where everything but values made room. Before all of that the tokeniser
 * was there, as far as it took more. */
static void add_others(const run *r, sw_train_budget *out) {
    const sw_rows *rows = r->job->rows;
    const sw_engine *e = &r->engine;
    size_t output = e->parameter_floats * sizeof(float);
    size_t freed = out->bytes - e->parameter_floats * sizeof(float);
    sw_budget_add(out, "rows",
                  rows->token_count * (sizeof *rows->ids + 1) + rows->count * sizeof *rows->ends);
    sw_budget_add(out, "row order",
                  r->sequences.room * (sizeof(sw_piece) + sizeof(uint64_t)) +
                      r->sequences.count * sizeof(uint32_t));
    sw_budget_add(out, "curve", (size_t)r->total * sizeof(sw_curve_point));
    if (output > freed) sw_budget_add(out, "output", output - freed);
    size_t file = sw_engine_file_bytes(e);
    if (file) sw_budget_add(out, "frozen weights", file);
    size_t before = r->job->tokenizer_bytes;
    if (before > out->bytes) sw_budget_add(out, "tokeniser", before - out->bytes);
    if (r->job->program_bytes) sw_budget_add(out, "program", r->job->program_bytes);
}

/* PLN-011: names and shapes of tensors, adapter_config.json, the drawn curve. */
#define SMALL_FILES ((uint64_t)1 << 20)

static void count_files(const run *r, sw_train_budget *out) {
    const sw_engine *e = &r->engine;
    const sw_train_job *job = r->job;
    sw_state_sizes sizes = sw_state_sizes_of(e);
    out->output_bytes = e->parameter_floats * sizeof(float) + SMALL_FILES;
    for (size_t i = 0; e->full && i < job->file_count; i++)
        if (sw_train_copies(job->files[i].name)) out->output_bytes += job->files[i].bytes.size;
    out->state_bytes = e->prefix.size + sw_state_numbers_bytes(&sizes) + sizeof(uint64_t) +
                       r->total * sizeof(sw_curve_point);
}

sw_status sw_train_plan(const sw_train_job *job, size_t lanes, bool recompute, sw_train_budget *out,
                        sw_error *err) {
    run r = {.job = job};
    sw_train_budget budget = {0};
    sw_status status = prepare(&r, lanes, recompute, err);
    if (status == SW_OK) {
        sw_slab slab = {.budget = &budget};
        sw_engine_layout(&r.engine, &slab, lanes);
        add_others(&r, &budget);
        count_files(&r, &budget);
        double passes = (double)r.total / (double)r.windows;
        budget.steps = r.total;
        budget.recompute = r.engine.capacity.recompute;
        budget.operations =
            passes * sw_engine_operations(&r.engine, job->rows, &r.sequences, &budget.tokens);
        budget.tokens *= passes;
        sw_budget_sort(&budget);
        if (slab.overflow)
            status = sw_fail(err, SW_MEMORY, "memory", "the plan is larger than any memory");
    }
    if (status == SW_OK) *out = budget;
    run_free(&r);
    return status;
}

/* Refuses a checkpoint before anything is mapped for it. */
static sw_status parse_resume(const run *r, uint64_t *step, sw_bytes *numbers, sw_error *err) {
    const sw_engine *e = &r->engine;
    sw_state_sizes sizes = sw_state_sizes_of(e);
    if (r->job->resume.size == 0) return SW_OK;
    SW_TRY(sw_state_parse(sw_buffer_bytes(&e->prefix), &sizes, r->job->resume, step, numbers, err));
    if (*step <= r->total) return SW_OK;
    return sw_fail(err, SW_REFUSED, "checkpoint", "the checkpoint lies behind the last step");
}

sw_status sw_train_check_resume(const sw_train_job *job, uint64_t *step, sw_error *err) {
    run r = {.job = job};
    uint64_t at = 0;
    sw_bytes numbers;
    sw_status status = prepare_state(&r, err);
    if (status == SW_OK) status = parse_resume(&r, &at, &numbers, err);
    if (status == SW_OK) *step = at;
    run_free(&r);
    return status;
}

static sw_status load(run *r, sw_error *err) {
    sw_engine *e = &r->engine;
    const sw_train_host *h = r->host;
    sw_bytes numbers = {0};
    SW_TRY(parse_resume(r, &r->done, &numbers, err));
    e->host = h;
    e->compute.parallel = h->parallel;
    e->compute.native = !h->emulate_bf16 && sw_tensor_has_instructions(e->compute.rule);
    SW_TRY(sw_engine_map(e, h->parallel.lanes, &r->mapping_bytes, &r->mapping, err));
    if (numbers.size) {
        memcpy(e->image + e->prefix.size, numbers.data, numbers.size);
    } else {
        sw_engine_init_trained(e, r->job->settings->seed);
    }
    sw_engine_load_frozen(e);
    sw_engine_load_trained(e);
    return SW_OK;
}

/* Micro-batches of the window that follows `done` steps. */
static void window_of(run *r, uint64_t *first, uint64_t *count) {
    uint64_t accumulation = r->job->settings->gradient_accumulation_steps;
    sw_order_shuffle(&r->order, r->done / r->windows);
    *first = r->done % r->windows * accumulation;
    uint64_t left = r->batches - *first;
    *count = left < accumulation ? left : accumulation;
}

static void clear_gradients(const sw_engine *e) {
    for (size_t i = 0; i < e->parameter_count; i++) {
        const sw_parameter *p = &e->parameters[i];
        if (!p->whole) memset(p->grad, 0, p->rows * p->columns * sizeof *p->grad);
    }
}

static double accumulate(run *r, uint64_t *tokens) {
    sw_engine *e = &r->engine;
    uint64_t first, count, labels = 0;
    window_of(r, &first, &count);
    for (uint64_t i = first; i < first + count; i++) labels += sw_order_labels(&r->order, i);
    if (labels == 0) labels = 1; /* packed prompts alone: no loss and no gradient, as in TRL */
    clear_gradients(e);
    double loss = 0;
    *tokens = 0;
    for (uint64_t i = first; i < first + count; i++) {
        sw_order_fill(&r->order, i, &e->batch);
        e->batch.stream = r->done << 20 | (i - first);
        e->batch.first = i == first;
        *tokens += e->batch.tokens;
        sw_engine_forward(e);
        loss += sw_engine_loss(e, (float)(1.0 / (double)labels));
        sw_engine_backward(e);
    }
    return loss / (double)labels;
}

static void update_parameter(sw_engine *e, sw_parameter *p, const sw_adamw *step) {
    const sw_compute *c = &e->compute;
    size_t count = p->rows * p->columns;
    const sw_adamw_values values = {p->value, p->grad, p->m, p->v};
    const sw_both_sides both = {p->value, p->rows, p->columns, p->packed_t, p->packed_n};
    if (!p->packed_t && !p->coded) {
        sw_adamw_step(c, step, &values, count);
    } else if (!p->coded) {
        sw_adamw_step_packed(c, step, &values, &both);
    } else {
        sw_adamw8_step(c, step, p->value, p->grad, &p->moments, count);
        if (p->packed_t) sw_pack_both(c, &both);
    }
}

static void update(run *r, double norm, double rate) {
    sw_engine *e = &r->engine;
    const sw_training *t = r->job->settings;
    double clip = t->max_grad_norm > 0 ? t->max_grad_norm / (norm + 1e-6) : 1;
    sw_adamw step = {.beta1 = t->adam_beta1,
                     .beta2 = t->adam_beta2,
                     .epsilon = t->adam_epsilon,
                     .learning_rate = rate,
                     .step = r->done + 1,
                     .clip = (float)(clip < 1 ? clip : 1)};
    for (size_t i = 0; i < e->parameter_count; i++) {
        sw_parameter *p = e->by_name[i];
        step.weight_decay = p->decay ? t->weight_decay : 0;
        update_parameter(e, p, &step);
    }
    sw_engine_load_stepped(e);
}

static sw_status diverged(uint64_t step, const char *what, sw_error *err) {
    return sw_fail(err, SW_REFUSED, "diverged", "step %llu: %s is no longer a number",
                   (unsigned long long)step, what);
}

static sw_status one_step(run *r, sw_error *err) {
    sw_engine *e = &r->engine;
    sw_train_step step = {.total_steps = r->total};
    step.learning_rate = sw_schedule_rate(r->job->settings, r->done, r->total);
    step.loss = accumulate(r, &step.tokens);
    step.grad_norm =
        __builtin_sqrt(sw_squares(&e->compute, e->grads, e->parameter_floats, e->scratch.partial));
    if (!__builtin_isfinite(step.loss)) return diverged(r->done + 1, "the loss", err);
    if (!__builtin_isfinite(step.grad_norm))
        return diverged(r->done + 1, "the norm of the gradients", err);
    update(r, step.grad_norm, step.learning_rate);
    step.step = ++r->done;
    step.state = sw_state_values(e);
    return r->host->step(r->host->context, &step, err);
}

/* CKP-020: a state that nobody could resume from must not take the place of one that is good. */
static sw_status checkpoint(run *r, sw_error *err) {
    if (!sw_state_is_finite(&r->engine)) return diverged(r->done, "a trained value", err);
    return r->host->checkpoint(r->host->context, r->done, sw_state_image(&r->engine, r->done), err);
}

static sw_status steps(run *r, bool *stopped, sw_error *err) {
    uint64_t every = r->job->settings->save_steps;
    if (r->host->ready) r->host->ready(r->host->context, r->done, r->total);
    while (r->done < r->total) {
        SW_TRY(one_step(r, err));
        bool stop = r->host->stop && r->host->stop(r->host->context) && r->done < r->total;
        if (stop || r->done == r->total || (every && r->done % every == 0)) {
            SW_TRY(checkpoint(r, err));
        }
        if (stop) {
            *stopped = true;
            return SW_OK;
        }
    }
    *stopped = false;
    sw_engine_keep_values(&r->engine, r->mapping, &r->mapping_bytes);
    return sw_train_output(&r->arena, &r->engine, r->job, r->host, err);
}

sw_status sw_train_run(const sw_train_job *job, const sw_train_host *host, bool *stopped,
                       sw_error *err) {
    run r = {.job = job, .host = host};
    unsigned mode = sw_flush_begin();
    sw_status status = prepare(&r, host->parallel.lanes, host->recompute, err);
    if (status == SW_OK) status = load(&r, err);
    if (status == SW_OK) status = steps(&r, stopped, err);
    sw_flush_restore(mode);
    run_free(&r);
    return status;
}
