/* backup_service.c — see backup_service.h: the thread, and the books. */
#include "backup_hook.h"
#include "backup_service_inner.h"

#include "base/clock.h"

#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#define LOOK_MS        1000
#define LOOK_CHANGE_MS 200 /* while changes alone ask for a backup */
#define THREAD_NICE    10  /* sums and seals yield to those who search and write */

/* ---- settings -------------------------------------------------------------------------------- */

varve_status backup_service_check(gateway *g, varve_error *err)
{
    schedule ignored;
    const config *c = &g->config;
    if (*c->backup_cron) {
        varve_status status = schedule_parse(c->backup_cron, &ignored, err);
        if (status != VARVE_OK) {
            vv_error_prefix(err, "backup_cron");
            return status;
        }
    }
    backup_drill_rules drills;
    VV_TRY(backup_drills_read_rules(c, &drills, err));
    return *c->backup_on_failure ? backup_hook_check(c->backup_on_failure, err) : VARVE_OK;
}

static varve_status read_rules(const config *c, backup_plan_rules *r, varve_error *err)
{
    *r = (backup_plan_rules){.interval_ms = c->backup_interval_s * 1000,
                             .min_interval_ms = c->backup_min_interval_s * 1000,
                             .retry_ms = c->backup_retry_s * 1000,
                             .on_change = c->backup_on_change,
                             .has_cron = *c->backup_cron != '\0',
                             .incremental = c->backup_incremental,
                             .max_deltas = c->backup_max_deltas_before_full};
    return r->has_cron ? schedule_parse(c->backup_cron, &r->cron, err) : VARVE_OK;
}

/* ---- books ----------------------------------------------------------------------------------- */

uint64_t backup_service_sequence(backup_service *s)
{
    varve_folder_stats folder = {0};
    varve_stats(s->g->db, &folder);
    return folder.sequence;
}

void backup_service_save_locked(backup_service *s)
{
    varve_error err = {0};
    if (backup_state_save(s->g->root_path, &s->state, &err) != VARVE_OK)
        log_message(&s->g->log, LOG_ERROR, "backup_state_not_kept", "%s", err.message);
}

void backup_service_past_locked(backup_service *s, uint64_t sequence, backup_plan_past *ret)
{
    const backup_state *state = &s->state;
    bool changed = !state->last_ok.ms || state->last_ok.lsn != sequence;
    uint64_t now = clock_wall_ms();
    if (changed && !s->changed_ms) s->changed_ms = now;
    if (!changed) s->changed_ms = 0;
    *ret = (backup_plan_past){.now_ms = now,
                              .enabled = state->scheduler,
                              .changed = changed,
                              .changed_ms = s->changed_ms,
                              .notified_ms = state->notified_ms,
                              .cron_from_ms = s->cron_from_ms,
                              .ok_ms = state->last_ok.ms,
                              .try_ms = s->try_ms,
                              .failures = state->consecutive_failures,
                              .deltas = state->deltas_since_full};
}

static varve_status not_configured(varve_error *err)
{
    return vv_fail(err, VARVE_UNSUPPORTED,
                   "no backup repository is configured here: setting backup_repo");
}

varve_status backup_service_notify(backup_service *s, varve_error *err)
{
    if (!s) return not_configured(err);
    (void)pthread_mutex_lock(&s->lock);
    bool first = !s->state.notified_ms;
    if (first) {
        s->state.notified_ms = clock_wall_ms();
        backup_service_save_locked(s);
    }
    (void)pthread_cond_broadcast(&s->wake);
    (void)pthread_mutex_unlock(&s->lock);
    return VARVE_OK;
}

varve_status backup_service_schedule(backup_service *s, bool enabled, varve_error *err)
{
    if (!s) return not_configured(err);
    (void)pthread_mutex_lock(&s->lock);
    if (s->state.scheduler != enabled) {
        s->state.scheduler = enabled;
        s->cron_from_ms =
            clock_wall_ms(); /* minutes that passed while it was off are not made up */
        backup_service_save_locked(s);
    }
    (void)pthread_cond_broadcast(&s->wake);
    (void)pthread_mutex_unlock(&s->lock);
    return VARVE_OK;
}

void backup_service_look(backup_service *s, backup_service_view *ret)
{
    backup_service_view v = {0};
    backup_plan_past past;
    backup_home_look(s->home, &v.home);
    v.sequence = backup_service_sequence(s);
    (void)pthread_mutex_lock(&s->lock);
    v.state = s->state;
    v.drills = s->drills;
    backup_service_past_locked(s, v.sequence, &past);
    v.next = backup_plan_next(&s->rules, &past);
    v.jobs_done = s->jobs_done;
    v.jobs_failed = s->jobs_failed;
    v.jobs_cancelled = s->jobs_cancelled;
    for (size_t i = 0; i < s->count; i++) {
        if (s->jobs[i]->state == BACKUP_JOB_RUNNING) v.running = s->jobs[i]->id;
        v.queued += s->jobs[i]->state == BACKUP_JOB_QUEUED;
    }
    (void)pthread_mutex_unlock(&s->lock);
    *ret = v;
}

/* ---- the thread ------------------------------------------------------------------------------ */

static void add_backup(backup_service *s, const char *reason)
{
    varve_error err = {0};
    json_t *order = json_pack("{s:s}", "kind", "auto");
    if (backup_jobs_add(s, BACKUP_JOB_BACKUP, order, reason, NULL, &err) != VARVE_OK)
        log_message(&s->g->log, LOG_WARN, "backup_not_queued", "%s", err.message);
}

