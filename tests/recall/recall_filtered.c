/* recall_filtered.c — searches under filters on real rows, through varve.h, with a real compactor
 * process: 0.1 % to 90 % of the rows match; any of them, those nearest to where the queries are, or
 * those farthest from it. Recall at 10 must be `least`, and there must be min(k, matches) hits.
 *
 *   recall_filtered --data FOLDER --compactor PATH --mode MODE... [--rows N] [--least R]
 *
 * Places: each of a few queries is a pivot, asked about by the queries nearest to it. A row keeps a
 * random number and its rank by distance from each pivot, in thousandths, as fields. */
#include "recall_data.h"

#include "base/clock.h"
#include "record/schema.h"
#include "test_dir.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PIVOTS       3
#define EACH         12 /* queries about a pivot */
#define COLUMNS      (PIVOTS + 1)
#define THOUSAND     1000
#define MODES_MAX    16
#define FIELDS_BYTES 80
#define BATCH        500
#define EXIT_SKIPPED 77

typedef enum place { ANYWHERE, NEAR, FAR, PLACES } place;
static const char *const place_names[PLACES] = {"random", "near", "far"};
static const unsigned shares[] = {1, 10, 100, 500, 900}; /* thousandths */

typedef struct test {
    const char *folder, *compactor, *modes[MODES_MAX];
    size_t rows_max, mode_count;
    double least;
    recall_source source;
    recall_data data;
    uint16_t *columns; /* COLUMNS per row */
    bool *live;        /* the rows that match */
    size_t about[PIVOTS][EACH];
    varve *db;
    varve_collection *c;
} test;

static bool fail(const char *what, const varve_error *err)
{
    printf("FAILED: %s: %s\n", what, err->message);
    return false;
}

/* ---- which rows, which queries ---- */

typedef struct ranked {
    float distance;
    size_t number;
} ranked;

static int by_distance(const void *a, const void *b)
{
    const ranked *x = a, *y = b;
    if (x->distance != y->distance) return x->distance < y->distance ? -1 : 1;
    return (x->number > y->number) - (x->number < y->number);
}

static uint64_t mix(uint64_t x)
{
    x += UINT64_C(0x9e3779b97f4a7c15);
    x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
    return x ^ x >> 31;
}

static void choose_queries(test *t, size_t pivot, size_t *ret)
{
    const recall_data *d = &t->data;
    ranked *all = calloc(d->query_count, sizeof *all);
    if (!all) abort();
    for (size_t i = 0; i < d->query_count; i++) {
        double sum = i == pivot ? INFINITY : 0;
        for (size_t j = 0; j < d->dim; j++) {
            float by = d->queries[i * d->dim + j] - d->queries[pivot * d->dim + j];
            sum += (double)by * (double)by;
        }
        all[i] = (ranked){(float)sum, i};
    }
    qsort(all, d->query_count, sizeof *all, by_distance);
    for (size_t i = 0; i < EACH; i++)
        ret[i] = all[i].number;
    free(all);
}

static void fill_columns(test *t)
{
    const recall_data *d = &t->data;
    size_t rows = d->base_count;
    ranked *all = calloc(rows, sizeof *all);
    t->columns = calloc(rows * COLUMNS, sizeof *t->columns);
    t->live = calloc(recall_data_rows(d), sizeof *t->live);
    if (!all || !t->columns || !t->live) abort();
    for (size_t i = 0; i < rows; i++)
        t->columns[i * COLUMNS] = (uint16_t)(mix(i) % THOUSAND);
    for (size_t p = 0; p < PIVOTS; p++) {
        size_t pivot = p * d->query_count / PIVOTS;
        choose_queries(t, pivot, t->about[p]);
        for (size_t i = 0; i < rows; i++)
            all[i] = (ranked){recall_data_distance(d, pivot, i), i};
        qsort(all, rows, sizeof *all, by_distance);
        for (size_t i = 0; i < rows; i++)
            t->columns[all[i].number * COLUMNS + 1 + p] = (uint16_t)(i * THOUSAND / rows);
    }
    free(all);
}

/* ---- the collection ---- */

