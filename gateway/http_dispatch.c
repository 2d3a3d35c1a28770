/* http_dispatch.c — the gate in front of the handlers, in this order: the head is sound, the key is
 * right, there is such a route, its body may be that large. Only then is a byte of the body taken.
 */
#include "http_server_inner.h"

#include "auth.h"
#include "base/clock.h"
#include "follow/follow_gate.h"
#include "http_head.h"
#include "process.h"
#include "reply.h"
#include "ship/ship_gate.h"

#include <inttypes.h>
#include <microhttpd.h>
#include <string.h>
#include <unistd.h>

#define DROPPED_BODY_MAX 65536 /* a body nobody wants is read to its end up to this size */
#define BULK_QUEUE_MAX   64    /* each waiting stream holds up to a ring of memory */

varve_status pools_start(http_server *s, varve_error *err)
{
    const config *c = &s->g->config;
    uint64_t workers = process_workers(c->workers);
    const struct {
        uint64_t threads, queue;
        const char *name;
    } wanted[POOL_COUNT] = {
        [POOL_PROBE] = {1, c->queue_max, "http-probe"},
        [POOL_READ] = {workers, c->queue_max, "http-read"},
        [POOL_WRITE] = {c->write_workers, c->queue_max, "http-write"},
        [POOL_LONG] = {c->long_workers, c->queue_max, "http-long"},
        [POOL_BULK] = {c->bulk_workers, VV_MIN(c->queue_max, (uint64_t)BULK_QUEUE_MAX),
                       "http-bulk"},
    };
    for (size_t i = 0; i < POOL_COUNT; i++)
        VV_TRY(pool_new(wanted[i].threads, wanted[i].queue, wanted[i].name, &s->pools[i], err));
    return VARVE_OK;
}

void pools_stop(http_server *s)
{
    for (size_t i = 0; i < POOL_COUNT; i++) {
        pool_free(s->pools[i]);
        s->pools[i] = NULL;
    }
}

static pool_name pool_of(route_kind kind)
{
    switch (kind) {
    case KIND_PROBE: return POOL_PROBE;
    case KIND_READ:
    case KIND_SEARCH: return POOL_READ;
    case KIND_WRITE: return POOL_WRITE;
    case KIND_LONG: return POOL_LONG;
    case KIND_STREAM: return POOL_BULK;
    }
    return POOL_READ;
}

void dispatch_answer(http_request *r)
{
    r->answered = true;
    if (r->has_body && ((r->reply.status != 404 && r->reply.status != 403) || r->chunked ||
                        r->content_length > DROPPED_BODY_MAX))
        r->reply.close = true;
    finish_reply(r);
}

static bool passes_gate(http_request *r)
{
    gateway *g = r->server->g;
    const char *header;
    if (router_is_open(&g->router, r->text, r->path_len)) return true;
    header = MHD_lookup_connection_value(r->mhd, MHD_HEADER_KIND, MHD_HTTP_HEADER_AUTHORIZATION);
    if (auth_passes(g->config.api_key, header)) return true;
    r->outcome = OUTCOME_UNAUTHORIZED;
    reply_failure(&r->reply, 401, "unauthorized", "Unauthorized");
    return false;
}

static uint64_t limit_mb(const config *c, route_limit limit)
{
    switch (limit) {
    case LIMIT_NONE: return 0;
    case LIMIT_JSON: return c->json_limit_mb;
    case LIMIT_RAW: return c->payload_limit_mb;
    case LIMIT_STREAM: return c->stream_limit_mb;
    }
    return 0;
}

static bool finds_route(http_request *r)
{
    gateway *g = r->server->g;
    uint64_t most;
    r->route = router_find(&g->router, r->method, r->text, r->path_len);
    if (!r->route || !request_parse_params(r)) {
        r->route = NULL;
        reply_empty(&r->reply, 404);
        return false;
    }
    most = limit_mb(&g->config, r->route->limit);
    r->body_limit = most << 20;
    if (r->content_length <= r->body_limit && (r->body_limit || !r->chunked)) return true;
    reply_failure(&r->reply, 413, "payload_too_large",
                  "The body is larger than the limit of %" PRIu64 " MiB", most);
    return false;
}

