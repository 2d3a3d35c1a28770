/* test_query_fields.c — legs over named fields, dense, sparse and of several vectors per row: what
 * they find is what a look at every row finds, with filters on the parent's fields and without. */
#include "abreast.h"
#include "brute.h"
#include "child_fixture.h"

#include "distance/distance.h"
#include "query/leg.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const varve_options limits = {
    .max_top_k = 10000, .max_batch_vectors = 1000, .recall_target_percent = 95};

typedef struct family {
    world w;
    child dense, sparse, multi;
    query_field fields[3];
    query_input in;
} family;

static void family_init(family *f, varve_metric metric, size_t rows)
{
    world_spec spec = {.seed = 31, .dim = 4, .metric = metric, .sources = 4};
    spec.rows_per_source = rows;
    spec.hidden_percent = 12;
    spec.string_ids = spec.rich_fields = true;
    world_init(&f->w, &spec);
    child_init(&f->dense, &f->w, VECTOR_DENSE);
    child_init(&f->sparse, &f->w, VECTOR_SPARSE);
    child_init(&f->multi, &f->w, VECTOR_MULTI);
    f->fields[0] = (query_field){"title", VECTOR_DENSE, f->dense.v};
    f->fields[1] = (query_field){"words", VECTOR_SPARSE, f->sparse.v};
    f->fields[2] = (query_field){"parts", VECTOR_MULTI, f->multi.v};
    f->in = (query_input){.v = f->w.v, .fields = f->fields, .field_count = 3, .limits = &limits};
}

static void family_done(family *f)
{
    child_done(&f->dense);
    child_done(&f->sparse);
    child_done(&f->multi);
    world_done(&f->w);
}

static varve_hits *ask(const family *f, const varve_query_request *r)
{
    varve_hits *hits = NULL;
    varve_error err = {0};
    if (query_run_check(r, &limits, &err) != VARVE_OK) fail_msg("%s", err.message);
    if (abreast_run(&f->in, r, &hits, &err) != VARVE_OK) fail_msg("%s", err.message);
    return hits;
}

static const char *const filters[] = {NULL, "score < 5", "g IN ('g1', 'g4') OR n < 30", "n = 3",
                                      "n < 0"};

typedef struct asked {
    const family *f;
    const varve_leg *leg;
} asked;

static double vector_key(const family *f, const float *query, const float *row)
{
    return key_of(f->w.spec.metric,
                  distance_exact(f->w.spec.metric, VARVE_FLOAT32, CHILD_DIM, query, row));
}

static double dense_key(void *context, const model_row *row)
{
    const asked *a = context;
    const child_row *r = child_row_of(&a->f->dense, row);
    return r->count ? vector_key(a->f, a->leg->vectors, r->values) : NAN;
}

static double multi_key(void *context, const model_row *row)
{
    const asked *a = context;
    const child_row *r = child_row_of(&a->f->multi, row);
    double sum = r->count ? 0 : NAN;
    for (size_t i = 0; r->count && i < a->leg->vector_count; i++) {
        double best = INFINITY;
        for (size_t j = 0; j < r->count; j++)
            best = fmin(best, vector_key(a->f, (const float *)a->leg->vectors + i * CHILD_DIM,
                                         r->values + j * CHILD_DIM));
        sum += best;
    }
    return sum;
}

static double sparse_key(void *context, const model_row *row)
{
    const asked *a = context;
    const child_row *r = child_row_of(&a->f->sparse, row);
    double sum = 0;
    bool shared = false;
    for (size_t i = 0; i < r->count; i++) {
        for (size_t j = 0; j < a->leg->nonzero; j++) {
            if (r->indices[i] != a->leg->indices[j]) continue;
            sum += (double)r->values[i] * (double)a->leg->values[j];
            shared = true;
        }
    }
    return shared ? -sum : NAN;
}

static void check_leg(const family *f, varve_leg *leg, brute_key *key, bool larger,
                      double tolerance)
{
    asked a = {f, leg};
    for (size_t i = 0; i < VV_COUNT(filters); i++) {
        filter *where = filters[i] ? brute_filter(filters[i]) : NULL;
        varve_query_request r = {.legs = leg, .leg_count = 1, .k = 15, .offset = 3 * (i % 2)};
        if (i % 2)
            leg->filter = where;
        else
            r.filter = where;
        varve_hits *hits = ask(f, &r);
        brute_hits expected = brute_rank(&f->w, where, key, &a);
        assert_int_equal(varve_hits_larger_is_better(hits), larger);
        for (size_t j = 0; tolerance == 0 && j < expected.count; j++)
            expected.rows[j].key = (double)(float)expected.rows[j].key;
        brute_compare(hits, 0, &expected, r.offset, r.k, larger, tolerance,
                      filters[i] ? filters[i] : "all");
        varve_hits_free(hits);
        brute_free(&expected);
        filter_free(where);
        leg->filter = NULL;
    }
}

