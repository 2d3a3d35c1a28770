/* lynse_snapshots.c — snapshots, exports and back, of databases and collections, by names on the
 * server. */
#include "lynse_answer.h"
#include "lynse_args.h"
#include "lynse_handlers.h"
#include "snapshot.h"
#include "snapshot_place.h"

#include <string.h>

/* ---- what all of them take and answer ------------------------------------------------------ */

static varve_status place_of(lynse_call *c, const char *key, const char **ret_given,
                             char path[SNAPSHOT_PLACE_MAX], varve_error *err)
{
    VV_TRY(lynse_need_text(c, key, ret_given, err));
    return snapshot_place(c->gateway, key, *ret_given, path, err);
}

static varve_status answer(lynse_call *c, const char *key, const char *given, varve_error *err)
{
    buffer *out = &c->reply->body;
    VV_TRY(lynse_reply_begin(c, err));
    VV_TRY(buffer_printf(out, err, ",\"%s\":", key));
    VV_TRY(lynse_out_text(out, given, err));
    return lynse_reply_end(c, err);
}

/* The contract has 400 where a target is there already, or a source is not. */
static varve_status of_path(varve_status status, varve_error *err)
{
    bool wrong = status == VARVE_EXISTS || status == VARVE_NOT_FOUND;
    if (!wrong) return status;
    if (err) err->status = VARVE_INVALID;
    return VARVE_INVALID;
}

static varve_status need_there(const char *field, const char *given, const char *path,
                               varve_error *err)
{
    snapshot_info info;
    varve_status status = snapshot_inspect(path, &info, err);
    if (status != VARVE_NOT_FOUND) return status;
    return vv_fail(err, VARVE_INVALID, "%s: there is no snapshot '%s'", field, given);
}

/* ---- databases ----------------------------------------------------------------------------- */

static varve_status snapshot_database(lynse_call *c, varve_error *err)
{
    char path[SNAPSHOT_PLACE_MAX];
    const char *given;
    snapshot_info info;
    VV_TRY(place_of(c, "snapshot_path", &given, path, err));
    VV_TRY(lynse_need_database(c, err));
    snapshot_scope scope = {c->database, NULL};
    VV_TRY(of_path(snapshot_create(http_db(c->request), scope, path, &info, err), err));
    return answer(c, "snapshot_path", given, err);
}

void lynse_snapshot_database(gateway *g, http_request *request, http_reply *reply)
{
    lynse_run_json(g, request, reply, LYNSE_DATABASE, snapshot_database);
}

static varve_status restore_database(lynse_call *c, varve_error *err)
{
    char path[SNAPSHOT_PLACE_MAX];
    const char *given;
    snapshot_info info;
    snapshot_restore_request r = {.path = path, .to = {c->database, NULL}, .whole = true};
    VV_TRY(place_of(c, "snapshot_path", &given, path, err));
    VV_TRY(lynse_bool(c, "overwrite", &r.overwrite, err));
    VV_TRY(need_there("snapshot_path", given, path, err));
    if (!r.overwrite && varve_database_exists(http_db(c->request), c->database))
        return vv_fail(err, VARVE_INVALID, "database already exists: %s", c->database);
    VV_TRY(lynse_of_engine(snapshot_restore(http_db(c->request), &r, &info, err), err));
    return answer(c, "snapshot_path", given, err);
}

void lynse_restore_database(gateway *g, http_request *request, http_reply *reply)
{
    lynse_run_json(g, request, reply, LYNSE_DATABASE, restore_database);
}

/* ---- collections --------------------------------------------------------------------------- */

static varve_status snapshot_collection(lynse_call *c, varve_error *err)
{
    char path[SNAPSHOT_PLACE_MAX];
    const char *given;
    snapshot_info info;
    snapshot_scope scope = {c->database, c->name};
    VV_TRY(place_of(c, "snapshot_path", &given, path, err));
    VV_TRY(of_path(snapshot_create(http_db(c->request), scope, path, &info, err), err));
    return answer(c, "snapshot_path", given, err);
}

