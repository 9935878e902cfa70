/* SPDX-License-Identifier: Apache-2.0
 *
 * NF4 with double quantisation (tensor/nf4.h): Dettmers et al., "QLoRA", 2023, with the tables and
 * the order of operations of bitsandbytes.
 *
 * Quantising takes two passes over the blocks, because the mean of all scales lies between them.
 * Reading back makes one table of 16 values a block, already rounded to E, and looks elements up in
 * it: in bf16 sixteen at a time by two byte shuffles, which give the low and the high bytes.
 */
#include "tensor/nf4.h"
#include "tensor/lanes.h"
#include <string.h>

#define CODES 16

static const float NF4[CODES] = {-1.0f,
                                 -0.6961928009986877f,
                                 -0.5250730514526367f,
                                 -0.39491748809814453f,
                                 -0.28444138169288635f,
                                 -0.18477343022823334f,
                                 -0.09105003625154495f,
                                 0.0f,
                                 0.07958029955625534f,
                                 0.16093020141124725f,
                                 0.24611230194568634f,
                                 0.33791524171829224f,
                                 0.44070982933044434f,
                                 0.5626170039176941f,
                                 0.7229568362236023f,
                                 1.0f};

size_t sw_nf4_codes(size_t count) {
    return sw_parts(count, 2);
}

size_t sw_nf4_blocks(size_t count) {
    return sw_parts(count, SW_NF4_BLOCK);
}

size_t sw_nf4_nests(size_t count) {
    return sw_parts(sw_nf4_blocks(count), SW_NF4_NEST);
}

/* ---- quantising ---- */

typedef struct quantise_job {
    sw_nf4 *out;
    const uint8_t *in;
    sw_dtype dtype;
    float *absmax;
    sw_dynamic dynamic; /* the code of the scales */
} quantise_job;

/* The largest magnitude; a NaN is the largest of all, because its bits are. */
static float largest(const float *x, size_t count) {
    uint32_t most = 0;
    for (size_t i = 0; i < count; i++) {
        uint32_t bits;
        memcpy(&bits, &x[i], sizeof bits);
        bits &= 0x7fffffffu;
        most = bits > most ? bits : most;
    }
    float out;
    memcpy(&out, &most, sizeof out);
    return out == 0 ? 0 : out; /* a denormal is zero (NUM-003) */
}

static float inverse(float v) {
    return v == 0 ? 0 : 1 / v;
}

/* x is zero behind the last element of a short block. */
static void encode_block(uint8_t *codes, size_t bytes, const float x[SW_NF4_BLOCK], float absmax) {
    float part[SW_NF4_BLOCK], factor = inverse(absmax);
    uint32_t at[SW_NF4_BLOCK] = {0};
    for (size_t i = 0; i < SW_NF4_BLOCK; i++) part[i] = x[i] * factor;
    for (size_t c = 0; c + 1 < CODES; c++) {
        float middle = (NF4[c] + NF4[c + 1]) / 2;
        for (size_t i = 0; i < SW_NF4_BLOCK; i++) at[i] += part[i] > middle;
    }
    for (size_t i = 0; i < bytes; i++) codes[i] = (uint8_t)(at[2 * i] << 4 | at[2 * i + 1]);
}

static void encode_nest(void *context, size_t nest, size_t lane) {
    (void)lane;
    const quantise_job *job = context;
    size_t end = sw_least((nest + 1) * SW_NF4_NEST, sw_nf4_blocks(job->out->count));
    for (size_t b = nest * SW_NF4_NEST; b < end; b++) {
        float x[SW_NF4_BLOCK] = {0};
        size_t first = b * SW_NF4_BLOCK, count = sw_least(job->out->count - first, SW_NF4_BLOCK);
        sw_elements_load(x, job->in + first * sw_dtype_bytes(job->dtype), job->dtype, count);
        job->absmax[b] = largest(x, count);
        encode_block(job->out->codes + first / 2, sw_parts(count, 2), x, job->absmax[b]);
    }
}

static void encode_scales(void *context, size_t nest, size_t lane) {
    (void)lane;
    const quantise_job *job = context;
    size_t first = nest * SW_NF4_NEST;
    size_t count = sw_least(sw_nf4_blocks(job->out->count) - first, SW_NF4_NEST);
    float rest[SW_NF4_NEST];
    for (size_t i = 0; i < count; i++) rest[i] = job->absmax[first + i] - job->out->offset;
    float most = largest(rest, count), factor = inverse(most);
    for (size_t i = 0; i < count; i++) {
        job->out->scales[first + i] = sw_dynamic_code(&job->dynamic, rest[i] * factor);
    }
    job->out->nested[nest] = __builtin_isfinite(most) ? most : 0;
}

