/* SPDX-License-Identifier: Apache-2.0
 *
 * Help for tests of operators: repeatable numbers, lanes that run in any order, comparisons.
 */
#ifndef SW_TESTS_TENSOR_SUPPORT_H
#define SW_TESTS_TENSOR_SUPPORT_H
#include "cmocka_plain.h"
#include "tensor/ops.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct noise {
    uint64_t state;
} noise;

static inline uint32_t noise_bits(noise *n) {
    n->state = n->state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(n->state >> 32);
}

/* Uniform in [-scale, scale). */
static inline float noise_float(noise *n, float scale) {
    return scale * ((float)(noise_bits(n) >> 8) * 0x1p-23f - 1.0f);
}

static inline float *noise_floats(uint64_t seed, size_t count, float scale) {
    noise n = {seed * 2654435761u + 1};
    float *out = malloc((count + 1) * sizeof *out);
    for (size_t i = 0; i < count; i++) out[i] = noise_float(&n, scale);
    return out;
}

/* Runs jobs from the last to the first, as if on `lanes` lanes: results must not depend on order.
 */
static inline void backwards_run(void *pool, size_t count, void (*fn)(void *, size_t, size_t),
                                 void *context) {
    size_t lanes = *(const size_t *)pool;
    for (size_t i = count; i-- > 0;) fn(context, i, i % lanes);
}

static inline sw_compute compute_f32(void) {
    return (sw_compute){.parallel = sw_parallel_serial(), .dtype = SW_DTYPE_F32};
}

static inline sw_compute compute_bf16(bool native) {
    return (sw_compute){.parallel = sw_parallel_serial(), .dtype = SW_DTYPE_BF16, .native = native};
}

static inline sw_compute compute_tiles(bool native) {
    sw_compute c = compute_bf16(native);
    c.rule = SW_RULE_TILES;
    return c;
}

/* By that rule's instruction where the processor has it. */
static inline sw_compute compute_best(sw_rule rule) {
    bool native = sw_tensor_has_instructions(rule);
    return rule == SW_RULE_TILES ? compute_tiles(native) : compute_bf16(native);
}

/* Each |a - b| at most `tolerance` times the largest |b| (and at least times 1e-3). */
static inline void check_close(const char *what, const float *a, const double *b, size_t count,
                               double tolerance) {
    double top = 1e-3;
    for (size_t i = 0; i < count; i++) top = fmax(top, fabs(b[i]));
    for (size_t i = 0; i < count; i++) {
        if (fabs(a[i] - b[i]) <= tolerance * top) continue;
        fail_msg("%s: element %zu is %.9g, expected %.9g", what, i, (double)a[i], b[i]);
    }
}

static inline sw_bf16 bf16_of(float v) {
    sw_bf16 out;
    sw_elements_store(&out, &v, SW_DTYPE_BF16, 1);
    return out;
}

static inline float float_of_bf16(sw_bf16 v) {
    float out;
    sw_elements_load(&out, &v, SW_DTYPE_BF16, 1);
    return out;
}

/* The operand type of `c` from f32, and back. */
static inline void *operands(const sw_compute *c, const float *in, size_t count) {
    void *out = calloc(count + 2, sizeof(float));
    sw_elements_store(out, in, c->dtype, count);
    return out;
}

static inline float *values(const sw_compute *c, const void *in, size_t count) {
    float *out = malloc((count + 1) * sizeof *out);
    sw_elements_load(out, in, c->dtype, count);
    return out;
}
#define STEP 1e-6

typedef void (*reference)(const double *in, double *out, const void *context);

/* d(sum weight_i out_i)/d(in_j) by central differences in f64. */
static inline void differences(reference fn, const void *context, const double *in, size_t in_count,
                               const double *weight, size_t out_count, double *grad) {
    double *x = malloc(in_count * sizeof *x), *out = malloc(out_count * sizeof *out);
    memcpy(x, in, in_count * sizeof *x);
    for (size_t j = 0; j < in_count; j++) {
        double side[2];
        for (int s = 0; s < 2; s++) {
            x[j] = in[j] + (s ? -STEP : STEP);
            fn(x, out, context);
            side[s] = 0;
            for (size_t i = 0; i < out_count; i++) side[s] += weight[i] * out[i];
        }
        x[j] = in[j];
        grad[j] = (side[0] - side[1]) / (2 * STEP);
    }
    free(x);
    free(out);
}

static inline double *widen(const float *in, size_t count) {
    double *out = malloc((count + 1) * sizeof *out);
    for (size_t i = 0; i < count; i++) out[i] = in[i];
    return out;
}
#endif
