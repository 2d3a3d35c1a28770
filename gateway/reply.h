/* reply.h — how a handler answers, and the one place where a failure becomes a status, a code and a
 * sentence for the client.
 *
 * The client's body of a failure is {"error": sentence, "code": code}. The sentence of a failure of
 * ours (IO, CORRUPT, …) may name files of the server: it is kept in reply->cause, which the server
 * logs under the request's id, and the client gets a general one.
 *
 *     varve_error err = {0};
 *     if (varve_delete(c, ids, n, NULL, NULL, &err) != VARVE_OK) { reply_error(reply, &err);
 * return; }
 *
 * A dialect that gives a failure another code than the table does changes err.status first
 * (VARVE_EXISTS on a row insert -> VARVE_INVALID), or uses reply_failure().
 * Threads  a reply belongs to the thread of its handler. */
#ifndef GATEWAY_REPLY_H
#define GATEWAY_REPLY_H

#include "handler.h"

#include <stdarg.h>

/* What the client is told about `err`: HTTP status, code, sentence (borrowed from err, or static).
 */
int reply_error_status(const varve_error *err);
const char *reply_error_code(const varve_error *err);
const char *reply_error_sentence(const varve_error *err);

/* Each of these replaces whatever the body held. */
void reply_error(http_reply *reply, const varve_error *err);      /* JSON */
void reply_error_text(http_reply *reply, const varve_error *err); /* text/plain, sentence alone */
/* A failure the server or a dialect finds itself: reply_failure(reply, 404, "not_found",
 * "Collection not found: %s", name). */
void reply_failure(http_reply *reply, int status, const char *code, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
/* A failure of the compactor, or of starting one: VARVE_IO of a build or a compaction says so; all
 * others as reply_error has them. */
void reply_compactor_error(http_reply *reply, const varve_error *err);
void reply_failure_text(http_reply *reply, int status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void reply_empty(http_reply *reply, int status); /* status alone */

const char *reply_status_text(int status); /* "Not Found" */

#endif
