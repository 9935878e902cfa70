/* SPDX-License-Identifier: Apache-2.0
 *
 * Operators against naive f64 references, and their backward passes against finite differences of
 * those references.
 */
#include "support.h"
#include "tensor/random.h"

/* ---- RMSNorm ---- */

enum { NORM_ROWS = 5, NORM_COLUMNS = 37 };

/* in: x then weight. */
static void norm_reference(const double *in, double *out, const void *context) {
    (void)context;
    const double *w = in + NORM_ROWS * NORM_COLUMNS;
    for (size_t r = 0; r < NORM_ROWS; r++) {
        const double *x = in + r * NORM_COLUMNS;
        double sum = 0;
        for (size_t i = 0; i < NORM_COLUMNS; i++) sum += x[i] * x[i];
        double rstd = 1 / sqrt(sum / NORM_COLUMNS + 1e-5);
        for (size_t i = 0; i < NORM_COLUMNS; i++) out[r * NORM_COLUMNS + i] = x[i] * rstd * w[i];
    }
}

static void test_norm(void **state) {
    (void)state;
    enum { X = NORM_ROWS * NORM_COLUMNS, ALL = X + NORM_COLUMNS };
    sw_compute c = compute_f32();
    float *in = noise_floats(1, ALL, 1), *dy = noise_floats(2, X, 1), rstd[NORM_ROWS];
    float out[X], again[X], dx[X], dw[NORM_COLUMNS] = {0};
    double *wide = widen(in, ALL), *weight = widen(dy, X), expected[X], grad[ALL];
    sw_norm n = {.x = in,
                 .weight = in + X,
                 .rstd = rstd,
                 .rows = NORM_ROWS,
                 .columns = NORM_COLUMNS,
                 .epsilon = 1e-5f};
    sw_norm_forward(&c, &n, out);
    sw_norm_again(&c, &n, again);
    assert_memory_equal(out, again, sizeof out);
    norm_reference(wide, expected, NULL);
    check_close("norm", out, expected, X, 1e-6);
    differences(norm_reference, NULL, wide, ALL, weight, X, grad);
    for (size_t i = 0; i < X; i++) dx[i] = 1; /* backward adds */
    sw_norm_backward(&c, &n, dy, dx, dw);
    for (size_t i = 0; i < X; i++) grad[i] += 1;
    check_close("norm dx", dx, grad, X, 1e-5);
    check_close("norm dweight", dw, grad + X, NORM_COLUMNS, 1e-5);
    free(in);
    free(dy);
    free(wide);
    free(weight);
}

/* ---- SwiGLU ---- */

enum { GLU = 601 };

static void swiglu_reference(const double *in, double *out, const void *context) {
    (void)context;
    for (size_t i = 0; i < GLU; i++) out[i] = in[i] / (1 + exp(-in[i])) * in[GLU + i];
}

static void test_swiglu(void **state) {
    (void)state;
    sw_compute c = compute_f32();
    float *in = noise_floats(3, 2 * GLU, 6), *dh = noise_floats(4, GLU, 1);
    float h[GLU], again[GLU], dgate[GLU], dup[GLU];
    double *wide = widen(in, 2 * GLU), expected[GLU];
    sw_swiglu_forward(&c, in, in + GLU, h, GLU);
    swiglu_reference(wide, expected, NULL);
    check_close("swiglu", h, expected, GLU, 1e-6);
    sw_swiglu_grad g = {
        .gate = in, .up = in + GLU, .dh = dh, .dgate = dgate, .dup = dup, .h = again, .count = GLU};
    sw_swiglu_backward(&c, &g);
    assert_memory_equal(h, again, sizeof h);
    double gate[GLU], up[GLU];
    for (size_t i = 0; i < GLU; i++) {
        double s = 1 / (1 + exp(-wide[i]));
        gate[i] = dh[i] * wide[GLU + i] * (s + wide[i] * s * (1 - s));
        up[i] = dh[i] * wide[i] * s;
    }
    check_close("dgate", dgate, gate, GLU, 1e-6);
    check_close("dup", dup, up, GLU, 1e-6);
    free(in);
    free(dh);
    free(wide);
}

/* ---- RoPE ---- */

