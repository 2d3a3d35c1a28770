/* test_query_calls.c — the public calls of varve_query.h over a folder: filters, rows, counts,
 * deletes, facets, searches with filters and of several legs, on rows in memory and in segments. */
#include "db_fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ROWS = 600 };

static varve_text text_of(const char *text) { return (varve_text){text, strlen(text)}; }

static void vector_of(size_t i, float ret[DB_DIM])
{
    random_state r;
    random_seed(&r, 1000 + i);
    for (size_t d = 0; d < DB_DIM; d++)
        ret[d] = random_gauss(&r);
}

/* Rows 0 … ROWS-1: half sealed, half in memory; row i has {"n":i,"m":i%7,"t":"word<i%5> all"}. */
static void add_rows(db_fixture *f, size_t first, size_t count)
{
    varve_id *ids = calloc(count, sizeof *ids);
    float *vectors = calloc(count * DB_DIM, sizeof *vectors);
    varve_text *fields = calloc(count, sizeof *fields);
    char *texts = calloc(count, 64);
    for (size_t i = 0; i < count; i++) {
        ids[i] = (varve_id){.kind = VARVE_ID_NUM, .num = first + i};
        vector_of(first + i, vectors + i * DB_DIM);
        snprintf(texts + i * 64, 64, "{\"n\":%zu,\"m\":%zu,\"t\":\"word%zu all\"}", first + i,
                 (first + i) % 7, (first + i) % 5);
        fields[i] = text_of(texts + i * 64);
    }
    varve_rows rows = {.count = count, .dim = DB_DIM, .ids = ids, .vectors = vectors};
    rows.fields = fields;
    db_ok(f, varve_insert(f->c, &rows, NULL, NULL, &f->err));
    free(ids);
    free(vectors);
    free(fields);
    free(texts);
}

static void begin(db_fixture *f)
{
    db_options(f);
    db_begin(f, "FLAT-L2", VARVE_FLOAT32);
    add_rows(f, 0, ROWS / 2);
    db_ok(f, varve_collection_checkpoint(f->c, &f->err));
    add_rows(f, ROWS / 2, ROWS / 2);
}

static varve_filter *where(db_fixture *f, const char *text)
{
    varve_filter *filter = NULL;
    db_ok(f, varve_filter_where(text_of(text), NULL, 0, &filter, &f->err));
    return filter;
}

static uint64_t count(db_fixture *f, const char *text)
{
    varve_filter *filter = text ? where(f, text) : NULL;
    uint64_t n;
    db_ok(f, varve_count_matching(f->c, filter, &n, &f->err));
    varve_filter_free(filter);
    return n;
}

static void filters_are_parsed_printed_and_asked(void **state)
{
    varve_filter *filter = NULL;
    varve_error err;
    char text[128];
    bool matches;
    varve_id id = {.kind = VARVE_ID_NUM, .num = 4};
    varve_parameter parameter = {.name = text_of("m"), .json = text_of("3")};
    (void)state;
    assert_int_equal(varve_filter_where(text_of("m > :m AND id = 4"), &parameter, 1, &filter, &err),
                     VARVE_OK);
    assert_int_equal(varve_filter_text(filter, text, sizeof text, &err), VARVE_OK);
    assert_non_null(strstr(text, "m > 3"));
    assert_int_equal(varve_filter_matches(filter, id, text_of("{ \"m\": 4 }"), &matches, &err),
                     VARVE_OK);
    assert_true(matches);
    assert_int_equal(varve_filter_matches(filter, id, (varve_text){0}, &matches, &err), VARVE_OK);
    assert_false(matches);
    varve_filter_free(filter);
    assert_int_equal(varve_filter_where(text_of("m >"), NULL, 0, &filter, &err), VARVE_INVALID);
    assert_int_equal(
        varve_filter_json(text_of("{\"must\":[{\"key\":\"m\",\"match\":{\"value\":4}}]}"), &filter,
                          &err),
        VARVE_OK);
    assert_int_equal(varve_filter_matches(filter, id, text_of("{\"m\":4}"), &matches, &err),
                     VARVE_OK);
    assert_true(matches);
    varve_filter_free(filter);
    assert_int_equal(varve_filter_json(text_of("{\"must\":["), &filter, &err), VARVE_INVALID);
    assert_int_equal(varve_filter_govector(text_of("{\"must\":[{\"key\":\"m\",\"match\":{\"value\":"
                                                   "\"x\"}}]}"),
                                           &filter, &err),
                     VARVE_OK);
    assert_int_equal(varve_filter_matches(filter, id, text_of("{\"m\":\"x\"}"), &matches, &err),
                     VARVE_OK);
    assert_true(matches);
    varve_filter_free(filter);
}

