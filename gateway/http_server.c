/* http_server.c — the life of the server and of its connections. */
#include "http_server_inner.h"

#include "base/clock.h"
#include "listener.h"

#include <errno.h>
#include <fcntl.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define WATCH_NS      500000000u
#define FLUSH_MS      100
#define IDLE_DRAIN_NS 250000000u
#define CUT_WAIT_MS   2000
#define HEADER_MEMORY 64   /* what libmicrohttpd notes down about a header */
#define REPLY_MEMORY  1792 /* head of a reply */
#define MEMORY_STEP   8192 /* how a connection's buffer grows */
#define THREAD_STACK  (256u << 10)

/* ---- connections --------------------------------------------------------------------------- */

static void prepare_socket(const http_server *s, int fd)
{
    unsigned stall_ms = (unsigned)(s->g->config.write_stall_secs * 1000);
    int yes = 1;
    (void)setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &stall_ms, sizeof stall_ms);
    (void)setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &yes, sizeof yes);
}

static void on_connection_end(http_server *s, connection *c)
{
    int fd = c->slow_close ? fcntl(c->fd, F_DUPFD_CLOEXEC, 0)
                           : -1; /* what the server closes is then not the last one */
    connection_free(&s->connections, c);
    if (fd >= 0) slow_close_add(&s->slow_close, fd);
}

static void on_connection(void *context, struct MHD_Connection *mhd, void **socket_context,
                          enum MHD_ConnectionNotificationCode code)
{
    http_server *s = context;
    if (code == MHD_CONNECTION_NOTIFY_STARTED) {
        int fd = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
        const struct sockaddr *address =
            MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CLIENT_ADDRESS)->client_addr;
        prepare_socket(s, fd);
        *socket_context = connection_new(&s->connections, fd, address);
    } else if (*socket_context) {
        on_connection_end(s, *socket_context);
        *socket_context = NULL;
    }
}

static void on_message(void *context, const char *format, va_list arguments)
    __attribute__((format(printf, 2, 0)));
static void on_message(void *context, const char *format, va_list arguments)
{
    http_server *s = context;
    char text[512];
    if (!log_wants(&s->g->log, LOG_DEBUG)) return;
    (void)vsnprintf(text, sizeof text, format, arguments);
    text[strcspn(text, "\n")] = '\0';
    log_message(&s->g->log, LOG_DEBUG, "http_library", "%s", text);
}

/* ---- life ---------------------------------------------------------------------------------- */

static void *run_clock(void *context)
{
    http_server *s = context;
    uint64_t watched_ns = 0;
    (void)pthread_setname_np(pthread_self(), "http-clock");
    while (!atomic_load(&s->ending)) {
        uint64_t now_ns;
        slow_close_pump(&s->slow_close, FLUSH_MS);
        log_flush(&s->g->log);
        now_ns = clock_now_ns();
        if (now_ns - watched_ns < WATCH_NS) continue;
        watched_ns = now_ns;
        connections_watch(&s->connections, now_ns);
    }
    return NULL;
}

static varve_status start_daemon(http_server *s, int listener, varve_error *err)
{
    const config *c = &s->g->config;
    unsigned flags = MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG;
    struct MHD_OptionItem options[] = {
        {MHD_OPTION_EXTERNAL_LOGGER, (intptr_t)on_message, s},
        {MHD_OPTION_LISTEN_SOCKET, listener, NULL},
        {MHD_OPTION_CONNECTION_LIMIT, (intptr_t)c->max_connections, NULL},
        {MHD_OPTION_PER_IP_CONNECTION_LIMIT, (intptr_t)c->max_connections_per_ip, NULL},
        {MHD_OPTION_CONNECTION_TIMEOUT, (intptr_t)c->keep_alive_secs, NULL},
        {MHD_OPTION_CONNECTION_MEMORY_LIMIT,
         (intptr_t)(c->max_header_bytes + c->max_uri_bytes + c->max_headers * HEADER_MEMORY +
                    REPLY_MEMORY),
         NULL},
        {MHD_OPTION_CONNECTION_MEMORY_INCREMENT, MEMORY_STEP, NULL},
        {MHD_OPTION_SIGPIPE_HANDLED_BY_APP, 1, NULL},
        {MHD_OPTION_THREAD_STACK_SIZE, THREAD_STACK, NULL},
        {MHD_OPTION_URI_LOG_CALLBACK, (intptr_t)http_on_uri, s},
        {MHD_OPTION_NOTIFY_COMPLETED, (intptr_t)http_on_completed, s},
        {MHD_OPTION_NOTIFY_CONNECTION, (intptr_t)on_connection, s},
        /* The last ones: a pool of one thread is refused, and means the same as none. */
        {c->network_threads > 1 ? MHD_OPTION_THREAD_POOL_SIZE : MHD_OPTION_END,
         (intptr_t)c->network_threads, NULL},
        {MHD_OPTION_END, 0, NULL},
    };
    s->daemon = MHD_start_daemon(flags, 0, NULL, NULL, http_on_request, s, MHD_OPTION_ARRAY,
                                 options, MHD_OPTION_END);
    if (!s->daemon)
        return vv_fail(err, VARVE_IO, "the HTTP server does not start: %s", strerror(errno));
    return VARVE_OK;
}

