/* SPDX-License-Identifier: Apache-2.0
 *
 * A command that takes too much: processes, threads, memory (SANDBOX-047, SANDBOX-048). It ends or
 * goes without; what started it, and the machine, go on. And none beside swap (SANDBOX-054).
 */
#include "command_support.h"

#include "sys/pool.h"
#include "sys/swap.h"

enum { GROUP_BYTES = 48 << 20, OWN_BYTES = 16 << 20 };

static void expect_limit(const char *act) {
    int count = 0, cause = 0;
    long limit = SW_SANDBOX_TASKS + SW_SANDBOX_TASKS_PER_PROCESSOR * sw_cpu_count();
    run r = run_act(act, false);
    assert_int_equal(r.code, DONE);
    if (sscanf(r.output, "%d %d", &count, &cause) != 2) fail_msg("%s", r.output);
    if (count > limit || count < 64 || cause != EAGAIN)
        fail_msg("%s: %d of %ld, error %d", act, count, limit, cause);
}

static void processes_are_counted(void **state) {
    (void)state;
    expect_limit("fork_bomb");
    expect_limit("exec:fork_bomb");
}

static void threads_are_counted(void **state) {
    (void)state;
    expect_limit("thread_bomb");
}

/* ---- memory, in a control group of our own where one can be made ---- */

static char group[128];

static bool put_number(const char *name, unsigned long value) {
    char text[32];
    int size = snprintf(text, sizeof text, "%lu", value);
    int fd = open(inside(group, name), O_WRONLY | O_CLOEXEC);
    bool done = fd >= 0 && write(fd, text, (size_t)size) == size;
    if (fd >= 0) (void)close(fd);
    return done;
}

static bool make_group(void) {
    static const char *const places[] = {"/sys/fs/cgroup/memory", "/sys/fs/cgroup"};
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        (void)snprintf(group, sizeof group, "%s/sealwright-test-%d", places[i], (int)getpid());
        if (mkdir(group, 0700) != 0) continue;
        if (put_number(i ? "memory.max" : "memory.limit_in_bytes", GROUP_BYTES)) return true;
        (void)rmdir(group);
    }
    return false;
}

/* Larger than any process of the command. */
static int start_hog(void) {
    run r = {.pidfd = -1};
    sw_error err = {0};
    if (!put_number("cgroup.procs", (unsigned long)getpid())) return 90;
    char *own = malloc(OWN_BYTES);
    if (own == NULL) return 91;
    memset(own, 1, OWN_BYTES);
    sw_private_root *root = make_root(false, true);
    open_pipes(&r);
    if (start(root, "/bin/probe", "hog", &r, &err) != SW_OK) return 92;
    if (sw_process_wait(r.pid, &r.code, &err) != SW_OK) return 93;
    return r.code == DONE || r.code == 256 + SIGKILL ? DONE : 94;
}

static void memory_is_taken_from_the_command_first(void **state) {
    (void)state;
    int code = 0;
    sw_error err = {0};
#ifdef SW_VARIANT_TSAN
    print_message("# ThreadSanitizer's own memory is more than the group's: nothing is seen\n");
    return;
#endif
    if (!make_group()) {
        print_message("# no control group for memory can be made here: nothing is seen\n");
        return;
    }
    uint64_t before = sw_process_memory_kills();
    pid_t pid = fork();
    if (pid == 0) _exit(start_hog());
    assert_int_equal(sw_process_wait(pid, &code, &err), SW_OK);
    uint64_t after = sw_process_memory_kills();
    for (int i = 0; i < END_MS / 10 && rmdir(group) != 0; i++) (void)poll(NULL, 0, 10);
    assert_int_equal(code, DONE);
    assert_true(after > before);
}

/* ---- swap ---- */

/* Whichever this machine is: nobody turns its swap on or off for a test. */
static void no_command_beside_swap_where_it_is_required(void **state) {
    (void)state;
    run r = {.pidfd = -1};
    sw_error err = {0};
    bool off = sw_swap_is_off("");
    open_pipes(&r);
    assert_int_equal(start_under((sw_sandbox_rules){.no_swap = false}, &r, &err), SW_OK);
    assert_int_equal(r.layers.no_swap, off);
    close_pipes(&r);
    r = (run){.pidfd = -1};
    open_pipes(&r);
    assert_int_equal(start_under((sw_sandbox_rules){.no_swap = true}, &r, &err),
                     off ? SW_OK : SW_REFUSED);
    if (off) assert_true(r.layers.no_swap);
    if (!off) assert_non_null(strstr(err.message, "a machine without swap"));
    close_pipes(&r);
}

int main(void) {
    if (root_is_missing()) return 0;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(processes_are_counted),
        cmocka_unit_test(threads_are_counted),
        cmocka_unit_test(memory_is_taken_from_the_command_first),
        cmocka_unit_test(no_command_beside_swap_where_it_is_required),
    };
    return cmocka_run_group_tests(tests, make, unmake);
}
