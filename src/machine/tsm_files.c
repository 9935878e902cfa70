/* SPDX-License-Identifier: Apache-2.0
 *
 * The kernel's configfs and sysfs files by plain system calls. Nothing is retried here: what EBUSY
 * and EINTR mean is the protocol's business (tsm.c).
 */
#include "machine/collect.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { READ_STEP_BYTES = 4096 };

static int make_entry(void *context, const char *folder) {
    (void)context;
    return mkdir(folder, 0700) == 0 ? 0 : errno;
}

static int remove_entry(void *context, const char *folder) {
    (void)context;
    return rmdir(folder) == 0 ? 0 : errno;
}

static int read_all(int fd, size_t limit, sw_buffer *out) {
    uint8_t step[READ_STEP_BYTES];
    for (size_t total = 0;;) {
        ssize_t n = read(fd, step, sizeof step);
        if (n < 0) return errno;
        if (n == 0) return 0;
        total += (size_t)n;
        if (total > limit) return EFBIG;
        sw_put_bytes(out, SW_BYTES(step, (size_t)n));
        if (out->failed) return ENOMEM;
    }
}

static int read_file(void *context, const char *path, size_t limit, sw_buffer *out) {
    (void)context;
    size_t before = out->size;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0) return errno;
    int cause = read_all(fd, limit, out);
    (void)close(fd);
    if (cause != 0 && !out->failed) out->size = before; /* half a file is none */
    return cause;
}

/* An attribute takes its value by one write; a part of it would be another value. */
static int write_file(void *context, const char *path, sw_bytes bytes) {
    (void)context;
    int fd = open(path, O_WRONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0) return errno;
    ssize_t n = write(fd, bytes.data, bytes.size);
    int cause = n < 0 ? errno : (size_t)n == bytes.size ? 0 : EIO;
    /* configfs hands a binary attribute to its owner when it is closed. */
    if (close(fd) != 0 && cause == 0) cause = errno;
    return cause;
}

static void pause_ms(void *context, int64_t ms) {
    (void)context;
    struct timespec t = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};
    (void)nanosleep(&t, NULL); /* a signal only shortens it */
}

sw_tsm_files sw_tsm_files_system(void) {
    return (sw_tsm_files){make_entry, remove_entry, read_file, write_file, pause_ms, NULL};
}

sw_tsm sw_tsm_system(const sw_clock *clock, const sw_entropy *entropy) {
    return (sw_tsm){.report_folder = SW_TSM_REPORT_FOLDER,
                    .measurement_folder = SW_TDX_MEASUREMENTS,
                    .lock_path = SW_TSM_LOCK_PATH,
                    .files = sw_tsm_files_system(),
                    .clock = *clock,
                    .entropy = *entropy};
}
