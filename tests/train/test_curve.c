/* SPDX-License-Identifier: Apache-2.0
 *
 * Curves: ticks that people would choose, one SVG for one set of points, and points from a worker
 * that means harm. What the drawn lines say is read back in tests/cli/test_train.sh.
 */
#include "cmocka_plain.h"
#include "train/curve.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

/* All labels of an axis, with a space before each. */
static void labels_of(const sw_axis *a, char out[256]) {
    size_t used = 0;
    for (size_t i = 0; i < a->count; i++) {
        char label[SW_AXIS_LABEL_BYTES];
        sw_axis_label(a, i, label);
        used += (size_t)snprintf(out + used, 256 - used, " %s", label);
        assert_true(used < 256);
    }
}

static void test_ticks(void **state) {
    (void)state;
    static const struct {
        double low, high;
        size_t most;
        bool whole;
        const char *labels;
    } cases[] = {
        {0, 1, 6, false, " 0 0.2 0.4 0.6 0.8 1.0"},
        {0.13, 0.87, 6, false, " 0 0.2 0.4 0.6 0.8 1.0"},
        {1.9, 3.4, 6, false, " 1.5 2.0 2.5 3.0 3.5"},
        {0, 2e-4, 6, false, " 0 5e-05 1.0e-04 1.5e-04 2.0e-04"},
        {2e-4, 2e-4, 6, false, " 1.8e-04 1.9e-04 2.0e-04 2.1e-04 2.2e-04"},
        {0, 0, 6, false, " 0 0.2 0.4 0.6 0.8 1.0"},
        {-3, 3, 6, false, " -4 -2 0 2 4"},
        {1, 4, 9, true, " 1 2 3 4"},
        {1, 2, 9, true, " 1 2"},
        {7, 7, 9, true, " 6 7 8"},
        {1, 1000, 9, true, " 0 200 400 600 800 1000"},
        {1, 300000, 9, true, " 0 50000 100000 150000 200000 250000 300000"},
        {0, 1e20, 6, false, " 0 2e+19 4e+19 6e+19 8e+19 1.0e+20"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char labels[256];
        sw_axis a = sw_axis_of(cases[i].low, cases[i].high, cases[i].most, cases[i].whole);
        labels_of(&a, labels);
        assert_string_equal(labels, cases[i].labels);
    }
}

/* A deterministic walk through magnitudes: every axis holds its range, has at least two ticks and
 * not too many, and no two of its labels are the same. */
static void test_any_range(void **state) {
    (void)state;
    uint64_t x = 1;
    for (int i = 0; i < 20000; i++) {
        x = x * 6364136223846793005u + 1442695040888963407u;
        double low = ldexp((double)(int64_t)(x >> 11), (int)(x % 140) - 120);
        x = x * 6364136223846793005u + 1442695040888963407u;
        double high = low + ldexp((double)(x >> 12), (int)(x % 140) - 120);
        if (high > 1e30) continue;
        if (x & 1) low = -low < high ? -low : low;
        sw_axis a = sw_axis_of(low, high, 6, false);
        assert_in_range(a.count, 2, 6);
        double slack = 1e-9 * fmax(fabs(low), fabs(high));
        assert_true(sw_axis_tick(&a, 0) <= low + slack);
        assert_true(sw_axis_tick(&a, a.count - 1) >= high - slack);
        for (size_t t = 1; t < a.count; t++) {
            char one[SW_AXIS_LABEL_BYTES], other[SW_AXIS_LABEL_BYTES];
            sw_axis_label(&a, t - 1, one);
            sw_axis_label(&a, t, other);
            assert_string_not_equal(one, other);
        }
    }
}

static sw_buffer svg_of(const sw_curve *c) {
    sw_buffer out = SW_BUFFER(SW_CURVE_SVG_LIMIT);
    sw_error err = {0};
    if (sw_curve_svg(c, &out, &err) != SW_OK) fail_msg("%s", err.message);
    return out;
}

static size_t times(const sw_buffer *text, const char *word) {
    size_t count = 0, size = strlen(word);
    for (size_t at = 0; at + size <= text->size; at++)
        count += memcmp(text->data + at, word, size) == 0;
    return count;
}

static void test_three_points(void **state) {
    (void)state;
    const sw_curve_point points[] = {{1, {4, 1e-4, 1}}, {2, {2, 2e-4, 3}}, {3, {0, 1e-4, 2}}};
    sw_curve c = {points, 3, SW_SERIES_COUNT};
    sw_buffer one = svg_of(&c), other = svg_of(&c);
    assert_int_equal(one.size, other.size);
    assert_memory_equal(one.data, other.data, one.size);
    /* the plot reaches from x 76 to 744, and from y 34 (4) to 184 (0) */
    assert_int_equal(times(&one, "points=\" 76.0,34.0 410.0,109.0 744.0,184.0\""), 1);
    assert_int_equal(times(&one, "<polyline"), 3);
    assert_int_equal(times(&one, "http"), 1); /* the name space alone */
    assert_int_equal(times(&one, "<script") + times(&one, "href") + times(&one, "url("), 0);
    c.series_count = SW_SERIES_GRAD_NORM;
    sw_buffer two = svg_of(&c);
    assert_int_equal(times(&two, "<polyline"), 2);
    assert_int_equal(times(&two, "gradient norm"), 0);
    sw_buffer_free(&one);
    sw_buffer_free(&other);
    sw_buffer_free(&two);
}

static void test_one_point(void **state) {
    (void)state;
    const sw_curve_point point = {1, {2.5, 0, 0}};
    sw_curve c = {&point, 1, SW_SERIES_COUNT};
    sw_buffer svg = svg_of(&c);
    assert_int_equal(times(&svg, "<circle cx=\"410.0\""), 3);
    assert_int_equal(times(&svg, "nan") + times(&svg, "inf"), 0);
    assert_int_equal(times(&svg, ">-"), 0); /* nothing here is negative: no label is */
    sw_buffer_free(&svg);
}

/* CRV-004: a step that is no round number is told when it is the only one. */
static void test_one_point_of_any_step(void **state) {
    (void)state;
    for (uint64_t step = 1; step < 100000; step += 1 + step / 3) {
        char label[64];
        const sw_curve_point point = {step, {2.5, 1e-4, 1}};
        sw_curve c = {&point, 1, SW_SERIES_COUNT};
        sw_buffer svg = svg_of(&c);
        snprintf(label, sizeof label, "x=\"410.0\" y=\"202.0\" text-anchor=\"middle\">%llu<",
                 (unsigned long long)step);
        assert_int_equal(times(&svg, label), 1);
        assert_int_equal(times(&svg, "text-anchor=\"middle\""), 3);
        sw_buffer_free(&svg);
    }
}

/* Whatever a worker says becomes finite coordinates inside the picture. */
static void test_values_of_a_stranger(void **state) {
    (void)state;
    static const double strange[] = {NAN, INFINITY, -INFINITY, 1.7e308, -1.7e308, 5e-324, -0.0};
    enum { KINDS = sizeof strange / sizeof *strange };
    for (size_t i = 0; i < KINDS; i++)
        for (size_t j = 0; j < KINDS; j++) {
            const sw_curve_point points[] = {
                {1, {strange[i], 1, 1}}, {2, {strange[j], 1, 1}}, {UINT64_MAX, {3, 1, 1}}};
            sw_curve c = {points, 3, SW_SERIES_COUNT};
            sw_buffer svg = svg_of(&c);
            assert_int_equal(times(&svg, "nan") + times(&svg, "inf"), 0);
            sw_buffer_free(&svg);
        }
}

static void test_many_points(void **state) {
    (void)state;
    static sw_curve_point points[300000];
    for (size_t i = 0; i < 300000; i++)
        points[i] = (sw_curve_point){i + 1, {(double)(i * 7919 % 1000), 1, (double)i}};
    points[123456].value[SW_SERIES_LOSS] = 5000; /* one spike */
    sw_curve c = {points, 300000, SW_SERIES_COUNT};
    sw_buffer svg = svg_of(&c);
    assert_true(svg.size < 65536);
    assert_int_equal(times(&svg, ",34.0"), 1); /* the spike is still there, at the top */
    sw_buffer_free(&svg);
}

static void test_refusals(void **state) {
    (void)state;
    const sw_curve_point point = {1, {1, 1, 1}};
    const sw_curve none = {&point, 0, 1}, nothing = {&point, 1, 0}, surplus = {&point, 1, 4},
                   good = {&point, 1, 1};
    SW_SCOPED(sw_buffer) out = SW_BUFFER(SW_CURVE_SVG_LIMIT), narrow = SW_BUFFER(100);
    assert_int_equal(sw_curve_svg(&none, &out, NULL), SW_INTERNAL);
    assert_int_equal(sw_curve_svg(&nothing, &out, NULL), SW_INTERNAL);
    assert_int_equal(sw_curve_svg(&surplus, &out, NULL), SW_INTERNAL);
    assert_int_equal(out.size, 0);
    assert_int_equal(sw_curve_svg(&good, &narrow, NULL), SW_LIMIT);
}

/* Kept beside a state: read back as written, cut at every byte, and each refusal. */
static void test_points_kept(void **state) {
    (void)state;
    const sw_curve_point points[] = {{1, {3, 1e-2, 0.5}}, {2, {2.5, 1e-3, 0.25}}, {3, {2, 0, 1}}};
    const sw_curve curve = {points, 3, SW_SERIES_COUNT};
    const sw_hash of = {{7, 8, 9}};
    SW_SCOPED(sw_buffer) out = SW_BUFFER(1000);
    sw_curve_put(&curve, &of, &out);
    assert_int_equal(out.size, 8 + 32 + 3 * 32);
    for (uint64_t steps = 0; steps <= 4; steps++) {
        sw_curve_point back[4] = {0};
        sw_hash who = {0};
        sw_status status = sw_curve_parse(sw_buffer_bytes(&out), steps, &who, back, NULL);
        assert_int_equal(status, steps <= 3 ? SW_OK : SW_MALFORMED);
        if (status != SW_OK) continue;
        assert_true(sw_hash_equal(&who, &of));
        assert_memory_equal(back, points, (size_t)steps * sizeof *points);
        assert_int_equal(back[steps].step, 0);
    }
    sw_hash who = {0};
    sw_curve_point back[3] = {0};
    for (size_t size = 0; size < out.size; size++)
        assert_int_equal(sw_curve_parse(SW_BYTES(out.data, size), 3, &who, back, NULL),
                         SW_MALFORMED);
    static const struct {
        size_t at;
        uint8_t byte;
    } refused[] = {{0, 's'}, {7, 1}, {40, 2}, {72, 1}, {40 + 15, 0x7f}, {104 + 31, 0xff}};
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        size_t at = refused[i].at;
        uint8_t *place = out.data + at, kept = place[0], before = at ? place[-1] : 0;
        if (at % 8 == 7 && at > 7) place[-1] = 0xf0; /* no number */
        place[0] = refused[i].byte;
        assert_int_equal(sw_curve_parse(sw_buffer_bytes(&out), 3, &who, back, NULL), SW_MALFORMED);
        if (at) place[-1] = before;
        place[0] = kept;
    }
    assert_true(sw_hash_zero(&who) && back[0].step == 0);
    assert_int_equal(sw_curve_parse(sw_buffer_bytes(&out), 3, &who, back, NULL), SW_OK);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_ticks),
                                       cmocka_unit_test(test_any_range),
                                       cmocka_unit_test(test_three_points),
                                       cmocka_unit_test(test_one_point),
                                       cmocka_unit_test(test_one_point_of_any_step),
                                       cmocka_unit_test(test_values_of_a_stranger),
                                       cmocka_unit_test(test_many_points),
                                       cmocka_unit_test(test_points_kept),
                                       cmocka_unit_test(test_refusals)};
    return cmocka_run_group_tests_name("curve", tests, NULL, NULL);
}
