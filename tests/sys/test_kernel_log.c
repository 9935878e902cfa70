/* SPDX-License-Identifier: Apache-2.0
 *
 * What the kernel prints of a script that crashes (SANDBOX-050 to SANDBOX-053): the settings, on
 * folders that stand for a machine, and then the real log of this one.
 */
#include "sys/kernel_log.h"

#include "command_support.h"
#include "setting_support.h"

#include <sys/file.h>

#define TRACE "/proc/sys/debug/exception-trace"
#define NAME  "SEALCANARYCOMM"

/* ---- the settings ---- */

static char machine[64];

static void set(const char *name, const char *text) {
    put_file(machine, name, text, strlen(text), 0644);
}

static const char *setting_of(const char *name) {
    static char text[256];
    assert_true(read_setting(inside(machine, name), text));
    return text;
}

static int make_machine(void **state) {
    static const char *const folders[] = {"proc",
                                          "proc/sys",
                                          "proc/sys/debug",
                                          "proc/sys/kernel",
                                          "proc/sys/vm",
                                          "sys",
                                          "sys/module",
                                          "sys/module/printk",
                                          "sys/module/printk/parameters"};
    (void)state;
    make_tree_folder(machine);
    for (size_t i = 0; i < sizeof folders / sizeof folders[0]; i++) put_folder(machine, folders[i]);
    set("proc/sys/debug/exception-trace", "1\n");
    set("proc/sys/kernel/print-fatal-signals", "0\n");
    set("proc/sys/kernel/printk", "7\t4\t1\t7\n");
    set("proc/sys/kernel/soft_watchdog", "1\n");
    set("proc/sys/vm/panic_on_oom", "2\n");
    set("sys/module/printk/parameters/ignore_loglevel", "N\n");
    set("proc/sys/kernel/core_pattern", "core\n");
    return 0;
}

static int unmake_machine(void **state) {
    (void)state;
    remove_tree(machine);
    return 0;
}

static void quiet_is_what_the_document_says(void **state) {
    (void)state;
    static const struct {
        const char *file, *loud, *quiet, *name;
    } cases[] = {
        {"proc/sys/debug/exception-trace", "1\n", "0\n", "debug.exception-trace"},
        {"proc/sys/kernel/print-fatal-signals", "1\n", "0\n", "kernel.print-fatal-signals"},
        {"proc/sys/kernel/printk", "2\t4\t1\t7\n", "1\t4\t1\t7\n", "kernel.printk"},
        {"proc/sys/kernel/printk", "", "0\t4\t1\t7\n", "kernel.printk"},
        {"sys/module/printk/parameters/ignore_loglevel", "Y\n", "N\n", "printk.ignore_loglevel"},
        {"proc/sys/kernel/soft_watchdog", "1\n", "0\n", "kernel.soft_watchdog"},
        {"proc/sys/kernel/soft_watchdog", "x\n", "0\n", "kernel.soft_watchdog"},
        {"proc/sys/vm/panic_on_oom", "1\n", "0\n", "vm.panic_on_oom"},
        {"proc/sys/vm/panic_on_oom", "2\n", "0\n", "vm.panic_on_oom"},
        {"proc/sys/kernel/core_pattern", "@/run/cores\n", "|/bin/cores\n", "kernel.core_pattern"},
    };
    sw_kernel_log log;
    sw_kernel_log_hush(machine, &log);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        set(cases[i].file, cases[i].loud);
        const char *loud = sw_kernel_log_loud(machine);
        if (loud == NULL || strcmp(loud, cases[i].name) != 0) fail_msg("case %zu is quiet", i);
        set(cases[i].file, cases[i].quiet);
        assert_null(sw_kernel_log_loud(machine));
    }
    (void)sw_kernel_log_restore(machine, &log);
}

static void a_kernel_without_a_setting(void **state) {
    (void)state;
    sw_kernel_log log;
    sw_kernel_log_hush(machine, &log);
    (void)unlink(inside(machine, "proc/sys/kernel/soft_watchdog"));
    (void)unlink(inside(machine, "sys/module/printk/parameters/ignore_loglevel"));
    assert_null(sw_kernel_log_loud(machine));
    (void)unlink(inside(machine, "proc/sys/kernel/print-fatal-signals"));
    assert_string_equal(sw_kernel_log_loud(machine), "kernel.print-fatal-signals");
    (void)sw_kernel_log_restore(machine, &log);
    assert_string_equal(sw_kernel_log_loud("/nowhere"), "debug.exception-trace");
}

