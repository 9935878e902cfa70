/* SPDX-License-Identifier: Apache-2.0
 *
 * The training loop as the agent sees it: frames in, states sealed (in a replay: compared), outputs
 * kept in memory until they are.
 */
#include "run/agent.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define OUTPUT_NAME_LIMIT 128

sw_status sw_agent_read_buffer(sw_agent *a, uint64_t size, uint64_t limit, sw_buffer *out,
                               sw_error *err) {
    if (size > limit) /* its number is not repeated: it would be 64 bits of its choice */
        return sw_fail(err, SW_LIMIT, "limit",
                       "the %s sent more than the %llu bytes that are declared",
                       a->command ? "command" : "worker", (unsigned long long)limit);
    *out = SW_BUFFER((size_t)size + 1);
    uint8_t *space = sw_put_space(out, (size_t)size);
    SW_TRY(sw_buffer_check(out, "the worker's frame", err));
    return sw_agent_read(a, space, size, err);
}

sw_status sw_agent_not_due(const sw_agent *a, const char *what, sw_error *err) {
    return sw_fail(err, SW_UNAUTHENTIC, "worker", "the %s sent %s that is not due",
                   a->command ? "command" : "worker", what);
}

/* Steps that the recipe fixes: their states make the chain. */
static bool is_fixed(const sw_agent *a, uint64_t step) {
    uint64_t every = a->save_steps;
    return (every && step % every == 0) || step == a->total_steps;
}

static bool in_chain(const sw_agent *a, uint64_t step) {
    bool already = a->link_count && a->links[a->link_count - 1].step >= step;
    return is_fixed(a, step) && !already;
}

/* Of the native trainer none is left out: whether one comes would be a bit of its choice. */
static bool passes_over(const sw_agent *a, uint64_t step) {
    uint64_t every = a->save_steps;
    return !a->command && every && step > (a->saved_step / every + 1) * every;
}

/* A state that the worker had every right to send and that could not be kept: the disk's doing, or
 * that of whoever has the folder, whatever the call said (WRK-022). */
static bool is_hosts(const sw_agent *a, sw_status status) {
    if (a->replay) return status == SW_IO;
    return status != SW_OK && status != SW_MEMORY && status != SW_LIMIT && a->lease_status == SW_OK;
}

/* The two pipes have no order between them: a state may arrive before its step's record, and after
 * the next step's. */
static sw_status take_checkpoint(sw_agent *a, uint64_t size, sw_error *err) {
    uint8_t head[8];
    if (size <= sizeof head || !a->plan_seen || a->output_count || a->stop_state)
        return sw_agent_not_due(a, "a state", err);
    SW_TRY(sw_agent_read(a, head, sizeof head, err));
    sw_reader r = sw_reader_of(SW_BYTES_OF(head));
    uint64_t step = sw_read_u64be(&r);
    if (step <= a->saved_step || step > a->total_steps || passes_over(a, step) ||
        (!is_fixed(a, step) && !a->stop_sent))
        return sw_agent_not_due(a, "a state", err);
    SW_SCOPED(sw_buffer) state = {0};
    SW_TRY(sw_agent_read_buffer(a, size - sizeof head, a->recipe->checkpoint_limit_bytes, &state,
                                err));
    SW_TRY(sw_agent_await_step(a, step, err));
    a->stop_state = !is_fixed(a, step); /* one, and behind it an end alone (WRK-007) */
    if (a->step < step) {               /* of a command: the state itself tells of its step */
        sw_agent_note_pace(a, step - a->step);
        a->step = step;
    }
    sw_status status = (a->replay ? sw_agent_compare : sw_agent_save)(
        a, step, sw_buffer_bytes(&state), in_chain(a, step), err);
    if (is_hosts(a, status)) a->end = SW_END_HOST;
    return status;
}

/* WRK-031: a name that a pack takes, once, and not one of the agent's own. */
static bool name_is_free(const sw_agent *a, const char *name) {
    static const char *const own[] = {"sealwright.json", "model.sig", "curve.svg",
                                      SW_MANIFEST_CLAIMS_NAME};
    for (size_t i = 0; i < sizeof own / sizeof own[0]; i++)
        if (strcmp(name, own[i]) == 0) return false;
    for (size_t i = 0; i < a->output_count; i++)
        if (strcmp(a->output_names[i], name) == 0) return false;
    return true;
}

/* Of the native trainer the last state is sealed by now; of a command its last step was told. */
static bool ends(const sw_agent *a) {
    return a->plan_seen && (a->command ? a->step : a->saved_step) == a->total_steps;
}

static sw_status hear_last(sw_agent *a, sw_error *err) {
    return a->command && a->plan_seen ? sw_agent_await_step(a, a->total_steps, err) : SW_OK;
}

