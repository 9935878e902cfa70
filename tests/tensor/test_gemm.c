/* SPDX-License-Identifier: Apache-2.0
 *
 * Matrix products: against f64, against the written rule bit for bit, and in any order of jobs; the
 * processor's own instruction has test_gemm_native (docs/formats/numerics.md NUM-010 to NUM-017).
 */
#include "pairs.h"

#define MODES 3
static sw_compute modes(size_t mode) {
    return mode == 0 ? compute_f32() : mode == 1 ? compute_bf16(false) : compute_tiles(false);
}

static void test_against_f64(void **state) {
    (void)state;
    for (size_t i = 0; i < 2 * SHAPE_COUNT; i++) {
        for (size_t mode = 0; mode < MODES; mode++) {
            sw_compute c = modes(mode);
            problem p = make(&c, SHAPES[i / 2], i & 1, PLAIN);
            sw_gemm g = gemm_of(&p);
            sw_gemm_run(&c, &g);
            double *expected = calloc(p.s.m * p.s.n, sizeof *expected);
            for (size_t r = 0; r < p.s.m; r++) {
                for (size_t k = 0; k < p.s.k; k++) {
                    for (size_t j = 0; j < p.s.n; j++) {
                        expected[r * p.s.n + j] +=
                            (double)p.a_values[r * p.stride + k] * p.b_values[k * p.s.n + j];
                    }
                }
            }
            check_close("product", p.c, expected, p.s.m * p.s.n, 2e-5);
            free(expected);
            drop(&p);
        }
    }
}

/* NUM-017 as it is written: two chains to a tile, which ends with zeros. */
static float rule_of_tiles(const problem *p, size_t row, size_t column) {
    volatile float sum = 0;
    for (size_t tile = 0; tile < p->s.k; tile += 32) {
        volatile float chain[2] = {0, 0};
        for (size_t k = tile; k < tile + 32; k++) {
            bool there = k < p->s.k;
            float a = there ? p->a_values[row * p->stride + k] : 0;
            float b = there ? p->b_values[k * p->s.n + column] : 0;
            chain[k % 2] = __builtin_fmaf(a, b, chain[k % 2]);
        }
        volatile float both = chain[0] + chain[1];
        sum = sum + both;
    }
    return sum;
}

/* The rule as it is written, one element at a time, in the flushing mode. */
static float rule(const problem *p, size_t row, size_t column, sw_dtype dtype) {
    float sum = 0;
    for (size_t panel = 0; panel < p->s.k; panel += SW_GEMM_PANEL) {
        size_t end = panel + SW_GEMM_PANEL < p->s.k ? panel + SW_GEMM_PANEL : p->s.k;
        volatile float acc = 0; /* keeps the compiler from joining the steps */
        for (size_t k = panel; k < end; k++) {
            size_t at = k;
            if (dtype == SW_DTYPE_BF16) at = k ^ 1; /* the odd element of each pair first */
            float b = at < p->s.k ? p->b_values[at * p->s.n + column] : 0;
            float a = at < p->stride ? p->a_values[row * p->stride + at] : 0;
            acc = __builtin_fmaf(a, b, acc);
            if (dtype == SW_DTYPE_BF16 && k + 1 == p->s.k && (p->s.k & 1)) {
                acc = __builtin_fmaf(p->a_values[row * p->stride + k],
                                     p->b_values[k * p->s.n + column], acc);
            }
        }
        sum = panel ? sum + acc : acc;
    }
    return sum;
}

static void check_rule(const sw_compute *c, shape s, kind of) {
    problem p = make(c, s, false, of);
    sw_gemm g = gemm_of(&p);
    sw_gemm_run(c, &g);
    unsigned held = sw_flush_begin();
    for (size_t r = 0; r < s.m; r++) {
        for (size_t j = 0; j < s.n; j++) {
            bool tiles = c->rule == SW_RULE_TILES;
            float found = p.c[r * s.n + j];
            float expected = tiles ? rule_of_tiles(&p, r, j) : rule(&p, r, j, c->dtype);
            if (number_bits(expected) == number_bits(found)) continue;
            sw_flush_restore(held);
            fail_msg("%zux%zux%zu of kind %d at %zu,%zu: %a, the rule says %a", s.m, s.n, s.k, of,
                     r, j, (double)found, (double)expected);
        }
    }
    sw_flush_restore(held);
    drop(&p);
}

static void test_the_rule(void **state) {
    (void)state;
    for (size_t i = 0; i < SHAPE_COUNT * KINDS * MODES; i++) {
        sw_compute c = modes(i % MODES);
        check_rule(&c, SHAPES[i / MODES / KINDS], i / MODES % KINDS);
    }
    /* Of tiles whose last one is not full, with sums that are flushed to -0 before its zeros. */
    static const shape ends[] = {{5, 48, 102}, {40, 48, 102}, {70, 130, 230}, {7, 130, 230}};
    sw_compute tiles = compute_tiles(false);
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) check_rule(&tiles, ends[i], TINY);
}

