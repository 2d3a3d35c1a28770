/* scenario_scan.c — exact search over sealed segments: rows a second, as a share of the bandwidth
 * that the same run measures, and beside a naive loop and hnswlib's brute force. */
#include "bandwidth.h"
#include "data.h"
#include "naive.h"
#ifdef BENCH_HNSWLIB
#include "peer_hnsw.h"
#endif

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ROWS_DEFAULT 200000
#define QUERIES      5 /* of one round */
#define K            10
#define ROUNDS_MAX   64

typedef struct scan {
    const bench_options *o;
    char label[64]; /* "l2.float32.128" */
    varve_dtype type;
    size_t dim;
    uint64_t rows;
    const uint8_t *values; /* rows × row bytes, as stored */
    float *floats;         /* the same as float32, for the peers */
    float *queries;        /* QUERIES × dim */
    bandwidth memory;
#ifdef BENCH_HNSWLIB
    hnsw *hnsw;
#endif
} scan;

static void session_freep(varve_session **s) { varve_session_free(*s); }
static void collection_freep(varve_collection **c) { varve_collection_release(*c); }
static void db_abandonp(varve **db)
{
    if (*db) varve_abandon(*db);
}

static void scan_done(scan *s)
{
    bandwidth_done(&s->memory);
    free(s->floats);
    free(s->queries);
#ifdef BENCH_HNSWLIB
    if (s->hnsw) hnsw_free(s->hnsw);
#endif
}

/* ---- preparation ---- */

static varve_status write_segments(const scan *s, const char *path, varve_error *err)
{
    VV_CLEANUP(db_abandonp) varve *db = NULL;
    VV_CLEANUP(collection_freep) varve_collection *c = NULL;
    VV_CLEANUP(session_freep) varve_session *session = NULL;
    varve_collection_spec spec = {.dim = s->dim, .dtype = s->type, .index_mode = "FLAT-L2"};
    size_t row_bytes = varve_dtype_row_bytes(s->type, s->dim);
    VV_TRY(varve_open(path, NULL, &db, err));
    VV_TRY(varve_collection_create(db, "default", "scan", &spec, &c, err));
    VV_TRY(varve_session_new(c, NULL, &session, err));
    for (uint64_t first = 0; first < s->rows; first += BATCH_ROWS) {
        varve_rows rows = {.count = (size_t)VV_MIN(BATCH_ROWS, s->rows - first),
                           .dim = s->dim,
                           .ids_from_first = true,
                           .first_id = first,
                           .vectors = s->values + first * row_bytes,
                           .vectors_type = s->type};
        VV_TRY(varve_session_add(session, &rows, err));
    }
    VV_TRY(varve_session_commit(session, NULL, err));
    varve_session_free(session);
    session = NULL;
    varve_collection_release(c);
    c = NULL;
    varve *closing = db;
    db = NULL;
    return varve_close(closing, err);
}

static varve_status prepare(scan *s, varve_error *err)
{
    size_t count = (size_t)s->rows * s->dim;
    s->floats = malloc(count * sizeof(float));
    s->queries = malloc(QUERIES * s->dim * sizeof(float));
    if (!s->floats || !s->queries) return vv_fail(err, VARVE_NO_MEMORY, "no memory for the peers");
    for (size_t i = 0; i < count; i++)
        s->floats[i] = s->type == VARVE_UINT8 ? (float)s->values[i]
                                              : ((const float *)(const void *)s->values)[i];
    for (size_t q = 0; q < QUERIES; q++) { /* near a row, but not on it */
        const float *row = s->floats + (q + 1) * (s->rows / (QUERIES + 1)) * s->dim;
        for (size_t i = 0; i < s->dim; i++)
            s->queries[q * s->dim + i] = row[(i + 1) % s->dim];
    }
#ifdef BENCH_HNSWLIB
    s->hnsw = hnsw_new(s->dim, (size_t)s->rows);
    if (!s->hnsw) return vv_fail(err, VARVE_NO_MEMORY, "no memory for hnswlib");
    for (uint64_t i = 0; i < s->rows; i++)
        if (hnsw_add(s->hnsw, s->floats + i * s->dim, i) != 0)
            return vv_fail(err, VARVE_INTERNAL, "hnswlib refuses a row");
#endif
    return bandwidth_init(&s->memory, BANDWIDTH_BYTES, err);
}

