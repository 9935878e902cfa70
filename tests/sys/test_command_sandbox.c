/* SPDX-License-Identifier: Apache-2.0
 *
 * A command in its private root (CMD-020 to CMD-025, CMD-046): the probe tries each forbidden act
 * itself, in a child that it forks, and in a program that it executes; and does what a command may.
 */
#include "command_support.h"

#include <seccomp.h>

static const struct {
    const char *act;
    int code;
} acts[] = {
    {"open", REFUSED},
    {"open_folder", DONE},
    {"read_proc", REFUSED},
    {"socket", REFUSED},
    {"unix_socket", REFUSED},
    {"socketpair", REFUSED},
    {"connect", KILLED},
    {"exec", REFUSED},
    {"exec_descriptor", KILLED},
    {"exec_image", REFUSED}, /* passes the list, but exec has closed the descriptor */
    {"exec_image_by_path", KILLED},
    {"fork", DONE},
    {"vfork", DONE},
    {"clone3", REFUSED},
    {"thread_in_namespace", KILLED},
    {"unshare", KILLED},
    {"ptrace", KILLED},
    {"trace_me", KILLED},
    {"kill", REFUSED},
    {"kill_self", DONE},
    {"signal_queue", REFUSED},
    {"read_memory", KILLED},
    {"write_memory", KILLED},
    {"memfd", REFUSED},
    {"map_code", DONE},
    {"map_writable_code", DONE},
    {"make_code", DONE},
    {"key_code", KILLED},
    {"shared_memory", KILLED},
    {"duplicate", DONE},
    {"duplicate_by_fcntl", DONE},
    {"dumpable", REFUSED},
    {"other_prctl", REFUSED},
    {"raise_limit", REFUSED},
    {"limits_of_parent", REFUSED},
    {"user", KILLED},
    {"mount", KILLED},
    {"stat_path", REFUSED},
    {"ring", KILLED},
    {"userfaultfd", KILLED},
    {"bpf", KILLED},
    {"perf", KILLED},
    {"keys", KILLED},
    {"listen_to_filter", KILLED},
    {"old_call", KILLED},
    {"x32_call", KILLED},
    {"legal", DONE},
    {"write_root", REFUSED},
    {"write_model", REFUSED},
    {"write_program", REFUSED},
    {"write_outside", REFUSED},
    {"read_outside", REFUSED},
    {"read_by_link", REFUSED},
    {"read_above", REFUSED},
    {"read_by_descriptor", REFUSED},
    {"proc_1", REFUSED},
    {"remount", KILLED},
    {"unmount", KILLED},
    {"new_mount", KILLED},
    {"open_tree", KILLED},
    {"pivot", KILLED},
    {"change_root", KILLED},
    {"join_namespace", KILLED},
    {"mount_namespace", KILLED},
    {"device", REFUSED},
    {"pipe_file", REFUSED},
    {"exec_scratch", REFUSED},
    {"map_scratch", REFUSED},
    {"write_random", REFUSED},
    {"end_agent", REFUSED},
    {"take_descriptor", KILLED},
    {"handle", KILLED},
    {"fill", REFUSED},
    {"fill_sparse", REFUSED},
    {"fill_names", REFUSED},
    {"rename_out", REFUSED},
    {"scratch", DONE},
    {"write_null", DONE},
    {"places", DONE},
    {"own_null", DONE},
    {"younger_call", DONE},
    {"tried", DONE},
    {"no_gpu", REFUSED},
    {"outlive", DONE},
};

static void expect_all(const char *prefix) {
    for (size_t i = 0; i < sizeof acts / sizeof acts[0]; i++) {
        char act[64];
        int expected = acts[i].code == KILLED && prefix[0] != 0 ? CHILD_KILLED : acts[i].code;
        (void)snprintf(act, sizeof act, "%s%s", prefix, acts[i].act);
        run r = run_act(act, false);
        if (r.code != expected) fail_msg("%s ends with %d, not %d", act, r.code, expected);
    }
}

static void a_command_is_held(void **state) {
    (void)state;
    expect_all("");
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
    if (r.layers.landlock_abi < 5) print_message("# Landlock here does not hold back ioctl\n");
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
    expect_no_start(root, "/bin/probe", SW_REFUSED, "sandbox");
    close_pipes(&r);
    (void)close(r.pidfd);
    sw_private_root_drop(&root);
}

/* Takes `call` away from a fork of the test, which then starts a command. */
static int start_without(int call) {
    sw_private_root *root = make_root(false, true);
    pid_t pid = fork();
    if (pid == 0) {
        run r = {.pidfd = -1};
        sw_error err = {0};
        scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_ALLOW);
        (void)seccomp_rule_add(ctx, SCMP_ACT_ERRNO(EPERM), call, 0);
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
    static const int calls[] = {
        SCMP_SYS(unshare),           SCMP_SYS(mount),     SCMP_SYS(move_mount),
        SCMP_SYS(pivot_root),        SCMP_SYS(umount2),   SCMP_SYS(fchdir),
        SCMP_SYS(landlock_add_rule), SCMP_SYS(setresuid), SCMP_SYS(landlock_restrict_self),
    };
    for (size_t i = 0; i < sizeof calls / sizeof calls[0]; i++)
        if (start_without(calls[i]) != 50) fail_msg("case %zu started", i);
}

int main(void) {
    sw_private_root *root = NULL;
    sw_error err = {0};
    if (sw_private_root_make(SCRATCH_BYTES, &root, &err) != SW_OK) {
        (void)printf("1..0 # SKIP %s\n", err.message);
        return 0;
    }
    sw_private_root_drop(&root);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_command_is_held),
        cmocka_unit_test(a_child_that_it_forks_is_held),
        cmocka_unit_test(a_program_that_it_executes_is_held),
        cmocka_unit_test(gpu_nodes_are_there_when_asked_for),
        cmocka_unit_test(an_outside_folder_leads_nowhere),
        cmocka_unit_test(the_layers_are_told_truly),
        cmocka_unit_test(the_command_finds_what_it_is_given),
        cmocka_unit_test(a_start_that_cannot_be_is_refused),
        cmocka_unit_test(a_native_worker_has_no_root),
        cmocka_unit_test(a_root_serves_one_start),
        cmocka_unit_test(no_command_without_a_required_layer),
    };
    return cmocka_run_group_tests(tests, make, unmake);
}
