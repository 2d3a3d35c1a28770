/* index_loader.c — a thread that brings indexes into memory, as far as index_memory_max goes. Until
 * an index is there, searches use its file. */
#include "db/compaction.h"

#include <stdlib.h>
#include <unistd.h>

struct index_loader {
    pthread_t thread;
    pthread_mutex_t lock; /* guards: */
    pthread_cond_t wake;
    bool wanted, stop;
};

static uint64_t memory_max(const varve_options *o)
{
    if (o->index_memory_max) return o->index_memory_max;
    long pages = sysconf(_SC_PHYS_PAGES), bytes = sysconf(_SC_PAGESIZE);
    return pages > 0 && bytes > 0 ? (uint64_t)pages * (uint64_t)bytes / 2 : UINT64_MAX;
}

static bool stopping(struct index_loader *l)
{
    pthread_mutex_lock(&l->lock);
    bool stop = l->stop;
    pthread_mutex_unlock(&l->lock);
    return stop;
}

static uint64_t loaded_bytes(const view *v)
{
    uint64_t bytes = 0;
    for (size_t i = 0; i < v->source_count; i++) {
        if (v->sources[i].index) bytes += index_memory_bytes(v->sources[i].index);
    }
    return bytes;
}

/* One that does not fit, or cannot be loaded now, is left to its file. */
static void load_view(varve *db, const view *v, uint64_t most, uint64_t *used)
{
    for (size_t i = 0; i < v->source_count && !stopping(db->loader); i++) {
        vector_index *x = v->sources[i].index;
        varve_error ignored;
        if (!x || index_memory_bytes(x) > 0) continue;
        uint64_t bytes = index_load_bytes(x);
        if (bytes == 0 || bytes > most || *used > most - bytes) continue;
        if (index_load(x, &ignored) == VARVE_OK) *used += index_memory_bytes(x);
    }
}

static void load_all(varve *db)
{
    varve_collection **all = NULL;
    size_t count = 0;
    uint64_t used = 0, most = memory_max(&db->options);
    if (catalog_all(db, &all, &count, NULL) != VARVE_OK) return;
    for (int pass = 0; pass < 2; pass++) { /* what is there first, then more */
        for (size_t i = 0; i < count; i++) {
            if (!atomic_load(&all[i]->loaded) || atomic_load(&all[i]->dropped)) continue;
            view *v = collection_view(all[i]);
            if (pass == 0) used += loaded_bytes(v);
            if (pass == 1) load_view(db, v, most, &used);
            view_unref(v);
        }
    }
    for (size_t i = 0; i < count; i++)
        varve_collection_release(all[i]);
    free(all);
}

static void *run(void *context)
{
    varve *db = context;
    struct index_loader *l = db->loader;
    for (;;) {
        pthread_mutex_lock(&l->lock);
        while (!l->wanted && !l->stop)
            pthread_cond_wait(&l->wake, &l->lock);
        bool stop = l->stop;
        l->wanted = false;
        pthread_mutex_unlock(&l->lock);
        if (stop) return NULL;
        load_all(db);
    }
}

void index_loader_wake(varve *db)
{
    struct index_loader *l = db->loader;
    if (!l) return;
    pthread_mutex_lock(&l->lock);
    l->wanted = true;
    pthread_cond_signal(&l->wake);
    pthread_mutex_unlock(&l->lock);
}

varve_status index_loader_start(varve *db, varve_error *err)
{
    struct index_loader *l = calloc(1, sizeof *l);
    if (!l) return vv_fail(err, VARVE_NO_MEMORY, "no memory for a thread");
    pthread_mutex_init(&l->lock, NULL);
    pthread_cond_init(&l->wake, NULL);
    db->loader = l;
    if (pthread_create(&l->thread, NULL, run, db) == 0) return VARVE_OK;
    pthread_mutex_destroy(&l->lock);
    pthread_cond_destroy(&l->wake);
    free(l);
    db->loader = NULL;
    return vv_fail(err, VARVE_NO_MEMORY, "cannot start a thread");
}

void index_loader_stop(varve *db)
{
    struct index_loader *l = db->loader;
    if (!l) return;
    pthread_mutex_lock(&l->lock);
    l->stop = true;
    pthread_cond_signal(&l->wake);
    pthread_mutex_unlock(&l->lock);
    pthread_join(l->thread, NULL);
}

void index_loader_free(varve *db)
{
    struct index_loader *l = db->loader;
    if (!l) return;
    pthread_mutex_destroy(&l->lock);
    pthread_cond_destroy(&l->wake);
    free(l);
    db->loader = NULL;
}
