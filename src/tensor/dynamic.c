/* SPDX-License-Identifier: Apache-2.0
 *
 * Numbers in 8 bits by the dynamic codes of bitsandbytes (NUM-053): a code's magnitudes are seven
 * decades, each holding twice as many values as the one below it, so that small numbers keep their
 * order of magnitude and large ones their digits.
 */
#include "tensor/ops.h"

#define DECADES 7

/* The points that cut [0.1, 1] into `parts`, with the bits of torch.linspace, which counts them
 * from both ends. */
static float boundary(size_t at, size_t parts) {
    float step = (1.0f - 0.1f) / (float)parts;
    if (at < (parts + 1) / 2) return __builtin_fmaf(step, (float)at, 0.1f);
    return __builtin_fmaf(-step, (float)(parts - at), 1.0f);
}

void sw_dynamic_make(sw_dynamic *out, bool is_signed) {
    static const float scale[DECADES] = {1e-6f, 1e-5f, 1e-4f, 1e-3f, 1e-2f, 1e-1f, 1};
    size_t zero = is_signed ? SW_DYNAMIC_CODES / 2 - 1 : 0, at = zero;
    out->value[at++] = 0;
    for (size_t decade = 0; decade < DECADES; decade++) {
        size_t parts = (size_t)(is_signed ? 1 : 2) << decade;
        for (size_t i = 0; i < parts; i++, at++) {
            float middle = (boundary(i, parts) + boundary(i + 1, parts)) / 2;
            out->value[at] = scale[decade] * middle;
            if (is_signed) out->value[2 * zero - at] = -out->value[at];
        }
    }
    out->value[at] = 1;
    for (size_t i = 0; i + 1 < SW_DYNAMIC_CODES; i++) {
        out->middle[i] = (out->value[i] + out->value[i + 1]) / 2;
    }
}

float sw_dynamic_encode(const sw_dynamic *d, const float *x, size_t count, uint8_t *code) {
    uint32_t at[SW_DYNAMIC_BLOCK] = {0};
    float part[SW_DYNAMIC_BLOCK], absmax = 0;
    for (size_t i = 0; i < count; i++) {
        float magnitude = __builtin_fabsf(x[i]);
        absmax = magnitude > absmax ? magnitude : absmax;
    }
    for (size_t i = 0; i < count; i++) part[i] = absmax > 0 ? x[i] / absmax : 0;
    /* The code is how many middles lie below the number; one bit of all numbers after the other, so
     * that the inner loop has no dependence. */
    for (uint32_t bit = SW_DYNAMIC_CODES / 2; bit > 0; bit /= 2) {
        for (size_t i = 0; i < count; i++) {
            at[i] += d->middle[at[i] + bit - 1] < part[i] ? bit : 0;
        }
    }
    for (size_t i = 0; i < count; i++) code[i] = (uint8_t)at[i];
    return absmax;
}

void sw_dynamic_decode(const sw_dynamic *d, const uint8_t *code, size_t count, float absmax,
                       float *x) {
    for (size_t i = 0; i < count; i++) x[i] = d->value[code[i]] * absmax;
}
