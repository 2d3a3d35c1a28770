/* ops.c — see ops.h. */
#include "ops.h"

#include "backup/backup_service.h"
#include "follow/follower.h"
#include "gateway_inner.h"
#include "metrics_ship.h"
#include "reply.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void fail(http_reply *reply, varve_status status, varve_error *err)
{
    if (status != VARVE_OK) reply_error(reply, err);
}

void ops_healthz(gateway *g, http_request *request, http_reply *reply)
{
    varve_error err = {0};
    (void)g;
    (void)request;
    fail(reply, buffer_add_text(&reply->body, "{\"status\":\"ok\"}", &err), &err);
}

/* A folder opened for reading only is ready when it can be read. */
static bool is_ready(gateway *g, const http_request *request)
{
    varve *db = http_db(request);
    varve_folder_stats folder = {0};
    if (atomic_load(&g->draining) || access(g->root_path, R_OK | X_OK) != 0) return false;
    if (!db) return false;
    if (follower_is_replica(g->follower)) return follower_is_young(g->follower);
    varve_stats(db, &folder);
    return folder.writable || g->config.read_only;
}

static varve_status write_readiness(gateway *g, bool ready, buffer *out, varve_error *err)
{
    VV_TRY(buffer_printf(out, err,
                         "{\"status\":\"%s\",\"root_path\":", ready ? "ready" : "not_ready"));
    VV_TRY(json_out_string(out, g->root_path, strlen(g->root_path), err));
    return buffer_add_text(out, "}", err);
}

void ops_readyz(gateway *g, http_request *request, http_reply *reply)
{
    varve_error err = {0};
    bool ready = is_ready(g, request);
    reply->status = ready ? 200 : 503;
    fail(reply, write_readiness(g, ready, &reply->body, &err), &err);
}

static void jobs_freep(varve_job_list **jobs) { varve_jobs_free(*jobs); }

/* A replica has figures of the engine once it has something to show. */
static varve_status write_metrics(gateway *g, const http_request *request, buffer *out,
                                  varve_error *err)
{
    VV_CLEANUP(jobs_freep) varve_job_list *list = NULL;
    VV_CLEANUP(vv_freep) varve_job *jobs = NULL;
    metrics_engine e = {.follower = g->follower};
    backup_service_view backup;
    varve *db = http_db(request);
    if (!db) return metrics_write(&g->metrics, &e, out, err);
    VV_TRY(varve_jobs(db, &list, err));
    jobs = calloc(varve_jobs_count(list) + 1, sizeof *jobs);
    if (!jobs) return vv_fail(err, VARVE_NO_MEMORY, "no memory for the metrics");
    for (size_t i = 0; i < varve_jobs_count(list); i++)
        jobs[e.jobs_count++] = *varve_jobs_get(list, i);
    e.jobs = jobs;
    varve_stats(db, &e.folder);
    varve_compaction_get_stats(db, &e.compaction);
    if (g->backup_service) {
        backup_service_look(g->backup_service, &backup);
        e.backup = &backup;
    }
    VV_TRY(metrics_write(&g->metrics, &e, out, err));
    metrics_lines ship = {.out = out, .prefix = "varve_", .err = err};
    metrics_ship(&ship, g->shipper);
    return ship.status;
}

void ops_metrics(gateway *g, http_request *request, http_reply *reply)
{
    varve_error err = {0};
    reply->content_type = "text/plain; version=0.0.4; charset=utf-8";
    fail(reply, write_metrics(g, request, &reply->body, &err), &err);
}

void ops_openapi(gateway *g, http_request *request, http_reply *reply)
{
    varve_error err = {0};
    (void)request;
    fail(reply, buffer_add(&reply->body, g->openapi.data, g->openapi.len, &err), &err);
}
