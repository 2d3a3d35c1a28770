/* lynse_databases.c — databases: create, drop, look, list. */
#include "lynse_answer.h"
#include "lynse_args.h"
#include "lynse_handlers.h"
#include "reply.h"

void lynse_root(gateway *g, http_request *request, http_reply *reply)
{
    varve_error err = {0};
    (void)g, (void)request;
    if (buffer_add_text(&reply->body, "{\"status\":\"success\",\"message\":\"LynseDB HTTP API\"}",
                        &err) != VARVE_OK)
        reply_error(reply, &err);
}

/* Dropping what is not there is a success. */
static varve_status drop_if_there(lynse_call *c, varve_error *err)
{
    varve_status status = varve_database_drop(http_db(c->request), c->database, err);
    return status == VARVE_NOT_FOUND ? VARVE_OK : lynse_of_engine(status, err);
}

static varve_status create_database(lynse_call *c, varve_error *err)
{
    bool drop;
    VV_TRY(lynse_bool(c, "drop_if_exists", &drop, err));
    if (drop) VV_TRY(drop_if_there(c, err));
    varve_status status = varve_database_create(http_db(c->request), c->database, err);
    if (status != VARVE_EXISTS) VV_TRY(lynse_of_engine(status, err));
    return lynse_reply_echo(c, err);
}

void lynse_create_database(gateway *g, http_request *request, http_reply *reply)
{
    lynse_run_json(g, request, reply, LYNSE_DATABASE, create_database);
}

static varve_status drop_database(lynse_call *c, varve_error *err)
{
    VV_TRY(drop_if_there(c, err));
    return lynse_reply_echo(c, err);
}

void lynse_drop_database(gateway *g, http_request *request, http_reply *reply)
{
    lynse_run_json(g, request, reply, LYNSE_DATABASE, drop_database);
}

void lynse_delete_database(gateway *g, http_request *request, http_reply *reply)
{
    lynse_run_json(g, request, reply, LYNSE_DATABASE, drop_database);
}

static varve_status database_exists(lynse_call *c, varve_error *err)
{
    bool exists = varve_database_exists(http_db(c->request), c->database);
    return lynse_reply_with(c, err, ",\"exists\":%s", exists ? "true" : "false");
}

void lynse_database_exists(gateway *g, http_request *request, http_reply *reply)
{
    lynse_run_json(g, request, reply, LYNSE_DATABASE, database_exists);
}

static varve_status list_databases(lynse_call *c, varve_error *err)
{
    VV_CLEANUP(lynse_names_freep) varve_names *names = NULL;
    VV_TRY(lynse_of_engine(varve_database_list(http_db(c->request), &names, err), err));
    VV_TRY(lynse_reply_begin(c, err));
    VV_TRY(buffer_add_text(&c->reply->body, "\"databases\":", err));
    VV_TRY(lynse_out_text_list(&c->reply->body, names, err));
    return lynse_reply_end(c, err);
}

void lynse_list_databases(gateway *g, http_request *request, http_reply *reply)
{
    lynse_run_bare(g, request, reply, list_databases);
}
