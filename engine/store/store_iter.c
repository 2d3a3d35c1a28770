/* store_iter.c — walks over a range of one family. RocksDB keeps pointers to the bounds and to the
 * options, so they live as long as the iterator. A new iterator stands at its first key. */
#include "store/store_private.h"

#include <stdlib.h>
#include <string.h>

struct store_snapshot {
    store *s;
    const rocksdb_snapshot_t *rocks; /* NULL: a store that does not change */
};

struct store_iter {
    rocksdb_iterator_t *rocks;
    rocksdb_readoptions_t *read;
    char bounds[]; /* from, then to */
};

varve_status store_snapshot_new(store *s, store_snapshot **ret, varve_error *err)
{
    store_snapshot *n = malloc(sizeof *n);
    if (!n) return vv_fail(err, VARVE_NO_MEMORY, "no memory for a snapshot of the row store");
    *n = (store_snapshot){s, s->read_only ? NULL : rocksdb_create_snapshot(s->db)};
    *ret = n;
    return VARVE_OK;
}

void store_snapshot_free(store_snapshot *n)
{
    if (n && n->rocks) rocksdb_release_snapshot(n->s->db, n->rocks);
    free(n);
}

static void set_bounds(store_iter *i, const void *from, size_t from_len, const void *to,
                       size_t to_len)
{
    if (from) {
        memcpy(i->bounds, from, from_len);
        rocksdb_readoptions_set_iterate_lower_bound(i->read, i->bounds, from_len);
    }
    if (to) {
        char *upper = i->bounds + (from ? from_len : 0);
        memcpy(upper, to, to_len);
        rocksdb_readoptions_set_iterate_upper_bound(i->read, upper, to_len);
    }
}

varve_status store_iter_new(store *s, store_family f, const void *from, size_t from_len,
                            const void *to, size_t to_len, store_iter **ret, varve_error *err)
{
    return store_iter_new_at(s, NULL, f, from, from_len, to, to_len, ret, err);
}

varve_status store_iter_new_at(store *s, const store_snapshot *at, store_family f, const void *from,
                               size_t from_len, const void *to, size_t to_len, store_iter **ret,
                               varve_error *err)
{
    size_t bounds = (from ? from_len : 0) + (to ? to_len : 0);
    store_iter *i = malloc(sizeof *i + bounds + 1);
    if (!i) return vv_fail(err, VARVE_NO_MEMORY, "no memory for an iterator");
    i->read = rocksdb_readoptions_create();
    if (at && at->rocks) rocksdb_readoptions_set_snapshot(i->read, at->rocks);
    set_bounds(i, from, from_len, to, to_len);
    i->rocks = rocksdb_create_iterator_cf(s->db, i->read, s->families[f]);
    rocksdb_iter_seek_to_first(i->rocks);
    *ret = i;
    return VARVE_OK;
}

void store_iter_free(store_iter *i)
{
    if (!i) return;
    rocksdb_iter_destroy(i->rocks);
    rocksdb_readoptions_destroy(i->read);
    free(i);
}

void store_iter_freep(store_iter **i) { store_iter_free(*i); }

void store_iter_seek(store_iter *i, const void *key, size_t key_len)
{
    rocksdb_iter_seek(i->rocks, key, key_len);
}

void store_iter_seek_last(store_iter *i) { rocksdb_iter_seek_to_last(i->rocks); }

/* Moving an iterator past its end would end the process. */
void store_iter_next(store_iter *i)
{
    if (rocksdb_iter_valid(i->rocks)) rocksdb_iter_next(i->rocks);
}

void store_iter_prev(store_iter *i)
{
    if (rocksdb_iter_valid(i->rocks)) rocksdb_iter_prev(i->rocks);
}

bool store_iter_at(const store_iter *i, varve_text *ret_key, varve_text *ret_value)
{
    if (!rocksdb_iter_valid(i->rocks)) return false;
    if (ret_key) ret_key->data = rocksdb_iter_key(i->rocks, &ret_key->len);
    if (ret_value) ret_value->data = rocksdb_iter_value(i->rocks, &ret_value->len);
    return true;
}

varve_status store_iter_check(const store_iter *i, varve_error *err)
{
    char *message = NULL;
    rocksdb_iter_get_error(i->rocks, &message);
    return message ? store_fail_open(message, "walk over rows", err) : VARVE_OK;
}
