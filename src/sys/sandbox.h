/* SPDX-License-Identifier: Apache-2.0
 *
 * The sandbox (DESIGN section 8): which layers hold a worker, as a table.
 *
 * Applied in the child between fork and exec, before any thread: namespaces, another user, rlimits,
 * no_new_privs, not dumpable, Landlock (no path at all), then a seccomp allow list that kills. The
 * list of the profile SW_SANDBOX_NATIVE has no open, no socket, no exec but the one execveat of
 * descriptor `image`, no fork (threads only), no ptrace, no memfd_create, no process_vm_*; W^X
 * memory is refused.
 */
#ifndef SW_SYS_SANDBOX_H
#define SW_SYS_SANDBOX_H
#include "base/base.h"
#include <sys/types.h>

typedef enum sw_sandbox_profile { SW_SANDBOX_NATIVE, SW_SANDBOX_COMMAND } sw_sandbox_profile;

typedef struct sw_sandbox_rules {
    sw_sandbox_profile profile;
    size_t memory_limit_bytes; /* RLIMIT_AS; 0 for none */
    size_t thread_limit; /* RLIMIT_NPROC-like bound through the list: clone count is not bounded by
                            seccomp, so this is advisory */
} sw_sandbox_rules;

/* Each is true when it was established for this child. required: no_new_privs, seccomp,
 * landlock_abi >= 3, no_core, not_dumpable. */
typedef struct sw_sandbox_layers {
    bool no_new_privs, seccomp, no_core, not_dumpable, other_user, network_namespace, pid_namespace,
        ipc_namespace, mount_namespace;
    int landlock_abi; /* 0 when absent */
} sw_sandbox_layers;

/* In the child: applies everything but the filter's last step; see sandbox.c for the order and
 * reasons. Never returns OK with a required layer missing. */
SW_NODISCARD sw_status sw_sandbox_enter(const sw_sandbox_rules *rules, int image_fd,
                                        sw_sandbox_layers *layers, sw_error *err);
/* The names of system calls that a profile allows, NULL-terminated: for docs and tests. */
const char *const *sw_sandbox_list(sw_sandbox_profile profile);
#endif
