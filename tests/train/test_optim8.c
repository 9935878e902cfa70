/* SPDX-License-Identifier: Apache-2.0
 *
 * Training with `optim: adamw_bnb_8bit`: beside AdamW in f32 and beside TRL with bitsandbytes
 * (tests/train/golden/optim8.json, written by tests/parity/optim8.py --golden), the bit rule, the
 * memory that it saves, and what a checkpoint refuses.
 */
#include "golden.h"
#include "train/engine.h"

/* Of the miniature, two layers: q, o of 64 by 64, three of 64 by 128; not k, v, norms and table. */
#define CODED_ELEMENTS (2 * (2 * 4096 + 3 * 8192))

static sw_training full_settings(sw_optimiser optim) {
    sw_training t = small_settings();
    t.method = SW_METHOD_FULL;
    t.profile = SW_PROFILE_FP32_REF;
    t.learning_rate = 2e-3;
    t.weight_decay = 0.1;
    t.optim = optim;
    return t;
}

/* Adapters wide enough to be coded: 64 by 64 and more. */
static sw_training lora_settings(void) {
    sw_training t = small_settings();
    t.lora.r = 64;
    t.lora.lora_alpha = 64;
    t.optim = SW_OPTIMISER_ADAMW_8BIT;
    return t;
}

static void test_beside_f32(void **state) {
    const fixture *f = *state;
    memory wide = memory_new(), coded = memory_new();
    for (int i = 0; i < 2; i++) {
        sw_training t = full_settings(i ? SW_OPTIMISER_ADAMW_8BIT : SW_OPTIMISER_ADAMW);
        t.max_steps = 20;
        sw_train_job job = job_of(&f->model, &t, &f->rows);
        sw_train_host host = host_of(i ? &coded : &wide);
        run_job(&job, &host);
    }
    assert_true(wide.loss[19] < 0.9 * wide.loss[0]);
    bool differ = false;
    for (size_t i = 0; i < 20; i++) {
        if (fabs(coded.loss[i] / wide.loss[i] - 1) > 2e-4) {
            fail_msg("step %zu: %.9g in 8 bits, %.9g in f32", i + 1, coded.loss[i], wide.loss[i]);
        }
        differ |= coded.loss[i] != wide.loss[i];
    }
    assert_true(differ);
    memory_drop(&wide);
    memory_drop(&coded);
}

static void test_beside_trl(void **state) {
    const fixture *f = *state;
    sw_arena arena = {0};
    sw_buffer text = SW_BUFFER(LIMIT);
    const sw_json *runs = sw_json_member(golden(&arena, &text, "optim8"), "runs");
    assert_int_equal(runs->count, 2);
    for (const sw_json *run = runs->first; run; run = run->next) {
        sw_training t = settings_of(sw_json_member(run, "settings"));
        sw_rows rows = {0};
        memory kept = memory_new();
        miniature m; /* f32, as TRL had it */
        miniature_open(&m, "");
        t.optim = SW_OPTIMISER_ADAMW_8BIT;
        read_rows(&m, &t, "tests/parity/data/pairs.jsonl", &rows);
        sw_train_job job = job_of(&m, &t, &rows);
        sw_train_host host = host_of(&kept);
        run_job(&job, &host);
        assert_int_equal(kept.steps, 20);
        check_series("loss", kept.loss, kept.steps, sw_json_member(run, "loss"), 2e-4);
        memory_drop(&kept);
        sw_rows_free(&rows);
        miniature_close(&m);
    }
    sw_buffer_free(&text);
    sw_arena_free(&arena);
    (void)f;
}

static void jumbled_run(void *pool, size_t count, void (*fn)(void *, size_t, size_t),
                        void *context) {
    size_t lanes = *(const size_t *)pool;
    for (size_t i = count; i-- > 0;) fn(context, i, i % lanes);
}

static void check_bit_rule(const fixture *f, const sw_training *t) {
    memory whole = memory_new(), other = memory_new();
    size_t lanes = 3;
    sw_train_job job = job_of(&f->model, t, &f->rows);
    sw_train_host host = host_of(&whole);
    run_job(&job, &host);
    assert_true(whole.loss[5] < whole.loss[0]);
    host = host_of(&other);
    host.parallel = (sw_parallel){.pool = &lanes, .run = jumbled_run, .lanes = lanes};
    run_job(&job, &host);
    same_bytes(&whole.state, &other.state);
    same_bytes(&whole.outputs, &other.outputs);
    memory_drop(&other);
    for (uint64_t stop = 1; stop < t->max_steps; stop += 2) {
        memory first = memory_new(), second = memory_new();
        first.stop_at = stop;
        sw_train_host a = host_of(&first), b = host_of(&second);
        job.resume = (sw_bytes){0};
        assert_true(run_job(&job, &a));
        job.resume = sw_buffer_bytes(&first.state);
        assert_false(run_job(&job, &b));
        same_bytes(&second.state, &whole.state);
        same_bytes(&second.outputs, &whole.outputs);
        memory_drop(&first);
        memory_drop(&second);
    }
    memory_drop(&whole);
}

