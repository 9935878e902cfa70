/* SPDX-License-Identifier: Apache-2.0
 *
 * The plan: operations against the table of a reference, parts that add up, what is refused for
 * memory and that the hint holds; and runs that end before a state is spoilt.
 */
#include "support.h"

static size_t part_of(const sw_train_budget *b, const char *name) {
    for (size_t i = 0; i < b->part_count; i++)
        if (strcmp(b->parts[i].name, name) == 0) return b->parts[i].bytes;
    return 0;
}

static sw_train_budget plan_of(const sw_train_job *job, size_t lanes, bool recompute) {
    sw_train_budget b;
    sw_error err = {0};
    if (sw_train_plan(job, lanes, recompute, &b, &err) != SW_OK) fail_msg("%s", err.message);
    size_t sum = 0;
    for (size_t i = 0; i < b.part_count; i++) {
        assert_true(i == 0 || b.parts[i - 1].bytes >= b.parts[i].bytes);
        sum += b.parts[i].bytes;
    }
    assert_int_equal(sum, b.bytes);
    return b;
}

static void test_plan(void **state) {
    const fixture *f = *state;
    sw_training t = small_settings();
    sw_train_job job = job_of(&f->model, &t, &f->rows);
    sw_train_budget one = plan_of(&job, 1, false), four = plan_of(&job, 4, false),
                    lean = plan_of(&job, 1, true);
    assert_int_equal(one.steps, 6);
    assert_false(one.recompute);
    assert_true(lean.recompute && lean.bytes < one.bytes && lean.operations > one.operations);
    assert_true(four.bytes > one.bytes && four.operations == one.operations);
    assert_int_equal(part_of(&one, "rows"), f->rows.token_count * 5 + f->rows.count * 8);
    t.method = SW_METHOD_FULL;
    sw_train_budget full = plan_of(&job, 1, false);
    assert_true(full.bytes > one.bytes && full.bytes < (size_t)32 << 20);
    assert_true(part_of(&full, "trained state") > part_of(&one, "trained state"));
    t.max_steps = 0;
    t.num_train_epochs = 1.5; /* 40 rows in threes in twos: 7 windows an epoch */
    assert_int_equal(plan_of(&job, 1, false).steps, 11);
    uint64_t steps;
    assert_int_equal(sw_train_steps(&job, &steps, NULL), SW_OK);
    assert_int_equal(steps, 11);
}

/* PLN-009: what reading took counts as far as it is more than all that comes behind it. */
static void test_tokeniser(void **state) {
    const fixture *f = *state;
    sw_training t = small_settings();
    sw_train_job job = job_of(&f->model, &t, &f->rows);
    sw_train_budget none = plan_of(&job, 1, false);
    for (int more = -1; more < 2; more++) {
        job.tokenizer_bytes = (size_t)((int64_t)none.bytes + more);
        sw_train_budget b = plan_of(&job, 1, false);
        assert_int_equal(part_of(&b, "tokeniser"), more > 0 ? more : 0);
        assert_int_equal(b.bytes, none.bytes + (size_t)(more > 0 ? more : 0));
    }
    job.program_bytes = 1000;
    sw_train_budget all = plan_of(&job, 1, false); /* PLN-010 */
    assert_int_equal(part_of(&all, "program"), 1000);
    assert_int_equal(part_of(&all, "tokeniser"), 1); /* the program was there before, too */
    job.program_bytes = 0;
    job.tokenizer_bytes = 3 * none.bytes;
    sw_train_budget b;
    sw_error err = {0};
    assert_int_equal(sw_train_fit(&job, 1, job.tokenizer_bytes, &b, &err), SW_OK);
    assert_int_equal(sw_train_fit(&job, 1, job.tokenizer_bytes - 1, &b, &err), SW_MEMORY);
    assert_non_null(strstr(err.message, "the largest part, tokeniser, takes"));
}

/* PLN-008: a hundred million steps are planned in a moment, for at least what a thousand epochs
 * reach; with as few rows as a micro-batch has, for what one reaches. */
static void test_many_epochs(void **state) {
    const fixture *f = *state;
    sw_training t = small_settings();
    sw_train_job job = job_of(&f->model, &t, &f->rows);
    t.max_steps = 7000;
    sw_train_budget walked = plan_of(&job, 1, false);
    t.max_steps = 100000000;
    sw_train_budget bound = plan_of(&job, 1, false);
    assert_int_equal(bound.steps, 100000000);
    assert_int_equal(part_of(&bound, "curve"), (size_t)32 * 100000000);
    size_t rest = bound.bytes - part_of(&bound, "curve");
    assert_true(rest >= walked.bytes - part_of(&walked, "curve") && rest < 2 * walked.bytes);
    for (size_t i = 0; i < walked.part_count; i++)
        assert_true(part_of(&bound, walked.parts[i].name) >= walked.parts[i].bytes);
    t.per_device_train_batch_size = (uint32_t)f->rows.count;
    sw_train_budget all = plan_of(&job, 1, false);
    t.max_steps = 1;
    assert_int_equal(plan_of(&job, 1, false).bytes - 32, all.bytes - part_of(&all, "curve"));
}

