/* local_inner.h — inside snapshot/local*: the note beside a snapshot's files, and lists of what is
 * copied. */
#ifndef VARVE_SNAPSHOT_LOCAL_INNER_H
#define VARVE_SNAPSHOT_LOCAL_INNER_H

#include "local.h"

#define LOCAL_PATH_MAX 4096
#define LOCAL_NOTE     "snapshot.json"
#define LOCAL_SUFFIX   ".snapshot-tmp"  /* being made */
#define LOCAL_GONE     ".snapshot-gone" /* being deleted */

/* The directory that snapshots lie in, entered for the time of making or deleting one there; what
 * those that ended in the middle left is removed when nobody else is inside. ret_fd is closed to
 * leave; untouched if there is no such directory. */
VV_CHECKED varve_status local_enter_root(const char *path, int *ret_fd, varve_error *err);

VV_CHECKED varve_status local_write_note(const char *folder, const snapshot_info *info,
                                         varve_error *err);
VV_CHECKED varve_status local_read_note(const char *folder, snapshot_info *ret, varve_error *err);
/* The name of a snapshot is that of its folder. */
void local_take_name(const char *folder, snapshot_info *s);
/* Sizes of all files below. */
VV_CHECKED varve_status local_add_bytes(const char *folder, uint64_t *bytes, varve_error *err);

/* Files and directories alone, no links, pipes or devices: nothing outside is reached through it.
 * VARVE_CORRUPT. */
VV_CHECKED varve_status local_check_tree(const char *folder, varve_error *err);

/* What is copied from one folder to another. */
typedef struct local_items {
    varve_copy_item *all;
    size_t count, room;
} local_items;
void local_items_done(local_items *items);
/* Every collection in scope, to the scope's other names where they are given. */
VV_CHECKED varve_status local_items_find(varve *from, snapshot_scope scope, snapshot_scope to,
                                         local_items *ret, varve_error *err);

#endif