static void test_bit_rule(void **state) {
    const fixture *f = *state;
    sw_training full = full_settings(SW_OPTIMISER_ADAMW_8BIT), lora = lora_settings();
    check_bit_rule(f, &full);
    check_bit_rule(f, &lora);
}

/* An element's two moments take 2 bytes instead of 8, a block's two scales 8. */
static void test_memory_shrinks(void **state) {
    const fixture *f = *state;
    size_t bytes[2], image[2];
    for (int i = 0; i < 2; i++) {
        sw_training t = full_settings(i ? SW_OPTIMISER_ADAMW_8BIT : SW_OPTIMISER_ADAMW);
        memory kept = memory_new();
        t.max_steps = 1;
        sw_train_job job = job_of(&f->model, &t, &f->rows);
        sw_train_host host = host_of(&kept);
        sw_train_budget budget;
        assert_int_equal(sw_train_plan(&job, 1, false, &budget, NULL), SW_OK);
        bytes[i] = budget.bytes;
        run_job(&job, &host);
        image[i] = kept.state.size;
        memory_drop(&kept);
    }
    size_t saved = 6 * CODED_ELEMENTS - 8 * (CODED_ELEMENTS / SW_DYNAMIC_BLOCK);
    assert_int_equal(image[0] - image[1], saved);
    assert_in_range(bytes[0] - bytes[1], saved - SW_SLAB_ALIGNMENT, saved + SW_SLAB_ALIGNMENT);
}

/* ---- damaged images ---- */

static uint64_t mix(uint64_t h, uint64_t word) {
    h = (h ^ word) * 0x9e3779b97f4a7c15u;
    return h ^ (h >> 29);
}

static void sign_image(uint8_t *image, size_t size) { /* CKP-007 */
    size_t body = size - sizeof(uint64_t);
    uint64_t h = body;
    for (size_t at = 0; at <= body; at += sizeof h) {
        uint64_t word = 0;
        memcpy(&word, image + at, body - at < sizeof word ? body - at : sizeof word);
        h = mix(h, word);
    }
    memcpy(image + body, &h, sizeof h);
}

static sw_status resume_with(const fixture *f, const sw_training *t, sw_bytes state) {
    memory kept = memory_new();
    sw_train_job job = job_of(&f->model, t, &f->rows);
    sw_train_host host = host_of(&kept);
    bool stopped;
    job.resume = state;
    sw_status status = sw_train_run(&job, &host, &stopped, NULL);
    if (status != SW_OK) assert_int_equal(kept.steps + kept.outputs.size + kept.checkpoints, 0);
    memory_drop(&kept);
    return status;
}

static void test_checkpoint_refusals(void **state) {
    const fixture *f = *state;
    sw_training t = full_settings(SW_OPTIMISER_ADAMW_8BIT);
    memory kept = memory_new();
    sw_train_job job = job_of(&f->model, &t, &f->rows);
    sw_train_host host = host_of(&kept);
    kept.stop_at = 2;
    run_job(&job, &host);
    size_t size = kept.state.size, codes = 2 * CODED_ELEMENTS;
    size_t blocks = 2 * (CODED_ELEMENTS / SW_DYNAMIC_BLOCK);
    uint8_t *image = kept.state.data, *absmax = image + size - 8 - codes - 4 * blocks;
    sw_bytes whole = SW_BYTES(image, size);
    sign_image(image, size); /* our own sum is the engine's */
    assert_int_equal(resume_with(f, &t, whole), SW_OK);
    for (size_t cut = 1; cut < size; cut += 9973) {
        assert_int_not_equal(resume_with(f, &t, SW_BYTES(image, size - cut)), SW_OK);
    }
    for (size_t bit = 0; bit < 8 * size; bit += 80021) {
        image[bit / 8] ^= (uint8_t)(1u << bit % 8);
        assert_int_not_equal(resume_with(f, &t, whole), SW_OK);
        image[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    const uint32_t bad[] = {0x80000000u, 0xbf800000u, 0x7f800000u, 0x7fc00000u, 0xff800000u};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        for (size_t block = 0; block < blocks; block += blocks - 1) {
            uint32_t good;
            memcpy(&good, absmax + 4 * block, sizeof good);
            memcpy(absmax + 4 * block, &bad[i], sizeof good);
            sign_image(image, size);
            assert_int_equal(resume_with(f, &t, whole), SW_MALFORMED);
            memcpy(absmax + 4 * block, &good, sizeof good);
        }
    }
    sign_image(image, size);
    assert_int_equal(resume_with(f, &t, whole), SW_OK);
    t.optim = SW_OPTIMISER_ADAMW;
    assert_int_equal(resume_with(f, &t, whole), SW_REFUSED);
    memory_drop(&kept);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_beside_f32),
        cmocka_unit_test(test_beside_trl),
        cmocka_unit_test(test_bit_rule),
        cmocka_unit_test(test_memory_shrinks),
        cmocka_unit_test(test_checkpoint_refusals),
    };
    return cmocka_run_group_tests_name("8-bit AdamW", tests, fixture_open, fixture_close);
}
