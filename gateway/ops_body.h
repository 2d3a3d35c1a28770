/* ops_body.h — the JSON body of a route for those who run the server: an object, {} for none.
 * Ownership  the document is the caller's (json_document_done); texts are borrowed from it.
 * Threads    one request belongs to one thread.
 * Errors     VARVE_INVALID naming what is wrong with the body, or with which member. */
#ifndef GATEWAY_OPS_BODY_H
#define GATEWAY_OPS_BODY_H

#include "handler.h"

#include "base/status.h"

VV_CHECKED varve_status ops_body_parse(http_request *request, json_document *ret, varve_error *err);
/* Members that are absent or null have their default: no text, the fallback. */
VV_CHECKED varve_status ops_body_text(const json_document *body, const char *key, const char **ret,
                                      varve_error *err);
VV_CHECKED varve_status ops_body_switch(const json_document *body, const char *key, bool fallback,
                                        bool *ret, varve_error *err);

#endif
