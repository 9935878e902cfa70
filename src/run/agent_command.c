/* SPDX-License-Identifier: Apache-2.0
 *
 * A recipe with a command: the tree and the base model are copied into a private root while they
 * are hashed, and the command is started there (docs/formats/command.md). Everything between, from
 * attestation to the manifest, is the run of the native trainer.
 *
 * What was hashed is what the child sees: nothing is read twice, and a tree that is not the lock's
 * is dropped before a key is asked for.
 */
#include "codec/json.h"
#include "codec/text.h"
#include "run/agent.h"
#include "sys/private_root.h"
#include "sys/tree.h"
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define JOB_LIMIT ((size_t)256 << 10)
/* Job and STOP both lie in the pipe when nobody reads it, and no turn is spent on waiting. */
#define CONTROL_BYTES (2 * JOB_LIMIT)
#define DEVICES       "/dev"

sw_status sw_agent_open_command(sw_agent *a, sw_error *err) {
    if (a->replay) {
        sw_status status = sw_fail(err, SW_REFUSED, "command",
                                   "training by a command cannot be replayed: the same script need "
                                   "not give the same bytes twice");
        sw_error_hint(err, "`sealwright verify` shows what is proven about this run");
        return status;
    }
    SW_TRY(sw_agent_check_place(&a->recipe->policy, sw_cpuid_ask, err));
    if (!a->o->tree)
        return sw_fail(
            err, SW_USAGE, "usage",
            "this recipe runs a command: --tree must name the folder that becomes its /");
    a->command = SW_ARENA_NEW(&a->arena, sw_agent_command, 1);
    if (!a->command) return sw_fail(err, SW_MEMORY, "memory", "no memory for a command");
    for (size_t i = 0; i < SW_AGENT_FD_LIMIT; i++) a->command->fds[i] = -1;
    a->patience = SW_AGENT_COMMAND_PATIENCE;
    return SW_OK;
}

static void close_shared(sw_agent_command *k) {
    for (size_t i = 0; i < SW_AGENT_FD_LIMIT; i++) {
        if (k->fds[i] >= 0) close(k->fds[i]);
        k->fds[i] = -1;
    }
    k->fd_count = 0;
}

/* SANDBOX-061: a line for each kind of thing that the script called for and did not get. */
static void say_acts(sw_agent *a) {
    unsigned seen = sw_watch_end(&a->command->watch);
    for (int act = 0; act < SW_SANDBOX_ACT_COUNT; act++)
        if (seen >> act & 1) sw_agent_phase(a, sw_sandbox_act_sentence((sw_sandbox_act)act));
    if (a->command->started && sw_process_memory_kills() != a->command->memory_kills)
        sw_agent_phase(a, "memory ran out while the script ran: the kernel ended a process, the "
                          "script's or another of this machine");
}

/* What is not told is refused all the same. */
static void say_untold(sw_agent *a) {
    if (!a->layers.watched)
        sw_agent_phase(a, "what the script calls for and does not get is not told: this machine's "
                          "kernel has no listener to give");
    else if (!a->layers.looked_into)
        sw_agent_phase(a, "which files the script wants to change is not told: this process may "
                          "not look into another");
}

/* When the child has ended. */
void sw_agent_drop_command(sw_agent *a) {
    if (!a->command) return;
    close_shared(a->command);
    say_acts(a);
    if (a->command->root) sw_private_root_drop(&a->command->root);
}

/* ---- the tree ---- */

static sw_status note_file(void *context, const char *path, uint64_t size, const sw_hash *digest,
                           sw_error *err) {
    (void)err;
    sw_agent *a = context;
    const sw_recipe_command *c = &a->recipe->command;
    for (size_t i = 0; i < c->file_count; i++)
        if (strcmp(c->files[i].path, path) == 0)
            a->command->differs[i] =
                c->files[i].size != size || !sw_hash_equal(&c->files[i].digest, digest);
    return SW_OK;
}

static sw_status another_tree(const sw_agent *a, sw_error *err) {
    const sw_recipe_command *c = &a->recipe->command;
    const char *path = NULL;
    for (size_t i = c->file_count; i-- > 0;)
        if (a->command->differs[i]) path = c->files[i].path;
    sw_status status =
        sw_fail(err, SW_REFUSED, "trainer", "%s is not the tree that the recipe names%s%s",
                a->o->tree, path ? ": another file, or none, is at " : "", path ? path : "");
    sw_error_hint(err,
                  "another tree is another trainer: lock it, compose again and ask the owners, "
                  "or use the tree they approved");
    return status;
}

