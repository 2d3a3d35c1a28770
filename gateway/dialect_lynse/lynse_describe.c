/* lynse_describe.c — what a collection is: configuration, shape, counts, place, fields. */
#include "lynse_answer.h"
#include "lynse_args.h"
#include "lynse_handlers.h"

#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>

enum { CHUNK_SIZE = 100000 }; /* what clients of LynseDB expect to be told; nothing depends on it */

static varve_status get_stats(varve_collection *collection, varve_collection_stats *ret,
                              varve_error *err)
{
    return lynse_of_engine(varve_collection_get_stats(collection, ret, err), err);
}

/* Rows as the dialect counts them: deleted ones are in, until they are purged. */
static uint64_t all_rows(const varve_collection_stats *s) { return s->rows_live + s->rows_deleted; }

/* The description, to be freed; "" when there is none. */
static varve_status get_description(lynse_call *c, varve_collection *collection, char **ret,
                                    varve_error *err)
{
    size_t size = gateway_limits(c->gateway)->description_bytes_max + 1;
    VV_CLEANUP(vv_freep) char *text = malloc(size);
    if (!text) return vv_fail(err, VARVE_NO_MEMORY, "no memory for a description");
    VV_TRY(lynse_of_engine(varve_collection_get_description(collection, text, size, err), err));
    *ret = text;
    text = NULL;
    return VARVE_OK;
}

static varve_status out_config(lynse_call *c, const varve_collection_stats *s, const char *text,
                               varve_error *err)
{
    buffer *out = &c->reply->body;
    VV_TRY(buffer_printf(out, err,
                         ",\"config\":{\"dim\":%zu,\"chunk_size\":%d,\"dtypes\":\"%s\","
                         "\"description\":",
                         s->dim, CHUNK_SIZE, varve_dtype_name(s->dtype)));
    if (*text)
        VV_TRY(lynse_out_text(out, text, err));
    else
        VV_TRY(buffer_add_text(out, "null", err));
    return buffer_add(out, "}", 1, err);
}

static varve_status get_collection_config(lynse_call *c, varve_error *err)
{
    varve_collection_stats stats;
    VV_CLEANUP(vv_freep) char *text = NULL;
    VV_TRY(get_stats(c->collection, &stats, err));
    VV_TRY(get_description(c, c->collection, &text, err));
    VV_TRY(lynse_reply_begin(c, err));
    VV_TRY(out_config(c, &stats, text, err));
    return lynse_reply_end(c, err);
}

void lynse_get_collection_config(gateway *g, http_request *request, http_reply *reply)
{
    lynse_run_json(g, request, reply, LYNSE_COLLECTION, get_collection_config);
}

static varve_status collection_shape(lynse_call *c, varve_error *err)
{
    varve_collection_stats stats;
    VV_TRY(get_stats(c->collection, &stats, err));
    return lynse_reply_with(c, err, ",\"shape\":[%" PRIu64 ",%zu]", all_rows(&stats), stats.dim);
}

void lynse_collection_shape(gateway *g, http_request *request, http_reply *reply)
{
    lynse_run_json(g, request, reply, LYNSE_COLLECTION, collection_shape);
}

/* Those that were chosen; the others have their defaults. */
static varve_status out_index_params(const varve_index_params *params, buffer *out,
                                     varve_error *err)
{
    const struct {
        const char *name;
        uint32_t value;
    } integers[] = {
#define X(name, value, meaning) {#name, params->name},
        VARVE_INDEX_PARAM_TABLE(X)
#undef X
    };
    const char *comma = "";
    VV_TRY(buffer_add_text(out, ",\"index_params\":{", err));
    for (size_t i = 0; i < VV_COUNT(integers); i++) {
        if (!integers[i].value) continue;
        VV_TRY(buffer_printf(out, err, "%s\"%s\":%" PRIu32, comma, integers[i].name,
                             integers[i].value));
        comma = ",";
    }
    if (params->alpha > 0) {
        VV_TRY(buffer_printf(out, err, "%s\"alpha\":", comma));
        VV_TRY(json_out_double(out, params->alpha, err));
    }
    return buffer_add(out, "}", 1, err);
}

