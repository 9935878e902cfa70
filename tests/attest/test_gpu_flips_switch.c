/* SPDX-License-Identifier: Apache-2.0
 *
 * Every bit of report and chain of a switch (LS10) of NVIDIA's, flipped one by one.
 */
#include "attest/gpu_flips.h"

static void test_every_bit(void **state) {
    (void)state;
    flip_device("switch-ls10-full-rim-match", 2168);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_every_bit)};
    if (!vector_roots()) return vector_skip();
    return cmocka_run_group_tests_name("gpu flips switch", tests, NULL, NULL);
}