static varve_status write_batch(const test *t, varve_session *session, size_t first, size_t count,
                                varve_error *err)
{
    char texts[BATCH][FIELDS_BYTES];
    varve_text fields[BATCH];
    for (size_t i = 0; i < count; i++) {
        const uint16_t *c = t->columns + (first + i) * COLUMNS;
        int n = snprintf(texts[i], FIELDS_BYTES, "{\"r\":%u,\"d0\":%u,\"d1\":%u,\"d2\":%u}", c[0],
                         c[1], c[2], c[3]);
        fields[i] = (varve_text){texts[i], (size_t)n};
    }
    varve_rows rows = {.count = count,
                       .dim = t->data.dim,
                       .ids_from_first = true,
                       .first_id = first,
                       .fields = fields,
                       .vectors = recall_data_row(&t->data, first),
                       .vectors_type = VARVE_FLOAT32};
    return varve_session_add(session, &rows, err);
}

static varve_status write_rows(const test *t, varve_error *err)
{
    varve_session *session = NULL;
    varve_status status = varve_session_new(t->c, NULL, &session, err);
    for (size_t i = 0; status == VARVE_OK && i < t->data.base_count; i += BATCH)
        status = write_batch(t, session, i, VV_MIN((size_t)BATCH, t->data.base_count - i), err);
    if (status == VARVE_OK) status = varve_session_commit(session, NULL, err);
    varve_session_free(session);
    return status;
}

static varve_status build(test *t, const char *path, const char *mode, varve_error *err)
{
    varve_options o;
    varve_collection_spec spec = {.dim = t->data.dim, .dtype = t->data.dtype};
    varve_options_init(&o);
    o.compact_nice = 0; /* tests run beside others */
    o.compactor_path = t->compactor;
    o.search_threads = 1;
    VV_TRY(varve_open(path, &o, &t->db, err));
    VV_TRY(varve_collection_create(t->db, "default", "rows", &spec, &t->c, err));
    VV_TRY(write_rows(t, err));
    return varve_index_build(t->c, mode, NULL, false, err);
}

/* ---- searches ---- */

typedef struct found {
    double recall, least; /* mean; of one query */
    size_t queries;
} found;

/* How many of the hits are as near as the k-th that matches; -1: not as many as there must be, or
 * one that does not match. */
static int count_good(const test *t, size_t query, size_t matches, const varve_hits *hits)
{
    size_t count = varve_hits_count(hits, 0), wanted = VV_MIN((size_t)RECALL_K, matches);
    float kth = recall_data_kth(&t->data, query, t->live, wanted);
    int good = 0;
    if (count != wanted) {
        printf("FAILED: query %zu has %zu hits, %zu rows match\n", query, count, matches);
        return -1;
    }
    for (size_t i = 0; i < count; i++) {
        uint64_t row = varve_hits_id(hits, 0, i).num;
        if (!t->live[row]) {
            printf("FAILED: query %zu has hit %llu, which does not match\n", query,
                   (unsigned long long)row);
            return -1;
        }
        good += recall_data_distance(&t->data, query, (size_t)row) <= kth;
    }
    return good;
}

static bool one_query(const test *t, size_t query, size_t matches, const varve_filter *filter,
                      found *sum)
{
    varve_hits *hits = NULL;
    varve_error err = {0};
    varve_search_request r = {.vectors = t->data.queries + query * t->data.dim,
                              .count = 1,
                              .dim = t->data.dim,
                              .k = RECALL_K,
                              .filter = filter};
    if (varve_search(t->c, &r, &hits, &err) != VARVE_OK) return fail("search", &err);
    int good = count_good(t, query, matches, hits);
    varve_hits_free(hits);
    if (good < 0) return false;
    sum->recall += (double)good / (double)VV_MIN((size_t)RECALL_K, matches);
    sum->queries++;
    return true;
}

static size_t mark_live(const test *t, place where, unsigned share, size_t pivot)
{
    size_t count = 0;
    for (size_t i = 0; i < t->data.base_count; i++) {
        unsigned rank = t->columns[i * COLUMNS + (where == ANYWHERE ? 0 : 1 + pivot)];
        t->live[i] = where == FAR ? rank >= THOUSAND - share : rank < share;
        count += t->live[i];
    }
    return count;
}

