/* SPDX-License-Identifier: Apache-2.0
 *
 * A folder tree, hashed and, when asked, copied (docs/formats/command.md, CMD-002 to CMD-005).
 *
 * The folder belongs to somebody who may change it while we look. So nothing is looked up twice by
 * a path: each folder is held open, names are judged before they are used, links are never
 * followed, and what is opened must be what was looked at. Content is read once, and each part that
 * was read goes into the hash and into the copy: a file that changes meanwhile gives another
 * digest, never a copy that differs from its digest. The walk keeps a frame for each open folder
 * and does not recurse.
 */
#include "sys/tree.h"

#include "codec/text.h"
#include "crypto/crypto.h"
#include "sys/files.h"
#include "sys/tree_internal.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    KIND_FOLDER = 1,
    KIND_FILE = 2,
    KIND_PROGRAM = 3,
    KIND_LINK = 4,
    PART_BYTES = 1 << 18,
    NAME_BYTES = 255,
    TARGET_BYTES = 4095
};

typedef struct frame {
    int fd, into;       /* owned; into -1: no copy */
    sw_buffer text;     /* the names, each with its NUL */
    const char **names; /* into text, ascending */
    size_t count, next;
    size_t path_size; /* of this folder's path */
} frame;

typedef struct walk {
    const sw_tree_plan *plan;
    sw_sha256_stream *hash;
    uint64_t listed, bytes;
    size_t path_size;
    char path[SW_TREE_PATH + 2]; /* from the slash before the first name */
    size_t open_count;
    frame frames[SW_TREE_DEPTH + 1];
} walk;

const char *sw_tree_judge_name(const char *name, bool top) {
    static const char *const ours[] = {"dev", "proc", "sys", "tmp", "model", "run"};
    size_t size = strlen(name);
    if (size == 0 || strcmp(name, ".") == 0 || strcmp(name, "..") == 0 || strchr(name, '/'))
        return "that is no name";
    if (size > NAME_BYTES) return "that is longer than 255 bytes";
    if (!sw_utf8_valid(SW_BYTES(name, size))) return "that is not UTF-8";
    if (!sw_utf8_plain(SW_BYTES(name, size)))
        return "with a control character or another that nobody sees";
    for (size_t i = 0; top && i < sizeof ours / sizeof ours[0]; i++)
        if (strcmp(name, ours[i]) == 0) return "that is the agent's own there";
    return NULL;
}

/* ---- sentences; a path is printed only after its names were judged ---- */

static sw_status refuse(const walk *w, const char *what, sw_error *err) {
    return sw_fail(err, SW_MALFORMED, "tree", "the tree has %s: %s", what, w->path);
}

static sw_status broke(const walk *w, const char *doing, sw_error *err) {
    int cause = errno;
    if (cause == ENOENT || cause == ELOOP || cause == ENOTDIR || cause == EINVAL || cause == ENXIO)
        return sw_fail(err, SW_MALFORMED, "tree", "the tree changed while it was read: %s",
                       w->path);
    return sw_fail(err, SW_IO, "io", "%s %s of the tree: %s", doing, w->path, strerror(cause));
}

static sw_status beyond(const walk *w, const char *what, uint64_t limit, sw_error *err) {
    return sw_fail(err, SW_LIMIT, "limit", "the tree has more than %llu %s, at %s",
                   (unsigned long long)limit, what, w->path);
}

/* ---- the digest ---- */

static void add_entry(walk *w, uint8_t kind, uint64_t size, const sw_hash *digest) {
    uint8_t space[16];
    sw_bytes path = SW_BYTES(w->path + 1, w->path_size - 1);
    sw_buffer head = sw_buffer_over(space, sizeof space);
    sw_put_u32be(&head, (uint32_t)path.size);
    sw_sha256_add(w->hash, sw_buffer_bytes(&head));
    sw_sha256_add(w->hash, path);
    head.size = 0;
    sw_put_u8(&head, kind);
    sw_put_u64be(&head, size);
    sw_sha256_add(w->hash, sw_buffer_bytes(&head));
    sw_sha256_add(w->hash, SW_BYTES_OF(digest->b));
}

/* ---- content ---- */

