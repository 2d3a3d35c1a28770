/* test_compact_calls.c — the calls of varve.h about compaction, with a compactor inside the test or
 * none at all: waiting, cancelling, limits of time, failures, back-pressure, schedule, erasure. */
#include "compact_fixture.h"

static void without_a_compactor(void **state)
{
    fixture *x = *state;
    varve_compact_report r;
    db_begin(&x->f, "FLAT-L2-SQ8", VARVE_FLOAT32);
    db_ok(&x->f, varve_compact(x->f.c, NULL, &r, &x->f.err)); /* nothing to do */
    assert_int_equal(r.jobs, 0);
    db_put(&x->f, 0, 3000, 1);
    assert_int_equal(varve_compact(x->f.c, NULL, &r, &x->f.err), VARVE_IO);
    assert_non_null(strstr(x->f.err.message, "/nowhere/varve-compactor"));
    assert_int_equal(varve_index_build(x->f.c, "FLAT-IP-SQ8", NULL, false, &x->f.err), VARVE_IO);
    varve_collection_stats s;
    db_ok(&x->f, varve_collection_get_stats(x->f.c, &s, &x->f.err));
    assert_string_equal(s.index_mode, "FLAT-IP-SQ8"); /* the choice stays */
    assert_int_equal(varve_compactor_start(x->f.db, &x->f.err), VARVE_IO);
    db_ok(&x->f, varve_index_build(x->f.c, "FLAT-L2-SQ8", NULL, true, &x->f.err));
    assert_int_equal(varve_index_build(x->f.c, "HNSW", NULL, true, &x->f.err), VARVE_INVALID);
    assert_int_equal(varve_index_build(x->f.c, NULL, NULL, true, &x->f.err), VARVE_INVALID);
    assert_non_null(strstr(stats_of(x).next_reason, "FLAT-L2-SQ8"));
    assert_int_equal(stats_of(x).backlog_rows, 3000);
    assert_int_equal(stats_of(x).backlog_segments, 1);
    assert_int_equal(stats_of(x).pid, 0);
    fake_start(&x->peer, x->f.dir.path); /* one that comes does what was asked for */
    WAIT_FOR(stats_of(x).pid == getpid());
    fake_serve(&x->peer);
    WAIT_FOR(stats_of(x).backlog_rows == 0);
    assert_int_equal(stats_of(x).next_reason[0], 0);
    WAIT_FOR(stats_of(x).jobs_done == 1); /* counted after it is published */
}

static void a_program_that_ends_at_once(void **state)
{
    fixture *x = *state;
    x->f.options.compactor_path = "/bin/false";
    db_begin(&x->f, "FLAT-L2-SQ8", VARVE_FLOAT32);
    db_put(&x->f, 0, 3000, 1);
    assert_int_equal(varve_compact(x->f.c, NULL, NULL, &x->f.err), VARVE_IO);
    assert_non_null(strstr(x->f.err.message, "ended"));
    db_ok(&x->f, varve_compactor_start(x->f.db, &x->f.err));
    WAIT_FOR(stats_of(x).restarts >= 2);
    assert_true(stats_of(x).supervised);
    varve_compactor_stop(x->f.db);
    assert_false(stats_of(x).supervised);
    clock_sleep_ms(20);
    uint64_t restarts = stats_of(x).restarts;
    clock_sleep_ms(600);
    assert_true(stats_of(x).restarts <= restarts + 1);
}

/* ---- jobs as users see them */

