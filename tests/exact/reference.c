/* reference.c — see reference.h. Compiled without contraction to fused multiply-add, so that a
 * product is rounded before it is added, on every machine. */
#include "reference.h"

#include <math.h>
#include <string.h>

#define EARTH_RADIUS_METRES 6371008.8
#define PI                  3.14159265358979323846

typedef struct vectors {
    size_t dim;
    const float *a, *b;
} vectors;

static double at(const float *v, size_t i) { return (double)v[i]; }

static double inner_product(const vectors *v)
{
    double sum = 0;
    for (size_t i = 0; i < v->dim; i++)
        sum += at(v->a, i) * at(v->b, i);
    return sum;
}

static double squared_l2(const vectors *v)
{
    double sum = 0;
    for (size_t i = 0; i < v->dim; i++) {
        double d = at(v->a, i) - at(v->b, i);
        sum += d * d;
    }
    return sum;
}

static double one_minus_cosine(double product, double square_a, double square_b)
{
    double cosine = product / sqrt(square_a * square_b);
    return 1 - fmax(-1, fmin(1, cosine));
}

static double cosine(const vectors *v)
{
    double product = 0, square_a = 0, square_b = 0;
    for (size_t i = 0; i < v->dim; i++) {
        product += at(v->a, i) * at(v->b, i);
        square_a += at(v->a, i) * at(v->a, i);
        square_b += at(v->b, i) * at(v->b, i);
    }
    if (square_a == 0 || square_b == 0) return 1;
    return one_minus_cosine(product, square_a, square_b);
}

static double l1(const vectors *v)
{
    double sum = 0;
    for (size_t i = 0; i < v->dim; i++)
        sum += fabs(at(v->a, i) - at(v->b, i));
    return sum;
}

static double chebyshev(const vectors *v)
{
    double largest = 0;
    for (size_t i = 0; i < v->dim; i++)
        largest = fmax(largest, fabs(at(v->a, i) - at(v->b, i)));
    return largest;
}

static double canberra(const vectors *v)
{
    double sum = 0;
    for (size_t i = 0; i < v->dim; i++) {
        double below = fabs(at(v->a, i)) + fabs(at(v->b, i));
        if (below > 0) sum += fabs(at(v->a, i) - at(v->b, i)) / below;
    }
    return sum;
}

static double bray_curtis(const vectors *v)
{
    double above = 0, below = 0;
    for (size_t i = 0; i < v->dim; i++) {
        above += fabs(at(v->a, i) - at(v->b, i));
        below += fabs(at(v->a, i) + at(v->b, i));
    }
    return above == 0 ? 0 : above / below; /* x / 0 is infinite */
}

static double haversine(const vectors *v)
{
    double lon_a = at(v->a, 0), lat_a = at(v->a, 1), lon_b = at(v->b, 0), lat_b = at(v->b, 1);
    if (fabs(lat_a) > 90 || fabs(lat_b) > 90) return INFINITY;
    double degree = PI / 180;
    double s_lat = sin((lat_b - lat_a) * degree / 2), s_lon = sin((lon_b - lon_a) * degree / 2);
    double h = s_lat * s_lat + cos(lat_a * degree) * cos(lat_b * degree) * s_lon * s_lon;
    return 2 * EARTH_RADIUS_METRES * asin(fmin(1, sqrt(h)));
}

static double correlation(const vectors *v)
{
    double mean_a = 0, mean_b = 0, product = 0, square_a = 0, square_b = 0;
    for (size_t i = 0; i < v->dim; i++) {
        mean_a += at(v->a, i);
        mean_b += at(v->b, i);
    }
    mean_a /= (double)v->dim;
    mean_b /= (double)v->dim;
    for (size_t i = 0; i < v->dim; i++) {
        double x = at(v->a, i) - mean_a, y = at(v->b, i) - mean_b;
        product += x * y;
        square_a += x * x;
        square_b += y * y;
    }
    if (square_a == 0 || square_b == 0) return l1(v) == 0 ? 0 : 1;
    return one_minus_cosine(product, square_a, square_b);
}

/* ---- distributions: counts, divided by their total */

typedef enum shares { SHARES_HELLINGER, SHARES_WASSERSTEIN, SHARES_JENSEN_SHANNON } shares;

static double of_shares(shares kind, const vectors *v, double total_a, double total_b)
{
    double sum = 0, upto_a = 0, upto_b = 0;
    for (size_t i = 0; i < v->dim; i++) {
        double p = at(v->a, i) / total_a, q = at(v->b, i) / total_b, m = (p + q) / 2;
        upto_a += p;
        upto_b += q;
        if (kind == SHARES_HELLINGER) {
            sum += (sqrt(p) - sqrt(q)) * (sqrt(p) - sqrt(q));
        } else if (kind == SHARES_WASSERSTEIN) {
            sum += fabs(upto_a - upto_b);
        } else {
            sum += (p > 0 ? p * log(p / m) : 0) + (q > 0 ? q * log(q / m) : 0);
        }
    }
    return kind == SHARES_WASSERSTEIN ? sum : sqrt(fmax(0, sum / 2));
}

