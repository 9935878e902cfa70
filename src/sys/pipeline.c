/* SPDX-License-Identifier: Apache-2.0
 *
 * A pipeline over a stream of frames.
 *
 * The idea: every lane does the whole of its frames (take, work, give) in buffers that stay in its
 * processor's cache, under one lock for the source and one for the sink; the sink's lock is passed
 * on in order of frames. So reading, working and writing overlap without any queue.
 * Invariant: exactly one lane holds frame `turn`, and only it advances `turn`.
 */
#include "sys/pipeline.h"

#include <pthread.h>
#include <stdlib.h>

typedef struct run_state {
    const sw_pipeline *plan;
    pthread_mutex_t source, sink;
    pthread_cond_t moved;
    uint64_t next; /* under source */
    bool ended;    /* under source: no frame may be taken any more */
    uint64_t turn; /* under sink */
    sw_status status;
    sw_error error; /* of the first failure, under sink */
    sw_frame frames[SW_PIPELINE_LANES][SW_PIPELINE_TOGETHER];
} run_state;

/* Remembers how far the buffer was used: wiping the rest would only touch fresh pages. */
static void note_use(const run_state *r, sw_frame *frame) {
    size_t end = frame->status != SW_OK
                     ? r->plan->buffer_bytes
                     : (size_t)(frame->data - frame->buffer) + frame->size + SW_PIPELINE_SLACK;
    if (end > r->plan->buffer_bytes) end = r->plan->buffer_bytes;
    if (end > frame->touched) frame->touched = end;
}

/* How many frames the lane holds now, the last of which may have failed; none when all is taken. */
static size_t take(run_state *r, sw_frame *frames) {
    size_t count = 0;
    (void)pthread_mutex_lock(&r->source);
    while (!r->ended && count < r->plan->together) {
        sw_frame *f = &frames[count++];
        f->index = r->next++;
        f->last = false;
        f->status = r->plan->take(r->plan->context, f, &f->error);
        note_use(r, f);
        r->ended = f->status != SW_OK || f->last;
    }
    (void)pthread_mutex_unlock(&r->source);
    return count;
}

/* Waits for the frame's turn, hands it on and passes the turn. False when the run has failed. */
static bool give(run_state *r, sw_frame *frame) {
    (void)pthread_mutex_lock(&r->sink);
    while (r->turn != frame->index) (void)pthread_cond_wait(&r->moved, &r->sink);
    if (r->status == SW_OK) {
        if (frame->status == SW_OK)
            frame->status = r->plan->give(r->plan->context, frame, &frame->error);
        r->status = frame->status;
        if (r->status != SW_OK) r->error = frame->error;
    }
    bool good = r->status == SW_OK;
    r->turn++;
    (void)pthread_cond_broadcast(&r->moved);
    (void)pthread_mutex_unlock(&r->sink);
    return good;
}

static void stop(run_state *r) {
    (void)pthread_mutex_lock(&r->source);
    r->ended = true;
    (void)pthread_mutex_unlock(&r->source);
}

static void run_lane(void *context, size_t index, size_t lane) {
    run_state *r = context;
    sw_frame *frames = r->frames[index];
    size_t count;
    (void)lane;
    while ((count = take(r, frames)) > 0) {
        size_t whole = frames[count - 1].status == SW_OK ? count : count - 1;
        if (whole > 0) r->plan->work(r->plan->context, frames, whole, index);
        for (size_t i = 0; i < count; i++)
            if (!give(r, &frames[i])) stop(r);
    }
}

static bool make_buffers(run_state *r) {
    size_t bytes = (r->plan->buffer_bytes + 63) / 64 * 64;
    for (size_t i = 0; i < r->plan->lanes * r->plan->together; i++) {
        sw_frame *f = &r->frames[i / r->plan->together][i % r->plan->together];
        f->buffer = aligned_alloc(64, bytes);
        if (f->buffer == NULL) return false;
    }
    return true;
}

static void drop_buffers(run_state *r) {
    for (size_t i = 0; i < r->plan->lanes * r->plan->together; i++) {
        sw_frame *f = &r->frames[i / r->plan->together][i % r->plan->together];
        if (f->buffer != NULL) sw_wipe(f->buffer, f->touched);
        free(f->buffer);
    }
}

static sw_status run(run_state *r, sw_error *err) {
    sw_pool *pool;
    SW_TRY(sw_pool_open(r->plan->lanes, &pool, err));
    (void)pthread_mutex_init(&r->source, NULL);
    (void)pthread_mutex_init(&r->sink, NULL);
    (void)pthread_cond_init(&r->moved, NULL);
    sw_pool_run(pool, r->plan->lanes, run_lane, r);
    sw_pool_close(&pool);
    (void)pthread_cond_destroy(&r->moved);
    (void)pthread_mutex_destroy(&r->sink);
    (void)pthread_mutex_destroy(&r->source);
    if (r->status != SW_OK && err != NULL) *err = r->error;
    return r->status;
}

sw_status sw_pipeline_run(const sw_pipeline *plan, sw_error *err) {
    if (plan->lanes < 1 || plan->lanes > SW_PIPELINE_LANES)
        return sw_fail(err, SW_USAGE, "usage", "a pipeline has 1 to %d lanes, not %zu",
                       SW_PIPELINE_LANES, plan->lanes);
    if (plan->together < 1 || plan->together > SW_PIPELINE_TOGETHER)
        return sw_fail(err, SW_USAGE, "usage", "a lane takes 1 to %d frames together, not %zu",
                       SW_PIPELINE_TOGETHER, plan->together);
    run_state *r = calloc(1, sizeof *r);
    if (r == NULL) return sw_fail(err, SW_MEMORY, "memory", "no memory for a pipeline");
    r->plan = plan;
    sw_status status = make_buffers(r)
                           ? run(r, err)
                           : sw_fail(err, SW_MEMORY, "memory", "no memory for a pipeline");
    drop_buffers(r);
    free(r);
    return status;
}