static void test_rope(void **state) {
    (void)state;
    enum { T = 6, H = 2, D = 8, POSITIONS = 700 };
    sw_compute c = compute_f32();
    static float cosine[POSITIONS * D / 2], sine[POSITIONS * D / 2];
    const uint32_t position[T] = {0, 1, 2, 3, 500, 699};
    sw_rope_table(cosine, sine, POSITIONS, D, &(sw_rope_settings){.theta = 100000});
    for (size_t p = 0; p < POSITIONS; p++) {
        for (size_t i = 0; i < D / 2; i++) {
            float frequency = 1.0f / (float)pow(100000, 2.0 * (double)i / D);
            double angle = (double)((float)p * frequency);
            assert_true(fabs(cosine[p * D / 2 + i] - cos(angle)) < 1e-7);
            assert_true(fabs(sine[p * D / 2 + i] - sin(angle)) < 1e-7);
        }
    }
    float *x = noise_floats(5, T * H * D, 1), out[T * H * D], back[T * H * D];
    sw_rope r = {
        .cosine = cosine, .sine = sine, .position = position, .rows = T, .heads = H, .head_dim = D};
    sw_rope_turn(&c, &r, x, out, false);
    for (size_t t = 0; t < T; t++) {
        for (size_t h = 0; h < H; h++) {
            const float *in = x + (t * H + h) * D, *got = out + (t * H + h) * D;
            for (size_t i = 0; i < D / 2; i++) {
                double co = cosine[position[t] * D / 2 + i], si = sine[position[t] * D / 2 + i];
                assert_true(fabs(got[i] - (in[i] * co - in[i + D / 2] * si)) < 1e-6);
                assert_true(fabs(got[i + D / 2] - (in[i + D / 2] * co + in[i] * si)) < 1e-6);
            }
        }
    }
    sw_rope_turn(&c, &r, out, back, true);
    for (size_t i = 0; i < T * H * D; i++) assert_true(fabsf(back[i] - x[i]) < 1e-6f);
    free(x);
}

/* ---- loss ---- */

static void test_nll(void **state) {
    (void)state;
    enum { NLL_ROWS = 3, VOCAB = 101, STRIDE = 102 };
    sw_compute c = compute_f32();
    float *logits = noise_floats(8, NLL_ROWS * VOCAB, 20), dlogits[NLL_ROWS * STRIDE];
    double *wide = widen(logits, NLL_ROWS * VOCAB), loss[NLL_ROWS], grad[NLL_ROWS * STRIDE] = {0};
    const uint32_t target[NLL_ROWS] = {0, 57, 100};
    for (size_t i = 0; i < NLL_ROWS * STRIDE; i++) dlogits[i] = 9;
    sw_nll n = {.logits = logits,
                .target = target,
                .rows = NLL_ROWS,
                .vocab = VOCAB,
                .logits_stride = VOCAB,
                .loss = loss,
                .scale = 0.25f,
                .dlogits = dlogits,
                .dlogits_stride = STRIDE};
    sw_nll_rows(&c, &n);
    for (size_t r = 0; r < NLL_ROWS; r++) {
        double sum = 0;
        for (size_t i = 0; i < VOCAB; i++) sum += exp(wide[r * VOCAB + i]);
        assert_true(fabs(loss[r] - (log(sum) - wide[r * VOCAB + target[r]])) < 1e-5);
        for (size_t i = 0; i < VOCAB; i++) {
            double p = exp(wide[r * VOCAB + i]) / sum;
            grad[r * STRIDE + i] = 0.25 * (p - (i == target[r]));
        }
    }
    check_close("dlogits", dlogits, grad, NLL_ROWS * STRIDE, 1e-6); /* the last column is 0 */
    free(logits);
    free(wide);
}

/* Over the logits, row by row from where each begins, as a training step has it: the bits of
 * dlogits apart, in rows of more than two blocks. */
static void check_nll_in_place(const sw_compute *c) {
    enum { NLL_ROWS = 3, VOCAB = 1301, STRIDE = VOCAB + 1, ALL = NLL_ROWS * STRIDE };
    size_t size = sw_dtype_bytes(c->dtype), stride = STRIDE * sizeof(float) / size;
    const uint32_t target[NLL_ROWS] = {0, 700, VOCAB - 1};
    float *logits[2] = {noise_floats(8, ALL, 20), noise_floats(8, ALL, 20)};
    uint8_t *apart = malloc(NLL_ROWS * stride * size);
    double loss[2][NLL_ROWS];
    for (int i = 0; i < 2; i++) {
        sw_nll n = {.logits = logits[i],
                    .target = target,
                    .rows = NLL_ROWS,
                    .vocab = VOCAB,
                    .logits_stride = STRIDE,
                    .loss = loss[i],
                    .scale = 0.25f,
                    .dlogits = i ? (void *)logits[i] : apart,
                    .dlogits_stride = stride};
        sw_nll_rows(c, &n);
    }
    assert_memory_equal(loss[0], loss[1], sizeof loss[0]);
    for (size_t r = 0; r < NLL_ROWS; r++) {
        const uint8_t *row = (const uint8_t *)(logits[1] + r * STRIDE);
        assert_memory_equal(row, apart + r * stride * size, STRIDE * size);
    }
    free(logits[0]);
    free(logits[1]);
    free(apart);
}

