/* SPDX-License-Identifier: Apache-2.0
 *
 * Elementary functions and sums with fixed bits: built from IEEE operations alone, so that every
 * machine and every vector width gives the same result (docs/formats/numerics.md NUM-020 to
 * NUM-026). In the calling lane and its mode.
 */
#ifndef SW_TENSOR_NUMBERS_H
#define SW_TENSOR_NUMBERS_H
#include "tensor/tensor.h"
#include <string.h>

/* f64, error below 1e-15 of the result: for tables, schedules and one value per row. */
double sw_exp64(double x);
double sw_log64(double x); /* x > 0, finite, normal */
double sw_power64(double base, uint64_t exponent);
void sw_sincos64(double x, double *sine, double *cosine); /* |x| < 2^20 */

/* e^x in f32, error below 2 ulp; 0 below -87.33, saturates above 88.37. */
static inline float sw_exp32(float x) {
    const float magic = 12582912.0f; /* 1.5 * 2^23: adding it rounds to an integer */
    float clamped = x > 88.37f ? 88.37f : x;
    clamped = clamped < -87.33f ? -87.33f : clamped;
    float shifted = __builtin_fmaf(clamped, 1.44269504f, magic), n = shifted - magic;
    float r = __builtin_fmaf(n, -0x1.62e4p-1f, clamped);
    r = __builtin_fmaf(n, -0x1.7f7d1cp-20f, r);
    float p = 1.0f / 5040.0f;
    p = __builtin_fmaf(p, r, 1.0f / 720.0f);
    p = __builtin_fmaf(p, r, 1.0f / 120.0f);
    p = __builtin_fmaf(p, r, 1.0f / 24.0f);
    p = __builtin_fmaf(p, r, 1.0f / 6.0f);
    p = __builtin_fmaf(p, r, 0.5f);
    p = __builtin_fmaf(p, r, 1.0f);
    p = __builtin_fmaf(p, r, 1.0f);
    uint32_t bits;
    memcpy(&bits, &shifted, sizeof bits);
    bits = (bits + 127u) << 23; /* the low bits of 1.5 * 2^23 + n are n */
    float power;
    memcpy(&power, &bits, sizeof power);
    return x < -87.33f ? 0.0f : p * power;
}

static inline float sw_sigmoid32(float x) {
    return 1.0f / (1.0f + sw_exp32(-x));
}

/* Sums: element i goes to lane i mod 16 in ascending order; the lanes are added by halves. */
#define SW_SUM_LANES 16
static inline float sw_lanes_sum(float lane[SW_SUM_LANES]) {
    for (size_t width = SW_SUM_LANES / 2; width > 0; width /= 2) {
        for (size_t l = 0; l < width; l++) lane[l] += lane[l + width];
    }
    return lane[0];
}

float sw_sum32(const float *x, size_t count);
float sw_max32(const float *x, size_t count);                 /* count >= 1 */
float sw_dot32(const float *x, const float *y, size_t count); /* each product by one fma */
double sw_square_sum64(const float *x, size_t count);         /* in f64, 8 lanes */
#endif
