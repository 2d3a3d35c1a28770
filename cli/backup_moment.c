/* backup_moment.c — see backup_moment.h. */
#include "backup_moment.h"

#include "base/clock.h"
#include "text.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

/* ".5", ".25", ".125": thousandths; other digits are not a time of ours. */
static bool parse_fraction(const char **at, unsigned *ret_ms)
{
    unsigned weight = 100;
    *ret_ms = 0;
    if (**at != '.') return true;
    ++*at;
    if (**at < '0' || **at > '9') return false;
    for (; **at >= '0' && **at <= '9'; ++*at, weight /= 10) {
        if (weight == 0) return false;
        *ret_ms += (unsigned)(**at - '0') * weight;
    }
    return true;
}

/* timegm mends what is no date, so what it makes is compared with what was typed. */
static bool is_same(const struct tm *typed, time_t seconds)
{
    struct tm made;
    return gmtime_r(&seconds, &made) && made.tm_year == typed->tm_year &&
           made.tm_mon == typed->tm_mon && made.tm_mday == typed->tm_mday &&
           made.tm_hour == typed->tm_hour && made.tm_min == typed->tm_min &&
           made.tm_sec == typed->tm_sec;
}

bool backup_moment_parse(const char *text, uint64_t *ret_ms)
{
    struct tm typed = {0};
    char middle = 0;
    int len = 0;
    unsigned ms = 0;
    if (text_to_u64(text, strlen(text), ret_ms)) return *ret_ms <= INT64_MAX;
    if (sscanf(text, "%4d-%2d-%2d%c%2d:%2d:%2d%n", &typed.tm_year, &typed.tm_mon, &typed.tm_mday,
               &middle, &typed.tm_hour, &typed.tm_min, &typed.tm_sec, &len) != 7 ||
        (middle != 'T' && middle != ' '))
        return false;
    typed.tm_year -= 1900;
    typed.tm_mon--;
    struct tm whole = typed;
    time_t seconds = timegm(&whole);
    const char *at = text + len;
    if (seconds < 0 || !is_same(&typed, seconds) || !parse_fraction(&at, &ms)) return false;
    *ret_ms = (uint64_t)seconds * 1000 + ms;
    return strcmp(at, "") == 0 || strcmp(at, "Z") == 0;
}

bool backup_moment_flag(backup_moment *m, const verb *v, int key, const char *value, int *ret_code)
{
    *ret_code = VERB_OK;
    if (key != FLAG_TO_LATEST && key != FLAG_TO_LSN && key != FLAG_TO_TIME) return false;
    if (m->between) {
        *ret_code = verb_usage(v, "one moment only");
        return true;
    }
    m->between = true;
    m->target = key == FLAG_TO_LSN ? PITR_LSN : key == FLAG_TO_TIME ? PITR_TIME : PITR_LATEST;
    if (key == FLAG_TO_LSN && !text_to_u64(value, strlen(value), &m->lsn))
        *ret_code = verb_usage(v, "--to-lsn is a sequence number, not '%s'", value);
    if (key == FLAG_TO_TIME && !backup_moment_parse(value, &m->time_ms))
        *ret_code = verb_usage(v, "--to-time is a time, not '%s'", value);
    return true;
}
