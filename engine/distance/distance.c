/* distance.c — preparing a query and scanning rows with it: picks the family and the kernel, and
 * turns what the kernel summed into scores. */
#include "distance/distance.h"

#include "base/bytes.h"
#include "distance/distance_kernels.h"

#include <assert.h>
#include <float.h>
#include <stdlib.h>

/* ---- preparing ----------------------------------------------------------------------------- */

static bool is_bit_metric(varve_metric m)
{
    return m == VARVE_METRIC_HAMMING || m == VARVE_METRIC_JACCARD || m == VARVE_METRIC_DICE;
}

/* The metrics with float kernels come first in the table. */
static bool is_float_metric(varve_metric m) { return m <= VARVE_METRIC_CHEBYSHEV; }
_Static_assert((int)VARVE_METRIC_IP == FLOAT_IP && (int)VARVE_METRIC_L2 == FLOAT_L2 &&
                   (int)VARVE_METRIC_COSINE == FLOAT_COSINE && (int)VARVE_METRIC_L1 == FLOAT_L1 &&
                   (int)VARVE_METRIC_CHEBYSHEV == FLOAT_CHEBYSHEV,
               "a float metric is its own index of kernels");
_Static_assert((int)VARVE_METRIC_COSINE == INT_COSINE, "and so is one with integer kernels");

static bool all_integers(const float *query, size_t dim, float min, float max)
{
    for (size_t i = 0; i < dim; i++) {
        if (!(query[i] >= min && query[i] <= max) || truncf(query[i]) != query[i]) return false;
    }
    return true;
}

static distance_family pick_family(const distance_query *q)
{
    if (is_bit_metric(q->metric)) return FAMILY_COUNTS;
    if (!is_float_metric(q->metric)) return FAMILY_DOUBLES;
    if (q->stored == VARVE_BINARY) {
        return all_integers(q->plain, q->dim, 0, 1) ? FAMILY_COUNTS : FAMILY_DOUBLES;
    }
    if (q->metric == VARVE_METRIC_COSINE && q->norm == 0) return FAMILY_DOUBLES;
    bool byte = q->stored == VARVE_UINT8 || q->stored == VARVE_INT8;
    float min = q->stored == VARVE_INT8 ? -128 : 0, max = q->stored == VARVE_INT8 ? 127 : 255;
    if (byte && q->metric <= VARVE_METRIC_COSINE && q->dim <= DISTANCE_DIM_INT32 &&
        all_integers(q->plain, q->dim, min, max)) {
        return FAMILY_INTEGERS;
    }
    return FAMILY_FLOATS;
}

/* padded: room of the family's array, DISTANCE_PADDING elements or bytes of bits at a time. */
static size_t padded_bytes(const distance_query *q)
{
    switch (q->family) {
    case FAMILY_FLOATS: return size_align(q->dim, DISTANCE_PADDING) * sizeof *q->values;
    case FAMILY_INTEGERS: return size_align(q->dim, DISTANCE_PADDING) * sizeof *q->ints;
    case FAMILY_COUNTS: return size_align((q->dim + 7) / 8, DISTANCE_PADDING);
    default: return 0;
    }
}

static void fill(distance_query *q, void *padded)
{
    bool scale = q->metric == VARVE_METRIC_COSINE;
    if (q->family == FAMILY_FLOATS) {
        q->values = padded;
        for (size_t i = 0; i < q->dim; i++)
            q->values[i] = scale ? (float)((double)q->plain[i] / q->norm) : q->plain[i];
    } else if (q->family == FAMILY_INTEGERS) {
        q->ints = padded;
        for (size_t i = 0; i < q->dim; i++) {
            q->ints[i] = (int16_t)q->plain[i];
            q->ints_norm += q->ints[i] * q->ints[i];
        }
    } else if (q->family == FAMILY_COUNTS) {
        q->bits = padded;
        for (size_t i = 0; i < q->dim; i++) {
            if (!(q->plain[i] > 0.5f)) continue;
            q->bits[i / 64] |= UINT64_C(1) << (i % 64);
            q->bits_set++;
        }
    }
}

