/* test_graph_links_fixture.c — see test_graph_links_fixture.h. */
#include "test_graph_links_fixture.h"

#include <math.h>

enum { NEAREST = 10 };

static varve_status get_rows(void *context, uint32_t first, uint32_t n, const uint8_t **ret,
                             varve_error *err)
{
    const fixture *f = context;
    (void)err;
    assert_true(n >= 1 && (uint64_t)first + n <= f->rows.count);
    *ret = f->bytes + first * f->row_bytes;
    return VARVE_OK;
}

void fixture_init(fixture *f, varve_metric metric, varve_dtype dtype, uint32_t count, uint32_t dim)
{
    memset(f, 0, sizeof *f);
    f->row_bytes = varve_dtype_row_bytes(dtype, dim);
    f->bytes = calloc(count, f->row_bytes);
    assert_non_null(f->bytes);
    f->rows = (index_rows){count, dim, dtype, get_rows, f};
    f->spec.kind = INDEX_KIND_FULL;
    f->spec.mode.metric = metric;
    f->spec.dim = dim;
    f->spec.dtype = dtype;
    f->options.threads = 1;
    f->options.seed = 7;
    f->links = (graph_links_options){.degree = 32, .candidates = 128, .alpha = 1.2f};
}

void fixture_done(fixture *f) { free(f->bytes); }

uint8_t *fixture_row(const fixture *f, uint32_t row) { return f->bytes + row * f->row_bytes; }

void fixture_put(fixture *f, uint32_t row, const float *values)
{
    memcpy(fixture_row(f, row), values, f->row_bytes);
}

void fixture_fill_gauss(fixture *f, uint64_t seed)
{
    random_state r;
    random_seed(&r, seed);
    for (uint32_t i = 0; i < f->rows.count; i++) {
        float *x = (float *)(void *)fixture_row(f, i);
        for (uint32_t j = 0; j < f->rows.dim; j++)
            x[j] = random_gauss(&r);
    }
}

varve_status fixture_build(const fixture *f, graph_links *ret, varve_error *err)
{
    thread_pool *pool = NULL;
    space s;
    bool euclidean = f->spec.mode.metric <= VARVE_METRIC_COSINE;
    if (f->options.threads > 1)
        assert_int_equal(pool_new(f->options.threads - 1, 16, "links", &pool, err), VARVE_OK);
    if (euclidean) assert_int_equal(space_init(&s, f->spec.mode.metric, &f->rows, err), VARVE_OK);
    index_build_context c = {.spec = &f->spec, .rows = &f->rows, .options = &f->options};
    c.pool = pool;
    varve_status status = graph_links_build(&c, euclidean ? &s : NULL, &f->links, ret, err);
    pool_free(pool);
    return status;
}

graph_links fixture_build_checked(const fixture *f)
{
    graph_links l;
    varve_error err = {0};
    varve_status status = fixture_build(f, &l, &err);
    if (status != VARVE_OK) fail_msg("%s: %s", varve_status_name(status), err.message);
    fixture_check(f, &l);
    return l;
}

static void check_row(const graph_links *l, uint32_t row)
{
    const uint32_t *to = l->edges + (size_t)row * l->degree;
    uint32_t n = 0;
    while (n < l->degree && to[n] != GRAPH_NONE)
        n++;
    for (uint32_t i = 0; i < l->degree; i++) {
        if (i >= n) {
            assert_int_equal(to[i], GRAPH_NONE);
            continue;
        }
        assert_true(to[i] < l->count);
        assert_int_not_equal(to[i], row);
        for (uint32_t j = 0; j < i; j++)
            assert_int_not_equal(to[i], to[j]);
    }
}

static void check_reachable(const graph_links *l)
{
    uint32_t *queue = malloc(l->count * sizeof *queue), first = 0, end = 0;
    bool *reached = calloc(l->count, sizeof *reached);
    assert_true(graph_links_entry(l) < l->count);
    queue[end++] = graph_links_entry(l);
    reached[queue[0]] = true;
    while (first < end) {
        const uint32_t *to = l->edges + (size_t)queue[first++] * l->degree;
        for (uint32_t i = 0; i < l->degree && to[i] != GRAPH_NONE; i++) {
            if (reached[to[i]]) continue;
            reached[to[i]] = true;
            queue[end++] = to[i];
        }
    }
    assert_int_equal(end, l->count);
    free(queue);
    free(reached);
}

