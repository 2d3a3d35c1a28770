/* backup_home.c — see backup_home.h. Two sessions: one for all that somebody waits for (the lease,
 * is it there?), with few attempts and no limit of bandwidth, and one for the data. */
#include "backup_home.h"

#include "backup_home_inner.h"

#include "base/clock.h"

#include <stdlib.h>
#include <string.h>

/* A renewal that is older is not taken for granted by who is about to write. */
#define RENEWED_LATELY_NS ((uint64_t)10 * 1000000000)

static const remote_limits quick_limits = {.attempts_max = 6,
                                           .request_ms = 10000,
                                           .deadline_ms = 30000,
                                           .wait_first_ms = 100,
                                           .wait_max_ms = 2000};

const char *backup_home_stage_word(backup_home_stage stage)
{
    static const char *const words[] = {
        [BACKUP_HOME_AWAY] = "away", [BACKUP_HOME_HELD] = "held", [BACKUP_HOME_LOST] = "lost"};
    return words[stage];
}

/* ---- settings -------------------------------------------------------------------------------- */

static const char *set(const char *text) { return text && *text ? text : NULL; }

void backup_home_access(const struct config *c, const char *url, repo_access *ret)
{
    remote_s3_options *s3 = &ret->s3;
    *ret = (repo_access){.url = url};
    ret->secret.key_file = set(c->backup_key_file);
    ret->limits.bytes_per_s = c->backup_rate;
    s3->endpoint = set(c->backup_endpoint);
    s3->region = set(c->backup_region);
    s3->profile = set(c->backup_profile);
    s3->credentials_file = set(c->backup_credentials);
    s3->metadata_service = c->backup_metadata_service;
    s3->ca_file = set(c->backup_ca_file);
    s3->virtual_host = c->backup_virtual_host;
    s3->plain_http_allowed = c->backup_plain_http;
    s3->storage_class = set(c->backup_storage_class);
    s3->server_side_encryption = set(c->backup_server_side_encryption);
    s3->kms_key_id = set(c->backup_kms_key);
    repo_access_add_environment(ret, getenv);
}

/* ---- what the view says ---------------------------------------------------------------------- */

static void show_lease_locked(backup_home *h)
{
    h->view.timeline = h->lease.timeline;
    h->view.epoch = h->lease.epoch;
    h->view.until_ms = h->lease.expires_ms;
}

/* A look at the lease never waits for a renewal that is under way. */
void backup_home_look(backup_home *h, backup_home_view *ret)
{
    (void)pthread_mutex_lock(&h->lock);
    if (h->view.stage == BACKUP_HOME_HELD && pthread_mutex_trylock(&h->lease_lock) == 0) {
        show_lease_locked(h);
        (void)pthread_mutex_unlock(&h->lease_lock);
    }
    *ret = h->view;
    (void)pthread_mutex_unlock(&h->lock);
}

bool backup_home_is_lost(backup_home *h)
{
    (void)pthread_mutex_lock(&h->lock);
    bool lost = h->view.stage == BACKUP_HOME_LOST;
    (void)pthread_mutex_unlock(&h->lock);
    return lost;
}

/* Words are said when they are new, not with each attempt. */
static void log_change(backup_home *h, backup_home_stage was, bool reached, varve_status why_was)
{
    logger *log = &h->g->log;
    const backup_home_view *v = &h->view;
    if (v->stage != was && v->stage == BACKUP_HOME_HELD)
        log_message(log, LOG_INFO, "backup_repository", "database %s of %s, timeline %u, as %s",
                    v->db_id, v->where, v->timeline, v->holder);
    if (v->stage != was && v->stage == BACKUP_HOME_LOST)
        log_message(log, LOG_ERROR, "backup_lease_lost", "%s", v->why.message);
    else if (v->why.status != VARVE_OK && (v->why.status != why_was || v->reachable != reached))
        log_message(log, LOG_WARN, "backup_repository_unusable", "%s: %s", v->where,
                    v->why.message);
    else if (v->reachable && !reached && v->stage == was)
        log_message(log, LOG_INFO, "backup_repository_back", "%s", v->where);
}

/* Does this outcome say that the store did not answer? */
static bool means_away(varve_status status)
{
    return status == VARVE_IO || status == VARVE_TIMEOUT;
}

static void note(backup_home *h, backup_home_stage stage, varve_status status,
                 const varve_error *why)
{
    (void)pthread_mutex_lock(&h->lock);
    backup_home_view *v = &h->view;
    backup_home_stage was = v->stage;
    bool reached = v->reachable;
    varve_status why_was = v->why.status;
    v->stage = stage;
    v->reachable = !means_away(status);
    v->asked_ms = clock_wall_ms();
    v->why = status == VARVE_OK ? (varve_error){0} : *why;
    v->why.status = status;
    if (stage == BACKUP_HOME_HELD && pthread_mutex_trylock(&h->lease_lock) == 0) {
        show_lease_locked(h);
        (void)pthread_mutex_unlock(&h->lease_lock);
    }
    log_change(h, was, reached, why_was);
    (void)pthread_mutex_unlock(&h->lock);
}

