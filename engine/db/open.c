/* open.c — open and close a data folder.
 *   LOCK -> FORMAT -> ACKED -> row store (sequence must reach the floor) -> interrupted sessions
 * and copies -> catalogue -> sweep -> threads: loader, ticker, sealer, compaction. Each step leaves
 * the folder such that the next open can do it again. */
#include "db/children.h"
#include "db/compaction.h"
#include "db/dropped.h"
#include "db/format.h"
#include "varve_snapshot.h"

#include "base/clock.h"
#include "base/file.h"

#include <stdlib.h>
#include <unistd.h>

#define READER_TRIES    5
#define READER_PAUSE_MS 20

varve_status db_path(const varve *db, const char *name, char ret[DB_PATH_MAX], varve_error *err)
{
    return file_join(ret, DB_PATH_MAX, db->path, name, err);
}

varve_status collection_dir(const varve *db, uint32_t cid, char ret[DB_PATH_MAX], varve_error *err)
{
    char name[32];
    snprintf(name, sizeof name, "segments/%u", cid);
    return db_path(db, name, ret, err);
}

varve_status segment_file(const varve *db, uint32_t cid, uint64_t number, const char *suffix,
                          char ret[DB_PATH_MAX], varve_error *err)
{
    char name[80];
    snprintf(name, sizeof name, "segments/%u/%llu%s", cid, (unsigned long long)number, suffix);
    return db_path(db, name, ret, err);
}

static void init_locks(varve *db)
{
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_rwlock_init(&db->catalog_lock, NULL);
    pthread_mutex_init(&db->writer_lock, NULL);
    pthread_mutex_init(&db->queue_lock, NULL);
    pthread_mutex_init(&db->publish_lock, NULL);
    pthread_mutex_init(&db->copy_lock, NULL);
    dropped_init(db);
    pthread_mutex_init(&db->tick_lock, NULL);
    pthread_cond_init(&db->tick_wake, &monotonic);
    pthread_mutex_init(&db->seal_queue_lock, NULL);
    pthread_cond_init(&db->seal_wake, NULL);
    pthread_cond_init(&db->seal_done, NULL);
    pthread_mutex_init(&db->why_lock, NULL);
    pthread_condattr_destroy(&monotonic);
}

/* Ends a handle in any state of being opened. */
static void db_free(varve *db)
{
    compaction_stop(db);
    background_stop(db);
    index_loader_stop(db);
    index_loader_free(db);
    compaction_free(db);
    catalog_done(db);
    dropped_done(db);
    store_close(db->store);
    floor_close(db->floor);
    pool_free(db->pool);
    filter_cache_free(db->filters);
    lock_drop(&db->lock);
    pthread_rwlock_destroy(&db->catalog_lock);
    pthread_mutex_destroy(&db->writer_lock);
    pthread_mutex_destroy(&db->queue_lock);
    pthread_mutex_destroy(&db->publish_lock);
    pthread_mutex_destroy(&db->copy_lock);
    pthread_mutex_destroy(&db->tick_lock);
    pthread_cond_destroy(&db->tick_wake);
    pthread_mutex_destroy(&db->seal_queue_lock);
    pthread_cond_destroy(&db->seal_wake);
    pthread_cond_destroy(&db->seal_done);
    pthread_mutex_destroy(&db->why_lock);
    free(db);
}

static varve_status open_files(varve *db, uint64_t *ret_floor, varve_error *err)
{
    char path[DB_PATH_MAX];
    bool may_create = !db->options.read_only && !db->options.must_exist;
    if (may_create) VV_TRY(file_make_dir(db->path, err));
    if (!file_exists(db->path))
        return vv_fail(err, VARVE_NOT_FOUND, "there is no folder %s", db->path);
    VV_TRY(db_path(db, "FORMAT", path, err));
    if (!may_create && !file_exists(path))
        return vv_fail(err, VARVE_NOT_FOUND, "%s is not a data folder", db->path);
    if (!db->options.read_only) {
        VV_TRY(db_path(db, "LOCK", path, err));
        VV_TRY(lock_take(path, &db->lock, err));
    }
    VV_TRY(format_open(db->path, may_create, !db->options.read_only, err));
    return floor_for_open(db, ret_floor, err);
}

/* The floor file is made after the row store, so a folder that has a row store has one, or has lost
 * it. */
varve_status floor_for_open(varve *db, uint64_t *ret_floor, varve_error *err)
{
    char path[DB_PATH_MAX], rocks[DB_PATH_MAX];
    floor_state state = {0};
    VV_TRY(db_path(db, "ACKED", path, err));
    VV_TRY(db_path(db, "rocks/CURRENT", rocks, err));
    if (db->options.accept_loss) {
        varve_error ignored;
        if (floor_read(path, &state, &ignored) != VARVE_OK) state.sequence = 0;
    } else if (file_exists(path)) {
        VV_TRY(floor_read(path, &state, err));
    } else if (file_exists(rocks)) {
        return vv_fail(err, VARVE_CORRUPT,
                       "%s is missing, so nobody can tell whether the log is whole; restore a "
                       "backup, or go on "
                       "without knowing: varve fsck --accept-loss %s",
                       path, db->path);
    } else if (!db->options.read_only) {
        VV_TRY(floor_reset(path, 0, err));
    }
    /* Written within floor_ms of the commit. */
    if (state.sequence) atomic_store(&db->committed_ms, state.time_ms);
    *ret_floor = state.sequence;
    return VARVE_OK;
}

