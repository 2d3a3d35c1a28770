/* search_order.h — what `varve search` was asked for, and the two places it asks: a folder
 * (search_folder.c) or a server (search_url.c).
 *
 * Ownership  texts are borrowed from the command line; search_done() frees what was read.
 * Threads    one at a time. */
#ifndef CLI_SEARCH_ORDER_H
#define CLI_SEARCH_ORDER_H

#include "filter_flags.h"
#include "out.h"
#include "place.h"

enum { SEARCH_TEXT_FIELDS_MAX = 16 };

typedef struct search {
    place at;
    const char *vector_text, *vector_file;
    uint64_t row;
    bool like, range, metric_given, fields, json, exact, explain;
    uint32_t breadth;     /* 0: by recall_target */
    double recall_target; /* 0: that of the folder or server */
    varve_id like_id;
    uint64_t k;
    double threshold;
    varve_metric metric;
    const char *field; /* of vectors; NULL: the primary one */
    const char *text;  /* NULL: no search by words */
    varve_text text_fields[SEARCH_TEXT_FIELDS_MAX];
    size_t text_field_count;
    json_t *sparse; /* {"indices": …, "values": …}; NULL: none */
    const char *sparse_field;
    const char *fusion; /* NULL: rrf */
    filter_flags filter;
    float *vector; /* once known */
    size_t dim;
} search;

void search_done(search *s); /* also fits VV_CLEANUP */
bool search_has_vector(const search *s);
/* Several legs, or one that is not a vector? */
bool search_is_query(const search *s);
/* One more than asked for when the row itself will be left out. */
uint64_t search_hits_to_ask(const search *s);
/* Print a hit unless it is the row itself, or one too many. */
VV_CHECKED varve_status search_show(const search *s, out *o, uint64_t *shown, const out_row *row,
                                    varve_error *err);

VV_CHECKED varve_status search_folder(search *s, out *o, varve_error *err);
VV_CHECKED varve_status search_url(search *s, out *o, varve_error *err);

#endif
