/* verb_backup_ship.c — `varve backup ship`: the log of a data folder into a repository, until it is
 * all there, or for as long as the command runs.
 *
 * The command owns the folder meanwhile. A server that owns it ships its log itself. */
#include "backup_order.h"
#include "backup_show.h"
#include "place.h"
#include "text.h"

#include "base/clock.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define PATH_BYTES_MAX 4096
#define LOG_KEEP_MS    UINT64_C(86400000)

static const flag flags[] = {
    REPOSITORY_FLAGS,
    {"once", FLAG_ONCE, NULL, "end when all of it is there"},
    {"interval", FLAG_INTERVAL, "SECONDS", "between two looks (default: 1)"},
    {"new-timeline", FLAG_NEW_TIMELINE, NULL,
     "begin one: the folder was put back to an older state"},
    {"take-over", FLAG_TAKE_OVER, NULL, "although another writer's lease lasts: he is known gone"},
    {"json", FLAG_JSON, NULL, "a JSON object per object of the log"},
    {NULL, 0, NULL, NULL}};

typedef struct order {
    backup_order common;
    bool once, new_timeline, take_over;
    uint64_t interval_s;
} order;

/* ---- shipping ------------------------------------------------------------------------------ */

typedef struct voyage {
    const order *o;
    varve *db;
    lease lease;
    bool leased;
    ship *ship;
    sigset_t ending; /* signals that end it; blocked */
    bool told;       /* that a snapshot is needed */
} voyage;

static void voyage_done(voyage *v)
{
    varve_status ignored = VARVE_OK;
    ship_close(v->ship);
    if (v->leased) ignored = lease_drop(&v->lease, NULL);
    (void)ignored;
    if (v->db) varve_abandon(v->db);
}

static void show_step(const ship_result *r, bool json)
{
    char time[32];
    if (json) {
        backup_show_json(json_pack(
            "{s:I,s:I,s:I,s:I,s:I,s:I,s:b,s:I,s:I}", "first", (json_int_t)r->first, "last",
            (json_int_t)r->last, "batches", (json_int_t)r->batches, "bytes", (json_int_t)r->bytes,
            "files", (json_int_t)r->files, "files_new", (json_int_t)r->files_new, "bridged",
            r->bridged, "lag", (json_int_t)(r->written - r->shipped), "time_unix_ms",
            (json_int_t)r->time_ms));
        return;
    }
    clock_wall_text(r->time_ms, time, sizeof time);
    printf("sequences %llu to %llu: %llu batches, %llu bytes, %llu new files%s\n",
           (unsigned long long)r->first, (unsigned long long)r->last,
           (unsigned long long)r->batches, (unsigned long long)r->bytes,
           (unsigned long long)r->files_new, r->bridged ? "; a snapshot bridges a gap" : "");
}

/* true: a signal says that this is the end. */
static bool wait_for_next(const voyage *v)
{
    const struct timespec step = {.tv_sec = (time_t)v->o->interval_s};
    return sigtimedwait(&v->ending, NULL, &step) > 0;
}

static bool is_asked_to_end(void *arg)
{
    sigset_t pending;
    (void)arg;
    (void)sigpending(&pending);
    return sigismember(&pending, SIGINT) || sigismember(&pending, SIGTERM);
}

/* Without --once a gap is waited out: somebody may take a snapshot. */
static varve_status step(voyage *v, ship_result *ret, varve_error *err)
{
    varve_status status = ship_step(v->ship, ret, err);
    if (status != VARVE_NOT_FOUND || v->o->once) return status;
    if (!v->told) fprintf(stderr, "varve backup ship: %s\n", err->message);
    v->told = true;
    *ret = (ship_result){0};
    return VARVE_OK;
}

static varve_status sail(voyage *v, varve_error *err)
{
    for (;;) {
        ship_result r = {0};
        VV_TRY(step(v, &r, err));
        if (r.last) show_step(&r, v->o->common.json);
        (void)fflush(stdout); /* somebody may read along */
        if (r.last) v->told = false;
        if (r.last && r.shipped < r.written) continue;
        if (v->o->once || wait_for_next(v)) return VARVE_OK;
    }
}

/* ---- before -------------------------------------------------------------------------------- */

