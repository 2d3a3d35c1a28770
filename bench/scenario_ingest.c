/* scenario_ingest.c — durable rows a second and bytes written per byte handed in: a session for
 * bulk loads, online batches of 1,000, and the same rows put into plain RocksDB, in turns. */
#include "data.h"
#include "peer.h"

#include "base/clock.h"

#include <stdio.h>

#define ROWS_DEFAULT 100000
#define DIM_DEFAULT  384
#define ROUNDS_MAX   64

typedef struct figures { /* of one run of one way */
    double rows_per_second, bytes_per_byte;
} figures;

static void session_freep(varve_session **s) { varve_session_free(*s); }

typedef struct load {
    const data *data;
    rows_block block;
    uint64_t rows, user_bytes, busy_ns, written_before;
} load;

static void load_done(load *l) { rows_done(&l->block); }

static varve_status load_start(load *l, const data *d, uint64_t rows, varve_error *err)
{
    *l = (load){.data = d, .rows = rows, .written_before = bytes_written_self()};
    return rows_init(&l->block, d, BATCH_ROWS, err);
}

/* The batch that begins at `first`; making it is not timed. */
static void load_batch(load *l, uint64_t first, varve_rows *ret)
{
    rows_fill(&l->block, l->data, first, (size_t)VV_MIN(BATCH_ROWS, l->rows - first), ret);
    l->user_bytes += l->block.user_bytes;
}

/* After everything was closed. */
static figures load_figures(const load *l)
{
    return (figures){(double)l->rows * 1e9 / (double)l->busy_ns,
                     (double)(bytes_written_self() - l->written_before) / (double)l->user_bytes};
}

#define TIMED(l, call)                                                                             \
    do {                                                                                           \
        uint64_t timed_from = clock_now_ns();                                                      \
        varve_status timed_status = (call);                                                        \
        (l)->busy_ns += clock_now_ns() - timed_from;                                               \
        if (timed_status != VARVE_OK) return timed_status;                                         \
    } while (0)

static varve_status load_session(load *l, varve_collection *c, varve_error *err)
{
    VV_CLEANUP(session_freep) varve_session *session = NULL;
    varve_rows rows;
    TIMED(l, varve_session_new(c, NULL, &session, err));
    for (uint64_t first = 0; first < l->rows; first += BATCH_ROWS) {
        load_batch(l, first, &rows);
        TIMED(l, varve_session_add(session, &rows, err));
    }
    TIMED(l, varve_session_commit(session, NULL, err));
    return VARVE_OK;
}

static varve_status load_batches(load *l, varve_collection *c, varve_error *err)
{
    varve_rows rows;
    for (uint64_t first = 0; first < l->rows; first += BATCH_ROWS) {
        load_batch(l, first, &rows);
        TIMED(l, varve_insert(c, &rows, NULL, NULL, err));
    }
    return VARVE_OK;
}

typedef varve_status load_way(load *l, varve_collection *c, varve_error *err);

static varve_status run_varve(const bench_options *o, load *l, load_way *way, varve_error *err)
{
    VV_CLEANUP(work_done) work w = {0};
    varve *db;
    varve_collection_spec spec = {.dim = l->data->dim, .index_mode = "FLAT-IP"};
    VV_TRY(work_new(o, "ingest", &w, err));
    VV_TRY(varve_open(w.path, NULL, &db, err));
    varve_collection *c = NULL;
    varve_status status = varve_collection_create(db, "default", "rows", &spec, &c, err);
    if (status == VARVE_OK) status = way(l, c, err);
    if (status == VARVE_OK) status = varve_checkpoint(db, err);
    varve_collection_release(c);
    if (status != VARVE_OK) {
        varve_abandon(db);
        return status;
    }
    return varve_close(db, err);
}

static varve_status run_peer(const bench_options *o, load *l, varve_error *err)
{
    VV_CLEANUP(work_done) work w = {0};
    peer *p = NULL;
    varve_rows rows;
    varve_status status = VARVE_OK;
    VV_TRY(work_new(o, "peer", &w, err));
    VV_TRY(peer_open(w.path, &p, err));
    for (uint64_t first = 0; first < l->rows && status == VARVE_OK; first += BATCH_ROWS) {
        load_batch(l, first, &rows);
        uint64_t from = clock_now_ns();
        status = peer_put(p, &rows, err);
        l->busy_ns += clock_now_ns() - from;
    }
    varve_status closed = peer_close(p, status == VARVE_OK ? err : NULL);
    return status == VARVE_OK ? closed : status;
}

typedef enum way { WAY_SESSION, WAY_BATCHES, WAY_PEER, WAY_COUNT } way;

static varve_status run_way(const bench_options *o, const data *d, way way_now, figures *ret,
                            varve_error *err)
{
    VV_CLEANUP(load_done) load l;
    VV_TRY(load_start(&l, d, bench_rows(o, ROWS_DEFAULT), err));
    if (way_now == WAY_PEER)
        VV_TRY(run_peer(o, &l, err));
    else
        VV_TRY(run_varve(o, &l, way_now == WAY_SESSION ? load_session : load_batches, err));
    *ret = load_figures(&l);
    return VARVE_OK;
}

static void report(const bench_options *o, size_t dim, const char *name, const double *ours,
                   const double *theirs)
{
    char full[64];
    unsigned long long rows = bench_rows(o, ROWS_DEFAULT);
    snprintf(full, sizeof full, "ingest.%s", name);
    result(full, ours[0], "rows/s", ours[0] / theirs[0], "plain RocksDB",
           "%llu rows of %zu-d float32 + ~200 B fields, durable; RocksDB: %.0f rows/s; median of "
           "%zu",
           rows, dim, theirs[0], o->rounds);
    snprintf(full, sizeof full, "ingest.%s.written", name);
    result(full, ours[1], "bytes/byte", ours[1] / theirs[1], "plain RocksDB",
           "bytes to storage per byte handed in, after checkpoint and close; RocksDB: %.2f",
           theirs[1]);
}

static varve_status run(const bench_options *o, varve_error *err)
{
    VV_CLEANUP(data_done) data d = {0};
    double rate[WAY_COUNT][ROUNDS_MAX], bytes[WAY_COUNT][ROUNDS_MAX], middle[WAY_COUNT][2];
    size_t rounds = VV_MIN(o->rounds, ROUNDS_MAX), dim = bench_dim(o, DIM_DEFAULT);
    VV_TRY(data_init(&d, dim, o->seed, err));
    for (size_t i = 0; i < rounds; i++)
        for (int w = 0; w < WAY_COUNT; w++) {
            figures f = {0};
            VV_TRY(run_way(o, &d, (way)w, &f, err));
            rate[w][i] = f.rows_per_second;
            bytes[w][i] = f.bytes_per_byte;
        }
    for (int w = 0; w < WAY_COUNT; w++) {
        middle[w][0] = median(rate[w], rounds);
        middle[w][1] = median(bytes[w], rounds);
    }
    report(o, dim, "bulk", middle[WAY_SESSION], middle[WAY_PEER]);
    report(o, dim, "batches", middle[WAY_BATCHES], middle[WAY_PEER]);
    return VARVE_OK;
}

const scenario scenario_ingest = {"ingest", "bulk and online batches, beside plain RocksDB", run};
