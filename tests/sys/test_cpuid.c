/* SPDX-License-Identifier: Apache-2.0
 *
 * CPUID's hypervisor leaves, with answers of the test's own (CMD-052): silent are zeros everywhere,
 * and one bit anywhere, or a crash, is not.
 */
#include "sys/cpuid.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <unistd.h>

#include <cmocka.h>

static uint32_t odd_leaf, odd_subleaf;
static sw_cpuid_answer odd;
static bool crashes;

static sw_cpuid_answer answer(uint32_t leaf, uint32_t subleaf) {
    if (crashes) (void)raise(SIGSEGV);
    if (leaf == odd_leaf && (subleaf == odd_subleaf || odd_subleaf == 0)) return odd;
    return (sw_cpuid_answer){0};
}

static sw_cpuid_answer only_leaves_of_hypervisors(uint32_t leaf, uint32_t subleaf) {
    (void)subleaf;
    const bool theirs = leaf >= 0x40000000 && leaf <= 0x4fffffff;
    return (sw_cpuid_answer){.eax = !theirs};
}

static void zeros_are_silent(void **state) {
    (void)state;
    odd_leaf = 0;
    assert_int_equal(sw_cpuid_listen(answer), SW_CPUID_SILENT);
    assert_int_equal(sw_cpuid_listen(only_leaves_of_hypervisors), SW_CPUID_SILENT);
}

static void one_bit_is_not(void **state) {
    (void)state;
    static const struct {
        uint32_t leaf, subleaf;
        sw_cpuid_answer odd;
    } cases[] = {{0x40000000, 0, {.ebx = 0x4b4d564b}}, /* KVMK, of KVM's signature */
                 {0x40000000, 0, {.eax = 0x40000001}}, {0x40000001, 0, {.eax = 1}},
                 {0x40000010, 0, {.ecx = 1u << 31}},   {0x40000100, 0, {.edx = 1}},
                 {0x4fffffff, UINT32_MAX, {.edx = 1}}, {0x40000000, 2, {.ecx = 1}}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        odd_leaf = cases[i].leaf;
        odd_subleaf = cases[i].subleaf;
        odd = cases[i].odd;
        if (sw_cpuid_listen(answer) != SW_CPUID_LOUD) fail_msg("case %zu is not loud", i);
    }
}

static void a_crash_is_not(void **state) {
    (void)state;
    odd_leaf = 0;
    crashes = true;
    assert_int_equal(sw_cpuid_listen(answer), SW_CPUID_LOUD);
    crashes = false;
}

/* Each signal ends a wait that it finds. */
static sw_cpuid_answer signal_parent(uint32_t leaf, uint32_t subleaf) {
    (void)leaf;
    (void)subleaf;
    for (int i = 0; i < 20; i++) (void)kill(getppid(), SIGUSR1);
    return (sw_cpuid_answer){0};
}
static void note_signal(int number) {
    (void)number;
}
static void a_signal_changes_nothing(void **state) {
    (void)state;
    const struct sigaction noted = {.sa_handler = note_signal};
    struct sigaction before;
    assert_int_equal(sigaction(SIGUSR1, &noted, &before), 0);
    for (int i = 0; i < 20; i++) assert_int_equal(sw_cpuid_listen(signal_parent), SW_CPUID_SILENT);
    assert_int_equal(sigaction(SIGUSR1, &before, NULL), 0);
}

/* A crash is not seen then either. */
static void who_cannot_wait_has_not_asked(void **state) {
    (void)state;
    void (*before)(int) = signal(SIGCHLD, SIG_IGN);
    odd_leaf = 0;
    assert_int_equal(sw_cpuid_listen(answer), SW_CPUID_UNASKED);
    (void)signal(SIGCHLD, before);
}

/* Leaf 0 of every processor answers with its maker's name. */
static void the_instruction_is_asked(void **state) {
    (void)state;
    sw_cpuid_answer a = sw_cpuid_ask(0, 0);
    assert_true(a.ebx != 0 && a.ecx != 0 && a.edx != 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(zeros_are_silent),
        cmocka_unit_test(one_bit_is_not),
        cmocka_unit_test(a_crash_is_not),
        cmocka_unit_test(a_signal_changes_nothing),
        cmocka_unit_test(who_cannot_wait_has_not_asked),
        cmocka_unit_test(the_instruction_is_asked),
    };
    return cmocka_run_group_tests_name("sys/cpuid", tests, NULL, NULL);
}
