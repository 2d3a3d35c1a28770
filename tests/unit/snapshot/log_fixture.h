/* log_fixture.h — an open folder under random work (db_model.h), its snapshots and its log in a
 * repository, and the model as it was at many moments: for the tests of ship.h and pitr.h. */
#ifndef SNAPSHOT_LOG_FIXTURE_H
#define SNAPSHOT_LOG_FIXTURE_H

#include "../db/snapshot_fixture.h"

#include "backup.h"
#include "base/clock.h"
#include "pitr.h"
#include "remote_memory.h"
#include "ship.h"
#include "wal_object.h"

#include <time.h>

#define LOG_DB      "00000000-0000-4000-8000-0000000000db"
#define LOG_HOLDER  "00000000-0000-4000-8000-00000000aaaa"
#define LOG_OTHER   "00000000-0000-4000-8000-00000000bbbb"
#define MOMENTS_MAX 400

typedef struct moment {
    uint64_t sequence, time_ms; /* no batch up to it is later, and all behind it are */
    model m;
} moment;

typedef struct voyage {
    scene s;
    remote_memory *store; /* NULL: a folder */
    remote *remote;
    remote_memory_hook hook;
    void *hook_arg;
    secret_source secret; /* passphrase NULL: not encrypted */
    repo *repo;
    lease lease;
    ship *ship;
    uint64_t step_bytes; /* of an object of the log */
    bool busy;           /* there is work besides the test's own: compactions */
    char state[320], target[320];
    moment *moments;
    size_t moment_count;
    uint64_t gap_from[256], gap_to[256]; /* sequence numbers between are in no object */
    size_t gap_count, objects, kills;
    random_state random;
} voyage;

static inline void voyage_open_repo(voyage *v)
{
    char path[320];
    scene *s = &v->s;
    const repo_options options = {
        .db_id = LOG_DB, .create = true, .secret = v->secret.passphrase ? &v->secret : NULL};
    if (v->store)
        v->remote = remote_open_memory(v->store, v->hook, v->hook_arg);
    else
        ok(s, remote_open_folder(beside(s, "repo", path), true, NULL, &v->remote, &s->err));
    ok(s, repo_open(v->remote, &options, &v->repo, &s->err));
    const lease_options lease = {.holder = LOG_HOLDER, .lsn = 0};
    ok(s, lease_take(v->repo, &lease, &v->lease, &s->err));
}

static inline void voyage_close_repo(voyage *v)
{
    repo_close(v->repo);
    remote_close(v->remote);
}

static inline ship_options voyage_ship_options(voyage *v)
{
    return (ship_options){.db = v->s.db,
                          .folder = v->s.path,
                          .lease = &v->lease,
                          .state = v->state,
                          .step_bytes = v->step_bytes};
}

static inline void voyage_open_ship(voyage *v)
{
    const ship_options options = voyage_ship_options(v);
    ok(&v->s, ship_open(v->repo, &options, &v->ship, &v->s.err));
}

static inline void voyage_begin(voyage *v, uint64_t seed, bool in_memory, const char *passphrase)
{
    memset(v, 0, sizeof *v);
    v->step_bytes = 2000;
    v->secret = (secret_source){.passphrase = passphrase, .scrypt_log2n = 4};
    v->moments = calloc(MOMENTS_MAX, sizeof *v->moments);
    if (in_memory) v->store = remote_memory_new();
    random_seed(&v->random, seed);
    scene_begin(&v->s, seed);
    scene_close(&v->s, true);
    v->s.options.log_keep_ms = 3600000;
    v->s.options.session_memory_max = 1 << 20; /* none goes past the log */
    scene_open(&v->s);
    (void)beside(&v->s, "state", v->state);
    (void)beside(&v->s, "restored", v->target);
    voyage_open_repo(v);
    voyage_open_ship(v);
}

static inline void voyage_end(voyage *v)
{
    ship_close(v->ship);
    voyage_close_repo(v);
    remote_memory_free(v->store);
    free(v->moments);
    scene_end(&v->s);
}

static inline uint64_t voyage_sequence(voyage *v)
{
    varve_folder_stats stats;
    varve_stats(v->s.db, &stats);
    return stats.sequence;
}

#define COLLECTIONS_MAX 32

