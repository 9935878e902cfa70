/* SPDX-License-Identifier: Apache-2.0
 *
 * Reading files and folders with limits. What is read is read once: sizes are those of the bytes
 * that arrived, never of an earlier stat. Writing that must be atomic: output.c.
 */
#include "sys/files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum { READ_STEP_BYTES = 1 << 16 };

static sw_status failed(sw_error *err, const char *doing, const char *path) {
    int cause = errno;
    if (cause == ENOENT || cause == ENOTDIR)
        return sw_fail(err, SW_MISSING, "missing", "%s: no such file or folder", path);
    return sw_fail(err, SW_IO, "io", "%s %s: %s", doing, path, strerror(cause));
}

/* ---- descriptors ---- */

sw_status sw_fd_read(int fd, void *buffer, size_t size, size_t *got, sw_error *err) {
    size_t done = 0;
    while (done < size) {
        ssize_t n = read(fd, (uint8_t *)buffer + done, size - done);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return sw_fail(err, SW_IO, "io", "reading: %s", strerror(errno));
        if (n == 0) break;
        done += (size_t)n;
    }
    *got = done;
    return SW_OK;
}

sw_status sw_fd_write(int fd, sw_bytes bytes, sw_error *err) {
    while (bytes.size > 0) {
        ssize_t n = write(fd, bytes.data, bytes.size);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return sw_fail(err, SW_IO, "io", "writing: %s", strerror(errno));
        bytes.data += n;
        bytes.size -= (size_t)n;
    }
    return SW_OK;
}

sw_status sw_fd_pread(int fd, void *buffer, size_t size, uint64_t offset, sw_error *err) {
    if (offset > INT64_MAX || size > INT64_MAX - offset)
        return sw_fail(err, SW_MALFORMED, "format", "an offset is beyond any file");
    for (size_t done = 0; done < size;) {
        ssize_t n =
            pread(fd, (uint8_t *)buffer + done, size - done, (off_t)(offset + (uint64_t)done));
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return sw_fail(err, SW_IO, "io", "reading: %s", strerror(errno));
        if (n == 0)
            return sw_fail(err, SW_MALFORMED, "format", "the file ends at byte %llu, too early",
                           (unsigned long long)(offset + (uint64_t)done));
        done += (size_t)n;
    }
    return SW_OK;
}

/* ---- whole files ---- */

static sw_status open_input(const char *path, int *fd, struct stat *st, sw_error *err) {
    if (strcmp(path, "-") == 0)
        *fd = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3);
    else
        *fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (*fd < 0) return failed(err, "opening", path);
    if (fstat(*fd, st) == 0 && !S_ISDIR(st->st_mode)) return SW_OK;
    (void)close(*fd);
    return sw_fail(err, SW_IO, "io", "%s is a folder, not a file", path);
}

/* Appends until the end of the file, at most `limit` bytes. */
static sw_status append_all(int fd, const char *path, size_t limit, sw_buffer *out, sw_error *err) {
    for (size_t total = 0;;) {
        size_t step = limit - total < READ_STEP_BYTES ? limit - total + 1 : READ_STEP_BYTES, got;
        uint8_t *space = sw_put_space(out, step);
        if (space == NULL) return sw_buffer_check(out, path, err);
        SW_TRY(sw_fd_read(fd, space, step, &got, err));
        out->size -= step - got;
        total += got;
        if (total > limit)
            return sw_fail(err, SW_LIMIT, "limit", "%s is larger than %zu bytes", path, limit);
        if (got < step) return SW_OK;
    }
}

/* Forgets what a failed read has appended. */
static void roll_back(sw_buffer *out, size_t size) {
    if (out->size > size) sw_wipe(out->data + size, out->size - size);
    out->size = size;
}

sw_status sw_file_read(const char *path, size_t limit, sw_buffer *out, sw_error *err) {
    int fd;
    struct stat st;
    SW_TRY(open_input(path, &fd, &st, err));
    /* Room for one byte above the limit, to see that there is one; the caller's limit returns. */
    size_t size = out->size, caller_limit = out->limit, room;
    if (sw_add_size(caller_limit, READ_STEP_BYTES, &room)) out->limit = room;
    sw_status status = append_all(fd, path, limit, out, err);
    (void)close(fd);
    out->limit = caller_limit;
    if (status == SW_OK && out->size > caller_limit)
        status = sw_fail(err, SW_LIMIT, "limit", "%s is larger than %zu bytes", path,
                         caller_limit - size);
    if (status != SW_OK) roll_back(out, size);
    return status;
}

static sw_status read_secret(int fd, const char *path, size_t limit, void **out, size_t *size,
                             sw_error *err) {
    size_t room, got = 0;
    if (!sw_add_size(limit, 1, &room)) room = limit;
    void *whole = sw_secret_alloc(room);
    if (whole == NULL)
        return sw_fail(err, SW_MEMORY, "memory", "no lockable memory to read %s", path);
    sw_status status = sw_fd_read(fd, whole, room, &got, err);
    if (status == SW_OK && got > limit)
        status = sw_fail(err, SW_LIMIT, "limit", "%s is larger than %zu bytes", path, limit);
    void *fitting = status == SW_OK ? sw_secret_alloc(got == 0 ? 1 : got) : NULL;
    if (status == SW_OK && fitting == NULL)
        status = sw_fail(err, SW_MEMORY, "memory", "no lockable memory to read %s", path);
    if (fitting != NULL) {
        memcpy(fitting, whole, got);
        *out = fitting;
        *size = got;
    }
    sw_secret_release(whole);
    return status;
}