static sw_status take_output(sw_agent *a, uint64_t size, sw_error *err) {
    uint8_t head[4];
    SW_TRY(hear_last(a, err));
    bool due = ends(a) && !a->stop_state && !(a->command && a->command->claimed);
    if (size < sizeof head || !due || a->output_count == SW_AGENT_OUTPUT_FILES)
        return sw_agent_not_due(a, "an output", err);
    SW_TRY(sw_agent_read(a, head, sizeof head, err));
    sw_reader r = sw_reader_of(SW_BYTES_OF(head));
    uint32_t name_size = sw_read_u32be(&r);
    if (name_size < 1 || name_size > OUTPUT_NAME_LIMIT || name_size > size - sizeof head)
        return sw_agent_not_due(a, "an output's name", err);
    char *name = a->output_names[a->output_count];
    SW_TRY(sw_agent_read(a, name, name_size, err));
    name[name_size] = 0;
    if (!sw_pack_name_fits(SW_BYTES(name, name_size)) || !name_is_free(a, name))
        return sw_agent_not_due(a, "an output's name", err);
    uint64_t content = size - sizeof head - name_size;
    if (content > a->recipe->output_limit_bytes - a->output_bytes)
        return sw_agent_too_large(a, err);
    sw_buffer *out = &a->outputs[a->output_count++];
    SW_TRY(sw_agent_read_buffer(a, content, a->recipe->output_limit_bytes, out, err));
    a->output_bytes += content;
    return SW_OK;
}

/* WRK-005: the number of steps follows from the recipe and the rows that were delivered; with
 * packing, within bounds. */
static sw_status check_plan(const sw_agent *a, uint64_t total, sw_error *err) {
    uint64_t rows = 0, tokens = 0, least, most;
    for (size_t i = 0; i < a->recipe->shard_count; i++) {
        rows += a->datasets[i].rows_delivered;
        tokens += a->datasets[i].tokens;
    }
    sw_training_step_bounds(&a->recipe->training, rows, tokens, &least, &most);
    if (total && total <= UINT32_MAX && total >= least && total <= most && total >= a->step)
        return SW_OK;
    return sw_fail(err, SW_UNAUTHENTIC, "worker",
                   "the worker plans another number of steps than the recipe");
}

/* WRK-047: at the plan, not when the run has come that far. */
static sw_status check_room(const sw_agent *a, uint64_t total, sw_error *err) {
    if (sw_recipe_states(total, a->save_steps) <= SW_RECIPE_STATE_LIMIT &&
        total / a->recipe->metrics_interval <= SW_RECIPE_RECORD_LIMIT)
        return SW_OK;
    return sw_fail(err, SW_LIMIT, "limit",
                   "the run would have more than the %d states or %d step records that it keeps: "
                   "choose save_steps or observe.interval larger",
                   SW_RECIPE_STATE_LIMIT, SW_RECIPE_RECORD_LIMIT);
}

static sw_status take_plan(sw_agent *a, uint64_t size, sw_error *err) {
    uint8_t plan[16];
    if (size != sizeof plan || !a->hello_seen || a->plan_seen)
        return sw_agent_not_due(a, "a plan", err);
    SW_TRY(sw_agent_read(a, plan, sizeof plan, err));
    sw_reader r = sw_reader_of(SW_BYTES_OF(plan));
    uint64_t total = sw_read_u64be(&r), tokens = sw_read_u64be(&r);
    SW_TRY(a->command ? sw_agent_check_plan(a, total, tokens, err) : check_plan(a, total, err));
    SW_TRY(check_room(a, total, err));
    SW_TRY(sw_agent_metric_room(a, total / a->recipe->metrics_interval + 1, err));
    a->total_steps = total;
    a->plan_seen = true;
    a->stepped_ms = sw_machine_counter_ms(a->machine);
    return SW_OK;
}

/* WRK-020: of the native trainer the first classes alone. */
static sw_status take_failure(sw_agent *a, uint64_t size, sw_error *err) {
    uint8_t class = 0;
    if (size != 1) return sw_agent_not_due(a, "a failure", err);
    SW_TRY(sw_agent_read(a, &class, 1, err));
    if (!a->command && class >= SW_FAILURE_SCRIPT) class = SW_FAILURE_INTERNAL;
    a->end = SW_END_FAILED;
    a->failure = (sw_failure) class;
    sw_status status = sw_fail(err, SW_REFUSED, "worker", "training ended: %s",
                               sw_failure_sentence((sw_failure) class));
    if (!a->replay && a->saved_step)
        sw_error_hint(err, "the last good checkpoint is kept in %s", a->o->folder);
    return status;
}

