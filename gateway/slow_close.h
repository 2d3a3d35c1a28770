/* slow_close.h — closing without losing the last reply. A client that is still sending when the
 * server answers and closes would get a reset, which can wipe the answer out before the client
 * reads it. So the socket is kept half open for a while, and what comes in is thrown away.
 * Ownership  slow_close_add() takes over the socket (a duplicate of the server's).
 * Threads    slow_close_add() from any thread; slow_close_pump() from one. */
#ifndef GATEWAY_SLOW_CLOSE_H
#define GATEWAY_SLOW_CLOSE_H

#include "base/status.h"

#include <poll.h>
#include <pthread.h>

#define SLOW_CLOSE_MAX 256

typedef struct slow_close_entry {
    int fd;
    uint64_t until_ns, last_ns;
} slow_close_entry;

typedef struct slow_close {
    pthread_mutex_t lock;                   /* guards added */
    slow_close_entry added[SLOW_CLOSE_MAX]; /* since the last pump */
    size_t added_count;
    slow_close_entry entries[SLOW_CLOSE_MAX]; /* of the pump alone */
    struct pollfd polled[SLOW_CLOSE_MAX + 1];
    size_t count;
    int wake; /* eventfd */
} slow_close;

VV_CHECKED varve_status slow_close_init(slow_close *l, varve_error *err);
void slow_close_done(slow_close *l);
void slow_close_add(slow_close *l, int fd); /* closes it when there are too many */
/* Wait up to timeout_ms for bytes to throw away, or for slow_close_wake(). */
void slow_close_pump(slow_close *l, int timeout_ms);
void slow_close_wake(slow_close *l);

#endif
