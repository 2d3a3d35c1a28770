/* test_db.c — what the calls of varve.h promise, one by one. */
#include "varve.h"

#include "test_dir.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

typedef struct fixture {
    test_dir dir;
    varve *db;
    varve_collection *c;
    varve_error err;
} fixture;

static int setup(void **state)
{
    fixture *f = calloc(1, sizeof *f);
    test_dir_make(&f->dir);
    if (varve_open(f->dir.path, NULL, &f->db, &f->err) != VARVE_OK) {
        print_error("open: %s\n", f->err.message);
        return -1;
    }
    *state = f;
    return varve_collection_create(f->db, "default", "c", NULL, &f->c, &f->err) == VARVE_OK ? 0
                                                                                            : -1;
}

static int teardown(void **state)
{
    fixture *f = *state;
    varve_collection_release(f->c);
    varve_status status = varve_close(f->db, &f->err);
    test_dir_remove(&f->dir);
    free(f);
    return status == VARVE_OK ? 0 : -1;
}

static varve_id num(uint64_t n) { return (varve_id){.kind = VARVE_ID_NUM, .num = n}; }
static varve_id str(const char *s)
{
    return (varve_id){.kind = VARVE_ID_STR, .text = {s, strlen(s)}};
}

static varve_status put(fixture *f, bool upsert, varve_id id, float a, float b, const char *fields)
{
    float v[2] = {a, b};
    varve_text text = {fields, fields ? strlen(fields) : 0};
    varve_rows rows = {
        .count = 1, .dim = 2, .ids = &id, .vectors = v, .fields = fields ? &text : NULL};
    f->err = (varve_error){0};
    return upsert ? varve_upsert(f->c, &rows, NULL, NULL, &f->err)
                  : varve_insert(f->c, &rows, NULL, NULL, &f->err);
}

static void assert_ok(fixture *f, varve_status status)
{
    if (status != VARVE_OK) fail_msg("%s: %s", varve_status_name(status), f->err.message);
}

/* Fields of one row, or NULL when it is not there. */
static char *fields_of(fixture *f, varve_id id, unsigned with)
{
    static char text[256];
    varve_rowset *rows = NULL;
    assert_ok(f, varve_get(f->c, &id, 1, with | VARVE_WITH_FIELDS, false, &rows, &f->err));
    char *ret = NULL;
    if (varve_rowset_count(rows)) {
        varve_text t = varve_rowset_fields(rows, 0);
        snprintf(text, sizeof text, "%.*s", (int)t.len, t.data);
        ret = text;
    }
    varve_rowset_free(rows);
    return ret;
}

static void test_insert_refuses_what_exists(void **state)
{
    fixture *f = *state;
    assert_ok(f, put(f, false, num(7), 1, 2, "{\"a\": 1}"));
    assert_ok(f, put(f, false, str("7"), 3, 4, NULL)); /* 7 and "7" differ */
    assert_int_equal(put(f, false, num(7), 5, 6, NULL), VARVE_EXISTS);
    assert_non_null(strstr(f->err.message, "7 already exists"));
    varve_id both[2] = {num(8), num(7)};
    float v[4] = {0};
    varve_rows rows = {.count = 2, .dim = 2, .ids = both, .vectors = v};
    assert_int_equal(varve_insert(f->c, &rows, NULL, NULL, &f->err), VARVE_EXISTS);
    assert_null(fields_of(f, num(8), 0)); /* the whole batch was refused */
    both[1] = num(8);
    assert_int_equal(varve_insert(f->c, &rows, NULL, NULL, &f->err), VARVE_INVALID);
    assert_non_null(strstr(f->err.message, "duplicate external id 8"));
    assert_string_equal(fields_of(f, num(7), 0), "{\"a\":1}");
    assert_string_equal(fields_of(f, str("7"), 0), "{}");
}

