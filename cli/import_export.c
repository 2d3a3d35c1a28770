/* import_export.c — the folder that an export made, into a collection of a folder or server. */
#include "import.h"

#include "base/file.h"
#include "server.h"

#include "snapshot.h"

#include <stdio.h>
#include <unistd.h>

#define IMPORT_PATH_MAX 4096

bool import_is_export(const char *path)
{
    static const char *const names[] = {"manifest.json", "export_manifest.json"};
    char manifest[IMPORT_PATH_MAX];
    for (size_t i = 0; i < VV_COUNT(names); i++)
        if (file_join(manifest, sizeof manifest, path, names[i], NULL) == VARVE_OK &&
            file_exists(manifest))
            return true;
    return false;
}

static bool show(void *arg, uint64_t done, uint64_t all)
{
    progress_show(arg, done, all ? (double)done / (double)all : -1);
    return false;
}

static varve_status to_folder(const import_plan *plan, progress *bar, uint64_t *ret_rows,
                              varve_error *err)
{
    VV_CLEANUP(folder_done) folder_session folder = {0};
    char scratch[IMPORT_PATH_MAX];
    export_info info;
    const char *database = plan->to.database;
    int len =
        snprintf(scratch, sizeof scratch, "%s/work/import-%ld", plan->to.where, (long)getpid());
    if (len >= (int)sizeof scratch) return vv_fail(err, VARVE_LIMIT, "the path is too long");
    VV_TRY(folder_open(&plan->to, FOLDER_CREATE, &folder, err));
    if (!varve_database_exists(folder.db, database))
        VV_TRY(varve_database_create(folder.db, database, err));
    export_place from = {.db = folder.db,
                         .database = database,
                         .collection = plan->to.collection,
                         .path = plan->from.files[0],
                         .scratch = scratch,
                         .cancelled = show,
                         .arg = bar};
    VV_TRY(snapshot_import(&from, plan->overwrite, &info, err));
    *ret_rows = info.rows;
    return folder_close(&folder, err);
}

static varve_status to_url(const import_plan *plan, varve_error *err)
{
    VV_CLEANUP(http_closep) http_client *http = NULL;
    VV_CLEANUP(http_answer_freep) json_t *params = NULL;
    VV_TRY(http_open(plan->to.where, plan->to.api_key, &http, err));
    json_t *body = server_body(&plan->to);
    json_object_set_new(body, "export_path", json_string(plan->from.files[0]));
    json_object_set_new(body, "overwrite", json_boolean(plan->overwrite));
    return http_call_long(http, "/import_collection", body, &params, err);
}

varve_status import_export(const import_plan *plan, varve_error *err)
{
    progress bar;
    uint64_t rows = 0;
    if (place_is_url(&plan->to)) return to_url(plan, err);
    progress_start(&bar);
    varve_status status = to_folder(plan, &bar, &rows, err);
    double seconds = progress_end(&bar);
    if (status == VARVE_OK) printf("%llu rows in %.1f s\n", (unsigned long long)rows, seconds);
    return status;
}
