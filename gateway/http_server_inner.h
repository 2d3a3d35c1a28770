/* http_server_inner.h — inside the server: its parts, and the calls between its files. */
#ifndef GATEWAY_HTTP_SERVER_INNER_H
#define GATEWAY_HTTP_SERVER_INNER_H

#include "base/thread_pool.h"
#include "http_request.h"
#include "http_server.h"
#include "slow_close.h"

#include <microhttpd.h>

typedef enum pool_name {
    POOL_PROBE,
    POOL_READ,
    POOL_WRITE,
    POOL_LONG, /* mostly waits for the compactor */
    POOL_BULK,
    POOL_COUNT
} pool_name;

struct http_server {
    gateway *g;
    struct MHD_Daemon *daemon;
    connections connections;
    slow_close slow_close;
    thread_pool *pools[POOL_COUNT];
    atomic_uint_fast64_t last_number; /* of requests */
    atomic_uint_fast64_t running;     /* handed to a worker, not yet handed back */

    pthread_mutex_t lock; /* guards the store of requests */
    http_request *spare;
    size_t spare_count;

    pthread_t clock; /* flushes the log, watches connections, lets closed ones end */
    atomic_bool ending;
};

/* http_store.c: requests out of use. */
http_request *request_take(http_server *s); /* NULL: no memory */
void request_let_go(http_request *r);       /* by each holder, once */
void store_done(http_server *s);

/* http_exchange.c: callbacks of libmicrohttpd, on a network thread. */
void *http_on_uri(void *context, const char *uri, struct MHD_Connection *mhd);
enum MHD_Result http_on_request(void *context, struct MHD_Connection *mhd, const char *url,
                                const char *method, const char *version, const char *data,
                                size_t *len, void **state);
void http_on_completed(void *context, struct MHD_Connection *mhd, void **state,
                       enum MHD_RequestTerminationCode why);

/* http_dispatch.c: decisions on the network thread, handlers on workers. */
VV_CHECKED varve_status pools_start(http_server *s, varve_error *err);
void pools_stop(http_server *s);
void dispatch_head(http_request *r);   /* answered, or route and limit are set */
void dispatch_answer(http_request *r); /* what is in r->reply, without a handler */
bool dispatch_run(http_request *r);    /* false: not for a connection that was cut */
void dispatch_stream(http_request *r);

/* http_finish.c: a reply becomes bytes, numbers and lines of the log. */
void finish_reply(http_request *r); /* makes r->response of r->reply, and books */
void finish_book(http_request *r, int status);
/* Send the finished reply in the middle of a body, past the server, and end the connection. */
void finish_early(http_request *r);

#endif
