/* SPDX-License-Identifier: Apache-2.0
 *
 * The loss of held-out rows is the loss that a training step over the same rows sees, for every
 * profile, batch size and number of lanes.
 */
#include "support.h"

static sw_evaluate_job evaluate_job(const miniature *m, const sw_training *t, const sw_rows *rows) {
    return (sw_evaluate_job){
        .model = &m->model, .settings = t, .rows = rows, .parallel = sw_parallel_serial()};
}

static sw_evaluation evaluated(const sw_evaluate_job *job) {
    sw_evaluation v = {0};
    sw_error err = {0};
    if (sw_evaluate(job, &v, &err) != SW_OK) fail_msg("%s", err.message);
    return v;
}

/* A fresh adapter changes nothing, so the first step over all rows is the base model's loss. */
static double first_step(const miniature *m, const sw_training *t, const sw_rows *rows) {
    memory seen = memory_new();
    sw_training all = *t;
    all.per_device_train_batch_size = (uint32_t)rows->count;
    all.gradient_accumulation_steps = 1;
    all.max_steps = 1;
    sw_train_job job = job_of(m, &all, rows);
    sw_train_host host = host_of(&seen);
    run_job(&job, &host);
    double loss = seen.loss[0];
    memory_drop(&seen);
    return loss;
}

static void test_same_as_training(void **state) {
    const miniature *m = *state;
    for (sw_profile profile = 0; profile <= SW_PROFILE_BF16_AMX; profile++) {
        sw_training t = small_settings();
        sw_rows rows = {0};
        t.profile = profile;
        read_rows(m, &t, "tests/parity/data/pairs.jsonl", &rows);
        double expected = first_step(m, &t, &rows);
        size_t targets = 0;
        for (size_t i = 0; i < rows.token_count; i++) targets += rows.target[i];
        static const uint32_t batches[] = {1, 3, 1000};
        for (size_t i = 0; i < 3; i++) {
            t.per_device_train_batch_size = batches[i];
            sw_evaluate_job job = evaluate_job(m, &t, &rows);
            sw_evaluation serial = evaluated(&job);
            assert_true(fabs(serial.loss - expected) < 1e-12 * expected);
            assert_int_equal(serial.rows, rows.count);
            assert_int_equal(serial.tokens, rows.token_count);
            assert_int_equal(serial.targets, targets);
            sw_pool *pool;
            assert_int_equal(sw_pool_open(3, &pool, NULL), SW_OK);
            job.parallel = (sw_parallel){pool, pool_run, 3};
            sw_evaluation parallel = evaluated(&job);
            sw_pool_close(&pool);
            assert_memory_equal(&parallel, &serial, sizeof serial);
        }
        sw_rows_free(&rows);
    }
}

static void test_adapter_counts(void **state) {
    const miniature *m = *state;
    sw_training t = small_settings();
    sw_rows rows = {0};
    static float a[4 * 64], b[64 * 4];
    for (size_t i = 0; i < 4 * 64; i++) a[i] = b[i] = 0.25f * (float)(i % 7) - 0.5f;
    sw_adapter_pair pair = {
        .module = "model.layers.1.self_attn.q_proj", .in = 64, .out = 64, .a = a, .b = b};
    sw_adapter adapter = {.lora = {.r = 4, .lora_alpha = 8}, .pairs = &pair, .pair_count = 1};
    read_rows(m, &t, "tests/parity/data/pairs.jsonl", &rows);
    sw_evaluate_job job = evaluate_job(m, &t, &rows);
    double base = evaluated(&job).loss;
    job.adapter = &adapter;
    assert_true(fabs(evaluated(&job).loss - base) > 1e-3);
    sw_rows_free(&rows);
}

