/* SPDX-License-Identifier: Apache-2.0
 *
 * Starting a child under the sandbox (SANDBOX-001 to SANDBOX-003, SANDBOX-011, SANDBOX-012), and
 * hardening ourselves.
 *
 * The parent prepares everything (filter, descriptors, pipe); the child makes system calls only. It
 * reports over a close-on-exec pipe: one record when it is ready to exec, another if it fails; the
 * end of the pipe means that the program runs. Then the parent looks for itself in /proc.
 */
#include "sys/process.h"

#include "sys/private_root.h"
#include "sys/sandbox_internal.h"
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
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    FIRST_FD = 3,
    FDS_MAX = 160, /* CMD-040: two for each of 64 shards, and a few */
    PLACED = 5,    /* descriptors of our own behind the caller's: see starter */
    PROGRAM_BYTES_MAX = 1 << 28,
    PROC_BYTES_MAX = 8192,
    END_WAIT_MS = 1000,
    LAYER_NAME_BYTES = 32,
    INSIDE_THE_ROOT = 0x10 | 0x02 /* openat2: RESOLVE_IN_ROOT, RESOLVE_NO_MAGICLINKS */
};

/* What the child tells; small enough that a pipe takes it whole. */
typedef struct report {
    sw_sandbox_layers layers;
    int cause; /* errno */
    char failed[LAYER_NAME_BYTES];
} report;

typedef struct starter {
    const sw_spawn *what;
    sw_sandbox_plan plan;
    int null, pipe_read, pipe_write, image;
    int image_slot, report_slot; /* in the child; the plan's two slots follow */
    sigset_t signals;            /* the caller's mask */
} starter;

/* ---- the child: system calls only ---- */

static void tell(int fd, const sw_sandbox_layers *layers, const char *failed, int cause) {
    report r;
    memset(&r, 0, sizeof r);
    r.layers = *layers;
    r.cause = cause;
    for (size_t i = 0; failed != NULL && failed[i] != 0 && i + 1 < sizeof r.failed; i++)
        r.failed[i] = failed[i];
    (void)!write(fd, &r, sizeof r);
}

/* Copies above every target first, so that no target is overwritten before it was a source. */
static bool place_descriptors(starter *s) {
    const sw_private_root *root = s->what->sandbox->root;
    const int sources[PLACED] = {s->null, s->image, s->pipe_write, root ? root->mount_fd : s->null,
                                 root ? root->scratch_fd : s->null};
    const int slots[PLACED] = {0, s->image_slot, s->report_slot, s->plan.root_slot,
                               s->plan.scratch_slot};
    int count = (int)s->what->fd_count, above = s->plan.scratch_slot + 1;
    int copies[FDS_MAX + PLACED] = {0};
    for (int i = 0; i < count + PLACED; i++) {
        int source = i < count ? s->what->fds[i] : sources[i - count];
        copies[i] = fcntl(source, F_DUPFD_CLOEXEC, above);
        if (copies[i] < 0) return false;
    }
    for (int i = 0; i < count; i++)
        if (dup2(copies[i], FIRST_FD + i) < 0) return false;
    for (int i = 0; i < FIRST_FD; i++)
        if (dup2(copies[count], i) < 0) return false;
    for (int i = 1; i < PLACED; i++)
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

static _Noreturn void run_child(starter *s) {
    sw_sandbox_layers layers;
    static char *const nothing[] = {NULL};
    const void *environment = s->what->environment ? (const void *)s->what->environment : nothing;
    memset(&layers, 0, sizeof layers);
    forget_signals();
    const char *failed = place_descriptors(s) ? NULL : "descriptors";
    int report_fd = failed == NULL ? s->report_slot : s->pipe_write;
    s->plan.parent_pipe = report_fd;
    if (failed == NULL && setsid() < 0) failed = "a session of its own";
    if (failed == NULL) failed = sw_sandbox_enter(&s->plan, &layers);
    if (failed != NULL) {
        tell(report_fd, &layers, failed, errno);
        _exit(1);
    }
    tell(report_fd, &layers, NULL, 0);
    failed = "seccomp";
    if (sw_sandbox_close(&s->plan)) {
        failed = "exec";
        (void)syscall(SYS_execveat, s->image_slot, "", s->what->argv, environment, AT_EMPTY_PATH);
    }
    tell(report_fd, &layers, failed, errno);
    _exit(1);
}

/* ---- the parent ---- */

/* Root asks for a PID namespace; others get one inside a user namespace, where that is allowed. */
static pid_t clone_child(starter *s, int *pidfd) {
    const unsigned wanted = CLONE_NEWPID | (geteuid() == 0 ? 0U : (unsigned)CLONE_NEWUSER);
    const unsigned attempts[] = {wanted, 0};
    long pid = -1;
    for (size_t i = 0; i < sizeof attempts / sizeof attempts[0] && pid < 0; i++) {
        s->plan.clone_flags = attempts[i];
        pid = syscall(SYS_clone, attempts[i] | CLONE_PIDFD | SIGCHLD, NULL, pidfd, NULL, 0UL);
        if (pid == 0) run_child(s);
    }
    return (pid_t)pid;
}

static sw_status layer_missing(sw_error *err, const char *layer, int cause) {
    return sw_fail(err, SW_REFUSED, "sandbox", "the sandbox cannot have %s: %s", layer,
                   strerror(cause));
}

static bool read_report(int fd, report *out) {
    size_t done = 0;
    while (done < sizeof *out) {
        ssize_t n = read(fd, (uint8_t *)out + done, sizeof *out - done);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) return false;
        done += (size_t)n;
    }
    out->failed[sizeof out->failed - 1] = 0;
    return true;
}

