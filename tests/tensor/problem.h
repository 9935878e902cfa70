/* SPDX-License-Identifier: Apache-2.0
 *
 * One product of random matrices, with its operands' values after rounding.
 */
#ifndef SW_TESTS_TENSOR_PROBLEM_H
#define SW_TESTS_TENSOR_PROBLEM_H
#include "support.h"

typedef struct shape {
    size_t m, n, k;
} shape;

static const shape SHAPES[] = {{1, 1, 1},     {1, 16, 2},    {3, 17, 5},    {12, 32, 64},
                               {13, 33, 63},  {25, 70, 31},  {97, 65, 128}, {5, 130, 513},
                               {2, 48, 1025}, {96, 64, 512}, {100, 3, 700}, {4, 20, 1}};
#define SHAPE_COUNT (sizeof SHAPES / sizeof *SHAPES)

typedef struct problem {
    shape s;
    size_t stride; /* of A: k rounded up to even */
    void *a, *packed;
    float *c;
    float *a_values, *b_values; /* after rounding to E; B as (k, n) */
} problem;

/* What operands are like. Sums of HALFWAY often lie in the middle between two f32; products of TINY
 * lie about the smallest normal f32, and sums of them cancel into what is flushed; those of VAST
 * overflow; EDGES are any bits, most of them zeros, denormals, infinities and their neighbours. */
typedef enum kind { PLAIN, WILD, HALFWAY, TINY, VAST, EDGES, KINDS } kind;

static inline float float_of_bits(uint32_t bits) {
    float v;
    memcpy(&v, &bits, sizeof v);
    return v;
}

static inline float edge(noise *n) {
    static const uint16_t common[] = {0x0000, 0x0001, 0x0040, 0x007f, 0x0080,
                                      0x0081, 0x1f80, 0x2000, 0x3f80, 0x3f81};
    static const uint16_t seldom[] = {0x5f80, 0x7f7f, 0x7f80, 0x7fc5};
    uint32_t draw = noise_bits(n), which = draw >> 8 & 255, bits = draw >> 16;
    if (which == 0) {
        bits = (bits & 0x8000) | seldom[draw % 4];
    } else if (which < 128) {
        bits = (bits & 0x8000) | common[draw % 10];
    } else { /* between 2^-31 and 2^33 */
        bits = (bits & 0x807f) | (96 + (bits >> 7 & 63)) << 7;
    }
    return float_of_bits(bits << 16);
}

static inline float operand(noise *n, kind of) {
    static const int wide[] = {0, -12, -24, 12}, about[] = {-63, 63};
    float x = noise_float(n, 1);
    uint32_t draw = noise_bits(n);
    if (of == PLAIN) return x;
    if (of == WILD) return ldexpf(x, (int)(draw % 150) - 110);
    if (of == EDGES) return edge(n);
    float few = (x < 0 ? -1.0f : 1.0f) * (1 + (float)(draw >> 8 & 1) * 0x1p-7f);
    if (of == HALFWAY) return ldexpf(few, wide[draw % 4]);
    return ldexpf(draw & 16 ? few : x, about[of == VAST] + (int)(draw % 4) - 2);
}

static inline void fill(float *x, size_t count, noise *n, kind of) {
    for (size_t i = 0; i < count; i++) x[i] = operand(n, of);
}

static inline problem make(const sw_compute *c, shape s, bool transposed, kind of) {
    noise n = {s.m * 31 + s.n * 7 + s.k};
    problem p = {.s = s, .stride = (s.k + 1) / 2 * 2};
    float *a = calloc(s.m * p.stride, sizeof *a), *b = calloc(s.k * s.n, sizeof *b);
    for (size_t r = 0; r < s.m; r++) fill(a + r * p.stride, s.k, &n, of);
    fill(b, s.k * s.n, &n, of);
    p.a = operands(c, a, s.m * p.stride);
    p.a_values = values(c, p.a, s.m * p.stride);
    void *b_operands = operands(c, b, s.k * s.n);
    p.b_values = values(c, b_operands, s.k * s.n);
    float *lying = malloc(s.k * s.n * sizeof *lying);
    for (size_t k = 0; k < s.k; k++) {
        for (size_t j = 0; j < s.n; j++) {
            lying[transposed ? j * s.k + k : k * s.n + j] = p.b_values[k * s.n + j];
        }
    }
    sw_source source = {.data = lying, .dtype = SW_DTYPE_F32, .stride = transposed ? s.k : s.n};
    p.packed = malloc(sw_pack_elements(s.k, s.n) * sizeof(float));
    sw_pack(c, p.packed, &source, transposed, s.k, s.n);
    p.c = calloc(s.m * s.n, sizeof *p.c);
    free(a);
    free(b);
    free(b_operands);
    free(lying);
    return p;
}

