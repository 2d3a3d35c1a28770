/* store_read.c — reads of single keys. Values are pinned in RocksDB, not copied. */
#include "store/store_private.h"

#include <stdlib.h>
#include <string.h>

/* An empty value is there; only an absent one has no data. */
static store_value pinned(rocksdb_pinnableslice_t *pin)
{
    store_value v = {.pin = pin};
    if (!pin) return v;
    v.data = rocksdb_pinnableslice_value(pin, &v.len);
    if (!v.data) v.data = "";
    return v;
}

varve_status store_get(store *s, store_family f, const void *key, size_t key_len, store_value *ret,
                       varve_error *err)
{
    char *message = NULL;
    rocksdb_pinnableslice_t *pin =
        rocksdb_get_pinned_cf(s->db, s->read, s->families[f], key, key_len, &message);
    if (message) return store_fail_open(message, "read a row", err);
    *ret = pinned(pin);
    return VARVE_OK;
}

void store_value_done(store_value *v)
{
    if (v->pin) rocksdb_pinnableslice_destroy(v->pin);
    *v = (store_value){0};
}

/* RocksDB looks up sorted keys faster, but ends the process when that promise is broken. */
static bool is_sorted(size_t n, const void *const *keys, const size_t *lens)
{
    for (size_t i = 1; i < n; i++) {
        int order = memcmp(keys[i - 1], keys[i], VV_MIN(lens[i - 1], lens[i]));
        if (order > 0 || (order == 0 && lens[i - 1] > lens[i])) return false;
    }
    return true;
}

/* Frees every message; the first of them is the one told. */
static varve_status take_messages(size_t n, char **messages, varve_error *err)
{
    varve_status status = VARVE_OK;
    for (size_t i = 0; i < n; i++) {
        if (!messages[i]) continue;
        if (status == VARVE_OK)
            status = store_fail_open(messages[i], "read rows", err);
        else
            rocksdb_free(messages[i]);
    }
    return status;
}

varve_status store_get_many(store *s, store_family f, size_t n, const void *const *keys,
                            const size_t *key_lens, store_value *ret, varve_error *err)
{
    if (n == 0) return VARVE_OK;
    VV_CLEANUP(vv_freep) rocksdb_pinnableslice_t **pins = calloc(n, sizeof *pins);
    VV_CLEANUP(vv_freep) char **messages = calloc(n, sizeof *messages);
    if (!pins || !messages) return vv_fail(err, VARVE_NO_MEMORY, "no memory to read %zu rows", n);
    rocksdb_batched_multi_get_cf(s->db, s->read, s->families[f], n, (const char *const *)keys,
                                 key_lens, pins, messages, is_sorted(n, keys, key_lens));
    varve_status status = take_messages(n, messages, err);
    for (size_t i = 0; i < n; i++) {
        if (status == VARVE_OK)
            ret[i] = pinned(pins[i]);
        else if (pins[i])
            rocksdb_pinnableslice_destroy(pins[i]);
    }
    return status;
}
