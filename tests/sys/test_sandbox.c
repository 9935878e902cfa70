/* SPDX-License-Identifier: Apache-2.0
 *
 * The sandbox from outside: a static probe tries one act at a time. First without the sandbox, to
 * see that the act works here at all; then inside, where it must be refused or kill the probe.
 */
#include "sys/files.h"
#include "sys/kernel_log.h"
#include "sys/process.h"
#include "sys/swap.h"

// clang-format off
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
// clang-format on
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { DONE = 42, REFUSED = 1, KILLED = 256 + SIGSYS, MEMORY_LIMIT = 1 << 30 };

typedef struct fixture {
    int image;
    sw_bytes mapped;
    char path[512];
} fixture;

static int load_probe(void **state) {
    static fixture f;
    ssize_t size = readlink("/proc/self/exe", f.path, sizeof f.path - 32);
    assert_true(size > 0);
    f.path[size] = 0;
    char *slash = strrchr(f.path, '/');
    (void)snprintf(slash + 1, 32, "probe_acts");
    sw_error err = {0};
    if (sw_image_load(f.path, 16 << 20, &f.image, &f.mapped, &err) != SW_OK) {
        print_error("%s\n", err.message);
        return -1;
    }
    *state = &f;
    return 0;
}

static int unload_probe(void **state) {
    fixture *f = *state;
    sw_image_unload(&f->image, &f->mapped);
    return 0;
}

typedef struct run {
    int code; /* exit code, 256 + signal */
    char output[256];
    sw_sandbox_layers layers;
} run;

typedef struct pipes {
    int in[2], out[2];
} pipes;

static pipes open_pipes(void) {
    pipes p;
    assert_int_equal(pipe2(p.in, O_CLOEXEC), 0);
    assert_int_equal(pipe2(p.out, O_CLOEXEC), 0);
    return p;
}

static sw_status start(const fixture *f, const char *act, const pipes *p, pid_t *pid, int *pidfd,
                       run *r, sw_error *err) {
    char parent[16];
    (void)snprintf(parent, sizeof parent, "%d", (int)getpid());
    const char *const argv[] = {"probe", act, parent, NULL};
    const int fds[] = {p->in[0], p->out[1]};
    const sw_sandbox_rules rules = {
        .profile = SW_SANDBOX_NATIVE, .memory_limit_bytes = MEMORY_LIMIT, .thread_limit = 8};
    const sw_spawn what = {
        .image_fd = f->image, .argv = argv, .fds = fds, .fd_count = 2, .sandbox = &rules};
    return sw_process_start(&what, pid, pidfd, &r->layers, err);
}

/* One act inside the sandbox, from start to end. */
static run run_inside(const fixture *f, const char *act) {
    run r = {0};
    pid_t pid;
    int pidfd;
    size_t got = 0;
    sw_error err = {0};
    pipes p = open_pipes();
    assert_int_equal(write(p.in[1], "hello", 5), 5);
    if (start(f, act, &p, &pid, &pidfd, &r, &err) != SW_OK) fail_msg("%s", err.message);
    (void)close(p.in[0]);
    (void)close(p.out[1]);
    assert_int_equal(sw_process_wait(pid, &r.code, &err), SW_OK);
    assert_int_equal(sw_fd_read(p.out[0], r.output, sizeof r.output - 1, &got, &err), SW_OK);
    (void)close(p.in[1]);
    (void)close(p.out[0]);
    (void)close(pidfd);
    return r;
}

static int run_outside(const fixture *f, const char *act) {
    char parent[16];
    int code = 0;
    pipes p = open_pipes();
    assert_int_equal(write(p.in[1], "hello", 5), 5);
    (void)snprintf(parent, sizeof parent, "%d", (int)getpid());
    pid_t pid = fork();
    if (pid == 0) {
        if (dup2(p.in[0], 63) < 0 || dup2(p.out[1], 62) < 0) _exit(98);
        if (dup2(63, 3) < 0 || dup2(62, 4) < 0) _exit(98);
        (void)execl(f->path, "probe", act, parent, (char *)NULL);
        _exit(97);
    }
    sw_error err;
    assert_int_equal(sw_process_wait(pid, &code, &err), SW_OK);
    for (int i = 0; i < 2; i++) {
        (void)close(p.in[i]);
        (void)close(p.out[i]);
    }
    return code;
}

