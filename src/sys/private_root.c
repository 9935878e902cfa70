/* SPDX-License-Identifier: Apache-2.0
 *
 * The private root: two file systems in memory that are mounted nowhere (docs/formats/command.md,
 * CMD-020 to CMD-025). The first holds the tree, the model and a few places of our own and becomes
 * read-only when it is closed; the second, for what the command writes, is made with its limit and
 * flags. The child attaches both in its own mount namespace (sandbox_root.c).
 *
 * The system calls are made by number, because the C library at hand may not know them.
 */
#include "sys/private_root.h"

#include "sys/files.h"
#include "sys/sandbox.h"
#include "sys/tree_internal.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

/* linux/mount.h, which cannot be included beside sys/mount.h everywhere. */
enum {
    OPEN_CLOSE_ON_EXEC = 1, /* FSOPEN_CLOEXEC, FSMOUNT_CLOEXEC */
    CONFIG_SET_FLAG = 0,
    CONFIG_SET_STRING = 1,
    CONFIG_CREATE = 6,
    MOUNT_READ_ONLY = 0x1,
    MOUNT_NO_SET_USER = 0x2,
    MOUNT_NO_DEVICES = 0x4,
    MOUNT_NO_EXECUTION = 0x8
};
typedef struct mount_attributes {
    uint64_t set, clear, propagation, user_namespace;
} mount_attributes;

enum { INFO_BYTES = 1 << 22, SCRATCH_INODES_SPARE = 1024, PAGE_BYTES = 4096 };
#define ROOT_INODES "1000000" /* the tree's entries, the model's files and our own */
#define ROOT_SHARE  "80%"     /* of this machine's memory */

const char *const sw_private_root_written[] = {"null", "zero", "full", NULL};
const char *const sw_private_root_gpu[] = {
    "nvidiactl", "nvidia-uvm", "nvidia-uvm-tools", "nvidia0",  "nvidia1",  "nvidia2", "nvidia3",
    "nvidia4",   "nvidia5",    "nvidia6",          "nvidia7",  "nvidia8",  "nvidia9", "nvidia10",
    "nvidia11",  "nvidia12",   "nvidia13",         "nvidia14", "nvidia15", NULL};

static sw_status failed(sw_error *err, const char *doing) {
    return sw_fail(err, SW_IO, "io", "%s: %s", doing, strerror(errno));
}

/* ---- file systems in memory ---- */

static bool tell(int context, const char *key, const char *value) {
    return syscall(SYS_fsconfig, context, CONFIG_SET_STRING, key, value, 0) == 0;
}

/* A descriptor of a new tmpfs, or -1. Its pages stay out of swap where the kernel can do that. */
static int make_in_memory(const char *size, const char *inodes, unsigned attributes) {
    int made = -1, context = (int)syscall(SYS_fsopen, "tmpfs", OPEN_CLOSE_ON_EXEC);
    if (context < 0) return -1;
    (void)syscall(SYS_fsconfig, context, CONFIG_SET_FLAG, "noswap", NULL, 0);
    if (tell(context, "size", size) && tell(context, "nr_inodes", inodes) &&
        tell(context, "mode", "0755") && tell(context, "uid", "0") && tell(context, "gid", "0") &&
        syscall(SYS_fsconfig, context, CONFIG_CREATE, NULL, NULL, 0) == 0)
        made = (int)syscall(SYS_fsmount, context, OPEN_CLOSE_ON_EXEC, attributes);
    int cause = errno;
    (void)close(context);
    errno = cause;
    return made;
}

static int make_scratch(uint64_t bytes) {
    char size[32], inodes[32];
    (void)snprintf(size, sizeof size, "%llu", (unsigned long long)bytes);
    unsigned long long files = bytes / PAGE_BYTES + SCRATCH_INODES_SPARE;
    (void)snprintf(inodes, sizeof inodes, "%llu", files);
    return make_in_memory(size, inodes, MOUNT_NO_SET_USER | MOUNT_NO_DEVICES | MOUNT_NO_EXECUTION);
}

