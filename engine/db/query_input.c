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

varve_status collection_input_init(varve_collection *c, collection_input *ret, varve_error *err)
{
    VV_TRY(collection_ready(c, err));
    view *v = collection_view(c);
    *ret = (collection_input){.v = v};
    ret->in = (query_input){.v = v, .limits = &c->db->options, .pool = c->db->pool};
    ret->in.rowver_of = rowver_of;
    ret->in.context = c;
    return VARVE_OK;
}

void collection_input_done(collection_input *i)
{
    view_unref(i->v);
    *i = (collection_input){0};
}
