/* fusion.h — inside query/: several ranked lists into one. Pure, but for ids, which decide ties.
 *
 *   RRF       sum of weight / (k + rank), rank from 1 (Cormack, Clarke, Büttcher 2009)
 *   WEIGHTED  sum of weight × score, scaled to 0…1 between the worst and the best of its list;
 *             all equal: 1
 *   DBSF      sum of weight × score, scaled so that mean ± 3 sample standard deviations are 0…1;
 *             all equal: 0.5
 *
 * Scores are keys turned round: larger is better. Infinite keys are scaled as the worst finite one.
 * A list of weight 0 has no part: its rows are not in the result unless others have them.
 *
 * Ownership  *ret_rows is the caller's.   Threads  any.
 * Errors     VARVE_NO_MEMORY, and those of reading ids. */
#ifndef VARVE_QUERY_FUSION_H
#define VARVE_QUERY_FUSION_H

#include "query/best.h"

#define FUSION_RRF_K 60.0

typedef struct fusion_list { /* best first; of rows of one view */
    const ranked_row *rows;
    size_t count;
    double weight;
} fusion_list;

/* Keys of the result are minus the fused scores; best first, ties by id. */
VV_CHECKED varve_status fusion_rows(const view *v, const fusion_list *lists, size_t count,
                                    const varve_fusion *fusion, ranked_row **ret_rows,
                                    size_t *ret_count, varve_error *err);

#endif
