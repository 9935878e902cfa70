/* SPDX-License-Identifier: Apache-2.0
 *
 * Text as Python sees it: white space, characters, strip, and a date in words.
 */
#include "tokenizer/jinja_internal.h"

#include <stdio.h>
#include <string.h>

bool sw_jinja_space(uint32_t c) {
    return (sw_character_class(c) & SW_CLASS_SPACE) != 0 || (c >= 0x1c && c <= 0x1f);
}

size_t sw_jinja_characters(sw_bytes text) {
    size_t count = 0;
    for (size_t i = 0; i < text.size; i++) count += (text.data[i] & 0xc0) != 0x80;
    return count;
}

sw_bytes sw_jinja_between(sw_bytes text, size_t start, size_t stop) {
    size_t from = 0, to;
    for (size_t i = 0; i < start && from < text.size; i++) (void)sw_utf8_next(text, &from);
    to = from;
    for (size_t i = start; i < stop && to < text.size; i++) (void)sw_utf8_next(text, &to);
    return SW_BYTES(text.data + from, to - from);
}

size_t sw_jinja_search(sw_bytes text, sw_bytes what, size_t from) {
    enum { WINDOW = 4096 }; /* sanitizers look at all that a search may reach, at every search */
    for (; from < text.size; from += WINDOW) {
        size_t left = text.size - from, reach = WINDOW + what.size;
        const uint8_t *at =
            memmem(text.data + from, left < reach ? left : reach, what.data, what.size);
        if (at) return (size_t)(at - text.data);
    }
    return SIZE_MAX;
}

static bool stripped(uint32_t c, const sw_bytes *set) {
    if (!set) return sw_jinja_space(c);
    for (size_t at = 0; at < set->size;)
        if (sw_utf8_next(*set, &at) == c) return true;
    return false;
}

sw_bytes sw_jinja_strip(sw_bytes text, const sw_bytes *set, unsigned sides) {
    size_t start = 0, end = text.size;
    while ((sides & SW_JINJA_LEFT) && start < end) {
        size_t next = start;
        if (!stripped(sw_utf8_next(text, &next), set)) break;
        start = next;
    }
    while ((sides & SW_JINJA_RIGHT) && end > start) {
        size_t before = end;
        if (!stripped(sw_utf8_previous(text, &before), set)) break;
        end = before;
    }
    return SW_BYTES(text.data + start, end - start);
}

/* ---- dates ---- */

bool sw_jinja_is_date(sw_bytes text) {
    sw_date d;
    return sw_date_parse(text, &d);
}

static unsigned year_day(const sw_date *d) {
    unsigned day = d->day;
    for (unsigned month = 1; month < d->month; month++) day += sw_date_month_days(d->year, month);
    return day;
}

/* 0 for Sunday: days since Sunday, 31 December of the year 0. */
static unsigned week_day(const sw_date *d) {
    unsigned years = d->year - 1;
    return (years * 365 + years / 4 - years / 100 + years / 400 + year_day(d)) % 7;
}

static const char *const months[] = {"January",   "February", "March",    "April",
                                     "May",       "June",     "July",     "August",
                                     "September", "October",  "November", "December"};
static const char *const days[] = {"Sunday",   "Monday", "Tuesday", "Wednesday",
                                   "Thursday", "Friday", "Saturday"};

/* False when this directive is not one that a date alone can fill. */
static bool put_directive(sw_buffer *out, const sw_date *d, uint8_t c, bool bare) {
    unsigned v = c == 'd' ? d->day : c == 'm' ? d->month : c == 'j' ? year_day(d) : 0;
    if (bare && !v) return false;
    switch (c) {
    case 'd':
    case 'm':
        sw_put_format(out, bare ? "%u" : "%02u", v);
        return true;
    case 'j':
        sw_put_format(out, bare ? "%u" : "%03u", v);
        return true;
    case 'Y':
        sw_put_format(out, "%u", d->year);
        return true;
    case 'y':
        sw_put_format(out, "%02u", d->year % 100);
        return true;
    case 'b':
    case 'B':
        sw_put_format(out, c == 'b' ? "%.3s" : "%s", months[d->month - 1]);
        return true;
    case 'a':
    case 'A':
        sw_put_format(out, c == 'a' ? "%.3s" : "%s", days[week_day(d)]);
        return true;
    case '%':
        sw_put_u8(out, '%');
        return true;
    default:
        return false;
    }
}

sw_status sw_jinja_date(sw_jinja_run *run, sw_bytes format, sw_jinja_value *out) {
    SW_SCOPED(sw_buffer) text = SW_BUFFER(4096);
    sw_date d;
    if (!run->input->date.size)
        return sw_jinja_fail(run, "strftime_now is called, and no date is given");
    if (!sw_date_parse(run->input->date, &d))
        return sw_jinja_fail(run, "the date is not a day as YYYY-MM-DD");
    for (size_t i = 0; i < format.size; i++) {
        if (format.data[i] != '%') {
            sw_put_u8(&text, format.data[i]);
            continue;
        }
        bool bare = i + 1 < format.size && format.data[i + 1] == '-';
        i += bare ? 2 : 1;
        if (i >= format.size || !put_directive(&text, &d, format.data[i], bare))
            return sw_jinja_fail(run,
                                 "strftime_now knows %%d %%m %%j (also %%-d and so on) %%Y %%y "
                                 "%%b %%B %%a %%A and %%%%");
    }
    return sw_jinja_keep(run, &text, out);
}
