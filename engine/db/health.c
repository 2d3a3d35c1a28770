/* health.c — may this folder be written to? After an I/O error no write goes on until the folder is
 * reopened: an fsync that failed once says nothing when it succeeds the next time (reliability F7).
 * Out of space heals by itself. */
#include "db/db.h"

#include "base/file.h"

#include <stdio.h>

static void set_why(varve *db, const char *text)
{
    pthread_mutex_lock(&db->why_lock);
    snprintf(db->why, sizeof db->why, "%.127s", text);
    pthread_mutex_unlock(&db->why_lock);
}

varve_status db_check_writable(varve *db, bool inserting, varve_error *err)
{
    if (db->options.read_only)
        return vv_fail(err, VARVE_READ_ONLY, "the folder is open for reading only");
    if (atomic_load(&db->broken)) {
        char why[sizeof db->why];
        pthread_mutex_lock(&db->why_lock);
        snprintf(why, sizeof why, "%s", db->why);
        pthread_mutex_unlock(&db->why_lock);
        return vv_fail(err, VARVE_IO, "writes are refused until the folder is reopened, after: %s",
                       why);
    }
    if (atomic_load(&db->gone))
        return vv_fail(err, VARVE_IO, "the data folder is gone: it was renamed or removed");
    if (inserting && atomic_load(&db->low_space)) {
        db_watch_space(db);
        if (atomic_load(&db->low_space))
            return vv_fail(
                err, VARVE_NO_SPACE,
                "free disk space is below disk_reserve_bytes %llu; delete and compact still work",
                (unsigned long long)db->options.disk_reserve_bytes);
    }
    return VARVE_OK;
}

varve_status db_note_failure(varve *db, varve_status status, const varve_error *err)
{
    if (status == VARVE_OK) return status;
    if (store_is_broken(db->store) || status == VARVE_IO || status == VARVE_CORRUPT) {
        set_why(db, err ? err->message : "an I/O error");
        atomic_store(&db->broken, true);
    } else if (status == VARVE_NO_SPACE) {
        atomic_store(&db->low_space, true);
        set_why(db, "no space left");
    }
    return status;
}

void db_break(varve *db, const varve_error *err)
{
    if (atomic_exchange(&db->broken, true)) return;
    set_why(db, err ? err->message : "an I/O error");
}

void db_watch_space(varve *db)
{
    uint64_t free_bytes;
    varve_error ignored;
    char lock_path[DB_PATH_MAX];
    if (!db->options.read_only && db_path(db, "LOCK", lock_path, &ignored) == VARVE_OK) {
        bool gone = !lock_names(&db->lock, lock_path);
        if (gone && !atomic_load(&db->gone)) set_why(db, "the data folder is gone");
        atomic_store(&db->gone, gone);
    }
    if (file_free_space(db->path, &free_bytes, &ignored) != VARVE_OK) return;
    atomic_store(&db->disk_free, free_bytes);
    bool low = free_bytes < db->options.disk_reserve_bytes;
    if (low && !atomic_load(&db->low_space))
        set_why(db, "free disk space is below disk_reserve_bytes");
    atomic_store(&db->low_space, low);
}
