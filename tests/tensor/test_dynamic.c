/* SPDX-License-Identifier: Apache-2.0
 *
 * Numbers in 8 bits and the AdamW that keeps its moments in them: bitsandbytes' own maps bit for
 * bit, nearest codes against a search of all 256, and four steps against a NumPy reference
 * (tests/tensor/golden/adamw8.json, written by tests/parity/optim8.py --golden).
 */
#include "codec/json.h"
#include "support.h"
#include "sys/files.h"

typedef struct golden {
    sw_arena arena;
    sw_buffer text;
    sw_json *all;
} golden;

static int golden_open(void **state) {
    static golden g;
    g.text = SW_BUFFER((size_t)1 << 20);
    if (sw_file_read("tests/tensor/golden/adamw8.json", (size_t)1 << 20, &g.text, NULL) != SW_OK ||
        sw_json_parse(&g.arena, sw_buffer_bytes(&g.text), NULL, &g.all, NULL) != SW_OK) {
        return -1;
    }
    *state = &g;
    return 0;
}

static int golden_close(void **state) {
    golden *g = *state;
    sw_buffer_free(&g->text);
    sw_arena_free(&g->arena);
    return 0;
}

static void check_bits(const char *what, const float *ours, size_t count, const sw_json *theirs) {
    size_t i = 0;
    for (const sw_json *v = theirs->first; v; v = v->next, i++) {
        uint32_t bits;
        assert_true(i < count);
        memcpy(&bits, &ours[i], sizeof bits);
        if (bits != (uint32_t)v->integer) {
            fail_msg("%s: element %zu is %08x, the reference has %08x", what, i, bits,
                     (uint32_t)v->integer);
        }
    }
    assert_int_equal(i, count);
}

static void check_codes(const char *what, const uint8_t *ours, size_t count,
                        const sw_json *theirs) {
    size_t i = 0;
    for (const sw_json *v = theirs->first; v; v = v->next, i++) {
        assert_true(i < count);
        if (ours[i] == v->integer) continue;
        fail_msg("%s: code %zu is %d, the reference has %d", what, i, ours[i], (int)v->integer);
    }
    assert_int_equal(i, count);
}

static void test_maps(void **state) {
    const golden *g = *state;
    sw_dynamic d;
    sw_dynamic_make(&d, true);
    check_bits("signed map", d.value, SW_DYNAMIC_CODES, sw_json_member(g->all, "signed"));
    sw_dynamic_make(&d, false);
    check_bits("unsigned map", d.value, SW_DYNAMIC_CODES, sw_json_member(g->all, "unsigned"));
}

/* A code is nearest when no other value is nearer; half an ulp of the middle is forgiven. */
static void check_nearest(const sw_dynamic *d, const float *x, size_t count) {
    uint8_t code[SW_DYNAMIC_BLOCK];
    float back[SW_DYNAMIC_BLOCK], top = 0;
    for (size_t i = 0; i < count; i++) top = fmaxf(top, fabsf(x[i]));
    float absmax = sw_dynamic_encode(d, x, count, code);
    assert_true(absmax == top);
    sw_dynamic_decode(d, code, count, absmax, back);
    for (size_t i = 0; i < count; i++) {
        double part = (double)(x[i] / top), best = 2;
        for (size_t c = 0; c < SW_DYNAMIC_CODES; c++) {
            best = fmin(best, fabs((double)d->value[c] - part));
        }
        double own = fabs((double)d->value[code[i]] - part);
        if (own > best + 1e-7 * fabs(part)) {
            fail_msg("%g takes code %d, %g away, and another is %g away", part, code[i], own, best);
        }
        assert_true(back[i] == d->value[code[i]] * absmax);
    }
}

static void test_nearest(void **state) {
    (void)state;
    const size_t counts[] = {1, 2, 255, SW_DYNAMIC_BLOCK};
    for (int is_signed = 0; is_signed < 2; is_signed++) {
        sw_dynamic d;
        sw_dynamic_make(&d, is_signed);
        for (uint64_t seed = 0; seed < 32; seed++) {
            size_t count = counts[seed % 4];
            float *x = noise_floats(seed, count, 3.5f);
            for (size_t i = 0; i < count; i++) { /* over ten decades, and some zeros */
                x[i] = i % 9 == 8 ? 0 : ldexpf(x[i], -(int)((i * 7 + seed) % 32));
                if (!is_signed) x[i] = fabsf(x[i]);
            }
            check_nearest(&d, x, count);
            free(x);
        }
    }
}

/* Around every middle and every value, to the last place: the count of middles below. */
static void test_every_border(void **state) {
    (void)state;
    for (int is_signed = 0; is_signed < 2; is_signed++) {
        sw_dynamic d;
        sw_dynamic_make(&d, is_signed);
        for (size_t i = 0; i < 2 * SW_DYNAMIC_CODES - 1; i++) {
            float at = i % 2 ? d.middle[i / 2] : d.value[i / 2];
            const float near[] = {at, nextafterf(at, -2), nextafterf(at, 2), at * 1.003f};
            for (size_t k = 0; k < sizeof near / sizeof *near; k++) {
                float block[2] = {1, near[k]}; /* the first is the absmax */
                uint8_t code[2];
                size_t below = 0;
                if (fabsf(near[k]) > 1 || (!is_signed && near[k] < 0)) continue;
                while (below < SW_DYNAMIC_CODES - 1 && d.middle[below] < near[k]) below++;
                (void)sw_dynamic_encode(&d, block, 2, code);
                assert_int_equal(code[0], SW_DYNAMIC_CODES - 1);
                assert_int_equal(code[1], below);
            }
        }
    }
}

