/* SPDX-License-Identifier: Apache-2.0
 *
 * Checkpoints: the worker's state and the agent's own record, sealed together under the run key,
 * atomically, the two newest kept.
 *
 * What the agent will write into the manifest travels inside the sealed checkpoint, not in
 * state.json: the host may delete a checkpoint or bring back an older one (the run then redoes
 * those steps, to the same bytes), it cannot change what was seen. state.json only refuses another
 * recipe early.
 */
#include "codec/json.h"
#include "codec/text.h"
#include "run/agent.h"
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define STATE_LIMIT ((size_t)64 << 10)
static const char media_type[] = "application/vnd.sealwright.pack";

/* ---- files ---- */

static char *checkpoint_path(const sw_agent *a, uint64_t step) {
    char name[48];
    snprintf(name, sizeof name, "checkpoint-%06" PRIu64 ".sealed", step);
    return sw_path_join((sw_arena *)&a->arena, a->o->folder, name);
}

static bool checkpoint_step(const char *name, uint64_t *step) {
    size_t size = strlen(name);
    if (size < 24 || strncmp(name, "checkpoint-", 11) != 0 ||
        strcmp(name + size - 7, ".sealed") != 0)
        return false;
    *step = 0;
    for (size_t i = 11; i < size - 7; i++) {
        if (name[i] < '0' || name[i] > '9' || *step > UINT32_MAX) return false;
        *step = 10 * *step + (uint64_t)(name[i] - '0');
    }
    return true;
}

/* Steps of the checkpoints in the folder, ascending; of a replay, those before its first step. */
static sw_status list_checkpoints(const sw_agent *a, sw_arena *arena, uint64_t **steps,
                                  size_t *count, sw_error *err) {
    const char **names;
    size_t found = 0;
    *count = 0;
    if (!a->o->folder) return SW_OK;
    SW_TRY(sw_folder_list(arena, a->o->folder, 10000, &names, &found, err));
    *steps = SW_ARENA_NEW(arena, uint64_t, found + 1);
    if (!*steps) return sw_fail(err, SW_MEMORY, "memory", "no memory to list checkpoints");
    for (size_t i = 0; i < found; i++) {
        uint64_t step;
        if (!checkpoint_step(names[i], &step)) continue;
        if (a->replay && step >= a->replay->first) continue;
        size_t at = (*count)++;
        for (; at > 0 && (*steps)[at - 1] > step; at--) (*steps)[at] = (*steps)[at - 1];
        (*steps)[at] = step;
    }
    return SW_OK;
}

sw_status sw_agent_has_checkpoint(const sw_agent *a, bool *out, sw_error *err) {
    SW_SCOPED(sw_arena) arena = {0};
    uint64_t *steps;
    size_t count = 0;
    SW_TRY(list_checkpoints(a, &arena, &steps, &count, err));
    *out = count > 0;
    return SW_OK;
}

/* Without a look at the lease: the last state is sealed also when it has just ended (WRK-052), and
 * to open it takes another grant. */
static sw_status to_output(void *context, sw_bytes bytes, sw_error *err) {
    return sw_output_write((sw_output *)context, bytes, err);
}

/* Keeps the two newest; a missing file is no error. */
static void drop_old(const sw_agent *a) {
    SW_SCOPED(sw_arena) arena = {0};
    uint64_t *steps;
    size_t count = 0;
    if (list_checkpoints(a, &arena, &steps, &count, NULL) != SW_OK) return;
    for (size_t i = 0; i + 2 < count; i++) {
        char *path = checkpoint_path(a, steps[i]);
        if (path) unlink(path);
    }
}

/* WRK-040: chain value after `step`. Only states at steps that the recipe fixes enter the chain, so
 * that a run that was interrupted has the same chain. */
