/* SPDX-License-Identifier: Apache-2.0
 *
 * Starting a child under the sandbox (SANDBOX-001 to SANDBOX-003, SANDBOX-011, SANDBOX-012), and
 * hardening ourselves.
 *
 * The parent prepares everything (filter, descriptors, a pair of sockets); the child makes system
 * calls only (process_child.c). It reports over a close-on-exec socket: a message when it is about
 * to close its list, of a command another behind it with the list's listener, and one if it fails;
 * the socket's end means that the program runs. The parent looks for itself in /proc: at a native
 * worker when it runs, at a command while it waits for a byte before its program does, because a
 * command may become another program at once, and must not choose by that how its start is told.
 */
#include "sys/process_internal.h"

#include "sys/files.h"
#include "sys/kernel_log.h"
#include "sys/pool.h"
#include "sys/private_root.h"
#include "sys/swap.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    PROGRAM_BYTES_MAX = 1 << 28,
    PROC_BYTES_MAX = 8192,
    VMSTAT_BYTES_MAX = 1 << 16,
    END_WAIT_MS = 1000,
    INSIDE_THE_ROOT = 0x10 | 0x02 /* openat2: RESOLVE_IN_ROOT, RESOLVE_NO_MAGICLINKS */
};

/* Root asks for a PID namespace; others get one inside a user namespace, where that is allowed. */
static pid_t clone_child(sw_starter *s, int *pidfd) {
    const unsigned wanted = CLONE_NEWPID | (geteuid() == 0 ? 0U : (unsigned)CLONE_NEWUSER);
    const unsigned attempts[] = {wanted, 0};
    long pid = -1;
    for (size_t i = 0; i < sizeof attempts / sizeof attempts[0] && pid < 0; i++) {
        s->plan.clone_flags = attempts[i];
        pid = syscall(SYS_clone, attempts[i] | CLONE_PIDFD | SIGCHLD, NULL, pidfd, NULL, 0UL);
        if (pid == 0) sw_process_run_child(s);
    }
    return (pid_t)pid;
}

static sw_status layer_missing(sw_error *err, const char *layer, int cause) {
    return sw_fail(err, SW_REFUSED, "sandbox", "the sandbox cannot have %s: %s", layer,
                   strerror(cause));
}

/* False at the end. A descriptor that comes with it is put into *fd, or closed. */
static bool hear(int from, sw_process_report *out, int *fd) {
    union {
        struct cmsghdr header;
        uint8_t space[CMSG_SPACE(sizeof(int))];
    } rights;
    struct iovec part = {out, sizeof *out};
    struct msghdr message = {.msg_iov = &part,
                             .msg_iovlen = 1,
                             .msg_control = &rights,
                             .msg_controllen = sizeof rights.space};
    ssize_t size;
    do size = recvmsg(from, &message, MSG_CMSG_CLOEXEC);
    while (size < 0 && errno == EINTR);
    const struct cmsghdr *with = size > 0 ? CMSG_FIRSTHDR(&message) : NULL;
    int got = -1;
    if (with != NULL && with->cmsg_type == SCM_RIGHTS && with->cmsg_len == CMSG_LEN(sizeof got))
        memcpy(&got, CMSG_DATA(with), sizeof got);
    if (fd != NULL)
        *fd = got;
    else if (got >= 0)
        (void)close(got);
    out->failed[sizeof out->failed - 1] = 0;
    return size == (ssize_t)sizeof *out;
}

static bool is_command(const sw_starter *s) {
    return s->plan.rules.profile == SW_SANDBOX_COMMAND;
}

/* Until the child is about to close its list; of a command, until it has. */
static sw_status await_list(sw_starter *s, int *listener, sw_sandbox_layers *layers,
                            sw_error *err) {
    sw_process_report first, later;
    if (!hear(s->hear, &first, NULL))
        return sw_fail(err, SW_REFUSED, "sandbox", "the child died on its way into the sandbox");
    if (first.failed[0] != 0) return layer_missing(err, first.failed, first.cause);
    if (is_command(s)) {
        if (!hear(s->hear, &later, listener))
            return layer_missing(err, "a list with a listener", EPIPE);
        if (later.failed[0] != 0) return layer_missing(err, later.failed, later.cause);
    }
    *layers = first.layers;
    layers->watched = *listener >= 0;
    return SW_OK;
}