static const struct {
    const char *act;
    int native;         /* the expected code */
    bool works_outside; /* here, whatever the machine grants */
} acts[] = {
    {"open", KILLED, true},
    {"open_folder", KILLED, true},
    {"open_path", KILLED, true}, /* O_PATH reads nothing; Landlock leaves it alone */
    {"read_proc", KILLED, true},
    {"write_file", KILLED, true},
    {"socket", KILLED, true},
    {"unix_socket", KILLED, true},
    {"socketpair", KILLED, true},
    {"connect", KILLED, true},
    {"exec", KILLED, false},
    {"exec_descriptor", KILLED, true},
    {"exec_image", REFUSED, false},      /* passes the list, but exec has closed the descriptor */
    {"exec_past_image", REFUSED, false}, /* so does that, and Landlock has no path to give */
    {"exec_image_by_path", KILLED, false},
    {"fork", KILLED, true},
    {"vfork", KILLED, true},
    {"clone3", REFUSED, true},
    {"thread_in_namespace", KILLED, true},
    {"unshare", KILLED, true},
    {"ptrace", KILLED, false},
    {"trace_me", KILLED, true},
    {"kill", KILLED, true},
    {"kill_self", KILLED, true},
    {"signal_queue", KILLED, true},
    {"read_memory", KILLED, true},
    {"write_memory", KILLED, true},
    {"memfd", KILLED, true},
    {"map_code", KILLED, true},
    {"map_writable_code", KILLED, true},
    {"make_code", KILLED, true},
    {"key_code", KILLED, false},
    {"shared_memory", KILLED, true},
    {"duplicate", KILLED, true},
    {"duplicate_by_fcntl", KILLED, true},
    {"own_signal", KILLED, false},
    {"dumpable", KILLED, true},
    {"other_prctl", KILLED, true},
    {"raise_limit", KILLED, true},
    {"limits_of_parent", KILLED, true},
    {"user", KILLED, true},
    {"mount", KILLED, false},
    {"stat_path", KILLED, true},
    {"truncate", KILLED, true},
    {"unlink", KILLED, true},
    {"ring", KILLED, false},
    {"userfaultfd", KILLED, false},
    {"bpf", KILLED, false},
    {"perf", KILLED, false},
    {"keys", KILLED, false},
    {"listen_to_filter", KILLED, true},
    {"held:listen_to_filter", KILLED, false},
    {"add_filter", KILLED, true},
    {"name_thread", KILLED, true},
    {"old_call", KILLED, false},
    {"x32_call", KILLED, false},
    {"tiles", DONE, true}, /* AMX must be asked for */
    {"legal", DONE, true},
    {"held:legal", DONE, false},
};

static void each_act_works_outside(void **state) {
    for (size_t i = 0; i < sizeof acts / sizeof acts[0]; i++) {
        if (!acts[i].works_outside) continue;
        int code = run_outside(*state, acts[i].act);
        if (code != DONE) fail_msg("outside, %s ends with %d", acts[i].act, code);
    }
}

static void a_native_worker_is_held(void **state) {
    for (size_t i = 0; i < sizeof acts / sizeof acts[0]; i++) {
        run r = run_inside(*state, acts[i].act);
        if (r.code != acts[i].native)
            fail_msg("%s ends with %d, not %d", acts[i].act, r.code, acts[i].native);
    }
}

static void a_legal_worker_gets_its_bytes_through(void **state) {
    run r = run_inside(*state, "held:legal");
    assert_int_equal(r.code, DONE);
    assert_string_equal(r.output, "hello");
}

static void the_layers_are_told_truly(void **state) {
    run r = run_inside(*state, "legal");
    assert_true(r.layers.no_new_privs && r.layers.seccomp && r.layers.no_core);
    assert_true(r.layers.not_dumpable);
    assert_true(r.layers.landlock_abi >= SW_SANDBOX_LANDLOCK_ABI_MIN);
    assert_int_equal(r.layers.other_user, geteuid() == 0);
}

