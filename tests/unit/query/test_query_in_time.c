/* test_query_in_time.c — a query of whatever kind ends soon when its time is up or its caller has
 * had enough. The n-th look at the clock is made to fail, for every n until there is no further
 * look, so that each place that looks has ended a query once; what is left behind then is for the
 * address sanitizer. That there are looks enough is counted, too. */
#include "brute.h"
#include "child_fixture.h"

#include "base/fault.h"
#include "query/leg.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DIM     8
#define LISTED  200 /* literals of a long list */
#define EVERY_N 48  /* looks that are all tried; of more, some */

static const varve_options limits = {
    .max_top_k = 10000, .max_batch_vectors = 1000, .recall_target_percent = 95};

typedef struct setting {
    world w;
    child dense, sparse, multi;
    query_field fields[3];
    query_input in;
    float vectors[4 * DIM];
    char list[LISTED * 8 + 64], ids[LISTED * 24 + 64];
    const volatile int *cancel;
} setting;

static void list_values(setting *s)
{
    size_t at = (size_t)snprintf(s->list, sizeof s->list, "n IN (0");
    for (int i = 1; i < LISTED; i++)
        at += (size_t)snprintf(s->list + at, sizeof s->list - at, ", %d", 3 * i);
    snprintf(s->list + at, sizeof s->list - at, ")");
    at = (size_t)snprintf(s->ids, sizeof s->ids, "id IN (1");
    for (size_t i = 0; i < LISTED; i++)
        if (s->w.rows[i].id.kind == VARVE_ID_NUM)
            at += (size_t)snprintf(s->ids + at, sizeof s->ids - at, ", %llu",
                                   (unsigned long long)s->w.rows[i].id.num);
    snprintf(s->ids + at, sizeof s->ids - at, ")");
}

static void setting_init(setting *s)
{
    world_spec spec = {.seed = 9, .dim = DIM, .metric = VARVE_METRIC_L2, .sources = 3};
    *s = (setting){0};
    spec.rows_per_source = 3000;
    spec.hidden_percent = 10;
    spec.string_ids = spec.rich_fields = true;
    spec.index_mode = "HNSW-L2";
    world_init(&s->w, &spec);
    child_init(&s->dense, &s->w, VECTOR_DENSE);
    child_init(&s->sparse, &s->w, VECTOR_SPARSE);
    child_init(&s->multi, &s->w, VECTOR_MULTI);
    s->fields[0] = (query_field){"title", VECTOR_DENSE, s->dense.v};
    s->fields[1] = (query_field){"words", VECTOR_SPARSE, s->sparse.v};
    s->fields[2] = (query_field){"parts", VECTOR_MULTI, s->multi.v};
    s->in = (query_input){.v = s->w.v, .fields = s->fields, .field_count = 3, .limits = &limits};
    for (size_t i = 0; i < VV_COUNT(s->vectors); i++)
        s->vectors[i] = random_gauss(&s->w.random);
    list_values(s);
}

static void setting_done(setting *s)
{
    child_done(&s->dense);
    child_done(&s->sparse);
    child_done(&s->multi);
    world_done(&s->w);
}

/* ---- kinds of queries ------------------------------------------------------------------------ */

static varve_status run(setting *s, varve_query_request *r)
{
    varve_hits *hits = NULL;
    varve_error err = {0};
    if (r->k == 0) r->k = 10;
    if (r->leg_count == 0) r->leg_count = 1;
    r->cancel = s->cancel;
    r->with = VARVE_WITH_FIELDS | VARVE_WITH_VECTORS;
    assert_int_equal(query_run_check(r, &limits, &err), VARVE_OK);
    varve_status status = query_run(&s->in, r, &hits, &err);
    if (status == VARVE_OK)
        assert_true(varve_hits_count(hits, 0) > 0);
    else
        assert_null(hits);
    varve_hits_free(hits);
    return status;
}

