/* backup_plan.c — see backup_plan.h. */
#include "backup_plan.h"

#define RETRY_MS_MAX ((uint64_t)1800000)

/* `wait` after `from`; a moment that lies ahead of the clock is taken for now. */
static uint64_t after(const backup_plan_past *p, uint64_t from, uint64_t wait)
{
    return VV_MIN(from, p->now_ms) + wait;
}

static uint64_t retry_wait(const backup_plan_rules *r, uint64_t failures)
{
    uint64_t wait = r->retry_ms;
    for (uint64_t i = 1; i < failures && wait < RETRY_MS_MAX; i++)
        wait *= 2;
    return VV_MIN(wait, VV_MAX(RETRY_MS_MAX, r->retry_ms));
}

static void consider(backup_plan *best, uint64_t due_ms, const char *reason)
{
    if (due_ms < best->due_ms) *best = (backup_plan){due_ms, reason};
}

static uint64_t next_cron(const backup_plan_rules *r, const backup_plan_past *p)
{
    int64_t at = schedule_next(&r->cron, (int64_t)(VV_MIN(p->cron_from_ms, p->now_ms) / 1000));
    return at > 0 ? (uint64_t)at * 1000 : BACKUP_PLAN_NEVER;
}

backup_plan backup_plan_next(const backup_plan_rules *r, const backup_plan_past *p)
{
    backup_plan best = {BACKUP_PLAN_NEVER, NULL};
    if (!p->enabled) return best;
    if (p->failures) {
        bool asked = r->interval_ms || r->on_change || r->has_cron || p->notified_ms;
        if (asked) consider(&best, after(p, p->try_ms, retry_wait(r, p->failures)), "retry");
        return best;
    }
    uint64_t soonest = p->try_ms ? after(p, p->try_ms, r->min_interval_ms) : 0;
    if (r->interval_ms && !p->ok_ms) consider(&best, p->now_ms, "never");
    if (p->notified_ms) consider(&best, VV_MAX(p->notified_ms, soonest), "notified");
    if (r->on_change && p->changed) consider(&best, VV_MAX(p->changed_ms, soonest), "change");
    if (r->interval_ms && p->ok_ms && p->changed)
        consider(&best, after(p, p->ok_ms, r->interval_ms), "interval");
    if (r->has_cron) consider(&best, next_cron(r, p), "cron");
    return best;
}

bool backup_plan_wants_full(const backup_plan_rules *r, const backup_plan_past *p)
{
    if (!p->changed) return false; /* there is nothing to do at all */
    return !r->incremental || (r->max_deltas && p->deltas >= r->max_deltas);
}
