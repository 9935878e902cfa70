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

#include "sys/private_root.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <seccomp.h>
#include <stddef.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

enum {
    FILTER_BYTES_MAX = BPF_MAXINSNS * sizeof(struct sock_filter),
    FRONT_BYTES_MAX = 255 * sizeof(struct sock_filter) /* one jump leads over it */
};

typedef enum kind {
    ALLOW,
    NO_EXEC_MEMORY, /* third argument without PROT_EXEC */
    THREAD_ONLY,    /* clone that makes a thread, in no new namespace */
    NO_NAMESPACE,   /* clone in no new namespace */
    ABSENT,      /* ENOSYS: clone3 keeps its flags where no filter sees them; clone is tried next */
    DENIED,      /* EACCES */
    NO_TERMINAL, /* ENOTTY */
    NO_ATTRIBUTES,    /* EOPNOTSUPP */
    IMAGE_ONLY,       /* execveat of our own program by descriptor */
    OWN_LIMITS,       /* prlimit64 that reads the caller's limits */
    LIMITS_OR_DENIED, /* the same, and EACCES for anything else */
    OPEN_FILE_STAT,   /* newfstatat by descriptor */
    FLAG_QUERY,       /* fcntl that only asks */
    SELF_PRCTL,       /* prctl that asks, names a thread or forbids dumps */
    ADD_FILTER,       /* seccomp that tightens */
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
    X(execveat, IMAGE_ONLY)

#define NATIVE_CALLS(X)                                                                            \
    X(prlimit64, OWN_LIMITS)                                                                       \
    X(prctl, SELF_PRCTL)                                                                           \
    X(seccomp, ADD_FILTER)                                                                         \
    X(mmap, NO_EXEC_MEMORY)                                                                        \
    X(mprotect, NO_EXEC_MEMORY)                                                                    \
    X(clone, THREAD_ONLY)                                                                          \
    X(clone3, ABSENT)                                                                              \
    X(newfstatat, OPEN_FILE_STAT)                                                                  \
    X(fcntl, FLAG_QUERY)                                                                           \
    X(ioctl, NO_TERMINAL)                                                                          \
    X(readlink, DENIED)

/* What an interpreter needs on top: files (as far as Landlock goes), processes, code it maps. What
 * interpreters and libraries merely try answers with an error: sockets, extended attributes, the
 * scheduler's and the memory's finer settings. */
#define COMMAND_CALLS(X)                                                                           \
    X(prlimit64, LIMITS_OR_DENIED)                                                                 \
    X(prctl, DENIED)                                                                               \
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
    X(tkill, ALLOW)                                                                                \
    X(tgkill, ALLOW)                                                                               \
    X(rt_sigqueueinfo, DENIED)                                                                     \
    X(pidfd_open, ALLOW)                                                                           \
    X(open, ALLOW)                                                                                 \
    X(openat, ALLOW)                                                                               \
    X(creat, ALLOW)                                                                                \
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
    X(getdents, ALLOW)                                                                             \
    X(getdents64, ALLOW)                                                                           \
    X(getcwd, ALLOW)                                                                               \
    X(chdir, ALLOW)                                                                                \
    X(fchdir, ALLOW)                                                                               \
    X(umask, ALLOW)                                                                                \
    X(preadv, ALLOW)                                                                               \
    X(preadv2, ALLOW)                                                                              \
    X(pwrite64, ALLOW)                                                                             \
    X(pwritev, ALLOW)                                                                              \
    X(pwritev2, ALLOW)                                                                             \
    X(dup, ALLOW)                                                                                  \
    X(dup2, ALLOW)                                                                                 \
    X(dup3, ALLOW)                                                                                 \
    X(pipe, ALLOW)                                                                                 \
    X(pipe2, ALLOW)                                                                                \
    X(fcntl, ALLOW)                                                                                \
    X(flock, ALLOW)                                                                                \
    X(ioctl, NO_TERMINAL)                                                                          \
    X(mkdir, ALLOW)                                                                                \
    X(mkdirat, ALLOW)                                                                              \
    X(rmdir, ALLOW)                                                                                \
    X(unlink, ALLOW)                                                                               \
    X(unlinkat, ALLOW)                                                                             \
    X(rename, ALLOW)                                                                               \
    X(renameat, ALLOW)                                                                             \
    X(renameat2, ALLOW)                                                                            \
    X(link, ALLOW)                                                                                 \
    X(linkat, ALLOW)                                                                               \
    X(symlink, ALLOW)                                                                              \
    X(symlinkat, ALLOW)                                                                            \
    X(truncate, ALLOW)                                                                             \
    X(ftruncate, ALLOW)                                                                            \
    X(fallocate, ALLOW)                                                                            \
    X(fsync, ALLOW)                                                                                \
    X(fdatasync, ALLOW)                                                                            \
    X(syncfs, ALLOW)                                                                               \
    X(sync_file_range, ALLOW)                                                                      \
    X(msync, ALLOW)                                                                                \
    X(fadvise64, ALLOW)                                                                            \
    X(readahead, ALLOW)                                                                            \
    X(sendfile, ALLOW)                                                                             \
    X(copy_file_range, ALLOW)                                                                      \
    X(chmod, ALLOW)                                                                                \
    X(fchmod, ALLOW)                                                                               \
    X(fchmodat, ALLOW)                                                                             \
    X(utime, ALLOW)                                                                                \
    X(utimes, ALLOW)                                                                               \
    X(futimesat, ALLOW)                                                                            \
    X(utimensat, ALLOW)                                                                            \
    X(select, ALLOW)                                                                               \
    X(pselect6, ALLOW)                                                                             \
    X(epoll_create, ALLOW)                                                                         \
    X(epoll_create1, ALLOW)                                                                        \
    X(epoll_ctl, ALLOW)                                                                            \
    X(epoll_wait, ALLOW)                                                                           \
    X(epoll_pwait, ALLOW)                                                                          \
    X(epoll_pwait2, ALLOW)                                                                         \
    X(eventfd, ALLOW)                                                                              \
    X(eventfd2, ALLOW)                                                                             \
    X(timerfd_create, ALLOW)                                                                       \
    X(timerfd_settime, ALLOW)                                                                      \
    X(timerfd_gettime, ALLOW)                                                                      \
    X(signalfd, ALLOW)                                                                             \
    X(signalfd4, ALLOW)                                                                            \
    X(rt_sigpending, ALLOW)                                                                        \
    X(rt_sigsuspend, ALLOW)                                                                        \
    X(rt_sigtimedwait, ALLOW)                                                                      \
    X(pause, ALLOW)                                                                                \
    X(alarm, ALLOW)                                                                                \
    X(getitimer, ALLOW)                                                                            \
    X(setitimer, ALLOW)                                                                            \
    X(timer_create, ALLOW)                                                                         \
    X(timer_settime, ALLOW)                                                                        \
    X(timer_gettime, ALLOW)                                                                        \
    X(timer_getoverrun, ALLOW)                                                                     \
    X(timer_delete, ALLOW)                                                                         \
    X(sched_setaffinity, ALLOW)                                                                    \
    X(sched_getparam, ALLOW)                                                                       \
    X(sched_getscheduler, ALLOW)                                                                   \
    X(sched_getattr, ALLOW)                                                                        \
    X(sched_get_priority_max, ALLOW)                                                               \
    X(sched_get_priority_min, ALLOW)                                                               \
    X(sched_rr_get_interval, ALLOW)                                                                \
    X(mincore, ALLOW)                                                                              \
    X(mlock2, ALLOW)                                                                               \
    X(membarrier, ALLOW)                                                                           \
    X(getcpu, ALLOW)                                                                               \
    X(close_range, ALLOW)                                                                          \
    X(get_robust_list, ALLOW)                                                                      \
    X(getppid, ALLOW)                                                                              \
    X(getpgrp, ALLOW)                                                                              \
    X(getpgid, ALLOW)                                                                              \
    X(getsid, ALLOW)                                                                               \
    X(setsid, ALLOW)                                                                               \
    X(setpgid, ALLOW)                                                                              \
    X(getgroups, ALLOW)                                                                            \
    X(getresuid, ALLOW)                                                                            \
    X(getresgid, ALLOW)                                                                            \
    X(getrlimit, ALLOW)                                                                            \
    X(getpriority, ALLOW)                                                                          \
    X(capget, ALLOW)                                                                               \
    X(uname, ALLOW)                                                                                \
    X(times, ALLOW)                                                                                \
    X(time, ALLOW)                                                                                 \
    X(clock_getres, ALLOW)                                                                         \
    X(socket, DENIED)                                                                              \
    X(socketpair, DENIED)                                                                          \
    X(memfd_create, DENIED)                                                                        \
    X(mknod, DENIED)                                                                               \
    X(mknodat, DENIED)                                                                             \
    X(chown, DENIED)                                                                               \
    X(fchown, DENIED)                                                                              \
    X(lchown, DENIED)                                                                              \
    X(fchownat, DENIED)                                                                            \
    X(setrlimit, DENIED)                                                                           \
    X(setpriority, DENIED)                                                                         \
    X(sched_setparam, DENIED)                                                                      \
    X(sched_setscheduler, DENIED)                                                                  \
    X(sched_setattr, DENIED)                                                                       \
    X(mlockall, DENIED)                                                                            \
    X(munlockall, DENIED)                                                                          \
    X(ioprio_get, DENIED)                                                                          \
    X(ioprio_set, DENIED)                                                                          \
    X(mbind, DENIED)                                                                               \
    X(get_mempolicy, DENIED)                                                                       \
    X(set_mempolicy, DENIED)                                                                       \
    X(move_pages, DENIED)                                                                          \
    X(pidfd_send_signal, DENIED)                                                                   \
    X(openat2, ABSENT)                                                                             \
    X(inotify_init, ABSENT)                                                                        \
    X(inotify_init1, ABSENT)                                                                       \
    X(pkey_alloc, ABSENT)                                                                          \
    X(pkey_free, ABSENT)                                                                           \
    X(futex_waitv, ABSENT)                                                                         \
    X(getxattr, NO_ATTRIBUTES)                                                                     \
    X(lgetxattr, NO_ATTRIBUTES)                                                                    \
    X(fgetxattr, NO_ATTRIBUTES)                                                                    \
    X(listxattr, NO_ATTRIBUTES)                                                                    \
    X(llistxattr, NO_ATTRIBUTES)                                                                   \
    X(flistxattr, NO_ATTRIBUTES)                                                                   \
    X(setxattr, NO_ATTRIBUTES)                                                                     \
    X(lsetxattr, NO_ATTRIBUTES)                                                                    \
    X(fsetxattr, NO_ATTRIBUTES)                                                                    \
    X(removexattr, NO_ATTRIBUTES)                                                                  \
    X(lremovexattr, NO_ATTRIBUTES)                                                                 \
    X(fremovexattr, NO_ATTRIBUTES)

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

static int add_limits(scmp_filter_ctx ctx, int call) {
    const uint32_t denied = SCMP_ACT_ERRNO(EACCES);
    const struct scmp_arg_cmp others[] = {SCMP_A0_64(SCMP_CMP_NE, 0)};
    const struct scmp_arg_cmp writes[] = {SCMP_A0_64(SCMP_CMP_EQ, 0), SCMP_A2_64(SCMP_CMP_NE, 0)};
    return ADD(ctx, call, SCMP_A0_64(SCMP_CMP_EQ, 0), SCMP_A2_64(SCMP_CMP_EQ, 0)) |
           add(ctx, denied, call, 1, others) | add(ctx, denied, call, 2, writes);
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
    case NO_ATTRIBUTES:
        return add(ctx, SCMP_ACT_ERRNO(EOPNOTSUPP), r.call, 0, NULL);
    case LIMITS_OR_DENIED:
        return add_limits(ctx, r.call);
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

/* ---- in front of a command's list (SANDBOX-031) ----
 * libseccomp has one action for the arguments that no rule names, and it kills. Three things must
 * be tested before: arguments that pass of a call that is else refused, any ioctl where there is a
 * GPU, and calls that are younger than this list, which a tree's C library tries and lives without.
 */

#define LOAD(member)   BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, member))
#define ANSWER(action) BPF_STMT(BPF_RET | BPF_K, (action))

enum { FIRST_YOUNGER_CALL = 451, FIRST_X32_CALL = 0x40000000 };

static void put_passes(sw_buffer *out) {
    static const struct {
        unsigned call, argument, value;
    } passes[] = {
        {SCMP_SYS(prctl), 0, PR_GET_NO_NEW_PRIVS},
        {SCMP_SYS(prctl), 0, PR_GET_SECCOMP},
        {SCMP_SYS(prctl), 0, PR_GET_DUMPABLE},
        {SCMP_SYS(prctl), 0, PR_GET_NAME},
        {SCMP_SYS(ioctl), 1, FIOCLEX},
        {SCMP_SYS(ioctl), 1, FIONCLEX},
        {SCMP_SYS(ioctl), 1, FIONBIO},
        {SCMP_SYS(ioctl), 1, FIONREAD},
    };
    for (size_t i = 0; i < sizeof passes / sizeof passes[0]; i++) {
        const struct sock_filter pass[] = {
            LOAD(nr), BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, passes[i].call, 0, 3),
            BPF_STMT(BPF_LD | BPF_W | BPF_ABS, /* the low half: both calls take an int */
                     (uint32_t)offsetof(struct seccomp_data, args) + passes[i].argument * 8),
            BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, passes[i].value, 0, 1), ANSWER(SECCOMP_RET_ALLOW)};
        sw_put_bytes(out, SW_BYTES_OF(pass));
    }
}