static varve_status open_store(varve *db, uint64_t floor, varve_error *err)
{
    char path[DB_PATH_MAX];
    const varve_options *o = &db->options;
    store_options options = {.read_only = o->read_only,
                             .block_cache_bytes = o->block_cache_bytes,
                             .row_buffer_bytes = o->row_buffer_bytes,
                             .log_keep_bytes = o->log_keep_bytes,
                             .log_keep_ms = o->log_keep_ms,
                             .floor = floor,
                             .accept_loss = o->accept_loss};
    store_opened opened;
    VV_TRY(db_path(db, "rocks", path, err));
    VV_TRY(store_open(path, &options, &db->store, &opened, err));
    atomic_store(&db->acknowledged, opened.sequence);
    if (o->read_only) return VARVE_OK;
    VV_TRY(file_sync_dir(db->path, err)); /* the name rocks/, when it is new */
    VV_TRY(db_path(db, "ACKED", path, err));
    floor_state state = {.slots_good = 2};
    if (file_exists(path) && !o->accept_loss) VV_TRY(floor_read(path, &state, err));
    /* A slot torn by a power cut is mended at once: the other one must not stay the only one. */
    if (o->accept_loss || state.slots_good < 2) VV_TRY(floor_reset(path, opened.sequence, err));
    return floor_open(path, &db->floor, err);
}

/* A reader beside an owner opens all files at once: what it has mapped stays, also when the owner's
 * compaction replaces it. Files that are gone already: what was read of the manifest is too old. */
static varve_status load_for_reader(varve *db, varve_error *err)
{
    varve_collection **all = NULL;
    size_t count = 0;
    VV_TRY(catalog_all(db, &all, &count, err));
    varve_status status = VARVE_OK;
    for (size_t i = 0; i < count; i++) {
        if (status == VARVE_OK) status = collection_ready(all[i], err);
        varve_collection_release(all[i]);
    }
    free(all);
    return status == VARVE_CORRUPT ? VARVE_CONFLICT : status;
}

static varve_status open_all(varve *db, varve_error *err)
{
    uint64_t floor = 0;
    VV_TRY(open_files(db, &floor, err));
    db->floor_found = floor;
    VV_TRY(open_store(db, floor, err));
    if (db->options.read_only) {
        bool pending = false;
        VV_TRY(sessions_pending(db->store, &pending, err));
        if (db->check_pending) {
            *db->check_pending = pending;
        } else if (pending) {
            return vv_fail(err, VARVE_CONFLICT,
                           "a session is being committed, or was interrupted while it was; "
                           "try again, or open the folder once for writing");
        }
    } else {
        VV_TRY(sessions_recover(db, err));
        VV_TRY(copies_undo(db, err));
    }
    VV_TRY(catalog_load(db, err));
    if (!db->options.read_only) VV_TRY(sweep_files(db, err));
    size_t threads = db->options.search_threads;
    if (threads == 0) threads = (size_t)VV_MAX(1, sysconf(_SC_NPROCESSORS_ONLN));
    if (threads > 1) VV_TRY(pool_new(threads - 1, 4096, "varve-search", &db->pool, err));
    if (db->options.filter_cache_bytes)
        VV_TRY(filter_cache_new(db->options.filter_cache_bytes, &db->filters, err));
    db_watch_space(db);
    VV_TRY(index_loader_start(db, err));
    if (db->options.read_only)
        return db->check_pending || db->last_try ? VARVE_OK : load_for_reader(db, err);
    VV_TRY(background_start(db, err));
    return compaction_start(db, err);
}

static varve_status db_open(const char *path, const varve_options *options, varve *older,
                            bool *check_pending, bool last_try, varve **ret_db, varve_error *err)
{
    if (!path || !*path) return vv_fail(err, VARVE_INVALID, "path: a folder is expected");
    if (strlen(path) > DB_PATH_MAX / 2)
        return vv_fail(err, VARVE_LIMIT, "path: more than %d bytes", DB_PATH_MAX / 2);
    varve *db = calloc(1, sizeof *db);
    if (!db) return vv_fail(err, VARVE_NO_MEMORY, "no memory for a folder handle");
    snprintf(db->path, sizeof db->path, "%s", path);
    db->options = *options;
    db->check_pending = check_pending;
    db->last_try = last_try;
    db->older = older;
    db->lock = LOCK_FILE_NONE;
    db->next_collection_id = 1;
    init_locks(db);
    hashmap_init(&db->databases);
    hashmap_init(&db->collections);
    varve_status status = open_all(db, err);
    db->older = NULL;
    if (status != VARVE_OK) {
        db_free(db);
        return status;
    }
    *ret_db = db;
    return VARVE_OK;
}

