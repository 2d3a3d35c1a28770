/* test_query_bounds.c — whatever a query asks for has a limit: past it the answer is VARVE_LIMIT,
 * and the message names the field and the limit. (Limits of filters: tests/unit/filter.) */
#include "brute.h"
#include "child_fixture.h"

#include "query/leg.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DIM 8

static const varve_options few = {.max_top_k = 100,
                                  .max_batch_vectors = 10,
                                  .recall_target_percent = 95,
                                  .query_bytes_max = 1 << 20};

static void assert_limit(varve_status status, const varve_error *err, const char *words)
{
    if (status != VARVE_LIMIT || !strstr(err->message, words))
        fail_msg("%s: %s, \"%s\"", words, varve_status_name(status), err->message);
}

static void refuse(const varve_query_request *r, const varve_options *limits, const char *words)
{
    varve_error err = {0};
    assert_limit(query_run_check(r, limits, &err), &err, words);
}

static void refuse_leg(const varve_leg *leg, const char *words)
{
    const varve_query_request r = {.legs = leg, .leg_count = 1, .k = 10};
    refuse(&r, &few, words);
}

/* ---- before anything is done ----------------------------------------------------------------- */

static void requests_are_bounded(void **state)
{
    const varve_leg leg = {.kind = VARVE_LEG_SAMPLE};
    const varve_options any = {0};
    varve_query_request r = {.legs = &leg, .leg_count = 1, .k = 101};
    varve_error err = {0};
    (void)state;
    refuse(&r, &few, "k 101 exceeds limit max_top_k 100");
    r.k = 60;
    r.offset = 41;
    refuse(&r, &few, "k 60 + offset 41 exceeds limit max_top_k 100");
    r.offset = 0;
    r.group_by = "g";
    r.group_size = 101;
    refuse(&r, &few, "group_size 101 exceeds limit max_top_k 100");
    r.k = r.group_size = 100;
    assert_int_equal(query_run_check(&r, &few, &err), VARVE_OK);
    r.k = r.offset = 0;
    r.k = SIZE_MAX;
    refuse(&r, &any, "exceeds limit");
    varve_options tight = few;
    tight.query_bytes_max = 100000;
    r.k = 100;
    refuse(&r, &tight, "exceed query_bytes_max 100000");
}

static void legs_are_bounded(void **state)
{
    static const float vector[DIM] = {0};
    varve_example examples[LEG_EXAMPLES_MAX + 1];
    varve_leg many[LEG_COUNT_MAX + 1], deep[LEG_DEPTH_MAX + 1];
    (void)state;
    refuse_leg(&(varve_leg){.kind = VARVE_LEG_SAMPLE, .limit = 101},
               "legs[0].limit 101 exceeds limit max_top_k 100");
    refuse_leg(
        &(varve_leg){
            .kind = VARVE_LEG_VECTOR, .vectors = vector, .dim = DIM, .mmr_candidates = 101},
        "legs[0].mmr_candidates 101 exceeds limit max_top_k 100");
    refuse_leg(
        &(varve_leg){.kind = VARVE_LEG_VECTOR, .vectors = vector, .dim = DIM, .vector_count = 11},
        "legs[0]: count 11 exceeds limit max_batch_vectors 10");
    refuse_leg(&(varve_leg){.kind = VARVE_LEG_SPARSE, .nonzero = SPARSE_NONZERO_MAX + 1},
               "legs[0].indices 65537 exceeds the limit of 65536");
    refuse_leg(
        &(varve_leg){.kind = VARVE_LEG_TEXT, .text = {"a", 1}, .path_count = LEG_PATHS_MAX + 1},
        "legs[0].paths 1025 exceeds the limit of 1024");
    refuse_leg(&(varve_leg){.kind = VARVE_LEG_TEXT, .text = {"a", LEG_TEXT_MAX + 1}},
               "legs[0].text 1048577 exceeds the limit of 1048576 bytes");
    for (size_t i = 0; i < VV_COUNT(examples); i++)
        examples[i] = (varve_example){.vector = vector};
    refuse_leg(&(varve_leg){.kind = VARVE_LEG_RECOMMEND,
                            .dim = DIM,
                            .positive = examples,
                            .positive_count = VV_COUNT(examples)},
               "legs[0]: more than 1024 examples");
    for (size_t i = 0; i < VV_COUNT(many); i++)
        many[i] = (varve_leg){.kind = VARVE_LEG_SAMPLE};
    refuse(&(varve_query_request){.legs = many, .leg_count = VV_COUNT(many), .k = 1}, &few,
           "more than 64 legs in all");
    for (size_t i = 0; i < VV_COUNT(deep); i++)
        deep[i] = (varve_leg){
            .kind = VARVE_LEG_SAMPLE, .prefetch = i ? &deep[i - 1] : NULL, .prefetch_count = i > 0};
    refuse_leg(&deep[LEG_DEPTH_MAX], "deeper than 8 levels");
}

