/* drop_file.c — see drop_file.h. */
#include "segment/drop_file.h"

#include "base/bytes.h"
#include "base/file.h"
#include "base/hash.h"

#include <assert.h>
#include <stdlib.h>

#define MAGIC        "VARVDROP"
#define VERSION      1
#define HEADER_BYTES 40
#define HASH_BYTES   8
#define WORD_BITS    64
#define WORD_BYTES   8
#define BATCH_SLOTS  8192 /* added to the set at a time */

static uint64_t words_of(uint64_t rows) { return rows / WORD_BITS + (rows % WORD_BITS != 0); }

/* ---- write --------------------------------------------------------------------------------- */

static varve_status put_slots(file_writer *file, uint8_t *bytes, uint64_t number, uint64_t rows,
                              const tombstones *slots, varve_error *err)
{
    uint64_t words = words_of(rows), end = HEADER_BYTES + words * WORD_BYTES, beyond;
    assert(!tombstones_next(slots, rows, &beyond));
    (void)beyond;
    memcpy(bytes, MAGIC, 8);
    put_u32(bytes + 8, VERSION);
    put_u64(bytes + 16, number);
    put_u64(bytes + 24, rows);
    put_u64(bytes + 32, tombstones_count(slots));
    for (uint64_t i = 0; i < words; i++)
        put_u64(bytes + HEADER_BYTES + i * WORD_BYTES, tombstones_word(slots, i * WORD_BITS));
    put_u64(bytes + end, hash_bytes(bytes, end));
    return file_write(file, bytes, end + HASH_BYTES, err);
}

varve_status drop_file_write(const char *path, uint64_t number, uint64_t rows,
                             const tombstones *slots, varve_error *err)
{
    VV_CLEANUP(file_discardp) file_writer *file = NULL;
    VV_CLEANUP(vv_freep) uint8_t *bytes = NULL;
    file_writer *closing;
    if (rows > SIZE_MAX / 2)
        return vv_fail(err, VARVE_LIMIT, "%s: %llu rows are too many", path,
                       (unsigned long long)rows);
    bytes = calloc(1, HEADER_BYTES + words_of(rows) * WORD_BYTES + HASH_BYTES);
    if (!bytes) return vv_fail(err, VARVE_NO_MEMORY, "no memory to write %s", path);
    VV_TRY(file_create(path, &file, err));
    VV_TRY(put_slots(file, bytes, number, rows, slots, err));
    closing = file;
    file = NULL;
    return file_close_scratch(closing, err);
}

/* ---- read ---------------------------------------------------------------------------------- */

static varve_status check_bytes(const char *path, const file_map *m, uint64_t number, uint64_t rows,
                                uint64_t count, varve_error *err)
{
    const uint8_t *b = m->data;
    if (m->size < HEADER_BYTES + HASH_BYTES || memcmp(b, MAGIC, 8) != 0)
        return vv_fail(err, VARVE_CORRUPT, "%s: no list of slots to drop", path);
    if (get_u32(b + 8) != VERSION)
        return vv_fail(err, VARVE_NEWER_FORMAT, "%s: has version %u, this program reads %d", path,
                       get_u32(b + 8), VERSION);
    if (get_u64(b + m->size - HASH_BYTES) != hash_bytes(b, m->size - HASH_BYTES))
        return vv_fail(err, VARVE_CORRUPT, "%s: does not match its checksum", path);
    if (get_u32(b + 12) != 0 || get_u64(b + 16) != number || get_u64(b + 24) != rows ||
        get_u64(b + 32) != count ||
        (m->size - HEADER_BYTES - HASH_BYTES) / WORD_BYTES != words_of(rows) ||
        (m->size - HEADER_BYTES - HASH_BYTES) % WORD_BYTES != 0)
        return vv_fail(
            err, VARVE_CORRUPT, "%s: is not of %llu rows of segment %llu with %llu to drop", path,
            (unsigned long long)rows, (unsigned long long)number, (unsigned long long)count);
    return VARVE_OK;
}

typedef struct slot_list {
    tombstones *set;
    size_t count;
    uint64_t slots[BATCH_SLOTS];
} slot_list;

static varve_status flush(slot_list *l, varve_error *err)
{
    tombstones *larger;
    if (l->count == 0) return VARVE_OK;
    VV_TRY(tombstones_change(l->set, l->slots, l->count, NULL, 0, &larger, err));
    tombstones_unref(l->set);
    l->set = larger;
    l->count = 0;
    return VARVE_OK;
}

static varve_status read_words(const uint8_t *words, uint64_t rows, slot_list *l, varve_error *err)
{
    for (uint64_t i = 0; i < words_of(rows); i++) {
        if (l->count + WORD_BITS > BATCH_SLOTS) VV_TRY(flush(l, err));
        for (uint64_t word = get_u64(words + i * WORD_BYTES); word; word &= word - 1)
            l->slots[l->count++] = i * WORD_BITS + (uint64_t)__builtin_ctzll(word);
    }
    return flush(l, err);
}

static void list_free(slot_list **l)
{
    if (*l) tombstones_unref((*l)->set);
    free(*l);
}

varve_status drop_file_read(const char *path, uint64_t number, uint64_t rows, uint64_t count,
                            tombstones **ret, varve_error *err)
{
    VV_CLEANUP(file_unmap) file_map m = {0};
    VV_CLEANUP(list_free) slot_list *l = calloc(1, sizeof *l);
    uint64_t beyond;
    if (!l) return vv_fail(err, VARVE_NO_MEMORY, "no memory to read %s", path);
    VV_TRY(file_map_open(path, &m, err));
    VV_TRY(check_bytes(path, &m, number, rows, count, err));
    VV_TRY(read_words(m.data + HEADER_BYTES, rows, l, err));
    if (tombstones_count(l->set) != count || tombstones_next(l->set, rows, &beyond))
        return vv_fail(err, VARVE_CORRUPT, "%s: lists other slots than it says", path);
    *ret = l->set;
    l->set = NULL;
    return VARVE_OK;
}
