/* SPDX-License-Identifier: Apache-2.0
 *
 * QLoRA: the bit rule, the same run as LoRA over the base written back from NF4, beside TRL, PEFT
 * and bitsandbytes (tests/train/golden/qlora.json, by tests/parity/qlora.py --golden), and what is
 * refused.
 */
#include "golden.h"

#define VARIANTS 3
static sw_training variant(int which) {
    sw_training t = small_settings();
    t.method = SW_METHOD_QLORA;
    if (which == 1) t.profile = SW_PROFILE_FP32_REF;
    if (which == 2) t.lora.lora_dropout = 0.1;
    return t;
}

static memory run_with(const fixture *f, const sw_training *t, const sw_train_host *like) {
    memory kept = memory_new();
    sw_train_job job = job_of(&f->model, t, &f->rows);
    sw_train_host host = host_of(&kept);
    host.parallel = like->parallel;
    host.emulate_bf16 = like->emulate_bf16;
    host.recompute = like->recompute;
    run_job(&job, &host);
    return kept;
}

static memory run_plainly(const fixture *f, const sw_training *t) {
    const sw_train_host host = {.parallel = sw_parallel_serial()};
    return run_with(f, t, &host);
}

static void same_run(const memory *a, const memory *b) {
    assert_int_equal(a->steps, b->steps);
    assert_memory_equal(a->loss, b->loss, a->steps * sizeof *a->loss);
    assert_memory_equal(a->norm, b->norm, a->steps * sizeof *a->norm);
    same_bytes(&a->values, &b->values);
    same_bytes(&a->outputs, &b->outputs);
}

static void test_any_lanes(void **state) {
    const fixture *f = *state;
    for (int v = 0; v < VARIANTS; v++) {
        sw_training t = variant(v);
        memory one = run_plainly(f, &t);
        assert_true(one.loss[5] < one.loss[0]);
        for (int how = 0; how < 4; how++) {
            sw_pool *pool;
            assert_int_equal(sw_pool_open(3, &pool, NULL), SW_OK);
            sw_train_host host = {
                .parallel = {pool, pool_run, 3}, .emulate_bf16 = how & 1, .recompute = how & 2};
            memory three = run_with(f, &t, &host);
            same_run(&one, &three);
            same_bytes(&one.state, &three.state);
            memory_drop(&three);
            sw_pool_close(&pool);
        }
        memory_drop(&one);
    }
}

static void test_resume_at_every_step(void **state) {
    const fixture *f = *state;
    sw_training t = variant(2);
    memory whole = run_plainly(f, &t);
    for (uint64_t step = 1; step < t.max_steps; step++) {
        memory kept = memory_new();
        sw_train_job job = job_of(&f->model, &t, &f->rows);
        sw_train_host host = host_of(&kept);
        kept.stop_at = step;
        assert_true(run_job(&job, &host));
        sw_buffer resume = kept.state;
        kept.state = SW_BUFFER(LIMIT);
        kept.stop_at = 0;
        job.resume = sw_buffer_bytes(&resume);
        assert_false(run_job(&job, &host));
        same_run(&whole, &kept);
        sw_buffer_free(&resume);
        memory_drop(&kept);
    }
    memory_drop(&whole);
}

/* What a tensor of the folder in memory holds, to be written to. */
static void *content(const sw_tensor_view *v) {
    return (void *)(uintptr_t)v->data.data;
}

/* The miniature in f32 whose Linears hold what NF4 left of them. */
static void write_back(miniature *m) {
    sw_compute c = {.parallel = sw_parallel_serial(), .dtype = SW_DTYPE_F32};
    for (uint32_t l = 0; l < m->model.config.num_hidden_layers; l++) {
        const sw_model_layer *layer = &m->model.layers[l];
        const sw_tensor_view *views[] = {&layer->q_proj,   &layer->k_proj,    &layer->v_proj,
                                         &layer->o_proj,   &layer->gate_proj, &layer->up_proj,
                                         &layer->down_proj};
        for (size_t i = 0; i < 7; i++) {
            size_t count = views[i]->dims[0] * views[i]->dims[1];
            static float absmax[128 * 64 / SW_NF4_BLOCK], nested[1];
            static uint8_t codes[128 * 64 / 2], scales[128 * 64 / SW_NF4_BLOCK];
            sw_nf4 w = {.count = count, .codes = codes, .scales = scales, .nested = nested};
            sw_nf4_quantise(&c, &w, views[i]->data.data, SW_DTYPE_F32, absmax);
            sw_nf4_load(content(views[i]), &w, SW_DTYPE_F32, 0, count);
        }
    }
}

