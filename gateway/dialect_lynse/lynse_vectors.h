/* lynse_vectors.h — vectors in a JSON body, as one block of floats. Only the body's own "vector"
 * and "vectors" are read so; inside stored fields these names are the user's.
 *
 * Ownership  a matrix borrows from the document.
 * Threads    one at a time. */
#ifndef LYNSE_VECTORS_H
#define LYNSE_VECTORS_H

#include "base/json.h"
#include "base/status.h"

typedef struct lynse_matrix {
    const float *values;
    size_t rows, dim;  /* dim: of the first row */
    bool ragged;       /* rows differ in length: values are then not to be used */
    size_t ragged_row; /* the first that differs */
} lynse_matrix;

/* Parse a body or a line; bytes_max bounds the bytes of the vectors in it. */
VV_CHECKED varve_status lynse_parse(char *text, size_t len, uint64_t bytes_max, json_document *ret,
                                    varve_error *err);

/* The same without lifting: for routes where these names hold something else. */
VV_CHECKED varve_status lynse_parse_plain(char *text, size_t len, json_document *ret,
                                          varve_error *err);

/* The vectors under a key: [..] when !nested, [[..], ..] when nested. VARVE_INVALID when there are
 * none, or not in this form. */
VV_CHECKED varve_status lynse_matrix_read(const json_document *d, const char *key, bool nested,
                                          lynse_matrix *ret, varve_error *err);

/* Is it an array of arrays? */
bool lynse_is_nested(const json_document *d, const char *key);

#endif
