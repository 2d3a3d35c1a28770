/* index_certain.h — scans of SQ8 codes that lose nothing. Each row's code says how
 * far it is from a query, and how far that may be off; so there is an interval that its exact key
 * lies in for certain. A row whose lower end is above the k-th smallest upper end cannot be among
 * the k best, and only such rows are left out: whoever ranks the hits exactly gets what a full scan
 * gives.
 *
 * What is coded. L2: the row, scaled by a power of two of the segment so that the longest is about
 * 1. IP: the same, and its norm as a float beside the code. Cosine: the row at unit length; a zero
 * row, whose key is 1 by definition, stays zero.
 *   L2      key = |x - q|^2
 *   cosine  key = |x - q|^2 / 2           q at unit length; zero q: every key is 1
 *   IP      key = -|q| (1 + |x|^2 - |x - q|^2) / 2 with q at unit length
 * Distances become intervals by quant_error(), by `slack` for coordinates that were rounded when
 * they were scaled, and by what evaluating the exact key in double may round.
 *
 * Ownership  a query owns its prepared code query; hits own their lists.
 * Threads    models and queries are read-only once made; hits belong to one search.
 * Errors     VARVE_NO_MEMORY, those of the rows. */
#ifndef VARVE_INDEX_CERTAIN_H
#define VARVE_INDEX_CERTAIN_H

#include "base/topk.h"
#include "index/index.h"
#include "quant/quant.h"

/* ---- rows as coded ------------------------------------------------------------------------- */

typedef struct index_certain {
    varve_metric metric; /* IP, L2 or COSINE */
    varve_dtype dtype;
    uint32_t dim;
    int exponent; /* coordinates are divided by 2^exponent; cosine: 0 */
} index_certain;

/* Reads all rows, but for cosine. */
VV_CHECKED varve_status index_certain_init(index_certain *m, varve_metric metric,
                                           const index_rows *rows, varve_error *err);
/* Is a stored exponent one that index_certain_init can find? */
bool index_certain_exponent_ok(int64_t exponent);
/* n stored rows into n × dim floats, and their norms: IP as coded; else 0 for zero rows, 1 for
 * others. */
void index_certain_rows(const index_certain *m, const uint8_t *rows, size_t n, float *ret,
                        float *ret_norms);

/* ---- a query ------------------------------------------------------------------------------- */

typedef struct index_certain_query {
    const index_certain *model;
    quant_query *codes; /* NULL: nothing can be said, or all keys are 1 */
    bool all_equal;     /* cosine, zero query */
    double unit;        /* key = unit × what is computed from coded distances */
    double slack;       /* of distances: coordinates that were rounded */
    double tiny;        /* of lengths: coordinates that were too small for a float */
    double relative;    /* of keys: evaluation in double */
} index_certain_query;

VV_CHECKED varve_status index_certain_query_init(index_certain_query *q, const index_certain *m,
                                                 const quantiser *codes, const float *values,
                                                 varve_error *err);
void index_certain_query_done(index_certain_query *q); /* fine on a zeroed one */

typedef struct index_certain_group index_certain_group;
/* Is this key of row i one that its code allows? */
bool index_certain_holds(const index_certain_query *q, const index_certain_group *g, size_t i,
                         double key);

/* ---- hits ---------------------------------------------------------------------------------- */

typedef struct index_certain_hit {
    float lower; /* of the key, rounded down */
    index_hit hit;
} index_certain_hit;

typedef struct index_certain_hits {
    topk uppers;  /* of the keys of the k best so far */
    double limit; /* a row above it is not wanted */
    double bound; /* of the query asked */
    index_certain_hit *list;
    size_t count, room, pruned_at;
    uint32_t *seen; /* slots taken, hashed; NULL: no slot comes twice */
    size_t seen_count, seen_room;
} index_certain_hits;

/* repeats: a slot may be offered more than once; it counts once. */
VV_CHECKED varve_status index_certain_hits_init(index_certain_hits *h, size_t k, double bound,
                                                bool repeats, varve_error *err);
void index_certain_hits_done(index_certain_hits *h);

/* A row whose exact key is in [lower, upper] and estimated as middle; not hidden. */
typedef struct index_certain_keys {
    double lower, upper, middle;
} index_certain_keys;
VV_CHECKED varve_status index_certain_take(index_certain_hits *h, uint32_t slot,
                                           const index_certain_keys *keys, varve_error *err);
/* A group of codes in a scan: row i is slots[i], or first + i; only rows of the mask count. */
struct index_certain_group {
    const uint8_t *codes;
    const float *estimates; /* of quant_scan */
    const uint8_t *norms;   /* f32 each; NULL: all 1 */
    const uint8_t *slots;   /* u32 each, or NULL */
    uint32_t first;
    uint32_t mask;
};
VV_CHECKED varve_status index_certain_offer(index_certain_hits *h, const index_certain_query *q,
                                            const index_certain_group *g, varve_error *err);
/* The hits that may be among the best, best estimate first, ties by slot. */
void index_certain_hits_end(index_certain_hits *h, index_hit *ret, size_t *ret_count);

#endif
