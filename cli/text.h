/* text.h — words of the command line and of JSON into values. Stateless.
 * Errors  the bool functions are false for text that is not wholly such a value. */
#ifndef CLI_TEXT_H
#define CLI_TEXT_H

#include "base/buffer.h"

bool text_to_u64(const char *text, size_t len, uint64_t *ret); /* decimal digits only */
bool text_to_double(const char *text, double *ret);            /* finite */
bool text_to_dtype(const char *text, varve_dtype *ret);        /* "float16" */
bool text_to_metric(const char *text, varve_metric *ret);      /* "l2" */

/* An id as typed: digits are an integer id; anything else is a string id, which may be written in
 * double quotes ('"17"' is the string 17). false for the empty string. ret borrows from text. */
bool text_to_id(const char *text, varve_id *ret);
/* The other way: 17, "a" (a JSON string). */
VV_CHECKED varve_status text_add_id(buffer *out, varve_id id, varve_error *err);

/* "[0.5, 1]" to floats; free() them. */
VV_CHECKED varve_status text_to_vector(const char *text, float **ret_vector, size_t *ret_dim,
                                       varve_error *err);
/* A JSON string with its quotes, decoded and appended. */
VV_CHECKED varve_status text_unescape(varve_text quoted, buffer *out, varve_error *err);

#endif
