/* sparse_index.h — inner products of sparse vectors over a stretch of rows, on the machinery of
 * text_index.h: per dimension a list of (slot, quantised value), scored window by window, terms
 * that can no longer matter skipped, and the candidates scored again by their exact values. The
 * result is that of a plain evaluation in double precision.
 *
 * A sparse vector as bytes: u32 n | u32 index[n], strictly ascending | f32 value[n], finite and not
 * zero; little-endian. "" is the empty vector.
 *
 * Source     SINDI (arXiv 2509.08395) for windows with values beside local row numbers.
 * Ownership, Threads, Errors: as text_index.h. */
#ifndef VARVE_FIELD_SPARSE_INDEX_H
#define VARVE_FIELD_SPARSE_INDEX_H

#include "base/time_limit.h"
#include "base/topk.h"
#include "field/columns.h"

#define SPARSE_INDEX_VERSION 1
#define SPARSE_NONZERO_MAX   65536

typedef struct sparse_vector {
    uint32_t count;
    const uint32_t *indices;
    const float *values;
} sparse_vector;
/* Pairs in any order → bytes, appended to out: duplicates summed (in double), zeros dropped.
 * VARVE_INVALID names the element ("vectors[3].values[7] is not finite"); VARVE_LIMIT. */
VV_CHECKED varve_status sparse_encode(const uint32_t *indices, const float *values, size_t count,
                                      size_t row, buffer *out, varve_error *err);
/* False: malformed (or no room in scratch). The arrays are copied out of the bytes into scratch
 * when not aligned; they live as long as both. */
bool sparse_decode(varve_text bytes, buffer *scratch, sparse_vector *ret);
double sparse_dot(const sparse_vector *a, const sparse_vector *b);

typedef struct sparse_builder sparse_builder;
VV_CHECKED varve_status sparse_builder_new(sparse_builder **ret, varve_error *err);
void sparse_builder_free(sparse_builder *b);
/* The vector of the next slot; "" for none. VARVE_LIMIT past 4 GiB of memory; finishing may take as
 * much again. */
VV_CHECKED varve_status sparse_builder_add(sparse_builder *b, varve_text bytes, varve_error *err);
uint64_t sparse_builder_bytes(const sparse_builder *b); /* memory held now */
VV_CHECKED varve_status sparse_builder_finish(sparse_builder *b, buffer *out, varve_error *err);

typedef struct sparse_index sparse_index;
VV_CHECKED varve_status sparse_index_open(const field_image *image, uint32_t rows,
                                          sparse_index **ret, varve_error *err);
void sparse_index_free(sparse_index *x);
/* Exact vectors of slots, for the second scoring. */
typedef struct sparse_rows {
    varve_status (*get)(void *context, uint32_t slot, varve_text *ret, varve_error *err);
    void *context;
} sparse_rows;
/* The best rows among `allowed` into best, as text_search; key = -inner product; rows that share no
 * index with the query are no hits; those with a negative product are, while there is room. */
VV_CHECKED varve_status sparse_search(const sparse_vector *q, const sparse_index *x,
                                      const sparse_rows *rows, const uint64_t *allowed,
                                      uint64_t first_slot, topk *best, const time_limit *limit,
                                      uint64_t *work, varve_error *err);
VV_CHECKED varve_status sparse_index_check(const sparse_index *x, const sparse_rows *rows,
                                           varve_error *err);

#endif
