/* SPDX-License-Identifier: Apache-2.0
 *
 * Files that appear whole or not at all.
 *
 * Content goes to an unnamed file (O_TMPFILE) in the target's folder; commit syncs it, gives it a
 * name, and syncs the folder. A new file gets its name by link, which never overwrites. A replaced
 * one is linked as ".NAME.partial" and renamed over the old one. Where the file system has no
 * unnamed files, ".NAME.partial" is there from the start. Whoever holds a partial file holds its
 * flock, so a leftover of a dead process is told from the work of a living one.
 */
#include "sys/files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

struct sw_output {
    int fd, folder; /* folder -1: stdout */
    bool named;     /* the partial file has its name */
    sw_write_rule rule;
    char *path, *name, *partial; /* name points into path */
};

static sw_status failed(sw_error *err, const char *doing, const char *path) {
    int cause = errno;
    if (cause == ENOENT || cause == ENOTDIR)
        return sw_fail(err, SW_MISSING, "missing", "%s: there is no such folder", path);
    if (cause == EEXIST) return sw_fail(err, SW_EXISTS, "exists", "%s is there already", path);
    return sw_fail(err, SW_IO, "io", "%s %s: %s", doing, path, strerror(cause));
}

/* Whether the partial file's name is still that of the file behind `fd`. */
static bool partial_is(const sw_output *o, int fd) {
    struct stat own, there;
    return fstat(fd, &own) == 0 &&
           fstatat(o->folder, o->partial, &there, AT_SYMLINK_NOFOLLOW) == 0 &&
           own.st_dev == there.st_dev && own.st_ino == there.st_ino;
}

static void release(sw_output *o) {
    if (o->named && o->partial != NULL && partial_is(o, o->fd))
        (void)unlinkat(o->folder, o->partial, 0);
    if (o->folder >= 0) {
        (void)close(o->folder);
        if (o->fd >= 0) (void)close(o->fd);
    }
    free(o->partial);
    free(o->path);
    free(o);
}