static void test_bits_of_products(void **state) {
    (void)state;
    for (size_t mode = 1; mode < MODES; mode++) {
        sw_compute c = modes(mode);
        for (kind of = 0; of < KINDS; of++) check_product_bits(&c, of);
    }
}

static void test_bits_of_pairs(void **state) {
    (void)state;
    noise n = {1};
    uint64_t hash = 0xcbf29ce484222325u;
    for (size_t turn = 0; turn < PAIR_TURNS; turn++) {
        pairs p;
        uint32_t sums[PAIR_LANES];
        draw_pairs(&n, &p);
        add_pairs(&p, sums);
        hash = pair_hash(hash, sums);
    }
    if (hash != PAIR_HASH) fail_msg("%016llx", (unsigned long long)hash);
}

static void check_any_order(sw_compute c) {
    size_t lanes = 3;
    sw_compute other = c;
    other.parallel = (sw_parallel){.pool = &lanes, .run = backwards_run, .lanes = lanes};
    shape s = {205, 147, 600};
    problem a = make(&c, s, true, PLAIN), b = make(&other, s, true, PLAIN);
    sw_gemm ga = gemm_of(&a), gb = gemm_of(&b);
    sw_gemm_run(&c, &ga);
    sw_gemm_run(&other, &gb);
    assert_memory_equal(a.c, b.c, s.m * s.n * sizeof *a.c);
    memset(b.c, 0, s.m * s.n * sizeof *b.c);
    sw_gemm_alone(&c, &gb);
    assert_memory_equal(a.c, b.c, s.m * s.n * sizeof *a.c);
    drop(&a);
    drop(&b);
}

static void test_any_order_of_jobs(void **state) {
    (void)state;
    for (size_t mode = 0; mode < MODES; mode++) check_any_order(modes(mode));
}

/* Two terms, a scale, an addend and a bf16 result. */
static void test_terms_and_outputs(void **state) {
    (void)state;
    sw_compute c = compute_f32();
    problem a = make(&c, (shape){30, 40, 50}, false, PLAIN);
    problem b = make(&c, (shape){30, 40, 9}, true, PLAIN);
    sw_gemm one = gemm_of(&a), two = gemm_of(&b), both = one;
    sw_gemm_run(&c, &one);
    sw_gemm_run(&c, &two);
    float *base = noise_floats(5, 1200, 1), *sum = malloc(1200 * sizeof *sum);
    sw_bf16 *rounded = malloc(1200 * sizeof *rounded);
    both.terms[both.term_count++] = two.terms[0];
    both.scale = 0.5f;
    both.c = sum;
    both.add = base;
    sw_gemm_run(&c, &both);
    for (size_t i = 0; i < 1200; i++) {
        assert_true(sum[i] == base[i] + 0.5f * (a.c[i] + b.c[i]));
    }
    both.add = NULL;
    both.c = rounded;
    both.c_dtype = SW_DTYPE_BF16;
    sw_gemm_run(&c, &both);
    for (size_t i = 0; i < 1200; i++) {
        assert_int_equal(rounded[i], bf16_of(0.5f * (a.c[i] + b.c[i])));
    }
    free(base);
    free(sum);
    free(rounded);
    drop(&a);
    drop(&b);
}

static void test_with_scratch(void **state) {
    (void)state;
    static const shape more[] = {{101, 70, 600}, {193, 40, 5000}, {96, 17, 4097}, {7, 33, 8705}};
    for (size_t i = 0; i < (SHAPE_COUNT + 4) * MODES * KINDS; i++) {
        size_t which = i / MODES / KINDS;
        sw_compute c = modes(i % MODES);
        check_with_scratch(&c, which < SHAPE_COUNT ? SHAPES[which] : more[which - SHAPE_COUNT],
                           i / MODES % KINDS);
    }
}

/* A that lies as (k, m), its k not padded: the bits of the same rows. */
static void check_turned(const sw_compute *c, shape s, kind of) {
    problem p = make(c, s, false, of);
    sw_gemm g = gemm_of(&p);
    sw_gemm_run(c, &g);
    float *turned = malloc(s.k * s.m * sizeof *turned), *out = calloc(s.m * s.n, sizeof *out);
    for (size_t i = 0; i < s.k * s.m; i++) {
        turned[i] = p.a_values[i % s.m * p.stride + i / s.m];
    }
    g.terms[0].a = operands(c, turned, s.k * s.m);
    g.terms[0].a_stride = s.m;
    g.terms[0].turned = true;
    g.c = out;
    sw_gemm_run(c, &g);
    check_numbers(out, p.c, s.m * s.n);
    const sw_source lying = {.data = p.b_values, .dtype = SW_DTYPE_F32, .stride = s.n};
    g.terms[0].lying = &lying;
    g.panels = malloc(sw_gemm_panel_bytes(c->dtype, s.k < 4096 ? s.k : 4096, s.n));
    memset(out, 0x7f, s.m * s.n * sizeof *out);
    sw_gemm_run(c, &g);
    check_numbers(out, p.c, s.m * s.n);
    free((void *)g.terms[0].a);
    free(g.panels);
    free(turned);
    free(out);
    drop(&p);
}

