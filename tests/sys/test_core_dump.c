/* SPDX-License-Identifier: Apache-2.0
 *
 * A command, and a program that it executes, leave no core: no file, and none to a program that the
 * kernel would hand it to (SANDBOX-046). For that the machine's kernel.core_pattern is another for
 * a moment; a process that waits for our end puts it back, whatever becomes of us.
 */
#include "command_support.h"
#include "setting_support.h"

#include <sys/resource.h>

#define PATTERN "/proc/sys/kernel/core_pattern"
enum { CHILD_CRASHED = 100 + SIGSEGV };

static char cores[64];

static bool write_pattern(const char *text) {
    return write_setting(PATTERN, text);
}

static int begin(void **state) {
    static const char script[] =
        "#!/bin/sh\n"
        "case $2 in probe) echo command >>\"$1/seen\" ;; probe_acts) echo outside >>\"$1/seen\" ;; "
        "esac\nexec cat >/dev/null\n";
    (void)make(state);
    make_tree_folder(cores);
    assert_int_equal(chmod(cores, 0777), 0);
    put_file(cores, "take", script, sizeof script - 1, 0755);
    guard_setting(PATTERN);
    return 0;
}

static int put_back(void **state) {
    int code = put_setting_back();
    remove_tree(cores);
    (void)unmake(state);
    return code;
}

/* A crash that nothing holds; true: the kernel says that it dumped. */
static bool crash_outside(void) {
    char path[512];
    int status = 0;
    ssize_t size = readlink("/proc/self/exe", path, sizeof path - 32);
    assert_true(size > 0);
    path[size] = 0;
    (void)snprintf(strrchr(path, '/') + 1, 32, "probe_acts");
    pid_t pid = fork();
    if (pid == 0) {
        const struct rlimit all = {RLIM_INFINITY, RLIM_INFINITY};
        (void)setrlimit(RLIMIT_CORE, &all);
        (void)execl(path, "probe", "crash", "0", (char *)NULL);
        _exit(97);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
    return WCOREDUMP(status);
}

/* How often our program has taken a core of ours, outside the sandbox and in it. */
static void count_taken(int *outside, int *command) {
    char text[256] = "";
    int fd = open(inside(cores, "seen"), O_RDONLY | O_CLOEXEC);
    if (fd >= 0) (void)!read(fd, text, sizeof text - 1);
    if (fd >= 0) (void)close(fd);
    *outside = *command = 0;
    for (const char *at = text; (at = strchr(at, '\n')) != NULL; at++) {
        *outside += at - text >= 7 && memcmp(at - 7, "outside", 7) == 0;
        *command += at - text >= 7 && memcmp(at - 7, "command", 7) == 0;
    }
}

/* The kernel starts it and does not wait for it. */
static bool await_taken(int wanted) {
    int outside = 0, command = 0;
    for (int i = 0; i < END_MS / 10 && outside < wanted; i++) {
        (void)poll(NULL, 0, 10);
        count_taken(&outside, &command);
    }
    return outside >= wanted;
}

static void no_core_goes_to_a_file(void **state) {
    (void)state;
    char pattern[160];
    (void)snprintf(pattern, sizeof pattern, "%s/core", cores);
    assert_true(write_pattern(pattern));
    assert_true(crash_outside());
    assert_true(write_pattern("/tmp/core")); /* which a command may write */
    assert_int_equal(run_act("crash", false).code, 256 + SIGSEGV);
    assert_int_equal(run_act("fork:crash", false).code, CHILD_CRASHED);
    assert_int_equal(run_act("exec:crash", false).code, CHILD_CRASHED);
}

static void no_core_goes_to_a_program(void **state) {
    (void)state;
    char pattern[160];
    int outside = 0, command = 0;
    (void)snprintf(pattern, sizeof pattern, "|%s/take %s %%e", cores, cores);
    assert_true(write_pattern(pattern));
    bool seen = crash_outside() && await_taken(1);
    if (!seen) print_message("# the kernel's program is started elsewhere: it is not seen here\n");
    assert_int_equal(run_act("crash", false).code, 256 + SIGSEGV);
    assert_int_equal(run_act("fork:crash", false).code, CHILD_CRASHED);
    assert_int_equal(run_act("exec:crash", false).code, CHILD_CRASHED);
    if (seen) assert_true(crash_outside() && await_taken(2));
    count_taken(&outside, &command);
    assert_int_equal(command, 0);
}

int main(void) {
    if (root_is_missing()) return 0;
    if (!can_change_setting(PATTERN)) {
        (void)printf("1..0 # SKIP kernel.core_pattern cannot be written here\n");
        return 0;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_core_goes_to_a_file),
        cmocka_unit_test(no_core_goes_to_a_program),
    };
    return cmocka_run_group_tests(tests, begin, put_back);
}
