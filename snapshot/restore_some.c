/* restore_some.c — see restore_some.h: from the repository to the scratch folder, and from there
 * into the open one. */
#include "restore_some_inner.h"

#include "base/clock.h"
#include "base/file.h"
#include "contents.h"
#include "scratch.h"

#include <stdlib.h>
#include <string.h>

#define CHOOSE_TRIES 3

typedef struct some_job {
    repo *r;
    const restore_some_options *o;
    scratch scratch;
    char folder[SCRATCH_PATH_MAX];
    manifest manifest; /* of the snapshot */
    uint32_t id;       /* of the collection in it */
    restore_some_result result;
} some_job;

static void close_dbp(varve **db)
{
    varve_status ignored = *db ? varve_close(*db, NULL) : VARVE_OK;
    (void)ignored;
}

static void collection_freep(varve_collection **c) { varve_collection_release(*c); }

/* ---- what to fetch ------------------------------------------------------------------------- */

static const manifest_collection *find_by_name(const some_job *j)
{
    const manifest *m = &j->manifest;
    for (size_t i = 0; i < m->collection_count; i++)
        if (strcmp(m->collections[i].database, j->o->database) == 0 &&
            strcmp(m->collections[i].name, j->o->collection) == 0)
            return &m->collections[i];
    return NULL;
}

static int compare_with_id(const void *key, const void *item)
{
    uint32_t id = *(const uint32_t *)key, other = ((const manifest_collection *)item)->id;
    return id < other ? -1 : id > other;
}

/* Segments and indexes of other collections are not. Those of vector fields have numbers of their
 * own, which the manifest does not list: they may be ours. */
static bool is_wanted(void *arg, const manifest_file *file)
{
    const some_job *j = arg;
    const manifest *m = &j->manifest;
    if (file->role != ROLE_SEGMENT && file->role != ROLE_INDEX) return true;
    return file->collection == j->id ||
           !bsearch(&file->collection, m->collections, m->collection_count, sizeof *m->collections,
                    compare_with_id);
}

static varve_status load_manifest(some_job *j, const char *snap_id, varve_error *err)
{
    object_name name;
    manifest_done(&j->manifest);
    if (snap_id)
        VV_TRY(snapshots_find(j->r, snap_id, &name, err));
    else
        VV_TRY(snapshots_newest(j->r, UINT64_MAX, &name, err));
    VV_TRY(snapshots_load(j->r, &name, &j->manifest, err));
    j->result.snapshot = name;
    return VARVE_OK;
}

/* ---- fetch --------------------------------------------------------------------------------- */

static varve_status fetch_snapshot(some_job *j, varve_error *err)
{
    restore_result made = {0};
    const restore_options options = {.snap_id = j->result.snapshot.id,
                                     .folder = j->folder,
                                     .threads = j->o->threads,
                                     .no_open = true, /* it is a part only */
                                     .wanted = is_wanted,
                                     .wanted_arg = j,
                                     .cancel = j->o->cancel,
                                     .progress = j->o->progress,
                                     .progress_arg = j->o->progress_arg};
    const manifest_collection *c = find_by_name(j);
    if (!c)
        return vv_fail(err, VARVE_NOT_FOUND, "snapshot %s has no collection %s/%s",
                       j->result.snapshot.id, j->o->database, j->o->collection);
    j->id = c->id;
    VV_TRY(restore_run(j->r, &options, &made, err));
    j->result.sequence = made.snapshot.lsn;
    j->result.files = made.files;
    j->result.bytes = made.bytes;
    return VARVE_OK;
}

/* Without a name it is the newest: if retention took it meanwhile, the next one. */
static varve_status fetch_newest(some_job *j, varve_error *err)
{
    varve_status status = VARVE_NOT_FOUND;
    for (int i = 0; i < CHOOSE_TRIES && status == VARVE_NOT_FOUND; i++) {
        VV_TRY(load_manifest(j, j->o->snap_id, err));
        status = fetch_snapshot(j, err);
        if (j->o->snap_id || !find_by_name(j)) break;
    }
    return status;
}