static void the_child_finds_nothing_around_it(void **state) {
    char expected[256];
    run r = run_inside(*state, "look");
    (void)snprintf(expected, sizeof expected, "fds 5 env 0 core 0 fsize 0 as %d dump 0 uid %d",
                   MEMORY_LIMIT, SW_SANDBOX_USER);
    assert_int_equal(r.code, DONE);
    assert_string_equal(r.output, expected);
}

static void a_crash_is_told_with_its_signal(void **state) {
    assert_int_equal(run_inside(*state, "crash").code, 256 + SIGSEGV);
}

/* A waiting child, for a look from outside. */
typedef struct waiting {
    pid_t pid;
    int pidfd;
    pipes p;
    run r;
} waiting;

static waiting start_waiting(const fixture *f) {
    waiting w = {.p = open_pipes()};
    char byte = 0;
    sw_error err = {0};
    if (start(f, "wait", &w.p, &w.pid, &w.pidfd, &w.r, &err) != SW_OK) fail_msg("%s", err.message);
    assert_int_equal(read(w.p.out[0], &byte, 1), 1);
    return w;
}

static void end_waiting(waiting *w) {
    int code = 0;
    sw_error err;
    sw_process_kill(w->pidfd);
    assert_int_equal(sw_process_wait(w->pid, &code, &err), SW_OK);
    assert_int_equal(code, 256 + SIGKILL);
    (void)close(w->pidfd);
    for (int i = 0; i < 2; i++) {
        (void)close(w->p.in[i]);
        (void)close(w->p.out[i]);
    }
}

static bool same_namespace(pid_t pid, const char *kind) {
    char path[64], own[64] = "", other[64] = "";
    (void)snprintf(path, sizeof path, "/proc/self/ns/%s", kind);
    if (readlink(path, own, sizeof own - 1) < 0) return true;
    (void)snprintf(path, sizeof path, "/proc/%d/ns/%s", (int)pid, kind);
    if (readlink(path, other, sizeof other - 1) < 0) return true;
    return strcmp(own, other) == 0;
}

static void the_namespaces_are_there_when_told(void **state) {
    waiting w = start_waiting(*state);
    if (geteuid() == 0) { /* others may not look */
        assert_int_equal(same_namespace(w.pid, "net"), !w.r.layers.network_namespace);
        assert_int_equal(same_namespace(w.pid, "pid"), !w.r.layers.pid_namespace);
        assert_int_equal(same_namespace(w.pid, "ipc"), !w.r.layers.ipc_namespace);
        assert_int_equal(same_namespace(w.pid, "mnt"), !w.r.layers.mount_namespace);
    }
    end_waiting(&w);
}

static void the_child_leads_its_own_session(void **state) {
    waiting w = start_waiting(*state);
    assert_int_equal(getsid(w.pid), w.pid);
    end_waiting(&w);
}

/* A process between us and the worker ends; the worker's end of the pipe closes with it. */
static void the_child_dies_with_its_parent(void **state) {
    pipes p = open_pipes();
    pid_t middle = fork();
    if (middle == 0) {
        run r;
        pid_t pid;
        int pidfd;
        sw_error err;
        if (start(*state, "wait", &p, &pid, &pidfd, &r, &err) != SW_OK) _exit(1);
        (void)pause();
        _exit(0);
    }
    char byte = 0;
    (void)close(p.in[0]);
    (void)close(p.out[1]);
    assert_int_equal(read(p.out[0], &byte, 1), 1); /* the worker waits */
    assert_int_equal(kill(middle, SIGKILL), 0);
    assert_int_equal(waitpid(middle, NULL, 0), middle);
    struct pollfd end = {.fd = p.out[0], .events = POLLIN};
    assert_int_equal(poll(&end, 1, 20000), 1);
    assert_int_equal(read(p.out[0], &byte, 1), 0); /* and is gone */
    (void)close(p.in[1]);
    (void)close(p.out[0]);
}

