/* facets_inner.h — inner to query/facets*: counts of values in the making. */
#ifndef VARVE_QUERY_FACETS_INNER_H
#define VARVE_QUERY_FACETS_INNER_H

#include "base/hashmap.h"
#include "query/path_columns.h"

typedef struct facet {
    varve_text json;
    value v; /* texts are in the arena */
    uint64_t rows, last_row;
} facet;

struct varve_facets {
    size_t count;
    arena memory; /* of the texts */
    facet *facets;
    uint64_t postings, rows_read;
};

typedef struct counting {
    const query_input *in;
    const query_clock *clock;
    varve_facets *out;
    size_t room;
    hashmap by_json; /* facet + 1 */
    path path;
    buffer scratch, json;
    uint64_t row;   /* in hand, from 1 */
    bool long_only; /* of the row in hand: what columns have was counted */
    varve_status status;
    varve_error *err;
} counting;

/* The facet of a value that is one, made if need be. */
VV_CHECKED varve_status facet_of(counting *c, const value *v, facet **ret, varve_error *err);
/* The values of the row in hand; all of them, or of texts those beyond COLUMN_KEYWORD_BYTES. */
VV_CHECKED varve_status facets_count_row(counting *c, const row_stretch *s, uint32_t slot,
                                         bool long_only, varve_error *err);
/* facets_columns.c: a stretch by its columns. *ret_done false: they cannot, or not as cheaply. */
VV_CHECKED varve_status facets_by_columns(counting *c, const row_stretch *s, bool *ret_done,
                                          varve_error *err);

#endif
