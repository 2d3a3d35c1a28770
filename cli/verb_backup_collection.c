/* verb_backup_collection.c — `varve backup restore-collection`: one collection, or rows of it, out
 * of a repository into a folder that exists. See restore_some.h. */
#include "backup_order.h"
#include "backup_show.h"
#include "backup_target.h"
#include "input.h"
#include "place.h"
#include "server.h"
#include "text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MIB           1048576.0
#define PATH_SIZE     4096
#define ID_LINE_MAX   ((size_t)64 << 10)
#define IDS_BYTES_MAX ((size_t)1 << 30)

static const flag flags[] = {
    REPOSITORY_FLAGS,
    {"database", 'd', "NAME", "database (default: default)"},
    {"collection", 'c', "NAME", "the collection, as the backup has it"},
    {"as", FLAG_AS, "NAME", "under this name"},
    {"to-database", FLAG_TO_DATABASE, "NAME", "into this database"},
    {"ids", FLAG_IDS, "FILE", "only rows with these ids, a line each; \"17\" is a string"},
    {"skip-missing", FLAG_SKIP_MISSING, NULL, "pass over ids that the backup does not have"},
    {"overwrite", FLAG_OVERWRITE, NULL, "replace a collection of that name (default: refuse)"},
    {"snapshot", FLAG_SNAPSHOT, "ID", "which (default: latest)"},
    BACKUP_TARGET_FLAGS,
    PLACE_KEY_FLAG,
    {"json", FLAG_JSON, NULL, "a JSON object"},
    {NULL, 0, NULL, NULL}};

typedef struct order {
    backup_order common;
    backup_target target;
    restore_some_options some;
    const char *ids_path, *folder, *api_key;
} order;

/* ---- ids ---- */

typedef struct id_list {
    buffer texts;   /* lines, each with a NUL */
    buffer offsets; /* size_t, where each begins */
    varve_id *ids;
    size_t count;
} id_list;

static void id_list_done(id_list *l)
{
    buffer_done(&l->texts);
    buffer_done(&l->offsets);
    free(l->ids);
}

static varve_status read_lines(const char *path, id_list *l, varve_error *err)
{
    VV_CLEANUP(input_closep) input *in = NULL;
    char *line;
    size_t len;
    VV_TRY(input_open(path, &in, err));
    for (;;) {
        VV_TRY(input_line(in, ID_LINE_MAX, &line, &len, err));
        if (!line) return VARVE_OK;
        if (len == 0) continue;
        size_t at = l->texts.len;
        VV_TRY(buffer_add(&l->texts, line, len, err));
        VV_TRY(buffer_add(&l->texts, "", 1, err));
        VV_TRY(buffer_add(&l->offsets, &at, sizeof at, err));
        l->count++;
    }
}

static varve_status read_ids(const char *path, id_list *l, varve_error *err)
{
    buffer_init(&l->texts, IDS_BYTES_MAX, "a list of ids");
    buffer_init(&l->offsets, IDS_BYTES_MAX, "a list of ids");
    VV_TRY(read_lines(path, l, err));
    l->ids = calloc(l->count + 1, sizeof *l->ids);
    if (!l->ids) return vv_fail(err, VARVE_NO_MEMORY, "no memory for %zu ids", l->count);
    for (size_t i = 0; i < l->count; i++) {
        size_t at;
        memcpy(&at, l->offsets.data + i * sizeof at, sizeof at);
        if (!text_to_id(l->texts.data + at, &l->ids[i]))
            return vv_fail(err, VARVE_INVALID, "%s: id %zu is none", path, i + 1);
    }
    if (l->count == 0) return vv_fail(err, VARVE_INVALID, "%s has no ids", path);
    return VARVE_OK;
}

/* ---- restore ---- */

/* A folder that was never backed up has no identity: then the repository has one database, or --db
 * says which. */
static varve_status open_repository(const order *o, repository_session *ret, varve_error *err)
{
    backup_identity who;
    repository_flags from = o->common.repository;
    if (backup_identity_read(o->folder, &who, NULL) != VARVE_OK) from.folder = NULL;
    return repository_open(&from, ret, err);
}

