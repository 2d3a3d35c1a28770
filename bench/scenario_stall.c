/* scenario_stall.c — do searches ever wait? Times of single searches, one thread, in one run: while
 * nothing else goes on; during a rebuild of every index; during durable ingest at a steady rate;
 * during ingest as fast as it goes; and idle again, over all that was written. The compactor is the
 * supervised child process that a server would have. */
#include "ann_ours.h"

#include "base/clock.h"

#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#define ROWS_DEFAULT    100000
#define DIM_DEFAULT     128
#define PHASE_SECONDS   20
#define REBUILD_S_MAX   7200
#define TIMES_MAX       ((size_t)1 << 22)
#define INGEST_ROWS     100  /* of a batch */
#define PACED_RATE      2000 /* rows a second */
#define START_S_MAX     30   /* for a job to begin */
#define POLL_MS         50
#define M_SECOND        12
#define CLUSTERS_SECOND 300

typedef struct stall {
    const bench_options *o;
    const char *mode;
    ann_set set;
    work folder;
    varve *db;
    varve_collection *c;
    double *times;
    uint64_t *ids;
    uint64_t next_id, jobs_before;
} stall;

typedef struct phase {
    const char *name;
    size_t searches;
    double p50_us, p99_us, most_us, seconds;
    uint64_t rows_written;
} phase;

static void stall_done(stall *s)
{
    varve_collection_release(s->c);
    if (s->db) varve_abandon(s->db);
    work_done(&s->folder);
    ann_set_done(&s->set);
    free(s->times);
    free(s->ids);
}

/* ---- what goes on beside the searches ---- */

typedef struct ingest {
    stall *s;
    uint64_t rate; /* rows a second; 0: as many as go */
    atomic_bool stop;
    pthread_t thread;
    varve_status status;
    varve_error err;
    uint64_t rows;
} ingest;

static void *ingest_run(void *context)
{
    ingest *g = context;
    stall *s = g->s;
    uint64_t from = clock_now_ns();
    while (!atomic_load(&g->stop) && g->status == VARVE_OK) {
        uint64_t first = s->next_id % (s->set.rows - INGEST_ROWS);
        varve_rows rows = {.count = INGEST_ROWS,
                           .dim = s->set.dim,
                           .ids_from_first = true,
                           .first_id = s->next_id,
                           .vectors = s->set.stored + first * s->set.row_bytes,
                           .vectors_type = s->set.type};
        g->status = varve_insert(s->c, &rows, NULL, NULL, &g->err);
        s->next_id += INGEST_ROWS;
        g->rows += INGEST_ROWS;
        while (g->rate && !atomic_load(&g->stop) &&
               (double)(clock_now_ns() - from) < (double)g->rows * 1e9 / (double)g->rate)
            clock_sleep_ms(1);
    }
    return NULL;
}

static varve_status ingest_start(ingest *g, stall *s, uint64_t rate, varve_error *err)
{
    *g = (ingest){.s = s, .rate = rate};
    return pthread_create(&g->thread, NULL, ingest_run, g) == 0
               ? VARVE_OK
               : vv_fail(err, VARVE_NO_MEMORY, "no thread for ingest");
}

static varve_status ingest_stop(ingest *g, varve_error *err)
{
    atomic_store(&g->stop, true);
    pthread_join(g->thread, NULL);
    if (g->status != VARVE_OK && err) *err = g->err;
    return g->status;
}

static uint64_t jobs_done(stall *s)
{
    varve_compaction_stats stats;
    varve_compaction_get_stats(s->db, &stats);
    return stats.jobs_done;
}

/* Nothing is running and nothing is due. */
static bool is_settled(stall *s)
{
    varve_compaction_stats stats;
    varve_job_list *jobs = NULL;
    varve_compaction_get_stats(s->db, &stats);
    if (stats.next_reason[0] || varve_jobs(s->db, &jobs, NULL) != VARVE_OK) return false;
    bool running = false;
    for (size_t i = 0; i < varve_jobs_count(jobs); i++)
        running |= varve_jobs_get(jobs, i)->state == VARVE_JOB_RUNNING;
    varve_jobs_free(jobs);
    return !running;
}

static varve_status settle(stall *s, varve_error *err)
{
    uint64_t until = clock_now_ns() + (uint64_t)REBUILD_S_MAX * 1000000000u;
    for (int quiet = 0; quiet < 5;) {
        if (clock_now_ns() > until) return vv_fail(err, VARVE_TIMEOUT, "compaction does not end");
        quiet = is_settled(s) ? quiet + 1 : 0;
        clock_sleep_ms(POLL_MS);
    }
    return VARVE_OK;
}

/* ---- searches, timed one by one ---- */

typedef bool phase_going(stall *s, uint64_t elapsed_ns);

static bool for_a_while(stall *s, uint64_t elapsed_ns)
{
    (void)s;
    return elapsed_ns < (uint64_t)PHASE_SECONDS * 1000000000u;
}