sw_status sw_agent_extend_chain(sw_agent *a, uint64_t step, const sw_hash *state, sw_error *err) {
    if (a->link_count == SW_MANIFEST_CHECKPOINT_LIMIT)
        return sw_fail(err, SW_LIMIT, "limit", "more checkpoints than a manifest lists");
    uint8_t number[8];
    for (int i = 0; i < 8; i++) number[i] = (uint8_t)(step >> (56 - 8 * i));
    static const sw_hash none;
    const sw_hash *before = a->link_count ? &a->links[a->link_count - 1].value : &none;
    const sw_bytes fields[3] = {SW_BYTES_OF(before->b), SW_BYTES_OF(number), SW_BYTES_OF(state->b)};
    sw_manifest_link *link = &a->links[a->link_count++];
    link->step = step;
    sw_agent_commit(a, &link->value, "sealwright/step/v1", fields, 3);
    return SW_OK;
}

static sw_status pad(sw_sealer *sealer, uint64_t count, sw_error *err) {
    static const uint8_t zeros[65536];
    for (; count; count -= count < sizeof zeros ? count : sizeof zeros)
        SW_TRY(sw_sealer_add(
            sealer, SW_BYTES(zeros, count < sizeof zeros ? (size_t)count : sizeof zeros), err));
    return SW_OK;
}

/* record, state, end, zeros: always checkpoint_limit_bytes in all, so that its size says nothing.
 */
static sw_status seal_content(const sw_agent *a, sw_sealer *sealer, sw_bytes record, sw_bytes state,
                              sw_error *err) {
    SW_SCOPED(sw_buffer) head = SW_BUFFER(SW_AGENT_RECORD_LIMIT + 4096);
    sw_pack_add(&head, "record.json", record);
    sw_put_field(&head, SW_LITERAL("state"));
    sw_put_u64be(&head, state.size);
    SW_TRY(sw_buffer_check(&head, "checkpoint", err));
    uint64_t total = (uint64_t)head.size + state.size + 4;
    if (total > a->recipe->checkpoint_limit_bytes)
        return sw_fail(err, SW_LIMIT, "limit",
                       "a checkpoint takes more than the recipe's checkpoint_limit");
    SW_TRY(sw_sealer_add(sealer, sw_buffer_bytes(&head), err));
    SW_TRY(sw_sealer_add(sealer, state, err));
    return pad(sealer, a->recipe->checkpoint_limit_bytes - total + 4, err);
}

static sw_status write_sealed(const sw_agent *a, uint64_t step, sw_bytes record, sw_bytes state,
                              sw_container_trailer *trailer, sw_error *err) {
    char *path = checkpoint_path(a, step);
    if (!path) return sw_fail(err, SW_MEMORY, "memory", "no memory for a path");
    sw_output *output;
    SW_TRY(sw_output_open(path, 0600, SW_WRITE_REPLACE, &output, err));
    const sw_seal_plan plan = {.kind = SW_CONTAINER_CHECKPOINT,
                               .media_type = media_type,
                               .subkey = a->checkpoint_key,
                               .binding = {a->compose, step, a->previous_root},
                               .lanes = 1,
                               .entropy = &a->o->entropy,
                               .write = to_output,
                               .context = output};
    sw_sealer *sealer = NULL;
    sw_status status = sw_sealer_open(&plan, &sealer, err);
    if (status == SW_OK) status = seal_content(a, sealer, record, state, err);
    if (status == SW_OK) status = sw_sealer_finish(sealer, trailer, NULL, err);
    sw_sealer_close(&sealer);
    if (status != SW_OK) {
        sw_output_abort(&output);
        return status;
    }
    return sw_output_commit(&output, err);
}

sw_status sw_agent_save(sw_agent *a, uint64_t step, sw_bytes state, bool in_chain, sw_error *err) {
    int64_t start = sw_agent_now_us(a);
    if (in_chain) {
        sw_hash digest;
        sw_sha256(&digest, state);
        SW_TRY(sw_agent_extend_chain(a, step, &digest, err));
    }
    SW_SCOPED(sw_buffer) record = SW_BUFFER(SW_AGENT_RECORD_LIMIT);
    SW_TRY(sw_agent_encode_record(a, step, &record, err));
    sw_container_trailer trailer;
    SW_TRY(write_sealed(a, step, sw_buffer_bytes(&record), state, &trailer, err));
    a->previous_root = trailer.root_id;
    a->saved_step = step;
    if (in_chain) a->checkpoints[a->checkpoint_count++] = (sw_manifest_link){step, trailer.root_id};
    drop_old(a);
    a->account.seal_us += sw_agent_now_us(a) - start;
    return sw_agent_write_state(a, "training", step, err);
}

