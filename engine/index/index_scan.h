/* index_scan.h — inside index/: all live rows by their own distances, for a search that an index
 * would not serve: where so many rows are hidden that to read the others takes less.
 * Threads  any number at once. Errors  those of the rows; VARVE_TIMEOUT, VARVE_CANCELLED. */
#ifndef VARVE_INDEX_SCAN_H
#define VARVE_INDEX_SCAN_H

#include "base/topk.h"
#include "distance/distance.h"
#include "index/index_type.h"

/* Into best, which is empty, by keys that are smaller for better rows. prepared: for rows of this
 * kind, by the metric. */
VV_CHECKED varve_status index_scan_live(const index_rows *rows, const index_query *q,
                                        varve_metric metric, const distance_query *prepared,
                                        topk *best, index_work *work, varve_error *err);
/* What that takes, about, as bytes read one after another. */
double index_scan_bytes(const index_rows *rows, const index_query *q);

#endif
