/* sparse_inner.h — inner to sparse_*: an open sparse index and its lists.
 * Ownership  a list borrows from the image. Threads  as sparse_index.h; a list one at a time. */
#ifndef VARVE_FIELD_SPARSE_INNER_H
#define VARVE_FIELD_SPARSE_INNER_H

#include "field/postings.h"
#include "field/sparse_format.h"
#include "field/sparse_index.h"

#define SPARSE_BUILDER_BYTES_MAX (UINT64_C(4) << 30)

struct sparse_index {
    field_image image;
    uint32_t rows, dimension_count;
    uint64_t lists_bytes;
    const uint8_t *dimensions;
};

typedef struct sparse_list {
    const uint8_t *blocks;       /* their entries; NULL: a single block */
    const uint8_t *bodies, *end; /* padding follows */
    double low, step, error;
    uint32_t rows, block_count, index_rows;
    uint32_t block;     /* that is decoded; POSTINGS_NONE: none */
    uint32_t count, at; /* rows of it; where the caller is */
    const uint8_t *quantised;
    uint32_t slots[POSTINGS_BLOCK];
} sparse_list;

/* ret->rows 0: no row has the dimension. */
VV_CHECKED varve_status sparse_list_open(const sparse_index *x, uint32_t dimension,
                                         sparse_list *ret, varve_error *err);
VV_CHECKED varve_status sparse_list_read(sparse_list *l, uint32_t block, varve_error *err);
static inline const uint8_t *sparse_list_entry(const sparse_list *l, uint32_t block)
{
    return l->blocks + (size_t)block * SPARSE_BLOCK_ENTRY_BYTES;
}
/* The last slot that a block can have. */
static inline uint32_t sparse_list_last(const sparse_list *l, uint32_t block)
{
    return l->blocks ? get_u32(sparse_list_entry(l, block)) : l->index_rows - 1;
}

#endif
