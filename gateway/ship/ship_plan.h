/* ship_plan.h — what the shipper does after a step: a pure function of how the step ended.
 *
 *               a step ends well                            the log has a gap
 *   STARTING ----------------------> RUNNING <-------------------------------------> GAP
 *                                     |   ^  a snapshot bridges it, and is asked for
 *                 the store fails     |   | a step ends well
 *                                     v   |
 *                                   RETRYING      with growing waits
 *
 *   from any of them: FENCED, the lease is somebody else's; DIVERGED, the repository holds another
 *   history. Neither ends by itself: an operator takes the lease over, or begins a new timeline.
 *
 * Ownership  none.   Threads  any.   Errors  none. */
#ifndef GATEWAY_SHIP_PLAN_H
#define GATEWAY_SHIP_PLAN_H

#include "base/status.h"

#define SHIP_PHASE_TABLE(X)                                                                        \
    X(STARTING, "starting")                                                                        \
    X(RUNNING, "running")                                                                          \
    X(RETRYING, "retrying")                                                                        \
    X(GAP, "gap")                                                                                  \
    X(FENCED, "fenced")                                                                            \
    X(DIVERGED, "diverged")
typedef enum ship_phase {
#define X(name, word) SHIP_##name,
    SHIP_PHASE_TABLE(X)
#undef X
        SHIP_PHASES
} ship_phase;
const char *ship_phase_word(ship_phase phase);

#define SHIP_WAIT_FIRST_MS ((uint64_t)200)
#define SHIP_WAIT_MAX_MS   ((uint64_t)5000) /* the store tries again by itself as well */
#define SHIP_WAIT_GAP_MS   ((uint64_t)2000) /* the snapshot is being made meanwhile */
#define SHIP_CONFLICTS_MAX 3 /* a pin that expired is one too, and goes away by itself */

typedef struct ship_ended { /* how a step ended */
    varve_status status;
    bool lost;            /* the lease is somebody else's */
    bool more;            /* something was put, and more waits */
    uint64_t failures;    /* in a row, with this one */
    uint64_t interval_ms; /* between steps when all is well */
    uint64_t random;
} ship_ended;

typedef struct ship_next {
    ship_phase phase;
    uint64_t wait_ms;
    bool ask_snapshot;
} ship_next;

ship_next ship_plan(const ship_ended *e);

#endif
