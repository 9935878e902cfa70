/* SPDX-License-Identifier: Apache-2.0
 *
 * Folders that appear whole, and files that go away for good: rename without replacement, unlink
 * and the sync of the folder that makes either of them last. A draft is locked by a flock on the
 * folder itself, so no file of its own tells a living maker from a dead one. What tells a draft
 * from a folder that somebody else gave that name is its sticky bit: it is there from the first
 * moment to the rename, and mkdir sets it for nobody who does not ask.
 */
#include "sys/folder.h"

#include "sys/files.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum { DISCARD_LIMIT = 4096, LOCK_TRIES = 100, DRAFT = S_ISVTX, PERMISSIONS = 0777 };

static sw_status sync_parent(const char *path, sw_error *err) {
    char *copy = strdup(path);
    if (copy == NULL) return sw_fail(err, SW_MEMORY, "memory", "no memory for a path");
    size_t size = strlen(copy);
    while (size > 1 && copy[size - 1] == '/') copy[--size] = 0;
    char *slash = strrchr(copy, '/');
    if (slash != NULL) slash[slash == copy ? 1 : 0] = 0;
    int fd = open(slash == NULL ? "." : copy, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    free(copy);
    bool synced = fd >= 0 && fsync(fd) == 0;
    int cause = errno;
    if (fd >= 0) (void)close(fd);
    if (synced) return SW_OK;
    return sw_fail(err, SW_IO, "io", "syncing the folder of %s: %s", path, strerror(cause));
}

static void empty_folder(const char *path) {
    sw_arena arena = {0};
    const char **names = NULL;
    size_t count = 0;
    if (sw_folder_list(&arena, path, DISCARD_LIMIT, &names, &count, NULL) == SW_OK)
        for (size_t i = 0; i < count; i++) {
            const char *file = sw_path_join(&arena, path, names[i]);
            if (file != NULL && unlink(file) != 0) (void)rmdir(file);
        }
    sw_arena_free(&arena);
}

void sw_folder_discard(const char *path) {
    empty_folder(path);
    (void)rmdir(path);
}

/* Between opening a folder and locking it, its maker may have published or discarded it. */
static bool still_there(int fd, const char *path) {
    struct stat held, named;
    return fstat(fd, &held) == 0 && lstat(path, &named) == 0 && held.st_dev == named.st_dev &&
           held.st_ino == named.st_ino;
}

/* The mark is the draft's alone, not of folders above it that are made too. */
static sw_status make_marked(const char *path, mode_t mode, sw_error *err) {
    char *above = strdup(path);
    if (above == NULL) return sw_fail(err, SW_MEMORY, "memory", "no memory for a path");
    char *slash = strrchr(above, '/');
    if (slash != NULL) *slash = 0;
    sw_status status = slash != NULL && slash != above ? sw_folder_make(above, mode, err) : SW_OK;
    free(above);
    if (status != SW_OK || mkdir(path, mode | DRAFT) == 0) return status;
    return sw_folder_make(path, mode, err); /* there already, or the reason why it cannot be */
}

static sw_status lock_folder(const char *path, mode_t mode, int *out, sw_error *err) {
    for (unsigned i = 0; i < LOCK_TRIES; i++) {
        SW_TRY(make_marked(path, mode, err));
        int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (fd < 0 && errno == ENOENT) continue;
        if (fd < 0) return sw_fail(err, SW_IO, "io", "opening %s: %s", path, strerror(errno));
        bool held = flock(fd, LOCK_EX | LOCK_NB) == 0;
        int cause = errno;
        if (held && still_there(fd, path)) {
            *out = fd;
            return SW_OK;
        }
        (void)close(fd);
        if (!held && cause == EWOULDBLOCK) break;
        if (!held) return sw_fail(err, SW_IO, "io", "locking %s: %s", path, strerror(cause));
    }
    return sw_fail(err, SW_REFUSED, "busy", "%s: another process works here", path);
}

sw_status sw_folder_usable(const char *path, sw_error *err) {
    if (!sw_path_is_folder(path))
        return sw_fail(err, SW_EXISTS, "exists", "%s is there and is not a folder", path);
    if (access(path, W_OK | X_OK) == 0) return SW_OK;
    return sw_fail(err, SW_IO, "io", "writing into %s: %s", path, strerror(errno));
}

/* Whether all is gone: what is left would be published with the rest. */
static sw_status expect_empty(const char *path, sw_error *err) {
    SW_SCOPED(sw_arena) arena = {0};
    const char **names = NULL;
    size_t count = 0;
    sw_status status = sw_folder_list(&arena, path, DISCARD_LIMIT, &names, &count, err);
    if (status == SW_OK && count > 0)
        status = sw_fail(err, SW_EXISTS, "exists", "%s holds %s already", path, names[0]);
    if (status != SW_OK) sw_error_hint(err, "it is none of ours: move it away");
    return status;
}

/* A dead maker's goes; a folder without its mark is somebody's, and taken when nothing is in it. */
static sw_status clear_draft(int fd, const char *path, const char *within, sw_error *err) {
    struct stat st;
    SW_TRY(sw_folder_usable(path, err));
    if (fstat(fd, &st) != 0)
        return sw_fail(err, SW_IO, "io", "looking at %s: %s", path, strerror(errno));
    bool marked = (st.st_mode & DRAFT) != 0 && st.st_uid == geteuid();
    if (marked && within != NULL) empty_folder(within);
    if (marked) empty_folder(path);
    SW_TRY(expect_empty(path, err));
    if (!marked) (void)fchmod(fd, (st.st_mode & PERMISSIONS) | DRAFT);
    return SW_OK;
}

static sw_status check_name(const char *folder, size_t size, sw_error *err) {
    size_t start = size;
    while (start > 0 && folder[start - 1] != '/') start--;
    sw_bytes last = SW_BYTES(folder + start, size - start);
    if (last.size > 0 && !sw_bytes_is(last, ".") && !sw_bytes_is(last, "..")) return SW_OK;
    return sw_fail(err, SW_USAGE, "usage", "\"%s\" does not name a folder", folder);
}

sw_status sw_folder_draft(sw_arena *arena, const char *folder, const char *inner, mode_t mode,
                          sw_draft *out, sw_error *err) {
    static const char end[] = ".partial";
    size_t size = strlen(folder);
    *out = (sw_draft){.lock_fd = -1};
    if (sw_path_exists(folder))
        return sw_fail(err, SW_EXISTS, "exists", "%s exists already", folder);
    while (size > 1 && folder[size - 1] == '/') size--;
    SW_TRY(check_name(folder, size, err));
    char *made = sw_arena_alloc(arena, size + sizeof end, 1);
    if (made == NULL) return sw_fail(err, SW_MEMORY, "memory", "no memory for a path");
    memcpy(made, folder, size);
    memcpy(made + size, end, sizeof end);
    const char *within = inner != NULL ? sw_path_join(arena, made, inner) : NULL;
    SW_TRY(lock_folder(made, mode, &out->lock_fd, err));
    sw_status status = clear_draft(out->lock_fd, made, within, err);
    if (status == SW_OK)
        out->path = made;
    else
        (void)close(out->lock_fd);
    return status;
}

static void let_go(sw_draft *d) {
    if (d->path != NULL) (void)close(d->lock_fd);
    *d = (sw_draft){.lock_fd = -1};
}

void sw_draft_discard(sw_draft *d) {
    if (d->path != NULL) sw_folder_discard(d->path);
    let_go(d);
}

sw_status sw_draft_publish(sw_draft *d, const char *to, sw_error *err) {
    struct stat st;
    SW_TRY(sw_folder_publish(d->path, to, err));
    if (fstat(d->lock_fd, &st) == 0) (void)fchmod(d->lock_fd, st.st_mode & PERMISSIONS);
    let_go(d);
    return SW_OK;
}

sw_status sw_folder_publish(const char *from, const char *to, sw_error *err) {
    if (renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE) == 0) return sync_parent(to, err);
    if (errno == EEXIST)
        return sw_fail(err, SW_EXISTS, "exists", "%s exists and is left as it is", to);
    return sw_fail(err, SW_IO, "io", "making %s: %s", to, strerror(errno));
}

sw_status sw_file_remove(const char *path, sw_error *err) {
    if (unlink(path) == 0) return sync_parent(path, err);
    if (errno == ENOENT)
        return sw_fail(err, SW_MISSING, "missing", "%s: no such file or folder", path);
    return sw_fail(err, SW_IO, "io", "removing %s: %s", path, strerror(errno));
}
