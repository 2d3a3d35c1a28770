/* identity.h — under which ids a data folder is backed up: FOLDER/backup/identity.json.
 *
 *   db_id    the database in the repository; a restored folder keeps it
 *   holder   who writes to it; belongs to one folder, so that a copy of the folder, which has
 *            another inode, becomes another writer and cannot be taken for the first
 *   origin   of a restored folder: the sequence number that it was restored to. What it wrote
 *            itself begins behind it, and so does its timeline; 0: nothing is known
 *
 * Errors  VARVE_NOT_FOUND the folder was never backed up · VARVE_CORRUPT · VARVE_IO. */
#ifndef VARVE_SNAPSHOT_IDENTITY_H
#define VARVE_SNAPSHOT_IDENTITY_H

#include "names.h"

typedef struct backup_identity {
    char db_id[NAMES_ID_SIZE], holder[NAMES_ID_SIZE];
    uint64_t origin;
} backup_identity;

VV_CHECKED varve_status backup_identity_read(const char *folder, backup_identity *ret,
                                             varve_error *err);
/* Made if there is none. db_id: NULL, or which one it has to be (VARVE_CONFLICT). */
VV_CHECKED varve_status backup_identity_make(const char *folder, const char *db_id,
                                             backup_identity *ret, varve_error *err);
/* Of a folder that was just restored, and has none. */
VV_CHECKED varve_status backup_identity_restored(const char *folder, const char *db_id,
                                                 uint64_t origin, varve_error *err);
/* lease_options.lsn, for a folder that is at `sequence` by now. */
static inline uint64_t backup_identity_branch(const backup_identity *who, uint64_t sequence)
{
    return who->origin && who->origin < sequence ? who->origin : sequence;
}
/* FOLDER/backup/<name>; name NULL: FOLDER/backup */
VV_CHECKED varve_status backup_path(const char *folder, const char *name, char *ret, size_t size,
                                    varve_error *err);

#endif
