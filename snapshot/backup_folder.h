/* backup_folder.h — what a data folder that may be in use holds now, into the repository:
 *
 *   FOLDER/backup/LOCK -> FOLDER/backup/checkpoint (hard links) -> backup_run -> the checkpoint is
 *   removed
 *
 * The checkpoint lies there, not in work/, so that a server that is started meanwhile, and sweeps
 * that, does not disturb. What a crash left of it goes at the next backup.
 *
 * Ownership  everything is borrowed for the call.
 * Threads    one backup of a folder at a time, of all processes: VARVE_LOCKED. Readers and writers
 *            of the folder do not wait.
 * Errors     those of varve_checkpoint_to and of backup.h. */
#ifndef VARVE_SNAPSHOT_BACKUP_FOLDER_H
#define VARVE_SNAPSHOT_BACKUP_FOLDER_H

#include "backup.h"
#include "varve.h"

typedef struct backup_folder {
    const char *folder;
    varve *db;         /* its owner's handle; NULL: it is opened for reading, beside an owner */
    bool new_timeline; /* begin one: the folder was put back to an older state */
    bool take_over;    /* although another writer's lease lasts */
    bool no_digests;   /* leave digests of rows and golden searches out of the manifest */
    /* A digest reads all rows, where an incremental snapshot reads what is new: leave those of
     * collections with more bytes of segments to full snapshots. 0: no limit. */
    uint64_t digest_bytes_max;
} backup_folder;

/* options: folder, sequence, time, format, collections and state (FOLDER/backup/state-<repo_id>)
 * are filled in here. With a lease of the caller's, new_timeline and take_over are his affair. */
VV_CHECKED varve_status backup_folder_run(repo *r, const backup_folder *what,
                                          const backup_options *options, backup_result *ret,
                                          varve_error *err);

#endif
