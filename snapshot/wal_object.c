/* wal_object.c — objects of the log read from a repository, and their sums; see wal_object.h. */
#include "wal_object.h"

#include <stdlib.h>
#include <string.h>

#define CRC32C_POLYNOMIAL 0x82f63b78u /* reflected */

/* Four bits at a time: what it guards is guarded by a SHA-256 as well, and read once. */
uint32_t wal_object_crc32c(const void *bytes, size_t len)
{
    uint32_t table[16], crc = 0xffffffffu;
    const uint8_t *b = bytes;
    for (uint32_t i = 0; i < 16; i++) {
        table[i] = i;
        for (int bit = 0; bit < 4; bit++)
            table[i] = (table[i] >> 1) ^ (CRC32C_POLYNOMIAL & (0u - (table[i] & 1)));
    }
    for (size_t i = 0; i < len; i++) {
        crc ^= b[i];
        crc = (crc >> 4) ^ table[crc & 15];
        crc = (crc >> 4) ^ table[crc & 15];
    }
    return ~crc;
}

void wal_object_done(wal_object *o)
{
    free(o->batches);
    free(o->files);
    free(o->bytes);
    *o = (wal_object){0};
}

varve_status wal_object_read(repo *r, const object_name *name, wal_object *ret, varve_error *err)
{
    VV_CLEANUP(vv_freep) char *bytes = NULL;
    const wal_expected expected = {.name = *name, .repo_id = r->repo_id, .secret = r->secret};
    char key[NAMES_KEY_MAX];
    size_t len = 0;
    names_build(name, key);
    VV_TRY(repo_read_sealed(r, key, WAL_OBJECT_BYTES_MAX, &bytes, &len, err));
    VV_TRY(wal_object_parse(bytes, len, &expected, key, ret, err));
    ret->bytes = bytes;
    bytes = NULL;
    return VARVE_OK;
}
