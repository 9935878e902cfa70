/* SPDX-License-Identifier: Apache-2.0
 *
 * Days of the Gregorian calendar: text and number to year, month and day, and back.
 */
#include "base/date.h"
#include <stdio.h>

unsigned sw_date_month_days(unsigned year, unsigned month) {
    static const uint8_t days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return days[month - 1] + (month == 2 && leap);
}

static bool exists(const sw_date *d) {
    return d->year >= 1000 && d->year <= 9999 && d->month >= 1 && d->month <= 12 && d->day >= 1 &&
           d->day <= sw_date_month_days(d->year, d->month);
}

static unsigned digits(const uint8_t *text, size_t count) {
    unsigned v = 0;
    for (size_t i = 0; i < count; i++) v = v * 10 + (text[i] - (unsigned)'0');
    return v;
}

bool sw_date_parse(sw_bytes text, sw_date *out) {
    if (text.size != SW_DATE_BYTES - 1) return false;
    for (size_t i = 0; i < text.size; i++) {
        bool dash = i == 4 || i == 7;
        if (dash ? text.data[i] != '-' : text.data[i] < '0' || text.data[i] > '9') return false;
    }
    sw_date d = {digits(text.data, 4), digits(text.data + 5, 2), digits(text.data + 8, 2)};
    if (!exists(&d)) return false;
    *out = d;
    return true;
}

void sw_date_text(char out[SW_DATE_BYTES], const sw_date *d) {
    (void)snprintf(out, SW_DATE_BYTES, "%04u-%02u-%02u", d->year % 10000, d->month % 100,
                   d->day % 100);
}

uint32_t sw_date_number(const sw_date *d) {
    return (uint32_t)(d->year * 10000 + d->month * 100 + d->day);
}

bool sw_date_of_number(uint32_t number, sw_date *out) {
    sw_date d = {number / 10000, number / 100 % 100, number % 100};
    if (!exists(&d)) return false;
    *out = d;
    return true;
}
