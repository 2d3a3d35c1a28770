/* text_inner.h — inner to text_*: what an open text index is, and what its builder gathers.
 * Threads  as text_index.h. */
#ifndef VARVE_FIELD_TEXT_INNER_H
#define VARVE_FIELD_TEXT_INNER_H

#include "base/hashmap.h"
#include "field/postings.h"
#include "field/text_format.h"
#include "field/text_index.h"
#include "field/text_terms.h"
#include "field/text_walk.h"

#define TEXT_BUILDER_BYTES_MAX (UINT64_C(4) << 30)

/* ---- lengths -------------------------------------------------------------------------------- */

/* Tokens per row: dense, or of the rows that have some. */
typedef struct text_lengths {
    const uint8_t *lengths, *slots; /* slots NULL: dense */
    uint32_t count;
    uint8_t width;
} text_lengths;

static inline uint32_t text_length_at(const text_lengths *l, uint32_t at)
{
    if (VV_LIKELY(l->width == 1)) return l->lengths[at];
    return l->width == 2 ? get_u16(l->lengths + (size_t)at * 2)
                         : get_u32(l->lengths + (size_t)at * 4);
}
uint32_t text_length_sparse(const text_lengths *l, uint32_t slot);
static inline uint32_t text_length_get(const text_lengths *l, uint32_t slot)
{
    return VV_LIKELY(!l->slots) ? text_length_at(l, slot) : text_length_sparse(l, slot);
}

/* ---- the builder ---------------------------------------------------------------------------- */

typedef struct text_build_path {
    uint32_t name_at, name_len; /* in names */
    uint32_t *slots, *lengths;  /* of rows with tokens under it */
    uint32_t count, room;
    uint32_t row_length; /* in the row being added */
    uint64_t tokens;
    bool plain, unnamed;
} text_build_path;

struct text_builder {
    text_options options;
    analyzer *analyzer;
    text_walk walk;
    text_terms terms;
    buffer names;
    hashmap path_numbers; /* name → path + 1 */
    text_build_path *paths;
    uint32_t path_count, path_room;
    uint32_t unnamed; /* path; POSTINGS_NONE: there is none yet */
    uint32_t *totals; /* tokens per row */
    uint32_t rows, row_room;
    uint64_t tokens, lengths_bytes;
    uint64_t *pairs; /* of the row being added: term << 16 | path */
    size_t pair_count, pair_room;
};

/* ---- lists while written -------------------------------------------------------------------- */

/* The postings of terms, appended to out; text_list_writer_done() frees. */
typedef struct text_list_writer {
    const text_builder *builder;
    buffer *out;
    size_t start;        /* of the image in out */
    size_t total_at;     /* of the total lengths in out */
    const size_t *paths; /* of each path's lengths in out */
    struct text_shares {
        uint32_t *paths, *tfs;
        size_t count, room;
    } shares;          /* of the block */
    uint32_t *path_df; /* per path, of the list */
} text_list_writer;
VV_CHECKED varve_status text_list_write(text_list_writer *w, uint32_t term, varve_error *err);
void text_list_writer_done(text_list_writer *w);
/* Where a path's lengths are in an image that is being written (it may move as it grows). */
text_lengths text_builder_lengths(const text_list_writer *w, uint32_t path);

/* Every block's bound: see IMPACT in text_format.h. */
typedef struct text_impact {
    uint16_t length_min[256]; /* per tf up to tf_max */
    unsigned tf_max;
    uint8_t path_tf;
    uint16_t path_length;
} text_impact;
void text_impact_init(text_impact *i);
void text_impact_add(text_impact *i, uint32_t tf, uint32_t length);
void text_impact_add_path(text_impact *i, uint32_t tf, uint32_t length);
void text_impact_merge(text_impact *i, const uint8_t *written);
void text_impact_write(const text_impact *i, double average_length, uint8_t *ret);

/* ---- open ----------------------------------------------------------------------------------- */

typedef struct text_path {
    varve_text name;
    uint64_t lengths_at, tokens;
    uint32_t rows;
    uint8_t flags, width;
} text_path;

struct text_index {
    field_image image;
    text_options options;
    uint32_t rows, path_count, term_count, block_count;
    uint8_t total_width;
    uint64_t tokens, lengths_at, postings_at, terms_at;
    uint64_t postings_bytes, terms_bytes;
    text_path *paths;
    const uint8_t *blocks; /* the term index */
};

/* Where the list of a term is. */
typedef struct text_entry {
    uint32_t rows;
    uint64_t at, bytes; /* of the image; POSTINGS_PADDING bytes follow */
} text_entry;
/* rows 0: no row has it. */
VV_CHECKED varve_status text_index_find(const text_index *x, varve_text term, text_entry *ret,
                                        varve_error *err);
/* All terms with a prefix, in order. */
typedef varve_status text_term_visit(void *context, varve_text term, const text_entry *entry,
                                     varve_error *err);
VV_CHECKED varve_status text_index_walk(const text_index *x, varve_text prefix,
                                        text_term_visit *visit, void *context, varve_error *err);
VV_CHECKED varve_status text_index_lengths(const text_index *x, uint32_t path, text_lengths *ret,
                                           varve_error *err); /* POSTINGS_NONE: of all paths */
/* The path of this name as text_walk spells it; POSTINGS_NONE: none. */
uint32_t text_index_path(const text_index *x, varve_text spelled);

#endif
