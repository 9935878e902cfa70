/* SPDX-License-Identifier: Apache-2.0
 *
 * Frozen weights that are read as they lie, in the file or held as E: the loss and every gradient
 * have the bits that packed weights give (docs/formats/numerics.md NUM-086).
 */
#include "probe.h"

enum { TOKENS = 61 };

typedef struct way {
    const char *options; /* of the miniature */
    sw_profile profile;
    double dropout;
    bool dora;
} way;

static const way WAYS[] = {{"--dtype bf16", SW_PROFILE_BF16_DP, 0, false},
                           {"--dtype f32", SW_PROFILE_BF16_DP, 0, false},
                           {"--dtype bf16", SW_PROFILE_FP32_REF, 0, false},
                           {"--dtype f32", SW_PROFILE_FP32_REF, 0, false},
                           {"--dtype bf16", SW_PROFILE_BF16_DP, 0.25, true},
                           {"--dtype f32", SW_PROFILE_BF16_DP, 0.25, true},
                           {"--dtype bf16 --untied", SW_PROFILE_BF16_DP, 0.25, false},
                           {"--dtype bf16 --extra 1", SW_PROFILE_BF16_DP, 0, false},
                           {"--dtype f32 --extra 1", SW_PROFILE_BF16_DP, 0, false},
                           {"--dtype f32 --extra 1 --untied", SW_PROFILE_FP32_REF, 0, false}};

/* Adapters begin with B = 0, which would hide half of them. */
static void disturb(sw_engine *e) {
    uint32_t word = 1;
    for (size_t i = 0; i < e->parameter_count; i++) {
        sw_parameter *p = &e->parameters[i];
        for (size_t k = 0; k < p->rows * p->columns; k++) {
            word = word * 1664525u + 1013904223u;
            p->value[k] += 0.25f * ((float)(word >> 8) * 0x1p-24f - 0.5f);
        }
    }
}

static double step(probe *p, const miniature *m, const sw_training *t, const way *w,
                   bool in_place) {
    uint32_t ids[TOKENS];
    for (size_t i = 0; i < TOKENS; i++) ids[i] = (uint32_t)(7 * i * i + 3 * i + 5) % 317 + 3;
    probe_open_as(p, m, t, ids, TOKENS, w->profile, in_place);
    sw_engine *e = &p->engine;
    disturb(e);
    double loss = loss_now(e, 1.0f / (TOKENS - 1));
    sw_engine_backward(e);
    return loss;
}

static void test_bits(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof WAYS / sizeof *WAYS; i++) {
        const way *w = &WAYS[i];
        miniature m;
        probe packed, lying;
        sw_training t = small_settings();
        t.lora.lora_dropout = w->dropout;
        t.lora.use_dora = w->dora;
        miniature_open(&m, w->options);
        double expected = step(&packed, &m, &t, w, false), loss = step(&lying, &m, &t, w, true);
        const sw_engine *a = &packed.engine, *b = &lying.engine;
        assert_true(expected > 0 && loss == expected);
        assert_null(b->head_t);
        assert_null(b->layers[0].linear[SW_MODULE_Q].w_t);
        bool holds = w->profile == SW_PROFILE_BF16_DP && strstr(w->options, "f32");
        assert_int_equal(b->layers[0].linear[SW_MODULE_Q].held != NULL, holds);
        assert_int_equal(b->head_held != NULL, holds);
        assert_int_equal(a->parameter_floats, b->parameter_floats);
        assert_memory_equal(a->grads, b->grads, a->parameter_floats * sizeof *a->grads);
        assert_true(holds || lying.bytes < packed.bytes);
        probe_close(&packed);
        probe_close(&lying);
        miniature_close(&m);
    }
}

/* After the last step only values are left, whole. */
static void test_values_stay(void **state) {
    (void)state;
    miniature m;
    probe p;
    sw_training t = small_settings();
    miniature_open(&m, "--dtype bf16");
    step(&p, &m, &t, &WAYS[0], true);
    sw_bytes values = sw_state_values(&p.engine);
    uint8_t *copy = malloc(values.size);
    size_t before = p.bytes;
    memcpy(copy, values.data, values.size);
    sw_engine_keep_values(&p.engine, p.mapping, &p.bytes);
    assert_true(p.bytes >= values.size && p.bytes < values.size + 8192 && p.bytes < before);
    assert_memory_equal(copy, values.data, values.size);
    free(copy);
    probe_close(&p);
    miniature_close(&m);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_bits),
                                       cmocka_unit_test(test_values_stay)};
    return cmocka_run_group_tests_name("weights in place", tests, NULL, NULL);
}
