/* ann_curve.c — see ann_curve.h. */
#include "ann_curve.h"

#include <math.h>

double ann_curve_at(const ann_curve *c, double recall)
{
    for (size_t i = 0; i < c->count; i++) {
        const ann_point *b = &c->points[i], *a = b - 1;
        if (b->recall < recall) continue;
        if (i == 0 || b->recall <= a->recall) return b->qps;
        double share = (recall - a->recall) / (b->recall - a->recall);
        return exp(log(a->qps) + share * (log(b->qps) - log(a->qps)));
    }
    return NAN;
}

double ann_curve_best(const ann_curve *c)
{
    double best = 0;
    for (size_t i = 0; i < c->count; i++)
        best = fmax(best, c->points[i].recall);
    return best;
}
