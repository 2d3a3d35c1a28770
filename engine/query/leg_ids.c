/* leg_ids.c — rows that a leg names by id, and their vectors. */
#include "base/bytes.h"
#include "query/leg.h"
#include "record/id.h"
#include "record/vector.h"

#include <stdlib.h>

static varve_status fail_missing(varve_id id, varve_error *err)
{
    char text[ID_TEXT_MAX];
    return vv_fail(err, VARVE_NOT_FOUND, "external id %s does not exist", id_text(id, text));
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
static varve_status look_through(const view *v, const uint8_t *key, size_t len, bool *ret_found,
                                 row_place *ret, varve_error *err)
{
    for (size_t i = v->source_count; i-- > 0;) {
        for (uint64_t slot = v->sources[i].rows; slot-- > 0;) {
            VV_TRY(is_row(v, (row_place){i, slot}, key, len, ret_found, err));
            if (!*ret_found) continue;
            *ret = (row_place){i, slot};
            return VARVE_OK;
        }
    }
    return VARVE_OK;
}

varve_status find_id(const query_input *in, varve_id id, row_place *ret, varve_error *err)
{
    bool known = true, found = false;
    uint64_t rowver = 0;
    row_place place;
    VV_CLEANUP(vv_freep) uint8_t *key = malloc(id_key_size(id));
    if (!key) return vv_fail(err, VARVE_NO_MEMORY, "no memory for an id");
    id_key_put(id, key);
    if (in->rowver_of) {
        VV_TRY(in->rowver_of(in->context, id, &known, &rowver, err));
        if (!known) return fail_missing(id, err);
        VV_TRY(view_find(in->v, rowver, &found, &place, err));
        if (found) VV_TRY(is_row(in->v, place, key, id_key_size(id), &found, err));
    }
    if (!found) VV_TRY(look_through(in->v, key, id_key_size(id), &found, &place, err));
    if (!found) return fail_missing(id, err);
    *ret = place;
    return VARVE_OK;
}

varve_status dense_field(const query_input *in, const char *name, const query_field **ret,
                         const view **ret_view, varve_error *err)
{
    VV_TRY(query_field_find(in, name, ret, err));
    if (*ret && (*ret)->kind != VECTOR_DENSE)
        return vv_fail(err, VARVE_UNSUPPORTED,
                       "vector field '%s' is not of one dense vector per row", name);
    *ret_view = *ret ? (*ret)->v : in->v;
    return VARVE_OK;
}

varve_status row_vector(const query_input *in, const query_field *field, varve_id id,
                        row_place *ret_place, float *ret, varve_error *err)
{
    const view *v = field ? field->v : in->v;
    const uint8_t *row;
    uint64_t ordinal, contiguous;
    char text[ID_TEXT_MAX];
    row_place place, vector;
    VV_TRY(find_id(in, id, &place, err));
    vector = place;
    if (field) {
        VV_TRY(source_ordinal(&in->v->sources[place.source], place.slot, &ordinal, err));
        VV_TRY(view_find_ordinals(v, &ordinal, 1, &vector, err));
        if (vector.source == SIZE_MAX)
            return vv_fail(err, VARVE_NOT_FOUND, "id %s has no vector in field '%s'",
                           id_text(id, text), field->name);
    }
    VV_TRY(source_vectors(&v->sources[vector.source], vector.slot, 1, &row, &contiguous, err));
    vector_to_float(v->dtype, row, v->dim, ret);
    *ret_place = place;
    return VARVE_OK;
}
