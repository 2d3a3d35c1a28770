/* space.c — from stored rows to points; see space.h. */
#include "index/space.h"

#include "base/bytes.h"
#include "distance/distance.h"

#include <math.h>
#include <stdlib.h>

enum { CHUNK_ROWS = 1024 };

/* Below this share of M^2 the added coordinate would carry nothing. */
static const double NORM_SPREAD_MIN = 1e-4;

static varve_status measure_norms(const index_rows *rows, double *ret_min, double *ret_max,
                                  varve_error *err)
{
    double least = INFINITY, most = 0;
    for (uint32_t first = 0, n; first < rows->count; first += n) {
        const uint8_t *at;
        size_t stride = varve_dtype_row_bytes(rows->dtype, rows->dim);
        n = VV_MIN((uint32_t)CHUNK_ROWS, rows->count - first);
        VV_TRY(rows->get(rows->context, first, n, &at, err));
        for (uint32_t i = 0; i < n; i++) {
            double norm = distance_norm(rows->dtype, rows->dim, at + i * stride);
            least = VV_MIN(least, norm);
            most = VV_MAX(most, norm);
        }
    }
    *ret_min = rows->count ? least : 0;
    *ret_max = most;
    return VARVE_OK;
}

varve_status space_init(space *s, varve_metric metric, const index_rows *rows, varve_error *err)
{
    space made = {.metric = metric, .dtype = rows->dtype, .dim = rows->dim, .width = rows->dim};
    double least = 0;
    if (metric != VARVE_METRIC_IP && metric != VARVE_METRIC_L2 && metric != VARVE_METRIC_COSINE)
        return vv_fail(err, VARVE_UNSUPPORTED, "%s is no metric of a Euclidean space",
                       varve_metric_name(metric));
    if (metric == VARVE_METRIC_IP) {
        VV_TRY(measure_norms(rows, &least, &made.norm_max, err));
        double square = made.norm_max * made.norm_max;
        if (square - least * least > NORM_SPREAD_MIN * square) made.width++;
    }
    *s = made;
    return VARVE_OK;
}

static float largest(const float *x, size_t n)
{
    float most = 0;
    for (size_t i = 0; i < n; i++)
        most = fabsf(x[i]) > most ? fabsf(x[i]) : most;
    return most;
}

varve_status space_fit(space *s, const index_rows *rows, varve_error *err)
{
    VV_CLEANUP(vv_freep) float *x = malloc(rows->dim * sizeof *x);
    size_t stride = varve_dtype_row_bytes(rows->dtype, rows->dim);
    float most = 0;
    int exponent = 0;
    if (!x) return vv_fail(err, VARVE_NO_MEMORY, "no memory for a row");
    for (uint32_t first = 0, n; s->metric != VARVE_METRIC_COSINE && first < rows->count;
         first += n) {
        const uint8_t *at;
        n = VV_MIN((uint32_t)CHUNK_ROWS, rows->count - first);
        VV_TRY(rows->get(rows->context, first, n, &at, err));
        for (uint32_t i = 0; i < n; i++) {
            distance_row_floats(rows->dtype, rows->dim, at + i * stride, x);
            most = VV_MAX(most, largest(x, rows->dim));
        }
    }
    if (most > 0) (void)frexp((double)most * sqrt(rows->dim), &exponent);
    s->scale = ldexp(1, -exponent);
    return VARVE_OK;
}

static double scale_of(const space *s) { return s->scale > 0 ? s->scale : 1; }

bool space_ok(const space *s)
{
    bool wider = s->metric == VARVE_METRIC_IP && s->width == s->dim + 1;
    if (!(s->scale >= 0 && s->scale < 0x1p300)) return false;
    return (s->width == s->dim || wider) && s->norm_max >= 0 && isfinite(s->norm_max) &&
           (s->metric == VARVE_METRIC_IP || s->norm_max == 0);
}

static double squared_norm(const float *x, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += (double)x[i] * (double)x[i];
    return sum;
}

/* In double: the factor itself may be no float. */
static void multiply(float *x, size_t n, double factor)
{
    for (size_t i = 0; i < n; i++)
        x[i] = (float)((double)x[i] * factor);
}

static void to_length(float *x, size_t n, double length)
{
    double norm = sqrt(squared_norm(x, n));
    if (norm > 0) multiply(x, n, length / norm);
}

void space_rows(const space *s, const uint8_t *rows, size_t n, float *ret)
{
    size_t stride = varve_dtype_row_bytes(s->dtype, s->dim);
    double scale = scale_of(s), most = s->norm_max * scale;
    for (size_t i = 0; i < n; i++) {
        float *x = ret + i * s->width;
        distance_row_floats(s->dtype, s->dim, rows + i * stride, x);
        if (s->metric == VARVE_METRIC_COSINE)
            to_length(x, s->dim, 1);
        else if (scale != 1)
            multiply(x, s->dim, scale);
        if (s->width == s->dim) continue;
        double rest = most * most - squared_norm(x, s->dim);
        x[s->dim] = rest > 0 ? (float)sqrt(rest) : 0;
    }
}

void space_query(const space *s, const float *query, float *ret)
{
    memcpy(ret, query, s->dim * sizeof *ret);
    if (s->metric == VARVE_METRIC_COSINE) to_length(ret, s->dim, 1);
    if (s->metric == VARVE_METRIC_IP) to_length(ret, s->dim, s->norm_max * scale_of(s));
    if (s->metric == VARVE_METRIC_L2 && scale_of(s) != 1) multiply(ret, s->dim, scale_of(s));
    if (s->width != s->dim) ret[s->dim] = 0;
}

/* IP: a query of length M gives |q - x|^2 = 2 M^2 - 2 <q, x>, and has a share |q| / M of its
 * product. */
double space_key(const space *s, double squared_distance, double query_norm)
{
    double square = s->norm_max * s->norm_max, scale = scale_of(s);
    if (s->metric == VARVE_METRIC_COSINE) return squared_distance / 2;
    squared_distance /= scale * scale;
    if (s->metric == VARVE_METRIC_L2) return squared_distance;
    return square > 0 ? (squared_distance / 2 - square) * (query_norm / s->norm_max) : 0;
}

double space_distance(const space *s, double key, double query_norm)
{
    double squared = key, scale = scale_of(s);
    if (s->metric == VARVE_METRIC_COSINE) return key > 0 ? 2 * key : 0;
    if (s->metric == VARVE_METRIC_IP)
        squared =
            query_norm > 0 ? 2 * (key * (s->norm_max / query_norm) + s->norm_max * s->norm_max) : 0;
    return squared > 0 ? squared * scale * scale : 0;
}
