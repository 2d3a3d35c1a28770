/* order.h — inside query/: rows in the order of the values at a path: numbers by exact value, then
 * date-times by instant; rows with neither are left out. Of several values (an array is looked
 * into) the first in the direction of the order counts. Ties by id, ascending.
 *
 * Ownership  ordered_rows_done() frees; ids are borrowed from the view.
 * Threads    one at a time.
 * Errors     VARVE_INVALID for what is no path, or no number or date-time to start from. */
#ifndef VARVE_QUERY_ORDER_H
#define VARVE_QUERY_ORDER_H

#include "query/collector.h"
#include "query/rows.h"

typedef struct order_value {
    bool instant;   /* else a number */
    column_key key; /* field/columns.h */
    double about;   /* the number, or seconds since 1970 */
} order_value;

typedef struct ordered_row {
    order_value value;
    row_place place;
    const uint8_t *id_key;
    size_t id_key_len;
} ordered_row;

typedef struct order_request {
    const char *path;
    bool descending;
    varve_text start_from; /* JSON; absent: from the first */
    size_t keep;
    bool by_rows; /* without columns: for tests and comparisons */
} order_request;

typedef struct ordered_rows {
    ordered_row *rows;
    size_t count;
    uint64_t postings, rows_read; /* what it took: of columns, and rows whose fields were read */
} ordered_rows;
void ordered_rows_done(ordered_rows *r);
/* Of the rows of a set. */
VV_CHECKED varve_status order_rows(const row_bits *rows, const order_request *request,
                                   const query_clock *clock, ordered_rows *ret, varve_error *err);

#endif