void lynse_snapshot_collection(gateway *g, http_request *request, http_reply *reply)
{
    lynse_run_json(g, request, reply, LYNSE_COLLECTION, snapshot_collection);
}

static varve_status check_free(lynse_call *c, bool overwrite, varve_error *err)
{
    VV_TRY(lynse_need_database(c, err));
    if (!overwrite && varve_collection_exists(http_db(c->request), c->database, c->name))
        return vv_fail(err, VARVE_EXISTS, "Collection already exists: %s", c->name);
    return VARVE_OK;
}

static varve_status restore_collection(lynse_call *c, varve_error *err)
{
    char path[SNAPSHOT_PLACE_MAX];
    const char *given;
    snapshot_info info;
    snapshot_restore_request r = {.path = path, .to = {c->database, c->name}};
    VV_TRY(place_of(c, "snapshot_path", &given, path, err));
    VV_TRY(lynse_bool(c, "overwrite", &r.overwrite, err));
    VV_TRY(need_there("snapshot_path", given, path, err));
    VV_TRY(check_free(c, r.overwrite, err));
    VV_TRY(lynse_of_engine(snapshot_restore(http_db(c->request), &r, &info, err), err));
    return answer(c, "snapshot_path", given, err);
}

void lynse_restore_collection(gateway *g, http_request *request, http_reply *reply)
{
    lynse_run_json(g, request, reply, LYNSE_NAMES, restore_collection);
}

/* ---- exports ------------------------------------------------------------------------------- */

static varve_status layout_of(lynse_call *c, export_layout *ret, varve_error *err)
{
    const char *word;
    VV_TRY(lynse_text(c, "layout", &word, err));
    *ret = EXPORT_VARVE;
    if (!word || strcmp(word, "varve") == 0) return VARVE_OK;
    *ret = EXPORT_LYNSE;
    if (strcmp(word, "lynsedb") == 0) return VARVE_OK;
    return vv_fail(err, VARVE_INVALID, "layout: varve or lynsedb, not '%s'", word);
}

static varve_status export_place_of(lynse_call *c, char path[SNAPSHOT_PLACE_MAX],
                                    char scratch[SNAPSHOT_PLACE_MAX], const char **ret_given,
                                    export_place *ret, varve_error *err)
{
    VV_TRY(place_of(c, "export_path", ret_given, path, err));
    VV_TRY(snapshot_place_scratch(c->gateway, scratch, err));
    *ret = (export_place){.db = http_db(c->request),
                          .database = c->database,
                          .collection = c->name,
                          .path = path,
                          .scratch = scratch};
    return VARVE_OK;
}

static varve_status export_collection(lynse_call *c, varve_error *err)
{
    char path[SNAPSHOT_PLACE_MAX], scratch[SNAPSHOT_PLACE_MAX];
    const char *given;
    export_layout layout;
    export_place place;
    export_info info;
    VV_TRY(export_place_of(c, path, scratch, &given, &place, err));
    VV_TRY(layout_of(c, &layout, err));
    VV_TRY(of_path(snapshot_export(&place, layout, &info, err), err));
    return answer(c, "export_path", given, err);
}

void lynse_export_collection(gateway *g, http_request *request, http_reply *reply)
{
    lynse_run_json(g, request, reply, LYNSE_COLLECTION, export_collection);
}

static varve_status import_collection(lynse_call *c, varve_error *err)
{
    char path[SNAPSHOT_PLACE_MAX], scratch[SNAPSHOT_PLACE_MAX];
    const char *given;
    bool overwrite;
    export_place place;
    export_info info;
    VV_TRY(export_place_of(c, path, scratch, &given, &place, err));
    VV_TRY(lynse_bool(c, "overwrite", &overwrite, err));
    VV_TRY(check_free(c, overwrite, err));
    varve_status status = snapshot_import(&place, overwrite, &info, err);
    VV_TRY(status == VARVE_EXISTS ? lynse_of_engine(status, err) : of_path(status, err));
    return answer(c, "export_path", given, err);
}

void lynse_import_collection(gateway *g, http_request *request, http_reply *reply)
{
    lynse_run_json(g, request, reply, LYNSE_NAMES, import_collection);
}
