/* lynse_collections.c — collections: require, drop, list, flush. */
#include "lynse_answer.h"
#include "lynse_args.h"
#include "lynse_dtype.h"
#include "lynse_handlers.h"

#include <inttypes.h>
#include <strings.h>

typedef struct required {
    varve_collection_spec spec;
    bool dtype_given, drop;
} required;

/* How texts are taken apart; of a collection that is there they are passed over. */
static varve_status read_text_options(lynse_call *c, varve_collection_spec *spec, varve_error *err)
{
    VV_TRY(lynse_text(c, "text_language", &spec->text_language, err));
    VV_TRY(lynse_bool(c, "text_stem", &spec->text_stem, err));
    VV_TRY(lynse_bool(c, "text_stop_words", &spec->text_stop_words, err));
    return lynse_bool(c, "text_fold_accents", &spec->text_fold_accents, err);
}

static varve_status read_required(lynse_call *c, required *ret, varve_error *err)
{
    required r = {0};
    uint64_t dim;
    const char *dtype;
    VV_TRY(lynse_uint(c, "dim", 0, &dim, err));
    VV_TRY(LYNSE_LIMIT(c, "dim", dim, dim_max, err));
    VV_TRY(lynse_bool(c, "drop_if_exists", &r.drop, err));
    VV_TRY(lynse_text(c, "description", &r.spec.description, err));
    VV_TRY(lynse_text(c, "index_mode", &r.spec.index_mode, err));
    VV_TRY(read_text_options(c, &r.spec, err));
    VV_TRY(lynse_text(c, "dtypes", &dtype, err));
    r.spec.dim = dim;
    r.dtype_given = dtype != NULL;
    if (dtype && !lynse_dtype_read(dtype, &r.spec.dtype))
        return vv_fail(err, VARVE_INVALID,
                       "Invalid argument: unsupported vector dtype '%s'; expected float32, "
                       "float16, uint8, int8 or binary",
                       dtype);
    *ret = r;
    return VARVE_OK;
}

/* Does the collection that is there fit what is asked for? */
static varve_status check_required(lynse_call *c, const required *r, varve_error *err)
{
    varve_collection_stats stats;
    VV_TRY(lynse_of_engine(varve_collection_get_stats(c->collection, &stats, err), err));
    if (r->spec.dim && stats.dim && r->spec.dim != stats.dim)
        return vv_fail(err, VARVE_INVALID,
                       "Invalid argument: collection dimension %zu does not match requested "
                       "dimension %zu",
                       stats.dim, r->spec.dim);
    if (r->dtype_given && r->spec.dtype != stats.dtype)
        return vv_fail(err, VARVE_INVALID,
                       "Invalid argument: collection vector dtype %s does not match requested "
                       "dtype %s",
                       varve_dtype_name(stats.dtype), varve_dtype_name(r->spec.dtype));
    if (r->spec.index_mode && strcasecmp(r->spec.index_mode, stats.index_mode) != 0)
        return vv_fail(err, VARVE_INVALID,
                       "Invalid argument: collection index mode %s does not match requested index "
                       "mode %s",
                       stats.index_mode[0] ? stats.index_mode : "none", r->spec.index_mode);
    return VARVE_OK;
}

static varve_status drop_if_there(lynse_call *c, varve_error *err)
{
    varve_status status = varve_collection_drop(http_db(c->request), c->database, c->name, err);
    return status == VARVE_NOT_FOUND ? VARVE_OK : lynse_of_engine(status, err);
}

static varve_status required_collection(lynse_call *c, varve_error *err)
{
    required r;
    VV_TRY(read_required(c, &r, err));
    VV_TRY(lynse_need_database(c, err));
    if (r.drop) VV_TRY(drop_if_there(c, err));
    varve_status status = varve_collection_create(http_db(c->request), c->database, c->name,
                                                  &r.spec, &c->collection, err);
    if (status == VARVE_EXISTS) {
        VV_TRY(lynse_open(c, err));
        VV_TRY(check_required(c, &r, err));
        if (r.spec.description)
            VV_TRY(lynse_of_engine(
                varve_collection_describe(c->collection, r.spec.description, err), err));
    } else {
        VV_TRY(lynse_of_engine(status, err));
    }
    return lynse_reply_echo(c, err);
}