void dispatch_head(http_request *r)
{
    const config *c = &r->server->g->config;
    r->reply.status = 200;
    r->reply.content_type = "application/json";
    buffer_init(&r->reply.body, c->reply_limit_mb << 20, "reply");
    if (!head_check(r, c) || !passes_gate(r) || !finds_route(r) || !follow_gate_admits(r))
        dispatch_answer(r);
}

static void overloaded(http_request *r)
{
    reply_failure(&r->reply, 503, "overloaded", "The server has too many requests waiting");
}

/* Two holders from here on: the network thread and the worker. */
static void hand_over(http_request *r)
{
    http_server *s = r->server;
    r->dispatched = true;
    atomic_fetch_add(&r->holders, 1);
    atomic_fetch_add(&s->running, 1);
    atomic_fetch_add_explicit(&s->g->metrics.routes[route_index(r->route)].running, 1,
                              memory_order_relaxed);
}

static bool submit(http_request *r, pool_task *task)
{
    return pool_submit(r->server->pools[pool_of(r->route->kind)], task, r);
}

static void ended(http_request *r)
{
    http_server *s = r->server;
    atomic_fetch_sub_explicit(&s->g->metrics.routes[route_index(r->route)].running, 1,
                              memory_order_relaxed);
    request_let_go(r);
    atomic_fetch_sub(&s->running, 1); /* the last touch: the server may be freed once it is 0 */
}

static void on_ack(void *context, ship_ack_end end)
{
    http_request *r = context;
    ship_gate_settle(&r->reply, end);
    r->end(r);
}

/* The request ends here, or, if it wrote and waits for the backup repository, on the thread of
 * those that do. */
static void run_handler(http_request *r, void (*end)(http_request *r))
{
    gateway *g = r->server->g;
    bool waits = false;
    r->handler_ns = clock_now_ns();
    r->end = end;
    r->ack = (ship_ack){.done = on_ack, .arg = r};
    bool may = follow_gate_enter(r) && ship_gate_admits(g, r->route, r, &r->reply);
    if (may) r->route->handler(g, r, &r->reply);
    follow_gate_leave(r);
    if (may)
        waits = ship_gate_holds(g, r->route, r, &r->reply, &r->ack);
    else if (r->stream)
        r->reply.close = true; /* its body is not read */
    if (!waits) end(r);
}

static void end_ordinary(http_request *r)
{
    finish_reply(r);
    MHD_resume_connection(r->mhd);
    ended(r);
}

static void run_ordinary(void *context) { run_handler(context, end_ordinary); }

static void submit_ordinary(void *context)
{
    http_request *r = context;
    if (submit(r, run_ordinary)) return;
    overloaded(r);
    finish_reply(r);
    MHD_resume_connection(r->mhd);
    ended(r);
}

bool dispatch_run(http_request *r)
{
    if (!connection_enter(r->connection, PHASE_RUN)) return false;
    MHD_suspend_connection(r->mhd);
    hand_over(r);
    r->waiter = (follow_waiter){.call = submit_ordinary, .arg = r};
    if (!follow_gate_park(r)) submit_ordinary(r);
    return true;
}

/* The network thread may wait for the reply (suspended at the end of the body), may still be taking
 * the body in, or may have lost the client. */
static void end_stream(http_request *r)
{
    http_stream *s = r->stream;
    bool resume, early;
    varve_status gone = stream_gone(s);
    if (gone == VARVE_OK)
        finish_reply(r);
    else
        finish_book(r, gone == VARVE_TIMEOUT ? 408 : 499);
    (void)pthread_mutex_lock(&s->lock);
    s->finished = true;
    resume = s->waiting || s->paused;
    early = !s->ended && (r->chunked || s->taken_bytes < r->content_length);
    (void)pthread_mutex_unlock(&s->lock);
    if (early) finish_early(r);
    if (resume) MHD_resume_connection(r->mhd);
    ended(r);
}

static void run_stream(void *context) { run_handler(context, end_stream); }

void dispatch_stream(http_request *r)
{
    varve_error err = {0};
    if (!head_copy(r) || stream_new(&r->stream, &err) != VARVE_OK) {
        reply_failure(&r->reply, 503, "unavailable", "No memory for this request");
        dispatch_answer(r);
        return;
    }
    hand_over(r);
    if (submit(r, run_stream)) return;
    overloaded(r);
    dispatch_answer(r);
    ended(r);
}
