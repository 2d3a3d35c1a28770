/* follower_inner.h — shared by follower*.c only.
 * Ownership  as in follower.h.
 * Threads    the thread's fields are its own; the view has its lock.
 * Errors     as in follower.h. */
#ifndef GATEWAY_FOLLOWER_INNER_H
#define GATEWAY_FOLLOWER_INNER_H

#include "follower.h"
#include "gateway_inner.h"
#include "snapshot.h"

struct follower {
    gateway *g;
    repo_access access;
    char db_id[NAMES_ID_SIZE];
    pthread_t thread;
    atomic_bool ending;
    atomic_int state; /* follower_state without STALE, which follows from the time */
    served_slot slot;
    follow_wait waits;
    atomic_uint_fast64_t fresh_ns; /* (2): when all that is shown was all there was; 0: never */

    pthread_mutex_t lock; /* guards: */
    pthread_cond_t wake, answered;
    follower_view view;
    bool asked, force; /* a promotion: by one caller at a time */
    bool done;         /* … and what came of it: */
    varve_error outcome;

    /* of the thread alone: */
    repo_session session;
    follow_handle *follow;
    uint64_t shown;        /* sequence of what is served */
    bool stale_handle;     /* the folder is another one than what is served */
    uint64_t refreshed_ns; /* when the last refresh ended */
    uint64_t refresh_ns;   /* how long it took */
    unsigned failures;     /* in a row */
};

void *follower_run(void *context); /* the thread */

/* follower_step.c: one round. *ret_wait_ms: until the next one. */
void follower_round(follower *f, uint64_t *ret_wait_ms);
/* follower_promote.c: on the thread. */
void follower_promote_now(follower *f, bool force);

#endif
