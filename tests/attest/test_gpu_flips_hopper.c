/* SPDX-License-Identifier: Apache-2.0
 *
 * Every bit of report and chain of a Hopper GPU of NVIDIA's, flipped one by one.
 */
#include "attest/gpu_flips.h"

static void test_every_bit(void **state) {
    (void)state;
    flip_device("hopper-580.95.05-trailing-byte-coco", 4130);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_every_bit)};
    if (!vector_roots()) return vector_skip();
    return cmocka_run_group_tests_name("gpu flips hopper", tests, NULL, NULL);
}
