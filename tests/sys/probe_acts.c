/* SPDX-License-Identifier: Apache-2.0
 *
 * A program that tries one thing and says how it went: exit 42 when the act was done, 1 when it was
 * refused; the sandbox may also kill it. The first argument names the act, the second is the pid of
 * the process that started the probe. "held:ACT" enters confinement first, as a worker does;
 * "fork:ACT" and "exec:ACT" let a child try. What only a command can try is in probe_command.h and
 * probe_many.h.
 */
#include "sys/clock.h"
#include "sys/confine.h"
#include "sys/pool.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/io_uring.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

enum { DONE = 42, REFUSED = 1, BAD_USAGE = 99, GIVEN_IN = 3, GIVEN_OUT = 4, IMAGE = 5 };
enum { ASK_FOR_TILES = 0x1023, TILE_DATA = 18 }; /* of <asm/prctl.h>, and of XCR0 */

static pid_t parent;
extern char **environ;
int main(int argc, char **argv);

static bool opens(const char *path, int flags) {
    return open(path, flags, 0600) >= 0;
}
static bool act_open(void) {
    return opens("/etc/passwd", O_RDONLY);
}
static bool act_open_folder(void) {
    return opens("/", O_RDONLY | O_DIRECTORY);
}
static bool act_open_path(void) {
    return opens("/etc/passwd", O_PATH);
}
static bool act_read_proc(void) {
    return opens("/proc/self/maps", O_RDONLY);
}
static bool act_write_file(void) {
    return opens("/tmp", O_TMPFILE | O_WRONLY);
}
static bool act_socket(void) {
    return socket(AF_INET, SOCK_STREAM, 0) >= 0;
}
static bool act_unix_socket(void) {
    return socket(AF_UNIX, SOCK_STREAM, 0) >= 0;
}
static bool act_socketpair(void) {
    int ends[2];
    return socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0;
}
static bool act_connect(void) {
    struct sockaddr name = {.sa_family = AF_UNSPEC};
    return connect(GIVEN_IN, &name, sizeof name) == 0 || errno == ENOTSOCK; /* it was looked at */
}
static bool act_exec(void) {
    char *const arguments[] = {"true", NULL};
    return execve("/bin/true", arguments, environ) == 0;
}
static bool act_exec_descriptor(void) {
    char *const arguments[] = {"true", NULL};
    (void)syscall(SYS_execveat, GIVEN_IN, "", arguments, environ, AT_EMPTY_PATH);
    return errno == EACCES; /* it was looked at */
}
static bool act_exec_image(void) { /* the one descriptor that the list lets pass */
    char *const arguments[] = {"again", "legal", "0", NULL};
    (void)syscall(SYS_execveat, IMAGE, "", arguments, environ, AT_EMPTY_PATH);
    return false;
}
static bool act_exec_past_image(void) { /* whose path no filter sees: Landlock does */
    char *const arguments[] = {"true", NULL};
    (void)syscall(SYS_execveat, IMAGE, "/bin/true", arguments, environ, AT_EMPTY_PATH);
    return errno != EACCES;
}
static bool act_exec_image_by_path(void) {
    char *const arguments[] = {"true", NULL};
    (void)syscall(SYS_execveat, IMAGE, "/bin/true", arguments, environ, 0);
    return false;
}
static bool act_fork(void) {
    pid_t pid = (pid_t)syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, 0UL);
    if (pid == 0) _exit(0);
    return pid > 0;
}
static bool act_vfork(void) {
    return syscall(SYS_fork) >= 0;
}
static bool act_clone3(void) {
    uint64_t arguments[8] = {[4] = SIGCHLD};
    pid_t pid = (pid_t)syscall(SYS_clone3, arguments, sizeof arguments);
    if (pid == 0) _exit(0);
    return pid > 0;
}
static bool act_thread_in_namespace(void) {
    return syscall(SYS_clone, CLONE_VM | CLONE_THREAD | CLONE_SIGHAND | CLONE_NEWUSER, NULL, NULL,
                   NULL, 0UL) >= 0 ||
           errno == EINVAL; /* it was looked at */
}
static bool act_unshare(void) {
    return unshare(CLONE_FS) == 0;
}
static bool act_ptrace(void) {
    return ptrace(PTRACE_SEIZE, parent, NULL, NULL) == 0;
}
static bool act_trace_me(void) {
    return ptrace(PTRACE_TRACEME, 0, NULL, NULL) == 0;
}
static bool act_kill(void) {
    return kill(parent, 0) == 0;
}
static bool act_kill_self(void) {
    return kill(getpid(), 0) == 0;
}
static bool act_signal_queue(void) {
    return syscall(SYS_tgkill, parent, parent, 0) == 0;
}
static bool act_read_memory(void) {
    char byte = 0;
    struct iovec to = {&byte, 1}, from = {&byte, 1};
    return process_vm_readv(getpid(), &to, 1, &from, 1, 0) == 1;
}
static bool act_write_memory(void) {
    char byte = 0;
    struct iovec to = {&byte, 1}, from = {&byte, 1};
    return process_vm_writev(getpid(), &to, 1, &from, 1, 0) == 1;
}
static bool act_memfd(void) {
    return memfd_create("x", 0) >= 0;
}
static bool act_map_code(void) {
    return mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) !=
           MAP_FAILED;
}
static bool act_map_writable_code(void) {
    return mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1,
                0) != MAP_FAILED;
}
static bool act_make_code(void) {
    void *page = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return mprotect(page, 4096, PROT_READ | PROT_EXEC) == 0;
}
static bool act_key_code(void) {
    return syscall(SYS_pkey_mprotect, NULL, 0, PROT_EXEC, -1) == 0;
}
static bool act_shared_memory(void) {
    return syscall(SYS_shmget, 0, 4096, 0600) >= 0;
}
static bool act_duplicate(void) {
    return dup(GIVEN_IN) >= 0;
}
static bool act_duplicate_by_fcntl(void) {
    return fcntl(GIVEN_IN, F_DUPFD, 0) >= 0;
}
static bool act_own_signal(void) {
    return fcntl(GIVEN_IN, F_SETOWN, parent) == 0;
}
static bool act_dumpable(void) {
    return prctl(PR_SET_DUMPABLE, 1, 0, 0, 0) == 0;
}
static bool act_other_prctl(void) {
    return prctl(PR_SET_PDEATHSIG, 0, 0, 0, 0) == 0;
}
/* Whatever is said, it is the kernel that says it. */
static bool act_tiles(void) {
    return syscall(SYS_arch_prctl, ASK_FOR_TILES, TILE_DATA) == 0 || errno != EPERM;
}
static bool act_raise_limit(void) {
    struct rlimit limit = {0, 0};
    return setrlimit(RLIMIT_CORE, &limit) == 0;
}
static bool act_limits_of_parent(void) {
    struct rlimit limit;
    return prlimit(parent, RLIMIT_CORE, NULL, &limit) == 0;
}
static bool act_user(void) {
    return syscall(SYS_setresuid, -1, -1, -1) == 0;
}
static bool act_mount(void) {
    return syscall(SYS_mount, NULL, "/", NULL, 0, NULL) == 0;
}
static bool act_stat_path(void) {
    struct stat st;
    return stat("/etc/passwd", &st) == 0;
}
static bool act_truncate(void) {
    return truncate("/etc/sealwright-probe", 0) == 0 || errno != EPERM;
}
static bool act_unlink(void) {
    return unlink("/tmp/sealwright-probe") == 0 || errno == ENOENT;
}
static bool act_ring(void) {
    struct io_uring_params parameters;
    memset(&parameters, 0, sizeof parameters);
    return syscall(SYS_io_uring_setup, 1, &parameters) >= 0;
}
static bool act_userfaultfd(void) {
    return syscall(SYS_userfaultfd, 0) >= 0;
}
static bool act_bpf(void) {
    return syscall(SYS_bpf, 0, NULL, 0) >= 0 || errno == EINVAL;
}
static bool act_perf(void) {
    return syscall(SYS_perf_event_open, NULL, 0, -1, -1, 0) >= 0;
}
static bool act_keys(void) {
    return syscall(SYS_keyctl, 0, -3, 0) >= 0;
}
static bool act_listen_to_filter(void) {
    return syscall(SYS_seccomp, 1, 8, NULL) >= 0 || errno == EFAULT; /* a supervisor's filter */
}
static bool act_add_filter(void) {
    return syscall(SYS_seccomp, 1, 0, NULL) >= 0 || errno == EFAULT; /* it was looked at */
}
static bool act_name_thread(void) {
    return prctl(PR_SET_NAME, "row-part-0", 0, 0, 0) == 0;
}
static bool act_old_call(void) { /* 32-bit entry: other numbers, other list */
    long result;
    __asm__ volatile("int $0x80" : "=a"(result) : "a"(20) : "memory"); /* getpid of i386 */
    return result > 0;
}
static bool act_x32_call(void) {
    return syscall(0x40000000 | 39) > 0;
} /* getpid of x32 */

