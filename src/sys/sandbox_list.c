/* SPDX-License-Identifier: Apache-2.0
 *
 * The allow lists as tables (docs/formats/sandbox.md, SANDBOX-020 to SANDBOX-030), and the seccomp
 * program made from them with libseccomp.
 *
 * Everything that no line names kills the process. A line says what a call may be: free, free with
 * certain arguments (any other kills), or answered with an error because the C library tries it at
 * start and lives without. fstat is newfstatat with an empty path on x86-64, hence that line.
 */
#include "sys/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <seccomp.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

enum { FILTER_BYTES_MAX = BPF_MAXINSNS * sizeof(struct sock_filter) };

typedef enum kind {
    ALLOW,
    NO_EXEC_MEMORY, /* third argument without PROT_EXEC */
    THREAD_ONLY,    /* clone that makes a thread, in no new namespace */
    NO_NAMESPACE,   /* clone in no new namespace */
    ABSENT,      /* ENOSYS: clone3 keeps its flags where no filter sees them; clone is tried next */
    DENIED,      /* EACCES */
    NO_TERMINAL, /* ENOTTY */
    IMAGE_ONLY,  /* execveat of our own program by descriptor */
    OWN_LIMITS,  /* prlimit64 that reads the caller's limits */
    OPEN_FILE_STAT, /* newfstatat by descriptor */
    FLAG_QUERY,     /* fcntl that only asks */
    SELF_PRCTL,     /* prctl that asks, names a thread or forbids dumps */
    ADD_FILTER,     /* seccomp that tightens */
} kind;

/* What every worker does: computes, moves bytes over descriptors it was given, sleeps, ends. */
#define COMMON_CALLS(X)                                                                            \
    X(read, ALLOW)                                                                                 \
    X(readv, ALLOW)                                                                                \
    X(pread64, ALLOW)                                                                              \
    X(write, ALLOW)                                                                                \
    X(writev, ALLOW)                                                                               \
    X(lseek, ALLOW)                                                                                \
    X(close, ALLOW)                                                                                \
    X(poll, ALLOW)                                                                                 \
    X(ppoll, ALLOW)                                                                                \
    X(brk, ALLOW)                                                                                  \
    X(munmap, ALLOW)                                                                               \
    X(mremap, ALLOW)                                                                               \
    X(madvise, ALLOW)                                                                              \
    X(mlock, ALLOW)                                                                                \
    X(munlock, ALLOW)                                                                              \
    X(futex, ALLOW)                                                                                \
    X(sched_yield, ALLOW)                                                                          \
    X(sched_getaffinity, ALLOW)                                                                    \
    X(set_robust_list, ALLOW)                                                                      \
    X(set_tid_address, ALLOW)                                                                      \
    X(rseq, ALLOW)                                                                                 \
    X(arch_prctl, ALLOW)                                                                           \
    X(getrandom, ALLOW)                                                                            \
    X(getpid, ALLOW)                                                                               \
    X(gettid, ALLOW)                                                                               \
    X(getuid, ALLOW)                                                                               \
    X(geteuid, ALLOW)                                                                              \
    X(getgid, ALLOW)                                                                               \
    X(getegid, ALLOW)                                                                              \
    X(getrusage, ALLOW)                                                                            \
    X(sysinfo, ALLOW)                                                                              \
    X(clock_gettime, ALLOW)                                                                        \
    X(clock_nanosleep, ALLOW)                                                                      \
    X(nanosleep, ALLOW)                                                                            \
    X(gettimeofday, ALLOW)                                                                         \
    X(rt_sigaction, ALLOW)                                                                         \
    X(rt_sigprocmask, ALLOW)                                                                       \
    X(rt_sigreturn, ALLOW)                                                                         \
    X(sigaltstack, ALLOW)                                                                          \
    X(restart_syscall, ALLOW)                                                                      \
    X(exit, ALLOW)                                                                                 \
    X(exit_group, ALLOW)                                                                           \
    X(prlimit64, OWN_LIMITS)                                                                       \
    X(prctl, SELF_PRCTL)                                                                           \
    X(seccomp, ADD_FILTER)                                                                         \
    X(execveat, IMAGE_ONLY)

#define NATIVE_CALLS(X)                                                                            \
    X(mmap, NO_EXEC_MEMORY)                                                                        \
    X(mprotect, NO_EXEC_MEMORY)                                                                    \
    X(clone, THREAD_ONLY)                                                                          \
    X(clone3, ABSENT)                                                                              \
    X(newfstatat, OPEN_FILE_STAT)                                                                  \
    X(fcntl, FLAG_QUERY)                                                                           \
    X(ioctl, NO_TERMINAL)                                                                          \
    X(readlink, DENIED)

/* What an interpreter needs on top: files (as far as Landlock goes), processes, code it maps.
 * Sockets answer with an error because imports try them. */
