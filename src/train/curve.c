/* SPDX-License-Identifier: Apache-2.0
 *
 * The SVG of a curve (CRV-001 to CRV-005): a panel for each series that is known, one above the
 * other, over the same steps. No script, no style sheet, no reference to anything outside.
 */
#include "train/curve.h"
#include <stdio.h>

#define WIDTH        760
#define LEFT         76
#define RIGHT        744
#define PANEL_HEIGHT 220
#define TOP          34 /* of the plot within its panel */
#define BOTTOM       184
#define TICKS        6
#define STEP_TICKS   9
#define CURVE_BUCKETS                                                                              \
    480 /* beyond this, a bucket's least and largest stand for all of its points */

static const struct {
    const char *title, *colour;
} panels[SW_SERIES_COUNT] = {
    {"loss", "#1f5fa8"}, {"learning rate", "#2b7a3a"}, {"gradient norm", "#a8481f"}};

typedef struct panel {
    const sw_curve *curve;
    sw_series series;
    double top; /* of the panel */
    sw_axis axis;
    double low, high; /* of the axis */
    double first, last;
} panel;

static double x_of(const panel *p, double step) {
    if (p->last <= p->first) return (LEFT + RIGHT) / 2.0;
    return LEFT + (RIGHT - LEFT) * (step - p->first) / (p->last - p->first);
}

static double y_of(const panel *p, double value) {
    return p->top + BOTTOM - (BOTTOM - TOP) * (value - p->low) / (p->high - p->low);
}

static void put_value_axis(const panel *p, sw_buffer *out) {
    for (size_t i = 0; i < p->axis.count; i++) {
        char label[SW_AXIS_LABEL_BYTES];
        double y = y_of(p, sw_axis_tick(&p->axis, i));
        sw_axis_label(&p->axis, i, label);
        sw_put_format(out, "<path d=\"M%d %.1fH%d\" stroke=\"#ddd\"/>", LEFT, y, RIGHT);
        sw_put_format(out, "<text x=\"%d\" y=\"%.1f\" text-anchor=\"end\">%s</text>\n", LEFT - 6,
                      y + 4, label);
    }
}

static void put_step(const panel *p, double step, const char *label, sw_buffer *out) {
    sw_put_format(out, "<path d=\"M%.1f %.1fv5\" stroke=\"#444\"/>", x_of(p, step),
                  p->top + BOTTOM);
    sw_put_format(out, "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"middle\">%s</text>\n",
                  x_of(p, step), p->top + BOTTOM + 18, label);
}

/* A single step is its own tick: no round number need be it. */
static void put_step_axis(const panel *p, sw_buffer *out) {
    char label[SW_AXIS_LABEL_BYTES];
    sw_axis axis = sw_axis_of(p->first, p->last, STEP_TICKS, true);
    for (size_t i = 0; p->first < p->last && i < axis.count; i++) {
        double step = sw_axis_tick(&axis, i);
        if (step < p->first || step > p->last) continue;
        sw_axis_label(&axis, i, label);
        put_step(p, step, label, out);
    }
    if (p->first >= p->last) {
        snprintf(label, sizeof label, "%.0f", p->first);
        put_step(p, p->first, label, out);
    }
    sw_put_format(out, "<path d=\"M%d %.1fH%d\" stroke=\"#444\"/>\n", LEFT, p->top + BOTTOM, RIGHT);
}

static void put_vertex(const panel *p, size_t index, sw_buffer *out) {
    const sw_curve_point *at = &p->curve->points[index];
    sw_put_format(out, " %.1f,%.1f", x_of(p, (double)at->step),
                  y_of(p, sw_curve_value(at, p->series)));
}

/* The points of one bucket, or those two of them that no eye should miss, in their order. */
static void put_bucket(const panel *p, size_t first, size_t end, sw_buffer *out) {
    size_t least = first, largest = first;
    for (size_t i = first + 1; i < end; i++) {
        double v = sw_curve_value(&p->curve->points[i], p->series);
        if (v < sw_curve_value(&p->curve->points[least], p->series)) least = i;
        if (v > sw_curve_value(&p->curve->points[largest], p->series)) largest = i;
    }
    put_vertex(p, least < largest ? least : largest, out);
    if (least != largest) put_vertex(p, least < largest ? largest : least, out);
}

static void put_line(const panel *p, sw_buffer *out) {
    const char *colour = panels[p->series].colour;
    size_t count = p->curve->count;
    size_t buckets = count < CURVE_BUCKETS ? count : CURVE_BUCKETS;
    if (count == 1) {
        const sw_curve_point *at = &p->curve->points[0];
        sw_put_format(out, "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"3\" fill=\"%s\"/>\n",
                      x_of(p, (double)at->step), y_of(p, sw_curve_value(at, p->series)), colour);
        return;
    }
    sw_put_format(out, "<polyline fill=\"none\" stroke=\"%s\" stroke-width=\"1.5\" points=\"",
                  colour);
    for (size_t b = 0; b < buckets; b++)
        put_bucket(p, b * count / buckets, (b + 1) * count / buckets, out);
    sw_put_text(out, "\"/>\n");
}

static void put_panel(const sw_curve *c, size_t index, sw_buffer *out) {
    double low, high;
    sw_curve_range(c, (sw_series)index, &low, &high);
    panel p = {.curve = c,
               .series = (sw_series)index,
               .top = (double)(PANEL_HEIGHT * index),
               .axis = sw_axis_of(low, high, TICKS, false),
               .first = (double)c->points[0].step,
               .last = (double)c->points[c->count - 1].step};
    p.low = sw_axis_tick(&p.axis, 0);
    p.high = sw_axis_tick(&p.axis, p.axis.count - 1);
    sw_put_format(out, "<text x=\"%d\" y=\"%.1f\" font-weight=\"bold\">%s</text>\n", LEFT,
                  p.top + TOP - 12, panels[index].title);
    put_value_axis(&p, out);
    put_step_axis(&p, out);
    put_line(&p, out);
}

sw_status sw_curve_svg(const sw_curve *c, sw_buffer *out, sw_error *err) {
    SW_CHECK(err, c->count > 0 && c->series_count > 0 && c->series_count <= SW_SERIES_COUNT);
    size_t height = PANEL_HEIGHT * c->series_count;
    sw_put_format(out,
                  "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%zu\" "
                  "viewBox=\"0 0 %d %zu\" font-family=\"sans-serif\" font-size=\"12\" "
                  "fill=\"#222\">\n<title>The curve of a training run, over its steps</title>\n"
                  "<path d=\"M0 0H%dV%zuH0z\" fill=\"#fff\"/>\n",
                  WIDTH, height, WIDTH, height, WIDTH, height);
    for (size_t i = 0; i < c->series_count; i++) put_panel(c, i, out);
    sw_put_text(out, "</svg>\n");
    return sw_buffer_check(out, "curve.svg", err);
}
