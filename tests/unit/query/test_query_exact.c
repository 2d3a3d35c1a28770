/* test_query_exact.c — the promise of a search: its hits are what sorting all live rows by exact
 * score, then id, would give. Two references: distance_exact, for order and score to the last bit;
 * and a second writing of the metrics in long double, for what distance_exact itself might get
 * wrong. */
#include "query_fixture.h"

#include "base/half.h"
#include "distance/distance.h"

#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

/* ---- the second writing of the metrics ----------------------------------------------------- */

typedef long double real;

static real shares(varve_metric m, size_t n, const float *a, const float *b)
{
    real sum_a = 0, sum_b = 0, sum = 0, ahead = 0;
    for (size_t i = 0; i < n; i++) {
        if (a[i] < 0 || b[i] < 0) return INFINITY;
        sum_a += (real)a[i];
        sum_b += (real)b[i];
    }
    if (sum_a == 0 && sum_b == 0) return 0;
    if (sum_a == 0 || sum_b == 0)
        return m == VARVE_METRIC_HELLINGER     ? 1
               : m == VARVE_METRIC_WASSERSTEIN ? INFINITY
                                               : sqrtl(logl(2));
    for (size_t i = 0; i < n; i++) {
        real p = (real)a[i] / sum_a, q = (real)b[i] / sum_b, middle = (p + q) / 2;
        ahead += p - q;
        if (m == VARVE_METRIC_HELLINGER) sum += (sqrtl(p) - sqrtl(q)) * (sqrtl(p) - sqrtl(q)) / 2;
        if (m == VARVE_METRIC_WASSERSTEIN) sum += fabsl(ahead);
        if (m == VARVE_METRIC_JENSEN_SHANNON)
            sum += (p > 0 ? p * logl(p / middle) : 0) / 2 + (q > 0 ? q * logl(q / middle) : 0) / 2;
    }
    return m == VARVE_METRIC_WASSERSTEIN ? sum : sqrtl(fmaxl(sum, 0));
}

static real angle(size_t n, const float *a, const float *b, bool centred)
{
    real mean_a = 0, mean_b = 0, ab = 0, aa = 0, bb = 0;
    bool equal = true;
    for (size_t i = 0; centred && i < n; i++) {
        mean_a += (real)a[i] / (real)n;
        mean_b += (real)b[i] / (real)n;
    }
    for (size_t i = 0; i < n; i++) {
        real x = (real)a[i] - mean_a, y = (real)b[i] - mean_b;
        ab += x * y;
        aa += x * x;
        bb += y * y;
        equal = equal && a[i] == b[i];
    }
    real tiny = centred ? 1e-30L : 0;
    if (aa <= tiny || bb <= tiny) return centred && equal ? 0 : 1;
    return 1 - ab / sqrtl(aa) / sqrtl(bb);
}

static real sphere(const float *a, const float *b)
{
    const real degree = acosl(-1) / 180, radius = 6371008.8L;
    if (fabsf(a[1]) > 90 || fabsf(b[1]) > 90) return INFINITY;
    real lat_a = (real)a[1] * degree, lat_b = (real)b[1] * degree;
    real lon = ((real)a[0] - (real)b[0]) * degree;
    real y = sqrtl(powl(cosl(lat_b) * sinl(lon), 2) +
                   powl(cosl(lat_a) * sinl(lat_b) - sinl(lat_a) * cosl(lat_b) * cosl(lon), 2));
    return radius * atan2l(y, sinl(lat_a) * sinl(lat_b) + cosl(lat_a) * cosl(lat_b) * cosl(lon));
}

