/* follow_routes.c — see follow_routes.h. */
#include "follow_routes.h"

#include "follower.h"
#include "gateway_inner.h"
#include "ops_body.h"
#include "reply.h"

#include <inttypes.h>
#include <string.h>

static varve_status out_text(buffer *out, const char *key, const char *value, varve_error *err)
{
    VV_TRY(buffer_printf(out, err, ",\"%s\":", key));
    if (!*value) return buffer_add_text(out, "null", err);
    return json_out_string(out, value, strlen(value), err);
}

/* absent stands for: not known. */
static varve_status out_number(buffer *out, const char *key, uint64_t value, uint64_t absent,
                               varve_error *err)
{
    VV_TRY(buffer_printf(out, err, ",\"%s\":", key));
    return value == absent ? buffer_add_text(out, "null", err) : json_out_u64(out, value, err);
}

static varve_status out_bootstrap(const follower_view *v, buffer *out, varve_error *err)
{
    if (!*v->stage) return buffer_add_text(out, ",\"bootstrap\":null", err);
    return buffer_printf(out, err,
                         ",\"bootstrap\":{\"stage\":\"%s\",\"files\":%" PRIu64
                         ",\"files_all\":%" PRIu64 ",\"bytes\":%" PRIu64 ",\"bytes_all\":%" PRIu64
                         "}",
                         v->stage, v->files, v->files_all, v->stage_bytes, v->stage_bytes_all);
}

static varve_status out_counts(const follower_view *v, buffer *out, varve_error *err)
{
    return buffer_printf(out, err,
                         ",\"objects\":%" PRIu64 ",\"batches\":%" PRIu64 ",\"bytes\":%" PRIu64
                         ",\"rebootstraps\":%" PRIu64 ",\"refreshes\":%" PRIu64
                         ",\"refresh_ms_mean\":%.3f,\"handles_in_use\":%" PRIu64
                         ",\"waiting\":%" PRIu64 ",\"failures\":%" PRIu64,
                         v->objects, v->batches, v->bytes, v->bootstraps ? v->bootstraps - 1 : 0,
                         v->refreshes,
                         v->refreshes ? (double)v->refresh_us / 1e3 / (double)v->refreshes : 0.0,
                         v->handles, v->waiting, v->failures);
}

static varve_status describe(follower *f, buffer *out, varve_error *err)
{
    follower_view v;
    follower_look(f, &v);
    VV_TRY(buffer_printf(out, err, "{\"status\":\"success\",\"params\":{\"state\":\"%s\"",
                         follower_state_word(v.state)));
    VV_TRY(out_text(out, "repository", v.where, err));
    VV_TRY(out_number(out, "timeline", v.timeline, 0, err));
    VV_TRY(out_number(out, "applied_lsn", v.applied, UINT64_MAX, err));
    VV_TRY(out_number(out, "shown_lsn", v.shown, UINT64_MAX, err));
    VV_TRY(out_number(out, "known_lsn", v.known, UINT64_MAX, err));
    VV_TRY(out_number(out, "lag_lsn", v.known > v.shown ? v.known - v.shown : 0, UINT64_MAX, err));
    VV_TRY(out_number(out, "lag_ms", v.staleness_ms, UINT64_MAX, err));
    VV_TRY(out_number(out, "applied_time_ms", v.commit_ms, 0, err));
    VV_TRY(out_counts(&v, out, err));
    VV_TRY(out_bootstrap(&v, out, err));
    VV_TRY(out_text(out, "last_error", v.why.message, err));
    return buffer_add_text(out, "}}", err);
}

static varve_status no_follower(varve_error *err)
{
    return vv_fail(err, VARVE_NOT_FOUND,
                   "This server follows no other: it was started without "
                   "follow, or was promoted before its last start");
}

void ops_follow(gateway *g, http_request *request, http_reply *reply)
{
    varve_error err = {0};
    (void)request;
    varve_status status =
        g->follower ? describe(g->follower, &reply->body, &err) : no_follower(&err);
    if (status != VARVE_OK) reply_error(reply, &err);
}

static varve_status promote(gateway *g, http_request *request, buffer *out, varve_error *err)
{
    VV_CLEANUP(json_document_done) json_document body = {0};
    follower_promotion p = {0};
    bool force;
    VV_TRY(ops_body_parse(request, &body, err));
    VV_TRY(ops_body_switch(&body, "force", false, &force, err));
    if (!g->follower) return no_follower(err);
    VV_TRY(follower_promote(g->follower, force, &p, err));
    return buffer_printf(out, err,
                         "{\"status\":\"success\",\"params\":{\"state\":\"promoted\","
                         "\"timeline\":%u,\"lsn\":%" PRIu64 ",\"epoch\":%" PRIu64 "}}",
                         p.timeline, p.sequence, p.epoch);
}

/* Who holds the lease, and until when, is for the one who promotes. */
void ops_promote(gateway *g, http_request *request, http_reply *reply)
{
    varve_error err = {0};
    if (promote(g, request, &reply->body, &err) == VARVE_OK) return;
    if (err.status == VARVE_LOCKED)
        reply_failure(reply, 409, "lease_held", "%s", err.message);
    else
        reply_error(reply, &err);
}
