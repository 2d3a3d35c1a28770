/* graph_links_points.h — inside index/: the distinct rows of a segment as points of a graph
 * build, and how far they are from each other.
 *
 * Points of a Euclidean space are bytes (graph_pairs.h): byte rows under L2 as they are, others
 * rounded with one scale, if a sample shows that this keeps the order of near rows. Else, and for
 * metrics without a space, distance/ compares the stored rows. Rows that are equal byte by byte are
 * one point; that is what keeps thousands of copies from filling each other's edges.
 *
 * Distances are keys: 32-bit integers in the order of the distances (the bytes' squared distance,
 * or the bits of a float that is not negative).
 *
 * Ownership  points own their arrays; they keep pointers to the context's rows and to the space.
 * Threads    points, filled tiles and probes may be used by any number of threads.
 * Errors     those of the rows; VARVE_NO_MEMORY; VARVE_CANCELLED. */
#ifndef VARVE_INDEX_GRAPH_LINKS_POINTS_H
#define VARVE_INDEX_GRAPH_LINKS_POINTS_H

#include "index/graph_links.h"
#include "index/graph_links_work.h"
#include "index/graph_pairs.h"

typedef struct distance_query distance_query;

typedef struct graph_points {
    uint32_t rows, count; /* rows of the segment; points: different ones */
    uint32_t *slots;      /* of a point: its first row, ascending */
    uint32_t *firsts;     /* of a row: its point */
    bool *copied;         /* of a point: other rows are equal to its row */
    bool squared;         /* keys are squared Euclidean distances, or half of them */
    /* Bytes; NULL when distance/ compares. */
    uint8_t *codes;
    size_t stride, quads;     /* bytes of a point; coordinates / 4, rounded up */
    const graph_pairs *pairs; /* also of points without bytes: for counting keys */
    /* The stored rows, all of them back to back. */
    const uint8_t *stored;
    size_t row_bytes;
    varve_metric metric;
    varve_dtype dtype;
    uint32_t dim;
    /* Inner product by distance/: |x|^2 + |y|^2 - 2 x y in the space; `rests` are the added
     * coordinates, NULL without. */
    double norm_max;
    float *rests;
} graph_points;

VV_CHECKED varve_status graph_points_init(graph_points *p, graph_work *w, const space *s,
                                          varve_error *err);
/* Some of the points as a set of their own: point i is points[i] of those. */
VV_CHECKED varve_status graph_points_sample(const graph_points *p, const uint32_t *points,
                                            uint32_t n, graph_points *ret, varve_error *err);
void graph_points_done(graph_points *p);

/* Its length as a float, monotone; infinite for one that cannot be computed. */
float graph_points_distance(const graph_points *p, uint32_t key);

/* One point, made ready to be compared with others. */
typedef struct graph_probe {
    const graph_points *points;
    uint32_t point;
    distance_query *query;
} graph_probe;
VV_CHECKED varve_status graph_probe_init(graph_probe *q, const graph_points *p, uint32_t point,
                                         varve_error *err);
void graph_probe_done(graph_probe *q);
void graph_probe_scan(const graph_probe *q, const uint32_t *points, size_t n, uint32_t *ret_keys);

/* Points side by side, to be compared with many. */
typedef struct graph_tile {
    const graph_points *points;
    size_t count, padded; /* padded: to whole groups of GRAPH_PAIRS_GROUP */
    uint8_t *bytes;
    uint32_t *norms; /* bytes: squared lengths */
    uint32_t *ids;
} graph_tile;
VV_CHECKED varve_status graph_tile_init(graph_tile *t, const graph_points *p, size_t capacity,
                                        varve_error *err);
void graph_tile_done(graph_tile *t);
void graph_tile_fill(graph_tile *t, const uint32_t *points, size_t n);
/* m <= GRAPH_PAIRS_ROWS points against all of the tile: ret_keys[i * padded + j]; behind the tile's
 * last point UINT32_MAX. ret_keys: allocated memory. */
VV_CHECKED varve_status graph_tile_compare(const graph_tile *t, const uint32_t *points, size_t m,
                                           uint32_t *ret_keys, varve_error *err);
/* One of its own points against those of the tile behind it, at least: ret_keys[i] for i > at. */
VV_CHECKED varve_status graph_tile_compare_behind(const graph_tile *t, size_t at,
                                                  uint32_t *ret_keys, varve_error *err);

#endif
