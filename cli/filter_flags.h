/* filter_flags.h — a filter on the command line: --where TEXT with --param name=value, or --filter
 * JSON (docs/filters.md).
 *
 * Ownership  texts are borrowed from the command line; filter_flags_done() frees the values.
 * Threads    one at a time. */
#ifndef CLI_FILTER_FLAGS_H
#define CLI_FILTER_FLAGS_H

#include "place.h"

#include <jansson.h>

typedef struct filter_flags {
    const char *where, *filter; /* NULL: not given */
    json_t *params;             /* an object; NULL: none */
} filter_flags;

#define FILTER_FLAGS                                                                               \
    {"where", FLAG_WHERE, "TEXT", "only rows that match, such as \"year >= :y AND tag = 'a'\""},   \
        {"param", FLAG_PARAM, "N=V", "the value of :N in --where; may come several times"},        \
    {                                                                                              \
        "filter", FLAG_FILTER, "JSON", "the same in Qdrant's grammar: {\"must\":[...]}"            \
    }

/* Take a flag of the above; false when it is another. *ret_code is the exit code so far. */
bool filter_flag(filter_flags *f, const verb *v, int key, const char *value, int *ret_code);
int filter_flags_check(const filter_flags *f, const verb *v);
/* A command line with these flags and those of a place alone: both are read and checked. The exit
 * code. */
int filter_flags_read(filter_flags *f, const verb *v, int argc, char **argv, place *at);
bool filter_flags_given(const filter_flags *f);
/* NULL when none is given; varve_filter_free() it. */
VV_CHECKED varve_status filter_flags_make(const filter_flags *f, varve_filter **ret,
                                          varve_error *err);
/* Into the body of a request. */
VV_CHECKED varve_status filter_flags_to_body(const filter_flags *f, json_t *body, varve_error *err);
void filter_flags_done(filter_flags *f); /* also fits VV_CLEANUP */
void filter_flags_freep(varve_filter **filter);

#endif