void lynse_required_collection(gateway *g, http_request *request, http_reply *reply)
{
    lynse_run_json(g, request, reply, LYNSE_NAMES, required_collection);
}

static varve_status drop_collection(lynse_call *c, varve_error *err)
{
    VV_TRY(lynse_need_database(c, err));
    VV_TRY(drop_if_there(c, err));
    return lynse_reply_echo(c, err);
}

void lynse_drop_collection(gateway *g, http_request *request, http_reply *reply)
{
    lynse_run_json(g, request, reply, LYNSE_NAMES, drop_collection);
}

static varve_status is_collection_exists(lynse_call *c, varve_error *err)
{
    VV_TRY(lynse_need_database(c, err));
    bool exists = varve_collection_exists(http_db(c->request), c->database, c->name);
    return lynse_reply_with(c, err, ",\"exists\":%s", exists ? "true" : "false");
}

void lynse_is_collection_exists(gateway *g, http_request *request, http_reply *reply)
{
    lynse_run_json(g, request, reply, LYNSE_NAMES, is_collection_exists);
}

static varve_status update_description(lynse_call *c, varve_error *err)
{
    const char *text;
    VV_TRY(lynse_need_text(c, "description", &text, err));
    VV_TRY(lynse_of_engine(varve_collection_describe(c->collection, text, err), err));
    VV_TRY(lynse_reply_begin(c, err));
    VV_TRY(buffer_add_text(&c->reply->body, ",\"description\":", err));
    VV_TRY(lynse_out_text(&c->reply->body, text, err));
    return lynse_reply_end(c, err);
}

void lynse_update_description(gateway *g, http_request *request, http_reply *reply)
{
    lynse_run_json(g, request, reply, LYNSE_COLLECTION, update_description);
}

void lynse_update_collection_description(gateway *g, http_request *request, http_reply *reply)
{
    lynse_run_json(g, request, reply, LYNSE_COLLECTION, update_description);
}

static varve_status flush(lynse_call *c, varve_error *err)
{
    VV_TRY(lynse_of_engine(varve_flush(http_db(c->request), err), err));
    return lynse_reply_echo(c, err);
}

void lynse_flush(gateway *g, http_request *request, http_reply *reply)
{
    lynse_run_json(g, request, reply, LYNSE_COLLECTION, flush);
}

/* A request holds its collection no longer than it runs, so there is nothing to close: what was
 * written is made durable, and the next use finds it open. */
void lynse_close_collection(gateway *g, http_request *request, http_reply *reply)
{
    lynse_run_json(g, request, reply, LYNSE_COLLECTION, flush);
}

static varve_status checkpoint(lynse_call *c, varve_error *err)
{
    VV_TRY(lynse_of_engine(varve_flush(http_db(c->request), err), err));
    VV_TRY(lynse_of_engine(varve_collection_checkpoint(c->collection, err), err));
    return lynse_reply_echo(c, err);
}

void lynse_checkpoint(gateway *g, http_request *request, http_reply *reply)
{
    lynse_run_json(g, request, reply, LYNSE_COLLECTION, checkpoint);
}

static varve_status commit(lynse_call *c, varve_error *err)
{
    buffer *out = &c->reply->body;
    VV_TRY(lynse_of_engine(varve_flush(http_db(c->request), err), err));
    VV_TRY(buffer_add_text(
        out, "{\"status\":\"success\",\"params\":{\"status\":\"Success\",\"result\":{", err));
    VV_TRY(lynse_out_names(c, err));
    return buffer_add_text(out, "}}}", err);
}

void lynse_commit(gateway *g, http_request *request, http_reply *reply)
{
    lynse_run_json(g, request, reply, LYNSE_COLLECTION, commit);
}