#define COMMAND_CALLS(X)                                                                           \
    X(mmap, ALLOW)                                                                                 \
    X(mprotect, ALLOW)                                                                             \
    X(clone, NO_NAMESPACE)                                                                         \
    X(clone3, ABSENT)                                                                              \
    X(fork, ALLOW)                                                                                 \
    X(vfork, ALLOW)                                                                                \
    X(execve, ALLOW)                                                                               \
    X(wait4, ALLOW)                                                                                \
    X(waitid, ALLOW)                                                                               \
    X(kill, ALLOW)                                                                                 \
    X(tgkill, ALLOW)                                                                               \
    X(open, ALLOW)                                                                                 \
    X(openat, ALLOW)                                                                               \
    X(access, ALLOW)                                                                               \
    X(faccessat, ALLOW)                                                                            \
    X(faccessat2, ALLOW)                                                                           \
    X(stat, ALLOW)                                                                                 \
    X(lstat, ALLOW)                                                                                \
    X(fstat, ALLOW)                                                                                \
    X(newfstatat, ALLOW)                                                                           \
    X(statx, ALLOW)                                                                                \
    X(statfs, ALLOW)                                                                               \
    X(fstatfs, ALLOW)                                                                              \
    X(readlink, ALLOW)                                                                             \
    X(readlinkat, ALLOW)                                                                           \
    X(getdents64, ALLOW)                                                                           \
    X(getcwd, ALLOW)                                                                               \
    X(chdir, ALLOW)                                                                                \
    X(umask, ALLOW)                                                                                \
    X(pwrite64, ALLOW)                                                                             \
    X(dup, ALLOW)                                                                                  \
    X(dup2, ALLOW)                                                                                 \
    X(dup3, ALLOW)                                                                                 \
    X(pipe, ALLOW)                                                                                 \
    X(pipe2, ALLOW)                                                                                \
    X(fcntl, ALLOW)                                                                                \
    X(ioctl, NO_TERMINAL)                                                                          \
    X(select, ALLOW)                                                                               \
    X(pselect6, ALLOW)                                                                             \
    X(epoll_create1, ALLOW)                                                                        \
    X(epoll_ctl, ALLOW)                                                                            \
    X(epoll_wait, ALLOW)                                                                           \
    X(epoll_pwait, ALLOW)                                                                          \
    X(eventfd2, ALLOW)                                                                             \
    X(sched_setaffinity, ALLOW)                                                                    \
    X(sched_getparam, ALLOW)                                                                       \
    X(sched_getscheduler, ALLOW)                                                                   \
    X(getppid, ALLOW)                                                                              \
    X(getpgrp, ALLOW)                                                                              \
    X(getgroups, ALLOW)                                                                            \
    X(getresuid, ALLOW)                                                                            \
    X(getresgid, ALLOW)                                                                            \
    X(uname, ALLOW)                                                                                \
    X(times, ALLOW)                                                                                \
    X(clock_getres, ALLOW)                                                                         \
    X(membarrier, ALLOW)                                                                           \
    X(socket, DENIED)                                                                              \
    X(socketpair, DENIED)

typedef struct rule {
    int call;
    kind kind;
} rule;

#define NAME_OF(name, kind) #name,
#define RULE_OF(name, kind) {SCMP_SYS(name), kind},
static const char *const native_names[] = {COMMON_CALLS(NAME_OF) NATIVE_CALLS(NAME_OF) NULL};
static const char *const command_names[] = {COMMON_CALLS(NAME_OF) COMMAND_CALLS(NAME_OF) NULL};
static const rule native_rules[] = {COMMON_CALLS(RULE_OF) NATIVE_CALLS(RULE_OF)};
static const rule command_rules[] = {COMMON_CALLS(RULE_OF) COMMAND_CALLS(RULE_OF)};

const char *const *sw_sandbox_list(sw_sandbox_profile profile) {
    return profile == SW_SANDBOX_NATIVE ? native_names : command_names;
}

static int add(scmp_filter_ctx ctx, uint32_t action, int call, unsigned count,
               const struct scmp_arg_cmp *compare) {
    return seccomp_rule_add_array(ctx, action, call, count, compare);
}

#define ADD(ctx, call, ...)                                                                        \
    add((ctx), SCMP_ACT_ALLOW, (call),                                                             \
        sizeof((struct scmp_arg_cmp[]){__VA_ARGS__}) / sizeof(struct scmp_arg_cmp),                \
        (struct scmp_arg_cmp[]){__VA_ARGS__})

static int add_prctls(scmp_filter_ctx ctx) {
    static const int asked[] = {PR_GET_NO_NEW_PRIVS, PR_GET_SECCOMP, PR_GET_DUMPABLE, PR_SET_NAME};
    int bad = ADD(ctx, SCMP_SYS(prctl), SCMP_A0_64(SCMP_CMP_EQ, PR_SET_DUMPABLE),
                  SCMP_A1_64(SCMP_CMP_EQ, 0));
    for (size_t i = 0; i < sizeof asked / sizeof asked[0]; i++)
        bad |= ADD(ctx, SCMP_SYS(prctl), SCMP_A0_64(SCMP_CMP_EQ, (scmp_datum_t)asked[i]));
    return bad;
}