/* Until the program runs or the child has said why it does not. */
static sw_status await_exec(sw_starter *s, sw_sandbox_layers *layers, sw_error *err) {
    sw_process_report later;
    if (hear(s->hear, &later, NULL)) return layer_missing(err, later.failed, later.cause);
    layers->seccomp = true; /* without it there is no exec, and the child would have told */
    return SW_OK;
}

/* Reads /proc/PID/NAME, which is text; false with errno when it cannot be. */
static bool read_proc(pid_t pid, const char *name, char text[PROC_BYTES_MAX]) {
    char path[64];
    (void)snprintf(path, sizeof path, "/proc/%d/%s", (int)pid, name);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t size = fd < 0 ? -1 : read(fd, text, PROC_BYTES_MAX - 1);
    int cause = errno;
    if (fd >= 0) (void)close(fd);
    errno = cause;
    text[size < 0 ? 0 : size] = 0;
    return size > 0;
}

/* The rest of the line that starts with `name` is, but for white space, `value`. */
static bool line_says(const char *text, const char *name, const char *value) {
    const char *at = strstr(text, name);
    if (at == NULL) return false;
    at += strlen(name);
    at += strspn(at, " \t");
    size_t size = strlen(value);
    return strncmp(at, value, size) == 0 && strchr(" \t\n", at[size]) != NULL;
}

/* A command's `/` is the root that it was given. Who may not look (CAP_SYS_PTRACE) has the child's
 * word. */
static bool stands_in_root(pid_t pid, const sw_private_root *root) {
    char path[64];
    struct stat seen, given;
    (void)snprintf(path, sizeof path, "/proc/%d/root/", (int)pid);
    if (stat(path, &seen) != 0) return errno == EACCES || errno == EPERM;
    return fstat(root->folder_fd, &given) == 0 && seen.st_dev == given.st_dev &&
           seen.st_ino == given.st_ino;
}

/* What the kernel says about the child; the name of a required layer that it does not see, or NULL.
 * A process that may be dumped owns its files in /proc; root owns those of the others. */
static const char *look_at_child(pid_t pid, const sw_private_root *root,
                                 sw_sandbox_layers *layers) {
    char path[64], status[PROC_BYTES_MAX], limits[PROC_BYTES_MAX];
    struct stat file;
    (void)snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    if (!read_proc(pid, "status", status) || !read_proc(pid, "limits", limits)) return "/proc";
    layers->no_new_privs = line_says(status, "\nNoNewPrivs:", "1");
    layers->seccomp = line_says(status, "\nSeccomp:", "2");
    layers->not_dumpable = stat(path, &file) == 0 && file.st_uid == 0;
    layers->no_core = line_says(limits, "\nMax core file size", root == NULL ? "0" : "1");
    if (!layers->no_new_privs) return "no_new_privs";
    if (!layers->seccomp) return "seccomp";
    if (!layers->not_dumpable) return "a process that is not dumpable";
    if (!layers->no_core) return "RLIMIT_CORE";
    return root == NULL || stands_in_root(pid, root) ? NULL : "a private root";
}

/* Of a child that has ended already the kernel tells nothing any more: then its report stands. */
static sw_status verify_child(pid_t pid, int pidfd, sw_sandbox_layers *layers, sw_error *err) {
    struct pollfd end = {.fd = pidfd, .events = POLLIN};
    sw_sandbox_layers seen = *layers;
    const char *missing = look_at_child(pid, NULL, &seen);
    if (missing != NULL && poll(&end, 1, END_WAIT_MS) != 1)
        return layer_missing(err, missing, EPERM);
    if (missing == NULL) *layers = seen;
    return SW_OK;
}

/* Exec leaves a process undumpable that may not read its program, unless the kernel is told to make
 * every such process dumpable (proc_sys_fs(5)). */
static bool stays_undumpable(void) {
    char value = 0;
    int fd = open("/proc/sys/fs/suid_dumpable", O_RDONLY | O_CLOEXEC);
    bool done = fd >= 0 && read(fd, &value, 1) == 1 && (value == '0' || value == '2');
    if (fd >= 0) (void)close(fd);
    return done;
}

/* Whether the watch may look at what calls name (SANDBOX-066): tried on the child, whose memory is
 * a copy of ours until its program runs. */
