/* SPDX-License-Identifier: Apache-2.0
 *
 * The out-of-line part of tensor/numbers.h: series with argument reduction in f64, and sums with a
 * fixed lane rule. Coefficients are the Taylor coefficients; the reduced ranges make them enough.
 */
#include "tensor/numbers.h"

#define LN2_HIGH 0x1.62e42feep-1
#define LN2_LOW  0x1.a39ef35793c76p-33

static double scaled(double v, int64_t exponent) { /* v * 2^exponent, -1022 <= exponent <= 1023 */
    uint64_t bits = (uint64_t)(exponent + 1023) << 52;
    double power;
    memcpy(&power, &bits, sizeof power);
    return v * power;
}

static int64_t nearest(double x) {
    return (int64_t)(x < 0 ? x - 0.5 : x + 0.5);
}

double sw_exp64(double x) {
    if (x != x) return x;
    if (x > 709.0) x = 709.0;
    if (x < -708.0) return 0;
    int64_t n = nearest(x * 1.4426950408889634);
    double r = __builtin_fma((double)-n, LN2_HIGH, x), sum = 1, term = 1;
    r = __builtin_fma((double)-n, LN2_LOW, r);
    for (int i = 1; i <= 16; i++) {
        term = term * r / i;
        sum += term;
    }
    return scaled(sum, n);
}

double sw_log64(double x) {
    uint64_t bits;
    if (!(x > 0)) return x == 0 ? -__builtin_inf() : __builtin_nan("");
    if (x == __builtin_inf()) return x;
    memcpy(&bits, &x, sizeof bits);
    int64_t exponent = (int64_t)(bits >> 52) - 1023;
    bits = (bits & 0xfffffffffffffu) | (uint64_t)1023 << 52;
    double m;
    memcpy(&m, &bits, sizeof m);
    if (m > 1.4142135623730951) {
        m *= 0.5;
        exponent++;
    }
    double z = (m - 1) / (m + 1), square = z * z, power = z, sum = 0; /* 2 atanh(z) */
    for (int i = 1; i <= 25; i += 2) {
        sum += power / i;
        power *= square;
    }
    return __builtin_fma((double)exponent, LN2_LOW, 2 * sum) + (double)exponent * LN2_HIGH;
}

double sw_power64(double base, uint64_t exponent) {
    double out = 1;
    for (; exponent; exponent >>= 1) {
        if (exponent & 1) out *= base;
        base *= base;
    }
    return out;
}

void sw_sincos64(double x, double *sine, double *cosine) {
    int64_t quadrant = nearest(x * 0.6366197723675814);
    double n = (double)-quadrant;
    double r = __builtin_fma(n, 0x1.921fb544p+0, x);
    r = __builtin_fma(n, 0x1.0b4611a6p-34, r);
    r = __builtin_fma(n, 0x1.3198a2e037073p-69, r);
    double square = r * r, s = r, c = 1, term = r;
    for (int i = 3; i <= 19; i += 2) {
        term = -term * square / (i * (i - 1));
        s += term;
    }
    term = 1;
    for (int i = 2; i <= 18; i += 2) {
        term = -term * square / (i * (i - 1));
        c += term;
    }
    bool swapped = quadrant & 1, sine_minus = quadrant & 2, cosine_minus = (quadrant + 1) & 2;
    double a = swapped ? c : s, b = swapped ? s : c;
    *sine = sine_minus ? -a : a;
    *cosine = cosine_minus ? -b : b;
}

float sw_sum32(const float *x, size_t count) {
    float lane[SW_SUM_LANES] = {0};
    size_t i = 0;
    for (; i + SW_SUM_LANES <= count; i += SW_SUM_LANES) {
        for (size_t l = 0; l < SW_SUM_LANES; l++) lane[l] += x[i + l];
    }
    for (size_t l = 0; i < count; i++, l++) lane[l] += x[i];
    return sw_lanes_sum(lane);
}

float sw_max32(const float *x, size_t count) {
    float lane[SW_SUM_LANES];
    for (size_t l = 0; l < SW_SUM_LANES; l++) lane[l] = x[0];
    size_t i = 0;
    for (; i + SW_SUM_LANES <= count; i += SW_SUM_LANES) {
        for (size_t l = 0; l < SW_SUM_LANES; l++) lane[l] = x[i + l] > lane[l] ? x[i + l] : lane[l];
    }
    for (; i < count; i++) lane[0] = x[i] > lane[0] ? x[i] : lane[0];
    float out = lane[0];
    for (size_t l = 1; l < SW_SUM_LANES; l++) out = lane[l] > out ? lane[l] : out;
    return out;
}

float sw_dot32(const float *x, const float *y, size_t count) {
    float lane[SW_SUM_LANES] = {0};
    size_t i = 0;
    for (; i + SW_SUM_LANES <= count; i += SW_SUM_LANES) {
        for (size_t l = 0; l < SW_SUM_LANES; l++) {
            lane[l] = __builtin_fmaf(x[i + l], y[i + l], lane[l]);
        }
    }
    for (size_t l = 0; i < count; i++, l++) lane[l] = __builtin_fmaf(x[i], y[i], lane[l]);
    return sw_lanes_sum(lane);
}

double sw_square_sum64(const float *x, size_t count) {
    double lane[8] = {0};
    size_t i = 0;
    for (; i + 8 <= count; i += 8) {
        for (size_t l = 0; l < 8; l++) lane[l] += (double)x[i + l] * x[i + l];
    }
    for (size_t l = 0; i < count; i++, l++) lane[l] += (double)x[i] * x[i];
    for (size_t width = 4; width > 0; width /= 2) {
        for (size_t l = 0; l < width; l++) lane[l] += lane[l + width];
    }
    return lane[0];
}
