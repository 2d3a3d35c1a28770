/* text_set.h — texts to measure with: the bundled package descriptions and queries.
 * Ownership  text_set_done() frees. Threads  read-only once made. */
#ifndef BENCH_TEXT_SET_H
#define BENCH_TEXT_SET_H

#include "bench.h"

typedef struct text_set {
    char **rows;  /* minified objects: {"text": …}, or the package as it is */
    char **plain; /* the text in them that is searched, for peers */
    size_t count, room;
    char **queries; /* plain text */
    size_t query_count;
} text_set;

/* words 0: the bundled texts as they are, at most `rows`. Else that many rows, each of so many
 * words in a row, cut out of all the bundled text at random places, so that no two are alike. */
VV_CHECKED varve_status text_set_load(const bench_options *o, size_t rows, size_t words,
                                      text_set *ret, varve_error *err);
/* The bundled packages with all their fields; only texts at `field` are searched, NULL: all. */
VV_CHECKED varve_status text_set_load_fields(const char *field, text_set *ret, varve_error *err);
void text_set_done(text_set *s);

#endif