#include "probe_command.h"
#include "probe_many.h"

/* ---- what a worker does ---- */

static void add_one(void *context, size_t index, size_t lane) {
    uint64_t *sums = context;
    (void)lane;
    sums[index] += index + 1;
}

static bool act_legal(void) {
    char text[64] = "";
    uint64_t sums[64] = {0}, total = 0, chance = 0;
    sw_pool *pool = NULL;
    struct stat st;
    sw_clock clock = sw_clock_system();
    sw_entropy entropy = sw_entropy_system();
    if (sw_pool_open(4, &pool, NULL) != SW_OK) return false;
    for (int i = 0; i < 100; i++) sw_pool_run(pool, 64, add_one, sums);
    sw_pool_close(&pool);
    for (int i = 0; i < 64; i++) total += sums[i];
    char *large = malloc(8 << 20);
    if (total != 208000 || large == NULL) return false;
    memset(large, 1, 8 << 20);
    free(large);
    if (snprintf(text, sizeof text, "%.3f", 0.5) != 5 || clock.wall_ms(NULL) == 0) return false;
    if (sw_entropy_fill(&entropy, &chance, sizeof chance, NULL) != SW_OK) return false;
    if (fstat(GIVEN_IN, &st) != 0) return false;
    char in[5];
    return read(GIVEN_IN, in, 5) == 5 && write(GIVEN_OUT, in, 5) == 5;
}

