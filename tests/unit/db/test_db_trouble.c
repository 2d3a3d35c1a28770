/* test_db_trouble.c — what must not happen when something fails in the middle, or when two things
 * meet. Each test failed before the mend it belongs to. */
#include "db/db.h"

#include "base/fault.h"
#include "test_dir.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <unistd.h>

#include <cmocka.h>

typedef struct fixture {
    test_dir dir;
    varve_options options;
    varve *db;
    varve_collection *c;
    varve_error err;
} fixture;

static int setup(void **state)
{
    fixture *f = calloc(1, sizeof *f);
    test_dir_make(&f->dir);
    varve_options_init(&f->options);
    f->options.session_memory_max = 1 << 14; /* sessions spill early */
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    fixture *f = *state;
    fault_disarm();
    varve_collection_release(f->c);
    varve_abandon(f->db);
    test_dir_remove(&f->dir);
    free(f);
    return 0;
}

static void assert_ok(fixture *f, varve_status status)
{
    if (status != VARVE_OK) fail_msg("%s: %s", varve_status_name(status), f->err.message);
}

static void start(fixture *f, const char *mode)
{
    varve_collection_spec spec = {.index_mode = mode};
    assert_ok(f, varve_open(f->dir.path, &f->options, &f->db, &f->err));
    assert_ok(f, varve_collection_create(f->db, "default", "c", &spec, &f->c, &f->err));
}

static void leave(fixture *f)
{
    varve_collection_release(f->c);
    varve_abandon(f->db);
    f->c = NULL;
    f->db = NULL;
}

static void come_back(fixture *f)
{
    assert_ok(f, varve_open(f->dir.path, &f->options, &f->db, &f->err));
    assert_ok(f, varve_collection_open(f->db, "default", "c", &f->c, &f->err));
}

/* n rows from id `first` on, or automatic; all with the same fields, or with none. */
typedef struct batch {
    varve_rows rows;
    float *vectors;
    varve_text *fields;
} batch;

static batch make_batch(uint64_t first, size_t n, size_t dim, const char *fields)
{
    batch b = {.vectors = calloc(n * dim, sizeof(float)), .fields = calloc(n, sizeof(varve_text))};
    for (size_t i = 0; i < n * dim; i++)
        b.vectors[i] = (float)(i % 1000);
    for (size_t i = 0; i < n && fields; i++)
        b.fields[i] = (varve_text){fields, strlen(fields)};
    b.rows = (varve_rows){.count = n,
                          .dim = dim,
                          .ids_from_first = true,
                          .first_id = first,
                          .vectors = b.vectors,
                          .fields = fields ? b.fields : NULL};
    return b;
}

static void batch_done(batch *b)
{
    free(b->vectors);
    free(b->fields);
}

static varve_status insert(fixture *f, uint64_t first, size_t n, size_t dim, const char *fields)
{
    batch b = make_batch(first, n, dim, fields);
    varve_status status = varve_insert(f->c, &b.rows, NULL, NULL, &f->err);
    batch_done(&b);
    return status;
}

static varve_session *session(fixture *f, bool upsert, bool automatic, size_t n, size_t dim,
                              const char *fields)
{
    varve_session *s = NULL;
    batch b = make_batch(0, n, dim, fields);
    b.rows.ids_from_first = !automatic;
    assert_ok(f, varve_session_new(f->c, &(varve_session_options){.upsert = upsert}, &s, &f->err));
    assert_ok(f, varve_session_add(s, &b.rows, &f->err));
    batch_done(&b);
    return s;
}

static void assert_fields(fixture *f, uint64_t id, const char *expected)
{
    varve_id key = {.kind = VARVE_ID_NUM, .num = id};
    varve_rowset *rows = NULL;
    assert_ok(f, varve_get(f->c, &key, 1, VARVE_WITH_FIELDS, false, &rows, &f->err));
    assert_int_equal(varve_rowset_count(rows), expected != NULL);
    if (expected) {
        varve_text t = varve_rowset_fields(rows, 0);
        assert_int_equal(t.len, strlen(expected));
        assert_memory_equal(t.data, expected, t.len);
    }
    varve_rowset_free(rows);
}