static varve_status take_lease(voyage *v, repo *r, const backup_identity *who, varve_error *err)
{
    varve_folder_stats stats;
    varve_stats(v->db, &stats);
    bool branch = v->o->new_timeline;
    const lease_options options = {.holder = who->holder,
                                   .lsn = branch ? stats.sequence
                                                 : backup_identity_branch(who, stats.sequence),
                                   .reason = branch ? "restored" : NULL,
                                   .force = v->o->take_over,
                                   .branch = branch};
    VV_TRY(lease_take(r, &options, &v->lease, err));
    v->leased = true;
    return VARVE_OK;
}

static varve_status open_ship(voyage *v, repo *r, varve_error *err)
{
    char name[64], state[PATH_BYTES_MAX];
    snprintf(name, sizeof name, "ship-%s", r->repo_id);
    VV_TRY(backup_path(v->o->common.repository.folder, name, state, sizeof state, err));
    const ship_options options = {.db = v->db,
                                  .folder = v->o->common.repository.folder,
                                  .lease = &v->lease,
                                  .state = state,
                                  .cancel = {is_asked_to_end, NULL}};
    return ship_open(r, &options, &v->ship, err);
}

static varve_status open_folder(const char *path, varve **ret, varve_error *err)
{
    varve_options options;
    varve_options_init(&options);
    options.must_exist = true;
    options.log_keep_ms = LOG_KEEP_MS;
    return varve_open(path, &options, ret, err);
}

static varve_status close_folder(voyage *v, varve_error *err)
{
    varve *db = v->db;
    ship_close(v->ship);
    v->ship = NULL;
    v->db = NULL;
    return varve_close(db, err);
}

static varve_status run_ship(const order *o, varve_error *err)
{
    VV_CLEANUP(repository_done) repository_session session = {0};
    VV_CLEANUP(voyage_done) voyage v = {.o = o};
    backup_identity who;
    (void)sigemptyset(&v.ending);
    (void)sigaddset(&v.ending, SIGINT);
    (void)sigaddset(&v.ending, SIGTERM);
    (void)sigprocmask(SIG_BLOCK, &v.ending, NULL); /* before there are threads */
    VV_TRY(open_folder(o->common.repository.folder, &v.db, err));
    VV_TRY(
        backup_identity_make(o->common.repository.folder, o->common.repository.db_id, &who, err));
    VV_TRY(repository_open_or_create(&o->common.repository, who.db_id, &session, err));
    VV_TRY(take_lease(&v, session.repo, &who, err));
    VV_TRY(open_ship(&v, session.repo, err));
    varve_status status = sail(&v, err);
    if (status == VARVE_CANCELLED) status = VARVE_OK; /* by a signal */
    VV_TRY(status);
    return close_folder(&v, err);
}

/* ---- command line -------------------------------------------------------------------------- */

static int take_flag(void *arg, const verb *self, int key, const char *value)
{
    order *o = arg;
    switch (key) {
    case FLAG_ONCE: o->once = true; return VERB_OK;
    case FLAG_NEW_TIMELINE: o->new_timeline = true; return VERB_OK;
    case FLAG_TAKE_OVER: o->take_over = true; return VERB_OK;
    case FLAG_INTERVAL:
        if (text_to_u64(value, strlen(value), &o->interval_s) && o->interval_s >= 1 &&
            o->interval_s <= 86400)
            return VERB_OK;
        return verb_usage(self, "--interval is 1 to 86400 seconds, not '%s'", value);
    default: return VERB_USAGE;
    }
}

static int run(const verb *self, int argc, char **argv)
{
    order o = {.common.needs_folder = true, .interval_s = 1};
    varve_error err = {0};
    int code = backup_order_read(self, argc, argv, &o.common, take_flag, &o);
    if (code != VERB_OK) return code;
    return run_ship(&o, &err) == VARVE_OK ? VERB_OK : verb_fail(self, &err);
}

const verb verb_backup_ship = {
    "backup ship",
    "The log of a folder into a repository, for restores to any moment",
    "FOLDER --repo URL|PATH [--once|--interval SECONDS]",
    "Begins behind the newest snapshot (varve backup create), or where the last run ended. The\n"
    "folder is owned meanwhile. Where the log has a gap, only a new snapshot bridges it: with\n"
    "--once that is an error, otherwise it is said and waited for. Ends at SIGINT and SIGTERM.",
    flags,
    run};
