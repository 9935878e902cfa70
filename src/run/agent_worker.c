/* SPDX-License-Identifier: Apache-2.0
 *
 * The worker as the agent sees it: a child that was never given a key, a stream of bounded frames,
 * and a pipe of step records.
 *
 * Every wait is a poll with a timeout, in which the lease is renewed, step records are read and
 * Ctrl-C is seen; a worker that stalls is ended within one lease.
 */
#include "run/agent.h"
#include "sys/pool.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define TICK_MS    100
#define NATIVE_FDS 3 /* model, rows, the state to resume from */

static void close_fd(int *fd) {
    if (*fd >= 0) close(*fd);
    *fd = -1;
}

void sw_agent_end_worker(sw_agent *a) {
    sw_agent_guard_child(a->guard, -1);
    if (a->worker_pidfd >= 0) sw_process_kill(a->worker_pidfd);
    int code = 0;
    if (a->worker > 0) (void)!sw_process_wait(a->worker, &code, NULL);
    a->worker = 0;
    close_fd(&a->worker_pidfd);
    close_fd(&a->control_fd);
    close_fd(&a->stream_fd);
    close_fd(&a->metrics_fd);
}

typedef struct pipes {
    int control[2], stream[2], metrics[2];
} pipes;

static sw_status make_pipes(pipes *p, sw_error *err) {
    *p = (pipes){{-1, -1}, {-1, -1}, {-1, -1}};
    if (pipe2(p->control, O_CLOEXEC) == 0 && pipe2(p->stream, O_CLOEXEC) == 0 &&
        pipe2(p->metrics, O_CLOEXEC) == 0)
        return SW_OK;
    for (int i = 0; i < 2; i++) {
        close_fd(&p->control[i]);
        close_fd(&p->stream[i]);
        close_fd(&p->metrics[i]);
    }
    return sw_fail(err, SW_IO, "io", "pipes to the worker cannot be made: %s", strerror(errno));
}

/* So that a child that reads nothing cannot hold us up while we write. */
static sw_status widen(int fd, size_t bytes, sw_error *err) {
    if (bytes == 0 || fcntl(fd, F_SETPIPE_SZ, (int)bytes) >= (int)bytes) return SW_OK;
    return sw_fail(err, SW_IO, "io", "a pipe of %zu bytes cannot be had: %s", bytes,
                   strerror(errno));
}

sw_status sw_agent_spawn(sw_agent *a, const sw_spawn *what, size_t control_bytes, sw_error *err) {
    SW_CHECK(err, what->fd_count <= SW_AGENT_FD_LIMIT);
    pipes p;
    SW_TRY(make_pipes(&p, err));
    int all[3 + SW_AGENT_FD_LIMIT] = {p.control[0], p.stream[1], p.metrics[1]};
    for (size_t i = 0; i < what->fd_count; i++) all[3 + i] = what->fds[i];
    sw_spawn with_pipes = *what;
    with_pipes.fds = all;
    with_pipes.fd_count = 3 + what->fd_count;
    sw_status status = widen(p.control[1], control_bytes, err);
    if (status == SW_OK)
        status = sw_process_start(&with_pipes, &a->worker, &a->worker_pidfd, &a->layers, err);
    if (status == SW_OK) sw_agent_guard_child(a->guard, a->worker_pidfd);
    close_fd(&p.control[0]);
    close_fd(&p.stream[1]);
    close_fd(&p.metrics[1]);
    a->control_fd = p.control[1];
    a->stream_fd = p.stream[0];
    a->metrics_fd = p.metrics[0];
    a->hello_seen = a->plan_seen = a->stop_due = false;
    a->end = SW_END_BROKE; /* until it is known better */
    if (status == SW_OK && fcntl(a->control_fd, F_SETFL, O_NONBLOCK) != 0)
        status = sw_fail(err, SW_IO, "io", "the control pipe: %s", strerror(errno));
    a->record_bytes = 0;
    a->progress_ms = sw_machine_counter_ms(a->machine);
    if (status != SW_OK) sw_agent_end_worker(a);
    return status;
}

/* `fds` continue at descriptor SW_FD_MODEL, the first of them the model. Every child is given that
 * one, each as an open file of its own: what one left in its offset the next could read (WRK-011).
 */
sw_status sw_agent_start(sw_agent *a, const sw_wire_job *job, const int *fds, size_t fd_count,
                         sw_error *err) {
    static const char *const argv[] = {"sealwright-worker", NULL};
    int given[NATIVE_FDS];
    SW_CHECK(err, fd_count > 0 && fd_count <= NATIVE_FDS);
    memcpy(given, fds, fd_count * sizeof *fds);
    const sw_sandbox_rules rules = {.profile = SW_SANDBOX_NATIVE,
                                    .thread_limit = job->lanes,
                                    .silent_kernel = a->on_hardware,
                                    .no_swap = a->on_hardware};
    const sw_spawn what = {.image_fd = a->image_fd,
                           .argv = argv,
                           .fds = given,
                           .fd_count = fd_count,
                           .sandbox = &rules};
    SW_TRY(sw_shared_reopen(fds[0], &given[0], err));
    sw_agent_hush_kernel(a);
    sw_status status = sw_agent_spawn(a, &what, 0, err);
    close(given[0]);
    if (status == SW_OK) status = sw_agent_send_job(a, job, err);
    if (status != SW_OK) sw_agent_end_worker(a);
    return status;
}

