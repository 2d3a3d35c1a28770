/* http_exchange.c — one request and its reply, as libmicrohttpd calls for them on a network thread.
 * Nothing here waits. */
#include "http_server_inner.h"

#include "base/clock.h"
#include "reply.h"

#include <inttypes.h>
#include <microhttpd.h>
#include <stdio.h>
#include <string.h>

static connection *connection_of(struct MHD_Connection *mhd)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    return info ? info->socket_context : NULL;
}

/* The first line is there: a request begins. */
void *http_on_uri(void *context, const char *uri, struct MHD_Connection *mhd)
{
    http_server *s = context;
    connection *c = connection_of(mhd);
    http_request *r = c ? request_take(s) : NULL;
    if (!r) return NULL;
    if (!request_set_uri(r, uri, s->g->config.max_uri_bytes)) {
        request_let_go(r);
        return NULL;
    }
    r->connection = c;
    r->started_ns = clock_now_ns();
    r->number = atomic_fetch_add(&s->last_number, 1) + 1;
    (void)snprintf(r->id, sizeof r->id, "%" PRIu64, r->number);
    memcpy(r->peer, c->peer, sizeof r->peer);
    return r;
}

static enum MHD_Result send_reply(http_request *r)
{
    if (!r->response || !connection_enter(r->connection, PHASE_REPLY)) return MHD_NO;
    return MHD_queue_response(r->mhd, (unsigned)r->reply.status, r->response);
}

static enum MHD_Result on_head(http_request *r, struct MHD_Connection *mhd, const char *method)
{
    connection *c = r->connection;
    r->begun = true;
    r->mhd = mhd;
    (void)snprintf(r->method, sizeof r->method, "%s", method);
    dispatch_head(r);
    atomic_store(&c->request_id, r->number);
    atomic_store_explicit(&c->body_bytes, 0, memory_order_relaxed);
    atomic_store_explicit(&c->paused, false, memory_order_relaxed);
    atomic_store_explicit(&c->exempt, r->route && r->route->kind == KIND_STREAM,
                          memory_order_relaxed);
    if (!connection_enter(c, PHASE_BODY)) return MHD_NO;
    if (!r->answered && r->route->kind == KIND_STREAM) dispatch_stream(r);
    if (!r->answered || !r->reply.close) return MHD_YES;
    c->slow_close = true; /* whatever the client still sends must not cost it the reply */
    return send_reply(r);
}

/* In the middle of a body only the way past the server is left. */
static enum MHD_Result refuse_body(http_request *r)
{
    r->answered = true;
    finish_reply(r);
    finish_early(r);
    return MHD_NO;
}

static bool charge_body(http_request *r)
{
    gateway *g = r->server->g;
    size_t more = r->body_capacity - VV_MIN(r->charged, r->body_capacity);
    uint64_t before =
        atomic_fetch_add_explicit(&g->metrics.body_memory_bytes, more, memory_order_relaxed);
    r->charged += more;
    return before + more <= g->config.body_memory_mb << 20;
}

static enum MHD_Result on_ordinary_bytes(http_request *r, const char *data, size_t len)
{
    if (r->received + len > r->body_limit) {
        reply_failure(&r->reply, 413, "payload_too_large",
                      "The body is larger than the limit of %" PRIu64 " MiB", r->body_limit >> 20);
        return refuse_body(r);
    }
    if (!request_body_reserve(r, len) || !charge_body(r)) {
        reply_failure(&r->reply, 503, "overloaded", "The server holds too many request bodies");
        return refuse_body(r);
    }
    memcpy(r->body + r->received, data, len);
    r->received += len;
    return MHD_YES;
}