/* Takes `call` away from this process (a fork of the test), then starts a worker. */
static int start_without(const fixture *f, int call) {
    pid_t pid = fork();
    if (pid == 0) {
        run r;
        pid_t child = 0;
        int pidfd = -1;
        sw_error err = {0};
        scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_ALLOW);
        (void)seccomp_rule_add(ctx, SCMP_ACT_ERRNO(EPERM), call, 0);
        if (seccomp_load(ctx) != 0) _exit(90);
        pipes p = open_pipes();
        sw_status status = start(f, "legal", &p, &child, &pidfd, &r, &err);
        bool refused = status == SW_REFUSED && strcmp(err.word, "sandbox") == 0;
        bool alone = child == 0 && pidfd == -1 && waitpid(-1, NULL, WNOHANG) == -1;
        _exit(refused && alone ? 50 : status == SW_OK ? 51 : 52);
    }
    int code = 0;
    sw_error err;
    assert_int_equal(sw_process_wait(pid, &code, &err), SW_OK);
    return code;
}

static void no_child_without_a_required_layer(void **state) {
    static const struct {
        int call;
        int code; /* 50: refused and no child, 51: started */
    } cases[] = {
        {SCMP_SYS(landlock_create_ruleset), 50},
        {SCMP_SYS(landlock_restrict_self), 50},
        {SCMP_SYS(setresuid), 50},
        {SCMP_SYS(setgroups), 50},
        {SCMP_SYS(capset), 50},
        {SCMP_SYS(setsid), 50},
        {SCMP_SYS(close_range), 50},
        {SCMP_SYS(execveat), 50},
        {SCMP_SYS(unshare), 51}, /* namespaces are taken where they are granted */
    };
    if (geteuid() != 0) return; /* other users have other layers */
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        int code = start_without(*state, cases[i].call);
        if (code != cases[i].code) fail_msg("case %zu ends with %d", i, code);
    }
}

static void a_readable_image_is_refused(void **state) {
    const fixture *f = *state;
    run r;
    pid_t pid = 0;
    int pidfd = -1;
    sw_error err = {0};
    pipes p = open_pipes();
    fixture other = {.image = open(f->path, O_RDONLY | O_CLOEXEC)};
    assert_int_equal(start(&other, "legal", &p, &pid, &pidfd, &r, &err), SW_USAGE);
    assert_int_equal(pid, 0);
    (void)close(other.image);
    for (int i = 0; i < 2; i++) {
        (void)close(p.in[i]);
        (void)close(p.out[i]);
    }
}

static void an_image_cannot_change(void **state) {
    const fixture *f = *state;
    char path[64];
    assert_int_equal(pwrite(f->image, "x", 1, 0), -1);
    assert_int_equal(ftruncate(f->image, 1), -1);
    assert_ptr_equal(mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, f->image, 0), MAP_FAILED);
    (void)snprintf(path, sizeof path, "/proc/self/fd/%d", f->image);
    int again = open(path, O_RDWR | O_CLOEXEC);
    if (again >= 0) assert_int_equal(pwrite(again, "x", 1, 0), -1);
    if (again >= 0) (void)close(again);
}

static void an_image_is_the_file(void **state) {
    const fixture *f = *state;
    SW_SCOPED(sw_buffer) file = SW_BUFFER(16 << 20);
    sw_error err;
    assert_int_equal(sw_file_read(f->path, 16 << 20, &file, &err), SW_OK);
    assert_true(sw_bytes_equal(f->mapped, sw_buffer_bytes(&file)));
}

static void images_that_cannot_be(void **state) {
    const fixture *f = *state;
    int fd = -7;
    sw_bytes mapped = {NULL, 7};
    sw_error err;
    assert_int_equal(sw_image_load("/nowhere/at/all", 1 << 20, &fd, &mapped, &err), SW_MISSING);
    assert_int_equal(sw_image_load(f->path, 1000, &fd, &mapped, &err), SW_LIMIT);
    assert_int_equal(sw_image_load("/dev/null", 1000, &fd, &mapped, &err), SW_MALFORMED);
    assert_int_equal(sw_image_load("/", 1000, &fd, &mapped, &err), SW_IO);
    assert_int_equal(fd, -7);
    assert_int_equal(mapped.size, 7);
}

