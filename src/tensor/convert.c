/* SPDX-License-Identifier: Apache-2.0
 *
 * Element types, the serial lane, and the floating-point mode of every lane.
 *
 * The bf16 rounding is integer arithmetic on the f32 bits, so that no instruction's own treatment
 * of denormals shows through. docs/formats/numerics.md NUM-001 to NUM-004.
 */
#include "tensor/lanes.h"
#include "tensor/tensor.h"
#include <string.h>

#define FLUSH_BITS   0x8040u /* MXCSR: flush to zero, denormals are zero */
#define CONVERT_STEP 16384

static inline uint32_t bits_of(float v) {
    uint32_t u;
    memcpy(&u, &v, sizeof u);
    return u;
}

static inline float float_of(uint32_t u) {
    float v;
    memcpy(&v, &u, sizeof v);
    return v;
}

static inline sw_bf16 round_bits(uint32_t u) {
    uint32_t rounded = (u + 0x7fffu + ((u >> 16) & 1)) >> 16;
    uint32_t quiet = (u >> 16) | 0x40u;
    return (sw_bf16)((u & 0x7fffffffu) > 0x7f800000u ? quiet : rounded);
}

size_t sw_dtype_bytes(sw_dtype t) {
    return t == SW_DTYPE_F32 ? 4 : 2;
}

static void serial_run(void *pool, size_t count, void (*fn)(void *, size_t, size_t),
                       void *context) {
    (void)pool;
    for (size_t i = 0; i < count; i++) fn(context, i, 0);
}

sw_parallel sw_parallel_serial(void) {
    return (sw_parallel){.run = serial_run, .lanes = 1};
}

unsigned sw_flush_begin(void) {
    unsigned mode = _mm_getcsr();
    _mm_setcsr((mode & ~0x6000u) | FLUSH_BITS); /* and round to nearest even */
    return mode;
}

void sw_flush_restore(unsigned mode) {
    _mm_setcsr(mode);
}

typedef struct guarded_job {
    void (*fn)(void *, size_t, size_t);
    void *context;
} guarded_job;

static void guarded(void *context, size_t index, size_t lane) {
    const guarded_job *job = context;
    unsigned mode = sw_flush_begin();
    job->fn(job->context, index, lane);
    sw_flush_restore(mode);
}

void sw_compute_run(const sw_compute *c, size_t count, void (*fn)(void *, size_t, size_t),
                    void *context) {
    guarded_job job = {.fn = fn, .context = context};
    c->parallel.run(c->parallel.pool, count, guarded, &job);
}

static float half_to_float(uint16_t h) {
    uint32_t sign = (uint32_t)(h & 0x8000u) << 16, exponent = (h >> 10) & 31u,
             fraction = h & 0x3ffu;
    if (exponent == 31) return float_of(sign | 0x7f800000u | fraction << 13);
    if (exponent) return float_of(sign | (exponent + 112) << 23 | fraction << 13);
    float small = (float)fraction * 0x1p-24f;
    return sign ? -small : small;
}

void sw_elements_load(float *out, const void *in, sw_dtype dtype, size_t count) {
    const uint8_t *bytes = in;
    size_t i = 0;
    if (dtype == SW_DTYPE_F32) {
        memcpy(out, in, count * sizeof *out);
        return;
    }
    for (; dtype == SW_DTYPE_BF16 && i + 8 <= count; i += 8) {
        __m128i v = _mm_loadu_si128((const __m128i *)(const void *)(bytes + 2 * i));
        __m256i wide = _mm256_slli_epi32(_mm256_cvtepu16_epi32(v), 16);
        _mm256_storeu_si256((__m256i *)(void *)(out + i), wide);
    }
    for (; i < count; i++) {
        uint16_t v;
        memcpy(&v, bytes + 2 * i, sizeof v);
        out[i] = dtype == SW_DTYPE_BF16 ? float_of((uint32_t)v << 16) : half_to_float(v);
    }
}

void sw_elements_store(void *out, const float *in, sw_dtype dtype, size_t count) {
    if (dtype == SW_DTYPE_F32) {
        memcpy(out, in, count * sizeof *in);
        return;
    }
    uint8_t *bytes = out;
    size_t i = 0;
    for (; i + 16 <= count; i += 16) {
        __m256i v = sw_round_sixteen(_mm256_loadu_ps(in + i), _mm256_loadu_ps(in + i + 8));
        _mm256_storeu_si256((__m256i *)(void *)(bytes + 2 * i), v);
    }
    for (; i < count; i++) {
        sw_bf16 v = round_bits(bits_of(in[i]));
        memcpy(bytes + 2 * i, &v, sizeof v);
    }
}

typedef struct convert_job {
    uint8_t *out;
    const float *in;
    size_t count;
    sw_dtype dtype;
} convert_job;

static void convert_step(void *context, size_t index, size_t lane) {
    (void)lane;
    const convert_job *job = context;
    size_t at = index * CONVERT_STEP;
    size_t count = job->count - at < CONVERT_STEP ? job->count - at : CONVERT_STEP;
    sw_elements_store(job->out + at * sw_dtype_bytes(job->dtype), job->in + at, job->dtype, count);
}

void sw_convert(const sw_compute *c, void *out, const float *in, size_t count) {
    convert_job job = {.out = out, .in = in, .count = count, .dtype = c->dtype};
    sw_compute_run(c, sw_parts(count, CONVERT_STEP), convert_step, &job);
}
