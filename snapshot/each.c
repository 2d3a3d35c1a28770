/* each.c — see each.h. */
#include "each.h"

#include <pthread.h>
#include <stdatomic.h>

#define THREADS_MAX 64

typedef struct each_state {
    size_t count;
    each_task task;
    void *arg;
    atomic_size_t next;
    atomic_bool failed;
    pthread_mutex_t lock; /* guards status and err */
    varve_status status;
    varve_error err;
} each_state;

static void note(each_state *s, varve_status status, const varve_error *err)
{
    (void)pthread_mutex_lock(&s->lock);
    if (s->status == VARVE_OK) {
        s->status = status;
        s->err = *err;
    }
    (void)pthread_mutex_unlock(&s->lock);
    atomic_store(&s->failed, true);
}

static void run(void *context, size_t part)
{
    each_state *s = context;
    (void)part;
    while (!atomic_load(&s->failed)) {
        varve_error err = {0};
        size_t i = atomic_fetch_add(&s->next, 1);
        if (i >= s->count) return;
        varve_status status = s->task(s->arg, i, &err);
        if (status != VARVE_OK) note(s, status, &err);
    }
}

static void pool_freep(thread_pool **p) { pool_free(*p); }

varve_status each_run(size_t threads, size_t count, each_task task, void *arg, varve_error *err)
{
    VV_CLEANUP(pool_freep) thread_pool *pool = NULL;
    each_state s = {.count = count, .task = task, .arg = arg, .lock = PTHREAD_MUTEX_INITIALIZER};
    threads = VV_MIN(VV_MIN(threads, count), (size_t)THREADS_MAX);
    if (threads > 1) VV_TRY(pool_new(threads - 1, threads, "files", &pool, err));
    pool_run(pool, VV_MAX(threads, (size_t)1), run, &s);
    if (s.status != VARVE_OK && err) *err = s.err;
    return s.status;
}
