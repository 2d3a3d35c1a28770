/* schedule.c — cron lines; see schedule.h. */
#include "base/schedule.h"

#include <string.h>
#include <strings.h>
#include <time.h>

/* ---- parse */

typedef struct field {
    const char *name;
    unsigned low, high;
    const char *words; /* names of three letters, the first one for `word_base` */
    unsigned word_base;
} field;

#define SUNDAY_TOO 7 /* as day of the week: the same as 0 */

static const field fields[] = {
    {"minute", 0, 59, "", 0},
    {"hour", 0, 23, "", 0},
    {"day of the month", 1, 31, "", 0},
    {"month", 1, 12, "janfebmaraprmayjunjulaugsepoctnovdec", 1},
    {"day of the week", 0, SUNDAY_TOO, "sunmontuewedthufrisat", 0},
};

static bool parse_word(const char **at, const field *f, unsigned *ret)
{
    for (size_t i = 0; f->words[3 * i]; i++) {
        if (strncasecmp(*at, f->words + 3 * i, 3) != 0) continue;
        *at += 3;
        *ret = f->word_base + (unsigned)i;
        return true;
    }
    return false;
}

static bool parse_number(const char **at, unsigned *ret)
{
    unsigned value = 0, digits = 0;
    for (; **at >= '0' && **at <= '9' && digits < 4; ++*at, digits++)
        value = value * 10 + (unsigned)(**at - '0');
    *ret = value;
    return digits > 0;
}

static bool parse_value(const char **at, const field *f, unsigned *ret)
{
    if (!parse_number(at, ret) && !parse_word(at, f, ret)) return false;
    return *ret >= f->low && *ret <= f->high;
}

/* One piece of a list: *, 5, 1-5, 22-3 over the end, each with /step. */
static bool parse_piece(const char **at, const field *f, uint64_t *set)
{
    unsigned from = f->low, to = f->high, step = 1;
    bool star = **at == '*', single = false;
    if (star) {
        ++*at;
    } else {
        if (!parse_value(at, f, &from)) return false;
        single = **at != '-';
        if (single) {
            to = from;
        } else {
            ++*at;
            if (!parse_value(at, f, &to)) return false;
        }
    }
    if (**at == '/') {
        ++*at;
        if (!parse_number(at, &step) || step == 0) return false;
        if (single) to = f->high; /* 5/15: from 5 on */
    }
    unsigned span = f->high - f->low + (f->high != SUNDAY_TOO); /* values that differ */
    unsigned length = to >= from ? to - from : to + span - from;
    for (unsigned i = 0; i <= length; i += step)
        *set |= UINT64_C(1) << (f->low + (from - f->low + i) % span);
    return true;
}

static bool parse_field(const char **at, const field *f, uint64_t *ret, bool *ret_any)
{
    *ret_any = **at == '*';
    *ret = 0;
    for (;; ++*at) {
        if (!parse_piece(at, f, ret)) return false;
        if (**at != ',') break;
    }
    return **at == 0 || **at == ' ' || **at == '\t';
}

varve_status schedule_parse(const char *text, schedule *ret, varve_error *err)
{
    schedule s = {0};
    bool any[VV_COUNT(fields)];
    uint64_t *const sets[VV_COUNT(fields)] = {&s.minutes, &s.hours, &s.days, &s.months,
                                              &s.weekdays};
    const char *at = text;
    for (size_t i = 0; i < VV_COUNT(fields); i++) {
        at += strspn(at, " \t");
        if (!*at)
            return vv_fail(err, VARVE_INVALID, "schedule '%.80s': five fields are expected", text);
        if (!parse_field(&at, &fields[i], sets[i], &any[i]))
            return vv_fail(err, VARVE_INVALID, "schedule '%.80s': the %s is not understood", text,
                           fields[i].name);
    }
    if (at[strspn(at, " \t\n")])
        return vv_fail(err, VARVE_INVALID, "schedule '%.80s': more than five fields", text);
    s.any_day = any[2];
    s.any_weekday = any[4];
    *ret = s;
    return VARVE_OK;
}

/* ---- next time */

static bool has(uint64_t set, int value) { return set >> value & 1; }

static bool day_matches(const schedule *s, const struct tm *t)
{
    bool day = has(s->days, t->tm_mday), weekday = has(s->weekdays, t->tm_wday);
    return s->any_day || s->any_weekday ? day && weekday : day || weekday;
}

/* The beginning of the next month, day, hour or minute that is worth looking at. false: t matches.
 * */
static bool skip(const schedule *s, struct tm *t)
{
    bool month = has(s->months, t->tm_mon + 1), day = month && day_matches(s, t);
    bool hour = day && has(s->hours, t->tm_hour);
    if (hour && has(s->minutes, t->tm_min)) return false;
    t->tm_sec = 0;
    if (hour) {
        t->tm_min++;
        return true;
    }
    t->tm_min = 0;
    if (day) {
        t->tm_hour++;
        return true;
    }
    t->tm_hour = 0;
    t->tm_mday = month ? t->tm_mday + 1 : 1;
    if (!month) t->tm_mon++;
    return true;
}

int64_t schedule_next(const schedule *s, int64_t after)
{
    const int64_t end =
        after + INT64_C(9) * 366 * 86400; /* eight years lie between leap days once */
    int64_t at = (after / 60 + 1) * 60;
    while (at < end) {
        time_t now = (time_t)at;
        struct tm t;
        if (!localtime_r(&now, &t)) return 0;
        if (!skip(s, &t)) return at;
        t.tm_isdst = -1;
        int64_t next = (int64_t)mktime(&t);
        at = next > at ? next : at + 60; /* an hour that the clocks repeat */
    }
    return 0;
}
