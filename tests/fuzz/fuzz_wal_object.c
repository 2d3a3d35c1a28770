/* fuzz_wal_object.c — any bytes for an object of the log, as they are and with a right sum behind
 * them. What is taken lies within the bytes, follows itself and names files of a data folder. */
#include "base/bytes.h"
#include "base/hash.h"
#include "wal_object.h"
#include "wal_object_format.h"

#include <stdlib.h>
#include <string.h>

/* As assert, in every build. */
#define require(condition)                                                                         \
    do {                                                                                           \
        if (!(condition)) abort();                                                                 \
    } while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const wal_object *o, const uint8_t *bytes, size_t len)
{
    uint64_t next = o->first;
    size_t files = 0;
    for (size_t i = 0; i < o->batch_count; i++) {
        const wal_batch *b = &o->batches[i];
        require(b->bytes >= bytes && b->bytes + b->len <= bytes + len);
        require(b->first == next && b->last >= b->first);
        next = b->last + 1;
        files += b->file_count;
    }
    require(next == o->last + 1 && files == o->file_count);
    for (size_t i = 0; i < o->file_count; i++) {
        file_role role;
        uint32_t collection;
        require(folder_path_parse(o->files[i].path, &role, &collection));
        require(role == ROLE_SEGMENT || role == ROLE_INDEX);
    }
}

static void parse(const uint8_t *bytes, size_t len)
{
    wal_object o = {0};
    varve_error err = {0};
    if (wal_object_parse(bytes, len, NULL, "input", &o, &err) == VARVE_OK)
        check(&o, bytes, len);
    else
        require(err.message[0]);
    wal_object_done(&o);
}

/* The sums that keep chance away from what lies behind them. */
static void sign(uint8_t *bytes, size_t len)
{
    uint64_t at = WAL_OBJECT_HEAD_BYTES, end = len - WAL_OBJECT_FOOT_BYTES;
    uint64_t file_bytes = get_u64(bytes + WAL_HEAD_FILE_BYTES);
    memcpy(bytes, WAL_OBJECT_MAGIC, 8);
    put_u32(bytes + WAL_HEAD_VERSION, WAL_OBJECT_VERSION);
    put_u64(bytes + WAL_HEAD_ZERO, 0);
    put_u64(bytes + WAL_HEAD_SUM, 0);
    if (file_bytes > end - at) return;
    at += file_bytes;
    put_u64(bytes + WAL_HEAD_SUM, hash_bytes(bytes, (size_t)at));
    while (end - at >= WAL_OBJECT_BATCH_BYTES) {
        uint32_t batch_len = get_u32(bytes + at);
        if (batch_len > end - at - WAL_OBJECT_BATCH_BYTES) break;
        put_u32(bytes + at + 4, wal_object_crc32c(bytes + at + WAL_OBJECT_BATCH_BYTES, batch_len));
        at += WAL_OBJECT_BATCH_BYTES + batch_len;
    }
    require(sums_of_bytes(bytes, (size_t)end, bytes + end, NULL) == VARVE_OK);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    parse(data, size);
    if (size < WAL_OBJECT_HEAD_BYTES + WAL_OBJECT_FOOT_BYTES) return 0;
    uint8_t *copy = malloc(size);
    require(copy);
    memcpy(copy, data, size);
    sign(copy, size);
    parse(copy, size);
    free(copy);
    return 0;
}
