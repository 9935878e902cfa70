/* SPDX-License-Identifier: Apache-2.0
 *
 * The child's side of a start. Everything here is async-signal-safe: between clone and exec the
 * child shares nothing but a copy of a process that may have had threads.
 */
#ifndef SW_SYS_SANDBOX_INTERNAL_H
#define SW_SYS_SANDBOX_INTERNAL_H
#include "sys/sandbox.h"

#include <linux/filter.h>

typedef struct sw_sandbox_plan {
    sw_sandbox_rules rules;
    struct sock_fprog filter; /* from sw_sandbox_filter, made before the clone */
    unsigned clone_flags;     /* namespaces that the clone itself made */
    int parent_pipe;          /* write end; POLLERR there means that the parent is gone */
} sw_sandbox_plan;

/* Establishes everything but the filter. Returns NULL, or the name of the required layer that
 * failed, errno as the kernel left it. */
const char *sw_sandbox_enter(const sw_sandbox_plan *plan, sw_sandbox_layers *layers);
/* The last step: from here on only the list is allowed. */
bool sw_sandbox_close(const sw_sandbox_plan *plan);

#endif