static varve_status leg_of(setting *s, const varve_leg *leg)
{
    varve_query_request r = {.legs = leg};
    return run(s, &r);
}

static varve_status filtered(setting *s, const char *where)
{
    filter *f = brute_filter(where);
    varve_search_request r = {.vectors = s->vectors, .count = 3, .dim = DIM, .k = 10};
    varve_hits *hits = NULL;
    varve_error err;
    r.filter = f;
    varve_status status = query_search(&s->in, &r, &hits, &err);
    varve_hits_free(hits);
    filter_free(f);
    return status;
}

static varve_status listed_numbers(setting *s) { return filtered(s, s->list); }
static varve_status listed_ids(setting *s) { return filtered(s, s->ids); }
static varve_status pattern(setting *s) { return filtered(s, "t LIKE '%w1%w2%' OR g = 'g3'"); }
static varve_status by_row(setting *s) { return filtered(s, "tags[1] = 'y' AND n > 10"); }
static varve_status presence(setting *s)
{
    static const char json[] = "{\"must\":[{\"has_vector\":\"title\"}]}";
    varve_filter *f = NULL;
    varve_rowset *rows = NULL;
    assert_int_equal(varve_filter_json((varve_text){json, sizeof json - 1}, &f, NULL), VARVE_OK);
    varve_rows_query q = {.filter = f, .n = 5};
    varve_status status = query_rows(&s->in, &q, &rows, NULL);
    varve_rowset_free(rows);
    filter_free(f);
    return status;
}

static varve_leg vector_leg(setting *s)
{
    return (varve_leg){.kind = VARVE_LEG_VECTOR, .vectors = s->vectors, .dim = DIM};
}

static varve_status nearest_exact(setting *s)
{
    varve_leg leg = vector_leg(s);
    leg.exact = true;
    return leg_of(s, &leg);
}

static varve_status nearest_by_index(setting *s)
{
    varve_leg leg = vector_leg(s);
    return leg_of(s, &leg);
}

static varve_status nearest_in_range(setting *s)
{
    varve_leg leg = vector_leg(s);
    leg.exact = leg.threshold_given = true;
    leg.threshold = 1e6;
    return leg_of(s, &leg);
}

static varve_status diverse(setting *s)
{
    varve_leg leg = vector_leg(s);
    leg.mmr_diversity = 0.5;
    leg.mmr_candidates = 60;
    return leg_of(s, &leg);
}

static varve_status named(setting *s)
{
    varve_leg leg = {.kind = VARVE_LEG_VECTOR, .field = "title", .vectors = s->vectors};
    filter *f = brute_filter("n > 5");
    leg.dim = CHILD_DIM;
    leg.filter = f;
    varve_status status = leg_of(s, &leg);
    filter_free(f);
    return status;
}

static varve_status several_vectors(setting *s)
{
    varve_leg leg = {.kind = VARVE_LEG_VECTOR, .field = "parts", .vectors = s->vectors};
    leg.dim = CHILD_DIM;
    leg.vector_count = 3;
    leg.exact = true;
    return leg_of(s, &leg);
}

static varve_status sparse(setting *s)
{
    static const uint32_t indices[] = {3, 4, 5, 6, 7, 8};
    static const float values[] = {1, 1, 1, 1, 1, 1};
    varve_leg leg = {.kind = VARVE_LEG_SPARSE, .field = "words", .indices = indices};
    leg.values = values;
    leg.nonzero = VV_COUNT(indices);
    return leg_of(s, &leg);
}

static varve_status text(setting *s)
{
    varve_leg leg = {.kind = VARVE_LEG_TEXT, .text = {"w0 w1 w30", 9}};
    return leg_of(s, &leg);
}

static varve_status ordered(setting *s)
{
    varve_leg leg = {.kind = VARVE_LEG_ORDER, .order_by = "score", .descending = true};
    return leg_of(s, &leg);
}

static varve_status sampled(setting *s)
{
    varve_leg leg = {.kind = VARVE_LEG_SAMPLE, .seed = 3};
    return leg_of(s, &leg);
}

