/* SPDX-License-Identifier: Apache-2.0
 *
 * Numbers in 8 bits by the dynamic codes of bitsandbytes (NUM-053): a code's magnitudes are seven
 * decades, each holding twice as many values as the one below it, so that small numbers keep their
 * order of magnitude and large ones their digits.
 */
#include "tensor/dynamic.h"
#include <string.h>

#define DECADES      7
#define DIGITS_SHIFT 16      /* leaves an f32's exponent and 7 digits */
#define FIRST_DIGITS 0x3400u /* of 2^-23: no middle is smaller */

/* The points that cut [0.1, 1] into `parts`, with the bits of torch.linspace, which counts them
 * from both ends. */
static float boundary(size_t at, size_t parts) {
    float step = (1.0f - 0.1f) / (float)parts;
    if (at < (parts + 1) / 2) return __builtin_fmaf(step, (float)at, 0.1f);
    return __builtin_fmaf(-step, (float)(parts - at), 1.0f);
}

/* The least magnitude with the digits of one start, the first of which stands for all below. */
static float magnitude_of(size_t start) {
    uint32_t bits = (FIRST_DIGITS + (uint32_t)start) << DIGITS_SHIFT;
    float out;
    memcpy(&out, &bits, sizeof out);
    return start ? out : 0;
}

/* Numbers with the same sign and digits lie around one middle at most, so the code of each is the
 * start, or one more. */
static void make_starts(sw_dynamic *d) {
    size_t below = 0, above = SW_DYNAMIC_CODES - 1;
    for (size_t i = 0; i < SW_DYNAMIC_STARTS; i++) {
        while (d->middle[below] < magnitude_of(i)) below++;
        while (above > 0 && d->middle[above - 1] > -magnitude_of(i + 1)) above--;
        d->start[0][i] = (uint8_t)below;
        d->start[1][i] = (uint8_t)above;
    }
}

uint8_t sw_dynamic_code(const sw_dynamic *d, float x) {
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    uint32_t digits = (bits & 0x7fffffffu) >> DIGITS_SHIFT;
    uint32_t start = digits > FIRST_DIGITS ? digits - FIRST_DIGITS : 0;
    if (start >= SW_DYNAMIC_STARTS) start = SW_DYNAMIC_STARTS - 1; /* no number: overflowed */
    uint32_t at = d->start[bits >> 31][start];
    return (uint8_t)(at + (d->middle[at] < x));
}

static void make_codes(sw_dynamic *out, bool is_signed) {
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
    out->middle[SW_DYNAMIC_CODES - 1] = __builtin_inff();
    make_starts(out);
}

void sw_dynamic_make(sw_dynamic *out, bool is_signed) {
    unsigned mode = sw_flush_begin();
    make_codes(out, is_signed);
    sw_flush_restore(mode);
}

float sw_dynamic_encode(const sw_dynamic *d, const float *x, size_t count, uint8_t *code) {
    float part[SW_DYNAMIC_BLOCK], absmax = 0;
    for (size_t i = 0; i < count; i++) {
        float magnitude = __builtin_fabsf(x[i]);
        absmax = magnitude > absmax ? magnitude : absmax;
    }
    for (size_t i = 0; i < count; i++) part[i] = absmax > 0 ? x[i] / absmax : 0;
    for (size_t i = 0; i < count; i++) code[i] = sw_dynamic_code(d, part[i]);
    return absmax;
}

void sw_dynamic_decode(const sw_dynamic *d, const uint8_t *code, size_t count, float absmax,
                       float *x) {
    for (size_t i = 0; i < count; i++) x[i] = d->value[code[i]] * absmax;
}
