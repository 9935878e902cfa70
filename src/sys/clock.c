/* SPDX-License-Identifier: Apache-2.0
 *
 * The system's time and chance behind the two structs that a test can replace, and RFC 3339 time in
 * the one form that we write: whole seconds, UTC, years 1970 to 9999.
 */
#include "sys/clock.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#define LAST_SECOND INT64_C(253402300799) /* 9999-12-31T23:59:59Z */

static int64_t read_ms(clockid_t id) {
    struct timespec t = {0};
    (void)clock_gettime(id, &t); /* cannot fail: both clocks exist since Linux 2.6.39 */
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static int64_t wall_ms(void *context) {
    (void)context;
    return read_ms(CLOCK_REALTIME);
}

static int64_t steady_ms(void *context) {
    (void)context;
    return read_ms(CLOCK_BOOTTIME);
}

sw_clock sw_clock_system(void) {
    return (sw_clock){wall_ms, steady_ms, NULL};
}

static sw_status fill_from_kernel(void *context, void *out, size_t size, sw_error *err) {
    (void)context;
    for (size_t done = 0; done < size;) {
        ssize_t got = getrandom((uint8_t *)out + done, size - done, 0);
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) return sw_fail(err, SW_IO, "io", "the system has no randomness for us");
        done += (size_t)got;
    }
    return SW_OK;
}

sw_entropy sw_entropy_system(void) {
    return (sw_entropy){fill_from_kernel, NULL};
}

sw_status sw_entropy_fill(const sw_entropy *e, void *out, size_t size, sw_error *err) {
    return e->fill(e->context, out, size, err);
}

/* ---- the proleptic Gregorian calendar, in eras of 400 years that begin on 1 March ---- */

static int64_t days_from_civil(int64_t year, unsigned month, unsigned day) {
    if (month <= 2) year--;
    int64_t era = year / 400;
    unsigned of_era = (unsigned)(year - era * 400);
    unsigned of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
    unsigned day_of_era = of_era * 365 + of_era / 4 - of_era / 100 + of_year;
    return era * 146097 + (int64_t)day_of_era - 719468;
}

static void civil_from_days(int64_t days, unsigned *year, unsigned *month, unsigned *day) {
    days += 719468;
    int64_t era = days / 146097;
    unsigned of_era = (unsigned)(days - era * 146097);
    unsigned y = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    unsigned of_year = of_era - (365 * y + y / 4 - y / 100);
    unsigned m = (5 * of_year + 2) / 153;
    *day = of_year - (153 * m + 2) / 5 + 1;
    *month = m < 10 ? m + 3 : m - 9;
    *year = (unsigned)(era * 400) + y + (*month <= 2 ? 1 : 0);
}

void sw_time_text(char out[21], int64_t ms) {
    int64_t seconds = ms < 0 ? 0 : ms / 1000;
    if (seconds > LAST_SECOND) seconds = LAST_SECOND;
    unsigned year, month, day, rest = (unsigned)(seconds % 86400);
    char text[64];
    civil_from_days(seconds / 86400, &year, &month, &day);
    (void)snprintf(text, sizeof text, "%04u-%02u-%02uT%02u:%02u:%02uZ", year, month, day,
                   rest / 3600, rest / 60 % 60, rest % 60);
    memcpy(out, text, 20);
    out[20] = 0;
}

/* Digits at `at`, or UINT32_MAX. */
static uint32_t digits(sw_bytes text, size_t at, size_t count) {
    uint32_t value = 0;
    for (size_t i = at; i < at + count; i++) {
        if (text.data[i] < '0' || text.data[i] > '9') return UINT32_MAX;
        value = value * 10 + (uint32_t)(text.data[i] - '0');
    }
    return value;
}

static uint32_t days_in_month(uint32_t year, uint32_t month) {
    static const uint8_t days[12] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return month == 2 && leap ? 29 : days[month - 1];
}

sw_status sw_time_parse(sw_bytes text, int64_t *ms, sw_error *err) {
    static const char form[] = "0000-00-00T00:00:00Z";
    bool good = text.size == sizeof form - 1;
    for (size_t i = 0; good && i < text.size; i++)
        good = form[i] == '0' || text.data[i] == (uint8_t)form[i];
    if (!good) return sw_fail(err, SW_MALFORMED, "format", "a time is not written as %s", form);
    uint32_t year = digits(text, 0, 4), month = digits(text, 5, 2), day = digits(text, 8, 2);
    uint32_t hour = digits(text, 11, 2), minute = digits(text, 14, 2), second = digits(text, 17, 2);
    good = year >= 1970 && year <= 9999 && month >= 1 && month <= 12 && hour < 24 && minute < 60 &&
           second < 60;
    if (!good || day < 1 || day > days_in_month(year, month))
        return sw_fail(err, SW_MALFORMED, "format", "a time is out of range");
    int64_t days = days_from_civil(year, month, day);
    *ms = ((days * 24 + hour) * 60 + minute) * 60000 + (int64_t)second * 1000;
    return SW_OK;
}
