/* backup_jobs.h — long work on the repository: what is asked for, runs, and has ended.
 *
 *   backup_jobs_add            the thread takes it           it returned
 *   ---------------> QUEUED ---------------------> RUNNING -------------> DONE, FAILED, CANCELLED
 *                       +-- backup_jobs_cancel: CANCELLED    cancel: asked between steps
 *
 * A new kind is a row of BACKUP_JOB_KIND_TABLE and two functions: one that checks an order before
 * anything is promised, and one that does it. See README.md.
 *
 * Ownership  the service's; a job lives as long as it is among the newest, runs, or is waited for.
 *            An order is taken over, also when a call fails.
 * Threads    any number; the one thread of the service runs them one after the other.
 * Errors     VARVE_INVALID an order · VARVE_LIMIT too many are waiting · VARVE_NOT_FOUND. */
#ifndef GATEWAY_BACKUP_JOBS_H
#define GATEWAY_BACKUP_JOBS_H

#include "backup_service.h"

#include <jansson.h>

#define BACKUP_JOBS_KEPT       64
#define BACKUP_JOBS_QUEUED_MAX 16

typedef struct backup_job backup_job;

/* Is the order (a JSON object) understood? */
typedef varve_status backup_job_check(gateway *g, const json_t *order, varve_error *err);
/* Do it. result: an empty object for what the client shall know; also looked at after a failure. */
typedef varve_status backup_job_run(backup_service *s, backup_job *job, json_t *result,
                                    varve_error *err);
/* Told when it ended, whatever the outcome, before its waiters are. */
typedef void backup_job_after(backup_service *s, backup_job *job, const json_t *result,
                              const varve_error *err);

/*    name    word      check, run and after (or NULL) are word_check, word_run, … */
#define BACKUP_JOB_KIND_TABLE(X)                                                                   \
    X(BACKUP, "backup", backup_kind_check, backup_kind_run, backup_kind_after)                     \
    X(VERIFY, "verify", verify_kind_check, verify_kind_run, NULL)                                  \
    X(PRUNE, "prune", prune_kind_check, prune_kind_run, NULL)                                      \
    X(DRILL, "drill", drill_kind_check, drill_kind_run, drill_kind_after)                          \
    X(RESTORE, "restore", restore_kind_check, restore_kind_run, NULL)

typedef enum backup_job_kind {
#define X(name, word, check, run, after) BACKUP_JOB_##name,
    BACKUP_JOB_KIND_TABLE(X)
#undef X
        BACKUP_JOB_KINDS
} backup_job_kind;

backup_job_check backup_kind_check, verify_kind_check, prune_kind_check;
backup_job_run backup_kind_run, verify_kind_run, prune_kind_run;
backup_job_check drill_kind_check, restore_kind_check;
backup_job_run drill_kind_run, restore_kind_run;
backup_job_after backup_kind_after, drill_kind_after;

/* ---- for routes and the scheduler */

/* reason: a word for people ("asked", "interval"). *ret_id when not NULL. */
VV_CHECKED varve_status backup_jobs_add(backup_service *s, backup_job_kind kind, json_t *order,
                                        const char *reason, uint64_t *ret_id, varve_error *err);
/* Until it has ended, or the server drains. */
VV_CHECKED varve_status backup_jobs_wait(backup_service *s, uint64_t id, varve_error *err);
VV_CHECKED varve_status backup_jobs_cancel(backup_service *s, uint64_t id, varve_error *err);
/* {id, kind, state, reason, stage, files, files_all, bytes, bytes_all, asked_ms, started_ms,
 * ended_ms, result, error {status, message}} */
VV_CHECKED varve_status backup_jobs_describe(backup_service *s, uint64_t id, json_t **ret,
                                             varve_error *err);
VV_CHECKED varve_status backup_jobs_list(backup_service *s, json_t **ret, varve_error *err);
/* How it ended, with its message: VARVE_OK also while it has not. */
varve_status backup_jobs_outcome(backup_service *s, uint64_t id, varve_error *err);

/* ---- for the functions of a kind */

const json_t *backup_job_order(const backup_job *job);
const char *backup_job_reason(const backup_job *job);
uint64_t backup_job_id(const backup_job *job);
/* Shall it end? Fits remote_cancel, with backup_job_cancel. */
bool backup_job_is_cancelled(void *job);
static inline remote_cancel backup_job_cancel(backup_job *job)
{
    return (remote_cancel){backup_job_is_cancelled, job};
}
/* Fits backup_options.progress. */
void backup_job_progress(void *job, const backup_progress *p);
void backup_job_stage(backup_job *job, const char *stage);

#endif
