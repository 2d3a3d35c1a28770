/* backup_service_inner.h — what the files of the service share: its books, and its jobs.
 * Ownership  backup_service_start and backup_service_free.
 * Threads    `lock` guards all below it; it is held over the writing of the state file, and over no
 *            request. */
#ifndef GATEWAY_BACKUP_SERVICE_INNER_H
#define GATEWAY_BACKUP_SERVICE_INNER_H

#include "backup_drills.h"
#include "backup_jobs.h"

#include "gateway_inner.h"

typedef enum backup_job_state {
    BACKUP_JOB_QUEUED,
    BACKUP_JOB_RUNNING,
    BACKUP_JOB_DONE,
    BACKUP_JOB_FAILED,
    BACKUP_JOB_CANCELLED
} backup_job_state;

struct backup_job {
    backup_service *s;
    uint64_t id;
    backup_job_kind kind;
    char reason[16];
    json_t *order; /* does not change */
    atomic_bool cancelled;
    /* under the service's lock: */
    backup_job_state state;
    char stage[32];
    uint64_t files, files_all, bytes, bytes_all;
    uint64_t asked_ms, started_ms, ended_ms; /* since 1970; 0: not yet */
    json_t *result;                          /* once it ended */
    varve_error error;
    unsigned waiters;
};

struct backup_service {
    gateway *g;
    backup_home *home;
    backup_plan_rules rules;
    backup_drill_rules drill_rules;
    uint64_t drill_cron_from_ms; /* see backup_drill_past; of the thread */
    uint64_t started_ms;
    pthread_t thread;
    atomic_bool ending, ended;
    atomic_uint_fast64_t end_by_ns; /* while ending: running work is cancelled after it */
    pthread_mutex_t lock;
    pthread_cond_t wake, done; /* for the thread; for who waits for a job */
    /* under lock: */
    backup_job *jobs[BACKUP_JOBS_KEPT + BACKUP_JOBS_QUEUED_MAX + 1]; /* oldest first */
    size_t count;
    uint64_t next_id;
    uint64_t jobs_done, jobs_failed, jobs_cancelled;
    backup_state state;
    backup_drills_view drills;
    uint64_t changed_ms, cron_from_ms, try_ms; /* see backup_plan_past */
};

void backup_jobs_init(backup_service *s);
void backup_jobs_done(backup_service *s);
/* Run the oldest that waits; false: none. */
bool backup_jobs_run_next(backup_service *s);
void backup_jobs_cancel_all(backup_service *s, bool backups_too);

/* backup_tell.c: the hook of a failed job; its own failure is logged. */
void backup_tell_failure(backup_service *s, const backup_job *job, const char *kind,
                         const varve_error *err);

/* The rules of the settings. */
retention_rules backup_retention_of(const config *c);
/* Keep the state; a failure is logged, and the state in memory goes on. */
void backup_service_save_locked(backup_service *s);
void backup_service_past_locked(backup_service *s, uint64_t sequence, backup_plan_past *ret);
uint64_t backup_service_sequence(backup_service *s);

#endif