/* What a manifest says of the collections of a copy. */
typedef struct collection_list {
    manifest_collection items[COLLECTIONS_MAX];
    char names[COLLECTIONS_MAX][64];
    size_t count;
} collection_list;

static inline void voyage_describe(voyage *v, varve *db, const char *name, collection_list *l)
{
    varve_collection *c = NULL;
    varve_collection_stats of;
    assert_true(l->count < COLLECTIONS_MAX);
    ok(&v->s, varve_collection_open(db, "default", name, &c, &v->s.err));
    ok(&v->s, varve_collection_get_stats(c, &of, &v->s.err));
    varve_collection_release(c);
    snprintf(l->names[l->count], sizeof l->names[0], "%s", name);
    l->items[l->count] = (manifest_collection){.id = of.id,
                                               .database = "default",
                                               .name = l->names[l->count],
                                               .rows = of.rows_live,
                                               .deleted = of.rows_deleted};
    l->count++;
}

static inline void voyage_collections(voyage *v, const char *path, collection_list *l)
{
    varve *db = NULL;
    varve_names *names = NULL;
    varve_options o = v->s.options;
    l->count = 0;
    o.read_only = true;
    ok(&v->s, varve_open(path, &o, &db, &v->s.err));
    ok(&v->s, varve_collection_list(db, "default", &names, &v->s.err));
    for (size_t i = 0; i < varve_names_count(names); i++)
        voyage_describe(v, db, varve_names_get(names, i), l);
    varve_names_free(names);
    ok(&v->s, varve_close(db, &v->s.err));
}

static inline object_name voyage_snapshot(voyage *v)
{
    char copy[320];
    varve_checkpoint_info info;
    scene *s = &v->s;
    backup_result made = {0};
    ok(s, varve_checkpoint_to(s->db, beside(s, "copy", copy), &info, &s->err));
    collection_list all;
    voyage_collections(v, copy, &all);
    const backup_options options = {.folder = copy,
                                    .sequence = info.sequence,
                                    .commit_ms = info.time_ms,
                                    .storage_format = 1,
                                    .collections = all.items,
                                    .collection_count = all.count,
                                    .lease = &v->lease};
    ok(s, backup_run(v->repo, &options, &made, &s->err));
    ok(s, file_remove_tree(copy, &s->err));
    return made.snapshot;
}

/* Ship what there is; a gap is bridged by a snapshot. */
static inline void voyage_ship_all(voyage *v)
{
    scene *s = &v->s;
    ship_result r = {0};
    ok(s, varve_flush(s->db, &s->err));
    for (;;) {
        varve_status status = ship_step(v->ship, &r, &s->err);
        if (status == VARVE_NOT_FOUND) {
            assert_non_null(strstr(s->err.message, "snapshot"));
            (void)voyage_snapshot(v);
            continue;
        }
        ok(s, status);
        if (r.bridged) {
            assert_true(v->gap_count < VV_COUNT(v->gap_from));
            v->gap_to[v->gap_count++] = r.first;
        }
        if (!r.last) break;
        v->objects++;
    }
    if (!v->busy) assert_int_equal(r.shipped, r.written);
}

static inline void voyage_pause(void)
{
    const struct timespec t = {.tv_nsec = 2000000};
    (void)nanosleep(&t, NULL);
}

static inline void voyage_note(voyage *v)
{
    assert_true(v->moment_count < MOMENTS_MAX);
    ok(&v->s, varve_flush(v->s.db, &v->s.err));
    voyage_pause();
    v->moments[v->moment_count++] =
        (moment){.sequence = voyage_sequence(v), .time_ms = clock_wall_ms(), .m = v->s.m};
    voyage_pause();
}

static inline varve_status voyage_restore(voyage *v, pitr_target target, uint64_t value,
                                          pitr_result *ret)
{
    const pitr_options options = {
        .target = target, .lsn = value, .time_ms = value, .folder = v->target, .threads = 1};
    return pitr_run(v->repo, &options, ret, &v->s.err);
}

/* The restored folder is as the model was; it goes again. */
static inline void voyage_expect(voyage *v, const model *m)
{
    char other[400];
    assert_folder(&v->s, v->target, m, true);
    ok(&v->s, file_remove_tree(v->target, &v->s.err));
    snprintf(other, sizeof other, "%s.pitr-tmp", v->target);
    assert_false(file_exists(other));
}

#endif
