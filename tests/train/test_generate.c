/* SPDX-License-Identifier: Apache-2.0
 *
 * Generation with kept keys and values gives what logits of the whole sequence give; an adapter
 * changes them as it should; schedules; and a warm step takes nothing from the allocator.
 */
#include "support.h"
#include "train/schedule.h"
/* golden data second */
#include "golden_schedules.h"

#define VOCAB 320

static sw_generate_job generate_job(const miniature *m, const uint32_t *prompt, size_t count,
                                    sw_profile profile) {
    return (sw_generate_job){.model = &m->model,
                             .prompt = prompt,
                             .prompt_count = count,
                             .max_new_tokens = 12,
                             .profile = profile};
}

static void test_generate_follows_logits(void **state) {
    const miniature *m = *state;
    sw_parallel lanes = sw_parallel_serial();
    for (sw_profile profile = 0; profile <= SW_PROFILE_BF16_AMX; profile++) {
        uint32_t ids[32] = {1, 40, 77, 301, 290, 100};
        static float logits[32 * VOCAB];
        sw_tokens out = {0};
        sw_generate_job job = generate_job(m, ids, 6, profile);
        assert_int_equal(sw_generate(&job, &lanes, &out, NULL), SW_OK);
        assert_int_equal(out.count, 12);
        for (size_t i = 0; i < out.count; i++) {
            job.prompt_count = 6 + i;
            assert_int_equal(sw_logits(&job, &lanes, logits, NULL), SW_OK);
            const float *last = logits + (5 + i) * VOCAB;
            size_t best = 0;
            for (size_t v = 1; v < VOCAB; v++) best = last[v] > last[best] ? v : best;
            assert_int_equal(out.ids[i], best);
            ids[6 + i] = out.ids[i];
        }
        job.prompt_count = 6;
        const sw_token_ends ends[] = {{.ids = {out.ids[4]}, .count = 1},
                                      {.ids = {VOCAB, 2, out.ids[4]}, .count = 3, .listed = true}};
        size_t first = 0;
        while (out.ids[first] != out.ids[4]) first++;
        for (size_t i = 0; i < 2; i++) {
            job.ends = &ends[i];
            out.count = 0;
            assert_int_equal(sw_generate(&job, &lanes, &out, NULL), SW_OK);
            assert_int_equal(out.count, first); /* ends before the token that ends it */
        }
        sw_tokens_free(&out);
    }
}

static void test_generate_refusals(void **state) {
    const miniature *m = *state;
    sw_parallel lanes = sw_parallel_serial();
    const uint32_t good[] = {1, 2, 3}, bad[] = {1, VOCAB, 3};
    static float a[64], b[64 * 4];
    sw_adapter_pair pair = {
        .module = "model.layers.0.self_attn.q_proj", .in = 64, .out = 64, .a = a, .b = b};
    for (int change = 0; change < 11; change++) {
        sw_generate_job job = generate_job(m, good, 3, SW_PROFILE_FP32_REF);
        sw_adapter_pair one = pair;
        sw_tokens out = {0};
        sw_adapter adapter = {.lora = {.r = 4, .lora_alpha = 4}, .pairs = &one, .pair_count = 1};
        job.adapter = &adapter;
        if (change == 0) job.prompt_count = 0;
        if (change == 1) job.prompt = bad;
        if (change == 2) job.max_new_tokens = SIZE_MAX;
        if (change == 10) job.max_new_tokens = SIZE_MAX / 8; /* times a width it would wrap */
        if (change == 3) strcpy(one.module, "model.layers.2.self_attn.q_proj");
        if (change == 4) one.in = 32;
        if (change == 5) one.out = 32;
        if (change == 6) adapter.embed_tokens = (sw_adapter_table){VOCAB - 1, 64, a};
        if (change == 7) adapter.embed_tokens = (sw_adapter_table){VOCAB, 63, a};
        if (change == 8) adapter.lm_head = (sw_adapter_table){VOCAB + 1, 64, a};
        if (change == 9) adapter.lm_head = (sw_adapter_table){64, VOCAB, a};
        assert_int_not_equal(sw_generate(&job, &lanes, &out, NULL), SW_OK);
        assert_int_equal(out.count, 0);
        sw_tokens_free(&out);
    }
}

static void test_prompt_beyond_the_positions(void **state) {
    const miniature *m = *state;
    sw_parallel lanes = sw_parallel_serial();
    static const uint32_t prompt[] = {1, 40, 77, 301, 290, 100};
    sw_model model = m->model;
    sw_tokens out = {0};
    sw_error err = {0};
    sw_generate_job job = generate_job(m, prompt, 6, SW_PROFILE_FP32_REF);
    job.model = &model;
    model.config.max_position_embeddings = 5;
    assert_int_equal(sw_generate(&job, &lanes, &out, &err), SW_LIMIT);
    assert_non_null(strstr(err.message, "6 tokens, more than the 5 positions"));
    model.config.max_position_embeddings = 6;
    assert_int_equal(sw_generate(&job, &lanes, &out, &err), SW_OK);
    sw_tokens_free(&out);
}

