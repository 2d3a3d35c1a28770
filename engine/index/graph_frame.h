/* graph_frame.h — inside index/: the coordinates that own vectors and codes of a graph are written
 * in. Points of the space are moved so that their mean is zero, and scaled by a power of two so
 * that the farthest is at most GRAPH_FRAME_RADIUS away: then halves hold coordinates and factors of
 * codes well.
 *
 * Ownership  a frame owns mean and rotation; graph_frame_done().
 * Threads    read-only once made. */
#ifndef VARVE_INDEX_GRAPH_FRAME_H
#define VARVE_INDEX_GRAPH_FRAME_H

#include "index/graph_format.h"
#include "quant/rotate.h"

#define GRAPH_FRAME_RADIUS 64

typedef struct graph_frame {
    space space;
    float *mean; /* width */
    double scale;
    rotation rotation; /* without codes: zero */
} graph_frame;

/* Reads all rows. */
VV_CHECKED varve_status graph_frame_make(graph_frame *f, const index_build_context *c,
                                         const space *s, const graph_shape *shape,
                                         varve_error *err);
VV_CHECKED varve_status graph_frame_open(graph_frame *f, const graph_model *m, const uint8_t *mean,
                                         const graph_shape *shape, varve_error *err);
void graph_frame_done(graph_frame *f); /* fine on a zeroed one */

/* n stored rows into n × width coordinates. */
void graph_frame_rows(const graph_frame *f, const uint8_t *rows, size_t n, float *ret);

/* A query in the frame. One that is very far away is moved nearer on the line to the mean, which
 * hardly changes the order of the rows. */
typedef struct graph_frame_query {
    double moved; /* the share of its distance from the mean that is left: at most 1 */
    double far;   /* squared distance from the mean before that */
    double norm;  /* Euclidean, of the query as asked */
} graph_frame_query;
/* ret: width floats. */
graph_frame_query graph_frame_place(const graph_frame *f, const float *query, float *ret);
/* The metric's key of a row at this squared distance, in the frame, from that query. */
double graph_frame_key(const graph_frame *f, const graph_frame_query *q, double squared);

#endif