sw_status sw_file_read_secret(const char *path, size_t limit, void **out, size_t *size,
                              sw_error *err) {
    int fd;
    struct stat st;
    sw_status status;
    SW_TRY(open_input(path, &fd, &st, err));
    if (S_ISREG(st.st_mode) && (st.st_mode & (S_IRGRP | S_IROTH)) != 0) {
        status = sw_fail(err, SW_REFUSED, "mode", "%s may be read by others than its owner", path);
        sw_error_hint(err, "chmod 600 %s", path);
    } else {
        status = read_secret(fd, path, limit, out, size, err);
    }
    (void)close(fd);
    return status;
}

/* ---- folders and paths ---- */

bool sw_path_is_folder(const char *path) {
    struct stat st;
    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

bool sw_path_is_file(const char *path) {
    struct stat st;
    return stat(path, &st) == 0 && S_ISREG(st.st_mode);
}

bool sw_path_exists(const char *path) {
    struct stat st;
    return lstat(path, &st) == 0;
}

char *sw_path_join(sw_arena *arena, const char *folder, const char *name) {
    size_t size = strlen(folder), total;
    bool slash = size > 0 && folder[size - 1] != '/';
    if (!sw_add_size(size + (slash ? 1 : 0), strlen(name) + 1, &total)) return NULL;
    char *out = sw_arena_alloc(arena, total, 1);
    if (out == NULL) return NULL;
    (void)snprintf(out, total, "%s%s%s", folder, slash ? "/" : "", name);
    return out;
}

static sw_status make_one(const char *path, mode_t mode, sw_error *err) {
    if (mkdir(path, mode) == 0) return SW_OK;
    if (errno == EEXIST && sw_path_is_folder(path)) return SW_OK;
    if (errno == EEXIST)
        return sw_fail(err, SW_EXISTS, "exists", "%s is there and is not a folder", path);
    return failed(err, "making the folder", path);
}

sw_status sw_folder_make(const char *path, mode_t mode, sw_error *err) {
    char *copy = strdup(path);
    if (copy == NULL) return sw_fail(err, SW_MEMORY, "memory", "no memory for a path");
    sw_status status = SW_OK;
    for (char *c = copy + (copy[0] == '/'); *c != 0 && status == SW_OK; c++) {
        if (*c != '/') continue;
        *c = 0;
        status = make_one(copy, mode, err);
        *c = '/';
    }
    free(copy);
    return status == SW_OK ? make_one(path, mode, err) : status;
}

static int by_name(const void *a, const void *b) {
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static sw_status collect_names(sw_arena *arena, DIR *folder, const char *path, size_t limit,
                               sw_buffer *pointers, sw_error *err) {
    for (size_t count = 0;;) {
        errno = 0;
        const struct dirent *entry = readdir(folder);
        if (entry == NULL) return errno == 0 ? SW_OK : failed(err, "reading the folder", path);
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) continue;
        if (count++ == limit)
            return sw_fail(err, SW_LIMIT, "limit", "%s holds more than %zu names", path, limit);
        const char *name = sw_arena_text(arena, sw_text(entry->d_name));
        if (name == NULL) return sw_fail(err, SW_MEMORY, "memory", "no memory to list %s", path);
        sw_put_bytes(pointers, SW_BYTES(&name, sizeof name));
        SW_TRY(sw_buffer_check(pointers, path, err));
    }
}

sw_status sw_folder_list(sw_arena *arena, const char *path, size_t limit, const char ***names,
                         size_t *count, sw_error *err) {
    SW_SCOPED(sw_buffer) pointers = SW_BUFFER(SIZE_MAX / 2);
    DIR *folder = opendir(path);
    if (folder == NULL) return failed(err, "opening the folder", path);
    sw_status status = collect_names(arena, folder, path, limit, &pointers, err);
    (void)closedir(folder);
    SW_TRY(status);
    size_t found = pointers.size / sizeof(char *);
    const char **sorted = SW_ARENA_NEW(arena, const char *, found + 1);
    if (sorted == NULL) return sw_fail(err, SW_MEMORY, "memory", "no memory to list %s", path);
    if (found > 0) memcpy(sorted, pointers.data, pointers.size);
    qsort(sorted, found, sizeof *sorted, by_name);
    *names = sorted;
    *count = found;
    return SW_OK;
}

sw_status sw_lock_take(const char *path, int *fd, sw_error *err) {
    int made = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY, 0600);
    if (made < 0) return failed(err, "opening the lock", path);
    if (flock(made, LOCK_EX | LOCK_NB) == 0) {
        *fd = made;
        return SW_OK;
    }
    bool busy = errno == EWOULDBLOCK;
    sw_status status =
        busy ? sw_fail(err, SW_REFUSED, "busy", "%s: another process works here", path)
             : failed(err, "locking", path);
    (void)close(made);
    return status;
}
