/* SPDX-License-Identifier: Apache-2.0
 *
 * A folder as a tar stream (GNU tar format, by libarchive). The one file that includes libarchive
 * for writing. Format: docs/formats/seal.md (SEAL-080).
 *
 * Everything that differs between machines is left out: owners, times, modes, the order of the
 * directory. Folders are walked with a stack of our own, so depth is a limit and no recursion.
 */
#include "sys/archive.h"

#include "sys/files.h"
#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { COPY_BYTES = 1 << 18, BLOCK_BYTES = 1 << 16 };

typedef struct level { /* a folder that is being walked */
    sw_arena arena;    /* everything of this level */
    const char *path, *name;
    const char **names;
    size_t count, next;
} level;

typedef struct walk {
    struct archive *tar;
    struct archive_entry *entry;
    sw_archive_sink sink;
    void *context;
    bool stopped;     /* nothing more goes to the sink */
    sw_status status; /* of the sink */
    sw_error error;
    uint8_t *buffer;
    size_t depth;
    level levels[SW_ARCHIVE_DEPTH];
} walk;

static la_ssize_t pass_on(struct archive *tar, void *context, const void *bytes, size_t size) {
    walk *w = context;
    if (!w->stopped) w->status = w->sink(w->context, SW_BYTES(bytes, size), &w->error);
    w->stopped |= w->status != SW_OK;
    if (!w->stopped) return (la_ssize_t)size;
    archive_set_error(tar, EIO, "sink");
    return -1;
}

/* A failure of libarchive's is either the sink's own or its. */
static sw_status tar_failed(walk *w, sw_error *err) {
    if (w->status != SW_OK) {
        if (err != NULL) *err = w->error;
        return w->status;
    }
    return sw_fail(err, SW_IO, "archive", "the folder cannot be written as a tar");
}

static sw_status no_memory(sw_error *err) {
    return sw_fail(err, SW_MEMORY, "memory", "no memory for a path");
}

static sw_status system_failed(sw_error *err, const char *path) {
    int cause = errno;
    return sw_fail(err, cause == ENOENT ? SW_MISSING : SW_IO, cause == ENOENT ? "missing" : "io",
                   "reading %s: %s", path, strerror(cause));
}

/* ---- entries ---- */

static sw_status write_header(walk *w, const char *name, bool folder, uint64_t size,
                              sw_error *err) {
    struct archive_entry *e = archive_entry_clear(w->entry);
    archive_entry_set_pathname(e, name);
    archive_entry_set_filetype(e, folder ? AE_IFDIR : AE_IFREG);
    archive_entry_set_perm(e, folder ? 0755 : 0644);
    archive_entry_set_size(e, (la_int64_t)size);
    archive_entry_set_mtime(e, 0, 0);
    archive_entry_set_uid(e, 0);
    archive_entry_set_gid(e, 0);
    return archive_write_header(w->tar, e) == ARCHIVE_OK ? SW_OK : tar_failed(w, err);
}

static sw_status changed(sw_error *err, const char *path) {
    return sw_fail(err, SW_REFUSED, "archive", "%s changed its size while it was read", path);
}

static sw_status copy_content(walk *w, int fd, const char *path, uint64_t size, sw_error *err) {
    uint64_t done = 0;
    for (;;) {
        size_t got;
        SW_TRY(sw_fd_read(fd, w->buffer, COPY_BYTES, &got, err));
        if (got == 0) return done == size ? SW_OK : changed(err, path);
        done += got;
        if (done > size) return changed(err, path);
        if (archive_write_data(w->tar, w->buffer, got) != (la_ssize_t)got)
            return tar_failed(w, err);
    }
}

static sw_status write_open_file(walk *w, int fd, const char *path, const char *name,
                                 sw_error *err) {
    struct stat st;
    if (fstat(fd, &st) != 0) return system_failed(err, path);
    if (!S_ISREG(st.st_mode)) return changed(err, path);
    SW_TRY(write_header(w, name, false, (uint64_t)st.st_size, err));
    return copy_content(w, fd, path, (uint64_t)st.st_size, err);
}

