/* scenario_memory.c — resident memory per row: rows in memory, and the same rows sealed and
 * searched. Each is measured in a process of its own. */
#include "data.h"

#include <malloc.h>
#include <string.h>

#define ROWS_DEFAULT 200000
#define DIM_DEFAULT  384

typedef struct job {
    const bench_options *o;
    const char *path;
    uint64_t rows;
    data data;
} job;

static void collection_freep(varve_collection **c) { varve_collection_release(*c); }

static void report(const job *j, const char *name, uint64_t before, uint64_t after,
                   const char *what)
{
    double each = ((double)after - (double)before) / (double)j->rows;
    size_t vector_bytes = j->data.dim * sizeof(float);
    result(name, each, "bytes/row", each / (double)vector_bytes, "bytes of the vector",
           "%s, %llu rows of %zu-d float32 + ~200 B fields", what, (unsigned long long)j->rows,
           j->data.dim);
}

static varve_status insert_all(const job *j, varve_collection *c, varve_error *err)
{
    VV_CLEANUP(rows_done) rows_block block = {0};
    varve_rows rows;
    VV_TRY(rows_init(&block, &j->data, BATCH_ROWS, err));
    for (uint64_t first = 0; first < j->rows; first += BATCH_ROWS) {
        rows_fill(&block, &j->data, first, (size_t)VV_MIN(BATCH_ROWS, j->rows - first), &rows);
        VV_TRY(varve_insert(c, &rows, NULL, NULL, err));
    }
    return VARVE_OK;
}

static varve_status in_memory(void *context, varve_error *err)
{
    job *j = context;
    varve *db;
    VV_CLEANUP(collection_freep) varve_collection *c = NULL;
    varve_collection_spec spec = {.dim = j->data.dim, .index_mode = "FLAT-L2"};
    varve_options options;
    varve_options_init(&options);
    options.seal_rows = options.seal_bytes = options.seal_ms = UINT32_MAX;
    VV_TRY(varve_open(j->path, &options, &db, err));
    VV_TRY(varve_collection_create(db, "default", "rows", &spec, &c, err));
    uint64_t before = memory_of_self("RssAnon");
    VV_TRY(insert_all(j, c, err));
    report(j, "memory.in_memory", before, memory_of_self("RssAnon"),
           "anonymous memory, nothing sealed, write buffers included");
    VV_TRY(varve_checkpoint(db, err));
    malloc_trim(0);
    report(j, "memory.after_seal", before, memory_of_self("RssAnon"),
           "anonymous memory of the same process after sealing");
    varve_collection_release(c);
    c = NULL;
    return varve_close(db, err);
}

static varve_status sealed(void *context, varve_error *err)
{
    job *j = context;
    varve *db;
    VV_CLEANUP(collection_freep) varve_collection *c = NULL;
    varve_hits *hits = NULL;
    uint64_t anon = memory_of_self("RssAnon"), file = memory_of_self("RssFile");
    VV_TRY(varve_open(j->path, NULL, &db, err));
    VV_TRY(varve_collection_open(db, "default", "rows", &c, err));
    varve_search_request request = {.vectors = data_vector(&j->data, 1),
                                    .count = 1,
                                    .dim = j->data.dim,
                                    .k = 10,
                                    .with = VARVE_WITH_FIELDS};
    VV_TRY(varve_search(c, &request, &hits, err));
    varve_hits_free(hits);
    report(j, "memory.sealed", anon, memory_of_self("RssAnon"),
           "anonymous memory of a new process after one search");
    report(j, "memory.sealed.mapped", file, memory_of_self("RssFile"),
           "mapped files of that process, which the system may take back");
    varve_collection_release(c);
    c = NULL;
    return varve_close(db, err);
}

static varve_status run(const bench_options *o, varve_error *err)
{
    VV_CLEANUP(work_done) work w = {0};
    job j = {.o = o, .rows = bench_rows(o, ROWS_DEFAULT)};
    VV_TRY(work_new(o, "memory", &w, err));
    VV_TRY(data_init(&j.data, bench_dim(o, DIM_DEFAULT), o->seed, err));
    j.path = w.path;
    varve_status status = run_in_child(in_memory, &j, err);
    if (status == VARVE_OK) status = run_in_child(sealed, &j, err);
    data_done(&j.data);
    return status;
}

const scenario scenario_memory = {"memory", "resident memory per row, in memory and sealed", run};
