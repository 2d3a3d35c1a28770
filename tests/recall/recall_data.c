/* recall_data.c — see recall_data.h. */
#include "recall_data.h"

#include "batch.h"
#include "reader.h"
#include "reference.h"

#include "base/bytes.h"
#include "base/file.h"
#include "base/half.h"
#include "base/topk.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define SLOW_DIM     96 /* coordinates and queries of a metric that is dear to compute */
#define SLOW_QUERIES 50
#define FAST_QUERIES 200
#define BATCH_ROWS   1000
#define K_MAX        4096

/* ---- files ---- */

static void widen(varve_dtype type, const uint8_t *values, size_t count, float *ret)
{
    for (size_t i = 0; i < count; i++) {
        if (type == VARVE_UINT8) ret[i] = (float)values[i];
        if (type == VARVE_FLOAT16) ret[i] = half_to_float(get_u16(values + 2 * i));
        if (type == VARVE_FLOAT32) ret[i] = get_f32(values + 4 * i);
    }
}

static varve_status read_rows(reader *r, size_t rows_max, float **ret, size_t *ret_count,
                              size_t *ret_dim, varve_error *err)
{
    VV_CLEANUP(batch_done) batch b = {0};
    VV_TRY(batch_init(&b, BATCH_ROWS, err));
    for (;;) {
        batch_clear(&b);
        VV_TRY(reader_next(r, &b, err));
        size_t take = VV_MIN(b.vectors_count, rows_max - *ret_count);
        if (take == 0) return VARVE_OK;
        float *more = realloc(*ret, (*ret_count + take) * b.dim * sizeof *more);
        if (!more) return vv_fail(err, VARVE_NO_MEMORY, "no memory for rows");
        *ret = more;
        widen(b.type, (const uint8_t *)b.vectors.data, take * b.dim, more + *ret_count * b.dim);
        *ret_count += take;
        *ret_dim = b.dim;
    }
}

static varve_status load_file(const char *path, size_t rows_max, float **ret, size_t *ret_count,
                              size_t *ret_dim, varve_error *err)
{
    VV_CLEANUP(reader_closep) reader *r = NULL;
    VV_TRY(reader_open(path, &reader_npy, NULL, &r, err));
    return read_rows(r, rows_max, ret, ret_count, ret_dim, err);
}

varve_status recall_source_load(const char *folder, size_t rows_max, recall_source *ret,
                                varve_error *err)
{
    static const char *const names[][2] = {{"packages.f16.npy", "queries.f16.npy"},
                                           {"base.u8.npy", "query.u8.npy"},
                                           {"base.u8.npy.zst", "query.u8.npy"}};
    char rows[1024], queries[1024];
    recall_source s = {0};
    size_t query_dim = 0;
    for (size_t i = 0; i < VV_COUNT(names); i++) {
        VV_TRY(file_join(rows, sizeof rows, folder, names[i][0], err));
        VV_TRY(file_join(queries, sizeof queries, folder, names[i][1], err));
        if (!file_exists(rows)) continue;
        varve_status status = load_file(rows, rows_max, &s.rows, &s.row_count, &s.dim, err);
        if (status == VARVE_OK)
            status = load_file(queries, FAST_QUERIES, &s.queries, &s.query_count, &query_dim, err);
        if (status == VARVE_OK && query_dim != s.dim)
            status = vv_fail(err, VARVE_INVALID, "%s does not fit %s", queries, rows);
        if (status == VARVE_OK)
            *ret = s;
        else
            recall_source_done(&s);
        return status;
    }
    return vv_fail(err, VARVE_NOT_FOUND, "no data in %s", folder);
}

void recall_source_done(recall_source *s)
{
    free(s->rows);
    free(s->queries);
    *s = (recall_source){0};
}

/* ---- in the form of a metric ---- */

static float clamp(float x, float most) { return x > most ? most : x < -most ? -most : x; }

static bool is_bits(varve_metric m)
{
    return m == VARVE_METRIC_HAMMING || m == VARVE_METRIC_JACCARD || m == VARVE_METRIC_DICE;
}

static bool is_counts(varve_metric m)
{
    return m == VARVE_METRIC_HELLINGER || m == VARVE_METRIC_WASSERSTEIN ||
           m == VARVE_METRIC_JENSEN_SHANNON;
}

/* Cosine must not look at lengths, so rows get different ones. */
static float length_of(varve_metric m, size_t row)
{
    return m == VARVE_METRIC_COSINE ? 0.5f + (float)(row * 7919 % 1000) / 500 : 1;
}

