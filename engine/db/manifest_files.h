/* manifest_files.h — which files a catalogue names, and links to them.
 *
 * Ownership  a manifest_file is borrowed for the call.
 * Threads    any.
 * Errors     VARVE_CORRUPT for keys that are malformed. */
#ifndef VARVE_DB_MANIFEST_FILES_H
#define VARVE_DB_MANIFEST_FILES_H

#include "db/db.h"

typedef struct manifest_file {
    uint32_t cid;
    uint64_t number;
    bool is_index;
    uint32_t generation; /* of an index */
    const void *value;   /* its record */
    size_t value_len;
    const char *name; /* "12.seg" */
    const char *path; /* "segments/7/12.seg": below the data folder */
} manifest_file;

#define MANIFEST_PATH_MAX 128

/* The file that a record of the catalogue names. *ret_is false: the record names none. Name and
 * path are written to the buffers. */
VV_CHECKED varve_status manifest_file_of(varve_text key, varve_text value, bool *ret_is,
                                         manifest_file *ret, char name[MANIFEST_PATH_MAX],
                                         char path[MANIFEST_PATH_MAX], varve_error *err);

typedef varve_status (*manifest_each)(void *arg, const manifest_file *file, varve_error *err);
/* Every segment by collection and number, and behind them all indexes by the same. An index record
 * that cannot be read names nothing. */
VV_CHECKED varve_status manifest_files_each(store *s, manifest_each each, void *arg,
                                            varve_error *err);
/* The same of one collection, at the moment of a snapshot. */
VV_CHECKED varve_status manifest_files_of(store *s, const store_snapshot *at, uint32_t cid,
                                          manifest_each each, void *arg, varve_error *err);

/* A hard link; passes "file.link". *ret_missing: the file is not there (VARVE_CORRUPT).
 * VARVE_UNSUPPORTED: `to` is on another file system. */
VV_CHECKED varve_status manifest_file_link(const char *from, const char *to, bool *ret_missing,
                                           varve_error *err);

#endif
