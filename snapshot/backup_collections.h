/* backup_collections.h — what the collections of a data folder hold, as a manifest says it.
 * Ownership  backup_collections_done() frees; the strings are its own.
 * Threads    one at a time.   Errors  those of varve_open, opened for reading. */
#ifndef VARVE_SNAPSHOT_BACKUP_COLLECTIONS_H
#define VARVE_SNAPSHOT_BACKUP_COLLECTIONS_H

#include "manifest.h"
#include "varve.h"

typedef struct backup_collections {
    manifest_collection *items;
    size_t count, room;
} backup_collections;

/* `folder` is at rest; it is opened for reading. */
VV_CHECKED varve_status backup_collections_read(const char *folder, backup_collections *ret,
                                                varve_error *err);
void backup_collections_done(backup_collections *c);

#endif
