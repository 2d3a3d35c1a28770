/* order_inner.h — inner to query/order*: rows in the making of an order. */
#ifndef VARVE_QUERY_ORDER_INNER_H
#define VARVE_QUERY_ORDER_INNER_H

#include "query/order.h"
#include "query/path_columns.h"

typedef struct ordering {
    const view *v;
    const order_request *request;
    const query_clock *clock;
    path path;
    arena memory;
    buffer scratch;
    bool starts;
    order_value start;
    ordered_row *rows;
    size_t count, room, most;
    bool bounded; /* there are enough rows, none worse than this: */
    order_value worst;
    uint64_t postings, rows_read;
    /* the row in hand */
    bool found;
    order_value value;
} ordering;

/* Of a number. */
double order_about(const value *v);
/* <0: a comes before b in the direction asked for. */
int order_compare(const ordering *o, const order_value *a, const order_value *b);
/* A row with its value. */
VV_CHECKED varve_status order_add(ordering *o, row_place place, const order_value *value,
                                  varve_error *err);
/* order_columns.c: the rows of a stretch by its columns, from the first value in the direction on,
 * as far as is needed. *ret_done false: columns cannot, or not as cheaply as a look at the rows. */
VV_CHECKED varve_status order_by_columns(ordering *o, const row_stretch *s, bool *ret_done,
                                         varve_error *err);

#endif
