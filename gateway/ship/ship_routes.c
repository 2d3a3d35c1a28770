/* ship_routes.c — GET /admin/ship: {"status":"success","params":{"enabled":…, …}}. */
#include "ops.h"

#include "gateway_inner.h"
#include "reply.h"
#include "shipper.h"

#include <inttypes.h>
#include <string.h>

static const char *truth(bool b) { return b ? "true" : "false"; }

static varve_status write_state(const shipper_view *v, buffer *out, varve_error *err)
{
    return buffer_printf(out, err,
                         "\"enabled\":true,\"phase\":\"%s\",\"durability\":\"%s\",\"fenced\":%s,"
                         "\"diverged\":%s,\"shipped_lsn\":%" PRIu64 ",\"written_lsn\":%" PRIu64
                         ",\"lag_lsn\":%" PRIu64 ",\"lag_seconds\":%.3f,\"lag_seconds_p50\":%.3f,"
                         "\"lag_seconds_p99\":%.3f,\"last_commit_unix_ms\":%" PRIu64
                         ",\"lease_until_unix_ms\":%" PRIu64,
                         ship_phase_word(v->phase), v->remote ? "remote" : "local",
                         truth(v->fenced), truth(v->phase == SHIP_DIVERGED), v->shipped_lsn,
                         v->written_lsn,
                         v->written_lsn > v->shipped_lsn ? v->written_lsn - v->shipped_lsn : 0,
                         v->lag.seconds, v->lag.p50, v->lag.p99, v->time_ms, v->lease_until_ms);
}

static varve_status write_counts(const shipper_view *v, buffer *out, varve_error *err)
{
    return buffer_printf(out, err,
                         ",\"objects\":%" PRIu64 ",\"bytes\":%" PRIu64 ",\"files\":%" PRIu64
                         ",\"gaps\":%" PRIu64 ",\"bridged\":%" PRIu64 ",\"failures\":%" PRIu64
                         ",\"failures_in_a_row\":%" PRIu64 ",\"writes_waiting\":%" PRIu64
                         ",\"writes_stored\":%" PRIu64 ",\"writes_timed_out\":%" PRIu64
                         ",\"writes_refused\":%" PRIu64,
                         v->objects, v->bytes, v->files, v->gaps, v->bridged, v->failures,
                         v->failures_in_row, v->waiting, v->stored, v->timeouts, v->refused);
}

static varve_status write_why(const shipper_view *v, buffer *out, varve_error *err)
{
    if (v->why.status == VARVE_OK) return buffer_add_text(out, ",\"why\":null", err);
    VV_TRY(buffer_add_text(out, ",\"why\":", err));
    return json_out_string(out, v->why.message, strlen(v->why.message), err);
}

static varve_status describe(gateway *g, buffer *out, varve_error *err)
{
    shipper_view v;
    VV_TRY(buffer_add_text(out, "{\"status\":\"success\",\"params\":{", err));
    if (!g->shipper) return buffer_add_text(out, "\"enabled\":false}}", err);
    shipper_look(g->shipper, &v);
    VV_TRY(write_state(&v, out, err));
    VV_TRY(write_counts(&v, out, err));
    VV_TRY(write_why(&v, out, err));
    return buffer_add_text(out, "}}", err);
}

void ops_ship(gateway *g, http_request *request, http_reply *reply)
{
    varve_error err = {0};
    (void)request;
    if (describe(g, &reply->body, &err) != VARVE_OK) reply_error(reply, &err);
}