/* NULL: nothing is due. */
static const char *due(backup_service *s)
{
    backup_plan_past past;
    uint64_t sequence = backup_service_sequence(s);
    (void)pthread_mutex_lock(&s->lock);
    backup_service_past_locked(s, sequence, &past);
    backup_plan plan = backup_plan_next(&s->rules, &past);
    bool now = plan.due_ms <= past.now_ms;
    if (now) s->cron_from_ms = past.now_ms;
    (void)pthread_mutex_unlock(&s->lock);
    return now ? plan.reason : NULL;
}

static void rest(backup_service *s)
{
    struct timespec until;
    long ms = s->rules.on_change ? LOOK_CHANGE_MS : LOOK_MS;
    (void)clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_nsec += ms * 1000000;
    until.tv_sec += until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    (void)pthread_mutex_lock(&s->lock);
    if (!atomic_load(&s->ending)) (void)pthread_cond_timedwait(&s->wake, &s->lock, &until);
    (void)pthread_mutex_unlock(&s->lock);
}

/* What was written since the last snapshot goes along when the server ends in order. */
static void last_backup(backup_service *s)
{
    backup_plan_past past;
    uint64_t sequence = backup_service_sequence(s);
    (void)pthread_mutex_lock(&s->lock);
    backup_service_past_locked(s, sequence, &past);
    (void)pthread_mutex_unlock(&s->lock);
    bool time_left = clock_now_ns() < atomic_load(&s->end_by_ns);
    if (!s->g->config.backup_on_stop || !past.changed || !time_left) return;
    add_backup(s, "stop");
    (void)backup_jobs_run_next(s);
}

static void *serve(void *context)
{
    backup_service *s = context;
    (void)pthread_setname_np(pthread_self(), "backup");
    (void)setpriority(PRIO_PROCESS, 0, THREAD_NICE); /* of this thread, and those it starts */
    while (!atomic_load(&s->ending)) {
        const char *reason = due(s);
        if (reason) add_backup(s, reason);
        backup_drills_look(s);
        if (!backup_jobs_run_next(s)) rest(s);
    }
    backup_jobs_cancel_all(s, false);
    last_backup(s);
    atomic_store(&s->ended, true);
    return NULL;
}

/* ---- life ------------------------------------------------------------------------------------ */

static void load_state(backup_service *s)
{
    varve_error err = {0};
    backup_state_init(&s->state);
    varve_status status = backup_state_load(s->g->root_path, &s->state, &err);
    if (status != VARVE_OK && status != VARVE_NOT_FOUND)
        log_message(&s->g->log, LOG_WARN, "backup_state_forgotten", "%s", err.message);
    s->try_ms = VV_MAX(s->state.last_ok.ms, s->state.last_failure.ms);
}

static void init_waits(backup_service *s)
{
    pthread_condattr_t how;
    (void)pthread_mutex_init(&s->lock, NULL);
    (void)pthread_condattr_init(&how);
    (void)pthread_condattr_setclock(&how, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&s->wake, &how);
    (void)pthread_cond_init(&s->done, &how);
    (void)pthread_condattr_destroy(&how);
}

static void free_service(backup_service *s)
{
    backup_jobs_done(s);
    (void)pthread_cond_destroy(&s->done);
    (void)pthread_cond_destroy(&s->wake);
    (void)pthread_mutex_destroy(&s->lock);
    free(s);
}

varve_status backup_service_start(gateway *g, backup_home *home, backup_service **ret,
                                  varve_error *err)
{
    if (!home) return VARVE_OK;
    backup_service *s = calloc(1, sizeof *s);
    if (!s) return vv_fail(err, VARVE_NO_MEMORY, "no memory for backups");
    s->g = g;
    s->home = home;
    s->started_ms = s->cron_from_ms = s->drill_cron_from_ms = clock_wall_ms();
    init_waits(s);
    backup_jobs_init(s);
    load_state(s);
    backup_drills_load(s);
    varve_status status = read_rules(&g->config, &s->rules, err);
    if (status == VARVE_OK) status = backup_drills_read_rules(&g->config, &s->drill_rules, err);
    if (status == VARVE_OK && pthread_create(&s->thread, NULL, serve, s) != 0)
        status = vv_fail(err, VARVE_NO_MEMORY, "no thread for backups");
    if (status == VARVE_OK)
        *ret = s;
    else
        free_service(s);
    return status;
}

static void end_by(backup_service *s, uint64_t ns)
{
    atomic_store(&s->end_by_ns, ns);
    atomic_store(&s->ending, true);
    (void)pthread_mutex_lock(&s->lock);
    (void)pthread_cond_broadcast(&s->wake);
    (void)pthread_mutex_unlock(&s->lock);
}

void backup_service_ask_to_end(backup_service *s)
{
    bool last = s->g->config.backup_on_stop;
    end_by(s, clock_now_ns() + s->g->config.backup_stop_timeout_s * 1000000000u);
    backup_jobs_cancel_all(s, !last);
}

void backup_service_hurry(backup_service *s)
{
    end_by(s, 0);
    backup_jobs_cancel_all(s, true);
}

bool backup_service_has_ended(backup_service *s) { return atomic_load(&s->ended); }

void backup_service_free(backup_service *s)
{
    if (!s) return;
    (void)pthread_join(s->thread, NULL);
    free_service(s);
}
