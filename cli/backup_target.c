/* backup_target.c — see backup_target.h. */
#include "backup_target.h"

#include "text.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#define MS_PER_DAY INT64_C(86400000)

/* ---- times --------------------------------------------------------------------------------- */

/* So many digits, as a number; a digit behind them is no part of it. */
static bool take_digits(const char **at, int count, int *ret)
{
    int value = 0;
    for (int i = 0; i < count; i++) {
        if (!isdigit((unsigned char)(*at)[i])) return false;
        value = value * 10 + ((*at)[i] - '0');
    }
    *at += count;
    *ret = value;
    return true;
}

static bool take_character(const char **at, char c)
{
    if (**at != c) return false;
    ++*at;
    return true;
}

static bool is_leap(int year) { return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0; }

static int64_t days_since_1970(int year, int month, int day)
{
    static const int before[] = {0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334};
    int64_t y = year - 1;
    int64_t days = y * 365 + y / 4 - y / 100 + y / 400 - 719162;
    return days + before[month - 1] + (month > 2 && is_leap(year)) + day - 1;
}

static bool take_date(const char **at, int64_t *ret_ms)
{
    static const int lengths[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    int year, month, day;
    if (!take_digits(at, 4, &year) || !take_character(at, '-') || !take_digits(at, 2, &month) ||
        !take_character(at, '-') || !take_digits(at, 2, &day))
        return false;
    if (year < 1970 || month < 1 || month > 12 || day < 1) return false;
    if (day > lengths[month - 1] + (month == 2 && is_leap(year))) return false;
    *ret_ms = days_since_1970(year, month, day) * MS_PER_DAY;
    return true;
}

/* Behind the third digit nothing counts. */
static bool take_fraction(const char **at, int64_t *ret_ms)
{
    int64_t ms = 0;
    int digits = 0;
    if (!take_character(at, '.')) return true;
    for (; isdigit((unsigned char)**at); ++*at, digits++)
        if (digits < 3) ms = ms * 10 + (**at - '0');
    for (int i = digits; i < 3; i++)
        ms *= 10;
    *ret_ms += ms;
    return digits > 0;
}

/* hh:mm[:ss[.fraction]] */
static bool take_time(const char **at, int64_t *ret_ms)
{
    int hours, minutes, seconds = 0;
    if (!take_digits(at, 2, &hours) || !take_character(at, ':') || !take_digits(at, 2, &minutes))
        return false;
    bool has_seconds = take_character(at, ':');
    if (has_seconds && !take_digits(at, 2, &seconds)) return false;
    if (hours > 23 || minutes > 59 || seconds > 59) return false;
    *ret_ms += ((hours * 60 + minutes) * 60 + seconds) * INT64_C(1000);
    return !has_seconds || take_fraction(at, ret_ms);
}

static bool take_zone(const char **at, int64_t *ret_ms)
{
    int hours, minutes, sign = **at == '+' ? 1 : -1;
    if (!**at || take_character(at, 'Z')) return true;
    if (!take_character(at, '+') && !take_character(at, '-')) return false;
    if (!take_digits(at, 2, &hours) || !take_character(at, ':') || !take_digits(at, 2, &minutes) ||
        hours > 14 || minutes > 59)
        return false;
    *ret_ms -= sign * (hours * 60 + minutes) * INT64_C(60000);
    return true;
}

bool backup_target_time(const char *text, uint64_t *ret_ms)
{
    int64_t ms = 0;
    if (text_to_u64(text, strlen(text), ret_ms)) return true;
    if (!take_date(&text, &ms)) return false;
    if (take_character(&text, 'T') || take_character(&text, ' ')) {
        if (!take_time(&text, &ms) || !take_zone(&text, &ms)) return false;
    }
    if (*text || ms < 0) return false;
    *ret_ms = (uint64_t)ms;
    return true;
}

/* ---- flags --------------------------------------------------------------------------------- */

/* Names may have dots in them, so that a slash says clearly where the first one ends. */
static bool take_names(backup_target *t, const char *value)
{
    const char *end = strchr(value, '/');
    if (!end) end = strchr(value, '.');
    if (!end || end == value || !end[1] || strlen(value) >= sizeof t->names) return false;
    memcpy(t->names, value, strlen(value) + 1);
    t->names[end - value] = 0;
    t->database = t->names;
    t->collection = t->names + (end - value) + 1;
    return true;
}

int backup_target_flag(backup_target *t, const verb *v, int key, const char *value)
{
    switch (key) {
    case FLAG_LATEST: t->target = PITR_LATEST; break;
    case FLAG_TO_LSN:
        t->target = PITR_LSN;
        if (!text_to_u64(value, strlen(value), &t->lsn))
            return verb_usage(v, "--to-lsn is a sequence number, not '%s'", value);
        break;
    case FLAG_TO_TIME:
        t->target = PITR_TIME;
        if (!backup_target_time(value, &t->time_ms))
            return verb_usage(v, "--to-time is like 2026-11-21T08:30:00Z, or ms, not '%s'", value);
        break;
    case FLAG_BEFORE_DROP:
        t->target = PITR_BEFORE_DROP;
        if (!take_names(t, value))
            return verb_usage(v, "--before-drop is DATABASE.COLLECTION, not '%s'", value);
        break;
    default: return VERB_OK;
    }
    if (++t->given == 1) return VERB_OK;
    return verb_usage(v, "a restore goes to one moment: of --latest, --to-lsn, --to-time, "
                         "--before-drop and --snapshot name one");
}
