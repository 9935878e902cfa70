/* SPDX-License-Identifier: Apache-2.0
 *
 * What the watch tells of calls that go on (SANDBOX-065): a file that is made or changed outside
 * the scratch, and code from a file of the scratch.
 *
 * The list asks by arguments that are numbers: an open that may write, a mapping that may be
 * executed. The file is looked for here as the kernel will look for it, inside the command's root,
 * by a descriptor that opens nothing (O_PATH). The command may change the name between our look and
 * the kernel's: then the wrong thing is told, and still nothing else is done.
 */
#include "sys/process_internal.h"

#include "base/secret.h"
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/uio.h>
#include <unistd.h>

enum {
    INSIDE_THE_ROOT = 0x10 | 0x02, /* openat2: RESOLVE_IN_ROOT, RESOLVE_NO_MAGICLINKS */
    PAGE_BYTES = 4096,
    PROC_BYTES = 48,
    MAPPINGS_MAX = 64,
    MEMORY_DEVICES = 1 /* major number of null, zero, full, random and urandom */
};

/* What a line of the table below looks at. */
typedef enum look {
    AT_OPENED, /* a path, links followed; made when the flags behind it say so */
    AT_TARGET, /* a path, links followed */
    AT_NAME,   /* a path, a link at its end not followed */
    AT_PLACE,  /* the same, of which the call makes something new or takes what is there away */
    AT_NEW,    /* the same, but what is there stays as it is */
    AT_FILE,   /* a descriptor */
    AT_PROGRAM,
    AT_MAPPED, /* a descriptor that is mapped as code */
    AT_MEMORY  /* memory that becomes code */
} look;
enum { HERE = -1 }; /* a path from the working folder */

/* Two lines for a call with two names. */
static const struct looked {
    int call;
    look at;
    int folder, what; /* numbers of arguments */
} looked[] = {
    {SYS_open, AT_OPENED, HERE, 0},     {SYS_openat, AT_OPENED, 0, 1},
    {SYS_creat, AT_OPENED, HERE, 0},    {SYS_truncate, AT_TARGET, HERE, 0},
    {SYS_mkdir, AT_NEW, HERE, 0},       {SYS_mkdirat, AT_NEW, 0, 1},
    {SYS_symlink, AT_NEW, HERE, 1},     {SYS_symlinkat, AT_NEW, 1, 2},
    {SYS_link, AT_NEW, HERE, 1},        {SYS_linkat, AT_NEW, 2, 3},
    {SYS_rmdir, AT_NAME, HERE, 0},      {SYS_unlink, AT_NAME, HERE, 0},
    {SYS_unlinkat, AT_NAME, 0, 1},      {SYS_rename, AT_NAME, HERE, 0},
    {SYS_rename, AT_PLACE, HERE, 1},    {SYS_renameat, AT_NAME, 0, 1},
    {SYS_renameat, AT_PLACE, 2, 3},     {SYS_renameat2, AT_NAME, 0, 1},
    {SYS_renameat2, AT_PLACE, 2, 3},    {SYS_chmod, AT_TARGET, HERE, 0},
    {SYS_fchmodat, AT_TARGET, 0, 1},    {SYS_fchmod, AT_FILE, HERE, 0},
    {SYS_utime, AT_TARGET, HERE, 0},    {SYS_utimes, AT_TARGET, HERE, 0},
    {SYS_futimesat, AT_TARGET, 0, 1},   {SYS_utimensat, AT_TARGET, 0, 1},
    {SYS_execve, AT_PROGRAM, HERE, 0},  {SYS_mmap, AT_MAPPED, HERE, 4},
    {SYS_mprotect, AT_MEMORY, HERE, 0},
};

bool sw_watch_goes_on(const struct seccomp_data *call) {
    for (size_t i = 0; i < sizeof looked / sizeof looked[0]; i++)
        if (looked[i].call == call->nr) return true;
    return false;
}

/* ---- finding ---- */

/* A path of the command's, no longer than the kernel takes. Page by page, because what follows it
 * may not be there. False where there is none, or we may not look (CAP_SYS_PTRACE). */
