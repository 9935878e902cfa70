/* SPDX-License-Identifier: Apache-2.0
 *
 * Whole runs with the processor's own bf16 instructions against emulated ones: the same bytes. Of
 * two instructions it tests those that are there; where there is none the program says that it was
 * skipped, and test_bits' pinned ones are then those of the emulation, which a processor with them
 * must reach.
 */
#include "tensor/tensor.h"
#include "variants.h"

static bool has(sw_profile profile) {
    return profile != SW_PROFILE_FP32_REF &&
           sw_tensor_has_instructions(sw_train_compute(profile).rule);
}

static void test_native_equals_emulated(void **state) {
    const fixture *f = *state;
    for (int v = 0; v < VARIANTS + 2; v++) {
        sw_training t = variant(v < VARIANTS ? v : 0);
        if (v >= VARIANTS) t.method = SW_METHOD_QLORA;
        if (v > VARIANTS) t.profile = SW_PROFILE_BF16_AMX;
        if (!has(t.profile)) continue;
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
    bool pairs = has(SW_PROFILE_BF16_DP), tiles = has(SW_PROFILE_BF16_AMX);
    if (!pairs && !tiles) {
        printf("1..0 # SKIP this processor has neither VDPBF16PS nor TDPBF16PS: nothing to compare "
               "with emulation\n");
        return 0;
    }
    printf("# VDPBF16PS is %s, TDPBF16PS is %s\n", pairs ? "tested" : "not there",
           tiles ? "tested" : "not there");
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_native_equals_emulated)};
    return cmocka_run_group_tests_name("train native", tests, fixture_open, fixture_close);
}