static void dense_fields_are_searched(void **state)
{
    family f;
    float query[CHILD_DIM];
    (void)state;
    family_init(&f, VARVE_METRIC_L2, 600);
    for (size_t i = 0; i < CHILD_DIM; i++)
        query[i] = random_gauss(&f.w.random);
    varve_leg leg = {.kind = VARVE_LEG_VECTOR, .field = "title", .vectors = query};
    leg.dim = CHILD_DIM;
    check_leg(&f, &leg, dense_key, false, 0);
    varve_search_request r = {.vectors = query, .count = 1, .dim = CHILD_DIM, .k = 7};
    r.vector_field = "title";
    varve_hits *hits = NULL;
    asked a = {&f, &leg};
    assert_int_equal(query_search(&f.in, &r, &hits, NULL), VARVE_OK);
    brute_hits expected = brute_rank(&f.w, NULL, dense_key, &a);
    brute_compare(hits, 0, &expected, 0, 7, false, 1e-6, "varve_search");
    varve_hits_free(hits);
    brute_free(&expected);
    r.vector_field = "parts";
    assert_int_equal(query_search(&f.in, &r, &hits, NULL), VARVE_UNSUPPORTED);
    r.vector_field = "none";
    assert_int_equal(query_search(&f.in, &r, &hits, NULL), VARVE_NOT_FOUND);
    family_done(&f);
}

static void sparse_fields_are_searched(void **state)
{
    static const uint32_t indices[] = {31, 3, 12, 7};
    static const float values[] = {0.5f, 2, 1, 1};
    (void)state;
    for (size_t rows = 200; rows <= 6200; rows += 6000) {
        family f;
        family_init(&f, VARVE_METRIC_IP, rows);
        varve_leg leg = {.kind = VARVE_LEG_SPARSE, .field = "words", .nonzero = 4};
        leg.indices = indices;
        leg.values = values;
        check_leg(&f, &leg, sparse_key, true, 0);
        family_done(&f);
    }
}

static void several_vectors_are_compared_by_max_sim(void **state)
{
    static const varve_metric metrics[] = {VARVE_METRIC_IP, VARVE_METRIC_L2, VARVE_METRIC_COSINE};
    float query[3 * CHILD_DIM];
    (void)state;
    for (size_t i = 0; i < VV_COUNT(metrics); i++) {
        family f;
        family_init(&f, metrics[i], 1500);
        for (size_t j = 0; j < VV_COUNT(query); j++)
            query[j] = random_gauss(&f.w.random);
        varve_leg leg = {.kind = VARVE_LEG_VECTOR, .field = "parts", .vectors = query};
        leg.dim = CHILD_DIM;
        leg.vector_count = 3;
        leg.exact = true;
        check_leg(&f, &leg, multi_key, varve_metric_larger_is_better(metrics[i]), 1e-6);
        leg.exact = false; /* candidates: enough of them, and mostly the best */
        varve_query_request r = {.legs = &leg, .leg_count = 1, .k = 20};
        asked a = {&f, &leg};
        varve_hits *hits = ask(&f, &r);
        brute_hits expected = brute_rank(&f.w, NULL, multi_key, &a);
        size_t found = 0;
        assert_int_equal(varve_hits_count(hits, 0), 20);
        for (size_t h = 0; h < 20; h++)
            for (size_t j = 0; j < 20; j++)
                found += varve_hits_ordinal(hits, 0, h) == expected.rows[j].row->ordinal;
        assert_true(found >= 14);
        varve_hits_free(hits);
        brute_free(&expected);
        family_done(&f);
    }
}

/* The vector of a row is the query, and the row is not among the hits. */
static void rows_are_queries_by_id(void **state)
{
    static const char *const names[] = {"title", "words", "parts", NULL};
    family f;
    size_t at = 0;
    (void)state;
    family_init(&f, VARVE_METRIC_L2, 400);
    while (f.w.rows[at].fate != FATE_LIVE || !f.dense.rows[at].count || !f.sparse.rows[at].count ||
           !f.multi.rows[at].count)
        at++;
    for (size_t i = 0; i < VV_COUNT(names); i++) {
        varve_leg leg = {.kind = i == 1 ? VARVE_LEG_SPARSE : VARVE_LEG_VECTOR, .field = names[i]};
        leg.by_id = true;
        leg.id = f.w.rows[at].id;
        varve_query_request r = {.legs = &leg, .leg_count = 1, .k = 12};
        varve_hits *hits = ask(&f, &r);
        assert_int_equal(varve_hits_count(hits, 0), 12);
        for (size_t h = 0; h < 12; h++)
            assert_true(varve_hits_ordinal(hits, 0, h) != f.w.rows[at].ordinal);
        varve_hits_free(hits);
        leg.id = (varve_id){.kind = VARVE_ID_NUM, .num = 12345};
        varve_error err;
        assert_int_equal(abreast_run(&f.in, &r, &hits, &err), VARVE_NOT_FOUND);
    }
    family_done(&f);
}