/* Encoded again, every code is itself, in blocks that hold the code of 1. */
static void test_codes_are_fixed_points(void **state) {
    (void)state;
    for (int is_signed = 0; is_signed < 2; is_signed++) {
        sw_dynamic d;
        sw_dynamic_make(&d, is_signed);
        uint8_t code[SW_DYNAMIC_CODES], again[SW_DYNAMIC_CODES];
        float x[SW_DYNAMIC_CODES];
        for (size_t i = 0; i < SW_DYNAMIC_CODES; i++) code[i] = (uint8_t)(i * 167);
        sw_dynamic_decode(&d, code, SW_DYNAMIC_CODES, 0.3f, x);
        assert_true(sw_dynamic_encode(&d, x, SW_DYNAMIC_CODES, again) == 0.3f);
        assert_memory_equal(code, again, sizeof code);
    }
}

static void test_nothing_but_zeros(void **state) {
    (void)state;
    for (int is_signed = 0; is_signed < 2; is_signed++) {
        sw_dynamic d;
        uint8_t code[5];
        float x[5] = {0, 0, -0.0f, 0, 0}, back[5] = {9, 9, 9, 9, 9};
        sw_dynamic_make(&d, is_signed);
        assert_true(sw_dynamic_encode(&d, x, 5, code) == 0);
        sw_dynamic_decode(&d, code, 5, 0, back);
        for (size_t i = 0; i < 5; i++) assert_true(back[i] == 0 && d.value[code[i]] == 0);
    }
}

/* What overflowed is seen in the absmax; no table is left. */
static void test_overflow(void **state) {
    (void)state;
    sw_dynamic d;
    uint8_t code[4];
    const float x[4] = {1, INFINITY, -INFINITY, 0};
    sw_dynamic_make(&d, true);
    assert_true(isinf(sw_dynamic_encode(&d, x, 4, code)));
}

/* ---- steps ---- */

enum { COUNT = 700, BLOCKS = 3, STEPS = 4 };

typedef struct moments {
    uint8_t m[COUNT], v[COUNT];
    float m_absmax[BLOCKS], v_absmax[BLOCKS];
} moments;

static void run_steps(const sw_compute *c, float *p, moments *s) {
    sw_moments8 state = {.m = s->m, .v = s->v, .m_absmax = s->m_absmax, .v_absmax = s->v_absmax};
    for (uint64_t step = 1; step <= STEPS; step++) {
        float *g = noise_floats(20 + step, COUNT, 0.125f);
        for (size_t i = 0; i < COUNT; i++) {
            g[i] = (i + step) % 7 == 0 ? 0 : ldexpf(g[i], -(int)(i % 12));
        }
        sw_adamw o = {.beta1 = 0.9,
                      .beta2 = 0.999,
                      .epsilon = 1e-8,
                      .weight_decay = 0.1,
                      .learning_rate = 0.01,
                      .step = step,
                      .clip = 0.5f};
        sw_adamw8_step(c, &o, p, g, &state, COUNT);
        free(g);
    }
}

static void test_steps(void **state) {
    const golden *g = *state;
    sw_compute c = compute_f32();
    static moments s;
    float *p = noise_floats(11, COUNT, 1);
    run_steps(&c, p, &s);
    check_bits("absmax of m", s.m_absmax, BLOCKS, sw_json_member(g->all, "m_absmax"));
    check_bits("absmax of v", s.v_absmax, BLOCKS, sw_json_member(g->all, "v_absmax"));
    check_codes("m", s.m, COUNT, sw_json_member(g->all, "m"));
    check_codes("v", s.v, COUNT, sw_json_member(g->all, "v"));
    check_bits("p", p, COUNT, sw_json_member(g->all, "p"));
    free(p);
}

static void test_any_lanes(void **state) {
    (void)state;
    enum { MANY = 3 * 4096 + 300, MANY_BLOCKS = MANY / SW_DYNAMIC_BLOCK + 1 };
    static uint8_t m[2][MANY], v[2][MANY];
    static float m_absmax[2][MANY_BLOCKS], v_absmax[2][MANY_BLOCKS];
    float *p[2], *g = noise_floats(5, MANY, 1);
    size_t lanes = 3;
    for (int i = 0; i < 2; i++) {
        sw_compute c = compute_f32();
        sw_adamw o = {.beta1 = 0.9,
                      .beta2 = 0.99,
                      .epsilon = 1e-8,
                      .learning_rate = 0.01,
                      .step = 1,
                      .clip = 1};
        sw_moments8 s = {m[i], v[i], m_absmax[i], v_absmax[i]};
        if (i == 1) {
            c.parallel = (sw_parallel){.pool = &lanes, .run = backwards_run, .lanes = lanes};
        }
        p[i] = noise_floats(6, MANY, 1);
        for (; o.step <= 3; o.step++) sw_adamw8_step(&c, &o, p[i], g, &s, MANY);
    }
    assert_memory_equal(p[0], p[1], MANY * sizeof *g);
    assert_memory_equal(m[0], m[1], sizeof m[0]);
    assert_memory_equal(v[0], v[1], sizeof v[0]);
    assert_memory_equal(m_absmax[0], m_absmax[1], sizeof m_absmax[0]);
    assert_memory_equal(v_absmax[0], v_absmax[1], sizeof v_absmax[0]);
    free(p[0]);
    free(p[1]);
    free(g);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_maps),
                                       cmocka_unit_test(test_nearest),
                                       cmocka_unit_test(test_every_border),
                                       cmocka_unit_test(test_codes_are_fixed_points),
                                       cmocka_unit_test(test_nothing_but_zeros),
                                       cmocka_unit_test(test_overflow),
                                       cmocka_unit_test(test_steps),
                                       cmocka_unit_test(test_any_lanes)};
    return cmocka_run_group_tests_name("dynamic codes", tests, golden_open, golden_close);
}
