/* SPDX-License-Identifier: Apache-2.0
 *
 * JSON numbers as IEEE doubles, whatever the locale. Encoding finds the fewest digits that read
 * back to the same double, then lays them out as ECMAScript's Number::toString does (RFC
 * 8785 3.2.2.3).
 *
 * 15 digits survive the way through a normal double, so its shortest form is 15 digits without
 * trailing zeros, or 16, or 17. A power of two has a narrower gap below than above, so there the
 * nearest decimal may lie outside the gap while the next one up lies inside; it is tried as well.
 */
#include "codec/json_internal.h"

#include <float.h>
#include <inttypes.h>
#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DIGITS_MAX = 17, ES6_FIXED_MAX = 21, ES6_FIXED_MIN = -6 };

typedef struct decimal {
    char digits[DIGITS_MAX + 1]; /* NUL-terminated, no leading zero */
    int count;
    int point; /* value = 0.digits * 10^point */
} decimal;

static double read_double(const char *text) {
    locale_t plain = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    double v = strtod_l(text, NULL, plain);
    freelocale(plain);
    return v;
}

/* Most numbers: digits alone, and so few that a double holds them exactly. */
static bool read_digits(sw_bytes text, double *out) {
    uint64_t value = 0;
    if (text.size == 0 || text.size > DBL_DIG) return false;
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] < '0' || text.data[i] > '9') return false;
        value = value * 10 + (uint64_t)(text.data[i] - '0');
    }
    *out = (double)value;
    return true;
}

bool sw_json_number_parse(sw_bytes text, double *out) {
    char copy[SW_JSON_NUMBER_BYTES + 1];
    if (read_digits(text, out)) return true;
    if (text.size > SW_JSON_NUMBER_BYTES) return false;
    memcpy(copy, text.data, text.size);
    copy[text.size] = 0;
    double v = read_double(copy);
    if (!isfinite(v)) return false;
    *out = v;
    return true;
}

/* An integer up to 2^53 - 1 either way: every one of them is its own double. */
static bool is_integral(double v) {
    return fabs(v) <= 9007199254740991.0 && v == trunc(v);
}

void sw_json_set_number(sw_json *node, double v) {
    node->number = v;
    node->integral = is_integral(v);
    node->integer = node->integral ? (int64_t)v : 0;
}

static void strip_zeros(decimal *d) {
    while (d->count > 1 && d->digits[d->count - 1] == '0') d->count--;
    d->digits[d->count] = 0;
}

/* v > 0 rounded to `count` digits. The decimal point of printf is the locale's: skip it. */
static decimal round_to(double v, int count) {
    char text[64];
    decimal d = {.count = count};
    (void)snprintf(text, sizeof text, "%.*e", count - 1, v);
    const char *exponent = strchr(text, 'e');
    int n = 0;
    for (const char *c = text; c < exponent && n < count; c++)
        if (*c >= '0' && *c <= '9') d.digits[n++] = *c;
    d.point = (int)strtol(exponent + 1, NULL, 10) + 1;
    strip_zeros(&d);
    return d;
}

/* The next decimal of `count` digits above. */
static decimal next_up(decimal d, int count) {
    while (d.count < count) d.digits[d.count++] = '0';
    int i = count - 1;
    while (i >= 0 && d.digits[i] == '9') d.digits[i--] = '0';
    if (i >= 0) d.digits[i]++;
    if (i < 0) {
        d.digits[0] = '1';
        d.point++;
    }
    strip_zeros(&d);
    return d;
}

static bool reads_back(const decimal *d, double v) {
    char text[DIGITS_MAX + 16];
    (void)snprintf(text, sizeof text, "%se%d", d->digits, d->point - d->count);
    return read_double(text) == v;
}

static decimal shortest(double v) {
    int exponent;
    bool power_of_two = frexp(v, &exponent) == 0.5;
    decimal d = {.count = 0};
    for (int count = v < DBL_MIN ? 1 : DBL_DIG; count <= DIGITS_MAX; count++) {
        d = round_to(v, count);
        if (reads_back(&d, v)) break;
        decimal up = next_up(d, count);
        if (power_of_two && reads_back(&up, v)) return up;
    }
    return d;
}

static void put_zeros(sw_buffer *out, int count) {
    for (int i = 0; i < count; i++) sw_put_u8(out, '0');
}

void sw_json_number_encode(sw_buffer *out, double v) {
    if (is_integral(v)) { /* minus zero is 0 */
        sw_put_format(out, "%" PRId64, (int64_t)v);
        return;
    }
    if (v < 0) sw_put_u8(out, '-');
    decimal d = shortest(fabs(v));
    int k = d.count, n = d.point;
    if (k <= n && n <= ES6_FIXED_MAX) {
        sw_put_text(out, d.digits);
        put_zeros(out, n - k);
    } else if (0 < n && n < k) {
        sw_put_format(out, "%.*s.%s", n, d.digits, d.digits + n);
    } else if (ES6_FIXED_MIN < n && n <= 0) {
        sw_put_text(out, "0.");
        put_zeros(out, -n);
        sw_put_text(out, d.digits);
    } else {
        sw_put_format(out, "%c%s%se%+d", d.digits[0], k > 1 ? "." : "", d.digits + 1, n - 1);
    }
}
