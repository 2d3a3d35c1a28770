/* test_query_legs.c — examples, orders, samples, diversity, fusion by scores, prefetch, groups,
 * rerank, thresholds and limits of legs, each against a plain evaluation. */
#include "abreast.h"
#include "brute.h"

#include "distance/distance.h"
#include "query/leg.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DIM = 8 };

static const varve_options limits = {
    .max_top_k = 10000, .max_batch_vectors = 1000, .recall_target_percent = 95};

static void make_world(world *w, varve_metric metric)
{
    world_spec spec = {.seed = 77, .dim = DIM, .metric = metric, .sources = 4};
    spec.rows_per_source = 400;
    spec.hidden_percent = 12;
    spec.string_ids = spec.rich_fields = true;
    world_init(w, &spec);
}

static varve_hits *ask(const world *w, const varve_query_request *r)
{
    return abreast_ask(w, &limits, r);
}

static varve_hits *ask_leg(const world *w, const varve_leg *leg, size_t k)
{
    varve_query_request r = {.legs = leg, .leg_count = 1, .k = k};
    return ask(w, &r);
}

static const model_row *live_row(const world *w, size_t from)
{
    while (w->rows[from].fate != FATE_LIVE)
        from++;
    return &w->rows[from];
}

static const model_row *row_of(const world *w, uint64_t ordinal)
{
    for (size_t i = 0; i < w->row_count; i++)
        if (w->rows[i].ordinal == ordinal && w->rows[i].fate == FATE_LIVE) return &w->rows[i];
    return NULL;
}

static double similarity(const world *w, const float *query, const model_row *row)
{
    double score = distance_exact(w->spec.metric, w->spec.dtype, DIM, query, row->stored);
    if (w->spec.metric == VARVE_METRIC_IP) return score;
    return w->spec.metric == VARVE_METRIC_COSINE ? 1 - score : -score;
}

/* ---- examples -------------------------------------------------------------------------------- */

typedef struct example_case {
    const world *w;
    const varve_leg *leg;
    const model_row *left_out;
    const float *positive[2], *negative[2], *target;
} example_case;

static double soft(double x) { return x / (1 + fabs(x)); }

static double example_key(void *context, const model_row *row)
{
    const example_case *c = context;
    const varve_leg *leg = c->leg;
    double p[2], n[2], sum = 0;
    if (row == c->left_out) return NAN;
    for (size_t i = 0; i < 2; i++) {
        p[i] = similarity(c->w, c->positive[i], row);
        n[i] = similarity(c->w, c->negative[i], row);
    }
    if (leg->kind == VARVE_LEG_RECOMMEND && leg->strategy == VARVE_RECOMMEND_SUM_SCORES)
        return -(p[0] + p[1] - n[0] - n[1]);
    if (leg->kind == VARVE_LEG_RECOMMEND) {
        double best = fmax(p[0], p[1]), worst = fmax(n[0], n[1]);
        return best > worst ? -(soft(best) + 1) / 2 : (soft(worst) + 1) / 2;
    }
    for (size_t i = 0; i < 2; i++) {
        if (leg->kind == VARVE_LEG_CONTEXT)
            sum += soft(fmin(p[i] - n[i] - (double)FLT_EPSILON, 0));
        else
            sum += (p[i] > n[i]) - (p[i] < n[i]);
    }
    if (leg->kind == VARVE_LEG_DISCOVER) sum += (soft(similarity(c->w, c->target, row)) + 1) / 2;
    return -sum;
}

static void examples_score_rows(void **state)
{
    static const varve_metric metrics[] = {VARVE_METRIC_COSINE, VARVE_METRIC_IP, VARVE_METRIC_L2};
    float made[4][DIM];
    (void)state;
    for (size_t m = 0; m < VV_COUNT(metrics); m++) {
        world w;
        make_world(&w, metrics[m]);
        const model_row *self = live_row(&w, 40);
        for (size_t i = 0; i < 4; i++)
            for (size_t d = 0; d < DIM; d++)
                made[i][d] = random_gauss(&w.random);
        varve_example positive[2] = {{.by_id = true, .id = self->id}, {.vector = made[0]}};
        varve_example negative[2] = {{.vector = made[1]}, {.vector = made[2]}};
        varve_example target = {.vector = made[3]};
        varve_leg leg = {.positive = positive, .negative = negative, .dim = DIM};
        example_case c = {&w, &leg, self, {self->values, made[0]}, {made[1], made[2]}, made[3]};
        leg.positive_count = leg.negative_count = 2;
        for (int kind = 0; kind < 4; kind++) {
            leg.kind = kind < 2 ? VARVE_LEG_RECOMMEND
                                : (kind == 2 ? VARVE_LEG_DISCOVER : VARVE_LEG_CONTEXT);
            leg.strategy = kind == 0 ? VARVE_RECOMMEND_BEST_SCORE : VARVE_RECOMMEND_SUM_SCORES;
            leg.target = kind == 2 ? &target : NULL;
            varve_hits *hits = ask_leg(&w, &leg, 25);
            brute_hits expected = brute_rank(&w, NULL, example_key, &c);
            brute_compare(hits, 0, &expected, 0, 25, true, 1e-6, "examples");
            varve_hits_free(hits);
            brute_free(&expected);
        }
        world_done(&w);
    }
}

