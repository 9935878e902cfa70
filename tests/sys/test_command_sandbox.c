/* SPDX-License-Identifier: Apache-2.0
 *
 * A command in its private root (CMD-020 to CMD-025, CMD-046): the probe tries each forbidden act
 * itself, in a child that it forks, and in a program that it executes; and does what a command may.
 */
#include "command_support.h"

#include <dirent.h>
#include <linux/capability.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <seccomp.h>
#include <sys/syscall.h>

#define SEEN(act) (1U << SW_SANDBOX_ACT_##act)

static const struct {
    const char *act;
    int code;
    unsigned seen;
} acts[] = {
    {"open", REFUSED, 0},
    {"open_folder", DONE, 0},
    {"read_proc", REFUSED, 0},
    {"socket", REFUSED, SEEN(NETWORK)},
    {"unix_socket", DONE, 0},
    {"socketpair", DONE, 0},
    {"connect", DONE, 0},
    {"exec", REFUSED, 0},
    {"exec_descriptor", REFUSED, SEEN(PROGRAM)},
    {"exec_image", REFUSED, 0}, /* passes the list, but exec has closed the descriptor */
    {"exec_image_by_path", REFUSED, SEEN(PROGRAM)},
    {"fork", DONE, 0},
    {"vfork", DONE, 0},
    {"clone3", REFUSED, 0},
    {"thread_in_namespace", REFUSED, SEEN(FILE_SYSTEM)},
    {"unshare", REFUSED, SEEN(FILE_SYSTEM)},
    {"ptrace", REFUSED, SEEN(PROCESS)},
    {"trace_me", REFUSED, SEEN(PROCESS)},
    {"kill", REFUSED, 0},
    {"kill_self", DONE, 0},
    {"signal_queue", REFUSED, 0},
    {"read_memory", REFUSED, SEEN(PROCESS)},
    {"write_memory", REFUSED, SEEN(PROCESS)},
    {"memfd", REFUSED, 0},
    {"map_code", DONE, 0},
    {"map_writable_code", DONE, 0},
    {"make_code", DONE, 0},
    {"key_code", REFUSED, SEEN(KERNEL)},
    {"shared_memory", REFUSED, SEEN(KERNEL)},
    {"duplicate", DONE, 0},
    {"duplicate_by_fcntl", DONE, 0},
    {"dumpable", REFUSED, 0},
    {"other_prctl", REFUSED, 0},
    {"raise_limit", REFUSED, 0},
    {"limits_of_parent", REFUSED, 0},
    {"user", REFUSED, SEEN(RIGHTS)},
    {"mount", REFUSED, SEEN(FILE_SYSTEM)},
    {"stat_path", REFUSED, 0},
    {"ring", REFUSED, SEEN(KERNEL)},
    {"userfaultfd", REFUSED, SEEN(KERNEL)},
    {"bpf", REFUSED, SEEN(KERNEL)},
    {"perf", REFUSED, SEEN(KERNEL)},
    {"keys", REFUSED, SEEN(KERNEL)},
    {"listen_to_filter", REFUSED, SEEN(KERNEL)},
    {"old_call", REFUSED, SEEN(KERNEL)},
    {"x32_call", REFUSED, SEEN(KERNEL)},
    {"legal", DONE, 0},
    {"write_root", REFUSED, SEEN(OUTSIDE) | SEEN(OWN_FILES)},
    {"write_model", REFUSED, SEEN(OUTSIDE) | SEEN(OWN_FILES)},
    {"write_program", REFUSED, SEEN(OUTSIDE) | SEEN(OWN_FILES)},
    {"write_outside", REFUSED, SEEN(OUTSIDE)},
    {"read_outside", REFUSED, 0},
    {"read_by_link", REFUSED, 0},
    {"read_above", REFUSED, 0},
    {"read_by_descriptor", REFUSED, 0},
    {"proc_1", REFUSED, 0},
    {"remount", REFUSED, SEEN(FILE_SYSTEM)},
    {"unmount", REFUSED, SEEN(FILE_SYSTEM)},
    {"new_mount", REFUSED, SEEN(FILE_SYSTEM)},
    {"open_tree", REFUSED, SEEN(FILE_SYSTEM)},
    {"pivot", REFUSED, SEEN(FILE_SYSTEM)},
    {"change_root", REFUSED, SEEN(FILE_SYSTEM)},
    {"join_namespace", REFUSED, SEEN(FILE_SYSTEM)},
    {"mount_namespace", REFUSED, SEEN(FILE_SYSTEM)},
    {"device", REFUSED, 0},
    {"pipe_file", REFUSED, 0},
    {"exec_scratch", REFUSED, SEEN(CODE)},
    {"map_scratch", REFUSED, SEEN(CODE)},
    {"protect_scratch", REFUSED, SEEN(CODE)},
    {"map_own", DONE, 0},
    {"write_relative", REFUSED, SEEN(OUTSIDE)},
    {"change_own", REFUSED, SEEN(OWN_FILES)},
    {"name_own", REFUSED, 0},
    {"change_nothing", REFUSED, 0},
    {"make_there", REFUSED, 0},
    {"odd_paths", REFUSED, 0},
    {"path_over_pages", REFUSED, SEEN(OWN_FILES)},
    {"print", DONE, SEEN(PRINT)},
    {"print_much", DONE, SEEN(PRINT)},
    {"write_random", REFUSED, SEEN(OUTSIDE)},
    {"end_agent", REFUSED, 0},
    {"take_descriptor", REFUSED, SEEN(PROCESS)},
    {"handle", REFUSED, SEEN(FILE_SYSTEM)},
    {"fill", REFUSED, 0},
    {"fill_sparse", REFUSED, 0},
    {"fill_names", REFUSED, 0},
    {"rename_out", REFUSED, SEEN(OUTSIDE)},
    {"scratch", DONE, 0},
    {"write_null", DONE, 0},
    {"places", DONE, 0},
    {"own_null", DONE, 0},
    {"unix_outside", REFUSED, 0},
    {"unix_in_root", REFUSED, 0},
    {"unix_inside", DONE, 0},
    {"network", REFUSED, SEEN(NETWORK)},
    {"younger_call", DONE, 0},
    {"tried", DONE, 0},
    {"no_gpu", REFUSED, 0},
    {"outlive", DONE, 0},
};

