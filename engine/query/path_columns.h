/* path_columns.h — inside query/: rows in the stretches that have images of their own (view.h,
 * source_part), and the columns of a stretch (field/columns.h) that hold all values of a path
 * there, so that orders and facets need not read the rows.
 *
 * Columns answer where the path has keys and [] alone, no row has a flat member with the name of
 * its keys, and none of the values may lie where there is no column.
 *
 * Ownership  everything is borrowed from the view.   Threads  any.
 * Errors     those of columns. */
#ifndef VARVE_QUERY_PATH_COLUMNS_H
#define VARVE_QUERY_PATH_COLUMNS_H

#include "query/rows.h"

/* A posting costs so much less than a row that is read. */
#define ROW_COST 8

typedef struct path_columns {
    bool there, each_there;
    column at;   /* the values of the path */
    column each; /* the elements of those that are arrays */
} path_columns;

/* *ret_usable false: the rows have to be looked at. */
VV_CHECKED varve_status path_columns_find(const columns *c, const path *p, path_columns *ret,
                                          bool *ret_usable, varve_error *err);

/* The rows of one stretch that are wanted. */
typedef struct row_stretch {
    const row_source *from;
    size_t source;
    source_part part;
    const uint64_t *wanted; /* a bit per row of the part */
    uint64_t count;         /* of them */
} row_stretch;
/* Part i of a source. */
VV_CHECKED varve_status row_stretch_get(const row_bits *rows, size_t source, size_t i,
                                        row_stretch *ret, varve_error *err);
/* The next wanted row at or after *slot, which counts from the first of the part; false: none. */
bool row_stretch_next(const row_stretch *s, uint32_t *slot);

#endif
