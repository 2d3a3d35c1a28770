/* query_input.h — what a query works on, of one collection at one moment.
 *
 * Ownership  collection_input_done() releases the views.
 * Threads    any number of queries at once, each with an input of its own.
 * Errors     those of loading a collection. */
#ifndef VARVE_DB_QUERY_INPUT_H
#define VARVE_DB_QUERY_INPUT_H

#include "db/vector_fields.h"
#include "query/query.h"

typedef struct collection_input {
    query_input in;
    view *v;           /* a reference, when the named fields were not asked for */
    field_views views; /* else these */
    query_field *fields;
} collection_input;

/* with_fields false: the named fields are not looked at, and not there. */
VV_CHECKED varve_status collection_input_init(varve_collection *c, bool with_fields,
                                              collection_input *ret, varve_error *err);
void collection_input_done(collection_input *i); /* copes with zeros */

#endif
