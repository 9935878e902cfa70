/* SPDX-License-Identifier: Apache-2.0
 *
 * What the kernel prints of a process that crashes (SANDBOX-050 on): its name, addresses and bytes
 * of its code, which a hostile script chooses. They go to the kernel's log, and on some machines
 * from there to a console that is the host's to read.
 */
#ifndef SW_SYS_KERNEL_LOG_H
#define SW_SYS_KERNEL_LOG_H
#include "base/base.h"

#define SW_KERNEL_LOG_SETTINGS 6

/* From sw_kernel_log_hush to sw_kernel_log_restore; before and after, all zero. */
typedef struct sw_kernel_log {
    bool open;
    int lock_fd;
    int before[SW_KERNEL_LOG_SETTINGS]; /* -1: was not changed */
    char changed[256];                  /* "debug.exception-trace was 1, ..."; empty: nothing */
    char loud[128]; /* the first that stays as it must not be: "kernel.printk is 7"; or empty */
} sw_kernel_log;

/* `root` is "" (in tests a folder with a /proc and a /sys). Reads alone: NULL when the kernel
 * prints nothing of a crash, or the name of a setting that says otherwise or cannot be read. */
const char *sw_kernel_log_loud(const char *root);
/* Sets what is not as it must be and may be written. Never fails: `loud` tells. */
void sw_kernel_log_hush(const char *root, sw_kernel_log *log);
/* Puts back what the hush changed, unless another run in the same PID namespace needs it still:
 * then it stays. False when something is loud by now, which somebody else must have set. */
bool sw_kernel_log_restore(const char *root, sw_kernel_log *log);
#endif
