/* import_folder.c — import into a data folder: a session that commits at the end, or one write per
 * batch. */
#include "import.h"

#include "text.h"

#include <string.h>

typedef struct job {
    const import_plan *plan;
    folder_session folder;
    varve_session *session; /* NULL with commit_batches */
    bool made;              /* the collection is ours to drop on failure */
    uint64_t rows, rows_committed;
} job;

static void job_done(job *j)
{
    varve_session_free(j->session);
    folder_done(&j->folder);
}

static varve_status make_collection(job *j, const varve_rows *first, varve_error *err)
{
    const import_plan *plan = j->plan;
    varve_collection_spec spec = {
        .dim = first->dim, .dtype = first->vectors_type, .index_mode = plan->index_mode};
    if (plan->dtype && !text_to_dtype(plan->dtype, &spec.dtype))
        return vv_fail(err, VARVE_INVALID, "there is no vector type '%s'", plan->dtype);
    if (!varve_database_exists(j->folder.db, plan->to.database))
        VV_TRY(varve_database_create(j->folder.db, plan->to.database, err));
    VV_TRY(varve_collection_create(j->folder.db, plan->to.database, plan->to.collection, &spec,
                                   &j->folder.collection, err));
    j->made = true;
    return VARVE_OK;
}

static varve_status use_collection(job *j, varve_error *err)
{
    const import_plan *plan = j->plan;
    varve_collection_stats stats;
    VV_TRY(varve_collection_open(j->folder.db, plan->to.database, plan->to.collection,
                                 &j->folder.collection, err));
    VV_TRY(varve_collection_get_stats(j->folder.collection, &stats, err));
    if (plan->dtype && strcmp(plan->dtype, varve_dtype_name(stats.dtype)) != 0)
        return vv_fail(err, VARVE_INVALID, "the collection holds %s vectors, not %s",
                       varve_dtype_name(stats.dtype), plan->dtype);
    if (!plan->index_mode) return VARVE_OK;
    return varve_index_mode_set(j->folder.collection, plan->index_mode, err);
}

static varve_status start(job *j, const varve_rows *first, varve_error *err)
{
    const import_plan *plan = j->plan;
    VV_TRY(folder_open(&plan->to, FOLDER_CREATE, &j->folder, err));
    if (varve_collection_exists(j->folder.db, plan->to.database, plan->to.collection))
        VV_TRY(use_collection(j, err));
    else
        VV_TRY(make_collection(j, first, err));
    if (plan->commit_batches) return VARVE_OK;
    varve_session_options options = {.upsert = plan->upsert};
    return varve_session_new(j->folder.collection, &options, &j->session, err);
}

static varve_status add(job *j, const varve_rows *rows, varve_error *err)
{
    if (j->session) return varve_session_add(j->session, rows, err);
    if (j->plan->upsert)
        VV_TRY(varve_upsert(j->folder.collection, rows, NULL, NULL, err));
    else
        VV_TRY(varve_insert(j->folder.collection, rows, NULL, NULL, err));
    j->rows_committed += rows->count;
    return VARVE_OK;
}

static varve_status run(job *j, source *from, progress *bar, varve_error *err)
{
    varve_rows rows;
    VV_TRY(source_next(from, &rows, err));
    if (rows.count == 0) return vv_fail(err, VARVE_INVALID, "there are no rows");
    VV_TRY(start(j, &rows, err));
    while (rows.count > 0) {
        VV_TRY(add(j, &rows, err));
        j->rows += rows.count;
        progress_show(bar, j->rows, source_share(from));
        VV_TRY(source_next(from, &rows, err));
    }
    if (!j->session) return VARVE_OK;
    VV_TRY(varve_session_commit(j->session, NULL, err));
    j->rows_committed = j->rows;
    return VARVE_OK;
}

/* A collection that nothing went into was made in vain. */
static void undo(job *j)
{
    if (!j->made || j->rows_committed > 0) return;
    varve_session_free(j->session);
    varve_collection_release(j->folder.collection);
    j->session = NULL;
    j->folder.collection = NULL;
    varve_status ignored =
        varve_collection_drop(j->folder.db, j->plan->to.database, j->plan->to.collection, NULL);
    (void)ignored; /* the failure that led here is the one to report */
}

varve_status import_to_folder(const import_plan *plan, source *from, progress *bar,
                              uint64_t *ret_rows, varve_error *err)
{
    VV_CLEANUP(job_done) job j = {.plan = plan};
    varve_status status = run(&j, from, bar, err);
    if (status != VARVE_OK) {
        undo(&j);
        return status;
    }
    varve_session_free(j.session);
    j.session = NULL;
    VV_TRY(folder_close(&j.folder, err));
    *ret_rows = j.rows;
    return VARVE_OK;
}
