/* folder_path.h — which files a data folder at rest may have: the grammar that a manifest's paths
 * are held against, so that none of them is ever used as given.
 *
 *   FORMAT, ACKED                                 config
 *   rocks/CURRENT                                 current
 *   rocks/MANIFEST-<n>, rocks/OPTIONS-<n>         manifest, options
 *   rocks/<n>.sst, rocks/<n>.log                  sst, wal
 * *   rocks/IDENTITY, rocks/GUARD                   config
 *   segments/<collection>/<n>.seg                 segment
 *   segments/<collection>/<n>.<field>.<g>.idx     index
 *
 * Ownership  none.   Threads  stateless.   Errors  none. */
#ifndef VARVE_SNAPSHOT_FOLDER_PATH_H
#define VARVE_SNAPSHOT_FOLDER_PATH_H

#include "base/status.h"

#define FOLDER_PATH_MAX 96 /* with its NUL */

/*    name       word in manifests */
#define FILE_ROLE_TABLE(X)                                                                         \
    X(CONFIG, "config")                                                                            \
    X(CURRENT, "current")                                                                          \
    X(MANIFEST, "manifest")                                                                        \
    X(OPTIONS, "options")                                                                          \
    X(SST, "sst")                                                                                  \
    X(WAL, "wal")                                                                                  \
    X(SEGMENT, "segment")                                                                          \
    X(INDEX, "index")

typedef enum file_role {
#define X(name, word) ROLE_##name,
    FILE_ROLE_TABLE(X)
#undef X
        FILE_ROLE_COUNT
} file_role;

const char *folder_path_role_word(file_role role);
/* false: no file of a data folder. ret_collection: of segments and indexes, else 0. */
bool folder_path_parse(const char *path, file_role *ret_role, uint32_t *ret_collection);
/* Left behind by processes, never part of a copy: LOCK, sockets, RocksDB's own log. `name` is a
 * path below the folder, of a file or of a directory. */
bool folder_path_passed_over(const char *path);

#endif
