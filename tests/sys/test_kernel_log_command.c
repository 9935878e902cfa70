/* SPDX-License-Identifier: Apache-2.0
 *
 * What the kernel of this machine prints of a script that crashes (SANDBOX-050 to SANDBOX-053): its
 * real log, loud and quiet. The settings themselves are test_kernel_log.c's.
 */
#include "sys/kernel_log.h"

#include "command_support.h"
#include "setting_support.h"

#include <sys/file.h>

#define TRACE "/proc/sys/debug/exception-trace"
#define NAME  "SEALCANARYCOMM"

static int kmsg = -1;

/* What came since the last call. */
static bool came(const char *const *canaries) {
    char record[8192];
    bool found = false;
    for (;;) {
        ssize_t size = read(kmsg, record, sizeof record - 1);
        if (size < 0 && (errno == EPIPE || errno == EINTR)) continue; /* some are gone */
        if (size <= 0) return found;
        record[size] = 0;
        for (size_t i = 0; canaries[i] != NULL; i++) found |= strstr(record, canaries[i]) != NULL;
    }
}

/* The name, the bytes of CANARY, the address. */
static const char *const canaries[] = {NAME, "43 41 4e 41 52 59", "5ea1ca4a42", NULL};
static const char *const names[] = {NAME, NULL};

/* So that no run beside us makes the kernel quiet; -1: one needs it quiet. */
static int hold_loud(void) {
    int fd = open(TRACE, O_RDONLY | O_CLOEXEC);
    if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0 && write_setting(TRACE, "1\n")) return fd;
    if (fd >= 0) (void)close(fd);
    print_message("# a run beside this test needs the kernel quiet: what it is when loud is not "
                  "looked at\n");
    return -1;
}

static bool hush_here(sw_kernel_log *log) {
    sw_kernel_log_hush("", log);
    if (log->loud[0] != 0) print_message("# not here: %s\n", log->loud);
    return log->loud[0] == 0;
}

static void a_crash_says_nothing(void **state) {
    (void)state;
    sw_kernel_log log;
    int loud = hold_loud();
    (void)came(canaries);
    if (loud >= 0) {
        assert_int_equal(run_act("loud", false).code, DONE);
        if (!came(names))
            print_message("# the kernel prints no crash here, or this log is another's\n");
        (void)close(loud);
    }
    if (hush_here(&log)) {
        assert_int_equal(run_act("loud", false).code, DONE);
        assert_false(came(canaries));
    }
    (void)sw_kernel_log_restore("", &log);
}

/* With the trace on, what the list refuses still prints nothing. */
static void a_refused_call_says_nothing(void **state) {
    (void)state;
    static const char *const refused[] = {"trace_me", "old_call", "x32_call", "bpf", "mount"};
    (void)came(canaries);
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        char act[64];
        (void)snprintf(act, sizeof act, "exec:%s", refused[i]);
        assert_int_equal(run_act(act, false).code, REFUSED);
    }
    static const char *const of_probe[] = {"comm=\"probe\"", NULL};
    assert_false(came(of_probe));
}

static void no_command_on_a_loud_kernel_where_it_is_required(void **state) {
    (void)state;
    run r = {.pidfd = -1};
    sw_error err = {0};
    sw_kernel_log log;
    int loud = hold_loud();
    if (loud < 0) return;
    open_pipes(&r);
    assert_int_equal(start_under((sw_sandbox_rules){.silent_kernel = true}, &r, &err), SW_REFUSED);
    assert_string_equal(err.word, "sandbox");
    assert_non_null(strstr(err.message, "debug.exception-trace"));
    assert_int_equal(r.pid, 0);
    run other = run_act("legal", false); /* where it is not required */
    assert_int_equal(other.code, DONE);
    assert_false(other.layers.silent_kernel);
    (void)close(loud);
    if (hush_here(&log)) {
        assert_int_equal(start_under((sw_sandbox_rules){.silent_kernel = true}, &r, &err), SW_OK);
        assert_true(r.layers.silent_kernel && r.code == DONE);
    }
    (void)sw_kernel_log_restore("", &log);
    close_pipes(&r);
}

static int begin(void **state) {
    (void)make(state);
    guard_setting(TRACE);
    return 0;
}

static int end(void **state) {
    (void)unmake(state);
    return put_setting_back();
}

/* A record is read to its end, and at the log's end there is EAGAIN. */
static bool can_read_log(void) {
    char record[8192];
    kmsg = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    return kmsg >= 0 && lseek(kmsg, 0, SEEK_END) >= 0 &&
           (read(kmsg, record, sizeof record) > 0 || errno == EAGAIN);
}

int main(void) {
    if (root_is_missing()) return 0;
    if (!can_read_log() || !can_change_setting(TRACE)) {
        (void)printf("1..0 # SKIP this process may not read /dev/kmsg, or not set " TRACE "\n");
        return 0;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_crash_says_nothing),
        cmocka_unit_test(a_refused_call_says_nothing),
        cmocka_unit_test(no_command_on_a_loud_kernel_where_it_is_required),
    };
    return cmocka_run_group_tests(tests, begin, end);
}
