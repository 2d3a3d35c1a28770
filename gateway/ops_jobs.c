/* ops_jobs.c — GET /jobs, GET /jobs/{id}, POST /jobs/{id}/cancel: what the compactor does. */
#include "ops.h"

#include "ops_body.h"
#include "reply.h"

#include <inttypes.h>
#include <string.h>

static const char *const state_names[] = {
    [VARVE_JOB_RUNNING] = "running",     [VARVE_JOB_DONE] = "done",
    [VARVE_JOB_REFUSED] = "refused",     [VARVE_JOB_FAILED] = "failed",
    [VARVE_JOB_CANCELLED] = "cancelled",
};

static varve_status out_text(buffer *out, const char *key, const char *value, varve_error *err)
{
    VV_TRY(buffer_printf(out, err, ",\"%s\":", key));
    if (!*value) return buffer_add_text(out, "null", err);
    return json_out_string(out, value, strlen(value), err);
}

/* 0 stands for unknown, or not yet. */
static varve_status out_time(buffer *out, const char *key, uint64_t value, varve_error *err)
{
    VV_TRY(buffer_printf(out, err, ",\"%s\":", key));
    return value ? json_out_u64(out, value, err) : buffer_add_text(out, "null", err);
}

static varve_status out_job(buffer *out, const varve_job *j, varve_error *err)
{
    VV_TRY(buffer_printf(out, err, "{\"id\":%" PRIu64 ",\"state\":\"%s\"", j->id,
                         state_names[j->state]));
    VV_TRY(out_text(out, "database_name", j->database, err));
    VV_TRY(out_text(out, "collection_name", j->collection, err));
    VV_TRY(out_text(out, "kind", j->kind, err));
    VV_TRY(out_text(out, "reason", j->reason, err));
    VV_TRY(out_text(out, "stage", j->stage, err));
    VV_TRY(out_text(out, "message", j->message, err));
    VV_TRY(buffer_printf(out, err, ",\"rows\":%" PRIu64 ",\"segments\":%" PRIu64 ",\"share\":",
                         j->rows, j->segments));
    VV_TRY(json_out_double(out, j->share, err));
    VV_TRY(buffer_add_text(out, ",\"rows_per_s\":", err));
    VV_TRY(json_out_double(out, j->rows_per_s, err));
    VV_TRY(out_time(out, "eta_ms", j->eta_ms, err));
    VV_TRY(out_time(out, "started_ms", j->started_ms, err));
    VV_TRY(out_time(out, "ended_ms", j->ended_ms, err));
    return buffer_add(out, "}", 1, err);
}

static void jobs_freep(varve_job_list **jobs) { varve_jobs_free(*jobs); }

static varve_status list_jobs(const http_request *request, buffer *out, varve_error *err)
{
    VV_CLEANUP(jobs_freep) varve_job_list *jobs = NULL;
    VV_TRY(varve_jobs(http_db(request), &jobs, err));
    VV_TRY(buffer_add_text(out, "{\"status\":\"success\",\"params\":{\"jobs\":[", err));
    for (size_t i = 0; i < varve_jobs_count(jobs); i++) {
        if (i) VV_TRY(buffer_add(out, ",", 1, err));
        VV_TRY(out_job(out, varve_jobs_get(jobs, i), err));
    }
    return buffer_add_text(out, "]}}", err);
}

void ops_jobs(gateway *g, http_request *request, http_reply *reply)
{
    varve_error err = {0};
    (void)g;
    if (list_jobs(request, &reply->body, &err) != VARVE_OK) reply_error(reply, &err);
}

static varve_status read_id(const http_request *request, uint64_t *ret, varve_error *err)
{
    const char *text = http_path_param(request, "id");
    uint64_t id = 0;
    for (const char *p = text; *p; p++) {
        unsigned digit = (unsigned char)*p - (unsigned)'0';
        if (digit > 9 || __builtin_mul_overflow(id, 10, &id) ||
            __builtin_add_overflow(id, digit, &id))
            return vv_fail(err, VARVE_INVALID, "Invalid argument: id '%s' is no number", text);
    }
    *ret = id;
    return VARVE_OK;
}

static varve_status one_job(http_request *request, buffer *out, varve_error *err)
{
    VV_CLEANUP(jobs_freep) varve_job_list *jobs = NULL;
    uint64_t id;
    VV_TRY(read_id(request, &id, err));
    VV_TRY(varve_jobs(http_db(request), &jobs, err));
    for (size_t i = 0; i < varve_jobs_count(jobs); i++) {
        if (varve_jobs_get(jobs, i)->id != id) continue;
        VV_TRY(buffer_add_text(out, "{\"status\":\"success\",\"params\":{\"job\":", err));
        VV_TRY(out_job(out, varve_jobs_get(jobs, i), err));
        return buffer_add_text(out, "}}", err);
    }
    return vv_fail(err, VARVE_NOT_FOUND,
                   "Job not found: %" PRIu64 " is neither running nor among the last finished", id);
}

void ops_job(gateway *g, http_request *request, http_reply *reply)
{
    varve_error err = {0};
    (void)g;
    if (one_job(request, &reply->body, &err) != VARVE_OK) reply_error(reply, &err);
}

static varve_status cancel_job(http_request *request, buffer *out, varve_error *err)
{
    VV_CLEANUP(json_document_done) json_document body = {0};
    uint64_t id;
    VV_TRY(ops_body_parse(request, &body, err));
    VV_TRY(read_id(request, &id, err));
    VV_TRY(varve_job_cancel(http_db(request), id, err));
    return buffer_printf(out, err, "{\"status\":\"success\",\"params\":{\"id\":%" PRIu64 "}}", id);
}

void ops_job_cancel(gateway *g, http_request *request, http_reply *reply)
{
    varve_error err = {0};
    (void)g;
    if (cancel_job(request, &reply->body, &err) != VARVE_OK) reply_error(reply, &err);
}
