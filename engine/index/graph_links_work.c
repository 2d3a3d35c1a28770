/* graph_links_work.c — waves of parts; see graph_links_work.h. */
#include "index/graph_links_work.h"

#include <pthread.h>

enum { WAVE_PARTS = 8 }; /* of each thread */

typedef struct wave {
    graph_part *part;
    void *context;
    size_t first;
    pthread_mutex_t lock; /* guards what is below */
    size_t failed;        /* the lowest part that failed, or SIZE_MAX */
    varve_status status;
    varve_error error;
} wave;

static void run_part(void *context, size_t i)
{
    wave *v = context;
    varve_error error = {0};
    size_t part = v->first + i;
    varve_status status = v->part(v->context, part, &error);
    if (status == VARVE_OK) return;
    pthread_mutex_lock(&v->lock);
    if (part < v->failed) {
        v->failed = part;
        v->status = status;
        v->error = error;
    }
    pthread_mutex_unlock(&v->lock);
}

varve_status graph_work_step(graph_work *w, uint64_t units, varve_error *err)
{
    w->done += units;
    return index_step(w->c, "graph", w->done, w->total, 0, err);
}

varve_status graph_work_run(graph_work *w, size_t n, uint64_t units, graph_part *part,
                            void *context, varve_error *err)
{
    wave v = {.part = part, .context = context, .failed = SIZE_MAX};
    size_t most = WAVE_PARTS * (pool_threads(w->c->pool) + 1);
    uint64_t told = 0;
    varve_status status = VARVE_OK;
    pthread_mutex_init(&v.lock, NULL);
    for (v.first = 0; v.first < n && status == VARVE_OK;) {
        size_t parts = VV_MIN(most, n - v.first);
        pool_run(w->c->pool, parts, run_part, &v);
        if (v.failed != SIZE_MAX) {
            vv_error_set(err, v.status, "%s", v.error.message);
            status = v.status;
            break;
        }
        v.first += parts;
        uint64_t now = (uint64_t)((double)units * (double)v.first / (double)n);
        status = graph_work_step(w, now - told, err);
        told = now;
    }
    pthread_mutex_destroy(&v.lock);
    return status;
}