static double distribution(shares kind, const vectors *v)
{
    double total_a = 0, total_b = 0;
    for (size_t i = 0; i < v->dim; i++) {
        if (v->a[i] < 0 || v->b[i] < 0) return INFINITY;
        total_a += at(v->a, i);
        total_b += at(v->b, i);
    }
    if (total_a == 0 && total_b == 0) return 0;
    if (total_a > 0 && total_b > 0) return of_shares(kind, v, total_a, total_b);
    return kind == SHARES_HELLINGER ? 1 : kind == SHARES_WASSERSTEIN ? INFINITY : sqrt(log(2));
}

/* ---- bits: set when the value is > 0.5 */

static double of_bits(varve_metric metric, const vectors *v)
{
    size_t both = 0, either = 0;
    for (size_t i = 0; i < v->dim; i++) {
        bool a = at(v->a, i) > 0.5, b = at(v->b, i) > 0.5;
        both += a && b;
        either += a || b;
    }
    if (metric == VARVE_METRIC_HAMMING) return (double)(either - both);
    if (either == 0) return 0;
    if (metric == VARVE_METRIC_JACCARD) return 1 - (double)both / (double)either;
    return 1 - 2 * (double)both / (double)(either + both);
}

double reference_score(varve_metric metric, size_t dim, const float *row, const float *query)
{
    vectors v = {dim, row, query};
    switch (metric) {
    case VARVE_METRIC_IP: return inner_product(&v);
    case VARVE_METRIC_L2: return squared_l2(&v);
    case VARVE_METRIC_COSINE: return cosine(&v);
    case VARVE_METRIC_L1: return l1(&v);
    case VARVE_METRIC_CHEBYSHEV: return chebyshev(&v);
    case VARVE_METRIC_CANBERRA: return canberra(&v);
    case VARVE_METRIC_BRAY_CURTIS: return bray_curtis(&v);
    case VARVE_METRIC_HAVERSINE: return haversine(&v);
    case VARVE_METRIC_CORRELATION: return correlation(&v);
    case VARVE_METRIC_HELLINGER: return distribution(SHARES_HELLINGER, &v);
    case VARVE_METRIC_WASSERSTEIN: return distribution(SHARES_WASSERSTEIN, &v);
    case VARVE_METRIC_JENSEN_SHANNON: return distribution(SHARES_JENSEN_SHANNON, &v);
    default: return of_bits(metric, &v);
    }
}

/* ---- stored values */

/* To the nearest of the 11-bit significands, ties to even; below 2^-14 in steps of 2^-24. */
static float to_half(float input)
{
    int exponent;
    (void)frexp((double)input, &exponent);
    double step = ldexp(1, exponent < -13 ? -24 : exponent - 11);
    return (float)(nearbyint((double)input / step) * step);
}

float reference_stored(varve_dtype type, float input)
{
    if (type == VARVE_FLOAT16) return to_half(input);
    if (type == VARVE_BINARY) return input > 0.5f ? 1.0f : 0.0f;
    return input; /* integers are accepted only as what they are */
}

static uint16_t half_bits(float half)
{
    int exponent;
    double fraction = frexp(fabs((double)half), &exponent);
    uint16_t sign = signbit(half) ? 0x8000 : 0;
    if (exponent < -13) return sign | (uint16_t)ldexp(fabs((double)half), 24);
    unsigned significand = (unsigned)ldexp(fraction, 11) & 0x3ff;
    return half == 0 ? sign : (uint16_t)(sign | (unsigned)(exponent + 14) << 10 | significand);
}

void reference_bytes(varve_dtype type, const float *stored, size_t dim, uint8_t *ret)
{
    for (size_t i = 0; i < dim; i++) {
        uint16_t half = half_bits(stored[i]);
        switch (type) {
        case VARVE_FLOAT32: memcpy(ret + 4 * i, &stored[i], 4); break;
        case VARVE_FLOAT16: memcpy(ret + 2 * i, &half, 2); break;
        case VARVE_UINT8: ret[i] = (uint8_t)stored[i]; break;
        case VARVE_INT8: ret[i] = (uint8_t)(int8_t)stored[i]; break;
        default: ret[i / 8] = (uint8_t)(ret[i / 8] | (stored[i] > 0.5f) << i % 8); break;
        }
    }
}