static void rows_come_by_filter(void **state)
{
    db_fixture f = {0};
    varve_rowset *rows = NULL;
    varve_id next;
    (void)state;
    begin(&f);
    varve_filter *filter = where(&f, "m = 2 AND n >= 100");
    varve_rows_query q = {.filter = filter, .n = 5, .with = VARVE_WITH_FIELDS};
    db_ok(&f, varve_query_rows(f.c, &q, &rows, &f.err));
    assert_int_equal(varve_rowset_count(rows), 5);
    for (size_t i = 0; i < 5; i++)
        assert_int_equal(varve_rowset_id(rows, i).num, 100 + 7 * i);
    varve_rowset_free(rows);
    q.order_by = "n";
    q.descending = true;
    q.offset = 2;
    db_ok(&f, varve_query_rows(f.c, &q, &rows, &f.err));
    for (size_t i = 0; i < 5; i++)
        assert_int_equal(varve_rowset_id(rows, i).num, 597 - 7 * (i + 2));
    varve_rowset_free(rows);
    varve_id from = {.kind = VARVE_ID_NUM, .num = 300};
    q = (varve_rows_query){.filter = filter, .from = &from, .n = 3};
    db_ok(&f, varve_query_rows(f.c, &q, &rows, &f.err));
    assert_int_equal(varve_rowset_id(rows, 0).num, 303);
    assert_true(varve_rowset_next(rows, &next));
    assert_int_equal(next.num, 303 + 21);
    varve_rowset_free(rows);
    q = (varve_rows_query){.by_id = true, .n = 10};
    db_ok(&f, varve_query_rows(f.c, &q, &rows, &f.err));
    assert_int_equal(varve_rowset_count(rows), 10);
    varve_rowset_free(rows);
    q = (varve_rows_query){.filter = filter};
    db_ok(&f, varve_query_rows(f.c, &q, &rows, &f.err));
    assert_int_equal(varve_rowset_count(rows), count(&f, "m = 2 AND n >= 100"));
    varve_rowset_free(rows);
    q.n = 10001;
    assert_int_equal(varve_query_rows(f.c, &q, &rows, &f.err), VARVE_LIMIT);
    varve_filter_free(filter);
    db_end(&f);
}

static void matching_rows_are_deleted(void **state)
{
    db_fixture f = {0};
    varve_receipt receipt;
    varve_rowset *rows = NULL;
    (void)state;
    begin(&f);
    f.db->options.max_batch_vectors = 16; /* several commits */
    assert_int_equal(count(&f, NULL), ROWS);
    assert_int_equal(count(&f, "m = 3"), 86);
    assert_int_equal(count(&f, "id IN (3, 10, 599, 600, '3')"), 3);
    assert_int_equal(count(&f, "NOT id IN (3, 10)"), ROWS - 2);
    varve_filter *filter = where(&f, "m = 3");
    db_ok(&f, varve_delete_matching(f.c, filter, NULL, &receipt, &f.err));
    assert_int_equal(receipt.rows_changed, 86);
    assert_int_equal(count(&f, "m = 3"), 0);
    assert_int_equal(count(&f, "id IN (3, 4, 10, 11)"), 2);
    assert_int_equal(count(&f, NULL), ROWS - 86);
    varve_rows_query q = {.filter = filter, .with = VARVE_WITH_DELETED, .n = 100};
    db_ok(&f, varve_query_rows(f.c, &q, &rows, &f.err));
    assert_int_equal(varve_rowset_count(rows), 86);
    assert_int_equal(varve_rowset_state(rows, 0), VARVE_ROW_DELETED);
    varve_rowset_free(rows);
    varve_filter_free(filter);
    db_end(&f);
}

