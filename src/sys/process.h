/* SPDX-License-Identifier: Apache-2.0
 *
 * Processes: a program image in a sealed memfd, and a child started from it under the sandbox.
 */
#ifndef SW_SYS_PROCESS_H
#define SW_SYS_PROCESS_H
#include "base/base.h"
#include "sys/sandbox.h"
#include <sys/types.h>

/* Reads the program once into a memfd, seals it against every change and returns its fd; `mapped`
 * are the bytes to hash. The file can be executed and not read (mode 0111), which keeps its process
 * from being dumped. */
SW_NODISCARD sw_status sw_image_load(const char *path, size_t limit, int *fd, sw_bytes *mapped,
                                     sw_error *err);
void sw_image_unload(int *fd, sw_bytes *mapped);
/* An anonymous shared-memory file, sealed against shrink, grow and writing after sw_shared_seal. */
SW_NODISCARD sw_status sw_shared_make(const char *name, size_t size, int *fd, void **map,
                                      sw_error *err);
/* After the seal readers map it MAP_PRIVATE, PROT_READ: older kernels refuse shared maps then. */
SW_NODISCARD sw_status sw_shared_seal(int fd, void **map, size_t size,
                                      sw_error *err); /* unmaps *map */
/* The same memory as an open file of its own, to read: its offset is nobody else's, and reading it
 * leaves no time behind. For one child of several (WRK-011). */
SW_NODISCARD sw_status sw_shared_reopen(int fd, int *out, sw_error *err);

/* Sees what a command calls for and does not get, of what kind it is and nothing else (SANDBOX-060,
 * SANDBOX-065), and drains what it prints. Threads of its own do, so that no work of ours holds the
 * command up. The command can hold up those that look at its memory, and so its own calls; its end
 * frees them. */
typedef struct sw_watch sw_watch;
/* Bits 1 << sw_sandbox_act so far, each at most once; 0 for NULL. From any thread. */
unsigned sw_watch_seen(const sw_watch *w);
/* When the child has ended: all of the bits. NULL is nothing to do. */
unsigned sw_watch_end(sw_watch **w);

typedef struct sw_spawn {
    int image_fd; /* program (sealed memfd); -1: argv[0], a path in the private root, no script */
    const char *const *argv;        /* no secret ever; NULL-terminated */
    const char *const *environment; /* "NAME=VALUE", NULL-terminated; NULL: empty */
    const int *fds; /* fds[i] becomes descriptor 3+i of the child; 0 is its /dev/null, 1 and 2
                       that or a watch's pipe */
    size_t fd_count;
    const sw_sandbox_rules
        *sandbox;     /* what the child must be held by before its first instruction */
    sw_watch **watch; /* of a command: gets its watch, which hears no call where the kernel has no
                         listener (layers.watched); NULL with a native worker */
} sw_spawn;
/* The child dies with the calling thread (PR_SET_PDEATHSIG: call from one that lasts), has the
 * environment that it was given and its own session. `layers` says which sandbox layers hold. A
 * required layer that cannot be had: SW_REFUSED "sandbox", and no child. Of a command's program:
 * SW_MISSING, or SW_MALFORMED "tree" when it cannot be executed or is a script. */
SW_NODISCARD sw_status sw_process_start(const sw_spawn *what, pid_t *pid, int *pidfd,
                                        sw_sandbox_layers *layers, sw_error *err);
/* What sw_process_start asks of the machine itself under these rules (SANDBOX-052, SANDBOX-054),
 * for who wants to know before there is anything to lose. */
SW_NODISCARD sw_status sw_process_check_machine(const sw_sandbox_rules *rules, sw_error *err);
/* Waits; *exit_code is 0..255, or 256+signal. */
SW_NODISCARD sw_status sw_process_wait(pid_t pid, int *exit_code, sw_error *err);
void sw_process_kill(int pidfd); /* SIGKILL */

/* How many processes this machine has ended since its start because memory ran out; 0 where the
 * kernel does not tell. */
uint64_t sw_process_memory_kills(void);

/* For the agent and every command that touches a secret: not dumpable, RLIMIT_CORE 0 (at most 1 for
 * what it starts, SANDBOX-046), umask 077. */
SW_NODISCARD sw_status sw_process_harden(sw_error *err);
#endif
