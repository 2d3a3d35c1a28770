/* scenario_open.c — how long until the first answer: after a clean close, and after kill -9 with
 * acknowledged rows that are only in the log. */
#include "data.h"

#include "base/clock.h"

#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#define ROWS_DEFAULT 200000
#define DIM_DEFAULT  384
#define ROWS_IN_LOG  20000 /* written before the kill */
#define ROUNDS_MAX   64

typedef struct job {
    const bench_options *o;
    const char *path;
    uint64_t rows;
    data data;
} job;

static void collection_freep(varve_collection **c) { varve_collection_release(*c); }

static varve_status build(void *context, varve_error *err)
{
    job *j = context;
    varve *db;
    varve_collection *c;
    VV_TRY(varve_open(j->path, NULL, &db, err));
    VV_TRY(build_collection(db, "rows", "FLAT-L2", &j->data, j->rows, true, &c, err));
    varve_collection_release(c);
    return varve_close(db, err);
}

/* Ends by SIGKILL, with everything acknowledged and nothing closed. */
static varve_status write_and_die(void *context, varve_error *err)
{
    job *j = context;
    varve *db;
    varve_collection *c;
    VV_CLEANUP(rows_done) rows_block block = {0};
    varve_rows rows;
    VV_TRY(rows_init(&block, &j->data, BATCH_ROWS, err));
    VV_TRY(varve_open(j->path, NULL, &db, err));
    VV_TRY(varve_collection_open(db, "default", "rows", &c, err));
    for (uint64_t first = 0; first < ROWS_IN_LOG; first += BATCH_ROWS) {
        rows_fill(&block, &j->data, first, BATCH_ROWS, &rows);
        VV_TRY(varve_upsert(c, &rows, NULL, NULL, err));
    }
    kill(getpid(), SIGKILL);
    return VARVE_OK;
}

/* Seconds to open, and to open and search once. */
static varve_status open_once(const job *j, double *ret_open, double *ret_answer, varve_error *err)
{
    varve *db;
    VV_CLEANUP(collection_freep) varve_collection *c = NULL;
    varve_hits *hits = NULL;
    uint64_t from = clock_now_ns();
    VV_TRY(varve_open(j->path, NULL, &db, err));
    *ret_open = (double)(clock_now_ns() - from) / 1e9;
    varve_search_request request = {
        .vectors = data_vector(&j->data, 1), .count = 1, .dim = j->data.dim, .k = 10};
    varve_status status = varve_collection_open(db, "default", "rows", &c, err);
    if (status == VARVE_OK) status = varve_search(c, &request, &hits, err);
    *ret_answer = (double)(clock_now_ns() - from) / 1e9;
    varve_hits_free(hits);
    varve_collection_release(c);
    c = NULL;
    if (status == VARVE_OK) return varve_close(db, err);
    varve_abandon(db);
    return status;
}

static varve_status measure(job *j, bool after_kill, varve_error *err)
{
    double opens[ROUNDS_MAX], answers[ROUNDS_MAX];
    size_t rounds = VV_MIN(j->o->rounds, ROUNDS_MAX);
    const char *how = after_kill ? "killed" : "clean";
    char name[64];
    for (size_t i = 0; i < rounds; i++) {
        if (after_kill) VV_TRY(run_in_child(write_and_die, j, err));
        VV_TRY(open_once(j, &opens[i], &answers[i], err));
    }
    double opened = median(opens, rounds), answered = median(answers, rounds);
    snprintf(name, sizeof name, "open.%s", how);
    result(name, opened * 1e3, "ms", 0, NULL,
           "%llu rows of %zu-d float32, files cached, %d rows upserted before the kill, median of "
           "%zu",
           (unsigned long long)j->rows, j->data.dim, after_kill ? ROWS_IN_LOG : 0, rounds);
    snprintf(name, sizeof name, "open.%s.first_answer", how);
    result(name, answered * 1e3, "ms", 0, NULL, "open, and one exact search over all rows");
    return VARVE_OK;
}

static varve_status run(const bench_options *o, varve_error *err)
{
    VV_CLEANUP(work_done) work w = {0};
    job j = {.o = o, .rows = VV_MAX(bench_rows(o, ROWS_DEFAULT), ROWS_IN_LOG)};
    VV_TRY(work_new(o, "open", &w, err));
    VV_TRY(data_init(&j.data, bench_dim(o, DIM_DEFAULT), o->seed, err));
    j.path = w.path;
    varve_status status = run_in_child(build, &j, err);
    if (status == VARVE_OK) status = measure(&j, false, err);
    if (status == VARVE_OK) status = measure(&j, true, err);
    data_done(&j.data);
    return status;
}

const scenario scenario_open = {"open", "time to open after a clean close and after kill -9", run};
