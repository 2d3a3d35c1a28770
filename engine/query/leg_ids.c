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

varve_status find_id(const query_input *in, varve_id id, row_place *ret, varve_error *err)
{
    bool found;
    VV_TRY(query_locate(in, id, &found, ret, err));
    return found ? VARVE_OK : fail_missing(id, err);
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
        VV_TRY(view_find_ordinals(v, &ordinal, 1, in->clock, &vector, err));
        if (vector.source == SIZE_MAX)
            return vv_fail(err, VARVE_NOT_FOUND, "id %s has no vector in field '%s'",
                           id_text(id, text), field->name);
    }
    VV_TRY(source_vectors(&v->sources[vector.source], vector.slot, 1, &row, &contiguous, err));
    vector_to_float(v->dtype, row, v->dim, ret);
    *ret_place = place;
    return VARVE_OK;
}
