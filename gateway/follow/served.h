/* served.h — the handle on the folder that requests of a follower use, and its replacement by a
 * newer one while requests run.
 *
 *   served_put: the next one is served ---> requests end on theirs ---> served_close_old: closed
 *
 * Ownership  served_put takes the folder's handle over; a request holds a reference from
 *            served_take to served_let_go. served_done closes all: no request may run then.
 * Threads    take and let_go: any number. The rest: one thread, that of the follower.
 * Errors     none: a handle for reading has nothing to lose when it is closed. */
#ifndef GATEWAY_SERVED_H
#define GATEWAY_SERVED_H

#include "varve.h"

#include <pthread.h>
#include <stdatomic.h>

typedef struct served {
    varve *db;
    uint64_t sequence; /* what it shows */
    atomic_uint references;
    struct served *older;
} served;

typedef struct served_slot {
    pthread_mutex_t lock; /* guards: */
    served *now;          /*   NULL: none yet, or no more */
    served *old;          /* of the follower's thread: replaced, perhaps still in use */
} served_slot;

void served_init(served_slot *s);
void served_done(served_slot *s);
served *served_take(served_slot *s); /* NULL: there is none */
void served_let_go(served *h);       /* NULL is fine */
/* db NULL: nothing is served any more. false: no memory, and nothing has changed. */
bool served_put(served_slot *s, varve *db, uint64_t sequence);
/* Those that nobody uses any more; how many stay. */
size_t served_close_old(served_slot *s);

#endif
