/* compactor_watch.c — the gateway's compactor, and what the log says of it. */
#include "compactor_watch.h"

#include "base/clock.h"
#include "gateway_inner.h"

#include <inttypes.h>
#include <stdlib.h>

/* Statistics are made by a look at every collection, so they are asked for more rarely. */
enum { LOOK_MS = 1000, LOOKS_OF_PROCESS = 5, STEP_MS = 50, MISSING_MS = 15000, RUNNING_MAX = 16 };

struct compactor_watch {
    gateway *g;
    pthread_t thread;
    atomic_bool ending;
    /* of the thread alone: */
    uint64_t newest;               /* the highest job id seen */
    uint64_t running[RUNNING_MAX]; /* jobs that ran at the last look */
    size_t running_count;
    uint64_t looks, restarts;
    int pid;
    uint64_t alone_ns; /* since when none is connected, though one should be; 0: said, or not so */
};

static void jobs_freep(varve_job_list **jobs) { varve_jobs_free(*jobs); }

static void log_job(logger *l, const varve_job *j)
{
    static const struct {
        const char *event;
        log_level level;
    } ends[] = {
        [VARVE_JOB_RUNNING] = {"job_started", LOG_DEBUG},
        [VARVE_JOB_DONE] = {"job_done", LOG_INFO},
        [VARVE_JOB_REFUSED] = {"job_refused", LOG_INFO},
        [VARVE_JOB_FAILED] = {"job_failed", LOG_WARN},
        [VARVE_JOB_CANCELLED] = {"job_cancelled", LOG_INFO},
    };
    log_line line;
    if (!log_wants(l, ends[j->state].level)) return;
    log_begin(&line, ends[j->state].level, "compaction", ends[j->state].event);
    log_u64(&line, "job", j->id);
    log_text(&line, "database", j->database);
    log_text(&line, "collection", j->collection);
    log_text(&line, "kind", j->kind);
    log_u64(&line, "rows", j->rows);
    log_u64(&line, "segments", j->segments);
    if (j->ended_ms > j->started_ms)
        log_ms(&line, "elapsed_ms", (j->ended_ms - j->started_ms) * 1000000);
    if (*j->message) log_text(&line, "error", j->message);
    log_text(&line, "reason", j->reason);
    log_end(l, &line);
}

static bool ran_before(const compactor_watch *w, uint64_t id)
{
    for (size_t i = 0; i < w->running_count; i++)
        if (w->running[i] == id) return true;
    return false;
}

/* A job is told of when it is new, and again when it has ended. */
static void look_at_jobs(compactor_watch *w)
{
    VV_CLEANUP(jobs_freep) varve_job_list *jobs = NULL;
    uint64_t running[RUNNING_MAX], newest = w->newest;
    size_t running_count = 0;
    if (varve_jobs(w->g->db, &jobs, NULL) != VARVE_OK) return;
    for (size_t i = varve_jobs_count(jobs); i-- > 0;) { /* oldest first */
        const varve_job *j = varve_jobs_get(jobs, i);
        bool runs = j->state == VARVE_JOB_RUNNING;
        if (j->id > w->newest || (!runs && ran_before(w, j->id))) log_job(&w->g->log, j);
        if (runs && running_count < RUNNING_MAX) running[running_count++] = j->id;
        newest = VV_MAX(newest, j->id);
    }
    for (size_t i = 0; i < running_count; i++)
        w->running[i] = running[i];
    w->running_count = running_count;
    w->newest = newest;
}

/* Rows are found without one, only ever more slowly: somebody should know. */
static void look_for_none(compactor_watch *w)
{
    if (w->alone_ns == 0 || clock_now_ns() - w->alone_ns < MISSING_MS * 1000000ull) return;
    w->alone_ns = 0;
    log_message(&w->g->log, LOG_WARN, "compactor_missing",
                "no compactor is connected: is varve-compactor beside this program or in PATH?");
}

static void look_at_process(compactor_watch *w)
{
    varve_compaction_stats s = {0};
    logger *l = &w->g->log;
    varve_compaction_get_stats(w->g->db, &s);
    if (s.restarts > w->restarts)
        log_message(l, LOG_WARN, "compactor_restarted",
                    "the compactor died and was started again, %" PRIu64 " times so far",
                    s.restarts);
    if (s.pid && s.pid != w->pid)
        log_message(l, LOG_INFO, "compactor_connected", "compactor with pid %d", s.pid);
    if (!s.pid && w->pid) {
        log_message(l, LOG_INFO, "compactor_gone", "compactor with pid %d is gone", w->pid);
        w->alone_ns = clock_now_ns();
    }
    if (s.pid || !s.supervised) w->alone_ns = 0;
    w->restarts = s.restarts;
    w->pid = s.pid;
    look_for_none(w);
}

static void *watch(void *context)
{
    compactor_watch *w = context;
    (void)pthread_setname_np(pthread_self(), "job-watch");
    while (!atomic_load(&w->ending)) {
        if (w->looks++ % LOOKS_OF_PROCESS == 0) look_at_process(w);
        look_at_jobs(w);
        for (int ms = 0; ms < LOOK_MS && !atomic_load(&w->ending); ms += STEP_MS)
            clock_sleep_ms(STEP_MS);
    }
    return NULL;
}

varve_status compactor_watch_start(gateway *g, compactor_watch **ret, varve_error *err)
{
    VV_CLEANUP(vv_freep) compactor_watch *w = NULL;
    if (g->config.read_only) return VARVE_OK;
    w = calloc(1, sizeof *w);
    if (!w) return vv_fail(err, VARVE_NO_MEMORY, "no memory to watch the compactor");
    w->g = g;
    w->alone_ns = clock_now_ns();
    if (g->config.compactor) VV_TRY(varve_compactor_start(g->db, err));
    if (pthread_create(&w->thread, NULL, watch, w) != 0) {
        varve_compactor_stop(g->db);
        return vv_fail(err, VARVE_NO_MEMORY, "no thread to watch the compactor");
    }
    *ret = w;
    w = NULL;
    return VARVE_OK;
}

void compactor_watch_stop(compactor_watch *w)
{
    if (!w) return;
    atomic_store(&w->ending, true);
    (void)pthread_join(w->thread, NULL);
    look_at_jobs(w);
    if (w->g->config.compactor) varve_compactor_stop(w->g->db);
    free(w);
}

void compactor_cancel_jobs(gateway *g)
{
    VV_CLEANUP(jobs_freep) varve_job_list *jobs = NULL;
    if (g->config.read_only || !g->db || varve_jobs(g->db, &jobs, NULL) != VARVE_OK) return;
    for (size_t i = 0; i < varve_jobs_count(jobs); i++) {
        const varve_job *j = varve_jobs_get(jobs, i);
        /* One that has just ended is as good as cancelled. */
        if (j->state != VARVE_JOB_RUNNING || varve_job_cancel(g->db, j->id, NULL) != VARVE_OK)
            continue;
    }
}
