/* SPDX-License-Identifier: Apache-2.0
 *
 * The settings that say what the kernel prints of a script that crashes (SANDBOX-050 to
 * SANDBOX-052), on folders that stand for a machine. The log of this one is
 * test_kernel_log_command.c's.
 */
#include "sys/kernel_log.h"

#include "setting_support.h"
#include "tree_support.h"

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

#define ON_MACHINE(test) cmocka_unit_test_setup_teardown(test, make_machine, unmake_machine)

int main(void) {
    const struct CMUnitTest tests[] = {
        ON_MACHINE(quiet_is_what_the_document_says), ON_MACHINE(a_kernel_without_a_setting),
        ON_MACHINE(it_is_set_told_and_put_back),     ON_MACHINE(what_cannot_be_set_is_told),
        ON_MACHINE(no_run_opens_it_under_another),   ON_MACHINE(who_opens_it_meanwhile_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