static void the_average_of_examples_is_searched(void **state)
{
    world w;
    float average[DIM];
    (void)state;
    make_world(&w, VARVE_METRIC_L2);
    const model_row *a = live_row(&w, 10), *b = live_row(&w, 100), *c = live_row(&w, 200);
    varve_example positive[2] = {{.by_id = true, .id = a->id}, {.by_id = true, .id = b->id}};
    varve_example negative = {.vector = c->values};
    varve_leg leg = {.kind = VARVE_LEG_RECOMMEND, .positive = positive, .positive_count = 2};
    leg.negative = &negative;
    leg.negative_count = 1;
    leg.dim = DIM;
    for (size_t d = 0; d < DIM; d++)
        average[d] = (float)((double)a->values[d] + (double)b->values[d] - (double)c->values[d]);
    varve_hits *hits = ask_leg(&w, &leg, 10);
    brute_hits all = brute_nearest(&w, NULL, VARVE_METRIC_L2, average);
    size_t kept = 0;
    for (size_t i = 0; i < all.count; i++)
        if (all.rows[i].row != a && all.rows[i].row != b) all.rows[kept++] = all.rows[i];
    all.count = kept;
    brute_compare(hits, 0, &all, 0, 10, false, 1e-5, "average");
    varve_hits_free(hits);
    brute_free(&all);
    world_done(&w);
}

/* ---- orders and samples ---------------------------------------------------------------------- */

static double field_n(void *context, const model_row *row)
{
    double sign = *(const double *)context, n = strtod(row->fields + 5, NULL);
    return n < 100 ? NAN : sign * n;
}

static void rows_come_in_the_order_of_a_field(void **state)
{
    world w;
    (void)state;
    make_world(&w, VARVE_METRIC_L2);
    for (int descending = 0; descending < 2; descending++) {
        double sign = descending ? -1 : 1;
        filter *f = brute_filter("n >= 100");
        varve_leg leg = {.kind = VARVE_LEG_ORDER, .order_by = "n", .filter = f};
        leg.descending = descending;
        varve_hits *hits = ask_leg(&w, &leg, 40);
        brute_hits expected = brute_rank(&w, NULL, field_n, &sign);
        assert_int_equal(varve_hits_count(hits, 0), 40);
        for (size_t i = 0; i < 40; i++) {
            uint64_t ordinal = varve_hits_ordinal(hits, 0, i);
            assert_int_equal(ordinal, expected.rows[i].row->ordinal);
            assert_float_equal(varve_hits_score(hits, 0, i), sign * expected.rows[i].key, 0);
        }
        varve_hits_free(hits);
        brute_free(&expected);
        filter_free(f);
    }
    world_done(&w);
}

static void samples_are_repeatable(void **state)
{
    world w;
    (void)state;
    make_world(&w, VARVE_METRIC_L2);
    varve_leg leg = {.kind = VARVE_LEG_SAMPLE, .seed = 5};
    varve_hits *a = ask_leg(&w, &leg, 30), *b = ask_leg(&w, &leg, 30);
    leg.seed = 6;
    varve_hits *c = ask_leg(&w, &leg, 30);
    size_t same = 0;
    for (size_t i = 0; i < 30; i++) {
        assert_int_equal(varve_hits_ordinal(a, 0, i), varve_hits_ordinal(b, 0, i));
        same += varve_hits_ordinal(a, 0, i) == varve_hits_ordinal(c, 0, i);
    }
    assert_true(same < 5);
    varve_hits_free(a);
    varve_hits_free(b);
    varve_hits_free(c);
    world_done(&w);
}

/* ---- diversity ------------------------------------------------------------------------------- */