/* QLoRA is LoRA over the values that NF4 left, in the same bits: nothing else is different. */
static void test_lora_over_the_written_back_base(void **state) {
    (void)state;
    fixture f = {0};
    sw_training settings = small_settings();
    miniature_open(&f.model, "--family qwen2");
    read_rows(&f.model, &settings, "tests/parity/data/pairs.jsonl", &f.rows);
    memory quantised[VARIANTS], plain = run_plainly(&f, &settings);
    for (int v = 0; v < VARIANTS; v++) {
        sw_training t = variant(v);
        quantised[v] = run_plainly(&f, &t);
    }
    assert_true(fabs(quantised[0].loss[0] - plain.loss[0]) > 1e-6); /* it is another model */
    assert_true(fabs(quantised[0].loss[0] / plain.loss[0] - 1) < 0.05);
    write_back(&f.model);
    for (int v = 0; v < VARIANTS; v++) {
        sw_training t = variant(v);
        t.method = SW_METHOD_LORA;
        memory written = run_plainly(&f, &t);
        same_run(&quantised[v], &written);
        memory_drop(&quantised[v]);
        memory_drop(&written);
    }
    memory_drop(&plain);
    sw_rows_free(&f.rows);
    miniature_close(&f.model);
}

static void test_bitsandbytes(void **state) {
    (void)state;
    miniature m;
    sw_arena arena = {0};
    sw_buffer text = SW_BUFFER(LIMIT);
    const sw_json *runs = sw_json_member(golden(&arena, &text, "qlora"), "runs");
    assert_int_equal(runs->count, 2);
    miniature_open(&m, "");
    for (const sw_json *run = runs->first; run; run = run->next) {
        sw_training t = settings_of(sw_json_member(run, "settings"));
        bool exact = t.profile == SW_PROFILE_FP32_REF;
        sw_rows rows = {0};
        memory kept = memory_new();
        t.method = SW_METHOD_QLORA;
        read_rows(&m, &t, "tests/parity/data/pairs.jsonl", &rows);
        sw_train_job job = job_of(&m, &t, &rows);
        sw_train_host host = host_of(&kept);
        run_job(&job, &host);
        assert_int_equal(kept.steps, 50);
        check_series("loss", kept.loss, kept.steps, sw_json_member(run, "loss"),
                     exact ? 1e-5 : 1e-3);
        memory_drop(&kept);
        sw_rows_free(&rows);
    }
    miniature_close(&m);
    sw_buffer_free(&text);
    sw_arena_free(&arena);
}

static void test_refusals(void **state) {
    const fixture *f = *state;
    for (int change = 0; change < 7; change++) {
        sw_training t = variant(0);
        fixture other = *f;
        if (change == 0) other.rows.count = other.rows.token_count = 0;
        if (change == 1) strcpy(t.lora.targets[1], "lm_head");
        if (change == 2) t.lora.target_count = 0;
        if (change == 3) t.lora.r = 0;
        if (change == 4) t.lora.use_dora = true;
        if (change == 5) other.model.model.config.head_dim = 15;
        if (change == 6) other.model.model.config.vocab_size = 200;
        memory kept = memory_new();
        sw_train_job job = job_of(&other.model, &t, &other.rows);
        sw_train_host host = host_of(&kept);
        sw_error err = {0};
        bool stopped;
        sw_train_budget budget = {.bytes = 7};
        assert_int_not_equal(sw_train_run(&job, &host, &stopped, &err), SW_OK);
        assert_true(err.message[0]);
        assert_int_not_equal(sw_train_plan(&job, 1, false, &budget, NULL), SW_OK);
        assert_int_equal(budget.bytes, 7);
        assert_int_equal(kept.steps, 0);
        memory_drop(&kept);
    }
}