/* Ordinals that are not in the order of rows are found all the same. */
static void rows_are_found_by_ordinal(void **state)
{
    family f;
    uint64_t wanted[50];
    row_place places[50];
    (void)state;
    family_init(&f, VARVE_METRIC_L2, 500);
    for (size_t i = 0; i < 50; i++)
        wanted[i] = f.w.rows[random_below(&f.w.random, f.w.row_count)].ordinal;
    wanted[7] = 3; /* there is none */
    assert_int_equal(view_find_ordinals(f.w.v, wanted, 50, NULL, places, NULL), VARVE_OK);
    for (size_t i = 0; i < 50; i++) {
        const model_row *row = NULL;
        for (size_t j = 0; j < f.w.row_count; j++)
            if (f.w.rows[j].ordinal == wanted[i] && f.w.rows[j].fate == FATE_LIVE)
                row = &f.w.rows[j];
        assert_int_equal(places[i].source, row ? row->place.source : SIZE_MAX);
        if (row) assert_int_equal(places[i].slot, row->place.slot);
    }
    family_done(&f);
}

static void filters_ask_for_vectors_of_fields(void **state)
{
    family f;
    struct varve_filter *where = NULL;
    static const char text[] = "{\"must\":[{\"has_vector\":\"words\"}]}";
    (void)state;
    family_init(&f, VARVE_METRIC_L2, 300);
    assert_int_equal(varve_filter_json((varve_text){text, sizeof text - 1}, &where, NULL),
                     VARVE_OK);
    view *v = NULL;
    uint64_t expected = 0;
    assert_int_equal(query_matching(&f.in, where, &v, NULL), VARVE_OK);
    for (size_t i = 0; i < f.w.row_count; i++)
        expected += f.w.rows[i].fate == FATE_LIVE && f.sparse.rows[i].count > 0;
    assert_int_equal(v->rows_live, expected);
    view_unref(v);
    varve_filter_free(where);
    family_done(&f);
}

/* A tree of legs with filters of their own, one of them without part in it: numbered, explained and
 * fused as if each had waited for the one before. Of two legs that fail the first one is named. */
static void legs_do_not_wait_for_each_other(void **state)
{
    static const uint32_t indices[] = {31, 3, 12, 7};
    static const float values[] = {0.5f, 2, 1, 1};
    family f;
    float query[2 * CHILD_DIM];
    (void)state;
    family_init(&f, VARVE_METRIC_L2, 900);
    for (size_t i = 0; i < VV_COUNT(query); i++)
        query[i] = random_gauss(&f.w.random);
    filter *some = brute_filter("score < 5"), *others = brute_filter("n > 100");
    varve_leg title = {.kind = VARVE_LEG_VECTOR, .field = "title", .vectors = query};
    varve_leg words = {.kind = VARVE_LEG_SPARSE, .field = "words", .nonzero = 4};
    varve_leg parts = title, sample = {.kind = VARVE_LEG_SAMPLE, .seed = 5, .limit = 300};
    varve_leg text = {.kind = VARVE_LEG_TEXT, .text = {"alpha beta", 10}, .filter = others};
    title.dim = parts.dim = CHILD_DIM;
    title.filter = some;
    words.indices = indices;
    words.values = values;
    parts.field = "parts";
    parts.vector_count = 2;
    varve_leg inner[] = {title, words, sample};
    inner[1].zero_weight = true;
    varve_leg fused = {.kind = VARVE_LEG_FUSION, .prefetch = inner, .prefetch_count = 3};
    varve_leg before[] = {words, sample};
    varve_leg after = parts;
    after.prefetch = before;
    after.prefetch_count = 2;
    varve_leg legs[] = {fused, text, after, words, parts};
    varve_query_request r = {.legs = legs, .leg_count = VV_COUNT(legs), .k = 40};
    varve_hits *hits = ask(&f, &r);
    assert_true(varve_hits_count(hits, 0) == 40);
    assert_non_null(strstr(varve_hits_explain(hits, 0), "leg 2: "));
    varve_hits_free(hits);
    hits = NULL;
    legs[1] = (varve_leg){.kind = VARVE_LEG_VECTOR, .by_id = true, .id = {.num = 123456}};
    legs[3].field = "nowhere";
    varve_error err;
    assert_int_equal(abreast_run(&f.in, &r, &hits, &err), VARVE_NOT_FOUND);
    assert_non_null(strstr(err.message, "123456"));
    filter_free(some);
    filter_free(others);
    family_done(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(dense_fields_are_searched),
                                       cmocka_unit_test(sparse_fields_are_searched),
                                       cmocka_unit_test(several_vectors_are_compared_by_max_sim),
                                       cmocka_unit_test(rows_are_queries_by_id),
                                       cmocka_unit_test(rows_are_found_by_ordinal),
                                       cmocka_unit_test(legs_do_not_wait_for_each_other),
                                       cmocka_unit_test(filters_ask_for_vectors_of_fields)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
