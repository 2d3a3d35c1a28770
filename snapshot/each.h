/* each.h — the same work for many things on a pool of threads, up to the first failure.
 * Ownership  none.   Threads  the task runs on several at once; the caller's is one of them.
 * Errors     the first failure of a task; no task begins after it. */
#ifndef VARVE_SNAPSHOT_EACH_H
#define VARVE_SNAPSHOT_EACH_H

#include "base/thread_pool.h"

typedef varve_status (*each_task)(void *arg, size_t i, varve_error *err);
/* task(arg, 0 … count-1) on up to `threads` threads, in rising order of begin; 0 or 1: all here. */
VV_CHECKED varve_status each_run(size_t threads, size_t count, each_task task, void *arg,
                                 varve_error *err);

#endif
