/* lynse_search.h — what the search routes share, whether their arguments come in JSON or in a query
 * string.
 *
 * Rounding  a client that says approx gets flat scores rounded to multiples of eps, after ranking,
 *           for the metrics where that is harmless: a contract of LynseDB's own clients. Filtered
 *           scores of the primary vector stay as they are. */
#ifndef LYNSE_SEARCH_H
#define LYNSE_SEARCH_H

#include "lynse_request.h"

#define LYNSE_K_DEFAULT    10
#define LYNSE_EPS_DEFAULT  1e-4
#define LYNSE_SPARSE_FIELD "sparse" /* the field of sparse vectors where none is named */

/* How the scores of one answer are to be shown. */
typedef struct lynse_scores {
    double step; /* multiples of it; 0: as they are */
} lynse_scores;

/* A field of vectors by name; NULL means "default", the primary one. VARVE_INVALID "vector field
 * 'x' does not exist"; with lynse_field_look, false in *ret_found instead. */
VV_CHECKED varve_status lynse_field_find(lynse_call *c, const char *name, varve_field_info *ret,
                                         varve_error *err);
VV_CHECKED varve_status lynse_field_look(lynse_call *c, const char *name, bool *ret_found,
                                         varve_field_info *ret, varve_error *err);
/* Of a named field: VARVE_INVALID also for "default", whose vectors come and go with their rows. */
VV_CHECKED varve_status lynse_field_find_named(lynse_call *c, const char *name,
                                               varve_field_info *ret, varve_error *err);
/* VARVE_INVALID unless it has one dense vector per row: fields of other kinds have routes and legs
 * of their own. */
VV_CHECKED varve_status lynse_field_check_dense(const varve_field_info *info, varve_error *err);
bool lynse_field_is_primary(const char *name);
VV_CHECKED varve_status lynse_scores_choose(lynse_call *c, const char *field, bool filtered,
                                            bool approx, double eps, lynse_scores *ret,
                                            varve_error *err);
float lynse_score(const lynse_scores *s, float score);
/* Search, after a look at whether the answer to so many queries can fit. */
VV_CHECKED varve_status lynse_search_run(lynse_call *c, search_kind kind,
                                         const varve_search_request *request, varve_hits **ret,
                                         varve_error *err);
/* One search of legs. */
VV_CHECKED varve_status lynse_query_run(lynse_call *c, const varve_query_request *request,
                                        varve_hits **ret, varve_error *err);

#endif
