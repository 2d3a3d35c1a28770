/* backup_jobs.c — see backup_jobs.h. */
#include "backup_service_inner.h"

#include "base/clock.h"

#include <stdlib.h>
#include <string.h>

#define WAIT_STEP_MS 100

static const struct {
    const char *word;
    backup_job_check *check;
    backup_job_run *run;
    backup_job_after *after;
} kinds[] = {
#define X(name, word, check, run, after) {word, check, run, after},
    BACKUP_JOB_KIND_TABLE(X)
#undef X
};

static const char *const state_words[] = {
    [BACKUP_JOB_QUEUED] = "queued",       [BACKUP_JOB_RUNNING] = "running",
    [BACKUP_JOB_DONE] = "done",           [BACKUP_JOB_FAILED] = "failed",
    [BACKUP_JOB_CANCELLED] = "cancelled",
};

/* ---- what a job's functions may ask ---------------------------------------------------------- */

const json_t *backup_job_order(const backup_job *job) { return job->order; }
const char *backup_job_reason(const backup_job *job) { return job->reason; }
uint64_t backup_job_id(const backup_job *job) { return job->id; }

bool backup_job_is_cancelled(void *arg)
{
    backup_job *job = arg;
    backup_service *s = job->s;
    if (atomic_load(&job->cancelled)) return true;
    return atomic_load(&s->ending) && clock_now_ns() > atomic_load(&s->end_by_ns);
}

void backup_job_progress(void *arg, const backup_progress *p)
{
    backup_job *job = arg;
    (void)pthread_mutex_lock(&job->s->lock);
    (void)snprintf(job->stage, sizeof job->stage, "%s", p->stage);
    if (strcmp(p->stage, "check") != 0 && strcmp(p->stage, "commit") != 0) {
        job->files = p->files; /* of the files themselves; what follows is short */
        job->files_all = p->files_all;
        job->bytes = p->bytes;
        job->bytes_all = p->bytes_all;
    }
    (void)pthread_mutex_unlock(&job->s->lock);
}

void backup_job_stage(backup_job *job, const char *stage)
{
    (void)pthread_mutex_lock(&job->s->lock);
    (void)snprintf(job->stage, sizeof job->stage, "%s", stage);
    (void)pthread_mutex_unlock(&job->s->lock);
}

/* ---- the list -------------------------------------------------------------------------------- */

void backup_jobs_init(backup_service *s)
{
    /* Larger than all of earlier starts: who asks for an old one does not get another's. */
    s->next_id = clock_wall_ms();
}

static void job_free(backup_job *job)
{
    if (!job) return;
    json_decref(job->order);
    json_decref(job->result);
    free(job);
}

void backup_jobs_done(backup_service *s)
{
    for (size_t i = 0; i < s->count; i++)
        job_free(s->jobs[i]);
    s->count = 0;
}

static bool has_ended(const backup_job *job) { return job->state > BACKUP_JOB_RUNNING; }

static backup_job *find_locked(backup_service *s, uint64_t id)
{
    for (size_t i = 0; i < s->count; i++)
        if (s->jobs[i]->id == id) return s->jobs[i];
    return NULL;
}

static varve_status not_found(uint64_t id, varve_error *err)
{
    return vv_fail(err, VARVE_NOT_FOUND,
                   "Job not found: %llu is neither running nor among the last finished",
                   (unsigned long long)id);
}

/* Make room: the oldest that ended and that nobody waits for goes. */
static bool forget_one_locked(backup_service *s)
{
    for (size_t i = 0; i < s->count; i++) {
        if (!has_ended(s->jobs[i]) || s->jobs[i]->waiters) continue;
        job_free(s->jobs[i]);
        memmove(&s->jobs[i], &s->jobs[i + 1], (s->count - i - 1) * sizeof *s->jobs);
        s->count--;
        return true;
    }
    return false;
}

static varve_status add_locked(backup_service *s, backup_job *job, varve_error *err)
{
    size_t queued = 0;
    for (size_t i = 0; i < s->count; i++)
        queued += s->jobs[i]->state == BACKUP_JOB_QUEUED;
    if (queued >= BACKUP_JOBS_QUEUED_MAX)
        return vv_fail(err, VARVE_LIMIT, "%zu jobs wait already", queued);
    while (s->count >= BACKUP_JOBS_KEPT)
        if (!forget_one_locked(s)) break;
    if (s->count >= VV_COUNT(s->jobs)) return vv_fail(err, VARVE_LIMIT, "too many jobs");
    job->id = ++s->next_id;
    s->jobs[s->count++] = job;
    (void)pthread_cond_broadcast(&s->wake);
    return VARVE_OK;
}

static varve_status new_job(backup_service *s, backup_job_kind kind, json_t *order,
                            const char *reason, backup_job **ret, varve_error *err)
{
    backup_job *job = order ? calloc(1, sizeof *job) : NULL;
    if (!job) {
        json_decref(order);
        return vv_fail(err, VARVE_NO_MEMORY, "no memory for a job");
    }
    job->s = s;
    job->kind = kind;
    job->order = order;
    job->asked_ms = clock_wall_ms();
    (void)snprintf(job->reason, sizeof job->reason, "%s", reason);
    *ret = job;
    return VARVE_OK;
}