static void test_refusals(void **state) {
    const miniature *m = *state;
    sw_training t = small_settings();
    sw_rows rows = {0}, none = {0};
    sw_evaluation out = {.loss = 7};
    sw_error err = {0};
    read_rows(m, &t, "tests/parity/data/pairs.jsonl", &rows);
    sw_evaluate_job job = evaluate_job(m, &t, &none);
    assert_int_equal(sw_evaluate(&job, &out, &err), SW_REFUSED);
    assert_string_equal(err.word, "rows");
    rows.ids[rows.token_count - 1] = m->model.config.vocab_size;
    job.rows = &rows;
    assert_int_equal(sw_evaluate(&job, &out, &err), SW_REFUSED);
    assert_non_null(strstr(err.message, "and config.json's vocab_size is 320"));
    assert_true(out.loss == 7 && out.rows == 0);
    sw_rows_free(&rows);
}

/* ROW-009: a row or a piece longer than the model's positions, as training refuses it. */
static void test_beyond_the_positions(void **state) {
    const miniature *m = *state;
    sw_training t = small_settings();
    sw_rows rows = {0};
    sw_model model = m->model;
    sw_evaluation out = {.loss = 7};
    memory kept = memory_new();
    sw_train_host host = host_of(&kept);
    bool stopped;
    read_rows(m, &t, "tests/parity/data/pairs.jsonl", &rows);
    for (int packing = 0; packing < 2; packing++) {
        for (uint32_t more = 0; more < 2; more++) {
            t.packing = packing;
            t.packing_strategy = packing ? SW_PACKING_WRAPPED : SW_PACKING_BFD;
            t.max_length = 150 + more;
            model.config.max_position_embeddings = more && !packing ? 20 : 150;
            sw_evaluate_job job = evaluate_job(m, &t, &rows);
            sw_train_job trained = job_of(m, &t, &rows);
            sw_error err = {0}, same = {0};
            job.model = trained.model = &model;
            assert_int_equal(sw_evaluate(&job, &out, &err), more ? SW_REFUSED : SW_OK);
            if (!more) continue;
            assert_int_equal(sw_train_run(&trained, &host, &stopped, &same), SW_REFUSED);
            assert_string_equal(err.word, "rows");
            assert_string_equal(err.message, same.message);
            assert_non_null(strstr(err.message, packing ? "max_length is 151, and the model has 150"
                                                        : "and the model has 20 positions"));
        }
    }
    memory_drop(&kept);
    sw_rows_free(&rows);
}

/* One weight that is no number, anywhere: no loss is made of it. */
static void test_no_number(void **state) {
    const miniature *m = *state;
    sw_training t = small_settings();
    sw_rows rows = {0};
    sw_evaluation out = {.loss = 7};
    read_rows(m, &t, "tests/parity/data/pairs.jsonl", &rows);
    const sw_tensor_view *places[] = {&m->model.embed_tokens, &m->model.norm,
                                      &m->model.layers[0].down_proj};
    for (size_t i = 0; i < 3; i++) {
        uint8_t *at = (uint8_t *)(uintptr_t)places[i]->data.data;
        size_t last = places[i]->data.size - 2; /* the upper half of the last element */
        uint8_t kept[2] = {at[last], at[last + 1]}, nan[2] = {0xc0, 0x7f};
        sw_error err = {0};
        memcpy(at + last, nan, 2);
        sw_evaluate_job job = evaluate_job(m, &t, &rows);
        assert_int_equal(sw_evaluate(&job, &out, &err), SW_REFUSED);
        assert_string_equal(err.word, "diverged");
        sw_tokens ids = {0};
        sw_parallel alone = sw_parallel_serial();
        sw_generate_job more = {.model = &m->model,
                                .prompt = rows.ids,
                                .prompt_count = 4,
                                .max_new_tokens = 4,
                                .profile = SW_PROFILE_FP32_REF};
        assert_int_equal(sw_generate(&more, &alone, &ids, &err), SW_REFUSED);
        assert_string_equal(err.word, "diverged");
        assert_int_equal(ids.count, 0);
        sw_tokens_free(&ids);
        memcpy(at + last, kept, 2);
    }
    assert_true(out.loss == 7);
    sw_rows_free(&rows);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_same_as_training), cmocka_unit_test(test_adapter_counts),
        cmocka_unit_test(test_refusals), cmocka_unit_test(test_beyond_the_positions),
        cmocka_unit_test(test_no_number)};
    return cmocka_run_group_tests_name("evaluate", tests, group_open, group_close);
}
