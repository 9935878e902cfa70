/* SPDX-License-Identifier: Apache-2.0
 *
 * The loss of a run as a plot of dots: eight to a character where the terminal takes UTF-8 (the
 * Braille patterns U+2800 to U+28FF, one bit a dot), one elsewhere.
 */
#include "cli/plot.h"
#include "cli/cli_internal.h"
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LINES         12
#define LABEL_COLUMNS 10
#define COLUMNS_LEAST 40 /* of a terminal that has room for a plot */
#define COLUMNS_LIMIT 120
#define TICKS         5

typedef struct plot {
    const sw_curve *curve;
    bool utf8;
    int columns, across, down; /* across, down: dots of a character */
    sw_axis axis;
    double low, high; /* of the axis */
    uint8_t dots[LINES][COLUMNS_LIMIT];
} plot;

/* POSIX: the first of these that says something decides. */
static bool takes_utf8(void) {
    const char *all = getenv("LC_ALL"), *type = getenv("LC_CTYPE"), *lang = getenv("LANG");
    const char *text = all && *all ? all : type && *type ? type : lang && *lang ? lang : "";
    const char *term = getenv("TERM");
    bool dumb = !term || strcmp(term, "dumb") == 0;
    return !dumb && (strstr(text, "UTF-8") || strstr(text, "utf8") || strstr(text, "UTF8"));
}

static void put_dot(plot *p, int x, int y) {
    static const uint8_t braille[4][2] = {{0x01, 0x08}, {0x02, 0x10}, {0x04, 0x20}, {0x40, 0x80}};
    uint8_t bit = p->utf8 ? braille[y % p->down][x % p->across] : 1;
    p->dots[y / p->down][x / p->across] |= bit;
}

static int x_of(const plot *p, size_t index) {
    const sw_curve_point *points = p->curve->points;
    double first = (double)points[0].step, last = (double)points[p->curve->count - 1].step;
    if (last <= first) return p->columns * p->across / 2;
    return (int)(((double)points[index].step - first) / (last - first) *
                     (p->columns * p->across - 1) +
                 0.5);
}

static int y_of(const plot *p, double value) {
    return (int)((p->high - value) / (p->high - p->low) * (LINES * p->down - 1) + 0.5);
}

static void draw_line(plot *p, int x0, int y0, int x1, int y1) {
    int wide = abs(x1 - x0), tall = abs(y1 - y0), steps = wide > tall ? wide : tall;
    for (int i = 0; i <= steps; i++) {
        double share = steps ? (double)i / steps : 0;
        put_dot(p, x0 + (int)(share * (x1 - x0) + (x1 < x0 ? -0.5 : 0.5)),
                y0 + (int)(share * (y1 - y0) + (y1 < y0 ? -0.5 : 0.5)));
    }
}

static void draw(plot *p) {
    int x = 0, y = 0;
    for (size_t i = 0; i < p->curve->count; i++) {
        int next_x = x_of(p, i);
        int next_y = y_of(p, sw_curve_value(&p->curve->points[i], SW_SERIES_LOSS));
        draw_line(p, i ? x : next_x, i ? y : next_y, next_x, next_y);
        x = next_x;
        y = next_y;
    }
}

/* The label of the tick that lies in this line, or nothing. */
static bool label_of(const plot *p, int line, char out[SW_AXIS_LABEL_BYTES]) {
    out[0] = 0;
    for (size_t i = 0; i < p->axis.count && !out[0]; i++)
        if (y_of(p, sw_axis_tick(&p->axis, i)) / p->down == line) sw_axis_label(&p->axis, i, out);
    return out[0] != 0;
}

static void put_line(const plot *p, int line, sw_buffer *out) {
    char label[SW_AXIS_LABEL_BYTES];
    bool tick = label_of(p, line, label);
    sw_put_format(out, "%*s %s", LABEL_COLUMNS - 2, label,
                  p->utf8 ? (tick ? "\u2524" : "\u2502") : (tick ? "+" : "|"));
    int end = p->columns;
    while (end > 0 && !p->dots[line][end - 1]) end--;
    for (int i = 0; i < end; i++) {
        uint8_t dots = p->dots[line][i];
        if (!dots || !p->utf8) {
            sw_put_u8(out, dots ? '*' : ' ');
            continue;
        }
        const uint8_t braille[3] = {0xe2, 0xa0 | dots >> 6, 0x80 | (dots & 0x3f)};
        sw_put_bytes(out, SW_BYTES_OF(braille));
    }
    sw_put_u8(out, '\n');
}

static void put_steps(const plot *p, sw_buffer *out) {
    const sw_curve_point *points = p->curve->points;
    char last[32];
    int size = snprintf(last, sizeof last, "%" PRIu64, points[p->curve->count - 1].step);
    bool one = p->curve->count == 1;
    sw_put_format(out, "%*s%s", LABEL_COLUMNS - 1, "", p->utf8 ? "\u2514" : "+");
    for (int i = 0; i < p->columns; i++) sw_put_text(out, p->utf8 ? "\u2500" : "-");
    sw_put_format(out, "\n%*s step %-*" PRIu64 "%s\n", LABEL_COLUMNS - 1, "",
                  one ? 0 : p->columns - size - 5, points[0].step, one ? "" : last);
}

void sw_cli_plot(sw_cli *cli, const sw_curve *curve) {
    int columns = sw_cli_columns(STDOUT_FILENO);
    if (cli->json || !curve->count || !isatty(STDOUT_FILENO) || columns < COLUMNS_LEAST) return;
    bool utf8 = takes_utf8();
    plot p = {.curve = curve,
              .utf8 = utf8,
              .columns = columns - LABEL_COLUMNS,
              .across = utf8 ? 2 : 1,
              .down = utf8 ? 4 : 1};
    double low, high;
    sw_curve_range(curve, SW_SERIES_LOSS, &low, &high);
    p.axis = sw_axis_of(low, high, TICKS, false);
    p.low = sw_axis_tick(&p.axis, 0);
    p.high = sw_axis_tick(&p.axis, p.axis.count - 1);
    draw(&p);
    SW_SCOPED(sw_buffer) out = SW_BUFFER((size_t)64 << 10);
    sw_put_format(&out, "%*s\n", LABEL_COLUMNS - 2, "loss");
    for (int line = 0; line < LINES; line++) put_line(&p, line, &out);
    put_steps(&p, &out);
    if (!out.failed) sw_cli_write(cli, sw_buffer_bytes(&out));
}
