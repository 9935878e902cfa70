/* SPDX-License-Identifier: Apache-2.0
 *
 * An engine on one row, in f32 if not said otherwise, whose gradients a test looks at.
 */
#ifndef SW_TESTS_TRAIN_PROBE_H
#define SW_TESTS_TRAIN_PROBE_H
#include "support.h"
#include "train/engine.h"

typedef struct probe {
    sw_arena arena;
    sw_engine engine;
    void *mapping;
    size_t bytes;
} probe;

static inline void probe_open_as(probe *p, const miniature *m, const sw_training *t,
                                 const uint32_t *ids, size_t n, sw_profile profile, bool in_place) {
    sw_engine *e = &p->engine;
    sw_engine_plan plan = {.model = &m->model, .settings = t, .profile = profile};
    *p = (probe){0};
    assert_int_equal(sw_engine_build(&p->arena, &plan, e, NULL), SW_OK);
    e->capacity = (sw_capacity){.tokens = n,
                                .labels = n - 1,
                                .head_rows = n - 1,
                                .segments = 1,
                                .longest = n,
                                .positions = n,
                                .keys = n,
                                .backward = true,
                                .in_place = in_place};
    assert_int_equal(sw_engine_map(e, 1, &p->bytes, &p->mapping, NULL), SW_OK);
    sw_engine_init_trained(e, 0);
    sw_engine_load_frozen(e);
    sw_batch *b = &e->batch;
    b->tokens = n;
    b->segment_count = 1;
    b->segments[0] = (sw_segment){.query_count = n, .key_count = n};
    b->label_count = n - 1;
    for (size_t i = 0; i < n; i++) {
        b->ids[i] = ids[i];
        b->position[i] = (uint32_t)i;
        if (i + 1 == n) break;
        b->labelled[i] = (uint32_t)i;
        b->target[i] = ids[i + 1];
    }
}

static inline void probe_open(probe *p, const miniature *m, const sw_training *t,
                              const uint32_t *ids, size_t n) {
    probe_open_as(p, m, t, ids, n, SW_PROFILE_FP32_REF, false);
}

static inline void probe_close(probe *p) {
    sw_engine_unmap(p->mapping, p->bytes);
    sw_arena_free(&p->arena);
}

/* Mean loss with the parameters as they are now. */
static inline double loss_now(sw_engine *e, float scale) {
    sw_engine_load_trained(e);
    sw_engine_forward(e);
    return sw_engine_loss(e, scale) / (double)e->batch.label_count;
}

/* Central differences of the loss at some elements of the first row. */
static inline void check_differences(sw_engine *e, sw_parameter *p,
                                     double (*loss)(sw_engine *e, float scale)) {
    const float step = 0x1p-5f;
    for (size_t i = 0; i < p->columns; i += (p->columns + 3) / 4) {
        float kept = p->value[i];
        p->value[i] = kept + step;
        double above = loss(e, 0);
        p->value[i] = kept - step;
        double below = loss(e, 0);
        p->value[i] = kept;
        double expected = (above - below) / (2 * (double)step);
        if (fabs((double)p->grad[i] - expected) < 1e-4 + 0.01 * fabs(expected)) continue;
        fail_msg("%s: element %zu is %g, expected %g", p->name, i, (double)p->grad[i], expected);
    }
}
#endif
