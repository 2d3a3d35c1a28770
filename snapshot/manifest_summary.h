/* manifest_summary.h — a manifest in short, for people and programs: what commands print and a
 * server answers.
 * Ownership  the caller drops the JSON; NULL: no memory.   Threads  any.   Errors  none. */
#ifndef VARVE_SNAPSHOT_MANIFEST_SUMMARY_H
#define VARVE_SNAPSHOT_MANIFEST_SUMMARY_H

#include "manifest.h"

#include <jansson.h>

typedef struct manifest_totals {
    uint64_t rows, deleted, bytes; /* of all collections; of all files */
} manifest_totals;
manifest_totals manifest_sum(const manifest *m);

json_t *manifest_summary(const manifest *m);
/* With its collections, and who made it. */
json_t *manifest_details(const manifest *m);

#endif
