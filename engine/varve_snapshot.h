/* varve_snapshot.h — the part of varve.h about copies of a folder and of its log; include varve.h.
 * The snapshot library (snapshot/) makes snapshots, backups, restores and followers of these.
 *
 *   varve_checkpoint_to   a folder of its own with what this one holds now, by hard links
 *   varve_copy            collections of one open folder into another, or into the same (clone)
 *   varve_sequence        how far the log is on stable storage
 *   varve_log_read        the log as batches, from a sequence number on
 *   varve_replica_*       a folder that grows by such batches only
 *
 * Ownership, threads and errors as in varve.h. */
#ifndef VARVE_SNAPSHOT_H
#define VARVE_SNAPSHOT_H

#include "varve.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- a folder at one moment ---------------------------------------------------------------- */

typedef struct varve_checkpoint_info {
    uint64_t sequence; /* the last one in it; all that was acknowledged before the call is in it */
    uint64_t time_ms; /* since 1970: no commit in it is later, and the last one is close; 0: none */
    uint64_t files, bytes; /* bytes as the files' sizes say; linked ones take no space */
} varve_checkpoint_info;

/* Make at `path`, which must not exist and lie on the same file system, a data folder with exactly
 * the state of one moment of this one, vectors of fields and deleted rows included. Immutable
 * files are hard links, the others copies; nothing that happens to one folder is seen in the other.
 * It can be opened as any folder, also for writing. Neither readers nor writers wait, but for the
 * copy of the log's tail and for the end of a large session that is being committed. Complete and
 * durable when it returns; on failure nothing is left at `path`, and after a crash nothing or all
 * of it (what a crash left beside it, as <path>.making, is removed by the next call). Works on a
 * read-only handle too, as long as no owner changes files meanwhile: VARVE_CONFLICT then, try
 * again. VARVE_EXISTS; VARVE_LOCKED: another call is making it; VARVE_UNSUPPORTED: another file
 * system. */
VARVE_API VARVE_CHECKED varve_status varve_checkpoint_to(varve *db, const char *path,
                                                         varve_checkpoint_info *ret_info,
                                                         varve_error *err);

/* ---- collections into another folder ------------------------------------------------------- */

typedef struct varve_copy_item {
    const char *from_database, *from_collection;
    const char *to_database, *to_collection; /* NULL: the same names */
} varve_copy_item;

typedef struct varve_copy_options {
    bool overwrite; /* a collection of the target's name is replaced; else VARVE_EXISTS */
    /* A database of the target that is made if it is missing, and has nothing but what is copied
     * into it afterwards: its other collections go in the same commit (without `overwrite` they
     * are VARVE_EXISTS). No items: it is empty then. NULL: none. */
    const char *whole_database;
    /* Asked now and then; true: VARVE_CANCELLED, and nothing has changed. NULL: never. */
    bool (*cancelled)(void *arg);
    void *arg;
} varve_copy_options;

typedef struct varve_copy_info {
    uint64_t collections, rows, deleted, segments;
    uint64_t bytes_linked, bytes_copied;
} varve_copy_info;

/* Copy collections as they are at one moment of `from`, with all that belongs to them (deleted
 * rows, vectors of fields, indexes, settings, counters of ids), into `to`, under new inner numbers;
 * missing databases are made. `from` and `to` may be the same handle: a clone, which takes no space
 * until one of the two changes. Immutable files are linked where both folders are on one file
 * system, and copied with their sums checked otherwise. All items appear in one commit, or none
 * does; a collection that is replaced is there until then, and readers of it end undisturbed. A
 * crash leaves either state, and nothing else that the next open would not remove. */
VARVE_API VARVE_CHECKED varve_status varve_copy(varve *from, const varve_copy_item *items,
                                                size_t count, varve *to,
                                                const varve_copy_options *options,
                                                varve_copy_info *ret_info, varve_error *err);

/* ---- the log ------------------------------------------------------------------------------- */

/* The sequence number up to which the log is on stable storage. A write that returned, and was not
 * relaxed, lies at or below it; what varve_log_read hands over now ends there. Never falls. */
VARVE_API uint64_t varve_sequence(varve *db);