static void jobs_are_seen_and_cancelled(void **state)
{
    fixture *x = *state;
    begin(x, "FLAT-L2");
    db_put_segment(&x->f, 0, 1500, 1);
    db_put_segment(&x->f, 1500, 1500, 1);
    db_ok(&x->f, varve_compact(x->f.c, &(varve_compact_options){.no_wait = true}, NULL, &x->f.err));
    fake_take(&x->peer);
    varve_job job = last_job(x);
    assert_string_equal(job.kind, "merge");
    assert_string_equal(job.collection, "c");
    assert_string_equal(job.reason, "asked for: 2 segments of about 1500 rows");
    assert_int_equal(job.state, VARVE_JOB_RUNNING);
    assert_int_equal(job.rows, 3000);
    assert_int_equal(job.segments, 2);
    clock_sleep_ms(5);
    fake_progress(&x->peer, "merge", 1500, 3000);
    WAIT_FOR(last_job(x).share == 0.5);
    assert_string_equal(last_job(x).stage, "merge");
    assert_true(last_job(x).rows_per_s > 0 && last_job(x).eta_ms > 0);
    fake_progress(&x->peer, "merge", 1, UINT64_MAX); /* nonsense: longer than can be counted */
    WAIT_FOR(last_job(x).share < 0.5);
    assert_true(last_job(x).eta_ms >= INT64_MAX);
    fake_progress(&x->peer, "merge", 1500, 3000);
    assert_int_equal(varve_job_cancel(x->f.db, job.id + 1, &x->f.err), VARVE_NOT_FOUND);
    db_ok(&x->f, varve_job_cancel(x->f.db, job.id, &x->f.err));
    assert_int_equal(fake_next(&x->peer), HANDOFF_CANCEL);
    fake_fail(&x->peer, VARVE_CANCELLED, "cancelled");
    WAIT_FOR(last_job(x).state == VARVE_JOB_CANCELLED);
    assert_true(last_job(x).ended_ms >= job.started_ms);
    assert_int_equal(stats_of(x).jobs_cancelled, 1);
    assert_int_equal(varve_job_cancel(x->f.db, job.id, &x->f.err), VARVE_NOT_FOUND);
    assert_int_equal(db_sources(&x->f), 2);
}

static void a_failed_job_fails_the_call(void **state)
{
    fixture *x = *state;
    pthread_t thread;
    void *status;
    begin(x, "FLAT-L2");
    db_put_segment(&x->f, 0, 1500, 1);
    db_put_segment(&x->f, 1500, 1500, 1);
    assert_int_equal(pthread_create(&thread, NULL, compact_in_a_thread, x), 0);
    fake_take(&x->peer);
    fake_fail(&x->peer, VARVE_LIMIT, "too little memory");
    pthread_join(thread, &status);
    assert_int_equal((uintptr_t)status, VARVE_LIMIT);
    assert_string_equal(x->f.err.message, "too little memory");
    varve_job job = last_job(x);
    assert_int_equal(job.state, VARVE_JOB_FAILED);
    assert_string_equal(job.message, "too little memory");
    assert_false(fake_take_within(&x->peer, 100)); /* not again at once, by itself */
    db_assert_counts(&x->f, 3000, 0);
}

static void the_work_goes_on_without_the_caller(void **state)
{
    fixture *x = *state;
    begin(x, "FLAT-L2");
    db_put_segment(&x->f, 0, 1500, 1);
    db_put_segment(&x->f, 1500, 1500, 1);
    fake_ask(&x->peer);
    assert_int_equal(
        varve_compact(x->f.c, &(varve_compact_options){.timeout_ms = 100}, NULL, &x->f.err),
        VARVE_TIMEOUT);
    assert_int_equal(fake_next(&x->peer), HANDOFF_JOB);
    fake_build(&x->peer);
    assert_true(fake_propose(&x->peer));
    WAIT_FOR(db_sources(&x->f) == 1);
    WAIT_FOR(no_requests(x));
}

static void closing_ends_a_job(void **state)
{
    fixture *x = *state;
    begin(x, "FLAT-L2");
    db_put_segment(&x->f, 0, 1500, 1);
    db_put_segment(&x->f, 1500, 1500, 1);
    db_ok(&x->f, varve_compact(x->f.c, &(varve_compact_options){.no_wait = true}, NULL, &x->f.err));
    fake_take(&x->peer);
    uint64_t begun = clock_now_ns();
    db_close(&x->f, true);
    assert_true(clock_now_ns() - begun < UINT64_C(5000000000));
    assert_int_equal(fake_next(&x->peer), HANDOFF_BYE);
    fake_end(&x->peer);
    db_open_again(&x->f);
    db_assert_counts(&x->f, 3000, 0);
    assert_int_equal(db_sources(&x->f), 2);
}

/* ---- back-pressure */

