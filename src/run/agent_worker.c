/* SPDX-License-Identifier: Apache-2.0
 *
 * The worker as the agent sees it: a child that was never given a key, a stream of bounded frames,
 * and a pipe of step records.
 *
 * Every wait is a poll with a timeout, in which the lease is renewed and Ctrl-C is seen; a worker
 * that stalls cannot hold the keys beyond the lease.
 */
#include "run/agent.h"
#include "sys/pool.h"
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#define TICK_MS     100
#define METRIC_BITS 12

static void close_fd(int *fd) {
    if (*fd >= 0) close(*fd);
    *fd = -1;
}

void sw_agent_end_worker(sw_agent *a) {
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

/* `fds` continue at descriptor SW_FD_MODEL. */
sw_status sw_agent_start(sw_agent *a, const sw_wire_job *job, const int *fds, size_t fd_count,
                         sw_error *err) {
    SW_CHECK(err, fd_count <= 4);
    pipes p;
    SW_TRY(make_pipes(&p, err));
    int all[8] = {p.control[0], p.stream[1], p.metrics[1]};
    for (size_t i = 0; i < fd_count; i++) all[3 + i] = fds[i];
    static const char *const argv[] = {"sealwright-worker", NULL};
    const sw_sandbox_rules rules = {.profile = SW_SANDBOX_NATIVE, .thread_limit = job->lanes};
    const sw_spawn what = {.image_fd = a->image_fd,
                           .argv = argv,
                           .fds = all,
                           .fd_count = 3 + fd_count,
                           .sandbox = &rules};
    sw_status status = sw_process_start(&what, &a->worker, &a->worker_pidfd, &a->layers, err);
    close_fd(&p.control[0]);
    close_fd(&p.stream[1]);
    close_fd(&p.metrics[1]);
    a->control_fd = p.control[1];
    a->stream_fd = p.stream[0];
    a->metrics_fd = p.metrics[0];
    if (status == SW_OK) status = sw_agent_send_job(a, job, err);
    if (status != SW_OK) sw_agent_end_worker(a);
    return status;
}

sw_status sw_agent_send_job(sw_agent *a, const sw_wire_job *job, sw_error *err) {
    SW_SCOPED(sw_buffer) bytes = SW_BUFFER((size_t)1 << 20);
    SW_TRY(sw_wire_job_encode(job, &bytes, err));
    return sw_frame_write(a->control_fd, SW_FRAME_JOB, (sw_bytes){0}, sw_buffer_bytes(&bytes), err);
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

/* The agent rounds, so that a metric cannot carry more than METRIC_BITS bits of mantissa out. */
static double rounded(double v) {
    if (!isfinite(v)) return v;
    int exponent = 0;
    double mantissa = frexp(v, &exponent);
    return ldexp(nearbyint(ldexp(mantissa, METRIC_BITS)), exponent - METRIC_BITS);
}

static sw_status take_metric(sw_agent *a, const sw_wire_step *s, sw_error *err) {
    if (s->step != a->step + 1 || s->step > s->total_steps ||
        (a->total_steps && s->total_steps != a->total_steps))
        return sw_fail(err, SW_UNAUTHENTIC, "worker", "the worker counts its steps wrongly");
    a->step = s->step;
    a->total_steps = s->total_steps;
    sw_wire_step seen = *s;
    seen.loss = rounded(s->loss);
    bool with_loss = a->recipe->metrics == SW_METRICS_PUBLIC;
    if (!isfinite(seen.loss)) seen.loss = 0; /* the worker says DIVERGED itself */
    if (s->step % a->recipe->metrics_interval == 0) {
        if (a->metric_count == a->metric_capacity)
            return sw_fail(err, SW_LIMIT, "limit", "more step records than the recipe can have");
        a->metrics[a->metric_count++] = (sw_manifest_metric){s->step, seen.loss};
    }
    if (a->o->eyes.step) a->o->eyes.step(a->o->eyes.context, &seen, with_loss);
    return SW_OK;
}

static sw_status read_metrics(sw_agent *a, sw_error *err) {
    uint8_t record[SW_FRAME_HEADER_BYTES + SW_WIRE_STEP_BYTES];
    size_t got = 0;
    SW_TRY(sw_fd_read(a->metrics_fd, record, sizeof record, &got, err));
    if (got == 0) {
        close_fd(&a->metrics_fd);
        return SW_OK;
    }
    sw_reader r = sw_reader_of(SW_BYTES(record, got));
    uint32_t type = sw_read_u32be(&r);
    uint64_t size = sw_read_u64be(&r);
    if (r.failed || type != SW_FRAME_STEP || size != SW_WIRE_STEP_BYTES || got != sizeof record)
        return sw_fail(err, SW_UNAUTHENTIC, "worker",
                       "the worker's metrics pipe holds something else than step records");
    sw_wire_step step;
    SW_TRY(sw_wire_step_parse(r.rest, &step, err));
    return take_metric(a, &step, err);
}

static sw_status send_stop(sw_agent *a, sw_error *err) {
    if (a->stop_sent) return SW_OK;
    a->stop_sent = true;
    return sw_frame_write(a->control_fd, SW_FRAME_STOP, (sw_bytes){0}, (sw_bytes){0}, err);
}

/* Once a tick: lease, lease end, Ctrl-C. */
static sw_status tick(sw_agent *a, sw_error *err) {
    if (sw_machine_counter_ms(a->machine) >= a->lease_end_ms) {
        a->lease_status = a->lease_status == SW_OK ? SW_REFUSED : a->lease_status;
        return sw_fail(err, SW_REFUSED, "lease", "the lease has ended");
    }
    const sw_run_eyes *eyes = &a->o->eyes;
    bool interrupted = eyes->interrupted && eyes->interrupted(eyes->context);
    if (!sw_agent_lease_holds(a) || interrupted) return send_stop(a, err);
    return SW_OK;
}

/* Waits until the stream has bytes or has ended. */
static sw_status wait_stream(sw_agent *a, sw_error *err) {
    for (;;) {
        struct pollfd fds[2] = {{a->stream_fd, POLLIN, 0}, {a->metrics_fd, POLLIN, 0}};
        int ready = poll(fds, a->metrics_fd >= 0 ? 2 : 1, TICK_MS);
        if (ready < 0 && errno != EINTR)
            return sw_fail(err, SW_IO, "io", "poll: %s", strerror(errno));
        if (ready > 0 && a->metrics_fd >= 0 && fds[1].revents) SW_TRY(read_metrics(a, err));
        SW_TRY(tick(a, err));
        if (ready > 0 && fds[0].revents) return SW_OK;
    }
}

sw_status sw_agent_read(sw_agent *a, void *out, uint64_t size, sw_error *err) {
    uint8_t *at = out;
    while (size) {
        SW_TRY(wait_stream(a, err));
        ssize_t n =
            read(a->stream_fd, at, size < ((uint64_t)1 << 20) ? (size_t)size : (size_t)1 << 20);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0)
            return sw_fail(err, SW_UNAUTHENTIC, "worker",
                           "the worker ended in the middle of a frame");
        at += n;
        size -= (uint64_t)n;
    }
    return SW_OK;
}

sw_status sw_agent_frame(sw_agent *a, sw_frame_type *type, uint64_t *size, sw_error *err) {
    uint8_t header[SW_FRAME_HEADER_BYTES];
    SW_TRY(sw_agent_read(a, header, sizeof header, err));
    sw_reader r = sw_reader_of(SW_BYTES_OF(header));
    uint32_t kind = sw_read_u32be(&r);
    *size = sw_read_u64be(&r);
    if (kind < SW_FRAME_JOB || kind > SW_FRAME_FAILED)
        return sw_fail(err, SW_UNAUTHENTIC, "worker",
                       "the worker's stream holds no frame where one is due");
    *type = (sw_frame_type)kind;
    return SW_OK;
}
