/* lynse_search.h — what the search routes share, whether their arguments come in JSON or in a query
 * string.
 *
 * Rounding  a client that says approx gets flat scores rounded to multiples of eps, after ranking,
 *           for the metrics where that is harmless: a contract of LynseDB's own clients. */
#ifndef LYNSE_SEARCH_H
#define LYNSE_SEARCH_H

#include "lynse_request.h"

#define LYNSE_K_DEFAULT   10
#define LYNSE_EPS_DEFAULT 1e-4

/* How the scores of one answer are to be shown. */
typedef struct lynse_scores {
    double step; /* multiples of it; 0: as they are */
} lynse_scores;

/* VARVE_UNSUPPORTED when a filter is given. */
VV_CHECKED varve_status lynse_refuse_filter(bool given, varve_error *err);
/* Only the vector field "default" is there; NULL means it. */
VV_CHECKED varve_status lynse_check_field(const char *vector_field, varve_error *err);
VV_CHECKED varve_status lynse_scores_choose(lynse_call *c, bool approx, double eps,
                                            lynse_scores *ret, varve_error *err);
float lynse_score(const lynse_scores *s, float score);
/* Search, after a look at whether the answer to so many queries can fit. */
VV_CHECKED varve_status lynse_search_run(lynse_call *c, const varve_search_request *request,
                                         varve_hits **ret, varve_error *err);

#endif
