/* backup_drills.c — see backup_drills.h. */
#include "backup_drills.h"

#include "backup_service_inner.h"

#include "base/clock.h"

#define FIRST_MS ((uint64_t)600000)
#define DAY_MS   ((uint64_t)86400000)

/* ---- when ------------------------------------------------------------------------------------ */

static uint64_t by_interval(const backup_drill_rules *r, const backup_drill_past *p,
                            const char **ret_reason)
{
    *ret_reason = p->last_ms ? "interval" : "first";
    if (!p->last_ms) return p->started_ms + VV_MIN(FIRST_MS, r->interval_ms);
    uint64_t wait = p->last_sound ? r->interval_ms : VV_MIN(r->interval_ms, DAY_MS);
    return VV_MIN(p->last_ms, p->now_ms) + wait; /* a clock may have been set back */
}

backup_plan backup_drill_next(const backup_drill_rules *r, const backup_drill_past *p)
{
    backup_plan best = {BACKUP_PLAN_NEVER, NULL};
    if (!p->enabled || !p->has_snapshot) return best;
    if (r->interval_ms) best.due_ms = by_interval(r, p, &best.reason);
    if (!r->has_cron) return best;
    int64_t at = schedule_next(&r->cron, (int64_t)(VV_MIN(p->cron_from_ms, p->now_ms) / 1000));
    if (at > 0 && (uint64_t)at * 1000 < best.due_ms)
        best = (backup_plan){(uint64_t)at * 1000, "cron"};
    return best;
}

/* ---- in the service -------------------------------------------------------------------------- */

varve_status backup_drills_read_rules(const config *c, backup_drill_rules *ret, varve_error *err)
{
    *ret = (backup_drill_rules){.interval_ms = c->backup_drill_interval_s * 1000,
                                .has_cron = *c->backup_drill_cron != '\0'};
    if (!ret->has_cron) return VARVE_OK;
    varve_status status = schedule_parse(c->backup_drill_cron, &ret->cron, err);
    if (status != VARVE_OK) vv_error_prefix(err, "backup_drill_cron");
    return status;
}

void backup_drills_load(backup_service *s)
{
    VV_CLEANUP(drill_note_done) drill_note note = {0};
    varve_error err = {0};
    varve_status status = drill_note_load(s->g->root_path, &note, &err);
    if (status != VARVE_OK && status != VARVE_NOT_FOUND)
        log_message(&s->g->log, LOG_WARN, "drills_forgotten", "%s", err.message);
    (void)pthread_mutex_lock(&s->lock);
    s->drills = (backup_drills_view){.drills = note.drills,
                                     .failures = note.failures,
                                     .last_ms = note.last_ms,
                                     .last_ok_ms = note.last_ok_ms,
                                     .last_seconds = note.last_seconds,
                                     .last_sound = note.last_sound};
    (void)pthread_mutex_unlock(&s->lock);
}

static bool is_waiting_locked(const backup_service *s)
{
    for (size_t i = 0; i < s->count; i++)
        if (s->jobs[i]->kind == BACKUP_JOB_DRILL && s->jobs[i]->state <= BACKUP_JOB_RUNNING)
            return true;
    return false;
}

static backup_plan plan_locked(backup_service *s, uint64_t now)
{
    const backup_drill_past past = {.now_ms = now,
                                    .started_ms = s->started_ms,
                                    .enabled = s->state.scheduler,
                                    .has_snapshot = s->state.last_ok.ms != 0,
                                    .cron_from_ms = s->drill_cron_from_ms,
                                    .last_ms = s->drills.last_ms,
                                    .last_sound = s->drills.last_sound};
    return backup_drill_next(&s->drill_rules, &past);
}

static const char *due(backup_service *s)
{
    uint64_t now = clock_wall_ms();
    (void)pthread_mutex_lock(&s->lock);
    backup_plan plan = plan_locked(s, now);
    bool is_due = plan.due_ms <= now && !is_waiting_locked(s);
    (void)pthread_mutex_unlock(&s->lock);
    return is_due ? plan.reason : NULL;
}

void backup_drills_look(backup_service *s)
{
    varve_error err = {0};
    if (!due(s)) return;
    backup_drills_load(s); /* the command may have made one meanwhile */
    const char *reason = due(s);
    s->drill_cron_from_ms = clock_wall_ms();
    if (!reason) return;
    if (backup_jobs_add(s, BACKUP_JOB_DRILL, json_object(), reason, NULL, &err) != VARVE_OK)
        log_message(&s->g->log, LOG_WARN, "drill_not_queued", "%s", err.message);
}
