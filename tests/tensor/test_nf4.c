/* SPDX-License-Identifier: Apache-2.0
 *
 * NF4: beside bitsandbytes (golden_nf4.h, by tests/parity/qlora.py --golden), its edges, any range
 * and any lanes, and products that read it against products of the packed matrix
 * (docs/formats/numerics.md NUM-080 to NUM-086).
 */
#include "golden_nf4.h"
#include "support.h"

static sw_nf4 make_empty(size_t count) {
    return (sw_nf4){.count = count,
                    .codes = calloc(sw_nf4_codes(count) + 1, 1),
                    .scales = calloc(sw_nf4_blocks(count) + 1, 1),
                    .nested = calloc(sw_nf4_nests(count) + 1, sizeof(float))};
}

static sw_nf4 make(const sw_compute *c, const void *in, sw_dtype dtype, size_t count) {
    sw_nf4 out = make_empty(count);
    float *absmax = malloc((sw_nf4_blocks(count) + 1) * sizeof *absmax);
    sw_nf4_quantise(c, &out, in, dtype, absmax);
    free(absmax);
    return out;
}

static void drop(sw_nf4 *w) {
    free(w->codes);
    free(w->scales);
    free(w->nested);
}

static void same(const sw_nf4 *a, const sw_nf4 *b) {
    assert_memory_equal(a->codes, b->codes, sw_nf4_codes(a->count));
    assert_memory_equal(a->scales, b->scales, sw_nf4_blocks(a->count));
    assert_memory_equal(a->nested, b->nested, sw_nf4_nests(a->count) * sizeof *a->nested);
    assert_memory_equal(&a->offset, &b->offset, sizeof a->offset);
}

static void *load_all(const sw_nf4 *w, sw_dtype dtype) {
    void *out = calloc(w->count + 2, sizeof(float));
    unsigned held = sw_flush_begin();
    sw_nf4_load(out, w, dtype, 0, w->count);
    sw_flush_restore(held);
    return out;
}

static uint64_t fnv(const void *data, size_t size) {
    uint64_t h = 0xcbf29ce484222325u;
    for (size_t i = 0; i < size; i++) h = (h ^ ((const uint8_t *)data)[i]) * 0x100000001b3u;
    return h;
}

/* As the script draws it: a sum of `terms` uniform numbers, more like a bell the more there are. */
static float *golden_input(const nf4_case *g) {
    noise n = {g->seed * 2654435761u + 1};
    float *out = calloc(g->count + 1, sizeof *out);
    for (size_t i = 0; i < g->count; i++) {
        for (unsigned t = 0; t < g->terms; t++) out[i] += noise_float(&n, 0.0625f);
    }
    return out;
}

static void test_golden(void **state) {
    (void)state;
    sw_compute c = compute_f32();
    for (size_t i = 0; i < sizeof NF4_CASES / sizeof *NF4_CASES; i++) {
        const nf4_case *g = &NF4_CASES[i];
        float *x = golden_input(g);
        void *in = calloc(g->count + 1, sizeof(float));
        sw_elements_store(in, x, g->bf16 ? SW_DTYPE_BF16 : SW_DTYPE_F32, g->count);
        sw_nf4 w = make(&c, in, g->bf16 ? SW_DTYPE_BF16 : SW_DTYPE_F32, g->count);
        assert_true(fnv(w.codes, sw_nf4_codes(g->count)) == g->codes);
        assert_memory_equal(w.scales, g->scales, sw_nf4_blocks(g->count));
        assert_true(fabs((double)w.offset - g->offset) <= 1e-7 * g->offset);
        for (size_t n = 0; n < sw_nf4_nests(g->count); n++) {
            assert_true(fabs((double)w.nested[n] - g->nested[n]) <= 4e-7 * g->nested[n]);
        }
        float *back = load_all(&w, SW_DTYPE_F32);
        for (size_t k = 0; k < NF4_KEPT; k++) {
            size_t at = k * (g->count - 1) / (NF4_KEPT - 1);
            assert_true(fabs((double)back[at] - g->kept[k]) <= 4e-7 * fabs(g->kept[k]));
        }
        free(x);
        free(in);
        free(back);
        drop(&w);
    }
}