static void put_front(sw_buffer *out, bool gpu) {
    const struct sock_filter younger[] = {
        LOAD(nr), BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, FIRST_X32_CALL, 2, 0),
        BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, FIRST_YOUNGER_CALL, 0, 1),
        ANSWER(SECCOMP_RET_ERRNO | ENOSYS)};
    const struct sock_filter any_ioctl[] = {
        LOAD(nr), BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SCMP_SYS(ioctl), 0, 1),
        ANSWER(SECCOMP_RET_ALLOW)};
    SW_SCOPED(sw_buffer) front = SW_BUFFER(FRONT_BYTES_MAX);
    const struct sock_filter pipe_size[] = {
        /* the agent made room for its words (CMD-041) */
        LOAD(nr), BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SCMP_SYS(fcntl), 0, 3),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
                 (uint32_t)offsetof(struct seccomp_data, args) + sizeof(uint64_t)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, F_SETPIPE_SZ, 0, 1),
        ANSWER(SECCOMP_RET_ERRNO | EACCES)};
    sw_put_bytes(&front, SW_BYTES_OF(younger));
    sw_put_bytes(&front, SW_BYTES_OF(pipe_size));
    put_passes(&front);
    if (gpu) sw_put_bytes(&front, SW_BYTES_OF(any_ioctl));
    const struct sock_filter here[] = {
        LOAD(arch), BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AUDIT_ARCH_X86_64, 0,
                             (uint8_t)(front.size / sizeof(struct sock_filter)))};
    sw_put_bytes(out, SW_BYTES_OF(here));
    sw_put_bytes(out, sw_buffer_bytes(&front));
}

sw_status sw_sandbox_filter(const sw_sandbox_rules *what, int image_fd, sw_buffer *out,
                            sw_error *err) {
    bool native = what->profile == SW_SANDBOX_NATIVE;
    if (!native) put_front(out, what->root != NULL && what->root->gpu);
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