static varve_status restore_into(const order *o, repo *r, varve *db, restore_some_result *ret,
                                 varve_error *err)
{
    VV_CLEANUP(id_list_done) id_list list = {0};
    restore_some_options options = o->some;
    char scratch[PATH_SIZE];
    const pitr_options moment = backup_target_moment(&o->target);
    progress bar;
    if (o->ids_path) {
        VV_TRY(read_ids(o->ids_path, &list, err));
        options.ids = list.ids;
        options.id_count = list.count;
    }
    VV_TRY(backup_path(o->folder, NULL, scratch, sizeof scratch, err));
    options.snap_id = o->common.snapshot;
    options.moment = o->target.given ? &moment : NULL;
    options.into = db;
    options.scratch = scratch;
    options.progress = backup_show_restore;
    options.progress_arg = &bar;
    progress_start(&bar);
    varve_status status = restore_some(r, &options, ret, err);
    progress_end(&bar);
    return status;
}

static varve_status restore(const order *o, restore_some_result *ret, varve_error *err)
{
    VV_CLEANUP(folder_done) folder_session folder = {0};
    VV_CLEANUP(repository_done) repository_session session = {0};
    const place at = {.where = o->folder};
    VV_TRY(open_repository(o, &session, err));
    VV_TRY(folder_open(&at, FOLDER_WRITE, &folder, err));
    VV_TRY(restore_into(o, session.repo, folder.db, ret, err));
    return folder_close(&folder, err);
}

/* ---- by a server ---- */

static json_t *new_body(const order *o)
{
    const restore_some_options *s = &o->some;
    const backup_target *t = &o->target;
    json_t *j =
        json_pack("{s:b,s:s,s:s,s:b,s:b}", "wait", 1, "database", s->database, "collection",
                  s->collection, "overwrite", s->overwrite, "skip_missing", s->skip_missing);
    if (s->to_database) json_object_set_new(j, "to_database", json_string(s->to_database));
    if (s->to_collection) json_object_set_new(j, "to_collection", json_string(s->to_collection));
    if (o->common.snapshot) json_object_set_new(j, "snapshot", json_string(o->common.snapshot));
    if (!t->given) return j;
    if (t->target == PITR_LSN) json_object_set_new(j, "to_lsn", json_integer((json_int_t)t->lsn));
    if (t->target == PITR_TIME)
        json_object_set_new(j, "to_time_ms", json_integer((json_int_t)t->time_ms));
    if (t->target == PITR_LATEST) json_object_set_new(j, "latest", json_true());
    if (t->target == PITR_BEFORE_DROP) json_object_set_new(j, "before_drop", json_true());
    return j;
}

static uint64_t number(const json_t *params, const char *name)
{
    return (uint64_t)json_integer_value(json_object_get(params, name));
}

static varve_status restore_url(const order *o, restore_some_result *ret, varve_error *err)
{
    VV_CLEANUP(http_closep) http_client *http = NULL;
    VV_CLEANUP(http_answer_freep) json_t *params = NULL;
    VV_CLEANUP(http_answer_freep) json_t *body = new_body(o);
    VV_CLEANUP(id_list_done) id_list list = {0};
    const char *snapshot;
    if (o->ids_path) {
        VV_TRY(read_ids(o->ids_path, &list, err));
        VV_TRY(server_add_ids(body, "ids", list.ids, list.count, err));
    }
    VV_TRY(http_open(o->folder, o->api_key, &http, err));
    VV_TRY(http_call_long(http, "/admin/backup/restore", json_incref(body), &params, err));
    *ret = (restore_some_result){.sequence = number(params, "sequence"),
                                 .rows = number(params, "rows"),
                                 .deleted = number(params, "deleted"),
                                 .rows_missing = number(params, "rows_missing"),
                                 .files = number(params, "files"),
                                 .bytes = number(params, "bytes")};
    ret->seconds = json_number_value(json_object_get(params, "seconds"));
    snapshot = json_string_value(json_object_get(params, "snapshot"));
    snprintf(ret->snapshot.id, sizeof ret->snapshot.id, "%s", snapshot ? snapshot : "");
    return VARVE_OK;
}

