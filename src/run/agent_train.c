/* SPDX-License-Identifier: Apache-2.0
 *
 * The training loop as the agent sees it: frames in, checkpoints sealed, outputs kept in memory
 * until they are sealed.
 */
#include "run/agent.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define OUTPUT_NAME_LIMIT 128

static sw_status read_buffer(sw_agent *a, uint64_t size, uint64_t limit, sw_buffer *out,
                             sw_error *err) {
    if (size > limit)
        return sw_fail(err, SW_LIMIT, "limit", "the worker sent more than the recipe declares");
    *out = SW_BUFFER((size_t)size + 1);
    uint8_t *space = sw_put_space(out, (size_t)size);
    SW_TRY(sw_buffer_check(out, "the worker's frame", err));
    return sw_agent_read(a, space, size, err);
}

static bool in_chain(const sw_agent *a, uint64_t step) {
    uint64_t every = a->recipe->training.save_steps;
    bool fixed = (every && step % every == 0) || step == a->total_steps;
    bool already = a->link_count && a->links[a->link_count - 1].step >= step;
    return fixed && !already;
}

static sw_status take_checkpoint(sw_agent *a, uint64_t size, sw_error *err) {
    uint8_t head[8];
    if (size < sizeof head)
        return sw_fail(err, SW_UNAUTHENTIC, "worker", "the worker sent a malformed checkpoint");
    SW_TRY(sw_agent_read(a, head, sizeof head, err));
    sw_reader r = sw_reader_of(SW_BYTES_OF(head));
    uint64_t step = sw_read_u64be(&r);
    SW_SCOPED(sw_buffer) state = {0};
    SW_TRY(read_buffer(a, size - sizeof head, a->recipe->checkpoint_limit_bytes, &state, err));
    if (step != a->step)
        return sw_fail(err, SW_UNAUTHENTIC, "worker",
                       "the worker sent a checkpoint of another step");
    SW_TRY(sw_agent_save(a, step, sw_buffer_bytes(&state), in_chain(a, step), err));
    return sw_agent_write_state(a, "training", err);
}

static sw_status take_output(sw_agent *a, uint64_t size, sw_error *err) {
    uint8_t head[4];
    if (size < sizeof head || a->output_count == SW_AGENT_OUTPUT_FILES)
        return sw_fail(err, SW_UNAUTHENTIC, "worker", "the worker sent a malformed output");
    SW_TRY(sw_agent_read(a, head, sizeof head, err));
    sw_reader r = sw_reader_of(SW_BYTES_OF(head));
    uint32_t name_size = sw_read_u32be(&r);
    if (name_size < 1 || name_size > OUTPUT_NAME_LIMIT || name_size > size - sizeof head)
        return sw_fail(err, SW_UNAUTHENTIC, "worker", "the worker sent a malformed output");
    char *name = a->output_names[a->output_count];
    SW_TRY(sw_agent_read(a, name, name_size, err));
    name[name_size] = 0;
    uint64_t content = size - sizeof head - name_size;
    if (content > a->recipe->output_limit_bytes - a->output_bytes)
        return sw_fail(err, SW_LIMIT, "limit", "the output is larger than the recipe declares");
    sw_buffer *out = &a->outputs[a->output_count++];
    SW_TRY(read_buffer(a, content, a->recipe->output_limit_bytes, out, err));
    a->output_bytes += content;
    return SW_OK;
}

static sw_status take_plan(sw_agent *a, uint64_t size, sw_error *err) {
    uint8_t plan[16];
    if (size != sizeof plan)
        return sw_fail(err, SW_UNAUTHENTIC, "worker", "the worker sent a malformed plan");
    SW_TRY(sw_agent_read(a, plan, sizeof plan, err));
    sw_reader r = sw_reader_of(SW_BYTES_OF(plan));
    uint64_t total = sw_read_u64be(&r);
    if (!total || total > UINT32_MAX || (a->total_steps && a->total_steps != total))
        return sw_fail(err, SW_UNAUTHENTIC, "worker",
                       "the worker plans an impossible number of steps");
    uint64_t records = total / a->recipe->metrics_interval + 1;
    sw_manifest_metric *metrics = SW_ARENA_NEW(&a->arena, sw_manifest_metric, records);
    if (!metrics) return sw_fail(err, SW_MEMORY, "memory", "no memory for step records");
    if (a->metric_count) memcpy(metrics, a->metrics, a->metric_count * sizeof *metrics);
    a->metrics = metrics;
    a->metric_capacity = records;
    a->total_steps = total;
    return SW_OK;
}

