/* store_sst.c — sorted files, built aside and taken in.
 *
 * Taking in copies. Moving (a hard link) would be cheaper, but RocksDB gives a file that overlaps
 * older keys its sequence number by writing into it: through a link it would change the caller's
 * file, and a second ingest of that one would change the file of the first, which is then corrupt.
 * The copy is synced by RocksDB, as is the directory, before the manifest names it. */
#include "base/clock.h"
#include "base/fault.h"
#include "store/store_private.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct store_sst {
    rocksdb_sstfilewriter_t *rocks;
    rocksdb_envoptions_t *env;
    char *path;
    uint64_t count;
};

static varve_status create_file(store *s, store_family f, const char *path, store_sst *w,
                                varve_error *err)
{
    char *message = NULL;
    w->path = strdup(path);
    if (!w->path) return vv_fail(err, VARVE_NO_MEMORY, "no memory to write %s", path);
    w->env = rocksdb_envoptions_create();
    w->rocks = rocksdb_sstfilewriter_create(w->env, s->options.families[f + 1]);
    rocksdb_sstfilewriter_open(w->rocks, path, &message);
    return message ? store_fail_open(message, "create a sorted file", err) : VARVE_OK;
}

varve_status store_sst_new(store *s, store_family f, const char *path, store_sst **ret,
                           varve_error *err)
{
    store_sst *w = calloc(1, sizeof *w);
    if (!w) return vv_fail(err, VARVE_NO_MEMORY, "no memory to write %s", path);
    varve_status status = create_file(s, f, path, w, err);
    if (status != VARVE_OK)
        store_sst_discard(w);
    else
        *ret = w;
    return status;
}

varve_status store_sst_put(store_sst *w, const void *key, size_t key_len, const void *value,
                           size_t value_len, varve_error *err)
{
    char *message = NULL;
    rocksdb_sstfilewriter_put(w->rocks, key, key_len, value, value_len, &message);
    if (message) return store_fail_open(message, "write a sorted file", err);
    w->count++;
    return VARVE_OK;
}

static void sst_free(store_sst *w)
{
    if (w->rocks) rocksdb_sstfilewriter_destroy(w->rocks);
    if (w->env) rocksdb_envoptions_destroy(w->env);
    free(w->path);
    free(w);
}

void store_sst_discard(store_sst *w)
{
    if (!w) return;
    if (w->path) (void)unlink(w->path);
    sst_free(w);
}

varve_status store_sst_finish(store_sst *w, varve_error *err)
{
    char *message = NULL;
    if (w->count == 0) {
        store_sst_discard(w);
        return VARVE_OK;
    }
    rocksdb_sstfilewriter_finish(w->rocks, &message);
    if (message) {
        store_sst_discard(w);
        return store_fail_open(message, "finish a sorted file", err);
    }
    sst_free(w);
    return VARVE_OK;
}

enum { INGEST_TRIES = 10 };

static char *ingest_once(store *s, store_family f, const char *const *paths, size_t count)
{
    char *message = NULL;
    rocksdb_ingestexternalfileoptions_t *options = rocksdb_ingestexternalfileoptions_create();
    rocksdb_ingestexternalfileoptions_set_move_files(options, 0);
    rocksdb_ingestexternalfileoptions_set_allow_global_seqno(options, 1);
    rocksdb_ingestexternalfileoptions_set_allow_blocking_flush(options, 1);
    rocksdb_ingest_external_file_cf(s->db, s->families[f], paths, count, options, &message);
    rocksdb_ingestexternalfileoptions_destroy(options);
    return message;
}

/* The log first: what was written before must not be lost while these files stay. RocksDB may ask
 * to try again, when a flush of its own came in between. */
varve_status store_ingest(store *s, store_family f, const char *const *paths, size_t count,
                          varve_error *err)
{
    if (count == 0) return VARVE_OK;
    VV_TRY(store_sync_log(s, err));
    VV_TRY(store_fault(s, VV_FAULT("store.ingest"), "take in sorted files", err));
    pthread_mutex_lock(&s->ingest_lock);
    char *message = ingest_once(s, f, paths, count);
    for (int tries = 1; message && strstr(message, "Try again") && tries < INGEST_TRIES; tries++) {
        rocksdb_free(message);
        clock_sleep_ms(1u << tries);
        message = ingest_once(s, f, paths, count);
    }
    pthread_mutex_unlock(&s->ingest_lock);
    if (!message) return VARVE_OK;
    /* A damaged or missing file of the caller's does the store no harm. */
    return store_classify(message) == VARVE_CORRUPT
               ? store_fail_open(message, "take in sorted files", err)
               : store_fail_write(s, message, "take in sorted files", err);
}
