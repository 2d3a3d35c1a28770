/* dropped.h — files that the manifest has ceased to name. They go when the last reader has left;
 * while somebody holds files (a checkpoint that is about to link them, a copy, a reader of the
 * log), they wait here. With log_keep_bytes or log_keep_ms they wait as well until the log has no
 * batch any more that was written before they were dropped: who ships the log needs the files that
 * its batches name. A crash forgets what waits, and the sweep of the next open removes it.
 *
 * Ownership  what is given to dropped_segment, dropped_index stays the caller's.
 * Threads    any. Whoever drops a file has written the batch that drops it before.
 * Errors     none: what cannot be removed, or queued for want of memory, is swept. */
#ifndef VARVE_DB_DROPPED_H
#define VARVE_DB_DROPPED_H

#include "db/db.h"

void dropped_init(varve *db);
void dropped_done(varve *db); /* removes what waits */

/* From now on, and until as many releases: no file that a manifest names, or named, is removed. */
void dropped_hold(varve *db);
void dropped_release(varve *db);
/* Remove what nobody needs any more. */
void dropped_look(varve *db);

void dropped_segment(varve *db, segment *s);
void dropped_index(varve *db, vector_index *x);
void dropped_path(varve *db, const char *path); /* a file, or a folder with all in it */

#endif
