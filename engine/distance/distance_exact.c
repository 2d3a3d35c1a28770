/* distance_exact.c — every metric by its plain definition, in double precision and in index order:
 * the judge of all kernels, and the kernel of the metrics that have no other. Compiled without
 * contraction to fused multiply-add, so that every machine gives the same bits.
 *
 * A metric is one or two passes over the coordinates. A pass loads the row in blocks of floats and
 * folds each pair (x of the row, y of the query) into a few sums; the switch over the step is
 * resolved at compile time, once per function that calls walk(). */
#include "base/half.h"
#include "distance/distance_kernels.h"

#include <math.h>

#define BLOCK          256
#define EARTH_RADIUS_M 6371008.8
#define DEGREE         (3.14159265358979323846 / 180.0)
#define INLINE         static inline __attribute__((always_inline))

void distance_load(varve_dtype stored, const void *row, size_t first, size_t n, float *ret)
{
    const uint8_t *bytes = row;
    switch (stored) {
    case VARVE_FLOAT32: memcpy(ret, bytes + 4 * first, 4 * n); return;
    case VARVE_FLOAT16:
        for (size_t i = 0; i < n; i++) {
            uint16_t half;
            memcpy(&half, bytes + 2 * (first + i), 2);
            ret[i] = half_to_float(half);
        }
        return;
    case VARVE_UINT8:
        for (size_t i = 0; i < n; i++)
            ret[i] = (float)bytes[first + i];
        return;
    case VARVE_INT8:
        for (size_t i = 0; i < n; i++)
            ret[i] = (float)(int8_t)bytes[first + i];
        return;
    default:
        for (size_t i = 0; i < n; i++)
            ret[i] = (float)(bytes[(first + i) / 8] >> ((first + i) % 8) & 1);
        return;
    }
}

void distance_row_floats(varve_dtype stored, size_t dim, const void *row, float *ret)
{
    distance_load(stored, row, 0, dim, ret);
}

typedef enum step {
    STEP_IP,
    STEP_L2,
    STEP_COSINE,
    STEP_L1,
    STEP_CHEBYSHEV,
    STEP_CANBERRA,
    STEP_BRAY_CURTIS,
    STEP_TOTALS,      /* sums of both, and whether anything is negative */
    STEP_CORRELATION, /* about the means in at[0], at[1] */
    STEP_HELLINGER,   /* of shares: divided by the totals in at[0], at[1] */
    STEP_WASSERSTEIN,
    STEP_JENSEN_SHANNON,
    STEP_BITS
} step;

/* Sums of a pass, and what an earlier pass found. */
typedef struct pass {
    double sum[3];
    double at[2];
} pass;

INLINE double entropy_term(double share, double middle)
{
    return share > 0 ? share * log(share / middle) : 0;
}

/* The step of a metric that compares two distributions; p and r are shares of the whole. */
INLINE void fold_shares(step s, pass *a, double p, double r)
{
    double root;
    switch (s) {
    case STEP_HELLINGER:
        root = sqrt(p) - sqrt(r);
        a->sum[0] += root * root;
        break;
    case STEP_WASSERSTEIN:
        a->sum[1] += p; /* the two cumulative distributions */
        a->sum[2] += r;
        a->sum[0] += fabs(a->sum[1] - a->sum[2]);
        break;
    default: a->sum[0] += entropy_term(p, (p + r) / 2) + entropy_term(r, (p + r) / 2); break;
    }
}

INLINE void fold(step s, pass *a, double x, double y)
{
    switch (s) {
    case STEP_IP: a->sum[0] += x * y; break;
    case STEP_L2: a->sum[0] += (x - y) * (x - y); break;
    case STEP_COSINE:
        a->sum[0] += x * y;
        a->sum[1] += x * x;
        a->sum[2] += y * y;
        break;
    case STEP_L1: a->sum[0] += fabs(x - y); break;
    case STEP_CHEBYSHEV:
        if (fabs(x - y) > a->sum[0]) a->sum[0] = fabs(x - y);
        break;
    case STEP_CANBERRA:
        if (x != 0 || y != 0) a->sum[0] += fabs(x - y) / (fabs(x) + fabs(y));
        break;
    case STEP_BRAY_CURTIS:
        a->sum[0] += fabs(x - y);
        a->sum[1] += fabs(x + y);
        break;
    case STEP_TOTALS:
        a->sum[0] += x;
        a->sum[1] += y;
        a->sum[2] += x < 0 || y < 0;
        break;
    case STEP_CORRELATION:
        x -= a->at[0];
        y -= a->at[1];
        a->sum[0] += x * y;
        a->sum[1] += x * x;
        a->sum[2] += y * y;
        break;
    case STEP_BITS:
        a->sum[0] += x > 0.5 && y > 0.5;
        a->sum[1] += x > 0.5;
        a->sum[2] += y > 0.5;
        break;
    default: fold_shares(s, a, x / a->at[0], y / a->at[1]); break;
    }
}

typedef struct pair {
    varve_dtype stored;
    size_t dim;
    const float *query;
    const void *row;
} pair;

