/* follower_step.c — the follower's thread: look at the repository, apply, show what was applied. */
#include "follower_inner.h"

#include "base/clock.h"
#include "base/random.h"
#include "varve_snapshot.h"

#include <string.h>
#include <time.h>

#define BACKOFF_MAX_MS 30000
#define NO_DATABASE    "00000000-0000-4000-8000-000000000000" /* until it is known which one */

/* ---- the repository ------------------------------------------------------------------------ */

typedef struct choice {
    char id[NAMES_ID_SIZE];
    size_t count;
} choice;

static varve_status see_database(void *arg, const char *db_id, varve_error *err)
{
    choice *c = arg;
    (void)err;
    memcpy(c->id, db_id, sizeof c->id);
    c->count++;
    return VARVE_OK;
}

static varve_status choose_database(follower *f, repo *r, varve_error *err)
{
    choice c = {0};
    if (!*f->db_id) {
        VV_TRY(repo_list_dbs(r, see_database, &c, err));
        if (c.count != 1)
            return vv_fail(err, c.count ? VARVE_INVALID : VARVE_NOT_FOUND,
                           c.count ? "the repository holds several databases: follow_db says which"
                                   : "the repository holds no database yet");
        memcpy(f->db_id, c.id, sizeof f->db_id);
    }
    memcpy(r->db_id, f->db_id, sizeof r->db_id);
    return VARVE_OK;
}

static bool is_ending(void *arg) { return atomic_load(&((follower *)arg)->ending); }

static void show_progress(void *arg, const restore_progress *p)
{
    follower *f = arg;
    (void)pthread_mutex_lock(&f->lock);
    (void)snprintf(f->view.stage, sizeof f->view.stage, "%s", p->stage);
    f->view.files = p->files;
    f->view.files_all = p->files_all;
    f->view.stage_bytes = p->bytes;
    f->view.stage_bytes_all = p->bytes_all;
    (void)pthread_mutex_unlock(&f->lock);
}

static varve_status connect(follower *f, varve_error *err)
{
    const follow_options o = {.folder = f->g->root_path,
                              .threads = f->g->config.backup_threads,
                              .pin_life_ms = f->g->config.follow_pin_secs * 1000,
                              .bridge_ms = f->g->config.follow_bridge_ms,
                              .cancel = {is_ending, f},
                              .progress = show_progress,
                              .progress_arg = f};
    if (f->follow) return VARVE_OK;
    if (!f->session.repo) {
        repo_session s = {0};
        varve_status status = repo_access_open(&f->access, NO_DATABASE, false, &s, err);
        if (status == VARVE_OK) status = choose_database(f, s.repo, err);
        if (status != VARVE_OK) {
            repo_session_done(&s);
            return status;
        }
        f->session = s;
    }
    return follow_open(f->session.repo, &o, &f->follow, err);
}

/* ---- show ---------------------------------------------------------------------------------- */

static bool is_served(const follower *f) { return f->slot.now != NULL; }

static varve_status refresh(follower *f, varve_error *err)
{
    varve *db = NULL;
    varve_folder_stats stats;
    varve_options options = f->g->config.engine;
    uint64_t begin_ns = clock_now_ns();
    options.read_only = true;
    options.must_exist = true;
    /* Only this thread replaces what is served, so it lives. */
    varve *older = f->slot.now ? f->slot.now->db : NULL;
    VV_TRY(varve_open_newer(f->g->root_path, &options, older, &db, err));
    varve_stats(db, &stats);
    if (!served_put(&f->slot, db, stats.sequence)) {
        varve_status ignored = varve_close(db, NULL);
        (void)ignored;
        return vv_fail(err, VARVE_NO_MEMORY, "no memory for a handle");
    }
    f->shown = stats.sequence;
    f->stale_handle = false;
    f->refreshed_ns = clock_now_ns();
    f->refresh_ns = f->refreshed_ns - begin_ns;
    (void)pthread_mutex_lock(&f->lock);
    f->view.refreshes++;
    f->view.refresh_us += f->refresh_ns / 1000;
    f->view.shown = f->shown;
    (void)pthread_mutex_unlock(&f->lock);
    int state = FOLLOWER_BOOTSTRAP;
    (void)atomic_compare_exchange_strong(&f->state, &state, FOLLOWER_FOLLOWING);
    follow_wait_reach(&f->waits, f->shown);
    return VARVE_OK;
}

/* Opening takes time that searches want too: at most half of all of it goes there. */
static uint64_t refresh_in_ms(const follower *f)
{
    uint64_t pause_ns = VV_MAX(f->g->config.follow_refresh_ms * 1000000u, f->refresh_ns);
    uint64_t due_ns = f->refreshed_ns + pause_ns, now_ns = clock_now_ns();
    if (!is_served(f) || f->stale_handle || now_ns >= due_ns) return 0;
    return (due_ns - now_ns) / 1000000u + 1;
}

static bool wants_refresh(const follower *f, uint64_t sequence)
{
    return sequence && (!is_served(f) || f->stale_handle || f->shown != sequence);
}

/* ---- a round ------------------------------------------------------------------------------- */

