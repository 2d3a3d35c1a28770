/* lynse_effort.h — how hard a search tries, whether that comes in JSON or in a query string.
 *
 *   exact=true         passes over approximate indexes
 *   ef                 breadth: beam of graphs, partitions opened, candidates of codes
 *   recall_target      the share of the true hits to find; the breadth follows from it
 *   nprobe             breadth under the name that LynseDB gives it
 *
 * The first one given counts. LynseDB's clients send nprobe=10, their default, with every search,
 * and so ask for the low recall of ten candidates without knowing; so 10 means the same as 0 or
 * nothing at all: by the recall target. */
#ifndef LYNSE_EFFORT_H
#define LYNSE_EFFORT_H

#include "lynse_request.h"

typedef struct lynse_effort {
    bool exact;
    uint32_t breadth;     /* 0: by recall_target */
    double recall_target; /* 0: that of the server */
} lynse_effort;

/* VARVE_INVALID naming the argument and its limit. */
VV_CHECKED varve_status lynse_effort_of_body(const lynse_call *c, lynse_effort *ret,
                                             varve_error *err);
VV_CHECKED varve_status lynse_effort_of_query(const lynse_call *c, lynse_effort *ret,
                                              varve_error *err);
void lynse_effort_set(const lynse_effort *e, varve_search_request *request);
void lynse_effort_set_leg(const lynse_effort *e, varve_leg *leg);

#endif