/* SmolLM2-135M with rows of 1024 tokens, r = 16 on all Linears: GFLOP a token, from a table that
 * was made elsewhere (to two digits), and in the first case o's product again (0.02). */
static void test_operations(void **state) {
    const fixture *f = *state;
    static const struct {
        bool full, recompute;
        double expected;
    } cases[] = {
        {false, false, 0.71}, {false, true, 0.95}, {true, false, 0.93}, {true, true, 1.18}};
    enum { TOKENS = 1024 };
    sw_model model = f->model.model;
    sw_model_config *c = &model.config;
    c->hidden_size = 576;
    c->intermediate_size = 1536;
    c->num_hidden_layers = 30;
    c->num_attention_heads = 9;
    c->num_key_value_heads = 3;
    c->head_dim = 64;
    c->vocab_size = 49152;
    c->max_position_embeddings = 8192;
    sw_model_layer layers[30];
    for (size_t i = 0; i < 30; i++) layers[i] = f->model.model.layers[0];
    model.layers = layers;
    uint32_t ids[TOKENS] = {0};
    uint8_t target[TOKENS];
    uint64_t end = TOKENS;
    memset(target, 1, sizeof target);
    target[0] = 0;
    const sw_rows rows = {
        .ids = ids, .target = target, .ends = &end, .count = 1, .token_count = TOKENS};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        sw_training t = small_settings();
        t.method = cases[i].full ? SW_METHOD_FULL : SW_METHOD_LORA;
        t.lora = (sw_lora_settings){.r = 16,
                                    .lora_alpha = 32,
                                    .target_count = 7,
                                    .targets = {"q_proj", "k_proj", "v_proj", "o_proj", "gate_proj",
                                                "up_proj", "down_proj"}};
        sw_train_job job = job_of(&f->model, &t, &rows);
        job.model = &model;
        sw_train_budget b = plan_of(&job, 1, cases[i].recompute);
        assert_true(b.tokens == 6.0 * TOKENS);
        assert_true(fabs(b.operations / b.tokens / 1e9 - cases[i].expected) < 0.02);
    }
}

/* From 512 tokens of a micro-batch on frozen matrices are not packed but read as they lie, and the
 * plan counts what that keeps of the file. A layer's work and the loss's share one place. */
static void test_held_once(void **state) {
    const fixture *f = *state;
    const sw_model *model = &f->model.model;
    size_t weights = 0;
    for (size_t i = 0; i < model->config.num_hidden_layers; i++) {
        const sw_model_layer *l = &model->layers[i];
        weights += l->q_proj.data.size + l->k_proj.data.size + l->v_proj.data.size +
                   l->o_proj.data.size + l->gate_proj.data.size + l->up_proj.data.size +
                   l->down_proj.data.size;
    }
    for (uint32_t rows = 1; rows <= 40; rows += 39) {
        sw_training t = small_settings();
        t.per_device_train_batch_size = rows;
        sw_train_job job = job_of(&f->model, &t, &f->rows);
        sw_train_budget b = plan_of(&job, 1, false);
        bool many = rows > 1;
        assert_int_equal(part_of(&b, "frozen weights"),
                         many ? weights + model->lm_head.data.size : 0);
        assert_int_equal(part_of(&b, "packed weights") == 0, many);
        assert_int_equal(part_of(&b, "packed head") == 0, many);
        assert_int_equal(part_of(&b, "output"), 0); /* there is room when it is made */
        assert_true(part_of(&b, "work of a layer or the loss") > 0);
    }
}