/* Until the program runs or the child has said why it does not. */
static sw_status await_exec(starter *s, sw_sandbox_layers *layers, sw_error *err) {
    report first, second;
    if (!read_report(s->pipe_read, &first))
        return sw_fail(err, SW_REFUSED, "sandbox", "the child died on its way into the sandbox");
    if (first.failed[0] != 0) return layer_missing(err, first.failed, first.cause);
    if (read_report(s->pipe_read, &second)) return layer_missing(err, second.failed, second.cause);
    *layers = first.layers;
    layers->seccomp = true; /* without it there is no exec, and the pipe would have told */
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
static sw_status verify_child(pid_t pid, int pidfd, const sw_private_root *root,
                              sw_sandbox_layers *layers, sw_error *err) {
    struct pollfd end = {.fd = pidfd, .events = POLLIN};
    sw_sandbox_layers seen = *layers;
    const char *missing = look_at_child(pid, root, &seen);
    if (missing != NULL && poll(&end, 1, END_WAIT_MS) != 1)
        return layer_missing(err, missing, EPERM);
    if (missing == NULL) *layers = seen;
    return SW_OK;
}

static void end_child(pid_t pid, int pidfd) {
    sw_process_kill(pidfd);
    (void)close(pidfd);
    while (waitpid(pid, NULL, 0) < 0 && errno == EINTR) continue;
}

static sw_status start_prepared(starter *s, pid_t *pid, int *pidfd, sw_sandbox_layers *layers,
                                sw_error *err) {
    sigset_t all;
    int made_fd = -1, pipe_ends[2];
    if (pipe2(pipe_ends, O_CLOEXEC) != 0) return layer_missing(err, "a pipe", errno);
    s->pipe_read = pipe_ends[0];
    s->pipe_write = pipe_ends[1];
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &s->signals);
    pid_t made = clone_child(s, &made_fd);
    int cause = errno;
    (void)pthread_sigmask(SIG_SETMASK, &s->signals, NULL);
    (void)close(s->pipe_write);
    sw_sandbox_layers found = {0};
    sw_status status = made < 0 ? layer_missing(err, "a process", cause) : SW_OK;
    if (status == SW_OK) status = await_exec(s, &found, err);
    (void)close(s->pipe_read);
    if (status == SW_OK) status = verify_child(made, made_fd, s->what->sandbox->root, &found, err);
    if (status != SW_OK && made >= 0) end_child(made, made_fd);
    if (status != SW_OK) return status;
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

static sw_status start_image(starter *s, pid_t *pid, int *pidfd, sw_sandbox_layers *layers,
                             sw_error *err) {
    SW_SCOPED(sw_buffer) filter = SW_BUFFER(BPF_MAXINSNS * sizeof(struct sock_filter));
    SW_TRY(check_image(s->image, err));
    SW_TRY(sw_sandbox_filter(s->what->sandbox, s->image_slot, &filter, err));
    s->plan.filter.len = (unsigned short)(filter.size / sizeof(struct sock_filter));
    s->plan.filter.filter = (struct sock_filter *)(void *)filter.data;
    s->null = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (s->null < 0) return sw_fail(err, SW_IO, "io", "opening /dev/null: %s", strerror(errno));
    sw_status status = start_prepared(s, pid, pidfd, layers, err);
    (void)close(s->null);
    return status;
}

sw_status sw_process_start(const sw_spawn *what, pid_t *pid, int *pidfd, sw_sandbox_layers *layers,
                           sw_error *err) {
    SW_CHECK(err, what->fd_count <= FDS_MAX && what->argv != NULL && what->sandbox != NULL);
    SW_TRY(check_spawn(what, err));
    int slot = FIRST_FD + (int)what->fd_count;
    starter s = {.what = what,
                 .plan = {.rules = *what->sandbox, .root_slot = slot + 2, .scratch_slot = slot + 3},
                 .image = what->image_fd,
                 .image_slot = slot,
                 .report_slot = slot + 1};
    if (what->image_fd < 0) SW_TRY(load_program(what, &s.image, err));
    sw_status status = start_image(&s, pid, pidfd, layers, err);
    if (what->image_fd < 0) (void)close(s.image);
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

sw_status sw_process_harden(sw_error *err) {
    const struct rlimit none = {0, 0};
    if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0 || setrlimit(RLIMIT_CORE, &none) != 0)
        return sw_fail(err, SW_IO, "sandbox", "this process cannot forbid core files: %s",
                       strerror(errno));
    (void)umask(077);
    return SW_OK;
}
