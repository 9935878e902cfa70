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

static inline void fill(float *x, size_t count, noise *n, bool wild) {
    for (size_t i = 0; i < count; i++) {
        x[i] = noise_float(n, 1);
        if (wild) x[i] = ldexpf(x[i], (int)(noise_bits(n) % 150) - 110);
    }
}

static inline problem make(const sw_compute *c, shape s, bool transposed, bool wild) {
    noise n = {s.m * 31 + s.n * 7 + s.k};
    problem p = {.s = s, .stride = (s.k + 1) / 2 * 2};
    float *a = calloc(s.m * p.stride, sizeof *a), *b = calloc(s.k * s.n, sizeof *b);
    for (size_t r = 0; r < s.m; r++) fill(a + r * p.stride, s.k, &n, wild);
    fill(b, s.k * s.n, &n, wild);
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
#endif
