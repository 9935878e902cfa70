/* SPDX-License-Identifier: Apache-2.0
 *
 * The recipient's side of an opening: unseals front to back into a folder that has its name when
 * all of it is there and the container's end has been verified.
 */
#include "run/unpack.h"
#include "run/run.h"
#include "sys/files.h"
#include "sys/folder.h"
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

/* ---- a pack in pieces ---- */

static sw_status malformed(const sw_unpacker *u, sw_error *err) {
    return sw_fail(err, SW_MALFORMED, "format", "a pack of files is malformed near byte %llu",
                   (unsigned long long)u->offset);
}

static uint64_t number(const uint8_t *at, size_t bytes) {
    uint64_t v = 0;
    for (size_t i = 0; i < bytes; i++) v = v << 8 | at[i];
    return v;
}

static sw_status end_file(sw_unpacker *u, sw_error *err) {
    u->inside = false;
    return u->sink.end(u->sink.context, err);
}

/* The head of a file is whole. */
static sw_status begin_file(sw_unpacker *u, size_t name_bytes, sw_error *err) {
    const sw_bytes name = SW_BYTES(u->head + 4, name_bytes);
    bool good = sw_pack_name_fits(name) && u->count < SW_PACK_FILE_LIMIT;
    for (size_t i = 0; good && i < u->count; i++) good = !sw_bytes_is(name, u->names[i]);
    if (!good) return malformed(u, err);
    char *kept = u->names[u->count++];
    memcpy(kept, name.data, name_bytes);
    kept[name_bytes] = 0;
    u->left = number(u->head + 4 + name_bytes, 8);
    u->head_bytes = 0;
    u->inside = true;
    SW_TRY(u->sink.begin(u->sink.context, kept, err));
    return u->left ? SW_OK : end_file(u, err);
}

static sw_status take_head(sw_unpacker *u, uint8_t byte, sw_error *err) {
    u->head[u->head_bytes++] = byte;
    u->offset++;
    if (u->head_bytes < 4) return SW_OK;
    uint64_t name_bytes = number(u->head, 4);
    if (name_bytes > SW_PACK_NAME_LIMIT) return malformed(u, err);
    if (name_bytes == 0) u->ended = true;
    if (u->ended || u->head_bytes < 4 + name_bytes + 8) return SW_OK;
    return begin_file(u, (size_t)name_bytes, err);
}

static sw_status take_content(sw_unpacker *u, sw_bytes *in, sw_error *err) {
    size_t size = u->left < in->size ? (size_t)u->left : in->size;
    SW_TRY(u->sink.content(u->sink.context, SW_BYTES(in->data, size), err));
    in->data += size;
    in->size -= size;
    u->offset += size;
    u->left -= size;
    return u->left ? SW_OK : end_file(u, err);
}

/* Behind the end only zeros may follow. */
static sw_status take_padding(sw_unpacker *u, sw_bytes *in, sw_error *err) {
    for (; in->size; in->data++, in->size--, u->offset++)
        if (in->data[0]) return malformed(u, err);
    return SW_OK;
}

sw_status sw_unpack_take(sw_unpacker *u, sw_bytes in, sw_error *err) {
    while (in.size) {
        if (u->ended) {
            SW_TRY(take_padding(u, &in, err));
        } else if (u->inside) {
            SW_TRY(take_content(u, &in, err));
        } else {
            SW_TRY(take_head(u, in.data[0], err));
            in.data++;
            in.size--;
        }
    }
    return SW_OK;
}

sw_status sw_unpack_finish(const sw_unpacker *u, sw_error *err) {
    return u->ended ? SW_OK : malformed(u, err);
}

/* ---- into a folder ---- */

typedef struct filler {
    sw_arena arena;
    const char *folder;
    sw_output *output; /* of the file that is open, or NULL */
} filler;

static sw_status begin(void *context, const char *name, sw_error *err) {
    filler *f = context;
    char *path = sw_path_join(&f->arena, f->folder, name);
    if (!path) return sw_fail(err, SW_MEMORY, "memory", "no memory for a path");
    return sw_output_open(path, 0644, SW_WRITE_NEW, &f->output, err);
}

static sw_status content(void *context, sw_bytes part, sw_error *err) {
    return sw_output_write(((filler *)context)->output, part, err);
}

static sw_status end(void *context, sw_error *err) {
    return sw_output_commit(&((filler *)context)->output, err);
}

static sw_status take(void *context, sw_bytes plain, sw_error *err) {
    return sw_unpack_take(context, plain, err);
}

static sw_status fill(int fd, const sw_encryption_key *recipient, const char *folder,
                      sw_error *err) {
    filler f = {.folder = folder};
    sw_unpacker u = {.sink = {&f, begin, content, end}};
    const sw_unseal_keys keys = {.recipient = recipient};
    sw_container_trailer trailer;
    sw_status status = sw_unseal_fd(fd, &keys, 1, take, &u, &trailer, err);
    if (status == SW_OK) status = sw_unpack_finish(&u, err);
    sw_output_abort(&f.output);
    sw_arena_free(&f.arena);
    return status;
}

/* The folder has its name when all of it is there; what does not verify, and a disk that fills up,
 * leave nothing. */
static sw_status fill_draft(int fd, const sw_encryption_key *recipient, const char *folder,
                            sw_error *err) {
    sw_draft draft;
    SW_SCOPED(sw_arena) arena = {0};
    SW_TRY(sw_folder_draft(&arena, folder, NULL, 0755, &draft, err));
    sw_status status = fill(fd, recipient, draft.path, err);
    if (status == SW_OK) status = sw_draft_publish(&draft, folder, err);
    sw_draft_discard(&draft);
    return status;
}

sw_status sw_run_unpack(const char *opened, const sw_encryption_key *recipient, const char *folder,
                        sw_error *err) {
    if (sw_path_exists(folder))
        return sw_fail(err, SW_EXISTS, "exists", "%s exists already", folder);
    int fd = open(opened, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) return sw_fail(err, SW_MISSING, "missing", "%s cannot be opened", opened);
    sw_status status = fill_draft(fd, recipient, folder, err);
    close(fd);
    return status;
}