static void diverse_hits_are_picked_one_by_one(void **state)
{
    world w;
    float query[DIM];
    const double d = 0.6;
    (void)state;
    make_world(&w, VARVE_METRIC_COSINE);
    world_query(&w, query);
    varve_leg leg = {.kind = VARVE_LEG_VECTOR, .vectors = query, .dim = DIM, .mmr_diversity = d};
    leg.mmr_candidates = 50;
    varve_hits *hits = ask_leg(&w, &leg, 8);
    brute_hits all = brute_nearest(&w, NULL, VARVE_METRIC_COSINE, query);
    bool picked[50] = {false};
    const model_row *chosen[8];
    for (size_t i = 0; i < 8; i++) {
        double best = -INFINITY;
        size_t at = 0;
        for (size_t j = 0; j < 50; j++) {
            double most = -INFINITY, value = (1 - d) * similarity(&w, query, all.rows[j].row);
            for (size_t p = 0; p < i; p++)
                most = fmax(most, similarity(&w, chosen[p]->values, all.rows[j].row));
            if (i > 0) value -= d * most;
            if (picked[j] || value <= best) continue;
            best = value;
            at = j;
        }
        picked[at] = true;
        chosen[i] = all.rows[at].row;
        assert_int_equal(varve_hits_ordinal(hits, 0, i), chosen[i]->ordinal);
        assert_float_equal(varve_hits_score(hits, 0, i), all.rows[at].key, 1e-6);
    }
    varve_hits_free(hits);
    brute_free(&all);
    world_done(&w);
}

/* ---- fusion by scores, prefetch -------------------------------------------------------------- */

static double scaled(const varve_hits *h, uint64_t ordinal, bool dbsf)
{
    double low = INFINITY, high = -INFINITY, mean = 0, squares = 0, mine = NAN;
    size_t count = varve_hits_count(h, 0);
    for (size_t i = 0; i < count; i++) {
        double s = (double)varve_hits_score(h, 0, i);
        if (!varve_hits_larger_is_better(h)) s = -s;
        if (varve_hits_ordinal(h, 0, i) == ordinal) mine = s;
        low = fmin(low, s);
        high = fmax(high, s);
        mean += s / (double)count;
    }
    for (size_t i = 0; i < count; i++) {
        double s = (double)varve_hits_score(h, 0, i);
        s = (varve_hits_larger_is_better(h) ? s : -s) - mean;
        squares += s * s;
    }
    double deviation = sqrt(squares / (double)(count - 1));
    if (isnan(mine)) return 0;
    if (high == low) return dbsf ? 0.5 : 1;
    return dbsf ? (mine - (mean - 3 * deviation)) / (6 * deviation) : (mine - low) / (high - low);
}

static void scores_of_legs_are_fused(void **state)
{
    world w;
    float query[DIM];
    (void)state;
    make_world(&w, VARVE_METRIC_L2);
    world_query(&w, query);
    varve_leg legs[3] = {{.kind = VARVE_LEG_VECTOR, .vectors = query, .dim = DIM, .limit = 50},
                         {.kind = VARVE_LEG_TEXT, .text = {"w1 w2", 5}, .limit = 50, .weight = 3},
                         {.kind = VARVE_LEG_SAMPLE, .limit = 50, .weight = -1}};
    varve_hits *a = ask_leg(&w, &legs[0], 50), *b = ask_leg(&w, &legs[1], 50);
    for (int dbsf = 0; dbsf < 2; dbsf++) {
        varve_query_request r = {.legs = legs, .leg_count = 3, .k = 100};
        r.fusion.kind = dbsf ? VARVE_FUSION_DBSF : VARVE_FUSION_WEIGHTED;
        varve_hits *fused = ask(&w, &r);
        size_t together = 0;
        for (size_t i = 0; i < varve_hits_count(fused, 0); i++) {
            uint64_t ordinal = varve_hits_ordinal(fused, 0, i);
            double score = scaled(a, ordinal, dbsf) + 3 * scaled(b, ordinal, dbsf);
            assert_float_equal(varve_hits_score(fused, 0, i), score, 1e-4);
            together++;
        }
        assert_true(together > 50);
        assert_non_null(varve_hits_explain(fused, 0));
        varve_hits_free(fused);
    }
    varve_hits_free(a);
    varve_hits_free(b);
    world_done(&w);
}

