/* SPDX-License-Identifier: Apache-2.0
 *
 * Training settings: TRL's and PEFT's defaults, the count of steps, and the wire form.
 * docs/formats/recipe.md, RCP-030 to RCP-045, RCP-080.
 */
#include "cmocka_plain.h"
#include "recipe/training.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* SFTConfig of TRL 1.10 over TrainingArguments of transformers 5, LoraConfig of PEFT 0.2x. */
static void test_defaults(void **state) {
    (void)state;
    sw_training t;
    sw_training_defaults(&t);
    assert_true(t.learning_rate == 2e-5);
    assert_true(t.num_train_epochs == 3.0);
    assert_true(t.adam_beta1 == 0.9 && t.adam_beta2 == 0.999 && t.adam_epsilon == 1e-8);
    assert_true(t.weight_decay == 0.0 && t.max_grad_norm == 1.0 && t.warmup_steps == 0.0);
    assert_int_equal(t.per_device_train_batch_size, 8);
    assert_int_equal(t.gradient_accumulation_steps, 1);
    assert_int_equal(t.max_length, 1024);
    assert_int_equal(t.max_steps, 0);
    assert_int_equal(t.seed, 42);
    assert_int_equal(t.lr_scheduler_type, SW_SCHEDULE_LINEAR);
    assert_true(t.completion_only_loss);
    assert_int_equal(t.lora.r, 8);
    assert_true(t.lora.lora_alpha == 8.0 && t.lora.lora_dropout == 0.0);
    assert_false(t.lora.use_rslora || t.lora.use_dora || t.packing || t.assistant_only_loss);
    assert_int_equal(t.packing_strategy, SW_PACKING_BFD);
    assert_int_equal(t.optim, SW_OPTIMISER_ADAMW);
    assert_int_equal(t.lora.save_count + t.lora.rank_pattern.count + t.lora.alpha_pattern.count, 0);
    assert_int_equal(t.lora.target_count, 2);
    assert_string_equal(t.lora.targets[0], "q_proj");
    assert_string_equal(t.lora.targets[1], "v_proj");
    assert_int_equal(sw_training_check(&t, NULL), SW_OK);
}

/* Every member that the engine reads stands in the table once. */
static void test_table(void **state) {
    (void)state;
    size_t count;
    const sw_setting *all = sw_training_settings(&count);
    for (size_t i = 0; i < count; i++) {
        sw_training t = {0};
        assert_true(all[i].offset < sizeof t);
        for (size_t k = 0; k < i; k++) {
            assert_string_not_equal(all[i].name, all[k].name);
            assert_int_not_equal(all[i].offset, all[k].offset);
        }
        sw_setting_store_integer(&t, &all[i], 1);
        sw_setting_store_number(&t, &all[i], 1.5);
        bool number = all[i].type == SW_SETTING_NUMBER;
        assert_int_equal(sw_setting_integer(&t, &all[i]), number ? 0 : 1);
        assert_true(sw_setting_number(&t, &all[i]) == (number ? 1.5 : 0));
    }
    assert_int_equal(count, 38);
}

/* TrainingArguments.set_initial_training_values: ceil(len(dataloader) / accumulation) updates an
 * epoch, ceil(epochs * updates) in all. */
static void test_steps(void **state) {
    static const struct {
        uint64_t rows;
        uint32_t batch, window;
        double epochs;
        uint64_t max_steps, steps;
    } cases[] = {
        {1000, 4, 1, 2, 0, 500}, {1000, 4, 3, 1, 0, 84},   {1000, 7, 1, 1, 0, 143},
        {1, 8, 4, 3, 0, 3},      {1000, 8, 1, 0.5, 0, 63}, {1000, 8, 1, 1.01, 0, 127},
        {1000, 8, 1, 3, 17, 17}, {0, 8, 1, 3, 0, 0},       {3, 1, 2, 3, 0, 6},
        {100, 8, 4, 1, 0, 4},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        sw_training t;
        sw_training_defaults(&t);
        t.per_device_train_batch_size = cases[i].batch;
        t.gradient_accumulation_steps = cases[i].window;
        t.num_train_epochs = cases[i].epochs;
        t.max_steps = cases[i].max_steps;
        assert_int_equal(sw_training_steps(&t, cases[i].rows), cases[i].steps);
    }
}

