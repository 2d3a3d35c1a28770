/* field_views.c — the views of a collection and of its named fields, of one moment. */
#include "db/children.h"
#include "db/vector_fields.h"

#include <stdlib.h>

void field_views_done(field_views *f)
{
    view_unref(f->parent);
    for (size_t i = 0; i < f->count; i++) {
        view_unref(f->fields[i].v);
        varve_collection_release(f->fields[i].child);
    }
    free(f->fields);
    *f = (field_views){0};
}

/* Views are swapped under publish_lock alone: nothing is published while they are taken. A field
 * that was created before is there, whichever thread made it. */
static bool take_views(varve_collection *c, field_views *f, size_t capacity)
{
    pthread_mutex_lock(&c->db->publish_lock);
    pthread_mutex_lock(&c->lock);
    bool fits = c->child_count <= capacity;
    if (fits) f->parent = view_ref(c->view);
    f->primary = c->schema.fields[0];
    for (; fits && f->count < c->child_count; f->count++) {
        field_view *one = &f->fields[f->count];
        const vector_field *field = &c->schema.fields[1 + f->count];
        memcpy(one->name, field->name, sizeof one->name);
        one->kind = field->kind;
        one->child = collection_ref(c->children[f->count]);
    }
    pthread_mutex_unlock(&c->lock);
    for (size_t i = 0; i < f->count; i++) {
        pthread_mutex_lock(&f->fields[i].child->lock);
        f->fields[i].v = view_ref(f->fields[i].child->view);
        f->fields[i].field = f->fields[i].child->schema.fields[0];
        pthread_mutex_unlock(&f->fields[i].child->lock);
    }
    pthread_mutex_unlock(&c->db->publish_lock);
    return fits;
}

varve_status field_views_get(varve_collection *c, field_views *ret, varve_error *err)
{
    VV_TRY(collection_ready(c, err));
    field_views f = {.fields = calloc(FIELDS_MAX, sizeof(field_view))};
    if (!f.fields) return vv_fail(err, VARVE_NO_MEMORY, "no memory for a view");
    if (!take_views(c, &f, FIELDS_MAX)) {
        field_views_done(&f);
        return vv_fail(err, VARVE_CORRUPT, "collection %s has more than %d vector fields", c->name,
                       FIELDS_MAX);
    }
    *ret = f;
    return VARVE_OK;
}

const field_view *field_views_find(const field_views *f, const char *name)
{
    for (size_t i = 0; name && i < f->count; i++) {
        if (strcmp(f->fields[i].name, name) == 0) return &f->fields[i];
    }
    return NULL;
}

varve_status field_views_need(const field_views *f, const char *name, const field_view **ret,
                              varve_error *err)
{
    const field_view *found = field_views_find(f, name);
    if (!found)
        return vv_fail(err, VARVE_NOT_FOUND, "there is no vector field '%.*s'", SCHEMA_NAME_MAX,
                       name ? name : "");
    *ret = found;
    return VARVE_OK;
}
