/* SPDX-License-Identifier: Apache-2.0
 *
 * The child's way into the sandbox (docs/formats/sandbox.md, SANDBOX-004 to SANDBOX-010).
 * Async-signal-safe; system calls that the C library would spread to threads it believes in
 * (setresuid and its kin) are made directly.
 *
 * The order and its reasons: namespaces while we may still make them; another user, then no
 * capabilities; limits; no_new_privs before Landlock and seccomp, which demand it; not dumpable and
 * the death signal after the change of user, which resets both; the filter last, because it forbids
 * all of the above. A command enters its root with the namespaces (sandbox_root.c): every path that
 * is opened later is one of its own.
 */
#include "sys/sandbox_internal.h"

#include "sys/private_root.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Landlock's interface (Documentation/userspace-api/landlock.rst), spelled out because the headers
 * at hand may be older than the kernel. */
/* SECCOMP_FILTER_FLAG_NEW_LISTENER, and _WAIT_KILLABLE_RECV: a signal that comes while the watch
 * looks is no EINTR of a call that never gives one. */
enum { WITH_LISTENER = 8 | 32 };
enum { LANDLOCK_VERSION_FLAG = 1, NATIVE_DESCRIPTORS_MAX = 64, COMMAND_DESCRIPTORS_MAX = 1024 };

typedef struct landlock_attr {
    uint64_t fs, net, scoped;
} landlock_attr;

/* Every access right that `abi` knows: handled, and granted to no port or peer, and to no path but
 * a command's (sandbox_root.c). */
static landlock_attr everything(int abi) {
    static const unsigned fs_rights[] = {0,  13, 14,
                                         15, 15, 16}; /* ABI 1 to 5; later ones add none */
    unsigned rights = fs_rights[abi < 5 ? abi : 5];
    return (landlock_attr){.fs = (UINT64_C(1) << rights) - 1,
                           .net = abi >= 4 ? 3 : 0,     /* bind and connect over TCP */
                           .scoped = abi >= 6 ? 3 : 0}; /* abstract sockets, signals */
}

static size_t attr_bytes(int abi) {
    return abi >= 6 ? 3 * sizeof(uint64_t) : abi >= 4 ? 2 * sizeof(uint64_t) : sizeof(uint64_t);
}

static bool enter_landlock(const sw_sandbox_plan *plan, int *abi) {
    long found = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_VERSION_FLAG);
    if (found < 0) return false;
    *abi = (int)found;
    errno = ENOSYS;
    if (found < SW_SANDBOX_LANDLOCK_ABI_MIN) return false;
    landlock_attr attr = everything((int)found);
    long ruleset = syscall(SYS_landlock_create_ruleset, &attr, attr_bytes((int)found), 0);
    if (ruleset < 0) return false;
    bool done = (plan->rules.root == NULL || sw_sandbox_add_paths((int)ruleset, plan, attr.fs)) &&
                syscall(SYS_landlock_restrict_self, (int)ruleset, 0) == 0;
    int cause = errno;
    (void)close((int)ruleset);
    errno = cause;
    return done;
}

/* A command cannot do without any: its children must die with it, its root is no one else's, and
 * its sockets have no other end outside (SANDBOX-035). */
static const char *enter_namespaces(const sw_sandbox_plan *plan, sw_sandbox_layers *layers) {
    layers->pid_namespace = (plan->clone_flags & CLONE_NEWPID) != 0;
    layers->network_namespace = unshare(CLONE_NEWNET) == 0;
    layers->ipc_namespace = unshare(CLONE_NEWIPC) == 0;
    layers->mount_namespace =
        unshare(CLONE_NEWNS) == 0 && mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0;
    if (plan->rules.root == NULL) return NULL;
    if (!layers->mount_namespace) return "a mount namespace";
    errno = EPERM;
    if (!layers->pid_namespace) return "a PID namespace";
    if (!layers->network_namespace) return "a network namespace";
    if (!layers->ipc_namespace) return "an IPC namespace";
    const char *failed = sw_sandbox_enter_root(plan);
    layers->private_root = failed == NULL;
    return failed;
}

