/* test_merge.c — the rows of merged segments, one by one, for every vector type; where outputs are
 * cut; what limits, cancelling, damage and failing files leave behind. */
#include "merge_inputs.h"

#include "base/fault.h"

#define FIRST_NUMBER 500
#define OUTPUT_MAX   8

static void make_inputs(merge_inputs *t, size_t rows, uint32_t dim, varve_dtype dtype,
                        const uint64_t every[INPUTS])
{
    OK(file_make_dir(in_folder("in"), err));
    inputs_make(t, in_folder("in"), rows, dim, dtype, every);
}

static merge_spec spec_of(const merge_inputs *t, uint64_t rows_max)
{
    return (merge_spec){.collection = t->rows[0].spec.collection,
                        .dim = t->rows[0].spec.dim,
                        .dtype = t->rows[0].spec.dtype,
                        .first_number = FIRST_NUMBER,
                        .output_max = OUTPUT_MAX,
                        .rows_max = rows_max,
                        .directory = folder};
}

static const char *output_path(uint32_t i)
{
    char name[32];
    snprintf(name, sizeof name, "%u.seg", FIRST_NUMBER + i);
    return in_folder(name);
}

static void assert_no_output(void)
{
    file_names n = {0};
    OK(file_list(folder, &n, err));
    for (size_t i = 0; i < n.count; i++)
        assert_string_equal(n.names[i], "in");
    file_names_free(&n);
}

/* ---- rows ---------------------------------------------------------------------------------- */

static varve_status check_outputs(const merge_spec *spec, const merge_inputs *t,
                                  const segment_record *records, uint32_t count, varve_error *err)
{
    segment *outputs[OUTPUT_MAX] = {NULL};
    varve_status status;
    for (uint32_t i = 0; i < count; i++) {
        outputs[i] = open_segment(output_path(i));
        assert_true(segment_get_record(outputs[i])->rows == records[i].rows);
    }
    status = segment_merge_check(spec, t->in, INPUTS, outputs, count, err);
    for (uint32_t i = 0; i < count; i++)
        segment_unref(outputs[i]);
    return status;
}

/* Merges, compares every row, and removes the outputs. Returns how many there were. */
static uint32_t merge_and_compare(const merge_inputs *t, uint64_t rows_max)
{
    merge_spec spec = spec_of(t, rows_max);
    segment_record records[OUTPUT_MAX];
    uint32_t count = 99;
    uint64_t least = UINT64_MAX, most = 0;
    row_walk w = {.t = t};
    OK(segment_merge(&spec, t->in, INPUTS, records, &count, err));
    OK(check_outputs(&spec, t, records, count, err));
    for (uint32_t i = 0; i < count; i++) {
        assert_output(&w, output_path(i), &records[i]);
        OK(file_unlink(output_path(i), err));
        least = VV_MIN(least, records[i].rows);
        most = VV_MAX(most, records[i].rows);
    }
    assert_walked(&w);
    if (count) assert_true(most <= rows_max && most - least <= 1);
    assert_no_output();
    return count;
}

static void test_rows_of_every_type(void **state)
{
    static const uint64_t every[INPUTS] = {3, 0, 2};
    (void)state;
    for (int dtype = 0; dtype < VARVE_DTYPE_COUNT; dtype++) {
        merge_inputs t;
        make_inputs(&t, 400, 19, (varve_dtype)dtype, every);
        assert_int_equal(merge_and_compare(&t, 10000), 1);
        inputs_free(&t);
    }
}

static void test_cuts(void **state)
{
    static const uint64_t every[INPUTS] = {2, 0, 1}; /* the last one goes altogether */
    merge_inputs t;
    (void)state;
    make_inputs(&t, 100, 5, VARVE_FLOAT32, every); /* 50 + 101 + 0 stay */
    assert_int_equal(merge_and_compare(&t, 151), 1);
    assert_int_equal(merge_and_compare(&t, 150), 2);
    assert_int_equal(merge_and_compare(&t, 60), 3);
    assert_int_equal(merge_and_compare(&t, 19), 8);
    inputs_free(&t);
}

static void test_all_dropped(void **state)
{
    static const uint64_t every[INPUTS] = {1, 1, 1};
    merge_inputs t;
    (void)state;
    make_inputs(&t, 70, 5, VARVE_FLOAT16, every);
    assert_int_equal(merge_and_compare(&t, 1000), 0);
    inputs_free(&t);
}

static void test_outputs(void **state)
{
    (void)state;
    assert_int_equal(merge_outputs(0, 10), 0);
    assert_int_equal(merge_outputs(1, 10), 1);
    assert_int_equal(merge_outputs(10, 10), 1);
    assert_int_equal(merge_outputs(11, 10), 2);
    assert_true(merge_outputs(UINT64_MAX, 1) == UINT32_MAX);
    assert_true(merge_outputs(1, 0) == UINT32_MAX);
    assert_true(merge_outputs(UINT64_MAX, UINT64_MAX) == 1);
}