/* What every index of the 8-bit code stands for, as the scale of a matrix of one element, a 1. */
static void test_code_table(void **state) {
    (void)state;
    sw_dynamic d;
    sw_dynamic_make(&d, true);
    for (size_t i = 0; i < 256; i++) {
        float one = 1, value;
        uint8_t codes[1] = {0xf0}, scales[1] = {(uint8_t)i};
        sw_nf4 w = {.count = 1, .codes = codes, .scales = scales, .nested = &one};
        memcpy(w.scale_value, d.value, sizeof w.scale_value);
        sw_nf4_load(&value, &w, SW_DTYPE_F32, 0, 1);
        uint32_t bits;
        memcpy(&bits, &value, sizeof bits);
        assert_int_equal(bits, NF4_DYNAMIC_BITS[i]);
    }
}

static void test_any_lanes(void **state) {
    (void)state;
    size_t lanes = 3, count = 100 * 1000 + 2;
    sw_compute c = compute_bf16(false), other = c;
    other.parallel = (sw_parallel){.pool = &lanes, .run = backwards_run, .lanes = lanes};
    float *x = noise_floats(9, count, 1);
    sw_nf4 a = make(&c, x, SW_DTYPE_F32, count), b = make(&other, x, SW_DTYPE_F32, count);
    same(&a, &b);
    drop(&a);
    drop(&b);
    free(x);
}

/* Any range in either type is that part of the whole, and bf16 is f32 rounded. */
static void test_any_range(void **state) {
    (void)state;
    sw_compute c = compute_f32();
    noise n = {7};
    const size_t count = 3001;
    float *x = noise_floats(11, count, 3);
    sw_nf4 w = make(&c, x, SW_DTYPE_F32, count);
    float *whole = load_all(&w, SW_DTYPE_F32), *part = calloc(count, sizeof *part);
    sw_bf16 *rounded = calloc(count, sizeof *rounded);
    for (int i = 0; i < 500; i++) {
        size_t first = noise_bits(&n) % count, size = noise_bits(&n) % (count - first) + 1;
        if (i % 3 == 0) size = size < 40 ? size : 40;
        sw_nf4_load(part, &w, SW_DTYPE_F32, first, size);
        sw_nf4_load(rounded, &w, SW_DTYPE_BF16, first, size);
        assert_memory_equal(part, whole + first, size * sizeof *part);
        for (size_t k = 0; k < size; k++) {
            assert_int_equal(rounded[k], bf16_of(part[k]));
        }
    }
    free(x);
    free(whole);
    free(part);
    free(rounded);
    drop(&w);
}

/* No value is further away than half the widest gap of the code, and what its scale lost. */
static void test_distance(void **state) {
    (void)state;
    sw_compute c = compute_f32();
    const size_t count = 64 * 700;
    float *x = noise_floats(5, count, 1);
    for (size_t i = 0; i < count; i++) x[i] *= 0.5f + (float)(i / 64 % 9);
    sw_nf4 w = make(&c, x, SW_DTYPE_F32, count);
    float *back = load_all(&w, SW_DTYPE_F32);
    for (size_t b = 0; b < count / 64; b++) {
        float top = 0;
        for (size_t i = 0; i < 64; i++) top = fmaxf(top, fabsf(x[64 * b + i]));
        for (size_t i = 0; i < 64; i++) {
            assert_true(fabsf(back[64 * b + i] - x[64 * b + i]) <= 0.152f * top + 0.04f);
        }
    }
    free(x);
    free(back);
    drop(&w);
}