static backup_home_stage stage_of(backup_home *h)
{
    (void)pthread_mutex_lock(&h->lock);
    backup_home_stage stage = h->view.stage;
    (void)pthread_mutex_unlock(&h->lock);
    return stage;
}

void backup_home_tell(backup_home *h, varve_status status, const varve_error *why)
{
    if (status == VARVE_CONFLICT) atomic_store(&h->suspect, true);
    backup_home_stage stage = stage_of(h);
    if (stage == BACKUP_HOME_HELD && (status == VARVE_OK || means_away(status)))
        note(h, stage, status, why);
}

/* ---- connecting ------------------------------------------------------------------------------ */

static varve_status find_state(backup_home *h, const repo *r, varve_error *err)
{
    char name[64];
    (void)snprintf(name, sizeof name, "state-%s", r->repo_id);
    return backup_path(h->g->root_path, name, h->state, sizeof h->state, err);
}

static varve_status connect_locked(backup_home *h, varve_error *err)
{
    VV_CLEANUP(repo_session_done) repo_session quick = {0};
    VV_CLEANUP(repo_session_done) repo_session full = {0};
    repo_access fast = h->access;
    if (h->full.repo) return VARVE_OK;
    fast.limits = quick_limits;
    VV_TRY(backup_identity_make(h->g->root_path, NULL, &h->who, err));
    VV_TRY(repo_access_open(&fast, h->who.db_id, true, &quick, err));
    VV_TRY(repo_access_open(&h->access, h->who.db_id, false, &full, err));
    VV_TRY(find_state(h, full.repo, err));
    (void)pthread_mutex_lock(&h->lock);
    memcpy(h->view.repo_id, full.repo->repo_id, sizeof h->view.repo_id);
    memcpy(h->view.db_id, h->who.db_id, sizeof h->view.db_id);
    memcpy(h->view.holder, h->who.holder, sizeof h->view.holder);
    (void)snprintf(h->view.where, sizeof h->view.where, "%s", remote_name(full.remote));
    (void)pthread_mutex_unlock(&h->lock);
    h->quick = quick;
    h->full = full;
    quick = full = (repo_session){0};
    return VARVE_OK;
}

static varve_status take_locked(backup_home *h, bool force, bool branch, varve_error *err)
{
    varve_folder_stats folder = {0};
    lease taken = {0};
    varve_stats(h->g->db, &folder);
    const lease_options options = {.holder = h->who.holder,
                                   .lsn = branch ? folder.sequence
                                                 : backup_identity_branch(&h->who, folder.sequence),
                                   .reason = branch ? "restored" : NULL,
                                   .force = force,
                                   .branch = branch};
    VV_TRY(lease_take(h->quick.repo, &options, &taken, err));
    (void)pthread_mutex_lock(&h->lease_lock);
    taken.lock = &h->lease_lock;
    h->lease = taken;
    (void)pthread_mutex_unlock(&h->lease_lock);
    h->renewed_ns = clock_now_ns();
    atomic_store(&h->suspect, false);
    return VARVE_OK;
}

/* The tag does not fit any more. The holder may still be this folder: the command beside us. */
static varve_status retake_locked(backup_home *h, varve_error *err)
{
    lease_state now = {0};
    varve_error why = {0};
    varve_status status = lease_read(h->quick.repo, &now, &why);
    if (status == VARVE_OK && now.exists && strcmp(now.holder, h->who.holder) == 0)
        return take_locked(h, false, false, err);
    if (status == VARVE_OK)
        status = vv_fail(&why, VARVE_CONFLICT,
                         "the lease of database %s was taken by %s: no more backups from here "
                         "until it is taken over",
                         h->who.db_id, now.exists ? now.holder : "nobody");
    if (status == VARVE_CONFLICT) note(h, BACKUP_HOME_LOST, status, &why);
    if (err) *err = why;
    return status;
}

static varve_status renew_locked(backup_home *h, bool now, varve_error *err)
{
    bool must = now || atomic_load(&h->suspect);
    varve_status status = must ? lease_renew(&h->lease, err) : lease_keep(&h->lease, err);
    if (status == VARVE_CONFLICT) return retake_locked(h, err);
    if (status == VARVE_OK && must) {
        h->renewed_ns = clock_now_ns();
        atomic_store(&h->suspect, false);
    }
    return status;
}