static bool may_look_into(pid_t pid) {
    static const char here = 1;
    char path[64], seen = 0, folder;
    const struct iovec to = {&seen, 1}, from = {(void *)(uintptr_t)&here, 1};
    (void)snprintf(path, sizeof path, "/proc/%d/cwd", (int)pid);
    return readlink(path, &folder, 1) == 1 && process_vm_readv(pid, &to, 1, &from, 1, 0) == 1;
}

/* SANDBOX-012, of a command: nothing of it has run yet, and after this nothing is asked of it. */
static sw_status let_go(sw_starter *s, pid_t pid, sw_sandbox_layers *layers, sw_error *err) {
    sw_sandbox_layers seen = *layers;
    const char *missing = look_at_child(pid, s->what->sandbox->root, &seen);
    if (missing == NULL && !stays_undumpable()) missing = "a process that is not dumpable";
    if (missing != NULL) return layer_missing(err, missing, EPERM);
    seen.looked_into = may_look_into(pid);
    if (send(s->hear, "", 1, MSG_NOSIGNAL) != 1)
        return sw_fail(err, SW_REFUSED, "sandbox", "the child died on its way into the sandbox");
    *layers = seen;
    return SW_OK;
}

static void end_child(pid_t pid, int pidfd) {
    sw_process_kill(pidfd);
    (void)close(pidfd);
    while (waitpid(pid, NULL, 0) < 0 && errno == EINTR) continue;
}

static sw_status begin_watch(sw_starter *s, int listener, sw_watch **watch, sw_error *err) {
    int printed = s->printed;
    s->printed = -1; /* the watch's from here on */
    return sw_watch_begin(listener, printed, s->what->sandbox->root, watch, err);
}

static sw_status start_prepared(sw_starter *s, pid_t *pid, int *pidfd, sw_sandbox_layers *layers,
                                sw_error *err) {
    sigset_t all;
    int made_fd = -1, listener = -1, ends[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0)
        return layer_missing(err, "a pair of sockets", errno);
    s->hear = ends[0];
    s->tell = ends[1];
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &s->signals);
    pid_t made = clone_child(s, &made_fd);
    int cause = errno;
    (void)pthread_sigmask(SIG_SETMASK, &s->signals, NULL);
    (void)close(s->tell);
    sw_sandbox_layers found = {0};
    sw_status status = made < 0 ? layer_missing(err, "a process", cause) : SW_OK;
    sw_watch *watch = NULL;
    if (status == SW_OK) status = await_list(s, &listener, &found, err);
    if (status == SW_OK && s->what->watch != NULL)
        status = begin_watch(s, listener, &watch, err);
    else if (listener >= 0)
        (void)close(listener);
    if (status == SW_OK && is_command(s)) status = let_go(s, made, &found, err);
    if (status == SW_OK) status = await_exec(s, &found, err);
    (void)close(s->hear);
    if (status == SW_OK && !is_command(s)) status = verify_child(made, made_fd, &found, err);
    if (status != SW_OK && made >= 0) end_child(made, made_fd);
    if (status != SW_OK) (void)sw_watch_end(&watch);
    if (status != SW_OK) return status;
    if (s->what->watch != NULL) *s->what->watch = watch;
    *pid = made;
    *pidfd = made_fd;
    *layers = found;
    return SW_OK;
}

/* The kernel makes a process dumpable at exec unless it may not read its program. */
static sw_status check_image(int image_fd, sw_error *err) {
    struct stat st;
    if (fstat(image_fd, &st) != 0)
        return sw_fail(err, SW_IO, "io", "looking at the program: %s", strerror(errno));
    if ((st.st_mode & 0444) != 0)
        return sw_fail(err, SW_USAGE, "usage", "the program's image may be read by its process");
    return SW_OK;
}

/* A native worker brings its image, a command its root. */
static sw_status check_spawn(const sw_spawn *what, sw_error *err) {
    const sw_sandbox_rules *rules = what->sandbox;
    bool command = rules->profile == SW_SANDBOX_COMMAND;
    if (command && (rules->root == NULL || !rules->root->closed))
        return sw_fail(err, SW_REFUSED, "sandbox", "a command needs a private root that is closed");
    if (command != (what->image_fd < 0) || (!command && rules->root != NULL))
        return sw_fail(err, SW_USAGE, "usage",
                       "a native worker has an image and no private root, a command the reverse");
    return SW_OK;
}

