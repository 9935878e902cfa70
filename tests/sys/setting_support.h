/* SPDX-License-Identifier: Apache-2.0
 *
 * A setting of the machine's kernel that a test changes for a moment: a process that waits for our
 * end puts it back, whatever becomes of us.
 */
#ifndef SW_TESTS_SETTING_SUPPORT_H
#define SW_TESTS_SETTING_SUPPORT_H
#include "cmocka_plain.h"
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static int setting_guard_end = -1;
static pid_t setting_guard;

static inline bool write_setting(const char *path, const char *text) {
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    bool done = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);
    if (fd >= 0) (void)close(fd);
    return done;
}

static inline bool read_setting(const char *path, char text[256]) {
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t size = fd < 0 ? -1 : read(fd, text, 255);
    if (fd >= 0) (void)close(fd);
    text[size < 0 ? 0 : size] = 0;
    return size > 0;
}

static inline bool can_change_setting(const char *path) {
    char text[256];
    return read_setting(path, text) && write_setting(path, text);
}

/* One at a time. Its end of the pipe closes with us, however we end. */
static inline void guard_setting(const char *path) {
    int ends[2];
    char before[256];
    assert_true(read_setting(path, before));
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    setting_guard = fork();
    assert_true(setting_guard >= 0);
    if (setting_guard == 0) {
        char byte;
        (void)close(ends[1]);
        (void)setsid();
        while (read(ends[0], &byte, 1) < 0) continue;
        _exit(write_setting(path, before) ? 0 : 1);
    }
    (void)close(ends[0]);
    setting_guard_end = ends[1];
}

static inline int put_setting_back(void) {
    int code = 0;
    (void)close(setting_guard_end);
    (void)waitpid(setting_guard, &code, 0);
    return code;
}
#endif
