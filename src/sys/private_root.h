/* SPDX-License-Identifier: Apache-2.0
 *
 * What the sandbox knows of a private root (sys/tree.h).
 */
#ifndef SW_SYS_PRIVATE_ROOT_H
#define SW_SYS_PRIVATE_ROOT_H
#include "sys/tree.h"

struct sw_private_root {
    int mount_fd, scratch_fd; /* mounts that are attached nowhere */
    int folder_fd;            /* the root's own folder, to read and to fill */
    uint64_t scratch_bytes;
    bool gpu, closed, broken; /* broken: something failed half way, and it cannot be closed */
};

/* The scratch is mounted here for a moment, and its two folders are bound to their places. */
#define SW_PRIVATE_ROOT_STAGE "/run"

/* Names in /dev, NULL-terminated: those of CMD-022 that may be written, and those of CMD-025. */
extern const char *const sw_private_root_written[];
extern const char *const sw_private_root_gpu[];
#endif
