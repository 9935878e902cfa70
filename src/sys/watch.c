/* SPDX-License-Identifier: Apache-2.0
 *
 * The watch over a command (docs/formats/sandbox.md, SANDBOX-060): the other end of the listener of
 * its seccomp list. What the list allows never comes here; what it refuses stops until it is
 * answered here, with an error and never with leave to go on.
 *
 * The number of the call and its interface are all that is looked at. Its arguments stay unread,
 * the command's memory too: they are its to change, and its words.
 */
#include "sys/process_internal.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { FIRST_X32_CALL = 0x40000000, ROOM = 256 };

struct sw_watch {
    int listener, stop; /* an eventfd */
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
        "the script made a system call that no script may make; refused"};
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
    (void)atomic_fetch_or(&w->seen, 1U << act_of(&heard.call.data));
    said.word.id = heard.call.id;
    said.word.error = -error_of(&heard.call.data);
    (void)ioctl(w->listener, SECCOMP_IOCTL_NOTIF_SEND, &said);
}

/* Until we are stopped, or nobody is left under the list. */
static void *watch(void *context) {
    sw_watch *w = context;
    struct pollfd fds[2] = {{.fd = w->listener, .events = POLLIN},
                            {.fd = w->stop, .events = POLLIN}};
    for (;;) {
        int count = poll(fds, 2, -1);
        if (count < 0 && errno == EINTR) continue;
        if (count < 0 || fds[1].revents != 0) break;
        if ((fds[0].revents & POLLIN) != 0)
            answer(w);
        else if (fds[0].revents != 0)
            break;
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

sw_status sw_watch_begin(int listener, sw_watch **out, sw_error *err) {
    sw_watch *w = calloc(1, sizeof *w);
    int failed = w == NULL ? ENOMEM : 0;
    if (w != NULL) {
        w->listener = listener;
        w->stop = eventfd(0, EFD_CLOEXEC);
        failed = w->stop < 0 ? errno : begin_thread(w);
    }
    if (failed == 0) {
        *out = w;
        return SW_OK;
    }
    if (w != NULL && w->stop >= 0) (void)close(w->stop);
    free(w);
    (void)close(listener);
    return sw_fail(err, SW_MEMORY, "memory", "a command's watch cannot begin: %s",
                   strerror(failed));
}

unsigned sw_watch_seen(const sw_watch *w) {
    return w == NULL ? 0 : atomic_load(&w->seen);
}

void sw_watch_end(sw_watch **w) {
    if (*w == NULL) return;
    const uint64_t one = 1;
    (void)!write((*w)->stop, &one, sizeof one);
    (void)pthread_join((*w)->thread, NULL);
    (void)close((*w)->stop);
    (void)close((*w)->listener);
    free(*w);
    *w = NULL;
}
