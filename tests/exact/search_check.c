/* search_check.c — see search_check.h. The reference ranks all live rows by score, ties by id; an
 * answer must be the beginning of that ranking. Where the scores of two rows differ by no more than
 * the rounding of another, equally plain order of evaluation, either may come first; rows of equal
 * vectors never have that excuse. */
#include "search_check.h"

#include "reference.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define QUERIES  3
#define ROUNDING 1e-12

typedef struct ranked {
    double key; /* smaller is better */
    size_t row;
} ranked;

typedef struct ranking {
    const truth *t;
    varve_metric metric;
    size_t count;
    ranked *rows;
} ranking;

/* ---- the reference's answer */

static int by_key_and_id(const void *a, const void *b)
{
    const ranked *x = a, *y = b;
    if (x->key != y->key) return x->key < y->key ? -1 : 1;
    return x->row < y->row ? -1 : x->row > y->row; /* rows are in the order of ids */
}

static bool rank(const truth *t, varve_metric metric, const float *query, ranking *ret)
{
    *ret = (ranking){.t = t, .metric = metric};
    ret->rows = calloc(t->row_count + 1, sizeof *ret->rows);
    if (!ret->rows) return false;
    for (size_t i = 0; i < t->row_count; i++) {
        if (t->rows[i].state != VARVE_ROW_LIVE) continue;
        double score = reference_score(metric, t->dim, t->rows[i].values, query);
        ret->rows[ret->count++] = (ranked){metric == VARVE_METRIC_IP ? -score : score, i};
    }
    qsort(ret->rows, ret->count, sizeof *ret->rows, by_key_and_id);
    return true;
}

/* How far two plain evaluations of a score may be apart: relative to the score, and to the terms
 * that it is made of where they cancel. */
static double rounding_of(const ranking *r, double key)
{
    double scale = fabs(key);
    if (isinf(key)) return 0;
    if (r->metric == VARVE_METRIC_COSINE || r->metric == VARVE_METRIC_CORRELATION) scale += 1;
    if (r->metric == VARVE_METRIC_HAVERSINE) scale += 1;
    return scale * ROUNDING;
}

static bool same_vector(const truth *t, size_t a, size_t b)
{
    for (size_t k = 0; k < t->dim; k++)
        if (t->rows[a].values[k] != t->rows[b].values[k]) return false;
    return true;
}

static bool same_id(varve_id a, varve_id b)
{
    if (a.kind != b.kind) return false;
    if (a.kind == VARVE_ID_NUM) return a.num == b.num;
    return a.text.len == b.text.len && memcmp(a.text.data, b.text.data, a.text.len) == 0;
}

/* ---- one answer */

typedef struct answer {
    const varve_hits *hits;
    size_t query, first; /* first: the rank of the first hit */
} answer;

static bool score_fits(const ranking *r, const answer *a, size_t i, char *ret_why)
{
    double key = r->rows[a->first + i].key, slack = rounding_of(r, key);
    double expected = r->metric == VARVE_METRIC_IP ? -key : key;
    float found = varve_hits_score(a->hits, a->query, i);
    if (found >= (float)(expected - slack) && found <= (float)(expected + slack)) return true;
    snprintf(ret_why, TRUTH_WHY_BYTES, "query %zu hit %zu: score %.9g, expected %.17g", a->query, i,
             (double)found, expected);
    return false;
}

/* May a hit stand at rank `at` though the reference has another row there? Only a row of its
 * neighbourhood, and not one whose order an id decides. */
static bool neighbour_fits(const ranking *r, size_t at, varve_id id)
{
    double slack = rounding_of(r, r->rows[at].key);
    for (size_t i = 0; i < r->count; i++) {
        if (!same_id(r->t->rows[r->rows[i].row].id, id)) continue;
        return fabs(r->rows[i].key - r->rows[at].key) <= slack &&
               !same_vector(r->t, r->rows[i].row, r->rows[at].row);
    }
    return false;
}

