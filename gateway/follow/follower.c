/* follower.c — the life of a follower, and what others ask of it; see follower.h. */
#include "follower.h"

#include "backup/backup_home.h"
#include "base/clock.h"
#include "base/file.h"
#include "follower_inner.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

const char *follower_state_word(follower_state state)
{
    static const char *const words[] = {[FOLLOWER_BOOTSTRAP] = "bootstrap",
                                        [FOLLOWER_FOLLOWING] = "following",
                                        [FOLLOWER_STALE] = "stale",
                                        [FOLLOWER_PROMOTED] = "promoted",
                                        [FOLLOWER_FAILED] = "failed"};
    return words[state];
}

/* ---- life ---------------------------------------------------------------------------------- */

static varve_status check_settings(const config *c, varve_error *err)
{
    if (c->read_only)
        return vv_fail(err, VARVE_INVALID, "follow and read_only: a follower is read-only anyway");
    if (*c->backup_repo && strcmp(c->backup_repo, c->follow) != 0)
        return vv_fail(err, VARVE_INVALID,
                       "follow and backup_repo name two repositories: once it is promoted, a "
                       "follower writes to the one that it followed");
    if (*c->follow_db && !names_is_id(c->follow_db))
        return vv_fail(err, VARVE_INVALID, "follow_db is a UUID in lower case, not '%.100s'",
                       c->follow_db);
    return VARVE_OK;
}

/* Handlers and messages name the folder in full, also before there is one. */
static varve_status name_root(gateway *g, varve_error *err)
{
    char full[PATH_MAX];
    VV_TRY(file_make_dir(g->config.data_dir, err));
    if (!realpath(g->config.data_dir, full))
        return vv_fail(err, VARVE_IO, "%s cannot be resolved", g->config.data_dir);
    if (strlen(full) >= sizeof g->root_path / 2)
        return vv_fail(err, VARVE_LIMIT, "%s is too long", full);
    memcpy(g->root_path, full, strlen(full) + 1);
    return VARVE_OK;
}

static varve_status choose_repository(gateway *g, varve_error *err)
{
    if (*g->config.backup_repo) return VARVE_OK;
    char *copy = strdup(g->config.follow);
    if (!copy) return vv_fail(err, VARVE_NO_MEMORY, "no memory for the configuration");
    free(g->config.backup_repo);
    g->config.backup_repo = copy;
    return VARVE_OK;
}

static varve_status start_threads(follower *f, varve_error *err)
{
    VV_TRY(follow_wait_start(&f->waits, err));
    if (pthread_create(&f->thread, NULL, follower_run, f) == 0) return VARVE_OK;
    follow_wait_stop(&f->waits);
    return vv_fail(err, VARVE_NO_MEMORY, "no thread for the follower");
}

static void follower_free(follower *f)
{
    served_done(&f->slot);
    (void)pthread_cond_destroy(&f->answered);
    (void)pthread_cond_destroy(&f->wake);
    (void)pthread_mutex_destroy(&f->lock);
    free(f);
}

static follower *follower_alloc(gateway *g)
{
    pthread_condattr_t monotonic;
    follower *f = calloc(1, sizeof *f);
    if (!f) return NULL;
    f->g = g;
    served_init(&f->slot);
    (void)pthread_mutex_init(&f->lock, NULL);
    (void)pthread_condattr_init(&monotonic);
    (void)pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&f->wake, &monotonic);
    (void)pthread_cond_init(&f->answered, &monotonic);
    (void)pthread_condattr_destroy(&monotonic);
    (void)snprintf(f->view.where, sizeof f->view.where, "%s", g->config.follow);
    backup_home_access(&g->config, g->config.follow, &f->access);
    return f;
}

varve_status follower_start(gateway *g, follower **ret, varve_error *err)
{
    follow_kind kind;
    char db_id[NAMES_ID_SIZE] = "";
    if (!*g->config.follow) return VARVE_OK;
    VV_TRY(check_settings(&g->config, err));
    VV_TRY(choose_repository(g, err));
    VV_TRY(follow_look(g->config.data_dir, &kind, db_id, err));
    if (kind == FOLLOW_PROMOTED) {
        log_message(&g->log, LOG_WARN, "follower_promoted",
                    "the folder was promoted: it follows no more, and is opened for writing");
        return VARVE_OK;
    }
    VV_TRY(name_root(g, err));
    follower *f = follower_alloc(g);
    if (!f) return vv_fail(err, VARVE_NO_MEMORY, "no memory for a follower");
    memcpy(f->db_id, *g->config.follow_db ? g->config.follow_db : db_id, sizeof f->db_id);
    varve_status status = start_threads(f, err);
    if (status != VARVE_OK) {
        follower_free(f);
        return status;
    }
    *ret = f;
    return VARVE_OK;
}

void follower_stop(follower *f)
{
    if (!f) return;
    atomic_store(&f->ending, true);
    (void)pthread_mutex_lock(&f->lock);
    (void)pthread_cond_broadcast(&f->wake);
    (void)pthread_mutex_unlock(&f->lock);
    (void)pthread_join(f->thread, NULL);
    follow_wait_stop(&f->waits);
    follower_free(f);
}

void follower_end_waits(follower *f)
{
    if (f) follow_wait_end(&f->waits);
}

/* ---- what is served ------------------------------------------------------------------------ */

bool follower_is_replica(const follower *f)
{
    return f && atomic_load(&f->state) != FOLLOWER_PROMOTED;
}

served *follower_take(follower *f) { return served_take(&f->slot); }
follow_wait *follower_waits(follower *f) { return &f->waits; }

uint64_t follower_staleness_ms(follower *f)
{
    uint64_t fresh_ns = atomic_load(&f->fresh_ns), now_ns = clock_now_ns();
    if (!fresh_ns) return UINT64_MAX;
    return now_ns > fresh_ns ? (now_ns - fresh_ns) / 1000000u : 0;
}

bool follower_is_young(follower *f)
{
    uint64_t most = f->g->config.follow_max_staleness_ms;
    served *shown = follower_take(f);
    served_let_go(shown);
    return shown && (!most || follower_staleness_ms(f) <= most);
}

void follower_look(follower *f, follower_view *ret)
{
    (void)pthread_mutex_lock(&f->lock);
    *ret = f->view;
    (void)pthread_mutex_unlock(&f->lock);
    uint64_t most = f->g->config.follow_max_staleness_ms;
    ret->state = (follower_state)atomic_load(&f->state);
    ret->staleness_ms = follower_staleness_ms(f);
    ret->waiting = follow_wait_count(&f->waits);
    if (ret->state == FOLLOWER_FOLLOWING && most && ret->staleness_ms > most)
        ret->state = FOLLOWER_STALE;
}

/* ---- promotion ----------------------------------------------------------------------------- */

varve_status follower_promote(follower *f, bool force, follower_promotion *ret, varve_error *err)
{
    (void)pthread_mutex_lock(&f->lock);
    if (f->asked) {
        (void)pthread_mutex_unlock(&f->lock);
        return vv_fail(err, VARVE_CONFLICT, "a promotion is under way");
    }
    f->asked = true;
    f->force = force;
    f->done = false;
    (void)pthread_cond_broadcast(&f->wake);
    while (!f->done)
        (void)pthread_cond_wait(&f->answered, &f->lock);
    f->asked = false;
    *ret = f->view.promotion;
    const varve_error outcome = f->outcome;
    (void)pthread_mutex_unlock(&f->lock);
    if (outcome.status != VARVE_OK && err) *err = outcome;
    return outcome.status;
}
