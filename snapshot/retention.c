/* retention.c — see retention.h. From the newest to the oldest: the first of each new period takes
 * one of the places of its rule. */
#include "retention.h"

#include <stdio.h>
#include <string.h>

#define DAY_MS    86400000u
#define TIME_MAX  253402300799999u /* the end of the year 9999 */
#define NO_PERIOD INT64_MIN

/* ---- periods: a number for each hour, day, … ---- */

/* Days since 1970 to year and month. Source: H. Hinnant, chrono-compatible low-level date
 * algorithms, civil_from_days. */
static void civil(int64_t days, int64_t *ret_year, int64_t *ret_month)
{
    days += 719468;
    int64_t era = days / 146097, of_era = days % 146097;
    int64_t year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    int64_t of_year = of_era - (365 * year + year / 4 - year / 100);
    int64_t shifted = (5 * of_year + 2) / 153; /* March is 0 */
    *ret_month = shifted < 10 ? shifted + 3 : shifted - 9;
    *ret_year = year + era * 400 + (*ret_month <= 2);
}

static int64_t hour_of(uint64_t ms) { return (int64_t)(ms / 3600000); }
static int64_t day_of(uint64_t ms) { return (int64_t)(ms / DAY_MS); }
static int64_t week_of(uint64_t ms) { return (day_of(ms) + 3) / 7; } /* 1970-01-01: a Thursday */

static int64_t month_of(uint64_t ms)
{
    int64_t year, month;
    civil(day_of(ms), &year, &month);
    return year * 12 + month;
}

static int64_t year_of(uint64_t ms)
{
    int64_t year, month;
    civil(day_of(ms), &year, &month);
    return year;
}

/* ---- rules ---- */

static void keep_periods(const retention_item *items, size_t count, uint32_t places,
                         int64_t (*period_of)(uint64_t), unsigned reason, unsigned *why)
{
    int64_t current = NO_PERIOD;
    for (size_t i = count; i-- > 0 && places > 0;) {
        int64_t period = period_of(VV_MIN(items[i].time_ms, TIME_MAX));
        if (period == current) continue;
        current = period;
        why[i] |= reason;
        places--;
    }
}

static void keep_singles(const retention_rules *rules, const retention_item *items, size_t count,
                         uint64_t now_ms, unsigned *why)
{
    bool verified_seen = false;
    for (size_t i = count; i-- > 0;) {
        bool first_verified = items[i].verified && !verified_seen;
        verified_seen |= items[i].verified;
        if (first_verified) why[i] |= RETENTION_VERIFIED;
        if (i + 1 == count) why[i] |= RETENTION_NEWEST;
        if (count - i <= rules->last) why[i] |= RETENTION_LAST;
        if (items[i].pinned) why[i] |= RETENTION_PINNED;
        bool young = items[i].time_ms > now_ms || now_ms - items[i].time_ms < rules->min_age_ms;
        if (rules->min_age_ms && young) why[i] |= RETENTION_YOUNG;
    }
}

/* What stays passes that on to what it needs, and so on along the chain; a chain that comes back
 * to itself ends where it meets what was marked before. */
static void keep_needed(const retention_item *items, size_t count, unsigned *why)
{
    for (size_t i = 0; i < count; i++) {
        if (!why[i]) continue;
        for (size_t at = items[i].needs; at < count && !(why[at] & RETENTION_NEEDED);
             at = items[at].needs)
            why[at] |= RETENTION_NEEDED;
    }
}

static bool no_rules(const retention_rules *r)
{
    return !r->last && !r->hourly && !r->daily && !r->weekly && !r->monthly && !r->yearly &&
           !r->min_age_ms;
}

void retention_decide(const retention_rules *rules, const retention_item *items, size_t count,
                      uint64_t now_ms, unsigned *ret_why)
{
    for (size_t i = 0; i < count; i++)
        ret_why[i] = no_rules(rules) ? RETENTION_NO_RULES : 0;
    keep_singles(rules, items, count, now_ms, ret_why);
    keep_periods(items, count, rules->hourly, hour_of, RETENTION_HOURLY, ret_why);
    keep_periods(items, count, rules->daily, day_of, RETENTION_DAILY, ret_why);
    keep_periods(items, count, rules->weekly, week_of, RETENTION_WEEKLY, ret_why);
    keep_periods(items, count, rules->monthly, month_of, RETENTION_MONTHLY, ret_why);
    keep_periods(items, count, rules->yearly, year_of, RETENTION_YEARLY, ret_why);
    keep_needed(items, count, ret_why);
}

void retention_why_text(unsigned why, char *ret, size_t size)
{
    static const char *const words[] = {"last",    "hourly",   "daily",  "weekly",
                                        "monthly", "yearly",   "young",  "pinned",
                                        "newest",  "verified", "needed", "no rules"};
    size_t len = 0;
    ret[0] = 0;
    for (size_t i = 0; i < VV_COUNT(words); i++) {
        if (!(why >> i & 1)) continue;
        int n = snprintf(ret + len, size - len, "%s%s", len ? ", " : "", words[i]);
        if (n < 0 || (size_t)n >= size - len) return;
        len += (size_t)n;
    }
}
