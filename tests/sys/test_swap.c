/* SPDX-License-Identifier: Apache-2.0
 *
 * A machine with swap: told by its /proc, and no child where it must have none (SANDBOX-054).
 */
#include "sys/swap.h"

#include "command_support.h"

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
    sw_private_root *root = NULL;
    sw_error err = {0};
    const struct CMUnitTest all[] = {
        cmocka_unit_test(swap_is_what_the_kernel_says),
        cmocka_unit_test(no_command_beside_swap_where_it_is_required),
    };
    const struct CMUnitTest words[] = {all[0]};
    bool whole = sw_private_root_make(SCRATCH_BYTES, &root, &err) == SW_OK;
    sw_private_root_drop(&root);
    if (whole) return cmocka_run_group_tests(all, make, unmake);
    (void)printf("# no command is started: %s\n", err.message);
    return cmocka_run_group_tests(words, NULL, NULL);
}
