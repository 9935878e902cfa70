/* SPDX-License-Identifier: Apache-2.0
 *
 * Row-local operators: RoPE, SwiGLU, embedding, dropout. Values are staged in blocks as f32,
 * computed, and rounded once.
 */
#include "tensor/numbers.h"
#include "tensor/ops.h"
#include "tensor/random.h"

#define BLOCK   512
#define SPAN    (16 * BLOCK) /* of one job */
#define ROWS    8
#define COLUMNS 64

/* ---- RoPE ---- */

/* Slow turns are slowed by the factor, fast ones stay, and between the two wavelengths one goes
 * over into the other: transformers' formula, each operation rounded to f32 as torch rounds it. */
static float llama3_frequency(float plain, const sw_rope_settings *s) {
    float old = (float)s->original_max_position_embeddings;
    float low = (float)s->low_freq_factor, factor = (float)s->factor;
    float span = (float)(s->high_freq_factor - s->low_freq_factor);
    float longest = (float)(s->original_max_position_embeddings / s->low_freq_factor);
    float shortest = (float)(s->original_max_position_embeddings / s->high_freq_factor);
    float wavelength = 1.0f / plain * 0x1.921fb6p+2f; /* 2 pi */
    if (wavelength > longest) return plain / factor;
    if (wavelength < shortest) return plain;
    float smooth = (1.0f / wavelength * old - low) / span;
    return (1.0f - smooth) * plain / factor + smooth * plain;
}

void sw_rope_frequencies(float *out, size_t head_dim, const sw_rope_settings *s) {
    unsigned mode = sw_flush_begin();
    double log_theta = sw_log64(s->theta);
    for (size_t i = 0; i < head_dim / 2; i++) {
        double power = sw_exp64(log_theta * (2.0 * (double)i / (double)head_dim));
        out[i] = 1.0f / (float)power;
        if (s->kind == SW_ROPE_LINEAR) out[i] /= (float)s->factor;
        if (s->kind == SW_ROPE_LLAMA3) out[i] = llama3_frequency(out[i], s);
    }
    sw_flush_restore(mode);
}

void sw_rope_table(float *cosine, float *sine, size_t positions, size_t head_dim,
                   const sw_rope_settings *s) {
    size_t half = head_dim / 2;
    float frequency[SW_ROPE_HEAD_LIMIT / 2];
    unsigned mode = sw_flush_begin();
    sw_rope_frequencies(frequency, head_dim, s);
    for (size_t i = 0; i < half; i++) {
        for (size_t p = 0; p < positions; p++) {
            double sine64, cosine64;
            sw_sincos64((double)((float)p * frequency[i]), &sine64, &cosine64);
            cosine[p * half + i] = (float)cosine64;
            sine[p * half + i] = (float)sine64;
        }
    }
    sw_flush_restore(mode);
}

typedef struct rope_job {
    const sw_rope *r;
    const float *in;
    uint8_t *out;
    sw_dtype dtype;
    float sign;
} rope_job;

static void turn_row(const rope_job *job, size_t row) {
    const sw_rope *r = job->r;
    size_t half = r->head_dim / 2, size = sw_dtype_bytes(job->dtype);
    const float *c = r->cosine + r->position[row] * half, *s = r->sine + r->position[row] * half;
    float turned[SW_ROPE_HEAD_LIMIT];
    for (size_t h = 0; h < r->heads; h++) {
        size_t at = (row * r->heads + h) * r->head_dim;
        const float *x = job->in + at;
        for (size_t i = 0; i < half; i++) {
            float sine = s[i] * job->sign;
            turned[i] = x[i] * c[i] - x[i + half] * sine;
            turned[i + half] = x[i + half] * c[i] + x[i] * sine;
        }
        sw_elements_store(job->out + at * size, turned, job->dtype, r->head_dim);
    }
}

