/* test_query_rows.c — rows brought out of a view by place, from either end, deleted ones; names of
 * fields; lists of names. */
#include "query_fixture.h"

#include <stdlib.h>
#include <string.h>

static void check_row(const world *w, const varve_rowset *rows, size_t i, const model_row *expected,
                      unsigned with)
{
    varve_row_state state = expected->fate == FATE_DELETED ? VARVE_ROW_DELETED : VARVE_ROW_LIVE;
    varve_text fields = varve_rowset_fields(rows, i);
    const float *vector = varve_rowset_vector(rows, i);
    assert_int_equal(world_id_order(varve_rowset_id(rows, i), expected->id), 0);
    assert_int_equal(varve_rowset_ordinal(rows, i), expected->ordinal);
    assert_int_equal(varve_rowset_state(rows, i), state);
    if (with & VARVE_WITH_FIELDS) {
        assert_int_equal(fields.len, strlen(expected->fields));
        assert_memory_equal(fields.data, expected->fields, fields.len);
    } else {
        assert_null(fields.data);
    }
    if (with & VARVE_WITH_VECTORS)
        assert_memory_equal(vector, expected->values, w->spec.dim * sizeof *vector);
    else
        assert_null(vector);
}

static world_spec usual(void)
{
    return (world_spec){.seed = 4,
                        .dtype = VARVE_FLOAT16,
                        .dim = 13,
                        .sources = 4,
                        .rows_per_source = 900,
                        .hidden_percent = 20,
                        .string_ids = true};
}

static void test_fetch(void **state)
{
    enum { COUNT = 200 };
    static const unsigned withs[] = {0, VARVE_WITH_VECTORS, VARVE_WITH_FIELDS,
                                     VARVE_WITH_VECTORS | VARVE_WITH_FIELDS};
    (void)state;
    for (int type = 0; type < VARVE_DTYPE_COUNT; type++) {
        world w;
        world_spec spec = usual();
        row_place places[COUNT];
        size_t chosen[COUNT];
        spec.dtype = (varve_dtype)type;
        world_init(&w, &spec);
        for (size_t i = 0; i < COUNT; i++) { /* also the same row twice */
            do
                chosen[i] = random_below(&w.random, w.row_count);
            while (w.rows[chosen[i]].fate == FATE_SUPERSEDED);
            places[i] = w.rows[chosen[i]].place;
        }
        for (size_t n = 0; n < VV_COUNT(withs); n++) {
            varve_rowset *rows = NULL;
            assert_int_equal(query_fetch(w.v, places, COUNT, withs[n], NULL, &rows, NULL),
                             VARVE_OK);
            assert_int_equal(varve_rowset_count(rows), COUNT);
            assert_int_equal(varve_rowset_dim(rows), spec.dim);
            for (size_t i = 0; i < COUNT; i++)
                check_row(&w, rows, i, &w.rows[chosen[i]], withs[n]);
            varve_rowset_free(rows);
        }
        world_done(&w);
    }
}

static int by_ordinal(const void *a, const void *b)
{
    const model_row *x = *(const model_row *const *)a, *y = *(const model_row *const *)b;
    return (x->ordinal > y->ordinal) - (x->ordinal < y->ordinal);
}

static size_t sorted_rows(const world *w, bool live, bool deleted, const model_row **ret)
{
    size_t count = 0;
    for (size_t i = 0; i < w->row_count; i++) {
        const model_row *r = &w->rows[i];
        if ((live && r->fate == FATE_LIVE) || (deleted && r->fate == FATE_DELETED))
            ret[count++] = r;
    }
    qsort(ret, count, sizeof *ret, by_ordinal);
    return count;
}

static void test_ends(void **state)
{
    static const size_t ns[] = {0, 1, 5, 1500, 100000};
    static const unsigned with = VARVE_WITH_FIELDS;
    world w;
    world_spec spec = usual();
    (void)state;
    world_init(&w, &spec);
    const model_row **sorted = malloc(w.row_count * sizeof *sorted);
    assert_non_null(sorted);
    for (size_t i = 0; i < 4 * VV_COUNT(ns); i++) {
        bool tail = i & 1, deleted = i & 2;
        varve_rowset *rows = NULL;
        size_t n = ns[i / 4], count = sorted_rows(&w, true, deleted, sorted);
        unsigned flags = with | (deleted ? VARVE_WITH_DELETED : 0);
        assert_int_equal(query_ends(w.v, tail, n, flags, &rows, NULL), VARVE_OK);
        assert_int_equal(varve_rowset_count(rows), VV_MIN(n, count));
        for (size_t j = 0; j < VV_MIN(n, count); j++)
            check_row(&w, rows, j, sorted[tail && n < count ? count - n + j : j], with);
        varve_rowset_free(rows);
    }
    free(sorted);
    world_done(&w);
}

