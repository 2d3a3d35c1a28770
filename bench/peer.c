/* peer.c — see peer.h. */
#include "peer.h"

#include "base/bytes.h"

#include <rocksdb/c.h>
#include <stdlib.h>

struct peer {
    rocksdb_t *db;
    rocksdb_options_t *options;
    rocksdb_writeoptions_t *write;
};

static varve_status failed(char *why, varve_error *err)
{
    vv_error_set(err, VARVE_IO, "RocksDB: %s", why);
    rocksdb_free(why);
    return VARVE_IO;
}

static void peer_free(peer *p)
{
    if (p->db) rocksdb_close(p->db);
    rocksdb_writeoptions_destroy(p->write);
    rocksdb_options_destroy(p->options);
    free(p);
}

varve_status peer_open(const char *path, peer **ret, varve_error *err)
{
    char *why = NULL;
    peer *p = calloc(1, sizeof *p);
    if (!p) return vv_fail(err, VARVE_NO_MEMORY, "no memory for a peer");
    p->options = rocksdb_options_create();
    p->write = rocksdb_writeoptions_create();
    rocksdb_options_set_create_if_missing(p->options, 1);
    rocksdb_writeoptions_set_sync(p->write, 1);
    p->db = rocksdb_open(p->options, path, &why);
    if (why) {
        p->db = NULL;
        peer_free(p);
        return failed(why, err);
    }
    *ret = p;
    return VARVE_OK;
}

varve_status peer_put(peer *p, const varve_rows *rows, varve_error *err)
{
    size_t vector_bytes = rows->dim * sizeof(float);
    char *why = NULL;
    rocksdb_writebatch_t *batch = rocksdb_writebatch_create();
    for (size_t i = 0; i < rows->count; i++) {
        char key[8];
        const char *key_at[] = {key};
        size_t key_len[] = {sizeof key};
        const char *value_at[] = {(const char *)rows->vectors + i * vector_bytes,
                                  rows->fields[i].data};
        size_t value_len[] = {vector_bytes, rows->fields[i].len};
        put_be64(key, rows->ids[i].num);
        rocksdb_writebatch_putv(batch, 1, key_at, key_len, 2, value_at, value_len);
    }
    rocksdb_write(p->db, p->write, batch, &why);
    rocksdb_writebatch_destroy(batch);
    return why ? failed(why, err) : VARVE_OK;
}

varve_status peer_close(peer *p, varve_error *err)
{
    char *why = NULL;
    if (!p) return VARVE_OK;
    rocksdb_flushoptions_t *flush = rocksdb_flushoptions_create();
    rocksdb_flush(p->db, flush, &why);
    rocksdb_flushoptions_destroy(flush);
    peer_free(p);
    return why ? failed(why, err) : VARVE_OK;
}
