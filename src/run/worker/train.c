/* SPDX-License-Identifier: Apache-2.0
 *
 * The training job: rows from shared memory into the engine, its callbacks onto the two pipes.
 */
#include "run/worker/worker.h"
#include "sys/pool.h"
#include <math.h>
#include <poll.h>
#include <string.h>

typedef struct trainer {
    sw_worker *worker;
    bool stop;
} trainer;

static void run_pool(void *pool, size_t count, void (*fn)(void *, size_t, size_t), void *context) {
    sw_pool_run(pool, count, fn, context);
}

static sw_status on_step(void *context, const sw_train_step *s, sw_error *err) {
    trainer *t = context;
    const sw_wire_step wire = {.step = s->step,
                               .total_steps = s->total_steps,
                               .tokens = s->tokens,
                               .loss = s->loss,
                               .learning_rate = s->learning_rate,
                               .grad_norm = s->grad_norm};
    uint8_t record[SW_WIRE_STEP_BYTES];
    sw_wire_step_encode(record, &wire);
    if (!isfinite(s->loss)) {
        t->worker->failure = SW_FAILURE_DIVERGED;
        return sw_fail(err, SW_REFUSED, "diverged", "the loss is no longer a number");
    }
    return sw_frame_write(SW_FD_METRICS, SW_FRAME_STEP, (sw_bytes){0}, SW_BYTES_OF(record), err);
}

static void put_u64(uint8_t out[8], uint64_t v) {
    for (int i = 0; i < 8; i++) out[i] = (uint8_t)(v >> (56 - 8 * i));
}

static sw_status on_checkpoint(void *context, uint64_t step, sw_bytes state, sw_error *err) {
    (void)context;
    uint8_t head[8];
    put_u64(head, step);
    return sw_frame_write(SW_FD_STREAM, SW_FRAME_CHECKPOINT, SW_BYTES_OF(head), state, err);
}

static sw_status on_output(void *context, const char *name, sw_bytes bytes, sw_error *err) {
    (void)context;
    SW_SCOPED(sw_buffer) head = SW_BUFFER(256);
    sw_put_field(&head, sw_text(name));
    SW_TRY(sw_buffer_check(&head, "an output's name", err));
    return sw_frame_write(SW_FD_STREAM, SW_FRAME_OUTPUT, sw_buffer_bytes(&head), bytes, err);
}

/* The agent's word to stop, or its end: either way this step was the last. */
static bool on_stop(void *context) {
    trainer *t = context;
    struct pollfd control = {SW_FD_CONTROL, POLLIN, 0};
    if (poll(&control, 1, 0) > 0) t->stop = true;
    return t->stop;
}

static sw_status send_plan(const sw_train_job *job, sw_error *err) {
    uint64_t steps;
    SW_TRY(sw_train_steps(job, &steps, err));
    uint8_t plan[16];
    put_u64(plan, steps);
    put_u64(plan + 8, job->rows->token_count);
    return sw_frame_write(SW_FD_STREAM, SW_FRAME_PLAN, (sw_bytes){0}, SW_BYTES_OF(plan), err);
}

static sw_status open_rows(sw_worker *w, uint32_t vocab, sw_rows *rows, sw_error *err) {
    w->failure = SW_FAILURE_ROWS;
    SW_TRY(sw_worker_map(SW_FD_ROWS, w->job.rows_bytes, &w->rows_map, err));
    sw_bytes shards[SW_WIRE_FILE_LIMIT];
    for (uint32_t i = 0; i < w->job.shard_count; i++)
        shards[i] =
            SW_BYTES(w->rows_map.data + w->job.shards[i].offset, (size_t)w->job.shards[i].size);
    SW_TRY(sw_rows_parse(&w->arena, shards, w->job.shard_count, vocab, rows, err));
    w->failure = SW_FAILURE_NO_ROWS;
    return rows->count ? SW_OK : sw_fail(err, SW_REFUSED, "rows", "no row has anything to predict");
}

static sw_status train(sw_worker *w, const sw_train_job *job, bool *stopped, sw_error *err) {
    sw_pool *pool;
    SW_TRY(sw_pool_open(w->job.lanes, &pool, err));
    trainer t = {.worker = w};
    const sw_train_host host = {.context = &t,
                                .step = on_step,
                                .checkpoint = on_checkpoint,
                                .output = on_output,
                                .stop = on_stop,
                                .parallel = {pool, run_pool, sw_pool_lanes(pool)}};
    w->failure = SW_FAILURE_MODEL;
    const sw_finite_check finite = {.model = job->model,
                                    .files = w->files,
                                    .file_count = w->job.file_count,
                                    .parallel = &host.parallel};
    sw_status status = sw_model_check_finite(&finite, err);
    if (status == SW_OK) w->failure = SW_FAILURE_INTERNAL;
    if (status == SW_OK) status = sw_train_run(job, &host, stopped, err);
    if (status == SW_REFUSED && strcmp(err->word, "diverged") == 0)
        w->failure = SW_FAILURE_DIVERGED;
    if (status == SW_REFUSED && strcmp(err->word, "rows") == 0) w->failure = SW_FAILURE_NO_ROWS;
    sw_pool_close(&pool);
    return status;
}

sw_status sw_worker_train(sw_worker *w, sw_error *err) {
    w->failure = SW_FAILURE_MODEL;
    sw_model model;
    SW_TRY(sw_model_open(&w->arena, w->files, w->job.file_count, &model, err));
    sw_rows rows;
    SW_TRY(open_rows(w, model.config.vocab_size, &rows, err));
    w->failure = SW_FAILURE_INTERNAL;
    SW_TRY(sw_worker_map(SW_FD_RESUME, w->job.resume_bytes, &w->resume_map, err));
    const sw_train_job job = {.settings = &w->settings,
                              .model = &model,
                              .rows = &rows,
                              .base_model_name = w->job.base_model_name,
                              .files = w->files,
                              .file_count = w->job.file_count,
                              .resume = w->resume_map};
    SW_TRY(send_plan(&job, err));
    bool stopped = false;
    SW_TRY(train(w, &job, &stopped, err));
    const uint8_t early = stopped;
    return sw_frame_write(SW_FD_STREAM, SW_FRAME_DONE, (sw_bytes){0}, SW_BYTES(&early, 1), err);
}
