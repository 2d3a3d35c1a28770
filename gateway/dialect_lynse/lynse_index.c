/* lynse_index.c — index modes: build, remove, ask. */
#include "lynse_index.h"
#include "lynse_answer.h"
#include "lynse_args.h"
#include "lynse_fields.h"
#include "lynse_handlers.h"

#include <math.h>
#include <stddef.h>
#include <string.h>
#include <strings.h>

/* Keys of "params": every family's; an index passes over those of other families. */
static const struct {
    const char *key;
    size_t offset; /* in varve_index_params */
} integer_keys[] = {
#define X(name, value, meaning) {#name, offsetof(varve_index_params, name)},
    VARVE_INDEX_PARAM_TABLE(X)
#undef X
};
#define X(name, value, meaning) #name ", "
#define ALL_KEYS                VARVE_INDEX_PARAM_TABLE(X) "n_centroids, alpha"

/* Where the value of this key goes; NULL: no such key. */
static uint32_t *integer_of(varve_index_params *p, const char *key)
{
    for (size_t i = 0; i < VV_COUNT(integer_keys); i++) {
        if (strcmp(key, integer_keys[i].key) == 0)
            return (uint32_t *)(void *)((char *)p + integer_keys[i].offset);
    }
    return NULL;
}

static varve_status read_integer(const char *key, const json_t *value, uint32_t *ret,
                                 varve_error *err)
{
    uint64_t n;
    if (!lynse_json_is_uint(value, &n) || n == 0 || n > UINT32_MAX)
        return vv_fail(err, VARVE_INVALID,
                       "Invalid argument: %s must be an integer and must be greater than 0 and at "
                       "most %u",
                       key, UINT32_MAX);
    *ret = (uint32_t)n;
    return VARVE_OK;
}

static varve_status read_alpha(const json_t *value, double *ret, varve_error *err)
{
    double alpha = json_number_value(value);
    if (!json_is_number(value) || !isfinite(alpha) || alpha < 1)
        return vv_fail(err, VARVE_INVALID, "Invalid argument: alpha must be a finite value >= 1.0");
    *ret = alpha;
    return VARVE_OK;
}

/* n_centroids is another name of n_clusters, and yields to it. */
static varve_status read_param(const char *key, const json_t *value, uint32_t *centroids,
                               varve_index_params *ret, varve_error *err)
{
    bool alpha = strcmp(key, "alpha") == 0;
    uint32_t *at = strcmp(key, "n_centroids") == 0 ? centroids : integer_of(ret, key);
    if (!alpha && !at)
        return vv_fail(err, VARVE_INVALID,
                       "Invalid argument: unknown index build parameter '%s'; supported "
                       "keys: " ALL_KEYS,
                       key);
    if (json_is_null(value)) return VARVE_OK;
    return alpha ? read_alpha(value, &ret->alpha, err) : read_integer(key, value, at, err);
}
#undef X

/* n_clusters beside "params" counts where "params" has none. */
varve_status lynse_index_params_read(const lynse_call *c, varve_index_params *ret, varve_error *err)
{
    const json_t *params = lynse_member(c, "params"), *beside = lynse_member(c, "n_clusters");
    varve_index_params p = {0};
    uint32_t centroids = 0, clusters = 0;
    const char *key;
    json_t *value;
    if (beside) VV_TRY(read_integer("n_clusters", beside, &clusters, err));
    if (params && !json_is_object(params))
        return vv_fail(err, VARVE_INVALID,
                       "Invalid argument: index build options must be a JSON object");
    json_object_foreach((json_t *)params, key, value)
    {
        VV_TRY(read_param(key, value, &centroids, &p, err));
    }
    if (p.n_clusters == 0) p.n_clusters = centroids;
    if (p.n_clusters == 0) p.n_clusters = clusters;
    *ret = p;
    return VARVE_OK;
}

/* LynseDB's families that cannot be built of nothing: its clients count on this refusal. One who
 * does not wait for the build only chooses, and may do so before there are rows. */
static bool needs_rows(const char *index_mode)
{
    static const char *const families[] = {"HNSW-", "IVF-", "DISKANN-", "SPANN-"};
    for (size_t i = 0; i < VV_COUNT(families); i++)
        if (strncasecmp(index_mode, families[i], strlen(families[i])) == 0) return true;
    return false;
}

static varve_status is_empty(lynse_call *c, bool *ret, varve_error *err)
{
    varve_collection_stats stats;
    VV_TRY(lynse_of_engine(varve_collection_get_stats(c->collection, &stats, err), err));
    *ret = stats.rows_live + stats.rows_deleted == 0;
    return VARVE_OK;
}

static varve_status build(lynse_call *c, const char *mode, varve_error *err)
{
    varve_index_params params;
    bool wait, empty = false;
    VV_TRY(lynse_bool_or(c, "wait", true, &wait, err));
    VV_TRY(lynse_index_params_read(c, &params, err));
    if (wait && needs_rows(mode)) VV_TRY(is_empty(c, &empty, err));
    if (empty) {
        c->code = "empty_database";
        return vv_fail(err, VARVE_INVALID, "Empty database: %s needs rows to be built from", mode);
    }
    c->asks_compactor = true;
    return lynse_of_engine(varve_index_build(c->collection, mode, &params, !wait, err), err);
}

varve_status lynse_index_reply_end(lynse_call *c, const char *mode, varve_error *err)
{
    buffer *out = &c->reply->body;
    VV_TRY(buffer_add_text(out, ",\"index_mode\":", err));
    VV_TRY(lynse_out_text(out, mode, err));
    VV_TRY(buffer_add_text(out, ",\"n_clusters\":", err));
    VV_TRY(lynse_out_value(out, lynse_member(c, "n_clusters"), err));
    VV_TRY(buffer_add_text(out, ",\"params\":", err));
    VV_TRY(lynse_out_value(out, lynse_member(c, "params"), err));
    return lynse_reply_end(c, err);
}

static varve_status build_index(lynse_call *c, varve_error *err)
{
    const char *mode;
    VV_TRY(lynse_text(c, "index_mode", &mode, err));
    if (!mode) mode = "FLAT-IP";
    VV_TRY(build(c, mode, err));
    VV_TRY(lynse_reply_begin(c, err));
    return lynse_index_reply_end(c, mode, err);
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
