/* http_server.h — the HTTP server: libmicrohttpd on the network, pools of workers for handlers.
 *
 *  network thread: head -> checks, key, route, limits -> body -> suspend -> pool
 *  worker:                                                        handler -> reply -> resume
 *  network thread:                                                              send reply
 *
 * Kinds of routes have pools of their own, so that searches, waiting writes and minutes-long work
 * do not hold one another up, and one thread is kept for probes.
 * Ownership  http_server_stop() ends what http_server_start() made.
 * Threads    one thread makes and ends it. */
#ifndef GATEWAY_HTTP_SERVER_H
#define GATEWAY_HTTP_SERVER_H

#include "gateway_inner.h"

typedef struct http_server http_server;

/* Listens when it is back; *ret_port is the port, also when any free one was asked for. */
VV_CHECKED varve_status http_server_start(gateway *g, http_server **ret, int *ret_port,
                                          varve_error *err);
/* The end, in steps. Accept no more; replies from now on carry Connection: close. */
void http_server_quiesce(http_server *s);
/* Close what has been idle for a moment; true when no connection is left. */
bool http_server_is_empty(http_server *s);
/* Cut every connection that no handler works for, and wait a little for handlers that this ends.
 * False: some still run. */
bool http_server_cut(http_server *s);
/* Only when no handler runs any more. */
void http_server_stop(http_server *s);

#endif
