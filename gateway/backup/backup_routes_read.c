/* backup_routes_read.c — the part of backup_routes.h that only looks: snapshots, status, jobs. */
#include "backup_routes.h"

#include "gateway_inner.h"

#include <stdlib.h>
#include <string.h>

#define LIST_DEFAULT 100
#define LIST_MAX     10000

/* ---- snapshots ------------------------------------------------------------------------------- */

/* One that cannot be read does not hide the others. */
static json_t *load_one(repo *r, const object_name *name)
{
    VV_CLEANUP(manifest_done) manifest m = {0};
    varve_error err = {0};
    if (snapshots_load(r, name, &m, &err) == VARVE_OK) return manifest_summary(&m);
    return json_pack("{s:s,s:i,s:I,s:s}", "snapshot", name->id, "timeline", (int)name->timeline,
                     "sequence", (json_int_t)name->lsn, "error", err.message);
}

static varve_status read_limit(const http_request *request, size_t *ret, varve_error *err)
{
    const char *text = http_query(request, "limit");
    char *end = NULL;
    *ret = LIST_DEFAULT;
    if (!text) return VARVE_OK;
    unsigned long n = *text >= '0' && *text <= '9' ? strtoul(text, &end, 10) : 0;
    if (!end || *end || n < 1 || n > LIST_MAX)
        return vv_fail(err, VARVE_INVALID, "Invalid argument: limit is a number from 1 to %d",
                       LIST_MAX);
    *ret = (size_t)n;
    return VARVE_OK;
}

static varve_status list(gateway *g, http_request *request, json_t **ret, varve_error *err)
{
    VV_CLEANUP(snapshots_done) snapshots all = {0};
    backup_service *s;
    repo *r;
    size_t limit;
    VV_TRY(backup_routes_service(g, &s, err));
    VV_TRY(read_limit(request, &limit, err));
    VV_TRY(backup_home_repo(g->backup_home, &r, err));
    VV_TRY(snapshots_list(r, r->db_id, &all, err));
    json_t *items = json_array();
    for (size_t i = all.count; items && i > 0 && all.count - i < limit; i--)
        json_array_append_new(items, load_one(r, &all.items[i - 1]));
    *ret = json_pack("{s:I,s:o}", "total", (json_int_t)all.count, "snapshots", items);
    return VARVE_OK;
}

void ops_backup_list(gateway *g, http_request *request, http_reply *reply)
{
    varve_error err = {0};
    json_t *params = NULL;
    if (list(g, request, &params, &err) != VARVE_OK)
        backup_reply_error(reply, &err);
    else
        backup_reply(reply, 200, params);
}

static varve_status one(gateway *g, http_request *request, json_t **ret, varve_error *err)
{
    VV_CLEANUP(manifest_done) manifest m = {0};
    backup_service *s;
    object_name name;
    repo *r;
    const char *id = http_path_param(request, "id");
    VV_TRY(backup_routes_service(g, &s, err));
    if (strcmp(id, "latest") != 0 && !names_is_id(id))
        return vv_fail(err, VARVE_INVALID,
                       "Invalid argument: a snapshot has a UUID in lower case, or is 'latest'");
    VV_TRY(backup_home_repo(g->backup_home, &r, err));
    if (strcmp(id, "latest") == 0)
        VV_TRY(snapshots_newest(r, UINT64_MAX, &name, err));
    else
        VV_TRY(snapshots_find(r, id, &name, err));
    VV_TRY(snapshots_load(r, &name, &m, err));
    *ret = manifest_details(&m);
    return VARVE_OK;
}

void ops_backup_one(gateway *g, http_request *request, http_reply *reply)
{
    varve_error err = {0};
    json_t *params = NULL;
    if (one(g, request, &params, &err) != VARVE_OK)
        backup_reply_error(reply, &err);
    else
        backup_reply(reply, 200, params);
}

/* ---- status ---------------------------------------------------------------------------------- */

static json_t *text_or_null(const char *text)
{
    return text && *text ? json_string(text) : json_null();
}

static json_t *number_or_null(uint64_t n) { return n ? json_integer((json_int_t)n) : json_null(); }