static void note_step(follower *f, const follow_result *r)
{
    (void)pthread_mutex_lock(&f->lock);
    follower_view *v = &f->view;
    v->timeline = r->timeline;
    v->applied = r->sequence;
    v->known = r->known;
    if (r->time_ms) v->commit_ms = r->time_ms;
    v->objects += r->objects;
    v->batches += r->batches;
    v->bytes += r->bytes;
    v->bootstraps += r->bootstrapped;
    v->stage[0] = 0;
    (void)pthread_mutex_unlock(&f->lock);
    if (!r->bootstrapped) return;
    f->stale_handle = true;
    log_message(&f->g->log, LOG_INFO, "follower_bootstrapped", "at sequence %llu of timeline %u",
                (unsigned long long)r->sequence, r->timeline);
}

/* Words are said when they are new, not with each attempt. */
static void note_outcome(follower *f, varve_status status, const varve_error *why)
{
    size_t in_use = served_close_old(&f->slot);
    (void)pthread_mutex_lock(&f->lock);
    varve_error *kept = &f->view.why;
    bool same = kept->status == status && strcmp(kept->message, why->message) == 0;
    bool well = status == VARVE_OK, was_well = kept->status == VARVE_OK;
    *kept = well ? (varve_error){0} : *why;
    kept->status = status;
    f->view.failures += !well;
    f->view.handles = in_use;
    (void)pthread_mutex_unlock(&f->lock);
    f->failures = well ? 0 : f->failures + 1;
    if (!well && !same && status != VARVE_CANCELLED)
        log_message(&f->g->log, LOG_WARN, "follower_waits", "%s", why->message);
    if (well && !was_well)
        log_message(&f->g->log, LOG_INFO, "follower_goes_on", "at sequence %llu",
                    (unsigned long long)f->shown);
}

static uint64_t with_jitter(uint64_t ms)
{
    random_state r;
    random_seed(&r, clock_now_ns());
    return ms - ms / 8 + random_below(&r, ms / 4 + 1);
}

static uint64_t backoff_ms(const follower *f)
{
    uint64_t ms = f->g->config.follow_poll_ms;
    for (unsigned i = 0; i < f->failures && ms < BACKOFF_MAX_MS; i++)
        ms *= 2;
    return with_jitter(VV_MIN(ms, (uint64_t)BACKOFF_MAX_MS));
}

/* A folder that is there is served before the repository was asked. */
static varve_status show_what_is_there(follower *f, varve_error *err)
{
    follow_kind kind;
    char db_id[NAMES_ID_SIZE];
    if (is_served(f)) return VARVE_OK;
    VV_TRY(follow_look(f->g->root_path, &kind, db_id, err));
    return kind == FOLLOW_FOLLOWER ? refresh(f, err) : VARVE_OK;
}

static varve_status step(follower *f, follow_result *r, varve_error *err)
{
    uint64_t begin_ns;
    VV_TRY(show_what_is_there(f, err));
    VV_TRY(connect(f, err));
    begin_ns = clock_now_ns();
    VV_TRY(follow_step(f->follow, r, err));
    note_step(f, r);
    if (wants_refresh(f, r->sequence) && refresh_in_ms(f) == 0) VV_TRY(refresh(f, err));
    if (r->all && f->shown == r->sequence) atomic_store(&f->fresh_ns, begin_ns);
    return VARVE_OK;
}

void follower_round(follower *f, uint64_t *ret_wait_ms)
{
    varve_error why = {0};
    follow_result r = {0};
    varve_status status = step(f, &r, &why);
    note_outcome(f, status, &why);
    *ret_wait_ms = backoff_ms(f);
    if (status != VARVE_OK) return;
    if (!r.all && !r.waits) *ret_wait_ms = 0;
    if (wants_refresh(f, r.sequence)) *ret_wait_ms = VV_MIN(*ret_wait_ms, refresh_in_ms(f));
}

/* ---- the thread ---------------------------------------------------------------------------- */

/* True: a promotion is asked for. */
static bool wait_for_work(follower *f, uint64_t wait_ms)
{
    uint64_t until_ns = clock_now_ns() + wait_ms * 1000000u;
    const struct timespec until = {.tv_sec = (time_t)(until_ns / 1000000000u),
                                   .tv_nsec = (long)(until_ns % 1000000000u)};
    (void)pthread_mutex_lock(&f->lock);
    while (!(f->asked && !f->done) && !atomic_load(&f->ending) && clock_now_ns() < until_ns)
        (void)pthread_cond_timedwait(&f->wake, &f->lock, &until);
    bool asked = f->asked && !f->done;
    (void)pthread_mutex_unlock(&f->lock);
    return asked;
}

static void answer(follower *f)
{
    (void)pthread_mutex_lock(&f->lock);
    f->done = true;
    (void)pthread_cond_broadcast(&f->answered);
    (void)pthread_mutex_unlock(&f->lock);
}

void *follower_run(void *context)
{
    follower *f = context;
    uint64_t wait_ms = 0;
    (void)pthread_setname_np(pthread_self(), "follower");
    while (!atomic_load(&f->ending)) {
        if (wait_for_work(f, wait_ms)) {
            follower_promote_now(f, f->force);
            answer(f);
        }
        wait_ms = BACKOFF_MAX_MS;
        if (follower_is_replica(f) && !atomic_load(&f->ending)) follower_round(f, &wait_ms);
        if (!follower_is_replica(f)) (void)served_close_old(&f->slot);
    }
    follow_close(f->follow);
    repo_session_done(&f->session);
    return NULL;
}
