/* SPDX-License-Identifier: Apache-2.0
 *
 * Tiles are the processor's to have and Linux's to grant: where the system call is refused, they
 * are not there, and the emulation takes their place. On a processor without AMX the first test
 * sees only that nothing is claimed.
 */
#include "problem.h"
#include <errno.h>
#include <seccomp.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { ASK_FOR_TILES = 0x1023, HAS_TILES = 1, HAS_PAIRS = 2, NO_FILTER = 99 };

static bool refuse_tiles(void) {
    scmp_filter_ctx f = seccomp_init(SCMP_ACT_ALLOW);
    bool done = f && seccomp_rule_add(f, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(arch_prctl), 1,
                                      SCMP_A0(SCMP_CMP_EQ, ASK_FOR_TILES)) == 0;
    done = done && seccomp_load(f) == 0;
    seccomp_release(f);
    return done;
}

static int what_is_there(void) {
    return (sw_tensor_has_instructions(SW_RULE_TILES) ? HAS_TILES : 0) |
           (sw_tensor_has_instructions(SW_RULE_PAIRS) ? HAS_PAIRS : 0);
}

/* What a child of this process sees in whom Linux grants no tiles. */
static int what_is_there_without(void) {
    int status = 0;
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) _exit(refuse_tiles() ? what_is_there() : NO_FILTER);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static void test_a_refusal(void **state) {
    (void)state;
    int here = what_is_there();
    assert_int_equal(what_is_there_without(), here & HAS_PAIRS);
    assert_int_equal(what_is_there(), here); /* and asking again changes nothing */
}

static void test_tiles_need_pairs(void **state) {
    (void)state; /* products by tiles leave by an instruction of the pairs' */
    assert_true(!(what_is_there() & HAS_TILES) || what_is_there() & HAS_PAIRS);
}

int main(void) {
    printf("# VDPBF16PS is %s, TDPBF16PS is %s\n",
           what_is_there() & HAS_PAIRS ? "there" : "not there",
           what_is_there() & HAS_TILES ? "there" : "not there");
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_a_refusal),
                                       cmocka_unit_test(test_tiles_need_pairs)};
    return cmocka_run_group_tests_name("instructions", tests, NULL, NULL);
}
