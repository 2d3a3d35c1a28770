/* retention.h — which snapshots stay: a pure function of rules, snapshots and the time.
 *
 *   last N                 the N newest
 *   hourly … yearly N      the newest of each of the N newest hours (days, ISO weeks, months,
 *                          years; UTC) that have one
 *   min_age_ms             all that are younger, by their time
 *   pinned                 for ever
 *   newest, verified       the newest of all, and the newest that was verified, stay in any case
 *   needed                 what a snapshot that stays needs, stays
 *
 * With no rule at all (all zero) everything stays. A snapshot from the future counts as young.
 *
 * Ownership  none.   Threads  stateless.   Errors  none. */
#ifndef VARVE_SNAPSHOT_RETENTION_H
#define VARVE_SNAPSHOT_RETENTION_H

#include "base/status.h"

typedef struct retention_rules {
    uint32_t last, hourly, daily, weekly, monthly, yearly; /* 0: no such rule */
    uint64_t min_age_ms;                                   /* 0: no such rule */
} retention_rules;

#define RETENTION_NEEDS_NONE SIZE_MAX

typedef struct retention_item {
    uint64_t time_ms; /* when it was made, since 1970 */
    bool pinned, verified;
    size_t needs; /* index of the snapshot that it builds on; RETENTION_NEEDS_NONE: it is whole */
} retention_item;

enum { /* why a snapshot stays, or-ed; 0: it goes */
       RETENTION_LAST = 1,
       RETENTION_HOURLY = 2,
       RETENTION_DAILY = 4,
       RETENTION_WEEKLY = 8,
       RETENTION_MONTHLY = 16,
       RETENTION_YEARLY = 32,
       RETENTION_YOUNG = 64,
       RETENTION_PINNED = 128,
       RETENTION_NEWEST = 256,
       RETENTION_VERIFIED = 512,
       RETENTION_NEEDED = 1024,
       RETENTION_NO_RULES = 2048
};

/* Items in the order in which they were made, oldest first, whatever their times say. ret_why has
 * room for `count`. */
void retention_decide(const retention_rules *rules, const retention_item *items, size_t count,
                      uint64_t now_ms, unsigned *ret_why);
/* "last, daily, pinned"; "" for 0. ret has room for 128. */
void retention_why_text(unsigned why, char *ret, size_t size);

#endif
