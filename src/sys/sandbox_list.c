/* SPDX-License-Identifier: Apache-2.0
 *
 * The allow lists as tables (docs/formats/sandbox.md, SANDBOX-020 to SANDBOX-030), and the seccomp
 * program made from them with libseccomp.
 *
 * A line says what a call may be: free, free with certain arguments, or answered with an error
 * because the C library tries it at start and lives without. Everything else kills a native worker,
 * which has no name to choose and no filter to add (SANDBOX-026); a command is answered with an
 * error, because the kernel writes of each kill, and the name that it writes is the command's to
 * choose (SANDBOX-036). fstat is newfstatat with an empty path on
 * x86-64, hence that line.
 */
#include "sys/sandbox.h"

#include "sys/private_root.h"
#include "sys/sandbox_calls.h"
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
#include <sys/socket.h>
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
    SELF_PRCTL,       /* prctl that asks or forbids dumps */
    UNIX_ONLY,        /* socket and socketpair of AF_UNIX, and EACCES for other families */
    REUSE_ONLY,       /* setsockopt of SO_REUSEADDR, which means nothing to these sockets */
    NOT_URGENT_3,     /* a message without MSG_OOB; the number is that of the flags' argument */
    NOT_URGENT_4,
    WATCHED,        /* free; a watch looks at it on its way (SANDBOX-065) */
    WATCHED_OPEN_1, /* the same of an open that may write; the number is the flags' argument's */
    WATCHED_OPEN_2,
    WATCHED_CODE,     /* of memory that shall be executed */
    WATCHED_FILE_CODE /* of a file that shall be */
} kind;

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
    static const int asked[] = {PR_GET_NO_NEW_PRIVS, PR_GET_SECCOMP, PR_GET_DUMPABLE};
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

/* What may be and what may not; with a watch the latter is left to it. All four arguments are ints,
 * whose upper halves do not count. */
static int add_sockets(scmp_filter_ctx ctx, int call, bool watched) {
    const struct scmp_arg_cmp others[] = {SCMP_A0_32(SCMP_CMP_NE, AF_UNIX)};
    int bad = ADD(ctx, call, SCMP_A0_32(SCMP_CMP_EQ, AF_UNIX));
    return watched ? bad : bad | add(ctx, SCMP_ACT_ERRNO(EACCES), call, 1, others);
}

static int add_socket_option(scmp_filter_ctx ctx, int call) {
    const uint32_t none = SCMP_ACT_ERRNO(ENOPROTOOPT);
    const struct scmp_arg_cmp levels[] = {SCMP_A1_32(SCMP_CMP_NE, SOL_SOCKET)};
    const struct scmp_arg_cmp names[] = {SCMP_A1_32(SCMP_CMP_EQ, SOL_SOCKET),
                                         SCMP_A2_32(SCMP_CMP_NE, SO_REUSEADDR)};
    return ADD(ctx, call, SCMP_A1_32(SCMP_CMP_EQ, SOL_SOCKET),
               SCMP_A2_32(SCMP_CMP_EQ, SO_REUSEADDR)) |
           add(ctx, none, call, 1, levels) | add(ctx, none, call, 2, names);
}

static int add_message(scmp_filter_ctx ctx, int call, unsigned flags) {
    const struct scmp_arg_cmp plain[] = {SCMP_CMP32(flags, SCMP_CMP_MASKED_EQ, MSG_OOB, 0)};
    const struct scmp_arg_cmp urgent[] = {SCMP_CMP32(flags, SCMP_CMP_MASKED_EQ, MSG_OOB, MSG_OOB)};
    return add(ctx, SCMP_ACT_ALLOW, call, 1, plain) |
           add(ctx, SCMP_ACT_ERRNO(EOPNOTSUPP), call, 1, urgent);
}

/* A path alone (O_PATH), or nothing that could write; the number is the flags' argument's. */
static int add_open(scmp_filter_ctx ctx, int call, unsigned flags) {
    const scmp_datum_t writing = O_ACCMODE | O_CREAT | O_TRUNC;
    return ADD(ctx, call, SCMP_CMP64(flags, SCMP_CMP_MASKED_EQ, writing, 0)) |
           ADD(ctx, call, SCMP_CMP64(flags, SCMP_CMP_MASKED_EQ, O_PATH, O_PATH));
}

/* What is free and shows nothing; with a watch the rest is left to it, and it lets it go on. */
static int add_watched(scmp_filter_ctx ctx, rule r) {
    switch (r.kind) {
    case WATCHED_OPEN_1:
        return add_open(ctx, r.call, 1);
    case WATCHED_OPEN_2:
        return add_open(ctx, r.call, 2);
    case WATCHED_FILE_CODE:
        return ADD(ctx, r.call, SCMP_A2_64(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0)) |
               ADD(ctx, r.call, SCMP_A3_64(SCMP_CMP_MASKED_EQ, MAP_ANONYMOUS, MAP_ANONYMOUS));
    case WATCHED_CODE:
        return ADD(ctx, r.call, SCMP_A2_64(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
    default:
        return 0;
    }
}

static int add_rule(scmp_filter_ctx ctx, rule r, int image_fd, bool watched) {
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
    case UNIX_ONLY:
        return add_sockets(ctx, r.call, watched);
    case REUSE_ONLY:
        return add_socket_option(ctx, r.call);
    case NOT_URGENT_3:
        return add_message(ctx, r.call, 2);
    case NOT_URGENT_4:
        return add_message(ctx, r.call, 3);
    case WATCHED:
    case WATCHED_OPEN_1:
    case WATCHED_OPEN_2:
    case WATCHED_CODE:
    case WATCHED_FILE_CODE:
        return watched ? add_watched(ctx, r) : add(ctx, SCMP_ACT_ALLOW, r.call, 0, NULL);
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
 * libseccomp has one action for the arguments that no rule names. Three things must be tested
 * before: arguments that pass of a call that is else refused, any ioctl where there is a GPU, and
 * calls that are younger than this list, which a tree's C library tries and lives without.
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
    bool native = what->profile == SW_SANDBOX_NATIVE, watched = what->watched;
    if (!native) put_front(out, what->root != NULL && what->root->gpu);
    const rule *rules = native ? native_rules : command_rules;
    size_t count = native ? sizeof native_rules / sizeof native_rules[0]
                          : sizeof command_rules / sizeof command_rules[0];
    const uint32_t kill = SCMP_ACT_KILL_PROCESS, tell = SCMP_ACT_NOTIFY;
    scmp_filter_ctx ctx = seccomp_init(native ? kill : watched ? tell : SCMP_ACT_ERRNO(EPERM));
    if (ctx == NULL) return sw_fail(err, SW_MEMORY, "memory", "no memory for a seccomp program");
    int bad = seccomp_attr_set(ctx, SCMP_FLTATR_ACT_BADARCH,
                               native    ? kill
                               : watched ? tell
                                         : SCMP_ACT_ERRNO(ENOSYS));
    for (size_t i = 0; i < count && bad == 0; i++) bad = add_rule(ctx, rules[i], image_fd, watched);
    sw_status status = SW_OK;
    if (bad != 0)
        status = sw_fail(err, SW_INTERNAL, "internal", "the seccomp list does not compile");
    else
        status = export_program(ctx, out, err);
    seccomp_release(ctx);
    return status;
}
