/* SPDX-License-Identifier: Apache-2.0
 *
 * The watch over a command (docs/formats/sandbox.md, SANDBOX-060 on): the other end of the listener
 * of its seccomp list, and of the pipe that it prints into.
 *
 * What the list refuses is answered here with an error; of it the number of the call and its
 * interface are all that is looked at. A few calls that the list allows come here too, because what
 * they name the file system may refuse: watch_look.c looks, and whatever it finds they go on, as
 * they do without a watch.
 *
 * A call that waits to be heard is ended by any signal, and one that was heard by a deadly one
 * alone (SANDBOX-066). So one thread, ahead of all others where that is allowed, hears and hands
 * over, and others look and answer. What it can be made to do is bounded by them: who calls waits
 * for an answer before it can call again, and what waits lies in a pipe that has room for all.
 */
#include "sys/process_internal.h"

#include "sys/private_root.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum {
    FIRST_X32_CALL = 0x40000000,
    ROOM = 256,
    PRINTED_BYTES = 1 << 20,
    HEARD_BYTES = 1 << 18, /* more calls than SANDBOX-047 lets wait; else hearing waits too */
    DUTIES = 6
};

struct sw_watch {
    int listener, printed, null; /* the first two -1 when there is none, or no more */
    int stop;                    /* an eventfd */
    int heard[2];                /* a pipe of calls; its second end is closed by who hears */
    sw_watch_place place;
    atomic_uint seen;
    pthread_t threads[DUTIES];
    size_t thread_count;
};

const char *sw_sandbox_act_sentence(sw_sandbox_act act) {
    static const char *const sentences[SW_SANDBOX_ACT_COUNT] = {
        "the script called for the network; refused",
        "the script called for another process's memory; refused",
        "the script called for another file system; refused",
        "the script called for a program by a descriptor; refused",
        "the script called for another user or more rights; refused",
        "the script made a system call that no script may make; refused",
        "the script called for a file outside /tmp and /dev/shm, to write it; refused",
        "the script called for a change of its own files; refused",
        "the script called for code from a file that it wrote; refused",
        "the script printed; what it printed went nowhere"};
    return sentences[act];
}

static const struct {
    int call;
    sw_sandbox_act act;
} known[] = {
    {SYS_socket, SW_SANDBOX_ACT_NETWORK},
    {SYS_socketpair, SW_SANDBOX_ACT_NETWORK},
    {SYS_ptrace, SW_SANDBOX_ACT_PROCESS},
    {SYS_process_vm_readv, SW_SANDBOX_ACT_PROCESS},
    {SYS_process_vm_writev, SW_SANDBOX_ACT_PROCESS},
    {SYS_process_madvise, SW_SANDBOX_ACT_PROCESS},
    {SYS_process_mrelease, SW_SANDBOX_ACT_PROCESS},
    {SYS_pidfd_getfd, SW_SANDBOX_ACT_PROCESS},
    {SYS_kcmp, SW_SANDBOX_ACT_PROCESS},
    {SYS_mount, SW_SANDBOX_ACT_FILE_SYSTEM},
    {SYS_umount2, SW_SANDBOX_ACT_FILE_SYSTEM},
    {SYS_fsopen, SW_SANDBOX_ACT_FILE_SYSTEM},
    {SYS_fsconfig, SW_SANDBOX_ACT_FILE_SYSTEM},
    {SYS_fsmount, SW_SANDBOX_ACT_FILE_SYSTEM},
    {SYS_fspick, SW_SANDBOX_ACT_FILE_SYSTEM},
    {SYS_open_tree, SW_SANDBOX_ACT_FILE_SYSTEM},
    {SYS_move_mount, SW_SANDBOX_ACT_FILE_SYSTEM},
    {SYS_mount_setattr, SW_SANDBOX_ACT_FILE_SYSTEM},
    {SYS_pivot_root, SW_SANDBOX_ACT_FILE_SYSTEM},
    {SYS_chroot, SW_SANDBOX_ACT_FILE_SYSTEM},
    {SYS_setns, SW_SANDBOX_ACT_FILE_SYSTEM},
    {SYS_unshare, SW_SANDBOX_ACT_FILE_SYSTEM},
    {SYS_clone, SW_SANDBOX_ACT_FILE_SYSTEM}, /* with a namespace; without one it is allowed */
    {SYS_name_to_handle_at, SW_SANDBOX_ACT_FILE_SYSTEM},
    {SYS_open_by_handle_at, SW_SANDBOX_ACT_FILE_SYSTEM},
    {SYS_swapon, SW_SANDBOX_ACT_FILE_SYSTEM},
    {SYS_quotactl, SW_SANDBOX_ACT_FILE_SYSTEM},
    {SYS_execveat, SW_SANDBOX_ACT_PROGRAM},
    {SYS_setuid, SW_SANDBOX_ACT_RIGHTS},
    {SYS_setgid, SW_SANDBOX_ACT_RIGHTS},
    {SYS_setreuid, SW_SANDBOX_ACT_RIGHTS},
    {SYS_setregid, SW_SANDBOX_ACT_RIGHTS},
    {SYS_setresuid, SW_SANDBOX_ACT_RIGHTS},
    {SYS_setresgid, SW_SANDBOX_ACT_RIGHTS},
    {SYS_setfsuid, SW_SANDBOX_ACT_RIGHTS},
    {SYS_setfsgid, SW_SANDBOX_ACT_RIGHTS},
    {SYS_setgroups, SW_SANDBOX_ACT_RIGHTS},
    {SYS_capset, SW_SANDBOX_ACT_RIGHTS},
};