static enum MHD_Result on_stream_bytes(http_request *r, const char *data, size_t *len)
{
    http_stream *s = r->stream;
    size_t taken;
    if (r->received + *len > r->body_limit) {
        stream_fail(s, VARVE_LIMIT, "the body is larger than the limit of streamed bodies");
        *len = 0; /* the handler answers, which ends the connection */
        return MHD_YES;
    }
    (void)pthread_mutex_lock(&s->lock);
    taken = stream_put_locked(s, data, *len);
    r->received += taken;
    s->paused = taken < *len && !s->finished;
    if (s->paused) MHD_suspend_connection(r->mhd);
    atomic_store_explicit(&r->connection->paused, s->paused, memory_order_relaxed);
    (void)pthread_mutex_unlock(&s->lock);
    *len -= taken;
    return MHD_YES;
}

static enum MHD_Result on_bytes(http_request *r, const char *data, size_t *len)
{
    connection *c = r->connection;
    enum MHD_Result result = MHD_YES;
    size_t offered = *len;
    if (atomic_load(&c->phase) == PHASE_CUT) return MHD_NO;
    if (r->stream && !r->answered) {
        result = on_stream_bytes(r, data, len);
    } else {
        if (!r->answered) result = on_ordinary_bytes(r, data, *len);
        *len = 0;
    }
    atomic_fetch_add_explicit(&c->body_bytes, offered - *len, memory_order_relaxed);
    atomic_fetch_add_explicit(&r->server->g->metrics.received_bytes, offered - *len,
                              memory_order_relaxed);
    return result;
}

/* The body of a stream is in. The handler may still be reading what the ring holds. */
static enum MHD_Result on_stream_end(http_request *r)
{
    http_stream *s = r->stream;
    bool finished;
    (void)pthread_mutex_lock(&s->lock);
    s->ended = true;
    finished = s->finished;
    if (!finished && connection_enter(r->connection, PHASE_RUN)) {
        s->waiting = true;
        MHD_suspend_connection(r->mhd);
    }
    (void)pthread_cond_signal(&s->more);
    (void)pthread_mutex_unlock(&s->lock);
    return finished ? send_reply(r) : MHD_YES;
}

static enum MHD_Result on_end(http_request *r)
{
    if (r->answered) return send_reply(r);
    if (r->stream) return on_stream_end(r);
    if (r->dispatched) return send_reply(r);
    if (r->route->limit != LIMIT_NONE) { /* handlers may read past the end of a body, even none */
        if (!request_body_reserve(r, 0)) return MHD_NO;
        memset(r->body + r->received, 0, JSON_TEXT_PADDING);
    }
    return dispatch_run(r) ? MHD_YES : MHD_NO;
}

/* Called when the head is in, for each piece of the body, at its end, and after each resume. */
enum MHD_Result http_on_request(void *context, struct MHD_Connection *mhd, const char *url,
                                const char *method, const char *version, const char *data,
                                size_t *len, void **state)
{
    http_request *r = *state;
    (void)context;
    (void)url;
    if (!r) return MHD_NO;
    if (!r->begun) {
        r->old_version = strcmp(version, MHD_HTTP_VERSION_1_1) != 0;
        return on_head(r, mhd, method);
    }
    if (*len > 0) return on_bytes(r, data, len);
    return on_end(r);
}

/* The reply is out, or the client is gone. */
void http_on_completed(void *context, struct MHD_Connection *mhd, void **state,
                       enum MHD_RequestTerminationCode why)
{
    http_server *s = context;
    http_request *r = *state;
    connection *c;
    int told;
    (void)mhd;
    (void)why;
    *state = NULL;
    if (!r) return;
    c = r->connection;
    told = atomic_load(&c->cut_status);
    if (r->stream)
        stream_fail(r->stream, told == 408 ? VARVE_TIMEOUT : VARVE_IO,
                    told == 408 ? "the body did not arrive in time" : "the client went away");
    (void)pthread_mutex_lock(&s->connections.lock);
    r->connection = NULL;
    (void)pthread_mutex_unlock(&s->connections.lock);
    if (r->begun && !r->dispatched && !r->booked) finish_book(r, told ? told : 499);
    (void)connection_enter(c, PHASE_IDLE);
    request_let_go(r);
}
