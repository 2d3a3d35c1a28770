/* ann_set.c — see ann_set.h. */
#include "ann_set.h"

#include "base/bytes.h"
#include "base/file.h"
#include "base/half.h"
#include "record/schema.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TRUTH_COLUMNS 100
#define CHECKED       5    /* queries whose truth a plain loop confirms */
#define SLACK         1e-6 /* relative: distances that differ by rounding only */
#define MADE_QUERIES  1000
#define MADE_CENTRES  256

/* What a folder of this kind holds. */
static const struct kind {
    const char *rows, *rows_packed, *queries, *truth;
    varve_metric metric;
} kinds[] = {
    {"base.u8.npy", "base.u8.npy.zst", "query.u8.npy", "truth.l2.top100.i32.npy", VARVE_METRIC_L2},
    {"packages.f16.npy", NULL, "queries.f16.npy", "truth.top100.i32.npy", VARVE_METRIC_IP},
};

/* ---- distances ---- */

double ann_set_distance(const ann_set *s, uint64_t row, const float *query)
{
    const float *x = s->floats + row * s->dim;
    double dot = 0, xx = 0, qq = 0, l2 = 0;
    for (size_t i = 0; i < s->dim; i++) {
        double a = (double)x[i], b = (double)query[i];
        dot += a * b;
        xx += a * a;
        qq += b * b;
        l2 += (a - b) * (a - b);
    }
    if (s->metric == VARVE_METRIC_IP) return -dot;
    return s->metric == VARVE_METRIC_L2 ? l2 : 1 - dot / sqrt(xx * qq);
}

const float *ann_set_query(const ann_set *s, size_t i) { return s->queries + i * s->dim; }

double ann_set_recall(const ann_set *s, size_t query, const uint64_t *ids, size_t count)
{
    size_t found = 0;
    double limit = s->kth[query] + SLACK * fabs(s->kth[query]);
    for (size_t i = 0; i < count; i++) {
        bool again = false;
        for (size_t j = 0; j < i; j++)
            again |= ids[i] == ids[j];
        found += !again && ids[i] < s->rows &&
                 ann_set_distance(s, ids[i], ann_set_query(s, query)) <= limit;
    }
    return (double)VV_MIN(found, ANN_K) / ANN_K;
}

/* ---- files ---- */

static varve_status widen(varve_dtype type, const uint8_t *values, size_t count, float **ret,
                          varve_error *err)
{
    float *floats = malloc(VV_MAX(count, 1) * sizeof *floats);
    if (!floats) return vv_fail(err, VARVE_NO_MEMORY, "no memory for %zu values", count);
    for (size_t i = 0; i < count; i++) {
        if (type == VARVE_UINT8) floats[i] = (float)values[i];
        if (type == VARVE_FLOAT16) floats[i] = half_to_float(get_u16(values + 2 * i));
        if (type == VARVE_FLOAT32) floats[i] = get_f32(values + 4 * i);
    }
    *ret = floats;
    return VARVE_OK;
}

static varve_status find_kind(const char *folder, const struct kind **ret, char *path, size_t size,
                              varve_error *err)
{
    for (size_t i = 0; i < VV_COUNT(kinds); i++) {
        *ret = &kinds[i];
        VV_TRY(file_join(path, size, folder, kinds[i].rows, err));
        if (file_exists(path)) return VARVE_OK;
        if (!kinds[i].rows_packed) continue;
        VV_TRY(file_join(path, size, folder, kinds[i].rows_packed, err));
        if (file_exists(path)) return VARVE_OK;
    }
    return vv_fail(err, VARVE_NOT_FOUND, "%s has no vectors of a known name", folder);
}

