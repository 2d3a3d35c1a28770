/* pitr.h — a folder as it was at some moment: a snapshot, and the log from there on.
 *
 *   choose snapshot and objects of the log -> pin -> restore the snapshot to <dir>.pitr-tmp -> for
 *   each batch: fetch the files that it names, apply it -> fsck -> rename to <dir>
 *
 * (1) As in restore.h: <dir> must not exist, and appears by one rename, complete and durable. What
 *     a try that failed left at <dir>.pitr-tmp gives its right files to the next one.
 * (2) Batches are applied whole and in order, each with the sequence number that it had. A gap, and
 *     a batch of another history, end the restore with both numbers; nothing is guessed.
 * (3) The line is that of one timeline and its ancestors, each up to where the next one branched.
 *     What a writer shipped behind that point is not part of it.
 * (4) A target that cannot be reached is refused before anything is fetched, with the latest (or
 *     earliest) moment that can.
 *
 * (5) PITR_BEFORE_DROP reads the log of the line from its end until a batch dropped the collection;
 *     a drop inside a gap of the log is not seen.
 *
 * Ownership  options are borrowed for the call.
 * Threads    several at once, into different folders.
 * Errors     VARVE_NOT_FOUND the target lies before the first snapshot, behind the last batch, or
 *            in a gap of the log · VARVE_CONFLICT two histories · VARVE_CORRUPT an object was
 *            altered or is missing; the message names it · VARVE_EXISTS, VARVE_LOCKED and the rest
 *            as in restore.h. */
#ifndef VARVE_SNAPSHOT_PITR_H
#define VARVE_SNAPSHOT_PITR_H

#include "restore.h"

typedef enum pitr_target {
    PITR_LATEST,     /* all that was shipped */
    PITR_LSN,        /* all batches that end with it at the latest */
    PITR_TIME,       /* all batches before the first whose commit is later */
    PITR_BEFORE_DROP /* all batches before the last one that dropped a collection */
} pitr_target;

typedef struct pitr_options {
    pitr_target target;
    uint64_t lsn;                      /* PITR_LSN */
    uint64_t time_ms;                  /* PITR_TIME: since 1970 */
    const char *database, *collection; /* PITR_BEFORE_DROP */
    uint32_t timeline;    /* whose line; 0: that of the present writer, or the last one */
    const char *folder;   /* <dir> */
    const char *reuse;    /* see restore_options */
    size_t threads;       /* 0: 4 */
    uint64_t pin_life_ms; /* 0: PIN_LIFE_MS */
    remote_cancel cancel;
    void (*progress)(void *arg, const restore_progress *p); /* "apply": files are objects */
    void *progress_arg;
} pitr_options;

typedef struct pitr_result {
    restore_result base;        /* of the snapshot */
    uint64_t sequence;          /* of the folder */
    uint64_t time_ms;           /* of the last commit that was applied; 0: none was */
    uint64_t drop_lsn, drop_ms; /* PITR_BEFORE_DROP: of the batch that dropped it */
    uint64_t objects, batches, bytes;
    double seconds;
} pitr_result;

VV_CHECKED varve_status pitr_run(repo *r, const pitr_options *options, pitr_result *ret,
                                 varve_error *err);

/* From when to when could be restored now, without a gap. */
typedef struct pitr_range {
    uint64_t first_lsn, last_lsn; /* of the newest snapshot, and how far the log goes from there */
} pitr_range;
VV_CHECKED varve_status pitr_find_range(repo *r, uint32_t timeline, pitr_range *ret,
                                        varve_error *err);

#endif
