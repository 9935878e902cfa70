/* SPDX-License-Identifier: Apache-2.0
 *
 * Learning-rate schedules of transformers: a factor on the peak rate for `done` completed steps of
 * `total` (NUM-062).
 */
#include "train/schedule.h"
#include "tensor/numbers.h"

#define PI 3.141592653589793

static double most(double a, double b) {
    return a > b ? a : b;
}

static uint64_t warmup_steps(const sw_training *t, uint64_t total) {
    if (t->warmup_steps >= 1) return (uint64_t)t->warmup_steps;
    return (uint64_t)__builtin_ceil(t->warmup_steps * (double)total);
}

/* A cosine from 1 to 0 over a half cycle; `progress` of the way. */
static double cosine_of(double cycles, double progress) {
    double sine, cosine;
    sw_sincos64(PI * cycles * 2 * progress, &sine, &cosine);
    return most(0, 0.5 * (1 + cosine));
}

static double raised(double factor, double least) {
    return most(0, factor * (1 - least) + least);
}

static double decayed(sw_decay type, double progress) {
    switch (type) {
    case SW_DECAY_LINEAR:
        return 1 - progress;
    case SW_DECAY_1_SQRT:
        return 1 - __builtin_sqrt(progress);
    case SW_DECAY_COSINE:
        break;
    }
    return cosine_of(0.5, progress);
}

/* The decay may begin before the warmup ends, or before the first step: NUM-062. */
static double stable_then_decay(const sw_training *t, double s, double warmup, double all) {
    const sw_schedule_settings *k = &t->scheduler;
    double decay = (double)k->num_decay_steps, begin = all - decay;
    if (s < warmup) return raised(s / most(1, warmup), k->min_lr_ratio);
    if (s < begin) return 1;
    if (s >= begin + decay) return k->min_lr_ratio;
    return raised(decayed(k->decay_type, (s - begin) / most(1, decay)), k->min_lr_ratio);
}

static double polynomial(const sw_training *t, double s, double warmup, double all) {
    double end = t->scheduler.lr_end, peak = t->learning_rate;
    double left = 1 - (s - warmup) / (all - warmup);
    if (s >= all || left <= 0) return end / peak;
    return ((peak - end) * sw_exp64(t->scheduler.power * sw_log64(left)) + end) / peak;
}

static double inverse_sqrt(const sw_training *t, double s, double warmup) {
    double scale = (double)t->scheduler.timescale;
    if (scale == 0) scale = warmup > 0 ? warmup : 10000;
    return 1 / __builtin_sqrt((s + scale - warmup) / scale);
}

/* Behind the warmup. */
static double factor_of(const sw_training *t, double s, double warmup, double all) {
    double progress = (s - warmup) / most(1, all - warmup), cycles = t->scheduler.num_cycles;
    switch (t->lr_scheduler_type) {
    case SW_SCHEDULE_LINEAR:
        return most(0, (all - s) / most(1, all - warmup));
    case SW_SCHEDULE_COSINE:
        return cosine_of(cycles == 0 ? 0.5 : cycles, progress);
    case SW_SCHEDULE_COSINE_WITH_MIN_LR:
        return raised(cosine_of(cycles == 0 ? 0.5 : cycles, progress), t->scheduler.min_lr_rate);
    case SW_SCHEDULE_COSINE_WITH_RESTARTS:
        if (progress >= 1) return 0;
        progress *= cycles == 0 ? 1 : cycles;
        return cosine_of(0.5, progress - __builtin_floor(progress));
    case SW_SCHEDULE_POLYNOMIAL:
        return polynomial(t, s, warmup, all);
    case SW_SCHEDULE_INVERSE_SQRT:
        return inverse_sqrt(t, s, warmup);
    case SW_SCHEDULE_WARMUP_STABLE_DECAY:
    case SW_SCHEDULE_CONSTANT:
    case SW_SCHEDULE_CONSTANT_WITH_WARMUP:
        break;
    }
    return 1;
}

double sw_schedule_rate(const sw_training *t, uint64_t done, uint64_t total) {
    double warmup = (double)warmup_steps(t, total), s = (double)done, all = (double)total;
    if (t->lr_scheduler_type == SW_SCHEDULE_CONSTANT) return t->learning_rate;
    if (t->lr_scheduler_type == SW_SCHEDULE_WARMUP_STABLE_DECAY)
        return t->learning_rate * stable_then_decay(t, s, warmup, all);
    if (s < warmup) return t->learning_rate * (s / most(1, warmup));
    return t->learning_rate * factor_of(t, s, warmup, all);
}
