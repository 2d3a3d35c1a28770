/* scratch.h — a folder of our own for the time of some work, and gone after it, whatever came of
 * the work; what a crash left of it goes when the next one begins.
 *
 *   <folder>/<name>.lock       held meanwhile
 *   <folder>/<name>.scratch/   made empty; removed at the end
 *
 * Nothing else in <folder> is touched. It is made if it is missing, and then removed again.
 *
 * Ownership  scratch_drop() ends it; all zero but LOCK_FILE_NONE is fine, too.
 * Threads    one at a time.
 * Errors     VARVE_LOCKED somebody else has it · VARVE_LIMIT the path is too long · VARVE_IO. */
#ifndef VARVE_SNAPSHOT_SCRATCH_H
#define VARVE_SNAPSHOT_SCRATCH_H

#include "base/lock.h"

#define SCRATCH_PATH_MAX 4096

typedef struct scratch {
    char folder[SCRATCH_PATH_MAX], path[SCRATCH_PATH_MAX], lock_path[SCRATCH_PATH_MAX];
    lock_file lock;
    bool made; /* the folder was missing */
} scratch;

#define SCRATCH_NONE ((scratch){.lock = LOCK_FILE_NONE})

VV_CHECKED varve_status scratch_take(const char *folder, const char *name, scratch *ret,
                                     varve_error *err);
void scratch_drop(scratch *s); /* also fits VV_CLEANUP */

#endif