static sw_status copy_parts(int from, int into, uint64_t limit, uint8_t *part,
                            sw_sha256_stream *hash, uint64_t *size, sw_error *err) {
    uint64_t total = 0;
    size_t got = 0;
    do {
        SW_TRY(sw_fd_read(from, part, PART_BYTES, &got, err));
        if (got > limit - total)
            return sw_fail(err, SW_LIMIT, "limit", "there are more than %llu bytes",
                           (unsigned long long)limit);
        total += got;
        sw_sha256_add(hash, SW_BYTES(part, got));
        if (into >= 0) SW_TRY(sw_fd_write(into, SW_BYTES(part, got), err));
    } while (got == PART_BYTES);
    *size = total;
    return SW_OK;
}

sw_status sw_tree_copy_file(int from, int into, uint64_t limit, uint64_t *size, sw_hash *digest,
                            sw_error *err) {
    uint8_t *part = malloc(PART_BYTES);
    sw_sha256_stream *hash = sw_sha256_open();
    sw_status status = part != NULL && hash != NULL
                           ? copy_parts(from, into, limit, part, hash, size, err)
                           : sw_fail(err, SW_MEMORY, "memory", "no memory for a copy");
    free(part);
    sw_sha256_close(&hash, status == SW_OK ? digest : NULL);
    return status;
}

static sw_status make_copy(const walk *w, int into, const char *name, int *made, sw_error *err) {
    *made = -1;
    if (into < 0) return SW_OK;
    *made = openat(into, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    return *made < 0 ? broke(w, "copying", err) : SW_OK;
}

static sw_status take_content(walk *w, int fd, int copy, bool program, sw_error *err) {
    uint64_t size = 0;
    sw_hash digest;
    sw_status status =
        sw_tree_copy_file(fd, copy, w->plan->limits.bytes - w->bytes, &size, &digest, err);
    if (status == SW_LIMIT) return beyond(w, "bytes", w->plan->limits.bytes, err);
    if (status != SW_OK) {
        sw_error_prefix(err, "%s of the tree", w->path);
        return status;
    }
    if (copy >= 0 && fchmod(copy, program ? 0555 : 0444) != 0) return broke(w, "copying", err);
    w->bytes += size;
    add_entry(w, program ? KIND_PROGRAM : KIND_FILE, size, &digest);
    return w->plan->seen ? w->plan->seen(w->plan->context, w->path, size, &digest, err) : SW_OK;
}

/* What was looked at may have been replaced before it was opened; never blocks, never becomes our
 * terminal. */
static sw_status open_same(const walk *w, const frame *f, const char *name, const struct stat *seen,
                           int flags, int *fd, struct stat *st, sw_error *err) {
    *fd = openat(f->fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC | flags);
    if (*fd < 0) return broke(w, "opening", err);
    if (fstat(*fd, st) == 0 && st->st_dev == seen->st_dev && st->st_ino == seen->st_ino &&
        (st->st_mode & S_IFMT) == (seen->st_mode & S_IFMT))
        return SW_OK;
    (void)close(*fd);
    errno = ENOENT;
    return broke(w, "opening", err);
}

static sw_status take_file(walk *w, const frame *f, const char *name, const struct stat *seen,
                           sw_error *err) {
    int fd, copy;
    struct stat st = *seen;
    SW_TRY(open_same(w, f, name, seen, 0, &fd, &st, err));
    if ((st.st_mode & (S_ISUID | S_ISGID)) != 0) {
        (void)close(fd);
        return refuse(w, "a file that sets a user or group", err);
    }
    sw_status status = make_copy(w, f->into, name, &copy, err);
    if (status == SW_OK) status = take_content(w, fd, copy, (st.st_mode & S_IXUSR) != 0, err);
    if (copy >= 0) (void)close(copy);
    (void)close(fd);
    return status;
}

static sw_status take_link(walk *w, const frame *f, const char *name, sw_error *err) {
    char target[TARGET_BYTES + 1];
    sw_hash digest;
    ssize_t size = readlinkat(f->fd, name, target, sizeof target);
    if (size <= 0) return broke(w, "reading", err);
    if (size > TARGET_BYTES) return beyond(w, "bytes in a link's target", TARGET_BYTES, err);
    target[size] = 0;
    if (f->into >= 0 && symlinkat(target, f->into, name) != 0) return broke(w, "copying", err);
    sw_sha256(&digest, SW_BYTES(target, size));
    add_entry(w, KIND_LINK, (uint64_t)size, &digest);
    return SW_OK;
}

/* ---- folders ---- */

static int compare_names(const void *a, const void *b) {
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static sw_status read_names(walk *w, frame *f, DIR *folder, sw_error *err) {
    const struct dirent *entry;
    f->text = SW_BUFFER((size_t)SW_TREE_ENTRIES * (NAME_BYTES + 1));
    while (errno = 0, (entry = readdir(folder)) != NULL) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) continue;
        if (w->listed == w->plan->limits.entries)
            return beyond(w, "entries", w->plan->limits.entries, err);
        w->listed++;
        f->count++;
        sw_put_bytes(&f->text, SW_BYTES(entry->d_name, strlen(entry->d_name) + 1));
    }
    if (errno != 0) return broke(w, "listing", err);
    return sw_buffer_check(&f->text, "the names of a folder", err);
}

