/* SPDX-License-Identifier: Apache-2.0
 *
 * GGUF's tensor types to f32, exactly as ggml defines them (MODEL-050 to MODEL-056).
 *
 * Every formula is evaluated in f32 in the order written there. Products of a 16-bit float with
 * the few bits of a quant are exact, so at most the last operation of each rounds; goldens from
 * PyPI's gguf pin the bits. An i8 is two's complement; a 16-bit scale is little-endian.
 */
#include "model/model_internal.h"

static float half(const uint8_t *p) {
    float v;
    sw_elements_load(&v, p, SW_DTYPE_F16, 1);
    return v;
}

static void one_f32(float *out, const uint8_t *b) {
    sw_elements_load(out, b, SW_DTYPE_F32, 1);
}
static void one_f16(float *out, const uint8_t *b) {
    sw_elements_load(out, b, SW_DTYPE_F16, 1);
}
static void one_bf16(float *out, const uint8_t *b) {
    sw_elements_load(out, b, SW_DTYPE_BF16, 1);
}

/* 32 elements; low nibbles are the first 16, high nibbles the last 16. */
static void q4_0(float *out, const uint8_t *b) {
    float d = half(b);
    for (size_t i = 0; i < 16; i++) {
        out[i] = d * (float)((b[2 + i] & 15) - 8);
        out[i + 16] = d * (float)((b[2 + i] >> 4) - 8);
    }
}

static void q4_1(float *out, const uint8_t *b) {
    float d = half(b), m = half(b + 2);
    for (size_t i = 0; i < 16; i++) {
        out[i] = d * (float)(b[4 + i] & 15) + m;
        out[i + 16] = d * (float)(b[4 + i] >> 4) + m;
    }
}

/* The fifth bit of element i is bit i of a u32. */
static int five_bits(const uint8_t *high, const uint8_t *low, size_t i) {
    int nibble = i < 16 ? low[i] & 15 : low[i - 16] >> 4;
    return nibble | (high[i / 8] >> (i % 8) & 1) << 4;
}

static void q5_0(float *out, const uint8_t *b) {
    float d = half(b);
    for (size_t i = 0; i < 32; i++) out[i] = d * (float)(five_bits(b + 2, b + 6, i) - 16);
}

static void q5_1(float *out, const uint8_t *b) {
    float d = half(b), m = half(b + 2);
    for (size_t i = 0; i < 32; i++) out[i] = d * (float)five_bits(b + 4, b + 8, i) + m;
}

static void q8_0(float *out, const uint8_t *b) {
    float d = half(b);
    for (size_t i = 0; i < 32; i++) out[i] = d * (float)(int8_t)b[2 + i];
}

/* Eight 6-bit scales and eight 6-bit minima in 12 bytes. */
static void unpack_scales(const uint8_t *b, size_t j, uint8_t *scale, uint8_t *minimum) {
    if (j < 4) {
        *scale = b[j] & 63;
        *minimum = b[j + 4] & 63;
        return;
    }
    *scale = (uint8_t)((b[j + 4] & 15) | (b[j - 4] >> 6) << 4);
    *minimum = (uint8_t)(b[j + 4] >> 4 | (b[j] >> 6) << 4);
}

/* 256 elements in groups of 32; two groups share 32 bytes, low nibbles then high. `high`, if any,
 * holds bit j of byte i for element i of group j. */
static void q45_k(float *out, const uint8_t *b, const uint8_t *high, const uint8_t *low) {
    float d = half(b), dmin = half(b + 2);
    for (size_t j = 0; j < 8; j++) {
        uint8_t scale, minimum;
        unpack_scales(b + 4, j, &scale, &minimum);
        float ds = d * (float)scale, dm = dmin * (float)minimum;
        for (size_t i = 0; i < 32; i++) {
            int q = low[j / 2 * 32 + i] >> (j % 2 * 4) & 15;
            if (high != NULL) q |= (high[i] >> j & 1) << 4;
            out[j * 32 + i] = ds * (float)q - dm;
        }
    }
}

static void q4_k(float *out, const uint8_t *b) {
    q45_k(out, b, NULL, b + 16);
}
static void q5_k(float *out, const uint8_t *b) {
    q45_k(out, b, b + 16, b + 48);
}

/* 256 elements: 128 B of low nibbles, 64 B of two high bits, 16 i8 scales, d. Each half of 128
 * elements is four groups of 32. */
static void q6_k(float *out, const uint8_t *b) {
    float d = half(b + 208);
    for (size_t e = 0; e < 256; e++) {
        size_t part = e / 128, group = e % 128 / 32, i = e % 32;
        int low = b[part * 64 + group % 2 * 32 + i] >> (group / 2 * 4) & 15;
        int high = b[128 + part * 32 + i] >> (group * 2) & 3;
        float ds = d * (float)(int8_t)b[192 + e / 16];
        out[e] = ds * (float)((low | high << 4) - 32);
    }
}

static const sw_gguf_type types[] = {
    {0, "F32", 1, 4, one_f32},    {1, "F16", 1, 2, one_f16},    {2, "Q4_0", 32, 18, q4_0},
    {3, "Q4_1", 32, 20, q4_1},    {6, "Q5_0", 32, 22, q5_0},    {7, "Q5_1", 32, 24, q5_1},
    {8, "Q8_0", 32, 34, q8_0},    {12, "Q4_K", 256, 144, q4_k}, {13, "Q5_K", 256, 176, q5_k},
    {14, "Q6_K", 256, 210, q6_k}, {30, "BF16", 1, 2, one_bf16},
};

/* Names of the types that are refused. */
static const struct {
    uint32_t id;
    const char *name;
} others[] = {{9, "Q8_1"},    {10, "Q2_K"},    {11, "Q3_K"},  {15, "Q8_K"},   {16, "IQ2_XXS"},
              {17, "IQ2_XS"}, {18, "IQ3_XXS"}, {19, "IQ1_S"}, {20, "IQ4_NL"}, {21, "IQ3_S"},
              {22, "IQ2_S"},  {23, "IQ4_XS"},  {24, "I8"},    {25, "I16"},    {26, "I32"},
              {27, "I64"},    {28, "F64"},     {29, "IQ1_M"}, {34, "TQ1_0"},  {35, "TQ2_0"},
              {39, "MXFP4"}};

const sw_gguf_type *sw_gguf_type_of(uint32_t id, const char **name) {
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
        if (types[i].id == id) return &types[i];
    *name = NULL;
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
        if (others[i].id == id) *name = others[i].name;
    return NULL;
}

void sw_gguf_dequantise(const sw_gguf_type *type, float *out, const uint8_t *in,
                        size_t row_elements) {
    size_t blocks = row_elements / type->block_elements;
    for (size_t i = 0; i < blocks; i++)
        type->dequantise(out + i * type->block_elements, in + i * type->block_bytes);
}
