/* children.c — see children.h. */
#include "db/children.h"

#include <stdlib.h>

const char *child_field_name(const varve_collection *child) { return strchr(child->name, '/') + 1; }

/* ---- at open */

static varve_status link_one(varve *db, varve_collection *c, size_t *linked, varve_error *err)
{
    size_t count = c->schema.field_count - 1;
    char name[CATALOG_NAME_MAX + 1], key[CATALOG_NAME_KEY_MAX];
    if (count == 0) return VARVE_OK;
    c->children = calloc(count, sizeof(varve_collection *));
    if (!c->children) return vv_fail(err, VARVE_NO_MEMORY, "no memory for collection %s", c->name);
    for (size_t i = 0; i < count; i++) {
        const vector_field *f = &c->schema.fields[1 + i];
        snprintf(name, sizeof name, "%s/%s", c->name, f->name);
        varve_collection *child =
            hashmap_get(&db->collections, key, catalog_map_key(c->database, name, key));
        if (c->inner || !child || child->id != f->child)
            return vv_fail(err, VARVE_CORRUPT,
                           "the vector field %s of collection %s is not in the catalogue", f->name,
                           c->name);
        c->children[i] = collection_ref(child);
        c->child_count = i + 1;
        ++*linked;
    }
    return VARVE_OK;
}

varve_status children_link(varve *db, varve_error *err)
{
    size_t at = 0, linked = 0;
    hashmap_slot *slot;
    while ((slot = hashmap_next(&db->collections, &at)))
        VV_TRY(link_one(db, slot->value, &linked, err));
    if (linked != db->inner_collections)
        return vv_fail(err, VARVE_CORRUPT,
                       "the catalogue has vectors of a field that no collection names");
    return VARVE_OK;
}

/* ---- which there are */

varve_status children_take(varve_collection *c, child_list *ret, varve_error *err)
{
    pthread_mutex_lock(&c->lock);
    child_list l = {0, malloc((c->child_count + 1) * sizeof(varve_collection *))};
    for (; l.all && l.count < c->child_count; l.count++)
        l.all[l.count] = collection_ref(c->children[l.count]);
    pthread_mutex_unlock(&c->lock);
    if (!l.all) return vv_fail(err, VARVE_NO_MEMORY, "no memory for collection %s", c->name);
    *ret = l;
    return VARVE_OK;
}

bool children_are(const varve_collection *c, const child_list *l)
{
    bool same = l->count == c->child_count;
    for (size_t i = 0; same && i < l->count; i++)
        same = l->all[i] == c->children[i];
    return same;
}

void child_list_done(child_list *l)
{
    for (size_t i = 0; i < l->count; i++)
        varve_collection_release(l->all[i]);
    free(l->all);
    *l = (child_list){0};
}

varve_status children_ready(varve_collection *c, varve_error *err)
{
    VV_CLEANUP(child_list_done) child_list l = {0};
    VV_TRY(children_take(c, &l, err));
    for (size_t i = 0; i < l.count; i++)
        VV_TRY(collection_ready(l.all[i], err));
    return VARVE_OK;
}

varve_collection *children_find(varve_collection *c, const char *field, vector_kind *ret_kind)
{
    varve_collection *found = NULL;
    if (!field) return NULL;
    pthread_mutex_lock(&c->lock);
    for (size_t i = 0; i < c->child_count && !found; i++) {
        const vector_field *f = &c->schema.fields[1 + i];
        if (strcmp(f->name, field) != 0) continue;
        found = collection_ref(c->children[i]);
        *ret_kind = f->kind;
    }
    pthread_mutex_unlock(&c->lock);
    return found;
}

varve_status children_need(varve_collection *c, const char *field, varve_collection **ret,
                           vector_kind *ret_kind, varve_error *err)
{
    VV_TRY(collection_alive(c, err));
    varve_collection *found = children_find(c, field, ret_kind);
    if (!found)
        return vv_fail(err, VARVE_NOT_FOUND, "collection %s has no vector field '%.*s'", c->name,
                       SCHEMA_NAME_MAX, field ? field : "");
    *ret = found;
    return VARVE_OK;
}

/* ---- what they hold */

/* Sparse vectors differ in size and are counted where they lie; superseded ones take part until
 * compaction drops them. */
uint64_t child_vector_bytes(const varve_collection *child, vector_kind kind, uint64_t rows)
{
    const vector_field *f = &child->schema.fields[0];
    if (kind != VECTOR_SPARSE) return rows * varve_dtype_row_bytes(f->dtype, f->dim);
    uint64_t bytes = child->view->segment_bytes;
    for (size_t i = 0; i < child->view->source_count; i++) {
        const memtable *m = child->view->sources[i].mem;
        if (m) bytes += memtable_bytes(m);
    }
    return bytes;
}
