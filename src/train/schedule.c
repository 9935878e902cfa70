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

uint64_t sw_schedule_warmup(const sw_training *t, uint64_t total) {
    if (t->warmup_steps >= 1) return (uint64_t)t->warmup_steps;
    return (uint64_t)__builtin_ceil(t->warmup_steps * (double)total);
}

double sw_schedule_rate(const sw_training *t, uint64_t done, uint64_t total) {
    double warmup = (double)sw_schedule_warmup(t, total), s = (double)done, all = (double)total;
    if (t->lr_scheduler_type == SW_SCHEDULE_CONSTANT) return t->learning_rate;
    if (s < warmup) return t->learning_rate * (s / most(1, warmup));
    double left = most(1, all - warmup);
    switch (t->lr_scheduler_type) {
    case SW_SCHEDULE_LINEAR:
        return t->learning_rate * most(0, (all - s) / left);
    case SW_SCHEDULE_COSINE: {
        double sine, cosine;
        sw_sincos64(PI * ((s - warmup) / left), &sine, &cosine);
        return t->learning_rate * most(0, 0.5 * (1 + cosine));
    }
    case SW_SCHEDULE_CONSTANT:
    case SW_SCHEDULE_CONSTANT_WITH_WARMUP:
        break;
    }
    return t->learning_rate;
}