/* Splits the path, opens its folder and refuses a target that must not be replaced. */
static sw_status open_target(sw_output *o, sw_error *err) {
    char *slash = strrchr(o->path, '/');
    struct stat st;
    o->name = slash == NULL ? o->path : slash + 1;
    if (o->name[0] == 0 || strcmp(o->name, ".") == 0 || strcmp(o->name, "..") == 0)
        return sw_fail(err, SW_USAGE, "usage", "%s does not name a file", o->path);
    if (asprintf(&o->partial, ".%s.partial", o->name) < 0) {
        o->partial = NULL;
        return sw_fail(err, SW_MEMORY, "memory", "no memory for a path");
    }
    char first = o->name[0];
    if (slash != NULL) o->name[0] = 0; /* "folder/" */
    o->folder = open(slash == NULL ? "." : o->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    o->name[0] = first;
    if (o->folder < 0) return failed(err, "opening the folder of", o->path);
    if (fstatat(o->folder, o->name, &st, AT_SYMLINK_NOFOLLOW) != 0) return SW_OK;
    if (o->rule == SW_WRITE_NEW)
        return sw_fail(err, SW_EXISTS, "exists", "%s is there already", o->path);
    if (!S_ISREG(st.st_mode)) return sw_fail(err, SW_IO, "io", "%s is not a regular file", o->path);
    return SW_OK;
}

static sw_status busy(const sw_output *o, sw_error *err) {
    return sw_fail(err, SW_REFUSED, "busy", "another process is writing %s", o->path);
}

/* Removes a partial file that nobody holds; SW_REFUSED "busy" when somebody does, or when its name
 * went to another file before it was locked: that one's maker may be at work. */
static sw_status clear_partial(const sw_output *o, sw_error *err) {
    int fd = openat(o->folder, o->partial, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0 && errno == ENOENT) return SW_OK;
    if (fd < 0) return failed(err, "opening what is left of", o->path);
    bool held = (flock(fd, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK) || !partial_is(o, fd);
    if (!held) (void)unlinkat(o->folder, o->partial, 0);
    (void)close(fd);
    return held ? busy(o, err) : SW_OK;
}

static sw_status open_unnamed(sw_output *o, mode_t mode, sw_error *err) {
    SW_TRY(clear_partial(o, err));
    o->fd = openat(o->folder, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, mode);
    if (o->fd < 0 && (errno == EOPNOTSUPP || errno == EISDIR || errno == ENOENT)) {
        o->fd = openat(o->folder, o->partial, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, mode);
        o->named = o->fd >= 0;
    }
    if (o->fd < 0) return failed(err, "writing", o->path);
    bool locked = flock(o->fd, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK;
    /* Between the making of a named partial file and its lock another process may have taken it for
     * a dead one's and put its own there. */
    if (o->named && (!locked || !partial_is(o, o->fd))) {
        o->named = false; /* another's now: not ours to remove */
        return busy(o, err);
    }
    return SW_OK;
}

sw_status sw_output_open(const char *path, mode_t mode, sw_write_rule rule, sw_output **out,
                         sw_error *err) {
    sw_output *o = calloc(1, sizeof *o);
    if (o != NULL) *o = (sw_output){.fd = -1, .folder = -1, .rule = rule, .path = strdup(path)};
    if (o == NULL || o->path == NULL) {
        free(o);
        return sw_fail(err, SW_MEMORY, "memory", "no memory for a path");
    }
    sw_status status = SW_OK;
    if (strcmp(path, "-") == 0)
        o->fd = STDOUT_FILENO;
    else
        status = open_target(o, err);
    if (status == SW_OK && o->folder >= 0) status = open_unnamed(o, mode, err);
    if (status == SW_OK)
        *out = o;
    else
        release(o);
    return status;
}

int sw_output_fd(const sw_output *o) {
    return o->fd;
}

sw_status sw_output_write(sw_output *o, sw_bytes bytes, sw_error *err) {
    sw_status status = sw_fd_write(o->fd, bytes, err);
    if (status != SW_OK) sw_error_prefix(err, "%s", o->path);
    return status;
}

/* Gives the unnamed file the name `name`; errno as linkat leaves it. */
static bool link_as(const sw_output *o, const char *name) {
    char self[64];
    (void)snprintf(self, sizeof self, "/proc/self/fd/%d", o->fd);
    if (linkat(AT_FDCWD, self, o->folder, name, AT_SYMLINK_FOLLOW) == 0) return true;
    if (errno != ENOENT) return false;
    return linkat(o->fd, "", o->folder, name, AT_EMPTY_PATH) == 0; /* no /proc here */
}

static sw_status give_partial_name(sw_output *o, sw_error *err) {
    if (o->named) return SW_OK;
    SW_TRY(clear_partial(o, err));
    if (!link_as(o, o->partial)) return failed(err, "naming", o->path);
    o->named = true;
    return SW_OK;
}

static sw_status publish(sw_output *o, sw_error *err) {
    if (fsync(o->fd) != 0) return failed(err, "writing", o->path);
    if (o->rule == SW_WRITE_REPLACE) SW_TRY(give_partial_name(o, err));
    if (o->named && !partial_is(o, o->fd)) {
        o->named = false;
        return busy(o, err);
    }
    if (o->rule == SW_WRITE_NEW && !o->named) {
        if (!link_as(o, o->name)) return failed(err, "naming", o->path);
    } else if (o->rule == SW_WRITE_NEW) {
        if (linkat(o->folder, o->partial, o->folder, o->name, 0) != 0)
            return failed(err, "naming", o->path);
    } else {
        if (renameat(o->folder, o->partial, o->folder, o->name) != 0)
            return failed(err, "replacing", o->path);
        o->named = false;
    }
    if (fsync(o->folder) != 0) return failed(err, "writing the folder of", o->path);
    return SW_OK;
}

sw_status sw_output_commit(sw_output **output, sw_error *err) {
    sw_output *o = *output;
    sw_status status = o->folder >= 0 ? publish(o, err) : SW_OK;
    release(o);
    *output = NULL;
    return status;
}

void sw_output_abort(sw_output **output) {
    if (output == NULL || *output == NULL) return;
    release(*output);
    *output = NULL;
}

sw_status sw_file_write(const char *path, sw_bytes content, mode_t mode, sw_write_rule rule,
                        sw_error *err) {
    sw_output *o = NULL;
    SW_TRY(sw_output_open(path, mode, rule, &o, err));
    sw_status status = sw_output_write(o, content, err);
    if (status != SW_OK) {
        sw_output_abort(&o);
        return status;
    }
    return sw_output_commit(&o, err);
}
