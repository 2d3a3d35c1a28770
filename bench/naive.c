/* naive.c — see naive.h. */
#include "naive.h"

#include <math.h>

float naive_nearest(const float *rows, size_t n, size_t dim, const float *query)
{
    float nearest = INFINITY;
    for (size_t i = 0; i < n; i++) {
        float sum = 0;
        for (size_t j = 0; j < dim; j++) {
            float difference = rows[i * dim + j] - query[j];
            sum += difference * difference;
        }
        if (sum < nearest) nearest = sum;
    }
    return nearest;
}
