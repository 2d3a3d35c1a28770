/* scenario_filtered.c — searches under a filter, beside the exact scan of the rows that match and
 * beside the same searches without a filter, all three in turns. One thread, one query at a time,
 * processor time, evaluation of the filter included. Filters come once each; those that have come
 * before, whose matches are kept, are measured beside them.
 *
 * A filter lets 0.1 % to 90 % of the rows pass. Which ones:
 *   random   any
 *   near     those nearest to a pivot, which the queries are near to as well (correlated)
 *   far      those farthest from it (anti-correlated)
 * Pivots are queries of the set, and each is left out of the queries about it. Every row keeps in
 * int fields its random number and its rank of distance from each pivot, in thousandths. */
#include "ann_ours.h"

#include "base/file.h"
#include "record/schema.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PIVOTS       4
#define EACH_MAX     50 /* queries about a pivot */
#define QUERIES_MAX  (PIVOTS * EACH_MAX)
#define ROUNDS_MAX   16
#define COLUMNS      (PIVOTS + 1) /* the random number comes first */
#define THOUSAND     1000
#define FIELDS_ROOM  96
#define TARGET       0.95
#define SLACK        1e-6 /* relative: distances that differ by rounding only */
#define MODE_DEFAULT "HNSW-L2"

typedef enum kind { KIND_RANDOM, KIND_NEAR, KIND_FAR, KINDS } kind;
static const char *const kind_names[KINDS] = {"random", "near", "far"};
static const unsigned shares[] = {1, 10, 100, 500, 900}; /* thousandths */
#define SHARES VV_COUNT(shares)

typedef struct pass { /* all queries once */
    double cpu_s, recall;
    size_t hits_least;             /* of those wanted, min(k, matches) */
    bool whole;                    /* none had fewer than that */
    uint64_t filter_us, search_us; /* by the clock */
    varve_search_work work;
} pass;

typedef struct measured {                                          /* of one case, by round */
    double ours[ROUNDS_MAX], exact[ROUNDS_MAX], plain[ROUNDS_MAX]; /* seconds of a query */
    double known[ROUNDS_MAX]; /* ours, under filters that have come before */
    pass last, last_known, last_plain;
    double kth[QUERIES_MAX]; /* truth under the filter */
} measured;

typedef struct filtered {
    const bench_options *o;
    ann_set set;
    const char *mode_name;
    work folder;
    bool kept; /* the folder is that of --cache */
    char path[512];
    size_t each, rounds;
    uint16_t *columns[COLUMNS]; /* thousandths, by row */
    varve_text *fields;
    char *text;
    ann_ours ours;
    double kth_plain[QUERIES_MAX];
    unsigned number; /* of the last filter that came once */
} filtered;

static void filtered_done(filtered *f)
{
    ann_ours_close(&f->ours);
    if (!f->kept) work_done(&f->folder);
    ann_set_done(&f->set);
    for (size_t i = 0; i < COLUMNS; i++)
        free(f->columns[i]);
    free(f->fields);
    free(f->text);
}

/* ---- queries about pivots ---- */

typedef struct ranked {
    double distance;
    uint64_t number;
} ranked;

static int by_distance(const void *a, const void *b)
{
    const ranked *x = a, *y = b;
    if (x->distance != y->distance) return x->distance < y->distance ? -1 : 1;
    return (x->number > y->number) - (x->number < y->number);
}

static double squared(const float *a, const float *b, size_t dim)
{
    double sum = 0;
    for (size_t i = 0; i < dim; i++)
        sum += ((double)a[i] - (double)b[i]) * ((double)a[i] - (double)b[i]);
    return sum;
}

/* Ranks of all rows by distance from a pivot, in thousandths. */
static varve_status rank_rows(filtered *f, const float *pivot, uint16_t *ret, varve_error *err)
{
    uint64_t rows = f->set.rows;
    VV_CLEANUP(vv_freep) ranked *all = malloc((size_t)rows * sizeof *all);
    if (!all) return vv_fail(err, VARVE_NO_MEMORY, "no memory to rank rows");
    for (uint64_t i = 0; i < rows; i++)
        all[i] = (ranked){ann_set_distance(&f->set, i, pivot), i};
    qsort(all, (size_t)rows, sizeof *all, by_distance);
    for (uint64_t i = 0; i < rows; i++)
        ret[all[i].number] = (uint16_t)(i * THOUSAND / rows);
    return VARVE_OK;
}