void fixture_check(const fixture *f, const graph_links *l)
{
    assert_int_equal(l->count, f->rows.count);
    assert_int_equal(l->degree, f->links.degree);
    for (uint32_t i = 0; i < l->count; i++)
        check_row(l, i);
    check_reachable(l);
}

/* ---- search -------------------------------------------------------------------------------- */

typedef struct beam_entry {
    float score;
    uint32_t row;
    bool walked;
} beam_entry;

typedef struct search {
    const fixture *f;
    distance_query *query;
    beam_entry *beam;
    size_t breadth, count;
    bool *seen;
} search;

static float score_of(const search *s, uint32_t row)
{
    float score;
    distance_scan(s->query, fixture_row(s->f, row), 1, &score);
    return s->f->spec.mode.metric == VARVE_METRIC_IP ? -score : score;
}

/* The place it took, or `breadth`. */
static size_t meet(search *s, uint32_t row)
{
    if (s->seen[row]) return s->breadth;
    s->seen[row] = true;
    float score = score_of(s, row);
    size_t at = s->count;
    while (at > 0 && score < s->beam[at - 1].score)
        at--;
    if (at == s->breadth) return at;
    size_t moved = VV_MIN(s->count, s->breadth - 1) - at;
    memmove(s->beam + at + 1, s->beam + at, moved * sizeof *s->beam);
    s->beam[at] = (beam_entry){score, row, false};
    s->count = VV_MIN(s->count + 1, s->breadth);
    return at;
}

static void walk(search *s, const graph_links *l)
{
    s->count = 0;
    memset(s->seen, 0, l->count * sizeof *s->seen);
    meet(s, graph_links_entry(l));
    for (size_t i = 0; i < s->count;) {
        if (s->beam[i].walked) {
            i++;
            continue;
        }
        s->beam[i].walked = true;
        const uint32_t *to = l->edges + (size_t)s->beam[i].row * l->degree;
        size_t next = i;
        for (uint32_t j = 0; j < l->degree && to[j] != GRAPH_NONE; j++) {
            size_t at = meet(s, to[j]);
            next = VV_MIN(next, at);
        }
        i = next;
    }
}

static int by_value(const void *a, const void *b)
{
    float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

/* The score of the last of the truly nearest. */
static float last_score(const search *s)
{
    uint32_t n = s->f->rows.count;
    float *scores = malloc(n * sizeof *scores);
    for (uint32_t i = 0; i < n; i++)
        scores[i] = score_of(s, i);
    qsort(scores, n, sizeof *scores, by_value);
    float last = scores[VV_MIN(n, (uint32_t)NEAREST) - 1];
    free(scores);
    return last;
}

double fixture_recall_of(const fixture *f, const graph_links *l, size_t breadth,
                         const float *queries, uint32_t count)
{
    search s = {.f = f, .breadth = breadth};
    size_t hits = 0, wanted = VV_MIN(f->rows.count, (uint32_t)NEAREST);
    s.beam = malloc((breadth + 1) * sizeof *s.beam);
    s.seen = malloc(f->rows.count * sizeof *s.seen);
    for (uint32_t q = 0; q < count; q++) {
        assert_int_equal(distance_query_new(f->spec.mode.metric, f->rows.dtype, f->rows.dim,
                                            queries + (size_t)q * f->rows.dim, &s.query, NULL),
                         VARVE_OK);
        float last = last_score(&s);
        walk(&s, l);
        for (size_t i = 0; i < VV_MIN(s.count, wanted); i++)
            hits += s.beam[i].score <= last;
        distance_query_free(s.query);
    }
    free(s.beam);
    free(s.seen);
    return (double)hits / (double)(wanted * count);
}

double fixture_recall(const fixture *f, const graph_links *l, size_t breadth, uint32_t queries,
                      float moved)
{
    random_state r;
    uint32_t dim = f->rows.dim;
    float *values = malloc((size_t)queries * dim * sizeof *values);
    random_seed(&r, 99);
    for (uint32_t q = 0; q < queries; q++) {
        float *x = values + (size_t)q * dim;
        uint32_t row = (uint32_t)random_below(&r, f->rows.count);
        distance_row_floats(f->rows.dtype, dim, fixture_row(f, row), x);
        for (uint32_t j = 0; j < dim; j++)
            x[j] = fabsf(x[j] + moved * random_gauss(&r)) * (x[j] < 0 ? -1.0f : 1.0f);
    }
    double recall = fixture_recall_of(f, l, breadth, values, queries);
    free(values);
    return recall;
}
