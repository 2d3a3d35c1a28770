/* thread_pool.c — threads that serve two things: jobs (the parts of a pool_run, first, because
 * somebody waits for them) and the queue of submitted tasks.
 *
 * A job lives on the stack of its pool_run. It is in the list while it may have parts to hand out;
 * `workers` counts the threads inside it, and pool_run leaves only when that is 0. Waiting cannot
 * deadlock: each of those threads is inside a part, and a part that calls pool_run itself can do
 * all of its own parts without help. */
#include "base/thread_pool.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define THREADS_MAX 4096
#define NAME_BYTES  16 /* what the kernel keeps, with NUL */

typedef struct pool_job {
    pool_part *part;
    void *context;
    size_t parts;
    _Atomic(size_t) next_part;
    size_t workers; /* under the pool's lock, as the links */
    struct pool_job *prev, *next;
    pthread_cond_t left; /* the last worker went */
} pool_job;

typedef struct queued_task {
    pool_task *run;
    void *context;
} queued_task;

struct thread_pool {
    char name[NAME_BYTES];
    size_t queue_max;
    size_t thread_count;
    pthread_t *threads;
    pthread_mutex_t lock; /* guards what follows; held for a few instructions at a time */
    pthread_cond_t work;  /* a job, a task or the end has come */
    pool_job jobs;        /* head of a ring */
    queued_task *queue;   /* ring of queue_max */
    size_t queue_first, queue_count;
    bool ending;
};

static void do_parts(pool_job *job)
{
    size_t part;
    while ((part = atomic_fetch_add(&job->next_part, 1)) < job->parts)
        job->part(job->context, part);
}

static void unlink_job(pool_job *job)
{
    job->prev->next = job->next;
    job->next->prev = job->prev;
}

static void link_job_last(thread_pool *p, pool_job *job)
{
    job->prev = p->jobs.prev;
    job->next = &p->jobs;
    p->jobs.prev->next = job;
    p->jobs.prev = job;
}

/* The job that has waited longest for a hand; it goes to the end, so that the next thread helps
 * another one. */
static pool_job *pick_job_locked(thread_pool *p)
{
    for (pool_job *job = p->jobs.next; job != &p->jobs; job = job->next) {
        if (atomic_load(&job->next_part) >= job->parts) continue;
        unlink_job(job);
        link_job_last(p, job);
        return job;
    }
    return NULL;
}

static void help_locked(thread_pool *p, pool_job *job)
{
    job->workers++;
    pthread_mutex_unlock(&p->lock);
    do_parts(job);
    pthread_mutex_lock(&p->lock);
    if (--job->workers == 0) pthread_cond_signal(&job->left);
}

static void run_task_locked(thread_pool *p)
{
    queued_task task = p->queue[p->queue_first];
    p->queue_first = (p->queue_first + 1) % p->queue_max;
    p->queue_count--;
    pthread_mutex_unlock(&p->lock);
    task.run(task.context);
    pthread_mutex_lock(&p->lock);
}

static void *work(void *pool)
{
    thread_pool *p = pool;
    (void)pthread_setname_np(pthread_self(), p->name);
    pthread_mutex_lock(&p->lock);
    for (;;) {
        pool_job *job = pick_job_locked(p);
        if (job)
            help_locked(p, job);
        else if (p->queue_count)
            run_task_locked(p);
        else if (p->ending)
            break;
        else
            pthread_cond_wait(&p->work, &p->lock);
    }
    pthread_mutex_unlock(&p->lock);
    return NULL;
}

static thread_pool *pool_alloc(size_t threads, size_t queue_max, const char *name)
{
    thread_pool *p = calloc(1, sizeof *p);
    if (!p) return NULL;
    p->queue_max = queue_max;
    p->threads = calloc(threads, sizeof *p->threads);
    p->queue = calloc(queue_max, sizeof *p->queue);
    pthread_mutex_init(&p->lock, NULL);
    pthread_cond_init(&p->work, NULL);
    p->jobs.prev = p->jobs.next = &p->jobs;
    (void)snprintf(p->name, sizeof p->name, "%.15s", name);
    if (p->threads && p->queue) return p;
    pool_free(p);
    return NULL;
}

static void pool_freep(thread_pool **p) { pool_free(*p); }

varve_status pool_new(size_t threads, size_t queue_max, const char *name, thread_pool **ret,
                      varve_error *err)
{
    sigset_t all, before;
    if (threads == 0 || threads > THREADS_MAX || queue_max == 0)
        return vv_fail(err, VARVE_INVALID, "a pool needs 1 to %d threads and a queue", THREADS_MAX);
    VV_CLEANUP(pool_freep) thread_pool *p = pool_alloc(threads, queue_max, name);
    if (!p) return vv_fail(err, VARVE_NO_MEMORY, "no memory for a thread pool");
    /* Signals are for the threads of the program, not for these. */
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int error = 0;
    while (error == 0 && p->thread_count < threads) {
        error = pthread_create(&p->threads[p->thread_count], NULL, work, p);
        if (error == 0) p->thread_count++;
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (error) return vv_fail(err, VARVE_NO_MEMORY, "cannot start a thread: %s", strerror(error));
    *ret = p;
    p = NULL;
    return VARVE_OK;
}

void pool_free(thread_pool *p)
{
    if (!p) return;
    pthread_mutex_lock(&p->lock);
    p->ending = true;
    pthread_cond_broadcast(&p->work);
    pthread_mutex_unlock(&p->lock);
    for (size_t i = 0; i < p->thread_count; i++)
        pthread_join(p->threads[i], NULL);
    pthread_cond_destroy(&p->work);
    pthread_mutex_destroy(&p->lock);
    free(p->threads);
    free(p->queue);
    free(p);
}

bool pool_submit(thread_pool *p, pool_task *task, void *context)
{
    pthread_mutex_lock(&p->lock);
    bool taken = !p->ending && p->queue_count < p->queue_max;
    if (taken) {
        size_t at = (p->queue_first + p->queue_count) % p->queue_max;
        p->queue[at] = (queued_task){task, context};
        p->queue_count++;
        pthread_cond_signal(&p->work);
    }
    pthread_mutex_unlock(&p->lock);
    return taken;
}

static void run_shared(thread_pool *p, pool_job *job)
{
    pthread_cond_init(&job->left, NULL);
    pthread_mutex_lock(&p->lock);
    link_job_last(p, job);
    if (job->parts > 2)
        pthread_cond_broadcast(&p->work);
    else
        pthread_cond_signal(&p->work);
    pthread_mutex_unlock(&p->lock);
    do_parts(job);
    pthread_mutex_lock(&p->lock);
    unlink_job(job);
    while (job->workers)
        pthread_cond_wait(&job->left, &p->lock);
    pthread_mutex_unlock(&p->lock);
    pthread_cond_destroy(&job->left);
}

void pool_run(thread_pool *p, size_t parts, pool_part *part, void *context)
{
    if (!p || parts <= 1) {
        for (size_t i = 0; i < parts; i++)
            part(context, i);
        return;
    }
    pool_job job = {.part = part, .context = context, .parts = parts};
    run_shared(p, &job);
}

size_t pool_threads(const thread_pool *p) { return p ? p->thread_count : 0; }

size_t pool_queued(const thread_pool *p)
{
    thread_pool *locked = (thread_pool *)p; /* the lock is not part of what const promises */
    if (!p) return 0;
    pthread_mutex_lock(&locked->lock);
    size_t count = p->queue_count;
    pthread_mutex_unlock(&locked->lock);
    return count;
}