/* Two outputs of a run as an adapter folder in memory. */
static void read_adapter(sw_arena *arena, const sw_buffer *outputs, sw_adapter *out) {
    sw_reader r = sw_reader_of(sw_buffer_bytes(outputs));
    sw_model_file files[2];
    for (size_t i = 0; i < 2; i++) {
        files[i].name = sw_arena_text(arena, sw_read_field(&r, 63));
        files[i].bytes = sw_read_field(&r, LIMIT);
    }
    assert_int_equal(sw_adapter_read(arena, files, 2, out, NULL), SW_OK);
}

/* Mean negative log likelihood of the one row's targets, from whole logits. */
static double row_loss(const sw_generate_job *job, const sw_rows *row) {
    static float logits[128 * VOCAB];
    sw_parallel lanes = sw_parallel_serial();
    double loss = 0, targets = 0;
    assert_int_equal(sw_logits(job, &lanes, logits, NULL), SW_OK);
    for (size_t at = 1; at < row->token_count; at++) {
        const float *x = logits + (at - 1) * VOCAB;
        double sum = 0;
        if (!row->target[at]) continue;
        for (size_t v = 0; v < VOCAB; v++) sum += exp((double)x[v]);
        loss += log(sum) - x[row->ids[at]];
        targets++;
    }
    return loss / targets;
}

/* Plain, by patterns, with saved embedding and head, with DoRA. */
static sw_training adapted(int which) {
    sw_training t = small_settings();
    t.profile = SW_PROFILE_FP32_REF;
    t.lr_scheduler_type = SW_SCHEDULE_CONSTANT;
    if (which == 1) {
        t.lora.rank_pattern = (sw_lora_patterns){1, {{"q_proj", 7}}};
        t.lora.alpha_pattern = (sw_lora_patterns){1, {{"layers.1.mlp.down_proj", 3}}};
        t.lora.use_rslora = true;
    }
    if (which == 2) {
        t.lora.save_count = 2;
        strcpy(t.lora.save[0], "lm_head");
        strcpy(t.lora.save[1], "embed_tokens");
    }
    t.lora.use_dora = which == 3;
    return t;
}

/* The adapter that a run wrote, read back, gives the loss that a longer run sees at its next step.
 */
static void test_adapter_logits(void **state) {
    const miniature *m = *state;
    for (int which = 0; which < 4; which++) {
        sw_training t = adapted(which);
        sw_rows row = {0};
        memory three = memory_new(), four = memory_new();
        read_rows(m, &t, "tests/parity/data/pairs.jsonl", &row);
        row.count = 1;
        row.token_count = row.ends[0];
        sw_train_job job = job_of(m, &t, &row);
        sw_train_host short_host = host_of(&three), long_host = host_of(&four);
        t.max_steps = 3;
        run_job(&job, &short_host);
        t.max_steps = 4;
        run_job(&job, &long_host);
        sw_arena arena = {0};
        sw_adapter adapter;
        read_adapter(&arena, &three.outputs, &adapter);
        assert_int_equal(adapter.pair_count, 6);
        sw_generate_job g = generate_job(m, row.ids, row.token_count, SW_PROFILE_FP32_REF);
        assert_true(fabs(row_loss(&g, &row) - four.loss[0]) < 1e-5);
        g.adapter = &adapter;
        assert_true(fabs(row_loss(&g, &row) - four.loss[3]) < 1e-5);
        assert_true(four.loss[3] < four.loss[0] - 1e-3);
        sw_arena_free(&arena);
        memory_drop(&three);
        memory_drop(&four);
        sw_rows_free(&row);
    }
}

/* transformers' factors, worked out by hand. */
static void test_schedules(void **state) {
    (void)state;
    const struct {
        sw_schedule type;
        double warmup;
        uint64_t done, total;
        double factor;
    } cases[] = {{SW_SCHEDULE_LINEAR, 0, 0, 10, 1},
                 {SW_SCHEDULE_LINEAR, 0, 5, 10, 0.5},
                 {SW_SCHEDULE_LINEAR, 2, 0, 10, 0},
                 {SW_SCHEDULE_LINEAR, 2, 1, 10, 0.5},
                 {SW_SCHEDULE_LINEAR, 2, 2, 10, 1},
                 {SW_SCHEDULE_LINEAR, 2, 6, 10, 0.5},
                 {SW_SCHEDULE_LINEAR, 0.25, 1, 10, 1.0 / 3}, /* ceil(2.5) = 3 steps */
                 {SW_SCHEDULE_COSINE, 0, 0, 8, 1},
                 {SW_SCHEDULE_COSINE, 0, 4, 8, 0.5},
                 {SW_SCHEDULE_COSINE, 4, 6, 8, 0.5},
                 {SW_SCHEDULE_COSINE, 0, 2, 8, 0.85355339059327373},
                 {SW_SCHEDULE_CONSTANT, 5, 0, 10, 1},
                 {SW_SCHEDULE_CONSTANT_WITH_WARMUP, 5, 1, 10, 0.2},
                 {SW_SCHEDULE_CONSTANT_WITH_WARMUP, 5, 9, 10, 1}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        sw_training t = {.learning_rate = 3,
                         .lr_scheduler_type = cases[i].type,
                         .warmup_steps = cases[i].warmup};
        double rate = sw_schedule_rate(&t, cases[i].done, cases[i].total);
        assert_true(fabs(rate - 3 * cases[i].factor) < 1e-12);
    }
}

