/* SPDX-License-Identifier: Apache-2.0
 *
 * Whole runs with the processor's own bf16 instruction against emulated ones: the same bytes. Where
 * there is no such instruction the program says that it was skipped; test_bits' pinned ones are
 * then those of the emulation, and the ones that a processor with it must reach.
 */
#include "tensor/tensor.h"
#include "variants.h"

static void test_native_equals_emulated(void **state) {
    const fixture *f = *state;
    for (int v = 0; v <= VARIANTS; v++) {
        sw_training t = variant(v < VARIANTS ? v : 0);
        if (v == VARIANTS) t.method = SW_METHOD_QLORA;
        memory native = memory_new(), emulated = memory_new();
        sw_train_host host = {.parallel = sw_parallel_serial()};
        run_once(f, &t, &host, &native);
        host.emulate_bf16 = true;
        run_once(f, &t, &host, &emulated);
        same_run(&native, &emulated);
        memory_drop(&native);
        memory_drop(&emulated);
    }
}

int main(void) {
    if (!sw_tensor_has_bf16_instructions()) {
        printf("1..0 # SKIP this processor has no VDPBF16PS: nothing to compare with emulation\n");
        return 0;
    }
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_native_equals_emulated)};
    return cmocka_run_group_tests_name("train native", tests, fixture_open, fixture_close);
}