/* Ascending, each once: a folder that changes may be listed with a name twice. */
static sw_status sort_names(const walk *w, frame *f, sw_error *err) {
    const char *at = (const char *)f->text.data;
    f->names = calloc(f->count + 1, sizeof *f->names);
    if (f->names == NULL) return sw_fail(err, SW_MEMORY, "memory", "no memory for names");
    for (size_t i = 0; i < f->count; i++, at += strlen(at) + 1) f->names[i] = at;
    qsort(f->names, f->count, sizeof *f->names, compare_names);
    errno = ENOENT;
    for (size_t i = 1; i < f->count; i++)
        if (strcmp(f->names[i - 1], f->names[i]) == 0) return broke(w, "listing", err);
    return SW_OK;
}

static sw_status list(walk *w, frame *f, sw_error *err) {
    int fd = fcntl(f->fd, F_DUPFD_CLOEXEC, 0);
    DIR *folder = fd < 0 ? NULL : fdopendir(fd);
    if (folder == NULL) {
        sw_status status = broke(w, "listing", err);
        if (fd >= 0) (void)close(fd);
        return status;
    }
    sw_status status = read_names(w, f, folder, err);
    (void)closedir(folder);
    return status == SW_OK ? sort_names(w, f, err) : status;
}

static void leave_folder(walk *w) {
    frame *f = &w->frames[--w->open_count];
    (void)close(f->fd);
    if (f->into >= 0) (void)close(f->into);
    sw_buffer_free(&f->text);
    free(f->names);
}

/* Takes `fd` and `into` over. */
static sw_status enter_folder(walk *w, int fd, int into, sw_error *err) {
    frame *f = &w->frames[w->open_count++];
    *f = (frame){.fd = fd, .into = into, .path_size = w->path_size};
    return list(w, f, err);
}

