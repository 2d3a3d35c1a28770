/* query_input.c — see query_input.h. */
#include "db/query_input.h"

#include "base/bytes.h"

#include <stdlib.h>

static varve_status rowver_of(void *context, varve_id id, bool *ret_found, uint64_t *ret_rowver,
                              varve_error *err)
{
    varve_collection *c = context;
    VV_CLEANUP(vv_freep) uint8_t *key = malloc(4 + id_key_size(id));
    if (!key) return vv_fail(err, VARVE_NO_MEMORY, "no memory for an id");
    store_value value = {0};
    row_current current;
    VV_TRY(store_get(c->db->store, STORE_ROWS, key, row_key_put(c->id, id, key), &value, err));
    varve_status status = VARVE_OK;
    *ret_found = value.data != NULL;
    if (value.data && row_current_get(value.data, value.len, &current))
        *ret_rowver = current.rowver;
    else if (value.data)
        status = vv_fail(err, VARVE_CORRUPT, "a row record of collection %s is malformed", c->name);
    store_value_done(&value);
    return status;
}

/* The views of parent and children, of one moment. */
static varve_status take_fields(varve_collection *c, collection_input *i, varve_error *err)
{
    VV_TRY(field_views_get(c, &i->views, err));
    i->fields = calloc(i->views.count + 1, sizeof *i->fields);
    if (!i->fields) return vv_fail(err, VARVE_NO_MEMORY, "no memory for a query");
    for (size_t j = 0; j < i->views.count; j++) {
        const field_view *from = &i->views.fields[j];
        i->fields[j] = (query_field){from->name, from->kind, from->v};
    }
    i->in.v = i->views.parent;
    i->in.fields = i->fields;
    i->in.field_count = i->views.count;
    return VARVE_OK;
}

varve_status collection_input_init(varve_collection *c, bool with_fields, collection_input *ret,
                                   varve_error *err)
{
    VV_CLEANUP(collection_input_done) collection_input i = {0};
    VV_TRY(collection_ready(c, err));
    i.in = (query_input){.limits = &c->db->options, .pool = c->db->pool};
    i.in.filters = c->db->filters;
    i.in.rowver_of = rowver_of;
    i.in.context = c;
    if (with_fields)
        VV_TRY(take_fields(c, &i, err));
    else
        i.in.v = i.v = collection_view(c);
    *ret = i;
    i = (collection_input){0};
    return VARVE_OK;
}

void collection_input_done(collection_input *i)
{
    view_unref(i->v);
    field_views_done(&i->views);
    free(i->fields);
    *i = (collection_input){0};
}
