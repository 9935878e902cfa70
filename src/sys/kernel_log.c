/* SPDX-License-Identifier: Apache-2.0
 *
 * The settings of the kernel that decide what a crash prints (SANDBOX-050 to SANDBOX-053).
 *
 * Two runs at once: each holds a shared lock on the first setting's own file while its command
 * runs. Who ends and gets the lock alone puts back what it changed itself; who does not leaves all
 * as it is. So no run opens the log under another, and a run that found it quiet has nothing to put
 * back.
 */
#include "sys/kernel_log.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

enum { PATH_BYTES = 4096, LOCK_TRIES = 50, LOCK_WAIT_MS = 20 };

typedef struct setting {
    const char *name, *path;
    int most;
    bool optional; /* a kernel without it has nothing to be silenced by it */
} setting;

static const setting settings[SW_KERNEL_LOG_SETTINGS] = {
    /* addresses, registers and code bytes of a fault; a frame that is no signal's */
    {"debug.exception-trace", "/proc/sys/debug/exception-trace", 0, false},
    /* the same for every signal that kills */
    {"kernel.print-fatal-signals", "/proc/sys/kernel/print-fatal-signals", 0, false},
    /* of what is printed all the same a console gets the most urgent alone, level 0 ... */
    {"kernel.printk", "/proc/sys/kernel/printk", 1, false},
    {"printk.ignore_loglevel", "/sys/module/printk/parameters/ignore_loglevel", 0, true},
    /* ... and of these one has a process's name: a processor that the host withheld for long */
    {"kernel.soft_watchdog", "/proc/sys/kernel/soft_watchdog", 0, true},
    /* a panic prints at every level, whom it names too: running out of memory must not be one */
    {"vm.panic_on_oom", "/proc/sys/vm/panic_on_oom", 0, false},
};

static bool make_path(char path[PATH_BYTES], const char *root, const char *below) {
    int size = snprintf(path, PATH_BYTES, "%s%s", root, below);
    return size > 0 && size < PATH_BYTES;
}

static ssize_t read_text(const char *root, const char *below, char *text, size_t room) {
    char path[PATH_BYTES];
    if (!make_path(path, root, below)) return -1;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    ssize_t size = fd < 0 ? -1 : read(fd, text, room - 1);
    int cause = errno;
    if (fd >= 0) (void)close(fd);
    errno = cause;
    text[size < 0 ? 0 : size] = 0;
    return size;
}

/* Its first number (Y is 1 and N is 0), or -1. */
static int read_setting(const char *root, const setting *s) {
    char text[64], *end;
    if (read_text(root, s->path, text, sizeof text) < 0)
        return s->optional && errno == ENOENT ? 0 : -1;
    if (text[0] == 'Y' || text[0] == 'N') return text[0] == 'Y';
    long value = strtol(text, &end, 10);
    return end == text || value < 0 || value > INT32_MAX ? -1 : (int)value;
}

/* Where a file has several numbers the others stay: the kernel takes as many as it is given. */
static void write_setting(const char *root, const setting *s, int value) {
    char path[PATH_BYTES], text[16];
    if (!make_path(path, root, s->path)) return;
    int fd = open(path, O_WRONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) return;
    int size = snprintf(text, sizeof text, "%d", value);
    (void)!write(fd, text, (size_t)size);
    (void)close(fd);
}

/* A socket takes cores whatever the limit is (SANDBOX-046). */
static bool cores_go_to_a_socket(const char *root) {
    char text[256];
    return read_text(root, "/proc/sys/kernel/core_pattern", text, sizeof text) < 0 ||
           text[0] == '@';
}

const char *sw_kernel_log_loud(const char *root) {
    for (size_t i = 0; i < SW_KERNEL_LOG_SETTINGS; i++) {
        int value = read_setting(root, &settings[i]);
        if (value < 0 || value > settings[i].most) return settings[i].name;
    }
    return cores_go_to_a_socket(root) ? "kernel.core_pattern" : NULL;
}

/* Whoever puts back holds it alone, for a moment. */
static int take_lock(const char *root) {
    char path[PATH_BYTES];
    const struct pollfd none = {.fd = -1};
    if (!make_path(path, root, settings[0].path)) return -1;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    for (int i = 0; fd >= 0 && i < LOCK_TRIES; i++) {
        if (flock(fd, LOCK_SH | LOCK_NB) == 0) return fd;
        struct pollfd wait = none;
        (void)poll(&wait, 1, LOCK_WAIT_MS);
    }
    if (fd >= 0) (void)close(fd);
    return -1;
}

static void note_change(sw_kernel_log *log, const char *name, int before) {
    size_t size = strlen(log->changed);
    (void)snprintf(log->changed + size, sizeof log->changed - size, "%s%s was %d",
                   size > 0 ? ", " : "", name, before);
}

static void note_loud(const char *root, sw_kernel_log *log) {
    const char *name = sw_kernel_log_loud(root);
    if (name == NULL) return;
    (void)snprintf(log->loud, sizeof log->loud, "%s", name);
    for (size_t i = 0; i < SW_KERNEL_LOG_SETTINGS; i++) {
        int value = strcmp(settings[i].name, name) == 0 ? read_setting(root, &settings[i]) : -1;
        if (value >= 0) (void)snprintf(log->loud, sizeof log->loud, "%s is %d", name, value);
    }
}

void sw_kernel_log_hush(const char *root, sw_kernel_log *log) {
    *log = (sw_kernel_log){.open = true, .lock_fd = take_lock(root)};
    for (size_t i = 0; i < SW_KERNEL_LOG_SETTINGS; i++) {
        int before = read_setting(root, &settings[i]);
        log->before[i] = -1;
        if (log->lock_fd < 0 || before <= settings[i].most) continue;
        write_setting(root, &settings[i], settings[i].most);
        if (read_setting(root, &settings[i]) > settings[i].most) continue;
        log->before[i] = before;
        note_change(log, settings[i].name, before);
    }
    note_loud(root, log);
}

bool sw_kernel_log_restore(const char *root, sw_kernel_log *log) {
    if (!log->open) return true;
    bool quiet = log->loud[0] != 0 || sw_kernel_log_loud(root) == NULL;
    bool alone = log->lock_fd >= 0 && flock(log->lock_fd, LOCK_EX | LOCK_NB) == 0;
    for (size_t i = 0; alone && i < SW_KERNEL_LOG_SETTINGS; i++)
        if (log->before[i] >= 0) write_setting(root, &settings[i], log->before[i]);
    if (log->lock_fd >= 0) (void)close(log->lock_fd);
    *log = (sw_kernel_log){0};
    return quiet;
}
