/* SPDX-License-Identifier: Apache-2.0
 *
 * Elementary functions against libm, and the two generators against their published or torch's
 * values (tests/train/golden/torch.json, written by tests/parity/train.py --golden).
 */
#include "codec/json.h"
#include "support.h"
#include "sys/files.h"
#include "tensor/numbers.h"
#include "tensor/random.h"

static void test_exp32(void **state) {
    (void)state;
    noise n = {1};
    for (int i = 0; i < 200000; i++) {
        float x = noise_float(&n, 87);
        double expected = exp((double)x);
        assert_true(fabs(sw_exp32(x) / expected - 1) < 2.5e-7);
    }
    assert_true(sw_exp32(0) == 1);
    assert_true(sw_exp32(-1e30f) == 0);
    assert_true(sw_exp32(-INFINITY) == 0);
    assert_true(sw_exp32(1e30f) > 1e38f);
    assert_true(isnan(sw_exp32(NAN)));
    assert_true(sw_sigmoid32(0) == 0.5f);
}

/* Within the error that tensor/numbers.h allows. */
static void check_f64(double found, double expected) {
    assert_true(fabs(found - expected) < 1e-15 * fabs(expected));
}

static void test_f64_functions(void **state) {
    (void)state;
    noise n = {2};
    for (int i = 0; i < 100000; i++) {
        double x = (double)noise_float(&n, 700), near_one = 1 + x * 0x1p-11, s, c;
        check_f64(sw_exp64(x), exp(x));
        check_f64(sw_log64(exp(x)), log(exp(x)));
        check_f64(sw_log64(near_one), log(near_one));
        sw_sincos64(1000 * x, &s, &c);
        check_f64(s, sin(1000 * x));
        check_f64(c, cos(1000 * x));
    }
    assert_true(sw_exp64(0) == 1 && sw_log64(1) == 0 && sw_exp64(-1000) == 0);
    assert_true(isnan(sw_log64(NAN)) && isnan(sw_log64(-1)) && isnan(sw_log64(-INFINITY)));
    assert_true(sw_log64(INFINITY) == INFINITY && sw_log64(0) == -INFINITY);
    assert_true(sw_power64(0.5, 10) == 0x1p-10 && sw_power64(3, 0) == 1);
}

static void test_sums(void **state) {
    (void)state;
    for (size_t count = 1; count < 80; count++) {
        float *x = noise_floats(count, count, 1), *y = noise_floats(count + 1, count, 1);
        double sum = 0, dot = 0, squares = 0;
        float top = x[0];
        for (size_t i = 0; i < count; i++) {
            sum += x[i];
            dot += (double)x[i] * y[i];
            squares += (double)x[i] * x[i];
            top = fmaxf(top, x[i]);
        }
        assert_true(fabs(sw_sum32(x, count) - sum) < 1e-5);
        assert_true(fabs(sw_dot32(x, y, count) - dot) < 1e-5);
        assert_true(fabs(sw_square_sum64(x, count) - squares) < 1e-12);
        assert_true(sw_max32(x, count) == top);
        free(x);
        free(y);
    }
}

static void test_mt19937(void **state) {
    (void)state;
    sw_mt19937 g;
    sw_mt19937_seed(
        &g, 5489); /* the reference seed: 10000th output is 4123659995 (C++ [rand.predef]) */
    for (int i = 1; i < 10000; i++) sw_mt19937_next(&g);
    assert_int_equal(sw_mt19937_next(&g), 4123659995u);
}

/* The three known answers of Philox4x32-10 in its authors' test file kat_vectors. */
static void test_philox(void **state) {
    (void)state;
    const struct {
        uint64_t key, stream, index;
        uint32_t word[4];
    } cases[] = {
        {0, 0, 0, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
        {UINT64_MAX, UINT64_MAX, UINT64_MAX, {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
        {0x299f31d0a4093822,
         0x0370734413198a2e,
         0x85a308d3243f6a88,
         {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}}};
    for (size_t i = 0; i < 3; i++) {
        sw_philox p = sw_philox_at(cases[i].key, cases[i].stream, cases[i].index);
        assert_memory_equal(p.word, cases[i].word, sizeof p.word);
    }
}

static void test_torch(void **state) {
    (void)state;
    sw_arena arena = {0};
    sw_buffer text = SW_BUFFER(1 << 20);
    sw_json *golden;
    assert_int_equal(sw_file_read("tests/train/golden/torch.json", 1 << 20, &text, NULL), SW_OK);
    assert_int_equal(sw_json_parse(&arena, sw_buffer_bytes(&text), NULL, &golden, NULL), SW_OK);
    sw_mt19937 g;
    uint32_t order[1000];
    for (const sw_json *o = sw_json_member(golden, "orders")->first; o; o = o->next) {
        const sw_json *expected = sw_json_member(o, "order");
        sw_mt19937_seed(&g, (uint64_t)sw_json_member(o, "seed")->integer);
        sw_randperm(&g, order, expected->count);
        size_t i = 0;
        for (const sw_json *v = expected->first; v; v = v->next) {
            assert_int_equal(order[i++], v->integer);
        }
    }
    float values[512];
    sw_mt19937_seed(&g, 42);
    for (int i = 0; i < 512; i++) sw_mt19937_next(&g); /* nn.Linear's own draw */
    double bound = sqrt(3.0) * (sqrt(2.0 / (1.0 + sqrt(5.0) * sqrt(5.0))) / sqrt(64.0));
    sw_uniform_fill(&g, values, 512, -bound, bound);
    size_t i = 0;
    for (const sw_json *v = sw_json_member(golden, "kaiming_bits")->first; v; v = v->next, i++) {
        uint32_t bits;
        memcpy(&bits, &values[i], sizeof bits);
        assert_int_equal(bits, v->integer);
    }
    assert_int_equal(i, 512);
    sw_buffer_free(&text);
    sw_arena_free(&arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_exp32),  cmocka_unit_test(test_f64_functions),
        cmocka_unit_test(test_sums),   cmocka_unit_test(test_mt19937),
        cmocka_unit_test(test_philox), cmocka_unit_test(test_torch)};
    return cmocka_run_group_tests_name("numbers", tests, NULL, NULL);
}
