/* backup_inner.h — shared by backup*.c only: a backup on its way.
 * Ownership  backup_run owns it.
 * Threads    `lock` guards what is below it; files[i] belongs to the task of i.
 * Errors     as in backup.h. */
#ifndef VARVE_SNAPSHOT_BACKUP_INNER_H
#define VARVE_SNAPSHOT_BACKUP_INNER_H

#include "backup.h"
#include "blobs.h"
#include "gc_record.h"
#include "pins.h"
#include "scan.h"

#include <pthread.h>

typedef struct backup_job {
    repo *r;
    const backup_options *o;
    scan scan;
    manifest manifest;
    manifest_file *files;         /* of the manifest, as in the scan */
    bool *is_new;                 /* of each: stored by us */
    manifest parent;              /* if manifest.has_parent */
    hashmap known;                /* blob name -> file of the parent */
    gc_set doomed;                /* keys that a collection may delete */
    uint8_t (*blobs)[SUMS_BYTES]; /* of the pin: of each file, and of the list of files */
    lease own_lease, *lease;
    bool lease_taken, pinned, committing;
    pthread_mutex_t lock; /* held over the renewal of pin and lease: they are one thread's */
    pin_handle pin;
    backup_progress progress;
    uint64_t files_new, bytes_new;
} backup_job;

/* Renew pin and lease if it is time, tell how far it is, ask whether to go on. */
VV_CHECKED varve_status backup_step(backup_job *b, uint64_t bytes, varve_error *err);
void backup_stage(backup_job *b, const char *stage, uint64_t files, uint64_t bytes);
/* Key of files[i]'s blob, which is there when this is back. ret_new: it was not before. */
VV_CHECKED varve_status backup_store(backup_job *b, const blobs_source *source, manifest_file *f,
                                     bool *ret_new, varve_error *err);
VV_CHECKED varve_status backup_store_files(backup_job *b, varve_error *err);
VV_CHECKED varve_status backup_check_files(backup_job *b, varve_error *err);
/* Manifest to text, with the files in a list if they are many. */
VV_CHECKED varve_status backup_write_manifest(backup_job *b, buffer *text, varve_error *err);

#endif