static void values_are_counted(void **state)
{
    db_fixture f = {0};
    varve_facets *facets = NULL;
    (void)state;
    begin(&f);
    varve_filter *filter = where(&f, "n < 10");
    db_ok(&f, varve_facets_count(f.c, "m", filter, 4, &facets, &f.err));
    static const char *const values[] = {"0", "1", "2", "3"};
    static const uint64_t rows[] = {2, 2, 2, 1};
    assert_int_equal(varve_facets_size(facets), 4);
    for (size_t i = 0; i < 4; i++) {
        varve_text value = varve_facets_value(facets, i);
        assert_int_equal(value.len, 1);
        assert_int_equal(value.data[0], values[i][0]);
        assert_int_equal(varve_facets_rows(facets, i), rows[i]);
    }
    varve_facets_free(facets);
    db_ok(&f, varve_facets_count(f.c, "t", NULL, 100, &facets, &f.err));
    assert_int_equal(varve_facets_size(facets), 5);
    assert_memory_equal(varve_facets_value(facets, 0).data, "\"word0 all\"", 11);
    varve_facets_free(facets);
    assert_int_equal(varve_facets_count(f.c, "[", NULL, 100, &facets, &f.err), VARVE_INVALID);
    varve_filter_free(filter);
    db_end(&f);
}

static void searches_are_filtered_and_explained(void **state)
{
    db_fixture f = {0};
    varve_hits *hits = NULL;
    varve_profile profile;
    float query[DB_DIM];
    (void)state;
    begin(&f);
    vector_of(123, query);
    varve_filter *filter = where(&f, "m = 4");
    varve_search_request r = {.vectors = query, .count = 1, .dim = DB_DIM, .k = 3};
    r.filter = filter;
    db_ok(&f, varve_search(f.c, &r, &hits, &f.err));
    assert_int_equal(varve_hits_count(hits, 0), 3);
    assert_int_equal(varve_hits_id(hits, 0, 0).num, 123); /* 123 = 4 mod 7 */
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(varve_hits_id(hits, 0, i).num % 7, 4);
    varve_hits_profile(hits, &profile);
    assert_int_equal(profile.filter_matches, 86);
    assert_int_equal(profile.rows_total, ROWS);
    assert_true(profile.total_us >= profile.search_us);
    assert_non_null(strstr(varve_hits_explain(hits, 1), "segment 1: 300 rows"));
    assert_non_null(strstr(varve_hits_explain(hits, 2), "memory: 300 rows"));
    assert_null(varve_hits_explain(hits, 3));
    varve_hits_free(hits);
    varve_filter_free(filter);
    r.filter = filter = where(&f, "m LIKE '%x'"); /* of numbers: nothing is filed under texts */
    db_ok(&f, varve_search(f.c, &r, &hits, &f.err));
    assert_int_equal(varve_hits_count(hits, 0), 0);
    assert_non_null(strstr(varve_hits_explain(hits, 0), "filter: 0 rows match"));
    varve_hits_free(hits);
    varve_filter_free(filter);
    db_end(&f);
}

static void legs_are_asked_by_id_and_text(void **state)
{
    db_fixture f = {0};
    varve_hits *hits = NULL;
    varve_recall recall;
    (void)state;
    begin(&f);
    varve_leg legs[2] = {{.kind = VARVE_LEG_VECTOR, .by_id = true, .id.num = 450},
                         {.kind = VARVE_LEG_TEXT, .text = text_of("word1")}};
    varve_query_request r = {.legs = legs, .leg_count = 2, .k = 10, .with = VARVE_WITH_FIELDS};
    db_ok(&f, varve_query(f.c, &r, &hits, &f.err));
    assert_int_equal(varve_hits_count(hits, 0), 10);
    for (size_t i = 0; i < 10; i++)
        assert_true(varve_hits_id(hits, 0, i).num != 450);
    varve_hits_free(hits);
    legs[0].id.num = ROWS;
    assert_int_equal(varve_query(f.c, &r, &hits, &f.err), VARVE_NOT_FOUND);
    r.legs = legs + 1;
    r.leg_count = 1;
    r.k = 200;
    db_ok(&f, varve_query(f.c, &r, &hits, &f.err));
    assert_int_equal(varve_hits_count(hits, 0), ROWS / 5);
    varve_hits_free(hits);
    db_ok(&f, varve_recall_measure(f.c, NULL, 10, 20, 1, 0, 0, &recall, &f.err));
    assert_int_equal(recall.samples, 20);
    assert_float_equal(recall.recall, 1, 0);
    db_end(&f);
}

