/* request.c — a search request, checked, and its queries as floats whatever type they came in. */
#include "query/request.h"

#include "base/bytes.h"
#include "record/vector.h"

#include <math.h>

static varve_status check_limits(const varve_search_request *r, const varve_options *limits,
                                 varve_error *err)
{
    uint64_t top = limits->max_top_k, batch = limits->max_batch_vectors;
    if (top && r->k > top) {
        return vv_fail(err, VARVE_LIMIT, "k %zu exceeds limit max_top_k %llu", r->k,
                       (unsigned long long)top);
    }
    if (top && r->offset > top - r->k) {
        return vv_fail(err, VARVE_LIMIT, "k %zu + offset %zu exceeds limit max_top_k %llu", r->k,
                       r->offset, (unsigned long long)top);
    }
    if (batch && r->count > batch) {
        return vv_fail(err, VARVE_LIMIT, "count %zu exceeds limit max_batch_vectors %llu", r->count,
                       (unsigned long long)batch);
    }
    return VARVE_OK;
}

/* Integers and bits are finite whatever they are. */
static varve_status check_finite(const varve_search_request *r, varve_error *err)
{
    const uint8_t *bytes = r->vectors;
    bool half = r->vectors_type == VARVE_FLOAT16;
    if (!half && r->vectors_type != VARVE_FLOAT32) return VARVE_OK;
    for (size_t i = 0; i < r->count * r->dim; i++) {
        bool finite = half ? (get_u16(bytes + 2 * i) & 0x7c00u) != 0x7c00u
                           : (get_u32(bytes + 4 * i) & 0x7f800000u) != 0x7f800000u;
        if (VV_UNLIKELY(!finite)) {
            return vv_fail(err, VARVE_INVALID, "vectors[%zu][%zu]: not a finite number", i / r->dim,
                           i % r->dim);
        }
    }
    return VARVE_OK;
}

varve_status query_check(const varve_search_request *r, const varve_options *limits,
                         varve_error *err)
{
    size_t values, bytes;
    VV_TRY(check_limits(r, limits, err));
    if (!(r->recall_target >= 0 && r->recall_target <= 1))
        return vv_fail(err, VARVE_INVALID, "recall_target must be above 0 and at most 1");
    if ((unsigned)r->vectors_type >= VARVE_DTYPE_COUNT)
        return vv_fail(err, VARVE_INVALID, "vectors_type: unknown type %d", (int)r->vectors_type);
    if (r->metric_given && r->metric != VARVE_METRIC_OF_FIELD &&
        (unsigned)r->metric >= VARVE_METRIC_COUNT)
        return vv_fail(err, VARVE_INVALID, "metric: unknown metric %d", (int)r->metric);
    if (r->range && isnan(r->threshold))
        return vv_fail(err, VARVE_INVALID, "threshold: not a number");
    if (!size_mul(r->count, r->dim, &values) || !size_mul(values, sizeof(float), &bytes) ||
        r->dim > UINT32_MAX)
        return vv_fail(err, VARVE_INVALID, "vectors: %zu of %zu dimensions do not fit in memory",
                       r->count, r->dim);
    if (values > 0 && !r->vectors) return vv_fail(err, VARVE_INVALID, "vectors: missing");
    return check_finite(r, err);
}

varve_metric request_metric(const varve_search_request *r, const view *v)
{
    return r->metric_given && r->metric != VARVE_METRIC_OF_FIELD ? r->metric : v->metric;
}

size_t request_keep(const varve_search_request *r, const view *v)
{
    size_t keep;
    if (!size_add(r->k, r->offset, &keep)) keep = SIZE_MAX;
    return r->k == 0 ? 0 : VV_MIN(keep, (size_t)v->rows_live);
}

void request_floats(const varve_search_request *r, size_t first, size_t count, float *ret)
{
    size_t row_bytes = varve_dtype_row_bytes(r->vectors_type, r->dim);
    for (size_t i = 0; i < count; i++) {
        const uint8_t *row = (const uint8_t *)r->vectors + (first + i) * row_bytes;
        vector_to_float(r->vectors_type, row, r->dim, ret + i * r->dim);
    }
}

/* The place of a float32 among doubles, as rounding sees it: infinity is one step beyond the
 * largest. */
static double place_of(float f) { return isfinite(f) ? (double)f : copysign(0x1p128, (double)f); }

double request_worst_key(double key)
{
    float shown = (float)key;
    if ((double)shown > key) shown = nextafterf(shown, -INFINITY);
    if (shown == INFINITY) return key;
    double low = place_of(shown), high = place_of(nextafterf(shown, INFINITY));
    double middle = low + (high - low) / 2;
    return (float)middle == shown ? middle : nextafter(middle, -INFINITY);
}
