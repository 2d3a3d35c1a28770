/* connections.c — the list, and the way out of it. */
#include "connections.h"

#include "base/clock.h"

#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void connections_init(connections *list, const connection_limits *limits)
{
    *list = (connections){.limits = *limits};
    (void)pthread_mutex_init(&list->lock, NULL);
}

void connections_done(connections *list) { (void)pthread_mutex_destroy(&list->lock); }

size_t connections_count(connections *list)
{
    size_t count;
    (void)pthread_mutex_lock(&list->lock);
    count = list->count;
    (void)pthread_mutex_unlock(&list->lock);
    return count;
}

static void name_peer(connection *c, const struct sockaddr *address)
{
    socklen_t len =
        address->sa_family == AF_INET6 ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in);
    if (getnameinfo(address, len, c->peer, sizeof c->peer, NULL, 0, NI_NUMERICHOST) != 0)
        (void)snprintf(c->peer, sizeof c->peer, "unknown");
}

connection *connection_new(connections *list, int fd, const struct sockaddr *address)
{
    connection *c = calloc(1, sizeof *c);
    if (!c) return NULL;
    c->fd = fd;
    atomic_store(&c->since_ns, clock_now_ns());
    name_peer(c, address);
    (void)pthread_mutex_lock(&list->lock);
    c->next = list->first;
    if (c->next) c->next->prev = c;
    list->first = c;
    list->count++;
    (void)pthread_mutex_unlock(&list->lock);
    atomic_fetch_add_explicit(list->open, 1, memory_order_relaxed);
    atomic_fetch_add_explicit(list->total, 1, memory_order_relaxed);
    return c;
}

void connection_free(connections *list, connection *c)
{
    (void)pthread_mutex_lock(&list->lock);
    if (c->prev)
        c->prev->next = c->next;
    else
        list->first = c->next;
    if (c->next) c->next->prev = c->prev;
    list->count--;
    (void)pthread_mutex_unlock(&list->lock);
    atomic_fetch_sub_explicit(list->open, 1, memory_order_relaxed);
    free(c);
}

bool connection_enter(connection *c, connection_phase phase)
{
    int before = atomic_load(&c->phase);
    atomic_store_explicit(&c->since_ns, clock_now_ns(), memory_order_relaxed);
    do {
        if (before == PHASE_CUT) return false;
    } while (!atomic_compare_exchange_weak(&c->phase, &before, phase));
    return true;
}

bool connection_cut_with_reply_locked(connections *list, connection *c, int status,
                                      const char *reply, size_t len)
{
    int before = PHASE_BODY;
    ssize_t sent;
    if (!atomic_compare_exchange_strong(&c->phase, &before, PHASE_CUT)) return false;
    atomic_store_explicit(&c->since_ns, clock_now_ns(), memory_order_relaxed);
    atomic_store(&c->cut_status, status);
    c->slow_close = true;
    sent = send(c->fd, reply, len, MSG_DONTWAIT | MSG_NOSIGNAL);
    (void)sent; /* a client that cannot even take this has gone */
    /* Only this half: with both shut the kernel would answer further bytes of the body with a
     * reset, which can wipe the reply out before the client reads it. */
    (void)shutdown(c->fd, SHUT_WR);
    atomic_fetch_add_explicit(list->cut, 1, memory_order_relaxed);
    return true;
}
