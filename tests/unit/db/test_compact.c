/* test_compact.c — compaction through varve.h, with the real compactor as a child. */
#include "db_fixture.h"

#include "base/clock.h"
#include "db/compaction_inner.h"

#include <signal.h>

static int setup(void **state)
{
    db_fixture *f = calloc(1, sizeof *f);
    db_options(f);
    f->options.compactor_path = COMPACTOR_PATH;
    f->options.seal_rows_min = 1 << 20; /* only what a test seals */
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    db_end(*state);
    free(*state);
    return 0;
}

static void compacts(void **state)
{
    db_fixture *f = *state;
    varve_compact_report r;
    db_begin(f, "FLAT-L2", VARVE_FLOAT32);
    db_put_segment(f, 0, 3000, 1);
    db_put_segment(f, 2000, 2000, 2); /* 1000 superseded */
    db_put_segment(f, 4000, 1500, 1);
    db_delete(f, 0, 100, 5);
    db_put(f, 5500, 100, 1); /* in memory */
    db_assert_counts(f, 5500, 100);
    assert_int_equal(db_sources(f), 4);
    db_ok(f, varve_compact(f->c, NULL, &r, &f->err));
    assert_int_equal(r.rows_removed, 100);
    assert_int_equal(r.versions_removed, 1100);
    assert_int_equal(r.segments_before, 3);
    assert_int_equal(r.segments_after, 1);
    assert_true(r.bytes_before > 0 && r.bytes_after > 0);
    assert_int_equal(r.jobs, 1);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(db_sources(f), 1);
        assert_true(db_source_has_index(f, 0, INDEX_KIND_FRESH));
        db_assert_counts(f, 5500, 0);
        assert_int_equal(db_files(f, ""), 2);
        assert_int_equal(db_state(f, 5), VARVE_ROW_ABSENT);
        db_assert_row(f, 1, 1);
        db_assert_row(f, 2500, 2);
        db_assert_found(f, 5599, 1);
        db_assert_found(f, 2000, 2);
        db_reopen(f, i == 0);
    }
    db_assert_sound(f);
    db_restore(f, 0, 100, 5, 0);
    db_ok(f, varve_compact(f->c, NULL, &r, &f->err));
    assert_int_equal(r.jobs, 0);
    assert_int_equal(r.rows_removed, 0);
}

static void builds_an_index(void **state)
{
    db_fixture *f = *state;
    varve_collection_stats s;
    varve_compaction_stats cs;
    db_begin(f, "FLAT-L2", VARVE_FLOAT32);
    db_put_segment(f, 0, 3000, 1);
    db_put_segment(f, 3000, 1500, 1); /* below index_rows_min */
    db_put(f, 4500, 2500, 1);
    db_ok(f, varve_index_build(f->c, "FLAT-L2-SQ8", NULL, false, &f->err));
    for (int i = 0; i < 2; i++) {
        assert_int_equal(db_sources(f), 3);
        assert_true(db_source_has_index(f, 0, INDEX_KIND_FULL));
        assert_true(db_source_has_index(f, 1, INDEX_KIND_FRESH));
        assert_true(db_source_has_index(f, 2, INDEX_KIND_FULL));
        assert_int_equal(db_files(f, ".idx"), 3);
        db_ok(f, varve_collection_get_stats(f->c, &s, &f->err));
        assert_int_equal(s.rows_indexed, 5500);
        db_assert_found(f, 4499, 1);
        db_reopen(f, i == 0);
    }
    db_assert_sound(f);
    varve_compaction_get_stats(f->db, &cs);
    assert_int_equal(cs.backlog_rows, 0);
    assert_true(cs.index_bytes > 0);
}

/* A compactor of our own that is killed comes back, and what it left is done. */
static void comes_back_when_killed(void **state)
{
    db_fixture *f = *state;
    varve_compaction_stats s = {0};
    f->options.compact_fanout = 2;
    db_begin(f, "FLAT-L2-SQ8", VARVE_FLOAT32);
    db_ok(f, varve_compactor_start(f->db, &f->err));
    for (int i = 0; i < 4; i++) {
        uint64_t restarts = s.restarts;
        db_put_segment(f, 3000 * (uint64_t)i, 3000, 1);
        varve_compaction_get_stats(f->db, &s);
        for (int tries = 0; tries < 2000 && (s.pid == 0 || s.backlog_rows || s.next_reason[0]);
             tries++) {
            clock_sleep_ms(5);
            varve_compaction_get_stats(f->db, &s);
        }
        assert_true(s.supervised && s.pid > 0);
        assert_int_equal(s.backlog_rows, 0);
        assert_int_equal(db_sources(f), 1);
        assert_int_equal(kill(s.pid, SIGKILL), 0);
        for (int tries = 0; tries < 2000 && (s.restarts == restarts || s.pid == 0); tries++) {
            clock_sleep_ms(5);
            varve_compaction_get_stats(f->db, &s);
        }
        assert_int_equal(s.restarts, restarts + 1);
    }
    db_assert_counts(f, 12000, 0);
    db_assert_found(f, 7777, 1);
    varve_compactor_stop(f->db);
    for (int tries = 0; tries < 1000 && s.pid; tries++) {
        clock_sleep_ms(5);
        varve_compaction_get_stats(f->db, &s);
    }
    assert_int_equal(s.pid, 0);
    db_assert_sound(f);
}

#define WAIT_FOR_STATS(condition)                                                                  \
    do {                                                                                           \
        for (int tries = 0; !(condition) && tries < 4000; tries++) {                               \
            clock_sleep_ms(5);                                                                     \
            varve_compaction_get_stats(f->db, &s);                                                 \
        }                                                                                          \
        assert_true(condition);                                                                    \
    } while (0)