static void assert_count(fixture *f, uint64_t expected)
{
    uint64_t live = 0;
    assert_ok(f, varve_count(f->c, &live, &f->err));
    assert_int_equal(live, expected);
}

static void wait_for_space(fixture *f)
{
    for (int i = 0; i < 100 && atomic_load(&f->db->low_space); i++)
        usleep(20000);
}

static void test_other_dimension_after_a_failed_first_write(void **state)
{
    fixture *f = *state;
    varve_rowset *rows = NULL;
    start(f, NULL);
    fault_arm("store.write", 1, VV_FAULT_ENOSPC);
    assert_int_equal(insert(f, 0, 4, 8, NULL), VARVE_NO_SPACE);
    fault_disarm();
    wait_for_space(f);
    assert_ok(f, insert(f, 0, 4, 1024, NULL));
    assert_ok(f, varve_head(f->c, 10, VARVE_WITH_VECTORS, &rows, &f->err));
    assert_int_equal(varve_rowset_count(rows), 4);
    assert_true(varve_rowset_vector(rows, 0)[999] == 999.0f);
    varve_rowset_free(rows);
}

static void test_memory_of_failed_writes_is_given_back(void **state)
{
    fixture *f = *state;
    f->options.seal_rows_min = 1;
    start(f, NULL);
    assert_ok(f, insert(f, 0, 1, 256, NULL));
    for (int i = 0; i < 3; i++) {
        fault_arm("store.write", 1, VV_FAULT_ENOSPC);
        assert_int_equal(insert(f, 10, 1000, 256, NULL), VARVE_NO_SPACE);
        fault_disarm();
        wait_for_space(f);
    }
    assert_ok(f, varve_collection_checkpoint(f->c, &f->err));
    assert_int_equal(atomic_load(&f->c->frozen_bytes), 0);
    assert_count(f, 1);
}

static void damage_vectors(const fixture *f, off_t offset)
{
    char path[300];
    snprintf(path, sizeof path, "%s/segments/1/1.seg", f->dir.path);
    int fd = open(path, O_RDWR);
    assert_true(fd >= 0 && pwrite(fd, "U", 1, offset) == 1);
    close(fd);
}

static void test_a_write_that_meets_damage_changes_nothing(void **state)
{
    fixture *f = *state;
    varve_id ids[2] = {{.kind = VARVE_ID_NUM, .num = 0}, {.kind = VARVE_ID_NUM, .num = 85}};
    varve_text fields[2] = {{"{\"b\":2}", 7}, {"{\"b\":2}", 7}};
    f->options.seal_rows_min = 1;
    start(f, NULL);
    assert_ok(f, insert(f, 0, 100, 1024, "{\"a\":1}"));
    assert_ok(f, varve_collection_checkpoint(f->c, &f->err));
    leave(f);
    damage_vectors(f, 4096 + 85 * 4096 + 7);
    come_back(f);
    assert_int_equal(
        varve_fields_change(f->c, VARVE_FIELDS_SET, ids, fields, 2, NULL, NULL, &f->err),
        VARVE_CORRUPT);
    assert_fields(f, 0, "{\"a\":1}");
}

static void test_automatic_ids_of_a_session_are_its_own(void **state)
{
    fixture *f = *state;
    varve_receipt one, all;
    start(f, NULL);
    varve_session *s = session(f, true, true, 1000, 8, "{\"from\":\"session\"}");
    batch b = make_batch(0, 1, 8, "{\"from\":\"insert\"}");
    b.rows.ids_from_first = false;
    assert_ok(f, varve_insert(f->c, &b.rows, NULL, &one, &f->err));
    batch_done(&b);
    assert_ok(f, varve_session_commit(s, &all, &f->err));
    varve_session_free(s);
    assert_true(one.first_id >= all.first_id + 1000);
    assert_fields(f, one.first_id, "{\"from\":\"insert\"}");
    assert_fields(f, all.first_id + 999, "{\"from\":\"session\"}");
    assert_count(f, 1001);
}

