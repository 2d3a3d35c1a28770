/* compaction.h — the owner's side of compaction: what to do next (pick.h), handing it to a
 * compactor (segment/job.h), and making what comes back part of the collection.
 *
 *               plan              pin                     adopt
 *   (nothing) ---------> decided ------> given to a peer ---------> adopted | refused
 *                           |                  +-- peer gone, FAILED, cancelled, dropped: given up
 *                           +-- PURGE: done here, then planned again
 *
 * (1) One job at a time. Its inputs are held by a view, so their files stay. A peer that says
 *     nothing for COMPACT_SILENCE_MS hangs: it is dropped, and with it the job.
 * (2) What a job drops was superseded when it was pinned. Deleted rows become superseded on this
 *     side, before (compact_purge.c): then no restore finds them, and no job has to know.
 * (3) Adoption is one WriteBatch: inputs out, outputs in. Files are in place before it and doomed
 *     after it, so a crash leaves files that no manifest names, for the sweep.
 * (4) Inputs are neighbours, with nothing between them that could still come: row versions that a
 *     session has reserved keep segments apart (collection_reserve).
 *
 * Threads  One thread of the folder does all of it (compaction.c); others ask and wait. A second
 *          one loads indexes into memory (index_loader.c).
 * Faults   COMPACTION_POINTS. */
#ifndef VARVE_DB_COMPACTION_H
#define VARVE_DB_COMPACTION_H

#include "db/db.h"

/* Steps at which a test may end the process, or make the step fail. */
#define COMPACTION_POINTS(X)                                                                       \
    X("purge.before_batch")                                                                        \
    X("purge.after_batch")                                                                         \
    X("compact.desk")                                                                              \
    X("compact.reserved")                                                                          \
    X("compact.pinned")                                                                            \
    X("compact.sent")                                                                              \
    X("compact.proposed")                                                                          \
    X("compact.verified")                                                                          \
    X("compact.moving")                                                                            \
    X("compact.moved")                                                                             \
    X("compact.before_batch")                                                                      \
    X("compact.after_batch")                                                                       \
    X("compact.published")                                                                         \
    X("compact.unlinked")                                                                          \
    X("compact.desk_removed")                                                                      \
    X("compact.erasing")

typedef struct compaction compaction;

/* Begin and end with the folder; stop leaves the object for those who still wake it. */
VV_CHECKED varve_status compaction_start(varve *db, varve_error *err);
void compaction_stop(varve *db);
void compaction_free(varve *db);
/* Something has changed that may be worth a look. Any thread, any lock; NULL-safe inside. */
void compaction_wake(varve *db);

/* ---- reserved.c
 * Row versions [min, max] belong to a session that has not committed. Under writer_lock. */
VV_CHECKED varve_status collection_reserve(varve_collection *c, const void *session, uint64_t min,
                                           uint64_t max, varve_error *err);
void collection_unreserve(varve_collection *c, const void *session);
bool collection_reserved_between(const varve_collection *c, uint64_t after, uint64_t before);

/* Back-pressure: sleep a while if indexes are far behind. Without any lock. */
void compaction_delay_writer(varve *db);

/* ---- loader (index_loader.c) */
VV_CHECKED varve_status index_loader_start(varve *db, varve_error *err);
void index_loader_stop(varve *db); /* leaves the object for those who still wake it */
void index_loader_free(varve *db);
void index_loader_wake(varve *db);

#endif
