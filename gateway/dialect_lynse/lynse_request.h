/* lynse_request.h — one request of the lynse dialect, from its body to its answer.
 *
 * Every handler is a runner (lynse_run_json, lynse_run_binary) around an action. The runner reads
 * the arguments, finds the collection and, when the action fails, replaces whatever the action had
 * written by an error body; so an action is a plain list of fallible steps.
 *
 * Ownership  the call lives on the runner's stack and owns the parsed body and one reference to the
 *            collection; both are gone when the handler returns.
 * Threads    one call belongs to one thread.
 * Errors     the dialect answers 400 where the engine says EXISTS or NOT_FOUND about a row; actions
 *            pass engine results through lynse_of_engine or lynse_of_rows for that. */
#ifndef LYNSE_REQUEST_H
#define LYNSE_REQUEST_H

#include "handler.h"

#include "base/status.h"

#define LYNSE_NAME_MAX 128

typedef struct lynse_call {
    gateway *gateway;
    http_request *request;
    http_reply *reply;
    json_document document;            /* JSON routes: the parsed body; else all zero */
    char database[LYNSE_NAME_MAX + 1]; /* trimmed; "" when the route has none */
    char name[LYNSE_NAME_MAX + 1];     /* of the collection, likewise */
    varve_collection *collection;      /* LYNSE_COLLECTION only */
    const char *code;    /* of the failure, where the dialect has one of its own; else NULL */
    int failure_status;  /* beside code: HTTP status of the failure; 0: that of the engine's */
    bool asks_compactor; /* failures are told as those of the compactor */
    bool plain;          /* the vectors of the body are not lifted out of it */
} lynse_call;

typedef varve_status lynse_action(lynse_call *c, varve_error *err);

/* What the runner prepares: each level includes the ones above it. */
typedef enum lynse_need {
    LYNSE_BODY,      /* the parsed body */
    LYNSE_DATABASE,  /* database_name, unchecked */
    LYNSE_NAMES,     /* collection_name too, unchecked */
    LYNSE_COLLECTION /* both exist, the collection is open */
} lynse_need;

/* A route with a JSON body and a JSON answer. */
void lynse_run_json(gateway *g, http_request *request, http_reply *reply, lynse_need need,
                    lynse_action *action);
/* The same with LYNSE_COLLECTION, for bodies whose "vector" or "vectors" hold objects. */
void lynse_run_plain(gateway *g, http_request *request, http_reply *reply, lynse_action *action);
/* A route with no arguments. */
void lynse_run_bare(gateway *g, http_request *request, http_reply *reply, lynse_action *action);
/* A route with arguments in the query string; errors are plain text when its answer is binary. */
typedef enum lynse_answer { LYNSE_ANSWER_JSON, LYNSE_ANSWER_BINARY } lynse_answer;
void lynse_run_binary(gateway *g, http_request *request, http_reply *reply, lynse_answer answer,
                      lynse_action *action);

/* The names of the body, as far as `need` goes. */
VV_CHECKED varve_status lynse_names_of_body(lynse_call *c, lynse_need need, varve_error *err);
/* The names of a query string; then lynse_open. For routes with a runner of their own. */
VV_CHECKED varve_status lynse_names_of_query(lynse_call *c, varve_error *err);
/* Open the collection named by the call; 404 "Database not found: X", "Collection not found: X". */
VV_CHECKED varve_status lynse_open(lynse_call *c, varve_error *err);
/* VARVE_NOT_FOUND "Database not found: X" unless it exists. */
VV_CHECKED varve_status lynse_need_database(lynse_call *c, varve_error *err);
void lynse_call_done(lynse_call *c); /* also fits VV_CLEANUP */

/* Hand on what the engine returned, worded as the dialect words it. */
varve_status lynse_of_engine(varve_status status, varve_error *err);
/* The same for calls about rows: EXISTS and NOT_FOUND of an id become 400. */
varve_status lynse_of_rows(lynse_call *c, varve_status status, varve_error *err);

#endif
