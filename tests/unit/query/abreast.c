/* abreast.c — see abreast.h. */
#include "abreast.h"

#include <string.h>

#define THREADS 3

static void expect_same(const varve_hits *a, const varve_hits *b)
{
    assert_int_equal(varve_hits_count(a, 0), varve_hits_count(b, 0));
    assert_int_equal(varve_hits_larger_is_better(a), varve_hits_larger_is_better(b));
    for (size_t i = 0; i < varve_hits_count(a, 0); i++) {
        assert_int_equal(varve_hits_ordinal(a, 0, i), varve_hits_ordinal(b, 0, i));
        assert_float_equal(varve_hits_score(a, 0, i), varve_hits_score(b, 0, i), 0);
    }
}

static void expect_same_explanation(const varve_hits *a, const varve_hits *b)
{
    const char *line = NULL;
    for (size_t i = 0; i == 0 || line; i++) {
        const char *other = varve_hits_explain(b, i);
        line = varve_hits_explain(a, i);
        assert_int_equal(line == NULL, other == NULL);
        if (line) assert_string_equal(line, other);
    }
    varve_profile p, q;
    varve_hits_profile(a, &p);
    varve_hits_profile(b, &q);
    assert_int_equal(p.filtered, q.filtered);
    assert_int_equal(p.filter_matches, q.filter_matches);
    assert_int_equal(p.filter_postings, q.filter_postings);
    assert_int_equal(p.filter_rows, q.filter_rows);
    assert_string_equal(p.filter_unindexed, q.filter_unindexed);
    assert_int_equal(p.text_postings, q.text_postings);
    assert_int_equal(p.sparse_postings, q.sparse_postings);
    assert_int_equal(p.work.rows_scanned, q.work.rows_scanned);
    assert_int_equal(p.work.segments_scanned, q.work.segments_scanned);
}

varve_status abreast_run(const query_input *in, const varve_query_request *request,
                         varve_hits **ret, varve_error *err)
{
    varve_options limits = *in->limits;
    query_input several = *in;
    varve_hits *hits = NULL;
    varve_error error = {0};
    assert_null(in->pool);
    limits.parallel_bytes_min = 0;
    several.limits = &limits;
    assert_int_equal(pool_new(THREADS, 16, "test", &several.pool, NULL), VARVE_OK);
    varve_status status = query_run(in, request, ret, err);
    assert_int_equal(query_run(&several, request, &hits, &error), status);
    if (status == VARVE_OK) {
        expect_same(*ret, hits);
        expect_same_explanation(*ret, hits);
    } else if (err) {
        assert_string_equal(error.message, err->message);
    }
    varve_hits_free(hits);
    pool_free(several.pool);
    return status;
}

varve_hits *abreast_ask(const world *w, const varve_options *limits, const varve_query_request *r)
{
    const query_input in = {.v = w->v, .limits = limits};
    varve_hits *hits = NULL;
    varve_error err = {0};
    if (query_run_check(r, limits, &err) != VARVE_OK) fail_msg("%s", err.message);
    if (abreast_run(&in, r, &hits, &err) != VARVE_OK) fail_msg("%s", err.message);
    return hits;
}
