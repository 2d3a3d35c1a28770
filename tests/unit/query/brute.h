/* brute.h — the plain way to what query/ answers: every row of a world (query_fixture.h), one by
 * one. Threads: one. */
#ifndef VARVE_TESTS_BRUTE_H
#define VARVE_TESTS_BRUTE_H

#include "query_fixture.h"

#include "filter/filter.h"

typedef struct brute_hit {
    const model_row *row;
    double key; /* smaller is better */
} brute_hit;

typedef struct brute_hits {
    brute_hit *rows; /* best first, ties by id */
    size_t count;
} brute_hits;

/* A filter of the where grammar; a failure fails the test. */
filter *brute_filter(const char *where);
/* One made up over rich fields. */
void brute_where(random_state *r, char *ret, size_t size);
bool brute_matches(const filter *f, const model_row *row); /* f NULL: all */

/* All live rows that match, by key_of_row; rows with NAN are left out. */
typedef double brute_key(void *context, const model_row *row);
brute_hits brute_rank(const world *w, const filter *f, brute_key *key, void *context);
/* By distance to a query. */
brute_hits brute_nearest(const world *w, const filter *f, varve_metric metric, const float *query);
void brute_free(brute_hits *h);

/* Hits [offset, offset + k) of `expected` are what is there; larger: scores are minus keys. */
void brute_compare(const varve_hits *hits, size_t query, const brute_hits *expected, size_t offset,
                   size_t k, bool larger, double tolerance, const char *what);

#endif