/* On a midpoint the lower code is taken; a hair above it the upper one. */
static void test_midpoints(void **state) {
    (void)state;
    sw_compute c = compute_f32();
    for (int above = 0; above < 2; above++) {
        float x[64] = {1}, code[16], one = 0;
        uint8_t codes[8], scales[1] = {127};
        for (int i = 0; i < 8; i++) codes[i] = (uint8_t)(2 * i << 4 | (2 * i + 1));
        sw_nf4 table = {.count = 16, .codes = codes, .scales = scales, .nested = &one, .offset = 1};
        sw_nf4_load(code, &table, SW_DTYPE_F32, 0, 16);
        for (int i = 0; i < 15; i++) {
            float middle = (code[i] + code[i + 1]) / 2;
            x[i + 1] = above ? nextafterf(middle, 2) : middle;
        }
        sw_nf4 w = make(&c, x, SW_DTYPE_F32, 64);
        for (int i = 0; i < 15; i++) {
            int at = i + 1, got = w.codes[at / 2] >> (at % 2 ? 0 : 4) & 15;
            assert_int_equal(got, i + above);
        }
        drop(&w);
    }
}

static void test_edges(void **state) {
    (void)state;
    sw_compute c = compute_f32();
    float x[640], *back;
    for (size_t i = 0; i < 640; i++) x[i] = i % 3 ? -0.75f : 0.75f;
    sw_nf4 w = make(&c, x, SW_DTYPE_F32, 640); /* all scales alike: nothing is lost */
    back = load_all(&w, SW_DTYPE_F32);
    assert_memory_equal(back, x, sizeof x);
    assert_true(w.nested[0] == 0 && w.offset == 0.75f);
    free(back);
    drop(&w);
    memset(x, 0, sizeof x);
    x[70] = 0x1p-130f; /* a denormal is a zero */
    w = make(&c, x, SW_DTYPE_F32, 640);
    back = load_all(&w, SW_DTYPE_F32);
    for (size_t i = 0; i < 640; i++) assert_true(back[i] == 0);
    for (size_t i = 0; i < 320; i++) assert_int_equal(w.codes[i], 0x77);
    assert_true(w.offset == 0);
    free(back);
    drop(&w);
    const uint32_t wild[] = {0x7fffffffu, 0xffc00000u, 0x7f800001u, 0x7f800000u, 0xff800000u};
    for (size_t k = 0; k < sizeof wild / sizeof *wild; k++) {
        for (size_t i = 0; i < 640; i++) x[i] = (float)i;
        memcpy(&x[300], &wild[k], 4);
        w = make(&c, x, SW_DTYPE_F32, 640);
        back = load_all(&w, SW_DTYPE_F32);
        sw_bf16 *rounded = load_all(&w, SW_DTYPE_BF16);
        for (size_t i = 0; i < 640; i++) {
            assert_true(isnan(back[i]));
            assert_true(isnan(float_of_bf16(rounded[i])));
        }
        free(back);
        free(rounded);
        drop(&w);
    }
}

typedef struct shape {
    size_t m, n, k;
} shape;

/* Blocks in whole rows and across them, tiles in whole and in part, several blocks of columns. */
static const shape SHAPES[] = {{1, 16, 64},  {3, 18, 10},    {13, 64, 128},  {20, 258, 66},
                               {9, 640, 90}, {100, 80, 700}, {2, 300, 1030}, {97, 512, 192}};
#define SHAPE_COUNT (sizeof SHAPES / sizeof *SHAPES)

/* W (rows, columns) in NF4, and the same values as f32. */
typedef struct weight {
    sw_nf4 nf4;
    float *values;
    sw_source lying, plain;
} weight;

static weight make_weight(const sw_compute *c, size_t rows, size_t columns) {
    float *x = noise_floats(rows + columns, rows * columns, 1);
    weight w = {.nf4 = make(c, x, SW_DTYPE_F32, rows * columns)};
    w.values = load_all(&w.nf4, SW_DTYPE_F32);
    w.plain = (sw_source){.data = w.values, .dtype = SW_DTYPE_F32, .stride = columns};
    free(x);
    return w;
}

static void drop_weight(weight *w) {
    drop(&w->nf4);
    free(w->values);
}

static void *pack(const sw_compute *c, const sw_source *b, bool transposed, size_t k, size_t n) {
    void *out = malloc(sw_pack_elements(k, n) * sizeof(float));
    memset(out, 0x7f, sw_pack_elements(k, n) * sizeof(float));
    sw_pack(c, out, b, transposed, k, n);
    return out;
}