static void it_is_set_told_and_put_back(void **state) {
    (void)state;
    sw_kernel_log log;
    sw_kernel_log_hush(machine, &log);
    assert_string_equal(
        log.changed,
        "debug.exception-trace was 1, kernel.printk was 7, kernel.soft_watchdog was 1, "
        "vm.panic_on_oom was 2");
    assert_string_equal(log.loud, "");
    assert_null(sw_kernel_log_loud(machine));
    assert_true(sw_kernel_log_restore(machine, &log));
    assert_int_equal(setting_of("proc/sys/debug/exception-trace")[0], '1');
    assert_int_equal(setting_of("proc/sys/kernel/printk")[0], '7');
    assert_int_equal(setting_of("proc/sys/vm/panic_on_oom")[0], '2');
    assert_true(sw_kernel_log_restore(machine, &log)); /* nothing any more */
}

static void what_cannot_be_set_is_told(void **state) {
    (void)state;
    sw_kernel_log log;
    set("proc/sys/kernel/core_pattern", "@/run/cores\n");
    sw_kernel_log_hush(machine, &log);
    assert_string_equal(log.loud, "kernel.core_pattern");
    assert_true(sw_kernel_log_restore(machine, &log));
    sw_kernel_log_hush("/nowhere", &log);
    assert_string_equal(log.loud, "debug.exception-trace");
    assert_string_equal(log.changed, "");
    assert_true(sw_kernel_log_restore("/nowhere", &log));
}

static void no_run_opens_it_under_another(void **state) {
    (void)state;
    sw_kernel_log first, second;
    sw_kernel_log_hush(machine, &first);
    sw_kernel_log_hush(machine, &second);
    assert_string_equal(second.changed, "");
    assert_true(sw_kernel_log_restore(machine, &first));
    assert_null(sw_kernel_log_loud(machine)); /* the second still needs it */
    assert_true(sw_kernel_log_restore(machine, &second));
    assert_null(sw_kernel_log_loud(machine)); /* and knows of nothing to put back */
}

static void who_opens_it_meanwhile_is_told(void **state) {
    (void)state;
    sw_kernel_log log;
    sw_kernel_log_hush(machine, &log);
    set("proc/sys/debug/exception-trace", "1\n");
    assert_false(sw_kernel_log_restore(machine, &log));
}

/* ---- this machine's log ---- */

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

#define ON_MACHINE(test) cmocka_unit_test_setup_teardown(test, make_machine, unmake_machine)

int main(void) {
    sw_private_root *root = NULL;
    sw_error err = {0};
    const struct CMUnitTest settings[] = {
        ON_MACHINE(quiet_is_what_the_document_says), ON_MACHINE(a_kernel_without_a_setting),
        ON_MACHINE(it_is_set_told_and_put_back),     ON_MACHINE(what_cannot_be_set_is_told),
        ON_MACHINE(no_run_opens_it_under_another),   ON_MACHINE(who_opens_it_meanwhile_is_told),
    };
    const struct CMUnitTest all[] = {
        settings[0],
        settings[1],
        settings[2],
        settings[3],
        settings[4],
        settings[5],
        cmocka_unit_test(a_crash_says_nothing),
        cmocka_unit_test(a_refused_call_says_nothing),
        cmocka_unit_test(no_command_on_a_loud_kernel_where_it_is_required),
    };
    bool whole = sw_private_root_make(SCRATCH_BYTES, &root, &err) == SW_OK;
    if (!whole) (void)printf("# the log of this machine is not looked at: %s\n", err.message);
    sw_private_root_drop(&root);
    if (whole && (!can_read_log() || !can_change_setting(TRACE))) {
        (void)printf("# the log of this machine is not looked at: this process may not read "
                     "/dev/kmsg, or not set " TRACE "\n");
        whole = false;
    }
    if (!whole) return cmocka_run_group_tests(settings, NULL, NULL);
    return cmocka_run_group_tests(all, begin, end);
}