/* One NaN is as good as another: a run that meets one is refused, whatever its bits. */
static inline uint32_t number_bits(float v) {
    uint32_t bits;
    memcpy(&bits, &v, sizeof bits);
    return (bits & 0x7fffffff) > 0x7f800000 ? 0x7fc00000 : bits;
}

static inline void check_numbers(const float *found, const float *expected, size_t count) {
    for (size_t i = 0; i < count; i++) {
        if (number_bits(found[i]) == number_bits(expected[i])) continue;
        fail_msg("element %zu is %a, expected %a", i, (double)found[i], (double)expected[i]);
    }
}

static inline uint64_t number_hash(uint64_t hash, const float *x, size_t count) {
    for (size_t i = 0; i < count; i++) hash = (hash ^ number_bits(x[i])) * 0x100000001b3u;
    return hash;
}

static inline void drop(problem *p) {
    free(p->a);
    free(p->packed);
    free(p->c);
    free(p->a_values);
    free(p->b_values);
}

static inline sw_gemm gemm_of(const problem *p) {
    return (sw_gemm){.m = p->s.m,
                     .n = p->s.n,
                     .term_count = 1,
                     .terms = {{.a = p->a,
                                .a_stride = p->stride,
                                .b = p->packed,
                                .b_strip = sw_pack_strip(p->s.k),
                                .k = p->s.k}},
                     .scale = 1,
                     .c = p->c,
                     .c_stride = p->s.n,
                     .c_dtype = SW_DTYPE_F32};
}

/* The products of all shapes: what any processor must find, and whatever imitates one. */
static inline void check_product_bits(const sw_compute *c, kind of) {
    static const uint64_t expected[][KINDS] = {
        [SW_RULE_PAIRS] = {0xa26f10b73f5dffe1, 0xc9756b28a1d8bd2b, 0xa412dca2985f996a,
                           0x93fff04dbad5fa2e, 0x67766df2b3fc1f45, 0x99a015a06f29b01f},
        [SW_RULE_TILES] = {0xff6ddbd69110e878, 0x125be346523a64f9, 0x1d9c4cf51747e218,
                           0x09e554dc80dd3b33, 0x08a66cb99a76895a, 0x9b9d1893d367c56b}};
    uint64_t hash = 0xcbf29ce484222325u;
    for (size_t i = 0; i < SHAPE_COUNT; i++) {
        problem p = make(c, SHAPES[i], false, of);
        sw_gemm g = gemm_of(&p);
        sw_gemm_run(c, &g);
        hash = number_hash(hash, p.c, p.s.m * p.s.n);
        drop(&p);
    }
    if (hash != expected[c->rule][of])
        fail_msg("rule %d, kind %d: %016llx", c->rule, of, (unsigned long long)hash);
}

/* With scratch, B packed or as it lies: (n, k) or (k, n), as E or f32; also deeper than a stretch,
 * with a base, and into bf16. The bits of packed matrices without scratch. */
static inline void check_with_scratch(const sw_compute *c, shape s, kind of) {
    problem p = make(c, s, false, of);
    sw_gemm g = gemm_of(&p);
    sw_gemm_run(c, &g);
    float *turned = malloc(s.k * s.n * sizeof *turned), *out = calloc(s.m * s.n, sizeof *out);
    for (size_t i = 0; i < s.k * s.n; i++) turned[i % s.n * s.k + i / s.n] = p.b_values[i];
    void *e = operands(c, p.b_values, s.k * s.n), *e_turned = operands(c, turned, s.k * s.n);
    const sw_source lying[] = {{.data = e, .dtype = c->dtype, .stride = s.n},
                               {.data = e_turned, .dtype = c->dtype, .stride = s.k},
                               {.data = p.b_values, .dtype = SW_DTYPE_F32, .stride = s.n},
                               {.data = turned, .dtype = SW_DTYPE_F32, .stride = s.k}};
    sw_gemm with = g;
    with.c = out;
    with.panels = malloc(sw_gemm_panel_bytes(c->dtype, s.k < 4096 ? s.k : 4096, s.n));
    for (int which = 0; which < 5; which++) {
        if (which) with.terms[0].b = NULL;
        if (which) with.terms[0].lying = &lying[which - 1];
        with.terms[0].transposed = which && which % 2 == 0;
        memset(out, 0x7f, s.m * s.n * sizeof *out);
        sw_gemm_run(c, &with);
        check_numbers(out, p.c, s.m * s.n);
    }
    free(with.panels);
    free(turned);
    free(out);
    free(e);
    free(e_turned);
    drop(&p);
}
#endif
