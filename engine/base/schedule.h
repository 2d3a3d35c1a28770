/* schedule.h — a cron line: "minute hour day-of-month month day-of-week", five fields of numbers,
 * names (jan … dec, sun … sat), lists (1,5), ranges (1-5, fri-mon), steps (8-18/2) and stars.
 * Sunday is 0 or 7. When both days are restricted, either suffices, as in every cron.
 *
 * Times are local. A time that the change to summer time leaves out does not come that day; one
 * that the change back repeats comes once.
 * Threads  none. Errors  VARVE_INVALID names the field. */
#ifndef VARVE_BASE_SCHEDULE_H
#define VARVE_BASE_SCHEDULE_H

#include "base/status.h"

typedef struct schedule {
    uint64_t minutes, hours, days, months, weekdays; /* sets: bit i is value i */
    bool any_day, any_weekday;
} schedule;

VV_CHECKED varve_status schedule_parse(const char *text, schedule *ret, varve_error *err);
/* The first full minute after `after` (both seconds since 1970) that the line names; 0: none within
 * nine years, as for 30 February. */
int64_t schedule_next(const schedule *s, int64_t after);

#endif
