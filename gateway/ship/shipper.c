/* shipper.c — the life of the shipper, its waits, and what others ask of it; see shipper.h. */
#include "shipper_inner.h"

#include "base/clock.h"

#include <stdlib.h>
#include <string.h>

#define MS_NS          ((uint64_t)1000000)
#define START_STEP_MS  5
#define LOG_KEPT_LEAST ((uint64_t)1 << 30)

/* ---- the thread ---------------------------------------------------------------------------- */

static void wait_locked(shipper *s, uint64_t until_ns)
{
    struct timespec until = {.tv_sec = (time_t)(until_ns / 1000000000u),
                             .tv_nsec = (long)(until_ns % 1000000000u)};
    (void)pthread_cond_timedwait(&s->wake, &s->lock, &until);
}

static void wait_until(shipper *s, uint64_t until_ns)
{
    (void)pthread_mutex_lock(&s->lock);
    while (!s->poked && !s->ending && clock_now_ns() < until_ns)
        wait_locked(s, until_ns);
    s->poked = false;
    (void)pthread_mutex_unlock(&s->lock);
}

bool shipper_is_ending(shipper *s)
{
    (void)pthread_mutex_lock(&s->lock);
    bool ending = s->ending;
    (void)pthread_mutex_unlock(&s->lock);
    return ending;
}

static bool is_all_shipped(shipper *s)
{
    ship_acks_view acks;
    ship_acks_look(&s->acks, &acks);
    return varve_sequence(s->g->db) <= acks.shipped;
}

/* What is left: as long as all goes well, and its time lasts. */
static void ship_the_rest(shipper *s)
{
    uint64_t wait_ms;
    while (!is_all_shipped(s) && clock_now_ns() < s->stop_by_ns) {
        shipper_step(s, &wait_ms);
        if (s->phase != SHIP_RUNNING) return;
    }
}

/* Steps begin an interval after one another. */
static void *run(void *arg)
{
    shipper *s = arg;
    (void)pthread_setname_np(pthread_self(), "ship");
    while (!shipper_is_ending(s)) {
        uint64_t began_ns = clock_now_ns(), wait_ms;
        shipper_step(s, &wait_ms);
        if (wait_ms) wait_until(s, began_ns + wait_ms * MS_NS);
    }
    if (s->phase == SHIP_RUNNING) ship_the_rest(s);
    return NULL;
}

/* ---- life ---------------------------------------------------------------------------------- */

varve_status shipper_check(gateway *g, varve_error *err)
{
    const config *c = &g->config;
    bool remote = strcmp(c->durability, "remote") == 0;
    if (!remote && strcmp(c->durability, "local") != 0)
        return vv_fail(err, VARVE_INVALID, "durability is local or remote, not '%s'",
                       c->durability);
    if (c->read_only || (!c->backup_ship && !remote)) return VARVE_OK;
    if (!c->backup_ship) return vv_fail(err, VARVE_INVALID, "durability remote needs backup_ship");
    if (!*c->backup_repo)
        return vv_fail(err, VARVE_INVALID, "backup_ship needs a repository: backup_repo");
    return VARVE_OK;
}

static void init(shipper *s, gateway *g, bool remote)
{
    pthread_condattr_t monotonic;
    s->g = g;
    s->remote = remote;
    s->strict = remote || g->config.ship_fencing;
    s->random = clock_now_ns();
    s->phase = SHIP_STARTING;
    ship_lag_init(&s->lag);
    (void)pthread_mutex_init(&s->lock, NULL);
    (void)pthread_condattr_init(&monotonic);
    (void)pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&s->wake, &monotonic);
    (void)pthread_condattr_destroy(&monotonic);
}

static void done(shipper *s)
{
    ship_close(s->ship);
    (void)pthread_cond_destroy(&s->wake);
    (void)pthread_mutex_destroy(&s->lock);
    ship_lag_done(&s->lag);
    free(s);
}

static void note_ack(void *arg, const ship_ack *ack)
{
    shipper *s = arg;
    ship_lag_waited(&s->lag, clock_now_ns() - ack->began_ns);
}

/* The first step has ended, well or not; or its time is over. */
static void wait_for_lease(shipper *s)
{
    uint64_t until_ns = clock_now_ns() + s->g->config.remote_timeout_ms * MS_NS;
    while (clock_now_ns() < until_ns) {
        (void)pthread_mutex_lock(&s->lock);
        bool starting = s->phase == SHIP_STARTING;
        (void)pthread_mutex_unlock(&s->lock);
        if (!starting) return;
        clock_sleep_ms(START_STEP_MS);
    }
}

