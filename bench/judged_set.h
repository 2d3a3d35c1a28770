/* judged_set.h — the bundled packages as rows, and known-item queries over them: each expects one
 * row. Titles are the first words of that row's summary, paraphrases were written by hand; see
 * data/README.md.
 * Ownership  judged_set_done() frees. Threads  read-only once made. */
#ifndef BENCH_JUDGED_SET_H
#define BENCH_JUDGED_SET_H

#include "bench.h"

#define JUDGED_DIM 384

typedef enum judged_kind { JUDGED_TITLE, JUDGED_PARAPHRASE } judged_kind;

typedef struct judged_query {
    judged_kind kind;
    char *text;
    const uint8_t *vector; /* float16 */
    size_t expected;       /* row number */
} judged_query;

typedef struct judged_set {
    char **fields;       /* of each row: an object */
    char **names;        /* of each row's package */
    uint8_t *vectors[3]; /* of the rows, the titles, the hand-written queries; float16 */
    size_t count;
    judged_query *queries;
    size_t query_count;
} judged_set;

/* Titles first. */
VV_CHECKED varve_status judged_set_load(judged_set *ret, varve_error *err);
void judged_set_done(judged_set *s);

#endif