static bool hit_fits(const ranking *r, const answer *a, size_t i, search_counts *counts,
                     char *ret_why)
{
    varve_id id = varve_hits_id(a->hits, a->query, i);
    if (!score_fits(r, a, i, ret_why)) return false;
    if (same_id(id, r->t->rows[r->rows[a->first + i].row].id)) return true;
    counts->loose++;
    if (neighbour_fits(r, a->first + i, id)) return true;
    snprintf(ret_why, TRUTH_WHY_BYTES,
             "query %zu hit %zu: id %llu%.*s, but that of rank %zu is due", a->query, i,
             (unsigned long long)id.num, (int)id.text.len, id.text.data ? id.text.data : "",
             a->first + i);
    return false;
}

/* The answer must be the ranks [first, first + expected). */
static bool answer_fits(const ranking *r, const answer *a, size_t expected, search_counts *counts,
                        char *ret_why)
{
    size_t count = varve_hits_count(a->hits, a->query);
    if (count != expected) {
        snprintf(ret_why, TRUTH_WHY_BYTES, "query %zu: %zu hits, %zu expected", a->query, count,
                 expected);
        return false;
    }
    for (size_t i = 0; i < count; i++)
        if (!hit_fits(r, a, i, counts, ret_why)) return false;
    counts->hits += count;
    return true;
}

static size_t expected_count(const ranking *r, const varve_search_request *request)
{
    size_t count = r->count;
    double bound = r->metric == VARVE_METRIC_IP ? -request->threshold : request->threshold;
    while (request->range && count > 0 && r->rows[count - 1].key > bound)
        count--;
    count = count > request->offset ? count - request->offset : 0;
    return count < request->k ? count : request->k;
}

/* rankings: of each query of the request */
static bool ask(const ranking *rankings, const varve_search_request *request, varve_collection *c,
                search_counts *counts, char *ret_why)
{
    varve_error err = {0};
    varve_hits *hits = NULL;
    char why[TRUTH_WHY_BYTES - 100];
    if (varve_search(c, request, &hits, &err) != VARVE_OK) {
        snprintf(ret_why, TRUTH_WHY_BYTES, "search: %s", err.message);
        return false;
    }
    bool fits = varve_hits_queries(hits) == request->count;
    why[0] = 0;
    for (size_t q = 0; fits && q < request->count; q++) {
        answer a = {hits, q, request->offset};
        fits =
            answer_fits(&rankings[q], &a, expected_count(&rankings[q], request), counts, ret_why);
    }
    if (!fits) {
        memcpy(why, ret_why, sizeof why - 1);
        why[sizeof why - 1] = 0;
        snprintf(ret_why, TRUTH_WHY_BYTES, "k %zu offset %zu%s: %s", request->k, request->offset,
                 request->range ? " range" : "", why);
    }
    counts->searches++;
    varve_hits_free(hits);
    return fits;
}

/* ---- all kinds of search */

/* Between two ranks where no rounding can decide who is in, that to float32 included, or
 * infinity. */
static double threshold_at(const ranking *r, size_t rank_wanted)
{
    for (size_t i = rank_wanted; i + 1 < r->count; i++) {
        double gap = r->rows[i + 1].key - r->rows[i].key;
        double shown = fabs(r->rows[i + 1].key) * 0x1p-23;
        if (gap > 4 * fmax(shown, rounding_of(r, r->rows[i + 1].key))) {
            double key = r->rows[i].key + gap / 2;
            return r->metric == VARVE_METRIC_IP ? -key : key;
        }
    }
    return r->metric == VARVE_METRIC_IP ? -INFINITY : INFINITY;
}

