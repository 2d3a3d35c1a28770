/* input.c — named fields, and rows by id. */
#include "query/input.h"

#include <stdlib.h>
#include <string.h>

#define CHECK_ROWS 1024

varve_status query_field_find(const query_input *in, const char *name, const query_field **ret,
                              varve_error *err)
{
    const query_field *found = NULL;
    bool primary = !name || !*name || strcmp(name, "default") == 0;
    for (size_t i = 0; !primary && i < in->field_count; i++) {
        if (strcmp(in->fields[i].name, name) == 0) found = &in->fields[i];
    }
    if (!primary && !found)
        return vv_fail(err, VARVE_NOT_FOUND, "there is no vector field '%.*s'", SCHEMA_NAME_MAX,
                       name);
    *ret = found;
    return VARVE_OK;
}

varve_status query_bytes_check(const varve_options *limits, const char *name, size_t count,
                               size_t bytes, varve_error *err)
{
    uint64_t most = limits->query_bytes_max;
    if (most == 0 || bytes == 0 || count <= most / bytes) return VARVE_OK;
    return vv_fail(err, VARVE_LIMIT, "%s: %zu of %zu bytes each exceed query_bytes_max %llu", name,
                   count, bytes, (unsigned long long)most);
}

/* Is the row in this place live, with this id? */
static varve_status is_row(const view *v, row_place place, const uint8_t *key, size_t len,
                           bool *ret, varve_error *err)
{
    const row_source *s = &v->sources[place.source];
    const uint8_t *here;
    size_t here_len;
    *ret = false;
    if (tombstones_has(s->hidden, place.slot)) return VARVE_OK;
    VV_TRY(source_id_key(s, place.slot, &here, &here_len, err));
    *ret = id_key_compare(here, here_len, key, len) == 0;
    return VARVE_OK;
}

/* Newest rows first. */
static varve_status look_through(const query_input *in, const uint8_t *key, size_t len,
                                 bool *ret_found, row_place *ret, varve_error *err)
{
    const view *v = in->v;
    for (size_t i = v->source_count; i-- > 0;) {
        for (uint64_t slot = v->sources[i].rows; slot-- > 0;) {
            if (slot % CHECK_ROWS == 0) VV_TRY(query_clock_check(in->clock, err));
            VV_TRY(is_row(v, (row_place){i, slot}, key, len, ret_found, err));
            if (!*ret_found) continue;
            *ret = (row_place){i, slot};
            return VARVE_OK;
        }
    }
    return VARVE_OK;
}

varve_status query_locate(const query_input *in, varve_id id, bool *ret_found, row_place *ret,
                          varve_error *err)
{
    bool known = true, placed = false, found = false;
    uint64_t rowver = 0;
    row_place place = {0};
    VV_CLEANUP(vv_freep) uint8_t *key = malloc(id_key_size(id));
    if (!key) return vv_fail(err, VARVE_NO_MEMORY, "no memory for an id");
    id_key_put(id, key);
    if (in->rowver_of) VV_TRY(in->rowver_of(in->context, id, &known, &rowver, err));
    if (in->rowver_of && known) VV_TRY(view_find(in->v, rowver, &placed, &place, err));
    if (placed)
        VV_TRY(is_row(in->v, place, key, id_key_size(id), &found, err));
    else if (known) /* the store is ahead of the view, or there is none */
        VV_TRY(look_through(in, key, id_key_size(id), &found, &place, err));
    *ret_found = found;
    *ret = place;
    return VARVE_OK;
}