static sw_status write_file(walk *w, const char *path, const char *name, sw_error *err) {
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY);
    if (fd < 0) return system_failed(err, path);
    sw_status status = write_open_file(w, fd, path, name, err);
    (void)close(fd);
    return status;
}

/* ---- the walk ---- */

static sw_status enter_folder(walk *w, const char *path, const char *name, sw_error *err) {
    if (w->depth == SW_ARCHIVE_DEPTH)
        return sw_fail(err, SW_LIMIT, "limit", "%s lies more than %d folders deep", path,
                       SW_ARCHIVE_DEPTH);
    if (name[0] != 0) SW_TRY(write_header(w, name, true, 0, err));
    level *l = &w->levels[w->depth++];
    *l = (level){0};
    l->path = sw_arena_text(&l->arena, sw_text(path));
    l->name = sw_arena_text(&l->arena, sw_text(name));
    if (l->path == NULL || l->name == NULL) return no_memory(err);
    return sw_folder_list(&l->arena, l->path, SW_ARCHIVE_ENTRIES, &l->names, &l->count, err);
}

static sw_status write_path(walk *w, const char *path, const char *name, sw_error *err) {
    struct stat st;
    if (lstat(path, &st) != 0) return system_failed(err, path);
    if (S_ISDIR(st.st_mode)) return enter_folder(w, path, name, err);
    if (S_ISREG(st.st_mode)) return write_file(w, path, name, err);
    return sw_fail(err, SW_REFUSED, "archive", "%s is neither a file nor a folder", path);
}

/* One name of the innermost folder; its own paths live for as long as they are used. */
static sw_status write_next(walk *w, sw_error *err) {
    level *l = &w->levels[w->depth - 1];
    const char *base = l->names[l->next++];
    sw_arena arena = {0};
    const char *path = sw_path_join(&arena, l->path, base);
    const char *name = l->name[0] == 0 ? base : sw_path_join(&arena, l->name, base);
    sw_status status =
        path == NULL || name == NULL ? no_memory(err) : write_path(w, path, name, err);
    sw_arena_free(&arena);
    return status;
}

static sw_status write_input(walk *w, const sw_archive_input *input, sw_error *err) {
    SW_TRY(write_path(w, input->path, input->name, err));
    while (w->depth > 0) {
        level *l = &w->levels[w->depth - 1];
        if (l->next < l->count) {
            SW_TRY(write_next(w, err));
        } else {
            sw_arena_free(&l->arena);
            w->depth--;
        }
    }
    return SW_OK;
}

static sw_status write_all(walk *w, const sw_archive_input *inputs, size_t count, sw_error *err) {
    if (archive_write_set_format_gnutar(w->tar) != ARCHIVE_OK ||
        archive_write_set_bytes_per_block(w->tar, BLOCK_BYTES) != ARCHIVE_OK ||
        archive_write_set_bytes_in_last_block(w->tar, 1) != ARCHIVE_OK ||
        archive_write_open2(w->tar, w, NULL, pass_on, NULL, NULL) != ARCHIVE_OK)
        return tar_failed(w, err);
    for (size_t i = 0; i < count; i++) SW_TRY(write_input(w, &inputs[i], err));
    return archive_write_close(w->tar) == ARCHIVE_OK ? SW_OK : tar_failed(w, err);
}

sw_status sw_archive_write(const sw_archive_input *inputs, size_t count, sw_archive_sink sink,
                           void *context, sw_error *err) {
    sw_arena arena = {0};
    walk *w = SW_ARENA_NEW(&arena, walk, 1);
    if (w == NULL) return no_memory(err);
    w->sink = sink;
    w->context = context;
    w->buffer = sw_arena_alloc(&arena, COPY_BYTES, 1);
    w->tar = archive_write_new();
    w->entry = archive_entry_new();
    sw_status status = w->buffer == NULL || w->tar == NULL || w->entry == NULL
                           ? no_memory(err)
                           : write_all(w, inputs, count, err);
    for (size_t i = 0; i < w->depth; i++) sw_arena_free(&w->levels[i].arena);
    w->stopped = true; /* closing would write the tar's end; archive_write_fail would leak */
    if (w->tar != NULL) (void)archive_write_free(w->tar);
    archive_entry_free(w->entry);
    sw_arena_free(&arena);
    return status;
}
