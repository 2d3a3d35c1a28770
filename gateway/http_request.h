/* http_request.h — one request, from its first line to the end of its reply.
 *
 * A request is held by the network thread and, while its handler runs, by the handler's; whoever
 * lets go last gives it back to the server's store, where it keeps its buffers for the next one.
 * Threads  the network thread until it is handed to a worker, then the worker until the reply is
 *          there; a streamed one is shared through its stream. */
#ifndef GATEWAY_HTTP_REQUEST_H
#define GATEWAY_HTTP_REQUEST_H

#include "connections.h"
#include "follow/follow_wait.h"
#include "follow/served.h"
#include "gateway_inner.h"
#include "http_stream.h"
#include "ship/ship_acks.h"

#define QUERY_ARGUMENTS_MAX 64
#define PATH_PARAMS_MAX     4

typedef struct http_pair {
    const char *key, *value;
} http_pair;

struct MHD_Connection;
struct MHD_Response;
struct http_server;

struct http_request {
    struct http_server *server;
    struct MHD_Connection *mhd;
    connection *connection; /* under the lock of the list; NULL once the exchange is over */
    struct http_request *next_free;
    atomic_int holders;

    char id[24];
    uint64_t number;     /* id as a number */
    char peer[48];       /* address of the client, in text */
    uint64_t started_ns; /* first line read */
    uint64_t handler_ns; /* handler begun */
    const route *route;  /* NULL: none, or not looked up yet */
    char method[16];
    char *text; /* path, NUL, query, and room for decoded path parameters */
    size_t text_capacity, path_len, uri_len;
    bool text_cut; /* the URI did not fit the limit */
    http_pair arguments[QUERY_ARGUMENTS_MAX];
    size_t argument_count;
    http_pair params[PATH_PARAMS_MAX];
    size_t param_count;
    char *headers; /* of streamed requests: name NUL value NUL …, then an empty name */

    bool begun;       /* the head was seen */
    bool answered;    /* the reply is decided without a handler; a body still to come is dropped */
    bool dispatched;  /* given to a worker */
    bool old_version; /* HTTP/1.0 */
    bool has_body, chunked;
    uint64_t body_limit, content_length, received;
    char *body;
    size_t body_capacity, charged;
    http_stream *stream;

    served *served;        /* of a replica: what it reads; NULL: the owner's folder */
    uint64_t applied_lsn;  /* of what it read; 0: it was none of a replica */
    uint64_t staleness_ms; /* beside applied_lsn; UINT64_MAX: not known */
    uint64_t min_lsn;      /* asked for; 0: none */
    follow_waiter waiter;  /* for min_lsn */

    http_reply reply;
    ship_ack ack;                  /* of a write that waits for the backup repository */
    void (*end)(http_request *r);  /* what follows its handler */
    struct MHD_Response *response; /* of the reply, when it is complete */
    const char *reply_text;        /* its body, borrowed from it */
    size_t reply_bytes;
    http_outcome outcome;
    bool booked; /* counted and logged */
};

/* Make the parts of a fresh request that come from its first line. uri is "/path?query" as sent. */
bool request_set_uri(http_request *r, const char *uri, size_t uri_max);
/* Check escapes and characters of the URI, split and decode it. False: reply is filled. */
bool request_parse_uri(http_request *r);
bool request_parse_params(http_request *r);
/* Room for `more` bytes of body and the padding. */
bool request_body_reserve(http_request *r, size_t more);
/* Back to the state of a fresh one, keeping buffers of ordinary size. */
void request_reset(http_request *r);
void request_free(http_request *r);

#endif
