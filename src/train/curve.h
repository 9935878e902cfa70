/* SPDX-License-Identifier: Apache-2.0
 *
 * The curve of a run: its points, axes that people can read, and one SVG of it.
 *
 * Same points, same bytes: nothing but the points goes into the SVG, and decades are counted, not
 * taken from a logarithm. Docs: docs/formats/training.md (CRV-001 to CRV-006).
 */
#ifndef SW_TRAIN_CURVE_H
#define SW_TRAIN_CURVE_H
#include "base/base.h"

typedef enum sw_series {
    SW_SERIES_LOSS,
    SW_SERIES_LEARNING_RATE,
    SW_SERIES_GRAD_NORM,
    SW_SERIES_COUNT
} sw_series;

typedef struct sw_curve_point {
    uint64_t step;
    double value[SW_SERIES_COUNT];
} sw_curve_point;

typedef struct sw_curve {
    const sw_curve_point *points; /* in ascending steps, at least one */
    size_t count;
    size_t series_count; /* the first so many of `value` are known */
} sw_curve;

/* Least and largest value of a series. What is no number counts as 0, and nothing is beyond 1e30:
 * points may come from a worker. */
void sw_curve_range(const sw_curve *c, sw_series series, double *low, double *high);
double sw_curve_value(const sw_curve_point *p, sw_series series);

/* Ticks at (first + i) * unit * 10^exponent, i < count; unit is 1, 2 or 5. */
typedef struct sw_axis {
    int64_t first;
    int unit, exponent;
    size_t count;
} sw_axis;
/* Between 2 and `most` (at least 4) ticks that hold low and high between them; `whole`: at whole
 * numbers alone. */
sw_axis sw_axis_of(double low, double high, size_t most, bool whole);
double sw_axis_tick(const sw_axis *a, size_t index);
#define SW_AXIS_LABEL_BYTES 32
/* As many digits as tell two ticks apart. */
void sw_axis_label(const sw_axis *a, size_t index, char out[SW_AXIS_LABEL_BYTES]);

#define SW_CURVE_SVG_LIMIT ((size_t)256 << 10)
SW_NODISCARD sw_status sw_curve_svg(const sw_curve *c, sw_buffer *out, sw_error *err);

/* The points of all steps so far, beside a state that a run resumes from; `of` says whose they are
 * (CRV-006). */
void sw_curve_put(const sw_curve *c, const sw_hash *of, sw_buffer *out);
/* The first `steps` of them, `points` holding so many, and `of`. SW_MALFORMED when there are fewer
 * or they are not numbered from 1 or not finite; outputs untouched then. */
SW_NODISCARD sw_status sw_curve_parse(sw_bytes in, uint64_t steps, sw_hash *of,
                                      sw_curve_point *points, sw_error *err);
#endif
