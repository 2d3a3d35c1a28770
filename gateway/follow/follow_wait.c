/* follow_wait.c — see follow_wait.h. */
#include "follow_wait.h"

#include "base/clock.h"

#include <time.h>

static bool is_due(const follow_wait *w, const follow_waiter *waiter, uint64_t now_ns)
{
    return w->over || w->reached >= waiter->sequence || waiter->until_ns <= now_ns;
}

/* What is due leaves the list; *ret_next_ns: when the next one is. */
static follow_waiter *take_due_locked(follow_wait *w, uint64_t *ret_next_ns)
{
    follow_waiter *due = NULL;
    uint64_t now_ns = clock_now_ns();
    *ret_next_ns = UINT64_MAX;
    for (follow_waiter **at = &w->all; *at;) {
        follow_waiter *waiter = *at;
        if (!is_due(w, waiter, now_ns)) {
            *ret_next_ns = VV_MIN(*ret_next_ns, waiter->until_ns);
            at = &waiter->next;
            continue;
        }
        *at = waiter->next;
        waiter->next = due;
        due = waiter;
        w->count--;
    }
    return due;
}

static void wait_locked(follow_wait *w, uint64_t next_ns)
{
    if (next_ns == UINT64_MAX) {
        (void)pthread_cond_wait(&w->wake, &w->lock);
        return;
    }
    const struct timespec until = {.tv_sec = (time_t)(next_ns / 1000000000u),
                                   .tv_nsec = (long)(next_ns % 1000000000u)};
    (void)pthread_cond_timedwait(&w->wake, &w->lock, &until);
}

static void call_all(follow_waiter *due)
{
    while (due) {
        follow_waiter *next = due->next; /* the call may end it */
        due->call(due->arg);
        due = next;
    }
}

static void *run(void *context)
{
    follow_wait *w = context;
    (void)pthread_setname_np(pthread_self(), "follow-wait");
    (void)pthread_mutex_lock(&w->lock);
    for (;;) {
        uint64_t next_ns;
        follow_waiter *due = take_due_locked(w, &next_ns);
        if (due) {
            (void)pthread_mutex_unlock(&w->lock);
            call_all(due);
            (void)pthread_mutex_lock(&w->lock);
        } else if (w->stop) {
            break;
        } else {
            wait_locked(w, next_ns);
        }
    }
    (void)pthread_mutex_unlock(&w->lock);
    return NULL;
}

varve_status follow_wait_start(follow_wait *w, varve_error *err)
{
    pthread_condattr_t monotonic;
    *w = (follow_wait){0};
    (void)pthread_mutex_init(&w->lock, NULL);
    (void)pthread_condattr_init(&monotonic);
    (void)pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&w->wake, &monotonic);
    (void)pthread_condattr_destroy(&monotonic);
    if (pthread_create(&w->thread, NULL, run, w) == 0) return VARVE_OK;
    (void)pthread_cond_destroy(&w->wake);
    (void)pthread_mutex_destroy(&w->lock);
    return vv_fail(err, VARVE_NO_MEMORY, "no thread for requests that wait");
}

static void signal_locked(follow_wait *w)
{
    (void)pthread_cond_signal(&w->wake);
    (void)pthread_mutex_unlock(&w->lock);
}

void follow_wait_stop(follow_wait *w)
{
    (void)pthread_mutex_lock(&w->lock);
    w->over = w->stop = true;
    signal_locked(w);
    (void)pthread_join(w->thread, NULL);
    (void)pthread_cond_destroy(&w->wake);
    (void)pthread_mutex_destroy(&w->lock);
}

bool follow_wait_add(follow_wait *w, follow_waiter *waiter)
{
    (void)pthread_mutex_lock(&w->lock);
    bool waits = !is_due(w, waiter, clock_now_ns());
    if (waits) {
        waiter->next = w->all;
        w->all = waiter;
        w->count++;
    }
    signal_locked(w);
    return waits;
}

void follow_wait_reach(follow_wait *w, uint64_t sequence)
{
    (void)pthread_mutex_lock(&w->lock);
    w->reached = sequence;
    signal_locked(w);
}

void follow_wait_end(follow_wait *w)
{
    (void)pthread_mutex_lock(&w->lock);
    w->over = true;
    signal_locked(w);
}

size_t follow_wait_count(follow_wait *w)
{
    (void)pthread_mutex_lock(&w->lock);
    size_t count = w->count;
    (void)pthread_mutex_unlock(&w->lock);
    return count;
}
