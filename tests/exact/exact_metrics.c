/* exact_metrics.c — every metric over every vector type and many dimensions, through varve.h alone,
 * against the reference: best k, ranges, batches, ties by id; with inserts, upserts, sessions,
 * deletes, restores, seals and reopens in between.
 *
 *   exact_metrics [--seed n] [--dims few|some|all]
 *
 * A seed replays a run; a failure names type, dimension, metric and stage. */
#include "search_check.h"
#include "test_dir.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DIM_LAST   300
#define ROWS       120
#define ROWS_LARGE 6000
#define DIM_LARGE  6

typedef struct metric_words {
    const char *name, *index_mode;
} metric_words;

static const metric_words metrics[VARVE_METRIC_COUNT] = {
#define X(NAME, name, word, larger) {name, "FLAT-" word},
    VARVE_METRIC_TABLE(X)
#undef X
};

typedef struct place { /* a collection and what it should hold */
    char name[32];
    truth t;
    varve_metric own;
    varve_collection *c;
} place;

typedef struct run {
    uint64_t seed;
    varve_dtype dtype;
    varve *db;
    test_dir dir;
    size_t place_count;
    place places[DIM_LAST + 2];
    const char *stage;
    search_counts counts;
    uint64_t collections;
} run;

static bool fail(const run *r, const place *p, const char *metric, const char *why)
{
    printf("seed %llu: %s, %zu dimensions, %s, %s: %s\n", (unsigned long long)r->seed,
           varve_dtype_name(r->dtype), p ? p->t.dim : 0, metric, r->stage, why);
    return false;
}

/* ---- the folder */

static bool open_folder(run *r)
{
    varve_options o;
    varve_error err = {0};
    varve_options_init(&o);
    o.seal_rows = 45; /* so that rows are in several segments and in memory */
    o.seal_rows_min = 8;
    o.session_memory_max = 4096;
    o.bulk_segment_bytes = 16384;
    o.parallel_bytes_min = 65536;
    o.search_threads = 3;
    if (varve_open(r->dir.path, &o, &r->db, &err) == VARVE_OK) return true;
    return fail(r, NULL, "open", err.message);
}

static bool reopen(run *r, bool clean)
{
    varve_error err = {0};
    varve_status status = VARVE_OK;
    for (size_t i = 0; i < r->place_count; i++) {
        varve_collection_release(r->places[i].c);
        r->places[i].c = NULL;
    }
    if (clean) {
        status = varve_close(r->db, &err);
    } else {
        varve_abandon(r->db);
    }
    r->db = NULL;
    if (status != VARVE_OK) return fail(r, NULL, "close", err.message);
    if (!open_folder(r)) return false;
    for (size_t i = 0; i < r->place_count; i++) {
        place *p = &r->places[i];
        if (varve_collection_open(r->db, "default", p->name, &p->c, &err) != VARVE_OK)
            return fail(r, p, "collection", err.message);
    }
    return true;
}

static bool add_place(run *r, size_t dim, size_t rows)
{
    place *p = &r->places[r->place_count++];
    varve_error err = {0};
    uint64_t seed = r->seed * 1000003 + r->collections++ * 31 + dim;
    if (!truth_init(&p->t, r->dtype, dim, rows, seed)) return fail(r, p, "truth", "no memory");
    snprintf(p->name, sizeof p->name, "c%zu-%zu", dim, rows);
    p->own = (varve_metric)(seed % VARVE_METRIC_COUNT);
    if (p->own == VARVE_METRIC_HAVERSINE && dim != 2) p->own = VARVE_METRIC_L2;
    varve_collection_spec spec = {.dim = seed % 2 ? dim : 0, /* else by the first rows */
                                  .dtype = r->dtype,
                                  .index_mode = metrics[p->own].index_mode};
    if (varve_collection_create(r->db, "default", p->name, &spec, &p->c, &err) == VARVE_OK)
        return true;
    return fail(r, p, "create", err.message);
}

/* ---- what is refused */

static bool check_refusals(const run *r, const place *p)
{
    varve_error err = {0};
    varve_hits *hits = NULL;
    varve_id id = {.kind = VARVE_ID_NUM, .num = 999999999};
    float values[DIM_LAST + 1] = {0};
    varve_rows rows = {.count = 1, .dim = 0, .ids = &id, .vectors = values};
    if (varve_upsert(p->c, &rows, NULL, NULL, &err) != VARVE_INVALID)
        return fail(r, p, "refusals", "a row of 0 dimensions was taken");
    varve_search_request q = {.vectors = values, .count = 1, .dim = 0, .k = 1};
    if (varve_search(p->c, &q, &hits, &err) != VARVE_INVALID)
        return fail(r, p, "refusals", "a query of 0 dimensions was answered");
    q.dim = p->t.dim + 1;
    if (varve_search(p->c, &q, &hits, &err) != VARVE_INVALID)
        return fail(r, p, "refusals", "a query of another dimension was answered");
    q.dim = p->t.dim;
    q.metric_given = true;
    q.metric = VARVE_METRIC_HAVERSINE;
    if (p->t.dim != 2 && varve_search(p->c, &q, &hits, &err) != VARVE_UNSUPPORTED)
        return fail(r, p, "refusals", "haversine of other than 2 dimensions was answered");
    return true;
}

/* ---- stages */

