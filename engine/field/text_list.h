/* text_list.h — inner to text_*: the list of a term, read block by block.
 *
 * Ownership  a list borrows from the image and from its paths; nothing to free.
 * Threads    one at a time.
 * Errors     VARVE_CORRUPT. After one the list must not be used. */
#ifndef VARVE_FIELD_TEXT_LIST_H
#define VARVE_FIELD_TEXT_LIST_H

#include "field/text_inner.h"

#define TEXT_PATH_WORDS ((TEXT_PATHS_STORED_MAX + 63) / 64)

/* The paths that count: all of them, or a set. */
typedef struct text_paths {
    bool all;
    uint32_t count, one; /* how many; the first */
    uint64_t bits[TEXT_PATH_WORDS];
} text_paths;
/* The fields of a query (spelled as by text_walk; NULL: all) as paths of an index. */
void text_paths_find(const text_index *x, const varve_text *spelled, size_t count, text_paths *ret);

typedef struct text_list {
    const text_paths *paths;
    const uint8_t *blocks;       /* their entries; NULL: a single block */
    const uint8_t *bodies, *end; /* padding follows */
    const uint8_t *path_df, *path_df_end;
    uint32_t rows, block_count, index_rows;
    uint32_t path_count; /* of the index */
    uint32_t block;      /* that is decoded; POSTINGS_NONE: none */
    uint32_t count;      /* of its rows, those with one of the paths */
    uint32_t at;         /* in these: for the caller */
    uint32_t slots[POSTINGS_BLOCK], tfs[POSTINGS_BLOCK];
} text_list;

VV_CHECKED varve_status text_list_open(const text_index *x, const text_entry *entry,
                                       const text_paths *paths, text_list *ret, varve_error *err);
/* Decode a block; at is 0 then. */
VV_CHECKED varve_status text_list_read(text_list *l, uint32_t block, varve_error *err);
/* Rows with the term under the paths, where that is written: all paths, or one. */
bool text_list_df(const text_list *l, uint32_t *ret);

/* The last slot that a block can have; the last block of a list has the last row for it. */
static inline uint32_t text_list_last(const text_list *l, uint32_t block)
{
    return l->blocks ? get_u32(l->blocks + (size_t)block * TEXT_BLOCK_ENTRY_BYTES)
                     : l->index_rows - 1;
}
static inline const uint8_t *text_list_impact(const text_list *l, uint32_t block)
{
    return l->blocks + (size_t)block * TEXT_BLOCK_ENTRY_BYTES + 8;
}
/* The first block, from `from` on, that may have a slot not below this one; block_count: none. */
uint32_t text_list_block(const text_list *l, uint32_t from, uint32_t slot);

#endif