sw_status sw_agent_send_job(sw_agent *a, const sw_wire_job *job, sw_error *err) {
    SW_SCOPED(sw_buffer) bytes = SW_BUFFER((size_t)1 << 20);
    SW_TRY(sw_wire_job_encode(job, &bytes, err));
    return sw_agent_tell_job(a, sw_buffer_bytes(&bytes), err);
}

sw_status sw_agent_fill_job(const sw_agent *a, sw_job_kind kind, sw_buffer *settings,
                            sw_wire_job *job, sw_error *err) {
    SW_TRY(sw_training_encode(&a->recipe->training, settings, err));
    *job = (sw_wire_job){.kind = kind,
                         .lanes = a->o->lanes ? a->o->lanes : (uint32_t)sw_cpu_count(),
                         .settings = sw_buffer_bytes(settings),
                         .file_count = (uint32_t)a->recipe->model_file_count,
                         .model_bytes = a->model_bytes};
    memcpy(job->base_model_name, a->recipe->model_name, sizeof job->base_model_name);
    memcpy(job->files, a->files, sizeof job->files);
    return SW_OK;
}

/* A STOP is taken whole or not at all, being shorter than PIPE_BUF: where the pipe is full, the
 * next tick tries again. A worker that has gone cannot be told; its stream says why it went. */
static void tell_stop(sw_agent *a) {
    uint8_t frame[SW_FRAME_HEADER_BYTES];
    sw_frame_header(frame, SW_FRAME_STOP, 0);
    ssize_t n = write(a->control_fd, frame, sizeof frame);
    a->stop_due = n < 0 && (errno == EAGAIN || errno == EINTR);
}

/* Without a plan there is no state to save: what runs, the decoders too, is ended at once. */
static sw_status stop(sw_agent *a, sw_error *err) {
    a->stop_sent = true;
    if (a->plan_seen) {
        tell_stop(a);
        return SW_OK;
    }
    if (a->lease_status != SW_OK) return sw_agent_end_lease(a, err);
    a->end = SW_END_HOST;
    sw_status status = sw_fail(err, SW_REFUSED, "stopped", "stopped before the first step");
    sw_error_hint(err, "the same command begins again");
    return status;
}

static const char *whose(const sw_agent *a) {
    return a->command ? "command" : "worker";
}

static sw_status stalled(sw_agent *a, sw_error *err) {
    char leases[32] = "one whole lease";
    a->end = SW_END_STALLED;
    if (a->patience > 1) snprintf(leases, sizeof leases, "%d leases", (int)a->patience);
    return sw_fail(err, SW_UNAUTHENTIC, "worker", "the %s has stalled: not a byte during %s",
                   whose(a), leases);
}

/* After a STOP nothing is renewed, so a worker that does not heed it has until the lease's end. */
sw_status sw_agent_tick(sw_agent *a, sw_error *err) {
    int64_t now = sw_machine_counter_ms(a->machine);
    if (sw_agent_lease_ended(a)) return sw_agent_end_lease(a, err);
    if ((now - a->progress_ms) / a->patience >= a->granted.grant.lease_ms) return stalled(a, err);
    if (a->stop_due) tell_stop(a);
    if (a->stop_sent) return SW_OK;
    const sw_run_eyes *eyes = &a->o->eyes;
    bool interrupted = eyes->interrupted && eyes->interrupted(eyes->context);
    return !interrupted && sw_agent_lease_holds(a) ? SW_OK : stop(a, err);
}

/* One turn of waiting: for `events` on fd, while step records are taken. *ready: they are there,
 * or the other end has gone. Records wait for the plan, which comes by the other pipe. */
static sw_status turn(sw_agent *a, int fd, short events, bool *ready, sw_error *err) {
    struct pollfd fds[2] = {{fd, events, 0}, {a->plan_seen ? a->metrics_fd : -1, POLLIN, 0}};
    int count = poll(fds, 2, TICK_MS); /* poll passes over -1 */
    if (count < 0 && errno != EINTR) return sw_fail(err, SW_IO, "io", "poll: %s", strerror(errno));
    *ready = count > 0 && fds[0].revents;
    if (count > 0) a->progress_ms = sw_machine_counter_ms(a->machine);
    if (count > 0 && fds[1].revents) SW_TRY(sw_agent_take_metrics(a, err));
    return sw_agent_tick(a, err);
}