static void expect_all(const char *prefix) {
    for (size_t i = 0; i < sizeof acts / sizeof acts[0]; i++) {
        char act[64];
        (void)snprintf(act, sizeof act, "%s%s", prefix, acts[i].act);
        run r = run_act(act, false);
        unsigned seen = unwatched ? 0 : acts[i].seen;
        if (r.code != acts[i].code || r.seen != seen)
            fail_msg("%s ends with %d and %x, not %d and %x", act, r.code, r.seen, acts[i].code,
                     seen);
    }
}

static void a_command_is_held(void **state) {
    (void)state;
    expect_all("");
}
/* Nobody listens, and the answers are the same. */
static void a_command_is_held_without_a_watch(void **state) {
    (void)state;
    unwatched = true;
    expect_all("");
    unwatched = false;
}
static void a_child_that_it_forks_is_held(void **state) {
    (void)state;
    expect_all("fork:");
}
static void a_program_that_it_executes_is_held(void **state) {
    (void)state;
    expect_all("exec:");
}

static void gpu_nodes_are_there_when_asked_for(void **state) {
    (void)state;
    run r = run_act("gpu", true);
    assert_int_equal(r.code, DONE);
    if (r.layers.landlock_abi >= 5)
        assert_int_equal(run_act("other_ioctl", true).code, REFUSED);
    else
        print_message("# Landlock here does not hold back ioctl\n");
    assert_int_equal(run_act("exec:gpu", true).code, DONE);
    assert_int_equal(run_act("write_random", true).code, REFUSED);
}

