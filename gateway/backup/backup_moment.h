/* backup_moment.h — which moment an order means: a snapshot, or one that the log reaches.
 *
 *   snapshot "ID" · latest true · to_lsn N · to_time_ms N · before_drop true     one at the most
 *
 * Ownership  texts are borrowed from the order.   Threads  any.
 * Errors     VARVE_INVALID. */
#ifndef GATEWAY_BACKUP_MOMENT_H
#define GATEWAY_BACKUP_MOMENT_H

#include "backup_order.h"
#include "snapshot.h"

typedef struct backup_moment {
    const char *snap_id; /* NULL: the newest */
    bool between;        /* pitr counts, and no snapshot */
    pitr_options pitr;   /* its target */
} backup_moment;

#define BACKUP_MOMENT_NAMES "snapshot", "latest", "to_lsn", "to_time_ms", "before_drop"

/* database and collection: of before_drop; NULL: it is refused. */
VV_CHECKED varve_status backup_moment_read(const json_t *order, const char *database,
                                           const char *collection, backup_moment *ret,
                                           varve_error *err);

#endif
