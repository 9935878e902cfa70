/* SPDX-License-Identifier: Apache-2.0
 *
 * The profiles' own bits after whole runs: a change here is a change of docs/formats/numerics.md,
 * and of what an auditor's replay gives. They were made without the bf16 instructions; with either
 * a processor makes them again, as `make native` does with VDPBF16PS.
 */
#include "tensor/tensor.h"
#include "variants.h"

static uint64_t fnv(const sw_buffer *b) {
    uint64_t h = 0xcbf29ce484222325u;
    for (size_t i = 0; i < b->size; i++) h = (h ^ b->data[i]) * 0x100000001b3u;
    return h;
}

static void test_bits_of_the_profiles(void **state) {
    const fixture *f = *state;
    static const uint64_t expected[VARIANTS + 1] = {
        0x7163476173c54e1a, 0x00028c02f30fb88e, 0xcdb9c395a067dc5f, 0x8e6a8a9c807aac3f,
        0x18e156248e8cb067, 0xb0ae7901016fcdd4, 0xbcf0a48109701ece, 0x5a8f9c7cb311c6f9,
        0x7b505eed87424e9b, 0x55240462b0da94c6, 0xa148914d56e79cf4};
    for (int v = 0; v <= VARIANTS; v++) {
        sw_training t = variant(v < VARIANTS ? v : 0);
        if (v == VARIANTS) t.method = SW_METHOD_QLORA;
        memory kept = memory_new();
        sw_train_host host = {.parallel = sw_parallel_serial()};
        run_once(f, &t, &host, &kept);
        if (fnv(&kept.values) != expected[v]) {
            fail_msg("variant %d: %016llx", v, (unsigned long long)fnv(&kept.values));
        }
        memory_drop(&kept);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_bits_of_the_profiles)};
    return cmocka_run_group_tests_name("train bits", tests, fixture_open, fixture_close);
}