static float mean(const float *x, size_t count) {
    double sum = 0;
    for (size_t i = 0; i < count; i++) sum += (double)x[i];
    float out = (float)(sum / (double)count);
    return __builtin_isfinite(out) ? out : __builtin_nanf("");
}

void sw_nf4_quantise(const sw_compute *c, sw_nf4 *out, const void *in, sw_dtype dtype,
                     float *absmax) {
    quantise_job job = {.out = out, .in = in, .dtype = dtype, .absmax = absmax};
    size_t nests = sw_nf4_nests(out->count);
    sw_dynamic_make(&job.dynamic, true);
    memcpy(out->scale_value, job.dynamic.value, sizeof out->scale_value);
    sw_compute_run(c, nests, encode_nest, &job);
    unsigned mode = sw_flush_begin();
    out->offset = mean(absmax, sw_nf4_blocks(out->count));
    sw_flush_restore(mode);
    sw_compute_run(c, nests, encode_scales, &job);
}

/* ---- reading back ---- */

static float scale_of(const sw_nf4 *w, size_t block) {
    float rest = w->scale_value[w->scales[block]] * w->nested[block / SW_NF4_NEST];
    return rest + w->offset;
}

static unsigned code_at(const uint8_t *codes, size_t at) {
    return codes[at / 2] >> (at % 2 ? 0 : 4) & 15u;
}

static void load_f32(float *out, const uint8_t *codes, size_t first, size_t count, float scale) {
    float value[CODES];
    for (size_t i = 0; i < CODES; i++) value[i] = NF4[i] * scale;
    for (size_t i = 0; i < count; i++) out[i] = value[code_at(codes, first + i)];
}

/* Sixteen elements from eight bytes; the table's low bytes and its high bytes. */
static void look_up(sw_bf16 *out, const uint8_t *codes, __m128i low, __m128i high) {
    const __m128i mask = _mm_set1_epi8(15);
    __m128i bytes = _mm_loadl_epi64((const __m128i *)(const void *)codes);
    __m128i earlier = _mm_and_si128(_mm_srli_epi16(bytes, 4), mask);
    __m128i index = _mm_unpacklo_epi8(earlier, _mm_and_si128(bytes, mask));
    __m128i l = _mm_shuffle_epi8(low, index), h = _mm_shuffle_epi8(high, index);
    _mm_storeu_si128((__m128i *)(void *)out, _mm_unpacklo_epi8(l, h));
    _mm_storeu_si128((__m128i *)(void *)(out + 8), _mm_unpackhi_epi8(l, h));
}

static void load_bf16(sw_bf16 *out, const uint8_t *codes, size_t first, size_t count, float scale) {
    sw_bf16 value[CODES];
    __m256 all = _mm256_set1_ps(scale);
    __m256i both = sw_round_sixteen(_mm256_mul_ps(_mm256_loadu_ps(NF4), all),
                                    _mm256_mul_ps(_mm256_loadu_ps(NF4 + 8), all));
    __m256i bytes = _mm256_permute4x64_epi64(
        _mm256_packus_epi16(_mm256_and_si256(both, _mm256_set1_epi16(0xff)),
                            _mm256_srli_epi16(both, 8)),
        0xd8);
    __m128i low = _mm256_castsi256_si128(bytes), high = _mm256_extracti128_si256(bytes, 1);
    size_t i = 0;
    if (first % 2 == 0) {
        for (; i + 16 <= count; i += 16) look_up(out + i, codes + (first + i) / 2, low, high);
    }
    _mm256_storeu_si256((__m256i *)(void *)value, both);
    for (; i < count; i++) out[i] = value[code_at(codes, first + i)];
}

void sw_nf4_load(void *out, const sw_nf4 *w, sw_dtype dtype, size_t first, size_t count) {
    uint8_t *to = out;
    while (count > 0) {
        size_t n = sw_least(count, SW_NF4_BLOCK - first % SW_NF4_BLOCK);
        float scale = scale_of(w, first / SW_NF4_BLOCK);
        if (dtype == SW_DTYPE_F32) {
            load_f32((float *)(void *)to, w->codes, first, n, scale);
        } else {
            load_bf16((sw_bf16 *)(void *)to, w->codes, first, n, scale);
        }
        to += n * sw_dtype_bytes(dtype);
        first += n;
        count -= n;
    }
}