/* A state of another method is none of this one's. */
static void test_state_of_lora(void **state) {
    const fixture *f = *state;
    sw_training t = small_settings(), q = variant(0);
    memory kept = memory_new();
    sw_train_job job = job_of(&f->model, &t, &f->rows);
    sw_train_host host = host_of(&kept);
    bool stopped;
    kept.stop_at = 2;
    run_job(&job, &host);
    job.settings = &q;
    job.resume = sw_buffer_bytes(&kept.state);
    assert_int_equal(sw_train_run(&job, &host, &stopped, NULL), SW_REFUSED);
    memory_drop(&kept);
}

/* A weight that is no number is not hidden by its code. */
static void test_a_broken_weight(void **state) {
    const fixture *f = *state;
    for (int infinite = 0; infinite < 2; infinite++) {
        sw_training t = variant(infinite);
        memory kept = memory_new();
        sw_train_job job = job_of(&f->model, &t, &f->rows);
        sw_train_host host = host_of(&kept);
        uint16_t *weight = content(&f->model.model.layers[1].up_proj), held = weight[777];
        sw_error err = {0};
        bool stopped;
        weight[777] = infinite ? 0x7f80 : 0x7fff;
        assert_int_equal(sw_train_run(&job, &host, &stopped, &err), SW_REFUSED);
        assert_string_equal(err.word, "diverged");
        weight[777] = held;
        memory_drop(&kept);
    }
}

typedef struct watcher {
    memory kept; /* first: it is the host's context */
    size_t tensors, bytes;
} watcher;

static void count_release(void *context, sw_bytes tensor) {
    watcher *w = context;
    w->tensors++;
    w->bytes += tensor.size;
}

/* Every tensor of the model; the miniature's head is its embedding. */
static size_t model_bytes(const sw_model *m) {
    size_t bytes = m->embed_tokens.data.size + m->norm.data.size;
    for (size_t i = 0; i < m->config.num_hidden_layers; i++) {
        const sw_model_layer *l = &m->layers[i];
        bytes += l->input_layernorm.data.size + l->post_attention_layernorm.data.size +
                 l->q_proj.data.size + l->k_proj.data.size + l->v_proj.data.size +
                 l->o_proj.data.size + l->gate_proj.data.size + l->up_proj.data.size +
                 l->down_proj.data.size;
    }
    return bytes;
}

/* The Linears' bytes, each once, and nothing that is read again; with `full` that is nothing. */
static void test_release(void **state) {
    const fixture *f = *state;
    for (int method = SW_METHOD_FULL; method <= SW_METHOD_QLORA; method++) {
        sw_training t = variant(0);
        watcher w = {.kept = memory_new()};
        t.method = (sw_method)method;
        sw_train_job job = job_of(&f->model, &t, &f->rows);
        sw_train_host host = host_of(&w.kept);
        host.release = count_release;
        run_job(&job, &host);
        size_t layer = 2 * 64 * 64 + 2 * 32 * 64 + 3 * 64 * 128;
        bool full = method == SW_METHOD_FULL;
        assert_int_equal(w.tensors, full ? 2 + 2 * 9 : 14);
        assert_int_equal(w.bytes,
                         full ? model_bytes(&f->model.model) : 2 * layer * sizeof(sw_bf16));
        memory_drop(&w.kept);
    }
}

static void test_plan(void **state) {
    const fixture *f = *state;
    sw_training t = small_settings(), q = variant(0);
    sw_train_job job = job_of(&f->model, &t, &f->rows);
    sw_train_budget packed, quantised;
    assert_int_equal(sw_train_plan(&job, 1, false, &packed, NULL), SW_OK);
    job.settings = &q;
    assert_int_equal(sw_train_plan(&job, 1, false, &quantised, NULL), SW_OK);
    assert_true(quantised.bytes < packed.bytes);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_any_lanes),
                                       cmocka_unit_test(test_resume_at_every_step),
                                       cmocka_unit_test(test_lora_over_the_written_back_base),
                                       cmocka_unit_test(test_bitsandbytes),
                                       cmocka_unit_test(test_refusals),
                                       cmocka_unit_test(test_state_of_lora),
                                       cmocka_unit_test(test_a_broken_weight),
                                       cmocka_unit_test(test_release),
                                       cmocka_unit_test(test_plan)};
    return cmocka_run_group_tests_name("qlora", tests, fixture_open, fixture_close);
}