/* Root becomes nobody. Others stay who they are: the kernel lets them be no one else. */
static bool enter_other_user(sw_sandbox_layers *layers) {
    const int id = SW_SANDBOX_USER;
    if (syscall(SYS_geteuid) != 0) return true;
    if (syscall(SYS_setgroups, 0, NULL) != 0 || syscall(SYS_setresgid, id, id, id) != 0 ||
        syscall(SYS_setresuid, id, id, id) != 0)
        return false;
    layers->other_user = true;
    return true;
}

static bool drop_capabilities(void) {
    struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
    const struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = {{0, 0, 0}, {0, 0, 0}};
    return syscall(SYS_capset, &header, none) == 0;
}

static bool limit_to(int resource, rlim_t most) {
    const struct rlimit limit = {most, most};
    return setrlimit((__rlimit_resource_t)resource, &limit) == 0;
}

/* SANDBOX-046: 0 would still hand cores to a program that core_pattern names. While we are root,
 * because who started us may have forbidden 1. */
static bool forbid_cores(const sw_sandbox_rules *rules, sw_sandbox_layers *layers) {
    bool native = rules->profile == SW_SANDBOX_NATIVE;
    layers->no_core = limit_to(RLIMIT_CORE, native ? 0 : SW_SANDBOX_CORE_NOWHERE);
    return layers->no_core;
}

static bool enter_limits(const sw_sandbox_plan *plan) {
    const sw_sandbox_rules *rules = &plan->rules;
    bool native = rules->profile == SW_SANDBOX_NATIVE;
    return (native || limit_to(RLIMIT_NPROC, plan->task_limit)) &&
           limit_to(RLIMIT_FSIZE, native ? 0 : rules->root->scratch_bytes) &&
           limit_to(RLIMIT_NOFILE, native ? NATIVE_DESCRIPTORS_MAX : COMMAND_DESCRIPTORS_MAX) &&
           (rules->memory_limit_bytes == 0 || limit_to(RLIMIT_AS, rules->memory_limit_bytes));
}

/* The parent may have died before the signal was asked for; then nobody holds the other end. */
static bool follow_parent(int parent_end) {
    struct pollfd end = {.fd = parent_end};
    if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) != 0) return false;
    return poll(&end, 1, 0) >= 0 && (end.revents & (POLLERR | POLLHUP)) == 0;
}

/* Where memory runs out the kernel ends processes of the command before any other (SANDBOX-048);
 * what they fork inherits it. While /proc is still there. */
static void stand_first_in_line(void) {
    int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
    if (fd < 0) return;
    (void)!write(fd, "1000", 4);
    (void)close(fd);
}

const char *sw_sandbox_enter(const sw_sandbox_plan *plan, sw_sandbox_layers *layers) {
    if (plan->rules.profile == SW_SANDBOX_COMMAND) stand_first_in_line();
    const char *failed = enter_namespaces(plan, layers);
    if (failed != NULL) return failed;
    if (!forbid_cores(&plan->rules, layers)) return "a core limit";
    if (!enter_other_user(layers)) return "another user";
    if (!drop_capabilities()) return "no capabilities";
    if (!enter_limits(plan)) return "resource limits";
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return "no_new_privs";
    layers->no_new_privs = true;
    if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0) return "not dumpable";
    layers->not_dumpable = true;
    if (!follow_parent(plan->parent_end)) return "the death signal";
    if (!enter_landlock(plan, &layers->landlock_abi)) return "Landlock";
    return NULL;
}

/* Where a listener cannot be had (Linux before 5.19, or one that holds us already) the same list
 * holds, and nobody is told. */
bool sw_sandbox_close(const sw_sandbox_plan *plan, int *listener) {
    *listener = -1;
    if (plan->rules.watched)
        *listener =
            (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, WITH_LISTENER, &plan->watched);
    return *listener >= 0 || syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &plan->filter) == 0;
}