/* A limit of one byte less than is needed is refused in words, and what the hint says fits. */
static void test_memory_refusals(void **state) {
    const fixture *f = *state;
    for (int full = 0; full < 2; full++) {
        sw_training t = small_settings();
        t.method = full ? SW_METHOD_FULL : SW_METHOD_LORA;
        t.per_device_train_batch_size = 8;
        sw_train_job job = job_of(&f->model, &t, &f->rows);
        sw_train_budget kept = plan_of(&job, 1, false), lean = plan_of(&job, 1, true), out;
        sw_error err = {0};
        assert_int_equal(sw_train_fit(&job, 1, kept.bytes, &out, &err), SW_OK);
        assert_false(out.recompute);
        assert_int_equal(sw_train_fit(&job, 1, kept.bytes - 1, &out, &err), SW_OK);
        assert_true(out.recompute); /* that alone makes it fit */
        assert_int_equal(out.bytes, lean.bytes);
        out.bytes = 7;
        assert_int_equal(sw_train_fit(&job, 1, lean.bytes - 1, &out, &err), SW_MEMORY);
        assert_int_equal(out.bytes, 7);
        assert_string_equal(err.word, "memory");
        assert_non_null(strstr(err.message, lean.parts[0].name));
        unsigned rows, windows;
        assert_int_equal(sscanf(err.hint,
                                "with per_device_train_batch_size: %u and "
                                "gradient_accumulation_steps: %u it takes",
                                &rows, &windows),
                         2);
        assert_int_equal(rows * windows, 8 * t.gradient_accumulation_steps);
        t.per_device_train_batch_size = rows;
        t.gradient_accumulation_steps = windows;
        assert_int_equal(sw_train_fit(&job, 1, lean.bytes - 1, &out, &err), SW_OK);
        assert_int_equal(sw_train_fit(&job, 1, 4096, &out, &err), SW_MEMORY);
        assert_non_null(strstr(err.hint, "max_length"));
    }
}

/* A batch that halves to no whole step: the hint names one that divides it. */
static void test_uneven_batch(void **state) {
    const fixture *f = *state;
    sw_training t = small_settings();
    t.per_device_train_batch_size = 5;
    t.gradient_accumulation_steps = 1;
    sw_train_job job = job_of(&f->model, &t, &f->rows);
    sw_train_budget lean = plan_of(&job, 1, true), out;
    sw_error err = {0};
    assert_int_equal(sw_train_fit(&job, 1, lean.bytes - 1, &out, &err), SW_MEMORY);
    assert_non_null(strstr(err.hint, "per_device_train_batch_size: 1 and "
                                     "gradient_accumulation_steps: 5 it takes"));
}

/* What can be said without rows: the same refusals, and how large a state is, to the byte. */
static void test_check(void **state) {
    const fixture *f = *state;
    for (int change = 0; change < 4; change++) {
        sw_training t = small_settings();
        sw_train_sizes sizes = {0};
        sw_error err = {0};
        if (change == 1) strcpy(t.lora.targets[0], "proj");
        if (change == 2) t.lora.alpha_pattern = (sw_lora_patterns){1, {{"nothing", 2}}};
        if (change == 3) t.max_length = 0;
        sw_status status = sw_train_check(&t, &f->model.model.config, &sizes, &err);
        assert_int_equal(status, change ? SW_REFUSED : SW_OK);
        if (change) continue;
        memory kept = memory_new();
        t.max_steps = 1;
        sw_train_job job = job_of(&f->model, &t, &f->rows);
        sw_train_host host = host_of(&kept);
        run_job(&job, &host);
        assert_int_equal(sizes.state_bytes, kept.state.size);
        assert_true(sizes.output_bytes > 0 && sizes.output_bytes < kept.state.size);
        memory_drop(&kept);
    }
}

/* Where full training cannot fit at all, LoRA is offered when it does. */
static void test_lora_instead(void **state) {
    const fixture *f = *state;
    sw_training t = small_settings();
    t.per_device_train_batch_size = 1;
    t.method = SW_METHOD_FULL;
    sw_train_job job = job_of(&f->model, &t, &f->rows);
    sw_train_budget full = plan_of(&job, 1, true), out;
    t.method = SW_METHOD_LORA;
    size_t lora = plan_of(&job, 1, true).bytes;
    assert_true(lora < full.bytes);
    t.method = SW_METHOD_FULL;
    sw_error err = {0};
    assert_int_equal(sw_train_fit(&job, 1, full.bytes - 1, &out, &err), SW_MEMORY);
    assert_non_null(strstr(err.hint, "with method: lora, "));
}

/* ---- rows ---- */

