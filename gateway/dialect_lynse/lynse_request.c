/* lynse_request.c — the runners: arguments in, action, answer or error out. */
#include "lynse_request.h"

#include "lynse_args.h"
#include "lynse_vectors.h"
#include "reply.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

static varve_status copy_name(const char *what, const char *text, char *ret, varve_error *err)
{
    size_t len = strlen(text);
    while (len && isspace((unsigned char)text[len - 1]))
        len--;
    while (len && isspace((unsigned char)*text))
        text++, len--;
    if (len == 0 || len > LYNSE_NAME_MAX)
        return vv_fail(err, VARVE_INVALID, "Invalid argument: %s must have 1 to %d characters",
                       what, LYNSE_NAME_MAX);
    memcpy(ret, text, len);
    ret[len] = 0;
    return VARVE_OK;
}

varve_status lynse_names_of_body(lynse_call *c, lynse_need need, varve_error *err)
{
    const char *text;
    if (need >= LYNSE_DATABASE) {
        VV_TRY(lynse_need_text(c, "database_name", &text, err));
        VV_TRY(copy_name("database_name", text, c->database, err));
    }
    if (need >= LYNSE_NAMES) {
        VV_TRY(lynse_need_text(c, "collection_name", &text, err));
        VV_TRY(copy_name("collection_name", text, c->name, err));
    }
    return VARVE_OK;
}

varve_status lynse_names_of_query(lynse_call *c, varve_error *err)
{
    static const char *const keys[] = {"database_name", "collection_name"};
    char *names[] = {c->database, c->name};
    for (size_t i = 0; i < VV_COUNT(keys); i++) {
        const char *text = http_query(c->request, keys[i]);
        if (!text)
            return vv_fail(err, VARVE_INVALID, "Query deserialize error: missing field `%s`",
                           keys[i]);
        VV_TRY(copy_name(keys[i], text, names[i], err));
    }
    return VARVE_OK;
}

/* A body that says it is something else than JSON is refused: a page of another origin can send
 * such a body without asking first. */
static varve_status check_content_type(const lynse_call *c, varve_error *err)
{
    static const char json[] = "application/json";
    const char *type = http_header(c->request, "Content-Type");
    if (!type || strncasecmp(type, json, sizeof json - 1) == 0) return VARVE_OK;
    return vv_fail(err, VARVE_INVALID, "Content type error: expected %s", json);
}

static varve_status parse_body(lynse_call *c, varve_error *err)
{
    VV_TRY(check_content_type(c, err));
    size_t len;
    char *text = http_body(c->request, &len);
    uint64_t bytes_max = gateway_limits(c->gateway)->batch_bytes_max;
    varve_status status = !len       ? vv_fail(err, VARVE_INVALID, "the body is empty")
                          : c->plain ? lynse_parse_plain(text, len, &c->document, err)
                                     : lynse_parse(text, len, bytes_max, &c->document, err);
    if (status == VARVE_OK && !json_is_object(c->document.root))
        status = vv_fail(err, VARVE_INVALID, "the body is not a JSON object");
    if (status == VARVE_INVALID) vv_error_prefix(err, "Json deserialize error");
    return status;
}

varve_status lynse_need_database(lynse_call *c, varve_error *err)
{
    if (varve_database_exists(http_db(c->request), c->database)) return VARVE_OK;
    return vv_fail(err, VARVE_NOT_FOUND, "Database not found: %s", c->database);
}

varve_status lynse_open(lynse_call *c, varve_error *err)
{
    varve_status status =
        varve_collection_open(http_db(c->request), c->database, c->name, &c->collection, err);
    if (status != VARVE_NOT_FOUND) return lynse_of_engine(status, err);
    VV_TRY(lynse_need_database(c, err));
    return vv_fail(err, VARVE_NOT_FOUND, "Collection not found: %s", c->name);
}

void lynse_call_done(lynse_call *c)
{
    varve_collection_release(c->collection);
    json_document_done(&c->document);
}

static bool starts_with(const char *text, const char *start)
{
    return strncmp(text, start, strlen(start)) == 0;
}

varve_status lynse_of_engine(varve_status status, varve_error *err)
{
    bool refused = status == VARVE_INVALID || status == VARVE_LIMIT;
    if (refused && !starts_with(err->message, "Dimension mismatch") &&
        !starts_with(err->message, "Invalid argument"))
        vv_error_prefix(err, "Invalid argument");
    return status;
}

varve_status lynse_of_rows(lynse_call *c, varve_status status, varve_error *err)
{
    if (status == VARVE_NOT_FOUND &&
        !varve_collection_exists(http_db(c->request), c->database, c->name))
        return vv_fail(err, VARVE_NOT_FOUND, "Collection not found: %s", c->name);
    if (status == VARVE_EXISTS || status == VARVE_NOT_FOUND) status = err->status = VARVE_INVALID;
    return lynse_of_engine(status, err);
}

static varve_status run_json(lynse_call *c, lynse_need need, lynse_action *action, varve_error *err)
{
    VV_TRY(parse_body(c, err));
    VV_TRY(lynse_names_of_body(c, need, err));
    if (need == LYNSE_COLLECTION) VV_TRY(lynse_open(c, err));
    return action(c, err);
}

static void run_and_tell(lynse_call *c, lynse_need need, lynse_action *action)
{
    varve_error err = {0};
    if (run_json(c, need, action, &err) == VARVE_OK) return;
    if (c->failure_status)
        reply_failure(c->reply, c->failure_status, c->code, "%s", err.message);
    else if (c->code)
        reply_failure(c->reply, reply_error_status(&err), c->code, "%s",
                      reply_error_sentence(&err));
    else if (c->asks_compactor)
        reply_compactor_error(c->reply, &err);
    else
        reply_error(c->reply, &err);
}

void lynse_run_json(gateway *g, http_request *request, http_reply *reply, lynse_need need,
                    lynse_action *action)
{
    VV_CLEANUP(lynse_call_done)
    lynse_call c = {.gateway = g, .request = request, .reply = reply};
    run_and_tell(&c, need, action);
}

void lynse_run_plain(gateway *g, http_request *request, http_reply *reply, lynse_action *action)
{
    VV_CLEANUP(lynse_call_done)
    lynse_call c = {.gateway = g, .request = request, .reply = reply, .plain = true};
    run_and_tell(&c, LYNSE_COLLECTION, action);
}

void lynse_run_bare(gateway *g, http_request *request, http_reply *reply, lynse_action *action)
{
    lynse_call c = {.gateway = g, .request = request, .reply = reply};
    varve_error err = {0};
    if (action(&c, &err) != VARVE_OK) reply_error(reply, &err);
}

static varve_status run_binary(lynse_call *c, lynse_action *action, varve_error *err)
{
    VV_TRY(lynse_names_of_query(c, err));
    VV_TRY(lynse_open(c, err));
    return action(c, err);
}

void lynse_run_binary(gateway *g, http_request *request, http_reply *reply, lynse_answer answer,
                      lynse_action *action)
{
    VV_CLEANUP(lynse_call_done)
    lynse_call c = {.gateway = g, .request = request, .reply = reply};
    varve_error err = {0};
    if (answer == LYNSE_ANSWER_BINARY) reply->content_type = "application/octet-stream";
    if (run_binary(&c, action, &err) == VARVE_OK) return;
    if (answer == LYNSE_ANSWER_BINARY)
        reply_error_text(reply, &err);
    else
        reply_error(reply, &err);
}