/* A crash must say nothing where the log may be the host's to read. */
static sw_status check_kernel(const sw_sandbox_rules *rules, bool *silent, sw_error *err) {
    const char *loud = sw_kernel_log_loud("");
    *silent = loud == NULL;
    if (loud == NULL || !rules->silent_kernel) return SW_OK;
    sw_status status = sw_fail(
        err, SW_REFUSED, "sandbox",
        "the sandbox cannot have a kernel that prints nothing of a crash: %s says otherwise", loud);
    sw_error_hint(err,
                  "docs/formats/sandbox.md, SANDBOX-050 says what the machine's image must set");
    return status;
}

/* And what a worker holds in memory must not go to a disk of the host's. */
static sw_status check_swap(const sw_sandbox_rules *rules, bool *off, sw_error *err) {
    *off = sw_swap_is_off("");
    if (*off || !rules->no_swap) return SW_OK;
    sw_status status =
        sw_fail(err, SW_REFUSED, "sandbox",
                "the sandbox cannot have a machine without swap: /proc/swaps says otherwise");
    sw_error_hint(err, "turn it off (swapoff -a): the machine's image has none");
    return status;
}

sw_status sw_process_check_machine(const sw_sandbox_rules *rules, sw_error *err) {
    bool silent, off;
    SW_TRY(check_kernel(rules, &silent, err));
    return check_swap(rules, &off, err);
}

/* The program of a command, as its tree holds it; links lead where they lead inside. */
static sw_status open_program(const sw_private_root *root, const char *path, int *fd,
                              sw_error *err) {
    struct {
        uint64_t flags, mode, resolve;
    } how = {O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, 0, INSIDE_THE_ROOT};
    struct stat st;
    uint8_t start[2] = {0, 0};
    int found = -1;
    if (path != NULL && path[0] == '/')
        found = (int)syscall(SYS_openat2, root->folder_fd, path, &how, sizeof how);
    if (found < 0)
        return sw_fail(err, SW_MISSING, "missing", "the command's program is not in the tree");
    sw_status status = SW_OK;
    if (fstat(found, &st) != 0 || !S_ISREG(st.st_mode) || (st.st_mode & 0111) == 0)
        status = sw_fail(err, SW_MALFORMED, "tree", "the command's program cannot be executed");
    else if (pread(found, start, sizeof start, 0) == 2 && memcmp(start, "#!", 2) == 0)
        status = sw_fail(err, SW_MALFORMED, "tree", "the command's program is a script");
    if (status == SW_MALFORMED)
        sw_error_hint(err, "name the interpreter first: /usr/bin/python3 and then the script");
    if (status == SW_OK)
        *fd = found;
    else
        (void)close(found);
    return status;
}

/* A copy that may be executed and not read keeps the command's process from being dumped, as it
 * does a native worker's (SANDBOX-002, SANDBOX-032). */
static sw_status load_program(const sw_spawn *what, int *image, sw_error *err) {
    int from;
    sw_bytes mapped = {NULL, 0};
    SW_TRY(open_program(what->sandbox->root, what->argv[0], &from, err));
    sw_status status = sw_image_copy(from, PROGRAM_BYTES_MAX, image, &mapped, err);
    (void)close(from);
    if (mapped.data != NULL) (void)munmap((void *)(uintptr_t)mapped.data, mapped.size);
    return status;
}

static sw_status make_filter(const sw_starter *s, bool watched, sw_buffer *bytes,
                             struct sock_fprog *out, sw_error *err) {
    sw_sandbox_rules rules = s->plan.rules;
    rules.watched = watched;
    SW_TRY(sw_sandbox_filter(&rules, s->image_slot, bytes, err));
    out->len = (unsigned short)(bytes->size / sizeof(struct sock_filter));
    out->filter = (struct sock_filter *)(void *)bytes->data;
    return SW_OK;
}

/* Nowhere, or into the watch's pipe, which leads nowhere. */
static sw_status open_output(sw_starter *s, sw_error *err) {
    int ends[2];
    s->null = s->output = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (s->null < 0) return sw_fail(err, SW_IO, "io", "opening /dev/null: %s", strerror(errno));
    if (!s->plan.rules.watched) return SW_OK;
    if (pipe2(ends, O_CLOEXEC) != 0) {
        sw_status status = sw_fail(err, SW_IO, "io", "a pipe to print into: %s", strerror(errno));
        (void)close(s->null);
        return status;
    }
    s->printed = ends[0];
    s->output = ends[1];
    return SW_OK;
}