varve_status backup_jobs_add(backup_service *s, backup_job_kind kind, json_t *order,
                             const char *reason, uint64_t *ret_id, varve_error *err)
{
    backup_job *job;
    VV_TRY(new_job(s, kind, order, reason, &job, err));
    varve_status status = kinds[kind].check(s->g, order, err);
    if (status == VARVE_OK) {
        (void)pthread_mutex_lock(&s->lock);
        status = add_locked(s, job, err);
        if (status == VARVE_OK && ret_id) *ret_id = job->id;
        (void)pthread_mutex_unlock(&s->lock);
    }
    if (status != VARVE_OK) job_free(job);
    return status;
}

/* ---- waiting and cancelling ------------------------------------------------------------------ */

static void wait_locked(backup_service *s, pthread_cond_t *cond, uint64_t ms)
{
    struct timespec until;
    (void)clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_nsec += (long)(ms * 1000000);
    until.tv_sec += until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    (void)pthread_cond_timedwait(cond, &s->lock, &until);
}

varve_status backup_jobs_wait(backup_service *s, uint64_t id, varve_error *err)
{
    (void)pthread_mutex_lock(&s->lock);
    backup_job *job = find_locked(s, id);
    if (job) job->waiters++;
    while (job && !has_ended(job) && !atomic_load(&s->g->draining))
        wait_locked(s, &s->done, WAIT_STEP_MS);
    if (job) job->waiters--;
    (void)pthread_mutex_unlock(&s->lock);
    return job ? VARVE_OK : not_found(id, err);
}

static void cancel_locked(backup_service *s, backup_job *job)
{
    if (has_ended(job)) return;
    atomic_store(&job->cancelled, true);
    if (job->state != BACKUP_JOB_QUEUED) return;
    job->state = BACKUP_JOB_CANCELLED;
    job->ended_ms = clock_wall_ms();
    s->jobs_cancelled++;
    (void)pthread_cond_broadcast(&s->done);
}

varve_status backup_jobs_cancel(backup_service *s, uint64_t id, varve_error *err)
{
    (void)pthread_mutex_lock(&s->lock);
    backup_job *job = find_locked(s, id);
    if (job) cancel_locked(s, job);
    (void)pthread_mutex_unlock(&s->lock);
    return job ? VARVE_OK : not_found(id, err);
}

void backup_jobs_cancel_all(backup_service *s, bool backups_too)
{
    (void)pthread_mutex_lock(&s->lock);
    for (size_t i = 0; i < s->count; i++) {
        backup_job *job = s->jobs[i];
        bool spared = job->kind == BACKUP_JOB_BACKUP && job->state == BACKUP_JOB_RUNNING;
        if (backups_too || !spared) cancel_locked(s, job);
    }
    (void)pthread_mutex_unlock(&s->lock);
}

/* ---- running --------------------------------------------------------------------------------- */

static backup_job *take_next(backup_service *s)
{
    backup_job *job = NULL;
    (void)pthread_mutex_lock(&s->lock);
    for (size_t i = 0; i < s->count && !job; i++)
        if (s->jobs[i]->state == BACKUP_JOB_QUEUED) job = s->jobs[i];
    if (job) {
        job->state = BACKUP_JOB_RUNNING;
        job->started_ms = clock_wall_ms();
    }
    (void)pthread_mutex_unlock(&s->lock);
    return job;
}

static void log_job(const backup_job *job, const json_t *result, const varve_error *err,
                    uint64_t elapsed_ns)
{
    static const char *const events[] = {[BACKUP_JOB_DONE] = "job_done",
                                         [BACKUP_JOB_FAILED] = "job_failed",
                                         [BACKUP_JOB_CANCELLED] = "job_cancelled"};
    log_line line;
    log_level level = job->state == BACKUP_JOB_FAILED ? LOG_WARN : LOG_INFO;
    const char *snapshot = json_string_value(json_object_get(result, "snapshot"));
    logger *l = &job->s->g->log;
    if (log_wants(l, level)) {
        log_begin(&line, level, "backup", events[job->state]);
        log_u64(&line, "job", job->id);
        log_text(&line, "kind", kinds[job->kind].word);
        log_text(&line, "reason", job->reason);
        if (snapshot) log_text(&line, "snapshot", snapshot);
        log_ms(&line, "elapsed_ms", elapsed_ns);
        if (err->status != VARVE_OK) log_text(&line, "error", err->message);
        log_end(l, &line);
    }
    if (!job->s->g->config.audit_log) return;
    log_begin(&line, LOG_INFO, "audit", "audit");
    log_text(&line, "action", kinds[job->kind].word);
    log_u64(&line, "job", job->id);
    log_text(&line, "reason", job->reason);
    log_text(&line, "outcome", state_words[job->state]);
    if (snapshot) log_text(&line, "snapshot", snapshot);
    log_end(l, &line);
}

