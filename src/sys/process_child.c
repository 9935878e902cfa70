/* SPDX-License-Identifier: Apache-2.0
 *
 * The child's side of a start (SANDBOX-003, SANDBOX-010): system calls only, because it is a copy
 * of a process that may have had threads.
 */
#include "sys/process_internal.h"

#include "sys/private_root.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { PLACED = 6 }; /* descriptors of our own behind the caller's */

static void fill(sw_process_report *r, const sw_sandbox_layers *layers, const char *failed,
                 int cause) {
    memset(r, 0, sizeof *r);
    r->layers = *layers;
    r->cause = cause;
    for (size_t i = 0; failed != NULL && failed[i] != 0 && i + 1 < sizeof r->failed; i++)
        r->failed[i] = failed[i];
}

static void tell(int fd, const sw_sandbox_layers *layers, const char *failed, int cause) {
    sw_process_report r;
    fill(&r, layers, failed, cause);
    (void)!write(fd, &r, sizeof r);
}

/* A command's second word, with the listener of its list when there is one. */
static bool hand_over(int fd, const sw_sandbox_layers *layers, int listener) {
    sw_process_report r;
    union {
        struct cmsghdr header;
        uint8_t space[CMSG_SPACE(sizeof(int))];
    } rights;
    struct iovec part = {&r, sizeof r};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
    fill(&r, layers, NULL, 0);
    memset(&rights, 0, sizeof rights);
    rights.header.cmsg_len = CMSG_LEN(sizeof(int));
    rights.header.cmsg_level = SOL_SOCKET;
    rights.header.cmsg_type = SCM_RIGHTS;
    memcpy(CMSG_DATA(&rights.header), &listener, sizeof listener);
    if (listener >= 0) {
        message.msg_control = &rights;
        message.msg_controllen = sizeof rights.space;
    }
    return sendmsg(fd, &message, 0) == (ssize_t)sizeof r;
}

/* Until the parent has looked; false when there is none any more. */
static bool wait_for_parent(int fd) {
    uint8_t go;
    ssize_t size;
    do size = read(fd, &go, sizeof go);
    while (size < 0 && errno == EINTR);
    return size == sizeof go;
}

/* Copies above every target first, so that no target is overwritten before it was a source. */
static bool place_descriptors(sw_starter *s) {
    const sw_private_root *root = s->what->sandbox->root;
    const int sources[PLACED] = {s->null,
                                 s->output,
                                 s->image,
                                 s->tell,
                                 root ? root->mount_fd : s->null,
                                 root ? root->scratch_fd : s->null};
    const int slots[PLACED] = {
        0, 1, s->image_slot, s->report_slot, s->plan.root_slot, s->plan.scratch_slot};
    int count = (int)s->what->fd_count, above = s->plan.scratch_slot + 1;
    int copies[SW_PROCESS_FDS + PLACED] = {0};
    for (int i = 0; i < count + PLACED; i++) {
        int source = i < count ? s->what->fds[i] : sources[i - count];
        copies[i] = fcntl(source, F_DUPFD_CLOEXEC, above);
        if (copies[i] < 0) return false;
    }
    for (int i = 0; i < count; i++)
        if (dup2(copies[i], SW_PROCESS_FIRST_FD + i) < 0) return false;
    for (int i = 0; i < SW_PROCESS_FIRST_FD; i++)
        if (dup2(copies[count + (i > 0)], i) < 0) return false;
    for (int i = 2; i < PLACED; i++)
        if (dup3(copies[count + i], slots[i], O_CLOEXEC) < 0) return false;
    return syscall(SYS_close_range, above, ~0U, 0) == 0;
}

static void forget_signals(void) {
    struct sigaction plain;
    sigset_t none;
    memset(&plain, 0, sizeof plain);
    plain.sa_handler = SIG_DFL;
    for (int signal = 1; signal < NSIG; signal++) (void)sigaction(signal, &plain, NULL);
    (void)sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
}

_Noreturn void sw_process_run_child(sw_starter *s) {
    sw_sandbox_layers layers;
    static char *const nothing[] = {NULL};
    const void *environment = s->what->environment ? (const void *)s->what->environment : nothing;
    memset(&layers, 0, sizeof layers);
    forget_signals();
    const char *failed = place_descriptors(s) ? NULL : "descriptors";
    int report_fd = failed == NULL ? s->report_slot : s->tell;
    s->plan.parent_end = report_fd;
    if (failed == NULL && setsid() < 0) failed = "a session of its own";
    if (failed == NULL) failed = sw_sandbox_enter(&s->plan, &layers);
    if (failed != NULL) {
        tell(report_fd, &layers, failed, errno);
        _exit(1);
    }
    int listener = -1;
    bool command = s->plan.rules.profile == SW_SANDBOX_COMMAND;
    tell(report_fd, &layers, NULL, 0);
    failed = "seccomp";
    if (sw_sandbox_close(&s->plan, &listener) &&
        (!command || (hand_over(report_fd, &layers, listener) && wait_for_parent(report_fd)))) {
        failed = "exec";
        (void)syscall(SYS_execveat, s->image_slot, "", s->what->argv, environment, AT_EMPTY_PATH);
    }
    tell(report_fd, &layers, failed, errno);
    _exit(1);
}
