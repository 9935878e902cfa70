/* SPDX-License-Identifier: Apache-2.0
 *
 * The bit rule of training: the same bytes for any lanes, kept or computed again, stopped and
 * resumed at any step; and what a checkpoint refuses. Native against emulated has test_native, the
 * bits themselves test_bits.
 */
#include "tensor/tensor.h"
#include "variants.h"

static void jumbled_run(void *pool, size_t count, void (*fn)(void *, size_t, size_t),
                        void *context) {
    size_t lanes = *(const size_t *)pool;
    for (size_t i = count; i-- > 0;) fn(context, i, i % lanes);
}

static void test_any_lanes(void **state) {
    const fixture *f = *state;
    for (int v = 0; v < VARIANTS; v++) {
        sw_training t = variant(v);
        memory one = memory_new();
        sw_train_host host = {.parallel = sw_parallel_serial()};
        run_once(f, &t, &host, &one);
        assert_true(one.loss[5] < one.loss[0]);
        for (size_t lanes = 2; lanes <= 4; lanes++) {
            memory other = memory_new();
            host.parallel = (sw_parallel){.pool = &lanes, .run = jumbled_run, .lanes = lanes};
            run_once(f, &t, &host, &other);
            same_run(&one, &other);
            memory_drop(&other);
            sw_pool *pool;
            assert_int_equal(sw_pool_open(lanes, &pool, NULL), SW_OK);
            other = memory_new();
            host.parallel = (sw_parallel){.pool = pool, .run = pool_run, .lanes = lanes};
            run_once(f, &t, &host, &other);
            same_run(&one, &other);
            memory_drop(&other);
            sw_pool_close(&pool);
        }
        memory_drop(&one);
    }
}

static void test_recomputed(void **state) {
    const fixture *f = *state;
    for (int v = 0; v < VARIANTS; v++) {
        sw_training t = variant(v);
        memory one = memory_new();
        sw_train_host host = {.parallel = sw_parallel_serial()};
        run_once(f, &t, &host, &one);
        memory other = memory_new();
        host.recompute = true;
        run_once(f, &t, &host, &other);
        same_run(&one, &other);
        memory_drop(&other);
        memory_drop(&one);
    }
}

static void test_resume_at_every_step(void **state) {
    const fixture *f = *state;
    for (int v = 0; v < VARIANTS; v++) {
        sw_training t = variant(v);
        memory whole = memory_new();
        sw_train_job job = job_of(&f->model, &t, &f->rows);
        sw_train_host host = host_of(&whole);
        assert_false(run_job(&job, &host));
        for (uint64_t stop = 1; stop < t.max_steps; stop++) {
            memory first = memory_new(), second = memory_new();
            first.stop_at = stop;
            sw_train_host a = host_of(&first), b = host_of(&second);
            job.resume = (sw_bytes){0};
            assert_true(run_job(&job, &a));
            assert_int_equal(first.state_step, stop);
            assert_int_equal(first.outputs.size, 0);
            job.resume = sw_buffer_bytes(&first.state);
            assert_false(run_job(&job, &b));
            for (uint64_t s = stop; s < t.max_steps; s++) {
                assert_true(second.loss[s] == whole.loss[s]);
            }
            same_bytes(&second.state, &whole.state);
            same_bytes(&second.outputs, &whole.outputs);
            memory_drop(&first);
            memory_drop(&second);
        }
        memory last = memory_new(); /* from the last step: only the outputs are left to make */
        sw_train_host c = host_of(&last);
        job.resume = sw_buffer_bytes(&whole.state);
        assert_false(run_job(&job, &c));
        same_bytes(&last.outputs, &whole.outputs);
        memory_drop(&last);
        memory_drop(&whole);
    }
}

static void test_save_steps(void **state) {
    const fixture *f = *state;
    sw_training t = small_settings();
    memory plain = memory_new(), often = memory_new();
    sw_train_job job = job_of(&f->model, &t, &f->rows);
    sw_train_host a = host_of(&plain), b = host_of(&often);
    run_job(&job, &a);
    t.save_steps = 2;
    run_job(&job, &b);
    assert_int_equal(plain.checkpoints, 1);
    assert_int_equal(often.checkpoints, 3);
    same_bytes(&plain.state, &often.state);
    memory_drop(&plain);
    memory_drop(&often);
}

static sw_status resume_with(const fixture *f, const sw_training *t, sw_bytes state,
                             sw_error *err) {
    memory kept = memory_new();
    sw_train_job job = job_of(&f->model, t, &f->rows);
    sw_train_host host = host_of(&kept);
    bool stopped = true;
    job.resume = state;
    sw_status status = sw_train_run(&job, &host, &stopped, err);
    if (status != SW_OK) {
        assert_true(stopped); /* untouched */
        assert_int_equal(kept.steps + kept.outputs.size + kept.checkpoints, 0);
    }
    memory_drop(&kept);
    return status;
}

