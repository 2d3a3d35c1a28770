/* store_batch.c — one atomic batch, and the log it is written to. */
#include "base/fault.h"
#include "store/store_private.h"

#include <assert.h>
#include <stdlib.h>

store_batch *store_batch_new(void)
{
    store_batch *b = malloc(sizeof *b);
    if (b) b->rocks = rocksdb_writebatch_create();
    return b;
}

varve_status store_batch_new_from(const void *bytes, size_t len, store_batch **ret,
                                  varve_error *err)
{
    store_batch *b = malloc(sizeof *b);
    if (!b) return vv_fail(err, VARVE_NO_MEMORY, "no memory for a batch of the log");
    b->rocks = rocksdb_writebatch_create_from(bytes, len);
    *ret = b;
    return VARVE_OK;
}

void store_batch_free(store_batch *b)
{
    if (!b) return;
    rocksdb_writebatch_destroy(b->rocks);
    free(b);
}

void store_batch_freep(store_batch **b) { store_batch_free(*b); }

void store_batch_clear(store_batch *b) { rocksdb_writebatch_clear(b->rocks); }

void store_batch_put(store_batch *b, store *s, store_family f, const void *key, size_t key_len,
                     const void *value, size_t value_len)
{
    rocksdb_writebatch_put_cf(b->rocks, s->families[f], key, key_len, value, value_len);
}

void store_batch_put_parts(store_batch *b, store *s, store_family f, const void *key,
                           size_t key_len, const void *const *parts, const size_t *part_lens,
                           size_t part_count)
{
    const char *keys[1] = {key};
    assert(part_count <= INT32_MAX);
    rocksdb_writebatch_putv_cf(b->rocks, s->families[f], 1, keys, &key_len, (int)part_count,
                               (const char *const *)parts, part_lens);
}

void store_batch_delete(store_batch *b, store *s, store_family f, const void *key, size_t key_len)
{
    rocksdb_writebatch_delete_cf(b->rocks, s->families[f], key, key_len);
}

void store_batch_delete_range(store_batch *b, store *s, store_family f, const void *from,
                              size_t from_len, const void *to, size_t to_len)
{
    rocksdb_writebatch_delete_range_cf(b->rocks, s->families[f], from, from_len, to, to_len);
}

void store_batch_log_data(store_batch *b, const void *bytes, size_t len)
{
    rocksdb_writebatch_put_log_data(b->rocks, bytes, len);
}

size_t store_batch_bytes(const store_batch *b)
{
    size_t size = 0;
    (void)rocksdb_writebatch_data(b->rocks, &size);
    return size;
}

static varve_status refuse_reader(const store *s, varve_error *err)
{
    return s->read_only ? vv_fail(err, VARVE_READ_ONLY, "%s is open for reading only", s->path)
                        : VARVE_OK;
}

varve_status store_write(store *s, store_batch *b, bool sync, varve_error *err)
{
    char *message = NULL;
    VV_TRY(refuse_reader(s, err));
    VV_TRY(store_fault(s, VV_FAULT("store.write"), "write to the log", err));
    rocksdb_write(s->db, sync ? s->write_synced : s->write_logged, b->rocks, &message);
    if (message) return store_fail_write(s, message, "write to the log", err);
    if (atomic_load(&s->log_failed)) atomic_store(&s->log_failed, false);
    return VARVE_OK;
}

varve_status store_sync_log(store *s, varve_error *err)
{
    char *message = NULL;
    VV_TRY(refuse_reader(s, err));
    VV_TRY(store_fault(s, VV_FAULT("store.sync"), "sync the log", err));
    VV_TRY(store_check_log(s, err));
    rocksdb_flush_wal(s->db, 1, &message);
    return message ? store_fail_write(s, message, "sync the log", err) : VARVE_OK;
}