/* A descriptor of an outside folder would be our own mistake; Landlock makes it worth nothing. */
static void an_outside_folder_leads_nowhere(void **state) {
    (void)state;
    given_folder = open(here.outside, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int itself = run_act("read_in_folder", false).code;
    int child = run_act("exec:read_in_folder", false).code;
    (void)close(given_folder);
    given_folder = -1;
    assert_int_equal(itself, REFUSED);
    assert_int_equal(child, REFUSED);
}

static void the_layers_are_told_truly(void **state) {
    (void)state;
    run r = run_act("legal", false);
    assert_true(r.layers.no_new_privs && r.layers.seccomp && r.layers.no_core);
    assert_true(r.layers.not_dumpable && r.layers.other_user && r.layers.private_root);
    assert_true(r.layers.network_namespace && r.layers.ipc_namespace);
    assert_true(r.layers.watched && r.layers.looked_into);
    assert_true(r.layers.mount_namespace && r.layers.pid_namespace);
    assert_true(r.layers.landlock_abi >= SW_SANDBOX_LANDLOCK_ABI_MIN);
    assert_string_equal(r.output, "hello");
}

static void the_command_finds_what_it_is_given(void **state) {
    (void)state;
    run r = run_act("surroundings", false);
    assert_int_equal(r.code, DONE);
    assert_string_equal(r.output,
                        "fds 5 env 2 home /tmp fsize 1048576 files 1024 core 1 pid 1 dump 0");
    /* What it executes by a path is readable, and so the kernel's default: SANDBOX-033. */
    assert_string_equal(run_act("exec:surroundings", false).output,
                        "fds 5 env 2 home /tmp fsize 1048576 files 1024 core 1 pid 2 dump 1");
}

/* As /usr/bin/env does: the second program is readable, so that a look which came behind it found a
 * process that may be dumped. Here the starter gets the one processor when nobody else wants it,
 * and so when the second program has begun. */
static int start_late(const char *act) {
    run r = {.pidfd = -1};
    sw_error err = {0};
    const struct sched_param none = {0};
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET((size_t)sched_getcpu(), &one);
    open_pipes(&r);
    sw_private_root *root = make_root(false, true);
    pid_t pid = fork();
    if (pid == 0) {
        if (sched_setaffinity(0, sizeof one, &one) != 0 ||
            sched_setscheduler(0, SCHED_IDLE | SCHED_RESET_ON_FORK, &none) != 0)
            _exit(90);
        sw_status status = start(root, "/bin/probe", act, &r, &err);
        if (status == SW_REFUSED) _exit(REFUSED);
        if (status != SW_OK || read(r.out[0], r.output, 4) != 4) _exit(91);
        sw_process_kill(r.pidfd);
        bool told = r.layers.not_dumpable && r.layers.no_core && r.layers.seccomp;
        _exit(sw_process_wait(r.pid, &r.code, &err) == SW_OK && told ? DONE : 92);
    }
    int code = 0;
    assert_int_equal(sw_process_wait(pid, &code, &err), SW_OK);
    close_pipes(&r);
    sw_private_root_drop(&root);
    return code;
}

static void a_command_becomes_another_program(void **state) {
    (void)state;
    static const char *const ways[] = {"linger", "become:linger", "become:become:linger"};
    for (int i = 0; i < 12; i++) {
        unwatched = i >= 9;
        assert_int_equal(start_late(ways[i % 3]), DONE);
    }
    unwatched = false;
    assert_int_equal(run_act("become:legal", false).code, DONE);
}

/* Shown, not judged: a busy machine is slower than any watch. */
static void what_an_allowed_call_takes(void **state) {
    (void)state;
    static const char *const acts_timed[] = {"call_time", "open_time"};
    for (size_t i = 0; i < sizeof acts_timed / sizeof acts_timed[0]; i++) {
        run with = run_act(acts_timed[i], false);
        unwatched = true;
        run without = run_act(acts_timed[i], false);
        unwatched = false;
        assert_true(with.code == DONE && without.code == DONE && with.seen == 0);
        print_message("# %s: %s ns with a watch, %s ns without\n", acts_timed[i], with.output,
                      without.output);
    }
    print_message("# signals ended %s watched calls\n", run_act("interrupted", false).output);
}

/* Threads of this process that are ahead of all others. */
static int threads_ahead(void) {
    struct sched_param first;
    int count = 0;
    DIR *threads = opendir("/proc/self/task");
    assert_non_null(threads);
    for (const struct dirent *e; (e = readdir(threads)) != NULL;) {
        pid_t id = (pid_t)atoi(e->d_name);
        if (id <= 0 || sched_getscheduler(id) != SCHED_FIFO) continue;
        assert_int_equal(sched_getparam(id, &first), 0);
        assert_int_equal(first.sched_priority, 1);
        count++;
    }
    (void)closedir(threads);
    return count;
}

static bool may_be_ahead(void) {
    const struct sched_param first = {.sched_priority = 1}, none = {0};
    return sched_setscheduler(0, SCHED_FIFO, &first) == 0 &&
           sched_setscheduler(0, SCHED_OTHER, &none) == 0;
}

/* SANDBOX-066: the thread that hears, and neither those that look nor the command. */
static void who_hears_calls_comes_first(void **state) {
    (void)state;
    run r = {.pidfd = -1};
    sw_error err = {0};
    const int expected = may_be_ahead() ? 1 : 0;
    sw_private_root *root = make_root(false, true);
    open_pipes(&r);
    assert_int_equal(threads_ahead(), 0);
    if (start(root, "/bin/probe", "flood", &r, &err) != SW_OK) fail_msg("%s", err.message);
    assert_int_equal(read(r.out[0], r.output, 1), 1); /* it has been heard */
    assert_int_equal(threads_ahead(), expected);
    assert_int_equal(sched_getscheduler(r.pid), SCHED_OTHER);
    sw_process_kill(r.pidfd);
    assert_int_equal(sw_process_wait(r.pid, &r.code, &err), SW_OK);
    sw_watch_end(&r.watch);
    assert_int_equal(threads_ahead(), 0);
    close_pipes(&r);
    (void)close(r.pidfd);
    sw_private_root_drop(&root);
}

static void a_crowd_of_callers_is_answered(void **state) {
    (void)state;
    run r = run_act("crowd", false);
    assert_int_equal(r.code, DONE);
    assert_int_equal(r.seen, 0);
}

/* Calls without end, of many processes at once, and the watch ends when it is asked to. */
static void a_flood_of_calls_blocks_no_one(void **state) {
    (void)state;
    run r = {.pidfd = -1};
    sw_error err = {0};
    sw_private_root *root = make_root(false, true);
    open_pipes(&r);
    if (start(root, "/bin/probe", "flood", &r, &err) != SW_OK) fail_msg("%s", err.message);
    assert_int_equal(read(r.out[0], r.output, 1), 1); /* it has begun */
    assert_int_equal(sw_watch_seen(r.watch), SEEN(NETWORK) | SEEN(FILE_SYSTEM));
    sw_process_kill(r.pidfd);
    assert_int_equal(sw_process_wait(r.pid, &r.code, &err), SW_OK);
    sw_watch_end(&r.watch);
    assert_null(r.watch);
    sw_watch_end(&r.watch);
    /* And while the command lives on. */
    close_pipes(&r);
    (void)close(r.pidfd);
    sw_private_root_drop(&root);
    root = make_root(false, true);
    open_pipes(&r);
    if (start(root, "/bin/probe", "flood", &r, &err) != SW_OK) fail_msg("%s", err.message);
    assert_int_equal(read(r.out[0], r.output, 1), 1);
    sw_watch_end(&r.watch);
    sw_process_kill(r.pidfd);
    assert_int_equal(sw_process_wait(r.pid, &r.code, &err), SW_OK);
    assert_int_equal(r.code, 256 + SIGKILL);
    close_pipes(&r);
    (void)close(r.pidfd);
    sw_private_root_drop(&root);
}

/* What is told may be wrong then; what is refused stays refused. */
static void a_name_that_changes_opens_nothing_else(void **state) {
    (void)state;
    const unsigned told = SEEN(OWN_FILES) | SEEN(OUTSIDE);
    for (int i = 0; i < 2; i++) {
        run r = run_act(i == 0 ? "race" : "exec:race", false);
        assert_int_equal(r.code, REFUSED);
        assert_int_equal(r.seen & ~told, 0);
    }
}

static void what_is_printed_last_is_told(void **state) {
    (void)state;
    for (int i = 0; i < 50; i++) assert_int_equal(run_act("print", false).seen, SEEN(PRINT));
}

typedef struct told {
    const char *act;
    int code;
    unsigned seen;
} told;

/* In a fork of the test, after `change`: 0, or 90 and more for what did not fit. */
static int tell_after(bool (*change)(void), bool watched, bool looked_into, const told *all,
                      size_t count) {
    int code = 0;
    sw_error err = {0};
    pid_t pid = fork();
    if (pid == 0) {
        if (!change()) _exit(90);
        for (size_t i = 0; i < count; i++) {
            run r = {.pidfd = -1};
            sw_private_root *root = make_root(false, true);
            open_pipes(&r);
            if (start(root, "/bin/probe", all[i].act, &r, &err) != SW_OK) _exit(91);
            if (sw_process_wait(r.pid, &r.code, &err) != SW_OK) _exit(92);
            if (sw_watch_end(&r.watch) != all[i].seen) _exit(93 + 10 * (int)i);
            if (r.code != all[i].code || r.layers.watched != watched) _exit(94 + 10 * (int)i);
            if (r.layers.looked_into != looked_into) _exit(95 + 10 * (int)i);
            close_pipes(&r);
            (void)close(r.pidfd);
            sw_private_root_drop(&root);
        }
        _exit(0);
    }
    assert_int_equal(sw_process_wait(pid, &code, &err), SW_OK);
    return code;
}

static bool lose_tracing(void) {
    struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
    struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3];
    if (syscall(SYS_capget, &header, data) != 0) return false;
    data[0].effective &= ~(1U << CAP_SYS_PTRACE);
    data[0].permitted &= ~(1U << CAP_SYS_PTRACE);
    return syscall(SYS_capset, &header, data) == 0;
}

