/* SPDX-License-Identifier: Apache-2.0
 *
 * Whether the machine has swap, by /proc/swaps: a heading, and a line for each place (SANDBOX-054).
 * A kernel that was built without swap has no such file and says in /proc/meminfo that it is 0.
 */
#include "sys/swap.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { PATH_BYTES = 4096, TEXT_BYTES = 8192 };

/* Both files are made whole at the first read. What does not fit counts as unreadable. */
static bool read_text(const char *root, const char *below, char text[TEXT_BYTES]) {
    char path[PATH_BYTES];
    int size = snprintf(path, sizeof path, "%s%s", root, below);
    if (size <= 0 || (size_t)size >= sizeof path) return false;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    ssize_t got = fd < 0 ? -1 : read(fd, text, TEXT_BYTES - 1);
    int cause = errno;
    if (fd >= 0) (void)close(fd);
    errno = cause;
    text[got < 0 ? 0 : got] = 0;
    return got > 0 && got < TEXT_BYTES - 1;
}

bool sw_swap_is_off(const char *root) {
    char text[TEXT_BYTES];
    if (read_text(root, "/proc/swaps", text)) {
        const char *end = strchr(text, '\n');
        return strncmp(text, "Filename", 8) == 0 && end != NULL && end[1] == 0;
    }
    if (errno != ENOENT || !read_text(root, "/proc/meminfo", text)) return false;
    const char *total = strstr(text, "\nSwapTotal:");
    if (total == NULL) return false;
    total += strlen("\nSwapTotal:");
    total += strspn(total, " ");
    return strncmp(total, "0 kB\n", 5) == 0;
}