/* ---- one round of each: rows a second (of processor time, on one thread) ---- */

static varve_status search_once(const scan *s, varve_collection *c, size_t query,
                                float *ret_nearest, varve_error *err)
{
    varve_hits *hits = NULL;
    varve_search_request request = {
        .vectors = s->queries + query * s->dim, .count = 1, .dim = s->dim, .k = K};
    VV_TRY(varve_search(c, &request, &hits, err));
    bool whole = varve_hits_rows_scanned(hits) == s->rows && varve_hits_count(hits, 0) == K;
    *ret_nearest = whole ? varve_hits_score(hits, 0, 0) : NAN;
    varve_hits_free(hits);
    return whole ? VARVE_OK : vv_fail(err, VARVE_INTERNAL, "a search did not scan all rows");
}

static varve_status varve_round(const scan *s, varve_collection *c, size_t threads, double *ret,
                                varve_error *err)
{
    float nearest;
    double from = bench_seconds(threads);
    for (size_t q = 0; q < QUERIES; q++)
        VV_TRY(search_once(s, c, q, &nearest, err));
    *ret = (double)(s->rows * QUERIES) / (bench_seconds(threads) - from);
    return VARVE_OK;
}

static double naive_round(const scan *s, float *ret_nearest)
{
    double from = bench_seconds(1);
    for (size_t q = 0; q < QUERIES; q++)
        ret_nearest[q] = naive_nearest(s->floats, s->rows, s->dim, s->queries + q * s->dim);
    return (double)(s->rows * QUERIES) / (bench_seconds(1) - from);
}

#ifdef BENCH_HNSWLIB
static varve_status hnsw_round(const scan *s, double *ret, varve_error *err)
{
    float nearest;
    double from = bench_seconds(1);
    for (size_t q = 0; q < QUERIES; q++)
        if (hnsw_search(s->hnsw, s->queries + q * s->dim, K, &nearest) != 0)
            return vv_fail(err, VARVE_INTERNAL, "hnswlib failed");
    *ret = (double)(s->rows * QUERIES) / (bench_seconds(1) - from);
    return VARVE_OK;
}
#endif

/* Everybody must find the same nearest row. */
static varve_status check_answers(const scan *s, varve_collection *c, varve_error *err)
{
    float naive[QUERIES], ours;
    naive_round(s, naive);
    for (size_t q = 0; q < QUERIES; q++) {
        VV_TRY(search_once(s, c, q, &ours, err));
        if (fabsf(naive[q] - ours) > 1e-3f * naive[q])
            return vv_fail(err, VARVE_INTERNAL, "nearest row at %g, the naive loop says %g",
                           (double)ours, (double)naive[q]);
    }
    return VARVE_OK;
}

/* ---- results ---- */

