/* quant_private.h — what the files of quant/ share: the quantiser, the prepared query, and the
 * table of functions that each kind of code fills in.
 *
 * Ownership  a quantiser owns `learnt` and its rotation; a query owns its `memory`.
 * Threads    read-only once made.
 * Errors     as in quant.h. */
#ifndef VARVE_QUANT_PRIVATE_H
#define VARVE_QUANT_PRIVATE_H

#include "base/bytes.h"
#include "quant/quant_kernels.h"

#define QUANT_WIDTH_MAX ROTATE_WIDTH_MAX

typedef struct quant_type {
    const char *name;
    size_t sample_rows; /* beyond that a sample gains nothing */
    /* Fill in or check the parameter; set group_bytes and learnt_count, and all that follows from
     * the spec alone. */
    varve_status (*prepare)(quantiser *q, varve_error *err);
    /* Fill `learnt` (learnt_count floats, zeroed) from n >= 1 rows. NULL: nothing is learnt. */
    varve_status (*train)(quantiser *q, const float *sample, size_t n, thread_pool *pool,
                          varve_error *err);
    /* QUANT_GROUP rows, into a group that was zeroed. */
    void (*encode)(const quantiser *q, const float *const *rows, uint8_t *ret_group);
    void (*decode)(const quantiser *q, const uint8_t *group, size_t i, float *ret);
    varve_status (*query)(quant_query *query, const float *values, varve_error *err);
    void (*scan)(const quant_query *query, const uint8_t *group, float *ret); /* one group */
    /* As quant_error(); NULL: nothing is certain. */
    float (*error)(const quant_query *query, const uint8_t *group, size_t i, float estimate);
    uint32_t (*near)(const quant_query *query, const uint8_t *group, const float *estimates,
                     const float *limits); /* as quant_near(); NULL: nothing is certain */
} quant_type;

extern const quant_type quant_type_sq8, quant_type_pq, quant_type_rabitq, quant_type_polarvec;

struct quantiser {
    quant_spec spec; /* the parameter is never 0 */
    const quant_type *type;
    const quant_isa_kernels *isa;
    size_t group_bytes, codes_bytes; /* codes come first in a group */
    float *learnt;                   /* SQ8, RABITQ: the mean; PQ: centroids */
    size_t learnt_count;
    const float *zeros;        /* width of them, in the memory of `learnt` */
    quant_subspaces subspaces; /* PQ; their centroids are `learnt` */
    rotation rotation;         /* RABITQ, POLARVEC */
};

struct quant_query {
    const quantiser *quantiser;
    void *memory; /* what ints or tables point into */
    quant_ints ints;
    const uint8_t *tables;
    size_t blocks; /* of tables */
    union {
        quant_sq8_terms sq8;
        quant_rotated_terms rotated;
        quant_pq_terms pq;
    } terms;
    double norm, error; /* SQ8: of the quantised query, and its distance from the one asked */
};

/* ---- shared by kinds ----------------------------------------------------------------------- */

/* Aligned and zeroed. */
VV_CHECKED varve_status quant_alloc(size_t bytes, void **ret, varve_error *err);

/* Mean of n rows, each coordinate rounded to float once. */
void quant_mean(const float *rows, size_t n, size_t width, float *ret);

/* y = sum of the integers × scale, as closely as parts × 8 bits (1 or 2) allow: fills q->memory and
 * q->ints. count coordinates, of any size. */
typedef struct quant_scaled {
    double scale;
    int64_t sum, squares; /* of the integers */
    double error;         /* |y - scale × integers|, rounded up */
} quant_scaled;
VV_CHECKED varve_status quant_query_ints(quant_query *q, const double *y, size_t count,
                                         unsigned parts, quant_scaled *ret, varve_error *err);

size_t quant_nibbles_bytes(size_t subspaces); /* of a group of NIBBLES */
uint8_t quant_nibbles_get(const uint8_t *group, size_t subspace, size_t r);
void quant_nibbles_put(uint8_t code, size_t subspace, size_t r, uint8_t *group); /* was 0 */
/* Codes of `bits` bits, cut into planes. */
#define QUANT_PLANES_MAX 3
typedef struct quant_plane {
    unsigned bits, shift; /* field = code >> shift, of so many bits */
} quant_plane;
size_t quant_planes(unsigned bits, quant_plane ret[QUANT_PLANES_MAX]); /* how many: 1 to 3 */
size_t quant_plane_bytes(const quant_plane *p, size_t coordinates);    /* of a group */
/* n codes (a multiple of 32) of row r, into a plane or onto codes that were zeroed. */
void quant_plane_put(const quant_plane *p, const uint8_t *codes, size_t n, size_t r,
                     uint8_t *plane);
void quant_plane_get(const quant_plane *p, const uint8_t *plane, size_t n, size_t r,
                     uint8_t *codes);

/* Tables of 16 entries for each subspace, in bytes: entry = constant (in all) + per_sum × byte.
 * Fills q->memory, q->tables, q->blocks. */
VV_CHECKED varve_status quant_query_tables(quant_query *q, const double *entries, size_t subspaces,
                                           quant_pq_terms *ret, varve_error *err);

#endif
