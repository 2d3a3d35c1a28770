/* compact_fixture.h — a folder, and a compactor inside the test (fake_compactor.h) that comes when
 * it is told to. */
#ifndef VARVE_TESTS_COMPACT_FIXTURE_H
#define VARVE_TESTS_COMPACT_FIXTURE_H

#include "db_fixture.h"
#include "fake_compactor.h"

#include "base/clock.h"
#include "db/compaction_inner.h"

#include <signal.h>

typedef struct fixture {
    db_fixture f;
    fake_compactor peer;
} fixture;

static inline int setup(void **state)
{
    fixture *x = calloc(1, sizeof *x);
    db_options(&x->f);
    x->f.options.seal_rows_min = 1 << 20;
    x->f.options.compact_fanout = 60;
    x->f.options.compactor_path = "/nowhere/varve-compactor";
    x->peer.fd = -1;
    *state = x;
    return 0;
}

static inline int teardown(void **state)
{
    fixture *x = *state;
    fake_end(&x->peer);
    db_end(&x->f);
    free(x);
    return 0;
}

static inline void begin(fixture *x, const char *mode)
{
    db_begin(&x->f, mode, VARVE_FLOAT32);
    fake_start(&x->peer, x->f.dir.path);
}

static inline varve_job last_job(fixture *x)
{
    varve_job_list *jobs = NULL;
    db_ok(&x->f, varve_jobs(x->f.db, &jobs, &x->f.err));
    assert_true(varve_jobs_count(jobs) > 0);
    varve_job job = *varve_jobs_get(jobs, 0);
    varve_jobs_free(jobs);
    return job;
}

static inline varve_compaction_stats stats_of(fixture *x)
{
    varve_compaction_stats s;
    varve_compaction_get_stats(x->f.db, &s);
    return s;
}

static inline bool no_requests(fixture *x)
{
    pthread_mutex_lock(&x->f.db->compaction->lock);
    bool none = x->f.db->compaction->requests == NULL;
    pthread_mutex_unlock(&x->f.db->compaction->lock);
    return none;
}

/* For pthread_create: context is the fixture, what it ends with the status. */
static inline void *compact_in_a_thread(void *context)
{
    fixture *x = context;
    varve_error *err = &x->f.err;
    return (void *)(uintptr_t)varve_compact(x->f.c, NULL, NULL, err);
}

#define WAIT_FOR(condition)                                                                        \
    do {                                                                                           \
        for (int tries = 0; !(condition) && tries < 2000; tries++)                                 \
            clock_sleep_ms(5);                                                                     \
        assert_true(condition);                                                                    \
    } while (0)

#endif
