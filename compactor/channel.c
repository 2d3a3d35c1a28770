/* channel.c — see channel.h. */
#include "channel.h"

#include "base/clock.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define NS_PER_S  1000000000u
#define NS_PER_MS 1000000u

void channel_init(channel *c, uint64_t grace_ms)
{
    pthread_condattr_t monotonic;
    *c = (channel){.fd = -1, .grace_ms = grace_ms};
    (void)pthread_mutex_init(&c->lock, NULL);
    (void)pthread_condattr_init(&monotonic);
    (void)pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&c->changed, &monotonic);
    (void)pthread_condattr_destroy(&monotonic);
}

/* ---- state, under the lock ----------------------------------------------------------------- */

static bool must_end_locked(const channel *c)
{
    return c->stopped || c->bye || c->gone || c->cancelled;
}

static void changed_locked(channel *c)
{
    atomic_store(&c->disturbed, must_end_locked(c));
    (void)pthread_cond_broadcast(&c->changed);
}

static varve_status why_locked(const channel *c, varve_error *err)
{
    if (c->stopped) return vv_fail(err, VARVE_CANCELLED, "the compactor was told to end");
    if (c->gone) return vv_fail(err, c->why.status, "%s", c->why.message);
    if (c->bye) return vv_fail(err, VARVE_CLOSED, "the owner has no more work");
    if (c->cancelled) return vv_fail(err, VARVE_CANCELLED, "the owner cancelled the job");
    return VARVE_OK;
}

/* false: the time is over. */
static bool wait_locked(channel *c, uint64_t end_ns)
{
    struct timespec end = {(time_t)(end_ns / NS_PER_S), (long)(end_ns % NS_PER_S)};
    return pthread_cond_timedwait(&c->changed, &c->lock, &end) != ETIMEDOUT;
}

/* ---- the reader ---------------------------------------------------------------------------- */

static varve_status keep_locked(channel *c, handoff_message *m, varve_error *err)
{
    if (c->waiting)
        return vv_fail(err, VARVE_CORRUPT, "hand-off: a message before the last was answered");
    if (m->kind == HANDOFF_JOB) {
        c->epoch = m->order->epoch;
        c->job = m->order->job;
        c->cancelled = false;
    }
    c->message = *m;
    *m = (handoff_message){0};
    c->waiting = true;
    return VARVE_OK;
}

static varve_status take_in_locked(channel *c, handoff_message *m, varve_error *err)
{
    switch (m->kind) {
    case HANDOFF_WELCOME:
    case HANDOFF_JOB:
    case HANDOFF_ADOPTED:
    case HANDOFF_REFUSE: return keep_locked(c, m, err);
    case HANDOFF_CANCEL:
        if (m->epoch == c->epoch && m->job == c->job) c->cancelled = true;
        return VARVE_OK;
    case HANDOFF_BYE: c->bye = true; return VARVE_OK;
    default:
        return vv_fail(err, VARVE_CORRUPT, "hand-off: message %d is not for a compactor",
                       (int)m->kind);
    }
}

static varve_status read_one(channel *c, varve_error *err)
{
    VV_CLEANUP(handoff_message_done) handoff_message m = {0};
    varve_status status;
    VV_TRY(handoff_receive(c->fd, 0, &m, err));
    (void)pthread_mutex_lock(&c->lock);
    status = take_in_locked(c, &m, err);
    changed_locked(c);
    (void)pthread_mutex_unlock(&c->lock);
    return status;
}

/* The owner is gone: the process may not outlive it for long, whatever it is in the middle of. */
static void wait_for_close(channel *c)
{
    uint64_t end_ns = clock_now_ns() + c->grace_ms * NS_PER_MS;
    (void)pthread_mutex_lock(&c->lock);
    while (!c->closing && wait_locked(c, end_ns)) {
    }
    if (!c->closing) _exit(CHANNEL_EXIT_STATUS);
    (void)pthread_mutex_unlock(&c->lock);
}

