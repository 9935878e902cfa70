/* SPDX-License-Identifier: Apache-2.0
 *
 * Axes: the range of a series and round ticks around it (CRV-004).
 *
 * A tick is a whole number times a power of ten that is multiplied out or divided by, so it is the
 * double nearest to what its label says, on every machine.
 */
#include "train/curve.h"
#include <math.h>
#include <stdio.h>

#define BEYOND         1e30
#define EXPONENT_LEAST (-40)

double sw_curve_value(const sw_curve_point *p, sw_series series) {
    double v = p->value[series];
    if (isnan(v)) return 0;
    return fmin(fmax(v, -BEYOND), BEYOND);
}

void sw_curve_range(const sw_curve *c, sw_series series, double *low, double *high) {
    *low = *high = sw_curve_value(&c->points[0], series);
    for (size_t i = 1; i < c->count; i++) {
        double v = sw_curve_value(&c->points[i], series);
        *low = fmin(*low, v);
        *high = fmax(*high, v);
    }
}

static double power_of_ten(int exponent) {
    double p = 1;
    for (int i = 0; i < exponent; i++) p *= 10;
    return p;
}

static double scaled(double v, int exponent) {
    return exponent < 0 ? v / power_of_ten(-exponent) : v * power_of_ten(exponent);
}

/* The largest exponent with 10^exponent <= v. */
static int decade_of(double v) {
    int exponent = EXPONENT_LEAST;
    while (scaled(1, exponent + 1) <= v) exponent++;
    return exponent;
}

/* A range that has room for two ticks. Zero has nothing below it: loss, rate and norm are not
 * negative. */
static void widen(double *low, double *high) {
    double size = fmax(fabs(*low), fabs(*high));
    if (*high - *low > size * 1e-9) return;
    double more = size > scaled(1, EXPONENT_LEAST + 10) ? size / 10 : 1;
    if (*low != 0) *low -= more;
    *high += more;
}

sw_axis sw_axis_of(double low, double high, size_t most, bool whole) {
    static const int units[] = {1, 2, 5};
    widen(&low, &high);
    int exponent = decade_of((high - low) / (double)most);
    if (whole && exponent < 0) exponent = 0;
    for (;; exponent++) {
        for (size_t u = 0; u < sizeof units / sizeof *units; u++) {
            double step = scaled(units[u], exponent);
            double first = floor(low / step), last = ceil(high / step);
            if (last - first + 1 > (double)most) continue;
            return (sw_axis){(int64_t)first, units[u], exponent, (size_t)(last - first) + 1};
        }
    }
}

double sw_axis_tick(const sw_axis *a, size_t index) {
    return scaled((double)(a->first + (int64_t)index) * a->unit, a->exponent);
}

void sw_axis_label(const sw_axis *a, size_t index, char out[SW_AXIS_LABEL_BYTES]) {
    double v = sw_axis_tick(a, index);
    double largest = fmax(fabs(sw_axis_tick(a, 0)), fabs(sw_axis_tick(a, a->count - 1)));
    int decade = decade_of(largest);
    if (v == 0)
        snprintf(out, SW_AXIS_LABEL_BYTES, "0");
    else if (a->exponent >= -4 && decade <= 7)
        snprintf(out, SW_AXIS_LABEL_BYTES, "%.*f", a->exponent < 0 ? -a->exponent : 0, v);
    else
        snprintf(out, SW_AXIS_LABEL_BYTES, "%.*e", decade_of(fabs(v)) - a->exponent, v);
}
