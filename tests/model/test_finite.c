/* SPDX-License-Identifier: Apache-2.0
 *
 * A weight that is no number is found in every tensor, at its first, a middle and its last element,
 * and named by file, tensor and element; the largest numbers pass.
 */
#include "sys/pool.h"
#include "train/support.h"

typedef struct place {
    const sw_tensor_view *view;
    const char *file;
} place;

/* Every tensor of the model, by walking the views of all layers. */
static size_t places_of(const miniature *m, const sw_tensor_view **out) {
    size_t count = 0;
    out[count++] = &m->model.embed_tokens;
    out[count++] = &m->model.norm;
    out[count++] = &m->model.lm_head;
    for (uint32_t l = 0; l < m->model.config.num_hidden_layers; l++) {
        const sw_tensor_view *views = (const sw_tensor_view *)&m->model.layers[l];
        for (size_t i = 0; i < sizeof(sw_model_layer) / sizeof *views; i++)
            if (views[i].dim_count) out[count++] = &views[i];
    }
    return count;
}

static sw_status check(const miniature *m, const sw_parallel *parallel, sw_error *err) {
    const sw_finite_check c = {
        .model = &m->model, .files = m->files, .file_count = m->count, .parallel = parallel};
    return sw_model_check_finite(&c, err);
}

/* An element set to these bits, the search, and the element set back. */
static sw_status with_bits(const miniature *m, const sw_tensor_view *t, size_t index, uint32_t bits,
                           const sw_parallel *parallel, sw_error *err) {
    size_t size = sw_dtype_bytes(t->dtype);
    uint8_t *at = (uint8_t *)(uintptr_t)t->data.data + index * size, old[4];
    memcpy(old, at, size);
    memcpy(at, &bits, size);
    sw_status status = check(m, parallel, err);
    memcpy(at, old, size);
    return status;
}

static void test_every_tensor(void **state) {
    const miniature *m = *state;
    const sw_tensor_view *views[256];
    size_t count = places_of(m, views);
    sw_parallel serial = sw_parallel_serial();
    sw_error err = {0};
    bool f32 = m->model.dtype == SW_DTYPE_F32;
    const uint32_t none[] = {0x7f800000, 0xff800000, 0x7fc00000, 0xffffffff, 0x7f810000};
    const uint32_t numbers[] = {0x7f7f0000, 0xff7f0000, 0x00000000, 0x80000000, 0x00010000};
    assert_int_equal(check(m, &serial, &err), SW_OK);
    for (size_t v = 0; v < count; v++) {
        size_t elements = views[v]->data.size / sw_dtype_bytes(views[v]->dtype);
        const size_t at[] = {0, elements / 2, elements - 1};
        for (size_t i = 0; i < 3; i++) {
            char expected[160];
            snprintf(expected, sizeof expected, ".safetensors: element %zu of tensor %.*s is no",
                     at[i], (int)views[v]->name.size, (const char *)views[v]->name.data);
            for (size_t k = 0; k < 5; k++) {
                uint32_t bad = f32 ? none[k] : none[k] >> 16,
                         good = f32 ? numbers[k] : numbers[k] >> 16;
                assert_int_equal(with_bits(m, views[v], at[i], bad, &serial, &err), SW_REFUSED);
                assert_string_equal(err.word, "model");
                if (!strstr(err.message, expected)) fail_msg("%s", err.message);
                assert_int_equal(with_bits(m, views[v], at[i], good, &serial, &err), SW_OK);
            }
        }
    }
}

static void test_threads(void **state) {
    const miniature *m = *state;
    sw_pool *pool;
    assert_int_equal(sw_pool_open(3, &pool, NULL), SW_OK);
    sw_parallel three = {pool, pool_run, 3};
    sw_error err = {0};
    uint32_t nan = m->model.dtype == SW_DTYPE_F32 ? 0x7fc00000 : 0x7fc0;
    assert_int_equal(check(m, &three, &err), SW_OK);
    assert_int_equal(with_bits(m, &m->model.embed_tokens, 5, nan, &three, &err), SW_REFUSED);
    sw_pool_close(&pool);
}

static int open_with(void **state, const char *options) {
    static miniature m;
    miniature_open(&m, options);
    *state = &m;
    return 0;
}
static int open_f32(void **state) {
    return open_with(state, "--untied --shards 2");
}
static int open_bf16(void **state) {
    return open_with(state, "--dtype bf16 --family qwen2");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_every_tensor, open_f32, group_close),
        cmocka_unit_test_setup_teardown(test_every_tensor, open_bf16, group_close),
        cmocka_unit_test_setup_teardown(test_threads, open_bf16, group_close),
    };
    return cmocka_run_group_tests_name("finite", tests, NULL, NULL);
}