/* With searches going on, from a smaller backlog on. */
static void writers_are_slowed_down_for_readers(void **state)
{
    fixture *x = *state;
    x->f.options.backlog_rows_searched = 2000;
    x->f.options.backlog_delay_ms_max = 40;
    db_begin(&x->f, "FLAT-L2-SQ8", VARVE_FLOAT32);
    db_put_segment(&x->f, 0, 3000, 1);
    fake_start(&x->peer, x->f.dir.path);
    WAIT_FOR(stats_of(x).pid);
    db_put(&x->f, 3000, 10, 1);
    assert_int_equal(stats_of(x).writes_delayed, 0); /* nobody searches */
    db_assert_found(&x->f, 5, 1);
    db_put(&x->f, 3010, 10, 1);
    assert_int_equal(stats_of(x).write_delay_ms, 20);
    fake_serve(&x->peer);
    WAIT_FOR(stats_of(x).backlog_rows == 0);
    db_put(&x->f, 3020, 10, 1);
    assert_int_equal(stats_of(x).writes_delayed, 1);
}

static void writers_are_slowed_down(void **state)
{
    fixture *x = *state;
    x->f.options.backlog_rows_slow = 2000;
    x->f.options.backlog_delay_ms_max = 40;
    db_begin(&x->f, "FLAT-L2-SQ8", VARVE_FLOAT32);
    db_put_segment(&x->f, 0, 3000, 1);
    db_put(&x->f, 3000, 10, 1);
    assert_int_equal(stats_of(x).writes_delayed, 0); /* nobody would catch up */
    fake_start(&x->peer, x->f.dir.path);
    WAIT_FOR(stats_of(x).pid);
    uint64_t begun = clock_now_ns();
    db_put(&x->f, 3010, 10, 1);
    assert_true(clock_now_ns() - begun >= 20000000);
    assert_int_equal(stats_of(x).writes_delayed, 1);
    assert_int_equal(stats_of(x).write_delay_ms, 20); /* half of the most: 1.5 times the limit */
    db_delete(&x->f, 0, 10, 1);                       /* makes room, and is not slowed */
    assert_int_equal(stats_of(x).writes_delayed, 1);
    db_put_segment(&x->f, 4000, 5000, 1);
    assert_int_equal(stats_of(x).writes_delayed, 2);
    db_put(&x->f, 9000, 10, 1);
    assert_int_equal(stats_of(x).write_delay_ms, 20 + 20 + 40);
    fake_serve(&x->peer);
    WAIT_FOR(stats_of(x).backlog_rows == 0);
    db_put(&x->f, 9010, 10, 1);
    assert_int_equal(stats_of(x).writes_delayed, 3);
    db_ok(&x->f, varve_index_mode_set(x->f.c, "FLAT-IP-SQ8", &x->f.err));
    db_ok(&x->f, varve_index_mode_set(x->f.c, "FLAT-IP", &x->f.err));
    assert_int_equal(atomic_load(&x->f.db->backlog_rows), 0);
}

/* ---- schedule */

static void the_schedule_compacts_everything(void **state)
{
    fixture *x = *state;
    varve_collection *other = NULL;
    x->f.options.compact_schedule = "61 * * * *";
    test_dir_make(&x->f.dir);
    assert_int_equal(varve_open(x->f.dir.path, &x->f.options, &x->f.db, &x->f.err), VARVE_INVALID);
    assert_non_null(strstr(x->f.err.message, "minute"));
    test_dir_remove(&x->f.dir);
    x->f.options.compact_schedule = "59 23 31 12 *";
    begin(x, "FLAT-L2");
    db_put_segment(&x->f, 0, 1500, 1);
    db_put_segment(&x->f, 1500, 1500, 1);
    db_delete(&x->f, 0, 100, 1);
    db_ok(&x->f, varve_collection_create(x->f.db, "default", "other", NULL, &other, &x->f.err));
    assert_true(x->f.db->compaction->schedule_next > 0);
    requests_from_schedule(x->f.db->compaction); /* as when its time has come */
    fake_serve(&x->peer);
    WAIT_FOR(db_sources(&x->f) == 1);
    WAIT_FOR(no_requests(x));
    db_assert_counts(&x->f, 2900, 0);
    varve_collection_release(other);
}

