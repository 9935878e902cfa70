/* SPDX-License-Identifier: Apache-2.0
 *
 * The rest of LoRA: patterns, saved modules and DoRA against TRL and PEFT (tests/train/golden/
 * adapters.json, written by tests/parity/adapters.py --golden) and against finite differences, and
 * what is refused.
 */
#include "golden.h"
#include "probe.h"

static void fill_patterns(sw_lora_patterns *p, const sw_json *map) {
    for (const sw_json *v = map ? map->first : NULL; v; v = v->next) {
        sw_lora_pattern *one = &p->at[p->count++];
        snprintf(one->module, sizeof one->module, "%.*s", (int)v->key.size,
                 (const char *)v->key.data);
        one->value = v->number;
    }
}

static sw_training settings_of_case(const sw_json *s) {
    sw_training t = settings_of(s);
    const sw_json *save = sw_json_member(s, "modules_to_save");
    const sw_json *drop = sw_json_member(s, "lora_dropout");
    fill_patterns(&t.lora.rank_pattern, sw_json_member(s, "rank_pattern"));
    fill_patterns(&t.lora.alpha_pattern, sw_json_member(s, "alpha_pattern"));
    for (const sw_json *v = save ? save->first : NULL; v; v = v->next) {
        snprintf(t.lora.save[t.lora.save_count++], SW_LORA_TARGET_BYTES, "%.*s", (int)v->text.size,
                 (const char *)v->text.data);
    }
    t.lora.use_dora = sw_json_member(s, "use_dora") != NULL;
    t.lora.use_rslora = sw_json_member(s, "use_rslora") != NULL;
    if (drop) t.lora.lora_dropout = drop->number;
    return t;
}

static void check_case(const sw_json *one) {
    sw_training t = settings_of_case(sw_json_member(one, "settings"));
    miniature m;
    sw_rows rows = {0};
    memory kept = memory_new(), wide = memory_new();
    open_case(&m, one);
    read_rows(&m, &t, "tests/parity/data/pairs.jsonl", &rows);
    sw_train_job job = job_of(&m, &t, &rows);
    sw_train_host host = host_of(&kept), other = host_of(&wide);
    run_job(&job, &host);
    assert_int_equal(kept.steps, 50);
    check_series("loss", kept.loss, kept.steps, sw_json_member(one, "loss"), 1e-5);
    check_series("norm", kept.norm, kept.steps, sw_json_member(one, "grad_norm"), 1e-4);
    check_tensors(sw_buffer_bytes(&kept.weights), sw_json_member(one, "tensors"));
    t.profile = SW_PROFILE_BF16_DP;
    run_job(&job, &other);
    check_series("bf16 loss", wide.loss, wide.steps, sw_json_member(one, "loss"), 1e-2);
    memory_drop(&kept);
    memory_drop(&wide);
    sw_rows_free(&rows);
    miniature_close(&m);
}

static void test_trl(void **state) {
    (void)state;
    sw_arena arena = {0};
    sw_buffer text = SW_BUFFER(LIMIT);
    const sw_json *cases = sw_json_member(golden(&arena, &text, "adapters"), "cases");
    assert_int_equal(cases->count, 7);
    for (const sw_json *one = cases->first; one; one = one->next) check_case(one);
    sw_buffer_free(&text);
    sw_arena_free(&arena);
}

/* ---- gradients ---- */

static float held[2 * SW_MODULE_COUNT][128]; /* norms of DoRA, which the backward pass holds */

static void hold_norms(sw_engine *e) {
    for (size_t at = 0; at < 2 * SW_MODULE_COUNT; at++) {
        const sw_linear *l = &e->layers[at / SW_MODULE_COUNT].linear[at % SW_MODULE_COUNT];
        if (l->dora) memcpy(held[at], l->norm, l->out * sizeof *held[at]);
    }
}

/* The loss as the backward pass takes it to be: the norms do not move. */
static double loss_held(sw_engine *e, float scale) {
    sw_engine_load_trained(e);
    for (size_t at = 0; at < 2 * SW_MODULE_COUNT; at++) {
        sw_linear *l = &e->layers[at / SW_MODULE_COUNT].linear[at % SW_MODULE_COUNT];
        for (size_t i = 0; l->dora && i < l->out; i++) {
            l->gain[i] = l->magnitude->value[i] / held[at][i];
        }
    }
    sw_engine_forward(e);
    return sw_engine_loss(e, scale) / (double)e->batch.label_count;
}

/* Away from where a run starts: B and the magnitudes are something. */
static void disturb(sw_engine *e) {
    uint32_t word = 7;
    for (size_t i = 0; i < e->parameter_count; i++) {
        sw_parameter *p = &e->parameters[i];
        if (!strstr(p->name, ".lora_")) continue;
        for (size_t k = 0; k < p->rows * p->columns; k++) {
            word = word * 1664525u + 1013904223u;
            p->value[k] += 0.25f * ((float)(word >> 8) * 0x1p-24f - 0.5f);
        }
    }
}