static varve_status lost(backup_home *h, varve_error *err)
{
    backup_home_view v;
    backup_home_look(h, &v);
    return vv_fail(err, VARVE_CONFLICT, "%s", v.why.message);
}

/* HELD, and lately renewed. */
static varve_status hold_locked(backup_home *h, bool now, varve_error *err)
{
    varve_error why = {0};
    backup_home_stage stage = stage_of(h);
    if (stage == BACKUP_HOME_LOST) return lost(h, err);
    varve_status status = connect_locked(h, &why);
    if (status == VARVE_OK && stage == BACKUP_HOME_AWAY)
        status = take_locked(h, false, false, &why);
    else if (status == VARVE_OK)
        status = renew_locked(h, now, &why);
    if (status == VARVE_OK) stage = BACKUP_HOME_HELD;
    if (stage_of(h) != BACKUP_HOME_LOST) note(h, stage, status, &why);
    if (status != VARVE_OK && err) *err = why;
    return status;
}

varve_status backup_home_seat(backup_home *h, backup_seat *ret, varve_error *err)
{
    (void)pthread_mutex_lock(&h->work_lock);
    bool old = clock_now_ns() - h->renewed_ns > RENEWED_LATELY_NS;
    varve_status status = hold_locked(h, old, err);
    (void)pthread_mutex_unlock(&h->work_lock);
    VV_TRY(status);
    *ret = (backup_seat){.repo = h->full.repo,
                         .prompt = h->quick.repo,
                         .lease = &h->lease,
                         .folder = h->g->root_path,
                         .state = h->state};
    return VARVE_OK;
}

varve_status backup_home_repo(backup_home *h, repo **ret, varve_error *err)
{
    (void)pthread_mutex_lock(&h->work_lock);
    varve_status status = connect_locked(h, err);
    (void)pthread_mutex_unlock(&h->work_lock);
    VV_TRY(status);
    *ret = h->full.repo;
    return VARVE_OK;
}

varve_status backup_home_take(backup_home *h, bool force, bool branch, varve_error *err)
{
    (void)pthread_mutex_lock(&h->work_lock);
    varve_status status = connect_locked(h, err);
    if (status == VARVE_OK) status = take_locked(h, force, branch, err);
    if (status == VARVE_OK) note(h, BACKUP_HOME_HELD, status, NULL);
    (void)pthread_mutex_unlock(&h->work_lock);
    return status;
}

varve_status backup_home_tend(backup_home *h)
{
    char key[NAMES_KEY_MAX];
    const object_name name = {.kind = NAME_REPO};
    remote_stat_result found;
    varve_error why = {0};
    (void)pthread_mutex_lock(&h->work_lock);
    varve_status status = hold_locked(h, false, &why);
    (void)pthread_mutex_unlock(&h->work_lock);
    if (status != VARVE_OK) return status;
    names_build(&name, key);
    status = remote_stat(h->quick.remote, key, &found, &why);
    note(h, stage_of(h), status, &why);
    return status;
}

/* ---- life ------------------------------------------------------------------------------------ */

varve_status backup_home_open(gateway *g, backup_home **ret, varve_error *err)
{
    if (!*g->config.backup_repo || g->config.read_only) return VARVE_OK;
    backup_home *h = calloc(1, sizeof *h);
    if (!h) return vv_fail(err, VARVE_NO_MEMORY, "no memory for the backup repository");
    h->g = g;
    h->view.stage = BACKUP_HOME_AWAY;
    (void)snprintf(h->view.where, sizeof h->view.where, "%s", g->config.backup_repo);
    (void)pthread_mutex_init(&h->work_lock, NULL);
    (void)pthread_mutex_init(&h->lease_lock, NULL);
    (void)pthread_mutex_init(&h->lock, NULL);
    backup_home_access(&g->config, g->config.backup_repo, &h->access);
    if (!backup_home_start(h)) {
        free(h);
        return vv_fail(err, VARVE_NO_MEMORY, "no thread for the backup repository");
    }
    *ret = h;
    return VARVE_OK;
}

void backup_home_close(backup_home *h)
{
    varve_status ignored = VARVE_OK;
    if (!h) return;
    backup_home_stop(h);
    /* The next start is the same holder, and takes it in any case. */
    if (h->view.stage == BACKUP_HOME_HELD && h->view.reachable)
        ignored = lease_drop(&h->lease, NULL);
    (void)ignored;
    repo_session_done(&h->full);
    repo_session_done(&h->quick);
    (void)pthread_mutex_destroy(&h->lock);
    (void)pthread_mutex_destroy(&h->lease_lock);
    (void)pthread_mutex_destroy(&h->work_lock);
    free(h);
}
