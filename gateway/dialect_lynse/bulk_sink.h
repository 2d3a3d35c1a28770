/* bulk_sink.h — where a bulk stream's rows go: into a session that is committed at the end, all or
 * nothing, or into one write per batch.
 *
 * Ownership  rows are copied; a sink that is done without bulk_sink_finish leaves nothing of a
 *            session behind.
 * Threads    one at a time.
 * Errors     the engine's; EXISTS becomes INVALID. */
#ifndef BULK_SINK_H
#define BULK_SINK_H

#include "lynse_request.h"

typedef struct bulk_sink {
    lynse_call *call;
    bool upsert;
    size_t dim;               /* required of all rows; 0: that of the first, then set */
    varve_session *session;   /* NULL: a write per batch */
    uint64_t rows, committed; /* taken; made visible */
    uint64_t rows_new, rows_changed;
    bool numbered; /* the engine chose the ids, from first_id on; with batches, of the first */
    uint64_t first_id;
} bulk_sink;

VV_CHECKED varve_status bulk_sink_init(bulk_sink *s, lynse_call *c, bool upsert, bool at_end,
                                       size_t dim, varve_error *err);
void bulk_sink_done(bulk_sink *s); /* also fits VV_CLEANUP */
VV_CHECKED varve_status bulk_sink_put(bulk_sink *s, const varve_rows *rows, varve_error *err);
VV_CHECKED varve_status bulk_sink_finish(bulk_sink *s, varve_error *err);

#endif
