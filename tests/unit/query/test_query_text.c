/* test_query_text.c — text legs find and score what BM25 says of every row, with and without
 * filters, over indexed stretches and youngest rows; and several legs fused by rank, by scores. */
#include "abreast.h"
#include "brute.h"

#include "field/analyzer.h"
#include "query/leg.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DIM = 8, WORDS = 64 };

static const varve_options limits = {
    .max_top_k = 10000, .max_batch_vectors = 1000, .recall_target_percent = 95};

static void make_world(world *w, uint64_t seed, size_t rows)
{
    world_spec spec = {.seed = seed, .dim = DIM, .metric = VARVE_METRIC_L2, .sources = 5};
    spec.rows_per_source = rows;
    spec.hidden_percent = 15;
    spec.string_ids = spec.rich_fields = true;
    world_init(w, &spec);
}

static varve_hits *ask(const world *w, const varve_query_request *r)
{
    return abreast_ask(w, &limits, r);
}

/* ---- BM25, plainly: the words of field t, and of g (one word), and of tags ------------------- */

typedef struct tally {
    double tf[WORDS];
    double length;
} tally;

static varve_text field_t(const model_row *r)
{
    const char *at = strstr(r->fields, "\"t\":\"");
    at += 5;
    return (varve_text){at, strcspn(at, "\"")};
}

static tally tally_row(const model_row *r)
{
    tally t = {0};
    varve_text text = field_t(r);
    for (size_t i = 0; i < text.len;) {
        char *end;
        long word = strtol(text.data + i + 1, &end, 10);
        t.tf[word]++;
        t.length++;
        i = (size_t)(end - text.data) + 1;
    }
    return t;
}

typedef struct bm25 {
    double rows, length, df[WORDS];
    const int *words; /* of the query, distinct; -1 at the end */
    double k1, b;
} bm25;

static void gather(const world *w, bm25 *q)
{
    for (size_t i = 0; i < w->row_count; i++) {
        if (w->rows[i].fate != FATE_LIVE) continue;
        tally t = tally_row(&w->rows[i]);
        q->rows++;
        q->length += t.length;
        for (size_t j = 0; j < WORDS; j++)
            q->df[j] += t.tf[j] > 0;
    }
}

static double bm25_key(void *context, const model_row *row)
{
    const bm25 *q = context;
    tally t = tally_row(row);
    double score = 0, average = q->length / q->rows;
    for (size_t i = 0; q->words[i] >= 0; i++) {
        double tf = t.tf[q->words[i]], df = q->df[q->words[i]];
        if (tf == 0) continue;
        score += log(1 + (q->rows - df + 0.5) / (df + 0.5)) * tf * (q->k1 + 1) /
                 (tf + q->k1 * (1 - q->b + q->b * t.length / average));
    }
    return score > 0 ? -score : NAN;
}

static void check_text(const world *w, const int *words, const char *where, size_t k)
{
    char text[128] = "";
    varve_text path = {"t", 1};
    bm25 q = {.words = words, .k1 = 1.2, .b = 0.75};
    filter *f = where ? brute_filter(where) : NULL;
    for (size_t i = 0; words[i] >= 0; i++)
        snprintf(text + strlen(text), sizeof text - strlen(text), "W%d ", words[i]);
    varve_leg leg = {.kind = VARVE_LEG_TEXT, .text = {text, strlen(text)}};
    leg.paths = &path;
    leg.path_count = 1;
    varve_query_request r = {.legs = &leg, .leg_count = 1, .k = k, .filter = f};
    gather(w, &q);
    brute_hits expected = brute_rank(w, f, bm25_key, &q);
    varve_hits *hits = ask(w, &r);
    assert_true(varve_hits_larger_is_better(hits));
    brute_compare(hits, 0, &expected, 0, k, true, 1e-5, text);
    varve_hits_free(hits);
    brute_free(&expected);
    filter_free(f);
}

static void texts_score_by_bm25(void **state)
{
    static const int one[] = {0, -1}, two[] = {3, 31, -1}, many[] = {0, 1, 5, 17, 44, -1},
                     none[] = {63, -1};
    (void)state;
    for (size_t rows = 300; rows <= 6000; rows += 5700) {
        world w;
        make_world(&w, 7 + rows, rows);
        const int *const queries[] = {one, two, many, none};
        for (size_t i = 0; i < VV_COUNT(queries); i++) {
            check_text(&w, queries[i], NULL, 10);
            check_text(&w, queries[i], "g IN ('g1', 'g2') OR score < 1", 25);
            check_text(&w, queries[i], "n < 40", 100);
        }
        world_done(&w);
    }
}