static json_t *repository_json(const backup_home_view *h)
{
    return json_pack("{s:s,s:b,s:s,s:o,s:o,s:o,s:o,s:o,s:o,s:o,s:o}", "where", h->where,
                     "reachable", h->reachable, "lease", backup_home_stage_word(h->stage),
                     "repo_id", text_or_null(h->repo_id), "db_id", text_or_null(h->db_id), "holder",
                     text_or_null(h->holder), "timeline", number_or_null(h->timeline), "epoch",
                     number_or_null(h->epoch), "lease_until_ms", number_or_null(h->until_ms),
                     "asked_ms", number_or_null(h->asked_ms), "error",
                     h->why.status == VARVE_OK ? json_null() : json_string(h->why.message));
}

static json_t *last_ok_json(const backup_state *s)
{
    if (!s->last_ok.ms) return json_null();
    return json_pack(
        "{s:I,s:s,s:s,s:I,s:f,s:I,s:I}", "started_ms", (json_int_t)s->last_ok.ms, "snapshot",
        s->last_ok.snapshot, "kind", s->last_ok.full ? "full" : "incremental", "sequence",
        (json_int_t)s->last_ok.lsn, "seconds", (double)s->last_ok.took_ms * 1e-3, "bytes_stored",
        (json_int_t)s->last_ok.bytes_stored, "files_stored", (json_int_t)s->last_ok.files_stored);
}

static json_t *last_failure_json(const backup_state *s)
{
    if (!s->last_failure.ms) return json_null();
    return json_pack("{s:I,s:s,s:s}", "ended_ms", (json_int_t)s->last_failure.ms, "status",
                     s->last_failure.status, "message", s->last_failure.message);
}

static json_t *scheduler_json(const backup_service_view *v)
{
    bool never = v->next.due_ms == BACKUP_PLAN_NEVER;
    return json_pack("{s:b,s:b,s:o,s:o}", "enabled", v->state.scheduler, "notified",
                     v->state.notified_ms != 0, "next_ms",
                     never ? json_null() : json_integer((json_int_t)v->next.due_ms), "next_reason",
                     text_or_null(v->next.reason));
}

static json_t *drills_json(const backup_drills_view *d)
{
    return json_pack("{s:I,s:I,s:o,s:o,s:f,s:o}", "drills", (json_int_t)d->drills, "failures",
                     (json_int_t)d->failures, "last_ms", number_or_null(d->last_ms), "last_ok_ms",
                     number_or_null(d->last_ok_ms), "last_seconds", d->last_seconds, "last_sound",
                     d->drills ? json_boolean(d->last_sound) : json_null());
}

static json_t *status_json(const backup_service_view *v)
{
    const backup_state *s = &v->state;
    uint64_t lag = v->sequence > s->last_ok.lsn ? v->sequence - s->last_ok.lsn : 0;
    return json_pack(
        "{s:b,s:o,s:o,s:o,s:o,s:o,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:o,s:o,s:I}", "configured", 1,
        "repository", repository_json(&v->home), "scheduler", scheduler_json(v), "last_ok",
        last_ok_json(s), "last_failure", last_failure_json(s), "drills", drills_json(&v->drills),
        "backups", (json_int_t)s->backups, "failures", (json_int_t)s->failures,
        "consecutive_failures", (json_int_t)s->consecutive_failures, "deltas_since_full",
        (json_int_t)s->deltas_since_full, "bytes_stored", (json_int_t)s->bytes_stored, "sequence",
        (json_int_t)v->sequence, "lag", (json_int_t)lag, "last_prune_ms",
        number_or_null(s->last_prune_ms), "running_job", number_or_null(v->running), "queued_jobs",
        (json_int_t)v->queued);
}

void ops_backup_status(gateway *g, http_request *request, http_reply *reply)
{
    backup_service_view v;
    (void)request;
    if (!g->backup_service) {
        backup_reply(reply, 200, json_pack("{s:b}", "configured", 0));
        return;
    }
    backup_service_look(g->backup_service, &v);
    backup_reply(reply, 200, status_json(&v));
}

/* ---- jobs ------------------------------------------------------------------------------------ */

static varve_status list_jobs(gateway *g, json_t **ret, varve_error *err)
{
    backup_service *s;
    json_t *jobs = NULL;
    VV_TRY(backup_routes_service(g, &s, err));
    VV_TRY(backup_jobs_list(s, &jobs, err));
    *ret = json_pack("{s:o}", "jobs", jobs);
    return VARVE_OK;
}

void ops_backup_jobs(gateway *g, http_request *request, http_reply *reply)
{
    varve_error err = {0};
    json_t *params = NULL;
    (void)request;
    if (list_jobs(g, &params, &err) != VARVE_OK)
        backup_reply_error(reply, &err);
    else
        backup_reply(reply, 200, params);
}