static sw_status take_failure(sw_agent *a, uint64_t size, sw_error *err) {
    uint8_t class = 0;
    if (size != 1)
        return sw_fail(err, SW_UNAUTHENTIC, "worker", "the worker sent a malformed failure");
    SW_TRY(sw_agent_read(a, &class, 1, err));
    sw_status status = sw_fail(err, SW_REFUSED, "worker", "training ended: %s",
                               sw_failure_sentence((sw_failure) class));
    if (a->step) sw_error_hint(err, "the last good checkpoint is kept in %s", a->o->folder);
    return status;
}

static sw_status take_done(sw_agent *a, uint64_t size, sw_error *err) {
    uint8_t early = 0;
    if (size != 1) return sw_fail(err, SW_UNAUTHENTIC, "worker", "the worker's end is malformed");
    SW_TRY(sw_agent_read(a, &early, 1, err));
    a->stopped = early == 1;
    if (!a->stopped && a->step != a->total_steps)
        return sw_fail(err, SW_UNAUTHENTIC, "worker", "the worker ended before its last step");
    return SW_OK;
}

static sw_status take_frame(sw_agent *a, bool *done, sw_error *err) {
    sw_frame_type type;
    uint64_t size;
    SW_TRY(sw_agent_frame(a, &type, &size, err));
    switch (type) {
    case SW_FRAME_HELLO:
        return size ? sw_fail(err, SW_UNAUTHENTIC, "worker", "the worker's hello is malformed")
                    : SW_OK;
    case SW_FRAME_PLAN:
        return take_plan(a, size, err);
    case SW_FRAME_CHECKPOINT:
        return take_checkpoint(a, size, err);
    case SW_FRAME_OUTPUT:
        return take_output(a, size, err);
    case SW_FRAME_FAILED:
        return take_failure(a, size, err);
    case SW_FRAME_DONE:
        *done = true;
        return take_done(a, size, err);
    default:
        return sw_fail(err, SW_UNAUTHENTIC, "worker",
                       "the worker sent a frame that is not its to send");
    }
}

static sw_status share_resume(sw_agent *a, int *fd, sw_error *err) {
    void *map = NULL;
    SW_TRY(sw_shared_make("resume", a->resume.size, fd, &map, err));
    memcpy(map, a->resume.data, a->resume.size);
    return sw_shared_seal(*fd, &map, a->resume.size, err);
}

static sw_status start(sw_agent *a, sw_error *err) {
    SW_SCOPED(sw_buffer) settings = SW_BUFFER(4096);
    sw_wire_job *job = SW_ARENA_NEW(&a->arena, sw_wire_job, 1);
    if (!job) return sw_fail(err, SW_MEMORY, "memory", "no memory for a job");
    SW_TRY(sw_agent_fill_job(a, SW_JOB_TRAIN, &settings, job, err));
    job->shard_count = (uint32_t)a->recipe->shard_count;
    memcpy(job->shards, a->shards, sizeof job->shards);
    job->rows_bytes = a->rows_bytes;
    job->resume_bytes = a->resume.size;
    int fds[3] = {a->model_fd, a->rows_fd, -1};
    if (a->resume.size) SW_TRY(share_resume(a, &fds[2], err));
    sw_status status = sw_agent_start(a, job, fds, a->resume.size ? 3 : 2, err);
    if (fds[2] >= 0) close(fds[2]);
    sw_buffer_free(&a->resume);
    return status;
}

/* Step records that are still in the pipe when the worker has said that it is done. */
static sw_status drain(sw_agent *a, sw_error *err) {
    for (;;) {
        uint8_t byte;
        ssize_t n = read(a->stream_fd, &byte, 1);
        if (n == 0) return SW_OK;
        if (n > 0) return sw_fail(err, SW_UNAUTHENTIC, "worker", "the worker speaks after its end");
    }
}

sw_status sw_agent_train(sw_agent *a, sw_error *err) {
    SW_TRY(start(a, err));
    int64_t begin = sw_agent_now_us(a), seal_before = a->account.seal_us;
    bool done = false;
    sw_status status = SW_OK;
    while (!done && status == SW_OK) status = take_frame(a, &done, err);
    if (status == SW_OK) status = drain(a, err);
    sw_agent_end_worker(a);
    a->account.steps_us += sw_agent_now_us(a) - begin - (a->account.seal_us - seal_before);
    return status;
}