static sw_status copy_folder(const walk *w, int into, const char *name, int *made, sw_error *err) {
    *made = -1;
    if (into < 0) return SW_OK;
    if (mkdirat(into, name, 0700) != 0) return broke(w, "copying", err);
    *made = openat(into, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    return *made < 0 ? broke(w, "copying", err) : SW_OK;
}

static sw_status take_folder(walk *w, const frame *f, const char *name, const struct stat *seen,
                             sw_error *err) {
    static const sw_hash none;
    struct stat st;
    int fd, copy;
    if (w->open_count > w->plan->limits.folders)
        return beyond(w, "folders in one path", w->plan->limits.folders, err);
    SW_TRY(open_same(w, f, name, seen, O_DIRECTORY, &fd, &st, err));
    add_entry(w, KIND_FOLDER, 0, &none);
    sw_status status = copy_folder(w, f->into, name, &copy, err);
    if (status == SW_OK) return enter_folder(w, fd, copy, err);
    (void)close(fd);
    return status;
}

/* ---- the walk ---- */

static sw_status name_entry(walk *w, const frame *f, const char *name, sw_error *err) {
    const char *wrong = sw_tree_judge_name(name, w->open_count == 1);
    size_t size = strlen(name);
    w->path_size = f->path_size;
    w->path[f->path_size] = 0;
    if (wrong != NULL)
        return sw_fail(err, SW_MALFORMED, "tree", "the tree has a name %s, in the folder %s/",
                       wrong, w->path);
    if (f->path_size + size > SW_TREE_PATH)
        return beyond(w, "bytes in one path", SW_TREE_PATH, err);
    w->path[f->path_size] = '/';
    memcpy(w->path + f->path_size + 1, name, size + 1);
    w->path_size = f->path_size + 1 + size;
    return SW_OK;
}

static sw_status take_entry(walk *w, frame *f, sw_error *err) {
    const char *name = f->names[f->next++];
    struct stat st;
    SW_TRY(name_entry(w, f, name, err));
    if (fstatat(f->fd, name, &st, AT_SYMLINK_NOFOLLOW) != 0) return broke(w, "looking at", err);
    switch (st.st_mode & S_IFMT) {
    case S_IFDIR:
        return take_folder(w, f, name, &st, err);
    case S_IFREG:
        return take_file(w, f, name, &st, err);
    case S_IFLNK:
        return take_link(w, f, name, err);
    case S_IFSOCK:
        return refuse(w, "a socket", err);
    case S_IFIFO:
        return refuse(w, "a pipe", err);
    default:
        return refuse(w, "a device", err);
    }
}

static sw_status finish_folder(const walk *w, const frame *f, sw_error *err) {
    if (f->into < 0 || w->open_count == 1) return SW_OK; /* the top is the caller's */
    return fchmod(f->into, 0555) == 0 ? SW_OK : broke(w, "copying", err);
}

static sw_status take_all(walk *w, sw_error *err) {
    while (w->open_count > 0) {
        frame *f = &w->frames[w->open_count - 1];
        if (f->next < f->count) {
            SW_TRY(take_entry(w, f, err));
            continue;
        }
        SW_TRY(finish_folder(w, f, err));
        leave_folder(w);
    }
    return SW_OK;
}

static sw_status open_top(const sw_tree_plan *plan, int *fd, int *into, sw_error *err) {
    *fd = open(plan->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (*fd < 0 && (errno == ENOENT || errno == ENOTDIR))
        return sw_fail(err, SW_MISSING, "missing", "%s: no such folder", plan->folder);
    if (*fd < 0) return sw_fail(err, SW_IO, "io", "opening %s: %s", plan->folder, strerror(errno));
    *into = plan->into < 0 ? -1 : fcntl(plan->into, F_DUPFD_CLOEXEC, 0);
    if (*into >= 0 || plan->into < 0) return SW_OK;
    sw_status status = sw_fail(err, SW_IO, "io", "copying a tree: %s", strerror(errno));
    (void)close(*fd);
    return status;
}

sw_status sw_tree_walk(const sw_tree_plan *plan, sw_tree_digest *out, sw_error *err) {
    static const char label[] = "sealwright/tree/v1"; /* its NUL is the zero byte */
    int fd, into;
    SW_CHECK(err, plan->limits.folders <= SW_TREE_DEPTH);
    SW_TRY(open_top(plan, &fd, &into, err));
    walk w = {.plan = plan, .hash = sw_sha256_open()};
    sw_status status = w.hash ? SW_OK : sw_fail(err, SW_MEMORY, "memory", "no memory for a hash");
    if (w.hash) sw_sha256_add(w.hash, SW_BYTES_OF(label));
    sw_status entered = enter_folder(&w, fd, into, status == SW_OK ? err : NULL);
    if (status == SW_OK) status = entered;
    if (status == SW_OK) status = take_all(&w, err);
    while (w.open_count > 0) leave_folder(&w);
    sw_tree_digest found = {.entries = w.listed, .bytes = w.bytes};
    sw_sha256_close(&w.hash, status == SW_OK ? &found.digest : NULL);
    if (status == SW_OK) *out = found;
    return status;
}

sw_status sw_tree_hash(const char *folder, sw_tree_seen seen, void *context, sw_tree_digest *out,
                       sw_error *err) {
    const sw_tree_plan plan = {folder, -1, seen, context, SW_TREE_LIMITS};
    return sw_tree_walk(&plan, out, err);
}