static void test_packed(void **state) {
    (void)state;
    for (size_t i = 0; i < 4 * SHAPE_COUNT; i++) {
        sw_compute c = i & 1 ? compute_bf16(false) : compute_f32();
        bool transposed = i & 2;
        shape s = SHAPES[i / 4];
        weight w = make_weight(&c, transposed ? s.n : s.k, transposed ? s.k : s.n);
        sw_source lying = {.nf4 = &w.nf4, .stride = w.plain.stride};
        void *a = pack(&c, &lying, transposed, s.k, s.n);
        void *b = pack(&c, &w.plain, transposed, s.k, s.n);
        assert_memory_equal(a, b, sw_pack_elements(s.k, s.n) * sw_dtype_bytes(c.dtype));
        free(a);
        free(b);
        drop_weight(&w);
    }
}

/* One product of a matrix that lies in NF4, a packed one and, where `plain`, one that lies in f32:
 * the bits of the product of packed ones. */
static void compare_products(const sw_compute *c, shape s, bool transposed, sw_dtype out_dtype) {
    weight w = make_weight(c, transposed ? s.n : s.k, transposed ? s.k : s.n);
    sw_source lying = {.nf4 = &w.nf4, .stride = w.plain.stride};
    void *packed = pack(c, &w.plain, transposed, s.k, s.n);
    float *x = noise_floats(3, s.m * s.k, 1), *base = noise_floats(4, s.m * s.n, 1);
    void *a = operands(c, x, s.m * s.k), *out[2];
    sw_gemm_term term = {.a = a, .a_stride = s.k, .b_strip = sw_pack_strip(s.k), .k = s.k};
    sw_gemm g = {.m = s.m,
                 .n = s.n,
                 .term_count = 3,
                 .terms = {term, term, term},
                 .scale = 0.5f,
                 .c_stride = s.n,
                 .c_dtype = out_dtype,
                 .add = out_dtype == SW_DTYPE_F32 ? base : NULL};
    for (int i = 0; i < 3; i++) g.terms[i].b = packed;
    for (int which = 0; which < 2; which++) {
        out[which] = calloc(s.m * s.n, sizeof(float));
        g.c = out[which];
        sw_gemm_run(c, &g);
        g.terms[0].lying = &lying;
        g.terms[2].lying = &w.plain;
        g.terms[0].b = g.terms[2].b = NULL;
        g.terms[0].transposed = g.terms[2].transposed = transposed;
        if (!which) g.panels = malloc(sw_gemm_panel_bytes(c->dtype, 3 * s.k, s.n));
    }
    assert_memory_equal(out[0], out[1], s.m * s.n * sw_dtype_bytes(out_dtype));
    free(g.panels);
    for (int i = 0; i < 2; i++) free(out[i]);
    free(packed);
    free(x);
    free(base);
    free(a);
    drop_weight(&w);
}

static void test_products(void **state) {
    (void)state;
    size_t lanes = 3;
    sw_compute computes[] = {compute_f32(), compute_bf16(false), compute_bf16(false),
                             compute_best(SW_RULE_PAIRS), compute_best(SW_RULE_TILES)};
    computes[2].parallel = (sw_parallel){.pool = &lanes, .run = backwards_run, .lanes = lanes};
    for (size_t i = 0; i < SHAPE_COUNT; i++) {
        for (size_t c = 0; c < sizeof computes / sizeof *computes; c++) {
            compare_products(&computes[c], SHAPES[i], true, SW_DTYPE_F32);
            compare_products(&computes[c], SHAPES[i], false, SW_DTYPE_F32);
            compare_products(&computes[c], SHAPES[i], i & 1, SW_DTYPE_BF16);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_golden),    cmocka_unit_test(test_code_table),
        cmocka_unit_test(test_any_lanes), cmocka_unit_test(test_any_range),
        cmocka_unit_test(test_distance),  cmocka_unit_test(test_midpoints),
        cmocka_unit_test(test_edges),     cmocka_unit_test(test_packed),
        cmocka_unit_test(test_products)};
    return cmocka_run_group_tests_name("nf4", tests, NULL, NULL);
}
