/* abreast.h — a query asked on one thread and on several: the same hits, explanation and errors.
 * Errors  a difference fails the test. */
#ifndef VARVE_TESTS_QUERY_ABREAST_H
#define VARVE_TESTS_QUERY_ABREAST_H

#include "query_fixture.h"

/* As query_run, whose input has no pool. */
varve_status abreast_run(const query_input *in, const varve_query_request *request,
                         varve_hits **ret, varve_error *err);
/* Over a world; a query that is refused or fails, fails the test. */
varve_hits *abreast_ask(const world *w, const varve_options *limits, const varve_query_request *r);

#endif
