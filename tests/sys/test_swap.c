/* SPDX-License-Identifier: Apache-2.0
 *
 * A machine with swap: told by its /proc (SANDBOX-054). That no command starts beside it is
 * test_command_limits.c's.
 */
#include "sys/swap.h"

#include "tree_support.h"

#define HEADING "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n"

static void swap_is_what_the_kernel_says(void **state) {
    (void)state;
    static const struct {
        const char *swaps, *meminfo;
        bool off;
    } cases[] = {
        {HEADING, NULL, true},
        {HEADING, "MemFree: 1 kB\nSwapTotal: 5 kB\n", true},
        {HEADING "/dev/sda2   partition\t1\t0\t-2\n", NULL, false},
        {HEADING "/dev/zram0   partition\t1\t0\t-2\n", "MemFree: 1 kB\nSwapTotal: 0 kB\n", false},
        {HEADING "\n", NULL, false},
        {"/swapfile file 1 0 -2\n", NULL, false},
        {"Filename", NULL, false},
        {"", "MemFree: 1 kB\nSwapTotal: 5 kB\n", false},
        {NULL, "MemFree: 1 kB\nSwapTotal:       0 kB\nSwapFree:        0 kB\n", true},
        {NULL, "MemFree: 1 kB\nSwapTotal:       10 kB\n", false},
        {NULL, "MemFree: 1 kB\n", false},
        {NULL, NULL, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char machine[64];
        make_tree_folder(machine);
        put_folder(machine, "proc");
        const char *swaps = cases[i].swaps, *meminfo = cases[i].meminfo;
        if (swaps) put_file(machine, "proc/swaps", swaps, strlen(swaps), 0644);
        if (meminfo) put_file(machine, "proc/meminfo", meminfo, strlen(meminfo), 0644);
        if (sw_swap_is_off(machine) != cases[i].off) fail_msg("case %zu", i);
        remove_tree(machine);
    }
    assert_false(sw_swap_is_off("/nowhere"));
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(swap_is_what_the_kernel_says)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
