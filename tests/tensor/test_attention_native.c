/* SPDX-License-Identifier: Apache-2.0
 *
 * Attention with the processor's own bf16 instructions against the portable way, bit for bit
 * (docs/formats/numerics.md NUM-030 to NUM-035): what the backward pass turns and keeps is laid out
 * in another way there. Of two instructions it tests those that are there; where there is none the
 * program says that it was skipped. `make native` runs it where there is VDPBF16PS.
 */
#include "attend.h"

/* Scores about nought; such that one key takes nearly all; and so small that much is flushed. */
static const float SCALES[] = {1.5f, 40, 0x1p-60f};

typedef struct ways {
    sw_compute with, without;
} ways;

static ways ways_of(sw_rule rule) {
    if (rule == SW_RULE_TILES) return (ways){compute_tiles(true), compute_tiles(false)};
    return (ways){compute_bf16(true), compute_bf16(false)};
}

static void short_rows(const ways *w) {
    static attended native, portable;
    for (size_t i = 0; i < WINDOW_COUNT * 3; i++) {
        float *in = noise_floats(i, Q + 2 * K, SCALES[i / WINDOW_COUNT]);
        float *dout = noise_floats(i + 50, Q, i & 1 ? 1 : 0x1p-70f);
        rows of = {SEGMENTS, 3, WINDOWS[i % WINDOW_COUNT]};
        attend(&w->with, of, in, dout, &native);
        attend(&w->without, of, in, dout, &portable);
        assert_memory_equal(&native, &portable, sizeof native);
        free(in);
        free(dout);
    }
}

static void many_rows(const ways *w) {
    enum { MANY = 25, EACH = ROWS / MANY };
    static attended native, portable;
    float *in = noise_floats(6, Q + 2 * K, 1.5f), *dout = noise_floats(7, Q, 1);
    sw_segment many[MANY];
    for (size_t i = 0; i < MANY; i++) many[i] = (sw_segment){i * EACH, EACH, i * EACH, EACH};
    attend(&w->with, (rows){many, MANY, 0}, in, dout, &native);
    attend(&w->without, (rows){many, MANY, 0}, in, dout, &portable);
    assert_memory_equal(&native, &portable, sizeof native);
    free(in);
    free(dout);
}

static void a_long_row(const ways *w) {
    static long_row native, portable;
    float *in = noise_floats(8, 3 * LONG * WIDTH, 1.5f), *dout = noise_floats(9, LONG * WIDTH, 1);
    for (size_t i = 0; i < LONG_WINDOW_COUNT; i++) {
        attend_long(&w->with, LONG_WINDOWS[i], in, dout, LONG, &native);
        attend_long(&w->without, LONG_WINDOWS[i], in, dout, LONG, &portable);
        assert_memory_equal(&native, &portable, sizeof native);
    }
    free(in);
    free(dout);
}

/* With every instruction that is there. */
static void with_each(void (*fn)(const ways *w)) {
    for (sw_rule rule = SW_RULE_PAIRS; rule <= SW_RULE_TILES; rule++) {
        ways w = ways_of(rule);
        if (sw_tensor_has_instructions(rule)) fn(&w);
    }
}

static void test_short_rows(void **state) {
    (void)state;
    with_each(short_rows);
}

static void test_many_rows(void **state) {
    (void)state;
    with_each(many_rows);
}

static void test_a_long_row(void **state) {
    (void)state;
    with_each(a_long_row);
}

int main(void) {
    bool pairs = sw_tensor_has_instructions(SW_RULE_PAIRS);
    bool tiles = sw_tensor_has_instructions(SW_RULE_TILES);
    if (!pairs && !tiles) {
        printf("1..0 # SKIP this processor has neither VDPBF16PS nor TDPBF16PS: nothing to compare "
               "with emulation\n");
        return 0;
    }
    printf("# VDPBF16PS is %s, TDPBF16PS is %s\n", pairs ? "tested" : "not there",
           tiles ? "tested" : "not there");
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_short_rows),
                                       cmocka_unit_test(test_many_rows),
                                       cmocka_unit_test(test_a_long_row)};
    return cmocka_run_group_tests_name("attention native", tests, NULL, NULL);
}
