/* test_view.c — views: what they count, what they hold alive, and where they find a row version. */
#include "segment_rows.h"

static const vector_field field = {.dim = 12, .dtype = VARVE_FLOAT32, .metric = VARVE_METRIC_L2};

static tombstones *slots(size_t first, size_t count)
{
    tombstones *t = NULL;
    uint64_t *add = malloc(count * sizeof *add);
    for (size_t i = 0; i < count; i++)
        add[i] = first + i;
    OK(tombstones_change(NULL, add, count, NULL, 0, &t, err));
    free(add);
    return t;
}

static void test_empty(void **state)
{
    vector_field unknown = {0};
    row_source none = {0};
    row_place place;
    bool found = true;
    view *v;
    (void)state;
    OK(view_new(&unknown, NULL, 0, &v, err));
    assert_int_equal(v->dim, 0);
    assert_int_equal(v->source_count, 0);
    OK(view_find(v, 5, &found, &place, err));
    assert_false(found);
    view_unref(v);
    none.rows = 0; /* a source without rows is left out */
    OK(memtable_new(12, VARVE_FLOAT32, &none.mem, err));
    OK(view_new(&field, &none, 1, &v, err));
    assert_int_equal(v->source_count, 0);
    memtable_unref(none.mem);
    view_unrefp(&v);
    assert_null(v);
    view_unref(NULL);
}

/* Two segments, one of them with gaps and one without, then a memtable of which a part is
 * published. */
typedef struct setting {
    test_rows rows[3];
    row_source sources[3];
    view *v;
} setting;

static void set_up(setting *s)
{
    segment *seg;
    memtable *m;
    s->rows[0] = make_rows(300, 12, VARVE_FLOAT32, ROWS_MIXED, 10);
    s->rows[1] = make_rows(200, 12, VARVE_FLOAT32, ROWS_PLAIN, 1000);
    s->rows[2] = make_rows(100, 12, VARVE_FLOAT32, ROWS_MIXED, 2000);
    for (int i = 0; i < 2; i++) {
        const char *path = in_folder(i ? "1.seg" : "0.seg");
        (void)write_rows(&s->rows[i], path);
        seg = open_segment(path);
        s->sources[i] = source_of_segment(seg);
    }
    OK(memtable_new(12, VARVE_FLOAT32, &m, err));
    for (size_t i = 0; i < 100; i++) {
        const test_row *row = &s->rows[2].rows[i];
        OK(memtable_add(m, row->rowver, row->ordinal, row->id, row->id_len,
                        s->rows[2].vectors + i * s->rows[2].stride, fields_of(row), err));
    }
    s->rows[2].count = 80; /* published */
    s->sources[2] = (row_source){.mem = m,
                                 .rows = 80,
                                 .rowver_min = s->rows[2].rows[0].rowver,
                                 .rowver_max = s->rows[2].rows[79].rowver};
    s->sources[0].hidden = slots(0, 20);
    s->sources[0].deleted = slots(5, 6);
    s->sources[2].hidden = slots(79, 1);
    OK(view_new(&field, s->sources, 3, &s->v, err));
    for (int i = 0; i < 3; i++) { /* the view has references of its own */
        segment_unref(s->sources[i].seg);
        memtable_unref(s->sources[i].mem);
        tombstones_unref(s->sources[i].hidden);
        tombstones_unref(s->sources[i].deleted);
    }
}

static void tear_down(setting *s)
{
    view_unref(s->v);
    for (int i = 0; i < 3; i++)
        free_rows(&s->rows[i]);
}

static void test_counts(void **state)
{
    setting s;
    (void)state;
    set_up(&s);
    assert_int_equal(s.v->rows_live, 300 + 200 + 80 - 20 - 1);
    assert_int_equal(s.v->rows_deleted, 6);
    assert_int_equal(s.v->source_count, 3);
    assert_int_equal(s.v->dim, 12);
    assert_int_equal(s.v->metric, VARVE_METRIC_L2);
    for (int i = 0; i < 3; i++)
        assert_rows(&s.v->sources[i], &s.rows[i]);
    tear_down(&s);
}

static void test_find(void **state)
{
    setting s;
    size_t source = 0, at = 0;
    (void)state;
    set_up(&s);
    for (uint64_t rowver = 0; rowver < s.rows[2].rows[99].rowver + 3; rowver++) {
        row_place place = {99, 99};
        bool found, here;
        while (source < 3 && at == s.rows[source].count) {
            source++;
            at = 0;
        }
        here = source < 3 && s.rows[source].rows[at].rowver == rowver;
        OK(view_find(s.v, rowver, &found, &place, err));
        assert_int_equal(found, here);
        assert_int_equal(place.source, here ? source : 99);
        if (here) assert_int_equal(place.slot, at++);
    }
    tear_down(&s);
}

static void test_doomed_segment_lives_with_the_view(void **state)
{
    setting s;
    view *other;
    (void)state;
    set_up(&s);
    other = view_ref(s.v);
    segment_doom(s.v->sources[0].seg);
    assert_true(file_exists(in_folder("0.seg")));
    view_unref(s.v);
    assert_true(file_exists(in_folder("0.seg")));
    assert_rows(&other->sources[0], &s.rows[0]);
    s.v = other;
    tear_down(&s);
    assert_false(file_exists(in_folder("0.seg")));
    assert_true(file_exists(in_folder("1.seg")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_empty),
        cmocka_unit_test(test_counts),
        cmocka_unit_test(test_find),
        cmocka_unit_test(test_doomed_segment_lives_with_the_view),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
