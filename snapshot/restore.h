/* restore.h — a snapshot into a new data folder: all of it, checked, or nothing.
 *
 *   read the manifest -> pin -> is it still there? -> <dir>.restore-tmp: keep what is right there
 *   already, fetch the rest, remove what does not belong -> open it, compare -> sync -> rename to
 *   <dir>
 *
 * (1) <dir> must not exist, and appears by one rename, complete and durable. Until then, and after
 *     any failure or crash, there is only <dir>.restore-tmp, with which the next try goes on.
 * (2) A file of <dir>.restore-tmp, or of `reuse`, is taken if its size and SHA-256 are those of the
 *     manifest; nothing else is believed of it.
 * (3) Who may only read the repository restores without a pin: blobs that a collection takes
 *     meanwhile are then missed by name, and the next try begins with another snapshot.
 * (4) Paths are built of roles and numbers (folder_path.h). Links are neither followed nor made.
 *
 * Ownership  options are borrowed for the call.
 * Threads    several restores at once, into different folders.
 * Errors     VARVE_EXISTS <dir> is there · VARVE_LOCKED another restore works at it ·
 *            VARVE_CORRUPT an object was altered, is missing, cut short or swapped (the message
 *            names it), or the folder is not what the manifest says · VARVE_NOT_FOUND no such
 *            snapshot · VARVE_NO_SPACE · VARVE_CANCELLED · those of repo.h. */
#ifndef VARVE_SNAPSHOT_RESTORE_H
#define VARVE_SNAPSHOT_RESTORE_H

#include "snapshots.h"

typedef struct restore_progress {
    const char *stage; /* "fetch", "open", "sync" */
    uint64_t files, files_all, bytes, bytes_all;
} restore_progress;

/* Does the folder hold what the manifest says? Called before the rename. */
typedef varve_status (*restore_check)(void *arg, const char *folder, const manifest *m,
                                      varve_error *err);

typedef struct restore_options {
    const char *snap_id; /* NULL: the newest of the database's line, up to: */
    uint64_t lsn_max;    /* 0: no limit */
    const char *folder;  /* <dir> */
    const char *reuse;   /* another data folder with files that may be right; NULL: none */
    size_t threads;      /* 0: 4 */
    bool no_open;        /* leave the checks by opening out */
    bool no_contents;    /* of those: that of rows and searches, contents.h */
    /* Files that are wanted; the folder then holds a part only, and no_open has to be said. NULL:
     * all. */
    bool (*wanted)(void *arg, const manifest_file *file);
    void *wanted_arg;
    restore_check check; /* asked too, if not NULL */
    void *check_arg;
    uint64_t pin_life_ms; /* 0: PIN_LIFE_MS */
    remote_cancel cancel; /* asked between steps, by any of the threads */
    void (*progress)(void *arg, const restore_progress *p);
    void *progress_arg;
} restore_options;

typedef struct restore_result {
    object_name snapshot;
    uint64_t files, bytes, files_kept, bytes_kept; /* kept: not fetched */
    double seconds;
} restore_result;

VV_CHECKED varve_status restore_run(repo *r, const restore_options *options, restore_result *ret,
                                    varve_error *err);
/* The first check by opening: read-only, with the sequence, and every collection with the counts,
 * of the manifest. */
VV_CHECKED varve_status restore_open_check(const char *folder, const manifest *m, varve_error *err);

#endif
