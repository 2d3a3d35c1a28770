/* backup_routes.c — see backup_routes.h. */
#include "backup_routes.h"

#include "gateway_inner.h"
#include "ops_body.h"
#include "reply.h"

#include <stdlib.h>
#include <string.h>

/* ---- replies --------------------------------------------------------------------------------- */

void backup_reply_error(http_reply *reply, const varve_error *err)
{
    const varve_error copy = *err;
    reply_error(reply, &copy); /* keeps the cause for the log */
    reply_failure(reply, reply_error_status(&copy), reply_error_code(&copy), "%s", copy.message);
}

void backup_reply(http_reply *reply, int status, json_t *params)
{
    varve_error err = {0};
    json_t *whole = json_pack("{s:s,s:o}", "status", "success", "params", params);
    VV_CLEANUP(vv_freep) char *text = whole ? json_dumps(whole, JSON_COMPACT) : NULL;
    json_decref(whole);
    reply->status = status;
    varve_status done = text ? buffer_add_text(&reply->body, text, &err)
                             : vv_fail(&err, VARVE_NO_MEMORY, "no memory for the answer");
    if (done != VARVE_OK) backup_reply_error(reply, &err);
}

varve_status backup_routes_service(gateway *g, backup_service **ret, varve_error *err)
{
    *ret = g->backup_service;
    if (*ret) return VARVE_OK;
    return vv_fail(err, VARVE_UNSUPPORTED,
                   "no backup repository is configured here: setting backup_repo");
}

/* ---- jobs ------------------------------------------------------------------------------------ */

static varve_status read_order(http_request *request, json_t **ret, bool *ret_wait,
                               varve_error *err)
{
    VV_CLEANUP(json_document_done) json_document body = {0};
    VV_TRY(ops_body_parse(request, &body, err));
    VV_TRY(ops_body_switch(&body, "wait", false, ret_wait, err));
    json_object_del(body.root, "wait");
    *ret = json_incref(body.root);
    return VARVE_OK;
}

/* What came of it stands beside the job. */
static varve_status describe(backup_service *s, uint64_t id, json_t **ret, bool *ret_ended,
                             varve_error *err)
{
    json_t *job = NULL, *params = json_object();
    varve_status status = backup_jobs_describe(s, id, &job, err);
    if (status == VARVE_OK && params) {
        const json_t *result = json_object_get(job, "result");
        *ret_ended = !json_is_null(json_object_get(job, "ended_ms"));
        if (json_is_object(result)) json_object_update(params, (json_t *)result);
        json_object_set_new(params, "job", job);
        *ret = params;
        return VARVE_OK;
    }
    json_decref(params);
    json_decref(job);
    return status != VARVE_OK ? status : vv_fail(err, VARVE_NO_MEMORY, "no memory for the answer");
}

static varve_status start(gateway *g, http_request *request, backup_job_kind kind, json_t **ret,
                          bool *ret_ended, varve_error *err)
{
    backup_service *s;
    json_t *order = NULL;
    bool wait = false;
    uint64_t id = 0;
    VV_TRY(backup_routes_service(g, &s, err));
    VV_TRY(read_order(request, &order, &wait, err));
    VV_TRY(backup_jobs_add(s, kind, order, "asked", &id, err));
    if (wait) {
        VV_TRY(backup_jobs_wait(s, id, err));
        varve_status status = backup_jobs_outcome(s, id, err);
        /* The order was checked before: what is wrong is not the request. */
        if (varve_status_http(status) == 400) err->status = status = VARVE_IO;
        VV_TRY(status);
    }
    return describe(s, id, ret, ret_ended, err);
}

void backup_routes_start(gateway *g, http_request *request, http_reply *reply, backup_job_kind kind)
{
    varve_error err = {0};
    json_t *params = NULL;
    bool ended = false;
    if (start(g, request, kind, &params, &ended, &err) != VARVE_OK)
        backup_reply_error(reply, &err);
    else
        backup_reply(reply, ended ? 200 : 202, params);
}

void ops_backup_create(gateway *g, http_request *request, http_reply *reply)
{
    backup_routes_start(g, request, reply, BACKUP_JOB_BACKUP);
}

