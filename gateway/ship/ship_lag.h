/* ship_lag.h — how far the repository is behind, in time, and how long writes waited for it.
 *
 * since_ns: all writes that ended before it are in the repository; 0: all are. So the lag is at
 * most the time since then. It is moved when a step has reached what was written before the step
 * began, and to the time of the last commit that was shipped.
 *
 * Ownership  ship_lag_done() ends what ship_lag_init() made.
 * Threads    any; its lock is a leaf.   Errors  none. */
#ifndef GATEWAY_SHIP_LAG_H
#define GATEWAY_SHIP_LAG_H

#include "base/status.h"

#include <pthread.h>

/* Upper bounds in seconds; one more bucket takes the rest. */
#define SHIP_BOUNDS_TABLE(X)                                                                       \
    X(0.001)                                                                                       \
    X(0.0025)                                                                                      \
    X(0.005)                                                                                       \
    X(0.01) X(0.025) X(0.05) X(0.1) X(0.25) X(0.5) X(1) X(2.5) X(5) X(10) X(30) X(60) X(300)
#define SHIP_BUCKETS   17
#define SHIP_LAGS_KEPT 512

typedef struct ship_histogram {
    uint64_t buckets[SHIP_BUCKETS], sum_ns;
} ship_histogram;

typedef struct ship_lag {
    pthread_mutex_t lock; /* guards all of it */
    uint64_t since_ns;
    double last[SHIP_LAGS_KEPT]; /* seconds; a ring over the last objects */
    uint64_t count;              /* of all that ever were */
    ship_histogram delays;       /* of objects: from their first commit until they were stored */
    ship_histogram waits;        /* of writes for the repository */
} ship_lag;

void ship_lag_init(ship_lag *l);
void ship_lag_done(ship_lag *l);
/* Is something written that is not shipped? */
void ship_lag_note(ship_lag *l, uint64_t now_ns, bool behind);

typedef struct ship_lag_step {
    uint64_t began_ns, now_ns;
    uint64_t commit_ns; /* of the last commit that was shipped; 0: not known */
    bool put;           /* something was stored */
    bool reached;       /* all that was written before it began */
    bool behind;        /* something was written meanwhile, and is not shipped */
} ship_lag_step;
void ship_lag_stepped(ship_lag *l, const ship_lag_step *step);
void ship_lag_waited(ship_lag *l, uint64_t elapsed_ns);

typedef struct ship_lag_view {
    double seconds;  /* now */
    double p50, p99; /* delays of the last objects; 0 when there are none */
    ship_histogram delays, waits;
} ship_lag_view;
void ship_lag_look(ship_lag *l, uint64_t now_ns, ship_lag_view *ret);

#endif