/* The stream has ended where a word was due: what became of the worker, if it was not our guard. By
 * which signal or with which exit code would be its choice. */
static sw_status worker_ended(sw_agent *a, sw_error *err) {
    sw_process_kill(a->worker_pidfd);
    int code = 0;
    if (sw_agent_guard_ended(a->guard)) return sw_agent_end_lease(a, err);
    a->end = SW_END_GONE;
    SW_TRY(sw_process_wait(a->worker, &code, err));
    a->worker = 0;
    if (code == 256 + SIGSYS) {
        a->end = SW_END_KILLED;
        return sw_fail(err, SW_UNAUTHENTIC, "worker",
                       "the %s was killed: it made a system call that the sandbox forbids",
                       whose(a));
    }
    sw_status status =
        sw_fail(err, SW_UNAUTHENTIC, "worker", "the %s ended without its last word", whose(a));
    sw_error_hint(err, "it crashed, or was killed: where memory ran out, the kernel's log says so");
    return status;
}

sw_status sw_agent_read(sw_agent *a, void *out, uint64_t size, sw_error *err) {
    uint8_t *at = out;
    while (size) {
        bool ready = false;
        SW_TRY(turn(a, a->stream_fd, POLLIN, &ready, err));
        if (!ready) continue;
        ssize_t n =
            read(a->stream_fd, at, size < ((uint64_t)1 << 20) ? (size_t)size : (size_t)1 << 20);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) return worker_ended(a, err);
        at += n;
        size -= (uint64_t)n;
    }
    return SW_OK;
}

sw_status sw_agent_feed(sw_agent *a, int fd, sw_bytes bytes, bool *gone, sw_error *err) {
    while (bytes.size) {
        bool ready = false;
        SW_TRY(turn(a, fd, POLLOUT, &ready, err));
        if (!ready) continue;
        ssize_t n = write(fd, bytes.data, bytes.size);
        if (n < 0 && (errno == EINTR || errno == EAGAIN)) continue;
        *gone = n < 0;
        if (n < 0) return SW_OK;
        bytes.data += n;
        bytes.size -= (size_t)n;
    }
    return SW_OK;
}

sw_status sw_agent_tell_job(sw_agent *a, sw_bytes job, sw_error *err) {
    uint8_t header[SW_FRAME_HEADER_BYTES];
    bool gone = false;
    sw_frame_header(header, SW_FRAME_JOB, job.size);
    SW_TRY(sw_agent_feed(a, a->control_fd, SW_BYTES_OF(header), &gone, err));
    return gone ? SW_OK : sw_agent_feed(a, a->control_fd, job, &gone, err);
}

/* What the metrics pipe holds at this moment, but for records of steps after `step`: a script wrote
 * the records of the steps up to it before the frame that brings us here (CMD-048). */
static sw_status hear_steps(sw_agent *a, uint64_t step, sw_error *err) {
    struct pollfd pipe = {a->metrics_fd, POLLIN, 0};
    while (a->step <= step && a->metrics_fd >= 0) {
        int count = poll(&pipe, 1, 0);
        if (count < 0 && errno == EINTR) continue;
        if (count < 0) return sw_fail(err, SW_IO, "io", "poll: %s", strerror(errno));
        if (count == 0) break;
        SW_TRY(sw_agent_take_metrics(a, err));
        a->progress_ms = sw_machine_counter_ms(a->machine);
        SW_TRY(sw_agent_tick(a, err)); /* there may be very many */
    }
    return SW_OK;
}

sw_status sw_agent_await_step(sw_agent *a, uint64_t step, sw_error *err) {
    if (a->command) return hear_steps(a, step, err);
    while (a->step < step) {
        if (a->metrics_fd < 0)
            return sw_fail(err, SW_UNAUTHENTIC, "worker", "the worker counts its steps wrongly");
        bool ready;
        SW_TRY(turn(a, -1, 0, &ready, err));
    }
    return SW_OK;
}

sw_status sw_agent_frame(sw_agent *a, sw_frame_type *type, uint64_t *size, sw_error *err) {
    uint8_t header[SW_FRAME_HEADER_BYTES];
    a->progress_ms = sw_machine_counter_ms(a->machine); /* what we did meanwhile is not its delay */
    SW_TRY(sw_agent_read(a, header, sizeof header, err));
    sw_reader r = sw_reader_of(SW_BYTES_OF(header));
    uint32_t kind = sw_read_u32be(&r);
    *size = sw_read_u64be(&r);
    if (kind < SW_FRAME_JOB || kind > SW_FRAME_CLAIMS)
        return sw_fail(err, SW_UNAUTHENTIC, "worker",
                       "the %s's stream holds no frame where one is due", whose(a));
    *type = (sw_frame_type)kind;
    return SW_OK;
}