static bool until_rebuilt(stall *s, uint64_t elapsed_ns)
{
    if (jobs_done(s) == s->jobs_before)
        return elapsed_ns < (uint64_t)START_S_MAX * 1000000000u || !is_settled(s);
    return elapsed_ns < (uint64_t)REBUILD_S_MAX * 1000000000u && !is_settled(s);
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void take_percentiles(stall *s, phase *p)
{
    qsort(s->times, p->searches, sizeof *s->times, by_value);
    p->p50_us = s->times[p->searches / 2];
    p->p99_us = s->times[p->searches * 99 / 100];
    p->most_us = s->times[p->searches - 1];
}

static varve_status search_while(stall *s, phase_going *going, phase *ret, varve_error *err)
{
    varve_search_work sum = {0};
    uint64_t from = clock_now_ns(), looked = from;
    ret->searches = 0;
    for (bool go = true; go && ret->searches < TIMES_MAX;) {
        uint64_t begin = clock_now_ns();
        VV_TRY(ann_ours_query(&s->set, s->c, ret->searches % s->set.query_count, (ann_effort){0},
                              s->ids, &sum, err));
        uint64_t end = clock_now_ns();
        s->times[ret->searches++] = (double)(end - begin) / 1e3;
        if (end - looked < (uint64_t)POLL_MS * 1000000u) continue;
        looked = end;
        go = going(s, end - from);
    }
    ret->seconds = (double)(clock_now_ns() - from) / 1e9;
    take_percentiles(s, ret);
    return VARVE_OK;
}

/* ---- phases ---- */

static varve_status idle(stall *s, phase *ret, varve_error *err)
{
    VV_TRY(settle(s, err));
    return search_while(s, for_a_while, ret, err);
}

static varve_status during_ingest(stall *s, uint64_t rate, phase *ret, varve_error *err)
{
    ingest g;
    VV_TRY(settle(s, err));
    VV_TRY(ingest_start(&g, s, rate, err));
    varve_status status = search_while(s, for_a_while, ret, err);
    varve_status wrote = ingest_stop(&g, status == VARVE_OK ? err : NULL);
    ret->rows_written = g.rows;
    return status == VARVE_OK ? wrote : status;
}

static varve_status during_rebuild(stall *s, phase *ret, varve_error *err)
{
    varve_index_params params = {.m = M_SECOND, .r = M_SECOND, .n_clusters = CLUSTERS_SECOND};
    VV_TRY(settle(s, err));
    s->jobs_before = jobs_done(s);
    VV_TRY(varve_index_build(s->c, s->mode, &params, true, err));
    VV_TRY(search_while(s, until_rebuilt, ret, err));
    return jobs_done(s) > s->jobs_before
               ? VARVE_OK
               : vv_fail(err, VARVE_UNSUPPORTED, "%s has no parameter to rebuild with", s->mode);
}

static void report(const stall *s, const phase *p, const phase *base)
{
    char name[160];
    unsigned long long rows = s->set.rows;
    snprintf(name, sizeof name, "stall.%s.p99", p->name);
    result(
        name, p->p99_us, "us", p->p99_us / base->p99_us, "idle p99",
        "p50 %.0f us, longest %.0f us, %zu searches in %.1f s, %llu rows written; %llu rows %s %s, "
        "one searching thread, %zu processors",
        p->p50_us, p->most_us, p->searches, p->seconds, (unsigned long long)p->rows_written, rows,
        s->set.label, s->mode, processors());
    snprintf(name, sizeof name, "stall.%s.p50", p->name);
    result(name, p->p50_us, "us", p->p50_us / base->p50_us, "idle p50", "%.0f searches/s",
           (double)p->searches / p->seconds);
}

static varve_status measure(stall *s, varve_error *err)
{
    phase phases[5] = {{.name = "idle"},
                       {.name = "rebuild"},
                       {.name = "ingest_steady"},
                       {.name = "ingest_full"},
                       {.name = "idle_again"}};
    VV_TRY(idle(s, &phases[0], err));
    VV_TRY(during_rebuild(s, &phases[1], err));
    VV_TRY(during_ingest(s, PACED_RATE, &phases[2], err));
    VV_TRY(during_ingest(s, 0, &phases[3], err));
    VV_TRY(idle(s, &phases[4], err));
    for (size_t i = 0; i < VV_COUNT(phases); i++)
        report(s, &phases[i], &phases[0]);
    return VARVE_OK;
}

static varve_status run_open(stall *s, varve_error *err)
{
    varve_options options;
    varve_options_init(&options);
    options.search_threads = 1;
    options.compact_threads = s->o->threads;
    VV_TRY(varve_open(s->folder.path, &options, &s->db, err));
    VV_TRY(varve_collection_open(s->db, "default", ANN_COLLECTION, &s->c, err));
    VV_TRY(varve_compactor_start(s->db, err));
    return measure(s, err);
}

static varve_status prepare(stall *s, varve_error *err)
{
    const bench_options *o = s->o;
    ann_build build;
    if (o->data)
        VV_TRY(ann_set_load(o, VARVE_METRIC_L2, &s->set, err));
    else
        VV_TRY(ann_set_make(o, bench_rows(o, ROWS_DEFAULT), bench_dim(o, DIM_DEFAULT),
                            VARVE_METRIC_L2, &s->set, err));
    s->next_id = s->set.rows;
    s->times = malloc(TIMES_MAX * sizeof *s->times);
    s->ids = calloc(ANN_K, sizeof *s->ids);
    if (!s->times || !s->ids || s->set.rows <= INGEST_ROWS)
        return vv_fail(err, VARVE_NO_MEMORY, "no memory for times, or too few rows");
    VV_TRY(work_new(o, "stall", &s->folder, err));
    return ann_ours_build(&s->set, s->mode, o->threads, s->folder.path, &build, err);
}

static varve_status run(const bench_options *o, varve_error *err)
{
    VV_CLEANUP(stall_done) stall s = {.o = o, .mode = o->mode ? o->mode : "HNSW-L2"};
    VV_TRY(prepare(&s, err));
    return run_open(&s, err);
}

const scenario scenario_stall = {"stall", "search times during ingest and rebuild, beside idle",
                                 run};