static void turn_rows(void *context, size_t index, size_t lane) {
    (void)lane;
    const rope_job *job = context;
    for (size_t row = index * ROWS; row < sw_least((index + 1) * ROWS, job->r->rows); row++) {
        turn_row(job, row);
    }
}

void sw_rope_turn(const sw_compute *c, const sw_rope *r, const float *in, void *out, bool inverse) {
    rope_job job = {
        .r = r, .in = in, .out = out, .dtype = c->dtype, .sign = inverse ? -1.0f : 1.0f};
    sw_compute_run(c, sw_parts(r->rows, ROWS), turn_rows, &job);
}

/* ---- SwiGLU ---- */

typedef struct swiglu_job {
    sw_swiglu_grad g;
    sw_dtype dtype;
} swiglu_job;

static void *into(void *base, size_t at, sw_dtype dtype) {
    return (uint8_t *)base + at * sw_dtype_bytes(dtype);
}

static void swiglu_block(const swiglu_job *job, size_t at) {
    size_t count = sw_least(job->g.count - at, BLOCK);
    float gate[BLOCK], up[BLOCK];
    sw_elements_load(gate, sw_elements_at(job->g.gate, at, job->dtype), job->dtype, count);
    sw_elements_load(up, sw_elements_at(job->g.up, at, job->dtype), job->dtype, count);
    for (size_t i = 0; i < count; i++) up[i] *= gate[i] * sw_sigmoid32(gate[i]);
    sw_elements_store(into(job->g.h, at, job->dtype), up, job->dtype, count);
}

static void swiglu_span(void *context, size_t index, size_t lane) {
    (void)lane;
    const swiglu_job *job = context;
    size_t end = sw_least((index + 1) * SPAN, job->g.count);
    for (size_t at = index * SPAN; at < end; at += BLOCK) swiglu_block(job, at);
}

void sw_swiglu_forward(const sw_compute *c, const void *gate, const void *up, void *h,
                       size_t count) {
    swiglu_job job = {.g = {.gate = gate, .up = up, .h = h, .count = count}, .dtype = c->dtype};
    sw_compute_run(c, sw_parts(count, SPAN), swiglu_span, &job);
}

static void swiglu_grad_block(const swiglu_job *job, size_t at) {
    size_t count = sw_least(job->g.count - at, BLOCK);
    float gate[BLOCK], up[BLOCK], h[BLOCK];
    const float *dh = job->g.dh + at;
    sw_elements_load(gate, sw_elements_at(job->g.gate, at, job->dtype), job->dtype, count);
    sw_elements_load(up, sw_elements_at(job->g.up, at, job->dtype), job->dtype, count);
    for (size_t i = 0; i < count; i++) {
        float s = sw_sigmoid32(gate[i]), silu = gate[i] * s;
        float slope = s * (1.0f + gate[i] * (1.0f - s));
        h[i] = silu * up[i];
        gate[i] = dh[i] * up[i] * slope;
        up[i] = dh[i] * silu;
    }
    sw_elements_store(into(job->g.dgate, at, job->dtype), gate, job->dtype, count);
    sw_elements_store(into(job->g.dup, at, job->dtype), up, job->dtype, count);
    if (job->g.h) sw_elements_store(into(job->g.h, at, job->dtype), h, job->dtype, count);
}

static void swiglu_grad_span(void *context, size_t index, size_t lane) {
    (void)lane;
    const swiglu_job *job = context;
    size_t end = sw_least((index + 1) * SPAN, job->g.count);
    for (size_t at = index * SPAN; at < end; at += BLOCK) swiglu_grad_block(job, at);
}

void sw_swiglu_backward(const sw_compute *c, const sw_swiglu_grad *g) {
    swiglu_job job = {.g = *g, .dtype = c->dtype};
    sw_compute_run(c, sw_parts(g->count, SPAN), swiglu_grad_span, &job);
}

/* ---- embedding ---- */

