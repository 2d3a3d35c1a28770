/* scenario_single.c — single durable rows by 1 to 64 threads, beside plain RocksDB in turns. What
 * is measured is how many waiting writers share one fsync. */
#include "data.h"
#include "peer.h"

#include "base/clock.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>

#define DIM_DEFAULT 384
#define SECONDS     1.0
#define THREADS_MAX 64
#define ROUNDS_MAX  64

typedef struct crowd {
    const data *data;
    varve_collection *collection; /* or */
    peer *peer;
    atomic_uint_fast64_t next_row, rows_done;
    atomic_bool stop, failed;
    pthread_mutex_t lock; /* err */
    varve_error err;
} crowd;

static void fail(crowd *c, const varve_error *why)
{
    pthread_mutex_lock(&c->lock);
    c->err = *why;
    pthread_mutex_unlock(&c->lock);
    atomic_store(&c->failed, true);
    atomic_store(&c->stop, true);
}

static void *write_rows(void *context)
{
    crowd *c = context;
    varve_error why = {0};
    VV_CLEANUP(rows_done) rows_block block = {0};
    varve_rows rows;
    varve_status status = rows_init(&block, c->data, 1, &why);
    while (status == VARVE_OK && !atomic_load(&c->stop)) {
        rows_fill(&block, c->data, atomic_fetch_add(&c->next_row, 1), 1, &rows);
        status = c->peer ? peer_put(c->peer, &rows, &why)
                         : varve_insert(c->collection, &rows, NULL, NULL, &why);
        if (status == VARVE_OK) atomic_fetch_add(&c->rows_done, 1);
    }
    if (status != VARVE_OK) fail(c, &why);
    return NULL;
}

/* Rows a second of this many threads. */
static varve_status run_threads(crowd *c, size_t threads, double *ret, varve_error *err)
{
    pthread_t ids[THREADS_MAX];
    size_t started = 0;
    uint64_t before = atomic_load(&c->rows_done), from = clock_now_ns();
    atomic_store(&c->stop, false);
    while (started < threads && pthread_create(&ids[started], NULL, write_rows, c) == 0)
        started++;
    clock_sleep_ms((uint64_t)(SECONDS * 1000));
    atomic_store(&c->stop, true);
    for (size_t i = 0; i < started; i++)
        pthread_join(ids[i], NULL);
    double seconds = (double)(clock_now_ns() - from) / 1e9;
    if (started < threads) return vv_fail(err, VARVE_NO_MEMORY, "no thread");
    if (atomic_load(&c->failed)) return vv_fail(err, c->err.status, "%s", c->err.message);
    *ret = (double)(atomic_load(&c->rows_done) - before) / seconds;
    return VARVE_OK;
}

static varve_status measure(const bench_options *o, crowd *ours, crowd *theirs, varve_error *err)
{
    static const size_t counts[] = {1, 4, 16, 64};
    double a[ROUNDS_MAX], b[ROUNDS_MAX];
    size_t rounds = VV_MIN(o->rounds, ROUNDS_MAX);
    for (size_t i = 0; i < VV_COUNT(counts); i++) {
        char name[64];
        for (size_t round = 0; round < rounds; round++) {
            VV_TRY(run_threads(ours, counts[i], &a[round], err));
            VV_TRY(run_threads(theirs, counts[i], &b[round], err));
        }
        double rate = median(a, rounds), peer_rate = median(b, rounds);
        snprintf(name, sizeof name, "single.%zu", counts[i]);
        result(name, rate, "rows/s", rate / peer_rate, "plain RocksDB",
               "%zu threads, one durable %zu-d row each at a time; RocksDB: %.0f rows/s; median of "
               "%zu",
               counts[i], ours->data->dim, peer_rate, rounds);
    }
    return VARVE_OK;
}

static varve_status run_both(const bench_options *o, const data *d, varve *db, peer *p,
                             varve_error *err)
{
    varve_collection_spec spec = {.dim = d->dim, .index_mode = "FLAT-IP"};
    crowd ours = {.data = d, .lock = PTHREAD_MUTEX_INITIALIZER};
    crowd theirs = {.data = d, .peer = p, .lock = PTHREAD_MUTEX_INITIALIZER};
    VV_TRY(varve_collection_create(db, "default", "rows", &spec, &ours.collection, err));
    varve_status status = measure(o, &ours, &theirs, err);
    varve_collection_release(ours.collection);
    return status;
}

static varve_status run(const bench_options *o, varve_error *err)
{
    VV_CLEANUP(data_done) data d = {0};
    VV_CLEANUP(work_done) work w = {0};
    VV_CLEANUP(work_done) work peer_work = {0};
    varve *db;
    peer *p;
    VV_TRY(data_init(&d, bench_dim(o, DIM_DEFAULT), o->seed, err));
    VV_TRY(work_new(o, "single", &w, err));
    VV_TRY(work_new(o, "peer", &peer_work, err));
    VV_TRY(peer_open(peer_work.path, &p, err));
    varve_status status = varve_open(w.path, NULL, &db, err);
    if (status == VARVE_OK) {
        status = run_both(o, &d, db, p, err);
        varve_abandon(db);
    }
    varve_status closed = peer_close(p, status == VARVE_OK ? err : NULL);
    return status == VARVE_OK ? closed : status;
}

const scenario scenario_single = {"single", "single durable rows by 1 to 64 threads", run};
