/* space.h — rows as points of a Euclidean space in which nearer means better by their metric: what
 * codes, graphs and partitions for inner product, L2 and cosine are built in.
 *   L2      x
 *   cosine  x / |x|; a zero vector stays zero
 *   IP      (x, sqrt(M^2 - |x|^2)) with M the largest norm, queries (q M / |q|, 0), for the length
 *           of a query changes no order: Bachrach et al., "Speeding Up the Xbox Recommender
 *           System", RecSys 2014. Without the added coordinate when all norms are nearly equal:
 *           then the order by distance is that by product but for ties that exact rescoring
 *           settles.
 * Ownership  a space is a plain value; it can be stored (its numbers) and made again.
 * Threads    read-only once made. */
#ifndef VARVE_INDEX_SPACE_H
#define VARVE_INDEX_SPACE_H

#include "index/index.h"

typedef struct space {
    varve_metric metric; /* IP, L2 or COSINE */
    varve_dtype dtype;
    uint32_t dim;
    uint32_t width;  /* coordinates: dim, or dim + 1 */
    double norm_max; /* IP: M */
    double scale;    /* points are multiplied by it, a power of two; 0: they are not */
} space;

/* Reads all rows for IP, none otherwise. VARVE_UNSUPPORTED: another metric. */
VV_CHECKED varve_status space_init(space *s, varve_metric metric, const index_rows *rows,
                                   varve_error *err);
/* Scale the points so that the longest is about 1: their squares then fit into floats, whatever the
 * rows are. Reads all rows but for cosine. */
VV_CHECKED varve_status space_fit(space *s, const index_rows *rows, varve_error *err);
/* Can these numbers be those of a space? For spaces that were read back. */
bool space_ok(const space *s);
/* n stored rows, back to back, into n × width floats. */
void space_rows(const space *s, const uint8_t *rows, size_t n, float *ret);
/* A query (dim floats) into width floats. Cosine: of unit length; IP: of length norm_max. */
void space_query(const space *s, const float *query, float *ret);
/* The metric's key (smaller is better) of a point at this squared distance from a query.
 * query_norm: Euclidean, of the query as asked. */
double space_key(const space *s, double squared_distance, double query_norm);
/* Its inverse: the squared distance of a key; at least 0. */
double space_distance(const space *s, double key, double query_norm);

#endif
