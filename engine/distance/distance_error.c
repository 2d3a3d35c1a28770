/* distance_error.c — how far can a scan score be from the exact one?
 *
 * u = 2^-24 is the unit roundoff of float32, v = 2^-53 that of double, and gamma(m) = m u / (1 - m
 * u) bounds the product of m factors (1 + d), |d| <= u (Higham, Accuracy and Stability of Numerical
 * Algorithms, lemma 3.1). A kernel with W lanes adds the terms of a row lane by lane: a term meets
 * at most n / W + 1 roundings in its lane, then those of the reduction; m = n / W + 16 covers every
 * kernel, and multiplying and adding in two roundings is covered by m + 1. The exact evaluation
 * itself rounds n + 4 times to double; g = (n + 8) v, an upper bound for small n v, joins each
 * bound. Subnormal results lose at most t = 2^-149 per operation.
 *
 *   IP         each term x y is off by gamma(m + 1): |s - e| <= (gamma(m + 1) + g) sum |x y| + 2 n
 * t, and sum |x y| <= |q| |row| by Cauchy and Schwarz. L2         x - y is rounded once and
 * squared, so every term, none of them negative, is off by gamma(m + 3): |s - e| <= c e + 2 n t
 * with c = gamma(m + 3) + g, hence e <= (s + 2 n t) / (1 - c) and |s - e| <= c / (1 - c) s + 4 n t.
 *   L1         as L2. Chebyshev: a maximum does not round: c = 2 u + g.
 *   cosine     The query is scaled to unit length, each coordinate rounded once more. Rows whose
 *              squared norm is not within [2^-100, 2^120] are evaluated exactly, so underflow adds
 * at most n 2^-49 in all. The product is then off by (gamma(m + 2)) |row|, the squared norm by the
 * factor 1 + gamma(m + 1), its root by less; |cos| <= 1, so the quotient is within 2 gamma(m + 2)
 * (1 + gamma(m + 2)) <= 3 gamma(m + 2), and rounding to float32 adds u |s|. the rest   is exact
 * before it is rounded to float32: u |s| + t; integers up to 2^24: 0.
 *
 * A float32 kernel that overflows yields an infinity, and nothing is known of the exact score. */
#include "distance/distance_kernels.h"

#include <float.h>
#include <math.h>

#define U 0x1p-24
#define T 0x1p-149

static double gamma_of(double m) { return m * U < 0.1 ? m * U / (1 - m * U) : INFINITY; }

static void prepare_floats(distance_query *q)
{
    double n = (double)q->dim, m = n / q->isa->lanes + 16, g = (n + 8) * 0x1p-53, c;
    switch (q->metric) {
    case VARVE_METRIC_IP:
        q->per_norm = (gamma_of(m + 1) + g) * q->norm * (1 + 1e-6); /* the norms are rounded too */
        q->absolute = 2 * n * T;
        return;
    case VARVE_METRIC_COSINE:
        q->relative = U;
        q->absolute = 3 * gamma_of(m + 2) + n * 0x1p-49 + g;
        return;
    case VARVE_METRIC_CHEBYSHEV: c = 2 * U + g; break;
    default: c = gamma_of(m + 3) + g; break;
    }
    q->relative = c < 0.5 ? c / (1 - c) : INFINITY;
    q->absolute = 4 * n * T;
}

void distance_error_prepare(distance_query *q)
{
    if (q->family == FAMILY_FLOATS) {
        prepare_floats(q);
        return;
    }
    q->relative = U;
    q->absolute = T;
    q->whole = q->family != FAMILY_DOUBLES && q->metric != VARVE_METRIC_COSINE &&
               q->metric != VARVE_METRIC_JACCARD && q->metric != VARVE_METRIC_DICE;
}

double distance_scan_error(const distance_query *q, float score, double norm_max)
{
    double size = fabs((double)score);
    if (q->family == FAMILY_DOUBLES) {
        if (isinf(score)) return 0;           /* so is the exact one */
        if (size >= FLT_MAX) return INFINITY; /* finite, but not in float32 */
    } else if (!isfinite(score)) {
        return INFINITY;
    }
    if (q->whole && size <= 0x1p24) return 0;
    double error = q->absolute;
    if (q->relative > 0) error += q->relative * size;
    if (q->per_norm > 0) error += q->per_norm * norm_max;
    return error;
}
