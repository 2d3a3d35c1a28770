/* ship_lag.c — see ship_lag.h. */
#include "ship_lag.h"

#include <stdlib.h>
#include <string.h>

static const double bounds[] = {
#define X(seconds) seconds,
    SHIP_BOUNDS_TABLE(X)
#undef X
};
_Static_assert(VV_COUNT(bounds) + 1 == SHIP_BUCKETS, "one bucket for the rest");

void ship_lag_init(ship_lag *l)
{
    *l = (ship_lag){0};
    (void)pthread_mutex_init(&l->lock, NULL);
}

void ship_lag_done(ship_lag *l) { (void)pthread_mutex_destroy(&l->lock); }

static void count(ship_histogram *h, uint64_t elapsed_ns)
{
    double seconds = (double)elapsed_ns * 1e-9;
    size_t i = 0;
    while (i < VV_COUNT(bounds) && seconds > bounds[i])
        i++;
    h->buckets[i]++;
    h->sum_ns += elapsed_ns;
}

static uint64_t passed_ns(uint64_t from_ns, uint64_t now_ns)
{
    return now_ns > from_ns ? now_ns - from_ns : 0;
}

void ship_lag_note(ship_lag *l, uint64_t now_ns, bool behind)
{
    (void)pthread_mutex_lock(&l->lock);
    if (!behind)
        l->since_ns = 0;
    else if (!l->since_ns)
        l->since_ns = now_ns;
    (void)pthread_mutex_unlock(&l->lock);
}

void ship_lag_stepped(ship_lag *l, const ship_lag_step *step)
{
    (void)pthread_mutex_lock(&l->lock);
    if (step->put) {
        uint64_t delay_ns = passed_ns(l->since_ns ? l->since_ns : step->began_ns, step->now_ns);
        l->last[l->count++ % SHIP_LAGS_KEPT] = (double)delay_ns * 1e-9;
        count(&l->delays, delay_ns);
    }
    if (step->reached)
        l->since_ns = step->behind ? step->began_ns : 0;
    else if (step->put && step->commit_ns)
        l->since_ns = VV_MAX(l->since_ns, step->commit_ns);
    (void)pthread_mutex_unlock(&l->lock);
}

void ship_lag_waited(ship_lag *l, uint64_t elapsed_ns)
{
    (void)pthread_mutex_lock(&l->lock);
    count(&l->waits, elapsed_ns);
    (void)pthread_mutex_unlock(&l->lock);
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

void ship_lag_look(ship_lag *l, uint64_t now_ns, ship_lag_view *ret)
{
    double sorted[SHIP_LAGS_KEPT];
    size_t n;
    (void)pthread_mutex_lock(&l->lock);
    ret->seconds = l->since_ns ? (double)passed_ns(l->since_ns, now_ns) * 1e-9 : 0;
    ret->delays = l->delays;
    ret->waits = l->waits;
    n = (size_t)VV_MIN(l->count, (uint64_t)SHIP_LAGS_KEPT);
    memcpy(sorted, l->last, n * sizeof *sorted);
    (void)pthread_mutex_unlock(&l->lock);
    qsort(sorted, n, sizeof *sorted, by_value);
    ret->p50 = n ? sorted[n / 2] : 0;
    ret->p99 = n ? sorted[(n * 99 - 1) / 100] : 0;
}