static int add_queries(scmp_filter_ctx ctx) {
    static const int asked[] = {F_GETFD, F_GETFL, F_GET_SEALS};
    int bad = 0;
    for (size_t i = 0; i < sizeof asked / sizeof asked[0]; i++)
        bad |= ADD(ctx, SCMP_SYS(fcntl), SCMP_A1_64(SCMP_CMP_EQ, (scmp_datum_t)asked[i]));
    return bad;
}

static int add_clone(scmp_filter_ctx ctx, scmp_datum_t must) {
    const scmp_datum_t never = CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC |
                               CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET | CLONE_PTRACE;
    return ADD(ctx, SCMP_SYS(clone), SCMP_A0_64(SCMP_CMP_MASKED_EQ, must | never, must));
}

static int add_rule(scmp_filter_ctx ctx, rule r, int image_fd) {
    switch (r.kind) {
    case ALLOW:
        return add(ctx, SCMP_ACT_ALLOW, r.call, 0, NULL);
    case NO_EXEC_MEMORY:
        return ADD(ctx, r.call, SCMP_A2_64(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
    case THREAD_ONLY:
        return add_clone(ctx, CLONE_VM | CLONE_THREAD | CLONE_SIGHAND);
    case NO_NAMESPACE:
        return add_clone(ctx, 0);
    case ABSENT:
        return add(ctx, SCMP_ACT_ERRNO(ENOSYS), r.call, 0, NULL);
    case DENIED:
        return add(ctx, SCMP_ACT_ERRNO(EACCES), r.call, 0, NULL);
    case NO_TERMINAL:
        return add(ctx, SCMP_ACT_ERRNO(ENOTTY), r.call, 0, NULL);
    case IMAGE_ONLY:
        return ADD(ctx, r.call, SCMP_A0_64(SCMP_CMP_EQ, (scmp_datum_t)image_fd),
                   SCMP_A4_64(SCMP_CMP_EQ, AT_EMPTY_PATH));
    case OWN_LIMITS:
        return ADD(ctx, r.call, SCMP_A0_64(SCMP_CMP_EQ, 0), SCMP_A2_64(SCMP_CMP_EQ, 0));
    case OPEN_FILE_STAT:
        return ADD(ctx, r.call, SCMP_A3_64(SCMP_CMP_EQ, AT_EMPTY_PATH));
    case FLAG_QUERY:
        return add_queries(ctx);
    case SELF_PRCTL:
        return add_prctls(ctx);
    case ADD_FILTER:
        return ADD(ctx, r.call, SCMP_A0_64(SCMP_CMP_EQ, SECCOMP_SET_MODE_FILTER),
                   SCMP_A1_64(SCMP_CMP_EQ, 0));
    }
    return -EINVAL;
}

/* libseccomp hands its program out through a descriptor. */
static sw_status export_program(scmp_filter_ctx ctx, sw_buffer *out, sw_error *err) {
    int fd = memfd_create("seccomp", MFD_CLOEXEC);
    if (fd < 0) return sw_fail(err, SW_IO, "io", "making a memory file: %s", strerror(errno));
    uint8_t *space = NULL;
    off_t size = seccomp_export_bpf(ctx, fd) == 0 ? lseek(fd, 0, SEEK_END) : -1;
    bool fits = size > 0 && size <= FILTER_BYTES_MAX;
    if (fits) space = sw_put_space(out, (size_t)size);
    bool good = space != NULL && pread(fd, space, (size_t)size, 0) == size;
    (void)close(fd);
    return good ? SW_OK : sw_fail(err, SW_INTERNAL, "internal", "the seccomp program was not made");
}

sw_status sw_sandbox_filter(sw_sandbox_profile profile, int image_fd, sw_buffer *out,
                            sw_error *err) {
    bool native = profile == SW_SANDBOX_NATIVE;
    const rule *rules = native ? native_rules : command_rules;
    size_t count = native ? sizeof native_rules / sizeof native_rules[0]
                          : sizeof command_rules / sizeof command_rules[0];
    scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_KILL_PROCESS);
    if (ctx == NULL) return sw_fail(err, SW_MEMORY, "memory", "no memory for a seccomp program");
    int bad = seccomp_attr_set(ctx, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
    for (size_t i = 0; i < count && bad == 0; i++) bad = add_rule(ctx, rules[i], image_fd);
    sw_status status = SW_OK;
    if (bad != 0)
        status = sw_fail(err, SW_INTERNAL, "internal", "the seccomp list does not compile");
    else
        status = export_program(ctx, out, err);
    seccomp_release(ctx);
    return status;
}
