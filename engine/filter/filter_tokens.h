/* filter_tokens.h — TOKENS against a text, token by token: what the analyzer makes of a pattern,
 * kept for many rows.
 *
 * Ownership  filter_tokens_new() returns what filter_tokens_free() ends; it borrows the filter.
 * Threads    one at a time per object.
 * Errors     those of the analyzer; VARVE_NO_MEMORY. */
#ifndef VARVE_FILTER_TOKENS_H
#define VARVE_FILTER_TOKENS_H

#include "field/analyzer.h"
#include "filter/filter.h"

typedef struct filter_tokens filter_tokens;

/* options: of the collection's texts. *ret is NULL when no condition of the filter is TOKENS. */
VV_CHECKED varve_status filter_tokens_new(const filter *f, const text_options *options,
                                          filter_tokens **ret, varve_error *err);
void filter_tokens_free(filter_tokens *t);
void filter_tokens_freep(filter_tokens **t);
/* Does the text have the tokens of this node's pattern? A pattern without any matches no text. A
 * phrase is its tokens at the same distances, stop words counted. */
VV_CHECKED varve_status filter_tokens_match(filter_tokens *t, const filter_node *leaf,
                                            varve_text text, bool *ret, varve_error *err);

#endif
