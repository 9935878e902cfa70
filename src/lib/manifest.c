/* SPDX-License-Identifier: Apache-2.0
 *
 * The installed interface: offline verification of a run's out folder. Contracts:
 * include/sealwright.h. The verification itself is a pure function of bytes (manifest/verify.c);
 * here the folder is read, once.
 */
#include "manifest/manifest.h"
#include "sys/files.h"
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_LIMIT ((size_t)256 << 20)
#define READ_LIMIT ((size_t)24 << 30) /* all files together */

/* A pipe would wait for its writer for ever. */
static sw_status check_regular(const char *path, sw_error *err) {
    struct stat st;
    if (stat(path, &st) != 0 || S_ISREG(st.st_mode)) return SW_OK; /* reading says what is wrong */
    return sw_fail(err, SW_IO, "io", "%s is not a regular file", path);
}

static sw_status read_file(sw_arena *a, const char *folder, const char *name, size_t limit,
                           sw_bytes *out, sw_error *err) {
    const char *path = sw_path_join(a, folder, name);
    SW_SCOPED(sw_buffer) content = SW_BUFFER(limit);
    if (path == NULL) return sw_fail(err, SW_MEMORY, "memory", "no memory for a path");
    SW_TRY(check_regular(path, err));
    SW_TRY(sw_file_read(path, limit, &content, err));
    sw_bytes copy = sw_arena_copy(a, sw_buffer_bytes(&content));
    if (copy.data == NULL && content.size > 0)
        return sw_fail(err, SW_MEMORY, "memory", "no memory for %s", name);
    *out = copy;
    return SW_OK;
}

static sw_status read_folder(sw_arena *a, const char *folder, sw_manifest_input *in,
                             sw_error *err) {
    SW_TRY(read_file(a, folder, "manifest.json", FILE_LIMIT, &in->manifest, err));
    SW_TRY(read_file(a, folder, "evidence.json", FILE_LIMIT, &in->evidence, err));
    SW_TRY(read_file(a, folder, "app-compose.json", FILE_LIMIT, &in->app_compose, err));
    SW_TRY(read_file(a, folder, "ledger.json", FILE_LIMIT, &in->ledger, err));
    return read_file(a, folder, "machine.pem", FILE_LIMIT, &in->machine_pem, err);
}

static void fill_verdict(sealwright_verdict *out, const sw_manifest_verdict *v) {
    sealwright_verdict made = {.ledger_index = v->ledger.index,
                               .time_ms = v->time_ms,
                               .steps = v->steps,
                               .simulated = v->simulated,
                               .model_compared = v->model_compared};
    memcpy(made.genesis, v->genesis.b, sizeof made.genesis);
    memcpy(made.compose, v->compose.b, sizeof made.compose);
    memcpy(made.manifest, v->digest.b, sizeof made.manifest);
    memcpy(made.ledger_head, v->ledger.hash.b, sizeof made.ledger_head);
    *out = made;
}

typedef struct caller {
    sealwright_link link;
    void *context;
} caller;

static void pass_link(void *context, const char *name, bool ok, const char *detail) {
    const caller *c = context;
    if (c->link != NULL) c->link(c->context, name, ok, detail);
}

static void open_metrics(sw_arena *a, const char *folder, int metrics[SW_OWNER_LIMIT]) {
    for (size_t i = 0; i < SW_OWNER_LIMIT; i++) {
        char name[32];
        (void)snprintf(name, sizeof name, "metrics-%zu.sealed", i + 1);
        const char *path = sw_path_join(a, folder, name);
        metrics[i] = path == NULL ? -1 : open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    }
}

static sw_status verify(sw_arena *a, const char *folder, const char *model, sw_manifest_input *in,
                        const sw_manifest_report *report, sw_manifest_verdict *verdict,
                        sw_error *err) {
    SW_TRY(read_folder(a, folder, in, err));
    if (model != NULL) SW_TRY(sw_manifest_read_model(a, model, in, err));
    const char *path = sw_path_join(a, folder, "model.sealed");
    if (path == NULL) return sw_fail(err, SW_MEMORY, "memory", "no memory for a path");
    int metrics[SW_OWNER_LIMIT];
    open_metrics(a, folder, metrics);
    in->metrics_fds = metrics;
    in->metrics_count = SW_OWNER_LIMIT;
    in->model_fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* absent: its link says so */
    sw_status status = sw_manifest_verify(in, report, verdict, err);
    if (in->model_fd >= 0) (void)close(in->model_fd);
    for (size_t i = 0; i < SW_OWNER_LIMIT; i++)
        if (metrics[i] >= 0) (void)close(metrics[i]);
    return status;
}

sw_status sealwright_manifest_verify(const char *folder, const uint8_t app[SEALWRIGHT_ID_BYTES],
                                     const char *model, sealwright_link link, void *context,
                                     sealwright_verdict *out, sw_error *err) {
    sw_arena arena = {.limit_bytes = READ_LIMIT};
    sw_manifest_input in = {.model_fd = -1};
    sw_manifest_verdict verdict;
    sw_hash expected;
    caller c = {link, context};
    const sw_manifest_report report = {&c, pass_link};
    if (app != NULL) {
        memcpy(expected.b, app, sizeof expected.b);
        in.app = &expected;
    }
    sw_status status = verify(&arena, folder, model, &in, &report, &verdict, err);
    sw_arena_free(&arena);
    if (status == SW_OK && out != NULL) fill_verdict(out, &verdict);
    return status;
}