static void test_a_large_session_keeps_fields_as_a_small_one_does(void **state)
{
    fixture *f = *state;
    start(f, NULL);
    assert_ok(f, insert(f, 0, 1000, 8, "{\"keep\":1}"));
    varve_session *s = session(f, true, false, 1200, 8, NULL);
    assert_ok(f, varve_session_commit(s, NULL, &f->err));
    varve_session_free(s);
    assert_fields(f, 5, "{\"keep\":1}");
    assert_fields(f, 1100, "{}");
    assert_count(f, 1200);
}

static void test_repeated_ids_count_once(void **state)
{
    fixture *f = *state;
    varve_id ids[3] = {{.num = 1}, {.num = 1}, {.num = 1}};
    float v[6] = {0};
    varve_rows rows = {.count = 3, .dim = 2, .ids = ids, .vectors = v};
    varve_receipt receipt;
    f->options.max_collection_vectors = 1;
    start(f, NULL);
    assert_ok(f, varve_upsert(f->c, &rows, NULL, &receipt, &f->err));
    assert_int_equal(receipt.rows_new, 1);
    assert_int_equal(receipt.rows_changed, 2);
    assert_int_equal(insert(f, 5, 1, 2, NULL), VARVE_LIMIT);
}

static void test_a_session_obeys_the_metric(void **state)
{
    fixture *f = *state;
    start(f, "FLAT-HAVERSINE");
    assert_int_equal(insert(f, 0, 1, 3, NULL), VARVE_INVALID);
    varve_session *s = session(f, false, false, 2000, 3, NULL);
    assert_int_equal(varve_session_commit(s, NULL, &f->err), VARVE_INVALID);
    varve_session_free(s);
    assert_ok(f, insert(f, 0, 1, 2, NULL));
}

static void test_the_default_database_stays(void **state)
{
    fixture *f = *state;
    start(f, NULL);
    assert_ok(f, varve_database_drop(f->db, "default", &f->err));
    assert_true(varve_database_exists(f->db, "default"));
    assert_false(varve_collection_exists(f->db, "default", "c"));
}

/* Interrupted after its commit point: the next open completes it. */
static void interrupt_session(fixture *f, size_t rows)
{
    varve_session *s = session(f, false, false, rows, 3, NULL);
    fault_arm("session.committed", 1, VV_FAULT_EIO);
    assert_int_equal(varve_session_commit(s, NULL, &f->err), VARVE_IO);
    fault_disarm();
    varve_session_free(s);
}

static void test_nothing_is_written_behind_an_interrupted_session(void **state)
{
    fixture *f = *state;
    start(f, NULL);
    interrupt_session(f, 2000);
    assert_int_equal(varve_collection_describe(f->c, "late", &f->err), VARVE_IO);
    assert_int_equal(varve_collection_drop(f->db, "default", "c", &f->err), VARVE_IO);
    leave(f);
    come_back(f);
    assert_count(f, 2000);
}

static void test_a_session_that_lost_its_files_is_not_passed_over(void **state)
{
    fixture *f = *state;
    char work[300];
    varve *db = NULL;
    start(f, NULL);
    interrupt_session(f, 2000);
    leave(f);
    snprintf(work, sizeof work, "%s/work", f->dir.path);
    assert_ok(f, file_remove_tree(work, &f->err));
    assert_int_equal(varve_open(f->dir.path, &f->options, &db, &f->err), VARVE_CORRUPT);
}

static void test_fsck_sees_counters_that_fell_behind(void **state)
{
    fixture *f = *state;
    varve_report *report = NULL;
    start(f, NULL);
    assert_ok(f, insert(f, 0, 10, 2, NULL));
    collection_counters behind = f->c->counters;
    behind.next_auto_id = 5;
    store_batch *b = store_batch_new();
    counters_add_to_batch(f->db, b, f->c->id, &behind);
    assert_ok(f, store_write(f->db->store, b, true, &f->err));
    store_batch_free(b);
    leave(f);
    assert_ok(f, varve_fsck(f->dir.path, &report, &f->err));
    assert_int_equal(varve_report_count(report), 1);
    varve_report_free(report);
}

