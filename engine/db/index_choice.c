/* index_choice.c — how a collection is searched: the mode and its parameters, chosen durably. What
 * served the mode before and is of no use for the new one is no longer named by the manifest and no
 * longer in the view; compaction builds what is missing, and replaces what is of use meanwhile. */
#include "db/catalog.h"
#include "db/compaction.h"
#include "db/dropped.h"
#include "db/indexes.h"

#include <stdlib.h>

#define DIM_LARGE 65536

varve_status index_field_buildable(const vector_field *f, varve_error *err)
{
    index_wants w;
    if (f->metric == VARVE_METRIC_HAVERSINE && f->dim && f->dim != 2)
        return vv_fail(err, VARVE_UNSUPPORTED,
                       "haversine requires dimension 2, the collection has %u", f->dim);
    if (!*f->index_mode) return VARVE_OK;
    index_wants_of(f, &w);
    VV_TRY(index_params_check(&f->params, err));
    /* while it is unknown: one that any mode can do with */
    if (f->dim == 0) w.full_spec.dim = f->metric == VARVE_METRIC_HAVERSINE ? 2 : DIM_LARGE;
    return index_spec_check(&w.full_spec, err);
}

static varve_status set_mode(vector_field *f, const char *text, const varve_index_params *params,
                             varve_error *err)
{
    index_mode m = {.metric = VARVE_METRIC_IP};
    if (text) VV_TRY(index_mode_parse(text, &m, err));
    snprintf(f->index_mode, sizeof f->index_mode, "%s", text ? text : "");
    f->metric = m.metric;
    f->params = params ? *params : (varve_index_params){0};
    return index_field_buildable(f, err);
}

varve_status index_dim_buildable(const vector_field *f, size_t dim, varve_error *err)
{
    vector_field with_dim = *f;
    if (f->dim) return VARVE_OK;
    with_dim.dim = (uint32_t)dim;
    return index_field_buildable(&with_dim, err);
}

/* ---- the change */

typedef struct choice {
    varve_collection *c;
    collection_schema next;
    store_batch *batch;
    row_source *sources; /* of the next view; references are the current one's */
} choice;

static void choice_done(choice *k)
{
    schema_done(&k->next);
    store_batch_free(k->batch);
    free(k->sources);
}

/* Leave out what is of no use for the next mode. */
static varve_status leave_indexes(choice *k, varve_error *err)
{
    const view *v = k->c->view;
    index_wants w;
    index_wants_of(&k->next.fields[0], &w);
    k->sources = malloc((v->source_count + 1) * sizeof *k->sources);
    if (!k->sources) return vv_fail(err, VARVE_NO_MEMORY, "no memory for a view");
    memcpy(k->sources, v->sources, v->source_count * sizeof *k->sources);
    for (size_t i = 0; i < v->source_count; i++) {
        row_source *s = &k->sources[i];
        const index_record *r = s->index ? index_get_record(s->index) : NULL;
        if (s->index_generation == 0 || (r && index_usable(&w, r))) continue;
        index_stage_delete(k->c->db, k->batch, k->c->id, segment_get_record(s->seg)->number);
        s->index = NULL;
    }
    return VARVE_OK;
}

/* Searches that run keep what they have; the files go with the last of them. */
static void doom_left(varve *db, const view *before, const row_source *sources)
{
    for (size_t i = 0; i < before->source_count; i++) {
        vector_index *x = before->sources[i].index;
        if (x && !sources[i].index) dropped_index(db, x);
    }
}

static varve_status choose_locked(choice *k, const char *text, const varve_index_params *params,
                                  varve_error *err)
{
    varve_collection *c = k->c;
    VV_TRY(collection_alive(c, err));
    VV_TRY(schema_copy(&c->schema, &k->next, err));
    VV_TRY(set_mode(&k->next.fields[0], text, params, err));
    VV_TRY(leave_indexes(k, err));
    view *v = NULL;
    VV_TRY(view_new(&k->next.fields[0], k->sources, c->view->source_count, &v, err));
    varve_status status = collection_swap_schema(c, k->batch, &k->next, err);
    if (status != VARVE_OK) {
        view_unref(v);
        return status;
    }
    doom_left(c->db, c->view, k->sources);
    collection_publish(c, v);
    return VARVE_OK;
}

varve_status index_choose(varve_collection *c, const char *text, const varve_index_params *params,
                          varve_error *err)
{
    VV_CLEANUP(choice_done) choice k = {.c = c, .batch = store_batch_new()};
    if (!k.batch) return vv_fail(err, VARVE_NO_MEMORY, "no memory for collection %s", c->name);
    VV_TRY(db_check_writable(c->db, false, err));
    VV_TRY(collection_ready(c, err));
    pthread_mutex_lock(&c->db->writer_lock);
    varve_status status = choose_locked(&k, text, params, err);
    pthread_mutex_unlock(&c->db->writer_lock);
    compaction_wake(c->db);
    return status;
}

/* ---- varve.h */

varve_status varve_index_mode_set(varve_collection *c, const char *text, varve_error *err)
{
    return index_choose(c, text, NULL, err);
}

varve_status varve_index_get_params(varve_collection *c, varve_index_params *ret_params,
                                    varve_error *err)
{
    VV_TRY(collection_alive(c, err));
    *ret_params = collection_field(c).params;
    return VARVE_OK;
}
