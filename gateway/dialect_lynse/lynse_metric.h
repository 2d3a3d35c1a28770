/* lynse_metric.h — names of metrics as clients write them, and the flat index mode of each. */
#ifndef LYNSE_METRIC_H
#define LYNSE_METRIC_H

#include "varve.h"

/* ip, inner_product, l2, euclidean, cosine, …; any case. */
bool lynse_metric_read(const char *text, varve_metric *ret);
/* "FLAT-L2" */
const char *lynse_metric_flat(varve_metric metric);

#endif