typedef struct varve_log_batch {
    uint64_t first, last; /* sequence numbers of its first and last record */
    uint64_t time_ms;     /* of its commit, since 1970; 0: not noted */
    const void *bytes;    /* as the row store keeps it; borrowed for the call */
    size_t len;
    /* Files that this batch makes part of the folder, relative to it ("segments/7/12.seg"): they
     * exist until varve_log_read is back, and must be stored before the batch is. */
    const char *const *files;
    size_t file_count;
} varve_log_batch;

/* Hand over batches of the log in order, beginning with that which holds sequence `from`; stops
 * after `bytes_max` bytes (at least one batch), or at the end of what is durable. ret_next: where
 * to go on. VARVE_NOT_FOUND: the log has no such batch any more, or does not hold all of it (a
 * large session or a copy went past it, or a file that it names has been replaced since): only a
 * new checkpoint bridges that; the message has both numbers. How long the log, and files that it
 * names, are kept: settings log_keep_bytes and log_keep_ms (a reopen forgets files that were
 * replaced). Batches that hold nothing but internal work have no time. VARVE_READ_ONLY: only an
 * owner has it. A callback that fails ends the call with its status. */
typedef varve_status (*varve_log_each)(void *arg, const varve_log_batch *batch, varve_error *err);
VARVE_API VARVE_CHECKED varve_status varve_log_read(varve *db, uint64_t from, uint64_t bytes_max,
                                                    varve_log_each each, void *arg,
                                                    uint64_t *ret_next, varve_error *err);

/* ---- replicas ------------------------------------------------------------------------------ */

/* A folder (made by varve_checkpoint_to, or restored) that takes batches. While it is open so,
 * nobody else can open it for writing; varve_open with read_only sees what was applied before. */
typedef struct varve_replica varve_replica;
VARVE_API VARVE_CHECKED varve_status varve_replica_open(const char *path, varve_replica **ret,
                                                        varve_error *err);
/* As varve_open for reading, and shares with `older`, an earlier reader of the same folder, the
 * segments and indexes that have the same content, with what was verified and loaded of them: for
 * readers that are opened again and again while a replica grows. older is borrowed for the call,
 * may be in use, and may be closed before the new one or after it; NULL: as varve_open. */
VARVE_API VARVE_CHECKED varve_status varve_open_newer(const char *path,
                                                      const varve_options *options, varve *older,
                                                      varve **ret_db, varve_error *err);
VARVE_API uint64_t varve_replica_sequence(const varve_replica *replica); /* applied last */
/* bytes and len of the batch count, the rest is read from them. Files must be in place before, and
 * first == sequence + 1, or VARVE_CONFLICT with both numbers; bytes that are no batch, or name
 * other families than ours: VARVE_CORRUPT; nothing is applied then. Synced every few MiB and at
 * close: a crash may take the last ones back, and varve_replica_sequence of the next open says so.
 * After VARVE_IO it must be closed and opened again. */
VARVE_API VARVE_CHECKED varve_status varve_replica_apply(varve_replica *replica,
                                                         const varve_log_batch *batch,
                                                         varve_error *err);
/* Also removes files that no record names, such as were put in place for batches to come. */
VARVE_API VARVE_CHECKED varve_status varve_replica_close(varve_replica *replica, varve_error *err);

/* First and last sequence, time and files of a batch's bytes, without a folder: everything in them
 * is checked. `files` of ret_batch: ended with varve_log_batch_done. */
VARVE_API VARVE_CHECKED varve_status varve_log_parse(const void *bytes, size_t len,
                                                     varve_log_batch *ret_batch, varve_error *err);
VARVE_API void varve_log_batch_done(varve_log_batch *batch);
/* Does the batch drop this collection (varve_collection_drop, varve_database_drop)? One that is
 * replaced by a copy in the same batch is not dropped. VARVE_CORRUPT: it is no batch. */
VARVE_API VARVE_CHECKED varve_status varve_log_drops(const void *bytes, size_t len,
                                                     const char *database, const char *collection,
                                                     bool *ret, varve_error *err);

#ifdef __cplusplus
}
#endif

#endif