static void wait_for_gone(fixture *f, bool gone)
{
    for (int i = 0; i < 200 && atomic_load(&f->db->gone) != gone; i++)
        usleep(20000);
    assert_int_equal(atomic_load(&f->db->gone), gone);
}

static void test_a_folder_that_vanished_takes_no_writes(void **state)
{
    fixture *f = *state;
    char aside[300];
    snprintf(aside, sizeof aside, "%s-aside", f->dir.path);
    start(f, NULL);
    assert_ok(f, insert(f, 0, 10, 2, NULL));
    assert_int_equal(rename(f->dir.path, aside), 0);
    wait_for_gone(f, true);
    assert_int_equal(insert(f, 10, 1, 2, NULL), VARVE_IO);
    assert_count(f, 10);
    assert_int_equal(rename(aside, f->dir.path), 0);
    wait_for_gone(f, false);
    assert_ok(f, insert(f, 10, 1, 2, NULL));
}

/* ---- many ids at once are read from one moment */

static void *toggle(void *context)
{
    fixture *f = context;
    varve_id ids[1000];
    varve_error err;
    varve_write_options relaxed = {VARVE_DURABILITY_RELAXED};
    for (size_t i = 0; i < VV_COUNT(ids); i++)
        ids[i] = (varve_id){.num = i};
    for (int i = 0; i < 60; i++) {
        if (varve_delete(f->c, ids, VV_COUNT(ids), &relaxed, NULL, &err) != VARVE_OK) abort();
        if (varve_restore(f->c, ids, VV_COUNT(ids), &relaxed, NULL, &err) != VARVE_OK) abort();
    }
    return NULL;
}

static void test_many_ids_are_one_view(void **state)
{
    fixture *f = *state;
    varve_id ids[1000];
    pthread_t thread;
    start(f, NULL);
    assert_ok(f, insert(f, 0, VV_COUNT(ids), 2, NULL));
    for (size_t i = 0; i < VV_COUNT(ids); i++)
        ids[i] = (varve_id){.num = i};
    assert_int_equal(pthread_create(&thread, NULL, toggle, f), 0);
    for (int i = 0; i < 150; i++) {
        varve_rowset *rows = NULL;
        assert_ok(f, varve_get(f->c, ids, VV_COUNT(ids), 0, false, &rows, &f->err));
        size_t count = varve_rowset_count(rows);
        varve_rowset_free(rows);
        assert_true(count == 0 || count == VV_COUNT(ids));
        assert_ok(f, varve_scroll(f->c, NULL, VV_COUNT(ids), 0, &rows, &f->err));
        count = varve_rowset_count(rows);
        varve_rowset_free(rows);
        assert_true(count == 0 || count == VV_COUNT(ids));
    }
    pthread_join(thread, NULL);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_other_dimension_after_a_failed_first_write),
        TEST(test_memory_of_failed_writes_is_given_back),
        TEST(test_a_write_that_meets_damage_changes_nothing),
        TEST(test_automatic_ids_of_a_session_are_its_own),
        TEST(test_a_large_session_keeps_fields_as_a_small_one_does),
        TEST(test_repeated_ids_count_once),
        TEST(test_a_session_obeys_the_metric),
        TEST(test_the_default_database_stays),
        TEST(test_nothing_is_written_behind_an_interrupted_session),
        TEST(test_a_session_that_lost_its_files_is_not_passed_over),
        TEST(test_fsck_sees_counters_that_fell_behind),
        TEST(test_a_folder_that_vanished_takes_no_writes),
        TEST(test_many_ids_are_one_view),
    };
#undef TEST
    return cmocka_run_group_tests(tests, NULL, NULL);
}
