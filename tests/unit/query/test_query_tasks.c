/* test_query_tasks.c — tasks on several threads: each is run once, and the error is that of the
 * first that fails, whichever fails sooner. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "query/leg_tasks.h"

#define TASKS   100
#define THREADS 4

typedef struct work {
    _Atomic(int) runs[TASKS];
    _Atomic(bool) thread_busy[THREADS];
    size_t first_bad, second_bad; /* the second fails first */
    _Atomic(bool) second_failed;
} work;

static varve_status run(void *context, size_t task, size_t thread, varve_error *err)
{
    work *w = context;
    assert_true(thread < THREADS && !atomic_exchange(&w->thread_busy[thread], true));
    atomic_fetch_add(&w->runs[task], 1);
    while (task == w->first_bad && w->second_bad < TASKS && !atomic_load(&w->second_failed))
        ;
    if (task == w->second_bad) atomic_store(&w->second_failed, true);
    atomic_store(&w->thread_busy[thread], false);
    if (task != w->first_bad && task != w->second_bad) return VARVE_OK;
    return vv_fail(err, task == w->first_bad ? VARVE_NOT_FOUND : VARVE_INVALID, "task %zu", task);
}

static void the_first_failure_counts(void **state)
{
    varve_options limits = {.search_threads = 0};
    query_input in = {.limits = &limits};
    (void)state;
    assert_int_equal(pool_new(THREADS - 1, 4, "test", &in.pool, NULL), VARVE_OK);
    for (size_t round = 0; round < 20; round++) {
        varve_error err = {0};
        work fine = {.first_bad = TASKS, .second_bad = TASKS};
        assert_int_equal(leg_tasks_run(&in, THREADS, TASKS, run, &fine, &err), VARVE_OK);
        for (size_t i = 0; i < TASKS; i++)
            assert_int_equal(fine.runs[i], 1);
        work bad = {.first_bad = round, .second_bad = round + 1};
        assert_int_equal(leg_tasks_run(&in, THREADS, TASKS, run, &bad, &err), VARVE_NOT_FOUND);
        assert_int_equal(err.status, VARVE_NOT_FOUND);
        for (size_t i = 0; i <= round; i++)
            assert_int_equal(bad.runs[i], 1);
        work alone = {.first_bad = round, .second_bad = TASKS};
        assert_int_equal(leg_tasks_run(&in, 1, TASKS, run, &alone, &err), VARVE_NOT_FOUND);
        for (size_t i = 0; i < TASKS; i++)
            assert_int_equal(alone.runs[i], i <= round);
    }
    pool_free(in.pool);
}

static void little_work_stays_on_its_thread(void **state)
{
    varve_options limits = {.search_threads = 0, .parallel_bytes_min = 1000};
    query_input in = {.limits = &limits};
    (void)state;
    assert_int_equal(leg_threads(&in, UINT64_MAX), 1);
    assert_int_equal(pool_new(THREADS - 1, 4, "test", &in.pool, NULL), VARVE_OK);
    assert_int_equal(leg_threads(&in, 999), 1);
    assert_int_equal(leg_threads(&in, 1000), THREADS);
    limits.search_threads = 2;
    assert_int_equal(leg_threads(&in, 1000), 2);
    assert_true(leg_bytes(UINT64_MAX / 2, 3) == UINT64_MAX && leg_bytes(7, 3) == 21);
    pool_free(in.pool);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(the_first_failure_counts),
                                       cmocka_unit_test(little_work_stays_on_its_thread)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