static void test_schedules_of_transformers(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof golden_schedules / sizeof *golden_schedules; i++) {
        sw_training t;
        sw_training_defaults(&t);
        t.learning_rate = GOLDEN_PEAK;
        t.lr_scheduler_type = golden_schedules[i].type;
        t.warmup_steps = golden_schedules[i].warmup;
        t.scheduler = golden_schedules[i].scheduler;
        bool idle = t.lr_scheduler_type == SW_SCHEDULE_CONSTANT && t.warmup_steps > 0;
        assert_int_equal(sw_training_check(&t, NULL), idle ? SW_REFUSED : SW_OK);
        for (uint64_t s = 0; s < golden_schedules[i].total + 2; s++) {
            double rate = sw_schedule_rate(&t, s, golden_schedules[i].total);
            if (!(fabs(rate - golden_schedules[i].rates[s]) <= 1e-12 * GOLDEN_PEAK))
                fail_msg("schedule %zu, step %llu: %.17g", i, (unsigned long long)s, rate);
        }
    }
}

#if defined(SW_VARIANT_ASAN) || defined(SW_VARIANT_TSAN)
__attribute__((visibility("default"))) void __sanitizer_malloc_hook(const volatile void *p,
                                                                    size_t size);
static size_t allocations;
void __sanitizer_malloc_hook(const volatile void *p, size_t size) {
    (void)p;
    (void)size;
    allocations++;
}
#else
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *p, size_t size);
static size_t allocations;
void *malloc(size_t size) {
    allocations++;
    return __libc_malloc(size);
}
void *calloc(size_t count, size_t size) {
    allocations++;
    return __libc_calloc(count, size);
}
void *realloc(void *p, size_t size) {
    allocations++;
    return __libc_realloc(p, size);
}
#endif

typedef struct counter {
    size_t at[STEP_LIMIT], steps;
} counter;

static sw_status count_step(void *context, const sw_train_step *s, sw_error *err) {
    (void)err;
    counter *c = context;
    c->at[s->step - 1] = allocations;
    c->steps = s->step;
    return SW_OK;
}

static sw_status nothing(void *context, uint64_t step, sw_bytes state, sw_error *err) {
    (void)context;
    (void)step;
    (void)state;
    (void)err;
    return SW_OK;
}

static sw_status no_output(void *context, const char *name, sw_bytes bytes, sw_error *err) {
    (void)context;
    (void)name;
    (void)bytes;
    (void)err;
    return SW_OK;
}

static void test_no_allocation_in_a_step(void **state) {
    const miniature *m = *state;
    for (int method = SW_METHOD_FULL; method <= SW_METHOD_QLORA; method++) {
        sw_training t = small_settings();
        sw_rows rows = {0};
        counter c = {0};
        sw_pool *pool;
        t.max_steps = 20; /* three epochs: the order is shuffled again on the way */
        t.save_steps = 3;
        t.method = (sw_method)method;
        read_rows(m, &t, "tests/parity/data/pairs.jsonl", &rows);
        assert_int_equal(sw_pool_open(2, &pool, NULL), SW_OK);
        sw_train_job job = job_of(m, &t, &rows);
        sw_train_host host = {.context = &c,
                              .step = count_step,
                              .checkpoint = nothing,
                              .output = no_output,
                              .parallel = {.pool = pool, .run = pool_run, .lanes = 2}};
        size_t before = allocations;
        run_job(&job, &host);
        assert_true(allocations > before); /* the counter counts */
        assert_int_equal(c.steps, 20);
        for (size_t i = 1; i < 20; i++) assert_int_equal(c.at[i], c.at[0]);
        sw_pool_close(&pool);
        sw_rows_free(&rows);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_generate_follows_logits),
                                       cmocka_unit_test(test_generate_refusals),
                                       cmocka_unit_test(test_prompt_beyond_the_positions),
                                       cmocka_unit_test(test_adapter_logits),
                                       cmocka_unit_test(test_schedules),
                                       cmocka_unit_test(test_schedules_of_transformers),
                                       cmocka_unit_test(test_no_allocation_in_a_step)};
    return cmocka_run_group_tests_name("generate", tests, group_open, group_close);
}