static void test_upsert_keeps_or_replaces_fields(void **state)
{
    fixture *f = *state;
    assert_ok(f, put(f, true, num(1), 1, 2, "{\"a\":1,\"b\":2}"));
    assert_ok(f, put(f, true, num(1), 3, 4, NULL));
    assert_string_equal(fields_of(f, num(1), 0), "{\"a\":1,\"b\":2}");
    assert_ok(f, put(f, true, num(1), 3, 4, "{}"));
    assert_string_equal(fields_of(f, num(1), 0), "{}");
    varve_id twice[2] = {num(1), num(1)};
    float v[4] = {0, 0, 9, 9};
    varve_text texts[2] = {{"{\"n\":1}", 7}, {NULL, 0}};
    varve_rows rows = {.count = 2, .dim = 2, .ids = twice, .vectors = v, .fields = texts};
    assert_ok(f, varve_upsert(f->c, &rows, NULL, NULL,
                              &f->err)); /* the last one wins, fields of the first stay */
    assert_string_equal(fields_of(f, num(1), 0), "{\"n\":1}");
    uint64_t live = 0;
    assert_ok(f, varve_count(f->c, &live, &f->err));
    assert_int_equal(live, 1);
}

static void test_delete_restore(void **state)
{
    fixture *f = *state;
    varve_id ids[3] = {num(1), str("x"), num(99)};
    varve_row_state row_state;
    varve_rowset *rows = NULL;
    assert_ok(f, put(f, false, num(1), 1, 2, NULL));
    assert_ok(f, put(f, false, str("x"), 1, 2, "{\"k\":true}"));
    assert_ok(f, varve_delete(f->c, ids, 3, NULL, NULL, &f->err)); /* 99 is passed over */
    assert_ok(f, varve_delete(f->c, ids, 3, NULL, NULL, &f->err));
    assert_ok(f, varve_exists(f->c, num(1), &row_state, &f->err));
    assert_int_equal(row_state, VARVE_ROW_DELETED);
    assert_null(fields_of(f, str("x"), 0));
    assert_string_equal(fields_of(f, str("x"), VARVE_WITH_DELETED), "{\"k\":true}");
    assert_ok(f, varve_list_deleted(f->c, 0, &rows, &f->err));
    assert_int_equal(varve_rowset_count(rows), 2);
    assert_int_equal(varve_rowset_id(rows, 0).num, 1);
    varve_rowset_free(rows);
    assert_int_equal(put(f, false, num(1), 1, 2, NULL), VARVE_EXISTS);
    assert_ok(f, varve_restore(f->c, ids, 3, NULL, NULL, &f->err));
    assert_string_equal(fields_of(f, str("x"), 0), "{\"k\":true}");
    assert_ok(f, varve_delete(f->c, ids, 1, NULL, NULL, &f->err));
    assert_ok(f, put(f, true, num(1), 5, 6, NULL)); /* upsert brings it back */
    assert_ok(f, varve_exists(f->c, num(1), &row_state, &f->err));
    assert_int_equal(row_state, VARVE_ROW_LIVE);
}

static void test_order_of_insertion(void **state)
{
    fixture *f = *state;
    varve_rowset *rows = NULL;
    for (uint64_t i = 0; i < 6; i++)
        assert_ok(f, put(f, false, num(100 - i), (float)i, 0, NULL));
    assert_ok(f, put(f, true, num(100), 50, 0, NULL)); /* keeps its place */
    assert_ok(f, varve_head(f->c, 2, VARVE_WITH_VECTORS, &rows, &f->err));
    assert_int_equal(varve_rowset_id(rows, 0).num, 100);
    assert_true(varve_rowset_vector(rows, 0)[0] == 50.0f);
    assert_int_equal(varve_rowset_id(rows, 1).num, 99);
    assert_int_equal(varve_rowset_ordinal(rows, 1), 1);
    varve_rowset_free(rows);
    assert_ok(f, varve_tail(f->c, 2, 0, &rows, &f->err));
    assert_int_equal(varve_rowset_id(rows, 0).num, 96);
    assert_int_equal(varve_rowset_id(rows, 1).num, 95);
    varve_rowset_free(rows);
    varve_collection_stats stats;
    assert_ok(f, varve_collection_get_stats(f->c, &stats, &f->err));
    assert_int_equal(stats.max_ordinal, 5);
}

