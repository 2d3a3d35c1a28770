/* snapshots.h — the snapshots of a database: which there are, and their manifests.
 * Ownership  snapshots_done() frees a list, manifest_done() a manifest.
 * Threads    any number.
 * Errors     VARVE_NOT_FOUND · VARVE_CORRUPT a manifest that was altered, or lies under a name that
 *            is not its own · those of repo.h. */
#ifndef VARVE_SNAPSHOT_SNAPSHOTS_H
#define VARVE_SNAPSHOT_SNAPSHOTS_H

#include "manifest.h"
#include "repo.h"

typedef struct snapshots {
    object_name *items; /* by timeline, then sequence, then id */
    size_t count;
} snapshots;

VV_CHECKED varve_status snapshots_list(repo *r, const char *db_id, snapshots *ret,
                                       varve_error *err);
void snapshots_done(snapshots *s);
/* Files included, also if they are listed in a blob. */
VV_CHECKED varve_status snapshots_load(repo *r, const object_name *name, manifest *ret,
                                       varve_error *err);
/* The one with the greatest sequence of at most `lsn_max` in the line that ends in the timeline of
 * the present writer, or in the last timeline if there is none. VARVE_NOT_FOUND. */
VV_CHECKED varve_status snapshots_newest(repo *r, uint64_t lsn_max, object_name *ret,
                                         varve_error *err);
/* By its id. VARVE_NOT_FOUND. */
VV_CHECKED varve_status snapshots_find(repo *r, const char *snap_id, object_name *ret,
                                       varve_error *err);

#endif
