/* shipper_step.c — one step of the shipper: a seat at the repository, ship_step, and the books. */
#include "shipper_inner.h"

#include "backup/backup_service.h"
#include "base/clock.h"
#include "base/file.h"

#include <inttypes.h>

#define STATE_PATH_MAX 4096

static bool is_cancelled(void *arg)
{
    shipper *s = arg;
    (void)pthread_mutex_lock(&s->lock);
    bool late = s->ending && clock_now_ns() >= s->stop_by_ns;
    (void)pthread_mutex_unlock(&s->lock);
    return late;
}

/* ---- what was done ------------------------------------------------------------------------- */

static varve_status open_ship(shipper *s, const backup_seat *seat, varve_error *err)
{
    char state[STATE_PATH_MAX];
    if (s->ship) return VARVE_OK;
    VV_TRY(file_join(state, sizeof state, seat->state, "ship", err));
    VV_TRY(file_make_dir(state, err));
    const ship_options options = {.db = s->g->db,
                                  .folder = seat->folder,
                                  .lease = seat->lease,
                                  .state = state,
                                  .cancel = {.asked = is_cancelled, .arg = s}};
    return ship_open(seat->prompt, &options, &s->ship, err);
}

static varve_status ship_some(shipper *s, ship_result *ret, varve_error *err)
{
    backup_seat seat;
    VV_TRY(backup_home_seat(s->g->backup_home, &seat, err));
    VV_TRY(open_ship(s, &seat, err));
    varve_status status = ship_step(s->ship, ret, err);
    backup_home_tell(s->g->backup_home, status, err);
    return status;
}

/* ---- the books ----------------------------------------------------------------------------- */

static void refresh_lease(shipper *s)
{
    backup_home_view home;
    backup_home_look(s->g->backup_home, &home);
    (void)pthread_mutex_lock(&s->lock);
    s->lease_until_ms = home.stage == BACKUP_HOME_HELD ? home.until_ms : 0;
    (void)pthread_mutex_unlock(&s->lock);
}

static void book_lag(shipper *s, const ship_result *r, uint64_t began_ns, uint64_t written)
{
    uint64_t now_ns = clock_now_ns(), age_ms = clock_wall_ms();
    age_ms = age_ms > r->time_ms ? age_ms - r->time_ms : 0;
    const ship_lag_step step = {
        .began_ns = began_ns,
        .now_ns = now_ns,
        .commit_ns = r->time_ms && age_ms * 1000000 < now_ns ? now_ns - age_ms * 1000000 : 0,
        .put = r->last != 0,
        .reached = r->shipped >= written,
        .behind = varve_sequence(s->g->db) > r->shipped};
    ship_lag_stepped(&s->lag, &step);
}

static void book_success(shipper *s, const ship_result *r)
{
    (void)pthread_mutex_lock(&s->lock);
    s->time_ms = VV_MAX(s->time_ms, r->time_ms);
    s->objects += r->last != 0;
    s->bytes += r->bytes;
    s->files += r->files_new;
    s->bridged += r->bridged;
    s->failures_in_row = 0;
    s->why = (varve_error){0};
    (void)pthread_mutex_unlock(&s->lock);
    ship_acks_advance(&s->acks, r->shipped);
}

static void book_failure(shipper *s, const varve_error *why)
{
    (void)pthread_mutex_lock(&s->lock);
    bool gap = why->status == VARVE_NOT_FOUND;
    s->gaps += gap && s->phase != SHIP_GAP;
    s->failures += !gap;
    s->failures_in_row++;
    s->why = *why;
    (void)pthread_mutex_unlock(&s->lock);
}

/* Told when it is new, not with each attempt. */
static void log_phase(shipper *s, ship_phase was, ship_phase phase, const varve_error *why)
{
    static const struct {
        log_level level;
        const char *event;
    } events[SHIP_PHASES] = {[SHIP_RUNNING] = {LOG_INFO, "ship_running"},
                             [SHIP_RETRYING] = {LOG_WARN, "ship_failed"},
                             [SHIP_GAP] = {LOG_WARN, "ship_gap"},
                             [SHIP_FENCED] = {LOG_ERROR, "ship_fenced"},
                             [SHIP_DIVERGED] = {LOG_ERROR, "ship_diverged"}};
    if (phase == was || !events[phase].event) return;
    if (phase == SHIP_RUNNING)
        log_message(&s->g->log, LOG_INFO, events[phase].event, "the log goes into the repository");
    else
        log_message(&s->g->log, events[phase].level, events[phase].event, "%s", why->message);
}

static void enter(shipper *s, ship_phase phase, const varve_error *why)
{
    (void)pthread_mutex_lock(&s->lock);
    ship_phase was = s->phase;
    s->phase = phase;
    (void)pthread_mutex_unlock(&s->lock);
    ship_acks_fence(&s->acks, phase == SHIP_FENCED || phase == SHIP_DIVERGED);
    log_phase(s, was, phase, why);
}

/* ---- a step -------------------------------------------------------------------------------- */

/* More waits when an object was filled, or when writes wait that came meanwhile. */
static bool is_more(shipper *s, const ship_result *r)
{
    ship_acks_view acks;
    ship_acks_look(&s->acks, &acks);
    return r->last && (r->bytes >= SHIP_STEP_BYTES || acks.wanted > r->shipped);
}

/* It follows within backup_min_interval_s, and is looked for until it is there. */
static void ask_snapshot(shipper *s)
{
    varve_error why = {0};
    if (backup_service_notify(s->g->backup_service, &why) != VARVE_OK)
        log_message(&s->g->log, LOG_WARN, "ship_snapshot_not_asked", "%s", why.message);
}

static bool is_idle(shipper *s, uint64_t written)
{
    ship_acks_view acks;
    ship_acks_look(&s->acks, &acks);
    return s->phase == SHIP_RUNNING && written <= acks.shipped;
}

static ship_next follow(shipper *s, varve_status status, const ship_result *r)
{
    s->random = s->random * 6364136223846793005u + 1442695040888963407u;
    const ship_ended ended = {.status = status,
                              .lost = backup_home_is_lost(s->g->backup_home),
                              .more = status == VARVE_OK && is_more(s, r),
                              .failures = s->failures_in_row,
                              .interval_ms = s->g->config.ship_interval_ms,
                              .random = s->random >> 33};
    return ship_plan(&ended);
}

void shipper_step(shipper *s, uint64_t *ret_wait_ms)
{
    varve_error why = {0};
    ship_result result = {0};
    uint64_t began_ns = clock_now_ns(), written = varve_sequence(s->g->db);
    if (is_idle(s, written) && !backup_home_is_lost(s->g->backup_home)) {
        refresh_lease(s);
        ship_lag_note(&s->lag, began_ns, false);
        *ret_wait_ms = s->g->config.ship_interval_ms;
        return;
    }
    ship_lag_note(&s->lag, began_ns, true);
    varve_status status = ship_some(s, &result, &why);
    refresh_lease(s);
    if (status == VARVE_OK) {
        book_lag(s, &result, began_ns, written);
        book_success(s, &result);
    } else {
        why.status = status;
        book_failure(s, &why);
    }
    ship_next next = follow(s, status, &result);
    enter(s, next.phase, &why);
    if (next.ask_snapshot) ask_snapshot(s);
    *ret_wait_ms = next.wait_ms;
}
