/* backup.h — a data folder at rest (made by varve_checkpoint_to) into the repository.
 *
 *   scan the folder, sum its files -> lease -> pin -> read gc/ -> for each file: skip, or store
 *   -> look at what was stored -> renew pin and lease -> PUT the manifest -> read it back -> unpin
 *
 * (1) The backup exists from the put of its manifest on, and all that it needs was there before,
 *     and is under a pin until then. Whatever happens earlier leaves garbage for prune, never a
 *     backup.
 * (2) The pin is written before gc/ is read, and gc/ before anything is looked up. A blob that a
 *     running collection may delete is stored anew under its next generation.
 * (3) After a failure at or behind the put of the manifest the pin stays until it expires: the put
 *     may still arrive.
 * (4) A backup that is tried again finds what the last try stored, and goes on with a large file in
 *     the middle of it (scratch folder).
 * (5) A folder that is behind the newest snapshot of its timeline is refused (VARVE_CONFLICT):
 *     after a restore in place a new timeline is begun, see lease_options.
 *
 * Ownership  options are borrowed for the call.
 * Threads    one backup of a database at a time; several databases at once.
 * Errors     VARVE_LOCKED, VARVE_CONFLICT the lease or the pin was lost: try again ·
 *            VARVE_CANCELLED · VARVE_CORRUPT a stored object does not hold what was handed in ·
 *            those of scan.h, repo.h. */
#ifndef VARVE_SNAPSHOT_BACKUP_H
#define VARVE_SNAPSHOT_BACKUP_H

#include "lease.h"
#include "manifest.h"

typedef enum backup_kind {
    BACKUP_AUTO,       /* incremental; nothing at all if the sequence is that of the newest */
    BACKUP_FULL,       /* no parent: every file is read, every object looked up */
    BACKUP_INCREMENTAL /* what the newest snapshot has is not looked up again */
} backup_kind;

typedef struct backup_progress {
    const char *stage; /* "sum", "store", "check", "commit" */
    uint64_t files, files_all, bytes, bytes_all;
} backup_progress;

typedef struct backup_options {
    const char *folder;
    uint64_t sequence;  /* of the folder: varve_checkpoint_info */
    uint64_t commit_ms; /* of its last commit; 0: unknown */
    uint64_t storage_format;
    backup_kind kind;
    const manifest_collection *collections; /* any order */
    size_t collection_count;
    const char *retention_class; /* NULL: "" */
    bool pinned;                 /* retention never takes it */

    lease *lease;        /* held by the caller; NULL: taken for the time of the backup, by: */
    const char *holder;  /* see lease_options */
    uint64_t branch_lsn; /* lease_options.lsn; 0: sequence */

    const char *state;      /* folder for cache, journals and sealed copies; made; NULL: none */
    size_t threads;         /* 0: 1 */
    double check_share;     /* of the new objects that are read back whole; [0.01], < 0: none */
    size_t inline_max;      /* bytes of a manifest from which on files go to a list; 0: 16 MiB */
    uint64_t pin_life_ms;   /* 0: PIN_LIFE_MS */
    uint64_t lease_life_ms; /* 0: LEASE_LIFE_MS */

    remote_cancel cancel; /* asked between steps, by any of the threads */
    void (*progress)(void *arg, const backup_progress *p);
    void *progress_arg;
} backup_options;

/* Where a timeline begins that is begun for this backup. */
static inline uint64_t backup_branch(const backup_options *o)
{
    return o->branch_lsn && o->branch_lsn < o->sequence ? o->branch_lsn : o->sequence;
}

typedef struct backup_result {
    bool skipped; /* BACKUP_AUTO: snapshot is the one that has all of it */
    object_name snapshot;
    manifest_kind kind;
    uint64_t files, bytes;         /* of the snapshot */
    uint64_t files_new, bytes_new; /* of those: stored by this backup; bytes as stored */
    double seconds;
} backup_result;

VV_CHECKED varve_status backup_run(repo *r, const backup_options *options, backup_result *ret,
                                   varve_error *err);

#endif
