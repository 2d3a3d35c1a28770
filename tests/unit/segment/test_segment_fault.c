/* test_segment_fault.c — every step of writing and opening a segment fails once, in every way. A
 * name that is published holds a whole segment; a failure leaves nothing behind. */
#include "segment_rows.h"

#include "base/fault.h"

#include <sys/wait.h>

#ifdef VARVE_FAULTS

#define CRASH_EXIT 77

static varve_status write_all(const test_rows *t, segment_record *ret, varve_error *err)
{
    VV_CLEANUP(segment_writer_discardp) segment_writer *w = NULL;
    segment_writer *finishing;
    VV_TRY(segment_writer_new(in_folder("f.tmp"), &t->spec, &w, err));
    for (size_t i = 0; i < t->count; i++) {
        const test_row *row = &t->rows[i];
        VV_TRY(segment_writer_add(w, row->rowver, row->ordinal, row->id, row->id_len,
                                  t->vectors + i * t->stride, fields_of(row), err));
    }
    finishing = w;
    w = NULL;
    return segment_writer_finish(finishing, in_folder("f.seg"), ret, err);
}

static void assert_whole(const test_rows *t)
{
    segment *s = open_segment(in_folder("f.seg"));
    row_source source = source_of_segment(s);
    assert_rows(&source, t);
    OK(segment_check(s, err));
    segment_doom(s);
    segment_unref(s);
}

static void sweep_writer(const test_rows *t, fault_kind kind)
{
    bool hit = true;
    for (uint64_t nth = 1; hit; nth++) {
        varve_error err = {0};
        segment_record record;
        varve_status status;
        fault_arm(NULL, nth, kind);
        status = write_all(t, &record, &err);
        hit = fault_was_hit();
        fault_disarm();
        assert_false(file_exists(in_folder("f.tmp")));
        if (!hit) assert_int_equal(status, VARVE_OK);
        if (status == VARVE_OK) {
            assert_whole(t);
        } else {
            assert_int_equal(status, kind == VV_FAULT_EIO ? VARVE_IO : VARVE_NO_SPACE);
            assert_true(err.message[0] != '\0');
            assert_false(file_exists(in_folder("f.seg")));
        }
        assert_true(nth < 1000);
    }
}

static void test_writer_errors(void **state)
{
    test_rows t = make_rows(3000, 200, VARVE_FLOAT32, ROWS_MIXED, 31); /* several buffers */
    (void)state;
    sweep_writer(&t, VV_FAULT_EIO);
    sweep_writer(&t, VV_FAULT_ENOSPC);
    sweep_writer(&t, VV_FAULT_SHORT);
    free_rows(&t);
}

/* The process ends at each step: afterwards there is no file of the name, or a whole one. */
static void test_writer_crashes(void **state)
{
    test_rows t = make_rows(500, 300, VARVE_FLOAT32, ROWS_MIXED, 32);
    unsigned with = 0, without = 0;
    bool hit = true;
    (void)state;
    for (uint64_t nth = 1; hit; nth++) {
        int status = 0;
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0) {
            segment_record record;
            fault_arm(NULL, nth, VV_FAULT_CRASH);
            _exit(write_all(&t, &record, NULL) == VARVE_OK ? 0 : 1);
        }
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFEXITED(status) && WEXITSTATUS(status) != 1);
        hit = WEXITSTATUS(status) == CRASH_EXIT;
        if (file_exists(in_folder("f.seg"))) {
            with++;
            assert_whole(&t);
        } else {
            without++;
            assert_true(hit);
        }
        OK(file_unlink(in_folder("f.tmp"), err)); /* as the next open of the folder does */
    }
    assert_true(with >= 2 && without >= 4);
    free_rows(&t);
}

static void test_open_errors(void **state)
{
    test_rows t = make_rows(100, 20, VARVE_FLOAT32, ROWS_MIXED, 33);
    bool hit = true;
    uint64_t hits = 0;
    (void)state;
    (void)write_rows(&t, in_folder("f.seg"));
    for (uint64_t nth = 1; hit; nth++) {
        segment *s = NULL;
        varve_status status;
        fault_arm(NULL, nth, VV_FAULT_EIO);
        status = segment_open(in_folder("f.seg"), &t.spec, NULL, &s, NULL);
        hit = fault_was_hit();
        fault_disarm();
        hits += hit;
        assert_int_equal(status, hit ? VARVE_IO : VARVE_OK);
        assert_true(hit == (s == NULL));
        segment_unref(s);
    }
    assert_true(hits >= 1);
    assert_whole(&t);
    free_rows(&t);
}

/* After an add that failed, finish refuses: a row is missing. */
static void test_finish_after_failure(void **state)
{
    test_rows t = make_rows(3000, 200, VARVE_FLOAT32, ROWS_PLAIN, 34);
    varve_status added = VARVE_OK;
    segment_record record;
    segment_writer *w;
    (void)state;
    OK(segment_writer_new(in_folder("f.tmp"), &t.spec, &w, err));
    fault_arm("file.write", 1, VV_FAULT_EIO);
    for (size_t i = 0; i < t.count && added == VARVE_OK; i++) {
        const test_row *row = &t.rows[i];
        added = segment_writer_add(w, row->rowver, row->ordinal, row->id, row->id_len,
                                   t.vectors + i * t.stride, fields_of(row), NULL);
    }
    fault_disarm();
    assert_int_equal(added, VARVE_IO);
    assert_int_equal(segment_writer_finish(w, in_folder("f.seg"), &record, NULL), VARVE_INTERNAL);
    assert_false(file_exists(in_folder("f.tmp")) || file_exists(in_folder("f.seg")));
    free_rows(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_writer_errors),
        cmocka_unit_test(test_writer_crashes),
        cmocka_unit_test(test_open_errors),
        cmocka_unit_test(test_finish_after_failure),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}

#else

int main(void) { return 0; } /* a build without fault points */

#endif