static void ties_of_texts_are_by_id(void **state)
{
    static const int words[] = {2, -1};
    varve_text path = {"t", 1};
    world w;
    (void)state;
    make_world(&w, 3, 5000);
    varve_leg leg = {.kind = VARVE_LEG_TEXT, .text = {"w2", 2}, .paths = &path, .path_count = 1};
    leg.b_given = true; /* b 0: scores depend on the count of the word alone */
    bm25 q = {.words = words, .k1 = 1.2};
    gather(&w, &q);
    brute_hits expected = brute_rank(&w, NULL, bm25_key, &q);
    for (size_t k = 1; k < 200; k += 33) {
        varve_query_request r = {.legs = &leg, .leg_count = 1, .k = k, .offset = k / 2};
        varve_hits *hits = ask(&w, &r);
        assert_int_equal(varve_hits_count(hits, 0), k);
        for (size_t i = 0; i < k; i++) {
            varve_id id = varve_hits_id(hits, 0, i);
            assert_int_equal(world_id_order(id, expected.rows[k / 2 + i].row->id), 0);
        }
        varve_hits_free(hits);
    }
    brute_free(&expected);
    world_done(&w);
}

/* ---- fusion ---------------------------------------------------------------------------------- */

static double place_in(const varve_hits *h, uint64_t ordinal)
{
    for (size_t i = 0; i < varve_hits_count(h, 0); i++)
        if (varve_hits_ordinal(h, 0, i) == ordinal) return (double)(i + 1);
    return 0;
}

static void ranks_of_two_legs_are_fused(void **state)
{
    world w;
    float query[DIM];
    filter *f = brute_filter("score > 2");
    (void)state;
    make_world(&w, 11, 900);
    world_query(&w, query);
    varve_leg legs[2] = {{.kind = VARVE_LEG_VECTOR, .vectors = query, .dim = DIM},
                         {.kind = VARVE_LEG_TEXT, .text = {"w1 w4", 5}}};
    legs[0].limit = legs[1].limit = 60;
    legs[1].weight = 2.5;
    varve_query_request both = {.legs = legs, .leg_count = 2, .k = 20, .filter = f};
    both.fusion.rrf_k = 7;
    varve_query_request first = {.legs = legs, .leg_count = 1, .k = 60, .filter = f};
    varve_query_request second = {.legs = legs + 1, .leg_count = 1, .k = 60, .filter = f};
    varve_hits *fused = ask(&w, &both), *a = ask(&w, &first), *b = ask(&w, &second);
    assert_int_equal(varve_hits_count(fused, 0), 20);
    for (size_t i = 0; i < 20; i++) {
        double at_a = place_in(a, varve_hits_ordinal(fused, 0, i)), score = 0;
        double at_b = place_in(b, varve_hits_ordinal(fused, 0, i));
        if (at_a > 0) score += 1 / (7 + at_a);
        if (at_b > 0) score += 2.5 / (7 + at_b);
        assert_float_equal(varve_hits_score(fused, 0, i), score, 1e-6);
        if (i > 0) assert_true(varve_hits_score(fused, 0, i) <= varve_hits_score(fused, 0, i - 1));
    }
    varve_hits_free(fused);
    varve_hits_free(a);
    varve_hits_free(b);
    filter_free(f);
    world_done(&w);
}

/* rrf_k unsaid is 60; 0 is 0 where it is said to be, and the score of the first is its weight. */
static void a_rank_constant_of_zero_is_one(void **state)
{
    world w;
    varve_leg legs[2] = {{.kind = VARVE_LEG_TEXT, .text = {"w1", 2}},
                         {.kind = VARVE_LEG_TEXT, .text = {"w1", 2}}};
    varve_query_request r = {.legs = legs, .leg_count = 2, .k = 3};
    varve_error err = {0};
    (void)state;
    make_world(&w, 11, 300);
    for (int said = 0; said < 2; said++) {
        r.fusion.zero_rrf_k = said;
        varve_hits *hits = ask(&w, &r);
        for (size_t i = 0; i < 3; i++)
            assert_float_equal(varve_hits_score(hits, 0, i),
                               2.0 / ((said ? 0 : 60) + 1 + (double)i), 1e-6);
        varve_hits_free(hits);
    }
    r.fusion.rrf_k = -1;
    assert_int_equal(query_run_check(&r, &limits, &err), VARVE_INVALID);
    assert_non_null(strstr(err.message, "rrf_k must be a number from 0"));
    r.fusion = (varve_fusion){.kind = (varve_fusion_kind)9};
    assert_int_equal(query_run_check(&r, &limits, &err), VARVE_INVALID);
    assert_non_null(strstr(err.message, "unknown kind 9"));
    world_done(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(texts_score_by_bm25),
                                       cmocka_unit_test(ties_of_texts_are_by_id),
                                       cmocka_unit_test(ranks_of_two_legs_are_fused),
                                       cmocka_unit_test(a_rank_constant_of_zero_is_one)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
