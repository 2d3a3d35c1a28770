/* value_datetime.c — date-times in texts: strict fields, days by the Gregorian calendar. */
#include "record/value.h"

#include <string.h>

#define SECOND_US  INT64_C(1000000)
#define DATE_CHARS 10 /* YYYY-MM-DD */

typedef struct cursor {
    const char *at, *end;
} cursor;

static bool is_digit(char c) { return c >= '0' && c <= '9'; }

/* So many digits, a number from low to high. */
static bool read_field(cursor *c, int digits, int low, int high, int *ret)
{
    int n = 0;
    if (c->end - c->at < digits) return false;
    for (int i = 0; i < digits; i++, c->at++) {
        if (!is_digit(*c->at)) return false;
        n = n * 10 + (*c->at - '0');
    }
    *ret = n;
    return n >= low && n <= high;
}

static bool read_char(cursor *c, const char *any_of)
{
    if (c->at == c->end || !*c->at || !strchr(any_of, *c->at)) return false;
    c->at++;
    return true;
}

static int days_in_month(int year, int month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    return days[month - 1] + (month == 2 && leap);
}

/* Since 1970-01-01; years begin in March, so that the leap day is the last of one. */
static int64_t days_of(int year, int month, int day)
{
    int y = year - (month <= 2), era = y / 400, of_era = y % 400;
    int of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    int of_400 = of_era * 365 + of_era / 4 - of_era / 100 + of_year;
    return (int64_t)era * 146097 + of_400 - 719468;
}

/* The digits behind the point, of which six count. */
static bool read_fraction(cursor *c, int64_t *ret)
{
    int64_t us = 0, unit = SECOND_US;
    if (c->at == c->end || !is_digit(*c->at)) return false;
    for (; c->at < c->end && is_digit(*c->at); c->at++) {
        unit /= 10;
        us += unit * (*c->at - '0');
    }
    *ret = us;
    return true;
}

/* Microseconds to take away. */
static bool read_zone(cursor *c, int64_t *ret)
{
    int hours, minutes = 0;
    bool east = c->at < c->end && *c->at == '+';
    *ret = 0;
    if (c->at == c->end || read_char(c, "Zz")) return true;
    if (!read_char(c, "+-") || !read_field(c, 2, 0, 23, &hours)) return false;
    if (c->at < c->end) {
        (void)read_char(c, ":");
        if (!read_field(c, 2, 0, 59, &minutes)) return false;
    }
    *ret = (hours * 60 + minutes) * 60 * SECOND_US * (east ? 1 : -1);
    return true;
}

static bool read_time(cursor *c, int64_t *ret)
{
    int hour, minute, second = 0;
    int64_t fraction = 0, zone;
    if (!read_char(c, "Tt ") || !read_field(c, 2, 0, 23, &hour) || !read_char(c, ":") ||
        !read_field(c, 2, 0, 59, &minute))
        return false;
    if (read_char(c, ":")) {
        if (!read_field(c, 2, 0, 60, &second)) return false;
        if (read_char(c, ".") && !read_fraction(c, &fraction)) return false;
    }
    if (!read_zone(c, &zone) || c->at != c->end) return false;
    *ret = ((hour * 60 + minute) * 60 + second) * SECOND_US + fraction - zone;
    return true;
}

bool value_datetime(varve_text text, int64_t *ret_microseconds)
{
    cursor c = {text.data, text.data + text.len};
    int year, month, day;
    int64_t time = 0;
    /* Most texts end here. */
    if (text.len < DATE_CHARS || text.data[4] != '-' || text.data[7] != '-') return false;
    if (!read_field(&c, 4, 1, 9999, &year) || !read_char(&c, "-") ||
        !read_field(&c, 2, 1, 12, &month) || !read_char(&c, "-") ||
        !read_field(&c, 2, 1, days_in_month(year, month), &day))
        return false;
    if (c.at < c.end && !read_time(&c, &time)) return false;
    *ret_microseconds = days_of(year, month, day) * 24 * 3600 * SECOND_US + time;
    return true;
}
