/* leg_tasks.c — see leg_tasks.h. */
#include "query/leg_tasks.h"

#include "base/bytes.h"

#include <stdlib.h>

typedef struct failure { /* of a thread: the first, as it takes tasks in ascending order */
    size_t task;
    varve_status status;
    varve_error error;
} failure;

typedef struct crew {
    leg_task *run;
    void *context;
    size_t count;
    _Atomic(size_t) next;
    _Atomic(bool) stop; /* a task has failed: no others are begun */
    failure *failures;  /* of each thread */
} crew;

size_t leg_threads(const query_input *in, uint64_t bytes)
{
    size_t threads = pool_threads(in->pool) + 1;
    uint64_t most = in->limits->search_threads;
    if (bytes < in->limits->parallel_bytes_min) return 1;
    return most > 0 ? (size_t)VV_MIN((uint64_t)threads, most) : threads;
}

uint64_t leg_bytes(uint64_t rows, uint64_t each)
{
    size_t bytes;
    return size_mul((size_t)rows, (size_t)each, &bytes) ? bytes : UINT64_MAX;
}

static void crew_main(void *context, size_t thread)
{
    crew *c = context;
    failure *f = &c->failures[thread];
    while (!atomic_load(&c->stop) && (f->task = atomic_fetch_add(&c->next, 1)) < c->count) {
        f->status = c->run(c->context, f->task, thread, &f->error);
        if (f->status == VARVE_OK) continue;
        atomic_store(&c->stop, true);
        return;
    }
}

static varve_status first_failure(const crew *c, size_t threads, varve_error *err)
{
    const failure *first = NULL;
    for (size_t i = 0; i < threads; i++) {
        const failure *f = &c->failures[i];
        if (f->status != VARVE_OK && (!first || f->task < first->task)) first = f;
    }
    if (first && err) *err = first->error;
    return first ? first->status : VARVE_OK;
}

varve_status leg_tasks_run(const query_input *in, size_t threads, size_t count, leg_task *run,
                           void *context, varve_error *err)
{
    if (threads <= 1 || count <= 1) {
        for (size_t i = 0; i < count; i++)
            VV_TRY(run(context, i, 0, err));
        return VARVE_OK;
    }
    threads = VV_MIN(threads, count);
    VV_CLEANUP(vv_freep) failure *failures = calloc(threads, sizeof *failures);
    if (!failures) return vv_fail(err, VARVE_NO_MEMORY, "no memory for a search");
    crew c = {.run = run, .context = context, .count = count, .failures = failures};
    pool_run(in->pool, threads, crew_main, &c);
    return first_failure(&c, threads, err);
}
