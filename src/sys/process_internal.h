/* SPDX-License-Identifier: Apache-2.0
 *
 * A start, shared by its two sides: the parent's (process.c) and the child's (process_child.c), and
 * the watch over what a command calls for (watch.c).
 */
#ifndef SW_SYS_PROCESS_INTERNAL_H
#define SW_SYS_PROCESS_INTERNAL_H
#include "sys/process.h"
#include "sys/sandbox_internal.h"
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
    int image_slot, report_slot; /* in the child; the plan's two slots follow */
    sigset_t signals;            /* the caller's mask */
} sw_starter;

/* The child from its first instruction to the program's. System calls only. */
_Noreturn void sw_process_run_child(sw_starter *s);

/* Takes the listener of a command's list and answers it until the end (watch.c). */
sw_status sw_watch_begin(int listener, sw_watch **out, sw_error *err);
#endif