varve_status shipper_start(gateway *g, shipper **ret, varve_error *err)
{
    bool remote = strcmp(g->config.durability, "remote") == 0;
    VV_TRY(shipper_check(g, err));
    if (g->config.read_only || !g->config.backup_ship) return VARVE_OK;
    shipper *s = calloc(1, sizeof *s);
    if (!s) return vv_fail(err, VARVE_NO_MEMORY, "no memory for the shipper");
    init(s, g, remote);
    s->acks.tick = shipper_watch;
    s->acks.ended = note_ack;
    s->acks.arg = s;
    varve_status status = ship_acks_start(&s->acks, err);
    if (status == VARVE_OK && pthread_create(&s->thread, NULL, run, s) != 0) {
        ship_acks_stop(&s->acks);
        status = vv_fail(err, VARVE_NO_MEMORY, "no thread for the shipper");
    }
    if (status != VARVE_OK) {
        done(s);
        return status;
    }
    if (s->strict) wait_for_lease(s);
    *ret = s;
    return VARVE_OK;
}

void shipper_stop(shipper *s)
{
    if (!s) return;
    (void)pthread_mutex_lock(&s->lock);
    s->stop_by_ns = clock_now_ns() + s->g->config.remote_timeout_ms * MS_NS;
    s->ending = true;
    (void)pthread_cond_signal(&s->wake);
    (void)pthread_mutex_unlock(&s->lock);
    (void)pthread_join(s->thread, NULL);
    ship_acks_stop(&s->acks);
    done(s);
}

void shipper_keep_log(config *c)
{
    if (!c->backup_ship || c->engine.log_keep_bytes || c->engine.log_keep_ms) return;
    c->engine.log_keep_bytes = LOG_KEPT_LEAST;
}

/* ---- what others ask ----------------------------------------------------------------------- */

void shipper_wake(shipper *s)
{
    if (!s) return;
    (void)pthread_mutex_lock(&s->lock);
    s->poked = true;
    (void)pthread_cond_signal(&s->wake);
    (void)pthread_mutex_unlock(&s->lock);
}

bool shipper_is_remote(const shipper *s) { return s->remote; }

/* NULL: nobody else can have the lease. */
static const char *why_fenced_locked(const shipper *s)
{
    if (s->phase == SHIP_DIVERGED) return "the repository holds another history than this server";
    if (s->phase == SHIP_FENCED) return "another server has the lease of the repository";
    if (!s->lease_until_ms) return "this server does not have the lease of the repository yet";
    if (clock_wall_ms() + LEASE_SKEW_MS >= s->lease_until_ms)
        return "the lease of the repository could not be renewed in time";
    return NULL;
}

bool shipper_admits(shipper *s, bool remote, varve_error *ret_why)
{
    if (!remote && !s->strict) return true;
    (void)pthread_mutex_lock(&s->lock);
    const char *why = why_fenced_locked(s);
    s->refused += why != NULL;
    (void)pthread_mutex_unlock(&s->lock);
    if (why) vv_error_set(ret_why, VARVE_CONFLICT, "%s", why);
    return !why;
}

/* Only a shipper that is well is woken: the waits of the others are meant. */
static void wake_if_well(shipper *s)
{
    (void)pthread_mutex_lock(&s->lock);
    if (s->phase == SHIP_RUNNING && !s->poked) {
        s->poked = true;
        (void)pthread_cond_signal(&s->wake);
    }
    (void)pthread_mutex_unlock(&s->lock);
}

bool shipper_await(shipper *s, ship_ack *ack)
{
    ack->began_ns = clock_now_ns();
    ack->until_ns = ack->began_ns + s->g->config.remote_timeout_ms * MS_NS;
    if (!ship_acks_add(&s->acks, ack)) return false;
    wake_if_well(s);
    return true;
}

void shipper_note_write(shipper *s) { ship_lag_note(&s->lag, clock_now_ns(), !is_all_shipped(s)); }

void shipper_look(shipper *s, shipper_view *ret)
{
    ship_acks_view acks;
    ship_acks_look(&s->acks, &acks);
    uint64_t written = varve_sequence(s->g->db);
    (void)pthread_mutex_lock(&s->lock);
    *ret = (shipper_view){.phase = s->phase,
                          .fenced = why_fenced_locked(s) != NULL,
                          .remote = s->remote,
                          .shipped_lsn = acks.shipped,
                          .written_lsn = written,
                          .time_ms = s->time_ms,
                          .lease_until_ms = s->lease_until_ms,
                          .objects = s->objects,
                          .bytes = s->bytes,
                          .files = s->files,
                          .gaps = s->gaps,
                          .bridged = s->bridged,
                          .failures = s->failures,
                          .failures_in_row = s->failures_in_row,
                          .waiting = acks.count,
                          .stored = acks.stored_total,
                          .timeouts = acks.timeouts_total,
                          .refused = s->refused,
                          .why = s->why};
    (void)pthread_mutex_unlock(&s->lock);
    ship_lag_look(&s->lag, clock_now_ns(), &ret->lag);
}