/* RCP-041 */
static void test_step_bounds(void **state) {
    static const struct {
        bool packing;
        sw_packing strategy;
        uint64_t max_steps, least, most;
    } cases[] = {
        {false, SW_PACKING_BFD, 0, 100, 100},     {true, SW_PACKING_BFD, 0, 41, 100},
        {true, SW_PACKING_BFD_SPLIT, 0, 41, 140}, {true, SW_PACKING_WRAPPED, 0, 41, 140},
        {true, SW_PACKING_WRAPPED, 9, 9, 9},      {false, SW_PACKING_BFD, 9, 9, 9},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        sw_training t;
        uint64_t least, most;
        sw_training_defaults(&t);
        t.per_device_train_batch_size = 1;
        t.num_train_epochs = 1;
        t.packing = cases[i].packing;
        t.packing_strategy = cases[i].strategy;
        t.max_steps = cases[i].max_steps;
        sw_training_step_bounds(&t, 100, 40 * 1024 + 1, &least, &most);
        assert_int_equal(least, cases[i].least);
        assert_int_equal(most, cases[i].most);
    }
}

static void encode(const sw_training *t, sw_buffer *out) {
    out->size = 0;
    assert_int_equal(sw_training_encode(t, out, NULL), SW_OK);
}

static void test_wire(void **state) {
    (void)state;
    sw_training t, back;
    SW_SCOPED(sw_buffer) wire = SW_BUFFER(4096);
    SW_SCOPED(sw_buffer) again = SW_BUFFER(4096);
    sw_training_defaults(&t);
    t.seed = 7;
    t.learning_rate = 0x1.fffffffffffffp-7;
    t.chat = SW_CHAT_MODEL;
    t.template_date = 20260228;
    t.profile = SW_PROFILE_FP32_REF;
    t.completion_only_loss = false;
    t.lr_scheduler_type = SW_SCHEDULE_WARMUP_STABLE_DECAY;
    t.scheduler.num_decay_steps = 9;
    t.scheduler.decay_type = SW_DECAY_1_SQRT;
    t.scheduler.min_lr_ratio = 0.25;
    t.lora.target_count = 16;
    for (size_t i = 0; i < 16; i++) {
        memset(t.lora.targets[i], 'a' + (int)i, 31);
        t.lora.targets[i][31] = 0;
    }
    t.lora.save_count = 1;
    strcpy(t.lora.save[0], "lm_head");
    t.lora.rank_pattern = (sw_lora_patterns){.count = 1, .at = {{"q_proj", 4}}};
    t.lora.alpha_pattern = (sw_lora_patterns){.count = 2, .at = {{"q_proj", 0.5}, {"o_proj", 32}}};
    encode(&t, &wire);
    assert_int_equal(wire.size, 8 + 38 * 8 + 8 + 16 * 32 + 8 + 4 * 32 + 2 * (8 + 16 * 40));
    assert_int_equal(sw_training_parse(sw_buffer_bytes(&wire), &back, NULL), SW_OK);
    encode(&back, &again);
    assert_true(sw_bytes_equal(sw_buffer_bytes(&wire), sw_buffer_bytes(&again)));
    assert_true(back.learning_rate == t.learning_rate && back.seed == 7);
    assert_true(back.chat == SW_CHAT_MODEL && back.template_date == 20260228);
    assert_string_equal(back.lora.targets[15], t.lora.targets[15]);
    assert_string_equal(back.lora.save[0], "lm_head");
    assert_string_equal(back.lora.alpha_pattern.at[1].module, "o_proj");
    assert_true(back.lora.alpha_pattern.at[1].value == 32);
    /* Cut, extended; and a flip gives the same bytes back or nothing. */
    for (size_t i = 0; i < wire.size; i++) {
        assert_int_not_equal(sw_training_parse(SW_BYTES(wire.data, i), &back, NULL), SW_OK);
        for (int bit = 0; bit < 8; bit++) {
            wire.data[i] ^= (uint8_t)(1 << bit);
            if (sw_training_parse(sw_buffer_bytes(&wire), &back, NULL) == SW_OK) {
                encode(&back, &again);
                assert_true(sw_bytes_equal(sw_buffer_bytes(&wire), sw_buffer_bytes(&again)));
            }
            wire.data[i] ^= (uint8_t)(1 << bit);
        }
    }
    sw_put_u8(&wire, 0);
    assert_int_not_equal(sw_training_parse(sw_buffer_bytes(&wire), &back, NULL), SW_OK);
}

