/* lynse_compact.c — purge what was deleted, merge, and index, and say how many rows went. */
#include "lynse_answer.h"
#include "lynse_args.h"
#include "lynse_handlers.h"

#include <inttypes.h>

static varve_status compact(lynse_call *c, varve_error *err)
{
    varve_compact_options options = {0};
    varve_compact_report report = {0};
    bool wait;
    VV_TRY(lynse_bool(c, "keep_deleted", &options.keep_deleted, err));
    VV_TRY(lynse_bool_or(c, "wait", true, &wait, err));
    options.no_wait = !wait;
    c->asks_compactor = true;
    VV_TRY(lynse_of_engine(varve_compact(c->collection, &options, &report, err), err));
    return lynse_reply_with(c, err, ",\"vectors_removed\":%" PRIu64, report.rows_removed);
}

void lynse_compact(gateway *g, http_request *request, http_reply *reply)
{
    lynse_run_json(g, request, reply, LYNSE_COLLECTION, compact);
}