static void check_gradients(const char *options, const sw_training *t) {
    uint32_t ids[40];
    miniature m;
    probe p;
    for (size_t i = 0; i < 40; i++) ids[i] = (uint32_t)(7 * i * i + 3 * i + 5) % 317 + 3;
    miniature_open(&m, options);
    probe_open(&p, &m, t, ids, 40);
    sw_engine *e = &p.engine;
    disturb(e);
    loss_now(e, 0);
    hold_norms(e);
    loss_now(e, 1.0f / 39);
    sw_engine_backward(e);
    for (size_t i = 0; i < e->parameter_count; i++) {
        check_differences(e, &e->parameters[i], loss_held);
    }
    probe_close(&p);
    miniature_close(&m);
}

static void test_gradients(void **state) {
    (void)state;
    for (int which = 0; which < 5; which++) {
        sw_training t = small_settings();
        strcpy(t.lora.targets[t.lora.target_count++], "k_proj");
        strcpy(t.lora.targets[t.lora.target_count++], "up_proj");
        strcpy(t.lora.targets[t.lora.target_count++], "o_proj");
        t.profile = SW_PROFILE_FP32_REF;
        t.lora.use_dora = which >= 2;
        if (which >= 3) t.lora.lora_dropout = 0.3;
        if (which == 0) t.lora.rank_pattern = (sw_lora_patterns){1, {{"v_proj", 9}}};
        if (which == 1 || which == 4) {
            t.lora.save_count = 2;
            strcpy(t.lora.save[0], "embed_tokens");
            strcpy(t.lora.save[1], "lm_head");
        }
        check_gradients(which == 4 ? "--family qwen2" : "", &t);
    }
}

/* A run starts where the base model is: gains are 1 to the bit. */
static void test_start(void **state) {
    const miniature *m = *state;
    const uint32_t ids[] = {1, 40, 77, 301};
    sw_training t = small_settings();
    probe p;
    t.lora.use_dora = true;
    t.profile = SW_PROFILE_FP32_REF;
    probe_open(&p, m, &t, ids, 4);
    sw_engine_load_trained(&p.engine);
    const sw_linear *l = &p.engine.layers[1].linear[SW_MODULE_DOWN];
    for (size_t i = 0; i < l->out; i++) {
        double sum = 0;
        for (size_t k = 0; k < l->in; k++) {
            float w;
            memcpy(&w, l->view->data.data + (i * l->in + k) * sizeof w, sizeof w);
            sum += (double)w * w;
        }
        assert_true(l->gain[i] == 1 && fabs(l->norm[i] / sqrt(sum) - 1) < 1e-6);
    }
    probe_close(&p);
}

/* ---- refusals ---- */

static const struct {
    sw_lora_patterns ranks, alphas;
    const char *save[2], *says;
} refused[] = {
    {.ranks = {1, {{"k_proj", 4}}}, .says = "rank_pattern: k_proj decides for no adapted module"},
    {.alphas = {1, {{"lm_head", 4}}}, .says = "alpha_pattern: lm_head decides for no adapted"},
    {.ranks = {2, {{"q_proj", 4}, {"self_attn.q_proj", 5}}}, .says = "self_attn.q_proj decides"},
    {.ranks = {2, {{"q_proj", 4}, {"layers.1.self_attn.q_proj", 5}}},
     .says = "q_proj and layers.1.self_attn.q_proj both match model.layers.1.self_attn.q_proj"},
    {.alphas = {2, {{"self_attn.v_proj", 4}, {"layers.0.self_attn.v_proj", 5}}},
     .says = "keeps them sorted"},
    {.save = {"norm"}, .says = "norm is neither embed_tokens nor lm_head"},
    {.save = {"q_proj"}, .says = "q_proj is neither"},
    {.save = {"tokens"}, .says = "tokens is neither"},
    {.save = {"lm_head", "score"}, .says = "score is neither"},
    {.save = {"embed_tokens", "model.embed_tokens"}, .says = "or stands there already"},
};

static void test_refusals(void **state) {
    const miniature *m = *state;
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        sw_training t = small_settings();
        sw_arena arena = {0};
        sw_engine e;
        sw_error err = {0};
        t.lora.rank_pattern = refused[i].ranks;
        t.lora.alpha_pattern = refused[i].alphas;
        for (size_t k = 0; k < 2 && refused[i].save[k]; k++) {
            strcpy(t.lora.save[t.lora.save_count++], refused[i].save[k]);
        }
        /* What can be saved is known without a model; the engine looks again. */
        assert_int_equal(sw_training_check(&t, NULL), refused[i].save[0] ? SW_REFUSED : SW_OK);
        sw_engine_plan plan = {.model = &m->model, .settings = &t, .profile = t.profile};
        assert_int_equal(sw_engine_build(&arena, &plan, &e, &err), SW_REFUSED);
        if (!strstr(err.message, refused[i].says)) fail_msg("case %zu: %s", i, err.message);
        sw_arena_free(&arena);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_trl), cmocka_unit_test(test_gradients),
                                       cmocka_unit_test(test_start),
                                       cmocka_unit_test(test_refusals)};
    return cmocka_run_group_tests_name("adapters", tests, group_open, group_close);
}