/* Without the right to look into it, what its arguments name stays untold, and no less refused. */
static void who_may_not_look_tells_nothing_of_files(void **state) {
    (void)state;
    static const told all[] = {{"change_own", REFUSED, 0},
                               {"map_scratch", REFUSED, 0},
                               {"scratch", DONE, 0},
                               {"network", REFUSED, SEEN(NETWORK)},
                               {"print", DONE, SEEN(PRINT)}};
    assert_int_equal(tell_after(lose_tracing, true, false, all, sizeof all / sizeof all[0]), 0);
}

static bool lose_listeners(void) {
    scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_ALLOW);
    return seccomp_rule_add(ctx, SCMP_ACT_ERRNO(EBUSY), SCMP_SYS(seccomp), 1,
                            SCMP_A1(SCMP_CMP_MASKED_EQ, SECCOMP_FILTER_FLAG_NEW_LISTENER,
                                    SECCOMP_FILTER_FLAG_NEW_LISTENER)) == 0 &&
           seccomp_load(ctx) == 0;
}

/* SANDBOX-064: the same list, and nobody is told but of printing. */
static void a_kernel_without_a_listener_holds_it_too(void **state) {
    (void)state;
    static const told all[] = {{"change_own", REFUSED, 0}, {"map_own", DONE, 0},
                               {"scratch", DONE, 0},       {"network", REFUSED, 0},
                               {"unshare", REFUSED, 0},    {"print", DONE, SEEN(PRINT)}};
    assert_int_equal(tell_after(lose_listeners, false, true, all, sizeof all / sizeof all[0]), 0);
}