static void prefetch_bounds_what_is_searched(void **state)
{
    world w;
    float query[DIM];
    (void)state;
    make_world(&w, VARVE_METRIC_L2);
    world_query(&w, query);
    varve_leg inner[2] = {{.kind = VARVE_LEG_TEXT, .text = {"w3", 2}, .limit = 20},
                          {.kind = VARVE_LEG_ORDER, .order_by = "n", .limit = 15}};
    varve_leg middle = {.kind = VARVE_LEG_FUSION, .prefetch = inner, .prefetch_count = 2};
    middle.limit = 25;
    varve_leg outer = {.kind = VARVE_LEG_VECTOR, .vectors = query, .dim = DIM};
    outer.prefetch = &middle;
    outer.prefetch_count = 1;
    varve_hits *fused = ask_leg(&w, &middle, 100), *hits = ask_leg(&w, &outer, 100);
    assert_int_equal(varve_hits_count(fused, 0), 25);
    assert_int_equal(varve_hits_count(hits, 0), 25);
    for (size_t i = 0; i < 25; i++) {
        bool found = false;
        for (size_t j = 0; j < 25; j++)
            found |= varve_hits_ordinal(fused, 0, j) == varve_hits_ordinal(hits, 0, i);
        assert_true(found);
        double exact = -similarity(&w, query, row_of(&w, varve_hits_ordinal(hits, 0, i)));
        assert_float_equal(varve_hits_score(hits, 0, i), exact, 1e-4);
    }
    varve_hits_free(fused);
    varve_hits_free(hits);
    world_done(&w);
}

/* ---- groups, rerank, thresholds -------------------------------------------------------------- */

static varve_text field_g(const model_row *row)
{
    const char *at = strstr(row->fields, "\"g\":") + 4;
    return (varve_text){at, strcspn(at, ",")};
}

static void hits_are_grouped_by_a_field(void **state)
{
    world w;
    float query[DIM];
    (void)state;
    make_world(&w, VARVE_METRIC_L2);
    world_query(&w, query);
    varve_leg leg = {.kind = VARVE_LEG_VECTOR, .vectors = query, .dim = DIM};
    varve_query_request r = {.legs = &leg, .leg_count = 1, .k = 12, .group_by = "g"};
    r.group_size = 4;
    varve_hits *hits = ask(&w, &r);
    brute_hits all = brute_nearest(&w, NULL, VARVE_METRIC_L2, query);
    varve_text seen[12];
    size_t seen_count = 0, at = 0;
    assert_int_equal(varve_hits_count(hits, 0), 48);
    for (size_t i = 0; i < all.count && seen_count < 12; i++) {
        varve_text g = field_g(all.rows[i].row);
        bool known = false;
        for (size_t j = 0; j < seen_count; j++)
            known |= seen[j].len == g.len && memcmp(seen[j].data, g.data, g.len) == 0;
        if (known) continue;
        seen[seen_count++] = g;
        for (size_t j = i, n = 0; j < all.count && n < 4; j++) {
            varve_text other = field_g(all.rows[j].row), group = varve_hits_group(hits, at);
            if (other.len != g.len || memcmp(other.data, g.data, g.len) != 0) continue;
            assert_int_equal(varve_hits_ordinal(hits, 0, at), all.rows[j].row->ordinal);
            assert_int_equal(group.len, g.len);
            assert_memory_equal(group.data, g.data, g.len);
            n++;
            at++;
        }
    }
    assert_int_equal(at, 48);
    varve_hits_free(hits);
    brute_free(&all);
    world_done(&w);
}

static varve_status turn_round(void *context, const varve_id *ids, const varve_text *fields,
                               float *scores, size_t count, size_t *order, size_t *order_count,
                               varve_error *err)
{
    size_t *called = context;
    (void)ids, (void)err;
    *called = count;
    *order_count = count / 2; /* the rest is appended */
    for (size_t i = 0; i < count / 2; i++)
        order[i] = count - 1 - i;
    scores[count - 1] = (float)fields[count - 1].len;
    return VARVE_OK;
}