static sw_status start_image(sw_starter *s, pid_t *pid, int *pidfd, sw_sandbox_layers *layers,
                             sw_error *err) {
    SW_SCOPED(sw_buffer) filter = SW_BUFFER(BPF_MAXINSNS * sizeof(struct sock_filter));
    SW_SCOPED(sw_buffer) watched = SW_BUFFER(BPF_MAXINSNS * sizeof(struct sock_filter));
    SW_TRY(check_image(s->image, err));
    SW_TRY(make_filter(s, false, &filter, &s->plan.filter, err));
    if (s->plan.rules.watched) SW_TRY(make_filter(s, true, &watched, &s->plan.watched, err));
    SW_TRY(open_output(s, err));
    sw_status status = start_prepared(s, pid, pidfd, layers, err);
    if (s->output != s->null) (void)close(s->output);
    if (s->printed >= 0) (void)close(s->printed);
    (void)close(s->null);
    return status;
}

sw_status sw_process_start(const sw_spawn *what, pid_t *pid, int *pidfd, sw_sandbox_layers *layers,
                           sw_error *err) {
    SW_CHECK(err, what->fd_count <= SW_PROCESS_FDS && what->argv != NULL && what->sandbox != NULL);
    bool silent = false, no_swap = false;
    SW_TRY(check_spawn(what, err));
    SW_TRY(check_kernel(what->sandbox, &silent, err));
    SW_TRY(check_swap(what->sandbox, &no_swap, err));
    int slot = SW_PROCESS_FIRST_FD + (int)what->fd_count;
    sw_starter s = {
        .what = what,
        .plan = {.rules = *what->sandbox, .root_slot = slot + 2, .scratch_slot = slot + 3},
        .image = what->image_fd,
        .printed = -1,
        .image_slot = slot,
        .report_slot = slot + 1};
    s.plan.task_limit = SW_SANDBOX_TASKS + SW_SANDBOX_TASKS_PER_PROCESSOR * (size_t)sw_cpu_count();
    s.plan.rules.watched = what->watch != NULL;
    if (what->image_fd < 0) SW_TRY(load_program(what, &s.image, err));
    sw_status status = start_image(&s, pid, pidfd, layers, err);
    if (what->image_fd < 0) (void)close(s.image);
    if (status == SW_OK) layers->silent_kernel = silent;
    if (status == SW_OK) layers->no_swap = no_swap;
    return status;
}

sw_status sw_process_wait(pid_t pid, int *exit_code, sw_error *err) {
    int status = 0;
    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR)
            return sw_fail(err, SW_IO, "io", "waiting for a child: %s", strerror(errno));
    *exit_code = WIFSIGNALED(status) ? 256 + WTERMSIG(status) : WEXITSTATUS(status);
    return SW_OK;
}

void sw_process_kill(int pidfd) {
    (void)syscall(SYS_pidfd_send_signal, pidfd, SIGKILL, NULL, 0);
}

uint64_t sw_process_memory_kills(void) {
    static const char name[] = "\noom_kill ";
    SW_SCOPED(sw_buffer) text = SW_BUFFER(VMSTAT_BYTES_MAX);
    if (sw_file_read("/proc/vmstat", VMSTAT_BYTES_MAX - 1, &text, NULL) != SW_OK) return 0;
    sw_put_u8(&text, 0);
    const char *at = text.failed ? NULL : strstr((const char *)text.data, name);
    return at == NULL ? 0 : strtoull(at + sizeof name - 1, NULL, 10);
}

sw_status sw_process_harden(sw_error *err) {
    struct rlimit core;
    bool done = getrlimit(RLIMIT_CORE, &core) == 0;
    core.rlim_cur = 0;
    if (core.rlim_max > SW_SANDBOX_CORE_NOWHERE) core.rlim_max = SW_SANDBOX_CORE_NOWHERE;
    if (!done || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0 || setrlimit(RLIMIT_CORE, &core) != 0)
        return sw_fail(err, SW_IO, "sandbox", "this process cannot forbid core files: %s",
                       strerror(errno));
    (void)umask(077);
    return SW_OK;
}
