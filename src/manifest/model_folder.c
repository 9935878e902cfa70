/* SPDX-License-Identifier: Apache-2.0
 *
 * The opened folder as a verifier wants it (MAN-071): the digest and size of each file, and the
 * bytes of the three that are read. A model may be larger than memory, so the rest passes through.
 */
#include "manifest/manifest_internal.h"
#include "sys/files.h"
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PART_BYTES = 1 << 18 };

/* How many bytes of it are kept; 0: none. */
static size_t kept_limit(const char *name) {
    if (strcmp(name, SW_MODEL_FACTS_NAME) == 0) return (size_t)1 << 20;
    if (strcmp(name, SW_MODEL_SIGNATURE_NAME) == 0) return (size_t)4 << 20;
    return strcmp(name, SW_MANIFEST_CLAIMS_NAME) == 0 ? SW_MANIFEST_CLAIMS_LIMIT : 0;
}

static sw_status pass(int fd, sw_sha256_stream *hash, sw_buffer *kept, uint64_t *size,
                      sw_error *err) {
    static const size_t part = PART_BYTES;
    SW_SCOPED(sw_buffer) space = SW_BUFFER(PART_BYTES);
    uint8_t *bytes = sw_put_space(&space, part);
    size_t got = 0;
    SW_TRY(sw_buffer_check(&space, "part of a file", err));
    do {
        SW_TRY(sw_fd_read(fd, bytes, part, &got, err));
        sw_sha256_add(hash, SW_BYTES(bytes, got));
        if (kept) sw_put_bytes(kept, SW_BYTES(bytes, got));
        if (kept) SW_TRY(sw_buffer_check(kept, "file of a model", err));
        *size += got;
    } while (got == part);
    return SW_OK;
}

/* A pipe would wait for its writer for ever, and a device may never end. */
static sw_status open_regular(const char *path, int *out, sw_error *err) {
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode)) {
        *out = fd;
        return SW_OK;
    }
    if (fd < 0) return sw_fail(err, SW_MISSING, "missing", "%s cannot be opened", path);
    (void)close(fd);
    return sw_fail(err, SW_IO, "io", "%s is not a regular file", path);
}

static sw_status read_one(sw_arena *arena, const char *folder, const char *name,
                          sw_manifest_file *out, sw_error *err) {
    const char *path = sw_path_join(arena, folder, name);
    size_t limit = kept_limit(name);
    SW_SCOPED(sw_buffer) kept = SW_BUFFER(limit);
    sw_sha256_stream *hash;
    int fd = -1;
    if (!path) return sw_fail(err, SW_MEMORY, "memory", "no memory for a path");
    SW_TRY(open_regular(path, &fd, err));
    *out = (sw_manifest_file){.name = name};
    hash = sw_sha256_open();
    sw_status status = hash ? pass(fd, hash, limit ? &kept : NULL, &out->size, err)
                            : sw_fail(err, SW_MEMORY, "memory", "no memory to hash");
    (void)close(fd);
    sw_sha256_close(&hash, status == SW_OK ? &out->digest : NULL);
    if (status != SW_OK) sw_error_prefix(err, "%s", path);
    SW_TRY(status);
    out->content = sw_arena_copy(arena, sw_buffer_bytes(&kept));
    if (kept.size && !out->content.data)
        return sw_fail(err, SW_MEMORY, "memory", "no memory for %s", name);
    return SW_OK;
}

sw_status sw_manifest_read_model(sw_arena *arena, const char *folder, sw_manifest_input *in,
                                 sw_error *err) {
    const char **names;
    size_t count = 0;
    SW_TRY(sw_folder_list(arena, folder, SW_OMS_FILE_LIMIT, &names, &count, err));
    sw_manifest_file *files = SW_ARENA_NEW(arena, sw_manifest_file, count + 1);
    if (!files) return sw_fail(err, SW_MEMORY, "memory", "no memory for a model's files");
    for (size_t i = 0; i < count; i++) SW_TRY(read_one(arena, folder, names[i], &files[i], err));
    in->model = files;
    in->model_count = count;
    return SW_OK;
}
