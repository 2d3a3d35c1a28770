/* local.h — snapshots on the disk of the data: a folder each, which is itself a data folder
 * (varve.h can open it, also elsewhere) with a note beside its files.
 *
 *   <root>/<name>/snapshot.json     what it is of, when it was made, how many rows
 *                 FORMAT, ACKED, rocks/, segments/
 *
 * A snapshot holds one moment of everything, of a database, or of a collection: its immutable files
 * are hard links, so that it takes next to no space, and neither readers nor writers wait.
 * It appears under its name when it is complete and durable.
 *
 * Restoring reads every checksum of the snapshot first, and is all or nothing: collections appear
 * in one commit, under the same or another name; those that are replaced are there until then.
 *
 * Names of snapshots: 1 to 128 of A-Z a-z 0-9 . _ - not beginning with a dot.
 *
 * Ownership  lists end with snapshot_list_done.
 * Threads    any.
 * Errors     VARVE_EXISTS · VARVE_NOT_FOUND · VARVE_INVALID a name · VARVE_CORRUPT the snapshot is
 *            damaged: the message has the first finding, and nothing was restored · those of
 *            varve_snapshot.h. */
#ifndef VARVE_SNAPSHOT_LOCAL_H
#define VARVE_SNAPSHOT_LOCAL_H

#include "base/status.h"
#include "varve_snapshot.h"

typedef enum snapshot_kind { SNAPSHOT_ALL, SNAPSHOT_DATABASE, SNAPSHOT_COLLECTION } snapshot_kind;

typedef struct snapshot_scope { /* database NULL: everything; collection NULL: the database */
    const char *database, *collection;
} snapshot_scope;

typedef struct snapshot_info {
    snapshot_kind kind;
    char name[132], database[132], collection[132]; /* "": not of one */
    uint64_t created_ms;                            /* since 1970; information only */
    uint64_t sequence;                              /* of the log; of everything only */
    uint64_t collections, rows, deleted;
    uint64_t bytes; /* as the files' sizes say */
} snapshot_info;

bool snapshot_name_is_valid(const char *name);

/* Of `db`, at `path`. */
VV_CHECKED varve_status snapshot_create(varve *db, snapshot_scope scope, const char *path,
                                        snapshot_info *ret, varve_error *err);
/* What its note says; VARVE_CORRUPT if there is none, or a wrong one. */
VV_CHECKED varve_status snapshot_inspect(const char *path, snapshot_info *ret, varve_error *err);
/* Read every checksum. */
VV_CHECKED varve_status snapshot_verify(const char *path, varve_error *err);

typedef struct snapshot_list {
    snapshot_info *all; /* by name */
    size_t count;
} snapshot_list;
/* Of a root; a missing one has none. What is no snapshot is passed over. */
VV_CHECKED varve_status snapshot_list_read(const char *root, snapshot_list *ret, varve_error *err);
void snapshot_list_done(snapshot_list *list);
VV_CHECKED varve_status snapshot_delete(const char *path, varve_error *err);

/* Collections of a snapshot into a folder that is open. `from`: which of them (all of a database,
 * or one; everything where both are NULL); `to`: under which names (NULL: their own; only with the
 * corresponding part of `from` given, or the snapshot being of just that). */
typedef struct snapshot_restore_request {
    const char *path;
    snapshot_scope from, to;
    bool overwrite;
    /* Of a database: it is there as a whole afterwards, also if it is empty; with overwrite, what
     * the snapshot does not have is dropped in the same commit. */
    bool whole;
    bool unverified; /* leave out reading every checksum first */
} snapshot_restore_request;
VV_CHECKED varve_status snapshot_restore(varve *db, const snapshot_restore_request *request,
                                         snapshot_info *ret, varve_error *err);
/* Everything of a snapshot as a new data folder at `folder`, which must not exist. */
VV_CHECKED varve_status snapshot_restore_folder(const char *path, const char *folder,
                                                varve_error *err);

#endif