static bool ask_single(truth *t, const ranking *r, const varve_search_request *batch, size_t q,
                       varve_collection *c, search_counts *counts, char *ret_why)
{
    varve_search_request one = *batch, range = *batch;
    one.count = range.count = 1;
    one.vectors = range.vectors = (const float *)batch->vectors + q * t->dim;
    one.k = 1;
    if (!ask(&r[q], &one, c, counts, ret_why)) return false;
    one.k = 10;
    one.offset = random_below(&t->random, 2) ? 0 : random_below(&t->random, 30);
    if (!ask(&r[q], &one, c, counts, ret_why)) return false;
    range.range = true;
    range.threshold = threshold_at(&r[q], random_below(&t->random, t->row_count));
    return ask(&r[q], &range, c, counts, ret_why);
}

/* A bound that is exactly the score of a row lets it in; whole numbers are free of rounding. */
static bool ask_inclusive(truth *t, const ranking *r, const varve_search_request *batch, size_t q,
                          varve_collection *c, search_counts *counts, char *ret_why)
{
    varve_search_request range = *batch;
    bool whole = r->metric == VARVE_METRIC_HAMMING ||
                 (t->dtype == VARVE_BINARY && r->metric == VARVE_METRIC_IP && q == 0);
    if (!whole || r[q].count == 0) return true;
    double key = r[q].rows[random_below(&t->random, r[q].count)].key;
    range.count = 1;
    range.vectors = (const float *)batch->vectors + q * t->dim;
    range.range = true;
    range.threshold = r->metric == VARVE_METRIC_IP ? -key : key;
    return ask(&r[q], &range, c, counts, ret_why);
}

/* The same query in the type of the collection: query 0 is a row of it. */
static bool ask_stored(truth *t, const ranking *r, const varve_search_request *batch,
                       varve_collection *c, search_counts *counts, char *ret_why)
{
    varve_search_request one = *batch;
    uint8_t *bytes = calloc(varve_dtype_row_bytes(t->dtype, t->dim) + 1, 1);
    if (!bytes) return false;
    reference_bytes(t->dtype, batch->vectors, t->dim, bytes);
    one.count = 1;
    one.k = 7;
    one.vectors = bytes;
    one.vectors_type = t->dtype;
    bool fits = ask(&r[0], &one, c, counts, ret_why);
    free(bytes);
    return fits;
}

static bool ask_all(truth *t, const ranking *r, const float *queries, bool own, varve_collection *c,
                    search_counts *counts, char *ret_why)
{
    size_t q = random_below(&t->random, QUERIES);
    varve_search_request batch = {.vectors = queries,
                                  .count = QUERIES,
                                  .dim = t->dim,
                                  .k = t->row_count + 3,
                                  .metric_given = true,
                                  .metric = r->metric};
    if (!ask(r, &batch, c, counts, ret_why)) return false;
    if (!ask_single(t, r, &batch, q, c, counts, ret_why)) return false;
    if (!ask_inclusive(t, r, &batch, q, c, counts, ret_why)) return false;
    if (!ask_stored(t, r, &batch, c, counts, ret_why)) return false;
    if (!own) return true;
    batch.metric_given = random_below(&t->random, 2);
    batch.metric = VARVE_METRIC_OF_FIELD;
    batch.k = 10;
    return ask(r, &batch, c, counts, ret_why);
}

bool search_check(truth *t, varve_metric metric, bool own, varve_collection *c,
                  search_counts *counts, char *ret_why)
{
    ranking rankings[QUERIES] = {0};
    float *queries = calloc(QUERIES * t->dim, sizeof *queries);
    bool fine = queries != NULL;
    for (size_t q = 0; fine && q < QUERIES; q++) {
        float *query = queries + q * t->dim;
        const truth_row *some = &t->rows[random_below(&t->random, t->row_count)];
        if (q == 0) {
            memcpy(query, some->values, t->dim * sizeof *query);
        } else {
            truth_vector(t, q == 1 ? t->dtype : VARVE_FLOAT32, query);
        }
        fine = rank(t, metric, query, &rankings[q]);
    }
    fine = fine && ask_all(t, rankings, queries, own, c, counts, ret_why);
    for (size_t q = 0; q < QUERIES; q++)
        free(rankings[q].rows);
    free(queries);
    return fine;
}
