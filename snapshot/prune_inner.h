/* prune_inner.h — shared by prune*.c only: what is needed, and a run.
 * Ownership  prune_run owns all.   Threads  one.   Errors  as in prune.h. */
#ifndef VARVE_SNAPSHOT_PRUNE_INNER_H
#define VARVE_SNAPSHOT_PRUNE_INNER_H

#include "gc_record.h"
#include "prune.h"

typedef struct prune_job {
    repo *r;
    const prune_options *o;
    gc_set gone;   /* manifests that retention lets go: not looked at again */
    gc_set keys;   /* needed: keys of blobs, "blobs/…[.g<n>]" */
    gc_set pinned; /* needed: names of blobs in any generation, "blobs/…" */
    hashmap logs;  /* key of an object of the log -> struct prune_names: read once in a run */
    char **candidates;
    size_t candidate_count, candidate_room;
    prune_result result;
} prune_job;

/* Manifests and pins of all databases into keys and pinned, which are emptied first. */
VV_CHECKED varve_status prune_find_needed(prune_job *j, varve_error *err);
void prune_forget_logs(prune_job *j);
bool prune_is_needed(const prune_job *j, const char *key);
/* Snapshots of r's database, and what retention says of each; into result. */
VV_CHECKED varve_status prune_decide(prune_job *j, varve_error *err);
VV_CHECKED varve_status prune_delete_manifests(prune_job *j, varve_error *err);
/* Marks of verification whose snapshot is gone. */
VV_CHECKED varve_status prune_marks(prune_job *j, varve_error *err);
/* Log objects that no snapshot that stays, and no pin, needs. */
VV_CHECKED varve_status prune_wal(prune_job *j, varve_error *err);
/* Pins and records whose time has long passed, of all databases. */
VV_CHECKED varve_status prune_expired(prune_job *j, varve_error *err);

#endif