static void test_automatic_ids(void **state)
{
    fixture *f = *state;
    float v[6] = {0};
    varve_receipt receipt;
    varve_rows rows = {.count = 3, .dim = 2, .vectors = v};
    assert_ok(f, put(f, false, str("a"), 1, 2, NULL));
    assert_ok(f, put(f, false, num(10), 1, 2, NULL));
    assert_ok(f, varve_insert(f->c, &rows, NULL, &receipt, &f->err));
    assert_int_equal(receipt.first_id, 11); /* never an id that was used */
    assert_ok(f, varve_insert(f->c, &rows, NULL, &receipt, &f->err));
    assert_int_equal(receipt.first_id, 14);
    rows.ids_from_first = true;
    rows.first_id = UINT64_MAX - 1;
    assert_int_equal(varve_insert(f->c, &rows, NULL, NULL, &f->err), VARVE_INVALID);
    rows.count = 2;
    assert_ok(f, varve_insert(f->c, &rows, NULL, NULL, &f->err));
    assert_int_equal(varve_insert(f->c, &rows, NULL, NULL, &f->err), VARVE_EXISTS);
    rows.ids_from_first = false;
    assert_int_equal(varve_insert(f->c, &rows, NULL, NULL, &f->err), VARVE_LIMIT);
}

static void test_scroll(void **state)
{
    fixture *f = *state;
    for (uint64_t i = 0; i < 10; i++)
        assert_ok(f, put(f, false, num(i * 3), 0, 0, NULL));
    assert_ok(f, put(f, false, str("b"), 0, 0, NULL));
    assert_ok(f, put(f, false, str("a"), 0, 0, NULL));
    varve_id gone = num(6), next, *from = NULL;
    assert_ok(f, varve_delete(f->c, &gone, 1, NULL, NULL, &f->err));
    size_t seen = 0, pages = 0;
    char text[8];
    for (bool more = true; more; pages++) {
        varve_rowset *rows = NULL;
        assert_ok(f, varve_scroll(f->c, from, 4, 0, &rows, &f->err));
        seen += varve_rowset_count(rows);
        more = varve_rowset_next(rows, &next);
        if (more && next.kind == VARVE_ID_STR) {
            memcpy(text, next.text.data, next.text.len);
            next.text.data = text;
        }
        from = &next;
        varve_rowset_free(rows);
    }
    assert_int_equal(seen, 11);
    assert_int_equal(pages, 3);
}

static void test_fields_change(void **state)
{
    fixture *f = *state;
    varve_id id = num(1), unknown = num(2);
    varve_text merge = {"{\"b\":[1,2],\"c\":null}", 20}, remove = {"{\"a\":0}", 7},
               set = {"{\"z\":1}", 7};
    assert_ok(f, put(f, false, id, 1, 2, "{\"a\":1,\"b\":2}"));
    assert_ok(f,
              varve_fields_change(f->c, VARVE_FIELDS_MERGE, &id, &merge, 1, NULL, NULL, &f->err));
    assert_string_equal(fields_of(f, id, 0), "{\"a\":1,\"b\":[1,2],\"c\":null}");
    assert_ok(f,
              varve_fields_change(f->c, VARVE_FIELDS_REMOVE, &id, &remove, 1, NULL, NULL, &f->err));
    assert_string_equal(fields_of(f, id, 0), "{\"b\":[1,2],\"c\":null}");
    assert_ok(f, varve_fields_change(f->c, VARVE_FIELDS_SET, &id, &set, 1, NULL, NULL, &f->err));
    assert_string_equal(fields_of(f, id, 0), "{\"z\":1}");
    assert_int_equal(
        varve_fields_change(f->c, VARVE_FIELDS_SET, &unknown, &set, 1, NULL, NULL, &f->err),
        VARVE_NOT_FOUND);
    assert_int_equal(put(f, false, unknown, 0, 0, "{\"a\":1,\"a\":2}"), VARVE_INVALID);
    assert_int_equal(put(f, false, unknown, 0, 0, "[1]"), VARVE_INVALID);
}

static void test_bad_vectors(void **state)
{
    fixture *f = *state;
    float v[3] = {1, 2, 3};
    varve_id id = num(5);
    varve_rows rows = {.count = 1, .dim = 3, .ids = &id, .vectors = v};
    assert_ok(f, put(f, false, num(1), 1, 2, NULL)); /* fixes the dimension at 2 */
    assert_int_equal(varve_insert(f->c, &rows, NULL, NULL, &f->err), VARVE_INVALID);
    assert_string_equal(f->err.message, "Dimension mismatch: expected 2, got 3");
    assert_int_equal(put(f, false, id, 1, NAN, NULL), VARVE_INVALID);
    assert_non_null(strstr(f->err.message, "vectors[0][1]"));
    assert_int_equal(put(f, false, id, -INFINITY, 1, NULL), VARVE_INVALID);
    rows.dim = 0;
    assert_int_equal(varve_insert(f->c, &rows, NULL, NULL, &f->err), VARVE_INVALID);
    assert_int_equal(put(f, false, str(""), 1, 1, NULL), VARVE_INVALID);
    assert_null(fields_of(f, id, 0));
}

