/* self_check.c — see self_check.h. */
#include "self_check.h"

#include "record/vector.h"

#include <math.h>
#include <stdlib.h>

#define SAMPLE_ROWS 16
#define SAMPLE_K    10

static varve_status check_hits(const vector_index *x, const index_rows *rows, const index_query *q,
                               const index_hit *hits, size_t count, varve_error *err)
{
    if (count < q->k || count > index_hits_max(x, q))
        return vv_fail(err, VARVE_CORRUPT, "index %s: a search of %zu rows found %zu",
                       index_path(x), q->k, count);
    for (size_t i = 0; i < count; i++)
        if (hits[i].slot >= rows->count || isnan(hits[i].key))
            return vv_fail(err, VARVE_CORRUPT, "index %s: a search found row %u of %u",
                           index_path(x), hits[i].slot, rows->count);
    return VARVE_OK;
}

/* One search with the vector of a row. Which rows come back is a matter of recall, which the build
 * has measured; here they must be rows, and enough of them. */
static varve_status search_row(vector_index *x, const index_rows *rows, uint32_t slot,
                               float *values, varve_error *err)
{
    VV_CLEANUP(vv_freep) index_hit *hits = NULL;
    const index_query q = {.values = values,
                           .k = VV_MIN(rows->count, (uint32_t)SAMPLE_K),
                           .recall_target = 0.9,
                           .skip = UINT64_MAX,
                           .bound = (double)INFINITY};
    index_work work = {0};
    const uint8_t *row;
    size_t count = 0;
    VV_TRY(rows->get(rows->context, slot, 1, &row, err));
    vector_to_float(rows->dtype, row, rows->dim, values);
    hits = calloc(index_hits_max(x, &q), sizeof hits[0]);
    if (!hits) return vv_fail(err, VARVE_NO_MEMORY, "no memory to check %s", index_path(x));
    VV_TRY(index_search(x, rows, &q, hits, &count, &work, err));
    return check_hits(x, rows, &q, hits, count, err);
}

varve_status self_check_index(const char *path, const index_record *expect, const index_rows *rows,
                              varve_error *err)
{
    VV_CLEANUP(index_unrefp) vector_index *x = NULL;
    VV_CLEANUP(vv_freep) float *values = calloc(rows->dim, sizeof values[0]);
    uint32_t samples = VV_MIN(rows->count, (uint32_t)SAMPLE_ROWS);
    if (!values) return vv_fail(err, VARVE_NO_MEMORY, "no memory to check %s", path);
    VV_TRY(index_open(path, expect, &x, err));
    VV_TRY(index_check(x, NULL, err));
    for (uint32_t i = 0; i < samples; i++) {
        uint32_t slot = (uint32_t)((uint64_t)i * rows->count / samples);
        VV_TRY(search_row(x, rows, slot, values, err));
    }
    return VARVE_OK;
}