static real reference(varve_metric m, size_t n, const float *a, const float *b)
{
    real ip = 0, l2 = 0, l1 = 0, max = 0, canberra = 0, sums = 0, both = 0, only = 0;
    for (size_t i = 0; i < n; i++) {
        real x = (real)a[i], y = (real)b[i], d = fabsl(x - y);
        ip += x * y;
        l2 += d * d;
        l1 += d;
        max = fmaxl(max, d);
        canberra += d > 0 ? d / (fabsl(x) + fabsl(y)) : 0;
        sums += fabsl(x + y);
        both += x > 0.5L && y > 0.5L;
        only += (x > 0.5L) != (y > 0.5L);
    }
    switch (m) {
    case VARVE_METRIC_IP: return ip;
    case VARVE_METRIC_L2: return l2;
    case VARVE_METRIC_COSINE: return angle(n, a, b, false);
    case VARVE_METRIC_L1: return l1;
    case VARVE_METRIC_CHEBYSHEV: return max;
    case VARVE_METRIC_CANBERRA: return canberra;
    case VARVE_METRIC_BRAY_CURTIS: return l1 == 0 ? 0 : sums == 0 ? INFINITY : l1 / sums;
    case VARVE_METRIC_HAVERSINE: return sphere(a, b);
    case VARVE_METRIC_CORRELATION: return angle(n, a, b, true);
    case VARVE_METRIC_HAMMING: return only;
    case VARVE_METRIC_JACCARD: return only == 0 ? 0 : only / (both + only);
    case VARVE_METRIC_DICE: return only == 0 ? 0 : only / (2 * both + only);
    default: return shares(m, n, a, b);
    }
}

/* ---- comparing ----------------------------------------------------------------------------- */

typedef struct expected_hit {
    double key; /* exact, smaller is better */
    const model_row *row;
} expected_hit;

static int by_key_then_id(const void *a, const void *b)
{
    const expected_hit *x = a, *y = b;
    if (x->key != y->key) return x->key < y->key ? -1 : 1;
    return world_id_order(x->row->id, y->row->id);
}

typedef struct question {
    world *w;
    const varve_search_request *request;
    varve_metric metric;
    const float *queries;
} question;

static double sign_of(varve_metric m) { return varve_metric_larger_is_better(m) ? -1 : 1; }

/* All live rows that a search with k = everything would return, best first. */
static size_t expect(const question *q, const float *query, expected_hit *ret)
{
    const world *w = q->w;
    const varve_search_request *r = q->request;
    double sign = sign_of(q->metric);
    size_t count = 0;
    for (size_t i = 0; i < w->row_count; i++) {
        const model_row *row = &w->rows[i];
        if (row->fate != FATE_LIVE) continue;
        double key =
            sign * distance_exact(q->metric, w->spec.dtype, w->spec.dim, query, row->stored);
        if (r->range && (double)(float)key > sign * r->threshold) continue;
        ret[count++] = (expected_hit){key, row};
    }
    qsort(ret, count, sizeof *ret, by_key_then_id);
    return count;
}

static void check_hit(const question *q, const varve_hits *hits, size_t n, size_t i,
                      const expected_hit *expected, const float *query)
{
    const model_row *row = expected->row;
    varve_id id = varve_hits_id(hits, n, i);
    float score = varve_hits_score(hits, n, i);
    if (world_id_order(id, row->id) != 0 || score != (float)(sign_of(q->metric) * expected->key)) {
        fail_msg(
            "%s %s dim %u shape %d seed %lu k %zu: hit %zu is not the expected one: %.9g, %.17g",
            varve_metric_name(q->metric), varve_dtype_name(q->w->spec.dtype), q->w->spec.dim,
            (int)q->w->spec.shape, (unsigned long)q->w->spec.seed, q->request->k, i, (double)score,
            expected->key);
    }
    assert_int_equal(varve_hits_ordinal(hits, n, i), row->ordinal);
    varve_text fields = varve_hits_fields(hits, n, i);
    if (q->request->with & VARVE_WITH_FIELDS) {
        assert_int_equal(fields.len, strlen(row->fields));
        assert_memory_equal(fields.data, row->fields, fields.len);
    } else {
        assert_null(fields.data);
    }
    real second = reference(q->metric, q->w->spec.dim, query, row->values);
    bool huge = q->w->spec.shape == WORLD_HUGE || q->w->spec.shape == WORLD_CANCELLING;
    real scale = q->metric == VARVE_METRIC_IP && huge ? 1e70L : 1;
    if (isfinite(score))
        assert_true(fabsl(second - (real)score) <= 1e-6L * fmaxl(scale, fabsl(second)));
}

