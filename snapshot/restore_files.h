/* restore_files.h — the files of a manifest in a folder: kept, copied or fetched, each with its sum
 * checked. For restore.c and verify.c.
 * Ownership  none.
 * Threads    restore_file for different files at once.
 * Errors     as in restore.h. */
#ifndef VARVE_SNAPSHOT_RESTORE_FILES_H
#define VARVE_SNAPSHOT_RESTORE_FILES_H

#include "manifest.h"
#include "repo.h"

/* Directories for all files of m, with what does not belong in them removed. */
VV_CHECKED varve_status restore_make_folders(const char *folder, const manifest *m,
                                             varve_error *err);
/* reuse may be NULL. ret_kept: it had not to be fetched. */
VV_CHECKED varve_status restore_file(repo *r, const char *folder, const char *reuse,
                                     const manifest_file *file, const remote_cancel *cancel,
                                     bool *ret_kept, varve_error *err);
VV_CHECKED varve_status restore_sync_folders(const char *folder, const manifest *m,
                                             varve_error *err);

#endif
