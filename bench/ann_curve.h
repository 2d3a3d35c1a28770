/* ann_curve.h — recall against speed: points measured at growing breadths, and what they say of a
 * recall between two of them.
 * Threads  pure functions. */
#ifndef BENCH_ANN_CURVE_H
#define BENCH_ANN_CURVE_H

#include <stddef.h>
#include <stdint.h>

#define ANN_POINTS_MAX 32

typedef struct ann_point {
    uint32_t breadth;
    double recall, qps;
} ann_point;

typedef struct ann_curve {
    size_t count;
    ann_point points[ANN_POINTS_MAX]; /* breadth ascends */
} ann_curve;

/* Queries a second at this recall: linear in recall and in the logarithm of the speed between the
 * points around it; the first point's speed where that has the recall already; NAN: never reached.
 * */
double ann_curve_at(const ann_curve *c, double recall);
double ann_curve_best(const ann_curve *c); /* the greatest recall */

#endif