static bool read_path(pid_t caller, uint64_t at, char path[PATH_MAX]) {
    for (size_t size = 0; size < PATH_MAX;) {
        size_t part = PAGE_BYTES - (at + size) % PAGE_BYTES;
        if (part > PATH_MAX - size) part = PATH_MAX - size;
        const struct iovec to = {path + size, part};
        const struct iovec from = {(void *)(uintptr_t)(at + size), part}; /* another's address */
        if (process_vm_readv(caller, &to, 1, &from, 1, 0) != (ssize_t)part) return false;
        if (memchr(path + size, 0, part) != NULL) return true;
        size += part;
    }
    return false;
}

/* The path of the folder that a relative one starts at, as its own root shows it. */
static bool read_folder(pid_t caller, bool here, int fd, char path[PATH_MAX]) {
    char link[PROC_BYTES];
    if (here)
        (void)snprintf(link, sizeof link, "/proc/%d/cwd", (int)caller);
    else
        (void)snprintf(link, sizeof link, "/proc/%d/fd/%d", (int)caller, fd);
    ssize_t size = readlink(link, path, PATH_MAX - 1);
    if (size <= 0 || path[0] != '/') return false;
    path[size] = 0;
    return true;
}

static bool find(const sw_watch_place *p, const char *path, bool follow, struct stat *st) {
    const struct {
        uint64_t flags, mode, resolve;
    } how = {O_PATH | O_CLOEXEC | (follow ? 0 : O_NOFOLLOW), 0, INSIDE_THE_ROOT};
    int fd = (int)syscall(SYS_openat2, p->root_fd, path, &how, sizeof how);
    bool found = fd >= 0 && fstat(fd, st) == 0;
    if (fd >= 0) (void)close(fd);
    return found;
}

/* ---- judging ---- */

/* Of the nodes that a root has: written are null, zero, full and the GPU's (SANDBOX-042). */
static bool is_written_device(const struct stat *st) {
    unsigned number = minor(st->st_rdev);
    return major(st->st_rdev) != MEMORY_DEVICES || number == 3 || number == 5 || number == 7;
}

static unsigned judge_file(const sw_watch_place *p, const struct stat *st) {
    if (st->st_dev != p->root) return 0; /* the scratch, a pipe, memory */
    if (S_ISCHR(st->st_mode)) return is_written_device(st) ? 0 : 1U << SW_SANDBOX_ACT_OUTSIDE;
    return 1U << SW_SANDBOX_ACT_OWN_FILES;
}

static bool starts_in_scratch(const char *path) {
    return strncmp(path, "/tmp/", 5) == 0 || strncmp(path, "/dev/shm/", 9) == 0;
}

/* A name of which nothing is there: its folder says where it would be, and without one its letters.
 * Cuts the path. */
static unsigned judge_missing(const sw_watch_place *p, char *path) {
    struct stat folder;
    bool scratch = starts_in_scratch(path);
    for (size_t size = strlen(path); size > 1 && path[size - 1] == '/';) path[--size] = 0;
    char *last = strrchr(path, '/');
    if (last == path) last++; /* of what lies in `/` itself */
    *last = 0;
    if (find(p, path, true, &folder)) scratch = folder.st_dev == p->scratch;
    return scratch ? 0 : 1U << SW_SANDBOX_ACT_OUTSIDE;
}

static unsigned judge_path(const sw_watch_place *p, look at, bool makes, char *path) {
    struct stat st;
    bool found = find(p, path, at == AT_OPENED || at == AT_TARGET || at == AT_PROGRAM, &st);
    if (at == AT_PROGRAM) return found && st.st_dev == p->scratch ? 1U << SW_SANDBOX_ACT_CODE : 0;
    if (!found) return makes ? judge_missing(p, path) : 0;
    return at == AT_NEW ? 0 : judge_file(p, &st);
}

static unsigned look_at_descriptor(const sw_watch_place *p, pid_t caller, look at, int fd) {
    char path[PROC_BYTES];
    struct stat st;
    (void)snprintf(path, sizeof path, "/proc/%d/fd/%d", (int)caller, fd);
    if (stat(path, &st) != 0) return 0;
    if (at == AT_MAPPED) return st.st_dev == p->scratch ? 1U << SW_SANDBOX_ACT_CODE : 0;
    return judge_file(p, &st);
}

