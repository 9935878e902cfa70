/* SPDX-License-Identifier: Apache-2.0
 *
 * Every bit of report and chain of a Blackwell GPU of NVIDIA's, flipped one by one.
 */
#include "attest/gpu_flips.h"

static void test_every_bit(void **state) {
    (void)state;
    flip_device("blackwell-gb100-575.32", 4121);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_every_bit)};
    if (!vector_roots()) return vector_skip();
    return cmocka_run_group_tests_name("gpu flips blackwell", tests, NULL, NULL);
}
