/* SPDX-License-Identifier: Apache-2.0
 *
 * MT19937 (Matsumoto and Nishimura 1998) as torch uses it, and Philox4x32-10 (Salmon et al. 2011).
 */
#include "tensor/random.h"

#define MT_MIDDLE 397

void sw_mt19937_seed(sw_mt19937 *g, uint64_t seed) {
    g->state[0] = (uint32_t)seed;
    for (uint32_t i = 1; i < SW_MT19937_WORDS; i++) {
        uint32_t last = g->state[i - 1];
        g->state[i] = 1812433253u * (last ^ (last >> 30)) + i;
    }
    g->next = SW_MT19937_WORDS;
}

static void renew(sw_mt19937 *g) {
    uint32_t *s = g->state;
    for (size_t i = 0; i < SW_MT19937_WORDS; i++) {
        uint32_t y = (s[i] & 0x80000000u) | (s[(i + 1) % SW_MT19937_WORDS] & 0x7fffffffu);
        uint32_t twist = y & 1 ? 0x9908b0dfu : 0;
        s[i] = s[(i + MT_MIDDLE) % SW_MT19937_WORDS] ^ (y >> 1) ^ twist;
    }
    g->next = 0;
}

uint32_t sw_mt19937_next(sw_mt19937 *g) {
    if (g->next == SW_MT19937_WORDS) renew(g);
    uint32_t y = g->state[g->next++];
    y ^= y >> 11;
    y ^= (y << 7) & 0x9d2c5680u;
    y ^= (y << 15) & 0xefc60000u;
    return y ^ (y >> 18);
}

void sw_randperm(sw_mt19937 *g, uint32_t *out, size_t count) {
    for (size_t i = 0; i < count; i++) out[i] = (uint32_t)i;
    for (size_t i = 0; i + 1 < count; i++) {
        size_t other = i + sw_mt19937_next(g) % (count - i);
        uint32_t held = out[i];
        out[i] = out[other];
        out[other] = held;
    }
}

void sw_uniform_fill(sw_mt19937 *g, float *out, size_t count, double low, double high) {
    float from = (float)low, span = (float)high - (float)low;
    for (size_t i = 0; i < count; i++) {
        float u = (float)(sw_mt19937_next(g) & 0xffffffu) * 0x1p-24f;
        out[i] = __builtin_fmaf(u, span, from);
    }
}

sw_philox sw_philox_at(uint64_t key, uint64_t stream, uint64_t index) {
    uint32_t k0 = (uint32_t)key, k1 = (uint32_t)(key >> 32);
    uint32_t c[4] = {(uint32_t)index, (uint32_t)(index >> 32), (uint32_t)stream,
                     (uint32_t)(stream >> 32)};
    for (int round = 0; round < 10; round++, k0 += 0x9e3779b9u, k1 += 0xbb67ae85u) {
        uint64_t a = (uint64_t)0xd2511f53u * c[0], b = (uint64_t)0xcd9e8d57u * c[2];
        uint32_t next[4] = {(uint32_t)(b >> 32) ^ c[1] ^ k0, (uint32_t)b,
                            (uint32_t)(a >> 32) ^ c[3] ^ k1, (uint32_t)a};
        for (int i = 0; i < 4; i++) c[i] = next[i];
    }
    return (sw_philox){{c[0], c[1], c[2], c[3]}};
}
