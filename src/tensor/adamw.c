/* SPDX-License-Identifier: Apache-2.0
 *
 * AdamW with moments in f32, and with moments that rest in 8 bits between steps.
 *
 * It follows torch: decay of the weight first, epsilon outside the root and after the bias
 * correction, everything f32 with the step's constants computed in f64 and rounded once (NUM-050).
 * In 8 bits the same rule works on decoded moments, block by block (NUM-054).
 */
#include "tensor/gemm.h"
#include "tensor/numbers.h"
#include "tensor/ops.h"

#define CHUNK 4096 /* elements of one piece of work: whole blocks */

typedef struct rule {
    float keep1, beta2, keep2, decay, step_size, root_correction, epsilon, clip;
} rule;

/* In the mode of a lane. */
static void make_rule(rule *out, const sw_adamw *o) {
    unsigned mode = sw_flush_begin();
    double correction1 = 1 - sw_power64(o->beta1, o->step);
    double correction2 = 1 - sw_power64(o->beta2, o->step);
    *out = (rule){.keep1 = (float)(1 - o->beta1),
                  .beta2 = (float)o->beta2,
                  .keep2 = (float)(1 - o->beta2),
                  .decay = (float)(1 - o->learning_rate * o->weight_decay),
                  .step_size = (float)(o->learning_rate / correction1),
                  .root_correction = (float)__builtin_sqrt(correction2),
                  .epsilon = (float)o->epsilon,
                  .clip = o->clip};
    sw_flush_restore(mode);
}

static void update(const rule *r, float *restrict p, const float *restrict grad, float *restrict m,
                   float *restrict v, size_t count) {
    for (size_t i = 0; i < count; i++) {
        float g = grad[i] * r->clip;
        float decayed = p[i] * r->decay;
        m[i] = __builtin_fmaf(r->keep1, g - m[i], m[i]);
        v[i] = __builtin_fmaf(r->keep2 * g, g, v[i] * r->beta2);
        float root = __builtin_sqrtf(v[i]) / r->root_correction + r->epsilon;
        p[i] = decayed - r->step_size * (m[i] / root);
    }
}

typedef struct adamw_job {
    rule rule;
    sw_adamw_values of;
    size_t count, columns; /* of a weight: of its rows */
} adamw_job;

static void update_part(const adamw_job *job, size_t at, size_t count) {
    const sw_adamw_values *of = &job->of;
    update(&job->rule, of->p + at, of->g + at, of->m + at, of->v + at, count);
}

static void adamw_chunk(void *context, size_t index, size_t lane) {
    (void)lane;
    const adamw_job *job = context;
    size_t at = index * CHUNK;
    update_part(job, at, sw_least(job->count - at, CHUNK));
}

void sw_adamw_step(const sw_compute *c, const sw_adamw *o, const sw_adamw_values *of,
                   size_t count) {
    adamw_job job = {.of = *of, .count = count};
    make_rule(&job.rule, o);
    sw_compute_run(c, sw_parts(count, CHUNK), adamw_chunk, &job);
}

static void adamw_rows(void *context, size_t first, size_t rows) {
    const adamw_job *job = context;
    update_part(job, first * job->columns, rows * job->columns);
}

void sw_adamw_step_packed(const sw_compute *c, const sw_adamw *o, const sw_adamw_values *of,
                          const sw_both_sides *b) {
    adamw_job job = {.of = *of, .columns = b->in};
    make_rule(&job.rule, o);
    sw_pack_both_behind(c, b, adamw_rows, &job);
}

/* ---- moments in 8 bits ---- */

typedef struct adamw8_job {
    rule rule;
    sw_dynamic with_sign, without;
    sw_moments8 state;
    float *p;
    const float *g;
    size_t count;
} adamw8_job;

static void adamw8_block(const adamw8_job *job, size_t block) {
    size_t at = block * SW_DYNAMIC_BLOCK, count = sw_least(job->count - at, SW_DYNAMIC_BLOCK);
    const sw_moments8 *s = &job->state;
    float m[SW_DYNAMIC_BLOCK], v[SW_DYNAMIC_BLOCK];
    sw_dynamic_decode(&job->with_sign, s->m + at, count, s->m_absmax[block], m);
    sw_dynamic_decode(&job->without, s->v + at, count, s->v_absmax[block], v);
    update(&job->rule, job->p + at, job->g + at, m, v, count);
    s->m_absmax[block] = sw_dynamic_encode(&job->with_sign, m, count, s->m + at);
    s->v_absmax[block] = sw_dynamic_encode(&job->without, v, count, s->v + at);
}

static void adamw8_chunk(void *context, size_t index, size_t lane) {
    (void)lane;
    const adamw8_job *job = context;
    size_t per_chunk = CHUNK / SW_DYNAMIC_BLOCK;
    size_t end = sw_least((index + 1) * per_chunk, sw_dynamic_blocks(job->count));
    for (size_t block = index * per_chunk; block < end; block++) adamw8_block(job, block);
}

void sw_adamw8_step(const sw_compute *c, const sw_adamw *o, float *p, const float *g,
                    const sw_moments8 *s, size_t count) {
    adamw8_job job = {.state = *s, .p = p, .g = g, .count = count};
    make_rule(&job.rule, o);
    sw_dynamic_make(&job.with_sign, true);
    sw_dynamic_make(&job.without, false);
    sw_compute_run(c, sw_parts(count, CHUNK), adamw8_chunk, &job);
}