static bool is_foreign(const struct seccomp_data *call) {
    return call->arch != AUDIT_ARCH_X86_64 || call->nr >= FIRST_X32_CALL;
}

static sw_sandbox_act act_of(const struct seccomp_data *call) {
    if (is_foreign(call)) return SW_SANDBOX_ACT_KERNEL;
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (known[i].call == call->nr) return known[i].act;
    return SW_SANDBOX_ACT_KERNEL;
}

/* What the list without a watch answers (SANDBOX-031). */
static int error_of(const struct seccomp_data *call) {
    if (is_foreign(call)) return ENOSYS;
    return call->nr == SYS_socket || call->nr == SYS_socketpair ? EACCES : EPERM;
}

/* False when the caller has been killed meanwhile: its number may be another's by now. */
static bool still_waits(const sw_watch *w, const struct seccomp_notif *call) {
    uint64_t id = call->id;
    return ioctl(w->listener, SECCOMP_IOCTL_NOTIF_ID_VALID, &id) == 0;
}

/* What is not looked at here is refused. */
static void judge(sw_watch *w, const struct seccomp_notif *call, struct seccomp_notif_resp *said) {
    if (is_foreign(&call->data) || !sw_watch_goes_on(&call->data)) {
        (void)atomic_fetch_or(&w->seen, 1U << act_of(&call->data));
        said->error = -error_of(&call->data);
        return;
    }
    unsigned bits = sw_watch_look(&w->place, (pid_t)call->pid, &call->data);
    if (still_waits(w, call)) (void)atomic_fetch_or(&w->seen, bits);
    said->flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
}

/* The caller may have been killed since it was heard; then nobody waits for the answer. */
static void answer(sw_watch *w, const struct seccomp_notif *call) {
    union {
        struct seccomp_notif_resp word;
        uint8_t room[ROOM];
    } said;
    memset(&said, 0, sizeof said);
    said.word.id = call->id;
    judge(w, call, &said.word);
    (void)ioctl(w->listener, SECCOMP_IOCTL_NOTIF_SEND, &said);
}

/* Until nobody hears any more. A caller whose memory is long in coming holds up one of us. */
static void *look(void *context) {
    sw_watch *w = context;
    struct seccomp_notif call;
    while (read(w->heard[0], &call, sizeof call) == sizeof call) answer(w, &call);
    return NULL;
}

/* A message is less than a page, so the pipe takes and gives it whole. */
static void hand_over(sw_watch *w) {
    union {
        struct seccomp_notif call;
        uint8_t room[ROOM];
    } heard;
    memset(&heard, 0, sizeof heard);
    if (ioctl(w->listener, SECCOMP_IOCTL_NOTIF_RECV, &heard) == 0)
        (void)!write(w->heard[1], &heard.call, sizeof heard.call);
}

static void close_hearing(sw_watch *w) {
    (void)close(w->heard[1]);
    w->heard[1] = -1;
}

/* Until we are stopped. */
static void *hear(void *context) {
    sw_watch *w = context;
    const struct sched_param first = {.sched_priority = 1};
    struct pollfd fds[2] = {{.fd = w->stop, .events = POLLIN},
                            {.fd = w->listener, .events = POLLIN}};
    (void)pthread_setschedparam(pthread_self(), SCHED_FIFO, &first); /* else as we are */
    while (fds[0].revents == 0 && poll(fds, 2, -1) >= 0) {           /* it passes over -1 */
        if ((fds[1].revents & POLLIN) != 0)
            hand_over(w);
        else if (fds[1].revents != 0)
            fds[1].fd = -1; /* nobody is left under the list */
    }
    close_hearing(w);
    return NULL;
}

