/* SPDX-License-Identifier: Apache-2.0
 *
 * The states of plain training (docs/formats/training.md, CKP-030 to CKP-033). The curve is written
 * before the state, so it has at least the state's steps whenever a run is killed.
 */
#include "cli/plain_state.h"
#include "crypto/crypto.h"
#include "sys/files.h"
#include "sys/folder.h"
#include <inttypes.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define STATE_LIMIT  ((size_t)1 << 44)
#define CURVE_LIMIT  ((size_t)4 << 30)
#define FOLDER_END   ".state"
#define WEIGHTS_END  ".safetensors"
#define INDEX        "model.safetensors.index.json"
#define OTHERS_HINT  "remove %s to begin anew, or run the command that wrote it"
#define DAMAGED_HINT "remove %s to begin anew, or bring it back from a copy"

static sw_status name_paths(sw_arena *a, const char *out, sw_plain_state *s, sw_error *err) {
    size_t size = strlen(out);
    while (size > 1 && out[size - 1] == '/') size--;
    char *folder = sw_arena_alloc(a, size + sizeof FOLDER_END, 1);
    if (folder) {
        memcpy(folder, out, size);
        memcpy(folder + size, FOLDER_END, sizeof FOLDER_END);
        s->folder = folder;
        s->state_path = sw_path_join(a, folder, "state");
        s->curve_path = sw_path_join(a, folder, "curve");
    }
    if (folder && s->state_path && s->curve_path) return SW_OK;
    return sw_fail(err, SW_MEMORY, "memory", "no memory for a path");
}

/* CKP-032: what else lies in the folder may change. */
static bool is_read(const char *name, sw_bytes index) {
    size_t size = strlen(name), end = sizeof WEIGHTS_END - 1;
    if (size > end && strcmp(name + size - end, WEIGHTS_END) == 0)
        return !sw_model_leaves_aside(index, name);
    return strcmp(name, "config.json") == 0 || strcmp(name, INDEX) == 0 || sw_train_copies(name);
}

/* A state names the model's shape alone; here nobody has locked its files. */
static sw_status digest_model(const sw_plain_model *m, sw_hash *out, sw_error *err) {
    sw_sha256_stream *stream = sw_sha256_open();
    if (!stream) return sw_fail(err, SW_MEMORY, "memory", "no memory for a digest");
    sw_bytes index = {0};
    for (size_t i = 0; i < m->file_count; i++)
        if (strcmp(m->files[i].name, INDEX) == 0) index = m->files[i].bytes;
    for (size_t i = 0; i < m->file_count; i++) {
        if (!is_read(m->files[i].name, index)) continue;
        sw_hash one;
        sw_sha256(&one, m->files[i].bytes);
        sw_sha256_add(stream, SW_BYTES_OF(one.b));
        sw_plain_release(NULL, m->files[i].bytes);
    }
    sw_sha256_close(&stream, out);
    return SW_OK;
}

/* Points behind which their SHA-256 stands: a changed bit would be drawn as a loss. */
static sw_status parse_curve(sw_cli *cli, sw_plain_state *s, sw_bytes file, sw_hash *of,
                             sw_error *err) {
    sw_hash is;
    if (file.size < SW_HASH_BYTES)
        return sw_fail(err, SW_MALFORMED, "format", "the steps so far are damaged");
    sw_bytes points = {file.data, file.size - SW_HASH_BYTES};
    sw_sha256(&is, points);
    if (memcmp(is.b, points.data + points.size, SW_HASH_BYTES) != 0)
        return sw_fail(err, SW_MALFORMED, "format", "the steps so far are damaged");
    size_t held = points.size / sizeof *s->points; /* a step that lies beyond them is refused */
    s->points = SW_ARENA_NEW(sw_cli_arena(cli), sw_curve_point, held + 1);
    if (!s->points) return sw_fail(err, SW_MEMORY, "memory", "no memory for the curve");
    return sw_curve_parse(points, s->kept, of, s->points, err);
}

static sw_status read_curve(sw_cli *cli, sw_plain_state *s, sw_error *err) {
    sw_hash of;
    sw_bytes curve;
    SW_TRY(sw_plain_map(cli, s->curve_path, CURVE_LIMIT, &curve, err));
    sw_status status = parse_curve(cli, s, curve, &of, err);
    if (curve.size) munmap((void *)(uintptr_t)curve.data, curve.size);
    if (status != SW_OK) sw_error_prefix(err, "%s", s->curve_path);
    SW_TRY(status);
    if (sw_hash_equal(&of, &s->model)) return SW_OK;
    return sw_fail(err, SW_REFUSED, "checkpoint", "%s belongs to a base model of other bytes",
                   s->curve_path);
}