static void check_hits(const question *q, const varve_hits *hits)
{
    const varve_search_request *r = q->request;
    expected_hit *expected = malloc((q->w->row_count + 1) * sizeof *expected);
    assert_non_null(expected);
    assert_int_equal(varve_hits_queries(hits), r->count);
    for (size_t n = 0; n < r->count; n++) {
        const float *query = q->queries + n * q->w->spec.dim;
        size_t count = expect(q, query, expected), skip = VV_MIN(count, r->offset);
        size_t wanted = VV_MIN(count - skip, r->k);
        assert_int_equal(varve_hits_count(hits, n), wanted);
        for (size_t i = 0; i < wanted; i++)
            check_hit(q, hits, n, i, &expected[skip + i], query);
    }
    free(expected);
}

/* ---- asking -------------------------------------------------------------------------------- */

typedef struct setting {
    varve_options limits;
    thread_pool *pool;
} setting;

static void ask(const setting *s, const question *q)
{
    varve_hits *hits = NULL;
    varve_error err = {0};
    assert_int_equal(query_check(q->request, &s->limits, &err), VARVE_OK);
    varve_status status = world_search(q->w->v, q->request, &s->limits, s->pool, &hits, &err);
    if (status != VARVE_OK) fail_msg("%s", err.message);
    check_hits(q, hits);
    varve_search_work work;
    varve_hits_work(hits, &work);
    assert_int_equal(work.rows_scanned, varve_hits_rows_scanned(hits));
    if (q->request->k > 0 && work.segments_indexed == 0)
        assert_int_equal(work.rows_scanned, q->w->v->rows_live);
    if (work.segments_indexed > 0) assert_true(work.codes_scanned > 0);
    varve_hits_free(hits);
}

/* A threshold at which some row lies: exactly, or as its score is shown. */
static double some_score(const question *q, bool shown)
{
    const world *w = q->w;
    const model_row *row = &w->rows[random_below(&q->w->random, w->row_count)];
    double score = distance_exact(q->metric, w->spec.dtype, w->spec.dim, q->queries, row->stored);
    return shown ? (double)(float)score : score;
}

static void ask_all_metrics(const setting *s, world *w, size_t count)
{
    static const size_t ks[] = {1, 10, 100, 5000}, offsets[] = {0, 0, 3, 50};
    float *queries = malloc(count * w->spec.dim * sizeof *queries);
    assert_non_null(queries);
    for (size_t i = 0; i < count; i++)
        world_query(w, queries + i * w->spec.dim);
    for (int m = 0; m < VARVE_METRIC_COUNT; m++) {
        varve_search_request r = {.vectors = queries, .count = count, .dim = w->spec.dim};
        question q = {w, &r, (varve_metric)m, queries};
        if (m == VARVE_METRIC_HAVERSINE && w->spec.dim != 2) continue;
        r.k = ks[random_below(&w->random, VV_COUNT(ks))];
        r.offset = offsets[random_below(&w->random, VV_COUNT(offsets))];
        r.metric_given = m != (int)w->spec.metric;
        r.metric = (varve_metric)m;
        r.with = m % 2 ? VARVE_WITH_FIELDS : 0;
        ask(s, &q);
        r.range = true;
        r.threshold = some_score(&q, random_below(&w->random, 2) == 0);
        ask(s, &q);
    }
    free(queries);
}

static setting setting_new(size_t threads)
{
    setting s = {0};
    s.limits.max_top_k = 10000;
    if (threads > 0) assert_int_equal(pool_new(threads, 64, "query-test", &s.pool, NULL), VARVE_OK);
    return s;
}

static void test_random_worlds(void **state)
{
    setting alone = setting_new(0), pooled = setting_new(2);
    random_state r;
    (void)state;
    random_seed(&r, 2024);
    for (uint64_t seed = 0; seed < 40; seed++) {
        world w;
        world_spec spec = {.seed = seed, .dtype = (varve_dtype)(seed % VARVE_DTYPE_COUNT)};
        spec.dim = seed % 10 == 9 ? 2 : 1 + (uint32_t)random_below(&r, 300);
        spec.metric = (varve_metric)random_below(&r, VARVE_METRIC_COUNT);
        spec.shape = (world_shape)random_below(&r, WORLD_SHAPES);
        spec.sources = 1 + random_below(&r, 4);
        spec.rows_per_source = 1 + random_below(&r, seed % 4 ? 150 : 1500);
        spec.hidden_percent = (unsigned)(seed % 3 * 30);
        spec.string_ids = random_u64(&r) % 2;
        world_init(&w, &spec);
        ask_all_metrics(seed % 2 ? &pooled : &alone, &w, 1 + random_below(&r, 3));
        world_done(&w);
    }
    pool_free(pooled.pool);
}

