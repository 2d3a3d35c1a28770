/* http_finish.c — the end of a request: response, books, log. */
#include "http_server_inner.h"

#include "base/clock.h"
#include "reply.h"

#include <inttypes.h>
#include <microhttpd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EARLY_REPLY_MAX 16384

typedef void header_sink(void *context, const char *name, const char *value);

static bool closes(const http_request *r)
{
    return r->reply.close || atomic_load(&r->server->g->draining);
}

static void number_header(header_sink *sink, void *context, const char *name, uint64_t n)
{
    char text[24];
    (void)snprintf(text, sizeof text, "%" PRIu64, n);
    sink(context, name, text);
}

/* Every header of ours, for the server's response and for one we write ourselves. */
static void each_header(const http_request *r, bool close, header_sink *sink, void *context)
{
    if (r->reply_bytes) sink(context, "Content-Type", r->reply.content_type);
    sink(context, "x-request-id", r->id);
    sink(context, "X-Content-Type-Options", "nosniff");
    if (r->reply.status == 401) sink(context, "WWW-Authenticate", "Basic realm=\"LynseDB\"");
    if (r->reply.status == 503) sink(context, "Retry-After", "1");
    if (r->reply.lsn) number_header(sink, context, "X-LSN", r->reply.lsn);
    if (r->applied_lsn) number_header(sink, context, "X-Applied-LSN", r->applied_lsn);
    if (r->applied_lsn && r->staleness_ms != UINT64_MAX)
        number_header(sink, context, "X-Staleness-Ms", r->staleness_ms);
    if (close) sink(context, "Connection", "close");
}

static void add_to_response(void *context, const char *name, const char *value)
{
    (void)MHD_add_response_header(context, name, value);
}

/* r->response stays NULL when there is no memory; the connection is then closed without a reply. */
static void make_response(http_request *r)
{
    char *text;
    r->reply_bytes = r->reply.body.len;
    text = buffer_take(&r->reply.body);
    r->reply_text = text;
    if (text)
        r->response =
            MHD_create_response_from_buffer_with_free_callback(r->reply_bytes, text, free);
    else
        r->response = MHD_create_response_from_buffer(0, (void *)"", MHD_RESPMEM_PERSISTENT);
    if (!r->response) {
        free(text);
        r->reply_text = NULL;
        r->reply_bytes = 0;
        return;
    }
    each_header(r, closes(r), add_to_response, r->response);
}

static const char *const outcome_names[] = {"normal", "unauthorized", "handler_failure"};

static void log_request(http_request *r, int status, uint64_t elapsed_ns)
{
    logger *l = &r->server->g->log;
    log_level level = status >= 500 ? LOG_WARN : LOG_INFO;
    log_line line;
    if (!log_wants(l, level)) return;
    log_begin(&line, level, "http", "http_request");
    log_text(&line, "request_id", r->id);
    log_text(&line, "method", r->method);
    log_u64(&line, "status_code", (uint64_t)status);
    log_ms(&line, "elapsed_ms", elapsed_ns);
    log_text(&line, "outcome", outcome_names[r->outcome]);
    if (r->reply.cause.status != VARVE_OK) {
        log_text(&line, "status", varve_status_name(r->reply.cause.status));
        log_text(&line, "error", r->reply.cause.message);
    }
    log_text(&line, "path", r->text); /* the longest comes last: it is cut to what room is left */
    log_end(l, &line);
}

static void log_audit(http_request *r, int status, const char *peer)
{
    log_line line;
    bool changes = r->route && r->route->scope == SCOPE_WRITE;
    if (!r->server->g->config.audit_log || !(changes || r->outcome == OUTCOME_UNAUTHORIZED)) return;
    log_begin(&line, LOG_INFO, "audit", "audit");
    log_text(&line, "request_id", r->id);
    log_text(&line, "action", changes ? r->route->path + 1 : "refused");
    log_text(&line, "method", r->method);
    log_u64(&line, "status_code", (uint64_t)status);
    log_text(&line, "outcome", outcome_names[r->outcome]);
    log_text(&line, "client", peer);
    log_text(&line, "path", r->text);
    log_end(&r->server->g->log, &line);
}

static void log_slow(http_request *r, uint64_t now_ns)
{
    gateway *g = r->server->g;
    uint64_t limit_ms = g->config.slow_query_warn_ms;
    log_line line;
    if (!r->route || r->route->kind != KIND_SEARCH || !limit_ms || !r->handler_ns ||
        now_ns - r->handler_ns < limit_ms * 1000000 || !log_wants(&g->log, LOG_WARN))
        return;
    log_begin(&line, LOG_WARN, "http", "slow_query");
    log_text(&line, "request_id", r->id);
    log_ms(&line, "elapsed_ms", now_ns - r->handler_ns);
    log_u64(&line, "threshold_ms", limit_ms);
    if (r->reply.unindexed[0]) log_text(&line, "unindexed_field", r->reply.unindexed);
    log_text(&line, "path", r->text);
    log_end(&g->log, &line);
}

void finish_book(http_request *r, int status)
{
    gateway *g = r->server->g;
    uint64_t now_ns = clock_now_ns();
    if (status >= 500 && r->outcome == OUTCOME_NORMAL) r->outcome = OUTCOME_FAILURE;
    r->booked = true;
    metrics_count(&g->metrics, r->route, status, now_ns - r->started_ns, r->outcome);
    atomic_fetch_add_explicit(&g->metrics.sent_bytes, r->reply_bytes, memory_order_relaxed);
    log_request(r, status, now_ns - r->started_ns);
    log_audit(r, status, r->peer);
    log_slow(r, now_ns);
}

void finish_reply(http_request *r)
{
    make_response(r);
    finish_book(r, r->reply.status);
}

typedef struct early_text {
    char bytes[EARLY_REPLY_MAX];
    size_t len;
    bool cut; /* it did not fit */
} early_text;

static void add_bytes(early_text *t, const char *bytes, size_t len)
{
    t->cut = t->cut || len > sizeof t->bytes - t->len;
    if (t->cut || len == 0) return;
    memcpy(t->bytes + t->len, bytes, len);
    t->len += len;
}

static void add_to_text(void *context, const char *name, const char *value)
{
    early_text *t = context;
    add_bytes(t, name, strlen(name));
    add_bytes(t, ": ", 2);
    add_bytes(t, value, strlen(value));
    add_bytes(t, "\r\n", 2);
}

void finish_early(http_request *r)
{
    connections *list = &r->server->connections;
    early_text text;
    text.len =
        (size_t)snprintf(text.bytes, sizeof text.bytes, "HTTP/1.1 %d %s\r\nContent-Length: %zu\r\n",
                         r->reply.status, reply_status_text(r->reply.status), r->reply_bytes);
    text.cut = false;
    each_header(r, true, add_to_text, &text);
    add_bytes(&text, "\r\n", 2);
    add_bytes(&text, r->reply_text, r->reply_bytes);
    /* One that is too long to be sent at once is left out: the client sees the connection end. */
    if (text.cut) text.len = 0;
    (void)pthread_mutex_lock(&list->lock);
    if (r->connection)
        (void)connection_cut_with_reply_locked(list, r->connection, r->reply.status, text.bytes,
                                               text.len);
    (void)pthread_mutex_unlock(&list->lock);
}