static void *read_all(void *context)
{
    channel *c = context;
    varve_error err = {0};
    while (read_one(c, &err) == VARVE_OK) {
    }
    (void)pthread_mutex_lock(&c->lock);
    c->gone = true;
    c->why = err;
    changed_locked(c);
    (void)pthread_mutex_unlock(&c->lock);
    wait_for_close(c);
    return NULL;
}

/* ---- open and close ------------------------------------------------------------------------ */

varve_status channel_open(channel *c, int fd, varve_error *err)
{
    int error;
    c->fd = fd;
    error = pthread_create(&c->reader, NULL, read_all, c);
    if (error == 0) return VARVE_OK;
    vv_closep(&c->fd);
    c->fd = -1;
    return vv_fail(err, VARVE_NO_MEMORY, "cannot start a thread: %s", strerror(error));
}

void channel_close(channel *c)
{
    if (c->fd < 0) return;
    (void)pthread_mutex_lock(&c->lock);
    c->closing = true;
    changed_locked(c);
    (void)pthread_mutex_unlock(&c->lock);
    (void)shutdown(c->fd, SHUT_RDWR); /* wakes the reader */
    (void)pthread_join(c->reader, NULL);
    vv_closep(&c->fd);
    c->fd = -1;
    (void)pthread_mutex_lock(&c->lock);
    handoff_message_done(&c->message);
    c->waiting = c->bye = c->gone = c->closing = c->cancelled = false;
    c->epoch = c->job = 0;
    changed_locked(c);
    (void)pthread_mutex_unlock(&c->lock);
}

void channel_stop(channel *c)
{
    (void)pthread_mutex_lock(&c->lock);
    c->stopped = true;
    changed_locked(c);
    (void)pthread_mutex_unlock(&c->lock);
}

/* ---- messages ------------------------------------------------------------------------------ */

static varve_status wait_for_message_locked(channel *c, uint64_t timeout_ms, varve_error *err)
{
    uint64_t end_ns = timeout_ms ? clock_now_ns() + timeout_ms * NS_PER_MS : INT64_MAX;
    while (!c->waiting) {
        if (c->stopped || c->bye || c->gone) return why_locked(c, err);
        if (!wait_locked(c, end_ns))
            return vv_fail(err, VARVE_TIMEOUT, "the owner did not answer within %llu ms",
                           (unsigned long long)timeout_ms);
    }
    return VARVE_OK;
}

varve_status channel_wait(channel *c, uint64_t timeout_ms, handoff_message *ret, varve_error *err)
{
    varve_status status;
    (void)pthread_mutex_lock(&c->lock);
    status = wait_for_message_locked(c, timeout_ms, err);
    if (status == VARVE_OK) {
        *ret = c->message;
        c->message = (handoff_message){0};
        c->waiting = false;
    }
    (void)pthread_mutex_unlock(&c->lock);
    return status;
}

varve_status channel_send(channel *c, const handoff_message *m, varve_error *err)
{
    return handoff_send(c->fd, m, err);
}

varve_status channel_ready(channel *c, varve_error *err)
{
    varve_status status = VARVE_OK;
    (void)pthread_mutex_lock(&c->lock);
    if (c->stopped || c->bye || c->gone) status = why_locked(c, err);
    (void)pthread_mutex_unlock(&c->lock);
    return status;
}

bool channel_said_bye(channel *c)
{
    (void)pthread_mutex_lock(&c->lock);
    bool bye = c->bye;
    (void)pthread_mutex_unlock(&c->lock);
    return bye;
}

/* ---- for a job ----------------------------------------------------------------------------- */

varve_status channel_check(channel *c, varve_error *err)
{
    varve_status status;
    if (!atomic_load_explicit(&c->disturbed, memory_order_relaxed)) return VARVE_OK;
    (void)pthread_mutex_lock(&c->lock);
    status = why_locked(c, err);
    (void)pthread_mutex_unlock(&c->lock);
    return status;
}

void channel_sleep(channel *c, uint64_t ns)
{
    uint64_t end_ns = clock_now_ns() + ns;
    (void)pthread_mutex_lock(&c->lock);
    while (!must_end_locked(c) && wait_locked(c, end_ns)) {
    }
    (void)pthread_mutex_unlock(&c->lock);
}
