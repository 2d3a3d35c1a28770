/* test_graph_links_fixture.h — rows for tests of graph edges, what every graph promises, and a
 * plain beam search over one, measured against the truth. */
#ifndef TEST_GRAPH_LINKS_FIXTURE_H
#define TEST_GRAPH_LINKS_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/random.h"
#include "distance/distance.h"
#include "index/graph_links.h"

#include <stdlib.h>
#include <string.h>

typedef struct fixture {
    uint8_t *bytes;
    size_t row_bytes;
    index_rows rows;
    index_spec spec;
    index_build_options options;
    graph_links_options links;
} fixture;

/* Rows of zero bytes, an effort that suits tests, one thread. */
void fixture_init(fixture *f, varve_metric metric, varve_dtype dtype, uint32_t count, uint32_t dim);
void fixture_done(fixture *f);
uint8_t *fixture_row(const fixture *f, uint32_t row);
void fixture_put(fixture *f, uint32_t row, const float *values); /* FLOAT32 */
void fixture_fill_gauss(fixture *f, uint64_t seed);              /* FLOAT32 */
varve_status fixture_build(const fixture *f, graph_links *ret, varve_error *err);
/* Build; check all promises of graph_links.h. */
graph_links fixture_build_checked(const fixture *f);
void fixture_check(const fixture *f, const graph_links *l);
/* Share of the 10 nearest rows that a beam of this breadth finds from the entry, over `queries`
 * queries, each a row of the fixture moved a little (FLOAT32), by distance. */
double fixture_recall(const fixture *f, const graph_links *l, size_t breadth, uint32_t queries,
                      float moved);
/* The same for given queries. */
double fixture_recall_of(const fixture *f, const graph_links *l, size_t breadth,
                         const float *queries, uint32_t count);

#endif