static bool about_pivot(const test *t, place where, unsigned share, size_t pivot, found *sum)
{
    char text[64];
    varve_filter *filter = NULL;
    varve_error err = {0};
    size_t matches = mark_live(t, where, share, pivot);
    bool fine = true;
    if (where == ANYWHERE)
        snprintf(text, sizeof text, "r < %u", share);
    else if (where == NEAR)
        snprintf(text, sizeof text, "d%zu < %u", pivot, share);
    else
        snprintf(text, sizeof text, "d%zu >= %u", pivot, THOUSAND - share);
    if (varve_filter_where((varve_text){text, strlen(text)}, NULL, 0, &filter, &err) != VARVE_OK)
        return fail(text, &err);
    for (size_t i = 0; fine && i < EACH; i++)
        fine = one_query(t, t->about[pivot][i], matches, filter, sum);
    varve_filter_free(filter);
    return fine;
}

static bool all_filters(const test *t, const char *mode)
{
    bool fine = true;
    for (place where = 0; where < PLACES; where++) {
        printf("%-14s %-7s", mode, place_names[where]);
        for (size_t i = 0; i < VV_COUNT(shares); i++) {
            found sum = {0};
            for (size_t pivot = 0; pivot < PIVOTS; pivot++)
                if (!about_pivot(t, where, shares[i], pivot, &sum)) return false;
            double recall = sum.recall / (double)sum.queries;
            bool enough = recall >= t->least - 1e-9;
            printf("  %.1f%% %.4f%s", shares[i] / 10.0, recall, enough ? "" : " TOO LOW");
            fine &= enough;
        }
        printf("\n");
        fflush(stdout);
    }
    return fine;
}

/* ---- modes ---- */

static bool take_data(test *t, const char *mode)
{
    index_mode m;
    varve_error err = {0};
    if (index_mode_parse(mode, &m, &err) != VARVE_OK) return fail(mode, &err);
    if (t->data.rows && t->data.metric == m.metric) return true;
    recall_data_done(&t->data);
    free(t->columns);
    free(t->live);
    t->columns = NULL;
    t->live = NULL;
    if (recall_data_init(&t->data, &t->source, m.metric, VARVE_FLOAT32, 0, &err) != VARVE_OK)
        return fail("data", &err);
    fill_columns(t);
    return true;
}

static bool run_mode(test *t, const char *mode)
{
    test_dir dir;
    varve_error err = {0};
    uint64_t from = clock_now_ns();
    test_dir_make(&dir);
    bool fine = build(t, dir.path, mode, &err) == VARVE_OK || fail(mode, &err);
    fine = fine && all_filters(t, mode);
    varve_collection_release(t->c);
    if (t->db) varve_abandon(t->db);
    t->c = NULL;
    t->db = NULL;
    test_dir_remove(&dir);
    printf("%-14s %s, %.1f s\n", mode, fine ? "fine" : "FAILED",
           (double)(clock_now_ns() - from) / 1e9);
    return fine;
}

static int run(test *t)
{
    varve_error err = {0};
    bool fine = true;
    varve_status status = recall_source_load(t->folder, t->rows_max, &t->source, &err);
    if (status == VARVE_NOT_FOUND) {
        printf("skipped: %s\n", err.message);
        return EXIT_SKIPPED;
    }
    if (status != VARVE_OK) return fail("data", &err), 1;
    for (size_t i = 0; i < t->mode_count; i++)
        fine = take_data(t, t->modes[i]) && run_mode(t, t->modes[i]) && fine;
    recall_data_done(&t->data);
    recall_source_done(&t->source);
    free(t->columns);
    free(t->live);
    return !fine;
}

static bool take_argument(test *t, const char *name, const char *value)
{
    if (strcmp(name, "--data") == 0)
        t->folder = value;
    else if (strcmp(name, "--compactor") == 0)
        t->compactor = value;
    else if (strcmp(name, "--rows") == 0)
        t->rows_max = strtoull(value, NULL, 10);
    else if (strcmp(name, "--least") == 0)
        t->least = strtod(value, NULL);
    else if (strcmp(name, "--mode") == 0 && t->mode_count < MODES_MAX)
        t->modes[t->mode_count++] = value;
    else
        return false;
    return true;
}

int main(int argc, char **argv)
{
    test t = {.rows_max = SIZE_MAX, .least = 0.95};
    bool fine = argc % 2 == 1;
    for (int i = 1; fine && i + 1 < argc; i += 2)
        fine = take_argument(&t, argv[i], argv[i + 1]);
    if (fine && t.folder && t.compactor && t.mode_count > 0) return run(&t);
    fprintf(stderr, "usage: recall_filtered --data FOLDER --compactor PATH --mode MODE...\n"
                    "                       [--rows N] [--least R]\n");
    return 2;
}