/* The same, and it is told so without a run. */
static sw_status judged_with(const fixture *f, const sw_training *t, sw_bytes state,
                             sw_error *err) {
    sw_error why = {0}, seen = {0};
    sw_train_job job = job_of(&f->model, t, &f->rows);
    uint64_t step = UINT64_MAX;
    sw_status status = resume_with(f, t, state, &why);
    job.resume = state;
    assert_int_equal(sw_train_check_resume(&job, &step, &seen), status);
    assert_string_equal(seen.message, why.message);
    assert_true((step == UINT64_MAX) == (status != SW_OK));
    if (err) *err = why;
    return status;
}

static void test_checkpoint_refusals(void **state) {
    const fixture *f = *state;
    sw_training t = small_settings();
    memory kept = memory_new();
    sw_train_job job = job_of(&f->model, &t, &f->rows);
    sw_train_host host = host_of(&kept);
    kept.stop_at = 3;
    run_job(&job, &host);
    sw_bytes good = sw_buffer_bytes(&kept.state);
    uint8_t *copy = malloc(good.size + 1);
    size_t prefix = 2048;
    for (size_t size = 1; size < good.size; size += size < prefix ? 1 : 997) {
        sw_error err = {0};
        memcpy(copy, good.data, size);           /* cut */
        bool both = size < 64 || size % 61 == 0; /* each costs a plan */
        sw_status status = both ? judged_with(f, &t, SW_BYTES(copy, size), &err)
                                : resume_with(f, &t, SW_BYTES(copy, size), &err);
        assert_int_equal(status, SW_MALFORMED);
        assert_non_null(strstr(err.message, "is damaged"));
    }
    memcpy(copy, good.data, good.size);
    copy[good.size] = 0; /* extended */
    assert_int_not_equal(resume_with(f, &t, SW_BYTES(copy, good.size + 1), NULL), SW_OK);
    for (size_t bit = 0; bit < 8 * good.size; bit += bit < 8 * prefix ? 5 : 4001) {
        copy[bit / 8] ^= (uint8_t)(1u << bit % 8);
        assert_int_not_equal(resume_with(f, &t, SW_BYTES(copy, good.size), NULL), SW_OK);
        copy[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    assert_int_equal(resume_with(f, &t, SW_BYTES(copy, good.size), NULL), SW_OK);
    free(copy);
    memory_drop(&kept);
}

static void test_checkpoint_of_other_settings(void **state) {
    const fixture *f = *state;
    sw_training t = small_settings();
    memory kept = memory_new();
    sw_train_job job = job_of(&f->model, &t, &f->rows);
    sw_train_host host = host_of(&kept);
    kept.stop_at = 2;
    run_job(&job, &host);
    sw_bytes good = sw_buffer_bytes(&kept.state);
    for (int change = 0; change < 12; change++) {
        sw_training other = t;
        if (change == 0) other.seed++;
        if (change == 1) other.learning_rate *= 2;
        if (change == 2) other.max_steps++;
        if (change == 3) other.lora.lora_alpha = 9;
        if (change == 4) strcpy(other.lora.targets[0], "k_proj");
        if (change == 5) other.profile = SW_PROFILE_FP32_REF;
        if (change == 6) other.method = SW_METHOD_FULL;
        if (change == 7) other.weight_decay = 0.5;
        if (change == 8) other.lora.use_dora = true;
        if (change == 9) other.lora.rank_pattern = (sw_lora_patterns){1, {{"q_proj", 3}}};
        if (change == 10) other.lora.alpha_pattern = (sw_lora_patterns){1, {{"q_proj", 3}}};
        if (change == 11) strcpy(other.lora.save[other.lora.save_count++], "lm_head");
        assert_int_equal(judged_with(f, &other, good, NULL), SW_REFUSED);
    }
    fixture fewer = *f;
    fewer.rows.count--;
    fewer.rows.token_count = fewer.rows.ends[fewer.rows.count - 1];
    assert_int_equal(resume_with(&fewer, &t, good, NULL), SW_REFUSED);
    f->rows.ids[1] ^= 1; /* another token in the same place */
    assert_int_equal(judged_with(f, &t, good, NULL), SW_REFUSED);
    f->rows.ids[1] ^= 1;
    assert_int_equal(judged_with(f, &t, good, NULL), SW_OK);
    memory_drop(&kept);
}

static void test_overfit(void **state) {
    const fixture *f = *state;
    for (int full = 0; full < 2; full++) {
        sw_training t = variant(full ? 3 : 0);
        memory kept = memory_new();
        fixture few = *f;
        few.rows.count = 3;
        few.rows.token_count = few.rows.ends[2];
        t.max_steps = 60;
        t.lr_scheduler_type = SW_SCHEDULE_CONSTANT;
        t.learning_rate = full ? 5e-3 : 5e-2;
        t.gradient_accumulation_steps = 1;
        t.weight_decay = 0;
        sw_train_job job = job_of(&few.model, &t, &few.rows);
        sw_train_host host = host_of(&kept);
        run_job(&job, &host);
        if (kept.loss[59] > kept.loss[0] * (full ? 0.1 : 0.7)) {
            fail_msg("the loss went from %g to %g", kept.loss[0], kept.loss[59]);
        }
        memory_drop(&kept);
    }
}

static void test_refusals(void **state) {
    const fixture *f = *state;
    for (int change = 0; change < 7; change++) {
        sw_training t = small_settings();
        fixture other = *f;
        sw_model model = f->model.model;
        if (change == 0) other.rows.count = other.rows.token_count = 0;
        if (change == 1) strcpy(t.lora.targets[1], "w_proj");
        if (change == 2) t.lora.target_count = 0;
        if (change == 3) t.lora.r = 0;
        if (change == 4) model.config.num_key_value_heads = 3;
        if (change == 5) model.config.head_dim = 15;
        if (change == 6) model.config.vocab_size = 200; /* tokens beyond it */
        memory kept = memory_new();
        sw_train_job job = job_of(&other.model, &t, &other.rows);
        sw_train_host host = host_of(&kept);
        sw_error err = {0};
        bool stopped;
        sw_train_budget budget = {.bytes = 7};
        job.model = &model;
        assert_int_not_equal(sw_train_run(&job, &host, &stopped, &err), SW_OK);
        assert_true(err.message[0]);
        assert_int_not_equal(sw_train_plan(&job, 1, false, &budget, NULL), SW_OK);
        assert_int_equal(budget.bytes, 7);
        assert_int_equal(kept.steps, 0);
        memory_drop(&kept);
    }
}

static sw_status refuse_third(void *context, const sw_train_step *s, sw_error *err) {
    sw_status status = keep_step(context, s, err);
    return s->step == 3 ? sw_fail(err, SW_IO, "io", "the pipe is gone") : status;
}

static void test_a_host_that_says_no(void **state) {
    const fixture *f = *state;
    sw_training t = small_settings();
    memory kept = memory_new();
    sw_train_job job = job_of(&f->model, &t, &f->rows);
    sw_train_host host = host_of(&kept);
    bool stopped;
    host.step = refuse_third;
    assert_int_equal(sw_train_run(&job, &host, &stopped, NULL), SW_IO);
    assert_int_equal(kept.steps, 3);
    assert_int_equal(kept.outputs.size, 0);
    memory_drop(&kept);
}

static sw_bytes output_named(const memory *m, const char *name) {
    sw_reader r = sw_reader_of(sw_buffer_bytes(&m->outputs));
    while (r.rest.size) {
        sw_bytes named = sw_read_field(&r, 256), content = sw_read_field(&r, LIMIT);
        if (sw_bytes_is(named, name)) return content;
    }
    return (sw_bytes){0};
}

/* MAN-043: what was trained whole is a model folder again; its ends are the base's. */
static void test_a_full_output_is_a_folder(void **state) {
    const fixture *f = *state;
    static const char *const copied[] = {"generation_config.json", "tokenizer.json",
                                         "tokenizer_config.json"};
    const sw_token_ends ends[] = {{.ids = {2}, .count = 1},
                                  {.ids = {2}, .count = 1, .listed = true},
                                  {.ids = {0, 2, 319}, .count = 3, .listed = true}};
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        sw_training t = variant(3);
        t.max_steps = 1;
        memory kept = memory_new();
        sw_model model = f->model.model;
        model.config.ends = ends[i];
        model.config.eos_token_id = ends[i].ids[0];
        sw_train_job job = job_of(&f->model, &t, &f->rows);
        job.model = &model;
        job.files = f->model.files;
        job.file_count = f->model.count;
        sw_train_host host = host_of(&kept);
        run_job(&job, &host);
        for (size_t c = 0; c < sizeof copied / sizeof *copied; c++) {
            sw_bytes base = miniature_file(&f->model, copied[c]);
            assert_true(base.size && sw_bytes_equal(output_named(&kept, copied[c]), base));
        }
        sw_model_config config;
        assert_int_equal(sw_model_config_parse(output_named(&kept, "config.json"), &config, NULL),
                         SW_OK);
        assert_memory_equal(&config.ends, &ends[i], sizeof config.ends);
        t.method = SW_METHOD_LORA; /* an adapter has nothing beside it */
        t.learning_rate = 1e-3;
        sw_buffer_reset(&kept.outputs);
        run_job(&job, &host);
        assert_int_equal(output_named(&kept, "tokenizer.json").size, 0);
        assert_true(output_named(&kept, "adapter_config.json").size > 0);
        memory_drop(&kept);
    }
}

/* Values whose bf16 rounding is not `base`. */
static size_t beyond_bf16(const float *value, const sw_bf16 *base, size_t count) {
    size_t found = 0;
    for (size_t i = 0; i < count; i++) {
        sw_bf16 rounded;
        sw_elements_store(&rounded, &value[i], SW_DTYPE_BF16, 1);
        found += rounded != base[i];
    }
    return found;
}

/* RCP-034: what small rates teach lies below bf16. What is written is the state itself. */
static void test_a_full_output_is_the_state(void **state) {
    const fixture *f = *state;
    sw_training t = variant(3);
    t.learning_rate = 1e-8;
    memory kept = memory_new();
    sw_train_job job = job_of(&f->model, &t, &f->rows);
    sw_train_host host = host_of(&kept);
    run_job(&job, &host);
    assert_true(kept.weights.size > kept.values.size);
    assert_memory_equal(kept.weights.data + kept.weights.size - kept.values.size, kept.values.data,
                        kept.values.size); /* tensors in the order of their names, as the state */
    const sw_model_file files[] = {{"config.json", output_named(&kept, "config.json")},
                                   {"model.safetensors", sw_buffer_bytes(&kept.weights)}};
    static const char says[] = "\"torch_dtype\":\"float32\"";
    assert_non_null(memmem(files[0].bytes.data, files[0].bytes.size, says, sizeof says - 1));
    sw_train_sizes sizes;
    assert_int_equal(sw_train_check(&t, &f->model.model.config, &sizes, NULL), SW_OK);
    assert_int_equal(sizes.output_bytes, kept.values.size);
    sw_arena arena = {0};
    sw_model made;
    sw_error err = {0};
    if (sw_model_open(&arena, files, 2, &made, &err) != SW_OK) fail_msg("%s", err.message);
    assert_int_equal(f->model.model.dtype, SW_DTYPE_BF16);
    assert_int_equal(made.dtype, SW_DTYPE_F32);
    const sw_tensor_view *after = &made.layers[0].q_proj,
                         *before = &f->model.model.layers[0].q_proj;
    const float *value = (const float *)after->data.data;
    size_t count = after->data.size / sizeof *value, changed = 0;
    float base[64 * 64];
    assert_true(count <= sizeof base / sizeof *base);
    sw_elements_load(base, before->data.data, SW_DTYPE_BF16, count);
    for (size_t i = 0; i < count; i++) changed += value[i] != base[i];
    assert_true(changed > count / 2);
    assert_true(beyond_bf16(value, (const sw_bf16 *)before->data.data, count) < count / 50);
    sw_arena_free(&arena);
    memory_drop(&kept);
}

/* What is copied beside it is read first: a folder that nobody can use is no result. */
static void test_a_broken_file_to_copy(void **state) {
    const fixture *f = *state;
    static const char *const broken[] = {"{", "[]", "{\"eos_token_id\":\"2\"}"};
    for (size_t i = 0; i < 2 * sizeof broken / sizeof *broken; i++) {
        bool whole = i % 2 == 0;
        sw_training t = variant(whole ? 3 : 0);
        t.max_steps = 1;
        memory kept = memory_new();
        sw_model_file file = {"generation_config.json", sw_text(broken[i / 2])};
        sw_train_job job = job_of(&f->model, &t, &f->rows);
        job.files = &file;
        job.file_count = 1;
        sw_train_host host = host_of(&kept);
        sw_error err = {0};
        bool stopped;
        sw_status status = sw_train_run(&job, &host, &stopped, &err);
        assert_int_equal(status, whole ? SW_MALFORMED : SW_OK);
        assert_int_equal(kept.steps, whole ? 0 : 1);
        if (whole) assert_non_null(strstr(err.message, "generation_config.json"));
        memory_drop(&kept);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_any_lanes),
                                       cmocka_unit_test(test_recomputed),
                                       cmocka_unit_test(test_resume_at_every_step),
                                       cmocka_unit_test(test_save_steps),
                                       cmocka_unit_test(test_checkpoint_refusals),
                                       cmocka_unit_test(test_checkpoint_of_other_settings),
                                       cmocka_unit_test(test_overfit),
                                       cmocka_unit_test(test_refusals),
                                       cmocka_unit_test(test_a_host_that_says_no),
                                       cmocka_unit_test(test_a_full_output_is_a_folder),
                                       cmocka_unit_test(test_a_full_output_is_the_state),
                                       cmocka_unit_test(test_a_broken_file_to_copy)};
    return cmocka_run_group_tests_name("training", tests, fixture_open, fixture_close);
}