/* As the agent is. */
static void a_hardened_process_starts_it(void **state) {
    (void)state;
    run r = {.pidfd = -1};
    sw_error err = {0};
    sw_private_root *root = make_root(false, true);
    open_pipes(&r);
    pid_t pid = fork();
    if (pid == 0) {
        if (sw_process_harden(&err) != SW_OK ||
            start(root, "/bin/probe", "legal", &r, &err) != SW_OK ||
            sw_process_wait(r.pid, &r.code, &err) != SW_OK)
            _exit(90);
        sw_watch_end(&r.watch);
        _exit(r.code);
    }
    assert_int_equal(sw_process_wait(pid, &r.code, &err), SW_OK);
    assert_int_equal(r.code, DONE);
    close_pipes(&r);
    sw_private_root_drop(&root);
}

static void expect_no_start(const sw_private_root *root, const char *program, sw_status expected,
                            const char *word) {
    run r = {.pidfd = -1};
    sw_error err = {0};
    open_pipes(&r);
    sw_status status = start(root, program, "legal", &r, &err);
    if (status != expected || strcmp(err.word, word) != 0)
        fail_msg("%s: %d %s %s", program, (int)status, err.word, err.message);
    assert_int_equal(r.pid, 0);
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
    close_pipes(&r);
}