/* From pipe to nowhere inside the kernel: the words never come into our memory. False at the end.
 */
static bool drain(sw_watch *w) {
    ssize_t size = splice(w->printed, NULL, w->null, NULL, PRINTED_BYTES, SPLICE_F_NONBLOCK);
    if (size > 0) (void)atomic_fetch_or(&w->seen, 1U << SW_SANDBOX_ACT_PRINT);
    return size > 0 || (size < 0 && (errno == EAGAIN || errno == EINTR));
}

/* Until we are stopped. The kernel looks at the two in this order, so that with the stop of a
 * command that has ended comes what it printed last. */
static void *drain_all(void *context) {
    sw_watch *w = context;
    struct pollfd fds[2] = {{.fd = w->stop, .events = POLLIN},
                            {.fd = w->printed, .events = POLLIN}};
    while (fds[0].revents == 0 && poll(fds, 2, -1) >= 0)
        if (fds[1].revents != 0 && !drain(w)) fds[1].fd = -1;
    return NULL;
}

/* Who hears is the last. Signals are the caller's: Ctrl-C is heard elsewhere, and none of these
 * waits ends by one. */
static int begin_threads(sw_watch *w) {
    static void *(*const duties[DUTIES])(void *) = {look, look, look, look, drain_all, hear};
    sigset_t all, before;
    int failed = 0;
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    for (; w->thread_count < DUTIES; w->thread_count++) {
        failed = pthread_create(&w->threads[w->thread_count], NULL, duties[w->thread_count], w);
        if (failed != 0) break;
    }
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    return failed;
}

static void end_threads(sw_watch *w) {
    const uint64_t one = 1;
    (void)!write(w->stop, &one, sizeof one);
    if (w->thread_count < DUTIES) close_hearing(w); /* nobody has begun to hear */
    for (size_t i = 0; i < w->thread_count; i++) (void)pthread_join(w->threads[i], NULL);
}

static bool look_around(sw_watch *w, const sw_private_root *root) {
    struct stat tree, scratch;
    if (fstat(root->folder_fd, &tree) != 0 || fstat(root->scratch_fd, &scratch) != 0) return false;
    w->place.root = tree.st_dev;
    w->place.scratch = scratch.st_dev;
    w->place.root_fd = fcntl(root->folder_fd, F_DUPFD_CLOEXEC, 0);
    w->null = open("/dev/null", O_WRONLY | O_CLOEXEC);
    w->stop = eventfd(0, EFD_CLOEXEC);
    if (pipe2(w->heard, O_CLOEXEC) != 0) return false;
    (void)fcntl(w->heard[1], F_SETPIPE_SZ, HEARD_BYTES);
    return w->place.root_fd >= 0 && w->null >= 0 && w->stop >= 0;
}

static void drop(sw_watch *w) {
    const int fds[] = {w->listener, w->printed,  w->null,         w->stop,
                       w->heard[0], w->heard[1], w->place.root_fd};
    for (size_t i = 0; i < sizeof fds / sizeof fds[0]; i++)
        if (fds[i] >= 0) (void)close(fds[i]);
    free(w);
}

sw_status sw_watch_begin(int listener, int printed, const sw_private_root *root, sw_watch **out,
                         sw_error *err) {
    sw_watch *w = calloc(1, sizeof *w);
    if (w == NULL) {
        if (listener >= 0) (void)close(listener);
        (void)close(printed);
        return sw_fail(err, SW_MEMORY, "memory", "no memory for a command's watch");
    }
    *w = (sw_watch){.listener = listener,
                    .printed = printed,
                    .null = -1,
                    .stop = -1,
                    .heard = {-1, -1},
                    .place.root_fd = -1};
    bool ready = look_around(w, root);
    int failed = ready ? begin_threads(w) : errno;
    if (failed == 0) {
        *out = w;
        return SW_OK;
    }
    if (ready) end_threads(w);
    drop(w);
    return sw_fail(err, SW_MEMORY, "memory", "a command's watch cannot begin: %s",
                   strerror(failed));
}

unsigned sw_watch_seen(const sw_watch *w) {
    return w == NULL ? 0 : atomic_load(&w->seen);
}

unsigned sw_watch_end(sw_watch **w) {
    if (*w == NULL) return 0;
    end_threads(*w);
    unsigned seen = sw_watch_seen(*w);
    drop(*w);
    *w = NULL;
    return seen;
}
