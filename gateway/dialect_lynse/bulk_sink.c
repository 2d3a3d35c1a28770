/* bulk_sink.c — where a bulk stream's rows go. */
#include "bulk_sink.h"

varve_status bulk_sink_init(bulk_sink *s, lynse_call *c, bool upsert, bool at_end, size_t dim,
                            varve_error *err)
{
    *s = (bulk_sink){.call = c, .upsert = upsert, .dim = dim};
    if (!at_end) return VARVE_OK;
    varve_session_options options = {.upsert = upsert};
    return lynse_of_rows(c, varve_session_new(c->collection, &options, &s->session, err), err);
}

void bulk_sink_done(bulk_sink *s) { varve_session_free(s->session); }

static void count(bulk_sink *s, const varve_receipt *receipt)
{
    s->committed = s->rows;
    s->rows_new += receipt->rows_new;
    s->rows_changed += receipt->rows_changed;
}

varve_status bulk_sink_put(bulk_sink *s, const varve_rows *rows, varve_error *err)
{
    varve_receipt receipt = {0};
    bool numbered = !rows->ids && !rows->ids_from_first;
    if (rows->count == 0) return VARVE_OK;
    if (s->dim && s->dim != rows->dim)
        return vv_fail(err, VARVE_INVALID, "Dimension mismatch: expected %zu, got %zu", s->dim,
                       rows->dim);
    varve_collection *c = s->call->collection;
    varve_status status = s->session  ? varve_session_add(s->session, rows, err)
                          : s->upsert ? varve_upsert(c, rows, NULL, &receipt, err)
                                      : varve_insert(c, rows, NULL, &receipt, err);
    VV_TRY(lynse_of_rows(s->call, status, err));
    if (s->rows == 0) {
        s->dim = rows->dim;
        s->numbered = numbered;
        s->first_id = receipt.first_id;
    }
    s->rows += rows->count;
    if (!s->session) count(s, &receipt);
    return VARVE_OK;
}

varve_status bulk_sink_finish(bulk_sink *s, varve_error *err)
{
    varve_receipt receipt = {0};
    if (!s->session) return VARVE_OK;
    VV_TRY(lynse_of_rows(s->call, varve_session_commit(s->session, &receipt, err), err));
    s->first_id = receipt.first_id;
    count(s, &receipt);
    return VARVE_OK;
}
