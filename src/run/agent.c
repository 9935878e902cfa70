/* SPDX-License-Identifier: Apache-2.0
 *
 * One run, in order: what is measured, trust, rows, steps, manifest. Every way out wipes every key
 * and ends the worker.
 */
#include "run/agent.h"
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define MANIFEST_LIMIT ((size_t)256 << 20)

void sw_agent_phase(const sw_agent *a, const char *sentence) {
    if (a->o->eyes.phase) a->o->eyes.phase(a->o->eyes.context, sentence);
}

int64_t sw_agent_now_us(const sw_agent *a) {
    (void)a;
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

void sw_agent_commit(const sw_agent *a, sw_hash *out, const char *label, const sw_bytes *fields,
                     size_t count) {
    sw_hash bound;
    sw_bind_sha256(&bound, label, fields, count);
    sw_hmac_sha256(out, SW_BYTES_OF(a->commit_key->b), SW_BYTES_OF(bound.b));
}

void sw_agent_grant_free(sw_agent_grant *g) {
    sw_buffer_free(&g->receipt);
    sw_buffer_free(&g->statements);
    sw_buffer_free(&g->evidence);
}

void sw_agent_drop_keys(sw_agent *a) {
    for (size_t i = 0; i < SW_SHARD_LIMIT; i++) sw_data_key_drop(&a->data_keys[i]);
    sw_run_key_drop(&a->run_key);
    sw_subkey_drop(&a->checkpoint_key);
    sw_subkey_drop(&a->output_key);
    sw_subkey_drop(&a->commit_key);
}

/* Worker and keys first: what follows may wait for somebody, a terminal say. */
static void wipe(sw_agent *a) {
    sw_agent_end_worker(a);
    sw_agent_guard_close(&a->guard);
    sw_agent_drop_keys(a);
    sw_session_key_drop(&a->manifest_key);
    sw_agent_drop_command(a); /* the private root goes behind its last child */
    sw_agent_restore_kernel(a);
    sw_granted_free(&a->granted);
    sw_remote_close(&a->kms);
    sw_verifier_close(&a->verifier);
    sw_machine_close(&a->machine);
    sw_buffer_free(&a->resume);
    sw_buffer_free(&a->newest_evidence);
    sw_buffer_free(&a->views);
    for (size_t i = 0; i < a->output_count; i++) sw_buffer_free(&a->outputs[i]);
    for (size_t i = 0; i < a->grant_count; i++) sw_agent_grant_free(&a->grants[i]);
    if (a->image_fd >= 0) sw_image_unload(&a->image_fd, &a->image);
    if (a->model_fd >= 0) close(a->model_fd);
    if (a->rows_fd >= 0) close(a->rows_fd);
    if (a->lock_fd >= 0) close(a->lock_fd);
    sw_arena_free(&a->arena);
}

sw_status sw_agent_prepare(sw_agent *a, sw_error *err) {
    a->recipe = SW_ARENA_NEW(&a->arena, sw_recipe, 1);
    a->genesis = SW_ARENA_NEW(&a->arena, sw_genesis, 1);
    a->grants = SW_ARENA_NEW(&a->arena, sw_agent_grant, SW_MANIFEST_GRANT_LIMIT);
    a->links = SW_ARENA_NEW(&a->arena, sw_manifest_link, SW_MANIFEST_CHECKPOINT_LIMIT);
    a->checkpoints = SW_ARENA_NEW(&a->arena, sw_manifest_link, SW_MANIFEST_CHECKPOINT_LIMIT);
    if (!a->recipe || !a->genesis || !a->grants || !a->links || !a->checkpoints)
        return sw_fail(err, SW_MEMORY, "memory", "no memory for a run");
    SW_TRY(sw_compose_parse(a->o->app_compose, a->recipe, err));
    sw_compose_hash(&a->compose, a->o->app_compose);
    SW_TRY(sw_genesis_open(&a->arena, a->o->genesis_envelope, true, a->genesis, err));
    if (!sw_hash_equal(&a->genesis->hash, &a->recipe->genesis))
        return sw_fail(err, SW_REFUSED, "app",
                       "the recipe belongs to another app than the genesis given");
    a->on_hardware = a->recipe->policy.platform != SW_PLATFORM_SIM;
    a->save_steps =
        a->recipe->native ? a->recipe->training.save_steps : a->recipe->command.save_steps;
    if (!a->recipe->native) return sw_agent_open_command(a, err);
    if (!a->o->tree) return SW_OK;
    return sw_fail(err, SW_USAGE, "usage",
                   "--tree is for a recipe with a command, and this one has the native trainer");
}

static sw_status open_folder(sw_agent *a, sw_error *err) {
    SW_TRY(sw_folder_make(a->o->folder, 0700, err));
    char *lock = sw_path_join(&a->arena, a->o->folder, "lock");
    if (!lock) return sw_fail(err, SW_MEMORY, "memory", "no memory for a path");
    SW_TRY(sw_lock_take(lock, &a->lock_fd, err));
    return sw_agent_check_state(a, err);
}

/* MAN-093: what it says of its recipe, unverified: whoever alters files here is told by `verify`.
 */
static sw_status check_manifest(sw_agent *a, const char *path, sw_bytes manifest, sw_error *err) {
    sw_manifest_record record;
    sw_status status = sw_manifest_parse_record(&a->arena, manifest, &record, err);
    if (status != SW_OK) sw_error_prefix(err, "%s", path);
    return status == SW_OK ? sw_agent_check_recipe(a, &record.compose, err) : status;
}

/* MAN-001: a folder with a manifest was complete. It is left as it is: approvals to open name this
 * manifest. Whether somebody took a file away since is looked at (MAN-093). */
static sw_status look_for_manifest(sw_agent *a, sw_run_result *out, sw_error *err) {
    char *path = sw_path_join(&a->arena, a->o->folder, "out/manifest.json");
    if (!path) return sw_fail(err, SW_MEMORY, "memory", "no memory for a path");
    if (!sw_path_exists(path)) return SW_OK;
    SW_SCOPED(sw_buffer) manifest = SW_BUFFER(MANIFEST_LIMIT);
    SW_TRY(sw_file_read(path, MANIFEST_LIMIT, &manifest, err));
    SW_TRY(check_manifest(a, path, sw_buffer_bytes(&manifest), err));
    SW_TRY(sw_agent_check_finished(a, err));
    SW_TRY(sw_manifest_digest(sw_buffer_bytes(&manifest), &out->manifest, err));
    out->finished_before = true;
    out->compose = a->compose;
    sw_agent_phase(a, "this run is finished: its folder holds a manifest, and nothing was done");
    return SW_OK;
}

sw_status sw_agent_measure(sw_agent *a, sw_error *err) {
    sw_agent_phase(a, a->command ? "copying the tree and the base model into private memory"
                                 : "measuring the trainer and the base model");
    int64_t begin = sw_agent_now_us(a);
    if (a->command) {
        SW_TRY(sw_agent_copy_tree(a, err));
    } else {
        SW_TRY(sw_agent_load_worker(a, err));
        SW_TRY(sw_agent_load_model(a, err));
    }
    SW_TRY(sw_agent_match_consents(a, a->o->consents, a->o->consent_count, err));
    SW_TRY(sw_agent_match_shards(a, err));
    SW_TRY(sw_agent_check_checkpoints(a, err));
    SW_TRY(sw_agent_check_kernel(a, err));
    a->account.attest_us += sw_agent_now_us(a) - begin;
    return SW_OK;
}

sw_status sw_agent_attest(sw_agent *a, sw_purpose purpose, sw_error *err) {
    sw_agent_phase(a, "attesting this machine and asking for the keys");
    int64_t begin = sw_agent_now_us(a);
    SW_TRY(sw_agent_boot(a, err));
    SW_TRY(sw_agent_take_keys(a, purpose, err));
    SW_TRY(sw_agent_derive(a, err));
    a->account.attest_us += sw_agent_now_us(a) - begin;
    return SW_OK;
}

/* After a stop: the lease's refusal is what the caller hears, with the way on. */
static sw_status stopped(const sw_agent *a, sw_error *err) {
    if (a->lease_status == SW_OK) return SW_OK;
    if (err) *err = a->lease_error;
    if (a->saved_step)
        sw_error_prefix(err, "stopped with a sealed checkpoint of step %llu",
                        (unsigned long long)a->saved_step);
    sw_error_hint(err, "when the reason is gone, the same command %s %s",
                  a->saved_step ? "resumes from" : "begins again in", a->o->folder);
    return a->lease_status;
}

/* The grant says whether it resumes, and no manifest verifies that says otherwise: checkpoints that
 * came or went while the keys were asked for end the run. */
static sw_status restore_as_granted(sw_agent *a, bool resumed, sw_error *err) {
    bool found;
    SW_TRY(sw_agent_restore(a, &found, err));
    if (found == resumed) return SW_OK;
    sw_status status =
        sw_fail(err, SW_REFUSED, "checkpoint",
                found ? "a checkpoint came into %s after the keys were asked for"
                      : "the checkpoints went out of %s after the keys were asked for",
                a->o->folder);
    sw_error_hint(err, "leave the folder alone and give the same command again, which asks for the "
                       "keys anew");
    return status;
}

static sw_status execute(sw_agent *a, sw_run_result *out, sw_error *err) {
    SW_TRY(sw_agent_prepare(a, err));
    SW_TRY(open_folder(a, err));
    out->simulated = a->recipe->policy.platform == SW_PLATFORM_SIM;
    SW_TRY(look_for_manifest(a, out, err));
    if (out->finished_before) return SW_OK;
    SW_TRY(sw_agent_measure(a, err));
    bool resumed;
    SW_TRY(sw_agent_has_checkpoint(a, &resumed, err));
    SW_TRY(sw_agent_attest(a, resumed ? SW_PURPOSE_RESUME : SW_PURPOSE_TRAIN, err));
    SW_TRY(restore_as_granted(a, resumed, err));
    SW_TRY(sw_agent_write_state(a, "unsealing", a->saved_step, err));
    sw_agent_phase(a, "unsealing and reading the shards");
    SW_TRY(a->command ? sw_agent_share_shards(a, err) : sw_agent_decode_shards(a, err));
    sw_agent_phase(a, resumed ? "training, from the newest checkpoint" : "training");
    sw_status trained = sw_agent_train(a, err);
    if (trained != SW_OK && a->lease_status == SW_OK) return trained;
    out->steps = trained == SW_OK ? a->step : a->saved_step;
    out->compose = a->compose;
    /* A worker that heeds no STOP, or heard it behind its last step, has finished nothing. */
    out->stopped = a->stopped || a->lease_status != SW_OK;
    out->account = a->account;
    if (out->stopped) return stopped(a, err);
    sw_agent_phase(a, "sealing the model and writing the manifest");
    sw_status finished = sw_agent_finish(a, &out->manifest, err);
    if (finished != SW_OK && a->lease_status != SW_OK) return stopped(a, err);
    if (finished != SW_OK) return sw_agent_fold_finish(a, finished, err);
    out->account = a->account;
    return SW_OK;
}

sw_agent *sw_agent_new(const sw_run_options *o) {
    sw_agent *a = calloc(1, sizeof *a);
    if (!a) return NULL;
    if (sw_verifier_open(NULL, &a->verifier, NULL) != SW_OK) {
        free(a);
        return NULL;
    }
    a->o = o;
    a->patience = SW_AGENT_PATIENCE;
    int *fds[] = {&a->lock_fd,      &a->image_fd,   &a->model_fd,  &a->rows_fd,
                  &a->worker_pidfd, &a->control_fd, &a->stream_fd, &a->metrics_fd};
    for (size_t i = 0; i < sizeof fds / sizeof fds[0]; i++) *fds[i] = -1;
    return a;
}

void sw_agent_drop(sw_agent **a) {
    wipe(*a);
    sw_wipe(*a, sizeof **a);
    free(*a);
    *a = NULL;
}

sw_status sw_run(const sw_run_options *o, sw_run_result *out, sw_error *err) {
    sw_agent *a = sw_agent_new(o);
    if (!a) return sw_fail(err, SW_MEMORY, "memory", "no memory for a run");
    sw_run_result result = {0};
    sw_status status = execute(a, &result, err);
    sw_agent_drop(&a);
    if (status == SW_OK) *out = result;
    return status;
}