static varve_status load_rows(ann_set *s, const bench_options *o, const char *path,
                              varve_error *err)
{
    matrix m;
    varve_dtype type;
    VV_TRY(matrix_load_file(path, o->rows ? o->rows : UINT64_MAX, &m, err));
    s->rows = m.count;
    s->dim = m.dim;
    s->type = m.type;
    s->stored = m.values;
    s->row_bytes = varve_dtype_row_bytes(m.type, m.dim);
    VV_TRY(widen(m.type, m.values, m.count * m.dim, &s->floats, err));
    if (!o->type) return VARVE_OK;
    if (!dtype_parse(o->type, &type) || (type != s->type && type != VARVE_FLOAT32))
        return vv_fail(err, VARVE_UNSUPPORTED, "rows of %s cannot be kept as %s",
                       varve_dtype_name(s->type), o->type);
    if (type == s->type) return VARVE_OK;
    free(s->stored);
    s->type = type;
    s->row_bytes = s->dim * sizeof(float);
    s->stored = malloc((size_t)s->rows * s->row_bytes);
    if (!s->stored) return vv_fail(err, VARVE_NO_MEMORY, "no memory for rows");
    memcpy(s->stored, s->floats, (size_t)s->rows * s->row_bytes);
    return VARVE_OK;
}

static varve_status load_queries(ann_set *s, const char *folder, const struct kind *kind,
                                 varve_error *err)
{
    matrix m;
    char path[512];
    VV_TRY(file_join(path, sizeof path, folder, kind->queries, err));
    VV_TRY(matrix_load_file(path, UINT64_MAX, &m, err));
    VV_CLEANUP(vv_freep) uint8_t *values = m.values;
    if (m.dim != s->dim)
        return vv_fail(err, VARVE_INVALID, "%s: %zu dimensions, the rows have %zu", path, m.dim,
                       s->dim);
    s->query_count = m.count;
    return widen(m.type, values, m.count * m.dim, &s->queries, err);
}

/* The k-th distances from a file of TRUTH_COLUMNS int32 per query, behind a NumPy header. */
static varve_status load_truth(ann_set *s, const char *folder, const struct kind *kind,
                               varve_error *err)
{
    char path[512];
    uint8_t head[10] = {0}, row[4];
    VV_TRY(file_join(path, sizeof path, folder, kind->truth, err));
    FILE *f = fopen(path, "re");
    if (!f) return VARVE_OK; /* found by search, later */
    double *kth = calloc(s->query_count, sizeof *kth);
    bool whole = kth && fread(head, sizeof head, 1, f) == 1 && memcmp(head, "\x93NUMPY\1", 7) == 0;
    for (size_t q = 0; whole && q < s->query_count; q++) {
        long at = (long)(sizeof head + get_u16(head + 8) + (q * TRUTH_COLUMNS + ANN_K - 1) * 4);
        whole = fseek(f, at, SEEK_SET) == 0 && fread(row, sizeof row, 1, f) == 1 &&
                get_u32(row) < s->rows;
        if (whole) kth[q] = ann_set_distance(s, get_u32(row), ann_set_query(s, q));
    }
    fclose(f);
    s->kth = whole ? kth : NULL;
    if (whole) return VARVE_OK;
    free(kth);
    return vv_fail(err, VARVE_INVALID, "%s is no truth of these rows and queries", path);
}

varve_status ann_set_load(const bench_options *o, varve_metric metric, ann_set *ret,
                          varve_error *err)
{
    const struct kind *kind;
    char path[512];
    const char *folder = o->data ? o->data : BENCH_DATA, *name = strrchr(folder, '/');
    ann_set s = {.metric = metric};
    VV_TRY(find_kind(folder, &kind, path, sizeof path, err));
    varve_status status = load_rows(&s, o, path, err);
    if (status == VARVE_OK) status = load_queries(&s, folder, kind, err);
    if (status == VARVE_OK && metric == kind->metric && !o->rows)
        status = load_truth(&s, folder, kind, err);
    if (status != VARVE_OK) {
        ann_set_done(&s);
        return status;
    }
    if (!o->data) name = "/packages";
    snprintf(s.label, sizeof s.label, "%.40s.%s.%zu", name && name[1] ? name + 1 : "data",
             varve_dtype_name(s.type), s.dim);
    *ret = s;
    return VARVE_OK;
}