INLINE pass walk(step s, const pair *p, double at0, double at1)
{
    pass a = {.at = {at0, at1}};
    float x[BLOCK];
    for (size_t first = 0; first < p->dim; first += BLOCK) {
        size_t n = VV_MIN((size_t)BLOCK, p->dim - first);
        distance_load(p->stored, p->row, first, n, x);
        for (size_t i = 0; i < n; i++)
            fold(s, &a, (double)x[i], (double)p->query[first + i]);
    }
    return a;
}

static double exact_cosine(const pair *p)
{
    pass a = walk(STEP_COSINE, p, 0, 0);
    return distance_cosine(a.sum[0], a.sum[1], a.sum[2]);
}

static double exact_bray_curtis(const pair *p)
{
    pass a = walk(STEP_BRAY_CURTIS, p, 0, 0);
    if (a.sum[0] == 0) return 0;
    return a.sum[1] == 0 ? INFINITY : a.sum[0] / a.sum[1];
}

static double exact_haversine(const pair *p)
{
    float x[2];
    distance_load(p->stored, p->row, 0, 2, x);
    if (fabsf(x[1]) > 90 || fabsf(p->query[1]) > 90) return INFINITY;
    double lat_x = (double)x[1] * DEGREE, lat_y = (double)p->query[1] * DEGREE;
    double half_lon = sin(((double)x[0] - (double)p->query[0]) * DEGREE / 2);
    double half_lat = sin((lat_x - lat_y) / 2);
    double h = half_lat * half_lat + cos(lat_x) * cos(lat_y) * half_lon * half_lon;
    return 2 * EARTH_RADIUS_M * asin(fmin(1, sqrt(h)));
}

static bool all_equal(const pair *p) { return walk(STEP_L1, p, 0, 0).sum[0] == 0; }

static double exact_correlation(const pair *p)
{
    pass total = walk(STEP_TOTALS, p, 0, 0);
    double n = (double)VV_MAX(p->dim, (size_t)1);
    pass a = walk(STEP_CORRELATION, p, total.sum[0] / n, total.sum[1] / n);
    if (a.sum[1] == 0 || a.sum[2] == 0) return all_equal(p) ? 0 : 1;
    return distance_cosine(a.sum[0], a.sum[1], a.sum[2]);
}

/* The metrics on distributions. one_empty: the distance when exactly one side has no counts. */
INLINE double exact_shares(step s, const pair *p, double one_empty)
{
    pass total = walk(STEP_TOTALS, p, 0, 0);
    if (total.sum[2] > 0) return INFINITY;
    if (total.sum[0] == 0 && total.sum[1] == 0) return 0;
    if (total.sum[0] == 0 || total.sum[1] == 0) return one_empty;
    double sum = walk(s, p, total.sum[0], total.sum[1]).sum[0];
    if (s == STEP_WASSERSTEIN) return sum;
    return sqrt(fmax(0, sum / 2)); /* hellinger and jensen_shannon alike */
}

static double exact_bits(varve_metric metric, const pair *p)
{
    pass a = walk(STEP_BITS, p, 0, 0);
    return distance_of_counts(metric, (uint64_t)a.sum[0], (uint64_t)a.sum[1], (uint64_t)a.sum[2]);
}

double distance_exact(varve_metric metric, varve_dtype stored, size_t dim, const float *query,
                      const void *row)
{
    pair p = {stored, dim, query, row};
    switch (metric) {
    case VARVE_METRIC_IP: return walk(STEP_IP, &p, 0, 0).sum[0];
    case VARVE_METRIC_L2: return walk(STEP_L2, &p, 0, 0).sum[0];
    case VARVE_METRIC_COSINE: return exact_cosine(&p);
    case VARVE_METRIC_L1: return walk(STEP_L1, &p, 0, 0).sum[0];
    case VARVE_METRIC_CHEBYSHEV: return walk(STEP_CHEBYSHEV, &p, 0, 0).sum[0];
    case VARVE_METRIC_CANBERRA: return walk(STEP_CANBERRA, &p, 0, 0).sum[0];
    case VARVE_METRIC_BRAY_CURTIS: return exact_bray_curtis(&p);
    case VARVE_METRIC_HAVERSINE: return exact_haversine(&p);
    case VARVE_METRIC_CORRELATION: return exact_correlation(&p);
    case VARVE_METRIC_HELLINGER: return exact_shares(STEP_HELLINGER, &p, 1);
    case VARVE_METRIC_WASSERSTEIN: return exact_shares(STEP_WASSERSTEIN, &p, INFINITY);
    case VARVE_METRIC_JENSEN_SHANNON: return exact_shares(STEP_JENSEN_SHANNON, &p, sqrt(log(2)));
    default: return exact_bits(metric, &p);
    }
}

double distance_norm(varve_dtype stored, size_t dim, const void *row)
{
    float x[BLOCK];
    double sum = 0;
    for (size_t first = 0; first < dim; first += BLOCK) {
        size_t n = VV_MIN((size_t)BLOCK, dim - first);
        distance_load(stored, row, first, n, x);
        for (size_t i = 0; i < n; i++)
            sum += (double)x[i] * (double)x[i];
    }
    return sqrt(sum);
}
