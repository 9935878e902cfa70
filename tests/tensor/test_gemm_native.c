/* SPDX-License-Identifier: Apache-2.0
 *
 * Products with the processor's own bf16 instruction against the portable ones, bit for bit
 * (docs/formats/numerics.md NUM-014). Where there is no such instruction the program says that it
 * was skipped.
 */
#include "problem.h"

static void test_native_equals_portable(void **state) {
    (void)state;
    for (size_t i = 0; i < 2 * SHAPE_COUNT; i++) {
        sw_compute native = compute_bf16(true), portable = compute_bf16(false);
        problem a = make(&native, SHAPES[i / 2], false, i & 1);
        problem b = make(&portable, SHAPES[i / 2], false, i & 1);
        sw_gemm ga = gemm_of(&a), gb = gemm_of(&b);
        sw_gemm_run(&native, &ga);
        sw_gemm_run(&portable, &gb);
        assert_memory_equal(a.c, b.c, a.s.m * a.s.n * sizeof *a.c);
        drop(&a);
        drop(&b);
    }
}

int main(void) {
    if (!sw_tensor_has_bf16_instructions()) {
        printf("1..0 # SKIP this processor has no VDPBF16PS: nothing to compare with the rule\n");
        return 0;
    }
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_native_equals_portable)};
    return cmocka_run_group_tests_name("gemm native", tests, NULL, NULL);
}
