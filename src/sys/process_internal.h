/* SPDX-License-Identifier: Apache-2.0
 *
 * A start, shared by its two sides: the parent's (process.c) and the child's (process_child.c), and
 * the watch over what a command calls for (watch.c).
 */
#ifndef SW_SYS_PROCESS_INTERNAL_H
#define SW_SYS_PROCESS_INTERNAL_H
#include "sys/process.h"
#include "sys/sandbox_internal.h"
#include <linux/seccomp.h>
#include <signal.h>

enum {
    SW_PROCESS_FIRST_FD = 3,
    SW_PROCESS_FDS = 160, /* CMD-040: two for each of 64 shards, and a few */
    SW_PROCESS_NAME_BYTES = 32
};

/* What the child tells, a message each time. */
typedef struct sw_process_report {
    sw_sandbox_layers layers;
    int cause; /* errno */
    char failed[SW_PROCESS_NAME_BYTES];
} sw_process_report;

typedef struct sw_starter {
    const sw_spawn *what;
    sw_sandbox_plan plan;
    int null, hear, tell, image; /* hear and tell: the two ends of a pair of sockets */
    int output, printed;         /* what the child has at 1 and 2; with a watch a pipe's two ends */
    int image_slot, report_slot; /* in the child; the plan's two slots follow */
    sigset_t signals;            /* the caller's mask */
} sw_starter;

/* The child from its first instruction to the program's. System calls only. */
_Noreturn void sw_process_run_child(sw_starter *s);

/* Takes both descriptors and answers until the end (watch.c): the listener of a command's list, or
 * -1 where there is none; the end of the pipe that the command prints into. */
sw_status sw_watch_begin(int listener, int printed, const struct sw_private_root *root,
                         sw_watch **out, sw_error *err);

/* Where a command's files are, to the watch. */
typedef struct sw_watch_place {
    int root_fd;
    dev_t root, scratch;
} sw_watch_place;
/* Calls that the list tells and that go on (watch_look.c). */
bool sw_watch_goes_on(const struct seccomp_data *call);
/* 1 << SW_SANDBOX_ACT_..., as far as what the caller shows at this moment says so; 0 where we may
 * not look. The kernel alone refuses, whatever is said here. */
unsigned sw_watch_look(const sw_watch_place *place, pid_t caller, const struct seccomp_data *call);
#endif
