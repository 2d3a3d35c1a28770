/* graph_kernels.h — inside index/: what a walk over a graph does at each row, for each instruction
 * set. All give the same numbers: floats are summed in 16 partial sums in one order, and nothing is
 * contracted to fused multiply-adds.
 *
 * Ownership  kernels own nothing.
 * Threads    tables are constant.
 * Errors     none. */
#ifndef VARVE_INDEX_GRAPH_KERNELS_H
#define VARVE_INDEX_GRAPH_KERNELS_H

#include "index/graph_format.h"

#include <math.h>
#include <string.h>

#define GRAPH_LANES 16 /* a frontier's arrays are read in whole steps of so many */

/* A query as kernels want it. All arrays are aligned to 64 bytes. */
typedef struct graph_point {
    /* Own vectors: filled up with zeros to a multiple of GRAPH_OWN_FILL. */
    const float *values;  /* coordinates in the frame; for BYTES, those of the rows */
    const uint8_t *bytes; /* BYTES: the query, when it consists of such bytes; else NULL */
    uint32_t filled;      /* coordinates, filling included */
    float bytes_scale;    /* BYTES: from squared distances of rows to those of the frame */
    /* Codes. <s, Rq> = per_sum × (sum of the entries that a code picks) - bias */
    const uint8_t *tables; /* 16 entries per 4 bits of a code */
    uint32_t padded;
    float per_sum, bias;
} graph_point;

/* Rows met and not yet left: two keys each, both filled up with infinity to whole steps. */
typedef struct graph_frontier {
    float *keys;    /* of live rows, whether gone to or not; others: infinity */
    float *waiting; /* of rows not yet gone to; others: infinity */
    uint32_t *rows;
    size_t count, capacity;
} graph_frontier;

/* |o|^2, <s, o> and <s, center>, with o = neighbour - center and s the signs of o. */
typedef struct graph_code_sums {
    float squares, lengths, center;
} graph_code_sums;

typedef struct graph_kernels {
    const char *name;
    /* The neighbour is scale × values. Bit i of the signs: coordinate i of o is positive. */
    graph_code_sums (*code)(const float *center, const int16_t *values, float scale,
                            uint32_t padded, uint16_t *ret_signs);
    /* Squared distance of an own vector, in the frame. */
    float (*own[GRAPH_OWN_SCALED + 1])(const graph_point *p, const uint8_t *own);
    /* Estimates for the 32 neighbours of a group, given the squared distance of its row. Bit i of
     * what returns: neighbour i is a row and its estimate is below the limit. ret_bad: no row, and
     * not GRAPH_NONE either. */
    uint32_t (*estimate)(const graph_point *p, const uint8_t *group, const uint8_t *rows, float own,
                         float limit, uint32_t row_count, float *ret_keys, uint32_t *ret_bad);
    /* Those of 32 rows that are in the mask join the frontier, which has room for 32 more. hidden:
     * a mask. */
    void (*join)(graph_frontier *f, const uint8_t *rows, const float *keys, uint32_t mask,
                 uint32_t hidden);
    /* The waiting row of the smallest key, when fewer than `breadth` keys are below it; else
     * SIZE_MAX. Of equal ones the first. */
    size_t (*next)(const graph_frontier *f, size_t breadth);
    /* How many keys are below the limit. */
    size_t (*below)(const graph_frontier *f, float limit);
    /* Only rows with a key below the limit, either of both, stay. */
    void (*keep)(graph_frontier *f, float limit);
} graph_kernels;

extern const graph_kernels graph_kernels_scalar;
#if defined(__x86_64__)
extern const graph_kernels graph_kernels_avx2, graph_kernels_avx512;
#endif

#define GRAPH_ISAS_MAX 4
/* All that this CPU can run, best first, NULL behind the last. */
void graph_isas(const graph_kernels *ret[GRAPH_ISAS_MAX]);
/* The one of distance_isa(). */
const graph_kernels *graph_kernels_choose(void);

/* For the files of kernels: what is behind the last row of a frontier. */
static inline void graph_frontier_close(graph_frontier *f)
{
    for (size_t i = 0; i < GRAPH_LANES; i++)
        f->keys[f->count + i] = f->waiting[f->count + i] = INFINITY;
}

#endif