static void a_hook_reranks_hits(void **state)
{
    world w;
    float query[DIM];
    size_t called = 0;
    (void)state;
    make_world(&w, VARVE_METRIC_L2);
    world_query(&w, query);
    varve_leg leg = {.kind = VARVE_LEG_VECTOR, .vectors = query, .dim = DIM, .limit = 30};
    varve_query_request r = {.legs = &leg, .leg_count = 1, .k = 30};
    varve_hits *before = ask(&w, &r);
    r.rerank = turn_round;
    r.rerank_context = &called;
    r.rerank_k = 10;
    r.with = VARVE_WITH_FIELDS | VARVE_WITH_VECTORS;
    varve_hits *hits = ask(&w, &r);
    assert_int_equal(called, 10);
    for (size_t i = 0; i < 30; i++) {
        size_t from = i < 5 ? 9 - i : (i < 10 ? i - 5 : i);
        uint64_t ordinal = varve_hits_ordinal(hits, 0, i);
        assert_int_equal(ordinal, varve_hits_ordinal(before, 0, from));
        assert_memory_equal(varve_hits_vector(hits, 0, i), row_of(&w, ordinal)->values,
                            DIM * sizeof(float));
    }
    assert_float_equal(varve_hits_score(hits, 0, 0), varve_hits_fields(hits, 0, 0).len, 0);
    assert_null(varve_hits_vector(before, 0, 0));
    varve_hits_free(before);
    varve_hits_free(hits);
    world_done(&w);
}

static void a_threshold_cuts_the_bad_side(void **state)
{
    static const varve_metric metrics[] = {VARVE_METRIC_L2, VARVE_METRIC_IP};
    float query[DIM];
    (void)state;
    for (size_t m = 0; m < 2; m++) {
        world w;
        make_world(&w, metrics[m]);
        world_query(&w, query);
        brute_hits all = brute_nearest(&w, NULL, metrics[m], query);
        varve_leg leg = {.kind = VARVE_LEG_VECTOR, .vectors = query, .dim = DIM};
        leg.threshold_given = true;
        leg.threshold = key_of(metrics[m], (all.rows[16].key + all.rows[17].key) / 2);
        varve_hits *hits = ask_leg(&w, &leg, 100);
        assert_int_equal(varve_hits_count(hits, 0), 17);
        varve_hits_free(hits);
        brute_free(&all);
        world_done(&w);
    }
}

/* ---- limits ---------------------------------------------------------------------------------- */

static void expect(const varve_query_request *r, varve_status status, const char *message)
{
    varve_error err = {0};
    assert_int_equal(query_run_check(r, &limits, &err), status);
    if (!strstr(err.message, message)) fail_msg("'%s' is not in '%s'", message, err.message);
}

static void limits_have_names(void **state)
{
    varve_leg deep[12], many[70], bad = {.kind = VARVE_LEG_TEXT};
    varve_query_request r = {.leg_count = 1, .k = 10};
    (void)state;
    expect(&r, VARVE_INVALID, "legs: missing");
    for (size_t i = 0; i < 12; i++) {
        deep[i] = (varve_leg){.kind = VARVE_LEG_SAMPLE, .prefetch = deep + i + 1};
        deep[i].prefetch_count = i < 11;
    }
    r.legs = deep;
    expect(&r, VARVE_LIMIT, "deeper than 8 levels");
    for (size_t i = 0; i < 70; i++)
        many[i] = (varve_leg){.kind = VARVE_LEG_SAMPLE};
    r.legs = many;
    r.leg_count = 70;
    expect(&r, VARVE_LIMIT, "legs: more than 64 legs in all");
    r.leg_count = 2;
    many[1].limit = 10001;
    expect(&r, VARVE_LIMIT, "legs[1].limit 10001 exceeds limit max_top_k 10000");
    r.leg_count = 1;
    r.offset = 9991;
    expect(&r, VARVE_LIMIT, "k 10 + offset 9991 exceeds limit max_top_k 10000");
    r.offset = 0;
    r.legs = &bad;
    expect(&r, VARVE_INVALID, "legs[0].text: missing");
    bad.kind = VARVE_LEG_FUSION;
    expect(&r, VARVE_INVALID, "legs[0]: a fusion needs legs to fuse");
    bad.kind = VARVE_LEG_RECOMMEND;
    expect(&r, VARVE_INVALID, "legs[0]: a positive example is needed");
    bad.kind = VARVE_LEG_VECTOR;
    expect(&r, VARVE_INVALID, "legs[0].vectors: missing");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(examples_score_rows),
                                       cmocka_unit_test(the_average_of_examples_is_searched),
                                       cmocka_unit_test(rows_come_in_the_order_of_a_field),
                                       cmocka_unit_test(samples_are_repeatable),
                                       cmocka_unit_test(diverse_hits_are_picked_one_by_one),
                                       cmocka_unit_test(scores_of_legs_are_fused),
                                       cmocka_unit_test(prefetch_bounds_what_is_searched),
                                       cmocka_unit_test(hits_are_grouped_by_a_field),
                                       cmocka_unit_test(a_hook_reranks_hits),
                                       cmocka_unit_test(a_threshold_cuts_the_bad_side),
                                       cmocka_unit_test(limits_have_names)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