static sw_status make_folder(int in, const char *name, mode_t mode, int *fd, sw_error *err) {
    if (mkdirat(in, name, 0700) != 0 && errno != EEXIST) return failed(err, "making a folder");
    int made = openat(in, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (made < 0) return failed(err, "making a folder");
    if (fchmod(made, mode) != 0) {
        sw_status status = failed(err, "making a folder");
        (void)close(made);
        return status;
    }
    *fd = made;
    return SW_OK;
}

/* One of the scratch's two folders; it belongs to the user that the command becomes. */
static sw_status make_scratch_folder(int scratch, const char *name, sw_error *err) {
    int fd;
    SW_TRY(make_folder(scratch, name, 0700, &fd, err));
    sw_status status = fchown(fd, SW_SANDBOX_USER, SW_SANDBOX_USER) == 0
                           ? SW_OK
                           : failed(err, "giving the scratch to its user");
    (void)close(fd);
    return status;
}

static sw_status make_parts(sw_private_root *root, sw_error *err) {
    const char *missing = "root, and with it the right to make a file system";
    errno = EPERM;
    if (geteuid() == 0) {
        missing = "a file system in memory of its own";
        root->mount_fd = make_in_memory(ROOT_SHARE, ROOT_INODES, MOUNT_NO_SET_USER);
        if (root->mount_fd >= 0) root->scratch_fd = make_scratch(root->scratch_bytes);
        if (root->scratch_fd >= 0)
            root->folder_fd = openat(root->mount_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    }
    if (root->folder_fd < 0) {
        sw_status status = sw_fail(err, SW_REFUSED, "sandbox", "the sandbox cannot have %s: %s",
                                   missing, strerror(errno));
        sw_error_hint(err, "a command runs where the agent is root and has CAP_SYS_ADMIN");
        return status;
    }
    SW_TRY(make_scratch_folder(root->scratch_fd, "tmp", err));
    return make_scratch_folder(root->scratch_fd, "shm", err);
}

sw_status sw_private_root_make(uint64_t scratch_bytes, sw_private_root **out, sw_error *err) {
    if (scratch_bytes == 0 || scratch_bytes > INT64_MAX)
        return sw_fail(err, SW_USAGE, "usage", "a scratch of %llu bytes",
                       (unsigned long long)scratch_bytes);
    sw_private_root *root = calloc(1, sizeof *root);
    if (root == NULL) return sw_fail(err, SW_MEMORY, "memory", "no memory for a private root");
    root->mount_fd = root->scratch_fd = root->folder_fd = -1;
    root->scratch_bytes = scratch_bytes;
    sw_status status = make_parts(root, err);
    if (status == SW_OK)
        *out = root;
    else
        sw_private_root_drop(&root);
    return status;
}

void sw_private_root_drop(sw_private_root **root) {
    if (*root == NULL) return;
    const int fds[] = {(*root)->folder_fd, (*root)->scratch_fd, (*root)->mount_fd};
    for (size_t i = 0; i < sizeof fds / sizeof fds[0]; i++)
        if (fds[i] >= 0) (void)close(fds[i]);
    free(*root);
    *root = NULL;
}

/* ---- filling it ---- */

/* Folders are 0555 but while something is made in them: not every root may pass by modes. */
static sw_status open_folder(int folder, sw_error *err) {
    return fchmod(folder, 0755) == 0 ? SW_OK : failed(err, "filling a folder");
}

static sw_status shut_folder(int folder, sw_error *err) {
    return fchmod(folder, 0555) == 0 ? SW_OK : failed(err, "filling a folder");
}

static sw_status check_open(const sw_private_root *root, sw_error *err) {
    if (!root->closed && !root->broken) return SW_OK;
    return sw_fail(err, SW_USAGE, "usage", "a private root that is %s takes nothing more",
                   root->closed ? "closed" : "broken");
}

static sw_status keep(sw_private_root *root, sw_status status) {
    if (status != SW_OK) root->broken = true;
    return status;
}

sw_status sw_private_root_copy(sw_private_root *root, const char *folder, sw_tree_seen seen,
                               void *context, sw_tree_digest *out, sw_error *err) {
    const sw_tree_plan plan = {folder, root->folder_fd, seen, context, SW_TREE_LIMITS};
    SW_TRY(check_open(root, err));
    SW_TRY(open_folder(root->folder_fd, err));
    return keep(root, sw_tree_walk(&plan, out, err));
}

/* Cuts the path's next name off; false when it is none that a tree may hold. */
static bool next_name(const char **path, bool top, char name[256]) {
    if (**path != '/') return false;
    const char *start = *path + 1, *end = strchrnul(start, '/');
    if (end - start > 255) return false;
    memcpy(name, start, (size_t)(end - start));
    name[end - start] = 0;
    *path = end;
    return sw_tree_judge_name(name, top && strcmp(name, "model") != 0) == NULL;
}

static sw_status walk_to(int *at, const char *name, sw_error *err) {
    int next;
    SW_TRY(open_folder(*at, err));
    SW_TRY(make_folder(*at, name, 0555, &next, err));
    sw_status status = shut_folder(*at, err);
    (void)close(*at);
    *at = next;
    return status;
}

/* The folder that the last name of `path` goes into, all of whose names were judged. */
static sw_status open_place(const sw_private_root *root, const char *path, int *at, char name[256],
                            sw_error *err) {
    const char *rest = path;
    bool good = strlen(path) <= SW_TREE_PATH && next_name(&rest, true, name);
    *at = good ? fcntl(root->folder_fd, F_DUPFD_CLOEXEC, 0) : -1;
    if (good && *at < 0) return failed(err, "opening a private root");
    sw_status status = SW_OK;
    while (good && *rest != 0 && status == SW_OK) {
        status = walk_to(at, name, err);
        if (status == SW_OK) good = next_name(&rest, false, name);
    }
    if (!good)
        status = sw_fail(err, SW_USAGE, "usage", "that is no place for a file in a private root");
    if (status != SW_OK && *at >= 0) (void)close(*at);
    return status;
}

static sw_status add_file(int at, const char *name, int fd, uint64_t size, sw_hash *digest,
                          sw_error *err) {
    uint64_t got = 0;
    sw_hash found;
    SW_TRY(open_folder(at, err));
    int made = openat(at, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (made < 0) return failed(err, "making a file");
    sw_status status = sw_tree_copy_file(fd, made, size, &got, &found, err);
    if (status == SW_LIMIT || (status == SW_OK && got != size))
        status = sw_fail(err, SW_MALFORMED, "format", "the file is %s than its %llu bytes",
                         status == SW_OK ? "shorter" : "longer", (unsigned long long)size);
    if (status == SW_OK && fchmod(made, 0444) != 0) status = failed(err, "making a file");
    if (status == SW_OK) status = shut_folder(at, err);
    (void)close(made);
    if (status == SW_OK) *digest = found;
    return status;
}

sw_status sw_private_root_add(sw_private_root *root, const char *path, int fd, uint64_t size,
                              sw_hash *digest, sw_error *err) {
    char name[256];
    int at;
    SW_TRY(check_open(root, err));
    sw_status status = open_place(root, path, &at, name, err);
    if (status == SW_OK) {
        status = add_file(at, name, fd, size, digest, err);
        (void)close(at);
    }
    if (status != SW_OK && status != SW_USAGE) sw_error_prefix(err, "%s", path);
    return keep(root, status);
}

/* ---- closing it ---- */

static sw_status make_device(int dev, const char *name, dev_t number, sw_error *err) {
    if (mknodat(dev, name, S_IFCHR | 0600, number) == 0 && fchmodat(dev, name, 0666, 0) == 0)
        return SW_OK;
    sw_status status = failed(err, "making a device");
    sw_error_prefix(err, "/dev/%s", name);
    return status;
}

static sw_status make_devices(int dev, sw_error *err) {
    static const struct {
        const char *name;
        unsigned minor; /* of major 1: Documentation/admin-guide/devices.txt */
    } made[] = {{"null", 3}, {"zero", 5}, {"full", 7}, {"random", 8}, {"urandom", 9}};
    for (size_t i = 0; i < sizeof made / sizeof made[0]; i++)
        SW_TRY(make_device(dev, made[i].name, makedev(1, made[i].minor), err));
    return SW_OK;
}

static sw_status make_gpu_devices(int dev, const char *devices, sw_error *err) {
    int from = open(devices, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (from < 0) return failed(err, "opening the folder of devices");
    sw_status status = SW_OK;
    for (const char *const *name = sw_private_root_gpu; *name != NULL && status == SW_OK; name++) {
        struct stat st;
        if (fstatat(from, *name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISCHR(st.st_mode))
            status = make_device(dev, *name, st.st_rdev, err);
    }
    (void)close(from);
    return status;
}

static sw_status fill_dev(int dev, bool gpu, const char *devices, sw_error *err) {
    int shm;
    SW_TRY(make_devices(dev, err));
    if (gpu) SW_TRY(make_gpu_devices(dev, devices, err));
    SW_TRY(make_folder(dev, "shm", 0555, &shm, err));
    (void)close(shm);
    return shut_folder(dev, err);
}

static sw_status copy_info(int proc, const char *name, const char *path, sw_error *err) {
    SW_SCOPED(sw_buffer) text = SW_BUFFER(INFO_BYTES);
    SW_TRY(sw_file_read(path, INFO_BYTES, &text, err));
    int made = openat(proc, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (made < 0) return failed(err, "making a file of /proc");
    sw_status status = sw_fd_write(made, sw_buffer_bytes(&text), err);
    if (status == SW_OK && fchmod(made, 0444) != 0) status = failed(err, "making a file of /proc");
    (void)close(made);
    return status;
}

static sw_status fill_proc(int proc, sw_error *err) {
    SW_TRY(copy_info(proc, "cpuinfo", "/proc/cpuinfo", err));
    SW_TRY(copy_info(proc, "meminfo", "/proc/meminfo", err));
    return shut_folder(proc, err);
}

static sw_status make_places(const sw_private_root *root, bool gpu, const char *devices,
                             sw_error *err) {
    int dev, proc, place;
    SW_TRY(open_folder(root->folder_fd, err));
    SW_TRY(make_folder(root->folder_fd, "dev", 0755, &dev, err));
    sw_status status = fill_dev(dev, gpu, devices, err);
    (void)close(dev);
    SW_TRY(status);
    SW_TRY(make_folder(root->folder_fd, "proc", 0755, &proc, err));
    status = fill_proc(proc, err);
    (void)close(proc);
    SW_TRY(status);
    SW_TRY(make_folder(root->folder_fd, "tmp", 0555, &place, err));
    (void)close(place);
    SW_TRY(make_folder(root->folder_fd, SW_PRIVATE_ROOT_STAGE + 1, 0555, &place, err));
    (void)close(place);
    return shut_folder(root->folder_fd, err);
}

static sw_status close_root(sw_private_root *root, bool gpu, const char *devices, sw_error *err) {
    const mount_attributes read_only = {.set = MOUNT_READ_ONLY | MOUNT_NO_SET_USER};
    SW_TRY(make_places(root, gpu, devices, err));
    if (syscall(SYS_mount_setattr, root->mount_fd, "", AT_EMPTY_PATH, &read_only,
                sizeof read_only) != 0)
        return failed(err, "making a private root read-only");
    root->gpu = gpu;
    root->closed = true;
    return SW_OK;
}

sw_status sw_private_root_close(sw_private_root *root, bool gpu, const char *devices,
                                sw_error *err) {
    SW_TRY(check_open(root, err));
    return keep(root, close_root(root, gpu, devices, err));
}