static void test_turned(void **state) {
    (void)state;
    static const shape more[] = {{101, 16, 600}, {193, 8, 5000}, {1536, 16, 65}, {7, 16, 131}};
    assert_false(sw_gemm_turns(&(sw_compute){.dtype = SW_DTYPE_BF16, .native = true}));
    for (size_t i = 0; i < SHAPE_COUNT + 4; i++) {
        shape s = i < SHAPE_COUNT ? SHAPES[i] : more[i - SHAPE_COUNT];
        for (size_t mode = 0; mode < MODES; mode++) {
            sw_compute c = modes(mode);
            assert_true(sw_gemm_turns(&c));
            for (kind of = 0; of < KINDS; of++) check_turned(&c, s, of);
        }
    }
}

/* What passes by the caches has the same bits, in lanes and wherever it lies, and touches nothing
 * around it. */
static void check_leaving(const sw_compute *c, shape s, size_t shift, bool adds) {
    enum { GUARD = 16 };
    const float guard = -77;
    problem p = make(c, s, false, PLAIN);
    sw_gemm g = gemm_of(&p);
    size_t stride = (s.n + 7) / 8 * 8, count = s.m * stride;
    float *room = aligned_alloc(64, (count + 2 * GUARD + 32) * sizeof *room / 64 * 64);
    float *out = room + GUARD + shift, *base = noise_floats(3, s.m * s.n, 1);
    for (size_t i = 0; i < GUARD + shift + count + GUARD; i++) room[i] = guard;
    for (size_t i = 0; adds && i < s.m * s.n; i++) out[i / s.n * stride + i % s.n] = base[i];
    sw_gemm_run(c, &g);
    g.c = out;
    g.c_stride = stride;
    g.add = adds ? out : NULL;
    g.leaves = true;
    sw_gemm_run(c, &g);
    for (size_t i = 0; i < GUARD + shift; i++) assert_true(room[i] == guard);
    for (size_t i = 0; i < count + GUARD; i++) {
        size_t row = i / stride, column = i % stride, at = row * s.n + column;
        bool within = row < s.m && column < s.n;
        float expected = !within ? guard : adds ? base[at] + p.c[at] : p.c[at];
        assert_memory_equal(&out[i], &expected, sizeof expected);
    }
    free(room);
    free(base);
    drop(&p);
}

static void test_leaving(void **state) {
    (void)state;
    size_t lanes = 3;
    for (size_t i = 0; i < SHAPE_COUNT * 12; i++) {
        static const size_t shifts[] = {0, 1, 8};
        sw_compute c = modes(i % MODES);
        c.native = i % 4 < 2 && c.dtype == SW_DTYPE_BF16 && sw_tensor_has_instructions(c.rule);
        if (i & 1) c.parallel = (sw_parallel){.pool = &lanes, .run = backwards_run, .lanes = lanes};
        check_leaving(&c, SHAPES[i / 12], shifts[i / 3 % 3], i % 12 >= 9);
    }
}

static void test_transpose(void **state) {
    (void)state;
    for (int mode = 0; mode < 2; mode++) {
        sw_compute c = mode ? compute_bf16(false) : compute_f32();
        const size_t rows = 37, columns = 21, stride = 38;
        float *in = noise_floats(3, rows * columns, 1);
        void *lying = operands(&c, in, rows * columns), *out = calloc(columns * stride, 4);
        sw_source source = {.data = lying, .dtype = c.dtype, .stride = columns};
        memset(out, 0x7f, columns * stride * sw_dtype_bytes(c.dtype));
        sw_transpose(&c, out, stride, &source, rows, columns);
        float *from = values(&c, lying, rows * columns), *to = values(&c, out, columns * stride);
        for (size_t i = 0; i < columns; i++) {
            for (size_t k = 0; k < rows; k++) {
                assert_true(to[i * stride + k] == from[k * columns + i]);
            }
            assert_true(to[i * stride + rows] == 0);
        }
        free(in);
        free(lying);
        free(out);
        free(from);
        free(to);
    }
}