/* CMD-005. The files are what owners read as the code, so each is compared although the digest of
 * the tree covers it: whoever wrote the lock may have named others. */
static sw_status copy_tree(sw_agent *a, sw_error *err) {
    const sw_recipe_command *c = &a->recipe->command;
    sw_tree_digest tree;
    for (size_t i = 0; i < c->file_count; i++) a->command->differs[i] = true;
    SW_TRY(sw_private_root_copy(a->command->root, a->o->tree, note_file, a, &tree, err));
    bool same = sw_hash_equal(&tree.digest, &c->tree) && tree.entries == c->tree_entries &&
                tree.bytes == c->tree_bytes;
    for (size_t i = 0; i < c->file_count; i++) same &= !a->command->differs[i];
    if (!same) return another_tree(a, err);
    return sw_command_check_folders(c, a->command->root->folder_fd, err); /* of the copy */
}

static sw_status copy_model_file(sw_agent *a, const sw_locked_file *f, sw_error *err) {
    char place[sizeof "/model/" + sizeof f->name];
    snprintf(place, sizeof place, "/model/%s", f->name);
    char *path = sw_path_join(&a->arena, a->o->model_folder, f->name);
    if (!path) return sw_fail(err, SW_MEMORY, "memory", "no memory for a path");
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a pipe must not hold us up */
    if (fd < 0)
        return sw_fail(err, SW_MISSING, "missing", "the base model's file %s cannot be opened",
                       path);
    sw_hash digest = {0};
    sw_status status = sw_private_root_add(a->command->root, place, fd, f->size, &digest, err);
    close(fd);
    if (status != SW_OK && status != SW_MALFORMED) return status;
    if (status == SW_OK && sw_hash_equal(&digest, &f->digest)) return SW_OK;
    return sw_fail(err, SW_REFUSED, "model",
                   "%s is not the file that the recipe's model lock names", path);
}

static sw_status copy_model(sw_agent *a, sw_error *err) {
    uint64_t total = 0;
    for (size_t i = 0; i < a->recipe->model_file_count; i++) {
        const sw_locked_file *f = &a->recipe->model_files[i];
        if (f->size > SW_AGENT_MODEL_LIMIT - total)
            return sw_fail(err, SW_LIMIT, "limit",
                           "the base model is larger than this agent loads");
        total += f->size;
        SW_TRY(copy_model_file(a, f, err));
    }
    return SW_OK;
}

sw_status sw_agent_copy_tree(sw_agent *a, sw_error *err) {
    const sw_recipe_command *c = &a->recipe->command;
    SW_TRY(sw_private_root_make(c->scratch_bytes, &a->command->root, err));
    SW_TRY(copy_tree(a, err));
    SW_TRY(copy_model(a, err));
    return sw_private_root_close(a->command->root, c->gpu, DEVICES, err);
}

/* ---- the job (CMD-041) ---- */

static void add_shard(const sw_agent *a, sw_arena *arena, sw_json *array, size_t i) {
    const sw_shard *s = &a->recipe->shards[i];
    sw_json *o = sw_json_add_object(arena, array, NULL);
    sw_json_add_integer(arena, o, "bytes", (int64_t)a->command->shard_bytes[i]);
    sw_json_add_hex(arena, o, "dataset", SW_BYTES_OF(s->dataset.b));
    sw_json_add_integer(arena, o, "fd", SW_FD_SHARED + 2 * (int64_t)i);
    sw_json_add_integer(arena, o, "index_fd", SW_FD_SHARED + 2 * (int64_t)i + 1);
    sw_json_add_text(arena, o, "media_type", sw_text(a->command->media_types[i]));
    sw_json_add_text(arena, o, "name", sw_text(s->name));
    sw_json_add_hex(arena, o, "owner", SW_BYTES_OF(s->owner.b));
    sw_json_add_integer(arena, o, "rows", (int64_t)s->rows);
}

static void add_resume(const sw_agent *a, sw_arena *arena, sw_json *root) {
    if (!a->resume.size) {
        sw_json_add_null(arena, root, "resume");
        return;
    }
    sw_json *o = sw_json_add_object(arena, root, "resume");
    sw_json_add_integer(arena, o, "bytes", (int64_t)a->resume.size);
    sw_json_add_integer(arena, o, "fd", SW_FD_SHARED + 2 * (int64_t)a->recipe->shard_count);
    sw_json_add_integer(arena, o, "step", (int64_t)a->step);
}

