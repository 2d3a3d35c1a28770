/* jobs.c — see jobs.h. */
#include "jobs.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const state_names[] = {
    [VARVE_JOB_RUNNING] = "running",     [VARVE_JOB_DONE] = "done",
    [VARVE_JOB_REFUSED] = "refused",     [VARVE_JOB_FAILED] = "failed",
    [VARVE_JOB_CANCELLED] = "cancelled",
};

const char *job_state_name(varve_job_state state) { return state_names[state]; }

void jobs_done(jobs *j)
{
    free(j->list);
    *j = (jobs){0};
}

static varve_status make_list(size_t count, jobs *ret, varve_error *err)
{
    ret->list = calloc(VV_MAX(count, (size_t)1), sizeof *ret->list);
    ret->count = count;
    return ret->list ? VARVE_OK : vv_fail(err, VARVE_NO_MEMORY, "no memory for a list of jobs");
}

static void list_freep(varve_job_list **list) { varve_jobs_free(*list); }

varve_status jobs_of_folder(varve *db, jobs *ret, varve_error *err)
{
    VV_CLEANUP(list_freep) varve_job_list *list = NULL;
    VV_TRY(varve_jobs(db, &list, err));
    VV_TRY(make_list(varve_jobs_count(list), ret, err));
    for (size_t i = 0; i < ret->count; i++)
        ret->list[i] = *varve_jobs_get(list, i);
    return VARVE_OK;
}

/* ---- server ---- */

static void take_text(const json_t *job, const char *key, char *ret, size_t size)
{
    const char *text = json_string_value(json_object_get(job, key));
    snprintf(ret, size, "%s", text ? text : "");
}

static uint64_t number(const json_t *job, const char *key)
{
    json_int_t value = json_integer_value(json_object_get(job, key));
    return value > 0 ? (uint64_t)value : 0;
}

static bool take_state(const json_t *job, varve_job_state *ret)
{
    const char *text = json_string_value(json_object_get(job, "state"));
    for (size_t i = 0; text && i < VV_COUNT(state_names); i++) {
        if (strcmp(text, state_names[i]) != 0) continue;
        *ret = (varve_job_state)i;
        return true;
    }
    return false;
}

static varve_status take_job(const json_t *job, varve_job *ret, varve_error *err)
{
    varve_job j = {.id = number(job, "id"),
                   .rows = number(job, "rows"),
                   .segments = number(job, "segments"),
                   .share = json_number_value(json_object_get(job, "share")),
                   .rows_per_s = json_number_value(json_object_get(job, "rows_per_s")),
                   .eta_ms = number(job, "eta_ms"),
                   .started_ms = number(job, "started_ms"),
                   .ended_ms = number(job, "ended_ms")};
    if (!take_state(job, &j.state))
        return vv_fail(err, VARVE_INTERNAL, "the server sent a job that is none");
    take_text(job, "database_name", j.database, sizeof j.database);
    take_text(job, "collection_name", j.collection, sizeof j.collection);
    take_text(job, "kind", j.kind, sizeof j.kind);
    take_text(job, "reason", j.reason, sizeof j.reason);
    take_text(job, "stage", j.stage, sizeof j.stage);
    take_text(job, "message", j.message, sizeof j.message);
    *ret = j;
    return VARVE_OK;
}

varve_status jobs_of_server(http_client *http, jobs *ret, varve_error *err)
{
    VV_CLEANUP(http_answer_freep) json_t *params = NULL;
    VV_CLEANUP(jobs_done) jobs read = {0};
    VV_TRY(http_call(http, "/jobs", NULL, &params, err));
    const json_t *list = json_object_get(params, "jobs");
    if (!json_is_array(list)) return vv_fail(err, VARVE_INTERNAL, "the server sent no jobs");
    VV_TRY(make_list(json_array_size(list), &read, err));
    for (size_t i = 0; i < read.count; i++)
        VV_TRY(take_job(json_array_get(list, i), &read.list[i], err));
    *ret = read;
    read = (jobs){0};
    return VARVE_OK;
}
