/* http_head.h — what must hold of a request's head before anything else looks at it. The server
 * below accepts heads that two programs in a row may read differently (two lengths, a length and
 * chunks, an unknown transfer coding): here they are refused, and the connection is closed, because
 * nobody can say where such a request ends. */
#ifndef GATEWAY_HTTP_HEAD_H
#define GATEWAY_HTTP_HEAD_H

#include "http_request.h"

/* Fills has_body, chunked and content_length. False: reply holds 400, 414 or 431. */
bool head_check(http_request *r, const config *limits);
/* Keep the headers for a handler that runs while the connection does. */
bool head_copy(http_request *r);

#endif
