/* SPDX-License-Identifier: Apache-2.0
 *
 * Goldens of tests/train/golden, each naming the versions that made it: read, and compared with.
 */
#ifndef SW_TESTS_TRAIN_GOLDEN_H
#define SW_TESTS_TRAIN_GOLDEN_H
#include "support.h"

static inline sw_json *golden(sw_arena *arena, sw_buffer *text, const char *name) {
    char path[128];
    sw_json *out;
    snprintf(path, sizeof path, "tests/train/golden/%s.json", name);
    assert_int_equal(sw_file_read(path, LIMIT, text, NULL), SW_OK);
    assert_int_equal(sw_json_parse(arena, sw_buffer_bytes(text), NULL, &out, NULL), SW_OK);
    return out;
}

static inline sw_training settings_of(const sw_json *s) {
    sw_training t = small_settings();
    const char *const targets[] = {"q_proj",    "k_proj",  "v_proj",   "o_proj",
                                   "gate_proj", "up_proj", "down_proj"};
    t.method =
        sw_bytes_is(sw_json_member(s, "method")->text, "full") ? SW_METHOD_FULL : SW_METHOD_LORA;
    t.profile = sw_bytes_is(sw_json_member(s, "profile")->text, "bf16-dp") ? SW_PROFILE_BF16_DP
                                                                           : SW_PROFILE_FP32_REF;
    t.lr_scheduler_type = sw_bytes_is(sw_json_member(s, "lr_scheduler_type")->text, "cosine")
                              ? SW_SCHEDULE_COSINE
                              : SW_SCHEDULE_LINEAR;
    t.learning_rate = sw_json_member(s, "learning_rate")->number;
    t.warmup_steps = sw_json_member(s, "warmup_steps")->number;
    t.weight_decay = sw_json_member(s, "weight_decay")->number;
    t.seed = (uint64_t)sw_json_member(s, "seed")->integer;
    t.max_steps = (uint64_t)sw_json_member(s, "max_steps")->integer;
    t.max_length = (uint32_t)sw_json_member(s, "max_length")->integer;
    t.per_device_train_batch_size =
        (uint32_t)sw_json_member(s, "per_device_train_batch_size")->integer;
    t.gradient_accumulation_steps =
        (uint32_t)sw_json_member(s, "gradient_accumulation_steps")->integer;
    if (t.method == SW_METHOD_LORA) {
        t.lora.r = (uint32_t)sw_json_member(s, "r")->integer;
        t.lora.lora_alpha = sw_json_member(s, "lora_alpha")->number;
        t.lora.target_count = 7;
        for (size_t i = 0; i < 7; i++) strcpy(t.lora.targets[i], targets[i]);
    }
    return t;
}

static inline void check_series(const char *what, const double *ours, size_t count,
                                const sw_json *theirs, double tolerance) {
    size_t i = 0;
    for (const sw_json *v = theirs->first; v; v = v->next, i++) {
        if (fabs(ours[i] - v->number) <= tolerance * v->number) continue;
        fail_msg("%s of step %zu is %.9g, TRL has %.9g", what, i + 1, ours[i], v->number);
    }
    assert_int_equal(i, count);
}

/* The miniature of one case of the golden. */
static inline void open_case(miniature *m, const sw_json *one) {
    char options[64] = "";
    for (const sw_json *v = sw_json_member(one, "options")->first; v; v = v->next) {
        size_t used = strlen(options);
        snprintf(options + used, sizeof options - used, "%.*s ", (int)v->text.size,
                 (const char *)v->text.data);
    }
    miniature_open(m, options);
}

/* Norm and first values of every tensor in the output, under TRL's names. */
static inline void check_tensors(sw_bytes file, const sw_json *theirs) {
    sw_arena arena = {0};
    sw_tensor_view *views;
    size_t count;
    assert_int_equal(sw_safetensors_parse(&arena, file, &views, &count, NULL), SW_OK);
    assert_int_equal(count, theirs->count);
    for (size_t i = 0; i < count; i++) {
        char name[160];
        snprintf(name, sizeof name, "%.*s", (int)views[i].name.size, views[i].name.data);
        const sw_json *expected = sw_json_member(theirs, name);
        assert_non_null(expected);
        size_t n = views[i].data.size / 4;
        double sum = 0;
        for (size_t j = 0; j < n; j++) {
            float v;
            memcpy(&v, views[i].data.data + 4 * j, 4);
            sum += (double)v * v;
        }
        assert_true(fabs(sqrt(sum) / expected->first->number - 1) < 1e-4);
        size_t j = 0;
        for (const sw_json *v = expected->first->next; v; v = v->next, j++) {
            float ours;
            memcpy(&ours, views[i].data.data + 4 * j, 4);
            assert_true(fabs(ours - v->number) < 1e-4);
        }
    }
    sw_arena_free(&arena);
}
#endif