/* The queries nearest to a pivot, but not itself, at the end of `ret`. */
static varve_status near_queries(const filtered *f, size_t pivot, float *ret, varve_error *err)
{
    const ann_set *s = &f->set;
    VV_CLEANUP(vv_freep) ranked *all = malloc(s->query_count * sizeof *all);
    if (!all) return vv_fail(err, VARVE_NO_MEMORY, "no memory to rank queries");
    for (size_t i = 0; i < s->query_count; i++) {
        double d = squared(ann_set_query(s, pivot), ann_set_query(s, i), s->dim);
        all[i] = (ranked){i == pivot ? INFINITY : d, i};
    }
    qsort(all, s->query_count, sizeof *all, by_distance);
    for (size_t i = 0; i < f->each; i++)
        memcpy(ret + i * s->dim, ann_set_query(s, (size_t)all[i].number), s->dim * sizeof *ret);
    return VARVE_OK;
}

/* The set's queries become those about the pivots, pivot after pivot. */
static varve_status choose_queries(filtered *f, varve_error *err)
{
    ann_set *s = &f->set;
    f->each = VV_MIN((size_t)EACH_MAX, s->query_count / (2 * PIVOTS));
    float *queries = calloc(PIVOTS * f->each * s->dim + 1, sizeof *queries);
    if (!queries) return vv_fail(err, VARVE_NO_MEMORY, "no memory for queries");
    for (size_t i = 0; i < PIVOTS; i++) {
        size_t pivot = i * s->query_count / PIVOTS;
        varve_status status = near_queries(f, pivot, queries + i * f->each * s->dim, err);
        if (status == VARVE_OK)
            status = rank_rows(f, ann_set_query(s, pivot), f->columns[1 + i], err);
        if (status == VARVE_OK) continue;
        free(queries);
        return status;
    }
    free(s->queries);
    s->queries = queries;
    s->query_count = PIVOTS * f->each;
    return VARVE_OK;
}

/* ---- rows ---- */

/* splitmix64: as good as random. */
static uint64_t mix(uint64_t x)
{
    x += UINT64_C(0x9e3779b97f4a7c15);
    x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
    return x ^ x >> 31;
}

static varve_status make_columns(filtered *f, varve_error *err)
{
    uint64_t rows = f->set.rows;
    for (size_t i = 0; i < COLUMNS; i++) {
        f->columns[i] = calloc((size_t)rows, sizeof *f->columns[i]);
        if (!f->columns[i]) return vv_fail(err, VARVE_NO_MEMORY, "no memory for fields");
    }
    for (uint64_t i = 0; i < rows; i++)
        f->columns[0][i] = (uint16_t)(mix(f->o->seed + i) % THOUSAND);
    return choose_queries(f, err);
}

static varve_status write_fields(filtered *f, varve_error *err)
{
    size_t rows = (size_t)f->set.rows;
    f->fields = calloc(rows, sizeof *f->fields);
    f->text = malloc(rows * FIELDS_ROOM);
    if (!f->fields || !f->text) return vv_fail(err, VARVE_NO_MEMORY, "no memory for fields");
    for (size_t i = 0; i < rows; i++) {
        char *at = f->text + i * FIELDS_ROOM;
        int n = snprintf(at, FIELDS_ROOM, "{\"r\":%u", f->columns[0][i]);
        for (size_t j = 1; j < COLUMNS; j++)
            n += snprintf(at + n, FIELDS_ROOM - (size_t)n, ",\"d%zu\":%u", j - 1, f->columns[j][i]);
        n += snprintf(at + n, FIELDS_ROOM - (size_t)n, "}");
        f->fields[i] = (varve_text){at, (size_t)n};
    }
    f->set.fields = f->fields;
    return VARVE_OK;
}

