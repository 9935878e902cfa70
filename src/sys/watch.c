/* SPDX-License-Identifier: Apache-2.0
 *
 * The watch over a command (docs/formats/sandbox.md, SANDBOX-060 on): the other end of the listener
 * of its seccomp list, and of the pipe that it prints into.
 *
 * What the list refuses is answered here with an error; of it the number of the call and its
 * interface are all that is looked at. A few calls that the list allows come here too, because what
 * they name the file system may refuse: watch_look.c looks, and whatever it finds they go on, as
 * they do without a watch.
 */
#include "sys/process_internal.h"

#include "sys/private_root.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { FIRST_X32_CALL = 0x40000000, ROOM = 256, PRINTED_BYTES = 1 << 20 };

struct sw_watch {
    int listener, printed, null; /* the first two -1 when there is none, or no more */
    int stop;                    /* an eventfd */
    sw_watch_place place;
    atomic_uint seen;
    pthread_t thread;
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

/* The caller may have been killed between the two; then nobody waits for the answer. */
static void answer(sw_watch *w) {
    union {
        struct seccomp_notif call;
        uint8_t room[ROOM];
    } heard;
    union {
        struct seccomp_notif_resp word;
        uint8_t room[ROOM];
    } said;
    memset(&heard, 0, sizeof heard);
    memset(&said, 0, sizeof said);
    if (ioctl(w->listener, SECCOMP_IOCTL_NOTIF_RECV, &heard) != 0) return;
    said.word.id = heard.call.id;
    judge(w, &heard.call, &said.word);
    (void)ioctl(w->listener, SECCOMP_IOCTL_NOTIF_SEND, &said);
}

/* From pipe to nowhere inside the kernel: the words never come into our memory. False at the end.
 */
static bool drain(sw_watch *w) {
    ssize_t size = splice(w->printed, NULL, w->null, NULL, PRINTED_BYTES, SPLICE_F_NONBLOCK);
    if (size > 0) (void)atomic_fetch_or(&w->seen, 1U << SW_SANDBOX_ACT_PRINT);
    return size > 0 || (size < 0 && (errno == EAGAIN || errno == EINTR));
}

/* Until we are stopped. The kernel looks at the three in this order, so that with the stop of a
 * command that has ended comes what it printed last. */
static void *watch(void *context) {
    sw_watch *w = context;
    struct pollfd fds[3] = {{.fd = w->stop, .events = POLLIN},
                            {.fd = w->listener, .events = POLLIN},
                            {.fd = w->printed, .events = POLLIN}};
    while (fds[0].revents == 0) {
        int count = poll(fds, 3, -1); /* it passes over -1 */
        if (count < 0 && errno != EINTR) break;
        if (count < 0) continue;
        if ((fds[1].revents & POLLIN) != 0)
            answer(w);
        else if (fds[1].revents != 0)
            fds[1].fd = -1; /* nobody is left under the list */
        if (fds[2].revents != 0 && !drain(w)) fds[2].fd = -1;
    }
    return NULL;
}

/* Signals are the caller's: Ctrl-C is heard elsewhere. */
static int begin_thread(sw_watch *w) {
    sigset_t all, before;
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    int failed = pthread_create(&w->thread, NULL, watch, w);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    return failed;
}

static bool look_around(sw_watch *w, const sw_private_root *root) {
    struct stat tree, scratch;
    if (fstat(root->folder_fd, &tree) != 0 || fstat(root->scratch_fd, &scratch) != 0) return false;
    w->place.root = tree.st_dev;
    w->place.scratch = scratch.st_dev;
    w->place.root_fd = fcntl(root->folder_fd, F_DUPFD_CLOEXEC, 0);
    w->null = open("/dev/null", O_WRONLY | O_CLOEXEC);
    w->stop = eventfd(0, EFD_CLOEXEC);
    return w->place.root_fd >= 0 && w->null >= 0 && w->stop >= 0;
}

static void drop(sw_watch *w) {
    const int fds[] = {w->listener, w->printed, w->null, w->stop, w->place.root_fd};
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
    *w = (sw_watch){
        .listener = listener, .printed = printed, .null = -1, .stop = -1, .place.root_fd = -1};
    int failed = look_around(w, root) ? begin_thread(w) : errno;
    if (failed == 0) {
        *out = w;
        return SW_OK;
    }
    drop(w);
    return sw_fail(err, SW_MEMORY, "memory", "a command's watch cannot begin: %s",
                   strerror(failed));
}

unsigned sw_watch_seen(const sw_watch *w) {
    return w == NULL ? 0 : atomic_load(&w->seen);
}

unsigned sw_watch_end(sw_watch **w) {
    if (*w == NULL) return 0;
    const uint64_t one = 1;
    (void)!write((*w)->stop, &one, sizeof one);
    (void)pthread_join((*w)->thread, NULL);
    unsigned seen = sw_watch_seen(*w);
    drop(*w);
    *w = NULL;
    return seen;
}
