/* SPDX-License-Identifier: Apache-2.0
 *
 * What is measured: the worker program and the base model. Each is read once into sealed memory and
 * hashed there; what was hashed is what runs.
 */
#include "run/agent.h"
#include "train/train.h"
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

/* The decoders look again; here it costs no grant. */
static sw_status check_template(const sw_agent *a, const uint8_t *map, sw_error *err) {
    sw_chat_files files = {0};
    sw_row_template chat = {0};
    for (size_t i = 0; i < a->recipe->model_file_count; i++) {
        sw_bytes file = SW_BYTES(map + a->files[i].offset, (size_t)a->files[i].size);
        if (strcmp(a->files[i].name, "chat_template.jinja") == 0) files.jinja = file;
        if (strcmp(a->files[i].name, "tokenizer_config.json") == 0) files.tokenizer_config = file;
    }
    sw_status status = sw_row_template_open(&files, &a->recipe->training, &chat, err);
    sw_row_template_close(&chat);
    return status;
}

static sw_status check_limit(const char *key, const char *what, uint64_t needs, uint64_t limit,
                             sw_error *err) {
    if (needs <= limit) return SW_OK;
    sw_status status = sw_fail(err, SW_REFUSED, "limit",
                               "%s takes at least %llu bytes, and the recipe's %s is %llu", what,
                               (unsigned long long)needs, key, (unsigned long long)limit);
    sw_error_hint(err, "compose the recipe with a larger %s; owners then consent to that one", key);
    return status;
}

/* RCP-042: whether the model can be trained so, and what comes out fits what the recipe declares.
 * The worker would say so too late: after a grant, or after all steps. */
static sw_status check_settings(const sw_agent *a, const uint8_t *map, sw_error *err) {
    sw_bytes file = {0};
    sw_model_config config;
    sw_train_sizes sizes;
    for (size_t i = 0; i < a->recipe->model_file_count; i++)
        if (strcmp(a->files[i].name, "config.json") == 0)
            file = SW_BYTES(map + a->files[i].offset, (size_t)a->files[i].size);
    SW_TRY(sw_model_config_parse(file, &config, err));
    SW_TRY(sw_train_check(&a->recipe->training, &config, &sizes, err));
    for (size_t i = 0; i < a->recipe->model_file_count; i++)
        if (a->recipe->training.method == SW_METHOD_FULL && sw_train_copies(a->files[i].name))
            sizes.output_bytes += a->files[i].size;
    SW_TRY(check_limit("observe.checkpoint_limit", "a checkpoint", sizes.state_bytes,
                       a->recipe->checkpoint_limit_bytes, err));
    return check_limit("output.limit", "the output", sizes.output_bytes,
                       a->recipe->output_limit_bytes, err);
}

sw_status sw_agent_load_model(sw_agent *a, sw_error *err) {
    SW_TRY(layout(a, err));
    void *map = NULL;
    SW_TRY(sw_shared_make("model", (size_t)a->model_bytes, &a->model_fd, &map, err));
    sw_status status = SW_OK;
    for (size_t i = 0; i < a->recipe->model_file_count && status == SW_OK; i++)
        status = read_file(a, i, map, err);
    if (status == SW_OK) status = check_template(a, map, err);
    if (status == SW_OK) status = check_settings(a, map, err);
    sw_status sealed =
        sw_shared_seal(a->model_fd, &map, (size_t)a->model_bytes, status == SW_OK ? err : NULL);
    return status != SW_OK ? status : sealed;
}