static void shared_memory_is_fixed_then_sealed(void **state) {
    (void)state;
    int fd = -1;
    void *map = NULL;
    sw_error err;
    assert_int_equal(sw_shared_make("rows", 0, &fd, &map, &err), SW_USAGE);
    assert_int_equal(sw_shared_make("rows", 5000, &fd, &map, &err), SW_OK);
    memcpy(map, "row", 4);
    assert_int_equal(ftruncate(fd, 1), -1);
    assert_int_equal(ftruncate(fd, 1 << 20), -1);
    assert_int_equal(sw_shared_seal(fd, &map, 5000, &err), SW_OK);
    assert_null(map);
    assert_int_equal(pwrite(fd, "x", 1, 0), -1);
    const char *seen = mmap(NULL, 5000, PROT_READ, MAP_PRIVATE, fd, 0);
    assert_ptr_not_equal(seen, MAP_FAILED);
    assert_string_equal(seen, "row");
    (void)munmap((void *)(uintptr_t)seen, 5000);
    (void)close(fd);
}

static void shared_memory_is_opened_again(void **state) {
    (void)state;
    int fd = -1, again = -7;
    void *map = NULL;
    char row[4];
    struct stat before, after;
    sw_error err;
    assert_int_equal(sw_shared_make("model", 5000, &fd, &map, &err), SW_OK);
    memcpy(map, "row", 4);
    assert_int_equal(sw_shared_seal(fd, &map, 5000, &err), SW_OK);
    assert_int_equal(sw_shared_reopen(-1, &again, &err), SW_IO);
    assert_int_equal(again, -7);
    assert_int_equal(sw_shared_reopen(fd, &again, &err), SW_OK);
    assert_int_equal(fcntl(again, F_GETFD), FD_CLOEXEC);
    assert_int_equal(fcntl(again, F_GETFL) & (O_ACCMODE | O_NOATIME), O_RDONLY | O_NOATIME);
    assert_int_equal(lseek(fd, 4000, SEEK_SET), 4000);
    assert_int_equal(fstat(fd, &before), 0);
    assert_int_equal(read(again, row, sizeof row), sizeof row);
    assert_string_equal(row, "row");
    assert_int_equal(lseek(fd, 0, SEEK_CUR), 4000);
    assert_int_equal(fstat(fd, &after), 0);
    assert_memory_equal(&before.st_atim, &after.st_atim, sizeof after.st_atim);
    (void)close(again);
    (void)close(fd);
}

/* SANDBOX-052, SANDBOX-054: whichever this machine is, nobody sets it for a test. */
static void no_worker_where_the_host_could_read_it(void **state) {
    const fixture *f = *state;
    const char *const argv[] = {"probe", "legal", "0", NULL};
    const bool silent = sw_kernel_log_loud("") == NULL, off = sw_swap_is_off("");
    for (int asked = 0; asked < 4; asked++) {
        const sw_sandbox_rules rules = {
            .profile = SW_SANDBOX_NATIVE, .silent_kernel = asked & 1, .no_swap = asked & 2};
        const sw_spawn what = {.image_fd = f->image, .argv = argv, .sandbox = &rules};
        const bool good = (!rules.silent_kernel || silent) && (!rules.no_swap || off);
        sw_sandbox_layers layers = {0};
        sw_error err = {0};
        pid_t pid = 0;
        int pidfd = -1, code = 0;
        assert_int_equal(sw_process_start(&what, &pid, &pidfd, &layers, &err),
                         good ? SW_OK : SW_REFUSED);
        if (!good) {
            assert_true(strcmp(err.word, "sandbox") == 0 && pid == 0);
            continue;
        }
        assert_int_equal(sw_process_wait(pid, &code, &err), SW_OK);
        (void)close(pidfd);
        assert_true(layers.silent_kernel == silent && layers.no_swap == off);
    }
}

static bool lists(sw_sandbox_profile profile, const char *name) {
    for (const char *const *n = sw_sandbox_list(profile); *n != NULL; n++)
        if (strcmp(*n, name) == 0) return true;
    return false;
}

