/* SPDX-License-Identifier: Apache-2.0
 *
 * A pipeline over a stream of frames: taken in order, worked on by several lanes at once, given in
 * order. What is given never depends on the number of lanes.
 * A lane takes up to `together` frames before it works on them, for work that is cheaper on
 * several.
 */
#ifndef SW_SYS_PIPELINE_H
#define SW_SYS_PIPELINE_H
#include "sys/pool.h"

/* One lane's buffer and what is in it. The stages may keep what they need in `note`. */
typedef struct sw_frame {
    uint64_t index;         /* from 0 */
    uint8_t *buffer, *data; /* buffer: the lane's own; data: where the content begins, inside it */
    size_t size;            /* of the content */
    bool last;              /* set by take: nothing follows */
    size_t touched;         /* the pipeline's own: bytes of the buffer that were ever used */
    sw_status status;       /* SW_OK when work gets it; work's verdict, of this frame alone */
    sw_error error;
    uint8_t note[64];
} sw_frame;

typedef struct sw_pipeline {
    size_t lanes;    /* 1 to SW_PIPELINE_LANES */
    size_t together; /* 1 to SW_PIPELINE_TOGETHER */
    /* Of each of a lane's buffers; 64-byte aligned, wiped in the end as far as used. */
    size_t buffer_bytes;
    /* One at a time, in order. Sets data, size and last; leaves at most SW_PIPELINE_SLACK bytes
     * behind the content's end. */
    sw_status (*take)(void *context, sw_frame *frame, sw_error *err);
    /* Several at once, each with 1 to `together` frames that follow each other; `lane` < lanes is
     * this thread's alone for the time of the call. */
    void (*work)(void *context, sw_frame *frames, size_t count, size_t lane);
    /* One at a time, in order. */
    sw_status (*give)(void *context, sw_frame *frame, sw_error *err);
    void *context;
} sw_pipeline;
#define SW_PIPELINE_LANES    8
#define SW_PIPELINE_TOGETHER 2
#define SW_PIPELINE_SLACK    256

/* Runs until the last frame is given. The first failure in order of frames ends it and is what is
 * returned; no frame behind it is given. */
SW_NODISCARD sw_status sw_pipeline_run(const sw_pipeline *plan, sw_error *err);
#endif