static void test_one_owner_many_readers(void **state)
{
    fixture *f = *state;
    varve *second = NULL;
    varve_options o;
    assert_ok(f, put(f, false, num(1), 1, 2, "{\"r\":1}"));
    assert_int_equal(varve_open(f->dir.path, NULL, &second, &f->err), VARVE_LOCKED);
    assert_non_null(strstr(f->err.message, "pid"));
    varve_options_init(&o);
    o.read_only = true;
    assert_ok(f, varve_open(f->dir.path, &o, &second, &f->err));
    varve_collection *c = NULL;
    assert_ok(f, varve_collection_open(second, "default", "c", &c, &f->err));
    uint64_t live = 0;
    assert_ok(f, varve_count(c, &live, &f->err));
    assert_int_equal(live, 1);
    varve_id id = num(1);
    assert_int_equal(varve_delete(c, &id, 1, NULL, NULL, &f->err), VARVE_READ_ONLY);
    varve_collection_release(c);
    assert_ok(f, varve_close(second, &f->err));
}

static void test_databases_and_collections(void **state)
{
    fixture *f = *state;
    varve_names *names = NULL;
    varve_collection *c = NULL;
    assert_int_equal(varve_collection_open(f->db, "nowhere", "c", &c, &f->err), VARVE_NOT_FOUND);
    assert_int_equal(varve_collection_open(f->db, "default", "d", &c, &f->err), VARVE_NOT_FOUND);
    assert_false(varve_collection_exists(f->db, "default", "d")); /* asking creates nothing */
    assert_int_equal(varve_database_create(f->db, "../x", &f->err), VARVE_INVALID);
    assert_ok(f, varve_database_create(f->db, "two", &f->err));
    assert_int_equal(varve_database_create(f->db, "two", &f->err), VARVE_EXISTS);
    assert_int_equal(varve_collection_create(f->db, "default", "c", NULL, &c, &f->err),
                     VARVE_EXISTS);
    varve_collection_spec spec = {
        .dim = 4, .dtype = VARVE_FLOAT16, .index_mode = "flat-l2", .description = "d"};
    assert_ok(f, varve_collection_create(f->db, "two", "c", &spec, &c, &f->err));
    varve_collection_stats stats;
    assert_ok(f, varve_collection_get_stats(c, &stats, &f->err));
    assert_int_equal(stats.metric, VARVE_METRIC_L2);
    assert_string_equal(stats.index_mode, "flat-l2");
    assert_int_equal(varve_index_mode_set(c, "HNSW", &f->err), VARVE_INVALID);
    assert_int_equal(varve_index_mode_set(c, "FLAT-L2-PQ8", &f->err), VARVE_UNSUPPORTED);
    assert_non_null(strstr(f->err.message, "4 dimensions"));
    assert_ok(f, varve_index_mode_set(c, "HNSW-L2", &f->err));
    assert_ok(f, varve_database_list(f->db, &names, &f->err));
    assert_int_equal(varve_names_count(names), 2);
    assert_string_equal(varve_names_get(names, 1), "two");
    varve_names_free(names);
    assert_ok(f, varve_database_drop(f->db, "two", &f->err));
    assert_false(varve_database_exists(f->db, "two"));
    assert_int_equal(varve_collection_get_stats(c, &stats, &f->err), VARVE_NOT_FOUND);
    varve_collection_release(c);
}

static void reopen(fixture *f, bool clean)
{
    varve_collection_release(f->c);
    f->c = NULL;
    if (clean) {
        assert_ok(f, varve_close(f->db, &f->err));
    } else {
        varve_abandon(f->db);
    }
    assert_ok(f, varve_open(f->dir.path, NULL, &f->db, &f->err));
    assert_ok(f, varve_collection_open(f->db, "default", "c", &f->c, &f->err));
}

