/* lynse_vectors.c — vectors in a JSON body, as one block of floats. */
#include "lynse_vectors.h"

varve_status lynse_parse(char *text, size_t len, uint64_t bytes_max, json_document *ret,
                         varve_error *err)
{
    static const char *const keys[] = {"/vector", "/vectors", NULL};
    return json_parse(text, len, keys, bytes_max / sizeof(float), ret, err);
}

varve_status lynse_parse_plain(char *text, size_t len, json_document *ret, varve_error *err)
{
    static const char *const keys[] = {NULL};
    return json_parse(text, len, keys, 0, ret, err);
}

varve_status lynse_matrix_read(const json_document *d, const char *key, bool nested,
                               lynse_matrix *ret, varve_error *err)
{
    const json_t *value = json_object_get(d->root, key);
    const json_lifted *lifted = json_find_lifted(d, key, 0);
    if (!lifted && (!value || json_is_null(value)))
        return vv_fail(err, VARVE_INVALID, "Json deserialize error: missing field `%s`", key);
    if (lifted && nested && !lifted->nested && lifted->dim == 0) { /* [] */
        *ret = (lynse_matrix){0};
        return VARVE_OK;
    }
    if (!lifted || lifted->nested != nested)
        return vv_fail(err, VARVE_INVALID, "Json deserialize error: %s must be an array of %s", key,
                       nested ? "arrays of numbers" : "numbers");
    *ret = (lynse_matrix){.values = d->values + lifted->first,
                          .rows = lifted->rows,
                          .dim = lifted->dim,
                          .ragged = lifted->ragged,
                          .ragged_row = lifted->ragged_row};
    return VARVE_OK;
}

bool lynse_is_nested(const json_document *d, const char *key)
{
    const json_lifted *lifted = json_find_lifted(d, key, 0);
    return lifted && lifted->nested;
}