static varve_status out_details_of_stats(varve_collection *c, const varve_collection_stats *s,
                                         buffer *out, varve_error *err)
{
    varve_index_params params;
    VV_TRY(lynse_of_engine(varve_index_get_params(c, &params, err), err));
    VV_TRY(buffer_printf(out, err,
                         ",\"rows_in_memory\":%" PRIu64 ",\"rows_indexed\":%" PRIu64
                         ",\"rows_hidden\":%" PRIu64 ",\"segments\":%" PRIu64
                         ",\"segment_bytes\":%" PRIu64 ",\"index_bytes\":%" PRIu64,
                         s->rows_in_memory, s->rows_indexed, s->rows_hidden, s->segments,
                         s->segment_bytes, s->index_bytes));
    return out_index_params(&params, out, err);
}

/* What LynseDB tells, and with "details" what only Varve has. */
static varve_status stats(lynse_call *c, varve_error *err)
{
    varve_collection_stats s;
    bool details;
    VV_TRY(lynse_bool(c, "details", &details, err));
    VV_TRY(get_stats(c->collection, &s, err));
    VV_TRY(lynse_reply_begin(c, err));
    VV_TRY(buffer_printf(&c->reply->body, err,
                         ",\"stats\":{\"n_vectors\":%" PRIu64 ",\"n_live\":%" PRIu64
                         ",\"n_tombstoned\":%" PRIu64 ",\"dimension\":%zu,\"max_id\":%" PRId64
                         ",\"index_mode\":",
                         all_rows(&s), s.rows_live, s.rows_deleted, s.dim, s.max_ordinal));
    VV_TRY(lynse_out_text(&c->reply->body, s.index_mode[0] ? s.index_mode : "none", err));
    if (details) VV_TRY(out_details_of_stats(c->collection, &s, &c->reply->body, err));
    VV_TRY(buffer_add(&c->reply->body, "}", 1, err));
    return lynse_reply_end(c, err);
}

void lynse_stats(gateway *g, http_request *request, http_reply *reply)
{
    lynse_run_json(g, request, reply, LYNSE_COLLECTION, stats);
}

static varve_status max_id(lynse_call *c, varve_error *err)
{
    varve_collection_stats s;
    VV_TRY(get_stats(c->collection, &s, err));
    return lynse_reply_with(c, err, ",\"max_id\":%" PRId64, s.max_ordinal);
}

void lynse_max_id(gateway *g, http_request *request, http_reply *reply)
{
    lynse_run_json(g, request, reply, LYNSE_COLLECTION, max_id);
}

static varve_status get_collection_path(lynse_call *c, varve_error *err)
{
    char path[PATH_MAX];
    VV_TRY(lynse_of_engine(varve_collection_get_path(c->collection, path, sizeof path, err), err));
    VV_TRY(lynse_reply_begin(c, err));
    VV_TRY(buffer_add_text(&c->reply->body, ",\"collection_path\":", err));
    VV_TRY(lynse_out_text(&c->reply->body, path, err));
    return lynse_reply_end(c, err);
}

void lynse_get_collection_path(gateway *g, http_request *request, http_reply *reply)
{
    lynse_run_json(g, request, reply, LYNSE_COLLECTION, get_collection_path);
}

static varve_status list_fields(lynse_call *c, varve_error *err)
{
    VV_CLEANUP(lynse_names_freep) varve_names *names = NULL;
    VV_TRY(lynse_of_engine(varve_list_fields(c->collection, &names, err), err));
    VV_TRY(lynse_reply_begin(c, err));
    VV_TRY(buffer_add_text(&c->reply->body, ",\"fields\":", err));
    VV_TRY(lynse_out_text_list(&c->reply->body, names, err));
    return lynse_reply_end(c, err);
}