static void test_all_survives_reopening(void **state)
{
    fixture *f = *state;
    varve_write_options relaxed = {VARVE_DURABILITY_RELAXED}, remote = {VARVE_DURABILITY_REMOTE};
    varve_id id = num(3);
    float v[2] = {1, 1};
    varve_rows rows = {.count = 1, .dim = 2, .ids = &id, .vectors = v};
    assert_ok(f, varve_collection_describe(f->c, "what it is", &f->err));
    assert_ok(f, varve_index_mode_set(f->c, "FLAT-COS", &f->err));
    assert_ok(f, put(f, false, num(1), 1, 2, "{\"a\":18446744073709551615}"));
    assert_ok(f, put(f, false, num(2), 1, 2, NULL));
    assert_ok(f, varve_insert(f->c, &rows, &relaxed, NULL, &f->err));
    assert_int_equal(varve_insert(f->c, &rows, &remote, NULL, &f->err), VARVE_UNSUPPORTED);
    id = num(2);
    assert_ok(f, varve_delete(f->c, &id, 1, NULL, NULL, &f->err));
    for (int clean = 0; clean < 2; clean++) {
        char text[64];
        varve_collection_stats stats;
        reopen(f, clean);
        assert_ok(f, varve_collection_get_description(f->c, text, sizeof text, &f->err));
        assert_string_equal(text, "what it is");
        assert_ok(f, varve_collection_get_stats(f->c, &stats, &f->err));
        assert_int_equal(stats.metric, VARVE_METRIC_COSINE);
        assert_int_equal(stats.rows_live, 2);
        assert_int_equal(stats.rows_deleted, 1);
        assert_int_equal(stats.max_ordinal, 2);
        assert_string_equal(fields_of(f, num(1), 0), "{\"a\":18446744073709551615}");
    }
    assert_ok(f, varve_restore(f->c, &id, 1, NULL, NULL, &f->err));
    assert_string_equal(fields_of(f, num(2), 0), "{}");
}

static void test_session(void **state)
{
    fixture *f = *state;
    varve_session *s = NULL;
    float v[4] = {1, 2, 3, 4};
    varve_id ids[2] = {num(1), num(2)};
    varve_rows rows = {.count = 2, .dim = 2, .ids = ids, .vectors = v};
    assert_ok(f, varve_session_new(f->c, NULL, &s, &f->err));
    assert_ok(f, varve_session_add(s, &rows, &f->err));
    assert_null(fields_of(f, num(1), 0)); /* not before the commit */
    varve_session_free(s);
    assert_null(fields_of(f, num(1), 0));
    assert_ok(f, varve_session_new(f->c, NULL, &s, &f->err));
    assert_ok(f, varve_session_add(s, &rows, &f->err));
    assert_ok(f, varve_session_add(s, &rows, &f->err));
    assert_int_equal(varve_session_commit(s, NULL, &f->err), VARVE_INVALID); /* ids come twice */
    varve_session_free(s);
    assert_null(fields_of(f, num(1), 0));
    assert_ok(f, varve_session_new(f->c, &(varve_session_options){.upsert = true}, &s, &f->err));
    assert_ok(f, varve_session_add(s, &rows, &f->err));
    assert_ok(f, varve_session_add(s, &rows, &f->err));
    varve_receipt receipt;
    assert_ok(f, varve_session_commit(s, &receipt, &f->err));
    assert_int_equal(varve_session_commit(s, NULL, &f->err), VARVE_CLOSED);
    varve_session_free(s);
    assert_non_null(fields_of(f, num(2), 0));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {TEST(test_insert_refuses_what_exists),
                                       TEST(test_upsert_keeps_or_replaces_fields),
                                       TEST(test_delete_restore),
                                       TEST(test_order_of_insertion),
                                       TEST(test_automatic_ids),
                                       TEST(test_scroll),
                                       TEST(test_fields_change),
                                       TEST(test_bad_vectors),
                                       TEST(test_one_owner_many_readers),
                                       TEST(test_databases_and_collections),
                                       TEST(test_all_survives_reopening),
                                       TEST(test_session)};
#undef TEST
    return cmocka_run_group_tests(tests, NULL, NULL);
}