static varve_status by_examples(setting *s)
{
    varve_example positive[] = {{.vector = s->vectors}, {.vector = s->vectors + DIM}};
    varve_example negative[] = {{.vector = s->vectors + 2 * DIM}, {.vector = s->vectors + DIM}};
    varve_leg leg = {.kind = VARVE_LEG_CONTEXT, .positive = positive, .negative = negative};
    leg.positive_count = leg.negative_count = 2;
    leg.dim = DIM;
    return leg_of(s, &leg);
}

static varve_status fused(setting *s)
{
    varve_leg legs[2] = {vector_leg(s), {.kind = VARVE_LEG_TEXT, .text = {"w0 w2", 5}}};
    varve_leg outer = {.kind = VARVE_LEG_ORDER, .order_by = "n", .prefetch = legs};
    outer.prefetch_count = 2;
    varve_query_request r = {.legs = legs, .leg_count = 2};
    varve_status status = run(s, &r);
    return status == VARVE_OK ? leg_of(s, &outer) : status;
}

static varve_status grouped(setting *s)
{
    varve_leg leg = vector_leg(s);
    varve_query_request r = {.legs = &leg, .group_by = "g", .k = 8, .group_size = 20};
    return run(s, &r);
}

static varve_status turn_round(void *context, const varve_id *ids, const varve_text *fields,
                               float *scores, size_t count, size_t *order, size_t *order_count,
                               varve_error *err)
{
    (void)context, (void)ids, (void)fields, (void)scores, (void)err;
    for (size_t i = 0; i < count; i++)
        order[i] = count - 1 - i;
    *order_count = count;
    return VARVE_OK;
}

static varve_status reranked(setting *s)
{
    varve_leg leg = vector_leg(s);
    varve_query_request r = {.legs = &leg, .rerank = turn_round, .k = 20};
    return run(s, &r);
}

static varve_status rows_of(setting *s, varve_rows_query q)
{
    varve_rowset *rows = NULL;
    filter *f = brute_filter("n >= 7");
    q.filter = f;
    q.n = 20;
    q.with = VARVE_WITH_DELETED;
    varve_status status = query_rows(&s->in, &q, &rows, NULL);
    varve_rowset_free(rows);
    filter_free(f);
    return status;
}

static varve_status rows_inserted(setting *s) { return rows_of(s, (varve_rows_query){0}); }
static varve_status rows_by_id(setting *s) { return rows_of(s, (varve_rows_query){.by_id = true}); }
static varve_status rows_by_field(setting *s)
{
    return rows_of(s, (varve_rows_query){.order_by = "score"});
}

static varve_status counted(setting *s)
{
    filter *f = brute_filter("t LIKE '%w3%'");
    view *v = NULL;
    varve_status status = query_matching(&s->in, f, &v, NULL);
    view_unref(v);
    filter_free(f);
    return status;
}

static varve_status facets(setting *s)
{
    varve_facets *all = NULL;
    varve_status status =
        query_facets(&s->in, &(facets_request){.path = "n", .limit = 100}, &all, NULL);
    varve_facets_free(all);
    return status;
}

static varve_status recalled(setting *s)
{
    const recall_request r = {.k = 5, .samples = 4};
    varve_recall ret;
    return query_recall(&s->in, &r, &ret, NULL);
}

static const struct kind {
    const char *name;
    varve_status (*run)(setting *s);
    uint64_t looks_min; /* of about 9000 rows */
} kinds[] = {
    {"listed numbers", listed_numbers, 8},
    {"listed ids", listed_ids, 8},
    {"pattern", pattern, 6},
    {"by row", by_row, 8},
    {"presence", presence, 8},
    {"exact", nearest_exact, 4},
    {"index", nearest_by_index, 4},
    {"range", nearest_in_range, 4},
    {"mmr", diverse, 12},
    {"named", named, 6},
    {"several vectors", several_vectors, 20},
    {"sparse", sparse, 4},
    {"text", text, 8},
    {"order", ordered, 4},
    {"sample", sampled, 4},
    {"examples", by_examples, 4},
    {"fusion", fused, 12},
    {"groups", grouped, 4},
    {"rerank", reranked, 5},
    {"rows", rows_inserted, 6},
    {"rows by id", rows_by_id, 6},
    {"rows by field", rows_by_field, 6},
    {"count", counted, 4},
    {"facets", facets, 4},
    {"recall", recalled, 12},
};