static bool creates(const struct looked *l, const struct seccomp_data *call) {
    return l->call == SYS_creat || (call->args[l->what + 1] & O_CREAT) != 0;
}

/* What must be new is made at its name, or not at all. */
static look look_of(const struct looked *l, const struct seccomp_data *call) {
    bool is_new = l->at == AT_OPENED && l->call != SYS_creat && creates(l, call) &&
                  (call->args[l->what + 1] & O_EXCL) != 0;
    return is_new ? AT_NEW : l->at;
}

static bool makes(const struct looked *l, const struct seccomp_data *call) {
    return l->at == AT_OPENED ? creates(l, call) : l->at == AT_PLACE || l->at == AT_NEW;
}

static unsigned look_at_path(const sw_watch_place *p, pid_t caller, const struct looked *l,
                             const struct seccomp_data *call) {
    char text[PATH_MAX], path[2 * PATH_MAX] = "";
    uint64_t at = call->args[l->what];
    bool here = l->folder == HERE || (int)call->args[l->folder] == AT_FDCWD;
    int folder = here ? 0 : (int)call->args[l->folder];
    if (at == 0) /* utimensat of a descriptor */
        return here ? 0 : look_at_descriptor(p, caller, AT_FILE, folder);
    bool known = read_path(caller, at, text) && text[0] != 0 &&
                 (text[0] == '/' || read_folder(caller, here, folder, path));
    unsigned bits = 0;
    if (known) {
        size_t size = strlen(path);
        (void)snprintf(path + size, sizeof path - size, "%s%s", size == 0 ? "" : "/", text);
        bits = judge_path(p, look_of(l, call), makes(l, call), path);
    }
    sw_wipe(text, sizeof text); /* its words */
    sw_wipe(path, sizeof path);
    return bits;
}

/* PROCMAP_QUERY (Linux 6.11, linux/fs.h), spelled out because the headers may be older. */
typedef struct mapping_query {
    uint64_t size, flags, at, start, end, protection, page_bytes, offset, inode;
    uint32_t device_major, device_minor, name_size, build_id_size;
    uint64_t name, build_id;
} mapping_query;
#define QUERY_MAPPING _IOWR('f', 17, mapping_query)
enum { QUERY_NEXT = 0x10, QUERY_OF_A_FILE = 0x20 };

/* Whether a file of the scratch is mapped there; nothing where the kernel cannot be asked. */
static unsigned look_at_memory(const sw_watch_place *p, pid_t caller, uint64_t at, uint64_t bytes) {
    char path[PROC_BYTES];
    uint64_t end;
    unsigned bits = 0;
    if (__builtin_add_overflow(at, bytes, &end)) return 0;
    (void)snprintf(path, sizeof path, "/proc/%d/maps", (int)caller);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    for (int i = 0; fd >= 0 && bits == 0 && i < MAPPINGS_MAX; i++) {
        mapping_query q = {.size = sizeof q, .flags = QUERY_NEXT | QUERY_OF_A_FILE, .at = at};
        if (ioctl(fd, QUERY_MAPPING, &q) != 0 || q.start >= end) break;
        if (makedev(q.device_major, q.device_minor) == p->scratch) bits = 1U << SW_SANDBOX_ACT_CODE;
        at = q.end;
    }
    if (fd >= 0) (void)close(fd);
    return bits;
}

unsigned sw_watch_look(const sw_watch_place *p, pid_t caller, const struct seccomp_data *call) {
    unsigned bits = 0;
    for (size_t i = 0; i < sizeof looked / sizeof looked[0]; i++) {
        const struct looked *l = &looked[i];
        if (l->call != call->nr) continue;
        if (l->at == AT_MEMORY)
            bits |= look_at_memory(p, caller, call->args[0], call->args[1]);
        else if (l->at == AT_FILE || l->at == AT_MAPPED)
            bits |= look_at_descriptor(p, caller, l->at, (int)call->args[l->what]);
        else
            bits |= look_at_path(p, caller, l, call);
    }
    return bits;
}
