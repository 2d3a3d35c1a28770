/* follower_promote.c — a follower becomes the writer; see follower.h, (3). What the lease decides
 * is decided once: whatever fails behind it is done again by the next call. */
#include "follower_inner.h"

#include <string.h>

/* The ids under which the home of the backups goes on (identity.h), and where the shipper keeps its
 * state (backup_seat.state). */
static varve_status take_over(follower *f, bool force, varve_error *err)
{
    backup_identity who = {0};
    char name[80], state[4096];
    lease taken;
    if (!f->follow)
        return vv_fail(err, VARVE_CONFLICT,
                       "the repository was not reached yet: GET /admin/follow says why");
    (void)snprintf(name, sizeof name, "state-%s/ship", f->session.repo->repo_id);
    VV_TRY(backup_path(f->g->root_path, name, state, sizeof state, err));
    VV_TRY(backup_identity_make(f->g->root_path, f->session.repo->db_id, &who, err));
    const follow_promotion o = {.holder = who.holder, .force = force, .state = state};
    VV_TRY(follow_promote(f->follow, &o, &taken, err));
    (void)pthread_mutex_lock(&f->lock);
    f->view.timeline = taken.timeline;
    f->view.promotion = (follower_promotion){
        .timeline = taken.timeline, .sequence = taken.parent_lsn, .epoch = taken.epoch};
    (void)pthread_mutex_unlock(&f->lock);
    follow_close(f->follow);
    f->follow = NULL;
    repo_session_done(&f->session);
    return VARVE_OK;
}

static varve_status become_owner(follower *f, varve_error *err)
{
    gateway *g = f->g;
    varve_error why = {0};
    varve *db = NULL;
    VV_TRY(varve_open(g->root_path, &g->config.engine, &db, err));
    g->db = db;
    if (gateway_start_services(g, &why) != VARVE_OK)
        log_message(&g->log, LOG_ERROR, "follower_services", "%s", why.message);
    atomic_store(&f->state, FOLLOWER_PROMOTED);
    (void)served_put(&f->slot, NULL, 0);
    follow_wait_end(&f->waits);
    return VARVE_OK;
}

static varve_status promote(follower *f, bool force, varve_error *err)
{
    follow_kind kind = FOLLOW_NOTHING;
    char db_id[NAMES_ID_SIZE];
    if (!follower_is_replica(f)) return VARVE_OK;
    VV_TRY(follow_look(f->g->root_path, &kind, db_id, err));
    if (kind != FOLLOW_PROMOTED) VV_TRY(take_over(f, force, err));
    varve_status status = become_owner(f, err);
    if (status != VARVE_OK) atomic_store(&f->state, FOLLOWER_FAILED);
    return status;
}

void follower_promote_now(follower *f, bool force)
{
    varve_error why = {0};
    logger *log = &f->g->log;
    varve_status status = promote(f, force, &why);
    (void)pthread_mutex_lock(&f->lock);
    f->outcome = status == VARVE_OK ? (varve_error){0} : why;
    f->outcome.status = status;
    const follower_promotion p = f->view.promotion;
    (void)pthread_mutex_unlock(&f->lock);
    if (status == VARVE_OK)
        log_message(log, LOG_WARN, "follower_promoted", "timeline %u from sequence %llu on",
                    p.timeline, (unsigned long long)p.sequence);
    else
        log_message(log, LOG_ERROR, "follower_not_promoted", "%s", why.message);
}
