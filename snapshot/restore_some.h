/* restore_some.h — part of a backup into a folder that is open, of a running server for example:
 *
 *   a collection   as it was at a snapshot, or at a moment between two, under its own or another
 *                  name; it appears in one commit, complete, or not at all, and nothing else is
 *                  touched. One that is replaced is there until then
 *   rows by id     put back as they were: vector, fields, vectors of named fields; rows that were
 *                  deleted since come back. The rows come in one commit; vectors of named fields
 *                  follow it, field by field, so that a crash in between leaves rows that lack some
 *                  of them: run it again
 *
 * Of a snapshot, only the tables of rows and the files of the collection are fetched (and those of
 * vector fields of others, which a manifest cannot tell from its own); a moment between snapshots
 * needs all files, since batches of the log are applied to all. They go to a scratch folder, where
 * the collection is compared with its digest before anything is changed.
 *
 * Ownership  options are borrowed for the call; `into` stays open.
 * Threads    one at a time in a scratch folder.
 * Errors     VARVE_NOT_FOUND no such snapshot, no such collection in it, no such collection to put
 *            rows into, or an id that was not there (nothing has changed then) · VARVE_EXISTS the
 *            target's name is taken · VARVE_LOCKED the scratch folder is in use · those of
 *            restore.h, pitr.h, varve_copy. */
#ifndef VARVE_SNAPSHOT_RESTORE_SOME_H
#define VARVE_SNAPSHOT_RESTORE_SOME_H

#include "pitr.h"
#include "varve_snapshot.h"

typedef struct restore_some_options {
    const char *snap_id; /* NULL: the newest */
    const pitr_options *moment; /* target and timeline of it, in place of a snapshot; or NULL */

    const char *database, *collection;       /* in the backup */
    const char *to_database, *to_collection; /* NULL: the same */
    bool overwrite;                          /* of a collection: replace what has the name */
    const varve_id *ids;                     /* of rows; NULL: the whole collection */
    size_t id_count;
    bool skip_missing; /* pass over ids that are not in the backup */

    varve *into;         /* open for writing */
    const char *scratch; /* where the scratch folder is made, best on the disk of `into` */
    size_t threads;      /* 0: 4 */
    remote_cancel cancel;
    void (*progress)(void *arg, const restore_progress *p);
    void *progress_arg;
} restore_some_options;

typedef struct restore_some_result {
    object_name snapshot; /* that it began with */
    uint64_t sequence;    /* of the moment */
    uint64_t rows, deleted, rows_missing;
    uint64_t files, bytes; /* fetched */
    double seconds;
} restore_some_result;

VV_CHECKED varve_status restore_some(repo *r, const restore_some_options *options,
                                     restore_some_result *ret, varve_error *err);

#endif
