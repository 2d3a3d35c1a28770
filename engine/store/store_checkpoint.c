/* store_checkpoint.c — a store of its own with the state of one moment, by hard links.
 *
 * The log of a busy store holds up to twice the write buffer. Writing that buffer to a table first
 * would take as long as the log is large, and copying the log as well; RocksDB links closed logs,
 * though, and copies only the open one. So a large one is closed by a flush of the smallest family,
 * which every commit writes a few bytes to, and what is copied is what came in since. (A small one
 * is not: closed logs stay until all families are flushed.)
 *
 * RocksDB takes the list of tables at one moment and the log at a later one. Batches are in the
 * log, so the later moment is that of the checkpoint; files taken in between the two would be
 * missing, though the batch that follows them is there. So nothing is taken in meanwhile
 * (ingest_lock). */
#include "base/fault.h"
#include "store/store_private.h"

#include <limits.h>
#include <stdlib.h>
#include <sys/stat.h>

/* An open log up to this size is copied. */
#define COPIED_LOG_BYTES (4 << 20)

static bool open_log_is_large(const store *s)
{
    char file[PATH_MAX];
    struct stat st;
    VV_CLEANUP(file_names_free) file_names logs = {0};
    if (store_list_logs(s->path, &logs, NULL) != VARVE_OK || logs.count == 0) return true;
    if (file_join(file, sizeof file, s->path, logs.names[logs.count - 1], NULL) != VARVE_OK)
        return true;
    return stat(file, &st) != 0 || st.st_size > COPIED_LOG_BYTES;
}

static varve_status close_log(store *s, varve_error *err)
{
    char *message = NULL;
    rocksdb_flushoptions_t *options = rocksdb_flushoptions_create(); /* waits by default */
    rocksdb_flush_cf(s->db, options, s->families[STORE_META], &message);
    rocksdb_flushoptions_destroy(options);
    return message ? store_fail_write(s, message, "close the log", err) : VARVE_OK;
}

/* RocksDB passes over an empty log, and would take the closed one for the open one. A note takes no
 * sequence number. */
static varve_status begin_log(store *s, varve_error *err)
{
    static const char note[] = "checkpoint";
    char *message = NULL;
    rocksdb_writebatch_t *batch = rocksdb_writebatch_create();
    rocksdb_writebatch_put_log_data(batch, note, sizeof note - 1);
    rocksdb_write(s->db, s->write_logged, batch, &message);
    rocksdb_writebatch_destroy(batch);
    return message ? store_fail_write(s, message, "begin a log", err) : VARVE_OK;
}

static varve_status checkpoint_owned(store *s, const char *path, varve_error *err)
{
    char *message = NULL;
    VV_TRY(store_check_log(s, err));
    if (open_log_is_large(s)) {
        VV_TRY(close_log(s, err));
        VV_TRY(begin_log(s, err));
    }
    pthread_mutex_lock(&s->ingest_lock);
    rocksdb_checkpoint_t *checkpoint = rocksdb_checkpoint_object_create(s->db, &message);
    if (!message) rocksdb_checkpoint_create(checkpoint, path, UINT64_MAX, &message);
    if (checkpoint) rocksdb_checkpoint_object_destroy(checkpoint);
    pthread_mutex_unlock(&s->ingest_lock);
    return message ? store_fail_open(message, "make a checkpoint", err) : VARVE_OK;
}

/* ---- of a store that somebody else may own ------------------------------------------------- */

static void free_names(const char ***names) { free((void *)*names); }

static varve_status link_files(const store *s, const char *path, varve_error *err)
{
    char archive[PATH_MAX];
    VV_CLEANUP(file_names_free) file_names n = {0};
    VV_CLEANUP(free_names) const char **copied = NULL;
    size_t count = 0;
    VV_TRY(file_list(s->path, &n, err));
    copied = calloc(n.count + 1, sizeof *copied);
    if (!copied) return vv_fail(err, VARVE_NO_MEMORY, "no memory to copy %s", s->path);
    for (size_t i = 0; i < n.count; i++) /* a whole name is a suffix too */
        if (!store_has_suffix(n.names[i], STORE_TABLE_SUFFIX)) copied[count++] = n.names[i];
    VV_TRY(file_link_tree(s->path, path, copied, err));
    VV_TRY(file_join(archive, sizeof archive, path, "archive", err));
    return file_remove_tree(archive, err); /* logs that are over */
}

static varve_status checkpoint_read(store *s, const char *path, varve_error *err)
{
    uint64_t before = store_manifest_state(s->path);
    varve_error local = {0};
    varve_status status = link_files(s, path, &local);
    bool changed = store_manifest_state(s->path) != before;
    if (changed)
        return vv_fail(err, VARVE_CONFLICT, "the owner of %s changed it meanwhile", s->path);
    if (status != VARVE_OK) vv_error_set(err, status, "%s", local.message);
    return status;
}

varve_status store_checkpoint(store *s, const char *path, varve_error *err)
{
    if (file_exists(path)) return vv_fail(err, VARVE_EXISTS, "%s exists already", path);
    if (VV_FAULT("store.checkpoint") != VV_FAULT_NONE)
        return vv_fail(err, VARVE_IO, "cannot make a checkpoint: a fault");
    VV_TRY(s->read_only ? checkpoint_read(s, path, err) : checkpoint_owned(s, path, err));
    return store_sync_logs(path, err); /* a linked one may hold writes that nobody has synced */
}