static varve_status fetch_moment(some_job *j, varve_error *err)
{
    pitr_result made = {0};
    pitr_options options = *j->o->moment;
    options.folder = j->folder;
    options.threads = j->o->threads;
    options.cancel = j->o->cancel;
    options.progress = j->o->progress;
    options.progress_arg = j->o->progress_arg;
    VV_TRY(pitr_run(j->r, &options, &made, err));
    j->result.snapshot = made.base.snapshot;
    j->result.sequence = made.sequence;
    j->result.files = made.base.files;
    j->result.bytes = made.base.bytes + made.bytes;
    return VARVE_OK;
}

/* A moment between snapshots was checked as a whole, and has no digest of its own. */
static varve_status check(const some_job *j, varve_error *err)
{
    const contents_check_options options = {.database = j->o->database,
                                            .collection = j->o->collection,
                                            .golden_max = 1,
                                            .cancel = j->o->cancel};
    contents_checked checked;
    if (j->o->moment) return VARVE_OK;
    return contents_check(j->folder, &j->manifest, &options, &checked, err);
}

/* ---- put ----------------------------------------------------------------------------------- */

static varve_status copy_collection(some_job *j, varve *from, varve_error *err)
{
    const restore_some_options *o = j->o;
    const varve_copy_item item = {o->database, o->collection, o->to_database, o->to_collection};
    const varve_copy_options options = {
        .overwrite = o->overwrite, .cancelled = o->cancel.asked, .arg = o->cancel.arg};
    varve_copy_info info;
    VV_TRY(varve_copy(from, &item, 1, o->into, &options, &info, err));
    j->result.rows = info.rows;
    j->result.deleted = info.deleted;
    return VARVE_OK;
}

static varve_status copy_rows(some_job *j, varve *from, varve_error *err)
{
    VV_CLEANUP(collection_freep) varve_collection *source = NULL;
    VV_CLEANUP(collection_freep) varve_collection *target = NULL;
    const restore_some_options *o = j->o;
    const char *database = o->to_database ? o->to_database : o->database;
    const char *collection = o->to_collection ? o->to_collection : o->collection;
    VV_TRY(varve_collection_open(from, o->database, o->collection, &source, err));
    VV_TRY(varve_collection_open(o->into, database, collection, &target, err));
    return restore_some_rows(source, target, o, &j->result, err);
}

/* A reader: a collection whose files were not fetched is not looked at. */
static varve_status put(some_job *j, varve_error *err)
{
    VV_CLEANUP(close_dbp) varve *from = NULL;
    varve_options options;
    contents_reading(&options);
    VV_TRY(varve_open(j->folder, &options, &from, err));
    return j->o->ids ? copy_rows(j, from, err) : copy_collection(j, from, err);
}

/* ---- all ----------------------------------------------------------------------------------- */

/* What would be refused at the end is refused before anything is fetched. */
static varve_status check_target(const restore_some_options *o, varve_error *err)
{
    const char *database = o->to_database ? o->to_database : o->database;
    const char *collection = o->to_collection ? o->to_collection : o->collection;
    bool exists = varve_collection_exists(o->into, database, collection);
    if (o->ids && !exists)
        return vv_fail(err, VARVE_NOT_FOUND, "there is no collection %s/%s to put rows into",
                       database, collection);
    if (!o->ids && exists && !o->overwrite)
        return vv_fail(err, VARVE_EXISTS, "collection %s/%s exists already", database, collection);
    return VARVE_OK;
}

static varve_status run(some_job *j, varve_error *err)
{
    VV_TRY(file_join(j->folder, sizeof j->folder, j->scratch.path, "data", err));
    VV_TRY(j->o->moment ? fetch_moment(j, err) : fetch_newest(j, err));
    VV_TRY(check(j, err));
    return put(j, err);
}

varve_status restore_some(repo *r, const restore_some_options *options, restore_some_result *ret,
                          varve_error *err)
{
    some_job j = {.r = r, .o = options, .scratch = SCRATCH_NONE};
    uint64_t begin = clock_now_ns();
    VV_TRY(check_target(options, err));
    VV_TRY(scratch_take(options->scratch, "varve-restore", &j.scratch, err));
    varve_status status = run(&j, err);
    scratch_drop(&j.scratch);
    manifest_done(&j.manifest);
    j.result.seconds = (double)(clock_now_ns() - begin) / 1e9;
    if (status == VARVE_OK) *ret = j.result;
    return status;
}