static bool check_place(run *r, place *p)
{
    char why[TRUTH_WHY_BYTES] = "no memory";
    if (!truth_check_rows(&p->t, p->c, why)) return fail(r, p, "rows", why);
    for (int m = 0; m < VARVE_METRIC_COUNT; m++) {
        if (m == VARVE_METRIC_HAVERSINE && p->t.dim != 2) continue;
        varve_metric metric = (varve_metric)m;
        if (!search_check(&p->t, metric, metric == p->own, p->c, &r->counts, why))
            return fail(r, p, metrics[m].name, why);
    }
    return true;
}

static bool check_all(run *r, const char *stage)
{
    r->stage = stage;
    for (size_t i = 0; i < r->place_count; i++)
        if (!check_place(r, &r->places[i])) return false;
    return true;
}

typedef struct step {
    truth_change change;
    size_t percent; /* of the rows */
    bool seal;
} step;

static bool change_all(run *r, const char *stage, const step *steps, size_t count)
{
    char why[TRUTH_WHY_BYTES] = "no memory";
    r->stage = stage;
    for (size_t i = 0; i < r->place_count; i++) {
        place *p = &r->places[i];
        for (size_t s = 0; s < count; s++) {
            varve_error err = {0};
            size_t rows = p->t.row_count * steps[s].percent / 100;
            if (!truth_apply(&p->t, steps[s].change, rows, p->c, why))
                return fail(r, p, "change", why);
            if (steps[s].seal && varve_collection_checkpoint(p->c, &err) != VARVE_OK)
                return fail(r, p, "seal", err.message);
        }
    }
    return true;
}

static bool all_stages(run *r)
{
    static const step first[] = {{TRUTH_INSERT, 33, false}, {TRUTH_INSERT, 33, true},
                                 {TRUTH_UPSERT, 10, false}, {TRUTH_DELETE, 12, false},
                                 {TRUTH_INSERT, 20, true},  {TRUTH_RESTORE, 4, false},
                                 {TRUTH_UPSERT, 9, false}};
    static const step second[] = {{TRUTH_SESSION, 25, false},
                                  {TRUTH_DELETE, 10, true},
                                  {TRUTH_UPSERT, 8, false},
                                  {TRUTH_RESTORE, 3, false},
                                  {TRUTH_DELETE, 3, false}};
    if (!change_all(r, "first changes", first, VV_COUNT(first))) return false;
    if (!check_all(r, "after the first changes")) return false;
    r->stage = "refusals";
    for (size_t i = 0; i < r->place_count; i++)
        if (!check_refusals(r, &r->places[i])) return false;
    if (!reopen(r, true) || !check_all(r, "after a reopen")) return false;
    if (!change_all(r, "second changes", second, VV_COUNT(second))) return false;
    return reopen(r, false) && check_all(r, "after the second changes and an unclean end");
}

/* ---- one type */

typedef enum dims { DIMS_FEW, DIMS_SOME, DIMS_ALL } dims;

static bool is_sampled(dims which, size_t dim)
{
    static const size_t some[] = {4,  5,  6,   9,   12,  14,  20,  24,  30,  40,  48,  50,  56, 72,
                                  80, 96, 100, 112, 120, 150, 160, 192, 200, 224, 240, 272, 288};
    static const size_t few[] = {1,  2,  3,  7,   8,   15,  16,  17,  31,  32,      33,
                                 63, 64, 65, 127, 128, 129, 255, 256, 257, DIM_LAST};
    for (size_t i = 0; i < VV_COUNT(few); i++)
        if (few[i] == dim) return true;
    for (size_t i = 0; which == DIMS_SOME && i < VV_COUNT(some); i++)
        if (some[i] == dim) return true;
    return which == DIMS_ALL;
}

static bool run_dtype(run *r, dims which)
{
    test_dir_make(&r->dir);
    r->place_count = 0;
    r->stage = "begin";
    bool fine = open_folder(r);
    for (size_t dim = 1; fine && dim <= DIM_LAST; dim++)
        fine = !is_sampled(which, dim) || add_place(r, dim, ROWS);
    fine = fine && add_place(r, DIM_LARGE, ROWS_LARGE) && all_stages(r);
    for (size_t i = 0; i < r->place_count; i++) {
        varve_collection_release(r->places[i].c);
        truth_done(&r->places[i].t);
    }
    if (r->db && varve_close(r->db, NULL) != VARVE_OK) fine = false;
    r->db = NULL;
    test_dir_remove(&r->dir);
    return fine;
}

int main(int argc, char **argv)
{
    static run r = {.seed = 1};
    dims which = DIMS_SOME;
    int failures = 0;
    for (int i = 1; i + 1 < argc; i += 2) {
        if (strcmp(argv[i], "--seed") == 0) r.seed = strtoull(argv[i + 1], NULL, 10);
        if (strcmp(argv[i], "--dims") == 0)
            which = argv[i + 1][0] == 'f' ? DIMS_FEW : argv[i + 1][0] == 'a' ? DIMS_ALL : DIMS_SOME;
    }
    for (int type = 0; type < VARVE_DTYPE_COUNT; type++) {
        r.dtype = (varve_dtype)type;
        failures += !run_dtype(&r, which);
    }
    printf("exact: seed %llu, %llu collections, %llu searches, %llu hits, %llu of them in another "
           "order of equal scores; %d failures\n",
           (unsigned long long)r.seed, (unsigned long long)r.collections,
           (unsigned long long)r.counts.searches, (unsigned long long)r.counts.hits,
           (unsigned long long)r.counts.loose, failures);
    return failures != 0;
}