/* ---- by itself, after a time without deletes */

static void purges_when_it_is_quiet(void **state)
{
    fixture *x = *state;
    x->f.options.compact_deleted_keep_ms = 400;
    begin(x, "FLAT-L2");
    db_put_segment(&x->f, 0, 1500, 1);
    fake_serve(&x->peer);
    db_delete(&x->f, 0, 1000, 1);
    clock_sleep_ms(100);
    db_restore(&x->f, 0, 100, 1, 100);
    WAIT_FOR(stats_of(x).rows_removed == 900);
    db_assert_counts(&x->f, 600, 0);
    WAIT_FOR(stats_of(x).jobs_done == 1);
    db_restore(&x->f, 0, 1000, 1, 0);
    db_assert_counts(&x->f, 600, 0);
    fake_end(&x->peer);
    db_assert_sound(&x->f);
}

/* ---- nothing is left of what was deleted */

static bool holds(const char *path, const char *bytes)
{
    char *data = NULL;
    size_t len = 0;
    if (file_read(path, 64 << 20, &data, &len, NULL) != VARVE_OK) return false;
    bool found = memmem(data, len, bytes, strlen(bytes)) != NULL;
    free(data);
    return found;
}

static size_t files_with(const char *directory, const char *bytes, const char *but)
{
    file_names names = {0};
    size_t n = 0;
    if (file_list(directory, &names, NULL) != VARVE_OK) {
        bool skipped = but && strstr(directory, but);
        return !skipped && holds(directory, bytes);
    }
    for (size_t i = 0; i < names.count; i++) {
        char path[DB_PATH_MAX];
        snprintf(path, sizeof path, "%s/%s", directory, names.names[i]);
        n += files_with(path, bytes, but);
    }
    file_names_free(&names);
    return n;
}

static void put_marked(fixture *x, bool sealed)
{
    varve_id id = {.kind = VARVE_ID_STR, .text = {"SECRET-IDENTITY-OF-SOMEBODY", 27}};
    varve_text fields = {"{\"note\":\"SECRET-WORDS-OF-SOMEBODY\"}", 35};
    char vector[] = "SECRET-VECTOR-OF-SOMEBODY-000000"; /* 8 finite floats */
    varve_rows rows = {.count = 1, .dim = DB_DIM, .ids = &id, .vectors = vector, .fields = &fields};
    db_ok(&x->f, varve_upsert(x->f.c, &rows, NULL, NULL, &x->f.err));
    db_put(&x->f, 0, 100, 1);
    if (sealed) db_put_segment(&x->f, 100, 1, 1);
    db_ok(&x->f, varve_delete(x->f.c, &id, 1, NULL, NULL, &x->f.err));
}

static void deleted_bytes_are_gone(void **state)
{
    static const char *const secrets[] = {"SECRET-IDENTITY", "SECRET-WORDS", "SECRET-VECTOR"};
    fixture *x = *state;
    for (int sealed = 0; sealed < 2; sealed++) {
        x->peer.fd = -1;
        begin(x, "FLAT-L2");
        put_marked(x, sealed);
        fake_serve(&x->peer);
        for (size_t i = 0; i < VV_COUNT(secrets); i++)
            assert_true(files_with(x->f.dir.path, secrets[i], NULL) > 0);
        varve_compact_report r;
        db_ok(&x->f, varve_compact(x->f.c, NULL, &r, &x->f.err));
        assert_int_equal(r.rows_removed, 1);
        for (size_t i = 0; i < VV_COUNT(secrets); i++)
            assert_int_equal(files_with(x->f.dir.path, secrets[i], "MANIFEST-"), 0);
        fake_end(&x->peer);
        db_reopen(&x->f, true); /* RocksDB's manifest has keys of old files until then */
        for (size_t i = 0; i < VV_COUNT(secrets); i++)
            assert_int_equal(files_with(x->f.dir.path, secrets[i], NULL), 0);
        db_end(&x->f);
    }
    x->peer.fd = -1;
    db_begin(&x->f, NULL, VARVE_FLOAT32);
}

