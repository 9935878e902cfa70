/* SPDX-License-Identifier: Apache-2.0
 *
 * What a finished run hands out.
 */
#ifndef SW_TRAIN_OUTPUT_H
#define SW_TRAIN_OUTPUT_H
#include "train/engine.h"

SW_NODISCARD sw_status sw_train_output(sw_arena *arena, const sw_engine *e, const sw_train_job *job,
                                       const sw_train_host *host, sw_error *err);
#endif