/* ---- what was done ---- */

static void show(const order *o, const restore_some_result *r)
{
    if (o->common.json) {
        backup_show_json(json_pack("{s:s,s:I,s:I,s:I,s:I,s:I,s:I,s:f}", "snapshot", r->snapshot.id,
                                   "sequence", (json_int_t)r->sequence, "rows", (json_int_t)r->rows,
                                   "deleted", (json_int_t)r->deleted, "rows_missing",
                                   (json_int_t)r->rows_missing, "files", (json_int_t)r->files,
                                   "bytes", (json_int_t)r->bytes, "seconds", r->seconds));
        return;
    }
    printf("%llu rows restored as of sequence %llu; %llu files, %.1f MiB fetched in %.1f s\n",
           (unsigned long long)r->rows, (unsigned long long)r->sequence,
           (unsigned long long)r->files, (double)r->bytes / MIB, r->seconds);
    if (r->rows_missing)
        printf("%llu ids are not in the backup\n", (unsigned long long)r->rows_missing);
}

/* ---- command line ---- */

static int take_flag(void *arg, const verb *v, int key, const char *value)
{
    order *o = arg;
    switch (key) {
    case 'd': o->some.database = value; return VERB_OK;
    case 'c': o->some.collection = value; return VERB_OK;
    case FLAG_API_KEY: o->api_key = value; return VERB_OK;
    case FLAG_AS: o->some.to_collection = value; return VERB_OK;
    case FLAG_TO_DATABASE: o->some.to_database = value; return VERB_OK;
    case FLAG_IDS: o->ids_path = value; return VERB_OK;
    case FLAG_SKIP_MISSING: o->some.skip_missing = true; return VERB_OK;
    case FLAG_OVERWRITE: o->some.overwrite = true; return VERB_OK;
    default: return backup_target_flag(&o->target, v, key, value);
    }
}

static int check(const verb *self, order *o)
{
    const place at = {.where = o->common.repository.folder};
    if (!at.where) return verb_usage(self, "name the folder, or server, to restore into");
    if (place_is_url(&at) && o->common.repository.at.url)
        return verb_usage(self, "a server has its own repository: leave --repo out");
    if (!o->some.collection) return verb_usage(self, "name a --collection");
    if (o->target.given + (o->common.snapshot != NULL) > 1)
        return verb_usage(self, "a snapshot, or one moment");
    if (place_is_url(&at) && o->target.collection &&
        (strcmp(o->target.collection, o->some.collection) != 0 ||
         strcmp(o->target.database, o->some.database) != 0))
        return verb_usage(self, "of a server, --before-drop is that of the collection itself");
    if (o->ids_path && o->some.overwrite)
        return verb_usage(self, "--overwrite is for whole collections");
    if (o->some.skip_missing && !o->ids_path)
        return verb_usage(self, "--skip-missing goes with --ids");
    o->folder = at.where;
    return VERB_OK;
}

static int run(const verb *self, int argc, char **argv)
{
    order o = {.some = {.database = "default"},
               .common.takes_url = true,
               .api_key = getenv("VARVE_API_KEY")};
    restore_some_result result;
    varve_error err = {0};
    int code = backup_order_read(self, argc, argv, &o.common, take_flag, &o);
    if (code == VERB_OK) code = check(self, &o);
    if (code != VERB_OK) return code;
    const place at = {.where = o.folder};
    varve_status status =
        place_is_url(&at) ? restore_url(&o, &result, &err) : restore(&o, &result, &err);
    if (status != VARVE_OK) return verb_fail(self, &err);
    show(&o, &result);
    return VERB_OK;
}

const verb verb_backup_collection = {
    "backup restore-collection",
    "One collection of a backup, or rows of it, into a folder that exists",
    "FOLDER|URL [--repo URL|PATH] --collection C [--as C2] [--ids FILE]",
    "The collection appears in one commit, after it was compared with its digest; the others are\n"
    "not touched. With --ids, rows are put back as they were: vectors, fields, vectors of named\n"
    "fields; rows deleted since come back. While a server owns the folder, give its URL: it takes "
    "the backup\n"
    "of the repository that it is configured with.",
    flags,
    run};