/* Done is believed when the last step's state is sealed (of a command: when that step was told) and
 * a model is there; stopped, when a STOP was sent and its state is sealed. */
static sw_status take_done(sw_agent *a, uint64_t size, sw_error *err) {
    uint8_t early = 0;
    if (size != 1 || !a->plan_seen) return sw_agent_not_due(a, "an end", err);
    SW_TRY(sw_agent_read(a, &early, 1, err));
    uint64_t last = early ? a->saved_step : a->total_steps;
    SW_TRY(sw_agent_await_step(a, last, err));
    bool whole = early == 0 && ends(a) && a->output_count > 0;
    bool asked = early == 1 && a->stop_sent && a->step == a->saved_step && a->output_count == 0;
    if (a->command && !a->saved_step) asked = false;
    if (!whole && !asked) return sw_agent_not_due(a, "an end", err);
    a->stopped = early == 1;
    if (whole && a->command) SW_TRY(sw_agent_end_chain(a, err));
    if (whole && a->command) SW_TRY(sw_agent_check_room(a, err));
    return whole ? sw_agent_add_curve(a, err) : SW_OK;
}

static sw_status take_hello(sw_agent *a, uint64_t size, sw_error *err) {
    if (size || a->hello_seen) return sw_agent_not_due(a, "a hello", err);
    a->hello_seen = true;
    return SW_OK;
}

/* Accounts all of it as sealing: receiving, what it counts itself, and the state written after. It
 * is a save as WRK-054 means it, and no part of a step; outputs come when all are saved. */
static sw_status as_sealing(sw_agent *a, sw_status (*take)(sw_agent *, uint64_t, sw_error *),
                            uint64_t size, sw_error *err) {
    int64_t begin = sw_agent_now_us(a), before = a->account.seal_us;
    int64_t stepped = a->stepped_ms - a->waited_ms, waited = a->waited_ms;
    sw_status status = take(a, size, err);
    int64_t took = sw_agent_now_us(a) - begin, save = took / 1000 - (a->waited_ms - waited);
    a->account.seal_us = before + took;
    if (save > a->save_ms) a->save_ms = save;
    bool goes_on = a->stepped_ms - a->waited_ms == stepped; /* no step was told meanwhile */
    a->stepped_ms = goes_on ? a->stepped_ms + save : sw_machine_counter_ms(a->machine);
    return status;
}

static sw_status take_frame(sw_agent *a, bool *done, sw_error *err) {
    sw_frame_type type;
    uint64_t size;
    SW_TRY(sw_agent_frame(a, &type, &size, err));
    switch (type) {
    case SW_FRAME_HELLO:
        return take_hello(a, size, err);
    case SW_FRAME_PLAN:
        return take_plan(a, size, err);
    case SW_FRAME_CHECKPOINT:
        return as_sealing(a, take_checkpoint, size, err);
    case SW_FRAME_OUTPUT:
        return as_sealing(a, take_output, size, err);
    case SW_FRAME_FAILED:
        return take_failure(a, size, err);
    case SW_FRAME_DONE:
        *done = true;
        return take_done(a, size, err);
    case SW_FRAME_CLAIMS:
        return a->command ? sw_agent_take_claims(a, size, err)
                          : sw_agent_not_due(a, "a frame", err);
    default:
        return sw_agent_not_due(a, "a frame", err);
    }
}

sw_status sw_agent_share_resume(sw_agent *a, int *fd, sw_error *err) {
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
    if (a->resume.size) SW_TRY(sw_agent_share_resume(a, &fds[2], err));
    sw_status status = sw_agent_start(a, job, fds, a->resume.size ? 3 : 2, err);
    if (fds[2] >= 0) close(fds[2]);
    sw_buffer_free(&a->resume);
    return status;
}

sw_status sw_agent_converse(sw_agent *a, sw_error *err) {
    bool done = false;
    sw_status status = SW_OK;
    while (!done && status == SW_OK && !(a->replay && a->replay->enough))
        status = take_frame(a, &done, err);
    return status;
}

sw_status sw_agent_train(sw_agent *a, sw_error *err) {
    int64_t asked = sw_agent_now_us(a);
    SW_TRY(a->command ? sw_agent_start_command(a, err) : start(a, err));
    int64_t begin = sw_agent_now_us(a), seal_before = a->account.seal_us;
    sw_status status = sw_agent_converse(a, err);
    sw_agent_end_worker(a); /* whatever it would still say */
    status = sw_agent_fold(a, status, err);
    a->account.attest_us += begin - asked;
    a->account.steps_us += sw_agent_now_us(a) - begin - (a->account.seal_us - seal_before);
    return status;
}
