/* import.c — an import from its manifest to the commit: the collection is built in a folder of its
 * own and then copied over. */
#include "import_inner.h"

#include <stdio.h>
#include <stdlib.h>

static void job_done(import_job *j)
{
    export_stage_done(&j->stage);
    import_source_done(&j->source);
    file_unmap(&j->text);
    free(j->lines);
}

static varve_status open_text(import_job *j, varve_error *err)
{
    char path[EXPORT_PATH_MAX];
    const char *name = j->source.layout == EXPORT_LYNSE ? LYNSE_ROWS : EXPORT_ROWS;
    VV_TRY(file_join(path, sizeof path, j->place->path, name, err));
    return file_map_open(path, &j->text, err);
}

static varve_status make_collection(import_job *j, varve_error *err)
{
    const import_source *s = &j->source;
    varve_collection_spec spec = {.dim = s->dim,
                                  .dtype = s->dtype,
                                  .index_mode =
                                      s->index_mode && s->index_mode[0] ? s->index_mode : NULL,
                                  .description = s->description,
                                  .text_stem = s->text_stem,
                                  .text_stop_words = s->text_stop_words,
                                  .text_fold_accents = s->text_fold_accents};
    if (s->text_language && s->text_language[0]) spec.text_language = s->text_language;
    if (snprintf(j->stage.path, sizeof j->stage.path, "%s", j->place->scratch) >= EXPORT_PATH_MAX)
        return vv_fail(err, VARVE_LIMIT, "the path of the scratch folder is too long");
    VV_TRY(file_remove_tree(j->stage.path, err));
    VV_TRY(varve_open(j->stage.path, NULL, &j->stage.db, err));
    VV_TRY(varve_collection_create(j->stage.db, "default", "import", &spec, &j->stage.c, err));
    if (!spec.index_mode || s->layout == EXPORT_LYNSE) return VARVE_OK;
    return varve_index_build(j->stage.c, spec.index_mode, &s->params, true, err);
}

/* A name that may not be used is found before the work, one that is taken as well. */
static varve_status check_target(const export_place *p, bool overwrite, varve_error *err)
{
    if (!overwrite && varve_collection_exists(p->db, p->database, p->collection))
        return vv_fail(err, VARVE_EXISTS, "Collection already exists: %s", p->collection);
    return VARVE_OK;
}

static varve_status publish(import_job *j, bool overwrite, varve_error *err)
{
    const export_place *p = j->place;
    varve_copy_item item = {"default", "import", p->database, p->collection};
    varve_copy_options options = {.overwrite = overwrite};
    VV_TRY(varve_copy(j->stage.db, &item, 1, p->db, &options, NULL, err));
    j->info.rows = j->source.rows;
    j->info.bytes = j->text.size;
    return VARVE_OK;
}

varve_status snapshot_import(const export_place *place, bool overwrite, export_info *ret,
                             varve_error *err)
{
    VV_CLEANUP(job_done) import_job j = {.place = place};
    VV_TRY(check_target(place, overwrite, err));
    VV_TRY(import_read_manifest(place->path, &j.source, err));
    VV_TRY(open_text(&j, err));
    VV_TRY(import_find_lines(&j, err));
    VV_TRY(make_collection(&j, err));
    VV_TRY(import_rows(&j, err));
    VV_TRY(import_fields(&j, err));
    VV_TRY(publish(&j, overwrite, err));
    *ret = j.info;
    return VARVE_OK;
}
