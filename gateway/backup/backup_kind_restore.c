/* backup_kind_restore.c — the job "restore": a collection of a backup, or rows of one, into the
 * folder that is served. See restore_some.h: all or nothing, and the others are not touched.
 *
 *   order  {database, collection, to_database, to_collection, overwrite, ids [...], skip_missing,
 *           and a moment: backup_moment.h} */
#include "backup_moment.h"
#include "backup_service_inner.h"

#include <stdlib.h>

typedef struct restore_order {
    backup_moment moment;
    restore_some_options some;
    varve_id *ids; /* owned; texts are the order's */
} restore_order;

static void order_done(restore_order *o) { free(o->ids); }

/* ---- order ----------------------------------------------------------------------------------- */

static varve_status read_id(const json_t *j, varve_id *ret, varve_error *err)
{
    if (json_is_integer(j) && json_integer_value(j) >= 0) {
        *ret = (varve_id){.num = (uint64_t)json_integer_value(j)};
        return VARVE_OK;
    }
    if (json_is_string(j) && json_string_length(j) > 0) {
        *ret =
            (varve_id){.kind = VARVE_ID_STR, .text = {json_string_value(j), json_string_length(j)}};
        return VARVE_OK;
    }
    return vv_fail(err, VARVE_INVALID,
                   "Invalid argument: ids are integers that are not negative, or strings");
}

static varve_status read_ids(const json_t *order, restore_order *o, varve_error *err)
{
    const json_t *list = json_object_get(order, "ids");
    size_t count = json_array_size(list);
    if (!list || json_is_null(list)) return VARVE_OK;
    if (count == 0)
        return vv_fail(err, VARVE_INVALID, "Invalid argument: ids must be a list with ids in it");
    o->ids = calloc(count, sizeof *o->ids);
    if (!o->ids) return vv_fail(err, VARVE_NO_MEMORY, "no memory for %zu ids", count);
    for (size_t i = 0; i < count; i++)
        VV_TRY(read_id(json_array_get(list, i), &o->ids[i], err));
    o->some.ids = o->ids;
    o->some.id_count = count;
    return VARVE_OK;
}

static varve_status read_names(const json_t *j, restore_some_options *s, varve_error *err)
{
    VV_TRY(order_text(j, "database", &s->database, err));
    VV_TRY(order_text(j, "collection", &s->collection, err));
    VV_TRY(order_text(j, "to_database", &s->to_database, err));
    VV_TRY(order_text(j, "to_collection", &s->to_collection, err));
    if (!s->database) s->database = "default";
    if (s->collection) return VARVE_OK;
    return vv_fail(err, VARVE_INVALID, "Invalid argument: collection must be named");
}

/* Into what the caller owns, also when it fails. */
static varve_status read_order(const json_t *j, restore_order *o, varve_error *err)
{
    static const char *const names[] = {
        BACKUP_MOMENT_NAMES, "database", "collection",   "to_database", "to_collection",
        "overwrite",         "ids",      "skip_missing", NULL};
    VV_TRY(order_only(j, names, err));
    VV_TRY(read_names(j, &o->some, err));
    VV_TRY(backup_moment_read(j, o->some.database, o->some.collection, &o->moment, err));
    VV_TRY(order_switch(j, "overwrite", false, &o->some.overwrite, err));
    VV_TRY(order_switch(j, "skip_missing", false, &o->some.skip_missing, err));
    VV_TRY(read_ids(j, o, err));
    if (o->ids && o->some.overwrite)
        return vv_fail(err, VARVE_INVALID, "Invalid argument: overwrite is for whole collections");
    return VARVE_OK;
}

varve_status restore_kind_check(gateway *g, const json_t *order, varve_error *err)
{
    VV_CLEANUP(order_done) restore_order o = {0};
    (void)g;
    return read_order(order, &o, err);
}

/* ---- run ------------------------------------------------------------------------------------- */

static void show(void *job, const restore_progress *p)
{
    const backup_progress same = {.stage = p->stage,
                                  .files = p->files,
                                  .files_all = p->files_all,
                                  .bytes = p->bytes,
                                  .bytes_all = p->bytes_all};
    backup_job_progress(job, &same);
}

static varve_status tell(const restore_some_result *r, json_t *result, varve_error *err)
{
    json_t *j =
        json_pack("{s:s,s:I,s:I,s:I,s:I,s:I,s:I,s:f}", "snapshot", r->snapshot.id, "sequence",
                  (json_int_t)r->sequence, "rows", (json_int_t)r->rows, "deleted",
                  (json_int_t)r->deleted, "rows_missing", (json_int_t)r->rows_missing, "files",
                  (json_int_t)r->files, "bytes", (json_int_t)r->bytes, "seconds", r->seconds);
    int code = j ? json_object_update(result, j) : -1;
    json_decref(j);
    return code == 0 ? VARVE_OK : vv_fail(err, VARVE_NO_MEMORY, "no memory for the answer");
}

varve_status restore_kind_run(backup_service *s, backup_job *job, json_t *result, varve_error *err)
{
    VV_CLEANUP(order_done) restore_order o = {0};
    restore_some_result made = {0};
    char scratch[4096];
    repo *r;
    VV_TRY(read_order(backup_job_order(job), &o, err));
    VV_TRY(backup_path(s->g->root_path, NULL, scratch, sizeof scratch, err));
    o.some.snap_id = o.moment.snap_id;
    o.some.moment = o.moment.between ? &o.moment.pitr : NULL;
    o.some.into = s->g->db;
    o.some.scratch = scratch;
    o.some.threads = (size_t)s->g->config.backup_threads;
    o.some.cancel = backup_job_cancel(job);
    o.some.progress = show;
    o.some.progress_arg = job;
    backup_job_stage(job, "connect");
    VV_TRY(backup_home_repo(s->home, &r, err));
    backup_job_stage(job, "restore");
    VV_TRY(restore_some(r, &o.some, &made, err));
    return tell(&made, result, err);
}
