/* graph_search_scan.c — all live rows by their own distances, for a search that a walk would not
 * serve; see graph_search.h. */
#include "index/graph_search.h"
#include "index/index_scan.h"

varve_status graph_scan_all(graph_walk *w, varve_error *err)
{
    const index_rows *rows = w->rows;
    if (!w->plain)
        VV_TRY(
            distance_query_new(w->x->metric, rows->dtype, rows->dim, w->q->values, &w->plain, err));
    w->best.count = 0;
    return index_scan_live(rows, w->q, w->x->metric, w->plain, &w->best, w->work, err);
}
