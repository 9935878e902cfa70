/* SPDX-License-Identifier: Apache-2.0
 *
 * One run of each kind of settings, and whether two runs are the same one.
 */
#ifndef SW_TESTS_TRAIN_VARIANTS_H
#define SW_TESTS_TRAIN_VARIANTS_H
#include "support.h"

static inline sw_training variant(int which) {
    sw_training t = small_settings();
    if (which == 1) t.profile = SW_PROFILE_FP32_REF;
    if (which == 2) t.lora.lora_dropout = 0.1;
    if (which == 3) {
        t.method = SW_METHOD_FULL;
        t.learning_rate = 1e-3;
        t.weight_decay = 0.1;
    }
    if (which == 4) t.lora.r = 3; /* an odd rank */
    if (which == 5) {
        t.lora.rank_pattern = (sw_lora_patterns){1, {{"layers.0.self_attn.q_proj", 9}}};
        t.lora.alpha_pattern = (sw_lora_patterns){1, {{"v_proj", 20}}};
        t.lora.save_count = 2;
        strcpy(t.lora.save[0], "embed_tokens");
        strcpy(t.lora.save[1], "lm_head");
        t.learning_rate = 2e-3;
    }
    t.lora.use_dora = which == 6 || which == 7;
    if (which == 7) t.lora.lora_dropout = 0.1;
    if (which >= 8) t.profile = SW_PROFILE_BF16_AMX;
    if (which == 9) t.method = SW_METHOD_FULL;
    return t;
}
#define VARIANTS 10

static inline void run_once(const fixture *f, const sw_training *t, const sw_train_host *like,
                            memory *kept) {
    sw_train_job job = job_of(&f->model, t, &f->rows);
    sw_train_host host = host_of(kept);
    host.parallel = like->parallel;
    host.emulate_bf16 = like->emulate_bf16;
    host.recompute = like->recompute;
    run_job(&job, &host);
}

static inline void same_run(const memory *a, const memory *b) {
    assert_int_equal(a->steps, b->steps);
    assert_memory_equal(a->loss, b->loss, a->steps * sizeof *a->loss);
    assert_memory_equal(a->norm, b->norm, a->steps * sizeof *a->norm);
    same_bytes(&a->state, &b->state);
    same_bytes(&a->outputs, &b->outputs);
}
#endif