/* ---- resuming ---- */

static sw_status collect(void *context, sw_bytes plain, sw_error *err) {
    sw_put_bytes(context, plain);
    return sw_buffer_check(context, "checkpoint", err);
}

/* What can be seen without a key: a checkpoint of this run and step, whole and unchanged; of a
 * replay, the one that the manifest names. */
static sw_status inspect(const sw_agent *a, sw_arena *arena, int fd, uint64_t step,
                         sw_container_body *body, sw_container_trailer *trailer, sw_error *err) {
    SW_TRY(sw_container_inspect(arena, fd, NULL, body, trailer, err));
    if (body->kind != SW_CONTAINER_CHECKPOINT || body->binding.step != step ||
        !sw_hash_equal(&body->binding.compose, &a->compose) ||
        (a->replay && !sw_agent_names_checkpoint(a->replay, step, &trailer->root_id))) {
        sw_status status =
            sw_fail(err, SW_REFUSED, "checkpoint", "this is not a checkpoint of this run");
        sw_error_hint(err, "give another --run folder, or take it away");
        return status;
    }
    return lseek(fd, 0, SEEK_SET) == 0
               ? SW_OK
               : sw_fail(err, SW_IO, "io", "the checkpoint cannot be read again");
}

static sw_status look_at(sw_agent *a, int fd, uint64_t step, sw_error *err) {
    SW_SCOPED(sw_arena) arena = {0};
    sw_container_body body;
    sw_container_trailer trailer;
    return inspect(a, &arena, fd, step, &body, &trailer, err);
}

static sw_status restore_from(sw_agent *a, int fd, uint64_t step, sw_error *err) {
    SW_SCOPED(sw_arena) arena = {0};
    SW_SCOPED(sw_buffer) plain = SW_BUFFER((size_t)a->recipe->checkpoint_limit_bytes);
    sw_container_body body;
    sw_container_trailer trailer;
    sw_hash body_id;
    SW_TRY(inspect(a, &arena, fd, step, &body, &trailer, err));
    sw_sha256(&body_id, body.encoded);
    const sw_hash root_id = trailer.root_id; /* of what was looked at, and no other file's */
    const sw_unseal_keys keys = {.subkey = a->checkpoint_key,
                                 .binding = &body.binding,
                                 .root_id = &root_id,
                                 .body_id = &body_id};
    SW_TRY(sw_unseal_fd(fd, &keys, 1, collect, &plain, &trailer, err));
    sw_packed files[2];
    size_t count = 0;
    SW_TRY(sw_pack_parse(sw_buffer_bytes(&plain), files, 2, &count, err));
    if (count != 2 || !sw_bytes_is(files[0].name, "record.json") ||
        !sw_bytes_is(files[1].name, "state"))
        return sw_fail(err, SW_MALFORMED, "format", "it holds something else than a checkpoint");
    SW_TRY(sw_agent_decode_record(a, files[0].content, err));
    a->resume = SW_BUFFER(files[1].content.size + 1);
    sw_put_bytes(&a->resume, files[1].content);
    SW_TRY(sw_buffer_check(&a->resume, "checkpoint", err));
    /* The record was written before its own root was known. */
    bool listed = a->link_count > a->checkpoint_count;
    if (listed) a->checkpoints[a->checkpoint_count++] = (sw_manifest_link){step, trailer.root_id};
    a->previous_root = trailer.root_id;
    a->step = a->saved_step = step;
    a->resumes++;
    return SW_OK;
}

typedef sw_status checkpoint_use(sw_agent *a, int fd, uint64_t step, sw_error *err);

