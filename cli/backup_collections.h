/* backup_collections.h — what the collections of a data folder hold, as a manifest says it.
 * Ownership  backup_collections_done() frees; the strings are its own. */
#ifndef CLI_BACKUP_COLLECTIONS_H
#define CLI_BACKUP_COLLECTIONS_H

#include "snapshot.h"

typedef struct backup_collections {
    manifest_collection *items;
    size_t count, room;
} backup_collections;

/* `folder` is at rest; it is opened for reading. */
VV_CHECKED varve_status backup_collections_read(const char *folder, backup_collections *ret,
                                                varve_error *err);
void backup_collections_done(backup_collections *c);

#endif