/* One that hangs keeps its connection, and would keep the work for ever. */
static void comes_back_when_it_hangs(void **state)
{
    db_fixture *f = *state;
    varve_compaction_stats s = {0};
    f->options.compact_fanout = 2;
    db_begin(f, "FLAT-L2-SQ8", VARVE_FLOAT32);
    db_ok(f, varve_compactor_start(f->db, &f->err));
    WAIT_FOR_STATS(s.pid > 0);
    int hanging = s.pid;
    clock_sleep_ms(100); /* it asks for work */
    assert_int_equal(kill(hanging, SIGSTOP), 0);
    atomic_store(&f->db->compaction->silence_ms, 500);
    db_put_segment(f, 0, 3000, 1);
    db_put_segment(f, 3000, 3000, 1);
    WAIT_FOR_STATS(s.pid != hanging);
    atomic_store(&f->db->compaction->silence_ms, COMPACT_SILENCE_MS);
    WAIT_FOR_STATS(s.restarts > 0 && s.pid > 0);
    assert_int_equal(kill(hanging, 0), -1); /* stopped as it was, it was ended */
    WAIT_FOR_STATS(s.backlog_rows == 0 && !s.next_reason[0]);
    assert_int_equal(db_sources(f), 1);
    db_assert_counts(f, 6000, 0);
    db_assert_sound(f);
}

/* A build that does not fit in the memory is done in pieces, or says why it cannot be. */
static void cuts_up_what_is_too_large(void **state)
{
    db_fixture *f = *state;
    vector_field field;
    index_wants w;
    db_begin(f, "FLAT-L2-SQ8", VARVE_FLOAT32);
    field = collection_field(f->c);
    index_wants_of(&field, &w);
    db_close(f, true);
    f->options.compact_memory_max = index_build_bytes(&w.full_spec, 9000);
    db_open_again(f);
    db_put_segment(f, 0, 20000, 1);
    db_ok(f, varve_index_build(f->c, "FLAT-L2-SQ8", NULL, false, &f->err));
    assert_true(db_sources(f) >= 3);
    for (size_t i = 0; i < db_sources(f); i++)
        assert_true(db_source_has_index(f, i, INDEX_KIND_FULL));
    db_assert_counts(f, 20000, 0);
    db_assert_found(f, 19999, 1);
    db_close(f, true);
    f->options.compact_memory_max = 1000;
    db_open_again(f);
    assert_int_equal(varve_index_build(f->c, "FLAT-IP-SQ8", NULL, false, &f->err), VARVE_LIMIT);
    assert_non_null(strstr(f->err.message, "compact_memory_max 1000"));
    db_assert_found(f, 1, 1);
    db_assert_sound(f);
}

/* Long lists of numbers: to build what is found by them takes many times their bytes. */
static void put_lists(db_fixture *f, uint64_t first, size_t n)
{
    static float vectors[500][DB_DIM];
    static varve_id ids[500];
    static char texts[500][256];
    static varve_text fields[500];
    for (size_t i = 0; i < n; i++) {
        size_t len = (size_t)snprintf(texts[i], sizeof texts[i], "{\"n\":[%zu", i % 10);
        for (int k = 0; k < 100; k++, len += 2)
            memcpy(texts[i] + len, ",7", 2);
        memcpy(texts[i] + len, "]}", 2);
        ids[i].num = first + i;
        fields[i] = (varve_text){texts[i], len + 2};
        db_vector(first + i, 1, vectors[i]);
    }
    varve_rows rows = {.count = n, .dim = DB_DIM, .ids = ids, .vectors = vectors, .fields = fields};
    db_ok(f, varve_insert(f->c, &rows, NULL, NULL, &f->err));
    db_seal_now(f);
}

/* Merging goes on with little memory, and comes to an end: what turned out to be too much is not
 * asked for again. */
static void merges_fields_within_the_memory(void **state)
{
    db_fixture *f = *state;
    varve_compaction_stats s = {0};
    varve_filter *filter = NULL;
    uint64_t count = 0;
    f->options.compact_memory_max = 2000000;
    f->options.compact_fanout = 2;
    db_begin(f, "FLAT-L2", VARVE_FLOAT32);
    for (uint64_t i = 0; i < 8; i++)
        put_lists(f, i * 500, 500);
    db_ok(f, varve_compact(f->c, NULL, NULL, &f->err));
    varve_compaction_get_stats(f->db, &s);
    WAIT_FOR_STATS(!s.next_reason[0]);
    uint64_t jobs = s.jobs_done;
    clock_sleep_ms(300);
    varve_compaction_get_stats(f->db, &s);
    assert_int_equal(s.jobs_done, jobs);
    assert_int_equal(s.jobs_failed, 0);
    assert_in_range(jobs, 1, 8);
    assert_in_range(db_sources(f), 8, 20);
    assert_true(atomic_load(&f->c->merge_rows_fit) > 0);
    db_ok(f, varve_filter_where((varve_text){"n[] = 3", 7}, NULL, 0, &filter, &f->err));
    db_ok(f, varve_count_matching(f->c, filter, &count, &f->err));
    assert_int_equal(count, 400);
    varve_filter_free(filter);
    db_assert_counts(f, 4000, 0);
    db_assert_sound(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(compacts, setup, teardown),
        cmocka_unit_test_setup_teardown(builds_an_index, setup, teardown),
        cmocka_unit_test_setup_teardown(comes_back_when_killed, setup, teardown),
        cmocka_unit_test_setup_teardown(comes_back_when_it_hangs, setup, teardown),
        cmocka_unit_test_setup_teardown(cuts_up_what_is_too_large, setup, teardown),
        cmocka_unit_test_setup_teardown(merges_fields_within_the_memory, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