static void a_start_that_cannot_be_is_refused(void **state) {
    (void)state;
    sw_private_root *open_root = make_root(false, false), *root = make_root(false, true);
    expect_no_start(NULL, "/bin/probe", SW_REFUSED, "sandbox");
    expect_no_start(open_root, "/bin/probe", SW_REFUSED, "sandbox");
    expect_no_start(root, "/bin/nothing", SW_MISSING, "missing");
    expect_no_start(root, "bin/probe", SW_MISSING, "missing");
    expect_no_start(root, "/true", SW_MISSING, "missing"); /* a link to what is outside */
    expect_no_start(root, "/bin", SW_MALFORMED, "tree");
    expect_no_start(root, "/dev/null", SW_MALFORMED, "tree");
    expect_no_start(root, "/bin/text", SW_MALFORMED, "tree");
    expect_no_start(root, "/bin/script", SW_MALFORMED, "tree");
    sw_private_root_drop(&open_root);
    sw_private_root_drop(&root);
}

static void a_native_worker_has_no_root(void **state) {
    (void)state;
    sw_private_root *root = make_root(false, true);
    const char *const argv[] = {"/bin/probe", "legal", "0", NULL};
    sw_sandbox_rules rules = {.profile = SW_SANDBOX_NATIVE, .root = root};
    sw_spawn what = {.image_fd = 0, .argv = argv, .sandbox = &rules};
    pid_t pid = 0;
    int pidfd = -1;
    sw_sandbox_layers layers;
    sw_error err = {0};
    assert_int_equal(sw_process_start(&what, &pid, &pidfd, &layers, &err), SW_USAGE);
    rules.root = NULL;
    what.image_fd = -1;
    assert_int_equal(sw_process_start(&what, &pid, &pidfd, &layers, &err), SW_USAGE);
    rules = (sw_sandbox_rules){.profile = SW_SANDBOX_COMMAND, .root = root};
    what.image_fd = 0;
    assert_int_equal(sw_process_start(&what, &pid, &pidfd, &layers, &err), SW_USAGE);
    assert_int_equal(pid, 0);
    sw_private_root_drop(&root);
}

static void a_root_serves_one_start(void **state) {
    (void)state;
    run r = {.pidfd = -1};
    sw_error err = {0};
    sw_private_root *root = make_root(false, true);
    open_pipes(&r);
    assert_int_equal(start(root, "/again", "legal", &r, &err), SW_OK); /* a link inside */
    assert_int_equal(sw_process_wait(r.pid, &r.code, &err), SW_OK);
    assert_int_equal(r.code, DONE);
    sw_watch_end(&r.watch);
    expect_no_start(root, "/bin/probe", SW_REFUSED, "sandbox");
    close_pipes(&r);
    (void)close(r.pidfd);
    sw_private_root_drop(&root);
}