/* Named fields through the whole engine: written, searched, joined, deleted with their rows. */
static void named_fields_are_queried(void **state)
{
    db_fixture f = {0};
    varve_hits *hits = NULL;
    varve_field_spec dense = {.kind = VARVE_FIELD_DENSE, .dim = DB_DIM, .metric = VARVE_METRIC_L2};
    varve_field_spec sparse = {.kind = VARVE_FIELD_SPARSE};
    varve_field_spec multi = {.kind = VARVE_FIELD_MULTI, .dim = DB_DIM, .metric = VARVE_METRIC_IP};
    float vectors[100 * DB_DIM], values[100], query[2 * DB_DIM];
    uint32_t indices[100];
    size_t ones[100], twos[50];
    varve_id ids[100];
    (void)state;
    begin(&f);
    db_ok(&f, varve_field_create(f.c, "title", &dense, &f.err));
    db_ok(&f, varve_field_create(f.c, "words", &sparse, &f.err));
    db_ok(&f, varve_field_create(f.c, "parts", &multi, &f.err));
    for (size_t i = 0; i < 100; i++) {
        ids[i] = (varve_id){.kind = VARVE_ID_NUM, .num = 250 + i};
        vector_of(5000 + i, vectors + i * DB_DIM);
        indices[i] = (uint32_t)(i % 3);
        values[i] = (float)(i + 1);
        ones[i] = 1;
        twos[i / 2] = 2;
    }
    varve_field_rows rows = {.count = 100, .ids = ids, .vectors = vectors, .dim = DB_DIM};
    db_ok(&f, varve_field_put(f.c, "title", &rows, false, NULL, NULL, &f.err));
    rows = (varve_field_rows){.count = 100, .ids = ids, .indices = indices, .values = values};
    rows.nonzero = ones;
    db_ok(&f, varve_field_put(f.c, "words", &rows, false, NULL, NULL, &f.err));
    rows = (varve_field_rows){.count = 50, .ids = ids, .vectors = vectors, .dim = DB_DIM};
    rows.counts = twos;
    db_ok(&f, varve_field_put(f.c, "parts", &rows, false, NULL, NULL, &f.err));
    vector_of(5042, query);
    vector_of(5043, query + DB_DIM);
    varve_filter *filter = where(&f, "n <> 348 AND m < 6");
    varve_search_request search = {.vectors = query, .count = 1, .dim = DB_DIM, .k = 5};
    search.vector_field = "title";
    db_ok(&f, varve_search(f.c, &search, &hits, &f.err));
    assert_int_equal(varve_hits_id(hits, 0, 0).num, 292);
    assert_float_equal(varve_hits_score(hits, 0, 0), 0, 0);
    varve_hits_free(hits);
    varve_leg leg = {.kind = VARVE_LEG_SPARSE, .field = "words", .nonzero = 1};
    leg.indices = (uint32_t[]){2};
    leg.values = (float[]){0.5f};
    varve_query_request r = {.legs = &leg, .leg_count = 1, .k = 50, .filter = filter};
    db_ok(&f, varve_query(f.c, &r, &hits, &f.err));
    assert_int_equal(varve_hits_id(hits, 0, 0).num, 345); /* 348 is filtered, 345 = 2 mod 7 */
    assert_float_equal(varve_hits_score(hits, 0, 0), 48, 0);
    assert_int_equal(varve_hits_count(hits, 0), 27);
    varve_hits_free(hits);
    leg = (varve_leg){.kind = VARVE_LEG_VECTOR, .field = "parts", .vectors = query, .dim = DB_DIM};
    leg.vector_count = 2;
    r.filter = NULL;
    r.k = 60;
    db_ok(&f, varve_query(f.c, &r, &hits, &f.err));
    assert_int_equal(varve_hits_count(hits, 0), 50);
    assert_int_equal(varve_hits_id(hits, 0, 0).num, 250 + 21);
    varve_hits_free(hits);
    db_ok(&f, varve_delete(f.c, &ids[21], 1, NULL, NULL, &f.err));
    db_ok(&f, varve_query(f.c, &r, &hits, &f.err));
    assert_int_equal(varve_hits_count(hits, 0), 49);
    varve_hits_free(hits);
    varve_filter_free(filter);
    db_end(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(filters_are_parsed_printed_and_asked),
                                       cmocka_unit_test(rows_come_by_filter),
                                       cmocka_unit_test(matching_rows_are_deleted),
                                       cmocka_unit_test(values_are_counted),
                                       cmocka_unit_test(searches_are_filtered_and_explained),
                                       cmocka_unit_test(legs_are_asked_by_id_and_text),
                                       cmocka_unit_test(named_fields_are_queried)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
