/* columns_build.h — inner to field/columns_*: what a builder holds per path until it is finished.
 * Ownership  the builder owns all of it. Threads  one at a time. */
#ifndef VARVE_FIELD_COLUMNS_BUILD_H
#define VARVE_FIELD_COLUMNS_BUILD_H

#include "field/columns.h"
#include "field/columns_format.h"

#define COLUMN_NONE UINT32_MAX

typedef struct build_list { /* of elements whose size the user knows */
    void *data;
    uint32_t count, capacity;
} build_list;

typedef struct build_number {
    uint64_t key;
    uint32_t slot;
    uint32_t residual;
} build_number;
typedef struct build_pair {
    uint32_t text, slot;
} build_pair;
typedef struct build_text {
    uint32_t offset;
    uint16_t len;
    bool own; /* cut, with an instant of its own: other texts with this beginning are not it */
} build_text;
typedef struct build_point {
    double lon, lat;
    uint32_t slot;
} build_point;

typedef struct build_column {
    uint32_t parent, depth, chain_bytes;
    uint8_t step; /* COLUMNS_STEP_KEY, _EACH; the root: 0 */
    varve_text key;
    uint32_t each;          /* the column of what lies in arrays; 0: none yet */
    uint32_t first, behind; /* guesses: the first member of its objects; the member that follows */
    build_list kinds[COLUMN_KINDS]; /* uint32_t slots; not of numbers and texts */
    build_list numbers;             /* build_number, in order of slots */
    build_list pairs;               /* build_pair, in order of slots */
    build_list texts;               /* build_text: the dictionary, in order of coming */
    build_list bytes;               /* char: of the texts */
    build_list table;               /* uint32_t: text + 1, by hash; capacity a power of two */
    build_list instants;            /* build_number of longer texts, with the text as slot */
    build_list lengths;             /* build_number */
    build_list points;              /* build_point */
} build_column;

struct columns_builder {
    uint32_t rows;
    bool incomplete;
    build_list columns;  /* build_column; the first is the row itself and is not written */
    build_list children; /* uint32_t: column + 1, by hash of parent and key */
    uint64_t bytes;
    buffer scratch;
};

/* Room for more elements. */
VV_CHECKED varve_status build_reserve(columns_builder *b, build_list *list, size_t size,
                                      uint64_t more, varve_error *err);
/* File v (no array, no object) under column c for the slot that is being added. */
VV_CHECKED varve_status build_add_value(columns_builder *b, build_column *c, const value *v,
                                        varve_error *err);
VV_CHECKED varve_status build_add_kind(columns_builder *b, build_column *c, column_kind kind,
                                       varve_error *err);
VV_CHECKED varve_status build_add_length(columns_builder *b, build_column *c, uint32_t length,
                                         varve_error *err);
VV_CHECKED varve_status build_add_point(columns_builder *b, build_column *c, const value *lon,
                                        const value *lat, varve_error *err);

/* ---- writing ------------------------------------------------------------------------------- */

/* The bits of the slots of numbers, of plain texts and of date-times; *instants: of the last, as
 * numbers, to be freed by the caller also after an error. */
void build_number_bits(const build_list *numbers, uint64_t *bits);
VV_CHECKED varve_status build_text_bits(const build_column *c, uint64_t *plain, uint64_t *dated,
                                        build_list *instants, varve_error *err);

/* Append a table; *ret: its distinct values. Numbers are sorted in place. */
VV_CHECKED varve_status build_write_numbers(build_list *numbers, uint32_t rows, buffer *out,
                                            uint32_t *ret, varve_error *err);
VV_CHECKED varve_status build_write_texts(const build_column *c, uint32_t rows, buffer *out,
                                          uint32_t *ret, varve_error *err);

/* The slots of sorted values: value i has slots[starts[i]] .. slots[starts[i + 1]], ascending. */
typedef struct build_postings {
    const uint32_t *starts, *slots;
    uint32_t values, rows;
} build_postings;
VV_CHECKED varve_status build_write_table(const build_postings *p, const buffer *keys,
                                          unsigned flags, buffer *out, varve_error *err);

#endif
