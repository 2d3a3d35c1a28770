/* http_client.h — talk to a Varve server: JSON calls, and one long upload. libcurl underneath.
 *
 * Ownership  http_close() ends it (NULL-safe); answers are the caller's (json_decref).
 * Threads    one at a time.
 * Errors     VARVE_IO when the server cannot be reached; otherwise the sentence of the server with
 * the status that fits its HTTP code. */
#ifndef CLI_HTTP_CLIENT_H
#define CLI_HTTP_CLIENT_H

#include "base/buffer.h"
#include "base/json.h"

typedef struct http_client http_client;

VV_CHECKED varve_status http_open(const char *url, const char *api_key, http_client **ret,
                                  varve_error *err);
void http_close(http_client *c);
void http_closep(http_client **c);

/* POST a JSON body (taken, also on failure), or GET when it is NULL. *ret_params is what stands
 * under "params". */
VV_CHECKED varve_status http_call(http_client *c, const char *path, json_t *body,
                                  json_t **ret_params, varve_error *err);

/* The same for a call that may take hours: it ends when the server answers, or is gone. */
VV_CHECKED varve_status http_call_long(http_client *c, const char *path, json_t *body,
                                       json_t **ret_params, varve_error *err);

/* POST bytes as they are pulled: `pull` appends the next ones to `out`, and nothing at the end. */
typedef varve_status http_pull(void *context, buffer *out, varve_error *err);
VV_CHECKED varve_status http_upload(http_client *c, const char *path_and_query, http_pull *pull,
                                    void *context, size_t piece_bytes_max, json_t **ret_params,
                                    varve_error *err);
/* Append ?key=value or &key=value, escaped. */
VV_CHECKED varve_status http_add_query(http_client *c, buffer *path, const char *key,
                                       const char *value, varve_error *err);

void http_answer_freep(json_t **answer); /* for VV_CLEANUP */

#endif
