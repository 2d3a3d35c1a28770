/* ship_acks.h — writes that wait for the repository. No thread waits with them: a write is kept in
 * a list, and ended by one thread for all of them once the log is shipped as far as the write, or
 * its time is over, or nothing is shipped any more.
 *
 * Ownership  an ack belongs to the write and must live until `done` was called, once; those that
 *            still wait when ship_acks_stop is called end with SHIP_ACK_TIMEOUT.
 * Threads    any; `done` and `tick` run on the list's thread, which holds no lock then.
 * Errors     VARVE_NO_MEMORY no thread. */
#ifndef GATEWAY_SHIP_ACKS_H
#define GATEWAY_SHIP_ACKS_H

#include "base/status.h"

#include <pthread.h>

typedef enum ship_ack_end {
    SHIP_ACK_STORED,
    SHIP_ACK_TIMEOUT, /* not stored yet */
    SHIP_ACK_FENCED   /* and never will be, by this server */
} ship_ack_end;

typedef struct ship_ack {
    uint64_t lsn;      /* stored when the log is shipped up to it */
    uint64_t began_ns; /* of the wait */
    uint64_t until_ns;
    void (*done)(void *arg, ship_ack_end end);
    void *arg;
    ship_ack_end end;
    struct ship_ack *next;
} ship_ack;

typedef struct ship_acks {
    pthread_mutex_t lock; /* guards what follows */
    pthread_cond_t changed;
    ship_ack *waiting;
    uint64_t count, wanted; /* wanted: the highest lsn that somebody waited for */
    uint64_t shipped;
    uint64_t stored_total, timeouts_total;
    bool fenced, ending;

    void (*tick)(void *arg); /* a few times a second */
    void (*ended)(void *arg, const ship_ack *ack);
    void *arg;
    pthread_t thread;
} ship_acks;

/* tick, ended, arg are set by the caller; the rest is zero. ended: asked just before `done`. */
VV_CHECKED varve_status ship_acks_start(ship_acks *a, varve_error *err);
void ship_acks_stop(ship_acks *a);
/* False: it is stored already, or all is fenced (ack->end says which), and nothing is kept. */
bool ship_acks_add(ship_acks *a, ship_ack *ack);
void ship_acks_advance(ship_acks *a, uint64_t shipped);
/* true: what waits and what comes ends with SHIP_ACK_FENCED. */
void ship_acks_fence(ship_acks *a, bool fenced);

typedef struct ship_acks_view {
    uint64_t count, wanted, shipped, stored_total, timeouts_total;
} ship_acks_view;
void ship_acks_look(ship_acks *a, ship_acks_view *ret);

#endif