/* ---- preparation ---- */

static varve_status check_mode(filtered *f, varve_error *err)
{
    index_mode mode;
    f->mode_name = f->o->mode ? f->o->mode : f->o->data ? MODE_DEFAULT : "HNSW-IP";
    VV_TRY(index_mode_parse(f->mode_name, &mode, err));
    if (mode.metric > VARVE_METRIC_COSINE)
        return vv_fail(err, VARVE_UNSUPPORTED, "this scenario knows L2, IP and cosine only");
    return ann_set_load(f->o, mode.metric, &f->set, err);
}

/* A folder of an earlier run serves when it holds as many rows. */
static bool is_there(filtered *f)
{
    uint64_t live = 0;
    if (!f->kept || !file_exists(f->path)) return false;
    if (ann_ours_open(f->path, 0, &f->ours, NULL) != VARVE_OK) return false;
    return varve_count(f->ours.c, &live, NULL) == VARVE_OK && live == f->set.rows;
}

static varve_status build(filtered *f, varve_error *err)
{
    ann_build built;
    VV_TRY(write_fields(f, err));
    VV_TRY(ann_ours_build(&f->set, f->mode_name, VV_MAX(f->o->threads, (size_t)1), f->path, &built,
                          err));
    return ann_ours_open(f->path, 0, &f->ours, err);
}

static varve_status prepare(filtered *f, varve_error *err)
{
    const bench_options *o = f->o;
    f->rounds = VV_MIN(o->rounds, (size_t)ROUNDS_MAX);
    f->kept = o->cache != NULL;
    VV_TRY(check_mode(f, err));
    VV_TRY(make_columns(f, err));
    if (!f->kept) VV_TRY(work_new(o, "filtered", &f->folder, err));
    if (f->kept)
        snprintf(f->path, sizeof f->path, "%s/filtered.%s.%s.%llu", o->cache, f->set.label,
                 f->mode_name, (unsigned long long)f->set.rows);
    else
        snprintf(f->path, sizeof f->path, "%s", f->folder.path);
    return is_there(f) ? VARVE_OK : build(f, err);
}

/* ---- passes ---- */

typedef struct filters { /* of one pass, by query; NULL: none */
    varve_filter *of[QUERIES_MAX];
} filters;

static void filters_done(filters *f)
{
    for (size_t i = 0; i < QUERIES_MAX; i++)
        varve_filter_free(f->of[i]);
}

/* once: each differs from all others, by a part of its bound that no row is between. */
static varve_status filters_make(filtered *f, kind k, unsigned share, bool once, filters *ret,
                                 varve_error *err)
{
    for (size_t i = 0; i < f->set.query_count; i++) {
        char where[64];
        unsigned part = once ? ++f->number : 0, bound = k == KIND_FAR ? THOUSAND - share : share;
        size_t pivot = i / f->each;
        if (k == KIND_RANDOM)
            snprintf(where, sizeof where, "r < %u.%07u", bound - 1, 1 + part);
        else if (k == KIND_NEAR)
            snprintf(where, sizeof where, "d%zu < %u.%07u", pivot, bound - 1, 1 + part);
        else
            snprintf(where, sizeof where, "d%zu >= %u.%07u", pivot, bound - 1, 1 + part);
        VV_TRY(varve_filter_where((varve_text){where, strlen(where)}, NULL, 0, &ret->of[i], err));
    }
    return VARVE_OK;
}

static bool passes(const filtered *f, kind k, unsigned share, size_t query, uint64_t row)
{
    unsigned rank = f->columns[k == KIND_RANDOM ? 0 : 1 + query / f->each][row];
    return k == KIND_FAR ? rank >= THOUSAND - share : rank < share;
}

