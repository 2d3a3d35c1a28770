/* import.h — what an import is, and its two ends: a folder or a server.
 * Errors  Nothing is visible of an import with commit "end" that failed, and a collection that it
 * made is gone again. With commit "batch", batches before the failing one stay. */
#ifndef CLI_IMPORT_H
#define CLI_IMPORT_H

#include "place.h"
#include "progress.h"
#include "source.h"

typedef struct import_plan {
    place to;
    source_options from;
    bool upsert;
    bool commit_batches;    /* make each batch visible as it comes, not all at the end */
    const char *dtype;      /* of a new collection; NULL: as in the files */
    const char *index_mode; /* NULL: leave it, or none */
    bool from_export;       /* the one file is the folder of an export, or its name on the server */
    bool overwrite;         /* of an export: replace a collection of that name */
} import_plan;

VV_CHECKED varve_status import_to_folder(const import_plan *plan, source *from, progress *bar,
                                         uint64_t *ret_rows, varve_error *err);
VV_CHECKED varve_status import_to_url(const import_plan *plan, source *from, progress *bar,
                                      uint64_t *ret_rows, varve_error *err);
/* Is it a folder that an export made? */
bool import_is_export(const char *path);
/* All or nothing; says how many rows. */
VV_CHECKED varve_status import_export(const import_plan *plan, varve_error *err);

#endif
