/* lynse_index.c — index modes: choose, remove, ask. */
#include "lynse_answer.h"
#include "lynse_args.h"
#include "lynse_fields.h"
#include "lynse_handlers.h"

#include <math.h>
#include <string.h>

/* Keys of "params" that some family of indexes knows; those of other families are passed over. */
static const char *const integer_keys[] = {
    "n_clusters", "n_centroids", "m",          "ef_construction", "ef_search",    "max_level",
    "r",          "l",           "max_degree", "nprobe",          "replica_count"};

static bool is_integer_key(const char *key)
{
    for (size_t i = 0; i < VV_COUNT(integer_keys); i++)
        if (strcmp(key, integer_keys[i]) == 0) return true;
    return false;
}

static varve_status check_param(const char *key, const json_t *value, varve_error *err)
{
    uint64_t n;
    bool alpha = strcmp(key, "alpha") == 0;
    if (!alpha && !is_integer_key(key))
        return vv_fail(err, VARVE_INVALID,
                       "Invalid argument: unknown index build parameter '%s'; supported keys: "
                       "n_clusters, n_centroids, m, ef_construction, ef_search, max_level, r, l, "
                       "alpha, max_degree, nprobe, replica_count",
                       key);
    if (json_is_null(value)) return VARVE_OK;
    if (alpha && !(json_is_number(value) && json_number_value(value) >= 1))
        return vv_fail(err, VARVE_INVALID, "Invalid argument: alpha must be a finite value >= 1.0");
    if (!alpha && !(lynse_json_is_uint(value, &n) && n > 0))
        return vv_fail(err, VARVE_INVALID,
                       "Invalid argument: %s must be an integer and must be greater than 0", key);
    return VARVE_OK;
}

static varve_status check_params(const json_t *params, varve_error *err)
{
    const char *key;
    json_t *value;
    if (!params) return VARVE_OK;
    if (!json_is_object(params))
        return vv_fail(err, VARVE_INVALID,
                       "Invalid argument: index build options must be a JSON object");
    json_object_foreach((json_t *)params, key, value) VV_TRY(check_param(key, value, err));
    return VARVE_OK;
}

static varve_status check_clusters(lynse_call *c, varve_error *err)
{
    uint64_t n;
    VV_TRY(lynse_uint(c, "n_clusters", 1, &n, err));
    if (n > 0) return VARVE_OK;
    return vv_fail(err, VARVE_INVALID, "Invalid argument: n_clusters must be greater than 0");
}

static varve_status build_index(lynse_call *c, varve_error *err)
{
    const json_t *params = lynse_member(c, "params");
    buffer *out = &c->reply->body;
    const char *mode;
    VV_TRY(lynse_text(c, "index_mode", &mode, err));
    if (!mode) mode = "FLAT-IP";
    VV_TRY(check_clusters(c, err));
    VV_TRY(check_params(params, err));
    VV_TRY(lynse_of_engine(varve_index_mode_set(c->collection, mode, err), err));
    VV_TRY(lynse_reply_begin(c, err));
    VV_TRY(buffer_add_text(out, ",\"index_mode\":", err));
    VV_TRY(lynse_out_text(out, mode, err));
    VV_TRY(buffer_add_text(out, ",\"n_clusters\":", err));
    VV_TRY(lynse_out_value(out, lynse_member(c, "n_clusters"), err));
    VV_TRY(buffer_add_text(out, ",\"params\":", err));
    VV_TRY(lynse_out_value(out, params, err));
    return lynse_reply_end(c, err);
}

void lynse_build_index(gateway *g, http_request *request, http_reply *reply)
{
    lynse_run_json(g, request, reply, LYNSE_COLLECTION, build_index);
}

static varve_status remove_index(lynse_call *c, varve_error *err)
{
    VV_TRY(lynse_of_engine(varve_index_mode_set(c->collection, NULL, err), err));
    return lynse_reply_echo(c, err);
}

void lynse_remove_index(gateway *g, http_request *request, http_reply *reply)
{
    lynse_run_json(g, request, reply, LYNSE_COLLECTION, remove_index);
}

static varve_status index_mode(lynse_call *c, varve_error *err)
{
    varve_collection_stats stats;
    VV_TRY(lynse_of_engine(varve_collection_get_stats(c->collection, &stats, err), err));
    VV_TRY(lynse_reply_begin(c, err));
    VV_TRY(buffer_add_text(&c->reply->body, ",\"index_mode\":", err));
    if (stats.index_mode[0])
        VV_TRY(lynse_out_text(&c->reply->body, stats.index_mode, err));
    else
        VV_TRY(buffer_add_text(&c->reply->body, "null", err));
    return lynse_reply_end(c, err);
}

void lynse_index_mode(gateway *g, http_request *request, http_reply *reply)
{
    lynse_run_json(g, request, reply, LYNSE_COLLECTION, index_mode);
}