static varve_status open_with(const char *path, const varve_options *options, varve *older,
                              varve **ret_db, varve_error *err)
{
    varve_options defaults;
    varve_status status = VARVE_OK;
    varve_options_init(&defaults);
    if (!options) options = &defaults;
    /* A reader may meet an owner in the middle of something. At last it takes what it can have: a
     * collection with a file that is missing for good then says so when it is used. */
    for (int tries = options->read_only ? READER_TRIES : 1; tries > 0; tries--) {
        status = db_open(path, options, older, NULL, tries == 1, ret_db, err);
        if (status != VARVE_CONFLICT) return status;
        if (tries > 1) clock_sleep_ms(READER_PAUSE_MS);
    }
    return status;
}

varve_status varve_open(const char *path, const varve_options *options, varve **ret_db,
                        varve_error *err)
{
    return open_with(path, options, NULL, ret_db, err);
}

varve_status varve_open_newer(const char *path, const varve_options *options, varve *older,
                              varve **ret_db, varve_error *err)
{
    if (!options || !options->read_only || (older && !older->options.read_only))
        return vv_fail(err, VARVE_INVALID, "only readers share what they have open");
    if (older && strcmp(older->path, path) != 0)
        return vv_fail(err, VARVE_INVALID, "%s is not the folder of the earlier reader, %s", path,
                       older->path);
    return open_with(path, options, older, ret_db, err);
}

varve_status db_open_for_check(const char *path, varve **ret_db, bool *ret_pending,
                               varve_error *err)
{
    varve_options options;
    varve_options_init(&options);
    options.read_only = true;
    return db_open(path, &options, NULL, ret_pending, true, ret_db, err);
}

/* ---- flush, checkpoint, close */

varve_status varve_flush(varve *db, varve_error *err)
{
    if (db->options.read_only) return VARVE_OK;
    VV_TRY(db_check_writable(db, false, err));
    pthread_mutex_lock(&db->writer_lock);
    atomic_store(&db->unsynced, false);
    uint64_t sequence = store_sequence(db->store);
    varve_status status = db_note_failure(db, store_sync_log(db->store, err), err);
    if (status == VARVE_OK) atomic_store(&db->acknowledged, sequence);
    pthread_mutex_unlock(&db->writer_lock);
    return status;
}

static varve_status checkpoint_collection(varve_collection *c, varve_error *err)
{
    if (!atomic_load(&c->loaded) || atomic_load(&c->dropped)) return VARVE_OK;
    pthread_mutex_lock(&c->db->writer_lock);
    if (c->active && memtable_rows(c->active) >= c->db->options.seal_rows_min) collection_freeze(c);
    pthread_mutex_unlock(&c->db->writer_lock);
    return seal_collection(c, err);
}

varve_status varve_collection_checkpoint(varve_collection *c, varve_error *err)
{
    VV_TRY(varve_flush(c->db, err));
    if (c->db->options.read_only) return VARVE_OK;
    VV_TRY(collection_ready(c, err));
    VV_CLEANUP(child_list_done) child_list children = {0};
    VV_TRY(children_take(c, &children, err));
    VV_TRY(checkpoint_collection(c, err));
    for (size_t i = 0; i < children.count; i++)
        VV_TRY(checkpoint_collection(children.all[i], err));
    return VARVE_OK;
}

varve_status varve_checkpoint(varve *db, varve_error *err)
{
    varve_collection **all = NULL;
    size_t count = 0;
    VV_TRY(varve_flush(db, err));
    if (db->options.read_only) return VARVE_OK;
    VV_TRY(catalog_all(db, &all, &count, err));
    varve_status status = VARVE_OK;
    for (size_t i = 0; i < count; i++) {
        if (status == VARVE_OK) status = checkpoint_collection(all[i], err);
        varve_collection_release(all[i]);
    }
    free(all);
    if (status == VARVE_OK) status = db_note_failure(db, store_flush(db->store, err), err);
    return status;
}

varve_status varve_close(varve *db, varve_error *err)
{
    if (!db) return VARVE_OK;
    compaction_stop(db);
    background_stop(db);
    varve_status status = VARVE_OK;
    if (!db->options.read_only && atomic_load(&db->broken)) {
        status =
            db_check_writable(db, false, err); /* says why; what was acknowledged is in the log */
    } else if (!db->options.read_only) {
        status = varve_checkpoint(db, err);
        if (status == VARVE_OK)
            status = floor_write(db->floor, atomic_load(&db->acknowledged), err);
    }
    db_free(db);
    return status;
}

void varve_abandon(varve *db)
{
    if (db) db_free(db);
}
