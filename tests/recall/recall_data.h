/* recall_data.h — real rows and queries for the recall tests, in the form that a metric asks for,
 * and their exact distances, by the plain reference of tests/exact.
 *
 * Rows 0 .. base-1 are those of the data set. Some of them get a second version, an upsert: the
 * mean of the row and its neighbour in the file, rows base .. base+upserts-1 here. Distances of all
 * to all queries are computed once; the truth of any set of live rows follows from them.
 *
 * Ownership  recall_data_init/recall_data_done.
 * Threads    one; read-only once made.
 * Errors     VARVE_NOT_FOUND when the folder has no known files. */
#ifndef RECALL_DATA_H
#define RECALL_DATA_H

#include "base/status.h"
#include "varve.h"

#define RECALL_K 10

typedef struct recall_source { /* a data set as it lies on disk */
    float *rows, *queries;
    size_t row_count, query_count, dim;
} recall_source;

/* The bundled set (packages.f16.npy) or SIFT1M (base.u8.npy[.zst]), whichever lies in the folder.
 * */
VV_CHECKED varve_status recall_source_load(const char *folder, size_t rows_max, recall_source *ret,
                                           varve_error *err);
void recall_source_done(recall_source *s);

typedef struct recall_data {
    varve_metric metric;
    varve_dtype dtype;
    size_t dim, base_count, upsert_count, query_count;
    float *rows; /* (base_count + upsert_count) × dim; each is what the dtype keeps exactly */
    float *queries;
    float *distances; /* query_count × rows; smaller is better */
} recall_data;

/* Metrics beside IP, L2 and COSINE look at fewer coordinates and queries, to stay quick. */
VV_CHECKED varve_status recall_data_init(recall_data *d, const recall_source *s,
                                         varve_metric metric, varve_dtype dtype, size_t upserts,
                                         varve_error *err);
void recall_data_done(recall_data *d);
static inline size_t recall_data_rows(const recall_data *d)
{
    return d->base_count + d->upsert_count;
}
const float *recall_data_row(const recall_data *d, size_t row);
float recall_data_distance(const recall_data *d, size_t query, size_t row);
/* Distance of the k-th nearest of the live rows (live[row] for each row and version). */
float recall_data_kth(const recall_data *d, size_t query, const bool *live, size_t k);

#endif
