/* lynse_document.h — the text of a row, for a reranker: texts in its fields, one per line.
 * Threads  stateless. */
#ifndef LYNSE_DOCUMENT_H
#define LYNSE_DOCUMENT_H

#include "base/buffer.h"
#include "base/json.h"

/* Append it, cut behind bytes_max bytes at a whole character. paths: names of fields ("a", "a.b";
 * lists are looked into), in the order wanted; NULL: all fields. Nothing is appended when there is
 * no text. */
VV_CHECKED varve_status lynse_document(varve_text fields, const json_t *paths, size_t bytes_max,
                                       buffer *out, varve_error *err);

#endif
