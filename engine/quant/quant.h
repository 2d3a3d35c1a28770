/* quant.h — the face of quant/: vectors in few bytes, and distances to them. All quantisers look at
 * float vectors of a Euclidean space and estimate squared distances there (index/space.h makes such
 * a space of inner product and cosine).
 *
 *   SQ8       one byte per coordinate; scale and offset of each row, and the certain length of its
 *             error, so that |x - q| is known within it
 *   PQ        product quantisation (Jegou et al., PAMI 2011): M subspaces; 16 centroids each, 4
 *             bits, scanned from registers (fast scan: André et al., VLDB 2015)
 *   RABITQ    1 bit per rotated coordinate with an unbiased estimate (Gao and Long, SIGMOD 2024);
 *             parameter 2..8: extended RaBitQ (Gao et al., SIGMOD 2025)
 *   POLARVEC  parameter B = 1..8 bits per rotated coordinate, uniform, no training
 *
 * Codes are kept in groups of QUANT_GROUP rows, in the layout that the kernels want. Kernels:
 * scalar, AVX2, AVX-512, chosen as in distance/; all give the same codes and estimates, bit by bit
 * (only centroids of k-means, hence what PQ learns, differ in their last bits).
 *
 * Rows and queries are finite; an estimate is never NaN, never negative, and infinite when it does
 * not fit a float. Widths: 1 to 65600.
 *
 * Ownership  quantiser_free(), quant_query_free(). A quant_query keeps a pointer to its quantiser.
 * Threads    both are read-only once made.
 * Errors     VARVE_NO_MEMORY; VARVE_CORRUPT from quantiser_open; VARVE_INVALID a parameter. */
#ifndef VARVE_QUANT_H
#define VARVE_QUANT_H

#include "base/buffer.h"
#include "base/thread_pool.h"

#define QUANT_GROUP 32

typedef enum quant_kind {
    QUANT_KIND_SQ8 = 1,
    QUANT_KIND_PQ,
    QUANT_KIND_RABITQ,
    QUANT_KIND_POLARVEC
} quant_kind;

typedef struct quant_spec {
    quant_kind kind;
    /* 0: the default, which quantiser_spec() tells. PQ: subspaces (half of the width, 256 at most;
     * more than the width count as the width); RABITQ, POLARVEC: bits (1 and 4); SQ8: 8. */
    unsigned parameter;
    uint32_t width;
    uint64_t seed;
} quant_spec;

typedef struct quantiser quantiser;

/* sample: n × width rows, at least 1, the more the better up to quant_sample_rows() (0: PolarVec
 * learns nothing, and sample may be NULL). The number of threads does not change what is learnt. */
size_t quant_sample_rows(const quant_spec *spec);
VV_CHECKED varve_status quantiser_train(const quant_spec *spec, const float *sample, size_t n,
                                        thread_pool *pool, quantiser **ret, varve_error *err);
/* Everything that was learnt, appended to out; and back. Never reads past len. */
VV_CHECKED varve_status quantiser_save(const quantiser *q, buffer *out, varve_error *err);
VV_CHECKED varve_status quantiser_open(const void *bytes, size_t len, quantiser **ret,
                                       varve_error *err);
void quantiser_free(quantiser *q);
void quantiser_freep(quantiser **q);
const quant_spec *quantiser_spec(const quantiser *q);

size_t quantiser_group_bytes(const quantiser *q); /* of QUANT_GROUP rows; a multiple of 64 */
/* Encode 1..QUANT_GROUP rows into one group; missing rows are encoded as zeros. Takes up to 400 KB
 * of stack when rows are as wide as they get, 5 bytes a coordinate. */
void quantiser_encode(const quantiser *q, const float *rows, size_t n, uint8_t *ret_group);
/* Row i of a group, decoded (width floats): for checks. */
void quantiser_decode(const quantiser *q, const uint8_t *group, size_t i, float *ret);

typedef struct quant_query quant_query;
VV_CHECKED varve_status quant_query_new(const quantiser *q, const float *query, quant_query **ret,
                                        varve_error *err);
void quant_query_free(quant_query *q);
void quant_query_freep(quant_query **q);
/* Estimated squared distances to the rows of `groups` consecutive groups: groups × QUANT_GROUP of
 * them. `groups_bytes` is 64-byte aligned. */
void quant_scan(const quant_query *q, const uint8_t *groups_bytes, size_t groups, float *ret);
/* SQ8 only: for row i of a group, an e with | |x - q| - sqrt(estimate) | <= e for certain, rounding
 * of the scan included. Infinity for other kinds. */
float quant_error(const quant_query *q, const uint8_t *group, size_t i, float estimate);
/* A quick look at a whole group: bit i is 0 only where sqrt(estimates[i]) - quant_error() is above
 * limits[i]. All bits for other kinds. */
uint32_t quant_near(const quant_query *q, const uint8_t *group, const float *estimates,
                    const float *limits);

#endif
