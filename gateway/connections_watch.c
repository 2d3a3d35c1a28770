/* connections_watch.c — who is too slow.
 * A head must be complete header_ns after its first byte; a body within request_ns, unless exempt.
 * Body and reply are measured over spans of 10 s: one that brings (or takes) fewer than rate_min
 * bytes per second ends the connection, so that a fast begin buys no slow rest. The bytes of heads
 * and of replies are read from the kernel's account of the connection, because the server does not
 * show them. From there comes also that a client has closed its side in the middle of a request:
 * the server misses that when the close arrives together with the last bytes. */
#include "connections.h"

#include <inttypes.h>
#include <linux/sockios.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>

#define SPAN_NS     10000000000u
#define CUT_REST_NS 2000000000u /* for a client that was cut to go by itself */
/* TCP_CLOSE_WAIT of netinet/tcp.h, which does not go together with linux/tcp.h: the client has
 * closed its side. */
#define CLIENT_CLOSED 8

static struct tcp_info account(int fd)
{
    struct tcp_info info = {0};
    socklen_t len = sizeof info;
    (void)getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len);
    return info;
}

static bool end(connection *c, connection_phase phase)
{
    int before = (int)phase;
    if (!atomic_compare_exchange_strong(&c->phase, &before, PHASE_CUT)) return false;
    (void)shutdown(c->fd, SHUT_RDWR);
    return true;
}

static void end_slow(connections *list, connection *c, connection_phase phase)
{
    if (end(c, phase)) atomic_fetch_add_explicit(list->cut, 1, memory_order_relaxed);
}

/* Closed, everything read, and nothing new since the last look. */
static bool is_gone(connection *c, const struct tcp_info *info, uint64_t bytes)
{
    int unread = 0;
    bool closed =
        info->tcpi_state == CLIENT_CLOSED && ioctl(c->fd, SIOCINQ, &unread) == 0 && unread == 0;
    bool gone = closed && c->watched_closed && bytes == c->watched_last_bytes;
    c->watched_closed = closed;
    c->watched_last_bytes = bytes;
    return gone;
}

/* A new phase begins a new measure. The very first one knows that nothing came before. */
static bool begin_span(connection *c, uint64_t since_ns, uint64_t now_ns, uint64_t bytes)
{
    if (c->watched_since_ns == since_ns) return false;
    c->watched_bytes = c->watched_since_ns ? bytes : 0;
    c->watched_since_ns = since_ns;
    c->watched_from_ns = now_ns;
    c->head_ns = 0;
    c->watched_closed = false;
    return true;
}

/* A connection between requests may rest (the server ends it in its own time); one that has begun a
 * head may not. */
static void watch_head(connections *list, connection *c, uint64_t since_ns, uint64_t now_ns)
{
    struct tcp_info info = account(c->fd);
    uint64_t bytes = info.tcpi_bytes_received;
    (void)begin_span(c, since_ns, now_ns, bytes);
    if (is_gone(c, &info, bytes)) (void)end(c, PHASE_IDLE);
    if (bytes == c->watched_bytes) return;
    if (!c->head_ns) c->head_ns = now_ns;
    if (now_ns - c->head_ns >= list->limits.header_ns) end_slow(list, c, PHASE_IDLE);
}

static bool too_slow(const connections *list, connection *c, uint64_t now_ns, uint64_t bytes)
{
    uint64_t span_ns = now_ns - c->watched_from_ns;
    bool slow;
    if (span_ns < SPAN_NS) return false;
    slow = bytes - c->watched_bytes < list->limits.rate_min * (span_ns / 1000000) / 1000;
    c->watched_from_ns = now_ns;
    c->watched_bytes = bytes;
    return slow;
}

static void cut_body(connections *list, connection *c)
{
    static const char sentence[] =
        "{\"error\":\"The request did not arrive in time\",\"code\":\"request_timeout\"}";
    char reply[512];
    int len = snprintf(reply, sizeof reply,
                       "HTTP/1.1 408 Request Timeout\r\nContent-Type: application/json\r\n"
                       "Content-Length: %zu\r\nx-request-id: %" PRIu64 "\r\n"
                       "X-Content-Type-Options: nosniff\r\nConnection: close\r\n\r\n%s",
                       sizeof sentence - 1, (uint64_t)atomic_load(&c->request_id), sentence);
    (void)connection_cut_with_reply_locked(list, c, 408, reply, (size_t)len);
}

static void watch_body(connections *list, connection *c, uint64_t since_ns, uint64_t now_ns)
{
    uint64_t bytes = atomic_load_explicit(&c->body_bytes, memory_order_relaxed);
    bool paused = atomic_load_explicit(&c->paused, memory_order_relaxed);
    bool exempt = atomic_load_explicit(&c->exempt, memory_order_relaxed);
    struct tcp_info info = account(c->fd);
    (void)begin_span(c, since_ns, now_ns, 0);
    if (paused) { /* slow because of us: measure from here */
        c->watched_from_ns = now_ns;
        c->watched_bytes = bytes;
        return;
    }
    if (is_gone(c, &info, bytes)) (void)end(c, PHASE_BODY);
    if (too_slow(list, c, now_ns, bytes) ||
        (!exempt && now_ns - since_ns >= list->limits.request_ns))
        cut_body(list, c);
}

static void watch_reply(connections *list, connection *c, uint64_t since_ns, uint64_t now_ns)
{
    uint64_t bytes;
    if (now_ns - since_ns < SPAN_NS) return;
    bytes = account(c->fd).tcpi_bytes_acked;
    if (!begin_span(c, since_ns, now_ns, bytes) && too_slow(list, c, now_ns, bytes))
        end_slow(list, c, PHASE_REPLY);
}

static void watch_one(connections *list, connection *c, uint64_t now_ns)
{
    int phase = atomic_load(&c->phase);
    uint64_t since_ns = atomic_load_explicit(&c->since_ns, memory_order_relaxed);
    if (since_ns >= now_ns) return; /* just begun */
    switch (phase) {
    case PHASE_IDLE: watch_head(list, c, since_ns, now_ns); break;
    case PHASE_BODY: watch_body(list, c, since_ns, now_ns); break;
    case PHASE_REPLY: watch_reply(list, c, since_ns, now_ns); break;
    case PHASE_CUT:
        if (now_ns - since_ns >= CUT_REST_NS) (void)shutdown(c->fd, SHUT_RDWR);
        break;
    default: break;
    }
}

void connections_watch(connections *list, uint64_t now_ns)
{
    (void)pthread_mutex_lock(&list->lock);
    for (connection *c = list->first; c; c = c->next)
        watch_one(list, c, now_ns);
    (void)pthread_mutex_unlock(&list->lock);
}

void connections_close_idle(connections *list, uint64_t now_ns, uint64_t idle_ns, bool all)
{
    (void)pthread_mutex_lock(&list->lock);
    for (connection *c = list->first; c; c = c->next) {
        int phase = atomic_load(&c->phase);
        uint64_t since_ns = atomic_load_explicit(&c->since_ns, memory_order_relaxed);
        if (phase == PHASE_BODY && all) {
            cut_body(list, c);
            (void)shutdown(c->fd, SHUT_RDWR);
        }
        if (phase == PHASE_IDLE && (all || now_ns >= since_ns + idle_ns)) (void)end(c, PHASE_IDLE);
    }
    (void)pthread_mutex_unlock(&list->lock);
}