/* Takes `call` away from a fork of the test, which then starts a command. */
static int start_without(int call, unsigned flag) {
    sw_private_root *root = make_root(false, true);
    pid_t pid = fork();
    if (pid == 0) {
        run r = {.pidfd = -1};
        sw_error err = {0};
        scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_ALLOW);
        (void)seccomp_rule_add(ctx, SCMP_ACT_ERRNO(EPERM), call, flag != 0,
                               SCMP_A0(SCMP_CMP_MASKED_EQ, flag, flag));
        open_pipes(&r);
        if (seccomp_load(ctx) != 0) _exit(90);
        sw_status status = start(root, "/bin/probe", "legal", &r, &err);
        bool alone = r.pid == 0 && waitpid(-1, NULL, WNOHANG) == -1;
        _exit(status == SW_REFUSED && strcmp(err.word, "sandbox") == 0 && alone ? 50 : 51);
    }
    int code = 0;
    sw_error err;
    assert_int_equal(sw_process_wait(pid, &code, &err), SW_OK);
    sw_private_root_drop(&root);
    return code;
}

static void no_command_without_a_required_layer(void **state) {
    (void)state;
    static const struct {
        int call;
        unsigned flag; /* of the first argument; 0: whatever it is */
    } cases[] = {
        {SCMP_SYS(unshare), 0},
        {SCMP_SYS(unshare), CLONE_NEWNS},
        {SCMP_SYS(unshare), CLONE_NEWNET},
        {SCMP_SYS(unshare), CLONE_NEWIPC},
        {SCMP_SYS(clone), CLONE_NEWPID},
        {SCMP_SYS(mount), 0},
        {SCMP_SYS(move_mount), 0},
        {SCMP_SYS(pivot_root), 0},
        {SCMP_SYS(umount2), 0},
        {SCMP_SYS(fchdir), 0},
        {SCMP_SYS(landlock_add_rule), 0},
        {SCMP_SYS(setresuid), 0},
        {SCMP_SYS(landlock_restrict_self), 0},
        {SCMP_SYS(seccomp), 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        if (start_without(cases[i].call, cases[i].flag) != 50) fail_msg("case %zu started", i);
}

int main(void) {
    if (root_is_missing()) return 0;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_command_is_held),
        cmocka_unit_test(a_command_is_held_without_a_watch),
        cmocka_unit_test(a_child_that_it_forks_is_held),
        cmocka_unit_test(a_program_that_it_executes_is_held),
        cmocka_unit_test(gpu_nodes_are_there_when_asked_for),
        cmocka_unit_test(an_outside_folder_leads_nowhere),
        cmocka_unit_test(the_layers_are_told_truly),
        cmocka_unit_test(the_command_finds_what_it_is_given),
        cmocka_unit_test(a_command_becomes_another_program),
        cmocka_unit_test(what_an_allowed_call_takes),
        cmocka_unit_test(who_hears_calls_comes_first),
        cmocka_unit_test(a_crowd_of_callers_is_answered),
        cmocka_unit_test(a_flood_of_calls_blocks_no_one),
        cmocka_unit_test(a_name_that_changes_opens_nothing_else),
        cmocka_unit_test(what_is_printed_last_is_told),
        cmocka_unit_test(who_may_not_look_tells_nothing_of_files),
        cmocka_unit_test(a_kernel_without_a_listener_holds_it_too),
        cmocka_unit_test(a_hardened_process_starts_it),
        cmocka_unit_test(a_start_that_cannot_be_is_refused),
        cmocka_unit_test(a_native_worker_has_no_root),
        cmocka_unit_test(a_root_serves_one_start),
        cmocka_unit_test(no_command_without_a_required_layer),
    };
    return cmocka_run_group_tests(tests, make, unmake);
}