static void test_rows_beyond_the_context(void **state) {
    const fixture *f = *state;
    sw_training t = small_settings();
    sw_model model = f->model.model;
    sw_train_job job = job_of(&f->model, &t, &f->rows);
    uint64_t longest = 0;
    size_t which = 0;
    for (size_t i = 0; i < f->rows.count; i++) {
        uint64_t size = f->rows.ends[i] - (i ? f->rows.ends[i - 1] : 0);
        if (size > longest) which = i;
        if (size > longest) longest = size;
    }
    memory kept = memory_new();
    sw_train_host host = host_of(&kept);
    sw_train_budget b;
    sw_error err = {0};
    bool stopped;
    char expected[64];
    job.model = &model;
    model.config.max_position_embeddings = (uint32_t)longest;
    assert_int_equal(sw_train_plan(&job, 1, false, &b, &err), SW_OK);
    model.config.max_position_embeddings = (uint32_t)longest - 1;
    assert_int_equal(sw_train_plan(&job, 1, false, &b, &err), SW_REFUSED);
    assert_int_equal(sw_train_run(&job, &host, &stopped, &err), SW_REFUSED);
    snprintf(expected, sizeof expected, "row %zu has %llu tokens", which + 1,
             (unsigned long long)longest);
    assert_string_equal(err.word, "rows");
    assert_non_null(strstr(err.message, expected));
    assert_int_equal(kept.steps, 0);
    memory_drop(&kept);
}

/* ---- a state that is no number ---- */

/* As state.c has it, to make a checkpoint that this job accepts. */
static void put_checksum(sw_buffer *image) {
    uint64_t body = image->size - 8, h = body, word;
    for (uint64_t at = 0; at <= body; at += 8) { /* the last word is filled with zeros */
        word = 0;
        memcpy(&word, image->data + at, body - at < 8 ? body - at : 8);
        h = (h ^ word) * 0x9e3779b97f4a7c15u;
        h ^= h >> 29;
    }
    memcpy(image->data + body, &h, sizeof h);
}

/* The update itself overflows: the loss before it was a number, the values behind it are not. The
 * last checkpoint stays the good one. */
static void test_a_spoilt_state_is_not_kept(void **state) {
    const fixture *f = *state;
    sw_training t = small_settings();
    t.save_steps = 1;
    memory kept = memory_new();
    sw_train_job job = job_of(&f->model, &t, &f->rows);
    sw_train_host host = host_of(&kept);
    kept.stop_at = 2;
    run_job(&job, &host);
    assert_int_equal(kept.state_step, 2);
    uint64_t numbers = (kept.state.size - 8 - kept.values.size * 3);
    float huge = 3e38f; /* a first moment: finite, and a hundredth of it is not once corrected */
    memcpy(kept.state.data + numbers + kept.values.size, &huge, sizeof huge);
    put_checksum(&kept.state);
    memory next = memory_new();
    sw_train_host again = host_of(&next);
    sw_error err = {0};
    bool stopped;
    job.resume = sw_buffer_bytes(&kept.state);
    assert_int_equal(sw_train_run(&job, &again, &stopped, &err), SW_REFUSED);
    assert_string_equal(err.word, "diverged");
    assert_non_null(strstr(err.message, "step 3"));
    assert_int_equal(next.checkpoints, 0);
    assert_int_equal(next.outputs.size, 0);
    memory_drop(&next);
    memory_drop(&kept);
}

static void seen_ready(void *context, uint64_t done, uint64_t total) {
    memory *m = context;
    assert_int_equal(m->steps, 0);
    assert_int_equal(total, 6);
    m->loss[STEP_LIMIT - 1] = (double)done + 1;
}

static void test_ready_once(void **state) {
    const fixture *f = *state;
    sw_training t = small_settings();
    memory first = memory_new(), second = memory_new();
    sw_train_job job = job_of(&f->model, &t, &f->rows);
    sw_train_host a = host_of(&first), b = host_of(&second);
    first.stop_at = 2;
    a.ready = b.ready = seen_ready;
    run_job(&job, &a);
    assert_true(first.loss[STEP_LIMIT - 1] == 1);
    job.resume = sw_buffer_bytes(&first.state);
    run_job(&job, &b);
    assert_true(second.loss[STEP_LIMIT - 1] == 3);
    memory_drop(&first);
    memory_drop(&second);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_plan),
                                       cmocka_unit_test(test_many_epochs),
                                       cmocka_unit_test(test_operations),
                                       cmocka_unit_test(test_held_once),
                                       cmocka_unit_test(test_tokeniser),
                                       cmocka_unit_test(test_memory_refusals),
                                       cmocka_unit_test(test_uneven_batch),
                                       cmocka_unit_test(test_check),
                                       cmocka_unit_test(test_lora_instead),
                                       cmocka_unit_test(test_rows_beyond_the_context),
                                       cmocka_unit_test(test_a_spoilt_state_is_not_kept),
                                       cmocka_unit_test(test_ready_once)};
    return cmocka_run_group_tests_name("plan", tests, fixture_open, fixture_close);
}
