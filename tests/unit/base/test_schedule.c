/* test_schedule.c — cron lines: what they mean, when they come next, what is refused. */
#include "base/schedule.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

static schedule parse(const char *text)
{
    schedule s = {0};
    varve_error err = {0};
    if (schedule_parse(text, &s, &err) != VARVE_OK) fail_msg("%s", err.message);
    return s;
}

static int64_t seconds(const char *text)
{
    struct tm t = {.tm_isdst = -1};
    assert_non_null(strptime(text, "%Y-%m-%d %H:%M:%S", &t));
    return (int64_t)mktime(&t);
}

static void assert_next(const char *line, const char *after, const char *expected)
{
    char got[32] = "never";
    schedule s = parse(line);
    int64_t next = schedule_next(&s, seconds(after));
    struct tm t;
    time_t at = (time_t)next;
    if (next) (void)strftime(got, sizeof got, "%Y-%m-%d %H:%M:%S", localtime_r(&at, &t));
    if (strcmp(got, expected) != 0) fail_msg("%s after %s: %s, not %s", line, after, got, expected);
}

static void set_zone(const char *zone)
{
    assert_int_equal(setenv("TZ", zone, 1), 0);
    tzset();
}

static void comes_next(void **state)
{
    (void)state;
    static const struct {
        const char *line, *after, *next;
    } cases[] = {
        {"* * * * *", "2026-11-21 10:00:00", "2026-11-21 10:01:00"},
        {"* * * * *", "2026-11-21 10:00:59", "2026-11-21 10:01:00"},
        {"30 3 * * *", "2026-11-21 03:29:59", "2026-11-21 03:30:00"},
        {"30 3 * * *", "2026-11-21 03:30:00", "2026-11-22 03:30:00"},
        {"*/15 * * * *", "2026-11-21 10:46:00", "2026-11-21 11:00:00"},
        {"5/20 * * * *", "2026-11-21 10:46:00", "2026-11-21 11:05:00"},
        {"10-40/15 8 * * *", "2026-11-21 08:26:00", "2026-11-21 08:40:00"},
        {"0 22-2 * * *", "2026-11-21 23:00:00", "2026-11-22 00:00:00"},
        {"0 22-2 * * *", "2026-11-21 02:00:00", "2026-11-21 22:00:00"},
        {"0 0 1 * *", "2026-11-21 10:00:00", "2026-12-01 00:00:00"},
        {"0 0 31 * *", "2026-11-21 10:00:00", "2026-12-31 00:00:00"},
        {"59 23 31 dec *", "2026-12-31 23:59:00", "2027-12-31 23:59:00"},
        {"0 0 29 2 *", "2026-11-21 10:00:00", "2028-02-29 00:00:00"},
        {"0 0 29 2 *", "2096-03-01 00:00:00", "2104-02-29 00:00:00"},
        {"0 0 30 2 *", "2026-11-21 10:00:00", "never"},
        {"0 12 * * mon", "2026-11-21 10:00:00", "2026-11-23 12:00:00"}, /* a Saturday */
        {"0 12 * * 0", "2026-11-21 10:00:00", "2026-11-22 12:00:00"},
        {"0 12 * * 7", "2026-11-21 10:00:00", "2026-11-22 12:00:00"},
        {"0 12 * * fri-mon", "2026-11-23 12:00:00", "2026-11-27 12:00:00"},
        {"0 12 * * sat-tue/2", "2026-11-21 12:00:00", "2026-11-23 12:00:00"}, /* not Sunday */
        {"0 12 * * sat,wed", "2026-11-21 12:00:00", "2026-11-25 12:00:00"},
        {"0 0 1 * mon", "2026-11-21 10:00:00", "2026-11-23 00:00:00"}, /* either day */
        {"0 0 1 * mon", "2026-11-30 10:00:00", "2026-12-01 00:00:00"},
        {"0 0 */2 * mon", "2026-11-21 10:00:00", "2026-11-23 00:00:00"}, /* both: a star */
        {"\t0  0 1 JAN,jul *  ", "2026-11-21 10:00:00", "2027-01-01 00:00:00"},
        {"0,30 1,2 1-3,5 6-7 *", "2026-06-03 02:30:00", "2026-06-05 01:00:00"},
    };
    set_zone("UTC");
    for (size_t i = 0; i < VV_COUNT(cases); i++)
        assert_next(cases[i].line, cases[i].after, cases[i].next);
}

/* Berlin: 2026-03-29 02:00 becomes 03:00, 2026-10-25 03:00 becomes 02:00. */
static void summer_time(void **state)
{
    (void)state;
    set_zone("CET-1CEST,M3.5.0,M10.5.0/3");
    assert_next("30 2 * * *", "2026-03-28 12:00:00", "2026-03-30 02:30:00"); /* left out */
    assert_next("30 3 * * *", "2026-03-28 12:00:00", "2026-03-29 03:30:00");
    assert_next("0 0 * * *", "2026-03-29 00:00:00", "2026-03-30 00:00:00");
    schedule s = parse("30 2 * * *");
    int64_t first = schedule_next(&s, seconds("2026-10-24 12:00:00"));
    int64_t second = schedule_next(&s, first);
    assert_int_equal(second - first, 25 * 3600); /* once in the long night */
    assert_int_equal(schedule_next(&s, second) - second, 86400);
    set_zone("UTC");
}

static void refuses(void **state)
{
    (void)state;
    static const struct {
        const char *line, *word;
    } cases[] = {
        {"", "five"},
        {"* * * *", "five"},
        {"* * * * * *", "more than five"},
        {"60 * * * *", "minute"},
        {"* 24 * * *", "hour"},
        {"* * 0 * *", "day of the month"},
        {"* * 32 * *", "day of the month"},
        {"* * * 13 *", "month"},
        {"* * * foo *", "month"},
        {"* * * * 8", "day of the week"},
        {"*/0 * * * *", "minute"},
        {"1- * * * *", "minute"},
        {"1,, * * * *", "minute"},
        {"1x * * * *", "minute"},
        {"-1 * * * *", "minute"},
        {"12345678901 * * * *", "minute"},
        {"@daily", "minute"},
    };
    for (size_t i = 0; i < VV_COUNT(cases); i++) {
        schedule s = {.minutes = 7};
        varve_error err = {0};
        assert_int_equal(schedule_parse(cases[i].line, &s, &err), VARVE_INVALID);
        if (!strstr(err.message, cases[i].word)) fail_msg("%s: %s", cases[i].line, err.message);
        assert_int_equal(s.minutes, 7);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(comes_next),
        cmocka_unit_test(summer_time),
        cmocka_unit_test(refuses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