/* ---- the walk -------------------------------------------------------------------------------- */

static uint64_t count_looks(setting *s, const struct kind *k)
{
    fault_arm("time_limit.look", UINT64_MAX, VV_FAULT_EIO);
    assert_int_equal(k->run(s), VARVE_OK);
    uint64_t looks = fault_points_reached();
    fault_disarm();
    if (looks < k->looks_min) fail_msg("%s: %llu looks", k->name, (unsigned long long)looks);
    return looks;
}

static void every_look_ends_its_query(void **state)
{
    setting s;
    (void)state;
    setting_init(&s);
    for (size_t i = 0; i < VV_COUNT(kinds); i++) {
        uint64_t looks = count_looks(&s, &kinds[i]);
        for (uint64_t n = 1; n <= looks; n += n < EVERY_N ? 1 : 1 + looks / EVERY_N) {
            bool cancelled = n % 2;
            fault_arm("time_limit.look", n, cancelled ? VV_FAULT_EIO : VV_FAULT_ENOSPC);
            varve_status status = kinds[i].run(&s);
            fault_disarm();
            if (status != (cancelled ? VARVE_CANCELLED : VARVE_TIMEOUT))
                fail_msg("%s, look %llu of %llu: %s", kinds[i].name, (unsigned long long)n,
                         (unsigned long long)looks, varve_status_name(status));
        }
    }
    setting_done(&s);
}

/* ---- the caller's flag ----------------------------------------------------------------------- */

static void a_raised_flag_ends_a_query_at_once(void **state)
{
    setting s;
    volatile int cancel = 1;
    (void)state;
    setting_init(&s);
    s.cancel = &cancel;
    assert_int_equal(nearest_exact(&s), VARVE_CANCELLED);
    assert_int_equal(fused(&s), VARVE_CANCELLED);
    cancel = 0;
    assert_int_equal(nearest_exact(&s), VARVE_OK);
    setting_done(&s);
}

static void *raise_flag(void *flag)
{
    __atomic_store_n((volatile int *)flag, 1, __ATOMIC_RELAXED);
    return NULL;
}

static void another_thread_cancels(void **state)
{
    setting s;
    volatile int cancel = 0;
    varve_status status;
    pthread_t other;
    (void)state;
    setting_init(&s);
    s.cancel = &cancel;
    assert_int_equal(grouped(&s), VARVE_OK);
    assert_int_equal(pthread_create(&other, NULL, raise_flag, (void *)(uintptr_t)&cancel), 0);
    do /* it is raised sooner or later */
        status = grouped(&s);
    while (status == VARVE_OK);
    assert_int_equal(pthread_join(other, NULL), 0);
    assert_int_equal(status, VARVE_CANCELLED);
    setting_done(&s);
}

static void a_deadline_that_is_past_is_noticed(void **state)
{
    const time_limit past = {.deadline_ns = 1, .timeout_ms = 7};
    varve_error err;
    (void)state;
    assert_int_equal(time_limit_check(NULL, &err), VARVE_OK);
    assert_int_equal(time_limit_check(&past, &err), VARVE_TIMEOUT);
    assert_string_equal(err.message, "not done within 7 ms");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_look_ends_its_query),
                                       cmocka_unit_test(a_raised_flag_ends_a_query_at_once),
                                       cmocka_unit_test(another_thread_cancels),
                                       cmocka_unit_test(a_deadline_that_is_past_is_noticed)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
