/* thread_pool.h — a fixed set of threads and a bounded queue.
 * Threads  pool_submit from any thread; pool_run lends the caller's thread to its own tasks, so it
 * never waits idle and may be called from inside a task. */
#ifndef VARVE_BASE_THREAD_POOL_H
#define VARVE_BASE_THREAD_POOL_H

#include "base/status.h"

typedef struct thread_pool thread_pool;
typedef void pool_task(void *context);
typedef void pool_part(void *context, size_t part);

VV_CHECKED varve_status pool_new(size_t threads, size_t queue_max, const char *name,
                                 thread_pool **ret, varve_error *err);
void pool_free(thread_pool *p); /* runs what is queued, then joins; NULL-safe */
/* false: the queue is full or the pool is ending. */
bool pool_submit(thread_pool *p, pool_task *task, void *context);
/* Run part(context, 0 … parts-1) on the pool and on this thread; back when all are done. p may be
 * NULL: all here. */
void pool_run(thread_pool *p, size_t parts, pool_part *part, void *context);
size_t pool_threads(const thread_pool *p); /* 0 for NULL */
size_t pool_queued(const thread_pool *p);

#endif
