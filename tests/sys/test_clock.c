/* SPDX-License-Identifier: Apache-2.0
 *
 * Time written and read; expected values are those of `date -u -d @SECONDS`.
 */
#include "cmocka_plain.h"
#include "sys/clock.h"

#include <string.h>
#include <time.h>

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

static void times_are_written_and_read(void **state) {
    (void)state;
    static const struct {
        int64_t seconds;
        const char *text;
    } cases[] = {{0, "1970-01-01T00:00:00Z"},           {951782399, "2000-02-28T23:59:59Z"},
                 {951782400, "2000-02-29T00:00:00Z"},   {951868800, "2000-03-01T00:00:00Z"},
                 {1795407692, "2026-11-23T04:21:32Z"},  {4107542399, "2100-02-28T23:59:59Z"},
                 {4107542400, "2100-03-01T00:00:00Z"},  {2147483648, "2038-01-19T03:14:08Z"},
                 {253402300799, "9999-12-31T23:59:59Z"}};
    for (size_t i = 0; i < COUNT(cases); i++) {
        char text[21];
        int64_t ms = 0;
        sw_time_text(text, cases[i].seconds * 1000 + 999);
        assert_string_equal(text, cases[i].text);
        assert_int_equal(sw_time_parse(sw_text(text), &ms, NULL), SW_OK);
        assert_true(ms == cases[i].seconds * 1000);
    }
}

/* Every day of 400 years and more, against the C library. */
static void every_day_agrees_with_the_c_library(void **state) {
    (void)state;
    for (int64_t day = 0; day < 160000; day++) {
        char text[21], expected[32];
        time_t seconds = (time_t)(day * 86400 + day % 86400);
        struct tm t;
        int64_t ms = 0;
        assert_non_null(gmtime_r(&seconds, &t));
        (void)strftime(expected, sizeof expected, "%Y-%m-%dT%H:%M:%SZ", &t);
        sw_time_text(text, (int64_t)seconds * 1000);
        assert_string_equal(text, expected);
        assert_int_equal(sw_time_parse(sw_text(text), &ms, NULL), SW_OK);
        assert_true(ms == (int64_t)seconds * 1000);
    }
}

static void times_out_of_range_are_clamped(void **state) {
    (void)state;
    char text[21];
    sw_time_text(text, -1);
    assert_string_equal(text, "1970-01-01T00:00:00Z");
    sw_time_text(text, INT64_MIN);
    assert_string_equal(text, "1970-01-01T00:00:00Z");
    sw_time_text(text, INT64_MAX);
    assert_string_equal(text, "9999-12-31T23:59:59Z");
}

static void bad_times_are_refused(void **state) {
    (void)state;
    static const char *const cases[] = {
        "",
        "2026-11-23",
        "2026-11-23T04:21:32",
        "2026-11-23T04:21:32z",
        "2026-11-23t04:21:32Z",
        "2026-11-23 04:21:32Z",
        "2026-11-23T04:21:32ZZ",
        "2026-11-23T04:21:32.0Z",
        "2026-11-23T04:21:32+0",
        "2026/11/23T04:21:32Z",
        "1969-12-31T23:59:59Z",
        "0000-01-01T00:00:00Z",
        "2026-00-23T04:21:32Z",
        "2026-13-23T04:21:32Z",
        "2026-11-00T04:21:32Z",
        "2026-11-31T04:21:32Z",
        "2026-02-29T04:21:32Z",
        "2100-02-29T04:21:32Z",
        "2026-11-23T24:00:00Z",
        "2026-11-23T04:60:32Z",
        "2026-11-23T04:21:60Z",
        "2026-1a-23T04:21:32Z",
        " 026-11-23T04:21:32Z",
        "-026-11-23T04:21:32Z",
        "2026-11-23T04:21:\xff\xffZ",
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        int64_t ms = 7;
        sw_error err = {0};
        assert_int_equal(sw_time_parse(sw_text(cases[i]), &ms, &err), SW_MALFORMED);
        assert_string_equal(err.word, "format");
        assert_int_equal(ms, 7);
    }
}

static void the_system_has_time_and_chance(void **state) {
    (void)state;
    sw_clock clock = sw_clock_system();
    sw_entropy entropy = sw_entropy_system();
    uint8_t a[600] = {0}, b[600] = {0};
    int64_t before = clock.steady_ms(clock.context);
    assert_true(clock.wall_ms(clock.context) / 1000 - (int64_t)time(NULL) <= 1);
    assert_true(clock.steady_ms(clock.context) >= before);
    assert_int_equal(sw_entropy_fill(&entropy, a, sizeof a, NULL), SW_OK);
    assert_int_equal(sw_entropy_fill(&entropy, b, sizeof b, NULL), SW_OK);
    assert_int_equal(sw_entropy_fill(&entropy, b, 0, NULL), SW_OK);
    assert_memory_not_equal(a, b, sizeof a);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(times_are_written_and_read),
        cmocka_unit_test(every_day_agrees_with_the_c_library),
        cmocka_unit_test(times_out_of_range_are_clamped),
        cmocka_unit_test(bad_times_are_refused),
        cmocka_unit_test(the_system_has_time_and_chance),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