static sw_status use_file(sw_agent *a, uint64_t step, checkpoint_use *use, sw_error *err) {
    char *path = checkpoint_path(a, step);
    if (!path) return sw_fail(err, SW_MEMORY, "memory", "no memory for a path");
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) return sw_fail(err, SW_MISSING, "missing", "%s cannot be opened", path);
    sw_status status = use(a, fd, step, err);
    close(fd);
    if (status == SW_OK) return SW_OK;
    sw_error_prefix(err, "%s", path);
    if (err && !err->hint[0])
        sw_error_hint(err, "no checkpoint here can be used: bring one back from a copy, or remove "
                           "them, and the same command begins again from the start");
    return status;
}

/* The newest checkpoint of which that holds; a newer one of which it does not is passed over (the
 * run then redoes those steps). The error is the oldest one's. */
static sw_status use_newest(sw_agent *a, checkpoint_use *use, bool *found, sw_error *err) {
    SW_SCOPED(sw_arena) arena = {0};
    uint64_t *steps;
    size_t count = 0;
    SW_TRY(list_checkpoints(a, &arena, &steps, &count, err));
    *found = false;
    sw_status last = SW_OK;
    while (count-- > 0 && !*found) {
        sw_error why = {0};
        last = use_file(a, steps[count], use, &why);
        *found = last == SW_OK;
        if (!*found && err) *err = why;
    }
    return *found ? SW_OK : last;
}

sw_status sw_agent_check_checkpoints(sw_agent *a, sw_error *err) {
    bool found;
    return use_newest(a, look_at, &found, err);
}

sw_status sw_agent_restore(sw_agent *a, bool *found, sw_error *err) {
    return use_newest(a, restore_from, found, err);
}

/* ---- state.json: a hint for people and an early refusal, never believed ---- */

sw_status sw_agent_write_state(sw_agent *a, const char *phase, uint64_t step, sw_error *err) {
    SW_SCOPED(sw_arena) arena = {0};
    sw_json *root = sw_json_make(&arena, SW_JSON_OBJECT);
    sw_json_add_text(&arena, root, "kind", SW_LITERAL("sealwright/run-state/v1"));
    sw_json_add_hex(&arena, root, "compose_hash", SW_BYTES_OF(a->compose.b));
    sw_json_add_text(&arena, root, "phase", sw_text(phase));
    sw_json_add_integer(&arena, root, "step", (int64_t)step);
    sw_json_add_integer(&arena, root, "total_steps", (int64_t)a->total_steps);
    SW_SCOPED(sw_buffer) text = SW_BUFFER(STATE_LIMIT);
    sw_json_encode(&text, root);
    SW_TRY(sw_buffer_check(&text, "state.json", err));
    char *path = sw_path_join(&a->arena, a->o->folder, "state.json");
    if (!path) return sw_fail(err, SW_MEMORY, "memory", "no memory for a path");
    return sw_file_write(path, sw_buffer_bytes(&text), 0600, SW_WRITE_REPLACE, err);
}

sw_status sw_agent_check_recipe(const sw_agent *a, const sw_hash *compose, sw_error *err) {
    if (sw_hash_equal(compose, &a->compose)) return SW_OK;
    sw_status status =
        sw_fail(err, SW_REFUSED, "recipe", "%s belongs to a run of another recipe", a->o->folder);
    sw_error_hint(err, "give another --run folder");
    return status;
}

sw_status sw_agent_check_state(sw_agent *a, sw_error *err) {
    char *path = sw_path_join(&a->arena, a->o->folder, "state.json");
    if (!path) return sw_fail(err, SW_MEMORY, "memory", "no memory for a path");
    if (!sw_path_exists(path)) return SW_OK;
    SW_SCOPED(sw_buffer) text = SW_BUFFER(STATE_LIMIT);
    SW_TRY(sw_file_read(path, STATE_LIMIT, &text, err));
    SW_SCOPED(sw_arena) arena = {0};
    sw_json *root;
    sw_status status = sw_json_parse(&arena, sw_buffer_bytes(&text), NULL, &root, err);
    sw_hash compose = {0};
    if (status == SW_OK) status = sw_json_hash(root, "state", "compose_hash", &compose, err);
    if (status != SW_OK) {
        sw_error_prefix(err, "%s", path);
        return status;
    }
    return sw_agent_check_recipe(a, &compose, err);
}
