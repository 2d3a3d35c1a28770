/* brute.c — see brute.h. */
#include "brute.h"

#include "base/bytes.h"
#include "distance/distance.h"
#include "filter/filter_row.h"
#include "filter/filter_where.h"
#include "query/collector.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

filter *brute_filter(const char *where)
{
    filter *f = NULL;
    varve_error err = {0};
    varve_text text = {where, strlen(where)};
    if (filter_parse_where(text, NULL, 0, &f, &err) != VARVE_OK)
        fail_msg("%s: %s", where, err.message);
    return f;
}

void brute_where(random_state *r, char *ret, size_t size)
{
    static const char *const leaves[] = {"n < 700",
                                         "n BETWEEN 100 AND 900",
                                         "g = 'g3'",
                                         "g IN ('g1', 'g7', 'g11')",
                                         "score > 9.5",
                                         "score <= 4",
                                         "tags CONTAINS 'x'",
                                         "tags CONTAINS ANY ('y', 'z')",
                                         "when >= '2010-01-01'",
                                         "when IS NULL",
                                         "t LIKE 'w1%'",
                                         "MATCH(t, 'w0 w1')",
                                         "MATCH(t, 'w2 w40', 'any')",
                                         "missing = 1",
                                         "n = 17"};
    const char *a = leaves[random_below(r, VV_COUNT(leaves))];
    const char *b = leaves[random_below(r, VV_COUNT(leaves))];
    const char *not = random_below(r, 4) ? "" : "NOT ";
    switch (random_below(r, 3)) {
    case 0: snprintf(ret, size, "%s(%s)", not, a); break;
    case 1: snprintf(ret, size, "%s(%s) AND (%s)", not, a, b); break;
    default: snprintf(ret, size, "%s(%s) OR (%s)", not, a, b); break;
    }
}

bool brute_matches(const filter *f, const model_row *row)
{
    filter_row r = {.id = row->id, .fields = {row->fields, strlen(row->fields)}};
    truth answer;
    if (!f) return true;
    VV_CLEANUP(buffer_done) buffer scratch;
    buffer_init(&scratch, 1 << 20, "scratch");
    assert_int_equal(filter_row_truth(f, &r, &scratch, &answer, NULL), VARVE_OK);
    return answer == TRUTH_TRUE;
}

static int compare(const void *a, const void *b)
{
    const brute_hit *x = a, *y = b;
    if (x->key != y->key) return x->key < y->key ? -1 : 1;
    return world_id_order(x->row->id, y->row->id);
}

brute_hits brute_rank(const world *w, const filter *f, brute_key *key, void *context)
{
    brute_hits h = {.rows = malloc((w->row_count + 1) * sizeof *h.rows)};
    assert_non_null(h.rows);
    for (size_t i = 0; i < w->row_count; i++) {
        const model_row *r = &w->rows[i];
        if (r->fate != FATE_LIVE || !brute_matches(f, r)) continue;
        double k = key(context, r);
        if (!isnan(k)) h.rows[h.count++] = (brute_hit){r, k};
    }
    qsort(h.rows, h.count, sizeof *h.rows, compare);
    return h;
}

typedef struct metric_query {
    const world *w;
    varve_metric metric;
    const float *query;
} metric_query;

static double distance_key(void *context, const model_row *row)
{
    const metric_query *q = context;
    return key_of(q->metric, distance_exact(q->metric, q->w->spec.dtype, q->w->spec.dim, q->query,
                                            row->stored));
}

brute_hits brute_nearest(const world *w, const filter *f, varve_metric metric, const float *query)
{
    metric_query q = {w, metric, query};
    return brute_rank(w, f, distance_key, &q);
}

void brute_free(brute_hits *h) { free(h->rows); }

void brute_compare(const varve_hits *hits, size_t query, const brute_hits *expected, size_t offset,
                   size_t k, bool larger, double tolerance, const char *what)
{
    size_t skip = VV_MIN(offset, expected->count), count = VV_MIN(expected->count - skip, k);
    if (varve_hits_count(hits, query) != count)
        fail_msg("%s: %zu hits, not %zu", what, varve_hits_count(hits, query), count);
    for (size_t i = 0; i < count; i++) {
        const brute_hit *e = &expected->rows[skip + i];
        double score = larger ? -e->key : e->key, got = (double)varve_hits_score(hits, query, i);
        bool same_id = world_id_order(varve_hits_id(hits, query, i), e->row->id) == 0;
        bool close = fabs(got - score) <= tolerance * fmax(1, fabs(score)) || got == score;
        if (!close || (!same_id && tolerance == 0))
            fail_msg("%s: hit %zu has score %.9g, not %.9g; the same id: %d", what, i, got, score,
                     same_id);
        if (same_id) assert_int_equal(varve_hits_ordinal(hits, query, i), e->row->ordinal);
    }
}
