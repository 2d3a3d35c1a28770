/* export.c — an export from pin to publication. */
#include "export_inner.h"

#include "base/bytes.h"
#include "base/half.h"
#include "publish.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- what both ways need ------------------------------------------------------------------- */

npy_shape export_shape(varve_dtype type, size_t dim, uint64_t rows)
{
    static const npy_type types[VARVE_DTYPE_COUNT] = {[VARVE_FLOAT32] = NPY_F4,
                                                      [VARVE_FLOAT16] = NPY_F2,
                                                      [VARVE_UINT8] = NPY_U1,
                                                      [VARVE_INT8] = NPY_I1,
                                                      [VARVE_BINARY] = NPY_U1};
    return (npy_shape){types[type], rows, type == VARVE_BINARY ? (dim + 7) / 8 : dim};
}

static void pack_one(varve_dtype type, const float *values, size_t dim, uint8_t *ret)
{
    switch (type) {
    case VARVE_FLOAT16:
        for (size_t i = 0; i < dim; i++)
            put_u16(ret + 2 * i, half_from_float(values[i]));
        return;
    case VARVE_UINT8:
        for (size_t i = 0; i < dim; i++)
            ret[i] = (uint8_t)values[i];
        return;
    case VARVE_INT8:
        for (size_t i = 0; i < dim; i++)
            ret[i] = (uint8_t)(int8_t)values[i];
        return;
    case VARVE_BINARY:
        memset(ret, 0, (dim + 7) / 8);
        for (size_t i = 0; i < dim; i++)
            ret[i / 8] |= (uint8_t)((values[i] > 0.5F) << i % 8);
        return;
    default: memcpy(ret, values, dim * sizeof *values);
    }
}

void export_pack(varve_dtype type, const float *values, size_t rows, size_t dim, uint8_t *ret)
{
    size_t bytes = varve_dtype_row_bytes(type, dim);
    for (size_t i = 0; i < rows; i++)
        pack_one(type, values + i * dim, dim, ret + i * bytes);
}

size_t export_page_rows(size_t dim)
{
    size_t rows = EXPORT_PAGE / (VV_MAX(dim, (size_t)1) * sizeof(float));
    return VV_MIN(VV_MAX(rows, (size_t)1), (size_t)EXPORT_PAGE_ROWS);
}

varve_status export_progress(const export_place *place, uint64_t done, uint64_t rows,
                             varve_error *err)
{
    if (!place->cancelled || !place->cancelled(place->arg, done, rows)) return VARVE_OK;
    return vv_fail(err, VARVE_CANCELLED, "cancelled at row %llu of %llu", (unsigned long long)done,
                   (unsigned long long)rows);
}

void export_stage_done(export_stage *s)
{
    varve_collection_release(s->c);
    if (s->db) varve_abandon(s->db);
    publish_discard(s->path);
}

/* ---- files --------------------------------------------------------------------------------- */

varve_status export_create(const export_job *j, const char *name, file_writer **ret,
                           varve_error *err)
{
    char path[EXPORT_PATH_MAX];
    VV_TRY(file_join(path, sizeof path - 4, j->folder, name, err));
    strcat(path, ".tmp");
    return file_create(path, ret, err);
}

varve_status export_publish(const export_job *j, file_writer **w, const char *name,
                            varve_error *err)
{
    char path[EXPORT_PATH_MAX];
    file_writer *taken = *w;
    VV_TRY(file_join(path, sizeof path, j->folder, name, err));
    *w = NULL;
    return file_publish(taken, path, err);
}

/* ---- the moment that is exported ----------------------------------------------------------- */

/* A copy of the collection in a folder of its own; it takes no space but for rows in memory. */
static varve_status pin(export_job *j, varve_error *err)
{
    const export_place *p = j->place;
    varve_copy_item item = {p->database, p->collection, "default", "export"};
    if (snprintf(j->stage.path, sizeof j->stage.path, "%s", p->scratch) >= EXPORT_PATH_MAX)
        return vv_fail(err, VARVE_LIMIT, "the path of the scratch folder is too long");
    VV_TRY(file_remove_tree(j->stage.path, err));
    VV_TRY(varve_open(j->stage.path, NULL, &j->stage.db, err));
    VV_TRY(varve_copy(p->db, &item, 1, j->stage.db, NULL, NULL, err));
    VV_TRY(varve_collection_open(j->stage.db, "default", "export", &j->stage.c, err));
    return varve_collection_get_stats(j->stage.c, &j->stage.stats, err);
}

static void job_done(export_job *j)
{
    json_decref(j->manifest);
    export_stage_done(&j->stage);
    publish_discard(j->folder);
}

/* ---- all ----------------------------------------------------------------------------------- */

static varve_status begin(export_job *j, varve_error *err)
{
    const char *path = j->place->path;
    if (file_exists(path))
        return vv_fail(err, VARVE_EXISTS, "export path already exists: %s", path);
    if (snprintf(j->folder, sizeof j->folder, "%s.export-tmp", path) >= EXPORT_PATH_MAX) {
        j->folder[0] = 0;
        return vv_fail(err, VARVE_LIMIT, "the path of the export is too long");
    }
    VV_TRY(publish_make_above(path, err));
    VV_TRY(file_remove_tree(j->folder, err));
    VV_TRY(file_make_dir(j->folder, err));
    j->manifest = json_object();
    return j->manifest ? VARVE_OK : vv_fail(err, VARVE_NO_MEMORY, "no memory for a manifest");
}

varve_status snapshot_export(const export_place *place, export_layout layout, export_info *ret,
                             varve_error *err)
{
    VV_CLEANUP(job_done) export_job j = {.place = place, .layout = layout};
    VV_TRY(begin(&j, err));
    VV_TRY(pin(&j, err));
    VV_TRY(export_rows(&j, err));
    if (layout == EXPORT_VARVE) VV_TRY(export_fields(&j, err));
    VV_TRY(export_write_manifest(&j, err));
    VV_TRY(publish_folder(j.folder, place->path, err));
    j.folder[0] = 0;
    *ret = j.info;
    return VARVE_OK;
}