static void test_deleted(void **state)
{
    static const size_t ns[] = {0, 1, 50, 100000};
    world w;
    world_spec spec = usual();
    (void)state;
    world_init(&w, &spec);
    const model_row **sorted = malloc(w.row_count * sizeof *sorted);
    assert_non_null(sorted);
    size_t count = sorted_rows(&w, false, true, sorted);
    assert_true(count > 50);
    for (size_t i = 0; i < VV_COUNT(ns); i++) {
        varve_rowset *rows = NULL;
        size_t expected = ns[i] == 0 ? count : VV_MIN(count, ns[i]);
        assert_int_equal(query_deleted(w.v, ns[i], &rows, NULL), VARVE_OK);
        assert_int_equal(varve_rowset_count(rows), expected);
        for (size_t j = 0; j < expected; j++)
            check_row(&w, rows, j, sorted[j], 0);
        varve_rowset_free(rows);
    }
    free(sorted);
    world_done(&w);
}

static void test_next(void **state)
{
    world w;
    world_spec spec = {.seed = 1};
    varve_rowset *rows = NULL;
    varve_id next;
    char text[] = "abc";
    (void)state;
    world_init(&w, &spec);
    assert_int_equal(query_fetch(w.v, NULL, 0, VARVE_WITH_VECTORS, NULL, &rows, NULL), VARVE_OK);
    assert_int_equal(varve_rowset_count(rows), 0);
    assert_false(varve_rowset_next(rows, &next));
    next = (varve_id){VARVE_ID_STR, 0, {text, 3}};
    assert_int_equal(rowset_set_next(rows, next, NULL), VARVE_OK);
    memset(text, 'x', 3);
    assert_true(varve_rowset_next(rows, &next));
    assert_int_equal(next.kind, VARVE_ID_STR);
    assert_int_equal(next.text.len, 3);
    assert_memory_equal(next.text.data, "abc", 3);
    assert_int_equal(rowset_set_next(rows, (varve_id){.num = 7}, NULL), VARVE_OK);
    assert_true(varve_rowset_next(rows, &next));
    assert_int_equal(next.kind, VARVE_ID_NUM);
    assert_int_equal(next.num, 7);
    varve_rowset_free(rows);
    world_done(&w);
}

static void test_field_names(void **state)
{
    thread_pool *pool = NULL;
    world w;
    world_spec spec = usual();
    varve_names *names = NULL;
    (void)state;
    spec.rows_per_source = 20000; /* several pieces */
    spec.dtype = VARVE_BINARY;
    assert_int_equal(pool_new(2, 8, "query-test", &pool, NULL), VARVE_OK);
    world_init(&w, &spec);
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(query_field_names(w.v, i ? pool : NULL, &names, NULL), VARVE_OK);
        assert_int_equal(varve_names_count(names), 2);
        assert_string_equal(varve_names_get(names, 0), "five"); /* stored with an escape */
        assert_string_equal(varve_names_get(names, 1), "n");
        varve_names_free(names);
    }
    world_done(&w);
    spec = (world_spec){.seed = 1};
    world_init(&w, &spec);
    assert_int_equal(query_field_names(w.v, pool, &names, NULL), VARVE_OK);
    assert_int_equal(varve_names_count(names), 0);
    varve_names_free(names);
    world_done(&w);
    pool_free(pool);
}

static void test_names(void **state)
{
    char first[] = "first";
    const char *given[] = {first, "", "third"};
    varve_names *names = NULL;
    (void)state;
    assert_int_equal(names_new(given, 3, &names, NULL), VARVE_OK);
    first[0] = 'x';
    assert_int_equal(varve_names_count(names), 3);
    assert_string_equal(varve_names_get(names, 0), "first");
    assert_string_equal(varve_names_get(names, 1), "");
    assert_string_equal(varve_names_get(names, 2), "third");
    varve_names_free(names);
    varve_names_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fetch),       cmocka_unit_test(test_ends),
        cmocka_unit_test(test_deleted),     cmocka_unit_test(test_next),
        cmocka_unit_test(test_field_names), cmocka_unit_test(test_names),
    };
    return cmocka_run_group_tests_name("query_rows", tests, NULL, NULL);
}