void lynse_list_fields(gateway *g, http_request *request, http_reply *reply)
{
    lynse_run_json(g, request, reply, LYNSE_COLLECTION, list_fields);
}

/* The names of the collections of the database; 404 when it is missing. */
static varve_status collection_names(lynse_call *c, varve_names **ret, varve_error *err)
{
    if (!lynse_member(c, "database_name"))
        return vv_fail(err, VARVE_INVALID, "Missing required parameter: database_name");
    VV_TRY(lynse_names_of_body(c, LYNSE_DATABASE, err));
    VV_TRY(lynse_need_database(c, err));
    return lynse_of_engine(varve_collection_list(http_db(c->request), c->database, ret, err), err);
}

static varve_status show_collections(lynse_call *c, varve_error *err)
{
    VV_CLEANUP(lynse_names_freep) varve_names *names = NULL;
    VV_TRY(collection_names(c, &names, err));
    VV_TRY(lynse_reply_begin(c, err));
    VV_TRY(buffer_add_text(&c->reply->body, ",\"collections\":", err));
    VV_TRY(lynse_out_text_list(&c->reply->body, names, err));
    return lynse_reply_end(c, err);
}

void lynse_show_collections(gateway *g, http_request *request, http_reply *reply)
{
    lynse_run_json(g, request, reply, LYNSE_BODY, show_collections);
}

static varve_status out_details(buffer *out, const varve_collection_stats *s, const char *text,
                                varve_error *err)
{
    VV_TRY(lynse_out_text(out, s->name, err));
    VV_TRY(buffer_printf(
        out, err, ":{\"name\":\"%s\",\"shape\":[%" PRIu64 ",%zu],\"dim\":%zu,\"dtypes\":\"%s\"",
        s->name, all_rows(s), s->dim, s->dim, varve_dtype_name(s->dtype)));
    if (s->index_mode[0]) {
        VV_TRY(buffer_add_text(out, ",\"index_mode\":", err));
        VV_TRY(lynse_out_text(out, s->index_mode, err));
    }
    if (*text) {
        VV_TRY(buffer_add_text(out, ",\"description\":", err));
        VV_TRY(lynse_out_text(out, text, err));
    }
    return buffer_add(out, "}", 1, err);
}

/* One member of the object; one dropped since the names were read is passed over. */
static varve_status show_one(lynse_call *c, const char *name, bool *first, varve_error *err)
{
    VV_CLEANUP(lynse_collection_releasep) varve_collection *collection = NULL;
    VV_CLEANUP(vv_freep) char *text = NULL;
    varve_collection_stats s;
    varve_status status =
        varve_collection_open(http_db(c->request), c->database, name, &collection, err);
    if (status == VARVE_OK) status = varve_collection_get_stats(collection, &s, err);
    if (status == VARVE_OK) status = get_description(c, collection, &text, err);
    if (status == VARVE_NOT_FOUND) return VARVE_OK;
    VV_TRY(lynse_of_engine(status, err));
    if (!*first) VV_TRY(buffer_add(&c->reply->body, ",", 1, err));
    *first = false;
    return out_details(&c->reply->body, &s, text, err);
}

static varve_status show_collections_details(lynse_call *c, varve_error *err)
{
    VV_CLEANUP(lynse_names_freep) varve_names *names = NULL;
    bool first = true;
    VV_TRY(collection_names(c, &names, err));
    VV_TRY(lynse_reply_begin(c, err));
    VV_TRY(buffer_add_text(&c->reply->body, ",\"collections\":{", err));
    for (size_t i = 0; i < varve_names_count(names); i++)
        VV_TRY(show_one(c, varve_names_get(names, i), &first, err));
    VV_TRY(buffer_add(&c->reply->body, "}", 1, err));
    return lynse_reply_end(c, err);
}

void lynse_show_collections_details(gateway *g, http_request *request, http_reply *reply)
{
    lynse_run_json(g, request, reply, LYNSE_BODY, show_collections_details);
}
