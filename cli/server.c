/* server.c — see server.h. */
#include "server.h"

#include "text.h"

#include <stdlib.h>
#include <string.h>

json_t *server_body(const place *at)
{
    json_t *body = json_object();
    json_object_set_new(body, "database_name", json_string(at->database));
    if (at->collection) json_object_set_new(body, "collection_name", json_string(at->collection));
    return body;
}

/* NULL for an integer that jansson cannot write exactly. */
static json_t *id_to_json(varve_id id)
{
    if (id.kind == VARVE_ID_STR) return json_stringn(id.text.data, id.text.len);
    return id.num <= INT64_MAX ? json_integer((json_int_t)id.num) : NULL;
}

varve_status server_add_ids(json_t *body, const char *key, const varve_id *ids, size_t count,
                            varve_error *err)
{
    json_t *array = json_array();
    json_object_set_new(body, key, array);
    for (size_t i = 0; i < count; i++) {
        json_t *id = id_to_json(ids[i]);
        if (!id) return vv_fail(err, VARVE_UNSUPPORTED, "an id above 2^63 cannot be sent to a URL");
        json_array_append_new(array, id);
    }
    return VARVE_OK;
}

varve_status server_id(const json_t *value, varve_id *ret, varve_error *err)
{
    const char *text = json_string_value(value);
    size_t len = json_string_length(value), prefix = strlen(JSON_BIG_PREFIX);
    *ret = (varve_id){.kind = VARVE_ID_NUM};
    if (text && len > prefix && memcmp(text, JSON_BIG_PREFIX, prefix) == 0) {
        if (text_to_u64(text + prefix, len - prefix, &ret->num)) return VARVE_OK;
    } else if (text) {
        *ret = (varve_id){.kind = VARVE_ID_STR, .text = {text, len}};
        return VARVE_OK;
    } else if (json_is_integer(value) && json_integer_value(value) >= 0) {
        ret->num = (uint64_t)json_integer_value(value);
        return VARVE_OK;
    }
    return vv_fail(err, VARVE_INTERNAL, "the server sent an id that is none");
}

varve_status server_floats(const json_t *array, float **ret_vector, size_t *ret_dim,
                           varve_error *err)
{
    size_t dim = json_array_size(array);
    VV_CLEANUP(vv_freep) float *vector = calloc(VV_MAX(dim, 1), sizeof *vector);
    if (!vector) return vv_fail(err, VARVE_NO_MEMORY, "no memory for a vector");
    for (size_t i = 0; i < dim; i++) {
        const json_t *value = json_array_get(array, i);
        if (!json_is_number(value))
            return vv_fail(err, VARVE_INTERNAL, "the server sent a vector that is none");
        vector[i] = (float)json_number_value(value);
    }
    *ret_vector = vector;
    vector = NULL;
    *ret_dim = dim;
    return VARVE_OK;
}

varve_status server_get(http_client *http, const place *at, const varve_id *ids, size_t count,
                        json_t **ret_rows, varve_error *err)
{
    VV_CLEANUP(http_answer_freep) json_t *body = server_body(at);
    VV_CLEANUP(http_answer_freep) json_t *params = NULL;
    VV_TRY(server_add_ids(body, "id", ids, count, err));
    VV_TRY(http_call(http, "/read_by_only_id", json_incref(body), &params, err));
    json_t *rows = json_object_get(params, "item");
    if (json_array_size(rows) != 3)
        return vv_fail(err, VARVE_INTERNAL, "the server sent rows that are none");
    *ret_rows = json_incref(rows);
    return VARVE_OK;
}

/* ---- collections ---- */

/* A call whose answer holds nothing to read. */
static varve_status call(http_client *http, const char *path, json_t *body, varve_error *err)
{
    VV_CLEANUP(http_answer_freep) json_t *params = NULL;
    return http_call(http, path, body, &params, err);
}

varve_status server_exists(http_client *http, const place *at, bool *ret_exists, varve_error *err)
{
    VV_CLEANUP(http_answer_freep) json_t *database = NULL;
    VV_CLEANUP(http_answer_freep) json_t *params = NULL;
    VV_TRY(http_call(http, "/database_exists", server_body(at), &database, err));
    *ret_exists = false;
    if (!json_is_true(json_object_get(database, "exists"))) return VARVE_OK;
    VV_TRY(http_call(http, "/is_collection_exists", server_body(at), &params, err));
    *ret_exists = json_is_true(json_object_get(params, "exists"));
    return VARVE_OK;
}

varve_status server_create(http_client *http, const place *at, const varve_collection_spec *spec,
                           varve_error *err)
{
    json_t *body = server_body(at);
    json_object_set_new(body, "dim", json_integer((json_int_t)spec->dim));
    json_object_set_new(body, "dtypes", json_string(varve_dtype_name(spec->dtype)));
    if (spec->description) json_object_set_new(body, "description", json_string(spec->description));
    if (spec->index_mode) json_object_set_new(body, "index_mode", json_string(spec->index_mode));
    varve_status status = call(http, "/create_database", server_body(at), err);
    if (status != VARVE_OK) {
        json_decref(body);
        return status;
    }
    return call(http, "/required_collection", body, err);
}

varve_status server_index_mode(http_client *http, const place *at, const char *index_mode,
                               varve_error *err)
{
    json_t *body = server_body(at);
    json_object_set_new(body, "index_mode", json_string(index_mode));
    json_object_set_new(body, "wait", json_false());
    return call(http, "/build_index", body, err);
}

varve_status server_check_dtype(http_client *http, const place *at, const char *dtype,
                                varve_error *err)
{
    VV_CLEANUP(http_answer_freep) json_t *params = NULL;
    VV_TRY(http_call(http, "/get_collection_config", server_body(at), &params, err));
    const char *held =
        json_string_value(json_object_get(json_object_get(params, "config"), "dtypes"));
    if (held && strcmp(held, dtype) == 0) return VARVE_OK;
    return vv_fail(err, VARVE_INVALID, "the collection holds %s vectors, not %s",
                   held ? held : "other", dtype);
}

varve_status server_stats(http_client *http, const place *at, json_t **ret_params, varve_error *err)
{
    json_t *body = server_body(at);
    json_object_set_new(body, "details", json_true());
    return http_call(http, "/stats", body, ret_params, err);
}

varve_status server_drop(http_client *http, const place *at, varve_error *err)
{
    return call(http, "/drop_collection", server_body(at), err);
}
