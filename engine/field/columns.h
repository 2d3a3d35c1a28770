/* columns.h — the field indexes of a stretch of rows (a segment, or a part of a memtable): per
 * path, which rows have which values. Built without being asked, types inferred per value, kinds
 * kept apart. One immutable image of bytes, a section of the segment file.
 *
 * A column is what a chain of keys and "each element" leads to: in {"a": [{"b": 1}]} there are
 * columns a, a[] and a[].b. A member with dots in its name is a key like any other. Per column:
 *   kinds      the slots that have a null, true, false, number, plain text, text that is a
 *              date-time, array, empty array, object there
 *   numbers    distinct numbers by exact value, sorted, with slots
 *   keywords   distinct texts, sorted, with ascending slots of each; longer ones than
 *              COLUMN_KEYWORD_BYTES are filed by their beginning, and have to be looked at
 *   instants   distinct instants of the texts that are date-times, beside their keywords
 *   lengths    of arrays, distinct, with slots
 *   points     of objects with numbers lon and lat: slot, lon, lat
 * Bytes: columns_format.h.
 *
 * Source     Roaring's choice of containers (Chambi et al. 2016) for lists against bitmaps; front
 *            coding of sorted texts (Witten, Moffat, Bell, Managing Gigabytes).
 * Ownership  columns borrow the bytes they are opened over, through `image`; what that hands out
 *            must stay as long as they do.
 * Threads    a builder belongs to one thread; open columns may be read by any.
 * Errors     VARVE_CORRUPT for an image that does not hold what it says (every offset and count is
 *            checked before use), and for fields that are not minified JSON; VARVE_LIMIT memory. */
#ifndef VARVE_FIELD_COLUMNS_H
#define VARVE_FIELD_COLUMNS_H

#include "base/buffer.h"
#include "record/path.h"

#define COLUMNS_VERSION      1
#define COLUMNS_PATHS_MAX    1024 /* further paths get no column: rows are looked at */
#define COLUMN_KEYWORD_BYTES 256

/* ---- building ------------------------------------------------------------------------------ */

typedef struct columns_builder columns_builder;
VV_CHECKED varve_status columns_builder_new(columns_builder **ret, varve_error *err);
void columns_builder_free(columns_builder *b);
/* The minified fields of the next slot; absent ones are {}. After an error the builder can only be
 * freed. */
VV_CHECKED varve_status columns_builder_add(columns_builder *b, varve_text fields,
                                            varve_error *err);
uint64_t columns_builder_bytes(const columns_builder *b); /* memory held now */
/* Append the image to out. The builder can only be freed then. */
VV_CHECKED varve_status columns_builder_finish(columns_builder *b, buffer *out, varve_error *err);

/* ---- opening ------------------------------------------------------------------------------- */

/* Bytes [offset, offset + len) of an image, verified against their checksums; any thread. */
typedef struct field_image {
    uint64_t size;
    varve_status (*get)(void *context, uint64_t offset, uint64_t len, const uint8_t **ret,
                        varve_error *err);
    void *context;
} field_image;

typedef struct columns columns;
VV_CHECKED varve_status columns_open(const field_image *image, uint32_t rows, columns **ret,
                                     varve_error *err);
void columns_free(columns *c);
/* Read everything and hold it against these rows: what is filed is there, what is there is filed.
 * (The rows are filed anew, which needs the memory of a builder, and the images compared.)
 * get: the minified fields of a slot. */
VV_CHECKED varve_status columns_check(const columns *c,
                                      varve_status (*get)(void *context, uint32_t slot,
                                                          varve_text *ret, varve_error *err),
                                      void *context, varve_error *err);

/* ---- reading, for filter/ ------------------------------------------------------------------ */

typedef enum column_kind {
    COLUMN_NULL,
    COLUMN_FALSE,
    COLUMN_TRUE,
    COLUMN_NUMBER,
    COLUMN_PLAIN,    /* a text that is no date-time */
    COLUMN_DATETIME, /* a text that is one */
    COLUMN_ARRAY,    /* of any length */
    COLUMN_EMPTY,    /* of length 0 */
    COLUMN_OBJECT,
    COLUMN_KINDS
} column_kind;

typedef enum column_table {
    COLUMN_NUMBERS,
    COLUMN_KEYWORDS,
    COLUMN_INSTANTS,
    COLUMN_LENGTHS,
    COLUMN_TABLES
} column_table;

