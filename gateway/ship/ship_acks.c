/* ship_acks.c — see ship_acks.h. */
#include "ship_acks.h"

#include "base/clock.h"

#include <time.h>

#define TICK_NS 250000000u

static bool has_ended_locked(const ship_acks *a, ship_ack *ack, uint64_t now_ns)
{
    ack->end = SHIP_ACK_STORED;
    if (ack->lsn <= a->shipped) return true;
    ack->end = SHIP_ACK_FENCED;
    if (a->fenced) return true;
    ack->end = SHIP_ACK_TIMEOUT;
    return a->ending || ack->until_ns <= now_ns;
}

/* Out of the list. *ret_until_ns: no later than the earliest end of the rest. */
static ship_ack *take_ended_locked(ship_acks *a, uint64_t now_ns, uint64_t *ret_until_ns)
{
    ship_ack *ended = NULL, **last = &ended, **at = &a->waiting;
    while (*at) {
        ship_ack *ack = *at;
        if (!has_ended_locked(a, ack, now_ns)) {
            *ret_until_ns = VV_MIN(*ret_until_ns, ack->until_ns);
            at = &ack->next;
            continue;
        }
        *at = ack->next;
        ack->next = NULL;
        *last = ack;
        last = &ack->next;
        a->count--;
        a->stored_total += ack->end == SHIP_ACK_STORED;
        a->timeouts_total += ack->end == SHIP_ACK_TIMEOUT;
    }
    return ended;
}

static void end_all(ship_acks *a, ship_ack *ended)
{
    while (ended) {
        ship_ack *ack = ended;
        ended = ack->next; /* it may be gone after done */
        a->ended(a->arg, ack);
        ack->done(ack->arg, ack->end);
    }
}

static void wait_locked(ship_acks *a, uint64_t until_ns)
{
    struct timespec until = {.tv_sec = (time_t)(until_ns / 1000000000u),
                             .tv_nsec = (long)(until_ns % 1000000000u)};
    (void)pthread_cond_timedwait(&a->changed, &a->lock, &until);
}

static void *run(void *arg)
{
    ship_acks *a = arg;
    uint64_t ticked_ns = 0;
    bool ending = false;
    (void)pthread_setname_np(pthread_self(), "ship-acks");
    while (!ending) {
        uint64_t now_ns = clock_now_ns(), until_ns = now_ns + TICK_NS;
        (void)pthread_mutex_lock(&a->lock);
        ship_ack *ended = take_ended_locked(a, now_ns, &until_ns);
        ending = a->ending;
        if (!ended && !ending) wait_locked(a, until_ns);
        (void)pthread_mutex_unlock(&a->lock);
        end_all(a, ended);
        if (now_ns - ticked_ns < TICK_NS) continue;
        ticked_ns = now_ns;
        a->tick(a->arg);
    }
    return NULL;
}

varve_status ship_acks_start(ship_acks *a, varve_error *err)
{
    pthread_condattr_t monotonic;
    (void)pthread_mutex_init(&a->lock, NULL);
    (void)pthread_condattr_init(&monotonic);
    (void)pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&a->changed, &monotonic);
    (void)pthread_condattr_destroy(&monotonic);
    if (pthread_create(&a->thread, NULL, run, a) == 0) return VARVE_OK;
    (void)pthread_cond_destroy(&a->changed);
    (void)pthread_mutex_destroy(&a->lock);
    return vv_fail(err, VARVE_NO_MEMORY, "no thread for writes that wait for the repository");
}

void ship_acks_stop(ship_acks *a)
{
    (void)pthread_mutex_lock(&a->lock);
    a->ending = true;
    (void)pthread_cond_signal(&a->changed);
    (void)pthread_mutex_unlock(&a->lock);
    (void)pthread_join(a->thread, NULL);
    (void)pthread_cond_destroy(&a->changed);
    (void)pthread_mutex_destroy(&a->lock);
}

bool ship_acks_add(ship_acks *a, ship_ack *ack)
{
    (void)pthread_mutex_lock(&a->lock);
    bool waits = ack->lsn > a->shipped && !a->fenced && !a->ending;
    ack->end = ack->lsn <= a->shipped ? SHIP_ACK_STORED
               : a->fenced            ? SHIP_ACK_FENCED
                                      : SHIP_ACK_TIMEOUT;
    if (waits) {
        ack->next = a->waiting;
        a->waiting = ack;
        a->count++;
        a->wanted = VV_MAX(a->wanted, ack->lsn);
        if (ack->until_ns - ack->began_ns < TICK_NS) (void)pthread_cond_signal(&a->changed);
    } else {
        a->stored_total += ack->end == SHIP_ACK_STORED;
        a->timeouts_total += ack->end == SHIP_ACK_TIMEOUT;
    }
    (void)pthread_mutex_unlock(&a->lock);
    return waits;
}

void ship_acks_advance(ship_acks *a, uint64_t shipped)
{
    (void)pthread_mutex_lock(&a->lock);
    if (shipped > a->shipped) {
        a->shipped = shipped;
        (void)pthread_cond_signal(&a->changed);
    }
    (void)pthread_mutex_unlock(&a->lock);
}

void ship_acks_fence(ship_acks *a, bool fenced)
{
    (void)pthread_mutex_lock(&a->lock);
    if (fenced && !a->fenced) (void)pthread_cond_signal(&a->changed);
    a->fenced = fenced;
    (void)pthread_mutex_unlock(&a->lock);
}

void ship_acks_look(ship_acks *a, ship_acks_view *ret)
{
    (void)pthread_mutex_lock(&a->lock);
    *ret = (ship_acks_view){a->count, a->wanted, a->shipped, a->stored_total, a->timeouts_total};
    (void)pthread_mutex_unlock(&a->lock);
}