/* ---- every step may fail */

static void every_step_may_fail(void **state)
{
#ifdef VARVE_FAULTS
    static const char *const points[] = {
#define X(name) name,
        COMPACTION_POINTS(X)
#undef X
    };
    fixture *x = *state;
    begin(x, "FLAT-L2");
    fake_serve(&x->peer);
    for (size_t i = 0; i < VV_COUNT(points); i++) {
        uint32_t version = (uint32_t)(2 * i + 1);
        db_put_segment(&x->f, 0, 1500, version);
        db_put_segment(&x->f, 500, 600, version + 1);
        db_delete(&x->f, 0, 10, 1);
        fault_arm(points[i], 1, VV_FAULT_EIO);
        varve_status status = varve_compact(x->f.c, NULL, NULL, &x->f.err);
        bool hit = fault_was_hit();
        fault_disarm();
        if (!hit) fail_msg("%s is never reached", points[i]);
        if (status != VARVE_OK && status != VARVE_IO)
            fail_msg("%s: %s", points[i], x->f.err.message);
        db_ok(&x->f, varve_compact(x->f.c, NULL, NULL, &x->f.err));
        db_assert_counts(&x->f, 1490, 0);
        assert_int_equal(db_sources(&x->f), 1);
        assert_int_equal(db_files(&x->f, ""), 2);
        db_assert_row(&x->f, 600, version + 1);
        db_assert_row(&x->f, 1400, version);
    }
    fake_end(&x->peer);
    db_assert_sound(&x->f);
    db_assert_counts(&x->f, 1490, 0);
#else
    (void)state;
    skip();
#endif
}

/* ---- a reader beside the owner */

static void readers_keep_what_they_opened(void **state)
{
    fixture *x = *state;
    varve *reader = NULL;
    varve_collection *c = NULL;
    uint64_t live = 0;
    begin(x, "FLAT-L2");
    fake_serve(&x->peer);
    db_put_segment(&x->f, 0, 1500, 1);
    db_put_segment(&x->f, 500, 1500, 2);
    varve_options o = x->f.options;
    o.read_only = true;
    db_ok(&x->f, varve_flush(x->f.db, &x->f.err));
    db_ok(&x->f, varve_open(x->f.dir.path, &o, &reader, &x->f.err));
    db_put_segment(&x->f, 2000, 1000, 1);
    db_ok(&x->f, varve_compact(x->f.c, NULL, NULL, &x->f.err)); /* takes the files away */
    db_ok(&x->f, varve_collection_open(reader, "default", "c", &c, &x->f.err));
    db_ok(&x->f, varve_count(c, &live, &x->f.err));
    assert_int_equal(live, 2000);
    db_fixture seen = {.db = reader, .c = c};
    db_assert_found(&seen, 700, 2);
    db_assert_row(&seen, 100, 1);
    assert_int_equal(varve_compact(c, NULL, NULL, &x->f.err), VARVE_READ_ONLY);
    assert_int_equal(varve_index_build(c, "FLAT-L2", NULL, true, &x->f.err), VARVE_READ_ONLY);
    assert_int_equal(varve_compactor_start(reader, &x->f.err), VARVE_READ_ONLY);
    varve_collection_release(c);
    db_ok(&x->f, varve_close(reader, &x->f.err));
}

/* ---- many at once */

typedef struct racer {
    fixture *x;
    uint64_t first, seed;
    uint32_t version;
    varve_row_state states[500];
    uint32_t versions[500];
    atomic_bool *stop;
} racer;