typedef struct embed_job {
    const sw_source *table;
    const uint32_t *ids;
    const float *dx;
    float *out;
    size_t count, columns;
} embed_job;

static void embed_rows(void *context, size_t index, size_t lane) {
    (void)lane;
    const embed_job *job = context;
    const sw_source *table = job->table;
    for (size_t t = index * ROWS; t < sw_least((index + 1) * ROWS, job->count); t++) {
        size_t at = job->ids[t] * table->stride;
        sw_elements_load(job->out + t * job->columns, sw_elements_at(table->data, at, table->dtype),
                         table->dtype, job->columns);
    }
}

void sw_embed_forward(const sw_compute *c, const sw_source *table, const uint32_t *ids,
                      size_t count, size_t columns, float *out) {
    embed_job job = {.table = table, .ids = ids, .out = out, .count = count, .columns = columns};
    sw_compute_run(c, sw_parts(count, ROWS), embed_rows, &job);
}

/* One owner per column: every id's sum runs over tokens in order. */
static void embed_columns(void *context, size_t index, size_t lane) {
    (void)lane;
    const embed_job *job = context;
    size_t first = index * COLUMNS, count = sw_least(job->columns - first, COLUMNS);
    for (size_t t = 0; t < job->count; t++) {
        float *out = job->out + job->ids[t] * job->columns + first;
        const float *dx = job->dx + t * job->columns + first;
        for (size_t i = 0; i < count; i++) out[i] += dx[i];
    }
}

void sw_embed_backward(const sw_compute *c, const uint32_t *ids, const float *dx, size_t count,
                       size_t columns, float *dtable) {
    embed_job job = {.ids = ids, .dx = dx, .out = dtable, .count = count, .columns = columns};
    sw_compute_run(c, sw_parts(columns, COLUMNS), embed_columns, &job);
}

/* ---- dropout ---- */

typedef struct dropout_job {
    const sw_dropout *d;
    const void *in;
    void *out;
    size_t count;
    sw_dtype dtype;
    bool add;
} dropout_job;

/* Four elements share one Philox block; element i takes word i mod 4 (NUM-041). */
static void mask_block(float *value, const sw_dropout *d, size_t at, size_t count) {
    uint32_t threshold = (uint32_t)(d->p * 0x1p32);
    float keep = (float)(1.0 / (1.0 - d->p));
    for (size_t i = 0; i < count; i += 4) {
        sw_philox draw = sw_philox_at(d->seed, d->stream, (at + i) / 4);
        for (size_t j = i; j < sw_least(i + 4, count); j++) {
            value[j] = draw.word[j - i] < threshold ? 0.0f : value[j] * keep;
        }
    }
}

static void dropout_block(void *context, size_t index, size_t lane) {
    (void)lane;
    const dropout_job *job = context;
    size_t at = index * BLOCK, count = sw_least(job->count - at, BLOCK);
    float value[BLOCK];
    sw_elements_load(value, sw_elements_at(job->in, at, job->dtype), job->dtype, count);
    mask_block(value, job->d, at, count);
    if (job->add) {
        float *out = (float *)job->out + at;
        for (size_t i = 0; i < count; i++) out[i] += value[i];
    } else {
        sw_elements_store(into(job->out, at, job->dtype), value, job->dtype, count);
    }
}

void sw_dropout_apply(const sw_compute *c, const sw_dropout *d, const void *in, void *out,
                      size_t count) {
    dropout_job job = {.d = d, .in = in, .out = out, .count = count, .dtype = c->dtype};
    sw_compute_run(c, sw_parts(count, BLOCK), dropout_block, &job);
}

void sw_dropout_add(const sw_compute *c, const sw_dropout *d, const float *in, float *out,
                    size_t count) {
    dropout_job job = {
        .d = d, .in = in, .out = out, .count = count, .dtype = SW_DTYPE_F32, .add = true};
    sw_compute_run(c, sw_parts(count, BLOCK), dropout_block, &job);
}
