/* SPDX-License-Identifier: Apache-2.0
 *
 * The operators of DoRA against plain loops in f64, in both types and beyond one block of columns,
 * in any order of their jobs.
 */
#include "support.h"

enum { ROWS = 37, COLUMNS = 1301, RANK = 5 }; /* two blocks and a rest; no whole round of lanes */

static sw_compute compute_of(int which, size_t *lanes) {
    sw_compute c = which ? compute_bf16(false) : compute_f32();
    if (lanes) c.parallel = (sw_parallel){lanes, backwards_run, *lanes};
    return c;
}

static void test_norms(void **state) {
    (void)state;
    float *w = noise_floats(1, ROWS * COLUMNS, 1), *a = noise_floats(2, RANK * COLUMNS, 1),
          *b = noise_floats(3, ROWS * RANK, 1);
    for (int which = 0; which < 2; which++) {
        size_t lanes = 3;
        sw_compute c = compute_of(which, NULL), other = compute_of(which, &lanes);
        void *stored = operands(&c, w, ROWS * COLUMNS);
        float *read = values(&c, stored, ROWS * COLUMNS), norm[ROWS], again[ROWS];
        for (size_t rank = 0; rank <= RANK; rank += RANK) {
            double expected[ROWS];
            sw_row_norms n = {.w = {stored, c.dtype, COLUMNS},
                              .a = a,
                              .b = b,
                              .scale = 1.75f,
                              .rank = rank,
                              .rows = ROWS,
                              .columns = COLUMNS};
            for (size_t i = 0; i < ROWS; i++) {
                double sum = 0;
                for (size_t k = 0; k < COLUMNS; k++) {
                    double v = 0;
                    for (size_t r = 0; r < rank; r++)
                        v += (double)b[i * RANK + r] * a[r * COLUMNS + k];
                    v = (double)read[i * COLUMNS + k] + 1.75 * v;
                    sum += v * v;
                }
                expected[i] = sqrt(sum);
            }
            sw_row_norms_find(&c, &n, norm);
            sw_row_norms_find(&other, &n, again);
            check_close("norm", norm, expected, ROWS, 1e-6);
            assert_memory_equal(norm, again, sizeof norm);
        }
        free(stored);
        free(read);
    }
    free(w);
    free(a);
    free(b);
}

static void check_gains(const sw_compute *c, const sw_gains *like, const double *expected) {
    size_t count = ROWS * COLUMNS;
    sw_gains g = *like;
    sw_compute kind = {.dtype = g.out_dtype};
    g.out = calloc(count, sizeof(float));
    sw_gains_apply(c, &g);
    float *out = values(&kind, g.out, count);
    check_close("gains", out, expected, count, g.out_dtype == SW_DTYPE_F32 ? 1e-6 : 4e-3);
    free(out);
    free(g.out);
}

static void test_gains(void **state) {
    (void)state;
    size_t count = ROWS * COLUMNS, lanes = 2;
    float *z = noise_floats(4, count, 1), *gain = noise_floats(5, COLUMNS, 2);
    float *bias = noise_floats(6, COLUMNS, 1), *add = noise_floats(7, count, 1);
    double *expected = malloc(count * sizeof *expected);
    for (int which = 0; which < 8; which++) {
        sw_compute c = compute_of(which & 1, which & 2 ? &lanes : NULL);
        bool more = which & 4; /* with bias and residual, always in f32 */
        void *in = operands(&c, z, count);
        float *read = values(&c, in, count);
        sw_gains g = {.in = in,
                      .in_dtype = c.dtype,
                      .gain = gain,
                      .bias = more ? bias : NULL,
                      .add = more ? add : NULL,
                      .out_dtype = more ? SW_DTYPE_F32 : c.dtype,
                      .rows = ROWS,
                      .columns = COLUMNS};
        for (size_t i = 0; i < count; i++) {
            expected[i] = (double)read[i] * gain[i % COLUMNS];
            if (more) expected[i] += (double)bias[i % COLUMNS] + add[i];
        }
        check_gains(&c, &g, expected);
        free(in);
        free(read);
    }
    free(z);
    free(gain);
    free(bias);
    free(add);
    free(expected);
}

static void test_dots(void **state) {
    (void)state;
    size_t count = ROWS * COLUMNS;
    float *dy = noise_floats(8, count, 1), *z = noise_floats(9, count, 1);
    float *norm = noise_floats(10, COLUMNS, 1);
    for (size_t i = 0; i < COLUMNS; i++) norm[i] = 1 + fabsf(norm[i]);
    for (int which = 0; which < 2; which++) {
        size_t lanes = 4;
        sw_compute c = compute_of(which, NULL), other = compute_of(which, &lanes);
        void *stored = operands(&c, dy, count);
        float *read = values(&c, stored, count), dm[COLUMNS], again[COLUMNS];
        double expected[COLUMNS];
        for (size_t k = 0; k < COLUMNS; k++) {
            expected[k] = 0;
            for (size_t i = 0; i < ROWS; i++)
                expected[k] += (double)read[i * COLUMNS + k] * z[i * COLUMNS + k];
            expected[k] = 0.5 + expected[k] / norm[k];
            dm[k] = again[k] = 0.5f; /* it adds */
        }
        sw_gains_backward(&c, &(sw_gains_grad){stored, z, norm, dm, ROWS, COLUMNS});
        sw_gains_backward(&other, &(sw_gains_grad){stored, z, norm, again, ROWS, COLUMNS});
        check_close("dm", dm, expected, COLUMNS, 1e-6);
        assert_memory_equal(dm, again, sizeof dm);
        free(stored);
        free(read);
    }
    free(dy);
    free(z);
    free(norm);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_norms), cmocka_unit_test(test_gains),
                                       cmocka_unit_test(test_dots)};
    return cmocka_run_group_tests_name("dora", tests, NULL, NULL);
}
