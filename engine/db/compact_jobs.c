/* compact_jobs.c — jobs as users see them: the running one and those that ended last. */
#include "db/compaction_inner.h"

struct varve_job_list {
    size_t count;
    varve_job jobs[COMPACT_JOBS_KEPT];
};

static varve_job *last(compaction *k) { return &k->jobs[(k->job_count - 1) % COMPACT_JOBS_KEPT]; }

static const char *kind_name(pick_kind kind)
{
    switch (kind) {
    case PICK_INDEX: return "index";
    case PICK_REBUILD: return "rebuild";
    case PICK_PURGE:
    case PICK_REWRITE: return "purge";
    default: return "merge";
    }
}

void jobs_begin(compaction *k, const compact_job *j, const pick_decision *d)
{
    varve_job seen = {.id = j->order.job, .segments = j->count, .started_ms = clock_wall_ms()};
    snprintf(seen.database, sizeof seen.database, "%s", j->c->database);
    snprintf(seen.collection, sizeof seen.collection, "%s", j->c->name);
    snprintf(seen.kind, sizeof seen.kind, "%s", kind_name(d->kind));
    snprintf(seen.reason, sizeof seen.reason, "%s", d->reason);
    for (size_t i = 0; i < j->count; i++)
        seen.rows += j->order.inputs[i].segment.rows;
    pthread_mutex_lock(&k->lock);
    k->job_count++;
    *last(k) = seen;
    pthread_mutex_unlock(&k->lock);
}

void jobs_progress(compaction *k, const job_progress *p)
{
    pthread_mutex_lock(&k->lock);
    varve_job *j = last(k);
    uint64_t now = clock_wall_ms(), elapsed_ms = now > j->started_ms ? now - j->started_ms : 0;
    snprintf(j->stage, sizeof j->stage, "%.*s", (int)sizeof j->stage - 1, p->stage);
    if (p->total) j->share = VV_MIN(1.0, (double)p->done / (double)p->total);
    if (elapsed_ms) j->rows_per_s = j->share * (double)j->rows * 1000 / (double)elapsed_ms;
    double eta_ms = j->share > 0 ? (double)elapsed_ms * (1 - j->share) / j->share : 0;
    j->eta_ms = (uint64_t)VV_MIN(eta_ms, (double)INT64_MAX); /* a share may be next to nothing */
    pthread_mutex_unlock(&k->lock);
}

void jobs_end(compaction *k, varve_job_state state, const varve_error *why)
{
    pthread_mutex_lock(&k->lock);
    varve_job *j = last(k);
    j->state = state;
    j->ended_ms = clock_wall_ms();
    j->eta_ms = 0;
    if (state == VARVE_JOB_DONE) {
        uint64_t elapsed_ms = VV_MAX(1, j->ended_ms - VV_MIN(j->started_ms, j->ended_ms));
        j->share = 1;
        j->rows_per_s = (double)j->rows * 1000 / (double)elapsed_ms;
        k->stats.jobs_done++;
    } else {
        snprintf(j->message, sizeof j->message, "%.*s", (int)sizeof j->message - 1,
                 why ? why->message : "");
    }
    if (state == VARVE_JOB_REFUSED) k->stats.jobs_refused++;
    if (state == VARVE_JOB_FAILED) k->stats.jobs_failed++;
    if (state == VARVE_JOB_CANCELLED) k->stats.jobs_cancelled++;
    pthread_mutex_unlock(&k->lock);
}

/* ---- varve.h */

varve_status varve_jobs(varve *db, varve_job_list **ret_jobs, varve_error *err)
{
    compaction *k = db->compaction;
    varve_job_list *list = calloc(1, sizeof *list);
    if (!list) return vv_fail(err, VARVE_NO_MEMORY, "no memory for a list of jobs");
    if (k) {
        pthread_mutex_lock(&k->lock);
        list->count = VV_MIN(k->job_count, COMPACT_JOBS_KEPT);
        for (size_t i = 0; i < list->count; i++)
            list->jobs[i] = k->jobs[(k->job_count - 1 - i) % COMPACT_JOBS_KEPT];
        pthread_mutex_unlock(&k->lock);
    }
    *ret_jobs = list;
    return VARVE_OK;
}

size_t varve_jobs_count(const varve_job_list *jobs) { return jobs->count; }
const varve_job *varve_jobs_get(const varve_job_list *jobs, size_t i) { return &jobs->jobs[i]; }
void varve_jobs_free(varve_job_list *jobs) { free(jobs); }

varve_status varve_job_cancel(varve *db, uint64_t id, varve_error *err)
{
    compaction *k = db->compaction;
    VV_TRY(db_check_writable(db, false, err));
    pthread_mutex_lock(&k->lock);
    bool running = k->job_count && last(k)->id == id && last(k)->state == VARVE_JOB_RUNNING;
    if (running) k->cancel = id;
    pthread_mutex_unlock(&k->lock);
    if (!running)
        return vv_fail(err, VARVE_NOT_FOUND, "no job %llu is running", (unsigned long long)id);
    compaction_wake(db);
    return VARVE_OK;
}
