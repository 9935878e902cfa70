/* SPDX-License-Identifier: Apache-2.0
 *
 * Start: confinement first, then one job, then one of two ends. Whatever goes wrong leaves as one
 * byte out of a fixed list (WRK-020).
 */
#include "run/worker/worker.h"
#include "sys/confine.h"
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define JOB_LIMIT ((uint64_t)1 << 20)

sw_status sw_worker_map(int fd, uint64_t size, sw_bytes *out, sw_error *err) {
    if (!size) {
        *out = (sw_bytes){0};
        return SW_OK;
    }
    void *map = mmap(NULL, (size_t)size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (map == MAP_FAILED)
        return sw_fail(err, SW_MEMORY, "memory", "shared memory cannot be mapped");
    *out = SW_BYTES(map, (size_t)size);
    return SW_OK;
}

sw_bytes sw_worker_file(const sw_worker *w, const char *name) {
    for (uint32_t i = 0; i < w->job.file_count; i++)
        if (strcmp(w->files[i].name, name) == 0) return w->files[i].bytes;
    return (sw_bytes){0};
}

static sw_status read_exactly(int fd, uint8_t *out, uint64_t size, sw_error *err) {
    while (size) {
        ssize_t n = read(fd, out, (size_t)size);
        if (n <= 0) return sw_fail(err, SW_IO, "io", "the agent has gone");
        out += n;
        size -= (uint64_t)n;
    }
    return SW_OK;
}

static sw_status take_job(sw_worker *w, sw_error *err) {
    sw_frame_type type;
    uint64_t size;
    SW_TRY(sw_frame_read_header(SW_FD_CONTROL, &type, &size, err));
    if (type != SW_FRAME_JOB || size > JOB_LIMIT)
        return sw_fail(err, SW_MALFORMED, "format", "no job");
    uint8_t *bytes = sw_arena_alloc(&w->arena, (size_t)size, 1);
    if (!bytes) return sw_fail(err, SW_MEMORY, "memory", "no memory for the job");
    SW_TRY(read_exactly(SW_FD_CONTROL, bytes, size, err));
    SW_TRY(sw_wire_job_parse(SW_BYTES(bytes, (size_t)size), &w->job, err));
    SW_TRY(sw_training_parse(w->job.settings, &w->settings, err));
    SW_TRY(sw_worker_map(SW_FD_MODEL, w->job.model_bytes, &w->model_map, err));
    for (uint32_t i = 0; i < w->job.file_count; i++)
        w->files[i] = (sw_model_file){
            w->job.files[i].name,
            SW_BYTES(w->model_map.data + w->job.files[i].offset, (size_t)w->job.files[i].size)};
    return SW_OK;
}

static sw_status work(sw_worker *w, sw_error *err) {
    SW_TRY(sw_confine_enter(err));
    SW_TRY(take_job(w, err));
    SW_TRY(sw_frame_write(SW_FD_STREAM, SW_FRAME_HELLO, (sw_bytes){0}, (sw_bytes){0}, err));
    return w->job.kind == SW_JOB_TRAIN ? sw_worker_train(w, err) : sw_worker_decode(w, err);
}

int main(void) {
    static sw_worker w;
    w.failure = SW_FAILURE_INTERNAL;
    sw_error err = {0};
    sw_status status = work(&w, &err);
    if (status == SW_OK) _exit(0);
    const uint8_t class = (uint8_t)(status == SW_MEMORY ? SW_FAILURE_MEMORY : w.failure);
    sw_status told =
        sw_frame_write(SW_FD_STREAM, SW_FRAME_FAILED, (sw_bytes){0}, SW_BYTES(&class, 1), NULL);
    _exit(told == SW_OK ? 1 : 2);
}
