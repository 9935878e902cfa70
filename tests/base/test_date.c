/* SPDX-License-Identifier: Apache-2.0
 *
 * Days: text and number, and what is none.
 */
#include "base/date.h"
#include "cmocka_plain.h"

static void test_days(void **state) {
    (void)state;
    static const struct {
        const char *text;
        uint32_t number;
    } days[] = {{"1000-01-01", 10000101}, {"2024-02-29", 20240229}, {"2000-02-29", 20000229},
                {"2026-11-28", 20261128}, {"2026-12-31", 20261231}, {"9999-12-31", 99991231}};
    for (size_t i = 0; i < sizeof days / sizeof *days; i++) {
        sw_date d, again;
        char text[SW_DATE_BYTES];
        assert_true(sw_date_parse(sw_text(days[i].text), &d));
        assert_int_equal(sw_date_number(&d), days[i].number);
        assert_true(sw_date_of_number(days[i].number, &again));
        sw_date_text(text, &again);
        assert_string_equal(text, days[i].text);
    }
}

static void test_no_days(void **state) {
    (void)state;
    static const char *const texts[] = {"",           "2026-11-2",  "2026-11-281", "2026-1-028",
                                        "2026/11/28", "20261128",   "2026-02-29",  "1900-02-29",
                                        "2026-00-01", "2026-13-01", "2026-04-31",  "2026-04-00",
                                        "0999-12-31", "2026-11-2x", " 2026-11-28", "+026-11-28"};
    static const uint32_t numbers[] = {0,        1,        9991231,   20260229,  20260001,
                                       20261301, 20261132, 100000101, UINT32_MAX};
    sw_date d = {1, 2, 3};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        assert_false(sw_date_parse(sw_text(texts[i]), &d));
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        assert_false(sw_date_of_number(numbers[i], &d));
    assert_true(d.year == 1 && d.month == 2 && d.day == 3);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_days), cmocka_unit_test(test_no_days)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