/* ---- while it is done ------------------------------------------------------------------------ */

static void make_world(world *w)
{
    world_spec spec = {.seed = 5, .dim = DIM, .metric = VARVE_METRIC_L2, .sources = 2};
    spec.rows_per_source = 800;
    spec.rich_fields = true;
    world_init(w, &spec);
}

static varve_status search_with(const world *w, const varve_search_request *r, uint64_t bytes,
                                varve_error *err)
{
    const varve_options limits = {.recall_target_percent = 95, .query_bytes_max = bytes};
    varve_hits *hits = NULL;
    varve_status status = world_search(w->v, r, &limits, NULL, &hits, err);
    varve_hits_free(hits);
    return status;
}

static void hits_are_bounded(void **state)
{
    world w;
    float queries[20 * DIM] = {0};
    varve_search_request r = {.vectors = queries, .count = 20, .dim = DIM, .k = 500};
    varve_error err = {0};
    (void)state;
    make_world(&w);
    assert_limit(search_with(&w, &r, 1 << 20, &err), &err,
                 "k hits of each query: 20 of 64000 bytes each exceed query_bytes_max 1048576");
    r.range = true;
    r.threshold = 1e9;
    assert_limit(search_with(&w, &r, 1 << 20, &err), &err, "hits: 10000 of 128 bytes each exceed");
    r.threshold = 1e-9;
    assert_int_equal(search_with(&w, &r, 1 << 20, &err), VARVE_OK);
    r = (varve_search_request){.vectors = queries, .count = 1, .dim = DIM, .k = 500};
    assert_int_equal(search_with(&w, &r, 80000, &err), VARVE_OK);
    r.with = VARVE_WITH_FIELDS;
    assert_limit(search_with(&w, &r, 80000, &err), &err, "hits: 500 of ");
    r.with = VARVE_WITH_VECTORS;
    assert_limit(search_with(&w, &r, 80000, &err), &err, "exceed query_bytes_max 80000");
    assert_int_equal(search_with(&w, &r, 0, &err), VARVE_OK);
    world_done(&w);
}

static void rows_are_bounded(void **state)
{
    world w;
    varve_options limits = few;
    query_input in = {.limits = &limits};
    varve_rows_query q = {.n = 101};
    varve_rowset *rows = NULL;
    varve_error err = {0};
    (void)state;
    make_world(&w);
    in.v = w.v;
    assert_limit(query_rows(&in, &q, &rows, &err), &err, "n 101 exceeds limit max_top_k 100");
    q.n = 100;
    q.with = VARVE_WITH_FIELDS;
    assert_int_equal(query_rows(&in, &q, &rows, &err), VARVE_OK);
    varve_rowset_free(rows);
    limits.query_bytes_max = 10000;
    assert_limit(query_rows(&in, &q, &rows, &err), &err, "exceed query_bytes_max 10000");
    assert_limit(query_facets(&in, &(facets_request){.path = "n", .limit = 101}, NULL, &err), &err,
                 "limit 101 exceeds limit max_top_k 100");
    assert_limit(query_recall(&in, &(recall_request){.k = 100, .samples = 1}, NULL, &err), &err,
                 "k 100 must be from 1 to below max_top_k 100");
    assert_limit(query_recall(&in, &(recall_request){.k = 1, .samples = 10001}, NULL, &err), &err,
                 "samples 10001 must be from 1 to 10000");
    world_done(&w);
}

static void several_vectors_are_bounded(void **state)
{
    static const float vectors[64 * CHILD_DIM] = {0};
    world w;
    child parts;
    varve_options limits = {.max_top_k = 100, .query_bytes_max = 20000};
    varve_leg leg = {.kind = VARVE_LEG_VECTOR, .field = "parts", .vectors = vectors};
    varve_query_request r = {.legs = &leg, .leg_count = 1, .k = 5};
    varve_hits *hits = NULL;
    varve_error err = {0};
    (void)state;
    make_world(&w);
    child_init(&parts, &w, VECTOR_MULTI);
    query_field field = {"parts", VECTOR_MULTI, parts.v};
    query_input in = {.v = w.v, .fields = &field, .field_count = 1, .limits = &limits};
    leg.dim = CHILD_DIM;
    assert_limit(query_run(&in, &r, &hits, &err), &err, "vectors of the rows to compare: ");
    leg.vector_count = 64;
    limits.query_bytes_max = 3000;
    assert_limit(query_run(&in, &r, &hits, &err), &err,
                 "vectors of the query: 64 of 48 bytes each exceed query_bytes_max 3000");
    limits.query_bytes_max = 0;
    assert_int_equal(query_run(&in, &r, &hits, &err), VARVE_OK);
    varve_hits_free(hits);
    child_done(&parts);
    world_done(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(requests_are_bounded), cmocka_unit_test(legs_are_bounded),
        cmocka_unit_test(hits_are_bounded), cmocka_unit_test(rows_are_bounded),
        cmocka_unit_test(several_vectors_are_bounded)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