static varve_status start_clock(http_server *s, varve_error *err)
{
    int error = pthread_create(&s->clock, NULL, run_clock, s);
    if (error) return vv_fail(err, VARVE_IO, "no thread for the HTTP server: %s", strerror(error));
    return VARVE_OK;
}

static http_server *server_alloc(gateway *g)
{
    const config *c = &g->config;
    connection_limits limits = {c->header_timeout_secs * 1000000000u,
                                c->request_timeout_secs * 1000000000u, c->body_rate_min};
    http_server *s = calloc(1, sizeof *s);
    if (!s) return NULL;
    s->g = g;
    (void)pthread_mutex_init(&s->lock, NULL);
    connections_init(&s->connections, &limits);
    s->connections.open = &g->metrics.connections_open;
    s->connections.total = &g->metrics.connections_total;
    s->connections.cut = &g->metrics.connections_cut;
    return s;
}

static void server_free(http_server *s)
{
    pools_stop(s);
    store_done(s);
    connections_done(&s->connections);
    (void)pthread_mutex_destroy(&s->lock);
    free(s);
}

static void server_freep(http_server **s)
{
    if (*s) server_free(*s);
}

static void stop_clock(http_server *s)
{
    atomic_store(&s->ending, true);
    slow_close_wake(&s->slow_close);
    (void)pthread_join(s->clock, NULL);
    slow_close_done(&s->slow_close);
}

/* The daemon takes the listener over when it starts. */
static varve_status start_threads(http_server *s, int listener, varve_error *err)
{
    varve_status status;
    VV_TRY(pools_start(s, err));
    VV_TRY(slow_close_init(&s->slow_close, err));
    status = start_clock(s, err);
    if (status != VARVE_OK) {
        slow_close_done(&s->slow_close);
        return status;
    }
    status = start_daemon(s, listener, err);
    if (status != VARVE_OK) stop_clock(s);
    return status;
}

varve_status http_server_start(gateway *g, http_server **ret, int *ret_port, varve_error *err)
{
    VV_CLEANUP(vv_closep) int listener = -1;
    VV_CLEANUP(server_freep) http_server *s = server_alloc(g);
    int port;
    if (!s) return vv_fail(err, VARVE_NO_MEMORY, "no memory for the HTTP server");
    VV_TRY(listener_open(g->config.host, g->config.port, &listener, &port, err));
    VV_TRY(start_threads(s, listener, err));
    listener = -1;
    *ret_port = port;
    *ret = s;
    s = NULL;
    return VARVE_OK;
}

void http_server_quiesce(http_server *s)
{
    MHD_socket listener = MHD_quiesce_daemon(s->daemon);
    if (listener != MHD_INVALID_SOCKET) (void)close(listener);
}

bool http_server_is_empty(http_server *s)
{
    connections_close_idle(&s->connections, clock_now_ns(), IDLE_DRAIN_NS, false);
    return connections_count(&s->connections) == 0 && atomic_load(&s->running) == 0;
}

bool http_server_cut(http_server *s)
{
    connections_close_idle(&s->connections, clock_now_ns(), 0, true);
    for (int waited = 0; atomic_load(&s->running) && waited < CUT_WAIT_MS; waited += 10)
        clock_sleep_ms(10);
    return atomic_load(&s->running) == 0;
}

void http_server_stop(http_server *s)
{
    MHD_stop_daemon(s->daemon);
    stop_clock(s);
    server_free(s);
}