/* What the child finds around itself, as one line to the parent. */
static bool act_look(void) {
    char text[256];
    int descriptors = 0, variables = 0;
    struct rlimit core, files, memory;
    for (int fd = 0; fd < 64; fd++) descriptors += fcntl(fd, F_GETFD) >= 0;
    for (char **v = environ; *v != NULL; v++) variables++;
    (void)getrlimit(RLIMIT_CORE, &core);
    (void)getrlimit(RLIMIT_FSIZE, &files);
    (void)getrlimit(RLIMIT_AS, &memory);
    int size = snprintf(
        text, sizeof text, "fds %d env %d core %llu fsize %llu as %llu dump %d uid %d", descriptors,
        variables, (unsigned long long)core.rlim_max, (unsigned long long)files.rlim_max,
        (unsigned long long)memory.rlim_max, prctl(PR_GET_DUMPABLE, 0, 0, 0, 0), (int)getuid());
    return write(GIVEN_OUT, text, (size_t)size) == size;
}

/* Ends only by a signal or with its parent: nobody ever writes to descriptor 3. */
static bool act_wait(void) {
    char byte;
    (void)!write(GIVEN_OUT, "w", 1);
    return read(GIVEN_IN, &byte, 1) == 1;
}

static bool act_crash(void) {
    *(volatile int *)(uintptr_t)8 = 1;
    return true;
}