static void form(const recall_data *d, const float *from, float scale, float *ret)
{
    for (size_t i = 0; i < d->dim; i++) {
        float x = from[i] * scale;
        if (d->metric == VARVE_METRIC_HAVERSINE) x = clamp(from[i] * 10, 1) * (i ? 85 : 180);
        if (is_counts(d->metric)) x = fmaxf(x, 0);
        if (is_bits(d->metric)) x = x > 0 ? 1 : 0;
        if (d->dtype == VARVE_INT8) x = clamp(roundf(x * 400), 127);
        if (d->dtype == VARVE_UINT8) x = clamp(fmaxf(roundf(x), 0), 255);
        ret[i] = reference_stored(d->dtype, x);
    }
}

static void form_query(const recall_data *d, const float *from, float *ret)
{
    recall_data as_given = *d;
    if (d->dtype == VARVE_FLOAT16 || d->dtype == VARVE_BINARY) as_given.dtype = VARVE_FLOAT32;
    form(&as_given, from, 1, ret);
}

static bool is_core(varve_metric m) { return m <= VARVE_METRIC_COSINE; }

static varve_status allocate(recall_data *d, varve_error *err)
{
    size_t rows = recall_data_rows(d);
    d->rows = malloc(rows * d->dim * sizeof *d->rows);
    d->queries = malloc(d->query_count * d->dim * sizeof *d->queries);
    d->distances = malloc(d->query_count * rows * sizeof *d->distances);
    return d->rows && d->queries && d->distances
               ? VARVE_OK
               : vv_fail(err, VARVE_NO_MEMORY, "no memory for rows and their distances");
}

static void fill(recall_data *d, const recall_source *s)
{
    float mean[4096];
    for (size_t i = 0; i < d->base_count; i++)
        form(d, s->rows + i * s->dim, length_of(d->metric, i), d->rows + i * d->dim);
    for (size_t i = 0; i < d->upsert_count; i++) {
        const float *a = s->rows + i * s->dim, *b = a + s->dim;
        for (size_t j = 0; j < d->dim; j++)
            mean[j] = (a[j] + b[j]) / 2;
        form(d, mean, length_of(d->metric, i + 1), d->rows + (d->base_count + i) * d->dim);
    }
    for (size_t i = 0; i < d->query_count; i++)
        form_query(d, s->queries + i * s->dim, d->queries + i * d->dim);
}

static void measure(recall_data *d)
{
    size_t rows = recall_data_rows(d);
    for (size_t q = 0; q < d->query_count; q++)
        for (size_t i = 0; i < rows; i++) {
            double score =
                reference_score(d->metric, d->dim, recall_data_row(d, i), d->queries + q * d->dim);
            d->distances[q * rows + i] =
                (float)(varve_metric_larger_is_better(d->metric) ? -score : score);
        }
}

varve_status recall_data_init(recall_data *d, const recall_source *s, varve_metric metric,
                              varve_dtype dtype, size_t upserts, varve_error *err)
{
    size_t dim_max = metric == VARVE_METRIC_HAVERSINE     ? 2
                     : is_core(metric) || is_bits(metric) ? s->dim
                                                          : SLOW_DIM;
    *d = (recall_data){.metric = metric,
                       .dtype = dtype,
                       .dim = VV_MIN(s->dim, dim_max),
                       .base_count = s->row_count,
                       .upsert_count = upserts,
                       .query_count =
                           VV_MIN(s->query_count, is_core(metric) ? FAST_QUERIES : SLOW_QUERIES)};
    if (d->dim > 4096 || upserts >= s->row_count)
        return vv_fail(err, VARVE_INVALID, "this data set does not suit the test");
    varve_status status = allocate(d, err);
    if (status != VARVE_OK) {
        recall_data_done(d);
        return status;
    }
    fill(d, s);
    measure(d);
    return VARVE_OK;
}

void recall_data_done(recall_data *d)
{
    free(d->rows);
    free(d->queries);
    free(d->distances);
    *d = (recall_data){0};
}

/* ---- truth ---- */

const float *recall_data_row(const recall_data *d, size_t row) { return d->rows + row * d->dim; }

float recall_data_distance(const recall_data *d, size_t query, size_t row)
{
    return d->distances[query * recall_data_rows(d) + row];
}

float recall_data_kth(const recall_data *d, size_t query, const bool *live, size_t k)
{
    topk_entry entries[K_MAX];
    topk nearest;
    topk_init(&nearest, entries, VV_MIN(k, K_MAX));
    for (size_t i = 0; i < recall_data_rows(d); i++)
        if (live[i]) topk_push(&nearest, (double)recall_data_distance(d, query, i), i);
    return (float)topk_bound(&nearest);
}
