/* follow_wait.h — requests that wait until a follower shows a sequence number. They hold no thread:
 * each is a call that is made when the number is reached, or its time is over, or nobody may wait
 * any more.
 *
 * Ownership  a waiter is its owner's, and must live until its call.
 * Threads    any number. Calls are made by the thread of the list, without a lock held.
 * Errors     VARVE_NO_MEMORY: no thread. */
#ifndef GATEWAY_FOLLOW_WAIT_H
#define GATEWAY_FOLLOW_WAIT_H

#include "base/status.h"

#include <pthread.h>

typedef struct follow_waiter {
    uint64_t sequence, until_ns; /* monotonic */
    void (*call)(void *arg);
    void *arg;
    struct follow_waiter *next;
} follow_waiter;

typedef struct follow_wait {
    pthread_t thread;
    pthread_mutex_t lock; /* guards: */
    pthread_cond_t wake;
    follow_waiter *all;
    size_t count;
    uint64_t reached;
    bool over, stop;
} follow_wait;

VV_CHECKED varve_status follow_wait_start(follow_wait *w, varve_error *err);
/* Every waiter is called first. */
void follow_wait_stop(follow_wait *w);
/* false: no need, or no use: it is not called. */
bool follow_wait_add(follow_wait *w, follow_waiter *waiter);
/* The follower shows this now. */
void follow_wait_reach(follow_wait *w, uint64_t sequence);
/* Nobody waits from now on. */
void follow_wait_end(follow_wait *w);
size_t follow_wait_count(follow_wait *w);

#endif