static const struct {
    const char *name;
    bool (*act)(void);
} acts[] = {
#define ACT(name)                                                                                  \
    { #name, act_##name }
    ACT(open),
    ACT(open_folder),
    ACT(open_path),
    ACT(read_proc),
    ACT(write_file),
    ACT(socket),
    ACT(unix_socket),
    ACT(socketpair),
    ACT(connect),
    ACT(exec),
    ACT(exec_descriptor),
    ACT(exec_image),
    ACT(exec_past_image),
    ACT(exec_image_by_path),
    ACT(fork),
    ACT(vfork),
    ACT(clone3),
    ACT(thread_in_namespace),
    ACT(unshare),
    ACT(ptrace),
    ACT(trace_me),
    ACT(kill),
    ACT(kill_self),
    ACT(signal_queue),
    ACT(read_memory),
    ACT(write_memory),
    ACT(memfd),
    ACT(map_code),
    ACT(map_writable_code),
    ACT(make_code),
    ACT(key_code),
    ACT(shared_memory),
    ACT(duplicate),
    ACT(duplicate_by_fcntl),
    ACT(own_signal),
    ACT(dumpable),
    ACT(other_prctl),
    ACT(tiles),
    ACT(raise_limit),
    ACT(limits_of_parent),
    ACT(user),
    ACT(mount),
    ACT(stat_path),
    ACT(truncate),
    ACT(unlink),
    ACT(ring),
    ACT(userfaultfd),
    ACT(bpf),
    ACT(perf),
    ACT(keys),
    ACT(listen_to_filter),
    ACT(add_filter),
    ACT(name_thread),
    ACT(old_call),
    ACT(x32_call),
    ACT(write_root),
    ACT(write_model),
    ACT(write_program),
    ACT(write_outside),
    ACT(read_outside),
    ACT(read_by_link),
    ACT(read_above),
    ACT(read_by_descriptor),
    ACT(read_in_folder),
    ACT(proc_1),
    ACT(remount),
    ACT(unmount),
    ACT(new_mount),
    ACT(open_tree),
    ACT(pivot),
    ACT(change_root),
    ACT(join_namespace),
    ACT(mount_namespace),
    ACT(device),
    ACT(pipe_file),
    ACT(exec_scratch),
    ACT(map_scratch),
    ACT(protect_scratch),
    ACT(map_own),
    ACT(write_relative),
    ACT(change_own),
    ACT(name_own),
    ACT(change_nothing),
    ACT(make_there),
    ACT(odd_paths),
    ACT(path_over_pages),
    ACT(print),
    ACT(print_much),
    ACT(race),
    ACT(write_random),
    ACT(end_agent),
    ACT(take_descriptor),
    ACT(handle),
    ACT(fill),
    ACT(fill_sparse),
    ACT(fill_names),
    ACT(rename_out),
    ACT(scratch),
    ACT(write_null),
    ACT(places),
    ACT(own_null),
    ACT(flood),
    ACT(crowd),
    ACT(call_time),
    ACT(open_time),
    ACT(interrupted),
    ACT(fork_bomb),
    ACT(thread_bomb),
    ACT(hog),
    ACT(crash_code),
    ACT(crash_jump),
    ACT(crash_read),
    ACT(crash_divide),
    ACT(crash_frame),
    ACT(loud),
    ACT(unix_outside),
    ACT(unix_in_root),
    ACT(unix_inside),
    ACT(network),
    ACT(younger_call),
    ACT(tried),
    ACT(gpu),
    ACT(no_gpu),
    ACT(other_ioctl),
    ACT(outlive),
    ACT(linger),
    ACT(surroundings),
    ACT(legal),
    ACT(look),
    ACT(wait),
    ACT(crash),
};

/* "fork:ACT" in a child, "exec:ACT" in a child that is this program again: exits as the child did,
 * with 100 + signal when one killed it, and 200 + signal when it left a core. */
static int relay(bool again, char *const argv[]) {
    char *const arguments[] = {argv[0], argv[1] + 5, argv[2], NULL};
    int status = 0;
    pid_t pid = fork();
    if (pid == 0 && again) {
        (void)execve("/bin/probe", arguments, environ);
        _exit(BAD_USAGE);
    }
    if (pid == 0) _exit(main(3, (char **)(uintptr_t)arguments));
    if (pid < 0 || waitpid(pid, &status, 0) != pid) return BAD_USAGE;
    if (WIFEXITED(status)) return WEXITSTATUS(status);
    return (WCOREDUMP(status) ? 200 : 100) + WTERMSIG(status);
}

int main(int argc, char **argv) {
    static const char prefix[] = "held:";
    if (argc != 3) return BAD_USAGE;
    parent = (pid_t)strtol(argv[2], NULL, 10);
    const char *name = argv[1];
    if (strncmp(name, "become:", 7) == 0) { /* in its place, as /usr/bin/env does */
        argv[1] += 7;
        return execve("/bin/probe", argv, environ);
    }
    if (strncmp(name, "fork:", 5) == 0 || strncmp(name, "exec:", 5) == 0)
        return relay(name[0] == 'e', argv);
    if (strncmp(name, prefix, sizeof prefix - 1) == 0) {
        name += sizeof prefix - 1;
        sw_error err;
        if (sw_confine_enter(&err) != SW_OK) return REFUSED;
    }
    for (size_t i = 0; i < sizeof acts / sizeof acts[0]; i++)
        if (strcmp(acts[i].name, name) == 0) return acts[i].act() ? DONE : REFUSED;
    return BAD_USAGE;
}
