/* SPDX-License-Identifier: Apache-2.0
 *
 * The child's side of a start. Everything here is async-signal-safe: between clone and exec the
 * child shares nothing but a copy of a process that may have had threads.
 */
#ifndef SW_SYS_SANDBOX_INTERNAL_H
#define SW_SYS_SANDBOX_INTERNAL_H
#include "sys/sandbox.h"

#include <linux/filter.h>

/* RLIMIT_CORE of a command: too small for a file, and the kernel's sign that no program gets it
 * either (fs/coredump.c). */
#define SW_SANDBOX_CORE_NOWHERE 1

typedef struct sw_sandbox_plan {
    sw_sandbox_rules rules;
    struct sock_fprog filter;    /* from sw_sandbox_filter, made before the clone */
    struct sock_fprog watched;   /* of a command with a watch: the same for its listener */
    unsigned clone_flags;        /* namespaces that the clone itself made */
    size_t task_limit;           /* of a command */
    int parent_end;              /* a socket; a hang-up there means that the parent is gone */
    int root_slot, scratch_slot; /* a command's two mounts, as the child's descriptors */
} sw_sandbox_plan;

/* Establishes everything but the filter. Returns NULL, or the name of the required layer that
 * failed, errno as the kernel left it. */
const char *sw_sandbox_enter(const sw_sandbox_plan *plan, sw_sandbox_layers *layers);
/* The last step: from here on only the list is allowed. *listener: of a list that is watched, or -1
 * where the kernel has none to give. */
bool sw_sandbox_close(const sw_sandbox_plan *plan, int *listener);

/* A command's `/` and scratch (CMD-020, CMD-021) in a mount namespace of the child's own, and no
 * other mount; closes both descriptors. NULL, or the layer that failed. */
const char *sw_sandbox_enter_root(const sw_sandbox_plan *plan);
/* What Landlock leaves a command (CMD-023), from inside its root. */
bool sw_sandbox_add_paths(int ruleset, const sw_sandbox_plan *plan, uint64_t handled);

/* image.c: what is left of `from` in a sealed memory file that may be executed and not read. */
sw_status sw_image_copy(int from, size_t limit, int *fd, sw_bytes *mapped, sw_error *err);

#endif
