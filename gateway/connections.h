/* connections.h — every open connection, watched: how long it takes over a request's head, its body
 * and the reading of our reply. The server behind handles bytes; this decides who is too slow.
 *
 *            first bytes of a body        body complete, or none
 *   IDLE ------------------------> BODY ------------------------> RUN --------> REPLY --+
 *    ^                              |                            (handler)             |
 *    |                              v  too slow, or answered before its end            |
 *    |                             CUT (the end; from IDLE and REPLY too)              |
 *    +---------------------------------------------------------------------------------+
 *
 * In CUT nobody writes to the socket any more. The server below closes it when more bytes come,
 * when the client goes, or when the watch shuts it down. IDLE lasts until a head is complete.
 *
 * Ownership  connection_new() adds to the list, connection_free() takes away.
 * Threads    phase changes come from the thread of the connection, but for the step into CUT, which
 *            any thread may take: the compare-and-swap decides. The lock of the list guards its
 *            links and keeps every socket in it open; it is never held over a wait. */
#ifndef GATEWAY_CONNECTIONS_H
#define GATEWAY_CONNECTIONS_H

#include "base/status.h"

#include <pthread.h>
#include <stdatomic.h>
#include <sys/socket.h>

typedef enum connection_phase {
    PHASE_IDLE,
    PHASE_BODY,
    PHASE_RUN,
    PHASE_REPLY,
    PHASE_CUT
} connection_phase;

typedef struct connection {
    struct connection *prev, *next; /* under the lock of the list */
    int fd;
    char peer[48]; /* address in text */
    atomic_int phase;
    atomic_uint_fast64_t since_ns;   /* begin of the phase */
    atomic_uint_fast64_t body_bytes; /* received in phase BODY */
    atomic_bool exempt;              /* a stream: as long as it likes, if it is not too slow */
    atomic_bool paused;              /* suspended: it is we who are slow */
    atomic_uint_fast64_t request_id; /* of the request in phase BODY */
    atomic_int cut_status;           /* what a cut client was told; 0: nothing */
    bool slow_close;                 /* read on for a while after our close; see slow_close.h */
    /* Of the watch alone: the span being measured. */
    uint64_t watched_since_ns, watched_from_ns, watched_bytes, watched_last_bytes, head_ns;
    bool watched_closed;
} connection;

typedef struct connection_limits {
    uint64_t header_ns, request_ns, rate_min;
} connection_limits;

typedef struct connections {
    pthread_mutex_t lock;
    connection *first;
    size_t count;
    connection_limits limits;
    atomic_uint_fast64_t *open, *total, *cut; /* counters of the metrics */
} connections;

void connections_init(connections *list, const connection_limits *limits);
void connections_done(connections *list);
size_t connections_count(connections *list);

/* NULL: no memory. */
connection *connection_new(connections *list, int fd, const struct sockaddr *address);
void connection_free(connections *list, connection *c);

/* Step into a phase; false: the connection was cut, and must be given up. */
bool connection_enter(connection *c, connection_phase phase);

/* Write a whole reply past the server and end the connection, if it is still in phase BODY. Only
 * replies that fit the socket's buffer, which is empty then. Caller holds list->lock. */
bool connection_cut_with_reply_locked(connections *list, connection *c, int status,
                                      const char *reply, size_t len);
/* End those that broke a limit. */
void connections_watch(connections *list, uint64_t now_ns);
/* End those idle for longer, or (all) every one that is not in phase RUN or REPLY. */
void connections_close_idle(connections *list, uint64_t now_ns, uint64_t idle_ns, bool all);

#endif
