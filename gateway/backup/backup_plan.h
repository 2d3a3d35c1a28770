/* backup_plan.h — when the next backup is due, why, and of which kind: a pure function of rules and
 * of what happened.
 *
 *   never       no snapshot yet: at once
 *   interval    so long after the last one, if anything changed
 *   cron        the next minute that the line names, since it was last looked at
 *   change      when something changed, but min_interval after the last try
 *   notified    the same, because somebody said so
 *   retry       after failures: retry, 2 retry, 4 retry … later, half an hour at the most; until it
 *               succeeds nothing else counts. Not where backups are made by hand alone
 *
 * A change or notification within min_interval becomes one backup at its end, and is never dropped.
 * A clock that was set back makes nothing wait longer than a whole interval.
 *
 * Ownership  none.   Threads  stateless.   Errors  none. */
#ifndef GATEWAY_BACKUP_PLAN_H
#define GATEWAY_BACKUP_PLAN_H

#include "base/schedule.h"
#include "base/status.h"

#define BACKUP_PLAN_NEVER UINT64_MAX

typedef struct backup_plan_rules {
    uint64_t interval_ms, min_interval_ms, retry_ms; /* interval_ms 0: none */
    bool on_change, has_cron, incremental;
    schedule cron;
    uint64_t max_deltas; /* 0: no limit */
} backup_plan_rules;

/* Times in ms since 1970; 0: not yet, or none. */
typedef struct backup_plan_past {
    uint64_t now_ms;
    bool enabled;        /* the scheduler */
    bool changed;        /* anything since the last snapshot */
    uint64_t changed_ms; /* when that was first seen */
    uint64_t notified_ms;
    uint64_t cron_from_ms;  /* minutes up to here were looked at */
    uint64_t ok_ms, try_ms; /* the last backup's begin; the last attempt's end, however it ended */
    uint64_t failures;      /* without a success between */
    uint64_t deltas;        /* snapshots since the last full one */
} backup_plan_past;

typedef struct backup_plan {
    uint64_t due_ms;    /* BACKUP_PLAN_NEVER */
    const char *reason; /* a word of the table above; NULL: never */
} backup_plan;

backup_plan backup_plan_next(const backup_plan_rules *rules, const backup_plan_past *past);
/* Is a full snapshot due rather than an incremental one? */
bool backup_plan_wants_full(const backup_plan_rules *rules, const backup_plan_past *past);

#endif