static void the_native_list_lacks_what_it_must(void **state) {
    (void)state;
    static const char *const never[] = {
        "open",
        "openat",
        "openat2",
        "creat",
        "socket",
        "connect",
        "sendmsg",
        "execve",
        "fork",
        "vfork",
        "ptrace",
        "memfd_create",
        "kill",
        "process_vm_readv",
        "process_vm_writev",
        "pidfd_getfd",
        "io_uring_setup",
        "bpf",
        "mount",
        "unshare",
        "setns",
        "keyctl",
        "userfaultfd",
        "perf_event_open",
        "personality",
        "pkey_mprotect",
        "remap_file_pages",
        "shmat",
        "dup",
        "recvmsg",
        "seccomp",
    };
    for (size_t i = 0; i < sizeof never / sizeof never[0]; i++)
        assert_false(lists(SW_SANDBOX_NATIVE, never[i]));
    assert_true(lists(SW_SANDBOX_NATIVE, "read"));
    assert_true(lists(SW_SANDBOX_COMMAND, "execve"));
    assert_false(lists(SW_SANDBOX_COMMAND, "ptrace"));
}

/* SANDBOX-020 and SANDBOX-030: the document shows the lists as they are. */
static void the_document_shows_the_lists(void **state) {
    (void)state;
    SW_SCOPED(sw_buffer) document = SW_BUFFER(1 << 16);
    sw_error err = {0};
    if (sw_file_read("docs/formats/sandbox.md", 1 << 16, &document, &err) != SW_OK)
        fail_msg("%s", err.message);
    for (size_t i = 0; i < document.size; i++)
        if (document.data[i] == '\n') document.data[i] = ' ';
    sw_put_u8(&document, 0);
    for (int profile = 0; profile < 2; profile++) {
        SW_SCOPED(sw_buffer) list = SW_BUFFER(1 << 14);
        sw_put_text(&list, "```");
        for (const char *const *n = sw_sandbox_list((sw_sandbox_profile)profile); *n != NULL; n++)
            sw_put_format(&list, " %s", *n);
        sw_put_text(&list, " ```");
        sw_put_u8(&list, 0);
        assert_non_null(strstr((const char *)document.data, (const char *)list.data));
    }
}

static void a_hardened_process_cannot_be_dumped(void **state) {
    (void)state;
    pid_t pid = fork();
    if (pid == 0) {
        struct rlimit core = {2, 2};
        sw_error err;
        if (sw_process_harden(&err) != SW_OK) _exit(1);
        bool good = prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) == 0 && getrlimit(RLIMIT_CORE, &core) == 0 &&
                    core.rlim_cur == 0 && core.rlim_max <= 1 && umask(0) == 077;
        _exit(good ? DONE : 2);
    }
    int code = 0;
    sw_error err;
    assert_int_equal(sw_process_wait(pid, &code, &err), SW_OK);
    assert_int_equal(code, DONE);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_act_works_outside),
        cmocka_unit_test(a_native_worker_is_held),
        cmocka_unit_test(a_legal_worker_gets_its_bytes_through),
        cmocka_unit_test(the_layers_are_told_truly),
        cmocka_unit_test(the_child_finds_nothing_around_it),
        cmocka_unit_test(a_crash_is_told_with_its_signal),
        cmocka_unit_test(the_namespaces_are_there_when_told),
        cmocka_unit_test(the_child_leads_its_own_session),
        cmocka_unit_test(the_child_dies_with_its_parent),
        cmocka_unit_test(no_child_without_a_required_layer),
        cmocka_unit_test(a_readable_image_is_refused),
        cmocka_unit_test(an_image_cannot_change),
        cmocka_unit_test(an_image_is_the_file),
        cmocka_unit_test(images_that_cannot_be),
        cmocka_unit_test(shared_memory_is_fixed_then_sealed),
        cmocka_unit_test(shared_memory_is_opened_again),
        cmocka_unit_test(no_worker_where_the_host_could_read_it),
        cmocka_unit_test(the_native_list_lacks_what_it_must),
        cmocka_unit_test(the_document_shows_the_lists),
        cmocka_unit_test(a_hardened_process_cannot_be_dumped),
    };
    return cmocka_run_group_tests(tests, load_probe, unload_probe);
}
