/* scan.h — the files of a data folder at rest, with their sums. A sum is computed once per file: a
 * cache knows it by device, inode, size and time of change, so that a file that the next checkpoint
 * links again is not read again.
 *
 * The cache is a text file, "VARVESUMS 1", a line per file (device, inode, size, nanoseconds of the
 * last change, SHA-256), and at the end the SHA-256 of all that. One that does not check out is
 * not used.
 *
 * Ownership  scan_done() frees.   Threads  scan_sums runs on several; the rest: one.
 * Errors     VARVE_NOT_FOUND no such folder · VARVE_INVALID it has a file that is not one of a data
 *            folder, or a link · VARVE_CANCELLED · VARVE_IO. */
#ifndef VARVE_SNAPSHOT_SCAN_H
#define VARVE_SNAPSHOT_SCAN_H

#include "folder_path.h"
#include "remote.h"
#include "sums.h"

typedef struct scan_file {
    char path[FOLDER_PATH_MAX]; /* below the folder */
    file_role role;
    uint32_t collection;
    uint64_t device, inode, size, changed_ns;
    uint8_t sha256[SUMS_BYTES];
} scan_file;

typedef struct scan {
    const char *folder; /* borrowed */
    scan_file *files;   /* by path */
    size_t count;
    uint64_t bytes;
} scan;

VV_CHECKED varve_status scan_folder(const char *folder, scan *ret, varve_error *err);
/* cache: a path, or NULL; read_all: do not believe it. The cache is written anew, if it can be. */
VV_CHECKED varve_status scan_sums(scan *s, const char *cache, bool read_all, size_t threads,
                                  const remote_cancel *cancel, varve_error *err);
void scan_done(scan *s);

#endif
