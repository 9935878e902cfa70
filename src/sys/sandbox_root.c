/* SPDX-License-Identifier: Apache-2.0
 *
 * A command's file system, from the child's side (docs/formats/command.md, CMD-020 to CMD-025).
 * Async-signal-safe, as all of the child's way is.
 *
 * The root comes as a mount that is attached nowhere. It is put over a folder that every Linux has,
 * becomes `/` by pivot_root, and the old root with everything below it is let go. Then no path
 * leads outside, whatever the command finds out later; Landlock says it a second time.
 */
#include "sys/sandbox_internal.h"

#include "sys/private_root.h"
#include <errno.h>
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { MOVE_EMPTY_PATH = 4 /* MOVE_MOUNT_F_EMPTY_PATH */, LANDLOCK_BELOW_PATH = 1 };

/* linux/landlock.h; older headers lack some. */
enum landlock_right {
    EXECUTE = 1 << 0,
    WRITE_FILE = 1 << 1,
    READ_FILE = 1 << 2,
    READ_FOLDER = 1 << 3,
    REMOVE_FOLDER = 1 << 4,
    REMOVE_FILE = 1 << 5,
    MAKE_FOLDER = 1 << 7,
    MAKE_FILE = 1 << 8,
    MAKE_SOCKET = 1 << 9,
    MAKE_LINK = 1 << 12,
    REFER = 1 << 13,
    TRUNCATE = 1 << 14,
    DEVICE_IOCTL = 1 << 15
};

typedef struct __attribute__((packed)) landlock_path {
    uint64_t allowed;
    int32_t parent_fd;
} landlock_path;

static bool attach(int mount_fd, const char *place) {
    return syscall(SYS_move_mount, mount_fd, "", AT_FDCWD, place, MOVE_EMPTY_PATH) == 0;
}

static bool pivot(int root_fd) {
    return attach(root_fd, "/proc") && fchdir(root_fd) == 0 &&
           syscall(SYS_pivot_root, ".", ".") == 0 && umount2(".", MNT_DETACH) == 0 &&
           chdir("/") == 0;
}

/* Both places show folders of one file system, so that one limit holds for them together; what is
 * bound keeps the flags of the mount that it comes from. */
static bool attach_scratch(int scratch_fd) {
    return attach(scratch_fd, SW_PRIVATE_ROOT_STAGE) &&
           mount(SW_PRIVATE_ROOT_STAGE "/tmp", "/tmp", NULL, MS_BIND, NULL) == 0 &&
           mount(SW_PRIVATE_ROOT_STAGE "/shm", "/dev/shm", NULL, MS_BIND, NULL) == 0 &&
           umount2(SW_PRIVATE_ROOT_STAGE, MNT_DETACH) == 0;
}

/* Until here 0 to 2 are the machine's /dev/null: locks and leases on it would be seen outside. With
 * a watch 1 and 2 are its pipe (SANDBOX-067). */
static bool open_own_null(bool watched) {
    int fd = open("/dev/null", O_RDWR | O_CLOEXEC);
    bool done = fd >= 0 && dup2(fd, 0) == 0 && (watched || (dup2(fd, 1) == 1 && dup2(fd, 2) == 2));
    int cause = errno;
    if (fd >= 0) (void)close(fd);
    errno = cause;
    return done;
}

const char *sw_sandbox_enter_root(const sw_sandbox_plan *plan) {
    const char *failed = NULL;
    if (!pivot(plan->root_slot))
        failed = "a private root";
    else if (!attach_scratch(plan->scratch_slot))
        failed = "a private scratch";
    else if (!open_own_null(plan->rules.watched))
        failed = "a /dev/null of its own";
    int cause = errno;
    (void)close(plan->root_slot);
    (void)close(plan->scratch_slot);
    errno = cause;
    return failed;
}

static bool add_path(int ruleset, const char *path, uint64_t rights) {
    int fd = open(path, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0) return false;
    const landlock_path rule = {rights, fd};
    bool done = syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_BELOW_PATH, &rule, 0) == 0;
    int cause = errno;
    (void)close(fd);
    errno = cause;
    return done;
}

/* Names in /dev; one that the machine lacks is no failure. */
static bool add_devices(int ruleset, const char *const *names, uint64_t rights) {
    static const char folder[] = "/dev/";
    char path[32];
    for (; *names != NULL; names++) {
        size_t size = 0;
        for (; folder[size] != 0; size++) path[size] = folder[size];
        for (const char *c = *names; *c != 0 && size + 1 < sizeof path; c++) path[size++] = *c;
        path[size] = 0;
        if (!add_path(ruleset, path, rights) && errno != ENOENT) return false;
    }
    return true;
}

bool sw_sandbox_add_paths(int ruleset, const sw_sandbox_plan *plan, uint64_t handled) {
    const uint64_t scratch = WRITE_FILE | READ_FILE | READ_FOLDER | REMOVE_FOLDER | REMOVE_FILE |
                             MAKE_FOLDER | MAKE_FILE | MAKE_SOCKET | MAKE_LINK | REFER | TRUNCATE;
    return add_path(ruleset, "/", EXECUTE | READ_FILE | READ_FOLDER) &&
           add_path(ruleset, "/tmp", scratch & handled) &&
           add_path(ruleset, "/dev/shm", scratch & handled) &&
           add_devices(ruleset, sw_private_root_written, READ_FILE | WRITE_FILE) &&
           (!plan->rules.root->gpu ||
            add_devices(ruleset, sw_private_root_gpu,
                        (READ_FILE | WRITE_FILE | DEVICE_IOCTL) & handled));
}