typedef struct column_part { /* count 0: there is none */
    uint64_t offset, size;
    uint32_t count; /* slots of a kind, distinct values of a table, points */
    uint8_t encoding, width;
} column_part;

typedef struct column { /* borrows from its columns */
    const columns *columns;
    bool single; /* no slot has more than one value */
    column_part kinds[COLUMN_KINDS], tables[COLUMN_TABLES], points;
} column;

uint32_t columns_rows(const columns *c);
/* There were more paths than have columns: what has none may be there all the same. */
bool columns_incomplete(const columns *c);
/* The column of these steps (keys and PATH_EACH). false: no row has anything there, unless the
 * columns are incomplete. */
VV_CHECKED varve_status column_find(const columns *c, const path_step *steps, size_t count,
                                    column *ret, bool *ret_found, varve_error *err);

/* All that follow OR slots into bits (one per row) and add what they read to *postings. */
VV_CHECKED varve_status column_or_kind(const column *c, column_kind kind, uint64_t *bits,
                                       uint64_t *postings, varve_error *err);

/* Distinct values [first, end) of a table. */
typedef struct column_run {
    uint32_t first, end;
} column_run;
VV_CHECKED varve_status column_or_run(const column *c, column_table table, column_run run,
                                      uint64_t *bits, uint64_t *postings, varve_error *err);

/* Keys in the order of values. */
typedef struct column_key {
    uint64_t key;
    uint32_t residual;
} column_key;
column_key column_key_number(const value *number);
column_key column_key_instant(int64_t microseconds);
/* Back again: an integer where the number is one of int64 or uint64, else a double. */
value column_number_of_key(column_key key);
int64_t column_instant_of_key(column_key key);

typedef enum column_seek_to {
    COLUMN_AT,           /* the first value that is not below */
    COLUMN_BEHIND,       /* the first value that is above */
    COLUMN_BEHIND_PREFIX /* texts: the first above all that begin so */
} column_seek_to;
/* Where in a table of numbers, instants or lengths. */
VV_CHECKED varve_status column_seek(const column *c, column_table table, column_key key,
                                    column_seek_to to, uint32_t *ret, varve_error *err);
/* Where among the keywords. Texts beyond COLUMN_KEYWORD_BYTES are there with the first byte past
 * it as their last: column_keyword_is_cut. */
VV_CHECKED varve_status column_seek_keyword(const column *c, varve_text text, column_seek_to to,
                                            uint32_t *ret, varve_error *err);
static inline bool column_keyword_is_cut(varve_text keyword)
{
    return keyword.len > COLUMN_KEYWORD_BYTES;
}
/* Visit keywords [first, end) in order; the visitor's text lives during its call. */
typedef varve_status column_visit_keyword(void *context, uint32_t index, varve_text keyword,
                                          varve_error *err);
VV_CHECKED varve_status column_walk_keywords(const column *c, column_run run,
                                             column_visit_keyword *visit, void *context,
                                             varve_error *err);
/* Visit all points, in order of slots. */
typedef varve_status column_visit_point(void *context, uint32_t slot, double lon, double lat,
                                        varve_error *err);
VV_CHECKED varve_status column_walk_points(const column *c, column_visit_point *visit,
                                           void *context, uint64_t *postings, varve_error *err);
/* A table read value by value, in any order: for a look at a few of many values. */
typedef struct column_cursor column_cursor;
VV_CHECKED varve_status column_cursor_new(const column *c, column_table table, column_cursor **ret,
                                          varve_error *err);
void column_cursor_free(column_cursor *x);
uint64_t column_cursor_postings(const column_cursor *x); /* read so far */
/* The key of value i; not of keywords. */
VV_CHECKED varve_status column_cursor_key(const column_cursor *x, uint32_t i, column_key *ret,
                                          varve_error *err);
/* Visit the slots of value i, ascending. */
typedef varve_status column_visit_slot(void *context, uint32_t slot, varve_error *err);
VV_CHECKED varve_status column_cursor_slots(column_cursor *x, uint32_t i, column_visit_slot *visit,
                                            void *context, varve_error *err);
/* How many of its slots are in these bits (one per row). */
VV_CHECKED varve_status column_cursor_count(column_cursor *x, uint32_t i, const uint64_t *bits,
                                            uint64_t *ret, varve_error *err);

/* Slots of a run, those of several of its values counted as often: without reading postings. */
VV_CHECKED varve_status column_run_slots(const column *c, column_table table, column_run run,
                                         uint64_t *ret, varve_error *err);

#endif
