/* SPDX-License-Identifier: Apache-2.0
 *
 * A pipeline over a stream of frames.
 *
 * The idea: every lane does the whole of a frame (take, work, give) in a buffer that stays in its
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
    sw_frame frames[SW_PIPELINE_LANES];
} run_state;

/* Remembers how far the buffer was used: wiping the rest would only touch fresh pages. */
static void note_use(const run_state *r, sw_frame *frame, sw_status status) {
    size_t end = status != SW_OK
                     ? r->plan->buffer_bytes
                     : (size_t)(frame->data - frame->buffer) + frame->size + SW_PIPELINE_SLACK;
    if (end > r->plan->buffer_bytes) end = r->plan->buffer_bytes;
    if (end > frame->touched) frame->touched = end;
}

/* False when there is nothing to take. */
static bool take(run_state *r, sw_frame *frame, sw_status *status, sw_error *err) {
    (void)pthread_mutex_lock(&r->source);
    bool taking = !r->ended;
    if (taking) {
        frame->index = r->next++;
        frame->last = false;
        *status = r->plan->take(r->plan->context, frame, err);
        note_use(r, frame, *status);
        r->ended = *status != SW_OK || frame->last;
    }
    (void)pthread_mutex_unlock(&r->source);
    return taking;
}

/* Waits for the frame's turn, hands it on and passes the turn. False when the run has failed. */
static bool give(run_state *r, sw_frame *frame, sw_status status, sw_error *err) {
    (void)pthread_mutex_lock(&r->sink);
    while (r->turn != frame->index) (void)pthread_cond_wait(&r->moved, &r->sink);
    if (r->status == SW_OK) {
        if (status == SW_OK) status = r->plan->give(r->plan->context, frame, err);
        r->status = status;
        if (status != SW_OK) r->error = *err;
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
    sw_frame *frame = &r->frames[index];
    sw_error err = {0};
    sw_status status = SW_OK;
    (void)lane;
    while (take(r, frame, &status, &err)) {
        if (status == SW_OK) status = r->plan->work(r->plan->context, frame, index, &err);
        if (!give(r, frame, status, &err)) stop(r);
    }
}

static bool make_buffers(run_state *r) {
    size_t bytes = (r->plan->buffer_bytes + 63) / 64 * 64;
    for (size_t i = 0; i < r->plan->lanes; i++) {
        r->frames[i].buffer = aligned_alloc(64, bytes);
        if (r->frames[i].buffer == NULL) return false;
    }
    return true;
}

static void drop_buffers(run_state *r) {
    for (size_t i = 0; i < r->plan->lanes; i++) {
        if (r->frames[i].buffer != NULL) sw_wipe(r->frames[i].buffer, r->frames[i].touched);
        free(r->frames[i].buffer);
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