/* The state first: whether the curve has all of its steps is told by a state that is whole. */
static sw_status read_both(sw_cli *cli, const sw_train_job *job, sw_plain_state *s, sw_error *err) {
    sw_train_job resumed = *job;
    SW_TRY(sw_plain_map(cli, s->state_path, STATE_LIMIT, &s->resume, err));
    if (s->resume.size == 0)
        return sw_fail(err, SW_MALFORMED, "format", "%s is empty", s->state_path);
    resumed.resume = s->resume;
    sw_status status = sw_train_check_resume(&resumed, &s->kept, err);
    if (status != SW_OK) sw_error_prefix(err, "%s", s->state_path);
    return status == SW_OK ? read_curve(cli, s, err) : status;
}

sw_status sw_plain_state_open(sw_cli *cli, const char *out, const sw_plain_model *m,
                              const sw_train_job *job, sw_plain_state *s, sw_error *err) {
    *s = (sw_plain_state){.keeps = job->settings->save_steps > 0};
    SW_TRY(name_paths(sw_cli_arena(cli), out, s, err));
    if (s->keeps && sw_path_exists(s->folder)) SW_TRY(sw_folder_usable(s->folder, err));
    bool there = sw_path_exists(s->state_path);
    if (!s->keeps && !there) return SW_OK;
    SW_TRY(digest_model(m, &s->model, err));
    if (!there) return SW_OK;
    sw_status status = read_both(cli, job, s, err);
    if (status == SW_OK) return SW_OK;
    if (status != SW_MEMORY)
        sw_error_hint(err, status == SW_REFUSED ? OTHERS_HINT : DAMAGED_HINT, s->folder);
    sw_plain_state_unmap(s);
    return status;
}

sw_status sw_plain_state_write(sw_plain_state *s, const sw_curve *curve, sw_bytes state,
                               sw_error *err) {
    if (!s->keeps) return SW_OK;
    uint64_t step = sw_train_state_step(state);
    if (curve->count != step)
        return sw_fail(err, SW_MEMORY, "memory", "no memory for the curve of %" PRIu64 " steps",
                       step);
    SW_SCOPED(sw_buffer) points = SW_BUFFER(CURVE_LIMIT);
    sw_hash digest;
    sw_curve_put(curve, &s->model, &points);
    sw_sha256(&digest, sw_buffer_bytes(&points));
    sw_put_bytes(&points, SW_BYTES_OF(digest.b));
    SW_TRY(sw_buffer_check(&points, "curve", err));
    if (!sw_path_exists(s->folder)) SW_TRY(sw_folder_make(s->folder, 0700, err));
    SW_TRY(sw_file_write(s->curve_path, sw_buffer_bytes(&points), 0600, SW_WRITE_REPLACE, err));
    SW_TRY(sw_file_write(s->state_path, state, 0600, SW_WRITE_REPLACE, err));
    s->kept = step;
    return SW_OK;
}

void sw_plain_state_hint(const sw_plain_state *s, sw_error *err) {
    bool stopped = strcmp(err->word, "stopped") == 0;
    if (s->kept && stopped)
        sw_error_hint(err,
                      "the state of step %" PRIu64 " is kept: the same command goes on from %s",
                      s->kept, s->folder);
    else if (s->kept)
        sw_error_hint(err, "the state of step %" PRIu64 " is kept in %s", s->kept, s->folder);
    else if (stopped || strcmp(err->word, "diverged") == 0)
        sw_error_hint(err, "nothing is kept%s",
                      s->keeps ? ": no state was written yet" : ": the recipe has no save_steps");
}

void sw_plain_state_unmap(sw_plain_state *s) {
    if (s->resume.size) munmap((void *)(uintptr_t)s->resume.data, s->resume.size);
    s->resume = (sw_bytes){0};
}

void sw_plain_state_remove(const sw_plain_state *s) {
    if (!sw_path_exists(s->folder)) return;
    (void)unlink(s->state_path);
    (void)unlink(s->curve_path);
    (void)rmdir(s->folder); /* what is not ours stays */
}
