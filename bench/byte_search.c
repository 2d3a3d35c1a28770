/* byte_search.c — see byte_search.h. */
#include "byte_search.h"

#include "base/bytes.h"

#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FILTER_BITS 27
#define PIECE       ((size_t)4 << 20)

static uint64_t hash_of(const uint8_t *p) { return get_u64(p) * 0x9e3779b97f4a7c15ull; }

varve_status byte_search_init(byte_search *b, size_t patterns_max, varve_error *err)
{
    *b = (byte_search){.capacity = 64};
    while (b->capacity < 2 * patterns_max)
        b->capacity *= 2;
    b->slots = malloc(b->capacity * BYTE_PATTERN);
    b->used = calloc(b->capacity, 1);
    b->filter = calloc((size_t)1 << (FILTER_BITS - 5), sizeof *b->filter);
    if (b->slots && b->used && b->filter) return VARVE_OK;
    byte_search_done(b);
    return vv_fail(err, VARVE_NO_MEMORY, "no memory for %zu patterns", patterns_max);
}

void byte_search_done(byte_search *b)
{
    free(b->slots);
    free(b->used);
    free(b->filter);
    *b = (byte_search){0};
}

void byte_search_add(byte_search *b, const void *pattern)
{
    uint64_t hash = hash_of(pattern), bit = hash >> (64 - FILTER_BITS);
    size_t at = (size_t)(hash >> 16) & (b->capacity - 1);
    if (b->count + 1 >= b->capacity) return;
    while (b->used[at])
        at = (at + 1) & (b->capacity - 1);
    memcpy(b->slots + at * BYTE_PATTERN, pattern, BYTE_PATTERN);
    b->used[at] = 1;
    b->filter[bit / 32] |= 1u << bit % 32;
    b->count++;
}

static bool is_pattern(const byte_search *b, const uint8_t *p)
{
    uint64_t hash = hash_of(p), bit = hash >> (64 - FILTER_BITS);
    if (!(b->filter[bit / 32] >> bit % 32 & 1)) return false;
    for (size_t at = (size_t)(hash >> 16) & (b->capacity - 1); b->used[at];
         at = (at + 1) & (b->capacity - 1))
        if (memcmp(b->slots + at * BYTE_PATTERN, p, BYTE_PATTERN) == 0) return true;
    return false;
}

static varve_status search_file(const byte_search *b, const char *path, uint8_t *room,
                                byte_search_found *f, varve_error *err)
{
    size_t kept = 0;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return errno == ENOENT ? VARVE_OK : vv_fail(err, VARVE_IO, "cannot read %s", path);
    f->files++;
    for (ssize_t n; (n = read(fd, room + kept, PIECE)) > 0;) {
        size_t have = kept + (size_t)n, starts = have < BYTE_PATTERN ? 0 : have - BYTE_PATTERN + 1;
        f->bytes += (uint64_t)n;
        for (size_t i = 0; i < starts; i++) {
            if (!is_pattern(b, room + i)) continue;
            f->hits++;
            if (!f->first_path[0]) snprintf(f->first_path, sizeof f->first_path, "%s", path);
        }
        kept = have - starts;
        memmove(room, room + starts, kept);
    }
    close(fd);
    return VARVE_OK;
}

varve_status byte_search_folder(const byte_search *b, const char *folder, byte_search_found *ret,
                                varve_error *err)
{
    char *roots[] = {(char *)(uintptr_t)folder, NULL};
    VV_CLEANUP(vv_freep) uint8_t *room = malloc(PIECE + BYTE_PATTERN);
    byte_search_found found = {0};
    varve_status status = VARVE_OK;
    if (!room) return vv_fail(err, VARVE_NO_MEMORY, "no memory to read files");
    FTS *walk = fts_open(roots, FTS_PHYSICAL, NULL);
    if (!walk) return vv_fail(err, VARVE_IO, "cannot walk %s", folder);
    for (FTSENT *e = fts_read(walk); e && status == VARVE_OK; e = fts_read(walk))
        if (e->fts_info == FTS_F) status = search_file(b, e->fts_path, room, &found, err);
    fts_close(walk);
    if (status == VARVE_OK) *ret = found;
    return status;
}