/* ---- what ends a merge early --------------------------------------------------------------- */

static varve_status try_merge(const merge_spec *spec, const merge_inputs *t, varve_error *err)
{
    segment_record records[OUTPUT_MAX];
    uint32_t count = 99;
    varve_status status = segment_merge(spec, t->in, INPUTS, records, &count, err);
    if (status != VARVE_OK) {
        assert_int_equal(count, 99);
        assert_no_output();
    }
    return status;
}

static void test_limits(void **state)
{
    static const uint64_t every[INPUTS] = {0, 0, 0};
    merge_inputs t;
    merge_spec spec;
    varve_error why = {0};
    (void)state;
    make_inputs(&t, 3000, 100, VARVE_FLOAT32, every);
    spec = spec_of(&t, 1000);
    assert_int_equal(try_merge(&spec, &t, &why), VARVE_LIMIT);
    assert_non_null(strstr(why.message, "takes 10 segments"));
    spec = spec_of(&t, 2000);
    spec.memory_max = 100000;
    assert_int_equal(try_merge(&spec, &t, &why), VARVE_LIMIT);
    assert_non_null(strstr(why.message, "compact_memory_max"));
    spec.dim++;
    assert_int_equal(try_merge(&spec, &t, &why), VARVE_INVALID);
    inputs_free(&t);
}

/* What the outputs have that is built of fields; they are removed. */
static uint32_t with_images(const segment_record *records, uint32_t count)
{
    uint32_t with = 0;
    for (uint32_t i = 0; i < count; i++) {
        const row_images *images;
        segment *s = open_segment(output_path(i));
        OK(segment_check(s, err));
        OK(segment_images(s, &images, err));
        with += images->columns && images->text;
        assert_true((images->columns != NULL) == (images->text != NULL));
        assert_true(records[i].rows > 0);
        segment_doom(s);
        segment_unref(s);
    }
    return with;
}

/* Fields that take more memory than there is: more outputs, and at the worst the last one without
 * what is built of fields; a merge that was possible without that is possible with it. */
static void test_little_memory(void **state)
{
    static const uint64_t every[INPUTS] = {0, 7, 0};
    static const struct {
        uint64_t memory_max;
        uint32_t output_max, least, without;
    } cases[] = {
        {0, OUTPUT_MAX, 1, 0}, {500000, OUTPUT_MAX, 2, 0},          {500000, 1, 1, 1},
        {500000, 2, 2, 1},     {260000, OUTPUT_MAX, OUTPUT_MAX, 1},
    };
    merge_inputs t;
    (void)state;
    make_inputs(&t, 1000, 8, VARVE_FLOAT32, every);
    for (size_t i = 0; i < VV_COUNT(cases); i++) {
        segment_record records[OUTPUT_MAX];
        uint32_t count;
        merge_spec spec = spec_of(&t, 5000);
        spec.memory_max = cases[i].memory_max;
        spec.output_max = cases[i].output_max;
        OK(segment_merge(&spec, t.in, INPUTS, records, &count, err));
        OK(check_outputs(&spec, &t, records, count, err));
        assert_in_range(count, cases[i].least, cases[i].output_max);
        assert_int_equal(with_images(records, count), count - cases[i].without);
    }
    inputs_free(&t);
}

static void test_order(void **state)
{
    static const uint64_t every[INPUTS] = {0, 0, 0};
    merge_inputs t;
    merge_input first;
    merge_spec spec;
    (void)state;
    make_inputs(&t, 50, 4, VARVE_INT8, every);
    spec = spec_of(&t, 1000);
    first = t.in[0];
    t.in[0] = t.in[1];
    t.in[1] = first;
    assert_int_equal(try_merge(&spec, &t, NULL), VARVE_INVALID);
    t.in[0].drop = drop_every(1000, 999);
    t.in[1] = t.in[2];
    assert_int_equal(try_merge(&spec, &t, NULL), VARVE_INVALID); /* slots beyond the rows */
    inputs_free(&t);
}

typedef struct watcher {
    uint64_t calls, calls_max, bytes, done;
} watcher;

static bool watch(void *context, const char *stage, uint64_t done, uint64_t total, uint64_t bytes)
{
    watcher *w = context;
    assert_string_equal(stage, "merge");
    assert_true(done >= w->done && done <= total && bytes < (3u << 20));
    w->done = done;
    w->bytes += bytes;
    return ++w->calls < w->calls_max;
}

static void test_progress(void **state)
{
    static const uint64_t every[INPUTS] = {0, 4, 0};
    merge_inputs t;
    merge_spec spec;
    segment_record records[OUTPUT_MAX];
    watcher w = {.calls_max = UINT64_MAX};
    uint64_t calls, written = 0;
    uint32_t count;
    (void)state;
    make_inputs(&t, 4000, 150, VARVE_FLOAT32, every);
    spec = spec_of(&t, 4000);
    spec.progress = watch;
    spec.context = &w;
    OK(segment_merge(&spec, t.in, INPUTS, records, &count, err));
    for (uint32_t i = 0; i < count; i++) {
        written += records[i].file_bytes;
        OK(file_unlink(output_path(i), err));
    }
    assert_true(w.done == 12003 && w.calls >= 10);
    assert_in_range(w.bytes, 2 * written * 9 / 10, 2 * written * 11 / 10);
    calls = w.calls;
    for (uint64_t i = 1; i <= calls; i++) { /* cancelled at each report */
        w = (watcher){.calls_max = i};
        assert_int_equal(try_merge(&spec, &t, NULL), VARVE_CANCELLED);
        assert_true(w.calls == i);
    }
    inputs_free(&t);
}

