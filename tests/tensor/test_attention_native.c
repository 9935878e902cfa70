/* SPDX-License-Identifier: Apache-2.0
 *
 * Attention with the processor's own bf16 instruction against the portable way, bit for bit
 * (docs/formats/numerics.md NUM-030 to NUM-035): what the backward pass turns and keeps is laid out
 * in another way there. Where there is no such instruction the program says that it was skipped;
 * `make native` runs it where there is one.
 */
#include "attend.h"

/* Scores about nought; such that one key takes nearly all; and so small that much is flushed. */
static const float SCALES[] = {1.5f, 40, 0x1p-60f};

static void test_short_rows(void **state) {
    (void)state;
    static attended native, portable;
    const sw_compute with = compute_bf16(true), without = compute_bf16(false);
    for (size_t i = 0; i < WINDOW_COUNT * 3; i++) {
        float *in = noise_floats(i, Q + 2 * K, SCALES[i / WINDOW_COUNT]);
        float *dout = noise_floats(i + 50, Q, i & 1 ? 1 : 0x1p-70f);
        rows of = {SEGMENTS, 3, WINDOWS[i % WINDOW_COUNT]};
        attend(&with, of, in, dout, &native);
        attend(&without, of, in, dout, &portable);
        assert_memory_equal(&native, &portable, sizeof native);
        free(in);
        free(dout);
    }
}

static void test_many_rows(void **state) {
    (void)state;
    enum { MANY = 25, EACH = ROWS / MANY };
    static attended native, portable;
    const sw_compute with = compute_bf16(true), without = compute_bf16(false);
    float *in = noise_floats(6, Q + 2 * K, 1.5f), *dout = noise_floats(7, Q, 1);
    sw_segment many[MANY];
    for (size_t i = 0; i < MANY; i++) many[i] = (sw_segment){i * EACH, EACH, i * EACH, EACH};
    attend(&with, (rows){many, MANY, 0}, in, dout, &native);
    attend(&without, (rows){many, MANY, 0}, in, dout, &portable);
    assert_memory_equal(&native, &portable, sizeof native);
    free(in);
    free(dout);
}

static void test_a_long_row(void **state) {
    (void)state;
    static long_row native, portable;
    const sw_compute with = compute_bf16(true), without = compute_bf16(false);
    float *in = noise_floats(8, 3 * LONG * WIDTH, 1.5f), *dout = noise_floats(9, LONG * WIDTH, 1);
    for (size_t window = 0; window <= LONG_WINDOW; window += LONG_WINDOW) {
        attend_long(&with, window, in, dout, LONG, &native);
        attend_long(&without, window, in, dout, LONG, &portable);
        assert_memory_equal(&native, &portable, sizeof native);
    }
    free(in);
    free(dout);
}

int main(void) {
    if (!sw_tensor_has_bf16_instructions()) {
        printf("1..0 # SKIP this processor has no VDPBF16PS: nothing to compare with emulation\n");
        return 0;
    }
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_short_rows),
                                       cmocka_unit_test(test_many_rows),
                                       cmocka_unit_test(test_a_long_row)};
    return cmocka_run_group_tests_name("attention native", tests, NULL, NULL);
}
