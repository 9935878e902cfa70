/* SPDX-License-Identifier: Apache-2.0
 *
 * Days of the Gregorian calendar, as people write them: YYYY-MM-DD. No clock is read here.
 */
#ifndef SW_BASE_DATE_H
#define SW_BASE_DATE_H
#include "base/bytes.h"

typedef struct sw_date {
    unsigned year, month, day; /* 1000 to 9999, from 1, from 1 */
} sw_date;
#define SW_DATE_BYTES 11 /* with the NUL */

/* False, and `out` untouched, when the text is no such day. */
bool sw_date_parse(sw_bytes text, sw_date *out);
void sw_date_text(char out[SW_DATE_BYTES], const sw_date *d);
unsigned sw_date_month_days(unsigned year, unsigned month);
/* As one number that sorts as days do: 20261128. Nothing else than such a number is a day. */
uint32_t sw_date_number(const sw_date *d);
bool sw_date_of_number(uint32_t number, sw_date *out);
#endif
