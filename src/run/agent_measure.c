/* SPDX-License-Identifier: Apache-2.0
 *
 * What is measured: the worker program and the base model. Each is read once into sealed memory and
 * hashed there; what was hashed is what runs.
 */
#include "run/agent.h"
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define WORKER_LIMIT ((size_t)256 << 20)
#define ALIGNMENT    64

sw_status sw_agent_load_worker(sw_agent *a, sw_error *err) {
    SW_TRY(sw_image_load(a->o->worker, WORKER_LIMIT, &a->image_fd, &a->image, err));
    sw_sha256(&a->worker_digest, a->image);
    if (sw_hash_equal(&a->worker_digest, &a->recipe->trainer_digest)) return SW_OK;
    sw_status status = sw_fail(err, SW_REFUSED, "trainer",
                               "%s is not the trainer that the recipe names", a->o->worker);
    sw_error_hint(err, "a new build is a new trainer: compose again and ask the owners, or use the "
                       "build they approved");
    return status;
}

static sw_status layout(sw_agent *a, sw_error *err) {
    uint64_t at = 0;
    for (size_t i = 0; i < a->recipe->model_file_count; i++) {
        const sw_locked_file *f = &a->recipe->model_files[i];
        if (f->size > SW_AGENT_MODEL_LIMIT - at)
            return sw_fail(err, SW_LIMIT, "limit",
                           "the base model is larger than this agent loads");
        memcpy(a->files[i].name, f->name, sizeof a->files[i].name);
        a->files[i].offset = at;
        a->files[i].size = f->size;
        at += f->size;
        at += (ALIGNMENT - at % ALIGNMENT) % ALIGNMENT;
    }
    a->model_bytes = at;
    return SW_OK;
}

static sw_status read_file(const sw_agent *a, size_t index, uint8_t *map, sw_error *err) {
    const sw_locked_file *f = &a->recipe->model_files[index];
    char *path = sw_path_join((sw_arena *)&a->arena, a->o->model_folder, f->name);
    if (!path) return sw_fail(err, SW_MEMORY, "memory", "no memory for a path");
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a pipe must not hold us up */
    if (fd < 0)
        return sw_fail(err, SW_MISSING, "missing", "the base model's file %s cannot be opened",
                       path);
    size_t got = 0, behind = 0;
    uint8_t one;
    sw_status status = sw_fd_read(fd, map + a->files[index].offset, (size_t)f->size, &got, err);
    if (status == SW_OK) status = sw_fd_read(fd, &one, 1, &behind, err);
    close(fd);
    if (status != SW_OK) return status;
    sw_hash digest;
    sw_sha256(&digest, SW_BYTES(map + a->files[index].offset, got));
    if (got == f->size && behind == 0 && sw_hash_equal(&digest, &f->digest)) return SW_OK;
    return sw_fail(err, SW_REFUSED, "model",
                   "%s is not the file that the recipe's model lock names", path);
}

sw_status sw_agent_load_model(sw_agent *a, sw_error *err) {
    SW_TRY(layout(a, err));
    void *map = NULL;
    SW_TRY(sw_shared_make("model", (size_t)a->model_bytes, &a->model_fd, &map, err));
    sw_status status = SW_OK;
    for (size_t i = 0; i < a->recipe->model_file_count && status == SW_OK; i++)
        status = read_file(a, i, map, err);
    if (status == SW_OK) status = sw_agent_check_model(a, map, err);
    sw_status sealed =
        sw_shared_seal(a->model_fd, &map, (size_t)a->model_bytes, status == SW_OK ? err : NULL);
    return status != SW_OK ? status : sealed;
}