static void test_nll_in_place(void **state) {
    (void)state;
    sw_compute f32 = compute_f32(), bf16 = compute_bf16(false);
    check_nll_in_place(&f32);
    check_nll_in_place(&bf16);
}

/* ---- embedding, transposition, sums ---- */

static void test_embed(void **state) {
    (void)state;
    enum { VOCAB = 9, C = 70, T = 5 };
    sw_compute c = compute_f32();
    float *table = noise_floats(9, VOCAB * C, 1), *dx = noise_floats(10, T * C, 1);
    float out[T * C], dtable[VOCAB * C] = {0};
    double grad[VOCAB * C] = {0};
    const uint32_t ids[T] = {3, 8, 3, 0, 3};
    sw_source source = {.data = table, .dtype = SW_DTYPE_F32, .stride = C};
    sw_embed_forward(&c, &source, ids, T, C, out);
    sw_embed_backward(&c, ids, dx, T, C, dtable);
    for (size_t t = 0; t < T; t++) {
        assert_memory_equal(out + t * C, table + ids[t] * C, C * sizeof *out);
        for (size_t i = 0; i < C; i++) grad[ids[t] * C + i] += dx[t * C + i];
    }
    check_close("dtable", dtable, grad, VOCAB * C, 1e-6);
    float sums[T * C] = {0};
    sw_transpose_add(&c, sums, dx, T, C);
    for (size_t t = 0; t < T; t++) {
        for (size_t i = 0; i < C; i++) assert_true(sums[i * T + t] == dx[t * C + i]);
    }
    free(table);
    free(dx);
}

static void test_adamw(void **state) {
    (void)state;
    enum { COUNT = 5000 };
    sw_compute c = compute_f32();
    float *p = noise_floats(11, COUNT, 1), *m = calloc(COUNT, 4), *v = calloc(COUNT, 4);
    double *wide = widen(p, COUNT), *wm = calloc(COUNT, 8), *wv = calloc(COUNT, 8);
    for (uint64_t step = 1; step <= 5; step++) {
        float *g = noise_floats(20 + step, COUNT, 0.1f);
        sw_adamw o = {.beta1 = 0.9,
                      .beta2 = 0.999,
                      .epsilon = 1e-8,
                      .weight_decay = 0.1,
                      .learning_rate = 0.01,
                      .step = step,
                      .clip = 0.5f};
        sw_adamw_step(&c, &o, &(sw_adamw_values){p, g, m, v}, COUNT);
        for (size_t i = 0; i < COUNT; i++) {
            double grad = 0.5 * g[i];
            wide[i] *= 1 - 0.01 * 0.1;
            wm[i] = 0.9 * wm[i] + 0.1 * grad;
            wv[i] = 0.999 * wv[i] + 0.001 * grad * grad;
            wide[i] -= 0.01 / (1 - pow(0.9, (double)step)) * wm[i] /
                       (sqrt(wv[i]) / sqrt(1 - pow(0.999, (double)step)) + 1e-8);
        }
        free(g);
    }
    check_close("adamw", p, wide, COUNT, 1e-6);
    double partial[2], expected = 0;
    for (size_t i = 0; i < COUNT; i++) expected += (double)p[i] * p[i];
    assert_true(fabs(sw_squares(&c, p, COUNT, partial) / expected - 1) < 1e-12);
    free(p);
    free(m);
    free(v);
    free(wide);
    free(wm);
    free(wv);
}

