/* columns_inner.h — inner to field/columns_*: open columns, and how their bytes are got.
 * Threads  any. Errors  VARVE_CORRUPT where bytes do not hold what was promised. */
#ifndef VARVE_FIELD_COLUMNS_INNER_H
#define VARVE_FIELD_COLUMNS_INNER_H

#include "field/columns.h"
#include "field/columns_pack.h"

typedef struct columns_entry { /* of the directory */
    varve_text chain;
    const uint8_t *parts;
    uint32_t part_count;
} columns_entry;

struct columns {
    field_image image;
    uint32_t rows, count;
    bool incomplete;
    columns_entry *entries; /* ascending by chain */
};

/* A part's bytes [at, at + len). */
VV_CHECKED varve_status part_bytes(const column *c, const column_part *part, uint64_t at,
                                   uint64_t len, const uint8_t **ret, varve_error *err);
VV_CHECKED varve_status columns_corrupt(const char *what, varve_error *err);
/* The parts of an entry. */
VV_CHECKED varve_status columns_entry_column(const columns *c, const columns_entry *entry,
                                             column *ret, varve_error *err);

/* Where things are in a table: offsets in its part. Checked: all of it lies in the part. */
typedef struct table_layout {
    const column_part *part;
    uint32_t values, sparse, dense;
    unsigned starts_width;
    bool unique, residuals;
    uint64_t keys, keys_size, starts, run, dense_list, bitmaps;
} table_layout;
VV_CHECKED varve_status table_open(const column *c, column_table table, table_layout *ret,
                                   varve_error *err);
/* Key i of a table of numbers. */
VV_CHECKED varve_status table_key(const column *c, const table_layout *t, uint32_t i,
                                  column_key *ret, varve_error *err);

/* The stretch of the run that belongs to some values. */
VV_CHECKED varve_status table_stretch(const column *c, const table_layout *t, column_run run,
                                      uint64_t *ret_first, uint64_t *ret_end, varve_error *err);
/* Where in the list of dense values (count of them) those from v on begin. */
uint32_t table_dense_from(const uint8_t *list, uint32_t count, uint32_t v);

/* A block of keywords: keyword `index` is the one that keyword_next() reads next. */
typedef struct keyword_block {
    const uint8_t *at, *end;
    uint32_t index, values;
    size_t len;
    char text[COLUMN_KEYWORD_BYTES + 1];
} keyword_block;
VV_CHECKED varve_status keyword_block_open(const column *c, const table_layout *t, uint32_t block,
                                           keyword_block *ret, varve_error *err);
VV_CHECKED varve_status keyword_next(keyword_block *b, varve_error *err);

#endif
