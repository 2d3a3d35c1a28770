/* diff.h — what became of a database between two of its snapshots, by their manifests alone: no
 * object but these is read.
 *
 * A collection has changed if its digest or its settings have; where one of the two has no digest,
 * if its counts have or it has other segments. Collections are the same by their number, so that a
 * renamed or dropped and recreated one is seen as what it is.
 *
 * Ownership  diff_done() frees; names are borrowed from the manifests.
 * Threads    any number.
 * Errors     VARVE_NO_MEMORY. */
#ifndef VARVE_SNAPSHOT_DIFF_H
#define VARVE_SNAPSHOT_DIFF_H

#include "manifest.h"

typedef enum diff_kind { DIFF_ADDED, DIFF_DROPPED, DIFF_CHANGED, DIFF_SAME } diff_kind;

typedef struct diff_collection {
    diff_kind kind;
    const manifest_collection *before, *after; /* NULL: it is not there */
} diff_collection;

typedef struct diff {
    diff_collection *collections; /* ascending by number; also those that are the same */
    size_t collection_count;
    uint64_t rows_before, rows_after;
    uint64_t files_before, files_after, bytes_before, bytes_after;
    uint64_t files_new, bytes_new;   /* of the contents that only the later one has */
    uint64_t files_gone, bytes_gone; /* that only the earlier one has */
} diff;

const char *diff_kind_word(diff_kind kind);
VV_CHECKED varve_status diff_make(const manifest *before, const manifest *after, diff *ret,
                                  varve_error *err);
void diff_done(diff *d);

#endif