void ops_backup_verify(gateway *g, http_request *request, http_reply *reply)
{
    backup_routes_start(g, request, reply, BACKUP_JOB_VERIFY);
}

void ops_backup_prune(gateway *g, http_request *request, http_reply *reply)
{
    backup_routes_start(g, request, reply, BACKUP_JOB_PRUNE);
}

void ops_backup_drill(gateway *g, http_request *request, http_reply *reply)
{
    backup_routes_start(g, request, reply, BACKUP_JOB_DRILL);
}

void ops_backup_restore(gateway *g, http_request *request, http_reply *reply)
{
    backup_routes_start(g, request, reply, BACKUP_JOB_RESTORE);
}

static varve_status read_id(const http_request *request, uint64_t *ret, varve_error *err)
{
    const char *text = http_path_param(request, "id");
    char *end = NULL;
    unsigned long long id = *text >= '0' && *text <= '9' ? strtoull(text, &end, 10) : 0;
    if (!end || *end || id == 0)
        return vv_fail(err, VARVE_INVALID, "Invalid argument: id '%.40s' is no number", text);
    *ret = id;
    return VARVE_OK;
}

static varve_status read_job(gateway *g, http_request *request, backup_service **ret_service,
                             uint64_t *ret, varve_error *err)
{
    VV_TRY(backup_routes_service(g, ret_service, err));
    return read_id(request, ret, err);
}

static varve_status cancel_job(gateway *g, http_request *request, json_t **ret, varve_error *err)
{
    VV_CLEANUP(json_document_done) json_document body = {0};
    backup_service *s;
    uint64_t id = 0;
    bool ended;
    VV_TRY(ops_body_parse(request, &body, err));
    VV_TRY(read_job(g, request, &s, &id, err));
    VV_TRY(backup_jobs_cancel(s, id, err));
    return describe(s, id, ret, &ended, err);
}

void ops_backup_job_cancel(gateway *g, http_request *request, http_reply *reply)
{
    varve_error err = {0};
    json_t *params = NULL;
    if (cancel_job(g, request, &params, &err) != VARVE_OK)
        backup_reply_error(reply, &err);
    else
        backup_reply(reply, 200, params);
}

static varve_status one_job(gateway *g, http_request *request, json_t **ret, varve_error *err)
{
    backup_service *s;
    uint64_t id = 0;
    bool ended;
    VV_TRY(read_job(g, request, &s, &id, err));
    return describe(s, id, ret, &ended, err);
}

void ops_backup_job(gateway *g, http_request *request, http_reply *reply)
{
    varve_error err = {0};
    json_t *params = NULL;
    if (one_job(g, request, &params, &err) != VARVE_OK)
        backup_reply_error(reply, &err);
    else
        backup_reply(reply, 200, params);
}

/* ---- the scheduler --------------------------------------------------------------------------- */

static varve_status notify(gateway *g, http_request *request, varve_error *err)
{
    VV_CLEANUP(json_document_done) json_document body = {0};
    VV_TRY(ops_body_parse(request, &body, err));
    return backup_service_notify(g->backup_service, err);
}

void ops_backup_notify(gateway *g, http_request *request, http_reply *reply)
{
    varve_error err = {0};
    if (notify(g, request, &err) != VARVE_OK)
        backup_reply_error(reply, &err);
    else
        backup_reply(reply, 202, json_pack("{s:b}", "notified", 1));
}

static varve_status schedule_it(gateway *g, http_request *request, bool *ret, varve_error *err)
{
    VV_CLEANUP(json_document_done) json_document body = {0};
    VV_TRY(ops_body_parse(request, &body, err));
    if (!json_is_boolean(json_object_get(body.root, "enabled")))
        return vv_fail(err, VARVE_INVALID, "Invalid argument: enabled must be true or false");
    *ret = json_is_true(json_object_get(body.root, "enabled"));
    return backup_service_schedule(g->backup_service, *ret, err);
}

void ops_backup_scheduler(gateway *g, http_request *request, http_reply *reply)
{
    varve_error err = {0};
    bool enabled = false;
    if (schedule_it(g, request, &enabled, &err) != VARVE_OK)
        backup_reply_error(reply, &err);
    else
        backup_reply(reply, 200, json_pack("{s:b}", "enabled", enabled));
}