varve_status ann_set_make(const bench_options *o, uint64_t rows, size_t dim, varve_metric metric,
                          ann_set *ret, varve_error *err)
{
    VV_CLEANUP(data_done) data d = {0};
    ann_set s = {.metric = metric, .type = VARVE_FLOAT32, .rows = rows, .dim = dim};
    uint64_t total = rows + MADE_QUERIES;
    s.query_count = MADE_QUERIES;
    s.row_bytes = dim * sizeof(float);
    VV_TRY(data_init(&d, dim, o->seed, err));
    s.floats = malloc((size_t)total * s.row_bytes);
    s.stored = malloc((size_t)rows * s.row_bytes);
    s.queries = malloc(MADE_QUERIES * s.row_bytes);
    if (!s.floats || !s.stored || !s.queries) {
        ann_set_done(&s);
        return vv_fail(err, VARVE_NO_MEMORY, "no memory for %zu-d rows", dim);
    }
    for (uint64_t i = 0; i < total; i++) {
        const float *centre = data_vector(&d, i * 2654435761u % MADE_CENTRES + total);
        const float *noise = data_vector(&d, i);
        float *row = s.floats + i * dim;
        for (size_t j = 0; j < dim; j++)
            row[j] = centre[j] + noise[j];
    }
    memcpy(s.stored, s.floats, (size_t)rows * s.row_bytes);
    memcpy(s.queries, s.floats + rows * dim, MADE_QUERIES * s.row_bytes);
    snprintf(s.label, sizeof s.label, "made.float32.%zu", dim);
    *ret = s;
    return VARVE_OK;
}

void ann_set_done(ann_set *s)
{
    free(s->stored);
    free(s->floats);
    free(s->queries);
    free(s->kth);
    *s = (ann_set){0};
}

/* ---- truth by search ---- */

static double plain_kth(const ann_set *s, const float *query)
{
    double best[ANN_K];
    for (size_t i = 0; i < ANN_K; i++)
        best[i] = INFINITY;
    for (uint64_t row = 0; row < s->rows; row++) {
        double d = ann_set_distance(s, row, query);
        if (d >= best[ANN_K - 1]) continue;
        size_t at = ANN_K - 1;
        for (; at > 0 && best[at - 1] > d; at--)
            best[at] = best[at - 1];
        best[at] = d;
    }
    return best[ANN_K - 1];
}

static varve_status kth_of(const ann_set *s, varve_collection *c, size_t query, double *ret,
                           varve_error *err)
{
    varve_hits *hits = NULL;
    varve_search_request request = {.vectors = ann_set_query(s, query),
                                    .count = 1,
                                    .dim = s->dim,
                                    .k = ANN_K,
                                    .metric_given = true,
                                    .metric = s->metric,
                                    .exact = true};
    VV_TRY(varve_search(c, &request, &hits, err));
    bool whole = varve_hits_count(hits, 0) == ANN_K;
    if (whole)
        *ret = ann_set_distance(s, varve_hits_id(hits, 0, ANN_K - 1).num, ann_set_query(s, query));
    varve_hits_free(hits);
    return whole ? VARVE_OK : vv_fail(err, VARVE_INTERNAL, "an exact search found too few rows");
}

varve_status ann_set_find_truth(ann_set *s, varve_collection *c, varve_error *err)
{
    if (s->kth) return VARVE_OK;
    VV_CLEANUP(vv_freep) double *kth = calloc(s->query_count, sizeof *kth);
    if (!kth) return vv_fail(err, VARVE_NO_MEMORY, "no memory for the truth");
    for (size_t q = 0; q < s->query_count; q++)
        VV_TRY(kth_of(s, c, q, &kth[q], err));
    for (size_t q = 0; q < VV_MIN(CHECKED, s->query_count); q++) {
        double plain = plain_kth(s, ann_set_query(s, q));
        if (fabs(plain - kth[q]) > SLACK * fabs(plain))
            return vv_fail(err, VARVE_INTERNAL, "exact search ends at %g, a plain loop at %g",
                           kth[q], plain);
    }
    s->kth = kth;
    kth = NULL;
    return VARVE_OK;
}