static void race_step(racer *r, random_state *random)
{
    uint64_t i = random_below(random, 500);
    varve_id id = {.kind = VARVE_ID_NUM, .num = r->first + i};
    varve_receipt receipt;
    float vector[DB_DIM];
    varve_rows rows = {.count = 1, .dim = DB_DIM, .ids = &id, .vectors = vector};
    varve_collection *c = r->x->f.c;
    varve_error err;
    switch (random_below(random, 3)) {
    case 0:
        db_vector(id.num, ++r->version, vector);
        if (varve_upsert(c, &rows, NULL, NULL, &err) != VARVE_OK) abort();
        r->states[i] = VARVE_ROW_LIVE;
        r->versions[i] = r->version;
        break;
    case 1:
        if (varve_delete(c, &id, 1, NULL, &receipt, &err) != VARVE_OK) abort();
        if (receipt.rows_changed != (r->states[i] == VARVE_ROW_LIVE)) abort();
        if (r->states[i] == VARVE_ROW_LIVE) r->states[i] = VARVE_ROW_DELETED;
        break;
    default:
        if (varve_restore(c, &id, 1, NULL, &receipt, &err) != VARVE_OK) abort();
        if (receipt.rows_changed) { /* it may have been purged, but then it is for good */
            if (r->states[i] != VARVE_ROW_DELETED) abort();
            r->states[i] = VARVE_ROW_LIVE;
        } else if (r->states[i] == VARVE_ROW_DELETED) {
            r->states[i] = VARVE_ROW_ABSENT;
        }
    }
}

static void *race(void *context)
{
    racer *r = context;
    random_state random;
    random_seed(&random, r->seed);
    while (!atomic_load(r->stop))
        race_step(r, &random);
    return NULL;
}

/* Writers delete, restore and replace while everything is purged and merged over and over. */
static void purges_and_restores_agree(void **state)
{
    fixture *x = *state;
    static racer racers[2];
    pthread_t threads[2];
    atomic_bool stop = false;
    begin(x, "FLAT-L2");
    fake_serve(&x->peer);
    for (size_t i = 0; i < 2; i++) {
        racers[i] = (racer){.x = x, .first = i * 1000, .seed = 11 + i, .stop = &stop};
        assert_int_equal(pthread_create(&threads[i], NULL, race, &racers[i]), 0);
    }
    uint64_t begun = clock_now_ns(), removed = 0;
    for (int rounds = 0; rounds < 10 || clock_now_ns() - begun < UINT64_C(1500000000); rounds++) {
        varve_compact_report r;
        varve_error err = {0};
        if (varve_compact(x->f.c, NULL, &r, &err) != VARVE_OK) fail_msg("%s", err.message);
        removed += r.rows_removed;
    }
    atomic_store(&stop, true);
    for (size_t i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    assert_true(removed > 0);
    fake_end(&x->peer);
    for (int reopened = 0; reopened < 2; reopened++) {
        for (size_t i = 0; i < 2; i++) {
            for (size_t k = 0; k < 500; k++) {
                varve_row_state now = db_state(&x->f, racers[i].first + k);
                bool purged = racers[i].states[k] == VARVE_ROW_DELETED && now == VARVE_ROW_ABSENT;
                if (!purged) assert_int_equal(now, racers[i].states[k]);
                if (now == VARVE_ROW_LIVE)
                    db_assert_row(&x->f, racers[i].first + k, racers[i].versions[k]);
            }
        }
        db_assert_sound(&x->f);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(without_a_compactor, setup, teardown),
        cmocka_unit_test_setup_teardown(a_program_that_ends_at_once, setup, teardown),
        cmocka_unit_test_setup_teardown(jobs_are_seen_and_cancelled, setup, teardown),
        cmocka_unit_test_setup_teardown(a_failed_job_fails_the_call, setup, teardown),
        cmocka_unit_test_setup_teardown(the_work_goes_on_without_the_caller, setup, teardown),
        cmocka_unit_test_setup_teardown(closing_ends_a_job, setup, teardown),
        cmocka_unit_test_setup_teardown(writers_are_slowed_down, setup, teardown),
        cmocka_unit_test_setup_teardown(writers_are_slowed_down_for_readers, setup, teardown),
        cmocka_unit_test_setup_teardown(the_schedule_compacts_everything, setup, teardown),
        cmocka_unit_test_setup_teardown(purges_when_it_is_quiet, setup, teardown),
        cmocka_unit_test_setup_teardown(deleted_bytes_are_gone, setup, teardown),
        cmocka_unit_test_setup_teardown(every_step_may_fail, setup, teardown),
        cmocka_unit_test_setup_teardown(readers_keep_what_they_opened, setup, teardown),
        cmocka_unit_test_setup_teardown(purges_and_restores_agree, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
