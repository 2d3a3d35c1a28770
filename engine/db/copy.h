/* copy.h — varve_copy inside: collections of one folder into another, or into the same.
 *
 *   from: files held, one snapshot of the row store      to: numbers reserved
 *     -> WriteBatch(sync) {record of the copy: these numbers; the catalogue's counter}
 *     -> files linked under segments/<new number>/, rows written to sorted files on the desk
 *        work/copy-<n>/ with the new number in their keys -> sorted files taken in
 *     -> WriteBatch(sync) {what is replaced out; collections, segments, indexes, counters in; the
 *        record of the copy out}                                            <- the commit point
 *     -> names in memory swapped, files of what was replaced dropped
 *
 * (1) Until the commit point nothing names the new numbers: a copy that fails deletes its rows and
 *     its record; after a crash the next open does (copies_undo), and the sweep removes the files.
 * (2) Rows go past the log. The batch that takes the record of the copy out is where a reader of
 *     the log has to stop (log_read.c).
 * (3) Names, files and rows of a collection and of its vector fields' collections are of one
 *     moment: that of the snapshot, which is taken under the source's writer_lock, when no session
 *     is between its commit point and its end.
 *
 * Record of a copy (STORE_META, 'k' | number u64 be), version 1, little-endian:
 *   u8 version | u32 first collection id | u32 count
 *
 * Threads  one varve_copy is of one thread; the ends of several into one folder come one after the
 *          other (copy_lock).
 * Faults   "copy.begun", "copy.linked", "copy.rows", "copy.ingested", "copy.staged",
 *          "copy.committed". */
#ifndef VARVE_DB_COPY_H
#define VARVE_DB_COPY_H

#include "db/children.h"
#include "db/manifest_files.h"
#include "varve_snapshot.h"

/* A collection, or that of a vector field, with what it will be. */
typedef struct copied {
    uint32_t from;                                                  /* its number there */
    char database[SCHEMA_NAME_MAX + 1], name[CATALOG_NAME_MAX + 1]; /* here */
    collection_schema schema; /* with the new numbers; moves into `made` */
    collection_counters counters;
    bool inner; /* belongs to the one before that is not */
    uint32_t id;
    varve_collection *made;    /* a reference; not loaded */
    uint64_t database_created; /* of a database that it is the first one in */
} copied;

/* What leaves the catalogue in the commit: references, with their fields' collections. */
typedef struct copy_going {
    varve_collection *c;
    child_list fields;
} copy_going;
typedef struct copy_goes {
    copy_going *all;
    size_t count, capacity;
} copy_goes;

#define COPY_FAMILIES 4 /* in which rows lie */

typedef struct copy {
    varve *from, *to;
    varve_copy_options options;
    varve_copy_info info;
    store_snapshot *at;
    copied *all; /* parents, each followed by its fields */
    size_t count, capacity;
    copy_goes goes;
    uint64_t number;
    uint32_t first_id;
    store_batch *batch; /* of the commit point */
    hashmap databases;  /* new ones: name -> the first copied in it, or `whole` */
    copied whole;       /* stands for a whole database that is missing */
    store_sst *sorted;  /* being written */
    bool has_sorted[COPY_FAMILIES];
    uint64_t index_bytes, segment_bytes;
    bool begun, committed, unsure;
} copy;

extern const store_family copy_families[COPY_FAMILIES];

VV_CHECKED varve_status copy_point(const char *name, varve_error *err);
VV_CHECKED varve_status copy_check_cancelled(const copy *k, varve_error *err);
VV_CHECKED varve_status copy_desk(const copy *k, const char *file, char ret[DB_PATH_MAX],
                                  varve_error *err);
/* copy_list.c: what is copied, as the snapshot has it. */
VV_CHECKED varve_status copy_list(copy *k, const varve_copy_item *items, size_t count,
                                  varve_error *err);
/* copy_files.c: segments and indexes, staged in the batch as well. */
VV_CHECKED varve_status copy_files(copy *k, varve_error *err);
/* copy_rows.c: sorted files of rows, and taking them in. */
VV_CHECKED varve_status copy_rows(copy *k, varve_error *err);
/* copy_goes.c. VARVE_EXISTS for what is there and is not to be replaced. */
VV_CHECKED varve_status copy_goes_find(copy *k, varve_error *err);
/* Under writer_lock, when nobody changes names or fields: is it still that? */
VV_CHECKED varve_status copy_goes_check(const copy *k, bool *ret_same, varve_error *err);
void copy_goes_done(copy_goes *g);
/* copy_commit.c */
VV_CHECKED varve_status copy_begin(copy *k, varve_error *err);
VV_CHECKED varve_status copy_commit(copy *k, varve_error *err);
void copy_undo(copy *k); /* nothing of it is left, or the next open sees to it */

#endif
