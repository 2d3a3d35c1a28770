/* scenario_collections.c — many small collections in one folder: how fast they are made, and what
 * opening and using them all costs. --rows is the number of collections. */
#include "data.h"

#include "base/clock.h"

#include <stdio.h>

#define COLLECTIONS_DEFAULT 1000
#define ROWS_EACH           100
#define DIM_DEFAULT         128

typedef struct job {
    const char *path;
    uint64_t collections;
    data data;
} job;

static varve_status make_one(const job *j, varve *db, uint64_t number, rows_block *block,
                             varve_error *err)
{
    varve_collection *c;
    varve_rows rows;
    char name[32];
    varve_collection_spec spec = {.dim = j->data.dim, .index_mode = "FLAT-L2"};
    snprintf(name, sizeof name, "c%llu", (unsigned long long)number);
    VV_TRY(varve_collection_create(db, "default", name, &spec, &c, err));
    rows_fill(block, &j->data, number * ROWS_EACH, ROWS_EACH, &rows);
    varve_status status = varve_insert(c, &rows, NULL, NULL, err);
    varve_collection_release(c);
    return status;
}

static varve_status make_all(void *context, varve_error *err)
{
    job *j = context;
    varve *db;
    VV_CLEANUP(rows_done) rows_block block = {0};
    VV_TRY(rows_init(&block, &j->data, ROWS_EACH, err));
    VV_TRY(varve_open(j->path, NULL, &db, err));
    uint64_t from = clock_now_ns();
    for (uint64_t i = 0; i < j->collections; i++)
        VV_TRY(make_one(j, db, i, &block, err));
    double seconds = (double)(clock_now_ns() - from) / 1e9;
    result("collections.create", (double)j->collections / seconds, "collections/s", 0, NULL,
           "%llu collections of %d durable %zu-d rows", (unsigned long long)j->collections,
           ROWS_EACH, j->data.dim);
    return varve_close(db, err);
}

static varve_status search_one(const job *j, varve *db, uint64_t number, varve_error *err)
{
    varve_collection *c;
    varve_hits *hits = NULL;
    char name[32];
    varve_search_request request = {
        .vectors = data_vector(&j->data, number), .count = 1, .dim = j->data.dim, .k = 10};
    snprintf(name, sizeof name, "c%llu", (unsigned long long)number);
    VV_TRY(varve_collection_open(db, "default", name, &c, err));
    varve_status status = varve_search(c, &request, &hits, err);
    varve_hits_free(hits);
    varve_collection_release(c);
    return status;
}

static void report(const job *j, const char *when, uint64_t from_ns, uint64_t memory, size_t files)
{
    char name[64];
    unsigned long long n = j->collections;
    snprintf(name, sizeof name, "collections.%s", when);
    result(name, (double)(clock_now_ns() - from_ns) / 1e6, "ms", 0, NULL, "%llu collections", n);
    snprintf(name, sizeof name, "collections.%s.memory", when);
    result(name, (double)(memory_of_self("VmRSS") - memory) / (double)n, "bytes/collection", 0,
           NULL, "resident memory of a new process, per collection of %llu", n);
    snprintf(name, sizeof name, "collections.%s.files", when);
    result(name, (double)(open_files_self() - files), "open files", 0, NULL, "of %llu collections",
           n);
}

static varve_status use_all(void *context, varve_error *err)
{
    job *j = context;
    varve *db;
    uint64_t memory = memory_of_self("VmRSS"), from = clock_now_ns();
    size_t files = open_files_self();
    VV_TRY(varve_open(j->path, NULL, &db, err));
    report(j, "open", from, memory, files);
    from = clock_now_ns();
    for (uint64_t i = 0; i < j->collections; i++)
        VV_TRY(search_one(j, db, i, err));
    report(j, "search_each_once", from, memory, files);
    return varve_close(db, err);
}

static varve_status run(const bench_options *o, varve_error *err)
{
    VV_CLEANUP(work_done) work w = {0};
    job j = {.collections = bench_rows(o, COLLECTIONS_DEFAULT)};
    VV_TRY(work_new(o, "collections", &w, err));
    VV_TRY(data_init(&j.data, bench_dim(o, DIM_DEFAULT), o->seed, err));
    j.path = w.path;
    varve_status status = run_in_child(make_all, &j, err);
    if (status == VARVE_OK) status = run_in_child(use_all, &j, err);
    data_done(&j.data);
    return status;
}

const scenario scenario_collections = {"collections", "many small collections in one folder", run};