sw_status sw_agent_encode_job(const sw_agent *a, sw_buffer *out, sw_error *err) {
    SW_SCOPED(sw_arena) arena = {0};
    sw_json *root = sw_json_make(&arena, SW_JSON_OBJECT);
    sw_json_add_text(&arena, root, "kind", SW_LITERAL("sealwright/job/v1"));
    sw_json_add_text(&arena, root, "model", SW_LITERAL("/model"));
    sw_json_add_integer(&arena, root, "max_steps", (int64_t)a->recipe->command.max_steps);
    sw_json_add_integer(&arena, root, "save_steps", (int64_t)a->recipe->command.save_steps);
    sw_json_add_integer(&arena, root, "checkpoint_limit",
                        (int64_t)a->recipe->checkpoint_limit_bytes);
    sw_json_add_integer(&arena, root, "output_limit", (int64_t)a->recipe->output_limit_bytes);
    add_resume(a, &arena, root);
    sw_json *shards = sw_json_add_array(&arena, root, "shards");
    for (size_t i = 0; i < a->recipe->shard_count; i++) add_shard(a, &arena, shards, i);
    sw_json_encode(out, root);
    return sw_buffer_check(out, "job", err);
}

/* ---- the start ---- */

/* The agent's own first; a recipe cannot name them again (CMD-012). */
static const char **make_environment(sw_agent *a) {
    const sw_recipe_command *c = &a->recipe->command;
    const char *const *own = sw_command_environment();
    size_t own_count = 0, count = 0;
    while (own[own_count]) own_count++;
    const char **all = SW_ARENA_NEW(&a->arena, const char *, own_count + c->environment_count + 1);
    if (!all) return NULL;
    for (; count < own_count; count++) all[count] = own[count];
    for (size_t i = 0; i < c->environment_count; i++) {
        size_t size = strlen(c->names[i]) + strlen(c->values[i]) + 2;
        char *text = SW_ARENA_NEW(&a->arena, char, size);
        if (!text) return NULL;
        snprintf(text, size, "%s=%s", c->names[i], c->values[i]);
        all[count++] = text;
    }
    return all;
}

static sw_status spawn(sw_agent *a, sw_error *err) {
    const sw_recipe_command *c = &a->recipe->command;
    sw_agent_command *k = a->command;
    const char *argv[SW_COMMAND_ARGUMENTS + 1] = {NULL};
    for (size_t i = 0; i < c->argument_count; i++) argv[i] = c->arguments[i];
    const char **environment = make_environment(a);
    if (!environment) return sw_fail(err, SW_MEMORY, "memory", "no memory for an environment");
    const sw_sandbox_rules rules = {.profile = SW_SANDBOX_COMMAND,
                                    .root = k->root,
                                    .silent_kernel = a->on_hardware,
                                    .no_swap = a->on_hardware};
    const sw_spawn what = {.image_fd = -1,
                           .argv = argv,
                           .environment = environment,
                           .fds = k->fds,
                           .fd_count = k->fd_count,
                           .sandbox = &rules,
                           .watch = &k->watch};
    sw_agent_hush_kernel(a);
    k->memory_kills = sw_process_memory_kills();
    k->started = true;
    SW_TRY(sw_agent_spawn(a, &what, CONTROL_BYTES, err));
    say_untold(a);
    return SW_OK;
}

sw_status sw_agent_start_command(sw_agent *a, sw_error *err) {
    sw_agent_command *k = a->command;
    SW_SCOPED(sw_buffer) job = SW_BUFFER(JOB_LIMIT);
    SW_TRY(sw_agent_encode_job(a, &job, err));
    if (a->resume.size) SW_TRY(sw_agent_share_resume(a, &k->fds[k->fd_count++], err));
    sw_status status = spawn(a, err);
    close_shared(k); /* the child's alone from here on */
    sw_buffer_free(&a->resume);
    if (status == SW_OK)
        status = sw_agent_fold(a, sw_agent_tell_job(a, sw_buffer_bytes(&job), err), err);
    if (status == SW_OK || a->worker == 0) return status;
    sw_agent_end_worker(a);
    return status;
}
