/* test_compact_lost.c — compactors that hang, die or never come: jobs are given up, what was asked
 * for is done by the next one, and writers wait for none of them in vain. */
#include "compact_fixture.h"

/* ---- it hangs, or is told to end */

static size_t desks(fixture *x)
{
    char path[DB_PATH_MAX];
    file_names names = {0};
    snprintf(path, sizeof path, "%s/work", x->f.dir.path);
    db_ok(&x->f, file_list(path, &names, &x->f.err));
    size_t count = names.count;
    file_names_free(&names);
    return count;
}

/* Connected all the time, but it hangs. */
static void a_silent_compactor_is_given_up(void **state)
{
    fixture *x = *state;
    begin(x, "FLAT-L2");
    atomic_store(&x->f.db->compaction->silence_ms, 1000);
    db_put_segment(&x->f, 0, 1500, 1);
    db_put_segment(&x->f, 1500, 1500, 1);
    assert_int_equal(fake_next(&x->peer), 0); /* it ought to ask for a job */
    fake_end(&x->peer);
    fake_start(&x->peer, x->f.dir.path);
    fake_ask(&x->peer);
    clock_sleep_ms(2500); /* it waits for work, not we for it */
    db_ok(&x->f, varve_compact(x->f.c, &(varve_compact_options){.no_wait = true}, NULL, &x->f.err));
    assert_int_equal(fake_next(&x->peer), HANDOFF_JOB);
    for (uint64_t i = 0; i < 20; i++) {
        fake_progress(&x->peer, "merge", i, 3000);
        clock_sleep_ms(100);
    }
    assert_int_equal(last_job(x).state, VARVE_JOB_RUNNING);
    assert_int_equal(desks(x), 1);
    assert_int_equal(fake_next(&x->peer), 0);
    WAIT_FOR(last_job(x).state == VARVE_JOB_FAILED);
    assert_non_null(strstr(last_job(x).message, "said nothing for more than 1000 ms"));
    assert_int_equal(desks(x), 0);
    assert_int_equal(stats_of(x).pid, 0);
    fake_end(&x->peer);
    fake_start(&x->peer, x->f.dir.path); /* what was asked for is still to be done */
    fake_serve(&x->peer);
    WAIT_FOR(no_requests(x));
    assert_int_equal(db_sources(&x->f), 1);
    db_assert_counts(&x->f, 3000, 0);
}

/* A compactor that is told to end, as when its service is restarted, says so; the next one goes on.
 */
static void a_compactor_that_is_told_to_end(void **state)
{
    fixture *x = *state;
    pthread_t thread;
    void *status;
    begin(x, "FLAT-L2");
    db_put_segment(&x->f, 0, 1500, 1);
    db_put_segment(&x->f, 1500, 1500, 1);
    assert_int_equal(pthread_create(&thread, NULL, compact_in_a_thread, x), 0);
    fake_take(&x->peer);
    fake_fail(&x->peer, VARVE_CANCELLED, "the compactor was told to end");
    fake_end(&x->peer);
    fake_start(&x->peer, x->f.dir.path);
    fake_take(&x->peer);
    fake_build(&x->peer);
    assert_true(fake_propose(&x->peer));
    pthread_join(thread, &status);
    assert_int_equal((uintptr_t)status, VARVE_OK);
    assert_int_equal(stats_of(x).jobs_failed, 1);
    assert_int_equal(stats_of(x).jobs_cancelled, 0);
}

/* ---- one of our own */

/* Compactors that died before are no reason to fail a call when there is one again. */
static void one_that_came_back_is_used(void **state)
{
    fixture *x = *state;
    x->f.options.compactor_path = COMPACTOR_PATH;
    db_begin(&x->f, "FLAT-L2", VARVE_FLOAT32);
    db_put_segment(&x->f, 0, 1500, 1);
    db_put_segment(&x->f, 1500, 1500, 1);
    db_ok(&x->f, varve_compactor_start(x->f.db, &x->f.err));
    for (uint64_t i = 0; i < 4; i++) {
        WAIT_FOR(stats_of(x).restarts == i && stats_of(x).pid > 0);
        if (i < 3) assert_int_equal(kill(stats_of(x).pid, SIGKILL), 0);
    }
    varve_compact_report r;
    db_ok(&x->f, varve_compact(x->f.c, NULL, &r, &x->f.err));
    assert_int_equal(r.jobs, 1);
    assert_int_equal(db_sources(&x->f), 1);
}

/* Writers are not slowed down for a compactor that cannot be started, or never lives long. */
static void writers_do_not_wait_in_vain(void **state)
{
    fixture *x = *state;
    x->f.options.compactor_path = "/bin/false";
    x->f.options.backlog_rows_slow = 2000;
    x->f.options.backlog_delay_ms_max = 40;
    db_begin(&x->f, "FLAT-L2-SQ8", VARVE_FLOAT32);
    db_put_segment(&x->f, 0, 3000, 1);
    db_ok(&x->f, varve_compactor_start(x->f.db, &x->f.err));
    WAIT_FOR(stats_of(x).restarts >= 3);
    uint64_t delayed = stats_of(x).writes_delayed;
    db_put(&x->f, 3000, 10, 1);
    assert_int_equal(stats_of(x).writes_delayed, delayed);
    fake_start(&x->peer, x->f.dir.path); /* this one may catch up */
    WAIT_FOR(stats_of(x).pid == getpid());
    db_put(&x->f, 3010, 10, 1);
    assert_int_equal(stats_of(x).writes_delayed, delayed + 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_silent_compactor_is_given_up, setup, teardown),
        cmocka_unit_test_setup_teardown(a_compactor_that_is_told_to_end, setup, teardown),
        cmocka_unit_test_setup_teardown(one_that_came_back_is_used, setup, teardown),
        cmocka_unit_test_setup_teardown(writers_do_not_wait_in_vain, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