static void test_bf16_rounding(void **state) {
    (void)state;
    const struct {
        uint32_t bits;
        sw_bf16 expected;
    } cases[] = {{0x3f800000, 0x3f80}, {0x3f808000, 0x3f80}, {0x3f818000, 0x3f82},
                 {0x3f808001, 0x3f81}, {0x7f7fffff, 0x7f80}, {0xff800000, 0xff80},
                 {0x7f800001, 0x7fc0}, {0x80000000, 0x8000}, {0x00008000, 0x0000},
                 {0x00018000, 0x0002}, {0xffffffff, 0xffff}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        float v;
        memcpy(&v, &cases[i].bits, sizeof v);
        assert_int_equal(bf16_of(v), cases[i].expected);
        float row[35]; /* in whole vectors and behind them */
        sw_bf16 stored_row[35];
        for (size_t at = 0; at < 35; at++) row[at] = at % 3 ? 1 : v;
        sw_elements_store(stored_row, row, SW_DTYPE_BF16, 35);
        for (size_t at = 0; at < 35; at++) {
            assert_int_equal(stored_row[at], at % 3 ? 0x3f80 : cases[i].expected);
        }
    }
}

static void test_f16(void **state) {
    (void)state;
    const uint16_t halves[] = {0x3c00, 0xc000, 0x0001, 0x8001, 0x7bff,
                               0x0400, 0x3555, 0x7c00, 0xfc00, 0x7e01};
    const float floats[] = {
        1, -2, 0x1p-24f, -0x1p-24f, 65504, 0x1p-14f, 0.333251953125f, INFINITY, -INFINITY};
    float out[10];
    sw_elements_load(out, halves, SW_DTYPE_F16, 10);
    for (size_t i = 0; i < 9; i++) assert_true(out[i] == floats[i]);
    assert_true(isnan(out[9]));
}

/* Both forms at once, of odd shapes and of numbers that are none, and a block beyond the end. */
static void test_pack_both(void **state) {
    (void)state;
    static const size_t shapes[][2] = {{16, 16},   {48, 144}, {32, 272}, {80, 128},
                                       {192, 576}, {17, 32},  {16, 24},  {5, 3}};
    for (size_t i = 0; i < 2 * (sizeof shapes / sizeof *shapes); i++) {
        sw_compute c = i & 1 ? compute_bf16(false) : compute_f32();
        size_t out = shapes[i / 2][0], in = shapes[i / 2][1], size = sw_dtype_bytes(c.dtype);
        float *w = noise_floats(i, out * in, 2);
        for (size_t at = 0; at < out * in; at += 7) {
            noise n = {at};
            uint32_t bits = noise_bits(&n);
            memcpy(w + at, &bits, sizeof bits);
        }
        sw_source source = {.data = w, .dtype = SW_DTYPE_F32, .stride = in};
        size_t t_size = sw_pack_elements(in, out) * size, n_size = sw_pack_elements(out, in) * size;
        uint8_t *t = malloc(t_size), *n = malloc(n_size);
        size_t shift = i / 2 % 3 * 16; /* aligned to 32 bytes or not */
        uint8_t *room = aligned_alloc(64, (t_size + n_size + 3 * 64) / 64 * 64), *t2 = room + shift,
                *n2 = room + (t_size + 63) / 64 * 64 + shift;
        sw_pack(&c, t, &source, true, in, out);
        sw_pack(&c, n, &source, false, out, in);
        memset(t2, 0x7f, t_size);
        memset(n2, 0x7f, n_size);
        sw_pack_both(&c, &(sw_both_sides){w, out, in, t2, n2});
        assert_memory_equal(t, t2, t_size);
        assert_memory_equal(n, n2, n_size);
        memset(t2, 0x7f, t_size);
        memset(n2, 0x7f, n_size);
        sw_pack_both(&c, &(sw_both_sides){w, out, in, t2, NULL});
        sw_pack_both(&c, &(sw_both_sides){w, out, in, NULL, n2});
        assert_memory_equal(t, t2, t_size);
        assert_memory_equal(n, n2, n_size);
        free(w);
        free(t);
        free(n);
        free(room);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_against_f64),
                                       cmocka_unit_test(test_the_rule),
                                       cmocka_unit_test(test_bits_of_products),
                                       cmocka_unit_test(test_bits_of_pairs),
                                       cmocka_unit_test(test_any_order_of_jobs),
                                       cmocka_unit_test(test_terms_and_outputs),
                                       cmocka_unit_test(test_with_scratch),
                                       cmocka_unit_test(test_turned),
                                       cmocka_unit_test(test_transpose),
                                       cmocka_unit_test(test_bf16_rounding),
                                       cmocka_unit_test(test_f16),
                                       cmocka_unit_test(test_pack_both),
                                       cmocka_unit_test(test_leaving)};
    return cmocka_run_group_tests_name("gemm", tests, NULL, NULL);
}
