/* contents.h — what the collections of a data folder hold: as a manifest is to say it, and whether
 * a folder is still what a manifest says.
 *
 * Ownership  contents_done() frees all that contents_read found.
 * Threads    any number. The folder is at rest; it is opened for reading.
 * Errors     contents_check: VARVE_CORRUPT naming the collection · VARVE_CANCELLED · those of
 *            varve_open and varve_scroll. */
#ifndef VARVE_SNAPSHOT_CONTENTS_H
#define VARVE_SNAPSHOT_CONTENTS_H

#include "digest.h"
#include "manifest.h"

/* For reading rows, beside a server that needs the memory: indexes are left in their files. */
static inline void contents_reading(varve_options *ret)
{
    varve_options_init(ret);
    ret->read_only = true;
    ret->index_memory_max = 1;
    ret->filter_cache_bytes = 0;
}

typedef struct contents_options {
    bool no_digests;      /* counts alone */
    uint64_t bytes_max;   /* of segments: counts alone of collections with more; 0: no limit */
    size_t golden;        /* searches of a collection; 0: GOLDEN_COUNT */
    bool no_golden;       /* none */
    size_t threads;       /* 0: 2 */
    remote_cancel cancel; /* asked now and then */
} contents_options;

typedef struct contents {
    manifest_collection *items; /* of all databases */
    size_t count, room;
    arena memory;
    size_t golden_bytes;
} contents;

/* options NULL: the defaults. All golden searches of a manifest take a few MiB at the most;
 * collections for which nothing is left have none. */
VV_CHECKED varve_status contents_read(const char *folder, const contents_options *options,
                                      contents *ret, varve_error *err);
void contents_done(contents *c);

/* Does the manifest say more than counts? */
bool contents_are_known(const manifest *m);

typedef struct contents_check_options {
    const char *database, *collection; /* only this one; NULL: all */
    size_t golden_max;                 /* golden searches of each collection; 0: none */
    size_t recall_samples;             /* measure recall@10 of indexes by so many; 0: do not */
    size_t threads;                    /* 0: 2 */
    remote_cancel cancel;
    /* Called for each collection that is not what it should be, and the rest is looked at as well.
     * NULL: the first one is a failure. */
    void (*finding)(void *arg, const char *text);
    void *arg;
} contents_check_options;

typedef struct contents_checked {
    uint64_t collections, rows;
    uint64_t digests, golden;  /* compared */
    uint64_t recalls;          /* collections whose recall was measured */
    double recall, recall_min; /* mean and least of those */
} contents_checked;

/* Rows, digests, schemas and golden searches, as far as the manifest has them. */
VV_CHECKED varve_status contents_check(const char *folder, const manifest *m,
                                       const contents_check_options *options,
                                       contents_checked *ret, varve_error *err);

#endif