varve_status distance_query_new_for(const distance_isa_kernels *isa, varve_metric metric,
                                    varve_dtype stored, size_t dim, const float *query,
                                    distance_query **ret, varve_error *err)
{
    assert(dim <= UINT32_MAX && metric >= 0 && metric < VARVE_METRIC_COUNT);
    if (metric == VARVE_METRIC_HAVERSINE && dim != 2) {
        return vv_fail(err, VARVE_UNSUPPORTED,
                       "haversine needs 2 dimensions (longitude, latitude), not %zu", dim);
    }
    VV_CLEANUP(distance_query_freep) distance_query *q = calloc(1, sizeof *q);
    if (!q) return vv_fail(err, VARVE_NO_MEMORY, "no memory for a query");
    *q = (distance_query){.metric = metric, .stored = stored, .dim = dim, .isa = isa};
    q->row_bytes = varve_dtype_row_bytes(stored, dim);
    q->norm = distance_norm(VARVE_FLOAT32, dim, query);
    q->plain = malloc(VV_MAX(dim, (size_t)1) * sizeof *q->plain);
    if (!q->plain) return vv_fail(err, VARVE_NO_MEMORY, "no memory for a query");
    if (dim > 0) memcpy(q->plain, query, dim * sizeof *q->plain);
    q->family = pick_family(q);
    size_t bytes = VV_MAX(padded_bytes(q), (size_t)DISTANCE_PADDING);
    void *padded = q->padded = aligned_alloc(DISTANCE_PADDING, bytes);
    if (!padded) return vv_fail(err, VARVE_NO_MEMORY, "no memory for a query");
    memset(padded, 0, bytes);
    fill(q, padded);
    distance_error_prepare(q);
    *ret = q;
    q = NULL;
    return VARVE_OK;
}

varve_status distance_query_new(varve_metric metric, varve_dtype stored, size_t dim,
                                const float *query, distance_query **ret, varve_error *err)
{
    return distance_query_new_for(distance_isa_choose(), metric, stored, dim, query, ret, err);
}

void distance_query_free(distance_query *q)
{
    if (!q) return;
    free(q->plain);
    free(q->padded);
    free(q);
}

void distance_query_freep(distance_query **q) { distance_query_free(*q); }

/* ---- scanning ------------------------------------------------------------------------------ */

/* To float32 without turning a finite score into an infinite one. */
static float to_float(double score)
{
    if (fabs(score) <= (double)FLT_MAX || isinf(score)) return (float)score;
    return score > 0 ? FLT_MAX : -FLT_MAX;
}

static void scan_doubles(const distance_query *q, const uint8_t *rows, size_t n, float *ret)
{
    for (size_t i = 0; i < n; i++)
        ret[i] = to_float(
            distance_exact(q->metric, q->stored, q->dim, q->plain, rows + i * q->row_bytes));
}

/* Outside these bounds float32 may have lost the squared norm of a row: see distance_error.c. */
#define NORM_MIN 0x1p-100f
#define NORM_MAX 0x1p120f

static void scan_cosine(const distance_query *q, const uint8_t *rows, size_t n, float *ret)
{
    float norms[DISTANCE_CHUNK];
    q->isa->floats[FLOAT_COSINE][q->stored](q, rows, n, ret, norms);
    for (size_t i = 0; i < n; i++) {
        if (VV_LIKELY(norms[i] >= NORM_MIN && norms[i] <= NORM_MAX)) {
            ret[i] = (float)distance_cosine((double)ret[i], 1, (double)norms[i]);
        } else {
            scan_doubles(q, rows + i * q->row_bytes, 1, ret + i);
        }
    }
}

static void scan_floats(const distance_query *q, const uint8_t *rows, size_t n, float *ret)
{
    if (q->metric == VARVE_METRIC_COSINE) {
        scan_cosine(q, rows, n, ret);
        return;
    }
    q->isa->floats[q->metric][q->stored](q, rows, n, ret, NULL);
    if (q->metric != VARVE_METRIC_IP) return;
    for (size_t i = 0; i < n; i++) /* infinities of both signs met */
        ret[i] = isnan(ret[i]) ? -INFINITY : ret[i];
}

static void scan_ints(const distance_query *q, const uint8_t *rows, size_t n, float *ret)
{
    int32_t sums[DISTANCE_CHUNK], norms[DISTANCE_CHUNK] = {0};
    q->isa->ints[q->metric][q->stored == VARVE_INT8](q, rows, n, sums, norms);
    for (size_t i = 0; i < n; i++)
        ret[i] = (float)distance_of_ints(q->metric, sums[i], norms[i], q->ints_norm);
}

static void scan_counts(const distance_query *q, const uint8_t *rows, size_t n, float *ret)
{
    uint32_t common[DISTANCE_CHUNK], set[DISTANCE_CHUNK];
    q->isa->counts[q->stored](q, rows, n, common, set);
    for (size_t i = 0; i < n; i++)
        ret[i] = (float)distance_of_counts(q->metric, common[i], set[i], q->bits_set);
}

typedef void scan_chunk(const distance_query *q, const uint8_t *rows, size_t n, float *ret);

void distance_scan(const distance_query *q, const void *rows, size_t n, float *ret_scores)
{
    static scan_chunk *const scans[] = {
        [FAMILY_FLOATS] = scan_floats,
        [FAMILY_INTEGERS] = scan_ints,
        [FAMILY_COUNTS] = scan_counts,
        [FAMILY_DOUBLES] = scan_doubles,
    };
    scan_chunk *scan = scans[q->family];
    for (size_t first = 0; first < n; first += DISTANCE_CHUNK) {
        scan(q, (const uint8_t *)rows + first * q->row_bytes,
             VV_MIN((size_t)DISTANCE_CHUNK, n - first), ret_scores + first);
    }
}
