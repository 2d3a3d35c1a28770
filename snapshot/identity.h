/* identity.h — under which ids a data folder is backed up: FOLDER/backup/identity.json.
 *
 *   db_id    the database in the repository; a restored folder keeps it
 *   holder   who writes to it; belongs to one folder, so that a copy of the folder, which has
 *            another inode, becomes another writer and cannot be taken for the first
 *
 * Errors  VARVE_NOT_FOUND the folder was never backed up · VARVE_CORRUPT · VARVE_IO. */
#ifndef VARVE_SNAPSHOT_IDENTITY_H
#define VARVE_SNAPSHOT_IDENTITY_H

#include "names.h"

typedef struct backup_identity {
    char db_id[NAMES_ID_SIZE], holder[NAMES_ID_SIZE];
} backup_identity;

VV_CHECKED varve_status backup_identity_read(const char *folder, backup_identity *ret,
                                             varve_error *err);
/* Made if there is none. db_id: NULL, or which one it has to be (VARVE_CONFLICT). */
VV_CHECKED varve_status backup_identity_make(const char *folder, const char *db_id,
                                             backup_identity *ret, varve_error *err);
/* FOLDER/backup/<name>; name NULL: FOLDER/backup */
VV_CHECKED varve_status backup_path(const char *folder, const char *name, char *ret, size_t size,
                                    varve_error *err);

#endif
