/* SPDX-License-Identifier: Apache-2.0
 *
 * The installed interface: sealing. Contracts: include/sealwright.h.
 * Invariant: whoever learns of success finds the data key in the owner's keyring.
 */
#include "lib/lib_internal.h"
#include "sys/files.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct sealwright_sealer {
    sealwright_identity *owner;
    sealwright_write write;
    void *context;
    char media_type[SW_MEDIA_TYPE_LIMIT + 1];
    sw_data_key *data_key;
    sw_sealer *sealer;
};

static sw_status check_media_type(const char *media_type, sw_error *err) {
    if (media_type == NULL) return sw_fail(err, SW_USAGE, "usage", "a media type is missing");
    if (strlen(media_type) <= SW_MEDIA_TYPE_LIMIT) return SW_OK;
    return sw_fail(err, SW_LIMIT, "limit", "a media type has at most %d bytes",
                   SW_MEDIA_TYPE_LIMIT);
}

static sw_status make_plan(sealwright_identity *owner, const char *media_type, size_t threads,
                           sw_seal_plan *plan, sw_error *err) {
    *plan = (sw_seal_plan){.kind = SW_CONTAINER_DATASET,
                           .media_type = media_type,
                           .count_rows = strcmp(media_type, "application/jsonl") == 0,
                           .entropy = &owner->entropy};
    SW_TRY(sw_lib_threads(threads, &plan->lanes, err));
    return sw_identity_signing_key(owner->identity, &plan->owner, err);
}

/* ---- by stream ---- */

static sw_status pass_on(void *context, sw_bytes bytes, sw_error *err) {
    const sealwright_sealer *s = context;
    return s->write(s->context, bytes.data, bytes.size, err);
}

static sw_status open_sealer(sealwright_sealer *s, const char *media_type, size_t threads,
                             sw_error *err) {
    sw_seal_plan plan;
    SW_TRY(check_media_type(media_type, err));
    memcpy(s->media_type, media_type, strlen(media_type));
    SW_TRY(make_plan(s->owner, s->media_type, threads, &plan, err));
    s->data_key = sw_data_key_new();
    if (s->data_key == NULL)
        return sw_fail(err, SW_MEMORY, "memory", "no lockable memory for a key");
    plan.write = pass_on;
    plan.context = s;
    return sw_sealer_open(&plan, &s->sealer, err);
}

sw_status sealwright_sealer_open(sealwright_identity *owner, const char *media_type, size_t threads,
                                 sealwright_write write, void *context, sealwright_sealer **out,
                                 sw_error *err) {
    sealwright_sealer *s = calloc(1, sizeof *s);
    if (s == NULL) return sw_fail(err, SW_MEMORY, "memory", "no memory for a sealer");
    s->owner = owner;
    s->write = write;
    s->context = context;
    sw_status status = open_sealer(s, media_type, threads, err);
    if (status == SW_OK)
        *out = s;
    else
        sealwright_sealer_close(&s);
    return status;
}

sw_status sealwright_sealer_add(sealwright_sealer *sealer, const void *bytes, size_t size,
                                sw_error *err) {
    return sw_sealer_add(sealer->sealer, SW_BYTES(bytes, size), err);
}

sw_status sealwright_sealer_finish(sealwright_sealer *s, sealwright_dataset *out, sw_error *err) {
    sw_container_trailer trailer;
    SW_TRY(sw_sealer_finish(s->sealer, &trailer, s->data_key, err));
    SW_TRY(sw_identity_store_data_key(s->owner->identity, &trailer.root_id, s->data_key, err));
    if (out != NULL)
        sw_lib_dataset(out, &sw_identity_card(s->owner->identity)->id, s->media_type, &trailer);
    return SW_OK;
}

void sealwright_sealer_close(sealwright_sealer **sealer) {
    sealwright_sealer *s = *sealer;
    if (s == NULL) return;
    sw_sealer_close(&s->sealer);
    sw_data_key_drop(&s->data_key);
    free(s);
    *sealer = NULL;
}

/* ---- by file ---- */

static sw_status write_output(void *context, sw_bytes bytes, sw_error *err) {
    return sw_output_write(context, bytes, err);
}

static sw_status seal_fd(sealwright_identity *owner, sw_seal_plan *plan, int fd, sw_output *output,
                         sw_container_trailer *trailer, sw_error *err) {
    SW_SCOPED_SECRET(sw_data_key) key = sw_data_key_new();
    if (key == NULL) return sw_fail(err, SW_MEMORY, "memory", "no lockable memory for a key");
    plan->write = write_output;
    plan->context = output;
    SW_TRY(sw_seal_fd(plan, fd, trailer, key, NULL, NULL, err));
    return sw_identity_store_data_key(owner->identity, &trailer->root_id, key, err);
}

static sw_status seal_into(sealwright_identity *owner, sw_seal_plan *plan, int fd, const char *to,
                           sw_container_trailer *trailer, sw_error *err) {
    sw_output *output = NULL;
    SW_TRY(sw_output_open(to, 0644, SW_WRITE_NEW, &output, err));
    sw_status status = seal_fd(owner, plan, fd, output, trailer, err);
    if (status == SW_OK) return sw_output_commit(&output, err);
    sw_output_abort(&output);
    return status;
}

sw_status sealwright_seal_file(sealwright_identity *owner, const char *from, const char *to,
                               const char *media_type, size_t threads, sealwright_dataset *out,
                               sw_error *err) {
    sw_seal_plan plan;
    sw_container_trailer trailer;
    SW_TRY(check_media_type(media_type, err));
    SW_TRY(make_plan(owner, media_type, threads, &plan, err));
    int fd = open(from, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0 && errno == ENOENT)
        return sw_fail(err, SW_MISSING, "missing", "%s is not there", from);
    if (fd < 0) return sw_fail(err, SW_IO, "io", "%s: %s", from, strerror(errno));
    sw_status status = seal_into(owner, &plan, fd, to, &trailer, err);
    (void)close(fd);
    if (status == SW_OK && out != NULL)
        sw_lib_dataset(out, &sw_identity_card(owner->identity)->id, media_type, &trailer);
    return status;
}