/* More equal or nearly equal rows than a collector holds. */
static void test_heavy_ties(void **state)
{
    static const world_shape shapes[] = {WORLD_ONE_VECTOR, WORLD_NEAR_TIES, WORLD_FEW_VALUES};
    setting s = setting_new(2);
    (void)state;
    for (size_t i = 0; i < VV_COUNT(shapes); i++) {
        for (int type = 0; type < VARVE_DTYPE_COUNT; type++) {
            world w;
            world_spec spec = {.seed = i, .dtype = (varve_dtype)type, .dim = 9, .sources = 3};
            spec.shape = shapes[i];
            spec.rows_per_source = 1500;
            spec.string_ids = true;
            spec.hidden_percent = type % 2 ? 5 : 0;
            world_init(&w, &spec);
            ask_all_metrics(&s, &w, 1);
            world_done(&w);
        }
    }
    pool_free(s.pool);
}

/* Rows that look infinitely bad in float32, and are among the best. */
static void test_overflow(void **state)
{
    enum { COUNT = 8, DIM = 9 };
    setting s = setting_new(2);
    float queries[COUNT * DIM];
    world w;
    world_spec spec = {.seed = 8, .dim = DIM, .sources = 2, .rows_per_source = 5000};
    (void)state;
    spec.shape = WORLD_CANCELLING;
    world_init(&w, &spec);
    for (size_t i = 0; i < COUNT; i++)
        world_query(&w, queries + i * DIM);
    for (size_t k = 5; k <= 500; k *= 10) {
        varve_search_request r = {.vectors = queries, .count = COUNT, .dim = DIM, .k = k};
        question q = {&w, &r, VARVE_METRIC_IP, queries};
        ask(&s, &q);
    }
    world_done(&w);
    pool_free(s.pool);
}

/* Several groups of queries, more hits asked for than there are rows, and none. */
static void test_batches(void **state)
{
    enum { COUNT = 150, DIM = 24 };
    static const size_t ks[] = {0, 7, 100000};
    setting s = setting_new(2);
    world w;
    world_spec spec = {.seed = 5, .dim = DIM, .sources = 3, .rows_per_source = 700};
    float *queries = malloc(COUNT * DIM * sizeof *queries);
    (void)state;
    assert_non_null(queries);
    s.limits.max_top_k = 0;
    spec.metric = VARVE_METRIC_L2;
    world_init(&w, &spec);
    for (size_t i = 0; i < COUNT; i++)
        world_query(&w, queries + i * DIM);
    for (size_t i = 0; i < VV_COUNT(ks); i++) {
        varve_search_request r = {.vectors = queries, .count = COUNT, .dim = DIM, .k = ks[i]};
        question q = {&w, &r, VARVE_METRIC_L2, queries};
        ask(&s, &q);
        r.offset = SIZE_MAX - 3;
        ask(&s, &q);
    }
    free(queries);
    world_done(&w);
    pool_free(s.pool);
}

/* Every type that queries may come in, over every stored type. */
static void test_query_types(void **state)
{
    enum { DIM = 67, COUNT = 3 };
    setting s = setting_new(0);
    float values[COUNT * DIM];
    uint16_t halfs[COUNT * DIM];
    uint8_t bytes[COUNT * DIM], bits[COUNT * ((DIM + 7) / 8)] = {0};
    const void *as[] = {values, halfs, bytes, bytes, bits};
    (void)state;
    for (size_t i = 0; i < COUNT * DIM; i++) {
        values[i] = (float)(i * i % 11 % 2);
        halfs[i] = half_from_float(values[i]);
        bytes[i] = (uint8_t)values[i];
        if (bytes[i]) bits[i / DIM * ((DIM + 7) / 8) + i % DIM / 8] |= (uint8_t)(1 << i % DIM % 8);
    }
    for (int stored = 0; stored < VARVE_DTYPE_COUNT; stored++) {
        world w;
        world_spec spec = {.seed = 1, .dtype = (varve_dtype)stored, .dim = DIM, .sources = 2};
        spec.rows_per_source = 100;
        world_init(&w, &spec);
        for (int type = 0; type < VARVE_DTYPE_COUNT; type++) {
            varve_search_request r = {.vectors = as[type], .count = COUNT, .dim = DIM, .k = 20};
            question q = {&w, &r, VARVE_METRIC_IP, values};
            r.vectors_type = (varve_dtype)type;
            ask(&s, &q);
        }
        world_done(&w);
    }
}

