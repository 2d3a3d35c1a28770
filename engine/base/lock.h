/* lock.h — the LOCK file of a folder: flock(2), with the owner written inside for the message of
 * those who come second. The kernel drops the lock when the process ends, however it ends. */
#ifndef VARVE_BASE_LOCK_H
#define VARVE_BASE_LOCK_H

#include "base/status.h"

typedef struct lock_file {
    int fd;
} lock_file; /* fd -1: not held */
#define LOCK_FILE_NONE ((lock_file){-1})

/* VARVE_LOCKED: "<path> is owned by pid N on HOST since TIME". */
VV_CHECKED varve_status lock_take(const char *path, lock_file *ret, varve_error *err);
/* Does `path` still name the file that is locked? false: it was renamed, removed or replaced. */
bool lock_names(const lock_file *lock, const char *path);
void lock_drop(lock_file *lock);

#endif
