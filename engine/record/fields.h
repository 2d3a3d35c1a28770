/* fields.h — the fields of a row: one JSON object, kept as minified text; digits and key order stay
 * as they came. Errors  those of json_minify_object, with "fields[7]: " before them. */
#ifndef VARVE_RECORD_FIELDS_H
#define VARVE_RECORD_FIELDS_H

#include "base/buffer.h"
#include "base/json.h"

/* Check and append the minified object. Absent text appends nothing. */
VV_CHECKED varve_status fields_check(varve_text text, const json_limits *limits, size_t row,
                                     buffer *out, varve_error *err);
/* old with the top-level members of change set (or, for fields_without, removed); both minified;
 * appended to out. */
VV_CHECKED varve_status fields_merge(varve_text old, varve_text change, buffer *out,
                                     varve_error *err);
VV_CHECKED varve_status fields_without(varve_text old, varve_text keys, buffer *out,
                                       varve_error *err);

#endif