/* Every setting out of its range, both ways, through check, encode and the wire. */
static void test_ranges(void **state) {
    (void)state;
    size_t count;
    const sw_setting *all = sw_training_settings(&count);
    for (size_t i = 0; i < count; i++) {
        const sw_setting *s = &all[i];
        const double bad[] = {NAN, INFINITY, -INFINITY, -1, s->high * 1.0001 + 1};
        sw_training t, back;
        SW_SCOPED(sw_buffer) wire = SW_BUFFER(4096);
        sw_error err = {0};
        sw_training_defaults(&t);
        for (size_t k = 0; s->type == SW_SETTING_NUMBER && k < COUNT(bad); k++) {
            sw_setting_store_number(&t, s, bad[k]);
            assert_int_equal(sw_training_check(&t, &err), SW_REFUSED);
            assert_non_null(strstr(err.message, s->name));
            assert_int_equal(sw_training_encode(&t, &wire, &err), SW_REFUSED);
        }
        sw_training_defaults(&t);
        sw_setting_store_integer(&t, s, UINT64_MAX);
        bool bounded = s->type != SW_SETTING_NUMBER && s->type != SW_SETTING_FLAG;
        assert_int_equal(sw_training_check(&t, &err), bounded ? SW_REFUSED : SW_OK);
        sw_training_defaults(&t);
        assert_int_equal(sw_training_encode(&t, &wire, &err), SW_OK);
        memset(wire.data + 8 + 8 * i, 0xff, 8);
        assert_int_not_equal(sw_training_parse(sw_buffer_bytes(&wire), &back, &err), SW_OK);
    }
}

static void test_rules_between(void **state) {
    (void)state;
    sw_training t;
    sw_training_defaults(&t);
    t.warmup_steps = 10;
    assert_int_equal(sw_training_check(&t, NULL), SW_OK);
    t.warmup_steps = 10.5;
    assert_int_equal(sw_training_check(&t, NULL), SW_REFUSED);
    static const char *const bad[] = {"", ".q", "q.", "q proj", "q*", "v_proj"};
    for (size_t i = 0; i < COUNT(bad); i++) {
        sw_training_defaults(&t);
        strcpy(t.lora.targets[0], bad[i]);
        assert_int_equal(sw_training_check(&t, NULL), SW_REFUSED);
    }
    sw_training_defaults(&t);
    memset(t.lora.targets[0], 'q', 32);
    assert_int_equal(sw_training_check(&t, NULL), SW_REFUSED);
    sw_training_defaults(&t);
    t.lora.target_count = 0;
    assert_int_equal(sw_training_check(&t, NULL), SW_REFUSED);
    t.lora.target_count = 17;
    assert_int_equal(sw_training_check(&t, NULL), SW_REFUSED);
}

