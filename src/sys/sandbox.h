/* SPDX-License-Identifier: Apache-2.0
 *
 * The sandbox (DESIGN section 8): which layers hold a worker, as a table.
 *
 * Applied in the child between fork and exec, before any thread: namespaces, another user, rlimits,
 * no_new_privs, not dumpable, Landlock (no path at all), then a seccomp allow list (a native
 * worker's kills, a command's answers with an error). The list of SW_SANDBOX_NATIVE has no open, no
 * socket, no exec but the one execveat of the program's own descriptor, no fork (threads only), no
 * signal to anyone, no ptrace, no memfd_create, no process_vm_*; executable memory is refused.
 * SW_SANDBOX_COMMAND may fork, exec and open what Landlock leaves it: of its private root (CMD-020
 * ...) the tree to read and execute, the scratch to write. A private root serves one start.
 *
 * sys/process.h starts a child under these rules; sys/confine.h is the child's first call.
 */
#ifndef SW_SYS_SANDBOX_H
#define SW_SYS_SANDBOX_H
#include "base/base.h"
#include <sys/types.h>

#define SW_SANDBOX_LANDLOCK_ABI_MIN 3
/* Processes and threads of all commands together: so many, and more for each processor. */
#define SW_SANDBOX_TASKS               1024
#define SW_SANDBOX_TASKS_PER_PROCESSOR 32
#define SW_SANDBOX_USER                65534 /* "nobody", taken when we are root */

typedef enum sw_sandbox_profile { SW_SANDBOX_NATIVE, SW_SANDBOX_COMMAND } sw_sandbox_profile;

struct sw_private_root; /* sys/tree.h */

typedef struct sw_sandbox_rules {
    sw_sandbox_profile profile;
    const struct sw_private_root *root; /* closed; required with SW_SANDBOX_COMMAND, else NULL */
    size_t memory_limit_bytes;          /* RLIMIT_AS, thread stacks included; 0 for none */
    size_t thread_limit;                /* advisory: seccomp cannot count threads */
    bool silent_kernel, no_swap;        /* required (SANDBOX-052, SANDBOX-054) */
    bool watched; /* the list tells a watch (SANDBOX-060); sw_process_start sets it */
} sw_sandbox_rules;

/* What a command can be seen to do (SANDBOX-060, SANDBOX-065, SANDBOX-067): of what kind it was,
 * and nothing else. Their number is what a start can say to the host by them. */
typedef enum sw_sandbox_act {
    SW_SANDBOX_ACT_NETWORK,     /* a socket that is not AF_UNIX */
    SW_SANDBOX_ACT_PROCESS,     /* the memory, registers or descriptors of a process */
    SW_SANDBOX_ACT_FILE_SYSTEM, /* mounts, another root, namespaces, files by handle */
    SW_SANDBOX_ACT_PROGRAM,     /* a program by descriptor */
    SW_SANDBOX_ACT_RIGHTS,      /* another user, group or capability */
    SW_SANDBOX_ACT_KERNEL,      /* any other call that is not on the list */
    SW_SANDBOX_ACT_OUTSIDE,     /* a file made or changed outside the scratch */
    SW_SANDBOX_ACT_OWN_FILES,   /* a change of what its tree or its model holds */
    SW_SANDBOX_ACT_CODE,        /* a file of the scratch as a program or a library */
    SW_SANDBOX_ACT_PRINT,       /* words on descriptors 1 and 2; no wrong */
    SW_SANDBOX_ACT_COUNT
} sw_sandbox_act;
/* "the script called for the network; refused" */
const char *sw_sandbox_act_sentence(sw_sandbox_act act);

/* Each is true when it was established for this child. Required, and always true after a start:
 * no_new_privs, seccomp, landlock_abi >= 3, no_core, not_dumpable; other_user when we are root; and
 * for a command the four namespaces and private_root, which a native worker never has;
 * silent_kernel and no_swap when the rules say so.
 * The others hold wherever the kernel grants them. */
typedef struct sw_sandbox_layers {
    bool no_new_privs, seccomp, no_core, not_dumpable, other_user;
    bool network_namespace, pid_namespace, ipc_namespace, mount_namespace;
    bool private_root, silent_kernel, no_swap;
    bool watched,
        looked_into;  /* of a command: what its watch can tell (SANDBOX-064, SANDBOX-066) */
    int landlock_abi; /* 0 when absent */
} sw_sandbox_layers;

/* The names of system calls that a profile knows (most are allowed, some only with certain
 * arguments, a few answer with an error instead of killing), NULL-terminated: for docs and tests.
 */
const char *const *sw_sandbox_list(sw_sandbox_profile profile);
/* Appends the seccomp program (struct sock_filter[]) that the rules ask for; execveat passes for
 * `image_fd` alone. */
SW_NODISCARD sw_status sw_sandbox_filter(const sw_sandbox_rules *what, int image_fd, sw_buffer *out,
                                         sw_error *err);
#endif