/* In one go, or first the step and then both forms: for shapes that suit it and others. */
static void test_adamw_packed(void **state) {
    (void)state;
    static const size_t shapes[][2] = {{16, 16}, {48, 144}, {80, 576}, {17, 32}, {16, 24}, {70, 5}};
    for (size_t i = 0; i < 2 * (sizeof shapes / sizeof *shapes); i++) {
        sw_compute c = i & 1 ? compute_bf16(false) : compute_f32();
        size_t out = shapes[i / 2][0], in = shapes[i / 2][1], count = out * in;
        size_t t_size = sw_pack_elements(in, out) * sw_dtype_bytes(c.dtype);
        size_t n_size = sw_pack_elements(out, in) * sw_dtype_bytes(c.dtype);
        float *values[2][3], *g = noise_floats(40, count, 0.1f);
        uint8_t *t[2], *n[2];
        sw_adamw o = {.beta1 = 0.9,
                      .beta2 = 0.999,
                      .epsilon = 1e-8,
                      .weight_decay = 0.1,
                      .learning_rate = 0.01,
                      .step = 3,
                      .clip = 0.5f};
        for (int k = 0; k < 2; k++) {
            for (int v = 0; v < 3; v++) values[k][v] = noise_floats(41 + (uint64_t)v, count, 1);
            for (size_t at = 0; at < count; at++) values[k][2][at] *= values[k][2][at];
            t[k] = malloc(t_size);
            n[k] = malloc(n_size);
        }
        sw_adamw_values of[2];
        sw_both_sides both[2];
        for (int k = 0; k < 2; k++) {
            of[k] = (sw_adamw_values){values[k][0], g, values[k][1], values[k][2]};
            both[k] = (sw_both_sides){values[k][0], out, in, t[k], n[k]};
        }
        sw_adamw_step(&c, &o, &of[0], count);
        sw_pack_both(&c, &both[0]);
        sw_adamw_step_packed(&c, &o, &of[1], &both[1]);
        assert_memory_equal(t[0], t[1], t_size);
        assert_memory_equal(n[0], n[1], n_size);
        for (int v = 0; v < 3; v++)
            assert_memory_equal(values[0][v], values[1][v], count * sizeof *g);
        for (int k = 0; k < 2; k++) {
            for (int v = 0; v < 3; v++) free(values[k][v]);
            free(t[k]);
            free(n[k]);
        }
        free(g);
    }
}

static void test_dropout(void **state) {
    (void)state;
    enum { COUNT = 20001 };
    sw_compute c = compute_f32();
    sw_dropout d = {.seed = 42, .stream = 7, .p = 0.25};
    float *x = noise_floats(12, COUNT, 1), *y = malloc(COUNT * 4), *sum = calloc(COUNT, 4);
    sw_dropout_apply(&c, &d, x, y, COUNT);
    sw_dropout_add(&c, &d, x, sum, COUNT);
    size_t dropped = 0;
    for (size_t i = 0; i < COUNT; i++) {
        assert_true(sum[i] == y[i]);
        dropped += y[i] == 0;
        if (y[i] != 0) assert_true(fabsf(y[i] - x[i] / 0.75f) < 1e-6f);
    }
    assert_in_range(dropped, COUNT / 4 - 300, COUNT / 4 + 300);
    d.stream = 8;
    sw_dropout_apply(&c, &d, x, sum, COUNT);
    assert_memory_not_equal(sum, y, COUNT * sizeof *y);
    free(x);
    free(y);
    free(sum);
}

/* NUM-041 as it is written, element by element. */
static void check_dropout(const sw_dropout *d) {
    enum { COUNT = 1200 };
    sw_compute c = compute_f32();
    float *x = noise_floats(13, COUNT, 1), y[COUNT], scale = (float)(1 / (1 - d->p));
    sw_dropout_apply(&c, d, x, y, COUNT);
    for (size_t i = 0; i < COUNT; i++) {
        uint32_t word = sw_philox_at(d->seed, d->stream, i / 4).word[i % 4];
        float expected = word >= (uint32_t)floor(d->p * 0x1p32) ? x[i] * scale : 0;
        assert_true(y[i] == expected);
    }
    free(x);
}

/* With p just at the word of one element, a little above, and at the next word. */
static void test_dropout_by_the_rule(void **state) {
    (void)state;
    sw_dropout d = {.seed = 0x123456789abcdef, .stream = (uint64_t)5 << 36 | 77};
    double word = sw_philox_at(d.seed, d.stream, 5).word[2];
    const double p[] = {
        0.3, 0.05, 0.85, word * 0x1p-32, (word + 0.9) * 0x1p-32, (word + 1) * 0x1p-32};
    for (size_t i = 0; i < sizeof p / sizeof *p; i++) {
        d.p = p[i];
        check_dropout(&d);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_norm),         cmocka_unit_test(test_swiglu),
        cmocka_unit_test(test_rope),         cmocka_unit_test(test_nll),
        cmocka_unit_test(test_nll_in_place), cmocka_unit_test(test_dropout_by_the_rule),
        cmocka_unit_test(test_embed),        cmocka_unit_test(test_adamw),
        cmocka_unit_test(test_dropout),      cmocka_unit_test(test_adamw_packed)};
    return cmocka_run_group_tests_name("ops", tests, NULL, NULL);
}
