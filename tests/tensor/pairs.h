/* SPDX-License-Identifier: Apache-2.0
 *
 * Two multiply-adds in one step as VDPBF16PS does them, by two ordinary ones
 * (docs/formats/numerics.md NUM-012), on operands that are drawn so that every case of rounding,
 * flushing and NaN is met.
 *
 * The hash below was made by a processor's own multiply-adds: whatever interprets the instruction
 * has them as its witness.
 */
#ifndef SW_TESTS_TENSOR_PAIRS_H
#define SW_TESTS_TENSOR_PAIRS_H
#include "problem.h"

#define PAIR_LANES 16
#define PAIR_TURNS 8192
#define PAIR_HASH  0x2f6c9f214273e521

/* Bits of f32, and of bf16 pairs, the odd member in the upper half. */
typedef struct pairs {
    uint32_t sum[PAIR_LANES], a[PAIR_LANES], b[PAIR_LANES];
} pairs;

/* Any exponent, few or many bits of the fraction set. */
static inline uint32_t pair_bits(noise *n, int exponent, uint32_t fraction) {
    uint32_t sign = noise_bits(n) & 0x80000000;
    if (exponent < 0) exponent = 0;
    if (exponent > 255) exponent = 255;
    return sign | (uint32_t)exponent << 23 | (fraction & 0x7fffff);
}

/* Two factors whose product lies near `exponent`, from what it rounds away to what it outweighs. */
static inline void draw_factors(noise *n, int exponent, uint32_t *a, uint32_t *b) {
    uint32_t draw = noise_bits(n), mask = draw & 1 ? 0x7f0000 : 0x010000;
    int product = exponent + (int)(draw >> 8 & 127) - 64, first = (int)(draw >> 16 & 255);
    if ((draw & 6) == 0) product = exponent - 24; /* half of the last place */
    if ((draw & 6) == 2) product = exponent;      /* cancels, or nearly */
    *a = pair_bits(n, first, noise_bits(n) & mask);
    *b = pair_bits(n, product + 127 - first, noise_bits(n) & mask);
    if (draw >> 24 < 16) *a = noise_bits(n) & 0xffff0000;
    if (draw >> 24 < 24) *b = noise_bits(n) & 0xffff0000;
}

static inline void draw_pairs(noise *n, pairs *p) {
    for (size_t i = 0; i < PAIR_LANES; i++) {
        uint32_t draw = noise_bits(n), odd[2], even[2];
        int exponent = (int)(draw & 255);
        if ((draw >> 8 & 7) == 0) exponent = (int)(draw & 3); /* about the smallest normal */
        p->sum[i] = pair_bits(n, exponent, draw & 0x800 ? noise_bits(n) : 0);
        draw_factors(n, exponent, &odd[0], &odd[1]);
        draw_factors(n, exponent, &even[0], &even[1]);
        p->a[i] = odd[0] | even[0] >> 16;
        p->b[i] = odd[1] | even[1] >> 16;
    }
}

/* The form matters to which of several NaN is kept: that of the first factor, the second, the sum.
 */
__attribute__((target("fma"))) static inline uint32_t one_multiply_add(uint32_t sum, uint32_t a,
                                                                       uint32_t b) {
    float s = float_of_bits(sum), x = float_of_bits(a), y = float_of_bits(b);
    __asm__ volatile("vfmadd231ss %2, %1, %0" : "+x"(s) : "x"(x), "x"(y));
    memcpy(&sum, &s, sizeof sum);
    return sum;
}

static inline void add_pairs(const pairs *p, uint32_t out[PAIR_LANES]) {
    unsigned held = sw_flush_begin();
    for (size_t i = 0; i < PAIR_LANES; i++) {
        uint32_t sum = one_multiply_add(p->sum[i], p->a[i] & 0xffff0000, p->b[i] & 0xffff0000);
        out[i] = one_multiply_add(sum, p->a[i] << 16, p->b[i] << 16);
    }
    sw_flush_restore(held);
}

static inline uint64_t pair_hash(uint64_t hash, const uint32_t bits[PAIR_LANES]) {
    for (size_t i = 0; i < PAIR_LANES; i++) hash = (hash ^ bits[i]) * 0x100000001b3u;
    return hash;
}
#endif
