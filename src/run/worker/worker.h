/* SPDX-License-Identifier: Apache-2.0
 *
 * The worker: a program of its own that holds rows, never a key. Descriptors and frames:
 * run/wire.h, docs/formats/worker.md.
 */
#ifndef SW_RUN_WORKER_H
#define SW_RUN_WORKER_H
#include "run/wire.h"
#include "train/train.h"

typedef struct sw_worker {
    sw_arena arena;
    sw_wire_job job;
    sw_training settings;
    sw_bytes model_map, rows_map, resume_map;
    sw_model_file files[SW_WIRE_FILE_LIMIT];
    sw_failure failure; /* what FAILED will say when a step below fails */
} sw_worker;

/* Maps `size` bytes of a descriptor, read-only. */
SW_NODISCARD sw_status sw_worker_map(int fd, uint64_t size, sw_bytes *out, sw_error *err);
/* The base model's file of that name, or an empty view. */
sw_bytes sw_worker_file(const sw_worker *w, const char *name);
SW_NODISCARD sw_status sw_worker_train(sw_worker *w, sw_error *err);
SW_NODISCARD sw_status sw_worker_decode(sw_worker *w, sw_error *err);
#endif