static void damage_segment(const char *path, long at)
{
    FILE *f = fopen(path, "r+b");
    assert_non_null(f);
    assert_int_equal(fseek(f, at, SEEK_SET), 0);
    assert_int_equal(fwrite("damage", 1, 6, f), 6);
    assert_int_equal(fclose(f), 0);
}

static void test_damaged_input(void **state)
{
    static const uint64_t every[INPUTS] = {0, 0, 0};
    merge_inputs t;
    merge_spec spec;
    varve_error why = {0};
    (void)state;
    make_inputs(&t, 3000, 64, VARVE_FLOAT32, every);
    damage_segment(segment_path(t.segments[1]), 300000);
    spec = spec_of(&t, 1500);
    assert_int_equal(try_merge(&spec, &t, &why), VARVE_CORRUPT);
    assert_non_null(strstr(why.message, segment_path(t.segments[1])));
    inputs_free(&t);
}

/* ---- the check ----------------------------------------------------------------------------- */

static void refuse_outputs(const merge_spec *spec, const merge_inputs *t, segment **outputs,
                           uint32_t count, const char *why)
{
    varve_error err = {0};
    assert_int_equal(segment_merge_check(spec, t->in, INPUTS, outputs, count, &err), VARVE_CORRUPT);
    if (!strstr(err.message, why)) fail_msg("not %s: %s", why, err.message);
}

/* Outputs that are sound by themselves, but not those of these inputs. */
static void test_check_refuses(void **state)
{
    static const uint64_t every[INPUTS] = {0, 4, 0};
    merge_inputs t;
    merge_spec spec;
    segment_record records[OUTPUT_MAX];
    segment *outputs[2];
    uint32_t count;
    (void)state;
    make_inputs(&t, 100, 8, VARVE_FLOAT32, every);
    spec = spec_of(&t, 150);
    OK(segment_merge(&spec, t.in, INPUTS, records, &count, err));
    assert_int_equal(count, 2);
    for (uint32_t i = 0; i < count; i++)
        outputs[i] = open_segment(output_path(i));
    refuse_outputs(&spec, &t, outputs, 1, "is in no output"); /* half of the rows */
    refuse_outputs(&spec, &t, outputs + 1, 1, "501.seg: row 0 is not what was merged");
    t.in[2].drop = drop_every(102, 50); /* rows that should be gone */
    refuse_outputs(&spec, &t, outputs, 2, "501.seg: row ");
    damage_segment(segment_path(outputs[0]), 200);
    refuse_outputs(&spec, &t, outputs, 2, "500.seg: row 2 is not what was merged");
    for (uint32_t i = 0; i < count; i++) {
        segment_doom(outputs[i]);
        segment_unref(outputs[i]);
    }
    inputs_free(&t);
}

static void test_faults(void **state)
{
    (void)state;
#ifdef VARVE_FAULTS
    static const uint64_t every[INPUTS] = {5, 0, 3};
    merge_inputs t;
    merge_spec spec;
    bool hit = true;
    uint64_t nth = 1, without_images = 0;
    make_inputs(&t, 1000, 100, VARVE_FLOAT32, every);
    spec = spec_of(&t, 700);
    for (; hit; nth++) {
        varve_status status;
        fault_arm(NULL, nth, nth % 2 ? VV_FAULT_EIO : VV_FAULT_ENOSPC);
        status = try_merge(&spec, &t, NULL);
        hit = fault_was_hit();
        fault_disarm();
        without_images += hit && status == VARVE_OK; /* an output can do without them */
        for (uint32_t i = 0; hit && status == VARVE_OK && i < OUTPUT_MAX; i++)
            OK(file_unlink(output_path(i), err));
        if (status != VARVE_OK || !hit)
            assert_int_equal(status, !hit ? VARVE_OK : nth % 2 ? VARVE_IO : VARVE_NO_SPACE);
    }
    assert_true(nth > 3 * 5);
    assert_int_equal(without_images, 4); /* of each output once */
    inputs_free(&t);
#endif
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows_of_every_type),
        cmocka_unit_test(test_cuts),
        cmocka_unit_test(test_all_dropped),
        cmocka_unit_test(test_outputs),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_little_memory),
        cmocka_unit_test(test_order),
        cmocka_unit_test(test_progress),
        cmocka_unit_test(test_damaged_input),
        cmocka_unit_test(test_check_refuses),
        cmocka_unit_test(test_faults),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