static varve_status measure(const scan *s, varve_collection *c, size_t threads, varve_error *err)
{
    double ours[ROUNDS_MAX], memory[ROUNDS_MAX], naive[ROUNDS_MAX], brute[ROUNDS_MAX] = {0};
    size_t rounds = VV_MIN(s->o->rounds, ROUNDS_MAX);
    size_t row_bytes = varve_dtype_row_bytes(s->type, s->dim);
    float nearest[QUERIES];
    char name[128];
    VV_TRY(check_answers(s, c, err));
    for (size_t i = 0; i < rounds; i++) {
        VV_TRY(bandwidth_pass(&s->memory, threads, &memory[i], err));
        VV_TRY(varve_round(s, c, threads, &ours[i], err));
        if (threads > 1) continue; /* the peers know one thread only */
        naive[i] = naive_round(s, nearest);
#ifdef BENCH_HNSWLIB
        VV_TRY(hnsw_round(s, &brute[i], err));
#endif
    }
    double rate = median(ours, rounds), gbs = median(memory, rounds);
    snprintf(name, sizeof name, "scan.%s.%s", s->label, threads == 1 ? "one" : "all");
    result(name, rate, "rows/s", rate * (double)row_bytes / gbs, "read bandwidth",
           "%llu rows, k %d, %zu threads, bandwidth %.1f GB/s, median of %zu",
           (unsigned long long)s->rows, K, threads, gbs / 1e9, rounds);
    if (threads > 1) return VARVE_OK;
    double slow = median(naive, rounds), library = median(brute, rounds);
    result(name, rate, "rows/s", rate / slow, "naive float32 loop", "the loop: %.0f rows/s", slow);
    if (library > 0)
        result(name, rate, "rows/s", rate / library, "hnswlib brute force",
               "hnswlib: %.0f rows/s over float32", library);
    return VARVE_OK;
}

static varve_status measure_opened(const scan *s, const char *path, size_t threads,
                                   varve_error *err)
{
    VV_CLEANUP(db_abandonp) varve *db = NULL;
    VV_CLEANUP(collection_freep) varve_collection *c = NULL;
    varve_options options;
    varve_options_init(&options);
    options.search_threads = threads;
    VV_TRY(varve_open(path, &options, &db, err));
    VV_TRY(varve_collection_open(db, "default", "scan", &c, err));
    return measure(s, c, threads, err);
}

static varve_status run_scan(scan *s, varve_error *err)
{
    VV_CLEANUP(work_done) work w = {0};
    VV_TRY(work_new(s->o, "scan", &w, err));
    VV_TRY(write_segments(s, w.path, err));
    VV_TRY(prepare(s, err));
    VV_TRY(measure_opened(s, w.path, 1, err));
    return processors() > 1 ? measure_opened(s, w.path, processors(), err) : VARVE_OK;
}

static varve_status run_files(const bench_options *o, varve_error *err)
{
    matrix m;
    VV_TRY(matrix_load(o->data, bench_rows(o, UINT64_MAX), &m, err));
    VV_CLEANUP(vv_freep) uint8_t *values = m.values;
    VV_CLEANUP(scan_done)
    scan s = {.o = o, .type = m.type, .dim = m.dim, .rows = m.count, .values = values};
    snprintf(s.label, sizeof s.label, "l2.%s.%zu.data", varve_dtype_name(m.type), m.dim);
    return run_scan(&s, err);
}

static varve_status run_synthetic(const bench_options *o, size_t dim, varve_error *err)
{
    VV_CLEANUP(data_done) data d = {0};
    VV_CLEANUP(scan_done) scan s = {.o = o, .dim = dim, .rows = bench_rows(o, ROWS_DEFAULT)};
    size_t row_bytes = dim * sizeof(float);
    VV_CLEANUP(vv_freep) uint8_t *values = malloc((size_t)s.rows * row_bytes);
    if (!values) return vv_fail(err, VARVE_NO_MEMORY, "no memory for %zu-d rows", dim);
    VV_TRY(data_init(&d, dim, o->seed, err));
    for (uint64_t i = 0; i < s.rows; i++)
        memcpy(values + i * row_bytes, data_vector(&d, i), row_bytes);
    s.values = values;
    snprintf(s.label, sizeof s.label, "l2.float32.%zu", dim);
    return run_scan(&s, err);
}

static varve_status run(const bench_options *o, varve_error *err)
{
    if (o->data) return run_files(o, err);
    VV_TRY(run_synthetic(o, bench_dim(o, 128), err));
    return o->dim ? VARVE_OK : run_synthetic(o, 384, err);
}

const scenario scenario_scan = {"scan", "exact search, beside bandwidth and two peers", run};