static void add_work(pass *p, const varve_hits *hits)
{
    varve_profile profile;
    varve_hits_profile(hits, &profile);
    p->filter_us += profile.filter_us;
    p->search_us += profile.search_us;
    p->work.rows_scanned += profile.work.rows_scanned;
    p->work.codes_scanned += profile.work.codes_scanned;
    p->work.nodes_visited += profile.work.nodes_visited;
    p->work.rows_rescored += profile.work.rows_rescored;
    p->work.segments_indexed += profile.work.segments_indexed;
    p->work.segments_scanned += profile.work.segments_scanned;
}

/* The share of the hits that are no farther than the last true one. */
static double recall_of(const filtered *f, size_t query, const varve_hits *hits, double kth)
{
    size_t count = varve_hits_count(hits, 0), found = 0;
    for (size_t i = 0; i < count; i++) {
        uint64_t row = varve_hits_id(hits, 0, i).num;
        double d = ann_set_distance(&f->set, row, ann_set_query(&f->set, query));
        found += d <= kth + SLACK * fabs(kth);
    }
    return count ? (double)found / (double)count : 1;
}

/* exact: also the truth, into kth. */
static varve_status run_pass(filtered *f, const filters *under, bool exact, uint64_t matches,
                             double *kth, pass *ret, varve_error *err)
{
    const ann_set *s = &f->set;
    uint64_t wanted = VV_MIN(matches, (uint64_t)ANN_K);
    *ret = (pass){.hits_least = SIZE_MAX, .whole = true};
    for (size_t q = 0; q < s->query_count; q++) {
        varve_hits *hits = NULL;
        varve_search_request request = {.vectors = ann_set_query(s, q),
                                        .count = 1,
                                        .dim = s->dim,
                                        .k = ANN_K,
                                        .exact = exact,
                                        .recall_target = exact ? 0 : TARGET,
                                        .filter = under->of[q]};
        double cpu = bench_seconds(1);
        VV_TRY(varve_search(f->ours.c, &request, &hits, err));
        ret->cpu_s += bench_seconds(1) - cpu;
        size_t count = varve_hits_count(hits, 0);
        if (exact && count > 0)
            kth[q] =
                ann_set_distance(s, varve_hits_id(hits, 0, count - 1).num, ann_set_query(s, q));
        ret->recall += recall_of(f, q, hits, kth[q]) / (double)s->query_count;
        ret->hits_least = VV_MIN(ret->hits_least, count);
        ret->whole &= count == wanted;
        add_work(ret, hits);
        varve_hits_free(hits);
    }
    return VARVE_OK;
}

/* The truth of one query of the case, by a plain loop. */
static varve_status check_truth(const filtered *f, kind k, unsigned share, size_t query, double kth,
                                varve_error *err)
{
    double best[ANN_K];
    size_t count = 0;
    for (uint64_t row = 0; row < f->set.rows; row++) {
        if (!passes(f, k, share, query, row)) continue;
        double d = ann_set_distance(&f->set, row, ann_set_query(&f->set, query));
        if (count == ANN_K && d >= best[ANN_K - 1]) continue;
        size_t at = count < ANN_K ? count++ : ANN_K - 1;
        for (; at > 0 && best[at - 1] > d; at--)
            best[at] = best[at - 1];
        best[at] = d;
    }
    if (count == 0 || fabs(best[count - 1] - kth) <= SLACK * (1 + fabs(kth))) return VARVE_OK;
    return vv_fail(err, VARVE_INTERNAL, "exact search ends at %g, a plain loop at %g", kth,
                   best[count - 1]);
}

static uint64_t count_matches(const filtered *f, kind k, unsigned share)
{
    uint64_t count = 0;
    for (uint64_t row = 0; row < f->set.rows; row++)
        count += passes(f, k, share, 0, row);
    return count;
}

/* One pass under filters of its own. */
static varve_status filtered_pass(filtered *f, kind k, unsigned share, bool once, bool exact,
                                  measured *m, pass *ret, varve_error *err)
{
    VV_CLEANUP(filters_done) filters under = {{NULL}};
    VV_TRY(filters_make(f, k, share, once, &under, err));
    return run_pass(f, &under, exact, count_matches(f, k, share), m->kth, ret, err);
}

