/* stretches.h — inside query/: the parts of a view's sources (view.h, source_part) one after the
 * other, each with the rows of it that are visible; for legs that ask the indexes over fields.
 *
 * Ownership  stretches_done() frees; the words live until the next call.
 * Threads    one at a time.
 * Errors     VARVE_NO_MEMORY, and those of opening a part. */
#ifndef VARVE_QUERY_STRETCHES_H
#define VARVE_QUERY_STRETCHES_H

#include "query/best.h"

typedef struct stretch {
    size_t source;
    const row_source *rows;
    source_part part;
    const uint64_t *visible; /* a bit per row of the part; NULL: all of them are */
    uint64_t visible_count;  /* 0: there is nothing to look at */
} stretch;

typedef struct stretches {
    const view *v;
    size_t source, part; /* that come next */
    uint64_t *words;
    size_t room;
} stretches;

void stretches_init(stretches *s, const view *v);
void stretches_done(stretches *s);
/* *ret_more false: there is none left. */
VV_CHECKED varve_status stretches_next(stretches *s, stretch *ret, bool *ret_more,
                                       varve_error *err);
/* Visible rows of a stretch, one by one: slots count from its first; false at its end. *at begins
 * as 0. */
bool stretch_next_row(const stretch *s, uint32_t *at, uint32_t *ret_slot);

/* Search an index for its best rows, with room for `keep` of them: into best (topk.h). */
typedef struct stretch_search {
    varve_status (*run)(void *context, const stretch *s, topk *best, varve_error *err);
    void *context;
} stretch_search;
/* The best rows of a stretch into `best`. An index decides ties by slot, so it is asked for more
 * until the rows that tie with the last that is wanted are all there. */
VV_CHECKED varve_status stretch_best(const stretch *s, const stretch_search *search,
                                     best_rows *best, varve_error *err);

#endif
