/* SPDX-License-Identifier: Apache-2.0
 *
 * What leaves a run is a value of a finite set, and the number that owners are told counts them all
 * (RCP-095, RCP-103, MAN-021).
 */
#include "cmocka_plain.h"
#include "codec/json.h"
#include "recipe/recipe.h"

#include <float.h>
#include <math.h>
#include <string.h>

static double round_to_12_bits(double v) { /* as every loss was rounded before the set was finite */
    int exponent = 0;
    double mantissa = frexp(v, &exponent);
    return ldexp(nearbyint(ldexp(mantissa, 12)), exponent - 12);
}

static double loss_of_bits(uint64_t bits) {
    double v;
    memcpy(&v, &bits, sizeof v);
    return v;
}

/* From the smallest to the largest, each value and what lies just beside it. */
static void test_loss_values(void **state) {
    (void)state;
    size_t count = 1, longest = 1; /* with zero */
    for (int i = 0; i < 31 * 2048; i++) {
        SW_SCOPED(sw_buffer) text = SW_BUFFER(64);
        double v = ldexp(2048 + i % 2048, i / 2048 - 26), ulp = ldexp(1, i / 2048 - 26);
        const sw_json number = {.type = SW_JSON_NUMBER, .number = v};
        count++;
        assert_true(sw_recipe_round_loss(v) == v);
        assert_true(sw_recipe_round_loss(v + ulp / 4) == v);
        assert_true(sw_recipe_round_loss(v + ulp * 3 / 4) == fmin(v + ulp, 65520));
        sw_json_encode(&text, &number);
        if (text.size > longest) longest = text.size;
    }
    assert_true(sw_recipe_round_loss(ldexp(4095, 4)) == 65520);
    print_message("# %zu losses, the longest of %zu characters\n", count, longest);
    assert_int_equal(count, 31 * 2048 + 1);
    assert_true(count <= 1 << SW_BITS_LOSS);
    assert_true(longest <= 23); /* what a sealed record has room for */
}

static void test_loss_folds(void **state) {
    (void)state;
    static const struct {
        double loss, seen;
    } cases[] = {{0, 0},
                 {-0.0, 0},
                 {-1, 0},
                 {-DBL_MAX, 0},
                 {-INFINITY, 0},
                 {DBL_MIN, 0},
                 {DBL_TRUE_MIN, 0},
                 {0x1p-16, 0},
                 {0x1.fffffffffffffp-16, 0},
                 {0x1p-15, 0x1p-15},
                 {65520, 65520},
                 {65521, 65520},
                 {65536, 65520},
                 {DBL_MAX, 65520},
                 {INFINITY, 65520},
                 {NAN, 65520},
                 {-NAN, 65520},
                 {2.5 + 1.0 / 4096, 2.5},
                 {1.0 / 3, 2731.0 / 8192}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        double seen = sw_recipe_round_loss(cases[i].loss);
        if (seen != cases[i].seen || signbit(seen))
            fail_msg("%.17g gives %.17g", cases[i].loss, seen);
    }
}

/* Of any bits at all it gives a value of the set; between 1e-3 and 1e3 the one it always gave. */
static void test_loss_bits(void **state) {
    (void)state;
    uint64_t bits = 1;
    for (int i = 0; i < 2000000; i++) {
        bits = bits * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        double seen = sw_recipe_round_loss(loss_of_bits(bits));
        assert_true(seen == sw_recipe_round_loss(seen) && seen >= 0 && seen <= 65520);
        double common = 1e-3 + (double)(bits >> 32) / 4294967296.0 * 999;
        assert_true(sw_recipe_round_loss(common) == round_to_12_bits(common));
    }
}

static void test_tokens(void **state) {
    (void)state;
    static const struct {
        uint64_t count, seen;
    } cases[] = {{0, 0},
                 {1, 1},
                 {127, 127},
                 {128, 128},
                 {129, 130},
                 {130, 130},
                 {255, 256},
                 {1000, 1000},
                 {1001, 1000},
                 {1u << 31, 1u << 31},
                 {UINT64_MAX, UINT64_C(127) << 57},
                 {(UINT64_C(127) << 57) - 1, UINT64_C(127) << 57}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        assert_int_equal(sw_recipe_round_tokens(cases[i].count), cases[i].seen);
    size_t count = 0;
    for (uint64_t v = 0;; count++) { /* each value, to the last */
        assert_int_equal(sw_recipe_round_tokens(v), v);
        uint64_t step = 1;
        while (v >> 7 >= step) step *= 2;
        if (v == UINT64_C(127) << 57) break;
        v += step;
    }
    print_message("# %zu counts of tokens\n", count + 1);
    assert_true(count + 1 <= 1 << SW_BITS_TOKENS);
    uint64_t bits = 1;
    for (int i = 0; i < 1000000; i++) {
        bits = bits * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        uint64_t v = bits >> (i % 64), seen = sw_recipe_round_tokens(v);
        assert_int_equal(sw_recipe_round_tokens(seen), seen);
        uint64_t apart = seen > v ? seen - v : v - seen;
        assert_true(apart <= v / 128);
    }
}

/* ---- the number ---- */

static void test_bits(void **state) {
    (void)state;
    static sw_recipe r;
    r = (sw_recipe){.native = true, .metrics_interval = 10, .grants = 8};
    assert_int_equal(sw_recipe_observable_bits(&r, 100), 36 + 10 * 12);
    assert_int_equal(sw_recipe_observable_bits(&r, 101), 36 + 11 * 12);
    r.metrics = SW_METRICS_PUBLIC;
    assert_int_equal(sw_recipe_observable_bits(&r, 100), 36 + 10 * (12 + 16));
    /* No tokens are seen; 12 for its end, what is told of it and memory; 2 states, 7 + 1 for a
     * stop; 3, 2 and 4 for what is equal. */
    r.native = false;
    r.command.max_steps = 100;
    r.command.save_steps = 60;
    assert_int_equal(sw_recipe_observable_bits(&r, 100),
                     48 + 10 * 16 + 100 + 2 + 1 + 8 + (3 + 2 + 4));
    r.metrics = SW_METRICS_SEALED;
    r.command.save_steps = 0;
    r.grants = 1;
    assert_int_equal(sw_recipe_observable_bits(&r, 100), 48 + 100 + 1 + 1 + 8 + (0 + 2 + 1));
    r.native = true;
    assert_int_equal(sw_recipe_observable_bits(&r, UINT64_MAX), UINT64_MAX);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_loss_values), cmocka_unit_test(test_loss_folds),
        cmocka_unit_test(test_loss_bits),   cmocka_unit_test(test_tokens),
        cmocka_unit_test(test_bits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
