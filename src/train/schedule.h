/* SPDX-License-Identifier: Apache-2.0
 *
 * Learning-rate schedules.
 */
#ifndef SW_TRAIN_SCHEDULE_H
#define SW_TRAIN_SCHEDULE_H
#include "recipe/training.h"

/* The rate of the step that follows `done` completed ones. */
double sw_schedule_rate(const sw_training *t, uint64_t done, uint64_t total);
#endif
