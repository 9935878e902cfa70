/* SPDX-License-Identifier: Apache-2.0
 *
 * What the agent asks of the kernel of its own machine, and when (SANDBOX-050 to SANDBOX-054).
 * Nobody sets a machine's swap for a test: what is expected follows from what it has.
 */
#include "run/agent.h"

#include "cmocka_plain.h"
#include "sys/swap.h"
#include <string.h>

typedef struct said {
    size_t count;
    char last[512];
} said;

static void note(void *context, const char *sentence) {
    said *s = context;
    s->count++;
    strncpy(s->last, sentence, sizeof s->last - 1);
}

/* A container's settings are those of the machine below: a software machine's runs leave them. */
static void a_software_machine_is_left_as_it_is(void **state) {
    (void)state;
    said s = {0};
    const sw_run_options o = {.eyes = {.context = &s, .phase = note}};
    sw_agent a = {.o = &o};
    assert_int_equal(sw_agent_check_kernel(&a, NULL), SW_OK);
    sw_agent_hush_kernel(&a);
    assert_false(a.kernel_log.open);
    sw_agent_restore_kernel(&a);
    assert_int_equal(s.count, 0);
}

static void hardware_must_be_quiet(void **state) {
    (void)state;
    said s = {0};
    const sw_run_options o = {.eyes = {.context = &s, .phase = note}};
    sw_agent a = {.o = &o, .on_hardware = true};
    sw_error err = {0};
    sw_status status = sw_agent_check_kernel(&a, &err);
    assert_true(a.kernel_log.open);
    bool good = a.kernel_log.loud[0] == 0 && sw_swap_is_off("");
    assert_int_equal(status, good ? SW_OK : SW_REFUSED);
    if (!good) assert_string_equal(err.word, "sandbox");
    if (!good) assert_true(s.count > 0 && strstr(s.last, "worker") != NULL);
    size_t before = s.count;
    sw_agent_hush_kernel(&a); /* once is enough */
    assert_int_equal(s.count, before);
    sw_agent_restore_kernel(&a);
    assert_false(a.kernel_log.open);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_software_machine_is_left_as_it_is),
        cmocka_unit_test(hardware_must_be_quiet),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