/* ---- beside others ------------------------------------------------------------------------- */

typedef struct bystander {
    world *w;
    const setting *s;
    const varve_search_request *request;
    varve_hits *hits;
    varve_status status;
} bystander;

static void *search_often(void *context)
{
    bystander *b = context;
    for (size_t i = 0; i < 20 && b->status == VARVE_OK; i++) {
        varve_hits_free(b->hits);
        b->hits = NULL;
        b->status = world_search(b->w->v, b->request, &b->s->limits, b->s->pool, &b->hits, NULL);
    }
    return NULL;
}

/* Appends to the memtable what the view must not see: copies of its rows under other ids. */
static void *write_on(void *context)
{
    bystander *b = context;
    memtable *m = b->w->v->sources[0].mem;
    for (size_t i = 0; i < 3000 && b->status == VARVE_OK; i++) {
        uint8_t key[ID_KEY_NUM_BYTES];
        id_key_put((varve_id){.num = i}, key);
        b->status =
            memtable_add(m, b->w->row_count + 1 + i, i, key, sizeof key,
                         b->w->rows[i % b->w->row_count].stored, (varve_text){"{}", 2}, NULL);
    }
    return NULL;
}

static void test_beside_others(void **state)
{
    enum { DIM = 40, SEARCHERS = 3 };
    setting s = setting_new(2);
    world w;
    world_spec spec = {.seed = 6, .dim = DIM, .sources = 1, .rows_per_source = 8000};
    float queries[2 * DIM];
    bystander all[SEARCHERS + 1];
    pthread_t threads[SEARCHERS + 1];
    (void)state;
    spec.hidden_percent = 10;
    world_init(&w, &spec);
    for (size_t i = 0; i < 2; i++)
        world_query(&w, queries + i * DIM);
    varve_search_request r = {.vectors = queries, .count = 2, .dim = DIM, .k = 30};
    question q = {&w, &r, VARVE_METRIC_IP, queries};
    for (size_t i = 0; i <= SEARCHERS; i++) {
        all[i] = (bystander){.w = &w, .s = &s, .request = &r};
        assert_int_equal(pthread_create(&threads[i], NULL, i ? search_often : write_on, &all[i]),
                         0);
    }
    for (size_t i = 0; i <= SEARCHERS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        assert_int_equal(all[i].status, VARVE_OK);
        if (i > 0) check_hits(&q, all[i].hits);
        varve_hits_free(all[i].hits);
    }
    world_done(&w);
    pool_free(s.pool);
}

/* All rows are hidden, or there are none. */
static void test_nothing_to_find(void **state)
{
    setting s = setting_new(0);
    (void)state;
    for (size_t sources = 0; sources <= 2; sources += 2) {
        world w;
        world_spec spec = {.seed = 3, .dim = sources ? 5 : 0, .sources = sources};
        float query[5] = {1};
        spec.rows_per_source = 500;
        spec.hidden_percent = 100;
        world_init(&w, &spec);
        varve_search_request r = {.vectors = query, .count = 1, .dim = 5, .k = 10};
        varve_hits *hits = NULL;
        assert_int_equal(world_search(w.v, &r, &s.limits, NULL, &hits, NULL), VARVE_OK);
        assert_int_equal(varve_hits_queries(hits), 1);
        assert_int_equal(varve_hits_count(hits, 0), 0);
        varve_hits_free(hits);
        world_done(&w);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random_worlds), cmocka_unit_test(test_heavy_ties),
        cmocka_unit_test(test_overflow),      cmocka_unit_test(test_batches),
        cmocka_unit_test(test_query_types),   cmocka_unit_test(test_nothing_to_find),
        cmocka_unit_test(test_beside_others),
    };
    return cmocka_run_group_tests_name("query_exact", tests, NULL, NULL);
}