static void count_locked(backup_service *s, backup_job_state state)
{
    s->jobs_done += state == BACKUP_JOB_DONE;
    s->jobs_failed += state == BACKUP_JOB_FAILED;
    s->jobs_cancelled += state == BACKUP_JOB_CANCELLED;
}

static void end_job(backup_service *s, backup_job *job, json_t *result, const varve_error *err)
{
    (void)pthread_mutex_lock(&s->lock);
    job->result = result;
    job->error = *err;
    job->ended_ms = clock_wall_ms();
    job->stage[0] = '\0';
    job->state = err->status == VARVE_OK          ? BACKUP_JOB_DONE
                 : err->status == VARVE_CANCELLED ? BACKUP_JOB_CANCELLED
                                                  : BACKUP_JOB_FAILED;
    count_locked(s, job->state);
    job->waiters++; /* it is still needed here, for the log */
    (void)pthread_cond_broadcast(&s->done);
    (void)pthread_mutex_unlock(&s->lock);
}

bool backup_jobs_run_next(backup_service *s)
{
    backup_job *job = take_next(s);
    if (!job) return false;
    uint64_t began_ns = clock_now_ns();
    varve_error err = {0};
    json_t *result = json_object();
    varve_status status = result ? kinds[job->kind].run(s, job, result, &err)
                                 : vv_fail(&err, VARVE_NO_MEMORY, "no memory for a job");
    err.status = status;
    if (kinds[job->kind].after) kinds[job->kind].after(s, job, result, &err);
    end_job(s, job, result, &err);
    log_job(job, result, &err, clock_now_ns() - began_ns);
    if (job->state == BACKUP_JOB_FAILED) backup_tell_failure(s, job, kinds[job->kind].word, &err);
    (void)pthread_mutex_lock(&s->lock);
    job->waiters--;
    (void)pthread_mutex_unlock(&s->lock);
    return true;
}

/* ---- describing ------------------------------------------------------------------------------ */

static json_t *time_or_null(uint64_t ms) { return ms ? json_integer((json_int_t)ms) : json_null(); }

static json_t *describe_locked(const backup_job *job)
{
    json_t *j =
        json_pack("{s:I,s:s,s:s,s:s,s:s,s:I,s:I,s:I,s:I,s:I,s:o,s:o}", "id", (json_int_t)job->id,
                  "kind", kinds[job->kind].word, "state", state_words[job->state], "reason",
                  job->reason, "stage", job->stage, "files", (json_int_t)job->files, "files_all",
                  (json_int_t)job->files_all, "bytes", (json_int_t)job->bytes, "bytes_all",
                  (json_int_t)job->bytes_all, "asked_ms", (json_int_t)job->asked_ms, "started_ms",
                  time_or_null(job->started_ms), "ended_ms", time_or_null(job->ended_ms));
    if (!j) return NULL;
    json_object_set_new(j, "result", job->result ? json_deep_copy(job->result) : json_null());
    json_object_set_new(j, "error",
                        job->error.status == VARVE_OK
                            ? json_null()
                            : json_pack("{s:s,s:s}", "status", varve_status_name(job->error.status),
                                        "message", job->error.message));
    return j;
}

varve_status backup_jobs_describe(backup_service *s, uint64_t id, json_t **ret, varve_error *err)
{
    (void)pthread_mutex_lock(&s->lock);
    backup_job *job = find_locked(s, id);
    json_t *j = job ? describe_locked(job) : NULL;
    (void)pthread_mutex_unlock(&s->lock);
    if (!job) return not_found(id, err);
    if (!j) return vv_fail(err, VARVE_NO_MEMORY, "no memory for a job");
    *ret = j;
    return VARVE_OK;
}

varve_status backup_jobs_list(backup_service *s, json_t **ret, varve_error *err)
{
    json_t *list = json_array();
    bool well = list != NULL;
    (void)pthread_mutex_lock(&s->lock);
    for (size_t i = s->count; well && i-- > 0;)
        well = json_array_append_new(list, describe_locked(s->jobs[i])) == 0;
    (void)pthread_mutex_unlock(&s->lock);
    if (well) {
        *ret = list;
        return VARVE_OK;
    }
    json_decref(list);
    return vv_fail(err, VARVE_NO_MEMORY, "no memory for the jobs");
}

varve_status backup_jobs_outcome(backup_service *s, uint64_t id, varve_error *err)
{
    (void)pthread_mutex_lock(&s->lock);
    const backup_job *job = find_locked(s, id);
    varve_error found = {0};
    if (job) found = job->error;
    if (job && job->state == BACKUP_JOB_CANCELLED && found.status == VARVE_OK) {
        varve_status ignored = vv_fail(&found, VARVE_CANCELLED, "the job was cancelled");
        (void)ignored;
    }
    (void)pthread_mutex_unlock(&s->lock);
    if (!job) return not_found(id, err);
    if (found.status != VARVE_OK && err) *err = found;
    return found.status;
}
