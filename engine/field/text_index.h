/* text_index.h — the inverted index of the texts in a stretch of rows (a segment, or a part of a
 * memtable), and BM25 over it. All strings of the fields are indexed, those inside arrays and
 * objects too, each under its path (keys without array positions). One immutable image of bytes,
 * a section of the segment file.
 *
 * A key with dots counts as the chain of its parts: {"a.b": t} and {"a": {"b": t}} are the same
 * path, and a row that has both has both texts under it.
 *
 *   score(row) = sum over distinct query tokens t, times their count in the query, of
 *                idf(t) * tf * (k1 + 1) / (tf + k1 * (1 - b + b * length / average length))
 *   idf(t)     = ln(1 + (N - df + 0.5) / (df + 0.5))
 *   tf, length, df over the fields asked for (all: every text of the row): tokens are counted
 *   together, as if the texts were one; N, df and the average are those of the live rows of the
 *   collection, not of one stretch: gathered first (text_stats), then scored. N counts all live
 *   rows; the average length is over them, too.
 *
 * Search goes by windows of rows: essential terms add into an accumulator of the window, others are
 * only looked up where the row can still be among the best (MaxScore: Turtle & Flood 1995), with
 * the largest contribution of each block of postings as its bound. Rank-safe: the same hits and
 * scores as scoring every row. Contributions are added as integers (a power of two per query times
 * their value), so that a score does not depend on the order of its terms, nor on whether the row
 * has an index: equal rows have equal scores, and ties are ties.
 *
 * Ownership  an open index borrows the image's bytes: what its get() hands out must stay as long as
 *            the image does. Threads, Errors: as columns.h; what a time_limit answers. */
#ifndef VARVE_FIELD_TEXT_INDEX_H
#define VARVE_FIELD_TEXT_INDEX_H

#include "base/time_limit.h"
#include "base/topk.h"
#include "field/analyzer.h"
#include "field/columns.h"

#define TEXT_INDEX_VERSION 1
#define TEXT_TERMS_MAX     1024 /* distinct tokens of a query */
#define TEXT_PATHS_MAX     1024 /* further paths are indexed under no name: for all fields only */

typedef struct text_builder text_builder;
VV_CHECKED varve_status text_builder_new(const text_options *options, text_builder **ret,
                                         varve_error *err);
void text_builder_free(text_builder *b);
/* The minified fields of the next slot; "" for none. VARVE_CORRUPT if they are malformed,
 * VARVE_LIMIT for more than 4 GiB of memory: cut the stretch before that. After an error the
 * builder can only be freed. */
VV_CHECKED varve_status text_builder_add(text_builder *b, varve_text fields, varve_error *err);
uint64_t text_builder_bytes(const text_builder *b); /* memory held now */
/* Append the image to out. The builder can only be freed then. */
VV_CHECKED varve_status text_builder_finish(text_builder *b, buffer *out, varve_error *err);

typedef struct text_index text_index;
VV_CHECKED varve_status text_index_open(const field_image *image, uint32_t rows, text_index **ret,
                                        varve_error *err);
void text_index_free(text_index *x);
const text_options *text_index_options(const text_index *x);

/* A query: distinct tokens with their counts, the fields to look at, and, once gathered, what the
 * collection says of them. */
typedef struct text_query {
    size_t term_count;
    varve_text *terms;
    uint32_t *counts;        /* in the query */
    const varve_text *paths; /* as the index spells them; NULL: all */
    size_t path_count;
    double k1, b; /* 1.2 and 0.75 by default */
    /* Gathered over all stretches by text_stats_add: */
    uint64_t rows;       /* live ones, N */
    double length_total; /* tokens of all live rows in these fields */
    uint64_t *df;        /* live rows with the term, per term */
    arena *memory;       /* of terms, counts, df */
} text_query;
/* Tokens of text by the analyzer of these options; statistics zero, k1 1.2, b 0.75. Everything from
 * the arena. VARVE_INVALID for a path that is none, VARVE_LIMIT for too many terms. A path names
 * the texts at its keys, brackets are passed over: "a[0].b" is a.b. */
VV_CHECKED varve_status text_query_init(text_query *q, varve_text text, const text_options *options,
                                        const varve_text *paths, size_t path_count, arena *memory,
                                        varve_error *err);
/* Add what a stretch says, of the rows that are live (bitmap; NULL: all, which reads no postings).
 * limit NULL: none. */
VV_CHECKED varve_status text_stats_add(text_query *q, const text_index *x, const uint64_t *live,
                                       const time_limit *limit, varve_error *err);
/* The same of one row without an index. */
VV_CHECKED varve_status text_stats_add_row(text_query *q, analyzer *a, varve_text fields,
                                           varve_error *err);

/* The best rows of a stretch among `allowed` (bitmap; NULL: all), into best (slots offset by
 * first_slot; key = -score, so that the smallest is best; ties by slot). Rows without any term are
 * not hits. limit NULL: none. work: postings looked at. */
VV_CHECKED varve_status text_search(const text_query *q, const text_index *x,
                                    const uint64_t *allowed, uint64_t first_slot, topk *best,
                                    const time_limit *limit, uint64_t *work, varve_error *err);
/* The score of one row without an index; 0: none of the terms. */
VV_CHECKED varve_status text_score_row(const text_query *q, analyzer *a, varve_text fields,
                                       double *ret, varve_error *err);

/* Rows that have the tokens (all, any, as a phrase; the last as a prefix) in one text of a path:
 * the bitmap of all rows is overwritten. path_text without data: any path. *ret_exact false: a
 * superset; look at the rows. Positions are not kept, so of a phrase it always is one: *ret_exact
 * then says that some text there has all the tokens. For filter/. */
VV_CHECKED varve_status text_index_match(const text_index *x, varve_text path_text,
                                         const varve_text *terms, size_t term_count, bool any,
                                         bool last_prefix, uint64_t *ret, bool *ret_exact,
                                         varve_error *err);
/* Make the index again of these rows, and hold it against the image byte by byte. It takes the
 * memory of a builder. get: the minified fields of a slot. */
VV_CHECKED varve_status text_index_check(const text_index *x,
                                         varve_status (*get)(void *context, uint32_t slot,
                                                             varve_text *ret, varve_error *err),
                                         void *context, varve_error *err);

#endif