static varve_status measure_case(filtered *f, kind k, unsigned share, measured *m, varve_error *err)
{
    const filters none = {{NULL}};
    double each = 1 / (double)f->set.query_count;
    pass exact;
    for (size_t i = 0; i < f->rounds; i++) {
        VV_TRY(filtered_pass(f, k, share, true, true, m, &exact, err));
        if (i == 0) VV_TRY(check_truth(f, k, share, 0, m->kth[0], err));
        VV_TRY(filtered_pass(f, k, share, true, false, m, &m->last, err));
        VV_TRY(filtered_pass(f, k, share, false, false, m, &m->last_known, err));
        VV_TRY(run_pass(f, &none, false, f->set.rows, f->kth_plain, &m->last_plain, err));
        m->exact[i] = exact.cpu_s * each;
        m->ours[i] = m->last.cpu_s * each;
        m->known[i] = m->last_known.cpu_s * each;
        m->plain[i] = m->last_plain.cpu_s * each;
    }
    return VARVE_OK;
}

/* ---- results ---- */

static double median_ratio(const double *over, const double *under, size_t count)
{
    double ratios[ROUNDS_MAX];
    for (size_t i = 0; i < count; i++)
        ratios[i] = over[i] / under[i];
    return median(ratios, count);
}

static void report_case(const filtered *f, kind k, unsigned share, measured *m)
{
    char name[256];
    double n = (double)f->set.query_count, to_exact, to_plain;
    const varve_search_work *w = &m->last.work;
    to_exact = median_ratio(m->exact, m->ours, f->rounds);
    to_plain = median_ratio(m->plain, m->ours, f->rounds);
    snprintf(name, sizeof name, "filtered.%s.%s.%s.%.1f%%", f->set.label, f->mode_name,
             kind_names[k], share / 10.0);
    result(name, median(m->ours, f->rounds) * 1e6, "cpu us/query", to_exact,
           "speed of the exact scan of the matches",
           "recall@%d %.4f, %zu hits at least%s; ratio to unfiltered %.3f; exact %.1f us, "
           "unfiltered %.1f us at recall %.4f, filter alone %.1f us by the clock, search %.1f us; "
           "under filters that came before %.1f us, ratio to unfiltered %.3f; by index %.2f, "
           "nodes %.0f, codes %.0f, rows scanned %.0f, compared again %.0f",
           ANN_K, m->last.recall, m->last.hits_least, m->last.whole ? "" : " (too few)", to_plain,
           median(m->exact, f->rounds) * 1e6, median(m->plain, f->rounds) * 1e6,
           m->last_plain.recall, (double)m->last.filter_us / n, (double)m->last.search_us / n,
           median(m->known, f->rounds) * 1e6, median_ratio(m->plain, m->known, f->rounds),
           (double)w->segments_indexed / n, (double)w->nodes_visited / n,
           (double)w->codes_scanned / n, (double)w->rows_scanned / n, (double)w->rows_rescored / n);
}

static varve_status measure_all(filtered *f, varve_error *err)
{
    const filters none = {{NULL}};
    pass warm;
    VV_TRY(run_pass(f, &none, true, f->set.rows, f->kth_plain, &warm, err));
    for (kind k = 0; k < KINDS; k++)
        for (size_t i = 0; i < SHARES; i++) {
            VV_CLEANUP(vv_freep) measured *m = calloc(1, sizeof *m);
            if (!m) return vv_fail(err, VARVE_NO_MEMORY, "no memory for results");
            VV_TRY(measure_case(f, k, shares[i], m, err));
            report_case(f, k, shares[i], m);
        }
    return VARVE_OK;
}

static varve_status run(const bench_options *o, varve_error *err)
{
    VV_CLEANUP(vv_freep) filtered *f = calloc(1, sizeof *f);
    if (!f) return vv_fail(err, VARVE_NO_MEMORY, "no memory for a scenario");
    f->o = o;
    varve_status status = prepare(f, err);
    if (status == VARVE_OK) status = measure_all(f, err);
    filtered_done(f);
    return status;
}

const scenario scenario_filtered = {
    "filtered", "search under filters: recall and speed by selectivity and correlation", run};
