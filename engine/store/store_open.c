/* store_open.c — open and close (for reading: store_reader.c). The decisions of an open for
 * writing, in their order:
 *
 *   a repair cut off between its renames?     end it
 *   folder beheaded (data without CURRENT)?   refuse: RocksDB would make a new store over it
 *   folder empty, but a floor above 0?        refuse, unless the loss is accepted
 *   damage that RocksDB does not see?         store_repair(), then open in mode 0
 *   open in mode 0; damaged?                  store_repair(), then open in mode 0 again
 *   sequence below the floor?                 refuse, unless the loss is accepted
 *   a log left from the last life?            flush it */
#include "base/file.h"
#include "store/store_private.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

uint64_t store_sequence(store *s) { return rocksdb_get_latest_sequence_number(s->db); }

bool store_is_broken(store *s) { return atomic_load(&s->broken); }

/* Also for a half-made handle. Family handles go before the database: with assertions on, the other
 * order ends the process. */
void store_close(store *s)
{
    if (!s) return;
    if (s->db) {
        for (size_t f = 0; f < STORE_FAMILIES; f++)
            if (s->families[f]) rocksdb_column_family_handle_destroy(s->families[f]);
        rocksdb_column_family_handle_destroy(s->standard);
        rocksdb_close(s->db);
        if (!s->read_only) store_manifest_guard(s->path);
    }
    if (s->read) rocksdb_readoptions_destroy(s->read);
    if (s->write_synced) rocksdb_writeoptions_destroy(s->write_synced);
    if (s->write_logged) rocksdb_writeoptions_destroy(s->write_logged);
    store_options_done(&s->options);
    pthread_mutex_destroy(&s->ingest_lock);
    free(s->path);
    free(s);
}

static void closep(store **s) { store_close(*s); }

static store *take_store(store **s)
{
    store *taken = *s;
    *s = NULL;
    return taken;
}

static varve_status alloc_store(const char *path, const store_options *options, log_mode mode,
                                store **ret, varve_error *err)
{
    VV_CLEANUP(closep) store *s = calloc(1, sizeof *s);
    if (s) pthread_mutex_init(&s->ingest_lock, NULL);
    if (s) s->path = strdup(path);
    if (!s || !s->path) return vv_fail(err, VARVE_NO_MEMORY, "no memory to open %s", path);
    s->read_only = options->read_only;
    VV_TRY(store_options_make(options, mode, &s->options, err));
    s->read = rocksdb_readoptions_create();
    s->write_synced = rocksdb_writeoptions_create();
    s->write_logged = rocksdb_writeoptions_create();
    rocksdb_writeoptions_set_sync(s->write_synced, 1);
    *ret = take_store(&s);
    return VARVE_OK;
}

static bool is_wanted(const store_options *options, size_t family)
{
    return !options->catalog_only || family == STORE_CATALOG || family == STORE_META;
}

/* A reader may leave families out: what the log holds of them is passed over. */
varve_status store_open_mode(const char *path, const store_options *options, log_mode mode,
                             store **ret, varve_error *err)
{
    VV_CLEANUP(closep) store *s = NULL;
    VV_TRY(alloc_store(path, options, mode, &s, err));
    const char *names[STORE_ROCKS_FAMILIES] = {store_family_names[0]};
    const rocksdb_options_t *families[STORE_ROCKS_FAMILIES] = {s->options.families[0]};
    rocksdb_column_family_handle_t *handles[STORE_ROCKS_FAMILIES];
    char *message = NULL;
    int count = 1;
    for (size_t f = 0; f < STORE_FAMILIES; f++) {
        if (!is_wanted(options, f)) continue;
        names[count] = store_family_names[f + 1];
        families[count++] = s->options.families[f + 1];
    }
    /* The handles mean something only when the open succeeded. */
    if (options->read_only)
        s->db = rocksdb_open_for_read_only_column_families(s->options.database, path, count, names,
                                                           families, handles, 0, &message);
    else
        s->db = rocksdb_open_column_families(s->options.database, path, count, names, families,
                                             handles, &message);
    if (message) {
        s->db = NULL;
        return store_fail_open(message, "open the row store", err);
    }
    s->standard = handles[0];
    count = 1;
    for (size_t f = 0; f < STORE_FAMILIES; f++)
        if (is_wanted(options, f)) s->families[f] = handles[count++];
    *ret = take_store(&s);
    return VARVE_OK;
}

/* ---- for writing --------------------------------------------------------------------------- */

static varve_status open_whole(const char *path, const store_options *options, store **ret,
                               bool *ret_repaired, varve_error *err)
{
    store_damage damage;
    VV_TRY(store_check_tables(path, err));
    VV_TRY(store_sync_logs(path, err));
    varve_status status = store_look(path, &damage);
    if (status == VARVE_OK)
        status = store_open_mode(path, options, LOG_TOLERATE_TORN_TAIL, ret, &damage.why);
    if (status == VARVE_CORRUPT) {
        VV_TRY(store_repair(path, options, &damage, err));
        *ret_repaired = true;
        return store_open_mode(path, options, LOG_TOLERATE_TORN_TAIL, ret, err);
    }
    if (status != VARVE_OK) vv_error_set(err, status, "%s", damage.why.message);
    return status;
}

static varve_status open_writer(const char *path, const store_options *options, store **ret,
                                bool *ret_repaired, varve_error *err)
{
    folder_state state;
    VV_TRY(store_repair_resume(path, err));
    VV_TRY(store_folder_state(path, &state, err));
    if (state == FOLDER_BEHEADED)
        return vv_fail(err, VARVE_CORRUPT,
                       "%s holds data but no file CURRENT that says which; restore a backup", path);
    if (state == FOLDER_WHOLE) return open_whole(path, options, ret, ret_repaired, err);
    VV_TRY(store_check_floor(path, 0, options, err));
    return store_open_mode(path, options, LOG_TOLERATE_TORN_TAIL, ret, err);
}

/* The log of the last life is turned into tables at once: only closed logs of this life are tracked
 * by RocksDB, so a file of an older one could vanish unnoticed. On a full disk it stays. */
static varve_status settle(store *s, varve_error *err)
{
    varve_error local = {0};
    if (s->read_only || store_log_bytes(s) == 0) return VARVE_OK;
    varve_status status = store_flush(s, &local);
    if (status == VARVE_OK || status == VARVE_NO_SPACE) return VARVE_OK;
    return vv_fail(err, status, "%s", local.message);
}

varve_status store_open(const char *path, const store_options *options, store **ret,
                        store_opened *ret_opened, varve_error *err)
{
    VV_CLEANUP(closep) store *s = NULL;
    store_opened opened = {0};
    if (options->read_only)
        VV_TRY(store_open_reader(path, options, &s, err));
    else
        VV_TRY(open_writer(path, options, &s, &opened.repaired, err));
    opened.sequence = store_sequence(s);
    VV_TRY(store_check_floor(path, opened.sequence, options, err));
    VV_TRY(settle(s, err));
    if (!s->read_only) store_manifest_guard(path);
    *ret = take_store(&s);
    if (ret_opened) *ret_opened = opened;
    return VARVE_OK;
}