static void test_lists(void **state) {
    (void)state;
    static const struct {
        sw_lora_pattern rank, alpha;
        const char *save[2];
        const char *setting; /* NULL: accepted */
    } cases[] = {
        {{"q_proj", 1024}, {"mlp.up_proj", 0.5}, {"lm_head", "embed_tokens"}, NULL},
        {{"q_proj", 0}, {"v_proj", 1}, {"embed_tokens", "lm_head"}, "rank_pattern"},
        {{"q_proj", 1.5}, {"v_proj", 1}, {"embed_tokens", "lm_head"}, "rank_pattern"},
        {{"q_proj", 1025}, {"v_proj", 1}, {"embed_tokens", "lm_head"}, "rank_pattern"},
        {{"q_proj", NAN}, {"v_proj", 1}, {"embed_tokens", "lm_head"}, "rank_pattern"},
        {{"", 1}, {"v_proj", 1}, {"embed_tokens", "lm_head"}, "rank_pattern"},
        {{"q_proj", 1}, {"v_proj", 0}, {"embed_tokens", "lm_head"}, "alpha_pattern"},
        {{"q_proj", 1}, {"v_proj", 65537}, {"embed_tokens", "lm_head"}, "alpha_pattern"},
        {{"q_proj", 1}, {"v_proj", 1}, {"lm_head", "lm_head"}, "modules_to_save"},
        {{"q_proj", 1}, {"v_proj", 1}, {"lm_head", "b."}, "modules_to_save"},
        {{"q_proj", 1}, {"v_proj", 1}, {"lm_head", "q_proj"}, "modules_to_save"},
        {{"q_proj", 1}, {"v_proj", 1}, {"embed_tokens", "model.embed_tokens"}, "modules_to_save"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        sw_training t;
        sw_error err = {0};
        const char *setting = NULL;
        sw_training_defaults(&t);
        t.lora.rank_pattern = (sw_lora_patterns){.count = 1, .at = {cases[i].rank}};
        t.lora.alpha_pattern = (sw_lora_patterns){.count = 1, .at = {cases[i].alpha}};
        t.lora.save_count = 2;
        for (size_t k = 0; k < 2; k++) strcpy(t.lora.save[k], cases[i].save[k]);
        bool good = cases[i].setting == NULL;
        assert_int_equal(sw_training_judge(&t, &setting, &err), good ? SW_OK : SW_REFUSED);
        if (!good) assert_string_equal(setting, cases[i].setting);
    }
}

/* What says nothing, or nothing sensible, beside something else. */
static void test_beside(void **state) {
    (void)state;
    sw_training t;
    sw_training_defaults(&t);
    t.packing_strategy = SW_PACKING_WRAPPED;
    assert_int_equal(sw_training_check(&t, NULL), SW_REFUSED);
    t.packing = true;
    assert_int_equal(sw_training_check(&t, NULL), SW_OK);
    t.phase = SW_PHASE_CPT;
    assert_int_equal(sw_training_check(&t, NULL), SW_REFUSED);
    t.chat = SW_CHAT_NONE;
    assert_int_equal(sw_training_check(&t, NULL), SW_OK);
    t.assistant_only_loss = true;
    assert_int_equal(sw_training_check(&t, NULL), SW_REFUSED);
    sw_training_defaults(&t);
    t.assistant_only_loss = t.lora.use_dora = true;
    assert_int_equal(sw_training_check(&t, NULL), SW_OK);
    t.method = SW_METHOD_QLORA;
    assert_int_equal(sw_training_check(&t, NULL), SW_REFUSED);
}

/* A day, and only where something reads it. */
static void test_template_date(void **state) {
    (void)state;
    static const struct {
        uint32_t date;
        sw_chat chat;
        const char *says; /* NULL: accepted */
    } cases[] = {
        {0, SW_CHAT_MODEL, NULL},
        {20261128, SW_CHAT_MODEL, NULL},
        {20240229, SW_CHAT_MODEL, NULL},
        {20230229, SW_CHAT_MODEL, "must be a day"},
        {20261301, SW_CHAT_MODEL, "must be a day"},
        {20261100, SW_CHAT_MODEL, "must be a day"},
        {9991231, SW_CHAT_MODEL, "must be a day"},
        {100000101, SW_CHAT_MODEL, "must be a day"},
        {1, SW_CHAT_MODEL, "must be a day"},
        {20261128, SW_CHAT_NONE, "not read by the template none"},
        {20261128, SW_CHAT_CHATML, "not read by the template chatml"},
        {20261128, SW_CHAT_CHATML_SMOLLM2, "not read by the template chatml-smollm2"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        sw_training t;
        sw_error err = {0};
        const char *setting = NULL;
        sw_training_defaults(&t);
        t.chat = cases[i].chat;
        t.template_date = cases[i].date;
        sw_status status = sw_training_judge(&t, &setting, &err);
        assert_int_equal(status, cases[i].says ? SW_REFUSED : SW_OK);
        if (!cases[i].says) continue;
        assert_string_equal(setting, "template_date");
        assert_non_null(strstr(err.message, cases[i].says));
    }
}

/* Python's re.match(rf"(.*\\.)?({pattern})$", MODULE), as PEFT asks it; and a plain end at a dot.
 */
#define MODULE "model.layers.11.self_attn.q_proj"
static void test_names(void **state) {
    (void)state;
    static const struct {
        const char *name;
        bool pattern, end;
    } cases[] = {{"q_proj", true, true},
                 {"self_attn.q_proj", true, true},
                 {"11.self_attn.q_proj", true, true},
                 {MODULE, true, true},
                 {"q.proj", true, false},
                 {"self.attn.q_proj", true, false},
                 {"layers.1..self_attn.q_proj", true, false},
                 {"1.self_attn.q_proj", false, false},
                 {"layers.1.self_attn.q_proj", false, false},
                 {"proj", false, false},
                 {"layers.11", false, false},
                 {"a.model.layers.11.self_attn.q_proj", false, false},
                 {"", false, false}};
    for (size_t i = 0; i < COUNT(cases); i++) {
        sw_lora_patterns p = {.count = 1};
        snprintf(p.at[0].module, sizeof p.at[0].module, "%s", cases[i].name);
        bool cut = strlen(cases[i].name) >= sizeof p.at[0].module; /* longer than any setting */
        assert_int_equal(sw_lora_names(cases[i].name, MODULE), cases[i].end);
        if (!cut) assert_int_equal(sw_lora_pattern_index(&p, MODULE) == 0, cases[i].pattern);
    }
}

static void test_patterns(void **state) {
    (void)state;
    sw_lora_settings lora = {.r = 8, .lora_alpha = 16};
    lora.rank_pattern = (sw_lora_patterns){2, {{"self_attn.q_proj", 4}, {"q_proj", 2}}};
    lora.alpha_pattern = (sw_lora_patterns){2, {{"v_proj", 5}, {"layers.11.self_attn.q_proj", 6}}};
    assert_int_equal(sw_lora_rank(&lora, MODULE), 4);
    assert_int_equal(sw_lora_rank(&lora, "q_proj"), 2);
    assert_int_equal(sw_lora_rank(&lora, "k_proj"), 8);
    assert_true(sw_lora_scale(&lora, MODULE) == 1.5);
    assert_true(sw_lora_scale(&lora, "a.v_proj") == 0.625);
    assert_true(sw_lora_scale(&lora, "k_proj") == 2);
    lora.use_rslora = true;
    assert_true(sw_lora_scale(&lora, MODULE) == 3);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_defaults),      cmocka_unit_test(test_table),
        cmocka_unit_test(test_template_date), cmocka_unit_test(test_steps),
        cmocka_unit_test(test_step_bounds),   cmocka_unit_test(test_wire),
        cmocka_unit_test(test_ranges),        cmocka_unit_test(test_rules_between),
        cmocka_unit_test(test_lists),         cmocka_unit_test(test_beside),
        cmocka_unit_test(test_names),         cmocka_unit_test(test_patterns),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
