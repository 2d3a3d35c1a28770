/* slow_close.c — a socket lingers until its client closes, until nothing came for 2 s, or for 30 s.
 */
#include "slow_close.h"

#include "base/clock.h"

#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#define SLOW_CLOSE_NS 30000000000u
#define SILENCE_NS    2000000000u

varve_status slow_close_init(slow_close *l, varve_error *err)
{
    memset(l, 0, sizeof *l);
    l->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (l->wake < 0) return vv_fail(err, VARVE_IO, "no eventfd: %s", strerror(errno));
    (void)pthread_mutex_init(&l->lock, NULL);
    return VARVE_OK;
}

void slow_close_done(slow_close *l)
{
    for (size_t i = 0; i < l->count; i++)
        (void)close(l->entries[i].fd);
    for (size_t i = 0; i < l->added_count; i++)
        (void)close(l->added[i].fd);
    (void)close(l->wake);
    (void)pthread_mutex_destroy(&l->lock);
}

void slow_close_wake(slow_close *l)
{
    uint64_t one = 1;
    ssize_t n = write(l->wake, &one, sizeof one);
    (void)n; /* full means that it is awake */
}

void slow_close_add(slow_close *l, int fd)
{
    uint64_t now = clock_now_ns();
    bool taken;
    (void)pthread_mutex_lock(&l->lock);
    taken = l->added_count < SLOW_CLOSE_MAX;
    if (taken) l->added[l->added_count++] = (slow_close_entry){fd, now + SLOW_CLOSE_NS, now};
    (void)pthread_mutex_unlock(&l->lock);
    if (taken)
        slow_close_wake(l);
    else
        (void)close(fd);
}

static void take_added(slow_close *l)
{
    (void)pthread_mutex_lock(&l->lock);
    for (size_t i = 0; i < l->added_count; i++) {
        if (l->count < SLOW_CLOSE_MAX)
            l->entries[l->count++] = l->added[i];
        else
            (void)close(l->added[i].fd);
    }
    l->added_count = 0;
    (void)pthread_mutex_unlock(&l->lock);
}

/* MSG_TRUNC drops the bytes inside the kernel. False: this one is done. */
static bool throw_away(slow_close_entry *e, uint64_t now)
{
    ssize_t n = recv(e->fd, NULL, 1 << 22, MSG_DONTWAIT | MSG_TRUNC);
    if (n > 0) e->last_ns = now;
    return n > 0 || (n < 0 && (errno == EAGAIN || errno == EINTR));
}

static void drop(slow_close *l, size_t i)
{
    (void)close(l->entries[i].fd);
    l->entries[i] = l->entries[--l->count];
}

void slow_close_pump(slow_close *l, int timeout_ms)
{
    uint64_t now, woken;
    ssize_t n;
    size_t polled = l->count;
    l->polled[0] = (struct pollfd){.fd = l->wake, .events = POLLIN};
    for (size_t i = 0; i < polled; i++)
        l->polled[i + 1] = (struct pollfd){.fd = l->entries[i].fd, .events = POLLIN};
    (void)poll(l->polled, (nfds_t)polled + 1, timeout_ms);
    n = read(l->wake, &woken, sizeof woken);
    (void)n;
    now = clock_now_ns();
    for (size_t i = polled; i-- > 0;) { /* backwards: dropping moves the last one here */
        slow_close_entry *e = &l->entries[i];
        if ((l->polled[i + 1].revents && !throw_away(e, now)) || now >= e->until_ns ||
            now - e->last_ns >= SILENCE_NS)
            drop(l, i);
    }
    take_added(l);
}
